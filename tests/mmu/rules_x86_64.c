/* SPDX-License-Identifier: MIT */
#include "mmu/rules_x86_64.h"

#include <ptlib/fault.h>

#define NR(array) (sizeof(array) / sizeof((array)[0]))

struct row {
	uint32_t set, clear; /* applies if all of these are set, and all of those clear */
	bool allowed;
};

static bool applies(uint32_t situation, uint32_t set, uint32_t clear)
{
	return (situation & set) == set && !(situation & clear);
}

#define DATA_READ X_READ
#define DATA_WRITE X_WRITE

/*
 * Intel SDM Vol. 3A, 4.6.1 "Determination of Access Rights" (rev. 081): "The following items detail
 * how paging determines access rights", in their order. Protection keys, which restrict further,
 * are below.
 */
static const struct row sentences[] = {
	/*
	 * For supervisor-mode accesses: data reads.
	 * From any supervisor-mode address.
	 */
	{ DATA_READ, X_USER | X_USER_ADDRESS, true },
	/* From a user-mode address: SMAP = 0. */
	{ DATA_READ | X_USER_ADDRESS, X_USER | X_SMAP, true },
	/* SMAP = 1: EFLAGS.AC = 1 and the access is explicit; */
	{ DATA_READ | X_USER_ADDRESS | X_SMAP | X_AC, X_USER | X_IMPLICIT, true },
	/* EFLAGS.AC = 0, and explicit; */
	{ DATA_READ | X_USER_ADDRESS | X_SMAP, X_USER | X_IMPLICIT | X_AC, false },
	/* implicit, irrespective of EFLAGS.AC. */
	{ DATA_READ | X_USER_ADDRESS | X_SMAP | X_IMPLICIT, X_USER, false },

	/*
	 * Data writes.
	 * To any supervisor-mode address: WP = 0; WP = 1 and R/W = 1 in every entry; else not.
	 */
	{ DATA_WRITE, X_USER | X_USER_ADDRESS | X_WP, true },
	{ DATA_WRITE | X_WP | X_RW, X_USER | X_USER_ADDRESS, true },
	{ DATA_WRITE | X_WP, X_USER | X_USER_ADDRESS | X_RW, false },
	/* To a user-mode address. WP = 0: SMAP = 0; */
	{ DATA_WRITE | X_USER_ADDRESS, X_USER | X_WP | X_SMAP, true },
	/* SMAP = 1, and AC = 1 and explicit; */
	{ DATA_WRITE | X_USER_ADDRESS | X_SMAP | X_AC, X_USER | X_WP | X_IMPLICIT, true },
	/* AC = 0 and explicit; implicit. */
	{ DATA_WRITE | X_USER_ADDRESS | X_SMAP, X_USER | X_WP | X_AC | X_IMPLICIT, false },
	{ DATA_WRITE | X_USER_ADDRESS | X_SMAP | X_IMPLICIT, X_USER | X_WP, false },
	/* WP = 1: SMAP = 0, and R/W = 1 in every entry; R/W = 0 in one; */
	{ DATA_WRITE | X_USER_ADDRESS | X_WP | X_RW, X_USER | X_SMAP, true },
	{ DATA_WRITE | X_USER_ADDRESS | X_WP, X_USER | X_SMAP | X_RW, false },
	/* SMAP = 1, and AC = 1 and explicit, by R/W; */
	{ DATA_WRITE | X_USER_ADDRESS | X_WP | X_SMAP | X_AC | X_RW, X_USER | X_IMPLICIT, true },
	{ DATA_WRITE | X_USER_ADDRESS | X_WP | X_SMAP | X_AC, X_USER | X_IMPLICIT | X_RW, false },
	/* AC = 0 and explicit; implicit. */
	{ DATA_WRITE | X_USER_ADDRESS | X_WP | X_SMAP, X_USER | X_AC | X_IMPLICIT, false },
	{ DATA_WRITE | X_USER_ADDRESS | X_WP | X_SMAP | X_IMPLICIT, X_USER, false },

	/*
	 * Instruction fetches.
	 * From supervisor-mode addresses: NXE = 0; NXE = 1, by XD.
	 */
	{ X_FETCH, X_USER | X_USER_ADDRESS | X_NXE, true },
	{ X_FETCH | X_NXE, X_USER | X_USER_ADDRESS | X_XD, true },
	{ X_FETCH | X_NXE | X_XD, X_USER | X_USER_ADDRESS, false },
	/* From user-mode addresses: SMEP = 0, the same; SMEP = 1, not. */
	{ X_FETCH | X_USER_ADDRESS, X_USER | X_SMEP | X_NXE, true },
	{ X_FETCH | X_USER_ADDRESS | X_NXE, X_USER | X_SMEP | X_XD, true },
	{ X_FETCH | X_USER_ADDRESS | X_NXE | X_XD, X_USER | X_SMEP, false },
	{ X_FETCH | X_USER_ADDRESS | X_SMEP, X_USER, false },

	/* For user-mode accesses: data reads from any user-mode address, from no other. */
	{ X_USER | DATA_READ | X_USER_ADDRESS, 0, true },
	{ X_USER | DATA_READ, X_USER_ADDRESS, false },
	/* Data writes, by R/W. */
	{ X_USER | DATA_WRITE | X_USER_ADDRESS | X_RW, 0, true },
	{ X_USER | DATA_WRITE | X_USER_ADDRESS, X_RW, false },
	{ X_USER | DATA_WRITE, X_USER_ADDRESS, false },
	/* Instruction fetches: NXE = 0; NXE = 1, by XD. */
	{ X_USER | X_FETCH | X_USER_ADDRESS, X_NXE, true },
	{ X_USER | X_FETCH | X_USER_ADDRESS | X_NXE, X_XD, true },
	{ X_USER | X_FETCH | X_USER_ADDRESS | X_NXE | X_XD, 0, false },
	{ X_USER | X_FETCH, X_USER_ADDRESS, false },
};

/*
 * 4.6.2 "Protection Keys": what the leaf's key forbids, beside all of the above. Of PKRU for
 * user-mode addresses if CR4.PKE = 1, of IA32_PKRS for supervisor-mode addresses if CR4.PKS = 1.
 * Fetches are never forbidden. The same conditions set bit 5 of the error code, 4.7 "Page-Fault
 * Exceptions": whatever else forbids the access.
 */
static const struct row keys[] = {
	/* ADi = 1: no data accesses. */
	{ DATA_READ | X_USER_ADDRESS | X_PKE | X_PKRU_AD, 0, false },
	{ DATA_WRITE | X_USER_ADDRESS | X_PKE | X_PKRU_AD, 0, false },
	/* WDi = 1: no user-mode writes; supervisor-mode ones only if WP = 0. */
	{ DATA_WRITE | X_USER_ADDRESS | X_PKE | X_PKRU_WD | X_USER, 0, false },
	{ DATA_WRITE | X_USER_ADDRESS | X_PKE | X_PKRU_WD | X_WP, X_USER, false },
	/* The same of IA32_PKRS: WDi forbids if WP = 1. */
	{ DATA_READ | X_PKS | X_PKRS_AD, X_USER_ADDRESS, false },
	{ DATA_WRITE | X_PKS | X_PKRS_AD, X_USER_ADDRESS, false },
	{ DATA_WRITE | X_PKS | X_PKRS_WD | X_WP, X_USER_ADDRESS, false },
};

/*
 * 4.7 "Page-Fault Exceptions": flags that "describe the access causing the page-fault exception,
 * not the access rights specified by paging". P, RSVD and PK describe the translation.
 */
static const struct {
	uint32_t set, clear;
	uint8_t flag;
} flags[] = {
	{ X_WRITE, 0, PT_X86_PF_W },
	{ X_USER, 0, PT_X86_PF_U },
	/* I/D: a fetch, and (1) SMEP = 1, or (2) PAE = 1, as it is here, and NXE = 1 */
	{ X_FETCH | X_SMEP, 0, PT_X86_PF_I },
	{ X_FETCH | X_NXE, 0, PT_X86_PF_I },
};

/* Each in words; where several hold, the manual ranks them nowhere. */
static const struct {
	uint32_t set, clear;
	enum pt_fault_why why;
} whys[] = {
	{ X_USER, X_USER_ADDRESS, PT_WHY_USER },
	{ X_WRITE | X_USER, X_RW, PT_WHY_WRITE },
	{ X_WRITE | X_WP, X_RW, PT_WHY_WRITE },
	{ X_FETCH | X_NXE | X_XD, 0, PT_WHY_EXEC },
	{ X_FETCH | X_USER_ADDRESS | X_SMEP, X_USER, PT_WHY_SMEP },
	{ X_USER_ADDRESS | X_SMAP, X_USER | X_FETCH | X_AC, PT_WHY_SMAP },
	{ X_USER_ADDRESS | X_SMAP | X_IMPLICIT, X_USER | X_FETCH, PT_WHY_SMAP },
};

bool x86_situation_exists(uint32_t s)
{
	uint32_t kind = s & (X_READ | X_WRITE | X_FETCH);

	return kind && !(kind & (kind - 1)) && (!(s & X_IMPLICIT) || !(s & (X_USER | X_FETCH)));
}

static uint8_t access_flags(uint32_t situation)
{
	uint8_t code = 0;

	for (size_t i = 0; i < NR(flags); i++)
		if (applies(situation, flags[i].set, flags[i].clear))
			code |= flags[i].flag;
	return code;
}

/* P: 0 if "there is no translation [...] because the P flag was 0 in one of the entries". */
uint8_t x86_code_not_present(uint32_t situation)
{
	return access_flags(situation);
}

/* RSVD: reserved bits are not checked in an entry whose P is 0, so P is 1 too. No key was found. */
uint8_t x86_code_reserved(uint32_t situation)
{
	return access_flags(situation) | PT_X86_PF_P | PT_X86_PF_RSVD;
}

size_t x86_nr_sentences(uint32_t situation)
{
	size_t nr = 0;

	for (size_t i = 0; i < NR(sentences); i++)
		nr += applies(situation, sentences[i].set, sentences[i].clear);
	return nr;
}

struct x86_verdict x86_rights(uint32_t situation)
{
	struct x86_verdict v = { .allowed = true, .code = access_flags(situation) | PT_X86_PF_P };

	for (size_t i = 0; i < NR(sentences); i++)
		if (applies(situation, sentences[i].set, sentences[i].clear))
			v.allowed = sentences[i].allowed;
	for (size_t i = 0; i < NR(whys); i++)
		if (applies(situation, whys[i].set, whys[i].clear))
			v.whys |= 1u << whys[i].why;
	for (size_t i = 0; i < NR(keys); i++) {
		if (!applies(situation, keys[i].set, keys[i].clear))
			continue;
		v.allowed = keys[i].allowed;
		v.code |= PT_X86_PF_PK;
		v.whys |= 1u << PT_WHY_PKEY;
	}
	if (v.allowed)
		v.code = 0;
	return v;
}
