#!/bin/sh
# SPDX-License-Identifier: MIT
# ptdump on memory dumps: they print what the raw image prints with the registers that they know.
# Usage: ptdump_vmcore.sh PTDUMP
. "$(dirname "$0")/ptdump_begin.sh"

# libkdumpfile 0.5.1 never frees the memory map of a kdump file.
echo 'leak:libkdumpfile.so' >"$dir/lsan"
export LSAN_OPTIONS="suppressions=$dir/lsan:print_suppressions=0"

# qemu_note CR0 CR3 CR4: of a processor.
qemu_note() {
	note QEMU 440
	le32 1
	le32 440
	zeroes 384
	for cr in "$1" 0 0 "$2" "$3" 0; do
		le64 "$cr"
	done
}

# core FILE MACHINE RAW PA LEN...: an ELF core of the pieces of RAW, with the notes in $dir/notes.
# Memory begins at an odd place, as QEMU's does.
core() {
	file=$1
	machine=$2
	image=$3
	shift 3
	notes_len=$(wc -c <"$dir/notes")
	nr=$(($# / 2 + 1))
	at=$((64 + nr * 56))
	{
		le64 0x00010102464c457f
		le64 0
		le64 $((1 << 32 | machine << 16 | 4))
		le64 0
		le64 64
		le64 0
		le64 $((56 << 48 | 64 << 32))
		le64 $nr
		le64 4 # PT_NOTE
		le64 $at
		le64 0
		le64 0
		le64 "$notes_len"
		le64 "$notes_len"
		le64 0
		at=$((at + notes_len))
		places=$*
		while [ $# -gt 0 ]; do
			le64 1 # PT_LOAD
			le64 $at
			le64 "$1"
			le64 "$1"
			le64 "$2"
			le64 "$2"
			le64 0
			at=$((at + $2))
			shift 2
		done
		cat "$dir/notes"
		set -- $places
		while [ $# -gt 0 ]; do
			dd if="$image" bs=4096 skip=$(($1 / 4096)) count=$(($2 / 4096)) 2>/dev/null
			shift 2
		done
	} >"$file"
}

x86=$dir/x86.img
x86_memory "$x86"
pieces='0x0 0x8000 0x12000 0xe000'
raw="$x86 --region 0:0x8000:0 --region 0x12000:0xe000:0x12000"
asks='--va 0x203038'

# ---- of QEMU: what the processors had ----
{
	note CORE 336 # a processor as others note it
	zeroes 336
	qemu_note 0x80000001 0x1000 0x20
	qemu_note 0x80010001 0x7000 0x20
} >"$dir/notes"
qemu=$dir/qemu.elf
core "$qemu" 62 "$x86" $pieces
timeout 60 "$ptdump" "$qemu" --usage >"$dir/out" 2>"$dir/err"
if grep -q 'was built without' "$dir/err"; then
	echo "SKIPPED: $(cat "$dir/err")"
	exit 77
fi
alike "$qemu" "$raw --cr3 0x1000"
alike "$qemu --cpu 1" "$raw --cr3 0x7000"
alike "$qemu --cr3 0x7000" "$raw --cr3 0x7000"
run 0 "$qemu" --va 0x204000 --access write # CR0.WP is the processor's
run 1 "$qemu" --cpu 1 --va 0x204000 --access write
run 0 "$qemu" --read 0x203038:8
[ "$(cat "$dir/out")" = "$(printf '\210wfUD3"\021')" ] || bad 'other bytes at 0x203038'
run 0 "$qemu" --map 0x400000:0x14000:0x2000:rw --range 0x400000-0x401fff
says '^0x0+400000 0x0+401fff +0x14000 +4K +8K  rw-'
run 0 "$qemu" --diff "$x86" --cr3-2 0x1000
run 0 "$x86" --cr3 0x7000 --diff "$qemu" --cr3-2 0x7000
run 0 "$qemu" --save-tables "$dir/qemu.ptl"
run 0 "$dir/qemu.ptl" --each
mv "$dir/out" "$dir/of_dump"
run 0 $raw --cr3 0x1000 --each
same "$dir/of_dump" "$dir/out" 'the saved tables of a dump are not those of its raw image'
run 0 "$qemu" --base 0 --cr3 0x1000 --usage # who says where it stands says that it is raw
says '^all +1 +0 '
refuses "$qemu" --cpu 2
refuses "$qemu" --cpu x
refuses "$qemu" --cpu 0 --cr3 0x1000
refuses $raw --cr3 0x1000 --cpu 0
refuses --tables "$qemu"

# ---- compressed: what QEMU 7.2 wrote of a machine of 1M with that image as its memory ----
gzip -dc "$(dirname "$0")/ptdump_vmcore.kdump.gz" >"$dir/kdump"
for ask in --each --verify --find-roots '--va 0x203038' '--read 0x203000:4096'; do
	run 0 "$dir/kdump" --cr3 0x1000 $ask
	mv "$dir/out" "$dir/of_dump"
	run 0 "$x86" --cr3 0x1000 $ask
	same "$dir/of_dump" "$dir/out" "'$ask' of a kdump file is not that of what it is of"
done
rom='--cr3 0x1000 --map 0x500000:0xfffff000:0x1000:r --read 0x500ff0:16'
run 0 "$dir/kdump" $rom
printf '\177' | # leaves out the last page: bit 7 of the last byte of the second bitmap
	dd of="$dir/kdump" bs=1 seek=$((0x22000 + 0x1ffff)) conv=notrunc 2>/dev/null
run 1 "$dir/kdump" $rom
grep -q 'which the image does not have' "$dir/err" || bad 'a page that was left out is there'
run 0 "$dir/kdump" --cr3 0x1000 --verify
truncate -s $((0x44000)) "$dir/kdump"
refuses "$dir/kdump" --cr3 0x1000

# ---- a page that is a table of two levels: what hangs below it as either ----
two=$dir/two.img
zeroes $((16 << 12)) >"$two"
put "$two" 0x1000 0 0x2067
put "$two" 0x2000 0 0x3067
put "$two" 0x2000 1 0x4067
put "$two" 0x3000 2 0x4067
put "$two" 0x4000 0 0x5067
put "$two" 0x5000 3 0x6067
: >"$dir/notes"
core "$dir/two.elf" 62 "$two" 0x0 0x10000
for ask in --each '--va 0x40003000'; do
	run 0 "$dir/two.elf" --cr3 0x1000 $ask
	mv "$dir/out" "$dir/of_dump"
	run 0 "$two" --cr3 0x1000 $ask
	same "$dir/of_dump" "$dir/out" "'$ask' of a dump with a table of two levels"
done
says ' -> 0x6000$'

# ---- of Linux: the kernel's own tables ----
vmcoreinfo 'OSRELEASE=6.12.0' 'PAGESIZE=4096' 'SYMBOL(swapper_pg_dir)=ffffffff81a01000' \
	'NUMBER(phys_base)=-27262976' 'NUMBER(pgtable_l5_enabled)=0' 'NUMBER(sme_mask)=0' \
	>"$dir/notes"
core "$dir/x86.elf" 62 "$x86" $pieces
alike "$dir/x86.elf" "$raw --cr3 0x1000"
refuses "$dir/x86.elf" --cpu 0

put "$x86" 0x8000 0 0x1067 # one level more
put "$x86" 0x8000 511 0x1063
pieces='0x0 0x9000 0x12000 0xe000'
raw="$x86 --region 0:0x9000:0 --region 0x12000:0xe000:0x12000"
vmcoreinfo 'OSRELEASE=6.12.0' 'PAGESIZE=4096' 'SYMBOL(swapper_pg_dir)=ffffffff81008000' \
	'NUMBER(phys_base)=-16777216' 'NUMBER(pgtable_l5_enabled)=1' >"$dir/notes"
core "$dir/la57.elf" 62 "$x86" $pieces
alike "$dir/la57.elf" "$raw --cr3 0x8000 --cr4 0x1020"

vmcoreinfo 'OSRELEASE=6.12.0' 'PAGESIZE=4096' 'SYMBOL(swapper_pg_dir)=ffffffff81001000' \
	'NUMBER(phys_base)=-16777216' 'NUMBER(sme_mask)=140737488355328' >"$dir/notes"
put "$x86" 0x1000 0 0x800000002067
core "$dir/sme.elf" 62 "$x86" $pieces
alike "$dir/sme.elf" "$raw --cr3 0x1000 --c-bit 47"
run 0 "$dir/sme.elf"
grep -q ' selects --cr3 0x800000001000 .*--c-bit 47$' "$dir/err" || bad "C-bit: $(cat "$dir/err")"
put "$x86" 0x1000 0 0x2067

# arm64 in pages of 4K: entry 1 of TTBR1's half
arm64=$dir/arm64.img
zeroes $((16 << 12)) >"$arm64"
put "$arm64" 0x1000 1 0x40002003
put "$arm64" 0x2000 0 0x40003003
put "$arm64" 0x3000 0 0x0060000040000f01
put "$arm64" 0x3000 1 0x40004003
put "$arm64" 0x4000 2 0x006000004000af03
# dumped ADDRESS_OF_ROOT T1SZ PAGE: with this in VMCOREINFO
dumped() {
	vmcoreinfo 'OSRELEASE=6.12.0' "PAGESIZE=$3" 'KERNELOFFSET=0' \
		'NUMBER(kimage_voffset)=0xffff800040000000' "SYMBOL(swapper_pg_dir)=$1" \
		"NUMBER(TCR_EL1_T1SZ)=$2" >"$dir/notes"
}
at_1g() { # the first pages of $arm64 are memory at 1G
	core "$dir/arm64.elf" 183 "$arm64" 0x0 0x10000
	printf '\000\000\000\100' | # p_paddr of the first PT_LOAD
		dd of="$dir/arm64.elf" bs=1 seek=$((64 + 56 + 24)) conv=notrunc 2>/dev/null
}
asks='--va 0xffff008000202010'
dumped ffff800080001000 0x10 4096
at_1g # the page before that of the root is one of zeroes: no process runs
alike "$dir/arm64.elf" "$arm64 --base 0x40000000 --ttbr0 0x40000000 --ttbr1 0x40001000 \
	--tcr 0x580100010"
says '"va":"0xffff008000202000"' # entry 1 of the top table
# An access goes by the registers, whichever root is asked for.
run 0 "$dir/arm64.elf" --va 0xffff008000202010 --access read --root ttbr0
says 'PA 0x4000a010'
put "$arm64" 0x5000 3 0x40006003 # a process
put "$arm64" 0x6000 0 0x40007003
put "$arm64" 0x7000 0 0x40008003
put "$arm64" 0x8000 5 0x002000004000bfc3
at_1g
run 0 "$dir/arm64.elf" --find-roots
says '^--ttbr0 0x40005000 +3 +1 +4K$'
put "$arm64" 0x0 7 1 # not one of zeroes
at_1g
alike "$dir/arm64.elf" "$arm64 --base 0x40000000 --ttbr1 0x40001000 --tcr 0x580100010"

# ... in pages of 64K, 52 bits of address and output
zeroes $((4 << 16)) >"$arm64"
put "$arm64" 0x10000 1023 0x20003
put "$arm64" 0x20000 0 0x30003
put "$arm64" 0x30000 5 0x0060000000034f03 # its bits 15:12 are 51:48 of the address
asks='--va 0xfffffc0000050010'
dumped ffff800040010000 0xc 65536
core "$dir/arm64.elf" 183 "$arm64" 0x0 0x40000
alike "$dir/arm64.elf" "$arm64 --ttbr0 0 --ttbr1 0x10000 --tcr 0x6c00c400c"
says '"pa":"0x4000000030000"'

# ... in pages of 4K, 52 bits: FEAT_LPA2
zeroes $((16 << 12)) >"$arm64"
put "$arm64" 0x1000 15 0x2003
put "$arm64" 0x2000 511 0x3003
put "$arm64" 0x3000 511 0x4003
put "$arm64" 0x4000 511 0x5003
put "$arm64" 0x5000 511 0x0060000000006703
asks='--va 0xfffffffffffff010'
dumped ffff800040001000 0xc 4096
core "$dir/arm64.elf" 183 "$arm64" 0x0 0x10000
alike "$dir/arm64.elf" "$arm64 --ttbr0 0 --ttbr1 0x1000 --tcr 0x08000006800c000c"

# ... of a machine that says nothing of its pages
: >"$dir/notes"
core "$dir/arm64.elf" 183 "$arm64" 0x0 0x10000
refuses "$dir/arm64.elf"
alike "$dir/arm64.elf --ttbr1 0x1000 --tcr 0x08000006800c008c" \
	"$arm64 --ttbr1 0x1000 --tcr 0x08000006800c008c"

# ---- dumps that are none ----
pieces='0x0 0x9000 0x12000 0xe000'
core "$dir/bare.elf" 62 "$x86" $pieces
refuses "$dir/bare.elf" # which knows no root
alike "$dir/bare.elf --cr3 0x1000" "$raw --cr3 0x1000"
head -c 16 "$dir/bare.elf" >"$dir/short.elf"
refuses "$dir/short.elf" --cr3 0x1000
core "$dir/empty.elf" 62 "$x86"
refuses "$dir/empty.elf" --cr3 0x1000
core "$dir/cut.elf" 62 "$x86" $pieces
truncate -s -1 "$dir/cut.elf"
refuses "$dir/cut.elf" --cr3 0x1000
truncate -s 400 "$dir/cut.elf"
refuses "$dir/cut.elf" --cr3 0x1000

# flawed PATTERN OFFSET BYTE...: bare.elf with these bytes is refused like that.
flawed() {
	pattern=$1
	shift
	cp "$dir/bare.elf" "$dir/flawed.elf"
	patch "$dir/flawed.elf" "$@"
	refuses "$dir/flawed.elf" --cr3 0x1000
	grep -q "$pattern" "$dir/err" || bad "no '$pattern' in: $(cat "$dir/err")"
}

# What would have it crash, or look for gigabytes that are not there.
flawed 'wrong size of segment' 54 0 0
flawed 'wrong size of segment' 54 100 0
flawed 'not all notes' 100 1
flawed 'not all notes' 77 1
flawed 'is none' 4 11
flawed 'is none' 6 3
cp "$dir/bare.elf" "$dir/named.elf"
at=$(wc -c <"$dir/named.elf")
{
	zeroes 64
	le64 $((3 << 32)) # SHT_STRTAB
	le64 0
	le64 0
	le64 "$at"
	le64 1
	zeroes 24
} >>"$dir/named.elf"
le64 "$at" | dd of="$dir/named.elf" bs=1 seek=40 conv=notrunc 2>/dev/null
patch "$dir/named.elf" 58 100 0 2 0 1 0
alike "$dir/named.elf --cr3 0x1000" "$raw --cr3 0x1000"
patch "$dir/named.elf" $((at + 64 + 36)) 2
refuses "$dir/named.elf" --cr3 0x1000
grep -q 'not all sections' "$dir/err" || bad "no section is missed: $(cat "$dir/err")"
patch "$dir/named.elf" 58 0
refuses "$dir/named.elf" --cr3 0x1000

# more segments, and more sections, than there is room for
cp "$dir/bare.elf" "$dir/counts.elf"
patch "$dir/counts.elf" 56 376 377
refuses "$dir/counts.elf" --cr3 0x1000
grep -q 'not all headers' "$dir/err" || bad "no segment is missed: $(cat "$dir/err")"
cp "$dir/bare.elf" "$dir/counts.elf"
patch "$dir/counts.elf" 40 100                # e_shoff: section 0 is where segment 0 is,
patch "$dir/counts.elf" 58 100 0 0 0          # ... and has how many there are
patch "$dir/counts.elf" $((64 + 32)) 0 0 0 0 1 # ... as its size
refuses "$dir/counts.elf" --cr3 0x1000

# sections that are counted, and stand nowhere; with no memory libkdumpfile would look for them
for count in '60 1' '56 377 377'; do # e_shnum, e_phnum that is PN_XNUM
	cp "$dir/bare.elf" "$dir/counts.elf"
	patch "$dir/counts.elf" $((64 + 56)) 6
	patch "$dir/counts.elf" $((64 + 2 * 56)) 6
	patch "$dir/counts.elf" $count
	refuses "$dir/counts.elf" --cr3 0x1000
	grep -q 'not all headers' "$dir/err" || bad "no section is missed: $(cat "$dir/err")"
done

printf 'makedumpfile\0\0\0\0' | cat - "$x86" >"$dir/flat"
refuses "$dir/flat" --cr3 0x1000
grep -q 'makedumpfile -R' "$dir/err" || bad "no word of what to do: $(cat "$dir/err")"
printf 'KDUMP   ' | cat - "$x86" >"$dir/kdump"
refuses "$dir/kdump" --cr3 0x1000
grep -q 'begins as a kdump file does, and is none$' "$dir/err" || bad "why is that no kdump file"

# of_kdump PATTERN OFFSET BYTE...: that of QEMU with these bytes is refused like that.
gzip -dc "$(dirname "$0")/ptdump_vmcore.kdump.gz" >"$dir/whole.kdump"
of_kdump() {
	pattern=$1
	shift
	cp "$dir/whole.kdump" "$dir/kdump"
	patch "$dir/kdump" "$@"
	refuses "$dir/kdump" --cr3 0x1000
	grep -q "$pattern" "$dir/err" || bad "no '$pattern' in: $(cat "$dir/err")"
}

# What would have it read gigabytes that are not there.
of_kdump 'and is none' 428 1                   # bytes of a block
of_kdump 'not all that its headers' 432 377 377 377 377 # blocks of the second header
of_kdump 'not all that its headers' 436 100 102 17 0 # ... of bitmaps
of_kdump 'not all that its headers' $((4096 + 56 + 6)) 1 # a length of notes
of_kdump 'not all that its headers' $((4096 + 96 + 6)) 1 # pages
cp "$dir/bare.elf" "$dir/program.elf"
patch "$dir/program.elf" 16 2 # ET_EXEC
refuses "$dir/program.elf" --cr3 0x1000
grep -q 'is an ELF file, but no core' "$dir/err" || bad "a program is taken for a core"
le64 $((1 << 62)) | dd of="$dir/bare.elf" bs=1 seek=$((64 + 56 + 24)) conv=notrunc 2>/dev/null
refuses "$dir/bare.elf" --cr3 0x1000 # a region beyond 2^52
finish
