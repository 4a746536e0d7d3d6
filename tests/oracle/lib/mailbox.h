/* SPDX-License-Identifier: MIT */
/*
 * How the host library and the bare-metal guests talk: the fixed layout of the
 * machine's low memory, and the mailbox in it.  "Machine address" is an address
 * in the emulator's RAM; the physical addresses of the tables under test are
 * guest-physical (x86) or intermediate (arm64) and mapped to it by the guest.
 *
 *   machine address   what
 *   0x00000000        arm64 guest
 *   0x00100000        x86 guest
 *   0x00800000        struct orc_mbox
 *   0x01000000        accesses
 *   0x02000000        results
 *   0x04000000        pages for the guest's own tables
 *   0x10000000        regions under Bochs; ident regions from here up
 *   0xffff0000        x86 reset block, 64 KiB
 *   0x100000000       regions under QEMU
 */
#ifndef MAILBOX_H
#define MAILBOX_H

#include <stdatomic.h>

#include "oracle_access.h"

#define ORC_CODE_PA_X86 0x00100000ull
#define ORC_CODE_PA_ARM64 0x00000000ull
#define ORC_MBOX_PA 0x00800000ull
#define ORC_VEC_PA 0x01000000ull
#define ORC_RES_PA 0x02000000ull
#define ORC_POOL_PA 0x04000000ull
#define ORC_POOL_END 0x0c000000ull
#define ORC_LOW_END 0x10000000ull
#define ORC_RESET_PA 0xffff0000ull
#define ORC_IMG_PA 0x100000000ull

#define ORC_MAXVEC 32768u /* accesses per doorbell */
#define ORC_MAGIC 0x3143524fu /* "ORC1" */
#define ORC_HARNESS 0x10000ull /* bytes that the guest maps for itself at harness_gpa */

struct orc_region {
	uint64_t gpa; /* address in the space under test */
	uint64_t hpa; /* machine address */
	uint64_t bytes;
	uint64_t ident; /* 1: hpa == gpa was asked for */
};

enum orc_mbox_state {
	ORC_MB_BOOT,
	ORC_MB_IDLE,
	ORC_MB_GO, /* host to guest: run vec[progress .. nr_vec) */
	ORC_MB_DONE,
	ORC_MB_PANIC,
};

struct orc_mbox {
	uint32_t magic;
	_Atomic uint32_t state; /* release by either side, acquire by the other */
	uint32_t nr_vec;
	uint32_t nr_region;
	uint32_t regions_changed; /* rebuild the guest's tables before the next access */
	uint32_t from_disk; /* Bochs: accesses and regions are on the disk */
	_Atomic uint32_t progress; /* the access being performed, for when the emulator dies */
	uint32_t pad;
	uint64_t harness_gpa;
	uint64_t info[16];
	uint64_t panic[8];
	struct orc_region region[ORC_MAXREG];
	struct orc_regset set[ORC_MAXSET];
};

_Static_assert(sizeof(_Atomic uint32_t) == 4, "both sides agree on the layout");
_Static_assert(ORC_VEC_PA + ORC_MAXVEC * sizeof(struct orc_vec) <= ORC_RES_PA, "accesses fit");
_Static_assert(ORC_RES_PA + ORC_MAXVEC * sizeof(struct orc_res) <= ORC_POOL_PA, "results fit");
_Static_assert(ORC_MBOX_PA + sizeof(struct orc_mbox) <= ORC_VEC_PA, "the mailbox fits");

#endif
