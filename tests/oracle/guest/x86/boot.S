/* SPDX-License-Identifier: MIT */
/*
 * Entry, exceptions, VMRUN and the stub page of the x86 guest.  Runs identity
 * mapped in 64-bit mode, with five levels if the processor has them: the nested
 * tables take their number of levels from here.
 */
	.code32
	.section .text.boot, "ax"
	.globl	_start
_start:	movw	$0x10, %ax
	movw	%ax, %ds
	movw	%ax, %es
	movw	%ax, %ss
	movl	$stack_top, %esp
	movl	%cr4, %eax
	orl	$0x20, %eax			/* PAE */
	movl	%eax, %cr4
	movl	$pml4, %eax
	movl	%eax, %cr3
	xorl	%eax, %eax
	cpuid
	cmpl	$7, %eax
	jb	1f
	movl	$7, %eax
	xorl	%ecx, %ecx
	cpuid
	testl	$0x10000, %ecx			/* LA57 */
	jz	1f
	movl	%cr4, %eax
	orl	$0x1000, %eax
	movl	%eax, %cr4
	movl	$pml5, %eax
	movl	%eax, %cr3
1:	movl	$0xc0000080, %ecx		/* EFER */
	rdmsr
	orl	$0x1900, %eax			/* LME, NXE, SVME */
	wrmsr
	movl	%cr0, %eax
	orl	$0x80010000, %eax		/* PG, WP */
	movl	%eax, %cr0
	lgdtl	gdt_pointer
	ljmpl	$0x18, $long_mode

	.code64
long_mode:
	movw	$0x10, %ax
	movw	%ax, %ds
	movw	%ax, %es
	movw	%ax, %ss
	movw	%ax, %fs
	movw	%ax, %gs
	leaq	stack_top, %rsp
	lidt	idt_pointer
	call	guest_main
1:	hlt
	jmp	1b

	/* Exceptions of the guest itself are bugs: 32 entries of 16 bytes. */
	.macro	EXCEPTION n
	.balign	16
	.if !(\n == 8 || (\n >= 10 && \n <= 14) || \n == 17 || \n == 21)
	pushq	$0
	.endif
	pushq	$\n
	jmp	exception
	.endm
	.balign	16
	.globl	exception_entries
exception_entries:
	.set	i, 0
	.rept	32
	EXCEPTION i
	.set	i, i + 1
	.endr
exception:
	popq	%rdi				/* vector */
	popq	%rsi				/* error code */
	popq	%rdx				/* rip */
	movq	%cr2, %rcx
	andq	$-16, %rsp
	call	panic

	/* void vmrun(uint64_t vmcb_pa, uint64_t rdi_rsi[2]): exchanges rdi and rsi too */
	.globl	vmrun
vmrun:	pushq	%rbx
	pushq	%rbp
	pushq	%r12
	pushq	%r13
	pushq	%r14
	pushq	%r15
	pushq	%rsi
	movq	%rdi, %rax
	movq	0(%rsi), %rdi
	movq	8(%rsi), %rsi
	vmrun
	popq	%rcx
	movq	%rdi, 0(%rcx)
	movq	%rsi, 8(%rcx)
	popq	%r15
	popq	%r14
	popq	%r13
	popq	%r12
	popq	%rbp
	popq	%rbx
	ret

	/*
	 * The page that runs under the translation being tested.  rdi: address;
	 * rsi: data.  VMMCALL reports success.
	 */
	.macro	STUB insn:vararg
	.balign	16
	\insn
	vmmcall
	.endm
	.section .data.stub, "aw"
	.balign	4096
	.globl	stub_page
stub_page:
	STUB	movb (%rdi), %al
	STUB	movw (%rdi), %ax
	STUB	movl (%rdi), %eax
	STUB	movq (%rdi), %rax
	STUB	movb %sil, (%rdi)
	STUB	movw %si, (%rdi)
	STUB	movl %esi, (%rdi)
	STUB	movq %rsi, (%rdi)
	STUB	lock xaddb %sil, (%rdi)
	STUB	lock xaddw %si, (%rdi)
	STUB	lock xaddl %esi, (%rdi)
	STUB	lock xaddq %rsi, (%rdi)
	.balign	16
	movl	$8, %esi			/* GDT + 8 is the address */
	verr	%si
	vmmcall
	.balign	4096

	.section .data
	.balign	16
gdt:	.quad	0
	.quad	0x00cf9b000000ffff
	.quad	0x00cf93000000ffff
	.quad	0x00af9b000000ffff
gdt_pointer:
	.word	4 * 8 - 1
	.quad	gdt
idt_pointer:
	.word	32 * 16 - 1
	.quad	idt
	.balign	4096
pml5:	.quad	pml4 + 3
	.fill	511, 8, 0
pml4:	.quad	pdpt + 3
	.fill	511, 8, 0
	.set	i, 0
pdpt:	.rept	512
	.quad	(i << 30) + 0x83		/* 1 GiB pages */
	.set	i, i + 1
	.endr

	.bss
	.balign	4096
	.globl	idt
idt:	.skip	4096
	.skip	65536
stack_top:
