/* SPDX-License-Identifier: MIT */
/*
 * contract_impl.h - the last include of a file that defines PT_FMT and includes its format header;
 * defines contract_<format>.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "fmt/contract.h"
#include "model/formats.h"
#include "pt/fmt_api.h"

#define CONTRACT(cond)                                                                             \
	do {                                                                                       \
		if (!(cond)) {                                                                     \
			fprintf(stderr, "%s %u/%u features %#x: level %u word %#" PRIx64 ": %s\n", \
				PTL_STR(PT_FMT), f->cfg.va_bits, f->cfg.pa_bits, f->cfg.features,  \
				level, raw, #cond);                                                \
			return false;                                                              \
		}                                                                                  \
	} while (0)

static unsigned int level_lg2(unsigned int level)
{
	return FMT_GRANULE_LG2 + FMT_INDEX_BITS * level;
}

/* Output bits that a word can hold, whatever the width. */
static unsigned int max_pa_bits(const struct ptl_fmt *f)
{
	uint64_t proto = 0, raw;
	unsigned int bits = 63;

	if (fmt_encode(PT_ATTR_READ | PT_ATTR_EXEC | f->any_mem, 0, f, &proto))
		return 0;
	for (; bits >= FMT_GRANULE_LG2; bits--) {
		raw = fmt_make_leaf(proto, PTL_BIT(bits), 0, 0, f);
		if (bits < f->cfg.pa_bits)
			break;
		if (bits < 52 && fmt_leaf_pa(raw, 0, 0, f) == PTL_BIT(bits) &&
		    raw != proto && fmt_kind(raw, 0, f) == PTL_ILLEGAL)
			break;
	}
	return bits + 1;
}

/* Sizes tile the width, and what is told at run time is what was compiled. */
static bool contract_geometry(const struct pt_fmt_cfg *cfg, bool is_public)
{
	struct ptl_fmt fmt = { .cfg = *cfg }, *f = &fmt;
	struct pt_format_info info;
	unsigned int level = 0, top, top_lg2;
	uint64_t raw = 0;

	CONTRACT(fmt_init(f) == 0);
	fmt_init_decode(f);
	top = f->top_level;
	CONTRACT(top <= FMT_MAX_LEVEL);
	CONTRACT(f->va_mask == PTL_BITS(cfg->va_bits - 1, 0));
	/* the top table is what lower ones leave of the width: 2 entries at least */
	top_lg2 = cfg->va_bits - level_lg2(top);
	CONTRACT(cfg->va_bits > level_lg2(top) && top_lg2 <= FMT_INDEX_BITS + FMT_CONCAT_LG2);
	CONTRACT(fmt_root_align_lg2(f) >= top_lg2 + 3 || FMT_GRANULE_LG2 < 12);
	CONTRACT(fmt_root_align_lg2(f) <= FMT_GRANULE_LG2 ||
		 fmt_root_align_lg2(f) == top_lg2 + 3);
	/* validity, at and around each end */
	if (f->lower_end) {
		CONTRACT(fmt_va_valid(0, f) && fmt_va_valid(f->lower_end - 1, f));
		CONTRACT(!fmt_va_valid(f->lower_end, f));
	}
	if (f->upper_first) {
		CONTRACT(fmt_va_valid(UINT64_MAX, f) && fmt_va_valid(f->upper_first, f));
		CONTRACT(!fmt_va_valid(f->upper_first - 1, f));
	}
	CONTRACT(f->lower_end || f->upper_first);
	if (!is_public)
		return true;
	CONTRACT(pt_format_info(cfg, &info) == 0);
	CONTRACT(strcmp(info.name, PTL_STR(PT_FMT)) == 0);
	CONTRACT(info.granule_lg2 == FMT_GRANULE_LG2 && info.nr_levels == top + 1);
	CONTRACT(info.root_align_lg2 == fmt_root_align_lg2(f) && info.attrs == f->attrs);
	CONTRACT(info.first == (f->lower_end ? 0 : f->upper_first));
	CONTRACT(info.last == (f->upper_first ? UINT64_MAX : f->lower_end - 1));
	for (level = 0; level <= top; level++) {
		CONTRACT(info.leaf_lg2[level] == level_lg2(level));
		CONTRACT(info.entries_lg2[level] == (level < top ? FMT_INDEX_BITS : top_lg2));
		CONTRACT(info.can_leaf[level] == fmt_can_leaf(level, f));
		CONTRACT(info.contig_lg2[level] == fmt_contig_max_lg2(level, f));
		CONTRACT(strcmp(info.level_name[level], fmt_level_name(level, f)) == 0);
		CONTRACT(!info.contig_lg2[level] || info.can_leaf[level]);
		CONTRACT(info.contig_lg2[level] < FMT_INDEX_BITS);
	}
	return true;
}

/* As attr.h says: a format without dirty tracking ignores DIRTY; without WRITE arm64 has none. */
static bool is_same_attr(pt_attr_t got, pt_attr_t want, const struct ptl_fmt *f)
{
	return got == (want & ~format_lost_attrs(&f->cfg, want));
}

/* What accessed and dirty do to a word. */
static bool contract_ad(uint64_t raw, unsigned int level, pt_attr_t attr, const struct ptl_fmt *f)
{
	uint64_t old = fmt_mkold(raw, f), clean = fmt_mkclean(raw, f), still = fmt_still(raw, f);

	CONTRACT(fmt_is_young(raw, f) == !!(attr & PT_ATTR_ACCESSED));
	CONTRACT(fmt_is_dirty(raw, f) == !!(attr & PT_ATTR_DIRTY));
	CONTRACT(fmt_decode(old, level, f) == (attr & ~PT_ATTR_ACCESSED));
	CONTRACT(fmt_decode(clean, level, f) == (attr & ~PT_ATTR_DIRTY));
	CONTRACT(still == fmt_mkold(clean, f) && still == fmt_mkclean(old, f));
	CONTRACT(still == fmt_still(still, f));
	CONTRACT(!fmt_is_young(still, f) && !fmt_is_dirty(still, f));
	CONTRACT(fmt_merge_ad(raw, still, f) == raw && fmt_merge_ad(still, raw, f) == raw);
	CONTRACT(fmt_merge_ad(old, clean, f) == fmt_merge_ad(clean, old, f));
	CONTRACT(fmt_merge_ad(old, clean, f) == raw && fmt_merge_ad(raw, raw, f) == raw);
	CONTRACT(!fmt_needs_break(raw, still, level, f) && !fmt_needs_break(still, raw, level, f));
	return true;
}

/* Where one addition makes the next entries, they are what they are one by one. */
static bool contract_step(uint64_t raw, unsigned int level, const struct ptl_fmt *f)
{
	for (unsigned int nr = 2; nr <= 8; nr *= 2) {
		uint64_t step = fmt_leaf_step(raw, level, nr, f), word = raw;

		for (unsigned int i = 0; step && i + 1 < nr; i++, word += step)
			CONTRACT(fmt_leaf_next(word, level, i, f) == word + step);
	}
	return true;
}

/* One leaf of each size and place, and those beside it. */
static bool contract_place(uint64_t proto, pt_attr_t attr, unsigned int level, pt_pa_t pa,
			   const struct ptl_fmt *f)
{
	unsigned int lg2 = level_lg2(level), contig_lg2 = fmt_contig_max_lg2(level, f);
	uint64_t raw = fmt_make_leaf(proto, pa, level, 0, f), next, size = PTL_BIT(lg2);
	uint64_t bits = fmt_attr_bits(~(pt_attr_t)0, level, f);

	CONTRACT(fmt_kind(raw, level, f) == PTL_LEAF);
	CONTRACT(fmt_is_leaf(raw, level, f) && !fmt_is_table(raw, level, f));
	CONTRACT(is_same_attr(fmt_decode(raw, level, f), attr, f));
	CONTRACT(fmt_leaf_pa(raw, level, 0, f) == pa && fmt_contig_lg2(raw, level, f) == 0);
	CONTRACT(((raw ^ proto) & bits) == 0 && !(bits & fmt_form_bits(level, f)));
	CONTRACT(!fmt_needs_break(raw, raw, level, f));
	/* walks compare only these bits: the rest must not decide what it is */
	for (unsigned int bit = 0; bit < 64; bit++)
		if (!((bits | fmt_form_bits(level, f)) >> bit & 1))
			CONTRACT(fmt_is_leaf(raw ^ PTL_BIT(bit), level, f));
	/* each bit of the address is one: if one breaks, all do */
	for (unsigned int bit = lg2; pa == size && bit < f->cfg.pa_bits; bit++)
		CONTRACT(fmt_needs_break(raw, fmt_make_leaf(proto, pa ^ PTL_BIT(bit), level, 0, f),
					 level, f) ==
			 fmt_needs_break(raw, fmt_make_leaf(proto, pa ^ size, level, 0, f), level,
					 f));
	CONTRACT(contract_step(raw, level, f));
	/* the next entry: brute force */
	next = fmt_leaf_next(raw, level, 0, f);
	if ((pa + size) >> f->cfg.pa_bits == 0)
		CONTRACT(next == fmt_make_leaf(proto, pa + size, level, 0, f));
	else
		CONTRACT(!next);
	/* down a level and up again */
	if (level && fmt_can_leaf(level - 1, f)) {
		uint64_t child = fmt_child(raw, level, f);

		CONTRACT(fmt_kind(child, level - 1, f) == PTL_LEAF);
		CONTRACT(fmt_leaf_pa(child, level - 1, 0, f) == pa);
		CONTRACT(fmt_decode(child, level - 1, f) == fmt_decode(raw, level, f));
		CONTRACT(fmt_parent(child, level - 1, f) == raw);
		/* what means nothing in the large one means nothing in the small ones */
		for (unsigned int bit = 0; pa == size && bit < lg2; bit++)
			if (!((bits | fmt_form_bits(level, f)) >> bit & 1)) {
				child = fmt_child(raw ^ PTL_BIT(bit), level, f);
				CONTRACT(fmt_kind(child, level - 1, f) == PTL_LEAF);
				CONTRACT(fmt_leaf_pa(child, level - 1, 0, f) == pa);
			}
	}
	/* a block, entry by entry, and back */
	if (contig_lg2 && lg2 + contig_lg2 <= f->cfg.pa_bits && ptl_aligned(pa, lg2 + contig_lg2)) {
		uint64_t word = fmt_make_leaf(proto, pa, level, contig_lg2, f);

		CONTRACT(fmt_contig(raw, level, f) == word);
		for (unsigned int i = 0; i < 1u << contig_lg2; i++) {
			pt_pa_t here = pa + ((uint64_t)i << lg2);

			CONTRACT(fmt_is_leaf(word, level, f));
			CONTRACT(fmt_contig_lg2(word, level, f) == contig_lg2);
			CONTRACT(fmt_leaf_pa(word, level, i, f) == here);
			CONTRACT(fmt_decode(word, level, f) == fmt_decode(raw, level, f));
			CONTRACT(fmt_uncontig(word, level, i, f) ==
				 fmt_make_leaf(proto, here, level, 0, f));
			word = fmt_leaf_next(word, level, i, f);
		}
		raw = fmt_make_leaf(proto, pa, level, 0, f);
		CONTRACT(fmt_needs_break(raw, fmt_contig(raw, level, f), level, f) ==
			 fmt_needs_break(fmt_contig(raw, level, f), raw, level, f));
	}
	if (level) {
		uint64_t table = fmt_make_table(pa & ~PTL_BITS(11, 0), f);

		CONTRACT(fmt_needs_break(raw, table, level, f) ==
			 fmt_needs_break(table, raw, level, f));
	}
	return true;
}

/* What one change of attributes does: only bits that fmt_attr_bits() names, and no form. */
static bool contract_change(uint64_t proto, pt_attr_t attr, unsigned int level,
			    const struct ptl_fmt *f)
{
	const pt_attr_t fields[] = {
		PT_ATTR_WRITE, PT_ATTR_EXEC,	 PT_ATTR_EXEC_OTHER, PT_ATTR_USER,
		PT_ATTR_GLOBAL, PT_ATTR_ACCESSED, PT_ATTR_DIRTY,     PT_ATTR_GUARDED,
		PT_ATTR_SW(1), PT_ATTR_SW(2),	 PT_ATTR_SW(4),	     PT_ATTR_SW(8),
		PT_ATTR_KEY(1), PT_ATTR_KEY(2),	 PT_ATTR_KEY(4),     PT_ATTR_KEY(8),
		PT_ATTR_MEM(1), PT_ATTR_MEM(2), PT_ATTR_MEM(3), PT_ATTR_MEM(5), PT_ATTR_MEM(6),
		(pt_attr_t)1 << 12, (pt_attr_t)3 << 12,
		PT_ATTR_READ, PT_ATTR_IGNORE_PAT, PT_ATTR_NO_VE, PT_ATTR_ENCRYPTED,
	};
	uint64_t raw = proto, other;

	for (unsigned int i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		pt_attr_t changed = fields[i];

		if (changed & PT_ATTR_MEM_MASK)
			changed = PT_ATTR_MEM_MASK;
		if (changed & PT_ATTR_SHARE_MASK)
			changed = PT_ATTR_SHARE_MASK;
		if (fmt_encode(attr ^ fields[i], level, f, &other))
			continue;
		CONTRACT(((proto ^ other) & ~fmt_attr_bits(changed, level, f)) == 0);
		CONTRACT(!(fmt_attr_bits(changed, level, f) & fmt_form_bits(level, f)));
	}
	return true;
}

static bool contract_leaves(const struct pt_fmt_cfg *cfg)
{
	struct ptl_fmt fmt = { .cfg = *cfg }, *f = &fmt;
	unsigned int level = 0, width;
	uint64_t raw = 0, nr = 0;

	CONTRACT(fmt_init(f) == 0);
	fmt_init_decode(f);
	width = max_pa_bits(f);
	CONTRACT(width >= f->cfg.pa_bits);
	for (level = 0; level <= f->top_level; level++) {
		uint64_t lg2 = level_lg2(level), proto = 0;

		/* what cannot be a leaf there, is not */
		if (!fmt_can_leaf(level, f)) {
			for (unsigned int bit = 0; bit < 64; bit++)
				CONTRACT(!fmt_is_leaf(PTL_BIT(bit) | 1, level, f));
			continue;
		}
		for (uint64_t i = 0; i < 1u << 13; i++) {
			/* bits 7:0 of the attributes, memory types, then one thing at a time */
			pt_attr_t attr = (i & 0xff) | PT_ATTR_MEM(i >> 8 & 0xf) |
					 (f->any_mem & PT_ATTR_SHARE_MASK);
			pt_pa_t last = PTL_BITS(f->cfg.pa_bits - 1, lg2);
			pt_attr_t more[] = { 0, PT_ATTR_GUARDED, PT_ATTR_IGNORE_PAT, PT_ATTR_NO_VE,
					     PT_ATTR_ENCRYPTED,
					     PT_ATTR_SW(i % 15 + 1), PT_ATTR_KEY(i % 7 + 1),
					     (pt_attr_t)1 << 12, (pt_attr_t)3 << 12 };

			for (unsigned int m = 0; m < sizeof(more) / sizeof(more[0]); m++) {
				if (fmt_encode(attr ^ more[m], level, f, &proto))
					continue;
				nr++;
				raw = fmt_make_leaf(proto, 0, level, 0, f);
				if (!contract_place(proto, attr ^ more[m], level, 0, f) ||
				    !contract_place(proto, attr ^ more[m], level, last, f) ||
				    !contract_ad(raw, level, fmt_decode(raw, level, f), f) ||
				    !contract_change(proto, attr ^ more[m], level, f))
					return false;
			}
			if (i >> 8 != 0 && i >> 8 != 3)
				continue;
			if (fmt_encode(attr, level, f, &proto))
				continue;
			/* each address bit, and all below it: where a carry goes furthest */
			for (uint64_t bit = lg2; bit < f->cfg.pa_bits; bit++)
				if (!contract_place(proto, attr, level, PTL_BIT(bit), f) ||
				    !contract_place(proto, attr, level, PTL_BITS(bit, lg2), f))
					return false;
		}
		/* beyond the width, where the word has room for it */
		for (uint64_t bit = f->cfg.pa_bits; bit < width; bit++) {
			if (fmt_encode(PT_ATTR_READ | PT_ATTR_EXEC | f->any_mem, level, f, &proto))
				continue;
			raw = fmt_make_leaf(proto, PTL_BIT(bit), level, 0, f);
			if (raw != proto) {
				CONTRACT(fmt_kind(raw, level, f) == PTL_ILLEGAL);
				CONTRACT(fmt_illegal(raw, level, f) == PT_ILLEGAL_WIDTH);
			}
		}
	}
	CONTRACT(nr > 100);
	return true;
}

/* Any word at all is one thing, and the quick questions agree with the full one. */
static bool contract_word(uint64_t raw, unsigned int level, const struct ptl_fmt *f)
{
	enum ptl_kind kind = fmt_kind(raw, level, f);

	CONTRACT(kind >= PTL_EMPTY && kind <= PTL_DEAD);
	CONTRACT(fmt_is_leaf(raw, level, f) == (kind == PTL_LEAF));
	CONTRACT(fmt_is_table(raw, level, f) == (kind == PTL_TABLE));
	CONTRACT(kind != PTL_TABLE || level);
	CONTRACT(kind != PTL_LEAF || fmt_can_leaf(level, f));
	CONTRACT((kind == PTL_ILLEGAL || kind == PTL_LEAF || kind == PTL_TABLE) ==
		 format_is_present(&f->cfg, raw));
	CONTRACT(kind != PTL_ILLEGAL || fmt_illegal(raw, level, f) != PT_LEGAL);
	CONTRACT((kind == PTL_BREAK) == (raw == PTL_BREAK_WORD));
	CONTRACT((kind == PTL_DEAD) == (raw == PTL_DEAD_WORD));
	if (kind == PTL_LEAF) {
		CONTRACT(!(fmt_decode(raw, level, f) & ~f->attrs));
		CONTRACT(fmt_leaf_pa(raw, level, 0, f) >> f->cfg.pa_bits == 0);
		CONTRACT(ptl_aligned(fmt_leaf_pa(raw, level, 0, f), level_lg2(level)));
	}
	if (kind == PTL_TABLE) {
		CONTRACT(fmt_table_pa(raw, f) >> f->cfg.pa_bits == 0);
		CONTRACT(fmt_table_pa(fmt_make_table(fmt_table_pa(raw, f), f), f) ==
			 fmt_table_pa(raw, f));
	}
	return true;
}

static bool contract_words(const struct pt_fmt_cfg *cfg)
{
	struct ptl_fmt fmt = { .cfg = *cfg }, *f = &fmt;
	uint64_t raw = 0, seed = UINT64_C(0x9e3779b97f4a7c15);
	unsigned int level = 0;

	CONTRACT(fmt_init(f) == 0);
	fmt_init_decode(f);
	for (level = 0; level <= f->top_level; level++) {
		/* all of the low byte, with no, one and all-but-one of the other bits */
		for (uint64_t low = 0; low < 256; low++) {
			for (unsigned int bit = 8; bit < 64; bit++)
				if (!contract_word(low, level, f) ||
				    !contract_word(low | PTL_BIT(bit), level, f) ||
				    !contract_word(low | (PTL_BITS(63, 8) ^ PTL_BIT(bit)), level,
						   f))
					return false;
			CONTRACT(low || fmt_kind(0, level, f) == PTL_EMPTY);
		}
		for (unsigned int i = 0; i < 20000; i++) {
			seed ^= seed << 13;
			seed ^= seed >> 7;
			seed ^= seed << 17;
			if (!contract_word(seed, level, f) ||
			    !contract_word(seed & ~f->pa_beyond, level, f))
				return false;
		}
		if (!contract_word(PTL_BREAK_WORD, level, f) ||
		    !contract_word(PTL_DEAD_WORD, level, f))
			return false;
		/* each address bit of a table */
		for (unsigned int bit = FMT_GRANULE_LG2; level && bit < f->cfg.pa_bits; bit++) {
			raw = fmt_make_table(PTL_BIT(bit), f);
			CONTRACT(fmt_kind(raw, level, f) == PTL_TABLE);
			CONTRACT(fmt_table_pa(raw, f) == PTL_BIT(bit) && fmt_limits(raw, f) == 0);
		}
	}
	return true;
}

#define CONTRACT_CAT_(a, b) a##_##b
#define CONTRACT_CAT(a, b) CONTRACT_CAT_(a, b)
const struct contract CONTRACT_CAT(contract, PT_FMT) = {
	.name = PTL_STR(PT_FMT),
	.geometry = contract_geometry,
	.leaves = contract_leaves,
	.words = contract_words,
};
