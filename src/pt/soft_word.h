/* SPDX-License-Identifier: MIT */
/* soft_word.h - PROT_NONE words, both ways, for whoever knows what a leaf is. */
#ifndef PTL_SOFT_WORD_H
#define PTL_SOFT_WORD_H

#include <ptlib/soft.h>

#include "base/bits.h"

/*
 * The leaf's word. Linux inverts the address bits of a large x86 leaf; where it takes hugetlb's
 * leaves for small ones (pte_modify()) also those below, to bit 12, which a leaf has clear
 * but for PAT at bit 12: if any is set, all were inverted.
 */
static inline uint64_t ptl_soft_shown(const struct pt_soft_cfg *cfg, unsigned int level,
				      uint64_t raw)
{
	uint64_t flip = cfg->prot_none_flip[level], lowest = flip & -flip;

	if (lowest > PTL_BIT(13) && raw & (lowest - PTL_BIT(13)))
		flip |= lowest - PTL_BIT(12);
	return ((raw ^ flip) & ~cfg->prot_none) | cfg->prot_none_was | cfg->present;
}

static inline uint64_t ptl_soft_hidden(const struct pt_soft_cfg *cfg, unsigned int level,
				       uint64_t leaf)
{
	return ((leaf & ~cfg->present) | cfg->prot_none) ^ cfg->prot_none_flip[level];
}

/* What hugetlb's form of it has inverted beside that. */
static inline uint64_t ptl_soft_hugetlb(const struct pt_soft_cfg *cfg, unsigned int level)
{
	uint64_t flip = cfg->prot_none_flip[level], lowest = flip & -flip;

	return lowest > PTL_BIT(12) ? lowest - PTL_BIT(12) : 0;
}

#define PTL_SOFT_TYPE_BITS 5
#define PTL_SOFT_OFFSET_BITS 50

/* The marks that words of @kind can have at all. */
static inline unsigned int ptl_soft_marks_of(enum pt_soft_kind kind)
{
	const unsigned int both = PT_SOFT_UFFD_WP | PT_SOFT_SOFT_DIRTY;

	if (kind == PT_SOFT_SWAP)
		return both | PT_SOFT_EXCLUSIVE;
	if (kind >= PT_SOFT_MIGRATION_READ && kind <= PT_SOFT_MIGRATION_WRITE)
		return both | PT_SOFT_YOUNG | PT_SOFT_DIRTY;
	if (kind >= PT_SOFT_DEVICE_READ && kind <= PT_SOFT_DEVICE_EXCLUSIVE_WRITE)
		return both;
	return kind == PT_SOFT_HWPOISON || kind == PT_SOFT_MARKER ? PT_SOFT_SOFT_DIRTY : 0;
}

/* A pt_soft_cfg turned round, for words of level 0: what the type field says. */
struct ptl_soft_types {
	uint8_t kind[1 << PTL_SOFT_TYPE_BITS]; /* enum pt_soft_kind; UNKNOWN: pt_soft_decode() */
	uint8_t marks[1 << PTL_SOFT_TYPE_BITS]; /* of them; fewer than 256 */
	uint64_t odd; /* bits that words of these kinds do not have */
	uint64_t marked; /* bits that are marks */
	uint64_t pfns; /* of an offset: what MIGRATION and its like have as pfn */
	uint64_t swap_step; /* from a word to that of the next offset; 0: no constant */
};

void ptl_soft_types_init(struct ptl_soft_types *types, const struct pt_soft_cfg *cfg);

static inline uint64_t ptl_soft_offset(const struct pt_soft_cfg *cfg, uint64_t raw)
{
	return (raw ^ cfg->offset_flip) >> cfg->offset_shift & (PTL_BIT(PTL_SOFT_OFFSET_BITS) - 1);
}

/* The marks beside the kind that stand at their own places. */
static inline unsigned int ptl_soft_marks(const struct pt_soft_cfg *cfg, uint64_t raw)
{
	return (raw & cfg->exclusive ? PT_SOFT_EXCLUSIVE : 0) |
	       (raw & cfg->uffd_wp ? PT_SOFT_UFFD_WP : 0) |
	       (raw & cfg->soft_dirty ? PT_SOFT_SOFT_DIRTY : 0);
}

/*
 * pt_soft_decode() of most words of level 0. Its kind, or PT_SOFT_UNKNOWN, and *@soft is as it
 * was: the other one has to say. @raw is neither present nor empty.
 */
static inline enum pt_soft_kind ptl_soft_decode_page(const struct ptl_soft_types *types,
						     const struct pt_soft_cfg *cfg, uint64_t raw,
						     struct pt_soft *soft)
{
	const uint64_t offset = ptl_soft_offset(cfg, raw);
	const unsigned int type = raw >> cfg->type_shift & ((1u << PTL_SOFT_TYPE_BITS) - 1);
	const enum pt_soft_kind kind = (enum pt_soft_kind)types->kind[type];
	unsigned int marks = 0;
	uint64_t pfn, above;

	if (raw & types->odd || kind == PT_SOFT_UNKNOWN)
		return PT_SOFT_UNKNOWN;
	if (__builtin_expect(raw & types->marked, 0))
		marks = ptl_soft_marks(cfg, raw) & types->marks[type];
	if (kind == PT_SOFT_SWAP) {
		*soft = (struct pt_soft){
			.kind = kind, .flags = marks, .type = type, .offset = offset
		};
		return kind;
	}
	if (kind == PT_SOFT_MARKER) {
		if (!offset || offset & ~(uint64_t)cfg->markers)
			return PT_SOFT_UNKNOWN;
		*soft = (struct pt_soft){ .kind = kind,
					  .flags = marks,
					  .markers = (unsigned int)offset };
		return kind;
	}
	pfn = offset & types->pfns;
	if (pfn != offset) {
		above = offset >> cfg->pfn_bits;
		if (above > 3 || !cfg->migration_ad || kind > PT_SOFT_MIGRATION_WRITE)
			return PT_SOFT_UNKNOWN;
		marks |= (above & 1 ? PT_SOFT_YOUNG : 0) | (above & 2 ? PT_SOFT_DIRTY : 0);
	}
	*soft = (struct pt_soft){ .kind = kind, .flags = marks, .pfn = pfn };
	return kind;
}

#endif /* PTL_SOFT_WORD_H */
