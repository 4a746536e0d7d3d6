/* SPDX-License-Identifier: MIT */
/* Areas: a sorted array, its splits and merges, and the public calls that touch no table. */
#include "mm/mm_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Names are shared by the parts of an area that was split, which must not fail. */
struct name {
	size_t refs;
	char text[];
};

static struct name *name_of(const char *text)
{
	return (struct name *)(void *)((uintptr_t)text - offsetof(struct name, text));
}

static const char *name_make(const char *text)
{
	size_t len = strlen(text) + 1;
	struct name *name = malloc(sizeof(*name) + len);

	if (!name)
		return NULL;
	name->refs = 1;
	memcpy(name->text, text, len);
	return name->text;
}

void ptl_area_get(const struct pt_mm_area *area)
{
	if (area->name)
		name_of(area->name)->refs++;
	if (area->file)
		ptl_file_get(area->file);
}

static void put(const struct pt_mm_area *area)
{
	if (area->name && !--name_of(area->name)->refs)
		free(name_of(area->name));
	pt_file_put(area->file);
}

size_t ptl_areas_find(const struct ptl_areas *areas, pt_va_t va)
{
	size_t low = 0, high = areas->nr;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (areas->at[middle].last < va)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

int ptl_areas_reserve(struct ptl_areas *areas, size_t more)
{
	struct pt_mm_area *at;
	size_t room = areas->room ? areas->room : 8;

	while (room < areas->nr + more)
		room *= 2;
	if (room == areas->room)
		return 0;
	at = realloc(areas->at, room * sizeof(*at));
	if (!at)
		return -ENOMEM;
	areas->at = at;
	areas->room = room;
	return 0;
}

void ptl_areas_insert(struct ptl_areas *areas, size_t i, const struct pt_mm_area *area)
{
	PTL_BUG_ON(areas->nr == areas->room);
	memmove(&areas->at[i + 1], &areas->at[i], (areas->nr - i) * sizeof(*area));
	areas->at[i] = *area;
	areas->nr++;
}

void ptl_areas_remove(struct ptl_areas *areas, size_t i, size_t nr)
{
	if (!nr)
		return;
	for (size_t k = i; k < i + nr; k++)
		put(&areas->at[k]);
	memmove(&areas->at[i], &areas->at[i + nr], (areas->nr - i - nr) * sizeof(*areas->at));
	areas->nr -= nr;
}

void ptl_areas_exit(struct ptl_areas *areas)
{
	ptl_areas_remove(areas, 0, areas->nr);
	free(areas->at);
	*areas = (struct ptl_areas){ 0 };
}

/* [first, va) and [va, last] of area @i, if @va is inside. */
static void split_at(struct ptl_areas *areas, size_t i, pt_va_t va)
{
	struct pt_mm_area low;

	if (i >= areas->nr || areas->at[i].first >= va || areas->at[i].last < va)
		return;
	low = areas->at[i];
	low.last = va - 1;
	ptl_area_get(&low);
	areas->at[i].offset = ptl_area_offset(&areas->at[i], va);
	areas->at[i].first = va;
	ptl_areas_insert(areas, i, &low);
}

void ptl_areas_isolate(struct ptl_areas *areas, pt_va_t first, pt_va_t last, size_t *i, size_t *end)
{
	split_at(areas, ptl_areas_find(areas, first), first);
	*i = ptl_areas_find(areas, first);
	if (last != UINT64_MAX)
		split_at(areas, ptl_areas_find(areas, last), last + 1);
	for (*end = *i; *end < areas->nr && areas->at[*end].first <= last; ++*end)
		;
}

static bool same_name(const char *a, const char *b)
{
	return a == b || (a && b && !strcmp(a, b));
}

bool ptl_area_can_follow(const struct pt_mm_area *area, const struct pt_mm_area *next)
{
	return area->last + 1 == next->first && area->kind == next->kind &&
	       area->flags == next->flags && area->page_lg2 == next->page_lg2 &&
	       area->node == next->node && area->mem == next->mem && area->key == next->key &&
	       area->file == next->file && ptl_area_offset(area, next->first) == next->offset &&
	       same_name(area->name, next->name);
}

void ptl_areas_merge(struct ptl_areas *areas, size_t i, size_t end)
{
	if (i)
		i--;
	while (i + 1 < areas->nr && i < end) {
		if (!ptl_area_can_follow(&areas->at[i], &areas->at[i + 1])) {
			i++;
			continue;
		}
		areas->at[i].last = areas->at[i + 1].last;
		ptl_areas_remove(areas, i + 1, 1);
		end--;
	}
}

bool ptl_areas_cover(const struct ptl_areas *areas, pt_va_t first, pt_va_t last)
{
	for (size_t i = ptl_areas_find(areas, first); i < areas->nr; i++) {
		if (areas->at[i].first > first)
			return false;
		if (areas->at[i].last >= last)
			return true;
		first = areas->at[i].last + 1;
	}
	return false;
}

bool ptl_areas_are(const struct ptl_areas *areas, pt_va_t first, pt_va_t last, unsigned int kinds,
		   unsigned int mask, unsigned int flags)
{
	for (size_t i = ptl_areas_find(areas, first); i < areas->nr && areas->at[i].first <= last;
	     i++)
		if (!(kinds >> areas->at[i].kind & 1) || (areas->at[i].flags & mask) != flags)
			return false;
	return true;
}

const struct pt_mm_area *ptl_area_of(const struct pt_mm *mm, pt_va_t va)
{
	const struct pt_mm_area *area = pt_mm_area_at(mm, va);

	return area && area->first <= va ? area : NULL;
}

int ptl_mm_range(const struct pt_mm *mm, pt_va_t va, uint64_t len, pt_va_t *last)
{
	const struct pt_world *world = mm->world;

	if (!len || !ptl_aligned(va | len, world->page_lg2) ||
	    __builtin_add_overflow(va, len - 1, last))
		return -EINVAL;
	return va < world->user_first || *last > world->user_last ? -ERANGE : 0;
}

bool ptl_is_huge_size(const struct pt_world *world, unsigned int size_lg2)
{
	for (unsigned int level = 0; level < world->info.nr_levels; level++) {
		if (!world->info.can_leaf[level])
			continue;
		if ((level && size_lg2 == world->info.leaf_lg2[level]) ||
		    (world->info.contig_lg2[level] &&
		     size_lg2 == world->info.leaf_lg2[level] + world->info.contig_lg2[level]))
			return true;
	}
	return false;
}

bool ptl_has_key(const struct pt_world *world, unsigned int key)
{
	return key <= pt_attr_key(world->info.attrs);
}

static int check_want(const struct pt_mm *mm, const struct pt_mm_area *want)
{
	const struct pt_world *world = mm->world;
	bool shared = want->flags & PT_MM_SHARED, huge = want->kind == PT_MM_HUGETLB;
	bool of_file = want->kind == PT_MM_FILE || (huge && shared);
	pt_va_t last;
	uint64_t end;
	int err;

	if (want->last < want->first)
		return -EINVAL;
	err = ptl_mm_range(mm, want->first, want->last - want->first + 1, &last);
	if (err)
		return err;
	if (want->kind > PT_MM_MIXEDMAP || want->flags & ~PT_MM_FLAGS || want->mem >= PT_MEM_NR ||
	    want->node < PT_MM_ANY_NODE || of_file != (want->file != NULL) ||
	    (want->kind == PT_MM_ANON && shared) || huge != (want->page_lg2 != 0) ||
	    !ptl_has_key(world, want->key))
		return -EINVAL;
	if (want->mem && want->kind != PT_MM_PFNMAP && want->kind != PT_MM_MIXEDMAP)
		return -EINVAL;
	if (huge && (!ptl_is_huge_size(world, want->page_lg2) ||
		     !ptl_aligned(want->first | (want->last + 1), want->page_lg2)))
		return -EINVAL;
	if (!of_file)
		return 0;
	if (ptl_file_world(want->file) != world ||
	    pt_file_cfg(want->file)->page_lg2 != want->page_lg2 ||
	    !ptl_aligned(want->offset, huge ? want->page_lg2 : world->page_lg2))
		return -EINVAL;
	return __builtin_add_overflow(want->offset, want->last - want->first, &end) ? -ERANGE : 0;
}

int pt_mm_map(struct pt_mm *mm, const struct pt_mm_area *want)
{
	struct pt_mm_area area = *want;
	size_t i;
	int err = check_want(mm, want);

	if (err)
		return err;
	i = ptl_areas_find(&mm->areas, area.first);
	if (i < mm->areas.nr && mm->areas.at[i].first <= area.last)
		return -EEXIST;
	if (area.name && !*area.name)
		area.name = NULL;
	if (!area.name && area.file)
		area.name = pt_file_cfg(area.file)->name;
	err = ptl_areas_reserve(&mm->areas, 1);
	if (err)
		return err;
	if (area.name) {
		area.name = name_make(area.name);
		if (!area.name)
			return -ENOMEM;
	}
	area.major = area.minor = 0;
	area.inode = 0;
	if (area.file) {
		const struct pt_file_cfg *cfg = pt_file_cfg(area.file);

		area.major = cfg->major;
		area.minor = cfg->minor;
		area.inode = cfg->inode;
		ptl_file_get(area.file);
	} else {
		area.offset = area.first;
	}
	area.flags |= PT_MM_SOFT_DIRTY;
	ptl_areas_insert(&mm->areas, i, &area);
	ptl_areas_merge(&mm->areas, i, i + 1);
	return 0;
}

const struct pt_mm_area *pt_mm_area_at(const struct pt_mm *mm, pt_va_t va)
{
	return pt_mm_area(mm, ptl_areas_find(&mm->areas, va));
}

size_t pt_mm_nr_areas(const struct pt_mm *mm)
{
	return mm->areas.nr;
}

const struct pt_mm_area *pt_mm_area(const struct pt_mm *mm, size_t i)
{
	return i < mm->areas.nr ? &mm->areas.at[i] : NULL;
}

size_t pt_mm_area_line(const struct pt_mm_area *area, char *buf, size_t size)
{
	bool of_file = area->file || area->major || area->minor || area->inode;
	int nr = snprintf(buf, size, "%08llx-%08llx %c%c%c%c %08llx %02x:%02x %llu ",
			  (unsigned long long)area->first, (unsigned long long)area->last + 1,
			  area->flags & PT_MM_READ ? 'r' : '-',
			  area->flags & PT_MM_WRITE ? 'w' : '-',
			  area->flags & PT_MM_EXEC ? 'x' : '-',
			  area->flags & PT_MM_SHARED ? 's' : 'p',
			  of_file ? (unsigned long long)area->offset : 0, area->major, area->minor,
			  (unsigned long long)area->inode);
	size_t len = (size_t)nr;

	/* Names begin in column 73, after at least one blank. */
	if (area->name)
		len += (size_t)snprintf(len < size ? buf + len : NULL, len < size ? size - len : 0,
					"%*s%s", nr < 73 ? 73 - nr : 0, "", area->name);
	len += (size_t)snprintf(len < size ? buf + len : NULL, len < size ? size - len : 0, "\n");
	return len;
}
