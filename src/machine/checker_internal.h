/* SPDX-License-Identifier: MIT */
/*
 * checker_internal.h - what the checker remembers.
 *
 *	checker.c         stores and flushes as they come
 *	check_changes.c   lists of changes, found by the word that was changed
 *	check_way.c       what the tables say now, and what of an entry differs
 *	check_hit.c       entries that are used, held to them
 *	check_dropped.c   entries that flushes remove: which of them agreed with the tables
 *	check_what.c      what a change did, and who
 *	check_break.c     arm64: live words replaced without break-before-make
 *	check_report.c    who is told, and in which words
 */
#ifndef PTL_CHECKER_INTERNAL_H
#define PTL_CHECKER_INTERNAL_H

#include <ptlib/checker.h>

#include "base/lock.h"
#include "machine/machine_internal.h"
#include "pt/pagetable_internal.h"

#define PTL_JOURNAL 16384

struct ptl_change {
	struct pt_store store;
	uint64_t number; /* of stores, in the order of reports */
	uint64_t space; /* pt_space.id */
	uintptr_t thread;
	unsigned int by; /* that thread's CPU, or PT_CHECK_NO_CPU */
	enum pt_changed what; /* if @kept */
	bool kept; /* the old word may be in a TLB; only such changes are remembered */
	bool table; /* and is a table: a flush of leaves is not enough */
	bool deferred; /* a batch owes its flush */
	bool combined_left; /* second stages: flushed, but for what is combined with a first */
	/* The table page that the word is in, by its first frame; see ptl_check_deaths(). */
	const struct pt_frame *table_frame; /* NULL: there is none */
	uint32_t table_generation;
	/* The block that the old word, a leaf, points into; see ptl_check_was_freed(). */
	const struct pt_frame *block; /* NULL: no allocator's */
	uint32_t generation;
	pt_pa_t frame;
	struct pt_tlb_entry entry; /* check_break.c: what may be kept of the old word */
	uint32_t next; /* of the same hash, as an index plus 1 */
};

/* Changes in the order of their numbers. */
struct ptl_changes {
	struct ptl_change *at;
	uint32_t *heads; /* @max of them: by hash of the word, an index plus 1 */
	size_t nr, max; /* @max is 0 or a power of two */
};

/*
 * The latest PTL_JOURNAL of those that were flushed, in that order, in a ring. Links lead to what
 * is older; one that leads to what is younger led to what has been overwritten since.
 */
struct ptl_journal {
	struct ptl_change at[PTL_JOURNAL];
	uint32_t heads[PTL_JOURNAL]; /* as above */
	size_t next;
};

struct ptl_checker {
	_Atomic uint64_t clock; /* the number of the last store; +1 with release under the lock */
	_Atomic uint32_t lock; /* guards what follows; innermost */
	struct ptl_changes open; /* flushes of them have not returned */
	struct ptl_changes owed; /* arm64: no TLBI of them has completed */
	struct ptl_journal journal;
	struct pt_check_stats stats;
	unsigned int kinds; /* that are told; as @report and @ctx set while nothing runs */
	void (*report)(void *ctx, const struct pt_check_report *report);
	void *ctx;
};

/* What CPUs set in leaves: Arm ARM DDI 0487 J.a, D8.3; Intel SDM Vol. 3A, Table 4-20. */
#define ARM64_AF PTL_BIT(10)
#define ARM64_READ_ONLY PTL_BIT(7) /* cleared, to make it dirty */
#define X86_ACCESSED PTL_BIT(5)
#define X86_DIRTY PTL_BIT(6)

/* The way that an access takes now. */
struct ptl_way {
	struct pt_access_step steps[PT_ACCESS_MAX_STEPS];
	unsigned int nr;
	unsigned int nr_leading; /* of them, to what is kept: all, or those above a table */
	bool mapped; /* to a leaf, whatever that lets be done */
	struct ptl_kept kept; /* but for its tables, only if @mapped */
	struct pt_piece piece; /* so is this; @raw as if it had been used */
};

/* The cast: a load that older Clang wants a pointer to what is not const for. */
static inline uint32_t ptl_frame_generation(const struct pt_frame *frame)
{
	return atomic_load_explicit((_Atomic uint32_t *)(uintptr_t)&frame->generation,
				    memory_order_relaxed);
}

/* ---- checker.c ---- */

/* Whether the frame that @change took out of the tables has been freed since. */
bool ptl_check_was_freed(const struct pt_phys *phys, const struct ptl_change *change);
/*
 * How often the page that @change was in has ceased to be a table since: 0, the word is the same;
 * 1, and so it is until the page is freed.
 */
uint32_t ptl_check_deaths(const struct ptl_change *change);

/* ---- check_changes.c ---- */

/* False: there is no memory, or there are too many. */
bool ptl_changes_add(struct ptl_changes *changes, const struct ptl_change *change);
/* The latest change of the word at @pa, and the one before @change; or NULL. */
const struct ptl_change *ptl_changes_of(const struct ptl_changes *changes, pt_pa_t pa);
const struct ptl_change *ptl_changes_before(const struct ptl_changes *changes,
					    const struct ptl_change *change);
/* Drops those that do not stay. Returns how many do not. */
size_t ptl_changes_drop(struct ptl_changes *changes,
			bool (*stays)(void *ctx, struct ptl_change *change), void *ctx);
void ptl_changes_exit(struct ptl_changes *changes);

void ptl_journal_add(struct ptl_journal *journal, const struct ptl_change *change);
/* The change of the word at @pa that was flushed last, and the one before @change; or NULL. */
const struct ptl_change *ptl_journal_of(const struct ptl_journal *journal, pt_pa_t pa);
const struct ptl_change *ptl_journal_before(const struct ptl_journal *journal,
					    const struct ptl_change *change);

/* ---- check_way.c ---- */

/*
 * @from: PTL_FROM_ROOT, or the level of the top table, which is then read as pages are that may
 * be nobody's by now.
 */
void ptl_check_find_way(struct ptl_way *way, const struct ptl_access *access, unsigned int from);
/*
 * What of @entry, which is used for what @judged says, is wrong by the tables, or
 * PT_CHECK_KIND_NR. Less permissive and not accessed is not wrong.
 */
enum pt_check_kind ptl_check_compare(const struct ptl_way *way, const struct ptl_asked *asked,
				     const struct pt_tlb_entry *entry, unsigned int judged);

/* ---- check_what.c ---- */

/* What @store did, of a space with a table; what it replaced was live. */
enum pt_changed ptl_check_what(const struct pt_space *space, const struct pt_store *store);
/* The number of the CPU that this thread runs, or PT_CHECK_NO_CPU. */
unsigned int ptl_check_this_cpu(const struct pt_space *space);

/* ---- check_break.c ---- */

/* What @raw says in a table of @space, which is set. */
struct ptl_visit_entry ptl_check_entry(const struct pt_space *space, uint64_t raw,
				       unsigned int level);
/*
 * Under the lock: @change makes a word live that replaces a live one, which may be kept
 * still: then @report is filled in. Remembers what @change leaves to be invalidated.
 */
bool ptl_check_break(struct ptl_checker *c, const struct pt_space *space,
		     const struct ptl_change *change, struct pt_check_report *report);

/* ---- check_report.c ---- */

/* Under the lock. */
void ptl_check_count(struct ptl_checker *c, enum pt_check_kind kind);
/* Without it. */
void ptl_check_tell(struct ptl_checker *c, const struct pt_check_report *report);

#endif /* PTL_CHECKER_INTERNAL_H */
