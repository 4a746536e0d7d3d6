/* SPDX-License-Identifier: MIT */
/*
 * New mappings. The image is opened copy-on-write, so only ptdump's own copy changes; tables that
 * are new go to a region of anonymous memory behind everything that the image has.
 */
#include "ptdump.h"

#include <inttypes.h>

#define ROOM_ALIGN (UINT64_C(1) << 20)

static pt_attr_t attr_of(const struct dump_root *root, unsigned int perms)
{
	bool two_execs = root->info.attrs & PT_ATTR_EXEC_OTHER;
	unsigned int own = two_execs && !(perms & DUMP_U) ? DUMP_P : DUMP_X;
	unsigned int other = own == DUMP_X ? DUMP_P : DUMP_X;
	pt_attr_t attr = PT_ATTR_READ | PT_ATTR_ACCESSED;

	attr |= root->info.attrs & PT_ATTR_ENCRYPTED; /* as all but what a guest shares */
	if (perms & DUMP_W)
		attr |= PT_ATTR_WRITE | PT_ATTR_DIRTY;
	if (perms & own)
		attr |= PT_ATTR_EXEC;
	if (perms & other)
		attr |= two_execs ? PT_ATTR_EXEC_OTHER : PT_ATTR_EXEC;
	if (perms & DUMP_U)
		attr |= PT_ATTR_USER;
	if (perms & DUMP_G)
		attr |= PT_ATTR_GLOBAL;
	return attr;
}

/* The root whose half @map belongs to; with --root there is only that one. */
static struct dump_root *root_of(struct dump_source *source, const struct dump_mapping *map)
{
	for (size_t i = 0; i < source->nr_roots; i++) {
		struct dump_root *root = &source->roots[i];

		if (map->va >= root->info.first && map->va <= root->info.last)
			return root;
	}
	dump_die("--map: no root's half reaches 0x%016" PRIx64, map->va);
}

static _Noreturn void refuse(const struct dump_mapping *map, const struct pt_change *change,
			     int err)
{
	if (err == -EEXIST || err == -EFAULT)
		dump_die("--map: 0x%016" PRIx64 ": %s at 0x%016" PRIx64, map->va, pt_strerror(err),
			 change->bad_va);
	if (err == -EINVAL)
		dump_die("--map: 0x%016" PRIx64 ": VA, PA and LEN have to be multiples of a page",
			 map->va);
	dump_die("--map: 0x%016" PRIx64 ": %s", map->va, pt_strerror(err));
}

/* Makes room for @nr_tables tables of @root. */
static void add_room(struct dump_source *source, struct dump_root *root, size_t nr_tables)
{
	struct pt_phys_region room = { .fd = -1 };
	pt_pa_t pa;
	uint64_t len;
	int err;

	pt_phys_region(source->phys, pt_phys_nr_regions(source->phys) - 1, &pa, &len);
	room.pa = (pa + len + ROOM_ALIGN - 1) & ~(ROOM_ALIGN - 1);
	room.len =
		((uint64_t)nr_tables * pt_granule(root->pt) + ROOM_ALIGN - 1) & ~(ROOM_ALIGN - 1);
	if (room.pa + room.len > UINT64_C(1) << root->cfg.pa_bits)
		dump_die("--map: no room for tables between the image and 2^%u", root->cfg.pa_bits);
	err = pt_phys_add(source->phys, &room);
	if (!err)
		err = pt_reserve_add_range(root->reserve, room.pa, room.len);
	if (err)
		dump_die("--map: no room for tables: %s", pt_strerror(err));
}

/* How many tables the maps of @root want at most; they may turn out to share some. */
static size_t count_tables(struct dump_source *source, const struct dump_root *root,
			   const struct dump_options *options)
{
	size_t nr_tables = 0;

	for (size_t i = 0; i < options->nr_maps; i++) {
		const struct dump_mapping *map = &options->maps[i];
		struct pt_change change = { 0 };
		size_t nr = 0;
		int err;

		if (root_of(source, map) != root)
			continue;
		err = pt_map_probe(root->pt, map->va, map->pa, map->len, attr_of(root, map->perms),
				   &change, &nr);
		if (err)
			refuse(map, &change, err);
		nr_tables += nr;
	}
	return nr_tables;
}

void dump_map(struct dump_source *source, const struct dump_options *options)
{
	for (size_t i = 0; options->nr_maps && i < source->nr_roots; i++) {
		struct dump_root *root = &source->roots[i];
		size_t nr_tables = count_tables(source, root, options);

		if (nr_tables)
			add_room(source, root, nr_tables);
	}
	for (size_t i = 0; i < options->nr_maps; i++) {
		const struct dump_mapping *map = &options->maps[i];
		struct dump_root *root = root_of(source, map);
		struct pt_change change = { 0 };
		int err = pt_map(root->pt, map->va, map->pa, map->len, attr_of(root, map->perms),
				 &change);

		if (err)
			refuse(map, &change, err);
	}
}
