/* SPDX-License-Identifier: MIT */
/* The workload on one machine: a zone, its direct map, and what counts or performs its flushes. */
#include "unmapped_pages.h"

#include <stdio.h>
#include <stdlib.h>

#define PAGE UINT64_C(4096)
#define GIB (UINT64_C(1) << 30)
#define PAGEBLOCK (2 * GIB / 1024)

const char *const um_way_names[UM_WAY_NR] = {
	"page at a time",
	"freetypes",
	"freetypes, batched",
};

struct machine {
	struct pt_phys *phys;
	struct pt_reserve *tables; /* beside the zone, so that its pages are the workload's alone */
	struct pt_zone *zone;
	struct pt_flush_count *count;
	struct um_cpus *cpus; /* or @count */
	struct pt_direct_map *dm;
	enum um_way way;
	uint64_t looks;
};

void um_die(const char *what, int err)
{
	fprintf(stderr, "unmapped_pages: %s: %s\n", what, pt_strerror(err));
	exit(2);
}

static void must(const char *what, int err)
{
	if (err)
		um_die(what, err);
}

static void start(struct machine *m, const struct um_machine *machine,
		  const struct um_workload *workload, enum um_way way)
{
	/* Room for the pages, whole pageblocks for a last batch, and a little more. */
	uint64_t len =
		(workload->pages * PAGE + (workload->batch + 2) * PAGEBLOCK + GIB) / GIB * GIB;
	struct pt_extent range = { GIB, len };
	/* As many as there are pageblocks, and some for the levels above. */
	struct pt_extent tables = { 2 * GIB + len, (len / PAGEBLOCK + 4096) * PAGE };
	const struct pt_phys_region regions[] = {
		{ .pa = range.pa, .len = range.len, .fd = -1 },
		{ .pa = tables.pa, .len = tables.len, .fd = -1 },
	};
	const struct pt_zone_cfg zone_cfg = {
		.ranges = &range,
		.nr_ranges = 1,
		.convert_batch = way == UM_FREETYPE_BATCHED ? workload->batch : 1,
	};
	const struct pt_flush_count_cfg count_cfg = { .policy = machine->policy,
						      .granule_lg2 = 12 };
	struct pt_direct_map_cfg cfg = { 0 };

	*m = (struct machine){ .way = way };
	must("memory", pt_phys_create(&m->phys, regions, 2, 12));
	must("reserve", pt_reserve_create(&m->tables, m->phys, 12));
	must("reserve", pt_reserve_add_range(m->tables, tables.pa, tables.len));
	must("zone", pt_zone_create(&m->zone, m->phys, &zone_cfg));
	if (machine->profile)
		m->cpus = um_cpus_create(machine, m->phys);
	else
		must("counter", pt_flush_count_create(&m->count, &count_cfg));
	must("format", pt_fmt_cfg_init(&cfg.fmt, machine->fmt));
	cfg.fmt.upper_half = machine->fmt != PT_FMT_X86_64;
	cfg.tables = pt_reserve_ops(m->tables);
	cfg.flush = m->cpus ? um_cpus_flush_ops(m->cpus) : pt_flush_count_ops(m->count);
	must("direct map", pt_direct_map_create(&m->dm, m->phys, &cfg));
	pt_zone_set_ops(m->zone, pt_direct_map_freetype_ops(m->dm));
	if (m->cpus)
		um_cpus_load(m->cpus, m->dm);
}

static void stop(struct machine *m)
{
	must("a page is lost", pt_zone_destroy(m->zone));
	um_cpus_destroy(m->cpus);
	pt_direct_map_destroy(m->dm);
	pt_flush_count_destroy(m->count);
	must("a table is lost", pt_reserve_destroy(m->tables));
	pt_phys_destroy(m->phys);
}

/* A CPU looks at a page: it can, or it cannot. */
static void look(struct machine *m, pt_pa_t pa, bool again, bool can)
{
	if (!m->cpus)
		return;
	m->looks++;
	if (um_cpus_look(m->cpus, pa, again) == can)
		return;
	fprintf(stderr, "unmapped_pages: a CPU %s\n",
		can ? "does not reach a page that is present" : "reaches a page that is absent");
	exit(1);
}

static pt_pa_t take(struct machine *m)
{
	bool by_page = m->way == UM_PAGE_AT_A_TIME;
	const struct pt_alloc how = {
		.type = pt_freetype(PT_MIGRATE_UNMOVABLE, by_page ? 0 : PT_FREETYPE_UNMAPPED),
	};
	pt_pa_t pa;

	must("a page", pt_alloc_pages(m->zone, NULL, &how, &pa));
	if (by_page) {
		look(m, pa, false, true);
		must("set_direct_map_invalid", pt_set_direct_map_invalid(m->dm, pa, 1));
	}
	look(m, pa, by_page, false); /* who has just used it, if anybody could */
	return pa;
}

static void give(struct machine *m, pt_pa_t pa)
{
	if (m->way == UM_PAGE_AT_A_TIME)
		must("set_direct_map_default", pt_set_direct_map_default(m->dm, pa, 1));
	must("free", pt_free_pages(m->zone, NULL, pa, 0));
}

static uint64_t next_random(uint64_t *seed)
{
	*seed = *seed * UINT64_C(6364136223846793005) + 1442695040888963407;
	return *seed >> 33;
}

void um_run(const struct um_machine *machine, const struct um_workload *workload, enum um_way way,
	    struct um_result *result)
{
	pt_pa_t *page = malloc(workload->pages * sizeof(*page));
	struct pt_direct_map_stats before, after;
	struct pt_zone_stats zone;
	struct machine m;
	uint64_t seed = 1;

	if (!page)
		um_die("list of pages", -ENOMEM);
	start(&m, machine, workload, way);
	pt_direct_map_stats(m.dm, &before);
	for (uint64_t i = 0; i < workload->pages; i++) {
		page[i] = take(&m);
		if (pt_kernel_page_present(m.dm, page[i]))
			um_die("a page that shall be absent is present", -EEXIST);
	}
	for (uint64_t i = 0; i < workload->churn; i++) {
		uint64_t k = next_random(&seed) % workload->pages;

		give(&m, page[k]);
		page[k] = take(&m);
	}
	for (uint64_t i = 0; i < workload->pages; i++)
		give(&m, page[i]);
	free(page);

	pt_direct_map_stats(m.dm, &after);
	pt_zone_stats(m.zone, &zone);
	*result = (struct um_result){
		.allocations = workload->pages + workload->churn,
		.pageblocks = zone.converted[pt_freetype_idx(
			pt_freetype(PT_MIGRATE_UNMOVABLE, PT_FREETYPE_UNMAPPED))],
		.splits = { after.splits[1], after.splits[2] },
		.tables = after.tables - before.tables,
	};
	if (m.cpus)
		um_cpus_stats(m.cpus, &result->cpus);
	else
		pt_flush_counts(m.count, &result->flushes);
	result->looks = m.looks;
	stop(&m);
}
