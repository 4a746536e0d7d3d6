/* SPDX-License-Identifier: MIT */
/*
 * ptlib/profile.h - the TLBs of real processors, and what their flushes cost.
 *
 * Data from manuals and measurements, each with its source. Vendors publish shapes,
 * seldom replacement policies: these profiles take true LRU everywhere.
 */
#ifndef PTLIB_PROFILE_H
#define PTLIB_PROFILE_H

#include <ptlib/tlb.h>

#ifdef __cplusplus
extern "C" {
#endif

/* In picoseconds; 0: not known, or the processor has no such operation. */
struct pt_tlb_costs {
	uint32_t page;      /* INVLPG; TLBI by VA, this CPU only */
	uint32_t asid;      /* CR3 with flush; TLBI ASIDE1, this CPU only */
	/* TLBI to all CPUs of the inner shareable domain, this one too, with DSB */
	uint32_t broadcast;
	uint32_t guest;     /* the same under stage 2 */
	uint32_t shootdown; /* x86: IPI to one CPU, its flush, and its answer */
	/* once a request to change and flush a range: the system call around it */
	uint32_t request;
	uint32_t entry;     /* each page of it: its entry found and changed */
};

struct pt_tlb_profile {
	const char *name;   /* "skylake-sp" */
	const char *what;   /* "Intel Skylake-SP" */
	bool arm64;         /* else x86_64 */
	struct pt_tlb_cfg tlb;
	const char *source; /* of the shapes */
	struct pt_tlb_costs costs;
	const char *costs_source;
};

/*
 * "skylake-sp", "sapphire-rapids", "zen3", "zen4", "xeon-vm"; "neoverse-n1", which Cortex-A76
 * shares, "cortex-a72".
 */
/** Returns the profile at @index, counted from 0, or NULL beyond the last. */
PT_API const struct pt_tlb_profile *pt_tlb_profile_at(size_t index);
/** Returns the profile called @name, or NULL. */
PT_API const struct pt_tlb_profile *pt_tlb_profile_find(const char *name);

#ifdef __cplusplus
}
#endif

#endif /* PTLIB_PROFILE_H */
