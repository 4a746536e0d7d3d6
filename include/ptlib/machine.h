/* SPDX-License-Identifier: MIT */
/*
 * ptlib/machine.h - simulated CPUs with TLBs over one memory, and how flushes reach them.
 *
 * A TLB is touched by its CPU's owner alone: the thread that runs the CPU (cpu.h), or,
 * while nobody does, whoever has to flush it. A flush of another CPU that runs is put
 * into its mailbox, which it empties before each access; who waits for that empties the
 * mailboxes of CPUs of its own. So on one thread all happens at once, in one order.
 *
 * A thread that runs a CPU and stops accessing, to wait for another thread that may
 * flush, leaves the CPU first, or calls pt_cpu_poll() while it waits. Calls that change
 * tables do the latter by themselves.
 */
#ifndef PTLIB_MACHINE_H
#define PTLIB_MACHINE_H

#include <ptlib/error.h>
#include <ptlib/ops.h>
#include <ptlib/profile.h>
#include <ptlib/types.h>

#ifdef __cplusplus
extern "C" {
#endif

struct pt_machine;
struct pt_cpu;
struct pt_space;

#define PT_MACHINE_MAX_CPUS 4096
#define PT_MACHINE_MAX_PCIDS 4094 /* slots of a CPU */

/* x86: how a flush reaches other CPUs. */
enum pt_delivery {
	PT_DELIVER_IPI, /* they are interrupted */
	PT_DELIVER_INVLPGB, /* AMD: broadcast; a space has one PCID everywhere */
	PT_DELIVER_RAR, /* Intel: remote action requests; as well */
	PT_DELIVERY_NR,
};

/* What an operating system makes of requests to flush: Linux's ways, as data. */
struct pt_machine_policy {
	/* x86 */
	enum pt_delivery delivery; /* but IPI: nr_pcids, generations, lazy have no effect */
	unsigned int max_count; /* INVLPGB: pages beyond the first of one, CPUID's; 7 */
	unsigned int ceiling; /* more pages than this: everything; 33 */
	unsigned int nr_pcids; /* address spaces whose entries a CPU keeps; 6. 0: no PCIDs */
	bool generations; /* a CPU that is up to date already does nothing */
	bool lazy; /* CPUs in a kernel thread are not interrupted for leaves */
	bool kernel_not_global; /* kernel pages are no global ones */
	/* Of page tables, see pt_space_set_user_table(): with IPIs and at most 2046 nr_pcids. */
	bool isolation;
	/* Else everything is flushed by turning CR4.PGE over and back, and what of user mode is
	   flushed goes with all of its PCID when that is entered next. */
	bool invpcid;
	/* arm64 */
	bool ranges; /* FEAT_TLBIRANGE, of Armv8.4: Neoverse N1 and Cortex-A72 have none */
	unsigned int
		max_dvm_ops; /* without: as many strides flush the ASID; 0: entries of a table */
	uint64_t max_range_pages; /* with: more pages than this do; 2097152, as without */
};

/* What one of each takes, in picoseconds. */
struct pt_machine_costs {
	uint64_t page, asid, all; /* removed by this CPU for itself, beside what it sends */
	uint64_t ipi; /* x86: one CPU interrupted, its flush, its answer */
	/* arm64: one TLBI to all other CPUs, its share of the DSB; x86: the same of INVLPGB and
	   TLBSYNC */
	uint64_t broadcast;
	uint64_t action; /* x86: one RAR to one CPU, its flush, its answer */
	uint64_t load; /* one table word read by a walk */
	uint64_t request, entry; /* of flush_requests; of flush_pages */
};

struct pt_machine_cfg {
	unsigned int nr_cpus; /* 1 to PT_MACHINE_MAX_CPUS */
	bool arm64; /* else x86-64 */
	bool checked; /* see checker.h */
	struct pt_tlb_cfg tlb; /* of each CPU; the seed is its number more */
	struct pt_machine_policy policy;
	struct pt_machine_costs costs;
};

/**
 * pt_machine_cfg_init() - @nr_cpus CPUs with the TLBs and costs of @profile, Linux's policy.
 * @profile: See profile.h; NULL, as of a name that pt_tlb_profile_find() does not know, gives a
 *           configuration without TLBs, which pt_machine_create() refuses.
 *
 * Policies are not the profile's: there are range TLBIs, which no processor of today's arm64
 * profiles has, until @cfg says otherwise.
 *
 * Where the profile knows no cost of flushing everything, it is that of an ASID. None knows what
 * an INVLPGB or a RAR takes on its way: 0 until @cfg says more, as is a word that walks read.
 */
PT_API void pt_machine_cfg_init(struct pt_machine_cfg *cfg, const struct pt_tlb_profile *profile,
				unsigned int nr_cpus);

/**
 * pt_machine_create() - CPUs that run nothing yet, over @phys, which outlives them.
 * @out: Receives the handle; release it with pt_machine_destroy().
 *
 * Return: 0; -EINVAL for a geometry, a number of CPUs or a policy that cannot be, as isolation
 * on arm64, without IPIs, or with more slots than half of the PCIDs give; -ENOMEM.
 */
PT_API PT_MUST_CHECK int pt_machine_create(struct pt_machine **out, struct pt_phys *phys,
					   const struct pt_machine_cfg *cfg);
/** Frees @machine and its CPUs; aborts if spaces or guests are left. NULL is allowed. */
PT_API void pt_machine_destroy(struct pt_machine *machine);

PT_API struct pt_phys *pt_machine_phys(const struct pt_machine *machine);
PT_API unsigned int pt_machine_nr_cpus(const struct pt_machine *machine);
/**
 * pt_machine_wait_ops() - For struct pt_pgtable_cfg and struct pt_zone_cfg: who waits for another
 * thread performs what is in the mailboxes of its CPUs meanwhile.
 */
PT_API const struct pt_wait_ops *pt_machine_wait_ops(const struct pt_machine *machine);
/** CPU @number, counted from 0, or NULL beyond the last. */
PT_API struct pt_cpu *pt_machine_cpu(struct pt_machine *machine, unsigned int number);

/* How much a flush operation removes. */
enum pt_flush_kind {
	PT_FLUSH_KIND_PAGE, /* one address */
	PT_FLUSH_KIND_RANGE, /* several addresses, by one operation */
	PT_FLUSH_KIND_ASID, /* one ASID or PCID */
	PT_FLUSH_KIND_ALL, /* more than that */
	PT_FLUSH_KIND_NR,
};

/* Why a CPU performed it. */
enum pt_flush_cause {
	PT_FLUSH_BY_LOCAL, /* its own change of tables */
	PT_FLUSH_BY_IPI, /* x86: another CPU's */
	PT_FLUSH_BY_BROADCAST, /* arm64: any CPU's; INVLPGB too */
	PT_FLUSH_BY_ACTION, /* x86: another CPU's, by RAR */
	PT_FLUSH_BY_SWITCH, /* x86: of address spaces */
	PT_FLUSH_BY_REGISTERS, /* x86: loads of CR0, CR3 and CR4 by pt_cpu_load_x86_64() */
	PT_FLUSH_BY_FAULT, /* x86: a page fault drops its address, so does an EPT violation */
	PT_FLUSH_BY_HAND, /* an instruction of cpu.h */
	PT_FLUSH_CAUSE_NR,
};

/*
 * Since creation, always counted, exact. Read twice and subtract.
 *
 *	hits + misses + refused == pieces of accesses that were looked up
 */
struct pt_cpu_stats {
	uint64_t accesses;
	uint64_t hits; /* pieces that an entry translated */
	uint64_t misses; /* pieces that no entry covered */
	uint64_t refused; /* pieces whose entry did not allow it: walked for */
	uint64_t refills; /* entries made */
	uint64_t loads; /* table words that walks read */
	uint64_t faults;
	uint64_t flushes[PT_FLUSH_CAUSE_NR][PT_FLUSH_KIND_NR]; /* operations performed */
	uint64_t flush_requests; /* of tables, begun while running this CPU */
	uint64_t flush_pages; /* asked for by them; a request for everything asks for none */
	uint64_t flush_full; /* of them: flushed a whole space, or everything */
	uint64_t ipis_sent, ipis_received;
	uint64_t ipis_idle; /* of those received: found nothing to do */
	uint64_t broadcasts_sent, broadcasts_received; /* TLBI ...IS, INVLPGB */
	uint64_t actions_sent, actions_received; /* RAR, one each CPU */
	uint64_t barriers; /* DSB, TLBSYNC that completed some */
	uint64_t switches; /* of address spaces */
	uint64_t deferred; /* requests that a batch took; see flush_batch.h */
	uint64_t lazy_skips; /* IPIs that were not sent since the CPU was lazy */
	/*
	 * Of a checked machine: entries that flushes removed, each level's and each walk cache's;
	 * but PT_FLUSH_BY_FAULT, which nobody asks for.
	 */
	uint64_t dropped;
	uint64_t dropped_needlessly; /* of them: no use would have been wrong; see checker.h */
	uint64_t cost_ps; /* by struct pt_machine_costs: walks, flushes of its own, what it sent */
};

/**
 * pt_cpu_stats() - What @cpu has counted.
 * pt_machine_stats() - All CPUs together, and what was flushed by threads that ran none.
 *
 * Context: any thread; each figure is of about now, and exact while nothing runs.
 */
PT_API void pt_cpu_stats(const struct pt_cpu *cpu, struct pt_cpu_stats *stats);
PT_API void pt_machine_stats(const struct pt_machine *machine, struct pt_cpu_stats *stats);

/** Returns "page", ... and "IPI", ... */
PT_API const char *pt_flush_kind_name(enum pt_flush_kind kind);
PT_API const char *pt_flush_cause_name(enum pt_flush_cause cause);

#ifdef __cplusplus
}
#endif

#endif /* PTLIB_MACHINE_H */
