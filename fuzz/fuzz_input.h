/* SPDX-License-Identifier: MIT */
/*
 * fuzz_input.h - decisions from a fuzzer's bytes, and checks that never compile out.
 *
 * An input is a program: operation, position, count, and so on, one decision after the other.
 * The reader returns zeros when it runs dry, so every input is valid, a prefix of an input is
 * an input, and the fuzzer's minimiser can cut anywhere. A decision takes as many bytes as its
 * range needs: one bit flipped in the input is one decision changed.
 */
#ifndef FUZZ_INPUT_H
#define FUZZ_INPUT_H

#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

struct fuzz_input {
	const uint8_t *data; /* the next byte */
	size_t left;
};

/* A little-endian number of @nr_bytes bytes, 8 at most. */
static inline uint64_t fuzz_bytes(struct fuzz_input *in, unsigned int nr_bytes)
{
	uint64_t x = 0;

	for (unsigned int i = 0; i < nr_bytes && in->left; i++, in->left--)
		x |= (uint64_t)*in->data++ << 8 * i;
	return x;
}

static inline uint8_t fuzz_u8(struct fuzz_input *in)
{
	return (uint8_t)fuzz_bytes(in, 1);
}

static inline uint16_t fuzz_u16(struct fuzz_input *in)
{
	return (uint16_t)fuzz_bytes(in, 2);
}

static inline uint32_t fuzz_u32(struct fuzz_input *in)
{
	return (uint32_t)fuzz_bytes(in, 4);
}

static inline uint64_t fuzz_u64(struct fuzz_input *in)
{
	return fuzz_bytes(in, 8);
}

static inline bool fuzz_bool(struct fuzz_input *in)
{
	return fuzz_bytes(in, 1) & 1;
}

/* A value in [min, max], both inclusive. */
static inline uint64_t fuzz_range(struct fuzz_input *in, uint64_t min, uint64_t max)
{
	uint64_t span = max - min;
	unsigned int nr_bytes = 0;

	while (nr_bytes < 8 && span >> 8 * nr_bytes)
		nr_bytes++;
	if (span == UINT64_MAX)
		return fuzz_u64(in);
	return min + fuzz_bytes(in, nr_bytes) % (span + 1);
}

/* An index into an array of @nr elements. */
static inline size_t fuzz_index(struct fuzz_input *in, size_t nr)
{
	return (size_t)fuzz_range(in, 0, nr - 1);
}

/* Never compiled out, unlike assert(). */
#define FUZZ_CHECK(cond)                                                                           \
	do {                                                                                       \
		if (!(cond)) {                                                                     \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #cond);                 \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

/* Two integers are equal; shows both when they are not. */
#define FUZZ_CHECK_EQ(got, want) fuzz_check_eq(__FILE__, __LINE__, #got, (uint64_t)(got),          \
					       #want, (uint64_t)(want))

static inline void fuzz_check_eq(const char *file, int line, const char *got_text, uint64_t got,
				 const char *want_text, uint64_t want)
{
	if (got == want)
		return;
	fprintf(stderr, "%s:%d: %s is %#" PRIx64 ", but %s is %#" PRIx64 "\n", file, line,
		got_text, got, want_text, want);
	abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif /* FUZZ_INPUT_H */
