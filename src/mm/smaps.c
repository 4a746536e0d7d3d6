/* SPDX-License-Identifier: MIT */
/* What smaps and smaps_rollup count, and numa_maps. */
#include "mm/report.h"

#include <string.h>

#define MAX_NODES 64
#define AHEAD_LG2 3 /* of folios whose facts are asked for ahead of time */

static uint32_t mapcount(const struct pt_view *view, const struct ptl_page *page, pt_pa_t pa)
{
	const struct ptl_page *head = ptl_folio_at(view->world, pa);

	return atomic_load_explicit(&page->maps, memory_order_relaxed) +
	       atomic_load_explicit(&head->entire, memory_order_relaxed);
}

/* What pages have in common that are counted in one go. */
struct alike {
	bool dirty, locked;
	bool present; /* else who maps the page is not to be told from its count */
	unsigned int page_lg2;
	uint64_t *pss; /* the part of pss_fine that they belong to */
};

/* @len bytes of pages that are mapped @maps times. */
static void account(struct pt_smaps *sum, const struct alike *alike, uint64_t len, uint32_t maps)
{
	uint64_t fine = len << PTL_PSS_SHIFT;
	bool shared = maps > 1 || !alike->present;

	/* Each page is rounded by itself, as kernels do, however many come at a time. */
	if (maps > 1 && alike->present) {
		const uint64_t page = PTL_BIT(alike->page_lg2);

		fine = (len >> alike->page_lg2) * ((page << PTL_PSS_SHIFT) / maps) +
		       ((len & (page - 1)) << PTL_PSS_SHIFT) / maps;
	}
	sum->pss_fine += fine;
	*alike->pss += fine;
	if (alike->dirty)
		sum->pss_dirty_fine += fine;
	if (alike->locked)
		sum->locked_fine += fine;
	if (shared && alike->dirty)
		sum->shared_dirty += len;
	else if (shared)
		sum->shared_clean += len;
	else if (alike->dirty)
		sum->private_dirty += len;
	else
		sum->private_clean += len;
}

static uint64_t *pss_part(struct pt_smaps *sum, const struct ptl_page *head)
{
	const struct pt_file *file = atomic_load_explicit(&head->file, memory_order_relaxed);

	if (ptl_page_flags(head) & PTL_PAGE_ANON)
		return &sum->pss_anon_fine;
	return file && pt_file_cfg(file)->shmem ? &sum->pss_shmem_fine : &sum->pss_file_fine;
}

/* What a run of pages is to each of them. */
struct run_facts {
	bool dirty; /* its entries say so */
	bool alone; /* each page is an entry of its own, that its count knows of */
	bool present, locked;
};

/* How many of @nr pages from @page on, a folio by itself, are that too and count like it. */
static uint64_t nr_alike(const struct ptl_page *page, uint64_t nr)
{
	const unsigned int facts = PTL_PAGE_USED | PTL_PAGE_ANON | PTL_PAGE_DIRTY | PTL_PAGE_LAZY;
	const unsigned int flags = ptl_page_flags(page) & facts;
	const uint32_t total = atomic_load_explicit(&page->total, memory_order_relaxed);
	const struct pt_file *file = atomic_load_explicit(&page->file, memory_order_relaxed);
	uint64_t i = 1;

	for (; i < nr; i++) {
		const struct ptl_page *next = &page[i];

		if (ptl_page_order(next) || (ptl_page_flags(next) & facts) != flags ||
		    atomic_load_explicit(&next->total, memory_order_relaxed) != total)
			break;
		if (!(flags & PTL_PAGE_ANON) &&
		    atomic_load_explicit(&next->file, memory_order_relaxed) != file)
			break;
	}
	return i;
}

/*
 * The pages of the folio that @page, at @pa, is of, up to @len bytes; if that is one page, all
 * of its kind that follow. Runs of pages in one folio that are mapped equally often: one where
 * none is mapped alone, or where there are no more such mappings than this run has entries: they
 * are one each. Returns how many bytes that was; *@anon: whose.
 */
static uint64_t account_pages(struct pt_smaps *sum, const struct ptl_view_walk *walk,
			      const struct ptl_page *page, pt_pa_t pa, uint64_t len,
			      const struct run_facts *how, bool *anon)
{
	const unsigned int page_lg2 = walk->view->world->page_lg2;
	const unsigned int order = ptl_page_order(page);
	const uint64_t within = pa & (PTL_BIT(page_lg2 + order) - 1);
	const struct ptl_page *head = page - (within >> page_lg2);
	const uint64_t room = ptl_min(walk->region->len - (pa - walk->region->pa), len);
	uint64_t part = ptl_min(PTL_BIT(page_lg2 + order) - within, len);
	const struct alike alike = {
		.dirty = how->dirty || ptl_page_flags(head) & PTL_PAGE_DIRTY,
		.locked = how->locked,
		.present = how->present,
		.page_lg2 = page_lg2,
		.pss = pss_part(sum, head),
	};
	uint32_t total = atomic_load_explicit(&head->total, memory_order_relaxed);
	uint32_t entire = atomic_load_explicit(&head->entire, memory_order_relaxed);

	*anon = ptl_page_flags(head) & PTL_PAGE_ANON;
	/* Heads of folios are far from each other: ask for one of those that may come. */
	if (part << AHEAD_LG2 < room)
		__builtin_prefetch(head + (part >> page_lg2 << AHEAD_LG2));
	if (!order) {
		if (part == PTL_BIT(page_lg2))
			part = nr_alike(page, room >> page_lg2) << page_lg2;
		account(sum, &alike, part, total);
	} else if (total == entire || !how->present) {
		account(sum, &alike, part, entire);
	} else if (how->alone && total - entire == part >> page_lg2) {
		account(sum, &alike, part, entire + 1);
	} else {
		uint64_t here, at = 0;

		/* Of the first and the last only what was asked for. */
		for (; at < part; at += here, page++) {
			here = ptl_min(ptl_last(pa + at, page_lg2) + 1 - (pa + at), part - at);
			account(sum, &alike, here,
				entire + atomic_load_explicit(&page->maps, memory_order_relaxed));
		}
	}
	if (ptl_page_flags(head) & PTL_PAGE_LAZY && !alike.dirty)
		sum->lazyfree += part;
	return part;
}

/* Each page of hugetlb once, by the run that it begins in. */
static void add_huge(struct pt_smaps *sum, const struct ptl_view_walk *walk, pt_pa_t pa,
		     uint64_t len, bool present)
{
	const struct pt_mm_area *area = walk->walk.area.owner;
	uint64_t huge = PTL_BIT(area->page_lg2);

	for (uint64_t at = 0; at < len;
	     at = ptl_last(walk->walk.va + at, area->page_lg2) + 1 - walk->walk.va) {
		const struct ptl_page *page = ptl_view_page(walk->view, pa + at);

		if (!page || !ptl_aligned(walk->walk.va + at, area->page_lg2))
			continue;
		if (!present || mapcount(walk->view, page, pa + at) > 1)
			sum->shared_hugetlb += huge;
		else
			sum->private_hugetlb += huge;
	}
}

static void add_present(struct pt_smaps *sum, struct ptl_view_walk *walk, pt_pa_t pa, uint64_t len,
			pt_attr_t attr, bool present)
{
	const struct pt_mm_area *area = walk->walk.area.owner;
	const struct run_facts how = {
		.dirty = attr & (PT_ATTR_DIRTY | walk->soft->attr_dirty),
		.alone = ptl_view_is_leaf(walk) && !walk->walk.level,
		.present = present,
		.locked = area->flags & PT_MM_LOCKED,
	};

	if (area->kind == PT_MM_HUGETLB) {
		add_huge(sum, walk, pa, len, present);
		return;
	}
	sum->rss += len;
	if (attr & PT_ATTR_ACCESSED)
		sum->referenced += len;
	if (how.locked)
		sum->locked += len;
	/* The run is of one kind to the hardware; its pages may be of many folios, or of none. */
	while (len) {
		const struct ptl_page *page = ptl_view_facts(walk, pa);
		bool anon = area->kind == PT_MM_ANON;
		uint64_t part = len;

		if (page)
			part = account_pages(sum, walk, page, pa, len, &how, &anon);
		else if (walk->view->world)
			part = ptl_min(ptl_page_bytes(walk->view->world), len);
		if (anon)
			sum->anonymous += part;
		if (walk->walk.level && anon)
			sum->anon_huge += part;
		else if (walk->walk.level && area->file && pt_file_cfg(area->file)->shmem)
			sum->shmem_huge += part;
		else if (walk->walk.level)
			sum->file_huge += part;
		pa += part;
		len -= part;
	}
}

static void add_soft(struct pt_smaps *sum, struct ptl_view_walk *walk)
{
	const struct pt_view *view = walk->view;
	const struct pt_mm_area *area = walk->walk.area.owner;
	const struct pt_soft *soft = &walk->walk.soft;
	uint64_t page = pt_granule(view->pt);

	if (walk->type == PTW_SWAP && area->kind != PT_MM_HUGETLB) {
		const struct pt_swap *swap =
			view->world ? ptl_swap_of(view->world, soft->type) : NULL;

		sum->swap += walk->walk.len;
		for (uint64_t i = 0; swap && i < walk->walk.len / page; i++) {
			uint32_t count = pt_swap_count(swap, soft->offset + i);

			sum->swap_pss_fine += (page << PTL_PSS_SHIFT) / (count ? count : 1);
		}
	} else if (walk->type == PTW_MIGRATION || walk->type == PTW_DEVICE ||
		   walk->type == PTW_HWPOISON) {
		/* What words say of use is not asked; that a page was written, it says itself. */
		add_present(sum, walk, soft->pfn << __builtin_ctzll(page), walk->walk.len, 0,
			    soft->kind == PT_SOFT_DEVICE_READ ||
				    soft->kind == PT_SOFT_DEVICE_WRITE);
	}
}

/* Private areas of shmem may have pages of their own in place of those that went to swap. */
static bool may_copy(const struct pt_mm_area *area)
{
	return area->flags & PT_MM_WRITE && !(area->flags & PT_MM_SHARED);
}

/* What of a file of shmem went to swap, in [@first, @last] of @area. */
static uint64_t file_swap(const struct pt_view *view, const struct pt_mm_area *area, pt_va_t first,
			  pt_va_t last)
{
	if (!view->world || area->kind != PT_MM_FILE || !area->file ||
	    !pt_file_cfg(area->file)->shmem)
		return 0;
	return ptl_file_swapped(area->file, ptl_area_offset(area, first), last - first + 1);
}

int pt_smaps(const struct pt_view *view, pt_va_t first, pt_va_t last, struct pt_smaps *sum)
{
	struct ptl_view_walk walk;

	if (last < first)
		return -EINVAL;
	for (size_t i = 0; i < view->nr_areas; i++) {
		const struct pt_mm_area *area = &view->areas[i];
		pt_va_t lo = area->first > first ? area->first : first;
		pt_va_t hi = area->last < last ? area->last : last;

		if (lo > hi)
			continue;
		sum->size += hi - lo + 1;
		if (!may_copy(area))
			sum->swap += file_swap(view, area, lo, hi);
	}
	for (bool more = ptl_view_start(&walk, view, first, last); more;
	     more = ptl_view_next(&walk)) {
		if (ptl_view_has_page(&walk))
			add_present(sum, &walk, walk.walk.pa, walk.walk.len, walk.walk.attr, true);
		else if (walk.type == PTW_NONE && may_copy(walk.walk.area.owner))
			sum->swap += file_swap(view, walk.walk.area.owner, walk.walk.va,
					       walk.walk.va + walk.walk.len - 1);
		else if (!ptl_view_is_leaf(&walk))
			add_soft(sum, &walk);
	}
	return 0;
}

struct numa {
	uint64_t pages, anon, dirty, node[MAX_NODES];
	uint32_t mapmax;
};

static void numa_run(struct numa *numa, const struct ptl_view_walk *walk)
{
	const struct pt_world *world = walk->view->world;
	const struct pt_mm_area *area = walk->walk.area.owner;
	pt_attr_t dirty_bits = PT_ATTR_DIRTY | world->cfg.soft.attr_dirty;
	/* A huge page of hugetlb counts as one, by the run that it begins in. */
	const unsigned int page_lg2 =
		area->kind == PT_MM_HUGETLB ? area->page_lg2
					    : (unsigned int)__builtin_ctzll(ptl_page_bytes(world));

	for (uint64_t at = 0; at < walk->walk.len;
	     at = ptl_last(walk->walk.va + at, page_lg2) + 1 - walk->walk.va) {
		pt_pa_t pa = walk->walk.pa + at;
		const struct ptl_page *facts = ptl_view_page(walk->view, pa);
		unsigned int flags, node;
		uint32_t maps;

		if (!facts || !ptl_aligned(walk->walk.va + at, page_lg2))
			continue;
		flags = ptl_page_flags(ptl_folio_at(world, pa));
		node = world->cfg.node_of ? world->cfg.node_of(world->cfg.ctx, pa) : 0;
		maps = mapcount(walk->view, facts, pa);
		numa->pages++;
		numa->anon += !!(flags & PTL_PAGE_ANON);
		numa->dirty += walk->walk.attr & dirty_bits || flags & PTL_PAGE_DIRTY;
		numa->node[node % MAX_NODES]++;
		if (maps > numa->mapmax)
			numa->mapmax = maps;
	}
}

/* A name, with what ends words and lines, and '=', as octal numbers. */
static void put_file(char *buf, size_t size, size_t *len, const char *name)
{
	ptl_report_put(buf, size, len, " file=");
	for (; *name; name++)
		ptl_report_put(buf, size, len, strchr("\n\t= ", *name) ? "\\%03o" : "%c", *name);
}

size_t pt_numa_maps_line(const struct pt_view *view, const struct pt_mm_area *area, char *buf,
			 size_t size)
{
	struct numa numa = { 0 };
	struct ptl_view_walk walk;
	size_t len = 0;

	for (bool more = view->world && ptl_view_start(&walk, view, area->first, area->last); more;
	     more = ptl_view_next(&walk))
		if (ptl_view_has_page(&walk))
			numa_run(&numa, &walk);
	ptl_report_put(buf, size, &len, "%08llx ", (unsigned long long)area->first);
	if (area->node == PT_MM_ANY_NODE)
		ptl_report_put(buf, size, &len, "default");
	else
		ptl_report_put(buf, size, &len, "bind:%d", area->node);
	if (area->name && (area->file || area->major || area->minor || area->inode))
		put_file(buf, size, &len, area->name);
	else if (area->name && !strcmp(area->name, "[heap]"))
		ptl_report_put(buf, size, &len, " heap");
	else if (area->name && !strcmp(area->name, "[stack]"))
		ptl_report_put(buf, size, &len, " stack");
	if (area->kind == PT_MM_HUGETLB)
		ptl_report_put(buf, size, &len, " huge");
	if (numa.anon)
		ptl_report_put(buf, size, &len, " anon=%llu", (unsigned long long)numa.anon);
	if (numa.dirty)
		ptl_report_put(buf, size, &len, " dirty=%llu", (unsigned long long)numa.dirty);
	if (numa.pages != numa.anon && numa.pages != numa.dirty)
		ptl_report_put(buf, size, &len, " mapped=%llu", (unsigned long long)numa.pages);
	if (numa.mapmax > 1)
		ptl_report_put(buf, size, &len, " mapmax=%u", numa.mapmax);
	for (unsigned int i = 0; i < MAX_NODES; i++)
		if (numa.node[i])
			ptl_report_put(buf, size, &len, " N%u=%llu", i,
				       (unsigned long long)numa.node[i]);
	if (numa.pages)
		ptl_report_put(buf, size, &len, " kernelpagesize_kB=%llu",
			       (unsigned long long)(area->page_lg2 ? PTL_BIT(area->page_lg2)
								   : pt_granule(view->pt)) >>
				       10);
	ptl_report_put(buf, size, &len, "\n");
	return len;
}
