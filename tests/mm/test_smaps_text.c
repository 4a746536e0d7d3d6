/* SPDX-License-Identifier: MIT */
/* The lines of smaps that tell what an area is, as a kernel prints them. */
#include "mm/mm_test.h"

#define RW (PT_MM_READ | PT_MM_WRITE)

static struct mm_fixture fixture;
static struct process process;
static pt_va_t va; /* where a leaf of level 1 may begin, and before it too */
static char text[2000];

static int setup(void **state)
{
	mm_fixture_init(&fixture, *state, 0);
	process_init(&fixture, &process);
	va = 4 * fixture.huge;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	process_exit(&fixture, &process);
	mm_fixture_exit(&fixture);
	return 0;
}

/* The line that @name begins, with its end; "" if there is none. */
static const char *line_of(const char *name)
{
	static char line[200];
	const char *at = strstr(text, name);

	snprintf(line, sizeof(line), "%.*s", at ? (int)(strchr(at, '\n') + 1 - at) : 0,
		 at ? at : "");
	return line;
}

static void tell(const struct pt_view *view, const struct pt_mm_area *area)
{
	struct pt_smaps sum = { 0 };

	assert_int_equal(pt_smaps(view, area->first, area->last, &sum), 0);
	assert_true(pt_smaps_text(view, area, &sum, text, sizeof(text)) < sizeof(text));
}

/* Maps @want, whose file's reference it takes, tells of it, and unmaps it. */
static void tell_of(const struct pt_mm_area *want)
{
	struct pt_view view;

	assert_int_equal(pt_mm_map(process.mm, want), 0);
	pt_file_put(want->file);
	view = pt_mm_view(process.mm);
	tell(&view, pt_mm_area_at(process.mm, want->first));
	assert_int_equal(pt_mm_unmap(process.mm, want->first, want->last - want->first + 1), 0);
}

static void an_area_has_every_line(void **state)
{
	const unsigned int kb = (unsigned int)(fixture.page / 1024);
	const bool keys = fixture.fmt.features & PT_FEAT_PKEYS;
	char expected[2000], part[100];
	struct pt_smaps sum = { 0 };
	struct pt_view view;

	(void)state;
	mm_map_area(&process, va, 4 * fixture.page, PT_MM_ANON, RW | PT_MM_GROWSDOWN, NULL, 0);
	mm_store(&fixture, &process, va, 1);
	assert_int_equal(pt_mm_clear_refs(process.mm, PT_MM_CLEAR_SOFT_DIRTY),
			 fixture.soft.soft_dirty ? 0 : -EOPNOTSUPP);
	view = pt_mm_view(process.mm);
	tell(&view, pt_mm_area(process.mm, 0));
	snprintf(expected, sizeof(expected),
		 "Size:           %8u kB\n"
		 "KernelPageSize: %8u kB\n"
		 "MMUPageSize:    %8u kB\n"
		 "Rss:            %8u kB\n"
		 "Pss:            %8u kB\n"
		 "Pss_Dirty:      %8u kB\n"
		 "Shared_Clean:          0 kB\n"
		 "Shared_Dirty:          0 kB\n"
		 "Private_Clean:         0 kB\n"
		 "Private_Dirty:  %8u kB\n"
		 "Referenced:     %8u kB\n"
		 "Anonymous:      %8u kB\n"
		 "KSM:                   0 kB\n"
		 "LazyFree:              0 kB\n"
		 "AnonHugePages:         0 kB\n"
		 "ShmemPmdMapped:        0 kB\n"
		 "FilePmdMapped:         0 kB\n"
		 "Shared_Hugetlb:        0 kB\n"
		 "Private_Hugetlb:       0 kB\n"
		 "Swap:                  0 kB\n"
		 "SwapPss:               0 kB\n"
		 "Locked:                0 kB\n"
		 "THPeligible:           0\n"
		 "%s"
		 "VmFlags: rd wr mr mw me gd ac \n",
		 4 * kb, kb, kb, kb, kb, kb, kb, kb, kb, keys ? "ProtectionKey:         0\n" : "");
	assert_string_equal(text, expected);
	/* As snprintf(): what fits, and how much there is. */
	memset(part, 'x', sizeof(part));
	assert_int_equal(pt_smaps(&view, 0, UINT64_MAX, &sum), 0);
	assert_int_equal(pt_smaps_text(&view, pt_mm_area(process.mm, 0), &sum, part, 50),
			 strlen(expected));
	assert_int_equal(strlen(part), 49);
	assert_memory_equal(part, expected, 49);
	assert_int_equal(part[50], 'x');
}

/* "sd" is expected where the kernel keeps track of it. */
static void check_flags(const struct pt_mm_area *want, const char *before, const char *after)
{
	char expected[200];

	tell_of(want);
	snprintf(expected, sizeof(expected), "VmFlags: %s %s%s\n", before,
		 fixture.soft.soft_dirty ? "sd " : "", after);
	assert_string_equal(line_of("VmFlags:"), expected);
}

static struct pt_mm_area area_of(enum pt_mm_kind kind, unsigned int flags)
{
	return (struct pt_mm_area){
		.first = va,
		.last = va + 4 * fixture.page - 1,
		.kind = kind,
		.flags = flags,
		.node = PT_MM_ANY_NODE,
	};
}

static void flags_come_in_the_order_of_the_kernels_bits(void **state)
{
	struct pt_mm_area want;

	(void)state;
	want = area_of(PT_MM_ANON, 0);
	check_flags(&want, "mr mw me", "");
	want = area_of(PT_MM_ANON, PT_MM_READ);
	check_flags(&want, "rd mr mw me", "");
	want = area_of(PT_MM_ANON, PT_MM_READ | PT_MM_EXEC);
	check_flags(&want, "rd ex mr mw me", "");
	want = area_of(PT_MM_ANON, PT_MM_FLAGS & ~(PT_MM_SHARED | PT_MM_IO));
	check_flags(&want, "rd wr ex mr mw me gd uw lo dc ac wf", "hg ");
	want = area_of(PT_MM_ANON, RW | PT_MM_IO);
	check_flags(&want, "rd wr mr mw me io ac", "");
}

static void kinds_and_who_shares_are_flags_too(void **state)
{
	const struct pt_extent pool = { HUGE_PA, fixture.huge };
	const struct pt_file_cfg cfg = { .name = "/f", .len = 4 * fixture.page };
	struct pt_mm_area want;

	(void)state;
	want = area_of(PT_MM_FILE, RW);
	assert_int_equal(pt_file_create(&want.file, fixture.world, &cfg), 0);
	check_flags(&want, "rd wr mr mw me ac", "");
	want = area_of(PT_MM_FILE, RW | PT_MM_SHARED);
	assert_int_equal(pt_file_create(&want.file, fixture.world, &cfg), 0);
	check_flags(&want, "rd wr sh mr mw me ms", "");
	want = area_of(PT_MM_PFNMAP, RW | PT_MM_SHARED | PT_MM_IO);
	check_flags(&want, "rd wr sh mr mw me ms pf io de dd", "");
	/* The vvar of arm64: neither I/O nor kept out of dumps. */
	want = area_of(PT_MM_PFNMAP, PT_MM_READ);
	check_flags(&want, "rd mr mw me pf de", "");
	want = area_of(PT_MM_MIXEDMAP, RW | PT_MM_SHARED);
	check_flags(&want, "rd wr sh mr mw me ms", "mm ");
	assert_int_equal(pt_world_add_huge(fixture.world, fixture.huge_lg2, &pool), 0);
	want = area_of(PT_MM_HUGETLB, RW);
	want.page_lg2 = fixture.huge_lg2;
	want.last = want.first + fixture.huge - 1;
	check_flags(&want, "rd wr mr mw me de ht", "");
}

/* An area of @len bytes at @first that asks for huge pages. */
static void check_eligible(pt_va_t first, uint64_t len, bool is)
{
	struct pt_mm_area want = area_of(PT_MM_ANON, RW | PT_MM_HUGEPAGE);

	want.first = first;
	want.last = first + len - 1;
	tell_of(&want);
	assert_string_equal(line_of("THPeligible:"),
			    is ? "THPeligible:           1\n" : "THPeligible:           0\n");
	want.flags &= ~PT_MM_HUGEPAGE;
	tell_of(&want);
	assert_string_equal(line_of("THPeligible:"), "THPeligible:           0\n");
}

static void huge_pages_are_eligible_where_one_fits(void **state)
{
	const uint64_t page = fixture.page, huge = fixture.huge;

	(void)state;
	check_eligible(va, huge, true);
	check_eligible(va, huge - page, false);
	check_eligible(va + page, huge, false);
	check_eligible(va + page, 2 * huge - 2 * page, false);
	check_eligible(va + page, 2 * huge - page, true);
	check_eligible(va - page, huge + page, true);
	check_eligible(va - page, huge, false);
	/* The first addresses that a program can have, and one page. */
	check_eligible(page, huge - page, false);
	check_eligible(page, page, false);
	check_eligible(page, 2 * huge - page, true);
}

/* Rights do not matter, and it is not asked whether anything is there. */
static void huge_pages_are_eligible_where_nothing_may_be_used(void **state)
{
	struct pt_mm_area want = area_of(PT_MM_ANON, PT_MM_HUGEPAGE);

	(void)state;
	want.last = want.first + fixture.huge - 1;
	tell_of(&want);
	assert_string_equal(line_of("THPeligible:"), "THPeligible:           1\n");
}

static void check_file(const struct pt_file_cfg *cfg, uint64_t offset, uint64_t len, bool is)
{
	struct pt_mm_area want = area_of(PT_MM_FILE, RW | PT_MM_SHARED);

	want.offset = offset;
	want.last = want.first + len - 1;
	assert_int_equal(pt_file_create(&want.file, fixture.world, cfg), 0);
	tell_of(&want);
	assert_string_equal(line_of("THPeligible:"),
			    is ? "THPeligible:           1\n" : "THPeligible:           0\n");
}

static void huge_pages_of_files_are_eligible_if_shmem_has_them(void **state)
{
	const unsigned int order = fixture.huge_lg2 - fixture.info.granule_lg2;
	const uint64_t page = fixture.page, huge = fixture.huge;
	struct pt_file_cfg cfg = { .name = "/f", .len = 4 * huge, .order = order, .shmem = true };

	(void)state;
	check_file(&cfg, 0, huge, true);
	check_file(&cfg, huge, 2 * huge, true);
	check_file(&cfg, page, 2 * huge, false); /* no address is that of a page of its file */
	check_file(&cfg, 0, huge - page, false);
	cfg.order = order - 1;
	check_file(&cfg, 0, huge, false);
	cfg.order = order;
	cfg.shmem = false;
	check_file(&cfg, 0, huge, false);
}

static void huge_pages_are_eligible_in_no_other_kind(void **state)
{
	const struct pt_extent pool = { HUGE_PA, fixture.huge };
	struct pt_mm_area want = area_of(PT_MM_PFNMAP, RW | PT_MM_HUGEPAGE);

	(void)state;
	want.last = want.first + 2 * fixture.huge - 1;
	tell_of(&want);
	assert_string_equal(line_of("THPeligible:"), "THPeligible:           0\n");
	want.kind = PT_MM_MIXEDMAP;
	tell_of(&want);
	assert_string_equal(line_of("THPeligible:"), "THPeligible:           0\n");
	assert_int_equal(pt_world_add_huge(fixture.world, fixture.huge_lg2, &pool), 0);
	want.kind = PT_MM_HUGETLB;
	want.page_lg2 = fixture.huge_lg2;
	tell_of(&want);
	assert_string_equal(line_of("THPeligible:"), "THPeligible:           0\n");
}

/* Areas that somebody read from a kernel, over a table without a word of software's. */
static void views_of_others_tell_what_is_known(void **state)
{
	struct pt_mm_area area = area_of(PT_MM_ANON, RW | PT_MM_SOFT_DIRTY);
	const struct pt_view view = { fixture.idle, &area, 1, NULL };
	const bool keys = fixture.fmt.features & PT_FEAT_PKEYS;

	(void)state;
	area.key = 5;
	tell(&view, &area);
	assert_string_equal(line_of("ProtectionKey:"), keys ? "ProtectionKey:         5\n" : "");
	assert_string_equal(line_of("VmFlags:"), "VmFlags: rd wr mr mw me ac \n");
	assert_string_equal(line_of("THPeligible:"), "THPeligible:           0\n");
	area.kind = PT_MM_FILE;
	tell(&view, &area);
	assert_string_equal(line_of("THPeligible:"), "");
}

static void areas_of_ours_tell_their_keys(void **state)
{
	struct pt_mm_area want = area_of(PT_MM_ANON, RW);
	const bool keys = fixture.fmt.features & PT_FEAT_PKEYS;

	(void)state;
	want.key = keys ? 3 : 0;
	tell_of(&want);
	assert_string_equal(line_of("ProtectionKey:"), keys ? "ProtectionKey:         3\n" : "");
}

static const struct CMUnitTest bodies[] = {
	cmocka_unit_test(an_area_has_every_line),
	cmocka_unit_test(flags_come_in_the_order_of_the_kernels_bits),
	cmocka_unit_test(kinds_and_who_shares_are_flags_too),
	cmocka_unit_test(huge_pages_are_eligible_where_one_fits),
	cmocka_unit_test(huge_pages_are_eligible_where_nothing_may_be_used),
	cmocka_unit_test(huge_pages_of_files_are_eligible_if_shmem_has_them),
	cmocka_unit_test(huge_pages_are_eligible_in_no_other_kind),
	cmocka_unit_test(views_of_others_tell_what_is_known),
	cmocka_unit_test(areas_of_ours_tell_their_keys),
};

int main(void)
{
	return MM_RUN_ON_ALL("smaps_text", bodies);
}
