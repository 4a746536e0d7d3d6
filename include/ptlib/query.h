/* SPDX-License-Identifier: MIT */
/*
 * ptlib/query.h - what one address translates to.
 *
 * These read the table as hardware would find it, without permissions, without
 * side effects and, but in PT_MODE_PRIVATE, beside any writer.
 */
#ifndef PTLIB_QUERY_H
#define PTLIB_QUERY_H

#include <ptlib/attr.h>
#include <ptlib/error.h>
#include <ptlib/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A translation, as pt_lookup() reports it. */
struct pt_leaf {
	pt_pa_t pa;              /* of the queried byte, not of the leaf's start; beyond pa_bits
				    only in an arm64 block that is larger than the output width */
	pt_attr_t attr;          /* the leaf's own bits */
	uint64_t raw;            /* its word */
	unsigned int level;      /* of the table it stands in */
	unsigned int size_lg2;   /* log2 bytes that the entry covers */
	unsigned int contig_lg2; /* log2 entries of its contiguous block; 0: none */
};

/**
 * pt_translate() - The output address of @va.
 *
 * Return: 0; -ENOENT where nothing is present; -ERANGE outside the input width;
 * -EFAULT at a word that hardware would refuse or a table outside memory.
 */
PT_API PT_MUST_CHECK int pt_translate(const struct pt_pgtable *pt, pt_va_t va, pt_pa_t *pa);

/** pt_lookup() - The whole leaf of @va; returns as pt_translate(). */
PT_API PT_MUST_CHECK int pt_lookup(const struct pt_pgtable *pt, pt_va_t va,
				   struct pt_leaf *leaf);

/* What a table word is. */
enum pt_kind {
	PT_KIND_EMPTY,   /* a hole */
	PT_KIND_TABLE,   /* points to the table below */
	PT_KIND_LEAF,    /* translates */
	PT_KIND_SOFT,    /* not present, not zero: the operating system's own */
	PT_KIND_ILLEGAL, /* present, and hardware would fault on it: see enum pt_illegal */
};

/* Why hardware, or we, refuse a present word. */
enum pt_illegal {
	PT_LEGAL,
	PT_ILLEGAL_RESERVED, /* reserved bits or a reserved encoding */
	PT_ILLEGAL_WIDTH,    /* output address beyond the configured width */
	PT_ILLEGAL_OUTSIDE,  /* a table where there is no memory */
	PT_ILLEGAL_LOOP,     /* a table that is one of those above it */
};

/* One level of a walk. */
struct pt_step {
	pt_pa_t table_pa;
	unsigned int level;
	unsigned int index;
	uint64_t raw;
	enum pt_kind kind;
	enum pt_illegal why; /* PT_KIND_ILLEGAL only */
};

/**
 * pt_trace() - Every entry that a walk to @va reads, top first.
 * @nr: Receives how many steps were written, also on failure.
 *
 * Follows a table that points back at one above it, as hardware does.
 *
 * Return: as pt_translate(). The last step says why.
 */
PT_API PT_MUST_CHECK int pt_trace(const struct pt_pgtable *pt, pt_va_t va,
				  struct pt_step steps[PT_MAX_LEVELS], unsigned int *nr);

/** What @raw is in a table of @level under @pt's format; ignores where it points. */
PT_API enum pt_kind pt_entry_kind(const struct pt_pgtable *pt, uint64_t raw, unsigned int level);
/** The attributes of leaf word @raw of @level; 0 if it is none. */
PT_API pt_attr_t pt_entry_attr(const struct pt_pgtable *pt, uint64_t raw, unsigned int level);
/** Returns a short static description: "reserved bits", "loop", ... */
PT_API const char *pt_illegal_name(enum pt_illegal why);

#ifdef __cplusplus
}
#endif

#endif /* PTLIB_QUERY_H */
