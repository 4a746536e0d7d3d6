/* SPDX-License-Identifier: MIT */
/*
 * One access in an SVM guest.  Loads and stores are done by a stub page, which has
 * to be mapped without touching the tables under test: the access runs on a copy of
 * the root, in which one slot that it does not use leads to the stubs.  A fetch runs
 * on the real root; where it would succeed it hits a non-executable nested page, so
 * it reports its address and executes nothing.
 */
#include "vmcb.h"
#include "x86.h"

#define VEC_PF 14u
#define PF_P BIT(0)
#define PF_W BIT(1)
#define PF_RSVD BIT(3)

#define MAX_OPENED 16u /* pages mapped for a trace, then it ends */

struct access {
	const struct orc_vec *vec;
	const uint64_t *reg; /* its register set */
	struct orc_res *res;
	uint8_t op; /* turns from M into W for the second half of an RMW */
	bool fetch, user, trace;
	unsigned int size_lg2;
	unsigned int shift; /* of a root entry */
	uint64_t root_pa;
	uint64_t *root; /* NULL for a fetch: nothing was copied */
	unsigned int index[2]; /* root entries of the first and the last byte */
	uint64_t before[2];
	unsigned int slot; /* root entry that leads to the stubs */
	uint64_t rdi_rsi[2];
	uint64_t opened[MAX_OPENED];
	unsigned int nr_opened;
};

static struct vmcb vmcb __attribute__((aligned(4096)));
static uint8_t host_save[4096] __attribute__((aligned(4096)));
static uint8_t io_permissions[3 * 4096] __attribute__((aligned(4096)));
static uint8_t msr_permissions[2 * 4096] __attribute__((aligned(4096)));
static bool has_pku, has_pks;

void access_init(void)
{
	struct cpuid leaf7 = cpuid(7);

	has_pku = leaf7.ecx >> 3 & 1;
	has_pks = leaf7.ecx >> 31 & 1;
	if (has_pku)
		write_cr4(read_cr4() | CR4_PKE); /* or WRPKRU is undefined */
	wrmsr(MSR_EFER, rdmsr(MSR_EFER) | BIT(11) | BIT(12)); /* NXE, SVME */
	wrmsr(MSR_HSAVE_PA, (uint64_t)host_save);

	/* Intercept everything: nothing but VMMCALL and faults is expected. */
	memset(vmcb.intercept, 0xff, sizeof(vmcb.intercept));
	memset(io_permissions, 0xff, sizeof(io_permissions));
	memset(msr_permissions, 0xff, sizeof(msr_permissions));
	vmcb.iopm_pa = (uint64_t)io_permissions;
	vmcb.msrpm_pa = (uint64_t)msr_permissions;
	vmcb.asid = 1;
	vmcb.tlb_control = 1; /* flush on each VMRUN: tables may have been edited */
	vmcb.nested_enable = 1;
	vmcb.dr6 = 0xffff0ff0;
	vmcb.dr7 = 0x400;
	vmcb.pat = 0x0007040600070406;
}

static struct vmcb_segment segment(uint16_t selector, uint16_t attributes)
{
	return (struct vmcb_segment){ selector, attributes, 0xffffffff, 0 };
}

static void load_vmcb(const struct access *a)
{
	uint16_t dpl = a->user ? 3 << 5 : 0;

	vmcb.cr0 = a->reg[ORC_XR_CR0] | BIT(31) | BIT(0);
	vmcb.cr2 = 0;
	vmcb.cr3 = a->reg[ORC_XR_CR3];
	vmcb.cr4 = a->reg[ORC_XR_CR4];
	vmcb.efer = a->reg[ORC_XR_EFER] | BIT(12) | BIT(10) | BIT(8); /* SVME, LMA, LME */
	vmcb.rflags = 2 | (a->vec->flags & ORC_VF_AC ? BIT(18) : 0);
	vmcb.rip = a->vec->va;
	vmcb.rsp = 0;
	vmcb.rax = 0;
	vmcb.exit_code = 0;
	vmcb.exit_info1 = 0;
	vmcb.exit_info2 = 0;
	vmcb.exit_int_info = 0;
	vmcb.event_injection = 0;
	vmcb.cs = segment(a->user ? 0x33 : 0x08, 0xa9b | dpl);
	vmcb.ss = segment(a->user ? 0x2b : 0x10, 0xc93 | dpl);
	vmcb.ds = vmcb.ss;
	vmcb.es = vmcb.ss;
	vmcb.cpl = a->user ? 3 : 0;
	vmcb.nested_cr3 = a->trace ? nested_trace_root() : nested_root();
	if (has_pks)
		wrmsr(MSR_PKRS, (uint32_t)a->reg[ORC_XR_PKRS]);
	if (has_pku)
		write_pkru((uint32_t)a->reg[ORC_XR_PKRU]);
}

static void set_stub(const struct access *a, unsigned int stub)
{
	vmcb.rip = ((uint64_t)a->slot << a->shift) + (a->user ? HB_STUB_U : HB_STUB_S) +
		   stub * STUB_BYTES;
}

/* Run on a copy of the root.  False: no region holds the root. */
static bool borrow_root(struct access *a)
{
	uint64_t *copy = (uint64_t *)(harness + HB_ROOT);
	uint64_t gpa = MAILBOX->harness_gpa, root;

	a->index[0] = a->vec->va >> a->shift & 511;
	a->index[1] = (a->vec->va + a->vec->size - 1) >> a->shift & 511;
	if (!region_lookup(a->root_pa, &root)) {
		a->res->status = ORC_ST_NOWALK;
		a->res->pa = a->root_pa + a->index[0] * 8;
		return false;
	}
	a->root = (uint64_t *)root;
	for (unsigned int i = 0; i < 2; i++)
		copy[a->index[i]] = a->before[i] = a->root[a->index[i]];
	for (a->slot = 1; a->slot == a->index[0] || a->slot == a->index[1]; a->slot++)
		;
	copy[a->slot] =
		(gpa + (a->shift == 48 ? HB_TABLE3 : HB_TABLE2)) | PTE_P | PTE_W | PTE_U | PTE_A;
	vmcb.cr3 = (a->reg[ORC_XR_CR3] & 0xfff) | (gpa + HB_ROOT);
	set_stub(a, a->op == ORC_OP_I ? STUB_VERR : a->op * 4u + a->size_lg2);
	vmcb.gdtr = segment(0, 0); /* for VERR of selector 8 */
	vmcb.gdtr.base = a->vec->va - 8;
	vmcb.gdtr.limit = 0xffff;
	return true;
}

/* A bits set in the copy belong into the root; leave no entry behind in the copy. */
static void return_root(const struct access *a)
{
	uint64_t *copy = (uint64_t *)(harness + HB_ROOT);

	for (unsigned int i = 0; i < 2; i++)
		if (copy[a->index[i]] != a->before[i] && a->root[a->index[i]] == a->before[i])
			a->root[a->index[i]] = copy[a->index[i]];
	copy[a->index[0]] = 0;
	copy[a->index[1]] = 0;
	copy[a->slot] = 0;
}

static void on_success(const struct access *a)
{
	struct orc_res *res = a->res;

	res->status = ORC_ST_OK;
	if (a->op == ORC_OP_R)
		res->data = vmcb.rax;
	else if (a->op == ORC_OP_M)
		res->data = a->rdi_rsi[1];
	if (a->vec->size < 8)
		res->data &= BIT(8 * a->vec->size) - 1;
}

static void on_exception(const struct access *a, unsigned int vector)
{
	struct orc_res *res = a->res;

	res->status = ORC_ST_FAULT;
	res->code = vector;
	res->err = res->aux = vmcb.exit_info1;
	if (vector != VEC_PF)
		return;
	res->addr = vmcb.exit_info2;
	/* QEMU 7.2 reports RSVD without P; the SDM says RSVD implies P. */
	if (res->err & PF_RSVD)
		res->err |= PF_P;
	/* With one CPU, TCG does a locked RMW as load and store; hardware reports W. */
	if (a->vec->op == ORC_OP_M)
		res->err |= PF_W;
}

/* A traced walk reached a page for the first time: note it, map it, go on. */
static bool trace_page(struct access *a, uint64_t gpa, bool final)
{
	struct orc_res *res = a->res;
	uint64_t hpa;

	if (!a->trace || a->nr_opened == MAX_OPENED || !region_lookup(gpa, &hpa))
		return false;
	if (!final && res->nr_trace < ORC_MAXTRACE)
		res->trace[res->nr_trace++] = gpa;
	if (final && !(res->flags & ORC_RF_PA)) {
		res->pa = gpa;
		res->flags |= ORC_RF_PA;
	}
	if (final && a->fetch)
		return false;
	a->opened[a->nr_opened++] = gpa & PA_MASK;
	nested_trace_open(gpa, hpa);
	return true;
}

/* True: the access goes on. */
static bool on_nested_fault(struct access *a)
{
	struct orc_res *res = a->res;
	bool final = vmcb.exit_info1 & NPF_FINAL;
	uint64_t gpa = vmcb.exit_info2, hpa;

	res->aux = vmcb.exit_info1;
	if (trace_page(a, gpa, final))
		return true;
	res->pa = gpa;
	if (!final) {
		res->status = ORC_ST_NOWALK;
		return false;
	}
	if (a->op == ORC_OP_M) {
		/* Only TCG's load half happened: see whether the store would fault first. */
		a->op = ORC_OP_W;
		set_stub(a, ORC_OP_W * 4u + a->size_lg2);
		res->flags &= ~ORC_RF_PA;
		res->pa = 0;
		return true;
	}
	res->flags |= ORC_RF_PA;
	res->status = a->fetch && region_lookup(gpa, &hpa) ? ORC_ST_OK : ORC_ST_NOMEM;
	return false;
}

/* True: the access goes on. */
static bool on_exit(struct access *a)
{
	uint64_t code = vmcb.exit_code;

	a->res->pc = vmcb.rip;
	if (code == EXIT_NPF)
		return on_nested_fault(a);
	if (code == EXIT_VMMCALL) {
		on_success(a);
	} else if (code >= EXIT_EXCEPTION(0) && code < EXIT_EXCEPTION(32)) {
		on_exception(a, (unsigned int)code - EXIT_EXCEPTION(0));
	} else {
		a->res->status = ORC_ST_ERROR;
		a->res->code = (uint32_t)code;
		a->res->err = vmcb.exit_info1;
		a->res->addr = vmcb.exit_info2;
	}
	return false;
}

void run_access(const struct orc_vec *vec, struct orc_res *res)
{
	const uint64_t *reg = MAILBOX->set[vec->regset].r;
	struct access a = {
		.vec = vec,
		.reg = reg,
		.res = res,
		.op = vec->op,
		.fetch = vec->op == ORC_OP_X,
		.user = vec->el == 3,
		.trace = vec->flags & ORC_VF_TRACE,
		.size_lg2 = (unsigned int)__builtin_ctz(vec->size),
		.shift = reg[ORC_XR_CR4] & CR4_LA57 ? 48 : 39,
		.root_pa = reg[ORC_XR_CR3] & PA_MASK,
		.rdi_rsi = { vec->va, vec->data },
	};

	memset(res, 0, sizeof(*res));
	if (vec->op == ORC_OP_AT || vec->op == ORC_OP_ATW) {
		res->status = ORC_ST_ERROR;
		res->code = ORC_ERR_CANNOT;
		return;
	}
	load_vmcb(&a);
	if (!a.fetch && !borrow_root(&a))
		return;
	/* The walk reads the root entry from the copy, where it cannot be traced. */
	if (a.trace && !a.fetch)
		res->trace[res->nr_trace++] = a.root_pa + a.index[0] * 8;
	do
		vmrun((uint64_t)&vmcb, a.rdi_rsi);
	while (on_exit(&a));

	if (a.trace)
		res->flags |= ORC_RF_TRACE;
	for (unsigned int i = 0; i < a.nr_opened; i++)
		nested_trace_close(a.opened[i]);
	if (a.root)
		return_root(&a);
}
