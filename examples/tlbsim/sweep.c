/* SPDX-License-Identifier: MIT */
/*
 * Which ceiling of pages flushed one by one, and which batch of pages unmapped before they are
 * flushed, take the fewest cycles for a trace: tried, each with each.
 *
 * A ceiling decides by comparing itself with how many pages a request asks for, so only those
 * numbers, and 0, make a difference: with them all ceilings have been tried.
 */
#include "tlbsim.h"

#include <stdio.h>
#include <stdlib.h>

#include "plot.h"

#define MAX_CEILINGS 512

struct cell {
	uint64_t ceiling, last; /* the same for all from one to the other */
	struct sim_figures figures;
};

struct row {
	uint64_t batch; /* 0: all at once */
	struct cell *cells;
	size_t nr;
};

static void *some(size_t nr, size_t size)
{
	void *memory = calloc(nr, size);

	if (!memory)
		sim_die("no memory for the sweep");
	return memory;
}

/* ---- what to try ---- */

/* Powers of two below the largest unmap, and then no limit. */
static size_t batches_of(const struct sim_options *options, const struct sim_events *events,
			 struct row **rows)
{
	uint64_t most = 0;
	size_t nr = options->nr_batches;

	for (size_t i = 0; i < events->nr; i++)
		if (events->at[i].kind == SIM_UNMAP && events->at[i].len / SIM_PAGE > most)
			most = events->at[i].len / SIM_PAGE;
	for (uint64_t batch = 1; !options->nr_batches && batch < most; batch *= 2)
		nr++;
	nr += !options->nr_batches;
	*rows = some(nr, sizeof(**rows));
	for (size_t i = 0; i < nr; i++)
		(*rows)[i].batch = options->nr_batches ? options->batches[i]
				   : i + 1 < nr	       ? UINT64_C(1) << i
						       : 0;
	return nr;
}

static void run(const struct sim_options *options, const struct sim_events *events, uint64_t batch,
		uint64_t ceiling, struct sim_figures *figures, struct sim_sizes *sizes)
{
	struct sim_machine machine = options->machine;

	machine.batch = batch;
	machine.ceiling = ceiling;
	sim_run_events(&machine, &options->shapes[0], events, figures, sizes, false);
}

/* What a batch leads to, with what it does under Linux's ceiling or the one that was asked for. */
static void find_ceilings(const struct sim_options *options, const struct sim_events *events,
			  struct row *row, struct sim_figures *figures)
{
	struct sim_sizes sizes = { 0 };
	size_t nr = 0;

	run(options, events, row->batch, options->machine.ceiling, figures, &sizes);
	while (nr < sizes.nr && sizes.at[nr] <= SIM_MAX_CEILING)
		nr++;
	if (options->nr_ceilings)
		nr = options->nr_ceilings - 1;
	else if (nr > MAX_CEILINGS)
		sim_die("%s: flushes have more than %d sizes; say --ceilings", events->name,
			MAX_CEILINGS);
	row->nr = nr + 1;
	row->cells = some(row->nr, sizeof(*row->cells));
	for (size_t i = 0; i < row->nr; i++) {
		struct cell *cell = &row->cells[i];

		cell->ceiling = options->nr_ceilings ? options->ceilings[i]
				: i		     ? sizes.at[i - 1]
						     : 0;
		cell->last = options->nr_ceilings ? cell->ceiling
			     : i < nr		  ? sizes.at[i] - 1
						  : SIM_MAX_CEILING;
	}
	free(sizes.at);
}

/* ---- what is best ---- */

static uint64_t cost_of(const struct cell *cell)
{
	return cell->figures.cpu.cost_ps;
}

static const struct cell *best_of(const struct row *row)
{
	const struct cell *best = &row->cells[0];

	for (size_t i = 1; i < row->nr; i++)
		if (cost_of(&row->cells[i]) < cost_of(best))
			best = &row->cells[i];
	return best;
}

/* Of equals the smaller batch, and 0 is the largest: fewer pages wait to be free. */
static const struct row *best_row(const struct row rows[], size_t nr)
{
	const struct row *best = &rows[0];

	for (size_t i = 1; i < nr; i++) {
		uint64_t cost = cost_of(best_of(&rows[i])), least = cost_of(best_of(best));

		if (cost < least || (cost == least && rows[i].batch - 1 < best->batch - 1))
			best = &rows[i];
	}
	return best;
}

/* ---- what is printed ---- */

static const char *batch_name(uint64_t batch, char buf[24])
{
	if (batch)
		snprintf(buf, 24, "%llu", (unsigned long long)batch);
	else
		snprintf(buf, 24, "all");
	return buf;
}

static unsigned long long cycles_of(const struct cell *cell)
{
	return SIM_CYCLES(cost_of(cell));
}

static void print_rows(const struct row rows[], size_t nr)
{
	char batch[24], ceiling[48];

	printf("%10s %20s %10s %10s %10s %10s %14s\n", "batch", "best ceiling", "requests", "full",
	       "ipis", "broadcasts", "cycles");
	for (size_t i = 0; i < nr; i++) {
		const struct cell *cell = best_of(&rows[i]);
		const struct pt_cpu_stats *cpu = &cell->figures.cpu;

		snprintf(ceiling, sizeof(ceiling), "%llu..%llu", (unsigned long long)cell->ceiling,
			 (unsigned long long)cell->last);
		printf("%10s %20s %10llu %10llu %10llu %10llu %14llu\n",
		       batch_name(rows[i].batch, batch), ceiling,
		       (unsigned long long)cpu->flush_requests, (unsigned long long)cpu->flush_full,
		       (unsigned long long)cpu->ipis_sent, (unsigned long long)cpu->broadcasts_sent,
		       cycles_of(cell));
	}
}

static void print_best(const struct sim_options *options, const struct row *row,
		       const struct sim_figures *usual)
{
	const struct cell *cell = best_of(row);
	char batch[24];

	printf("tlb %s\ncpus %u\nbest_batch %s\nbest_ceiling %llu\nbest_ceiling_last %llu\n"
	       "best_cycles %llu\nusual_cycles %llu\n",
	       options->shapes[0].label, options->machine.nr_cpus, batch_name(row->batch, batch),
	       (unsigned long long)cell->ceiling, (unsigned long long)cell->last, cycles_of(cell),
	       (unsigned long long)SIM_CYCLES(usual->cpu.cost_ps));
}

static void print_json(const struct sim_options *options, const struct row rows[], size_t nr,
		       const struct sim_figures *usual)
{
	const struct row *best = best_row(rows, nr);

	printf("{ \"tlb\": \"%s\", \"cpus\": %u, \"best_batch\": %llu, \"best_ceiling\": %llu, "
	       "\"best_ceiling_last\": %llu, \"best_cycles\": %llu, \"usual_cycles\": %llu, "
	       "\"cells\": [",
	       options->shapes[0].label, options->machine.nr_cpus, (unsigned long long)best->batch,
	       (unsigned long long)best_of(best)->ceiling, (unsigned long long)best_of(best)->last,
	       cycles_of(best_of(best)), (unsigned long long)SIM_CYCLES(usual->cpu.cost_ps));
	for (size_t i = 0; i < nr; i++)
		for (size_t k = 0; k < rows[i].nr; k++)
			printf("%s\n { \"batch\": %llu, \"ceiling\": %llu, \"requests\": %llu, "
			       "\"full\": %llu, \"ipis\": %llu, \"cost_ps\": %llu }",
			       i || k ? "," : "", (unsigned long long)rows[i].batch,
			       (unsigned long long)rows[i].cells[k].ceiling,
			       (unsigned long long)rows[i].cells[k].figures.cpu.flush_requests,
			       (unsigned long long)rows[i].cells[k].figures.cpu.flush_full,
			       (unsigned long long)rows[i].cells[k].figures.cpu.ipis_sent,
			       (unsigned long long)cost_of(&rows[i].cells[k]));
	puts("\n] }");
}

/*
 * A line for each batch. Ceilings are one more than they are, for the sake of 0, and each line goes
 * on to where all have ended: its last step is as wide as any.
 */
static bool plot(const struct sim_options *options, const struct row rows[], size_t nr)
{
	FILE *out = plot_open(options->svg, "Cycles against the single-page ceiling");
	uint64_t end = 0;
	char batch[24];

	if (!out)
		return false;
	for (size_t i = 0; i < nr; i++)
		if (rows[i].cells[rows[i].nr - 1].ceiling >= end)
			end = 2 * rows[i].cells[rows[i].nr - 1].ceiling + 2;
	fputs("set logscale x\nset xlabel \"ceiling, pages + 1\"\nset ylabel \"cycles\"\n"
	      "set yrange [0:*]\nset key outside\n",
	      out);
	for (size_t i = 0; i < nr; i++) {
		fprintf(out, "$batch%zu << END\n", i);
		for (size_t k = 0; k < rows[i].nr; k++)
			fprintf(out, "%llu %llu\n",
				(unsigned long long)rows[i].cells[k].ceiling + 1,
				cycles_of(&rows[i].cells[k]));
		fprintf(out, "%llu %llu\nEND\n", (unsigned long long)end,
			cycles_of(&rows[i].cells[rows[i].nr - 1]));
	}
	for (size_t i = 0; i < nr; i++)
		fprintf(out, "%s $batch%zu using 1:2 with steps title \"batch %s\"",
			i ? "," : "plot", i, batch_name(rows[i].batch, batch));
	fputs("\n", out);
	return plot_close(out);
}

static void print_chart(const struct row *row)
{
	unsigned long long most = 0;
	char what[48];

	printf("cycles with batches of %s\n", batch_name(row->batch, what));
	for (size_t i = 0; i < row->nr; i++)
		if (cycles_of(&row->cells[i]) > most)
			most = cycles_of(&row->cells[i]);
	for (size_t i = 0; i < row->nr; i++) {
		snprintf(what, sizeof(what), "ceiling %llu",
			 (unsigned long long)row->cells[i].ceiling);
		plot_share(stdout, what, (double)cycles_of(&row->cells[i]), (double)most);
	}
}

static void report(const struct sim_options *options, const struct row rows[], size_t nr,
		   const struct sim_figures *usual)
{
	bool plotted = options->svg && plot(options, rows, nr);

	if (options->json) {
		print_json(options, rows, nr, usual);
	} else {
		print_rows(rows, nr);
		if (!plotted)
			print_chart(best_row(rows, nr));
		print_best(options, best_row(rows, nr), usual);
	}
	if (options->svg && !plotted)
		fprintf(stderr, "tlbsim: no plot: gnuplot is missing or refused\n");
}

void sim_sweep(const struct sim_options *options, const struct sim_events *events)
{
	struct sim_options with_cpus = *options;
	struct sim_figures usual;
	struct row *rows;
	size_t nr;

	if (!with_cpus.machine.nr_cpus)
		with_cpus.machine.nr_cpus = events->nr_cpus;
	run(&with_cpus, events, options->machine.batch, options->machine.ceiling, &usual, NULL);
	nr = batches_of(&with_cpus, events, &rows);
	for (size_t i = 0; i < nr; i++) {
		struct sim_figures figures;

		find_ceilings(&with_cpus, events, &rows[i], &figures);
		for (size_t k = 0; k < rows[i].nr; k++) {
			sim_progress("sweep", i * 1000 + k * 1000 / rows[i].nr, nr * 1000);
			run(&with_cpus, events, rows[i].batch, rows[i].cells[k].ceiling,
			    &rows[i].cells[k].figures, NULL);
		}
	}
	sim_progress(NULL, 0, 0);
	report(&with_cpus, rows, nr, &usual);
	for (size_t i = 0; i < nr; i++)
		free(rows[i].cells);
	free(rows);
}
