/* SPDX-License-Identifier: MIT */
/* soft.h - a fixture's table that knows what software's words are, and such words. */
#ifndef UNIT_SOFT_H
#define UNIT_SOFT_H

#include "unit/fixture.h"

static struct pt_soft_cfg soft_cfg;

/* The same table, and it knows what software's words are. False: its format has none. */
static inline bool with_soft(struct fixture *f)
{
	enum pt_soft_release release = fixture_is_x86(f) ? PT_SOFT_X86 : PT_SOFT_ARM64;

	if (format_is_stage2(f->fmt.fmt))
		return false;
	assert_int_equal(pt_soft_cfg_init(&soft_cfg, release, &f->fmt, PT_SOFT_BUILT_DEVICE), 0);
	watcher_forget(&f->watcher);
	pt_pgtable_destroy(f->pt);
	f->cfg.soft = &soft_cfg;
	assert_int_equal(pt_pgtable_create(&f->pt, f->phys, &f->cfg), 0);
	return true;
}

/* As agree(): the model learns where software's words of level 0 are. */
static inline void agree_on_leaves(struct fixture *f)
{
	for (size_t i = 0; i < f->nr_pages; i++) {
		struct pt_step steps[PT_MAX_LEVELS];
		unsigned int nr;

		if (pt_trace(f->pt, page_va(f, i), steps, &nr) != -ENOENT ||
		    steps[nr - 1].kind != PT_KIND_SOFT)
			continue;
		assert_int_not_equal(f->ref.page[i].kind, REF_LEAF);
		f->ref.page[i] = (struct ref_page){ .kind = REF_SOFT, .raw = steps[nr - 1].raw };
	}
	agree(f);
}

static inline struct pt_soft soft_at(const struct fixture *f, size_t page, unsigned int level)
{
	struct pt_soft soft;
	unsigned int found;

	assert_int_equal(pt_soft_lookup(f->pt, page_va(f, page), &soft, &found), 0);
	assert_int_equal(found, level);
	return soft;
}

static inline int set(struct fixture *f, size_t first, size_t nr, unsigned int level,
		      struct pt_soft soft, struct pt_change *change)
{
	return pt_soft_set(f->pt, page_va(f, first), nr * f->granule, level, &soft, change);
}

#define SWAP(o) ((struct pt_soft){ .kind = PT_SOFT_SWAP, .type = 3, .offset = (o) })
#define MIGRATION(p) ((struct pt_soft){ .kind = PT_SOFT_MIGRATION_WRITE, .pfn = (p) })
#define MARKER ((struct pt_soft){ .kind = PT_SOFT_MARKER, .markers = PT_SOFT_MARKER_UFFD_WP })
#define HWPOISON ((struct pt_soft){ .kind = PT_SOFT_HWPOISON, .pfn = 77 })

#endif /* UNIT_SOFT_H */
