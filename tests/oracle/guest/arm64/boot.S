/* SPDX-License-Identifier: MIT */
/*
 * Entry, exception vectors, entering lower exception levels and the stub page of the
 * arm64 guest.
 */
	.arch	armv8.4-a
	.section .text.boot, "ax"
	.globl	_start
_start:	b	reset

	.balign	2048
el3_vectors:
	.rept	8				/* from EL3 itself */
	.balign	128
	b	from_el3
	.endr
	.rept	8				/* from below: an access has ended */
	.balign	128
	b	leave
	.endr

	.balign	2048
	.globl	el2_vectors
el2_vectors:					/* EL2 runs with its MMU off */
	.rept	16
	.balign	128
	smc	#2
	.endr

	/*
	 * The page mapped into the regime under test.  Vectors of EL1 first.  Then the
	 * stubs, once for EL1 and once for EL0: x0: address, x1: data, x2: result.
	 */
	.balign	4096
	.globl	stub_page
stub_page:
	.rept	16
	.balign	128
	smc	#1
	.endr
	.macro	STUBS done
	.irp	insn, "ldrb w2, [x0]", "ldrh w2, [x0]", "ldr w2, [x0]", "ldr x2, [x0]", \
		"strb w1, [x0]", "strh w1, [x0]", "str w1, [x0]", "str x1, [x0]", \
		"ldaddb w1, w2, [x0]", "ldaddh w1, w2, [x0]", "ldadd w1, w2, [x0]", \
		"ldadd x1, x2, [x0]", \
		"ldtrb w2, [x0]", "ldtrh w2, [x0]", "ldtr w2, [x0]", "ldtr x2, [x0]", \
		"sttrb w1, [x0]", "sttrh w1, [x0]", "sttr w1, [x0]", "sttr x1, [x0]"
	.balign	16
	\insn
	\done	#0
	.endr
	.endm
	.balign	2048
	STUBS	smc
	.balign	1024
	STUBS	svc
	.balign	4096

reset:	msr	sctlr_el2, xzr
	adr	x0, el3_vectors
	msr	vbar_el3, x0
	ldr	x0, =stack_top
	mov	sp, x0
	isb
	bl	guest_main
1:	b	1b

	/*
	 * EL3 takes an exception of its own only from an AT whose walk met an external
	 * abort: leave the syndrome in at_guard and skip the AT.  Else a bug.
	 */
from_el3:
	stp	x0, x1, [sp, #-16]!
	ldr	x0, =at_guard
	ldr	x1, [x0]
	cbz	x1, 1f
	mrs	x1, esr_el3
	str	x1, [x0]
	mrs	x0, elr_el3
	add	x0, x0, #4
	msr	elr_el3, x0
	ldp	x0, x1, [sp], #16
	eret
1:	mrs	x0, esr_el3
	mrs	x1, elr_el3
	mrs	x2, far_el3
	mrs	x3, spsr_el3
	b	panic

	/*
	 * void enter(struct entry *): drop to the level in spsr.  Returns by leave(),
	 * as soon as that level takes an exception to EL3, with the registers then.
	 */
	.globl	enter
enter:	stp	x19, x20, [sp, #-112]!
	stp	x21, x22, [sp, #16]
	stp	x23, x24, [sp, #32]
	stp	x25, x26, [sp, #48]
	stp	x27, x28, [sp, #64]
	stp	x29, x30, [sp, #80]
	str	x0, [sp, #96]
	ldp	x3, x4, [x0]
	msr	elr_el3, x3
	msr	spsr_el3, x4
	ldr	x2, [x0, #32]
	ldr	x1, [x0, #24]
	ldr	x0, [x0, #16]
	isb
	eret
leave:	ldr	x3, [sp, #96]
	stp	x0, x1, [x3, #16]
	str	x2, [x3, #32]
	mrs	x0, esr_el3
	mrs	x1, elr_el3
	stp	x0, x1, [x3, #40]
	mrs	x0, far_el3
	str	x0, [x3, #56]
	ldp	x21, x22, [sp, #16]
	ldp	x23, x24, [sp, #32]
	ldp	x25, x26, [sp, #48]
	ldp	x27, x28, [sp, #64]
	ldp	x29, x30, [sp, #80]
	ldp	x19, x20, [sp], #112
	ret
	.ltorg

	.bss
	.balign	4096
	.skip	65536
stack_top:
