/* SPDX-License-Identifier: MIT */
/*
 * fixture.h - one table and the window that benchmarks work on: 262,144 base
 * pages, which are 1 GiB with 4K pages and 16 GiB with 64K pages; in every
 * format, 2 MiB of leaf tables.
 *
 * Table pages come from a reserve over anonymous memory that was touched
 * before, descriptors included: no page fault of the host is ever timed.
 */
#ifndef BENCH_FIXTURE_H
#define BENCH_FIXTURE_H

#include <ptlib/ptlib.h>

#define WINDOW_PAGES ((size_t)262144)

struct fmt_case {
	const char *name;
	enum pt_format fmt;
};

#define NR_FMT_CASES 4
extern const struct fmt_case fmt_cases[NR_FMT_CASES];

struct fixture {
	struct pt_phys *phys;
	struct pt_reserve *reserve;
	struct pt_pgtable *pt;
	struct pt_format_info info;
	enum pt_format fmt;
	enum pt_mode mode;
	struct pt_mmu *mmu;      /* NULL, or for fixture_exit() to destroy, as the two below */
	struct pt_reserve *second_reserve;
	struct pt_pgtable *second; /* a second stage: tables and window, with base pages */
	uint64_t page;           /* bytes of a base page */
	pt_va_t va;              /* the window; aligned to leaves of level 1 and more */
	uint64_t len;
	pt_pa_t pa;              /* what it is mapped to */
	struct pt_change change; /* base-page leaves, no contiguous blocks */
	uint32_t *order;         /* the pages of the window, shuffled, always alike */
	uint64_t **leaf_table;   /* host addresses, see fixture_find_leaf_tables() */
	size_t nr_leaf_tables;
	struct pt_zone *zone;    /* fixture_folios(): where the window's folios come from, */
	pt_pa_t *folio;          /* those it gave, */
	size_t nr_folios;
	unsigned int folio_order;
	unsigned int turn;       /* counts passes, for those that do and undo by turns */
};

/* An empty table of @fmt. Return: 0 or a negative errno; then nothing is left to exit. */
int fixture_init(struct fixture *fx, const struct fmt_case *fmt, enum pt_mode mode);
void fixture_exit(struct fixture *fx);

/* These return 0, a negative errno, or -EIO for a count that should not be. */

/* Maps the window with base pages, accessed and dirty, in one call. */
int fixture_map(struct fixture *fx);
/*
 * Makes the table anew: beside memory, with frames as large as base pages and software's words, and
 * so that walks may lock; maps the window with folios of @order, base pages.
 */
int fixture_folios(struct fixture *fx, unsigned int order);
/* Empties the window and frees its tables. */
int fixture_clear(struct fixture *fx);
/* Maps the window with leaves of level 1. */
int fixture_map_blocks(struct fixture *fx);
/* Looks up where the leaf tables of the mapped window are. */
int fixture_find_leaf_tables(struct fixture *fx);

#define FIXTURE_ATTR                                                                               \
	(PT_ATTR_RW | PT_ATTR_USER | PT_ATTR_EXEC | PT_ATTR_ACCESSED | PT_ATTR_DIRTY)

#endif /* BENCH_FIXTURE_H */
