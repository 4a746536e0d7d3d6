/* SPDX-License-Identifier: MIT */
/* What every walker shares, and what an architecture needs to make a regime. */
#include <string.h>

#include "mmu/mmu_internal.h"
#include "pt/fmt_cfg.h"

static bool same_cfg(const struct pt_fmt_cfg *a, const struct pt_fmt_cfg *b)
{
	return ptl_fmt_cfg_alike(a, b) && a->levels == b->levels && a->upper_half == b->upper_half;
}

int ptl_regime_init(struct ptl_regime *r, const struct pt_phys *phys,
		    const struct pt_fmt_cfg *cfg, pt_pa_t root_pa,
		    const struct ptl_walker *walker)
{
	const struct ptl_region *region;
	struct ptl_window window;
	uint8_t *near = NULL;
	unsigned int granule_lg2 = walker->granule_lg2;

	if (r->walker != walker || !same_cfg(&r->fmt.cfg, cfg)) {
		struct ptl_fmt f;
		int err;

		memset(&f, 0, offsetof(struct ptl_fmt, attr_of_low)); /* a walk needs no more */
		f.cfg = *cfg;
		err = walker->init(&f);
		if (err)
			return err;
		memcpy(&r->fmt, &f, offsetof(struct ptl_fmt, attr_of_low));
	}
	r->walker = walker;
	r->stage = 1;
	r->broken = false;
	r->walk_writes = r->stands_alone = false; /* a second stage says so afterwards */
	r->root_pa = ptl_align_down(root_pa, walker->root_align_lg2(&r->fmt));
	region = ptl_phys_find(phys, r->root_pa);
	memset(&r->window, 0, sizeof(r->window)); /* nothing is in it */
	if (region)
		r->window = *region;
	window = ptl_window_of(&r->window, &r->fmt, granule_lg2);
	/* Neither wider, nor narrower, nor of fewer levels than the quick way is compiled for. */
	r->is_usual = cfg->va_bits == PTL_USUAL_VA_BITS;
	r->may_be_quick = r->is_usual &&
			  (r->fmt.top_level + 1) * (granule_lg2 - 3) + granule_lg2 >=
				  PTL_USUAL_VA_BITS &&
			  ptl_sieve_links(&r->link, &near, &window, &r->fmt, granule_lg2,
					  ptl_align_down(r->root_pa, granule_lg2));
	ptl_sieve_tables(&r->far, &r->fmt);
	ptl_sieve_pages(&r->page, &r->fmt);
	r->near_link = (uintptr_t)near - (uintptr_t)r->link.key;
	if (r->may_be_quick)
		r->root =
			(_Atomic uint64_t *)(void *)(r->window.host + (r->root_pa - r->window.pa));
	r->va_first = r->fmt.upper_first;
	r->va_counts[0] = r->va_counts[1] = ~UINT64_C(0);
	return 0;
}

void ptl_mmu_stages_changed(struct pt_mmu *mmu)
{
	for (unsigned int i = 0; i < 2; i++) {
		struct ptl_regime *r = &mmu->half[i];
		const struct ptl_regime *second = &mmu->second;

		r->is_quick = mmu->stage1 && !second->walker && r->walker && r->may_be_quick;
		r->access = ptl_access_fully;
		r->probe = ptl_probe_fully;
		if (r->is_quick) {
			r->access = r->walker->access;
			r->probe = r->walker->probe;
		} else if (mmu->stage1 && second->walker && second->may_be_quick &&
			   !second->stands_alone && r->walker && r->is_usual) {
			r->access = r->walker->access_nested;
			r->probe = r->walker->probe_nested;
		}
	}
}

void ptl_translate_flat(pt_pa_t pa, enum pt_mem mem, struct ptl_translation *to)
{
	*to = (struct ptl_translation){
		.pa = pa,
		.size_lg2 = 12, /* attributes could change at any page */
		.perms = PT_PERM_READ | PT_PERM_WRITE | PT_PERM_EXEC,
		.mem = mem,
	};
}

int ptl_no_memory(struct ptl_access *access, const struct ptl_regime *r, pt_pa_t pa,
		  unsigned int level)
{
	*access->fault = (struct pt_fault){
		.kind = PT_FAULT_NO_MEMORY,
		.why = PT_WHY_OUTSIDE,
		.stage = r->stage,
		.level = level,
		.va = access->va,
		.pa = pa,
	};
	return 1;
}

static enum pt_kind public_kind(enum ptl_kind kind)
{
	switch (kind) {
	case PTL_TABLE:
		return PT_KIND_TABLE;
	case PTL_LEAF:
		return PT_KIND_LEAF;
	case PTL_ILLEGAL:
		return PT_KIND_ILLEGAL;
	case PTL_EMPTY:
		return PT_KIND_EMPTY;
	default:
		return PT_KIND_SOFT; /* to hardware, what software means by it is nothing */
	}
}

void ptl_note_step(struct ptl_access *access, const struct ptl_regime *r, pt_pa_t table_pa,
		   unsigned int level, unsigned int index, uint64_t raw, enum ptl_kind kind)
{
	if (access->nr_steps == PT_ACCESS_MAX_STEPS)
		return; /* of a walk that started again */
	access->steps[access->nr_steps++] = (struct pt_access_step){
		.table_pa = table_pa,
		.raw = raw,
		.stage = r->stage,
		.level = level,
		.index = index,
		.kind = public_kind(kind),
	};
}
