/* SPDX-License-Identifier: MIT */
/*
 * ptlib/soft.h - what an operating system keeps in words that hardware ignores.
 *
 * A word that is not present is software's. Linux keeps there where a page went: to
 * swap, under migration, to a device, lost to poison; or marks that outlive the page; or
 * a leaf that nobody may use. How depends on the architecture, the release and the kernel's
 * configuration: all of that is a value, struct pt_soft_cfg. A pt_pgtable that is
 * given one (pagetable.h) can write such words, and its walks tell them apart.
 *
 *	kind                     says                    may stand at
 *	SWAP                     device type, offset     level 0
 *	MIGRATION_*              pfn, young, dirty       where leaves may
 *	HWPOISON                 pfn                     where leaves may
 *	DEVICE_READ, _WRITE      pfn                     level 0, in current releases 1 too
 *	DEVICE_EXCLUSIVE*        pfn                     level 0
 *	MARKER                   markers                 where leaves may; GUARD: level 0
 *	PROT_NONE                the leaf                where leaves may
 */
#ifndef PTLIB_SOFT_H
#define PTLIB_SOFT_H

#include <ptlib/attr.h>
#include <ptlib/error.h>
#include <ptlib/format.h>
#include <ptlib/types.h>

#ifdef __cplusplus
extern "C" {
#endif

enum pt_soft_kind {
	PT_SOFT_NONE, /* empty, or hardware's */
	PT_SOFT_SWAP,
	PT_SOFT_MIGRATION_READ,
	PT_SOFT_MIGRATION_READ_EXCLUSIVE,
	PT_SOFT_MIGRATION_WRITE,
	PT_SOFT_HWPOISON,
	PT_SOFT_DEVICE_READ, /* device private memory */
	PT_SOFT_DEVICE_WRITE,
	PT_SOFT_DEVICE_EXCLUSIVE, /* a device has exclusive access; to 6.14 and before, to read */
	PT_SOFT_DEVICE_EXCLUSIVE_WRITE, /* 6.14 and before */
	PT_SOFT_MARKER,
	PT_SOFT_PROT_NONE, /* present to software, not to hardware */
	PT_SOFT_UNKNOWN, /* none of the above */
	PT_SOFT_NR,
};

/* Marks beside the kind. */
#define PT_SOFT_EXCLUSIVE (1u << 0) /* SWAP: the page was this process's alone */
#define PT_SOFT_UFFD_WP (1u << 1) /* SWAP, MIGRATION, DEVICE */
#define PT_SOFT_SOFT_DIRTY (1u << 2) /* x86 only; these, and by mremap() HWPOISON and MARKER */
#define PT_SOFT_YOUNG (1u << 3) /* MIGRATION, where there is room for both */
#define PT_SOFT_DIRTY (1u << 4)

/* MARKER: one or more. */
#define PT_SOFT_MARKER_UFFD_WP (1u << 0)
#define PT_SOFT_MARKER_POISONED (1u << 1)
#define PT_SOFT_MARKER_GUARD (1u << 2)

/* One word, as software means it. Fields that the kind does not have are 0. */
struct pt_soft {
	enum pt_soft_kind kind;
	unsigned int flags; /* PT_SOFT_EXCLUSIVE, ... */
	unsigned int type; /* SWAP: which device */
	unsigned int markers; /* MARKER */
	uint64_t offset; /* SWAP: page of the device */
	uint64_t pfn; /* frame, in granules: MIGRATION, HWPOISON, DEVICE */
	uint64_t leaf; /* PROT_NONE: the leaf's word as hardware would see it */
};

#define PT_SOFT_NO_TYPE 0xff

/*
 * How a kernel encodes them. Made by pt_soft_cfg_init(); to be changed where a kernel
 * was built differently. All masks are of raw words, but for attr_*.
 */
struct pt_soft_cfg {
	/* fields of a word */
	uint64_t present; /* with it a word is hardware's */
	uint64_t stray; /* bits that hardware may set in any word */
	uint64_t zero; /* bits that are 0 in each kind but PROT_NONE */
	uint64_t offset_flip; /* offset bits that are stored inverted */
	unsigned int type_shift, offset_shift; /* 5 bits, and 50 */
	uint64_t exclusive, uffd_wp, soft_dirty; /* 0: there is no such bit */
	/* PROT_NONE */
	uint64_t prot_none; /* set in it, with @present clear */
	uint64_t prot_none_was; /* what that bit is taken for in the leaf: set, or not */
	uint64_t prot_none_flip[PT_MAX_LEVELS]; /* address bits that are stored inverted */
	/* what is in the offset */
	unsigned int pfn_bits; /* MIGRATION: young and dirty stand above them */
	bool migration_ad; /* if so */
	unsigned int markers; /* that this kernel knows */
	/* swap types: devices below @nr_devices, above them a type for each kind */
	unsigned int nr_devices;
	uint8_t special[PT_SOFT_NR]; /* PT_SOFT_NO_TYPE: none */
	uint8_t swapin_error; /* 6.1: this type, of any offset, instead of a POISONED marker */
	uint8_t levels[PT_SOFT_NR]; /* bit n: may stand at level n */
	/* what the kernel does with the software bits of leaves: PT_ATTR_SW() */
	pt_attr_t attr_special, attr_uffd_wp, attr_soft_dirty, attr_dirty;
};

/* The kernels that are known; each lays words out differently, or has other types. */
enum pt_soft_release {
	PT_SOFT_X86_6_12,
	PT_SOFT_X86, /* 6.15 and later */
	PT_SOFT_ARM64_6_1,
	PT_SOFT_ARM64_6_12,
	PT_SOFT_ARM64, /* 6.15 and later */
};

/* How it was built. */
#define PT_SOFT_BUILT_DEVICE (1u << 0) /* CONFIG_DEVICE_PRIVATE */
#define PT_SOFT_BUILT_MARKERS (1u << 1) /* 6.1: CONFIG_PTE_MARKER; others always have them */

/**
 * pt_soft_cfg_init() - The encodings of @release in tables of @fmt.
 * @fmt:   x86_64, or arm64 stage 1; decides how many pfn bits there are, and at which
 *         levels leaves may stand.
 * @built: PT_SOFT_BUILT_*; memory failure and migration are taken to be there.
 *
 * Return: 0; -EINVAL for a release that does not exist or is of another architecture, for
 * an unknown bit of @built, or a bad @fmt; -EOPNOTSUPP for second stages.
 */
PT_API PT_MUST_CHECK int pt_soft_cfg_init(struct pt_soft_cfg *cfg, enum pt_soft_release release,
					  const struct pt_fmt_cfg *fmt, unsigned int built);

/**
 * pt_soft_encode() - The word that says @soft at @level.
 * @raw: Receives it.
 *
 * Return: 0; -EOPNOTSUPP for a kind, mark or marker that this kernel does not have, or not
 * at @level; -EINVAL for a field that is too large, that the kind does not have, or whose
 * word would be empty (x86: the last offset of device 0; arm64: its offset 0) or one of
 * the two that this library uses itself; for NONE and UNKNOWN.
 */
PT_API PT_MUST_CHECK int pt_soft_encode(const struct pt_soft_cfg *cfg, unsigned int level,
					const struct pt_soft *soft, uint64_t *raw);

/**
 * pt_soft_decode() - What @raw says at @level: the inverse of pt_soft_encode().
 *
 * NONE for what is present or empty; UNKNOWN for what this kernel never writes there.
 * Bits that hardware may set in passing and those that the kernel ignores are ignored.
 */
PT_API struct pt_soft pt_soft_decode(const struct pt_soft_cfg *cfg, unsigned int level,
				     uint64_t raw);

/**
 * pt_soft_step() - @soft of an entry that is @pages granules further on: offset and pfn
 * advance. The leaf of PROT_NONE does not.
 */
static inline struct pt_soft pt_soft_step(struct pt_soft soft, uint64_t pages)
{
	if (soft.kind == PT_SOFT_SWAP)
		soft.offset += pages;
	else if (soft.kind != PT_SOFT_MARKER && soft.kind != PT_SOFT_PROT_NONE)
		soft.pfn += pages;
	return soft;
}

/** Returns a short static name of @kind: "swap", "migration read", ... */
PT_API const char *pt_soft_kind_name(enum pt_soft_kind kind);

#ifdef __cplusplus
}
#endif

#endif /* PTLIB_SOFT_H */
