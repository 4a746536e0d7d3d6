/* SPDX-License-Identifier: MIT */
/*
 * A program of allocations and conversions, with batches and watermarks, on a zone whose direct map
 * is the model: a free page is of its pageblock's freetype and that is what its tables say; no page
 * is on a list of other flags before a conversion has returned; one that fails leaves everything as
 * it was; marked pages are settled before they are freed; nothing is lost.
 */
#include "fuzz_zone.h"

static void op_convert(struct zone_world *w, struct fuzz_input *in)
{
	pt_freetype_t from = pick_type(in), to = pick_type(in);
	uint8_t max = fuzz_u8(in);

	buddy_convert(&w->m, from, to, max < 250 ? max % 8 : SIZE_MAX, NULL);
}

static void op_balance(struct zone_world *w)
{
	size_t nr_failed = w->m.nr_failed;
	int err = pt_zone_balance(w->m.zone);

	FUZZ_CHECK(err == 0 || (err == -EIO && w->m.nr_failed > nr_failed));
}

static void op_fail(struct zone_world *w, struct fuzz_input *in)
{
	uint8_t how = fuzz_u8(in);

	w->m.fail_convert = how & 1 ? w->m.nr_converts + 1 + (how >> 6) : 0;
	w->m.fail_zero = how & 2 ? w->m.nr_zeroes + 1 + (how >> 6) : 0;
	w->m.fail_all = (how & 12) == 12;
	w->m.allocates = how & 16;
	w->m.scribbles = how & 32;
}

static void op_mark(struct zone_world *w, struct fuzz_input *in)
{
	struct buddy_block *block = pick_block(w, in);
	bool split = fuzz_bool(in);

	if (!block)
		return;
	buddy_mark_stale(&w->m, block->pa);
	if (split && block->order)
		buddy_folio_split(&w->m, block->pa, block->order - 1);
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
		op_convert(w, in);
		break;
	case 12:
		op_balance(w);
		break;
	case 13:
		op_fail(w, in);
		break;
	case 14:
		op_mark(w, in);
		break;
	default:
		op_drain(w, in);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = { data, size };
	struct zone_world *w = &world;
	uint8_t marks;

	memset(w, 0, sizeof(*w));
	w->cfg.flags = fuzz_bool(&in) ? PT_ZONE_CONVERT_BACK_ANY : 0;
	w->cfg.convert_batch = fuzz_u8(&in) % 8;
	marks = fuzz_u8(&in);
	w->cfg.ready_low = marks & 3;
	w->cfg.ready_high = w->cfg.ready_low ? w->cfg.ready_low + (marks >> 2 & 3) : 0;
	zone_init(w, &in, true);
	for (unsigned int i = 0; i < ZONE_MAX_OPS && in.left; i++) {
		run_op(w, &in);
		if (i % 4 == 3)
			buddy_check(&w->m);
	}
	zone_exit(w);
	return 0;
}
