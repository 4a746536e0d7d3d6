/* SPDX-License-Identifier: MIT */
/* Every frame against what its freetype says of it. */
#include "kspace/direct_map_internal.h"

/* What is wrong with the page at @pa; NULL: nothing. */
static const char *finding(struct pt_direct_map *dm, const struct pt_zone *zone, pt_pa_t pa)
{
	struct pt_page_info page;
	struct pt_leaf leaf;
	unsigned int flags = 0;
	bool present = !pt_lookup(dm->pt, ptl_dm_va(dm, pa), &leaf);

	if (!pt_page_info(zone, pa, &page))
		flags = page.type.flags;
	if (ptl_dm_is_boot(dm, pa))
		flags |= PT_FREETYPE_KEYED;
	if (flags & PT_FREETYPE_UNMAPPED)
		return present ? "an unmapped page is present" : NULL;
	if (!present)
		return "a page is absent that is not unmapped";
	if (leaf.pa != pa)
		return "a page is mapped elsewhere";
	if (pt_attr_key(leaf.attr) != (flags & PT_FREETYPE_KEYED ? dm->key : 0))
		return flags & PT_FREETYPE_KEYED ? "a keyed page has not the key" :
						   "a page has a key that is not keyed";
	if ((leaf.attr ^ dm->attr) & ~(PT_ATTR_KEY_MASK | PT_ATTR_ACCESSED | PT_ATTR_DIRTY))
		return "a page has other attributes than it was made with";
	return NULL;
}

int pt_direct_map_verify(struct pt_direct_map *dm, const struct pt_zone *zone,
			 pt_buddy_report_fn report, void *ctx)
{
	int err = 0;

	for (size_t i = 0; i < pt_phys_nr_regions(dm->phys); i++) {
		uint64_t len;
		pt_pa_t pa, end;

		pt_phys_region(dm->phys, i, &pa, &len);
		for (end = pa + len; pa != end; pa += ptl_dm_granule(dm)) {
			const char *what = finding(dm, zone, pa);

			if (!what)
				continue;
			err = -EFAULT;
			if (report && !report(ctx, pa, what))
				return err;
		}
	}
	return err;
}
