// SPDX-License-Identifier: MIT
// libptlib from C++: what differs there is linkage, and functions that are named as a struct is.
#include <cstdio>

#include <ptlib/ptlib.h>

int main()
{
	struct pt_pgtable_cfg cfg = {};
	struct pt_format_info info;
	struct pt_reserve *tables;
	struct pt_usage usage;
	struct pt_pgtable *pt;
	struct pt_phys *phys;
	pt_pa_t pa = 0;

	if (pt_phys_create_anon(&phys, 1 << 24) || pt_reserve_create(&tables, phys, 12) ||
	    pt_reserve_add_range(tables, 0, 1 << 20))
		return 1;
	if (pt_fmt_cfg_init(&cfg.fmt, PT_FMT_X86_64) || pt_format_info(&cfg.fmt, &info))
		return 1;
	cfg.mode = PT_MODE_PRIVATE;
	cfg.tables = pt_reserve_ops(tables);
	if (pt_pgtable_create(&pt, phys, &cfg))
		return 1;
	if (pt_map(pt, 0x400000, 0x200000, 0x3000, PT_ATTR_RW | PT_ATTR_USER, nullptr) ||
	    pt_translate(pt, 0x402345, &pa) || pt_usage(pt, &usage))
		return 1;
	std::printf("%s: 0x402345 is at %#llx, by %zu leaves\n", info.name,
		    static_cast<unsigned long long>(pa), usage.leaves[0]);
	pt_pgtable_destroy(pt);
	if (pt_reserve_destroy(tables))
		return 1;
	pt_phys_destroy(phys);
	return pa == 0x202345 && usage.leaves[0] == 3 ? 0 : 1;
}
