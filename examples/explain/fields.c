/* SPDX-License-Identifier: MIT */
/* What is where in the words of each format. */
#include "fields.h"

#include <inttypes.h>

#include "arm64.h"

/* In which words a field stands. */
enum {
	IN_TABLE = 1 << 0,
	IN_PAGE = 1 << 1, /* a leaf of level 0 */
	IN_BLOCK = 1 << 2, /* a larger one */
	IN_LEAF = IN_PAGE | IN_BLOCK,
	IN_ALL = IN_TABLE | IN_LEAF,
};

/* clang-format off */

#define NAMED(shift, bits, in, name, told) { shift, bits, in, name, 0, false, told }
#define BINARY(shift, bits, in, name, first, told) { shift, bits, in, name, first, true, told }
#define FIELDS(of) { of, &(of)[sizeof(of) / sizeof((of)[0])] }

#define C_BIT(shift) NAMED(shift, 1, IN_ALL, "C", TOLD_ALWAYS)

/*
 * Intel SDM Vol. 3A, 4.5 "4-Level Paging and 5-Level Paging", the figures of entry formats. The
 * C-bit, of which there is one at most: AMD APM Vol. 2, 7.10.2.
 */
static const struct explain_field x86_fields[] = {
	NAMED(0, 1, IN_ALL, "P", NOT_TOLD),
	NAMED(1, 1, IN_ALL, "R/W", TOLD_ALWAYS),
	NAMED(2, 1, IN_ALL, "U/S", TOLD_ALWAYS),
	NAMED(3, 1, IN_ALL, "PWT", TOLD_IF_SET),
	NAMED(4, 1, IN_ALL, "PCD", TOLD_IF_SET),
	NAMED(5, 1, IN_ALL, "A", TOLD_ALWAYS),
	NAMED(6, 1, IN_LEAF, "D", TOLD_ALWAYS),
	NAMED(7, 1, IN_PAGE, "PAT", TOLD_IF_SET),
	NAMED(7, 1, IN_BLOCK, "PS", NOT_TOLD),
	NAMED(8, 1, IN_LEAF, "G", TOLD_IF_SET),
	NAMED(9, 3, IN_ALL, "software", NOT_TOLD),
	NAMED(12, 1, IN_BLOCK, "PAT", TOLD_IF_SET),
	C_BIT(32), C_BIT(33), C_BIT(34), C_BIT(35), C_BIT(36), C_BIT(37), C_BIT(38),
	C_BIT(39), C_BIT(40), C_BIT(41), C_BIT(42), C_BIT(43), C_BIT(44), C_BIT(45),
	C_BIT(46), C_BIT(47), C_BIT(48), C_BIT(49), C_BIT(50), C_BIT(51),
	NAMED(59, 4, IN_LEAF, "key", TOLD_IF_SET),
	NAMED(63, 1, IN_ALL, "XD", TOLD_ALWAYS),
};

/* Arm ARM DDI 0487 J.a, D8.3 "Translation table descriptor formats", stage 1. */
static const struct explain_field arm64_fields[] = {
	NAMED(2, 3, IN_LEAF, "AttrIndx", TOLD_ALWAYS),
	NAMED(5, 1, IN_LEAF, "NS", NOT_TOLD),
	BINARY(6, 2, IN_LEAF, "AP", 1, TOLD_ALWAYS),
	NAMED(8, 2, IN_LEAF, "SH", TOLD_ALWAYS),
	NAMED(10, 1, IN_LEAF, "AF", TOLD_ALWAYS),
	NAMED(11, 1, IN_LEAF, "nG", NOT_TOLD),
	NAMED(16, 1, IN_BLOCK, "nT", TOLD_IF_SET),
	NAMED(50, 1, IN_LEAF, "GP", NOT_TOLD),
	NAMED(51, 1, IN_LEAF, "DBM", TOLD_IF_SET),
	NAMED(52, 1, IN_LEAF, "Contiguous", TOLD_IF_SET),
	NAMED(53, 1, IN_LEAF, "PXN", TOLD_ALWAYS),
	NAMED(54, 1, IN_LEAF, "UXN", TOLD_ALWAYS),
	NAMED(55, 4, IN_LEAF, "software", NOT_TOLD),
	NAMED(59, 1, IN_TABLE, "PXNTable", TOLD_IF_SET),
	NAMED(60, 1, IN_TABLE, "UXNTable", TOLD_IF_SET),
	BINARY(61, 2, IN_TABLE, "APTable", 0, TOLD_IF_SET),
	NAMED(63, 1, IN_TABLE, "NSTable", NOT_TOLD),
};

/* Intel SDM Vol. 3C, 29.3.2 "EPT Translation Mechanism", the tables of entry formats. */
static const struct explain_field ept_fields[] = {
	NAMED(0, 1, IN_ALL, "R", TOLD_ALWAYS),
	NAMED(1, 1, IN_ALL, "W", TOLD_ALWAYS),
	NAMED(2, 1, IN_ALL, "X", TOLD_ALWAYS),
	NAMED(3, 3, IN_LEAF, "type", TOLD_ALWAYS),
	NAMED(6, 1, IN_LEAF, "ignore-PAT", TOLD_IF_SET),
	NAMED(7, 1, IN_BLOCK, "PS", NOT_TOLD),
	NAMED(8, 1, IN_ALL, "A", TOLD_ALWAYS),
	NAMED(9, 1, IN_LEAF, "D", TOLD_ALWAYS),
	NAMED(10, 1, IN_ALL, "XU", TOLD_ALWAYS),
	NAMED(52, 4, IN_LEAF, "software", NOT_TOLD),
	NAMED(63, 1, IN_LEAF, "suppress-VE", TOLD_IF_SET),
};

/* Arm ARM DDI 0487 J.a, D8.3 "Translation table descriptor formats", stage 2. */
static const struct explain_field stage2_fields[] = {
	BINARY(2, 4, IN_LEAF, "MemAttr", 0, TOLD_ALWAYS),
	BINARY(6, 2, IN_LEAF, "S2AP", 0, TOLD_ALWAYS),
	NAMED(8, 2, IN_LEAF, "SH", TOLD_ALWAYS),
	NAMED(10, 1, IN_LEAF, "AF", TOLD_ALWAYS),
	NAMED(16, 1, IN_BLOCK, "nT", TOLD_IF_SET),
	NAMED(51, 1, IN_LEAF, "DBM", TOLD_IF_SET),
	NAMED(52, 1, IN_LEAF, "Contiguous", TOLD_IF_SET),
	BINARY(53, 2, IN_LEAF, "XN", 0, TOLD_ALWAYS),
	NAMED(55, 4, IN_LEAF, "software", NOT_TOLD),
};

/* clang-format on */

#define SHARE_SHIFT 8 /* arm64: with LPA2 address bits stand there */

static const struct fields {
	const struct explain_field *first, *end;
} fields_of[PT_FMT_NR] = {
	[PT_FMT_X86_64] = FIELDS(x86_fields),
	[PT_FMT_ARM64_4K] = FIELDS(arm64_fields),
	[PT_FMT_ARM64_4K_LPA2] = FIELDS(arm64_fields),
	[PT_FMT_ARM64_16K] = FIELDS(arm64_fields),
	[PT_FMT_ARM64_16K_LPA2] = FIELDS(arm64_fields),
	[PT_FMT_ARM64_64K] = FIELDS(arm64_fields),
	[PT_FMT_X86_EPT] = FIELDS(ept_fields),
	[PT_FMT_ARM64_S2_4K] = FIELDS(stage2_fields),
	[PT_FMT_ARM64_S2_4K_LPA2] = FIELDS(stage2_fields),
	[PT_FMT_ARM64_S2_16K] = FIELDS(stage2_fields),
	[PT_FMT_ARM64_S2_16K_LPA2] = FIELDS(stage2_fields),
	[PT_FMT_ARM64_S2_64K] = FIELDS(stage2_fields),
};

/* Whether the bits of @field are another's under @cfg: of the address, in fact. */
static bool is_address(const struct pt_fmt_cfg *cfg, const struct explain_field *field)
{
	if (cfg->fmt == PT_FMT_X86_64)
		return field->shift >= 32 && field->shift < 52 && field->shift != cfg->c_bit;
	return is_lpa2(cfg) && field->shift == SHARE_SHIFT;
}

const struct explain_field *explain_next_field(const struct pt_fmt_cfg *cfg, unsigned int level,
					       enum pt_kind kind,
					       const struct explain_field *before)
{
	const struct fields *fields = &fields_of[cfg->fmt];
	unsigned int in = kind == PT_KIND_TABLE ? IN_TABLE : level ? IN_BLOCK : IN_PAGE;

	for (const struct explain_field *field = before ? before + 1 : fields->first;
	     field < fields->end; field++)
		if (field->in & in && !is_address(cfg, field))
			return field;
	return NULL;
}

uint64_t explain_field_value(const struct explain_field *field, uint64_t raw)
{
	return raw >> field->shift & (BIT(field->bits) - 1);
}

void explain_put_field(FILE *out, const struct explain_field *field, uint64_t raw)
{
	uint64_t value = explain_field_value(field, raw);

	fputs(field->name, out);
	if (field->first)
		fprintf(out, "[%u:%u]", field->first + field->bits - 1, field->first);
	fputc('=', out);
	if (!field->binary) {
		fprintf(out, "%" PRIu64, value);
		return;
	}
	for (unsigned int bit = field->bits; bit--;)
		fputc(value >> bit & 1 ? '1' : '0', out);
}

void explain_put_bit(FILE *out, const struct pt_fmt_cfg *cfg, unsigned int level, enum pt_kind kind,
		     unsigned int bit)
{
	const struct explain_field *field = NULL;

	while ((field = explain_next_field(cfg, level, kind, field))) {
		if (bit < field->shift || bit >= field->shift + field->bits)
			continue;
		fprintf(out, " %s", field->name);
		if (field->bits > 1)
			fprintf(out, "[%u]", field->first + bit - field->shift);
		return;
	}
}
