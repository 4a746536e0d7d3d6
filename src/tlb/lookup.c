/* SPDX-License-Identifier: MIT */
/* Lookups and fills. */
#include "tlb/set.h"

static inline enum pt_tlb_type type_of(enum pt_tlb_use use, bool global)
{
	if (use == PT_TLB_USE_TABLE)
		return PT_TLB_TABLE;
	if (use == PT_TLB_USE_IPA)
		return PT_TLB_IPA;
	return global ? PT_TLB_GLOBAL : PT_TLB_LEAF;
}

/* Apart from the other, which mostly is all there is to find. */
static __attribute__((noinline)) struct ptl_slot *
find_global(const struct pt_tlb *tlb, const struct ptl_probe *probe, uint64_t page)
{
	return ptl_find(probe->part, &tlb->now[PT_TLB_GLOBAL], page, probe->size_lg2);
}

static inline __attribute__((always_inline)) struct ptl_slot *
find_in_level(struct pt_tlb *tlb, unsigned int level, enum pt_tlb_use use, uint64_t va)
{
	const struct ptl_probes *probes = &tlb->probes[level][use];
	const struct ptl_key *key = &tlb->now[type_of(use, false)];
	const struct ptl_probe *end = probes->probe + probes->nr;

	for (const struct ptl_probe *probe = probes->probe; probe < end; probe++) {
		uint64_t page = va >> probe->size_lg2;
		struct ptl_slot *slot = ptl_find(probe->part, key, page, probe->size_lg2);

		if (!slot && tlb->nr_globals && use <= PT_TLB_USE_FETCH)
			slot = find_global(tlb, probe, page);
		if (slot) {
			ptl_touch(probe->part, slot);
			return slot;
		}
	}
	return NULL;
}

/* From now on lookups for entries of @type look for that size there. */
static void activate(struct pt_tlb *tlb, struct ptl_part *part, enum pt_tlb_type type,
		     unsigned int size_lg2)
{
	part->active[type] |= PTL_BIT(size_lg2);
	for (enum pt_tlb_use use = 0; use < PT_TLB_USE_NR; use++) {
		struct ptl_probes *probes = &tlb->probes[part->cfg.level - 1][use];
		unsigned int at;

		if (!(part->cfg.uses >> use & 1) ||
		    (type != type_of(use, false) && type != type_of(use, true)))
			continue;
		for (at = probes->nr; at && probes->probe[at - 1].size_lg2 >= size_lg2; at--)
			;
		if (at < probes->nr && probes->probe[at].size_lg2 == size_lg2)
			continue; /* pages and global pages are looked for together */
		for (unsigned int i = probes->nr++; i > at; i--)
			probes->probe[i] = probes->probe[i - 1];
		probes->probe[at] = (struct ptl_probe){ part, size_lg2 };
	}
}

/* The slot of an entry of @key that stands there already, renewed as by a hit; or NULL. */
static __attribute__((noinline)) struct ptl_slot *
renew(struct ptl_part *part, const struct ptl_key *key, uint64_t page, unsigned int size_lg2)
{
	struct ptl_slot *slot = ptl_find(part, key, page, size_lg2);

	if (slot)
		ptl_touch(part, slot);
	return slot;
}

/* What is in @slot becomes the piece of @size_lg2 that @page is. */
static void cut(struct ptl_part *part, struct ptl_slot *slot, uint64_t page, unsigned int size_lg2)
{
	struct pt_tlb_entry *entry = &slot->entry;

	if (size_lg2 < entry->leaf_lg2 && part->max_leaf_lg2 < entry->leaf_lg2)
		part->max_leaf_lg2 = entry->leaf_lg2;
	if (size_lg2 < entry->size_lg2) {
		entry->pa += (page << size_lg2) - entry->va;
		entry->va = page << size_lg2;
		entry->size_lg2 = (uint8_t)size_lg2;
	}
}

/*
 * Puts the piece of @entry that @va is in, and that @level has a place for, there. @missed:
 * a lookup has just found nothing there. Inlined, so that what was put together is not
 * read back before it has arrived in the cache.
 */
static inline __attribute__((always_inline)) struct ptl_slot *
enter_level(struct pt_tlb *tlb, unsigned int level, enum pt_tlb_use use, uint64_t va,
	    const struct pt_tlb_entry *entry, bool missed)
{
	const struct ptl_home *home = &tlb->homes[level][use][entry->size_lg2];
	const struct ptl_key *key = &tlb->now[entry->type];
	unsigned int size_lg2 = home->size_lg2;
	uint64_t page = va >> size_lg2;
	struct ptl_part *part = home->part;
	struct ptl_slot *slot = NULL;

	if (!part || (use == PT_TLB_USE_TABLE && size_lg2 != entry->size_lg2))
		return NULL;
	if (__builtin_expect(!missed, 0))
		slot = renew(part, key, page, size_lg2);
	if (__builtin_expect(!slot, 1)) {
		slot = ptl_put(tlb, part, page, key);
		if (entry->type == PT_TLB_GLOBAL)
			tlb->nr_globals++;
		if (__builtin_expect(!(part->active[entry->type] >> size_lg2 & 1), 0))
			activate(tlb, part, entry->type, size_lg2);
	}
	slot->entry = *entry;
	if (__builtin_expect(size_lg2 < entry->size_lg2 || size_lg2 < entry->leaf_lg2, 0))
		cut(part, slot, page, size_lg2);
	return slot;
}

const struct pt_tlb_entry *pt_tlb_lookup(struct pt_tlb *tlb, enum pt_tlb_use use, uint64_t va)
{
	struct ptl_slot *slot, *copy;

	if ((unsigned int)use >= PT_TLB_USE_NR)
		return NULL;
	tlb->stats.lookups[use]++;
	slot = find_in_level(tlb, 0, use, va);
	if (slot)
		return &slot->entry;
	tlb->stats.misses[0][use]++;
	slot = find_in_level(tlb, 1, use, va);
	if (!slot) {
		tlb->stats.misses[1][use]++;
		tlb->missed_use = use;
		tlb->missed_va = va;
		return NULL;
	}
	tlb->missed_use = PT_TLB_USE_NR; /* what is copied may be what an earlier lookup missed */
	copy = enter_level(tlb, 0, use, va, &slot->entry, true);
	return copy ? &copy->entry : &slot->entry;
}

static bool size_is_good(unsigned int size_lg2)
{
	return size_lg2 >= PTL_MIN_SIZE_LG2 && size_lg2 <= PTL_MAX_SIZE_LG2;
}

int pt_tlb_fill(struct pt_tlb *tlb, enum pt_tlb_use use, uint64_t va,
		const struct pt_tlb_fill *fill)
{
	unsigned int leaf_lg2 = fill->leaf_lg2 ? fill->leaf_lg2 : fill->size_lg2;
	unsigned int size_lg2 = fill->size_lg2;
	bool missed = tlb->missed_use == use && tlb->missed_va == va;
	struct pt_tlb_entry entry;
	enum pt_tlb_type type;

	if ((unsigned int)use >= PT_TLB_USE_NR || !size_is_good(size_lg2) ||
	    !size_is_good(leaf_lg2) || (fill->stage2_lg2 && !size_is_good(fill->stage2_lg2)))
		return -EINVAL;
	if (use > PT_TLB_USE_FETCH && fill->global)
		return -EINVAL;
	if (fill->stage2_lg2 && fill->stage2_lg2 < size_lg2)
		size_lg2 = fill->stage2_lg2;
	if (use != PT_TLB_USE_TABLE && !ptl_aligned(fill->pa, size_lg2))
		return -EINVAL;
	type = type_of(use, fill->global);
	entry = (struct pt_tlb_entry){
		.va = ptl_align_down(va, size_lg2),
		.pa = fill->pa,
		.raw = fill->raw,
		.data = fill->data,
		.asid = type == PT_TLB_LEAF || type == PT_TLB_TABLE ? tlb->asid : 0,
		.vmid = tlb->vmid,
		.type = (uint8_t)type,
		.size_lg2 = (uint8_t)size_lg2,
		.leaf_lg2 = (uint8_t)leaf_lg2,
	};
	tlb->stats.fills[use]++;
	tlb->missed_use = PT_TLB_USE_NR;
	(void)enter_level(tlb, 0, use, va, &entry, missed);
	(void)enter_level(tlb, 1, use, va, &entry, missed);
	return 0;
}
