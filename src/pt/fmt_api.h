/* SPDX-License-Identifier: MIT */
/*
 * fmt_api.h - the contract of a format, checked by the compiler.
 *
 * A format header defines each function below under its own name and maps it:
 *
 *	static inline enum ptl_kind x86_64_kind(uint64_t raw, ...) {...}
 *	#define fmt_kind x86_64_kind
 *
 * so backtraces name the format, and the prototypes here redeclare the mapped
 * function: a wrong signature does not compile. All are pure functions of their
 * arguments: a format sees no pointer into a table, no lock and no TLB.
 *
 * It also defines the constants FMT_GRANULE_LG2, FMT_INDEX_BITS, FMT_MAX_LEVEL, and
 * FMT_CONCAT_LG2: log2 of the most tables that may stand side by side as the root.
 */
#ifndef PTL_FMT_API_H
#define PTL_FMT_API_H

#include "pt/pt_defs.h"

_Static_assert(FMT_GRANULE_LG2 >= 5 && FMT_GRANULE_LG2 <= 16, "granule");
_Static_assert(FMT_INDEX_BITS <= FMT_GRANULE_LG2 - 3, "a table fits in a granule");
_Static_assert(FMT_MAX_LEVEL < PT_MAX_LEVELS, "levels");

/* Check f->cfg and work out the rest of *f but for tables. 0, -EINVAL or -EOPNOTSUPP. */
static inline int fmt_init(struct ptl_fmt *f);
/* Work out the tables that fmt_decode() looks up, if the format has any. */
#ifndef fmt_init_decode
static inline void ptl_no_init_decode(struct ptl_fmt *f)
{
	(void)f;
}
#define fmt_init_decode ptl_no_init_decode
#endif
static inline void fmt_init_decode(struct ptl_fmt *f);
/* Whether @va is an input address. */
static inline bool fmt_va_valid(pt_va_t va, const struct ptl_fmt *f);
/*
 * The index in a top table of PTL_USUAL_VA_BITS, of the @slot-th of its entries in
 * the order of upper_first on and then, wrapping, from 0.
 */
#ifndef fmt_slot_index
static inline unsigned int ptl_slot_index(unsigned int slot)
{
	return slot;
}
#define fmt_slot_index ptl_slot_index
#endif
static inline unsigned int fmt_slot_index(unsigned int slot);
/* log2 of what the top table's address must be aligned to. */
static inline unsigned int fmt_root_align_lg2(const struct ptl_fmt *f);
/* What the vendor calls a table of @level. */
static inline const char *fmt_level_name(unsigned int level, const struct ptl_fmt *f);

/* What @raw is at @level, and the two questions that hot loops ask of it. */
static inline enum ptl_kind fmt_kind(uint64_t raw, unsigned int level, const struct ptl_fmt *f);
static inline bool fmt_is_table(uint64_t raw, unsigned int level, const struct ptl_fmt *f);
static inline bool fmt_is_leaf(uint64_t raw, unsigned int level, const struct ptl_fmt *f);
/* Why @raw is PTL_ILLEGAL. */
static inline enum pt_illegal fmt_illegal(uint64_t raw, unsigned int level,
					  const struct ptl_fmt *f);

/* Whether @level can hold leaves, and log2 entries of its contiguous blocks, 0: none. */
static inline bool fmt_can_leaf(unsigned int level, const struct ptl_fmt *f);
static inline unsigned int fmt_contig_max_lg2(unsigned int level, const struct ptl_fmt *f);

/* Tables: where an entry points, the entry that points there, what it takes away. */
static inline pt_pa_t fmt_table_pa(uint64_t raw, const struct ptl_fmt *f);
static inline uint64_t fmt_make_table(pt_pa_t pa, const struct ptl_fmt *f);
static inline unsigned int fmt_limits(uint64_t raw, const struct ptl_fmt *f);

/*
 * Leaves. @index is the entry's place in its table: in formats that repeat one
 * word over a contiguous block, the address depends on it.
 *
 * fmt_encode:   a leaf's bits but for address and contiguity; -EOPNOTSUPP for what
 *               hardware has no bits for
 * fmt_make_leaf: the word; @proto from fmt_encode() at the same level
 * fmt_attr_bits: bits that carry any of @attrs, so that a word keeps all others
 *               when its attributes change
 * fmt_form_bits: the others that make it this leaf: type, address, contiguity
 * fmt_leaf_next: the word that the next entry holds if it goes on where this leaf ends;
 *               0 at the end of the output range
 */
static inline int fmt_encode(pt_attr_t attr, unsigned int level, const struct ptl_fmt *f,
			     uint64_t *proto);
static inline uint64_t fmt_make_leaf(uint64_t proto, pt_pa_t pa, unsigned int level,
				     unsigned int contig_lg2, const struct ptl_fmt *f);
static inline pt_attr_t fmt_decode(uint64_t raw, unsigned int level, const struct ptl_fmt *f);
static inline uint64_t fmt_attr_bits(pt_attr_t attrs, unsigned int level,
				     const struct ptl_fmt *f);
static inline uint64_t fmt_form_bits(unsigned int level, const struct ptl_fmt *f);
static inline pt_pa_t fmt_leaf_pa(uint64_t raw, unsigned int level, unsigned int index,
				  const struct ptl_fmt *f);
static inline uint64_t fmt_leaf_next(uint64_t raw, unsigned int level, unsigned int index,
				     const struct ptl_fmt *f);

/*
 * What fmt_leaf_next() adds to a word each time, if that is all it does for the
 * @nr entries from leaf @raw on; 0: it is not, or the format does not say.
 */
#ifndef fmt_leaf_step
static inline uint64_t ptl_no_leaf_step(uint64_t raw, unsigned int level, unsigned int nr,
					const struct ptl_fmt *f)
{
	(void)raw;
	(void)level;
	(void)nr;
	(void)f;
	return 0;
}
#define fmt_leaf_step ptl_no_leaf_step
#endif
static inline uint64_t fmt_leaf_step(uint64_t raw, unsigned int level, unsigned int nr,
				     const struct ptl_fmt *f);

/*
 * Whether @raw is a leaf, if it differs from one in no more than PT_ATTR_WRITE, marks
 * and software's bits. Formats in which that right needs no other have no need to ask.
 */
#ifndef fmt_write_is_legal
static inline bool ptl_any_write_is_legal(uint64_t raw, const struct ptl_fmt *f)
{
	(void)raw;
	(void)f;
	return true;
}
#define fmt_write_is_legal ptl_any_write_is_legal
#endif
static inline bool fmt_write_is_legal(uint64_t raw, const struct ptl_fmt *f);

/*
 * Contiguous blocks. fmt_contig_lg2: log2 entries of the block that this word
 * says it is part of, 0: none; fmt_contig: the first word of a block, from the
 * first entry alone; fmt_uncontig: this entry alone.
 */
static inline unsigned int fmt_contig_lg2(uint64_t raw, unsigned int level,
					  const struct ptl_fmt *f);
static inline uint64_t fmt_contig(uint64_t raw, unsigned int level, const struct ptl_fmt *f);
static inline uint64_t fmt_uncontig(uint64_t raw, unsigned int level, unsigned int index,
				    const struct ptl_fmt *f);

/*
 * Sizes. fmt_child: the first word of the table that translates as leaf @raw of
 * @level does; fmt_parent: the leaf of @level + 1 that begins as @raw does.
 * Neither is contiguous.
 */
static inline uint64_t fmt_child(uint64_t raw, unsigned int level, const struct ptl_fmt *f);
static inline uint64_t fmt_parent(uint64_t raw, unsigned int level, const struct ptl_fmt *f);

/*
 * Accessed and dirty. fmt_still: the word without them, for comparing;
 * fmt_merge_ad: @raw, accessed or dirty if either is.
 */
static inline bool fmt_is_young(uint64_t raw, const struct ptl_fmt *f);
static inline uint64_t fmt_mkold(uint64_t raw, const struct ptl_fmt *f);
static inline bool fmt_is_dirty(uint64_t raw, const struct ptl_fmt *f);
static inline uint64_t fmt_mkclean(uint64_t raw, const struct ptl_fmt *f);
static inline uint64_t fmt_still(uint64_t raw, const struct ptl_fmt *f);
static inline uint64_t fmt_merge_ad(uint64_t raw, uint64_t other, const struct ptl_fmt *f);

/* Whether a live @old may become a live @new only by way of break, flush, make. */
static inline bool fmt_needs_break(uint64_t old, uint64_t new_, unsigned int level,
				   const struct ptl_fmt *f);
/* Whether stale leaves of another size must be gone before attributes change. */
static inline bool fmt_flush_after_split(const struct ptl_fmt *f);

#endif /* PTL_FMT_API_H */
