/* SPDX-License-Identifier: MIT */
/*
 * x86-64: 4- and 5-level paging, and AMD's nested paging of the same form.
 *
 * Intel SDM Vol. 3A (rev. 081): 4.1 "Paging Modes and Control Bits", 4.5 "4-Level Paging and
 * 5-Level Paging" with Tables 4-14 to 4-20, 4.8 "Accessed and Dirty Flags", 4.9 "Paging and Memory
 * Typing"; Vol. 1, 3.3.7.1 "Canonical Addressing". AMD APM Vol. 2 (rev. 3.40), 15.25 "Nested
 * Paging". Access rights and error codes: tests/mmu/rules_x86_64.c.
 */
#include "model/mmu_model_internal.h"

#include <errno.h>

#include "mmu/rules_x86_64.h"

#define PAT_AT_RESET UINT64_C(0x0007040600070406) /* 12.12.4 */

static unsigned int max_phy_addr(const struct pt_x86_regs *regs)
{
	unsigned int width = regs->maxphyaddr ? regs->maxphyaddr : 52;

	return regs->c_bit && regs->c_bit < width ? regs->c_bit : width;
}

/* APM Vol. 2, 7.10.2: an address bit of every entry and of CR3 that became the C-bit. */
static uint64_t encrypted(const struct pt_x86_regs *regs)
{
	return regs->c_bit ? MODEL_BIT(regs->c_bit) : 0;
}

static bool has_paging(const struct pt_x86_regs *regs)
{
	return regs->cr0 & MODEL_BIT(31);
}

static bool has_nxe(const struct pt_x86_regs *regs)
{
	return regs->efer & MODEL_BIT(11);
}

static int check(const struct pt_x86_regs *regs)
{
	unsigned int width = max_phy_addr(regs);
	uint64_t cr3 = regs->cr3 & ~(MODEL_BIT(61) | MODEL_BIT(62)); /* LAM_U57, LAM_U48 */

	if (!has_paging(regs))
		return 0;
	/* 4.1.1: CR4.PAE = 0 is 32-bit paging, EFER.LME = 0 PAE paging */
	if (!(regs->cr4 & MODEL_BIT(5)) || !(regs->efer & MODEL_BIT(8)))
		return -EOPNOTSUPP;
	/* 4.10.4.1: what MOV to CR3 says by bit 63 with CR4.PCIDE is no part of the register */
	if (regs->cr4 & MODEL_BIT(17))
		cr3 &= ~MODEL_BIT(63);
	if (width < 32 || width > 52 || regs->c_bit > 51)
		return -EINVAL;
	return (cr3 & ~encrypted(regs)) >> width ? -EINVAL : 0;
}

int model_check_x86(const struct pt_x86_regs *regs)
{
	/* 2.5: no CR4.CET without CR0.WP */
	return regs->cr4 & MODEL_BIT(23) && !(regs->cr0 & MODEL_BIT(16)) ? -EINVAL : check(regs);
}

/* APM2 15.25.4: no MBZ bit of nCR3, and 63 is one whatever CR4.PCIDE. */
int model_check_npt(const struct pt_x86_regs *host)
{
	return has_paging(host) && !(host->cr3 >> 63) ? check(host) : -EINVAL;
}

bool model_x86_shape(const struct pt_x86_regs *regs, unsigned int stage, struct model_shape *shape)
{
	bool la57 = regs->cr4 & MODEL_BIT(12);

	*shape = (struct model_shape){
		.form = MODEL_X86,
		.stage = stage,
		.root = regs->cr3 & (MODEL_BIT(52) - MODEL_BIT(12)) & ~encrypted(regs),
		.granule_lg2 = 12,
		.top = la57 ? 4 : 3,
		.in_bits = la57 ? 57 : 48,
		.pa_bits = max_phy_addr(regs),
		.encrypted = encrypted(regs),
	};
	return has_paging(regs);
}

/* Table 12-10: fields of IA32_PAT. 2, 3, and 8 on are reserved. */
static enum pt_mem mem_of(const struct pt_x86_regs *regs, uint64_t leaf, unsigned int level,
			  bool *any)
{
	static const enum pt_mem mem[] = {
		PT_MEM_UC, PT_MEM_WC, PT_MEM_OTHER, PT_MEM_OTHER,
		PT_MEM_WT, PT_MEM_WP, PT_MEM_WB, PT_MEM_UC_MINUS,
	};
	/* 4.9.2: index = 4 * PAT + 2 * PCD + PWT */
	unsigned int pat = leaf >> (level ? 12 : 7) & 1, pcd = leaf >> 4 & 1, pwt = leaf >> 3 & 1;
	uint64_t field = (regs->pat ? regs->pat : PAT_AT_RESET) >> 8 * (4 * pat + 2 * pcd + pwt) &
			 0xff;

	*any = field >= 8 || mem[field] == PT_MEM_OTHER;
	return *any ? PT_MEM_OTHER : mem[field];
}

/* Tables 4-14 to 4-20: bits that must be 0 in a present entry. */
static bool has_reserved(const struct pt_x86_regs *regs, uint64_t raw, unsigned int level)
{
	uint64_t reserved = MODEL_BIT(52) - MODEL_BIT(max_phy_addr(regs));
	bool ps = raw & MODEL_BIT(7);

	if (!has_nxe(regs))
		reserved |= MODEL_BIT(63);
	if (level >= 3 || (level == 2 && regs->no_1g))
		reserved |= MODEL_BIT(7);
	else if (level == 2 && ps)
		reserved |= MODEL_BIT(30) - MODEL_BIT(13);
	else if (level == 1 && ps)
		reserved |= MODEL_BIT(21) - MODEL_BIT(13);
	return raw & reserved & ~encrypted(regs);
}

/* What the kind of access contributes to a situation. */
static uint32_t of_kind(enum pt_access_kind kind)
{
	return kind == PT_ACCESS_FETCH ? X_FETCH : model_writes(kind) ? X_WRITE : X_READ;
}

static uint32_t of_registers(const struct pt_x86_regs *regs)
{
	return (regs->cr0 & MODEL_BIT(16) ? X_WP : 0) | (regs->cr4 & MODEL_BIT(20) ? X_SMEP : 0) |
	       (regs->cr4 & MODEL_BIT(21) ? X_SMAP : 0) | (regs->cr4 & MODEL_BIT(22) ? X_PKE : 0) |
	       (regs->cr4 & MODEL_BIT(24) ? X_PKS : 0) |
	       (regs->rflags & MODEL_BIT(18) ? X_AC : 0) | (has_nxe(regs) ? X_NXE : 0);
}

/* @all and @any: the entries of the walk, and-ed and or-ed. */
static uint32_t of_entries(const struct pt_x86_regs *regs, uint64_t all, uint64_t any,
			   uint64_t leaf)
{
	unsigned int key = leaf >> 59 & 15;

	return (all & MODEL_BIT(2) ? X_USER_ADDRESS : 0) | (all & MODEL_BIT(1) ? X_RW : 0) |
	       (any & MODEL_BIT(63) ? X_XD : 0) |
	       (regs->pkru >> 2 * key & 1 ? X_PKRU_AD : 0) |
	       (regs->pkru >> 2 * key & 2 ? X_PKRU_WD : 0) |
	       (regs->pkrs >> 2 * key & 1 ? X_PKRS_AD : 0) |
	       (regs->pkrs >> 2 * key & 2 ? X_PKRS_WD : 0);
}

/* One of the trees: CR3's, or nCR3's behind it. */
struct tree {
	const struct pt_x86_regs *regs;
	struct model_shape shape;
	uint32_t who; /* X_USER, X_IMPLICIT */
};

/* An implicit access is none of fetches, which only knows its privilege. */
static uint32_t with_kind(uint32_t situation, enum pt_access_kind kind)
{
	return (kind == PT_ACCESS_FETCH ? situation & ~X_IMPLICIT : situation) | of_kind(kind);
}

/* All that the same asker may do there. */
static unsigned int perms_of(uint32_t situation)
{
	return (x86_rights(with_kind(situation, PT_ACCESS_READ)).allowed ? PT_PERM_READ : 0) |
	       (x86_rights(with_kind(situation, PT_ACCESS_WRITE)).allowed ? PT_PERM_WRITE : 0) |
	       (x86_rights(with_kind(situation, PT_ACCESS_FETCH)).allowed ? PT_PERM_EXEC : 0);
}

static bool fault_with(struct model_run *run, const struct tree *t, const struct model_want *want,
		       uint64_t in, const struct model_path *path, unsigned int level,
		       uint64_t code, uint32_t whys)
{
	struct pt_fault fault = {
		.kind = PT_FAULT_PF, .stage = t->shape.stage, .level = level, .code = code,
		.va = run->va, .pa = path->word_pa[level], .raw = path->raw[level],
	};

	if (t->shape.stage == 2) {
		/* APM 15.25.6: which of both, in EXITINFO1 */
		fault.kind = PT_FAULT_NPF;
		fault.code |= MODEL_BIT(want->in_walk ? 33 : 32);
		fault.ipa = in;
		fault.in_walk = want->in_walk;
	}
	model_fault(run, &fault, true);
	run->answer->whys = whys;
	return false;
}

static bool walk(struct model_run *run, const struct tree *t, const struct model_want *want,
		 uint64_t in, struct model_leaf *to)
{
	uint32_t situation = t->who | of_registers(t->regs);
	pt_pa_t table_pa = t->shape.root;
	uint64_t all = ~UINT64_C(0), any = 0, raw;
	unsigned int level = t->shape.top;
	struct model_path path;
	struct x86_verdict v;

	for (;; level--) {
		if (!model_load(run, &t->shape, table_pa, in, level, &path))
			return false;
		raw = path.raw[level];
		if (!(raw & 1)) {
			/* bits A and D alone are left behind by some processors */
			model_is(run, raw & ~UINT64_C(0x60) ? PT_KIND_SOFT : PT_KIND_EMPTY);
			return fault_with(run, t, want, in, &path, level,
					  x86_code_not_present(with_kind(situation, want->kind)),
					  1u << PT_WHY_NOT_PRESENT);
		}
		if (has_reserved(t->regs, raw, level)) {
			model_is(run, PT_KIND_ILLEGAL);
			return fault_with(run, t, want, in, &path, level,
					  x86_code_reserved(with_kind(situation, want->kind)),
					  1u << PT_WHY_RESERVED);
		}
		all &= raw;
		any |= raw;
		if (level == 0 || raw & MODEL_BIT(7))
			break;
		table_pa = model_pa_of_raw(&t->shape, raw);
	}
	model_is(run, PT_KIND_LEAF);

	situation |= of_entries(t->regs, all, any, raw);
	v = x86_rights(with_kind(situation, want->kind));
	if (!v.allowed)
		return fault_with(run, t, want, in, &path, level, v.code, v.whys);

	/* 4.8: A in all, D in the leaf of a write */
	for (unsigned int i = t->shape.top + 1; i-- > level;)
		if (!model_change(run, &t->shape, &path, i,
				  MODEL_BIT(5) | (i == level && model_writes(want->kind) ?
							  MODEL_BIT(6) : 0), 0))
			return false;

	*to = (struct model_leaf){ .raw = raw, .level = level, .size_lg2 = 12 + 9 * level };
	to->pa = (model_pa_of_raw(&t->shape, raw) & ~(MODEL_BIT(to->size_lg2) - 1)) |
		 (in & (MODEL_BIT(to->size_lg2) - 1));
	to->mem = mem_of(t->regs, raw, level, &to->any_mem);
	to->user_page = all & MODEL_BIT(2);
	to->perms = perms_of(situation);
	return true;
}

/* Bits 63 to width are copies of bit width - 1. */
static bool is_canonical(pt_va_t va, unsigned int width)
{
	for (unsigned int i = width; i < 64; i++)
		if ((va >> i & 1) != (va >> (width - 1) & 1))
			return false;
	return true;
}

bool model_first_x86(struct model_run *run, struct model_leaf *to)
{
	const struct pt_x86_regs *regs = &run->m->x86;
	const struct model_want want = { .kind = run->how->kind };
	struct tree t = { .regs = regs };

	if (!model_x86_shape(regs, 1, &t.shape)) {
		/* without paging there is no 64-bit mode: linear addresses have 32 bits */
		model_flat(run->va & UINT32_MAX, PT_MEM_WB, to);
		return true;
	}
	for (unsigned int i = 0; i < run->how->size; i++) {
		if (!is_canonical(run->first + i, t.shape.in_bits)) {
			const struct pt_fault fault = {
				.kind = run->how->flags & PT_ACCESS_STACK ? PT_FAULT_SS :
									    PT_FAULT_GP,
				.why = PT_WHY_NOT_CANONICAL, .stage = 1, .level = t.shape.top,
				.va = run->first,
			};

			return model_fault(run, &fault, false);
		}
	}
	/* 4.6: explicit accesses at CPL 3 are user-mode accesses */
	if (run->how->flags & PT_ACCESS_IMPLICIT)
		t.who = X_IMPLICIT;
	else if (run->how->priv == 3)
		t.who = X_USER;
	return walk(run, &t, &want, run->va, to);
}

static bool npt_shape(const struct mmu_model *m, struct model_shape *shape)
{
	return model_x86_shape(&m->npt, 2, shape);
}

/*
 * APM 15.25.5, 15.25.6: every access is a user's; the reading of a guest's table is a write. The
 * host's CR4 has no say in what is neither a supervisor's access nor of a key.
 */
static bool npt_translate(struct model_run *run, pt_pa_t ipa, const struct model_want *want,
			  struct model_leaf *to)
{
	struct pt_x86_regs regs = run->m->npt;
	struct model_want as = *want;
	struct tree t = { .regs = &regs, .who = X_USER };

	regs.cr4 &= ~(MODEL_BIT(20) | MODEL_BIT(21) | MODEL_BIT(22) | MODEL_BIT(24));
	model_x86_shape(&regs, 2, &t.shape);
	if (as.in_walk)
		as.kind = PT_ACCESS_RMW;
	if (ipa >> t.shape.in_bits) {
		/* nothing is mapped where the tables do not reach */
		struct pt_fault fault = {
			.kind = PT_FAULT_NPF, .why = PT_WHY_NOT_PRESENT, .stage = 2,
			.level = t.shape.top, .va = run->va, .ipa = ipa, .in_walk = want->in_walk,
			.code = x86_code_not_present(with_kind(t.who | of_registers(&regs),
							       as.kind)) |
				MODEL_BIT(want->in_walk ? 33 : 32),
		};

		return model_fault(run, &fault, false);
	}
	return walk(run, &t, &as, ipa, to);
}

/* APM Table 15-19 "Combining Guest and Host PAT Types": guest down, host across. */
static bool npt_combine(const struct mmu_model *m, struct model_leaf *to,
			const struct model_leaf *second)
{
	enum { UC = PT_MEM_UC, UCM = PT_MEM_UC_MINUS, WC = PT_MEM_WC, WP = PT_MEM_WP,
	       WT = PT_MEM_WT, WB = PT_MEM_WB };
	static const uint8_t table[PT_MEM_NR][PT_MEM_NR] = {
		[UC] = { [UC] = UC, [UCM] = UC, [WC] = UC, [WP] = UC, [WT] = UC, [WB] = UC },
		[UCM] = { [UC] = UC, [UCM] = UCM, [WC] = WC, [WP] = UC, [WT] = UC, [WB] = UCM },
		[WC] = { [UC] = WC, [UCM] = WC, [WC] = WC, [WP] = WC, [WT] = WC, [WB] = WC },
		[WP] = { [UC] = UC, [UCM] = UC, [WC] = UC, [WP] = WP, [WT] = UC, [WB] = WP },
		[WT] = { [UC] = UC, [UCM] = UC, [WC] = UC, [WP] = UC, [WT] = WT, [WB] = WT },
		[WB] = { [UC] = UC, [UCM] = UCM, [WC] = WC, [WP] = WP, [WT] = WT, [WB] = WB },
	};

	(void)m;
	to->mem = (enum pt_mem)table[to->mem][second->mem];
	return true;
}

const struct model_second model_npt = {
	.name = "NPT",
	.translate = npt_translate,
	.combine = npt_combine,
	.shape = npt_shape,
};
