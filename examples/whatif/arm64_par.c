/* SPDX-License-Identifier: MIT */
/*
 * PAR_EL1 of an AT that succeeded: the attributes of memory, of both stages together.
 *
 *   Arm ARM DDI 0487 J.a, D17.2.115 "PAR_EL1"; D17.2.97 "MAIR_EL1"; D8.5.6 "Combining
 *   stage 1 and stage 2 memory type attributes", D8.5.7 "Stage 2 memory type forcing"
 */
#include "explain/arm64.h"
#include "whatif.h"

#define NON_CACHEABLE 4u
#define DEVICE_NGNRNE 0u

enum { NON_SHAREABLE, OUTER = 2, INNER };

/* A byte as in MAIR_EL1, and SH of an entry. */
struct memory {
	unsigned int attr, share;
};

static bool is_device(unsigned int attr)
{
	return !(attr & 0xf0);
}

static struct memory stage1_of(const struct whatif *w, const struct whatif_case *c)
{
	uint64_t raw = c->seen.result.piece[0].raw;
	struct pt_fmt_cfg cfg;
	pt_pa_t root;

	if (!explain_config(&w->regime, 1, c->seen.va, &cfg, &root))
		return (struct memory){ w->regime.arm64.mair >> (8 * (raw >> 2 & 7)) & 0xff,
					is_lpa2(&cfg) ? cfg.share : raw >> 8 & 3 };
	if (w->regime.two_stages && w->regime.arm64_s2.hcr & HCR_DC)
		return (struct memory){ 0xff, NON_SHAREABLE };
	return (struct memory){ DEVICE_NGNRNE, OUTER };
}

/* Non-cacheable before write-through before write-back; stage 1 says what to allocate. */
static unsigned int combine_cache(unsigned int stage1, unsigned int stage2)
{
	bool is_through = (stage1 & 0xc) == 0 || (stage1 & 0xc) == 8;

	if (stage1 == NON_CACHEABLE || stage2 == 1)
		return NON_CACHEABLE;
	return is_through || stage2 == 3 ? stage1 : 8 | (stage1 & 3);
}

/* FEAT_S2FWB, 0110: write-back, whatever stage 1 says. */
static unsigned int force_cache(unsigned int stage1)
{
	return stage1 == 0 || stage1 == NON_CACHEABLE ? 0xf : stage1 | 4;
}

static unsigned int combine_attr(unsigned int stage1, unsigned int memattr, bool fwb)
{
	unsigned int outer = stage1 >> 4, inner = stage1 & 0xf;

	if (memattr < 4) /* Device */
		return !is_device(stage1) || memattr << 2 < stage1 ? memattr << 2 : stage1;
	if (fwb && memattr == 6)
		return is_device(stage1) ? 0xff : force_cache(outer) << 4 | force_cache(inner);
	if (is_device(stage1) || (fwb && memattr == 7))
		return stage1;
	if (fwb)
		return NON_CACHEABLE << 4 | NON_CACHEABLE;
	return combine_cache(outer, memattr >> 2) << 4 | combine_cache(inner, memattr & 3);
}

static unsigned int combine_share(unsigned int stage1, unsigned int stage2)
{
	if (stage1 == OUTER || stage2 == OUTER)
		return OUTER;
	return stage1 == INNER || stage2 == INNER ? INNER : NON_SHAREABLE;
}

/* What the leaf of the second stage makes of it. */
static void add_stage2(const struct whatif *w, const struct whatif_case *c, struct memory *memory)
{
	struct pt_access_step steps[PT_ACCESS_MAX_STEPS];
	struct pt_access_result result;
	struct pt_access byte = c->seen.how;
	struct pt_fmt_cfg cfg;
	unsigned int nr;
	pt_pa_t root;
	uint64_t raw;

	byte.size = 1;
	if (pt_access_trace(w->regime.mmu, c->seen.va, &byte, &result, steps, &nr) || !nr ||
	    explain_config(&w->regime, 2, 0, &cfg, &root))
		return;
	raw = steps[nr - 1].raw;
	memory->attr = combine_attr(memory->attr, raw >> 2 & 0xf, cfg.features & PT_FEAT_FWB);
	memory->share = combine_share(memory->share,
				      is_lpa2(&cfg) ? cfg.share : (unsigned int)(raw >> 8 & 3));
}

uint64_t whatif_arm64_par(const struct whatif *w, const struct whatif_case *c)
{
	struct memory memory = stage1_of(w, c);
	pt_pa_t pa = c->seen.result.piece[0].pa;

	if (w->regime.two_stages)
		add_stage2(w, c, &memory);
	/* Device and Normal Non-cacheable memory are Outer Shareable, whatever SH says. */
	if (is_device(memory.attr) || memory.attr == 0x44 || memory.attr == 0x40)
		memory.share = OUTER;
	return (uint64_t)memory.attr << 56 | (pa & 0x000ffffffffff000) | BIT(11) /* RES1 */ |
	       BIT(9) /* NS */ | (uint64_t)memory.share << 7; /* as a Non-secure state sees it */
}
