/* SPDX-License-Identifier: MIT */
/*
 * Cases for the arm64 EL1&0 regime: all granules and widths, both halves, LPA and
 * LPA2, hardware updates, the rights of PSTATE and SCTLR. Levels are ours: 0 holds
 * the smallest pages (Arm's 3), 4 is Arm's -1.
 */
#include "mmu_cases.h"

#define BIT(n) (UINT64_C(1) << (n))
#define BITS(high, low) ((~UINT64_C(0) >> (63 - (high))) & ~(BIT(low) - 1))

#define DESC_VALID BIT(0)
#define DESC_TABLE BIT(1) /* or, in a leaf, a page */
#define DESC_USER BIT(6)
#define DESC_RO BIT(7)
#define DESC_AF BIT(10)
#define DESC_DBM BIT(51)
#define DESC_CONT BIT(52)
#define DESC_PXN BIT(53)
#define DESC_UXN BIT(54)
/* AttrIndx, NS, nG, GP, software bits, PBHA; and SH, which LPA2 lacks */
#define LEAF_OTHER (BITS(5, 2) | BIT(11) | BIT(50) | BITS(58, 55) | BITS(62, 59))
#define LEAF_SH BITS(9, 8)
#define TABLE_LIMITS BITS(62, 59) /* APTable, UXNTable, PXNTable */
#define TABLE_OTHER (BITS(11, 10) | BITS(7, 2) | BITS(58, 52) | BIT(63))

#define SCTLR_USUAL 0x30d00985u /* RES1 bits, SPAN, I, SA, C, M */
#define SCTLR_M BIT(0)
#define SCTLR_WXN BIT(19)
#define SCTLR_EPAN BIT(57)

#define TCR_EPD(upper) BIT((upper) ? 23 : 7)
#define TCR_AS BIT(36)
#define TCR_TBI(upper) BIT((upper) ? 38 : 37)
#define TCR_HA BIT(39)
#define TCR_HD BIT(40)
#define TCR_HPD(upper) BIT((upper) ? 42 : 41)
#define TCR_HWU BITS(50, 43)
#define TCR_TBID(upper) BIT((upper) ? 52 : 51)
#define TCR_E0PD(upper) BIT((upper) ? 56 : 55)
#define TCR_DS BIT(59)

static const unsigned int ips_bits[] = { 32, 36, 40, 42, 44, 48, 52 };

/* What all register sets of a round have in common; the tables are made for it. */
struct shape {
	bool ds;
	unsigned int ips;
	unsigned int va_bits[2];
	unsigned int top[2];
	size_t root[2]; /* first word of it in the slot */
};

/* The builder knows its shape only by what the entries need. */
static struct shape shape_of(const struct cases_builder *b);

static unsigned int root_entries_lg2(const struct cases_layout *layout, unsigned int va_bits,
				     unsigned int top)
{
	return va_bits - cases_level_lg2(layout, top);
}

static unsigned int top_of(const struct cases_layout *layout, unsigned int va_bits)
{
	return (va_bits - layout->page_lg2 - 1) / (layout->page_lg2 - 3);
}

/* Decided by the seed alone, so that it can be asked for again. */
static struct shape shape_of(const struct cases_builder *b)
{
	const struct cases_layout *layout = b->layout;
	struct cases_dice dice = { b->dice.seed, UINT64_C(2) << 32 };
	struct shape shape = { .ds = false };
	unsigned int min = layout->page_lg2 == 16 ? 17 : 16, max;

	/* Twice, so that both halves fit; LPA2 is for the two smaller granules. */
	if (cases_has_lpa2(b->machine, layout->page_lg2))
		shape.ds = cases_percent(&dice, layout->pa_bits > 48 ? 90 : 40);
	else if (layout->page_lg2 < 16) /* it means nothing */
		shape.ds = cases_percent(&dice, 10);
	max = shape.ds || layout->page_lg2 == 16 ? 52 : 48;
	for (unsigned int half = 0; half < 2; half++) {
		unsigned int bits = min + (unsigned int)cases_below(&dice, max - min + 1);

		if (cases_percent(&dice, 40))
			bits = cases_percent(&dice, 60) ? max : cases_percent(&dice, 50) ? 39 : 48;
		shape.va_bits[half] = bits;
		shape.top[half] = top_of(layout, bits);
	}
	for (shape.ips = 0; ips_bits[shape.ips] < layout->pa_bits; shape.ips++)
		;
	shape.ips += (unsigned int)cases_below(&dice, 7 - shape.ips);
	if (cases_percent(&dice, 8))
		shape.ips = (unsigned int)cases_below(&dice, 8);
	return shape;
}

static unsigned int pa_bits_of(const struct cases_builder *b, const struct shape *shape)
{
	unsigned int bits = ips_bits[shape->ips < 6 ? shape->ips : 6];

	return bits > 48 && !shape->ds && b->layout->page_lg2 < 16 ? 48 : bits;
}

/* Where a descriptor holds @pa. */
static uint64_t address_bits(const struct cases_layout *layout, bool ds, pt_pa_t pa)
{
	if (layout->page_lg2 == 16)
		return (pa & BITS(47, 16)) | (pa >> 36 & BITS(15, 12));
	if (ds)
		return (pa & BITS(49, 12)) | (pa >> 42 & BITS(9, 8));
	return pa & BITS(47, 12);
}

static uint64_t leaf(struct cases_builder *b, const struct shape *shape, unsigned int level)
{
	struct cases_dice *dice = &b->dice;
	uint64_t size = BIT(cases_level_lg2(b->layout, level)), word = DESC_VALID;
	unsigned int bits = pa_bits_of(b, shape);
	pt_pa_t pa;

	word |= cases_roll(dice) & LEAF_OTHER;
	word &= cases_percent(dice, 80) ? ~BIT(50) : ~UINT64_C(0);
	word |= shape->ds ? 0 : cases_roll(dice) & LEAF_SH;
	word |= level ? 0 : DESC_TABLE;
	word |= cases_percent(dice, 65) ? DESC_USER : 0;
	word |= cases_percent(dice, 40) ? DESC_RO : 0;
	word |= cases_percent(dice, 80) ? DESC_AF : 0;
	word |= cases_percent(dice, 50) ? DESC_DBM : 0;
	word |= cases_percent(dice, 8) ? DESC_CONT : 0;
	word |= cases_percent(dice, 25) ? DESC_PXN : 0;
	word |= cases_percent(dice, 25) ? DESC_UXN : 0;
	if (cases_percent(dice, 45))
		pa = cases_page(b, CASES_DATA);
	else if (cases_percent(dice, 12))
		pa = cases_page(b, (unsigned int)cases_below(dice, b->top + 1));
	else
		pa = cases_outside(b, cases_percent(dice, 96) ? bits : 52);
	return word | address_bits(b->layout, shape->ds, pa & ~(size - 1));
}

static uint64_t table(struct cases_builder *b, const struct shape *shape, unsigned int level)
{
	struct cases_dice *dice = &b->dice;
	uint64_t word = DESC_VALID | DESC_TABLE | (cases_roll(dice) & TABLE_OTHER);
	uint64_t page = cases_below(dice, b->layout->nr_pages) << b->layout->page_lg2;
	pt_pa_t pa = cases_page(b, level - 1);

	if (shape->ds)
		word &= ~LEAF_SH;
	if (cases_percent(dice, 15))
		word |= cases_roll(dice) & TABLE_LIMITS;
	if (cases_percent(dice, 5))
		pa = b->round->pa + page; /* recursive, shared between levels, junk */
	else if (level < 4 && cases_percent(dice, 1))
		pa = cases_outside(b, cases_percent(dice, 80) ? pa_bits_of(b, shape) : 52);
	return word | address_bits(b->layout, shape->ds, pa);
}

/* Arm D8.3: blocks at level 2, with some formats at 1 and 0 too. */
static bool has_blocks(const struct cases_layout *layout, bool ds, unsigned int level)
{
	switch (level) {
	case 1:
		return true;
	case 2:
		return layout->page_lg2 != 14 || ds;
	default:
		return level == 3 && layout->page_lg2 == 12 && ds;
	}
}

static uint64_t entry(struct cases_builder *b, unsigned int level)
{
	struct shape shape = shape_of(b);
	struct cases_dice *dice = &b->dice;
	uint64_t word;

	if (cases_percent(dice, 2)) /* invalid, whatever else it says */
		return cases_percent(dice, 30) ? 0 : cases_roll(dice) & ~DESC_VALID;
	/* QEMU 7.2 dies of any fault at level -1 but a translation fault. */
	if (level == 4)
		return table(b, &shape, level);
	if (cases_percent(dice, 1))
		return cases_roll(dice) | DESC_VALID;
	if (!level ||
	    (has_blocks(b->layout, shape.ds, level) && cases_percent(dice, level == 1 ? 30 : 12)))
		word = leaf(b, &shape, level);
	else
		word = table(b, &shape, level);
	return cases_percent(dice, 3) ? word ^ BIT(cases_below(dice, 64)) : word;
}

static uint64_t tcr_of(struct cases_builder *b, const struct shape *shape)
{
	static const uint64_t tg0[] = { 0, 2, 1 }, tg1[] = { 2, 1, 3 };
	struct cases_dice *dice = &b->dice;
	unsigned int granule = (b->layout->page_lg2 - 12) / 2;
	uint64_t tcr = (cases_roll(dice) & (TCR_HWU | TCR_AS)) | BITS(13, 8) | BITS(29, 24);

	for (unsigned int upper = 0; upper < 2; upper++) {
		uint64_t tsz = 64 - shape->va_bits[upper];

		if (cases_percent(dice, 3)) /* out of range too */
			tsz = cases_below(dice, 64);
		tcr |= tsz << (16 * upper);
		tcr |= cases_percent(dice, 4) ? TCR_EPD(upper) : 0;
		tcr |= cases_percent(dice, 35) ? TCR_TBI(upper) : 0;
		tcr |= cases_percent(dice, 35) ? TCR_TBID(upper) : 0;
		tcr |= cases_percent(dice, 30) ? TCR_HPD(upper) : 0;
		tcr |= cases_percent(dice, 10) ? TCR_E0PD(upper) : 0;
	}
	tcr |= cases_percent(dice, 97) ? tg0[granule] << 14 : cases_below(dice, 4) << 14;
	tcr |= cases_percent(dice, 97) ? tg1[granule] << 30 : cases_below(dice, 4) << 30;
	tcr |= (uint64_t)shape->ips << 32;
	tcr |= cases_percent(dice, 50) ? TCR_HA : 0;
	tcr |= cases_percent(dice, 50) ? TCR_HD : 0;
	tcr |= shape->ds ? TCR_DS : 0;
	return tcr;
}

static uint64_t ttbr_of(struct cases_builder *b, const struct shape *shape, unsigned int upper)
{
	uint64_t other = cases_roll(&b->dice) & (BITS(63, 48) | BIT(0)); /* ASID, CnP */
	pt_pa_t pa = b->round->pa + 8 * shape->root[upper];

	if (cases_percent(&b->dice, 1)) /* mostly to where nothing is */
		pa = cases_outside(b, 48) & ~BITS(15, 0);
	if (pa_bits_of(b, shape) > 48)
		pa = (pa & BITS(47, 6)) | (pa >> 46 & BITS(5, 2));
	return other | (pa & BITS(47, 1));
}

static void registers(struct cases_builder *b, const struct shape *shape, struct orc_regset *set)
{
	static const uint8_t normal[] = { 0xff, 0x44, 0xbb, 0xf0, 0x4f, 0xee };
	static const uint8_t device[] = { 0x00, 0x04, 0x08, 0x0c };
	struct cases_dice *dice = &b->dice;
	bool has_device = cases_percent(dice, 30);

	set->r[ORC_AR_SCTLR] = SCTLR_USUAL | (cases_percent(dice, 20) ? SCTLR_WXN : 0);
	set->r[ORC_AR_SCTLR] |= cases_percent(dice, 10) ? SCTLR_EPAN : 0;
	if (cases_percent(dice, 2))
		set->r[ORC_AR_SCTLR] &= ~SCTLR_M;
	set->r[ORC_AR_TCR] = tcr_of(b, shape);
	set->r[ORC_AR_TTBR0] = ttbr_of(b, shape, 0);
	set->r[ORC_AR_TTBR1] = ttbr_of(b, shape, 1);
	for (unsigned int i = 0; i < 8; i++) {
		uint64_t byte = normal[cases_below(dice, sizeof(normal))];

		if (has_device && cases_percent(dice, 50))
			byte = device[cases_below(dice, sizeof(device))];
		set->r[ORC_AR_MAIR] |= byte << (8 * i);
	}
	set->r[ORC_AR_PAN] = cases_percent(dice, 35);
	set->r[ORC_AR_UAO] = cases_percent(dice, 40);
}

/* Unaligned accesses to device memory, which also is all there is without MMU, abort. */
static bool must_align(const struct orc_regset *set)
{
	for (unsigned int i = 0; i < 8; i++)
		if (!(set->r[ORC_AR_MAIR] >> (8 * i) & 0xf0))
			return true;
	return !(set->r[ORC_AR_SCTLR] & SCTLR_M);
}

static uint64_t address(struct cases_builder *b, const struct shape *shape,
			const struct orc_regset *set, bool upper)
{
	struct cases_dice *dice = &b->dice;
	unsigned int bits = 64 - (set->r[ORC_AR_TCR] >> (upper ? 16 : 0) & 63), top;
	uint64_t va;

	if (bits <= b->layout->page_lg2 || bits > 52) /* T0SZ out of range */
		bits = shape->va_bits[upper];
	top = top_of(b->layout, bits);
	va = cases_va_bits(b, top, 1u << root_entries_lg2(b->layout, bits, top));
	if (upper)
		va |= ~(BIT(bits) - 1);
	if (cases_percent(dice, 25) &&
	    (cases_percent(dice, 15) || set->r[ORC_AR_TCR] & TCR_TBI(upper)))
		va ^= cases_roll(dice) & BITS(63, 56);
	if (cases_percent(dice, 2)) /* outside the half */
		va ^= BIT(bits + cases_below(dice, 64 - bits));
	return va;
}

/* A branch to a tagged address takes the tag away: BranchAddr() of the manual. */
static uint64_t branch_address(uint64_t va, uint64_t tcr)
{
	bool upper = va & BIT(55);

	if (!(tcr & TCR_TBI(upper)) || tcr & TCR_TBID(upper))
		return va;
	return upper ? va | BITS(63, 56) : va & ~BITS(63, 56);
}

static void make_access(struct cases_builder *b, const struct shape *shape, struct orc_vec *vec)
{
	static const uint8_t ops[] = { ORC_OP_R, ORC_OP_R, ORC_OP_R, ORC_OP_W, ORC_OP_W,
				       ORC_OP_W, ORC_OP_M, ORC_OP_X, ORC_OP_X };
	struct cases_dice *dice = &b->dice;
	const struct orc_regset *set;

	/* One by one: rolls in an initializer list come in no order. */
	*vec = (struct orc_vec){ 0 };
	vec->op = ops[cases_below(dice, sizeof(ops))];
	vec->size = (uint8_t)(1u << cases_below(dice, 4));
	vec->el = cases_percent(dice, 50);
	vec->regset = (uint32_t)cases_below(dice, b->layout->nr_sets);
	vec->data = cases_roll(dice);
	set = &b->round->set[vec->regset];
	vec->va = address(b, shape, set, cases_percent(dice, 45));
	/* LDADD wants alignment; PC alignment faults come too late in QEMU. */
	if (vec->op == ORC_OP_X) {
		vec->size = 4;
		vec->va = branch_address(vec->va, set->r[ORC_AR_TCR]);
	}
	if (vec->op >= ORC_OP_M || must_align(set) || cases_percent(dice, 60))
		vec->va &= ~(uint64_t)(vec->size - 1);
	else if (vec->size > 1 && cases_percent(dice, 25)) { /* across pages, of 4K at least */
		vec->va |= cases_percent(dice, 70) ? BIT(b->layout->page_lg2) - 1 : 0xfff;
		vec->va -= cases_below(dice, vec->size - 1u);
	}
	/* The harness lives in the other half. */
	if ((vec->va ^ (vec->va + vec->size - 1)) & BIT(55))
		vec->va &= ~(uint64_t)(vec->size - 1);
	if (vec->op <= ORC_OP_W && cases_percent(dice, 15))
		vec->flags |= ORC_VF_UNPRIV;
	if ((vec->va & 0xfff) + vec->size <= 0x1000 && cases_percent(dice, 6))
		vec->flags |= ORC_VF_TRACE;
}

void cases_make_arm64(struct cases_builder *b)
{
	struct cases_round *round = b->round;
	struct shape shape = shape_of(b);
	unsigned int nr_roots = 2;

	b->top = shape.top[0] > shape.top[1] ? shape.top[0] : shape.top[1];
	cases_fill_pages(b, nr_roots, entry);
	for (unsigned int upper = 0; upper < 2; upper++) {
		unsigned int lg2 =
			root_entries_lg2(b->layout, shape.va_bits[upper], shape.top[upper]);
		size_t nr = (size_t)1 << lg2, align = nr < 8 ? 8 : nr;
		size_t page = (size_t)1 << (b->layout->page_lg2 - 3);

		shape.root[upper] = upper * page + cases_below(&b->dice, page / align) * align;
		cases_fill(b, shape.root[upper], nr, shape.top[upper], entry);
	}
	for (unsigned int i = 0; i < b->layout->nr_sets; i++)
		registers(b, &shape, &round->set[i]);
	for (unsigned int i = 0; i < b->layout->nr_steps; i++)
		make_access(b, &shape, &round->vec[i]);
}

bool cases_set_arm64(struct pt_mmu *mmu, const struct cases_one *one)
{
	const uint64_t *r = one->set->r, *mmfr = one->machine->mmfr;
	const struct pt_arm64_regs regs = {
		.ttbr0 = r[ORC_AR_TTBR0],
		.ttbr1 = r[ORC_AR_TTBR1],
		.tcr = r[ORC_AR_TCR],
		.mair = r[ORC_AR_MAIR],
		.mmfr0 = mmfr[0],
		.mmfr1 = mmfr[1],
		.mmfr2 = mmfr[2],
		.sctlr = r[ORC_AR_SCTLR],
		.pan = r[ORC_AR_PAN] & 1,
		.uao = r[ORC_AR_UAO] & 1,
	};

	return pt_mmu_set_arm64(mmu, &regs) == 0;
}
