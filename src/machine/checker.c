/* SPDX-License-Identifier: MIT */
/*
 * Changes remembered, and hits held to them.
 *
 * Stores are numbered in the order in which they are reported, which is after they were
 * made. Each is open until its thread's flush of it has returned; the youngest that are
 * not open stay in a journal. An entry from before store s has a stamp below s: the clock
 * as it was before the walk. What differs from the tables is reported if a word on the way
 * of now was changed since its stamp, and for all those words
 *
 *	the latest store is known, is not open, and is what stands there now,
 *
 * for otherwise somebody is between a store and its flush, or its report to us.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <ptlib/checker.h>

#include "base/lock.h"
#include "machine/machine_internal.h"

#define JOURNAL 16384
#define MAX_OPEN (1u << 20)

struct change {
	struct pt_store store;
	uint64_t number; /* 0: no change */
	uintptr_t thread;
	bool kept; /* the old word may be in a TLB */
};

struct ptl_checker {
	_Atomic uint64_t clock; /* the number of the last store; +1 with release under the lock */
	_Atomic uint32_t lock; /* guards what follows; innermost */
	struct change *open;
	size_t nr_open, max_open;
	struct change journal[JOURNAL];
	size_t next; /* in the journal */
	struct pt_check_stats stats;
	void (*report)(void *ctx, const struct pt_check_report *report);
	void *ctx;
};

int ptl_checker_create(struct ptl_checker **out)
{
	*out = calloc(1, sizeof(**out));
	return *out ? 0 : -ENOMEM;
}

void ptl_checker_destroy(struct ptl_checker *checker)
{
	if (!checker)
		return;
	free(checker->open);
	free(checker);
}

uint64_t ptl_check_clock(struct ptl_checker *checker)
{
	/* Acquire: a store that is counted was made before the walk that follows. */
	return atomic_load_explicit(&checker->clock, memory_order_acquire);
}

/* ---- stores and flushes ---- */

static void to_journal(struct ptl_checker *c, const struct change *change)
{
	c->journal[c->next++ % JOURNAL] = *change;
}

static void open_change(struct ptl_checker *c, const struct change *change)
{
	if (c->nr_open == c->max_open) {
		size_t max = c->max_open ? 2 * c->max_open : 64;
		struct change *more = max > MAX_OPEN ? NULL : realloc(c->open, max * sizeof(*more));

		if (!more) {
			c->stats.lost++;
			return;
		}
		c->open = more;
		c->max_open = max;
	}
	c->open[c->nr_open++] = *change;
}

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

void ptl_check_store(void *ctx, const struct pt_store *store)
{
	struct pt_space *space = ctx;
	struct ptl_checker *c = space->machine->checker;
	struct change change = { .store = *store,
				 .thread = ptl_this_thread(),
				 .kept = matters(space, store) };
	uint32_t bits = ptl_bit_lock(&c->lock);

	change.number = atomic_load_explicit(&c->clock, memory_order_relaxed) + 1;
	c->stats.stores++;
	c->stats.changes += change.kept;
	if (change.kept)
		open_change(c, &change);
	else
		to_journal(c, &change);
	/* Release: pairs with the acquire in ptl_check_clock(). */
	atomic_store_explicit(&c->clock, change.number, memory_order_release);
	ptl_bit_unlock(&c->lock, bits);
}

void ptl_check_flushed(void *ctx, pt_va_t first, pt_va_t last)
{
	struct pt_space *space = ctx;
	struct ptl_checker *c = space->machine->checker;
	uint32_t bits = ptl_bit_lock(&c->lock);
	size_t left = 0;

	for (size_t i = 0; i < c->nr_open; i++) {
		const struct change *change = &c->open[i];
		bool covered =
			change->thread == ptl_this_thread() && change->store.va <= last &&
			change->store.va + ptl_space_entry_last(space, change->store.level) >=
				first;

		if (covered)
			to_journal(c, change);
		else
			c->open[left++] = *change;
	}
	c->stats.flushes++;
	c->stats.excess += left == c->nr_open;
	c->nr_open = left;
	ptl_bit_unlock(&c->lock, bits);
}

/* ---- hits ---- */

/* The way that an access takes now. */
struct way {
	struct pt_access_step steps[PT_ACCESS_MAX_STEPS];
	unsigned int nr;
	bool mapped; /* to a leaf, whatever it allows */
	struct ptl_kept kept;
	struct pt_piece piece;
};

static void find_way(struct way *way, const struct ptl_access *access)
{
	struct pt_fault fault;
	struct ptl_access again = { .mmu = access->mmu,
				    .how = access->how,
				    .first = access->first,
				    .fault = &fault,
				    .steps = way->steps,
				    .kept = &way->kept };

	way->kept.from = PTL_FROM_ROOT;
	way->mapped =
		!ptl_access_piece(&again, (unsigned int)(access->va - access->first), &way->piece);
	way->nr = again.nr_steps;
}

/* But for what CPUs set in it by themselves. */
static bool same_word(const struct pt_machine *machine, uint64_t a, uint64_t b)
{
	const uint64_t marks =
		machine->cfg.arm64 ? PTL_BIT(10) | PTL_BIT(7) : PTL_BIT(5) | PTL_BIT(6);

	return !((a ^ b) & ~marks);
}

static pt_pa_t word_of(const struct pt_access_step *step)
{
	return step->table_pa + 8 * (uint64_t)step->index;
}

/* The latest store to the word at @pa; open ones are the latest. */
static const struct change *latest(const struct ptl_checker *c, pt_pa_t pa, bool *open)
{
	const struct change *found = NULL;

	*open = false;
	for (size_t i = 0; i < c->nr_open; i++)
		*open |= c->open[i].store.pa == pa;
	for (size_t i = 0; i < JOURNAL; i++) {
		const struct change *change = &c->journal[i];

		if (change->number && change->store.pa == pa &&
		    (!found || change->number > found->number))
			found = change;
	}
	return found;
}

/* The change that an entry with @stamp should have been flushed for; false: nobody knows yet. */
static bool find_change(struct pt_machine *machine, const struct way *way, uint64_t stamp,
			struct pt_store *store)
{
	struct ptl_checker *c = machine->checker;
	uint32_t bits = ptl_bit_lock(&c->lock);
	bool found = false, unsettled = false;

	for (unsigned int i = 0; i < way->nr; i++) {
		bool open;
		const struct change *change = latest(c, word_of(&way->steps[i]), &open);

		unsettled |= open;
		if (!change)
			continue;
		unsettled |= !same_word(machine, change->store.new_, way->steps[i].raw);
		if (change->number <= stamp)
			continue;
		*store = change->store;
		found = true;
	}
	found &= !unsettled && !c->stats.lost;
	c->stats.reports += found;
	ptl_bit_unlock(&c->lock, bits);
	return found;
}

static void report(struct pt_cpu *cpu, const struct way *way, enum pt_check_kind kind, pt_va_t va,
		   const struct pt_tlb_entry *entry)
{
	struct ptl_checker *c = cpu->machine->checker;
	struct pt_check_report r = {
		.kind = kind, .cpu = cpu->number, .va = va, .entry = *entry, .mapped = way->mapped
	};

	if (!find_change(cpu->machine, way, entry->data >> PTL_STAMP_SHIFT, &r.change))
		return;
	if (way->mapped)
		r.pa = way->piece.pa;
	r.first = entry->va;
	r.last = ptl_last(entry->va, entry->size_lg2);
	r.tables = entry->type == PT_TLB_TABLE;
	r.global = entry->type == PT_TLB_GLOBAL;
	if (c->report)
		c->report(c->ctx, &r);
}

/* Whether any class may do more by the entry than by the tables. */
static bool allows_more(const struct ptl_asked *asked, const struct pt_tlb_entry *entry,
			const struct way *way)
{
	const struct ptl_regime *r = asked->r;

	for (unsigned int class = 0; class < PTL_NO_CLASS; class ++) {
		unsigned int old = r->walker->judge(r, ptl_kept_all(entry->data),
						    ptl_kept_any(entry->data), entry->raw, class);
		unsigned int now =
			r->walker->judge(r, way->kept.all, way->kept.any, way->piece.raw, class);

		if (old & ~now & ~PTL_JUDGED_CLEAN)
			return true;
	}
	return false;
}

/* Of a contiguous block each word may be the one that a store made dirty. */
static bool is_dirty_now(const struct ptl_asked *asked, const struct pt_tlb_entry *entry,
			 const struct way *way)
{
	const struct ptl_regime *r = asked->r;

	return entry->size_lg2 > entry->leaf_lg2 ||
	       !(r->walker->judge(r, way->kept.all, way->kept.any, way->piece.raw,
				  asked->want.class) &
		 PTL_JUDGED_CLEAN);
}

void ptl_check_leaf(struct pt_cpu *cpu, const struct ptl_access *access,
		    const struct ptl_asked *asked, const struct pt_tlb_entry *entry,
		    unsigned int judged)
{
	struct way way;

	if (atomic_load_explicit(&cpu->lazy, memory_order_relaxed))
		return; /* it catches up before it uses the space again */
	find_way(&way, access);
	if (!way.mapped)
		report(cpu, &way,
		       way.nr && way.steps[way.nr - 1].kind == PT_KIND_LEAF ? PT_CHECK_RIGHTS
									    : PT_CHECK_ADDRESS,
		       access->va, entry);
	else if (way.piece.pa != entry->pa + (asked->in - entry->va))
		report(cpu, &way, PT_CHECK_ADDRESS, access->va, entry);
	else if (way.piece.mem != (entry->data >> 16 & 15))
		report(cpu, &way, PT_CHECK_MEMORY, access->va, entry);
	else if (allows_more(asked, entry, &way))
		report(cpu, &way, PT_CHECK_RIGHTS, access->va, entry);
	else if (!(judged & PTL_JUDGED_CLEAN) && !is_dirty_now(asked, entry, &way))
		report(cpu, &way, PT_CHECK_DIRTY, access->va, entry);
}

void ptl_check_table(struct pt_cpu *cpu, const struct ptl_access *access, unsigned int level,
		     const struct pt_tlb_entry *entry)
{
	struct way way;

	if (atomic_load_explicit(&cpu->lazy, memory_order_relaxed))
		return;
	find_way(&way, access);
	for (unsigned int i = 0; i < way.nr; i++)
		if (way.steps[i].level == level && way.steps[i].table_pa == entry->pa)
			return;
	report(cpu, &way, PT_CHECK_TABLE, access->va, entry);
}

/* ---- the outside ---- */

int pt_machine_set_checker(struct pt_machine *machine,
			   void (*told)(void *ctx, const struct pt_check_report *report), void *ctx)
{
	if (!machine->checker)
		return -EINVAL;
	machine->checker->report = told;
	machine->checker->ctx = ctx;
	return 0;
}

void pt_machine_check_stats(const struct pt_machine *machine, struct pt_check_stats *stats)
{
	struct ptl_checker *c = machine->checker;
	uint32_t bits;

	*stats = (struct pt_check_stats){ 0 };
	if (!c)
		return;
	bits = ptl_bit_lock(&c->lock);
	*stats = c->stats;
	ptl_bit_unlock(&c->lock, bits);
}

const char *pt_check_kind_name(enum pt_check_kind kind)
{
	static const char *const names[PT_CHECK_KIND_NR] = {
		"address", "memory type", "rights", "dirty", "table",
	};

	return (unsigned int)kind < PT_CHECK_KIND_NR ? names[kind] : "unknown";
}

size_t pt_check_report_text(const struct pt_check_report *r, char *buf, size_t len)
{
	char now[40] = "nothing";
	int nr;

	if (r->mapped)
		(void)snprintf(now, sizeof(now), "%#" PRIx64, r->pa);
	nr = snprintf(buf, len,
		      "missing flush (%s): CPU %u, address %#" PRIx64 "\n"
		      "  used   %#" PRIx64 ", of word %#" PRIx64 ", ASID %u\n"
		      "  tables %s\n"
		      "  change of word %#" PRIx64 " (level %u, for %#" PRIx64 ") from %#" PRIx64
		      " to %#" PRIx64 "\n"
		      "  needed after it: %#" PRIx64 " to %#" PRIx64 "%s%s\n",
		      pt_check_kind_name(r->kind), r->cpu, r->va, r->entry.pa, r->entry.raw,
		      r->entry.asid, now, r->change.pa, r->change.level, r->change.va,
		      r->change.old, r->change.new_, r->first, r->last,
		      r->tables ? ", walk caches too" : "", r->global ? ", global" : "");
	return nr < 0 ? 0 : (size_t)nr;
}
