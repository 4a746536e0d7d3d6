/* SPDX-License-Identifier: MIT */
/*
 * What a TLB is made of. Each structure (part) has sets, and each set has ways; a slot
 * is a way of a set and holds one entry:
 *
 *	part   set 0: head [fingerprints order valid]   slots: [way 0][way 1]...
 *	       set 1: head                              slots: [way 0][way 1]...
 *
 * Heads and slots are one cache line each: a lookup reads the head and, for a hit, the
 * slot. Sets of more than PTL_NARROW ways have an index instead of heads, see wide.c.
 *
 * Flushes of an ASID, a VMID or everything are generations. Every such flush takes the
 * next sequence number; a slot remembers the number that was current when it was
 * filled, and is stale if one of the flushes since then covers it:
 *
 *	live == (born >= max(tlb.from[type], vm.from[type], tag.from[type]))
 *
 * Tags stand for (VMID, ASID) and for VMIDs, as long as slots refer to them; what no slot
 * refers to needs no generation.
 */
#ifndef PTL_TLB_INTERNAL_H
#define PTL_TLB_INTERNAL_H

#include <ptlib/tlb.h>

#include "base/bits.h"
#include "base/bug.h"

#define PTL_NARROW 16 /* ways that one head has room for */
#define PTL_NO_TAG UINT32_MAX
#define PTL_MIN_SIZE_LG2 12
#define PTL_MAX_SIZE_LG2 52
#define PTL_NR_SIZES (PTL_MAX_SIZE_LG2 - PTL_MIN_SIZE_LG2 + 1)

struct ptl_slot {
	struct pt_tlb_entry entry;
	uint64_t born; /* pt_tlb.seq when filled */
	union {
		struct {
			uint32_t set, way; /* narrow sets: where it stands */
		};
		uint64_t stamp; /* wide: part->clock at the last use (LRU) or the fill (FIFO) */
	};
	uint32_t tag;  /* index into pt_tlb.tags */
	uint32_t hash; /* of page and tag; the fingerprint is its upper half */
};
_Static_assert(sizeof(struct ptl_slot) == 64, "a slot is one cache line");

struct ptl_head {
	uint64_t fingerprints[4]; /* 16 bits a way; 0: the way is invalid */
	uint64_t order;           /* LRU, FIFO: 4 bits a way, latest lowest; PLRU: the tree */
	uint64_t swept;           /* all slots born before this number have been looked at */
	uint64_t valid;           /* a bit a way; may be stale */
	uint64_t unused;
};
_Static_assert(sizeof(struct ptl_head) == 64, "a head is one cache line");

/* A line of the index of wide sets: 15 fingerprints, and the slots they stand for. */
struct ptl_bucket {
	uint64_t fingerprints[4]; /* the last 16 bits: how many entries had to go further on */
	uint16_t slot[16];
};
_Static_assert(sizeof(struct ptl_bucket) == 64, "a bucket is one cache line");

struct ptl_part {
	struct pt_tlb_part cfg;
	unsigned int nr_sets;
	unsigned int last_shift;  /* narrow: of the last way in ptl_head.order */
	uint64_t full;            /* narrow: ptl_head.valid of a full set */
	uint64_t queue_full;      /* the same, if who goes stands in ptl_head.order; else ~0 */
	uint64_t order_mask;      /* narrow: of the ways that there are in ptl_head.order */
	uint64_t set_mask;        /* nr_sets - 1 if that is a power of two, else 0 */
	struct ptl_slot *slots;
	struct ptl_head *heads;   /* NULL: the sets are wide */
	struct ptl_bucket *buckets;
	uint32_t bucket_mask;
	uint64_t *meta;           /* wide: of each set, swept, then valid bits, then tree bits */
	unsigned int words;       /* wide: of one set's valid bits */
	uint64_t clock, rng;
	uint64_t active[PT_TLB_NR_TYPES]; /* bit n: may hold entries of that size */
	unsigned int max_leaf_lg2;        /* of the leaves that stand here in pieces */
};

struct ptl_tag {
	uint64_t key;                   /* see tag.c */
	uint64_t salt;                  /* of hashes, so that ASIDs do not share fingerprints */
	uint64_t from[PT_TLB_NR_TYPES]; /* of an ASID: LEAF and TABLE alone */
	uint32_t vm;                    /* the VMID's tag; of a VMID: itself */
	uint32_t next;                  /* in the hash chain or the free list */
	uint32_t refs;                  /* slots, the current context; VMIDs: ASIDs' tags */
};

/* What an entry of the current or another context is compared with. */
struct ptl_key {
	uint64_t salt, floor; /* entries born before floor are stale */
	uint32_t tag;
};

/* Where one size of one use is looked for. */
struct ptl_probe {
	struct ptl_part *part;
	unsigned int size_lg2;
};

struct ptl_probes {
	unsigned int nr;
	struct ptl_probe probe[PTL_NR_SIZES]; /* ascending: no size stands in two parts */
};

/* Where an entry of some size goes: the largest size that is not larger. */
struct ptl_home {
	struct ptl_part *part; /* NULL: nowhere */
	unsigned int size_lg2;
};

struct pt_tlb {
	struct ptl_key now[PT_TLB_NR_TYPES];
	struct pt_tlb_stats stats;
	struct ptl_probes probes[PT_TLB_MAX_LEVELS][PT_TLB_USE_NR];
	struct ptl_home homes[PT_TLB_MAX_LEVELS][PT_TLB_USE_NR][PTL_MAX_SIZE_LG2 + 1];
	struct ptl_part parts[PT_TLB_MAX_PARTS];
	unsigned int nr_parts, flags;
	uint64_t seq;
	uint64_t from[PT_TLB_NR_TYPES];
	uint64_t flushed[PT_TLB_NR_TYPES]; /* the last flush that can have left stale slots */
	size_t nr_globals;                 /* valid slots; they may be stale */
	uint64_t missed_va;                /* the last miss, if nothing was filled since */
	enum pt_tlb_use missed_use;        /* PT_TLB_USE_NR: none */
	uint16_t vmid, asid;
	uint32_t asid_tag, vm_tag;         /* of the current context */
	struct ptl_tag *tags;
	uint32_t *chains; /* of tags, by hash */
	uint32_t chain_mask, nr_tags_used, free_tag;
	void *memory;     /* everything above that is not in this struct */
	void (*dropped)(void *ctx, const struct pt_tlb_entry *entry); /* NULL: nobody is told */
	void *dropped_ctx;
};

/* ---- tag.c ---- */

static inline bool ptl_type_is_per_asid(enum pt_tlb_type type)
{
	return type == PT_TLB_LEAF || type == PT_TLB_TABLE;
}

void ptl_tags_init(struct pt_tlb *tlb);
/* PTL_NO_TAG if no entry refers to that. */
uint32_t ptl_tag_of_vm(const struct pt_tlb *tlb, uint16_t vmid);
uint32_t ptl_tag_of_asid(const struct pt_tlb *tlb, uint16_t vmid, uint16_t asid);
/* The key of what @type, @vmid and @asid select; false if no entry refers to that. */
bool ptl_tag_find(const struct pt_tlb *tlb, enum pt_tlb_type type, uint16_t vmid, uint16_t asid,
		  struct ptl_key *key);
/* Whether @tag, which may be free, is @asid's in any VMID. */
bool ptl_tag_is_asid(const struct pt_tlb *tlb, uint32_t tag, uint16_t asid);
/* Whether it is a VMID's; and which VMID it is of, as an ASID's too. */
bool ptl_tag_is_vm(const struct pt_tlb *tlb, uint32_t tag);
uint16_t ptl_tag_vmid(const struct pt_tlb *tlb, uint32_t tag);
/* Works out again what is stale in the current context. */
void ptl_tags_refresh(struct pt_tlb *tlb);
void ptl_tag_free(struct pt_tlb *tlb, uint32_t tag);

static inline void ptl_tag_unref(struct pt_tlb *tlb, uint32_t tag)
{
	if (!--tlb->tags[tag].refs)
		ptl_tag_free(tlb, tag);
}

static inline uint64_t ptl_max(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* Entries of @tag, which is of @type, are stale if born before this. */
static inline uint64_t ptl_tag_floor(const struct pt_tlb *tlb, const struct ptl_tag *tag,
				     enum pt_tlb_type type)
{
	return ptl_max(tlb->from[type], ptl_max(tlb->tags[tag->vm].from[type], tag->from[type]));
}

static inline bool ptl_slot_live(const struct pt_tlb *tlb, const struct ptl_slot *slot)
{
	return slot->born >= ptl_tag_floor(tlb, &tlb->tags[slot->tag], slot->entry.type);
}

/* ---- pages and sets ---- */

static inline unsigned int ptl_set_of(const struct ptl_part *part, uint64_t page)
{
	return (unsigned int)(part->set_mask || part->nr_sets == 1 ? page & part->set_mask :
								     page % part->nr_sets);
}

/* The upper half, the fingerprint, is never 0 or 1. */
static inline uint32_t ptl_hash(uint64_t page, uint64_t salt)
{
	return (uint32_t)(((page ^ salt) * UINT64_C(0x9e3779b97f4a7c15)) >> 32) | 1u << 31;
}

/* One compare, since what is compared almost always is equal together. */
static inline bool ptl_slot_is(const struct ptl_slot *slot, const struct ptl_key *key,
			       uint64_t page, unsigned int size_lg2)
{
	uint64_t differ = (slot->entry.va ^ page << size_lg2) | (slot->entry.size_lg2 ^ size_lg2) |
			  (slot->tag ^ key->tag);

	return !differ && slot->born >= key->floor;
}

#define PTL_LANES UINT64_C(0x0001000100010001)

/* The number of the first of some lanes: lane l of word w, 4w + l, is bit 16l + w. */
static inline unsigned int ptl_first_lane(uint64_t lanes)
{
	unsigned int bit = (unsigned int)__builtin_ctzll(lanes);

	return bit % 16 * 4 + bit / 16;
}

#endif /* PTL_TLB_INTERNAL_H */
