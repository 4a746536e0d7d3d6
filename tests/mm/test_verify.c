/* SPDX-License-Identifier: MIT */
/*
 * pt_world_verify() finds each thing that it says it looks for: one word, count or area at a time
 * is made wrong, found by its name, and put right again.
 */
#include "mm/mm_test.h"

#include "mm/mm_internal.h"

#define VA (UINT64_C(3) << 33)
#define RW (PT_MM_READ | PT_MM_WRITE)

static struct mm_fixture fixture;
static struct process parent, child;
static struct pt_swap *swap;
static struct pt_file *shm;

/*
 * Areas of 16 pages, one page between them:
 *
 *	OWN    anonymous: 0 to 3 stored, 4 read, 5 in swap, the rest empty
 *	CONST  anonymous, read-only: 0 stored before
 *	NONE   anonymous, without rights: 0 stored before
 *	SHM    shared memory: 0 and 1 stored
 *	PFN    frames of a device
 *
 * The child has copies of all.
 */
enum { OWN, CONST, NONE, SHM, PFN, NR_RANGES };

static pt_va_t at(unsigned int range, unsigned int page)
{
	return VA + (range * 17 + page) * fixture.page;
}

static int setup(void **state)
{
	const struct pt_file_cfg cfg = { .name = "/shm", .len = BIT(21), .shmem = true };
	uint64_t len;

	mm_fixture_init(&fixture, *state, 0);
	len = 16 * fixture.page;
	process_init(&fixture, &parent);
	assert_int_equal(pt_swap_create(&swap, fixture.world, 1, 100), 0);
	assert_int_equal(pt_file_create(&shm, fixture.world, &cfg), 0);
	mm_map_area(&parent, at(OWN, 0), len, PT_MM_ANON, RW, NULL, 0);
	mm_map_area(&parent, at(CONST, 0), len, PT_MM_ANON, RW, NULL, 0);
	mm_map_area(&parent, at(NONE, 0), len, PT_MM_ANON, RW, NULL, 0);
	mm_map_area(&parent, at(SHM, 0), len, PT_MM_FILE, RW | PT_MM_SHARED, shm, 0);
	mm_map_area(&parent, at(PFN, 0), len, PT_MM_PFNMAP, RW | PT_MM_SHARED, NULL, 0);
	for (unsigned int i = 0; i < 6; i++)
		if (i != 4)
			mm_store(&fixture, &parent, at(OWN, i), i);
	assert_int_equal(pt_mm_swap_out(parent.mm, at(OWN, 5), fixture.page, swap, NULL), 0);
	assert_int_equal(process_fork(&fixture, &parent, &child), 0);
	/* Its own again, but for the one in swap. */
	for (unsigned int i = 0; i < 4; i++)
		mm_store(&fixture, &child, at(OWN, i), i);
	for (unsigned int i = 0; i < 4; i++)
		mm_store(&fixture, &parent, at(OWN, i), i);
	mm_load(&fixture, &parent, at(OWN, 4));
	mm_store(&fixture, &parent, at(CONST, 0), 1);
	mm_store(&fixture, &parent, at(NONE, 0), 1);
	mm_store(&fixture, &parent, at(SHM, 0), 1);
	mm_store(&fixture, &parent, at(SHM, 1), 1);
	assert_int_equal(pt_mm_protect(parent.mm, at(CONST, 0), len, PT_MM_READ), 0);
	assert_int_equal(pt_mm_protect(parent.mm, at(NONE, 0), len, 0), 0);
	assert_int_equal(
		pt_mm_insert_pfn(parent.mm, at(PFN, 0), fixture.page, DEVICE_PA + DEVICE_LEN), 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	process_exit(&fixture, &child);
	process_exit(&fixture, &parent);
	pt_file_put(shm);
	assert_int_equal(pt_swap_destroy(swap), 0);
	mm_fixture_exit(&fixture);
	return 0;
}

static void finds(const char *what)
{
	mm_finds(&fixture, what);
}

static void is_sound(void)
{
	assert_int_equal(pt_world_verify(fixture.world, NULL, NULL), 0);
}

static _Atomic uint64_t *word_at(pt_va_t va)
{
	struct pt_step steps[PT_MAX_LEVELS];
	unsigned int nr;
	int err = pt_trace(pt_mm_pgtable(parent.mm), va, steps, &nr);

	assert_true(!err || err == -ENOENT);
	assert_int_equal(steps[nr - 1].level, 0);
	return pt_phys_to_host(fixture.phys, steps[nr - 1].table_pa + 8 * steps[nr - 1].index, 8);
}

/* With @word at @va that is found; and nothing any more without it. */
static void word_is_found(pt_va_t va, uint64_t word, const char *what)
{
	_Atomic uint64_t *entry = word_at(va);
	uint64_t old = *entry;

	*entry = word;
	finds(what);
	*entry = old;
	is_sound();
}

static void soft_is_found(pt_va_t va, struct pt_soft soft, const char *what)
{
	uint64_t raw;

	if (soft.kind != PT_SOFT_SWAP && fixture.soft.special[soft.kind] == PT_SOFT_NO_TYPE)
		return;
	assert_int_equal(pt_soft_encode(&fixture.soft, 0, &soft, &raw), 0);
	word_is_found(va, raw, what);
}

static void leaves_are_held_to_areas_and_counts(void **state)
{
	const uint64_t own = *word_at(at(OWN, 0));
	const pt_attr_t wp = fixture.soft.attr_uffd_wp;
	const bool x86 = fixture.fmt.fmt == PT_FMT_X86_64;

	(void)state;
	is_sound();
	word_is_found(at(OWN, 6), own, "a page that is mapped more, or less, often than it counts");
	word_is_found(at(OWN, 6), own, "an exclusive page with several mappings");
	word_is_found(at(OWN, 6), own, "a page at another offset than it says");
	word_is_found(at(OWN, 6), own, "a folio whose sum of mappings is wrong");
	word_is_found(at(OWN, 0), 0, "a page that is mapped more, or less, often than it counts");
	word_is_found(at(OWN, 0), 0, "a folio that nobody has, and that is not free");
	word_is_found(at(OWN, 0), own | BIT(34), "a leaf of no page of ours");
	word_is_found(at(CONST, 0), own, "a writable leaf in an area that is not");
	word_is_found(at(NONE, 1), own, "a leaf in an area without rights");
	word_is_found(at(SHM, 3), own, "an anonymous page in a shared area");
	word_is_found(at(OWN, 6), *word_at(at(SHM, 0)), "a page of another file");
	word_is_found(at(PFN, 1), *word_at(at(SHM, 0)), "a page that counts in a PFN map");
	word_is_found(at(OWN, 6), *word_at(at(PFN, 0)),
		      "a frame that nobody counts, in an area of pages");
	word_is_found(at(SHM, 3), *word_at(at(OWN, 4)),
		      "a frame that nobody counts, in an area of pages");
	word_is_found(at(OWN, 16), own, "an entry outside of areas");
	word_is_found(at(OWN, 0), own ^ (x86 ? BIT(63) : BIT(54)), /* XD, UXN */
		      "a leaf that may be executed, or not, unlike its area");
	if (!wp)
		return;
	assert_int_equal(
		pt_protect(pt_mm_pgtable(parent.mm), at(OWN, 0), fixture.page, wp, 0, NULL), 0);
	finds("a writable leaf with a uffd-wp mark");
	assert_int_equal(
		pt_protect(pt_mm_pgtable(parent.mm), at(OWN, 0), fixture.page, 0, wp, NULL), 0);
	is_sound();
}

static void words_are_held_to_areas_and_pages(void **state)
{
	const uint64_t pfn = mm_leaf(&parent, at(OWN, 0)).pa / fixture.page;
	struct pt_soft word = mm_soft(&parent, at(OWN, 5));
	const uint64_t zero = fixture.soft.zero & ~fixture.soft.prot_none;

	(void)state;
	soft_is_found(at(OWN, 6), word, "a swap slot that is referred to otherwise than it counts");
	soft_is_found(at(SHM, 3), word, "a word of a kind that its area does not have");
	word.flags |= PT_SOFT_EXCLUSIVE;
	soft_is_found(at(OWN, 5), word, "an exclusive swap word of a slot that is shared");
	word.offset = 100;
	soft_is_found(at(OWN, 6), word, "a swap word of no slot");
	word.offset = 0;
	soft_is_found(at(OWN, 6), word, "a swap word of no slot");
	word.type = 2;
	word.offset = 1;
	soft_is_found(at(OWN, 6), word, "a swap word of no slot");
	word = (struct pt_soft){ .kind = PT_SOFT_MIGRATION_READ, .pfn = pfn };
	soft_is_found(at(OWN, 0), word,
		      "a migration entry of a page that stays, or another of one that moves");
	word.kind = PT_SOFT_MIGRATION_WRITE;
	soft_is_found(at(CONST, 0), word, "a word of a writable page in an area that is not");
	word.pfn = BIT(36) / fixture.page;
	soft_is_found(at(OWN, 0), word, "a word of no page of ours");
	word = (struct pt_soft){ .kind = PT_SOFT_HWPOISON, .pfn = pfn };
	soft_is_found(at(OWN, 0), word,
		      "a poison word of a sound page, or another of one that is lost");
	word.kind = PT_SOFT_DEVICE_READ;
	soft_is_found(at(OWN, 0), word,
		      "a word of a device for another page, or the other way round");
	word_is_found(at(OWN, 6), (zero & -zero) | BIT(20), "a word of unknown kind");
	if (fixture.soft.markers & PT_SOFT_MARKER_GUARD)
		soft_is_found(at(PFN, 1),
			      (struct pt_soft){ .kind = PT_SOFT_MARKER,
						.markers = PT_SOFT_MARKER_GUARD },
			      "a word of a kind that its area does not have");
	if (fixture.soft.markers & PT_SOFT_MARKER_UFFD_WP)
		soft_is_found(at(OWN, 6),
			      (struct pt_soft){ .kind = PT_SOFT_MARKER,
						.markers = PT_SOFT_MARKER_UFFD_WP },
			      "a word of a kind that its area does not have");
}

static void tables_are_held_to_areas(void **state)
{
	struct pt_pgtable *pt = pt_mm_pgtable(parent.mm);
	const bool x86 = fixture.fmt.fmt == PT_FMT_X86_64;
	_Atomic uint64_t *root = pt_phys_to_host(fixture.phys, pt_pgtable_root(pt), 16);
	struct pt_change change = { 0 };
	struct pt_gather gather;
	uint64_t old;

	(void)state;
	assert_int_equal(pt_populate(pt, 2 * VA, fixture.page, 0, &change), 0);
	finds("an empty table outside of areas");
	pt_gather_begin(&gather, pt);
	change = (struct pt_change){ .gather = &gather, .flags = PT_CHANGE_FREE_TABLES };
	assert_int_equal(pt_unmap(pt, 2 * VA, fixture.page, &change), 0);
	pt_gather_finish(&gather);
	is_sound();
	/* Outside memory. */
	old = root[1];
	root[1] = BIT(40) | (x86 ? 7 : 3);
	finds("a table that pt_verify() finds bad");
	root[1] = old;
	is_sound();
}

/* With @*count one more that is found. */
static void count_is_found(_Atomic uint32_t *count, const char *what)
{
	++*count;
	finds(what);
	--*count;
	is_sound();
}

static void counts_and_areas_are_held_to_each_other(void **state)
{
	const uint64_t page = fixture.page;
	struct ptl_page *facts = ptl_page_at(fixture.world, mm_leaf(&parent, at(OWN, 0)).pa);
	struct ptl_areas *areas = &parent.mm->areas;
	struct pt_mm_area old = areas->at[0];
	const pt_va_t last = areas->at[areas->nr - 1].last;
	struct ptl_page *even = NULL; /* where a folio of two pages could begin */

	(void)state;
	count_is_found(&facts->maps, "a page that is mapped more, or less, often than it counts");
	count_is_found(&facts->entire, "a folio whose mappings as a whole are not as it counts");
	count_is_found(&facts->total, "a folio whose sum of mappings is wrong");
	facts->flags ^= PTL_PAGE_USED;
	finds("a mapping of a free page");
	facts->flags ^= PTL_PAGE_USED | PTL_PAGE_HUGETLB;
	finds("a page of hugetlb elsewhere, or another in its place");
	facts->flags ^= PTL_PAGE_HUGETLB | PTL_PAGE_EXCLUSIVE;
	finds("a writable private page that is shared");
	facts->flags ^= PTL_PAGE_EXCLUSIVE | PTL_PAGE_MOVING;
	finds("a leaf of a page that moves, or is a device's");
	facts->flags ^= PTL_PAGE_MOVING;
	facts->offset += page;
	finds("a page at another offset than it says");
	facts->offset -= page;
	is_sound();

	for (unsigned int i = 0; i < 4 && !even; i++) {
		pt_pa_t pa = mm_leaf(&parent, at(OWN, i)).pa;

		if (!(pa & page))
			even = ptl_page_at(fixture.world, pa);
	}
	assert_non_null(even);
	/* facts that lead out of all of them, and such as disagree in one folio */
	facts->order = 60;
	finds("a leaf of a page of no whole folio");
	finds("a page of no whole folio");
	facts->order = 25;
	finds("a leaf of a page of no whole folio");
	facts->order = 0;
	even->order = 1;
	finds("a folio that not all its pages are of");
	even[1].order = 1;
	even[1].pins++;
	finds("a page that counts what its folio's head has to");
	even[1].pins--;
	even->order = 0;
	finds("a page of no whole folio");
	even[1].order = 0;
	is_sound();
	facts->pins = 1;
	facts->flags ^= PTL_PAGE_USED;
	finds("a free page that is not as it was left");
	facts->flags ^= PTL_PAGE_USED;
	facts->pins = 0;
	is_sound();

	areas->at[0].kind = PT_MM_HUGETLB;
	areas->at[0].page_lg2 = fixture.huge_lg2;
	facts->flags |= PTL_PAGE_HUGETLB;
	finds("a page of hugetlb of another size than its area's");
	facts->flags &= (uint16_t)~PTL_PAGE_HUGETLB;
	areas->at[0] = old;
	is_sound();
	areas->at[0].first = areas->at[0].last + 1;
	finds("an area that is not whole pages");
	areas->at[0] = old;
	areas->at[areas->nr - 1].last = fixture.world->user_last + page;
	finds("an area outside of what processes have");
	areas->at[areas->nr - 1].last = last;
	is_sound();
	areas->at[0].last -= 1;
	finds("an area that is not whole pages");
	areas->at[0].last = areas->at[1].last;
	finds("areas that overlap or do not ascend");
	areas->at[0] = old;
	areas->at[0].last = areas->at[1].first - 1;
	areas->at[0].flags = areas->at[1].flags;
	finds("areas that should be one");
	areas->at[0] = old;
	is_sound();
}

#define HELD "a folio that is held more, or less, often than it counts"

static struct ptl_page *facts_of(pt_pa_t pa)
{
	return ptl_page_at(fixture.world, pa);
}

/* @page is held @pins times: once more or less is found. */
static void pins_are_found(struct ptl_page *page, unsigned int pins)
{
	is_sound();
	assert_int_equal(page->pins, pins);
	page->pins++;
	finds(HELD);
	page->pins--;
	if (pins) {
		page->pins--;
		finds(HELD);
		page->pins++;
	}
	is_sound();
}

static void folios_are_held_by_caches_moves_and_the_world(void **state)
{
	struct ptl_page *own = facts_of(mm_leaf(&parent, at(OWN, 0)).pa);
	struct ptl_page *cached = facts_of(mm_leaf(&parent, at(SHM, 0)).pa);
	const uint64_t page = fixture.page;
	struct process *processes[] = { &parent, &child };

	(void)state;
	pins_are_found(own, 0);
	pins_are_found(cached, 1);
	pins_are_found(facts_of(pt_world_zero_page(fixture.world)), 1);
	assert_int_equal(pt_mm_migrate_begin(parent.mm, at(OWN, 0), page, NULL), 0);
	assert_int_equal(pt_mm_migrate_begin(parent.mm, at(SHM, 0), page, NULL), 0);
	pins_are_found(own, 1);
	pins_are_found(cached, 2);
	assert_int_equal(pt_mm_migrate_end(parent.mm, at(OWN, 0), page, NULL), 0);
	assert_int_equal(pt_mm_migrate_end(parent.mm, at(SHM, 0), page, NULL), 0);
	cached = facts_of(mm_leaf(&parent, at(SHM, 0)).pa);
	pins_are_found(facts_of(mm_leaf(&parent, at(OWN, 0)).pa), 0);
	pins_are_found(cached, 1);
	/* A page in its cache alone, which would be said to be moved. */
	for (unsigned int i = 0; i < 2; i++)
		assert_int_equal(pt_mm_unmap(processes[i]->mm, at(SHM, 0), page), 0);
	pins_are_found(cached, 1);
	cached->flags |= PTL_PAGE_LAZY;
	finds("a page that was given up, of a kind that cannot be");
	cached->flags &= (uint16_t)~PTL_PAGE_LAZY;
	cached->pins++;
	cached->flags |= PTL_PAGE_MOVING;
	finds("a folio that moves, and that nobody maps");
	cached->pins--;
	cached->flags &= (uint16_t)~PTL_PAGE_MOVING;
	is_sound();
}

static void lost_pages_are_on_their_list(void **state)
{
	pt_pa_t first = mm_leaf(&parent, at(OWN, 0)).pa, second = mm_leaf(&parent, at(SHM, 0)).pa;
	struct ptl_page *sound = facts_of(mm_leaf(&parent, at(OWN, 1)).pa);
	struct pt_world *world = fixture.world;
	uint64_t list, offset = sound->offset;

	(void)state;
	assert_int_equal(pt_mm_poison(parent.mm, at(OWN, 0)), 0);
	assert_int_equal(pt_mm_poison(parent.mm, at(SHM, 0)), 0);
	pins_are_found(facts_of(first), 1);
	pins_are_found(facts_of(second), 1);
	list = world->poisoned;
	world->poisoned = 0;
	finds("a lost page that is not on the list of them");
	finds(HELD);
	world->poisoned = mm_leaf(&parent, at(OWN, 1)).pa | 1;
	sound->offset = 0; /* the end of a list */
	finds("a list of lost pages that leads to another");
	sound->offset = offset;
	world->poisoned = BIT(40) | 1;
	finds("a list of lost pages that leads to another");
	world->poisoned = list;
	facts_of(first)->offset = list; /* round */
	finds("a list of lost pages that leads to another");
	facts_of(first)->offset = 0;
	is_sound();
}

static void caches_lead_to_what_says_so(void **state)
{
	const uint64_t page = fixture.page;
	const struct pt_file_cfg cfg = { .len = page };
	pt_pa_t pa = mm_leaf(&parent, at(SHM, 0)).pa, other = mm_leaf(&parent, at(OWN, 0)).pa;
	struct pt_file *file;

	(void)state;
	assert_int_equal(pt_file_create(&file, fixture.world, &cfg), 0);
	facts_of(pa)->file = file;
	finds("a page in a cache that says it is elsewhere");
	finds("a page of a file whose cache does not lead to it");
	facts_of(pa)->file = shm;
	pt_file_put(file);
	is_sound();
	ptl_file_forget(shm, 0, page);
	finds("a page of a file whose cache does not lead to it");
	ptl_file_replace(shm, 0, pa, other);
	finds("a page in a cache that says it is elsewhere");
	ptl_file_replace(shm, 0, pa, BIT(40));
	finds("a page in a cache that says it is elsewhere");
	ptl_file_replace(shm, 0, pa, pa);
	is_sound();
	ptl_file_replace(shm, 2 * page, pa, pa);
	finds("a page in a cache that says it is elsewhere");
	ptl_file_forget(shm, 2 * page, page);
	is_sound();
	/* A second word of the same slot, the first of which is forgotten. */
	ptl_file_swap_out(shm, 3 * page, swap, 1);
	is_sound();
	ptl_file_forget(shm, 3 * page, page);
	ptl_swap_put(swap, 1);
	finds("a file whose pages in swap are not as it counts");
}

/* What is behind the last address of an upper half was taken for all that is before it. */
static void an_area_up_to_the_last_address_is_sound(void **state)
{
	const struct mm_config *config = *state;
	struct pt_world_cfg cfg = { .fmt = fixture.fmt };
	struct pt_mm_area want = { .kind = PT_MM_ANON, .flags = RW, .node = PT_MM_ANY_NODE };
	struct pt_zone *zone;
	struct pt_phys *phys;
	struct pt_world *world;
	struct pt_mm *mm;

	if (cfg.fmt.fmt == PT_FMT_X86_64)
		return;
	cfg.fmt.upper_half = true;
	assert_int_equal(pt_phys_create(&phys, &(struct pt_phys_region){ .len = BIT(27), .fd = -1 },
					1, fixture.info.granule_lg2),
			 0);
	assert_int_equal(pt_zone_create(&zone, phys, NULL), 0);
	cfg.zone = zone;
	assert_int_equal(pt_soft_cfg_init(&cfg.soft, config->release, &cfg.fmt, 0), 0);
	assert_int_equal(pt_world_create(&world, phys, &cfg), 0);
	assert_int_equal(pt_mm_create(&mm, world, &(struct pt_mm_cfg){ .mode = PT_MODE_EXCLUSIVE }),
			 0);
	want.last = UINT64_MAX;
	want.first = -2 * fixture.page;
	assert_int_equal(pt_mm_map(mm, &want), 0);
	assert_int_equal(pt_mm_populate(mm, want.first, 2 * fixture.page, 0, NULL), 0);
	assert_int_equal(pt_world_verify(world, mm_find, &fixture), 0);
	pt_mm_destroy(mm);
	assert_int_equal(pt_world_destroy(world), 0);
	assert_int_equal(pt_zone_destroy(zone), 0);
	pt_phys_destroy(phys);
}

static const struct CMUnitTest bodies[] = {
	cmocka_unit_test(leaves_are_held_to_areas_and_counts),
	cmocka_unit_test(words_are_held_to_areas_and_pages),
	cmocka_unit_test(tables_are_held_to_areas),
	cmocka_unit_test(counts_and_areas_are_held_to_each_other),
	cmocka_unit_test(folios_are_held_by_caches_moves_and_the_world),
	cmocka_unit_test(lost_pages_are_on_their_list),
	cmocka_unit_test(caches_lead_to_what_says_so),
	cmocka_unit_test(an_area_up_to_the_last_address_is_sound),
};

int main(void)
{
	return MM_RUN_ON_ALL("verify", bodies);
}
