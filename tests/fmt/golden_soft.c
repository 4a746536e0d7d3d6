/* SPDX-License-Identifier: MIT */
/*
 * Software's words by hand, each kernel's layout: see arch/x86_64/soft_x86_64.h and
 * arch/arm64/soft_arm64.h for the files of Linux that say so. And both directions at random.
 *
 *	x86     type 63:59, ~offset 58:9, exclusive 3, uffd-wp 2, soft-dirty 1
 *	6.1     offset 57:8, type 7:3, exclusive 2
 *	6.12    offset 61:12, type 10:6, uffd-wp 3, exclusive 2
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <ptlib/ptlib.h>

#include "pt/soft_word.h"

#define NR(array) (sizeof(array) / sizeof((array)[0]))
#define E PT_SOFT_EXCLUSIVE
#define WP PT_SOFT_UFFD_WP
#define SD PT_SOFT_SOFT_DIRTY
#define Y PT_SOFT_YOUNG
#define D PT_SOFT_DIRTY
#define ALL (PT_SOFT_BUILT_DEVICE | PT_SOFT_BUILT_MARKERS)

struct golden {
	uint64_t raw;
	unsigned int level;
	struct pt_soft soft;
};

#define SWAP(t, o, f)                                                                              \
	{                                                                                          \
		.kind = PT_SOFT_SWAP, .type = (t), .offset = (o), .flags = (f)                     \
	}
#define FRAME(k, p, f)                                                                             \
	{                                                                                          \
		.kind = PT_SOFT_##k, .pfn = (p), .flags = (f)                                      \
	}
#define MARK(m)                                                                                    \
	{                                                                                          \
		.kind = PT_SOFT_MARKER, .markers = PT_SOFT_MARKER_##m                              \
	}
#define MOVED(m)                                                                                   \
	{                                                                                          \
		.kind = PT_SOFT_MARKER, .markers = PT_SOFT_MARKER_##m, .flags = SD                 \
	}
#define NONE(l)                                                                                    \
	{                                                                                          \
		.kind = PT_SOFT_PROT_NONE, .leaf = (l)                                             \
	}

static struct pt_soft_cfg config(enum pt_soft_release release, enum pt_format fmt,
				 unsigned int va_bits, unsigned int pa_bits, unsigned int built)
{
	struct pt_fmt_cfg fmt_cfg;
	struct pt_soft_cfg cfg;

	assert_int_equal(pt_fmt_cfg_init(&fmt_cfg, fmt), 0);
	fmt_cfg.va_bits = va_bits;
	fmt_cfg.pa_bits = pa_bits;
	if (fmt == PT_FMT_ARM64_64K && pa_bits == 52)
		fmt_cfg.features |= PT_FEAT_LPA;
	assert_int_equal(pt_soft_cfg_init(&cfg, release, &fmt_cfg, built), 0);
	return cfg;
}

static void assert_same(const struct pt_soft *a, const struct pt_soft *b)
{
	assert_string_equal(pt_soft_kind_name(a->kind), pt_soft_kind_name(b->kind));
	assert_int_equal(a->flags, b->flags);
	assert_int_equal(a->type, b->type);
	assert_int_equal(a->markers, b->markers);
	assert_int_equal(a->offset, b->offset);
	assert_int_equal(a->pfn, b->pfn);
	assert_int_equal(a->leaf, b->leaf);
}

static void both_ways(const struct pt_soft_cfg *cfg, const struct golden *golden, size_t nr)
{
	for (size_t i = 0; i < nr; i++) {
		struct pt_soft soft = pt_soft_decode(cfg, golden[i].level, golden[i].raw);
		uint64_t raw = 0;

		assert_same(&soft, &golden[i].soft);
		assert_int_equal(pt_soft_encode(cfg, golden[i].level, &golden[i].soft, &raw), 0);
		assert_int_equal(raw, golden[i].raw);
	}
}

static void refuses(const struct pt_soft_cfg *cfg, unsigned int level, struct pt_soft soft, int err)
{
	uint64_t raw = 1234;

	assert_int_equal(pt_soft_encode(cfg, level, &soft, &raw), err);
	assert_int_equal(raw, 1234);
}

static void is_unknown(const struct pt_soft_cfg *cfg, unsigned int level, uint64_t raw)
{
	assert_int_equal(pt_soft_decode(cfg, level, raw).kind, PT_SOFT_UNKNOWN);
}

static void x86_current(void **state)
{
	struct pt_soft_cfg cfg = config(PT_SOFT_X86, PT_FMT_X86_64, 48, 52, ALL);
	/* hwpoison 24, migration 25 to 27, device 28 to 30, marker 31; young is offset bit 34 */
	static const struct golden words[] = {
		{ 0x0fffffffffffc008, 0, SWAP(1, 0x1f, E) },
		{ 0x07fffffffffbfe00, 0, SWAP(0, 0x200, 0) },
		{ 0x07fffffffffbfe06, 0, SWAP(0, 0x200, WP | SD) },
		{ 0xb800000000000008, 0, SWAP(23, 0x3ffffffffffff, E) },
		{ 0xcffffffffdb97400, 0, FRAME(MIGRATION_READ, 0x12345, 0) },
		{ 0xd7fffffffdb97402, 1, FRAME(MIGRATION_READ_EXCLUSIVE, 0x12345, SD) },
		{ 0xdfffe7fffdb97400, 2, FRAME(MIGRATION_WRITE, 0x12345, Y | D) },
		{ 0xc7ffffffff8bf400, 0, FRAME(HWPOISON, 0x3a05, 0) },
		{ 0xc7ffffffff8bf402, 0, FRAME(HWPOISON, 0x3a05, SD) },
		{ 0xe7fff80000000000, 1, FRAME(DEVICE_WRITE, 0x3ffffffff, 0) },
		{ 0xeffffffffffffc04, 0, FRAME(DEVICE_READ, 1, WP) },
		{ 0xf7fffffffffffa00, 0, FRAME(DEVICE_EXCLUSIVE, 2, 0) },
		{ 0xfffffffffffffc00, 1, MARK(UFFD_WP) },
		{ 0xfffffffffffffa00, 0, MARK(POISONED) },
		{ 0xfffffffffffff600, 0, MARK(GUARD) },
		{ 0xfffffffffffff602, 0, MOVED(GUARD) },
		/* leaves of each size whose address is inverted; bit 12 of a 2M leaf is PAT */
		{ 0x800fffffedcba166, 0, NONE(0x8000000012345067) },
		{ 0x800fffffbfc011e6, 1, NONE(0x80000000402010e7) },
		{ 0x800fffff800001e6, 2, NONE(0x80000000400000e7) },
	};

	(void)state;
	both_ways(&cfg, words, NR(words));
	/* of hugetlb, from a real 6.12: inverted down to bit 12 */
	assert_int_equal(pt_soft_decode(&cfg, 1, 0x040ffffff9dff9a0).leaf, 0x04000000062008a1);
	/* set by hardware in passing */
	assert_int_equal(pt_soft_decode(&cfg, 0, 0x60).kind, PT_SOFT_NONE);
	assert_int_equal(pt_soft_decode(&cfg, 0, 0x0fffffffffffc068).offset, 0x1f);
	assert_int_equal(pt_soft_decode(&cfg, 0, 0x8000000012345067).kind, PT_SOFT_NONE);
	is_unknown(&cfg, 1, 0x0fffffffffffc088); /* bit 7: a leaf under a split */
	is_unknown(&cfg, 1, 0x0fffffffffffc008); /* swap above level 0 */
	is_unknown(&cfg, 0, 0xffffffffffffe00 | 0xf8ull << 56); /* a marker without marks */
	is_unknown(&cfg, 0, 0xffffffffffffee00); /* a marker that does not exist */
	is_unknown(&cfg, 3, 0xc7ffffffff8bf400); /* no leaves there */
	is_unknown(&cfg, 0, 0xc7fff7ffff8bf400); /* hwpoison does not have a young bit */
	/* device 0, offset 2^50 - 1 would be an empty word */
	refuses(&cfg, 0, (struct pt_soft)SWAP(0, 0x3ffffffffffff, 0), -EINVAL);
	refuses(&cfg, 0, (struct pt_soft)SWAP(24, 1, 0), -EINVAL);
	refuses(&cfg, 0, (struct pt_soft)SWAP(0, 0x4000000000000, 0), -EINVAL);
	refuses(&cfg, 0, (struct pt_soft)SWAP(0, 1, Y), -EINVAL);
	refuses(&cfg, 1, (struct pt_soft)SWAP(0, 1, 0), -EOPNOTSUPP);
	refuses(&cfg, 0, (struct pt_soft)FRAME(MIGRATION_READ, 0x400000000, 0), -EINVAL);
	refuses(&cfg, 0, (struct pt_soft)FRAME(MIGRATION_READ, 1, E), -EINVAL);
	refuses(&cfg, 0, (struct pt_soft)FRAME(HWPOISON, 1, WP), -EINVAL);
	refuses(&cfg, 0, (struct pt_soft)FRAME(HWPOISON, 1, E), -EINVAL);
	refuses(&cfg, 1, (struct pt_soft)FRAME(DEVICE_EXCLUSIVE, 1, 0), -EOPNOTSUPP);
	refuses(&cfg, 2, (struct pt_soft)FRAME(DEVICE_WRITE, 1, 0), -EOPNOTSUPP);
	refuses(&cfg, 0, (struct pt_soft)FRAME(DEVICE_EXCLUSIVE_WRITE, 1, 0), -EOPNOTSUPP);
	refuses(&cfg, 3, (struct pt_soft)FRAME(HWPOISON, 1, 0), -EOPNOTSUPP);
	refuses(&cfg, 1, (struct pt_soft)MARK(GUARD), -EOPNOTSUPP);
	refuses(&cfg, 0, (struct pt_soft){ .kind = PT_SOFT_MARKER }, -EINVAL);
	refuses(&cfg, 0, (struct pt_soft){ .kind = PT_SOFT_MARKER, .markers = 8 }, -EINVAL);
	refuses(&cfg, 0, (struct pt_soft)NONE(0x8000000012345066), -EINVAL);
	refuses(&cfg, 0, (struct pt_soft){ .kind = PT_SOFT_NONE }, -EINVAL);
	refuses(&cfg, 0, (struct pt_soft){ .kind = PT_SOFT_UNKNOWN }, -EINVAL);
	refuses(&cfg, PT_MAX_LEVELS, (struct pt_soft)FRAME(HWPOISON, 1, 0), -EINVAL);
	refuses(&cfg, 0, (struct pt_soft){ .kind = PT_SOFT_HWPOISON, .leaf = 1 }, -EINVAL);
}

/* With 5 levels frames have 40 bits, and young is bit 40 of the offset. */
static void x86_with_5_levels(void **state)
{
	struct pt_soft_cfg cfg = config(PT_SOFT_X86, PT_FMT_X86_64, 57, 52, ALL);
	static const struct golden words[] = {
		{ 0xdff9fffffdb97400, 0, FRAME(MIGRATION_WRITE, 0x12345, Y | D) },
	};

	(void)state;
	both_ways(&cfg, words, NR(words));
}

/* Debian's 6.12 has no device memory: hwpoison is 27, as its images say. */
static void x86_6_12(void **state)
{
	struct pt_soft_cfg cfg = config(PT_SOFT_X86_6_12, PT_FMT_X86_64, 48, 52, 0);
	static const struct golden words[] = {
		{ 0xdfffffffff8bf400, 0, FRAME(HWPOISON, 0x3a05, 0) },
		{ 0xf7fffffffffdfe00, 0, FRAME(MIGRATION_WRITE, 0x100, 0) },
		{ 0xfffffffffffffc00, 0, MARK(UFFD_WP) },
	};
	static const struct golden device[] = {
		/* 23, migration 24 to 26, device write 27, read 28, exclusive write 29, read 30 */
		{ 0xbfffffffff8bf400, 0, FRAME(HWPOISON, 0x3a05, 0) },
		{ 0xdffffffffffffa00, 0, FRAME(DEVICE_WRITE, 2, 0) },
		{ 0xe7fffffffffffa00, 0, FRAME(DEVICE_READ, 2, 0) },
		{ 0xeffffffffffffa00, 0, FRAME(DEVICE_EXCLUSIVE_WRITE, 2, 0) },
		{ 0xf7fffffffffffa00, 0, FRAME(DEVICE_EXCLUSIVE, 2, 0) },
	};

	(void)state;
	both_ways(&cfg, words, NR(words));
	refuses(&cfg, 0, (struct pt_soft)FRAME(DEVICE_READ, 1, 0), -EOPNOTSUPP);
	refuses(&cfg, 0, (struct pt_soft)MARK(GUARD), -EOPNOTSUPP); /* since 6.13 */
	cfg = config(PT_SOFT_X86_6_12, PT_FMT_X86_64, 48, 52, ALL);
	both_ways(&cfg, device, NR(device));
	refuses(&cfg, 1, (struct pt_soft)FRAME(DEVICE_READ, 1, 0), -EOPNOTSUPP);
}

static void arm64_6_1(void **state)
{
	/* Debian's: neither device memory nor markers; hwpoison 27, swap-in error 31 */
	struct pt_soft_cfg cfg = config(PT_SOFT_ARM64_6_1, PT_FMT_ARM64_4K, 48, 48, 0);
	static const struct golden words[] = {
		{ 0x0000000000001f0c, 0, SWAP(1, 0x1f, E) },
		{ 0x03ffffffffffffd0, 0, SWAP(26, 0x3ffffffffffff, 0) },
		{ 0x00000000061e14d8, 0, FRAME(HWPOISON, 0x61e14, 0) },
		{ 0x00000000012345e0, 1, FRAME(MIGRATION_READ, 0x12345, 0) },
		{ 0x00001000012345e8, 2, FRAME(MIGRATION_READ_EXCLUSIVE, 0x12345, Y) },
		{ 0x00002000012345f0, 0, FRAME(MIGRATION_WRITE, 0x12345, D) },
		{ 0x00000000000000f8, 0, MARK(POISONED) },
		/* bit 58 set and bit 0 clear: a page, a 2M block, a contiguous 2M block */
		{ 0x0460000060805fc2, 0, NONE(0x0060000060805fc3) },
		{ 0x0460000066600fc0, 1, NONE(0x0060000066600fc1) },
		{ 0x0470000066600fc0, 1, NONE(0x0070000066600fc1) },
	};
	struct pt_soft soft;

	(void)state;
	both_ways(&cfg, words, NR(words));
	/* Linux 6.1, swapops.h, make_swapin_error_entry(): a frame is its offset */
	soft = pt_soft_decode(&cfg, 0, 0x00000000061e14f8);
	assert_same(&soft, &(struct pt_soft)MARK(POISONED));
	is_unknown(&cfg, 1, 0x0860000066600fc0); /* bit 59: a block under a split */
	is_unknown(&cfg, 0, 0x00000000061e14da); /* bit 1 */
	/* offset 0 of device 0 would be an empty word */
	refuses(&cfg, 0, (struct pt_soft)SWAP(0, 0, 0), -EINVAL);
	refuses(&cfg, 0, (struct pt_soft)SWAP(0, 1, WP), -EOPNOTSUPP);
	refuses(&cfg, 0, (struct pt_soft)SWAP(0, 1, SD), -EOPNOTSUPP);
	refuses(&cfg, 0, (struct pt_soft)MARK(UFFD_WP), -EOPNOTSUPP);
	refuses(&cfg, 3, (struct pt_soft)FRAME(HWPOISON, 1, 0), -EOPNOTSUPP);
	/* with markers, 30, that one is none of them: it has a type of its own */
	cfg = config(PT_SOFT_ARM64_6_1, PT_FMT_ARM64_4K, 48, 48, PT_SOFT_BUILT_MARKERS);
	soft = pt_soft_decode(&cfg, 0, 0x00000000000000f8);
	assert_same(&soft, &(struct pt_soft)MARK(POISONED));
	is_unknown(&cfg, 0, 0x00000000000002f0);
}

static void arm64_6_12(void **state)
{
	struct pt_soft_cfg cfg = config(PT_SOFT_ARM64_6_12, PT_FMT_ARM64_4K, 48, 48, 0);
	static const struct golden words[] = {
		{ 0x000000000001f04c, 0, SWAP(1, 0x1f, E | WP) },
		{ 0x000000003a0056c0, 0, FRAME(HWPOISON, 0x3a005, 0) },
		{ 0x0000000012345700, 0, FRAME(MIGRATION_READ, 0x12345, 0) },
		{ 0x00000000000017c0, 0, MARK(UFFD_WP) },
		{ 0x00000000000027c0, 0, MARK(POISONED) },
		/* nG, bit 11, says so: the word is the leaf without bit 0 */
		{ 0x0060000060805fc2, 0, NONE(0x0060000060805fc3) },
		{ 0x0070000066600fc0, 1, NONE(0x0070000066600fc1) },
	};

	(void)state;
	both_ways(&cfg, words, NR(words));
	refuses(&cfg, 0, (struct pt_soft)MARK(GUARD), -EOPNOTSUPP);
	refuses(&cfg, 0, (struct pt_soft)SWAP(0, 1, SD), -EOPNOTSUPP);
}

static void arm64_current(void **state)
{
	struct pt_soft_cfg cfg = config(PT_SOFT_ARM64, PT_FMT_ARM64_4K, 48, 48, ALL);
	static const struct golden words[] = {
		{ 0x0000000061e14600, 0, FRAME(HWPOISON, 0x61e14, 0) },
		{ 0x0000000012345640, 0, FRAME(MIGRATION_READ, 0x12345, 0) },
		{ 0x00030000123456c0, 1, FRAME(MIGRATION_WRITE, 0x12345, Y | D) },
		{ 0x0000000000007780, 0, FRAME(DEVICE_EXCLUSIVE, 7, 0) },
		{ 0x00000000000047c0, 0, MARK(GUARD) },
	};
	/* frames of 40 bits; 64K pages and 52-bit addresses again have 36 */
	static const struct golden wide[] = {
		{ 0x00300000123456c0, 3, FRAME(MIGRATION_WRITE, 0x12345, Y | D) },
	};
	static const struct golden large[] = {
		{ 0x00030000123456c0, 2, FRAME(MIGRATION_WRITE, 0x12345, Y | D) },
	};

	(void)state;
	both_ways(&cfg, words, NR(words));
	is_unknown(&cfg, 1, 0x00000000000047c0); /* guards are of pages */
	cfg = config(PT_SOFT_ARM64, PT_FMT_ARM64_4K_LPA2, 52, 52, ALL);
	both_ways(&cfg, wide, NR(wide));
	cfg = config(PT_SOFT_ARM64, PT_FMT_ARM64_64K, 52, 52, ALL);
	both_ways(&cfg, large, NR(large));
}

static void configurations(void **state)
{
	struct pt_fmt_cfg fmt;
	struct pt_soft_cfg cfg;

	(void)state;
	assert_int_equal(pt_fmt_cfg_init(&fmt, PT_FMT_X86_64), 0);
	assert_int_equal(pt_soft_cfg_init(&cfg, PT_SOFT_ARM64, &fmt, 0), -EINVAL);
	assert_int_equal(pt_soft_cfg_init(&cfg, (enum pt_soft_release)99, &fmt, 0), -EINVAL);
	assert_int_equal(pt_soft_cfg_init(&cfg, PT_SOFT_X86, &fmt, 4), -EINVAL);
	fmt.va_bits = 50;
	assert_int_equal(pt_soft_cfg_init(&cfg, PT_SOFT_X86, &fmt, 0), -EINVAL);
	assert_int_equal(pt_fmt_cfg_init(&fmt, PT_FMT_ARM64_4K), 0);
	assert_int_equal(pt_soft_cfg_init(&cfg, PT_SOFT_X86, &fmt, 0), -EINVAL);
	assert_int_equal(pt_fmt_cfg_init(&fmt, PT_FMT_X86_EPT), 0);
	assert_int_equal(pt_soft_cfg_init(&cfg, PT_SOFT_X86, &fmt, 0), -EOPNOTSUPP);
	assert_int_equal(pt_fmt_cfg_init(&fmt, PT_FMT_ARM64_S2_4K), 0);
	assert_int_equal(pt_soft_cfg_init(&cfg, PT_SOFT_ARM64, &fmt, 0), -EOPNOTSUPP);
	assert_string_equal(pt_soft_kind_name(PT_SOFT_PROT_NONE), "prot none");
	assert_string_equal(pt_soft_kind_name((enum pt_soft_kind)99), "unknown");
}

/* soft.h: -EINVAL for a field that the kind does not have. */
static void fields_of_other_kinds_are_refused(void **state)
{
	struct pt_soft_cfg cfg = config(PT_SOFT_X86, PT_FMT_X86_64, 48, 52, ALL);

	(void)state;
	refuses(&cfg, 0, (struct pt_soft){ .kind = PT_SOFT_HWPOISON, .pfn = 1, .type = 1 },
		-EINVAL);
	refuses(&cfg, 0, (struct pt_soft){ .kind = PT_SOFT_HWPOISON, .pfn = 1, .offset = 1 },
		-EINVAL);
	refuses(&cfg, 0, (struct pt_soft){ .kind = PT_SOFT_HWPOISON, .pfn = 1, .markers = 1 },
		-EINVAL);
	refuses(&cfg, 0,
		(struct pt_soft){ .kind = PT_SOFT_MARKER,
				  .markers = PT_SOFT_MARKER_POISONED,
				  .pfn = 1 },
		-EINVAL);
	refuses(&cfg, 0, (struct pt_soft){ .kind = PT_SOFT_SWAP, .offset = 1, .pfn = 1 }, -EINVAL);
}

/*
 * A swap word that the library takes for its own, of a break: it is not encoded, nor does it come
 * by in a range of words; what stands right before and behind it does.
 */
static void a_word_of_the_library_itself_is_refused(void **state)
{
	struct pt_soft_cfg cfg = config(PT_SOFT_X86, PT_FMT_X86_64, 48, 46, 0);
	const struct pt_soft ours = pt_soft_decode(&cfg, 0, 0xb4ea4b4ea4b4e000);
	struct pt_pgtable_cfg table = { .mode = PT_MODE_PRIVATE, .soft = &cfg };
	struct pt_soft near = ours, found;
	const pt_va_t va = 1 << 20;
	struct pt_reserve *reserve;
	struct pt_pgtable *pt;
	struct pt_phys *phys;

	(void)state;
	assert_int_equal(ours.kind, PT_SOFT_SWAP);
	refuses(&cfg, 0, ours, -EINVAL);
	assert_int_equal(pt_phys_create_anon(&phys, 1 << 20), 0);
	assert_int_equal(pt_reserve_create(&reserve, phys, 12), 0);
	assert_int_equal(pt_reserve_add_range(reserve, 0, 1 << 20), 0);
	assert_int_equal(pt_fmt_cfg_init(&table.fmt, PT_FMT_X86_64), 0);
	table.tables = pt_reserve_ops(reserve);
	assert_int_equal(pt_pgtable_create(&pt, phys, &table), 0);
	near.offset = ours.offset - 3;
	assert_int_equal(pt_soft_set(pt, va, 4 << 12, 0, &near, NULL), -EINVAL);
	assert_int_equal(pt_soft_set(pt, va, 5 << 12, 0, &near, NULL), -EINVAL);
	assert_int_equal(pt_soft_lookup(pt, va, &found, NULL), -ENOENT);
	assert_int_equal(pt_soft_set(pt, va, 3 << 12, 0, &near, NULL), 0);
	near.offset = ours.offset + 1;
	assert_int_equal(pt_soft_set(pt, va, 3 << 12, 0, &near, NULL), 0);
	pt_pgtable_destroy(pt);
	assert_int_equal(pt_reserve_destroy(reserve), 0);
	pt_phys_destroy(phys);
}

static uint64_t next_random(uint64_t *seed)
{
	uint64_t x = *seed += 0x9e3779b97f4a7c15;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
	x = (x ^ x >> 27) * 0x94d049bb133111eb;
	return x ^ x >> 31;
}

static const struct {
	enum pt_soft_release release;
	enum pt_format fmt;
	unsigned int va_bits, pa_bits;
} kernels[] = {
	{ PT_SOFT_X86, PT_FMT_X86_64, 48, 46 },
	{ PT_SOFT_X86, PT_FMT_X86_64, 57, 52 },
	{ PT_SOFT_X86_6_12, PT_FMT_X86_64, 48, 52 },
	{ PT_SOFT_ARM64_6_1, PT_FMT_ARM64_4K, 48, 48 },
	{ PT_SOFT_ARM64_6_1, PT_FMT_ARM64_16K, 47, 48 },
	{ PT_SOFT_ARM64_6_12, PT_FMT_ARM64_64K, 52, 52 },
	{ PT_SOFT_ARM64_6_12, PT_FMT_ARM64_16K_LPA2, 52, 52 },
	{ PT_SOFT_ARM64, PT_FMT_ARM64_4K, 48, 48 },
	{ PT_SOFT_ARM64, PT_FMT_ARM64_4K_LPA2, 52, 52 },
};

static struct pt_soft random_soft(const struct pt_soft_cfg *cfg, enum pt_soft_kind kind,
				  unsigned int flags, uint64_t *seed)
{
	struct pt_soft soft = { .kind = kind, .flags = flags };
	uint64_t number = next_random(seed) >> next_random(seed) % 64;

	switch (kind) {
	case PT_SOFT_SWAP:
		soft.type = (unsigned int)(next_random(seed) % 34);
		soft.offset = number;
		break;
	case PT_SOFT_MARKER:
		soft.markers = number & 7;
		break;
	case PT_SOFT_PROT_NONE:
		/*
		 * software's mark is not the leaf's; large x86 leaves
		 * have low address bits clear
		 */
		number &= cfg->offset_flip ? ~UINT64_C(0x3fffe000) : ~UINT64_C(0);
		soft.leaf = ((number | cfg->present) & ~cfg->prot_none) | cfg->prot_none_was;
		break;
	default:
		soft.pfn = number;
	}
	return soft;
}

/* Each kind at each level with each set of marks, and words that nobody encoded. */
static void whatever_is_encoded_is_decoded(void **state)
{
	uint64_t seed = 1;
	size_t nr[PT_SOFT_NR] = { 0 };

	(void)state;
	for (size_t k = 0; k < 2 * NR(kernels); k++) {
		struct pt_soft_cfg cfg =
			config(kernels[k / 2].release, kernels[k / 2].fmt, kernels[k / 2].va_bits,
			       kernels[k / 2].pa_bits, k % 2 ? ALL : 0);

		for (unsigned int i = 0; i < PT_SOFT_NR * PT_MAX_LEVELS * 32 * 64; i++) {
			enum pt_soft_kind kind = i % PT_SOFT_NR;
			unsigned int level = i / PT_SOFT_NR % PT_MAX_LEVELS;
			unsigned int flags = i / PT_SOFT_NR / PT_MAX_LEVELS % 32;
			struct pt_soft soft = random_soft(&cfg, kind, flags, &seed), back;
			uint64_t raw;

			if (pt_soft_encode(&cfg, level, &soft, &raw))
				continue;
			nr[kind]++;
			assert_int_equal(raw & cfg.present, 0);
			assert_int_not_equal(raw & ~cfg.stray, 0);
			back = pt_soft_decode(&cfg, level, raw);
			assert_same(&back, &soft);
			back = pt_soft_decode(&cfg, level, raw | (soft.leaf ? 0 : cfg.stray));
			assert_same(&back, &soft);
		}
		for (unsigned int i = 0; i < 100000; i++) {
			uint64_t raw = next_random(&seed), again;
			unsigned int level = i % PT_MAX_LEVELS;
			struct pt_soft soft = pt_soft_decode(&cfg, level, raw), back;

			/* a word that hides no leaf: large ones have low address bits clear */
			if (cfg.offset_flip && soft.leaf & 0x3fffe000)
				continue;
			if (pt_soft_encode(&cfg, level, &soft, &again))
				continue;
			back = pt_soft_decode(&cfg, level, again);
			assert_same(&back, &soft);
		}
	}
	for (unsigned int kind = PT_SOFT_SWAP; kind < PT_SOFT_UNKNOWN; kind++)
		assert_true(nr[kind] > 100);
}

/* The walks' decoder by a table says the same as the search, or that it does not know. */
static void the_quick_decoder_agrees_with_the_thorough_one(void **state)
{
	uint64_t seed = 1;
	size_t nr[PT_SOFT_NR] = { 0 };

	(void)state;
	for (size_t k = 0; k < 2 * NR(kernels); k++) {
		const struct pt_soft_cfg cfg =
			config(kernels[k / 2].release, kernels[k / 2].fmt, kernels[k / 2].va_bits,
			       kernels[k / 2].pa_bits, k % 2 ? ALL : 0);
		struct ptl_soft_types types;

		ptl_soft_types_init(&types, &cfg);
		for (unsigned int i = 0; i < PT_SOFT_NR * 32 * 256; i++) {
			struct pt_soft soft =
				random_soft(&cfg, i % PT_SOFT_NR, i / PT_SOFT_NR % 32, &seed);
			struct pt_soft thorough, quick;
			uint64_t raw;

			if (pt_soft_encode(&cfg, 0, &soft, &raw))
				continue;
			/* Each third with one bit that may be anything. */
			if (i % 3 == 2)
				raw ^= UINT64_C(1) << next_random(&seed) % 64;
			thorough = pt_soft_decode(&cfg, 0, raw);
			if (thorough.kind == PT_SOFT_NONE ||
			    ptl_soft_decode_page(&types, &cfg, raw, &quick) == PT_SOFT_UNKNOWN)
				continue;
			assert_same(&quick, &thorough);
			nr[quick.kind]++;
		}
	}
	/* All kinds but the one that needs the level. */
	for (unsigned int kind = PT_SOFT_SWAP; kind < PT_SOFT_PROT_NONE; kind++)
		assert_true(nr[kind] > 100);
	assert_int_equal(nr[PT_SOFT_PROT_NONE], 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(x86_current),
		cmocka_unit_test(x86_with_5_levels),
		cmocka_unit_test(x86_6_12),
		cmocka_unit_test(arm64_6_1),
		cmocka_unit_test(arm64_6_12),
		cmocka_unit_test(arm64_current),
		cmocka_unit_test(configurations),
		cmocka_unit_test(fields_of_other_kinds_are_refused),
		cmocka_unit_test(a_word_of_the_library_itself_is_refused),
		cmocka_unit_test(whatever_is_encoded_is_decoded),
		cmocka_unit_test(the_quick_decoder_agrees_with_the_thorough_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
