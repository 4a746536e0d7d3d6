/* SPDX-License-Identifier: MIT */
/*
 * Every combination of what the rights of EL1 and EL0 depend on, against rules_arm64.c.
 *
 * One path of 4K tables, all of whose words are written before each access; both halves use it:
 *
 *	TTBR0, TTBR1 -> 0x1000 level 0 -> 0x2000 level 1 -> 0x3000 level 2 -> 0x4000 level 3
 */
#include "mmu/machine.h"
#include "mmu/rules_arm64.h"

#define TOP 3 /* our level of Arm's level 0 */

/* Bits that mean nothing here: 63, 59:55 and SH and nG of a leaf; 58:55, 11:8 of a table. */
#define NOISE_LEAF (BIT(63) | UINT64_C(0x15) << 55 | BIT(11) | BIT(9))
#define NOISE_TABLE (UINT64_C(0xa) << 55 | BIT(11) | BIT(9) | BIT(4))

static const pt_pa_t leaf_pa[] = { 0x2aaad5555000, 0x2aaad5400000, 0x2aaac0000000 };
static const unsigned int level_lg2[] = { 12, 21, 30, 39 };
#define VA UINT64_C(0x00002b5aa5c3bb3c) /* of both halves, bits 47:0 */

struct path {
	struct machine m;
	struct pt_arm64_regs regs;
	struct arm64_case c; /* without the access */
	bool upper;
	unsigned int leaf; /* our level */
	pt_va_t va;
	uint64_t *word[TOP + 1];
	uint64_t before[TOP + 1];
	uint64_t nr, seed;
};

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
	machine_init(&p->m, 0, 0x10000);
	for (unsigned int level = 0; level <= TOP; level++)
		p->word[level] = word(&p->m, 0x4000 - 0x1000 * level, VA >> level_lg2[level] & 511);
	p->seed = 1;
	*state = p;
	return 0;
}

static int teardown(void **state)
{
	struct path *p = *state;

	machine_exit(&p->m);
	free(p);
	return 0;
}

/* Loads what p->c says; the other half has the opposite of what each half has for itself. */
static void set_registers(struct path *p)
{
	const struct arm64_case *c = &p->c;
	bool hpd0 = c->hpd != p->upper, hpd1 = c->hpd == p->upper;

	p->va = VA | (p->upper ? UINT64_C(0xffff) << 48 : 0);
	p->regs = (struct pt_arm64_regs){
		.ttbr0 = 0x1000,
		.ttbr1 = 0x1000,
		/* T0SZ and T1SZ 16, TG0 and TG1 4K, IPS 48 bits */
		.tcr = 16 | 16 << 16 | UINT64_C(2) << 30 | UINT64_C(5) << 32 |
		       (c->ha ? BIT(39) : 0) | (c->hd ? BIT(40) : 0) | (hpd0 ? BIT(41) : 0) |
		       (hpd1 ? BIT(42) : 0),
		.mair = 0xff,
		.sctlr = BIT(0) | (c->wxn ? BIT(19) : 0) | (c->epan ? BIT(57) : 0) |
			 (next_random(p) & 1 ? BIT(23) : 0), /* SPAN is of exception entry */
		.pan = c->pan,
		.uao = c->uao,
		.tcr2 = (c->pie ? BIT(1) : 0) | (c->e0poe ? BIT(2) : 0) | (c->poe ? BIT(3) : 0),
		.pir = c->pir,
		.pire0 = c->pire0,
		.por_el0 = c->por_el0,
		.por_el1 = c->por_el1,
	};
	assert_int_equal(pt_mmu_set_arm64(p->m.mmu, &p->regs), 0);
}

static void die(const struct path *p, const struct arm64_case *c, const struct pt_access_result *r,
		const struct arm64_verdict *v, const char *what)
{
	print_error("%s\nTCR %#llx SCTLR %#llx PAN %d UAO %d TCR2 %#llx\n"
		    "PIR %#llx PIRE0 %#llx POR_EL1 %#llx POR_EL0 %#llx\n",
		    what, (unsigned long long)p->regs.tcr, (unsigned long long)p->regs.sctlr,
		    p->regs.pan, p->regs.uao, (unsigned long long)p->regs.tcr2,
		    (unsigned long long)p->regs.pir, (unsigned long long)p->regs.pire0,
		    (unsigned long long)p->regs.por_el1, (unsigned long long)p->regs.por_el0);
	for (unsigned int level = TOP + 1; level-- > p->leaf;)
		print_error("level %u: %#018llx, after it %#018llx\n", level,
			    (unsigned long long)p->before[level],
			    (unsigned long long)*p->word[level]);
	print_error("access %d from EL%u%s to %#llx; must be %s, ESR %#llx, whys %#x\n", c->kind,
		    c->from_el, c->unprivileged ? ", unprivileged," : "", (unsigned long long)p->va,
		    v->allowed ? "allowed" : "refused", (unsigned long long)v->esr, v->whys);
	print_error("pieces %u pa %#llx perms %u; fault %s (%s) ESR %#llx level %u\n", r->nr_pieces,
		    (unsigned long long)r->piece[0].pa, r->piece[0].perms,
		    pt_fault_kind_name(r->fault.kind), pt_fault_why_name(r->fault.why),
		    (unsigned long long)r->fault.code, r->fault.level);
	fail();
}

#define EXPECT(cond)                                                                               \
	do {                                                                                       \
		if (!(cond))                                                                       \
			die(p, c, &r, &v, #cond);                                                  \
	} while (0)

static unsigned int perms_of(const struct arm64_case *c)
{
	struct arm64_case any = *c;
	unsigned int perms = 0;

	any.kind = PT_ACCESS_READ;
	perms |= arm64_permits(&any) ? PT_PERM_READ : 0;
	any.kind = PT_ACCESS_WRITE;
	perms |= arm64_permits(&any) ? PT_PERM_WRITE : 0;
	any.kind = PT_ACCESS_FETCH;
	return perms | (arm64_permits(&any) ? PT_PERM_EXEC : 0);
}

/* Performs the access of @c through the words of p->before, and holds it to what must happen. */
static void try_access(struct path *p, const struct arm64_case *c)
{
	struct pt_access access = { c->kind, 1 + p->nr % 4, c->from_el,
				    c->unprivileged ? PT_ACCESS_UNPRIV : 0 };
	unsigned int lg2 = level_lg2[p->leaf];
	struct arm64_verdict v = arm64_decide(c);
	struct pt_access_result r;
	int err;

	for (unsigned int level = p->leaf; level <= TOP; level++)
		*p->word[level] = p->before[level];
	if (p->nr++ % 4 == 0) {
		err = pt_access_probe(p->m.mmu, p->va, &access, &r);
		EXPECT(err == !v.allowed && (v.allowed || r.fault.code == v.esr));
		EXPECT(*p->word[p->leaf] == p->before[p->leaf]);
	}
	err = pt_access(p->m.mmu, p->va, &access, &r);
	EXPECT(err == !v.allowed);
	EXPECT(r.nr_loads[0] == TOP + 1 - p->leaf);
	for (unsigned int level = p->leaf + 1; level <= TOP; level++)
		EXPECT(*p->word[level] == p->before[level]);
	if (v.allowed) {
		EXPECT(*p->word[p->leaf] == v.after);
		EXPECT(r.fault.kind == PT_FAULT_NONE && r.nr_pieces == 1);
		EXPECT(r.piece[0].pa == (leaf_pa[p->leaf] | (p->va & (BIT(lg2) - 1))));
		EXPECT(r.piece[0].raw == p->before[p->leaf] && r.piece[0].level == p->leaf);
		EXPECT(r.piece[0].size_lg2 == lg2 && r.piece[0].len == access.size);
		EXPECT(r.piece[0].perms == perms_of(c));
		return;
	}
	EXPECT(*p->word[p->leaf] == p->before[p->leaf]);
	EXPECT(r.nr_pieces == 0);
	EXPECT(r.fault.kind ==
	       (c->kind == PT_ACCESS_FETCH ? PT_FAULT_INSTR_ABORT : PT_FAULT_DATA_ABORT));
	EXPECT(r.fault.code == v.esr);
	EXPECT(r.fault.va == p->va); /* FAR */
	EXPECT(v.whys >> r.fault.why & 1);
	EXPECT(r.fault.stage == 1 && r.fault.level == p->leaf);
	EXPECT(r.fault.raw == p->before[p->leaf]);
}

/* From both ELs: each kind, and what LDTR and STTR do. */
static void try_accesses(struct path *p)
{
	static const enum pt_access_kind kinds[] = { PT_ACCESS_READ, PT_ACCESS_WRITE, PT_ACCESS_RMW,
						     PT_ACCESS_FETCH };

	p->c.leaf = p->before[p->leaf];
	p->c.level = 3 - p->leaf;
	p->c.tables = 0;
	for (unsigned int level = p->leaf + 1; level <= TOP; level++)
		p->c.tables |= p->before[level];
	for (unsigned int i = 0; i < 14; i++) {
		struct arm64_case c = p->c;

		c.from_el = i & 1;
		c.kind = kinds[i >> 1 & 3];
		c.unprivileged = i >= 8;
		try_access(p, &c);
	}
}

/* Descriptors: bits 62:59 of @limits, each in a table of a random level; @leaf. */
static void set_words(struct path *p, uint64_t leaf, uint64_t limits)
{
	p->before[p->leaf] = leaf | NOISE_LEAF | leaf_pa[p->leaf] | (p->leaf ? 1 : 3);
	for (unsigned int level = p->leaf + 1; level <= TOP; level++)
		p->before[level] = NOISE_TABLE | (0x4000 - 0x1000 * (level - 1)) | 3;
	for (unsigned int bit = 59; bit <= 62; bit++)
		p->before[p->leaf + 1 + next_random(p) % (TOP - p->leaf)] |= limits & BIT(bit);
}

static uint64_t direct_bits(unsigned int n)
{
	return (uint64_t)(n & 3) << 6 | (n & 4 ? BIT(53) : 0) | (n & 8 ? BIT(54) : 0) |
	       (n & 16 ? BIT(51) : 0) | (n & 32 ? BIT(10) : 0);
}

/* AP, UXN, PXN, DBM and AF against all that tables and registers add. */
static void direct_permissions(void **state)
{
	struct path *p = *state;
	size_t thin = test_thin(), nr = 0;

	for (unsigned int n = 0; n < 2 * 3 * 128; n++) {
		unsigned int bits = n & 127;

		if (nr++ % thin)
			continue;
		p->leaf = n / 128 % 3;
		p->upper = n / 384;
		p->c = (struct arm64_case){ .pan = bits & 1,
					    .uao = bits & 2,
					    .epan = bits & 4,
					    .wxn = bits & 8,
					    .hpd = bits & 16,
					    .ha = bits & 32,
					    .hd = bits & 64 };
		set_registers(p);
		for (uint64_t words = 0; words < 64 * 16; words++) {
			set_words(p, direct_bits(words & 63), words >> 6 << 59);
			try_accesses(p);
		}
	}
	print_message("%llu accesses\n", (unsigned long long)p->nr);
}

/* Field i of the register is (i * @step + @first) modulo 16. */
static uint64_t fields(unsigned int step, unsigned int first)
{
	uint64_t value = 0;

	for (unsigned int i = 0; i < 16; i++)
		value |= (uint64_t)((i * step + first) & 15) << 4 * i;
	return value;
}

/* FEAT_S1POE beside direct permissions: every overlay of each EL. */
static void overlays(void **state)
{
	struct path *p = *state;
	size_t thin = test_thin(), nr = 0;

	for (unsigned int n = 0; n < 3 * 2 * 64; n++) {
		unsigned int bits = n & 63, first = n >> 6 & 1 ? 8 : 0;

		if (nr++ % thin)
			continue;
		p->leaf = next_random(p) % 3;
		p->upper = next_random(p) & 1;
		p->c = (struct arm64_case){ .pan = bits & 1,
					    .uao = bits & 2,
					    .epan = bits & 4,
					    .wxn = bits & 8,
					    .ha = bits & 16,
					    .hd = bits & 32,
					    .hpd = next_random(p) & 1,
					    .poe = n / 128 != 0,
					    .e0poe = n / 128 != 1,
					    .por_el1 = fields(1, first),
					    .por_el0 = fields(3, first) };
		set_registers(p);
		for (uint64_t words = 0; words < 64 * 8 * 4; words++) {
			set_words(p, direct_bits(words & 63) | (words >> 6 & 7) << 60,
				  next_random(p) << 59);
			try_accesses(p);
		}
	}
	print_message("%llu accesses\n", (unsigned long long)p->nr);
}

/* FEAT_S1PIE: every pair of base permissions, with and without every overlay. */
static void indirect_permissions(void **state)
{
	struct path *p = *state;
	size_t thin = test_thin(), nr = 0;

	for (unsigned int n = 0; n < 16 * 2 * 4 * 2 * 4 * 2; n++) {
		unsigned int turn = n & 15, first = n >> 4 & 1 ? 8 : 0;

		if (nr++ % thin)
			continue;
		p->leaf = next_random(p) % 3;
		p->upper = next_random(p) & 1;
		p->c = (struct arm64_case){ .pie = true,
					    .poe = n >> 5 & 1,
					    .e0poe = n >> 6 & 1,
					    .pan = n >> 7 & 1,
					    .ha = n >> 8 & 1,
					    .hd = n >> 9 & 1,
					    .wxn = n >> 10 & 1,
					    .epan = next_random(p) & 1,
					    .uao = next_random(p) & 1,
					    .hpd = next_random(p) & 1,
					    .pir = fields(1, 0),
					    .pire0 = fields(1, turn),
					    .por_el1 = fields(1, first),
					    .por_el0 = fields(5, first) };
		set_registers(p);
		for (uint64_t w = 0; w < 16 * 8 * 4; w++) {
			/* PIIndex is bits 54, 53, 51, 6; then nDirty, AF, POIndex */
			uint64_t leaf = (w >> 2 & 3) << 53 | (w >> 1 & 1) << 51 | (w & 1) << 6 |
					(w >> 4 & 1) << 7 | (w >> 5 & 1) << 10 | w >> 6 << 60;

			set_words(p, leaf, next_random(p) << 59);
			try_accesses(p);
		}
	}
	print_message("%llu accesses\n", (unsigned long long)p->nr);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(direct_permissions, setup, teardown),
		cmocka_unit_test_setup_teardown(overlays, setup, teardown),
		cmocka_unit_test_setup_teardown(indirect_permissions, setup, teardown),
	};

	return cmocka_run_group_tests_name("rights_arm64", tests, NULL, NULL);
}
