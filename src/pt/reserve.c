/* SPDX-License-Identifier: MIT */
/*
 * Stocks of pages: a list linked through frame descriptors, and behind it a
 * range that nobody has drawn from yet.
 *
 * nr_stock + nr_out == pages drawn from the ranges, or from the source
 */
#include "pt/reserve.h"

#include <stdlib.h>

#include "base/bits.h"
#include "phys/phys_internal.h"

struct pt_reserve {
	struct pt_phys *phys;
	unsigned int size_lg2;
	_Atomic uint32_t lock; /* guards all below */
	uint64_t stock;        /* list of pages */
	size_t nr_stock, nr_out;
	pt_pa_t range_pa, range_end; /* pages of a range not yet drawn from */
	bool has_range;
	const struct pt_table_ops *from; /* else where pages came from */
};

int pt_reserve_create(struct pt_reserve **out, struct pt_phys *phys, unsigned int size_lg2)
{
	struct pt_reserve *reserve;

	if ((size_lg2 != 12 && size_lg2 != 14 && size_lg2 != 16) || size_lg2 < phys->frame_lg2)
		return -EINVAL;
	reserve = calloc(1, sizeof(*reserve));
	if (!reserve)
		return -ENOMEM;
	reserve->phys = phys;
	reserve->size_lg2 = size_lg2;
	reserve->stock = PTL_LINK_END;
	*out = reserve;
	return 0;
}

static void set_state(struct pt_reserve *reserve, pt_pa_t pa, enum ptl_frame_state state)
{
	atomic_store_explicit(&ptl_phys_frame(reserve->phys, pa)->state, (uint8_t)state,
			      memory_order_relaxed);
}

/* Whether any frame of the 2^@size_lg2 bytes at @pa is somebody's already. */
static bool is_used(const struct pt_reserve *reserve, pt_pa_t pa, unsigned int size_lg2)
{
	const struct pt_frame *frame = ptl_phys_frame(reserve->phys, pa);
	size_t nr = (size_t)1 << (size_lg2 - reserve->phys->frame_lg2);

	for (size_t i = 0; i < nr; i++)
		if (atomic_load_explicit(&((struct pt_frame *)(uintptr_t)&frame[i])->state,
					 memory_order_relaxed) != PTL_FRAME_NONE)
			return true;
	return false;
}

/* Under the lock. */
static bool take(struct pt_reserve *reserve, pt_pa_t *pa)
{
	if (reserve->stock != PTL_LINK_END) {
		struct pt_frame *frame;

		*pa = ptl_link_pa(reserve->stock);
		frame = ptl_phys_frame(reserve->phys, *pa);
		reserve->stock = frame->link;
		frame->link = PTL_LINK_END;
		reserve->nr_stock--;
		pt_phys_unpoison(reserve->phys, *pa, PTL_BIT(reserve->size_lg2));
		return true;
	}
	while (reserve->range_pa != reserve->range_end) {
		*pa = reserve->range_pa;
		reserve->range_pa += PTL_BIT(reserve->size_lg2);
		if (is_used(reserve, *pa, reserve->size_lg2))
			continue;
		set_state(reserve, *pa, PTL_FRAME_STOCK);
		return true;
	}
	return false;
}

static void give(struct pt_reserve *reserve, pt_pa_t pa)
{
	struct pt_frame *frame = ptl_phys_frame(reserve->phys, pa);

	frame->link = reserve->stock;
	reserve->stock = ptl_link_to(pa);
	reserve->nr_stock++;
	pt_phys_poison(reserve->phys, pa, PTL_BIT(reserve->size_lg2));
}

/* Under the lock: several pages at once, from the range; those passed over go to the stock. */
static bool take_many(struct pt_reserve *reserve, unsigned int size_lg2, pt_pa_t *pa)
{
	uint64_t size = PTL_BIT(size_lg2), page = PTL_BIT(reserve->size_lg2);
	pt_pa_t at = ptl_align_down(reserve->range_pa + size - 1, size_lg2);

	while (at < reserve->range_end && reserve->range_end - at >= size &&
	       is_used(reserve, at, size_lg2))
		at += size;
	if (at >= reserve->range_end || reserve->range_end - at < size)
		return false;
	*pa = at;
	for (; reserve->range_pa != at; reserve->range_pa += page) {
		if (is_used(reserve, reserve->range_pa, reserve->size_lg2))
			continue;
		set_state(reserve, reserve->range_pa, PTL_FRAME_STOCK);
		give(reserve, reserve->range_pa);
	}
	for (; reserve->range_pa != at + size; reserve->range_pa += page)
		set_state(reserve, reserve->range_pa, PTL_FRAME_STOCK);
	return true;
}

int pt_reserve_add_range(struct pt_reserve *reserve, pt_pa_t pa, uint64_t len)
{
	uint32_t bits;
	int err = 0;

	if (!len || !ptl_aligned(pa | len, reserve->size_lg2))
		return -EINVAL;
	if (!pt_phys_to_host(reserve->phys, pa, len))
		return -ERANGE;
	bits = ptl_bit_lock(&reserve->lock);
	if (reserve->from) {
		err = -EINVAL;
	} else if (reserve->range_pa != reserve->range_end) {
		err = -EBUSY;
	} else {
		reserve->range_pa = pa;
		reserve->range_end = pa + len;
		reserve->has_range = true;
	}
	ptl_bit_unlock(&reserve->lock, bits);
	return err;
}

/* Binds the reserve to @from, and says whether it needs more. */
static int needs_more(struct pt_reserve *reserve, size_t nr, const struct pt_table_ops *from)
{
	uint32_t bits = ptl_bit_lock(&reserve->lock);
	int ret = -EINVAL;

	if (!reserve->has_range && (!reserve->from || reserve->from == from)) {
		reserve->from = from;
		ret = reserve->nr_stock < nr;
	}
	ptl_bit_unlock(&reserve->lock, bits);
	return ret;
}

int pt_reserve_fill(struct pt_reserve *reserve, size_t nr, const struct pt_table_ops *from)
{
	int ret;

	while ((ret = needs_more(reserve, nr, from)) == 1) {
		uint32_t bits;
		pt_pa_t pa;
		int err = from->alloc(from->ctx, reserve->size_lg2, &pa);

		if (err)
			return err;
		if (!pt_phys_to_host(reserve->phys, pa, PTL_BIT(reserve->size_lg2))) {
			from->free(from->ctx, pa, reserve->size_lg2);
			return -EFAULT;
		}
		bits = ptl_bit_lock(&reserve->lock);
		set_state(reserve, pa, PTL_FRAME_STOCK);
		give(reserve, pa);
		ptl_bit_unlock(&reserve->lock, bits);
	}
	return ret;
}

const struct pt_table_ops *ptl_reserve_take_spare(struct pt_reserve *reserve, size_t nr,
						  pt_pa_t *pa)
{
	uint32_t bits = ptl_bit_lock(&reserve->lock);
	const struct pt_table_ops *from = reserve->nr_stock > nr ? reserve->from : NULL;

	if (from) {
		PTL_BUG_ON(!take(reserve, pa));
		set_state(reserve, *pa, PTL_FRAME_NONE);
	}
	ptl_bit_unlock(&reserve->lock, bits);
	return from;
}

void pt_reserve_trim(struct pt_reserve *reserve, size_t nr)
{
	const struct pt_table_ops *from;
	pt_pa_t pa;

	while ((from = ptl_reserve_take_spare(reserve, nr, &pa)))
		from->free(from->ctx, pa, reserve->size_lg2);
}

size_t pt_reserve_available(const struct pt_reserve *reserve)
{
	_Atomic uint32_t *lock = &((struct pt_reserve *)(uintptr_t)reserve)->lock;
	uint32_t bits = ptl_bit_lock(lock);
	size_t nr = reserve->nr_stock +
		    (size_t)((reserve->range_end - reserve->range_pa) >> reserve->size_lg2);

	ptl_bit_unlock(lock, bits);
	return nr;
}

size_t pt_reserve_in_use(const struct pt_reserve *reserve)
{
	_Atomic uint32_t *lock = &((struct pt_reserve *)(uintptr_t)reserve)->lock;
	uint32_t bits = ptl_bit_lock(lock);
	size_t nr = reserve->nr_out;

	ptl_bit_unlock(lock, bits);
	return nr;
}

int pt_reserve_destroy(struct pt_reserve *reserve)
{
	pt_pa_t pa;

	if (!reserve)
		return 0;
	if (reserve->nr_out)
		return -EBUSY;
	reserve->range_pa = reserve->range_end;
	while (take(reserve, &pa)) {
		set_state(reserve, pa, PTL_FRAME_NONE);
		if (reserve->from)
			reserve->from->free(reserve->from->ctx, pa, reserve->size_lg2);
	}
	free(reserve);
	return 0;
}

static int reserve_alloc(void *ctx, unsigned int size_lg2, pt_pa_t *pa)
{
	struct pt_reserve *reserve = ctx;
	uint32_t bits;
	bool taken;

	if (size_lg2 < reserve->size_lg2)
		return -EINVAL;
	if (size_lg2 > PT_PHYS_MAX_BITS)
		return -ENOMEM;
	bits = ptl_bit_lock(&reserve->lock);
	taken = size_lg2 == reserve->size_lg2 ? take(reserve, pa) :
						take_many(reserve, size_lg2, pa);
	if (taken)
		reserve->nr_out += (size_t)1 << (size_lg2 - reserve->size_lg2);
	ptl_bit_unlock(&reserve->lock, bits);
	return taken ? 0 : -ENOMEM;
}

static void reserve_free(void *ctx, pt_pa_t pa, unsigned int size_lg2)
{
	struct pt_reserve *reserve = ctx;
	uint32_t bits = ptl_bit_lock(&reserve->lock);
	size_t nr = (size_t)1 << (size_lg2 - reserve->size_lg2);

	PTL_BUG_ON(size_lg2 < reserve->size_lg2 || reserve->nr_out < nr);
	reserve->nr_out -= nr;
	for (; nr--; pa += PTL_BIT(reserve->size_lg2))
		give(reserve, pa);
	ptl_bit_unlock(&reserve->lock, bits);
}

struct pt_table_ops pt_reserve_ops(struct pt_reserve *reserve)
{
	return (struct pt_table_ops){ reserve_alloc, reserve_free, reserve };
}
