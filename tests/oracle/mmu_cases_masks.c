/* SPDX-License-Identifier: MIT */
/*
 * What excuses an access that came out differently: where an emulator, or the harness
 * around it, is known not to be the architecture. A function each, which says what
 * the manual says, and holds for as little as possible.
 */
#include "mmu_cases.h"

#define BIT(n) (UINT64_C(1) << (n))
#define BITS(high, low) ((~UINT64_C(0) >> (63 - (high))) & ~(BIT(low) - 1))

/*
 * The harness for x86 looks for the root to copy it, before the processor looks at
 * the address or, in VMRUN, at CR3.
 */
static bool harness_wants_root(const struct cases_one *one, const struct cases_insight *insight,
			       const struct cases_outcome *mmu)
{
	return one->machine->arch == ORC_X86 && mmu->status == ORC_ST_NOWALK &&
	       !((mmu->pa ^ one->set->r[ORC_XR_CR3]) & BITS(51, 12)) &&
	       (insight->refused || insight->result.fault.kind == PT_FAULT_GP);
}

/*
 * SDM Vol. 1, 3.3.7.1: an access with any byte at a non-canonical address does not
 * reach paging. QEMU and Bochs go page by page: they may meet another fault first, or
 * mark the way to the first page.
 */
static bool meets_first_page(const struct cases_one *one, const struct cases_insight *insight,
			     const struct cases_outcome *mmu)
{
	return cases_crosses(one) && insight->result.fault.kind == PT_FAULT_GP &&
	       (mmu->status == ORC_ST_NOWALK || mmu->status == ORC_ST_NOMEM ||
		(mmu->status == ORC_ST_FAULT &&
		 (mmu->code == 13 || (mmu->code == 14 && mmu->addr == one->vec->va))));
}

/* The last word that the library read, 0 if none. */
static uint64_t last_word(const struct cases_insight *insight)
{
	return insight->nr_steps ? cases_last_step(insight)->raw : 0;
}

static unsigned int library_fsc(const struct cases_insight *insight)
{
	const struct pt_fault *fault = &insight->result.fault;

	return fault->kind == PT_FAULT_DATA_ABORT || fault->kind == PT_FAULT_INSTR_ABORT
		       ? fault->code & 0x3f
		       : 0x3f;
}

/* TCR.TG0 or TG1; what is reserved acts as 4K, in QEMU and here. */
static unsigned int granule_lg2(const struct cases_one *one, bool upper)
{
	static const uint8_t tg0[] = { 12, 16, 14, 12 }, tg1[] = { 12, 14, 12, 16 };
	uint64_t tcr = one->set->r[ORC_AR_TCR];

	return upper ? tg1[tcr >> 30 & 3] : tg0[tcr >> 14 & 3];
}

/* D8.3.1: which levels have blocks; ours, 1 is Arm's 2. */
static bool has_blocks(const struct cases_one *one, unsigned int level)
{
	unsigned int page = granule_lg2(one, one->vec->va & BIT(55));
	bool ds = one->set->r[ORC_AR_TCR] & BIT(59) && cases_has_lpa2(one->machine, page);

	return level <= 1 || (level == 2 && (page != 14 || ds)) || (level == 3 && page == 12 && ds);
}

/*
 * Arm ARM D8.3.1: a block descriptor at a level without blocks is reserved, and
 * gives a translation fault. QEMU 7.2 translates by it.
 */
static bool qemu_takes_any_block(const struct cases_one *one, const struct cases_insight *insight,
				 const struct cases_outcome *mmu)
{
	unsigned int fsc = library_fsc(insight);

	(void)mmu;
	return one->machine->arch == ORC_ARM64 && ((fsc & 0x3c) == 4 || fsc == 0x2b) &&
	       insight->nr_steps && (last_word(insight) & 3) == 1 &&
	       !has_blocks(one, insight->step[insight->nr_steps - 1].level);
}

/*
 * Arm ARM, AArch64.OAOutOfRange(): address bits that stand apart, [9:8] with DS=1
 * and [15:12] with the 64K granule, are address bits also if TCR.IPS is less than 52
 * bits, so they must be 0 then. QEMU 7.2 does not look at them.
 */
static bool qemu_ignores_far_bits(const struct cases_one *one, const struct cases_insight *insight,
				  const struct cases_outcome *mmu)
{
	uint64_t tcr = one->set->r[ORC_AR_TCR];
	uint64_t far = granule_lg2(one, one->vec->va & BIT(55)) == 16 ? BITS(15, 12)
		       : tcr & BIT(59)				      ? BITS(9, 8)
								      : 0;

	(void)mmu;
	return one->machine->arch == ORC_ARM64 && (tcr >> 32 & 7) < 6 && insight->nr_steps &&
	       library_fsc(insight) < 4 && last_word(insight) & far;
}

/*
 * Arm ARM, AArch64.S1ApplyOutputPerms(): where hardware manages dirty state, DBM
 * clears the effective AP[2], so a clean entry is writable; what EL0 may write EL1
 * does not execute, and with WXN nobody executes what is writable. QEMU 7.2 goes by
 * the AP[2] in memory when it decides about a fetch.
 */
static bool qemu_executes_clean(const struct cases_one *one, const struct cases_insight *insight,
				const struct cases_outcome *mmu)
{
	const uint64_t *r = one->set->r;
	uint64_t clean = BIT(51) | BIT(7), hardware = BIT(39) | BIT(40), leaf = last_word(insight);
	bool excludes = r[ORC_AR_SCTLR] & BIT(19) || (one->vec->el == 1 && leaf & BIT(6));

	return one->machine->arch == ORC_ARM64 && one->vec->op == ORC_OP_X && excludes &&
	       (r[ORC_AR_TCR] & hardware) == hardware && (leaf & clean) == clean &&
	       (library_fsc(insight) & 0x3c) == 0x0c && !cases_faulted(mmu);
}

/* Whether the root of a half has less than 64 bytes. */
static bool small_root(const struct cases_one *one, bool upper)
{
	unsigned int bits = 64 - (one->set->r[ORC_AR_TCR] >> (upper ? 16 : 0) & 63);
	unsigned int page = granule_lg2(one, upper), stride = page - 3;

	while (bits > page + stride)
		bits -= stride;
	return bits < page + 3;
}

/*
 * Arm ARM, AArch64.TTBaseAddress(): where TTBR[5:2] are address bits 51:48, a table is
 * aligned to 64 bytes at least. QEMU 7.2 clears only what the size of the table asks
 * for, and takes those bits for low address bits too.
 */
static bool qemu_misplaces_small_root(const struct cases_one *one,
				      const struct cases_insight *insight,
				      const struct cases_outcome *mmu)
{
	bool upper = one->vec->va & BIT(55);
	uint64_t ttbr = one->set->r[upper ? ORC_AR_TTBR1 : ORC_AR_TTBR0];

	(void)mmu;
	return one->machine->arch == ORC_ARM64 && insight->nr_steps && ttbr & BITS(5, 4) &&
	       (one->set->r[ORC_AR_TCR] >> 32 & 7) >= 6 && small_root(one, upper);
}

/* The stubs of the arm64 harness are memory too, at an address that is ours to know. */
static bool finds_harness(const struct cases_one *one, const struct cases_insight *insight,
			  const struct cases_outcome *mmu)
{
	(void)mmu;
	return one->machine->arch == ORC_ARM64 && insight->result.nr_pieces &&
	       insight->result.piece[0].pa >> 16 == 0xfff0;
}

/* KVM's shadow walker takes a table that no memory slot holds for one that is not present. */
static bool kvm_has_no_table(const struct cases_one *one, const struct cases_insight *insight,
			     const struct cases_outcome *mmu)
{
	return one->machine->kvm && insight->result.fault.kind == PT_FAULT_NO_MEMORY &&
	       mmu->status == ORC_ST_FAULT && mmu->code == 14 &&
	       !(mmu->err & (PT_X86_PF_P | PT_X86_PF_RSVD)) &&
	       mmu->addr == insight->result.fault.va;
}

/*
 * KVM that runs guests in user mode has the first slot of the upper half for itself, and
 * nothing is present there for CPL 3.
 */
static bool kvm_keeps_slot(const struct cases_one *one, const struct cases_insight *insight,
			   const struct cases_outcome *mmu)
{
	(void)insight;
	return one->machine->kvm && one->vec->el == 3 && one->vec->va >> 39 == 0x1ffff00 &&
	       mmu->status == ORC_ST_FAULT && mmu->code == 14 &&
	       !(mmu->err & (PT_X86_PF_P | PT_X86_PF_RSVD));
}

/* KVM's shadow walker may have no 1G pages: bit 7 of a PDPTE is reserved then. */
static bool kvm_lacks_1g(const struct cases_one *one, const struct cases_insight *insight,
			 const struct cases_outcome *mmu)
{
	return one->machine->kvm && mmu->status == ORC_ST_FAULT && mmu->err & PT_X86_PF_RSVD &&
	       insight->nr_steps && insight->step[insight->nr_steps - 1].level == 2 &&
	       last_word(insight) & BIT(7);
}

/* KVM emulates a locked instruction without memory, and exits for the read it starts with. */
static bool kvm_starts_with_read(const struct cases_one *one, const struct cases_insight *insight,
				 const struct cases_outcome *mmu)
{
	return one->machine->kvm && one->vec->op == ORC_OP_M && mmu->status == ORC_ST_NOMEM &&
	       insight->result.fault.why == PT_WHY_WRITE;
}

/*
 * The harness for x86 runs loads and stores on a copy of the root and carries its A
 * bits back afterwards. An access to the very word that its own walk started from
 * sees, and leaves, that word's A bit as if it were marked later than it is.
 */
static bool hits_its_root_entry(const struct cases_one *one, const struct cases_insight *insight,
				const struct cases_outcome *mmu)
{
	const struct pt_piece *piece = insight->result.piece;
	pt_pa_t root;

	(void)mmu;
	if (one->machine->arch != ORC_X86 || one->vec->op == ORC_OP_X || !insight->nr_steps)
		return false;
	for (unsigned int i = 0; i < insight->result.nr_pieces; i++)
		for (unsigned int j = 0; j < insight->nr_steps; j++) {
			root = insight->step[j].table_pa + 8 * insight->step[j].index;
			if (insight->step[j].table_pa == insight->step[0].table_pa &&
			    piece[i].pa < root + 8 && root < piece[i].pa + piece[i].len)
				return true;
		}
	return false;
}

/*
 * A locked instruction on the entry of its own page reads what its translation left
 * there, with the dirty state that a write asks for. QEMU with one CPU loads before it
 * translates for the store.
 */
static bool qemu_reads_before_dirty(const struct cases_one *one,
				    const struct cases_insight *insight,
				    const struct cases_outcome *mmu)
{
	const struct pt_access_step *leaf = cases_last_step(insight);
	const struct pt_piece *piece = insight->result.piece;
	pt_pa_t word = leaf ? leaf->table_pa + 8 * leaf->index : 0;

	return one->machine->qemu && one->vec->op == ORC_OP_M && mmu->status == ORC_ST_OK && leaf &&
	       insight->result.nr_pieces == 1 && piece->pa < word + 8 &&
	       word < piece->pa + piece->len;
}

static const struct {
	const char *name;
	bool (*holds)(const struct cases_one *one, const struct cases_insight *insight,
		      const struct cases_outcome *mmu);
} masks[] = {
	{ "access to its own root entry", hits_its_root_entry },
	{ "no root for the harness", harness_wants_root },
	{ "fault before what is not canonical", meets_first_page },
	{ "block at a level without", qemu_takes_any_block },
	{ "far address bits", qemu_ignores_far_bits },
	{ "fetch from a clean page", qemu_executes_clean },
	{ "place of a small root", qemu_misplaces_small_root },
	{ "the harness's own memory", finds_harness },
	{ "no table for KVM", kvm_has_no_table },
	{ "locked instruction on its own entry", qemu_reads_before_dirty },
	{ "1G page for KVM", kvm_lacks_1g },
	{ "slot that KVM keeps", kvm_keeps_slot },
	{ "read of a locked instruction", kvm_starts_with_read },
};

const char *cases_mask(const struct cases_one *one, const struct cases_insight *insight,
		       const struct cases_outcome *mmu)
{
	for (size_t i = 0; i < sizeof(masks) / sizeof(masks[0]); i++)
		if (masks[i].holds(one, insight, mmu))
			return masks[i].name;
	return NULL;
}
