/* SPDX-License-Identifier: MIT */
/* The public calls of an MMU: an access is looked at whole, then performed. */
#include <stdlib.h>
#include <string.h>

#include "mmu/mmu_internal.h"

/* Without registers: no translation, every right, and nothing else to know. */
static int translate_none(struct ptl_access *access, struct ptl_translation *to)
{
	ptl_translate_flat(access->va, PT_MEM_WB, to);
	return 0;
}

static bool ask_nothing(const struct ptl_access *access, struct ptl_asked *asked)
{
	(void)access;
	(void)asked;
	return false;
}

static const struct ptl_mmu_arch no_arch = {
	.max_priv = 3,
	.translate = translate_none,
	.ask = ask_nothing,
};

int pt_mmu_create(struct pt_mmu **out, struct pt_phys *phys)
{
	struct pt_mmu *mmu = calloc(1, sizeof(*mmu));

	if (!mmu)
		return -ENOMEM;
	mmu->phys = phys;
	mmu->arch = &no_arch;
	for (unsigned int i = 0; i < 2; i++) {
		mmu->half[i].mmu = mmu;
		mmu->half_of[i] = &mmu->half[i];
	}
	ptl_mmu_stages_changed(mmu);
	*out = mmu;
	return 0;
}

void pt_mmu_destroy(struct pt_mmu *mmu)
{
	free(mmu);
}

/* Bytes from @to->pa on that the same leaf translates. */
static inline uint64_t room_behind(const struct ptl_translation *to)
{
	uint64_t size = PTL_BIT(to->size_lg2);

	return size - (to->pa & (size - 1));
}

static inline void fill_piece(struct pt_piece *piece, const struct ptl_translation *to,
			      unsigned int len)
{
	piece->pa = to->pa;
	piece->raw = to->raw;
	piece->len = len;
	piece->perms = (uint8_t)to->perms;
	piece->mem = (uint8_t)to->mem;
	piece->level = (uint8_t)to->level;
	piece->size_lg2 = (uint8_t)to->size_lg2;
}

int ptl_access_piece(struct ptl_access *access, unsigned int done, struct pt_piece *piece)
{
	unsigned int left = access->how->size - done;
	struct ptl_translation to;

	access->va = access->first + done;
	if (access->mmu->arch->translate(access, &to))
		return 1;
	fill_piece(piece, &to, (unsigned int)ptl_min(left, room_behind(&to)));
	return 0;
}

/* Each piece of the access in turn; 0 or 1. */
static int go_through(struct ptl_access *access, struct pt_access_result *result)
{
	unsigned int done = 0;

	result->nr_pieces = 0;
	while (done < access->how->size) {
		struct pt_piece *piece = &result->piece[result->nr_pieces];

		if (ptl_access_piece(access, done, piece)) {
			result->nr_pieces = 0;
			return 1;
		}
		result->nr_pieces++;
		done += piece->len;
	}
	return 0;
}

static int perform(struct ptl_access *access, bool commit, struct pt_access_result *result)
{
	int faulted;

	if (!ptl_access_exists(access->mmu, access->how))
		return -EINVAL;
	access->fault = &result->fault;
	result->fault.kind = PT_FAULT_NONE;
	faulted = go_through(access, result);
	memcpy(result->nr_loads, access->nr_loads, sizeof(result->nr_loads));
	if (faulted || !commit || !access->owes)
		return faulted;
	/* All of it may be done. What others change meanwhile may still fault it. */
	access->commit = true;
	return go_through(access, result);
}

int ptl_access_fully(const struct ptl_regime *r, pt_va_t va, const struct pt_access *how,
		     struct pt_access_result *result)
{
	struct ptl_access access = { .mmu = r->mmu, .how = how, .first = va };

	return perform(&access, true, result);
}

int ptl_probe_fully(const struct ptl_regime *r, pt_va_t va, const struct pt_access *how,
		    struct pt_access_result *result)
{
	struct ptl_access access = { .mmu = r->mmu, .how = how, .first = va };

	return perform(&access, false, result);
}

int pt_access(const struct pt_mmu *mmu, pt_va_t va, const struct pt_access *how,
	      struct pt_access_result *result)
{
	const struct ptl_regime *r = mmu->half_of[va >> 55 & 1];

	return r->access(r, va, how, result);
}

int pt_access_probe(const struct pt_mmu *mmu, pt_va_t va, const struct pt_access *how,
		    struct pt_access_result *result)
{
	const struct ptl_regime *r = mmu->half_of[va >> 55 & 1];

	return r->probe(r, va, how, result);
}

int pt_access_trace(const struct pt_mmu *mmu, pt_va_t va, const struct pt_access *how,
		    struct pt_access_result *result,
		    struct pt_access_step steps[PT_ACCESS_MAX_STEPS], unsigned int *nr)
{
	struct ptl_access access = { .mmu = mmu, .how = how, .first = va, .steps = steps };
	int err = perform(&access, false, result);

	if (err >= 0)
		*nr = access.nr_steps;
	return err;
}

/* How many of @len bytes from @pa on are memory, of whichever regions. */
static uint64_t bytes_there(const struct pt_phys *phys, pt_pa_t pa, uint64_t len)
{
	uint64_t there = 0;

	while (there < len) {
		const struct ptl_region *region = ptl_phys_find(phys, pa + there);

		if (!region)
			return there;
		there = region->pa + region->len - pa;
	}
	return len;
}

/* Whether all bytes of all pieces are memory; 0, or 1 with the fault. */
static int find_pieces(const struct pt_mmu *mmu, pt_va_t va, struct pt_access_result *result)
{
	for (unsigned int i = 0; i < result->nr_pieces; i++) {
		const struct pt_piece *piece = &result->piece[i];
		uint64_t there = bytes_there(mmu->phys, piece->pa, piece->len);

		va += there;
		if (there == piece->len)
			continue;
		result->nr_pieces = 0;
		result->fault = (struct pt_fault){
			.kind = PT_FAULT_NO_MEMORY,
			.why = PT_WHY_OUTSIDE,
			.stage = 1,
			.va = va,
			.pa = piece->pa + there,
			.raw = piece->raw,
			.level = piece->level,
		};
		return 1;
	}
	return 0;
}

int ptl_pieces_read(const struct pt_mmu *mmu, pt_va_t va, struct pt_access_result *result,
		    void *buf)
{
	int err = find_pieces(mmu, va, result);
	uint8_t *to = buf;

	for (unsigned int i = 0; !err && i < result->nr_pieces; to += result->piece[i++].len)
		err = pt_phys_read(mmu->phys, result->piece[i].pa, to, result->piece[i].len);
	return err;
}

int ptl_pieces_write(const struct pt_mmu *mmu, pt_va_t va, struct pt_access_result *result,
		     const void *buf)
{
	int err = find_pieces(mmu, va, result);
	const uint8_t *from = buf;

	for (unsigned int i = 0; !err && i < result->nr_pieces; from += result->piece[i++].len)
		err = pt_phys_write(mmu->phys, result->piece[i].pa, from, result->piece[i].len);
	return err;
}

int pt_access_read(const struct pt_mmu *mmu, pt_va_t va, const struct pt_access *how, void *buf,
		   struct pt_access_result *result)
{
	int err = ptl_writes(how->kind) ? -EINVAL : pt_access(mmu, va, how, result);

	return err ? err : ptl_pieces_read(mmu, va, result, buf);
}

int pt_access_write(const struct pt_mmu *mmu, pt_va_t va, const struct pt_access *how,
		    const void *buf, struct pt_access_result *result)
{
	int err = !ptl_writes(how->kind) ? -EINVAL : pt_access(mmu, va, how, result);

	return err ? err : ptl_pieces_write(mmu, va, result, buf);
}
