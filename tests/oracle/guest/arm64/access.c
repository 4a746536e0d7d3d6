/* SPDX-License-Identifier: MIT */
/*
 * One access at EL1 or EL0.  The stubs and exception vectors live in the other half
 * of the address space (TTBR1 if bit 55 of the address is 0, else TTBR0), so that the
 * TCR fields of the half under test are used as they are.  A fetch returns to its
 * address with PSTATE.IL set: where it would succeed it ends in an Illegal State
 * exception, or in a stage-2 fault that carries the address, and executes nothing.
 */
#include "arm64.h"

/* Which fields of TCR_EL1 belong to the lower half (TTBR0), which to the upper. */
#define TCR_LO                                                                                     \
	(0xffbfull | BIT(37) | BIT(41) | BIT(43) | BIT(44) | BIT(45) | BIT(46) | BIT(51) |         \
	 BIT(53) | BIT(55) | BIT(57))
#define TCR_HI                                                                                     \
	(0xffbf0000ull | BIT(38) | BIT(42) | BIT(47) | BIT(48) | BIT(49) | BIT(50) | BIT(52) |     \
	 BIT(54) | BIT(56) | BIT(58))
/* The harness's half: 39 bits, 4 KiB granule. */
#define TCR_HARNESS_LO 25ull
#define TCR_HARNESS_HI (25ull << 16 | 2ull << 30)
#define HARNESS_HI 0xffffff8000000000ull

/* Vectors of the stub page at which an exception of EL0 and of EL1 arrives. */
#define VECTOR_EL0 0x400u
#define VECTOR_EL1 0x200u

#define SMC_STUB 0u /* operand of SMC in the stubs, EL1's vectors and EL2's vectors */
#define SMC_EL1 1u

/* Level -1 has a code of its own. */
#define FSC_TRANSLATION(fsc) (((fsc)&0x3c) == 4 || ((fsc)&0x3f) == 0x2b)
#define ESR_S1PTW BIT(7)
#define PAR_F BIT(0)
#define PAR_S BIT(9) /* with F: the fault is of stage 2 */

#define MAX_OPENED 24u /* pages mapped for a trace, then it ends */

/* boot.S knows the offsets. */
struct entry {
	uint64_t elr, spsr;
	uint64_t x[3];
	uint64_t esr, pc, far; /* after: of the exception to EL3 */
};

struct access {
	const struct orc_vec *vec;
	const uint64_t *reg; /* its register set */
	struct orc_res *res;
	bool fetch, at, s12, trace;
	uint64_t block_ipa;
	uint64_t block_va;
	uint64_t vttbr;
	uint64_t opened[MAX_OPENED];
	unsigned int nr_opened;
};

void enter(struct entry *entry);

/* 1: an AT is in progress; from_el3 replaces it by the syndrome if that aborts. */
volatile uint64_t at_guard;

/*
 * Run AT and read PAR_EL1.  False, with the syndrome in @par: external abort on the
 * walk, that is, a table outside memory.
 */
static bool translate(bool write, unsigned int el, bool s12, uint64_t va, uint64_t *par)
{
	uint64_t esr;

	at_guard = 1;
	if (el == 2)
		AT(s1e2, write, va);
	else if (s12 && el == 1)
		AT(s12e1, write, va);
	else if (s12)
		AT(s12e0, write, va);
	else if (el == 1)
		AT(s1e1, write, va);
	else
		AT(s1e0, write, va);
	isb();
	esr = at_guard;
	at_guard = 0;
	*par = esr == 1 ? READ_SYSREG(par_el1) : esr;
	return esr == 1;
}

static void report_par(struct orc_res *res, uint64_t par, uint64_t va)
{
	res->par = par;
	res->flags |= ORC_RF_PAR;
	if (par & PAR_F)
		return;
	res->pa = (par & 0x000ffffffffff000ull) | (va & 0xfff);
	res->flags |= ORC_RF_PA;
}

static void run_at(const struct access *a)
{
	const struct orc_vec *vec = a->vec;
	struct orc_res *res = a->res;
	uint64_t par;

	if (!translate(vec->op == ORC_OP_ATW, vec->el, a->s12, vec->va, &par)) {
		res->status = ORC_ST_NOWALK;
		res->err = par;
		return;
	}
	report_par(res, par, vec->va);
	res->status = par & PAR_F ? ORC_ST_FAULT : ORC_ST_OK;
	res->code = vec->el == 2 ? 2 : par & PAR_S ? 2 : 1;
	res->err = par >> 1 & 0x3f;
	res->addr = vec->va;
}

/* The EL2 regime holds nothing of ours, so it can be asked but not run. */
static void run_el2(const struct access *a)
{
	const uint64_t *reg = a->reg;

	if (!a->at) {
		a->res->status = ORC_ST_ERROR;
		a->res->code = ORC_ERR_EL2;
		return;
	}
	WRITE_SYSREG(hcr_el2, HCR_RW | reg[ORC_AR_HCR]);
	WRITE_SYSREG(tcr_el2, reg[ORC_AR_TCR]);
	WRITE_SYSREG(ttbr0_el2, reg[ORC_AR_TTBR0]);
	WRITE_SYSREG(mair_el2, reg[ORC_AR_MAIR]);
	if (reg[ORC_AR_HCR] & HCR_E2H)
		WRITE_SYSREG(s3_4_c2_c0_1, reg[ORC_AR_TTBR1]); /* ttbr1_el2 */
	WRITE_SYSREG(sctlr_el2, reg[ORC_AR_SCTLR]);
	isb();
	flush_el2();
	run_at(a);
	WRITE_SYSREG(sctlr_el2, 0);
	WRITE_SYSREG(hcr_el2, HCR_RW);
	isb();
}

static void load_registers(struct access *a)
{
	const uint64_t *reg = a->reg;
	bool lower = !(a->vec->va & BIT(55));
	uint64_t tcr = reg[ORC_AR_TCR], ttbr0 = reg[ORC_AR_TTBR0], ttbr1 = reg[ORC_AR_TTBR1];

	/* AT needs no stubs, and gets the registers untouched. */
	if (!a->at && lower) {
		tcr = (tcr & ~TCR_HI) | TCR_HARNESS_HI;
		ttbr1 = a->block_ipa + HB_TABLE1;
	} else if (!a->at) {
		tcr = (tcr & ~TCR_LO) | TCR_HARNESS_LO;
		ttbr0 = a->block_ipa + HB_TABLE1;
	}
	a->block_va = !(reg[ORC_AR_SCTLR] & SCTLR_M) ? a->block_ipa : lower ? HARNESS_HI : 0;
	WRITE_SYSREG(ttbr0_el1, ttbr0);
	WRITE_SYSREG(ttbr1_el1, ttbr1);
	WRITE_SYSREG(tcr_el1, tcr);
	WRITE_SYSREG(mair_el1, reg[ORC_AR_MAIR]);
	WRITE_SYSREG(sctlr_el1, reg[ORC_AR_SCTLR]);
	WRITE_SYSREG(vbar_el1, a->block_va);
	WRITE_SYSREG(hcr_el2, HCR_RW | HCR_VM | reg[ORC_AR_HCR]);
	WRITE_SYSREG(vtcr_el2, a->s12 ? reg[ORC_AR_VTCR] : stage2_vtcr());
	WRITE_SYSREG(vttbr_el2, a->vttbr);
	WRITE_SYSREG(esr_el1, 0);
	WRITE_SYSREG(esr_el2, 0);
	WRITE_SYSREG(far_el1, 0);
	WRITE_SYSREG(far_el2, 0);
	WRITE_SYSREG(hpfar_el2, 0);
	isb();
	flush_el1();
}

static void make_entry(const struct access *a, struct entry *entry)
{
	const struct orc_vec *vec = a->vec;
	unsigned int size_lg2 = (unsigned int)__builtin_ctz(vec->size);
	/* By enum orc_op for loads, stores and RMW; then unprivileged loads and stores. */
	unsigned int stub = (vec->flags & ORC_VF_UNPRIV ? 3 : 0) + vec->op;

	*entry = (struct entry){ .x = { vec->va, vec->data } };
	entry->spsr = vec->el ? PSTATE_EL1H : PSTATE_EL0;
	if (a->reg[ORC_AR_PAN] & 1)
		entry->spsr |= PSTATE_PAN;
	if (a->reg[ORC_AR_UAO] & 1)
		entry->spsr |= PSTATE_UAO;
	if (a->fetch) {
		entry->elr = vec->va;
		entry->spsr |= PSTATE_IL;
	} else {
		entry->elr = a->block_va + (vec->el ? STUBS_EL1 : STUBS_EL0) +
			     (stub * 4 + size_lg2) * STUB_BYTES;
	}
}

static void on_el1_exception(const struct access *a, uint64_t x2)
{
	uint64_t esr = READ_SYSREG(esr_el1);
	struct orc_res *res = a->res;

	res->pc = READ_SYSREG(elr_el1);
	if (esr >> 26 == (a->fetch ? EC_ILLEGAL_STATE : EC_SVC)) {
		res->status = ORC_ST_OK;
		res->data = a->fetch ? 0 : x2;
		return;
	}
	res->status = ORC_ST_FAULT;
	res->code = 1;
	res->err = esr;
	res->addr = READ_SYSREG(far_el1);
}

/* Stage 2 is the one under test: its faults are results. */
static void on_user_stage2_fault(const struct access *a, uint64_t esr, uint64_t ipa)
{
	uint64_t vector = a->block_va + (a->vec->el ? VECTOR_EL1 : VECTOR_EL0);
	struct orc_res *res = a->res;

	/* The Illegal State exception was taken; fetching its vector faulted. */
	if (a->fetch && esr >> 26 == EC_FETCH_LOWER && res->pc == vector &&
	    READ_SYSREG(esr_el1) >> 26 == EC_ILLEGAL_STATE) {
		res->status = ORC_ST_OK;
		return;
	}
	res->status = ORC_ST_FAULT;
	res->code = 2;
	res->err = esr;
	res->addr = READ_SYSREG(far_el2);
	res->pa = ipa;
}

/* A traced walk reached a page for the first time: note it, map it, go on. */
static bool trace_page(struct access *a, uint64_t esr, uint64_t ipa)
{
	struct orc_res *res = a->res;
	bool table = esr & ESR_S1PTW;
	uint64_t hpa;

	if (!a->trace || a->nr_opened == MAX_OPENED || !FSC_TRANSLATION(esr) ||
	    !region_lookup(ipa, &hpa))
		return false;
	if (table && res->nr_trace < ORC_MAXTRACE)
		res->trace[res->nr_trace++] = ipa;
	if (!table && !(res->flags & ORC_RF_PA)) {
		res->pa = ipa;
		res->flags |= ORC_RF_PA;
	}
	if (!table && a->fetch)
		return false;
	a->opened[a->nr_opened++] = ipa & ~0xfffull;
	stage2_trace_open(ipa, hpa);
	return true;
}

/* The harness's stage 2 says where an access went.  True: the access goes on. */
static bool on_harness_stage2_fault(struct access *a, uint64_t esr, uint64_t ipa)
{
	struct orc_res *res = a->res;
	uint64_t hpa;

	if (trace_page(a, esr, ipa))
		return true;
	res->pa = ipa;
	res->err = esr;
	if (esr & ESR_S1PTW) {
		res->status = ORC_ST_NOWALK;
		return false;
	}
	res->flags |= ORC_RF_PA;
	res->status = a->fetch && region_lookup(ipa, &hpa) ? ORC_ST_OK : ORC_ST_NOMEM;
	if (res->status == ORC_ST_OK)
		res->err = 0;
	return false;
}

/* True: the access goes on. */
static bool on_el2_exception(struct access *a)
{
	uint64_t esr = READ_SYSREG(esr_el2), hpfar = READ_SYSREG(hpfar_el2);
	uint64_t ipa = (hpfar >> 4 & 0xffffffffffull) << 12;
	struct orc_res *res = a->res;

	/* HPFAR has no page offset; on a stage-1 walk FAR is not the address of the entry. */
	if (!(esr & ESR_S1PTW))
		ipa |= READ_SYSREG(far_el2) & 0xfff;
	res->pc = READ_SYSREG(elr_el2);
	res->aux = hpfar;
	if (a->s12) {
		on_user_stage2_fault(a, esr, ipa);
		return false;
	}
	if (esr >> 26 == EC_FETCH_LOWER || esr >> 26 == EC_DATA_LOWER)
		return on_harness_stage2_fault(a, esr, ipa);
	res->status = ORC_ST_ERROR;
	res->code = ORC_ERR_EL2EXC;
	res->err = esr;
	res->addr = READ_SYSREG(far_el2);
	return false;
}

/* True: the access goes on. */
static bool on_exception(struct access *a, const struct entry *entry)
{
	struct orc_res *res = a->res;

	if (entry->esr >> 26 != EC_SMC) { /* such as an external abort */
		res->status = ORC_ST_ERROR;
		res->code = ORC_ERR_EL3;
		res->err = entry->esr;
		res->addr = entry->far;
		res->pc = entry->pc;
		return false;
	}
	switch (entry->esr & 0xffff) {
	case SMC_STUB:
		res->status = ORC_ST_OK;
		res->data = entry->x[2];
		return false;
	case SMC_EL1:
		on_el1_exception(a, entry->x[2]);
		return false;
	default:
		return on_el2_exception(a);
	}
}

/* Where a load or store that succeeded went, and with which attributes. */
static void translate_after(const struct access *a)
{
	const struct orc_vec *vec = a->vec;
	bool unpriv = vec->flags & ORC_VF_UNPRIV && !(a->reg[ORC_AR_UAO] & 1);
	uint64_t par;

	if (translate(vec->op != ORC_OP_R, unpriv ? 0 : vec->el, a->s12, vec->va, &par))
		report_par(a->res, par, vec->va);
}

static void run_for_real(struct access *a)
{
	const struct orc_vec *vec = a->vec;
	struct orc_res *res = a->res;
	struct entry entry, first;

	make_entry(a, &first);
	do {
		entry = first;
		enter(&entry);
	} while (on_exception(a, &entry));
	if (res->status == ORC_ST_OK && !a->fetch && !a->trace && !(vec->flags & ORC_VF_NOAT))
		translate_after(a);
	if (a->trace)
		res->flags |= ORC_RF_TRACE;
	for (unsigned int i = 0; i < a->nr_opened; i++)
		stage2_trace_close(a->opened[i]);
}

void run_access(const struct orc_vec *vec, struct orc_res *res)
{
	struct access a = {
		.vec = vec,
		.reg = MAILBOX->set[vec->regset].r,
		.res = res,
		.fetch = vec->op == ORC_OP_X,
		.at = vec->op == ORC_OP_AT || vec->op == ORC_OP_ATW,
		.s12 = vec->flags & ORC_VF_S12,
		.trace = vec->flags & ORC_VF_TRACE,
		.block_ipa = MAILBOX->harness_gpa,
	};

	memset(res, 0, sizeof(*res));
	if (vec->op == ORC_OP_I || (vec->op == ORC_OP_M && vec->flags & ORC_VF_UNPRIV)) {
		res->status = ORC_ST_ERROR;
		res->code = ORC_ERR_CANNOT;
		return;
	}
	if (vec->el == 2) {
		run_el2(&a);
		return;
	}
	if (a.s12) {
		struct user_stage2 s2;

		if (!user_stage2_borrow(a.reg, vec->va, &s2)) {
			res->status = ORC_ST_ERROR;
			res->code = ORC_ERR_S2ROOT;
			return;
		}
		a.block_ipa = s2.block_ipa;
		a.vttbr = s2.vttbr;
	} else {
		a.vttbr = a.trace && !a.at ? stage2_trace_root() : stage2_root();
	}
	load_registers(&a);
	if (a.at)
		run_at(&a);
	else
		run_for_real(&a);
	if (a.s12)
		user_stage2_return();
}
