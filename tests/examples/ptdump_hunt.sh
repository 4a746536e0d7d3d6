#!/bin/sh
# SPDX-License-Identifier: MIT
# ptdump on memory that nothing is known of: Linux's VMCOREINFO is found in it, and selects tables
# if they map themselves where it says.
# Usage: ptdump_hunt.sh PTDUMP
. "$(dirname "$0")/ptdump_begin.sh"

# put_file FILE PA: standard input there.
put_file() {
	dd of="$1" bs=4096 seek=$(($2 / 4096)) conv=notrunc 2>/dev/null
}

# clear FILE PA: that page.
clear() {
	zeroes 4096 | put_file "$1" "$2"
}

# lines LINE...: VMCOREINFO as it stands in a page of its own.
lines() {
	printf '%s\n' 'OSRELEASE=6.12.0-test' 'PAGESIZE=4096' "$@"
}

# note_of LINE...: ... and as a note.
note_of() {
	vmcoreinfo 'OSRELEASE=6.12.0-test' 'PAGESIZE=4096' "$@"
}

# found TEXT: the last run said that this is what it found, and nothing else.
found() {
	grep -q -F -e "$1" "$dir/err" || bad "no '$1' in: $(cat "$dir/err")"
	[ "$(wc -l <"$dir/err")" -eq 1 ] || bad "not one line on stderr: $(cat "$dir/err")"
}

# refused PATTERN ARGUMENT...: like that.
refused() {
	pattern=$1
	shift
	refuses "$@"
	grep -q -e "$pattern" "$dir/err" || bad "no '$pattern' in: $(cat "$dir/err")"
}

unknown='does not know its registers'
swapper='SYMBOL(swapper_pg_dir)=ffffffff81a01000' # is at 0x1000: 13 * 2M + 0x1000 above
x86_lines="$swapper NUMBER(phys_base)=-27262976 NUMBER(pgtable_l5_enabled)=0 NUMBER(sme_mask)=0"
x86=$dir/x86.img
zeroes $((32 << 12)) >"$x86"
put "$x86" 0x1000 0 0x2067
put "$x86" 0x1000 511 0x6063
put "$x86" 0x2000 0 0x3067
put "$x86" 0x3000 1 0x4067
put "$x86" 0x4000 3 0x13067
put "$x86" 0x6000 510 0x7063
put "$x86" 0x7000 13 0x8063
put "$x86" 0x8000 1 0x1163
asks='--va 0x203038'
lime=$dir/x86.lime
lime_x86() {
	lime "$lime" "$x86" 0 0x0 0x9fff 0xc000 0x1ffff
}

# ---- where it is ----
refused "$unknown" "$x86"
lime_x86
refused "$unknown" "$lime"
lines $x86_lines | put_file "$x86" 0xe000 # as from boot on
lime_x86
run 0 "$x86"
found "$x86: VMCOREINFO at 0xe000, of Linux 6.12.0-test, selects --cr3 0x1000 --cr4 0x20"
alike "$x86" "$x86 --cr3 0x1000"
run 0 "$lime"
found "$lime: VMCOREINFO at 0xe000, of Linux 6.12.0-test, selects --cr3 0x1000 --cr4 0x20"
alike "$lime" "$lime --cr3 0x1000"
alike "$lime" "$x86 --region 0:0xa000:0 --region 0xc000:0x14000:0xc000"
note_of $x86_lines | put_file "$x86" 0x10000 # as the first of two crashes leaves it, too
run 0 "$x86"
found 'VMCOREINFO at 0xe000, '
clear "$x86" 0xe000
lime_x86
run 0 "$x86"
found 'VMCOREINFO at 0x10018, '
alike "$x86" "$x86 --cr3 0x1000"
alike "$lime" "$x86 --region 0:0xa000:0 --region 0xc000:0x14000:0xc000 --cr3 0x1000"
run 0 "$x86" --diff "$lime"
[ "$(grep -c 'VMCOREINFO at 0x10018' "$dir/err")" -eq 2 ] || bad 'it is not found in both'
run 0 "$x86" --json --each
found 'VMCOREINFO at 0x10018, '

# ... nowhere else
clear "$x86" 0x10000
{
	zeroes 8
	lines $x86_lines
} | put_file "$x86" 0x10000
refused "$unknown" "$x86"
{
	zeroes 16
	note_of $x86_lines
} | put_file "$x86" 0x10000
refused "$unknown" "$x86"
clear "$x86" 0x10000
{
	note GNOMOREINF 100
	lines $x86_lines
} | put_file "$x86" 0x10000
refused "$unknown" "$x86"
clear "$x86" 0x10000

# ... at the end of memory, and cut off by it
lines $x86_lines | put_file "$x86" 0x1f000
run 0 "$x86"
found 'VMCOREINFO at 0x1f000, '
zeroes 4060 | tr '\0' x | put_file "$x86" 0x1f000
lines "$(zeroes 4000 | tr '\0' x)" $x86_lines | head -c 4096 | put_file "$x86" 0x1f000
refused "$unknown" "$x86"
clear "$x86" 0x1f000

# ... longer than a page
lines "$(zeroes 5000 | tr '\0' x)" $x86_lines | put_file "$x86" 0x10000
run 0 "$x86"
found 'VMCOREINFO at 0x10000, '
clear "$x86" 0x10000
clear "$x86" 0x11000

# ... behind terabytes of nothing
lines $x86_lines | put_file "$x86" 0x10000
cp "$x86" "$dir/sparse.img"
truncate -s $((1 << 38)) "$dir/sparse.img"
note_of $x86_lines | put_file "$dir/sparse.img" $(((1 << 38) - 8192))
clear "$dir/sparse.img" 0x10000
run 0 "$dir/sparse.img" --verify
found 'VMCOREINFO at 0x3fffffe018, '
rm "$dir/sparse.img"

# ... of a kernel with SME, whose tables have the C-bit
put "$x86" 0x1000 511 0x800000006063
put "$x86" 0x6000 510 0x800000007063
put "$x86" 0x8000 1 0x8000000001163
lines "$swapper" 'NUMBER(phys_base)=-27262976' 'NUMBER(sme_mask)=140737488355328' |
	put_file "$x86" 0x10000
refused 'names tables that are not there' "$x86" # bit 51 is not its C-bit
put "$x86" 0x8000 1 0x800000001163
lime_x86
run 0 "$x86"
found ', selects --cr3 0x800000001000 --cr4 0x20 --c-bit 47'
says ', C-bit 47$'
alike "$x86" "$x86 --cr3 0x1000 --c-bit 47"
alike "$lime" "$lime --cr3 0x1000 --c-bit 47"
put "$x86" 0x1000 511 0x6063
put "$x86" 0x6000 510 0x7063
put "$x86" 0x8000 1 0x1163
clear "$x86" 0x10000
lines $x86_lines | put_file "$x86" 0x10000

# ---- what is said explicitly ----
run 0 "$x86" --cr3 0x2000
[ ! -s "$dir/err" ] || bad "it is looked for: $(cat "$dir/err")"
refused "$unknown" "$x86" --root cr3
refused 'it has none of processors' "$x86" --cpu 0
lime_x86
refused "$unknown" "$lime" --root cr3
refused 'it has none of processors' "$lime" --cpu 0
refused 'is not of --arch' "$x86" --arch arm64
run 0 "$x86" --arch x86_64
run 0 "$x86" --cr4 0x20
found 'selects --cr3 0x1000'
refuses --tables "$x86"

# ---- what is none ----
# instead LINE...: only this is in memory.
instead() {
	clear "$x86" 0x10000
	lines "$@" | put_file "$x86" 0x10000
	lime_x86
}

not_there='VMCOREINFO at 0x10000 names tables that are not there'
instead 'SYMBOL(swapper_pg_dir)=ffffffff81a02000' 'NUMBER(phys_base)=-27262976'
refused "$not_there" "$x86"
refused "$not_there" "$lime"
instead 'SYMBOL(swapper_pg_dir)=ffffffff81a01000' 'NUMBER(phys_base)=-27258880'
refused "$not_there" "$x86"
instead "$swapper" 'NUMBER(phys_base)=4503599627370496' # beyond memory and 2^52
refused "$not_there" "$x86"
instead "$swapper" 'NUMBER(phys_base)=-27262976' 'NUMBER(pgtable_l5_enabled)=1'
refused "$not_there" "$x86" # 4 levels are not 5
for mask in 3 2147483648 4503599627370496 211106232532992; do
	instead "$swapper" 'NUMBER(phys_base)=-27262976' "NUMBER(sme_mask)=$mask"
	refused 'encryption that is none of the bits 32 to 51' "$x86"
done
no_tables='does not say where the tables of an x86_64 or arm64 are'
instead "$swapper"
refused "$no_tables" "$x86"
instead 'NUMBER(phys_base)=-27262976'
refused "$no_tables" "$x86"
instead 'SYMBOL(swapper_pg_dir)=here' 'NUMBER(phys_base)=-27262976'
refused "$no_tables" "$x86"
instead "$swapper" 'NUMBER(phys_base)=1x'
refused "$no_tables" "$x86"
instead $x86_lines 'NUMBER(kimage_voffset)=0' 'NUMBER(TCR_EL1_T1SZ)=0x10' # of two machines
run 0 "$x86"
found 'selects --cr3 0x1000 --cr4 0x20'
lines $x86_lines | tr 6 '\377' | put_file "$x86" 0x10000 # no text
refused "$unknown" "$x86"
printf 'OSRELEASE=6.12.0' | put_file "$x86" 0x10000 # no lines
instead
refused "$no_tables" "$x86"

# ---- several ----
# of kernels before this one, of guests: what names tables that are not there is passed over
instead 'SYMBOL(swapper_pg_dir)=ffffffff81c01000' 'NUMBER(phys_base)=-27262976'
lines $x86_lines | put_file "$x86" 0x14000
lines 'SYMBOL(swapper_pg_dir)=ffffffff81a02000' $x86_lines | put_file "$x86" 0x18000
run 0 "$x86" --each
found 'VMCOREINFO at 0x14000, '
# two that both are there
put "$x86" 0x9000 511 0x6063
put "$x86" 0x8000 9 0x9163
lines 'SYMBOL(swapper_pg_dir)=ffffffff81a09000' 'NUMBER(phys_base)=-27262976' |
	put_file "$x86" 0x18000
lime_x86
refused 'VMCOREINFO at 0x14000 and at 0x18000 are of two kernels' "$x86"
refused 'VMCOREINFO at 0x14000 and at 0x18000 are of two kernels' "$lime"
run 0 "$x86" --cr3 0x9000
for pa in 0x10000 0x14000 0x18000; do
	clear "$x86" $pa
done

# more than anybody has
cp "$x86" "$dir/many.img"
lines $x86_lines >"$dir/page"
truncate -s 4096 "$dir/page"
for _ in 1 2 3 4 5 6 7 8 9 10; do
	cat "$dir/page" "$dir/page" >"$dir/pages"
	mv "$dir/pages" "$dir/page"
done
cat "$dir/page" >>"$dir/many.img"
run 0 "$dir/many.img"
found 'VMCOREINFO at 0x20000, '
cat "$dir/page" >>"$dir/many.img"
refused 'more than 1024 pages' "$dir/many.img"

# ---- other machines ----
put "$x86" 0x9000 0 0x1067 # a level more
put "$x86" 0x9000 511 0x1063
put "$x86" 0x1000 511 0x6063
lines 'SYMBOL(swapper_pg_dir)=ffffffff81a09000' 'NUMBER(phys_base)=-27262976' \
	'NUMBER(pgtable_l5_enabled)=1' | put_file "$x86" 0x10000
lime_x86
run 0 "$x86"
found 'selects --cr3 0x9000 --cr4 0x1020'
alike "$x86" "$x86 --cr3 0x9000 --cr4 0x1020"
alike "$lime" "$lime --cr3 0x9000 --cr4 0x1020"

# arm64 in pages of 4K, whose image is at ffff800080000000
arm64=$dir/arm64.img
zeroes $((16 << 12)) >"$arm64"
put "$arm64" 0x1000 256 0x40002003
put "$arm64" 0x1000 1 0x40002003
put "$arm64" 0x2000 2 0x40003003
put "$arm64" 0x3000 0 0x40004003
put "$arm64" 0x4000 1 0x0060000040001f83
asks='--va 0xffff800080001010'
lines 'SYMBOL(swapper_pg_dir)=ffff800080001000' 'NUMBER(kimage_voffset)=0xffff800040000000' \
	'NUMBER(TCR_EL1_T1SZ)=0x10' 'KERNELOFFSET=0' | put_file "$arm64" 0x8000
lime "$dir/arm64.lime" "$arm64" 0x40000000 0x40000000 0x4000ffff
regs='--ttbr0 0x40000000 --ttbr1 0x40001000 --tcr 0x580100010'
refused 'not there: do --base or --region say' "$arm64"
run 0 "$arm64" --base 0x40000000
found "VMCOREINFO at 0x40008000, of Linux 6.12.0-test, selects $regs"
says '^0xffff800080001000 .* 0x40001000 '
alike "$arm64 --base 1G" "$arm64 --base 1G $regs"
alike "$dir/arm64.lime" "$arm64 --base 1G $regs"
run 0 "$dir/arm64.lime" --arch arm64
refused 'is not of --arch' "$dir/arm64.lime" --arch x86_64

# ... of 64K, 52 bits of address and output
zeroes $((5 << 16)) >"$arm64"
put "$arm64" 0x10000 1023 0x20003
put "$arm64" 0x20000 0 0x30003
put "$arm64" 0x30000 5 0x0060000000010f83
put "$arm64" 0x30000 6 0x0060000000034f03 # its bits 15:12 are 51:48 of the address
asks='--va 0xfffffc0000060010'
vmcoreinfo 'OSRELEASE=6.12.0-test' 'PAGESIZE=65536' 'SYMBOL(swapper_pg_dir)=fffffc0000050000' \
	'NUMBER(kimage_voffset)=0xfffffc0000040000' 'NUMBER(TCR_EL1_T1SZ)=0xc' |
	put_file "$arm64" 0x48000
regs='--ttbr0 0x0 --ttbr1 0x10000 --tcr 0x6c00c400c'
run 0 "$arm64"
found "VMCOREINFO at 0x48018, of Linux 6.12.0-test, selects $regs"
lime "$dir/arm64.lime" "$arm64" 0 0x0 0x4ffff
alike "$dir/arm64.lime" "$arm64 $regs"

# ... the same kernel on a machine of 48 bits, whose TTBR1 points into the table
put "$arm64" 0x10000 1023 0
put "$arm64" 0x10000 992 0x20003 # entry 32 of the last 64
put "$arm64" 0x30000 6 0x0060000000030f03
asks='--va 0xffff800000060010'
clear "$arm64" 0x48000
vmcoreinfo 'OSRELEASE=6.12.0-test' 'PAGESIZE=65536' 'SYMBOL(swapper_pg_dir)=ffff800000050000' \
	'NUMBER(VA_BITS)=52' 'NUMBER(kimage_voffset)=0xffff800000040000' \
	'NUMBER(TCR_EL1_T1SZ)=0x10' | put_file "$arm64" 0x48000
run 0 "$arm64"
found 'selects --ttbr0 0x0 --ttbr1 0x11e00 '
says '^0xffff800000060000 .* 0x30000 '
regs=$(sed -n 's/.* selects //p' "$dir/err")
lime "$dir/arm64.lime" "$arm64" 0 0x0 0x4ffff
alike "$dir/arm64.lime" "$arm64 $regs"
finish
