/* SPDX-License-Identifier: MIT */
/* gnuplot at the other end of a pipe, and stars. */
#define _POSIX_C_SOURCE 200809L

#include "plot.h"

#include <signal.h>
#include <string.h>

/* In single quotes: in double ones gnuplot has a shell run what stands in backquotes. */
static void print_quoted(FILE *plot, const char *before, const char *text)
{
	fprintf(plot, "'%s", before);
	for (; *text; text++) {
		if (*text == '\'')
			putc('\'', plot);
		putc(*text, plot);
	}
	fputs("'\n", plot);
}

FILE *plot_open(const char *file, const char *title)
{
	FILE *plot;

	if (strchr(file, '\n')) /* ends a command, in quotes too */
		return NULL;
	/* A gnuplot that is not there or gives up must not take us with it: pclose() tells. */
	signal(SIGPIPE, SIG_IGN);
	plot = popen("gnuplot 2>/dev/null", "w");
	if (!plot)
		return NULL;
	fputs("set terminal svg size 800,480 noenhanced\nset grid\nset output ", plot);
	/* "|name" is a command to gnuplot, and "~name" a home. */
	print_quoted(plot, *file == '/' ? "" : "./", file);
	fputs("set title ", plot);
	print_quoted(plot, "", title);
	return plot;
}

bool plot_close(FILE *plot)
{
	return plot && pclose(plot) == 0;
}

#define MAX_STARS 40 /* fit into a line */

static void print_stars(FILE *out, unsigned int stars)
{
	fprintf(out, " %.*s\n", (int)stars, "****************************************");
}

void plot_stars(FILE *out, const char *what, const char *of_what, double value, double least)
{
	unsigned int stars = 0;

	for (; least <= value && stars < MAX_STARS; least *= 2)
		stars++;
	fprintf(out, "  %-22s %-20s %10.3f", what, of_what, value);
	print_stars(out, stars);
}

void plot_share(FILE *out, const char *what, double value, double most)
{
	fprintf(out, "  %-24s %14.6g", what, value);
	print_stars(out, most > 0 ? (unsigned int)(value / most * MAX_STARS + 0.5) : 0);
}
