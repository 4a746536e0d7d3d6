/* SPDX-License-Identifier: MIT */
/*
 * Entries that flushes remove, one by one as the TLB tells of them: which were dropped
 * needlessly, since no use of them would have been wrong.
 *
 * An entry is held to the tables that its ASID and VMID stand for on its CPU, whatever that
 * runs now: to the registers that were loaded with them last, which are remembered here. Where
 * a root has ceased to be a table there is nothing left to agree with. A global entry is of
 * whatever its CPU runs.
 */
#include <stdlib.h>

#include "machine/checker_internal.h"
#include "mmu/stray.h"

#define NR_ROOTS 3 /* of both halves, and of the second stage */

struct root {
	const struct pt_frame *frame; /* NULL: not known */
	uint32_t generation;
};

struct context {
	uint16_t vmid, asid;
	bool used, second;
	uint64_t noted; /* the latest has the largest */
	union {
		struct pt_x86_regs x86;
		struct pt_arm64_regs arm64;
	} regs;
	union {
		struct pt_x86_ept_regs ept;
		struct pt_arm64_s2_regs s2;
	} behind;
	struct root root[NR_ROOTS];
};

struct ptl_contexts {
	struct pt_mmu *mmu; /* has the registers of @loaded, if that is any */
	const struct context *loaded;
	struct context *current; /* pt_cpu.mmu's; NULL: none is */
	struct context *at; /* @max of them, by hash */
	size_t nr, max; /* @max is 0 or a power of two */
	uint64_t clock;
	uint64_t lost; /* @clock when one was lost: none from before may be the latest */
};

int ptl_contexts_create(struct ptl_contexts **out, struct pt_phys *phys)
{
	struct ptl_contexts *contexts = calloc(1, sizeof(*contexts));
	int err;

	if (!contexts)
		return -ENOMEM;
	err = pt_mmu_create(&contexts->mmu, phys);
	if (err) {
		free(contexts);
		return err;
	}
	*out = contexts;
	return 0;
}

void ptl_contexts_destroy(struct ptl_contexts *contexts)
{
	if (!contexts)
		return;
	pt_mmu_destroy(contexts->mmu);
	free(contexts->at);
	free(contexts);
}

/* ---- remembered ---- */

/* The one of these, or the free place for it; NULL only if there is no place at all. */
static struct context *find(const struct ptl_contexts *contexts, uint16_t vmid, uint16_t asid)
{
	size_t at = ((uint32_t)vmid << 16 | asid) * UINT64_C(0x9e3779b97f4a7c15) >> 40;

	if (!contexts->max)
		return NULL;
	for (;; at++) {
		struct context *context = &contexts->at[at & (contexts->max - 1)];

		if (!context->used || (context->vmid == vmid && context->asid == asid))
			return context;
	}
}

/* Half of the places stay free. */
static bool has_room(const struct ptl_contexts *contexts)
{
	return 2 * contexts->nr < contexts->max;
}

static bool grow(struct ptl_contexts *contexts)
{
	struct ptl_contexts larger = *contexts;

	larger.max = contexts->max ? 2 * contexts->max : 8;
	larger.at = calloc(larger.max, sizeof(*larger.at));
	if (!larger.at)
		return false;
	for (size_t i = 0; i < contexts->max; i++)
		if (contexts->at[i].used)
			*find(&larger, contexts->at[i].vmid, contexts->at[i].asid) =
				contexts->at[i];
	free(contexts->at);
	*contexts = larger;
	return true;
}

static struct root note_root(const struct pt_phys *phys, const struct ptl_regime *r)
{
	const struct ptl_region *region = r->walker ? ptl_phys_find(phys, r->root_pa) : NULL;
	const struct pt_frame *frame;

	if (!region)
		return (struct root){ NULL, 0 };
	frame = &region->frames[(r->root_pa - region->pa) >> phys->frame_lg2];
	return (struct root){ frame, ptl_frame_generation(frame) };
}

/* The one of these, or a place for it; NULL: there is no memory. */
static struct context *find_or_add(struct ptl_contexts *contexts, uint16_t vmid, uint16_t asid)
{
	struct context *context = find(contexts, vmid, asid);

	if (context && (context->used || has_room(contexts)))
		return context;
	return grow(contexts) ? find(contexts, vmid, asid) : NULL;
}

void ptl_check_context(struct pt_cpu *cpu)
{
	struct ptl_contexts *contexts = cpu->contexts;
	struct context *context;
	bool arm64 = cpu->machine->cfg.arm64;
	uint16_t asid = arm64 ? ptl_arm64_asid(&cpu->arm64) : cpu->now.pcid;

	contexts->current = NULL;
	contexts->loaded = NULL;
	context = find_or_add(contexts, cpu->vmid, asid);
	if (!context) {
		contexts->lost = ++contexts->clock;
		ptl_check_lose_context(cpu->machine->checker);
		return;
	}
	contexts->nr += !context->used;
	*context = (struct context){ .vmid = cpu->vmid,
				     .asid = asid,
				     .used = true,
				     .second = cpu->guest,
				     .noted = ++contexts->clock };
	if (arm64) {
		context->regs.arm64 = cpu->arm64;
		context->behind.s2 = cpu->s2;
	} else {
		context->regs.x86 = cpu->x86;
		context->behind.ept = cpu->ept;
	}
	/* A guest's own roots are at intermediate addresses. */
	for (unsigned int i = 0; !cpu->guest && i < 2; i++)
		context->root[i] = note_root(cpu->machine->phys, cpu->mmu->half_of[i]);
	if (cpu->guest)
		context->root[2] = note_root(cpu->machine->phys, &cpu->mmu->second);
	contexts->current = context;
}

void ptl_check_no_context(struct pt_cpu *cpu)
{
	cpu->contexts->current = NULL;
}

/* NULL: there is none, or it may be one that was lost. */
static const struct context *latest_of(const struct ptl_contexts *contexts, uint16_t vmid)
{
	const struct context *latest = NULL;

	for (size_t i = 0; i < contexts->max; i++) {
		const struct context *context = &contexts->at[i];

		if (context->used && context->vmid == vmid &&
		    (!latest || context->noted > latest->noted))
			latest = context;
	}
	return latest && latest->noted > contexts->lost ? latest : NULL;
}

/* NULL: nobody knows any more. */
static const struct context *context_of(const struct ptl_contexts *contexts,
					const struct pt_tlb_entry *entry)
{
	const struct context *context;

	if (entry->type == PT_TLB_GLOBAL)
		return latest_of(contexts, entry->vmid);
	context = find(contexts, entry->vmid, entry->asid);
	return context && context->used ? context : NULL;
}

static bool roots_are_tables(const struct context *context, pt_va_t va)
{
	const struct root *root = &context->root[va >> 55 & 1], *second = &context->root[2];

	return (!root->frame || ptl_frame_generation(root->frame) == root->generation) &&
	       (!second->frame || ptl_frame_generation(second->frame) == second->generation);
}

/* An MMU with the registers of @context; NULL: they were refused. */
static const struct pt_mmu *mmu_of(struct pt_cpu *cpu, const struct context *context)
{
	struct ptl_contexts *contexts = cpu->contexts;
	struct pt_mmu *mmu = contexts->mmu;
	bool arm64 = cpu->machine->cfg.arm64;
	int err;

	if (context == contexts->current)
		return cpu->mmu;
	if (context == contexts->loaded)
		return mmu;
	contexts->loaded = NULL;
	err = arm64 ? pt_mmu_set_arm64(mmu, &context->regs.arm64)
		    : pt_mmu_set_x86_64(mmu, &context->regs.x86);
	if (!err && arm64)
		err = pt_mmu_set_arm64_s2(mmu, context->second ? &context->behind.s2 : NULL);
	else if (!err)
		err = pt_mmu_set_ept(mmu, context->second ? &context->behind.ept : NULL);
	if (err)
		return NULL;
	contexts->loaded = context;
	return mmu;
}

/* ---- entries ---- */

/* An access of one byte, and the way that it takes. */
struct look {
	struct pt_access how;
	struct ptl_access access;
	struct ptl_asked asked;
	struct ptl_way way;
};

/* False: no tables are asked. */
static bool look_at(struct look *look, const struct pt_mmu *mmu, pt_va_t va, unsigned int priv)
{
	look->how = (struct pt_access){ .kind = PT_ACCESS_READ, .size = 1, .priv = priv };
	look->access = (struct ptl_access){ .mmu = mmu, .how = &look->how, .first = va, .va = va };
	if (!mmu->arch->ask(&look->access, &look->asked))
		return false;
	ptl_check_find_way(&look->way, &look->access, look->asked.r->fmt.top_level);
	return true;
}

/* Where it leads and what it lets be done is compared whole, whoever asks, and for what. */
static bool look_anyhow(struct look *look, const struct pt_mmu *mmu, pt_va_t va)
{
	return look_at(look, mmu, va, mmu->arch->max_priv) || look_at(look, mmu, va, 0);
}

/* Whether @entry is right about the leaf that @look found. */
static bool leaf_agrees(const struct look *look, const struct pt_tlb_entry *entry)
{
	const struct ptl_regime *r = look->asked.r;
	unsigned int judged = r->walker->judge(r, (uint32_t)entry->data, entry->raw, 0);

	judged = ptl_judged_by_both(judged, entry->data >> PTL_WITHHELD_SHIFT & 15);
	return ptl_check_compare(&look->way, &look->asked, entry, judged) == PT_CHECK_KIND_NR;
}

/*
 * The last byte, up to @until, of leaves in the table of the one at @va, that @look found, which
 * say the same as that, each of where it is: what leaf_agrees() says of one it says of all.
 */
static pt_va_t last_alike(const struct look *look, const struct pt_mmu *mmu, bool arm64, pt_va_t va,
			  pt_va_t until)
{
	const struct pt_access_step *step = &look->way.steps[look->way.nr - 1];
	const struct ptl_regime *r = look->asked.r;
	unsigned int lg2 = look->way.kept.leaf_lg2;
	pt_va_t last = ptl_last(va, lg2);
	uint64_t raw = step->raw;

	if (mmu->second.walker)
		return ptl_last(va, look->way.kept.size_lg2);
	for (pt_pa_t pa = step->table_pa + 8 * (uint64_t)step->index + 8;
	     last < until && !ptl_aligned(pa, r->walker->granule_lg2); pa += 8) {
		_Atomic uint64_t *word = ptl_word_at(mmu, r, pa);

		raw += PTL_BIT(lg2);
		/* As in walks from kept tables: the page may be nobody's by now. */
		if (!word ||
		    (ptl_walker_load(word, true) ^ raw) & ~(arm64 ? ARM64_AF : X86_ACCESSED))
			break;
		last += PTL_BIT(lg2);
	}
	return last;
}

static bool leaves_agree(const struct pt_mmu *mmu, bool arm64, const struct pt_tlb_entry *entry)
{
	pt_va_t at = entry->va, last = ptl_last(entry->va, entry->size_lg2);
	struct look look;

	for (;; at++) {
		if (!look_anyhow(&look, mmu, at) || !leaf_agrees(&look, entry))
			return false;
		at = last_alike(&look, mmu, arm64, at, last);
		if (at >= last)
			return true;
	}
}

static bool table_agrees(const struct pt_mmu *mmu, const struct pt_tlb_entry *entry)
{
	const struct ptl_kept_table *table;
	unsigned int granule_lg2;
	struct look look;

	if (!look_anyhow(&look, mmu, entry->va))
		return false;
	granule_lg2 = look.asked.r->walker->granule_lg2;
	table = &look.way.kept.table[(entry->size_lg2 - granule_lg2) / (granule_lg2 - 3) - 1];
	return table->pa == entry->pa &&
	       ptl_kept_pack(table->all, table->any) == (entry->data & PTL_BITS(15, 0));
}

void ptl_check_dropped(void *ctx, const struct pt_tlb_entry *entry)
{
	struct pt_cpu *cpu = ctx;
	const struct context *context;
	const struct pt_mmu *mmu = NULL;
	bool agrees;

	if (cpu->cause == PT_FLUSH_BY_FAULT)
		return; /* which the processor does by itself */
	context = context_of(cpu->contexts, entry);
	if (context && roots_are_tables(context, entry->va))
		mmu = mmu_of(cpu, context);
	if (!mmu)
		agrees = false;
	else if (entry->type == PT_TLB_TABLE)
		agrees = table_agrees(mmu, entry);
	else
		agrees = leaves_agree(mmu, cpu->machine->cfg.arm64, entry);
	ptl_count(&cpu->counters, PTL_COUNT_DROPPED, 1);
	ptl_count(&cpu->counters, PTL_COUNT_NEEDLESSLY, agrees);
}
