/* SPDX-License-Identifier: MIT */
/* The same program on every format: map, translate, protect, walk, unmap. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <ptlib/ptlib.h>

#define MiB (UINT64_C(1) << 20)
#define GiB (UINT64_C(1) << 30)

static void must(int err, const char *what)
{
	if (err) {
		fprintf(stderr, "map_and_walk: %s: %s\n", what, pt_strerror(err));
		exit(1);
	}
}

static void print_runs(struct pt_pgtable *pt)
{
	struct pt_range_walk walk;
	enum pt_range_walk_type type;

	for (type = pt_range_walk_start(&walk, pt, 0, UINT64_MAX, PT_TYPE_PFN, 0); type != PTW_DONE;
	     type = pt_range_walk_next(&walk)) {
		if (type == PTW_AGAIN || type == PTW_ABORT)
			continue;
		printf("  0x%010" PRIx64 " -> 0x%010" PRIx64 "  %7" PRIu64
		       "K in leaves of %7" PRIu64 "K  %c%c%c\n",
		       walk.va, walk.pa, walk.len >> 10, UINT64_C(1) << walk.size_lg2 >> 10,
		       walk.attr & PT_ATTR_READ ? 'r' : '-', walk.attr & PT_ATTR_WRITE ? 'w' : '-',
		       walk.attr & PT_ATTR_EXEC ? 'x' : '-');
	}
	must(pt_range_walk_done(&walk), "walk");
}

static void map_and_walk(struct pt_phys *phys, enum pt_format format)
{
	struct pt_pgtable_cfg cfg = { .mode = PT_MODE_EXCLUSIVE };
	struct pt_format_info info;
	struct pt_reserve *reserve;
	struct pt_pgtable *pt;
	uint64_t page, pa;

	must(pt_fmt_cfg_init(&cfg.fmt, format), "configuration");
	must(pt_format_info(&cfg.fmt, &info), "format");
	must(pt_reserve_create(&reserve, phys, info.granule_lg2), "reserve");
	must(pt_reserve_add_range(reserve, 0, 16 * MiB), "room for tables");
	cfg.tables = pt_reserve_ops(reserve);
	must(pt_pgtable_create(&pt, phys, &cfg), "create");
	page = pt_granule(pt);

	must(pt_map(pt, GiB, 2 * GiB, GiB, PT_ATTR_RW, NULL), "map memory");
	must(pt_map(pt, 4 * MiB, 16 * MiB, page, PT_ATTR_RW, NULL), "map a page");
	must(pt_map(pt, 8 * MiB, 32 * MiB, 4 * page, PT_ATTR_READ | PT_ATTR_EXEC, NULL), "code");
	must(pt_translate(pt, GiB + 0x12345, &pa), "translate");
	printf("%s: 0x%" PRIx64 " is at 0x%" PRIx64 "\n", info.name, GiB + 0x12345, pa);
	print_runs(pt);

	must(pt_protect(pt, GiB + page, page, 0, PT_ATTR_WRITE, NULL), "protect");
	printf(" one page read-only, the block around it split:\n");
	print_runs(pt);

	must(pt_unmap(pt, 0, 4 * GiB, NULL), "unmap");
	pt_pgtable_destroy(pt);
	must(pt_reserve_destroy(reserve), "return the tables");
}

int main(void)
{
	struct pt_phys *phys;

	must(pt_phys_create_anon(&phys, 64 * MiB), "memory");
	for (enum pt_format format = 0; format < PT_FMT_NR; format++)
		map_and_walk(phys, format);
	pt_phys_destroy(phys);
	return 0;
}
