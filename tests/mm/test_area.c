/* SPDX-License-Identifier: MIT */
/* Areas: what pt_mm_map() refuses, and that splits and merges leave as few as can be. */
#include "mm/mm_test.h"

static struct mm_fixture fixture;
static struct process process;

static int setup(void **state)
{
	mm_fixture_init(&fixture, *state, 0);
	process_init(&fixture, &process);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	process_exit(&fixture, &process);
	mm_fixture_exit(&fixture);
	return 0;
}

static struct pt_mm_area anon(uint64_t page, uint64_t nr, unsigned int flags)
{
	return (struct pt_mm_area){
		.first = (page + 16) * fixture.page,
		.last = (page + 16 + nr) * fixture.page - 1,
		.flags = flags,
		.node = PT_MM_ANY_NODE,
	};
}

static int map(uint64_t page, uint64_t nr, unsigned int flags)
{
	struct pt_mm_area want = anon(page, nr, flags);

	return pt_mm_map(process.mm, &want);
}

/* The areas as letters, a page each: r, w, x, and - for none; . between areas that touch. */
static void ruler(char *line, size_t nr)
{
	const struct pt_mm_area *last = NULL;

	for (size_t i = 0; i < nr; i++) {
		pt_va_t va = (i + 16) * fixture.page;
		const struct pt_mm_area *area = pt_mm_area_at(process.mm, va);

		if (area && area->first > va)
			area = NULL;
		if (area && last && area != last && area->first == va)
			*line++ = '.';
		*line++ = !area			      ? '-'
			  : area->flags & PT_MM_EXEC  ? 'x'
			  : area->flags & PT_MM_WRITE ? 'w'
						      : 'r';
		last = area;
	}
	*line = '\0';
}

#define assert_ruler(expected)                                                                     \
	do {                                                                                       \
		char line[64];                                                                     \
		ruler(line, 10);                                                                   \
		assert_string_equal(line, expected);                                               \
	} while (0)

static pt_va_t at(uint64_t page)
{
	return (page + 16) * fixture.page;
}

static void neighbours_that_are_alike_become_one(void **state)
{
	(void)state;
	assert_int_equal(map(0, 2, PT_MM_READ), 0);
	assert_int_equal(map(4, 2, PT_MM_READ), 0);
	assert_ruler("rr--rr----");
	assert_int_equal(map(2, 2, PT_MM_READ), 0);
	assert_int_equal(pt_mm_nr_areas(process.mm), 1);
	assert_int_equal(map(6, 2, PT_MM_READ | PT_MM_WRITE), 0);
	assert_ruler("rrrrrr.ww--");
	assert_int_equal(pt_mm_protect(process.mm, at(6), 2 * fixture.page, PT_MM_READ), 0);
	assert_int_equal(pt_mm_nr_areas(process.mm), 1);
}

static void changes_of_a_part_split_and_join(void **state)
{
	(void)state;
	assert_int_equal(map(0, 8, PT_MM_READ), 0);
	assert_int_equal(pt_mm_protect(process.mm, at(2), 3 * fixture.page, PT_MM_WRITE), 0);
	assert_ruler("rr.www.rrr--");
	assert_int_equal(pt_mm_protect(process.mm, at(4), 2 * fixture.page, PT_MM_EXEC), 0);
	assert_ruler("rr.ww.xx.rr--");
	assert_int_equal(pt_mm_unmap(process.mm, at(3), 2 * fixture.page), 0);
	assert_ruler("rr.w--x.rr--");
	assert_int_equal(pt_mm_move(process.mm, at(2), fixture.page, at(8)), 0);
	assert_ruler("rr---x.rr.w-");
	/* Born at another place, so one does not go on where the other ends: two areas. */
	assert_int_equal(pt_mm_protect(process.mm, at(8), fixture.page, PT_MM_READ), 0);
	assert_ruler("rr---x.rr.r-");
}

/* @second begins where @first ends: one area, or two. */
static size_t areas_of(struct pt_mm_area first, struct pt_mm_area second)
{
	size_t nr;

	assert_int_equal(pt_mm_map(process.mm, &first), 0);
	assert_int_equal(pt_mm_map(process.mm, &second), 0);
	nr = pt_mm_nr_areas(process.mm);
	assert_int_equal(pt_mm_unmap(process.mm, first.first, second.last - first.first + 1), 0);
	return nr;
}

/* Each thing that an area says of itself can be what keeps two apart. */
static void neighbours_that_differ_stay_two(void **state)
{
	const unsigned int lg2 = fixture.huge_lg2, contig = fixture.info.contig_lg2[0];
	struct pt_mm_area first = anon(0, 2, PT_MM_READ), second = anon(2, 2, PT_MM_READ);

	(void)state;
	assert_int_equal(areas_of(first, second), 1);
	second.node = 1;
	assert_int_equal(areas_of(first, second), 2);
	second = anon(2, 2, PT_MM_READ);
	second.name = "[heap]";
	assert_int_equal(areas_of(first, second), 2);
	second.name = ""; /* none */
	assert_int_equal(areas_of(first, second), 1);
	second.flags |= PT_MM_LOCKED;
	assert_int_equal(areas_of(first, second), 2);
	first.kind = second.kind = PT_MM_PFNMAP;
	second.flags = first.flags;
	assert_int_equal(areas_of(first, second), 1);
	second.kind = PT_MM_MIXEDMAP;
	assert_int_equal(areas_of(first, second), 2);
	second.kind = PT_MM_PFNMAP;
	second.mem = PT_MEM_UC;
	assert_int_equal(areas_of(first, second), 2);
	/* pages of two sizes */
	second = anon(0, 1, PT_MM_READ);
	second.kind = PT_MM_HUGETLB;
	second.page_lg2 = lg2;
	second.first = BIT(40 < fixture.fmt.va_bits - 2 ? 40 : fixture.fmt.va_bits - 2);
	second.last = second.first + BIT(lg2) - 1;
	first = second;
	first.last = second.first - 1;
	first.first = second.first - BIT(lg2);
	assert_int_equal(areas_of(first, second), 1);
	if (!contig)
		return;
	first.page_lg2 = fixture.info.granule_lg2 + contig;
	assert_int_equal(areas_of(first, second), 2);
}

static void assert_map(const struct pt_mm_area *want, int err)
{
	assert_int_equal(pt_mm_map(process.mm, want), err);
	assert_int_equal(pt_mm_nr_areas(process.mm), 0);
}

/* mm_area.h: -EINVAL for what does not exist, or is where it must not be. */
static void areas_that_cannot_be_are_refused(void **state)
{
	struct pt_world_cfg world_cfg = {
		.zone = fixture.zone, .fmt = fixture.fmt, .soft = fixture.soft
	};
	const uint64_t huge = fixture.huge;
	struct pt_file_cfg cfg = { .name = "/f", .len = 4 * fixture.page };
	struct pt_mm_area want;
	struct pt_world *other;
	struct pt_file *file, *pool, *stranger;

	(void)state;
	want = anon(0, 1, PT_MM_READ);
	want.kind = (enum pt_mm_kind)(PT_MM_MIXEDMAP + 1);
	assert_map(&want, -EINVAL);
	want = anon(0, 1, PT_MM_READ);
	want.node = PT_MM_ANY_NODE - 1;
	assert_map(&want, -EINVAL);
	want = anon(0, 1, PT_MM_READ);
	want.mem = PT_MEM_UC; /* memory is write-back */
	assert_map(&want, -EINVAL);
	want.kind = PT_MM_PFNMAP;
	want.mem = PT_MEM_NR;
	assert_map(&want, -EINVAL);
	want = anon(0, 1, PT_MM_READ);
	want.first = 0;
	want.last = UINT64_MAX;
	assert_map(&want, -EINVAL);
	want = anon(0, 1, PT_MM_READ);
	want.page_lg2 = fixture.huge_lg2;
	assert_map(&want, -EINVAL);

	/* files */
	assert_int_equal(pt_world_create(&other, fixture.phys, &world_cfg), 0);
	assert_int_equal(pt_file_create(&stranger, other, &cfg), 0);
	assert_int_equal(pt_file_create(&file, fixture.world, &cfg), 0);
	cfg.len = 4 * huge;
	cfg.page_lg2 = fixture.huge_lg2;
	assert_int_equal(pt_file_create(&pool, fixture.world, &cfg), 0);
	want = anon(0, 1, PT_MM_READ);
	want.file = file;
	assert_map(&want, -EINVAL);
	want.kind = PT_MM_FILE;
	want.file = NULL;
	assert_map(&want, -EINVAL);
	want.file = stranger;
	assert_map(&want, -EINVAL);
	want.file = pool;
	assert_map(&want, -EINVAL);
	want.file = file;
	want.offset = fixture.page / 2;
	assert_map(&want, -EINVAL);
	want.offset = -fixture.page;
	assert_int_equal(pt_mm_map(process.mm, &want), 0);
	assert_int_equal(pt_mm_unmap(process.mm, want.first, fixture.page), 0);
	want.last += fixture.page;
	assert_map(&want, -ERANGE);
	want = anon(0, 1, PT_MM_READ | PT_MM_SHARED);
	want.kind = PT_MM_HUGETLB;
	want.page_lg2 = fixture.huge_lg2;
	want.first = huge;
	want.last = 2 * huge - 1;
	want.file = pool;
	want.offset = huge / 2;
	assert_map(&want, -EINVAL);
	want.offset = huge;
	assert_int_equal(pt_mm_map(process.mm, &want), 0);
	assert_int_equal(pt_mm_set_flags(process.mm, huge, huge, PT_MM_SHARED, 0), -EINVAL);
	assert_int_equal(pt_mm_set_flags(process.mm, huge, huge, 0, PT_MM_SHARED), -EINVAL);
	assert_int_equal(pt_mm_unmap(process.mm, huge, huge), 0);
	pt_file_put(pool);
	pt_file_put(file);
	pt_file_put(stranger);
	assert_int_equal(pt_world_destroy(other), 0);
}

static void misuse_is_refused_and_changes_nothing(void **state)
{
	struct pt_mm_area want;

	(void)state;
	assert_int_equal(map(2, 2, PT_MM_READ), 0);
	assert_int_equal(map(0, 3, PT_MM_READ), -EEXIST);
	assert_int_equal(map(3, 1, PT_MM_READ), -EEXIST);
	want = anon(0, 1, PT_MM_READ);
	want.first++;
	assert_int_equal(pt_mm_map(process.mm, &want), -EINVAL);
	want = anon(0, 1, 1u << 20);
	assert_int_equal(pt_mm_map(process.mm, &want), -EINVAL);
	want = anon(0, 1, PT_MM_READ | PT_MM_SHARED); /* shared memory is a file's */
	assert_int_equal(pt_mm_map(process.mm, &want), -EINVAL);
	want = anon(0, 1, PT_MM_READ);
	want.last = want.first - 1;
	assert_int_equal(pt_mm_map(process.mm, &want), -EINVAL);
	want = anon(0, 1, PT_MM_READ);
	want.kind = PT_MM_HUGETLB;
	want.page_lg2 = 13;
	assert_int_equal(pt_mm_map(process.mm, &want), -EINVAL);
	want = anon(0, 1, PT_MM_READ);
	want.first = fixture.info.last + 1 - fixture.page;
	want.last = want.first + 2 * fixture.page - 1;
	if (want.last > want.first)
		assert_int_equal(pt_mm_map(process.mm, &want), -ERANGE);
	if (fixture.fmt.fmt == PT_FMT_X86_64) {
		want.first = (UINT64_C(1) << (fixture.fmt.va_bits - 1)) - fixture.page;
		want.last = want.first + fixture.page - 1;
		assert_int_equal(pt_mm_map(process.mm, &want), -ERANGE);
		want.first -= fixture.page;
		want.last -= fixture.page;
		assert_int_equal(pt_mm_map(process.mm, &want), 0);
		assert_int_equal(pt_mm_unmap(process.mm, want.first, fixture.page), 0);
	}
	assert_int_equal(pt_mm_protect(process.mm, at(1), 2 * fixture.page, PT_MM_READ), -ENOENT);
	assert_int_equal(pt_mm_protect(process.mm, at(2), fixture.page, 8), -EINVAL);
	assert_int_equal(pt_mm_unmap(process.mm, at(2), 0), -EINVAL);
	assert_int_equal(pt_mm_move(process.mm, at(2), fixture.page, at(3)), -EEXIST);
	assert_int_equal(pt_mm_set_flags(process.mm, at(2), fixture.page, PT_MM_WRITE, 0), -EINVAL);
	assert_ruler("--rr------");
}

static void lines_are_those_of_proc_maps(void **state)
{
	const struct pt_file_cfg cfg = {
		.name = "/init", .len = 64 * fixture.page, .minor = 2, .inode = 5
	};
	struct pt_mm_area want = { .first = 0x400000,
				   .last = 0x40ffff,
				   .node = PT_MM_ANY_NODE,
				   .kind = PT_MM_FILE,
				   .flags = PT_MM_READ | PT_MM_EXEC };
	char line[200];

	(void)state;
	assert_int_equal(pt_file_create(&want.file, fixture.world, &cfg), 0);
	want.offset = 0x10000;
	assert_int_equal(pt_mm_map(process.mm, &want), 0);
	pt_file_put(want.file);
	pt_mm_area_line(pt_mm_area(process.mm, 0), line, sizeof(line));
	assert_string_equal(line,
			    "00400000-00410000 r-xp 00010000 00:02 5                          "
			    "        /init\n");
	want = (struct pt_mm_area){
		.first = 0x500000, .last = 0x50ffff, .node = 1, .name = "[heap]"
	};
	assert_int_equal(pt_mm_map(process.mm, &want), 0);
	assert_int_equal(pt_mm_unmap(process.mm, 0x400000, 0x10000), 0);
	/* The name is shared by what is left of an area that was cut. */
	assert_int_equal(pt_mm_protect(process.mm, 0x500000, fixture.page, PT_MM_READ), 0);
	assert_string_equal(pt_mm_area_at(process.mm, 0x500000)->name, "[heap]");
	assert_int_equal(pt_mm_area_line(pt_mm_area_at(process.mm, 0x500000), line, 10), 80);
	assert_int_equal(strlen(line), 9);
}

#define TEST(test, config) cmocka_unit_test_prestate_setup_teardown(test, setup, teardown, config)

int main(void)
{
	void *x86 = (void *)(uintptr_t)&mm_configs[0], *arm = (void *)(uintptr_t)&mm_configs[4];
	const struct CMUnitTest tests[] = {
		TEST(neighbours_that_are_alike_become_one, x86),
		TEST(neighbours_that_are_alike_become_one, arm),
		TEST(neighbours_that_differ_stay_two, x86),
		TEST(neighbours_that_differ_stay_two, arm),
		TEST(areas_that_cannot_be_are_refused, x86),
		TEST(areas_that_cannot_be_are_refused, arm),
		TEST(changes_of_a_part_split_and_join, x86),
		TEST(changes_of_a_part_split_and_join, arm),
		TEST(misuse_is_refused_and_changes_nothing, x86),
		TEST(misuse_is_refused_and_changes_nothing, arm),
		TEST(lines_are_those_of_proc_maps, x86),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
