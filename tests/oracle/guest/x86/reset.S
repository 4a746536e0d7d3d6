/* SPDX-License-Identifier: MIT */
/*
 * The reset block: 64 KiB at physical 0xffff0000, where the processor starts at
 * 0xfffffff0 in real mode.  Enters 32-bit protected mode and jumps to the guest.
 * Nothing is global, so that no linker is needed.
 */
	.code16
	.section .text
block:
	.org	0xff00
start:	cli
	lgdtl	%cs:(gdt_pointer - block)
	movl	%cr0, %eax
	orl	$1, %eax			/* PE */
	movl	%eax, %cr0
	ljmpl	$8, $0x100000			/* ORC_CODE_PA_X86 */
	.balign	8
gdt:	.quad	0
	.quad	0x00cf9b000000ffff		/* 0x08: 32-bit code */
	.quad	0x00cf93000000ffff		/* 0x10: data */
	.quad	0x00af9b000000ffff		/* 0x18: 64-bit code */
gdt_pointer:
	.word	4 * 8 - 1
	.long	0xffff0000 + (gdt - block)
	.org	0xfff0
	jmp	start
	.org	0x10000
