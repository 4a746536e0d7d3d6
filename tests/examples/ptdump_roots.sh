#!/bin/sh
# SPDX-License-Identifier: MIT
# ptdump --find-roots on images with roots of several processes, and with pages that look like
# roots and are none. Usage: ptdump_roots.sh PTDUMP
. "$(dirname "$0")/ptdump_begin.sh"

# image FILE PAGES: of 4K, all zero.
image() {
	dd if=/dev/zero of="$1" bs=4096 count=0 seek="$2" 2>/dev/null
}

# chain FILE WORD TABLE...: entry 0 of each table points at the next one, with the low bits of WORD.
chain() {
	file=$1
	low=$2
	table=$3
	shift 3
	for next; do
		put "$file" "$table" 0 $((next + base | low))
		table=$next
	done
}

# roots: what the last run found, a line each, blanks squeezed.
roots() {
	sed -n 's/^--/&/; s/  */ /gp' "$dir/out" | grep '^--' >"$dir/roots"
}

# are WANTED: those roots, and no others.
are() {
	roots
	printf '%s\n' "$1" >"$dir/want"
	same "$dir/want" "$dir/roots" "other roots: $2"
}

# ---- x86_64: what a root has of the kernel ----
base=0
x86=$dir/x86.img
image "$x86" 64
for root in 0x1000 0x10000 0x14000; do
	put "$x86" $root 256 0x5003
	put "$x86" $root 300 0x6003
	put "$x86" $root 511 0x8003
done
put "$x86" 0x5000 0 0x83
put "$x86" 0x6000 0 0x7003 # by itself it could be a root
put "$x86" 0x7000 0 0x83
chain "$x86" 7 0x1000 0x2000 0x3000 0x4000 # that of the registers, with four pages of 4K and 2M
put "$x86" 0x4000 0 0x9067
put "$x86" 0x4000 1 0xa067
put "$x86" 0x4000 2 0x1234 # not present
put "$x86" 0x4000 511 0xb025
put "$x86" 0x3000 1 0x2001e7
chain "$x86" 0x67 0x10000 0x11000 0x12000 0x13000 # another process
put "$x86" 0x10000 256 0x5063                     # ... which was there
put "$x86" 0x10000 300 0                          # ... and not yet here
put "$x86" 0x13000 0 0xc067
put "$x86" 0x10000 100 0x18007                    # ... with an empty table
# 0x14000 is of a process without memory. The kernel's own pages are in the lower half of this one:
chain "$x86" 3 0x15000 0x16000 0x17000
put "$x86" 0x15000 511 0x8023
put "$x86" 0x17000 0 0xe3
# Decoys: random words, a table outside memory, a reserved bit, another kernel's, one that is mostly
# another kernel's, the kernel's table at another place, a root that points at itself.
dd if="$ptdump" of="$x86" bs=4096 skip=1 seek=32 count=1 conv=notrunc 2>/dev/null
for root in 0x21000 0x22000 0x25000 0x26000 0x27000; do
	put "$x86" $root 256 0x5003
done
put "$x86" 0x21000 3 0x7f000007
put "$x86" 0x22000 3 0x2087
put "$x86" 0x23000 256 0x6003
put "$x86" 0x24000 257 0x5003
put "$x86" 0x25000 300 0x2003
put "$x86" 0x25000 511 0x3003
put "$x86" 0x26000 7 0x26007
# A process whose tables were damaged is one: a table of it points at the root.
chain "$x86" 7 0x27000 0x28000 0x27000

run 0 "$x86" --cr3 0x1000 --find-roots
says '^cr3: x86_64, .*, root 0x1000$'
are '--cr3 0x1000 3 4 2060K of the registers
--cr3 0x10000 4 1 4K
--cr3 0x14000 0 0 0
--cr3 0x15000 2 1 2M no user pages
--cr3 0x27000 1 0 0 corrupt entries: 1' "of x86_64"
run 0 "$x86" --cr3 0x14000 --find-roots
sed 's/ of the registers//; s/0x14000.*/& of the registers/' "$dir/want" >"$dir/other"
roots
same "$dir/other" "$dir/roots" "another root finds others"
# What stands behind the word root is what the option takes.
while read -r option value rest; do
	run 0 "$x86" "$option" "$value" --usage
done <<'END'
--cr3 0x10000
--cr3 0x15000
END
# One that shares nothing is known by its tree: as those of other machines are, below.
run 0 "$x86" --cr3 0x3f000 --find-roots
says '^--cr3 0x3f000 +0 +0 +0  of the registers$'
says '^--cr3 0x1000 '
says '^--cr3 0x10000 '
says_nr 0 '^--cr3 0x[2346]000 '
says_nr 0 '^--cr3 0x2[0-9]000 '

# ---- page-table isolation: two roots a process, the user's has its own tables at the top ----
pti=$dir/pti.img
image "$pti" 64
for root in 0x10000 0x20000 0x30000; do
	put "$pti" $root 273 0x5003
	put "$pti" $root 510 0x6003
	put "$pti" $root 511 0x7003
	put "$pti" $((root + 0x1000)) 511 0x8003
done
chain "$pti" 7 0x10000 0x12000 0x13000 0x14000
chain "$pti" 7 0x11000 0x12000
put "$pti" 0x10000 0 $((1 << 63 | 0x12007))
put "$pti" 0x14000 9 0x15067
chain "$pti" 7 0x20000 0x22000 0x23000 0x24000
chain "$pti" 7 0x21000 0x22000
put "$pti" 0x20000 0 $((1 << 63 | 0x22007))
put "$pti" 0x20000 272 0x25003 # its LDT
put "$pti" 0x24000 9 0x25067
for given in 0x10000 0x11000; do
	run 0 "$pti" --cr3 $given --find-roots
	roots
	sed -i 's/ of the registers//' "$dir/roots"
	cat >"$dir/want" <<-'END'
		--cr3 0x10000 3 1 4K
		--cr3 0x11000 3 1 4K
		--cr3 0x20000 3 1 4K
		--cr3 0x21000 3 1 4K
		--cr3 0x30000 0 0 0
		--cr3 0x31000 0 0 0
	END
	same "$dir/want" "$dir/roots" "other roots under isolation, with $given"
done

# ---- arm64: roots of TTBR0 share nothing ----
base=0x40000000
arm=$dir/arm.img
image "$arm" 64
chain "$arm" 3 0x8000 0x9000 0xa000 0xb000 # TTBR1's
put "$arm" 0xb000 0 0x0040000040001703     # the linear map: roots and tables are pages of it
put "$arm" 0xb000 1 0x0040000040004703
put "$arm" 0xb000 2 0x0040000040014703
chain "$arm" 3 0x1000 0x2000 0x3000 0x4000
put "$arm" 0x4000 0 0x0020000040005fc3
put "$arm" 0x4000 5 0x0060000040006f43
put "$arm" 0x3000 1 0x0060000050000f41     # 2M
put "$arm" 0x4000 7 0x1234560              # not present
chain "$arm" $((8 << 56 | 3)) 0x10000 0x11000 0x12000 0x13000 # with PXNTable, as Linux has it
put "$arm" 0x13000 511 0x0060000040014f43
put "$arm" 0x10000 511 0x0800000040015003
chain "$arm" 3 0x18000 0x19000 0x1a000     # a map for booting
put "$arm" 0x1a000 0 0x0040000040000701
# Decoys: random words; tables with nothing in them; outside memory; a block where none may be; one
# corrupt word at the end; two that point at each other; one that points at itself below.
dd if="$ptdump" of="$arm" bs=4096 skip=1 seek=32 count=1 conv=notrunc 2>/dev/null
chain "$arm" 3 0x21000 0x22000 0x23000
put "$arm" 0x24000 0 0x70001003
put "$arm" 0x25000 0 0x40002003
put "$arm" 0x25000 1 0x0040000040000701
chain "$arm" 3 0x26000 0x27000 0x28000 0x29000
put "$arm" 0x29000 0 0x0060000040006f43
put "$arm" 0x29000 1 0x0060100040006f43 # beyond 40 bits
chain "$arm" 3 0x2a000 0x2b000 0x2a000
chain "$arm" 3 0x2c000 0x2d000 0x2e000 0x2d000
regs="--base $base --tcr 0x280100010 --mair 0xff"
found='--ttbr0 0x40001000 3 3 2056K of the registers
--ttbr0 0x40010000 4 1 4K
--ttbr0 0x40018000 2 1 2M no user pages'
run 0 "$arm" $regs --ttbr0 0x40001000 --ttbr1 0x40008000 --find-roots
says '^ttbr0: arm64_4k, '
says '^ttbr1: arm64_4k, '
are "$found
--ttbr1 0x40008000 3 3 12K of the registers no user pages" "of arm64"
run 0 "$arm" $regs --ttbr0 0x40001000 --ttbr1 0x40008000 --find-roots --root ttbr1
are '--ttbr1 0x40008000 3 3 12K of the registers no user pages' "of TTBR1"
# Without TTBR1 its tables are those of one more root.
run 0 "$arm" $regs --ttbr0 0x5a00000040001000 --find-roots
are "$(echo "$found" | sed '1a\
--ttbr0 0x40008000 3 3 12K no user pages')" "of TTBR0 alone"
# The one of the registers is one, whatever is wrong with it.
run 0 "$arm" $regs --ttbr0 0x40026000 --ttbr1 0x40008000 --find-roots
says '^--ttbr0 0x40026000 +3 +1 +4K  of the registers  corrupt entries: 1$'
says_nr 4 '^--ttbr0 '

# Roots that are less than a page, beyond 2^48: 52 bits of input, 16 entries at the top. TTBR0 has
# bits 51:48 at 5:2, descriptors have 51:50 at 9:8.
base=0
wide=$dir/wide.img
image "$wide" 32
chain "$wide" 0x103 0x1000 0x2000 0x3000 0x4000 0x5000
put "$wide" 0x5000 1 0x0060000000006d43
chain "$wide" 0x103 0x1f80 0x8000 0x9000 0xa000 0xb000
put "$wide" 0xb000 1 0x0060000000006d43
put "$wide" 0x1080 0 0x2303 # beyond memory
put "$wide" 0x1100 0 0x2107
put "$wide" 0x1100 3 0x2101 # reserved
run 0 "$wide" --base 0x4000000000000 --ttbr0 0x1010 --tcr 0x8000006800c000c --mair 0xff \
	--find-roots
are '--ttbr0 0x1010 4 1 4K of the registers
--ttbr0 0x1f90 4 1 4K' "of 52 bits"

# ---- second stages ----
ept=$dir/ept.img
image "$ept" 32
chain "$ept" 7 0x1000 0x2000 0x3000 0x4000
put "$ept" 0x4000 0 0x8037
chain "$ept" 7 0x10000 0x11000 0x12000
put "$ept" 0x12000 0 0xb7
chain "$ept" 7 0x14000 0x15000 0x16000
put "$ept" 0x16000 0 0xb6 # misconfigured: W without R
run 0 "$ept" --eptp 0x105e --find-roots
are '--eptp 0x105e 3 1 4K of the registers
--eptp 0x1005e 2 1 2M' "of EPT"
run 0 "$ept" --eptp 0x1005e --va 0x1234
says '0x0000000000001234 -> 0x1234'

# ---- JSON; images of all that is bad ----
run 0 "$x86" --cr3 0x1000 --find-roots --json
says_nr 5 '^\{"root":"cr3","value":"0x[0-9a-f]+","pa":"0x[0-9a-f]+","tables":'
says '^\{"root":"cr3","value":"0x1000","pa":"0x1000","tables":3,"leaves":4,"user":4,"mapped":2109440,"corrupt":0,"given":true\}$'
says '^\{"root":"cr3","value":"0x15000","pa":"0x15000","tables":2,"leaves":1,"user":0,"mapped":2097152,"corrupt":0,"given":false\}$'
run 0 "$wide" --base 0x4000000000000 --ttbr0 0x1010 --tcr 0x8000006800c000c --find-roots --json
says '"value":"0x1f90","pa":"0x4000000001f80",'

all=$dir/all.img
image "$all" 32
i=0
while [ $i -lt 32 ]; do # each page is 512 times the table at the next one
	fill "$all" $((i * 4096)) $(((i + 1) % 32 * 4096 | 0x403))
	i=$((i + 1))
done
run 0 "$all" --cr3 0x5000 --find-roots
says_nr 1 '^--cr3 0x5000 .*of the registers'
says_nr 1 '^--cr3'
run 0 "$all" --ttbr0 0x5000 --tcr 0x580100010 --find-roots
says_nr 1 '^--ttbr0 0x5000 .*of the registers'
says_nr 1 '^--ttbr0'
run 0 "$all" --eptp 0x501e --find-roots
i=0
while [ $i -lt 32 ]; do # ... and at itself
	fill "$all" $((i * 4096)) $((i * 4096 | 0x403))
	i=$((i + 1))
done
run 0 "$all" --cr3 0x5000 --find-roots
run 0 "$all" --ttbr0 0x5000 --tcr 0x580100010 --find-roots
says_nr 1 '^--ttbr0'

# ---- holes, and what it does not go with ----
run 0 "$x86" --region 0:36K:0 --region 0x10000:36K:0x10000 --cr3 0x1000 --find-roots
says_nr 4 '^--cr3 0x'
run 0 "$x86" --cr3 0x1000 --save-tables "$dir/x86.ptl"
refuses "$dir/x86.ptl" --find-roots
grep -q 'a table image has the tables of its own roots' "$dir/err" || bad "refused otherwise"
refuses "$x86" --cr3 0x1000 --find-roots --verify
refuses "$x86" --find-roots

# More tables than there is room for at first: nine of level 1 with 512 empty ones each.
large=$dir/large.img
truncate -s $((0x10000 + 9 * 512 * 4096)) "$large"
put "$large" 0x1000 0 0x2007
for i in 0 1 2 3 4 5 6 7 8; do
	put "$large" 0x2000 $i $((0x3007 + i * 4096))
done
words=$(awk 'BEGIN {
	for (i = 16; i < 16 + 9 * 512; i++)
		printf "\\007\\%03o\\%03o\\%03o\\0\\0\\0\\0", i % 16 * 16, i / 16 % 256, i / 4096
}')
# shellcheck disable=SC2059 # the escapes are the point
printf "$words" | dd of="$large" bs=4096 seek=3 conv=notrunc 2>/dev/null
run 0 "$large" --cr3 0x1000 --find-roots
are '--cr3 0x1000 4618 0 0 of the registers' 'of many tables'
finish
