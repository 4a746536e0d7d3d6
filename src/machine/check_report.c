/* SPDX-License-Identifier: MIT */
/* Who is told of what the checker found, and in which words. */
#include <inttypes.h>
#include <stdio.h>

#include "machine/checker_internal.h"

void ptl_check_count(struct ptl_checker *c, enum pt_check_kind kind)
{
	c->stats.of_kind[kind]++;
	if (kind != PT_CHECK_NEEDLESS)
		c->stats.reports++;
}

void ptl_check_tell(struct ptl_checker *c, const struct pt_check_report *report)
{
	if (c->report && c->kinds >> report->kind & 1)
		c->report(c->ctx, report);
}

int pt_machine_set_checker(struct pt_machine *machine, unsigned int kinds,
			   void (*told)(void *ctx, const struct pt_check_report *report), void *ctx)
{
	if (!machine->checker || kinds & ~PT_CHECK_ALL)
		return -EINVAL;
	machine->checker->kinds = kinds;
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
		"address", "memory type", "rights", "dirty", "table", "frame", "break", "needless",
	};

	return (unsigned int)kind < PT_CHECK_KIND_NR ? names[kind] : "unknown";
}

/* "CPU 3", or nothing of the kind. */
static void name_cpu(char *buf, size_t len, unsigned int cpu)
{
	if (cpu == PT_CHECK_NO_CPU)
		(void)snprintf(buf, len, "no CPU");
	else
		(void)snprintf(buf, len, "CPU %u", cpu);
}

#define CHANGE                                                                                     \
	"  %s by %s: word %#" PRIx64 " (%slevel %u, for %#" PRIx64 ") from %#" PRIx64              \
	" to %#" PRIx64 "\n"

static int text_of_break(const struct pt_check_report *r, const char *cpu, char *buf, size_t len)
{
	char by[24];

	name_cpu(by, sizeof(by), r->changed_by);
	return snprintf(buf, len,
			"no break before make: %s\n" CHANGE
			"  needed in between: TLBI and DSB, %#" PRIx64 " to %#" PRIx64 "%s%s\n",
			cpu, pt_changed_name(r->changed), by, r->change.pa,
			r->stage == 2 ? "stage 2, " : "", r->change.level, r->change.va,
			r->change.old, r->change.new_, r->first, r->last,
			r->tables ? ", walk caches too" : "", r->global ? ", global" : "");
}

static int text_of_needless(const struct pt_check_report *r, const char *cpu, char *buf, size_t len)
{
	return snprintf(buf, len,
			"needless flush: %s, %#" PRIx64 " to %#" PRIx64 "%s\n"
			"  nothing that may have been kept was changed there\n",
			cpu, r->first, r->last, r->global ? ", of the kernel" : "");
}

static int text_of_missing(const struct pt_check_report *r, const char *cpu, char *buf, size_t len)
{
	char now[40] = "nothing", by[24];

	name_cpu(by, sizeof(by), r->changed_by);
	if (r->mapped)
		(void)snprintf(now, sizeof(now), "%#" PRIx64, r->pa);
	return snprintf(buf, len,
			"missing flush (%s): %s, address %#" PRIx64 "\n"
			"  used   %#" PRIx64 ", of word %#" PRIx64 ", ASID %u\n"
			"  tables %s\n" CHANGE "%s"
			"  needed after it: %#" PRIx64 " to %#" PRIx64 "%s%s%s\n",
			pt_check_kind_name(r->kind), cpu, r->va, r->entry.pa, r->entry.raw,
			r->entry.asid, now, pt_changed_name(r->changed), by, r->change.pa,
			r->stage == 2 ? "stage 2, " : "", r->change.level, r->change.va,
			r->change.old, r->change.new_,
			r->kind == PT_CHECK_FRAME ? "  the frame was freed before its flush\n" : "",
			r->first, r->last, r->tables ? ", walk caches too" : "",
			r->global ? ", global" : "",
			r->stage == 2 ? ", and what both stages gave together" : "");
}

size_t pt_check_report_text(const struct pt_check_report *r, char *buf, size_t len)
{
	char cpu[24];
	int nr;

	name_cpu(cpu, sizeof(cpu), r->cpu);
	switch (r->kind) {
	case PT_CHECK_BREAK:
		nr = text_of_break(r, cpu, buf, len);
		break;
	case PT_CHECK_NEEDLESS:
		nr = text_of_needless(r, cpu, buf, len);
		break;
	default:
		nr = text_of_missing(r, cpu, buf, len);
		break;
	}
	return nr < 0 ? 0 : (size_t)nr;
}
