#!/bin/sh
# SPDX-License-Identifier: MIT
# ptdump on LiME's dumps: they print what the raw image prints, and what is none is refused.
# Usage: ptdump_lime.sh PTDUMP
. "$(dirname "$0")/ptdump_begin.sh"

x86=$dir/x86.img
x86_memory "$x86"
raw="$x86 --region 0:0x8000:0 --region 0x12000:0xe000:0x12000"
asks='--va 0x203038'
lime=$dir/x86.lime

# ---- the same memory ----
lime "$lime" "$x86" 0 0x0 0x7fff 0x12000 0x1ffff
alike "$lime --cr3 0x1000" "$raw --cr3 0x1000"
alike "--image $lime --cr3 0x7000" "$raw --cr3 0x7000"
run 0 "$lime" --cr3 0x1000 --read 0x203038:8
[ "$(cat "$dir/out")" = "$(printf '\210wfUD3"\021')" ] || bad 'other bytes at 0x203038'
run 1 "$lime" --cr3 0x1000 --map 0x400000:0xa000:0x1000:r --read 0x400000:8
grep -q 'which the image does not have' "$dir/err" || bad 'what is between ranges is there'
run 0 "$lime" --cr3 0x1000 --map 0x400000:0x14000:0x2000:rw --range 0x400000-0x401fff
says '^0x0+400000 0x0+401fff +0x14000 +4K +8K  rw-'
run 0 "$lime" --cr3 0x1000 --diff "$x86"
run 0 "$x86" --cr3 0x7000 --diff "$lime"
run 0 "$lime" --cr3 0x1000 --save-tables "$dir/lime.ptl"
run 0 "$dir/lime.ptl" --each
mv "$dir/out" "$dir/of_dump"
run 0 $raw --cr3 0x1000 --each
same "$dir/of_dump" "$dir/out" 'the saved tables of a dump are not those of its raw image'
run 0 "$lime" --base 0 --cr3 0x1000 --usage # who says where it stands says that it is raw
says '^all +5 +1 +2M ' # of words that are 32 bytes off

# ... in ranges that touch each other
lime "$dir/touch.lime" "$x86" 0 0x0 0x1fff 0x2000 0x2fff 0x3000 0x7fff \
	0x12000 0x12fff 0x13000 0x1ffff
alike "$dir/touch.lime --cr3 0x1000" "$raw --cr3 0x1000"
# ... that end and begin within a page, as System RAM does: whole pages count
lime "$dir/odd.lime" "$x86" 0 0x0 0x83ff 0x9010 0x9fef 0x11400 0x20000
refuses "$dir/odd.lime" --cr3 0x1000 # of which there is a byte too few
head -c -1 "$lime" >"$dir/odd.lime"
refuses "$dir/odd.lime" --cr3 0x1000
lime "$dir/odd.lime" "$x86" 0 0x0 0x83ff 0x9010 0x9fef 0x11400 0x1f7ff
alike "$dir/odd.lime --cr3 0x1000" \
	"$x86 --region 0:0x8000:0 --region 0x12000:0xd000:0x12000 --cr3 0x1000"
# ... up to the last page that there can be
{
	lime_range 0 0x1ffff
	cat "$x86"
	lime_range $(((1 << 52) - 4096)) $(((1 << 52) - 1))
	zeroes 4096
} >"$dir/high.lime"
run 0 "$dir/high.lime" --cr3 0x1000 --each
mv "$dir/out" "$dir/of_dump"
run 0 "$x86" --cr3 0x1000 --each
same "$dir/of_dump" "$dir/out" 'a range at the end of memory changes what is elsewhere'
# ... with more holes than memory
{
	lime_range 0 $(((1 << 26) - 1))
	cat "$x86"
} >"$dir/sparse.lime"
truncate -s $(((1 << 26) + 32)) "$dir/sparse.lime"
truncate -s $((1 << 26)) "$x86"
for ask in '--each --range 0-0xffffff' --find-roots; do
	run 0 "$dir/sparse.lime" --cr3 0x1000 $ask
	mv "$dir/out" "$dir/of_dump"
	run 0 "$x86" --cr3 0x1000 $ask
	same "$dir/of_dump" "$dir/out" "'$ask' of a dump with holes is not that of its raw image"
done
truncate -s $((32 << 12)) "$x86"

# ---- arm64, which has memory from 1G on ----
arm64=$dir/arm64.img
zeroes $((16 << 12)) >"$arm64"
put "$arm64" 0x1000 1 0x40002003
put "$arm64" 0x2000 0 0x40003003
put "$arm64" 0x3000 0 0x0060000040000f01
put "$arm64" 0x3000 1 0x40004003
put "$arm64" 0x4000 2 0x006000004000af03
lime "$dir/arm64.lime" "$arm64" 0x40000000 0x40000000 0x40007fff 0x40008000 0x4000ffff
asks='--va 0xffff008000202010'
regs='--ttbr0 0x40000000 --ttbr1 0x40001000 --tcr 0x580100010'
alike "$dir/arm64.lime $regs" "$arm64 --base 0x40000000 $regs"
refuses "$dir/arm64.lime" --cpu 0 $regs
refuses --tables "$dir/arm64.lime"

# ---- dumps that are none ----
# not_lime PATTERN: what stands in $dir/bad.lime is refused like that, whatever is asked.
not_lime() {
	refuses "$dir/bad.lime" --cr3 0x1000
	grep -q "$1" "$dir/err" || bad "no '$1' in: $(cat "$dir/err")"
	refuses "$dir/bad.lime"
	refuses "$x86" --cr3 0x1000 --diff "$dir/bad.lime"
}

# ranges FIRST LAST...: $dir/bad.lime has these, of memory with zeroes.
ranges() {
	while [ $# -gt 0 ]; do
		lime_range "$1" "$2"
		zeroes $(($2 - $1 + 1))
		shift 2
	done >"$dir/bad.lime"
}

printf EMiL >"$dir/bad.lime"
not_lime 'cut short in a header of LiME.s, at byte 0; --cut-short takes what is there$'
lime_range 0 0xfff | head -c 31 >"$dir/bad.lime"
not_lime 'cut short in a header'
lime_range 0 0xfff >"$dir/bad.lime"
not_lime 'cut short: the range at 0x0 is not all there'
head -c -1 "$lime" >"$dir/bad.lime"
not_lime 'cut short: the range at 0x12000 is not all there'
head -c $((32 + 0x8000 + 20)) "$lime" >"$dir/bad.lime"
not_lime 'cut short in a header of LiME.s, at byte 32800; '

# ... of which what is there is wanted
run 1 "$dir/bad.lime" --cut-short --cr3 0x7000 --each # what is in the first range
grep -q 'cut short in a header of LiME.s, at byte 32800$' "$dir/err" || bad "no warning"
mv "$dir/out" "$dir/of_dump"
run 1 "$x86" --region 0:0x8000:0 --cr3 0x7000 --each
same "$dir/of_dump" "$dir/out" 'a dump without its second range'
head -c $((32 + 0x8000 + 32 + 0xfff)) "$lime" >"$dir/bad.lime" # a byte less than a page
run 1 "$dir/bad.lime" --cut-short --cr3 0x1000 --verify
says 'PDE 1 .*outside memory$'
grep -q ': is cut short: the range at 0x12000 is not all there$' "$dir/err" || bad "no warning"
for ask in --each --usage; do
	run 0 "$lime" --cut-short --cr3 0x1000 $ask
	[ ! -s "$dir/err" ] || bad "a whole dump is cut short: $(cat "$dir/err")"
done
lime_range 0 0xfff >"$dir/bad.lime"
run 2 "$dir/bad.lime" --cut-short --cr3 0x0
grep -q 'is a dump without memory$' "$dir/err" || bad "no memory at all"
refuses "$x86" --cut-short --cr3 0x1000
{
	cat "$lime"
	zeroes 32
} >"$dir/bad.lime"
not_lime 'damaged: no header'
cp "$lime" "$dir/bad.lime"
patch "$dir/bad.lime" 4 2
not_lime 'of version 2, of which only 1 is known'
patch "$dir/bad.lime" 0 101 126 115 114 # AVML
not_lime 'compressed by AVML; avml-convert makes a plain dump'
cp "$lime" "$dir/bad.lime"
patch "$dir/bad.lime" $((32 + 0x8000)) 101 126 115 114 2
not_lime 'compressed by AVML'
{
	lime_range 0x1000 0xfff
	zeroes 4096
} >"$dir/bad.lime"
not_lime 'damaged: a range that begins at 0x1000 ends at 0xfff'
ranges 0x1000 0x2fff 0x2000 0x3fff
not_lime 'the range at 0x2000 overlaps'
ranges 0x1000 0x2fff 0x1000 0x2fff
not_lime 'the range at 0x1000 overlaps'
ranges 0x1000 0x27ff 0x2400 0x3fff # in a page of which neither has the whole
not_lime 'the range at 0x2400 overlaps'
ranges 0x4000 0x4fff 0x1000 0x1fff
not_lime 'stands below it'
lime_range $((1 << 52)) $(((1 << 52) + 4095)) >"$dir/bad.lime"
zeroes 4096 >>"$dir/bad.lime"
not_lime 'beyond 2^52'
lime_range 0 -1 >"$dir/bad.lime" # 2^64 bytes: a length of none
not_lime 'beyond 2^52'
lime_range 0x1000 -1 >"$dir/bad.lime"
not_lime 'beyond 2^52'
lime_range 0 $(((1 << 52) - 1)) >"$dir/bad.lime"
not_lime 'cut short: the range at 0x0'
ranges 0x800 0x17ff 0x1800 0x27fe # no page is whole
not_lime 'without memory'

# Ranges of a byte each: 1 of page 0, 1 of page 1, ...
nr=65537
format=$(awk -v nr=$nr 'BEGIN {
	for (i = 0; i < nr; i++) {
		at = sprintf("\\000\\%03o\\%03o\\%03o", i * 16 % 256, int(i / 16) % 256,
			     int(i / 4096))
		zero = "\\000\\000\\000\\000"
		printf "EMiL\\001\\000\\000\\000%s%s%s%s%s%sx", at, zero, at, zero, zero, zero
	}
}')
printf "$format" >"$dir/bad.lime"
not_lime 'more than 65536 ranges'
head -c $((33 * 65536)) "$dir/bad.lime" >"$dir/some.lime"
mv "$dir/some.lime" "$dir/bad.lime"
not_lime 'without memory'

# Every byte of a header, every bit of it: never more than a word about it.
lime "$dir/one.lime" "$x86" 0 0x0 0x7fff
for at in $(awk 'BEGIN { for (i = 0; i < 24; i++) print i }'); do
	for bits in 001 020 100 200 377; do
		cp "$dir/one.lime" "$dir/bad.lime"
		patch "$dir/bad.lime" "$at" $bits
		timeout 60 "$ptdump" "$dir/bad.lime" --cr3 0x1000 --verify >"$dir/out" 2>"$dir/err"
		status=$?
		[ $status -le 2 ] || bad "status $status with $bits at $at: $(head -n 3 "$dir/err")"
	done
done
finish
