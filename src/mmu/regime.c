/* SPDX-License-Identifier: MIT */
/* What every walker shares, and what an architecture needs to make a regime. */
#include <string.h>

#include "mmu/mmu_internal.h"

static bool same_cfg(const struct pt_fmt_cfg *a, const struct pt_fmt_cfg *b)
{
	return a->fmt == b->fmt && a->va_bits == b->va_bits && a->pa_bits == b->pa_bits &&
	       a->upper_half == b->upper_half && a->bbm == b->bbm && a->features == b->features &&
	       a->share == b->share && a->mem_types == b->mem_types;
}

int ptl_regime_init(struct ptl_regime *r, const struct pt_phys *phys,
		    const struct pt_fmt_cfg *cfg, pt_pa_t root_pa,
		    const struct ptl_walker *walker)
{
	const struct ptl_region *window;

	if (r->walker != walker || !same_cfg(&r->fmt.cfg, cfg)) {
		struct ptl_fmt f = { .cfg = *cfg };
		int err = walker->init(&f);

		if (err)
			return err;
		r->fmt = f;
	}
	r->walker = walker;
	r->stage = 1;
	r->root_pa = ptl_align_down(root_pa, walker->root_align_lg2(&r->fmt));
	window = ptl_phys_find(phys, r->root_pa);
	if (window)
		r->window = *window;
	else
		memset(&r->window, 0, sizeof(r->window)); /* nothing is in it */
	return 0;
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
