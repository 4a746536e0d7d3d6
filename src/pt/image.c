/* SPDX-License-Identifier: MIT */
/*
 * Table images. All integers are little-endian:
 *
 *	header   "PTLIMG" 0 1      8 bytes: magic and version
 *	         u32 nr_roots, u32 nr_spans
 *	roots    char label[32]; u32 fmt, va_bits, pa_bits, upper_half, bbm,
 *	         features; u16 share, c_bit; u32 levels;
 *	         u64 mem_types, root                             80 bytes each
 *	spans    u64 pa, u64 nr_words                            16 bytes each
 *	content  of each span in turn, as runs of words with equal steps:
 *	         u16 nr - 1, u64 first, u64 step                 18 bytes each
 *
 * Spans are ascending, disjoint and 8-byte aligned. A run has at most 512 words
 * and stays within its span. Tables are mostly zeroes and mostly consecutive, so
 * runs make a kernel's tables small without a compression library.
 */
#include <ptlib/image.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pt/pagetable_internal.h"

#define MAGIC "PTLIMG\0\1"
#define HEADER_BYTES 16
#define ROOT_BYTES 80
#define SPAN_BYTES 16
#define RUN_BYTES 18
#define RUN_WORDS 512
#define IMAGE_FRAME_LG2 12

/* Bytes that grow, or that are read from. */
struct bytes {
	uint8_t *data;
	size_t nr, room; /* when reading: room is what there is, nr what was taken */
	bool failed;     /* out of memory; when reading: ran dry */
};

static void put(struct bytes *to, const void *data, size_t nr)
{
	if (to->room - to->nr < nr && !to->failed) {
		size_t room = 2 * (to->room + nr) + 4096;
		uint8_t *more = realloc(to->data, room);

		to->failed = !more;
		if (more) {
			to->data = more;
			to->room = room;
		}
	}
	if (to->failed)
		return;
	memcpy(to->data + to->nr, data, nr);
	to->nr += nr;
}

static void put_le(struct bytes *to, uint64_t value, unsigned int nr)
{
	uint8_t le[8];

	for (unsigned int i = 0; i < nr; i++)
		le[i] = (uint8_t)(value >> 8 * i);
	put(to, le, nr);
}

static uint64_t get_le(struct bytes *from, unsigned int nr)
{
	uint64_t value = 0;

	if (from->room - from->nr < nr) {
		from->failed = true;
		return 0;
	}
	for (unsigned int i = 0; i < nr; i++)
		value |= (uint64_t)from->data[from->nr + i] << 8 * i;
	from->nr += nr;
	return value;
}

/* Words of memory that tables occupy. */
struct span {
	pt_pa_t pa;
	uint64_t nr_words;
};

struct spans {
	struct span *span;
	size_t nr, room;
	bool failed;
};

static bool add_table(void *ctx, pt_pa_t pa, unsigned int level, uint64_t bytes)
{
	struct spans *spans = ctx;

	(void)level;
	if (spans->nr == spans->room) {
		size_t room = spans->room ? 2 * spans->room : 256;
		struct span *more = realloc(spans->span, room * sizeof(*more));

		if (!more) {
			spans->failed = true;
			return false;
		}
		spans->span = more;
		spans->room = room;
	}
	spans->span[spans->nr++] = (struct span){ pa, bytes / 8 };
	return true;
}

static int by_pa(const void *a, const void *b)
{
	const struct span *x = a, *y = b;

	return (x->pa > y->pa) - (x->pa < y->pa);
}

/* Sorts, and joins what touches or overlaps. */
static void join_spans(struct spans *spans)
{
	size_t nr = 0;

	qsort(spans->span, spans->nr, sizeof(*spans->span), by_pa);
	for (size_t i = 0; i < spans->nr; i++) {
		struct span *last = nr ? &spans->span[nr - 1] : NULL, *next = &spans->span[i];
		pt_pa_t end = next->pa + 8 * next->nr_words;

		if (last && next->pa <= last->pa + 8 * last->nr_words) {
			if (end > last->pa + 8 * last->nr_words)
				last->nr_words = (end - last->pa) / 8;
		} else {
			spans->span[nr++] = *next;
		}
	}
	spans->nr = nr;
}

static uint64_t load_word(const struct pt_phys *phys, pt_pa_t pa)
{
	_Atomic uint64_t *word = pt_phys_to_host(phys, pa, 8);

	return atomic_load_explicit(word, memory_order_relaxed);
}

static void put_span(struct bytes *to, const struct pt_phys *phys, const struct span *span)
{
	uint64_t at = 0;

	while (at < span->nr_words) {
		uint64_t left = ptl_min(span->nr_words - at, RUN_WORDS), nr = 1, step = 0;
		uint64_t first = load_word(phys, span->pa + 8 * at), last = first;

		if (left > 1)
			step = load_word(phys, span->pa + 8 * (at + 1)) - first;
		while (nr < left && load_word(phys, span->pa + 8 * (at + nr)) - last == step) {
			last += step;
			nr++;
		}
		put_le(to, nr - 1, 2);
		put_le(to, first, 8);
		put_le(to, step, 8);
		at += nr;
	}
}

static void put_root(struct bytes *to, const struct pt_pgtable *pt, const char *label)
{
	const struct pt_fmt_cfg *cfg = &pt->fmt.cfg;
	char name[32] = { 0 };

	memcpy(name, label, strlen(label));
	put(to, name, sizeof(name));
	put_le(to, cfg->fmt, 4);
	put_le(to, cfg->va_bits, 4);
	put_le(to, cfg->pa_bits, 4);
	put_le(to, cfg->upper_half, 4);
	put_le(to, cfg->bbm, 4);
	put_le(to, cfg->features, 4);
	put_le(to, cfg->share, 2);
	put_le(to, cfg->c_bit, 2);
	put_le(to, cfg->levels, 4);
	put_le(to, cfg->mem_types, 8);
	put_le(to, pt->root_pa, 8);
}

static int write_all(int fd, const uint8_t *data, size_t nr)
{
	while (nr) {
		ssize_t done = write(fd, data, nr);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return -EIO;
		data += done;
		nr -= (size_t)done;
	}
	return 0;
}

int pt_image_save(int fd, struct pt_pgtable *const *pts, const char *const *labels, size_t nr)
{
	struct spans spans = { 0 };
	struct bytes to = { 0 };
	int err = 0;

	if (!nr || nr > PT_IMAGE_MAX_ROOTS)
		return -EINVAL;
	for (size_t i = 0; i < nr; i++)
		if (strlen(labels[i]) > 31 || pts[i]->phys != pts[0]->phys)
			return -EINVAL;
	for (size_t i = 0; i < nr && !err; i++)
		err = pt_for_each_table(pts[i], add_table, &spans);
	if (spans.failed)
		err = -ENOMEM;
	if (!err) {
		join_spans(&spans);
		put(&to, MAGIC, 8);
		put_le(&to, nr, 4);
		put_le(&to, spans.nr, 4);
		for (size_t i = 0; i < nr; i++)
			put_root(&to, pts[i], labels[i]);
		for (size_t i = 0; i < spans.nr; i++) {
			put_le(&to, spans.span[i].pa, 8);
			put_le(&to, spans.span[i].nr_words, 8);
		}
		for (size_t i = 0; i < spans.nr; i++)
			put_span(&to, pts[0]->phys, &spans.span[i]);
		err = to.failed ? -ENOMEM : write_all(fd, to.data, to.nr);
	}
	free(spans.span);
	free(to.data);
	return err;
}

/* Looks at the magic before it reads on: what is no image may be a very large file. */
static int read_all(int fd, struct bytes *from)
{
	for (;;) {
		ssize_t nr;

		if (from->nr == from->room) {
			size_t room = from->room ? 2 * from->room : 65536;
			uint8_t *more = realloc(from->data, room);

			if (!more)
				return -ENOMEM;
			from->data = more;
			from->room = room;
		}
		nr = read(fd, from->data + from->nr, from->room - from->nr);
		if (nr < 0 && errno == EINTR)
			continue;
		if (nr < 0)
			return -EIO;
		if (nr == 0)
			break;
		from->nr += (size_t)nr;
		if (memcmp(from->data, MAGIC, ptl_min(from->nr, 8)))
			return -EIO;
	}
	from->room = from->nr;
	from->nr = 0;
	return 0;
}

static int get_root(struct bytes *from, struct pt_image_root *root)
{
	struct pt_format_info info;

	if (from->room - from->nr < ROOT_BYTES)
		return -EIO;
	*root = (struct pt_image_root){ 0 };
	memcpy(root->label, from->data + from->nr, sizeof(root->label));
	from->nr += sizeof(root->label);
	root->fmt.fmt = (enum pt_format)get_le(from, 4);
	root->fmt.va_bits = (unsigned int)get_le(from, 4);
	root->fmt.pa_bits = (unsigned int)get_le(from, 4);
	root->fmt.upper_half = get_le(from, 4) != 0;
	root->fmt.bbm = (unsigned int)get_le(from, 4);
	root->fmt.features = (unsigned int)get_le(from, 4);
	root->fmt.share = (unsigned int)get_le(from, 2);
	root->fmt.c_bit = (unsigned int)get_le(from, 2);
	root->fmt.levels = (unsigned int)get_le(from, 4);
	root->fmt.mem_types = get_le(from, 8);
	root->root = get_le(from, 8);
	return root->label[sizeof(root->label) - 1] || pt_format_info(&root->fmt, &info) ? -EIO : 0;
}

/* Ascending, disjoint, aligned, and inside 2^52. */
static int get_spans(struct bytes *from, struct span *span, size_t nr)
{
	uint64_t left = (from->room - from->nr) / RUN_BYTES * RUN_WORDS; /* no run has more words */
	pt_pa_t end = 0;

	for (size_t i = 0; i < nr; i++) {
		span[i].pa = get_le(from, 8);
		span[i].nr_words = get_le(from, 8);
		if (span[i].pa < end || !ptl_aligned(span[i].pa, 3) || !span[i].nr_words ||
		    span[i].nr_words > left || span[i].pa >> PT_PHYS_MAX_BITS ||
		    span[i].nr_words >> (PT_PHYS_MAX_BITS - 3) ||
		    (span[i].pa + 8 * span[i].nr_words - 1) >> PT_PHYS_MAX_BITS)
			return -EIO;
		end = span[i].pa + 8 * span[i].nr_words;
		left -= span[i].nr_words;
	}
	return from->failed ? -EIO : 0;
}

/* A memory with just the frames that the spans touch. */
static int make_phys(struct pt_phys **phys, const struct span *span, size_t nr)
{
	struct pt_phys_region region = { .fd = -1 };
	int err = 0;

	*phys = NULL;
	for (size_t i = 0; i <= nr && !err; i++) {
		pt_pa_t first, end;

		if (i < nr) {
			first = ptl_align_down(span[i].pa, IMAGE_FRAME_LG2);
			end = ptl_last(span[i].pa + 8 * span[i].nr_words - 1, IMAGE_FRAME_LG2) + 1;
			if (region.len && first <= region.pa + region.len) {
				region.len = end - region.pa;
				continue;
			}
		}
		if (region.len)
			err = *phys ? pt_phys_add(*phys, &region) :
				      pt_phys_create(phys, &region, 1, IMAGE_FRAME_LG2);
		if (i < nr) {
			region.pa = first;
			region.len = end - first;
		}
	}
	if (err && *phys) {
		pt_phys_destroy(*phys);
		*phys = NULL;
	}
	return err;
}

/* Zeroes need not be stored: the memory is new. */
static int get_content(struct bytes *from, struct pt_phys *phys, const struct span *span)
{
	uint64_t at = 0;

	while (at < span->nr_words) {
		uint64_t nr = get_le(from, 2) + 1, word = get_le(from, 8), step = get_le(from, 8);

		if (from->failed || nr > RUN_WORDS || nr > span->nr_words - at)
			return -EIO;
		for (uint64_t i = 0; i < nr && (word || step); i++, word += step)
			if (pt_phys_write(phys, span->pa + 8 * (at + i), &word, 8))
				return -EIO;
		at += nr;
	}
	return 0;
}

static int parse(struct bytes *from, struct pt_phys **phys,
		 struct pt_image_root roots[PT_IMAGE_MAX_ROOTS], size_t *nr)
{
	size_t nr_roots, nr_spans;
	struct span *span;
	int err = 0;

	if (from->room < HEADER_BYTES || memcmp(from->data, MAGIC, 8))
		return -EIO;
	from->nr = 8;
	nr_roots = get_le(from, 4);
	nr_spans = get_le(from, 4);
	if (!nr_roots || nr_roots > PT_IMAGE_MAX_ROOTS || !nr_spans)
		return -EIO;
	for (size_t i = 0; i < nr_roots && !err; i++)
		err = get_root(from, &roots[i]);
	if (err || nr_spans > (from->room - from->nr) / (SPAN_BYTES + RUN_BYTES))
		return -EIO;
	span = calloc(nr_spans, sizeof(*span));
	if (!span)
		return -ENOMEM;
	err = get_spans(from, span, nr_spans);
	if (!err)
		err = make_phys(phys, span, nr_spans);
	for (size_t i = 0; i < nr_spans && !err; i++) {
		err = get_content(from, *phys, &span[i]);
		if (err)
			pt_phys_destroy(*phys);
	}
	free(span);
	if (!err && from->nr != from->room) {
		pt_phys_destroy(*phys);
		err = -EIO;
	}
	*nr = nr_roots;
	return err;
}

int pt_image_open(int fd, struct pt_phys **phys, struct pt_image_root roots[PT_IMAGE_MAX_ROOTS],
		  size_t *nr)
{
	struct pt_image_root found[PT_IMAGE_MAX_ROOTS];
	struct pt_phys *memory = NULL;
	struct bytes from = { 0 };
	size_t nr_found;
	int err = read_all(fd, &from);

	if (!err)
		err = parse(&from, &memory, found, &nr_found);
	free(from.data);
	if (err)
		return err;
	*phys = memory;
	memcpy(roots, found, nr_found * sizeof(*found));
	*nr = nr_found;
	return 0;
}
