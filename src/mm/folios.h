/* SPDX-License-Identifier: MIT */
/* folios.h - calls that do something to each folio of a range. */
#ifndef PTL_MM_FOLIOS_H
#define PTL_MM_FOLIOS_H

#include <ptlib/mm_reclaim.h>

#include "mm/edit.h"

/* What to do with the folio at @head. Return: bytes done, 0 to pass over, or an error. */
struct ptl_folios {
	int64_t (*folio)(struct ptl_folios *folios, pt_pa_t head);
	struct pt_mm *mm;
	struct pt_swap *swap;
	bool locked_too; /* areas with PT_MM_LOCKED as well */
	bool moving; /* those that move, instead of those that do not */
	bool failed; /* out: some had to stay */
	bool again; /* out: some became smaller ones */
};

/* Each folio that leaves, or moving words, in the range refer to; errors as mm_reclaim.h says. */
int ptl_for_each_folio(struct ptl_folios *folios, pt_va_t va, uint64_t len, uint64_t *done);

/* The same; a folio that was split is visited again, as its pages. */
int ptl_go_over(struct ptl_folios *folios, pt_va_t va, uint64_t len, uint64_t *done);

/* One store's worth of words over the pages of @piece, which leaves map; flushed by the caller. */
void ptl_set_words(struct ptl_edit *edit, const struct ptl_run *run, const struct ptl_piece *piece,
		   const struct pt_soft *soft);

/*
 * migrate.c: the folio at @head is about to move. Return: its bytes; 0 for one that cannot;
 * -ENOMEM. And it stays where it is: mapped as it was.
 */
int64_t ptl_move_begin(struct pt_world *world, pt_pa_t head);
void ptl_move_stay(struct pt_world *world, pt_pa_t head);

/*
 * lazyfree.c: a folio that was given up goes, if nobody has written it since; else it is one like
 * others again. Return: as ptl_folios.folio, 0 in the latter case.
 */
int64_t ptl_discard(struct ptl_folios *folios, pt_pa_t head);

/* Single pages out of the folio that @pa is in. -ENOMEM. */
int ptl_split_folio(struct pt_world *world, pt_pa_t pa);

#endif /* PTL_MM_FOLIOS_H */
