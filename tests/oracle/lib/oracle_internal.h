/* SPDX-License-Identifier: MIT */
/*
 * The seam between the API (oracle.c: memory, checks of arguments) and the back
 * ends, each of which performs a batch of checked accesses its own way.
 */
#ifndef ORACLE_INTERNAL_H
#define ORACLE_INTERNAL_H

#include <stdbool.h>

#include "mailbox.h"
#include "oracle.h"

#define ORC_GIB (1ull << 30)

/* The arguments of one orc_run(). */
struct orc_batch {
	const struct orc_regset *sets;
	unsigned int nr_sets;
	const struct orc_vec *vec;
	struct orc_res *res;
	size_t n;
};

struct orc_backend {
	/* NULL, or what has to be installed first. */
	const char *(*missing)(const struct orc_cfg *cfg);
	/* Sets cfg.phys_bits and the memory geometry of @o; no memory exists yet. */
	int (*init)(struct orc *o);
	/* Memory is mapped: start. */
	int (*start)(struct orc *o);
	int (*run)(struct orc *o, const struct orc_batch *b);
	/* Also after a failed or missing init() or start(). */
	void (*stop)(struct orc *o);
};

extern const struct orc_backend orc_qemu, orc_kvm, orc_bochs;

/*
 * The memfd holds machine addresses [ram_hpa, ram_hpa + ram_bytes); regions are
 * carved from img_hpa up.
 */
struct orc {
	struct orc_cfg cfg;
	const struct orc_backend *backend;
	void *priv; /* the back end's own */
	int fd;
	uint8_t *ram;
	uint64_t ram_hpa;
	uint64_t ram_bytes;
	uint64_t img_hpa;
	uint64_t next_hpa;
	struct orc_region region[ORC_MAXREG];
	unsigned int nr_region;
	bool regions_changed; /* since the back end last looked */
};

/* Guest programs, linked in.  An architecture that was not built has none. */
struct orc_blob {
	const unsigned char *data;
	size_t bytes;
};

struct orc_blob orc_blob_x86(void);
struct orc_blob orc_blob_x86_reset(void);
struct orc_blob orc_blob_arm64(void);

/* Set orc_error(); always -1, so that it can be returned. */
__attribute__((format(printf, 1, 2))) int orc_fail(const char *fmt, ...);

/* The same text buffer, as the answer of orc_missing(). */
__attribute__((format(printf, 1, 2))) const char *orc_lacks(const char *fmt, ...);

/* Whether execvp() would find it. */
bool orc_in_path(const char *program);

/* Monotonic, in seconds. */
double orc_now(void);

/* 64 KiB of the space under test that no region uses, for the guest itself; 0: none. */
uint64_t orc_harness_gpa(const struct orc *o);

/* Host address of @gpa, NULL outside all regions. */
void *orc_host(const struct orc *o, uint64_t gpa);

/* Host address of a machine address. */
static inline void *orc_ram(const struct orc *o, uint64_t hpa)
{
	return o->ram + (hpa - o->ram_hpa);
}

#endif
