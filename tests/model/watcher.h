/* SPDX-License-Identifier: MIT */
/*
 * watcher.h - sits between a table and its environment, and writes down what happens.
 *
 * Every event (page handed out or taken back, word stored, flush) goes into a log in order. What
 * must hold whatever the operation is checked at once; the first violation is printed and kept
 * in watcher.bad:
 *
 *  - a store's old word is what the word was (checked mode);
 *  - arm64: a live word changes by break, flush, make where the architecture wants that;
 *  - x86: no attributes change under a leaf that was split, before a flush of it;
 *  - a table page is taken back only after a flush of what was under it.
 *
 * watcher_expect() before an operation and watcher_was_flushed() after it check that no translation
 * which is gone can still be cached.
 */
#ifndef MODEL_WATCHER_H
#define MODEL_WATCHER_H

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ptlib/ops.h>
#include <ptlib/pagetable.h>
#include <ptlib/phys.h>
#include <ptlib/query.h>
#include <ptlib/verify.h>
#include <ptlib/walk.h>

#include "model/formats.h"

enum event_kind {
	EVENT_ALLOC,
	EVENT_FREE,
	EVENT_STORE,
	EVENT_RANGE,
	EVENT_ALL,
	EVENT_TABLES_FREED,
	EVENT_TOP,
};

struct event {
	enum event_kind kind;
	pt_va_t first, last;     /* flushes; slots for TOP; STORE: first is its va */
	unsigned int stride_lg2; /* RANGE */
	unsigned int level;      /* STORE */
	pt_pa_t pa;              /* STORE: of the word; ALLOC, FREE: of the page */
	uint64_t old, new_;      /* STORE */
};

/* A word that hardware may still use though the table has another. */
struct stale_word {
	pt_pa_t pa; /* where it stood */
	pt_va_t first, last;
	uint64_t raw;
	unsigned int level;
};

struct seen_leaf {
	pt_va_t va;
	uint64_t raw;
	pt_pa_t pa;
	pt_attr_t attr;
	unsigned int size_lg2, contig_lg2;
};

struct watcher {
	struct pt_fmt_cfg fmt;
	struct pt_format_info info;
	struct pt_phys *phys;
	struct pt_table_ops from; /* where its pages come from */
	struct pt_flush_ops flush_ops;
	struct pt_watch_ops watch_ops;
	struct pt_top_ops top_ops;
	bool checked; /* stores are reported */
	bool bad;

	/* checked mode: of the range that table pages come from, what the words of each are */
	pt_pa_t pa;
	size_t nr_pages;
	uint64_t **mirror;

	struct event *event;
	size_t nr_events, max_events;
	struct event *flush; /* of these, for watcher_was_flushed(): stores are many */
	size_t nr_flushes, max_flushes, last_flush; /* the one that covered something last */
	struct stale_word *stale;
	size_t nr_stale, max_stale;
	struct seen_leaf *seen;
	size_t nr_seen, max_seen;
};

static inline void *watcher_grow(void *array, size_t nr, size_t *max, size_t size)
{
	if (nr < *max)
		return array;
	*max = *max ? 2 * *max : 64;
	array = realloc(array, *max * size);
	if (!array)
		abort();
	return array;
}

static inline void watcher_log(struct watcher *w, struct event event)
{
	w->event = watcher_grow(w->event, w->nr_events, &w->max_events, sizeof(*w->event));
	w->event[w->nr_events++] = event;
}

static inline void watcher_violation(struct watcher *w, const char *what, pt_va_t va, uint64_t old,
				     uint64_t new_)
{
	if (!w->bad)
		fprintf(stderr, "watcher: %s at %#" PRIx64 ": %#" PRIx64 " -> %#" PRIx64 "\n", what,
			va, old, new_);
	w->bad = true;
}

static inline bool watcher_is_arm(const struct watcher *w)
{
	return !format_is_x86(w->fmt.fmt);
}

static inline bool watcher_is_valid(const struct watcher *w, uint64_t raw)
{
	return format_is_present(&w->fmt, raw);
}

/* x86: PS; arm64: bit 1, at all levels above 0 */
static inline bool watcher_is_table(const struct watcher *w, uint64_t raw, unsigned int level)
{
	if (!level || !watcher_is_valid(w, raw))
		return false;
	return watcher_is_arm(w) ? raw >> 1 & 1 : !(raw >> 7 & 1);
}

/*
 * Arm ARM DDI 0487 J.a, D8.14.1 "Using break-before-make when updating translation table
 * entries", said independently of the library.
 */
static inline bool watcher_needs_break(const struct watcher *w, uint64_t old, uint64_t new_,
				       unsigned int level)
{
	static const uint64_t contig = UINT64_C(1) << 52, sh = 3 << 8;
	/* stage 1: AttrIndx, nG; stage 2: MemAttr */
	const uint64_t index = format_is_stage2(w->fmt.fmt) ? 15 << 2 : 7 << 2;
	const uint64_t ng = format_is_stage2(w->fmt.fmt) ? 0 : 1 << 11;
	bool old_table = watcher_is_table(w, old, level), new_table;
	uint64_t address = 0, differ = old ^ new_;

	new_table = watcher_is_table(w, new_, level);
	/* address bits stand at 49:12 at most, LPA2's highest in SH's place */
	for (unsigned int bit = 12; bit <= 49; bit++)
		address |= UINT64_C(1) << bit;
	if (old_table && new_table)
		return differ & (address | sh);
	if (old_table != new_table)
		return w->fmt.bbm < 2;
	if (differ & contig && w->fmt.bbm < 2)
		return true;
	return differ & (address | index | sh) || (old & ng && !(new_ & ng));
}

static inline void watcher_add_stale(struct watcher *w, const struct pt_store *store)
{
	uint64_t len = UINT64_C(1) << w->info.leaf_lg2[store->level];

	w->stale = watcher_grow(w->stale, w->nr_stale, &w->max_stale, sizeof(*w->stale));
	w->stale[w->nr_stale++] = (struct stale_word){ store->pa, store->va, store->va + (len - 1),
						       store->old, store->level };
}

/* A flush: leaves that are wholly inside can no longer be in use, nor tables that are in part. */
static inline void watcher_forget_stale(struct watcher *w, pt_va_t first, pt_va_t last,
					unsigned int stride_lg2, bool tables)
{
	size_t kept = 0;

	for (size_t i = 0; i < w->nr_stale; i++) {
		const struct stale_word *s = &w->stale[i];
		bool covered = first <= s->first && s->last <= last;

		if (watcher_is_table(w, s->raw, s->level))
			covered = tables && first <= s->last && s->first <= last;
		/* a flush at a larger stride may step over small entries */
		if (w->info.leaf_lg2[s->level] < stride_lg2)
			covered = false;
		if (!covered)
			w->stale[kept++] = *s;
	}
	w->nr_stale = kept;
}

static inline void watcher_check_arm_store(struct watcher *w, const struct pt_store *store)
{
	if (!watcher_is_valid(w, store->new_))
		return;
	if (watcher_is_valid(w, store->old) &&
	    watcher_needs_break(w, store->old, store->new_, store->level))
		watcher_violation(w, "changed without a break", store->va, store->old,
				  store->new_);
	for (size_t i = 0; i < w->nr_stale; i++) {
		const struct stale_word *s = &w->stale[i];

		if (s->pa == store->pa && watcher_needs_break(w, s->raw, store->new_, s->level))
			watcher_violation(w, "made before a flush", store->va, s->raw,
					  store->new_);
	}
}

/* Attributes that leaves of two sizes must not disagree about: all but A, D and software's. */
static inline uint64_t watcher_x86_attrs(const struct watcher *w, uint64_t raw, unsigned int level)
{
	uint64_t pat = raw >> (level ? 12 : 7) & 1;

	if (w->fmt.fmt == PT_FMT_X86_EPT)
		return raw & (UINT64_C(1) << 63 | 0x47f); /* #VE, XU, ignore PAT, type, X, W, R */
	return (raw & (UINT64_C(0xf8) << 56 | 0x11e)) | pat << 52;
}

static inline void watcher_check_x86_store(struct watcher *w, const struct pt_store *store)
{
	if (!watcher_is_valid(w, store->old) || !watcher_is_valid(w, store->new_) ||
	    watcher_is_table(w, store->old, store->level) ||
	    watcher_is_table(w, store->new_, store->level))
		return;
	if (watcher_x86_attrs(w, store->old, store->level) ==
	    watcher_x86_attrs(w, store->new_, store->level))
		return;
	for (size_t i = 0; i < w->nr_stale; i++) {
		const struct stale_word *s = &w->stale[i];

		if (s->level > store->level && !watcher_is_table(w, s->raw, s->level) &&
		    s->first <= store->va && store->va <= s->last)
			watcher_violation(w, "attributes changed after a split without a flush",
					  store->va, store->old, store->new_);
	}
}

static inline uint64_t *watcher_mirror(const struct watcher *w, pt_pa_t pa)
{
	uint64_t page = (pa - w->pa) >> w->info.granule_lg2;
	uint64_t offset = (pa - w->pa) & ((UINT64_C(1) << w->info.granule_lg2) - 1);

	if (!w->checked || page >= w->nr_pages || !w->mirror[page])
		return NULL;
	return &w->mirror[page][offset / 8];
}

static inline void watcher_store(void *ctx, const struct pt_store *store)
{
	struct watcher *w = ctx;
	uint64_t *mirror = watcher_mirror(w, store->pa);

	watcher_log(w, (struct event){ .kind = EVENT_STORE, .first = store->va,
				       .level = store->level, .pa = store->pa,
				       .old = store->old, .new_ = store->new_ });
	if (mirror) {
		if (*mirror != store->old)
			watcher_violation(w, "old word is not what was stored before", store->va,
					  *mirror, store->old);
		*mirror = store->new_;
	}
	if (watcher_is_arm(w))
		watcher_check_arm_store(w, store);
	else
		watcher_check_x86_store(w, store);
	if (watcher_is_valid(w, store->old) && store->old != store->new_)
		watcher_add_stale(w, store);
}

static inline void watcher_range(void *ctx, pt_va_t first, pt_va_t last, unsigned int stride_lg2)
{
	struct watcher *w = ctx;

	watcher_log(w, (struct event){ .kind = EVENT_RANGE, .first = first, .last = last,
				       .stride_lg2 = stride_lg2 });
	watcher_forget_stale(w, first, last, stride_lg2, false);
}

static inline void watcher_all(void *ctx)
{
	struct watcher *w = ctx;

	watcher_log(w, (struct event){ .kind = EVENT_ALL, .last = UINT64_MAX });
	w->nr_stale = 0;
}

static inline void watcher_tables_freed(void *ctx, pt_va_t first, pt_va_t last,
					unsigned int stride_lg2)
{
	struct watcher *w = ctx;

	watcher_log(w, (struct event){ .kind = EVENT_TABLES_FREED, .first = first, .last = last,
				       .stride_lg2 = stride_lg2 });
	watcher_forget_stale(w, first, last, stride_lg2, true);
}

static inline void watcher_top(void *ctx, unsigned int first, unsigned int last)
{
	watcher_log(ctx, (struct event){ .kind = EVENT_TOP, .first = first, .last = last });
}

static inline int watcher_alloc(void *ctx, unsigned int size_lg2, pt_pa_t *pa)
{
	struct watcher *w = ctx;
	int err = w->from.alloc(w->from.ctx, size_lg2, pa);
	unsigned int page_lg2 = w->info.granule_lg2;

	if (err)
		return err;
	watcher_log(w, (struct event){ .kind = EVENT_ALLOC, .pa = *pa });
	if (!w->checked)
		return 0;
	/* what is alloc()ed is zeroed, which is not reported; a root may be several pages */
	for (pt_pa_t page = *pa; page < *pa + (UINT64_C(1) << size_lg2);
	     page += UINT64_C(1) << page_lg2) {
		uint64_t **mirror = &w->mirror[(page - w->pa) >> page_lg2];

		free(*mirror);
		*mirror = calloc(1, (size_t)1 << page_lg2);
		if (!*mirror)
			abort();
	}
	return 0;
}

static inline void watcher_free(void *ctx, pt_pa_t pa, unsigned int size_lg2)
{
	struct watcher *w = ctx;

	watcher_log(w, (struct event){ .kind = EVENT_FREE, .pa = pa });
	for (size_t i = 0; i < w->nr_stale; i++) {
		const struct stale_word *s = &w->stale[i];

		if (s->pa >> size_lg2 == pa >> size_lg2 && !watcher_is_table(w, s->raw, s->level))
			watcher_violation(w, "table freed before a flush", s->first, s->raw, 0);
	}
	w->from.free(w->from.ctx, pa, size_lg2);
}

/* @nr_pages pages come from @pa on, through @from. @checked: stores will be reported. */
static inline void watcher_init(struct watcher *w, const struct pt_fmt_cfg *fmt,
				struct pt_phys *phys, const struct pt_table_ops *from, pt_pa_t pa,
				size_t nr_pages, bool checked)
{
	*w = (struct watcher){ .fmt = *fmt, .phys = phys, .from = *from, .checked = checked,
			       .pa = pa, .nr_pages = nr_pages };
	w->flush_ops = (struct pt_flush_ops){ watcher_range, watcher_all, watcher_tables_freed, w };
	w->watch_ops = (struct pt_watch_ops){ .store = watcher_store, .ctx = w };
	w->top_ops = (struct pt_top_ops){ watcher_top, w };
	w->mirror = calloc(nr_pages, sizeof(*w->mirror));
	if (!w->mirror || pt_format_info(fmt, &w->info))
		abort();
}

static inline struct pt_table_ops watcher_table_ops(struct watcher *w)
{
	return (struct pt_table_ops){ watcher_alloc, watcher_free, w };
}

static inline void watcher_exit(struct watcher *w)
{
	for (size_t i = 0; i < w->nr_pages; i++)
		free(w->mirror[i]);
	free(w->mirror);
	free(w->event);
	free(w->flush);
	free(w->stale);
	free(w->seen);
}

/* A CPU stored @raw in a table behind the library's back. */
static inline void watcher_note(struct watcher *w, pt_pa_t pa, uint64_t raw)
{
	if (watcher_mirror(w, pa))
		*watcher_mirror(w, pa) = raw;
}

/* No CPU runs on the tables any more, and none has anything of them cached. */
static inline void watcher_forget(struct watcher *w)
{
	w->nr_stale = 0;
	w->nr_events = 0;
	w->nr_seen = 0;
}

/* Notes what a TLB may hold now; the log begins anew. */
static inline void watcher_expect(struct watcher *w, struct pt_pgtable *pt)
{
	struct pt_range_walk walk;
	enum pt_range_walk_type type;

	watcher_forget(w);
	for (type = pt_range_walk_start(&walk, pt, 0, UINT64_MAX, PT_TYPE_PFN, PT_WALK_EACH);
	     type == PTW_PFN; type = pt_range_walk_next(&walk)) {
		w->seen = watcher_grow(w->seen, w->nr_seen, &w->max_seen, sizeof(*w->seen));
		w->seen[w->nr_seen++] = (struct seen_leaf){ walk.va,	   walk.raw,
							    walk.pa,	   walk.attr,
							    walk.size_lg2, walk.contig_lg2 };
	}
}

static inline void watcher_collect_flushes(struct watcher *w)
{
	w->nr_flushes = w->last_flush = 0;
	for (size_t i = 0; i < w->nr_events; i++) {
		const struct event *e = &w->event[i];

		if (e->kind != EVENT_RANGE && e->kind != EVENT_TABLES_FREED && e->kind != EVENT_ALL)
			continue;
		w->flush = watcher_grow(w->flush, w->nr_flushes, &w->max_flushes,
					sizeof(*w->flush));
		w->flush[w->nr_flushes++] = *e;
	}
}

/* Neighbours are mostly covered by one flush: that is asked first. */
static inline bool watcher_is_covered(struct watcher *w, const struct seen_leaf *leaf)
{
	pt_va_t last = leaf->va + ((UINT64_C(1) << leaf->size_lg2) - 1);

	for (size_t i = 0; i < w->nr_flushes; i++) {
		size_t at = (w->last_flush + i) % w->nr_flushes;
		const struct event *e = &w->flush[at];

		if (e->first <= leaf->va && last <= e->last && e->stride_lg2 <= leaf->size_lg2) {
			w->last_flush = at;
			return true;
		}
	}
	return false;
}

/* Everything that differs from what watcher_expect() saw was flushed since. */
static inline bool watcher_was_flushed(struct watcher *w, struct pt_pgtable *pt)
{
	watcher_collect_flushes(w);
	for (size_t i = 0; i < w->nr_seen; i++) {
		const struct seen_leaf *was = &w->seen[i];
		struct pt_leaf is;
		pt_attr_t lost;

		if (!pt_lookup(pt, was->va, &is) && is.pa == was->pa &&
		    is.size_lg2 == was->size_lg2 && is.contig_lg2 == was->contig_lg2) {
			lost = (is.attr ^ was->attr) & ~(PT_ATTR_ACCESSED | PT_ATTR_DIRTY);
			lost |= was->attr & ~is.attr & PT_ATTR_DIRTY;
			if (!lost)
				continue;
		}
		if (watcher_is_covered(w, was))
			continue;
		fprintf(stderr, "watcher: %#" PRIx64 " changed from %#" PRIx64
				" and was not flushed\n",
			was->va, was->raw);
		w->bad = true;
		return false;
	}
	return true;
}

static inline bool watcher_same_page(void *ctx, pt_pa_t pa, unsigned int level, uint64_t bytes)
{
	struct watcher *w = ctx;
	const uint64_t page = UINT64_C(1) << w->info.granule_lg2, *host, *mirror;

	/* a root may be several pages, each with a mirror of its own */
	for (; bytes > page; bytes -= page, pa += page)
		if (!watcher_same_page(ctx, pa, level, page))
			return false;
	mirror = watcher_mirror(w, pa);
	host = pt_phys_to_host(w->phys, pa, bytes);
	for (uint64_t i = 0; mirror && i < bytes / 8; i++)
		if (host[i] != mirror[i]) {
			fprintf(stderr, "watcher: word %" PRIu64 " of a table of level %u is %#"
					PRIx64 ", stores reported say %#" PRIx64 "\n",
				i, level, host[i], mirror[i]);
			w->bad = true;
			return false;
		}
	return true;
}

/* No violation, and in checked mode every word of every table is what was reported. */
static inline bool watcher_agrees(struct watcher *w, struct pt_pgtable *pt)
{
	if (w->checked && pt_for_each_table(pt, watcher_same_page, w))
		return false;
	return !w->bad;
}

#endif /* MODEL_WATCHER_H */
