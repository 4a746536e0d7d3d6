/* SPDX-License-Identifier: MIT */
/* The life of a TLB: geometry, memory; counters, checks. */
#include <stdlib.h>

#include "tlb/set.h"

#define LINE 64

static bool is_power_of_two(uint64_t x)
{
	return x && !(x & (x - 1));
}

static uint64_t power_of_two_from(uint64_t x)
{
	uint64_t power = 1;

	while (power < x)
		power *= 2;
	return power;
}

static bool is_wide(const struct pt_tlb_part *part)
{
	return part->ways > PTL_NARROW;
}

static bool part_is_good(const struct pt_tlb_part *part)
{
	if (part->level < 1 || part->level > PT_TLB_MAX_LEVELS)
		return false;
	if (!part->uses || part->uses >> PT_TLB_USE_NR)
		return false;
	if (!part->sizes || part->sizes & ~PTL_BITS(PTL_MAX_SIZE_LG2, PTL_MIN_SIZE_LG2))
		return false;
	if (!part->entries || part->entries > PT_TLB_MAX_ENTRIES || !part->ways ||
	    part->entries % part->ways)
		return false;
	if ((unsigned int)part->policy > PT_TLB_RANDOM)
		return false;
	return part->policy != PT_TLB_PLRU || is_power_of_two(part->ways);
}

static bool cfg_is_good(const struct pt_tlb_cfg *cfg)
{
	if (!cfg->nr_parts || cfg->nr_parts > PT_TLB_MAX_PARTS ||
	    cfg->flags & ~(PT_TLB_IGNORES_HINTS | PT_TLB_IPA_TAKES_ALL))
		return false;
	for (unsigned int i = 0; i < cfg->nr_parts; i++) {
		const struct pt_tlb_part *part = &cfg->parts[i];

		if (!part_is_good(part))
			return false;
		for (unsigned int j = 0; j < i; j++) {
			const struct pt_tlb_part *other = &cfg->parts[j];

			if (part->level == other->level && part->uses & other->uses &&
			    part->sizes & other->sizes)
				return false;
		}
	}
	return true;
}

/* Hands out lines of one allocation; with no memory yet, only counts. */
struct lines {
	char *at;
	size_t nr;
};

static void *take_lines(struct lines *lines, size_t size)
{
	size_t nr = (size + LINE - 1) / LINE;
	char *memory = lines->at ? lines->at + lines->nr * LINE : NULL;

	lines->nr += nr;
	return memory;
}

static void lay_out_part(struct ptl_part *part, struct lines *lines)
{
	const struct pt_tlb_part *cfg = &part->cfg;
	size_t nr_buckets = power_of_two_from((cfg->entries + 3) / 4);

	part->slots = take_lines(lines, cfg->entries * sizeof(*part->slots));
	if (!is_wide(cfg)) {
		part->heads = take_lines(lines, part->nr_sets * sizeof(*part->heads));
		return;
	}
	part->bucket_mask = (uint32_t)nr_buckets - 1;
	part->buckets = take_lines(lines, nr_buckets * sizeof(*part->buckets));
	part->words = (cfg->ways + 63) / 64;
	part->meta = take_lines(lines, part->nr_sets * (1 + 2 * (size_t)part->words) *
					       sizeof(*part->meta));
}

/* A tag for each slot and the current one, two while contexts change, and their VMIDs. */
static void lay_out(struct pt_tlb *tlb, struct lines *lines)
{
	size_t nr_tags = 2;

	for (unsigned int i = 0; i < tlb->nr_parts; i++) {
		lay_out_part(&tlb->parts[i], lines);
		nr_tags += tlb->parts[i].cfg.entries;
	}
	tlb->tags = take_lines(lines, 2 * nr_tags * sizeof(*tlb->tags));
	tlb->chain_mask = (uint32_t)power_of_two_from(2 * nr_tags) - 1;
	tlb->chains = take_lines(lines, (tlb->chain_mask + (size_t)1) * sizeof(*tlb->chains));
}

static void init_part(struct ptl_part *part, const struct pt_tlb_part *cfg, uint64_t seed)
{
	part->cfg = *cfg;
	part->nr_sets = cfg->entries / cfg->ways;
	part->set_mask = is_power_of_two(part->nr_sets) ? part->nr_sets - 1 : 0;
	part->rng = seed;
	if (!is_wide(cfg)) {
		part->last_shift = 4 * (cfg->ways - 1);
		part->full = PTL_BIT(cfg->ways) - 1;
		part->order_mask = PTL_BITS(part->last_shift + 3, 0);
	}
	part->queue_full =
		cfg->policy == PT_TLB_LRU || cfg->policy == PT_TLB_FIFO ? part->full : UINT64_MAX;
}

/* Each way once; a tree of PLRU starts as 0. */
static void init_orders(struct ptl_part *part)
{
	if (!part->heads || part->cfg.policy == PT_TLB_PLRU)
		return;
	for (unsigned int set = 0; set < part->nr_sets; set++)
		part->heads[set].order = UINT64_C(0xfedcba9876543210) & part->order_mask;
}

/* Where a page or table of each size goes in each level. */
static void init_homes(struct pt_tlb *tlb, unsigned int index)
{
	const struct pt_tlb_part *cfg = &tlb->parts[index].cfg;

	for (unsigned int use = 0; use < PT_TLB_USE_NR; use++) {
		struct ptl_home *homes = tlb->homes[cfg->level - 1][use];

		if (!(cfg->uses >> use & 1))
			continue;
		for (unsigned int size = PTL_MIN_SIZE_LG2; size <= PTL_MAX_SIZE_LG2; size++) {
			uint64_t fitting = cfg->sizes & (PTL_BIT(size) | (PTL_BIT(size) - 1));
			unsigned int largest;

			if (!fitting)
				continue;
			largest = 63 - (unsigned int)__builtin_clzll(fitting);
			if (largest > homes[size].size_lg2)
				homes[size] = (struct ptl_home){ &tlb->parts[index], largest };
		}
	}
}

int pt_tlb_create(struct pt_tlb **out, const struct pt_tlb_cfg *cfg)
{
	struct lines lines = { 0 };
	struct pt_tlb *tlb;

	if (!cfg_is_good(cfg))
		return -EINVAL;
	tlb = calloc(1, sizeof(*tlb));
	if (!tlb)
		return -ENOMEM;
	tlb->nr_parts = cfg->nr_parts;
	tlb->flags = cfg->flags;
	for (unsigned int i = 0; i < cfg->nr_parts; i++) {
		init_part(&tlb->parts[i], &cfg->parts[i], cfg->seed + i);
		init_homes(tlb, i);
	}
	lay_out(tlb, &lines);
	tlb->memory = calloc(lines.nr + 1, LINE);
	if (!tlb->memory) {
		free(tlb);
		return -ENOMEM;
	}
	lines.at = (char *)tlb->memory + (LINE - (uintptr_t)tlb->memory % LINE) % LINE;
	lines.nr = 0;
	lay_out(tlb, &lines);
	for (unsigned int i = 0; i < tlb->nr_parts; i++)
		init_orders(&tlb->parts[i]);
	ptl_tags_init(tlb);
	*out = tlb;
	return 0;
}

void pt_tlb_destroy(struct pt_tlb *tlb)
{
	if (!tlb)
		return;
	free(tlb->memory);
	free(tlb);
}

void pt_tlb_watch(struct pt_tlb *tlb, void (*dropped)(void *ctx, const struct pt_tlb_entry *entry),
		  void *ctx)
{
	tlb->dropped = dropped;
	tlb->dropped_ctx = ctx;
}

void pt_tlb_stats(const struct pt_tlb *tlb, struct pt_tlb_stats *stats)
{
	*stats = tlb->stats;
}

void pt_tlb_for_each(const struct pt_tlb *tlb,
		     bool (*visit)(void *ctx, const struct pt_tlb_entry *entry, unsigned int part),
		     void *ctx)
{
	for (unsigned int i = 0; i < tlb->nr_parts; i++) {
		const struct ptl_part *part = &tlb->parts[i];

		for (unsigned int at = 0; at < part->cfg.entries; at++) {
			const struct ptl_slot *slot = &part->slots[at];

			if (ptl_valid(part, at / part->cfg.ways, at % part->cfg.ways) &&
			    ptl_slot_live(tlb, slot) && !visit(ctx, &slot->entry, i))
				return;
		}
	}
}
