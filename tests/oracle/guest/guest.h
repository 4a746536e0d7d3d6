/* SPDX-License-Identifier: MIT */
/*
 * What both bare-metal guests are made of.  They are linked at fixed addresses, run
 * on machine addresses and share the host library's mailbox.
 */
#ifndef GUEST_H
#define GUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mailbox.h"

#define BIT(n) (1ull << (n))

#define MAILBOX ((struct orc_mbox *)ORC_MBOX_PA)
#define ACCESSES ((const struct orc_vec *)ORC_VEC_PA)
#define RESULTS ((struct orc_res *)ORC_RES_PA)

/* Reasons of our own for a panic, beside exceptions. */
#define PANIC_POOL_EMPTY 0xdead0001u
#define PANIC_DISK 0xdead0002u

/* The harness block: 64 KiB of the guest's memory, seen at MAILBOX->harness_gpa. */
extern uint8_t harness[ORC_HARNESS];

/* Page with one stub per operation and size, in an order that access.c knows. */
extern const uint8_t stub_page[4096];

/* Compilers call these on their own. */
void *memset(void *dst, int byte, size_t len);
void *memcpy(void *dst, const void *src, size_t len);

/*
 * Zeroed pages for the guest's own tables.  They are never freed one by one: the
 * pool is set back to a mark.
 */
uint64_t pool_page(void);
uint64_t pool_mark(void);
void pool_reset(uint64_t mark);
bool pool_is_low(void);

/* Machine address of @gpa, if a region holds it. */
bool region_lookup(uint64_t gpa, uint64_t *hpa);

/* Serve the mailbox for ever. */
_Noreturn void serve(void);

/* Provided by each architecture. */
_Noreturn void panic(uint64_t reason, uint64_t a, uint64_t b, uint64_t c);
void build_tables(void); /* for the regions in the mailbox */
void run_access(const struct orc_vec *vec, struct orc_res *res);

#endif
