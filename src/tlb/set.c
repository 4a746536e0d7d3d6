/* SPDX-License-Identifier: MIT */
/* One set: the rarer things that happen to it. */
#include "tlb/set.h"

/*
 * A binary tree over the ways, a bit a node, the root at bit 1, the halves of node n at
 * 2n and 2n + 1. A bit says which half is older: 1 is the right one.
 */
void ptl_tree_touch(uint64_t *tree, unsigned int ways, unsigned int way)
{
	unsigned int node = 1;

	for (unsigned int half = ways / 2; half; half /= 2) {
		bool right = way & half;

		if (right)
			tree[node / 64] &= ~PTL_BIT(node % 64);
		else
			tree[node / 64] |= PTL_BIT(node % 64);
		node = 2 * node + right;
	}
}

unsigned int ptl_tree_victim(const uint64_t *tree, unsigned int ways)
{
	unsigned int node = 1;

	while (node < ways)
		node = 2 * node + (tree[node / 64] >> node % 64 & 1);
	return node - ways;
}

/* splitmix64, as tlb.h promises. */
unsigned int ptl_random_way(struct ptl_part *part)
{
	uint64_t z = part->rng += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return (unsigned int)((z ^ z >> 31) % part->cfg.ways);
}

void ptl_drop(struct pt_tlb *tlb, struct ptl_part *part, struct ptl_slot *slot)
{
	if (part->heads) {
		struct ptl_head *head = &part->heads[slot->set];

		head->valid &= ~PTL_BIT(slot->way);
		ptl_set_fingerprint(head, slot->way, 0);
	} else {
		ptl_wide_drop(part, slot);
	}
	ptl_entry_gone(tlb, slot);
}

bool ptl_valid(const struct ptl_part *part, unsigned int set, unsigned int way)
{
	return part->heads ? part->heads[set].valid >> way & 1 : ptl_wide_valid(part, set, way);
}

void ptl_sweep(struct pt_tlb *tlb, struct ptl_part *part, unsigned int set, uint64_t *swept)
{
	struct ptl_slot *slots = &part->slots[(size_t)set * part->cfg.ways];
	uint64_t flushed = 0;

	for (enum pt_tlb_type type = 0; type < PT_TLB_NR_TYPES; type++)
		if (part->active[type])
			flushed = ptl_max(flushed, tlb->flushed[type]);
	for (unsigned int way = 0; *swept < flushed && way < part->cfg.ways; way++)
		if (ptl_valid(part, set, way) && !ptl_slot_live(tlb, &slots[way]))
			ptl_drop(tlb, part, &slots[way]);
	*swept = tlb->seq;
}
