/* SPDX-License-Identifier: MIT */
/*
 * mmu_internal.h - what an MMU is made of, and how an access travels through it:
 *
 *	mmu.c            a public call: two pieces at most, first looked at, then performed
 *	arch mmu_*.c     registers, made into regimes; which regime and class an address is for
 *	walk_impl.h      the words, compiled per format
 *	arch fault_*.h   may it, and if not, what is reported: pure functions
 */
#ifndef PTL_MMU_INTERNAL_H
#define PTL_MMU_INTERNAL_H

#include <ptlib/mmu.h>

#include "phys/phys_internal.h"
#include "pt/sieve.h"

/* What classes of accesses (who asks) may do, as one combination of words says. */
#define PTL_NR_CLASSES 4
#define PTL_WALK_CLASS 0 /* of a second stage: as whom a walk of the first one asks it */
#define PTL_NO_CLASS 3 /* no architecture has as many: it may nothing */
struct ptl_rights {
	uint8_t of[PTL_NR_CLASSES]; /* ptl_right() */
};

/*
 * Bits 2:0 are PT_PERM_* that cannot be used at once, since they are not there or, those in
 * @later, since a leaf has to be marked first; bits 6:4 are all that are there.
 */
static inline uint8_t ptl_right(unsigned int perms, unsigned int later)
{
	const unsigned int all = PT_PERM_READ | PT_PERM_WRITE | PT_PERM_EXEC;

	return (uint8_t)(perms << 4 | (all & ~perms) | later);
}

static inline unsigned int ptl_right_perms(uint8_t right)
{
	return right >> 4;
}

struct ptl_regime;
struct ptl_kept;
struct ptl_kept_table;
struct ptl_kept_page;
struct ptl_want;
struct ptl_translation;

/* An access by half @r of an MMU; as pt_access(). */
typedef int ptl_access_fn(const struct ptl_regime *r, pt_va_t va, const struct pt_access *how,
			  struct pt_access_result *result);

/*
 * One tree that registers point at, and the rules for what it maps. All of it is
 * worked out when registers are loaded.
 */
struct ptl_regime {
	/* What the quick way reads, see walk_impl.h. */
	ptl_access_fn *access, *probe;   /* of a half: all of pt_access(), pt_access_probe() */
	_Atomic uint64_t *root;          /* host address of its first word */
	uintptr_t near_link;             /* of tables that @link passes, as mmu_sift_link() */
	struct ptl_sieve link, page;     /* narrowed by the arch to words that need no mark */
	struct ptl_sieve far;            /* as @link, for tables that are behind a second stage */
	pt_va_t va_first;                /* valid addresses go up from here, and wrap */
	uint64_t va_counts[2];           /* bits of an address that are looked at: data, fetches */
	uint8_t class_of[4];             /* by privilege, of accesses without flags */
	bool may_be_quick;
	bool is_usual;                   /* of addresses as wide as quick ways are compiled for */
	bool is_quick;                   /* of a half: what has no quick way of its own may go it */
	unsigned int key_mask;           /* of a leaf's key; 0: there are no keys */
	/* A leaf that a write makes dirty first, where the leaf itself says so: & mask == match. */
	uint64_t clean_mask, clean_match;
	uint64_t table_mask;             /* bits of table entries that limit what is below */
	uint64_t control;                /* flags of the arch's own */
	uint8_t mem[160];                /* enum pt_mem, by bits of a leaf where they stand */
	struct ptl_rights rights[128];   /* by what the words of a walk say, the leaf with key 0 */

	const struct pt_mmu *mmu;        /* of a half: whose it is */
	const struct ptl_walker *walker; /* of its format; NULL: addresses pass unchanged */
	struct ptl_fmt fmt;
	struct ptl_region window;        /* holds the root; elsewhere it is found by bisection */
	pt_pa_t root_pa;
	unsigned int stage;              /* 1 or 2 */
	bool broken;                     /* its registers select nothing: every access faults */
	bool set_accessed, set_dirty;    /* by hardware */
	bool walk_writes;                /* stage 2: a table of stage 1 is read as if written */
	bool stands_alone;               /* stage 2: stage 1 is off, whatever its registers say */
	unsigned int flat_bits;          /* arm64: of an address that is not translated */
	uint64_t keys, priv_keys, pir, pire0; /* registers, as the arch's rules want them */
};

struct ptl_asked;

/* An access on its way. */
struct ptl_access {
	const struct pt_mmu *mmu;
	const struct pt_access *how;
	pt_va_t first;                   /* as the program gave it */
	pt_va_t va;                      /* where this piece begins: the same, or the next leaf */
	bool commit;                     /* set A and D now */
	bool owes;                       /* it found A or D bits to set */
	/* where leaves lead, whatever they let it do, and as if used */
	bool looks;
	unsigned int nr_loads[2];        /* by stage - 1 */
	struct pt_fault *fault;          /* written only when the access faults */
	struct pt_access_step *steps;    /* NULL, or where to list the words */
	unsigned int nr_steps;
	struct ptl_kept *kept;           /* NULL, or receives what a TLB may keep; see kept.h */
};

/* Who wants what of a regime. */
struct ptl_want {
	unsigned int perms;    /* PT_PERM_*, all of them */
	unsigned int class;    /* of ptl_rights_t */
	bool write;            /* dirty is set */
	bool in_walk;          /* stage 2: for a table of stage 1 */
	bool as_read;          /* in_walk: a read of the address would want it as well */
};

/* Where an address led. */
struct ptl_translation {
	pt_pa_t pa;
	uint64_t raw;
	unsigned int level, size_lg2;
	unsigned int perms;    /* of the class that asked */
	enum pt_mem mem;
	bool ignores_stage1_mem; /* stage 2: @mem alone decides */
	bool user_page;          /* x86: by the U/S of all entries */
};

/* What a walk found when it failed. */
struct ptl_failure {
	const struct ptl_want *want;
	uint64_t in;             /* the address that was translated */
	uint64_t all, any, raw;  /* table words and[-ed], or[-ed]; the last word */
	pt_pa_t raw_pa;
	unsigned int level;
	enum ptl_kind kind;      /* of the last word; PTL_LEAF: rights or AF */
	enum pt_illegal illegal; /* PTL_ILLEGAL: why */
};

/* A walk of one format, compiled. */
struct ptl_walker {
	int (*init)(struct ptl_fmt *f);
	unsigned int granule_lg2;
	unsigned int (*root_align_lg2)(const struct ptl_fmt *f);
	/*
	 * All of an access. What is whole in a page of the smallest size, succeeds and has
	 * nothing to set goes a quick way, anything else that of ptl_access_fully().
	 */
	ptl_access_fn *access, *probe;
	ptl_access_fn *access_nested, *probe_nested; /* the same, in front of a second stage */
	/* The quick way for one address of a second stage; false: ask walk(). */
	bool (*through)(const struct ptl_regime *r, uint64_t in, const struct ptl_want *want,
			struct ptl_translation *to);
	/* The same for a walk of the first stage, which @need-s PT_PERM_*: the address alone. */
	bool (*leads_to)(const struct ptl_regime *r, uint64_t in, unsigned int need, pt_pa_t *pa);
	/*
	 * The quick way of a first stage whose accesses may go it, for what a TLB keeps: from
	 * the root, with the tables that it comes by in @tables if that is not NULL, by their
	 * level; or from a table of level 0 that was kept. Returns how many words it read; 0:
	 * ask walk(). @need: PT_PERM_*, all of them.
	 */
	unsigned int (*keep)(const struct ptl_regime *r, uint64_t in, unsigned int need,
			     unsigned int class, struct ptl_kept_table *tables,
			     struct ptl_kept_page *page);
	unsigned int (*keep_from)(const struct ptl_regime *r, uint64_t in, unsigned int need,
				  unsigned int class, const struct ptl_kept_table *table,
				  struct ptl_kept_page *page);
	/* Everything. 0, or 1 with the fault. */
	int (*walk)(struct ptl_access *access, const struct ptl_regime *r, uint64_t in,
		    const struct ptl_want *want, struct ptl_translation *to);
	/*
	 * What @class may do through @leaf and words that were kept, ptl_kept_pack() in the low
	 * bits of @words: PT_PERM_*, and PTL_JUDGED_CLEAN if a write has to mark the leaf first.
	 */
	unsigned int (*judge)(const struct ptl_regime *r, uint32_t words, uint64_t leaf,
			      unsigned int class);
};

struct ptl_mmu_arch {
	unsigned int max_priv, flags;    /* accesses that exist */
	/* The part of an access that begins at access->va. 0, or 1 with the fault. */
	int (*translate)(struct ptl_access *access, struct ptl_translation *to);
	/* *@to, what the first stage gave, becomes what the second makes of it. 0, or 1. */
	int (*second_stage)(struct ptl_access *access, struct ptl_translation *to);
	/* What it asks a TLB for. False: nothing; it is not translated, or faults before that. */
	bool (*ask)(const struct ptl_access *access, struct ptl_asked *asked);
};

struct pt_mmu {
	struct pt_phys *phys;
	const struct ptl_mmu_arch *arch;
	const struct ptl_regime *half_of[2]; /* by bit 55 of an address: one of those below */
	bool stage1;                     /* switched on */
	struct ptl_regime half[2];       /* arm64: TTBR0's and TTBR1's; x86: the first only */
	struct ptl_regime second;        /* walker NULL: there is none */
};

/* One of the stages was switched on or off. */
void ptl_mmu_stages_changed(struct pt_mmu *mmu);

/* The thorough way of every access. A probe has no side effects. */
int ptl_access_fully(const struct ptl_regime *r, pt_va_t va, const struct pt_access *how,
		     struct pt_access_result *result);
int ptl_probe_fully(const struct ptl_regime *r, pt_va_t va, const struct pt_access *how,
		    struct pt_access_result *result);

/* What the second stage, which is there, makes of @in. 0, or 1 with the fault. */
static inline int ptl_second_walk(struct ptl_access *access, uint64_t in,
				  const struct ptl_want *want, struct ptl_translation *to)
{
	const struct ptl_regime *r = &access->mmu->second;

	if (r->may_be_quick && !access->steps && r->walker->through(r, in, want, to)) {
		access->nr_loads[1] += r->fmt.top_level + 1;
		return 0;
	}
	return r->walker->walk(access, r, in, want, to);
}

/* What a kind of access needs. */
static inline unsigned int ptl_perms_of(enum pt_access_kind kind)
{
	switch (kind) {
	case PT_ACCESS_READ:
		return PT_PERM_READ;
	case PT_ACCESS_WRITE:
		return PT_PERM_WRITE;
	case PT_ACCESS_RMW:
		return PT_PERM_READ | PT_PERM_WRITE;
	default:
		return PT_PERM_EXEC;
	}
}

static inline bool ptl_writes(enum pt_access_kind kind)
{
	return kind == PT_ACCESS_WRITE || kind == PT_ACCESS_RMW;
}

/*
 * A regime of tables from @root_pa on, of which bits below a table's size do not
 * count. A configuration that it had already is not worked out again. Errors as
 * fmt_init(); then @r is as it was.
 */
int ptl_regime_init(struct ptl_regime *r, const struct pt_phys *phys,
		    const struct pt_fmt_cfg *cfg, pt_pa_t root_pa,
		    const struct ptl_walker *walker);

/* The quick ways follow only table entries with all of @bits any more. */
static inline void ptl_regime_require(struct ptl_regime *r, uint64_t bits)
{
	ptl_sieve_require(&r->link, bits);
	r->near_link -= bits;
}

static inline bool ptl_access_exists(const struct pt_mmu *mmu, const struct pt_access *how)
{
	return how->size - 1 < 64 && (unsigned int)how->kind <= PT_ACCESS_FETCH &&
	       how->priv <= mmu->arch->max_priv && !(how->flags & ~mmu->arch->flags);
}

/* The part of an access from its byte @done on that one leaf translates; 0, or 1 with the fault. */
int ptl_access_piece(struct ptl_access *access, unsigned int done, struct pt_piece *piece);

/* Moves the bytes of an access at @va that succeeded. 0, or 1 with PT_FAULT_NO_MEMORY. */
int ptl_pieces_read(const struct pt_mmu *mmu, pt_va_t va, struct pt_access_result *result,
		    void *buf);
int ptl_pieces_write(const struct pt_mmu *mmu, pt_va_t va, struct pt_access_result *result,
		     const void *buf);

/* Nothing is translated, as when paging is off: @pa, with every right. */
void ptl_translate_flat(pt_pa_t pa, enum pt_mem mem, struct ptl_translation *to);

/* A table word at @pa, which is not there. Returns 1. */
int ptl_no_memory(struct ptl_access *access, const struct ptl_regime *r, pt_pa_t pa,
		  unsigned int level);

/* A word that the walk read, for the trace. */
void ptl_note_step(struct ptl_access *access, const struct ptl_regime *r, pt_pa_t table_pa,
		   unsigned int level, unsigned int index, uint64_t raw, enum ptl_kind kind);

/* Host address of the word at @pa, or NULL. */
static inline _Atomic uint64_t *ptl_word_at(const struct pt_mmu *mmu, const struct ptl_regime *r,
					    pt_pa_t pa)
{
	void *host = ptl_region_host(&r->window, pa, 8);

	if (__builtin_expect(!host, 0)) {
		const struct ptl_region *region = ptl_phys_find(mmu->phys, pa);

		host = region ? ptl_region_host(region, pa, 8) : NULL;
	}
	return host;
}

#endif /* PTL_MMU_INTERNAL_H */
