/* SPDX-License-Identifier: MIT */
/*
 * ptdump - print the page tables in a memory image: what is mapped where, with which permissions,
 * and whether the tables are sound. ptdump.h says which file does what.
 */
#include "ptdump.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

void dump_die(const char *format, ...)
{
	va_list args;

	fflush(stdout);
	va_start(args, format);
	fputs("ptdump: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	exit(DUMP_UNUSABLE);
}

void dump_flush(void)
{
	if (fflush(stdout) || ferror(stdout))
		dump_die("standard output: %s", strerror(errno));
}

/* Cuts a run down to the page that was asked for, with that page's own accessed and dirty. */
static void clip_to_page(const struct dump_root *root, pt_pa_t pa, struct dump_run *run)
{
	uint64_t granule = pt_granule(root->pt);
	struct pt_leaf leaf;

	pa &= ~(granule - 1);
	if (pa > run->pa) {
		run->va += pa - run->pa;
		run->pa = pa;
	}
	if (run->last - run->va >= granule)
		run->last = run->va + granule - 1;
	if (!pt_lookup(root->pt, run->va, &leaf)) {
		run->raw = leaf.raw;
		run->perms &= ~(unsigned int)(DUMP_A | DUMP_D);
		run->perms |= dump_perms(root, leaf.attr) & (DUMP_A | DUMP_D);
	}
}

/* What a dump has shown. */
struct shown {
	uint64_t nr_ranges, bytes, nr_corrupt;
};

/* Prints the ranges of one root; returns whether its tables are corrupt. */
static bool print_ranges(const struct dump_root *root, const struct dump_options *options,
			 struct shown *shown)
{
	struct dump_table table;
	struct dump_walk walk;
	struct dump_run run;

	if (!options->json)
		dump_table_start(&table, root, options);
	dump_walk_start(&walk, root, options);
	while (dump_walk_next(&walk, &run)) {
		if (run.type == PTW_PFN) {
			if (options->action == DUMP_PA)
				clip_to_page(root, options->address, &run);
			shown->nr_ranges++;
			shown->bytes += run.last - run.va + 1;
		} else if (run.type == PTW_ILLEGAL) {
			shown->nr_corrupt++;
		}
		if (options->json)
			dump_json(root, &run);
		else
			dump_table_row(&table, &run);
	}
	if (!options->json)
		dump_table_done(&table);
	return dump_walk_done(&walk);
}

static bool dump_ranges(const struct dump_source *source, const struct dump_options *options)
{
	struct shown shown = { 0 };
	bool findings = false;
	char text[24];

	for (size_t i = 0; i < source->nr_roots; i++) {
		if (i && !options->json)
			putchar('\n');
		findings |= print_ranges(&source->roots[i], options, &shown);
	}
	if (!options->json && options->action == DUMP_WX) {
		if (shown.nr_ranges)
			printf("W^X: %llu ranges, %s, writable and executable\n",
			       (unsigned long long)shown.nr_ranges, dump_size(shown.bytes, text));
		else
			puts("W^X: nothing is both writable and executable");
	}
	if (options->action == DUMP_WX && shown.nr_ranges)
		findings = true;
	return findings || shown.nr_corrupt;
}

static bool dump_other(const struct dump_source *source, const struct dump_options *options)
{
	struct dump_source other;
	bool findings;

	dump_source_open(&other, options->other_path, &options->other_regs, options);
	dump_source_check(options, source, &other);
	findings = dump_diff(source, &other, options);
	dump_source_close(&other);
	return findings;
}

static bool run_action(const struct dump_source *source, const struct dump_options *options)
{
	switch (options->action) {
	case DUMP_VA:
		return options->access.wanted ? dump_access(source, options)
					      : dump_trace(source, options);
	case DUMP_READ:
		return dump_read(source, options);
	case DUMP_USAGE:
		return dump_usage(source, options);
	case DUMP_VERIFY:
		return dump_verify(source, options);
	case DUMP_DIFF:
		return dump_other(source, options);
	case DUMP_FIND_ROOTS:
		return dump_find_roots(source, options);
	case DUMP_NOTHING:
		return false;
	default:
		return dump_ranges(source, options);
	}
}

int main(int argc, char **argv)
{
	static struct dump_options options;
	struct dump_source source;
	bool findings;

	dump_options_parse(&options, argc, argv);
	dump_source_guard(&options);
	dump_source_open(&source, options.path, &options.regs, &options);
	if (options.action != DUMP_DIFF)
		dump_source_check(&options, &source, NULL);
	dump_map(&source, &options);
	findings = run_action(&source, &options);
	if (options.save_path) {
		size_t nr_tables = dump_source_save(&source, options.save_path);

		if (options.action == DUMP_NOTHING)
			printf("%s: %zu table pages\n", options.save_path, nr_tables);
	}
	dump_source_close(&source);
	dump_flush();
	return findings ? DUMP_FINDINGS : DUMP_FINE;
}
