/* SPDX-License-Identifier: MIT */
/*
 * stress_mmu.h - processors beside the threads that change a shared table: each performs accesses
 * through one MMU. Without TLBs, a flush has to wait only until none of them is in an access.
 */
#ifndef STRESS_MMU_H
#define STRESS_MMU_H

#include "stress/stress.h"

#include "mmu/registers.h"

#define MS_A_CONFIG 500
#define NR_CPUS 2

struct cpu {
	struct processors *all;
	uint32_t seed;
	_Atomic uint64_t walks; /* odd: in an access */
	uint64_t nr_ok, nr_holes, nr_broken;
};

struct processors {
	struct stress s; /* first: threads of stress.h get it */
	struct pt_flush_ops flush;
	struct pt_mmu *mmu;
	struct cpu cpu[NR_CPUS];
};

static inline bool is_x86(const struct stress *s)
{
	return s->fmt.fmt == PT_FMT_X86_64;
}

static inline bool is_dirty(const struct stress *s, uint64_t raw)
{
	if (!(raw & 1))
		return false;
	if (is_x86(s))
		return raw >> 6 & 1;
	return s->fmt.features & PT_FEAT_HD && raw >> 51 & 1 && !(raw >> 7 & 1);
}

static inline bool keeps_dirty(const struct stress *s)
{
	return is_x86(s) || s->fmt.features & PT_FEAT_HD;
}

static inline bool is_accessed(const struct stress *s, uint64_t raw)
{
	return raw & 1 && raw >> (is_x86(s) ? 5 : 10) & 1;
}

static inline void wait_for_cpus(void *ctx)
{
	struct processors *p = ctx;

	for (unsigned int i = 0; i < NR_CPUS; i++) {
		uint64_t walks = atomic_load(&p->cpu[i].walks);

		while (walks & 1 && atomic_load(&p->cpu[i].walks) == walks)
			sched_yield();
	}
}

static inline void flush_range(void *ctx, pt_va_t first, pt_va_t last, unsigned int stride_lg2)
{
	(void)first;
	(void)last;
	(void)stride_lg2;
	wait_for_cpus(ctx);
}

/* Sequentially consistent, as the loads in wait_for_cpus(). */
static inline void begin_access(struct cpu *cpu)
{
	atomic_fetch_add(&cpu->walks, 1);
}

static inline void end_access(struct cpu *cpu)
{
	atomic_fetch_add(&cpu->walks, 1);
}

/* Not present, and nothing else, at the first byte of one of the pages. */
static inline void check_fault(const struct stress *s, const struct pt_fault *fault, pt_va_t va)
{
	unsigned int status = fault->code & 63;

	CHECK(fault->va == va, fault->va);
	CHECK(fault->why == PT_WHY_NOT_PRESENT, fault->why);
	if (is_x86(s))
		CHECK((fault->code & ~UINT64_C(2)) == 0, fault->code);
	else
		CHECK((status >= 4 && status <= 7) || status == 0x2b, fault->code);
}

static inline void processors_init(struct processors *p, const char *name,
				   const struct pt_watch_ops *watch)
{
	struct stress *s = &p->s;

	p->flush = (struct pt_flush_ops){ flush_range, wait_for_cpus, flush_range, p };
	stress_init(s, name, PT_MODE_SHARED, &p->flush, watch);
	CHECK(pt_mmu_create(&p->mmu, s->phys) == 0, 0);
	CHECK(load_registers(p->mmu, &s->fmt, pt_pgtable_root(s->pt)) == 0, 0);
	for (unsigned int i = 0; i < NR_CPUS; i++)
		p->cpu[i] = (struct cpu){ .all = p, .seed = 77 + i };
}

static inline void processors_exit(struct processors *p)
{
	pt_mmu_destroy(p->mmu);
	stress_exit(&p->s);
}

#endif /* STRESS_MMU_H */
