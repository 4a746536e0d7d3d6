/* SPDX-License-Identifier: MIT */
/*
 * The harness's stage 2: the regions at their addresses, not executable, so that
 * nothing of an image ever runs, and the harness block, executable.  4 KiB granule,
 * with LPA2 if the CPU has it: then every 52-bit address can be a region's.
 */
#include "arm64.h"

#define TABLE 3u

/* T0SZ 12, start level -1 (SL2), PS 52, DS; and T0SZ 16, start level 0, PS 48. */
#define VTCR_COMMON (BIT(31) | 3ull << 12 | 1ull << 10 | 1ull << 8)
#define VTCR_52 (VTCR_COMMON | 12 | BIT(33) | 6ull << 16 | BIT(32))
#define VTCR_48 (VTCR_COMMON | 16 | 2ull << 6 | 5ull << 16)

static bool has_lpa2;
static uint64_t root, trace_root;
static uint64_t mark; /* of the pool, below the pages of trace_root */

void stage2_init(void)
{
	uint64_t mmfr0 = READ_SYSREG(id_aa64mmfr0_el1);
	unsigned int tgran4 = mmfr0 >> 28 & 15, tgran4_2 = mmfr0 >> 40 & 15;

	has_lpa2 = tgran4_2 == 3 || (tgran4_2 == 0 && tgran4 == 1);
}

uint64_t stage2_vtcr(void)
{
	return has_lpa2 ? VTCR_52 : VTCR_48;
}

/* The entry that maps @ipa at @level, 0 being 4 KiB pages. */
static uint64_t *entry_of(uint64_t table, uint64_t ipa, unsigned int level)
{
	unsigned int top = has_lpa2 ? 4 : 3;
	uint64_t *entry = (uint64_t *)table + (ipa >> (12 + 9 * top) & (top == 4 ? 15 : 511));

	for (unsigned int l = top; l > level; l--) {
		if (!(*entry & 1))
			*entry = pool_page() | TABLE;
		entry = (uint64_t *)(*entry & 0x0000fffffffff000ull) +
			(ipa >> (12 + 9 * (l - 1)) & 511);
	}
	return entry;
}

static void map(uint64_t table, uint64_t ipa, uint64_t hpa, uint64_t bytes, uint64_t attr)
{
	while (bytes) {
		unsigned int level = 0;
		uint64_t step;

		while (level < 2 && !((ipa | hpa) & (BIT(21 + 9 * level) - 1)) &&
		       bytes >= BIT(21 + 9 * level))
			level++;
		step = BIT(12 + 9 * level);
		*entry_of(table, ipa, level) = hpa | attr | (level ? 1 : STAGE2_PAGE);
		ipa += step;
		hpa += step;
		bytes -= step;
	}
}

static void new_trace_root(void)
{
	pool_reset(mark);
	trace_root = pool_page();
	map(trace_root, MAILBOX->harness_gpa, (uint64_t)harness, sizeof(harness), STAGE2_RW);
}

void build_tables(void)
{
	pool_reset(ORC_POOL_PA);
	root = pool_page();
	for (uint32_t i = 0; i < MAILBOX->nr_region; i++) {
		const struct orc_region *region = &MAILBOX->region[i];

		map(root, region->gpa, region->hpa, region->bytes, STAGE2_RW | STAGE2_XN);
	}
	map(root, MAILBOX->harness_gpa, (uint64_t)harness, sizeof(harness), STAGE2_RW);
	mark = pool_mark();
	new_trace_root();
	build_block(harness, MAILBOX->harness_gpa);
}

uint64_t stage2_root(void)
{
	return root;
}

uint64_t stage2_trace_root(void)
{
	if (pool_is_low())
		new_trace_root();
	return trace_root;
}

void stage2_trace_open(uint64_t ipa, uint64_t hpa)
{
	*entry_of(trace_root, ipa, 0) = (hpa & ~0xfffull) | STAGE2_RW | STAGE2_XN | STAGE2_PAGE;
	flush_el1();
}

void stage2_trace_close(uint64_t ipa)
{
	*entry_of(trace_root, ipa, 0) = 0;
}
