/* SPDX-License-Identifier: MIT */
/* The naive TLB. Its words are those of the headers' comments, one after the other. */
#include "model/tlb_model.h"

#include <stdlib.h>
#include <string.h>

struct way {
	bool valid;
	struct pt_tlb_entry entry;
	uint64_t age; /* greater is later */
};

struct structure {
	struct pt_tlb_part cfg;
	struct way *ways;  /* set by set */
	bool *older_right; /* PLRU: node n of set s at s * ways + n, from 1 on */
	uint64_t rng;
};

struct tlb_model {
	struct structure structures[PT_TLB_MAX_PARTS];
	unsigned int nr;
	struct pt_tlb_stats stats;
	uint64_t clock;
	uint16_t vmid, asid;
};

struct tlb_model *tlb_model_create(const struct pt_tlb_cfg *cfg)
{
	struct tlb_model *model = calloc(1, sizeof(*model));

	if (!model)
		abort();
	model->nr = cfg->nr_parts;
	for (unsigned int i = 0; i < model->nr; i++) {
		struct structure *s = &model->structures[i];

		s->cfg = cfg->parts[i];
		s->ways = calloc(s->cfg.entries, sizeof(*s->ways));
		s->older_right = calloc(s->cfg.entries + 1, sizeof(*s->older_right));
		s->rng = cfg->seed + i;
		if (!s->ways || !s->older_right)
			abort();
	}
	return model;
}

void tlb_model_destroy(struct tlb_model *model)
{
	for (unsigned int i = 0; i < model->nr; i++) {
		free(model->structures[i].ways);
		free(model->structures[i].older_right);
	}
	free(model);
}

void tlb_model_set_context(struct tlb_model *model, uint16_t vmid, uint16_t asid)
{
	model->vmid = vmid;
	model->asid = asid;
}

static unsigned int first_way(const struct structure *s, uint64_t va, unsigned int size_lg2)
{
	return (unsigned int)((va >> size_lg2) % (s->cfg.entries / s->cfg.ways)) * s->cfg.ways;
}

static void used(struct tlb_model *model, struct structure *s, unsigned int first,
		 unsigned int way, bool fill)
{
	unsigned int low = 0, high = s->cfg.ways, node = 1;

	if (s->cfg.policy == PT_TLB_LRU || (s->cfg.policy == PT_TLB_FIFO && fill))
		s->ways[first + way].age = ++model->clock;
	while (s->cfg.policy == PT_TLB_PLRU && high - low > 1) {
		unsigned int middle = (low + high) / 2;
		bool right = way >= middle;

		s->older_right[first + node] = !right;
		node = node * 2 + right;
		if (right)
			low = middle;
		else
			high = middle;
	}
}

static unsigned int draw(struct structure *s)
{
	uint64_t x = s->rng = s->rng + 0x9e3779b97f4a7c15u;

	x ^= x >> 30;
	x *= 0xbf58476d1ce4e5b9u;
	x ^= x >> 27;
	x *= 0x94d049bb133111ebu;
	x ^= x >> 31;
	return (unsigned int)(x % s->cfg.ways);
}

static unsigned int goes(struct structure *s, unsigned int first)
{
	unsigned int best = 0, low = 0, high = s->cfg.ways, node = 1;

	for (unsigned int way = 0; way < s->cfg.ways; way++)
		if (!s->ways[first + way].valid)
			return way;
	if (s->cfg.policy == PT_TLB_RANDOM)
		return draw(s);
	if (s->cfg.policy != PT_TLB_PLRU) {
		for (unsigned int way = 1; way < s->cfg.ways; way++)
			if (s->ways[first + way].age < s->ways[first + best].age)
				best = way;
		return best;
	}
	while (high - low > 1) {
		unsigned int middle = (low + high) / 2;

		if (s->older_right[first + node]) {
			low = middle;
			node = node * 2 + 1;
		} else {
			high = middle;
			node = node * 2;
		}
	}
	return low;
}

static bool mine(const struct tlb_model *model, const struct pt_tlb_entry *entry,
		 enum pt_tlb_type type)
{
	if (entry->type != type || entry->vmid != model->vmid)
		return false;
	return type == PT_TLB_GLOBAL || type == PT_TLB_IPA || entry->asid == model->asid;
}

/* The way that holds exactly the page of that size, or -1. */
static int way_of(const struct tlb_model *model, const struct structure *s, uint64_t va,
		  unsigned int size_lg2, enum pt_tlb_type type)
{
	unsigned int first = first_way(s, va, size_lg2);

	for (unsigned int way = 0; way < s->cfg.ways; way++) {
		const struct way *w = &s->ways[first + way];

		if (w->valid && mine(model, &w->entry, type) && w->entry.size_lg2 == size_lg2 &&
		    w->entry.va >> size_lg2 == va >> size_lg2)
			return (int)way;
	}
	return -1;
}

static enum pt_tlb_type type_for(enum pt_tlb_use use, bool global)
{
	switch (use) {
	case PT_TLB_USE_TABLE:
		return PT_TLB_TABLE;
	case PT_TLB_USE_IPA:
		return PT_TLB_IPA;
	default:
		return global ? PT_TLB_GLOBAL : PT_TLB_LEAF;
	}
}

static const struct pt_tlb_entry *hit_in(struct tlb_model *model, unsigned int level,
					 enum pt_tlb_use use, uint64_t va)
{
	for (unsigned int size = 12; size <= 52; size++) {
		for (unsigned int i = 0; i < model->nr; i++) {
			struct structure *s = &model->structures[i];

			if (s->cfg.level != level || !(s->cfg.uses >> use & 1) ||
			    !(s->cfg.sizes >> size & 1))
				continue;
			for (int global = 0; global < 2; global++) {
				int way = way_of(model, s, va, size, type_for(use, global));
				unsigned int first = first_way(s, va, size);

				if (way < 0)
					continue;
				used(model, s, first, (unsigned int)way, false);
				return &s->ways[first + (unsigned int)way].entry;
			}
		}
	}
	return NULL;
}

static void put(struct tlb_model *model, unsigned int level, enum pt_tlb_use use, uint64_t va,
		struct pt_tlb_entry entry)
{
	struct structure *s = NULL;
	unsigned int size, first;
	int way;

	for (size = entry.size_lg2; size >= 12 && !s; size--)
		for (unsigned int i = 0; i < model->nr; i++)
			if (model->structures[i].cfg.level == level &&
			    model->structures[i].cfg.uses >> use & 1 &&
			    model->structures[i].cfg.sizes >> size & 1)
				s = &model->structures[i];
	size++;
	if (!s || (use == PT_TLB_USE_TABLE && size != entry.size_lg2))
		return;
	if (size < entry.size_lg2) {
		uint64_t piece = va & ~((UINT64_C(1) << size) - 1);

		entry.pa += piece - entry.va;
		entry.va = piece;
		entry.size_lg2 = (uint8_t)size;
	}
	first = first_way(s, va, size);
	way = way_of(model, s, va, size, entry.type);
	if (way >= 0) {
		used(model, s, first, (unsigned int)way, false);
	} else {
		way = (int)goes(s, first);
		model->stats.evictions += s->ways[first + (unsigned int)way].valid;
		used(model, s, first, (unsigned int)way, true);
	}
	s->ways[first + (unsigned int)way].valid = true;
	s->ways[first + (unsigned int)way].entry = entry;
}

bool tlb_model_lookup(struct tlb_model *model, enum pt_tlb_use use, uint64_t va,
		      struct pt_tlb_entry *entry)
{
	const struct pt_tlb_entry *hit;

	model->stats.lookups[use]++;
	hit = hit_in(model, 1, use, va);
	if (hit) {
		*entry = *hit;
		return true;
	}
	model->stats.misses[0][use]++;
	hit = hit_in(model, 2, use, va);
	if (!hit) {
		model->stats.misses[1][use]++;
		return false;
	}
	*entry = *hit;
	put(model, 1, use, va, *entry);
	hit = hit_in(model, 1, use, va); /* a piece of it, if level 1 has only smaller ones */
	if (hit)
		*entry = *hit;
	return true;
}

void tlb_model_fill(struct tlb_model *model, enum pt_tlb_use use, uint64_t va,
		    const struct pt_tlb_fill *fill)
{
	unsigned int size = fill->size_lg2;
	enum pt_tlb_type type = type_for(use, fill->global);
	bool tagged = type == PT_TLB_LEAF || type == PT_TLB_TABLE;
	struct pt_tlb_entry entry;

	if (fill->stage2_lg2 && fill->stage2_lg2 < size)
		size = fill->stage2_lg2;
	memset(&entry, 0, sizeof(entry));
	entry.va = va & ~((UINT64_C(1) << size) - 1);
	entry.pa = fill->pa;
	entry.raw = fill->raw;
	entry.data = fill->data;
	entry.asid = tagged ? model->asid : 0;
	entry.vmid = model->vmid;
	entry.type = (uint8_t)type;
	entry.size_lg2 = (uint8_t)size;
	entry.leaf_lg2 = (uint8_t)(fill->leaf_lg2 ? fill->leaf_lg2 : fill->size_lg2);
	model->stats.fills[use]++;
	put(model, 1, use, va, entry);
	put(model, 2, use, va, entry);
}

/* Tries every address of short lists; of long ones, which are contiguous, the ends. */
static bool addressed(const struct pt_tlb_flush *flush, uint64_t first, uint64_t last)
{
	uint64_t step = UINT64_C(1) << flush->step_lg2;

	if (step == 1)
		return first <= flush->last && flush->first <= last;
	for (uint64_t at = flush->first;; at += step) {
		if (at >= first && at <= last)
			return true;
		if (at > flush->last - step || flush->last < step)
			return false;
	}
}

static bool removed(const struct pt_tlb_flush *flush, const struct pt_tlb_entry *entry)
{
	bool tagged = entry->type == PT_TLB_LEAF || entry->type == PT_TLB_TABLE;
	uint64_t sizes = entry->type == PT_TLB_TABLE ? flush->table_sizes : flush->leaf_sizes;
	unsigned int type = 1u << entry->type, page_lg2 = entry->size_lg2;
	uint64_t page;

	if (!flush->any_vmid && entry->vmid != flush->vmid)
		return false;
	if (flush->any_vmid && flush->but_host && !entry->vmid)
		return false;
	if (tagged && !flush->any_asid && entry->asid != flush->asid)
		return false;
	if (flush->all & type)
		return true;
	if (!(flush->range & type))
		return false;
	if (sizes && !(sizes & UINT64_C(1) << entry->leaf_lg2))
		return false;
	if (entry->leaf_lg2 > page_lg2)
		page_lg2 = entry->leaf_lg2;
	page = entry->va >> page_lg2;
	return addressed(flush, page << page_lg2,
			 (page << page_lg2) + ((UINT64_C(1) << page_lg2) - 1));
}

void tlb_model_flush(struct tlb_model *model, const struct pt_tlb_flush *flush)
{
	for (unsigned int i = 0; i < model->nr; i++) {
		struct structure *s = &model->structures[i];

		for (unsigned int at = 0; at < s->cfg.entries; at++) {
			struct way *w = &s->ways[at];

			if (!w->valid || !removed(flush, &w->entry))
				continue;
			w->valid = false;
			model->stats.dropped += !(flush->all >> w->entry.type & 1);
		}
	}
}

const struct pt_tlb_stats *tlb_model_stats(const struct tlb_model *model)
{
	return &model->stats;
}

size_t tlb_model_nr(const struct tlb_model *model)
{
	size_t nr = 0;

	for (unsigned int i = 0; i < model->nr; i++)
		for (unsigned int at = 0; at < model->structures[i].cfg.entries; at++)
			nr += model->structures[i].ways[at].valid;
	return nr;
}

bool tlb_model_has(const struct tlb_model *model, const struct pt_tlb_entry *entry,
		   unsigned int part)
{
	const struct structure *s = &model->structures[part];

	for (unsigned int at = 0; at < s->cfg.entries; at++) {
		const struct pt_tlb_entry *mine_ = &s->ways[at].entry;

		if (s->ways[at].valid && mine_->va == entry->va && mine_->pa == entry->pa &&
		    mine_->raw == entry->raw && mine_->data == entry->data &&
		    mine_->asid == entry->asid && mine_->vmid == entry->vmid &&
		    mine_->type == entry->type && mine_->size_lg2 == entry->size_lg2 &&
		    mine_->leaf_lg2 == entry->leaf_lg2)
			return true;
	}
	return false;
}
