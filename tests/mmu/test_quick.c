/* SPDX-License-Identifier: MIT */
/*
 * The quick ways of an access. A trace lists every word that is read, and so goes none of them:
 * whatever they answer, a trace has to answer too. Tables are such that a quick way can go them:
 * pages of the smallest size that were used and written before.
 *
 *	0      GUEST_TABLES  SECOND_TABLES  DATA   GUEST_ROOT  SECOND_ROOT  LEN
 *
 * A second stage leads every page of memory to itself. Roots are used as copies of which one
 * stands behind the other: who reads beyond the end of the first finds entries as good as its own.
 */
#include "mmu/machine.h"
#include "model/configs.h"
#include "model/formats.h"
#include "model/page_source.h"

#define GUEST_TABLES (1 * MIB)
#define SECOND_TABLES (4 * MIB)
#define DATA (8 * MIB)
#define GUEST_ROOT (12 * MIB)
#define SECOND_ROOT (14 * MIB)
#define LEN (16 * MIB)
#define NR_TABLES 40
#define NR_PAGES 3

/* Tables of one stage. */
struct stage {
	struct page_source source;
	struct pt_pgtable *pt;
	struct pt_format_info info;
	uint64_t page; /* bytes of the smallest */
	pt_pa_t root;
};

struct world {
	struct pt_phys *phys;
	struct pt_mmu *mmu;
	struct stage first, second;
	bool x86;
	struct pt_x86_regs x86_regs;
	struct pt_arm64_regs arm;
	pt_va_t va[NR_PAGES];
};

static pt_attr_t all_rights(const struct stage *stage)
{
	pt_attr_t attr = PT_ATTR_RW | PT_ATTR_EXEC | PT_ATTR_EXEC_OTHER | PT_ATTR_USER |
			 PT_ATTR_ACCESSED | PT_ATTR_DIRTY;

	return attr & stage->info.attrs;
}

static void stage_init(struct stage *stage, struct world *w, const struct config *config,
		       pt_pa_t tables)
{
	struct pt_pgtable_cfg cfg = { .fmt = config_fmt(config) };

	assert_int_equal(pt_format_info(&cfg.fmt, &stage->info), 0);
	page_source_init(&stage->source, w->phys, tables, stage->info.granule_lg2, NR_TABLES);
	cfg.tables = page_source_ops(&stage->source);
	assert_int_equal(pt_pgtable_create(&stage->pt, w->phys, &cfg), 0);
	stage->page = BIT(stage->info.granule_lg2);
}

static void stage_exit(struct stage *stage)
{
	pt_pgtable_destroy(stage->pt);
	page_source_exit(&stage->source);
}

/* The root, and behind it the same again. */
static void stage_finish(struct stage *stage, struct world *w, pt_pa_t root)
{
	uint64_t size = 8 * BIT(stage->info.entries_lg2[stage->info.nr_levels - 1]);
	const void *from = pt_phys_to_host(w->phys, pt_pgtable_root(stage->pt), size);

	for (uint64_t at = 0; at < 2 * size || at < 2 * stage->page; at += size)
		memcpy(pt_phys_to_host(w->phys, root + at, size), from, size);
	stage->root = root;
}

static void load_first(struct world *w)
{
	if (w->x86)
		assert_int_equal(pt_mmu_set_x86_64(w->mmu, &w->x86_regs), 0);
	else
		assert_int_equal(pt_mmu_set_arm64(w->mmu, &w->arm), 0);
}

/* What is no table is full of what would be a good leaf. */
static void fill_the_rest(struct world *w)
{
	const struct pt_access read = access_of(PT_ACCESS_READ, 4, w->x86 ? 3 : 0);
	struct pt_access_step steps[PT_ACCESS_MAX_STEPS];
	struct pt_access_result result;
	unsigned int nr;
	uint64_t *rest = pt_phys_to_host(w->phys, 0, GUEST_TABLES);

	assert_int_equal(pt_access_trace(w->mmu, w->va[0], &read, &result, steps, &nr), 0);
	for (uint64_t i = 0; i < GUEST_TABLES / 8; i++)
		rest[i] = steps[nr - 1].raw;
}

static void world_init(struct world *w, const struct config *config)
{
	const struct pt_fmt_cfg *fmt;

	*w = (struct world){ .x86 = config->fmt == PT_FMT_X86_64 };
	assert_int_equal(pt_phys_create_anon(&w->phys, LEN), 0);
	assert_int_equal(pt_mmu_create(&w->mmu, w->phys), 0);
	stage_init(&w->first, w, config, GUEST_TABLES);
	fmt = pt_pgtable_fmt(w->first.pt);
	/* both ends, and of x86 those of the gap, one of them beside its neighbour */
	w->va[0] = w->x86 ? -BIT(fmt->va_bits - 1) : w->first.info.first;
	w->va[1] = w->va[0] + w->first.page;
	w->va[2] = (w->x86 ? BIT(fmt->va_bits - 1) : w->first.info.last + 1) - w->first.page;
	for (unsigned int i = 0; i < NR_PAGES; i++)
		if (i < 2 || w->va[i] != w->va[1]) /* 64K and 17 bits are two pages */
			assert_int_equal(pt_map(w->first.pt, w->va[i], DATA + i * w->first.page,
						w->first.page, all_rights(&w->first), NULL),
					 0);
	stage_finish(&w->first, w, GUEST_ROOT);
	w->x86_regs.cr0 = BIT(16); /* WP */
	if (w->x86)
		assert_int_equal(pt_x86_regs_select(&w->x86_regs, fmt, w->first.root), 0);
	else
		assert_int_equal(pt_arm64_regs_select(&w->arm, fmt, w->first.root), 0);
	w->arm.tcr |= BIT(39); /* HA */
	load_first(w);
	fill_the_rest(w);
}

static void world_exit(struct world *w)
{
	if (w->second.pt)
		stage_exit(&w->second);
	stage_exit(&w->first);
	pt_mmu_destroy(w->mmu);
	pt_phys_destroy(w->phys);
}

/* EPT, AMD's nested paging or stage 2, with @hcr. */
static void load_second(struct world *w, uint64_t hcr)
{
	const struct pt_fmt_cfg *fmt = pt_pgtable_fmt(w->second.pt);
	struct pt_x86_regs host = { 0 };
	struct pt_x86_ept_regs ept = { 0 };
	struct pt_arm64_s2_regs s2 = { .hcr = hcr };

	if (fmt->fmt == PT_FMT_X86_64) {
		assert_int_equal(pt_x86_regs_select(&host, fmt, w->second.root), 0);
		assert_int_equal(pt_mmu_set_npt(w->mmu, &host), 0);
	} else if (fmt->fmt == PT_FMT_X86_EPT) {
		assert_int_equal(pt_x86_ept_regs_select(&ept, fmt, w->second.root), 0);
		assert_int_equal(pt_mmu_set_ept(w->mmu, &ept), 0);
	} else {
		assert_int_equal(pt_arm64_s2_regs_select(&s2, fmt, w->second.root), 0);
		s2.vtcr |= BIT(21); /* HA */
		assert_int_equal(pt_mmu_set_arm64_s2(w->mmu, &s2), 0);
	}
}

static void world_add_second(struct world *w, const struct config *config)
{
	stage_init(&w->second, w, config, SECOND_TABLES);
	for (pt_pa_t pa = 0; pa < LEN; pa += w->second.page)
		assert_int_equal(pt_map(w->second.pt, pa, pa, w->second.page,
					all_rights(&w->second), NULL),
				 0);
	stage_finish(&w->second, w, SECOND_ROOT);
	load_second(w, 0);
	fill_the_rest(w);
}

/* ---- one access ---- */

static void assert_same_fault(const struct pt_fault *a, const struct pt_fault *b)
{
	assert_int_equal(a->kind, b->kind);
	assert_int_equal(a->why, b->why);
	assert_int_equal(a->stage, b->stage);
	assert_int_equal(a->level, b->level);
	assert_int_equal(a->code, b->code);
	assert_int_equal(a->va, b->va);
	assert_int_equal(a->ipa, b->ipa);
	assert_int_equal(a->pa, b->pa);
	assert_int_equal(a->raw, b->raw);
	assert_int_equal(a->in_walk, b->in_walk);
}

static void assert_same_piece(const struct pt_piece *a, const struct pt_piece *b)
{
	assert_int_equal(a->pa, b->pa);
	assert_int_equal(a->raw, b->raw);
	assert_int_equal(a->len, b->len);
	assert_int_equal(a->perms, b->perms);
	assert_int_equal(a->mem, b->mem);
	assert_int_equal(a->level, b->level);
	assert_int_equal(a->size_lg2, b->size_lg2);
}

static void compare(const struct world *w, pt_va_t va, const struct pt_access *how)
{
	struct pt_access_step steps[PT_ACCESS_MAX_STEPS];
	struct pt_access_result quick, traced;
	int err = pt_access_probe(w->mmu, va, how, &quick);
	unsigned int nr;

	assert_int_equal(pt_access_trace(w->mmu, va, how, &traced, steps, &nr), err);
	if (err < 0)
		return;
	assert_int_equal(quick.nr_loads[0], traced.nr_loads[0]);
	assert_int_equal(quick.nr_loads[1], traced.nr_loads[1]);
	assert_int_equal(quick.nr_pieces, traced.nr_pieces);
	for (unsigned int i = 0; i < quick.nr_pieces; i++)
		assert_same_piece(&quick.piece[i], &traced.piece[i]);
	if (err)
		assert_same_fault(&quick.fault, &traced.fault);
	else
		assert_int_equal(quick.fault.kind, PT_FAULT_NONE);
}

static void compare_kinds(const struct world *w, pt_va_t va)
{
	for (enum pt_access_kind kind = PT_ACCESS_READ; kind <= PT_ACCESS_FETCH; kind++)
		for (unsigned int priv = 0; priv < 2; priv++) {
			struct pt_access how = access_of(kind, 4, w->x86 ? 3 * priv : priv);

			compare(w, va, &how);
		}
}

/* ---- all of them ---- */

/* Each bit of an address decides, or is a tag. */
static void compare_addresses(const struct world *w)
{
	for (unsigned int i = 0; i < NR_PAGES; i++)
		for (unsigned int bit = 0; bit < 64; bit++)
			compare_kinds(w, w->va[i] ^ BIT(bit));
}

/* Those that do not exist as well. */
static void compare_forms(const struct world *w)
{
	static const unsigned int sizes[] = { 0, 1, 8, 63, 64, 65 };

	for (unsigned int form = 0; form < 5 * 5 * 5 * 6; form++) {
		const struct pt_access how = {
			.kind = (enum pt_access_kind)(form % 5),
			.priv = form / 5 % 5,
			.flags = form / 25 % 5 == 4 ? BIT(31) : form / 25 % 5,
			.size = sizes[form / 125],
		};

		for (unsigned int i = 0; i < NR_PAGES; i++) {
			compare(w, w->va[i], &how);
			compare(w, w->va[i] + w->first.page - 8, &how);
		}
	}
}

/* What marks a word as used: x86 A, EPT's, AF; of a leaf alone where tables have none. */
static uint64_t accessed_of(const struct world *w, const struct pt_access_step *step)
{
	const struct stage *stage = step->stage == 1 ? &w->first : &w->second;
	enum pt_format fmt = pt_pgtable_fmt(stage->pt)->fmt;

	if (fmt == PT_FMT_X86_64)
		return BIT(5);
	if (fmt == PT_FMT_X86_EPT)
		return pt_pgtable_fmt(stage->pt)->features & PT_FEAT_AD ? BIT(8) : 0;
	return step->level == 0 ? BIT(10) : 0;
}

/* Nor does a quick way leave anything unmarked; arm64's hardware sets AF by TCR.HA and VTCR.HA. */
static void quick_ways_leave_nothing_to_mark(const struct world *w)
{
	const struct pt_access read = access_of(PT_ACCESS_READ, 4, w->x86 ? 3 : 0);

	for (unsigned int i = 0; i < NR_PAGES; i++) {
		struct pt_access_step steps[PT_ACCESS_MAX_STEPS];
		struct pt_access_result result;
		unsigned int nr;

		assert_int_equal(pt_access_trace(w->mmu, w->va[i], &read, &result, steps, &nr), 0);
		for (unsigned int n = 0; n < nr; n++) {
			uint64_t *raw =
				pt_phys_to_host(w->phys, steps[n].table_pa + 8 * steps[n].index, 8);

			*raw &= ~accessed_of(w, &steps[n]);
			assert_int_equal(pt_access(w->mmu, w->va[i], &read, &result), 0);
			assert_int_equal(*raw, steps[n].raw);
		}
	}
}

/* Each bit of each word that is read. */
static void compare_words(const struct world *w)
{
	const struct pt_access read = access_of(PT_ACCESS_READ, 4, w->x86 ? 3 : 0);

	for (unsigned int i = 0; i < NR_PAGES; i++) {
		struct pt_access_step steps[PT_ACCESS_MAX_STEPS];
		struct pt_access_result result;
		unsigned int nr;

		assert_true(pt_access_trace(w->mmu, w->va[i], &read, &result, steps, &nr) >= 0);
		for (unsigned int bit = 0; bit < 64 * nr; bit += (unsigned int)test_thin()) {
			const struct pt_access_step *step = &steps[bit / 64];
			uint64_t *raw =
				pt_phys_to_host(w->phys, step->table_pa + 8 * step->index, 8);

			*raw ^= BIT(bit % 64);
			compare_kinds(w, w->va[i] + 8);
			*raw = step->raw;
		}
	}
}

/* ---- x86_64: Intel SDM Vol. 3A, 2.5; arm64: Arm ARM DDI 0487 J.a, D17.2.131 "TCR_EL1" ---- */

static void compare_x86_registers(struct world *w)
{
	const struct pt_x86_regs regs = w->x86_regs;
	const uint64_t cr4[] = { BIT(20), BIT(21), BIT(22), BIT(24), BIT(20) | BIT(21) | BIT(22) };

	for (size_t i = 0; i < NR(cr4); i++) { /* SMEP, SMAP, PKE, PKS */
		if (cr4[i] & (BIT(22) | BIT(24)) && !(regs.cr4 & BIT(22)))
			continue; /* a configuration without keys */
		w->x86_regs.cr4 = (regs.cr4 & ~BIT(22)) | cr4[i];
		w->x86_regs.pkru = w->x86_regs.pkrs = 0x12345678;
		load_first(w);
		compare_forms(w);
		compare_words(w);
	}
	w->x86_regs = regs;
	w->x86_regs.cr0 &= ~BIT(31); /* PG */
	load_first(w);
	compare_addresses(w);
	w->x86_regs = regs;
	load_first(w);
}

static void compare_arm64_registers(struct world *w)
{
	const struct pt_arm64_regs regs = w->arm;
	const uint64_t tbi = BIT(37) | BIT(38), tbid = BIT(51) | BIT(52);
	/* TBI; TBI and TBID; E0PD; HD; EPD; and without HA */
	const uint64_t tcr[] = { tbi, tbi | tbid, BIT(55) | BIT(56), BIT(40), BIT(7) | BIT(23), 0 };

	for (size_t i = 0; i < NR(tcr); i++) {
		w->arm.tcr = (regs.tcr & ~(tcr[i] ? 0 : BIT(39))) | tcr[i];
		load_first(w);
		compare_addresses(w);
		compare_forms(w);
	}
	w->arm = regs;
	for (unsigned int i = 0; i < 4; i++) { /* WXN; PAN; overlays; permission indirection */
		w->arm = regs;
		w->arm.sctlr |= i == 0 ? BIT(19) : 0;
		w->arm.pan = i == 1;
		w->arm.tcr2 = i == 2 ? BIT(2) | BIT(3) : i == 3 ? BIT(1) : 0;
		w->arm.por_el0 = w->arm.por_el1 = UINT64_C(0x0123456776543217);
		w->arm.pir = w->arm.pire0 = UINT64_C(0x0123456789abcde5);
		load_first(w);
		compare_forms(w);
		compare_words(w);
	}
	w->arm = regs;
	w->arm.sctlr &= ~BIT(0); /* M */
	load_first(w);
	compare_addresses(w);
	w->arm = regs;
	load_first(w);
}

static void compare_registers(struct world *w)
{
	if (w->x86)
		compare_x86_registers(w);
	else
		compare_arm64_registers(w);
}

static bool can_be_first(const struct config *config)
{
	return !format_is_stage2(config->fmt);
}

static void quick_ways_answer_as_a_trace_does(void **state)
{
	(void)state;
	for (size_t i = 0; i < NR_CONFIGS; i++) {
		struct world w;

		if (!can_be_first(&configs[i]))
			continue;
		world_init(&w, &configs[i]);
		compare_addresses(&w);
		compare_forms(&w);
		compare_words(&w);
		quick_ways_leave_nothing_to_mark(&w);
		compare_registers(&w);
		world_exit(&w);
	}
}

/* HCR_EL2: PTW, DC */
static void compare_hypervisors(struct world *w)
{
	if (w->x86)
		return;
	for (unsigned int bit = 2; bit <= 12; bit += 10) {
		load_second(w, BIT(bit));
		compare_addresses(w);
	}
	load_second(w, 0);
}

static void quick_ways_of_two_stages_answer_as_a_trace_does(void **state)
{
	static const char *const guests[] = { "x86_48", "x86_57", "arm_4k_48",
					      "arm_4k_48_upper_bbm1", "arm_16k_lpa2_48_hd_bbm2" };

	(void)state;
	for (size_t i = 0; i < NR_CONFIGS * NR(guests); i++) {
		const struct config *guest = config_named(guests[i % NR(guests)]);
		const struct config *second = &configs[i / NR(guests)];
		struct world w;

		if (guest->fmt == PT_FMT_X86_64
			    ? !format_is_x86(second->fmt)
			    : format_is_x86(second->fmt) || can_be_first(second))
			continue;
		world_init(&w, guest);
		world_add_second(&w, second);
		compare_addresses(&w);
		compare_forms(&w);
		compare_words(&w);
		quick_ways_leave_nothing_to_mark(&w);
		compare_hypervisors(&w);
		world_exit(&w);
	}
}

/*
 * A guest's root where IPS does not reach, of which the tables are good: its address is too large.
 * Arm ARM DDI 0487 J.a, D8.2.5: of TTBR at level 0, whatever level the walk begins at.
 */
static void a_root_beyond_the_width_leads_nowhere(void **state)
{
	const struct pt_access read = access_of(PT_ACCESS_READ, 4, 0);
	struct pt_access_result result;
	struct world w;

	(void)state;
	world_init(&w, config_named("arm_4k_48"));
	world_add_second(&w, config_named("s2_4k_48"));
	assert_int_equal(pt_map(w.second.pt, BIT(40) | GUEST_ROOT, GUEST_ROOT, 4 * w.second.page,
				all_rights(&w.second), NULL),
			 0);
	w.arm.ttbr0 |= BIT(40);
	load_first(&w);
	stage_finish(&w.second, &w, SECOND_ROOT);
	compare_addresses(&w);
	assert_int_equal(pt_access(w.mmu, w.va[0], &read, &result), 0);
	w.arm.tcr &= ~(UINT64_C(7) << 32); /* IPS of 32 bits */
	load_first(&w);
	compare_addresses(&w);
	assert_int_equal(pt_access(w.mmu, w.va[0], &read, &result), 1);
	assert_int_equal(result.fault.why, PT_WHY_ADDRESS_SIZE);
	assert_int_equal(result.fault.stage, 1);
	world_exit(&w);
}

/* A start level that T0SZ does not go with: a translation fault, whatever tables are where. */
static void a_second_stage_that_cannot_be_leads_nowhere(void **state)
{
	const struct pt_access read = access_of(PT_ACCESS_READ, 4, 0);
	struct pt_arm64_s2_regs s2 = { .hcr = 0 };
	struct pt_access_result result;
	struct world w;

	(void)state;
	world_init(&w, config_named("arm_4k_48"));
	world_add_second(&w, config_named("s2_4k_48"));
	memcpy(pt_phys_to_host(w.phys, 0, 4096), pt_phys_to_host(w.phys, SECOND_ROOT, 4096), 4096);
	assert_int_equal(pt_arm64_s2_regs_select(&s2, pt_pgtable_fmt(w.second.pt), SECOND_ROOT), 0);
	s2.vttbr = 0;
	s2.vtcr |= BIT(21); /* HA */
	assert_int_equal(pt_mmu_set_arm64_s2(w.mmu, &s2), 0);
	assert_int_equal(pt_access(w.mmu, w.va[0], &read, &result), 0);
	s2.vtcr &= ~(UINT64_C(3) << 6); /* SL0: two levels */
	assert_int_equal(pt_mmu_set_arm64_s2(w.mmu, &s2), 0);
	compare_addresses(&w);
	assert_int_equal(pt_access(w.mmu, w.va[0], &read, &result), 1);
	assert_int_equal(result.fault.why, PT_WHY_NOT_PRESENT);
	assert_int_equal(result.fault.stage, 2);
	world_exit(&w);
}

/*
 * Registers of one architecture leave nothing of the other's: 48 bits of 4K, whose words, with a
 * bit of software's where arm64 has AF, both can read.
 */
static void other_registers_take_the_place_of_all(void **state)
{
	/* TG1 of 4K, 48 bits of output and input */
	const uint64_t tcr = UINT64_C(2) << 30 | UINT64_C(5) << 32 | 16 << 16 | 16;
	const struct pt_arm64_regs arm = {
		.ttbr0 = GUEST_ROOT, .ttbr1 = GUEST_ROOT, .tcr = tcr, .sctlr = BIT(0)
	};
	const struct pt_access read = access_of(PT_ACCESS_READ, 4, 0);
	struct pt_access_result result;
	struct world w;

	(void)state;
	world_init(&w, config_named("x86_48"));
	for (unsigned int i = 0; i < NR_PAGES; i++) {
		struct pt_access_step steps[PT_ACCESS_MAX_STEPS];
		unsigned int nr;

		assert_int_equal(pt_access_trace(w.mmu, w.va[i], &read, &result, steps, &nr), 0);
		*word(&(struct machine){ .phys = w.phys }, steps[nr - 1].table_pa,
		      steps[nr - 1].index) |= BIT(10);
	}
	world_add_second(&w, config_named("ept_48"));
	assert_int_equal(pt_mmu_set_arm64(w.mmu, &arm), 0);
	assert_int_equal(pt_access(w.mmu, w.va[2], &read, &result), 0);
	assert_int_equal(result.nr_loads[1], 0);
	load_first(&w);
	assert_int_equal(pt_access(w.mmu, w.va[2], &read, &result), 0);
	assert_int_equal(result.nr_loads[1], 0);
	compare_addresses(&w);
	compare_forms(&w);
	world_exit(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(quick_ways_answer_as_a_trace_does),
		cmocka_unit_test(quick_ways_of_two_stages_answer_as_a_trace_does),
		cmocka_unit_test(a_root_beyond_the_width_leads_nowhere),
		cmocka_unit_test(a_second_stage_that_cannot_be_leads_nowhere),
		cmocka_unit_test(other_registers_take_the_place_of_all),
	};

	return cmocka_run_group_tests_name("quick", tests, NULL, NULL);
}
