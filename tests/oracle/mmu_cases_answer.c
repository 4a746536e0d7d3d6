/* SPDX-License-Identifier: MIT */
/* What one access comes to: by the library, and by an emulator in the same words. */
#include "mmu_cases.h"

#include <string.h>

/* Arm ARM D17.2.97 "MAIR_EL1". */
int cases_mem_of_attr(int byte)
{
	enum { NO = PT_MEM_OTHER, WT = PT_MEM_WT, NC = PT_MEM_WC, WB = PT_MEM_WB };
	static const uint8_t of_policy[16] = {
		NO, WT, WT, WT, NC, WB, WB, WB, WT, WT, WT, WT, WB, WB, WB, WB,
	};

	switch (byte) {
	case -1:
		return -1;
	case 0x00:
		return PT_MEM_UC;
	case 0x04:
		return PT_MEM_DEV_nGnRE;
	case 0x08:
		return PT_MEM_DEV_nGRE;
	case 0x0c:
		return PT_MEM_DEV_GRE;
	case 0xf0:
		return PT_MEM_WB_TAGGED;
	default:
		/*
		 * by outer and inner policy, 0 to 15: not Normal,
		 * write-through, none, write-back
		 */
		if (of_policy[byte >> 4 & 15] != of_policy[byte & 15])
			return PT_MEM_OTHER;
		return of_policy[byte & 15];
	}
}

static struct pt_access access_of(const struct cases_one *one)
{
	static const enum pt_access_kind kinds[ORC_OP_NR] = {
		[ORC_OP_R] = PT_ACCESS_READ, [ORC_OP_W] = PT_ACCESS_WRITE,
		[ORC_OP_M] = PT_ACCESS_RMW,  [ORC_OP_X] = PT_ACCESS_FETCH,
		[ORC_OP_I] = PT_ACCESS_READ,
	};
	const struct orc_vec *vec = one->vec;
	struct pt_access access = { kinds[vec->op], vec->size, vec->el, 0 };

	/* CPL 1 and 2 are supervisor too, and no emulator is asked for them. */
	if (one->machine->arch == ORC_X86 && vec->el == 0)
		access.priv = vec->data % 3;
	if (vec->op == ORC_OP_I)
		access.flags |= PT_ACCESS_IMPLICIT;
	if (vec->flags & ORC_VF_UNPRIV)
		access.flags |= PT_ACCESS_UNPRIV;
	return access;
}

/*
 * Without memory at a piece's address the emulator stops right there: its harness
 * sees the exit before the next page is looked at. The same of the library. KVM
 * translates all of the access before it exits.
 */
static void clip_to_first_page(struct pt_mmu *mmu, struct pt_phys *phys, pt_va_t va,
			       struct pt_access *access)
{
	unsigned int room = 0x1000 - (va & 0xfff);
	struct pt_access_result result;
	struct pt_access first = *access;

	if (access->size <= room)
		return;
	/* Not where the whole access is refused before any page of it is looked at. */
	if (pt_access_probe(mmu, va, access, &result) && result.fault.kind == PT_FAULT_GP)
		return;
	first.size = room;
	if (pt_access_probe(mmu, va, &first, &result) == 0 &&
	    !pt_phys_to_host(phys, result.piece[0].pa, result.piece[0].len))
		*access = first;
}

/*
 * QEMU with one CPU does an atomic as a load and a store, and where there is no memory
 * the guest for arm64 sees only the load. The same of the library.
 */
static void clip_to_load(struct pt_mmu *mmu, struct pt_phys *phys, const struct cases_one *one,
			 struct pt_access *access)
{
	struct pt_access_result result;
	struct pt_access load = *access;

	if (one->machine->arch != ORC_ARM64 || access->kind != PT_ACCESS_RMW)
		return;
	load.kind = PT_ACCESS_READ;
	if (pt_access_probe(mmu, one->vec->va, &load, &result) == 0 &&
	    !pt_phys_to_host(phys, result.piece[0].pa, result.piece[0].len))
		*access = load;
}

static void of_fault(const struct pt_fault *fault, struct cases_outcome *outcome)
{
	outcome->status = ORC_ST_FAULT;
	outcome->err = fault->code;
	outcome->addr = fault->va;
	switch (fault->kind) {
	case PT_FAULT_PF:
		outcome->code = 14;
		break;
	case PT_FAULT_GP:
		outcome->code = 13;
		outcome->addr = 0;
		break;
	case PT_FAULT_DATA_ABORT:
	case PT_FAULT_INSTR_ABORT:
		outcome->code = 1;
		break;
	case PT_FAULT_NO_MEMORY:
		outcome->status = ORC_ST_NOWALK;
		outcome->err = outcome->addr = 0;
		outcome->pa = fault->pa;
		break;
	default:
		outcome->code = 1000u + (uint32_t)fault->kind;
	}
}

/* The table words read, by the pages: the emulator reports a page at its first touch. */
static void walk_of(const struct cases_one *one, const struct cases_insight *insight,
		    struct cases_outcome *outcome)
{
	bool x86 = one->machine->arch == ORC_X86, fetch = one->vec->op == ORC_OP_X;
	uint64_t seen[PT_ACCESS_MAX_STEPS];
	unsigned int nr_seen = 0;

	outcome->has_walk = one->vec->flags & ORC_VF_TRACE;
	for (unsigned int i = 0; outcome->has_walk && i < insight->nr_steps; i++) {
		const struct pt_access_step *step = &insight->step[i];
		uint64_t pa = step->table_pa + 8 * step->index;
		bool new_page = true;

		for (unsigned int j = 0; j < nr_seen; j++)
			if (seen[j] == pa >> 12)
				new_page = false;
		/* x86 loads and stores take the root's entry from a copy. */
		if (x86 && !fetch && i == 0)
			new_page = true;
		else if (new_page)
			seen[nr_seen++] = pa >> 12;
		if (new_page && outcome->nr_walk < ORC_MAXTRACE)
			outcome->walk[outcome->nr_walk++] = x86 ? pa : pa & ~UINT64_C(0xfff);
	}
}

static uint64_t low_bytes(uint64_t data, unsigned int size)
{
	return size < 8 ? data & ((UINT64_C(1) << 8 * size) - 1) : data;
}

/* Move the bytes; all pieces are in memory. */
static int perform(struct pt_mmu *mmu, const struct cases_one *one, const struct pt_access *access,
		   const struct pt_access_result *probed, struct pt_phys *phys,
		   struct cases_outcome *outcome, struct pt_access_result *result)
{
	const struct orc_vec *vec = one->vec;
	uint64_t buf = vec->data, old = 0;
	uint8_t *to = (uint8_t *)&old;

	if (access->kind == PT_ACCESS_READ || access->kind == PT_ACCESS_FETCH) {
		buf = 0;
		if (pt_access_read(mmu, vec->va, access, &buf, result))
			return 1;
		if (vec->op == ORC_OP_R)
			outcome->data = low_bytes(buf, vec->size);
		return 0;
	}
	if (access->kind == PT_ACCESS_RMW) {
		/* Mark the tables first, as hardware does: it may be an entry that is read. */
		struct pt_access_result again;

		if (pt_access(mmu, vec->va, access, &again))
			return 1;
		for (unsigned int i = 0; i < probed->nr_pieces; i++) {
			if (pt_phys_read(phys, probed->piece[i].pa, to, probed->piece[i].len))
				return 1;
			to += probed->piece[i].len;
		}
		outcome->data = low_bytes(old, vec->size);
		buf = old + vec->data;
	}
	return pt_access_write(mmu, vec->va, access, &buf, result);
}

/* What the library says of one access by all its calls must be the same. */
static bool agree(const struct pt_access_result *a, const struct pt_access_result *b)
{
	if (a->nr_pieces != b->nr_pieces || a->fault.kind != b->fault.kind)
		return false;
	for (unsigned int i = 0; i < a->nr_pieces; i++)
		if (a->piece[i].pa != b->piece[i].pa || a->piece[i].len != b->piece[i].len ||
		    a->piece[i].perms != b->piece[i].perms || a->piece[i].mem != b->piece[i].mem ||
		    a->piece[i].level != b->piece[i].level ||
		    a->piece[i].size_lg2 != b->piece[i].size_lg2)
			return false;
	return a->fault.kind == PT_FAULT_NONE ||
	       (a->fault.why == b->fault.why && a->fault.level == b->fault.level &&
		a->fault.code == b->fault.code && a->fault.va == b->fault.va &&
		a->fault.pa == b->fault.pa && a->fault.raw == b->fault.raw);
}

/* Rights that a piece lists, against what is said of one byte there. */
static bool rights_hold(const struct pt_mmu *mmu, pt_va_t va, const struct pt_access *access,
			unsigned int perms)
{
	static const struct {
		enum pt_access_kind kind;
		unsigned int perms;
	} kinds[] = {
		{ PT_ACCESS_READ, PT_PERM_READ },
		{ PT_ACCESS_WRITE, PT_PERM_WRITE },
		{ PT_ACCESS_RMW, PT_PERM_READ | PT_PERM_WRITE },
		{ PT_ACCESS_FETCH, PT_PERM_EXEC },
	};
	struct pt_access_result result;
	struct pt_access other = *access;

	other.size = 1;
	for (unsigned int i = 0; i < 4; i++) {
		bool may = (perms & kinds[i].perms) == kinds[i].perms;

		if (kinds[i].kind == PT_ACCESS_FETCH && (va + (UINT64_C(1) << 55)) >> 56)
			continue; /* a tag, which may be none to a fetch */
		other.kind = kinds[i].kind;
		if (pt_access_probe(mmu, va, &other, &result) != !may)
			return false;
	}
	return true;
}

/* Whether memory is where the pieces are; else *@missing is the first address without. */
static bool find_missing(const struct pt_phys *phys, const struct pt_access_result *result,
			 pt_pa_t *missing)
{
	for (unsigned int i = 0; i < result->nr_pieces; i++) {
		pt_pa_t pa = result->piece[i].pa, end = pa + result->piece[i].len;

		for (*missing = pa; *missing < end; *missing = (*missing | 0xfff) + 1)
			if (!pt_phys_to_host(phys, *missing, 1))
				return false;
	}
	return true;
}

/* An access that faults leaves the tables alone. */
static bool left_alone(const struct pt_phys *phys, const struct cases_insight *insight)
{
	for (unsigned int i = 0; i < insight->nr_steps; i++) {
		const struct pt_access_step *step = &insight->step[i];
		uint64_t now;

		if (pt_phys_read(phys, step->table_pa + 8 * step->index, &now, sizeof(now)) ||
		    now != step->raw)
			return false;
	}
	return true;
}

void cases_ask_library(struct pt_mmu *mmu, struct pt_phys *phys, const struct cases_one *one,
		       struct cases_insight *insight, struct cases_outcome *outcome)
{
	const struct orc_vec *vec = one->vec;
	struct pt_access access = access_of(one);
	struct pt_access_result result;
	bool in_memory;
	pt_pa_t missing = 0;
	int err;

	*outcome = (struct cases_outcome){ .status = ORC_ST_ERROR, .attr = -1, .mem = -1 };
	insight->nr_steps = 0;
	insight->refused = one->machine->arch == ORC_X86 ? !cases_set_x86(mmu, one)
							 : !cases_set_arm64(mmu, one);
	if (insight->refused)
		return;
	if (!one->machine->kvm)
		clip_to_first_page(mmu, phys, vec->va, &access);
	clip_to_load(mmu, phys, one, &access);
	err = pt_access_trace(mmu, vec->va, &access, &insight->result, insight->step,
			      &insight->nr_steps);
	walk_of(one, insight, outcome);
	in_memory = !err && find_missing(phys, &insight->result, &missing);
	if (!err && !rights_hold(mmu, vec->va, &access, insight->result.piece[0].perms)) {
		outcome->code = CASES_DISAGREE;
		return;
	}
	if (!err && in_memory)
		err = perform(mmu, one, &access, &insight->result, phys, outcome, &result);
	else
		err = pt_access(mmu, vec->va, &access, &result);
	if (!agree(&insight->result, &result) || (err && !left_alone(phys, insight))) {
		outcome->code = CASES_DISAGREE;
		return;
	}
	if (err) {
		of_fault(&result.fault, outcome);
		return;
	}
	outcome->status = in_memory ? ORC_ST_OK : ORC_ST_NOMEM;
	outcome->pa = in_memory ? result.piece[0].pa : missing;
	outcome->has_pa = true;
	outcome->mem = result.piece[0].mem;
}

bool cases_of_result(const struct cases_one *one, const struct orc_res *res,
		     struct cases_outcome *outcome)
{
	const struct orc_vec *vec = one->vec;

	*outcome = (struct cases_outcome){ .status = res->status, .attr = -1, .mem = -1 };
	switch (res->status) {
	case ORC_ST_OK:
	case ORC_ST_NOMEM:
		if (vec->op == ORC_OP_R || vec->op == ORC_OP_M)
			outcome->data = res->status == ORC_ST_OK ? res->data : 0;
		outcome->has_pa = res->flags & ORC_RF_PA;
		outcome->pa = outcome->has_pa ? res->pa : 0;
		if (res->flags & ORC_RF_PAR)
			outcome->attr = (int)(res->par >> 56);
		outcome->mem = cases_mem_of_attr(outcome->attr);
		break;
	case ORC_ST_NOWALK:
		outcome->pa = res->pa;
		break;
	case ORC_ST_FAULT:
		outcome->code = res->code;
		outcome->err = res->err;
		outcome->addr = res->addr;
		break;
	default:
		/* VMRUN, or KVM, refused the control registers. */
		outcome->code = res->code;
		if (res->code != 0xffffffff && res->code != ORC_ERR_SREGS)
			outcome->status = ORC_ST_NONE;
		return outcome->status != ORC_ST_NONE;
	}
	if (res->flags & ORC_RF_TRACE) {
		outcome->has_walk = true;
		outcome->nr_walk = res->nr_trace;
		memcpy(outcome->walk, res->trace, sizeof(outcome->walk));
	}
	return true;
}
