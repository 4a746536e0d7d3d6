/* SPDX-License-Identifier: MIT */
/*
 * naive_walk.h - what stands in a range, one entry at a time: a recursion over the words of
 * tables in memory, each taken apart by hand from the manuals and from Linux's headers. No
 * batches, no cursor, nothing of the library but its memory. The oracle of pt_range_walk.
 */
#ifndef MODEL_NAIVE_WALK_H
#define MODEL_NAIVE_WALK_H

#include <ptlib/phys.h>
#include <ptlib/soft.h>
#include <ptlib/walk.h>

#include "model/formats.h"
#include "model/raw_words.h"

struct naive_folio {
	pt_pa_t first, last;
};

/* Whose words software's are; the kernels with device memory. */
enum naive_kernel {
	NAIVE_NO_KERNEL,
	NAIVE_X86, /* PT_SOFT_X86 */
	NAIVE_ARM_6_1, /* PT_SOFT_ARM64_6_1, with markers */
	NAIVE_ARM, /* PT_SOFT_ARM64 */
};

struct naive {
	const struct pt_phys *phys;
	const struct pt_fmt_cfg *fmt;
	const struct pt_format_info *info;
	pt_pa_t root;
	enum naive_kernel kernel;
	const struct naive_folio *folio; /* NULL: none is looked for */
	size_t nr_folios;
};

#define NAIVE_NO_FOLIO SIZE_MAX

struct naive_entry {
	pt_va_t first, last;
	unsigned int level;
	uint64_t raw;
	enum pt_range_walk_type type;
	/* FOLIO and PFN */
	pt_pa_t pa;
	bool write, young, dirty, hidden, contig, special;
	size_t folio;
	unsigned int limits; /* NAIVE_NO_*: what the tables above take away from leaves */
	/* software's */
	enum pt_soft_kind kind;
	uint64_t number; /* offset, pfn or markers */
	unsigned int device, marks;
};

#define NAIVE_NO_WRITE 1u
#define NAIVE_NO_OTHER 2u /* something else: of EXEC, USER and READ */

typedef void (*naive_fn)(void *ctx, const struct naive_entry *entry);

static inline uint64_t naive_bits(uint64_t raw, unsigned int hi, unsigned int lo)
{
	return raw >> lo & (~UINT64_C(0) >> (63 - (hi - lo)));
}

static inline bool naive_is_x86(const struct naive *n)
{
	return format_is_x86(n->fmt->fmt);
}

/* x86: bit 7 makes a leaf of levels 1 and 2; arm64: bit 1 a table of all above 0. */
static inline bool naive_is_table(const struct naive *n, uint64_t raw, unsigned int level)
{
	if (!level || !format_is_present(n->fmt, raw))
		return false;
	return naive_is_x86(n) ? !naive_bits(raw, 7, 7) : naive_bits(raw, 1, 1);
}

/* x86: bits of a word that an address from @lg2 on has, whatever its width. */
static inline uint64_t naive_address(const struct naive *n, unsigned int lg2)
{
	uint64_t c_bit = n->fmt->c_bit ? UINT64_C(1) << n->fmt->c_bit : 0;

	return naive_bits(UINT64_MAX, 51, lg2) << lg2 & ~c_bit;
}

static inline pt_pa_t naive_pa(const struct naive *n, uint64_t raw, unsigned int lg2)
{
	pt_pa_t pa;

	if (naive_is_x86(n))
		return raw & naive_address(n, lg2);
	if (format_is_lpa2(n->fmt->fmt))
		return naive_bits(raw, 49, lg2) << lg2 | naive_bits(raw, 9, 8) << 50;
	pa = naive_bits(raw, 47, lg2) << lg2;
	if (n->fmt->features & PT_FEAT_LPA)
		pa |= naive_bits(raw, 15, 12) << 48;
	return pa;
}

static inline void naive_leaf(const struct naive *n, uint64_t leaf, struct naive_entry *e)
{
	unsigned int lg2 = n->info->leaf_lg2[e->level];
	e->pa = naive_pa(n, leaf, lg2);
	if (n->fmt->fmt == PT_FMT_X86_64) {
		e->write = naive_bits(leaf, 1, 1);
		e->young = naive_bits(leaf, 5, 5);
		e->dirty = naive_bits(leaf, 6, 6);
		e->special = n->kernel && naive_bits(leaf, 9, 9);
	} else if (n->fmt->fmt == PT_FMT_X86_EPT) {
		bool tracked = n->fmt->features & PT_FEAT_AD;

		e->write = naive_bits(leaf, 1, 1);
		e->young = tracked && naive_bits(leaf, 8, 8);
		e->dirty = tracked && naive_bits(leaf, 9, 9);
	} else {
		bool hd = n->fmt->features & PT_FEAT_HD;
		/* AP[2] forbids, S2AP[1] allows */
		bool now = naive_bits(leaf, 7, 7) == format_is_stage2(n->fmt->fmt);

		/* without DBM nothing tracks stores: one that is allowed may have been made */
		e->write = now || (hd && naive_bits(leaf, 51, 51));
		e->dirty = now && hd;
		e->young = naive_bits(leaf, 10, 10);
		e->contig = naive_bits(leaf, 52, 52) && n->info->contig_lg2[e->level];
		e->special = n->kernel && naive_bits(leaf, 56, 56);
	}
	e->type = PTW_PFN;
	e->folio = NAIVE_NO_FOLIO;
	if (!n->folio || e->special)
		return;
	for (size_t i = 0; i < n->nr_folios; i++)
		if (n->folio[i].first <= e->pa &&
		    e->pa + ((UINT64_C(1) << lg2) - 1) <= n->folio[i].last) {
			e->type = PTW_FOLIO;
			e->folio = i;
		}
}

/* What has to be 0 in a leaf: above the address; x86: below it but for PAT, XD if off. */
static inline bool naive_is_reserved(const struct naive *n, uint64_t leaf, unsigned int level)
{
	unsigned int lg2 = n->info->leaf_lg2[level];

	if (naive_pa(n, leaf, lg2) >> n->fmt->pa_bits)
		return true;
	if (!naive_is_x86(n))
		return false;
	return (lg2 > 13 && naive_bits(leaf, lg2 - 1, 13)) ||
	       (!(n->fmt->features & PT_FEAT_NX) && naive_bits(leaf, 63, 63));
}

/* PROT_NONE: the leaf's word, or 0. */
static inline uint64_t naive_hidden(const struct naive *n, uint64_t raw, unsigned int level)
{
	unsigned int lg2 = n->info->leaf_lg2[level];
	uint64_t leaf = 0;

	/* hugetlb's words are inverted down to bit 12 */
	if (n->kernel == NAIVE_X86 && lg2 > 13 && naive_bits(raw, lg2 - 1, 13))
		lg2 = 12;
	if (n->kernel == NAIVE_X86 && naive_bits(raw, 8, 8))
		leaf = (raw ^ naive_address(n, lg2) ^ 0x100) | 1;
	else if (n->kernel == NAIVE_ARM && naive_bits(raw, 11, 11))
		leaf = raw | 1;
	else if (n->kernel == NAIVE_ARM_6_1 && naive_bits(raw, 58, 58))
		leaf = (raw ^ UINT64_C(1) << 58) | 1;
	if (!leaf || naive_is_table(n, leaf, level) || !n->info->can_leaf[level] ||
	    (!naive_is_x86(n) && !level && !naive_bits(leaf, 1, 1)) ||
	    naive_is_reserved(n, leaf, level))
		return 0;
	return leaf;
}

/* Special types of the three kernels, from the first on. */
static inline enum pt_soft_kind naive_special(enum naive_kernel kernel, unsigned int type)
{
	static const enum pt_soft_kind current[] = {
		PT_SOFT_HWPOISON,	  PT_SOFT_MIGRATION_READ, PT_SOFT_MIGRATION_READ_EXCLUSIVE,
		PT_SOFT_MIGRATION_WRITE,  PT_SOFT_DEVICE_WRITE,	  PT_SOFT_DEVICE_READ,
		PT_SOFT_DEVICE_EXCLUSIVE, PT_SOFT_MARKER,
	};
	static const enum pt_soft_kind old[] = {
		PT_SOFT_HWPOISON,
		PT_SOFT_MIGRATION_READ,
		PT_SOFT_MIGRATION_READ_EXCLUSIVE,
		PT_SOFT_MIGRATION_WRITE,
		PT_SOFT_DEVICE_WRITE,
		PT_SOFT_DEVICE_READ,
		PT_SOFT_DEVICE_EXCLUSIVE_WRITE,
		PT_SOFT_DEVICE_EXCLUSIVE,
		PT_SOFT_MARKER,
		PT_SOFT_UNKNOWN, /* the swap-in error: POISONED */
	};

	if (kernel == NAIVE_ARM_6_1)
		return type < 22 ? PT_SOFT_SWAP : old[type - 22];
	return type < 24 ? PT_SOFT_SWAP : current[type - 24];
}

static inline unsigned int naive_pfn_bits(const struct naive *n)
{
	if (n->kernel == NAIVE_X86)
		return n->fmt->va_bits == 57 ? 40 : 34;
	return (n->fmt->pa_bits == 52 ? 52 : 48) - n->info->granule_lg2;
}

static inline void naive_soft(const struct naive *n, struct naive_entry *e)
{
	unsigned int type, bits = naive_pfn_bits(n);
	uint64_t raw = e->raw, leaf = naive_hidden(n, raw, e->level), offset;
	unsigned int wp = 0, sd = 0, exclusive;
	bool large = e->level > 0, top = !n->info->can_leaf[e->level];

	e->type = PTW_UNKNOWN;
	if (leaf) {
		e->hidden = true;
		naive_leaf(n, leaf, e);
		return;
	}
	if (n->kernel == NAIVE_X86) {
		if (naive_bits(raw, 8, 7))
			return;
		type = (unsigned int)naive_bits(raw, 63, 59);
		offset = naive_bits(~raw, 58, 9);
		sd = (unsigned int)naive_bits(raw, 1, 1);
		wp = (unsigned int)naive_bits(raw, 2, 2);
		exclusive = (unsigned int)naive_bits(raw, 3, 3);
	} else if (n->kernel == NAIVE_ARM) {
		if (naive_bits(raw, 11, 11) || naive_bits(raw, 1, 1))
			return;
		type = (unsigned int)naive_bits(raw, 10, 6);
		offset = naive_bits(raw, 61, 12);
		exclusive = (unsigned int)naive_bits(raw, 2, 2);
		wp = (unsigned int)naive_bits(raw, 3, 3);
	} else {
		if (naive_bits(raw, 59, 58) || naive_bits(raw, 1, 1))
			return;
		type = (unsigned int)naive_bits(raw, 7, 3);
		offset = naive_bits(raw, 57, 8);
		exclusive = (unsigned int)naive_bits(raw, 2, 2);
	}
	e->kind = naive_special(n->kernel, type);
	e->number = offset;
	e->marks = (wp ? PT_SOFT_UFFD_WP : 0) | (sd ? PT_SOFT_SOFT_DIRTY : 0);
	switch (e->kind) {
	case PT_SOFT_SWAP:
		e->device = type;
		e->marks |= exclusive ? PT_SOFT_EXCLUSIVE : 0;
		e->type = large ? PTW_UNKNOWN : PTW_SWAP;
		break;
	case PT_SOFT_MARKER: {
		uint64_t known = n->kernel == NAIVE_ARM_6_1 ? 0 : 7;

		e->marks &= PT_SOFT_SOFT_DIRTY;
		if (offset && !(offset & ~known) && !top && !(offset & 4 && large))
			e->type = PTW_MARKER;
		break;
	}
	case PT_SOFT_UNKNOWN:
		e->marks = 0;
		e->kind = PT_SOFT_MARKER;
		e->number = PT_SOFT_MARKER_POISONED;
		e->type = top ? PTW_UNKNOWN : PTW_MARKER;
		break;
	case PT_SOFT_MIGRATION_READ:
	case PT_SOFT_MIGRATION_READ_EXCLUSIVE:
	case PT_SOFT_MIGRATION_WRITE:
		e->number = offset & ((UINT64_C(1) << bits) - 1);
		e->marks |= (offset >> bits & 1 ? PT_SOFT_YOUNG : 0) |
			    (offset >> bits & 2 ? PT_SOFT_DIRTY : 0);
		e->type = offset >> bits >> 2 || top ? PTW_UNKNOWN : PTW_MIGRATION;
		break;
	case PT_SOFT_HWPOISON:
		e->marks &= PT_SOFT_SOFT_DIRTY;
		e->type = offset >> bits || top ? PTW_UNKNOWN : PTW_HWPOISON;
		break;
	case PT_SOFT_DEVICE_READ:
	case PT_SOFT_DEVICE_WRITE: {
		unsigned int max = n->kernel == NAIVE_ARM_6_1 ? 0 : 1;

		e->type = offset >> bits || e->level > max ? PTW_UNKNOWN : PTW_DEVICE;
		break;
	}
	default:
		e->type = offset >> bits || large ? PTW_UNKNOWN : PTW_DEVICE;
	}
}

static inline void naive_entry(const struct naive *n, struct naive_entry *e)
{
	/* accessed and dirty, which some processors set in passing */
	uint64_t stray = n->fmt->fmt == PT_FMT_X86_64 ? 0x60 : 0;

	if (format_is_present(n->fmt, e->raw)) {
		if (e->raw == raw_reserved(n->fmt, e->level))
			e->type = PTW_ILLEGAL;
		else
			naive_leaf(n, e->raw, e);
	} else if (!(e->raw & ~stray)) {
		e->type = PTW_NONE;
	} else if (n->kernel) {
		naive_soft(n, e);
	} else {
		e->type = PTW_UNKNOWN;
	}
}

/*
 * What table entry @raw takes away. x86: R/W, U/S and XD; EPT: R, W, X and XU; arm64: APTable and
 * XNTable, but only without hierarchical permissions being disabled; second stages: nothing.
 */
static inline unsigned int naive_limits(const struct naive *n, uint64_t raw)
{
	bool write, other;

	if (n->fmt->fmt == PT_FMT_X86_64) {
		write = naive_bits(raw, 1, 1);
		other = naive_bits(raw, 2, 2) &&
			!(n->fmt->features & PT_FEAT_NX && naive_bits(raw, 63, 63));
	} else if (n->fmt->fmt == PT_FMT_X86_EPT) {
		write = naive_bits(raw, 1, 1);
		other = naive_bits(raw, 0, 0) && naive_bits(raw, 2, 2);
	} else {
		bool counts = !format_is_stage2(n->fmt->fmt) && n->fmt->features & PT_FEAT_NO_HPD;

		write = !counts || !naive_bits(raw, 62, 62);
		other = !counts || (!naive_bits(raw, 61, 59));
	}
	return (write ? 0 : NAIVE_NO_WRITE) | (other ? 0 : NAIVE_NO_OTHER);
}

/*
 * All below the table at @pa that touches [@first, @last], in order; @va: its first byte;
 * @limits: of the tables above.
 */
static inline void naive_table(const struct naive *n, pt_pa_t pa, unsigned int level, pt_va_t va,
			       unsigned int limits, pt_va_t first, pt_va_t last, naive_fn fn,
			       void *ctx)
{
	unsigned int lg2 = n->info->leaf_lg2[level];
	uint64_t nr = UINT64_C(1) << n->info->entries_lg2[level], i = 0;
	bool halves = n->fmt->fmt == PT_FMT_X86_64 && level == n->info->nr_levels - 1;

	if (!halves && first > va)
		i = (first - va) >> lg2;
	for (; i < nr; i++) {
		struct naive_entry e = {
			.level = level,
			.folio = NAIVE_NO_FOLIO,
			.limits = limits,
		};

		e.first = va + (i << lg2);
		/* x86: the upper half of the top table is the upper half of addresses */
		if (halves && i >= nr / 2)
			e.first |= UINT64_MAX << n->fmt->va_bits;
		e.last = e.first + ((UINT64_C(1) << lg2) - 1);
		if (!halves && e.first > last)
			break;
		if (e.last < first || e.first > last)
			continue;
		if (pt_phys_read(n->phys, pa + 8 * i, &e.raw, sizeof(e.raw)))
			abort();
		if (naive_is_table(n, e.raw, level) && e.raw != raw_reserved(n->fmt, level)) {
			naive_table(n, naive_pa(n, e.raw, n->info->granule_lg2), level - 1, e.first,
				    limits | naive_limits(n, e.raw), first, last, fn, ctx);
			continue;
		}
		naive_entry(n, &e);
		fn(ctx, &e);
	}
}

static inline void naive_walk(const struct naive *n, pt_va_t first, pt_va_t last, naive_fn fn,
			      void *ctx)
{
	pt_va_t base = n->fmt->fmt == PT_FMT_X86_64 ? 0 : n->info->first;

	naive_table(n, n->root, n->info->nr_levels - 1, base, 0, first, last, fn, ctx);
}

#endif /* MODEL_NAIVE_WALK_H */
