/* SPDX-License-Identifier: MIT */
/*
 * limits.h - the limits that bars are ratios to, as benchmarks of each program:
 *
 *	limit_load_words	loads every word of the leaf tables
 *	limit_load_words_and_frames	and with each the descriptor of its page, of folios of order 0
 *	limit_store_words	zeroes each leaf table, then stores its words
 *	limit_update_words	loads, changes and stores each word
 *	limit_descent_seq	chases each page's words from the root down, no checks
 *	limit_descent_rand	the same in shuffled order
 *
 * Nothing but the unavoidable accesses, by the library's own accessors, to
 * tables that pt_map() made: a plain loop, as gcc -O2 compiles it.
 */
#ifndef BENCH_LIMITS_H
#define BENCH_LIMITS_H

void limits_register(void);

#endif /* BENCH_LIMITS_H */
