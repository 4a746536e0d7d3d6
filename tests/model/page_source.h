/* SPDX-License-Identifier: MIT */
/*
 * page_source.h - table pages from a range of memory: with any content, as
 * pt_table_ops allows, counted, and failing on order. A page that was freed is
 * overwritten, so that whoever still uses it is found out, and poisoned for
 * ASan and Valgrind.
 */
#ifndef MODEL_PAGE_SOURCE_H
#define MODEL_PAGE_SOURCE_H

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ptlib/ops.h>
#include <ptlib/phys.h>

struct page_source {
	struct pt_phys *phys;
	pt_pa_t pa;            /* of the range; aligned to the largest table */
	unsigned int page_lg2; /* of a page; smaller tables get a whole one */
	size_t nr;             /* pages */

	pthread_mutex_t lock;  /* guards what follows */
	uint8_t *live;         /* one a page: its size_lg2, or 0; within a larger table 1 */
	uint32_t *stack;       /* free pages */
	size_t nr_free, nr_live;
	size_t nr_allocs;      /* calls so far */
	size_t fail_at;        /* the call that fails, counting from 1; 0: none */
	bool fail_all;         /* all calls fail */
	bool failed;           /* some call did */
};

static inline void page_source_check(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "page_source: %s\n", what);
	abort();
}

/* A table of several pages: the first place for it that is free. */
static inline bool page_source_find(struct page_source *source, size_t nr_pages, size_t *at)
{
	size_t kept = 0, nr = 0;

	for (*at = 0; nr < nr_pages && *at + nr_pages <= source->nr;
	     *at += nr < nr_pages ? nr_pages : 0)
		for (nr = 0; nr < nr_pages && !source->live[*at + nr];)
			nr++;
	if (nr < nr_pages)
		return false;
	for (size_t i = 0; i < source->nr_free; i++)
		if (source->stack[i] < *at || source->stack[i] >= *at + nr_pages)
			source->stack[kept++] = source->stack[i];
	source->nr_free = kept;
	memset(&source->live[*at], 1, nr_pages);
	return true;
}

static inline size_t page_source_pages(const struct page_source *source, unsigned int size_lg2)
{
	return size_lg2 > source->page_lg2 ? (size_t)1 << (size_lg2 - source->page_lg2) : 1;
}

static inline int page_source_alloc(void *ctx, unsigned int size_lg2, pt_pa_t *pa)
{
	struct page_source *source = ctx;
	size_t at = 0, nr_pages = page_source_pages(source, size_lg2);

	page_source_check(size_lg2 >= 3 && size_lg2 <= source->page_lg2 + 4, "a table of odd size");
	pthread_mutex_lock(&source->lock);
	if (++source->nr_allocs == source->fail_at || source->fail_all || !source->nr_free ||
	    (nr_pages > 1 && !page_source_find(source, nr_pages, &at))) {
		source->failed = true;
		pthread_mutex_unlock(&source->lock);
		return -ENOMEM;
	}
	if (nr_pages == 1)
		at = source->stack[--source->nr_free];
	source->live[at] = (uint8_t)size_lg2;
	source->nr_live++;
	pthread_mutex_unlock(&source->lock);

	*pa = source->pa + ((uint64_t)at << source->page_lg2);
	pt_phys_unpoison(source->phys, *pa, (uint64_t)nr_pages << source->page_lg2);
	memset(pt_phys_to_host(source->phys, *pa, UINT64_C(1) << size_lg2), 0x5b,
	       (size_t)1 << size_lg2);
	return 0;
}

static inline void page_source_free(void *ctx, pt_pa_t pa, unsigned int size_lg2)
{
	struct page_source *source = ctx;
	size_t at = (size_t)((pa - source->pa) >> source->page_lg2);
	size_t nr_pages = page_source_pages(source, size_lg2);

	page_source_check(at < source->nr && source->pa + ((uint64_t)at << source->page_lg2) == pa,
			  "a page that was never handed out is freed");
	page_source_check(source->live[at] == size_lg2, "a page is freed twice or by halves");
	memset(pt_phys_to_host(source->phys, pa, UINT64_C(1) << size_lg2), 0xa7,
	       (size_t)1 << size_lg2);
	pt_phys_poison(source->phys, pa, (uint64_t)nr_pages << source->page_lg2);

	pthread_mutex_lock(&source->lock);
	for (size_t i = at; i < at + nr_pages; i++) {
		source->live[i] = 0;
		source->stack[source->nr_free++] = (uint32_t)i;
	}
	source->nr_live--;
	pthread_mutex_unlock(&source->lock);
}

static inline void page_source_init(struct page_source *source, struct pt_phys *phys, pt_pa_t pa,
				    unsigned int page_lg2, size_t nr)
{
	*source = (struct page_source){ .phys = phys, .pa = pa, .page_lg2 = page_lg2, .nr = nr,
					.nr_free = nr };
	pthread_mutex_init(&source->lock, NULL);
	source->live = calloc(nr, 1);
	source->stack = calloc(nr, sizeof(*source->stack));
	page_source_check(source->live && source->stack, "no memory");
	/* the last page first: it has the most address bits set */
	for (size_t i = 0; i < nr; i++)
		source->stack[i] = (uint32_t)i;
}

static inline void page_source_exit(struct page_source *source)
{
	pthread_mutex_destroy(&source->lock);
	free(source->live);
	free(source->stack);
}

static inline struct pt_table_ops page_source_ops(struct page_source *source)
{
	return (struct pt_table_ops){ page_source_alloc, page_source_free, source };
}

#endif /* MODEL_PAGE_SOURCE_H */
