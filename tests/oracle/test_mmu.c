/* SPDX-License-Identifier: MIT */
/*
 * The library's MMU against MMUs that nobody here wrote. Random tables, registers
 * and accesses; each access is performed by both, on the same memory, from the same
 * state: verdict, fault code and address, physical address, data, memory type, and
 * every word of the tables afterwards must be the same. mmu_cases_differ.c says
 * what may differ.
 *
 *	test_mmu x86_64 | arm64 [--kvm | --bochs] [--accesses N] [--seed S] [--counts]
 *	test_mmu x86_64 | arm64 --record FILE     keep the emulator's answers
 *	test_mmu --replay FILE                    compare with answers kept
 */
#include "mmu_cases_run.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define RECORDED_SEED UINT64_C(20260412)
#define RECORDED_BATCHES 16
#define RECORDED_STEPS 8
#define RECORDED_PHYS_BITS 46 /* x86 */

static int summary(const struct cases_run *s)
{
	printf("%s %s: %zu accesses compared, %zu with legal differences masked, %zu differ\n",
	       s->machine.name, s->machine.arch == ORC_X86 ? "x86_64" : "arm64", s->nr_compared,
	       s->nr_masked, s->nr_different);
	return s->nr_different || !s->nr_compared ? 1 : 0;
}

/* One machine, until so many more accesses are compared. */
static bool run_machine(struct cases_run *s, const struct orc_cfg *cfg, size_t nr,
			uint64_t seed)
{
	size_t end = s->nr_compared + nr;
	bool ok = true;

	s->oracle = orc_open(cfg);
	if (!s->oracle) {
		printf("FAILED: %s\n", orc_error());
		return false;
	}
	s->machine.phys_bits = orc_phys_bits(s->oracle);
	memcpy(s->machine.mmfr, orc_info(s->oracle), sizeof(s->machine.mmfr));
	/* Without LPA2 the harness's own stage 2 has 48 bits; an address above wraps. */
	if (cfg->arch == ORC_ARM64 && !cases_has_lpa2(&s->machine, 12))
		s->machine.phys_bits = 48;
	if (s->out)
		fprintf(s->out, "%d %u %" PRIx64 " %" PRIx64 " %" PRIx64 "\n", (int)cfg->arch,
			s->machine.phys_bits, s->machine.mmfr[0], s->machine.mmfr[1],
			s->machine.mmfr[2]);
	if (s->out)
		for (uint64_t i = 0; ok && i < RECORDED_BATCHES; i++)
			ok = cases_run_batch(s, RECORDED_SEED + i);
	while (ok && !s->out && s->nr_compared < end)
		ok = cases_run_batch(s, seed++);
	orc_close(s->oracle);
	s->oracle = NULL;
	return ok;
}

/* What QEMU can be: MAXPHYADDR, or what the processor lacks, and for how many of the cases. */
static const struct {
	enum orc_arch arch;
	unsigned int phys_bits;
	const char *cpu;
	unsigned int tenths;
} variants[] = {
	{ ORC_X86, 52, NULL, 4 }, { ORC_X86, 46, NULL, 2 },  { ORC_X86, 40, NULL, 2 },
	{ ORC_X86, 36, NULL, 2 }, { ORC_ARM64, 0, NULL, 8 }, { ORC_ARM64, 0, "lpa2=off", 2 },
};

static bool run_variants(struct cases_run *s, struct orc_cfg *cfg, size_t nr, uint64_t seed)
{
	bool ok = true;

	for (size_t i = 0; ok && i < sizeof(variants) / sizeof(variants[0]); i++) {
		if ((int)variants[i].arch != cfg->arch)
			continue;
		cfg->phys_bits = variants[i].phys_bits;
		cfg->cpu_extra = s->machine.cpu = variants[i].cpu;
		ok = run_machine(s, cfg, nr * variants[i].tenths / 10, seed + (i << 32));
	}
	return ok;
}

static int ask(struct cases_run *s, struct orc_cfg *cfg, size_t nr, uint64_t seed, bool show)
{
	const char *missing = orc_missing(cfg);
	bool ok;

	if (missing) {
		printf("SKIPPED: %s\n", missing);
		return 77;
	}
	s->machine.arch = (enum orc_arch)cfg->arch;
	s->machine.name = cfg->kvm ? "KVM" : cfg->bochs ? "Bochs" : "QEMU";
	s->machine.qemu = !cfg->kvm && !cfg->bochs;
	s->machine.kvm = cfg->kvm;
	s->machine.four_levels = cfg->kvm || cfg->bochs;
	s->machine.restarts = cfg->bochs;
	if (s->out)
		cfg->phys_bits = RECORDED_PHYS_BITS;
	ok = s->machine.qemu && !s->out ? run_variants(s, cfg, nr, seed)
					: run_machine(s, cfg, nr, seed);
	if (show)
		cases_print_counts(s->machine.arch);
	cases_print_masks();
	if (ok && nr >= 50000 && cases_missing(&s->machine))
		ok = false;
	return summary(s) || !ok;
}

static int replay(struct cases_run *s, const char *path)
{
	bool ok = true;
	int arch;

	s->in = fopen(path, "r");
	if (!s->in) {
		perror(path);
		return 1;
	}
	if (fscanf(s->in, "%d %u %" SCNx64 " %" SCNx64 " %" SCNx64, &arch, &s->machine.phys_bits,
		   &s->machine.mmfr[0], &s->machine.mmfr[1], &s->machine.mmfr[2]) != 5)
		ok = false;
	s->machine.arch = (enum orc_arch)arch;
	s->machine.name = "recorded QEMU";
	s->machine.qemu = true;
	s->nr_steps = RECORDED_STEPS;
	for (uint64_t i = 0; ok && i < RECORDED_BATCHES; i++)
		ok = cases_run_batch(s, RECORDED_SEED + i);
	fclose(s->in);
	return summary(s) || !ok;
}

static int usage(void)
{
	fprintf(stderr, "usage: test_mmu x86_64|arm64 [--kvm|--bochs] [--accesses N] [--seed S] "
			"[--counts] [--record FILE]\n       test_mmu --replay FILE\n");
	return 2;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "kvm", no_argument, NULL, 'k' },
		{ "bochs", no_argument, NULL, 'b' },
		{ "accesses", required_argument, NULL, 'n' },
		{ "seed", required_argument, NULL, 's' },
		{ "counts", no_argument, NULL, 'c' },
		{ "record", required_argument, NULL, 'o' },
		{ "replay", required_argument, NULL, 'i' },
		{ 0 },
	};
	static struct cases_run s;
	struct orc_cfg cfg = { 0 };
	size_t nr = 100000;
	uint64_t seed = 1;
	const char *out = NULL;
	bool show = false;
	int c, status;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'k':
			cfg.kvm = 1;
			break;
		case 'b':
			cfg.bochs = 1;
			break;
		case 'n':
			nr = strtoull(optarg, NULL, 0);
			break;
		case 's':
			seed = strtoull(optarg, NULL, 0);
			break;
		case 'c':
			show = true;
			break;
		case 'o':
			out = optarg;
			break;
		case 'i':
			return replay(&s, optarg);
		default:
			return usage();
		}
	}
	if (optind + 1 != argc || (strcmp(argv[optind], "x86_64") && strcmp(argv[optind], "arm64")))
		return usage();
	cfg.arch = strcmp(argv[optind], "arm64") ? ORC_X86 : ORC_ARM64;
	if (out) {
		s.out = fopen(out, "w");
		s.nr_steps = RECORDED_STEPS;
		if (!s.out) {
			perror(out);
			return 1;
		}
	}
	status = ask(&s, &cfg, nr, seed, show);
	if (s.out && fclose(s.out))
		status = 1;
	return status;
}
