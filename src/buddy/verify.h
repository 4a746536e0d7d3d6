/* SPDX-License-Identifier: MIT */
/* verify.h - what the files of pt_buddy_verify() have of each other. */
#ifndef PTL_BUDDY_VERIFY_H
#define PTL_BUDDY_VERIFY_H

#include "buddy/zone_internal.h"

struct ptl_verifier {
	const struct pt_zone *zone;
	pt_buddy_report_fn report;
	void *ctx;
	bool found, stop;
	bool broken; /* a pageblock that says so little of itself that lists are not followed */
	/* Counted anew. */
	uint64_t frames_free, frames_held, frames_cached;
	uint64_t nr_free[PT_MAX_ORDER + 1][PT_FREETYPE_LISTS];
	uint64_t pageblocks[PT_FREETYPE_LISTS];
	uint64_t listed; /* pageblocks with free frames */
};

void ptl_complain(struct ptl_verifier *v, pt_pa_t pa, const char *what);

/* verify_lists.c: who is in bins and on lists, in caches, and charged; after all frames. */
void ptl_verify_lists(struct ptl_verifier *v);
void ptl_verify_caches(struct ptl_verifier *v);
void ptl_verify_accounts(struct ptl_verifier *v);

#endif /* PTL_BUDDY_VERIFY_H */
