/* SPDX-License-Identifier: MIT */
/*
 * A TLB as naive as can be: arrays of entries, flushed by looking at each, aged by a counter. It
 * knows tlb.h and flush.h, and nothing of how the library does it.
 */
#ifndef TESTS_MODEL_TLB_MODEL_H
#define TESTS_MODEL_TLB_MODEL_H

#include <ptlib/tlb.h>

struct tlb_model;

struct tlb_model *tlb_model_create(const struct pt_tlb_cfg *cfg);
void tlb_model_destroy(struct tlb_model *model);
void tlb_model_set_context(struct tlb_model *model, uint16_t vmid, uint16_t asid);
/* Returns whether it hit, with the entry. */
bool tlb_model_lookup(struct tlb_model *model, enum pt_tlb_use use, uint64_t va,
		      struct pt_tlb_entry *entry);
void tlb_model_fill(struct tlb_model *model, enum pt_tlb_use use, uint64_t va,
		    const struct pt_tlb_fill *fill);
void tlb_model_flush(struct tlb_model *model, const struct pt_tlb_flush *flush);
const struct pt_tlb_stats *tlb_model_stats(const struct tlb_model *model);
/* How many entries there are, and whether @entry is one of those in structure @part. */
size_t tlb_model_nr(const struct tlb_model *model);
bool tlb_model_has(const struct tlb_model *model, const struct pt_tlb_entry *entry,
		   unsigned int part);

#endif /* TESTS_MODEL_TLB_MODEL_H */
