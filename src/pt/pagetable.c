/* SPDX-License-Identifier: MIT */
/* The run-time side of tables: make one, open one, and call its compiled format. */
#include "pt/pagetable_internal.h"

#include <stdlib.h>

#include "pt/fmt_cfg.h"
#include "pt/visit.h"

static bool cfg_valid(const struct pt_pgtable_cfg *cfg)
{
	return cfg->mode >= PT_MODE_PRIVATE && cfg->mode <= PT_MODE_SHARED &&
	       !cfg->tables.alloc == !cfg->tables.free &&
	       (!cfg->watch || cfg->watch->store) && (!cfg->top || cfg->top->changed) &&
	       (!cfg->wait || cfg->wait->poll);
}

/* All but the root. */
static int pgtable_new(struct pt_pgtable **out, struct pt_phys *phys,
		       const struct pt_pgtable_cfg *cfg, const struct ptl_ops *ops)
{
	struct pt_format_info info;
	struct pt_pgtable *pt;
	int err;

	if (!ops || !cfg_valid(cfg))
		return -EINVAL;
	pt = calloc(1, sizeof(*pt));
	if (!pt)
		return -ENOMEM;
	pt->ops = *ops;
	pt->phys = phys;
	pt->readers = cfg->mode != PT_MODE_PRIVATE;
	pt->fmt.cfg = cfg->fmt;
	pt->tables = cfg->tables;
	pt->flush = cfg->flush;
	pt->top = cfg->top;
	pt->watch = cfg->watch;
	pt->wait = cfg->wait;
	pt->mode = cfg->mode;
	pt->walk_locks = cfg->walk_locks;
	pt->max_leaves = cfg->max_leaves;
	pt->max_ranges = cfg->max_ranges;
	pt->max_tables = cfg->max_tables;
	pt->has_soft = cfg->soft;
	if (cfg->soft) {
		pt->soft = *cfg->soft;
		ptl_soft_types_init(&pt->soft_types, cfg->soft);
	}
	pt->window_pa = UINT64_MAX; /* no table page is there */
	err = ops->init(&pt->fmt);
	if (err) {
		free(pt);
		return err;
	}
	ops->describe(&pt->fmt, &info);
	pt->root_lg2 = 3 + info.entries_lg2[pt->fmt.top_level];
	if (pt->root_lg2 < ops->granule_lg2)
		pt->root_lg2 = ops->granule_lg2;
	*out = pt;
	return 0;
}

/* Where the quick ways begin if they shall end at once; as large as the largest top table. */
static _Atomic uint64_t no_root[512];

/*
 * What the quick ways of tree.h need. They are for tables of the usual input width
 * with a root of one page.
 */
static void set_quick(struct pt_pgtable *pt, const struct ptl_window *window)
{
	const struct ptl_fmt *f = &pt->fmt;
	pt_pa_t root = ptl_align_down(pt->root_pa, pt->ops.granule_lg2);

	pt->quick_root = pt->reader_root = pt->change_root = no_root;
	ptl_sieve_pages(&pt->page, f);
	if (!ptl_sieve_links(&pt->link, &pt->near, window, f, pt->ops.granule_lg2, root) ||
	    f->cfg.va_bits != PTL_USUAL_VA_BITS || pt->root_lg2 != pt->ops.granule_lg2)
		return;
	pt->quick_root = pt->root;
	if (!pt->walk_locks)
		pt->change_root = pt->root;
	if (!pt->readers)
		pt->reader_root = pt->root;
}

/* Walks begin at @root, and expect most tables in its region. */
static int set_root(struct pt_pgtable *pt, pt_pa_t root)
{
	unsigned int top = pt->fmt.top_level;
	struct pt_format_info info;
	const struct ptl_region *region;
	struct ptl_window window;

	pt->ops.describe(&pt->fmt, &info);
	if (!ptl_aligned(root, info.root_align_lg2))
		return -EINVAL;
	region = ptl_phys_find(pt->phys, root);
	if (!region)
		return -EFAULT;
	pt->root = ptl_region_host(region, root, UINT64_C(8) << info.entries_lg2[top]);
	if (!pt->root)
		return -EFAULT;
	pt->root_pa = root;
	pt->va_first = pt->fmt.upper_first;
	window = ptl_window_of(region, &pt->fmt, pt->ops.granule_lg2);
	pt->window = window.host;
	pt->window_pa = window.pa;
	pt->window_room = window.room;
	if (window.host)
		pt->window_frames = region->frames +
				    ((window.pa - region->pa) >> pt->phys->frame_lg2);
	pt->root_page = ptl_table_at(pt, ptl_align_down(root, pt->ops.granule_lg2));
	set_quick(pt, &window);
	return 0;
}

int ptl_pgtable_create(struct pt_pgtable **out, struct pt_phys *phys,
		       const struct pt_pgtable_cfg *cfg, const struct ptl_ops *ops)
{
	struct pt_pgtable *pt;
	int err = pgtable_new(&pt, phys, cfg, ops);

	if (err)
		return err;
	err = ops->create_root(pt);
	if (!err) {
		pt->root_is_ours = true;
		err = set_root(pt, pt->root_pa);
		if (err)
			ops->put_tree(pt, pt->root_pa, 0, NULL);
	}
	if (err) {
		free(pt);
		return err;
	}
	*out = pt;
	return 0;
}

int ptl_pgtable_open(struct pt_pgtable **out, struct pt_phys *phys,
		     const struct pt_pgtable_cfg *cfg, const struct ptl_ops *ops, pt_pa_t root)
{
	struct pt_pgtable *pt;
	int err = pgtable_new(&pt, phys, cfg, ops);

	if (err)
		return err;
	err = set_root(pt, root);
	if (err) {
		free(pt);
		return err;
	}
	*out = pt;
	return 0;
}

/* PTL_MODE_*: as which the code for @cfg was compiled. */
static unsigned int mode_of(const struct pt_pgtable_cfg *cfg)
{
	if (cfg->watch)
		return PTL_MODE_CHECKED;
	return cfg->mode == PT_MODE_SHARED ? PTL_MODE_SHARED : PTL_MODE_EXCLUSIVE;
}

/* The compiled form that @cfg wants; NULL if there is none whose tables fill frames of @phys. */
static const struct ptl_ops *ops_for(const struct pt_phys *phys, const struct pt_pgtable_cfg *cfg)
{
	const struct ptl_ops *ops = ptl_format_ops(cfg->fmt.fmt, mode_of(cfg));

	return ops && phys->frame_lg2 <= ops->granule_lg2 ? ops : NULL;
}

int pt_pgtable_create(struct pt_pgtable **out, struct pt_phys *phys,
		      const struct pt_pgtable_cfg *cfg)
{
	return ptl_pgtable_create(out, phys, cfg, ops_for(phys, cfg));
}

int pt_pgtable_open(struct pt_pgtable **out, struct pt_phys *phys,
		    const struct pt_pgtable_cfg *cfg, pt_pa_t root)
{
	return ptl_pgtable_open(out, phys, cfg, ops_for(phys, cfg), root);
}

/* Tables of ours that hang below foreign ones: found first, then let go. */
struct ours {
	struct pt_pgtable *pt;
	struct ptl_visit *found;
	size_t nr, room;
};

static enum ptl_visit_how find_ours(void *ctx, const struct ptl_visit *visit)
{
	struct ours *ours = ctx;
	const struct pt_frame *frame = ptl_frame_at(ours->pt, visit->table_pa);

	if (atomic_load_explicit(&((struct pt_frame *)(uintptr_t)frame)->state,
				 memory_order_relaxed) != PTL_FRAME_TABLE)
		return PTL_VISIT_BELOW;
	if (ours->nr == ours->room) {
		size_t room = ours->room ? 2 * ours->room : 64;
		struct ptl_visit *found = realloc(ours->found, room * sizeof(*found));

		if (!found)
			return PTL_VISIT_STOP;
		ours->found = found;
		ours->room = room;
	}
	ours->found[ours->nr++] = *visit;
	return PTL_VISIT_PAST;
}

void pt_pgtable_destroy(struct pt_pgtable *pt)
{
	struct ours ours = { .pt = pt };

	if (!pt)
		return;
	if (pt->root_is_ours) {
		pt->ops.put_tree(pt, pt->root_pa, pt->fmt.top_level, NULL);
	} else if (atomic_load_explicit(&pt->nr_tables, memory_order_relaxed)) {
		/* Out of host memory it finds fewer; those pages stay handed out. */
		(void)ptl_visit_tree(pt, find_ours, NULL, NULL, &ours);
		for (size_t i = 0; i < ours.nr; i++)
			pt->ops.put_tree(pt, ours.found[i].table_pa, ours.found[i].level, NULL);
		free(ours.found);
	}
	free(pt);
}

bool ptl_pgtable_has_words_of(const struct pt_pgtable *a, const struct pt_pgtable *b)
{
	const struct pt_fmt_cfg *x = &a->fmt.cfg, *y = &b->fmt.cfg;

	return a->phys == b->phys && ptl_fmt_cfg_alike(x, y) && x->levels == y->levels;
}

/* The same words, and the same place to give pages back to: the last to let go frees. */
static bool can_share(const struct pt_pgtable *a, const struct pt_pgtable *b)
{
	return ptl_pgtable_has_words_of(a, b) && a->tables.alloc == b->tables.alloc &&
	       a->tables.free == b->tables.free && a->tables.ctx == b->tables.ctx;
}

int pt_pgtable_link(struct pt_pgtable *pt, pt_va_t va, struct pt_pgtable *from, pt_va_t from_va,
		    uint64_t len, unsigned int level)
{
	if (!can_share(pt, from))
		return -EINVAL;
	return pt->ops.link(pt, va, from, from_va, len, level);
}

int pt_pgtable_unlink(struct pt_pgtable *pt, pt_va_t va, uint64_t len, unsigned int level,
		      struct pt_gather *gather)
{
	return pt->ops.unlink(pt, va, len, level, gather);
}

pt_pa_t pt_pgtable_root(const struct pt_pgtable *pt)
{
	return pt->root_pa;
}

struct pt_phys *pt_pgtable_phys(const struct pt_pgtable *pt)
{
	return pt->phys;
}

const struct pt_fmt_cfg *pt_pgtable_fmt(const struct pt_pgtable *pt)
{
	return &pt->fmt.cfg;
}

const struct pt_soft_cfg *pt_pgtable_soft(const struct pt_pgtable *pt)
{
	return pt->has_soft ? &pt->soft : NULL;
}

uint64_t pt_granule(const struct pt_pgtable *pt)
{
	return ptl_table_bytes(pt);
}

int pt_map(struct pt_pgtable *pt, pt_va_t va, pt_pa_t pa, uint64_t len, pt_attr_t attr,
	   struct pt_change *change)
{
	return pt->ops.map(pt, va, pa, len, attr, change);
}

int pt_map_probe(struct pt_pgtable *pt, pt_va_t va, pt_pa_t pa, uint64_t len, pt_attr_t attr,
		 struct pt_change *change, size_t *nr_tables)
{
	return pt->ops.probe(pt, va, pa, len, attr, change, nr_tables);
}

int pt_populate(struct pt_pgtable *pt, pt_va_t va, uint64_t len, unsigned int level,
		struct pt_change *change)
{
	return pt->ops.populate(pt, va, len, level, change);
}

int pt_unmap(struct pt_pgtable *pt, pt_va_t va, uint64_t len, struct pt_change *change)
{
	return pt->ops.unmap(pt, va, len, change);
}

int pt_protect(struct pt_pgtable *pt, pt_va_t va, uint64_t len, pt_attr_t set, pt_attr_t clear,
	       struct pt_change *change)
{
	return pt->ops.protect(pt, va, len, set, clear, change);
}

int pt_split(struct pt_pgtable *pt, pt_va_t va, uint64_t len, unsigned int level,
	     struct pt_change *change)
{
	return pt->ops.split(pt, va, len, level, change);
}

int pt_collapse(struct pt_pgtable *pt, pt_va_t va, uint64_t len, unsigned int level,
		struct pt_change *change)
{
	return pt->ops.collapse(pt, va, len, level, change);
}

int pt_test_and_clear_accessed(struct pt_pgtable *pt, pt_va_t va, uint64_t len,
			       struct pt_change *change)
{
	return pt->ops.age(pt, va, len, change);
}

int pt_test_and_clear_dirty(struct pt_pgtable *pt, pt_va_t va, uint64_t len,
			    struct pt_change *change)
{
	return pt->ops.clean(pt, va, len, change);
}

int pt_translate(const struct pt_pgtable *pt, pt_va_t va, pt_pa_t *pa)
{
	return pt->ops.translate(pt, va, pa);
}

int pt_lookup(const struct pt_pgtable *pt, pt_va_t va, struct pt_leaf *leaf)
{
	return pt->ops.lookup(pt, va, leaf);
}

int pt_trace(const struct pt_pgtable *pt, pt_va_t va, struct pt_step steps[PT_MAX_LEVELS],
	     unsigned int *nr)
{
	return pt->ops.trace(pt, va, steps, nr);
}

enum pt_kind pt_entry_kind(const struct pt_pgtable *pt, uint64_t raw, unsigned int level)
{
	return level <= pt->fmt.top_level ? pt->ops.entry_kind(pt, raw, level) : PT_KIND_EMPTY;
}

pt_attr_t pt_entry_attr(const struct pt_pgtable *pt, uint64_t raw, unsigned int level)
{
	return level <= pt->fmt.top_level ? pt->ops.entry_attr(pt, raw, level) : 0;
}

const char *pt_illegal_name(enum pt_illegal why)
{
	switch (why) {
	case PT_LEGAL:
		return "legal";
	case PT_ILLEGAL_RESERVED:
		return "reserved bits or encoding";
	case PT_ILLEGAL_WIDTH:
		return "output address too wide";
	case PT_ILLEGAL_OUTSIDE:
		return "table outside memory";
	case PT_ILLEGAL_LOOP:
		return "table loop";
	}
	return "unknown";
}
