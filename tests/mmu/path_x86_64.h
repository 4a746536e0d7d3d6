/* SPDX-License-Identifier: MIT */
/*
 * path_x86_64.h - one path of tables at fixed addresses, whose words are written before each
 * access, and accesses through it, held to a verdict:
 *
 *	CR3 -> 0x1000 PML5 -> 0x2000 PML4 -> 0x3000 PDPT -> 0x4000 PD -> 0x5000 PT
 *
 * with a leaf in the PDPT, the PD or the PT. The tables are followed for 4 levels from 0x2000.
 */
#ifndef MMU_PATH_X86_64_H
#define MMU_PATH_X86_64_H

#include "mmu/machine.h"
#include "mmu/rules_x86_64.h"

#define P BIT(0)
#define RW BIT(1)
#define US BIT(2)
#define A BIT(5)
#define D BIT(6)
#define PS BIT(7)
#define XD BIT(63)

#define MAXPHYADDR 46
#define LEVELS 5

/* Bits that mean nothing: 58:52, 11:9; of a table entry also 8, 6 and where a leaf has its key. */
#define NOISE_LEAF (UINT64_C(0x2a) << 52 | BIT(10))
#define NOISE_TABLE (UINT64_C(0x55) << 52 | BIT(11) | BIT(9) | BIT(8) | D)

/* What a path looks like: the level of its top table and of its leaf. */
struct shape {
	unsigned int top, leaf;
};

static const struct shape shapes[] = { { 3, 0 }, { 3, 1 }, { 3, 2 }, { 4, 0 }, { 4, 1 }, { 4, 2 } };

/* The leaf's output, below 2^46 and aligned to the leaf, and an address to translate. */
static const pt_pa_t leaf_pa[] = { 0x2aaad5555000, 0x2aaad5400000, 0x2aaac0000000 };
static const unsigned int leaf_lg2[] = { 12, 21, 30, 39, 48 };
#define VA48 UINT64_C(0x00002b5aa5c3bb3c) /* index 0x56, 0x16a, 0x12e, 0x3b; offset 0xb3c */
#define VA57 (VA48 | UINT64_C(0x61) << 48)

struct path {
	struct machine m;
	struct shape shape;
	struct pt_x86_regs regs;
	uint32_t situation; /* what the registers contribute */
	pt_va_t va;
	unsigned int key;
	uint64_t *word[LEVELS]; /* by level, in memory */
	uint64_t before[LEVELS];
	uint64_t nr; /* accesses tried */
	uint64_t seed;
};

static struct x86_verdict *verdicts; /* by situation */

/* Accesses: kind, implicit. With CPL 0 to 2, and with CPL 3. */
static const struct {
	enum pt_access_kind kind;
	unsigned int flags;
	uint32_t situation;
} accesses[] = {
	{ PT_ACCESS_READ, 0, X_READ },
	{ PT_ACCESS_WRITE, 0, X_WRITE },
	{ PT_ACCESS_RMW, 0, X_WRITE },
	{ PT_ACCESS_FETCH, 0, X_FETCH },
	{ PT_ACCESS_READ, PT_ACCESS_IMPLICIT, X_READ | X_IMPLICIT },
	{ PT_ACCESS_WRITE, PT_ACCESS_IMPLICIT, X_WRITE | X_IMPLICIT },
	{ PT_ACCESS_RMW, PT_ACCESS_IMPLICIT, X_WRITE | X_IMPLICIT },
};

static inline uint64_t next_random(struct path *p)
{
	p->seed = p->seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return p->seed >> 33;
}

static inline int setup(void **state)
{
	struct path *p = calloc(1, sizeof(*p));

	if (!p)
		return -1;
	machine_init(&p->m, 0, 0x10000);
	p->seed = 1;
	*state = p;
	return 0;
}

static inline int teardown(void **state)
{
	struct path *p = *state;

	machine_exit(&p->m);
	free(p);
	return 0;
}

static inline void set_shape(struct path *p, struct shape shape)
{
	p->shape = shape;
	p->va = shape.top == 4 ? VA57 : VA48;
	for (unsigned int level = 0; level <= 4; level++)
		p->word[level] =
			word(&p->m, 0x5000 - 0x1000 * level, p->va >> leaf_lg2[level] & 511);
}

/*
 * Loads registers: @bits are X_WP to X_PKRS_WD. Of all keys but the leaf's, the rights are the
 * opposite.
 */
static inline void set_registers(struct path *p, uint32_t bits)
{
	struct pt_x86_regs *r = &p->regs;
	uint32_t u = (bits & X_PKRU_AD ? 1u : 0) | (bits & X_PKRU_WD ? 2u : 0);
	uint32_t s = (bits & X_PKRS_AD ? 1u : 0) | (bits & X_PKRS_WD ? 2u : 0);

	p->key = next_random(p) & 15;
	p->situation = bits;
	memset(r, 0, sizeof(*r));
	r->cr0 = 0x80000033 | (bits & X_WP ? BIT(16) : 0);
	r->cr3 = p->shape.top == 4 ? 0x1000 : 0x2000;
	r->cr4 = BIT(5) | BIT(7) | (p->shape.top == 4 ? BIT(12) : 0) |
		 (bits & X_SMEP ? BIT(20) : 0) | (bits & X_SMAP ? BIT(21) : 0) |
		 (bits & X_PKE ? BIT(22) : 0) | (bits & X_PKS ? BIT(24) : 0);
	r->efer = BIT(8) | BIT(10) | (bits & X_NXE ? BIT(11) : 0);
	r->rflags = 2 | (bits & X_AC ? BIT(18) : 0);
	r->maxphyaddr = MAXPHYADDR;
	r->pkru = (0x55555555u * (3 - u) & ~(3u << 2 * p->key)) | u << 2 * p->key;
	r->pkrs = (0x55555555u * (3 - s) & ~(3u << 2 * p->key)) | s << 2 * p->key;
	assert_int_equal(pt_mmu_set_x86_64(p->m.mmu, r), 0);
}

/* The word of @level with rights @rights (RW, US, XD), A and D as @ad says (bit 0 is A). */
static inline uint64_t make_word(const struct path *p, unsigned int level, uint64_t rights,
				 unsigned int ad)
{
	uint64_t raw = P | rights | (ad & 1 ? A : 0);

	if (level > p->shape.leaf)
		return raw | NOISE_TABLE | (uint64_t)(15 ^ p->key) << 59 |
		       (UINT64_C(0x5000) - 0x1000 * (level - 1));
	return raw | NOISE_LEAF | (uint64_t)p->key << 59 | (ad & 2 ? D : 0) | (level ? PS : 0) |
	       leaf_pa[level];
}

static inline void write_words(struct path *p)
{
	for (unsigned int level = p->shape.leaf; level <= p->shape.top; level++)
		*p->word[level] = p->before[level];
}

static inline void die(const struct path *p, size_t access, unsigned int cpl, uint32_t situation,
		       const struct pt_access_result *r, const char *what)
{
	const struct pt_x86_regs *g = &p->regs;

	print_error("%s\nCR0 %#llx CR4 %#llx EFER %#llx RFLAGS %#llx PKRU %#x PKRS %#x key %u\n",
		    what, (unsigned long long)g->cr0, (unsigned long long)g->cr4,
		    (unsigned long long)g->efer, (unsigned long long)g->rflags, g->pkru, g->pkrs,
		    p->key);
	for (unsigned int level = p->shape.top + 1; level-- > p->shape.leaf;)
		print_error("level %u: %#018llx, after it %#018llx\n", level,
			    (unsigned long long)p->before[level],
			    (unsigned long long)*p->word[level]);
	print_error("access %zu (kind %d flags %#x) CPL %u: situation %#x\n", access,
		    accesses[access].kind, accesses[access].flags, cpl, situation);
	print_error("pieces %u pa %#llx perms %u; fault %s (%s) code %#llx level %u\n",
		    r->nr_pieces, (unsigned long long)r->piece[0].pa, r->piece[0].perms,
		    pt_fault_kind_name(r->fault.kind), pt_fault_why_name(r->fault.why),
		    (unsigned long long)r->fault.code, r->fault.level);
	fail();
}

#define EXPECT(cond)                                                                               \
	do {                                                                                       \
		if (!(cond))                                                                       \
			die(p, i, access.priv, situation, &r, #cond);                              \
	} while (0)

/* Performs access @i at @cpl through the words of p->before, and holds it to what must happen. */
static inline void try_access(struct path *p, size_t i, unsigned int cpl,
			      const struct x86_verdict *v, uint32_t situation,
			      unsigned int fault_level)
{
	unsigned int leaf = p->shape.leaf, top = p->shape.top, lg2 = leaf_lg2[leaf];
	struct pt_access access = { accesses[i].kind, 1 + p->nr % 4, cpl, accesses[i].flags };
	struct pt_access_result r;
	int err;

	write_words(p);
	if (p->nr++ % 4 == 0) {
		err = pt_access_probe(p->m.mmu, p->va, &access, &r);
		EXPECT(err == !v->allowed && (v->allowed || r.fault.code == v->code));
		for (unsigned int level = leaf; level <= top; level++)
			EXPECT(*p->word[level] == p->before[level]);
	}
	err = pt_access(p->m.mmu, p->va, &access, &r);
	EXPECT(err == !v->allowed);
	EXPECT(r.nr_loads[0] == top - (v->allowed ? leaf : fault_level) + 1);
	if (v->allowed) {
		/*
		 * 4.8 "Accessed and Dirty Flags": A of every entry used,
		 * D of the leaf if written
		 */
		uint64_t dirty = accesses[i].situation & X_WRITE ? D : 0;
		uint32_t who = situation & ~(X_READ | X_WRITE | X_FETCH);
		unsigned int perms = 0;

		for (unsigned int level = leaf; level <= top; level++)
			EXPECT(*p->word[level] ==
			       (p->before[level] | A | (level == leaf ? dirty : 0)));
		EXPECT(r.fault.kind == PT_FAULT_NONE && r.nr_pieces == 1);
		EXPECT(r.piece[0].pa == (leaf_pa[leaf] | (p->va & (BIT(lg2) - 1))));
		EXPECT(r.piece[0].raw == p->before[leaf] && r.piece[0].level == leaf);
		EXPECT(r.piece[0].size_lg2 == lg2 && r.piece[0].len == access.size);
		perms |= verdicts[who | X_READ].allowed ? PT_PERM_READ : 0;
		perms |= verdicts[who | X_WRITE].allowed ? PT_PERM_WRITE : 0;
		perms |= verdicts[(who & ~X_IMPLICIT) | X_FETCH].allowed ? PT_PERM_EXEC : 0;
		EXPECT(r.piece[0].perms == perms);
		return;
	}
	for (unsigned int level = leaf; level <= top; level++)
		EXPECT(*p->word[level] == p->before[level]);
	EXPECT(r.fault.kind == PT_FAULT_PF && r.nr_pieces == 0);
	EXPECT(r.fault.code == v->code);
	EXPECT(r.fault.va == p->va); /* CR2 */
	EXPECT(v->whys >> r.fault.why & 1);
	EXPECT(r.fault.stage == 1);
	if (!(v->code & PT_X86_PF_P) || v->code & PT_X86_PF_RSVD) {
		EXPECT(r.fault.level == fault_level);
		EXPECT(r.fault.raw == p->before[fault_level]);
		EXPECT(r.fault.pa ==
		       0x5000 - 0x1000 * fault_level + 8 * (p->va >> leaf_lg2[fault_level] & 511));
	}
}

/* All accesses; the first entry that is not present or reserved stands at @level, if at all. */
enum defect { SOUND, NOT_PRESENT, RESERVED };

static inline void try_accesses(struct path *p, enum defect defect, unsigned int level)
{
	uint64_t rights_all = RW | US, rights_any = 0;
	uint32_t words;

	for (unsigned int l = p->shape.leaf; l <= p->shape.top; l++) {
		rights_all &= p->before[l];
		rights_any |= p->before[l] & XD;
	}
	words = (rights_all & RW ? X_RW : 0) | (rights_all & US ? X_USER_ADDRESS : 0) |
		(rights_any ? X_XD : 0);
	for (unsigned int user = 0; user < 2; user++)
		for (size_t i = 0; i < NR(accesses); i++) {
			uint32_t s = p->situation | words | accesses[i].situation;
			unsigned int cpl = user ? 3 : p->nr % 3;
			struct x86_verdict v;

			if (user && !(s & X_IMPLICIT))
				s |= X_USER;
			if (defect == NOT_PRESENT)
				v = (struct x86_verdict){ false, x86_code_not_present(s),
							  1u << PT_WHY_NOT_PRESENT };
			else if (defect == RESERVED)
				v = (struct x86_verdict){ false, x86_code_reserved(s),
							  1u << PT_WHY_RESERVED |
								  1u << PT_WHY_ADDRESS_SIZE };
			else
				v = verdicts[s];
			try_access(p, i, cpl, &v, s, defect == SOUND ? p->shape.leaf : level);
		}
}

#endif /* MMU_PATH_X86_64_H */
