/* SPDX-License-Identifier: MIT */
/* Regions, what is live in them, and the words that say so. */
#include "kspace/mermap_internal.h"

#include <stdlib.h>
#include <string.h>

#include <ptlib/map.h>
#include <ptlib/query.h>

#include "pt/pagetable_internal.h"

/* Not present, not empty, in all formats here: a page of the region that maps nothing. */
#define MERMAP_WORD PTL_BIT(9)

static uint64_t granule(const struct pt_mermap *mermap)
{
	return PTL_BIT(mermap->granule_lg2);
}

static void count(_Atomic uint64_t *counter)
{
	atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

/* The last page of each region is the reserved one. */
static unsigned int room(const struct pt_mermap *mermap)
{
	return mermap->cfg.nr_pages - 1;
}

static pt_va_t page_va(const struct pt_mermap *mermap, const struct ptl_mermap_cpu *cpu,
		       unsigned int index)
{
	return cpu->base + ((uint64_t)index << mermap->granule_lg2);
}

static uint64_t region_len(const struct pt_mermap *mermap)
{
	return (uint64_t)mermap->cfg.nr_pages << mermap->granule_lg2;
}

static void free_mermap(struct pt_mermap *mermap)
{
	ptl_mermap_notes_exit(mermap);
	free(mermap->cpus);
	free(mermap);
}

int pt_mermap_create(struct pt_mermap **out, struct pt_pgtable *pt, const struct pt_mermap_cfg *cfg)
{
	struct pt_mermap *mermap;
	uint64_t len;

	mermap = calloc(1, sizeof(*mermap));
	if (!mermap)
		return -ENOMEM;
	mermap->pt = pt;
	mermap->cfg = *cfg;
	if (!cfg->nr_pages)
		mermap->cfg.nr_pages = PT_MERMAP_PAGES;
	mermap->granule_lg2 = pt->ops.granule_lg2;
	mermap->local = pt_pgtable_fmt(pt)->fmt == PT_FMT_X86_64;
	if (!cfg->nr_cpus || mermap->cfg.nr_pages < 2 ||
	    !ptl_aligned(cfg->base, mermap->granule_lg2) ||
	    __builtin_mul_overflow(region_len(mermap), (uint64_t)cfg->nr_cpus, &len) ||
	    cfg->base + (len - 1) < cfg->base || len >> mermap->granule_lg2 >= PTL_MERMAP_END) {
		free(mermap);
		return -EINVAL;
	}
	mermap->nr_pages = (size_t)(len >> mermap->granule_lg2);
	mermap->cpus = calloc(cfg->nr_cpus, sizeof(*mermap->cpus));
	if (!mermap->cpus || ptl_mermap_notes_init(mermap)) {
		free_mermap(mermap);
		return -ENOMEM;
	}
	for (unsigned int i = 0; i < cfg->nr_cpus; i++) {
		mermap->cpus[i].base = cfg->base + i * region_len(mermap);
		mermap->cpus[i].page = mermap->pages + (size_t)i * mermap->cfg.nr_pages;
	}
	*out = mermap;
	return 0;
}

int pt_mermap_prepare(struct pt_mermap *mermap)
{
	int err;

	if (mermap->prepared)
		return 0;
	err = pt_populate(mermap->pt, mermap->cfg.base, mermap->cfg.nr_cpus * region_len(mermap), 0,
			  NULL);
	mermap->prepared = !err;
	return err;
}

void pt_mermap_destroy(struct pt_mermap *mermap)
{
	struct pt_change change = { .flags = PT_CHANGE_FREE_TABLES };

	if (!mermap)
		return;
	for (unsigned int i = 0; i < mermap->cfg.nr_cpus; i++) {
		struct ptl_mermap_cpu *cpu = &mermap->cpus[i];

		PTL_BUG_ON(cpu->reserved.in_use);
		for (unsigned int k = 0; k < PT_MERMAP_LIVE; k++)
			PTL_BUG_ON(cpu->live[k].in_use);
		if ((cpu->next || cpu->reserved_used) && mermap->cfg.flush &&
		    mermap->cfg.flush->range)
			mermap->cfg.flush->range(mermap->cfg.flush->ctx, cpu->base,
						 cpu->base + region_len(mermap) - 1,
						 mermap->granule_lg2);
		ptl_mermap_clean(mermap, cpu);
	}
	if (mermap->prepared)
		PTL_BUG_ON(pt_unmap(mermap->pt, mermap->cfg.base,
				    mermap->cfg.nr_cpus * region_len(mermap), &change));
	free_mermap(mermap);
}

/*
 * A live mapping keeps everything before it in the region: what was put back there is not
 * handed out until the wrap after its end.
 */
static unsigned int live_end(const struct ptl_mermap_cpu *cpu)
{
	unsigned int end = 0;

	for (unsigned int i = 0; i < PT_MERMAP_LIVE; i++) {
		const struct pt_mermap_alloc *alloc = &cpu->live[i];

		if (alloc->in_use && alloc->first + alloc->nr > end)
			end = alloc->first + alloc->nr;
	}
	return end;
}

/* What was put back goes out of the TLB; what is live stays in it, and in the tables. */
static void wrap(struct pt_mermap *mermap, struct ptl_mermap_cpu *cpu)
{
	const struct pt_mermap_cfg *cfg = &mermap->cfg;

	if (mermap->local) {
		if (cfg->flush_cpu)
			cfg->flush_cpu(cfg->flush_cpu_ctx, (unsigned int)(cpu - mermap->cpus));
	} else if (cfg->flush && cfg->flush->range) {
		cfg->flush->range(cfg->flush->ctx, cpu->base, cpu->base + region_len(mermap) - 1,
				  mermap->granule_lg2);
	}
	count(&mermap->wraps);
	cpu->reserved_used = cpu->reserved.in_use;
	cpu->next = live_end(cpu);
	ptl_mermap_clean(mermap, cpu);
}

/* Finds @nr pages, after a wrap if it must; false if they are not there then either. */
static bool find_room(struct pt_mermap *mermap, struct ptl_mermap_cpu *cpu, uint64_t nr)
{
	if (room(mermap) - cpu->next >= nr)
		return true;
	if (room(mermap) - live_end(cpu) < nr)
		return false;
	wrap(mermap, cpu);
	return true;
}

/* [@va, @va + @len) becomes empty of software's words, so that it can be mapped. */
static void clear_word(struct pt_mermap *mermap, pt_va_t va, uint64_t len)
{
	struct pt_gather unflushed;
	struct pt_change change = { .gather = &unflushed };

	pt_gather_begin(&unflushed, mermap->pt);
	PTL_BUG_ON(pt_unmap(mermap->pt, va, len, &change));
	PTL_BUG_ON(unflushed.nr_ranges); /* there was no leaf */
}

static int map_pages(struct pt_mermap *mermap, struct ptl_mermap_cpu *cpu,
		     struct pt_mermap_alloc *alloc, pt_pa_t pa, pt_attr_t attr)
{
	struct pt_change change = { .max_lg2 = mermap->granule_lg2 };
	uint64_t len = (uint64_t)alloc->nr << mermap->granule_lg2;
	int err;

	for (uint64_t at = 0; at < len; at += granule(mermap))
		if (!ptl_mermap_held(mermap, pa + at))
			return -ENOENT;
	clear_word(mermap, alloc->va, len);
	err = pt_map(mermap->pt, alloc->va, pa, len, attr | PT_ATTR_ACCESSED | PT_ATTR_DIRTY,
		     &change);
	if (err)
		return err;
	for (unsigned int i = 0; i < alloc->nr; i++)
		ptl_mermap_note(mermap, cpu, alloc->first + i,
				pa + ((uint64_t)i << mermap->granule_lg2));
	alloc->in_use = true;
	return 0;
}

static int check_get(const struct pt_mermap *mermap, unsigned int cpu, pt_pa_t pa, uint64_t len)
{
	if (cpu >= mermap->cfg.nr_cpus || !mermap->prepared || !len ||
	    !ptl_aligned(pa | len, mermap->granule_lg2))
		return -EINVAL;
	return 0;
}

int pt_mermap_get(struct pt_mermap *mermap, unsigned int cpu_index, pt_pa_t pa, uint64_t len,
		  pt_attr_t attr, struct pt_mermap_alloc **out)
{
	struct pt_mermap_alloc *alloc = NULL;
	struct ptl_mermap_cpu *cpu;
	int err = check_get(mermap, cpu_index, pa, len);

	if (err)
		return err;
	cpu = &mermap->cpus[cpu_index];
	for (unsigned int i = 0; i < PT_MERMAP_LIVE && !alloc; i++)
		if (!cpu->live[i].in_use)
			alloc = &cpu->live[i];
	if (!alloc || !find_room(mermap, cpu, len >> mermap->granule_lg2)) {
		count(&mermap->failed);
		return -EBUSY;
	}
	*alloc = (struct pt_mermap_alloc){
		.cpu = cpu_index,
		.first = cpu->next,
		.nr = (unsigned int)(len >> mermap->granule_lg2),
		.va = page_va(mermap, cpu, cpu->next),
	};
	err = map_pages(mermap, cpu, alloc, pa, attr);
	if (err)
		return err;
	cpu->next += alloc->nr;
	count(&mermap->gets);
	*out = alloc;
	return 0;
}

int pt_mermap_get_reserved(struct pt_mermap *mermap, unsigned int cpu_index, pt_pa_t pa,
			   pt_attr_t attr, struct pt_mermap_alloc **out)
{
	struct ptl_mermap_cpu *cpu;
	int err = check_get(mermap, cpu_index, pa, granule(mermap));

	if (err)
		return err;
	cpu = &mermap->cpus[cpu_index];
	if (cpu->reserved.in_use) {
		count(&mermap->failed);
		return -EBUSY;
	}
	if (cpu->reserved_used)
		wrap(mermap, cpu);
	cpu->reserved = (struct pt_mermap_alloc){
		.cpu = cpu_index,
		.first = room(mermap),
		.nr = 1,
		.va = page_va(mermap, cpu, room(mermap)),
	};
	err = map_pages(mermap, cpu, &cpu->reserved, pa, attr);
	if (err)
		return err;
	cpu->reserved_used = true;
	count(&mermap->nr_reserved);
	*out = &cpu->reserved;
	return 0;
}

void pt_mermap_put(struct pt_mermap *mermap, struct pt_mermap_alloc *alloc)
{
	PTL_BUG_ON(!alloc->in_use);
	for (unsigned int i = 0; i < alloc->nr; i++)
		ptl_make_soft(mermap->pt, alloc->va + ((uint64_t)i << mermap->granule_lg2),
			      MERMAP_WORD);
	alloc->in_use = false;
}

pt_va_t pt_mermap_addr(const struct pt_mermap_alloc *alloc)
{
	return alloc->va;
}

/* Where the tables say that it is, as the CPU would find it. */
static void zero_mapped(struct pt_mermap *mermap, const struct pt_mermap_alloc *alloc)
{
	for (unsigned int i = 0; i < alloc->nr; i++) {
		void *host;
		pt_pa_t pa;

		PTL_BUG_ON(pt_translate(mermap->pt,
					alloc->va + ((uint64_t)i << mermap->granule_lg2), &pa));
		host = pt_phys_to_host(mermap->pt->phys, pa, granule(mermap));
		PTL_BUG_ON(!host);
		memset(host, 0, granule(mermap));
	}
	atomic_fetch_add_explicit(&mermap->zeroed, alloc->nr, memory_order_relaxed);
}

int pt_mermap_zero(struct pt_mermap *mermap, unsigned int cpu, const struct pt_extent *extent)
{
	uint64_t most = (uint64_t)room(mermap) << mermap->granule_lg2, len;

	for (uint64_t at = 0; at < extent->len; at += len) {
		struct pt_mermap_alloc *alloc;
		int err;

		len = ptl_min(extent->len - at, most);
		err = pt_mermap_get(mermap, cpu, extent->pa + at, len, PT_ATTR_RW, &alloc);
		if (err == -EBUSY) {
			len = granule(mermap);
			err = pt_mermap_get_reserved(mermap, cpu, extent->pa + at, PT_ATTR_RW,
						     &alloc);
		}
		if (err)
			return err;
		zero_mapped(mermap, alloc);
		pt_mermap_put(mermap, alloc);
	}
	return 0;
}

static uint64_t get(const _Atomic uint64_t *counter)
{
	return atomic_load_explicit((_Atomic uint64_t *)(uintptr_t)counter, memory_order_relaxed);
}

void pt_mermap_stats(const struct pt_mermap *mermap, struct pt_mermap_stats *stats)
{
	*stats = (struct pt_mermap_stats){
		.gets = get(&mermap->gets),
		.reserved = get(&mermap->nr_reserved),
		.failed = get(&mermap->failed),
		.wraps = get(&mermap->wraps),
		.settled = get(&mermap->settled),
		.zeroed = get(&mermap->zeroed),
	};
}
