/* SPDX-License-Identifier: MIT */
#define _DEFAULT_SOURCE /* madvise() */
#include "mmu_cases_run.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define MAX_PRINTED 2
#define MAX_BRIEF 30 /* after those, without the tables */

#define CHECK(cond)                                                                                \
	do {                                                                                       \
		if (!(cond)) {                                                                     \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #cond);                 \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

static uint64_t slot_bytes(const struct cases_layout *layout)
{
	return (uint64_t)layout->nr_pages << layout->page_lg2;
}

/* The memory of a batch: the emulator's, which the library maps too, or our own. */
static void open_memory(struct cases_run *s)
{
	const struct cases_layout *layout = &s->layout;
	unsigned int nr = layout->dense ? 1 : layout->nr_slots;
	struct pt_phys_region regions[ORC_MAXREG];

	if (s->oracle)
		orc_regions_clear(s->oracle);
	for (unsigned int i = 0; i < nr; i++) {
		struct pt_phys_region *region = &regions[i];
		void *host;

		*region = (struct pt_phys_region){ .pa = layout->pa[i], .fd = -1 };
		region->len = slot_bytes(layout);
		if (layout->dense)
			region->len += layout->pa[layout->nr_slots - 1] - layout->pa[0];
		if (!s->oracle)
			continue;
		host = orc_region_add(s->oracle, region->pa, region->len, 0);
		CHECK(host);
		region->fd = orc_region_fd(s->oracle, host, &region->offset);
		region->flags = PT_PHYS_SHARED;
	}
	CHECK(pt_phys_create(&s->phys, regions, nr, 12) == 0);
	CHECK(pt_mmu_create(&s->mmu, s->phys) == 0);
	s->before_memory = malloc(layout->nr_slots * slot_bytes(layout));
	CHECK(s->before_memory);
}

static void close_memory(struct cases_run *s)
{
	pt_mmu_destroy(s->mmu);
	pt_phys_destroy(s->phys);
	free(s->before_memory);
}

static void make_rounds(struct cases_run *s, uint64_t seed)
{
	const struct cases_layout *layout = &s->layout;

	for (unsigned int slot = 0; slot < layout->nr_slots; slot++) {
		struct cases_round *round = &s->round[slot];

		round->words = pt_phys_to_host(s->phys, layout->pa[slot], slot_bytes(layout));
		CHECK(round->words);
		cases_make(&s->machine, layout, seed, slot, round);
		s->before[slot] = s->before_memory + slot * (slot_bytes(layout) / 8);
		memcpy(s->before[slot], round->words, slot_bytes(layout));
	}
}

/* What changed in the slot; it is put back. */
static void collect_changes(struct cases_run *s, unsigned int slot,
			    struct cases_outcome *outcome)
{
	const size_t block = 512;
	uint64_t *now = s->round[slot].words, *before = s->before[slot];

	for (size_t at = 0; at < s->round[slot].nr_words; at += block) {
		if (!memcmp(now + at, before + at, block * sizeof(*now)))
			continue;
		for (size_t i = at; i < at + block; i++) {
			struct cases_change change = { i, now[i] };

			if (now[i] == before[i])
				continue;
			if (outcome->nr_changes < CASES_MAX_CHANGES)
				outcome->change[outcome->nr_changes] = change;
			outcome->nr_changes++;
			now[i] = before[i];
		}
	}
}

/* Between dense slots there is memory too, which is zero, until something stores there. */
static void clear_gaps(struct cases_run *s)
{
	const struct cases_layout *layout = &s->layout;
	pt_pa_t at, end;
	uint64_t len;
	void *host;

	if (!layout->dense)
		return;
	pt_phys_region(s->phys, 0, &at, &len);
	for (end = at + len; at < end; at += slot_bytes(layout)) {
		bool is_slot = false;

		for (unsigned int slot = 0; slot < layout->nr_slots; slot++)
			is_slot |= layout->pa[slot] == at;
		host = pt_phys_to_host(s->phys, at, slot_bytes(layout));
		CHECK(host);
		if (!is_slot)
			CHECK(madvise(host, slot_bytes(layout), MADV_REMOVE) == 0);
	}
}

static struct cases_one one_of(const struct cases_run *s, unsigned int slot, unsigned int step)
{
	const struct cases_round *round = &s->round[slot];
	const struct orc_vec *vec = &round->vec[step];

	return (struct cases_one){ &s->machine, &s->layout, round, &round->set[vec->regset], vec };
}

/* KVM really executes what it fetches: it has to be HLT, or not there. */
static void vouch_for_fetch(struct cases_run *s, unsigned int slot, unsigned int step)
{
	struct orc_vec *vec = &s->round[slot].vec[step];
	const struct cases_one one = one_of(s, slot, step);
	const struct pt_access fetch = { PT_ACCESS_FETCH, 1, vec->el, 0 };
	struct pt_access_result result;
	uint8_t byte;

	if (vec->op != ORC_OP_X)
		return;
	if (cases_set_x86(s->mmu, &one) && pt_access_probe(s->mmu, vec->va, &fetch, &result) == 0 &&
	    pt_phys_read(s->phys, result.piece[0].pa, &byte, 1) == 0 && byte != 0xf4)
		vec->op = ORC_OP_R;
	else
		vec->flags |= ORC_VF_EXECOK;
}

static bool ask_oracle(struct cases_run *s, unsigned int step, struct cases_outcome *outcomes)
{
	static struct orc_regset sets[ORC_MAXSET];
	static struct orc_vec vec[CASES_MAX_SLOTS];
	static struct orc_res res[CASES_MAX_SLOTS];
	unsigned int nr_sets = s->layout.nr_sets;

	for (unsigned int slot = 0; slot < s->layout.nr_slots; slot++) {
		if (s->machine.kvm)
			vouch_for_fetch(s, slot, step);
		memcpy(&sets[slot * nr_sets], s->round[slot].set, nr_sets * sizeof(*sets));
		vec[slot] = s->round[slot].vec[step];
		vec[slot].regset += slot * nr_sets;
	}
	if (orc_run(s->oracle, sets, s->layout.nr_slots * nr_sets, vec, res, s->layout.nr_slots)) {
		printf("FAILED: %s\n", orc_error());
		return false;
	}
	for (unsigned int slot = 0; slot < s->layout.nr_slots; slot++) {
		const struct cases_one one = one_of(s, slot, step);

		if (!cases_of_result(&one, &res[slot], &outcomes[slot]))
			printf("no answer, code 0x%x err 0x%" PRIx64 " addr 0x%" PRIx64 "\n",
			       res[slot].code, res[slot].err, res[slot].addr);
	}
	for (unsigned int slot = 0; slot < s->layout.nr_slots; slot++)
		collect_changes(s, slot, &outcomes[slot]);
	clear_gaps(s);
	return true;
}

static bool read_answers(struct cases_run *s, struct cases_outcome *outcomes)
{
	for (unsigned int slot = 0; slot < s->layout.nr_slots; slot++)
		if (!cases_read(s->in, &outcomes[slot])) {
			printf("FAILED: cannot read what was recorded\n");
			return false;
		}
	return true;
}

static void compare(struct cases_run *s, const struct cases_one *one,
		    const struct cases_insight *insight, const struct cases_outcome *mmu,
		    const struct cases_outcome *library)
{
	const char *why;

	cases_count(one, mmu);
	s->nr_compared++;
	switch (cases_differ(one, insight, mmu, library, &why)) {
	case CASES_SAME:
		break;
	case CASES_MASKED:
		s->nr_masked++;
		cases_count_mask(why);
		break;
	case CASES_DIFFERENT:
		if (s->nr_different++ >= MAX_BRIEF)
			break;
		printf("# DIFFERENT: %s\n", why);
		cases_print_job(one, insight, mmu, library, s->nr_different > MAX_PRINTED);
	}
}

static bool run_step(struct cases_run *s, unsigned int step)
{
	static struct cases_outcome mmu[CASES_MAX_SLOTS], library[CASES_MAX_SLOTS];
	static struct cases_insight insight[CASES_MAX_SLOTS];

	if (s->oracle ? !ask_oracle(s, step, mmu) : !read_answers(s, mmu))
		return false;
	for (unsigned int slot = 0; slot < s->layout.nr_slots; slot++) {
		const struct cases_one one = one_of(s, slot, step);

		cases_ask_library(s->mmu, s->phys, &one, &insight[slot], &library[slot]);
	}
	for (unsigned int slot = 0; slot < s->layout.nr_slots; slot++)
		collect_changes(s, slot, &library[slot]);
	clear_gaps(s);
	for (unsigned int slot = 0; slot < s->layout.nr_slots; slot++) {
		const struct cases_one one = one_of(s, slot, step);

		if (mmu[slot].status != ORC_ST_NONE)
			compare(s, &one, &insight[slot], &mmu[slot], &library[slot]);
		if (s->out)
			cases_write(s->out, &mmu[slot]);
	}
	return true;
}

/* The generator must make what it made when the answers were recorded. */
static bool same_sums(struct cases_run *s)
{
	uint64_t sum = 0, recorded;

	for (unsigned int slot = 0; slot < s->layout.nr_slots; slot++)
		sum = sum * 31 + cases_sum(&s->round[slot], &s->layout);
	if (s->out)
		fprintf(s->out, "%" PRIx64 "\n", sum);
	if (!s->in)
		return true;
	if (fscanf(s->in, "%" SCNx64, &recorded) == 1 && recorded == sum)
		return true;
	printf("FAILED: recorded for other cases; record again\n");
	return false;
}

bool cases_run_batch(struct cases_run *s, uint64_t seed)
{
	bool ok;

	cases_plan(&s->machine, seed, &s->layout);
	if (s->nr_steps)
		s->layout.nr_steps = s->nr_steps;
	open_memory(s);
	make_rounds(s, seed);
	ok = same_sums(s);
	for (unsigned int step = 0; ok && step < s->layout.nr_steps; step++)
		ok = run_step(s, step);
	close_memory(s);
	return ok;
}
