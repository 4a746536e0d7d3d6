/* SPDX-License-Identifier: MIT */
/*
 * fuzz_mmu_world.h - the memory of fuzz_mmu.c, a copy of it, and what an input writes there.
 *
 * Each word is written to both; the library changes the one, the model's list the other, and
 * then they are the same. Memory is made once, and zero between inputs.
 */
#ifndef FUZZ_MMU_WORLD_H
#define FUZZ_MMU_WORLD_H

#include <string.h>
#include <sys/mman.h>

#include <ptlib/phys.h>

#include "fuzz_input.h"
#include "model/mmu_model.h"

#define WORLD_FRAME UINT64_C(4096)
#define WORLD_REGIONS 4
#define WORLD_RECENT 4

/* From 0 on; less than a table of 16K; the last of 48 bits; the last of 52. */
static const struct pt_phys_region world_region[WORLD_REGIONS] = {
	{ .pa = 0, .len = 0x40000, .fd = -1 },
	{ .pa = 0x1000000, .len = 0x3000, .fd = -1 },
	{ .pa = 0xffffffff0000, .len = 0x10000, .fd = -1 },
	{ .pa = 0xfffffffffe000, .len = 0x2000, .fd = -1 },
};

#define WORLD_FRAMES (0x40 + 0x3 + 0x10 + 0x2)
#define WORLD_BYTES (WORLD_FRAMES * WORLD_FRAME)

struct world {
	struct pt_phys *phys;
	struct model_memory memory;
	uint8_t *host[WORLD_REGIONS], *copy[WORLD_REGIONS];
	bool used[WORLD_FRAMES]; /* may hold something but zeros */
	uint8_t bytes[WORLD_BYTES] __attribute__((aligned(8))); /* the copy */

	struct pt_mmu *mmu;
	struct mmu_model model;
	struct model_answer answer;
	pt_va_t recent[WORLD_RECENT]; /* addresses that something was put at */
	unsigned int nr_recent;
};

/* Reads beyond either end of what the library mapped must not find something by chance. */
static inline void world_guard(uint8_t *at)
{
	void *guard = mmap(at, WORLD_FRAME, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (guard != at && guard != MAP_FAILED)
		munmap(guard, WORLD_FRAME); /* something else is there already */
}

static inline void world_create(struct world *w)
{
	uint8_t *copy = w->bytes;

	FUZZ_CHECK_EQ(pt_phys_create(&w->phys, world_region, WORLD_REGIONS, 12), 0);
	w->memory.nr = WORLD_REGIONS;
	for (unsigned int i = 0; i < WORLD_REGIONS; i++) {
		const struct pt_phys_region *region = &world_region[i];

		w->host[i] = pt_phys_to_host(w->phys, region->pa, region->len);
		FUZZ_CHECK(w->host[i]);
		w->copy[i] = copy;
		copy += region->len;
		w->memory.region[i].pa = region->pa;
		w->memory.region[i].len = region->len;
		w->memory.region[i].host = w->host[i];
		world_guard(w->host[i] - WORLD_FRAME);
		world_guard(w->host[i] + region->len);
	}
}

static inline void world_begin(struct world *w)
{
	if (!w->phys)
		world_create(w);
	FUZZ_CHECK_EQ(pt_mmu_create(&w->mmu, w->phys), 0);
	memset(&w->model, 0, sizeof(w->model));
	w->model.memory = &w->memory;
	memset(w->recent, 0, sizeof(w->recent));
	w->nr_recent = 0;
}

/* Where [@pa, @pa + @len) is in the copy; NULL if any of it is outside memory. */
static inline void *world_copy(const struct world *w, pt_pa_t pa, uint64_t len)
{
	for (unsigned int i = 0; i < WORLD_REGIONS; i++) {
		uint64_t offset = pa - world_region[i].pa;

		if (pa >= world_region[i].pa && offset < world_region[i].len)
			return world_region[i].len - offset >= len ? w->copy[i] + offset : NULL;
	}
	return NULL;
}

static inline void world_uses(struct world *w, pt_pa_t pa, uint64_t len)
{
	uint8_t *copy = world_copy(w, pa, len);
	size_t first = (size_t)(copy - w->bytes) / WORLD_FRAME;
	size_t last = (size_t)(copy + len - 1 - w->bytes) / WORLD_FRAME;

	for (size_t i = first; i <= last; i++)
		w->used[i] = true;
}

static inline void world_put(struct world *w, pt_pa_t pa, uint64_t raw)
{
	uint64_t *copy = world_copy(w, pa, 8);

	if (!copy)
		return;
	world_uses(w, pa, 8);
	*copy = raw;
	FUZZ_CHECK_EQ(pt_phys_write(w->phys, pa, &raw, 8), 0);
}

static inline void world_compare(const uint8_t *host, const uint8_t *copy, pt_pa_t pa, size_t len)
{
	if (!memcmp(host, copy, len))
		return;
	for (size_t i = 0; i < len; i += 8) {
		uint64_t is, should_be;

		memcpy(&is, host + i, 8);
		memcpy(&should_be, copy + i, 8);
		if (is != should_be)
			fprintf(stderr, "word at %#" PRIx64 "\n", pa + i);
		FUZZ_CHECK_EQ(is, should_be);
	}
}

/* Memory is as the copy, as far as it was written to by this input. */
static inline void world_check(const struct world *w)
{
	unsigned int frame = 0;

	for (unsigned int i = 0; i < WORLD_REGIONS; i++)
		for (uint64_t at = 0; at < world_region[i].len; at += WORLD_FRAME, frame++)
			if (w->used[frame])
				world_compare(w->host[i] + at, w->copy[i] + at,
					      world_region[i].pa + at, WORLD_FRAME);
}

/* All of memory is as the copy; and then zero. */
static inline void world_end(struct world *w)
{
	unsigned int frame = 0;

	for (unsigned int i = 0; i < WORLD_REGIONS; i++) {
		world_compare(w->host[i], w->copy[i], world_region[i].pa, world_region[i].len);
		for (uint64_t at = 0; at < world_region[i].len; at += WORLD_FRAME, frame++) {
			if (!w->used[frame])
				continue;
			memset(w->host[i] + at, 0, WORLD_FRAME);
			memset(w->copy[i] + at, 0, WORLD_FRAME);
			w->used[frame] = false;
		}
	}
	pt_mmu_destroy(w->mmu);
}

/* One of 16 places for a table, for tables of 2^@lg2 bytes. */
static inline pt_pa_t world_place(unsigned int which, unsigned int lg2)
{
	uint64_t step = UINT64_C(1) << lg2;

	switch (which & 15) {
	case 8:
		return world_region[1].pa;
	case 9:
		return world_region[1].pa + step;
	case 10:
		return world_region[2].pa;
	case 11:
		return world_region[2].pa + step;
	case 12:
		return world_region[3].pa & ~(step - 1);
	case 13:
		return 0x800000; /* in a hole */
	case 14:
		return UINT64_C(1) << 50;
	case 15:
		return 0x1238;
	default:
		return (which & 7) * step % world_region[0].len;
	}
}

static inline pt_pa_t world_root(struct world *w, struct fuzz_input *in)
{
	(void)w;
	return world_place(fuzz_u8(in), 12);
}

/* The tables that @va, or with @second what is behind it, is translated by. */
static inline bool world_shape(const struct world *w, pt_va_t va, bool second,
			       struct model_shape *shape)
{
	if (second)
		return w->model.second && w->model.second->shape(&w->model, shape);
	return model_shape(&w->model, va, shape);
}

/* An address of small and large indices at each level, and one of the offsets that matter. */
static inline pt_va_t world_composed(struct world *w, struct fuzz_input *in, bool second)
{
	static const uint16_t offsets[8] = { 0, 8, 0xfff, 0xffd, 0xfc1, 0x3fff, 0xffff, 0x1ff8 };
	uint32_t bits = fuzz_u32(in);
	pt_va_t va = bits >> 31 ? ~UINT64_C(0) : 0, in_mask;
	struct model_shape shape;

	if (!world_shape(w, va, second, &shape))
		return va ^ bits;
	in_mask = (UINT64_C(1) << shape.in_bits) - 1;
	if (second)
		va = 0;
	va &= ~in_mask;
	for (unsigned int level = 0; level <= shape.top; level++, bits >>= 3) {
		unsigned int lg2 = shape.granule_lg2 + (shape.granule_lg2 - 3) * level;
		uint64_t index = bits & 3;

		va |= (bits & 4 ? ~index << lg2 : index << lg2) & in_mask &
		      ~((UINT64_C(1) << lg2) - 1) &
		      ((UINT64_C(1) << (lg2 + shape.granule_lg2 - 3)) - 1);
	}
	if (shape.form == MODEL_X86 && !second) /* one tree for both halves */
		va = va >> (shape.in_bits - 1) & 1 ? va | ~in_mask : va & in_mask;
	return va | offsets[fuzz_u8(in) & 7];
}

static inline pt_va_t world_va(struct world *w, struct fuzz_input *in, bool second)
{
	/* the first or last of what a width reaches */
	static const pt_va_t edges[8] = {
		0x7fffffffffff, 0xffff800000000000, 0xffffffffffffff, 0xff00000000000000,
		0xffffffffffff, 0xfffffffffffff, 0xffff000000000000, UINT64_MAX,
	};
	uint8_t how = fuzz_u8(in);
	pt_va_t recent = w->recent[how >> 2 & (WORLD_RECENT - 1)];

	switch (how & 3) {
	case 0:
		break;
	case 1: /* near it, or a page or two off */
		recent += (uint64_t)(int8_t)fuzz_u8(in) << (how & 0x10 ? 12 : 0);
		break;
	case 2:
		recent = world_composed(w, in, second);
		break;
	default:
		recent = how & 0x10 ? fuzz_u64(in) : recent ^ UINT64_C(1) << (fuzz_u8(in) & 63);
		break;
	}
	if (how & 0x40)
		recent = edges[fuzz_u8(in) & 7];
	if (how & 0x20) /* over the end of a page */
		recent = (recent | 0xfff) - (fuzz_u8(in) & 63);
	return recent;
}

/* Bits that say something in an entry of this form, flipped as @which says. */
static inline uint64_t world_attr(const struct model_shape *shape, bool leaf, uint8_t which)
{
	static const uint8_t bits[4][2][8] = {
		[MODEL_X86] = { { 1, 2, 63, 5, 7, 51, 0, 62 }, { 1, 2, 63, 5, 6, 59, 13, 12 } },
		[MODEL_EPT] = { { 0, 1, 2, 8, 10, 3, 7, 51 }, { 0, 1, 2, 8, 9, 10, 6, 4 } },
		[MODEL_ARM64] = { { 59, 60, 61, 62, 0, 1, 47, 8 },
				  { 6, 7, 10, 51, 53, 54, 60, 2 } },
		[MODEL_ARM64_S2] = { { 59, 60, 61, 62, 0, 1, 47, 8 },
				     { 6, 7, 10, 51, 53, 54, 4, 2 } },
	};
	uint64_t raw = 0;

	for (unsigned int i = 0; i < 8; i++)
		raw |= (uint64_t)(which >> i & 1) << bits[shape->form][leaf][i];
	return raw;
}

/*
 * [where 1] [va ..] then [place 1] [flips 1] for each table, and the leaf's [place 1] [flips 1]:
 * entries that translate one address. Where a second stage is, it had better map these tables
 * at their own addresses.
 */
static inline void world_put_chain(struct world *w, struct fuzz_input *in)
{
	uint8_t where = fuzz_u8(in);
	bool second = where & 1;
	unsigned int level, leaf = where >> 1 & 3;
	pt_va_t va = world_va(w, in, second);
	struct model_shape shape;
	pt_pa_t table_pa;

	if (!world_shape(w, va, second, &shape))
		return;
	w->recent[w->nr_recent++ % WORLD_RECENT] = va;
	table_pa = shape.root;
	for (level = shape.top;; level--) {
		pt_pa_t entry = table_pa + 8 * (uint64_t)model_index(&shape, va, level);
		uint8_t place = fuzz_u8(in), flips = fuzz_u8(in);
		pt_pa_t pa = world_place(place, shape.granule_lg2);
		bool is_leaf = level <= leaf;
		uint64_t raw = is_leaf ? model_leaf_word(&shape, level, pa) :
					 model_table_word(&shape, pa);

		raw ^= world_attr(&shape, is_leaf, flips);
		if (place & 0x80)
			raw ^= fuzz_u64(in);
		if (place & 0x40)
			raw ^= UINT64_C(1) << (fuzz_u8(in) & 63);
		world_put(w, entry, raw);
		if (is_leaf)
			return;
		table_pa = model_pa_of_raw(&shape, raw);
	}
}

/* [table 1] [index 1] [what 1] ..: one word, or a run of them. */
static inline void world_put_word(struct world *w, struct fuzz_input *in)
{
	uint8_t table = fuzz_u8(in), index = fuzz_u8(in), what = fuzz_u8(in);
	unsigned int lg2 = 12 + 2 * (table >> 4 & 3) % 6;
	pt_pa_t pa = world_place(table, lg2);
	uint64_t raw;

	if (what & 1)
		raw = world_place(what >> 1, lg2) | (fuzz_u8(in) & 0xff);
	else
		raw = fuzz_u64(in);
	pa += 8 * (uint64_t)(index & 0x80 ? 0x1ff & ~(uint64_t)(index & 0x7f) : index);
	for (unsigned int nr = table & 0x80 ? 64 : 1; nr--; pa += 8)
		world_put(w, pa, raw);
}

#endif /* FUZZ_MMU_WORLD_H */
