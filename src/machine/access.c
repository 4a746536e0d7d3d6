/* SPDX-License-Identifier: MIT */
/*
 * An access of a CPU, the usual way: one piece that the TLB translates, or that is walked for
 * quickly, with nothing to mark, and kept. All else goes the way of access_fully.c.
 */
#include "machine/access.h"

/* The first and only piece is in @result; all that is not of a piece. */
static inline int succeed(struct pt_access_result *result, unsigned int nr_loads)
{
	result->nr_pieces = 1;
	result->nr_loads[0] = nr_loads;
	result->nr_loads[1] = 0;
	result->fault.kind = PT_FAULT_NONE;
	return 0;
}

/* Whether the TLB translates it. */
static bool look_up(struct pt_cpu *cpu, const struct ptl_asked *asked, const struct pt_access *how,
		    struct pt_access_result *result)
{
	unsigned int judged;
	const struct pt_tlb_entry *entry = ptl_look_up(cpu, asked, how, &judged);

	if (!entry)
		return false;
	ptl_piece_of_entry(&result->piece[0], entry, asked->in, judged & ~PTL_JUDGED_CLEAN,
			   how->size);
	return true;
}

/* It was walked for, found, and is kept. */
static inline void keep(struct pt_cpu *cpu, const struct ptl_asked *asked,
			const struct pt_access *how, const struct ptl_kept_page *page,
			unsigned int nr_loads, struct pt_access_result *result)
{
	unsigned int page_lg2 = asked->r->walker->granule_lg2;
	const struct pt_tlb_fill fill = {
		.pa = page->first,
		.raw = page->raw,
		.data = page->words | page->mem << PTL_MEM_SHIFT,
		.size_lg2 = (unsigned int)page->size_lg2,
		.leaf_lg2 = page_lg2,
		.global = ptl_keeps_as_global(cpu, page->global),
	};

	ptl_piece_of_page(&result->piece[0], page, page_lg2, how->size);
	ptl_count(&cpu->counters, PTL_COUNT_ACCESSES, 1);
	ptl_count(&cpu->counters, PTL_COUNT_LOADS, nr_loads);
	ptl_count(&cpu->counters, PTL_COUNT_REFILLS, 1);
	PTL_BUG_ON(pt_tlb_fill(cpu->tlb, ptl_use_of(how), asked->in, &fill));
}

/* A miss, where the TLB keeps tables too. */
static __attribute__((noinline)) int walk_by_tables(struct pt_cpu *cpu, pt_va_t va,
						    const struct pt_access *how,
						    struct pt_access_result *result,
						    const struct ptl_asked *asked)
{
	struct ptl_kept_page page;
	struct ptl_missed missed;
	unsigned int nr_loads;

	missed.asked = *asked;
	(void)ptl_find_start(cpu, &missed);
	nr_loads = ptl_walk_usually(cpu, &missed, &page);
	if (!nr_loads)
		return ptl_cpu_access_fully(cpu, va, how, result, &missed);
	keep(cpu, asked, how, &page, nr_loads, result);
	ptl_keep_tables(cpu, &missed, 0, 0);
	return succeed(result, nr_loads);
}

/* A miss that the quick way of a walk cannot decide. */
static __attribute__((noinline)) int walk_fully(struct pt_cpu *cpu, pt_va_t va,
						const struct pt_access *how,
						struct pt_access_result *result,
						const struct ptl_asked *asked)
{
	const struct ptl_missed missed = { .asked = *asked, .kept.from = PTL_FROM_ROOT };

	return ptl_cpu_access_fully(cpu, va, how, result, &missed);
}

int pt_cpu_access(struct pt_cpu *cpu, pt_va_t va, const struct pt_access *how,
		  struct pt_access_result *result)
{
	struct ptl_asked asked, rare;
	struct ptl_kept_page page;
	unsigned int nr_loads;

	ptl_cpu_poll(cpu);
	/* What is checked needs to know more of an access than is found out here. */
	if (cpu->contexts || !ptl_ask_usual(cpu->mmu, va, how, &asked))
		return ptl_cpu_access_fully(cpu, va, how, result, NULL);
	if (look_up(cpu, &asked, how, result)) {
		ptl_count(&cpu->counters, PTL_COUNT_ACCESSES, 1);
		return succeed(result, 0);
	}
	if (cpu->table_sizes) {
		rare = asked; /* which itself stays in registers */
		return walk_by_tables(cpu, va, how, result, &rare);
	}
	nr_loads = asked.r->walker->keep(asked.r, asked.in, asked.want.perms, asked.want.class,
					 NULL, &page);
	if (!nr_loads) {
		rare = asked;
		return walk_fully(cpu, va, how, result, &rare);
	}
	keep(cpu, &asked, how, &page, nr_loads, result);
	return succeed(result, nr_loads);
}

int pt_cpu_read(struct pt_cpu *cpu, pt_va_t va, const struct pt_access *how, void *buf,
		struct pt_access_result *result)
{
	int err = ptl_writes(how->kind) ? -EINVAL : pt_cpu_access(cpu, va, how, result);

	return err ? err : ptl_pieces_read(cpu->mmu, va, result, buf);
}

int pt_cpu_write(struct pt_cpu *cpu, pt_va_t va, const struct pt_access *how, const void *buf,
		 struct pt_access_result *result)
{
	int err = !ptl_writes(how->kind) ? -EINVAL : pt_cpu_access(cpu, va, how, result);

	return err ? err : ptl_pieces_write(cpu->mmu, va, result, buf);
}
