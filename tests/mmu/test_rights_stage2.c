/* SPDX-License-Identifier: MIT */
/*
 * Every combination of what the rights of arm64 stage 2 depend on, against the tables of the Arm
 * ARM (DDI 0487 J.a), D8.4 "Memory access control" and D8.5 "Hardware updates to the translation
 * tables"; stage 1 by rules_arm64.c.
 *
 * Three words vary: the leaf of stage 1, the stage 2 leaf of the table it stands in, and that of
 * the page it maps.
 */
#include "mmu/golden_stage2.h"
#include "mmu/rules_arm64.h"

struct path {
	struct stage2 s;
	uint64_t *word[3];
	uint64_t before[3];
	pt_pa_t table_ipa; /* of the leaf of stage 1 */
	unsigned int page_level;
	uint64_t *page[3]; /* entries for the page, by level; tables at first */
	uint64_t table[3];
	uint64_t nr, seed;
};

enum { LEAF1, TABLE2, PAGE2 };

struct s2_case {
	struct arm64_case s1; /* with the access */
	bool xnx, ha, hd, ptw;
};

struct s2_verdict {
	bool allowed;
	unsigned int stage;
	uint64_t esr, undefined;
	bool in_walk;
	uint64_t after[3];
	unsigned int perms;
};

/* XN, bits 54:53, by EL: who may execute. Without FEAT_XNX bit 53 is RES0. */
static const bool executes[2][4][2] = {
	{ { true, true }, { true, true }, { false, false }, { false, false } },
	{ { true, true }, { true, false }, { false, false }, { false, true } },
};

static bool is_dirtyable(uint64_t leaf, const struct s2_case *c)
{
	return c->ha && c->hd && leaf & DBM;
}

static bool may_write(uint64_t leaf, const struct s2_case *c)
{
	return leaf & S2_W || is_dirtyable(leaf, c);
}

static bool may_execute(uint64_t leaf, const struct s2_case *c)
{
	return executes[c->xnx][leaf >> 53 & 3][c->s1.from_el];
}

static bool is_write(enum pt_access_kind kind)
{
	return kind == PT_ACCESS_WRITE || kind == PT_ACCESS_RMW;
}

static struct s2_verdict refused(const struct s2_case *c, uint64_t iss, bool write, bool in_walk)
{
	uint64_t ec = c->s1.kind == PT_ACCESS_FETCH ? 0x20 : 0x24;

	return (struct s2_verdict){ .stage = 2,
				    .esr = ec << 26 | BIT(25) | iss | (write ? WNR : 0) |
					   (in_walk ? S1PTW : 0),
				    .in_walk = in_walk };
}

static struct s2_verdict decide(const struct path *p, const struct s2_case *c)
{
	enum pt_access_kind kind = c->s1.kind;
	uint64_t table = p->before[TABLE2], page = p->before[PAGE2];
	struct arm64_verdict s1 = arm64_decide(&c->s1);
	bool update = s1.allowed && s1.after != p->before[LEAF1];
	bool read = kind == PT_ACCESS_READ || kind == PT_ACCESS_RMW, write = is_write(kind);
	unsigned int level = 3 - p->page_level;
	struct s2_verdict v;

	/* the table of stage 1 is read */
	if (!(table & AF) && !c->ha)
		return refused(c, ACCESS_FLAG(3), kind == PT_ACCESS_WRITE, true);
	if (!(table & S2_R) || (c->ptw && !(table & MEMATTR(12)))) {
		/* whether WnR is that of a read, or of the access, differs between issues */
		v = refused(c, PERMISSION(3), false, true);
		v.undefined = kind == PT_ACCESS_WRITE ? WNR : 0;
		return v;
	}
	if (!s1.allowed)
		return (struct s2_verdict){ .stage = 1, .esr = s1.esr };
	/* and written, if hardware updates it; of an atomic, a read would have wanted AF too */
	if (update && !may_write(table, c))
		return refused(c, PERMISSION(3),
			       write && (kind == PT_ACCESS_WRITE || p->before[LEAF1] & AF), true);
	/* then comes the page */
	if (!(page & AF) && !c->ha)
		return refused(c, ACCESS_FLAG(level), kind == PT_ACCESS_WRITE, false);
	if (read && !(page & S2_R))
		return refused(c, PERMISSION(level), false, false);
	if (write && !may_write(page, c))
		return refused(c, PERMISSION(level), true, false);
	if (kind == PT_ACCESS_FETCH && !may_execute(page, c))
		return refused(c, PERMISSION(level), false, false);
	v = (struct s2_verdict){ .allowed = true };
	v.after[LEAF1] = s1.after;
	v.after[TABLE2] = table | (c->ha ? AF : 0) | (update && is_dirtyable(table, c) ? S2_W : 0);
	v.after[PAGE2] = page | (c->ha ? AF : 0) | (write && is_dirtyable(page, c) ? S2_W : 0);
	v.perms = (page & S2_R ? PT_PERM_READ : 0) | (may_write(page, c) ? PT_PERM_WRITE : 0) |
		  (may_execute(page, c) ? PT_PERM_EXEC : 0);
	for (unsigned int i = 0; i < 3; i++) {
		static const enum pt_access_kind kinds[] = { PT_ACCESS_READ, PT_ACCESS_WRITE,
							     PT_ACCESS_FETCH };
		struct arm64_case any = c->s1;

		any.kind = kinds[i];
		if (!arm64_permits(&any))
			v.perms &= ~(1u << i);
	}
	return v;
}

static void die(const struct path *p, const struct s2_case *c, const struct s2_verdict *v,
		const struct pt_access_result *r, const char *what)
{
	print_error("%s\nXNX %d HA %d HD %d PTW %d; stage 1 HA %d HD %d; access %d EL%u\n", what,
		    c->xnx, c->ha, c->hd, c->ptw, c->s1.ha, c->s1.hd, c->s1.kind, c->s1.from_el);
	for (unsigned int i = 0; i < 3; i++)
		print_error("%#018llx, after it %#018llx, must be %#018llx\n",
			    (unsigned long long)p->before[i], (unsigned long long)*p->word[i],
			    (unsigned long long)v->after[i]);
	print_error("must be %s stage %u ESR %#llx perms %u\n", v->allowed ? "allowed" : "refused",
		    v->stage, (unsigned long long)v->esr, v->perms);
	print_error("is stage %u ESR %#llx (%s) perms %u\n", r->fault.stage,
		    (unsigned long long)r->fault.code, pt_fault_why_name(r->fault.why),
		    r->piece[0].perms);
	fail();
}

#define EXPECT(cond)                                                                               \
	do {                                                                                       \
		if (!(cond))                                                                       \
			die(p, c, &v, &r, #cond);                                                  \
	} while (0)

static void try_access(struct path *p, const struct s2_case *c)
{
	struct pt_access access = access_of(c->s1.kind, 1 + p->nr % 4, c->s1.from_el);
	struct s2_verdict v = decide(p, c);
	struct pt_access_result r;
	int err;

	for (unsigned int i = 0; i < 3; i++)
		*p->word[i] = p->before[i];
	p->nr++;
	err = pt_access(p->s.a.m.mmu, VA + 8, &access, &r);
	EXPECT(err == !v.allowed);
	if (v.allowed) {
		for (unsigned int i = 0; i < 3; i++)
			EXPECT(*p->word[i] == v.after[i]);
		EXPECT(r.nr_pieces == 1 && r.piece[0].perms == v.perms);
		EXPECT(r.nr_loads[0] == 4 && r.nr_loads[1] == 20 - p->page_level);
		return;
	}
	for (unsigned int i = 0; i < 3; i++)
		EXPECT(*p->word[i] == p->before[i]);
	EXPECT(r.fault.stage == v.stage && r.nr_pieces == 0);
	EXPECT(!((r.fault.code ^ v.esr) & ~v.undefined));
	EXPECT(r.fault.va == VA + 8);
	if (v.stage == 2)
		EXPECT(r.fault.in_walk == v.in_walk &&
		       r.fault.ipa == (v.in_walk ? p->table_ipa : IPA + 8));
}

static uint64_t next_random(struct path *p)
{
	p->seed = p->seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return p->seed >> 33;
}

static int setup(void **state)
{
	struct path *p = calloc(1, sizeof(*p));

	if (!p)
		return -1;
	s2_init(&p->s);
	p->seed = 1;
	/* stage 1's last table has a path of its own */
	*s1_entry(&p->s, VA, 1) = (IPA + BIT(39)) | TABLE;
	p->table_ipa = IPA + BIT(39) + 8 * (VA >> 12 & 511);
	p->word[LEAF1] = word(&p->s.a.m, DATA_PA + 0x1000, VA >> 12 & 511);
	p->word[TABLE2] = s2_entry(&p->s, p->table_ipa, 0);
	for (unsigned int level = 0; level < 3; level++) {
		p->page[level] = s2_entry(&p->s, IPA, level);
		p->table[level] = *p->page[level];
	}
	*state = p;
	return 0;
}

static int teardown(void **state)
{
	struct path *p = *state;

	s2_exit(&p->s);
	free(p);
	return 0;
}

/* Bits of @n: AP, UXN, PXN, AF, DBM; 64 of them. */
static void set_leaf1(struct path *p, unsigned int n)
{
	p->before[LEAF1] = IPA | PAGE | (uint64_t)(n & 3) << 6 | (uint64_t)(n >> 2 & 3) << 53 |
			   (n & 16 ? AF : 0) | (n & 32 ? DBM : 0);
}

/* S2AP, AF, DBM; 16 of them, with XN or Device 64. */
static uint64_t bits2(unsigned int n)
{
	return S2AP(n & 3) | (n & 4 ? AF : 0) | (n & 8 ? DBM : 0);
}

static void set_page2(struct path *p, unsigned int n)
{
	p->before[PAGE2] =
		bits2(n) | XN(n >> 4 & 3) | MEMATTR(15) | (p->page_level ? BLOCK : DATA_PA | PAGE);
}

static void set_table2(struct path *p, unsigned int n)
{
	p->before[TABLE2] = (DATA_PA + 0x1000) | bits2(n) | XN(n >> 4 & 3) | PAGE |
			    MEMATTR(n & 64 ? n >> 4 & 3 : 15);
}

static void set_registers(struct path *p, struct s2_case *c, unsigned int n)
{
	*c = (struct s2_case){ .xnx = n & 1,
			       .ha = n & 2,
			       .hd = n & 4,
			       .ptw = n & 8,
			       .s1 = { .ha = n & 16, .hd = n & 32, .hpd = true, .level = 3 } };
	p->s.regs.mmfr0 = 5; /* 48 bits */
	p->s.regs.mmfr1 = 2 | (c->xnx ? BIT(28) : 0);
	p->s.regs.hcr = HCR_VM | (c->ptw ? HCR_PTW : 0);
	p->s.regs.vtcr =
		SL0(2) | IPA_BITS(48) | S2_PS(5) | (c->ha ? S2_HA : 0) | (c->hd ? S2_HD : 0);
	p->s.a.regs.tcr = T0SZ(16) | EPD1 | IPS(5) | TG1(2) | (c->s1.ha ? HA : 0) |
			  (c->s1.hd ? HD : 0) | BIT(41);
	arm_load(&p->s.a);
	s2_load(&p->s);
}

/* Each kind of access from each EL. */
static void try_accesses(struct path *p, struct s2_case *c)
{
	c->s1.leaf = p->before[LEAF1];
	for (unsigned int a = 0; a < 8; a++) {
		c->s1.kind = a & 3;
		c->s1.from_el = a >> 2;
		try_access(p, c);
	}
}

/* All of the leaf of stage 1 with all of one leaf of stage 2, the other as it comes. */
static void rights(void **state)
{
	struct path *p = *state;
	size_t thin = test_thin(), nr = 0;

	for (unsigned int regs = 0; regs < 64; regs++)
		for (p->page_level = 0; p->page_level < 3; p->page_level++) {
			struct s2_case c;

			set_registers(p, &c, regs);
			for (unsigned int level = 0; level < 3; level++)
				*p->page[level] = p->table[level];
			p->word[PAGE2] = p->page[p->page_level];
			for (unsigned int n = 0; n < 64 * 64; n++) {
				if (nr++ % thin)
					continue;
				set_leaf1(p, n & 63);
				/* what is read and used is sound three times of four */
				set_page2(p, n >> 6);
				set_table2(p, next_random(p) & 3 ? 7 : next_random(p) & 127);
				try_accesses(p, &c);
				if (p->page_level)
					continue;
				set_table2(p, (n >> 6) | (next_random(p) & 64));
				set_page2(p, next_random(p) & 3 ? 7 : next_random(p) & 63);
				try_accesses(p, &c);
			}
		}
	print_message("%llu accesses\n", (unsigned long long)p->nr);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(rights, setup, teardown),
	};

	return cmocka_run_group_tests_name("rights_stage2", tests, NULL, NULL);
}
