/* SPDX-License-Identifier: MIT */
/*
 * fuzz_tlb_world.h - a machine, its spaces, and the model of what may be seen through its TLBs.
 *
 * Each space has small pages and one large unit, which is mapped by one leaf or by many. Of each
 * of them the model keeps views: what the tables say, and what they said before, as long as the
 * flush of that has not returned. An access may find any of them, and nothing else.
 */
#ifndef FUZZ_TLB_WORLD_H
#define FUZZ_TLB_WORLD_H

#include <string.h>

#include <ptlib/ptlib.h>

#include "fuzz_input.h"
#include "mmu/registers.h"
#include "model/configs.h"
#include "model/page_source.h"

#define TLB_TABLES UINT64_C(0x100000)
#define TLB_NR_TABLES 128
#define TLB_LEN UINT64_C(0x400000)    /* of memory: tables alone */
#define TLB_DATA UINT64_C(0x40000000) /* what leaves point at, which need not be there */
#define TLB_VA UINT64_C(0x10000000)  /* small pages */
#define TLB_LARGE_VA UINT64_C(0x80000000)
#define TLB_MAX_CPUS 4
#define TLB_MAX_SPACES 3
#define TLB_SMALL 40
#define TLB_UNITS (TLB_SMALL + 1)
#define TLB_LARGE TLB_SMALL /* the unit */
#define TLB_VIEWS 6
#define TLB_OUTPUTS 3

/* How one flush is wrong, or all from one on. */
enum tlb_broken {
	TLB_RIGHT,
	TLB_FORGOTTEN,
	TLB_TOO_SHORT,
	TLB_WRONG_SPACE,
	TLB_LOCAL,        /* of the CPU that changes, alone */
	TLB_LEAVES_ALONE, /* where tables were freed */
	TLB_NO_BARRIER,   /* arm64 */
	TLB_WRONG_HINT,   /* arm64: of the level of large pages */
	TLB_BROKEN_NR,
};

struct tlb_view {
	bool present, write;
	unsigned int output;
};

struct tlb_unit {
	struct tlb_view view[TLB_VIEWS]; /* [0]: of now */
	unsigned int nr;
	bool written; /* by a store, since it was last made clean */
};

struct tlb_world;

struct tlb_space {
	struct tlb_world *w;
	struct pt_space *space;
	struct pt_pgtable *pt;
	struct pt_pgtable *user; /* with isolation: the same first word; NULL: none */
	struct pt_flush_ops ops;
	struct pt_gather gather;
	bool gathering;
	bool deferred; /* into the batch */
	bool tables_unhooked; /* by the gather: pages may seem not to be there */
	struct tlb_unit unit[TLB_UNITS];
};

struct tlb_world {
	struct pt_phys *phys;
	struct page_source source;
	struct pt_machine *machine;
	struct pt_pgtable_cfg cfg;
	struct pt_pgtable *kernel;
	struct pt_flush_batch *batch;
	uint64_t page, large; /* bytes */
	bool x86, tracks_dirty, isolates;
	struct tlb_space space[TLB_MAX_SPACES];
	unsigned int nr_spaces, nr_cpus;
	unsigned int on[TLB_MAX_CPUS]; /* the space that each CPU has loaded */
	bool lazy[TLB_MAX_CPUS];
	unsigned int cpu_number; /* that this thread runs */
	struct pt_cpu *cpu;
	enum tlb_broken how;
	unsigned int right_flushes; /* before the first that is wrong */
	bool stays_wrong;           /* and so are all after it */
	bool is_wrong;              /* one was */
	uint64_t nr_reports;
};

static inline pt_va_t tlb_va(const struct tlb_world *w, unsigned int unit)
{
	return unit == TLB_LARGE ? TLB_LARGE_VA : TLB_VA + unit * w->page;
}

static inline uint64_t tlb_unit_len(const struct tlb_world *w, unsigned int unit)
{
	return unit == TLB_LARGE ? w->large : w->page;
}

/* Outputs of neighbours follow each other, so that blocks can form. */
static inline pt_pa_t tlb_output(const struct tlb_world *w, unsigned int unit, unsigned int output)
{
	if (unit == TLB_LARGE)
		return TLB_DATA + (output + 1) * w->large;
	return TLB_DATA + ((uint64_t)output * 64 + unit) * w->page;
}

/* ---- the model ---- */

static inline bool tlb_same_view(const struct tlb_view *a, const struct tlb_view *b)
{
	return a->present == b->present &&
	       (!a->present || (a->write == b->write && a->output == b->output));
}

/* @view is what the tables say from now on; @flushed: and all that may be seen. */
static inline void tlb_set(struct tlb_unit *unit, struct tlb_view view, bool flushed)
{
	if (!flushed && !tlb_same_view(&unit->view[0], &view)) {
		FUZZ_CHECK(unit->nr < TLB_VIEWS);
		memmove(&unit->view[1], &unit->view[0], unit->nr * sizeof(view));
		unit->nr++;
	}
	if (flushed)
		unit->nr = 1;
	unit->view[0] = view;
}

/* ---- flushes, right and wrong ---- */

static inline void tlb_by_page(struct tlb_world *w, pt_va_t first, pt_va_t last, uint64_t hint,
			       bool broadcast)
{
	for (pt_va_t va = first; va <= last; va += w->page) {
		if (w->x86)
			pt_cpu_invlpg(w->cpu, va);
		else
			FUZZ_CHECK_EQ(pt_cpu_tlbi(w->cpu, PT_TLBI_VAALE1,
						  (va >> 12 & ((UINT64_C(1) << 44) - 1)) | hint, 0,
						  broadcast),
				      0);
		if (last - va < w->page)
			return;
	}
}

static inline void tlb_flush_wrongly(struct tlb_space *s, pt_va_t first, pt_va_t last,
				     unsigned int stride_lg2, bool tables)
{
	struct tlb_world *w = s->w;
	const struct pt_flush_ops *real = pt_space_flush_ops(s->space);
	enum tlb_broken how;
	bool by_page = w->how == TLB_LOCAL || w->how == TLB_NO_BARRIER || w->how == TLB_WRONG_HINT;
	bool wrong = w->how != TLB_RIGHT && !w->right_flushes &&
		     !(by_page && (last - first) / w->page > 4096); /* of tables high up */

	if (w->right_flushes)
		w->right_flushes--;
	how = wrong ? w->how : TLB_RIGHT;
	if (wrong) {
		w->is_wrong = true;
		if (!w->stays_wrong)
			w->how = TLB_RIGHT;
	}
	switch (how) {
	case TLB_FORGOTTEN:
		return;
	case TLB_TOO_SHORT:
		if (last - first >= w->page)
			real->range(real->ctx, first, last - w->page, stride_lg2);
		return;
	case TLB_WRONG_SPACE:
		real = pt_space_flush_ops(w->space[(s - w->space + 1) % w->nr_spaces].space);
		break;
	case TLB_LOCAL:
		tlb_by_page(w, first, last, 0, false);
		pt_cpu_dsb(w->cpu);
		return;
	case TLB_NO_BARRIER:
		tlb_by_page(w, first, last, 0, true);
		return;
	case TLB_WRONG_HINT:
		tlb_by_page(w, first, last, w->x86 ? 0 : UINT64_C(6) << 44, true);
		pt_cpu_dsb(w->cpu);
		return;
	case TLB_LEAVES_ALONE:
		tables = false;
		break;
	default:
		break;
	}
	if (tables)
		real->tables_freed(real->ctx, first, last, stride_lg2);
	else
		real->range(real->ctx, first, last, stride_lg2);
}

static inline void tlb_flush_range(void *ctx, pt_va_t first, pt_va_t last, unsigned int stride_lg2)
{
	tlb_flush_wrongly(ctx, first, last, stride_lg2, false);
}

static inline void tlb_flush_tables(void *ctx, pt_va_t first, pt_va_t last,
				    unsigned int stride_lg2)
{
	tlb_flush_wrongly(ctx, first, last, stride_lg2, true);
}

static inline void tlb_flush_all(void *ctx)
{
	struct tlb_space *s = ctx;
	const struct pt_flush_ops *real = pt_space_flush_ops(s->space);

	if (s->w->how == TLB_FORGOTTEN && !s->w->right_flushes) {
		s->w->is_wrong = true;
		if (!s->w->stays_wrong)
			s->w->how = TLB_RIGHT;
	} else {
		real->all(real->ctx);
	}
}

/* ---- making it ---- */

static inline void tlb_report(void *ctx, const struct pt_check_report *report)
{
	struct tlb_world *w = ctx;
	char text[800];

	w->nr_reports++;
	if (w->is_wrong)
		return;
	FUZZ_CHECK(pt_check_report_text(report, text, sizeof(text)) < sizeof(text));
	fputs(text, stderr);
	FUZZ_CHECK(!"a report, though no flush was wrong");
}

static inline void tlb_load(struct tlb_world *w, struct pt_cpu *cpu)
{
	if (w->x86) {
		struct pt_x86_regs regs = x86_registers(&w->cfg.fmt, TLB_TABLES);

		regs.cr4 |= 1 << 17 | 1 << 7; /* PCIDE, PGE */
		FUZZ_CHECK_EQ(pt_cpu_load_x86_64(cpu, &regs), 0);
	} else {
		struct pt_arm64_regs regs = arm64_registers(&w->cfg.fmt, TLB_TABLES);

		regs.tcr |= UINT64_C(1) << 36; /* 16 bits of ASID */
		FUZZ_CHECK_EQ(pt_cpu_load_arm64(cpu, &regs), 0);
	}
}

static inline void tlb_enter(struct tlb_world *w, unsigned int number)
{
	w->cpu_number = number;
	w->cpu = pt_machine_cpu(w->machine, number);
	FUZZ_CHECK_EQ(pt_cpu_enter(w->cpu), 0);
}

static inline void tlb_switch(struct tlb_world *w, unsigned int space)
{
	FUZZ_CHECK_EQ(pt_cpu_switch(w->cpu, w->space[space].space), 0);
	w->on[w->cpu_number] = space;
	w->lazy[w->cpu_number] = false;
}

static inline struct pt_tlb_cfg tlb_geometry(struct fuzz_input *in)
{
	static const unsigned int ways[] = { 1, 2, 4, 8, 16, 64 };
	const unsigned int pages = 1u << PT_TLB_USE_DATA | 1u << PT_TLB_USE_FETCH;
	unsigned int how = fuzz_u8(in);
	enum pt_tlb_policy policy = (enum pt_tlb_policy)(how >> 1 & 3);

	return (struct pt_tlb_cfg){
		.parts = { { 1, pages, ((UINT64_C(1) << 40) - 1) & ~(uint64_t)0xfff, 64,
			     ways[(how >> 3) % 6], policy },
			   { 2, pages, ((UINT64_C(1) << 40) - 1) & ~(uint64_t)0xfff, 256, 8,
			     policy },
			   { 1, 1u << PT_TLB_USE_TABLE,
			     ((UINT64_C(1) << 48) - 1) & ~(uint64_t)0xfff, 32, 32, policy } },
		.nr_parts = how & 1 ? 2 : 3,
		.seed = how,
	};
}

static inline void tlb_make_machine(struct tlb_world *w, struct fuzz_input *in)
{
	struct pt_machine_cfg cfg;
	unsigned int how;

	w->nr_cpus = (unsigned int)fuzz_range(in, 1, TLB_MAX_CPUS);
	pt_machine_cfg_init(&cfg, pt_tlb_profile_find(w->x86 ? "zen4" : "neoverse-n1"), w->nr_cpus);
	cfg.tlb = tlb_geometry(in);
	cfg.checked = true;
	cfg.policy.ceiling = fuzz_u8(in) % 40;
	cfg.policy.nr_pcids = fuzz_u8(in) % 4;
	cfg.policy.generations = fuzz_bool(in);
	cfg.policy.lazy = fuzz_bool(in);
	how = fuzz_u8(in);
	cfg.policy.ranges = how & 1;
	cfg.policy.max_dvm_ops = fuzz_u8(in);
	cfg.policy.max_range_pages = fuzz_u16(in);
	cfg.policy.delivery = w->x86 ? fuzz_u8(in) % PT_DELIVERY_NR : PT_DELIVER_IPI;
	w->isolates = w->x86 && cfg.policy.delivery == PT_DELIVER_IPI && how & 2;
	cfg.policy.isolation = w->isolates;
	cfg.policy.invpcid = !(how & 4);
	cfg.policy.max_count = fuzz_u8(in) % 16;
	FUZZ_CHECK_EQ(pt_machine_create(&w->machine, w->phys, &cfg), 0);
	FUZZ_CHECK_EQ(pt_flush_batch_create(&w->batch, w->machine), 0);
	FUZZ_CHECK_EQ(pt_machine_set_checker(w->machine, PT_CHECK_WRONG, tlb_report, w), 0);
}

/* User mode has all of it: what is mapped is under one word of the top table. */
static inline void tlb_make_user_table(struct tlb_world *w, struct tlb_space *s)
{
	unsigned int top = w->cfg.fmt.va_bits == 57 ? 4 : 3;

	FUZZ_CHECK_EQ(pt_populate(s->pt, 0, UINT64_C(1) << 39, top - 1, NULL), 0);
	FUZZ_CHECK_EQ(pt_pgtable_create(&s->user, w->phys, &w->cfg), 0);
	FUZZ_CHECK_EQ(pt_pgtable_link(s->user, 0, s->pt, 0, UINT64_C(1) << (9 * top + 12), top), 0);
	FUZZ_CHECK_EQ(pt_space_set_user_table(s->space, s->user), 0);
}

static inline void tlb_destroy_space(struct tlb_world *w, struct tlb_space *s)
{
	unsigned int top = w->cfg.fmt.va_bits == 57 ? 4 : 3;

	if (s->gathering)
		pt_gather_finish(&s->gather);
	if (s->user)
		FUZZ_CHECK_EQ(
			pt_pgtable_unlink(s->user, 0, UINT64_C(1) << (9 * top + 12), top, NULL), 0);
	pt_pgtable_destroy(s->user);
	pt_pgtable_destroy(s->pt);
	pt_space_destroy(s->space);
}

static inline void tlb_make_space(struct tlb_world *w, struct tlb_space *s)
{
	s->w = w;
	s->ops = (struct pt_flush_ops){ tlb_flush_range, tlb_flush_all, tlb_flush_tables, s };
	FUZZ_CHECK_EQ(pt_space_create(&s->space, w->machine), 0);
	w->cfg.flush = &s->ops;
	w->cfg.watch = pt_space_watch_ops(s->space);
	FUZZ_CHECK_EQ(pt_pgtable_create(&s->pt, w->phys, &w->cfg), 0);
	FUZZ_CHECK_EQ(pt_space_set_table(s->space, s->pt), 0);
	if (w->isolates)
		tlb_make_user_table(w, s);
	for (unsigned int unit = 0; unit < TLB_UNITS; unit++)
		s->unit[unit].nr = 1;
}

static inline const struct config *tlb_config(struct fuzz_input *in)
{
	static const char *const names[] = { "x86_48", "arm_4k_48", "x86_57", "arm_4k_48_hd_bbm2",
					     "arm_16k_36_hd", "arm_4k_lpa2_52" };
	const char *name = names[fuzz_index(in, sizeof(names) / sizeof(names[0]))];

	for (size_t i = 0; i < NR_CONFIGS; i++)
		if (!strcmp(configs[i].name, name))
			return &configs[i];
	abort();
}

static inline void tlb_world_init(struct tlb_world *w, struct fuzz_input *in)
{
	const struct config *config = tlb_config(in);
	struct pt_format_info info;
	unsigned int how;

	memset(w, 0, sizeof(*w));
	w->cfg.fmt = config_fmt(config);
	w->cfg.mode = PT_MODE_SHARED;
	FUZZ_CHECK_EQ(pt_format_info(&w->cfg.fmt, &info), 0);
	w->x86 = w->cfg.fmt.fmt == PT_FMT_X86_64;
	w->tracks_dirty = w->x86 || w->cfg.fmt.features & PT_FEAT_HD;
	w->page = UINT64_C(1) << info.granule_lg2;
	w->large = UINT64_C(1) << info.leaf_lg2[1];
	how = fuzz_u8(in);
	w->how = (enum tlb_broken)(how % TLB_BROKEN_NR);
	w->stays_wrong = how & 128;
	w->right_flushes = fuzz_u8(in) % 16;
	FUZZ_CHECK_EQ(pt_phys_create_anon(&w->phys, TLB_LEN), 0);
	page_source_init(&w->source, w->phys, TLB_TABLES, info.granule_lg2, TLB_NR_TABLES);
	w->cfg.tables = page_source_ops(&w->source);
	tlb_make_machine(w, in);
	w->cfg.wait = pt_machine_wait_ops(w->machine);
	w->cfg.flush = pt_space_flush_ops(pt_machine_kernel(w->machine));
	FUZZ_CHECK_EQ(pt_pgtable_create(&w->kernel, w->phys, &w->cfg), 0);
	FUZZ_CHECK_EQ(pt_space_set_table(pt_machine_kernel(w->machine), w->kernel), 0);
	w->nr_spaces = (unsigned int)fuzz_range(in, 2, TLB_MAX_SPACES);
	for (unsigned int i = 0; i < w->nr_spaces; i++)
		tlb_make_space(w, &w->space[i]);
	for (unsigned int i = w->nr_cpus; i--;) {
		tlb_enter(w, i);
		tlb_load(w, w->cpu);
		tlb_switch(w, 0);
		if (i)
			pt_cpu_leave(w->cpu);
	}
}

static inline void tlb_world_exit(struct tlb_world *w)
{
	w->how = TLB_RIGHT;
	pt_flush_batch_finish(w->batch);
	pt_flush_batch_destroy(w->batch);
	pt_cpu_leave(w->cpu);
	for (unsigned int i = 0; i < w->nr_cpus; i++) {
		tlb_enter(w, i);
		pt_cpu_dsb(w->cpu);
		tlb_load(w, w->cpu); /* runs none of the spaces any more */
		FUZZ_CHECK_EQ(pt_tlb_verify(pt_cpu_tlb(w->cpu)), 0);
		pt_cpu_leave(w->cpu);
	}
	for (unsigned int i = 0; i < w->nr_spaces; i++)
		tlb_destroy_space(w, &w->space[i]);
	pt_pgtable_destroy(w->kernel);
	FUZZ_CHECK_EQ(w->source.nr_live, 0);
	pt_machine_destroy(w->machine);
	page_source_exit(&w->source);
	pt_phys_destroy(w->phys);
}

#endif /* FUZZ_TLB_WORLD_H */
