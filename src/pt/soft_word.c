/* SPDX-License-Identifier: MIT */
/* Software's words: how a kernel encodes them, and both directions. */
#include <errno.h>

#include "arm64/soft_arm64.h"
#include "pt/pt_defs.h"
#include "pt/soft_word.h"
#include "x86_64/soft_x86_64.h"

#define MARKER_BITS 3

static bool is_x86(enum pt_soft_release release)
{
	return release == PT_SOFT_X86_6_12 || release == PT_SOFT_X86;
}

static bool is_current(enum pt_soft_release release)
{
	return release == PT_SOFT_X86 || release == PT_SOFT_ARM64;
}

/*
 * Linux include/linux/swap.h: the last types are not devices. In this order, each if the
 * kernel was built with it; the first is MAX_SWAPFILES.
 */
static void give_types(struct pt_soft_cfg *cfg, enum pt_soft_release release, unsigned int built)
{
	enum pt_soft_kind order[16];
	unsigned int nr = 0, first;
	bool old = release == PT_SOFT_ARM64_6_1;

	order[nr++] = PT_SOFT_HWPOISON;
	order[nr++] = PT_SOFT_MIGRATION_READ;
	order[nr++] = PT_SOFT_MIGRATION_READ_EXCLUSIVE;
	order[nr++] = PT_SOFT_MIGRATION_WRITE;
	if (built & PT_SOFT_BUILT_DEVICE) {
		order[nr++] = PT_SOFT_DEVICE_WRITE;
		order[nr++] = PT_SOFT_DEVICE_READ;
		if (!is_current(release))
			order[nr++] = PT_SOFT_DEVICE_EXCLUSIVE_WRITE;
		order[nr++] = PT_SOFT_DEVICE_EXCLUSIVE;
	}
	if (!old || built & PT_SOFT_BUILT_MARKERS)
		order[nr++] = PT_SOFT_MARKER;
	first = (1u << PTL_SOFT_TYPE_BITS) - nr - old;
	for (unsigned int i = 0; i < nr; i++)
		cfg->special[order[i]] = (uint8_t)(first + i);
	if (old)
		cfg->swapin_error = (uint8_t)(first + nr);
	cfg->nr_devices = first;
}

int pt_soft_cfg_init(struct pt_soft_cfg *cfg, enum pt_soft_release release,
		     const struct pt_fmt_cfg *fmt, unsigned int built)
{
	struct pt_format_info info;
	uint8_t leaves = 0;
	int err;

	*cfg = (struct pt_soft_cfg){ .swapin_error = PT_SOFT_NO_TYPE };
	if ((unsigned int)release > PT_SOFT_ARM64 ||
	    built & ~(PT_SOFT_BUILT_DEVICE | PT_SOFT_BUILT_MARKERS))
		return -EINVAL;
	err = pt_format_info(fmt, &info);
	if (err)
		return err;
	if (fmt->fmt >= PT_FMT_X86_EPT)
		return -EOPNOTSUPP;
	if (is_x86(release) != (fmt->fmt == PT_FMT_X86_64))
		return -EINVAL;
	if (is_x86(release))
		ptl_soft_x86_64(cfg, fmt);
	else
		ptl_soft_arm64(cfg, fmt, info.granule_lg2, release != PT_SOFT_ARM64_6_1);

	for (unsigned int kind = 0; kind < PT_SOFT_NR; kind++)
		cfg->special[kind] = PT_SOFT_NO_TYPE;
	give_types(cfg, release, built);
	/* Since 6.1; swap offsets have 50 bits everywhere, frames at most 40. */
	cfg->migration_ad = cfg->pfn_bits + 2 <= PTL_SOFT_OFFSET_BITS;
	cfg->markers = PT_SOFT_MARKER_POISONED;
	if (cfg->uffd_wp)
		cfg->markers |= PT_SOFT_MARKER_UFFD_WP;
	if (is_current(release)) /* since 6.13 */
		cfg->markers |= PT_SOFT_MARKER_GUARD;

	for (unsigned int level = 0; level < info.nr_levels; level++)
		leaves |= (uint8_t)(info.can_leaf[level] << level);
	for (unsigned int kind = PT_SOFT_SWAP; kind < PT_SOFT_UNKNOWN; kind++)
		cfg->levels[kind] = leaves;
	cfg->levels[PT_SOFT_SWAP] = 1;
	cfg->levels[PT_SOFT_DEVICE_READ] = cfg->levels[PT_SOFT_DEVICE_WRITE] =
		is_current(release) ? 3 : 1;
	cfg->levels[PT_SOFT_DEVICE_EXCLUSIVE] = cfg->levels[PT_SOFT_DEVICE_EXCLUSIVE_WRITE] = 1;
	return 0;
}

static bool is_migration(enum pt_soft_kind kind)
{
	return kind >= PT_SOFT_MIGRATION_READ && kind <= PT_SOFT_MIGRATION_WRITE;
}

static bool has_pfn(enum pt_soft_kind kind)
{
	return kind >= PT_SOFT_MIGRATION_READ && kind <= PT_SOFT_DEVICE_EXCLUSIVE_WRITE;
}

static int encode_marks(const struct pt_soft_cfg *cfg, const struct pt_soft *soft, uint64_t *raw,
			uint64_t *offset)
{
	if (soft->flags & ~ptl_soft_marks_of(soft->kind))
		return -EINVAL;
	if ((soft->flags & PT_SOFT_EXCLUSIVE && !cfg->exclusive) ||
	    (soft->flags & PT_SOFT_UFFD_WP && !cfg->uffd_wp) ||
	    (soft->flags & PT_SOFT_SOFT_DIRTY && !cfg->soft_dirty) ||
	    (soft->flags & (PT_SOFT_YOUNG | PT_SOFT_DIRTY) && !cfg->migration_ad))
		return -EOPNOTSUPP;
	*raw |= (soft->flags & PT_SOFT_EXCLUSIVE ? cfg->exclusive : 0) |
		(soft->flags & PT_SOFT_UFFD_WP ? cfg->uffd_wp : 0) |
		(soft->flags & PT_SOFT_SOFT_DIRTY ? cfg->soft_dirty : 0);
	*offset |= (soft->flags & PT_SOFT_YOUNG ? PTL_BIT(cfg->pfn_bits) : 0) |
		   (soft->flags & PT_SOFT_DIRTY ? PTL_BIT(cfg->pfn_bits + 1) : 0);
	return 0;
}

static int encode_prot_none(const struct pt_soft_cfg *cfg, unsigned int level, uint64_t leaf,
			    uint64_t *raw)
{
	if (!(leaf & cfg->present))
		return -EINVAL;
	*raw = ptl_soft_hidden(cfg, level, leaf);
	return 0;
}

int pt_soft_encode(const struct pt_soft_cfg *cfg, unsigned int level, const struct pt_soft *soft,
		   uint64_t *raw)
{
	unsigned int type = soft->type;
	uint64_t offset = soft->offset, word = 0;
	bool swap = soft->kind == PT_SOFT_SWAP, marker = soft->kind == PT_SOFT_MARKER;
	int err;

	if (level >= PT_MAX_LEVELS || soft->kind <= PT_SOFT_NONE || soft->kind >= PT_SOFT_UNKNOWN ||
	    (!swap && (soft->type || soft->offset)) || (!marker && soft->markers) ||
	    (!has_pfn(soft->kind) && soft->pfn) || (soft->kind != PT_SOFT_PROT_NONE && soft->leaf))
		return -EINVAL;
	if (!(cfg->levels[soft->kind] & 1u << level))
		return -EOPNOTSUPP;
	err = encode_marks(cfg, soft, &word, &offset);
	if (err)
		return err;
	if (soft->kind == PT_SOFT_PROT_NONE)
		return encode_prot_none(cfg, level, soft->leaf, raw);
	if (swap) {
		if (type >= cfg->nr_devices)
			return -EINVAL;
	} else {
		type = cfg->special[soft->kind];
		if (marker && soft->markers == PT_SOFT_MARKER_POISONED &&
		    cfg->swapin_error != PT_SOFT_NO_TYPE)
			type = cfg->swapin_error;
		else if (marker)
			offset = soft->markers;
		else
			offset |= soft->pfn;
	}
	if (marker && (!soft->markers || soft->markers >> MARKER_BITS))
		return -EINVAL;
	if (type == PT_SOFT_NO_TYPE || (marker && soft->markers & ~cfg->markers) ||
	    (soft->markers & PT_SOFT_MARKER_GUARD && level))
		return -EOPNOTSUPP;
	if (soft->pfn >> cfg->pfn_bits || offset >> PTL_SOFT_OFFSET_BITS)
		return -EINVAL;
	word |= ((offset << cfg->offset_shift) ^ cfg->offset_flip) | (uint64_t)type
									     << cfg->type_shift;
	if (!(word & ~cfg->stray) || word == PTL_BREAK_WORD || word == PTL_DEAD_WORD)
		return -EINVAL;
	*raw = word;
	return 0;
}

static struct pt_soft decode_marker(const struct pt_soft_cfg *cfg, unsigned int level,
				    unsigned int type, uint64_t offset)
{
	const struct pt_soft unknown = { .kind = PT_SOFT_UNKNOWN };
	struct pt_soft soft = { .kind = PT_SOFT_MARKER };

	/* Its offset is the frame that was read into, which means nothing to anybody. */
	if (type == cfg->swapin_error) {
		soft.markers = PT_SOFT_MARKER_POISONED;
		return soft;
	}
	soft.markers = (unsigned int)offset & cfg->markers;
	if (!offset || offset != soft.markers || (offset & PT_SOFT_MARKER_GUARD && level))
		return unknown;
	/* A kernel that has a type for it does not mark it. */
	if (cfg->swapin_error != PT_SOFT_NO_TYPE && offset == PT_SOFT_MARKER_POISONED)
		return unknown;
	return soft;
}

static struct pt_soft decode_offset(const struct pt_soft_cfg *cfg, unsigned int level,
				    unsigned int type, uint64_t offset)
{
	struct pt_soft soft = { .kind = PT_SOFT_UNKNOWN };

	if (type < cfg->nr_devices) {
		soft = (struct pt_soft){ .kind = PT_SOFT_SWAP, .type = type, .offset = offset };
		return soft;
	}
	if (type == cfg->swapin_error || type == cfg->special[PT_SOFT_MARKER])
		return decode_marker(cfg, level, type, offset);
	for (unsigned int kind = PT_SOFT_MIGRATION_READ; kind < PT_SOFT_MARKER; kind++) {
		if (cfg->special[kind] != type)
			continue;
		soft.kind = (enum pt_soft_kind)kind;
		soft.pfn = offset & (PTL_BIT(cfg->pfn_bits) - 1);
		offset >>= cfg->pfn_bits;
		if (is_migration(soft.kind) && cfg->migration_ad) {
			soft.flags =
				(offset & 1 ? PT_SOFT_YOUNG : 0) | (offset & 2 ? PT_SOFT_DIRTY : 0);
			offset >>= 2;
		}
		if (offset)
			soft = (struct pt_soft){ .kind = PT_SOFT_UNKNOWN };
		break;
	}
	return soft;
}

struct pt_soft pt_soft_decode(const struct pt_soft_cfg *cfg, unsigned int level, uint64_t raw)
{
	const struct pt_soft unknown = { .kind = PT_SOFT_UNKNOWN };
	struct pt_soft soft = { 0 };
	unsigned int marks = 0;
	uint64_t offset;

	if (level >= PT_MAX_LEVELS || raw & cfg->present || !(raw & ~cfg->stray))
		return soft;
	if (raw & cfg->prot_none) {
		soft.kind = PT_SOFT_PROT_NONE;
		soft.leaf = ptl_soft_shown(cfg, level, raw);
	} else if (raw & cfg->zero) {
		return unknown;
	} else {
		offset = ((raw ^ cfg->offset_flip) >> cfg->offset_shift) &
			 (PTL_BIT(PTL_SOFT_OFFSET_BITS) - 1);
		soft = decode_offset(cfg, level,
				     (unsigned int)(raw >> cfg->type_shift) &
					     ((1u << PTL_SOFT_TYPE_BITS) - 1),
				     offset);
		marks = (raw & cfg->exclusive ? PT_SOFT_EXCLUSIVE : 0) |
			(raw & cfg->uffd_wp ? PT_SOFT_UFFD_WP : 0) |
			(raw & cfg->soft_dirty ? PT_SOFT_SOFT_DIRTY : 0);
		soft.flags |= marks & ptl_soft_marks_of(soft.kind);
	}
	return cfg->levels[soft.kind] & 1u << level ? soft : unknown;
}

void ptl_soft_types_init(struct ptl_soft_types *types, const struct pt_soft_cfg *cfg)
{
	const uint64_t offsets = PTL_BIT(PTL_SOFT_OFFSET_BITS) - 1;

	types->odd = cfg->present | cfg->prot_none | cfg->zero;
	types->marked = cfg->exclusive | cfg->uffd_wp | cfg->soft_dirty;
	types->pfns = PTL_BIT(cfg->pfn_bits) - 1;
	types->swap_step = 0;
	if (!cfg->offset_flip)
		types->swap_step = PTL_BIT(cfg->offset_shift);
	else if (cfg->offset_flip == offsets << cfg->offset_shift)
		types->swap_step = -PTL_BIT(cfg->offset_shift); /* inverted, it counts down */
	for (unsigned int type = 0; type < 1u << PTL_SOFT_TYPE_BITS; type++) {
		enum pt_soft_kind kind = PT_SOFT_UNKNOWN;

		/* Where poison has a type of its own, markers are pt_soft_decode()'s. */
		if (type < cfg->nr_devices)
			kind = PT_SOFT_SWAP;
		else if (type == cfg->swapin_error || type == cfg->special[PT_SOFT_MARKER])
			kind = cfg->swapin_error == PT_SOFT_NO_TYPE ? PT_SOFT_MARKER
								    : PT_SOFT_UNKNOWN;
		else
			for (unsigned int other = PT_SOFT_MIGRATION_READ;
			     other < PT_SOFT_MARKER && kind == PT_SOFT_UNKNOWN; other++)
				if (cfg->special[other] == type)
					kind = (enum pt_soft_kind)other;
		if (!(cfg->levels[kind] & 1))
			kind = PT_SOFT_UNKNOWN;
		types->kind[type] = (uint8_t)kind;
		types->marks[type] = (uint8_t)ptl_soft_marks_of(kind);
	}
}

const char *pt_soft_kind_name(enum pt_soft_kind kind)
{
	static const char *const name[PT_SOFT_NR] = {
		"none",
		"swap",
		"migration read",
		"migration read exclusive",
		"migration write",
		"hwpoison",
		"device read",
		"device write",
		"device exclusive",
		"device exclusive write",
		"marker",
		"prot none",
		"unknown",
	};

	return (unsigned int)kind < PT_SOFT_NR ? name[kind] : "unknown";
}
