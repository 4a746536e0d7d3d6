/* SPDX-License-Identifier: MIT */
/*
 * ptlib/checker.h - which flush was missing, which was needless.
 *
 * In a checked machine each store to a table made with pt_space_watch_ops() is remembered.
 * A change of a word that a TLB may have kept is due when the table's flush of it has
 * returned (gather.h), whatever that flush did, or when the frame that a leaf led to goes
 * back to its zone; until then, old and new may be used. A CPU that afterwards uses an
 * entry from before the change, which the tables do not give any more, is reported:
 *
 *	          stale entry                          reported
 *	leaf      another address or memory type       yes
 *	          allows more, to any privilege        yes
 *	          allows less                          no: what it refuses is walked for
 *	          accessed, the table not              no
 *	          dirty, the table not                 yes: stores would not be recorded
 *	table     of a walk cache, not on the way now  yes
 *
 * The same decides which entries a flush drops needlessly, whose use would not have been wrong
 * by the tables of that moment: those that the entry's ASID stood for last on its CPU, and for
 * a global entry those that the CPU runs.
 *
 * Entries that are stale but not used are nobody's harm, and not reported. What has been
 * changed behind pt_pgtable's back is not known, and not reported either.
 *
 * A lazy CPU (space.h) catches up with its space before it runs that again: until then it is
 * held to the changes of the kernel's tables alone, whose flushes reach it.
 *
 * Two kinds do not wait for a use. BREAK, arm64: a live word replaces another that may still
 * be kept where break-before-make is required; what has to complete in between is a TLBI,
 * whatever anybody called flushed. NEEDLESS: a flush returned, and nothing that may have
 * been kept was changed in its range since the last one.
 */
#ifndef PTLIB_CHECKER_H
#define PTLIB_CHECKER_H

#include <ptlib/space.h>

#ifdef __cplusplus
extern "C" {
#endif

enum pt_check_kind {
	PT_CHECK_ADDRESS, /* it leads elsewhere than the tables, which may lead nowhere */
	PT_CHECK_MEMORY, /* its memory type is another */
	PT_CHECK_RIGHTS, /* it allows more */
	PT_CHECK_DIRTY, /* it is dirty, the leaf is clean */
	PT_CHECK_TABLE, /* it is a table that is not used there any more */
	PT_CHECK_FRAME, /* it leads to a frame that was freed before the flush returned */
	PT_CHECK_BREAK, /* no entry was used: a live word replaced a live one */
	PT_CHECK_NEEDLESS, /* no entry was used: a flush of what nobody had changed */
	PT_CHECK_KIND_NR,
};

#define PT_CHECK_ALL ((1u << PT_CHECK_KIND_NR) - 1)
#define PT_CHECK_WRONG                                                                             \
	(PT_CHECK_ALL & ~(1u << PT_CHECK_NEEDLESS)) /* what correct code never does */
#define PT_CHECK_NO_CPU UINT32_MAX

/* What a change did to a word that a TLB may have kept, as it was and as it is. */
enum pt_changed {
	PT_CHANGED_UNMAPPED, /* a leaf: nothing is there now */
	/* a leaf: a word of software's, as of swap; or broken before it is made */
	PT_CHANGED_HIDDEN,
	PT_CHANGED_MOVED, /* a leaf of another address */
	PT_CHANGED_MEMORY, /* a leaf of another memory type or shareability */
	PT_CHANGED_RIGHTS, /* a leaf with other rights, key, or whose it is */
	PT_CHANGED_CLEANED, /* a leaf that is not dirty any more */
	PT_CHANGED_MARKS, /* a leaf: all of that is the same */
	PT_CHANGED_SPLIT, /* a leaf into a table */
	PT_CHANGED_COLLAPSED, /* a table into a leaf */
	PT_CHANGED_UNHOOKED, /* a table: nothing is there now, or another one */
	PT_CHANGED_NR,
};

struct pt_check_report {
	enum pt_check_kind kind;
	unsigned int cpu; /* BREAK, NEEDLESS: that the thread runs, or PT_CHECK_NO_CPU */
	pt_va_t va; /* that was accessed; BREAK: as @change; NEEDLESS: as @first */
	struct pt_tlb_entry entry; /* that was used; BREAK: that may be kept */
	bool mapped; /* there is a leaf for @va now, whatever it lets be done; it leads to: */
	pt_pa_t pa;
	struct pt_store change; /* the latest that made it stale; BREAK: @old as it was live */
	enum pt_changed changed; /* what that did; and who: */
	unsigned int changed_by; /* the CPU that its thread ran, or PT_CHECK_NO_CPU */
	/* of the table that was changed: 1, or 2, and then combined entries go too */
	unsigned int stage;
	/*
	 * The flush that would have been enough: of the entry's ASID, after the change, BREAK: and
	 * before @new_; NEEDLESS: the flush.
	 */
	pt_va_t first, last;
	bool tables, global; /* paging-structure caches too; global pages too */
};

/**
 * pt_machine_set_checker() - Who is told of what is found.
 * @kinds:  Which kinds, a bit each: PT_CHECK_WRONG, PT_CHECK_ALL; others are only counted.
 * @report: On the thread that runs the CPU, before the access goes on; for BREAK, perhaps
 *          with a lock of the table held: it must not use that. NULL: nobody is told.
 *
 * Context: while no CPU runs. Return: 0; -EINVAL for a machine that is not checked, or kinds
 * that do not exist.
 */
PT_API PT_MUST_CHECK int
pt_machine_set_checker(struct pt_machine *machine, unsigned int kinds,
		       void (*report)(void *ctx, const struct pt_check_report *report), void *ctx);

struct pt_check_stats {
	uint64_t reports; /* all but NEEDLESS */
	uint64_t of_kind[PT_CHECK_KIND_NR];
	uint64_t stores; /* seen */
	uint64_t changes; /* of them: of words that may have been kept */
	uint64_t flushes; /* of tables, seen to return */
	uint64_t lost; /* changes that no memory was left to remember: from then on no use of an
			  entry is checked */
	uint64_t lost_contexts; /* what ASIDs stood for on a CPU: what flushes drop of them, and
				   of global entries until the next one, counts as needed */
};

/** What a checked machine has seen, of about now; all 0 of another. */
PT_API void pt_machine_check_stats(const struct pt_machine *machine, struct pt_check_stats *stats);

/**
 * pt_check_report_text() - One report in words, a few lines, as snprintf().
 * Return: bytes that it takes, without the last 0.
 */
PT_API size_t pt_check_report_text(const struct pt_check_report *report, char *buf, size_t len);
/** Returns "address", "rights", ... */
PT_API const char *pt_check_kind_name(enum pt_check_kind kind);
/** Returns "unmapped", "split", ... */
PT_API const char *pt_changed_name(enum pt_changed changed);

#ifdef __cplusplus
}
#endif

#endif /* PTLIB_CHECKER_H */
