/* SPDX-License-Identifier: MIT */
/* The README's first program: map, translate. */
#include <ptlib/ptlib.h>

#include <inttypes.h>
#include <stdio.h>

int main(void)
{
	struct pt_pgtable_cfg cfg = { .mode = PT_MODE_PRIVATE };
	struct pt_reserve *tables;
	struct pt_pgtable *pt;
	struct pt_phys *phys;
	pt_pa_t pa;

	/* A terabyte of simulated memory, the first megabyte of it for tables. */
	if (pt_phys_create_anon(&phys, UINT64_C(1) << 40) || pt_reserve_create(&tables, phys, 12) ||
	    pt_reserve_add_range(tables, 0, 1 << 20))
		return 1;
	if (pt_fmt_cfg_init(&cfg.fmt, PT_FMT_X86_64))
		return 1;
	cfg.tables = pt_reserve_ops(tables);

	/* The five lines. */
	if (pt_pgtable_create(&pt, phys, &cfg))
		return 1;
	if (pt_map(pt, 0x7f0000000000, 0x80000000, 4 << 20, PT_ATTR_RW | PT_ATTR_USER, NULL))
		return 1;
	if (!pt_translate(pt, 0x7f0000212345, &pa))
		printf("CR3 %#" PRIx64 ": it is at %#" PRIx64 "\n", pt_pgtable_root(pt), pa);

	pt_pgtable_destroy(pt);
	if (pt_reserve_destroy(tables))
		return 1;
	pt_phys_destroy(phys);
	return 0;
}
