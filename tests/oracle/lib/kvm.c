/* SPDX-License-Identifier: MIT */
/*
 * The KVM back end: makes the machine and its harness block.  Without nested
 * paging underneath, guest tables are walked by Linux's shadow-paging walker;
 * with it, by the processor.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kvm_internal.h"

#define KVM_DEVICE "/dev/kvm"
#define MAX_CPUID 200u
#define CPUID_VENDOR 0u
#define CPUID_PHYS_BITS 0x80000008u
#define CPUID_EXTENDED 0x80000001u
#define EDX_PAGE1GB (1u << 26)

/* x86 entries: P, R/W, U/S, A, D */
#define PTE_SUPERVISOR 0x63u
#define PTE_USER_RO 0x25u
#define PTE_TABLE 0x27u

static int make_vm(struct kvm *k)
{
	k->dev = open(KVM_DEVICE, O_RDWR | O_CLOEXEC);
	if (k->dev < 0)
		return orc_fail(KVM_DEVICE ": %s", strerror(errno));
	if (ioctl(k->dev, KVM_GET_API_VERSION, 0) != KVM_API_VERSION)
		return orc_fail(KVM_DEVICE " has another API version");
	k->vm = ioctl(k->dev, KVM_CREATE_VM, 0);
	if (k->vm < 0)
		return orc_fail(KVM_DEVICE ": cannot create a machine: %s", strerror(errno));
	return 0;
}

static void close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
}

static const char *kvm_missing(const struct orc_cfg *cfg)
{
	struct kvm k = { .dev = -1, .vm = -1 };
	int err = make_vm(&k);

	(void)cfg;
	close_fd(k.vm);
	close_fd(k.dev);
	return err ? orc_error() : NULL;
}

/* The features KVM has, and MAXPHYADDR, which cannot be chosen. */
static int set_cpuid(struct orc *o, struct kvm *k)
{
	struct kvm_cpuid2 *cpuid;
	int err;

	cpuid = calloc(1, sizeof(*cpuid) + MAX_CPUID * sizeof(cpuid->entries[0]));
	if (!cpuid)
		return orc_fail("out of memory");
	cpuid->nent = MAX_CPUID;
	err = ioctl(k->dev, KVM_GET_SUPPORTED_CPUID, cpuid);
	for (unsigned int i = 0; !err && i < cpuid->nent; i++) {
		struct kvm_cpuid_entry2 *entry = &cpuid->entries[i];

		if (entry->function == CPUID_PHYS_BITS)
			o->cfg.phys_bits = entry->eax & 0xff;
		/* AMD reserves bit 8 of the two highest levels, and so does KVM for it. */
		if (entry->function == CPUID_VENDOR) {
			entry->ebx = 0x756e6547; /* "Genu" */
			entry->edx = 0x49656e69; /* "ineI" */
			entry->ecx = 0x6c65746e; /* "ntel" */
		}
		/* Harmless where KVM lacks them, and the shadow walker may know them. */
		if (entry->function == CPUID_EXTENDED)
			entry->edx |= EDX_PAGE1GB;
	}
	if (!err)
		err = ioctl(k->vcpu, KVM_SET_CPUID2, cpuid);
	free(cpuid);
	if (err)
		return orc_fail("KVM cpuid: %s", strerror(errno));
	if (o->cfg.phys_bits < 32 || o->cfg.phys_bits > 52)
		return orc_fail("KVM reports MAXPHYADDR %u", o->cfg.phys_bits);
	return 0;
}

static int kvm_init(struct orc *o)
{
	struct kvm *k = calloc(1, sizeof(*k));
	void *mem;
	int bytes;

	if (!k)
		return orc_fail("out of memory");
	o->priv = k;
	k->dev = k->vm = k->vcpu = -1;
	o->ram_bytes = o->cfg.img_bytes;
	if (make_vm(k))
		return -1;
	mem = mmap(NULL, ORC_HARNESS, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (mem == MAP_FAILED)
		return orc_fail("mmap: %s", strerror(errno));
	k->block = mem;
	k->vcpu = ioctl(k->vm, KVM_CREATE_VCPU, 0);
	bytes = ioctl(k->dev, KVM_GET_VCPU_MMAP_SIZE, 0);
	if (k->vcpu < 0 || bytes < 0 || ioctl(k->vcpu, KVM_GET_SREGS, &k->reset))
		return orc_fail("KVM cpu: %s", strerror(errno));
	mem = mmap(NULL, (size_t)bytes, PROT_READ | PROT_WRITE, MAP_SHARED, k->vcpu, 0);
	if (mem == MAP_FAILED)
		return orc_fail("KVM cpu: %s", strerror(errno));
	k->run = mem;
	k->run_bytes = (size_t)bytes;
	return set_cpuid(o, k);
}

static void kvm_stop(struct orc *o)
{
	struct kvm *k = o->priv;

	if (!k)
		return;
	if (k->run)
		munmap(k->run, k->run_bytes);
	close_fd(k->vcpu);
	close_fd(k->vm);
	close_fd(k->dev);
	if (k->block)
		munmap(k->block, ORC_HARNESS);
	free(k);
}

/* Instruction under test and HLT, by (R, W, M) and log2 of the size; rdi: address, rsi: data. */
static void put_stubs(uint8_t *page)
{
	static const uint8_t stub[12][HB_STUB_BYTES] = {
		{ 0x8a, 0x07, 0xf4 }, /* mov (%rdi), %al */
		{ 0x66, 0x8b, 0x07, 0xf4 }, /* mov (%rdi), %ax */
		{ 0x8b, 0x07, 0xf4 }, /* mov (%rdi), %eax */
		{ 0x48, 0x8b, 0x07, 0xf4 }, /* mov (%rdi), %rax */
		{ 0x40, 0x88, 0x37, 0xf4 }, /* mov %sil, (%rdi) */
		{ 0x66, 0x89, 0x37, 0xf4 }, /* mov %si, (%rdi) */
		{ 0x89, 0x37, 0xf4 }, /* mov %esi, (%rdi) */
		{ 0x48, 0x89, 0x37, 0xf4 }, /* mov %rsi, (%rdi) */
		{ 0xf0, 0x40, 0x0f, 0xc0, 0x37, 0xf4 }, /* lock xadd %sil, (%rdi) */
		{ 0x66, 0xf0, 0x0f, 0xc1, 0x37, 0xf4 }, /* lock xadd %si, (%rdi) */
		{ 0xf0, 0x0f, 0xc1, 0x37, 0xf4 }, /* lock xadd %esi, (%rdi) */
		{ 0xf0, 0x48, 0x0f, 0xc1, 0x37, 0xf4 }, /* lock xadd %rsi, (%rdi) */
	};

	memcpy(page, stub, sizeof(stub));
}

/* One gate per vector, to the handler as slot @slot + 1 of the root maps it. */
static void put_idt(uint8_t *block, unsigned int slot)
{
	uint64_t va = (uint64_t)(slot + 1) << 39;
	uint64_t *gate = (uint64_t *)(block + HB_IDTS + slot * 0x1000);

	for (unsigned int i = 0; i < HB_NR_HANDLERS; i++) {
		uint64_t handler = va + HB_HANDLERS + i * HB_STUB_BYTES;

		gate[2 * i] = (handler & 0xffff) | (uint64_t)SEL_CODE0 << 16 | 0x8e00ull << 32 |
			      (handler >> 16 & 0xffff) << 48;
		gate[2 * i + 1] = handler >> 32;
	}
}

static void build_block(struct kvm *k)
{
	uint64_t gpa = k->block_gpa;
	uint64_t *table2 = (uint64_t *)(k->block + HB_TABLE2);
	uint64_t *table1 = (uint64_t *)(k->block + HB_TABLE1);
	uint64_t *table0 = (uint64_t *)(k->block + HB_TABLE0);
	uint64_t *gdt = (uint64_t *)(k->block + HB_GDT);

	memset(k->block, 0, ORC_HARNESS);
	put_stubs(k->block + HB_STUB_S);
	put_stubs(k->block + HB_STUB_U);
	table2[0] = (gpa + HB_TABLE1) | PTE_TABLE;
	table1[0] = (gpa + HB_TABLE0) | PTE_TABLE;
	for (unsigned int i = 0; i < ORC_HARNESS / 4096; i++)
		table0[i] =
			(gpa + i * 4096) | (i == HB_STUB_U / 4096 ? PTE_USER_RO : PTE_SUPERVISOR);
	gdt[SEL_CODE0 / 8] = 0x00af9b000000ffff;
	gdt[SEL_DATA0 / 8] = 0x00cf93000000ffff;
	gdt[SEL_DATA3 / 8] = 0x00cff3000000ffff;
	gdt[SEL_CODE3 / 8] = 0x00affb000000ffff;
	for (unsigned int i = 0; i < HB_NR_HANDLERS; i++)
		k->block[HB_HANDLERS + i * HB_STUB_BYTES] = 0xf4; /* hlt */
	for (unsigned int slot = 0; slot < HB_NR_SLOTS; slot++)
		put_idt(k->block, slot);
}

static int set_slot(struct kvm *k, unsigned int slot, uint64_t gpa, uint64_t bytes, void *host)
{
	struct kvm_userspace_memory_region region = {
		.slot = slot,
		.guest_phys_addr = gpa,
		.memory_size = bytes,
		.userspace_addr = (uint64_t)(uintptr_t)host,
	};

	if (ioctl(k->vm, KVM_SET_USER_MEMORY_REGION, &region))
		return orc_fail("KVM memory slot at %#llx: %s", (unsigned long long)gpa,
				strerror(errno));
	return 0;
}

int kvm_forget_shadows(struct kvm *k)
{
	if (set_slot(k, 0, k->block_gpa, 0, k->block))
		return -1;
	return set_slot(k, 0, k->block_gpa, ORC_HARNESS, k->block);
}

int kvm_sync_regions(struct orc *o)
{
	struct kvm *k = o->priv;

	if (!o->regions_changed)
		return 0;
	if (k->block_gpa && set_slot(k, 0, k->block_gpa, 0, k->block))
		return -1;
	k->block_gpa = 0;
	while (k->nr_region) {
		if (set_slot(k, k->nr_region, 0, 0, NULL))
			return -1;
		k->nr_region--;
	}
	for (unsigned int i = 0; i < o->nr_region; i++) {
		const struct orc_region *region = &o->region[i];

		if (set_slot(k, i + 1, region->gpa, region->bytes, orc_ram(o, region->hpa)))
			return -1;
		k->nr_region++;
	}
	k->block_gpa = orc_harness_gpa(o);
	build_block(k);
	if (set_slot(k, 0, k->block_gpa, ORC_HARNESS, k->block))
		return -1;
	o->regions_changed = false;
	return 0;
}

static int kvm_start(struct orc *o)
{
	(void)o;
	return 0;
}

const struct orc_backend orc_kvm = {
	.missing = kvm_missing,
	.init = kvm_init,
	.start = kvm_start,
	.run = kvm_run_batch,
	.stop = kvm_stop,
};
