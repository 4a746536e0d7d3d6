/* SPDX-License-Identifier: MIT */
/*
 * ptlib/flush_batch.h - many flushes of leaves as one: for reclaim, which unmaps a page here
 * and a page there, of any space.
 *
 * A batch takes gathers (gather.h) in place of pt_gather_finish(), and what they would have
 * had flushed is owed:
 *
 *	x86      the space takes its next generation, and the CPUs that run it are noted;
 *	         in the end one IPI to each of them, for whatever it runs
 *	arm64    TLBI without DSB; in the end one DSB
 *
 * Until pt_flush_batch_finish() has returned, what was unmapped must not be freed or used
 * again, nor anything else be mapped there on arm64. Gathers with tables are finished at
 * once, and so is what a change breaks before it makes.
 *
 * Source: Linux, mm/rmap.c try_to_unmap_flush(); arch_tlbbatch_add_pending(),
 * arch_tlbbatch_flush() of both architectures.
 */
#ifndef PTLIB_FLUSH_BATCH_H
#define PTLIB_FLUSH_BATCH_H

#include <ptlib/gather.h>
#include <ptlib/space.h>

#ifdef __cplusplus
extern "C" {
#endif

struct pt_flush_batch;

/**
 * pt_flush_batch_create() - An empty batch.
 * @out: Receives the handle; release it with pt_flush_batch_destroy().
 * Return: 0 or -ENOMEM.
 */
PT_API PT_MUST_CHECK int pt_flush_batch_create(struct pt_flush_batch **out,
					       struct pt_machine *machine);
/** Frees an empty one. NULL is allowed. */
PT_API void pt_flush_batch_destroy(struct pt_flush_batch *batch);

/**
 * pt_flush_batch_take() - Owe what @gather, of @space's table, would have flushed.
 *
 * The gather is empty then, and may collect again.
 *
 * Context: by the thread that changed the table, which stays on its CPU until the batch is
 * finished; and as pt_gather_finish().
 * Return: 0; -EINVAL for the kernel's space, one of another machine, or a gather of another
 * table; -EBUSY if another batch has flushes of @space; -EOPNOTSUPP where nobody is
 * interrupted for a flush: INVLPGB and RAR. The gather is then as before.
 */
PT_API PT_MUST_CHECK int pt_flush_batch_take(struct pt_flush_batch *batch, struct pt_space *space,
					     struct pt_gather *gather);
/**
 * pt_flush_batch_finish() - Have all that is owed done.
 * TLB: as above. Nothing if nothing is owed.
 */
PT_API void pt_flush_batch_finish(struct pt_flush_batch *batch);
/** Requests that are owed. */
PT_API uint64_t pt_flush_batch_owed(const struct pt_flush_batch *batch);

#ifdef __cplusplus
}
#endif

#endif /* PTLIB_FLUSH_BATCH_H */
