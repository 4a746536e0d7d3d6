/* SPDX-License-Identifier: MIT */
/* Faults: what stands at the address decides, and one step is taken after another. */
#include "mm/edit.h"

#include <ptlib/mm_fault.h>

/* What one step of a fault came to. */
enum step {
	STEP_DONE, /* with the verdict as it is */
	STEP_AGAIN, /* something else stands there now: look again */
	STEP_ERROR, /* no memory */
};

struct fault {
	struct pt_mm *mm;
	const struct pt_mm_area *area;
	pt_va_t va; /* page aligned */
	bool write, exec;
	bool worked; /* anything was done */
	struct ptl_run run;
	enum pt_mm_verdict verdict;
};

static enum step say(struct fault *fault, enum pt_mm_verdict verdict)
{
	fault->verdict = verdict;
	return STEP_DONE;
}

static bool wp_is_on(const struct fault *fault)
{
	return fault->area->flags & PT_MM_UFFD_WP;
}

static enum step fill(struct fault *fault, const struct ptl_run *hole, struct ptl_fill *fill)
{
	const struct pt_mm_area *area = fault->area;
	const struct pt_file_cfg *file = area->file ? pt_file_cfg(area->file) : NULL;
	int err = ptl_fill(fault->mm, area, hole, fault->va, fill);

	if (err == -EBUSY)
		return say(fault, PT_VERDICT_RETRY);
	if (err == -EIO)
		return say(fault, PT_VERDICT_SIGBUS_POISON);
	if (err == -ERANGE || err == -ENOENT || (err < 0 && area->kind == PT_MM_HUGETLB))
		return say(fault, PT_VERDICT_SIGBUS);
	if (err < 0)
		return STEP_ERROR;
	/* Read from a disk: but for what is in memory, and for zeroes of shmem and hugetlb. */
	return say(fault,
		   err == PTL_FILLED_FROM_SWAP || (err && file && !file->shmem && !file->page_lg2)
			   ? PT_VERDICT_MAJOR
			   : PT_VERDICT_MINOR);
}

/* A hole of the largest aligned block that could be filled at once. */
static enum step hole(struct fault *fault)
{
	struct pt_mm *mm = fault->mm;
	struct pt_world *world = mm->world;
	const struct pt_mm_area *area = fault->area;
	pt_va_t lo = ptl_align_down(fault->va, world->huge_lg2);
	pt_va_t hi = ptl_last(fault->va, world->huge_lg2);
	struct ptl_fill how = { .write = fault->write };
	struct ptl_run run;

	if (lo < area->first)
		lo = area->first;
	if (hi > area->last)
		hi = area->last;
	if (area->kind == PT_MM_HUGETLB) {
		lo = ptl_align_down(fault->va, area->page_lg2);
		hi = ptl_last(fault->va, area->page_lg2);
	}
	for (bool more = ptl_run_start(&run, mm, lo, hi); more && run.last < fault->va;
	     more = ptl_run_next(&run))
		;
	pt_range_walk_done(&run.walk);
	PTL_BUG_ON(run.kind != PTL_RUN_HOLE);
	how.lo = run.va;
	how.hi = run.last;
	if (area->flags & PT_MM_HUGEPAGE)
		how.order = world->huge_lg2 - world->page_lg2;
	return fill(fault, &run, &how);
}

/* The entry of level 1 is of pages now, and so is its mapping; or it is a hole. */
static enum step split(struct fault *fault)
{
	struct ptl_edit edit;
	int err;

	ptl_edit_begin(&edit, fault->mm);
	err = ptl_cut_entry(&edit, fault->va);
	ptl_edit_end(&edit);
	return err ? STEP_ERROR : STEP_AGAIN;
}

/*
 * A copy of @len bytes at @from becomes the page at @va, in place of what stands there: one page,
 * or hugetlb's. For the huge zero page it is one as large, or where there is none pages first, as
 * Linux does since 6.13; before, it had pages at once. Source: Linux 6.15, mm/huge_memory.c,
 * do_huge_zero_wp_pmd().
 */
static enum step copy_page(struct fault *fault, pt_va_t va, pt_pa_t from, uint64_t len,
			   const struct ptl_piece *old)
{
	struct pt_mm *mm = fault->mm;
	struct pt_world *world = mm->world;
	unsigned int order = (unsigned int)__builtin_ctzll(len) - world->page_lg2;
	bool huge = fault->area->kind == PT_MM_HUGETLB, zero = ptl_is_zero(world, from);
	bool entire = huge || order;
	struct pt_change change;
	struct ptl_edit edit;
	pt_pa_t head;

	if (ptl_anon_alloc(mm, fault->area, va, order, huge ? PTL_PAGE_HUGETLB : 0, zero, &head)) {
		if (huge)
			return say(fault, PT_VERDICT_SIGBUS);
		return order ? split(fault) : STEP_ERROR;
	}
	ptl_edit_begin(&edit, mm);
	change = ptl_change(&edit, 0);
	/* Unmapped and flushed before it is read: no store is lost, and two are never mapped. */
	PTL_BUG_ON(pt_unmap(mm->pt, va, len, &change));
	pt_gather_finish(&edit.gather);
	if (!zero)
		ptl_folio_copy(world, head, from, len);
	if (old->counted)
		ptl_edit_drop(&edit, old->pa, len, old->entire);
	PTL_BUG_ON(ptl_put_leaf(mm, fault->area, va, head, len,
				ptl_leaf_attr(mm, fault->area, true), 0, PTL_OVER_HOLES, false));
	ptl_map_add(world, head, len, entire);
	ptl_set_exclusive(world, head, len, entire, true);
	ptl_edit_end(&edit);
	return say(fault, PT_VERDICT_MINOR);
}

/* Who watches was asked before: a mark that is still there is nobody's. */
static void allow_write(struct fault *fault, pt_va_t va, uint64_t len)
{
	const struct pt_soft_cfg *soft = &fault->mm->world->cfg.soft;
	struct ptl_edit edit;
	struct pt_change change;

	ptl_edit_begin(&edit, fault->mm);
	change = ptl_change(&edit, 0);
	PTL_BUG_ON(pt_protect(fault->mm->pt, va, len,
			      PT_ATTR_WRITE | PT_ATTR_ACCESSED | PT_ATTR_DIRTY | soft->attr_dirty |
				      soft->attr_soft_dirty,
			      soft->attr_uffd_wp, &change));
	ptl_edit_end(&edit);
}

/* A store to a private frame that nobody counts: a zero page, or a device's. */
static enum step copy_frame(struct fault *fault, const struct ptl_piece *piece)
{
	struct pt_world *world = fault->mm->world;
	uint64_t page = ptl_page_bytes(world);
	struct ptl_edit edit;
	struct pt_change change;
	int err;

	if (ptl_is_huge_zero(world, piece->pa))
		return copy_page(fault, ptl_align_down(fault->va, world->huge_lg2), piece->pa,
				 PTL_BIT(world->huge_lg2), piece);
	if (ptl_keeps_content(world) && !pt_phys_to_host(world->phys, piece->pa, page))
		return say(fault, PT_VERDICT_SIGBUS);
	if (!fault->run.level)
		return copy_page(fault, fault->va, piece->pa, page, piece);
	ptl_edit_begin(&edit, fault->mm);
	change = ptl_change(&edit, 0);
	err = pt_split(fault->mm->pt, fault->va, page, 0, &change);
	ptl_edit_end(&edit);
	return err ? STEP_ERROR : STEP_AGAIN;
}

/* A store to a leaf that does not allow it. */
static enum step write_leaf(struct fault *fault)
{
	struct pt_mm *mm = fault->mm;
	struct pt_world *world = mm->world;
	const struct pt_mm_area *area = fault->area;
	uint64_t page = ptl_page_bytes(world);
	struct ptl_piece piece = ptl_piece_at(&fault->run, fault->run.va);
	pt_va_t va = fault->va;
	uint64_t len = page;
	unsigned int flags;

	if (fault->run.attr & world->cfg.soft.attr_uffd_wp && wp_is_on(fault))
		return say(fault, PT_VERDICT_UFFD_WP);
	if (!piece.head) {
		if (!ptl_area_is_private(area)) {
			allow_write(fault, ptl_align_down(va, fault->run.size_lg2),
				    PTL_BIT(fault->run.size_lg2));
			return say(fault, PT_VERDICT_MINOR);
		}
		return copy_frame(fault, &piece);
	}
	flags = ptl_page_flags(piece.head);
	if (flags & PTL_PAGE_HUGETLB) {
		va = ptl_align_down(va, area->page_lg2);
		len = PTL_BIT(area->page_lg2);
		piece.pa = ptl_folio_head(world, piece.pa);
		piece.counted = true;
	} else if (piece.entire) {
		va = ptl_align_down(va, world->huge_lg2);
		len = PTL_BIT(world->huge_lg2);
		piece.pa = ptl_folio_head(world, piece.pa);
	}
	if (!ptl_area_is_private(area)) {
		ptl_page_set(piece.head, PTL_PAGE_DIRTY, 0);
		allow_write(fault, va, len);
		return say(fault, PT_VERDICT_MINOR);
	}
	/* A driver's page that nobody else maps. */
	if (area->kind == PT_MM_MIXEDMAP && !(flags & PTL_PAGE_ANON) &&
	    ptl_page_mapcount(world, piece.pa) == 1) {
		allow_write(fault, va, len);
		return say(fault, PT_VERDICT_MINOR);
	}
	if (flags & PTL_PAGE_ANON &&
	    (ptl_is_exclusive(world, piece.pa) ||
	     (!piece.head->pins &&
	      atomic_load_explicit(&piece.head->total, memory_order_relaxed) == 1))) {
		ptl_set_exclusive(world, piece.pa, len, piece.entire, true);
		allow_write(fault, va, len);
		return say(fault, PT_VERDICT_MINOR);
	}
	/* One page is copied, not all: first it must be one. */
	if (piece.entire && !(flags & PTL_PAGE_HUGETLB))
		return split(fault);
	return copy_page(fault, va, piece.pa, len, &piece);
}

/* Whole entries change: a part of one would be split, by what knows nothing of counts. */
static enum step leaf(struct fault *fault)
{
	const struct pt_mm_area *area = fault->area;
	unsigned int lg2 = area->kind == PT_MM_HUGETLB ? area->page_lg2 : fault->run.size_lg2;
	pt_attr_t attr = fault->run.attr;
	struct ptl_edit edit;
	struct pt_change change;

	if (fault->write && !(attr & PT_ATTR_WRITE))
		return write_leaf(fault);
	if (attr & PT_ATTR_ACCESSED)
		return say(fault, fault->worked ? PT_VERDICT_MINOR : PT_VERDICT_SPURIOUS);
	ptl_edit_begin(&edit, fault->mm);
	change = ptl_change(&edit, 0);
	PTL_BUG_ON(pt_protect(fault->mm->pt, ptl_align_down(fault->va, lg2), PTL_BIT(lg2),
			      PT_ATTR_ACCESSED, 0, &change));
	ptl_edit_end(&edit);
	return say(fault, PT_VERDICT_MINOR);
}

/* A hint: the leaf is shown with the area's rights, but for stores, which are asked for next. */
static enum step show(struct fault *fault)
{
	struct pt_mm *mm = fault->mm;
	const struct pt_mm_area *area = fault->area;
	unsigned int lg2 = area->kind == PT_MM_HUGETLB ? area->page_lg2 : fault->run.size_lg2;
	pt_attr_t exec = area->flags & PT_MM_EXEC ? PT_ATTR_EXEC : 0;
	struct ptl_edit edit;
	struct pt_change change;

	ptl_edit_begin(&edit, mm);
	change = ptl_change(&edit, 0);
	PTL_BUG_ON(pt_soft_show(mm->pt, ptl_align_down(fault->va, lg2), PTL_BIT(lg2),
				exec | PT_ATTR_ACCESSED, PT_ATTR_WRITE, &change));
	ptl_edit_end(&edit);
	fault->worked = true;
	return STEP_AGAIN;
}

/* A page comes back, from swap or from a device, in place of its word. */
static enum step bring_back(struct fault *fault)
{
	struct pt_mm *mm = fault->mm;
	struct pt_world *world = mm->world;
	const struct pt_soft soft = fault->run.soft;
	bool swap = soft.kind == PT_SOFT_SWAP;
	bool write = fault->write && !(soft.flags & PT_SOFT_UFFD_WP);
	uint64_t page = ptl_page_bytes(world);
	struct pt_swap *device = swap ? ptl_swap_of(world, soft.type) : NULL;
	struct ptl_piece piece;
	struct ptl_edit edit;
	pt_pa_t pa;

	if (!swap && fault->run.level)
		return split(fault);
	/* What it came back from forgets it: dirty, for it is nowhere else. */
	if (ptl_anon_alloc(mm, fault->area, fault->va, 0, PTL_PAGE_DIRTY, swap, &pa))
		return STEP_ERROR;
	if (swap)
		ptl_swap_read(device, soft.offset, pa);
	else
		ptl_folio_copy(world, pa, soft.pfn << world->page_lg2, page);
	ptl_soft_page(&fault->run, &piece);
	PTL_BUG_ON(ptl_put_leaf(mm, fault->area, fault->va, pa, page,
				ptl_leaf_attr(mm, fault->area, write), 0, PTL_OVER_WORDS, false));
	ptl_map_add(world, pa, page, false);
	ptl_set_exclusive(world, pa, page, false, true);
	if (swap) {
		ptl_swap_put(device, soft.offset);
	} else {
		ptl_edit_begin(&edit, mm);
		ptl_edit_drop(&edit, piece.pa, page, false);
		ptl_edit_end(&edit);
	}
	if (fault->write && !write) {
		if (wp_is_on(fault))
			return say(fault, PT_VERDICT_UFFD_WP);
		allow_write(fault, fault->va, page);
	}
	return say(fault, PT_VERDICT_MAJOR);
}

static enum step marker(struct fault *fault)
{
	unsigned int markers = fault->run.soft.markers;
	unsigned int lg2 = fault->mm->world->page_lg2;
	struct ptl_fill how = {
		.write = fault->write,
		.wp = wp_is_on(fault),
		.marker = true,
	};

	if (markers & PT_SOFT_MARKER_POISONED)
		return say(fault, PT_VERDICT_SIGBUS_POISON);
	if (markers & PT_SOFT_MARKER_GUARD)
		return say(fault, PT_VERDICT_SEGV_MAPERR);
	/*
	 * uffd-wp: as a hole, but what is mapped there carries the mark, if anybody watches. It
	 * takes the marker's place, so that the marker is there if nothing can be mapped.
	 */
	if (fault->area->kind == PT_MM_HUGETLB)
		lg2 = fault->area->page_lg2;
	else if (fault->run.level)
		return split(fault);
	how.lo = ptl_align_down(fault->va, lg2);
	how.hi = ptl_last(fault->va, lg2);
	return fill(fault, &fault->run, &how);
}

static enum step software(struct fault *fault)
{
	switch (fault->run.soft.kind) {
	case PT_SOFT_SWAP:
	case PT_SOFT_DEVICE_READ:
	case PT_SOFT_DEVICE_WRITE:
		return bring_back(fault);
	case PT_SOFT_DEVICE_EXCLUSIVE:
	case PT_SOFT_DEVICE_EXCLUSIVE_WRITE:
		ptl_end_exclusive(fault->mm, fault->area, fault->run.va, fault->run.last);
		fault->worked = true;
		return STEP_AGAIN;
	case PT_SOFT_MARKER:
		return marker(fault);
	case PT_SOFT_HWPOISON:
		return say(fault, PT_VERDICT_SIGBUS_POISON);
	default:
		return say(fault, PT_VERDICT_RETRY);
	}
}

static enum step step(struct fault *fault)
{
	ptl_run_at(&fault->run, fault->mm, fault->va);
	switch (fault->run.kind) {
	case PTL_RUN_HOLE:
		return hole(fault);
	case PTL_RUN_SOFT:
		return software(fault);
	default:
		return fault->run.hidden ? show(fault) : leaf(fault);
	}
}

static bool is_write(enum pt_access_kind kind)
{
	return kind == PT_ACCESS_WRITE || kind == PT_ACCESS_RMW;
}

static bool allows(const struct pt_mm_area *area, enum pt_access_kind kind)
{
	if (is_write(kind))
		return area->flags & PT_MM_WRITE;
	return area->flags & (kind == PT_ACCESS_FETCH ? PT_MM_EXEC : PT_MM_PROT);
}

int pt_mm_fault(struct pt_mm *mm, pt_va_t va, enum pt_access_kind kind, enum pt_mm_verdict *verdict)
{
	struct fault fault = {
		.mm = mm,
		.area = ptl_area_of(mm, va),
		.va = ptl_align_down(va, mm->world->page_lg2),
		.write = is_write(kind),
		.exec = kind == PT_ACCESS_FETCH,
	};
	enum step next = STEP_AGAIN;

	if ((unsigned int)kind > PT_ACCESS_FETCH)
		return -EINVAL;
	if (!fault.area) {
		*verdict = PT_VERDICT_SEGV_MAPERR;
		return 0;
	}
	if (!allows(fault.area, kind)) {
		*verdict = PT_VERDICT_SEGV_ACCERR;
		return 0;
	}
	while (next == STEP_AGAIN)
		next = step(&fault);
	if (next == STEP_ERROR)
		return -ENOMEM;
	*verdict = fault.verdict;
	return 0;
}

#define ESR_WNR PTL_BIT(6)
#define ESR_CM PTL_BIT(8) /* cache maintenance, which WnR calls a write and is none */
#define ESR_OVERLAY PTL_BIT(38) /* ISS2.Overlay, of permission faults */
#define ESR_FSC_TYPE 0x3cu
#define ESR_FSC_PERMISSION 0xcu

/* Refused by a protection key: nothing here can make it succeed. */
static bool refused_by_key(struct pt_mm *mm, const struct pt_fault *hw, enum pt_access_kind kind)
{
	const struct pt_mm_area *area = ptl_area_of(mm, hw->va);

	if (!area)
		return false;
	/* x86 tells of the key whatever the area allows, arm64 of what the area forbids. */
	if (hw->kind == PT_FAULT_PF)
		return hw->code & PT_X86_PF_PK;
	return (hw->code & ESR_FSC_TYPE) == ESR_FSC_PERMISSION && hw->code & ESR_OVERLAY &&
	       allows(area, kind);
}

int pt_mm_fault_hw(struct pt_mm *mm, const struct pt_fault *hw, enum pt_mm_verdict *verdict)
{
	enum pt_access_kind kind = PT_ACCESS_READ;

	if (hw->stage == 2)
		return -EINVAL;
	switch (hw->kind) {
	case PT_FAULT_PF:
		if (hw->code & PT_X86_PF_W)
			kind = PT_ACCESS_WRITE;
		else if (hw->code & PT_X86_PF_I)
			kind = PT_ACCESS_FETCH;
		break;
	case PT_FAULT_DATA_ABORT:
		if (hw->code & ESR_WNR && !(hw->code & ESR_CM))
			kind = PT_ACCESS_WRITE;
		break;
	case PT_FAULT_INSTR_ABORT:
		kind = PT_ACCESS_FETCH;
		break;
	default:
		return -EINVAL;
	}
	if (refused_by_key(mm, hw, kind)) {
		*verdict = PT_VERDICT_SEGV_PKUERR;
		return 0;
	}
	return pt_mm_fault(mm, hw->va, kind, verdict);
}

const char *pt_mm_verdict_name(enum pt_mm_verdict verdict)
{
	static const char *const names[PT_VERDICT_NR] = {
		[PT_VERDICT_MINOR] = "minor",
		[PT_VERDICT_MAJOR] = "major",
		[PT_VERDICT_SPURIOUS] = "spurious",
		[PT_VERDICT_RETRY] = "retry",
		[PT_VERDICT_UFFD_WP] = "uffd-wp",
		[PT_VERDICT_SEGV_MAPERR] = "SIGSEGV, not mapped",
		[PT_VERDICT_SEGV_ACCERR] = "SIGSEGV, not allowed",
		[PT_VERDICT_SEGV_PKUERR] = "SIGSEGV, protection key",
		[PT_VERDICT_SIGBUS] = "SIGBUS",
		[PT_VERDICT_SIGBUS_POISON] = "SIGBUS, poisoned",
	};

	return (unsigned int)verdict < PT_VERDICT_NR ? names[verdict] : "unknown";
}
