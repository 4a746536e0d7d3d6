/* SPDX-License-Identifier: MIT */
/*
 * Every combination of what EPT rights depend on, against the sentences of the Intel SDM Vol. 3C,
 * 29.3.3 "EPT-Induced VM Exits", 29.3.5 "Accessed and Dirty Flags for EPT" and Table 28-7
 * (rev. 081).
 *
 * Two paths through EPT, each of its own tables: that of the guest's page, and that of the guest's
 * last table. Two of a path's tables and its leaf have all rights that there are.
 */
#include "mmu/golden_ept.h"

#define PAGE_GPA (DATA_GPA + BIT(39))
#define TABLE_GPA (DATA_GPA + 2 * BIT(39))
#define TABLE_PA (DATA_PA + 0x1000)
#define ALL (RWX | EXU)

struct path {
	struct ept e;
	uint64_t *guest; /* the guest's leaf */
	uint64_t *word[2][4]; /* of the page's path, of the table's; by level */
	uint64_t before[2][4];
	uint64_t table[2][4]; /* addresses in those words */
	uint64_t nr;
};

/* What an access and the registers contribute. */
struct ept_case {
	enum pt_access_kind kind;
	bool user; /* the linear address is a user-mode one */
	bool mbec, ad, exec_only;
};

struct ept_verdict {
	enum pt_fault_kind kind; /* PT_FAULT_NONE: allowed */
	uint64_t code;
	unsigned int level; /* of a misconfiguration, or of what is not present */
};

/* 29.3.2: present if any of bits 2:0 is 1, or with mode-based control bit 10 */
static bool is_present(uint64_t entry, const struct ept_case *c)
{
	return entry & RWX || (c->mbec && entry & EXU);
}

/* 29.3.3.1 "EPT Misconfigurations", as far as rights are concerned */
static bool is_misconfigured(uint64_t entry, const struct ept_case *c)
{
	bool r = entry & ER, w = entry & EW, x = entry & EX, xu = c->mbec && entry & EXU;

	return !r && (w || ((x || xu) && !c->exec_only));
}

/* 29.3.3.2 "EPT Violations", for the page itself, or for the guest's table */
static struct ept_verdict decide(const uint64_t entries[4], unsigned int leaf, bool of_table,
				 const struct ept_case *c)
{
	struct ept_verdict v = { .kind = PT_FAULT_NONE };
	bool read = c->kind == PT_ACCESS_READ || c->kind == PT_ACCESS_RMW || of_table;
	bool write = of_table ? c->ad : c->kind == PT_ACCESS_WRITE || c->kind == PT_ACCESS_RMW;
	bool fetch = !of_table && c->kind == PT_ACCESS_FETCH;
	uint64_t all = ALL;

	for (v.level = 4; v.level-- > leaf;) {
		all &= entries[v.level];
		if (!is_present(entries[v.level], c)) {
			all = 0;
			break;
		}
		if (is_misconfigured(entries[v.level], c)) {
			v.kind = PT_FAULT_EPT_MISCONFIG;
			return v;
		}
	}
	if (v.level == leaf - 1)
		v.level = leaf;
	if ((!read || all & ER) && (!write || all & EW) &&
	    (!fetch || all & (c->mbec && c->user ? EXU : EX)))
		return v;
	v.kind = PT_FAULT_EPT_VIOLATION;
	v.code = (read ? PT_EPT_READ : 0) | (write ? PT_EPT_WRITE : 0) |
		 (fetch ? PT_EPT_FETCH : 0) | (all & ER ? PT_EPT_READABLE : 0) |
		 (all & EW ? PT_EPT_WRITABLE : 0) | (all & EX ? PT_EPT_EXECUTABLE : 0) |
		 (c->mbec && all & EXU ? PT_EPT_USER_EXECUTABLE : 0) | PT_EPT_LINEAR_VALID |
		 (of_table ? 0 : PT_EPT_FINAL);
	return v;
}

static void die(const struct path *p, const struct ept_case *c, const struct ept_verdict *v,
		const struct pt_access_result *r, const char *what)
{
	print_error("%s\nMBEC %d A/D %d execute-only %d; access %d, user page %d\n", what, c->mbec,
		    c->ad, c->exec_only, c->kind, c->user);
	for (unsigned int i = 0; i < 2; i++)
		for (unsigned int level = 4; level--;)
			print_error("%s level %u: %#llx, after it %#llx\n", i ? "table" : "page",
				    level, (unsigned long long)p->before[i][level],
				    (unsigned long long)*p->word[i][level]);
	print_error("must be %s %#llx level %u\n", pt_fault_kind_name(v->kind),
		    (unsigned long long)v->code, v->level);
	print_error("is %s (%s) %#llx level %u\n", pt_fault_kind_name(r->fault.kind),
		    pt_fault_why_name(r->fault.why), (unsigned long long)r->fault.code,
		    r->fault.level);
	fail();
}

#define EXPECT(cond)                                                                               \
	do {                                                                                       \
		if (!(cond))                                                                       \
			die(p, c, &v, &r, #cond);                                                  \
	} while (0)

/* What stands in a path after an access that was allowed. */
static uint64_t after(const struct path *p, unsigned int i, unsigned int level, bool leaf,
		      bool write, const struct ept_case *c)
{
	return p->before[i][level] | (c->ad ? EA : 0) | (c->ad && leaf && write ? ED : 0);
}

static void try_access(struct path *p, const struct ept_case *c, unsigned int cpl,
		       unsigned int leaf)
{
	struct pt_access access = access_of(c->kind, 1 + p->nr % 4, cpl);
	bool write = c->kind == PT_ACCESS_WRITE || c->kind == PT_ACCESS_RMW, of_table = true;
	uint64_t undefined = c->mbec ? 0 : PT_EPT_USER_EXECUTABLE;
	struct ept_verdict v = decide(p->before[1], 0, true, c);
	struct pt_access_result r;
	int err;

	for (unsigned int i = 0; i < 2; i++)
		for (unsigned int level = 0; level < 4; level++)
			*p->word[i][level] = p->before[i][level];
	if (v.kind == PT_FAULT_NONE) {
		v = decide(p->before[0], leaf, false, c);
		of_table = false;
	}
	if (c->kind == PT_ACCESS_RMW && !of_table)
		undefined |= PT_EPT_READ; /* up to the implementation */
	p->nr++;
	err = pt_access(p->e.n.guest.m.mmu, VA + 8, &access, &r);
	EXPECT(err == (v.kind != PT_FAULT_NONE));
	EXPECT(r.fault.kind == v.kind);
	if (err) {
		pt_pa_t gpa = of_table ? TABLE_GPA + 8 * x86_index(VA, 0) : PAGE_GPA + 8;

		EXPECT(!((r.fault.code ^ v.code) & ~undefined));
		EXPECT(r.fault.level == v.level);
		EXPECT(r.fault.ipa == gpa && r.fault.va == VA + 8);
		EXPECT(r.fault.in_walk == of_table && r.fault.stage == 2 && !r.nr_pieces);
		for (unsigned int i = 0; i < 2; i++)
			for (unsigned int level = 0; level < 4; level++)
				EXPECT(*p->word[i][level] == p->before[i][level]);
		return;
	}
	EXPECT(r.nr_pieces == 1 && r.piece[0].level == 0 && r.piece[0].size_lg2 == 12);
	EXPECT(r.piece[0].pa == (leaf ? (DATA_PA & (BIT(12 + 9 * leaf) - 1)) + 8 : DATA_PA + 8));
	for (unsigned int level = leaf; level < 4; level++)
		EXPECT(*p->word[0][level] == after(p, 0, level, level == leaf, write, c));
	for (unsigned int level = 0; level < 4; level++)
		EXPECT(*p->word[1][level] == after(p, 1, level, level == 0, true, c));
	/* the same may do all that the verdicts about it say */
	for (enum pt_access_kind kind = PT_ACCESS_READ; kind <= PT_ACCESS_FETCH; kind++) {
		struct ept_case any = *c;
		unsigned int perm = kind == PT_ACCESS_FETCH   ? PT_PERM_EXEC
				    : kind == PT_ACCESS_WRITE ? PT_PERM_WRITE
							      : PT_PERM_READ;

		any.kind = kind;
		if (kind != PT_ACCESS_RMW)
			EXPECT(!(r.piece[0].perms & perm) ==
			       (decide(p->before[0], leaf, false, &any).kind != PT_FAULT_NONE));
	}
}

static int setup(void **state)
{
	struct path *p = calloc(1, sizeof(*p));

	if (!p)
		return -1;
	ept_init(&p->e, 4, 4);
	/* the last table of the guest's elsewhere, A and D there */
	*guest_entry(&p->e.n, VA, 1) = TABLE_GPA | A | US | RW | P;
	p->guest = word(&p->e.n.guest.m, TABLE_PA, x86_index(VA, 0));
	for (unsigned int level = 0; level < 4; level++) {
		p->word[0][level] = second_entry(&p->e.n, PAGE_GPA, level);
		p->word[1][level] = second_entry(&p->e.n, TABLE_GPA, level);
		for (unsigned int i = 0; i < 2; i++)
			p->table[i][level] = *p->word[i][level] & ADDRESS;
	}
	*state = p;
	return 0;
}

static int teardown(void **state)
{
	struct path *p = *state;

	ept_exit(&p->e);
	free(p);
	return 0;
}

/* Bits 3:0 of @n: R, W, X, XU. */
static uint64_t rights_of(unsigned int n)
{
	return (n & 7) | (n & 8 ? EXU : 0);
}

/* Rights @n of the leaf, and of two tables above it; others allow all. */
static void set_words(struct path *p, unsigned int leaf, unsigned int first, unsigned int n)
{
	static const unsigned int others[][2] = { { 1, 2 }, { 1, 3 }, { 2, 3 } };

	for (unsigned int i = 0; i < 2; i++)
		for (unsigned int level = 1; level < 4; level++)
			p->before[i][level] = p->table[i][level] | ALL;
	p->before[0][0] = DATA_PA | EWB | ALL;
	p->before[1][0] = TABLE_PA | EWB | ALL;
	if (first < 3) {
		if (leaf)
			p->before[0][leaf] = ELARGE | EWB;
		p->before[0][leaf] = (p->before[0][leaf] & ~ALL) | rights_of(n);
		for (unsigned int k = 0; k < 2; k++) {
			unsigned int level = others[first][k];

			if (level > leaf)
				p->before[0][level] =
					(p->before[0][level] & ~ALL) | rights_of(n >> (4 + 4 * k));
		}
	} else { /* of the table's path */
		p->before[1][0] = (p->before[1][0] & ~ALL) | rights_of(n);
		p->before[1][2] = (p->before[1][2] & ~ALL) | rights_of(n >> 4);
		p->before[1][3] = (p->before[1][3] & ~ALL) | rights_of(n >> 8);
	}
}

static void rights(void **state)
{
	struct path *p = *state;
	size_t thin = test_thin(), nr = 0;

	for (unsigned int regs = 0; regs < 8; regs++) {
		struct ept_case c = { .mbec = regs & 1, .ad = regs & 2, .exec_only = regs & 4 };

		p->e.regs.mbec = c.mbec;
		p->e.regs.ept_vpid_cap = CAPS & ~(c.exec_only ? 0 : CAP_EXEC_ONLY);
		ept_ad(&p->e, c.ad);
		for (unsigned int leaf = 0; leaf < 3; leaf++)
			for (unsigned int n = 0; n < 4 * 4096; n++) {
				if ((leaf && n >= 3 * 4096) || nr++ % thin)
					continue;
				set_words(p, leaf, n / 4096, n % 4096);
				for (unsigned int a = 0; a < 12; a++) {
					c.kind = a & 3;
					c.user = a >= 4;
					*p->guest = PAGE_GPA | D | A | RW | P | (c.user ? US : 0);
					try_access(p, &c, a >= 8 ? 3 : 0, leaf);
				}
			}
	}
	print_message("%llu accesses\n", (unsigned long long)p->nr);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(rights, setup, teardown),
	};

	return cmocka_run_group_tests_name("rights_ept", tests, NULL, NULL);
}
