/* SPDX-License-Identifier: MIT */
/*
 * The Bochs back end: the same x86 guest as under QEMU, one process per run.
 * Bochs shares no memory, so accesses, results and regions travel through an
 * emulated ATA disk, which is laid out as
 *
 *   accesses | results | region 0 | region 1 | ...      each padded to 4 KiB
 *
 * (Bochs' optramimage would be simpler, but corrupts images of more than one of its
 * 128 KiB memory blocks without a word.)
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bochs_internal.h"

#define BOCHS_RAM_BYTES ORC_GIB
#define CYLINDER_BYTES (16u * 63u * 512u)
#define VGA_ROM_BYTES 32768u
#define RUN_SECONDS 300.0

/* Status of a result that the guest did not write. */
#define UNWRITTEN 0xeeeeeeeeu

static size_t pad(size_t bytes)
{
	return (bytes + 4095) & ~(size_t)4095;
}

static const char *missing_program(void)
{
	if (!orc_blob_x86().bytes)
		return orc_lacks("the x86_64 guest was not built, for want of a compiler");
	if (!orc_in_path("bochs"))
		return orc_lacks("bochs is not installed");
	return NULL;
}

/* Packages split off the displays.  Costs a start of Bochs, so orc_open() does without. */
static const char *missing_display(void)
{
	static const char config[] = "display_library: term\nno_such_directive: 1\n";
	struct bochs_dir dir;
	char text[4096] = "";
	bool lacks_term;

	if (bochs_dir_make(&dir))
		return orc_error();
	/* Bochs stops at the second line; at the first if it has no such display. */
	if (!bochs_dir_put(&dir, BOCHS_CONFIG, config, sizeof(config) - 1) &&
	    !bochs_dir_put(&dir, BOCHS_COMMANDS, "q\n", 2))
		bochs_execute(&dir, 10.0, text, sizeof(text));
	lacks_term = strstr(text, "display library") != NULL;
	bochs_dir_remove(&dir);
	return lacks_term ? orc_lacks("bochs has no terminal display (package bochs-term)") : NULL;
}

static const char *bochs_missing(const struct orc_cfg *cfg)
{
	(void)cfg;
	return missing_program() ? orc_error() : missing_display();
}

static int bochs_init(struct orc *o)
{
	if (missing_program())
		return -1;
	o->cfg.phys_bits = 40; /* of its cpu model, the only one with SVM and 1G pages */
	o->ram_hpa = o->img_hpa = ORC_LOW_END;
	o->ram_bytes = BOCHS_RAM_BYTES - ORC_LOW_END;
	return 0;
}

static int bochs_start(struct orc *o)
{
	(void)o;
	return 0;
}

static void bochs_stop(struct orc *o)
{
	(void)o;
}

static int put_config(const struct bochs_dir *dir, size_t cylinders)
{
	const char *d = dir->path;
	char text[2048];
	int len = snprintf(text, sizeof(text),
			   "display_library: term\n"
			   "plugin_ctrl: unmapped=1, biosdev=1, speaker=0, extfpuirq=0, "
			   "parallel=0, serial=0, gameport=0\n"
			   "cpu: model=bx_generic, count=1, ips=400000000, "
			   "reset_on_triple_fault=0\n"
			   "cpuid: level=6, x86_64=1, 1g_pages=1, smep=1, smap=1, vmx=0, svm=1, "
			   "simd=sse4_2, apic=xapic\n"
			   "memory: guest=1024, host=1024\n"
			   "romimage: file=%s/%s, address=%#llx\n"
			   "vgaromimage: file=%s/%s\n"
			   "optramimage1: file=%s/%s, address=%#llx\n"
			   "optramimage2: file=%s/%s, address=%#llx\n"
			   "ata0: enabled=1, ioaddr1=0x1f0, ioaddr2=0x3f0, irq=14\n"
			   "ata0-master: type=disk, mode=flat, path=%s/%s, cylinders=%zu, "
			   "heads=16, spt=63\n"
			   "log: %s/%s\n"
			   "panic: action=fatal\n"
			   "error: action=ignore\n"
			   "info: action=ignore\n"
			   "debug: action=ignore\n",
			   d, BOCHS_ROM, ORC_RESET_PA, d, BOCHS_VGA_ROM, d, BOCHS_GUEST,
			   ORC_CODE_PA_X86, d, BOCHS_MAILBOX, ORC_MBOX_PA, d, BOCHS_DISK, cylinders,
			   d, BOCHS_LOG);

	if (len < 0 || (size_t)len >= sizeof(text))
		return orc_fail("the temporary directory's name is too long");
	return bochs_dir_put(dir, BOCHS_CONFIG, text, (size_t)len);
}

/* A ROM that is valid and does nothing: signature, size, checksum over all 0. */
static int put_vga_rom(const struct bochs_dir *dir)
{
	static const uint8_t rom[VGA_ROM_BYTES] = {
		[0] = 0x55, [1] = 0xaa, [2] = VGA_ROM_BYTES / 512, [VGA_ROM_BYTES - 1] = 0xc1
	};

	return bochs_dir_put(dir, BOCHS_VGA_ROM, rom, sizeof(rom));
}

static int put_mailbox(const struct bochs_dir *dir, const struct orc *o, const struct orc_batch *b)
{
	struct orc_mbox *mb = calloc(1, sizeof(*mb));
	int err;

	if (!mb)
		return orc_fail("out of memory");
	mb->nr_vec = (uint32_t)b->n;
	mb->nr_region = o->nr_region;
	mb->from_disk = 1;
	mb->harness_gpa = orc_harness_gpa(o);
	memcpy(mb->region, o->region, sizeof(o->region));
	memcpy(mb->set, b->sets, b->nr_sets * sizeof(*b->sets));
	err = bochs_dir_put(dir, BOCHS_MAILBOX, mb, sizeof(*mb));
	free(mb);
	return err;
}

/* Everything Bochs reads; @disk is the image with accesses and regions in it. */
static int put_files(const struct bochs_dir *dir, const struct orc *o, const struct orc_batch *b,
		     const uint8_t *disk, size_t disk_bytes)
{
	struct orc_blob guest = orc_blob_x86(), reset = orc_blob_x86_reset();

	if (put_config(dir, disk_bytes / CYLINDER_BYTES) || put_vga_rom(dir) ||
	    put_mailbox(dir, o, b) || bochs_dir_put(dir, BOCHS_ROM, reset.data, reset.bytes) ||
	    bochs_dir_put(dir, BOCHS_GUEST, guest.data, guest.bytes) ||
	    bochs_dir_put(dir, BOCHS_DISK, disk, disk_bytes))
		return -1;
	return bochs_dir_put(dir, BOCHS_COMMANDS, "c\n", 2); /* to its debugger: continue */
}

static int run_on_disk(const struct bochs_dir *dir, struct orc *o, const struct orc_batch *b,
		       uint8_t *disk, size_t disk_bytes)
{
	size_t vec_bytes = pad(b->n * sizeof(*b->vec)), res_bytes = pad(b->n * sizeof(*b->res));
	uint8_t *at = disk + vec_bytes + res_bytes;
	char text[4096];
	int status;

	memcpy(disk, b->vec, b->n * sizeof(*b->vec));
	memset(disk + vec_bytes, UNWRITTEN & 0xff, res_bytes);
	for (unsigned int i = 0; i < o->nr_region; at += o->region[i++].bytes)
		memcpy(at, orc_ram(o, o->region[i].hpa), o->region[i].bytes);
	if (put_files(dir, o, b, disk, disk_bytes))
		return -1;

	status = bochs_execute(dir, RUN_SECONDS, text, sizeof(text));
	if (bochs_dir_get(dir, BOCHS_DISK, disk, disk_bytes))
		return -1;
	memcpy(b->res, disk + vec_bytes, b->n * sizeof(*b->res));
	if (b->res[0].status == UNWRITTEN || b->res[b->n - 1].status == UNWRITTEN)
		return orc_fail("Bochs gave no result, wait status %#x: %.400s",
				(unsigned int)status, bochs_last_line(dir, text, sizeof(text)));
	at = disk + vec_bytes + res_bytes;
	for (unsigned int i = 0; i < o->nr_region; at += o->region[i++].bytes)
		memcpy(orc_ram(o, o->region[i].hpa), at, o->region[i].bytes);
	return 0;
}

static int run_part(struct orc *o, const struct orc_batch *b)
{
	size_t bytes = pad(b->n * sizeof(*b->vec)) + pad(b->n * sizeof(*b->res));
	struct bochs_dir dir;
	uint8_t *disk;
	int err;

	for (unsigned int i = 0; i < o->nr_region; i++)
		bytes += o->region[i].bytes;
	bytes = (bytes + CYLINDER_BYTES - 1) / CYLINDER_BYTES * CYLINDER_BYTES;
	if (bochs_dir_make(&dir))
		return -1;
	disk = calloc(1, bytes);
	err = disk ? run_on_disk(&dir, o, b, disk, bytes) : orc_fail("out of memory");
	free(disk);
	bochs_dir_remove(&dir);
	return err;
}

static int bochs_run(struct orc *o, const struct orc_batch *b)
{
	struct orc_batch part = *b;

	for (size_t at = 0; at < b->n; at += part.n) {
		part.vec = b->vec + at;
		part.res = b->res + at;
		part.n = b->n - at < ORC_MAXVEC ? b->n - at : ORC_MAXVEC;
		if (run_part(o, &part))
			return -1;
	}
	return 0;
}

const struct orc_backend orc_bochs = {
	.missing = bochs_missing,
	.init = bochs_init,
	.start = bochs_start,
	.run = bochs_run,
	.stop = bochs_stop,
};
