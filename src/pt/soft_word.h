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
	return kind >= PT_SOFT_DEVICE_READ && kind <= PT_SOFT_DEVICE_EXCLUSIVE_WRITE ? both : 0;
}

/* A pt_soft_cfg turned round, for words of level 0: what the type field says. */
struct ptl_soft_types {
	uint8_t kind[1 << PTL_SOFT_TYPE_BITS]; /* enum pt_soft_kind; UNKNOWN: pt_soft_decode() */
	uint8_t marks[1 << PTL_SOFT_TYPE_BITS]; /* of them; fewer than 256 */
	uint64_t odd; /* bits that words of these kinds do not have */
};

void ptl_soft_types_init(struct ptl_soft_types *types, const struct pt_soft_cfg *cfg);

/*
 * pt_soft_decode() of most words of level 0. Its kind, or PT_SOFT_UNKNOWN, and *@soft is as it
 * was: the other one has to say. @raw is neither present nor empty.
 */
static inline enum pt_soft_kind ptl_soft_decode_page(const struct ptl_soft_types *types,
						     const struct pt_soft_cfg *cfg, uint64_t raw,
						     struct pt_soft *soft)
{
	uint64_t offset =
		(raw ^ cfg->offset_flip) >> cfg->offset_shift & (PTL_BIT(PTL_SOFT_OFFSET_BITS) - 1);
	unsigned int type = raw >> cfg->type_shift & ((1u << PTL_SOFT_TYPE_BITS) - 1);
	enum pt_soft_kind kind = (enum pt_soft_kind)types->kind[type];
	uint64_t pfn = 0, above = 0;
	unsigned int marks = 0;

	if (raw & types->odd)
		return PT_SOFT_UNKNOWN;
	if (kind == PT_SOFT_MARKER) {
		if (!offset || offset & ~(uint64_t)cfg->markers)
			return PT_SOFT_UNKNOWN;
	} else if (kind == PT_SOFT_UNKNOWN) {
		return kind;
	} else if (kind != PT_SOFT_SWAP) {
		pfn = offset & (PTL_BIT(cfg->pfn_bits) - 1);
		above = offset >> cfg->pfn_bits;
		if (above) {
			if (above > 3 || !cfg->migration_ad || kind > PT_SOFT_MIGRATION_WRITE)
				return PT_SOFT_UNKNOWN;
			marks = (above & 1 ? PT_SOFT_YOUNG : 0) | (above & 2 ? PT_SOFT_DIRTY : 0);
		}
	}
	if (raw & (cfg->exclusive | cfg->uffd_wp | cfg->soft_dirty))
		marks |= ((raw & cfg->exclusive ? PT_SOFT_EXCLUSIVE : 0) |
			  (raw & cfg->uffd_wp ? PT_SOFT_UFFD_WP : 0) |
			  (raw & cfg->soft_dirty ? PT_SOFT_SOFT_DIRTY : 0)) &
			 types->marks[type];
	soft->kind = kind;
	soft->flags = marks;
	soft->type = kind == PT_SOFT_SWAP ? type : 0;
	soft->markers = kind == PT_SOFT_MARKER ? (unsigned int)offset : 0;
	soft->offset = kind == PT_SOFT_SWAP ? offset : 0;
	soft->pfn = pfn;
	soft->leaf = 0;
	return kind;
}

#endif /* PTL_SOFT_WORD_H */
