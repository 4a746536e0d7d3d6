/* SPDX-License-Identifier: MIT */
/* The freetypes that exist, as the allocator looks them up. */
#ifndef PTL_FREETYPE_INTERNAL_H
#define PTL_FREETYPE_INTERNAL_H

#include <ptlib/freetype.h>

/* What one flag does; a further flag is a further row in freetype.c. */
struct ptl_freetype_flag {
	unsigned int flag;
	bool absent; /* its pages cannot be written through the direct map */
};

extern const struct ptl_freetype_flag ptl_freetype_flags[];
extern const unsigned int ptl_nr_freetype_flags;

/* pt_freetype_idx() of movable memory without flags, as all is at first */
#define PTL_MOVABLE_LIST 1

/*
 * Where a request of a migratetype looks next, in this order: as upstream, the
 * types whose pages are the likeliest to leave soon before those that stay.
 */
extern const uint8_t ptl_fallbacks[PT_MIGRATE_NR][PT_MIGRATE_NR - 1];

struct ptl_freetype_row {
	pt_freetype_t type;
	const char *name;
};

#define PTL_FREETYPE_FLAGS (PT_FREETYPE_UNMAPPED | PT_FREETYPE_KEYED) /* all there are */

extern const struct ptl_freetype_row ptl_freetype_rows[PT_FREETYPE_LISTS];
/* by migratetype and flags; -1: none */
extern const int8_t ptl_freetype_list[PT_MIGRATE_NR][PTL_FREETYPE_FLAGS + 1];

/* pt_freetype_from_idx() and pt_freetype_idx(), for hot paths. */
static inline pt_freetype_t ptl_type_of(unsigned int list)
{
	return ptl_freetype_rows[list].type;
}

static inline int ptl_list_of(pt_freetype_t type)
{
	if (__builtin_expect(type.migratetype >= PT_MIGRATE_NR || type.flags > PTL_FREETYPE_FLAGS,
			     0))
		return -1;
	return ptl_freetype_list[type.migratetype][type.flags];
}

/* Whether pages of @flags are absent from the direct map. */
bool ptl_freetype_is_absent(unsigned int flags);

#endif /* PTL_FREETYPE_INTERNAL_H */
