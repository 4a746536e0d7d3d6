/* SPDX-License-Identifier: MIT */
/* Cases for x86-64 paging: 4 and 5 levels, keys, all rights. */
#include "mmu_cases.h"

#define BIT(n) (UINT64_C(1) << (n))

#define PTE_P BIT(0)
#define PTE_W BIT(1)
#define PTE_U BIT(2)
#define PTE_A BIT(5)
#define PTE_D BIT(6)
#define PTE_PS BIT(7)
#define PTE_XD BIT(63)
/* Bits of no consequence: PWT, PCD, G, software, keys. */
#define PTE_OTHER (BIT(3) | BIT(4) | BIT(8) | BIT(9) | BIT(10) | BIT(11) | 0x7ffull << 52)

#define CR0_USUAL 0x80000033u /* PG, NE, ET, MP, PE */
#define CR0_WP BIT(16)
#define CR4_PAE BIT(5)
#define CR4_PGE BIT(7)
#define CR4_LA57 BIT(12)
#define CR4_SMEP BIT(20)
#define CR4_SMAP BIT(21)
#define CR4_PKE BIT(22)
#define CR4_PKS BIT(24)
#define EFER_USUAL 0x501u /* LMA, LME, SCE */
#define EFER_NXE BIT(11)

static uint64_t flags(struct cases_builder *b, bool table)
{
	struct cases_dice *dice = &b->dice;
	uint64_t word = PTE_P | (cases_roll(dice) & (PTE_OTHER | PTE_A | PTE_D));

	word |= cases_percent(dice, table ? 92 : 70) ? PTE_W : 0;
	word |= cases_percent(dice, table ? 92 : 65) ? PTE_U : 0;
	word |= cases_percent(dice, table ? 4 : 20) ? PTE_XD : 0;
	return word;
}

static pt_pa_t leaf_address(struct cases_builder *b)
{
	unsigned int bits = b->machine->phys_bits;

	if (cases_percent(&b->dice, 45))
		return cases_page(b, CASES_DATA);
	if (cases_percent(&b->dice, 12))
		return cases_page(b, (unsigned int)cases_below(&b->dice, b->top + 1));
	return cases_outside(b, cases_percent(&b->dice, 3) ? 52 : bits);
}

static uint64_t leaf(struct cases_builder *b, unsigned int level)
{
	uint64_t size = BIT(cases_level_lg2(b->layout, level));
	uint64_t pat = cases_roll(&b->dice) & (level ? BIT(12) : BIT(7));
	uint64_t word = flags(b, false) | pat | (level ? PTE_PS : 0);

	return word | (leaf_address(b) & ~(size - 1));
}

static uint64_t table(struct cases_builder *b, unsigned int level)
{
	uint64_t word = flags(b, true);

	if (cases_percent(&b->dice, 1))
		return word | cases_outside(b, b->machine->phys_bits);
	if (cases_percent(&b->dice, 5)) /* recursive, shared between levels, junk */
		return word | (b->round->pa + (cases_below(&b->dice, b->layout->nr_pages) << 12));
	return word | cases_page(b, level - 1);
}

static uint64_t entry(struct cases_builder *b, unsigned int level)
{
	struct cases_dice *dice = &b->dice;
	uint64_t word;

	if (cases_percent(dice, 2)) /* not present, whatever else it says */
		return cases_percent(dice, 30) ? 0 : cases_roll(dice) & ~PTE_P;
	if (cases_percent(dice, 1))
		return cases_roll(dice) | PTE_P;
	if (!level || (level == 1 && cases_percent(dice, 30)) ||
	    (level == 2 && cases_percent(dice, 12)))
		word = leaf(b, level);
	else
		word = table(b, level);
	if (level == 2 && word & PTE_PS && b->machine->kvm) /* may refuse 1G pages */
		word &= ~PTE_PS;
	/* KVM does not reserve XD with NXE=0, but we set NXE there. */
	return cases_percent(dice, 3) ? word ^ BIT(cases_below(dice, 64)) : word;
}

static void registers(struct cases_builder *b, struct orc_regset *set)
{
	const struct cases_machine *machine = b->machine;
	struct cases_dice *dice = &b->dice;
	uint64_t cr4 = CR4_PAE | (cases_roll(dice) & CR4_PGE);
	uint64_t cr3 = b->round->pa | (cases_roll(dice) & (BIT(3) | BIT(4)));

	if (b->top == 4)
		cr4 |= CR4_LA57;
	if (!machine->four_levels && cases_percent(dice, 3))
		cr4 ^= CR4_LA57; /* tables of the other depth */
	cr4 |= cases_percent(dice, 40) ? CR4_SMEP : 0;
	cr4 |= cases_percent(dice, 40) ? CR4_SMAP : 0;
	if (machine->kvm && cr4 & CR4_SMAP) /* the shadow walker's SMAP stops fetches too */
		cr4 |= CR4_SMEP;
	if (!machine->four_levels) {
		cr4 |= cases_percent(dice, 40) ? CR4_PKE : 0;
		cr4 |= cases_percent(dice, 30) ? CR4_PKS : 0;
	}
	if (cases_percent(dice, 1)) /* beyond the width it is refused */
		cr3 = cases_outside(b, cases_percent(dice, 20) ? 52 : machine->phys_bits);
	set->r[ORC_XR_CR0] = CR0_USUAL | (cases_percent(dice, 70) ? CR0_WP : 0);
	set->r[ORC_XR_CR3] = cr3;
	set->r[ORC_XR_CR4] = cr4;
	set->r[ORC_XR_EFER] = EFER_USUAL;
	if (machine->kvm || cases_percent(dice, 85))
		set->r[ORC_XR_EFER] |= EFER_NXE;
	/* A quarter of the keys deny something. */
	set->r[ORC_XR_PKRU] = cases_roll(dice) & cases_roll(dice) & cases_roll(dice) & UINT32_MAX;
	set->r[ORC_XR_PKRS] = cases_roll(dice) & cases_roll(dice) & cases_roll(dice) & UINT32_MAX;
}

static unsigned int set_bits(const struct orc_regset *set)
{
	return set->r[ORC_XR_CR4] & CR4_LA57 ? 57 : 48;
}

static uint64_t canonical(uint64_t va, unsigned int bits)
{
	return (uint64_t)((int64_t)(va << (64 - bits)) >> (64 - bits));
}

static uint64_t address(struct cases_builder *b, const struct orc_regset *set)
{
	struct cases_dice *dice = &b->dice;
	unsigned int bits = set_bits(set);
	uint64_t va = canonical(cases_va_bits(b, (bits - 21) / 9, 512), bits);

	if (cases_percent(dice, 2)) /* not canonical, mostly */
		va ^= BIT(bits - 1 + cases_below(dice, 65 - bits));
	return va;
}

static void make_access(struct cases_builder *b, struct orc_vec *vec)
{
	static const uint8_t ops[] = { ORC_OP_R, ORC_OP_R, ORC_OP_R, ORC_OP_R, ORC_OP_W,
				       ORC_OP_W, ORC_OP_W, ORC_OP_W, ORC_OP_M, ORC_OP_M,
				       ORC_OP_X, ORC_OP_X, ORC_OP_X, ORC_OP_I };
	struct cases_dice *dice = &b->dice;
	uint64_t set = cases_below(dice, b->layout->nr_sets);

	/* One by one: rolls in an initializer list come in no order. */
	*vec = (struct orc_vec){ .regset = (uint32_t)set };
	vec->op = ops[cases_below(dice, sizeof(ops))];
	vec->size = (uint8_t)(1u << cases_below(dice, 4));
	vec->el = cases_percent(dice, 50) ? 3 : 0;
	vec->data = cases_roll(dice);
	if (vec->op == ORC_OP_I && b->machine->kvm)
		vec->op = ORC_OP_R;
	vec->va = address(b, &b->round->set[set]);
	if (cases_percent(dice, 60))
		vec->va &= ~(uint64_t)(vec->size - 1);
	else if (vec->size > 1 && cases_percent(dice, 25)) /* across pages */
		vec->va = (vec->va | 0xfff) - cases_below(dice, vec->size - 1u);
	if (cases_percent(dice, 1)) /* across, or just before, the end of the lower half */
		vec->va = BIT(set_bits(&b->round->set[set]) - 1) - 1 - cases_below(dice, vec->size);
	switch (vec->op) {
	case ORC_OP_X:
		vec->size = 1; /* nothing is executed: the first byte decides */
		break;
	case ORC_OP_I:
		/* A descriptor; VMRUN makes the address of the GDT canonical. */
		vec->size = 8;
		vec->va = canonical(vec->va | 8, set_bits(&b->round->set[set])) & ~UINT64_C(7);
		break;
	case ORC_OP_M:
		/*
		 * A locked instruction across pages: which half faults first is nowhere
		 * defined, and QEMU with one CPU loads both before it stores.
		 */
		if ((vec->va & 0xfff) + vec->size > 0x1000)
			vec->va &= ~UINT64_C(7);
		break;
	}
	/*
	 * KVM does not check an address that it is told to fetch from; and where it runs a
	 * guest in user mode, the host's CR0.AM makes AC check alignment too.
	 */
	if (b->machine->kvm)
		vec->va = vec->op == ORC_OP_X ? canonical(vec->va, 48)
					      : vec->va & ~(uint64_t)(vec->size - 1);
	/* The SDM has an implicit access ignore AC; QEMU 7.2 does at CPL 3 only, Bochs never. */
	if (cases_percent(dice, 40) &&
	    !(vec->op == ORC_OP_I && (vec->el == 0 || !b->machine->qemu)))
		vec->flags |= ORC_VF_AC;
	if (!b->machine->kvm && (vec->va & 0xfff) + vec->size <= 0x1000 && cases_percent(dice, 6))
		vec->flags |= ORC_VF_TRACE;
}

void cases_make_x86(struct cases_builder *b)
{
	struct cases_round *round = b->round;

	b->top = !b->machine->four_levels && cases_percent(&b->dice, 45) ? 4 : 3;
	cases_fill_pages(b, 1, entry);
	cases_fill(b, 0, 512, b->top, entry);
	round->words[255] = table(b, b->top); /* the end of the lower half */
	for (unsigned int i = 0; i < b->layout->nr_sets; i++)
		registers(b, &round->set[i]);
	for (unsigned int i = 0; i < b->layout->nr_steps; i++)
		make_access(b, &round->vec[i]);
}

bool cases_set_x86(struct pt_mmu *mmu, const struct cases_one *one)
{
	const uint64_t *r = one->set->r;
	const struct pt_x86_regs regs = {
		.cr0 = r[ORC_XR_CR0],
		.cr3 = r[ORC_XR_CR3],
		.cr4 = r[ORC_XR_CR4],
		.efer = r[ORC_XR_EFER],
		.maxphyaddr = one->machine->phys_bits,
		.rflags = one->vec->flags & ORC_VF_AC ? BIT(18) : 0,
		.pkru = (uint32_t)r[ORC_XR_PKRU],
		.pkrs = (uint32_t)r[ORC_XR_PKRS],
	};

	return pt_mmu_set_x86_64(mmu, &regs) == 0;
}
