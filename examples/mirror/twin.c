/* SPDX-License-Identifier: MIT */
/*
 * Builds the address space of a process in simulated memory: the same areas, and in them pages
 * of the same kinds. What its pages contain is not copied.
 */
#include "mirror.h"

#include <stdlib.h>
#include <string.h>

const struct form forms[NR_FORMS] = {
	{ "x86_64", PT_FMT_X86_64, PT_SOFT_X86, PT_FLUSH_X86_64, "skylake-sp" },
	{ "arm64, 4K", PT_FMT_ARM64_4K, PT_SOFT_ARM64, PT_FLUSH_ARM64_RANGE, "neoverse-n1" },
	{ "arm64, 16K", PT_FMT_ARM64_16K, PT_SOFT_ARM64, PT_FLUSH_ARM64_RANGE, "neoverse-n1" },
	{ "arm64, 64K", PT_FMT_ARM64_64K, PT_SOFT_ARM64, PT_FLUSH_ARM64_RANGE, "neoverse-n1" },
};

#define RUN_KINDS (RUN_PRESENT | RUN_SWAPPED | RUN_FILE | RUN_ZERO | RUN_GUARD)

static void check(int err, const char *what)
{
	if (err)
		mirror_die("%s: %s", what, strerror(-err));
}

static unsigned int log2_of(uint64_t size)
{
	return (unsigned int)__builtin_ctzll(size);
}

/* log2 bytes of the pages of the hugetlb @area that this format has too; 0: an area like others. */
static unsigned int hugetlb_lg2(const struct twin *twin, const struct process_area *area)
{
	struct pt_fmt_cfg fmt = *pt_pgtable_fmt(pt_mm_pgtable(twin->mm));
	unsigned int lg2 = log2_of(area->smaps[SMAPS_KERNEL_PAGE]);
	struct pt_format_info info;

	if (!area->hugetlb)
		return 0;
	check(pt_format_info(&fmt, &info), "format");
	for (unsigned int level = 0; level < info.nr_levels; level++) {
		unsigned int leaf = info.leaf_lg2[level];

		if (info.can_leaf[level] && lg2 > twin->page_lg2 &&
		    (lg2 == leaf ||
		     (info.contig_lg2[level] && lg2 == leaf + info.contig_lg2[level])))
			return lg2;
	}
	return 0;
}

/* A pool of each size of huge pages that areas have, each in a part of the memory for them. */
static void add_huge_pages(struct twin *twin)
{
	const struct process *process = twin->process;
	pt_pa_t pa = twin->huge_pages;

	for (size_t i = 0; i < process->nr_areas; i++) {
		const struct process_area *area = &process->areas[i];
		unsigned int lg2 = hugetlb_lg2(twin, area);
		struct pt_extent extent;

		if (!lg2)
			continue;
		pa = (pa + (UINT64_C(1) << lg2) - 1) & -(UINT64_C(1) << lg2);
		extent = (struct pt_extent){ pa, (twin->len[i] + (UINT64_C(1) << lg2) - 1) &
							 -(UINT64_C(1) << lg2) };
		check(pt_world_add_huge(twin->world, lg2, &extent), "huge pages");
		pa += extent.len;
	}
}

static unsigned int prot_of(const struct process_area *area)
{
	return (area->prot[0] == 'r' ? PT_MM_READ : 0) | (area->prot[1] == 'w' ? PT_MM_WRITE : 0) |
	       (area->prot[2] == 'x' ? PT_MM_EXEC : 0);
}

static bool is_shared(const struct process_area *area)
{
	return area->prot[3] == 's';
}

/* Whether area @i has pages that are no process's own: a file's, shared ones, the vDSO. */
static bool has_file(const struct twin *twin, size_t i)
{
	const struct process *process = twin->process;
	const struct process_area *area = &process->areas[i];

	if (area->pfnmap || area->mixed || area->hugetlb)
		return is_shared(area) && area->hugetlb;
	if (area->inode || is_shared(area))
		return true;
	for (size_t k = 0; k < area->nr_runs; k++)
		if (process->runs[area->first_run + k].flags & RUN_FILE)
			return true;
	return false;
}

static bool has_huge_file(const struct process *process, const struct process_area *area)
{
	for (size_t i = 0; i < area->nr_runs; i++) {
		unsigned int flags = process->runs[area->first_run + i].flags;

		if (flags & RUN_HUGE && flags & RUN_FILE)
			return true;
	}
	return false;
}

/* The file of area @i, of which an earlier area may be a part. */
static struct pt_file *file_of(struct twin *twin, size_t i)
{
	const struct process *process = twin->process;
	const struct process_area *area = &process->areas[i];
	struct pt_file_cfg cfg = {
		.name = area->name,
		.major = area->major,
		.minor = area->minor,
		.inode = area->inode,
		.page_lg2 = hugetlb_lg2(twin, area),
		.shmem = is_shared(area),
	};

	for (size_t k = 0; k < process->nr_areas; k++) {
		const struct process_area *other = &process->areas[k];
		uint64_t end = (other->offset & -twin->page) + twin->len[k];

		if (k != i && (!area->inode || other->inode != area->inode ||
			       other->major != area->major || other->minor != area->minor))
			continue;
		if (k < i && twin->files[k])
			return twin->files[k];
		if (end > cfg.len)
			cfg.len = end;
		if (has_huge_file(process, other))
			cfg.order = (twin->huge_lg2 < 21 ? twin->huge_lg2 : 21) - twin->page_lg2;
	}
	if (cfg.page_lg2) {
		cfg.order = 0; /* its pages are all of one size */
		cfg.len = (cfg.len + (UINT64_C(1) << cfg.page_lg2) - 1) &
			  -(UINT64_C(1) << cfg.page_lg2);
	}
	check(pt_file_create(&twin->files[i], twin->world, &cfg), "file");
	return twin->files[i];
}

static void map_area(struct twin *twin, size_t i)
{
	const struct process_area *area = &twin->process->areas[i];
	unsigned int hugetlb = hugetlb_lg2(twin, area);
	struct pt_mm_area want = {
		.first = twin->first[i],
		.last = twin->first[i] + twin->len[i] - 1,
		.kind = hugetlb	       ? PT_MM_HUGETLB
			: area->pfnmap ? PT_MM_PFNMAP
			: area->mixed  ? PT_MM_MIXEDMAP
				       : PT_MM_ANON,
		.flags = PT_MM_READ | (is_shared(area) ? PT_MM_SHARED : 0) |
			 (area->wants_huge ? PT_MM_HUGEPAGE : 0) | (area->io ? PT_MM_IO : 0),
		.page_lg2 = hugetlb,
		.node = PT_MM_ANY_NODE,
		.name = area->name[0] ? area->name : NULL,
	};

	if (has_file(twin, i)) {
		if (!hugetlb)
			want.kind = PT_MM_FILE;
		want.file = file_of(twin, i);
		want.offset = area->offset & -(hugetlb ? UINT64_C(1) << hugetlb : twin->page);
	}
	check(pt_mm_map(twin->mm, &want), "area");
}

/* Maps [@first, @last] of area @i wherever nothing is, as its rights of now make it. */
static void populate(struct twin *twin, size_t i, uint64_t first, uint64_t last, unsigned int order)
{
	pt_va_t va = twin_va(twin, i, first) & -twin->page;
	pt_va_t end = (twin_va(twin, i, last) | (twin->page - 1)) + 1;

	check(pt_mm_populate(twin->mm, va, end - va, order, NULL), "pages");
}

/* Of folios: as the kernel has them, or as is wished. */
static unsigned int order_of(const struct twin *twin, const struct process_run *run)
{
	unsigned int lg2 = twin->page_lg2;

	if (run->flags & RUN_HUGE)
		lg2 = 21;
	if (twin->wish.fold_lg2 > lg2)
		lg2 = twin->wish.fold_lg2;
	if (lg2 > twin->huge_lg2)
		lg2 = twin->huge_lg2;
	return lg2 > twin->page_lg2 ? lg2 - twin->page_lg2 : 0;
}

/* Whether the leaf of level 1 around @va would be inside area @i. */
static bool fits_huge(const struct twin *twin, size_t i, pt_va_t va)
{
	uint64_t huge = UINT64_C(1) << twin->huge_lg2;

	va &= -huge;
	return va >= twin->first[i] && twin->first[i] + twin->len[i] - va >= huge;
}

/*
 * Leaves of level 1 wherever they are wished and fit: what a page in such a place takes when
 * it is touched with transparent huge pages on.
 */
static void populate_huge(struct twin *twin, size_t i, const struct process_run *run)
{
	uint64_t huge = UINT64_C(1) << twin->huge_lg2;
	pt_va_t va = twin_va(twin, i, run->first) & -huge, last = twin_va(twin, i, run->last);

	for (; va <= last; va += huge)
		if (fits_huge(twin, i, va))
			check(pt_mm_populate(twin->mm, va, huge, twin->huge_lg2 - twin->page_lg2,
					     NULL),
			      "huge pages");
}

static void populate_runs(struct twin *twin, size_t i, bool own)
{
	const struct process *process = twin->process;
	const struct process_area *area = &process->areas[i];

	for (size_t k = 0; k < area->nr_runs; k++) {
		const struct process_run *run = &process->runs[area->first_run + k];
		bool is_own = !(run->flags & (RUN_FILE | RUN_ZERO));

		if (!(run->flags & RUN_PRESENT) || is_own != own)
			continue;
		if (own && twin->wish.huge && !area->hugetlb)
			populate_huge(twin, i, run);
		populate(twin, i, run->first, run->last,
			 own || run->flags & RUN_HUGE ? order_of(twin, run) : 0);
	}
}

/* Pages that are elsewhere: in swap, but for guards. What larger pages hold already stays. */
static void swap_out_runs(struct twin *twin, size_t i)
{
	const struct process *process = twin->process;
	const struct process_area *area = &process->areas[i];

	for (size_t k = 0; k < area->nr_runs; k++) {
		const struct process_run *run = &process->runs[area->first_run + k];
		pt_va_t va = twin_va(twin, i, run->first) & -twin->page;
		pt_va_t last = twin_va(twin, i, run->last);
		pt_pa_t pa;

		if ((run->flags & (RUN_SWAPPED | RUN_GUARD | RUN_FILE)) != RUN_SWAPPED ||
		    area->hugetlb)
			continue;
		for (; va <= last; va += twin->page) {
			if (!pt_translate(pt_mm_pgtable(twin->mm), va, &pa))
				continue;
			check(pt_mm_populate(twin->mm, va, twin->page, 0, NULL), "pages");
			check(pt_mm_swap_out(twin->mm, va, twin->page, twin->swap, NULL), "swap");
		}
	}
}

static void insert_frames(struct twin *twin, size_t i)
{
	const struct process *process = twin->process;
	const struct process_area *area = &process->areas[i];

	for (size_t k = 0; k < area->nr_runs; k++) {
		const struct process_run *run = &process->runs[area->first_run + k];
		pt_va_t va = twin_va(twin, i, run->first) & -twin->page;
		uint64_t len = ((twin_va(twin, i, run->last) | (twin->page - 1)) + 1) - va;
		pt_pa_t pa;

		if (!(run->flags & RUN_PRESENT) || !pt_translate(pt_mm_pgtable(twin->mm), va, &pa))
			continue;
		check(pt_mm_insert_pfn(twin->mm, va, len, twin->device), "frames");
		twin->device += len;
	}
}

static void guard_runs(struct twin *twin, size_t i)
{
	const struct process *process = twin->process;
	const struct process_area *area = &process->areas[i];

	for (size_t k = 0; k < area->nr_runs; k++) {
		const struct process_run *run = &process->runs[area->first_run + k];
		pt_va_t va = (twin_va(twin, i, run->first) + twin->page - 1) & -twin->page;
		pt_va_t end = (twin_va(twin, i, run->last) + 1) & -twin->page;

		if (run->flags & RUN_GUARD && end > va)
			check(pt_mm_guard(twin->mm, va, end - va, true), "guard");
	}
}

/*
 * While an area can only be read, what is populated is the file's or the page of zeroes; while
 * it can be written, the process's own. So that each page is what it was, each comes first
 * where it belongs, and the rights that the area has come last.
 */
static void fill_area(struct twin *twin, size_t i)
{
	const struct process_area *area = &twin->process->areas[i];
	pt_va_t first = twin->first[i];
	uint64_t len = twin->len[i];

	if (area->pfnmap) {
		insert_frames(twin, i);
	} else {
		if (!is_shared(area))
			populate_runs(twin, i, false);
		check(pt_mm_protect(twin->mm, first, len, PT_MM_READ | PT_MM_WRITE), "rights");
		if (is_shared(area))
			populate_runs(twin, i, false);
		populate_runs(twin, i, true);
		swap_out_runs(twin, i);
		guard_runs(twin, i);
	}
	check(pt_mm_protect(twin->mm, first, len, prot_of(area)), "rights");
}

static uint64_t round_up(uint64_t len, uint64_t unit)
{
	return (len + unit - 1) & -unit;
}

/* The most that the pages of area @i can take. */
static uint64_t most_of(const struct twin *twin, size_t i)
{
	const struct process_area *area = &twin->process->areas[i];
	uint64_t most = 0, huge = UINT64_C(1) << twin->huge_lg2;

	for (size_t k = 0; k < area->nr_runs; k++) {
		const struct process_run *run = &twin->process->runs[area->first_run + k];
		pt_va_t first = twin_va(twin, i, run->first), last = twin_va(twin, i, run->last);
		uint64_t unit = twin->page << order_of(twin, run);

		if (twin->wish.huge && (fits_huge(twin, i, first) || fits_huge(twin, i, last)))
			unit = huge;
		most += round_up(last + 1, unit) - (first & -unit);
	}
	return most;
}

/*
 * How much memory there has to be, for pages and for tables; what comes behind it for devices,
 * and for huge pages of hugetlb areas, which begin where one of any size can.
 */
static void size_memory(struct twin *twin, uint64_t *zone, uint64_t *all)
{
	const struct process *process = twin->process;
	uint64_t device = 0, largest = UINT64_C(1) << 30;

	*zone = 64 << 20;
	*all = 0;
	for (size_t i = 0; i < process->nr_areas; i++) {
		const struct process_area *area = &process->areas[i];
		uint64_t unit = area->smaps[SMAPS_KERNEL_PAGE];

		if (area->last >> 63)
			continue;
		if (area->hugetlb)
			*all += round_up(twin->len[i], unit) + unit;
		if (area->hugetlb && unit > largest)
			largest = unit;
		device += area->pfnmap ? most_of(twin, i) : 0;
		/* a table at least for each area at each level, and more where much is mapped */
		*zone += most_of(twin, i) + most_of(twin, i) / 128 + 8 * twin->page;
	}
	*zone = round_up(*zone, largest);
	twin->device = *zone;
	twin->huge_pages = round_up(*zone + device, largest);
	*all += twin->huge_pages;
}

/* Pages of all swapped runs, each with one more for an end inside a larger page. */
static uint64_t nr_swapped(const struct twin *twin)
{
	const struct process *process = twin->process;
	uint64_t nr = 0;

	for (size_t i = 0; i < process->nr_runs; i++)
		if (process->runs[i].flags & RUN_SWAPPED)
			nr += (process->runs[i].last - process->runs[i].first) / twin->page + 2;
	return nr;
}

static void make_world(struct twin *twin)
{
	const struct form *form = twin->form;
	struct pt_phys_region memory = { .fd = -1 };
	struct pt_extent range = { 0 };
	const struct pt_zone_cfg zone_cfg = { .ranges = &range, .nr_ranges = 1 };
	struct pt_world_cfg world_cfg = { .flags = PT_WORLD_NO_CONTENT };
	struct pt_flush_count_cfg flush_cfg = { .policy = form->flush, .user = true };
	struct pt_mm_cfg mm_cfg = { .mode = PT_MODE_PRIVATE, .max_ranges = 1 };
	struct pt_format_info info;

	check(pt_fmt_cfg_init(&world_cfg.fmt, form->fmt), "format");
	world_cfg.fmt.va_bits = 48;
	check(pt_format_info(&world_cfg.fmt, &info), "format");
	twin->page_lg2 = info.granule_lg2;
	twin->page = UINT64_C(1) << info.granule_lg2;
	twin->huge_lg2 = info.leaf_lg2[1];
	layout(twin);
	size_memory(twin, &range.len, &memory.len);
	check(pt_soft_cfg_init(&world_cfg.soft, form->soft, &world_cfg.fmt, 0), "encoding");
	check(pt_phys_create(&twin->phys, &memory, 1, info.granule_lg2), "memory");
	check(pt_zone_create(&twin->zone, twin->phys, &zone_cfg), "zone");
	world_cfg.zone = twin->zone;
	check(pt_world_create(&twin->world, twin->phys, &world_cfg), "world");
	flush_cfg.granule_lg2 = info.granule_lg2;
	check(pt_flush_count_create(&twin->flushes, &flush_cfg), "flushes");
	mm_cfg.flush = pt_flush_count_ops(twin->flushes);
	check(pt_mm_create(&twin->mm, twin->world, &mm_cfg), "address space");
	check(pt_swap_create(&twin->swap, twin->world, 0, nr_swapped(twin) + 2), "swap");
}

void twin_create(struct twin *twin, const struct form *form, const struct process *process,
		 const struct wish *wish)
{
	size_t nr = process->nr_areas;

	*twin = (struct twin){ .form = form, .process = process, .wish = *wish };
	twin->first = calloc(nr, sizeof(*twin->first));
	twin->len = calloc(nr, sizeof(*twin->len));
	twin->files = calloc(nr, sizeof(struct pt_file *));
	if (!twin->first || !twin->len || !twin->files)
		mirror_die("out of memory");
	make_world(twin);
	add_huge_pages(twin);
	for (size_t i = 0; i < nr; i++) {
		if (process->areas[i].last >> 63) /* [vsyscall] is the kernel's */
			continue;
		map_area(twin, i);
		fill_area(twin, i);
	}
}

void twin_destroy(struct twin *twin)
{
	pt_mm_destroy(twin->mm);
	for (size_t i = 0; i < twin->process->nr_areas; i++)
		pt_file_put(twin->files[i]);
	check(pt_swap_destroy(twin->swap), "swap");
	check(pt_world_destroy(twin->world), "world");
	check(pt_zone_destroy(twin->zone), "zone");
	pt_flush_count_destroy(twin->flushes);
	pt_phys_destroy(twin->phys);
	free(twin->files);
	free(twin->len);
	free(twin->first);
}
