/* SPDX-License-Identifier: MIT */
/*
 * ptlib/ptlib.h - all of libptlib. Read the headers in this order.
 *
 * In C++ too: every function can be called, and a type that shares its name with one, as
 * struct pt_usage does with pt_usage(), is written with its "struct", as in C.
 */
#ifndef PTLIB_PTLIB_H
#define PTLIB_PTLIB_H

/* g++ has -Wshadow of such a pair: the function hides a constructor, which nobody calls. */
#if defined(__cplusplus) && defined(__GNUC__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wshadow"
#endif

#include <ptlib/types.h>     /* addresses and handles */
#include <ptlib/error.h>     /* the error model */
#include <ptlib/attr.h>      /* what a leaf allows */
#include <ptlib/phys.h>      /* simulated physical memory */
#include <ptlib/format.h>    /* x86_64 and arm64, and their configuration */
#include <ptlib/regs.h>      /* which registers select a table */
#include <ptlib/soft.h>      /* words that are software's: swap, migration, markers */
#include <ptlib/ops.h>       /* what a table needs from above */
#include <ptlib/pagetable.h> /* make, open, link, destroy */
#include <ptlib/map.h>       /* change a range */
#include <ptlib/soft_map.h>  /* a range of software's words, and back */
#include <ptlib/query.h>     /* ask about an address */
#include <ptlib/walk.h>      /* go over a range */
#include <ptlib/gather.h>    /* flush and free, batched */
#include <ptlib/reserve.h>   /* table pages set aside */
#include <ptlib/verify.h>    /* check everything */
#include <ptlib/image.h>     /* tables as files */
#include <ptlib/freetype.h>  /* what kind of memory a free page is */
#include <ptlib/zone.h>      /* the page allocator */
#include <ptlib/zone_info.h> /* its pages, accounts, statistics and checks */
#include <ptlib/fault.h>     /* how hardware says no */
#include <ptlib/mmu.h>       /* one access, as a CPU performs it */
#include <ptlib/flush.h>     /* what each flush operation removes */
#include <ptlib/tlb.h>       /* what a CPU keeps of translations */
#include <ptlib/profile.h>   /* the TLBs of real processors */
#include <ptlib/flush_count.h> /* flushes, counted as what Linux makes of them */
#include <ptlib/direct_map.h>  /* all of memory at a fixed offset */
#include <ptlib/mermap.h>      /* pages mapped for a moment, for one CPU */
#include <ptlib/mm_area.h>   /* what address ranges of a process are for */
#include <ptlib/mm.h>        /* address spaces and their pages */
#include <ptlib/mm_store.h>  /* files, swap, pools of huge pages */
#include <ptlib/mm_change.h> /* what system calls do */
#include <ptlib/mm_fault.h>  /* what faults do */
#include <ptlib/mm_reclaim.h> /* what a kernel does to pages by itself */
#include <ptlib/mm_report.h> /* smaps, numa_maps, pagemap */
#include <ptlib/machine.h>   /* CPUs over one memory */
#include <ptlib/cpu.h>       /* one of them: registers, TLB, accesses */
#include <ptlib/space.h>     /* address spaces on CPUs, and how they are flushed */
#include <ptlib/flush_batch.h> /* many flushes as one */
#include <ptlib/guest.h>     /* virtual machines: second stages behind CPUs */
#include <ptlib/checker.h>   /* which flush was missing */

#if defined(__cplusplus) && defined(__GNUC__)
#pragma GCC diagnostic pop
#endif

#endif /* PTLIB_PTLIB_H */
