/* SPDX-License-Identifier: MIT */
/* Accesses through one table and through two stages, ns per access of a page's word. */
#include <errno.h>

#include "bench.h"
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
		.tcr = 16 | tg0 << 14 | UINT64_C(1) << 23 | UINT64_C(5) << 32 | /* T0SZ, TG0, EPD1, IPS */
		       UINT64_C(3) << 39,                                        /* HA, HD */
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

static const struct pass passes[] = {
	{ .name = "access_seq", .init = init_mmu, .run = access_seq,
	  .limit = "limit_descent_seq", .ratio = 3 },
	{ .name = "access_rand", .init = init_mmu, .run = access_rand,
	  .limit = "limit_descent_rand", .ratio = 2 },
	{ .name = "probe_seq", .init = init_mmu, .run = probe_seq,
	  .limit = "limit_descent_seq", .ratio = 3 },
	{ .name = "probe_rand", .init = init_mmu, .run = probe_rand,
	  .limit = "limit_descent_rand", .ratio = 2 },
};

void bench_register_all(void)
{
	limits_register();
	pass_register(passes, sizeof(passes) / sizeof(passes[0]));
}
