/* SPDX-License-Identifier: MIT */
/*
 * Which freetypes exist. A further flag is one of PTL_FREETYPE_FLAGS, a row of
 * ptl_freetype_flags[], and one of ptl_freetype_rows[] for each migratetype that it goes with,
 * where ptl_freetype_list[] finds it; PT_FREETYPE_LISTS counts the latter.
 */
#include "buddy/freetype_internal.h"

#include "base/bug.h"

const struct ptl_freetype_flag ptl_freetype_flags[] = {
	{ PT_FREETYPE_UNMAPPED, .absent = true },
	{ PT_FREETYPE_KEYED, .absent = false },
};

const unsigned int ptl_nr_freetype_flags = sizeof(ptl_freetype_flags) / sizeof(*ptl_freetype_flags);

const struct ptl_freetype_row ptl_freetype_rows[PT_FREETYPE_LISTS] = {
	{ { PT_MIGRATE_UNMOVABLE, 0 }, "Unmovable" },
	{ { PT_MIGRATE_MOVABLE, 0 }, "Movable" },
	{ { PT_MIGRATE_RECLAIMABLE, 0 }, "Reclaimable" },
	{ { PT_MIGRATE_UNMOVABLE, PT_FREETYPE_UNMAPPED }, "Unmovable/unmapped" },
	{ { PT_MIGRATE_UNMOVABLE, PT_FREETYPE_KEYED }, "Unmovable/keyed" },
};

const int8_t ptl_freetype_list[PT_MIGRATE_NR][PTL_FREETYPE_FLAGS + 1] = {
	[PT_MIGRATE_UNMOVABLE] = { 0, [PT_FREETYPE_UNMAPPED] = 3, [PT_FREETYPE_KEYED] = 4, -1 },
	[PT_MIGRATE_MOVABLE] = { 1, -1, -1, -1 },
	[PT_MIGRATE_RECLAIMABLE] = { 2, -1, -1, -1 },
};

const uint8_t ptl_fallbacks[PT_MIGRATE_NR][PT_MIGRATE_NR - 1] = {
	[PT_MIGRATE_UNMOVABLE] = { PT_MIGRATE_RECLAIMABLE, PT_MIGRATE_MOVABLE },
	[PT_MIGRATE_MOVABLE] = { PT_MIGRATE_RECLAIMABLE, PT_MIGRATE_UNMOVABLE },
	[PT_MIGRATE_RECLAIMABLE] = { PT_MIGRATE_UNMOVABLE, PT_MIGRATE_MOVABLE },
};

int pt_freetype_idx(pt_freetype_t type)
{
	return ptl_list_of(type);
}

pt_freetype_t pt_freetype_from_idx(unsigned int idx)
{
	PTL_BUG_ON(idx >= PT_FREETYPE_LISTS);
	return ptl_type_of(idx);
}

const char *pt_freetype_name(unsigned int idx)
{
	PTL_BUG_ON(idx >= PT_FREETYPE_LISTS);
	return ptl_freetype_rows[idx].name;
}

bool ptl_freetype_is_absent(unsigned int flags)
{
	for (unsigned int i = 0; i < ptl_nr_freetype_flags; i++)
		if (flags & ptl_freetype_flags[i].flag && ptl_freetype_flags[i].absent)
			return true;
	return false;
}
