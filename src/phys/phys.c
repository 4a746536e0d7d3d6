/* SPDX-License-Identifier: MIT */
/* Physical memory: regions, each one host mapping with its frame descriptors beside it. */
#define _DEFAULT_SOURCE
#include "phys/phys_internal.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/bits.h"
#include "base/poison.h"

#define PTL_FILE_ALIGN_LG2 12 /* what mmap() wants of an offset */

static uint64_t frames_bytes(uint64_t len, unsigned int frame_lg2)
{
	return (len >> frame_lg2) * sizeof(struct pt_frame);
}

/*
 * Sparse, zeroed host memory. Huge pages would make one touched byte cost 2M of
 * it, so memory and descriptors ask for none.
 */
static void *map_anonymous(uint64_t len)
{
	void *host = mmap(NULL, len, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (host == MAP_FAILED)
		return NULL;
	madvise(host, len, MADV_NOHUGEPAGE); /* a hint; a kernel without huge pages refuses it */
	return host;
}

static int map_file(const struct pt_phys_region *want, void **host)
{
	bool shared = want->flags & PT_PHYS_SHARED;
	uint64_t end;
	struct stat st;

	if (__builtin_add_overflow(want->offset, want->len, &end) || fstat(want->fd, &st) ||
	    !S_ISREG(st.st_mode) || end > (uint64_t)st.st_size)
		return -EIO;
	*host = mmap(NULL, want->len, PROT_READ | PROT_WRITE,
		     (shared ? MAP_SHARED : MAP_PRIVATE) | MAP_NORESERVE, want->fd,
		     (off_t)want->offset);
	if (*host != MAP_FAILED)
		return 0;
	return errno == ENOMEM ? -ENOMEM : -EIO;
}

/* The index of the first region that begins above @pa. */
static size_t region_above(const struct pt_phys *phys, pt_pa_t pa)
{
	size_t low = 0, high = phys->nr;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (phys->regions[mid].pa > pa)
			high = mid;
		else
			low = mid + 1;
	}
	return low;
}

const struct ptl_region *ptl_phys_find(const struct pt_phys *phys, pt_pa_t pa)
{
	size_t above = region_above(phys, pa);
	const struct ptl_region *region;

	if (!above)
		return NULL;
	region = &phys->regions[above - 1];
	return pa - region->pa < region->len ? region : NULL;
}

/* *@at: where it belongs among the regions. */
static int region_check(const struct pt_phys *phys, const struct pt_phys_region *want, size_t *at)
{
	uint64_t last;

	if (!want->len || !ptl_aligned(want->pa | want->len, phys->frame_lg2) ||
	    want->flags & ~PT_PHYS_SHARED || __builtin_add_overflow(want->pa, want->len - 1, &last))
		return -EINVAL;
	if (want->fd >= 0 ? !ptl_aligned(want->offset, PTL_FILE_ALIGN_LG2) : want->flags != 0)
		return -EINVAL;
	if (last >> PT_PHYS_MAX_BITS)
		return -ERANGE;
	*at = region_above(phys, want->pa);
	if ((*at && phys->regions[*at - 1].pa + (phys->regions[*at - 1].len - 1) >= want->pa) ||
	    (*at < phys->nr && phys->regions[*at].pa <= last))
		return -EINVAL;
	return 0;
}

static int region_map(const struct pt_phys *phys, const struct pt_phys_region *want,
		      struct ptl_region *region)
{
	void *host = NULL;
	int err = 0;

	if (want->fd >= 0)
		err = map_file(want, &host);
	else if (!(host = map_anonymous(want->len)))
		err = -ENOMEM;
	if (err)
		return err;
	*region = (struct ptl_region){ .pa = want->pa, .len = want->len, .host = host };
	region->frames = map_anonymous(frames_bytes(want->len, phys->frame_lg2));
	if (!region->frames) {
		munmap(host, want->len);
		return -ENOMEM;
	}
	return 0;
}

static void region_unmap(const struct pt_phys *phys, const struct ptl_region *region)
{
	/* The host may reuse these addresses. Of much memory that would be most of the work. */
	if (atomic_load_explicit(&phys->poisoners, memory_order_relaxed))
		ptl_unpoison(region->host, region->len);
	munmap(region->host, region->len);
	munmap(region->frames, frames_bytes(region->len, phys->frame_lg2));
}

int pt_phys_add(struct pt_phys *phys, const struct pt_phys_region *want)
{
	struct ptl_region region, *regions;
	size_t at;
	int err = region_check(phys, want, &at);

	if (err)
		return err;
	err = region_map(phys, want, &region);
	if (err)
		return err;
	regions = realloc(phys->regions, (phys->nr + 1) * sizeof(*regions));
	if (!regions) {
		region_unmap(phys, &region);
		return -ENOMEM;
	}
	memmove(&regions[at + 1], &regions[at], (phys->nr - at) * sizeof(*regions));
	regions[at] = region;
	phys->regions = regions;
	phys->nr++;
	return 0;
}

int pt_phys_create(struct pt_phys **out, const struct pt_phys_region *regions, size_t nr,
		   unsigned int frame_lg2)
{
	struct pt_phys *phys;

	if (!nr || (frame_lg2 != 12 && frame_lg2 != 14 && frame_lg2 != 16))
		return -EINVAL;
	phys = calloc(1, sizeof(*phys));
	if (!phys)
		return -ENOMEM;
	phys->frame_lg2 = frame_lg2;
	for (size_t i = 0; i < nr; i++) {
		int err = pt_phys_add(phys, &regions[i]);

		if (err) {
			pt_phys_destroy(phys);
			return err;
		}
	}
	*out = phys;
	return 0;
}

int pt_phys_create_anon(struct pt_phys **out, uint64_t len)
{
	const struct pt_phys_region region = { .len = len, .fd = -1 };

	return pt_phys_create(out, &region, 1, 12);
}

void pt_phys_destroy(struct pt_phys *phys)
{
	if (!phys)
		return;
	for (size_t i = 0; i < phys->nr; i++)
		region_unmap(phys, &phys->regions[i]);
	free(phys->regions);
	free(phys);
}

void *pt_phys_to_host(const struct pt_phys *phys, pt_pa_t pa, uint64_t len)
{
	const struct ptl_region *region = ptl_phys_find(phys, pa);

	return region ? ptl_region_host(region, pa, len) : NULL;
}

/* Whether every byte of [@pa, @pa + @len) is memory, in one region or in neighbours. */
static bool is_memory(const struct pt_phys *phys, pt_pa_t pa, uint64_t len)
{
	while (len) {
		const struct ptl_region *region = ptl_phys_find(phys, pa);
		uint64_t here;

		if (!region)
			return false;
		here = ptl_min(len, region->len - (pa - region->pa));
		pa += here;
		len -= here;
	}
	return true;
}

int pt_phys_read(const struct pt_phys *phys, pt_pa_t pa, void *buf, size_t len)
{
	uint8_t *to = buf;

	if (!is_memory(phys, pa, len))
		return -EFAULT;
	while (len) {
		const struct ptl_region *region = ptl_phys_find(phys, pa);
		uint64_t offset = pa - region->pa, here = ptl_min(len, region->len - offset);

		memcpy(to, region->host + offset, here);
		to += here;
		pa += here;
		len -= here;
	}
	return 0;
}

int pt_phys_write(struct pt_phys *phys, pt_pa_t pa, const void *buf, size_t len)
{
	const uint8_t *from = buf;

	if (!is_memory(phys, pa, len))
		return -EFAULT;
	while (len) {
		const struct ptl_region *region = ptl_phys_find(phys, pa);
		uint64_t offset = pa - region->pa, here = ptl_min(len, region->len - offset);

		memcpy(region->host + offset, from, here);
		from += here;
		pa += here;
		len -= here;
	}
	return 0;
}

size_t pt_phys_nr_regions(const struct pt_phys *phys)
{
	return phys->nr;
}

void pt_phys_region(const struct pt_phys *phys, size_t i, pt_pa_t *pa, uint64_t *len)
{
	PTL_BUG_ON(i >= phys->nr);
	*pa = phys->regions[i].pa;
	*len = phys->regions[i].len;
}

unsigned int pt_phys_frame_lg2(const struct pt_phys *phys)
{
	return phys->frame_lg2;
}

void pt_phys_poison(struct pt_phys *phys, pt_pa_t pa, uint64_t len)
{
	void *host = pt_phys_to_host(phys, pa, len);

	PTL_BUG_ON(!host);
	if (!ptl_poison_is_heard())
		return;
	ptl_phys_poisoner(phys, true);
	ptl_poison(host, len);
}

void pt_phys_unpoison(struct pt_phys *phys, pt_pa_t pa, uint64_t len)
{
	void *host = pt_phys_to_host(phys, pa, len);

	PTL_BUG_ON(!host);
	ptl_unpoison(host, len);
}
