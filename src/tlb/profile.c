/* SPDX-License-Identifier: MIT */
/* The table of profiles. */
#include <string.h>

#include <ptlib/profile.h>

#include "base/bits.h"

#define DATA (1u << PT_TLB_USE_DATA)
#define FETCH (1u << PT_TLB_USE_FETCH)
#define TABLE (1u << PT_TLB_USE_TABLE)
#define IPA (1u << PT_TLB_USE_IPA)

#define K4 PTL_BIT(12)
#define M2 PTL_BIT(21)
#define G1 PTL_BIT(30)
#define G512 PTL_BIT(39)
#define T256 PTL_BIT(48)

/* What arm64 caches as one: leaves of all granules, and contiguous blocks. */
#define ARM64_SMALL (K4 | PTL_BIT(14) | PTL_BIT(16) | M2)
#define ARM64_LARGE (PTL_BIT(25) | PTL_BIT(29) | G1)
/* What its tables cover, of all granules: level 3's and level 2's. */
#define ARM64_TABLES                                                                               \
	(M2 | PTL_BIT(25) | PTL_BIT(29) | G1 | PTL_BIT(36) | G512 | PTL_BIT(42) | PTL_BIT(47))

#define PART(level_, uses_, sizes_, entries_, ways_)                                               \
	{                                                                                          \
		.level = (level_), .uses = (uses_), .sizes = (sizes_), .entries = (entries_),      \
		.ways = (ways_), .policy = PT_TLB_LRU                                              \
	}

/* Of two profiles, whose costs differ. */
#define SKYLAKE_SP_TLB                                                                             \
	{                                                                                          \
		.nr_parts = 9,                                                                     \
		.parts = {                                                                         \
			PART(1, DATA, K4, 64, 4),                                                  \
			PART(1, DATA, M2, 32, 4),                                                  \
			PART(1, DATA, G1, 4, 4),                                                   \
			PART(1, FETCH, K4, 128, 8),                                                \
			PART(1, FETCH, M2, 8, 8),                                                  \
			PART(2, DATA | FETCH, K4 | M2, 1536, 12),                                  \
			PART(2, DATA | FETCH, G1, 16, 4),                                          \
			PART(1, TABLE, M2, 32, 4),                                                 \
			PART(1, TABLE, G1, 4, 4),                                                  \
		}                                                                                  \
	}
#define SKYLAKE_SP_SOURCE                                                                          \
	"Intel 64 Optimization Reference Manual (248966-046), Skylake Server: TLB "                \
	"parameters; paging-structure caches: van Schaik et al., RevAnC (EuroSec 2017)"

/* INVLPG 100 ns; CR3 with flush 96 cycles at 2.7 GHz; shootdown the middle of 15 to 18 us. */
#define X86_COSTS { .page = 100000, .asid = 35600, .shootdown = 16500000 }
#define X86_COSTS_SOURCE                                                                           \
	"INVLPG and CR3: published microbenchmarks of Intel servers (100 ns, 260 to 350 cycles; " \
	"96 cycles); shootdown: 15 to 18 us, measured in a virtual machine"
#define ARM64_COSTS { .page = 10000, .asid = 10000, .broadcast = 23000, .guest = 289000 }
#define ARM64_COSTS_SOURCE                                                                         \
	"published microbenchmarks: 10 ns local, 23 ns inner shareable, 289 ns under stage 2"

/*
 * Least squares of relative errors, over mprotect() of 1, 4, 33, 34, 64 and 512 pages on one
 * CPU of a virtual machine, under Linux with its ceiling of 33; tests/machine/test_costs.c has
 * the measurements and does the fit again.
 */
#define XEON_VM_COSTS                                                                              \
	{                                                                                          \
		.page = 148362, .asid = 13619, .shootdown = 16500000, .request = 827957,           \
		.entry = 25967                                                                     \
	}

static const struct pt_tlb_profile profiles[] = {
	{
		.name = "skylake-sp",
		.what = "Intel Skylake-SP, Cascade Lake",
		.tlb = SKYLAKE_SP_TLB,
		.source = SKYLAKE_SP_SOURCE,
		.costs = X86_COSTS,
		.costs_source = X86_COSTS_SOURCE,
	},
	{
		.name = "neoverse-n1",
		.what = "Arm Neoverse N1, Cortex-A76",
		.arm64 = true,
		.tlb = {
			.nr_parts = 3,
			.parts = {
				PART(1, DATA, ARM64_SMALL | ARM64_LARGE, 48, 48),
				PART(1, FETCH, ARM64_SMALL | PTL_BIT(25), 48, 48),
				PART(2, DATA | FETCH | TABLE | IPA,
				     ARM64_SMALL | ARM64_LARGE | ARM64_TABLES, 1280, 5),
			},
		},
		.source = "Arm Neoverse N1 Core TRM (100616) and Cortex-A76 Core TRM (100798), "
			  "Memory Management Unit: 48 entries fully associative each, 1280 "
			  "entries of 5 ways that hold walk and intermediate entries too",
		.costs = ARM64_COSTS,
		.costs_source = ARM64_COSTS_SOURCE,
	},
	{
		.name = "sapphire-rapids",
		.what = "Intel Sapphire Rapids",
		.tlb = {
			.nr_parts = 9,
			.parts = {
				PART(1, DATA, K4, 96, 6),
				PART(1, DATA, M2, 32, 4),
				PART(1, DATA, G1, 8, 8),
				PART(1, FETCH, K4, 256, 8),
				PART(1, FETCH, M2, 32, 4),
				PART(2, DATA | FETCH, K4 | M2, 2048, 16),
				PART(2, DATA | FETCH, G1, 16, 4),
				PART(1, TABLE, M2, 32, 4),
				PART(1, TABLE, G1, 4, 4),
			},
		},
		.source = "Intel 64 Optimization Reference Manual (248966-046), Golden Cove: "
			  "TLB parameters; level 2 of 1G pages and walk caches as in Skylake-SP",
		.costs = X86_COSTS,
		.costs_source = X86_COSTS_SOURCE,
	},
	{
		.name = "zen3",
		.what = "AMD Zen 3 (EPYC 7003)",
		.tlb = {
			.nr_parts = 5,
			.parts = {
				PART(1, DATA, K4 | M2 | G1, 64, 64),
				PART(1, FETCH, K4 | M2 | G1, 64, 64),
				PART(2, DATA | TABLE, K4 | M2, 2048, 8),
				PART(2, FETCH, K4 | M2, 512, 8),
				PART(2, TABLE, G1 | G512 | T256, 64, 64),
			},
		},
		.source = "AMD Software Optimization Guide for Family 19h (56665): 64 fully "
			  "associative, 2048 and 512; ways: 8, the power of two in what "
			  "CPUID 80000006H tells (8 to 15)",
		.costs = X86_COSTS,
		.costs_source = X86_COSTS_SOURCE,
	},
	{
		.name = "zen4",
		.what = "AMD Zen 4 (EPYC 9004)",
		.tlb = {
			.nr_parts = 5,
			.parts = {
				PART(1, DATA, K4 | M2 | G1, 72, 72),
				PART(1, FETCH, K4 | M2 | G1, 64, 64),
				PART(2, DATA | TABLE, K4 | M2, 3072, 12),
				PART(2, FETCH, K4 | M2, 512, 8),
				PART(2, TABLE, G1 | G512 | T256, 64, 64),
			},
		},
		.source = "AMD Software Optimization Guide for Zen 4 (57647): 72 and 64 fully "
			  "associative, 3072 and 512; ways: 12 for 256 sets, in what CPUID "
			  "80000006H tells (8 to 15)",
		.costs = X86_COSTS,
		.costs_source = X86_COSTS_SOURCE,
	},
	{
		.name = "cortex-a72",
		.what = "Arm Cortex-A72",
		.arm64 = true,
		.tlb = {
			.nr_parts = 3,
			.parts = {
				PART(1, DATA, K4 | PTL_BIT(16) | M2, 32, 32),
				PART(1, FETCH, K4 | PTL_BIT(16) | M2, 48, 48),
				PART(2, DATA | FETCH,
				     K4 | PTL_BIT(16) | M2 | PTL_BIT(29) | G1, 1024, 4),
			},
		},
		.source = "Arm Cortex-A72 MPCore TRM (100095), Memory Management Unit: 32 and 48 "
			  "entries fully associative, 1024 of 4 ways; its walk caches have no "
			  "published shape and are left out",
		.costs = ARM64_COSTS,
		.costs_source = ARM64_COSTS_SOURCE,
	},
	{
		.name = "xeon-vm",
		.what = "a virtual machine on an Intel server, costs as measured there",
		.tlb = SKYLAKE_SP_TLB,
		.source = SKYLAKE_SP_SOURCE,
		.costs = XEON_VM_COSTS,
		.costs_source = "fitted to mprotect() of 1 to 512 pages, measured in a virtual "
				"machine; shootdown: 15 to 18 us, measured there too",
	},
};

const struct pt_tlb_profile *pt_tlb_profile_at(size_t index)
{
	return index < sizeof(profiles) / sizeof(profiles[0]) ? &profiles[index] : NULL;
}

const struct pt_tlb_profile *pt_tlb_profile_find(const char *name)
{
	for (size_t i = 0; i < sizeof(profiles) / sizeof(profiles[0]); i++)
		if (!strcmp(profiles[i].name, name))
			return &profiles[i];
	return NULL;
}
