/* SPDX-License-Identifier: MIT */
/* A process of 64 GiB, whose memory costs the host its tables and descriptors alone. */
#include "process.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "bench.h"
#include "fixture.h"
#include "mm/mm_internal.h"
#include "phys/phys_internal.h"

#define PROCESS_LEN ((uint64_t)64 << 30)
#define TRIAL_LEN ((uint64_t)1 << 30)
#define TABLES_LEN ((uint64_t)1 << 30) /* and what else the zone gives */
#define PROCESS_VA ((pt_va_t)1 << 40)

struct process {
	struct pt_phys *phys;
	struct pt_zone *zone;
	struct pt_world *world;
	struct pt_mm *mm;
	uint64_t len, page; /* bytes */
	unsigned int order;
	_Atomic uint64_t **table; /* of level 0, in the order of addresses */
	size_t nr_tables, nr_entries;
};

struct process_case {
	const struct fmt_case *fmt;
	const char *order_name;
	unsigned int order;
	int (*run)(const struct process *process);
};

static int make_world(struct process *process, const struct fmt_case *fmt)
{
	const struct pt_mm_cfg cfg = { .mode = PT_MODE_PRIVATE };
	struct pt_phys_region region = { .len = process->len + TABLES_LEN, .fd = -1 };
	const struct pt_extent ram = { .len = process->len + TABLES_LEN };
	const struct pt_zone_cfg zone = { .ranges = &ram, .nr_ranges = 1 };
	struct pt_world_cfg world = { .flags = PT_WORLD_NO_CONTENT };
	struct pt_format_info info;
	int err = pt_fmt_cfg_init(&world.fmt, fmt->fmt);

	if (!err)
		err = pt_soft_cfg_init(&world.soft,
				       fmt->fmt == PT_FMT_X86_64 ? PT_SOFT_X86 : PT_SOFT_ARM64,
				       &world.fmt, 0);
	if (!err)
		err = pt_format_info(&world.fmt, &info);
	if (err)
		return err;
	process->page = (uint64_t)1 << info.granule_lg2;
	process->nr_entries = (size_t)1 << info.entries_lg2[0];
	err = pt_phys_create(&process->phys, &region, 1, info.granule_lg2);
	if (!err)
		err = pt_zone_create(&process->zone, process->phys, &zone);
	world.zone = process->zone;
	if (!err)
		err = pt_world_create(&process->world, process->phys, &world);
	return err ? err : pt_mm_create(&process->mm, process->world, &cfg);
}

static int fill(struct process *process)
{
	const struct pt_mm_area area = {
		.first = PROCESS_VA,
		.last = PROCESS_VA + process->len - 1,
		.kind = PT_MM_ANON,
		.flags = PT_MM_READ | PT_MM_WRITE,
		.node = PT_MM_ANY_NODE,
	};
	int err = pt_mm_map(process->mm, &area);

	return err ? err
		   : pt_mm_populate(process->mm, area.first, process->len, process->order, NULL);
}

static int find_tables(struct process *process)
{
	const uint64_t reach = process->page * process->nr_entries;

	process->nr_tables = process->len / reach;
	process->table = calloc(process->nr_tables, sizeof(*process->table));
	if (!process->table)
		return -ENOMEM;
	for (size_t i = 0; i < process->nr_tables; i++) {
		struct pt_step steps[PT_MAX_LEVELS];
		unsigned int nr;
		int err = pt_trace(pt_mm_pgtable(process->mm), PROCESS_VA + i * reach, steps, &nr);

		if (err)
			return err;
		process->table[i] =
			pt_phys_to_host(process->phys, steps[nr - 1].table_pa, process->page);
		if (!process->table[i] || steps[nr - 1].level)
			return -EIO;
	}
	return 0;
}

static void process_exit(struct process *process)
{
	pt_mm_destroy(process->mm);
	(void)!pt_world_destroy(process->world);
	(void)!pt_zone_destroy(process->zone);
	pt_phys_destroy(process->phys);
	free(process->table);
}

static int smaps(const struct process *process)
{
	struct pt_view view = pt_mm_view(process->mm);
	struct pt_smaps sum = { 0 };
	int err = pt_smaps(&view, 0, UINT64_MAX, &sum);

	if (err)
		return err;
	return sum.rss != process->len || sum.private_dirty != process->len ||
			       sum.pss_fine >> 12 != process->len
		       ? -EIO
		       : 0;
}

static int load_all(const struct process *process)
{
	const struct ptl_region *region = ptl_phys_find(process->phys, 0);
	const struct ptl_page *pages = ptl_page_at(process->world, 0);
	const unsigned int page_lg2 = (unsigned int)__builtin_ctzll(process->page);
	const uint64_t address = PTL_BITS(47, page_lg2);
	const size_t folio = (size_t)1 << process->order;
	uint64_t sum = 0;

	for (size_t i = 0; i < process->nr_tables; i++) {
		for (size_t k = 0; k < process->nr_entries; k += folio) {
			_Atomic uint64_t *entry = &process->table[i][k];
			size_t frame =
				(atomic_load_explicit(entry, memory_order_relaxed) & address) >>
				page_lg2;

			for (size_t n = 0; n < folio; n++)
				sum += atomic_load_explicit(&entry[n], memory_order_relaxed);
			sum += atomic_load_explicit(&region->frames[frame].use,
						    memory_order_relaxed);
			sum += atomic_load_explicit(&pages[frame].maps, memory_order_relaxed);
		}
	}
	bench_use(sum);
	return 0;
}

static void run_case(struct bench *b, const void *arg)
{
	const struct process_case *c = arg;
	struct process process = { .len = bench_is_trial() ? TRIAL_LEN : PROCESS_LEN,
				   .order = c->order };
	char limit[64];
	int err = make_world(&process, c->fmt);

	if (!err)
		err = fill(&process);
	if (!err)
		err = find_tables(&process);
	while (!err && bench_keep_running(b, process.len / process.page))
		err = c->run(&process);
	process_exit(&process);
	if (err)
		bench_fail(b, pt_strerror(err));
	if (err || c->run != smaps)
		return;
	snprintf(limit, sizeof(limit), "limit_smaps/%s/%s", c->order_name, c->fmt->name);
	bench_bar(b, limit, 1.5, 0);
}

void process_register(void)
{
	static struct process_case cases[NR_FMT_CASES * 4];
	size_t nr = 0;

	for (size_t i = 0; i < NR_FMT_CASES * 4; i++) {
		struct process_case *c = &cases[nr++];
		char name[64];

		*c = (struct process_case){
			.fmt = &fmt_cases[i / 4],
			.order_name = i & 1 ? "order4" : "order0",
			.order = i & 1 ? 4 : 0,
			.run = i & 2 ? smaps : load_all,
		};
		snprintf(name, sizeof(name), "%s/%s/%s", i & 2 ? "smaps" : "limit_smaps",
			 c->order_name, c->fmt->name);
		bench_register(name, run_case, c);
	}
}
