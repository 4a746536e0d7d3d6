/* SPDX-License-Identifier: MIT */
/*
 * Tables that libptlib built, on MMUs that nobody here wrote: for each access of
 * random programs, whether it is allowed and where it goes.
 *
 *	test_tables [--kvm | --bochs] [ROUNDS [SEED]]   ask the emulators
 *	test_tables --record FILE                       the same, and keep their answers
 *	test_tables --replay FILE                       compare with answers kept
 */
#include "tables.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "oracle.h"

#define NR_ACCESSES 500
#define NR_RECORDED 200 /* accesses a machine */
#define RECORDED_SEED 20260412

static size_t nr_compared, nr_different;

static bool is_stage2(const struct machine *machine)
{
	return machine->fmt >= PT_FMT_ARM64_S2_4K && machine->fmt <= PT_FMT_ARM64_S2_64K;
}

static void compare(const struct machine *machine, uint64_t seed, const struct access *access,
		    const struct expectation *expect, const struct expectation *got)
{
	/* How a fetch under a stage 2 that is tested ends does not say where it went. */
	bool where = !is_stage2(machine) || access->op != 'x';

	if (expect->answer == ANSWER_EITHER)
		return;
	nr_compared++;
	if (expect->answer == got->answer &&
	    (expect->answer == ANSWER_FAULT || !where || expect->pa == got->pa))
		return;
	if (nr_different++ < 20)
		printf("%s, seed %" PRIu64 ": %c %s 0x%" PRIx64
		       ": library %s 0x%" PRIx64 ", MMU %s 0x%" PRIx64 "\n",
		       machine->name, seed, access->op, access->user ? "user" : "privileged",
		       access->va, expect->answer ? "ok" : "fault", expect->pa,
		       got->answer ? "ok" : "fault", got->pa);
}

static struct orc_regset registers(const struct tables *tables, const struct machine *machine)
{
	struct orc_regset set = { { 0 } };

	if (machine->fmt == PT_FMT_X86_64) {
		struct pt_x86_regs regs;

		tables_x86_regs(tables, &regs);
		set.r[ORC_XR_CR0] = regs.cr0;
		set.r[ORC_XR_CR3] = regs.cr3;
		set.r[ORC_XR_CR4] = regs.cr4;
		set.r[ORC_XR_EFER] = regs.efer;
	} else if (is_stage2(machine)) {
		struct pt_arm64_s2_regs regs;

		/* Stage 1 is off: what is accessed is the intermediate address. */
		tables_arm64_s2_regs(tables, &regs);
		set.r[ORC_AR_SCTLR] = 0x30d00980;
		set.r[ORC_AR_MAIR] = 0xff;
		set.r[ORC_AR_HCR] = regs.hcr;
		set.r[ORC_AR_VTCR] = regs.vtcr;
		set.r[ORC_AR_VTTBR] = regs.vttbr;
	} else {
		struct pt_arm64_regs regs;

		tables_arm64_regs(tables, &regs);
		set.r[ORC_AR_SCTLR] = 0x30d00985; /* RES1 bits, M, C */
		set.r[ORC_AR_TCR] = regs.tcr;
		set.r[ORC_AR_TTBR0] = regs.ttbr0;
		set.r[ORC_AR_TTBR1] = regs.ttbr1;
		set.r[ORC_AR_MAIR] = regs.mair;
	}
	return set;
}

/* An instruction abort, its cause a synchronous external abort: allowed, and nothing was there. */
static bool is_fetch_of_nothing(const struct orc_res *res)
{
	return res->status == ORC_ST_FAULT && res->err >> 27 == 0x20 >> 1 &&
	       (res->err & 0x3f) == 0x10;
}

/* False: the machine has no such thing as this access. */
static bool answer_of(const struct orc_res *res, const struct orc_vec *vec, struct expectation *got)
{
	*got = (struct expectation){ .answer = ANSWER_FAULT };
	if (res->status == ORC_ST_ERROR)
		return false;
	if (res->status == ORC_ST_NOMEM || (res->status == ORC_ST_OK && res->flags & ORC_RF_PA)) {
		got->answer = ANSWER_ALLOWED;
		got->pa = res->pa;
	} else if (vec->flags & ORC_VF_S12 && vec->op == ORC_OP_X &&
		   (res->status == ORC_ST_OK || is_fetch_of_nothing(res))) {
		got->answer = ANSWER_ALLOWED;
	}
	return true;
}

/*
 * Under a stage 2 that is tested, leaves map to the emulator's own memory and devices: loads and
 * stores are left to the AT instruction, fetches end before anything is fetched.
 */
static uint8_t operation(const struct machine *machine, char op)
{
	if (is_stage2(machine) && op != 'x')
		return op == 'r' ? ORC_OP_AT : ORC_OP_ATW;
	return op == 'r' ? ORC_OP_R : op == 'w' ? ORC_OP_W : ORC_OP_X;
}

/* One program on one machine. @out: where to keep the answers, or NULL. */
static void run(struct orc *oracle, const struct machine *machine, uint64_t seed, bool may_fetch,
		size_t nr, FILE *out)
{
	bool x86 = machine->fmt == PT_FMT_X86_64;
	static struct orc_vec vec[NR_ACCESSES];
	static struct orc_res res[NR_ACCESSES];
	struct expectation expect[NR_ACCESSES];
	struct access access[NR_ACCESSES];
	struct orc_regset set;
	struct tables *tables;
	uint64_t offset;
	void *host;
	int fd;

	orc_regions_clear(oracle);
	host = orc_region_add(oracle, TABLES_BASE, TABLES_BYTES, is_stage2(machine));
	fd = host ? orc_region_fd(oracle, host, &offset) : -1;
	if (fd < 0) {
		printf("FAILED: %s\n", orc_error());
		exit(1);
	}
	tables = tables_build(machine, seed, fd, offset);
	set = registers(tables, machine);
	for (size_t i = 0; i < nr; i++) {
		access[i] = tables_access(tables, i);
		if (!may_fetch && access[i].op == 'x')
			access[i].op = 'r';
		vec[i] = (struct orc_vec){
			.va = access[i].va & ~(access[i].op == 'x' ? UINT64_C(3) : 0),
			.op = operation(machine, access[i].op),
			.flags = is_stage2(machine) ? ORC_VF_S12 : 0,
			.size = 8,
			.el = x86 ? (access[i].user ? 3 : 0) : (access[i].user ? 0 : 1),
		};
		expect[i] = tables_expect(tables, &access[i]);
	}
	if (orc_run(oracle, &set, 1, vec, res, nr)) {
		printf("FAILED: %s\n", orc_error());
		exit(1);
	}
	for (size_t i = 0; i < nr; i++) {
		struct expectation got;

		if (!answer_of(&res[i], &vec[i], &got)) {
			printf("%s: no answer, code 0x%x\n", machine->name, res[i].code);
			nr_different++;
			continue;
		}
		compare(machine, seed, &access[i], &expect[i], &got);
		if (out)
			fprintf(out, "%c %d 0x%" PRIx64 " %s 0x%" PRIx64 "\n", access[i].op,
				access[i].user, access[i].va, got.answer ? "ok" : "fault", got.pa);
	}
	tables_free(tables);
}

static int summary(const char *against)
{
	printf("%zu accesses compared with %s, %zu differ\n", nr_compared, against, nr_different);
	return nr_different || !nr_compared ? 1 : 0;
}

static int ask(const struct orc_cfg *how, size_t rounds, uint64_t seed, FILE *out)
{
	int arch = ORC_X86;
	struct orc *oracle = NULL;
	const char *missing = NULL;

	for (size_t m = 0; m < TABLES_NR_MACHINES; m++) {
		const struct machine *machine = &tables_machines[m];
		bool x86 = machine->fmt == PT_FMT_X86_64;
		struct orc_cfg cfg = *how;

		/* Neither KVM nor Bochs has arm64 or 5 levels, or 52 physical bits. */
		if ((cfg.kvm || cfg.bochs) && m)
			break;
		/* One at a time: its guest polls, and would take a CPU from the other's. */
		cfg.arch = x86 ? ORC_X86 : ORC_ARM64;
		if (oracle && cfg.arch != arch) {
			orc_close(oracle);
			oracle = NULL;
		}
		arch = cfg.arch;
		missing = orc_missing(&cfg);
		if (missing) {
			printf("SKIPPED: %s: %s\n", machine->name, missing);
			if (out)
				return 77;
			continue;
		}
		if (!oracle)
			oracle = orc_open(&cfg);
		if (!oracle) {
			printf("FAILED: %s\n", orc_error());
			return 1;
		}
		for (size_t i = 0; i < rounds; i++) {
			struct machine narrow = *machine;

			if (narrow.pa_bits > orc_phys_bits(oracle) && x86)
				narrow.pa_bits = orc_phys_bits(oracle);
			if (out)
				fprintf(out, "machine %zu\n", m);
			narrow.no_1g = cfg.kvm; /* nested KVM may refuse them */
			run(oracle, &narrow, seed + i, !cfg.kvm,
			    out ? NR_RECORDED : NR_ACCESSES, out);
		}
	}
	orc_close(oracle);
	if (!nr_compared && missing)
		return 77;
	return summary(how->kvm ? "KVM" : how->bochs ? "Bochs" : "QEMU");
}

static int replay(const char *path)
{
	FILE *in = fopen(path, "r");
	struct tables *tables = NULL;
	const struct machine *machine = NULL;
	char line[128];

	if (!in) {
		perror(path);
		return 1;
	}
	while (fgets(line, sizeof(line), in)) {
		struct expectation expect, got = { 0 };
		struct access access;
		char verdict[8];
		size_t m;
		int user;

		if (sscanf(line, "machine %zu", &m) == 1 && m < TABLES_NR_MACHINES) {
			if (tables)
				tables_free(tables);
			machine = &tables_machines[m];
			tables = tables_build(machine, RECORDED_SEED, -1, 0);
			continue;
		}
		if (!tables || sscanf(line, "%c %d 0x%" SCNx64 " %7s 0x%" SCNx64, &access.op, &user,
				      &access.va, verdict, &got.pa) != 5) {
			printf("FAILED: %s: cannot read: %s", path, line);
			return 1;
		}
		access.user = user;
		got.answer = strcmp(verdict, "ok") ? ANSWER_FAULT : ANSWER_ALLOWED;
		expect = tables_expect(tables, &access);
		compare(machine, RECORDED_SEED, &access, &expect, &got);
	}
	if (tables)
		tables_free(tables);
	fclose(in);
	return summary("recorded answers");
}

int main(int argc, char **argv)
{
	struct orc_cfg cfg = { 0 };
	size_t rounds;
	uint64_t seed;

	if (argc == 3 && !strcmp(argv[1], "--replay"))
		return replay(argv[2]);
	if (argc == 3 && !strcmp(argv[1], "--record")) {
		FILE *out = fopen(argv[2], "w");
		int ret;

		if (!out) {
			perror(argv[2]);
			return 1;
		}
		ret = ask(&cfg, 1, RECORDED_SEED, out);
		return fclose(out) ? 1 : ret;
	}
	cfg.kvm = argc > 1 && !strcmp(argv[1], "--kvm");
	cfg.bochs = argc > 1 && !strcmp(argv[1], "--bochs");
	argc -= cfg.kvm || cfg.bochs;
	argv += cfg.kvm || cfg.bochs;
	rounds = argc > 1 ? strtoul(argv[1], NULL, 0) : 20;
	seed = argc > 2 ? strtoull(argv[2], NULL, 0) : 1;
	return ask(&cfg, rounds, seed, NULL);
}
