/* SPDX-License-Identifier: MIT */
/*
 * A contiguous block that is none, in words: an access may go where any of its entries says, or
 * fault.
 *
 *   Arm ARM DDI 0487 J.a, D8.7 "The Contiguous bit"
 */
#include "arm64.h"

#include <inttypes.h>

static const char *what_is_wrong(const struct pt_finding *finding, unsigned int nr)
{
	if (!(finding->raw & 1))
		return "is invalid";
	if (!(finding->raw & CONTIGUOUS))
		return "is not marked";
	if (finding->index % nr == 0)
		return "begins where no block of that size may";
	return "does not go on as the one before it";
}

void explain_say_block(FILE *out, const struct pt_format_info *info,
		       const struct pt_finding *finding)
{
	unsigned int nr = 1u << info->contig_lg2[finding->level];

	fprintf(out,
		"misprogrammed Contiguous bit, CONSTRAINED UNPREDICTABLE: of a block of %u the %s "
		"entry at 0x%" PRIx64 ", 0x%016" PRIx64 ", %s",
		nr, info->level_name[finding->level],
		finding->table_pa + 8 * (uint64_t)finding->index, finding->raw,
		what_is_wrong(finding, nr));
}
