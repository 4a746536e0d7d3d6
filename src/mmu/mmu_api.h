/* SPDX-License-Identifier: MIT */
/*
 * mmu_api.h - the contract of an architecture's rules, checked by the compiler.
 *
 * As fmt_api.h for formats: a rules header defines each function under its own
 * name and maps it by a macro; the prototypes here redeclare it. All but
 * mmu_fault() are pure. @all and @any are the table words above the leaf, and-ed
 * and or-ed; without tables ~0 and 0.
 */
#ifndef PTL_MMU_API_H
#define PTL_MMU_API_H

#include "mmu/mmu_internal.h"

/* What these words say, as an index of r->rights. */
static inline unsigned int mmu_says(uint64_t all, uint64_t any, uint64_t leaf,
				    const struct ptl_regime *r);
/* What @class may do through these words, PT_PERM_*; also of leaves with keys. */
static inline unsigned int mmu_perms(uint64_t all, uint64_t any, uint64_t leaf,
				     unsigned int class, const struct ptl_regime *r);
/* @raw with the A and D bits that using it sets; @leaf: it translates, @write: for a write. */
static inline uint64_t mmu_mark(uint64_t raw, bool leaf, bool write, const struct ptl_regime *r);
/* Whether a walk through these words has nothing to mark; the same, in one AND. */
static inline bool mmu_is_marked(uint64_t all, uint64_t leaf, bool write,
				 const struct ptl_regime *r);
/* Whether a leaf may not be used (yet, arm64: AF), though its rights may be fine. */
static inline bool mmu_leaf_faults(uint64_t leaf, const struct ptl_want *want,
				   const struct ptl_regime *r);
/* Bits of an input address that are looked at: not those of a tag. */
static inline uint64_t mmu_counting_bits(bool fetch, const struct ptl_regime *r);
/* Whether a leaf translates in every ASID. */
static inline bool mmu_is_global(uint64_t leaf, const struct ptl_regime *r);
/* Fills in @to what the words say beside rights: the memory type, and whose page it is. */
static inline void mmu_describe(uint64_t all, uint64_t leaf, unsigned int level,
				const struct ptl_regime *r, struct ptl_translation *to);

/* Fills in access->fault from a failure; returns 1. */
static int mmu_fault(struct ptl_access *access, const struct ptl_regime *r,
		     const struct ptl_failure *failure);

#endif /* PTL_MMU_API_H */
