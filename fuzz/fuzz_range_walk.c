/* SPDX-License-Identifier: MIT */
/*
 * A program that makes a table of everything a table can hold, and walks of it: each covers its
 * range once and in order, and says of every address what the naive walker of tests/model says, in
 * runs that are no longer than they may be and no shorter than they must be. On all formats, with
 * and without a kernel's encodings, folios, areas and locks.
 *
 * Input: [config] [mode] [kernel], then operations: [op] arguments.
 */
#include <string.h>

#include <ptlib/ptlib.h>

#include "fuzz_input.h"
#include "model/configs.h"
#include "model/naive_walk.h"
#include "model/page_source.h"

#define NR_TABLE_PAGES 256
#define NR_FOLIOS 8
#define POOL (UINT64_C(32) << 20)
#define MAX_OPS 40
#define MAX_AREAS 4
#define MAX_PAGES 1024
#define RX (PT_ATTR_READ | PT_ATTR_EXEC)

/* Made at the first input that needs it, and used again. */
struct arena {
	struct pt_phys *phys;
	struct page_source source;
	struct pt_zone *zone;
	pt_pa_t pool;
	struct naive_folio folio[NR_FOLIOS];
};

struct world {
	struct pt_fmt_cfg fmt;
	struct pt_format_info info;
	struct arena *arena;
	struct pt_soft_cfg soft;
	enum naive_kernel kernel;
	struct pt_pgtable *pt;
	uint64_t page;
	pt_va_t va;
	size_t nr_pages;
	struct pt_area area[MAX_AREAS];
	enum pt_area_verdict verdict[MAX_AREAS];
	size_t nr_areas;
};

static struct arena arenas[NR_CONFIGS];

/* Folios of every order that there is, and neighbours among them. */
static void make_folios(struct arena *arena, unsigned int granule_lg2)
{
	static const unsigned int orders[NR_FOLIOS] = { 0, 0, 1, 2, 2, 4, 6, 6 };

	for (size_t i = 0; i < NR_FOLIOS; i++) {
		struct pt_alloc how = { .order = orders[i] + granule_lg2 - 12 };
		pt_pa_t pa;

		if (how.order > 10)
			how.order = 10;
		FUZZ_CHECK_EQ(pt_alloc_pages(arena->zone, NULL, &how, &pa), 0);
		arena->folio[i] =
			(struct naive_folio){ pa, pa + (UINT64_C(4096) << how.order) - 1 };
	}
}

static struct arena *arena_get(size_t config, const struct pt_fmt_cfg *fmt,
			       unsigned int granule_lg2)
{
	struct arena *arena = &arenas[config];
	uint64_t tables = (uint64_t)NR_TABLE_PAGES << granule_lg2;
	struct pt_phys_region regions[2] = {
		{ .pa = (UINT64_C(1) << fmt->pa_bits) - tables, .len = tables, .fd = -1 },
		{ .pa = UINT64_C(1) << (fmt->pa_bits - 2), .len = POOL, .fd = -1 },
	};
	struct pt_extent range = { .pa = regions[1].pa, .len = POOL };
	struct pt_zone_cfg cfg = { .ranges = &range, .nr_ranges = 1 };

	if (arena->phys)
		return arena;
	FUZZ_CHECK_EQ(pt_phys_create(&arena->phys, regions, 2, 12), 0);
	page_source_init(&arena->source, arena->phys, regions[0].pa, granule_lg2, NR_TABLE_PAGES);
	FUZZ_CHECK_EQ(pt_zone_create(&arena->zone, arena->phys, &cfg), 0);
	arena->pool = range.pa;
	make_folios(arena, granule_lg2);
	return arena;
}

static void world_begin(struct world *w, struct fuzz_input *in)
{
	size_t config = fuzz_index(in, NR_CONFIGS);
	struct pt_pgtable_cfg cfg = { 0 };
	unsigned int levels;

	*w = (struct world){ .fmt = config_fmt(&configs[config]) };
	FUZZ_CHECK_EQ(pt_format_info(&w->fmt, &w->info), 0);
	w->arena = arena_get(config, &w->fmt, w->info.granule_lg2);
	levels = w->info.nr_levels;
	w->page = UINT64_C(1) << w->info.granule_lg2;
	w->va = w->info.first + (levels > 1 ? UINT64_C(1) << w->info.leaf_lg2[1] : 0);
	/* up to the last bytes of the lower, or only, half */
	if (fuzz_bool(in))
		w->va = (w->fmt.fmt == PT_FMT_X86_64 ? UINT64_C(1) << (w->fmt.va_bits - 1)
						     : w->info.last + 1) -
			(levels > 1 ? UINT64_C(2) << w->info.leaf_lg2[1]
				    : w->page << w->info.entries_lg2[0]);
	w->nr_pages = levels > 1 ? (size_t)2 << w->info.entries_lg2[0]
				 : (size_t)1 << w->info.entries_lg2[0];
	if (w->nr_pages > MAX_PAGES) /* around the border of two tables */
		w->va += (w->nr_pages - MAX_PAGES) / 2 * w->page;
	if (w->nr_pages > MAX_PAGES)
		w->nr_pages = MAX_PAGES;
	cfg.fmt = w->fmt;
	cfg.mode = fuzz_bool(in) ? PT_MODE_SHARED : PT_MODE_PRIVATE;
	cfg.tables = page_source_ops(&w->arena->source);
	cfg.walk_locks = true;
	if (!format_is_stage2(w->fmt.fmt) && fuzz_index(in, 4)) {
		enum pt_soft_release release = PT_SOFT_X86;

		w->kernel = format_is_x86(w->fmt.fmt) ? NAIVE_X86
			    : fuzz_bool(in)	      ? NAIVE_ARM
						      : NAIVE_ARM_6_1;
		if (w->kernel != NAIVE_X86)
			release = w->kernel == NAIVE_ARM ? PT_SOFT_ARM64 : PT_SOFT_ARM64_6_1;
		FUZZ_CHECK_EQ(pt_soft_cfg_init(&w->soft, release, &w->fmt,
					       PT_SOFT_BUILT_DEVICE | PT_SOFT_BUILT_MARKERS),
			      0);
		cfg.soft = &w->soft;
	}
	FUZZ_CHECK_EQ(pt_pgtable_create(&w->pt, w->arena->phys, &cfg), 0);
}

static void world_end(struct world *w)
{
	pt_pgtable_destroy(w->pt);
	FUZZ_CHECK_EQ(w->arena->source.nr_live, 0);
}

/* A part of the window: few pages, or up to all of it; sometimes as a large leaf would lie. */
static void any_range(const struct world *w, struct fuzz_input *in, pt_va_t *va, uint64_t *len)
{
	size_t first = fuzz_index(in, w->nr_pages), nr;

	nr = 1 + (fuzz_bool(in) ? fuzz_index(in, 12) : fuzz_index(in, w->nr_pages));
	if (nr > w->nr_pages - first)
		nr = w->nr_pages - first;
	*va = w->va + first * w->page;
	*len = nr * w->page;
	if (w->info.nr_levels > 2 && fuzz_index(in, 6) == 0) {
		*len = UINT64_C(1) << w->info.leaf_lg2[1];
		*va &= ~(*len - 1);
	}
}

/* A byte of a folio, or of no memory. */
static pt_pa_t any_pa(const struct world *w, struct fuzz_input *in, pt_va_t va, uint64_t len)
{
	size_t i = fuzz_index(in, NR_FOLIOS + 2);
	pt_pa_t pa;

	if (i >= NR_FOLIOS)
		return w->arena->pool + POOL + (va & (POOL - 1)) + (i - NR_FOLIOS) * len;
	pa = w->arena->folio[i].first + fuzz_u8(in) % 8 * w->page;
	return pa <= w->arena->folio[i].last ? pa : w->arena->folio[i].first;
}

static pt_attr_t any_attr(const struct world *w, struct fuzz_input *in)
{
	uint8_t bits = fuzz_u8(in);
	pt_attr_t attr = 0;

	attr |= bits & 1 ? PT_ATTR_WRITE : 0;
	attr |= bits & 2 ? PT_ATTR_ACCESSED : 0;
	attr |= bits & 4 ? PT_ATTR_DIRTY : 0;
	attr |= bits & 8 && bits & 16 ? PT_ATTR_SW(bits >> 5 & 7) : 0;
	return attr & w->info.attrs;
}

static struct pt_soft any_soft(const struct world *w, struct fuzz_input *in)
{
	struct pt_soft soft = { .kind = (enum pt_soft_kind)fuzz_range(in, 1, PT_SOFT_UNKNOWN - 1) };
	uint16_t number = fuzz_u16(in);

	if (soft.kind == PT_SOFT_SWAP) {
		soft.type = fuzz_u8(in) % w->soft.nr_devices;
		soft.offset = 1 + number;
	} else if (soft.kind == PT_SOFT_MARKER) {
		soft.markers = number % 7 + 1;
	} else {
		soft.pfn = number;
	}
	soft.flags = fuzz_u8(in) & 31;
	return soft;
}

/* A word that nobody encoded, in a table of level 0. */
static void poke(const struct world *w, struct fuzz_input *in, pt_va_t va)
{
	struct pt_step steps[PT_MAX_LEVELS];
	unsigned int nr;
	uint64_t raw;
	int err = pt_trace(w->pt, va, steps, &nr);

	if (err && err != -ENOENT)
		return;
	if (steps[nr - 1].level && nr < w->info.nr_levels && err)
		return;
	raw = fuzz_index(in, 4) ? fuzz_u64(in) : raw_reserved(&w->fmt, steps[nr - 1].level);
	if (format_is_present(&w->fmt, raw) && raw != raw_reserved(&w->fmt, steps[nr - 1].level))
		raw &= ~UINT64_C(7) & ~UINT64_C(0x400);
	FUZZ_CHECK_EQ(pt_phys_write(w->arena->phys,
				    steps[nr - 1].table_pa + 8 * (uint64_t)steps[nr - 1].index,
				    &raw, 8),
		      0);
}

/* A table that lets less through, or all of it again. */
static void limit(const struct world *w, pt_va_t va, bool write)
{
	struct pt_step steps[PT_MAX_LEVELS];
	unsigned int nr;
	uint64_t raw;
	int err = pt_trace(w->pt, va, steps, &nr);

	if ((err && err != -ENOENT) || nr < 2)
		return;
	raw = steps[nr - 2].raw;
	if (format_is_x86(w->fmt.fmt)) /* R/W; U/S, or EPT: X */
		raw ^= write ? UINT64_C(2) : UINT64_C(4);
	else if (!format_is_stage2(w->fmt.fmt)) /* APTable[1]; UXNTable */
		raw ^= write ? UINT64_C(1) << 62 : UINT64_C(1) << 60;
	FUZZ_CHECK_EQ(pt_phys_write(w->arena->phys,
				    steps[nr - 2].table_pa + 8 * (uint64_t)steps[nr - 2].index,
				    &raw, 8),
		      0);
}

/* What a change returns is for other targets to check; here it makes tables. */
static void any_change(struct world *w, struct fuzz_input *in)
{
	struct pt_change change = { .flags = fuzz_u8(in) };
	unsigned int op = fuzz_u8(in) % 12, level = w->info.nr_levels > 2 && fuzz_index(in, 4) == 0;
	struct pt_soft soft;
	pt_attr_t attr;
	uint64_t len;
	pt_va_t va;
	int err = 0;

	any_range(w, in, &va, &len);
	attr = any_attr(w, in);
	if (fuzz_bool(in))
		change.max_lg2 = w->info.granule_lg2;
	switch (op) {
	case 0:
	case 1:
	case 2:
		err = pt_map(w->pt, va, any_pa(w, in, va, len), len, RX | attr, &change);
		break;
	case 3:
		err = pt_unmap(w->pt, va, len, &change);
		break;
	case 4:
	case 5:
		soft = w->kernel ? any_soft(w, in) : (struct pt_soft){ 0 };
		if (soft.kind == PT_SOFT_PROT_NONE)
			err = pt_soft_hide(w->pt, va, len, 0, 0, &change);
		else
			err = pt_soft_set(w->pt, va, len, level, &soft, &change);
		break;
	case 6:
		err = pt_soft_hide(w->pt, va, len, 0, attr, &change);
		break;
	case 7:
		err = pt_soft_show(w->pt, va, len, attr, 0, &change);
		break;
	case 8:
		err = pt_soft_map(w->pt, va, any_pa(w, in, va, len), len, RX | attr, &change);
		break;
	case 9:
		err = pt_protect(w->pt, va, len, attr, fuzz_bool(in) ? PT_ATTR_WRITE : 0, &change);
		break;
	case 10:
		if (change.flags & 0x40)
			limit(w, va, change.flags & 1);
		else
			poke(w, in, va);
		break;
	default:
		err = fuzz_bool(in) ? pt_soft_split(w->pt, va, len, 0, &change)
				    : pt_collapse(w->pt, va, len, 1, &change);
	}
	FUZZ_CHECK(err <= 0 && pt_strerror(err));
}

static enum pt_area_verdict next_area(void *ctx, pt_va_t va, struct pt_area *area)
{
	const struct world *w = ctx;

	for (size_t i = 0; i < w->nr_areas; i++)
		if (w->area[i].last >= va) {
			*area = w->area[i];
			return w->verdict[i];
		}
	return PT_AREA_END;
}

static void make_areas(struct world *w, struct fuzz_input *in)
{
	size_t at = fuzz_index(in, 8);

	for (w->nr_areas = 0; w->nr_areas < MAX_AREAS && at < w->nr_pages; w->nr_areas++) {
		size_t nr = 1 + fuzz_index(in, w->nr_pages - at);

		w->area[w->nr_areas] = (struct pt_area){
			.first = w->va + at * w->page,
			.last = w->va + (at + nr) * w->page - 1,
			.flags = fuzz_bool(in) ? PT_AREA_PFN_MAP : 0,
		};
		/* Pages of a contiguous block's size, or of a leaf of level 1. */
		if (fuzz_index(in, 4) == 0)
			w->area[w->nr_areas].huge_lg2 = w->info.granule_lg2 + w->info.contig_lg2[0];
		else if (fuzz_index(in, 8) == 0 && w->info.nr_levels > 1)
			w->area[w->nr_areas].huge_lg2 = w->info.leaf_lg2[1];
		w->verdict[w->nr_areas] = PT_AREA_WALK + fuzz_index(in, 5) / 3;
		at += nr + (fuzz_bool(in) ? fuzz_index(in, 5) : 0);
	}
}

/* A walk and what it may be asked. */
struct check {
	struct world *w;
	struct pt_range_walk *walk;
	struct naive naive;
	enum pt_range_walk_type type;
	unsigned int types, flags;
	bool areas;
	const struct pt_area *area; /* of the run or gap in hand; NULL: there are none */
	/* of the run in hand */
	pt_va_t at;
	struct naive_entry first;
	unsigned int nr;
	bool write, young, dirty;
	/* of the one before */
	struct naive_entry before;
	pt_va_t before_end;
};

static bool same_bits(const struct check *c, const struct naive_entry *a,
		      const struct naive_entry *b)
{
	bool folio = a->type == PTW_FOLIO, ad = c->flags & PT_WALK_RESPECT_AD;

	if (c->flags & PT_WALK_EFFECTIVE && a->limits != b->limits)
		return false;

	return (!ad || (a->young == b->young && a->dirty == b->dirty)) &&
	       ((folio && !(c->flags & PT_WALK_RESPECT_WRITE)) || a->write == b->write);
}

static bool may_write(const struct check *c, const struct naive_entry *e)
{
	return e->write && !(c->flags & PT_WALK_EFFECTIVE && e->limits & NAIVE_NO_WRITE);
}

/* Bytes from where the page begins that @e is of to @va: in areas of huge pages words are alike. */
static uint64_t within(const struct check *c, const struct naive_entry *e, pt_va_t va)
{
	unsigned int lg2 = c->areas ? c->walk->area.huge_lg2 : 0;

	if (lg2 > c->w->info.leaf_lg2[e->level])
		return va & ((UINT64_C(1) << lg2) - 1);
	return va - e->first;
}

/* One word a run, or as many alike as make a huge page. */
static bool may_be_alike(const struct check *c, const struct naive_entry *e)
{
	const struct pt_range_walk *walk = c->walk;
	unsigned int lg2 = c->areas ? walk->area.huge_lg2 : 0;

	if (c->nr == 1)
		return true;
	return lg2 > c->w->info.leaf_lg2[e->level] && !(c->flags & PT_WALK_EACH) &&
	       !((walk->va ^ (walk->va + walk->len - 1)) >> lg2) &&
	       !((e->raw ^ c->first.raw) & ~c->w->soft.stray);
}

/*
 * The naive walk knows no areas: PFN maps have no folios, and in areas of huge pages each leaf that
 * is not larger is of a folio of that size, whether or not descriptors know it.
 */
static enum pt_range_walk_type type_in_area(const struct check *c, const struct naive_entry *e)
{
	const struct pt_area *area = c->area;

	if (!area || (e->type != PTW_FOLIO && e->type != PTW_PFN))
		return e->type;
	if (area->flags & PT_AREA_PFN_MAP || c->flags & PT_WALK_PFNS)
		return PTW_PFN;
	if (!e->special && area->huge_lg2 > c->w->info.granule_lg2 &&
	    area->huge_lg2 >= c->w->info.leaf_lg2[e->level])
		return PTW_FOLIO;
	return e->type;
}

/* The folio is the one of the run's first leaf, which descriptors know, or the area alone. */
static void check_folio(const struct check *c, const struct naive_entry *e)
{
	const struct pt_range_walk *walk = c->walk;

	if (c->first.folio == NAIVE_NO_FOLIO) {
		FUZZ_CHECK_EQ(walk->folio, e->pa >> walk->area.huge_lg2 << walk->area.huge_lg2);
		return;
	}
	FUZZ_CHECK_EQ(e->folio, c->first.folio);
	FUZZ_CHECK_EQ(walk->folio, c->naive.folio[e->folio].first);
}

/* That @e belongs to the run in hand. */
static void check_entry(void *ctx, const struct naive_entry *e)
{
	struct check *c = ctx;
	const struct pt_range_walk *walk = c->walk;
	pt_va_t va = e->first > walk->va ? e->first : walk->va;
	enum pt_range_walk_type type = type_in_area(c, e);

	if (va != c->at || type != c->type || e->level != walk->level)
		fprintf(stderr, "config %u flags %#x: entry %#" PRIx64 " level %u raw %#" PRIx64
			", run %#" PRIx64 "+%#" PRIx64 " level %u raw %#" PRIx64 "\n",
			(unsigned int)(c->w->arena - arenas), c->flags, e->first, e->level, e->raw,
			walk->va, walk->len, walk->level, walk->raw);
	FUZZ_CHECK_EQ(va, c->at);
	c->at = e->last + 1;
	FUZZ_CHECK_EQ(type, c->type);
	FUZZ_CHECK_EQ(e->level, walk->level);
	if (!c->nr++) {
		c->first = *e;
		c->first.type = type;
		FUZZ_CHECK_EQ(walk->raw, e->raw);
	}
	if (type == PTW_FOLIO || type == PTW_PFN) {
		FUZZ_CHECK_EQ(e->pa + (va - e->first), walk->pa + (va - walk->va));
		FUZZ_CHECK_EQ(e->hidden, walk->hidden);
		FUZZ_CHECK_EQ(e->contig, walk->contig_lg2 != 0);
		if (type == PTW_FOLIO)
			check_folio(c, e);
		FUZZ_CHECK(same_bits(c, &c->first, e));
		c->write |= may_write(c, e);
		c->young |= e->young;
		c->dirty |= e->dirty;
	} else if (type == PTW_SWAP) {
		FUZZ_CHECK_EQ(e->device, walk->soft.type);
		FUZZ_CHECK_EQ(e->number, walk->soft.offset + c->nr - 1);
		FUZZ_CHECK_EQ(e->marks, walk->soft.flags);
	} else if (type == PTW_MARKER) {
		FUZZ_CHECK_EQ(e->number, walk->soft.markers);
		FUZZ_CHECK(may_be_alike(c, e));
	} else if (type == PTW_MIGRATION || type == PTW_HWPOISON || type == PTW_DEVICE) {
		FUZZ_CHECK_EQ(e->kind, walk->soft.kind);
		FUZZ_CHECK_EQ(c->first.number + within(c, &c->first, walk->va) / c->w->page,
			      walk->soft.pfn);
		FUZZ_CHECK_EQ(e->marks, walk->soft.flags);
		FUZZ_CHECK(may_be_alike(c, e));
	} else if (type != PTW_NONE) {
		FUZZ_CHECK_EQ(c->nr, 1);
	}
}

/* What the bits of a leaf are beside its address and the merged marks. */
static uint64_t kept_bits(const struct check *c, const struct naive_entry *e)
{
	uint64_t raw = e->raw;

	if (e->hidden)
		raw = naive_hidden(&c->naive, raw, e->level);
	if (!format_is_x86(c->w->fmt.fmt))
		return raw & ~UINT64_C(0x000ffffffffff780); /* AP[2], AF, SH or address, DBM */
	return raw & ~naive_address(&c->naive, 12) &
	       ~(c->w->fmt.fmt == PT_FMT_X86_64 ? UINT64_C(0x62) : UINT64_C(0x302));
}

/* That the run in hand could not have been part of the one before. */
static void check_maximal(const struct check *c)
{
	const struct naive_entry *a = &c->before, *b = &c->first;

	if (c->flags & (PT_WALK_EACH | PT_WALK_LOCKED) || c->areas ||
	    c->before_end != c->walk->va || a->type != b->type || a->level != b->level)
		return;
	FUZZ_CHECK(a->type != PTW_NONE);
	if (a->type == PTW_SWAP)
		FUZZ_CHECK(a->device != b->device || a->marks != b->marks ||
			   a->number + 1 != b->number);
	/* arm64 says both with one pair of bits: respect for dirty is respect for write. */
	if (c->flags & PT_WALK_RESPECT_AD && a->write != b->write &&
	    !format_is_x86(c->w->fmt.fmt))
		return;
	/* Software's marks of arm64 pages are merged where they are dirty ones. */
	if (a->type == PTW_FOLIO)
		FUZZ_CHECK(a->folio != b->folio || a->hidden != b->hidden ||
			   a->contig != b->contig || b->pa - a->pa != b->first - a->first ||
			   !same_bits(c, a, b) || kept_bits(c, a) != kept_bits(c, b));
}

static void last_entry(void *ctx, const struct naive_entry *e)
{
	*(struct naive_entry *)ctx = *e;
}

/* What nothing was said of was not asked for. */
static void check_silence(void *ctx, const struct naive_entry *e)
{
	struct check *c = ctx;

	FUZZ_CHECK(!(c->types >> (type_in_area(c, e) - PTW_NONE) & 1));
}

/* [@first, @last] was passed over: of areas that are to be walked only what was not asked for. */
static void check_gap(struct check *c, pt_va_t first, pt_va_t last)
{
	bool stopped = false;

	c->area = NULL;
	if (!c->areas) {
		naive_walk(&c->naive, first, last, check_silence, c);
		return;
	}
	for (size_t i = 0; i < c->w->nr_areas; i++) {
		const struct pt_area *area = &c->w->area[i];
		pt_va_t from = area->first > first ? area->first : first;
		pt_va_t to = area->last < last ? area->last : last;

		c->area = area;
		stopped |= c->w->verdict[i] == PT_AREA_STOP;
		if (from <= to && !stopped && c->w->verdict[i] == PT_AREA_WALK)
			naive_walk(&c->naive, from, to, check_silence, c);
	}
}

static void check_run(struct check *c)
{
	const struct pt_range_walk *walk = c->walk;

	c->area = c->areas ? &walk->area : NULL;
	c->at = walk->va;
	c->nr = 0;
	c->write = c->young = c->dirty = false;
	naive_walk(&c->naive, walk->va, walk->va + walk->len - 1, check_entry, c);
	FUZZ_CHECK(c->nr && c->at - 1 >= walk->va + walk->len - 1);
	if (c->flags & PT_WALK_EACH)
		FUZZ_CHECK_EQ(c->nr, 1);
	if (c->type == PTW_FOLIO || c->type == PTW_PFN) {
		FUZZ_CHECK_EQ(!!(walk->attr & PT_ATTR_WRITE), c->write);
		FUZZ_CHECK_EQ(!!(walk->attr & PT_ATTR_ACCESSED), c->young);
		FUZZ_CHECK_EQ(!!(walk->attr & PT_ATTR_DIRTY), c->dirty);
	}
	check_maximal(c);
	/* its last entry is what the next run is held to */
	naive_walk(&c->naive, walk->va + walk->len - 1, walk->va + walk->len - 1, last_entry,
		   &c->before);
	c->before.type = c->type;
	c->before_end = walk->va + walk->len;
}

static void any_walk(struct world *w, struct fuzz_input *in)
{
	pt_va_t first = w->va, last = w->va + w->nr_pages * w->page - 1, at;
	struct pt_range_walk walk;
	struct check c = {
		.w = w,
		.walk = &walk,
		.types = fuzz_bool(in) ? PT_TYPE_ALL : fuzz_u16(in) & PT_TYPE_ALL,
		.flags = fuzz_u8(in),
		.areas = fuzz_index(in, 3) == 0,
		.naive = { w->arena->phys, &w->fmt, &w->info, pt_pgtable_root(w->pt), w->kernel,
			   w->arena->folio, NR_FOLIOS },
	};

	if (fuzz_bool(in)) {
		first += fuzz_range(in, 0, last - first);
		last = first + fuzz_range(in, 0, last - first);
	} else if (fuzz_index(in, 8) == 0 && !c.areas) {
		first = 0;
		last = UINT64_MAX;
	}
	if (c.areas)
		make_areas(w, in);
	if (c.flags & PT_WALK_PFNS)
		c.flags &= ~PT_WALK_FOLIOS;
	if (!c.areas && !(c.flags & PT_WALK_FOLIOS))
		c.naive.folio = NULL;
	at = first;
	c.type = pt_range_walk_start_areas(&walk, w->pt,
					   c.areas ? &(struct pt_area_ops){ next_area, w } : NULL,
					   first, last, c.types, c.flags);
	for (; c.type != PTW_DONE; c.type = pt_range_walk_next(&walk)) {
		FUZZ_CHECK(c.type != PTW_ABORT && c.type != PTW_AGAIN);
		FUZZ_CHECK(c.types >> (c.type - PTW_NONE) & 1);
		FUZZ_CHECK(walk.va >= at && walk.va + walk.len - 1 <= last);
		if (walk.va > at)
			check_gap(&c, at, walk.va - 1);
		check_run(&c);
		at = walk.va + walk.len;
		if (!at)
			break;
	}
	if (at && at <= last)
		check_gap(&c, at, last);
	FUZZ_CHECK_EQ(pt_range_walk_done(&walk), 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = { data, size };
	struct world w;

	world_begin(&w, &in);
	for (unsigned int i = 0; i < MAX_OPS && in.left; i++) {
		if (fuzz_u8(&in) % 3)
			any_change(&w, &in);
		else
			any_walk(&w, &in);
	}
	any_walk(&w, &in);
	world_end(&w);
	return 0;
}
