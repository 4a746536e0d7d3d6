/* SPDX-License-Identifier: MIT */
/* Lists of changes, in their order, and the journal; each word's found by hash. */
#include <stdlib.h>

#include "machine/checker_internal.h"

#define MAX_CHANGES ((size_t)1 << 20)

static uint64_t hash_of(pt_pa_t pa)
{
	return (pa >> 3) * UINT64_C(0x9e3779b97f4a7c15) >> 32;
}

static uint32_t *head_of(const struct ptl_changes *changes, pt_pa_t pa)
{
	return &changes->heads[hash_of(pa) & (changes->max - 1)];
}

static void link_in(struct ptl_changes *changes, size_t i)
{
	uint32_t *head = head_of(changes, changes->at[i].store.pa);

	changes->at[i].next = *head;
	*head = (uint32_t)i + 1;
}

static bool grow(struct ptl_changes *changes)
{
	size_t max = changes->max ? 2 * changes->max : 64;
	struct ptl_change *at;
	uint32_t *heads;

	if (max > MAX_CHANGES)
		return false;
	heads = calloc(max, sizeof(*heads));
	at = heads ? realloc(changes->at, max * sizeof(*at)) : NULL;
	if (!at) {
		free(heads);
		return false;
	}
	free(changes->heads);
	changes->at = at;
	changes->heads = heads;
	changes->max = max;
	for (size_t i = 0; i < changes->nr; i++)
		link_in(changes, i);
	return true;
}

bool ptl_changes_add(struct ptl_changes *changes, const struct ptl_change *change)
{
	if (changes->nr == changes->max && !grow(changes))
		return false;
	changes->at[changes->nr] = *change;
	link_in(changes, changes->nr++);
	return true;
}

static const struct ptl_change *find(const struct ptl_changes *changes, uint32_t i, pt_pa_t pa)
{
	for (; i; i = changes->at[i - 1].next)
		if (changes->at[i - 1].store.pa == pa)
			return &changes->at[i - 1];
	return NULL;
}

const struct ptl_change *ptl_changes_of(const struct ptl_changes *changes, pt_pa_t pa)
{
	return changes->nr ? find(changes, *head_of(changes, pa), pa) : NULL;
}

const struct ptl_change *ptl_changes_before(const struct ptl_changes *changes,
					    const struct ptl_change *change)
{
	return find(changes, change->next, change->store.pa);
}

size_t ptl_changes_drop(struct ptl_changes *changes,
			bool (*stays)(void *ctx, struct ptl_change *change), void *ctx)
{
	size_t nr = changes->nr, left = 0;

	/* Heads of what is here, not all: once there may have been a million. */
	for (size_t i = 0; i < nr; i++)
		*head_of(changes, changes->at[i].store.pa) = 0;
	for (size_t i = 0; i < nr; i++) {
		if (!stays(ctx, &changes->at[i]))
			continue;
		if (left != i)
			changes->at[left] = changes->at[i];
		link_in(changes, left++);
	}
	changes->nr = left;
	return nr - left;
}

void ptl_changes_exit(struct ptl_changes *changes)
{
	free(changes->at);
	free(changes->heads);
}

/* ---- a journal ---- */

_Static_assert(!(PTL_JOURNAL & (PTL_JOURNAL - 1)), "positions are masked");

/* How many were added after the one at @i. */
static size_t age_of(const struct ptl_journal *journal, size_t i)
{
	return (journal->next - 1 - i) & (PTL_JOURNAL - 1);
}

void ptl_journal_add(struct ptl_journal *journal, const struct ptl_change *change)
{
	size_t i = journal->next++ & (PTL_JOURNAL - 1);
	uint32_t *head = &journal->heads[hash_of(change->store.pa) & (PTL_JOURNAL - 1)];

	journal->at[i] = *change;
	journal->at[i].next = *head;
	*head = (uint32_t)i + 1;
}

/* From @i on, an index plus 1, of those that are as old as @age or older. */
static const struct ptl_change *find_noted(const struct ptl_journal *journal, uint32_t i,
					   size_t age, pt_pa_t pa)
{
	for (; i && age_of(journal, i - 1) >= age; i = journal->at[i - 1].next) {
		if (journal->at[i - 1].store.pa == pa)
			return &journal->at[i - 1];
		age = age_of(journal, i - 1) + 1;
	}
	return NULL;
}

const struct ptl_change *ptl_journal_of(const struct ptl_journal *journal, pt_pa_t pa)
{
	return find_noted(journal, journal->heads[hash_of(pa) & (PTL_JOURNAL - 1)], 0, pa);
}

const struct ptl_change *ptl_journal_before(const struct ptl_journal *journal,
					    const struct ptl_change *change)
{
	size_t i = (size_t)(change - journal->at);

	return find_noted(journal, change->next, age_of(journal, i) + 1, change->store.pa);
}
