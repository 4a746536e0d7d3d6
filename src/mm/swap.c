/* SPDX-License-Identifier: MIT */
/* Swap devices: how many entries refer to each slot, and what stands in it. */
#include "mm/mm_internal.h"

#include <stdlib.h>
#include <string.h>

struct pt_swap {
	struct pt_world *world;
	unsigned int type;
	uint64_t nr, used, next; /* @next: where to look for free slots */
	struct pt_swap *link;
	void **content; /* of each slot; NULL: zeroes, or not kept */
	uint32_t *anew; /* pt_world_verify() counts here; 0 otherwise */
	_Atomic uint32_t count[]; /* read by reports beside changes: relaxed */
};

struct pt_swap *ptl_swap_of(const struct pt_world *world, unsigned int type)
{
	struct pt_swap *swap = world->swaps;

	while (swap && swap->type != type)
		swap = swap->link;
	return swap;
}

int pt_swap_create(struct pt_swap **out, struct pt_world *world, unsigned int type,
		   uint64_t nr_slots)
{
	struct pt_swap *swap;

	if (type >= world->cfg.soft.nr_devices || nr_slots < 2 || nr_slots > PTL_BIT(40))
		return -EINVAL;
	if (ptl_swap_of(world, type))
		return -EEXIST;
	swap = calloc(1, sizeof(*swap) + (size_t)nr_slots * sizeof(*swap->count));
	if (!swap)
		return -ENOMEM;
	swap->content = calloc((size_t)nr_slots, sizeof(*swap->content));
	swap->anew = calloc((size_t)nr_slots, sizeof(*swap->anew));
	if (!swap->content || !swap->anew) {
		free(swap->content);
		free(swap->anew);
		free(swap);
		return -ENOMEM;
	}
	swap->world = world;
	swap->type = type;
	swap->nr = nr_slots;
	swap->next = 1;
	swap->link = world->swaps;
	world->swaps = swap;
	*out = swap;
	return 0;
}

int pt_swap_destroy(struct pt_swap *swap)
{
	struct pt_swap **link;

	if (!swap)
		return 0;
	if (swap->used)
		return -EBUSY;
	for (link = &swap->world->swaps; *link != swap; link = &(*link)->link)
		;
	*link = swap->link;
	for (uint64_t i = 0; i < swap->nr; i++)
		free(swap->content[i]);
	free(swap->content);
	free(swap->anew);
	free(swap);
	return 0;
}

uint64_t pt_swap_used(const struct pt_swap *swap)
{
	return swap->used;
}

unsigned int ptl_swap_type(const struct pt_swap *swap)
{
	return swap->type;
}

static uint32_t count_of(const struct pt_swap *swap, uint64_t slot)
{
	return atomic_load_explicit(&((struct pt_swap *)(uintptr_t)swap)->count[slot],
				    memory_order_relaxed);
}

/* Returns what it was. One thread writes. */
static uint32_t count_add(struct pt_swap *swap, uint64_t slot, uint32_t change)
{
	uint32_t old = count_of(swap, slot);

	atomic_store_explicit(&swap->count[slot], old + change, memory_order_relaxed);
	return old;
}

uint32_t pt_swap_count(const struct pt_swap *swap, uint64_t slot)
{
	return slot < swap->nr ? count_of(swap, slot) : 0;
}

static uint64_t free_from(const struct pt_swap *swap, uint64_t at)
{
	uint64_t nr = 0;

	while (at + nr < swap->nr && !count_of(swap, at + nr))
		nr++;
	return nr;
}

int ptl_swap_find(struct pt_swap *swap, uint64_t nr, uint64_t *slot)
{
	uint64_t at = swap->next;

	/* Once around; what stands before @next may be free by now. */
	for (uint64_t seen = 0; seen < 2 * swap->nr;) {
		uint64_t here;

		if (at + nr > swap->nr) {
			seen += swap->nr - at + 1;
			at = 1;
			continue;
		}
		here = free_from(swap, at);
		if (here >= nr) {
			*slot = at;
			swap->next = at + nr;
			return 0;
		}
		seen += here + 1;
		at += here + 1;
	}
	return -ENOMEM;
}

int ptl_swap_prepare(struct pt_swap *swap, uint64_t slot, uint64_t nr)
{
	for (uint64_t i = 0; ptl_keeps_content(swap->world) && i < nr; i++) {
		if (swap->content[slot + i])
			continue;
		swap->content[slot + i] = malloc((size_t)ptl_page_bytes(swap->world));
		if (!swap->content[slot + i])
			return -ENOMEM;
	}
	return 0;
}

void ptl_swap_trim(struct pt_swap *swap, uint64_t slot, uint64_t nr)
{
	for (uint64_t i = slot; i < slot + nr && i < swap->nr; i++) {
		if (count_of(swap, i))
			continue;
		free(swap->content[i]);
		swap->content[i] = NULL;
	}
}

void ptl_swap_write(struct pt_swap *swap, uint64_t slot, pt_pa_t pa)
{
	uint64_t len = ptl_page_bytes(swap->world);

	if (swap->content[slot])
		memcpy(swap->content[slot], pt_phys_to_host(swap->world->phys, pa, len), len);
}

void ptl_swap_read(struct pt_swap *swap, uint64_t slot, pt_pa_t pa)
{
	uint64_t len = ptl_page_bytes(swap->world);

	if (swap->content[slot])
		memcpy(pt_phys_to_host(swap->world->phys, pa, len), swap->content[slot], len);
}

void ptl_swap_get(struct pt_swap *swap, uint64_t slot)
{
	if (!count_add(swap, slot, 1))
		swap->used++;
}

void ptl_swap_put(struct pt_swap *swap, uint64_t slot)
{
	PTL_BUG_ON(!count_of(swap, slot));
	if (count_add(swap, slot, UINT32_MAX) > 1)
		return;
	swap->used--;
	free(swap->content[slot]);
	swap->content[slot] = NULL;
}

struct pt_swap *ptl_swap_next(const struct pt_swap *swap)
{
	return swap->link;
}

bool ptl_swap_count_anew(struct pt_swap *swap, uint64_t slot)
{
	if (!swap || !slot || slot >= swap->nr)
		return false;
	swap->anew[slot]++;
	return true;
}

bool ptl_swap_counts_agree(struct pt_swap *swap)
{
	bool agree = !memcmp(swap->anew, swap->count, (size_t)swap->nr * sizeof(*swap->count));

	memset(swap->anew, 0, (size_t)swap->nr * sizeof(*swap->anew));
	return agree;
}
