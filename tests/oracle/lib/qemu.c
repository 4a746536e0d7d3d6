/* SPDX-License-Identifier: MIT */
/*
 * The main back end: QEMU's TCG with our bare-metal guest, which polls the
 * mailbox in the shared RAM and performs the accesses.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "oracle_internal.h"

#define BOOT_SECONDS 30.0
#define RUN_SECONDS 10.0 /* without progress */

struct qemu {
	pid_t pid; /* 0: not running */
	bool parked;
	int messages; /* memfd that QEMU's stderr goes to */
};

static struct orc_mbox *mailbox(const struct orc *o)
{
	return orc_ram(o, ORC_MBOX_PA);
}

static struct orc_blob guest_program(const struct orc_cfg *cfg)
{
	return cfg->arch == ORC_X86 ? orc_blob_x86() : orc_blob_arm64();
}

static const char *emulator(const struct orc_cfg *cfg)
{
	if (cfg->qemu)
		return cfg->qemu;
	return cfg->arch == ORC_X86 ? "qemu-system-x86_64" : "qemu-system-aarch64";
}

static const char *qemu_missing(const struct orc_cfg *cfg)
{
	if (!guest_program(cfg).bytes)
		return orc_lacks("the %s guest was not built, for want of a compiler",
				 cfg->arch == ORC_X86 ? "x86_64" : "arm64");
	if (!orc_in_path(emulator(cfg)))
		return orc_lacks("%s is not installed", emulator(cfg));
	return NULL;
}

static int qemu_init(struct orc *o)
{
	struct qemu *q;

	if (qemu_missing(&o->cfg))
		return -1;
	q = calloc(1, sizeof(*q));
	if (!q)
		return orc_fail("out of memory");
	o->priv = q;
	q->messages = memfd_create("mmu-oracle-messages", MFD_CLOEXEC);
	if (q->messages < 0)
		return orc_fail("memfd: %s", strerror(errno));
	if (!o->cfg.phys_bits)
		o->cfg.phys_bits = 52;
	if (o->cfg.phys_bits < 36 || o->cfg.phys_bits > 52)
		return orc_fail("MAXPHYADDR %u, must be 36 to 52", o->cfg.phys_bits);
	o->img_hpa = ORC_IMG_PA;
	o->ram_bytes = ORC_IMG_PA + o->cfg.img_bytes;
	return 0;
}

/* What QEMU said before it exited, else it is a riddle which option a version lacks. */
static int fail_exited(struct qemu *q, int status)
{
	char text[600];
	ssize_t len = pread(q->messages, text, sizeof(text) - 1, 0);

	text[len > 0 ? len : 0] = '\0';
	text[strcspn(text, "\r\n")] = '\0';
	return orc_fail("QEMU exited, wait status %#x%s%s", (unsigned int)status, *text ? ": " : "",
			text);
}

static int fail_panicked(const struct orc_mbox *mb)
{
	const uint64_t *p = mb->panic;

	return orc_fail("guest panic: %#llx %#llx %#llx %#llx %#llx %#llx %#llx",
			(unsigned long long)p[0], (unsigned long long)p[1],
			(unsigned long long)p[2], (unsigned long long)p[3],
			(unsigned long long)p[4], (unsigned long long)p[5],
			(unsigned long long)p[6]);
}

static void relax(void)
{
#if defined(__x86_64__)
	__builtin_ia32_pause();
#endif
}

/* Wait for the guest; @timeout starts again with each access it completes. */
static int wait_for(struct orc *o, uint32_t wanted, double timeout)
{
	static const struct timespec nap = { 0, 20000 };
	struct orc_mbox *mb = mailbox(o);
	struct qemu *q = o->priv;
	double end = orc_now() + timeout;
	uint32_t seen = atomic_load_explicit(&mb->progress, memory_order_relaxed);

	for (unsigned int spin = 0;; spin++) {
		/* Pairs with the guest's release of DONE: results before the state. */
		uint32_t state = atomic_load_explicit(&mb->state, memory_order_acquire);
		uint32_t progress;
		int status;

		if (state == wanted)
			return 0;
		if (state == ORC_MB_PANIC)
			return fail_panicked(mb);
		if (spin < 1200) { /* some 50 us: enough if the guest has its own core */
			relax();
			continue;
		}
		/*
		 * From here on sleep, never sched_yield(): a sleeper that wakes is
		 * scheduled ahead of the spinning guest, a yielder loses a whole slice.
		 */
		nanosleep(&nap, NULL);
		if (spin % 32)
			continue;
		if (waitpid(q->pid, &status, WNOHANG) == q->pid) {
			q->pid = 0;
			return fail_exited(q, status);
		}
		progress = atomic_load_explicit(&mb->progress, memory_order_relaxed);
		if (progress != seen) {
			seen = progress;
			end = orc_now() + timeout;
		}
		if (orc_now() > end)
			return orc_fail("no answer, mailbox state %u", state);
	}
}

static void load_guest(struct orc *o)
{
	struct orc_blob guest = guest_program(&o->cfg), reset = orc_blob_x86_reset();
	uint64_t at = o->cfg.arch == ORC_X86 ? ORC_CODE_PA_X86 : ORC_CODE_PA_ARM64;

	/* The blob ends before its .bss, which must be zero after a restart too. */
	memset(orc_ram(o, at), 0, ORC_MBOX_PA - at);
	memset(mailbox(o), 0, sizeof(struct orc_mbox));
	memcpy(orc_ram(o, at), guest.data, guest.bytes);
	if (o->cfg.arch == ORC_X86)
		memcpy(orc_ram(o, ORC_RESET_PA), reset.data, reset.bytes);
}

/* In the child: does not return. */
static _Noreturn void exec_qemu(const struct orc *o, pid_t parent)
{
	const struct qemu *q = o->priv;
	const char *program = emulator(&o->cfg);
	const char *extra = o->cfg.cpu_extra ? o->cfg.cpu_extra : "";
	const char *comma = *extra ? "," : "";
	char memory[256], cpu[1024], size[32];
	int null;

	/* No emulator survives its test, however that dies. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(127);
	fcntl(o->fd, F_SETFD, 0); /* QEMU opens it by /proc/self/fd */
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	dup2(null, STDIN_FILENO);
	if (!o->cfg.verbose)
		dup2(q->messages, STDERR_FILENO);

	snprintf(memory, sizeof(memory),
		 "memory-backend-file,id=m,size=%llu,mem-path=/proc/self/fd/%d,share=on",
		 (unsigned long long)o->ram_bytes, o->fd);
	snprintf(size, sizeof(size), "%lluM", (unsigned long long)o->ram_bytes >> 20);
	if (o->cfg.arch == ORC_X86)
		/* apic-id: no machine type sets it for us */
		snprintf(cpu, sizeof(cpu), "max,apic-id=0,phys-bits=%u%s%s", o->cfg.phys_bits,
			 comma, extra);
	else
		snprintf(cpu, sizeof(cpu), "max%s%s", comma, extra);
	execlp(program, program, "-M", "none,memory-backend=m", "-object", memory, "-m", size,
	       "-accel", "tcg", "-cpu", cpu, "-display", "none", "-nodefaults", "-no-user-config",
	       "-no-reboot", "-serial", "none", "-monitor", "none",
	       o->cfg.verbose > 1 ? "-d" : NULL, "int,cpu_reset,guest_errors,mmu", NULL);
	perror(program);
	_exit(127);
}

static int qemu_start(struct orc *o)
{
	struct qemu *q = o->priv;
	pid_t parent = getpid();

	load_guest(o);
	o->regions_changed = true;
	q->parked = false;
	if (ftruncate(q->messages, 0) == 0)
		lseek(q->messages, 0, SEEK_SET);
	q->pid = fork();
	if (q->pid == 0)
		exec_qemu(o, parent);
	if (q->pid < 0) {
		q->pid = 0;
		return orc_fail("fork: %s", strerror(errno));
	}
	if (wait_for(o, ORC_MB_IDLE, BOOT_SECONDS))
		return -1;
	if (mailbox(o)->magic != ORC_MAGIC)
		return orc_fail("the guest speaks another protocol");
	if (o->cfg.arch == ORC_ARM64) {
		static const uint8_t pa_range[8] = { 32, 36, 40, 42, 44, 48, 52, 56 };

		o->cfg.phys_bits = pa_range[mailbox(o)->info[0] & 7];
	}
	return 0;
}

static void kill_qemu(struct qemu *q)
{
	if (q->pid > 0) {
		kill(q->pid, SIGKILL);
		waitpid(q->pid, NULL, 0);
	}
	q->pid = 0;
}

static void qemu_stop(struct orc *o)
{
	struct qemu *q = o->priv;

	if (!q)
		return;
	kill_qemu(q);
	if (q->messages >= 0)
		close(q->messages);
	free(q);
}

static void publish(struct orc *o, const struct orc_batch *b)
{
	struct orc_mbox *mb = mailbox(o);

	memcpy(mb->set, b->sets, b->nr_sets * sizeof(*b->sets));
	if (!o->regions_changed)
		return;
	memcpy(mb->region, o->region, sizeof(o->region));
	mb->nr_region = o->nr_region;
	mb->harness_gpa = orc_harness_gpa(o);
	mb->regions_changed = 1;
	o->regions_changed = false;
}

/*
 * The emulator died, or hangs: QEMU has assertions that a table can reach.  Charge
 * it to the access in progress and let a new emulator carry on behind it.
 */
static int restart_behind(struct orc *o, const struct orc_batch *b, uint32_t nr_vec)
{
	struct orc_mbox *mb = mailbox(o);
	struct orc_res *res = orc_ram(o, ORC_RES_PA);
	uint32_t progress = atomic_load_explicit(&mb->progress, memory_order_relaxed);

	if (progress >= nr_vec ||
	    atomic_load_explicit(&mb->state, memory_order_relaxed) == ORC_MB_PANIC)
		return -1;
	if (o->cfg.verbose)
		fprintf(stderr, "mmu-oracle: emulator lost at va %#llx (%s), starting it again\n",
			(unsigned long long)b->vec[progress].va, orc_error());
	res[progress] = (struct orc_res){ .status = ORC_ST_ERROR, .code = ORC_ERR_EMULATOR };
	kill_qemu(o->priv);
	if (qemu_start(o))
		return -1;
	publish(o, b);
	mb->nr_vec = nr_vec;
	atomic_store_explicit(&mb->progress, progress + 1, memory_order_relaxed);
	return 0;
}

/* As many accesses as fit in one doorbell. */
static int run_doorbell(struct orc *o, const struct orc_batch *b)
{
	struct orc_mbox *mb = mailbox(o);
	uint32_t nr_vec = (uint32_t)b->n;

	memcpy(orc_ram(o, ORC_VEC_PA), b->vec, nr_vec * sizeof(*b->vec));
	mb->nr_vec = nr_vec;
	atomic_store_explicit(&mb->progress, 0, memory_order_relaxed);
	for (;;) {
		/* Pairs with the guest's acquire of GO: accesses, sets, regions and images. */
		atomic_store_explicit(&mb->state, ORC_MB_GO, memory_order_release);
		if (!wait_for(o, ORC_MB_DONE, RUN_SECONDS))
			break;
		if (restart_behind(o, b, nr_vec))
			return -1;
	}
	memcpy(b->res, orc_ram(o, ORC_RES_PA), nr_vec * sizeof(*b->res));
	atomic_store_explicit(&mb->state, ORC_MB_IDLE, memory_order_relaxed);
	return 0;
}

static int qemu_run(struct orc *o, const struct orc_batch *b)
{
	struct qemu *q = o->priv;
	struct orc_batch part = *b;

	if (!q->pid && qemu_start(o))
		return -1;
	publish(o, b);
	if (q->parked)
		kill(q->pid, SIGCONT);
	q->parked = false;
	for (size_t at = 0; at < b->n; at += part.n) {
		part.vec = b->vec + at;
		part.res = b->res + at;
		part.n = b->n - at < ORC_MAXVEC ? b->n - at : ORC_MAXVEC;
		if (run_doorbell(o, &part)) {
			kill_qemu(q); /* its state is unknown: the next run starts afresh */
			return -1;
		}
	}
	if (o->cfg.park) {
		kill(q->pid, SIGSTOP);
		q->parked = true;
	}
	return 0;
}

const struct orc_backend orc_qemu = {
	.missing = qemu_missing,
	.init = qemu_init,
	.start = qemu_start,
	.run = qemu_run,
	.stop = qemu_stop,
};
