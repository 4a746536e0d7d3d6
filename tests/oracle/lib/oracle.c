/* SPDX-License-Identifier: MIT */
/*
 * The API: chooses a back end, owns the shared memory and its regions, checks
 * arguments.  Performing accesses is the back ends' business.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "oracle_internal.h"

#define PAGE 0x1000ull
/* Regions keep their offset within 2 MiB, so that the guest can map them by large pages. */
#define LARGE_PAGE 0x200000ull

static _Thread_local char error_text[1024];

int orc_fail(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(error_text, sizeof(error_text), fmt, ap);
	va_end(ap);
	return -1;
}

const char *orc_lacks(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(error_text, sizeof(error_text), fmt, ap);
	va_end(ap);
	return error_text;
}

const char *orc_error(void)
{
	return error_text;
}

double orc_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec * 1e-9;
}

bool orc_in_path(const char *program)
{
	const char *dir = getenv("PATH");
	char file[4096];

	if (strchr(program, '/'))
		return access(program, X_OK) == 0;
	while (dir && *dir) {
		size_t len = strcspn(dir, ":");

		snprintf(file, sizeof(file), "%.*s/%s", (int)len, dir, program);
		if (len && access(file, X_OK) == 0)
			return true;
		dir += len + (dir[len] == ':');
	}
	return false;
}

static const struct orc_backend *choose_backend(const struct orc_cfg *cfg)
{
	return cfg->kvm ? &orc_kvm : cfg->bochs ? &orc_bochs : &orc_qemu;
}

static int check_cfg(const struct orc_cfg *cfg)
{
	if (cfg->arch != ORC_X86 && cfg->arch != ORC_ARM64)
		return orc_fail("no architecture %d", cfg->arch);
	if (cfg->arch != ORC_X86 && (cfg->kvm || cfg->bochs))
		return orc_fail("KVM and Bochs are back ends for x86_64 only");
	if (cfg->kvm && cfg->bochs)
		return orc_fail("KVM or Bochs, not both");
	return 0;
}

const char *orc_missing(const struct orc_cfg *cfg)
{
	if (check_cfg(cfg))
		return error_text;
	return choose_backend(cfg)->missing(cfg);
}

static int map_memory(struct orc *o)
{
	void *ram;

	o->fd = memfd_create("mmu-oracle", MFD_CLOEXEC);
	if (o->fd < 0 || ftruncate(o->fd, (off_t)o->ram_bytes))
		return orc_fail("memfd: %s", strerror(errno));
	ram = mmap(NULL, o->ram_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, o->fd,
		   0);
	if (ram == MAP_FAILED)
		return orc_fail("mmap: %s", strerror(errno));
	o->ram = ram;
	return 0;
}

struct orc *orc_open(const struct orc_cfg *cfg)
{
	struct orc *o;

	if (check_cfg(cfg))
		return NULL;
	o = calloc(1, sizeof(*o));
	if (!o) {
		orc_fail("out of memory");
		return NULL;
	}
	o->cfg = *cfg;
	o->fd = -1;
	o->backend = choose_backend(cfg);
	if (!o->cfg.img_bytes)
		o->cfg.img_bytes = ORC_GIB;
	o->cfg.img_bytes = (o->cfg.img_bytes + LARGE_PAGE - 1) & ~(LARGE_PAGE - 1);
	if (o->backend->init(o) || map_memory(o)) {
		orc_close(o);
		return NULL;
	}
	orc_regions_clear(o);
	if (o->backend->start(o)) {
		orc_close(o);
		return NULL;
	}
	return o;
}

void orc_close(struct orc *o)
{
	if (!o)
		return;
	o->backend->stop(o);
	if (o->ram)
		munmap(o->ram, o->ram_bytes);
	if (o->fd >= 0)
		close(o->fd);
	free(o);
}

unsigned int orc_phys_bits(const struct orc *o)
{
	return o->cfg.phys_bits;
}

const uint64_t *orc_info(const struct orc *o)
{
	static const uint64_t none[16];
	const struct orc_mbox *mb;

	if (o->backend != &orc_qemu)
		return none;
	mb = orc_ram(o, ORC_MBOX_PA);
	return mb->info;
}

void orc_regions_clear(struct orc *o)
{
	for (unsigned int i = 0; i < o->nr_region; i++)
		fallocate(o->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			  (off_t)(o->region[i].hpa - o->ram_hpa), (off_t)o->region[i].bytes);
	o->nr_region = 0;
	o->next_hpa = o->img_hpa;
	o->regions_changed = true;
}

static bool overlap(uint64_t a, uint64_t a_bytes, uint64_t b, uint64_t b_bytes)
{
	return a < b + b_bytes && b < a + a_bytes;
}

void *orc_region_add(struct orc *o, uint64_t gpa, uint64_t size, int ident)
{
	struct orc_region *region = &o->region[o->nr_region];
	uint64_t ram_end = o->ram_hpa + o->ram_bytes;
	uint64_t hpa = gpa;

	if (o->nr_region == ORC_MAXREG) {
		orc_fail("more than %u regions", ORC_MAXREG);
		return NULL;
	}
	if (((gpa | size) & (PAGE - 1)) || !size || gpa + size < gpa) {
		orc_fail("region is empty, wraps or is not 4 KiB aligned");
		return NULL;
	}
	if (!ident)
		hpa = ((o->next_hpa + LARGE_PAGE - 1) & ~(LARGE_PAGE - 1)) + (gpa % LARGE_PAGE);
	else if (gpa < ORC_LOW_END || o->cfg.kvm || o->cfg.bochs) {
		orc_fail("ident regions need QEMU and an address from %#llx", ORC_LOW_END);
		return NULL;
	}
	if (hpa > ram_end || size > ram_end - hpa) {
		orc_fail("the regions do not fit, raise img_bytes");
		return NULL;
	}
	for (unsigned int i = 0; i < o->nr_region; i++) {
		if (overlap(gpa, size, o->region[i].gpa, o->region[i].bytes) ||
		    overlap(hpa, size, o->region[i].hpa, o->region[i].bytes)) {
			orc_fail("regions overlap");
			return NULL;
		}
	}
	if (!ident)
		o->next_hpa = hpa + size;
	*region = (struct orc_region){ gpa, hpa, size, ident != 0 };
	o->nr_region++;
	o->regions_changed = true;
	return orc_ram(o, hpa);
}

int orc_region_fd(struct orc *o, const void *host, uint64_t *offset)
{
	uint64_t at = (uint64_t)(uintptr_t)host - (uint64_t)(uintptr_t)o->ram;

	for (unsigned int i = 0; i < o->nr_region; i++) {
		if (at - (o->region[i].hpa - o->ram_hpa) < o->region[i].bytes) {
			*offset = at;
			return o->fd;
		}
	}
	return orc_fail("the address is in no region");
}

void *orc_host(const struct orc *o, uint64_t gpa)
{
	for (unsigned int i = 0; i < o->nr_region; i++)
		if (gpa - o->region[i].gpa < o->region[i].bytes)
			return orc_ram(o, o->region[i].hpa + (gpa - o->region[i].gpa));
	return NULL;
}

/*
 * x86: near the top of the physical space.  arm64: below 4 GiB, to be in reach of
 * every TCR_ELx.IPS.
 */
uint64_t orc_harness_gpa(const struct orc *o)
{
	uint64_t gpa = 0xfff00000ull, step = 0x100000ull;

	if (o->cfg.arch == ORC_X86) {
		step = 0x10000000ull;
		gpa = (1ull << o->cfg.phys_bits) - 3 * step + 0x2340000ull;
	}
	for (int tries = 0; tries < 4000 && gpa > step; tries++, gpa -= step) {
		bool used = false;

		for (unsigned int i = 0; i < o->nr_region; i++)
			used |= overlap(gpa, ORC_HARNESS, o->region[i].gpa, o->region[i].bytes);
		if (!used)
			return gpa;
	}
	return 0;
}

static int check_access(const struct orc_vec *vec, unsigned int nset)
{
	if (vec->regset >= nset)
		return orc_fail("no register set %u", vec->regset);
	if (vec->op >= ORC_OP_NR)
		return orc_fail("no operation %u", vec->op);
	if (vec->size != 1 && vec->size != 2 && vec->size != 4 && vec->size != 8)
		return orc_fail("no access of %u bytes", vec->size);
	return 0;
}

int orc_run(struct orc *o, const struct orc_regset *sets, unsigned int nset,
	    const struct orc_vec *vec, struct orc_res *res, size_t n)
{
	struct orc_batch b = { sets, nset, vec, res, n };

	if (nset > ORC_MAXSET)
		return orc_fail("more than %u register sets", ORC_MAXSET);
	for (size_t i = 0; i < n; i++)
		if (check_access(&vec[i], nset))
			return -1;
	if (!orc_harness_gpa(o))
		return orc_fail("the regions leave no hole for the harness");
	return n ? o->backend->run(o, &b) : 0;
}
