/* SPDX-License-Identifier: MIT */
/*
 * A stage 2 under test.  It has to map the stubs too, without being changed: accesses
 * run on a copy of the root, of which one invalid entry leads to the harness, or one
 * for each of its pages if these are what the root holds.  Its tables hold machine
 * addresses, so regions must be ident.
 */
#include "arm64.h"

#define MAX_ROOT (16 * 65536) /* 16 concatenated tables of the largest granule */
#define PAGE_MASK_48 0x0000fffffffff000ull

static uint8_t copy[MAX_ROOT] __attribute__((aligned(MAX_ROOT)));
static uint8_t chain[4][65536] __attribute__((aligned(65536))); /* root entry to stubs */
static uint8_t block[ORC_HARNESS] __attribute__((aligned(ORC_HARNESS)));

static uint64_t *original; /* the root under test */
static uint64_t nr_entry;
static uint64_t slot, nr_slots; /* entries that lead to the stubs */

struct geometry {
	unsigned int granule_lg2;
	int level; /* Arm's, of the root */
	unsigned int shift; /* of a root entry */
};

static struct geometry decode_vtcr(uint64_t vtcr)
{
	unsigned int tg0 = vtcr >> 14 & 3, sl0 = vtcr >> 6 & 3;
	bool ds = vtcr >> 32 & 1, sl2 = vtcr >> 33 & 1;
	struct geometry g;

	g.granule_lg2 = tg0 == 0 ? 12 : tg0 == 1 ? 16 : 14;
	if (g.granule_lg2 == 12)
		g.level = ds && sl2 ? -1 : sl0 == 3 ? 3 : 2 - (int)sl0;
	else
		g.level = sl0 == 3 && g.granule_lg2 == 14 ? 0 : 3 - (int)sl0;
	g.shift = g.granule_lg2 + (g.granule_lg2 - 3) * (unsigned int)(3 - g.level);
	return g;
}

static uint64_t decode_vttbr(uint64_t vttbr, uint64_t vtcr, unsigned int granule_lg2)
{
	uint64_t mask = granule_lg2 == 16 ? 0x0000ffffffff0000ull : PAGE_MASK_48;
	uint64_t align = nr_entry * 8 < 64 ? 64 : nr_entry * 8;
	uint64_t pa = vttbr & mask & ~(align - 1);

	if (granule_lg2 == 16 || vtcr & BIT(32)) /* 52-bit output: bits 51:48 are in 5:2 */
		pa |= (vttbr >> 2 & 15) << 48;
	return pa;
}

/* Entries in a row that the access to @index does not use, invalid ones if there are any. */
static bool choose_slot(uint64_t index)
{
	for (unsigned int taken = 0; taken <= 1; taken++) {
		uint64_t nr = 0;

		for (slot = nr_entry; slot--;) {
			nr = slot != index && (taken || !(original[slot] & 1)) ? nr + 1 : 0;
			if (nr == nr_slots)
				return true;
		}
	}
	return false;
}

/* Tables from copy[slot] on to pages of the block. */
static void build_chain(const struct geometry *g)
{
	uint64_t *table = (uint64_t *)copy, at = slot;
	unsigned int depth = 0;

	for (int level = g->level; level < 3; level++) {
		memset(chain[depth], 0, BIT(g->granule_lg2));
		table[at] = (uint64_t)chain[depth] | 3;
		table = (uint64_t *)chain[depth++];
		at = 0;
	}
	for (uint64_t off = 0; off < sizeof(block); off += BIT(g->granule_lg2))
		table[at++] = ((uint64_t)block + off) | STAGE2_RW | STAGE2_PAGE;
}

/*
 * The root and its copy are so aligned that pages of one push the other's out of QEMU's TLB:
 * up to 16 tables, each access, so they are read in turns of a few words.
 */
#define NR_TURN 64

static uint64_t turn_of(uint64_t at)
{
	return nr_entry - at < NR_TURN ? nr_entry - at : NR_TURN;
}

static void copy_root(void)
{
	uint64_t words[NR_TURN];

	for (uint64_t at = 0; at < nr_entry; at += NR_TURN) {
		memcpy(words, original + at, turn_of(at) * 8);
		memcpy((uint64_t *)copy + at, words, turn_of(at) * 8);
	}
}

bool user_stage2_borrow(const uint64_t *reg, uint64_t ipa, struct user_stage2 *s2)
{
	uint64_t vtcr = reg[ORC_AR_VTCR], vttbr = reg[ORC_AR_VTTBR], pa, hpa;
	struct geometry g = decode_vtcr(vtcr);
	unsigned int bits = 64 - (vtcr & 63);

	nr_entry = bits > g.shift ? BIT(bits - g.shift) : 1;
	if (nr_entry * 8 > sizeof(copy))
		return false;
	pa = decode_vttbr(vttbr, vtcr, g.granule_lg2);
	if (!region_lookup(pa, &hpa) || hpa != pa)
		return false;
	original = (uint64_t *)pa;
	nr_slots = g.level == 3 ? sizeof(block) >> g.granule_lg2 : 1;
	if (!choose_slot(ipa >> g.shift))
		return false;
	copy_root();
	build_chain(&g);
	s2->vttbr = (vttbr & 0xffff000000000000ull) | (uint64_t)copy | (vttbr & 1);
	s2->block_ipa = slot << g.shift;
	build_block(block, s2->block_ipa);
	return true;
}

/* Entries of the copy that hardware changed: AF and dirty state of blocks in the root. */
void user_stage2_return(void)
{
	uint64_t now[NR_TURN];

	for (uint64_t at = 0; at < nr_entry; at += NR_TURN) {
		memcpy(now, (const uint64_t *)copy + at, turn_of(at) * 8);
		for (uint64_t i = 0; i < turn_of(at); i++)
			if (now[i] != original[at + i] && at + i - slot >= nr_slots)
				original[at + i] = now[i];
	}
}
