/* SPDX-License-Identifier: MIT */
/*
 * One access under KVM.  A stub of the harness block performs it, reached through
 * a copy of the root under test in which an unused slot is the block's.  Success
 * ends in the stub's HLT, a fault in a handler's HLT, a physical address without
 * memory in an MMIO exit.
 */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

#include "kvm_internal.h"

#define PA_MASK 0x000ffffffffff000ull
#define CR4_LA57 (1ull << 12)
#define CR4_PKE (1ull << 22)
#define CR4_PKS (1ull << 24)
#define EFER_LME_LMA 0x500ull
#define EFER_SVME 0x1000ull
#define PTE_TABLE 0x27u

#define NO_ROOT UINT64_MAX
#define HLT 0xf4

#define VEC_GP 13u
#define VEC_PF 14u

struct access {
	const struct orc_vec *vec;
	const uint64_t *reg; /* its register set */
	struct orc_res *res;
	uint64_t *root; /* host address of the root table */
	uint64_t *copy; /* of the root, with the block in slot + 1 */
	unsigned int slot; /* index of the copy, and of the IDT */
	unsigned int index[2]; /* root entries of the first and the last byte */
	uint64_t before[2]; /* those entries of the copy before the access */
	uint64_t block_va;
	bool fetch, user;
};

static uint64_t *root_copy(struct kvm *k, unsigned int slot)
{
	return (uint64_t *)(k->block + HB_ROOTS + slot * 4096);
}

/* Make the copies equal to the root under test in what this access can use. */
static int update_copies(struct kvm *k, struct access *a, uint64_t root_pa)
{
	bool stale = false;

	if (k->root != root_pa) {
		stale = k->root != NO_ROOT;
		for (unsigned int slot = 0; slot < HB_NR_SLOTS; slot++) {
			memcpy(root_copy(k, slot), a->root, 4096);
			root_copy(k, slot)[slot + 1] = (k->block_gpa + HB_TABLE2) | PTE_TABLE;
		}
		k->root = root_pa;
	}
	for (unsigned int i = 0; i < 2; i++) {
		unsigned int index = a->index[i];

		for (unsigned int slot = 0; slot < HB_NR_SLOTS; slot++) {
			uint64_t *entry = &root_copy(k, slot)[index];

			if (slot + 1 != index && *entry != a->root[index]) {
				*entry = a->root[index];
				stale = true;
			}
		}
	}
	for (a->slot = 0; a->slot + 1 == a->index[0] || a->slot + 1 == a->index[1]; a->slot++)
		;
	a->copy = root_copy(k, a->slot);
	a->block_va = (uint64_t)(a->slot + 1) << 39;
	for (unsigned int i = 0; i < 2; i++)
		a->before[i] = a->copy[a->index[i]];
	return stale ? kvm_forget_shadows(k) : 0;
}

/* A bits that the walk set in the copy belong into the root and the other copies. */
static void return_accessed(struct kvm *k, const struct access *a)
{
	for (unsigned int i = 0; i < 2; i++) {
		unsigned int index = a->index[i];
		uint64_t now = a->copy[index];

		if (now == a->before[i] || a->root[index] != a->before[i])
			continue;
		a->root[index] = now;
		for (unsigned int slot = 0; slot < HB_NR_SLOTS; slot++)
			if (slot + 1 != index)
				root_copy(k, slot)[index] = now;
	}
}

static struct kvm_segment segment(uint16_t selector, uint8_t type, uint8_t dpl, bool code)
{
	return (struct kvm_segment){
		.limit = ~0u,
		.selector = selector,
		.type = type,
		.present = 1,
		.dpl = dpl,
		.s = 1,
		.g = 1,
		.l = code,
		.db = !code,
	};
}

static int set_registers(struct kvm *k, const struct access *a)
{
	const struct orc_vec *vec = a->vec;
	struct kvm_sregs s = k->reset;
	struct kvm_regs g = { 0 };
	uint64_t stack = a->block_va + HB_STACK + 0x1000;
	unsigned int size_lg2 = (unsigned int)__builtin_ctz(vec->size);
	uint8_t dpl = a->user ? 3 : 0;

	s.cr0 = a->reg[ORC_XR_CR0] | 0x80000001u;
	s.cr2 = 0;
	s.cr3 = (k->block_gpa + HB_ROOTS + a->slot * 4096) | (a->reg[ORC_XR_CR3] & 0x18);
	s.cr4 = a->reg[ORC_XR_CR4];
	s.efer = (a->reg[ORC_XR_EFER] | EFER_LME_LMA) & ~EFER_SVME;
	s.cs = segment(a->user ? SEL_CODE3 : SEL_CODE0, 11, dpl, true);
	s.ss = segment(a->user ? SEL_DATA3 : SEL_DATA0, 3, dpl, false);
	s.ds = s.es = s.fs = s.gs = s.ss;
	s.tr = (struct kvm_segment){ .base = a->block_va + HB_TSS,
				     .limit = 0x67,
				     .selector = SEL_TSS,
				     .type = 11,
				     .present = 1 };
	s.gdt.base = a->block_va + HB_GDT;
	s.gdt.limit = 0x5f;
	s.idt.base = a->block_va + HB_IDTS + a->slot * 0x1000;
	s.idt.limit = HB_NR_HANDLERS * 16 - 1;
	memcpy(k->block + HB_TSS + 4, &stack, sizeof(stack)); /* RSP0 */
	if (ioctl(k->vcpu, KVM_SET_SREGS, &s))
		return -1;

	g.rip = vec->va;
	if (!a->fetch)
		g.rip = a->block_va + (a->user ? HB_STUB_U : HB_STUB_S) +
			(vec->op * 4u + size_lg2) * HB_STUB_BYTES;
	g.rdi = vec->va;
	g.rsi = vec->data;
	g.rsp = stack;
	g.rflags = 2 | (vec->flags & ORC_VF_AC ? 1u << 18 : 0);
	return ioctl(k->vcpu, KVM_SET_REGS, &g);
}

static bool has_error_code(unsigned int vector)
{
	return vector == 8 || (vector >= 10 && vector <= 14) || vector == 17;
}

/* HLT is privileged: at CPL 3 the stub's, or the fetched one, ends in #GP. */
static bool is_user_hlt(const struct kvm *k, const struct access *a, unsigned int vector,
			uint64_t pc)
{
	uint64_t offset = pc - a->block_va - HB_STUB_U;

	if (!a->user || vector != VEC_GP)
		return false;
	if (a->fetch)
		return pc == a->vec->va;
	return offset < 12 * HB_STUB_BYTES && k->block[HB_STUB_U + offset] == HLT;
}

static void on_hlt(struct kvm *k, const struct access *a, const struct kvm_regs *g)
{
	struct orc_res *res = a->res;
	uint64_t offset = g->rip - 1 - a->block_va - HB_HANDLERS;

	res->status = ORC_ST_OK;
	if (offset < HB_NR_HANDLERS * HB_STUB_BYTES) {
		unsigned int vector = (unsigned int)(offset / HB_STUB_BYTES);
		const uint64_t *stack = (uint64_t *)(k->block + (g->rsp - a->block_va));
		uint64_t code = has_error_code(vector) ? *stack++ : 0;

		res->pc = stack[0];
		if (!is_user_hlt(k, a, vector, res->pc)) {
			struct kvm_sregs s = { 0 };

			ioctl(k->vcpu, KVM_GET_SREGS, &s);
			res->status = ORC_ST_FAULT;
			res->code = vector;
			res->err = res->aux = code;
			res->addr = vector == VEC_PF ? s.cr2 : 0;
			return;
		}
	}
	if (a->vec->op == ORC_OP_R)
		res->data = g->rax;
	else if (a->vec->op == ORC_OP_M)
		res->data = g->rsi;
	if (a->vec->size < 8)
		res->data &= (1ull << 8 * a->vec->size) - 1;
}

static void run_cpu(struct kvm *k, const struct access *a)
{
	struct orc_res *res = a->res;
	struct kvm_regs g = { 0 };
	int err;

	if (set_registers(k, a)) {
		res->status = ORC_ST_ERROR;
		res->code = ORC_ERR_SREGS;
		res->err = (uint64_t)errno;
		return;
	}
	k->run->immediate_exit = 0;
	do
		err = ioctl(k->vcpu, KVM_RUN, 0) ? errno : 0;
	while (err == EINTR);
	ioctl(k->vcpu, KVM_GET_REGS, &g);
	res->pc = g.rip;
	if (!err && k->run->exit_reason == KVM_EXIT_HLT) {
		on_hlt(k, a, &g);
	} else if (!err && k->run->exit_reason == KVM_EXIT_MMIO) {
		res->status = ORC_ST_NOMEM;
		res->pa = k->run->mmio.phys_addr;
		res->flags |= ORC_RF_PA;
		/* The instruction has to be completed before registers are set again. */
		k->run->immediate_exit = 1;
		ioctl(k->vcpu, KVM_RUN, 0);
	} else if (!err && k->run->exit_reason == KVM_EXIT_INTERNAL_ERROR && a->fetch) {
		res->status = ORC_ST_NOMEM; /* KVM cannot fetch from MMIO, and keeps the address */
	} else {
		res->status = ORC_ST_ERROR;
		res->code = err ? ORC_ERR_CANNOT : k->run->exit_reason;
		res->err = err ? (uint64_t)err : k->run->internal.suberror;
	}
}

/*
 * Fetches are really executed, so the caller must vouch for them.  KVM takes CR4.PKE
 * without enforcing it when it shadows.
 */
static bool can_run(const struct orc_vec *vec, const uint64_t *reg)
{
	if (reg[ORC_XR_CR4] & (CR4_LA57 | CR4_PKE | CR4_PKS))
		return false;
	return vec->op < ORC_OP_X || (vec->op == ORC_OP_X && vec->flags & ORC_VF_EXECOK);
}

static int run_access(struct orc *o, const struct orc_regset *set, const struct orc_vec *vec,
		      struct orc_res *res)
{
	struct kvm *k = o->priv;
	struct access a = { .vec = vec, .reg = set->r, .res = res };
	uint64_t root_pa = a.reg[ORC_XR_CR3] & PA_MASK;

	memset(res, 0, sizeof(*res));
	if (!can_run(vec, a.reg)) {
		res->status = ORC_ST_ERROR;
		res->code = ORC_ERR_CANNOT;
		return 0;
	}
	a.fetch = vec->op == ORC_OP_X;
	a.user = vec->el == 3;
	a.index[0] = vec->va >> 39 & 511;
	a.index[1] = (vec->va + vec->size - 1) >> 39 & 511;
	a.root = orc_host(o, root_pa);
	if (!a.root) {
		res->status = ORC_ST_NOWALK;
		res->pa = root_pa + a.index[0] * 8;
		return 0;
	}
	if (update_copies(k, &a, root_pa))
		return -1;
	run_cpu(k, &a);
	return_accessed(k, &a);
	return 0;
}

int kvm_run_batch(struct orc *o, const struct orc_batch *b)
{
	struct kvm *k = o->priv;

	if (kvm_sync_regions(o) || kvm_forget_shadows(k))
		return -1;
	k->root = NO_ROOT;
	for (size_t i = 0; i < b->n; i++)
		if (run_access(o, &b->sets[b->vec[i].regset], &b->vec[i], &b->res[i]))
			return -1;
	return 0;
}
