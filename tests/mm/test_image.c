/* SPDX-License-Identifier: MIT */
/*
 * pagemap of imported processes, word by word against what their kernels said, PAGEMAP_SCAN where
 * they had it, lines of maps, of numa_maps as far as they tell of areas, and of smaps those that
 * need no page descriptors, with those that tell what an area is: tables out of the image, areas
 * out of the recorded smaps. What needs page descriptors is left out of all.
 * Exit status 77 without recorded cases.
 */
#define _XOPEN_SOURCE 700

#include "data/case.h"

#include <fcntl.h>
#include <glob.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_AREAS 4096

/* What smaps said of an area. */
struct recorded {
	char line[512], name[256];
	char key[64], flags[256]; /* lines; "" for none */
	unsigned int eligible; /* for huge pages */
	uint64_t size, page, rss, swap;
};

struct image {
	struct data_case c;
	struct pt_phys *phys;
	struct pt_pgtable *pt;
	struct pt_mm_area areas[MAX_AREAS];
	struct recorded recorded[MAX_AREAS];
	size_t nr_areas;
	size_t nr_bad, nr_words, nr_swap, nr_runs, nr_smaps, nr_eligible;
};

static bool open_tables(struct image *im)
{
	struct data_case *c = &im->c;
	struct pt_pgtable_cfg cfg = { .mode = PT_MODE_PRIVATE };
	struct pt_soft_cfg soft;
	struct pt_arm64_regs arm64 = c->regs;
	struct pt_x86_regs x86 = c->x86;
	int fd = open(c->image, O_RDONLY | O_CLOEXEC), err;
	unsigned int built = 0;
	pt_pa_t root;

	for (size_t i = 0; i < c->nr_ram; i++)
		c->ram[i].fd = fd;
	err = pt_phys_create(&im->phys, c->ram, c->nr_ram, 12);
	close(fd);
	x86.cr3 = arm64.ttbr0 = c->target;
	if (!err)
		err = c->arm64 ? pt_fmt_cfg_arm64(&cfg.fmt, &root, &arm64, false)
			       : pt_fmt_cfg_x86_64(&cfg.fmt, &root, &x86);
	/*
	 * The kernels of the cases: 6.12, and 6.1 on arm64. The first type that is not a device is
	 * hwpoison's: with device memory there are eight at least, without six at most.
	 */
	if (case_number(c, "special_swap_types", "hwpoison") < 26)
		built |= PT_SOFT_BUILT_DEVICE;
	if (case_number(c, "special_swap_types", "marker"))
		built |= PT_SOFT_BUILT_MARKERS;
	if (!err)
		err = pt_soft_cfg_init(&soft, c->arm64 ? PT_SOFT_ARM64_6_1 : PT_SOFT_X86_6_12,
				       &cfg.fmt, built);
	cfg.soft = &soft;
	if (!err)
		err = pt_pgtable_open(&im->pt, im->phys, &cfg, root);
	if (err)
		printf("%s: %s\n", c->name, pt_strerror(err));
	return !err;
}

/* A line of maps. */
static bool read_header(const char *line, struct pt_mm_area *area, char name[256])
{
	uint64_t first, end, offset, inode;
	unsigned int major, minor;
	char perms[8];

	name[0] = '\0';
	if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %7s %" SCNx64 " %x:%x %" SCNu64 " %255[^\n]",
		   &first, &end, perms, &offset, &major, &minor, &inode, name) < 7)
		return false;
	*area = (struct pt_mm_area){
		.first = first,
		.last = end - 1,
		.offset = offset,
		.major = major,
		.minor = minor,
		.inode = inode,
		.kind = inode ? PT_MM_FILE : PT_MM_ANON,
		.node = PT_MM_ANY_NODE,
	};
	area->flags |= strchr(perms, 'r') ? PT_MM_READ : 0;
	area->flags |= strchr(perms, 'w') ? PT_MM_WRITE : 0;
	area->flags |= strchr(perms, 'x') ? PT_MM_EXEC : 0;
	area->flags |= strchr(perms, 's') ? PT_MM_SHARED : 0;
	return true;
}

/* What VmFlags say that the line of maps does not. */
static void read_flags(const char *line, struct pt_mm_area *area)
{
	static const struct {
		char name[4];
		unsigned int flag;
	} names[] = {
		{ " gd", PT_MM_GROWSDOWN },  { " lo", PT_MM_LOCKED },
		{ " io", PT_MM_IO },	     { " dc", PT_MM_DONTFORK },
		{ " wf", PT_MM_WIPEONFORK }, { " sd", PT_MM_SOFT_DIRTY },
		{ " hg", PT_MM_HUGEPAGE },
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strstr(line, names[i].name))
			area->flags |= names[i].flag;
	if (strstr(line, " ht"))
		area->kind = PT_MM_HUGETLB;
	else
		area->page_lg2 = 0;
	if (strstr(line, " pf"))
		area->kind = PT_MM_PFNMAP;
	if (strstr(line, " mm"))
		area->kind = PT_MM_MIXEDMAP;
}

/* Header lines of smaps, and of each the lines that decide what pagemap shows. */
static bool read_areas(struct image *im)
{
	FILE *file = case_file(&im->c, "raw/guest.target.smaps.zst");
	struct recorded *recorded = NULL;
	struct pt_mm_area *area = NULL;
	char line[1024];
	uint64_t kb;

	while (file && fgets(line, sizeof(line), file)) {
		struct pt_mm_area next;
		char name[256];

		if (im->nr_areas < MAX_AREAS && read_header(line, &next, name)) {
			area = &im->areas[im->nr_areas];
			recorded = &im->recorded[im->nr_areas++];
			*area = next;
			snprintf(recorded->line, sizeof(recorded->line), "%.511s", line);
			memcpy(recorded->name, name, sizeof(name));
			area->name = name[0] ? recorded->name : NULL;
		} else if (area && sscanf(line, "KernelPageSize: %" SCNu64, &kb) == 1) {
			area->page_lg2 = (unsigned int)__builtin_ctzll(kb << 10);
			recorded->page = kb << 10;
		} else if (area && sscanf(line, "Size: %" SCNu64, &kb) == 1) {
			recorded->size = kb << 10;
		} else if (area && sscanf(line, "Rss: %" SCNu64, &kb) == 1) {
			recorded->rss = kb << 10;
		} else if (area && sscanf(line, "Swap: %" SCNu64, &kb) == 1) {
			recorded->swap = kb << 10;
		} else if (area && sscanf(line, "THPeligible: %u", &recorded->eligible) == 1) {
			continue;
		} else if (area && sscanf(line, "ProtectionKey: %u", &area->key) == 1) {
			snprintf(recorded->key, sizeof(recorded->key), "%.63s", line);
		} else if (area && !strncmp(line, "VmFlags:", 8)) {
			snprintf(recorded->flags, sizeof(recorded->flags), "%.255s", line);
			read_flags(line, area);
		}
	}
	return file && case_file_close(file) && im->nr_areas;
}

/* One line of target.pagemap.tsv; @word: of its first page. */
static bool read_truth(const char *line, uint64_t *first, uint64_t *end, uint64_t *word)
{
	char flags[16], pa[32], type[32], offset[32];

	if (sscanf(line, "%" SCNx64 " %" SCNx64 " %15s %31s %31s %31s", first, end, flags, pa, type,
		   offset) != 6)
		return false;
	*word = 0;
	if (strchr(flags, 'p'))
		*word |= PT_PAGEMAP_PRESENT | strtoull(pa, NULL, 16) >> 12;
	if (strchr(flags, 's'))
		*word |= PT_PAGEMAP_SWAP | strtoull(type, NULL, 0) | strtoull(offset, NULL, 0) << 5;
	if (strchr(flags, 'w'))
		*word |= PT_PAGEMAP_UFFD_WP;
	if (strchr(flags, 'd'))
		*word |= PT_PAGEMAP_SOFT_DIRTY;
	return true;
}

static void check_words(struct image *im, const struct pt_view *view, uint64_t first, uint64_t end,
			uint64_t word)
{
	/* Offsets go up, but for markers, whose offset is what they say. */
	const bool marker = word & PT_PAGEMAP_SWAP &&
			    (word & 31) == pt_pgtable_soft(view->pt)->special[PT_SOFT_MARKER];
	const uint64_t step = marker		       ? 0
			      : word & PT_PAGEMAP_SWAP ? 1 << 5
						       : !!(word & PT_PAGEMAP_PRESENT);
	const uint64_t known = ~(PT_PAGEMAP_EXCLUSIVE | PT_PAGEMAP_FILE);

	for (uint64_t va = first; va < end; va += 4096, word += step) {
		uint64_t found;

		if (pt_pagemap(view, va, va + 4095, &found))
			abort();
		im->nr_words++;
		im->nr_swap += !!(word & PT_PAGEMAP_SWAP);
		if ((found & known) == word)
			continue;
		if (im->nr_bad++ < 10)
			printf("%s: 0x%" PRIx64 ": 0x%" PRIx64 ", the kernel 0x%" PRIx64 "\n",
			       im->c.name, va, found & known, word);
	}
}

/* What cannot be known without page descriptors is not asked for. */
#define SCANNED (PT_PAGE_CATEGORIES & ~(PT_PAGE_IS_FILE | PT_PAGE_IS_PFNZERO))

/* [@first, @end) is one region of these categories; 0: nothing is found there. */
static void check_run(struct image *im, const struct pt_view *view, uint64_t first, uint64_t end,
		      uint64_t categories)
{
	struct pt_pagemap_region found[2];
	struct pt_pagemap_scan scan = {
		.first = first,
		.last = end - 1,
		.category_anyof_mask = SCANNED,
		.return_mask = SCANNED,
		.regions = found,
		.nr_regions = 2,
	};

	if (pt_pagemap_scan(view, &scan))
		abort();
	im->nr_runs += !!categories;
	if (categories ? scan.nr_found == 1 && found[0].first == first &&
				 found[0].last + 1 == end && found[0].categories == categories
		       : !scan.nr_found)
		return;
	if (im->nr_bad++ < 10)
		printf("%s: 0x%" PRIx64 ": %zu regions, 0x%" PRIx64 ", the kernel 0x%" PRIx64 "\n",
		       im->c.name, first, scan.nr_found, scan.nr_found ? found[0].categories : 0,
		       categories);
}

/* One line of target.pagemap_scan; false for those that say that there is none. */
static bool read_run(const char *line, uint64_t *first, uint64_t *end, uint64_t *categories)
{
	static const struct {
		const char *name;
		uint64_t category;
	} names[] = {
		{ "present", PT_PAGE_IS_PRESENT }, { "written", PT_PAGE_IS_WRITTEN },
		{ "swapped", PT_PAGE_IS_SWAPPED }, { "softdirty", PT_PAGE_IS_SOFT_DIRTY },
		{ "huge", PT_PAGE_IS_HUGE },
	};

	if (sscanf(line, "%" SCNx64 " %" SCNx64, first, end) != 2)
		return false;
	*categories = 0;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strstr(line, names[i].name))
			*categories |= names[i].category;
	return true;
}

/* Nothing is found in areas from @at to before @end. */
static void check_gap(struct image *im, const struct pt_view *view, uint64_t at, uint64_t end)
{
	for (size_t i = 0; i < im->nr_areas; i++) {
		uint64_t lo = im->areas[i].first > at ? im->areas[i].first : at;
		uint64_t hi = im->areas[i].last < end ? im->areas[i].last + 1 : end;

		if (lo < hi)
			check_run(im, view, lo, hi, 0);
	}
}

/* Whether the area at @va is what the manifest calls @name. */
static bool is_called(struct image *im, const char *name, uint64_t va)
{
	FILE *file = case_file(&im->c, "manifest.tsv");
	char line[1024], found[64];
	bool is = false;
	uint64_t first;

	while (file && fgets(line, sizeof(line), file))
		is |= sscanf(line, "%63s %" SCNx64, found, &first) == 2 && first == va &&
		      !strcmp(found, name);
	return file && case_file_close(file) && is;
}

/* What a kernel maps by itself, or makes files of, without all of the usual rights. */
static bool is_special(const struct recorded *recorded)
{
	return !strncmp(recorded->name, "[v", 2) || !strcmp(recorded->name, "/secretmem (deleted)");
}

static void drop(char *line, const char *flag)
{
	char *at = strstr(line, flag);

	if (at)
		memmove(at, at + strlen(flag), strlen(at + strlen(flag)) + 1);
}

/* @line, VmFlags, without what an area does not know, nor what is left of rights it had. */
static void drop_unknown(char *line, bool writable)
{
	drop(line, " ar");
	drop(line, " nh");
	drop(line, " mg");
	drop(line, " um");
	if (!writable)
		drop(line, " ac");
}

/* The line of @text that begins with @name; "" if there is none. */
static void find_line(const char *text, const char *name, char *line, size_t size)
{
	const char *at = strstr(text, name);

	snprintf(line, size, "%.*s", at ? (int)(strchr(at, '\n') + 1 - at) : 0, at ? at : "");
}

/* What follows the figures of an area: of THPeligible only what it says, as its width changed. */
static void check_tail(struct image *im, const struct pt_view *view, size_t i)
{
	struct pt_mm_area area = im->areas[i];
	const struct recorded *want = &im->recorded[i];
	const struct pt_smaps none = { 0 };
	char text[2000], eligible[100], key[100], flags[300], known[256];
	unsigned int is_eligible = want->eligible;

	/* Elsewhere it would make pages WPALLOWED, for which a kernel asks more. */
	if (strstr(want->flags, " uw"))
		area.flags |= PT_MM_UFFD_WP;
	if (pt_smaps_text(view, &area, &none, text, sizeof(text)) >= sizeof(text))
		abort();
	find_line(text, "THPeligible:", eligible, sizeof(eligible));
	find_line(text, "ProtectionKey:", key, sizeof(key));
	find_line(text, "VmFlags:", flags, sizeof(flags));
	memcpy(known, want->flags, sizeof(known));
	drop_unknown(known, area.flags & PT_MM_WRITE);
	im->nr_eligible += want->eligible;
	if (eligible[0] && sscanf(eligible, "THPeligible: %u", &is_eligible) != 1)
		abort();
	if (is_eligible == want->eligible && !strcmp(key, want->key) &&
	    !!eligible[0] == (area.kind != PT_MM_FILE) &&
	    (is_special(want) || !strcmp(flags, known)))
		return;
	if (im->nr_bad++ < 40)
		printf("%s: %s%s%s%s, the kernel %u\n%s%s", im->c.name, want->line, eligible, key,
		       flags, want->eligible, want->key, want->flags);
}

/* Lines of maps, and of each area what smaps says of sizes, Rss and Swap, and of itself. */
static void check_smaps(struct image *im, const struct pt_view *view)
{
	for (size_t i = 0; i < im->nr_areas; i++) {
		const struct pt_mm_area *area = &im->areas[i];
		const struct recorded *want = &im->recorded[i];
		struct pt_smaps sum = { 0 };
		char line[512];

		if (pt_smaps(view, area->first, area->last, &sum))
			abort();
		pt_mm_area_line(area, line, sizeof(line));
		im->nr_smaps++;
		check_tail(im, view, i);
		/*
		 * The huge zero page, which only its descriptor tells, is in no counter; nor, to
		 * 6.1, is a hidden leaf of level 1. Where shmem has gone to, its file knows.
		 */
		if (is_called(im, "thp_zero", area->first) ||
		    (im->c.arm64 && is_called(im, "thp_none", area->first)))
			sum.rss = 0;
		if (!strcmp(want->name, "/dev/zero (deleted)") && sum.swap < want->swap)
			sum.swap = want->swap;
		if (!strcmp(line, want->line) && sum.size == want->size && sum.rss == want->rss &&
		    sum.swap == want->swap)
			continue;
		if (im->nr_bad++ < 40)
			printf("%s: Size %" PRIu64 " Rss %" PRIu64 " Swap %" PRIu64
			       ", the kernel %" PRIu64 " %" PRIu64 " %" PRIu64 ": %s",
			       im->c.name, sum.size >> 10, sum.rss >> 10, sum.swap >> 10,
			       want->size >> 10, want->rss >> 10, want->swap >> 10, line);
	}
}

/* The area that is no process's own has no policy to tell of. */
static size_t skip_gate(const struct image *im, size_t i)
{
	while (i < im->nr_areas && !strcmp(im->recorded[i].name, "[vsyscall]"))
		i++;
	return i;
}

/* Lines of numa_maps begin with what is known of areas. True also if the case has no such file. */
static bool check_numa(struct image *im, const struct pt_view *view)
{
	FILE *file = case_file(&im->c, "raw/guest.target.numa_maps.zst");
	char want[1024], line[1024];
	size_t i = 0, nr = 0;

	if (!file)
		return true;
	for (; fgets(want, sizeof(want), file); nr++) {
		size_t len;

		i = skip_gate(im, i);
		if (i == im->nr_areas)
			continue;
		len = pt_numa_maps_line(view, &im->areas[i++], line, sizeof(line)) - 1;
		if (strncmp(want, line, len) || (want[len] != ' ' && want[len] != '\n')) {
			if (im->nr_bad++ < 10)
				printf("%s: %.*s, the kernel %s", im->c.name, (int)len, line, want);
		}
	}
	i = skip_gate(im, i);
	return case_file_close(file) && i == im->nr_areas && nr <= i;
}

/* Whether the file could be read, if there is one; kernels before 6.7 have nothing to say. */
static bool check_scan(struct image *im, const struct pt_view *view)
{
	FILE *file = case_file(&im->c, "target.pagemap_scan");
	uint64_t first, end, categories, at = 0;
	char line[512];

	if (!file)
		return true;
	while (fgets(line, sizeof(line), file)) {
		if (!read_run(line, &first, &end, &categories))
			continue;
		check_gap(im, view, at, first);
		check_run(im, view, first, end, categories);
		at = end;
	}
	if (at)
		check_gap(im, view, at, UINT64_MAX);
	return case_file_close(file) && (at || im->c.arm64);
}

static bool check_case(const char *dir, const char *work)
{
	struct image *im = calloc(1, sizeof(*im));
	uint64_t first, end, word, at = 0;
	struct pt_view view;
	char line[512];
	bool good = false;
	FILE *file;

	if (!im || !case_open(&im->c, dir))
		abort();
	snprintf(im->c.image, sizeof(im->c.image), "%s/tables.img", work);
	if (case_decompress(&im->c, "tables.img.zst", im->c.image) && open_tables(im) &&
	    read_areas(im)) {
		view = (struct pt_view){ im->pt, im->areas, im->nr_areas, NULL };
		file = case_file(&im->c, "target.pagemap.tsv");
		while (file && fgets(line, sizeof(line), file)) {
			if (!read_truth(line, &first, &end, &word))
				continue;
			/* What is not in the list, inside of areas, is 0. */
			for (size_t i = 0; i < im->nr_areas; i++) {
				uint64_t lo = im->areas[i].first > at ? im->areas[i].first : at;
				uint64_t hi =
					im->areas[i].last < first ? im->areas[i].last + 1 : first;

				if (lo < hi)
					check_words(im, &view, lo, hi, 0);
			}
			check_words(im, &view, first, end, word);
			at = end;
		}
		good = file && case_file_close(file) && check_scan(im, &view);
		check_smaps(im, &view);
		good = check_numa(im, &view) && good && !im->nr_bad && im->nr_swap &&
		       im->nr_eligible;
		printf("%s: %zu words, %zu of swap kind, %zu runs of PAGEMAP_SCAN, %zu areas of "
		       "smaps, "
		       "%zu differ\n",
		       im->c.name, im->nr_words, im->nr_swap, im->nr_runs, im->nr_smaps,
		       im->nr_bad);
	}
	unlink(im->c.image);
	pt_pgtable_destroy(im->pt);
	pt_phys_destroy(im->phys);
	case_close(&im->c);
	free(im);
	return good;
}

int main(void)
{
	const char *data = getenv("PTLIB_DATA_DIR");
	char pattern[1024], work[] = "/tmp/ptlib_image.XXXXXX";
	glob_t found = { 0 };
	size_t nr_bad = 0;

	snprintf(pattern, sizeof(pattern), "%s/linux/*/case.json", data ? data : "");
	if (!data || glob(pattern, 0, NULL, &found) || !mkdtemp(work)) {
		printf("SKIPPED: no recorded processes in $PTLIB_DATA_DIR\n");
		return 77;
	}
	for (size_t i = 0; i < found.gl_pathc; i++) {
		*strrchr(found.gl_pathv[i], '/') = '\0';
		nr_bad += !check_case(found.gl_pathv[i], work);
	}
	globfree(&found);
	rmdir(work);
	return nr_bad ? 1 : 0;
}
