/* SPDX-License-Identifier: MIT */
/*
 * ptlib/flush_batch.h - many flushes of leaves as one: for reclaim, which unmaps a page here
 * and a page there, of any space.
 *
 * A space that is deferred into a batch answers a request to flush leaves at once, and what it
 * asked for is owed:
 *
 *	x86      the space takes its next generation, and the CPUs that run it are noted;
 *	         in the end one IPI to each of them, for whatever it runs
 *	arm64    TLBI without DSB; in the end one DSB
 *
 * Until pt_flush_batch_finish() has returned, what was unmapped must not be freed or used
 * again, nor mapped elsewhere on arm64. Freed tables and flushes of everything are not
 * deferred, and the kernel's space never is.
 *
 * Source: Linux, mm/rmap.c try_to_unmap_flush(); arch_tlbbatch_add_pending(),
 * arch_tlbbatch_flush() of both architectures.
 */
#ifndef PTLIB_FLUSH_BATCH_H
#define PTLIB_FLUSH_BATCH_H

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
 * pt_flush_batch_defer() - Flushes of @space go to @batch until it is finished.
 *
 * Context: by one thread, which is the only one that changes @space until then; while it
 * stays on its CPU.
 * Return: 0; -EBUSY if @space is deferred already; -EINVAL for the kernel's space, or one of
 * another machine; -EOPNOTSUPP where nobody is interrupted for a flush: INVLPGB and RAR.
 */
PT_API PT_MUST_CHECK int pt_flush_batch_defer(struct pt_flush_batch *batch,
					      struct pt_space *space);
/**
 * pt_flush_batch_finish() - Have all that is owed done. Its spaces are not deferred any more.
 * TLB: as above. Nothing if nothing is owed.
 */
PT_API void pt_flush_batch_finish(struct pt_flush_batch *batch);
/** Requests that are owed. */
PT_API uint64_t pt_flush_batch_owed(const struct pt_flush_batch *batch);

#ifdef __cplusplus
}
#endif

#endif /* PTLIB_FLUSH_BATCH_H */
