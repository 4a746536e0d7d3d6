/* SPDX-License-Identifier: MIT */
/*
 * ptlib/mm_fault.h - what an operating system makes of a fault.
 *
 *	what stands there        a load or fetch                a store
 *	hole, ANON               the zero page                  a page of its own
 *	likewise, HUGEPAGE       the huge one, if it fits       a huge one, if it fits
 *	the huge zero page                                      a huge one; without memory for
 *	                                                        it, pages and one of its own
 *	hole, FILE               the file's page                shared: it, dirty; private: a copy
 *	hole, HUGETLB            a huge page                    the same; private: writable now
 *	leaf that forbids it                                    reused if it is ours alone, or copied
 *	swap                     read back; MAJOR               and writable
 *	device private           brought back; MAJOR            and writable
 *	device exclusive         taken back                     and then as a leaf
 *	PROT_NONE, a hint        shown again                    and then as a leaf
 *	migration                RETRY: wait for its end
 *	hole, of a lost page     SIGBUS_POISON
 *	hwpoison, POISONED       SIGBUS_POISON
 *	GUARD                    SEGV_MAPERR
 *	uffd-wp                  as without                     UFFD_WP, and nothing changes
 *
 * Of a file's folio all that fits into the hole is mapped, as faultaround does; but a store to a
 * shared file maps its page alone, so that the others stay clean.
 */
#ifndef PTLIB_MM_FAULT_H
#define PTLIB_MM_FAULT_H

#include <ptlib/fault.h>
#include <ptlib/mm.h>
#include <ptlib/mmu.h>

#ifdef __cplusplus
extern "C" {
#endif

enum pt_mm_verdict {
	PT_VERDICT_MINOR,         /* mapped, or allowed: try again */
	PT_VERDICT_MAJOR,         /* likewise; a page was read from a file, swap or a device */
	PT_VERDICT_SPURIOUS,      /* nothing was wrong any more: try again */
	PT_VERDICT_RETRY,         /* a page moves; try again when it has */
	/* a store to a marked page: whoever watches has to clear the mark */
	PT_VERDICT_UFFD_WP,
	PT_VERDICT_SEGV_MAPERR,   /* SIGSEGV: nothing there */
	PT_VERDICT_SEGV_ACCERR,   /* SIGSEGV: not allowed */
	PT_VERDICT_SEGV_PKUERR,   /* SIGSEGV: not by the protection key */
	PT_VERDICT_SIGBUS,        /* SIGBUS: beyond the end of the file; no huge page; no frame */
	PT_VERDICT_SIGBUS_POISON, /* SIGBUS: the page is lost */
	PT_VERDICT_NR,
};

/**
 * pt_mm_fault() - A user's access of @kind to @va has faulted.
 * @va:      Any value.
 * @verdict: Receives what came of it.
 *
 * Context: see mm.h. TLB: a leaf that is replaced is flushed before the new one is there.
 * Return: 0; -EINVAL for a @kind that does not exist; -ENOMEM, and nothing that programs could
 * notice has changed.
 */
PT_API PT_MUST_CHECK int pt_mm_fault(struct pt_mm *mm, pt_va_t va, enum pt_access_kind kind,
				     enum pt_mm_verdict *verdict);

/**
 * pt_mm_fault_hw() - As the hardware reported it: #PF, or a data or instruction abort.
 * PT_VERDICT_SEGV_PKUERR comes from here alone: what PKRU and POR_EL0 are at the time, nobody else
 * knows. A page that the key forbids is mapped first if it is not, where Linux looks at them.
 *
 * Return: also -EINVAL for another kind of fault, or one of a second stage.
 * Source: the error code of #PF (fault.h); ESR_ELx.ISS.WnR and CM, Arm ARM DDI 0487 J.a,
 * D17.2.37 "ESR_EL1", ISS encoding for an exception from a Data Abort; ISS2.Overlay of both
 * aborts, DDI 0487 K.a; Linux 6.15, arch/x86/mm/fault.c, access_error(); arch/arm64/mm/fault.c,
 * fault_from_pkey().
 */
PT_API PT_MUST_CHECK int pt_mm_fault_hw(struct pt_mm *mm, const struct pt_fault *fault,
					enum pt_mm_verdict *verdict);

/** Returns a short static name: "minor", "SIGSEGV, not mapped", ... */
PT_API const char *pt_mm_verdict_name(enum pt_mm_verdict verdict);

#ifdef __cplusplus
}
#endif

#endif /* PTLIB_MM_FAULT_H */
