/* SPDX-License-Identifier: MIT */
/*
 * Flushing address spaces of arm64 as Linux does: arch/arm64/include/asm/tlbflush.h.
 *
 * Every operation is broadcast, and a request ends with a DSB that waits for all of them.
 */
#include "arm64/flush_arm64_range.h"
#include "machine/machine_internal.h"

#define BATCH 32
#define RANGE_SCALES 4

/* The operations of one request. */
struct request {
	struct pt_space *space;
	struct pt_cpu *self; /* or NULL */
	enum pt_arm64_tlbi page, range;
	unsigned int flags;
	uint16_t vmid;
	bool deferred; /* its DSB is a batch's */
	uint64_t clock;
	struct pt_tlb_flush flushes[BATCH];
	unsigned int nr;
};

static void send(struct request *r)
{
	for (unsigned int i = 0; r->deferred && i < r->nr; i++)
		ptl_cpu_add_pending(r->self, &r->flushes[i], true);
	if (r->nr && !r->deferred)
		ptl_broadcast(r->space->machine, r->self, r->flushes, r->nr, PT_FLUSH_BY_LOCAL,
			      r->clock);
	r->nr = 0;
}

static void add(struct request *r, enum pt_arm64_tlbi op, uint64_t xt)
{
	if (r->nr == BATCH)
		send(r);
	PTL_BUG_ON(pt_arm64_tlbi(&r->flushes[r->nr++], op, r->vmid, xt, r->flags));
}

static uint64_t asid_field(const struct pt_space *space)
{
	return space->guest ? 0 : (uint64_t)space->asid << 48;
}

/* __TLBI_VADDR(), without a level hint: leaves may be larger than a stride. */
static void add_page(struct request *r, pt_va_t va)
{
	add(r, r->page, asid_field(r->space) | (va >> 12 & PTL_BITS(43, 0)));
}

/* __TLBI_VADDR_RANGE(): (@num + 1) << (5 * @scale + 1) granules. */
static void add_range(struct request *r, pt_va_t va, unsigned int scale, uint64_t num)
{
	unsigned int granule_lg2 = r->space->granule_lg2;
	uint64_t base = va >> (r->space->lpa2 ? 16 : granule_lg2);

	add(r, r->range,
	    asid_field(r->space) | (uint64_t)(granule_lg2 - 10) / 2 << 46 | (uint64_t)scale << 44 |
		    num << 39 | (base & PTL_BITS(36, 0)));
}

/* __flush_tlb_range_op() without ranges. */
static void add_strides(struct request *r, pt_va_t va, uint64_t pages, unsigned int stride_lg2)
{
	uint64_t step = PTL_BIT(stride_lg2 - r->space->granule_lg2);

	for (uint64_t i = 0; i < pages; i += step)
		add_page(r, va + (i << r->space->granule_lg2));
}

/* ... and with: the largest scale first; odd pages, and with LPA2 those before 64K, singly. */
static void add_ranges(struct request *r, pt_va_t va, uint64_t pages, unsigned int stride_lg2)
{
	unsigned int granule_lg2 = r->space->granule_lg2, scale = RANGE_SCALES - 1;
	uint64_t step = PTL_BIT(stride_lg2 - granule_lg2);

	while (pages) {
		uint64_t digit = pages >> (5 * scale + 1), covered;

		if (pages == 1 || (r->space->lpa2 && !ptl_aligned(va, 16))) {
			add_page(r, va);
			va += PTL_BIT(stride_lg2);
			pages -= ptl_min(step, pages);
			continue;
		}
		if (digit) {
			digit = ptl_min(digit, 32);
			covered = digit << (5 * scale + 1);
			add_range(r, va, scale, digit - 1);
			va += covered << granule_lg2;
			pages -= covered;
		}
		if (scale)
			scale--;
	}
}

static bool is_too_much(const struct pt_space *space, uint64_t pages, unsigned int stride_lg2)
{
	const struct pt_machine_policy *policy = &space->machine->cfg.policy;
	uint64_t max_ops =
		policy->max_dvm_ops ? policy->max_dvm_ops : PTL_BIT(space->granule_lg2 - 3);

	if (policy->ranges)
		return pages > policy->max_range_pages;
	/* More than a range can be is too much without them: __flush_tlb_range_limit_excess(). */
	return pages >> (stride_lg2 - space->granule_lg2) >= max_ops ||
	       pages > ARM64_TLBI_RANGE_PAGES;
}

static void begin(struct request *r, struct pt_space *space)
{
	r->space = space;
	r->self = ptl_cpu_current(space->machine);
	r->flags = space->lpa2 ? PT_TLBI_LPA2 : 0;
	r->vmid = space->guest ? space->asid : 0;
	r->clock = ptl_clock(space->machine);
	r->deferred = false;
	r->nr = 0;
}

static void finish(struct request *r, uint64_t pages, bool full)
{
	ptl_count_request(r->space, r->self, pages, full);
	send(r);
	if (r->deferred)
		return;
	ptl_count_for(r->space->machine, r->self, PTL_COUNT_BARRIERS, 1);
}

static void add_all(struct request *r)
{
	if (r->space->guest)
		add(r, PT_TLBI_VMALLS12E1, 0);
	else
		add(r, r->space->is_kernel ? PT_TLBI_VMALLE1 : PT_TLBI_ASIDE1,
		    asid_field(r->space));
}

static void flush_all(struct pt_space *space)
{
	struct request r;

	begin(&r, space);
	add_all(&r);
	finish(&r, 0, true);
}

/*
 * A second stage: what is kept of it alone by its addresses, and when that is complete, all
 * that is combined with a first stage, which addresses of the second do not find.
 * arch/arm64/kvm/hyp/nvhe/tlb.c __kvm_tlb_flush_vmid_range(), and without ranges
 * arch/arm64/kvm/mmu.c kvm_tlb_flush_vmid_range().
 */
static void flush_guest(struct pt_space *space, pt_va_t start, uint64_t pages)
{
	bool full =
		!space->machine->cfg.policy.ranges || is_too_much(space, pages, space->granule_lg2);
	struct request r;

	begin(&r, space);
	r.page = PT_TLBI_IPAS2E1;
	r.range = PT_TLBI_RIPAS2E1;
	if (!full) {
		add_ranges(&r, start, pages, space->granule_lg2);
		send(&r);
		ptl_count_for(space->machine, r.self, PTL_COUNT_BARRIERS, 1);
	}
	add(&r, full ? PT_TLBI_VMALLS12E1 : PT_TLBI_VMALLE1, 0);
	finish(&r, pages, full);
}

static void flush_leaves(struct pt_space *space, pt_va_t first, pt_va_t last,
			 unsigned int stride_lg2, bool tables, bool deferred)
{
	unsigned int granule_lg2 = space->granule_lg2;
	unsigned int lg2 = space->is_kernel || stride_lg2 < granule_lg2 ? granule_lg2 : stride_lg2;
	pt_va_t start = ptl_align_down(first, lg2);
	uint64_t pages = ((ptl_last(last, lg2) - start) >> granule_lg2) + 1;
	struct request r;
	bool full = is_too_much(space, pages, lg2);

	if (space->guest) {
		flush_guest(space, ptl_align_down(first, granule_lg2),
			    ((last - ptl_align_down(first, granule_lg2)) >> granule_lg2) + 1);
		return;
	}
	begin(&r, space);
	r.deferred = deferred && r.self; /* who runs no CPU has none to keep them */
	if (space->is_kernel) {
		r.page = tables ? PT_TLBI_VAAE1 : PT_TLBI_VAALE1;
		r.range = tables ? PT_TLBI_RVAAE1 : PT_TLBI_RVAALE1;
	} else {
		r.page = tables ? PT_TLBI_VAE1 : PT_TLBI_VALE1;
		r.range = tables ? PT_TLBI_RVAE1 : PT_TLBI_RVALE1;
	}
	if (full)
		add_all(&r);
	else if (space->machine->cfg.policy.ranges)
		add_ranges(&r, start, pages, lg2);
	else
		add_strides(&r, start, pages, lg2);
	finish(&r, pages, full);
}

static void flush_range(struct pt_space *space, pt_va_t first, pt_va_t last,
			unsigned int stride_lg2, bool tables)
{
	flush_leaves(space, first, last, stride_lg2, tables, false);
}

/* ---- batches ---- */

static void defer(struct pt_flush_batch *batch, struct pt_space *space, pt_va_t first, pt_va_t last,
		  unsigned int stride_lg2)
{
	batch->self = ptl_cpu_current(space->machine);
	batch->nr++;
	ptl_count_for(space->machine, batch->self, PTL_COUNT_DEFERRED, 1);
	flush_leaves(space, first, last, stride_lg2, false, true);
}

static void finish_batch(struct pt_flush_batch *batch)
{
	if (batch->self)
		pt_cpu_dsb(batch->self);
	batch->self = NULL;
}

/* ---- switching ---- */

#define TCR_A1 PTL_BIT(22)
#define TCR_AS PTL_BIT(36)
#define TTBR_ASID PTL_BITS(63, 48)

/* BADDR as TTBR holds it: 52-bit roots have bits 51:48 in 5:2. */
static uint64_t ttbr_of(const struct pt_space *space)
{
	if (!space->pt || space->upper_half)
		return 0;
	if (space->wide_root)
		return (space->root & PTL_BITS(47, 6)) | space->root >> 48 << 2;
	return space->root;
}

static int switch_to(struct pt_cpu *cpu, struct pt_space *space)
{
	struct pt_arm64_regs regs = cpu->arm64;
	int err;

	if (!(regs.tcr & TCR_AS) && space->asid > 0xff)
		return -EINVAL;
	regs.ttbr0 = ttbr_of(space);
	if (regs.tcr & TCR_A1)
		regs.ttbr1 = (regs.ttbr1 & ~TTBR_ASID) | asid_field(space);
	else
		regs.ttbr0 |= asid_field(space);
	err = ptl_cpu_write_arm64(cpu, &regs);
	if (err)
		return err;
	cpu->space = space;
	ptl_count(&cpu->counters, PTL_COUNT_SWITCHES, 1);
	return 0;
}

const struct ptl_policy ptl_policy_arm64 = {
	.range = flush_range,
	.all = flush_all,
	.switch_to = switch_to,
	.defer = defer,
	.finish = finish_batch,
};
