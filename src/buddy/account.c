/* SPDX-License-Identifier: MIT */
/* Accounts: who is charged for how many frames. Counted without locks, limits kept exactly. */
#include <stdlib.h>

#include "buddy/zone_internal.h"

struct pt_account {
	struct pt_zone *zone;
	uint16_t id;
	_Atomic uint64_t held; /* 0, acquired: nobody uses the account any more */
	_Atomic uint64_t peak, limit, charges, refused; /* relaxed: figures, nothing more */
	uint64_t tally; /* frames that pt_buddy_verify() found; 0 but during that */
};

static uint64_t load(const _Atomic uint64_t *counter)
{
	return atomic_load_explicit(counter, memory_order_relaxed);
}

static void count(_Atomic uint64_t *counter)
{
	atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

int pt_account_create(struct pt_account **out, struct pt_zone *zone, uint64_t limit)
{
	struct pt_account *account = calloc(1, sizeof(*account));
	unsigned int id;

	if (!account)
		return -ENOMEM;
	account->zone = zone;
	pt_account_set_limit(account, limit);
	ptl_zone_lock(zone);
	for (id = zone->accounts_full + 1; id <= UINT16_MAX && zone->accounts[id];)
		id++;
	if (id <= UINT16_MAX) {
		account->id = (uint16_t)id;
		zone->accounts[id] = account;
		zone->accounts_full = (uint16_t)id;
		zone->accounts_end = (uint16_t)(id > zone->accounts_end ? id : zone->accounts_end);
		zone->nr_accounts++;
	}
	ptl_zone_unlock(zone);
	if (id > UINT16_MAX) {
		free(account);
		return -ENOMEM;
	}
	*out = account;
	return 0;
}

int pt_account_destroy(struct pt_account *account)
{
	if (!account)
		return 0;
	/* Pairs with the release in ptl_account_uncharge(). */
	if (atomic_load_explicit(&account->held, memory_order_acquire))
		return -EBUSY;
	ptl_zone_lock(account->zone);
	account->zone->accounts[account->id] = NULL;
	account->zone->nr_accounts--;
	account->zone->accounts_full =
		(uint16_t)ptl_min(account->zone->accounts_full, account->id - 1u);
	ptl_zone_unlock(account->zone);
	free(account);
	return 0;
}

void pt_account_set_limit(struct pt_account *account, uint64_t limit)
{
	atomic_store_explicit(&account->limit, limit, memory_order_relaxed);
}

bool ptl_account_is_of(const struct pt_account *account, const struct pt_zone *zone)
{
	return account->zone == zone;
}

uint16_t ptl_account_id(const struct pt_account *account)
{
	return account->id;
}

bool ptl_account_charge(struct pt_account *account, unsigned int order, uint64_t *held)
{
	uint64_t frames = UINT64_C(1) << order, before = load(&account->held);

	do {
		uint64_t limit = load(&account->limit);

		if (limit < frames || before > limit - frames) {
			count(&account->refused);
			return false;
		}
		*held = before + frames;
	} while (!atomic_compare_exchange_weak_explicit(&account->held, &before, *held,
							memory_order_relaxed,
							memory_order_relaxed));
	return true;
}

void ptl_account_uncharge(struct pt_account *account, unsigned int order)
{
	atomic_fetch_sub_explicit(&account->held, UINT64_C(1) << order, memory_order_release);
}

void ptl_account_tally(struct pt_account *account, unsigned int order)
{
	account->tally += UINT64_C(1) << order;
}

bool ptl_account_agrees(struct pt_account *account)
{
	bool agrees = account->tally == load(&account->held) &&
		      load(&account->peak) >= account->tally;

	account->tally = 0;
	return agrees;
}

void ptl_account_count(struct pt_account *account, uint64_t held)
{
	uint64_t peak = load(&account->peak);

	while (peak < held &&
	       !atomic_compare_exchange_weak_explicit(&account->peak, &peak, held,
						      memory_order_relaxed, memory_order_relaxed))
		;
	count(&account->charges);
}

void pt_account_stats(const struct pt_account *account, struct pt_account_stats *stats)
{
	stats->held = load(&account->held);
	stats->peak = load(&account->peak);
	stats->limit = load(&account->limit);
	stats->charges = load(&account->charges);
	stats->refused = load(&account->refused);
}
