/* SPDX-License-Identifier: MIT */
/*
 * A request reaches other CPUs. A parked one is claimed, and runs it on the initiator's
 * thread; into the mailbox of a running one it is put:
 *
 *	initiator                                 owner of the other CPU
 *	changes tables
 *	pushes mail           release -> acquire  takes all mail, before an access
 *	                                          flushes
 *	sees pending at 0     acquire <- release  counts pending down
 *	frees
 *
 * Two that wait for each other run each other's requests while they wait. An owner who
 * leaves between the push and his next access leaves the mail to the initiator, who
 * claims the CPU then.
 */
#include "base/lock.h"
#include "machine/machine_internal.h"

#define CHUNK 64 /* CPUs: a word of a bitmap */

static void push(struct pt_cpu *cpu, struct ptl_mail *mail)
{
	mail->next = atomic_load_explicit(&cpu->mail, memory_order_relaxed);
	/* Release: pairs with the acquire in ptl_cpu_drain(). */
	while (!atomic_compare_exchange_weak_explicit(&cpu->mail, &mail->next, mail,
						      memory_order_release, memory_order_relaxed))
		;
}

/* Takes a parked CPU. Acquire: pairs with the release of who had it before. */
static bool claim(struct pt_cpu *cpu)
{
	uintptr_t nobody = 0;

	return atomic_compare_exchange_strong_explicit(&cpu->owner, &nobody,
						       ptl_this_thread() | PTL_CLAIMED,
						       memory_order_acquire, memory_order_relaxed);
}

static void unclaim(struct pt_cpu *cpu)
{
	atomic_store_explicit(&cpu->owner, 0, memory_order_release);
}

/* What of a chunk has been put into mailboxes. */
struct chunk {
	struct ptl_mail mail[CHUNK];
	struct pt_cpu *cpu[CHUNK];
	unsigned int nr;
};

/* Runs it at once if that is possible. */
static void give(struct chunk *chunk, struct pt_cpu *cpu, struct ptl_request *request)
{
	if (claim(cpu)) {
		request->run(cpu, request);
		unclaim(cpu);
		return;
	}
	/* Relaxed: this thread alone makes it its own. */
	if (atomic_load_explicit(&cpu->owner, memory_order_relaxed) == ptl_this_thread()) {
		request->run(cpu, request);
		return;
	}
	atomic_fetch_add_explicit(&request->pending, 1, memory_order_relaxed);
	chunk->mail[chunk->nr].request = request;
	chunk->cpu[chunk->nr] = cpu;
	push(cpu, &chunk->mail[chunk->nr++]);
}

static void wait_for(struct pt_machine *machine, struct chunk *chunk, struct ptl_request *request)
{
	unsigned int spins = 0;

	/* Acquire: pairs with the release in ptl_cpu_drain(). */
	while (atomic_load_explicit(&request->pending, memory_order_acquire)) {
		ptl_cpu_poll_own(machine);
		for (unsigned int i = 0; i < chunk->nr; i++) {
			if (!claim(chunk->cpu[i]))
				continue;
			ptl_cpu_drain(chunk->cpu[i]);
			unclaim(chunk->cpu[i]);
		}
		ptl_spin_wait(&spins);
	}
}

unsigned int ptl_deliver(struct pt_machine *machine, struct pt_cpu *self,
			 const _Atomic uint64_t *cpus,
			 bool (*wants)(struct pt_cpu *cpu, const struct ptl_request *request),
			 struct ptl_request *request)
{
	unsigned int nr = 0;

	for (unsigned int word = 0; word < ptl_nr_words(machine); word++) {
		/* Seq_cst: pairs with the setting of the bit in x86's switch_to(). */
		uint64_t bits = cpus ? atomic_load_explicit(&cpus[word], memory_order_seq_cst)
				     : ~UINT64_C(0);
		struct chunk chunk;

		chunk.nr = 0;
		for (; bits; bits &= bits - 1) {
			unsigned int number = word * CHUNK + (unsigned int)__builtin_ctzll(bits);
			struct pt_cpu *cpu;

			if (number >= machine->cfg.nr_cpus)
				break;
			cpu = machine->cpu[number];
			if (cpu == self || (wants && !wants(cpu, request)))
				continue;
			give(&chunk, cpu, request);
			nr++;
		}
		wait_for(machine, &chunk, request);
	}
	return nr;
}

struct broadcast {
	struct ptl_request request;
	const struct pt_tlb_flush *flushes;
	unsigned int nr;
};

static void run_broadcast(struct pt_cpu *cpu, struct ptl_request *request)
{
	struct broadcast *broadcast = (struct broadcast *)request;

	ptl_count(&cpu->counters, PTL_COUNT_BROADCASTS_RECEIVED, broadcast->nr);
	for (unsigned int i = 0; i < broadcast->nr; i++)
		ptl_cpu_flush(cpu, &broadcast->flushes[i], PT_FLUSH_BY_BROADCAST);
}

void ptl_broadcast(struct pt_machine *machine, struct pt_cpu *self,
		   const struct pt_tlb_flush *flushes, unsigned int nr, enum pt_flush_cause own,
		   uint64_t clock)
{
	struct broadcast broadcast = { { .run = run_broadcast }, flushes, nr };

	ptl_count_for(machine, self, PTL_COUNT_BROADCASTS_SENT, nr);
	for (unsigned int i = 0; self && i < nr; i++)
		ptl_cpu_flush(self, &flushes[i], own);
	(void)ptl_deliver(machine, self, NULL, NULL, &broadcast.request);
	for (unsigned int i = 0; machine->checker && i < nr; i++)
		ptl_check_completed(machine->checker, &flushes[i], clock);
}
