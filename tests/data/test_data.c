/* SPDX-License-Identifier: MIT */
/*
 * Real page tables against what QEMU and the kernel that made them say:
 *
 *	test_data PTDUMP [CASE_DIRECTORY]...
 *
 * Without directories: each one below $PTLIB_DATA_DIR/linux. Exit status 77 if there are none, or
 * no zstd to decompress them.
 */
#define _XOPEN_SOURCE 700

#include "case.h"

#include <glob.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define UPPER (UINT64_C(1) << 63)
/* x86_64: 65536 aliases of one page, in a list of their own. */
#define ESPFIX_FIRST UINT64_C(0xffffff0000000000)
#define ESPFIX_LAST UINT64_C(0xffffff7fffffffff)

static const char *ptdump;

/* ---- reading ---- */

/* Reads what ptdump prints; false if it fails or prints something else. */
static bool read_ptdump(const struct data_case *c, const char *image, uint64_t root,
			const char *options, struct leaves *leaves, size_t *nr_lines)
{
	FILE *file = case_ptdump(c, ptdump, image, root, options);
	bool good = file && leaves_read_json(leaves, file, nr_lines);

	if (file)
		good &= case_file_close(file);
	if (!good)
		printf("%s: ptdump %s failed, or printed what is no leaf\n", c->name, options);
	return good;
}

/* Adds the leaves of @name; false if there is no such file or it has another form. */
static bool read_truth(const struct data_case *c, const char *name, struct leaves *leaves)
{
	FILE *file = case_file(c, name);
	bool good = file && leaves_read_tsv(leaves, file, &c->dialect);

	if (file)
		good &= case_file_close(file);
	return good;
}

/* ---- user halves ---- */

/* What ptdump prints must be the same with and without merging, and merged as far as can be. */
static size_t compare_both(const char *what, const struct data_case *c, const struct leaves *truth,
			   uint64_t root, bool upper)
{
	char options[64], label[300];
	struct leaves each = { 0 }, merged = { 0 };
	size_t nr_lines = 0, nr_bad = 1;

	snprintf(options, sizeof(options), "--half %s --json", upper ? "upper" : "lower");
	snprintf(label, sizeof(label), "%s: %s: merged", c->name, what);
	if (read_ptdump(c, c->image, root, options, &merged, &nr_lines))
		nr_bad = leaves_compare(label, truth, &merged,
					LEAF_ALL & ~(unsigned int)(LEAF_A | LEAF_D));
	snprintf(options, sizeof(options), "--half %s --json --each", upper ? "upper" : "lower");
	snprintf(label, sizeof(label), "%s: %s", c->name, what);
	if (read_ptdump(c, c->image, root, options, &each, NULL))
		nr_bad += leaves_compare(label, truth, &each, LEAF_ALL);
	else
		nr_bad++;
	printf("%s: %zu leaves in %zu lines\n", label, merged.nr, nr_lines);
	leaves_free(&merged);
	leaves_free(&each);
	return nr_bad;
}

static size_t check_user(const struct data_case *c, const char *who, uint64_t root)
{
	struct leaves truth = { 0 };
	char name[64];
	size_t nr_bad;

	snprintf(name, sizeof(name), "%s.mapped.tsv", who);
	if (!read_truth(c, name, &truth)) {
		printf("%s: %s cannot be read\n", c->name, name);
		nr_bad = 1;
	} else {
		nr_bad = compare_both(who, c, &truth, root, false);
	}
	leaves_free(&truth);
	return nr_bad;
}

/* The fixture holds the tables of the user halves and little else. */
static size_t check_fixture(const struct data_case *c)
{
	struct leaves ram = { 0 }, fixture = { 0 };
	char label[300];
	size_t nr_bad = 0;

	if (access(c->fixture, R_OK))
		return 0;
	snprintf(label, sizeof(label), "%s: tables.img", c->name);
	if (!read_ptdump(c, c->image, c->target, "--half lower --each --json", &ram, NULL) ||
	    !read_ptdump(c, c->fixture, c->target, "--half lower --each --json", &fixture, NULL))
		nr_bad = 1;
	else
		nr_bad = leaves_compare(label, &ram, &fixture, LEAF_ALL);
	leaves_free(&ram);
	leaves_free(&fixture);
	return nr_bad;
}

/* ---- kernel halves ---- */

/*
 * arm64: kernel.mapped.tsv has what is outside the linear map; the kernel's own dump has all, and
 * in the linear map its physical address follows from the virtual one.
 */
static bool add_linear_map(const struct data_case *c, struct leaves *truth)
{
	uint64_t delta = c->ram[0].pa - case_number(c, "kernel_says", "page_offset");
	FILE *file = case_file(c, "kernel.ptdump.tsv");
	struct leaves all = { 0 };
	size_t nr_known = truth->nr, at = 0;
	bool good;

	good = file && leaves_read_linear(&all, file, &c->dialect, delta);
	if (file)
		good &= case_file_close(file);
	leaves_sort(&all);
	for (size_t i = 0; good && i < all.nr; i++) {
		while (at < nr_known && truth->leaf[at].va < all.leaf[i].va)
			at++;
		if (at == nr_known || truth->leaf[at].va != all.leaf[i].va)
			leaves_add(truth, &all.leaf[i]);
	}
	leaves_sort(truth);
	leaves_free(&all);
	return good;
}

static bool read_kernel_truth(const struct data_case *c, struct leaves *truth)
{
	if (!read_truth(c, "kernel.mapped.tsv", truth))
		return false;
	leaves_sort(truth);
	if (c->arm64)
		return add_linear_map(c, truth);
	read_truth(c, "kernel.espfix.tsv.zst", truth);
	leaves_sort(truth);
	return true;
}

static size_t check_kernel(const struct data_case *c)
{
	struct leaves truth = { 0 };
	size_t nr_bad = 1;

	if (!read_kernel_truth(c, &truth))
		printf("%s: the kernel's ground truth cannot be read\n", c->name);
	else
		nr_bad = compare_both("kernel", c, &truth, c->arm64 ? c->target : c->kernel, true);
	leaves_free(&truth);
	return nr_bad;
}

/* With page-table isolation: what the user's copy of the top table has of the kernel. */
static size_t check_user_view(const struct data_case *c)
{
	struct leaves truth = { 0 }, found = { 0 };
	char label[300];
	size_t nr_bad = 0;

	snprintf(label, sizeof(label), "%s: user's view of the kernel", c->name);
	if (read_truth(c, "target.userview_high.tsv", &truth)) {
		bool has_espfix;
		struct leaves espfix;

		leaves_sort(&truth);
		espfix = leaves_part(&truth, ESPFIX_FIRST, ESPFIX_LAST);
		has_espfix = espfix.nr;
		if (!read_ptdump(c, c->image, c->target, "--half upper --each --json", &found,
				 NULL)) {
			nr_bad = 1;
		} else if (has_espfix) {
			nr_bad = leaves_compare(label, &truth, &found, LEAF_ALL);
		} else {
			struct leaves truths[2] = { leaves_part(&truth, UPPER, ESPFIX_FIRST - 1),
						    leaves_part(&truth, ESPFIX_LAST, UINT64_MAX) };
			struct leaves founds[2] = { leaves_part(&found, UPPER, ESPFIX_FIRST - 1),
						    leaves_part(&found, ESPFIX_LAST, UINT64_MAX) };

			for (int i = 0; i < 2; i++)
				nr_bad += leaves_compare(label, &truths[i], &founds[i], LEAF_ALL);
		}
	}
	leaves_free(&truth);
	leaves_free(&found);
	return nr_bad;
}

/* ---- roots ---- */

enum who { TARGET, HELPER, INIT, NR_WHO };

/* Whose root @pa is, NR_WHO: another's. A narrow one of init is somewhere in its page. */
static enum who owner_of(const struct data_case *c, const char *const names[NR_WHO], uint64_t pa)
{
	enum who who = TARGET;

	for (; who < NR_WHO; who++) {
		uint64_t root = case_number(c, "tables", names[who]);

		if (who == INIT ? pa / c->page_size == root / c->page_size : pa == root)
			break;
	}
	return who;
}

static size_t check_roots(const struct data_case *c)
{
	static const char *const names[NR_WHO] = { "target", "helper", "init" };
	FILE *file = case_ptdump(c, ptdump, c->image, c->target, "--find-roots --json");
	size_t nr_given = 0, nr_found[NR_WHO + 1] = { 0 }, nr_bad = 0;
	char line[1024];

	while (file && fgets(line, sizeof(line), file)) {
		const char *at = strstr(line, "\"pa\":\"");

		nr_found[owner_of(c, names, at ? strtoull(at + 6, NULL, 0) : 0)]++;
		nr_given += strstr(line, "\"given\":true") != NULL;
	}
	if (!file || !case_file_close(file) || nr_given != (c->arm64 ? 2 : 1)) {
		printf("%s: --find-roots fails, or lacks those of the registers\n", c->name);
		nr_bad++;
	}
	for (enum who who = TARGET; who < NR_WHO; who++) {
		if (nr_found[who])
			continue;
		printf("%s: --find-roots lacks that of %s\n", c->name, names[who]);
		nr_bad++;
	}
	printf("%s: roots: those of target, helper and init; %zu others\n", c->name,
	       nr_found[NR_WHO]);
	return nr_bad;
}

/* ---- the library ---- */

/* Addresses that QEMU translated, or did not. */
static size_t check_samples(const struct data_case *c, const char *name, struct pt_pgtable *pt)
{
	FILE *file = case_file(c, name);
	char line[256], word[64];
	size_t nr = 0, nr_bad = 0;

	if (!file)
		return 0;
	while (fgets(line, sizeof(line), file)) {
		uint64_t va, want = 0;
		pt_pa_t pa = 0;
		bool mapped;
		int err;

		if (line[0] == '#' || sscanf(line, "%" SCNx64 " %63s", &va, word) != 2)
			continue;
		nr++;
		mapped = sscanf(word, "%" SCNx64, &want) == 1;
		err = pt_translate(pt, va, &pa);
		if (mapped ? err || pa != want : !err) {
			nr_bad++;
			if (nr_bad <= 8)
				printf("%s: %s: 0x%" PRIx64 " is %s, not 0x%" PRIx64 " (%s)\n",
				       c->name, name, va, word, pa, pt_strerror(err));
		}
	}
	case_file_close(file);
	printf("%s: %s: %zu addresses, %zu differ\n", c->name, name, nr, nr_bad);
	return nr_bad + !nr;
}

/* Base pages of the lower half whose word is neither empty nor present. */
struct unknown {
	uint64_t nr;
	uint64_t nr_hugetlb; /* of these, in areas of huge pages made by hand */
};

/* Whether @va is in an area that the manifest calls one of hugetlb. */
static bool is_hugetlb(const struct data_case *c, uint64_t va)
{
	FILE *file = case_file(c, "manifest.tsv");
	char line[1024], name[256];
	bool found = false;

	while (file && fgets(line, sizeof(line), file)) {
		uint64_t first, end;

		if (sscanf(line, "%255s %" SCNx64 " %" SCNx64, name, &first, &end) == 3 &&
		    va >= first && va < end)
			found |= strstr(name, "htlb") != NULL;
	}
	if (file)
		case_file_close(file);
	return found;
}

static struct unknown count_unknown(const struct data_case *c, struct pt_pgtable *pt)
{
	struct unknown unknown = { 0 };
	struct pt_range_walk walk;
	enum pt_range_walk_type type;
	bool in_hugetlb = false;
	uint64_t end = 0;

	for (type = pt_range_walk_start(&walk, pt, 0, UPPER - 1, PT_TYPE_UNKNOWN, 0);
	     type != PTW_DONE; type = pt_range_walk_next(&walk)) {
		uint64_t nr_pages = walk.len / c->page_size;

		if (type != PTW_UNKNOWN)
			continue;
		if (walk.va != end) /* else it goes on from the one before */
			in_hugetlb = is_hugetlb(c, walk.va);
		end = walk.va + walk.len;
		unknown.nr += nr_pages;
		if (in_hugetlb)
			unknown.nr_hugetlb += nr_pages;
	}
	(void)pt_range_walk_done(&walk);
	return unknown;
}

/*
 * Words of swap, markers, PROT_NONE: the walk shows each, and nothing else as such. Only of hugetlb
 * entries the kernel itself tells less than all: before 6.12 pagemap is silent on poisoned ones.
 */
static size_t check_not_present(const struct data_case *c, struct pt_pgtable *pt)
{
	FILE *file = case_file(c, "target.notpresent.tsv");
	size_t nr = 0, nr_bad = 0;
	char line[1024], kind[64];
	struct unknown unknown;
	size_t nr_hugetlb = 0;

	if (!file)
		return 0;
	while (fgets(line, sizeof(line), file)) {
		struct pt_range_walk walk;
		enum pt_range_walk_type type;
		uint64_t va;
		pt_pa_t pa;

		if (line[0] == '#' || sscanf(line, "%" SCNx64 " %63s", &va, kind) != 2)
			continue;
		nr++;
		nr_hugetlb += strstr(line, "htlb") != NULL;
		type = pt_range_walk_start(&walk, pt, va, va + c->page_size - 1, PT_TYPE_ALL, 0);
		if (type != PTW_UNKNOWN || walk.len != c->page_size || !walk.raw ||
		    pt_range_walk_next(&walk) != PTW_DONE || pt_translate(pt, va, &pa) != -ENOENT) {
			nr_bad++;
			if (nr_bad <= 8)
				printf("%s: 0x%" PRIx64 " (%s) is reported as type %d\n", c->name,
				       va, kind, (int)type);
		}
		(void)pt_range_walk_done(&walk);
	}
	case_file_close(file);
	unknown = count_unknown(c, pt);
	printf("%s: %zu words are not present, %zu of hugetlb; the walk finds %" PRIu64 ", %" PRIu64
	       "; %zu are wrong\n",
	       c->name, nr, nr_hugetlb, unknown.nr, unknown.nr_hugetlb, nr_bad);
	if (unknown.nr - unknown.nr_hugetlb != nr - nr_hugetlb || unknown.nr_hugetlb < nr_hugetlb)
		nr_bad++;
	return nr_bad;
}

/* ---- what software's words say ---- */

/* The kernels were built without device memory; 6.1 on arm64 without markers too. */
static bool soft_cfg_of(const struct data_case *c, const struct pt_fmt_cfg *fmt,
			struct pt_soft_cfg *cfg)
{
	uint64_t marker = case_number(c, "special_swap_types", "marker");
	enum pt_soft_release release = !c->arm64 ? PT_SOFT_X86_6_12 :
				       marker    ? PT_SOFT_ARM64_6_12 :
						   PT_SOFT_ARM64_6_1;

	return !pt_soft_cfg_init(cfg, release, fmt, 0) &&
	       cfg->special[PT_SOFT_HWPOISON] == case_number(c, "special_swap_types", "hwpoison") &&
	       (!marker || cfg->special[PT_SOFT_MARKER] == marker);
}

/* Pagemap's soft-dirty and uffd-wp, bits 55 and 57, are the word's. */
static unsigned int marks_of_pagemap(const struct data_case *c, uint64_t pagemap)
{
	return (!c->arm64 && pagemap >> 55 & 1 ? PT_SOFT_SOFT_DIRTY : 0) |
	       (pagemap >> 57 & 1 ? PT_SOFT_UFFD_WP : 0);
}

/* One line of target.notpresent.tsv against what the walk says. */
static bool soft_agrees(const struct data_case *c, const struct pt_range_walk *walk,
			enum pt_range_walk_type type, char *const field[6])
{
	const char *kind = field[1], *info = field[2], *name = field[5];
	unsigned int marks = PT_SOFT_SOFT_DIRTY | PT_SOFT_UFFD_WP;
	uint64_t offset = 0, pfn = 0;
	unsigned int device = 0;

	if (!strcmp(kind, "swap"))
		return sscanf(info, "type=%u,off=%" SCNx64, &device, &offset) == 2 &&
		       type == PTW_SWAP && walk->soft.type == device &&
		       walk->soft.offset == offset &&
		       (walk->soft.flags & marks) ==
			       marks_of_pagemap(c, strtoull(field[4], NULL, 16));
	if (!strcmp(kind, "hwpoison"))
		return sscanf(info, "pfn=%" SCNx64, &pfn) == 1 && type == PTW_HWPOISON &&
		       walk->soft.pfn == pfn;
	if (!strcmp(kind, "protnone"))
		return type == PTW_PFN && walk->hidden && walk->pa == strtoull(field[3], NULL, 16);
	if (!strcmp(kind, "marker"))
		return type == PTW_MARKER &&
		       walk->soft.markers == (!strcmp(info, "uffd_wp") ? PT_SOFT_MARKER_UFFD_WP :
								       PT_SOFT_MARKER_POISONED);
	/* of hugetlb, where the name says what was done */
	return type == (strstr(name, "hwpoison") ? PTW_HWPOISON : PTW_MARKER);
}

/* Every word that is not present means to the library what it means to the kernel. */
static size_t check_soft(const struct data_case *c, struct pt_phys *phys, struct pt_pgtable *bare)
{
	struct pt_soft_cfg soft;
	struct pt_pgtable_cfg cfg = { .fmt = *pt_pgtable_fmt(bare), .soft = &soft };
	FILE *file = case_file(c, "target.notpresent.tsv");
	size_t nr = 0, nr_bad = 0;
	struct pt_pgtable *pt;
	char line[1024];

	if (!file)
		return 0;
	if (!soft_cfg_of(c, &cfg.fmt, &soft) ||
	    pt_pgtable_open(&pt, phys, &cfg, pt_pgtable_root(bare))) {
		printf("%s: its words are none that the library knows\n", c->name);
		case_file_close(file);
		return 1;
	}
	while (fgets(line, sizeof(line), file)) {
		struct pt_range_walk walk;
		enum pt_range_walk_type type;
		char *field[6], *rest = NULL;
		size_t nr_fields = 0;
		pt_va_t va;

		line[strcspn(line, "\n")] = 0;
		for (char *at = strtok_r(line, "\t", &rest); at && nr_fields < 6;
		     at = strtok_r(NULL, "\t", &rest))
			field[nr_fields++] = at;
		if (line[0] == '#' || nr_fields < 6)
			continue;
		va = strtoull(field[0], NULL, 16);
		type = pt_range_walk_start(&walk, pt, va, va + c->page_size - 1, PT_TYPE_ALL, 0);
		nr++;
		if (!soft_agrees(c, &walk, type, field) && ++nr_bad <= 8)
			printf("%s: %s (%s %s): type %d, word 0x%" PRIx64 "\n", c->name, field[0],
			       field[1], field[2], (int)type, walk.raw);
		(void)pt_range_walk_done(&walk);
	}
	case_file_close(file);
	pt_pgtable_destroy(pt);
	printf("%s: %zu words say what the kernel meant, but %zu\n", c->name, nr, nr_bad);
	return nr_bad;
}

static bool print_finding(void *ctx, const struct pt_finding *finding)
{
	const struct data_case *c = ctx;

	printf("%s: pt_verify: 0x%" PRIx64 ": level %u, word 0x%" PRIx64 ": %s, %s\n", c->name,
	       finding->va, finding->level, finding->raw, pt_bad_name(finding->bad),
	       pt_illegal_name(finding->why));
	return true;
}

static size_t check_library(struct data_case *c)
{
	struct pt_pgtable *pt;
	struct pt_phys *phys;
	size_t nr_bad = 0;

	if (!case_pgtable(c, c->target, false, &phys, &pt))
		return 1;
	nr_bad += check_samples(c, "target.samples.tsv", pt);
	nr_bad += check_not_present(c, pt);
	nr_bad += check_soft(c, phys, pt);
	nr_bad += pt_verify(pt, print_finding, c) != 0;
	pt_pgtable_destroy(pt);
	pt_phys_destroy(phys);

	if (!case_pgtable(c, c->kernel, true, &phys, &pt))
		return nr_bad + 1;
	nr_bad += check_samples(c, "kernel.samples.tsv", pt);
	nr_bad += pt_verify(pt, print_finding, c) != 0;
	pt_pgtable_destroy(pt);
	pt_phys_destroy(phys);
	return nr_bad;
}

/* ---- all of it ---- */

static size_t check_case(const char *dir, const char *work_dir)
{
	struct data_case c;
	size_t nr_bad = 0;

	if (!case_open(&c, dir)) {
		case_close(&c);
		return 1;
	}
	snprintf(c.image, sizeof(c.image), "%s/ram.img", work_dir);
	snprintf(c.fixture, sizeof(c.fixture), "%s/tables.img", work_dir);
	if (!case_decompress(&c, "ram.img.zst", c.image)) {
		printf("%s: ram.img.zst cannot be decompressed\n", c.name);
		nr_bad = 1;
	} else {
		case_decompress(&c, "tables.img.zst", c.fixture);
		nr_bad += check_user(&c, "target", c.target);
		nr_bad += check_user(&c, "helper", c.helper);
		nr_bad += check_fixture(&c);
		nr_bad += check_kernel(&c);
		nr_bad += check_user_view(&c);
		nr_bad += check_roots(&c);
		nr_bad += check_library(&c);
	}
	printf("%s: %s\n\n", c.name, nr_bad ? "DIFFERS" : "agrees");
	remove(c.image);
	remove(c.fixture);
	case_close(&c);
	return nr_bad;
}

/* Finds the cases; returns how many. */
static size_t find_cases(glob_t *found)
{
	const char *data = getenv("PTLIB_DATA_DIR");
	char pattern[1024];

	if (!data)
		return 0;
	snprintf(pattern, sizeof(pattern), "%s/linux/*/case.json", data);
	if (glob(pattern, 0, NULL, found))
		return 0;
	for (size_t i = 0; i < found->gl_pathc; i++)
		*strrchr(found->gl_pathv[i], '/') = 0;
	return found->gl_pathc;
}

int main(int argc, char **argv)
{
	char work_dir[64];
	glob_t found = { 0 };
	char **dirs = argv + 2;
	size_t nr, nr_bad = 0;

	if (argc < 2) {
		fprintf(stderr, "usage: %s PTDUMP [CASE_DIRECTORY]...\n", argv[0]);
		return 2;
	}
	ptdump = argv[1];
	nr = (size_t)argc - 2;
	if (!nr) {
		nr = find_cases(&found);
		dirs = found.gl_pathv;
	}
	if (!nr || system("zstd -q --version >/dev/null 2>&1")) {
		puts(nr ? "SKIP: no zstd" : "SKIP: no recorded tables; PTLIB_DATA_DIR names them");
		globfree(&found);
		return 77;
	}
	snprintf(work_dir, sizeof(work_dir), "test_data.%ld", (long)getpid());
	if (mkdir(work_dir, 0700)) {
		perror(work_dir);
		return 2;
	}
	for (size_t i = 0; i < nr; i++)
		nr_bad += check_case(dirs[i], work_dir);
	rmdir(work_dir);
	globfree(&found);
	return nr_bad != 0;
}
