/* SPDX-License-Identifier: MIT */
/* The x86 guest's instructions and what its files share. */
#ifndef X86_H
#define X86_H

#include "guest.h"

#define PA_MASK 0x000ffffffffff000ull

#define PTE_P BIT(0)
#define PTE_W BIT(1)
#define PTE_U BIT(2)
#define PTE_A BIT(5)
#define PTE_PS BIT(7)
#define PTE_NX BIT(63)

#define CR4_LA57 BIT(12)
#define CR4_PKE BIT(22)

#define MSR_PKRS 0x6e1u
#define MSR_EFER 0xc0000080u
#define MSR_HSAVE_PA 0xc0010117u

/* What the harness block holds, at these offsets. */
#define HB_STUB_S 0x0000u /* stub page, supervisor */
#define HB_STUB_U 0x1000u /* stub page, user */
#define HB_TABLE3 0x2000u /* tables that map the two, from level 3 (for 5-level paging) */
#define HB_TABLE2 0x3000u /* or level 2 */
#define HB_TABLE1 0x4000u
#define HB_TABLE0 0x5000u
#define HB_ROOT 0x8000u /* copy of those root entries that an access needs */

/* The order of the stubs: by enum orc_op for loads, stores and RMW, log2(size) within. */
#define STUB_BYTES 16u
#define STUB_VERR 12u

void vmrun(uint64_t vmcb_pa, uint64_t rdi_rsi[2]);

/* Root of the nested tables in which everything is mapped. */
uint64_t nested_root(void);

/*
 * Root of nested tables in which only the harness is mapped, so that each page a
 * walk reads exits once.  nested_trace_open() maps the page at @gpa to that at @hpa,
 * nested_trace_close() unmaps it; between accesses none is mapped.
 */
uint64_t nested_trace_root(void);
void nested_trace_open(uint64_t gpa, uint64_t hpa);
void nested_trace_close(uint64_t gpa);

/* Before the first access. */
void access_init(void);

/* Under Bochs: read accesses and regions from the disk, run, write back, power off. */
_Noreturn void run_from_disk(void);

static inline void wrmsr(uint32_t msr, uint64_t value)
{
	__asm__ volatile("wrmsr"
			 :
			 : "c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32))
			 : "memory");
}

static inline uint64_t rdmsr(uint32_t msr)
{
	uint32_t lo, hi;

	__asm__ volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(msr));
	return (uint64_t)hi << 32 | lo;
}

struct cpuid {
	uint32_t eax, ebx, ecx, edx;
};

static inline struct cpuid cpuid(uint32_t leaf)
{
	struct cpuid r;

	__asm__ volatile("cpuid"
			 : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx)
			 : "a"(leaf), "c"(0));
	return r;
}

static inline uint64_t read_cr4(void)
{
	uint64_t value;

	__asm__ volatile("mov %%cr4, %0" : "=r"(value));
	return value;
}

static inline void write_cr4(uint64_t value)
{
	__asm__ volatile("mov %0, %%cr4" : : "r"(value) : "memory");
}

static inline void write_pkru(uint32_t value)
{
	__asm__ volatile("wrpkru" : : "a"(value), "c"(0), "d"(0) : "memory");
}

static inline void outb(uint16_t port, uint8_t value)
{
	__asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

static inline uint8_t inb(uint16_t port)
{
	uint8_t value;

	__asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

#endif
