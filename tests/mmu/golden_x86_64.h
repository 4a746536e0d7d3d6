/* SPDX-License-Identifier: MIT */
/* golden_x86_64.h - words, registers and trees for tests of single cases. */
#ifndef MMU_GOLDEN_X86_64_H
#define MMU_GOLDEN_X86_64_H

#include "mmu/machine.h"

/* Intel SDM Vol. 3A, 4.5.5 "Paging-Structure Entries" (rev. 081) */
#define P BIT(0)
#define RW BIT(1)
#define US BIT(2)
#define PWT BIT(3)
#define PCD BIT(4)
#define A BIT(5)
#define D BIT(6)
#define PS BIT(7)
#define PAT_LARGE BIT(12)
#define XD BIT(63)

#define MEM_PA UINT64_C(0x100000) /* of memory: 4 MiB, the first for tables */
#define DATA_PA UINT64_C(0x200000)
#define OUTSIDE UINT64_C(0x40000000)

struct x86 {
	struct machine m;
	struct pt_x86_regs regs;
	unsigned int top;
};

/* CPL 0, WP, NXE; MAXPHYADDR 46 */
static inline void x86_load(struct x86 *x)
{
	assert_int_equal(pt_mmu_set_x86_64(x->m.mmu, &x->regs), 0);
}

static inline void x86_init(struct x86 *x, unsigned int levels)
{
	machine_init(&x->m, MEM_PA, 4 * MIB);
	x->top = levels - 1;
	x->regs = (struct pt_x86_regs){
		.cr0 = 0x80010033,
		.cr3 = new_table(&x->m, 12),
		.cr4 = BIT(5) | (levels == 5 ? BIT(12) : 0),
		.efer = BIT(8) | BIT(10) | BIT(11),
		.rflags = 2,
		.maxphyaddr = 46,
	};
	x86_load(x);
}

static inline void x86_exit(struct x86 *x)
{
	machine_exit(&x->m);
}

static inline unsigned int x86_index(pt_va_t va, unsigned int level)
{
	return va >> (12 + 9 * level) & 511;
}

/* The entry of @level for @va; tables on the way are made, with all rights and A clear. */
static inline uint64_t *x86_entry(struct x86 *x, pt_va_t va, unsigned int level)
{
	uint64_t *entry = word(&x->m, x->regs.cr3 & ~UINT64_C(0xfff), x86_index(va, x->top));

	for (unsigned int l = x->top; l > level; l--) {
		if (!(*entry & P))
			*entry = new_table(&x->m, 12) | US | RW | P;
		entry = word(&x->m, *entry & UINT64_C(0x3ffffffff000), x86_index(va, l - 1));
	}
	return entry;
}

/* A page of 4K with all rights. */
static inline uint64_t *x86_map(struct x86 *x, pt_va_t va, pt_pa_t pa)
{
	uint64_t *entry = x86_entry(x, va, 0);

	*entry = pa | US | RW | P;
	return entry;
}

static inline int x86_try(struct x86 *x, enum pt_access_kind kind, pt_va_t va, unsigned int size,
			  unsigned int cpl, struct pt_access_result *r)
{
	struct pt_access access = access_of(kind, size, cpl);

	return pt_access(x->m.mmu, va, &access, r);
}

/* It succeeds in one piece, at @pa. */
static inline void x86_goes(struct x86 *x, enum pt_access_kind kind, pt_va_t va, unsigned int size,
			    pt_pa_t pa)
{
	struct pt_access_result r;

	assert_int_equal(x86_try(x, kind, va, size, 0, &r), 0);
	assert_int_equal(r.fault.kind, PT_FAULT_NONE);
	assert_int_equal(r.nr_pieces, 1);
	assert_int_equal(r.piece[0].pa, pa);
	assert_int_equal(r.piece[0].len, size);
}

/* It ends in a page fault with @code and @cr2. */
static inline struct pt_fault x86_faults(struct x86 *x, enum pt_access_kind kind, pt_va_t va,
					 unsigned int size, unsigned int cpl, uint64_t code,
					 pt_va_t cr2)
{
	struct pt_access_result r;

	assert_int_equal(x86_try(x, kind, va, size, cpl, &r), 1);
	assert_int_equal(r.fault.kind, PT_FAULT_PF);
	assert_int_equal(r.fault.code, code);
	assert_int_equal(r.fault.va, cr2);
	assert_int_equal(r.fault.stage, 1);
	assert_int_equal(r.nr_pieces, 0);
	return r.fault;
}

#endif /* MMU_GOLDEN_X86_64_H */
