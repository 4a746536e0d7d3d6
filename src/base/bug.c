/* SPDX-License-Identifier: MIT */
#include "base/bug.h"

#include <stdio.h>
#include <stdlib.h>

void ptl_bug(const char *file, int line, const char *what)
{
	fprintf(stderr, "libptlib: broken invariant at %s:%d: %s\n", file, line, what);
	abort();
}
