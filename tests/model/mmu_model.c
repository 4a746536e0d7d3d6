/* SPDX-License-Identifier: MIT */
/* What the architectures share: pieces, reading a word through both stages, marks. */
#include "model/mmu_model_internal.h"

#include <string.h>

static bool read_memory(const struct model_memory *memory, pt_pa_t pa, uint64_t *raw)
{
	for (unsigned int i = 0; i < memory->nr; i++) {
		uint64_t offset = pa - memory->region[i].pa;

		if (pa < memory->region[i].pa || offset >= memory->region[i].len ||
		    memory->region[i].len - offset < 8)
			continue;
		memcpy(raw, memory->region[i].host + offset, 8);
		return true;
	}
	return false;
}

bool model_fault(struct model_run *run, const struct pt_fault *fault, bool has_entry)
{
	run->answer->faulted = true;
	run->answer->has_entry = has_entry;
	run->answer->fault = *fault;
	run->answer->whys = 1u << fault->why;
	return false;
}

unsigned int model_index(const struct model_shape *shape, uint64_t in, unsigned int level)
{
	unsigned int bits = shape->granule_lg2 - 3, low = shape->granule_lg2 + bits * level;

	/* The top table is as large as the input width makes it. */
	if (level == shape->top)
		bits = shape->in_bits - low;
	return (unsigned int)(in >> low & (MODEL_BIT(bits) - 1));
}

bool model_load(struct model_run *run, const struct model_shape *shape, pt_pa_t table_pa,
		uint64_t in, unsigned int level, struct model_path *path)
{
	struct model_answer *a = run->answer;
	const struct model_second *second = run->m->second;
	unsigned int index = model_index(shape, in, level);
	pt_pa_t pa = table_pa + 8 * (uint64_t)index;
	uint64_t raw;

	path->in_pa[level] = pa;
	if (shape->stage == 1 && second) {
		const struct model_want want = {
			.kind = PT_ACCESS_READ, .in_walk = true, .for_all = true
		};
		struct model_leaf to;

		if (!second->translate(run, pa, &want, &to))
			return false;
		pa = to.pa;
	}
	path->word_pa[level] = pa;
	if (!read_memory(run->m->memory, pa, &raw)) {
		const struct pt_fault fault = {
			.kind = PT_FAULT_NO_MEMORY, .why = PT_WHY_OUTSIDE, .stage = shape->stage,
			.level = level, .va = run->va, .pa = pa,
		};

		return model_fault(run, &fault, true);
	}
	path->raw[level] = raw;
	a->nr_loads[shape->stage - 1]++;
	a->word[a->nr_words++] = (struct model_word){ pa, raw, shape->stage, level, index,
						      PT_KIND_TABLE };
	return true;
}

void model_is(struct model_run *run, enum pt_kind kind)
{
	run->answer->word[run->answer->nr_words - 1].kind = kind;
}

bool model_change(struct model_run *run, const struct model_shape *shape,
		  const struct model_path *path, unsigned int level, uint64_t set, uint64_t clear)
{
	struct model_answer *a = run->answer;
	uint64_t raw = path->raw[level];

	if (((raw | set) & ~clear) == raw)
		return true;
	if (shape->stage == 1 && run->m->second) {
		/* only writes clear something, AP[2] of arm64 */
		const struct model_want want = {
			.kind = PT_ACCESS_RMW, .in_walk = true, .for_all = (raw | set) != raw
		};
		unsigned int nr_loads = a->nr_loads[1], nr_words = a->nr_words;
		struct model_leaf to;

		if (!run->m->second->translate(run, path->in_pa[level], &want, &to))
			return false;
		a->nr_loads[1] = nr_loads; /* the walker was there already */
		a->nr_words = nr_words;
	}
	a->mark[a->nr_marks++] = (struct model_mark){ path->word_pa[level], set, clear };
	return true;
}

void model_flat(pt_pa_t pa, enum pt_mem mem, struct model_leaf *to)
{
	*to = (struct model_leaf){
		.pa = pa, .size_lg2 = 12, .perms = PT_PERM_READ | PT_PERM_WRITE | PT_PERM_EXEC,
		.mem = mem, .user_page = true,
	};
}

static bool translate(struct model_run *run, struct model_leaf *to)
{
	const struct mmu_model *m = run->m;
	struct model_want want = { .kind = run->how->kind };
	struct model_leaf second;
	bool found = true;

	if (m->arch == MODEL_NO_REGS) {
		model_flat(run->va, PT_MEM_WB, to);
		return true;
	}
	found = m->arch == MODEL_REGS_X86 ? model_first_x86(run, to) : model_first_arm64(run, to);
	if (!found || !m->second)
		return found;
	want.user_page = to->user_page;
	if (!m->second->translate(run, to->pa, &want, &second))
		return false;
	to->any_mem = !m->second->combine(m, to, &second) || to->any_mem || second.any_mem;
	to->pa = second.pa;
	to->perms &= second.perms;
	if (second.size_lg2 < to->size_lg2)
		to->size_lg2 = second.size_lg2;
	return true;
}

bool model_access_exists(const struct mmu_model *m, const struct pt_access *access)
{
	static const struct {
		unsigned int max_priv, flags;
	} has[] = {
		[MODEL_NO_REGS] = { 3, 0 },
		[MODEL_REGS_X86] = { 3, PT_ACCESS_IMPLICIT | PT_ACCESS_STACK },
		[MODEL_REGS_ARM64] = { 1, PT_ACCESS_UNPRIV },
	};

	switch (access->kind) {
	case PT_ACCESS_READ:
	case PT_ACCESS_WRITE:
	case PT_ACCESS_RMW:
	case PT_ACCESS_FETCH:
		break;
	default:
		return false;
	}
	return access->size >= 1 && access->size <= 64 && access->priv <= has[m->arch].max_priv &&
	       !(access->flags & ~has[m->arch].flags);
}

void model_access(const struct mmu_model *m, pt_va_t va, const struct pt_access *access,
		  struct model_answer *answer)
{
	struct model_run run = { m, access, va, va, answer };

	answer->faulted = false;
	answer->nr_pieces = answer->nr_loads[0] = answer->nr_loads[1] = 0;
	answer->nr_words = answer->nr_marks = 0;
	for (unsigned int done = 0; done < access->size;) {
		struct model_leaf to;
		unsigned int len = 0;

		run.va = va + done;
		if (!(m->arch == MODEL_NO_REGS || m->arch == MODEL_REGS_X86 ||
		      m->arch == MODEL_REGS_ARM64) || !translate(&run, &to)) {
			answer->nr_pieces = 0;
			return;
		}
		/* Byte by byte, until the leaf ends. */
		do
			len++;
		while (done + len < access->size && (to.pa + len) & (MODEL_BIT(to.size_lg2) - 1));
		answer->any_mem[answer->nr_pieces] = to.any_mem;
		answer->piece[answer->nr_pieces++] = (struct pt_piece){
			.pa = to.pa, .raw = to.raw, .len = len, .perms = (uint8_t)to.perms,
			.mem = (uint8_t)to.mem, .level = (uint8_t)to.level,
			.size_lg2 = (uint8_t)to.size_lg2,
		};
		done += len;
	}
}

bool model_shape(const struct mmu_model *m, pt_va_t va, struct model_shape *shape)
{
	if (m->arch == MODEL_REGS_X86)
		return model_x86_shape(&m->x86, 1, shape);
	return m->arch == MODEL_REGS_ARM64 && model_arm64_shape(&m->arm64, va >> 55 & 1, shape);
}

/*
 * Intel SDM Vol. 3A, 4.5.4; Arm ARM DDI 0487 J.a, D8.3.1: with 52 bits, address bits 51:50 stand
 * in 9:8, or with 64K 51:48 in 15:12.
 */
uint64_t model_raw_of_pa(const struct model_shape *shape, pt_pa_t pa)
{
	uint64_t in_place = MODEL_BIT(shape->ds ? 50 : 48) - MODEL_BIT(shape->granule_lg2);

	if (shape->form == MODEL_X86 || shape->form == MODEL_EPT)
		return pa & (MODEL_BIT(52) - MODEL_BIT(12));
	return (pa & in_place) | (shape->ds ? MODEL_FIELD(pa, 50, 2) << 8 : 0) |
	       (shape->lpa ? MODEL_FIELD(pa, 48, 4) << 12 : 0);
}

pt_pa_t model_pa_of_raw(const struct model_shape *shape, uint64_t raw)
{
	uint64_t in_place = MODEL_BIT(shape->ds ? 50 : 48) - MODEL_BIT(shape->granule_lg2);

	if (shape->form == MODEL_X86 || shape->form == MODEL_EPT)
		return raw & (MODEL_BIT(52) - MODEL_BIT(12)) & ~shape->encrypted;
	return (raw & in_place) | (shape->ds ? MODEL_FIELD(raw, 8, 2) << 50 : 0) |
	       (shape->lpa ? MODEL_FIELD(raw, 12, 4) << 48 : 0);
}

uint64_t model_table_word(const struct model_shape *shape, pt_pa_t pa)
{
	static const uint64_t bits[] = {
		[MODEL_X86] = 0x07,      /* U/S, R/W, P */
		[MODEL_EPT] = 0x07,      /* X, W, R */
		[MODEL_ARM64] = 0x03,
		[MODEL_ARM64_S2] = 0x03,
	};

	return model_raw_of_pa(shape, pa) | bits[shape->form];
}

uint64_t model_leaf_word(const struct model_shape *shape, unsigned int level, pt_pa_t pa)
{
	static const uint64_t bits[] = {
		[MODEL_X86] = 0x67,       /* D, A, U/S, R/W, P */
		[MODEL_EPT] = 0x337,      /* D, A, write-back, X, W, R */
		[MODEL_ARM64] = 0x441,    /* AF, AP[1] */
		[MODEL_ARM64_S2] = 0x4fd, /* AF, S2AP, write-back */
	};
	bool x86 = shape->form == MODEL_X86 || shape->form == MODEL_EPT;

	if (x86)
		return model_raw_of_pa(shape, pa) | bits[shape->form] | (level ? 0x80 : 0);
	return model_raw_of_pa(shape, pa) | bits[shape->form] | (level ? 0 : 2);
}
