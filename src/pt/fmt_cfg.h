/* SPDX-License-Identifier: MIT */
/* Whether two configurations are the same one, or nearly. */
#ifndef PTL_FMT_CFG_H
#define PTL_FMT_CFG_H

#include <ptlib/format.h>

/* All but where the tables begin: how many levels there are, and of which half they are. */
static inline bool ptl_fmt_cfg_alike(const struct pt_fmt_cfg *a, const struct pt_fmt_cfg *b)
{
	return a->fmt == b->fmt && a->va_bits == b->va_bits && a->pa_bits == b->pa_bits &&
	       a->bbm == b->bbm && a->features == b->features && a->share == b->share &&
	       a->c_bit == b->c_bit && a->mem_types == b->mem_types;
}

/* Levels that are left to the width are as good as those that are written out. */
static inline bool ptl_fmt_cfg_equal(const struct pt_fmt_cfg *a, const struct pt_fmt_cfg *b)
{
	struct pt_format_info info_a, info_b;

	return ptl_fmt_cfg_alike(a, b) && a->upper_half == b->upper_half &&
	       !pt_format_info(a, &info_a) && !pt_format_info(b, &info_b) &&
	       info_a.nr_levels == info_b.nr_levels;
}

#endif /* PTL_FMT_CFG_H */
