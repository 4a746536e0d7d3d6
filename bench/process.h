/* SPDX-License-Identifier: MIT */
/*
 * process.h - what reports on a process of 64 GiB cost, as benchmarks; an operation is one page:
 *
 *	smaps/order0, smaps/order4	pt_smaps(), all of it mapped in folios of that order
 *	limit_smaps/order0, .../order4	loads each word, and of each folio its descriptor and mapcount
 */
#ifndef BENCH_PROCESS_H
#define BENCH_PROCESS_H

void process_register(void);

#endif /* BENCH_PROCESS_H */
