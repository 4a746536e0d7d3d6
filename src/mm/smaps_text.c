/* SPDX-License-Identifier: MIT */
/* The lines of smaps and smaps_rollup: figures, and what an area is. */
#include "mm/report.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void ptl_report_put(char *buf, size_t size, size_t *len, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	*len += (size_t)vsnprintf(*len < size ? buf + *len : NULL, *len < size ? size - *len : 0,
				  format, args);
	va_end(args);
}

/* Whether a leaf of level 1 would be inside @area, at a place that its offset allows. */
static bool fits_huge(const struct pt_mm_area *area, unsigned int huge_lg2)
{
	const uint64_t beyond = PTL_BIT(huge_lg2) - 1;

	if (area->last < beyond || ptl_align_down(area->last - beyond, huge_lg2) < area->first)
		return false;
	return area->kind != PT_MM_FILE || ptl_aligned(area->first - area->offset, huge_lg2);
}

/*
 * As thp_vma_allowable_orders() of Linux 6.15, where huge pages are given as faults here give
 * them: to anonymous memory that asks for them, and out of files that have them.
 */
static bool is_thp_eligible(const struct pt_view *view, const struct pt_mm_area *area)
{
	const struct pt_file_cfg *file = area->file ? pt_file_cfg(area->file) : NULL;
	struct pt_format_info info;

	PTL_BUG_ON(pt_format_info(pt_pgtable_fmt(view->pt), &info));
	if (!info.can_leaf[1] || !fits_huge(area, info.leaf_lg2[1]))
		return false;
	if (area->kind == PT_MM_FILE)
		return file && file->shmem && info.granule_lg2 + file->order >= info.leaf_lg2[1];
	return area->kind == PT_MM_ANON && area->flags & PT_MM_HUGEPAGE;
}

static void put_flags(const struct pt_view *view, const struct pt_mm_area *area, char *buf,
		      size_t size, size_t *len)
{
	const struct pt_soft_cfg *soft = pt_pgtable_soft(view->pt);
	const bool tracks_soft_dirty = soft && (soft->soft_dirty || soft->attr_soft_dirty);
	const bool huge = area->kind == PT_MM_HUGETLB, pfn_map = area->kind == PT_MM_PFNMAP;
	const unsigned int flags = area->flags, own = flags & (PT_MM_WRITE | PT_MM_SHARED);
	/* In the order of the kernel's bits. */
	const struct {
		char name[3];
		bool has;
	} names[] = {
		{ "rd", flags & PT_MM_READ },
		{ "wr", flags & PT_MM_WRITE },
		{ "ex", flags & PT_MM_EXEC },
		{ "sh", flags & PT_MM_SHARED },
		{ "mr", true },
		{ "mw", true },
		{ "me", true },
		{ "ms", flags & PT_MM_SHARED },
		{ "gd", flags & PT_MM_GROWSDOWN },
		{ "pf", pfn_map },
		{ "uw", flags & PT_MM_UFFD_WP },
		{ "lo", flags & PT_MM_LOCKED },
		{ "io", flags & PT_MM_IO },
		{ "dc", flags & PT_MM_DONTFORK },
		{ "de", pfn_map || huge },
		{ "ac", own == PT_MM_WRITE && !huge },
		{ "ht", huge },
		{ "wf", flags & PT_MM_WIPEONFORK },
		{ "dd", pfn_map && flags & PT_MM_IO },
		{ "sd", flags & PT_MM_SOFT_DIRTY && tracks_soft_dirty },
		{ "mm", area->kind == PT_MM_MIXEDMAP },
		{ "hg", flags & PT_MM_HUGEPAGE },
	};

	ptl_report_put(buf, size, len, "VmFlags: ");
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].has)
			ptl_report_put(buf, size, len, "%s ", names[i].name);
	ptl_report_put(buf, size, len, "\n");
}

/* What follows the figures. */
static void put_area(const struct pt_view *view, const struct pt_mm_area *area, char *buf,
		     size_t size, size_t *len)
{
	if (area->kind != PT_MM_FILE || area->file)
		ptl_report_put(buf, size, len, "THPeligible:    %8u\n",
			       is_thp_eligible(view, area));
	if (pt_pgtable_fmt(view->pt)->features & PT_FEAT_PKEYS)
		ptl_report_put(buf, size, len, "ProtectionKey:  %8u\n", area->key);
	put_flags(view, area, buf, size, len);
}

size_t pt_smaps_text(const struct pt_view *view, const struct pt_mm_area *area,
		     const struct pt_smaps *s, char *buf, size_t size)
{
	const bool pages = view->world != NULL;
	uint64_t page = pt_granule(view->pt);
	uint64_t kernel = area && area->page_lg2 ? PTL_BIT(area->page_lg2) : page;
	const struct {
		const char *name;
		bool show;
		uint64_t bytes;
	} lines[] = {
		{ "Size", area != NULL, s->size },
		{ "KernelPageSize", area != NULL, kernel },
		{ "MMUPageSize", area != NULL, kernel },
		{ "Rss", true, s->rss },
		{ "Pss", pages, s->pss_fine >> PTL_PSS_SHIFT },
		{ "Pss_Dirty", pages, s->pss_dirty_fine >> PTL_PSS_SHIFT },
		{ "Pss_Anon", pages && !area, s->pss_anon_fine >> PTL_PSS_SHIFT },
		{ "Pss_File", pages && !area, s->pss_file_fine >> PTL_PSS_SHIFT },
		{ "Pss_Shmem", pages && !area, s->pss_shmem_fine >> PTL_PSS_SHIFT },
		{ "Shared_Clean", pages, s->shared_clean },
		{ "Shared_Dirty", pages, s->shared_dirty },
		{ "Private_Clean", pages, s->private_clean },
		{ "Private_Dirty", pages, s->private_dirty },
		{ "Referenced", true, s->referenced },
		{ "Anonymous", true, s->anonymous },
		{ "KSM", pages, 0 },
		{ "LazyFree", pages, s->lazyfree },
		{ "AnonHugePages", true, s->anon_huge },
		{ "ShmemPmdMapped", pages, s->shmem_huge },
		{ "FilePmdMapped", pages, s->file_huge },
		{ "Shared_Hugetlb", pages, s->shared_hugetlb },
		{ "Private_Hugetlb", pages, s->private_hugetlb },
		{ "Swap", true, s->swap },
		{ "SwapPss", pages, s->swap_pss_fine >> PTL_PSS_SHIFT },
		{ "Locked", pages, s->locked_fine >> PTL_PSS_SHIFT },
	};
	size_t len = 0;

	if (!area) {
		const struct pt_mm_area all = {
			.first = view->nr_areas ? view->areas[0].first : 0,
			.last = view->nr_areas ? view->areas[view->nr_areas - 1].last : UINT64_MAX,
			.name = "[rollup]",
		};

		len = pt_mm_area_line(&all, buf, size);
	}
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		int width = 15 - (int)strlen(lines[i].name);

		if (lines[i].show)
			ptl_report_put(buf, size, &len, "%s:%*s%8llu kB\n", lines[i].name,
				       width > 0 ? width : 0, "",
				       (unsigned long long)lines[i].bytes >> 10);
	}
	if (area)
		put_area(view, area, buf, size, &len);
	return len;
}
