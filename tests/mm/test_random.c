/* SPDX-License-Identifier: MIT */
/*
 * Random programs of system calls, accesses and reclaim, by up to four processes that fork from
 * each other, against a model that knows only what programs see. All accesses go through
 * CPUs with TLBs, whose checker must find nothing; after each call everything is counted anew.
 */
#include "mm/mm_test.h"
#include "model/mm_model.h"

#define WINDOW_VA (UINT64_C(3) << 33)
#define NR_FILES 2

struct program {
	struct mm_fixture f;
	struct process process[NR_PROCESSES];
	struct model model[NR_PROCESSES];
	bool alive[NR_PROCESSES];
	struct model_file values[NR_FILES];
	struct pt_file *file[NR_FILES];
	struct pt_swap *swap;
	size_t nr; /* pages of the window */
	size_t block; /* pages of a leaf of level 1 that folios are tried with */
	unsigned int unit_lg2; /* hugetlb: log2 bytes */
	uint64_t seed, stores;
};

static uint64_t pick(struct program *p, uint64_t n)
{
	return random64(&p->seed) % n;
}

static pt_va_t va_of(const struct program *p, size_t page)
{
	return WINDOW_VA + page * p->f.page;
}

static void program_init(struct program *p, const struct mm_config *config, uint64_t seed)
{
	struct pt_extent huge = { HUGE_PA, 0 };

	memset(p, 0, sizeof(*p));
	mm_fixture_init(&p->f, config, 0);
	p->seed = seed;
	/* 64K: a leaf of level 1 is 512M, which is nothing to copy about. */
	p->block = p->f.huge_lg2 <= 25 ? (size_t)(p->f.huge >> p->f.info.granule_lg2) : 32;
	p->nr = 3 * p->block;
	p->unit_lg2 = 21;
	if (p->f.info.granule_lg2 == 12 && p->f.info.contig_lg2[0] && seed & 1)
		p->unit_lg2 = 16;
	huge.len = (uint64_t)NR_PROCESSES * 64 << p->unit_lg2;
	assert_int_equal(pt_world_add_huge(p->f.world, p->unit_lg2, &huge), 0);
	assert_int_equal(pt_swap_create(&p->swap, p->f.world, 1, 16 * p->nr), 0);
	for (unsigned int i = 0; i < NR_FILES; i++) {
		struct pt_file_cfg cfg = {
			.name = i ? "/tmp/b" : "/tmp/a",
			.len = (p->nr - 5) * p->f.page,
			.order = i ? 4 : 0,
			.shmem = !i,
		};

		assert_int_equal(pt_file_create(&p->file[i], p->f.world, &cfg), 0);
		p->values[i].nr = p->nr - 5;
		p->values[i].value = calloc(p->nr, sizeof(uint64_t));
		assert_non_null(p->values[i].value);
	}
	for (unsigned int i = 0; i < NR_PROCESSES; i++)
		model_init(&p->model[i], p->nr, p->values);
	process_init(&p->f, &p->process[0]);
	p->alive[0] = true;
}

static void program_exit(struct program *p)
{
	for (unsigned int i = 0; i < NR_PROCESSES; i++) {
		if (p->alive[i])
			process_exit(&p->f, &p->process[i]);
		model_exit(&p->model[i]);
	}
	for (unsigned int i = 0; i < NR_FILES; i++) {
		pt_file_put(p->file[i]);
		free(p->values[i].value);
	}
	assert_int_equal(pt_swap_used(p->swap), 0);
	assert_int_equal(pt_swap_destroy(p->swap), 0);
	mm_fixture_exit(&p->f);
}

/* A range, often a whole block or a few pages of one. */
static void pick_range(struct program *p, size_t *first, size_t *end)
{
	size_t len = pick(p, 4) ? 1 + pick(p, 40) : p->block;

	*first = pick(p, p->nr);
	if (!pick(p, 3))
		*first -= *first % (pick(p, 2) ? p->block : 16);
	*end = *first + len < p->nr ? *first + len : p->nr;
}

static void program_map(struct program *p, unsigned int who)
{
	struct model_page like = { .kind = MODEL_ANON + pick(p, 4), .prot = pick(p, 8), .unit = 1 };
	struct pt_mm_area want = { .node = PT_MM_ANY_NODE };
	size_t first, end;
	int err, expected;

	if (pick(p, 4))
		like.prot |= MODEL_READ | MODEL_WRITE;
	pick_range(p, &first, &end);
	if (like.kind == MODEL_HUGE) {
		like.unit = BIT(p->unit_lg2) / p->f.page;
		first -= first % like.unit;
		end = first + like.unit * (1 + pick(p, 3));
		if (end > p->nr)
			return;
		want.kind = PT_MM_HUGETLB;
		want.page_lg2 = p->unit_lg2;
	} else if (like.kind != MODEL_ANON) {
		like.file = pick(p, NR_FILES);
		like.index = pick(p, 8) ? first : pick(p, p->nr);
		want.kind = PT_MM_FILE;
		want.file = p->file[like.file];
		want.offset = like.index * p->f.page;
	}
	want.flags = like.prot;
	if (like.kind == MODEL_FILE_SHARED)
		want.flags |= PT_MM_SHARED;
	else if (like.kind == MODEL_ANON && p->block > 32 && !pick(p, 2))
		want.flags |= PT_MM_HUGEPAGE;
	want.first = va_of(p, first);
	want.last = va_of(p, end) - 1;
	expected = model_is_free(&p->model[who], first, end) ? 0 : -EEXIST;
	err = pt_mm_map(p->process[who].mm, &want);
	assert_int_equal(err, expected);
	if (!err)
		model_map(&p->model[who], first, end, &like);
}

/* What a call on this range has to return; @covered: areas must be everywhere. */
static int expect(struct program *p, unsigned int who, size_t first, size_t end, bool covered)
{
	const struct model *model = &p->model[who];

	if (covered && !model_is_used(model, first, end))
		return -ENOENT;
	return model_cuts(model, first, end) ? -EINVAL : 0;
}

/* The page has moved, as far as it was moving. */
static void program_settle(struct program *p, unsigned int who, size_t page)
{
	const struct model_page *at = &p->model[who].page[page];
	size_t first = at->kind == MODEL_HUGE ? page - at->index : page;
	size_t nr = at->kind == MODEL_HUGE ? at->unit : 1;

	assert_int_equal(
		pt_mm_migrate_end(p->process[who].mm, va_of(p, first), nr * p->f.page, NULL), 0);
}

/* A page of a file moves, but not here: everybody else may be who has it. */
static void program_settle_all(struct program *p)
{
	for (unsigned int who = 0; who < NR_PROCESSES; who++)
		for (size_t page = 0; p->alive[who] && page < p->nr; page++)
			if (p->model[who].page[page].kind != MODEL_NONE)
				program_settle(p, who, page);
}

static void program_change(struct program *p, unsigned int who, unsigned int what)
{
	struct pt_mm *mm = p->process[who].mm;
	struct model *model = &p->model[who];
	unsigned int prot = pick(p, 4) ? MODEL_READ | MODEL_WRITE : pick(p, 8);
	unsigned int orders[] = { 0, 2, 4,
				  p->block > 32 ? p->f.huge_lg2 - p->f.info.granule_lg2 : 5 };
	const unsigned int keys = pt_attr_key(p->f.info.attrs) ? pt_attr_key(p->f.info.attrs) : 1;
	size_t first, end, to;
	uint64_t len;
	int expected;
	pt_va_t va;

	pick_range(p, &first, &end);
	va = va_of(p, first);
	len = (end - first) * p->f.page;
	expected = expect(p, who, first, end, what);
	switch (what) {
	case 0:
		assert_int_equal(pt_mm_unmap(mm, va, len), expected);
		if (!expected)
			model_unmap(model, first, end);
		break;
	case 1:
		/* Keys are the verifier's to look at; the last one forbids. */
		if (pick(p, 2))
			assert_int_equal(pt_mm_protect(mm, va, len, prot), expected);
		else
			assert_int_equal(pt_mm_pkey_protect(mm, va, len, prot,
							    (unsigned int)pick(p, keys)),
					 expected);
		if (!expected)
			model_protect(model, first, end, prot);
		break;
	case 2:
		assert_int_equal(pt_mm_zap(mm, va, len), expected);
		if (!expected)
			model_zap(model, first, end);
		break;
	case 3:
		/* It passes over what moves. */
		program_settle_all(p);
		assert_int_equal(pt_mm_populate(mm, va, len, orders[pick(p, 4)], NULL), expected);
		if (!expected)
			model_populate(model, first, end);
		break;
	case 4:
		to = pick(p, p->nr - (end - first));
		if (pick(p, 2) && (to - first) % 16 <= to)
			to -= (to - first) % 16;
		if (!expected && !model_is_free(model, to, to + (end - first)))
			expected = -EEXIST;
		for (size_t i = first; !expected && i < end; i++)
			if (model->page[i].kind == MODEL_HUGE && (to - first) % model->page[i].unit)
				expected = -EINVAL;
		assert_int_equal(pt_mm_move(mm, va, len, va_of(p, to)), expected);
		if (!expected)
			model_move(model, first, end, to);
		break;
	case 5:
		for (size_t i = first; !expected && i < end; i++)
			if (model->page[i].kind == MODEL_HUGE)
				expected = -EINVAL;
		if (!expected && !(p->f.soft.markers & PT_SOFT_MARKER_GUARD))
			expected = -EOPNOTSUPP;
		prot &= 1;
		assert_int_equal(pt_mm_guard(mm, va, len, prot), expected);
		if (!expected && prot)
			model_guard(model, first, end, true);
		for (size_t i = first; !expected && !prot && i < end; i++)
			model->page[i].guard = false;
		break;
	case 6:
		for (size_t i = first; !expected && i < end; i++)
			if (model->page[i].kind != MODEL_ANON)
				expected = -EINVAL;
		assert_int_equal(pt_mm_lazyfree(mm, va, len), expected);
		if (!expected)
			model_lazyfree(model, first, end);
		break;
	default:
		break;
	}
}

/* What programs must not notice. */
static void program_reclaim(struct program *p, unsigned int who, unsigned int what)
{
	struct pt_mm *mm = p->process[who].mm;
	size_t first, end;
	int expected;
	uint64_t len;
	pt_va_t va;

	pick_range(p, &first, &end);
	va = va_of(p, first);
	len = (end - first) * p->f.page;
	expected = expect(p, who, first, end, true);
	switch (what) {
	case 0:
	case 1:
		assert_int_equal(pt_mm_swap_out(mm, va, len, p->swap, NULL), expected);
		break;
	case 2:
		/* Who finds a page moving ends it; see program_access(). */
		assert_int_equal(pt_mm_migrate_begin(mm, va, len, NULL), expected);
		if (pick(p, 2))
			break;
		mm_verify(&p->f);
		assert_int_equal(pt_mm_migrate_end(mm, va, len, NULL), expected);
		break;
	case 3:
		assert_int_equal(pt_mm_to_device(mm, va, len, NULL), expected);
		break;
	case 4:
		assert_int_equal(pt_mm_device_exclusive(mm, va, len, NULL), expected);
		break;
	case 5:
		if (p->block > 32)
			assert_int_equal(pt_mm_collapse(mm, va_of(p, 0), p->nr * p->f.page, NULL),
					 expect(p, who, 0, p->nr, true));
		break;
	case 6:
		assert_int_equal(pt_mm_split(mm, va, len, NULL), expected);
		break;
	case 7:
		assert_int_equal(pt_mm_numa_hint(mm, va, len), expected);
		break;
	case 8:
		assert_int_equal(pt_mm_clear_refs(mm, PT_MM_CLEAR_ACCESSED), 0);
		break;
	case 9:
		assert_int_equal(pt_mm_clear_refs(mm, PT_MM_CLEAR_SOFT_DIRTY),
				 p->f.fmt.fmt == PT_FMT_X86_64 ? 0 : -EOPNOTSUPP);
		break;
	default:
		pt_file_reclaim(p->file[pick(p, NR_FILES)]);
		break;
	}
}

static void program_access(struct program *p, unsigned int who, size_t page)
{
	static const enum pt_access_kind kinds[] = { PT_ACCESS_READ, PT_ACCESS_WRITE,
						     PT_ACCESS_FETCH };
	static const unsigned int hows[] = { MODEL_READ, MODEL_WRITE, MODEL_EXEC };
	static const enum pt_mm_verdict verdicts[] = { ACCESS_DONE, PT_VERDICT_SEGV_MAPERR,
						       PT_VERDICT_SEGV_ACCERR, PT_VERDICT_SIGBUS };
	unsigned int i = pick(p, 10) ? pick(p, 2) : 2;
	uint64_t value = ++p->stores, expected = value;
	enum model_verdict want = model_access(&p->model[who], page, hows[i], &expected);
	enum pt_mm_verdict verdict =
		mm_access(&p->f, &p->process[who], (unsigned int)pick(p, NR_TEST_CPUS),
			  va_of(p, page), kinds[i], &value);

	for (unsigned int tries = 0; verdict == PT_VERDICT_RETRY && tries < 2; tries++) {
		if (tries)
			program_settle_all(p);
		else
			program_settle(p, who, page);
		verdict = mm_access(&p->f, &p->process[who], 0, va_of(p, page), kinds[i], &value);
	}
	if (verdict != verdicts[want])
		fprintf(stderr, "%s: page %zu access %u\n", p->f.config->name, page, i);
	assert_int_equal(verdict, verdicts[want]);
	if (want != MODEL_OK || i)
		return;
	if (p->model[who].page[page].lazy && !value)
		p->model[who].page[page].value = 0;
	else
		assert_int_equal(value, expected);
}

static void program_fork(struct program *p, unsigned int who)
{
	unsigned int child = pick(p, NR_PROCESSES);

	if (child == who)
		return;
	if (p->alive[child]) {
		process_exit(&p->f, &p->process[child]);
		p->alive[child] = false;
		return;
	}
	assert_int_equal(process_fork(&p->f, &p->process[who], &p->process[child]), 0);
	model_copy(&p->model[child], &p->model[who]);
	p->alive[child] = true;
}

static void program_step(struct program *p)
{
	unsigned int who = pick(p, NR_PROCESSES), what = pick(p, 100);

	if (!p->alive[who])
		return;
	if (what < 12)
		program_map(p, who);
	else if (what < 30)
		program_change(p, who, pick(p, 7));
	else if (what < 45)
		program_reclaim(p, who, pick(p, 11));
	else if (what < 49)
		program_fork(p, who);
	else
		for (unsigned int i = 0; i < 8; i++)
			program_access(p, who, pick(p, p->nr));
	if (what < 49)
		mm_verify(&p->f);
}

static void random_programs_see_what_the_model_sees(void **state)
{
	size_t nr_seeds = 24 / test_thin() + 2;

	for (uint64_t seed = 1; seed <= nr_seeds; seed++) {
		struct program *p = malloc(sizeof(*p));

		assert_non_null(p);
		program_init(p, *state, seed);
		for (unsigned int i = 0; i < 400; i++)
			program_step(p);
		for (unsigned int who = 0; who < NR_PROCESSES; who++)
			for (size_t page = 0; p->alive[who] && page < p->nr; page += 3)
				program_access(p, who, page);
		program_exit(p);
		free(p);
	}
}

int main(void)
{
	struct CMUnitTest tests[NR_MM_CONFIGS];

	for (size_t i = 0; i < NR_MM_CONFIGS; i++)
		tests[i] = (struct CMUnitTest){
			.name = mm_configs[i].name,
			.test_func = random_programs_see_what_the_model_sees,
			.initial_state = (void *)(uintptr_t)&mm_configs[i],
		};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
