/* SPDX-License-Identifier: MIT */
/*
 * rules_arm64.h - what the EL1&0 translation regime allows, as the manual says it.
 *
 * A case is everything that an access, the registers and the descriptors contribute. The tables
 * and the order of the rules are those of the Arm ARM (DDI 0487 K.a): D8.4 "Memory access
 * control", D8.5 "Hardware updates to the translation tables", and the pseudocode functions
 * that it names. Nothing of the library decides here.
 */
#ifndef MMU_RULES_ARM64_H
#define MMU_RULES_ARM64_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <ptlib/mmu.h>

struct arm64_case {
	/* the access */
	enum pt_access_kind kind;
	unsigned int from_el; /* where the exception is taken from */
	bool unprivileged; /* LDTR, STTR and their like */
	/* PSTATE and registers */
	bool pan, uao, epan, wxn;
	bool hpd; /* TCR.HPDn */
	bool ha, hd;
	bool pie, poe, e0poe;
	uint64_t pir, pire0, por_el1, por_el0;
	/* descriptors */
	uint64_t leaf;
	uint64_t tables; /* those above the leaf, or-ed */
	unsigned int level; /* Arm's, of the leaf */
};

struct arm64_verdict {
	bool allowed;
	uint64_t esr; /* otherwise */
	uint32_t whys; /* otherwise: every enum pt_fault_why that may be reported, as bits */
	uint64_t after; /* the leaf, if allowed */
};

struct arm64_verdict arm64_decide(const struct arm64_case *c);

/* Whether the stage 1 permissions would let it, access flag aside. */
bool arm64_permits(const struct arm64_case *c);

#endif /* MMU_RULES_ARM64_H */
