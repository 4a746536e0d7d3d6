/* SPDX-License-Identifier: MIT */
/*
 * x86 EPT behind a guest's tables.
 *
 * Intel SDM Vol. 3C (rev. 081): 25.6.11 "Extended-Page-Table Pointer (EPTP)", 27.2.1.1, 29.3.2
 * "EPT Translation Mechanism" with Tables 29-1 to 29-7, 29.3.3 "EPT-Induced VM Exits", 29.3.5
 * "Accessed and Dirty Flags for EPT", 29.3.7 "EPT and Memory Typing", Table 28-7 "Exit
 * Qualification for EPT Violations"; Vol. 3D, A.10.
 */
#include "model/mmu_model_internal.h"

#include <errno.h>

static unsigned int max_phy_addr(const struct pt_x86_ept_regs *regs)
{
	return regs->maxphyaddr ? regs->maxphyaddr : 52;
}

static bool can(const struct pt_x86_ept_regs *regs, unsigned int bit)
{
	return !regs->ept_vpid_cap || regs->ept_vpid_cap & MODEL_BIT(bit);
}

static bool has_ad(const struct pt_x86_ept_regs *regs)
{
	return regs->eptp & MODEL_BIT(6);
}

int model_check_ept(const struct pt_x86_ept_regs *regs)
{
	unsigned int type = regs->eptp & 7, length = regs->eptp >> 3 & 7;
	unsigned int width = max_phy_addr(regs);
	bool ok = (type == 0 && can(regs, 8)) || (type == 6 && can(regs, 14));

	ok = ok && ((length == 3 && can(regs, 6)) || (length == 4 && can(regs, 7)));
	ok = ok && (!has_ad(regs) || can(regs, 21)) && !(regs->eptp & 0xf00);
	return ok && width >= 32 && width <= 52 && !(regs->eptp >> width) ? 0 : -EINVAL;
}

static bool shape_of(const struct mmu_model *m, struct model_shape *shape)
{
	const struct pt_x86_ept_regs *regs = &m->ept;
	unsigned int levels = (regs->eptp >> 3 & 7) + 1;

	*shape = (struct model_shape){
		.form = MODEL_EPT, .stage = 2,
		.root = regs->eptp & ~UINT64_C(0xfff),
		.granule_lg2 = 12, .top = levels - 1, .in_bits = levels == 5 ? 57 : 48,
		.pa_bits = max_phy_addr(regs),
	};
	return true;
}

static bool is_present(const struct pt_x86_ept_regs *regs, uint64_t raw)
{
	return raw & 7 || (regs->mbec && raw & MODEL_BIT(10));
}

static bool is_large(uint64_t raw, unsigned int level)
{
	return (level == 1 || level == 2) && raw & MODEL_BIT(7);
}

/* 29.3.3.1 "EPT Misconfigurations", of a present entry. */
static bool is_misconfigured(const struct pt_x86_ept_regs *regs, uint64_t raw, unsigned int level)
{
	uint64_t reserved = MODEL_BIT(52) - MODEL_BIT(max_phy_addr(regs));
	unsigned int type = raw >> 3 & 7;

	/* writable and not readable; executable only, where the processor cannot do that */
	if (!(raw & 1) && (raw & 2 || !can(regs, 0)))
		return true;
	if (level >= 3)
		reserved |= 0xf8;
	else if (level && !is_large(raw, level))
		reserved |= 0x78;
	if (level == 2 && !can(regs, 17))
		reserved |= 0x80;
	if (is_large(raw, level))
		reserved |= MODEL_BIT(12 + 9 * level) - MODEL_BIT(12);
	if (raw & reserved)
		return true;
	return (level == 0 || is_large(raw, level)) && (type == 2 || type == 3 || type == 7);
}

struct ept_fault {
	enum pt_fault_kind kind;
	enum pt_fault_why why;
	unsigned int level;
	uint64_t all; /* the entries, and-ed */
};

static bool fault_with(struct model_run *run, const struct model_want *want, unsigned int perms,
		       pt_pa_t ipa, const struct model_path *path, const struct ept_fault *f)
{
	struct pt_fault fault = {
		.kind = f->kind, .why = f->why, .stage = 2, .level = f->level, .va = run->va,
		.ipa = ipa, .in_walk = want->in_walk,
	};

	if (path) {
		fault.pa = path->word_pa[f->level];
		fault.raw = path->raw[f->level];
	}
	if (f->kind == PT_FAULT_EPT_VIOLATION)
		fault.code = (perms & PT_PERM_READ ? 1 : 0) | (perms & PT_PERM_WRITE ? 2 : 0) |
			     (perms & PT_PERM_EXEC ? 4 : 0) | (f->all & 7) << 3 |
			     (run->m->ept.mbec && f->all & MODEL_BIT(10) ? 0x40 : 0) | 0x80 |
			     (want->in_walk ? 0 : 0x100);
	return model_fault(run, &fault, path != NULL);
}

/* What the entries of a walk allow. */
static unsigned int perms_of(const struct pt_x86_ept_regs *regs, uint64_t all, bool user_page)
{
	unsigned int exec = regs->mbec && user_page ? 10 : 2;

	return (all & 1 ? PT_PERM_READ : 0) | (all & 2 ? PT_PERM_WRITE : 0) |
	       (all & MODEL_BIT(exec) ? PT_PERM_EXEC : 0);
}

static unsigned int wants(const struct pt_x86_ept_regs *regs, const struct model_want *want)
{
	if (want->in_walk && has_ad(regs))
		return PT_PERM_READ | PT_PERM_WRITE;
	switch (want->kind) {
	case PT_ACCESS_READ:
		return PT_PERM_READ;
	case PT_ACCESS_WRITE:
		return PT_PERM_WRITE;
	case PT_ACCESS_RMW:
		return PT_PERM_READ | PT_PERM_WRITE;
	default:
		return PT_PERM_EXEC;
	}
}

static bool translate(struct model_run *run, pt_pa_t ipa, const struct model_want *want,
		      struct model_leaf *to)
{
	static const enum pt_mem types[8] = { PT_MEM_UC, PT_MEM_WC, PT_MEM_OTHER, PT_MEM_OTHER,
					      PT_MEM_WT, PT_MEM_WP, PT_MEM_WB, PT_MEM_OTHER };
	const struct pt_x86_ept_regs *regs = &run->m->ept;
	unsigned int perms = wants(regs, want), has;
	struct ept_fault f = { .kind = PT_FAULT_EPT_VIOLATION, .why = PT_WHY_NOT_PRESENT };
	struct model_shape shape;
	struct model_path path;
	pt_pa_t table_pa;
	uint64_t raw;

	shape_of(run->m, &shape);
	table_pa = shape.root;
	f.level = shape.top;
	if (ipa >> shape.in_bits) {
		f.level = 3;
		return fault_with(run, want, perms, ipa, NULL, &f);
	}
	for (f.all = ~UINT64_C(0);; f.level--) {
		if (!model_load(run, &shape, table_pa, ipa, f.level, &path))
			return false;
		raw = path.raw[f.level];
		f.all &= raw;
		if (!is_present(regs, raw)) {
			model_is(run, raw ? PT_KIND_SOFT : PT_KIND_EMPTY);
			return fault_with(run, want, perms, ipa, &path, &f);
		}
		if (is_misconfigured(regs, raw, f.level)) {
			model_is(run, PT_KIND_ILLEGAL);
			f.kind = PT_FAULT_EPT_MISCONFIG;
			f.why = PT_WHY_RESERVED;
			return fault_with(run, want, perms, ipa, &path, &f);
		}
		if (f.level == 0 || is_large(raw, f.level))
			break;
		table_pa = model_pa_of_raw(&shape, raw);
	}
	model_is(run, PT_KIND_LEAF);
	has = perms_of(regs, f.all, want->user_page);
	if (perms & ~has) {
		uint32_t whys = (perms & ~has & PT_PERM_READ ? 1u << PT_WHY_READ : 0) |
				(perms & ~has & PT_PERM_WRITE ? 1u << PT_WHY_WRITE : 0) |
				(perms & ~has & PT_PERM_EXEC ? 1u << PT_WHY_EXEC : 0);

		fault_with(run, want, perms, ipa, &path, &f);
		run->answer->whys = whys;
		return false;
	}
	for (unsigned int i = shape.top + 1; has_ad(regs) && i-- > f.level;) {
		bool dirty = i == f.level && perms & PT_PERM_WRITE;

		if (!model_change(run, &shape, &path, i, dirty ? 0x300 : 0x100, 0))
			return false;
	}
	*to = (struct model_leaf){ .raw = raw, .level = f.level, .size_lg2 = 12 + 9 * f.level };
	to->pa = (model_pa_of_raw(&shape, raw) & ~(MODEL_BIT(to->size_lg2) - 1)) |
		 (ipa & (MODEL_BIT(to->size_lg2) - 1));
	to->mem = types[raw >> 3 & 7];
	to->ignores_first = raw & MODEL_BIT(6);
	to->perms = has;
	return true;
}

/* 29.3.7; SDM Vol. 3A, Table 12-7, with EPT's type for the MTRRs': PAT down, EPT across. */
static bool combine(const struct mmu_model *m, struct model_leaf *to,
		    const struct model_leaf *second)
{
	enum { UC = PT_MEM_UC, UCM = PT_MEM_UC_MINUS, WC = PT_MEM_WC, WP = PT_MEM_WP,
	       WT = PT_MEM_WT, WB = PT_MEM_WB };
	static const uint8_t table[PT_MEM_NR][PT_MEM_NR] = {
		[UC] = { [UC] = UC, [WC] = UC, [WT] = UC, [WB] = UC, [WP] = UC },
		[UCM] = { [UC] = UC, [WC] = WC, [WT] = UC, [WB] = UC, [WP] = WC },
		[WC] = { [UC] = WC, [WC] = WC, [WT] = WC, [WB] = WC, [WP] = WC },
		[WT] = { [UC] = UC, [WC] = UC, [WT] = WT, [WB] = WT, [WP] = WT },
		[WB] = { [UC] = UC, [WC] = WC, [WT] = WT, [WB] = WB, [WP] = WP },
		[WP] = { [UC] = UC, [WC] = UC, [WT] = WP, [WB] = WP, [WP] = WP },
	};

	(void)m;
	if (second->ignores_first) {
		to->any_mem = false;
		to->mem = second->mem;
	} else {
		to->mem = (enum pt_mem)table[to->mem][second->mem];
	}
	return true;
}

const struct model_second model_ept = {
	.name = "EPT",
	.translate = translate,
	.combine = combine,
	.shape = shape_of,
};
