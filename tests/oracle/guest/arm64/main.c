/* SPDX-License-Identifier: MIT */
/*
 * The arm64 guest.  Runs at EL3 with its MMU off; accesses under test run at
 * non-secure EL1 or EL0.
 */
#include "arm64.h"

extern const uint8_t el2_vectors[];
void guest_main(void);

#define SCR_NS BIT(0)
#define SCR_RES1 (BIT(4) | BIT(5))
#define SCR_HCE BIT(8)
#define SCR_RW BIT(10)
#define SCR_ST BIT(11)
#define SCR_APK BIT(16)
#define SCR_API BIT(17)

_Noreturn void panic(uint64_t reason, uint64_t a, uint64_t b, uint64_t c)
{
	MAILBOX->panic[0] = reason;
	MAILBOX->panic[1] = a;
	MAILBOX->panic[2] = b;
	MAILBOX->panic[3] = c;
	atomic_store_explicit(&MAILBOX->state, ORC_MB_PANIC, memory_order_release);
	for (;;)
		__asm__ volatile("wfe");
}

void build_block(uint8_t *block, uint64_t ipa)
{
	memset(block, 0, ORC_HARNESS);
	memcpy(block + HB_STUB, stub_page, 4096);
	*(uint64_t *)(block + HB_TABLE1) = (ipa + HB_TABLE2) | 3;
	*(uint64_t *)(block + HB_TABLE2) = (ipa + HB_TABLE3) | 3;
	/* AF, read-only for EL1 and EL0, executable for both */
	*(uint64_t *)(block + HB_TABLE3) = (ipa + HB_STUB) | BIT(10) | 3ull << 6 | 3;
}

void guest_main(void)
{
	MAILBOX->info[0] = READ_SYSREG(id_aa64mmfr0_el1);
	MAILBOX->info[1] = READ_SYSREG(id_aa64mmfr1_el1);
	MAILBOX->info[2] = READ_SYSREG(s3_0_c0_c7_2); /* id_aa64mmfr2_el1 */
	MAILBOX->info[3] = READ_SYSREG(CurrentEL);
	MAILBOX->info[4] = READ_SYSREG(id_aa64pfr0_el1);
	MAILBOX->info[5] = READ_SYSREG(midr_el1);
	WRITE_SYSREG(scr_el3, SCR_NS | SCR_RES1 | SCR_HCE | SCR_RW | SCR_ST | SCR_APK | SCR_API);
	WRITE_SYSREG(hcr_el2, HCR_RW);
	WRITE_SYSREG(vbar_el2, (uint64_t)el2_vectors);
	WRITE_SYSREG(cptr_el3, 0);
	isb();
	stage2_init();
	serve();
}
