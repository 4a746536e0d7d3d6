/* SPDX-License-Identifier: MIT */
/*
 * ptlib/attr.h - what a leaf allows, in one format-neutral 64-bit value.
 *
 *	 63   27 26 25 24 23      20 19    16 15 14 13   12 11       8 7  6 5 4 3 2 1 0
 *	+-------+--+--+--+----------+--------+-----+-------+----------+--+-+-+-+-+-+-+-+
 *	|   0   |nv|ip|GP| software |  key   |  0  | share | mem type |xo|D|A|G|U|X|W|R|
 *	+-------+--+--+--+----------+--------+-----+-------+----------+--+-+-+-+-+-+-+-+
 *
 * Which bits a table can express depends on its format and configuration:
 * pt_format_info() gives the mask. A bit that it cannot express is refused
 * with -EOPNOTSUPP, with one exception, PT_ATTR_DIRTY, and on EPT PT_ATTR_ACCESSED: a
 * format without such tracking takes them, ignores them and never reports them; and
 * where dirty state is the permission to write (arm64 DBM), it goes when
 * PT_ATTR_WRITE goes: clear it first by pt_test_and_clear_dirty() if it matters.
 *
 * Without PT_ATTR_READ a leaf must still be one that the format has: any on arm64
 * stage 2, which may even allow nothing; execute-only ones on EPT; none elsewhere.
 * On EPT, WRITE needs READ.
 */
#ifndef PTLIB_ATTR_H
#define PTLIB_ATTR_H

#include <ptlib/types.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef uint64_t pt_attr_t;

#define PT_ATTR_READ ((pt_attr_t)1 << 0)
/*
 * Stores are allowed. Where hardware marks an entry dirty by making it
 * writable (arm64 DBM), WRITE without DIRTY is that writable-clean state.
 */
#define PT_ATTR_WRITE ((pt_attr_t)1 << 1)
/*
 * Fetches at the leaf's own privilege: unprivileged if USER, else privileged, as all
 * leaves of second stages are. Of formats that lack EXEC_OTHER, at both privileges.
 */
#define PT_ATTR_EXEC ((pt_attr_t)1 << 2)
#define PT_ATTR_USER ((pt_attr_t)1 << 3)
#define PT_ATTR_GLOBAL ((pt_attr_t)1 << 4)
#define PT_ATTR_ACCESSED ((pt_attr_t)1 << 5) /* hardware sets it; arm64: AF */
#define PT_ATTR_DIRTY ((pt_attr_t)1 << 6)    /* hardware sets it */
/*
 * Fetches at the other privilege: arm64 has bits for both, stage 2 with FEAT_XNX,
 * and EPT with mode-based execute control. In second stages it is the guest's user.
 */
#define PT_ATTR_EXEC_OTHER ((pt_attr_t)1 << 7)
#define PT_ATTR_GUARDED ((pt_attr_t)1 << 24) /* arm64 GP: branch targets are checked */
#define PT_ATTR_IGNORE_PAT ((pt_attr_t)1 << 25) /* EPT: the guest's PAT has no say */
#define PT_ATTR_NO_VE ((pt_attr_t)1 << 26)      /* EPT: violations exit, none becomes #VE */
#define PT_ATTR_ENCRYPTED ((pt_attr_t)1 << 27)  /* x86_64 with AMD's C-bit: memory is encrypted */

#define PT_ATTR_RW (PT_ATTR_READ | PT_ATTR_WRITE)

/* Memory type: what the entry's index selects in IA32_PAT or MAIR_EL1, or in itself says. */
enum pt_mem {
	PT_MEM_WB,        /* write-back, the usual */
	PT_MEM_WT,        /* write-through */
	PT_MEM_WC,        /* x86 write-combining; arm64 Normal non-cacheable */
	PT_MEM_UC,        /* x86 strong uncacheable; arm64 Device-nGnRnE */
	PT_MEM_UC_MINUS,  /* x86 UC- */
	PT_MEM_WP,        /* x86 write-protected */
	PT_MEM_DEV_nGnRE, /* arm64 */
	PT_MEM_DEV_nGRE,  /* arm64 */
	PT_MEM_DEV_GRE,   /* arm64 */
	PT_MEM_WB_TAGGED, /* arm64 Normal write-back, with allocation tags */
	PT_MEM_OTHER,     /* an encoding without a name here; only decoded */
	PT_MEM_STAGE1,    /* arm64 stage 2 with FEAT_S2FWB: what stage 1 says */
	PT_MEM_NR,
};

#define PT_ATTR_MEM_SHIFT 8
#define PT_ATTR_MEM_MASK ((pt_attr_t)0xf << PT_ATTR_MEM_SHIFT)
#define PT_ATTR_MEM(type) ((pt_attr_t)(type) << PT_ATTR_MEM_SHIFT)

/* Shareability; only arm64 has it, and 0 is what coherent memory wants. */
#define PT_ATTR_SHARE_MASK ((pt_attr_t)3 << 12)
#define PT_ATTR_SHARE_INNER ((pt_attr_t)0 << 12)
#define PT_ATTR_SHARE_OUTER ((pt_attr_t)1 << 12)
#define PT_ATTR_SHARE_RESERVED ((pt_attr_t)2 << 12) /* SH=0b01; only decoded */
#define PT_ATTR_SHARE_NONE ((pt_attr_t)3 << 12)

/* Protection key: 0 to 15 on x86_64, 0 to 7 (POIndex) on arm64. */
#define PT_ATTR_KEY_SHIFT 16
#define PT_ATTR_KEY_MASK ((pt_attr_t)0xf << PT_ATTR_KEY_SHIFT)
#define PT_ATTR_KEY(key) ((pt_attr_t)(key) << PT_ATTR_KEY_SHIFT)

/* Bits that hardware ignores: x86_64 9, 10, 11, 58; EPT 52 to 55; arm64 55 to 58. */
#define PT_ATTR_SW_SHIFT 20
#define PT_ATTR_SW_MASK ((pt_attr_t)0xf << PT_ATTR_SW_SHIFT)
#define PT_ATTR_SW(bits) ((pt_attr_t)(bits) << PT_ATTR_SW_SHIFT)

/** The memory type field of @attr. */
static inline enum pt_mem pt_attr_mem(pt_attr_t attr)
{
	return (enum pt_mem)((attr & PT_ATTR_MEM_MASK) >> PT_ATTR_MEM_SHIFT);
}

/** The protection key of @attr. */
static inline unsigned int pt_attr_key(pt_attr_t attr)
{
	return (unsigned int)((attr & PT_ATTR_KEY_MASK) >> PT_ATTR_KEY_SHIFT);
}

/** The software bits of @attr. */
static inline unsigned int pt_attr_sw(pt_attr_t attr)
{
	return (unsigned int)((attr & PT_ATTR_SW_MASK) >> PT_ATTR_SW_SHIFT);
}

/** Whether unprivileged code may fetch through a leaf with @attr, where EXEC_OTHER exists. */
static inline bool pt_attr_user_exec(pt_attr_t attr)
{
	return attr & (attr & PT_ATTR_USER ? PT_ATTR_EXEC : PT_ATTR_EXEC_OTHER);
}

/** Whether privileged code may, as far as arm64's separate bit for it says. */
static inline bool pt_attr_priv_exec(pt_attr_t attr)
{
	return attr & (attr & PT_ATTR_USER ? PT_ATTR_EXEC_OTHER : PT_ATTR_EXEC);
}

/** Returns a short static name of @mem: "WB", "UC", "nGnRE", ... */
PT_API const char *pt_mem_name(enum pt_mem mem);

#ifdef __cplusplus
}
#endif

#endif /* PTLIB_ATTR_H */
