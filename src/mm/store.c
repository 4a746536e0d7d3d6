/* SPDX-License-Identifier: MIT */
/* Files, as page caches, and the pools of huge pages. */
#include "mm/mm_internal.h"

#include <stdlib.h>
#include <string.h>

/*
 * A cache is a table of words in chunks, each for a page:
 *
 *	0                                    not there
 *	address                         | 1  in memory
 *	slot << SLOT_SHIFT | device << 2 | 2  in swap, shmem only
 *	4                                    lost; only where nothing has it anew
 *
 * Written by the world's one thread, read beside it by smaps: relaxed, but for chunks, which
 * are published when they are zero.
 */
#define CHUNK_LG2 9
#define WORD_PAGE UINT64_C(1)
#define WORD_SWAP UINT64_C(2)
#define WORD_LOST UINT64_C(4) /* no device and no slot */
#define TYPE_SHIFT 2
#define SLOT_SHIFT 10

struct pt_file {
	struct pt_world *world;
	struct pt_file *next, **link; /* of the world */
	struct pt_file_cfg cfg;
	size_t refs;
	size_t nr_chunks;
	_Atomic uint64_t nr_swapped;
	_Atomic(_Atomic uint64_t *) chunks[];
};

static uint64_t index_of(const struct pt_file *file, uint64_t offset)
{
	return offset >> file->world->page_lg2;
}

static _Atomic uint64_t *chunk_at(const struct pt_file *file, uint64_t i)
{
	/* Pairs with the release in add_chunks(). */
	return atomic_load_explicit(&((struct pt_file *)(uintptr_t)file)->chunks[i],
				    memory_order_acquire);
}

static uint64_t word_at(const struct pt_file *file, uint64_t offset)
{
	uint64_t index = index_of(file, offset);
	_Atomic uint64_t *chunk = chunk_at(file, index >> CHUNK_LG2);

	return chunk ? atomic_load_explicit(&chunk[index & (PTL_BIT(CHUNK_LG2) - 1)],
					    memory_order_relaxed)
		     : 0;
}

/* Of a page that has a chunk. */
static void set_word(struct pt_file *file, uint64_t offset, uint64_t word)
{
	uint64_t index = index_of(file, offset);

	atomic_store_explicit(&chunk_at(file, index >> CHUNK_LG2)[index & (PTL_BIT(CHUNK_LG2) - 1)],
			      word, memory_order_relaxed);
}

static struct pt_swap *swap_of(const struct pt_file *file, uint64_t word)
{
	return ptl_swap_of(file->world, (unsigned int)(word >> TYPE_SHIFT &
						       (PTL_BIT(SLOT_SHIFT - TYPE_SHIFT) - 1)));
}

/* The first page from *@at on, and before @end, that is somewhere. */
static bool next_word(const struct pt_file *file, uint64_t *at, uint64_t end, uint64_t *word)
{
	const unsigned int chunk_lg2 = CHUNK_LG2 + file->world->page_lg2;

	while (*at < end) {
		if (!chunk_at(file, *at >> chunk_lg2)) {
			*at = ptl_last(*at, chunk_lg2) + 1;
			continue;
		}
		*word = word_at(file, *at);
		if (*word)
			return true;
		*at += ptl_page_bytes(file->world);
	}
	return false;
}

static void count_swapped(struct pt_file *file, uint64_t change)
{
	uint64_t nr = atomic_load_explicit(&file->nr_swapped, memory_order_relaxed);

	atomic_store_explicit(&file->nr_swapped, nr + change, memory_order_relaxed);
}

int pt_file_create(struct pt_file **out, struct pt_world *world, const struct pt_file_cfg *cfg)
{
	size_t name_len = cfg->name ? strlen(cfg->name) + 1 : 0;
	struct pt_file *file;
	uint64_t nr;
	char *name;

	if (!cfg->len || !ptl_aligned(cfg->len, cfg->page_lg2 ? cfg->page_lg2 : world->page_lg2) ||
	    cfg->order + world->page_lg2 > world->huge_lg2 ||
	    (cfg->page_lg2 && (!ptl_is_huge_size(world, cfg->page_lg2) || cfg->order)))
		return -EINVAL;
	nr = ((cfg->len >> world->page_lg2) + PTL_BIT(CHUNK_LG2) - 1) >> CHUNK_LG2;
	if (nr > SIZE_MAX / sizeof(*file->chunks) / 2)
		return -ENOMEM;
	file = calloc(1, sizeof(*file) + (size_t)nr * sizeof(*file->chunks) + name_len);
	if (!file)
		return -ENOMEM;
	name = (char *)&file->chunks[nr];
	file->world = world;
	file->cfg = *cfg;
	if (name_len) {
		memcpy(name, cfg->name, name_len);
		file->cfg.name = name;
	}
	file->refs = 1;
	file->nr_chunks = (size_t)nr;
	file->next = world->files;
	file->link = &world->files;
	if (file->next)
		file->next->link = &file->next;
	world->files = file;
	*out = file;
	return 0;
}

/* The folio at @head leaves the cache; freed if nobody maps it. */
static void drop(struct pt_file *file, pt_pa_t head)
{
	struct ptl_page *page = ptl_page_at(file->world, head);
	uint64_t offset = atomic_load_explicit(&page->offset, memory_order_relaxed);
	uint64_t len = ptl_page_bytes(file->world) << ptl_page_order(page);

	ptl_file_forget(file, offset, len);
	PTL_BUG_ON(page->pins != 1);
	page->pins = 0;
	ptl_folio_free(file->world, head);
}

void pt_file_put(struct pt_file *file)
{
	uint64_t word;

	if (!file || --file->refs)
		return;
	for (uint64_t at = 0; next_word(file, &at, file->cfg.len, &word);
	     at += ptl_page_bytes(file->world)) {
		if (word & WORD_PAGE)
			drop(file, ptl_folio_head(file->world, word & ~WORD_PAGE));
		else if (word & WORD_SWAP)
			ptl_swap_put(swap_of(file, word), word >> SLOT_SHIFT);
	}
	for (size_t i = 0; i < file->nr_chunks; i++)
		free(chunk_at(file, i));
	*file->link = file->next;
	if (file->next)
		file->next->link = file->link;
	free(file);
}

void ptl_file_get(struct pt_file *file)
{
	file->refs++;
}

const struct pt_file_cfg *pt_file_cfg(const struct pt_file *file)
{
	return &file->cfg;
}

struct pt_world *ptl_file_world(const struct pt_file *file)
{
	return file->world;
}

int pt_file_page(const struct pt_file *file, uint64_t offset, pt_pa_t *pa)
{
	uint64_t word;

	if (offset >= file->cfg.len)
		return -ERANGE;
	word = word_at(file, offset);
	if (word == WORD_LOST)
		return -EIO;
	if (!(word & WORD_PAGE))
		return -ENOENT;
	*pa = word & ~WORD_PAGE;
	return 0;
}

uint64_t ptl_file_swapped(const struct pt_file *file, uint64_t offset, uint64_t len)
{
	uint64_t page = ptl_page_bytes(file->world), nr = 0, word;
	uint64_t end = file->cfg.len;

	if (!atomic_load_explicit(&((struct pt_file *)(uintptr_t)file)->nr_swapped,
				  memory_order_relaxed))
		return 0;
	if (offset < end && len < end - offset)
		end = offset + len;
	for (uint64_t at = offset; next_word(file, &at, end, &word); at += page)
		nr += word & WORD_SWAP ? page : 0;
	return nr;
}

void ptl_file_swap_out(struct pt_file *file, uint64_t offset, struct pt_swap *swap, uint64_t slot)
{
	set_word(file, offset,
		 slot << SLOT_SHIFT | (uint64_t)ptl_swap_type(swap) << TYPE_SHIFT | WORD_SWAP);
	ptl_swap_get(swap, slot);
	count_swapped(file, 1);
}

struct pt_file *ptl_file_next(const struct pt_file *file)
{
	return file->next;
}

bool ptl_file_next_page(const struct pt_file *file, uint64_t *offset, pt_pa_t *pa)
{
	uint64_t word;

	for (; next_word(file, offset, file->cfg.len, &word);
	     *offset += ptl_page_bytes(file->world)) {
		if (word & WORD_PAGE) {
			*pa = word & ~WORD_PAGE;
			return true;
		}
	}
	return false;
}

bool ptl_file_count_swap(const struct pt_file *file)
{
	uint64_t nr = 0, word;
	bool are_slots = true;

	for (uint64_t at = 0; next_word(file, &at, file->cfg.len, &word);
	     at += ptl_page_bytes(file->world)) {
		if (!(word & WORD_SWAP))
			continue;
		nr++;
		are_slots &= ptl_swap_count_anew(swap_of(file, word), word >> SLOT_SHIFT);
	}
	return are_slots &&
	       nr == atomic_load_explicit(&((struct pt_file *)(uintptr_t)file)->nr_swapped,
					  memory_order_relaxed);
}

size_t pt_file_reclaim(struct pt_file *file)
{
	size_t nr = 0;
	uint64_t word;

	if (file->cfg.shmem || file->cfg.page_lg2)
		return 0;
	for (uint64_t at = 0; next_word(file, &at, file->cfg.len, &word);
	     at += ptl_page_bytes(file->world)) {
		struct ptl_page *head = ptl_folio_at(file->world, word & ~WORD_PAGE);

		if (head->pins != 1 || ptl_page_flags(head) & PTL_PAGE_DIRTY ||
		    atomic_load_explicit(&head->total, memory_order_relaxed))
			continue;
		nr += (size_t)1 << ptl_page_order(head);
		drop(file, ptl_folio_head(file->world, word & ~WORD_PAGE));
	}
	return nr;
}

/* A chunk for each page from @offset on. */
static int add_chunks(struct pt_file *file, uint64_t offset, uint64_t len)
{
	uint64_t last = index_of(file, offset + len - 1) >> CHUNK_LG2;

	for (uint64_t i = index_of(file, offset) >> CHUNK_LG2; i <= last; i++) {
		_Atomic uint64_t *chunk;

		if (chunk_at(file, i))
			continue;
		chunk = calloc(PTL_BIT(CHUNK_LG2), sizeof(*chunk));
		if (!chunk)
			return -ENOMEM;
		atomic_store_explicit(&file->chunks[i], chunk, memory_order_release);
	}
	return 0;
}

static bool is_empty(const struct pt_file *file, uint64_t offset, uint64_t len)
{
	for (uint64_t at = 0; at < len; at += ptl_page_bytes(file->world))
		if (word_at(file, offset + at))
			return false;
	return true;
}

/* A page of its own, with what swap has kept; it is nowhere else, and so dirty. */
static int swap_in(struct pt_file *file, struct pt_mm *mm, uint64_t offset, pt_pa_t *pa)
{
	struct pt_world *world = file->world;
	uint64_t word = word_at(file, offset), slot = word >> SLOT_SHIFT;
	struct pt_swap *swap = swap_of(file, word);
	struct ptl_page *page;
	int err = ptl_folio_alloc(mm, world, 0, PTL_PAGE_DIRTY, true, pa);

	if (err)
		return err;
	ptl_swap_read(swap, slot, *pa);
	page = ptl_page_at(world, *pa);
	page->pins = 1;
	atomic_store_explicit(&page->file, file, memory_order_relaxed);
	atomic_store_explicit(&page->offset, offset, memory_order_relaxed);
	set_word(file, offset, *pa | WORD_PAGE);
	ptl_swap_put(swap, slot);
	count_swapped(file, UINT64_MAX);
	return PTL_FILLED_FROM_SWAP;
}

int ptl_file_fill(struct pt_file *file, struct pt_mm *mm, uint64_t offset, pt_pa_t *pa)
{
	struct pt_world *world = file->world;
	unsigned int lg2 =
		file->cfg.page_lg2 ? file->cfg.page_lg2 : file->cfg.order + world->page_lg2;
	unsigned int flags = file->cfg.page_lg2 ? PTL_PAGE_HUGETLB : 0;
	int err = pt_file_page(file, offset, pa);
	struct ptl_page *page;
	uint64_t first;
	pt_pa_t head;

	if (err != -ENOENT)
		return err;
	if (word_at(file, offset))
		return swap_in(file, mm, ptl_align_down(offset, world->page_lg2), pa);
	/* As large as it may be, fits, and can be had. */
	for (;; lg2--) {
		first = ptl_align_down(offset, lg2);
		if (lg2 > world->page_lg2 && !file->cfg.page_lg2 &&
		    (first + PTL_BIT(lg2) > file->cfg.len || !is_empty(file, first, PTL_BIT(lg2))))
			continue;
		err = add_chunks(file, first, PTL_BIT(lg2));
		if (!err)
			err = ptl_folio_alloc(mm, world, lg2 - world->page_lg2, flags, true, &head);
		if (!err)
			break;
		if (lg2 == world->page_lg2 || file->cfg.page_lg2)
			return err;
	}
	page = ptl_page_at(world, head);
	page->pins = 1;
	atomic_store_explicit(&page->file, file, memory_order_relaxed);
	atomic_store_explicit(&page->offset, first, memory_order_relaxed);
	ptl_file_replace(file, first, head, head);
	*pa = head + (ptl_align_down(offset, world->page_lg2) - first);
	return PTL_FILLED;
}

void ptl_file_replace(struct pt_file *file, uint64_t offset, pt_pa_t head, pt_pa_t to)
{
	struct pt_world *world = file->world;
	uint64_t len = ptl_page_bytes(world) << ptl_page_order(ptl_page_at(world, head));

	for (uint64_t at = 0; at < len; at += ptl_page_bytes(world))
		set_word(file, offset + at, (to + at) | WORD_PAGE);
}

static void set_words(struct pt_file *file, uint64_t offset, uint64_t len, uint64_t word)
{
	for (uint64_t at = 0; at < len; at += ptl_page_bytes(file->world))
		set_word(file, offset + at, word);
}

void ptl_file_forget(struct pt_file *file, uint64_t offset, uint64_t len)
{
	set_words(file, offset, len, 0);
}

void ptl_file_lose(struct pt_file *file, uint64_t offset, uint64_t len)
{
	set_words(file, offset, len, file->cfg.shmem || file->cfg.page_lg2 ? WORD_LOST : 0);
}

struct ptl_huge_pool *ptl_huge_pool(const struct pt_world *world, unsigned int size_lg2)
{
	struct ptl_huge_pool *pool = world->pools;

	while (pool && pool->size_lg2 != size_lg2)
		pool = pool->next;
	return pool;
}

static struct ptl_huge_pool *pool_make(struct pt_world *world, unsigned int size_lg2)
{
	struct ptl_huge_pool *pool = ptl_huge_pool(world, size_lg2);

	if (pool)
		return pool;
	pool = calloc(1, sizeof(*pool));
	if (pool) {
		pool->size_lg2 = size_lg2;
		pool->next = world->pools;
		world->pools = pool;
	}
	return pool;
}

int pt_world_add_huge(struct pt_world *world, unsigned int size_lg2, const struct pt_extent *extent)
{
	struct ptl_huge_pool *pool;
	uint64_t nr;

	if (!ptl_is_huge_size(world, size_lg2) || !extent->len ||
	    !ptl_aligned(extent->pa | extent->len, size_lg2))
		return -EINVAL;
	for (pt_pa_t pa = extent->pa; pa - extent->pa < extent->len; pa += PTL_BIT(size_lg2))
		if (!ptl_page_at(world, pa) || !ptl_page_at(world, pa + (PTL_BIT(size_lg2) - 1)) ||
		    !pt_phys_to_host(world->phys, pa, PTL_BIT(size_lg2)))
			return -ERANGE;
	pool = pool_make(world, size_lg2);
	if (!pool)
		return -ENOMEM;
	nr = extent->len >> size_lg2;
	if (pool->nr + nr > pool->room) {
		pt_pa_t *more = realloc(pool->free, (size_t)(pool->nr + nr) * sizeof(*more));

		if (!more)
			return -ENOMEM;
		pool->free = more;
		pool->room = pool->nr + nr;
	}
	/* Lowest first. */
	for (uint64_t i = nr; i--;)
		pool->free[pool->nr_free++] = extent->pa + (i << size_lg2);
	pool->nr += nr;
	return 0;
}

void pt_world_huge(const struct pt_world *world, unsigned int size_lg2, uint64_t *free,
		   uint64_t *total)
{
	const struct ptl_huge_pool *pool = ptl_huge_pool(world, size_lg2);

	*free = pool ? pool->nr_free : 0;
	*total = pool ? pool->nr : 0;
}

void ptl_huge_free(struct pt_world *world, pt_pa_t pa, unsigned int size_lg2)
{
	struct ptl_huge_pool *pool = ptl_huge_pool(world, size_lg2);

	pool->free[pool->nr_free++] = pa;
}
