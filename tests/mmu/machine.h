/* SPDX-License-Identifier: MIT */
/*
 * machine.h - a memory and an MMU over it, for tests that write every table word themselves.
 */
#ifndef MMU_MACHINE_H
#define MMU_MACHINE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <ptlib/ptlib.h>

#include "model/thin.h"

#define NR(array) (sizeof(array) / sizeof((array)[0]))
#define BIT(n) (UINT64_C(1) << (n))
#define KIB BIT(10)
#define MIB BIT(20)
#define GIB BIT(30)

struct machine {
	struct pt_phys *phys;
	struct pt_mmu *mmu;
	pt_pa_t unused; /* the next table goes here */
};

/* Memory is [@pa, @pa + @len), all zero. */
static inline void machine_init(struct machine *m, pt_pa_t pa, uint64_t len)
{
	struct pt_phys_region region = { .pa = pa, .len = len, .fd = -1 };

	assert_int_equal(pt_phys_create(&m->phys, &region, 1, 12), 0);
	assert_int_equal(pt_mmu_create(&m->mmu, m->phys), 0);
	m->unused = pa;
}

static inline void machine_exit(struct machine *m)
{
	pt_mmu_destroy(m->mmu);
	pt_phys_destroy(m->phys);
}

/* Where word @index of the table at @pa is. */
static inline uint64_t *word(const struct machine *m, pt_pa_t pa, unsigned int index)
{
	uint64_t *host = pt_phys_to_host(m->phys, pa + 8 * index, 8);

	assert_non_null(host);
	return host;
}

/* An empty table of 2^@lg2 bytes. */
static inline pt_pa_t new_table(struct machine *m, unsigned int lg2)
{
	pt_pa_t pa = m->unused;

	m->unused += BIT(lg2);
	return pa;
}

static inline struct pt_access access_of(enum pt_access_kind kind, unsigned int size,
					 unsigned int priv)
{
	return (struct pt_access){ .kind = kind, .size = size, .priv = priv };
}

#endif /* MMU_MACHINE_H */
