/* SPDX-License-Identifier: MIT */
/*
 * ptlib/flush_count.h - a struct pt_flush_ops that counts.
 *
 * It stands where CPUs would, and says what Linux would have had them do: which
 * requests become one operation a page, which become range operations, and which
 * flush everything. Requests are for kernel addresses: of all CPUs, global, and
 * counted in pages of the granule whatever the leaves are; or, if the configuration says
 * so, for those of a process, whose pages are as large as the smallest leaf of the request.
 * Which CPUs run the process it does not know: a struct pt_space does (space.h).
 *
 *	policy         up to                       beyond
 *	X86_64         33 pages: INVLPG each       everything, on every CPU
 *	ARM64_RANGE    2^21 pages: RVAALE1IS ...   VMALLE1IS
 *	ARM64          entries of a table, less    VMALLE1IS
 *	               one: VAALE1IS each
 *
 * Of a process these are leaves for X86_64 and ARM64, which has the limit of ARM64_RANGE beside its
 * own; the operations are VALE1IS and RVALE1IS, and beyond, what flushes its PCID or ASID alone.
 *
 * Source: Linux 6.15, arch/x86/mm/tlb.c flush_tlb_kernel_range(), flush_tlb_mm_range() and
 * tlb_single_page_flush_ceiling; arch/arm64/include/asm/tlbflush.h flush_tlb_kernel_range(),
 * __flush_tlb_range_limit_excess(), MAX_DVM_OPS, MAX_TLBI_RANGE_PAGES.
 */
#ifndef PTLIB_FLUSH_COUNT_H
#define PTLIB_FLUSH_COUNT_H

#include <ptlib/error.h>
#include <ptlib/ops.h>
#include <ptlib/types.h>

#ifdef __cplusplus
extern "C" {
#endif

struct pt_flush_count;

enum pt_flush_policy {
	PT_FLUSH_X86_64,
	PT_FLUSH_ARM64_RANGE, /* with FEAT_TLBIRANGE */
	PT_FLUSH_ARM64,       /* without */
	PT_FLUSH_POLICY_NR,
};

/* What one of each is modelled to take, in cycles. What is refilled later is not in it. */
struct pt_flush_cost {
	uint64_t request;  /* reaching all CPUs and waiting for them, once a request */
	uint64_t full;     /* removing everything */
	uint64_t page_op;  /* removing one page */
	uint64_t range_op; /* one range operation */
	uint64_t local;    /* removing everything on one CPU, without reaching others */
};

struct pt_flush_count_cfg {
	enum pt_flush_policy policy;
	unsigned int granule_lg2;         /* 12, 14 or 16: log2 bytes of a page */
	bool lpa2;                        /* ranges begin in units of 64K: ARM64_RANGE */
	const struct pt_flush_cost *cost; /* copied; NULL: pt_flush_cost_default() */
	bool user;                        /* of a process: for struct pt_mm_cfg and the like */
};

/* Since creation; read twice and subtract. requests = full + ranged. */
struct pt_flush_counts {
	uint64_t requests;  /* calls of struct pt_flush_ops */
	uint64_t full;      /* of them: flushed everything */
	uint64_t ranged;    /* of them: by page or range operations */
	uint64_t tables;    /* of them, of either kind: because tables were freed */
	uint64_t page_ops;  /* INVLPG, counted once and not once a CPU; VAALE1IS, VAAE1IS; user:
			       VALE1IS, VAE1IS */
	uint64_t range_ops; /* RVAALE1IS, RVAAE1IS; user: RVALE1IS, RVAE1IS */
	uint64_t pages;     /* granules asked for; calls of all() ask for none */
	uint64_t local;     /* calls of pt_flush_count_local() */
	uint64_t cycles;    /* all of it, by the cost that was given */
};

/**
 * pt_flush_count_create() - Begin to count at zero.
 * @out: Receives the handle; release it with pt_flush_count_destroy().
 *
 * Return: 0; -EINVAL for a policy or granule that does not exist, or a granule but 4K
 * with X86_64; -ENOMEM.
 */
PT_API PT_MUST_CHECK int pt_flush_count_create(struct pt_flush_count **out,
					       const struct pt_flush_count_cfg *cfg);
/** Frees @count; NULL is allowed. Nothing may flush through it any more. */
PT_API void pt_flush_count_destroy(struct pt_flush_count *count);

/** What counts, for struct pt_pgtable_cfg and others; as long as @count. Any thread. */
PT_API const struct pt_flush_ops *pt_flush_count_ops(struct pt_flush_count *count);

/** Counts a flush of everything on one CPU alone; @count is a struct pt_flush_count *. */
PT_API void pt_flush_count_local(void *count, unsigned int cpu);

/** Exact while nobody flushes; otherwise each figure is of about now. */
PT_API void pt_flush_counts(const struct pt_flush_count *count, struct pt_flush_counts *counts);

/**
 * pt_flush_cost_default() - Cycles at 3 GHz, from published and own figures.
 *
 * x86_64: a shootdown 15 us (own, two CPUs of a virtual machine), INVLPG 100 ns (Linux,
 * arch/x86/mm/tlb.c), everything two writes of CR4 at 32 ns, as MOV to CR3. arm64: any
 * inner-shareable TLBI 23 ns, a local one 10 ns, its DSB in it.
 */
PT_API struct pt_flush_cost pt_flush_cost_default(enum pt_flush_policy policy);

#ifdef __cplusplus
}
#endif

#endif /* PTLIB_FLUSH_COUNT_H */
