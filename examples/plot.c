/* SPDX-License-Identifier: MIT */
/* gnuplot at the other end of a pipe, and stars. */
#define _POSIX_C_SOURCE 200809L

#include "plot.h"

#include <signal.h>
#include <string.h>

FILE *plot_open(const char *file, const char *title)
{
	FILE *plot;

	if (strpbrk(file, "\"\\\n")) /* it stands in quotes below */
		return NULL;
	/* A gnuplot that is not there or gives up must not take us with it: pclose() tells. */
	signal(SIGPIPE, SIG_IGN);
	plot = popen("gnuplot 2>/dev/null", "w");
	if (plot)
		fprintf(plot,
			"set terminal svg size 800,480 noenhanced\nset output \"%s\"\nset title "
			"\"%s\"\n"
			"set grid\n",
			file, title);
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
