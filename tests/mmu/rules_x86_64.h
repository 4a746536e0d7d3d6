/* SPDX-License-Identifier: MIT */
/*
 * rules_x86_64.h - what an x86-64 processor allows, as its manual says it.
 *
 * A situation is all that the rules of access rights depend on, as a set of the bits below. The
 * rules stand in rules_x86_64.c as rows of (bits set, bits clear, outcome), one for each sentence
 * of the Intel SDM Vol. 3A, 4.6 and 4.7; nothing of the library decides here.
 */
#ifndef MMU_RULES_X86_64_H
#define MMU_RULES_X86_64_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* the access */
#define X_READ (1u << 0)
#define X_WRITE (1u << 1) /* also a locked read-modify-write */
#define X_FETCH (1u << 2)
#define X_USER (1u << 3) /* a user-mode access: explicit, at CPL 3; else supervisor-mode */
#define X_IMPLICIT (1u << 4) /* supervisor-mode whatever CPL is */
/* the entries that the walk used */
#define X_USER_ADDRESS (1u << 5) /* U/S = 1 in every one; else a supervisor-mode address */
#define X_RW (1u << 6) /* R/W = 1 in every one */
#define X_XD (1u << 7) /* XD = 1 in at least one */
/* control registers; the rights of the leaf's key */
#define X_WP (1u << 8)
#define X_SMEP (1u << 9)
#define X_SMAP (1u << 10)
#define X_AC (1u << 11)
#define X_NXE (1u << 12)
#define X_PKE (1u << 13)
#define X_PKS (1u << 14)
#define X_PKRU_AD (1u << 15)
#define X_PKRU_WD (1u << 16)
#define X_PKRS_AD (1u << 17)
#define X_PKRS_WD (1u << 18)
#define X_BITS 19

struct x86_verdict {
	bool allowed;
	uint8_t code; /* the error code of #PF otherwise */
	uint32_t whys; /* every enum pt_fault_why that holds, as bits; any may be reported */
};

/* Whether such an access exists: one kind, implicit accesses are supervisor-mode data accesses. */
bool x86_situation_exists(uint32_t situation);

/* Present entries without reserved bits. */
struct x86_verdict x86_rights(uint32_t situation);

/* How many sentences of 4.6.1 apply: one, if the rules are complete and do not contradict. */
size_t x86_nr_sentences(uint32_t situation);

/* Error codes of accesses that no translation was found for: 4.7. */
uint8_t x86_code_not_present(uint32_t situation);
uint8_t x86_code_reserved(uint32_t situation);

#endif /* MMU_RULES_X86_64_H */
