/* SPDX-License-Identifier: MIT */
/*
 * pt_defs.h - what a format header may use, and what is compiled per format.
 *
 * A format is compiled once per mode (exclusive, shared, checked) from a file
 * that defines PT_FMT and includes its format header and pt_impl.h:
 *
 *	pt_defs.h, fmt_<name>.h, fmt_api.h, tree.h, *_impl.h
 *
 * Language (after Linux generic_pt):
 *   va, pa      input and output address of a translation
 *   level       0 is the table whose entries are the smallest pages; up from
 *               there. Vendor names appear only in the format headers.
 *   raw         one table word, exactly as hardware reads it
 *   leaf/table  an entry that yields a pa / that points to the level below
 *   block       contiguous entries that hardware may cache as one
 *   first, last bytes, both inclusive;  _lg2 a log2;  nr_ a count
 */
#ifndef PTL_PT_DEFS_H
#define PTL_PT_DEFS_H

#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>

#include <ptlib/gather.h>
#include <ptlib/map.h>
#include <ptlib/pagetable.h>
#include <ptlib/query.h>
#include <ptlib/soft_map.h>
#include <ptlib/verify.h>
#include <ptlib/walk.h>

#include "base/bits.h"
#include "base/bug.h"

/* What a table word is. */
enum ptl_kind {
	PTL_EMPTY,
	PTL_TABLE,
	PTL_LEAF,
	PTL_SOFT,    /* not present, not zero: the operating system's own */
	PTL_ILLEGAL, /* present, and hardware would fault on it */
	PTL_BREAK,   /* ours: between break and make, read it again */
	PTL_DEAD,    /* ours: an empty word of a table that is being freed */
};

/* Our own words; not present in every format. */
#define PTL_BREAK_WORD UINT64_C(0xb4ea4b4ea4b4e000)
#define PTL_DEAD_WORD UINT64_C(0xdead7ab1edead000)

/* What entries above a leaf take away from it. */
#define PTL_LIMIT_WRITE 1u
#define PTL_LIMIT_USER 2u
#define PTL_LIMIT_USER_EXEC 4u
#define PTL_LIMIT_PRIV_EXEC 8u
#define PTL_LIMIT_READ 16u

#define PTL_NO_INDEX 0xff

/* Attributes below this have the usual memory type, shareability and key, and no software bits. */
#define PTL_NR_PLAIN_ATTRS 256

/* The input width that the shortest code is compiled for, with constant shifts. */
#define PTL_USUAL_VA_BITS 48

/*
 * A configuration, worked out: what format functions take beside the word.
 * Constant after fmt_init() and fmt_init_decode().
 */
struct ptl_fmt {
	struct pt_fmt_cfg cfg;
	unsigned int top_level;
	uint64_t va_mask;                       /* bits of va that index tables or pages */
	uint64_t va_high;                       /* arm64: what the other bits must be */
	/* inputs below it are valid; 0: there is no lower half */
	pt_va_t lower_end;
	pt_va_t upper_first;                    /* inputs from it on are valid; 0: no upper half */
	uint64_t table_mask[PT_MAX_LEVELS];     /* a table entry iff raw & mask == table_match */
	uint64_t table_match[PT_MAX_LEVELS];
	uint64_t leaf_mask[PT_MAX_LEVELS];      /* a leaf iff raw & mask == leaf_match */
	uint64_t leaf_match[PT_MAX_LEVELS];
	/*
	 * Bits of a table entry that hold its address in place, those that make it
	 * one at every level, and those that must be 0, the rest being ignored; and
	 * what they are at address 0. 0: the format has no such mask.
	 */
	uint64_t link_mask, link_match;
	/*
	 * The same for leaves of level 0: bits that hold the address in place or make
	 * it a leaf, what they are at address 0, and those that a valid address has.
	 */
	uint64_t page_mask, page_match, page_address;
	uint64_t pa_beyond;                     /* raw bits that hold pa bits beyond the width */
	uint64_t pa_high;                       /* arm64 64K: raw bits of pa 51:48 */
	uint64_t dbm;                           /* arm64: the DBM bit if hardware honours it */
	/* arm64: the POIndex bits if hardware honours them */
	uint64_t po_index;
	uint64_t address;                       /* x86: raw bits that hold an address, of any width */
	uint64_t encrypted;                     /* x86_64: the C-bit, if there is one */
	uint64_t hw_ad;                         /* EPT: accessed and dirty, if hardware sets them */
	uint64_t legal_low[2];                  /* EPT: bits 5:0 of present entries, by bit 10 */
	pt_attr_t attrs;                        /* what this configuration can express */
	pt_attr_t any_mem;                      /* some memory type and shareability it encodes */
	uint8_t mem_of_index[16];               /* enum pt_mem, by PAT or MAIR index or by type */
	uint8_t index_of_mem[16];               /* by enum pt_mem; PTL_NO_INDEX: none selects it */

	/* From here on what fmt_init_decode() and ptl_init() work out: large, and only for pt. */
	uint32_t attr_of_low[2048];             /* by low bits of a leaf, as the format cuts
						   them: */
	uint32_t attr_of_high[1024];            /* by high bits; what they say of pt_attr_t */
	/* What fmt_encode() makes at level 0 of those with single bits only; 0: it refuses. */
	uint64_t page_of_attr[PTL_NR_PLAIN_ATTRS];
};

#define PTL_CAT_(a, b, c) a##_##b##_##c
#define PTL_CAT(a, b, c) PTL_CAT_(a, b, c)
#define PTL_STR_(x) #x
#define PTL_STR(x) PTL_STR_(x)

#endif /* PTL_PT_DEFS_H */
