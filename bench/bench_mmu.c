/* SPDX-License-Identifier: MIT */
/* Accesses through one table and through two stages, ns per access of a page's word. */
#include <errno.h>
#include <stdatomic.h>

#include "bench.h"
#include "calls.h"
#include "limits.h"
#include "pass.h"

/* Paging on with the fixture's table as the lower half, and everything as Linux has it. */
static int load_x86_64(struct fixture *fx)
{
	const struct pt_x86_regs regs = {
		.cr0 = UINT64_C(0x80010033), /* PG, WP, PE */
		.cr3 = pt_pgtable_root(fx->pt),
		.cr4 = UINT64_C(0x3000a0),   /* SMAP, SMEP, PGE, PAE */
		.efer = UINT64_C(0xd01),     /* NXE, LMA, LME */
	};

	return pt_mmu_set_x86_64(fx->mmu, &regs);
}

static int load_arm64(struct fixture *fx)
{
	uint64_t tg0 = fx->info.granule_lg2 == 12 ? 0 : fx->info.granule_lg2 == 16 ? 1 : 2;
	const struct pt_arm64_regs regs = {
		.ttbr0 = pt_pgtable_root(fx->pt),
		.tcr = 16 | tg0 << 14 | UINT64_C(1) << 23 |   /* T0SZ, TG0, EPD1 */
		       UINT64_C(5) << 32 | UINT64_C(3) << 39, /* IPS; HA, HD */
		.mair = UINT64_C(0x000000040044ffff),
		.sctlr = 1,
		.pan = true,
	};

	return pt_mmu_set_arm64(fx->mmu, &regs);
}

static int init_mmu(struct fixture *fx)
{
	int err = fixture_map(fx);

	if (!err)
		err = pt_mmu_create(&fx->mmu, fx->phys);
	if (err)
		return err;
	return fx->fmt == PT_FMT_X86_64 ? load_x86_64(fx) : load_arm64(fx);
}

/* An unprivileged load from each page, in @order or in turn. */
static inline __attribute__((always_inline)) int
each_page(struct fixture *fx, const uint32_t *order,
	  int (*access)(const struct pt_mmu *mmu, pt_va_t va, const struct pt_access *how,
			struct pt_access_result *result))
{
	const struct pt_access how = {
		.kind = PT_ACCESS_READ,
		.size = 8,
		.priv = fx->fmt == PT_FMT_X86_64 ? 3 : 0,
	};
	struct pt_access_result result;
	pt_pa_t sum = 0;

	for (size_t i = 0; i < WINDOW_PAGES; i++) {
		pt_va_t va = fx->va + (pt_va_t)(order ? order[i] : i) * fx->page;

		if (access(fx->mmu, va, &how, &result))
			return -EIO;
		sum += result.piece[0].pa;
	}
	bench_use(sum);
	return 0;
}

static int access_seq(struct fixture *fx)
{
	return each_page(fx, NULL, pt_access);
}

static int access_rand(struct fixture *fx)
{
	return each_page(fx, fx->order, pt_access);
}

static int probe_seq(struct fixture *fx)
{
	return each_page(fx, NULL, pt_access_probe);
}

static int probe_rand(struct fixture *fx)
{
	return each_page(fx, fx->order, pt_access_probe);
}

/* ---- two stages ---- */

#define SECOND_PA ((pt_pa_t)1 << 30) /* where the second stage's own tables are */
#define SECOND_LEN ((uint64_t)8 << 20)

/* The second stage: the guest's tables and its window, both where they are, by base pages. */
static int make_second(struct fixture *fx)
{
	const struct pt_phys_region room = { .pa = SECOND_PA, .len = SECOND_LEN, .fd = -1 };
	const pt_attr_t attr = PT_ATTR_RW | PT_ATTR_EXEC | PT_ATTR_ACCESSED | PT_ATTR_DIRTY;
	bool x86 = fx->fmt == PT_FMT_X86_64;
	struct pt_pgtable_cfg cfg = { .mode = PT_MODE_PRIVATE };
	int err = pt_fmt_cfg_init(&cfg.fmt, x86 ? PT_FMT_X86_EPT : PT_FMT_ARM64_S2_4K);

	if (!err)
		err = pt_phys_add(fx->phys, &room);
	if (!err)
		err = pt_reserve_create(&fx->second_reserve, fx->phys, fx->info.granule_lg2);
	if (!err)
		err = pt_reserve_add_range(fx->second_reserve, SECOND_PA, SECOND_LEN);
	if (err)
		return err;
	cfg.tables = pt_reserve_ops(fx->second_reserve);
	err = pt_pgtable_create(&fx->second, fx->phys, &cfg);
	if (!err)
		err = pt_map(fx->second, 0, 0, SECOND_LEN, attr, &fx->change);
	return err ? err : pt_map(fx->second, fx->pa, fx->pa, fx->len, attr, &fx->change);
}

static int init_nested(struct fixture *fx)
{
	int err = init_mmu(fx);

	if (!err)
		err = make_second(fx);
	if (err)
		return err;
	if (fx->fmt == PT_FMT_X86_64) {
		const struct pt_x86_ept_regs ept = {
			.eptp = pt_pgtable_root(fx->second) | 3 << 3 | 6, /* 4 levels, write-back */
		};

		return pt_mmu_set_ept(fx->mmu, &ept);
	}
	const struct pt_arm64_s2_regs stage2 = {
		.vtcr = 16 | 2 << 6 | UINT64_C(5) << 16, /* T0SZ, SL0: 4 levels, PS: 48 bits */
		.vttbr = pt_pgtable_root(fx->second),
		.hcr = 1,
	};

	return pt_mmu_set_arm64_s2(fx->mmu, &stage2);
}

static int access_nested(struct fixture *fx)
{
	return each_page(fx, NULL, pt_access);
}

static inline uint64_t word_of(const uint8_t *table, uint64_t in, unsigned int level)
{
	const _Atomic uint64_t *words = (const void *)table;

	return atomic_load_explicit(&words[in >> (12 + 9 * level) & 511], memory_order_relaxed);
}

#define ADDRESS UINT64_C(0x0000fffffffff000)

/* What 24 dependent loads cost: four for each of the guest's tables, and for where it leads. */
static int limit_nested(struct fixture *fx)
{
	const uint8_t *guest = pt_phys_to_host(fx->phys, 0, fx->page);
	const uint8_t *own =
		(const uint8_t *)pt_phys_to_host(fx->phys, SECOND_PA, fx->page) - SECOND_PA;
	pt_pa_t root = pt_pgtable_root(fx->pt), second = pt_pgtable_root(fx->second);
	uint64_t sum = 0;

	for (size_t i = 0; i < WINDOW_PAGES; i++) {
		pt_va_t va = fx->va + i * fx->page;
		pt_pa_t ipa = root;

#pragma GCC unroll 5
		for (unsigned int stage1 = 5; stage1--;) {
			pt_pa_t pa = second;

#pragma GCC unroll 4
			for (unsigned int level = 4; level--;)
				pa = word_of(own + pa, ipa, level) & ADDRESS;
			ipa = stage1 ? word_of(guest + pa, va, stage1 - 1) & ADDRESS : pa;
		}
		sum += ipa;
	}
	bench_use(sum);
	return 0;
}

static const struct pass passes[] = {
	{ .name = "access_seq", .init = init_mmu, .run = access_seq,
	  .limit = "limit_descent_seq", .ratio = 3 },
	{ .name = "access_rand", .init = init_mmu, .run = access_rand,
	  .limit = "limit_descent_rand", .ratio = 2 },
	{ .name = "probe_seq", .init = init_mmu, .run = probe_seq,
	  .limit = "limit_descent_seq", .ratio = 3 },
	{ .name = "probe_rand", .init = init_mmu, .run = probe_rand,
	  .limit = "limit_descent_rand", .ratio = 2 },
	{ .name = "limit_nested", .init = init_nested, .run = limit_nested, .nested = true },
	{ .name = "access_nested", .init = init_nested, .run = access_nested, .nested = true,
	  .limit = "limit_nested", .ratio = 3 },
};

void bench_register_all(void)
{
	limits_register();
	calls_register_mmu();
	pass_register(passes, sizeof(passes) / sizeof(passes[0]));
}
