/* SPDX-License-Identifier: MIT */
/*
 * plot.h - figures as a picture: an SVG file that gnuplot draws, or stars where text has to do.
 */
#ifndef PLOT_H
#define PLOT_H

#include <stdbool.h>
#include <stdio.h>

/*
 * Starts gnuplot, which will write @file once it has been told what. NULL: there is none, or
 * @file has a name that it cannot be told.
 */
FILE *plot_open(const char *file, const char *title);
/* Whether the file has been written. @plot may be NULL: then it has not. */
bool plot_close(FILE *plot);

/*
 * One line of a chart: @what and @of_what, @value, and a star for each factor of two from
 * @least on, of which the first is for @least itself.
 */
void plot_stars(FILE *out, const char *what, const char *of_what, double value, double least);
/* The same with 40 stars for @most, and as many for others as they are of that. */
void plot_share(FILE *out, const char *what, double value, double most);

#endif /* PLOT_H */
