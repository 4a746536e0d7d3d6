/* SPDX-License-Identifier: MIT */
/*
 * Random programs of every call, by a process and its child, over areas of all kinds; of each
 * third call the process is refused tables and pages, at once or after one or two of them.
 * Everything is counted anew after each call, and what a refused one must leave alone is compared.
 */
#include "mm/mm_test.h"

#define RW (PT_MM_READ | PT_MM_WRITE)
#define NR_WINDOWS 7
#define MAX_PAGES 16384
#define STEPS 300
/* Calls by number, those that are asked for by name; those above UNMAP are faults. */
#define CALL_SWAP_OUT 5
#define CALL_MIGRATE_END 7
#define CALL_FORK 18
#define CALL_UNMAP 19
#define NR_CALLS 30

/* A range that areas of one kind were mapped in. */
struct window {
	enum pt_mm_kind kind;
	unsigned int flags;
	bool of_file;
	uint64_t nr; /* pages */
	pt_va_t va; /* where it is now; its home is aligned to 4G */
	uint64_t unit; /* pages of what ranges are aligned to */
};

struct member {
	struct process process;
	struct window windows[NR_WINDOWS];
	bool alive;
};

struct program {
	struct mm_fixture f;
	struct member members[2];
	struct pt_file *file;
	struct pt_swap *swap;
	unsigned int huge_lg2; /* of hugetlb */
	uint64_t block; /* pages of a leaf of level 1, or some where that is too large */
	uint64_t seed;
	unsigned int nr_refused;
};

/* What a call is made with. */
struct call {
	struct pt_mm *mm;
	struct window *window;
	pt_va_t va;
	uint64_t len;
};

static uint64_t pick(struct program *p, uint64_t n)
{
	return random64(&p->seed) % n;
}

static void map_window(struct program *p, struct member *who, const struct window *w, pt_va_t va,
		       uint64_t len)
{
	const struct pt_mm_area want = {
		.first = va,
		.last = va + len - 1,
		.kind = w->kind,
		.flags = w->flags,
		.file = w->of_file ? p->file : NULL,
		.offset = va - w->va,
		.page_lg2 = w->kind == PT_MM_HUGETLB ? p->huge_lg2 : 0,
		.node = PT_MM_ANY_NODE,
	};

	assert_int_equal(pt_mm_map(who->process.mm, &want), 0);
}

static void program_init(struct program *p, const struct mm_config *config, uint64_t seed)
{
	struct pt_file_cfg cfg = { .name = "/shm", .shmem = true };
	struct member *parent = &p->members[0];
	struct pt_extent pool;

	memset(p, 0, sizeof(*p));
	mm_fixture_init(&p->f, config, 0);
	p->seed = seed;
	p->block = p->f.huge_lg2 <= 25 ? p->f.huge / p->f.page : 32;
	p->huge_lg2 = p->f.info.contig_lg2[0] && p->f.info.granule_lg2 == 12 && seed & 1
			      ? 16
			      : p->f.huge_lg2;
	pool = (struct pt_extent){ HUGE_PA, BIT(p->huge_lg2) * 4 };
	assert_int_equal(pt_world_add_huge(p->f.world, p->huge_lg2, &pool), 0);
	assert_int_equal(pt_swap_create(&p->swap, p->f.world, 3, 16 * p->block), 0);
	cfg.order = p->block > 32 && seed & 2 ? p->f.huge_lg2 - p->f.info.granule_lg2 : 2;
	cfg.len = (p->block > 32 && seed & 2 ? p->block : 64) * p->f.page;
	assert_int_equal(pt_file_create(&p->file, p->f.world, &cfg), 0);
	process_init(&p->f, &parent->process);
	parent->alive = true;
	for (unsigned int i = 0; i < NR_WINDOWS; i++) {
		static const struct window kinds[NR_WINDOWS] = {
			{ .kind = PT_MM_ANON, .flags = RW | PT_MM_UFFD_WP | PT_MM_HUGEPAGE },
			{ .kind = PT_MM_ANON, .flags = RW | PT_MM_EXEC },
			{ .kind = PT_MM_FILE,
			  .flags = RW | PT_MM_SHARED | PT_MM_UFFD_WP,
			  .of_file = true },
			{ .kind = PT_MM_FILE, .flags = RW | PT_MM_UFFD_WP, .of_file = true },
			{ .kind = PT_MM_HUGETLB, .flags = RW | PT_MM_UFFD_WP },
			{ .kind = PT_MM_PFNMAP, .flags = RW | PT_MM_SHARED },
			{ .kind = PT_MM_MIXEDMAP, .flags = RW | PT_MM_SHARED },
		};
		struct window *w = &parent->windows[i];

		*w = kinds[i];
		w->va = (UINT64_C(1) + i) << 32;
		w->nr = w->of_file ? cfg.len / p->f.page : 2 * p->block;
		w->unit = 1;
		if (w->kind == PT_MM_HUGETLB) {
			w->unit = BIT(p->huge_lg2) / p->f.page;
			w->nr = 2 * w->unit;
		}
		map_window(p, parent, w, w->va, w->nr * p->f.page);
	}
}

static void program_exit(struct program *p)
{
	for (unsigned int i = 0; i < 2; i++)
		if (p->members[i].alive)
			process_exit(&p->f, &p->members[i].process);
	pt_file_put(p->file);
	assert_int_equal(pt_swap_used(p->swap), 0);
	assert_int_equal(pt_swap_destroy(p->swap), 0);
	mm_fixture_exit(&p->f);
}

static int call_fork(struct program *p)
{
	struct member *parent = &p->members[0], *child = &p->members[1];
	int err = 0;

	if (child->alive) {
		process_exit(&p->f, &child->process);
		child->alive = false;
		return 0;
	}
	err = process_fork(&p->f, &parent->process, &child->process);
	memcpy(child->windows, parent->windows, sizeof(child->windows));
	child->alive = !err;
	return err;
}

/* All of a window, to a place that suits its leaves, or does not; and back. */
static int call_move(struct program *p, const struct call *call)
{
	struct window *w = call->window;
	pt_va_t home = w->va & ~(BIT(32) - 1), to = home;
	int err;

	if (w->kind == PT_MM_HUGETLB || w->va != home)
		to = home;
	else
		to = home + BIT(31) + pick(p, 2) * p->f.page;
	if (to == w->va)
		return 0;
	err = pt_mm_move(call->mm, w->va, w->nr * p->f.page, to);
	if (!err)
		w->va = to;
	return err;
}

static int call_flags(struct program *p, const struct call *call)
{
	static const unsigned int flags[] = { PT_MM_LOCKED, PT_MM_DONTFORK, PT_MM_WIPEONFORK,
					      PT_MM_HUGEPAGE, PT_MM_UFFD_WP };
	unsigned int flag = flags[pick(p, 5)];

	if (flag == PT_MM_UFFD_WP && call->window->kind >= PT_MM_PFNMAP)
		return 0;
	return pick(p, 3) ? pt_mm_set_flags(call->mm, call->va, call->len, 0, flag)
			  : pt_mm_set_flags(call->mm, call->va, call->len, flag, 0);
}

static int call_fault(struct program *p, const struct call *call, enum pt_access_kind kind)
{
	enum pt_mm_verdict verdict;

	(void)p;
	return pt_mm_fault(call->mm, call->va, kind, &verdict);
}

static unsigned int largest_order(const struct program *p)
{
	return p->block > 32 ? p->f.huge_lg2 - p->f.info.granule_lg2 : 4;
}

static int make_call(struct program *p, const struct call *call, unsigned int what)
{
	const unsigned int order = largest_order(p);
	static const unsigned int prots[] = { RW, RW, PT_MM_READ, 0, RW | PT_MM_EXEC };
	struct pt_mm *mm = call->mm;
	uint64_t len = call->len, done;
	pt_va_t va = call->va;

	switch (what) {
	case 0:
		return pt_mm_populate(mm, va, len,
				      pick(p, 2) ? order : (unsigned int)pick(p, order + 1), &done);
	case 1:
		return pt_mm_zap(mm, va, len);
	case 2:
		if (pick(p, 2))
			return pt_mm_pkey_protect(mm, va, len, prots[pick(p, 5)],
						  (unsigned int)pick(p, 20));
		return pt_mm_protect(mm, va, len, prots[pick(p, 5)]);
	case 3:
		return pt_mm_write_protect(mm, va, len, pick(p, 3));
	case 4:
		return pt_mm_guard(mm, va, len, pick(p, 2));
	case CALL_SWAP_OUT:
		return pt_mm_swap_out(mm, va, len, p->swap, &done);
	case 6:
		return pt_mm_migrate_begin(mm, va, len, &done);
	case CALL_MIGRATE_END:
		return pt_mm_migrate_end(mm, va, len, &done);
	case 8:
		return pt_mm_to_device(mm, va, len, &done);
	case 9:
		return pt_mm_device_exclusive(mm, va, len, &done);
	case 10:
		return pt_mm_collapse(mm, va, len, &done);
	case 11:
		return pt_mm_split(mm, va, len, &done);
	case 12:
		return pt_mm_numa_hint(mm, va, len);
	case 13:
		return pt_mm_clear_refs(mm, PT_MM_CLEAR_ACCESSED + (enum pt_mm_clear)pick(p, 4));
	case 14:
		return call_flags(p, call);
	case 15:
		return pt_mm_insert_pfn(mm, va, len, BIT(34) + (va & (BIT(33) - 1)));
	case 16:
		return pick(p, 8) ? 0 : pt_mm_poison(mm, va);
	case 17:
		return call_move(p, call);
	case CALL_FORK:
		return call_fork(p);
	case CALL_UNMAP:
		return pt_mm_unmap(mm, va, len);
	case 20:
		return pt_mm_lazyfree(mm, va, len);
	default:
		return call_fault(p, call, what & 1 ? PT_ACCESS_READ : PT_ACCESS_WRITE);
	}
}

/* Marks of each page, which nothing that fails changes. */
static size_t marks_of(struct program *p, const struct call *call, uint64_t *words)
{
	const struct pt_view view = pt_mm_view(call->mm);
	const struct window *w = call->window;

	assert_true(w->nr <= MAX_PAGES);
	assert_int_equal(pt_pagemap(&view, w->va, w->va + w->nr * p->f.page - 1, words), 0);
	for (uint64_t i = 0; i < w->nr; i++)
		words[i] &= PT_PAGEMAP_UFFD_WP | PT_PAGEMAP_GUARD;
	return (size_t)w->nr;
}

/* Some pages, or as often what large leaves are of: all of one, half of one, all that there is. */
static struct call pick_call(struct program *p, struct member *who)
{
	struct window *w = &who->windows[pick(p, pick(p, 2) ? 2 : NR_WINDOWS)];
	uint64_t units = w->nr / w->unit, first = pick(p, units), nr = 1 + pick(p, 8);
	uint64_t half = units / 2 ? units / 2 : 1, quarter = half / 2 ? half / 2 : 1;

	switch (pick(p, 6)) {
	case 0:
	case 1:
		nr = half;
		first -= first % half;
		break;
	case 2:
		nr = quarter;
		first -= first % quarter;
		break;
	case 3:
		nr = units;
		first = 0;
		break;
	default:
		break;
	}
	if (nr > units - first)
		nr = units - first;
	return (struct call){
		.mm = who->process.mm,
		.window = w,
		.va = w->va + first * w->unit * p->f.page,
		.len = nr * w->unit * p->f.page,
	};
}

/* Large leaves do not last: most of the time all of what went is there again. */
static void renew(struct program *p, struct member *who, const struct call *call)
{
	uint64_t done;

	map_window(p, who, call->window, call->va, call->len);
	if (pick(p, 4))
		(void)!pt_mm_populate(call->mm, call->va, call->len, largest_order(p), &done);
}

static void program_step(struct program *p)
{
	struct member *who = &p->members[p->members[1].alive && !pick(p, 3)];
	static uint64_t before[MAX_PAGES], after[MAX_PAGES];
	struct call call = pick_call(p, who);
	unsigned int what = pick(p, 8) ? (unsigned int)pick(p, NR_CALLS) : CALL_UNMAP;
	bool refuse = !pick(p, 3);
	struct pt_account_stats stats;
	size_t nr = marks_of(p, &call, before);
	int err;

	pt_account_stats(p->f.account, &stats);
	if (refuse)
		pt_account_set_limit(p->f.account, stats.held + pick(p, 3));
	err = make_call(p, &call, what);
	pt_account_set_limit(p->f.account, UINT64_MAX);
	if (pt_world_verify(p->f.world, mm_find, &p->f) || p->f.nr_reports)
		fail_msg("call %u of %#llx, %#llx bytes: %d", what, (unsigned long long)call.va,
			 (unsigned long long)call.len, err);
	/* Also where it was not refused: no swap, or no huge page to move to. */
	if (err == -ENOMEM) {
		assert_true(refuse || what == CALL_SWAP_OUT || what == CALL_MIGRATE_END);
		p->nr_refused++;
	}
	if (err && what != CALL_FORK) {
		assert_int_equal(marks_of(p, &call, after), nr);
		assert_memory_equal(before, after, nr * sizeof(*before));
	}
	if (!err && what == CALL_UNMAP)
		renew(p, who, &call);
}

static void refused_calls_leave_everything_countable(void **state)
{
	size_t nr_seeds = 8 / test_thin() + 2;
	unsigned int nr_refused = 0;

	for (uint64_t seed = 1; seed <= nr_seeds; seed++) {
		struct program *p = malloc(sizeof(*p));

		assert_non_null(p);
		program_init(p, *state, seed);
		for (unsigned int i = 0; i < STEPS; i++)
			program_step(p);
		nr_refused += p->nr_refused;
		program_exit(p);
		free(p);
	}
	/* Else nothing was tried. */
	assert_true(nr_refused >= 5 * nr_seeds);
}

int main(void)
{
	struct CMUnitTest tests[NR_MM_CONFIGS];

	for (size_t i = 0; i < NR_MM_CONFIGS; i++)
		tests[i] = (struct CMUnitTest){
			.name = mm_configs[i].name,
			.test_func = refused_calls_leave_everything_countable,
			.initial_state = (void *)(uintptr_t)&mm_configs[i],
		};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
