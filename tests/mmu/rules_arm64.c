/* SPDX-License-Identifier: MIT */
#include "mmu/rules_arm64.h"

#define BIT(n) (UINT64_C(1) << (n))

struct rights {
	bool r, w, x;
};

/* D8.4.1 "Direct permissions": AP[2:1] of a Block or Page descriptor, by EL; data only. */
static const struct {
	struct rights el1, el0;
} ap_table[4] = {
	[0] = { { true, true, false }, { false, false, false } }, /* 0b00: EL1 only */
	[1] = { { true, true, false }, { true, true, false } }, /* 0b01: all */
	[2] = { { true, false, false }, { false, false, false } }, /* 0b10: EL1 only, read-only */
	[3] = { { true, false, false }, { true, false, false } }, /* 0b11: read-only */
};

/* D8.4.1 "Hierarchical permissions": what APTable[1:0] leaves of it. */
static const struct {
	bool el0, write;
} aptable_table[4] = {
	[0] = { true, true }, /* 0b00: no effect */
	[1] = { false, true }, /* 0b01: no access from EL0 */
	[2] = { true, false }, /* 0b10: no write from any EL */
	[3] = { false, false }, /* 0b11: neither */
};

/*
 * R_LLZDZ, "Stage 1 Base permissions": fields of PIR_EL1 and PIRE0_EL1. @overlay: an overlay may
 * restrict it further. GCS_TOO also has what guarded control stacks need, which nobody uses here.
 */
#define GCS_TOO 0x9u
static const struct indirect {
	bool r, w, x, overlay;
} indirect_table[16] = {
	[0x0] = { false, false, false, true }, /* no access */
	[0x1] = { true, false, false, true }, /* read */
	[0x2] = { false, false, true, true }, /* execute */
	[0x3] = { true, false, true, true }, /* read, execute */
	[0x4] = { false, false, false, true }, /* reserved */
	[0x5] = { true, true, false, true }, /* read, write */
	[0x6] = { true, true, true, true }, /* read, write, execute; WXN applies */
	[0x7] = { true, true, true, true }, /* read, write, execute */
	[0x8] = { true, false, false, false }, /* read */
	[GCS_TOO] = { true, false, false, false }, /* read */
	[0xa] = { true, false, true, false }, /* read, execute */
	[0xb] = { false, false, false, false }, /* reserved */
	[0xc] = { true, true, false, false }, /* read, write */
	[0xd] = { false, false, false, false }, /* reserved */
	[0xe] = { true, true, true, false }, /* read, write, execute */
	[0xf] = { false, false, false, false }, /* reserved */
};

/* "Stage 1 Overlay permissions": fields of POR_EL1 and POR_EL0. With bit 3: reserved, no access. */
static const struct rights overlay_table[16] = {
	[0x0] = { false, false, false }, [0x1] = { true, false, false },
	[0x2] = { false, false, true },	 [0x3] = { true, false, true },
	[0x4] = { false, true, false },	 [0x5] = { true, true, false },
	[0x6] = { false, true, true },	 [0x7] = { true, true, true },
};

/* What S1ComputePermissions() returns, and what it was made from. */
struct permissions {
	struct rights base, overlay;
	bool has_overlay;
	/* for the words only */
	bool pan; /* PAN took data access away */
	bool wxn; /* WXN, or an EL0-writable page, took execution away */
	bool el0_none, el1_some; /* data access: none from EL0, some from EL1 */
};

/* PAN is about privileged data accesses: fetches do not ask. */
static bool pan_applies(const struct arm64_case *c, unsigned int el)
{
	return c->pan && el == 1 && c->kind != PT_ACCESS_FETCH;
}

/* D8.4.1: LDTR and STTR at EL1 are as from EL0, unless PSTATE.UAO is 1. */
static unsigned int effective_el(const struct arm64_case *c)
{
	return c->unprivileged && !c->uao ? 0 : c->from_el;
}

/* AArch64.S1DirectBasePermissions() */
static struct permissions direct(const struct arm64_case *c, unsigned int el)
{
	/* R_JHSVW, R_BVXDG: indirect permissions or overlays switch hierarchical ones off */
	bool hierarchy = !c->hpd && !c->poe && !c->e0poe;
	uint64_t tables = hierarchy ? c->tables : 0;
	unsigned int ap = c->leaf >> 6 & 3, aptable = tables >> 61 & 3;
	struct permissions p = { .has_overlay = true };
	struct rights el1, el0;

	/* D8.5 "Dirty state": DBM = 1 with HA and HD: AP[2] does not forbid, it says clean */
	if (c->ha && c->hd && c->leaf & BIT(51))
		ap &= 1;
	el1 = ap_table[ap].el1;
	el0 = ap_table[ap].el0;
	el1.w = el1.w && aptable_table[aptable].write;
	el0.w = el0.w && aptable_table[aptable].write && aptable_table[aptable].el0;
	el0.r = el0.r && aptable_table[aptable].el0;
	/* UXN, UXNTable; PXN, PXNTable; what EL0 can write, EL1 cannot execute */
	el0.x = !(c->leaf & BIT(54)) && !(tables & BIT(60));
	el1.x = !(c->leaf & BIT(53)) && !(tables & BIT(59)) && !el0.w;
	p.el0_none = !el0.r && !el0.w;
	p.wxn = el == 1 && el0.w;
	/* PAN: EL1 data access to what EL0 can access; with EPAN, or fetch */
	p.pan = pan_applies(c, el) && (el0.r || el0.w || (c->epan && el0.x));
	if (p.pan)
		el1.r = el1.w = false;
	p.base = el == 0 ? el0 : el1;
	return p;
}

static struct rights rights_of(struct indirect i)
{
	return (struct rights){ i.r, i.w, i.x };
}

/* AArch64.S1IndirectBasePermissions(): PIIndex is bits 54, 53, 51 and 6 */
static unsigned int pi_index(uint64_t leaf)
{
	return (leaf >> 54 & 1) << 3 | (leaf >> 53 & 1) << 2 | (leaf >> 51 & 1) << 1 |
	       (leaf >> 6 & 1);
}

static struct permissions indirect(const struct arm64_case *c, unsigned int el)
{
	unsigned int index = pi_index(c->leaf);
	unsigned int ppi = c->pir >> 4 * index & 15, upi = c->pire0 >> 4 * index & 15;
	struct indirect el1 = indirect_table[ppi], el0 = indirect_table[upi];
	struct permissions p = { .has_overlay = el == 0 ? el0.overlay : el1.overlay };

	/*
	 * R_VFPJF: executable at EL1 and writable at EL0 is nothing at
	 * all; so with GCS in either
	 */
	if ((el1.x || ppi == GCS_TOO) && (el0.w || upi == GCS_TOO)) {
		p.wxn = el0.w;
		el1.r = el1.w = el1.x = el0.r = el0.w = el0.x = false;
	}
	p.el0_none = !el0.r && !el0.w;
	/* PAN: whatever EL0 may do there, unless it is nothing: SCTLR.EPAN does not count */
	p.pan = pan_applies(c, el) && upi != 0;
	if (p.pan)
		el1.r = el1.w = false;
	p.base = rights_of(el == 0 ? el0 : el1);
	return p;
}

/* AArch64.S1ComputePermissions() */
static struct permissions compute(const struct arm64_case *c)
{
	unsigned int el = effective_el(c), index = pi_index(c->leaf);
	struct permissions p = c->pie ? indirect(c, el) : direct(c, el);
	uint64_t pir = el == 0 ? c->pire0 : c->pir, por = el == 0 ? c->por_el0 : c->por_el1;
	/*
	 * SCTLR.WXN is for direct permissions; R_HJYGR: for indirect ones,
	 * 0b0110 is what it is for
	 */
	bool wxn = c->pie ? (pir >> 4 * index & 15) == 6 : c->wxn && p.base.w && p.base.x;

	if (!(el == 0 ? c->e0poe : c->poe))
		p.has_overlay = false;
	if (p.has_overlay)
		p.overlay = overlay_table[por >> 4 * (c->leaf >> 60 & 7) & 15];
	/*
	 * R_QXXPC, R_NPBXC: WXN takes writing from an overlay that allows
	 * execution, else execution
	 */
	if (wxn && p.has_overlay && p.overlay.x) {
		p.overlay.w = false;
	} else if (wxn) {
		p.wxn = p.wxn || p.base.x;
		p.base.x = false;
	}
	return p;
}

/* What a failing access reports: AArch64.S1CheckPermissions(), in its order. */
struct failure {
	bool fails, overlay, dirty, write;
	uint32_t whys;
};

static struct failure check(const struct arm64_case *c)
{
	struct permissions p = compute(c);
	bool read = c->kind == PT_ACCESS_READ || c->kind == PT_ACCESS_RMW;
	bool write = c->kind == PT_ACCESS_WRITE || c->kind == PT_ACCESS_RMW;
	bool fetch = c->kind == PT_ACCESS_FETCH;
	bool clean = c->pie && c->leaf & BIT(7) && !(c->ha && c->hd); /* nDirty */
	const struct {
		bool holds;
		struct failure failure;
		enum pt_fault_why why;
	} order[] = {
		{ fetch && p.has_overlay && !p.overlay.x, { .overlay = true }, PT_WHY_PKEY },
		{ fetch && !p.base.x, { 0 }, PT_WHY_EXEC },
		{ read && p.has_overlay && !p.overlay.r, { .overlay = true }, PT_WHY_PKEY },
		{ write && p.has_overlay && !p.overlay.w,
		  { .overlay = true, .write = true },
		  PT_WHY_PKEY },
		{ read && !p.base.r, { .write = false }, PT_WHY_READ },
		{ write && !p.base.w, { .write = true }, PT_WHY_WRITE },
		{ write && clean, { .dirty = true, .write = true }, PT_WHY_WRITE },
	};
	struct failure f = { 0 };
	uint32_t whys = 0;

	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
		if (!order[i].holds)
			continue;
		if (!f.fails)
			f = order[i].failure;
		f.fails = true;
		whys |= 1u << order[i].why;
	}
	/* More exact words, where they are true. */
	if (fetch && !p.base.x && p.wxn)
		whys |= 1u << PT_WHY_WXN;
	if (!fetch && p.pan)
		whys |= 1u << PT_WHY_PAN;
	if (!fetch && effective_el(c) == 0 && p.el0_none)
		whys |= 1u << PT_WHY_USER;
	f.whys = whys;
	return f;
}

bool arm64_permits(const struct arm64_case *c)
{
	return !check(c).fails;
}

/*
 * D24.2.40 "ESR_EL1, Exception Syndrome Register (EL1)": EC bits 31:26, IL bit 25, and of the ISS
 * for Instruction Aborts and Data Aborts the fault status bits 5:0, WnR bit 6 (0 for fetches),
 * S1PTW bit 7, CM bit 8, ISV bit 24, which are 0; of ISS2 DirtyBit bit 37 and Overlay bit 38.
 */
static uint64_t make_esr(const struct arm64_case *c, unsigned int status, bool write)
{
	static const unsigned int ec[2][2] = {
		{ 0x24, 0x25 }, /* Data Abort from a lower EL, without a change in EL */
		{ 0x20, 0x21 }, /* Instruction Abort */
	};
	bool fetch = c->kind == PT_ACCESS_FETCH;

	return (uint64_t)ec[fetch][c->from_el] << 26 | BIT(25) | (write && !fetch ? BIT(6) : 0) |
	       status;
}

#define STATUS_ACCESS_FLAG 0x08u /* 0b0010LL */
#define STATUS_PERMISSION 0x0cu /* 0b0011LL */

struct arm64_verdict arm64_decide(const struct arm64_case *c)
{
	struct arm64_verdict v = { .allowed = true, .after = c->leaf };
	bool write = c->kind == PT_ACCESS_WRITE || c->kind == PT_ACCESS_RMW;
	struct failure f = check(c);

	/* D8.5 "The Access flag": AF = 0 faults, unless HA; before permissions are looked at */
	if (!(c->leaf & BIT(10)) && !c->ha) {
		/* of an atomic, a read would have generated it */
		v.esr = make_esr(c, STATUS_ACCESS_FLAG | c->level, c->kind == PT_ACCESS_WRITE);
		v.whys = 1u << PT_WHY_ACCESS_FLAG;
		v.allowed = false;
		return v;
	}
	if (f.fails) {
		v.esr = make_esr(c, STATUS_PERMISSION | c->level, f.write) |
			(f.overlay ? BIT(38) : 0) | (f.dirty ? BIT(37) : 0);
		v.whys = f.whys;
		v.allowed = false;
		return v;
	}
	if (c->ha)
		v.after |= BIT(10);
	/*
	 * AP[2], or nDirty, goes by a write: of entries with DBM, or all
	 * with indirect permissions
	 */
	if (write && c->ha && c->hd && (c->pie || c->leaf & BIT(51)))
		v.after &= ~BIT(7);
	return v;
}
