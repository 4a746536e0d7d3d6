/* SPDX-License-Identifier: MIT */
/*
 * A program of changes, flushes, switches and accesses on one to four CPUs, against the model of
 * fuzz_tlb_world.h: after a flush that has returned, no access finds what was before it; between
 * a change and its flush old and new may be found, and nothing else; and the checker reports
 * nothing. If the input has flushes go wrong, an access may find what it must not; but not
 * without a report. With isolation each access is one of user mode, by its own table and PCID,
 * or of the kernel, and the CPU stays there.
 */
#include "fuzz_tlb_world.h"

#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#else
#define VALGRIND_DISABLE_ERROR_REPORTING (void)0
#define VALGRIND_ENABLE_ERROR_REPORTING (void)0
#endif

#define MAX_OPS 200
#define MAX_STORES 12000 /* what a report can look back on is bounded */

#define ATTR (PT_ATTR_READ | PT_ATTR_USER | PT_ATTR_ACCESSED)

/* ---- accesses ---- */

static bool may_find(const struct tlb_world *w, const struct tlb_space *s, unsigned int unit,
		     bool write, bool faulted, pt_pa_t pa, uint64_t offset)
{
	const struct tlb_unit *u = &s->unit[unit];

	if (faulted && s->tables_unhooked)
		return true;
	for (unsigned int i = 0; i < u->nr; i++) {
		const struct tlb_view *view = &u->view[i];
		bool faults = !view->present || (write && !view->write);

		if (faulted == faults &&
		    (faulted || pa == tlb_output(w, unit, view->output) + offset))
			return true;
	}
	return false;
}

static void show(const struct tlb_world *w, const struct tlb_space *s, unsigned int unit,
		 bool write, const struct pt_access_result *result, int faulted)
{
	fprintf(stderr, "%s of unit %u in space %td on CPU %u (flushes: %d%s): ",
		write ? "store" : "load", unit, s - w->space, w->cpu_number, w->how,
		w->is_wrong ? ", some were wrong" : "");
	if (faulted)
		fprintf(stderr, "faulted");
	else
		fprintf(stderr, "%#" PRIx64 " after %u loads", result->piece[0].pa,
			result->nr_loads[0]);
	for (unsigned int i = 0; i < s->unit[unit].nr; i++) {
		const struct tlb_view *view = &s->unit[unit].view[i];

		fprintf(stderr, "; may be %s%s %#" PRIx64, view->present ? "there" : "not there",
			view->write ? ", writable" : "", tlb_output(w, unit, view->output));
	}
	fputc('\n', stderr);
}

/*
 * After a wrong flush a walk may lose its way, into tables that were freed (mmu/stray.h): that is
 * the program's doing, and not for Valgrind to report.
 */
static int access_cpu(const struct tlb_world *w, pt_va_t va, const struct pt_access *how,
		      struct pt_access_result *result)
{
	int faulted;

	if (!w->is_wrong)
		return pt_cpu_access(w->cpu, va, how, result);
	VALGRIND_DISABLE_ERROR_REPORTING;
	faulted = pt_cpu_access(w->cpu, va, how, result);
	VALGRIND_ENABLE_ERROR_REPORTING;
	return faulted;
}

/* Returns whether the program goes on. */
static bool access_unit(struct tlb_world *w, unsigned int unit, bool write, uint64_t offset)
{
	const struct pt_access how = { .kind = write ? PT_ACCESS_WRITE : PT_ACCESS_READ,
				       .size = 1,
				       .priv = w->x86 ? 3 : 0 };
	struct tlb_space *s = &w->space[w->on[w->cpu_number]];
	struct pt_access_result result;
	int faulted = access_cpu(w, tlb_va(w, unit) + offset, &how, &result);

	FUZZ_CHECK(faulted == 0 || faulted == 1);
	if (w->nr_reports)
		return false; /* tables may be anything by now */
	if (!may_find(w, s, unit, write, faulted, faulted ? 0 : result.piece[0].pa, offset)) {
		show(w, s, unit, write, &result, faulted);
		abort();
	}
	if (!faulted && write && s->unit[unit].nr == 1)
		s->unit[unit].written = true;
	return true;
}

/* In which mode the CPU stays: a flush that comes interrupts it. */
static void set_mode(struct tlb_world *w, bool user)
{
	if (!w->isolates)
		return;
	if (user)
		FUZZ_CHECK_EQ(pt_cpu_to_user(w->cpu), 0);
	else
		pt_cpu_to_kernel(w->cpu);
}

static bool op_access(struct tlb_world *w, struct fuzz_input *in)
{
	unsigned int what = fuzz_u8(in), unit = what % TLB_UNITS, how = fuzz_u8(in);
	uint64_t offset = unit == TLB_LARGE ? (uint64_t)(how >> 1) * (w->large >> 7) : how >> 1;

	if (w->lazy[w->cpu_number])
		tlb_switch(w, how % w->nr_spaces);
	set_mode(w, what >= 3 * TLB_UNITS);
	return access_unit(w, unit, how & 1, offset);
}

/* ---- changes ---- */

static bool is_flushed(const struct tlb_space *s)
{
	return !s->gathering && !s->deferred;
}

static void forget_old_views(struct tlb_space *s)
{
	for (unsigned int unit = 0; is_flushed(s) && unit < TLB_UNITS; unit++)
		s->unit[unit].nr = 1;
}

/* Where leaves are deferred, tables are flushed. */
static void finish_gather(struct tlb_space *s)
{
	if (!s->gathering)
		return;
	pt_gather_finish(&s->gather);
	s->gathering = s->tables_unhooked = false;
	forget_old_views(s);
}

static void finish_batch(struct tlb_world *w)
{
	pt_flush_batch_finish(w->batch);
	for (unsigned int i = 0; i < w->nr_spaces; i++) {
		w->space[i].deferred = false;
		forget_old_views(&w->space[i]);
	}
}

static void finish_all(struct tlb_space *s)
{
	finish_gather(s);
	if (s->deferred)
		finish_batch(s->w);
}

static struct tlb_space *pick_space(struct tlb_world *w, unsigned int how)
{
	/* mostly the one that is used */
	return &w->space[how & 1 ? w->on[w->cpu_number] : (how >> 1) % w->nr_spaces];
}

/* Units from a byte on, small ones or the large one. */
static void pick_units(struct fuzz_input *in, unsigned int *first, unsigned int *nr)
{
	*first = fuzz_u8(in) % TLB_UNITS;
	*nr = 1 + fuzz_u8(in) % 20;
	if (*first == TLB_LARGE)
		*nr = 1;
	else if (*nr > TLB_SMALL - *first)
		*nr = TLB_SMALL - *first;
}

static bool all_are(const struct tlb_space *s, unsigned int first, unsigned int nr, bool present)
{
	for (unsigned int unit = first; unit < first + nr; unit++)
		if (s->unit[unit].view[0].present != present)
			return false;
	return true;
}

static uint64_t len_of(const struct tlb_world *w, unsigned int first, unsigned int nr)
{
	return nr * tlb_unit_len(w, first);
}

/* Too many views to keep: it is time to flush. */
static void make_room(struct tlb_space *s)
{
	for (unsigned int unit = 0; unit < TLB_UNITS; unit++)
		if (s->unit[unit].nr == TLB_VIEWS)
			finish_all(s);
}

static void op_map(struct tlb_world *w, struct fuzz_input *in)
{
	unsigned int how = fuzz_u8(in), first, nr;
	struct tlb_space *s = pick_space(w, how);
	struct tlb_view view = { true, how & 8, (how >> 4) % TLB_OUTPUTS };
	struct pt_change change = { .flags = how & 128 ? PT_CHANGE_NO_CONTIG : 0 };

	pick_units(in, &first, &nr);
	if (!all_are(s, first, nr, false))
		return;
	if (first == TLB_LARGE && how & 4)
		change.max_lg2 = (unsigned int)__builtin_ctzll(w->page);
	/* arm64: what was taken away is flushed before anything else comes there */
	if (!w->x86)
		finish_all(s);
	make_room(s);
	FUZZ_CHECK_EQ(pt_map(s->pt, tlb_va(w, first), tlb_output(w, first, view.output),
			     len_of(w, first, nr),
			     ATTR | (view.write ? PT_ATTR_WRITE : 0) |
				     (w->tracks_dirty ? 0 : PT_ATTR_DIRTY),
			     &change),
		      0);
	for (unsigned int unit = first; unit < first + nr; unit++) {
		tlb_set(&s->unit[unit], view, is_flushed(s));
		s->unit[unit].written = false;
	}
}

/* Into the gather that is open, or flushed at once. */
static void into(struct tlb_space *s, struct pt_change *change)
{
	make_room(s);
	change->gather = s->gathering ? &s->gather : NULL;
}

static void op_unmap(struct tlb_world *w, struct fuzz_input *in)
{
	unsigned int how = fuzz_u8(in), first, nr;
	struct tlb_space *s = pick_space(w, how);
	struct pt_change change = { .flags = how & 8 ? PT_CHANGE_FREE_TABLES : 0 };

	pick_units(in, &first, &nr);
	into(s, &change);
	FUZZ_CHECK_EQ(pt_unmap(s->pt, tlb_va(w, first), len_of(w, first, nr), &change), 0);
	s->tables_unhooked |= s->gathering && how & 8;
	for (unsigned int unit = first; unit < first + nr; unit++) {
		tlb_set(&s->unit[unit], (struct tlb_view){ 0 }, is_flushed(s));
		s->unit[unit].written = false;
	}
}

static void op_protect(struct tlb_world *w, struct fuzz_input *in)
{
	unsigned int how = fuzz_u8(in), first, nr;
	struct tlb_space *s = pick_space(w, how);
	struct pt_change change = { 0 };
	bool write = how & 8;

	pick_units(in, &first, &nr);
	if (!all_are(s, first, nr, true))
		return;
	into(s, &change);
	FUZZ_CHECK_EQ(pt_protect(s->pt, tlb_va(w, first), len_of(w, first, nr),
				 write ? PT_ATTR_WRITE : 0, write ? 0 : PT_ATTR_WRITE, &change),
		      0);
	for (unsigned int unit = first; unit < first + nr; unit++) {
		struct tlb_view view = s->unit[unit].view[0];

		view.write = write;
		tlb_set(&s->unit[unit], view, is_flushed(s));
		/* arm64: dirty is a state of writable leaves */
		s->unit[unit].written &= write || w->x86;
	}
}

/* Splitting and collapsing change nothing that may be found. */
static void op_resize(struct tlb_world *w, struct fuzz_input *in)
{
	unsigned int how = fuzz_u8(in);
	struct tlb_space *s = pick_space(w, how);
	struct pt_change change = { 0 };

	if (!all_are(s, TLB_LARGE, 1, true))
		return;
	if (!w->x86)
		finish_all(s); /* as in op_map(), of tables */
	into(s, &change);
	if (how & 8)
		FUZZ_CHECK_EQ(pt_split(s->pt, TLB_LARGE_VA, w->large, 0, &change), 0);
	else
		FUZZ_CHECK_EQ(pt_collapse(s->pt, TLB_LARGE_VA, w->large, 1, &change), 0);
	s->tables_unhooked |= s->gathering && !(how & 8);
}

/* What was written is dirty; what is clean afterwards is made dirty by the next store. */
static void op_age(struct tlb_world *w, struct fuzz_input *in)
{
	unsigned int how = fuzz_u8(in), first, nr;
	struct tlb_space *s = pick_space(w, how);
	struct pt_change change = { 0 };
	bool written = false;

	pick_units(in, &first, &nr);
	if (!all_are(s, first, nr, true))
		return;
	if (how & 8) {
		FUZZ_CHECK_EQ(pt_test_and_clear_accessed(s->pt, tlb_va(w, first),
							 len_of(w, first, nr), &change),
			      0);
		return;
	}
	if (!w->tracks_dirty)
		return;
	for (unsigned int unit = first; unit < first + nr; unit++)
		written |= s->unit[unit].written;
	finish_all(s);
	FUZZ_CHECK_EQ(pt_test_and_clear_dirty(s->pt, tlb_va(w, first), len_of(w, first, nr),
					      &change),
		      0);
	FUZZ_CHECK(change.done || !written || w->is_wrong);
	/* and of arm64's blocks all of it */
	for (unsigned int unit = 0; unit < TLB_UNITS; unit++)
		if (!w->x86 || (unit >= first && unit < first + nr))
			s->unit[unit].written = false;
}

static void op_gather(struct tlb_world *w, struct fuzz_input *in)
{
	unsigned int how = fuzz_u8(in);
	struct tlb_space *s = pick_space(w, how);

	if (how & 16 && s->gathering) {
		bool at_once = s->gather.nr_tables;

		for (unsigned int i = 0; i < s->gather.nr_ranges; i++)
			at_once |= s->gather.range[i].tables;
		if (pt_flush_batch_take(w->batch, s->space, &s->gather))
			return;
		s->gathering = s->tables_unhooked = false;
		s->deferred |= !at_once;
		forget_old_views(s);
		return;
	}
	if (how & 32) {
		finish_batch(w);
		return;
	}
	if (s->gathering) {
		s->gather.full = how & 8;
		finish_gather(s);
		return;
	}
	pt_gather_begin(&s->gather, s->pt);
	if (how & 64) /* flushed earlier than the model knows: what it still allows is not seen */
		s->gather.max_leaves = 1 + how % 7;
	s->gathering = true;
}

/* ---- CPUs ---- */

static void op_cpu(struct tlb_world *w, struct fuzz_input *in)
{
	unsigned int how = fuzz_u8(in);

	switch (how & 3) {
	case 0:
		FUZZ_CHECK_EQ(pt_cpu_enter_lazy(w->cpu), 0);
		w->lazy[w->cpu_number] = true;
		break;
	case 1:
		tlb_switch(w, (how >> 2) % w->nr_spaces);
		break;
	default:
		finish_batch(w); /* it is this CPU's */
		pt_cpu_leave(w->cpu);
		tlb_enter(w, (how >> 2) % w->nr_cpus);
		break;
	}
}

/* Everything, of every CPU and space. */
static bool look_everywhere(struct tlb_world *w)
{
	unsigned int nr = w->isolates ? 2 * TLB_UNITS : TLB_UNITS;

	finish_batch(w);
	for (unsigned int i = 0; i < w->nr_cpus; i++) {
		pt_cpu_leave(w->cpu);
		tlb_enter(w, i);
		for (unsigned int n = w->nr_spaces; n--;) {
			tlb_switch(w, n);
			for (unsigned int unit = 0; unit < nr; unit++) {
				set_mode(w, unit >= TLB_UNITS);
				if (!access_unit(w, unit % TLB_UNITS, (unit ^ i) & 1, 0))
					return false;
			}
		}
	}
	return true;
}

static bool run_op(struct tlb_world *w, struct fuzz_input *in)
{
	switch (fuzz_u8(in) % 16) {
	case 0: case 1: case 2: case 3: case 4: case 5:
		return op_access(w, in);
	case 6: case 7:
		op_map(w, in);
		break;
	case 8: case 9:
		op_unmap(w, in);
		break;
	case 10: case 11:
		op_protect(w, in);
		break;
	case 12:
		op_resize(w, in);
		break;
	case 13:
		op_age(w, in);
		break;
	case 14:
		op_gather(w, in);
		break;
	default:
		op_cpu(w, in);
		break;
	}
	return !w->nr_reports;
}

static void check_counts(struct tlb_world *w)
{
	struct pt_check_stats checked;
	struct pt_cpu_stats stats;

	pt_machine_check_stats(w->machine, &checked);
	FUZZ_CHECK_EQ(checked.reports, w->nr_reports);
	FUZZ_CHECK_EQ(checked.lost, 0);
	pt_machine_stats(w->machine, &stats);
	FUZZ_CHECK_EQ(stats.ipis_sent, stats.ipis_received);
	if (!w->is_wrong)
		FUZZ_CHECK_EQ(w->nr_reports, 0);
}

static struct tlb_world world;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = { data, size };
	struct tlb_world *w = &world;
	struct pt_check_stats checked = { 0 };
	bool goes_on = true;

	tlb_world_init(w, &in);
	for (unsigned int i = 0; goes_on && i < MAX_OPS && in.left; i++) {
		goes_on = run_op(w, &in);
		pt_machine_check_stats(w->machine, &checked);
		goes_on &= checked.stores < MAX_STORES;
	}
	if (goes_on && look_everywhere(w)) {
		for (unsigned int i = 0; i < w->nr_spaces; i++)
			finish_gather(&w->space[i]);
		(void)look_everywhere(w);
	}
	check_counts(w);
	tlb_world_exit(w);
	return 0;
}
