/* SPDX-License-Identifier: MIT */
/*
 * golden.h - words written out by hand, against the format header that was included before: both
 * ways for leaves and tables, one way for what nobody would write.
 */
#ifndef FMT_GOLDEN_H
#define FMT_GOLDEN_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "pt/fmt_api.h"

#define R PT_ATTR_READ
#define W PT_ATTR_WRITE
#define X PT_ATTR_EXEC
#define XO PT_ATTR_EXEC_OTHER
#define U PT_ATTR_USER
#define G PT_ATTR_GLOBAL
#define A PT_ATTR_ACCESSED
#define D PT_ATTR_DIRTY

struct golden_leaf {
	uint64_t raw;
	unsigned int level;
	pt_pa_t pa;
	unsigned int contig_lg2;
	pt_attr_t attr;
};

struct golden_kind {
	uint64_t raw;
	unsigned int level;
	enum ptl_kind kind;
	enum pt_illegal why;
};

#define NR(array) (sizeof(array) / sizeof((array)[0]))

/* The usual configuration, with these features besides or without. */
static inline struct ptl_fmt golden_fmt(enum pt_format fmt, unsigned int va_bits,
					unsigned int pa_bits, unsigned int with,
					unsigned int without)
{
	struct ptl_fmt f = { 0 };

	assert_int_equal(pt_fmt_cfg_init(&f.cfg, fmt), 0);
	f.cfg.va_bits = va_bits;
	f.cfg.pa_bits = pa_bits;
	f.cfg.features = (f.cfg.features | with) & ~without;
	assert_int_equal(fmt_init(&f), 0);
	fmt_init_decode(&f);
	return f;
}

static inline void golden_decodes(const struct ptl_fmt *f, const struct golden_leaf *leaf)
{
	assert_int_equal(fmt_kind(leaf->raw, leaf->level, f), PTL_LEAF);
	assert_true(fmt_is_leaf(leaf->raw, leaf->level, f));
	assert_false(fmt_is_table(leaf->raw, leaf->level, f));
	assert_int_equal(fmt_leaf_pa(leaf->raw, leaf->level, 0, f), leaf->pa);
	assert_int_equal(fmt_contig_lg2(leaf->raw, leaf->level, f), leaf->contig_lg2);
	assert_int_equal(fmt_decode(leaf->raw, leaf->level, f), leaf->attr);
}

static inline void golden_leaves(const struct ptl_fmt *f, const struct golden_leaf *leaf, size_t nr)
{
	for (; nr--; leaf++) {
		uint64_t proto = 0;

		golden_decodes(f, leaf);
		assert_int_equal(fmt_encode(leaf->attr, leaf->level, f, &proto), 0);
		assert_int_equal(fmt_make_leaf(proto, leaf->pa, leaf->level, leaf->contig_lg2, f),
				 leaf->raw);
	}
}

static inline void golden_table(const struct ptl_fmt *f, uint64_t raw, unsigned int level,
				pt_pa_t pa)
{
	assert_int_equal(fmt_kind(raw, level, f), PTL_TABLE);
	assert_true(fmt_is_table(raw, level, f));
	assert_int_equal(fmt_table_pa(raw, f), pa);
	assert_int_equal(fmt_make_table(pa, f), raw);
}

static inline void golden_kinds(const struct ptl_fmt *f, const struct golden_kind *k, size_t nr)
{
	for (; nr--; k++) {
		assert_int_equal(fmt_kind(k->raw, k->level, f), k->kind);
		if (k->kind == PTL_ILLEGAL)
			assert_int_equal(fmt_illegal(k->raw, k->level, f), k->why);
	}
}

/* Attributes that a leaf of @level cannot have. */
static inline void golden_refuses(const struct ptl_fmt *f, unsigned int level, pt_attr_t attr)
{
	uint64_t proto = 0;

	assert_int_equal(fmt_encode(attr, level, f, &proto), -EOPNOTSUPP);
}

#endif /* FMT_GOLDEN_H */
