/* SPDX-License-Identifier: MIT */
/*
 * What x86-64 paging allows, and how it reports what it does not.
 *
 *   Intel SDM Vol. 3A (rev. 081): 4.6 "Access Rights", 4.6.1 "Determination of
 *   Access Rights", 4.6.2 "Protection Keys", 4.7 "Page-Fault Exceptions",
 *   4.8 "Accessed and Dirty Flags"
 *
 * One decision a function, each a sentence of the manual. They are asked when
 * registers are loaded, for every combination of what entries can say; accesses
 * then look the answer up.
 */
#ifndef PTL_FAULT_X86_64_H
#define PTL_FAULT_X86_64_H

#include "mmu/mmu_internal.h"
#include "x86_64/fmt_x86_64.h"

/* Registers, as far as they decide: ptl_regime.control. */
#define X86_64_WP PTL_BIT(0)    /* CR0.WP */
#define X86_64_SMEP PTL_BIT(1)  /* CR4.SMEP */
#define X86_64_SMAP PTL_BIT(2)  /* CR4.SMAP */
#define X86_64_AC PTL_BIT(3)    /* RFLAGS.AC */
#define X86_64_NXE PTL_BIT(4)   /* EFER.NXE */
#define X86_64_PKE PTL_BIT(5)   /* CR4.PKE: keys of user pages */
#define X86_64_PKS PTL_BIT(6)   /* CR4.PKS: keys of supervisor pages */

/* Who asks. SDM 4.6: an access is user-mode at CPL 3, unless it is implicit. */
enum x86_64_class {
	X86_64_USER,
	X86_64_SUPERVISOR,
	X86_64_IMPLICIT, /* supervisor-mode whatever the CPL, and AC does not count */
	X86_64_NR_CLASSES,
};

/* What the entries of a walk say together: U/S and R/W of all of them, XD of any. */
#define X86_64_SAYS_W 1u
#define X86_64_SAYS_U 2u
#define X86_64_SAYS_XD 4u

/* SMAP keeps supervisor data accesses from user pages; explicit ones pass with AC=1. */
static inline bool x86_64_smap_forbids(enum x86_64_class class, uint64_t control)
{
	if (class == X86_64_USER || !(control & X86_64_SMAP))
		return false;
	return class == X86_64_IMPLICIT || !(control & X86_64_AC);
}

static inline bool x86_64_may_read(enum x86_64_class class, unsigned int says, uint64_t control)
{
	bool user_page = says & X86_64_SAYS_U;

	if (class == X86_64_USER)
		return user_page;
	return !user_page || !x86_64_smap_forbids(class, control);
}

/* R/W=0 stops user-mode writes always, supervisor-mode ones if CR0.WP is set. */
static inline bool x86_64_may_write(enum x86_64_class class, unsigned int says, uint64_t control)
{
	if (!x86_64_may_read(class, says, control))
		return false;
	return says & X86_64_SAYS_W || (class != X86_64_USER && !(control & X86_64_WP));
}

static inline bool x86_64_may_fetch(enum x86_64_class class, unsigned int says, uint64_t control)
{
	bool user_page = says & X86_64_SAYS_U;

	if (says & X86_64_SAYS_XD && control & X86_64_NXE)
		return false;
	if (class == X86_64_USER)
		return user_page;
	return !user_page || !(control & X86_64_SMEP);
}

/*
 * SDM 4.6.2: of the key's two bits, AD stops data accesses, WD stops writes: if
 * CR0.WP is set, and those of user mode to user pages always. Fetches pass.
 */
static inline unsigned int x86_64_key_takes(enum x86_64_class class, bool user_page,
					    unsigned int key, uint32_t rights, uint64_t control)
{
	bool ad = rights >> (2 * key) & 1, wd = rights >> (2 * key) & 2;

	if (ad)
		return PT_PERM_READ | PT_PERM_WRITE;
	if (wd && (control & X86_64_WP || (user_page && class == X86_64_USER)))
		return PT_PERM_WRITE;
	return 0;
}

/* What @key takes from a page: user pages' keys are PKRU's, the others IA32_PKRS'. */
static inline unsigned int x86_64_key_takes_from(enum x86_64_class class, unsigned int key,
						 unsigned int says, const struct ptl_regime *r)
{
	bool user_page = says & X86_64_SAYS_U;

	if (!(r->control & (user_page ? X86_64_PKE : X86_64_PKS)))
		return 0;
	return x86_64_key_takes(class, user_page, key,
				(uint32_t)(user_page ? r->keys : r->keys >> 32), r->control);
}

static inline unsigned int x86_64_perms(enum x86_64_class class, unsigned int says,
					uint64_t control)
{
	return (x86_64_may_read(class, says, control) ? PT_PERM_READ : 0) |
	       (x86_64_may_write(class, says, control) ? PT_PERM_WRITE : 0) |
	       (x86_64_may_fetch(class, says, control) ? PT_PERM_EXEC : 0);
}

/* r->control and r->keys are set; x86_64 has 16 keys, of which without PKE and PKS 0 stands for all. */
static inline void x86_64_init_rights(struct ptl_regime *r)
{
	r->key_mask = r->control & (X86_64_PKE | X86_64_PKS) ? 15 : 0;
	for (unsigned int says = 0; says < 8; says++) {
		unsigned int perms[X86_64_NR_CLASSES];

		for (enum x86_64_class class = 0; class < X86_64_NR_CLASSES; class++)
			perms[class] = x86_64_perms(class, says, r->control);
		for (unsigned int key = 0; key <= r->key_mask; key++) {
			ptl_rights_t rights = 0;

			for (enum x86_64_class class = 0; class < X86_64_NR_CLASSES; class++)
				rights |= PTL_RIGHTS(class, perms[class] & ~x86_64_key_takes_from(
								  class, key, says, r));
			r->rights[key][says] = rights;
		}
	}
}

static inline unsigned int x86_64_says(uint64_t all, uint64_t any, uint64_t leaf)
{
	return (unsigned int)((all & leaf) >> 1 & 3) | (unsigned int)((any | leaf) >> 63) << 2;
}

static inline ptl_rights_t x86_64_rights(uint64_t all, uint64_t any, uint64_t leaf,
					 const struct ptl_regime *r)
{
	return r->rights[leaf >> 59 & r->key_mask][x86_64_says(all, any, leaf)];
}
#define mmu_rights x86_64_rights

/* SDM 4.8: A in every entry that was used, D in the leaf of a write. */
static inline uint64_t x86_64_mark(uint64_t raw, bool leaf, bool write, const struct ptl_regime *r)
{
	(void)r;
	return raw | X86_64_A | (leaf && write ? X86_64_D : 0);
}
#define mmu_mark x86_64_mark

static inline bool x86_64_is_marked(uint64_t all, uint64_t leaf, bool write,
				    const struct ptl_regime *r)
{
	(void)r;
	return all & leaf & X86_64_A && (!write || leaf & X86_64_D);
}
#define mmu_is_marked x86_64_is_marked

static inline bool x86_64_leaf_faults(uint64_t leaf, const struct ptl_regime *r)
{
	(void)leaf;
	(void)r;
	return false;
}
#define mmu_leaf_faults x86_64_leaf_faults

static inline void x86_64_set_mem(uint64_t leaf, unsigned int level, const struct ptl_regime *r,
				  struct ptl_translation *to)
{
	unsigned int pat = level ? leaf >> 12 & 1 : leaf >> 7 & 1;

	to->mem = r->fmt.mem_of_index[(leaf >> 3 & 3) | pat << 2];
	to->ignores_pat = false;
}
#define mmu_set_mem x86_64_set_mem

/* SDM 4.7 "Page-Fault Exceptions": which bits of the error code are set. */
static inline uint64_t x86_64_error_code(enum pt_access_kind kind, enum x86_64_class class,
					 uint64_t control, bool present, bool reserved, bool key)
{
	uint64_t code = present ? PT_X86_PF_P : 0;

	if (ptl_writes(kind))
		code |= PT_X86_PF_W; /* a locked read-modify-write is a write, whatever half failed */
	if (class == X86_64_USER)
		code |= PT_X86_PF_U;
	if (reserved)
		code |= PT_X86_PF_RSVD;
	if (kind == PT_ACCESS_FETCH && control & (X86_64_SMEP | X86_64_NXE))
		code |= PT_X86_PF_I;
	return code | (key ? PT_X86_PF_PK : 0);
}

/* The rule that a page which is there broke; the first of those that it broke. */
static inline enum pt_fault_why x86_64_why(enum pt_access_kind kind, enum x86_64_class class,
					   unsigned int says, uint64_t control, unsigned int missing)
{
	bool user_page = says & X86_64_SAYS_U;

	if (class == X86_64_USER && !user_page)
		return PT_WHY_USER;
	if (kind == PT_ACCESS_FETCH)
		return says & X86_64_SAYS_XD && control & X86_64_NXE ? PT_WHY_EXEC : PT_WHY_SMEP;
	if (user_page && x86_64_smap_forbids(class, control))
		return PT_WHY_SMAP;
	return missing & PT_PERM_WRITE && !x86_64_may_write(class, says, control) ? PT_WHY_WRITE :
										     PT_WHY_PKEY;
}

static int x86_64_fault(struct ptl_access *access, const struct ptl_regime *r,
			const struct ptl_failure *failure)
{
	const struct ptl_want *want = failure->want;
	enum pt_access_kind kind = access->how->kind;
	enum x86_64_class class = want->class;
	uint64_t control = r->control;
	bool leaf = failure->kind == PTL_LEAF, reserved = failure->kind == PTL_ILLEGAL, key = false;
	struct pt_fault fault = {
		.kind = PT_FAULT_PF,
		.stage = r->stage,
		.level = failure->level,
		.va = access->va,
		.pa = failure->raw_pa,
		.raw = failure->raw,
	};

	if (leaf) {
		unsigned int says = x86_64_says(failure->all, failure->any, failure->raw);
		unsigned int of_key = failure->raw >> 59 & r->key_mask;

		key = x86_64_key_takes_from(class, of_key, says, r) & want->perms;
		fault.why = x86_64_why(kind, class, says, control, want->perms);
	} else {
		fault.why = reserved ? PT_WHY_RESERVED : PT_WHY_NOT_PRESENT;
	}
	fault.code = x86_64_error_code(kind, class, control, leaf || reserved, reserved, key);
	*access->fault = fault;
	return 1;
}
#define mmu_fault x86_64_fault

#endif /* PTL_FAULT_X86_64_H */
