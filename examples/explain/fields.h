/* SPDX-License-Identifier: MIT */
/* fields.h - the names of all bits in table words, for whoever takes one apart. */
#ifndef EXPLAIN_FIELDS_H
#define EXPLAIN_FIELDS_H

#include <stdio.h>

#include <ptlib/ptlib.h>

struct explain_field {
	unsigned int shift, bits;
	unsigned int in; /* which words */
	const char *name;
	unsigned int first; /* what the manual counts its bits from: AP[2:1] */
	bool binary; /* each bit has a meaning of its own */
	enum { TOLD_IF_SET, TOLD_ALWAYS, NOT_TOLD } told; /* where an access is explained */
};

/** The field behind @before, NULL for the first, of such words; NULL behind the last. */
const struct explain_field *explain_next_field(const struct pt_fmt_cfg *cfg, unsigned int level,
					       enum pt_kind kind,
					       const struct explain_field *before);
uint64_t explain_field_value(const struct explain_field *field, uint64_t raw);
/** Prints "D=1", "AP[2:1]=01", "key=5". */
void explain_put_field(FILE *out, const struct explain_field *field, uint64_t raw);
/** Prints the name of one bit of such a word behind a blank; nothing if it has none. */
void explain_put_bit(FILE *out, const struct pt_fmt_cfg *cfg, unsigned int level, enum pt_kind kind,
		     unsigned int bit);

#endif
