/* SPDX-License-Identifier: MIT */
/* How stage 2 of arm64 is told: tables, entries. */
#include "arm64.h"

#include <inttypes.h>

static void say_start(FILE *out, const struct explain_walk *walk)
{
	const struct pt_arm64_s2_regs *regs = &walk->r->arm64_s2;
	const struct pt_format_info *info = &walk->info;
	unsigned int table_lg2 = info->granule_lg2 - 3, top = info->nr_levels - 1;
	char size[8];

	fprintf(out, "VTTBR_EL2=0x%" PRIx64, regs->vttbr);
	if (!walk->has_info) {
		fprintf(out, ", VTCR_EL2=0x%" PRIx64 " selects no tables", regs->vtcr);
		return;
	}
	fprintf(out, ", T0SZ=%u: %u bits, %s granule%s", 64 - walk->cfg.va_bits, walk->cfg.va_bits,
		explain_size(info->granule_lg2, size), is_lpa2(&walk->cfg) ? ", DS=1" : "");
	if (info->entries_lg2[top] > table_lg2)
		fprintf(out, ", %u tables side by side are the root",
			1u << (info->entries_lg2[top] - table_lg2));
}

const struct explain_words explain_arm64_s2_words = {
	.stage = "stage 2 ",
	.entry_noun = " entry",
	.start = say_start,
	.entry = explain_say_fields,
	.target = explain_arm64_target,
};
