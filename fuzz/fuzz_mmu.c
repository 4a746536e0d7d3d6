/* SPDX-License-Identifier: MIT */
/*
 * Arbitrary registers and memory under an MMU: each access does what the model of tests/model says.
 *
 * The verdict, every word read, and every bit changed are the model's; trace, probe and access
 * agree; only an access that is performed, and succeeds, changes memory; performed again it
 * changes nothing more. An access that does not exist leaves the result alone, and registers that
 * are refused leave the MMU alone.
 *
 * Input: [architecture] [registers], then operations: registers, what memory holds, accesses.
 */
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS */

#include <errno.h>
#include <string.h>

#include "fuzz_input.h"
#include "fuzz_mmu_check.h"
#include "fuzz_mmu_regs.h"
#include "fuzz_mmu_world.h"

#define MAX_OPS 64
#define NR(array) (sizeof(array) / sizeof((array)[0]))

/* What the access changes, in the copy; returns all bits that it touches anywhere. */
static uint64_t perform_marks(struct world *w, const struct model_answer *a)
{
	uint64_t marked = 0;

	for (unsigned int i = 0; i < a->nr_marks; i++) {
		const struct model_mark *mark = &a->mark[i];
		uint64_t *word = world_copy(w, mark->pa, 8);

		*word = (*word | mark->set) & ~mark->clear;
		marked |= mark->set | mark->clear;
	}
	return marked;
}

/* Whether a word that is changed is one of both stages, which are of different forms. */
static bool is_tangled(const struct world *w, const struct model_answer *a)
{
	struct model_shape second;

	if (!w->model.second || !w->model.second->shape(&w->model, &second) ||
	    second.form == MODEL_X86)
		return false;
	for (unsigned int i = 0; i < a->nr_marks; i++) {
		unsigned int stages = 0;

		for (unsigned int k = 0; k < a->nr_words; k++)
			stages |= a->word[k].pa == a->mark[i].pa ? a->word[k].stage : 0;
		if (stages == 3)
			return true;
	}
	return false;
}

/*
 * An access that changes the tables of one stage by marking those of the other may end anyhow, in
 * the middle too, as on a processor; but it sets no other bits.
 */
static void access_tangled(struct world *w, pt_va_t va, const struct pt_access *access,
			   const struct model_answer *a)
{
	struct pt_access_result result;
	int err = pt_access(w->mmu, va, access, &result);

	FUZZ_CHECK(err == 0 || err == 1);
	for (unsigned int i = 0; i < a->nr_marks; i++) {
		uint64_t *copy = world_copy(w, a->mark[i].pa, 8), raw, may = 0;

		for (unsigned int k = 0; k < a->nr_marks; k++)
			if (a->mark[k].pa == a->mark[i].pa)
				may |= a->mark[k].set | a->mark[k].clear;
		FUZZ_CHECK_EQ(pt_phys_read(w->phys, a->mark[i].pa, &raw, 8), 0);
		FUZZ_CHECK_EQ(raw & ~may, *copy & ~may);
		*copy = raw;
	}
	world_check(w);
}

/* A result that was never written to. */
static void blank(struct pt_access_result *result)
{
	memset(result, 0xa5, sizeof(*result));
}

static void check_blank(int err, const struct pt_access_result *result)
{
	struct pt_access_result want;

	blank(&want);
	FUZZ_CHECK_EQ(err, -EINVAL);
	FUZZ_CHECK(!memcmp(result, &want, sizeof(want)));
}

static void refuse(struct world *w, pt_va_t va, const struct pt_access *access)
{
	struct pt_access_step steps[PT_ACCESS_MAX_STEPS];
	struct pt_access_result result;
	unsigned int nr;
	uint8_t byte = 0;

	blank(&result);
	check_blank(pt_access(w->mmu, va, access, &result), &result);
	check_blank(pt_access_probe(w->mmu, va, access, &result), &result);
	check_blank(pt_access_trace(w->mmu, va, access, &result, steps, &nr), &result);
	check_blank(pt_access_read(w->mmu, va, access, &byte, &result), &result);
	check_blank(pt_access_write(w->mmu, va, access, &byte, &result), &result);
	world_check(w);
}

/* Probe and trace; what @a says, and nothing changes. */
static void look(struct world *w, pt_va_t va, const struct pt_access *access,
		 struct model_answer *a)
{
	struct pt_access_step steps[PT_ACCESS_MAX_STEPS];
	struct pt_access_result result;
	unsigned int nr = 0;

	model_access(&w->model, va, access, a);
	check_result(pt_access_probe(w->mmu, va, access, &result), &result, a, 0);
	check_result(pt_access_trace(w->mmu, va, access, &result, steps, &nr), &result, a, 0);
	check_steps(steps, nr, a);
	world_check(w);
}

static void try_access(struct world *w, pt_va_t va, const struct pt_access *access)
{
	struct pt_access_result first, again;
	struct model_answer *a = &w->answer;
	uint64_t marked;

	if (!model_access_exists(&w->model, access)) {
		refuse(w, va, access);
		return;
	}
	look(w, va, access, a);
	if (!a->faulted && is_tangled(w, a)) {
		access_tangled(w, va, access, a);
		return;
	}
	marked = a->faulted ? 0 : perform_marks(w, a);
	check_result(pt_access(w->mmu, va, access, &first), &first, a, marked);
	world_check(w);
	if (a->faulted)
		return;

	model_access(&w->model, va, access, a);
	FUZZ_CHECK_EQ(a->faulted, false);
	FUZZ_CHECK_EQ(a->nr_marks, 0);
	check_pieces(&first, a, marked);
	check_result(pt_access(w->mmu, va, access, &again), &again, a, 0);
	world_check(w);
}

/* Bytes that move: @buf holds @access->size of them, to be written or as they were read. */
static void check_moved(struct world *w, const struct model_answer *a, bool write,
			const uint8_t *buf)
{
	for (unsigned int i = 0; i < a->nr_pieces; buf += a->piece[i++].len) {
		uint8_t *copy = world_copy(w, a->piece[i].pa, a->piece[i].len);

		if (write) {
			world_uses(w, a->piece[i].pa, a->piece[i].len);
			memcpy(copy, buf, a->piece[i].len);
		} else {
			FUZZ_CHECK(!memcmp(copy, buf, a->piece[i].len));
		}
	}
}

static void try_bytes(struct world *w, pt_va_t va, const struct pt_access *access, uint8_t fill)
{
	bool write = access->kind == PT_ACCESS_WRITE || access->kind == PT_ACCESS_RMW;
	uint8_t all[64], *buf = all + sizeof(all) - access->size; /* ends where the array does */
	struct model_answer *a = &w->answer;
	struct pt_access_result result;
	uint64_t marked = 0;
	int err;

	blank(&result);
	memset(all, fill, sizeof(all));
	check_blank(write ? pt_access_read(w->mmu, va, access, buf, &result) :
			    pt_access_write(w->mmu, va, access, buf, &result), &result);
	model_access(&w->model, va, access, a);
	if (!a->faulted && is_tangled(w, a))
		return;
	if (!a->faulted)
		marked = perform_marks(w, a);
	err = write ? pt_access_write(w->mmu, va, access, buf, &result) :
		      pt_access_read(w->mmu, va, access, buf, &result);
	for (unsigned int i = 0; !a->faulted && i < a->nr_pieces; va += a->piece[i++].len) {
		const struct pt_piece *piece = &a->piece[i];
		unsigned int there = 0;

		while (there < piece->len && world_copy(w, piece->pa + there, 1))
			there++;
		if (there == piece->len)
			continue;
		a->faulted = a->has_entry = true;
		a->whys = 1u << PT_WHY_OUTSIDE;
		a->fault = (struct pt_fault){
			.kind = PT_FAULT_NO_MEMORY, .stage = 1, .level = piece->level,
			.va = va + there, .pa = piece->pa + there, .raw = piece->raw,
		};
		if (a->nr_marks) /* then it may be as it was before */
			a->fault.raw = result.fault.raw;
	}
	check_result(err, &result, a, marked);
	if (!err)
		check_moved(w, a, write, buf);
	world_check(w);
}

/* [va ..] [kind and privilege 1] [size 1] [flags 1] */
static void access_some(struct world *w, struct fuzz_input *in)
{
	pt_va_t va = world_va(w, in, false);
	uint8_t who = fuzz_u8(in), size = fuzz_u8(in), flags = fuzz_u8(in);
	struct pt_access access = {
		.kind = (enum pt_access_kind)(who & 3), .priv = who >> 2 & 3,
		.size = (size & 63u) + 1, .flags = flags & 15,
	};

	/* what does not exist, and cannot be written in few bits */
	if (who & 0x40)
		access.kind = (enum pt_access_kind)(int8_t)fuzz_u8(in);
	if (who & 0x20)
		access.priv = fuzz_u32(in);
	if (size & 0x80)
		access.size = fuzz_u32(in);
	if (flags & 0x10)
		access.flags = fuzz_u32(in);
	if (who & 0x80 && model_access_exists(&w->model, &access))
		try_bytes(w, va, &access, fuzz_u8(in));
	else
		try_access(w, va, &access);
}

/* The second stages, each behind its architecture. */
static int load_npt(struct world *w, struct fuzz_input *in)
{
	struct pt_x86_regs host = draw_x86(in, world_root(w, in));
	int want = w->model.arch == MODEL_REGS_X86 ? model_check_npt(&host) : -EINVAL;
	int err = pt_mmu_set_npt(w->mmu, &host);

	FUZZ_CHECK_EQ(err, want);
	if (!err)
		w->model.npt = host;
	return err;
}

static int npt_off(struct pt_mmu *mmu)
{
	return pt_mmu_set_npt(mmu, NULL);
}

static int load_ept(struct world *w, struct fuzz_input *in)
{
	struct pt_x86_ept_regs regs = draw_ept(in, world_root(w, in));
	int want = w->model.arch == MODEL_REGS_X86 ? model_check_ept(&regs) : -EINVAL;
	int err = pt_mmu_set_ept(w->mmu, &regs);

	FUZZ_CHECK_EQ(err, want);
	if (!err)
		w->model.ept = regs;
	return err;
}

static int ept_off(struct pt_mmu *mmu)
{
	return pt_mmu_set_ept(mmu, NULL);
}

static int load_s2(struct world *w, struct fuzz_input *in)
{
	struct pt_arm64_s2_regs regs = draw_s2(in, world_root(w, in));
	int err = pt_mmu_set_arm64_s2(w->mmu, &regs);

	FUZZ_CHECK_EQ(err, w->model.arch == MODEL_REGS_ARM64 ? 0 : -EINVAL);
	if (!err)
		w->model.s2 = regs;
	if (!err && !model_s2_is_on(&regs)) {
		w->model.second = NULL;
		err = -ENOENT;
	}
	return err;
}

static int s2_off(struct pt_mmu *mmu)
{
	return pt_mmu_set_arm64_s2(mmu, NULL);
}

static const struct {
	const struct model_second *model;
	int (*load)(struct world *w, struct fuzz_input *in); /* 0, and the model has them */
	int (*off)(struct pt_mmu *mmu);
} seconds[] = {
	{ &model_npt, load_npt, npt_off },
	{ &model_ept, load_ept, ept_off },
	{ &model_arm64_s2, load_s2, s2_off },
};

static void load_second(struct world *w, struct fuzz_input *in)
{
	size_t i = fuzz_index(in, NR(seconds));

	if (!seconds[i].load(w, in)) /* not behind the other architecture's tables */
		w->model.second = seconds[i].model;
}

static void second_off(struct world *w)
{
	for (size_t i = 0; i < NR(seconds); i++)
		if (seconds[i].model == w->model.second)
			FUZZ_CHECK_EQ(seconds[i].off(w->mmu), 0);
	w->model.second = NULL;
}

/* Whether the registers are taken or refused, the model knows which hold. */
static void load_registers(struct world *w, struct fuzz_input *in, enum model_arch arch)
{
	pt_pa_t root0 = world_root(w, in), root1 = world_root(w, in);
	struct pt_x86_regs x86;
	int err;

	if (arch == MODEL_REGS_X86) {
		x86 = draw_x86(in, root0);
		err = pt_mmu_set_x86_64(w->mmu, &x86);
		FUZZ_CHECK_EQ(err, model_check_x86(&x86));
		if (err)
			return;
		w->model.x86 = x86;
	} else {
		w->model.arm64 = draw_arm64(in, root0, root1);
		FUZZ_CHECK_EQ(pt_mmu_set_arm64(w->mmu, &w->model.arm64), 0);
	}
	if (arch != w->model.arch)
		w->model.second = NULL; /* it is the other one's, and gone */
	w->model.arch = arch;
}

static void operate(struct world *w, struct fuzz_input *in)
{
	bool arm64 = w->model.arch == MODEL_REGS_ARM64;

	switch (fuzz_u8(in) & 15) {
	case 8: case 9: case 10:
		world_put_chain(w, in);
		break;
	case 11:
		world_put_word(w, in);
		break;
	case 12:
		load_registers(w, in, arm64 ? MODEL_REGS_ARM64 : MODEL_REGS_X86);
		break;
	case 13:
		load_second(w, in);
		break;
	case 14:
		second_off(w);
		break;
	case 15:
		load_registers(w, in, arm64 ? MODEL_REGS_X86 : MODEL_REGS_ARM64);
		break;
	default:
		access_some(w, in);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct world world; /* its memory is kept, and is zero between inputs */
	struct fuzz_input in = { .data = data, .left = size };
	struct world *w = &world;
	uint8_t start;

	world_begin(w);
	start = fuzz_u8(&in);
	if (start & 2)
		access_some(w, &in); /* before any registers */
	load_registers(w, &in, start & 1 ? MODEL_REGS_ARM64 : MODEL_REGS_X86);
	for (unsigned int i = 0; i < MAX_OPS && in.left; i++)
		operate(w, &in);
	world_end(w);
	return 0;
}
