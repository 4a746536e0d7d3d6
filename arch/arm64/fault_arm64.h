/* SPDX-License-Identifier: MIT */
/*
 * What stage 1 of the EL1&0 regime allows, and how it reports what it does not.
 *
 *   Arm ARM DDI 0487 J.a: D8.4 "Memory access control", D8.4.1 "Data access
 *   permissions", D8.4.2 "Hierarchical control", D8.4.3 "Instruction execution
 *   permissions", D8.5 "Hardware updates to the translation tables"; DDI 0487
 *   K.a, D8.4 for indirect permissions (FEAT_S1PIE) and overlays (FEAT_S1POE);
 *   ESR_EL1: D17.2.37 "ISS encoding for an exception from a Data Abort"
 *
 * One decision a function. They are asked when registers are loaded, for every
 * combination of what entries can say; accesses then look the answer up.
 */
#ifndef PTL_FAULT_ARM64_H
#define PTL_FAULT_ARM64_H

#include "arm64/fmt_arm64_bits.h"
#include "mmu/mmu_internal.h"

/* Registers, as far as they decide: ptl_regime.control. */
#define ARM64_RULE_WXN PTL_BIT(0)    /* SCTLR_EL1.WXN */
#define ARM64_RULE_PAN PTL_BIT(1)    /* PSTATE.PAN */
#define ARM64_RULE_EPAN PTL_BIT(2)   /* SCTLR_EL1.EPAN, or indirect permissions */
#define ARM64_RULE_PIE PTL_BIT(3)    /* TCR2_EL1.PIE */
#define ARM64_RULE_POE PTL_BIT(4)    /* TCR2_EL1.POE: overlays of EL1 */
#define ARM64_RULE_E0POE PTL_BIT(5)  /* TCR2_EL1.E0POE: overlays of EL0 */

/* Who asks. */
enum arm64_class {
	ARM64_EL0, /* and LDTR, STTR of EL1 unless PSTATE.UAO */
	ARM64_EL1,
};

/*
 * What the entries of a walk say together, as an index of ptl_regime.rights:
 *
 *	direct permissions    UXN PXN AP[2] AP[1]
 *	indirect ones         PIIndex: bits 54, 53, 51, 6
 */
#define ARM64_SAYS_USER 1u
#define ARM64_SAYS_RO 2u
#define ARM64_SAYS_PXN 4u
#define ARM64_SAYS_UXN 8u

/* D8.5.4: writable by DBM, or indirectly, but marked clean. */
static inline bool arm64_is_clean(uint64_t leaf, const struct ptl_regime *r)
{
	return (leaf & r->clean_mask) == r->clean_match;
}

/* With indirect permissions bit 7 marks a clean entry: only hardware that updates it may write. */
static inline bool arm64_is_stuck_clean(uint64_t leaf, const struct ptl_regime *r)
{
	return r->control & ARM64_RULE_PIE && leaf & ARM64_AP_RO && !r->set_dirty;
}

/* What @leaf, of which tables above have taken what they take, says. */
static inline unsigned int arm64_says(uint64_t leaf, const struct ptl_regime *r)
{
	if (r->control & ARM64_RULE_PIE)
		return (leaf >> 6 & 1) | (leaf >> 50 & 2) | (leaf >> 51 & 12);
	if (arm64_is_clean(leaf, r))
		leaf &= ~ARM64_AP_RO; /* hardware makes it so before it writes */
	return (leaf >> 6 & 3) | (leaf >> 51 & 12);
}

/* Permissions of both privileges, on their way through the rules. */
struct arm64_perms {
	unsigned int perms[2];   /* PT_PERM_*, by class */
	bool wxn[2];             /* writable excludes executable */
	bool overlaid[2];        /* an overlay, if there are any, applies */
	bool pan;                /* PSTATE.PAN keeps EL1's data accesses away */
	bool el0_writes;         /* so EL1 does not execute */
};

/* D8.4.1, D8.4.3: AP, UXN and PXN. */
static inline struct arm64_perms arm64_direct_perms(unsigned int says, uint64_t rules)
{
	unsigned int write = says & ARM64_SAYS_RO ? 0 : PT_PERM_WRITE;
	bool user = says & ARM64_SAYS_USER;
	bool wxn = rules & ARM64_RULE_WXN, pan;
	unsigned int el0 = user ? PT_PERM_READ | write : 0, el1 = PT_PERM_READ | write;

	if (!(says & ARM64_SAYS_UXN))
		el0 |= PT_PERM_EXEC;
	/* What EL0 can write, EL1 does not execute. */
	if (!(says & ARM64_SAYS_PXN) && !(el0 & PT_PERM_WRITE))
		el1 |= PT_PERM_EXEC;
	/* What EL0 may read or write, EL1 may not; with EPAN, nor what EL0 may execute. */
	pan = user || (rules & ARM64_RULE_EPAN && el0 & PT_PERM_EXEC);
	return (struct arm64_perms){
		{ el0, el1 }, { wxn, wxn }, { true, true }, rules & ARM64_RULE_PAN && pan,
		el0 & PT_PERM_WRITE,
	};
}

/* PIR_ELx, PIRE0_ELx: what the four bits of an index mean. */
static inline unsigned int arm64_indirect_perm(unsigned int encoding)
{
	enum { R = PT_PERM_READ, W = PT_PERM_WRITE, X = PT_PERM_EXEC };
	static const uint8_t perms[16] = {
		0, R, X, R | X, 0, R | W, R | W | X, R | W | X, /* overlays apply */
		R, R, R | X, 0, R | W, 0, R | W | X, 0,         /* they do not; 9: and GCS */
	};

	return perms[encoding & 15];
}

/*
 * DDI 0487 K.a, R_VFPJF: pairs that are reserved. At EL1 those that execute, at EL0 those that
 * write, and 0b1001 in both: a guarded control stack counts, whether there are any or not.
 */
static inline bool arm64_is_reserved_pair(unsigned int at_el1, unsigned int at_el0)
{
	static const uint16_t executes = 1 << 0x2 | 1 << 0x3 | 1 << 0x6 | 1 << 0x7 | 1 << 0x9 |
					 1 << 0xa | 1 << 0xe;
	static const uint16_t writes = 1 << 0x5 | 1 << 0x6 | 1 << 0x7 | 1 << 0x9 | 1 << 0xc |
				       1 << 0xe;

	return executes >> at_el1 & 1 && writes >> at_el0 & 1;
}

static inline struct arm64_perms arm64_indirect_perms(unsigned int index, uint64_t rules,
						      uint64_t pir, uint64_t pire0)
{
	unsigned int at_el1 = pir >> (4 * index) & 15, at_el0 = pire0 >> (4 * index) & 15;
	struct arm64_perms p = {
		{ arm64_indirect_perm(at_el0), arm64_indirect_perm(at_el1) },
		{ at_el0 == 6, at_el1 == 6 },
		{ !(at_el0 & 8), !(at_el1 & 8) },
		rules & ARM64_RULE_PAN && at_el0 != 0, /* reserved encodings count too */
		false,
	};

	/* EL1 executes nothing that EL0 can write: such a pair is no permission at all. */
	if (arm64_is_reserved_pair(at_el1, at_el0)) {
		p.el0_writes = p.perms[ARM64_EL0] & PT_PERM_WRITE;
		p.perms[ARM64_EL0] = p.perms[ARM64_EL1] = 0;
	}
	return p;
}

/* POR_ELx: bit 0 read, 1 execute, 2 write; more is reserved and means none. */
static inline unsigned int arm64_overlay_perms(uint64_t por, unsigned int key)
{
	unsigned int bits = por >> (4 * key) & 15;

	if (bits & 8)
		return 0;
	return (bits & 1 ? PT_PERM_READ : 0) | (bits & 2 ? PT_PERM_EXEC : 0) |
	       (bits & 4 ? PT_PERM_WRITE : 0);
}

/* The registers that decide beside ptl_regime.control. */
struct arm64_perm_regs {
	uint64_t pir, pire0, por_el0, por_el1;
};

static inline struct arm64_perms arm64_base_perms(unsigned int says, uint64_t rules,
						  const struct arm64_perm_regs *regs)
{
	return rules & ARM64_RULE_PIE ?
		       arm64_indirect_perms(says, rules, regs->pir, regs->pire0) :
		       arm64_direct_perms(says, rules);
}

/* What a class may do: all that both of these let it. */
struct arm64_limits {
	unsigned int base, overlay; /* PT_PERM_* */
};

static inline struct arm64_limits arm64_limits_of(const struct arm64_perms *p,
						  enum arm64_class class, unsigned int key,
						  uint64_t rules,
						  const struct arm64_perm_regs *regs)
{
	bool el0 = class == ARM64_EL0, pan = !el0 && p->pan, pie = rules & ARM64_RULE_PIE;
	bool overlaid = p->overlaid[class] && rules & (el0 ? ARM64_RULE_E0POE : ARM64_RULE_POE);
	struct arm64_limits l = { p->perms[class], PT_PERM_READ | PT_PERM_WRITE | PT_PERM_EXEC };

	if (overlaid)
		l.overlay = arm64_overlay_perms(el0 ? regs->por_el0 : regs->por_el1, key);
	/*
	 * Writable excludes executable: an overlay that lets execute stops writing instead. An
	 * indirect encoding says so by itself; directly, what PAN took is not writable.
	 */
	if (p->wxn[class] && (pie || (l.base & PT_PERM_WRITE && l.base & PT_PERM_EXEC))) {
		if (!overlaid || !(l.overlay & PT_PERM_EXEC))
			l.base &= ~PT_PERM_EXEC;
		else if (pie || !pan)
			l.overlay &= ~PT_PERM_WRITE;
	}
	if (pan)
		l.base &= PT_PERM_EXEC;
	return l;
}

/* Everything above, for what a leaf says and one key. */
static inline unsigned int arm64_perms_of_says(enum arm64_class class, unsigned int key,
					       unsigned int says, const struct ptl_regime *r)
{
	const struct arm64_perm_regs regs = { r->pir, r->pire0, r->keys, r->priv_keys };
	struct arm64_perms p = arm64_base_perms(says, r->control, &regs);
	struct arm64_limits limits = arm64_limits_of(&p, class, key, r->control, &regs);

	return limits.base & limits.overlay;
}

/* What of @perms, those of what @leaf says, it lets be used. */
static inline unsigned int arm64_usable_perms(unsigned int perms, uint64_t leaf,
					      const struct ptl_regime *r)
{
	return arm64_is_stuck_clean(leaf, r) ? perms & ~PT_PERM_WRITE : perms;
}

/* r->control, the registers of permissions, and what is clean are set. */
static inline void arm64_init_rights(struct ptl_regime *r)
{
	unsigned int perms[2][16];

	r->key_mask = r->control & (ARM64_RULE_POE | ARM64_RULE_E0POE) ? 7 : 0;
	for (enum arm64_class class = ARM64_EL0; class <= ARM64_EL1; class++)
		for (unsigned int says = 0; says < 16; says++)
			perms[class][says] = arm64_perms_of_says(class, 0, says, r);
	for (unsigned int cut = 0; cut < ARM64_NR_CUTS; cut = arm64_next_cut(cut)) {
		uint64_t leaf = arm64_leaf_of_cut(cut);
		unsigned int says = arm64_says(leaf, r);
		unsigned int later = arm64_is_clean(leaf, r) ? PT_PERM_WRITE : 0;
		struct ptl_rights *rights = &r->rights[cut];

		rights->of[PTL_NO_CLASS] = ptl_right(0, 0);
		for (enum arm64_class class = ARM64_EL0; class <= ARM64_EL1; class++)
			rights->of[class] =
				ptl_right(arm64_usable_perms(perms[class][says], leaf, r), later);
	}
}

/* The first of the rules that a leaf breaks which may be used, but not so. */
static inline enum pt_fault_why arm64_why(enum arm64_class class, const struct arm64_perms *p,
					  const struct arm64_limits *limits, unsigned int wants)
{
	unsigned int has = p->perms[class], missing = wants & ~has;
	bool data = !(wants & PT_PERM_EXEC);

	if (data && class == ARM64_EL1 && p->pan)
		return PT_WHY_PAN;
	if (data && class == ARM64_EL0 && !(has & (PT_PERM_READ | PT_PERM_WRITE)))
		return PT_WHY_USER;
	if (missing & PT_PERM_READ)
		return PT_WHY_READ;
	if (missing & PT_PERM_WRITE)
		return PT_WHY_WRITE;
	if (missing)
		return class == ARM64_EL1 && p->el0_writes ? PT_WHY_WXN : PT_WHY_EXEC;
	if (wants & ~limits->base)
		return PT_WHY_WXN;
	/* Otherwise it is clean, and hardware does not make it dirty. */
	return wants & ~limits->overlay ? PT_WHY_PKEY : PT_WHY_WRITE;
}

#endif /* PTL_FAULT_ARM64_H */
