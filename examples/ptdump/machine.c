/* SPDX-License-Identifier: MIT */
/*
 * The registers of a machine whose tables an image holds. Registers that were given are taken as
 * they are. A table image says what selects its tables, and is believed; the rest of the registers
 * is as given.
 *
 *   Intel SDM Vol. 3A, 2.5 "Control Registers" (rev. 081); Arm ARM DDI 0487 J.a, D17.2.131
 *   "TCR_EL1", D17.2.144 "TTBR0_EL1", D17.2.64 to .67 "ID_AA64MMFR0_EL1" and following;
 *   "VTCR_EL2", "VTTBR_EL2", "HCR_EL2"
 */
#include "ptdump.h"

#include "explain/arm64.h"
#include "explain/x86.h"

#define CR4_PAE BIT(5)
#define CR4_LA57 BIT(12)
#define CR4_PKE BIT(22)
#define CR4_PKS BIT(24)

static void read_x86(struct pt_x86_regs *regs, const struct dump_root *root)
{
	const struct pt_fmt_cfg *cfg = &root->cfg;

	regs->cr0 |= CR0_PG | CR0_PE;
	regs->cr3 = pt_pgtable_root(root->pt);
	regs->cr4 = (regs->cr4 & ~CR4_LA57) | CR4_PAE | (cfg->va_bits == 57 ? CR4_LA57 : 0);
	if (!(cfg->features & PT_FEAT_PKEYS))
		regs->cr4 &= ~(CR4_PKE | CR4_PKS);
	else if (!(regs->cr4 & (CR4_PKE | CR4_PKS)))
		regs->cr4 |= CR4_PKE;
	regs->efer = (regs->efer & ~EFER_NXE) | EFER_LME | EFER_LMA |
		     (cfg->features & PT_FEAT_NX ? EFER_NXE : 0);
	regs->pat = cfg->mem_types;
	regs->maxphyaddr = cfg->pa_bits;
	regs->no_1g = !(cfg->features & PT_FEAT_1G);
}

static void read_ept(struct pt_x86_ept_regs *regs, const struct dump_root *root)
{
	const struct pt_fmt_cfg *cfg = &root->cfg;

	/* Write-back tables; one less than the levels; accessed and dirty. */
	regs->eptp = pt_pgtable_root(root->pt) | 6 | (uint64_t)(root->info.nr_levels - 1) << 3 |
		     (cfg->features & PT_FEAT_AD ? BIT(6) : 0);
	regs->ept_vpid_cap = ~UINT64_C(0);
	if (!(cfg->features & PT_FEAT_EXEC_ONLY))
		regs->ept_vpid_cap &= ~BIT(0);
	if (!(cfg->features & PT_FEAT_1G))
		regs->ept_vpid_cap &= ~BIT(17);
	regs->mbec = cfg->features & PT_FEAT_MBEC;
	regs->maxphyaddr = cfg->pa_bits;
}

/* What both of TCR and VTCR call PS, and the ID registers PARange. */
static uint64_t pa_range(unsigned int pa_bits)
{
	static const unsigned int bits[] = { 32, 36, 40, 42, 44, 48, 52 };
	uint64_t range = 0;

	while (range < 6 && bits[range] < pa_bits)
		range++;
	return range;
}

/* The fields of TCR_EL1 that choose tables: all but A1, AS, the caches', tags, HA, E0PD and NFD. */
#define TCR_CHOOSES                                                                                \
	(BITS(5, 0) | BIT(7) | BITS(15, 12) | BITS(21, 16) | BIT(23) | BITS(34, 28) |              \
	 BITS(42, 40) | BIT(59))

/* TG0 of TCR and VTCR */
static uint64_t tg0_of(unsigned int granule_lg2)
{
	static const uint64_t tg0[] = { [12] = 0, [14] = 2, [16] = 1 };

	return tg0[granule_lg2];
}

static uint64_t tcr_of(const struct pt_fmt_cfg *cfg, unsigned int granule_lg2)
{
	static const uint64_t tg1[] = { [12] = 2, [14] = 1, [16] = 3 };
	unsigned int half = cfg->upper_half ? 16 : 0;
	uint64_t tcr = (uint64_t)(64 - cfg->va_bits) << half | (uint64_t)cfg->share << (half + 12);

	tcr |= cfg->upper_half ? tg1[granule_lg2] << 30 : tg0_of(granule_lg2) << 14;
	tcr |= BIT(cfg->upper_half ? 7 : 23); /* EPD of the other half */
	tcr |= pa_range(cfg->pa_bits) << 32; /* IPS */
	if (!(cfg->features & PT_FEAT_NO_HPD))
		tcr |= BITS(42, 41);
	if (cfg->features & PT_FEAT_HD)
		tcr |= TCR_HA | TCR_HD;
	return is_lpa2(cfg) ? tcr | TCR_DS : tcr;
}

/* Everything there is, but for what @cfg does without. */
static void read_features(const struct pt_fmt_cfg *cfg, uint64_t *mmfr0, uint64_t *mmfr1,
			  uint64_t *mmfr2)
{
	bool narrow = is_64k(cfg) && !(cfg->features & PT_FEAT_LPA);

	/* TGran4 and TGran16 with 52 bits, TGran64, PARange; XNX, PAN3, HPDS, HAFDBS */
	*mmfr0 = BIT(28) | BIT(21) | pa_range(narrow ? 48 : 52);
	*mmfr1 = BIT(28) | BITS(21, 20) | BIT(12) | 2;
	/* E0PD, BBM, FWB, TTST, VARange, UAO */
	*mmfr2 = BIT(60) | (uint64_t)cfg->bbm << 52 | BIT(40) | BIT(16) | BIT(4);
	if (cfg->features & PT_FEAT_TTST)
		*mmfr2 |= BIT(28);
}

static void read_arm64(struct pt_arm64_regs *regs, const struct dump_root *root)
{
	const struct pt_fmt_cfg *cfg = &root->cfg;
	uint64_t ttbr = dump_ttbr_of(pt_pgtable_root(root->pt));

	if (cfg->upper_half)
		regs->ttbr1 = ttbr;
	else
		regs->ttbr0 = ttbr;
	regs->tcr = (regs->tcr & ~TCR_CHOOSES) | tcr_of(cfg, root->info.granule_lg2);
	regs->mair = cfg->mem_types;
	regs->sctlr |= SCTLR_M;
	read_features(cfg, &regs->mmfr0, &regs->mmfr1, &regs->mmfr2);
	regs->mmfr3 = BIT(16) | BIT(8); /* S1POE, S1PIE */
}

/* VTCR_EL2.SL0, and with 5 levels SL2, by granule. */
static uint64_t start_level(unsigned int granule_lg2, unsigned int nr_levels)
{
	static const uint64_t sl0_4k[] = { [1] = 3, [2] = 0, [3] = 1, [4] = 2, [5] = 0 };

	if (granule_lg2 == 12)
		return sl0_4k[nr_levels] << 6 | (nr_levels == 5 ? VTCR_SL2 : 0);
	return (uint64_t)(nr_levels - 1) << 6;
}

static void read_arm64_s2(struct pt_arm64_s2_regs *regs, const struct dump_root *root)
{
	const struct pt_fmt_cfg *cfg = &root->cfg;
	unsigned int granule_lg2 = root->info.granule_lg2;

	regs->vttbr = dump_ttbr_of(pt_pgtable_root(root->pt));
	regs->vtcr = (regs->vtcr & VTCR_HA) | (64 - cfg->va_bits) | (uint64_t)cfg->share << 12 |
		     tg0_of(granule_lg2) << 14 | pa_range(cfg->pa_bits) << 16 |
		     start_level(granule_lg2, root->info.nr_levels);
	if (cfg->features & PT_FEAT_HD)
		regs->vtcr |= VTCR_HA | VTCR_HD;
	if (is_lpa2(cfg))
		regs->vtcr |= VTCR_DS;
	regs->hcr = (regs->hcr & ~HCR_FWB) | HCR_VM | (cfg->features & PT_FEAT_FWB ? HCR_FWB : 0);
	read_features(cfg, &regs->mmfr0, &regs->mmfr1, &regs->mmfr2);
	if (!(cfg->features & PT_FEAT_XNX))
		regs->mmfr1 &= ~BITS(31, 28);
}

/* ---- either ---- */

static void read_root(struct explain_regime *machine, const struct dump_root *root)
{
	struct pt_fmt_cfg cfg;
	pt_pa_t root_pa;

	if (machine->arch == &explain_x86 && machine->two_stages)
		read_ept(&machine->ept, root);
	else if (machine->arch == &explain_x86)
		read_x86(&machine->x86, root);
	else if (machine->two_stages)
		read_arm64_s2(&machine->arm64_s2, root);
	else
		read_arm64(&machine->arm64, root);
	if (explain_config(machine, 1 + machine->two_stages, root->info.first, &cfg, &root_pa) ||
	    cfg.fmt != root->cfg.fmt || cfg.va_bits != root->cfg.va_bits ||
	    cfg.pa_bits != root->cfg.pa_bits || root_pa != pt_pgtable_root(root->pt))
		dump_die("no registers select the tables of %s", root->label);
}

static int load(struct explain_regime *machine)
{
	int err;

	if (machine->arch == &explain_x86) {
		err = pt_mmu_set_x86_64(machine->mmu, &machine->x86);
		if (!err && machine->two_stages)
			err = pt_mmu_set_ept(machine->mmu, &machine->ept);
		return err;
	}
	err = pt_mmu_set_arm64(machine->mmu, &machine->arm64);
	if (!err && machine->two_stages)
		err = pt_mmu_set_arm64_s2(machine->mmu, &machine->arm64_s2);
	return err;
}

void dump_machine_open(struct explain_regime *machine, const struct dump_source *source,
		       const struct dump_root *root, const struct dump_regs *regs)
{
	/* Registers are of one kind, whether or not the address is in one of their halves. */
	enum pt_format format = root ? root->cfg.fmt : source->roots[0].cfg.fmt;
	bool is_x86 = format == PT_FMT_X86_64 || format == PT_FMT_X86_EPT;
	int err;

	*machine = (struct explain_regime){
		.arch = is_x86 ? &explain_x86 : &explain_arm64,
		.phys = source->phys,
		.x86 = regs->x86,
		.arm64 = regs->arm64,
		.arm64_s2 = regs->arm64_s2,
		.ept = regs->ept,
		.two_stages = format >= PT_FMT_X86_EPT,
	};
	if (machine->two_stages) { /* of a guest that has not switched on the first one */
		machine->x86.cr0 &= ~CR0_PG;
		machine->arm64.sctlr &= ~SCTLR_M;
	}
	if (!source->has_regs)
		read_root(machine, root);
	err = pt_mmu_create(&machine->mmu, source->phys);
	if (err)
		dump_die("%s", pt_strerror(err));
	if (load(machine))
		dump_die("a processor refuses these control registers");
}

void dump_machine_close(struct explain_regime *machine)
{
	pt_mmu_destroy(machine->mmu);
}
