/* SPDX-License-Identifier: MIT */
/*
 * Stores and flushes as they come.
 *
 * Stores are numbered in the order in which they are reported, which is after they were
 * made. Each of what may have been kept is open until its thread's flush of it has returned;
 * the youngest that are not open stay in a journal.
 */
#include <stdlib.h>

#include "machine/checker_internal.h"

int ptl_checker_create(struct ptl_checker **out)
{
	*out = calloc(1, sizeof(**out));
	return *out ? 0 : -ENOMEM;
}

void ptl_checker_destroy(struct ptl_checker *checker)
{
	if (!checker)
		return;
	ptl_changes_exit(&checker->open);
	ptl_changes_exit(&checker->owed);
	free(checker);
}

uint64_t ptl_check_clock(struct ptl_checker *checker)
{
	/* Acquire: a store that is counted was made before the walk that follows. */
	return atomic_load_explicit(&checker->clock, memory_order_acquire);
}

void ptl_check_lose_context(struct ptl_checker *checker)
{
	uint32_t bits = ptl_bit_lock(&checker->lock);

	checker->stats.lost_contexts++;
	ptl_bit_unlock(&checker->lock, bits);
}

/* ---- frames ---- */

/* The cast: as in ptl_frame_generation(). */
static unsigned int block_of(const struct pt_frame *frame)
{
	return atomic_load_explicit((_Atomic uint8_t *)(uintptr_t)&frame->block,
				    memory_order_relaxed);
}

static bool is_held(const struct pt_frame *frame)
{
	return (block_of(frame) & PTL_BLOCK_KIND) == PTL_BLOCK_HELD;
}

/* The block of an allocator that @pa is in, by its first frame; NULL: there is none. */
static const struct pt_frame *find_block(const struct pt_phys *phys, pt_pa_t pa)
{
	const struct ptl_region *region = ptl_phys_find(phys, pa);

	if (!region)
		return NULL;
	/* Blocks are aligned to their size by address, not by where the region begins. */
	for (unsigned int order = 0; order <= PTL_BLOCK_ORDER; order++) {
		pt_pa_t head = ptl_align_down(pa, phys->frame_lg2 + order);
		const struct pt_frame *frame;
		unsigned int block;

		if (head < region->pa)
			return NULL;
		frame = &region->frames[(head - region->pa) >> phys->frame_lg2];
		block = block_of(frame);
		if (block)
			return (block & PTL_BLOCK_ORDER) >= order ? frame : NULL;
	}
	return NULL;
}

bool ptl_check_was_freed(const struct pt_phys *phys, const struct ptl_change *change)
{
	const struct pt_frame *block;

	if (!change->block)
		return false;
	block = find_block(phys, change->frame);
	if (!block || !is_held(block))
		return true;
	/* Another block without having been free: the folio was split. */
	return block == change->block && ptl_frame_generation(block) != change->generation;
}

/* A table page counts its generation up as it dies, before it can be another table. */
static void note_table(const struct pt_space *space, struct ptl_change *change)
{
	const struct pt_phys *phys = space->machine->phys;
	pt_pa_t table = ptl_align_down(change->store.pa, space->granule_lg2);
	const struct ptl_region *region = ptl_phys_find(phys, table);

	if (!region)
		return;
	change->table_frame = &region->frames[(table - region->pa) >> phys->frame_lg2];
	change->table_generation = ptl_frame_generation(change->table_frame);
}

uint32_t ptl_check_deaths(const struct ptl_change *change)
{
	return change->table_frame
		       ? ptl_frame_generation(change->table_frame) - change->table_generation
		       : 0;
}

/* ---- stores ---- */

/* Whether a TLB may keep what @store replaced, so that a flush has to follow. */
static bool matters(const struct pt_space *space, const struct pt_store *store)
{
	enum pt_kind was, is;
	pt_attr_t differ;

	if (!space->pt)
		return false;
	was = pt_entry_kind(space->pt, store->old, store->level);
	is = pt_entry_kind(space->pt, store->new_, store->level);
	if ((was != PT_KIND_LEAF && was != PT_KIND_TABLE) || store->old == store->new_)
		return false;
	if (was != PT_KIND_LEAF || is != PT_KIND_LEAF)
		return true;
	/* A leaf that was only made old is flushed by nobody, and need not be. */
	differ = pt_entry_attr(space->pt, store->old, store->level) ^
		 pt_entry_attr(space->pt, store->new_, store->level);
	return differ != PT_ATTR_ACCESSED;
}

/* Who took it away, how, and what: a table, or a leaf, and then the block that it points into. */
static void note_old(const struct pt_space *space, struct ptl_change *change)
{
	struct ptl_visit_entry was;
	const struct pt_frame *block;

	if (!change->kept)
		return;
	change->what = ptl_check_what(space, &change->store);
	change->by = ptl_check_this_cpu(space);
	was = ptl_check_entry(space, change->store.old, change->store.level);
	change->table = was.kind == PTL_TABLE;
	if (was.kind != PTL_LEAF)
		return;
	block = find_block(space->machine->phys, was.pa);
	if (!block || !is_held(block))
		return;
	change->block = block;
	change->frame = was.pa;
	change->generation = ptl_frame_generation(block);
}

void ptl_check_store(void *ctx, const struct pt_store *store)
{
	struct pt_space *space = ctx;
	struct ptl_checker *c = space->machine->checker;
	struct ptl_change change = { .store = *store,
				     .space = space->id,
				     .thread = ptl_this_thread(),
				     .kept = matters(space, store) };
	struct pt_check_report report;
	bool unbroken;
	uint32_t bits;

	note_old(space, &change);
	note_table(space, &change);
	bits = ptl_bit_lock(&c->lock);
	change.number = atomic_load_explicit(&c->clock, memory_order_relaxed) + 1;
	c->stats.stores++;
	c->stats.changes += change.kept;
	if (change.kept && !ptl_changes_add(&c->open, &change))
		c->stats.lost++;
	unbroken = space->machine->cfg.arm64 && space->pt &&
		   ptl_check_break(c, space, &change, &report);
	/* Release: pairs with the acquire in ptl_check_clock(). */
	atomic_store_explicit(&c->clock, change.number, memory_order_release);
	ptl_bit_unlock(&c->lock, bits);
	if (unbroken)
		ptl_check_tell(c, &report);
}

/* ---- flushes ---- */

struct flushed {
	struct ptl_checker *c;
	const struct pt_space *space;
	uintptr_t thread;
	pt_va_t first, last;
	bool needed; /* it covers a change, whoever made it */
	bool deferred; /* nothing is done yet */
	bool tables;
};

static bool stays_open(void *ctx, struct ptl_change *change)
{
	struct flushed *flushed = ctx;
	pt_va_t end = change->store.va + ptl_space_entry_last(flushed->space, change->store.level);

	if (change->space != flushed->space->id || change->store.va > flushed->last ||
	    end < flushed->first)
		return true;
	if (change->table && !flushed->tables)
		return true;
	flushed->needed = true;
	if (change->thread != flushed->thread)
		return true;
	if (flushed->deferred) {
		change->deferred = true;
		return true;
	}
	ptl_journal_add(&flushed->c->journal, change);
	return false;
}

static void tell_needless(const struct flushed *flushed)
{
	const struct pt_check_report report = {
		.kind = PT_CHECK_NEEDLESS,
		.cpu = ptl_check_this_cpu(flushed->space),
		.va = flushed->first,
		.first = flushed->first,
		.last = flushed->last,
		.entry.asid = flushed->space->asid,
		.global = flushed->space->is_kernel,
	};

	ptl_check_tell(flushed->c, &report);
}

static void flushed_or_deferred(struct pt_space *space, pt_va_t first, pt_va_t last, bool tables,
				bool deferred)
{
	struct ptl_checker *c = space->machine->checker;
	struct flushed flushed = { .c = c,
				   .space = space,
				   .thread = ptl_this_thread(),
				   .first = first,
				   .last = last,
				   .deferred = deferred,
				   .tables = tables };
	uint32_t bits = ptl_bit_lock(&c->lock);

	(void)ptl_changes_drop(&c->open, stays_open, &flushed);
	c->stats.flushes++;
	if (!flushed.needed)
		ptl_check_count(c, PT_CHECK_NEEDLESS);
	ptl_bit_unlock(&c->lock, bits);
	if (!flushed.needed)
		tell_needless(&flushed);
}

void ptl_check_flushed(void *ctx, pt_va_t first, pt_va_t last, bool tables)
{
	flushed_or_deferred(ctx, first, last, tables, false);
}

void ptl_check_deferred(struct pt_space *space, pt_va_t first, pt_va_t last)
{
	flushed_or_deferred(space, first, last, false, true);
}

struct batch_flushed {
	struct ptl_checker *c;
	uint64_t space;
};

static bool stays_deferred(void *ctx, struct ptl_change *change)
{
	struct batch_flushed *flushed = ctx;

	if (!change->deferred || change->space != flushed->space)
		return true;
	ptl_journal_add(&flushed->c->journal, change);
	return false;
}

void ptl_check_batch_flushed(struct pt_space *space)
{
	struct ptl_checker *c = space->machine->checker;
	struct batch_flushed flushed = { c, space->id };
	uint32_t bits = ptl_bit_lock(&c->lock);

	(void)ptl_changes_drop(&c->open, stays_deferred, &flushed);
	ptl_bit_unlock(&c->lock, bits);
}
