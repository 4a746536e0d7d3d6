/* SPDX-License-Identifier: MIT */
/* The library as what carries out a job: memory, registers, accesses. */
#define _GNU_SOURCE
#include "whatif.h"

#include <stdlib.h>
#include <string.h>

/* An MMU needs some memory: before a job has any, a frame where no job looks. */
#define NOWHERE ((UINT64_C(1) << PT_PHYS_MAX_BITS) - 4096)

static int failed(struct whatif *w, int err)
{
	snprintf(w->error, sizeof(w->error), "%s", pt_strerror(err));
	return -1;
}

static const char *missing(void *ctx, const struct job_machine *machine)
{
	(void)ctx;
	(void)machine;
	return NULL;
}

static int machine_open(void *ctx, const struct job_machine *machine)
{
	struct whatif *w = ctx;

	w->machine = *machine;
	w->arch = machine->arch == JOB_X86_64 ? &whatif_x86 : &whatif_arm64;
	w->regime.arch = machine->arch == JOB_X86_64 ? &explain_x86 : &explain_arm64;
	return w->arch->open(w) ? 0 : -1;
}

static void regions_clear(void *ctx)
{
	struct whatif *w = ctx;

	pt_mmu_destroy(w->regime.mmu);
	pt_phys_destroy(w->regime.phys);
	w->regime.mmu = NULL;
	w->regime.phys = NULL;
}

static int create(struct whatif *w, const struct pt_phys_region *region)
{
	int err = pt_phys_create(&w->regime.phys, region, 1, 12);

	if (!err)
		err = pt_mmu_create(&w->regime.mmu, w->regime.phys);
	if (err)
		regions_clear(w);
	return err;
}

static void *region_add(void *ctx, uint64_t gpa, uint64_t bytes, bool ident)
{
	struct pt_phys_region region = { .pa = gpa, .len = bytes, .fd = -1 };
	struct whatif *w = ctx;
	int err;

	(void)ident; /* every region is at its address */
	if (w->regime.phys && pt_phys_to_host(w->regime.phys, NOWHERE, 1) &&
	    pt_phys_nr_regions(w->regime.phys) == 1)
		regions_clear(w);
	err = w->regime.phys ? pt_phys_add(w->regime.phys, &region) : create(w, &region);
	if (err == -EINVAL || err == -ERANGE)
		snprintf(w->error, sizeof(w->error),
			 "the region is empty, overlaps another, is not 4 KiB aligned, or ends "
			 "beyond 52 bits");
	else if (err)
		failed(w, err);
	return err ? NULL : pt_phys_to_host(w->regime.phys, gpa, bytes);
}

/* Whether memory holds all of the access; if not, where it does not. */
static bool has_memory(const struct whatif *w, const struct whatif_case *c, pt_pa_t *pa)
{
	for (unsigned int i = 0; i < c->seen.result.nr_pieces; i++) {
		const struct pt_piece *piece = &c->seen.result.piece[i];

		for (*pa = piece->pa; *pa < piece->pa + piece->len; ++*pa)
			if (!pt_phys_to_host(w->regime.phys, *pa, 1))
				return false;
	}
	return true;
}

/* Between memory, all of which is there, and @data, which is little-endian as memory is. */
static int move(const struct whatif *w, const struct whatif_case *c, uint64_t *data, bool store)
{
	uint8_t *bytes = (uint8_t *)data;
	int err = 0;

	for (unsigned int i = 0; !err && i < c->seen.result.nr_pieces; i++) {
		const struct pt_piece *piece = &c->seen.result.piece[i];

		err = store ? pt_phys_write(w->regime.phys, piece->pa, bytes, piece->len)
			    : pt_phys_read(w->regime.phys, piece->pa, bytes, piece->len);
		bytes += piece->len;
	}
	return err;
}

static int move_data(const struct whatif *w, const struct whatif_case *c, struct job_result *result)
{
	uint64_t stored = c->access->data;
	int err = 0;

	if (c->seen.how.kind == PT_ACCESS_READ || c->seen.how.kind == PT_ACCESS_RMW)
		err = move(w, c, &result->data, false);
	if (c->seen.how.kind == PT_ACCESS_RMW)
		stored += result->data;
	if (!err && (c->seen.how.kind == PT_ACCESS_WRITE || c->seen.how.kind == PT_ACCESS_RMW))
		err = move(w, c, &stored, true);
	return err;
}

/* Whose tables are listed: of two stages the first, if it has any. */
static unsigned int stage_to_trace(const struct whatif_case *c)
{
	for (unsigned int i = 0; i < c->seen.nr_steps; i++)
		if (c->seen.steps[i].stage == 1)
			return 1;
	return 2;
}

/* The tables in the order of reading, each page once, as far as there is room. */
static void report_trace(const struct whatif *w, const struct whatif_case *c,
			 struct job_result *result)
{
	unsigned int stage = stage_to_trace(c);

	result->has |= JOB_HAS_TRACE;
	for (unsigned int i = 0; i < c->seen.nr_steps && result->nr_trace < JOB_MAX_TRACE; i++) {
		pt_pa_t entry = explain_entry_pa(&c->seen.steps[i]);
		bool seen = c->seen.steps[i].stage != stage;

		for (unsigned int k = 0; k < result->nr_trace; k++)
			seen |= result->trace[k] >> 12 == entry >> 12;
		if (!seen)
			result->trace[result->nr_trace++] = w->arch->traced(entry);
	}
}

/*
 * AT may set the accessed flag, but never marks anything dirty: so a write is only
 * asked for, and what is done is a read, unless a second stage forbids that.
 */
static int perform(const struct whatif *w, struct whatif_case *c)
{
	struct pt_access read = c->seen.how;
	struct pt_access_result done;
	int err;

	if (!c->seen.ask)
		return pt_access(w->regime.mmu, c->seen.va, &c->seen.how, &c->seen.result);
	err = pt_access_probe(w->regime.mmu, c->seen.va, &c->seen.how, &c->seen.result);
	read.kind = PT_ACCESS_READ;
	if (!err && pt_access(w->regime.mmu, c->seen.va, &read, &done) < 0)
		err = -EINVAL;
	return err;
}

static void judge(const struct whatif *w, const struct whatif_case *c, int err,
		  struct job_result *result)
{
	bool there = !err && (c->seen.ask || has_memory(w, c, &result->pa));

	if (there && !c->seen.ask)
		err = move_data(w, c, result);
	if (err < 0) {
		result->status = JOB_ERROR;
		result->code = JOB_ERROR_CANNOT;
	} else if (err && c->seen.result.fault.kind == PT_FAULT_NO_MEMORY) {
		result->status = JOB_NOWALK;
		result->pa = w->arch->traced(c->seen.result.fault.pa);
	} else if (err) {
		result->status = JOB_FAULT;
		w->arch->fault(c, result);
	} else if (!there) {
		result->status = JOB_NOMEM;
		result->has |= JOB_HAS_PA;
	} else {
		result->status = JOB_DONE;
		result->pa = c->seen.result.piece[0].pa;
		w->arch->done(w, c, result);
	}
	if (c->access->flags & JOB_TRACE && !c->seen.ask)
		report_trace(w, c, result);
}

/* A verdict for what cannot be tried. */
static void refuse(const char *why, uint32_t code, struct job_result *result)
{
	result->status = JOB_ERROR;
	result->code = code;
	result->refused = why;
}

/* In words, lines for the job to free; NULL without memory. */
static char *explanation(const struct whatif *w, const struct whatif_case *c)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	(void)explain_access(out, &w->regime, &c->seen);
	fclose(out);
	return text;
}

static void run_one(struct whatif *w, const struct job_regs *regs, const struct job_access *access,
		    struct job_result *result)
{
	struct whatif_case c = { .access = access };
	uint32_t code = JOB_ERROR_CANNOT;
	const char *why = w->arch->describe(&c, &code);
	int err;

	if (!why && w->arch->load(w, &c, regs)) {
		why = w->arch->flaw(w);
		code = JOB_ERROR_REGISTERS;
	}
	if (why) {
		refuse(why, code, result);
		return;
	}
	err = 0;
	if (w->explain || access->flags & JOB_TRACE)
		err = pt_access_trace(w->regime.mmu, c.seen.va, &c.seen.how, &c.seen.result,
				      c.seen.steps, &c.seen.nr_steps);
	if (w->explain)
		explain_ask_rights(&w->regime, &c.seen);
	if (err >= 0)
		err = perform(w, &c);
	judge(w, &c, err, result);
	c.seen.lost = result->status == JOB_NOMEM;
	c.seen.lost_pa = result->pa;
	if (w->explain && result->status != JOB_ERROR)
		result->why = explanation(w, &c);
}

static int run(void *ctx, const struct job_regs *sets, unsigned int nr_sets,
	       const struct job_access *accesses, struct job_result *results, unsigned int nr)
{
	const struct pt_phys_region nowhere = { .pa = NOWHERE, .len = 4096, .fd = -1 };
	struct whatif *w = ctx;
	int err = w->regime.phys ? 0 : create(w, &nowhere);

	(void)nr_sets;
	if (err)
		return failed(w, err);
	for (unsigned int i = 0; i < nr; i++)
		run_one(w, &sets[accesses[i].set], &accesses[i], &results[i]);
	return 0;
}

static const uint64_t *info(void *ctx)
{
	return ((struct whatif *)ctx)->info;
}

static const char *error(void *ctx)
{
	return ((struct whatif *)ctx)->error;
}

void whatif_close(struct whatif *w)
{
	regions_clear(w);
}

const struct job_executor_ops whatif_executor = {
	.program = "whatif",
	.missing = missing,
	.open = machine_open,
	.region_add = region_add,
	.regions_clear = regions_clear,
	.run = run,
	.info = info,
	.error = error,
};
