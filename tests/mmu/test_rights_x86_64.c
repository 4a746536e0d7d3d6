/* SPDX-License-Identifier: MIT */
/*
 * Every combination of what x86-64 access rights depend on, against rules_x86_64.c.
 */
#include "mmu/path_x86_64.h"

static uint64_t rights_of(unsigned int n)
{
	return (n & 1 ? RW : 0) | (n & 2 ? US : 0) | (n & 4 ? XD : 0);
}

/* Without EFER.NXE, bit 63 is reserved: the first entry that has it, from the top. */
static void try_rights(struct path *p)
{
	if (!(p->situation & X_NXE))
		for (unsigned int l = p->shape.top + 1; l-- > p->shape.leaf;)
			if (p->before[l] & XD) {
				try_accesses(p, RESERVED, l);
				return;
			}
	try_accesses(p, SOUND, 0);
}

static const uint32_t first_register_bit = X_WP;
#define NR_REGISTERS (1u << (X_BITS - 8))

/* The entry of @limit and the leaf have all rights that @n says; the others allow all. */
static void set_rights(struct path *p, unsigned int limit, unsigned int n)
{
	uint64_t ad = next_random(p);

	for (unsigned int l = p->shape.leaf; l <= p->shape.top; l++) {
		uint64_t rights = l == p->shape.leaf ? rights_of(n & 7)
				  : l == limit	     ? rights_of(n >> 3)
						     : RW | US;

		p->before[l] = make_word(p, l, rights, ad >> 2 * l & 3);
	}
}

/* One table entry limits, each in turn. A and D are as they come. */
static void rights(void **state)
{
	struct path *p = *state;
	size_t thin = test_thin(), nr = 0;

	for (size_t s = 0; s < NR(shapes); s++)
		for (uint32_t bits = 0; bits < NR_REGISTERS; bits++) {
			if (nr++ % thin)
				continue;
			set_shape(p, shapes[s]);
			set_registers(p, bits * first_register_bit);
			for (unsigned int l = p->shape.leaf + 1; l <= p->shape.top; l++)
				for (unsigned int n = 0; n < 64; n++) {
					set_rights(p, l, n);
					try_rights(p);
				}
		}
	print_message("%llu accesses\n", (unsigned long long)p->nr);
}

/* All of A and D, and rights in all entries at once. */
static void accessed_and_dirty(void **state)
{
	static const uint32_t registers[] = { X_WP | X_NXE, 0, X_NXE | X_SMAP | X_AC | X_SMEP };
	struct path *p = *state;
	size_t thin = test_thin(), nr = 0;

	for (size_t s = 0; s < NR(shapes); s++)
		for (size_t g = 0; g < NR(registers); g++)
			for (uint32_t n = 0; n < 1u << 16; n++) {
				unsigned int levels = shapes[s].top - shapes[s].leaf + 1;
				uint64_t ad = n & 63, rights = n >> 6;

				if (ad >> (levels + 1) || rights >> 2 * levels || nr++ % thin)
					continue;
				set_shape(p, shapes[s]);
				set_registers(p, registers[g]);
				for (unsigned int l = 0; l < levels; l++)
					p->before[l + p->shape.leaf] =
						make_word(p, l + p->shape.leaf,
							  rights_of(rights >> 2 * l & 3),
							  l ? ad >> (l + 1) & 1 : ad & 3);
				try_accesses(p, SOUND, 0);
			}
	print_message("%llu accesses\n", (unsigned long long)p->nr);
}

/*
 * Reserved bits of each kind of entry with MAXPHYADDR 46, Tables 4-14 to 4-20; 0 ends a list.
 */
static const uint64_t reserved_leaf[3][5] = {
	{ BIT(46), BIT(51), BIT(48), 0 },
	{ BIT(46), BIT(51), BIT(13), BIT(20), 0 },
	{ BIT(46), BIT(51), BIT(13), BIT(29), 0 },
};
static const uint64_t reserved_table[LEVELS][4] = {
	{ 0 },
	{ BIT(46), BIT(51), 0 },
	{ BIT(47), BIT(51), 0 },
	{ BIT(46), BIT(51), PS, 0 },
	{ BIT(46), BIT(50), PS, 0 },
};

/* Makes the entry of @level defective; what is not present may have any other bit. */
static void spoil(struct path *p, unsigned int level, enum defect defect, unsigned int n)
{
	const uint64_t *reserved =
		level == p->shape.leaf ? reserved_leaf[level] : reserved_table[level];

	if (defect == NOT_PRESENT)
		p->before[level] = n & 1 ? (next_random(p) << 33 | next_random(p)) & ~P
					 : p->before[level] & ~P;
	if (defect == RESERVED) {
		unsigned int nr = 0;

		while (reserved[nr])
			nr++;
		p->before[level] |= reserved[n % nr];
	}
}

/* An entry of @level that is not present, or reserved, in the way @n; maybe one below it too. */
static enum defect set_defect(struct path *p, unsigned int level, unsigned int n)
{
	enum defect defect = n & 4 ? RESERVED : NOT_PRESENT;
	uint64_t random = next_random(p);

	for (unsigned int l = p->shape.leaf; l <= p->shape.top; l++)
		p->before[l] =
			make_word(p, l, rights_of(random >> 2 * l & 3), random >> (2 * l + 12) & 3);
	spoil(p, level, defect, n);
	if (level > p->shape.leaf && random >> 30 & 1)
		spoil(p, level - 1, random >> 29 & 1 ? RESERVED : NOT_PRESENT, n);
	return defect;
}

/* The first defect on the way down decides, whatever stands below it. */
static void not_present_and_reserved(void **state)
{
	struct path *p = *state;
	size_t thin = test_thin(), nr = 0;

	for (size_t s = 0; s < NR(shapes); s++)
		for (uint32_t bits = 0; bits < NR_REGISTERS; bits++) {
			if (nr++ % thin)
				continue;
			set_shape(p, shapes[s]);
			set_registers(p, bits * first_register_bit);
			for (unsigned int l = p->shape.leaf; l <= p->shape.top; l++)
				for (unsigned int n = 0; n < 8; n++)
					try_accesses(p, set_defect(p, l, n), l);
		}
	print_message("%llu accesses\n", (unsigned long long)p->nr);
}

/* The rules themselves: each situation is the subject of one sentence of 4.6.1. */
static void rules_are_complete(void **state)
{
	(void)state;
	for (uint32_t s = 0; s < 1u << X_BITS; s++)
		if (x86_situation_exists(s) && x86_nr_sentences(s) != 1)
			fail_msg("situation %#x: %zu sentences", s, x86_nr_sentences(s));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rules_are_complete),
		cmocka_unit_test_setup_teardown(rights, setup, teardown),
		cmocka_unit_test_setup_teardown(accessed_and_dirty, setup, teardown),
		cmocka_unit_test_setup_teardown(not_present_and_reserved, setup, teardown),
	};
	int failed;

	verdicts = calloc((size_t)1 << X_BITS, sizeof(*verdicts));
	if (!verdicts)
		return 1;
	for (uint32_t s = 0; s < 1u << X_BITS; s++)
		if (x86_situation_exists(s))
			verdicts[s] = x86_rights(s);
	failed = cmocka_run_group_tests_name("rights_x86_64", tests, NULL, NULL);
	free(verdicts);
	return failed;
}
