/* SPDX-License-Identifier: MIT */
/*
 * A program of allocations and frees, right and wrong ones, on a zone of any ranges, against the
 * model: no frame is handed out twice or lost, what is freed wrongly is refused with the code that
 * the header gives and changes nothing, accounts and folios are exact; and in the end all memory
 * can be had again in the largest blocks that it is made of.
 */
#include "fuzz_zone.h"

/* Any address and order: the model knows what must be said of it. */
static void op_free_anything(struct zone_world *w, struct fuzz_input *in)
{
	struct pt_zone_cache *cache = pick_cache(w, in);
	const struct buddy_block *block = pick_block(w, in);
	uint8_t how = fuzz_u8(in);
	unsigned int order = fuzz_u8(in) % 20;
	pt_pa_t pa;

	if (how & 1 && block)
		pa = block->pa;
	else
		pa = buddy_pa(&w->m, fuzz_u16(in) % w->m.nr_frames);
	if (how & 2)
		pa += (pt_pa_t)(int8_t)fuzz_u8(in) << w->m.frame_lg2;
	if (how & 4)
		pa += fuzz_u8(in);
	if (how & 8)
		pa ^= UINT64_C(1) << fuzz_u8(in) % 64;
	if (how & 16 && block)
		order = block->order;
	switch (how >> 5 & 3) {
	case 0:
		buddy_free_raw(&w->m, cache, pa, order);
		break;
	case 1:
		buddy_folio_put(&w->m, cache, pa);
		break;
	default:
		buddy_free(&w->m, cache, pa, order);
		break;
	}
}

static void op_folio(struct zone_world *w, struct fuzz_input *in)
{
	struct pt_zone_cache *cache = pick_cache(w, in);
	const struct buddy_block *block = pick_block(w, in);
	uint8_t how = fuzz_u8(in);
	pt_pa_t pa;

	if (!block)
		return;
	pa = block->pa;
	if (how & 4)
		pa += (uint64_t)fuzz_u16(in) % (UINT64_C(1) << (w->m.frame_lg2 + block->order));
	switch (how & 3) {
	case 0:
		buddy_folio_get(&w->m, pa);
		break;
	case 1:
		buddy_folio_put(&w->m, cache, pa);
		break;
	default:
		buddy_folio_split(&w->m, pa, how >> 4);
		break;
	}
}

static void op_account(struct zone_world *w, struct fuzz_input *in)
{
	uint64_t limit = fuzz_u16(in);
	size_t i = fuzz_index(in, BUDDY_MAX_ACCOUNTS);

	if (i < w->m.nr_accounts)
		buddy_set_limit(&w->m, w->m.account[i].account, limit);
	else if (w->m.nr_accounts < BUDDY_MAX_ACCOUNTS)
		buddy_account(&w->m, limit ? limit : UINT64_MAX);
}

static void run_op(struct zone_world *w, struct fuzz_input *in)
{
	switch (fuzz_u8(in) % 16) {
	case 0: case 1: case 2: case 3: case 4: case 5:
		op_get(w, in);
		break;
	case 6: case 7: case 8: case 9:
		op_put(w, in);
		break;
	case 10: case 11:
		op_free_anything(w, in);
		break;
	case 12: case 13:
		op_folio(w, in);
		break;
	case 14:
		op_drain(w, in);
		break;
	default:
		op_account(w, in);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = { data, size };
	struct zone_world *w = &world;

	memset(w, 0, sizeof(*w));
	zone_init(w, &in, fuzz_bool(&in));
	for (unsigned int i = 0; i < ZONE_MAX_OPS && in.left; i++) {
		run_op(w, &in);
		if (i % 8 == 7)
			buddy_check(&w->m);
	}
	zone_exit(w);
	return 0;
}
