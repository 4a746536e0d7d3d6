/* SPDX-License-Identifier: MIT */
/* Table images: what is saved opens again as it was; what is no image is refused. */
#define _GNU_SOURCE /* memfd_create() */

#include "unit/fixture.h"
#include "unit/unit_dump.h"

#include <fcntl.h>
#include <unistd.h>

#include <sys/mman.h>

static int make_fd(void)
{
	int fd = memfd_create("tables", 0);

	assert_true(fd >= 0);
	return fd;
}

/* The whole file in memory; free it. */
static uint8_t *read_file(int fd, size_t *size)
{
	off_t end = lseek(fd, 0, SEEK_END);
	uint8_t *data;

	assert_true(end > 0);
	*size = (size_t)end;
	data = malloc(*size);
	assert_non_null(data);
	assert_int_equal(pread(fd, data, *size, 0), *size);
	return data;
}

/* Opens all roots of an image and asks everything; for what must not crash or hang. */
static void ask_everything(struct pt_phys *phys, const struct pt_image_root *roots, size_t nr)
{
	for (size_t i = 0; i < nr; i++) {
		struct pt_pgtable_cfg cfg = { .fmt = roots[i].fmt, .mode = PT_MODE_PRIVATE };
		struct pt_range_walk walk;
		struct pt_usage usage;
		struct pt_pgtable *pt;
		unsigned int calls = 0;
		pt_pa_t pa;
		int err;

		assert_int_equal(roots[i].label[31], 0);
		err = pt_pgtable_open(&pt, phys, &cfg, roots[i].root);
		if (err) {
			assert_true(err == -EINVAL || err == -EFAULT);
			continue;
		}
		err = pt_verify(pt, NULL, NULL);
		assert_true(err == 0 || err == -EFAULT);
		assert_int_equal(pt_usage(pt, &usage), 0);
		for (enum pt_range_walk_type type = pt_range_walk_start(&walk, pt, 0, UINT64_MAX,
									PT_TYPE_ALL, 0);
		     type != PTW_DONE && calls < 64; type = pt_range_walk_next(&walk), calls++)
			if (type == PTW_PFN)
				assert_int_equal(pt_translate(pt, walk.va, &pa), 0);
		assert_int_equal(pt_range_walk_done(&walk), 0);
		pt_pgtable_destroy(pt);
	}
}

static void what_is_saved_opens_again_as_it_was(void **state)
{
	struct fixture *f = *state;
	struct pt_pgtable_cfg cfg = f->cfg;
	struct pt_image_root roots[PT_IMAGE_MAX_ROOTS];
	const char *label = "ttbr0 or so";
	struct pt_usage before_usage, after_usage;
	struct dump before, after;
	struct pt_pgtable *pt;
	struct pt_phys *phys;
	size_t nr = 0;
	int fd = make_fd();

	do_map(f, 1, f->nr_pages - 1, 1, RWX);
	if (f->nr_pages > 8) {
		do_protect(f, 3, 2, PT_ATTR_SW(5), PT_ATTR_WRITE, 0);
		do_unmap(f, 7, 1, 0);
		write_word(f, word_pa(f, page_va(f, 7)), RAW_SOFT);
	}
	assert_int_equal(pt_image_save(fd, &f->pt, &label, 1), 0);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	assert_int_equal(pt_image_open(fd, &phys, roots, &nr), 0);
	assert_int_equal(nr, 1);
	assert_string_equal(roots[0].label, label);
	assert_memory_equal(&roots[0].fmt.fmt, &f->fmt.fmt, sizeof(f->fmt.fmt));
	assert_int_equal(roots[0].fmt.va_bits, f->fmt.va_bits);
	assert_int_equal(roots[0].fmt.pa_bits, f->fmt.pa_bits);
	assert_int_equal(roots[0].fmt.upper_half, f->fmt.upper_half);
	assert_int_equal(roots[0].fmt.bbm, f->fmt.bbm);
	assert_int_equal(roots[0].fmt.features, f->fmt.features);
	assert_int_equal(roots[0].fmt.share, f->fmt.share);
	assert_int_equal(roots[0].fmt.c_bit, f->fmt.c_bit);
	assert_int_equal(roots[0].fmt.mem_types, f->fmt.mem_types);
	assert_int_equal(roots[0].root, pt_pgtable_root(f->pt));

	cfg.fmt = roots[0].fmt;
	cfg.tables = (struct pt_table_ops){ 0 };
	cfg.watch = NULL;
	assert_int_equal(pt_pgtable_open(&pt, phys, &cfg, roots[0].root), 0);
	before = dump_take(f->pt);
	after = dump_take(pt);
	assert_true(dump_equal(&before, &after));
	assert_true(before.nr > 0);
	assert_int_equal(pt_usage(f->pt, &before_usage), 0);
	assert_int_equal(pt_usage(pt, &after_usage), 0);
	assert_memory_equal(&before_usage, &after_usage, sizeof(before_usage));
	/* it is a table like any other: changed in place */
	assert_int_equal(
		pt_unmap(pt, f->info.first + (page_va(f, 1) - f->info.first), f->granule, NULL),
		leaf_level(f, 1) == 0 && span_lg2(f, 1) == f->info.granule_lg2 ? 0 : -EOPNOTSUPP);
	dump_free(&before);
	dump_free(&after);
	pt_pgtable_destroy(pt);
	pt_phys_destroy(phys);
	close(fd);
}

static void saving_twice_gives_the_same_bytes(void **state)
{
	struct fixture *f = *state;
	int a = make_fd(), b = make_fd();
	const char *label = "x";
	uint8_t *bytes_a, *bytes_b;
	size_t size_a, size_b;

	do_map(f, 1, f->nr_pages - 1, 1, RWX);
	assert_int_equal(pt_image_save(a, &f->pt, &label, 1), 0);
	assert_int_equal(pt_image_save(b, &f->pt, &label, 1), 0);
	bytes_a = read_file(a, &size_a);
	bytes_b = read_file(b, &size_b);
	assert_int_equal(size_a, size_b);
	assert_memory_equal(bytes_a, bytes_b, size_a);
	free(bytes_a);
	free(bytes_b);
	close(a);
	close(b);
}

/* Many roots, shared tables, and an image that does not begin where its file does. */
static void many_roots_share_one_image(void **state)
{
	struct fixture *f = *state;
	struct pt_image_root roots[PT_IMAGE_MAX_ROOTS];
	struct pt_pgtable *pts[PT_IMAGE_MAX_ROOTS], *pt;
	const char *labels[PT_IMAGE_MAX_ROOTS];
	char text[PT_IMAGE_MAX_ROOTS][32];
	struct pt_phys *phys;
	struct pt_pgtable_cfg cfg;
	size_t nr;
	pt_pa_t pa;
	int fd = make_fd();

	do_map_small(f, 1, 1, 1, RWX);
	pts[0] = f->pt;
	for (unsigned int i = 0; i < PT_IMAGE_MAX_ROOTS; i++) {
		snprintf(text[i], sizeof(text[i]), "%031u", i);
		labels[i] = text[i];
		if (!i)
			continue;
		assert_int_equal(pt_pgtable_create(&pts[i], f->phys, &f->cfg), 0);
		assert_int_equal(pt_pgtable_link(pts[i], f->base, f->pt, f->base, f->leaf1, 1), 0);
	}
	assert_int_equal(write(fd, "junk", 4), 4);
	assert_int_equal(pt_image_save(fd, pts, labels, PT_IMAGE_MAX_ROOTS), 0);
	assert_int_equal(lseek(fd, 4, SEEK_SET), 4);
	assert_int_equal(pt_image_open(fd, &phys, roots, &nr), 0);
	assert_int_equal(nr, PT_IMAGE_MAX_ROOTS);
	for (unsigned int i = 0; i < PT_IMAGE_MAX_ROOTS; i++) {
		assert_string_equal(roots[i].label, labels[i]);
		cfg = (struct pt_pgtable_cfg){ .fmt = roots[i].fmt, .mode = PT_MODE_PRIVATE };
		assert_int_equal(pt_pgtable_open(&pt, phys, &cfg, roots[i].root), 0);
		assert_int_equal(pt_translate(pt, page_va(f, 1), &pa), 0);
		assert_int_equal(pa, page_pa(f, 1));
		assert_int_equal(pt_verify(pt, NULL, NULL), 0);
		pt_pgtable_destroy(pt);
	}
	pt_phys_destroy(phys);
	/* one too many, none, a label too long, two memories */
	assert_int_equal(pt_image_save(fd, pts, labels, 0), -EINVAL);
	assert_int_equal(pt_image_save(fd, pts, labels, PT_IMAGE_MAX_ROOTS + 1), -EINVAL);
	labels[1] = "01234567890123456789012345678901";
	assert_int_equal(pt_image_save(fd, pts, labels, 2), -EINVAL);
	for (unsigned int i = 1; i < PT_IMAGE_MAX_ROOTS; i++)
		pt_pgtable_destroy(pts[i]);
	close(fd);
}

static void only_tables_are_saved(void **state)
{
	struct fixture *f = *state;
	const char *label = "x";
	int fd = make_fd();
	uint8_t *bytes;
	size_t size;

	do_map_small(f, 1, 1, 1, RWX);
	assert_int_equal(pt_image_save(fd, &f->pt, &label, 1), 0);
	bytes = read_file(fd, &size);
	/* a few runs of zeroes for each table: far less than the tables themselves */
	assert_true(size <
		    200 * f->info.nr_levels + 1024 + 40 * f->granule / 4096 +
			    (UINT64_C(1) << f->info.entries_lg2[f->info.nr_levels - 1]) / 16);
	free(bytes);
	close(fd);
}

/* A small image: one leaf, one range, one root. */
static uint8_t *small_image(struct fixture *f, size_t *size)
{
	const char *label = "cr3";
	int fd = make_fd();
	uint8_t *bytes;

	do_map_small(f, 0, 2, 0, RWX);
	assert_int_equal(pt_image_save(fd, &f->pt, &label, 1), 0);
	bytes = read_file(fd, size);
	close(fd);
	return bytes;
}

/* Opens @size bytes as an image; 0 or the documented errors, and then it can be asked. */
static int try_image(const uint8_t *bytes, size_t size)
{
	struct pt_image_root roots[PT_IMAGE_MAX_ROOTS];
	struct pt_phys *phys = NULL;
	size_t nr = 0;
	int fd = make_fd(), err;

	assert_int_equal(write(fd, bytes, size), size);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	err = pt_image_open(fd, &phys, roots, &nr);
	close(fd);
	if (err) {
		assert_true(err == -EIO || err == -ENOMEM);
		assert_null(phys);
		assert_int_equal(nr, 0);
		return err;
	}
	assert_in_range(nr, 1, PT_IMAGE_MAX_ROOTS);
	ask_everything(phys, roots, nr);
	pt_phys_destroy(phys);
	return 0;
}

static void every_truncation_is_refused(void **state)
{
	struct fixture *f = *state;
	size_t size;
	uint8_t *bytes = small_image(f, &size);

	assert_int_equal(try_image(bytes, size), 0);
	for (size_t len = 0; len < size; len++)
		assert_int_equal(try_image(bytes, len), -EIO);
	free(bytes);
}

static void more_than_an_image_is_refused(void **state)
{
	struct fixture *f = *state;
	size_t size;
	uint8_t *bytes = small_image(f, &size), *more = calloc(1, size + 1);

	assert_non_null(more);
	memcpy(more, bytes, size);
	assert_int_equal(try_image(more, size + 1), -EIO);
	free(more);
	free(bytes);
}

/* Concatenated tables take long to read: then only some places of the file. */
static size_t stride(const struct fixture *f)
{
	return fixture_is_concat(f) ? 211 : 1;
}

/* Each bit of it flipped: another image, or none; never a crash. */
static void every_flipped_bit_is_survived(void **state)
{
	struct fixture *f = *state;
	size_t size, accepted = 0;
	uint8_t *bytes = small_image(f, &size);

	for (size_t bit = 0; bit < 8 * size; bit += stride(f)) {
		bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
		accepted += try_image(bytes, size) == 0;
		bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	/* those of labels and table words make another image; those of the magic none */
	assert_true(accepted > 31 * 8 / stride(f));
	assert_true(accepted <= 8 * (size - 8));
	free(bytes);
}

/* Every byte all ones, and every pair of bytes zero. */
static void extreme_fields_are_survived(void **state)
{
	struct fixture *f = *state;
	size_t size;
	uint8_t *bytes = small_image(f, &size), *bad = malloc(size);

	assert_non_null(bad);
	for (size_t at = 0; at < size; at += stride(f))
		for (size_t len = 1; len <= 8 && at + len <= size; len *= 2) {
			memcpy(bad, bytes, size);
			memset(bad + at, 0xff, len);
			try_image(bad, size);
			memset(bad + at, 0, len);
			try_image(bad, size);
		}
	free(bad);
	free(bytes);
}

static void files_that_cannot_be_read_or_written_are_errors(void **state)
{
	struct fixture *f = *state;
	struct pt_image_root roots[PT_IMAGE_MAX_ROOTS];
	const char *label = "x";
	struct pt_phys *phys;
	int full = open("/dev/full", O_WRONLY), null = open("/dev/null", O_RDONLY), dir;
	size_t nr;

	assert_int_equal(pt_image_save(12345, &f->pt, &label, 1), -EIO);
	if (full >= 0) {
		assert_int_equal(pt_image_save(full, &f->pt, &label, 1), -EIO);
		close(full);
	}
	assert_int_equal(pt_image_open(12345, &phys, roots, &nr), -EIO);
	assert_int_equal(pt_image_open(null, &phys, roots, &nr), -EIO);
	close(null);
	dir = open("/", O_RDONLY);
	assert_int_equal(pt_image_open(dir, &phys, roots, &nr), -EIO);
	close(dir);
}

/* Tables that hang in loops or outside memory are saved as far as they go. */
static void corrupt_tables_can_be_saved(void **state)
{
	struct fixture *f = *state;
	struct pt_step steps[PT_MAX_LEVELS];
	struct pt_image_root roots[PT_IMAGE_MAX_ROOTS];
	const char *label = "x";
	struct pt_phys *phys;
	unsigned int nr;
	size_t nr_roots;
	int fd = make_fd();

	do_map_small(f, 0, 1, 0, RWX);
	assert_int_equal(pt_trace(f->pt, page_va(f, 0), steps, &nr), 0);
	write_word(f, steps[nr - 2].table_pa + 8 * (steps[nr - 2].index ^ 1),
		   raw_table(&f->fmt, steps[nr - 2].table_pa));
	write_word(f, steps[nr - 2].table_pa + 8 * (steps[nr - 2].index ^ 2),
		   raw_table(&f->fmt, 0));
	assert_int_equal(pt_image_save(fd, &f->pt, &label, 1), 0);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	assert_int_equal(pt_image_open(fd, &phys, roots, &nr_roots), 0);
	ask_everything(phys, roots, nr_roots);
	pt_phys_destroy(phys);
	write_word(f, steps[nr - 2].table_pa + 8 * (steps[nr - 2].index ^ 1), 0);
	write_word(f, steps[nr - 2].table_pa + 8 * (steps[nr - 2].index ^ 2), 0);
	close(fd);
}

int main(void)
{
	static const struct test_case tests[] = {
		TEST(what_is_saved_opens_again_as_it_was),
		TEST(saving_twice_gives_the_same_bytes),
		TEST_ON(many_roots_share_one_image, NEEDS_2_LEVELS),
		TEST(only_tables_are_saved),
		TEST_ON(every_truncation_is_refused, NEEDS_PRIVATE),
		TEST(more_than_an_image_is_refused),
		TEST_ON(every_flipped_bit_is_survived, NEEDS_PRIVATE),
		TEST_ON(extreme_fields_are_survived, NEEDS_PRIVATE),
		TEST(files_that_cannot_be_read_or_written_are_errors),
		TEST_ON(corrupt_tables_can_be_saved, NEEDS_2_LEVELS),
	};

	return RUN_ON_ALL("image", tests);
}
