/* SPDX-License-Identifier: MIT */
/* Sieves made from a format's masks. */
#include "pt/sieve.h"

struct ptl_window ptl_window_of(const struct ptl_region *region, const struct ptl_fmt *f,
				unsigned int granule_lg2)
{
	uint64_t page = PTL_BIT(granule_lg2);
	pt_pa_t first = ptl_align_down(region->pa + page - 1, granule_lg2);
	pt_pa_t end = ptl_min(region->pa + region->len, PTL_BIT(f->cfg.pa_bits));

	if (first >= end || end - first < page)
		return (struct ptl_window){ NULL, UINT64_MAX, 0 }; /* no page is at that address */
	return (struct ptl_window){ region->host + (first - region->pa), first,
				    end - first - page };
}

bool ptl_sieve_links(struct ptl_sieve *sieve, uint8_t **near, const struct ptl_window *window,
		     const struct ptl_fmt *f, unsigned int granule_lg2, pt_pa_t root)
{
	uint64_t page = PTL_BIT(granule_lg2), len = window->room + page, near_len = page, first = 0;

	*sieve = (struct ptl_sieve)PTL_SIEVE_NOTHING;
	if (!window->host || !f->link_mask || root - window->pa > window->room)
		return false;
	while (near_len <= len / 2)
		near_len *= 2;
	if (root - window->pa >= near_len)
		first = len - near_len;
	*near = window->host + first;
	sieve->mask = f->link_mask;
	sieve->key = window->pa + first + f->link_match;
	sieve->stray = ~(near_len - page);
	return true;
}

void ptl_sieve_tables(struct ptl_sieve *sieve, const struct ptl_fmt *f)
{
	*sieve = (struct ptl_sieve)PTL_SIEVE_NOTHING;
	if (f->link_mask)
		*sieve = (struct ptl_sieve){ f->link_mask, f->link_match, ~f->page_address };
}

void ptl_sieve_pages(struct ptl_sieve *sieve, const struct ptl_fmt *f)
{
	sieve->mask = f->page_mask;
	sieve->key = f->page_match;
	sieve->stray = ~f->page_address;
}
