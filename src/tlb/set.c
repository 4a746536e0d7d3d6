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

/* What an entry counted for. */
static void entry_gone(struct pt_tlb *tlb, const struct ptl_slot *slot)
{
	tlb->nr_globals -= slot->entry.type == PT_TLB_GLOBAL;
	ptl_tag_unref(tlb, slot->tag);
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
	entry_gone(tlb, slot);
}

bool ptl_valid(const struct ptl_part *part, unsigned int set, unsigned int way)
{
	return part->heads ? part->heads[set].valid >> way & 1 : ptl_wide_valid(part, set, way);
}

/* Makes the stale slots of a set invalid, so that they are the first choice of who goes. */
static void sweep(struct pt_tlb *tlb, struct ptl_part *part, unsigned int set, uint64_t *swept)
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

/* The first invalid way of a set becomes valid, and the latest. */
static struct ptl_slot *take_invalid(struct ptl_part *part, struct ptl_head *head, unsigned int set)
{
	unsigned int way = (unsigned int)__builtin_ctzll(~head->valid);
	struct ptl_slot *slot = &part->slots[(size_t)set * part->cfg.ways + way];

	slot->set = set;
	slot->way = way;
	head->valid |= PTL_BIT(way);
	if (part->cfg.policy == PT_TLB_PLRU)
		ptl_tree_touch(&head->order, part->cfg.ways, way);
	else
		head->order = ptl_order_latest(head->order, way);
	return slot;
}

/* Who goes from a full set that is no queue; the way is the latest then. */
static unsigned int victim(struct ptl_part *part, struct ptl_head *head)
{
	unsigned int way;

	if (part->cfg.policy == PT_TLB_RANDOM)
		return ptl_random_way(part);
	way = ptl_tree_victim(&head->order, part->cfg.ways);
	ptl_tree_touch(&head->order, part->cfg.ways, way);
	return way;
}

static struct ptl_slot *narrow_put(struct pt_tlb *tlb, struct ptl_part *part, unsigned int set,
				   uint32_t hash, uint32_t tag)
{
	struct ptl_head *head = &part->heads[set];
	struct ptl_slot *slot;

	if (head->valid == part->queue_full)
		return ptl_put_in_queue(tlb, part, set, hash, tag);
	if (head->valid != part->full) {
		slot = take_invalid(part, head, set);
		tlb->tags[tag].refs++;
	} else {
		slot = &part->slots[(size_t)set * part->cfg.ways + victim(part, head)];
		tlb->stats.evictions++;
		tlb->nr_globals -= slot->entry.type == PT_TLB_GLOBAL;
		ptl_retag(tlb, slot, tag);
	}
	ptl_set_fingerprint(head, slot->way, hash >> 16);
	return slot;
}

void ptl_retag(struct pt_tlb *tlb, const struct ptl_slot *slot, uint32_t tag)
{
	tlb->tags[tag].refs++;
	ptl_tag_unref(tlb, slot->tag);
}

struct ptl_slot *ptl_put_slowly(struct pt_tlb *tlb, struct ptl_part *part, unsigned int set,
				uint32_t hash, uint32_t tag)
{
	uint64_t *swept = part->heads ? &part->heads[set].swept : ptl_wide_swept(part, set);

	if (*swept != tlb->seq)
		sweep(tlb, part, set, swept);
	return part->heads ? narrow_put(tlb, part, set, hash, tag)
			   : ptl_wide_put(tlb, part, set, hash, tag);
}
