/* SPDX-License-Identifier: MIT */
/* buddy_model_internal.h - what the files of the model share. */
#ifndef MODEL_BUDDY_MODEL_INTERNAL_H
#define MODEL_BUDDY_MODEL_INTERNAL_H

#include "model/buddy_model.h"

/* The freetypes that there are. */
extern const pt_freetype_t buddy_types[PT_FREETYPE_LISTS];

/* Which of them it is, or -1. */
int buddy_type(pt_freetype_t type);

/* Of a block of @order. */
uint64_t buddy_bytes(const struct buddy_model *m, unsigned int order);
/* Whether 2^@order frames from @pa on are the zone's, all in one range. */
bool buddy_is_inside(const struct buddy_model *m, pt_pa_t pa, unsigned int order);
/* Nothing of it is held. */
bool buddy_is_free(const struct buddy_model *m, pt_pa_t pa, unsigned int order);
/* All pageblocks of it have these flags, and are not about to get others. */
bool buddy_has_flags(const struct buddy_model *m, pt_pa_t pa, uint64_t len, unsigned int flags);

#endif /* MODEL_BUDDY_MODEL_INTERNAL_H */
