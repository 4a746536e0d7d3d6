/* SPDX-License-Identifier: MIT */
/* Whether a TLB is what its structure says. */
#include "tlb/set.h"

/* Each way stands once among the first in the order. */
static bool order_is_sound(const struct ptl_part *part, const struct ptl_head *head)
{
	unsigned int seen = 0;

	if (part->cfg.policy != PT_TLB_LRU && part->cfg.policy != PT_TLB_FIFO)
		return true;
	for (unsigned int way = 0; way < part->cfg.ways; way++)
		seen |= 1u << (head->order >> 4 * way & 15);
	return seen == (1u << part->cfg.ways) - 1;
}

static bool entry_is_sound(const struct pt_tlb *tlb, const struct ptl_part *part, unsigned int set,
			   const struct ptl_slot *slot)
{
	const struct pt_tlb_entry *entry = &slot->entry;
	uint64_t page = entry->va >> entry->size_lg2;
	struct ptl_key key;

	if (entry->type >= PT_TLB_NR_TYPES || !(part->cfg.sizes >> entry->size_lg2 & 1) ||
	    !(part->active[entry->type] >> entry->size_lg2 & 1))
		return false;
	if (!ptl_aligned(entry->va, entry->size_lg2) || ptl_set_of(part, page) != set)
		return false;
	if (!ptl_tag_find(tlb, entry->type, entry->vmid, entry->asid, &key) ||
	    key.tag != slot->tag || slot->hash != ptl_hash(page, key.salt))
		return false;
	return !ptl_slot_live(tlb, slot) || ptl_find(part, &key, page, entry->size_lg2) == slot;
}

static bool slot_is_sound(const struct pt_tlb *tlb, const struct ptl_part *part, unsigned int set,
			  unsigned int way)
{
	const struct ptl_slot *slot = &part->slots[(size_t)set * part->cfg.ways + way];
	bool valid = ptl_valid(part, set, way);

	if (part->heads) {
		uint64_t lanes = part->heads[set].fingerprints[way / 4];
		uint32_t fingerprint = lanes >> way % 4 * 16 & 0xffff;

		if (fingerprint != (valid ? slot->hash >> 16 : 0))
			return false;
		if (valid && (slot->set != set || slot->way != way))
			return false;
	} else if (valid && !ptl_wide_sound(part, slot)) {
		return false;
	}
	return !valid || entry_is_sound(tlb, part, set, slot);
}

/* What refers to a tag: slots, the current context, and to a VMID its ASIDs. */
static uint32_t refs_of(const struct pt_tlb *tlb, uint32_t tag)
{
	uint32_t refs = tlb->asid_tag == tag;

	for (unsigned int i = 0; i < tlb->nr_parts; i++) {
		const struct ptl_part *part = &tlb->parts[i];

		for (unsigned int at = 0; at < part->cfg.entries; at++)
			refs += part->slots[at].tag == tag &&
				ptl_valid(part, at / part->cfg.ways, at % part->cfg.ways);
	}
	for (uint32_t other = 0; other < tlb->nr_tags_used; other++)
		refs += other != tag && tlb->tags[other].refs && tlb->tags[other].vm == tag;
	return refs;
}

static size_t count_wrong_tags(const struct pt_tlb *tlb)
{
	size_t nr_wrong = 0;

	for (uint32_t tag = 0; tag < tlb->nr_tags_used; tag++)
		if (tlb->tags[tag].refs)
			nr_wrong += tlb->tags[tag].refs != refs_of(tlb, tag);
	for (enum pt_tlb_type type = 0; type < PT_TLB_NR_TYPES; type++)
		nr_wrong += tlb->now[type].floor !=
			    ptl_tag_floor(tlb, &tlb->tags[tlb->now[type].tag], type);
	return nr_wrong;
}

/* Lookups ask for global entries only where they are said to be. */
static size_t count_globals(const struct pt_tlb *tlb)
{
	size_t nr = 0;

	for (unsigned int i = 0; i < tlb->nr_parts; i++) {
		const struct ptl_part *part = &tlb->parts[i];

		for (unsigned int at = 0; at < part->cfg.entries; at++)
			nr += part->slots[at].entry.type == PT_TLB_GLOBAL &&
			      ptl_valid(part, at / part->cfg.ways, at % part->cfg.ways);
	}
	return nr;
}

size_t pt_tlb_verify(const struct pt_tlb *tlb)
{
	size_t nr_wrong = count_wrong_tags(tlb) + (tlb->nr_globals != count_globals(tlb));

	for (unsigned int i = 0; i < tlb->nr_parts; i++) {
		const struct ptl_part *part = &tlb->parts[i];

		for (unsigned int set = 0; set < part->nr_sets; set++) {
			for (unsigned int way = 0; way < part->cfg.ways; way++)
				nr_wrong += !slot_is_sound(tlb, part, set, way);
			if (part->heads)
				nr_wrong += !order_is_sound(part, &part->heads[set]);
		}
	}
	return nr_wrong;
}
