/* SPDX-License-Identifier: MIT */
#include "tables.h"

#include <stdio.h>
#include <stdlib.h>

#define CHECK(cond)                                                                                \
	do {                                                                                       \
		if (!(cond)) {                                                                     \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #cond);                 \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

#define NR_WINDOWS 4
#define NR_CHANGES 60

const struct machine tables_machines[TABLES_NR_MACHINES] = {
	{ "x86_64 4 levels", PT_FMT_X86_64, 48, 52, false, 0, false, 0 },
	{ "x86_64 5 levels", PT_FMT_X86_64, 57, 52, false, 0, false, 0 },
	{ "arm64 4K 48 bits", PT_FMT_ARM64_4K, 48, 48, false, 0, false, 0 },
	{ "arm64 4K 48 bits, upper half", PT_FMT_ARM64_4K, 48, 48, true, 0, false, 0 },
	{ "arm64 4K 39 bits, output 40", PT_FMT_ARM64_4K, 39, 40, false, 0, false, 0 },
	{ "arm64 4K 33 bits, dirty state", PT_FMT_ARM64_4K, 33, 44, true, PT_FEAT_HD, false, 0 },
	{ "arm64 4K 16 bits", PT_FMT_ARM64_4K, 16, 48, false, PT_FEAT_TTST, false, 0 },
	{ "arm64 4K LPA2 52 bits", PT_FMT_ARM64_4K_LPA2, 52, 52, false, 0, false, 0 },
	{ "arm64 4K LPA2 48 bits, upper half", PT_FMT_ARM64_4K_LPA2, 48, 52, true, 0, false, 0 },
	{ "arm64 16K 48 bits", PT_FMT_ARM64_16K, 48, 48, false, 0, false, 0 },
	{ "arm64 16K 47 bits, upper half", PT_FMT_ARM64_16K, 47, 48, true, PT_FEAT_HD, false, 0 },
	{ "arm64 16K LPA2 52 bits", PT_FMT_ARM64_16K_LPA2, 52, 52, false, 0, false, 0 },
	{ "arm64 16K LPA2 36 bits", PT_FMT_ARM64_16K_LPA2, 36, 52, true, 0, false, 0 },
	{ "arm64 64K 48 bits", PT_FMT_ARM64_64K, 48, 48, false, PT_FEAT_LPA, false, 0 },
	{ "arm64 64K LVA LPA 52 bits", PT_FMT_ARM64_64K, 52, 52, true, PT_FEAT_LPA, false, 0 },
	{ "arm64 64K 42 bits", PT_FMT_ARM64_64K, 42, 48, false, PT_FEAT_LPA | PT_FEAT_HD, false,
	  0 },
	{ "arm64 stage 2, 4K 48 bits", PT_FMT_ARM64_S2_4K, 48, 48, false, 0, false, 0 },
	{ "arm64 stage 2, 4K 40 bits, 2 tables as the root", PT_FMT_ARM64_S2_4K, 40, 44, false, 0,
	  false, 3 },
	{ "arm64 stage 2, 4K 43 bits, 16 tables, dirty state", PT_FMT_ARM64_S2_4K, 43, 44, false,
	  PT_FEAT_HD, false, 3 },
	{ "arm64 stage 2, 4K LPA2 52 bits, FWB", PT_FMT_ARM64_S2_4K_LPA2, 52, 52, false,
	  PT_FEAT_FWB, false, 0 },
	{ "arm64 stage 2, 16K 40 bits, 16 tables", PT_FMT_ARM64_S2_16K, 40, 48, false, 0, false,
	  2 },
	{ "arm64 stage 2, 16K LPA2 48 bits, 2 tables", PT_FMT_ARM64_S2_16K_LPA2, 48, 52, false,
	  PT_FEAT_FWB | PT_FEAT_HD, false, 3 },
	{ "arm64 stage 2, 64K LPA 46 bits, 16 tables", PT_FMT_ARM64_S2_64K, 46, 52, false,
	  PT_FEAT_LPA, false, 2 },
};

struct tables {
	const struct machine *machine;
	struct pt_phys *phys;
	struct pt_reserve *reserve;
	struct pt_pgtable *pt;
	struct pt_format_info info;
	uint64_t seed;
	pt_va_t window[NR_WINDOWS]; /* most of the accesses and all changes are here */
	uint64_t window_bytes;
};

/* splitmix64: a value for each (seed, i), with no state. */
static uint64_t mix(uint64_t seed, uint64_t i)
{
	uint64_t x = seed * UINT64_C(0xd1342543de82ef95) + (i + 1) * UINT64_C(0x9e3779b97f4a7c15);

	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

struct dice {
	uint64_t seed, i;
};

static uint64_t roll(struct dice *dice, uint64_t sides)
{
	return mix(dice->seed, dice->i++) % sides;
}

static bool is_x86(const struct tables *t)
{
	return t->machine->fmt == PT_FMT_X86_64;
}

static bool is_stage2(const struct tables *t)
{
	return t->machine->fmt >= PT_FMT_ARM64_S2_4K && t->machine->fmt <= PT_FMT_ARM64_S2_64K;
}

/* Windows of a few large leaves: at both ends of each half, and in between. */
static void place_windows(struct tables *t)
{
	unsigned int top = t->info.nr_levels - 1, level = top < 2 ? top : 2;
	uint64_t size;
	pt_va_t low_last, span;

	while (level && t->info.leaf_lg2[level] > t->machine->va_bits - 3)
		level--;
	size = UINT64_C(1) << (t->info.leaf_lg2[level] + (level ? 1 : 2));
	t->window_bytes = size;
	low_last = is_x86(t) ? (UINT64_C(1) << (t->machine->va_bits - 1)) - 1 : t->info.last;
	span = low_last - t->info.first;
	t->window[0] = t->info.first;
	t->window[1] = low_last - size + 1;
	t->window[2] = (t->info.first + span / 3) & ~(size - 1);
	t->window[3] = is_x86(t) ? -size : (t->info.first + span / 2 + 1) & ~(size - 1);
}

static pt_attr_t random_attr(const struct tables *t, struct dice *dice)
{
	pt_attr_t attr = PT_ATTR_READ | (roll(dice, 8) ? PT_ATTR_ACCESSED : 0);

	attr |= roll(dice, 2) ? PT_ATTR_WRITE : 0;
	attr |= roll(dice, 2) ? PT_ATTR_USER : 0;
	attr |= roll(dice, 2) ? PT_ATTR_EXEC : 0;
	attr |= roll(dice, 4) ? 0 : PT_ATTR_GLOBAL;
	attr |= roll(dice, 2) ? PT_ATTR_DIRTY : 0;
	if (t->info.attrs & PT_ATTR_EXEC_OTHER && !roll(dice, 3))
		attr |= PT_ATTR_EXEC_OTHER;
	if (!(attr & (PT_ATTR_EXEC | PT_ATTR_EXEC_OTHER)) && !roll(dice, 3))
		attr |= PT_ATTR_MEM(is_x86(t) ? PT_MEM_WT : PT_MEM_WC);
	attr |= PT_ATTR_SW(roll(dice, 16));
	/* leaves that allow no loads, or nothing at all */
	if (is_stage2(t) && !roll(dice, 4))
		attr &= ~PT_ATTR_READ;
	return attr & t->info.attrs;
}

/* A range in one window, of any alignment from the page's to the window's. */
static uint64_t random_range(const struct tables *t, struct dice *dice, pt_va_t *va)
{
	uint64_t granule = UINT64_C(1) << t->info.granule_lg2;
	unsigned int level =
		(unsigned int)roll(dice, t->info.nr_levels < 3 ? t->info.nr_levels : 3);
	uint64_t unit = UINT64_C(1) << t->info.leaf_lg2[level], len;

	while (unit > t->window_bytes)
		unit >>= 1;
	len = unit * (1 + roll(dice, t->window_bytes / unit < 20 ? t->window_bytes / unit : 20));
	if (!roll(dice, 3) && len > granule)
		len -= granule;
	*va = t->window[roll(dice, NR_WINDOWS)] +
	      (t->window_bytes > len ? roll(dice, (t->window_bytes - len) / granule + 1) * granule :
				       0);
	if (roll(dice, 2))
		*va &= ~(unit - 1);
	return len;
}

static pt_pa_t random_pa(const struct tables *t, struct dice *dice, pt_va_t va, uint64_t len)
{
	uint64_t granule = UINT64_C(1) << t->info.granule_lg2;
	pt_pa_t room = (UINT64_C(1) << t->machine->pa_bits) - len;
	pt_pa_t pa = mix(dice->seed, dice->i++) % room & ~(granule - 1);

	/* Mostly as va is aligned, so that large leaves and blocks arise. */
	if (roll(dice, 4))
		pa = (pa & ~(t->window_bytes - 1)) | (va & (t->window_bytes - 1));
	if (pa > room)
		pa = room & ~(granule - 1);
	/* Keep clear of what holds the tables: a store must not change them. */
	if (pa < TABLES_BASE + TABLES_BYTES)
		pa += TABLES_BASE + TABLES_BYTES;
	return pa;
}

static void change(struct tables *t, struct dice *dice)
{
	struct pt_change how = { .flags = roll(dice, 2) ? PT_CHANGE_FREE_TABLES : 0 };
	unsigned int level = (unsigned int)roll(dice, t->info.nr_levels);
	pt_attr_t attr = random_attr(t, dice);
	pt_va_t va;
	uint64_t len = random_range(t, dice, &va);
	int err;

	switch (roll(dice, 8)) {
	case 0:
		err = pt_unmap(t->pt, va, len, &how);
		break;
	case 1:
		how.flags = PT_CHANGE_SKIP_HOLES;
		err = pt_protect(t->pt, va, len, attr & PT_ATTR_WRITE,
				 roll(dice, 2) ? PT_ATTR_USER : PT_ATTR_EXEC, &how);
		break;
	case 2:
		if (!t->info.can_leaf[level] || len > UINT64_C(64) << t->info.leaf_lg2[level])
			return;
		how.flags = 0;
		err = pt_split(t->pt, va, len, level, &how);
		break;
	case 3:
		if (!t->info.can_leaf[level])
			return;
		how.flags = 0;
		err = pt_collapse(t->pt, va, len, level, &how);
		break;
	default:
		how.flags = 0;
		err = pt_map(t->pt, va, random_pa(t, dice, va, len), len, attr, &how);
		CHECK(err == 0 || err == -EEXIST || err == -ENOMEM);
		return;
	}
	CHECK(err == 0 || err == -ENOMEM);
}

struct tables *tables_build(const struct machine *machine, uint64_t seed, int fd, uint64_t offset)
{
	const struct pt_phys_region region = {
		.pa = TABLES_BASE,
		.len = TABLES_BYTES,
		.fd = fd,
		.offset = offset,
		.flags = fd >= 0 ? PT_PHYS_SHARED : 0,
	};
	struct pt_pgtable_cfg cfg = { .mode = PT_MODE_PRIVATE };
	struct tables *t = calloc(1, sizeof(*t));
	struct dice dice = { seed, 0 };

	CHECK(t);
	t->machine = machine;
	t->seed = seed;
	CHECK(pt_fmt_cfg_init(&cfg.fmt, machine->fmt) == 0);
	cfg.fmt.va_bits = machine->va_bits;
	cfg.fmt.pa_bits = machine->pa_bits;
	cfg.fmt.upper_half = machine->upper;
	cfg.fmt.levels = machine->levels;
	cfg.fmt.features |= machine->features;
	if (machine->no_1g)
		cfg.fmt.features &= ~PT_FEAT_1G;
	CHECK(pt_format_info(&cfg.fmt, &t->info) == 0);
	CHECK(pt_phys_create(&t->phys, &region, 1, 12) == 0);
	CHECK(pt_reserve_create(&t->reserve, t->phys, t->info.granule_lg2) == 0);
	CHECK(pt_reserve_add_range(t->reserve, TABLES_BASE, TABLES_BYTES) == 0);
	cfg.tables = pt_reserve_ops(t->reserve);
	CHECK(pt_pgtable_create(&t->pt, t->phys, &cfg) == 0);
	place_windows(t);
	for (unsigned int i = 0; i < NR_CHANGES; i++)
		change(t, &dice);
	CHECK(pt_verify(t->pt, NULL, NULL) == 0);
	return t;
}

void tables_free(struct tables *t)
{
	pt_pgtable_destroy(t->pt);
	CHECK(pt_reserve_destroy(t->reserve) == 0);
	pt_phys_destroy(t->phys);
	free(t);
}

void tables_x86_regs(const struct tables *t, struct pt_x86_regs *regs)
{
	*regs = (struct pt_x86_regs){
		.cr0 = 0x80010033, /* PG, WP, and what long mode wants */
		.cr3 = pt_pgtable_root(t->pt),
		.cr4 = 0x20 | (t->machine->va_bits == 57 ? 1u << 12 : 0),
		.efer = 0xd01, /* NXE, LMA, LME */
	};
}

/* The inverse of pt_fmt_cfg_arm64(). */
void tables_arm64_regs(const struct tables *t, struct pt_arm64_regs *regs)
{
	const struct pt_fmt_cfg *cfg = pt_pgtable_fmt(t->pt);
	unsigned int granule = t->info.granule_lg2;
	uint64_t tg0 = granule == 12 ? 0 : granule == 16 ? 1 : 2;
	uint64_t tg1 = granule == 12 ? 2 : granule == 16 ? 3 : 1;
	uint64_t tsz = 64 - cfg->va_bits, other = 64 - 32, ips = 0;
	static const unsigned int bits[] = { 32, 36, 40, 42, 44, 48, 52 };
	pt_pa_t root = pt_pgtable_root(t->pt);
	uint64_t ttbr =
		cfg->pa_bits == 52 ? (root & 0xffffffffffc0) | (root >> 48 & 0xf) << 2 : root;

	while (bits[ips] != cfg->pa_bits)
		ips++;
	*regs = (struct pt_arm64_regs){ .mair = cfg->mem_types };
	regs->tcr = (cfg->upper_half ? other : tsz) | (cfg->upper_half ? tsz : other) << 16 |
		    UINT64_C(3) << 12 | tg0 << 14 | UINT64_C(3) << 28 | tg1 << 30 | ips << 32 |
		    UINT64_C(1) << (cfg->upper_half ? 7 : 23) /* EPD of the half not used */;
	if (cfg->features & PT_FEAT_HD)
		regs->tcr |= UINT64_C(3) << 39; /* HA, HD */
	if (cfg->fmt == PT_FMT_ARM64_4K_LPA2 || cfg->fmt == PT_FMT_ARM64_16K_LPA2)
		regs->tcr |= UINT64_C(1) << 59; /* DS */
	if (cfg->upper_half)
		regs->ttbr1 = ttbr;
	else
		regs->ttbr0 = ttbr;
}

/* The inverse of pt_fmt_cfg_arm64_s2(). */
void tables_arm64_s2_regs(const struct tables *t, struct pt_arm64_s2_regs *regs)
{
	const struct pt_fmt_cfg *cfg = pt_pgtable_fmt(t->pt);
	unsigned int granule = t->info.granule_lg2, levels = t->info.nr_levels;
	static const uint64_t sl0_4k[] = { 0, 3, 0, 1, 2, UINT64_C(1) << 27 /* SL2 */ };
	static const unsigned int bits[] = { 32, 36, 40, 42, 44, 48, 52 };
	bool lpa2 = cfg->fmt == PT_FMT_ARM64_S2_4K_LPA2 || cfg->fmt == PT_FMT_ARM64_S2_16K_LPA2;
	pt_pa_t root = pt_pgtable_root(t->pt), found;
	struct pt_fmt_cfg again;
	uint64_t ps = 0;

	while (bits[ps] != cfg->pa_bits)
		ps++;
	*regs = (struct pt_arm64_s2_regs){ .hcr = 1, .vttbr = root };
	regs->vtcr = (64 - cfg->va_bits) | (granule == 12 ? sl0_4k[levels] : levels - 1) << 6 |
		     UINT64_C(3) << 12 | (granule == 12 ? 0u : granule == 16 ? 1u : 2u) << 14 |
		     ps << 16 | UINT64_C(1) << 31 | (uint64_t)lpa2 << 32;
	if (cfg->features & PT_FEAT_HD)
		regs->vtcr |= UINT64_C(3) << 21; /* HA, HD */
	if (cfg->features & PT_FEAT_FWB)
		regs->hcr |= UINT64_C(1) << 46;
	if (cfg->pa_bits == 52 || lpa2)
		regs->vttbr = (root & 0xffffffffffc0) | (root >> 48 & 0xf) << 2;
	CHECK(pt_fmt_cfg_arm64_s2(&again, &found, regs) == 0);
	CHECK(found == root && again.fmt == cfg->fmt && again.levels == levels &&
	      again.va_bits == cfg->va_bits && again.pa_bits == cfg->pa_bits);
}

/* Aligned to 8: one page, one piece. */
struct access tables_access(const struct tables *t, uint64_t i)
{
	struct dice dice = { ~t->seed, 4 * i };
	uint64_t where = roll(&dice, NR_WINDOWS);
	struct access access = { .op = "rwx"[roll(&dice, 3)], .user = roll(&dice, 2) };

	access.va = t->window[where] + (mix(~t->seed, 4 * i + 3) & (t->window_bytes - 1) & ~7ull);
	return access;
}

static bool permits(const struct tables *t, const struct access *access, pt_attr_t attr)
{
	bool x86 = is_x86(t), dirty_state = t->machine->features & PT_FEAT_HD;

	/* arm64 without hardware updates: the first access faults (D8.4.5); with: it sets AF. */
	if (!x86 && !dirty_state && !(attr & PT_ATTR_ACCESSED))
		return false;
	if (is_stage2(t)) {
		bool user_exec = attr & (t->info.attrs & PT_ATTR_EXEC_OTHER ? PT_ATTR_EXEC_OTHER :
									      PT_ATTR_EXEC);

		switch (access->op) {
		case 'w':
			return attr & PT_ATTR_WRITE;
		case 'x':
			return access->user ? user_exec : attr & PT_ATTR_EXEC;
		default:
			return attr & PT_ATTR_READ;
		}
	}
	switch (access->op) {
	case 'w':
		return attr & PT_ATTR_WRITE && (!access->user || attr & PT_ATTR_USER);
	case 'x':
		if (x86)
			return attr & PT_ATTR_EXEC && (!access->user || attr & PT_ATTR_USER);
		if (access->user)
			return pt_attr_user_exec(attr);
		/* What EL0 can write is never executable at EL1 (D8.4.1.2). */
		return pt_attr_priv_exec(attr) &&
		       (attr & (PT_ATTR_WRITE | PT_ATTR_USER)) != (PT_ATTR_WRITE | PT_ATTR_USER);
	default:
		return !access->user || attr & PT_ATTR_USER;
	}
}

/*
 * A writable-clean entry counts as writable (the Arm ARM's S1ApplyOutputPerms
 * clears the effective AP[2] where DBM is set), so what EL0 may write this way is
 * not executable at EL1. QEMU 7.2 looks at the AP[2] in memory and lets it be.
 */
static bool emulators_differ(const struct tables *t, const struct access *access, pt_attr_t attr)
{
	return t->machine->features & PT_FEAT_HD && access->op == 'x' && !access->user &&
	       !is_stage2(t) &&
	       (attr & (PT_ATTR_WRITE | PT_ATTR_USER | PT_ATTR_DIRTY)) ==
		       (PT_ATTR_WRITE | PT_ATTR_USER);
}

struct expectation tables_expect(const struct tables *t, const struct access *access)
{
	struct expectation expect = { .answer = ANSWER_FAULT };
	struct pt_leaf leaf;
	int err = pt_lookup(t->pt, access->va, &leaf);

	CHECK(err == 0 || err == -ENOENT);
	if (!err && emulators_differ(t, access, leaf.attr)) {
		expect.answer = ANSWER_EITHER;
		return expect;
	}
	if (!err && permits(t, access, leaf.attr)) {
		expect.answer = ANSWER_ALLOWED;
		expect.pa = leaf.pa;
	}
	return expect;
}
