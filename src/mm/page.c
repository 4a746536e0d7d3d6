/* SPDX-License-Identifier: MIT */
/* The sparse array of what is known of pages; folios made and freed; mappings counted. */
/* Anonymous, untouched host memory; not in C11 alone. */
#define _GNU_SOURCE
#include "mm/mm_internal.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <ptlib/zone_info.h>

static size_t nr_pages(const struct pt_world *world, const struct ptl_page_region *region)
{
	return (size_t)(region->len >> world->page_lg2);
}

/* Words of the map of chunks. */
static size_t nr_words(const struct pt_world *world, const struct ptl_page_region *region)
{
	return (nr_pages(world, region) >> PTL_CHUNK_LG2) / 64 + 1;
}

static size_t region_bytes(const struct pt_world *world, const struct ptl_page_region *region)
{
	return nr_pages(world, region) * sizeof(struct ptl_page) +
	       nr_words(world, region) * sizeof(uint64_t);
}

int ptl_pages_init(struct pt_world *world)
{
	size_t nr = pt_phys_nr_regions(world->phys);

	world->regions = calloc(nr, sizeof(*world->regions));
	if (!world->regions)
		return -ENOMEM;
	for (size_t i = 0; i < nr; i++) {
		struct ptl_page_region *region = &world->regions[i];
		void *pages;

		pt_phys_region(world->phys, i, &region->pa, &region->len);
		pages = mmap(NULL, region_bytes(world, region), PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		if (pages == MAP_FAILED) {
			ptl_pages_exit(world);
			return -ENOMEM;
		}
		region->pages = pages;
		region->touched = (uint64_t *)(region->pages + nr_pages(world, region));
		world->nr_regions++;
	}
	return 0;
}

void ptl_pages_exit(struct pt_world *world)
{
	while (world->nr_regions) {
		struct ptl_page_region *region = &world->regions[--world->nr_regions];

		munmap(region->pages, region_bytes(world, region));
	}
	free(world->regions);
	world->regions = NULL;
}

const struct ptl_page_region *ptl_page_region(const struct pt_world *world, pt_pa_t pa)
{
	const struct ptl_page_region *region = world->regions;
	size_t low = 0, high = world->nr_regions;

	if (pa - region->pa < region->len)
		return region;
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		region = &world->regions[middle];
		if (pa - region->pa < region->len)
			return region;
		if (region->pa > pa)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

struct ptl_page *ptl_page_at(const struct pt_world *world, pt_pa_t pa)
{
	const struct ptl_page_region *region = ptl_page_region(world, pa);

	return region ? &region->pages[(pa - region->pa) >> world->page_lg2] : NULL;
}

void ptl_page_set(struct ptl_page *page, unsigned int set, unsigned int clear)
{
	atomic_store_explicit(&page->flags, (uint16_t)((ptl_page_flags(page) & ~clear) | set),
			      memory_order_relaxed);
}

pt_pa_t ptl_folio_head(const struct pt_world *world, pt_pa_t pa)
{
	return ptl_align_down(pa, world->page_lg2 + ptl_page_order(ptl_page_at(world, pa)));
}

struct ptl_page *ptl_folio_at(const struct pt_world *world, pt_pa_t pa)
{
	return ptl_page_at(world, ptl_folio_head(world, pa));
}

static uint32_t load(_Atomic uint32_t *count)
{
	return atomic_load_explicit(count, memory_order_relaxed);
}

static void add(_Atomic uint32_t *count, uint32_t nr)
{
	atomic_store_explicit(count, load(count) + nr, memory_order_relaxed);
}

uint32_t ptl_page_mapcount(const struct pt_world *world, pt_pa_t pa)
{
	return load(&ptl_page_at(world, pa)->maps) + load(&ptl_folio_at(world, pa)->entire);
}

void ptl_map_add(struct pt_world *world, pt_pa_t pa, uint64_t len, bool entire)
{
	struct ptl_page *head = ptl_folio_at(world, pa), *page = ptl_page_at(world, pa);
	uint64_t nr = len >> world->page_lg2;

	if (entire) {
		add(&head->entire, 1);
		add(&head->total, 1);
		return;
	}
	for (uint64_t i = 0; i < nr; i++)
		add(&page[i].maps, 1);
	add(&head->total, (uint32_t)nr);
}

bool ptl_map_del(struct pt_world *world, pt_pa_t pa, uint64_t len, bool entire)
{
	struct ptl_page *head = ptl_folio_at(world, pa), *page = ptl_page_at(world, pa);
	uint64_t nr = len >> world->page_lg2;

	if (entire) {
		PTL_BUG_ON(!load(&head->entire));
		add(&head->entire, UINT32_MAX);
		nr = 1;
	} else {
		for (uint64_t i = 0; i < nr; i++) {
			PTL_BUG_ON(!load(&page[i].maps));
			add(&page[i].maps, UINT32_MAX);
		}
	}
	PTL_BUG_ON(load(&head->total) < nr);
	add(&head->total, (uint32_t)-nr);
	return !load(&head->total) && !head->pins;
}

/* The huge pages of a pool were set aside whole; the others are the zones'. */
static int take(struct pt_mm *mm, struct pt_world *world, unsigned int order, unsigned int flags,
		pt_pa_t *head)
{
	struct pt_alloc how = {
		.order = order,
		.type = pt_freetype(PT_MIGRATE_MOVABLE, 0),
		.account = mm ? mm->cfg.account : NULL,
	};
	struct pt_zone *zone = world->cfg.zone;

	if (flags & PTL_PAGE_HUGETLB) {
		struct ptl_huge_pool *pool = ptl_huge_pool(world, world->page_lg2 + order);

		if (!pool || !pool->nr_free)
			return -ENOMEM;
		*head = pool->free[--pool->nr_free];
		return 0;
	}
	if (flags & PTL_PAGE_DEVICE) {
		zone = world->cfg.device;
		how.account = NULL;
	}
	return pt_alloc_pages(zone, NULL, &how, head) ? -ENOMEM : 0;
}

static void touch(struct pt_world *world, pt_pa_t head, uint64_t len)
{
	const struct ptl_page_region *region = ptl_page_region(world, head);
	unsigned int lg2 = world->page_lg2 + PTL_CHUNK_LG2;
	uint64_t chunk = (head - region->pa) >> lg2, last = (head - region->pa + len - 1) >> lg2;

	for (; chunk <= last; chunk++)
		region->touched[chunk / 64] |= PTL_BIT(chunk % 64);
}

size_t ptl_page_touched(const struct pt_world *world, const struct ptl_page_region *region,
			size_t i)
{
	size_t nr = nr_pages(world, region), chunk = i >> PTL_CHUNK_LG2;

	for (; chunk << PTL_CHUNK_LG2 < nr; chunk = (chunk / 64 + 1) * 64) {
		uint64_t bits = region->touched[chunk / 64] >> chunk % 64;
		size_t found;

		if (!bits)
			continue;
		found = (chunk + (size_t)__builtin_ctzll(bits)) << PTL_CHUNK_LG2;
		return found > i ? found : i;
	}
	return nr;
}

int ptl_folio_alloc(struct pt_mm *mm, struct pt_world *world, unsigned int order,
		    unsigned int flags, bool zero, pt_pa_t *head)
{
	struct ptl_page *page;
	uint64_t len = ptl_page_bytes(world) << order;
	int err = take(mm, world, order, flags, head);

	if (err)
		return err;
	if (zero && ptl_keeps_content(world))
		memset(pt_phys_to_host(world->phys, *head, len), 0, len);
	touch(world, *head, len);
	page = ptl_page_at(world, *head);
	for (uint64_t i = 0; i < UINT64_C(1) << order; i++) {
		atomic_store_explicit(&page[i].order, (uint8_t)order, memory_order_relaxed);
		atomic_store_explicit(&page[i].flags, PTL_PAGE_USED, memory_order_relaxed);
	}
	ptl_page_set(page, flags, 0);
	return 0;
}

void ptl_folio_free(struct pt_world *world, pt_pa_t head)
{
	struct ptl_page *page = ptl_page_at(world, head);
	unsigned int order = ptl_page_order(page), flags = ptl_page_flags(page);

	PTL_BUG_ON(load(&page->total) || load(&page->entire) || page->pins);
	for (uint64_t i = 0; i < UINT64_C(1) << order; i++) {
		PTL_BUG_ON(load(&page[i].maps));
		atomic_store_explicit(&page[i].order, 0, memory_order_relaxed);
		atomic_store_explicit(&page[i].flags, 0, memory_order_relaxed);
	}
	atomic_store_explicit(&page->file, NULL, memory_order_relaxed);
	atomic_store_explicit(&page->offset, 0, memory_order_relaxed);
	if (flags & PTL_PAGE_HUGETLB)
		ptl_huge_free(world, head, world->page_lg2 + order);
	else
		PTL_BUG_ON(
			pt_free_pages(flags & PTL_PAGE_DEVICE ? world->cfg.device : world->cfg.zone,
				      NULL, head, order));
}

void ptl_folio_copy(struct pt_world *world, pt_pa_t to, pt_pa_t from, uint64_t len)
{
	if (ptl_keeps_content(world))
		memcpy(pt_phys_to_host(world->phys, to, len),
		       pt_phys_to_host(world->phys, from, len), len);
}

void ptl_folio_split(struct pt_world *world, pt_pa_t pa)
{
	struct ptl_page *head = ptl_page_at(world, pa);
	unsigned int order = ptl_page_order(head), flags = ptl_page_flags(head);
	struct pt_file *file = atomic_load_explicit(&head->file, memory_order_relaxed);
	uint64_t offset = atomic_load_explicit(&head->offset, memory_order_relaxed);

	PTL_BUG_ON(load(&head->entire) || flags & (PTL_PAGE_HUGETLB | PTL_PAGE_MOVING));
	if (!order)
		return;
	PTL_BUG_ON(pt_folio_split(flags & PTL_PAGE_DEVICE ? world->cfg.device : world->cfg.zone, pa,
				  0));
	for (uint64_t i = 0; i < UINT64_C(1) << order; i++) {
		struct ptl_page *page = &head[i];

		atomic_store_explicit(&page->order, 0, memory_order_relaxed);
		ptl_page_set(page,
			     flags & (PTL_PAGE_ANON | PTL_PAGE_DIRTY | PTL_PAGE_DEVICE |
				      PTL_PAGE_LAZY),
			     0);
		atomic_store_explicit(&page->total, load(&page->maps), memory_order_relaxed);
		page->pins = head->pins;
		atomic_store_explicit(&page->file, file, memory_order_relaxed);
		atomic_store_explicit(&page->offset, offset + (i << world->page_lg2),
				      memory_order_relaxed);
	}
}

int pt_world_page(const struct pt_world *world, pt_pa_t pa, struct pt_mm_page *out)
{
	struct ptl_page *page = ptl_page_at(world, pa), *head;
	unsigned int flags;

	if (!page)
		return -ERANGE;
	if (!(ptl_page_flags(page) & PTL_PAGE_USED))
		return -ENOENT;
	head = ptl_folio_at(world, pa);
	flags = ptl_page_flags(head);
	*out = (struct pt_mm_page){
		.head = ptl_folio_head(world, pa),
		.order = ptl_page_order(page),
		.mapcount = ptl_page_mapcount(world, pa),
		.total = load(&head->total),
		.anon = flags & PTL_PAGE_ANON,
		.exclusive = ptl_page_flags(page) & PTL_PAGE_EXCLUSIVE,
		.dirty = flags & PTL_PAGE_DIRTY,
		.lazyfree = flags & PTL_PAGE_LAZY,
		.hugetlb = flags & PTL_PAGE_HUGETLB,
		.poisoned = ptl_page_flags(page) & PTL_PAGE_POISONED,
		.device = flags & PTL_PAGE_DEVICE,
		.file = atomic_load_explicit(&head->file, memory_order_relaxed),
		.offset = atomic_load_explicit(&head->offset, memory_order_relaxed),
	};
	out->shared = out->mapcount > 1;
	return 0;
}
