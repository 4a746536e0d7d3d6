/* SPDX-License-Identifier: MIT */
#include "guest.h"

uint8_t harness[ORC_HARNESS] __attribute__((aligned(ORC_HARNESS)));

static uint64_t pool = ORC_POOL_PA;

/* Tables are cleared and copied for each access, so both go by words where they can. */
void *memset(void *dst, int byte, size_t len)
{
	uint64_t word = (uint8_t)byte * 0x0101010101010101ull;
	uint8_t *d = dst;

	for (; !((uint64_t)d & 7) && len >= 8; d += 8, len -= 8)
		*(uint64_t *)d = word;
	while (len--)
		*d++ = (uint8_t)byte;
	return dst;
}

void *memcpy(void *dst, const void *src, size_t len)
{
	const uint8_t *s = src;
	uint8_t *d = dst;

	for (; !(((uint64_t)d | (uint64_t)s) & 7) && len >= 8; d += 8, s += 8, len -= 8)
		*(uint64_t *)d = *(const uint64_t *)s;
	while (len--)
		*d++ = *s++;
	return dst;
}

uint64_t pool_page(void)
{
	uint64_t pa = pool;

	if (pa >= ORC_POOL_END)
		panic(PANIC_POOL_EMPTY, pa, 0, 0);
	pool += 4096;
	for (unsigned int i = 0; i < 512; i++)
		((uint64_t *)pa)[i] = 0;
	return pa;
}

uint64_t pool_mark(void)
{
	return pool;
}

void pool_reset(uint64_t mark)
{
	pool = mark;
}

bool pool_is_low(void)
{
	return pool > ORC_POOL_END - (4u << 20);
}

bool region_lookup(uint64_t gpa, uint64_t *hpa)
{
	for (uint32_t i = 0; i < MAILBOX->nr_region; i++) {
		const struct orc_region *region = &MAILBOX->region[i];

		if (gpa - region->gpa < region->bytes) {
			*hpa = region->hpa + (gpa - region->gpa);
			return true;
		}
	}
	return false;
}

static void run_all(void)
{
	uint32_t i = atomic_load_explicit(&MAILBOX->progress, memory_order_relaxed);

	if (MAILBOX->regions_changed)
		build_tables();
	MAILBOX->regions_changed = 0;
	while (i < MAILBOX->nr_vec) {
		run_access(&ACCESSES[i], &RESULTS[i]);
		/* Only for when the emulator dies; results are published by DONE. */
		atomic_store_explicit(&MAILBOX->progress, ++i, memory_order_relaxed);
	}
}

_Noreturn void serve(void)
{
	MAILBOX->magic = ORC_MAGIC;
	/* Pairs with the host's acquire of IDLE: info and magic. */
	atomic_store_explicit(&MAILBOX->state, ORC_MB_IDLE, memory_order_release);
	for (;;) {
		/* A PAUSE or YIELD here would leave TCG's loop and cost a millisecond. */
		while (atomic_load_explicit(&MAILBOX->state, memory_order_acquire) != ORC_MB_GO)
			;
		run_all();
		atomic_store_explicit(&MAILBOX->state, ORC_MB_DONE, memory_order_release);
	}
}
