/* SPDX-License-Identifier: MIT */
/*
 * ptlib/soft_map.h - ranges of words that are software's: leaves into them, and back.
 *
 *	swap out        pt_soft_set(SWAP)             leaves become words of consecutive offsets
 *	swap in         pt_soft_map()                 words become leaves
 *	migrate         pt_soft_set(MIGRATION_*), INHERIT; then pt_soft_map(), INHERIT
 *	marks, guards   pt_soft_set(MARKER), ONLY_HOLES
 *	PROT_NONE       pt_soft_hide(), pt_soft_show()
 *
 * For tables that were given a struct pt_soft_cfg; -EOPNOTSUPP for others. What map.h
 * says of ranges, failures, their codes and context holds here too. pt_unmap() takes
 * software's words away. No break-before-make arises: a word that was valid becomes one
 * that is not, and until the gather has flushed, no leaf may come in its place: finish the
 * gather of pt_soft_set() and pt_soft_hide() before pt_soft_map(), pt_soft_show() or
 * pt_map().
 */
#ifndef PTLIB_SOFT_MAP_H
#define PTLIB_SOFT_MAP_H

#include <ptlib/map.h>
#include <ptlib/soft.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * pt_soft_set() - Make the entries of @level in [@va, @va + @len) say @soft.
 * @va, @len: Multiples of what an entry of @level covers.
 * @soft:     Of the first entry; of the next ones with offset or pfn further on, or with
 *            PT_CHANGE_SAME (as hugetlb does in contiguous blocks) the same. Not PROT_NONE.
 *
 * Replaces leaves, holes and other software words of that level, each by one exchange, so
 * that what hardware marks until then is not lost. Larger leaves are split, contiguous
 * blocks that reach outside are unfolded, and missing tables are made. ONLY_HOLES and
 * ONLY_LEAVES pass over the rest.
 *
 * INHERIT: uffd-wp and soft-dirty of a leaf or software word that is replaced go into
 * the new word if its kind has them; young and dirty of a leaf into MIGRATION.
 *
 * @done: bytes of leaves replaced; @was: their marks. If another thread frees tables
 * beside the range and memory is short, it may fail with leaves split.
 *
 * TLB: leaves that are gone go to the gather.
 * Return: also what pt_soft_encode() returns for the first and the last word; -EEXIST,
 * with the address, for a table where the word would stand, or a software word above it.
 */
PT_API PT_MUST_CHECK int pt_soft_set(struct pt_pgtable *pt, pt_va_t va, uint64_t len,
				     unsigned int level, const struct pt_soft *soft,
				     struct pt_change *change);

/**
 * pt_soft_map() - Leaves for [@va, @va + @len) in place of software's words.
 * @pa:   Of the first byte; aligned to what each entry covers.
 * @attr: As in pt_map().
 *
 * Each leaf is as large as the word it replaces; whole contiguous blocks are made where
 * they fit, unless NO_CONTIG. Needs no memory. INHERIT: uffd-wp and soft-dirty go into the
 * leaf's software bits, young and dirty of MIGRATION too.
 *
 * TLB: none needed, if what the words had replaced was flushed.
 * Return: also -ENOENT, with the address, for a hole, -EEXIST for a leaf or PROT_NONE.
 */
PT_API PT_MUST_CHECK int pt_soft_map(struct pt_pgtable *pt, pt_va_t va, pt_pa_t pa, uint64_t len,
				     pt_attr_t attr, struct pt_change *change);

/**
 * pt_soft_hide() - Make the leaves in [@va, @va + @len) PROT_NONE.
 * @set, @clear: Attributes to change at the same time, as in pt_protect(). 0 and 0: the
 *               words keep all but what their format of PROT_NONE takes a bit from: x86 GLOBAL,
 *               arm64 GLOBAL, or to 6.10 PT_ATTR_SW(8).
 *
 * HUGETLB: x86 leaves above level 0 with the bits between pages' addresses and theirs inverted
 * too. Linux, mm/hugetlb.c, hides them as pte_modify() does single pages.
 *
 * PROT_NONE words in the range change their attributes. Leaves and blocks that reach outside
 * are split. @done: bytes that are PROT_NONE now; @was: marks, which the words keep.
 *
 * TLB: leaves that are gone go to the gather.
 * Return: as pt_protect(); -EFAULT for a PROT_NONE word that reaches outside.
 */
PT_API PT_MUST_CHECK int pt_soft_hide(struct pt_pgtable *pt, pt_va_t va, uint64_t len,
				      pt_attr_t set, pt_attr_t clear, struct pt_change *change);

/**
 * pt_soft_show() - Make the PROT_NONE words in [@va, @va + @len) leaves again.
 * @set, @clear: As above.
 *
 * Contiguous blocks come back where all of one is shown. Leaves, holes and other words are
 * passed over with SKIP_HOLES. @done: bytes that are leaves now.
 *
 * TLB: none needed, if what was hidden was flushed.
 * Return: also -ENOENT with the first address that is not PROT_NONE, unless SKIP_HOLES;
 * -EOPNOTSUPP for what the format cannot express; -EFAULT for a word that reaches outside.
 */
PT_API PT_MUST_CHECK int pt_soft_show(struct pt_pgtable *pt, pt_va_t va, uint64_t len,
				      pt_attr_t set, pt_attr_t clear, struct pt_change *change);

/**
 * pt_soft_split() - Leave no software word larger than those of @level in the range.
 *
 * Each becomes a table of words that say the same of its parts: the next pfn, the next
 * piece of the leaf, the same marker. Leaves do not change. @done: bytes of words split.
 *
 * TLB: none needed.
 * Return: also -EOPNOTSUPP for a word that cannot say it of its parts: one of unknown kind.
 */
PT_API PT_MUST_CHECK int pt_soft_split(struct pt_pgtable *pt, pt_va_t va, uint64_t len,
				       unsigned int level, struct pt_change *change);

/**
 * pt_soft_lookup() - What software says at @va.
 * @level: Receives the level of the word; may be NULL.
 *
 * Return: 0; -ENOENT for a hole, -EEXIST for a leaf; -EFAULT; -ERANGE; -EOPNOTSUPP.
 */
PT_API PT_MUST_CHECK int pt_soft_lookup(const struct pt_pgtable *pt, pt_va_t va,
					struct pt_soft *soft, unsigned int *level);

#ifdef __cplusplus
}
#endif

#endif /* PTLIB_SOFT_MAP_H */
