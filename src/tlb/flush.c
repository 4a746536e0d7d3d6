/* SPDX-License-Identifier: MIT */
/* Flushes: generations for whole contexts, entry by entry for ranges. */
#include "tlb/set.h"

/* Whether one of the flush's addresses lies in [@first, @last]. */
static bool meets(const struct pt_tlb_flush *flush, uint64_t first, uint64_t last)
{
	uint64_t at = flush->first;

	if (at < first)
		at = first + ((at - first) & (PTL_BIT(flush->step_lg2) - 1));
	return at >= first && at <= last && at <= flush->last;
}

static bool takes_vmid(const struct pt_tlb_flush *flush, uint16_t vmid)
{
	return flush->any_vmid ? vmid || !flush->but_host : vmid == flush->vmid;
}

bool pt_tlb_flush_covers(const struct pt_tlb_flush *flush, const struct pt_tlb_entry *entry)
{
	enum pt_tlb_type type = entry->type;
	uint64_t sizes = type == PT_TLB_TABLE ? flush->table_sizes : flush->leaf_sizes;
	unsigned int page_lg2;

	if (!((flush->all | flush->range) >> type & 1))
		return false;
	if (!takes_vmid(flush, entry->vmid))
		return false;
	if (ptl_type_is_per_asid(type) && !flush->any_asid && flush->asid != entry->asid)
		return false;
	if (flush->all >> type & 1)
		return true;
	if (sizes && !(sizes >> entry->leaf_lg2 & 1))
		return false;
	page_lg2 = entry->size_lg2 > entry->leaf_lg2 ? entry->size_lg2 : entry->leaf_lg2;
	return meets(flush, ptl_align_down(entry->va, page_lg2), ptl_last(entry->va, page_lg2));
}

/* ---- everything of a context ---- */

#define PER_ASID (PT_FLUSH_LEAF | PT_FLUSH_TABLE)

static inline void set_from(uint64_t from[PT_TLB_NR_TYPES], unsigned int types, uint64_t seq)
{
#pragma GCC unroll 4
	for (unsigned int type = 0; type < PT_TLB_NR_TYPES; type++)
		if (types >> type & 1)
			from[type] = seq;
}

/* What is current is stale now too: no flush is later than this one. */
static inline void raise_floors(struct pt_tlb *tlb, unsigned int types)
{
#pragma GCC unroll 4
	for (unsigned int type = 0; type < PT_TLB_NR_TYPES; type++)
		if (types >> type & 1)
			tlb->now[type].floor = tlb->seq;
}

/* Of one ASID; which is what switches between processes do. */
static inline void flush_asid(struct pt_tlb *tlb, const struct pt_tlb_flush *flush,
			      unsigned int types)
{
	uint32_t tag = ptl_tag_of_asid(tlb, flush->vmid, flush->asid);

	set_from(tlb->flushed, types, tlb->seq);
	if (tag != PTL_NO_TAG)
		set_from(tlb->tags[tag].from, types, tlb->seq);
	if (tag == tlb->asid_tag)
		raise_floors(tlb, types);
}

/* An ASID in each VMID has no tag of its own: each is looked at. */
static void flush_asids(struct pt_tlb *tlb, const struct pt_tlb_flush *flush, unsigned int types)
{
	set_from(tlb->flushed, types, tlb->seq);
	for (uint32_t tag = 0; tag < tlb->nr_tags_used; tag++)
		if (ptl_tag_is_asid(tlb, tag, flush->asid) &&
		    takes_vmid(flush, ptl_tag_vmid(tlb, tag)))
			set_from(tlb->tags[tag].from, types, tlb->seq);
	ptl_tags_refresh(tlb);
}

/* Of one VMID, all its ASIDs. */
static void flush_vm(struct pt_tlb *tlb, const struct pt_tlb_flush *flush, unsigned int types)
{
	uint32_t tag = ptl_tag_of_vm(tlb, flush->vmid);

	set_from(tlb->flushed, types, tlb->seq);
	if (tag != PTL_NO_TAG)
		set_from(tlb->tags[tag].from, types, tlb->seq);
	if (tag == tlb->vm_tag)
		raise_floors(tlb, types);
}

/* All VMIDs but the host's have no tag of their own either. */
static void flush_guests(struct pt_tlb *tlb, unsigned int types)
{
	set_from(tlb->flushed, types, tlb->seq);
	for (uint32_t tag = 0; tag < tlb->nr_tags_used; tag++)
		if (ptl_tag_is_vm(tlb, tag) && ptl_tag_vmid(tlb, tag))
			set_from(tlb->tags[tag].from, types, tlb->seq);
	ptl_tags_refresh(tlb);
}

static void flush_vms(struct pt_tlb *tlb, const struct pt_tlb_flush *flush, unsigned int types)
{
	if (flush->but_host) {
		flush_guests(tlb, types);
		return;
	}
	set_from(tlb->flushed, types, tlb->seq);
	set_from(tlb->from, types, tlb->seq);
	raise_floors(tlb, types);
}

struct whole {
	struct pt_tlb *tlb;
	struct pt_tlb_flush flush;
};

static bool tell_if_covered(void *ctx, const struct pt_tlb_entry *entry, unsigned int part)
{
	struct whole *whole = ctx;

	(void)part;
	if (pt_tlb_flush_covers(&whole->flush, entry))
		whole->tlb->dropped(whole->tlb->dropped_ctx, entry);
	return true;
}

/* Nobody finds them afterwards. */
static __attribute__((noinline)) void tell_of_all(struct pt_tlb *tlb,
						  const struct pt_tlb_flush *flush)
{
	struct whole whole = { tlb, *flush };

	whole.flush.range = 0;
	pt_tlb_for_each(tlb, tell_if_covered, &whole);
}

static inline void flush_contexts(struct pt_tlb *tlb, const struct pt_tlb_flush *flush)
{
	unsigned int per_asid = flush->any_asid ? 0 : flush->all & PER_ASID;
	unsigned int per_vm = flush->all & ~per_asid;

	if (tlb->dropped)
		tell_of_all(tlb, flush);
	tlb->seq++;
	if (per_vm)
		flush->any_vmid ? flush_vms(tlb, flush, per_vm) : flush_vm(tlb, flush, per_vm);
	if (per_asid)
		flush->any_vmid ? flush_asids(tlb, flush, per_asid)
				: flush_asid(tlb, flush, per_asid);
}

/* ---- ranges ---- */

static void drop(struct pt_tlb *tlb, struct ptl_part *part, struct ptl_slot *slot)
{
	if (tlb->dropped)
		tlb->dropped(tlb->dropped_ctx, &slot->entry);
	ptl_drop(tlb, part, slot);
	tlb->stats.dropped++;
}

static void drop_covered(struct pt_tlb *tlb, struct ptl_part *part, unsigned int set,
			 const struct pt_tlb_flush *flush, unsigned int types)
{
	for (unsigned int way = 0; way < part->cfg.ways; way++) {
		struct ptl_slot *slot = &part->slots[(size_t)set * part->cfg.ways + way];

		if (!ptl_valid(part, set, way) || !(types >> slot->entry.type & 1) ||
		    !pt_tlb_flush_covers(flush, &slot->entry) || !ptl_slot_live(tlb, slot))
			continue;
		drop(tlb, part, slot);
	}
}

/* Pages of one size and one tag, or all tags, which means looking at whole sets. */
static void flush_pages(struct pt_tlb *tlb, struct ptl_part *part, const struct pt_tlb_flush *flush,
			const struct ptl_key *key, enum pt_tlb_type type, unsigned int size_lg2,
			uint64_t page, uint64_t nr)
{
	for (; nr--; page++) {
		struct ptl_slot *slot;

		if (!key) {
			drop_covered(tlb, part, ptl_set_of(part, page), flush, 1u << type);
			continue;
		}
		slot = ptl_find(part, key, page, size_lg2);
		if (slot && pt_tlb_flush_covers(flush, &slot->entry))
			drop(tlb, part, slot);
	}
}

static void flush_part(struct pt_tlb *tlb, struct ptl_part *part, const struct pt_tlb_flush *flush,
		       const struct ptl_key *key, enum pt_tlb_type type)
{
	for (uint64_t sizes = part->active[type]; sizes; sizes &= sizes - 1) {
		unsigned int size_lg2 = (unsigned int)__builtin_ctzll(sizes);
		/* A page that stands here in pieces goes as a whole. */
		unsigned int page_lg2 = type != PT_TLB_TABLE && size_lg2 < part->max_leaf_lg2
						? part->max_leaf_lg2
						: size_lg2;
		uint64_t first = ptl_align_down(flush->first, page_lg2) >> size_lg2;
		uint64_t last = ptl_last(flush->last, page_lg2) >> size_lg2;

		if (last - first >= part->nr_sets) {
			for (unsigned int set = 0; set < part->nr_sets; set++)
				drop_covered(tlb, part, set, flush, 1u << type);
			return;
		}
		flush_pages(tlb, part, flush, key, type, size_lg2, first, last - first + 1);
	}
}

/* A function of its own: what it saves on the stack is not for contexts to pay. */
static __attribute__((noinline)) void flush_range(struct pt_tlb *tlb,
						  const struct pt_tlb_flush *flush)
{
	for (unsigned int types = flush->range; types; types &= types - 1) {
		enum pt_tlb_type type = (enum pt_tlb_type)__builtin_ctz(types);
		bool one_tag = !flush->any_vmid && !(ptl_type_is_per_asid(type) && flush->any_asid);
		struct ptl_key key;

		if (type == PT_TLB_GLOBAL && !tlb->nr_globals)
			continue;
		if (one_tag && !ptl_tag_find(tlb, type, flush->vmid, flush->asid, &key))
			continue;
		for (unsigned int i = 0; i < tlb->nr_parts; i++)
			flush_part(tlb, &tlb->parts[i], flush, one_tag ? &key : NULL, type);
	}
}

/* ---- both ---- */

static void count(struct pt_tlb_stats *stats, const struct pt_tlb_flush *flush)
{
	if (flush->range)
		flush->first == flush->last ? stats->page_flushes++ : stats->range_flushes++;
	else if (flush->all)
		flush->any_asid || flush->any_vmid ? stats->all_flushes++ : stats->asid_flushes++;
}

static inline void flush_just(struct pt_tlb *tlb, const struct pt_tlb_flush *flush)
{
	if (flush->all)
		flush_contexts(tlb, flush);
	if (flush->range)
		flush_range(tlb, flush);
}

/* What a TLB that drops more than it must makes of a flush. */
static __attribute__((noinline)) void flush_more(struct pt_tlb *tlb,
						 const struct pt_tlb_flush *flush)
{
	struct pt_tlb_flush wider = *flush;

	if (tlb->flags & PT_TLB_IGNORES_HINTS)
		wider.leaf_sizes = wider.table_sizes = 0;
	if (tlb->flags & PT_TLB_IPA_TAKES_ALL && (flush->all | flush->range) & PT_FLUSH_IPA) {
		wider.any_asid = true;
		wider.all |= PT_FLUSH_LEAF | PT_FLUSH_GLOBAL | PT_FLUSH_TABLE;
	}
	flush_just(tlb, &wider);
}

void pt_tlb_flush(struct pt_tlb *tlb, const struct pt_tlb_flush *flush)
{
	count(&tlb->stats, flush);
	if (tlb->flags)
		flush_more(tlb, flush);
	else
		flush_just(tlb, flush);
}
