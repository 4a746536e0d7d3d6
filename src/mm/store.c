/* SPDX-License-Identifier: MIT */
/* Files, as page caches, and the pools of huge pages. */
#include "mm/mm_internal.h"

#include <stdlib.h>
#include <string.h>

/* A cache is a table of pages in chunks; @page + 1 stands for a page, 0 for none. */
#define CHUNK_LG2 9

struct pt_file {
	struct pt_world *world;
	struct pt_file_cfg cfg;
	size_t refs;
	size_t nr_chunks;
	pt_pa_t *chunks[];
};

static uint64_t index_of(const struct pt_file *file, uint64_t offset)
{
	return offset >> file->world->page_lg2;
}

static pt_pa_t *slot(const struct pt_file *file, uint64_t offset)
{
	uint64_t index = index_of(file, offset);
	pt_pa_t *chunk = file->chunks[index >> CHUNK_LG2];

	return chunk ? &chunk[index & (PTL_BIT(CHUNK_LG2) - 1)] : NULL;
}

int pt_file_create(struct pt_file **out, struct pt_world *world, const struct pt_file_cfg *cfg)
{
	size_t name_len = cfg->name ? strlen(cfg->name) + 1 : 0;
	struct pt_file *file;
	uint64_t nr;
	char *name;

	if (!cfg->len || !ptl_aligned(cfg->len, cfg->page_lg2 ? cfg->page_lg2 : world->page_lg2) ||
	    cfg->order + world->page_lg2 > world->huge_lg2 ||
	    (cfg->page_lg2 &&
	     (cfg->page_lg2 <= world->page_lg2 || cfg->page_lg2 > 40 || cfg->order)))
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
	world->nr_files++;
	*out = file;
	return 0;
}

/* The folio at @head leaves the cache; freed if nobody maps it. */
static void drop(struct pt_file *file, pt_pa_t head)
{
	struct ptl_page *page = ptl_page_at(file->world, head);
	uint64_t offset = atomic_load_explicit(&page->offset, memory_order_relaxed);
	uint64_t len = ptl_page_bytes(file->world) << ptl_page_order(page);

	for (uint64_t at = 0; at < len; at += ptl_page_bytes(file->world))
		*slot(file, offset + at) = 0;
	PTL_BUG_ON(page->pins != 1);
	page->pins = 0;
	ptl_folio_free(file->world, head);
}

void pt_file_put(struct pt_file *file)
{
	if (!file || --file->refs)
		return;
	for (size_t i = 0; i < file->nr_chunks; i++) {
		for (unsigned int k = 0; file->chunks[i] && k < 1u << CHUNK_LG2; k++)
			if (file->chunks[i][k])
				drop(file, file->chunks[i][k] & ~UINT64_C(1));
		free(file->chunks[i]);
	}
	file->world->nr_files--;
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
	const pt_pa_t *at;

	if (offset >= file->cfg.len)
		return -ERANGE;
	at = slot(file, offset);
	if (!at || !*at)
		return -ENOENT;
	*pa = *at & ~UINT64_C(1);
	return 0;
}

size_t pt_file_reclaim(struct pt_file *file)
{
	size_t nr = 0;

	if (file->cfg.shmem || file->cfg.page_lg2)
		return 0;
	for (size_t i = 0; i < file->nr_chunks; i++) {
		for (unsigned int k = 0; file->chunks[i] && k < 1u << CHUNK_LG2; k++) {
			pt_pa_t pa = file->chunks[i][k] & ~UINT64_C(1);
			struct ptl_page *head;

			if (!file->chunks[i][k])
				continue;
			head = ptl_folio_at(file->world, pa);
			if (head->pins != 1 || ptl_page_flags(head) & PTL_PAGE_DIRTY ||
			    atomic_load_explicit(&head->total, memory_order_relaxed))
				continue;
			nr += (size_t)1 << ptl_page_order(head);
			drop(file, ptl_folio_head(file->world, pa));
		}
	}
	return nr;
}

/* A chunk for each page from @offset on. */
static int add_chunks(struct pt_file *file, uint64_t offset, uint64_t len)
{
	uint64_t last = index_of(file, offset + len - 1) >> CHUNK_LG2;

	for (uint64_t i = index_of(file, offset) >> CHUNK_LG2; i <= last; i++) {
		if (file->chunks[i])
			continue;
		file->chunks[i] = calloc(PTL_BIT(CHUNK_LG2), sizeof(pt_pa_t));
		if (!file->chunks[i])
			return -ENOMEM;
	}
	return 0;
}

static bool is_empty(const struct pt_file *file, uint64_t offset, uint64_t len)
{
	for (uint64_t at = 0; at < len; at += ptl_page_bytes(file->world)) {
		const pt_pa_t *entry = slot(file, offset + at);

		if (entry && *entry)
			return false;
	}
	return true;
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
	return 1;
}

void ptl_file_replace(struct pt_file *file, uint64_t offset, pt_pa_t head, pt_pa_t to)
{
	struct pt_world *world = file->world;
	uint64_t len = ptl_page_bytes(world) << ptl_page_order(ptl_page_at(world, head));

	for (uint64_t at = 0; at < len; at += ptl_page_bytes(world))
		*slot(file, offset + at) = (to + at) | 1;
}

void ptl_file_forget(struct pt_file *file, uint64_t offset, uint64_t len)
{
	for (uint64_t at = 0; at < len; at += ptl_page_bytes(file->world))
		*slot(file, offset + at) = 0;
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

	if (size_lg2 <= world->page_lg2 || size_lg2 > 40 || !extent->len ||
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
