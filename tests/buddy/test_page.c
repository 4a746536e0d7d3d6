/* SPDX-License-Identifier: MIT */
/* What is held: freed as it was allocated or not at all, folios, table pages, accounts, marks. */
#include "buddy/zones.h"
#include "phys/phys_internal.h"

static void what_is_free_cannot_be_freed(void **state)
{
	struct zones *z = *state;
	pt_pa_t pa;

	for (unsigned int order = 0; order <= z->m.max_order; order++) {
		pa = get(z, order, UNMOVABLE);
		put(z, pa, order);
		for (unsigned int i = 0; i <= order; i++)
			assert_int_equal(buddy_free(&z->m, NULL, pa, i), -ENOENT);
		assert_int_equal(buddy_free(&z->m, NULL, pa + block_bytes(z, order) / 2 /
							    frame_bytes(z) * frame_bytes(z), 0),
				 -ENOENT);
		assert_int_equal(buddy_free(&z->m, z->cache[0], pa, order), -ENOENT);
		assert_int_equal(buddy_free_raw(&z->m, NULL, pa, order), -ENOENT);
	}
	/* nor what a cache has */
	for (unsigned int order = 0; order <= 3; order++) {
		assert_int_equal(alloc_flags(z, z->cache[0], order, UNMOVABLE, 0, &pa), 0);
		assert_int_equal(buddy_free(&z->m, z->cache[0], pa, order), 0);
		assert_int_equal(buddy_free(&z->m, z->cache[0], pa, order), -ENOENT);
		assert_int_equal(buddy_free(&z->m, z->cache[1], pa, order), -ENOENT);
		assert_int_equal(buddy_free(&z->m, NULL, pa, order), -ENOENT);
		assert_int_equal(buddy_free(&z->m, NULL, pa, 0), -ENOENT);
	}
	buddy_check(&z->m);
}

static void only_the_block_that_was_allocated_can_be_freed(void **state)
{
	struct zones *z = *state;

	for (unsigned int order = 0; order <= z->m.max_order; order++) {
		pt_pa_t pa = get(z, order, MOVABLE);

		for (unsigned int i = 0; i <= z->m.max_order + 2; i++) {
			uint64_t size = frame_bytes(z) << (i < order ? i : order);

			if (i != order)
				assert_int_equal(buddy_free(&z->m, NULL, pa, i), -EINVAL);
			if (i < order) {
				pt_pa_t last = pa + block_bytes(z, order) - size;

				assert_int_equal(buddy_free(&z->m, NULL, pa + size, i), -EINVAL);
				assert_int_equal(buddy_free(&z->m, NULL, last, i), -EINVAL);
				assert_int_equal(buddy_free(&z->m, z->cache[1], last, i), -EINVAL);
			}
		}
		assert_int_equal(buddy_free(&z->m, NULL, pa, UINT32_MAX), -EINVAL);
		assert_int_equal(buddy_free(&z->m, NULL, pa, 64), -EINVAL);
		assert_int_equal(buddy_free(&z->m, NULL, pa + 1, order), -EINVAL);
		assert_int_equal(buddy_free(&z->m, NULL, pa + frame_bytes(z) / 2, order), -EINVAL);
		buddy_check(&z->m);
		put(z, pa, order);
	}
}

static void every_page_of_a_block_says_what_it_is_part_of(void **state)
{
	struct zones *z = *state;
	struct pt_account *account = buddy_account(&z->m, UINT64_MAX);

	for (unsigned int order = 0; order <= z->m.max_order; order++) {
		const struct pt_alloc how = { .order = order, .type = UNMOVABLE,
					      .account = order & 1 ? account : NULL,
					      .owner = UINT64_MAX - order };
		pt_pa_t pa;

		assert_int_equal(buddy_alloc(&z->m, NULL, &how, &pa), 0);
		for (uint64_t at = 0; at < block_bytes(z, order); at += frame_bytes(z)) {
			struct pt_page_info info = info_of(z, pa + at + at % 4095 / 2);

			assert_int_equal(info.state, PT_PAGE_HELD);
			assert_int_equal(info.head, pa);
			assert_int_equal(info.order, order);
			assert_int_equal(info.owner, UINT64_MAX - order);
			assert_ptr_equal(info.account, how.account);
			assert_int_equal(info.refs, 1);
			assert_false(info.is_table || info.stale);
		}
		put(z, pa, order);
	}
}

/* Who still has a translation to a page can tell that it was handed out again. White-box. */
static void a_page_that_is_handed_out_again_is_another_one(void **state)
{
	struct zones *z = *state;

	for (unsigned int order = 0; order <= z->m.max_order; order++)
		for (unsigned int i = 0; i < 3; i++) {
			struct pt_zone_cache *cache = i ? z->cache[i - 1] : NULL;
			uint32_t generation;
			pt_pa_t pa, again;

			assert_int_equal(alloc_flags(z, cache, order, MOVABLE, 0, &pa), 0);
			generation = ptl_phys_frame(z->phys, pa)->generation;
			assert_int_equal(buddy_free(&z->m, cache, pa, order), 0);
			assert_int_equal(alloc_flags(z, cache, order, MOVABLE, 0, &again), 0);
			assert_int_equal(again, pa);
			assert_int_not_equal(ptl_phys_frame(z->phys, pa)->generation, generation);
			assert_int_equal(buddy_free(&z->m, cache, pa, order), 0);
		}
}

static void requests_that_cannot_be_are_refused(void **state)
{
	struct zones *z = *state;
	pt_pa_t pa;

	assert_int_equal(alloc_flags(z, NULL, z->m.max_order + 1, MOVABLE, 0, &pa), -EINVAL);
	assert_int_equal(alloc_flags(z, NULL, UINT32_MAX, MOVABLE, 0, &pa), -EINVAL);
	assert_int_equal(alloc_flags(z, NULL, 64, MOVABLE, 0, &pa), -EINVAL);
	assert_int_equal(alloc_flags(z, NULL, 0, MOVABLE, 1u << 3, &pa), -EINVAL);
	assert_int_equal(alloc_flags(z, NULL, 0, MOVABLE, 1u << 31, &pa), -EINVAL);
	for (unsigned int i = 0; i < 0x10000; i++) {
		pt_freetype_t type = { (uint8_t)i, (uint8_t)(i >> 8) };

		if (pt_freetype_idx(type) < 0)
			assert_int_equal(alloc_flags(z, NULL, 0, type, 0, &pa), -EOPNOTSUPP);
	}
	z = zones_again(z, NULL, false);
	assert_int_equal(alloc_flags(z, NULL, 0, UNMAPPED, 0, &pa), -EOPNOTSUPP);
	assert_int_equal(alloc_flags(z, NULL, 0, KEYED, PT_ALLOC_NOBLOCK, &pa), -EOPNOTSUPP);
	put(z, get(z, 0, UNMOVABLE), 0);
	/* and may be allowed again */
	pt_zone_set_ops(z->m.zone, &z->m.ops);
	z->m.has_ops = true;
	put(z, get(z, 0, UNMAPPED), 0);
}

static void zeroed_pages_are_zero_wherever_they_come_from(void **state)
{
	struct zones *z = *state;
	pt_pa_t pa;

	z->m.scribbles = true;
	for (unsigned int round = 0; round < 2; round++)
		for (unsigned int order = 0; order <= z->m.max_order; order++)
			for (size_t i = 0; i < NR_TYPES; i++) {
				struct pt_zone_cache *cache = z->cache[(round + i) % 2];

				assert_int_equal(alloc_flags(z, cache, order, all_types[i],
							     PT_ALLOC_ZERO, &pa),
						 0);
				assert_int_equal(buddy_free(&z->m, round ? NULL : cache, pa, order),
						 0);
			}
	/* nor can ops that have no way to */
	z->m.ops.zero = NULL;
	assert_int_equal(pt_alloc_pages(z->m.zone, z->cache[0],
					&(struct pt_alloc){ .type = UNMAPPED,
							    .flags = PT_ALLOC_ZERO },
					&pa),
			 -EOPNOTSUPP);
	/* whoever says no CPU has none that could write to absent memory */
	assert_int_equal(alloc_flags(z, NULL, 0, UNMAPPED, PT_ALLOC_ZERO, &pa), -EOPNOTSUPP);
	assert_int_equal(alloc_flags(z, NULL, 0, KEYED, PT_ALLOC_ZERO, &pa), 0);
	put(z, pa, 0);
}

static void a_page_that_cannot_be_zeroed_is_not_lost(void **state)
{
	struct zones *z = *state;
	struct pt_account *account = buddy_account(&z->m, 4);
	const struct pt_alloc how = { .order = 2, .type = UNMAPPED, .flags = PT_ALLOC_ZERO,
				      .account = account };
	pt_pa_t pa;

	for (int i = 0; i < 100; i++) {
		z->m.fail_zero = z->m.nr_zeroes + 1;
		assert_int_equal(buddy_alloc(&z->m, z->cache[1], &how, &pa), -EIO);
		assert_int_equal(stats_of(z).held, 0);
	}
	buddy_check(&z->m);
	assert_int_equal(buddy_alloc(&z->m, z->cache[1], &how, &pa), 0);
	assert_int_equal(buddy_free(&z->m, z->cache[1], pa, 2), 0);
	buddy_check(&z->m);
}

static void a_folio_lives_until_its_last_reference(void **state)
{
	struct zones *z = *state;

	for (unsigned int order = 0; order <= z->m.max_order; order += 3) {
		pt_pa_t pa = get(z, order, MOVABLE), last = pa + block_bytes(z, order) - 1;

		for (int i = 0; i < 5; i++)
			assert_int_equal(buddy_folio_get(&z->m, i & 1 ? pa : last), 0);
		assert_int_equal(info_of(z, pa).refs, 6);
		assert_int_equal(buddy_free(&z->m, NULL, pa, order), -EBUSY);
		assert_int_equal(buddy_free_raw(&z->m, z->cache[0], pa, order), -EBUSY);
		if (order)
			assert_int_equal(buddy_folio_split(&z->m, pa, 0), -EBUSY);
		for (int i = 0; i < 5; i++)
			assert_int_equal(buddy_folio_put(&z->m, z->cache[0], last), 0);
		assert_int_equal(info_of(z, pa).refs, 1);
		assert_int_equal(buddy_folio_put(&z->m, z->cache[0], last), 0);
		assert_int_equal(buddy_folio_put(&z->m, NULL, pa), -ENOENT);
		assert_int_equal(buddy_folio_get(&z->m, pa), -ENOENT);
		assert_int_equal(buddy_folio_split(&z->m, pa, 0), -ENOENT);
		buddy_check(&z->m);
	}
}

/* Its parts are blocks like any: of the same owner and account, and freed one by one. */
static void a_split_folio_is_freed_in_parts(void **state)
{
	struct zones *z = *state;
	struct pt_account *account = buddy_account(&z->m, UINT64_C(1) << z->m.max_order);
	struct pt_alloc how = { .order = z->m.max_order, .type = MOVABLE, .account = account,
				.owner = 77 };
	unsigned int order = how.order;
	pt_pa_t pa;

	assert_int_equal(buddy_alloc(&z->m, NULL, &how, &pa), 0);
	assert_int_equal(buddy_folio_split(&z->m, pa, order), -EINVAL);
	assert_int_equal(buddy_folio_split(&z->m, pa, order + 1), -EINVAL);
	assert_int_equal(buddy_folio_split(&z->m, pa + frame_bytes(z), 0), -EINVAL);
	assert_int_equal(pt_folio_split(z->m.zone, pa + 1, 0), -EINVAL);
	/* the first half again and again: one part of each order, and two of 0 */
	while (order) {
		order--;
		assert_int_equal(buddy_folio_split(&z->m, pa, order), 0);
		assert_int_equal(info_of(z, pa + block_bytes(z, order)).head,
				 pa + block_bytes(z, order));
		buddy_check(&z->m);
	}
	for (; order < how.order; order++)
		assert_int_equal(buddy_free(&z->m, z->cache[0], pa + block_bytes(z, order), order),
				 0);
	assert_int_equal(info_of(z, pa).owner, 77);
	put(z, pa, 0);
	pt_zone_cache_drain(z->cache[0]);
	/* all the way at once */
	assert_int_equal(buddy_alloc(&z->m, NULL, &how, &pa), 0);
	assert_int_equal(buddy_folio_split(&z->m, pa, 0), 0);
	assert_int_equal(buddy_free(&z->m, NULL, pa, how.order), -EINVAL);
	buddy_check(&z->m);
}

static void table_pages_in_use_are_not_freed(void **state)
{
	struct zones *z = *state;
	struct pt_account *account = buddy_account(&z->m, 64);
	struct buddy_source source = { .m = &z->m,
				       .source = { .type = KEYED, .account = account } };
	struct pt_pgtable_cfg cfg = { .mode = PT_MODE_PRIVATE };
	struct pt_pgtable *pt, *none;

	assert_int_equal(pt_fmt_cfg_init(&cfg.fmt, PT_FMT_X86_64), 0);
	cfg.tables = buddy_table_ops(&source);
	assert_int_equal(pt_pgtable_create(&pt, z->phys, &cfg), 0);
	assert_int_equal(pt_map(pt, 0x7000, 0x1000, 0x1000, PT_ATTR_RW, NULL), 0);
	assert_int_equal(z->m.nr_blocks, 4);
	/* the last of them has two parents, of which pt_folio_put() must drop none */
	assert_int_equal(pt_pgtable_link(pt, 2 * MIB, pt, 0, 2 * MIB, 1), 0);
	for (size_t i = 0; i < z->m.nr_blocks; i++) {
		pt_pa_t pa = z->m.block[i].pa;

		assert_true(info_of(z, pa).is_table);
		assert_ptr_equal(info_of(z, pa).account, account);
		assert_int_equal(info_of(z, pa).type.flags, PT_FREETYPE_KEYED);
		assert_int_equal(buddy_free(&z->m, NULL, pa, 0), -EBUSY);
		assert_int_equal(buddy_free_raw(&z->m, z->cache[0], pa, 0), -EBUSY);
		/* their references are the entries that point at them */
		assert_int_equal(pt_folio_get(z->m.zone, pa), -EBUSY);
		assert_int_equal(pt_folio_put(z->m.zone, NULL, pa), -EBUSY);
	}
	assert_int_equal(pt_pgtable_unlink(pt, 2 * MIB, 2 * MIB, 1, NULL), 0);
	buddy_check(&z->m);
	/* charged to an account that has no more */
	buddy_set_limit(&z->m, account, 4);
	assert_int_equal(pt_map(pt, GIB, 0x1000, 0x1000, PT_ATTR_RW, NULL), -ENOMEM);
	assert_int_equal(pt_pgtable_create(&none, z->phys, &cfg), -ENOMEM);
	z->m.account[0].stats.refused += 2;
	buddy_check(&z->m);
	pt_pgtable_destroy(pt);
	assert_int_equal(z->m.nr_held, 0);
	buddy_check(&z->m);
}

/* A root of several pages: the first alone is a table, and all of them are one block. */
static void a_root_of_several_pages_is_one_block(void **state)
{
	struct zones *z = *state;
	struct buddy_source source = { .m = &z->m, .source = { .type = UNMOVABLE } };
	struct pt_pgtable_cfg cfg = { .mode = PT_MODE_PRIVATE };
	struct pt_pgtable *pt;
	pt_pa_t root;

	assert_int_equal(pt_fmt_cfg_init(&cfg.fmt, PT_FMT_ARM64_S2_4K), 0);
	cfg.fmt.va_bits = 40;
	cfg.fmt.levels = 3; /* two tables side by side; see format.h */
	cfg.tables = buddy_table_ops(&source);
	assert_int_equal(pt_pgtable_create(&pt, z->phys, &cfg), 0);
	root = pt_pgtable_root(pt);
	assert_int_equal(info_of(z, root).order, 1);
	assert_int_equal(pt_map(pt, 0x7000, 0x1000, 0x1000, PT_ATTR_RW, NULL), 0);
	/* one entry is one reference, as a folio that may be split has */
	assert_int_equal(info_of(z, root).refs, 1);
	assert_int_equal(buddy_folio_split(&z->m, root, 0), -EBUSY);
	assert_int_equal(buddy_free(&z->m, NULL, root, 1), -EBUSY);
	pt_pgtable_destroy(pt);
	assert_int_equal(z->m.nr_held, 0);
	buddy_check(&z->m);
}

/* Whatever it is that the zone does not have, a source of tables has no memory. */
static void a_source_of_tables_has_no_other_error_than_no_memory(void **state)
{
	struct zones *z = zones_again(*state, NULL, false);
	struct pt_zone_source source = { .zone = z->m.zone, .type = UNMOVABLE };
	const struct pt_table_ops ops = pt_zone_table_ops(&source);
	pt_pa_t pa;

	for (unsigned int lg2 = 0; lg2 < 64; lg2++) {
		bool fits = lg2 >= z->m.frame_lg2 && lg2 <= z->m.frame_lg2 + z->m.max_order;

		assert_int_equal(ops.alloc(ops.ctx, lg2, &pa), fits ? 0 : -ENOMEM);
		if (fits)
			ops.free(ops.ctx, pa, lg2);
	}
	source.type = UNMAPPED;
	assert_int_equal(ops.alloc(ops.ctx, z->m.frame_lg2, &pa), -ENOMEM);
}

static void a_source_of_tables_waits_only_if_it_may(void **state)
{
	struct zones *z = *state;
	struct pt_zone_source source = { .zone = z->m.zone, .type = KEYED,
					 .flags = PT_ALLOC_NOBLOCK };
	const struct pt_table_ops ops = pt_zone_table_ops(&source);
	pt_pa_t pa;

	assert_int_equal(ops.alloc(ops.ctx, z->m.frame_lg2, &pa), -ENOMEM);
	assert_int_equal(z->m.nr_converts, 0);
	source.flags = 0;
	assert_int_equal(ops.alloc(ops.ctx, z->m.frame_lg2, &pa), 0);
	assert_int_equal(z->m.nr_converts, 1);
	ops.free(ops.ctx, pa, z->m.frame_lg2);
}

static void an_account_is_charged_exactly_to_its_limit(void **state)
{
	struct zones *z = *state;
	struct pt_account *account = buddy_account(&z->m, 13), *other = buddy_account(&z->m, 5);
	struct pt_alloc how = { .order = 2, .type = UNMOVABLE, .account = account };
	struct pt_account_stats stats;
	pt_pa_t pa[4];

	for (int i = 0; i < 3; i++)
		assert_int_equal(buddy_alloc(&z->m, z->cache[0], &how, &pa[i]), 0);
	assert_int_equal(buddy_alloc(&z->m, z->cache[0], &how, &pa[3]), -ENOMEM);
	how.order = 0;
	assert_int_equal(buddy_alloc(&z->m, NULL, &how, &pa[3]), 0);
	assert_int_equal(buddy_alloc(&z->m, NULL, &how, &pa[3]), -ENOMEM);
	pt_account_stats(account, &stats);
	assert_int_equal(stats.held, 13);
	assert_int_equal(stats.peak, 13);
	assert_int_equal(stats.charges, 4);
	assert_int_equal(stats.refused, 2);
	assert_int_equal(pt_account_destroy(account), -EBUSY);

	/* somebody else's limit is somebody else's */
	how.account = other;
	how.order = 3;
	assert_int_equal(buddy_alloc(&z->m, NULL, &how, &pa[3]), -ENOMEM);
	how.order = 2;
	assert_int_equal(buddy_alloc(&z->m, NULL, &how, &pa[3]), 0);

	/* a lower limit takes nothing away, and is one for what comes */
	buddy_set_limit(&z->m, account, 6);
	how.account = account;
	how.order = 0;
	for (int i = 0; i < 2; i++) {
		assert_int_equal(buddy_alloc(&z->m, NULL, &how, &pa[3]), -ENOMEM);
		assert_int_equal(buddy_free(&z->m, z->cache[1], pa[i], 2), 0);
	}
	assert_int_equal(buddy_alloc(&z->m, NULL, &how, &pa[3]), 0);
	assert_int_equal(buddy_alloc(&z->m, NULL, &how, &pa[3]), -ENOMEM);
	buddy_set_limit(&z->m, account, UINT64_MAX);
	how.order = 5;
	assert_int_equal(buddy_alloc(&z->m, NULL, &how, &pa[3]), 0);
	buddy_check(&z->m);
}

/* What fails for another reason is neither charged nor refused by the limit. */
static void a_failed_request_is_not_charged(void **state)
{
	struct zones *z = *state;
	struct pt_account *account = buddy_account(&z->m, UINT64_MAX);
	struct pt_alloc how = { .order = z->m.max_order, .type = UNMAPPED, .account = account };
	pt_pa_t pa;

	z->m.fail_all = true;
	assert_int_equal(buddy_alloc(&z->m, NULL, &how, &pa), -ENOMEM);
	z->m.fail_all = false;
	how.type = MOVABLE;
	while (!buddy_alloc(&z->m, NULL, &how, &pa))
		;
	buddy_check(&z->m);
}

static void accounts_are_of_one_zone_and_go_before_it(void **state)
{
	struct zones *z = *state;
	struct pt_account *account;
	struct pt_alloc how = { .type = MOVABLE };
	struct pt_phys *phys;
	struct pt_zone *other;
	pt_pa_t pa;

	assert_int_equal(pt_phys_create_anon(&phys, 2 * MIB), 0);
	assert_int_equal(pt_zone_create(&other, phys, NULL), 0);
	assert_int_equal(pt_account_create(&account, other, UINT64_MAX), 0);
	how.account = account;
	assert_int_equal(pt_alloc_pages(z->m.zone, NULL, &how, &pa), -EINVAL);
	/* charged for anything: one page */
	assert_int_equal(pt_alloc_pages(other, NULL, &how, &pa), 0);
	assert_int_equal(pt_account_destroy(account), -EBUSY);
	assert_int_equal(pt_free_pages(other, NULL, pa, 0), 0);
	assert_int_equal(pt_zone_destroy(other), -EBUSY);
	assert_int_equal(pt_account_destroy(account), 0);
	assert_int_equal(pt_zone_destroy(other), 0);
	pt_phys_destroy(phys);
}

static void there_are_65535_accounts(void **state)
{
	static struct pt_account *account[65535];
	struct zones *z = *state;
	struct pt_account *more;

	for (size_t i = 0; i < 65535; i++)
		assert_int_equal(pt_account_create(&account[i], z->m.zone, 1), 0);
	assert_int_equal(pt_account_create(&more, z->m.zone, 1), -ENOMEM);
	for (size_t i = 0; i < 65535; i += 13000) {
		const struct pt_alloc how = { .type = MOVABLE, .account = account[i] };
		pt_pa_t pa;

		assert_int_equal(pt_alloc_pages(z->m.zone, NULL, &how, &pa), 0);
		assert_ptr_equal(info_of(z, pa).account, account[i]);
		assert_int_equal(pt_free_pages(z->m.zone, NULL, pa, 0), 0);
	}
	/* who goes makes room */
	assert_int_equal(pt_account_destroy(account[40000]), 0);
	assert_int_equal(pt_account_create(&account[40000], z->m.zone, 7), 0);
	assert_int_equal(pt_account_create(&more, z->m.zone, 1), -ENOMEM);
	for (size_t i = 0; i < 65535; i++)
		assert_int_equal(pt_account_destroy(account[i]), 0);
	assert_int_equal(pt_account_destroy(NULL), 0);
}

static void marked_pages_are_settled_before_they_are_freed(void **state)
{
	struct zones *z = *state;

	for (unsigned int order = 0; order <= z->m.max_order; order++) {
		pt_pa_t pa = get(z, order, UNMAPPED), inside = pa + block_bytes(z, order) / 2;

		buddy_mark_stale(&z->m, inside);
		assert_true(info_of(z, pa).stale);
		assert_int_equal(buddy_free_raw(&z->m, NULL, pa, order), -EBUSY);
		assert_int_equal(buddy_free_raw(&z->m, z->cache[0], pa, order), -EBUSY);
		assert_int_equal(z->m.nr_settles, order);
		/* what is refused for another reason is not settled either */
		assert_int_equal(buddy_free(&z->m, NULL, pa, order + 1), -EINVAL);
		buddy_folio_get(&z->m, pa);
		assert_int_equal(buddy_free(&z->m, NULL, pa, order), -EBUSY);
		buddy_folio_put(&z->m, NULL, pa);
		assert_int_equal(z->m.nr_settles, order);
		buddy_check(&z->m);
		if (order & 1)
			assert_int_equal(buddy_free(&z->m, z->cache[0], pa, order), 0);
		else
			assert_int_equal(buddy_folio_put(&z->m, z->cache[0], pa), 0);
		assert_int_equal(z->m.nr_settles, order + 1);
		buddy_check(&z->m); /* it is marked no more, whoever has it */
	}
}

static void a_mark_can_be_taken_back(void **state)
{
	struct zones *z = *state;
	pt_pa_t pa = get(z, 4, UNMAPPED);

	buddy_mark_stale(&z->m, pa);
	pt_page_clear_stale(z->m.zone, pa + 5 * frame_bytes(z));
	buddy_block_at(&z->m, pa)->stale = false;
	assert_false(info_of(z, pa).stale);
	assert_int_equal(buddy_free_raw(&z->m, NULL, pa, 4), 0);
	assert_int_equal(z->m.nr_settles, 0);
	/* and does not come back with the page */
	pa = get(z, 4, UNMAPPED);
	assert_false(info_of(z, pa).stale);
}

/* Nobody knows which part it was. */
static void parts_of_a_marked_block_are_marked(void **state)
{
	struct zones *z = *state;
	pt_pa_t pa = get(z, 3, UNMAPPED);

	buddy_mark_stale(&z->m, pa);
	assert_int_equal(buddy_folio_split(&z->m, pa, 1), 0);
	buddy_check(&z->m);
	for (unsigned int i = 0; i < 4; i++) {
		assert_int_equal(buddy_free_raw(&z->m, NULL, pa + i * block_bytes(z, 1), 1),
				 -EBUSY);
		assert_int_equal(buddy_free(&z->m, z->cache[0], pa + i * block_bytes(z, 1), 1), 0);
	}
	assert_int_equal(z->m.nr_settles, 4);
}

int main(void)
{
	const struct CMUnitTest everywhere[] = {
		cmocka_unit_test(what_is_free_cannot_be_freed),
		cmocka_unit_test(only_the_block_that_was_allocated_can_be_freed),
		cmocka_unit_test(every_page_of_a_block_says_what_it_is_part_of),
		cmocka_unit_test(a_folio_lives_until_its_last_reference),
		cmocka_unit_test(a_split_folio_is_freed_in_parts),
	};
	const struct CMUnitTest alone[] = {
		ON(a_page_that_is_handed_out_again_is_another_one, whole_16m),
		ON(requests_that_cannot_be_are_refused, whole_16m),
		ON(zeroed_pages_are_zero_wherever_they_come_from, whole_256m),
		ON(a_page_that_cannot_be_zeroed_is_not_lost, whole_16m),
		ON(table_pages_in_use_are_not_freed, whole_16m),
		ON(a_root_of_several_pages_is_one_block, whole_16m),
		ON(a_source_of_tables_has_no_other_error_than_no_memory, whole_16m),
		ON(a_source_of_tables_waits_only_if_it_may, whole_16m),
		ON(an_account_is_charged_exactly_to_its_limit, whole_16m),
		ON(a_failed_request_is_not_charged, whole_16m),
		ON(accounts_are_of_one_zone_and_go_before_it, whole_16m),
		ON(there_are_65535_accounts, whole_16m),
		ON(marked_pages_are_settled_before_they_are_freed, whole_16m),
		ON(a_mark_can_be_taken_back, whole_16m),
		ON(parts_of_a_marked_block_are_marked, whole_16m),
	};

	return RUN_ON_LAYOUTS("page on all layouts", everywhere) +
	       cmocka_run_group_tests_name("page", alone, NULL, NULL);
}
