/* SPDX-License-Identifier: MIT */
/* Single words for software: not present to hardware, not empty to pt_map(). */
#include "pt/pagetable_internal.h"

uint64_t ptl_make_soft(struct pt_pgtable *pt, pt_va_t va, uint64_t raw)
{
	struct pt_step steps[PT_MAX_LEVELS];
	struct pt_step *step;
	struct pt_store store;
	unsigned int nr;

	PTL_BUG_ON(pt_entry_kind(pt, raw, 0) != PT_KIND_SOFT);
	PTL_BUG_ON(pt_trace(pt, va, steps, &nr));
	step = &steps[nr - 1];
	PTL_BUG_ON(step->level != 0);
	store = (struct pt_store){
		.pa = step->table_pa + 8 * (uint64_t)step->index,
		.va = ptl_align_down(va, pt->ops.granule_lg2),
		.new_ = raw,
	};
	/* An exchange in every mode: hardware may have marked it meanwhile. */
	store.old = atomic_exchange_explicit(&ptl_table_at(pt, step->table_pa)[step->index], raw,
					     memory_order_relaxed);
	if (pt->watch)
		pt->watch->store(pt->watch->ctx, &store);
	return store.old;
}
