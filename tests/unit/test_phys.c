/* SPDX-License-Identifier: MIT */
/* Simulated memory: sparse, in regions with holes, over files private and shared. */
#define _GNU_SOURCE /* memfd_create() */

#include "unit/fixture.h"

#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include <sys/mman.h>
#include <sys/stat.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

#define TIB (UINT64_C(1) << 40)

/* A file whose page @i begins with the number @i. */
static int make_file(unsigned int nr_pages)
{
	int fd = memfd_create("image", 0);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)nr_pages * 4096), 0);
	for (uint64_t i = 0; i < nr_pages; i++)
		assert_int_equal(pwrite(fd, &i, 8, (off_t)i * 4096), 8);
	return fd;
}

static uint64_t file_word(int fd, uint64_t offset)
{
	uint64_t word = 0;

	assert_int_equal(pread(fd, &word, 8, (off_t)offset), 8);
	return word;
}

static uint64_t memory_word(const struct pt_phys *phys, pt_pa_t pa)
{
	uint64_t word = 0;

	assert_int_equal(pt_phys_read(phys, pa, &word, 8), 0);
	return word;
}

static uint64_t resident_bytes(void)
{
	unsigned long pages_total, pages_resident = 0;
	FILE *file = fopen("/proc/self/statm", "r");

	assert_non_null(file);
	assert_int_equal(fscanf(file, "%lu %lu", &pages_total, &pages_resident), 2);
	fclose(file);
	return (uint64_t)pages_resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void sixteen_tebibytes_cost_next_to_nothing(void **state)
{
	uint64_t before = resident_bytes(), word = 0x1122334455667788;
	struct timespec start, end;
	struct pt_phys *phys;
	int64_t ns;

	(void)state;
	if (SANITIZED || getenv("LD_PRELOAD"))
		skip(); /* shadow memory has a size of its own; Valgrind preloads */
	clock_gettime(CLOCK_MONOTONIC, &start);
	assert_int_equal(pt_phys_create_anon(&phys, 16 * TIB), 0);
	clock_gettime(CLOCK_MONOTONIC, &end);
	ns = (end.tv_sec - start.tv_sec) * 1000000000 + end.tv_nsec - start.tv_nsec;
	print_message("16 TiB in %lld us\n", (long long)(ns / 1000));
	assert_true(ns < 50000000); /* under 1 ms on an idle machine; tests share theirs */
	assert_int_equal(memory_word(phys, 16 * TIB - 8), 0);
	for (uint64_t i = 0; i < 64; i++) {
		assert_int_equal(pt_phys_write(phys, i * (TIB / 4), &word, 8), 0);
		assert_int_equal(memory_word(phys, i * (TIB / 4)), word);
	}
	assert_true(resident_bytes() - before < 10 * MIB);
	pt_phys_destroy(phys);
}

static void tables_anywhere_in_sparse_memory_cost_what_they_touch(void **state)
{
	struct pt_phys *phys;
	struct pt_reserve *reserve;
	struct pt_pgtable_cfg cfg = { .mode = PT_MODE_SHARED };
	struct pt_pgtable *pt;
	uint64_t before = resident_bytes();
	pt_pa_t pa;

	(void)state;
	if (SANITIZED || getenv("LD_PRELOAD"))
		skip();
	assert_int_equal(pt_phys_create_anon(&phys, 16 * TIB), 0);
	assert_int_equal(pt_reserve_create(&reserve, phys, 12), 0);
	assert_int_equal(pt_reserve_add_range(reserve, 8 * TIB, 4 * TIB), 0);
	assert_int_equal(pt_fmt_cfg_init(&cfg.fmt, PT_FMT_X86_64), 0);
	cfg.tables = pt_reserve_ops(reserve);
	assert_int_equal(pt_pgtable_create(&pt, phys, &cfg), 0);
	for (uint64_t i = 0; i < 64; i++)
		assert_int_equal(pt_map(pt, i * TIB, i * 4096, 4096, RWX, NULL), 0);
	assert_int_equal(pt_translate(pt, 63 * TIB, &pa), 0);
	assert_int_equal(pa, 63 * 4096);
	assert_true(resident_bytes() - before < 10 * MIB);
	pt_pgtable_destroy(pt);
	assert_int_equal(pt_reserve_destroy(reserve), 0);
	pt_phys_destroy(phys);
}

/* In any order given, ascending when asked; holes are no memory. */
static void regions_may_have_holes_and_any_order(void **state)
{
	const struct pt_phys_region regions[] = {
		{ .pa = UINT64_C(1) << 51, .len = 0x4000, .fd = -1 },
		{ .pa = 0x8000, .len = 0x4000, .fd = -1 },
		{ .pa = 0x0, .len = 0x4000, .fd = -1 },
		{ .pa = (UINT64_C(1) << 52) - 0x4000, .len = 0x4000, .fd = -1 },
	};
	static const pt_pa_t want[] = { 0x0, 0x8000, UINT64_C(1) << 51,
					(UINT64_C(1) << 52) - 0x4000 };
	struct pt_phys *phys;
	uint64_t len, word = 77;
	pt_pa_t pa;

	(void)state;
	assert_int_equal(pt_phys_create(&phys, regions, 4, 14), 0);
	assert_int_equal(pt_phys_frame_lg2(phys), 14);
	assert_int_equal(pt_phys_nr_regions(phys), 4);
	for (size_t i = 0; i < 4; i++) {
		pt_phys_region(phys, i, &pa, &len);
		assert_int_equal(pa, want[i]);
		assert_int_equal(len, 0x4000);
		/* each byte of it, and none beside it */
		assert_non_null(pt_phys_to_host(phys, pa, len));
		assert_non_null(pt_phys_to_host(phys, pa + len - 1, 1));
		assert_null(pt_phys_to_host(phys, pa + len - 1, 2));
		assert_null(pt_phys_to_host(phys, pa + len, 1));
		assert_null(pt_phys_to_host(phys, pa - 1, 1));
		assert_null(pt_phys_to_host(phys, pa, len + 1));
		assert_null(pt_phys_to_host(phys, pa, UINT64_MAX));
		word = 0x1000 + i;
		assert_int_equal(pt_phys_write(phys, pa + len - 8, &word, 8), 0);
	}
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(memory_word(phys, want[i] + 0x3ff8), 0x1000 + i);
	assert_null(pt_phys_to_host(phys, UINT64_MAX, 1));
	assert_null(pt_phys_to_host(phys, UINT64_C(1) << 52, 1));
	pt_phys_destroy(phys);
}

/* Regions that touch are two host mappings, and one memory to read and write. */
static void copies_cross_from_region_to_region(void **state)
{
	const struct pt_phys_region regions[] = {
		{ .pa = 0x10000, .len = 0x1000, .fd = -1 },
		{ .pa = 0x11000, .len = 0x1000, .fd = -1 },
		{ .pa = 0x13000, .len = 0x1000, .fd = -1 },
	};
	uint8_t in[0x1800], out[0x1800];
	struct pt_phys *phys;

	(void)state;
	for (size_t i = 0; i < sizeof(in); i++)
		in[i] = (uint8_t)(i * 7);
	assert_int_equal(pt_phys_create(&phys, regions, 3, 12), 0);
	assert_int_equal(pt_phys_write(phys, 0x10400, in, sizeof(in)), 0);
	assert_int_equal(pt_phys_read(phys, 0x10400, out, sizeof(out)), 0);
	assert_memory_equal(in, out, sizeof(in));
	assert_null(pt_phys_to_host(phys, 0x10ff8, 16));
	/* any byte outside: nothing is copied */
	memset(out, 0xee, sizeof(out));
	assert_int_equal(pt_phys_read(phys, 0x11800, out, sizeof(out)), -EFAULT);
	assert_int_equal(out[0], 0xee);
	assert_int_equal(pt_phys_write(phys, 0x11c00, in, sizeof(in)), -EFAULT);
	assert_int_equal(memory_word(phys, 0x11c00), 0);
	assert_int_equal(pt_phys_read(phys, 0x12000, out, 1), -EFAULT);
	assert_int_equal(pt_phys_read(phys, UINT64_MAX, out, 2), -EFAULT);
	assert_int_equal(pt_phys_read(phys, 0x12000, out, 0), 0);
	pt_phys_destroy(phys);
}

static void a_private_image_never_changes_its_file(void **state)
{
	int fd = make_file(8);
	const struct pt_phys_region region = { .pa = 0x40000000, .len = 0x4000, .fd = fd,
					       .offset = 0x2000 };
	uint64_t word = 0x5555;
	struct pt_phys *phys;

	(void)state;
	assert_int_equal(pt_phys_create(&phys, &region, 1, 12), 0);
	for (uint64_t i = 0; i < 4; i++)
		assert_int_equal(memory_word(phys, 0x40000000 + i * 4096), i + 2);
	assert_int_equal(pt_phys_write(phys, 0x40001000, &word, 8), 0);
	assert_int_equal(memory_word(phys, 0x40001000), 0x5555);
	pt_phys_destroy(phys);
	assert_int_equal(file_word(fd, 0x3000), 3);
	close(fd);
}

static void a_shared_image_changes_its_file(void **state)
{
	int fd = make_file(8);
	const struct pt_phys_region region = { .pa = 0x1000, .len = 0x4000, .fd = fd,
					       .offset = 0x1000, .flags = PT_PHYS_SHARED };
	uint64_t word = 0x5555;
	struct pt_phys *phys;

	(void)state;
	assert_int_equal(pt_phys_create(&phys, &region, 1, 12), 0);
	assert_int_equal(pt_phys_write(phys, 0x2000, &word, 8), 0);
	pt_phys_destroy(phys);
	assert_int_equal(file_word(fd, 0x2000), 0x5555);
	assert_int_equal(file_word(fd, 0x3000), 3);
	close(fd);
}

/* The descriptor is not kept: it may be closed, or be read-only if changes stay private. */
static void the_descriptor_is_not_kept(void **state)
{
	char path[64];
	int fd = make_file(4), read_only;
	struct pt_phys_region region = { .len = 0x4000 };
	uint64_t word = 1;
	struct pt_phys *phys;

	(void)state;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	read_only = open(path, O_RDONLY);
	assert_true(read_only >= 0);
	region.fd = read_only;
	assert_int_equal(pt_phys_create(&phys, &region, 1, 12), 0);
	close(read_only);
	close(fd);
	assert_int_equal(memory_word(phys, 0x3000), 3);
	assert_int_equal(pt_phys_write(phys, 0x3000, &word, 8), 0);
	assert_int_equal(memory_word(phys, 0x3000), 1);
	pt_phys_destroy(phys);
}

static void refuses_files_that_do_not_hold_the_region(void **state)
{
	int fd = make_file(4), directory = open("/", O_RDONLY), pipes[2], write_only;
	struct pt_phys *phys = (void *)&fd;
	char path[64];
	const struct pt_phys_region bad[] = {
		{ .len = 0x5000, .fd = fd },                                /* longer */
		{ .len = 0x1000, .fd = fd, .offset = 0x4000 },              /* behind its end */
		{ .len = 0x4000, .fd = fd, .offset = 0x1000 },
		{ .len = 0x1000, .fd = fd, .offset = UINT64_MAX & ~UINT64_C(0xfff) }, /* wraps */
		{ .len = 0x1000, .fd = fd, .offset = UINT64_C(1) << 63 },
		{ .len = 0x1000, .fd = directory },
		{ .len = 0x1000, .fd = 12345 },                             /* not open */
	};
	struct pt_phys_region region = { .len = 0x1000 };

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(pt_phys_create(&phys, &bad[i], 1, 12), -EIO);
	assert_int_equal(pipe(pipes), 0);
	region.fd = pipes[0];
	assert_int_equal(pt_phys_create(&phys, &region, 1, 12), -EIO);
	close(pipes[0]);
	close(pipes[1]);
	/* cannot be read */
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	write_only = open(path, O_WRONLY);
	if (write_only >= 0) {
		region.fd = write_only;
		assert_int_equal(pt_phys_create(&phys, &region, 1, 12), -EIO);
		close(write_only);
	}
	/* cannot be written, but changes would go to it */
	region.fd = open(path, O_RDONLY);
	region.flags = PT_PHYS_SHARED;
	assert_int_equal(pt_phys_create(&phys, &region, 1, 12), -EIO);
	close(region.fd);
	/* a file truncated since */
	assert_int_equal(ftruncate(fd, 0x800), 0);
	region = (struct pt_phys_region){ .len = 0x1000, .fd = fd };
	assert_int_equal(pt_phys_create(&phys, &region, 1, 12), -EIO);
	close(directory);
	close(fd);
}

static void refuses_malformed_regions(void **state)
{
	int fd = make_file(32);
	struct pt_phys *phys = (void *)&fd;
	static const struct {
		struct pt_phys_region region;
		unsigned int frame_lg2;
		int err;
	} bad[] = {
		{ { .pa = 0x1000, .len = 0x0, .fd = -1 }, 12, -EINVAL },
		{ { .pa = 0x1800, .len = 0x1000, .fd = -1 }, 12, -EINVAL },
		{ { .pa = 0x1000, .len = 0x1800, .fd = -1 }, 12, -EINVAL },
		{ { .pa = 0x1000, .len = 0x4000, .fd = -1 }, 14, -EINVAL },
		{ { .pa = 0x4000, .len = 0x4000, .fd = -1 }, 16, -EINVAL },
		{ { .pa = 0x10000, .len = 0x4000, .fd = -1 }, 16, -EINVAL },
		{ { .pa = UINT64_MAX - 0xfff, .len = 0x2000, .fd = -1 }, 12, -EINVAL },
		{ { .pa = 0x2000, .len = UINT64_MAX & ~UINT64_C(0xfff), .fd = -1 }, 12, -EINVAL },
		{ { .pa = UINT64_MAX - 0xfff, .len = 0x1000, .fd = -1 }, 12, -ERANGE },
		{ { .pa = UINT64_C(1) << 52, .len = 0x1000, .fd = -1 }, 12, -ERANGE },
		{ { .pa = (UINT64_C(1) << 52) - 0x1000, .len = 0x2000, .fd = -1 }, 12, -ERANGE },
		{ { .len = 0x1000, .fd = -1 }, 13, -EINVAL },
		{ { .len = 0x1000, .fd = -1 }, 0, -EINVAL },
		{ { .len = 0x200000, .fd = -1 }, 21, -EINVAL },
		{ { .len = 0x1000, .fd = -1, .flags = PT_PHYS_SHARED << 1 }, 12, -EINVAL },
		{ { .len = 0x1000, .fd = -1, .flags = PT_PHYS_SHARED }, 12, -EINVAL },
	};
	const struct pt_phys_region odd_offset = { .len = 0x1000, .fd = fd, .offset = 0x800 };
	const struct pt_phys_region odd_flag = { .len = 0x1000, .fd = fd,
						 .flags = PT_PHYS_SHARED << 1 };
	const struct pt_phys_region overlap[] = {
		{ .pa = 0x4000, .len = 0x4000, .fd = -1 },
		{ .pa = 0x1000, .len = 0x1000, .fd = -1 },
		{ .pa = 0x7000, .len = 0x1000, .fd = -1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(pt_phys_create(&phys, &bad[i].region, 1, bad[i].frame_lg2),
				 bad[i].err);
	assert_int_equal(pt_phys_create(&phys, &odd_offset, 1, 12), -EINVAL);
	assert_int_equal(pt_phys_create(&phys, &odd_flag, 1, 12), -EINVAL);
	assert_int_equal(pt_phys_create(&phys, overlap, 3, 12), -EINVAL);
	assert_int_equal(pt_phys_create(&phys, overlap, 0, 12), -EINVAL);
	assert_int_equal(pt_phys_create_anon(&phys, 0), -EINVAL);
	assert_int_equal(pt_phys_create_anon(&phys, 0x1800), -EINVAL);
	close(fd);
	pt_phys_destroy(NULL);
}

/* Offsets need a host page's alignment only, whatever the frame size. */
static void a_large_frame_may_stand_anywhere_in_a_file(void **state)
{
	int fd = make_file(64);
	const struct pt_phys_region region = { .pa = 0x10000, .len = 0x20000, .fd = fd,
					       .offset = 0x3000 };
	struct pt_phys *phys;

	(void)state;
	assert_int_equal(pt_phys_create(&phys, &region, 1, 16), 0);
	assert_int_equal(memory_word(phys, 0x10000), 3);
	assert_int_equal(memory_word(phys, 0x2f000), 34);
	pt_phys_destroy(phys);
	close(fd);
}

static void a_region_can_be_added(void **state)
{
	struct pt_phys_region region = { .pa = 0x8000, .len = 0x4000, .fd = -1 };
	struct pt_phys *phys;
	uint64_t word = 9, len;
	void *host;
	pt_pa_t pa;

	(void)state;
	assert_int_equal(pt_phys_create_anon(&phys, 0x4000), 0);
	assert_int_equal(pt_phys_write(phys, 0x3ff8, &word, 8), 0);
	host = pt_phys_to_host(phys, 0, 0x4000);
	assert_int_equal(pt_phys_add(phys, &region), 0);
	assert_ptr_equal(pt_phys_to_host(phys, 0, 0x4000), host);
	assert_int_equal(memory_word(phys, 0x3ff8), 9);
	assert_int_equal(memory_word(phys, 0x8000), 0);
	/* refused, and unchanged: the same again, one byte of it, around it */
	assert_int_equal(pt_phys_add(phys, &region), -EINVAL);
	region = (struct pt_phys_region){ .pa = 0xb000, .len = 0x1000, .fd = -1 };
	assert_int_equal(pt_phys_add(phys, &region), -EINVAL);
	region = (struct pt_phys_region){ .pa = 0x7000, .len = 0x8000, .fd = -1 };
	assert_int_equal(pt_phys_add(phys, &region), -EINVAL);
	region = (struct pt_phys_region){ .pa = UINT64_C(1) << 52, .len = 0x1000, .fd = -1 };
	assert_int_equal(pt_phys_add(phys, &region), -ERANGE);
	assert_int_equal(pt_phys_nr_regions(phys), 2);
	/* between the two it fits */
	region = (struct pt_phys_region){ .pa = 0x4000, .len = 0x4000, .fd = -1 };
	assert_int_equal(pt_phys_add(phys, &region), 0);
	assert_int_equal(pt_phys_nr_regions(phys), 3);
	pt_phys_region(phys, 1, &pa, &len);
	assert_int_equal(pa, 0x4000);
	pt_phys_destroy(phys);
}

/* More than the host has addresses for: an error, not a crash. */
static void memory_that_the_host_cannot_hold_is_refused(void **state)
{
	const struct pt_phys_region region = { .len = UINT64_C(1) << 52, .fd = -1 };
	struct pt_phys *phys;

	(void)state;
	if (SANITIZED || getenv("LD_PRELOAD"))
		skip();
	assert_int_equal(pt_phys_create(&phys, &region, 1, 12), -ENOMEM);
}

static void two_memories_live_side_by_side(void **state)
{
	struct pt_phys *a, *b;
	uint64_t word = 1;

	(void)state;
	assert_int_equal(pt_phys_create_anon(&a, 0x4000), 0);
	assert_int_equal(pt_phys_create_anon(&b, 0x4000), 0);
	assert_int_equal(pt_phys_write(a, 0x1000, &word, 8), 0);
	assert_int_equal(memory_word(b, 0x1000), 0);
	pt_phys_destroy(a);
	assert_int_equal(memory_word(b, 0x1000), 0);
	pt_phys_destroy(b);
}

static void frames_larger_than_the_granule_are_refused(void **state)
{
	const struct pt_phys_region region = { .len = 0x100000, .fd = -1 };
	struct page_source source;
	struct pt_pgtable_cfg cfg = { .mode = PT_MODE_SHARED };
	struct pt_pgtable *pt;
	struct pt_phys *phys;

	(void)state;
	for (unsigned int frame = 12; frame <= 16; frame += 2)
		for (unsigned int fmt = 0; fmt < PT_FMT_NR; fmt++) {
			struct pt_format_info info;

			assert_int_equal(pt_fmt_cfg_init(&cfg.fmt, (enum pt_format)fmt), 0);
			assert_int_equal(pt_format_info(&cfg.fmt, &info), 0);
			assert_int_equal(pt_phys_create(&phys, &region, 1, frame), 0);
			page_source_init(&source, phys, 0, 16, 16);
			source.page_lg2 = info.granule_lg2 < frame ? frame : info.granule_lg2;
			source.nr = source.nr_free = 16;
			cfg.tables = page_source_ops(&source);
			if (info.granule_lg2 < frame) {
				assert_int_equal(pt_pgtable_create(&pt, phys, &cfg), -EINVAL);
				assert_int_equal(source.nr_allocs, 0);
			} else {
				assert_int_equal(pt_pgtable_create(&pt, phys, &cfg), 0);
				assert_int_equal(pt_map(pt, 0, 0, UINT64_C(1) << info.granule_lg2,
							RWX, NULL),
						 0);
				assert_int_equal(pt_verify(pt, NULL, NULL), 0);
				pt_pgtable_destroy(pt);
			}
			assert_int_equal(source.nr_live, 0);
			page_source_exit(&source);
			pt_phys_destroy(phys);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sixteen_tebibytes_cost_next_to_nothing),
		cmocka_unit_test(tables_anywhere_in_sparse_memory_cost_what_they_touch),
		cmocka_unit_test(regions_may_have_holes_and_any_order),
		cmocka_unit_test(copies_cross_from_region_to_region),
		cmocka_unit_test(a_private_image_never_changes_its_file),
		cmocka_unit_test(a_shared_image_changes_its_file),
		cmocka_unit_test(the_descriptor_is_not_kept),
		cmocka_unit_test(refuses_files_that_do_not_hold_the_region),
		cmocka_unit_test(refuses_malformed_regions),
		cmocka_unit_test(a_large_frame_may_stand_anywhere_in_a_file),
		cmocka_unit_test(a_region_can_be_added),
		cmocka_unit_test(memory_that_the_host_cannot_hold_is_refused),
		cmocka_unit_test(two_memories_live_side_by_side),
		cmocka_unit_test(frames_larger_than_the_granule_are_refused),
	};

	return cmocka_run_group_tests_name("phys", tests, NULL, NULL);
}
