/* SPDX-License-Identifier: MIT */
/*
 * Sets of more than PTL_NARROW ways, fully associative structures above all. One index
 * over the whole structure finds slots by their hash: lines of 15 fingerprints, of which
 * a quarter is in use on average. What does not fit goes to the next line, and the line it
 * passed counts that; a lookup follows only where the count is not 0. So a hit reads one
 * line of the index, and the slot.
 *
 * Age is a stamp in the slot: a hit writes only there, a fill looks at the whole set. The
 * bits of tree-PLRU stand with what is kept of the set, a third line for its hits.
 */
#include "tlb/set.h"

#define LAST_LANE_SHIFT 48

#define LANES_LOW (PTL_LANES * 0x7fff)

/* The top bit of each of four lanes that is @lane, exactly. */
static uint64_t lanes_equal(uint64_t lanes, uint32_t lane)
{
	uint64_t differ = lanes ^ lane * PTL_LANES;

	return ~(((differ & LANES_LOW) + LANES_LOW) | differ | LANES_LOW);
}

static unsigned int passed(const struct ptl_bucket *bucket)
{
	return (unsigned int)(bucket->fingerprints[3] >> LAST_LANE_SHIFT);
}

static void count_passed(struct ptl_bucket *bucket, bool more)
{
	if (more)
		bucket->fingerprints[3] += UINT64_C(1) << LAST_LANE_SHIFT;
	else
		bucket->fingerprints[3] -= UINT64_C(1) << LAST_LANE_SHIFT;
}

/* The lanes of a bucket that are @fingerprint; the last one counts. */
static uint64_t lanes_of(const struct ptl_bucket *bucket, uint32_t fingerprint)
{
	const uint64_t *words = bucket->fingerprints;
	uint64_t last = lanes_equal(words[3], fingerprint) & ~(UINT64_C(0x8000) << LAST_LANE_SHIFT);

	return lanes_equal(words[0], fingerprint) >> 15 | lanes_equal(words[1], fingerprint) >> 14 |
	       lanes_equal(words[2], fingerprint) >> 13 | last >> 12;
}

struct ptl_slot *ptl_wide_find(const struct ptl_part *part, const struct ptl_key *key,
			       uint64_t page, unsigned int size_lg2, uint32_t hash)
{
	for (uint32_t at = hash & part->bucket_mask;; at = (at + 1) & part->bucket_mask) {
		const struct ptl_bucket *bucket = &part->buckets[at];

		for (uint64_t lanes = lanes_of(bucket, hash >> 16); lanes; lanes &= lanes - 1) {
			struct ptl_slot *slot = &part->slots[bucket->slot[ptl_first_lane(lanes)]];

			if (ptl_slot_is(slot, key, page, size_lg2))
				return slot;
		}
		if (!passed(bucket))
			return NULL;
	}
}

/* The bucket and lane that stand for @slot; false if there is none. */
static bool find_lane(const struct ptl_part *part, const struct ptl_slot *slot, uint32_t *at,
		      unsigned int *lane)
{
	uint16_t index = (uint16_t)(slot - part->slots);

	for (*at = slot->hash & part->bucket_mask;; *at = (*at + 1) & part->bucket_mask) {
		const struct ptl_bucket *bucket = &part->buckets[*at];

		for (uint64_t lanes = lanes_of(bucket, slot->hash >> 16); lanes;
		     lanes &= lanes - 1) {
			*lane = ptl_first_lane(lanes);
			if (bucket->slot[*lane] == index)
				return true;
		}
		if (!passed(bucket))
			return false;
	}
}

static void set_lane(struct ptl_bucket *bucket, unsigned int lane, uint64_t fingerprint)
{
	uint64_t *lanes = &bucket->fingerprints[lane / 4];
	unsigned int shift = lane % 4 * 16;

	*lanes = (*lanes & ~(UINT64_C(0xffff) << shift)) | fingerprint << shift;
}

static void index_add(struct ptl_part *part, const struct ptl_slot *slot)
{
	uint32_t at = slot->hash & part->bucket_mask;
	unsigned int lane;

	while (!lanes_of(&part->buckets[at], 0)) {
		count_passed(&part->buckets[at], true);
		at = (at + 1) & part->bucket_mask;
	}
	lane = ptl_first_lane(lanes_of(&part->buckets[at], 0));
	set_lane(&part->buckets[at], lane, slot->hash >> 16);
	part->buckets[at].slot[lane] = (uint16_t)(slot - part->slots);
}

static void index_remove(struct ptl_part *part, const struct ptl_slot *slot)
{
	unsigned int lane = 0;
	uint32_t at;

	PTL_BUG_ON(!find_lane(part, slot, &at, &lane));
	set_lane(&part->buckets[at], lane, 0);
	for (uint32_t b = slot->hash & part->bucket_mask; b != at; b = (b + 1) & part->bucket_mask)
		count_passed(&part->buckets[b], false);
}

/* ---- what is kept of a set: swept, valid bits, tree ---- */

uint64_t *ptl_wide_swept(const struct ptl_part *part, unsigned int set)
{
	return &part->meta[(size_t)set * (1 + 2 * part->words)];
}

static uint64_t *valid_of(const struct ptl_part *part, unsigned int set)
{
	return ptl_wide_swept(part, set) + 1;
}

static uint64_t *tree_of(const struct ptl_part *part, unsigned int set)
{
	return valid_of(part, set) + part->words;
}

static unsigned int set_of(const struct ptl_part *part, const struct ptl_slot *slot)
{
	return (unsigned int)((size_t)(slot - part->slots) / part->cfg.ways);
}

static unsigned int way_of(const struct ptl_part *part, const struct ptl_slot *slot)
{
	return (unsigned int)((size_t)(slot - part->slots) % part->cfg.ways);
}

bool ptl_wide_valid(const struct ptl_part *part, unsigned int set, unsigned int way)
{
	return valid_of(part, set)[way / 64] >> way % 64 & 1;
}

bool ptl_wide_sound(const struct ptl_part *part, const struct ptl_slot *slot)
{
	unsigned int lane;
	uint32_t at;

	return find_lane(part, slot, &at, &lane);
}

void ptl_wide_touch(struct ptl_part *part, struct ptl_slot *slot)
{
	if (part->cfg.policy == PT_TLB_PLRU)
		ptl_tree_touch(tree_of(part, set_of(part, slot)), part->cfg.ways,
			       way_of(part, slot));
	else
		slot->stamp = ++part->clock;
}

static unsigned int oldest_way(const struct ptl_part *part, unsigned int set)
{
	const struct ptl_slot *slots = &part->slots[(size_t)set * part->cfg.ways];
	unsigned int oldest = 0;

	for (unsigned int way = 1; way < part->cfg.ways; way++)
		if (slots[way].stamp < slots[oldest].stamp)
			oldest = way;
	return oldest;
}

/* The first invalid way, or part->cfg.ways. */
static unsigned int invalid_way(const struct ptl_part *part, const uint64_t *valid)
{
	for (unsigned int word = 0; word < part->words; word++) {
		unsigned int way;

		if (valid[word] == UINT64_MAX)
			continue;
		way = 64 * word + (unsigned int)__builtin_ctzll(~valid[word]);
		if (way < part->cfg.ways)
			return way;
	}
	return part->cfg.ways;
}

struct ptl_slot *ptl_wide_put(struct pt_tlb *tlb, struct ptl_part *part, unsigned int set,
			      uint32_t hash, uint32_t tag)
{
	uint64_t *valid = valid_of(part, set);
	unsigned int way = invalid_way(part, valid);
	struct ptl_slot *slots = &part->slots[(size_t)set * part->cfg.ways];

	tlb->tags[tag].refs++;
	if (way == part->cfg.ways) {
		if (part->cfg.policy == PT_TLB_RANDOM)
			way = ptl_random_way(part);
		else if (part->cfg.policy == PT_TLB_PLRU)
			way = ptl_tree_victim(tree_of(part, set), part->cfg.ways);
		else
			way = oldest_way(part, set);
		ptl_drop(tlb, part, &slots[way]);
		tlb->stats.evictions++;
	}
	valid[way / 64] |= PTL_BIT(way % 64);
	slots[way].hash = hash;
	index_add(part, &slots[way]);
	ptl_wide_touch(part, &slots[way]);
	return &slots[way];
}

void ptl_wide_drop(struct ptl_part *part, struct ptl_slot *slot)
{
	unsigned int way = way_of(part, slot);

	valid_of(part, set_of(part, slot))[way / 64] &= ~PTL_BIT(way % 64);
	index_remove(part, slot);
}
