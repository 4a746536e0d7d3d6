/* SPDX-License-Identifier: MIT */
/*
 * Arbitrary bytes as memory, registers and table images. Whatever they say: no question and no
 * change crashes, hangs, reads outside memory or returns an error that is not documented; answers
 * agree with each other; a walk gets on with each call; a change that fails has changed nothing.
 *
 * Memory is a few pages in two regions with a hole between, one of them ending within a page of
 * 64K, and one region for new tables; host pages beside each region cannot be read.
 *
 * Input: [what] [flags], then either a table image, or registers, words to be written ([page]
 * [kind] [index] ...), questions and changes, and the rest of the bytes as the content of the
 * root's page.
 */
#define _GNU_SOURCE /* memfd_create(), mremap() */

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <ptlib/ptlib.h>

#include "fuzz_input.h"
#include "model/page_source.h"
#include "model/raw_words.h"
#include "phys/phys_internal.h"

#define NR_PAGES 8 /* of 64K: so many tables of any granule */
#define PAGE_LG2 16
#define PAGE_BYTES (UINT64_C(1) << PAGE_LG2)
#define NR_REGIONS 3
#define NR_GUARDS 16
#define NR_SAMPLES 12
#define NR_POINTS 8 /* of the range of a change */
#define MAX_STEPS 40 /* of one walk; each may read PT_WALK_MAX_TABLES tables */
#define MAX_CHANGES 8

struct world {
	struct pt_phys *phys;
	struct pt_phys_region region[NR_REGIONS];
	struct page_source source;
	pt_pa_t page[NR_PAGES]; /* where tables may be */

	struct pt_fmt_cfg fmt;
	struct pt_format_info info;
	struct pt_pgtable *pt;
	bool is_dense; /* many table entries: many ways through few tables */
	pt_va_t sample[NR_SAMPLES];
	struct answer {
		pt_va_t va;
		int err;
		struct pt_leaf leaf;
	} before[NR_SAMPLES + NR_POINTS];
};

/* Host pages that cannot be read, on both sides of a region. */
struct guard {
	uint8_t *host;
	size_t len;
};

/*
 * Moves what the library mapped to between pages that cannot be read: beside it may be anything,
 * most often the descriptors of its own frames. Returns how many regions have guards.
 */
static size_t put_guards(struct pt_phys *phys, struct guard guards[NR_GUARDS])
{
	size_t nr = 0;

	for (; nr < NR_GUARDS && nr < phys->nr; nr++) {
		struct ptl_region *region = &phys->regions[nr];
		size_t len = (size_t)region->len;
		uint8_t *host = mmap(NULL, len + 2 * 4096, PROT_NONE,
				     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

		FUZZ_CHECK(host != MAP_FAILED);
		FUZZ_CHECK(mremap(region->host, len, len, MREMAP_MAYMOVE | MREMAP_FIXED,
				  host + 4096) == host + 4096);
		region->host = host + 4096;
		guards[nr] = (struct guard){ host, len + 2 * 4096 };
	}
	return nr;
}

/* After the memory between them is gone. */
static void take_guards(const struct guard *guards, size_t nr)
{
	for (size_t i = 0; i < nr; i++)
		munmap(guards[i].host, guards[i].len);
}

static void memory_init(struct world *w, unsigned int pa_bits)
{
	uint64_t half = NR_PAGES / 2 * PAGE_BYTES;
	pt_pa_t top = UINT64_C(1) << pa_bits;

	/* one region low, one as high as can be, and room for new tables between */
	w->region[0] = (struct pt_phys_region){ .pa = 0x100000, .len = half + 4096, .fd = -1 };
	w->region[1] = (struct pt_phys_region){ .pa = top - half, .len = half, .fd = -1 };
	w->region[2] = (struct pt_phys_region){ .pa = 0x1000000, .len = 16 * PAGE_BYTES, .fd = -1 };
	FUZZ_CHECK_EQ(pt_phys_create(&w->phys, w->region, 2, 12), 0);
	FUZZ_CHECK_EQ(pt_phys_add(w->phys, &w->region[2]), 0);
	for (unsigned int i = 0; i < NR_PAGES; i++)
		w->page[i] = w->region[i / (NR_PAGES / 2)].pa + i % (NR_PAGES / 2) * PAGE_BYTES;
}

static void write_word(struct world *w, pt_pa_t pa, uint64_t raw)
{
	FUZZ_CHECK_EQ(pt_phys_write(w->phys, pa, &raw, 8), 0);
}

/* One word, of a kind that makes trouble, at an entry of some page. */
static void put_word(struct world *w, struct fuzz_input *in)
{
	static const uint64_t odd[] = {
		0, 1, 2, 3, 0x20, 0x60, 0x80, 0x81, UINT64_MAX,
		UINT64_C(0xb4ea4b4ea4b4e000), UINT64_C(0xdead7ab1edead000),
	};
	pt_pa_t page = w->page[fuzz_u8(in) % NR_PAGES], target;
	uint8_t kind = fuzz_u8(in);
	unsigned int level = kind >> 4 & 3;
	uint64_t index = fuzz_u16(in) % (PAGE_BYTES / 8), raw = 0;
	unsigned int repeat = 1;

	if (kind & 0x40) /* where walks begin: the first entries */
		index %= 4;
	target = w->page[fuzz_u8(in) % NR_PAGES];
	switch (kind & 15) {
	case 0: case 1: case 2: case 3: case 4:
		raw = raw_table(&w->fmt, target);
		break;
	case 5: case 6:
		raw = raw_leaf(&w->fmt, target & ~((UINT64_C(1) << 40) - 1), level);
		break;
	case 7:
		raw = raw_leaf(&w->fmt, 0, level) | UINT64_C(1) << 52;
		repeat = 16;
		break;
	case 8:
		raw = raw_table(&w->fmt, target);
		repeat = 512; /* all entries one table */
		break;
	case 9:
		raw = odd[fuzz_u8(in) % (sizeof(odd) / sizeof(odd[0]))];
		break;
	case 10:
		raw = odd[fuzz_u8(in) % (sizeof(odd) / sizeof(odd[0]))];
		repeat = 512;
		break;
	case 11:
		raw = raw_table(&w->fmt, w->region[2].pa + fuzz_u8(in) * 4096);
		break;
	case 12:
		raw = raw_table(&w->fmt, target + fuzz_u16(in) * 64);
		break;
	case 13: /* of 4K, the last table; of a larger granule, one that begins in memory only */
		raw = raw_table(&w->fmt, w->region[0].pa + NR_PAGES / 2 * PAGE_BYTES);
		break;
	default:
		raw = fuzz_u64(in);
		break;
	}
	for (; repeat && index < PAGE_BYTES / 8; repeat--, index++) {
		write_word(w, page + 8 * index, raw);
		if ((kind & 15) == 7)
			raw += UINT64_C(1)
			       << w->info.leaf_lg2[level < w->info.nr_levels ? level : 0];
	}
}

static bool is_change_error(int err)
{
	return err == 0 || err == -EINVAL || err == -ERANGE || err == -EEXIST || err == -ENOENT ||
	       err == -ENOMEM || err == -EFAULT || err == -EOPNOTSUPP;
}

/* Everything that only looks. Answers agree with each other. */
static void ask(struct world *w, pt_va_t va)
{
	struct pt_step steps[PT_MAX_LEVELS];
	struct pt_leaf leaf;
	unsigned int nr = 99;
	pt_pa_t pa = 0;
	int err = pt_translate(w->pt, va, &pa);

	FUZZ_CHECK(err == 0 || err == -ENOENT || err == -ERANGE || err == -EFAULT);
	FUZZ_CHECK_EQ(pt_lookup(w->pt, va, &leaf), err);
	FUZZ_CHECK_EQ(pt_trace(w->pt, va, steps, &nr), err);
	FUZZ_CHECK(nr <= w->info.nr_levels);
	FUZZ_CHECK_EQ(nr == 0, err == -ERANGE);
	for (unsigned int i = 0; i < nr; i++) {
		FUZZ_CHECK_EQ(steps[i].level, w->info.nr_levels - 1 - i);
		FUZZ_CHECK(steps[i].kind == PT_KIND_ILLEGAL ||
			   (steps[i].kind == PT_KIND_TABLE) == (i + 1 < nr));
		(void)pt_entry_kind(w->pt, steps[i].raw, steps[i].level);
		(void)pt_entry_attr(w->pt, steps[i].raw, steps[i].level);
	}
	if (err)
		return;
	FUZZ_CHECK_EQ(leaf.pa, pa);
	/* a leaf may be larger than the output width: only where it begins is checked */
	FUZZ_CHECK_EQ(pa >> leaf.size_lg2 << leaf.size_lg2 >> w->fmt.pa_bits, 0);
	FUZZ_CHECK_EQ(pt_entry_attr(w->pt, leaf.raw, leaf.level), leaf.attr);
}

static unsigned int bit_of(enum pt_range_walk_type type)
{
	return type == PTW_NONE	   ? PT_TYPE_NONE :
	       type == PTW_PFN	   ? PT_TYPE_PFN :
	       type == PTW_UNKNOWN ? PT_TYPE_UNKNOWN :
	       type == PTW_ILLEGAL ? PT_TYPE_ILLEGAL :
				     0;
}

/* A run is what a question for its first and its last byte says. */
static void check_run(const struct world *w, const struct pt_range_walk *walk,
		      enum pt_range_walk_type type, unsigned int flags)
{
	pt_va_t last = walk->va + (walk->len - 1);
	struct pt_leaf leaf;
	pt_pa_t pa;

	switch (type) {
	case PTW_PFN:
		FUZZ_CHECK_EQ(pt_lookup(w->pt, walk->va, &leaf), 0);
		FUZZ_CHECK_EQ(leaf.pa, walk->pa);
		FUZZ_CHECK_EQ(leaf.raw, walk->raw);
		FUZZ_CHECK_EQ(leaf.level, walk->level);
		FUZZ_CHECK_EQ(leaf.size_lg2, walk->size_lg2);
		FUZZ_CHECK_EQ(leaf.contig_lg2, walk->contig_lg2);
		if (flags & PT_WALK_EACH && !(flags & PT_WALK_EFFECTIVE))
			FUZZ_CHECK_EQ(leaf.attr, walk->attr);
		FUZZ_CHECK_EQ(pt_translate(w->pt, last, &pa), 0);
		FUZZ_CHECK_EQ(pa, walk->pa + (walk->len - 1));
		break;
	case PTW_ILLEGAL:
		FUZZ_CHECK(walk->why != PT_LEGAL && pt_illegal_name(walk->why));
		/* hardware follows a loop until it is out of levels */
		if (walk->why != PT_ILLEGAL_LOOP)
			FUZZ_CHECK_EQ(pt_translate(w->pt, walk->va, &pa), -EFAULT);
		break;
	default:
		FUZZ_CHECK_EQ(pt_translate(w->pt, walk->va, &pa), -ENOENT);
		FUZZ_CHECK_EQ(pt_translate(w->pt, last, &pa), -ENOENT);
		break;
	}
}

static void walk_some(struct world *w, pt_va_t first, pt_va_t last, unsigned int types,
		      unsigned int flags)
{
	unsigned int nr_steps = 0, leaf1_lg2 = w->info.leaf_lg2[w->info.nr_levels > 1];
	struct pt_range_walk walk;
	enum pt_range_walk_type type;
	pt_va_t next = first;

	/* a few tables that stand in for thousands: no crash to find, only time to spend */
	if (w->is_dense && last - first > UINT64_C(64) << leaf1_lg2)
		last = first + (UINT64_C(64) << leaf1_lg2);
	for (type = pt_range_walk_start(&walk, w->pt, first, last, types, flags);
	     type != PTW_DONE && type != PTW_ABORT && nr_steps < MAX_STEPS;
	     type = pt_range_walk_next(&walk), nr_steps++) {
		if (type == PTW_AGAIN) {
			/* each call gets on, so that the walk ends some day */
			FUZZ_CHECK(walk.next_ > next && walk.next_ <= last);
			next = walk.next_;
			nr_steps += MAX_STEPS / 2;
			continue;
		}
		FUZZ_CHECK(types & bit_of(type));
		FUZZ_CHECK(walk.va >= next && walk.va <= last && walk.len);
		FUZZ_CHECK(walk.len - 1 <= last - walk.va);
		check_run(w, &walk, type, flags);
		next = walk.va + walk.len;
		if (!next)
			next = last; /* the end of all addresses */
	}
	FUZZ_CHECK_EQ(pt_range_walk_done(&walk), last < first ? -EINVAL : 0);
}

static bool count_tables(void *ctx, pt_pa_t pa, unsigned int level, uint64_t bytes)
{
	struct world *w = ctx;

	FUZZ_CHECK(level < w->info.nr_levels);
	FUZZ_CHECK(pt_phys_to_host(w->phys, pa, bytes));
	return true;
}

static bool count_findings(void *ctx, const struct pt_finding *finding)
{
	size_t *nr = ctx;

	FUZZ_CHECK(finding->bad < PT_BAD_NR && pt_bad_name(finding->bad));
	return ++*nr < 1000;
}

static void ask_all(struct world *w, struct fuzz_input *in)
{
	struct pt_usage usage;
	size_t nr = 0, nr_tables = 0;
	int err;

	FUZZ_CHECK_EQ(pt_usage(w->pt, &usage), 0);
	for (unsigned int level = 1; level < w->info.nr_levels; level++)
		nr_tables += usage.used[level] - usage.leaves[level];
	w->is_dense = nr_tables > 48;
	for (unsigned int i = 0; i < NR_SAMPLES; i++)
		ask(w, w->sample[i]);
	walk_some(w, 0, UINT64_MAX, PT_TYPE_ALL, 0);
	walk_some(w, w->sample[0], w->sample[1], PT_TYPE_ALL & fuzz_u16(in), fuzz_u8(in) & 15);
	walk_some(w, w->info.first, w->info.last, PT_TYPE_PFN | PT_TYPE_ILLEGAL, fuzz_u8(in) & 15);
	err = pt_verify(w->pt, count_findings, &nr);
	FUZZ_CHECK_EQ(err, nr ? -EFAULT : 0);
	FUZZ_CHECK_EQ(pt_for_each_table(w->pt, count_tables, w), 0);
}

/* What everything is before a change of @len bytes from @va on, most of all there. */
static void note_answers(struct world *w, pt_va_t va, uint64_t len)
{
	const pt_va_t point[NR_POINTS] = {
		va, va + len / 7, va + len / 3, va + len / 2, va + len / 5 * 4, va + len - 1,
		va + len, va - 1,
	};

	for (unsigned int i = 0; i < NR_SAMPLES + NR_POINTS; i++) {
		struct answer *answer = &w->before[i];

		answer->va = i < NR_SAMPLES ? w->sample[i] : point[i - NR_SAMPLES];
		answer->err = pt_lookup(w->pt, answer->va, &answer->leaf);
	}
}

/* @split: leaves at the ends of the range, and blocks, may have been. */
static void check_answers(const struct world *w, bool split)
{
	pt_attr_t vary = split ? PT_ATTR_ACCESSED | PT_ATTR_DIRTY : 0;

	for (unsigned int i = 0; i < NR_SAMPLES + NR_POINTS; i++) {
		const struct answer *was = &w->before[i];
		struct pt_leaf is;

		FUZZ_CHECK_EQ(pt_lookup(w->pt, was->va, &is), was->err);
		if (was->err)
			continue;
		FUZZ_CHECK_EQ(is.pa, was->leaf.pa);
		FUZZ_CHECK_EQ(is.attr & ~vary, was->leaf.attr & ~vary);
		FUZZ_CHECK(split || is.size_lg2 == was->leaf.size_lg2);
	}
}

/* Unmapped is unmapped, in however many places its tables stand. */
static void check_unmapped(const struct world *w, pt_va_t va, uint64_t len)
{
	pt_pa_t pa;

	FUZZ_CHECK_EQ(pt_translate(w->pt, va, &pa), -ENOENT);
	for (unsigned int i = NR_SAMPLES; i < NR_SAMPLES + NR_POINTS; i++)
		if (w->before[i].va - va < len)
			FUZZ_CHECK_EQ(pt_translate(w->pt, w->before[i].va, &pa), -ENOENT);
}

static void change(struct world *w, struct fuzz_input *in)
{
	uint8_t op = fuzz_u8(in), bits = fuzz_u8(in);
	uint64_t granule = UINT64_C(1) << w->info.granule_lg2;
	pt_va_t va = w->sample[op >> 4 & 7] & ~(granule - 1);
	uint64_t len = granule * (1 + fuzz_u8(in) % 40), old_len = len;
	struct pt_change ch = { .flags = bits & 7, .bad_va = 1, .done = 1 };
	struct pt_gather gather;
	struct pt_range_walk walk;
	enum pt_range_walk_type type;
	size_t nr_tables;
	bool is_unmap;
	int err;

	if (bits & 8 && w->info.nr_levels > 1) { /* a whole entry of level 1, or nearly */
		va &= ~((UINT64_C(1) << w->info.leaf_lg2[1]) - 1);
		len = UINT64_C(1) << w->info.leaf_lg2[1];
		if (bits & 16)
			len += old_len;
	}
	w->source.fail_at = bits >> 5 ? 0 : w->source.nr_allocs + 1 + (op >> 7);
	note_answers(w, va, len);
	if ((bits & 24) == 16) {
		pt_gather_begin(&gather, w->pt);
		ch.gather = &gather;
	}
	switch (op & 15) {
	case 0: case 1:
		err = pt_map(w->pt, va, (bits & 32 ? va & 0xffffffff : 0) & ~(granule - 1), len,
			     PT_ATTR_READ | PT_ATTR_EXEC, &ch);
		break;
	case 2: case 3: case 4:
		err = pt_unmap(w->pt, va, len, &ch);
		break;
	case 5: case 6:
		err = pt_protect(w->pt, va, len, fuzz_u8(in) & 0x6e,
				 fuzz_u8(in) | (bits & 64 ? PT_ATTR_MEM_MASK : 0), &ch);
		break;
	case 7: case 8:
		err = pt_split(w->pt, va, len, bits >> 6, &ch);
		break;
	case 9: case 10:
		err = pt_collapse(w->pt, va, len, bits >> 6, &ch);
		break;
	case 11:
		err = pt_test_and_clear_accessed(w->pt, va, len, &ch);
		break;
	case 12:
		err = pt_test_and_clear_dirty(w->pt, va, len, &ch);
		break;
	case 13:
		err = pt_map_probe(w->pt, va, 0, len, PT_ATTR_READ | PT_ATTR_EXEC, &ch, &nr_tables);
		check_answers(w, false);
		break;
	default:
		type = pt_range_walk_start(&walk, w->pt, va, va + (len - 1), PT_TYPE_ALL, bits & 9);
		for (unsigned int i = 0; i < 4 && type != PTW_DONE && type != PTW_ABORT; i++) {
			if (op & 1)
				err = pt_range_walk_clear(&walk, ch.gather);
			else
				err = pt_range_walk_update(&walk, PT_ATTR_SW(1), PT_ATTR_SW_MASK,
							   ch.gather);
			FUZZ_CHECK(is_change_error(err));
			type = pt_range_walk_next(&walk);
		}
		err = pt_range_walk_done(&walk);
		FUZZ_CHECK(err == 0 || err == -EINVAL);
		break;
	}
	if (ch.gather)
		pt_gather_finish(&gather);
	w->source.fail_at = 0;
	FUZZ_CHECK(is_change_error(err));
	if ((op & 15) > 10)
		return;
	is_unmap = (op & 15) >= 2 && (op & 15) <= 4;
	FUZZ_CHECK(ch.done != 1 && ch.bad_va != 1); /* written in every case */
	FUZZ_CHECK(!err || is_unmap || !ch.done);
	if (is_unmap && !err)
		check_unmapped(w, va, len);
	else if (err && !ch.done)
		check_answers(w, is_unmap);
}

/* What is saved of it opens again, and counts the same. */
static void save_and_open(struct world *w)
{
	const char *label = "fuzz";
	struct pt_image_root roots[PT_IMAGE_MAX_ROOTS];
	struct pt_usage usage, again;
	struct pt_pgtable *pt;
	struct pt_phys *phys;
	size_t nr;
	int fd = memfd_create("image", 0);

	FUZZ_CHECK(fd >= 0);
	FUZZ_CHECK_EQ(pt_image_save(fd, &w->pt, &label, 1), 0);
	FUZZ_CHECK_EQ(lseek(fd, 0, SEEK_SET), 0);
	FUZZ_CHECK_EQ(pt_image_open(fd, &phys, roots, &nr), 0);
	FUZZ_CHECK_EQ(nr, 1);
	FUZZ_CHECK_EQ(roots[0].root, pt_pgtable_root(w->pt));
	FUZZ_CHECK_EQ(pt_pgtable_open(&pt, phys,
				      &(struct pt_pgtable_cfg){ .fmt = roots[0].fmt,
								.mode = PT_MODE_PRIVATE },
				      roots[0].root),
		      0);
	FUZZ_CHECK_EQ(pt_usage(w->pt, &usage), 0);
	FUZZ_CHECK_EQ(pt_usage(pt, &again), 0);
	for (unsigned int level = 0; level < PT_MAX_LEVELS; level++) {
		FUZZ_CHECK_EQ(usage.tables[level], again.tables[level]);
		FUZZ_CHECK_EQ(usage.leaves[level], again.leaves[level]);
		FUZZ_CHECK_EQ(usage.used[level], again.used[level]);
	}
	pt_pgtable_destroy(pt);
	pt_phys_destroy(phys);
	close(fd);
}

static void watch_nothing(void *ctx, const struct pt_store *store)
{
	(void)ctx;
	FUZZ_CHECK_EQ(store->pa & 7, 0);
}

/* One table tree, opened at @root in one of the modes; questions, changes, questions. */
static void use_tables(struct world *w, struct fuzz_input *in, pt_pa_t root, uint8_t flags)
{
	const struct pt_watch_ops watch = { .store = watch_nothing, .ctx = NULL };
	struct pt_pgtable_cfg cfg = {
		.fmt = w->fmt,
		.mode = (flags & 3) == 0 ? PT_MODE_PRIVATE :
			(flags & 3) == 1 ? PT_MODE_EXCLUSIVE :
					   PT_MODE_SHARED,
		.watch = (flags & 3) == 3 ? &watch : NULL,
	};
	unsigned int nr_changes = fuzz_u8(in) % MAX_CHANGES;
	uint64_t size_lg2;
	int err;

	FUZZ_CHECK_EQ(pt_format_info(&w->fmt, &w->info), 0);
	page_source_init(&w->source, w->phys, w->region[2].pa, w->info.granule_lg2,
			 (size_t)(w->region[2].len >> w->info.granule_lg2));
	if (flags & 4)
		cfg.tables = page_source_ops(&w->source);
	err = pt_pgtable_open(&w->pt, w->phys, &cfg, root);
	FUZZ_CHECK(err == 0 || err == -EINVAL || err == -EFAULT);
	if (!err) {
		/* around the beginning of the table, of its last half, and anywhere */
		size_lg2 = w->info.leaf_lg2[w->info.nr_levels - 1];
		for (unsigned int i = 0; i < NR_SAMPLES; i++) {
			uint64_t any = fuzz_u32(in);

			w->sample[i] = w->info.first + (any & 0xffffff);
			if (i & 1)
				w->sample[i] += (uint64_t)(any >> 24 & 3) << size_lg2;
			if (i & 2)
				w->sample[i] +=
					(uint64_t)(any >> 26 & 3)
					<< w->info.leaf_lg2[(any >> 28) % w->info.nr_levels];
			if (i == 9)
				w->sample[i] = w->info.last - (any & 0xffff);
			if (i == 10)
				w->sample[i] = fuzz_u64(in);
		}
		ask_all(w, in);
		for (unsigned int i = 0; i < nr_changes; i++)
			change(w, in);
		ask_all(w, in);
		if (flags & 8)
			save_and_open(w);
		pt_pgtable_destroy(w->pt);
		/* what a foreign root no longer reaches may stay handed out */
		FUZZ_CHECK(w->source.nr_live <= w->source.nr);
	}
	page_source_exit(&w->source);
}

static void use_registers(struct fuzz_input *in, uint8_t what, uint8_t flags)
{
	struct world world = { 0 }, *w = &world;
	struct guard guards[NR_GUARDS];
	bool upper = flags & 0x10;
	struct pt_x86_regs x86 = { .cr0 = 0x80000001, .cr4 = 0x20, .efer = 0xd00 };
	struct pt_arm64_regs arm = { .mair = UINT64_C(0xf404ff440c0400ff) };
	pt_pa_t root = 0;
	uint8_t nr_words;
	size_t nr_guards;
	uint64_t rest;
	int err;

	/* the configuration first, to know where memory ends */
	if (what & 1) {
		x86.cr4 |= flags & 0x20 ? 0x1000 : 0;
		x86.maxphyaddr = flags & 0x40 ? 36 : 0;
		x86.no_1g = flags & 0x80;
		if (what & 2) {
			x86.cr0 = fuzz_u64(in);
			x86.cr4 = fuzz_u64(in);
			x86.efer = fuzz_u64(in);
			x86.pat = fuzz_u64(in);
			x86.maxphyaddr = fuzz_u8(in);
		}
		x86.cr3 = fuzz_u16(in);
		err = pt_fmt_cfg_x86_64(&w->fmt, &root, &x86);
	} else {
		arm.tcr = fuzz_u64(in);
		if (what & 2) {
			arm.mair = fuzz_u64(in);
			arm.mmfr0 = fuzz_u64(in);
			arm.mmfr1 = fuzz_u64(in);
			arm.mmfr2 = fuzz_u64(in);
		}
		arm.ttbr0 = arm.ttbr1 = fuzz_u16(in);
		err = pt_fmt_cfg_arm64(&w->fmt, &root, &arm, upper);
	}
	FUZZ_CHECK(err == 0 || err == -EINVAL || err == -ENOENT);
	if (err)
		return;
	FUZZ_CHECK_EQ(pt_format_info(&w->fmt, &w->info), 0);
	memory_init(w, w->fmt.pa_bits < 32 ? 32 : w->fmt.pa_bits);
	nr_guards = put_guards(w->phys, guards);

	/* mostly a page of ours; the register's own value else */
	if (what & 12)
		root = w->page[fuzz_u8(in) % NR_PAGES] +
		       ((uint64_t)(what >> 4 & 3) << w->info.root_align_lg2) % PAGE_BYTES;
	nr_words = fuzz_u8(in) % 48;
	for (unsigned int i = 0; i < nr_words; i++)
		put_word(w, in);
	/* the bytes from the middle on are the content of the root's page */
	rest = in->left / 2;
	if (rest > PAGE_BYTES)
		rest = PAGE_BYTES;
	if (flags & 1 && pt_phys_to_host(w->phys, root & ~(PAGE_BYTES - 1), PAGE_BYTES))
		FUZZ_CHECK_EQ(pt_phys_write(w->phys, root & ~(PAGE_BYTES - 1),
					    in->data + (in->left - rest), (size_t)rest),
			      0);
	use_tables(w, in, root, what >> 6 | (flags & 0xc));
	pt_phys_destroy(w->phys);
	take_guards(guards, nr_guards);
}

static void use_image(struct fuzz_input *in, uint8_t flags)
{
	struct pt_image_root roots[PT_IMAGE_MAX_ROOTS];
	struct guard guards[NR_GUARDS];
	size_t nr = 0, nr_guards = 0;
	struct pt_phys *phys;
	int fd = memfd_create("image", 0), err;

	FUZZ_CHECK(fd >= 0);
	/* the magic is not for the fuzzer to guess */
	if (flags & 1)
		FUZZ_CHECK_EQ(write(fd, "PTLIMG\0\1", 8), 8);
	FUZZ_CHECK_EQ(write(fd, in->data, in->left), in->left);
	FUZZ_CHECK_EQ(lseek(fd, 0, SEEK_SET), 0);
	err = pt_image_open(fd, &phys, roots, &nr);
	close(fd);
	FUZZ_CHECK(err == 0 || err == -EIO || err == -ENOMEM);
	if (err)
		return;
	for (size_t i = 0; i < nr; i++) {
		struct world world = { .phys = phys, .fmt = roots[i].fmt };
		struct fuzz_input none = { in->data, in->left };
		struct pt_phys_region room = { .pa = (UINT64_C(1) << 52) - 16 * PAGE_BYTES,
					       .len = 16 * PAGE_BYTES, .fd = -1 };

		world.region[2] = room;
		if (i || pt_phys_add(phys, &room))
			flags &= (uint8_t)~4; /* no new tables */
		if (!i)
			nr_guards = put_guards(phys, guards);
		use_tables(&world, &none, roots[i].root, flags & 0x0f);
	}
	pt_phys_destroy(phys);
	take_guards(guards, nr_guards);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = { data, size };
	uint8_t what = fuzz_u8(&in), flags = fuzz_u8(&in);

	if (what == 0xff || what == 0xfe)
		use_image(&in, flags);
	else
		use_registers(&in, what, flags);
	return 0;
}
