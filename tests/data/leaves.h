/* SPDX-License-Identifier: MIT */
/*
 * leaves.h - lists of leaves, one element each, from ptdump and from the ground truth, and their
 * comparison. Only what both parties say is compared: a leaf has a mask of known permissions.
 */
#ifndef LEAVES_H
#define LEAVES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum {
	LEAF_R = 1 << 0,
	LEAF_W = 1 << 1,
	LEAF_X = 1 << 2,
	LEAF_PX = 1 << 3,
	LEAF_U = 1 << 4,
	LEAF_G = 1 << 5,
	LEAF_A = 1 << 6,
	LEAF_D = 1 << 7,
	LEAF_CONTIG = 1 << 8,
	LEAF_ALL = (1 << 9) - 1,
};

struct leaf {
	uint64_t va, pa, size;
	unsigned int flags, known;
	const char *types; /* " WB ": each that it may be, between blanks; NULL: unknown */
};

struct leaves {
	struct leaf *leaf;
	size_t nr, room;
};

void leaves_add(struct leaves *leaves, const struct leaf *leaf);
/** Adds a leaf for each @size bytes of [@leaf->va, @end). */
void leaves_add_range(struct leaves *leaves, const struct leaf *leaf, uint64_t end);
void leaves_free(struct leaves *leaves);
/** The part in [@first, @last], which shares the memory of @leaves; that must be ascending. */
struct leaves leaves_part(const struct leaves *leaves, uint64_t first, uint64_t last);
void leaves_sort(struct leaves *leaves);

/**
 * Compares both; prints the first differences.
 * @compared: What may differ otherwise than by what is known: LEAF_ALL for nothing.
 * Returns how many there are.
 */
size_t leaves_compare(const char *what, const struct leaves *truth, const struct leaves *found,
		      unsigned int compared);

/* What the letters or words of a ground truth mean on the machine it is from. */
struct dialect {
	bool arm64;
	uint64_t mem_types; /* IA32_PAT or MAIR_EL1 */
};

/** Reads va_start, va_end, pa_start, leaf_size, leaf_flags; false if a line has not that form. */
bool leaves_read_tsv(struct leaves *leaves, FILE *file, const struct dialect *dialect);
/** Reads va_start, va_end, leaf_size, attributes; the pa is the va plus @pa_delta. */
bool leaves_read_linear(struct leaves *leaves, FILE *file, const struct dialect *dialect,
			uint64_t pa_delta);
/**
 * Reads what ptdump --json prints; false if a line has not its form.
 * @nr_lines: Receives how many lines these were; may be NULL.
 */
bool leaves_read_json(struct leaves *leaves, FILE *file, size_t *nr_lines);

#endif /* LEAVES_H */
