/* SPDX-License-Identifier: MIT */
/*
 * ref_table.h - what a page table should do, said in the most obvious way: one
 * slot per page of a small window. Slow on purpose, shares no code with ptlib,
 * and always tells the truth.
 *
 * A slot stands for ref->unit bytes, the granule or a multiple of it; all ranges
 * are whole slots. How large the leaves are is not modelled: ref_check.h looks
 * at the real table, checks that its leaves can be what they are, and tells the
 * model in span_lg2, because accessed and dirty belong to a leaf as a whole.
 */
#ifndef MODEL_REF_TABLE_H
#define MODEL_REF_TABLE_H

#include <stdlib.h>

#include <ptlib/attr.h>
#include <ptlib/error.h>
#include <ptlib/format.h>
#include <ptlib/map.h>

#include "model/formats.h"

enum ref_kind {
	REF_HOLE,
	REF_LEAF,
	REF_SOFT, /* a non-present word, one slot large */
};

struct ref_page {
	enum ref_kind kind;
	pt_pa_t pa;            /* LEAF */
	pt_attr_t attr;        /* LEAF: as a lookup reports it */
	uint64_t raw;          /* SOFT */
	unsigned int span_lg2; /* LEAF: log2 bytes of the leaf or block it is part of, at least
				  those of a slot; set by ref_observe() */
};

struct ref_table {
	struct pt_fmt_cfg fmt;
	pt_va_t base;  /* of slot 0 */
	uint64_t unit; /* bytes a slot */
	size_t nr;
	struct ref_page *page;
};

static inline void ref_init(struct ref_table *ref, const struct pt_fmt_cfg *fmt, pt_va_t base,
			    uint64_t unit, size_t nr)
{
	*ref = (struct ref_table){ .fmt = *fmt, .base = base, .unit = unit, .nr = nr };
	ref->page = calloc(nr, sizeof(*ref->page));
	if (!ref->page)
		abort();
}

static inline void ref_exit(struct ref_table *ref)
{
	free(ref->page);
	ref->page = NULL;
}

static inline pt_va_t ref_va(const struct ref_table *ref, size_t i)
{
	return ref->base + i * ref->unit;
}

static inline size_t ref_index(const struct ref_table *ref, pt_va_t va)
{
	return (size_t)((va - ref->base) / ref->unit);
}

/*
 * Whether a leaf's own field has a value for @mem: EPT's type; arm64's MemAttr without
 * and with HCR_EL2.FWB.
 */
static inline bool ref_stage2_has_mem(const struct pt_fmt_cfg *fmt, enum pt_mem mem)
{
	switch (mem) {
	case PT_MEM_WB:
	case PT_MEM_WC:
	case PT_MEM_UC:
		return true;
	case PT_MEM_WT:
		return fmt->fmt == PT_FMT_X86_EPT || !(fmt->features & PT_FEAT_FWB);
	case PT_MEM_WP:
		return fmt->fmt == PT_FMT_X86_EPT;
	case PT_MEM_DEV_nGnRE:
	case PT_MEM_DEV_nGRE:
	case PT_MEM_DEV_GRE:
		return fmt->fmt != PT_FMT_X86_EPT;
	case PT_MEM_STAGE1:
		return fmt->features & PT_FEAT_FWB;
	default:
		return false;
	}
}

/* Whether a memory type register holds a byte that stands for @mem. */
static inline bool ref_has_mem(const struct pt_fmt_cfg *fmt, enum pt_mem mem)
{
	/* Intel SDM Vol. 3A, 12.12.2 "IA32_PAT MSR" (rev. 081); Arm ARM DDI 0487 J.a, D17.2.97 */
	static const int x86[PT_MEM_NR] = { 6, 4, 1, 0, 7, 5, -1, -1, -1, -1, -1, -1 };
	static const int arm[PT_MEM_NR] = { 0xff, 0xbb, 0x44, 0x00, -1, -1,
					    0x04, 0x08, 0x0c, 0xf0, -1, -1 };
	int byte;

	if (mem >= PT_MEM_NR)
		return false;
	if (format_is_stage2(fmt->fmt))
		return ref_stage2_has_mem(fmt, mem);
	byte = fmt->fmt == PT_FMT_X86_64 ? x86[mem] : arm[mem];
	for (unsigned int i = 0; i < 8; i++)
		if (byte >= 0 && (fmt->mem_types >> 8 * i & 0xff) == (uint64_t)byte)
			return true;
	return false;
}

/* PT_ATTR_SHARE_* is SH with both bits inverted, so that 0 is inner shareable. */
static inline bool ref_has_share(const struct pt_fmt_cfg *fmt, pt_attr_t attr)
{
	unsigned int sh = 3 ^ (unsigned int)((attr & PT_ATTR_SHARE_MASK) >> 12);

	if (format_is_x86(fmt->fmt))
		return sh == 3;
	return format_is_lpa2(fmt->fmt) ? sh == fmt->share : sh != 1;
}

/* Leaves of second stages have no privilege, no key, and need not allow loads. */
static inline int ref_stage2_attr_error(const struct pt_fmt_cfg *fmt, pt_attr_t attr)
{
	bool ept = fmt->fmt == PT_FMT_X86_EPT;
	bool two_execs = fmt->features & (ept ? PT_FEAT_MBEC : PT_FEAT_XNX);
	pt_attr_t known = PT_ATTR_RW | PT_ATTR_EXEC | PT_ATTR_ACCESSED | PT_ATTR_DIRTY |
			  PT_ATTR_MEM_MASK | PT_ATTR_SHARE_MASK | PT_ATTR_SW_MASK;

	if (two_execs)
		known |= PT_ATTR_EXEC_OTHER;
	if (ept)
		known |= PT_ATTR_IGNORE_PAT | PT_ATTR_NO_VE;
	if (attr & ~known || !ref_has_share(fmt, attr) || !ref_has_mem(fmt, pt_attr_mem(attr)))
		return -EOPNOTSUPP;
	if (!ept || attr & PT_ATTR_READ)
		return 0;
	/* EPT: no stores without loads; else execute-only, where the processor can */
	return !(attr & PT_ATTR_WRITE) && attr & (PT_ATTR_EXEC | PT_ATTR_EXEC_OTHER) &&
	       fmt->features & PT_FEAT_EXEC_ONLY ? 0 : -EOPNOTSUPP;
}

/* 0, or -EOPNOTSUPP for what a leaf of @fmt has no bits for. */
static inline int ref_attr_error(const struct pt_fmt_cfg *fmt, pt_attr_t attr)
{
	unsigned int nr_keys = 1;
	pt_attr_t known = PT_ATTR_RW | PT_ATTR_EXEC | PT_ATTR_USER | PT_ATTR_GLOBAL |
			  PT_ATTR_ACCESSED | PT_ATTR_DIRTY | PT_ATTR_MEM_MASK | PT_ATTR_KEY_MASK |
			  PT_ATTR_SW_MASK;

	if (format_is_stage2(fmt->fmt))
		return ref_stage2_attr_error(fmt, attr);
	if (fmt->fmt == PT_FMT_X86_64) {
		if (!(fmt->features & PT_FEAT_NX) && !(attr & PT_ATTR_EXEC))
			return -EOPNOTSUPP;
		if (fmt->features & PT_FEAT_PKEYS)
			nr_keys = 16;
		if (fmt->c_bit)
			known |= PT_ATTR_ENCRYPTED;
	} else {
		known |= PT_ATTR_EXEC_OTHER | PT_ATTR_GUARDED | PT_ATTR_SHARE_MASK;
		if (fmt->features & PT_FEAT_PKEYS)
			nr_keys = 8;
	}
	if (attr & ~known || !ref_has_share(fmt, attr) || !(attr & PT_ATTR_READ) ||
	    pt_attr_key(attr) >= nr_keys || !ref_has_mem(fmt, pt_attr_mem(attr)))
		return -EOPNOTSUPP;
	return 0;
}

/* What a lookup reports of a leaf that was given @attr. */
static inline pt_attr_t ref_attr(const struct pt_fmt_cfg *fmt, pt_attr_t attr)
{
	return attr & ~format_lost_attrs(fmt, attr);
}

/* Fields go as a whole. */
static inline pt_attr_t ref_attr_change(pt_attr_t attr, pt_attr_t set, pt_attr_t clear)
{
	static const pt_attr_t fields[] = { PT_ATTR_MEM_MASK, PT_ATTR_SHARE_MASK, PT_ATTR_KEY_MASK,
					    PT_ATTR_SW_MASK };

	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		if (clear & fields[i])
			clear |= fields[i];
	return (attr & ~clear) | set;
}

static inline int ref_map(struct ref_table *ref, size_t first, size_t nr, pt_pa_t pa,
			  pt_attr_t attr, pt_va_t *bad_va)
{
	uint64_t len = nr * ref->unit;

	if (pa >> ref->fmt.pa_bits || (pa + len - 1) >> ref->fmt.pa_bits)
		return -ERANGE;
	if (ref_attr_error(&ref->fmt, attr))
		return -EOPNOTSUPP;
	for (size_t i = first; i < first + nr; i++) {
		*bad_va = ref_va(ref, i);
		if (ref->page[i].kind != REF_HOLE)
			return -EEXIST;
	}
	for (size_t i = first; i < first + nr; i++, pa += ref->unit)
		ref->page[i] = (struct ref_page){
			.kind = REF_LEAF, .pa = pa, .attr = ref_attr(&ref->fmt, attr)
		};
	return 0;
}

/* Returns the bytes of leaves that are gone. */
static inline uint64_t ref_unmap(struct ref_table *ref, size_t first, size_t nr)
{
	uint64_t done = 0;

	for (size_t i = first; i < first + nr; i++) {
		if (ref->page[i].kind == REF_LEAF)
			done += ref->unit;
		ref->page[i] = (struct ref_page){ .kind = REF_HOLE };
	}
	return done;
}

/*
 * *@or_unsupported: -EOPNOTSUPP will do as well. A hole may come before the leaf that cannot
 * have these attributes; and what no leaf can have may be refused where there is none.
 */
static inline int ref_protect(struct ref_table *ref, size_t first, size_t nr, pt_attr_t set,
			      pt_attr_t clear, unsigned int flags, pt_va_t *bad_va, uint64_t *done,
			      bool *or_unsupported)
{
	bool refused = false, skip = flags & PT_CHANGE_SKIP_HOLES;
	size_t nr_leaves = 0, hole = SIZE_MAX;

	*done = 0;
	for (size_t i = first; i < first + nr; i++) {
		const struct ref_page *page = &ref->page[i];

		if (page->kind != REF_LEAF) {
			if (hole == SIZE_MAX && !skip)
				hole = i;
			continue;
		}
		nr_leaves++;
		if (ref_attr_error(&ref->fmt, ref_attr_change(page->attr, set, clear)))
			refused = true;
	}
	*or_unsupported = (hole != SIZE_MAX || !nr_leaves) &&
			  (refused || ref_attr_error(&ref->fmt, PT_ATTR_READ | PT_ATTR_EXEC | set));
	if (hole != SIZE_MAX) {
		*bad_va = ref_va(ref, hole);
		return -ENOENT;
	}
	if (refused)
		return -EOPNOTSUPP;
	for (size_t i = first; i < first + nr; i++) {
		struct ref_page *page = &ref->page[i];

		if (page->kind != REF_LEAF)
			continue;
		page->attr = ref_attr(&ref->fmt, ref_attr_change(page->attr, set, clear));
		*done += ref->unit;
	}
	return 0;
}

/* The slots of the leaf or block that slot @i is part of, clipped to the window. */
static inline void ref_span(const struct ref_table *ref, size_t i, size_t *first, size_t *last)
{
	uint64_t mask = (UINT64_C(1) << ref->page[i].span_lg2) - 1;
	pt_va_t end = ref_va(ref, ref->nr - 1);
	pt_va_t low = ref_va(ref, i) & ~mask, high = ref_va(ref, i) | mask;

	*first = low < ref->base ? 0 : ref_index(ref, low);
	*last = high > end ? ref->nr - 1 : ref_index(ref, high);
}

/* Clears @bit, accessed or dirty, from whole leaves; returns the bytes that had it. */
static inline uint64_t ref_test_and_clear(struct ref_table *ref, size_t first, size_t nr,
					  pt_attr_t bit)
{
	uint64_t done = 0;

	for (size_t i = first; i < first + nr; i++) {
		size_t from, to;

		if (ref->page[i].kind != REF_LEAF)
			continue;
		ref_span(ref, i, &from, &to);
		for (size_t j = from; j <= to; j++) {
			if (ref->page[j].attr & bit)
				done += ref->unit;
			ref->page[j].attr &= ~bit;
		}
	}
	return done;
}

/* What a CPU does at a load or a store: the whole leaf becomes accessed, or dirty too. */
static inline void ref_touch(struct ref_table *ref, size_t i, pt_attr_t bits)
{
	size_t from, to;

	ref_span(ref, i, &from, &to);
	for (size_t j = from; j <= to; j++)
		ref->page[j].attr = ref_attr(&ref->fmt, ref->page[j].attr | bits);
}

static inline int ref_lookup(const struct ref_table *ref, pt_va_t va, pt_pa_t *pa,
			     pt_attr_t *attr)
{
	const struct ref_page *page = &ref->page[ref_index(ref, va)];

	if (page->kind != REF_LEAF)
		return -ENOENT;
	*pa = page->pa + (va - ref->base) % ref->unit;
	*attr = page->attr;
	return 0;
}

#endif /* MODEL_REF_TABLE_H */
