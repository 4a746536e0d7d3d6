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

/* What the entries of a walk say together: U/S and R/W of all of them, XD of any; D of the leaf. */
#define X86_64_SAYS_XD 1u
#define X86_64_SAYS_W 2u /* this and those below as in the words themselves */
#define X86_64_SAYS_U 4u
#define X86_64_SAYS_D 0x40u

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

/* The same with the key that the leaf has. */
static inline unsigned int x86_64_perms_with_key(enum x86_64_class class, unsigned int key,
						 unsigned int says, const struct ptl_regime *r)
{
	return x86_64_perms(class, says, r->control) & ~x86_64_key_takes_from(class, key, says, r);
}

/* r->control and r->keys are set. */
static inline void x86_64_init_rights(struct ptl_regime *r)
{
	r->key_mask = r->control & (X86_64_PKE | X86_64_PKS) ? 15 : 0;
	for (unsigned int says = 0; says < 8; says++) {
		struct ptl_rights *clean = &r->rights[says],
				  *dirty = &r->rights[says | X86_64_SAYS_D];

		clean->of[PTL_NO_CLASS] = dirty->of[PTL_NO_CLASS] = ptl_right(0, 0);
		for (enum x86_64_class class = 0; class < X86_64_NR_CLASSES; class++) {
			unsigned int perms = x86_64_perms_with_key(class, 0, says, r);

			clean->of[class] = ptl_right(perms, PT_PERM_WRITE);
			dirty->of[class] = ptl_right(perms, 0);
		}
	}
}

/* SDM 4.7 "Page-Fault Exceptions": which bits of the error code are set. */
static inline uint64_t x86_64_error_code(const struct ptl_want *want, uint64_t control,
					 bool present, bool reserved, bool key)
{
	uint64_t code = present ? PT_X86_PF_P : 0;

	if (want->write)
		code |= PT_X86_PF_W; /* of a locked read-modify-write too, whichever half failed */
	if (want->class == X86_64_USER)
		code |= PT_X86_PF_U;
	if (reserved)
		code |= PT_X86_PF_RSVD;
	if (want->perms & PT_PERM_EXEC && control & (X86_64_SMEP | X86_64_NXE))
		code |= PT_X86_PF_I;
	return code | (key ? PT_X86_PF_PK : 0);
}

/* The rule that a page which is there broke; the first of those that it broke. */
static inline enum pt_fault_why x86_64_why(const struct ptl_want *want, unsigned int says,
					   uint64_t control)
{
	bool user_page = says & X86_64_SAYS_U;
	enum x86_64_class class = want->class;

	if (class == X86_64_USER && !user_page)
		return PT_WHY_USER;
	if (want->perms & PT_PERM_EXEC)
		return says & X86_64_SAYS_XD && control & X86_64_NXE ? PT_WHY_EXEC : PT_WHY_SMEP;
	if (user_page && x86_64_smap_forbids(class, control))
		return PT_WHY_SMAP;
	return want->write && !x86_64_may_write(class, says, control) ? PT_WHY_WRITE : PT_WHY_PKEY;
}

#endif /* PTL_FAULT_X86_64_H */
