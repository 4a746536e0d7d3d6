/* SPDX-License-Identifier: MIT */
/*
 * Protection keys of areas: every leaf has its area's, and what a key forbids is told apart. Where
 * the format has none, areas have none.
 */
#include "mm/mm_test.h"

#define VA (UINT64_C(3) << 33)
#define COPY_VA (UINT64_C(4) << 33)
#define RW (PT_MM_READ | PT_MM_WRITE)
#define NR UINT64_C(8)
#define KEY 5u

static struct mm_fixture fixture;
static struct process parent, child;
static struct pt_swap *swap;

static int setup(void **state)
{
	mm_begin(&fixture, *state, &parent, &swap, 64);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	mm_end(&fixture, &parent, swap);
	return 0;
}

static pt_va_t page_at(uint64_t i)
{
	return VA + i * fixture.page;
}

/* The largest key, or 0. Intel SDM 3A 4.6.2: 62:59 of an entry; Arm ARM, POIndex, 62:60. */
static unsigned int last_key(void)
{
	if (!(fixture.fmt.features & PT_FEAT_PKEYS))
		return 0;
	return fixture.fmt.fmt == PT_FMT_X86_64 ? 15 : 7;
}

static int set_key(uint64_t first, uint64_t nr, unsigned int prot, unsigned int key)
{
	return pt_mm_pkey_protect(parent.mm, page_at(first), nr * fixture.page, prot, key);
}

static unsigned int key_at(struct process *p, pt_va_t va)
{
	return pt_attr_key(mm_leaf(p, va).attr);
}

/* Of a PROT_NONE word. */
static unsigned int hidden_key_at(pt_va_t va)
{
	const struct pt_soft soft = mm_soft(&parent, va);

	assert_int_equal(soft.kind, PT_SOFT_PROT_NONE);
	return pt_attr_key(pt_entry_attr(pt_mm_pgtable(parent.mm), soft.leaf, 0));
}

static void there_are_as_many_as_the_format_has(void **state)
{
	const unsigned int last = last_key();
	struct pt_mm_area want = { .first = VA,
				   .last = page_at(NR) - 1,
				   .kind = PT_MM_ANON,
				   .flags = RW,
				   .node = PT_MM_ANY_NODE };

	(void)state;
	want.key = last + 1;
	assert_int_equal(pt_mm_map(parent.mm, &want), -EINVAL);
	want.key = 1u << 31;
	assert_int_equal(pt_mm_map(parent.mm, &want), -EINVAL);
	want.key = last;
	assert_int_equal(pt_mm_map(parent.mm, &want), 0);
	assert_int_equal(pt_mm_populate(parent.mm, VA, fixture.page, 0, NULL), 0);
	assert_int_equal(key_at(&parent, VA), last);
	assert_int_equal(set_key(0, NR, RW, last + 1), -EINVAL);
	assert_int_equal(set_key(0, NR, RW, 16), -EINVAL);
	assert_int_equal(pt_mm_area(parent.mm, 0)->key, last);
	assert_int_equal(set_key(0, NR, RW, 0), 0);
	assert_int_equal(key_at(&parent, VA), 0);
	mm_verify(&fixture);
}

/* As pkey_mprotect() does: areas part by their keys, which mprotect() leaves alone. */
static void areas_part_where_keys_do(void **state)
{
	(void)state;
	if (!last_key())
		return;
	mm_map_area(&parent, VA, NR * fixture.page, PT_MM_ANON, RW, NULL, 0);
	assert_int_equal(pt_mm_populate(parent.mm, VA, NR * fixture.page, 3, NULL), 0);
	assert_int_equal(set_key(2, 3, RW, KEY), 0);
	assert_int_equal(pt_mm_nr_areas(parent.mm), 3);
	assert_int_equal(pt_mm_area_at(parent.mm, page_at(2))->key, KEY);
	assert_int_equal(pt_mm_area_at(parent.mm, page_at(5))->key, 0);
	assert_int_equal(key_at(&parent, page_at(1)), 0);
	assert_int_equal(key_at(&parent, page_at(4)), KEY);
	mm_verify(&fixture);
	/* Rights of all; then without any, another key, and back. */
	assert_int_equal(pt_mm_protect(parent.mm, VA, NR * fixture.page, PT_MM_READ), 0);
	assert_int_equal(pt_mm_nr_areas(parent.mm), 3);
	assert_int_equal(key_at(&parent, page_at(2)), KEY);
	assert_int_equal(pt_mm_protect(parent.mm, VA, NR * fixture.page, 0), 0);
	assert_int_equal(set_key(2, 3, 0, KEY + 1), 0);
	assert_int_equal(pt_mm_protect(parent.mm, VA, NR * fixture.page, RW), 0);
	assert_int_equal(key_at(&parent, page_at(3)), KEY + 1);
	assert_int_equal(key_at(&parent, page_at(5)), 0);
	mm_verify(&fixture);
	assert_int_equal(set_key(0, NR, RW, 0), 0);
	assert_int_equal(pt_mm_nr_areas(parent.mm), 1);
	assert_int_equal(key_at(&parent, page_at(3)), 0);
	mm_verify(&fixture);
}

/* Frames that nobody counts, and pages that a device has for itself or in its memory. */
static void leaves_of_devices_have_the_key(void **state)
{
	pt_va_t late = page_at(NR);

	(void)state;
	if (!last_key())
		return;
	mm_map_area(&parent, VA, 2 * fixture.page, PT_MM_PFNMAP, RW | PT_MM_SHARED, NULL, 0);
	assert_int_equal(set_key(0, 2, RW, KEY), 0);
	assert_int_equal(pt_mm_insert_pfn(parent.mm, VA, fixture.page, DEVICE_PA), 0);
	assert_int_equal(key_at(&parent, VA), KEY);
	mm_map_area(&parent, late, 2 * fixture.page, PT_MM_ANON, RW, NULL, 0);
	assert_int_equal(set_key(NR, 2, RW, KEY), 0);
	mm_store(&fixture, &parent, late, 3);
	mm_store(&fixture, &parent, late + fixture.page, 4);
	assert_int_equal(pt_mm_device_exclusive(parent.mm, late, fixture.page, NULL), 0);
	assert_int_equal(pt_mm_to_device(parent.mm, late + fixture.page, fixture.page, NULL), 0);
	assert_int_equal(mm_load(&fixture, &parent, late), 3);
	assert_int_equal(mm_load(&fixture, &parent, late + fixture.page), 4);
	assert_int_equal(key_at(&parent, late), KEY);
	assert_int_equal(key_at(&parent, late + fixture.page), KEY);
	mm_verify(&fixture);
}

/*
 * Linux: mm/mprotect.c, change_pte_range(): PROT_NONE words have the new key too, whether they
 * were such words before or not.
 */
static void words_of_no_rights_have_the_key(void **state)
{
	(void)state;
	if (!last_key())
		return;
	mm_map_area(&parent, VA, 3 * fixture.page, PT_MM_ANON, RW, NULL, 0);
	assert_int_equal(pt_mm_populate(parent.mm, VA, 3 * fixture.page, 0, NULL), 0);
	assert_int_equal(set_key(0, 2, 0, KEY), 0);
	for (uint64_t i = 0; i < 2; i++)
		assert_int_equal(hidden_key_at(page_at(i)), KEY);
	mm_verify(&fixture);
	assert_int_equal(set_key(1, 2, 0, KEY + 1), 0);
	assert_int_equal(pt_mm_migrate_begin(parent.mm, page_at(2), fixture.page, NULL), 0);
	assert_int_equal(pt_mm_migrate_end(parent.mm, page_at(2), fixture.page, NULL), 0);
	for (uint64_t i = 0; i < 3; i++)
		assert_int_equal(hidden_key_at(page_at(i)), i ? KEY + 1 : KEY);
	mm_verify(&fixture);
}

/* The CPUs forbid the last key: what a TLB kept from before is flushed, and what it keeps now. */
static void a_change_of_the_key_is_flushed(void **state)
{
	uint64_t value = 0;

	(void)state;
	if (!last_key())
		return;
	mm_map_area(&parent, VA, fixture.page, PT_MM_ANON, RW, NULL, 0);
	mm_store(&fixture, &parent, VA, 5);
	for (unsigned int i = 0; i < 2; i++) {
		assert_int_equal(set_key(0, 1, RW, last_key()), 0);
		assert_int_equal(mm_access(&fixture, &parent, 0, VA, PT_ACCESS_READ, &value),
				 PT_VERDICT_SEGV_PKUERR);
		assert_int_equal(set_key(0, 1, RW, i), 0);
		assert_int_equal(mm_load(&fixture, &parent, VA), 5);
	}
}

/* Whatever brings a page of a process brings the area's key: the verifier looks at each leaf. */
static void every_new_leaf_has_the_key(void **state)
{
	struct pt_file_cfg cfg = { .name = "/f", .order = 2 };
	struct pt_file *file;

	(void)state;
	if (!last_key())
		return;
	cfg.len = NR * fixture.page;
	assert_int_equal(pt_file_create(&file, fixture.world, &cfg), 0);
	mm_map_area(&parent, COPY_VA, cfg.len, PT_MM_FILE, RW, file, 0);
	assert_int_equal(pt_mm_pkey_protect(parent.mm, COPY_VA, cfg.len, RW, KEY), 0);
	mm_map_area(&parent, VA, 2 * fixture.huge, PT_MM_ANON, RW | PT_MM_HUGEPAGE, NULL, 0);
	assert_int_equal(pt_mm_pkey_protect(parent.mm, VA, 2 * fixture.huge, RW, KEY), 0);
	/* A file's, a copy of it; the zero page's, a huge one, which is then split. */
	mm_load(&fixture, &parent, COPY_VA);
	mm_store(&fixture, &parent, COPY_VA, 7);
	mm_load(&fixture, &parent, VA);
	mm_store(&fixture, &parent, VA + fixture.huge, 8);
	assert_int_equal(key_at(&parent, COPY_VA), KEY);
	assert_int_equal(key_at(&parent, VA), KEY);
	assert_int_equal(mm_leaf(&parent, VA + fixture.huge).level, 1);
	assert_int_equal(pt_mm_split(parent.mm, VA + fixture.huge, fixture.huge, NULL), 0);
	mm_verify(&fixture);
	/* Shared, copied, in swap and back, moved by the kernel and by mremap(). */
	assert_int_equal(process_fork(&fixture, &parent, &child), 0);
	mm_store(&fixture, &child, COPY_VA, 9);
	assert_int_equal(key_at(&child, COPY_VA), KEY);
	assert_int_equal(pt_mm_area_at(child.mm, COPY_VA)->key, KEY);
	mm_verify(&fixture);
	process_exit(&fixture, &child);
	assert_int_equal(pt_mm_swap_out(parent.mm, COPY_VA, fixture.page, swap, NULL), 0);
	assert_int_equal(mm_load(&fixture, &parent, COPY_VA), 7);
	assert_int_equal(key_at(&parent, COPY_VA), KEY);
	assert_int_equal(pt_mm_migrate_begin(parent.mm, COPY_VA, fixture.page, NULL), 0);
	assert_int_equal(pt_mm_migrate_end(parent.mm, COPY_VA, fixture.page, NULL), 0);
	assert_int_equal(key_at(&parent, COPY_VA), KEY);
	assert_int_equal(pt_mm_move(parent.mm, COPY_VA, cfg.len, COPY_VA + 4 * fixture.huge), 0);
	assert_int_equal(key_at(&parent, COPY_VA + 4 * fixture.huge), KEY);
	mm_verify(&fixture);
	pt_file_put(file);
}

/* An access with @key's rights as they are, by registers alone, and what mm says of its fault. */
static enum pt_mm_verdict access_at(pt_va_t va, enum pt_access_kind kind, bool read, bool write)
{
	const bool is_x86 = fixture.fmt.fmt == PT_FMT_X86_64;
	const struct pt_access access = { .kind = kind, .size = 8, .priv = is_x86 ? 3 : 0 };
	const pt_pa_t root = pt_pgtable_root(pt_mm_pgtable(parent.mm));
	enum pt_mm_verdict verdict = PT_VERDICT_NR;
	struct pt_access_result result;
	struct pt_mmu *mmu;

	assert_int_equal(pt_mmu_create(&mmu, fixture.phys), 0);
	if (is_x86) {
		struct pt_x86_regs regs = x86_registers(&fixture.fmt, root);

		regs.cr4 |= BIT(22); /* PKE */
		regs.pkru = (read ? 0 : 1u << (2 * KEY)) | (write ? 0 : 2u << (2 * KEY));
		assert_int_equal(pt_mmu_set_x86_64(mmu, &regs), 0);
	} else {
		struct pt_arm64_regs regs = arm64_registers(&fixture.fmt, root);

		regs.tcr2 |= BIT(2); /* E0POE */
		regs.por_el0 = UINT64_C(0x77777777) & ~(UINT64_C(7) << (4 * KEY)); /* nor X */
		regs.por_el0 |= ((read ? UINT64_C(1) : 0) | (write ? UINT64_C(4) : 0)) << (4 * KEY);
		assert_int_equal(pt_mmu_set_arm64(mmu, &regs), 0);
	}
	while (pt_access(mmu, va, &access, &result) == 1) {
		assert_int_equal(pt_mm_fault_hw(parent.mm, &result.fault, &verdict), 0);
		if (verdict > PT_VERDICT_SPURIOUS)
			break;
		verdict = PT_VERDICT_NR;
	}
	pt_mmu_destroy(mmu);
	return verdict;
}

/*
 * SEGV_PKUERR, Linux: x86 by the error code, whatever the area allows; arm64 after what the area
 * itself forbids. arch/x86/mm/fault.c, access_error(); arch/arm64/mm/fault.c, do_page_fault().
 */
static void what_a_key_forbids_is_told_apart(void **state)
{
	const bool is_x86 = fixture.fmt.fmt == PT_FMT_X86_64;
	enum pt_mm_verdict verdict;
	struct pt_fault fault;

	(void)state;
	if (!last_key())
		return;
	mm_map_area(&parent, VA, NR * fixture.page, PT_MM_ANON, RW, NULL, 0);
	assert_int_equal(set_key(1, 1, RW, KEY), 0);
	assert_int_equal(set_key(2, 1, PT_MM_READ, KEY), 0);
	for (uint64_t i = 0; i < 3; i++) {
		const bool keyed = i != 0;

		assert_int_equal(access_at(page_at(i), PT_ACCESS_READ, true, true), PT_VERDICT_NR);
		assert_int_equal(access_at(page_at(i), PT_ACCESS_READ, true, false), PT_VERDICT_NR);
		assert_int_equal(access_at(page_at(i), PT_ACCESS_READ, false, false),
				 keyed ? PT_VERDICT_SEGV_PKUERR : PT_VERDICT_NR);
		assert_int_equal(access_at(page_at(i), PT_ACCESS_WRITE, true, true),
				 i == 2 ? PT_VERDICT_SEGV_ACCERR : PT_VERDICT_NR);
	}
	assert_int_equal(access_at(page_at(1), PT_ACCESS_WRITE, true, false),
			 PT_VERDICT_SEGV_PKUERR);
	assert_int_equal(access_at(page_at(2), PT_ACCESS_WRITE, true, false),
			 is_x86 ? PT_VERDICT_SEGV_PKUERR : PT_VERDICT_SEGV_ACCERR);
	assert_int_equal(access_at(page_at(NR), PT_ACCESS_READ, false, false),
			 PT_VERDICT_SEGV_MAPERR);
	/* Overlays say who may execute; PKRU does not. */
	assert_int_equal(set_key(1, 1, PT_MM_READ | PT_MM_EXEC, KEY), 0);
	assert_int_equal(access_at(page_at(1), PT_ACCESS_FETCH, false, false),
			 is_x86 ? PT_VERDICT_NR : PT_VERDICT_SEGV_PKUERR);
	/* A key's fault where the area has gone meanwhile. */
	fault = (struct pt_fault){
		.kind = is_x86 ? PT_FAULT_PF : PT_FAULT_DATA_ABORT,
		.code = is_x86 ? PT_X86_PF_P | PT_X86_PF_U | PT_X86_PF_PK : BIT(38) | 0xf,
		.va = page_at(NR),
	};
	assert_int_equal(pt_mm_fault_hw(parent.mm, &fault, &verdict), 0);
	assert_int_equal(verdict, PT_VERDICT_SEGV_MAPERR);
	if (!is_x86) { /* Overlay says something of permission faults alone */
		fault.va = VA;
		assert_int_equal(pt_mm_fault_hw(parent.mm, &fault, &verdict), 0);
		assert_int_equal(verdict, PT_VERDICT_SEGV_PKUERR);
		fault.code = BIT(38) | 0x7;
		assert_int_equal(pt_mm_fault_hw(parent.mm, &fault, &verdict), 0);
		assert_int_equal(verdict, PT_VERDICT_SPURIOUS);
	}
	mm_verify(&fixture);
}

static void the_verifier_finds_another_key(void **state)
{
	struct pt_pgtable *pt = pt_mm_pgtable(parent.mm);
	struct pt_change change = { 0 };

	(void)state;
	if (!last_key())
		return;
	mm_map_area(&parent, VA, NR * fixture.page, PT_MM_ANON, RW, NULL, 0);
	mm_store(&fixture, &parent, page_at(1), 1);
	assert_int_equal(pt_protect(pt, page_at(1), fixture.page, PT_ATTR_KEY(1), 0, &change), 0);
	mm_finds(&fixture, "a leaf of another protection key than its area");
	assert_int_equal(pt_protect(pt, page_at(1), fixture.page, 0, PT_ATTR_KEY(1), &change), 0);
	mm_verify(&fixture);
}

static const struct CMUnitTest bodies[] = {
	cmocka_unit_test(there_are_as_many_as_the_format_has),
	cmocka_unit_test(areas_part_where_keys_do),
	cmocka_unit_test(leaves_of_devices_have_the_key),
	cmocka_unit_test(words_of_no_rights_have_the_key),
	cmocka_unit_test(a_change_of_the_key_is_flushed),
	cmocka_unit_test(every_new_leaf_has_the_key),
	cmocka_unit_test(what_a_key_forbids_is_told_apart),
	cmocka_unit_test(the_verifier_finds_another_key),
};

int main(void)
{
	return MM_RUN_ON_ALL("keys", bodies);
}
