/* SPDX-License-Identifier: MIT */
/*
 * ptlib/mm_area.h - what the address ranges of a user address space are for.
 *
 * Areas are disjoint, ascending, and as few as can be: neighbours that go on where the
 * other ends and are alike become one, and what changes a part of one splits it. They
 * stand in one sorted array: what is asked for most, who holds an address and who comes
 * next, reads a few neighbouring cache lines, and a process has some hundred of them.
 *
 * Ranges are (va, len) in bytes, page aligned.
 */
#ifndef PTLIB_MM_AREA_H
#define PTLIB_MM_AREA_H

#include <ptlib/attr.h>
#include <ptlib/error.h>
#include <ptlib/types.h>

#ifdef __cplusplus
extern "C" {
#endif

struct pt_mm;   /* one address space, see mm.h */
struct pt_file; /* one simulated file, see mm_store.h */
struct pt_swap; /* one swap device, likewise */

enum pt_mm_kind {
	PT_MM_ANON,     /* private: zero until written, then the process's own pages */
	PT_MM_FILE,     /* pages of a file; private ones are copied when written */
	PT_MM_HUGETLB,  /* pages of one huge size: a file's if shared, else its own */
	PT_MM_PFNMAP,   /* frames that nobody counts: devices, reserved memory */
	PT_MM_MIXEDMAP, /* such frames and counted pages */
};

#define PT_MM_READ (1u << 0)
#define PT_MM_WRITE (1u << 1)
#define PT_MM_EXEC (1u << 2)
#define PT_MM_SHARED (1u << 3)       /* a change is the file's, and fork shares it */
#define PT_MM_IO (1u << 4)           /* VM_IO */
#define PT_MM_LOCKED (1u << 5)       /* VM_LOCKED: not swapped out */
#define PT_MM_UFFD_WP (1u << 6)      /* writes to marked pages are told of */
#define PT_MM_SOFT_DIRTY (1u << 7)   /* all of it counts as written since clear_refs */
/*
 * Faults try a folio as large as a leaf of level 1, and where that does not fit the largest that
 * does, as with "madvise" for all sizes in transparent_hugepage's hugepages-*kB/enabled. Reads find
 * the huge zero page, if a leaf of level 1 fits.
 */
#define PT_MM_HUGEPAGE (1u << 8)
#define PT_MM_DONTFORK (1u << 9)     /* a child does not get it */
#define PT_MM_WIPEONFORK (1u << 10)  /* a child gets it empty */
#define PT_MM_GROWSDOWN (1u << 11)   /* a stack; only told */
#define PT_MM_PROT (PT_MM_READ | PT_MM_WRITE | PT_MM_EXEC)
#define PT_MM_FLAGS 0xfffu

#define PT_MM_ANY_NODE (-1)

struct pt_mm_area {
	pt_va_t first, last;  /* bytes, inclusive */
	enum pt_mm_kind kind;
	unsigned int flags;   /* PT_MM_* */
	unsigned int page_lg2; /* HUGETLB: log2 bytes of its pages; else 0 */
	int node;             /* where its pages shall be; PT_MM_ANY_NODE, which is not 0 */
	enum pt_mem mem;      /* memory type of PFNMAP and MIXEDMAP; others are WB, 0 */
	struct pt_file *file; /* FILE, and shared HUGETLB; else NULL */
	uint64_t offset;      /* FILE, shared HUGETLB: byte of the file at @first. ANON and
				 private HUGETLB: @first as it was before it moved */
	const char *name;     /* as /proc/PID/maps tells it, or NULL: the file's, if any */
	/* As maps tells them; pt_mm_map() takes the file's, or 0. In areas of a view that are not
	   of an address space of ours, a device or inode makes @offset that of the file. */
	unsigned int major, minor;
	uint64_t inode;
	unsigned int key; /* protection key of its leaves: 0 to what the format has, pt_attr_key() */
};

/**
 * pt_mm_map() - Use [@want->first, @want->last] for something.
 * @want: Copied. @offset counts for FILE and shared HUGETLB alone. The area takes a reference
 *        to the file.
 *
 * Maps no page. PT_MM_SOFT_DIRTY is set in new areas, as Linux does.
 *
 * Context: nothing else uses @mm.
 * Return: 0; -EEXIST if an area overlaps; -EINVAL for a range that is unaligned (HUGETLB: to its
 * page) or empty, a kind, flag, size, node, memory type or key that does not exist, a file where
 * there must be none, or the other way round; -ERANGE outside the user's addresses, to which
 * the last page below x86's hole does not belong, or beyond the end of the file's offsets; -ENOMEM.
 * Unchanged on failure.
 */
PT_API PT_MUST_CHECK int pt_mm_map(struct pt_mm *mm, const struct pt_mm_area *want);

/**
 * pt_mm_area_at() - The area that holds @va, or else the next one above; NULL: none.
 * Valid until areas change.
 */
PT_API const struct pt_mm_area *pt_mm_area_at(const struct pt_mm *mm, pt_va_t va);
/** How many there are, and number @i < that, ascending. */
PT_API size_t pt_mm_nr_areas(const struct pt_mm *mm);
PT_API const struct pt_mm_area *pt_mm_area(const struct pt_mm *mm, size_t i);

/**
 * pt_mm_set_flags() - Change flags of all areas in a range, but those of rights and SHARED.
 *
 * Only tells; what stands in the tables stays, but for leaves that reach over an end of the
 * range: they are split, or go if a file's, as no leaf is of two areas. Clearing PT_MM_UFFD_WP
 * leaves marks that pt_mm_write_protect() takes away, and so does a store.
 *
 * Context: nothing else uses @mm.
 * Return: 0; -EINVAL; -ERANGE; -ENOENT if part of the range is no area; -ENOMEM. Areas are as
 * they were on failure.
 */
PT_API PT_MUST_CHECK int pt_mm_set_flags(struct pt_mm *mm, pt_va_t va, uint64_t len,
					 unsigned int set, unsigned int clear);

/**
 * pt_mm_area_line() - The line of /proc/PID/maps of @area, as snprintf().
 * Source: Linux, fs/proc/task_mmu.c, show_map_vma().
 */
PT_API size_t pt_mm_area_line(const struct pt_mm_area *area, char *buf, size_t size);

#ifdef __cplusplus
}
#endif

#endif /* PTLIB_MM_AREA_H */
