/* SPDX-License-Identifier: MIT */
/*
 * frame.h - what is known of one physical frame, as struct page is in Linux.
 *
 * A descriptor of all zeroes says: nothing of ours. That is how anonymous
 * memory starts, and what an imported kernel's frames stay; the table pages
 * among them are foreign and are never freed.
 */
#ifndef PTL_PHYS_FRAME_H
#define PTL_PHYS_FRAME_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/lock.h"

enum ptl_frame_state {
	PTL_FRAME_NONE,    /* nothing of ours */
	PTL_FRAME_STOCK,   /* in a reserve, or handed out by one and not a table yet */
	PTL_FRAME_TABLE,   /* a table page that a pt_pgtable allocated */
};

/* Bits of pt_frame.lock beside PTL_LOCKED. */
#define PTL_FRAME_DEAD 2u              /* no table any more: whoever locks it starts again */
#define PTL_FRAME_BREAKING 0x10u       /* one writer between break and make */
#define PTL_FRAME_BREAKING_MASK 0xfff0u
#define PTL_FRAME_PIN 0x10000u         /* one pt_map() between its check and its commit */
#define PTL_FRAME_PIN_MASK 0xffff0000u

/*
 * What the allocator knows of the block that begins here, in pt_frame.block: 0 inside
 * of a block, in free memory and where no allocator is; else its order, kind and marks.
 */
#define PTL_BLOCK_ORDER 0x0fu   /* log2 frames */
#define PTL_BLOCK_KIND 0x30u
#define PTL_BLOCK_CACHED 0x20u  /* in a cache, or on its way through a conversion */
#define PTL_BLOCK_HELD 0x30u
#define PTL_BLOCK_STALE 0x40u   /* held: see pt_page_mark_stale() */
#define PTL_BLOCK_MOVABLE 0x80u /* cached, held: left its pageblock as movable memory */

struct pt_frame {
	_Atomic uint32_t lock;       /* table lock; the other bits are its holder's */
	_Atomic uint32_t generation; /* +1 each time a table page dies, table lock; and each time
					the block that begins here is handed out, its new owner */
	union {
		struct {
			_Atomic uint32_t refs;  /* table entries that point here, in all trees; or
						   references to a folio */
			_Atomic uint8_t state;  /* enum ptl_frame_state; owner of the page */
			_Atomic uint8_t block;  /* PTL_BLOCK_*; who has the block */
			_Atomic uint16_t account; /* who is charged, 0 for nobody; who has the
						     block */
		};
		_Atomic uint64_t use;           /* the four in one, to be looked at in one go */
	};
	uint64_t link;               /* next page of a list; whoever owns the list */
	uint64_t owner;              /* whose page it is; set when handed out */
};

_Static_assert(sizeof(struct pt_frame) == 32, "a frame descriptor is 32 bytes");

/* Lists of pages are linked by pa; frames are aligned, so bit 0 is free to mean "a page". */
#define PTL_LINK_END UINT64_C(0)

static inline uint64_t ptl_link_to(uint64_t pa)
{
	return pa | 1;
}

static inline uint64_t ptl_link_pa(uint64_t link)
{
	return link & ~UINT64_C(1);
}

#endif /* PTL_PHYS_FRAME_H */
