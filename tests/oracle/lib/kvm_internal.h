/* SPDX-License-Identifier: MIT */
/*
 * The KVM back end's machine: one virtual CPU, the regions, and a harness block of
 * 64 KiB in an unused hole of the physical space:
 *
 *   offset   what
 *   0x0000   stub page, supervisor: the load and store instructions
 *   0x1000   stub page, user
 *   0x2000   page tables of the block's own 512 GiB slot: one page each of
 *   0x3000     levels 2, 1
 *   0x4000     and 0
 *   0x5000   three copies of the root under test, with the block in slot 1, 2, 3
 *   0x8000   GDT
 *   0x9000   TSS
 *   0xa000   exception handlers, HLT each
 *   0xb000   three IDTs, one per slot
 *   0xe000   exception stack
 */
#ifndef KVM_INTERNAL_H
#define KVM_INTERNAL_H

#include <linux/kvm.h>

#include "oracle_internal.h"

#define HB_STUB_S 0x0000u
#define HB_STUB_U 0x1000u
#define HB_TABLE2 0x2000u
#define HB_TABLE1 0x3000u
#define HB_TABLE0 0x4000u
#define HB_ROOTS 0x5000u
#define HB_GDT 0x8000u
#define HB_TSS 0x9000u
#define HB_HANDLERS 0xa000u
#define HB_IDTS 0xb000u
#define HB_STACK 0xe000u

#define HB_NR_SLOTS 3u /* so that one is free of the up to two slots of an access */
#define HB_STUB_BYTES 16u
#define HB_NR_HANDLERS 32u

#define SEL_CODE0 0x08
#define SEL_DATA0 0x10
#define SEL_DATA3 0x2b
#define SEL_CODE3 0x33
#define SEL_TSS 0x40

struct kvm {
	int dev, vm, vcpu;
	struct kvm_run *run;
	size_t run_bytes;
	uint8_t *block;
	uint64_t block_gpa; /* 0: not in the machine yet */
	unsigned int nr_region; /* memory slots 1.. in the machine */
	uint64_t root; /* whose copies HB_ROOTS holds; ~0: none */
	struct kvm_sregs reset; /* register state of a new CPU */
};

/* Bring memory slots in line with the oracle's regions. */
int kvm_sync_regions(struct orc *o);

/*
 * Shadow pages do not notice stores of the host to the guest's tables.  Removing a
 * memory slot drops them all.
 */
int kvm_forget_shadows(struct kvm *k);

int kvm_run_batch(struct orc *o, const struct orc_batch *b);

#endif
