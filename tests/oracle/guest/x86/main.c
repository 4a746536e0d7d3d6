/* SPDX-License-Identifier: MIT */
/*
 * The x86 guest.  Runs bare metal in 64-bit mode; each access under test runs in an
 * SVM guest of its own, whose control registers are the access's and whose physical
 * memory (nested paging) is the list of regions.
 */
#include "x86.h"

extern uint64_t idt[512];
extern const uint8_t exception_entries[];
void guest_main(void);

_Noreturn void panic(uint64_t reason, uint64_t a, uint64_t b, uint64_t c)
{
	const uint64_t words[] = { reason, a, b, c };

	memcpy(MAILBOX->panic, words, sizeof(words));
	atomic_store_explicit(&MAILBOX->state, ORC_MB_PANIC, memory_order_release);
	for (;;)
		__asm__ volatile("hlt");
}

static void init_idt(void)
{
	for (unsigned int i = 0; i < 32; i++) {
		uint64_t entry = (uint64_t)exception_entries + i * 16;

		idt[2 * i] = (entry & 0xffff) | 0x18ull << 16 | 0x8e00ull << 32 |
			     (entry >> 16 & 0xffff) << 48;
		idt[2 * i + 1] = entry >> 32;
	}
}

static void report_features(void)
{
	struct cpuid leaf7 = cpuid(7), ext = cpuid(0x80000001);

	MAILBOX->info[0] = cpuid(0x80000008).eax;
	MAILBOX->info[1] = leaf7.ebx | (uint64_t)leaf7.ecx << 32;
	MAILBOX->info[2] = leaf7.edx;
	MAILBOX->info[3] = ext.ecx | (uint64_t)ext.edx << 32;
	MAILBOX->info[4] = cpuid(0x8000000a).edx;
}

void guest_main(void)
{
	init_idt();
	access_init();
	report_features();
	if (MAILBOX->from_disk)
		run_from_disk();
	serve();
}
