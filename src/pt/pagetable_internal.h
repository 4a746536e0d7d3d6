/* SPDX-License-Identifier: MIT */
/*
 * pagetable_internal.h - struct pt_pgtable, and the entry points of one compiled
 * format: one indirect call per public call, never one per entry.
 */
#ifndef PTL_PAGETABLE_INTERNAL_H
#define PTL_PAGETABLE_INTERNAL_H

#include "phys/phys_internal.h"
#include "pt/sieve.h"
#include "pt/soft_word.h"

/* PTL_MODE, which a format file is compiled with. */
#define PTL_MODE_EXCLUSIVE 0
#define PTL_MODE_SHARED 1
#define PTL_MODE_CHECKED 2
#define PTL_NR_MODES 3

/* One table page of a visit to a whole tree, and one entry of it. */
struct ptl_visit {
	_Atomic uint64_t *table;
	pt_pa_t table_pa;
	pt_va_t va; /* first byte that it covers */
	unsigned int level;
};

struct ptl_visit_entry {
	uint64_t raw;
	unsigned int index;
	pt_va_t va;
	enum ptl_kind kind;
	enum pt_illegal why;     /* illegal ones */
	pt_pa_t target;          /* tables */
	pt_pa_t pa;              /* leaves, as the rest: */
	unsigned int contig_lg2;
	uint64_t still;          /* without accessed and dirty */
	uint64_t next;           /* what @still would be in the next entry of a block */
};

typedef bool (*ptl_entry_fn)(void *ctx, const struct ptl_visit *visit,
			     const struct ptl_visit_entry *entry);

/* What pt_soft_set() writes: the words of consecutive entries, worked out by soft.c. */
struct ptl_soft_words {
	unsigned int level;
	uint64_t bits;            /* of every word, beside its offset */
	uint64_t offset, step;    /* of the first entry, and from one to the next */
	uint64_t young, dirty;    /* flipped where a leaf with that mark is replaced; 0: not */
	uint64_t uffd_wp, soft_dirty; /* set likewise, for leaves and software's words */
};

struct ptl_ops {
	const char *name;
	unsigned int granule_lg2;
	int (*init)(struct ptl_fmt *f);
	void (*describe)(const struct ptl_fmt *f, struct pt_format_info *info);
	int (*create_root)(struct pt_pgtable *pt);
	void (*put_tree)(struct pt_pgtable *pt, pt_pa_t pa, unsigned int level,
			 struct pt_gather *gather);
	int (*link)(struct pt_pgtable *pt, pt_va_t va, struct pt_pgtable *from, pt_va_t from_va,
		    uint64_t len, unsigned int level);
	int (*unlink)(struct pt_pgtable *pt, pt_va_t va, uint64_t len, unsigned int level,
		      struct pt_gather *gather);
	int (*map)(struct pt_pgtable *pt, pt_va_t va, pt_pa_t pa, uint64_t len, pt_attr_t attr,
		   struct pt_change *change);
	int (*probe)(struct pt_pgtable *pt, pt_va_t va, pt_pa_t pa, uint64_t len, pt_attr_t attr,
		     struct pt_change *change, size_t *nr_tables);
	int (*populate)(struct pt_pgtable *pt, pt_va_t va, uint64_t len, unsigned int level,
			struct pt_change *change);
	int (*unmap)(struct pt_pgtable *pt, pt_va_t va, uint64_t len, struct pt_change *change);
	int (*clear_illegal)(struct pt_pgtable *pt, pt_va_t va, uint64_t len,
			     struct pt_gather *gather);
	int (*protect)(struct pt_pgtable *pt, pt_va_t va, uint64_t len, pt_attr_t set,
		       pt_attr_t clear, struct pt_change *change);
	int (*split)(struct pt_pgtable *pt, pt_va_t va, uint64_t len, unsigned int level,
		     struct pt_change *change);
	int (*collapse)(struct pt_pgtable *pt, pt_va_t va, uint64_t len, unsigned int level,
			struct pt_change *change);
	int (*age)(struct pt_pgtable *pt, pt_va_t va, uint64_t len, struct pt_change *change);
	int (*clean)(struct pt_pgtable *pt, pt_va_t va, uint64_t len, struct pt_change *change);
	int (*soft_set)(struct pt_pgtable *pt, pt_va_t va, uint64_t len,
			const struct ptl_soft_words *words, struct pt_change *change);
	int (*soft_map)(struct pt_pgtable *pt, pt_va_t va, pt_pa_t pa, uint64_t len, pt_attr_t attr,
			struct pt_change *change);
	int (*soft_hide)(struct pt_pgtable *pt, pt_va_t va, uint64_t len, pt_attr_t set,
			 pt_attr_t clear, struct pt_change *change);
	int (*soft_show)(struct pt_pgtable *pt, pt_va_t va, uint64_t len, pt_attr_t set,
			 pt_attr_t clear, struct pt_change *change);
	int (*soft_split)(struct pt_pgtable *pt, pt_va_t va, uint64_t len, unsigned int level,
			  struct pt_change *change);
	int (*translate)(const struct pt_pgtable *pt, pt_va_t va, pt_pa_t *pa);
	int (*lookup)(const struct pt_pgtable *pt, pt_va_t va, struct pt_leaf *leaf);
	int (*trace)(const struct pt_pgtable *pt, pt_va_t va, struct pt_step *steps,
		     unsigned int *nr);
	enum pt_range_walk_type (*walk_next)(struct pt_range_walk *walk);
	enum pt_range_walk_type (*walk_full)(struct pt_range_walk *walk);
	void (*walk_end)(struct pt_range_walk *walk);
	enum pt_kind (*entry_kind)(const struct pt_pgtable *pt, uint64_t raw, unsigned int level);
	pt_attr_t (*entry_attr)(const struct pt_pgtable *pt, uint64_t raw, unsigned int level);
	/*
	 * From @first on up to @end or the end of the table; of empty neighbours only the first
	 * one. Returns false if @fn stopped it.
	 */
	bool (*visit_entries)(const struct ptl_fmt *f, const struct ptl_visit *visit,
			      unsigned int first, unsigned int end, ptl_entry_fn fn, void *ctx);
};

/* A range that a call is changing, to catch overlapping ones; on its stack. */
struct ptl_active {
	pt_va_t first, last;
	struct ptl_active *next;
};

struct pt_pgtable {
	/*
	 * What the quick ways read, see tree.h; constant after create. First, for
	 * an offset below 128 makes shorter instructions.
	 */
	_Atomic uint64_t *quick_root;  /* the root; if nothing is quick, all empty words */
	_Atomic uint64_t *reader_root; /* the same for readers who enter no section */
	_Atomic uint64_t *change_root; /* the same for changes without a lock */
	pt_va_t va_first;              /* valid addresses go up from here, and wrap */
	struct ptl_sieve link;         /* passes tables near the root; is their offset there */
	uint8_t *near;                 /* host address of these table pages */
	struct ptl_sieve page;         /* passes leaves of level 0; is their pa */
	_Atomic uint64_t *root_page;   /* the table page that the root is in, for comparing */

	_Atomic uint64_t *root;
	uint8_t *window;      /* host address of @window_pa */
	uint64_t window_room; /* the last offset at which a whole table page fits */
	pt_pa_t window_pa;    /* the first table page in the region that the root is in */
	bool readers;         /* lockless readers are allowed */
	enum pt_mode mode;
	size_t max_leaves, max_tables; /* of its gathers; 0: no bound */
	unsigned int max_ranges;       /* likewise */
	bool walk_locks;      /* walks may hold table locks: who changes words takes them */
	struct pt_frame *window_frames;
	struct pt_phys *phys;
	pt_pa_t root_pa;
	/* bytes of the root: a table page, or as many as stand side by side */
	unsigned int root_lg2;
	bool root_is_ours;
	_Atomic size_t nr_tables;   /* pages allocated for it and not yet freed */
	_Atomic uint32_t unhooked;  /* +1 when a table leaves this tree without dying */
	struct pt_table_ops tables; /* alloc is NULL: no new tables */
	const struct pt_flush_ops *flush;
	const struct pt_top_ops *top;
	const struct pt_watch_ops *watch;
	const struct pt_wait_ops *wait;
	bool has_soft; /* @soft says what software's words are; else nothing does */
	struct pt_soft_cfg soft;
	struct ptl_soft_types soft_types;

	/* Builds with assertions only; under active_lock. */
	_Atomic uint32_t active_lock;
	struct ptl_active *active;
	struct pt_walk_held *held;

	struct ptl_ops ops; /* by value: one load less in each call */
	struct ptl_fmt fmt; /* large */
};

/* Host address of the table page at @pa outside the window, or NULL. */
_Atomic uint64_t *ptl_table_far(const struct pt_pgtable *pt, pt_pa_t pa);
struct pt_frame *ptl_frame_far(const struct pt_pgtable *pt, pt_pa_t pa);

/*
 * Host address of the table page that a table word points at, or NULL if there
 * is no memory: one compare and one add.
 */
static inline _Atomic uint64_t *ptl_table_at(const struct pt_pgtable *pt, pt_pa_t pa)
{
	uint64_t offset = pa - pt->window_pa;

	if (__builtin_expect(offset <= pt->window_room, 1))
		return (_Atomic uint64_t *)(void *)(pt->window + offset);
	return ptl_table_far(pt, pa);
}

/* Descriptor of the table page at @pa, which is in memory. */
static inline struct pt_frame *ptl_frame_at(const struct pt_pgtable *pt, pt_pa_t pa)
{
	uint64_t offset = pa - pt->window_pa;

	if (__builtin_expect(offset <= pt->window_room, 1))
		return &pt->window_frames[offset >> pt->phys->frame_lg2];
	return ptl_frame_far(pt, pa);
}

/* The compiled forms of a format. NULL for a format that does not exist. */
const struct ptl_ops *ptl_format_ops(enum pt_format fmt, unsigned int mode);
/*
 * As pt_pgtable_create() and _open(), for a format given as its operations. If its
 * tables are smaller than frames, each must have a frame of its own.
 */
int ptl_pgtable_create(struct pt_pgtable **out, struct pt_phys *phys,
		       const struct pt_pgtable_cfg *cfg, const struct ptl_ops *ops);
int ptl_pgtable_open(struct pt_pgtable **out, struct pt_phys *phys,
		     const struct pt_pgtable_cfg *cfg, const struct ptl_ops *ops, pt_pa_t root);

/*
 * Of one memory, and a table page of one means the same in the other; but for the half, which a
 * table page does not know.
 */
bool ptl_pgtable_has_words_of(const struct pt_pgtable *a, const struct pt_pgtable *b);

/* Bytes of a table page; a root that is ours is whole pages, as pt_pgtable.root_lg2 says. */
static inline uint64_t ptl_table_bytes(const struct pt_pgtable *pt)
{
	return PTL_BIT(pt->ops.granule_lg2);
}

/* Whether the table page at @pa is, in whole or in part, the root. */
static inline bool ptl_in_root(const struct pt_pgtable *pt, pt_pa_t pa)
{
	return (pt->root_pa ^ pa) >> pt->root_lg2 == 0;
}

/* table.c: the life of table pages. */
int ptl_table_alloc(struct pt_pgtable *pt, pt_pa_t *pa);
int ptl_root_alloc(struct pt_pgtable *pt, pt_pa_t *pa);
void ptl_table_free(struct pt_pgtable *pt, pt_pa_t pa);
/* Say that the page is no table any more; whoever locks it from now on starts again. */
void ptl_table_kill(const struct pt_pgtable *pt, pt_pa_t pa);

/* A table left this tree that may live on elsewhere; pairs with the walk cursor's acquire. */
static inline void ptl_tables_unhooked(struct pt_pgtable *pt)
{
	atomic_fetch_add_explicit(&pt->unhooked, 1, memory_order_release);
}

/*
 * soft.c: the leaf of level 0 at @va, no part of a block, becomes the software word @raw; nothing
 * is flushed. The caller owns the address. Returns the word that was there.
 */
uint64_t ptl_make_soft(struct pt_pgtable *pt, pt_va_t va, uint64_t raw);

/*
 * overlap.c: catch overlapping changes, and locks of walks in the way,
 * in builds with assertions.
 */
#ifdef NDEBUG
#define PTL_LISTS_CHANGES 0
static inline void ptl_active_enter(struct pt_pgtable *pt, struct ptl_active *active)
{
	(void)pt;
	(void)active;
}
static inline void ptl_active_leave(struct pt_pgtable *pt, struct ptl_active *active)
{
	(void)pt;
	(void)active;
}
static inline void ptl_walk_holds(struct pt_pgtable *pt, struct pt_walk_held *held)
{
	(void)pt;
	(void)held;
}
static inline void ptl_walk_released(struct pt_pgtable *pt, struct pt_walk_held *held)
{
	(void)pt;
	(void)held;
}
static inline void ptl_no_walk_lock(struct pt_pgtable *pt)
{
	(void)pt;
}
#else
#define PTL_LISTS_CHANGES 1
void ptl_active_enter(struct pt_pgtable *pt, struct ptl_active *active);
void ptl_active_leave(struct pt_pgtable *pt, struct ptl_active *active);
/* This thread's walk of @pt holds a table lock, no longer; aborts if one of its walks does. */
void ptl_walk_holds(struct pt_pgtable *pt, struct pt_walk_held *held);
void ptl_walk_released(struct pt_pgtable *pt, struct pt_walk_held *held);
void ptl_no_walk_lock(struct pt_pgtable *pt);
#endif

/* gather.c: what is to be flushed; @tables: table pages under it were unhooked. */
void ptl_gather_range(struct pt_gather *gather, pt_va_t first, pt_va_t last,
		      unsigned int stride_lg2, bool tables);
/* Whether it has to be flushed though the change goes on; and that, outside read-side sections. */
static inline bool ptl_gather_is_full(const struct pt_gather *gather)
{
	return (gather->max_leaves && gather->nr_leaves >= gather->max_leaves) ||
	       (gather->max_tables && gather->nr_tables >= gather->max_tables);
}
void ptl_gather_force(struct pt_gather *gather);
/* A table page that is unhooked and dead, to be freed after flush and grace period. */
void ptl_gather_page(struct pt_gather *gather, pt_pa_t pa);

static inline void ptl_flushed(const struct pt_pgtable *pt, pt_va_t first, pt_va_t last,
			       bool tables)
{
	if (pt->watch && pt->watch->flushed)
		pt->watch->flushed(pt->watch->ctx, first, last, tables);
}

/* Flush now, in the middle of a change. */
static inline void ptl_flush_range(const struct pt_pgtable *pt, pt_va_t first, pt_va_t last,
				   unsigned int stride_lg2)
{
	if (pt->flush && pt->flush->range)
		pt->flush->range(pt->flush->ctx, first, last, stride_lg2);
	ptl_flushed(pt, first, last, false);
}

static inline void ptl_flush_tables(const struct pt_pgtable *pt, pt_va_t first, pt_va_t last,
				    unsigned int stride_lg2)
{
	if (pt->flush && pt->flush->tables_freed)
		pt->flush->tables_freed(pt->flush->ctx, first, last, stride_lg2);
	ptl_flushed(pt, first, last, true);
}

/* One round of waiting for somebody else, who may be waiting for a grace period or for us. */
static inline void ptl_wait(const struct pt_pgtable *pt)
{
	unsigned int spins = 63;

	if (pt->wait)
		pt->wait->poll(pt->wait->ctx);
	ptl_spin_wait(&spins);
}

#endif /* PTL_PAGETABLE_INTERNAL_H */
