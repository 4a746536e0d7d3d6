/* SPDX-License-Identifier: MIT */
/* The arm64 guest's instructions and what its files share. */
#ifndef ARM64_H
#define ARM64_H

#include "guest.h"

#define READ_SYSREG(reg)                                                                           \
	({                                                                                         \
		uint64_t value_;                                                                   \
		__asm__ volatile("mrs %0, " #reg : "=r"(value_));                                  \
		value_;                                                                            \
	})
#define WRITE_SYSREG(reg, value)                                                                   \
	do {                                                                                       \
		uint64_t value_ = (value);                                                         \
		__asm__ volatile("msr " #reg ", %0" : : "r"(value_) : "memory");                   \
	} while (0)
#define AT(regime, write, va)                                                                      \
	do {                                                                                       \
		if (write)                                                                         \
			__asm__ volatile("at " #regime "w, %0" : : "r"(va) : "memory");            \
		else                                                                               \
			__asm__ volatile("at " #regime "r, %0" : : "r"(va) : "memory");            \
	} while (0)

#define HCR_VM BIT(0)
#define HCR_RW BIT(31)
#define HCR_E2H BIT(34)

#define SCTLR_M BIT(0)

#define PSTATE_EL0 0x3c0u /* all masked */
#define PSTATE_EL1H 0x3c5u
#define PSTATE_IL BIT(20)
#define PSTATE_PAN BIT(22)
#define PSTATE_UAO BIT(23)

/* Exception classes, ESR_ELx.EC. */
#define EC_ILLEGAL_STATE 0x0eu
#define EC_SVC 0x15u
#define EC_SMC 0x17u
#define EC_FETCH_LOWER 0x20u
#define EC_DATA_LOWER 0x24u

/*
 * A harness block, 64 KiB, mapped into the regime under test: the stub page, which is
 * the exception vectors too, and the tables that map it (39-bit half, 4 KiB granule).
 */
#define HB_STUB 0x0000u
#define HB_TABLE1 0x1000u /* Arm levels */
#define HB_TABLE2 0x2000u
#define HB_TABLE3 0x3000u

/* Stubs behind the vectors: from EL1, which end in SMC, and from EL0, which end in SVC. */
#define STUBS_EL1 0x800u
#define STUBS_EL0 0xc00u
#define STUB_BYTES 16u

/* Fill @block for a regime that sees it at @ipa. */
void build_block(uint8_t *block, uint64_t ipa);

#define STAGE2_XN BIT(54)
#define STAGE2_RW (3ull << 6 | 15ull << 2 | BIT(10)) /* S2AP, MemAttr normal, AF */
#define STAGE2_PAGE 3u

/* The harness's stage 2, see stage2.c. */
void stage2_init(void);
uint64_t stage2_vtcr(void);
uint64_t stage2_root(void);
uint64_t stage2_trace_root(void);
void stage2_trace_open(uint64_t ipa, uint64_t hpa);
void stage2_trace_close(uint64_t ipa);

/*
 * A stage 2 under test, see user_stage2.c.  borrow: copy the root of VTTBR, for an
 * access to @ipa, and add the harness; false if the root is in no ident region, or has
 * no room for it.
 */
struct user_stage2 {
	uint64_t vttbr;
	uint64_t block_ipa;
};

bool user_stage2_borrow(const uint64_t *reg, uint64_t ipa, struct user_stage2 *s2);
void user_stage2_return(void);

static inline void isb(void)
{
	__asm__ volatile("isb" : : : "memory");
}

static inline void flush_el1(void)
{
	__asm__ volatile("dsb sy\n\ttlbi alle1\n\tdsb sy\n\tisb" : : : "memory");
}

static inline void flush_el2(void)
{
	__asm__ volatile("dsb sy\n\ttlbi alle2\n\tdsb sy\n\tisb" : : : "memory");
}

#endif
