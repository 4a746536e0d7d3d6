/* SPDX-License-Identifier: MIT */
/*
 * calls.h - what one call a page costs before it checks anything: the loads of
 * limit_descent_*, limit_load_words_and_frames, by a function that is called through
 * a pointer and stores the same answer as the library's.
 *
 *	limit_call_seq		as pt_translate(), pages in order
 *	limit_call_rand		the same in shuffled order
 *	limit_call_exchange	the same in order, and a compare-and-swap of the leaf's word
 *	limit_call_access	as pt_access() that needs no mark, in order
 *	limit_call_folio	as pt_range_walk_next() that finds a folio of one page
 *
 * No bar is a ratio to these. Between such a row and the library's lie the checks:
 * that each word is a table or a leaf, lies in memory and may be used; between it and
 * the limit lies the call.
 */
#ifndef BENCH_CALLS_H
#define BENCH_CALLS_H

void calls_register_pagetable(void);
void calls_register_walk(void);
void calls_register_mmu(void);

#endif /* BENCH_CALLS_H */
