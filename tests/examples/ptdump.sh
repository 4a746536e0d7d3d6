#!/bin/sh
# SPDX-License-Identifier: MIT
# ptdump from outside: exit codes, one line on stderr for input that is no good, the form of what it
# prints, and images that are out to hurt. Usage: ptdump.sh PTDUMP
. "$(dirname "$0")/ptdump_begin.sh"

# ---- x86_64: tables at 1000, 2000, 3000, 4000, and one at 5000 for the last page there is ----
x86=$dir/x86.img
dd if=/dev/zero of="$x86" bs=4096 count=16 2>/dev/null
put "$x86" 0x1000 0 0x2007
put "$x86" 0x1000 511 0x8003
put "$x86" 0x2000 0 0x3007
put "$x86" 0x3000 0 0x4007
put "$x86" 0x3000 1 0x2001e7             # 2M, rwx u g, accessed and dirty
put "$x86" 0x4000 0 0xa067               # three neighbours, rwx u
put "$x86" 0x4000 1 0xb067
put "$x86" 0x4000 2 0xc027               # not dirty
put "$x86" 0x4000 4 -0x7fffffffffff5fdb  # 0x800000000000a025: r-- u, an alias of the first
put "$x86" 0x4000 6 0x123450             # not present
put "$x86" 0x8000 511 0x9003
put "$x86" 0x9000 511 0x5003
put "$x86" 0x5000 511 0xa163             # the last page: rwx g
cr3="--cr3 0x1000"

run 0 --help
says '^usage: '
run 0 --image "$x86" $cr3
says '^0x0000000000000000 0x0000000000002fff +0xa000 +4K +12K  rwx u- +WB +0 PTE$'
says '^0x0000000000004000 0x0000000000004fff +0xa000 +4K +4K  r-- u-'
says '^0x0000000000200000 0x00000000003fffff +0x200000 +2M +2M  rwx ug'
says '^0xfffffffffffff000 0xffffffffffffffff +0xa000 +4K +4K  rwx -g'
says_nr 4 '^0x'
run 0 "$x86" --cr3 0x1fff # a PCID stands in the low bits
says_nr 4 '^0x'

run 0 --image "$x86" $cr3 --json --each
says_nr 6 '^\{'
cat >"$dir/first" <<'END'
{"root":"cr3","va":"0x0","last":"0xfff","pa":"0xa000","size":4096,"level":0,"r":true,"w":true,"x":true,"px":true,"u":true,"g":false,"a":true,"d":true,"key":0,"type":"WB","contig":false}
END
head -n 1 "$dir/out" >"$dir/line"
same "$dir/first" "$dir/line" "the first JSON line"
says '"va":"0xfffffffffffff000","last":"0xffffffffffffffff"'
run 0 --image "$x86" $cr3 --json
says_nr 4 '^\{'
run 0 --image "$x86" $cr3 --soft
says '^0x0000000000006000 .*0x123450 .*not present'
says_nr 5 '^0x'
run 0 --image "$x86" $cr3 --soft --json
says_nr 1 '"word":"0x123450"'

# Corrupt neighbours are one line only where they are the same word.
cp "$x86" "$dir/corrupt.img"
put "$dir/corrupt.img" 0x3000 4 0x203083 # reserved bits of 2M pages
put "$dir/corrupt.img" 0x3000 5 0x203083
put "$dir/corrupt.img" 0x3000 6 0x205083
run 1 --image "$dir/corrupt.img" $cr3
says_nr 2 'corrupt: reserved'
says '^0x0000000000800000 0x0000000000bfffff +0x203083 '
says '^0x0000000000c00000 0x0000000000dfffff +0x205083 '
run 1 --image "$dir/corrupt.img" $cr3 --json
says_nr 1 '"word":"0x205083"'

# What Linux 6.12 and 6.15 mean by words, by hand from arch/x86/include/asm/pgtable_64.h and
# include/linux/swapops.h: the type at 63:59, the offset at 58:9, inverted; exclusive is bit 3.
cp "$x86" "$dir/soft.img"
put "$dir/soft.img" 0x4000 8 0x1fffffffffdb9600  # device 3, offset 0x1234
put "$dir/soft.img" 0x4000 9 0x1fffffffffdb9400  # 0x1235
put "$dir/soft.img" 0x4000 10 0x1fffffffffdb9208 # 0x1236, exclusive
put "$dir/soft.img" 0x4000 11 -0x600 # type 31, a marker: 2, poisoned
put "$dir/soft.img" 0x4000 12 -0xa00 # 4, a guard, which 6.12 does not have
put "$dir/soft.img" 0x4000 13 -0x4000000000001600 # type 23, 0xa: 6.12's hwpoison, since 6.15 a device
run 0 --image "$dir/soft.img" $cr3 --soft
says_nr 11 '^0x'
says_nr 7 '\(word, not present\)'
run 0 --image "$dir/soft.img" $cr3 --kernel x86-6.15
says '^0x000000000000b000 .*\(marker: poisoned\)'
says '^0x000000000000c000 .*\(marker: guard\)'
says '^0x000000000000d000 .*\(swap: device 23, offset 0xa\)'
run 0 --image "$dir/soft.img" $cr3 --kernel x86-6.12
says '^0x000000000000b000 .*\(marker: poisoned\)'
says '^0x000000000000c000 .*\(word, not present\)'
says '^0x000000000000d000 .*\(hwpoison: page 0xa000\)'
says '^0x0000000000008000 0x0000000000009fff +0x1fffffffffdb9600 .* 8K  \(swap: device 3, offset 0x1234\)  0 PTE'
says '^0x000000000000a000 .*\(swap: device 3, offset 0x1236, exclusive\)'
says '^0x0000000000006000 .*0x123450 '
run 0 --image "$dir/soft.img" $cr3 --kernel x86-6.12 --json
says_nr 1 '"last":"0x9fff","size":4096,"level":0,"word":"0x1fffffffffdb9600","soft":"swap","marks":"","device":3,"offset":"0x1234"\}$'
says_nr 1 '"soft":"swap","marks":"exclusive","device":3,"offset":"0x1236"\}$'
run 0 --image "$dir/soft.img" $cr3 --kernel x86-6.12 --each --json
says_nr 4 '"soft":"swap"' # that at 0x6000 too
says_nr 1 '"soft":"unknown","marks":""\}$'
says_nr 1 '"soft":"hwpoison","marks":"","page":"0xa000"\}$'
run 0 --image "$dir/soft.img" $cr3 --kernel x86-6.12 --va 0x8123
says '  soft swap: device 3, offset 0x1234$'
run 1 --image "$x86" $cr3 --kernel x86-6.12 --diff "$dir/soft.img"
says_nr 6 '^\+ '
says '^\+ 0x0000000000009000 .*\(swap: device 3, offset 0x1235\)'
refuses --image "$x86" $cr3 --kernel x86-5.4
refuses --image "$x86" $cr3 --kernel arm64-6.12
refuses --image "$x86" --eptp 0x101e --kernel x86-6.12

# Halves, ranges, filters, sizes.
run 0 --image "$x86" $cr3 --half lower
says_nr 3 '^0x'
run 0 --image "$x86" $cr3 --half upper
says_nr 1 '^0x'
run 0 --image "$x86" $cr3 --range 0x1000-0x2fff --json
says_nr 1 '"va":"0x1000","last":"0x2fff","pa":"0xb000"'
says_nr 1 '^\{'
run 0 --image "$x86" $cr3 --range 0xffffffffffffffff-0xffffffffffffffff --json
says_nr 1 '^\{'
run 0 --image "$x86" $cr3 --filter w,u
says_nr 2 '^0x'
run 0 --image "$x86" $cr3 --filter '!w'
says_nr 1 '^0x'
run 0 --image "$x86" $cr3 --filter 'w!u'
says_nr 1 '^0xfff'
run 0 --image "$x86" $cr3 --filter '!d' --json
says_nr 2 '^\{'
says_nr 1 '"va":"0x2000","last":"0x2fff"'
run 0 --image "$x86" $cr3 --leaf-size 2M
says_nr 1 '^0x'
run 0 --image "$x86" $cr3 --effective --json
says_nr 4 '^\{'

# One address, one page.
run 0 --image "$x86" $cr3 --va 0x1234
says '^3 +PML4E .*0x0000000000002007  table'
says '^0 +PTE .*0x000000000000b067  leaf .*A D'
says '0x0000000000001234 -> 0xb234'
run 0 --image "$x86" $cr3 --va 0x5000
says 'is not translated: PTE is empty'
run 0 --image "$x86" $cr3 --va 0x6000
says 'is not translated: PTE is not present'
run 0 --image "$x86" $cr3 --va 0x800000000000
says 'is not translated'
run 0 --image "$x86" $cr3 --pa 0xa123
says_nr 3 '^0x'
run 0 --image "$x86" $cr3 --pa 0x201000 --json
says_nr 1 '"va":"0x201000","last":"0x201fff","pa":"0x201000","size":2097152'
run 0 --image "$x86" $cr3 --pa 0xf000
says_nr 0 '^0x'

# Bytes: over pages of the image, to a hole, and in memory that the image does not have.
cp "$x86" "$dir/bytes.img"
put "$dir/bytes.img" 0xb000 511 0x4847464544434241 # ABCDEFGH at the end of 0x1000
put "$dir/bytes.img" 0xc000 0 0x504f4e4d4c4b4a49   # I to P at the beginning of 0x2000
put "$dir/bytes.img" 0xa000 511 0x5857565554535251 # Q to X, the last of all addresses
printf ABCDEFGHIJKLMNOP >"$dir/want"
run 0 --image "$dir/bytes.img" $cr3 --read 0x1ff8:16
same "$dir/want" "$dir/out" "--read over two pages"
printf RSTUVWX >"$dir/want"
run 0 --image "$dir/bytes.img" $cr3 --read 0xfffffffffffffff9:7
same "$dir/want" "$dir/out" "--read of the last address"
run 1 --image "$dir/bytes.img" $cr3 --read 0x1ff8:8K
[ "$(wc -c <"$dir/out")" -eq 4104 ] || bad "--read does not stop where nothing is mapped"
grep -q '^ptdump: 0x0000000000003000 is not translated: nothing' "$dir/err" || bad "--read of a hole"
run 1 --image "$dir/bytes.img" $cr3 --read 0x200000:1 # at 2M, which a small image does not have
grep -q 'is at 0x200000, which the image does not have' "$dir/err" || bad "--read outside"
run 1 --image "$dir/bytes.img" $cr3 --read 0x800000000000:1
refuses --image "$x86" $cr3 --read 0x1000
refuses --image "$x86" $cr3 --read 0x1000:0
refuses --image "$x86" $cr3 --read 0xfffffffffffffff9:8
refuses --image "$x86" $cr3 --read 0x1000:8:8
refuses --image "$x86" $cr3 --read 0x1000:8 --va 0x1000
refuses --image "$x86" $cr3 --read 0x1000:8 --json

# Reports.
run 1 --image "$x86" $cr3 --wx
says_nr 3 '^0x'
says '^W\^X: 3 ranges'
run 0 --image "$x86" $cr3 --wx --range 0x4000-0x4fff
says '^W\^X: nothing'
run 0 --image "$x86" $cr3 --usage
says '^0 PTE +2 +5 +4K +20K +1 +0 '
says '^1 PDE +2 +1 +2M +2M '
run 0 --image "$x86" $cr3 --verify
says '^cr3: sound$'

# A page of zeroes is no root, most likely.
run 0 --image "$x86" --cr3 0xf000 --verify
says '^cr3: sound, but empty: nothing is mapped$'
run 0 --image "$x86" --cr3 0xf000 --verify --json
says_nr 0 .

# A self-map is a finding about its own addresses only.
cp "$x86" "$dir/self.img"
put "$dir/self.img" 0x1000 510 0x1063
run 1 --image "$dir/self.img" $cr3 --verify
says '^cr3: 0xffffff0000000000: PML4E 510 .*table loop$'
run 1 --image "$dir/self.img" $cr3 --verify --half upper
run 0 --image "$dir/self.img" $cr3 --verify --half lower
says '^cr3: sound$'
run 0 --image "$dir/self.img" $cr3 --verify --range 0xffffff8000000000-0xffffffffffffffff
run 1 --image "$dir/self.img" $cr3 --verify --range 0xffffff7ffffff000-0xffffffffffffffff

# What would change nothing is refused.
for ask in --verify --usage --find-roots '--va 0x1000' '--read 0x1000:8' \
	"--save-tables $dir/none.ptl"; do
	for option in --each --effective --soft '--half lower' '--range 0-0xfff' '--filter w' \
		'--leaf-size 4K'; do
		case $ask$option in
		--verify--half*|--verify--range*|--save*--each) continue ;;
		esac
		refuses --image "$x86" $cr3 $ask $option
		grep -q "^ptdump: ${option%% *} goes with " "$dir/err" || bad "$ask with $option"
	done
done
refuses --image "$x86" $cr3 --usage --kernel x86-6.12
[ ! -e "$dir/none.ptl" ] || bad "tables were saved all the same"

# A table image says the same as what it was cut from.
run 0 --image "$x86" $cr3 --json --each
mv "$dir/out" "$dir/raw.json"
run 0 --image "$x86" $cr3 --save-tables "$dir/x86.ptl"
run 0 --tables "$dir/x86.ptl" --json --each
same "$dir/raw.json" "$dir/out" "a table image is dumped otherwise than its origin"
run 0 --image "$dir/x86.ptl" --json --each
same "$dir/raw.json" "$dir/out" "a table image is not found out"
run 0 --tables "$dir/x86.ptl" --save-tables "$dir/again.ptl"
same "$dir/x86.ptl" "$dir/again.ptl" "a table image saved again is another"
run 0 --image "$x86" $cr3 --diff "$dir/x86.ptl"
says '^no difference$'

# Its registers are its own, unless a root is given with others; and so is where it stands.
for option in '--maxphyaddr 36' '--efer 0x500' '--pat 0' --no-1g '--c-bit 47' '--cr0 0x80000001' \
	'--base 0x1000' '--region 0:0x1000:0'; do
	refuses "$dir/x86.ptl" $option
	refuses "$dir/x86.ptl" --verify $option
done
refuses "$dir/x86.ptl" --va 0x1000 --access read --maxphyaddr 36
grep -q 'unless a root is given' "$dir/err" || bad "no word of how to have others"
refuses "$dir/x86.ptl" --arch arm64
run 0 "$dir/x86.ptl" $cr3 --maxphyaddr 36
says '^cr3: x86_64, .*36-bit output'
run 0 "$dir/x86.ptl" --diff "$x86" --cr3-2 0x1000 --base 0
refuses "$dir/x86.ptl" --diff "$dir/x86.ptl" --base 0
refuses "$dir/x86.ptl" --cr3-2 0x1000

# Registers of accesses, and of other machines.
for option in '--pkru 0' '--rflags 0x40000'; do
	refuses --image "$x86" $cr3 --va 0x1000 $option
	grep -q 'is of an --access$' "$dir/err" || bad "$option is of no access"
	run 0 --image "$x86" $cr3 --va 0x1000 --access read $option
done
for option in '--tcr 0x580100010' '--sctlr 1' --pan '--ept-cap 0' --mbec '--hcr 1'; do
	refuses --image "$x86" $cr3 $option
	grep -q 'not of the machine' "$dir/err" || bad "$option is of x86_64"
done

# Nothing is saved over what is read, under another name neither: the image would be gone.
cp "$x86" "$dir/whole.img"
ln -s "$x86" "$dir/link.img"
refuses --image "$x86" $cr3 --save-tables "$x86"
refuses --image "$x86" $cr3 --save-tables "$dir/link.img"
refuses --image "$dir/link.img" $cr3 --each --save-tables "$x86"
refuses --tables "$dir/x86.ptl" --save-tables "$dir/x86.ptl"
refuses --tables "$dir/x86.ptl" --diff "$x86" --cr3-2 0x1000 --save-tables "$x86"
same "$x86" "$dir/whole.img" "--save-tables overwrote the image"
run 0 --tables "$dir/x86.ptl"

# Differences, and mappings in a copy.
cp "$x86" "$dir/other.img"
put "$dir/other.img" 0x4000 1 0
put "$dir/other.img" 0x4000 4 0xa025
put "$dir/other.img" 0x4000 8 0xd067
run 1 --image "$x86" $cr3 --diff "$dir/other.img"
says '^- 0x0000000000001000 0x0000000000001fff'
says '^~ 0x0000000000004000 0x0000000000004fff .* r-x u'
says '^ +was .* r-- u'
says '^\+ 0x0000000000008000 0x0000000000008fff'
says_nr 3 '^[-+~]'
run 0 --image "$dir/other.img" $cr3 --diff "$dir/other.img"
run 0 --tables "$dir/x86.ptl" --diff "$x86" --cr3-2 0x1000
run 1 --image "$x86" $cr3 --diff "$x86" --cr3-2 0x8000
cp "$x86" "$dir/before.img"
run 0 --image "$x86" $cr3 --map 0x10000000:0x40000000:4M:rw --map 0x7fff00000000:0xa000:8K:rxu \
	--save-tables "$dir/mapped.ptl"
same "$x86" "$dir/before.img" "--map changed the image"
run 1 --image "$x86" $cr3 --diff "$dir/mapped.ptl"
says_nr 2 '^\+ '
says_nr 2 '^[-+~]'
says '^\+ 0x0000000010000000 0x00000000103fffff +0x40000000 +2M +4M  rw'
says '^\+ 0x00007fff00000000 0x00007fff00001fff +0xa000 +4K +8K  r-x u-'
run 0 --tables "$dir/mapped.ptl" --verify
refuses --image "$x86" $cr3 --map 0x1000:0:4K:r
refuses --image "$x86" $cr3 --map 0x1001:0:4K:r
refuses --image "$x86" $cr3 --map 0x800000000000:0:4K:r
refuses --image "$x86" $cr3 --map 0x100000:0:4K:q

# ---- arm64: memory at 1G, both halves, TTBR1 with an ASID on top ----
arm=$dir/arm.img
base=0x40000000
dd if=/dev/zero of="$arm" bs=4096 count=16 2>/dev/null
put "$arm" 0x1000 0 0x40002003
put "$arm" 0x2000 1 0x40003003
put "$arm" 0x3000 0 0x40004003
put "$arm" 0x3000 1 0x0060000050000f41   # 2M, user rw
put "$arm" 0x4000 0 0x0020000040005fc3   # user r-x
put "$arm" 0x4000 1 0x0060000040006fc1   # no page: reserved at the last level
put "$arm" 0x8000 511 0x40009003
put "$arm" 0x9000 511 0x4000a003
put "$arm" 0xa000 511 0x0040000060000781 # 2M at the end, kernel r-xp, not for users
regs="--ttbr0 0x40001000 --ttbr1 0x12000040008000 --tcr 0x580100010 --mair 0xff --base $base"
run 1 --image "$arm" $regs --json
says_nr 4 '^\{'
says_nr 3 '^\{"root":"ttbr0",'
says_nr 1 '^\{"root":"ttbr1","va":"0xffffffffffe00000",'
says '"va":"0x40000000",.*"r":true,"w":false,"x":true,"px":false,"u":true,"g":false'
says '"va":"0x40200000",.*"size":2097152,"level":1,.*"w":true,"x":false,"px":false,"u":true'
says '"va":"0xffffffffffe00000","last":"0xffffffffffffffff","pa":"0x60000000",.*"w":false,"x":false,"px":true,"u":false,"g":true'
says '^\{"root":"ttbr0","va":"0x40001000","last":"0x40001fff","size":4096,"level":0,"word":"0x60000040006fc1","why":"reserved bits or encoding"\}$'
[ ! -s "$dir/err" ] || bad "corrupt entries go to stderr"
run 1 --image "$arm" $regs
says '^ttbr0: arm64_4k'
says '^ttbr1: arm64_4k'
says '^0x0000000040001000 .*corrupt'
run 0 --image "$arm" $regs --half upper --json
says_nr 1 '^\{'
run 0 --image "$arm" $regs --root ttbr1 --json
says_nr 1 '^\{'
run 1 --image "$arm" $regs --va 0x40001000
says 'level 3 is corrupt'
run 0 --image "$arm" $regs --va 0xffffffffffffffff
says '-> 0x601fffff$'
run 1 --image "$arm" $regs --verify
says '^ttbr0: 0x0000000040001000: level 3 entry 1 of the table at 0x40004000, word 0x0060000040006fc1: '
says '^ttbr0: 1 findings$'
says '^ttbr1: sound$'
run 0 --image "$arm" --region "$base:64K:0" --arch arm64 --ttbr1 0x40008000 --tcr 0x580100010 \
	--mmfr0 0x5 --json
says_nr 1 '^\{'
run 0 --image "$arm" $regs --save-tables "$dir/arm.ptl"
run 1 --tables "$dir/arm.ptl" --json --each
says_nr 4 '^\{'

# Dirty state by hardware (TCR.HD): clean pages forbid stores, and are no part of dirty ones.
cp "$arm" "$dir/dbm.img"
put "$dir/dbm.img" 0x4000 1 0
put "$dir/dbm.img" 0x4000 8 0x00680000400080c3 # DBM, read-only: clean
put "$dir/dbm.img" 0x4000 9 0x0068000040009443 # DBM, writable: dirty
run 0 --image "$dir/dbm.img" --base $base --ttbr0 0x40001000 --tcr 0x18580100010 --json
says_nr 1 '"va":"0x40008000","last":"0x40008fff",.*"w":false,.*"d":false'
says_nr 1 '"va":"0x40009000","last":"0x40009fff",.*"w":true,.*"d":true'
run 0 --image "$dir/dbm.img" --base $base --ttbr0 0x40001000 --tcr 0x18580100010
says '^0x0000000040008000 .* r--- u.*writable once dirty'
run 1 --image "$dir/dbm.img" --base $base --ttbr0 0x40001000 --tcr 0x18580100010 \
	--diff "$arm"
says_nr 2 '^- '

# ---- the other widths and granules, by hand from the manuals ----
# x86_64 with five levels: the four from above, in the first and in the last slot.
cp "$x86" "$dir/la57.img"
put "$dir/la57.img" 0xd000 0 0x1007
put "$dir/la57.img" 0xd000 511 0x1007
run 0 --image "$dir/la57.img" --cr3 0xd000 --cr4 0x1020 --json
says_nr 8 '^\{'
says '"va":"0xfffffffff000","last":"0xffffffffffff"'
says '"va":"0xffff000000000000","last":"0xffff000000002fff"'
says '"va":"0xfffffffffffff000","last":"0xffffffffffffffff"'

# 64K, 52 bits in and out: 1024 entries on top, PA[51:48] in bits 15:12.
wide=$dir/64k.img
dd if=/dev/zero of="$wide" bs=65536 count=6 2>/dev/null
put "$wide" 0x2000 0 0x40010003
put "$wide" 0x10000 1 0x40020003
put "$wide" 0x10000 2 0x60003f41
put "$wide" 0x20000 5 0x5ff43
put "$wide" 0x4000 1023 0x40030003
put "$wide" 0x30000 8191 0x40000701
run 0 --image "$wide" --base $base --ttbr0 0x40002001 --ttbr1 0x5000040004001 \
	--tcr 0x6c00c400c --json
says_nr 3 '^\{'
says '"va":"0x20050000","last":"0x2005ffff","pa":"0xf000000050000","size":65536,"level":0'
says '"va":"0x40000000","last":"0x5fffffff","pa":"0x3000060000000","size":536870912,"level":1'
says '"va":"0xffffffffe0000000","last":"0xffffffffffffffff","pa":"0x40000000"'

# 4K, 52 bits (DS): 16 entries on top, PA[51:50] in bits 9:8, blocks of 512G.
lpa2=$dir/lpa2.img
dd if=/dev/zero of="$lpa2" bs=4096 count=8 2>/dev/null
put "$lpa2" 0x1080 0 0x40002003
put "$lpa2" 0x2000 0 0x40003003
put "$lpa2" 0x2000 1 0x8000000f41
put "$lpa2" 0x3000 0 0x40004003
put "$lpa2" 0x4000 0 0x40005003
put "$lpa2" 0x5000 7 0x12345f43
put "$lpa2" 0x1100 15 0x40006003
put "$lpa2" 0x6000 511 0x40007003
put "$lpa2" 0x7000 511 0x40000401
run 0 --image "$lpa2" --base $base --ttbr0 0x40001080 --ttbr1 0x40001100 \
	--tcr 0x8000006800c000c --json
says_nr 3 '^\{'
says '"va":"0x7000","last":"0x7fff","pa":"0xc000012345000","size":4096,"level":0'
says '"va":"0x8000000000","last":"0xffffffffff","pa":"0xc008000000000","size":549755813888,"level":3'
says '"va":"0xffffffffc0000000","last":"0xffffffffffffffff","pa":"0x40000000","size":1073741824'

# 16K: 48 bits with two entries on top, and 36 bits with two levels.
mid=$dir/16k.img
dd if=/dev/zero of="$mid" bs=16384 count=8 2>/dev/null
put "$mid" 0x40 0 0x40004003
put "$mid" 0x4000 0 0x40008003
put "$mid" 0x8000 0 0x4000c003
put "$mid" 0x8000 1 0x42000f41
put "$mid" 0xc000 2 0x40010f43
put "$mid" 0x80 1 0x40014003
put "$mid" 0x14000 2047 0x40018003
put "$mid" 0x18000 2047 0x40000701
run 0 --image "$mid" --base $base --ttbr0 0x40000040 --ttbr1 0x40000080 --tcr 0x240108010 --json
says_nr 3 '^\{'
says '"va":"0x8000","last":"0xbfff","pa":"0x40010000","size":16384,"level":0'
says '"va":"0x2000000","last":"0x3ffffff","pa":"0x42000000","size":33554432,"level":1'
says '"va":"0xfffffffffe000000","last":"0xffffffffffffffff"'
run 0 --image "$mid" --base $base --ttbr0 0x40008000 --ttbr1 0x40018000 --tcr 0x2401c801c --json
says_nr 3 '^\{'
says '"va":"0x8000","last":"0xbfff","pa":"0x40010000"'
says '"va":"0xfffffffffe000000","last":"0xffffffffffffffff"'

# ---- images that are out to hurt ----
cp "$x86" "$dir/loop.img"
put "$dir/loop.img" 0x2000 1 0x1007
put "$dir/loop.img" 0x3000 2 0x3007
put "$dir/loop.img" 0x2000 2 0x7ffff007
run 1 --image "$dir/loop.img" $cr3
says '^0x0000000040000000 .*corrupt: '
says '^0x0000000000400000 .*corrupt: '
says '^0x0000000080000000 .*corrupt: '
run 1 --image "$dir/loop.img" $cr3 --va 0x400000
says 'PDE is corrupt: |is one of those above it'
run 1 --image "$dir/loop.img" $cr3 --verify
says '^cr3: 3 findings$'
run 1 --image "$dir/loop.img" $cr3 --usage
run 0 --image "$dir/loop.img" $cr3 --save-tables "$dir/loop.ptl"
run 1 --tables "$dir/loop.ptl" --verify

# 512^4 ways through four tables. Nobody waits for the end of that.
hydra=$dir/hydra.img
dd if=/dev/zero of="$hydra" bs=4096 count=8 2>/dev/null
fill "$hydra" 0x1000 0x2007
fill "$hydra" 0x2000 0x3007
fill "$hydra" 0x3000 0x4007
run 1 --image "$hydra" $cr3 # none of them leads to a leaf
grep -q 'tables point at each other' "$dir/err" || bad "the hydra is not named"
fill "$hydra" 0x4000 0x5067
run 1 --image "$hydra" $cr3
grep -q 'tables point at each other' "$dir/err" || bad "the hydra is not named"
run 0 --image "$hydra" $cr3 --range 0x1000-0x3fff
run 0 --image "$hydra" $cr3 --verify

# Garbage for memory: any status but a crash.
dd if=/dev/urandom of="$dir/noise.img" bs=4096 count=64 2>/dev/null
timeout 60 "$ptdump" --image "$dir/noise.img" $cr3 --each >/dev/null 2>&1
[ $? -le 2 ] || bad "noise kills it"

# ---- input that is no good ----
# because PATTERN ARGUMENT...: refused, and told why.
because() {
	pattern=$1
	shift
	refuses "$@"
	grep -Eq -e "$pattern" "$dir/err" || {
		bad "not told '$pattern': ptdump $*"
		cat "$dir/err"
	}
}

refuses
head -c 300 "$dir/x86.ptl" >"$dir/cut.ptl"
because 'cut short or damaged' "$dir/cut.ptl"
because 'cut short or damaged' --tables "$dir/cut.ptl"
because 'cut short or damaged' --image "$x86" $cr3 --diff "$dir/cut.ptl" # no memory full of nonsense
because 'regions overlap' --image "$x86" $cr3 --region 0:8K:0 --region 4K:8K:0
because 'less than a page' --image "$x86" $cr3 --region 0:4095:0
because 'LEN 0' --image "$x86" $cr3 --region 0:1M:0
because 'beyond 2\^52' --image "$x86" $cr3 --region 0xffffffffffff000:8K:0
because 'is empty' --image /dev/null $cr3
because 'multiples of a page' --image "$x86" $cr3 --map 0x100000:1:4K:r
because 'power of two' --image "$x86" $cr3 --leaf-size 3K
if [ -w /dev/full ]; then
	because 'no table image' --image "$x86" $cr3 --save-tables /dev/full
fi
refuses --image "$dir/missing.img" $cr3
refuses --image "$dir" $cr3
refuses --image /dev/null $cr3
refuses --image "$x86"
refuses --tables "$x86"
refuses --image "$x86" --cr3
refuses --image "$x86" --cr3 banana
refuses --image "$x86" --cr3 -1
refuses --image "$x86" --cr3 0x1000Q
refuses --image "$x86" --cr3 0x10000000000000000
refuses --image "$x86" --cr3 99999999T
refuses --image "$x86" --cr3 0x100000 # behind the image
refuses --image "$x86" --cr3 0x1000 --cr4 0 # no PAE
grep -q 'PAE (0x20)' "$dir/err" || bad "no word of what is missing: $(cat "$dir/err")"
refuses --image "$x86" --cr3 0x1000 --cr0 1 # no paging
refuses --image "$x86" --ttbr0 0x1000 # no TCR
refuses --image "$x86" --ttbr0 0x1000 --tcr 0x580100010 --arch x86_64
refuses --image "$x86" $cr3 --ttbr0 0x1000 --tcr 0x580100010
refuses --image "$x86" $cr3 --arch sparc
refuses --image "$x86" $cr3 --no-such-option
refuses --image "$x86" $cr3 -q
refuses --image "$x86" $cr3 more.img
for magic in '037 213 010' '050 265 057 375' '375 067 172 130 132 000' '121 106 111 373'; do
	cp "$x86" "$dir/packed" # gzip, zstd, xz, qcow2
	patch "$dir/packed" 0 $magic
	refuses "$dir/packed" $cr3
	grep -q 'takes it for memory as it is$' "$dir/err" || bad "what is packed is no memory"
	run 0 "$dir/packed" $cr3 --base 0
done
refuses --image "$x86" $cr3 --region 0:1M:0 # longer than the file
refuses --image "$x86" $cr3 --region 0:4K:1M
refuses --image "$x86" $cr3 --region 0x10:4K:0
grep -q 'multiples of 4K' "$dir/err" || bad "an unaligned region is not named"
refuses --image "$x86" $cr3 --region 0:4K:32 # behind a header
grep -q 'multiples of 4K' "$dir/err" || bad "an unaligned place in the file is not named"
refuses --image "$x86" $cr3 --region 0:64K:0 --region 0x8000:4K:0 # overlap
refuses --image "$x86" $cr3 --region 0xfffffffffffff000:8K:0
refuses --image "$x86" $cr3 --region 1:2:3:4
refuses --image "$x86" $cr3 --range 5-4
refuses --image "$x86" $cr3 --range 0x1000
refuses --image "$x86" $cr3 --half middle
refuses --image "$x86" $cr3 --filter z
refuses --image "$x86" $cr3 --filter '!'
refuses --image "$x86" $cr3 --usage --verify
refuses --image "$x86" $cr3 --root ttbr0
refuses --image "$x86" $cr3 --maxphyaddr 99
refuses --image "$x86" $cr3 --diff "$dir/missing.img"
refuses --image "$x86" $cr3 --diff "$x86" --ttbr0-2 0x1000
refuses --tables "$dir/x86.ptl" --diff "$x86"
refuses --image "$x86" $cr3 --save-tables "$dir/no/where.ptl"
head -c $(($(wc -c <"$dir/x86.ptl") - 9)) "$dir/x86.ptl" >"$dir/short.ptl"
refuses --tables "$dir/short.ptl"
refuses "$dir/short.ptl"
head -c 8200 "$x86" >"$dir/short.img" # the root is there, what it points at is not
run 1 --image "$dir/short.img" $cr3
says_nr 2 'corrupt: '
if [ -w /dev/full ]; then
	timeout 60 "$ptdump" --image "$x86" $cr3 >/dev/full 2>"$dir/err"
	[ $? -eq 2 ] || bad "a full disk is not noticed"
	"$ptdump" --help >/dev/full 2>"$dir/err"
	[ $? -eq 2 ] || bad "a full disk is not noticed by --help"
	"$ptdump" --image "$x86" $cr3 --read 0:8K >/dev/full 2>"$dir/err"
	[ $? -eq 2 ] || bad "a full disk is not noticed by --read"
fi

finish
