/* SPDX-License-Identifier: MIT */
/*
 * buddy_model.h - what a zone should do, said in the most obvious way: for each frame whether it
 * is held and in a block of which order, for each pageblock its flags. Slow on purpose, shares no
 * code with ptlib, and always tells the truth.
 *
 * It stands between a test and the zone: buddy_alloc(), buddy_free() and the others do the
 * operation and hold what came out to what may have. Where free blocks are is the allocator's
 * business; buddy_check() looks at all of them, and holds them to the rules that zone.h states.
 *
 * It is also the zone's pt_freetype_ops: a direct map that is one byte a pageblock, which fails on
 * order, calls back into the zone, and finds out a pageblock that is converted while it is held,
 * free on a list, or of other flags than said.
 *
 * What is wrong is printed, and aborts. One thread.
 */
#ifndef MODEL_BUDDY_MODEL_H
#define MODEL_BUDDY_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <ptlib/freetype.h>
#include <ptlib/phys.h>
#include <ptlib/zone.h>
#include <ptlib/zone_info.h>

#define BUDDY_MAX_RANGES 8
#define BUDDY_MAX_CACHES 4
#define BUDDY_MAX_ACCOUNTS 4
#define BUDDY_NONE SIZE_MAX

struct buddy_range {
	pt_pa_t pa;
	uint64_t nr;  /* frames */
	size_t first; /* number of its first frame */
};

/* A held block. */
struct buddy_block {
	pt_pa_t pa;
	unsigned int order;
	uint32_t refs;
	uint64_t owner;
	struct pt_account *account;
	bool stale;
	bool is_table; /* allocated through buddy_table_ops() */
};

struct buddy_account {
	struct pt_account *account;
	struct pt_account_stats stats; /* as they should be */
};

/* Of one range: where two ranges meet in a pageblock, each has its part. */
struct buddy_pageblock {
	uint64_t number; /* pa divided by the size of pageblocks */
	size_t first;    /* number of its first frame */
	uint64_t frames; /* that the range has of it */
	uint8_t flags;   /* as the last conversion left it */
	bool changing;   /* in convert() */
};

struct buddy_model {
	struct pt_phys *phys;
	struct pt_zone *zone;
	unsigned int zone_flags; /* PT_ZONE_* */
	unsigned int frame_lg2, max_order, pageblock_order;

	struct buddy_range range[BUDDY_MAX_RANGES];
	size_t nr_ranges, nr_frames;
	uint8_t *held;          /* one a frame: order of its held block + 1; 0: not held */
	uint32_t *slot;         /* one a frame; the first of a held block: which of block[] */
	struct buddy_block *block;
	size_t nr_blocks, max_blocks;
	uint64_t nr_held;       /* frames */
	struct buddy_pageblock *pageblock; /* ascending */
	size_t nr_pageblocks;

	struct buddy_account account[BUDDY_MAX_ACCOUNTS];
	size_t nr_accounts;
	struct pt_zone_cache *cache[BUDDY_MAX_CACHES]; /* that buddy_recover() drains */
	size_t nr_caches;

	/* the zone's ops; a test may set what makes them fail at any time */
	bool has_ops;
	struct pt_freetype_ops ops;
	bool allocates;      /* convert() allocates a page of the zone and frees it again */
	size_t fail_convert; /* the call that fails, counting from 1; 0: none */
	size_t fail_more;    /* and so many after it */
	size_t fail_zero;    /* likewise */
	bool fail_all;       /* every convert() */
	size_t nr_converts, nr_zeroes, nr_settles; /* calls */
	size_t nr_flushes;      /* converts that made something absent or less permissive */
	size_t nr_converted;    /* pageblocks */
	size_t most_extents;    /* of one call */
	size_t most_pageblocks; /* likewise */
	size_t nr_failed;       /* converts that failed */
	bool last_failed;       /* and whether the last one did */
	unsigned int depth, most_depth; /* converts in one another */
	unsigned int cpu;       /* that the allocation under way is for */

	bool scribbles; /* writes to what is held, so that zeroing has something to do */
};

/*
 * Makes a zone over all of @phys, or over @cfg->ranges, and its model. Without @has_ops the zone
 * has none.
 */
void buddy_init(struct buddy_model *m, struct pt_phys *phys, const struct pt_zone_cfg *cfg,
		bool has_ops);
/* Destroys caches, accounts and the zone; everything must have been freed. */
void buddy_exit(struct buddy_model *m);

struct pt_zone_cache *buddy_cache(struct buddy_model *m, unsigned int cpu);
struct pt_account *buddy_account(struct buddy_model *m, uint64_t limit);
void buddy_set_limit(struct buddy_model *m, struct pt_account *account, uint64_t limit);

/* The operation, its result, and all that follows from it, held to the model. */
int buddy_alloc(struct buddy_model *m, struct pt_zone_cache *cache, const struct pt_alloc *how,
		pt_pa_t *pa);
int buddy_free(struct buddy_model *m, struct pt_zone_cache *cache, pt_pa_t pa, unsigned int order);
int buddy_free_raw(struct buddy_model *m, struct pt_zone_cache *cache, pt_pa_t pa,
		   unsigned int order);
int buddy_folio_get(struct buddy_model *m, pt_pa_t pa);
int buddy_folio_put(struct buddy_model *m, struct pt_zone_cache *cache, pt_pa_t pa);
int buddy_folio_split(struct buddy_model *m, pt_pa_t pa, unsigned int order);
void buddy_mark_stale(struct buddy_model *m, pt_pa_t pa);
/* Returns what pt_zone_convert() did; *@nr as it does. */
int buddy_convert(struct buddy_model *m, pt_freetype_t from, pt_freetype_t to, size_t max,
		  size_t *nr);

/* Pages for a pt_pgtable: as pt_zone_table_ops(&@source->source). */
struct buddy_source {
	struct buddy_model *m;
	struct pt_zone_source source;
	struct pt_table_ops ops;
};
struct pt_table_ops buddy_table_ops(struct buddy_source *source);

/* The number of the frame at @pa, or BUDDY_NONE. */
size_t buddy_frame(const struct buddy_model *m, pt_pa_t pa);
pt_pa_t buddy_pa(const struct buddy_model *m, size_t frame);
/* The held block that @pa is in, or NULL; valid until the next operation. */
struct buddy_block *buddy_block_at(const struct buddy_model *m, pt_pa_t pa);
struct buddy_pageblock *buddy_pageblock_at(const struct buddy_model *m, pt_pa_t pa);
/* Blocks of each order that the ranges are made of when everything is free. */
void buddy_whole(const struct buddy_model *m, uint64_t nr[PT_MAX_ORDER + 1]);
/* Whole pageblocks of the zone. */
size_t buddy_whole_pageblocks(const struct buddy_model *m);

/* Every block of the zone, its statistics and accounts, and pt_buddy_verify(). */
void buddy_check(struct buddy_model *m);
void buddy_free_all(struct buddy_model *m);
/* Frees everything, drains the caches and converts everything back; nothing may be lost. */
void buddy_recover(struct buddy_model *m);
/* Then allocates everything in the largest blocks there are, and frees it again. */
void buddy_recover_and_fill(struct buddy_model *m);

#define BUDDY_CHECK(cond)                                                                          \
	do {                                                                                       \
		if (!(cond))                                                                       \
			buddy_wrong(__FILE__, __LINE__, #cond);                                    \
	} while (0)
_Noreturn void buddy_wrong(const char *file, int line, const char *what);

/* xorshift: the same programs everywhere. */
static inline uint32_t buddy_random(uint32_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 17;
	*seed ^= *seed << 5;
	return *seed;
}

#endif /* MODEL_BUDDY_MODEL_H */
