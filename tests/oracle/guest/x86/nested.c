/* SPDX-License-Identifier: MIT */
/*
 * Nested page tables: the regions at their guest-physical addresses, not executable,
 * so that nothing of an image ever runs, and the harness block, executable.
 */
#include "x86.h"

#define NESTED_TABLE (PTE_P | PTE_W | PTE_U)
#define NESTED_LEAF (PTE_P | PTE_W | PTE_U)

static uint64_t root, trace_root;
static uint64_t mark; /* of the pool, below the pages of trace_root */

/* The entry that maps @gpa at @level, 0 being 4 KiB pages. */
static uint64_t *entry_of(uint64_t table, uint64_t gpa, unsigned int level)
{
	unsigned int top = read_cr4() & CR4_LA57 ? 4 : 3;
	uint64_t *entry = (uint64_t *)table + (gpa >> (12 + 9 * top) & 511);

	for (unsigned int l = top; l > level; l--) {
		if (!(*entry & PTE_P))
			*entry = pool_page() | NESTED_TABLE;
		entry = (uint64_t *)(*entry & PA_MASK) + (gpa >> (12 + 9 * (l - 1)) & 511);
	}
	return entry;
}

static void map(uint64_t table, uint64_t gpa, uint64_t hpa, uint64_t bytes, uint64_t flags)
{
	while (bytes) {
		unsigned int level = 0;
		uint64_t step;

		while (level < 2 && !((gpa | hpa) & (BIT(21 + 9 * level) - 1)) &&
		       bytes >= BIT(21 + 9 * level))
			level++;
		step = BIT(12 + 9 * level);
		*entry_of(table, gpa, level) = hpa | flags | (level ? PTE_PS : 0);
		gpa += step;
		hpa += step;
		bytes -= step;
	}
}

static void new_trace_root(void)
{
	pool_reset(mark);
	trace_root = pool_page();
	map(trace_root, MAILBOX->harness_gpa, (uint64_t)harness, sizeof(harness), NESTED_LEAF);
}

/* Stub pages and the tables through which an access finds them. */
static void fill_harness(void)
{
	uint64_t gpa = MAILBOX->harness_gpa;
	uint64_t *table0 = (uint64_t *)(harness + HB_TABLE0);

	memset(harness, 0, sizeof(harness));
	memcpy(harness + HB_STUB_S, stub_page, 4096);
	memcpy(harness + HB_STUB_U, stub_page, 4096);
	*(uint64_t *)(harness + HB_TABLE3) = (gpa + HB_TABLE2) | PTE_P | PTE_W | PTE_U | PTE_A;
	*(uint64_t *)(harness + HB_TABLE2) = (gpa + HB_TABLE1) | PTE_P | PTE_W | PTE_U | PTE_A;
	*(uint64_t *)(harness + HB_TABLE1) = (gpa + HB_TABLE0) | PTE_P | PTE_W | PTE_U | PTE_A;
	table0[HB_STUB_S / 4096] = (gpa + HB_STUB_S) | PTE_P | PTE_A;
	table0[HB_STUB_U / 4096] = (gpa + HB_STUB_U) | PTE_P | PTE_U | PTE_A;
}

void build_tables(void)
{
	pool_reset(ORC_POOL_PA);
	root = pool_page();
	for (uint32_t i = 0; i < MAILBOX->nr_region; i++) {
		const struct orc_region *region = &MAILBOX->region[i];

		map(root, region->gpa, region->hpa, region->bytes, NESTED_LEAF | PTE_NX);
	}
	map(root, MAILBOX->harness_gpa, (uint64_t)harness, sizeof(harness), NESTED_LEAF);
	mark = pool_mark();
	new_trace_root();
	fill_harness();
}

uint64_t nested_root(void)
{
	return root;
}

uint64_t nested_trace_root(void)
{
	if (pool_is_low())
		new_trace_root();
	return trace_root;
}

void nested_trace_open(uint64_t gpa, uint64_t hpa)
{
	*entry_of(trace_root, gpa, 0) = (hpa & PA_MASK) | NESTED_LEAF | PTE_NX;
}

void nested_trace_close(uint64_t gpa)
{
	*entry_of(trace_root, gpa, 0) = 0;
}
