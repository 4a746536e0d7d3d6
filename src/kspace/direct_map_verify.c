/* SPDX-License-Identifier: MIT */
/* Every frame against what its freetype says of it. */
#include "kspace/direct_map_internal.h"

/* The leaf that was found last: of all its pages it says the same. */
struct seen {
	struct pt_leaf leaf; /* as found at, */
	pt_pa_t first, last; /* and so far; @first above @last: none */
};

/* Whether a leaf maps the page at @pa; and then, to where. */
static bool is_present(struct pt_direct_map *dm, pt_pa_t pa, struct seen *seen, pt_pa_t *to)
{
	if (pa < seen->first || pa > seen->last) {
		pt_va_t va = ptl_dm_va(dm, pa);

		*seen = (struct seen){ .first = 1 };
		if (pt_lookup(dm->pt, va, &seen->leaf))
			return false;
		seen->first = pa;
		seen->last = pa + (ptl_last(va, seen->leaf.size_lg2) - va);
	}
	*to = seen->leaf.pa + (pa - seen->first);
	return true;
}

/* What is wrong with the page at @pa; NULL: nothing. */
static const char *finding(struct pt_direct_map *dm, const struct pt_zone *zone, pt_pa_t pa,
			   struct seen *seen)
{
	const struct pt_leaf *leaf = &seen->leaf;
	struct pt_page_info page;
	unsigned int flags = 0;
	pt_pa_t to;
	bool present = is_present(dm, pa, seen, &to);

	if (!pt_page_info(zone, pa, &page))
		flags = page.type.flags;
	if (ptl_dm_is_boot(dm, pa))
		flags |= PT_FREETYPE_KEYED;
	if (flags & PT_FREETYPE_UNMAPPED)
		return present ? "an unmapped page is present" : NULL;
	if (!present)
		return "a page is absent that is not unmapped";
	if (to != pa)
		return "a page is mapped elsewhere";
	if (pt_attr_key(leaf->attr) != (flags & PT_FREETYPE_KEYED ? dm->key : 0))
		return flags & PT_FREETYPE_KEYED ? "a keyed page has not the key" :
						   "a page has a key that is not keyed";
	if ((leaf->attr ^ dm->attr) & ~(PT_ATTR_KEY_MASK | PT_ATTR_ACCESSED | PT_ATTR_DIRTY))
		return "a page has other attributes than it was made with";
	return NULL;
}

int pt_direct_map_verify(struct pt_direct_map *dm, const struct pt_zone *zone,
			 pt_buddy_report_fn report, void *ctx)
{
	struct seen seen = { .first = 1 };
	int err = 0;

	for (size_t i = 0; i < pt_phys_nr_regions(dm->phys); i++) {
		uint64_t len;
		pt_pa_t pa, end;

		pt_phys_region(dm->phys, i, &pa, &len);
		for (end = pa + len; pa != end; pa += ptl_dm_granule(dm)) {
			const char *what = finding(dm, zone, pa, &seen);

			if (!what)
				continue;
			err = -EFAULT;
			if (report && !report(ctx, pa, what))
				return err;
		}
	}
	return err;
}
