/* SPDX-License-Identifier: MIT */
/* Cases as text: a job to replay one, outcomes to keep, counts of what came. */
#include "mmu_cases.h"

#include <inttypes.h>
#include <string.h>

#define NR_KINDS 128
#define NR_SETTINGS 32

static const char *const x86_registers[] = { "cr0", "cr3", "cr4", "efer", "pkru", "pkrs" };
static const char *const arm64_registers[] = { "sctlr", "tcr",	"ttbr0", "ttbr1", "mair",
					       "hcr",	"vtcr", "vttbr", "pan",	  "uao" };

static void print_outcome(const char *who, const struct cases_outcome *o)
{
	static const char *const names[] = { "none", "OK", "FAULT", "NOMEM", "NOWALK", "ERROR" };

	printf("# %s: %s code=%u err=0x%" PRIx64 " addr=0x%" PRIx64 " data=0x%" PRIx64, who,
	       names[o->status], o->code, o->err, o->addr, o->data);
	if (o->has_pa || o->status == ORC_ST_NOWALK)
		printf(" pa=0x%" PRIx64, o->pa);
	printf(" mem=%d", o->mem);
	for (unsigned int i = 0; i < o->nr_changes && i < CASES_MAX_CHANGES; i++)
		printf(" [%zx]=0x%" PRIx64, 8 * o->change[i].index, o->change[i].value);
	for (unsigned int i = 0; i < o->nr_walk; i++)
		printf("%s0x%" PRIx64, i ? "," : " walk=", o->walk[i]);
	putchar('\n');
}

#define FULL_PAGE 100 /* words; pages with more hold data, or are junk */

/* Words of such a page matter only if a walk read them. */
static bool was_read(const struct cases_insight *insight, pt_pa_t pa)
{
	for (unsigned int i = 0; i < insight->nr_steps; i++)
		if (insight->step[i].table_pa + 8 * insight->step[i].index == pa)
			return true;
	return false;
}

static void print_words(const struct cases_one *one, const struct cases_insight *insight)
{
	const size_t page = (size_t)1 << (one->layout->page_lg2 - 3);
	const struct cases_round *round = one->round;

	for (size_t first = 0; first < round->nr_words; first += page) {
		size_t nr = 0;

		for (size_t i = 0; i < page; i++)
			nr += round->words[first + i] != 0;
		for (size_t i = first; i < first + page; i++)
			if (round->words[i] &&
			    (nr <= FULL_PAGE || was_read(insight, round->pa + 8 * i)))
				printf("poke 0x%" PRIx64 " 0x%" PRIx64 "\n", round->pa + 8 * i,
				       round->words[i]);
	}
}

void cases_print_job(const struct cases_one *one, const struct cases_insight *insight,
		     const struct cases_outcome *mmu, const struct cases_outcome *library,
		     bool brief)
{
	bool x86 = one->machine->arch == ORC_X86;
	const char *const *registers = x86 ? x86_registers : arm64_registers;
	const struct orc_vec *vec = one->vec;

	if (!brief) {
		printf("arch %s\n", x86 ? "x86_64" : "arm64");
		if (x86 && one->machine->qemu)
			printf("physbits %u\n", one->machine->phys_bits);
		if (one->machine->cpu)
			printf("cpu %s\n", one->machine->cpu);
		printf("mem 0x%" PRIx64 " 0x%zx\n", one->round->pa, 8 * one->round->nr_words);
		print_words(one, insight);
	}
	printf("set");
	for (unsigned int i = 0; i < (x86 ? 6 : 10); i++)
		if (x86 || i < ORC_AR_HCR || i > ORC_AR_VTTBR)
			printf(" %s=0x%" PRIx64, registers[i], one->set->r[i]);
	printf("\n%c%u 0x%" PRIx64 " el=%u data=0x%" PRIx64 "%s%s%s%s\n", "rwmx??i"[vec->op],
	       vec -> size, vec -> va, vec -> el, vec -> data,
	       vec -> flags &ORC_VF_TRACE ? " trace" : "", vec->flags &ORC_VF_AC ? " ac" : "",
	       vec->flags &ORC_VF_UNPRIV ? " unpriv" : "",
	       vec->flags &ORC_VF_EXECOK ? " execok" : "");
	for (unsigned int i = 0; i < insight->nr_steps; i++)
		printf("# level %u, word 0x%" PRIx64 " is 0x%" PRIx64 "\n", insight->step[i].level,
		       insight->step[i].table_pa + 8 * insight->step[i].index,
		       insight->step[i].raw);
	print_outcome(one->machine->name, mmu);
	print_outcome("library", library);
}

/* Status, then what that has; then the words, terminated by the line. */
void cases_write(FILE *out, const struct cases_outcome *o)
{
	fprintf(out, "%d", (int)o->status);
	switch (o->status) {
	case ORC_ST_FAULT:
		fprintf(out, " %x %" PRIx64 " %" PRIx64, o->code, o->err, o->addr);
		break;
	case ORC_ST_OK:
	case ORC_ST_NOMEM:
		fprintf(out, " %" PRIx64 " %d %d %" PRIx64, o->data, o->attr, o->has_pa,
			o->has_pa ? o->pa : 0);
		break;
	default:
		fprintf(out, " %" PRIx64, o->pa);
	}
	fprintf(out, " %u", o->nr_changes);
	for (unsigned int i = 0; i < o->nr_changes && i < CASES_MAX_CHANGES; i++)
		fprintf(out, " %zx %" PRIx64, o->change[i].index, o->change[i].value);
	fputc('\n', out);
}

bool cases_read(FILE *in, struct cases_outcome *o)
{
	int status, has_pa;

	*o = (struct cases_outcome){ .attr = -1, .mem = -1 };
	if (fscanf(in, "%d", &status) != 1)
		return false;
	o->status = (enum orc_status)status;
	switch (o->status) {
	case ORC_ST_FAULT:
		if (fscanf(in, "%x %" SCNx64 " %" SCNx64, &o->code, &o->err, &o->addr) != 3)
			return false;
		break;
	case ORC_ST_OK:
	case ORC_ST_NOMEM:
		if (fscanf(in, "%" SCNx64 " %d %d %" SCNx64, &o->data, &o->attr, &has_pa, &o->pa) !=
		    4)
			return false;
		o->has_pa = has_pa;
		o->mem = cases_mem_of_attr(o->attr);
		break;
	default:
		if (fscanf(in, "%" SCNx64, &o->pa) != 1)
			return false;
	}
	if (fscanf(in, "%u", &o->nr_changes) != 1 || o->nr_changes > CASES_MAX_CHANGES)
		return false;
	for (unsigned int i = 0; i < o->nr_changes; i++)
		if (fscanf(in, "%zx %" SCNx64, &o->change[i].index, &o->change[i].value) != 2)
			return false;
	return true;
}

struct setting {
	const char *name;
	unsigned int reg, bit;
};

static const struct setting x86_settings[] = {
	{ "CR0.WP", ORC_XR_CR0, 16 },	 { "CR4.LA57", ORC_XR_CR4, 12 },
	{ "CR4.SMEP", ORC_XR_CR4, 20 },	 { "CR4.SMAP", ORC_XR_CR4, 21 },
	{ "CR4.PKE", ORC_XR_CR4, 22 },	 { "CR4.PKS", ORC_XR_CR4, 24 },
	{ "EFER.NXE", ORC_XR_EFER, 11 },
};

static const struct setting arm64_settings[] = {
	{ "SCTLR.M", ORC_AR_SCTLR, 0 }, { "SCTLR.WXN", ORC_AR_SCTLR, 19 },
	{ "TCR.EPD0", ORC_AR_TCR, 7 },	{ "TCR.TBI0", ORC_AR_TCR, 37 },
	{ "TCR.HA", ORC_AR_TCR, 39 },	{ "TCR.HD", ORC_AR_TCR, 40 },
	{ "TCR.HPD0", ORC_AR_TCR, 41 }, { "TCR.E0PD0", ORC_AR_TCR, 55 },
	{ "TCR.DS", ORC_AR_TCR, 59 },	{ "PAN", ORC_AR_PAN, 0 },
	{ "UAO", ORC_AR_UAO, 0 },
};

/* Outcomes by kind: x86 error codes, arm64 fault status codes; then these. */
enum { KIND_OK = 64, KIND_NOMEM, KIND_NOWALK, KIND_REFUSED, KIND_GP };

static uint64_t counts[NR_SETTINGS][2][NR_KINDS];
static uint64_t totals[NR_KINDS], total;
static uint64_t granules[3][NR_KINDS];

static unsigned int kind_of(const struct cases_outcome *outcome)
{
	switch (outcome->status) {
	case ORC_ST_OK:
		return KIND_OK;
	case ORC_ST_NOMEM:
		return KIND_NOMEM;
	case ORC_ST_NOWALK:
		return KIND_NOWALK;
	case ORC_ST_FAULT:
		return outcome->code == 13 ? KIND_GP : outcome->err & 0x3f;
	default:
		return KIND_REFUSED;
	}
}

static const struct setting *settings_of(enum orc_arch arch, unsigned int *nr)
{
	*nr = arch == ORC_X86 ? sizeof(x86_settings) / sizeof(x86_settings[0])
			      : sizeof(arm64_settings) / sizeof(arm64_settings[0]);
	return arch == ORC_X86 ? x86_settings : arm64_settings;
}

void cases_count(const struct cases_one *one, const struct cases_outcome *outcome)
{
	unsigned int kind = kind_of(outcome), nr;
	const struct setting *settings = settings_of(one->machine->arch, &nr);

	for (unsigned int i = 0; i < nr; i++)
		counts[i][one->set->r[settings[i].reg] >> settings[i].bit & 1][kind]++;
	granules[(one->layout->page_lg2 - 12) / 2][kind]++;
	totals[kind]++;
	total++;
}

static void print_kinds(const char *name, int value, const uint64_t kinds[NR_KINDS])
{
	static const char *const names[] = { "ok", "no-memory", "no-table", "refused", "#GP" };

	printf("%s", name);
	if (value >= 0)
		printf("=%d", value);
	for (unsigned int kind = 0; kind < NR_KINDS; kind++) {
		if (!kinds[kind])
			continue;
		if (kind >= KIND_OK)
			printf(" %s:%" PRIu64, names[kind - KIND_OK], kinds[kind]);
		else
			printf(" %02x:%" PRIu64, kind, kinds[kind]);
	}
	putchar('\n');
}

void cases_print_counts(enum orc_arch arch)
{
	static const char *const granule_names[] = { "4K", "16K", "64K" };
	unsigned int nr;
	const struct setting *settings = settings_of(arch, &nr);

	print_kinds("all", -1, totals);
	for (unsigned int i = 0; arch == ORC_ARM64 && i < 3; i++)
		print_kinds(granule_names[i], -1, granules[i]);
	for (unsigned int i = 0; i < nr; i++)
		for (int value = 0; value < 2; value++)
			print_kinds(settings[i].name, value, counts[i][value]);
}

static struct {
	const char *why;
	size_t nr;
} masks[16];

void cases_count_mask(const char *why)
{
	for (size_t i = 0; i < sizeof(masks) / sizeof(masks[0]); i++)
		if (!masks[i].why || masks[i].why == why) {
			masks[i].why = why;
			masks[i].nr++;
			return;
		}
}

void cases_print_masks(void)
{
	for (size_t i = 0; i < sizeof(masks) / sizeof(masks[0]) && masks[i].why; i++)
		printf("masked, %s: %zu\n", masks[i].why, masks[i].nr);
}

unsigned int cases_missing(const struct cases_machine *machine)
{
	/* P, W, U, RSVD, I and PK in all combinations that there are but those with keys. */
	static const uint8_t x86[] = { 0x00,	0x01,	    0x02,	 0x03,	 0x04, 0x05,
				       0x06,	0x07,	    0x09,	 0x0b,	 0x0d, 0x0f,
				       KIND_OK, KIND_NOMEM, KIND_NOWALK, KIND_GP };
	static const uint8_t x86_more[] = { 0x10, 0x11, 0x14, 0x15, 0x19, 0x1d };
	static const uint8_t keys[] = { 0x21, 0x23, 0x25, 0x27, KIND_REFUSED };
	/* Address size, translation, access flag, permission, by level. */
	static const uint8_t arm64[] = { 0x00, 0x01, 0x02, 0x03,    0x04,	0x05,
					 0x06, 0x07, 0x09, 0x0a,    0x0b,	0x0d,
					 0x0e, 0x0f, 0x2b, KIND_OK, KIND_NOMEM, KIND_NOWALK };
	const struct {
		const uint8_t *kinds;
		size_t nr;
		bool wanted;
	} lists[] = {
		{ x86, sizeof(x86), machine->arch == ORC_X86 },
		{ x86_more, sizeof(x86_more), machine->arch == ORC_X86 && !machine->kvm },
		{ keys, sizeof(keys), machine->arch == ORC_X86 && !machine->four_levels },
		{ arm64, sizeof(arm64), machine->arch == ORC_ARM64 },
	};
	unsigned int missing = 0;

	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		for (size_t j = 0; lists[i].wanted && j < lists[i].nr; j++)
			if (!totals[lists[i].kinds[j]]) {
				printf("no case of kind 0x%02x\n", lists[i].kinds[j]);
				missing++;
			}
	if (4 * (totals[KIND_OK] + totals[KIND_NOMEM]) < total) {
		printf("less than a quarter of the accesses were allowed\n");
		missing++;
	}
	return missing;
}
