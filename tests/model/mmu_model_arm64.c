/* SPDX-License-Identifier: MIT */
/*
 * arm64: stage 1 of the EL1&0 regime.
 *
 * Arm ARM DDI 0487 J.a: D8.2 "Translation process", D8.2.5 "Translation table base address",
 * D8.3 "Translation table descriptor formats", D8.9 "Address tagging"; D17.2.37 "ESR_EL1",
 * D17.2.64 and following "ID_AA64MMFR0_EL1", D17.2.131 "TCR_EL1"; and the pseudocode functions
 * that are named below. Permissions: tests/mmu/rules_arm64.c.
 */
#include "model/mmu_model_internal.h"

#include "mmu/rules_arm64.h"
#include "model/mmu_model_arm64.h"

struct model_arm64_id model_arm64_id(uint64_t mmfr0, uint64_t mmfr1, uint64_t mmfr2,
				     uint64_t mmfr3)
{
	static const unsigned int pa_bits[16] = { 32, 36, 40, 42, 44, 48, 52, 52,
						  52, 52, 52, 52, 52, 52, 52, 52 };
	uint64_t gran4 = MODEL_FIELD(mmfr0, 28, 4), gran16 = MODEL_FIELD(mmfr0, 20, 4);
	bool all = !(mmfr0 | mmfr1 | mmfr2 | mmfr3);

	return (struct model_arm64_id){
		.pa_bits = all ? 52 : pa_bits[MODEL_FIELD(mmfr0, 0, 4)],
		.gran4 = gran4 <= 1,
		.gran16 = all || gran16,
		.gran64 = MODEL_FIELD(mmfr0, 24, 4) == 0,
		.lpa2_4 = all || gran4 == 1,
		.lpa2_16 = all || gran16 == 2,
		.hafdbs = all ? 2 : MODEL_FIELD(mmfr1, 0, 4),
		.hpds = all || MODEL_FIELD(mmfr1, 12, 4),
		.pan = all ? 3 : MODEL_FIELD(mmfr1, 20, 4),
		.uao = all || MODEL_FIELD(mmfr2, 4, 4),
		.lva = all || MODEL_FIELD(mmfr2, 16, 4),
		.ttst = all || MODEL_FIELD(mmfr2, 28, 4),
		.e0pd = all || MODEL_FIELD(mmfr2, 60, 4),
		.s1pie = all || MODEL_FIELD(mmfr3, 8, 4),
		.s1poe = all || MODEL_FIELD(mmfr3, 16, 4),
	};
}

static struct model_arm64_id id_of(const struct pt_arm64_regs *regs)
{
	return model_arm64_id(regs->mmfr0, regs->mmfr1, regs->mmfr2, regs->mmfr3);
}

/* AArch64.PhysicalAddressSize() */
unsigned int model_arm64_pa_bits(const struct model_arm64_id *id, uint64_t ps, bool wide)
{
	static const unsigned int size[8] = { 32, 36, 40, 42, 44, 48, 52, 52 };
	unsigned int bits = size[ps];

	if (bits > id->pa_bits)
		bits = id->pa_bits;
	return bits == 52 && !wide ? 48 : bits;
}

/*
 * D17.2.131: a granule that is reserved or not there acts as an IMPLEMENTATION DEFINED one of
 * those that are; here the smallest. 0: there is none.
 */
static unsigned int granule_of(const struct model_arm64_id *id, unsigned int granule_lg2)
{
	bool there[] = { [12] = id->gran4, [14] = id->gran16, [16] = id->gran64 };

	if (granule_lg2 && there[granule_lg2])
		return granule_lg2;
	return id->gran4 ? 12 : id->gran16 ? 14 : id->gran64 ? 16 : 0;
}

bool model_arm64_form(const struct model_arm64_id *id, unsigned int granule_lg2, uint64_t txsz,
		      bool ds, uint64_t ps, struct model_shape *shape)
{
	unsigned int max = 48, min;

	granule_lg2 = granule_of(id, granule_lg2);
	if (!granule_lg2)
		return false;
	min = !id->ttst ? 25 : granule_lg2 == 16 ? 17 : 16;
	ds = ds && ((granule_lg2 == 12 && id->lpa2_4) || (granule_lg2 == 14 && id->lpa2_16));
	if (ds || (granule_lg2 == 16 && id->lva))
		max = 52;
	shape->granule_lg2 = granule_lg2;
	shape->in_bits = (unsigned int)(64 - txsz);
	shape->ds = ds;
	shape->lpa = granule_lg2 == 16 && id->pa_bits == 52;
	shape->pa_bits = model_arm64_pa_bits(id, ps, ds || shape->lpa);
	if (shape->in_bits < min || shape->in_bits > max)
		return false;
	/* As many levels as it takes. */
	shape->top = 0;
	while (granule_lg2 + (granule_lg2 - 3) * (shape->top + 1) < shape->in_bits)
		shape->top++;
	return true;
}

/* AArch64.S1TTBaseAddress() */
static pt_pa_t base_of(const struct model_shape *shape, uint64_t ttbr)
{
	unsigned int low = shape->granule_lg2 + (shape->granule_lg2 - 3) * shape->top;
	unsigned int align_lg2 = 3 + shape->in_bits - low;
	pt_pa_t base = ttbr & (MODEL_BIT(48) - 2);

	if (shape->ds || (shape->granule_lg2 == 16 && shape->pa_bits == 52)) {
		base = (ttbr & (MODEL_BIT(48) - MODEL_BIT(6))) | MODEL_FIELD(ttbr, 2, 4) << 48;
		if (align_lg2 < 6)
			align_lg2 = 6;
	}
	return base & ~(MODEL_BIT(align_lg2) - 1);
}

bool model_arm64_shape(const struct pt_arm64_regs *regs, bool upper, struct model_shape *shape)
{
	/* 0: reserved */
	static const unsigned int tg0[4] = { 12, 16, 14, 0 }, tg1[4] = { 0, 14, 12, 16 };
	struct model_arm64_id id = id_of(regs);
	uint64_t tcr = regs->tcr;
	unsigned int granule_lg2 = upper ? tg1[MODEL_FIELD(tcr, 30, 2)] :
					   tg0[MODEL_FIELD(tcr, 14, 2)];

	*shape = (struct model_shape){ .form = MODEL_ARM64, .stage = 1 };
	if (!model_arm64_form(&id, granule_lg2, MODEL_FIELD(tcr, upper ? 16 : 0, 6),
			      tcr & MODEL_BIT(59), MODEL_FIELD(tcr, 32, 3), shape))
		return false;
	shape->root = base_of(shape, upper ? regs->ttbr1 : regs->ttbr0);
	return true;
}

/* D17.2.97 "MAIR_EL1": Device by bits 3:2; Normal by what both halves say, of 16 each. */
static enum pt_mem mem_of(const struct pt_arm64_regs *regs, uint64_t leaf)
{
	static const enum pt_mem device[4] = {
		PT_MEM_UC, PT_MEM_DEV_nGnRE, PT_MEM_DEV_nGRE, PT_MEM_DEV_GRE
	};
	static const char normal[] = "-TTTNBBBTTTTBBBB"; /* write-through, none, write-back */
	uint64_t byte = MODEL_FIELD(regs->mair, 8 * MODEL_FIELD(leaf, 2, 3), 8);
	char policy = normal[byte >> 4];

	if (byte < 0x10)
		return byte & 3 ? PT_MEM_OTHER : device[byte >> 2];
	if (byte == 0xf0)
		return PT_MEM_WB_TAGGED;
	if (policy != normal[byte & 15])
		return PT_MEM_OTHER;
	return policy == 'N' ? PT_MEM_WC : policy == 'T' ? PT_MEM_WT : PT_MEM_WB;
}

/* Fault status codes of level -1 have numbers of their own. */
static uint64_t status_of(enum model_arm64_status status, unsigned int level)
{
	if (level == 4)
		return status == MODEL_ADDRESS_SIZE ? 0x29 : 0x2b;
	return (uint64_t)status | (3 - level);
}

bool model_arm64_fault(struct model_run *run, unsigned int stage, enum model_arm64_status status,
		       enum pt_fault_why why, unsigned int level, const struct model_path *path)
{
	bool fetch = run->how->kind == PT_ACCESS_FETCH;
	bool same_el = stage == 1 && run->how->priv == 1;
	struct pt_fault fault = {
		.kind = fetch ? PT_FAULT_INSTR_ABORT : PT_FAULT_DATA_ABORT, .why = why,
		.stage = stage, .level = level, .va = run->va,
	};

	fault.code = (uint64_t)((fetch ? 0x20 : 0x24) + same_el) << 26 | MODEL_BIT(25) |
		     status_of(status, level);
	/* WnR: what a read would have caused too is not the write's fault */
	if (run->how->kind == PT_ACCESS_WRITE)
		fault.code |= MODEL_BIT(6);
	if (path) {
		fault.pa = path->word_pa[level];
		fault.raw = path->raw[level];
	}
	return model_fault(run, &fault, path != NULL);
}

/* What entry @raw is; AArch64.DecodeDescriptorType(), AArch64.BlockDescSupported(). */
enum pt_kind model_arm64_kind(const struct model_shape *shape, uint64_t raw, unsigned int level)
{
	bool block = false;

	if (!(raw & 1))
		return raw ? PT_KIND_SOFT : PT_KIND_EMPTY;
	if (raw & 2)
		return level ? PT_KIND_TABLE : PT_KIND_LEAF;
	switch (shape->granule_lg2) {
	case 12:
		block = level == 1 || level == 2 || (level == 3 && shape->ds);
		break;
	case 14:
		block = level == 1 || (level == 2 && shape->ds);
		break;
	case 16:
		block = level == 1 || (level == 2 && shape->lpa);
		break;
	}
	return block ? PT_KIND_LEAF : PT_KIND_ILLEGAL;
}

bool model_arm64_walk(struct model_run *run, const struct model_shape *shape, uint64_t in,
		      struct model_path *path, unsigned int *leaf_level, uint64_t *tables)
{
	pt_pa_t table_pa = shape->root;

	*tables = 0;
	/* AArch64.S1Walk(): the base is an output address too; reported at level 0 always */
	if (table_pa >> shape->pa_bits)
		return model_arm64_fault(run, shape->stage, MODEL_ADDRESS_SIZE,
					 PT_WHY_ADDRESS_SIZE, 3, NULL);
	for (unsigned int level = shape->top;; level--) {
		enum pt_kind kind;
		uint64_t raw;

		if (!model_load(run, shape, table_pa, in, level, path))
			return false;
		raw = path->raw[level];
		kind = model_arm64_kind(shape, raw, level);
		model_is(run, kind);
		if (kind != PT_KIND_TABLE && kind != PT_KIND_LEAF)
			return model_arm64_fault(run, shape->stage, MODEL_TRANSLATION,
						 kind == PT_KIND_ILLEGAL ? PT_WHY_RESERVED :
									   PT_WHY_NOT_PRESENT,
						 level, path);
		/* AArch64.OAOutOfRange(); of a block also by bits below its size, which are RES0 */
		if (model_pa_of_raw(shape, raw) >> shape->pa_bits) {
			model_is(run, PT_KIND_ILLEGAL);
			return model_arm64_fault(run, shape->stage, MODEL_ADDRESS_SIZE,
						 PT_WHY_ADDRESS_SIZE, level, path);
		}
		*leaf_level = level;
		if (kind == PT_KIND_LEAF)
			return true;
		*tables |= raw;
		table_pa = model_pa_of_raw(shape, raw);
	}
}

void model_arm64_place(const struct model_shape *shape, const struct model_path *path,
		       unsigned int level, uint64_t in, struct model_leaf *to)
{
	uint64_t size;

	*to = (struct model_leaf){
		.raw = path->raw[level], .level = level,
		.size_lg2 = shape->granule_lg2 + (shape->granule_lg2 - 3) * level,
	};
	size = MODEL_BIT(to->size_lg2);
	to->pa = (model_pa_of_raw(shape, to->raw) & ~(size - 1)) | (in & (size - 1));
}

/* Everything that the rules ask, but the descriptors. */
static struct arm64_case case_of(const struct model_run *run, bool upper)
{
	const struct pt_arm64_regs *regs = &run->m->arm64;
	struct model_arm64_id id = id_of(regs);
	bool ha = id.hafdbs >= 1 && regs->tcr & MODEL_BIT(39);

	return (struct arm64_case){
		.kind = run->how->kind,
		.from_el = run->how->priv,
		.unprivileged = run->how->flags & PT_ACCESS_UNPRIV,
		.pan = id.pan >= 1 && regs->pan,
		.uao = id.uao && regs->uao,
		.epan = id.pan >= 3 && regs->sctlr & MODEL_BIT(57),
		.wxn = regs->sctlr & MODEL_BIT(19),
		.hpd = id.hpds && regs->tcr & MODEL_BIT(upper ? 42 : 41),
		.ha = ha,
		.hd = ha && id.hafdbs >= 2 && regs->tcr & MODEL_BIT(40),
		.pie = id.s1pie && regs->tcr2 & MODEL_BIT(1),
		.e0poe = id.s1poe && regs->tcr2 & MODEL_BIT(2),
		.poe = id.s1poe && regs->tcr2 & MODEL_BIT(3),
		.pir = regs->pir,
		.pire0 = regs->pire0,
		.por_el1 = regs->por_el1,
		.por_el0 = regs->por_el0,
	};
}

static unsigned int perms_of(struct arm64_case c)
{
	static const struct {
		enum pt_access_kind kind;
		unsigned int perm;
	} each[] = {
		{ PT_ACCESS_READ, PT_PERM_READ },
		{ PT_ACCESS_WRITE, PT_PERM_WRITE },
		{ PT_ACCESS_FETCH, PT_PERM_EXEC },
	};
	unsigned int perms = 0;

	for (unsigned int i = 0; i < 3; i++) {
		c.kind = each[i].kind;
		perms |= arm64_permits(&c) ? each[i].perm : 0;
	}
	return perms;
}

static bool walk(struct model_run *run, const struct model_shape *shape, bool upper,
		 struct model_leaf *to)
{
	struct arm64_case c = case_of(run, upper);
	struct model_path path;
	struct arm64_verdict v;
	unsigned int level;

	if (!model_arm64_walk(run, shape, run->va, &path, &level, &c.tables))
		return false;
	c.leaf = path.raw[level];
	c.level = 3 - level;
	v = arm64_decide(&c);
	if (!v.allowed) {
		model_arm64_fault(run, 1, MODEL_PERMISSION, PT_WHY_NONE, level, &path);
		run->answer->fault.code = v.esr;
		run->answer->whys = v.whys;
		return false;
	}
	if (!model_change(run, shape, &path, level, v.after & ~c.leaf, c.leaf & ~v.after))
		return false;
	model_arm64_place(shape, &path, level, run->va, to);
	to->mem = mem_of(&run->m->arm64, c.leaf);
	to->perms = perms_of(c);
	return true;
}

/* AArch64.S1DisabledOutput() */
bool model_arm64_off(struct model_run *run, bool tagged, enum pt_mem data_mem,
		     enum pt_mem fetch_mem, struct model_leaf *to)
{
	struct model_arm64_id id = id_of(&run->m->arm64);
	pt_pa_t pa = tagged ? run->va & (MODEL_BIT(56) - 1) : run->va;

	if (pa >> id.pa_bits)
		return model_arm64_fault(run, 1, MODEL_ADDRESS_SIZE, PT_WHY_ADDRESS_SIZE, 3, NULL);
	model_flat(pa, run->how->kind == PT_ACCESS_FETCH ? fetch_mem : data_mem, to);
	return true;
}

bool model_first_arm64(struct model_run *run, struct model_leaf *to)
{
	const struct pt_arm64_regs *regs = &run->m->arm64;
	struct model_arm64_id id = id_of(regs);
	bool upper = run->va >> 55 & 1, fetch = run->how->kind == PT_ACCESS_FETCH;
	bool tagged = regs->tcr & MODEL_BIT(upper ? 38 : 37) &&
		      !(fetch && regs->tcr & MODEL_BIT(upper ? 52 : 51)); /* TBI, TBID */
	bool el0 = run->how->priv == 0 ||
		   (run->how->flags & PT_ACCESS_UNPRIV && !(id.uao && regs->uao));
	bool e0pd = id.e0pd && regs->tcr & MODEL_BIT(upper ? 56 : 55) && el0;
	bool epd = regs->tcr & MODEL_BIT(upper ? 23 : 7);
	struct model_shape shape;
	bool selects, in_range;

	if (run->m->second && model_s2_is_dc(&run->m->s2))
		return model_arm64_off(run, tagged, PT_MEM_WB, PT_MEM_WB, to);
	if (!(regs->sctlr & 1))
		return model_arm64_off(run, tagged, PT_MEM_UC,
				       regs->sctlr & MODEL_BIT(12) ? PT_MEM_WT : PT_MEM_WC, to);
	selects = model_arm64_shape(regs, upper, &shape);
	/* AArch64.VAIsOutOfRange(): what is neither tag nor translated repeats bit 55 */
	in_range = selects;
	for (unsigned int i = selects ? shape.in_bits : 64; i < (tagged ? 56u : 64u); i++)
		in_range = in_range && (run->va >> i & 1) == upper;
	if (epd || e0pd || !in_range) {
		/* all the same to the processor: a translation fault at level 0 */
		model_arm64_fault(run, 1, MODEL_TRANSLATION, PT_WHY_DISABLED, 3, NULL);
		run->answer->whys = (epd || e0pd ? 1u << PT_WHY_DISABLED : 0) |
				    (in_range ? 0 : 1u << PT_WHY_VA_WIDTH);
		return false;
	}
	return walk(run, &shape, upper, to);
}
