/* SPDX-License-Identifier: MIT */
/*
 * golden_second_x86.h - a guest's x86-64 tables behind a second stage, both written by hand.
 *
 * Guest-physical addresses are physical ones plus GUEST, so that neither passes for the other.
 */
#ifndef MMU_GOLDEN_SECOND_X86_H
#define MMU_GOLDEN_SECOND_X86_H

#include "mmu/golden_x86_64.h"

#define GUEST UINT64_C(0x4000000000)
#define DATA_GPA (GUEST + DATA_PA)
#define VA UINT64_C(0x00002b5aa5c3b000)

/* Address bits of any entry. */
#define ADDRESS UINT64_C(0x000ffffffffff000)

struct nested {
	struct x86 guest; /* regs.cr3 is guest-physical */
	unsigned int top; /* of the second stage */
	pt_pa_t root;
	uint64_t table, leaf; /* what entries of the second stage are made with */
};

/* The second stage's entry of @level for @gpa; tables on the way are made. */
static inline uint64_t *second_entry(struct nested *n, pt_pa_t gpa, unsigned int level)
{
	pt_pa_t table = n->root;

	for (unsigned int l = n->top;; l--) {
		uint64_t *entry = word(&n->guest.m, table, x86_index(gpa, l));

		if (l == level)
			return entry;
		if (!*entry)
			*entry = new_table(&n->guest.m, 12) | n->table;
		table = *entry & ADDRESS;
	}
}

/* @gpa's page of 4K, with all rights, is where it belongs. */
static inline uint64_t *second_map(struct nested *n, pt_pa_t gpa)
{
	uint64_t *entry = second_entry(n, gpa, 0);

	*entry = ((gpa - GUEST) & ADDRESS) | n->leaf;
	return entry;
}

/* A table of the guest's: guest-physical, mapped. */
static inline pt_pa_t guest_table(struct nested *n)
{
	pt_pa_t gpa = GUEST + new_table(&n->guest.m, 12);

	second_map(n, gpa);
	return gpa;
}

/* The guest-physical table of @level for @va; those on the way are made. */
static inline pt_pa_t guest_table_of(struct nested *n, pt_va_t va, unsigned int level)
{
	pt_pa_t table = n->guest.regs.cr3;

	for (unsigned int l = n->guest.top; l > level; l--) {
		uint64_t *entry = word(&n->guest.m, table - GUEST, x86_index(va, l));

		if (!*entry)
			*entry = guest_table(n) | A | US | RW | P;
		table = *entry & ADDRESS;
	}
	return table;
}

/* Guest-physical, of the word itself. */
static inline pt_pa_t guest_entry_gpa(struct nested *n, pt_va_t va, unsigned int level)
{
	return guest_table_of(n, va, level) + 8 * x86_index(va, level);
}

static inline uint64_t *guest_entry(struct nested *n, pt_va_t va, unsigned int level)
{
	return word(&n->guest.m, guest_entry_gpa(n, va, level) - GUEST, 0);
}

/* A page of 4K for all, used and written before. */
static inline uint64_t *guest_map(struct nested *n, pt_va_t va, pt_pa_t gpa)
{
	uint64_t *entry = guest_entry(n, va, 0);

	*entry = gpa | D | A | US | RW | P;
	return entry;
}

/* Guest registers, roots of both stages; the second one is not loaded yet. */
static inline void nested_init(struct nested *n, unsigned int guest_levels, unsigned int levels)
{
	x86_init(&n->guest, guest_levels);
	n->guest.regs.maxphyaddr = 52;
	n->top = levels - 1;
	n->root = n->guest.regs.cr3;
	n->guest.regs.cr3 = 0;
}

/* After the rights of the second stage are known: the guest's root. */
static inline void nested_root(struct nested *n)
{
	n->guest.regs.cr3 = guest_table(n);
	x86_load(&n->guest);
}

static inline void nested_exit(struct nested *n)
{
	x86_exit(&n->guest);
}

static inline int nested_try(struct nested *n, enum pt_access_kind kind, pt_va_t va,
			     unsigned int size, unsigned int cpl, struct pt_access_result *r)
{
	return x86_try(&n->guest, kind, va, size, cpl, r);
}

/* It succeeds in one piece at @pa. */
static inline struct pt_access_result nested_goes(struct nested *n, enum pt_access_kind kind,
						  pt_va_t va, unsigned int cpl, pt_pa_t pa)
{
	struct pt_access_result r;

	assert_int_equal(nested_try(n, kind, va, 4, cpl, &r), 0);
	assert_int_equal(r.fault.kind, PT_FAULT_NONE);
	assert_int_equal(r.nr_pieces, 1);
	assert_int_equal(r.piece[0].pa, pa);
	return r;
}

/* It fails in the second stage, for @gpa; bits of @undefined may have any value. */
static inline struct pt_fault nested_exits(struct nested *n, enum pt_access_kind kind, pt_va_t va,
					   unsigned int cpl, enum pt_fault_kind fault,
					   uint64_t code, uint64_t undefined, pt_pa_t gpa)
{
	struct pt_access_result r;

	assert_int_equal(nested_try(n, kind, va, 4, cpl, &r), 1);
	assert_int_equal(r.fault.kind, fault);
	assert_int_equal(r.fault.code & ~undefined, code);
	assert_int_equal(r.fault.ipa, gpa);
	assert_int_equal(r.fault.stage, 2);
	assert_int_equal(r.nr_pieces, 0);
	return r.fault;
}

#endif /* MMU_GOLDEN_SECOND_X86_H */
