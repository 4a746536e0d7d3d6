/* SPDX-License-Identifier: MIT */
/*
 * pairs.h - spaces with two tables, for tests of page-table isolation.
 *
 *	0                  SLOT_0             2 * SLOT_0
 *	| VA: the user's   | KERNEL           |
 *
 * Each is a word of the top table, which the space's own and its user table both have.
 */
#ifndef PAIRS_H
#define PAIRS_H

#include "machine_test.h"

#define USER_PCID BIT(11)
#define SLOT_0 BIT(39) /* bytes under a word of the top table */
#define KERNEL (SLOT_0 + VA)

static inline struct pt_machine_policy isolated(bool invpcid)
{
	return (struct pt_machine_policy){ .ceiling = 33,
					   .nr_pcids = 6,
					   .generations = true,
					   .lazy = true,
					   .isolation = true,
					   .invpcid = invpcid };
}

struct pair {
	struct process p;
	struct pt_pgtable *user;
};

static inline void pair_init(struct fixture *f, struct pair *pair, unsigned int pages)
{
	process_init(f, &pair->p);
	assert_int_equal(pt_map(pair->p.pt, VA, DATA, pages * f->page, RWU, NULL), 0);
	assert_int_equal(pt_pgtable_create(&pair->user, f->phys, &f->cfg), 0);
	assert_int_equal(pt_pgtable_link(pair->user, 0, pair->p.pt, 0, SLOT_0, 3), 0);
	assert_int_equal(pt_space_set_user_table(pair->p.space, pair->user), 0);
}

static inline void pair_exit(struct pair *pair)
{
	assert_int_equal(pt_pgtable_unlink(pair->user, 0, SLOT_0, 3, NULL), 0);
	pt_pgtable_destroy(pair->user);
	process_exit(&pair->p);
}

static inline bool in_user(struct pt_cpu *cpu)
{
	return pt_cpu_x86_64(cpu)->cr3 & USER_PCID;
}

/* Whether page @page of what @cpu runs, in the mode it is in, is kept. */
static inline bool keeps(struct fixture *f, struct pt_cpu *cpu, unsigned int page)
{
	struct pt_access_result result;

	return !touch(f, cpu, VA + page * f->page, PT_ACCESS_READ, &result) && !result.nr_loads[0];
}

/* CPUs 0 to @nr - 1 keep @pages pages of @pair under both PCIDs, and are left in @user mode. */
static inline void warm(struct fixture *f, struct pair *pair, unsigned int nr, unsigned int pages,
			bool user)
{
	for (unsigned int i = 0; i < nr; i++) {
		struct pt_cpu *cpu = run_on(f, i, pair->p.space);
		struct pt_access_result result;

		for (unsigned int mode = 0; mode < 2; mode++) {
			for (unsigned int page = 0; page < pages; page++)
				assert_int_equal(touch(f, cpu, VA + page * f->page, PT_ACCESS_READ,
						       &result),
						 0);
			assert_int_equal(pt_cpu_to_user(cpu), 0);
		}
		if (!user)
			pt_cpu_to_kernel(cpu);
		pt_cpu_leave(cpu);
	}
}

static inline uint64_t flushes(struct fixture *f, unsigned int cpu, enum pt_flush_cause cause,
			       enum pt_flush_kind kind)
{
	return stats_of(pt_machine_cpu(f->machine, cpu)).flushes[cause][kind];
}

/* The kernel's space, with @pages pages at KERNEL. */
static inline void kernel_init(struct fixture *f, struct process *kernel, unsigned int pages)
{
	kernel->space = pt_machine_kernel(f->machine);
	f->cfg.flush = pt_space_flush_ops(kernel->space);
	f->cfg.watch = pt_space_watch_ops(kernel->space);
	assert_int_equal(pt_pgtable_create(&kernel->pt, f->phys, &f->cfg), 0);
	assert_int_equal(pt_space_set_table(kernel->space, kernel->pt), 0);
	assert_int_equal(pt_map(kernel->pt, KERNEL, DATA + BIT(24), pages * f->page, RW, NULL), 0);
}

/* Both tables of @pair have what @kernel maps, as an entry into the kernel has to. */
static inline void link_kernel(struct pair *pair, struct process *kernel)
{
	assert_int_equal(pt_pgtable_link(pair->p.pt, SLOT_0, kernel->pt, SLOT_0, SLOT_0, 3), 0);
	assert_int_equal(pt_pgtable_link(pair->user, SLOT_0, kernel->pt, SLOT_0, SLOT_0, 3), 0);
}

static inline void unlink_kernel(struct pair *pair)
{
	assert_int_equal(pt_pgtable_unlink(pair->user, SLOT_0, SLOT_0, 3, NULL), 0);
	assert_int_equal(pt_pgtable_unlink(pair->p.pt, SLOT_0, SLOT_0, 3, NULL), 0);
}

#endif /* PAIRS_H */
