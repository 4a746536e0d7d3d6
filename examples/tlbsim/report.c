/* SPDX-License-Identifier: MIT */
/* What tlbsim prints: a line a value, a table, or JSON. */
#include "tlbsim.h"

#include <stdio.h>

#define MAX_VALUES 80

struct value {
	char name[40];
	unsigned long long value;
};

static void add(struct value values[MAX_VALUES], size_t *nr, const char *name, uint64_t value)
{
	snprintf(values[*nr].name, sizeof(values[*nr].name), "%s", name);
	values[(*nr)++].value = value;
}

/* Every page missed in the last level is a walk. Returns how many values there are. */
static size_t values_of(const struct sim_options *options, size_t shape,
			const struct pt_tlb_stats *stats, struct value values[MAX_VALUES])
{
	uint64_t lookups = stats->lookups[PT_TLB_USE_DATA];
	uint64_t l1_misses = stats->misses[0][PT_TLB_USE_DATA];
	uint64_t l2_misses = stats->misses[1][PT_TLB_USE_DATA];
	size_t nr = 0;

	add(values, &nr, "lookups", lookups);
	add(values, &nr, "l1_hits", lookups - l1_misses);
	add(values, &nr, "l1_misses", l1_misses);
	if (options->shapes[shape].has_l2) {
		add(values, &nr, "l2_hits", l1_misses - l2_misses);
		add(values, &nr, "l2_misses", l2_misses);
	}
	add(values, &nr, "walks", l2_misses);
	add(values, &nr, "evictions", stats->evictions);
	add(values, &nr, "cycles",
	    SIM_CYCLES(l2_misses * sim_walk_loads(options->page_lg2) * options->machine.load_ps));
	return nr;
}

/* "flushes_local_change_page": operations that CPUs performed, if there were any. */
static void add_flushes(struct value values[MAX_VALUES], size_t *nr,
			const struct pt_cpu_stats *stats)
{
	for (unsigned int cause = 0; cause < PT_FLUSH_CAUSE_NR; cause++) {
		for (unsigned int kind = 0; kind < PT_FLUSH_KIND_NR; kind++) {
			char name[sizeof(values->name)];

			if (!stats->flushes[cause][kind])
				continue;
			snprintf(name, sizeof(name), "flushes_%s_%s",
				 pt_flush_cause_name((enum pt_flush_cause)cause),
				 pt_flush_kind_name((enum pt_flush_kind)kind));
			for (char *c = name; *c; c++)
				*c = *c == ' ' ? '_' : *c;
			add(values, nr, name, stats->flushes[cause][kind]);
		}
	}
}

static size_t values_of_events(const struct sim_options *options, size_t shape,
			       const struct sim_figures *figures, struct value values[MAX_VALUES])
{
	const struct pt_cpu_stats *cpu = &figures->cpu;
	size_t nr = 0;

	add(values, &nr, "events", figures->events);
	add(values, &nr, "accesses", cpu->accesses);
	add(values, &nr, "minor_faults", figures->minor_faults);
	add(values, &nr, "segv", figures->segv);
	add(values, &nr, "lookups", figures->lookups);
	add(values, &nr, "l1_misses", figures->l1_misses);
	if (options->shapes[shape].has_l2)
		add(values, &nr, "l2_misses", figures->l2_misses);
	add(values, &nr, "walks", cpu->misses + cpu->refused);
	add(values, &nr, "walk_loads", cpu->loads);
	add(values, &nr, "refills", cpu->refills);
	add(values, &nr, "switches", cpu->switches);
	add(values, &nr, "flush_requests", cpu->flush_requests);
	add(values, &nr, "flush_pages", cpu->flush_pages);
	add(values, &nr, "flush_full", cpu->flush_full);
	add_flushes(values, &nr, cpu);
	add(values, &nr, "ipis_sent", cpu->ipis_sent);
	add(values, &nr, "ipis_received", cpu->ipis_received);
	add(values, &nr, "ipis_idle", cpu->ipis_idle);
	add(values, &nr, "lazy_skips", cpu->lazy_skips);
	add(values, &nr, "broadcasts_sent", cpu->broadcasts_sent);
	add(values, &nr, "broadcasts_received", cpu->broadcasts_received);
	add(values, &nr, "actions_sent", cpu->actions_sent);
	add(values, &nr, "actions_received", cpu->actions_received);
	add(values, &nr, "barriers", cpu->barriers);
	add(values, &nr, "cost_ps", cpu->cost_ps);
	add(values, &nr, "cycles", SIM_CYCLES(cpu->cost_ps));
	if (options->machine.check) {
		add(values, &nr, "flushes_forgotten", figures->forgotten);
		add(values, &nr, "flushes_needless", figures->check.of_kind[PT_CHECK_NEEDLESS]);
		add(values, &nr, "reports", figures->check.reports);
		add(values, &nr, "dropped", cpu->dropped);
		add(values, &nr, "dropped_needlessly", cpu->dropped_needlessly);
	}
	return nr;
}

static double ratio(uint64_t part, uint64_t whole)
{
	return whole ? (double)part / (double)whole : 0;
}

static void print_table(const struct sim_options *options, const struct pt_tlb_stats stats[])
{
	printf("%-24s %12s %12s %12s %9s %9s\n", "tlb", "lookups", "l1_misses", "walks", "l1_ratio",
	       "walk_ratio");
	for (size_t i = 0; i < options->nr_shapes; i++) {
		uint64_t lookups = stats[i].lookups[PT_TLB_USE_DATA];
		uint64_t l1_misses = stats[i].misses[0][PT_TLB_USE_DATA];
		uint64_t walks = stats[i].misses[1][PT_TLB_USE_DATA];

		printf("%-24s %12llu %12llu %12llu %9.6f %9.6f\n", options->shapes[i].label,
		       (unsigned long long)lookups, (unsigned long long)l1_misses,
		       (unsigned long long)walks, ratio(l1_misses, lookups), ratio(walks, lookups));
	}
}

static void print_table_of_events(const struct sim_options *options,
				  const struct sim_figures figures[])
{
	printf("%-24s %10s %10s %10s %9s %9s %10s %14s\n", "tlb", "lookups", "l1_misses", "walks",
	       "requests", "ipis", "broadcasts", "cycles");
	for (size_t i = 0; i < options->nr_shapes; i++) {
		const struct pt_cpu_stats *cpu = &figures[i].cpu;

		printf("%-24s %10llu %10llu %10llu %9llu %9llu %10llu %14llu\n",
		       options->shapes[i].label, (unsigned long long)figures[i].lookups,
		       (unsigned long long)figures[i].l1_misses,
		       (unsigned long long)(cpu->misses + cpu->refused),
		       (unsigned long long)cpu->flush_requests, (unsigned long long)cpu->ipis_sent,
		       (unsigned long long)cpu->broadcasts_sent,
		       (unsigned long long)SIM_CYCLES(cpu->cost_ps));
	}
}

/* Labels are profiles' names, and shapes that were understood: nothing to escape. */
static void print_json(const struct sim_options *options, size_t shape, const struct value values[],
		       size_t nr)
{
	if (options->compare && !shape)
		puts("[");
	printf("{ \"tlb\": \"%s\"", options->shapes[shape].label);
	for (size_t v = 0; v < nr; v++)
		printf(", \"%s\": %llu", values[v].name, values[v].value);
	puts(shape + 1 < options->nr_shapes ? " }," : " }");
	if (options->compare && shape + 1 == options->nr_shapes)
		puts("]");
}

static void print_lines(const struct value values[], size_t nr)
{
	for (size_t v = 0; v < nr; v++)
		printf("%s %llu\n", values[v].name, values[v].value);
}

void sim_report(const struct sim_options *options, const struct pt_tlb_stats stats[])
{
	struct value values[MAX_VALUES];

	if (options->compare && !options->json)
		print_table(options, stats);
	else if (!options->json)
		print_lines(values, values_of(options, 0, &stats[0], values));
	for (size_t i = 0; options->json && i < options->nr_shapes; i++)
		print_json(options, i, values, values_of(options, i, &stats[i], values));
}

void sim_report_events(const struct sim_options *options, const struct sim_figures figures[])
{
	struct value values[MAX_VALUES];

	if (options->compare && !options->json)
		print_table_of_events(options, figures);
	else if (!options->json)
		print_lines(values, values_of_events(options, 0, &figures[0], values));
	for (size_t i = 0; options->json && i < options->nr_shapes; i++)
		print_json(options, i, values, values_of_events(options, i, &figures[i], values));
}
