/* SPDX-License-Identifier: MIT */
/* What the cases of both architectures have in common. */
#include "mmu_cases.h"

#include <string.h>

uint64_t cases_roll(struct cases_dice *dice)
{
	/* splitmix64 */
	uint64_t x = dice->seed * UINT64_C(0xd1342543de82ef95) +
		     ++dice->at * UINT64_C(0x9e3779b97f4a7c15);

	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

uint64_t cases_below(struct cases_dice *dice, uint64_t sides)
{
	return cases_roll(dice) % sides;
}

bool cases_percent(struct cases_dice *dice, unsigned int percent)
{
	return cases_below(dice, 100) < percent;
}

/* Set in the addresses that cases_outside() gives, clear in those of slots. */
#define OUTSIDE (UINT64_C(1) << 30)

/*
 * Slots differ in at least two bits of their addresses, so that a flipped bit
 * leads from one into no other: a code word with parity, above the slot's size.
 * Not 0: that is what a large leaf's address becomes if a flip makes it a table's.
 */
static uint64_t slot_code(unsigned int slot)
{
	return (uint64_t)(slot + 1) << 1 | (uint64_t)__builtin_parity(slot + 1);
}

static unsigned int pick_pa_bits(struct cases_dice *dice, const struct cases_machine *machine)
{
	static const unsigned int widths[] = { 32, 36, 40, 42, 44, 48, 52 };
	unsigned int bits;

	do
		bits = widths[cases_below(dice, sizeof(widths) / sizeof(widths[0]))];
	while (bits > machine->phys_bits);
	return bits;
}

void cases_plan(const struct cases_machine *machine, uint64_t seed, struct cases_layout *layout)
{
	struct cases_dice dice = { seed, 0 };
	unsigned int code_lg2;

	*layout = (struct cases_layout){ .page_lg2 = 12, .nr_pages = 16 };
	layout->dense = machine->restarts;
	layout->nr_slots = machine->restarts ? 256 : ORC_MAXREG;
	layout->nr_steps = machine->restarts ? 1 : CASES_MAX_STEPS;
	layout->nr_sets = machine->restarts ? 1 : CASES_MAX_SETS;
	if (machine->arch == ORC_ARM64) {
		uint64_t which = cases_below(&dice, 10);

		if (which >= 5)
			layout->page_lg2 = which >= 8 ? 16 : 14;
		layout->nr_pages = layout->page_lg2 == 16 ? 8 : layout->page_lg2 == 14 ? 12 : 16;
	}
	layout->pa_bits = layout->dense ? 32 : pick_pa_bits(&dice, machine);
	code_lg2 = layout->page_lg2 == 12 ? 16 : layout->page_lg2 == 14 ? 18 : 19;
	for (unsigned int slot = 0; slot < layout->nr_slots; slot++) {
		uint64_t high = cases_roll(&dice) << 26 & ((UINT64_C(1) << layout->pa_bits) - 1);

		layout->pa[slot] = slot_code(slot) << code_lg2;
		if (layout->dense)
			layout->pa[slot] += UINT64_C(1) << 29;
		else if (slot % 4)
			layout->pa[slot] |= high & ~OUTSIDE;
	}
}

pt_pa_t cases_page(struct cases_builder *b, unsigned int role)
{
	unsigned int nr = b->layout->nr_pages, start = (unsigned int)cases_below(&b->dice, nr);

	for (unsigned int i = 0; i < nr; i++) {
		unsigned int page = (start + i) % nr;

		if (b->role[page] == role)
			return b->round->pa + ((pt_pa_t)page << b->layout->page_lg2);
	}
	return b->round->pa + ((pt_pa_t)start << b->layout->page_lg2);
}

pt_pa_t cases_outside(struct cases_builder *b, unsigned int bits)
{
	pt_pa_t pa = OUTSIDE | (cases_roll(&b->dice) & ((UINT64_C(1) << bits) - 1));

	if (bits <= 32)
		pa &= UINT64_C(0x7fffffff); /* the harness for arm64 is above */
	return pa >> b->layout->page_lg2 << b->layout->page_lg2;
}

uint64_t cases_va_bits(struct cases_builder *b, unsigned int top, unsigned int root_entries)
{
	const struct cases_layout *layout = b->layout;
	uint64_t page = UINT64_C(1) << layout->page_lg2;
	uint64_t va = cases_roll(&b->dice) & (page - 1);
	unsigned int level;

	for (level = 0; level <= top; level++) {
		uint64_t nr = level == top ? root_entries : page / 8;
		uint64_t index = b->hot[cases_below(&b->dice, CASES_NR_HOT)];

		if (cases_percent(&b->dice, 1))
			index = cases_roll(&b->dice);
		va |= (index & (nr - 1)) << cases_level_lg2(layout, level);
	}
	/* Through a large leaf into the slot, if it maps what surrounds that. */
	if (top && cases_percent(&b->dice, 6)) {
		uint64_t size;

		level = top > 1 && cases_percent(&b->dice, 40) ? 2 : 1;
		size = UINT64_C(1) << cases_level_lg2(layout, level);
		va = (va & ~(size - 1)) |
		     ((cases_page(b, CASES_DATA) | (va & (page - 1))) & (size - 1));
	}
	return va;
}

void cases_fill(struct cases_builder *b, size_t first, size_t nr, unsigned int level,
		cases_entry_fn *entry)
{
	for (unsigned int i = 0; i < CASES_NR_HOT; i++)
		if (cases_percent(&b->dice, 97))
			b->round->words[first + (b->hot[i] & (nr - 1))] = entry(b, level);
	for (unsigned int i = 0; i < 4; i++) {
		size_t at = first + cases_below(&b->dice, nr);

		b->round->words[at] = entry(b, level);
	}
	if (cases_percent(&b->dice, 50)) /* so that the ends of a half are there at times */
		b->round->words[first + nr - 1] = entry(b, level);
}

/*
 * Neighbours in pairs, so that an access can cross from one to the next; the same on
 * all levels, so that a table does for another level too.
 */
static void choose_hot(struct cases_builder *b)
{
	uint64_t nr = UINT64_C(1) << (b->layout->page_lg2 - 3);

	for (unsigned int i = 0; i < CASES_NR_HOT; i += 2) {
		uint64_t index = cases_below(&b->dice, nr);

		if (i == 0 && cases_percent(&b->dice, 40))
			index = cases_percent(&b->dice, 50) ? nr - 1 : 0;
		b->hot[i] = (uint16_t)index;
		b->hot[i + 1] = (uint16_t)((index + 1) & (nr - 1));
	}
}

void cases_fill_pages(struct cases_builder *b, unsigned int nr_roots, cases_entry_fn *entry)
{
	unsigned int nr = b->layout->nr_pages, page = 0, each = nr >= 12 ? 2 : 1;
	size_t page_words = (size_t)1 << (b->layout->page_lg2 - 3);

	choose_hot(b);
	memset(b->role, CASES_DATA, sizeof(b->role));
	for (; page < nr_roots; page++)
		b->role[page] = (uint8_t)b->top;
	for (unsigned int level = b->top; level--;)
		for (unsigned int i = 0; i < each + (level == 0); i++)
			b->role[page++] = (uint8_t)level;
	b->role[nr - 1] = CASES_HLT;
	b->role[nr - 2] = CASES_JUNK;
	for (page = nr_roots; page < nr; page++) {
		uint64_t *words = b->round->words + page * page_words;

		switch (b->role[page]) {
		case CASES_HLT:
			memset(words, 0xf4, page_words * sizeof(*words));
			break;
		case CASES_DATA:
			/* Each word says where it stands. */
			for (size_t i = 0; i < page_words; i++)
				words[i] = (b->round->pa + (page * page_words + i) * 8) *
					   UINT64_C(0x9e3779b97f4a7c15);
			break;
		case CASES_JUNK:
			for (size_t i = 0; i < page_words; i++)
				words[i] = cases_roll(&b->dice);
			break;
		default:
			cases_fill(b, page * page_words, page_words, b->role[page], entry);
		}
	}
}

void cases_make(const struct cases_machine *machine, const struct cases_layout *layout,
		uint64_t seed, unsigned int slot, struct cases_round *round)
{
	struct cases_builder b = {
		.dice = { seed * CASES_MAX_SLOTS + slot, UINT64_C(1) << 32 },
		.machine = machine,
		.layout = layout,
		.round = round,
	};

	round->pa = layout->pa[slot];
	round->nr_words = (size_t)layout->nr_pages << (layout->page_lg2 - 3);
	memset(round->words, 0, round->nr_words * sizeof(*round->words));
	memset(round->vec, 0, sizeof(round->vec));
	memset(round->set, 0, sizeof(round->set));
	if (machine->arch == ORC_X86)
		cases_make_x86(&b);
	else
		cases_make_arm64(&b);
}

static uint64_t sum(uint64_t sum, const void *bytes, size_t nr)
{
	for (size_t i = 0; i < nr; i++)
		sum = (sum ^ ((const uint8_t *)bytes)[i]) * UINT64_C(0x100000001b3);
	return sum;
}

uint64_t cases_sum(const struct cases_round *round, const struct cases_layout *layout)
{
	uint64_t s = UINT64_C(0xcbf29ce484222325);

	s = sum(s, round->words, round->nr_words * sizeof(*round->words));
	s = sum(s, round->set, layout->nr_sets * sizeof(*round->set));
	return sum(s, round->vec, layout->nr_steps * sizeof(*round->vec));
}
