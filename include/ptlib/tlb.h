/* SPDX-License-Identifier: MIT */
/*
 * ptlib/tlb.h - a TLB: what it holds, what a lookup finds, what a flush removes.
 *
 * A pure structure that knows no tables: whoever walks them fills it. One or two
 * levels, each made of structures with a shape and a replacement policy of their
 * own; what missed in the first level and is found in the second is copied to the
 * first. Exact: the same calls give the same hits and misses everywhere.
 *
 *	               level 1                          level 2
 *	data    [ 4K ] [ 2M ] [ 1G ]  --miss-->  [ 4K 2M ] [ 1G ]  --miss-->  walk, fill
 *	fetch   [ 4K ] [ 2M ]         --miss-->     the same
 *	table   [ tables that cover 2M ] [ 1G ]     paging-structure (walk) caches
 *
 * Context: a TLB is used by one thread at a time. Nothing here allocates but
 * pt_tlb_create().
 */
#ifndef PTLIB_TLB_H
#define PTLIB_TLB_H

#include <ptlib/error.h>
#include <ptlib/flush.h>
#include <ptlib/types.h>

#ifdef __cplusplus
extern "C" {
#endif

struct pt_tlb;

#define PT_TLB_MAX_LEVELS 2
#define PT_TLB_MAX_PARTS 12
#define PT_TLB_MAX_ENTRIES 65536 /* of one structure */

/* What is looked up. */
enum pt_tlb_use {
	PT_TLB_USE_DATA,  /* a page, for a load or store */
	PT_TLB_USE_FETCH, /* a page, for a fetch */
	PT_TLB_USE_TABLE, /* the table that the walk of an address can start at */
	PT_TLB_USE_IPA,   /* stage 2 alone: an intermediate address */
	PT_TLB_USE_NR,
};

/*
 * Who has to go. An invalid entry of the set always is the first choice, the lowest
 * way of several; an entry that a flush removed is invalid.
 *
 * RANDOM: way = splitmix64() modulo ways, one generator a structure, drawn from only
 * when the set is full: state += 0x9e3779b97f4a7c15; z = state;
 * z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9; z = (z ^ z >> 27) * 0x94d049bb133111eb;
 * return z ^ z >> 31. The state starts as the seed plus the index of the structure.
 */
enum pt_tlb_policy {
	PT_TLB_LRU,    /* the one whose last hit or fill is longest ago */
	PT_TLB_FIFO,   /* the one filled first; hits change nothing */
	PT_TLB_PLRU,   /* a binary tree of bits that point away from the last use */
	PT_TLB_RANDOM,
};

/*
 * One structure: sets of @ways entries; @ways equal to @entries is fully associative.
 * The set is the page number, in pages of the entry's size, modulo the number of sets,
 * which need not be a power of two.
 */
struct pt_tlb_part {
	unsigned int level;        /* 1 or 2 */
	unsigned int uses;         /* bit n: serves enum pt_tlb_use n */
	uint64_t sizes;            /* bit n: holds entries of 2^n bytes, n from 12 to 52 */
	unsigned int entries;      /* a multiple of ways, at most PT_TLB_MAX_ENTRIES */
	unsigned int ways;         /* 1 to entries */
	enum pt_tlb_policy policy; /* PLRU: ways is a power of two */
};

/* A real TLB may drop more than a flush asks for; these do, others drop no entry too many. */
#define PT_TLB_IGNORES_HINTS (1u << 0)   /* a wrong level hint does not save an entry */
#define PT_TLB_IPA_TAKES_ALL (1u << 1)   /* a flush by IPA takes all of stage 1 of its VMID too */

/*
 * In each level, no size stands in two structures that serve the same use. Level 2 alone
 * is allowed for a use. A page whose size a level does not have is kept there as its
 * largest piece that it has; a table only where its size is. Walk caches that are asked
 * side by side stand in one level.
 */
struct pt_tlb_cfg {
	struct pt_tlb_part parts[PT_TLB_MAX_PARTS];
	unsigned int nr_parts;
	unsigned int flags; /* PT_TLB_* */
	uint64_t seed;
};

/**
 * pt_tlb_create() - An empty TLB, in the context of VMID 0 and ASID 0.
 * @out: Receives the handle; release it with pt_tlb_destroy().
 *
 * Return: 0; -EINVAL for a geometry that is none; -ENOMEM.
 */
PT_API PT_MUST_CHECK int pt_tlb_create(struct pt_tlb **out, const struct pt_tlb_cfg *cfg);
/** Frees @tlb; NULL is allowed. */
PT_API void pt_tlb_destroy(struct pt_tlb *tlb);

/**
 * pt_tlb_set_context() - Whose entries are looked up and filled from now on.
 * @vmid: VMID, VPID or AMD's ASID; 0 where there is one machine only.
 * @asid: ASID or PCID.
 *
 * Global pages are found in every ASID of their VMID.
 *
 * TLB: nothing is flushed; see flush.h for what a load of CR3 flushes.
 */
PT_API void pt_tlb_set_context(struct pt_tlb *tlb, uint16_t vmid, uint16_t asid);

/* A copy of what tables said. */
struct pt_tlb_entry {
	uint64_t va;      /* first byte; IPA entries: intermediate address */
	pt_pa_t pa;       /* of that byte; TABLE entries: of the table */
	uint64_t raw;     /* the filler's, e.g. the leaf word */
	uint64_t data;    /* the filler's, e.g. rights and memory type */
	uint16_t asid;    /* GLOBAL and IPA entries: 0 */
	uint16_t vmid;
	uint8_t type;     /* enum pt_tlb_type */
	uint8_t size_lg2; /* bytes that it translates; TABLE: that the table covers */
	uint8_t leaf_lg2; /* bytes of the leaf of stage 1 by itself; TABLE: as size_lg2 */
};

/**
 * pt_tlb_lookup() - Look up one address in the current context.
 * @use: DATA, FETCH: the page. TABLE: the table nearest to the leaf. IPA: @va is an
 *       intermediate address.
 *
 * What is found in level 2 is copied to level 1 and, under LRU and PLRU, becomes the
 * latest used in both; a hit in level 1 does not touch level 2.
 *
 * Return: the entry, valid until the next call on this TLB, or NULL for a miss. Where
 * entries of several sizes cover the address, the smallest.
 */
PT_API const struct pt_tlb_entry *pt_tlb_lookup(struct pt_tlb *tlb, enum pt_tlb_use use,
						uint64_t va);

/* What a walk found. */
struct pt_tlb_fill {
	pt_pa_t pa;              /* of the entry's first byte; USE_TABLE: of the table */
	uint64_t raw, data;      /* kept as they are */
	unsigned int size_lg2;   /* bytes that translate as one: a leaf, a contiguous block */
	unsigned int leaf_lg2;   /* bytes of the leaf alone; 0: as size_lg2 */
	unsigned int stage2_lg2; /* as size_lg2, of stage 2: the smaller counts; 0: none */
	bool global;             /* DATA and FETCH only */
};

/**
 * pt_tlb_fill() - Enter what a walk found for @va into both levels.
 *
 * An entry of the same page, size and context is replaced where it stands. What no structure
 * serves is not kept: a @use without one misses ever after.
 *
 * Return: 0; -EINVAL for a @use or size that does not exist (12 to 52 bits), a @pa
 * that is not aligned to its size, or a global table or IPA.
 */
PT_API int pt_tlb_fill(struct pt_tlb *tlb, enum pt_tlb_use use, uint64_t va,
		       const struct pt_tlb_fill *fill);

/**
 * pt_tlb_flush() - Remove what @flush covers, and nothing else but for the flags of
 * struct pt_tlb_cfg.
 *
 * Whatever reaches all of an ASID, a VMID or everything takes constant time; a range
 * as much as it has pages, at most as the TLB has entries.
 */
PT_API void pt_tlb_flush(struct pt_tlb *tlb, const struct pt_tlb_flush *flush);

/**
 * pt_tlb_watch() - Have @dropped called with each entry that a flush is about to remove.
 * @dropped: Called inside pt_tlb_flush(); it must not use @tlb. NULL: nobody is told.
 *
 * Flushes that take constant time otherwise then look at every entry.
 */
PT_API void pt_tlb_watch(struct pt_tlb *tlb,
			 void (*dropped)(void *ctx, const struct pt_tlb_entry *entry), void *ctx);

/** Whether @flush removes @entry in every implementation: a pure function. */
PT_API bool pt_tlb_flush_covers(const struct pt_tlb_flush *flush, const struct pt_tlb_entry *entry);

/* Counted since creation, always, exactly. Read twice and subtract. */
struct pt_tlb_stats {
	uint64_t lookups[PT_TLB_USE_NR];
	/* Those of the second row are walks: a level that does not exist misses what reaches it. */
	uint64_t misses[PT_TLB_MAX_LEVELS][PT_TLB_USE_NR];
	uint64_t fills[PT_TLB_USE_NR];                     /* calls of pt_tlb_fill() */
	uint64_t evictions;    /* valid entries that gave way to others, both levels */
	uint64_t page_flushes; /* of one address */
	uint64_t range_flushes;
	uint64_t asid_flushes; /* of all pages of one ASID */
	uint64_t all_flushes;  /* of all pages of several ASIDs */
	uint64_t dropped;      /* entries that page and range flushes removed one by one */
};

PT_API void pt_tlb_stats(const struct pt_tlb *tlb, struct pt_tlb_stats *stats);

/**
 * pt_tlb_for_each() - Visit every entry that a lookup in its context could find.
 * @visit: Called with the entry and the index of the structure that holds it; returns
 *         whether to go on. It must not use @tlb.
 */
PT_API void pt_tlb_for_each(const struct pt_tlb *tlb,
			    bool (*visit)(void *ctx, const struct pt_tlb_entry *entry,
					  unsigned int part),
			    void *ctx);

/** Checks all invariants of the structure. Returns how many entries and sets break one. */
PT_API size_t pt_tlb_verify(const struct pt_tlb *tlb);

#ifdef __cplusplus
}
#endif

#endif /* PTLIB_TLB_H */
