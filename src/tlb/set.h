/* SPDX-License-Identifier: MIT */
/* One set: what stands in it, who is put where, who has to go. */
#ifndef PTL_TLB_SET_H
#define PTL_TLB_SET_H

#include "tlb/tlb_internal.h"

/* ---- set.c ---- */

void ptl_tree_touch(uint64_t *tree, unsigned int ways, unsigned int way);
unsigned int ptl_tree_victim(const uint64_t *tree, unsigned int ways);
unsigned int ptl_random_way(struct ptl_part *part);
/*
 * The slot that a new entry of @set with @hash and @tag is put into, valid and found by that
 * hash; what it held is counted as evicted. The rest of it is the caller's to write.
 */
struct ptl_slot *ptl_put_slowly(struct pt_tlb *tlb, struct ptl_part *part, unsigned int set,
				uint32_t hash, uint32_t tag);
/* @slot, which is valid, counts as of @tag. */
void ptl_retag(struct pt_tlb *tlb, const struct ptl_slot *slot, uint32_t tag);
/* Makes a valid slot invalid. */
void ptl_drop(struct pt_tlb *tlb, struct ptl_part *part, struct ptl_slot *slot);
/* Whether @way of @set is valid; it may be stale. */
bool ptl_valid(const struct ptl_part *part, unsigned int set, unsigned int way);

/* ---- wide.c: sets of more than PTL_NARROW ways ---- */

struct ptl_slot *ptl_wide_find(const struct ptl_part *part, const struct ptl_key *key,
			       uint64_t page, unsigned int size_lg2, uint32_t hash);
void ptl_wide_touch(struct ptl_part *part, struct ptl_slot *slot);
/* As ptl_put_slowly(), of such a set that is swept. */
struct ptl_slot *ptl_wide_put(struct pt_tlb *tlb, struct ptl_part *part, unsigned int set,
			      uint32_t hash, uint32_t tag);
void ptl_wide_drop(struct ptl_part *part, struct ptl_slot *slot);
bool ptl_wide_valid(const struct ptl_part *part, unsigned int set, unsigned int way);
uint64_t *ptl_wide_swept(const struct ptl_part *part, unsigned int set); /* as ptl_head.swept */
/* Whether the index finds @slot, which is valid. */
bool ptl_wide_sound(const struct ptl_part *part, const struct ptl_slot *slot);

/* ---- narrow sets, inline ---- */

/*
 * The position of @way in @order is that of the lowest 4 bits that are @way: those above
 * the last way are 0, which is a way, but below them.
 */
static inline uint64_t ptl_order_latest(uint64_t order, unsigned int way)
{
	uint64_t differ = order ^ way * UINT64_C(0x1111111111111111);
	uint64_t zero = (differ - UINT64_C(0x1111111111111111)) & ~differ &
			UINT64_C(0x8888888888888888);
	unsigned int shift = (unsigned int)__builtin_ctzll(zero) & ~3u;
	uint64_t above = ~UINT64_C(0) << shift << 4;

	return (order & above) | (order & ~above & ~(UINT64_C(15) << shift)) << 4 | way;
}

/*
 * The top bit of each of four lanes that is @lane; perhaps of one above such a lane that
 * is @lane ^ 1 too, which is valid, since no fingerprint is 1, and will turn out not to be
 * looked for.
 */
static inline uint64_t ptl_lanes_like(uint64_t lanes, uint32_t lane)
{
	uint64_t differ = lanes ^ lane * PTL_LANES;

	return (differ - PTL_LANES) & ~differ & PTL_LANES << 15;
}

/* The ways of a set that @hash may be of, as lanes; no branch depends on where they are. */
static inline uint64_t ptl_ways_like(const struct ptl_part *part, const struct ptl_head *head,
				     uint32_t hash)
{
	uint64_t lanes = ptl_lanes_like(head->fingerprints[0], hash >> 16) >> 15;

	if (part->cfg.ways > 4)
		lanes |= ptl_lanes_like(head->fingerprints[1], hash >> 16) >> 14 |
			 ptl_lanes_like(head->fingerprints[2], hash >> 16) >> 13 |
			 ptl_lanes_like(head->fingerprints[3], hash >> 16) >> 12;
	return lanes;
}

/* The live slot of @page, or NULL. */
static inline __attribute__((always_inline)) struct ptl_slot *
ptl_find(const struct ptl_part *part, const struct ptl_key *key, uint64_t page,
	 unsigned int size_lg2)
{
	uint32_t hash = ptl_hash(page, key->salt);
	struct ptl_slot *slots;
	unsigned int set;

	if (!part->heads)
		return ptl_wide_find(part, key, page, size_lg2, hash);
	set = ptl_set_of(part, page);
	slots = &part->slots[(size_t)set * part->cfg.ways];
	for (uint64_t lanes = ptl_ways_like(part, &part->heads[set], hash); lanes;
	     lanes &= lanes - 1) {
		struct ptl_slot *slot = &slots[ptl_first_lane(lanes)];

		if (ptl_slot_is(slot, key, page, size_lg2))
			return slot;
	}
	return NULL;
}

/* @slot was found: it is the latest used, where that counts. */
static inline void ptl_touch(struct ptl_part *part, struct ptl_slot *slot)
{
	struct ptl_head *head;

	if (part->cfg.policy == PT_TLB_FIFO || part->cfg.policy == PT_TLB_RANDOM)
		return;
	if (!part->heads) {
		ptl_wide_touch(part, slot);
		return;
	}
	head = &part->heads[slot->set];
	if (part->cfg.policy == PT_TLB_PLRU)
		ptl_tree_touch(&head->order, part->cfg.ways, slot->way);
	else if ((head->order & 15) != slot->way) /* else each hit would wait for the last one */
		head->order = ptl_order_latest(head->order, slot->way);
}

static inline void ptl_set_fingerprint(struct ptl_head *head, unsigned int way,
				       uint64_t fingerprint)
{
	uint64_t *lanes = &head->fingerprints[way / 4];
	unsigned int shift = way % 4 * 16;

	*lanes = (*lanes & ~(UINT64_C(0xffff) << shift)) | fingerprint << shift;
}

/*
 * As ptl_put_slowly(), into a full set with nothing to sweep, from which goes who is last in
 * its order.
 */
static inline struct ptl_slot *ptl_put_in_queue(struct pt_tlb *tlb, struct ptl_part *part,
						unsigned int set, uint32_t hash, uint32_t tag)
{
	struct ptl_head *head = &part->heads[set];
	uint64_t order = head->order;
	unsigned int way = order >> part->last_shift & 15;
	struct ptl_slot *slot = &part->slots[(size_t)set * part->cfg.ways + way];

	head->order = (order << 4 | way) & part->order_mask;
	tlb->stats.evictions++;
	if (__builtin_expect(tlb->nr_globals != 0, 0))
		tlb->nr_globals -= slot->entry.type == PT_TLB_GLOBAL;
	if (__builtin_expect(slot->tag != tag, 0)) /* counting one down and up is a long wait */
		ptl_retag(tlb, slot, tag);
	head->fingerprints[way / 4] ^= (uint64_t)((slot->hash ^ hash) >> 16) << way % 4 * 16;
	return slot;
}

/* The slot of a new entry of @page and @key, which is not there; the entry is the caller's. */
static inline __attribute__((always_inline)) struct ptl_slot *
ptl_put(struct pt_tlb *tlb, struct ptl_part *part, uint64_t page, const struct ptl_key *key)
{
	uint32_t hash = ptl_hash(page, key->salt);
	unsigned int set = ptl_set_of(part, page);
	struct ptl_slot *slot;

	if (__builtin_expect(part->heads && part->heads[set].valid == part->queue_full &&
				     part->heads[set].swept == tlb->seq,
			     1))
		slot = ptl_put_in_queue(tlb, part, set, hash, key->tag);
	else
		slot = ptl_put_slowly(tlb, part, set, hash, key->tag);
	slot->hash = hash;
	slot->tag = key->tag;
	slot->born = tlb->seq;
	return slot;
}

#endif /* PTL_TLB_SET_H */
