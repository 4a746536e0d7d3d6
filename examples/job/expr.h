/* SPDX-License-Identifier: MIT */
/* Numbers of the job language: TERM { (+ | - | '|') TERM }, left to right. */
#ifndef JOB_EXPR_H
#define JOB_EXPR_H

#include <stdbool.h>
#include <stdint.h>

#define SYMBOL_NAME_MAX 32
#define SYMBOLS_MAX 256u

struct symbols {
	unsigned int nr;
	struct {
		char name[SYMBOL_NAME_MAX];
		uint64_t value;
	} symbol[SYMBOLS_MAX];
};

/* Define or redefine. False: too many, or the name is too long or empty. */
bool symbols_set(struct symbols *symbols, const char *name, uint64_t value);

/* False: not a number, or an unknown symbol. */
bool expr_eval(const struct symbols *symbols, const char *text, uint64_t *value);

/* Whether @text is meant as a number. */
bool expr_is_number(const char *text);

#endif
