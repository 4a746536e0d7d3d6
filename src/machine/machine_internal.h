/* SPDX-License-Identifier: MIT */
/*
 * machine_internal.h - what CPUs, spaces and requests are made of.
 *
 *	machine.c   CPUs made and counted
 *	cpu.c       who runs a CPU; its registers and flush instructions
 *	access.c    an access: mailbox, TLB, walk, fill, the usual way
 *	access_fully.c   the same of every access; access.h is what both share
 *	deliver.c   a request reaches other CPUs
 *	check*.c    changes remembered, and hits held to them: checker_internal.h
 *	space.c     address spaces, and what is the same on both architectures
 *	guest.c     second stages: virtual machines
 *	arch policy_*.c   what a flush of a space does; which one a CPU runs
 *
 * Everything in a CPU is its owner's, a thread, but for the first line.
 */
#ifndef PTL_MACHINE_INTERNAL_H
#define PTL_MACHINE_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include <ptlib/space.h>

#include "base/bits.h"
#include "base/bug.h"
#include "mmu/kept.h"

/* ---- counters ---- */

/* One a figure of struct pt_cpu_stats, in its order. */
enum ptl_count {
	PTL_COUNT_ACCESSES,
	PTL_COUNT_HITS,
	PTL_COUNT_MISSES,
	PTL_COUNT_REFUSED,
	PTL_COUNT_REFILLS,
	PTL_COUNT_LOADS,
	PTL_COUNT_FAULTS,
	PTL_COUNT_FLUSHES, /* [cause][kind] */
	PTL_COUNT_REQUESTS = PTL_COUNT_FLUSHES + PT_FLUSH_CAUSE_NR * PT_FLUSH_KIND_NR,
	PTL_COUNT_PAGES,
	PTL_COUNT_FULL,
	PTL_COUNT_IPIS_SENT,
	PTL_COUNT_IPIS_RECEIVED,
	PTL_COUNT_IPIS_IDLE,
	PTL_COUNT_BROADCASTS_SENT,
	PTL_COUNT_BROADCASTS_RECEIVED,
	PTL_COUNT_ACTIONS_SENT,
	PTL_COUNT_ACTIONS_RECEIVED,
	PTL_COUNT_BARRIERS,
	PTL_COUNT_SWITCHES,
	PTL_COUNT_DEFERRED,
	PTL_COUNT_LAZY_SKIPS,
	PTL_COUNT_DROPPED,
	PTL_COUNT_NEEDLESSLY,
	PTL_COUNT_NR,
};
_Static_assert(sizeof(struct pt_cpu_stats) == (PTL_COUNT_NR + 1) * sizeof(uint64_t),
	       "the last one, cost_ps, follows from the others");

struct ptl_counters {
	_Atomic uint64_t count[PTL_COUNT_NR]; /* relaxed: figures order nothing */
};

/* By the owner of these counters, the only one who writes. */
static inline void ptl_count(struct ptl_counters *counters, enum ptl_count which, uint64_t nr)
{
	_Atomic uint64_t *count = &counters->count[which];

	atomic_store_explicit(count, atomic_load_explicit(count, memory_order_relaxed) + nr,
			      memory_order_relaxed);
}

/* ---- requests ---- */

/* What CPUs are asked to do; on the initiator's stack. */
struct ptl_request {
	/* On a CPU, by its owner; @cpu is not the one that asks. */
	void (*run)(struct pt_cpu *cpu, struct ptl_request *request);
	/* CPUs that have it in their mailbox. Released by who ran it, acquired by who asks. */
	_Atomic unsigned int pending;
};

/* A request in one mailbox. */
struct ptl_mail {
	struct ptl_request *request;
	struct ptl_mail *next;
};

/* ---- CPUs ---- */

/* pt_cpu.owner: 0, or a thread, plus this while the thread only flushes. */
#define PTL_CLAIMED 1u

/* A thread as a number whose lowest bit is free: it is the address of its descriptor. */
static inline uintptr_t ptl_this_thread(void)
{
	return (uintptr_t)pthread_self();
}
_Static_assert(sizeof(pthread_t) == sizeof(uintptr_t), "a thread fits in a word");

#define PTL_MAX_PENDING 32

/* A TLBI or an INVLPGB that no barrier has completed. */
struct ptl_pending {
	struct pt_tlb_flush flush;
	uint64_t clock; /* the checker's, when it was executed */
	bool broadcast;
};

/* x86: a space whose entries a CPU keeps under a PCID, and the flushes that it has seen. */
struct ptl_slot_of_space {
	uint64_t id; /* pt_space.id; 0: none */
	uint64_t generation;
	bool user_stale; /* user mode's PCID: to be flushed before it is used */
};

struct pt_cpu {
	_Atomic uintptr_t owner;
	_Atomic(struct ptl_mail *) mail; /* pushed with release, all taken with acquire */
	_Atomic bool lazy; /* written by the owner; see policy_x86_64.c for its order */

	_Alignas(64) struct pt_machine *machine;
	struct pt_mmu *mmu;
	struct pt_tlb *tlb;
	unsigned int number;
	uint64_t table_sizes; /* of tables that the TLB keeps, a bit each; 0: it keeps none */
	bool has_registers, global; /* x86: CR4.PGE */
	uint16_t vmid; /* of the guest that it runs; or VPID; 0: the host */
	struct ptl_counters counters;
	struct pt_x86_context now; /* x86 */
	struct pt_x86_regs x86;
	struct pt_arm64_regs arm64;
	struct ptl_contexts *contexts; /* NULL: not checked */
	enum pt_flush_cause cause; /* of the flush that it performs */

	struct pt_space *space;
	struct pt_guest *guest; /* NULL: the host */
	struct pt_x86_ept_regs ept; /* as it was entered with */
	struct pt_arm64_s2_regs s2;
	struct ptl_slot_of_space *slots; /* machine->cfg.policy.nr_pcids, at least 1 */
	unsigned int slot, next_slot;
	bool others_stale; /* x86: kernel entries of PCIDs but the current one */
	bool in_user; /* x86: by the space's user table */

	struct ptl_pending pending[PTL_MAX_PENDING];
	unsigned int nr_pending;
};

struct pt_flush_batch;

struct ptl_policy {
	/* Flushes [first, last] of @space, or all of it. */
	void (*range)(struct pt_space *space, pt_va_t first, pt_va_t last, unsigned int stride_lg2,
		      bool tables);
	void (*all)(struct pt_space *space);
	int (*switch_to)(struct pt_cpu *cpu, struct pt_space *space);
	/* Between the tables of a pair; NULL: there are none. */
	int (*to_user)(struct pt_cpu *cpu);
	void (*to_kernel)(struct pt_cpu *cpu);
	/* As range(), of leaves, into a batch; and what that owes. NULL: no batches. */
	void (*defer)(struct pt_flush_batch *batch, struct pt_space *space, pt_va_t first,
		      pt_va_t last, unsigned int stride_lg2);
	void (*finish)(struct pt_flush_batch *batch);
};

extern const struct ptl_policy ptl_policy_x86_64, ptl_policy_x86_64_global, ptl_policy_arm64;

struct pt_flush_batch {
	struct pt_machine *machine;
	struct pt_space *spaces;
	uint64_t nr; /* requests that are owed */
	_Atomic uint64_t *cpus; /* x86: bitmap of those that ran one of them */
	struct pt_cpu *self; /* arm64: whose TLBI they are */
};

struct pt_space {
	struct pt_machine *machine;
	struct pt_pgtable *pt;
	pt_pa_t root, user_root; /* UINT64_MAX: it has no user table */
	unsigned int granule_lg2;
	bool lpa2, wide_root, upper_half, is_kernel;
	bool guest; /* a second stage; @asid is its VMID or VPID */
	uint16_t asid; /* arm64 */
	uint64_t id; /* never used again */
	struct pt_flush_ops ops;
	struct pt_watch_ops watch;
	struct pt_flush_batch *batch; /* that owes it flushes, or NULL; as the next, its thread's */
	struct pt_space *next_in_batch;
	_Atomic uint64_t
		generation; /* x86: +1 with each flush; see policy_x86_64.c for its order */
	_Atomic uint64_t *cpus; /* x86: bitmap of CPUs that have it loaded, or with PCIDs that
				   are the same everywhere, that ever had */
};

struct pt_guest {
	struct pt_space space; /* x86: @cpus are those that may keep something of it */
};

struct pt_machine {
	struct pt_phys *phys;
	struct pt_machine_cfg cfg;
	const struct ptl_policy *policy;
	struct pt_wait_ops wait;
	struct ptl_checker *checker; /* NULL: not checked */
	struct pt_cpu **cpu;
	struct pt_space *kernel;
	struct ptl_counters outside; /* of threads that run no CPU; atomic additions */
	_Atomic uint64_t last_id;
	_Atomic uint32_t asid_lock; /* guards @asids and @vmids */
	uint64_t *asids; /* arm64: bitmap of those in use */
	uint64_t *vmids; /* the same; 0 is the host */
};

/* x86: a space has the same PCID on all CPUs, and keeps its entries there. */
static inline bool ptl_pcids_are_global(const struct pt_machine *machine)
{
	return machine->cfg.policy.delivery != PT_DELIVER_IPI;
}

static inline unsigned int ptl_nr_words(const struct pt_machine *machine)
{
	return (machine->cfg.nr_cpus + 63) / 64;
}

/* ---- cpu.c ---- */

/* The CPU of @machine that this thread runs, or NULL. */
struct pt_cpu *ptl_cpu_current(const struct pt_machine *machine);
/* Runs what is in the mailboxes of CPUs that this thread runs. */
void ptl_cpu_poll_own(const struct pt_machine *machine);
/* Empties the mailbox of @cpu, which this thread owns. */
void ptl_cpu_drain(struct pt_cpu *cpu);
/* Performs @flush, if it is any, on the TLB of @cpu, which this thread owns. */
void ptl_cpu_flush(struct pt_cpu *cpu, const struct pt_tlb_flush *flush, enum pt_flush_cause cause);
/* One more TLBI, or INVLPGB, that no barrier has completed; if there is no room, all have. */
void ptl_cpu_add_pending(struct pt_cpu *cpu, const struct pt_tlb_flush *flush, bool broadcast);
/* The part of CR3 that says where tables are: at @root, in encrypted memory if @cpu has a C-bit. */
static inline uint64_t ptl_cpu_cr3_at(const struct pt_cpu *cpu, pt_pa_t root)
{
	return root | (cpu->x86.c_bit ? PTL_BIT(cpu->x86.c_bit) : 0);
}

/* Loads CR3, with its flush for @cause. 0, or -EINVAL if the MMU refuses. */
int ptl_cpu_write_cr3(struct pt_cpu *cpu, uint64_t cr3, enum pt_flush_cause cause);
int ptl_cpu_write_arm64(struct pt_cpu *cpu, const struct pt_arm64_regs *regs);
uint16_t ptl_arm64_asid(const struct pt_arm64_regs *regs);
/* Whoever flushed counts: on @cpu, or outside if NULL. */
void ptl_count_for(struct pt_machine *machine, struct pt_cpu *cpu, enum ptl_count which,
		   uint64_t nr);

static inline void ptl_cpu_poll(struct pt_cpu *cpu)
{
	/* Relaxed: what is there is taken with acquire; what comes now can wait for the next. */
	if (__builtin_expect(atomic_load_explicit(&cpu->mail, memory_order_relaxed) != NULL, 0))
		ptl_cpu_drain(cpu);
}

/* ---- deliver.c ---- */

/*
 * Has @request run on each CPU of the bitmap @cpus, NULL: of all, but not on @self, which may
 * be NULL; only where @wants, if it is not NULL. Returns on how many, when all have.
 */
unsigned int ptl_deliver(struct pt_machine *machine, struct pt_cpu *self,
			 const _Atomic uint64_t *cpus,
			 bool (*wants)(struct pt_cpu *cpu, const struct ptl_request *request),
			 struct ptl_request *request);

/*
 * arm64: TLBI operations reach every CPU, and a barrier waits for them. @clock: ptl_clock()
 * when they were executed.
 */
void ptl_broadcast(struct pt_machine *machine, struct pt_cpu *self,
		   const struct pt_tlb_flush *flushes, unsigned int nr, enum pt_flush_cause own,
		   uint64_t clock);

/* ---- space.c ---- */

#define PTL_NR_ASIDS 65536u /* and VMIDs */

/* The lowest of @asids, a bitmap of @machine's, that is free; or PTL_NR_ASIDS. */
unsigned int ptl_take_asid(struct pt_machine *machine, uint64_t *asids);
void ptl_give_asid(struct pt_machine *machine, uint64_t *asids, unsigned int asid);
/* All of it but its ASID. -ENOMEM. */
int ptl_space_init(struct pt_space *space, struct pt_machine *machine);
/* @space translates by @pt. */
void ptl_space_read_table(struct pt_space *space, struct pt_pgtable *pt);
void ptl_space_free(struct pt_space *space);
/* A request to flush @pages of @space, or all of it, counts for @self, or outside if NULL. */
void ptl_count_request(const struct pt_space *space, struct pt_cpu *self, uint64_t pages,
		       bool full);
/* Bytes that an entry of @level covers, and the offset of the last of them. */
static inline unsigned int ptl_space_entry_lg2(const struct pt_space *space, unsigned int level)
{
	return space->granule_lg2 + (space->granule_lg2 - 3) * level;
}
static inline uint64_t ptl_space_entry_last(const struct pt_space *space, unsigned int level)
{
	return PTL_BIT(ptl_space_entry_lg2(space, level)) - 1;
}

/* Whether @cpu has @space loaded. */
void ptl_space_mark(struct pt_space *space, const struct pt_cpu *cpu, bool loaded);
static inline bool ptl_space_is_marked(const struct pt_space *space, const struct pt_cpu *cpu)
{
	/* Relaxed: asked by the owner of @cpu, who marks it. */
	return atomic_load_explicit(&space->cpus[cpu->number / 64], memory_order_relaxed) >>
		       cpu->number % 64 & 1;
}

/* @cpu does not run the space any more that it had loaded. */
void ptl_space_forget(struct pt_cpu *cpu);

/* ---- check*.c ---- */

/* In pt_tlb_entry.data, see access.h: ptl_kept.mem and .withheld; the clock before the walk. */
#define PTL_MEM_SHIFT 16
#define PTL_LEVEL_SHIFT 20
#define PTL_WITHHELD_SHIFT 23
#define PTL_STAMP_SHIFT 27

struct ptl_checker;

int ptl_checker_create(struct ptl_checker **out);
void ptl_checker_destroy(struct ptl_checker *checker);
uint64_t ptl_check_clock(struct ptl_checker *checker);
/* The same of a machine, or 0 where nothing is checked. */
static inline uint64_t ptl_clock(const struct pt_machine *machine)
{
	return machine->checker ? ptl_check_clock(machine->checker) : 0;
}
/* @entry is used, for what @judged says. */
void ptl_check_leaf(struct pt_cpu *cpu, const struct ptl_access *access,
		    const struct ptl_asked *asked, const struct pt_tlb_entry *entry,
		    unsigned int judged);
/* It is used for the table of @level. Returns the stamp of what is found by it: @stamp or less. */
uint64_t ptl_check_table(struct pt_cpu *cpu, const struct ptl_access *access, unsigned int level,
			 const struct pt_tlb_entry *entry, uint64_t stamp);
/* A context that no memory was left to remember. */
void ptl_check_lose_context(struct ptl_checker *checker);
/* What the CPU's ASIDs stand for; see check_dropped.c. */
struct ptl_contexts;
int ptl_contexts_create(struct ptl_contexts **out, struct pt_phys *phys);
void ptl_contexts_destroy(struct ptl_contexts *contexts);
/* @cpu, which has some, translates by other registers from now on; or by what is no context. */
void ptl_check_context(struct pt_cpu *cpu);
void ptl_check_no_context(struct pt_cpu *cpu);
/* For pt_tlb_watch() of @cpu's TLB. */
void ptl_check_dropped(void *cpu, const struct pt_tlb_entry *entry);
/* For pt_watch_ops of @space. */
void ptl_check_store(void *space, const struct pt_store *store);
void ptl_check_flushed(void *space, pt_va_t first, pt_va_t last, bool tables);
/* A batch owes the flush of [first, last]; and has done it. */
void ptl_check_deferred(struct pt_space *space, pt_va_t first, pt_va_t last);
void ptl_check_batch_flushed(struct pt_space *space);
/* arm64: @flush has completed on all CPUs; @clock is from before it was executed. */
void ptl_check_completed(struct ptl_checker *checker, const struct pt_tlb_flush *flush,
			 uint64_t clock);

#endif /* PTL_MACHINE_INTERNAL_H */
