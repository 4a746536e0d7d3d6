#!/bin/sh
# SPDX-License-Identifier: MIT
# ptdump --va --access from outside: verdicts and exit codes, under registers that were given and
# under those that a table image stands for. Usage: ptdump_access.sh PTDUMP
. "$(dirname "$0")/ptdump_begin.sh"

# ---- x86_64: 0 user, 1 user and read-only, 2 kernel, 3 absent, 4 no code, 5 key 1, 6 reserved ----
x86=$dir/x86.img
dd if=/dev/zero of="$x86" bs=4096 count=16 2>/dev/null
put "$x86" 0x1000 0 0x2007
put "$x86" 0x2000 0 0x3007
put "$x86" 0x3000 0 0x4007
put "$x86" 0x4000 0 0x8067
put "$x86" 0x4000 1 0x9065
put "$x86" 0x4000 2 0xa003
put "$x86" 0x4000 4 -0x7fffffffffff5ff9 # 0x800000000000a007
put "$x86" 0x4000 5 0x80000000000a007
put "$x86" 0x4000 6 0x400000000a007
cr3="--cr3 0x1000 --maxphyaddr 46"

# access STATUS VA KIND [OPTION...]
access() {
	expected=$1
	va=$2
	kind=$3
	shift 3
	run "$expected" "$@" --va "$va" --access "$kind"
}

access 0 0x10 read "$x86" $cr3
says '^0x0000000000000010 is allowed$'
says '^    what    8-byte read at CPL 0: a supervisor-mode access$'
says '^            PTE     \[  0\] 0x4000: 0x0000000000008067  4K page 0x8000; '
says '^    result  PA 0x8010, in a 4K page, memory type WB$'
says '^    rights  CPL 3: read, write, execute$'
access 1 0x1010 write "$x86" $cr3 --priv user --size 4
says '^0x0000000000001010 faults$'
says '^    what    4-byte write at CPL 3: a user-mode access$'
says '^    fault   #PF, error code 0x7: .*; CR2=0x1010$'
says '^    cause   R/W=0 in the PTE$'
access 1 0x1010 rmw "$x86" $cr3 # CR0.WP
access 0 0x1010 rmw "$x86" $cr3 --cr0 0x80000001
access 1 0x2000 read "$x86" $cr3 --priv user
says '^    cause   U/S=0 in the PTE$'
access 0 0x2000 fetch "$x86" $cr3 --priv kernel
says '^    what    fetch at CPL 0'
access 1 0x3000 read "$x86" $cr3
says '^    cause   P=0 in the PTE$'
access 1 0x4000 fetch "$x86" $cr3
says '^    cause   XD=1 in the PTE$'
access 1 0x5000 write "$x86" $cr3 --priv user --cr4 0x400020 --pkru 8
says '^    cause   WD1=1 in PKRU, for protection key 1 of the page$'
access 0 0x5000 read "$x86" $cr3 --priv user --cr4 0x400020 --pkru 8
access 1 0x6000 read "$x86" $cr3
says '^    cause   address bits beyond MAXPHYADDR=46, set in the PTE$'
access 0 0x6000 read "$x86" --cr3 0x1000
access 1 0x0 read "$x86" $cr3 --cr4 0x200020
says '^    cause   CR4.SMAP=1, and U/S=1 in every entry$'
access 0 0x0 read "$x86" $cr3 --cr4 0x200020 --rflags 0x40000
access 1 0x800000000000 read "$x86" $cr3
says '^    fault   #GP\(0\)$'
# Into the next page: two pieces, or the fault of the second one.
access 0 0xffc read "$x86" $cr3
says '^    result  4 bytes at PA 0x8ffc, '
says '^            4 bytes at PA 0x9000, '
access 1 0xffc write "$x86" $cr3
says 'CR2=0x1000$'
cp "$x86" "$dir/before.img"
access 0 0x2000 write "$x86" $cr3
cmp -s "$x86" "$dir/before.img" || bad "an access changed the image"

# As a table image: what selects the tables is known, the rest is given.
run 0 "$x86" $cr3 --save-tables "$dir/x86.ptl"
access 0 0x10 read "$dir/x86.ptl"
says '^cr3: x86_64'
says '^    result  PA 0x8010, '
access 1 0x6000 read "$dir/x86.ptl"
says '^    cause   address bits beyond MAXPHYADDR=46'
access 1 0x1010 write "$dir/x86.ptl"
access 0 0x1010 write "$dir/x86.ptl" --cr0 1
access 1 0x0 fetch "$dir/x86.ptl" --cr4 0x100000
says '^    cause   CR4.SMEP=1, and U/S=1 in every entry$'
run 1 "$dir/x86.ptl" --va 0xffffc --access write --size 64
says 'P=0 an entry is not present'
access 1 0x800000000000 read "$dir/x86.ptl"
says '^    fault   #GP'
access 0 0x3000 write "$x86" $cr3 --map 0x3000:0x8000:4K:rw
says '^    result  PA 0x8000, '

# Which registers that holds for, of those that were not given.
access 0 0x10 read "$x86" $cr3
says '^    under   CR0.WP=1 CR4.SMEP=0 SMAP=0 PKE=0 PKS=0: not given$'
access 0 0x10 read "$x86" $cr3 --cr0 0x80000001
says '^    under   CR4.SMEP=0 SMAP=0 '
access 0 0x10 read "$x86" $cr3 --cr0 0x80000001 --cr4 0x20
says_nr 0 ': not given'
access 0 0x10 read "$dir/x86.ptl"
says '^    under   CR0.WP=1 '

# Five levels, without NX.
cp "$x86" "$dir/la57.img"
put "$dir/la57.img" 0xd000 511 0x1007
access 0 0xffff000000000ff8 read "$dir/la57.img" --cr3 0xd000 --cr4 0x1020 --efer 0x500
says '^    walk    5-level paging, CR3=0xd000$'
run 0 "$dir/la57.img" --cr3 0xd000 --cr4 0x1020 --efer 0x500 --root cr3 --save-tables "$dir/la57.ptl"
access 0 0xffff000000000ff8 read "$dir/la57.ptl"
says '^    walk    5-level paging, CR3=0xd000$'
access 1 0xffff000000004000 read "$dir/la57.ptl"
says '^    cause   bit 63 \(XD\), reserved with EFER.NXE=0, '

# ---- arm64: both halves ----
arm=$dir/arm.img
base=0x40000000
dd if=/dev/zero of="$arm" bs=4096 count=16 2>/dev/null
put "$arm" 0x1000 0 0x40002003
put "$arm" 0x2000 1 0x40003003
put "$arm" 0x3000 0 0x40004003
put "$arm" 0x4000 0 0x0020000040005fc3   # user r-x
put "$arm" 0x4000 1 0x0060000040006b43   # user rw-, not accessed
put "$arm" 0x8000 511 0x40009003
put "$arm" 0x9000 511 0x4000a003
put "$arm" 0xa000 511 0x0040000060000781 # 2M at the end, kernel r-x
regs="--ttbr0 0x40001000 --ttbr1 0x12000040008000 --tcr 0x580100010 --mair 0xff --base $base"

access 0 0x40000008 read "$arm" $regs
says '^ttbr0: arm64_4k'
says '^    what    8-byte read at EL1$'
says '^            level 3 \[  0\] 0x40004000: 0x0020000040005fc3  4K page 0x40005000; '
says '^    result  PA 0x40005008, in a 4K page, memory type Normal write-back$'
access 1 0x40000008 write "$arm" $regs --priv user --size 1
says '^    fault   data abort, ESR_EL1=0x9200004f: .* permission fault, level 3, WnR=1; FAR_EL1=0x40000008$'
says '^    rule    writes need AP'
access 1 0x40001000 read "$arm" $regs
says 'access flag fault, level 3'
access 0 0x40001000 read "$arm" $regs --tcr 0x8580100010 # HA
says '^    under   SCTLR.WXN=0 EPAN=0 PSTATE.PAN=0: not given$'
access 1 0x40000000 read "$arm" $regs --pan
says '^    under   SCTLR.WXN=0 EPAN=0: not given$'
says '^    cause   PSTATE.PAN=1, and '
access 0 0xffffffffffffffff read "$arm" $regs --size 1
says '^    walk    bit 55 is 1: TTBR1_EL1'
access 1 0xffffffffffffffff read "$arm" $regs --size 1 --priv user
access 0 0xffffffffffe00000 fetch "$arm" $regs --priv kernel
access 1 0x80000000 fetch "$arm" $regs
says '^    fault   instruction abort, .* translation fault, level 1'
access 1 0x1000000000000 read "$arm" $regs
says '^    cause   bits 63:48 of the address are not all 0, as bit 55 is$'
access 0 0x0 read "$arm" $regs --sctlr 0
says '^    walk    none, SCTLR_EL1.M=0'
# A base permission by index: PIR_EL1[0] is 0, no access; PIIndex 0 in none of the bits.
access 1 0xffffffffffe00000 read "$arm" $regs --tcr2 2
access 0 0xffffffffffe00000 read "$arm" $regs --tcr2 2 --pir 0x1111111111111111

run 0 "$arm" $regs --save-tables "$dir/arm.ptl"
access 0 0x40000008 read "$dir/arm.ptl"
says '^    result  PA 0x40005008, in a 4K page, memory type Normal write-back$'
access 1 0x40001000 read "$dir/arm.ptl"
access 0 0x40001000 read "$dir/arm.ptl" --tcr 0x8000000000
access 0 0xffffffffffe00000 fetch "$dir/arm.ptl"
access 1 0x40000008 read "$dir/arm.ptl" --pan
access 1 0x1000000000000 read "$dir/arm.ptl"
says 'faults: no root.s half reaches it$'

# A block of 16 pages of which the second one is missing, and then one that is whole.
cp "$arm" "$dir/contig.img"
put "$dir/contig.img" 0x4000 16 0x0010000040000743
run 1 "$dir/contig.img" $regs --va 0x40010000
says '^0x0000000040010000 -> 0x40000000$'
says '^  contiguous   misprogrammed Contiguous bit, CONSTRAINED UNPREDICTABLE: of a block of 16 the level 3 entry at 0x40004088, 0x0000000000000000, is invalid$'
access 1 0x40010000 read "$dir/contig.img" $regs
says 'is allowed$'
says '^    contig  misprogrammed Contiguous bit, .* at 0x40004088, 0x0000000000000000, is invalid$'
i=0
while [ $i -lt 16 ]; do
	put "$dir/contig.img" 0x4000 $((16 + i)) $((0x0010000040000743 + i * 4096))
	i=$((i + 1))
done
# Of one entry without the mark, a TLB may have what its neighbours say.
put "$dir/contig.img" 0x4000 20 0x0000000040004743
for va in 0x40010000 0x40014000; do
	run 1 "$dir/contig.img" $regs --va $va
	says '^  contiguous   misprogrammed .* the level 3 entry at 0x400040a0, 0x0000000040004743, is not marked$'
	access 1 $va read "$dir/contig.img" $regs
	says '^    contig  misprogrammed .* at 0x400040a0, 0x0000000040004743, is not marked$'
done
put "$dir/contig.img" 0x4000 20 0x0010000040004743
run 0 "$dir/contig.img" $regs --va 0x40011000
says '^  leaf +4K, 16 of them contiguous$'
access 0 0x40011000 read "$dir/contig.img" $regs
says_nr 0 'misprogrammed'

# The other granules and widths, from their table images: 64K with LPA, 4K and 16K with LPA2.
wide=$dir/64k.img
dd if=/dev/zero of="$wide" bs=65536 count=6 2>/dev/null
put "$wide" 0x2000 0 0x40010003
put "$wide" 0x10000 1 0x40020003
put "$wide" 0x20000 5 0x5ff43
put "$wide" 0x4000 1023 0x40030003
put "$wide" 0x30000 8191 0x40000701
run 0 "$wide" --base $base --ttbr0 0x40002001 --ttbr1 0x5000040004001 --tcr 0x6c00c400c \
	--save-tables "$dir/64k.ptl"
access 0 0x20050010 read "$dir/64k.ptl"
says '^    result  PA 0xf000000050010, in a 64K page'
access 0 0xffffffffe0000000 read "$dir/64k.ptl"
says '^    result  PA 0x40000000, in a 512M page'
run 0 "$wide" --base $base --ttbr0 0x40002000 --tcr 0x50080400c --mmfr0 5 --save-tables "$dir/64k48.ptl"
access 0 0x20050010 read "$dir/64k48.ptl" # no address bits in 15:12
says '^    result  PA 0x50010, in a 64K page'
lpa2=$dir/lpa2.img
dd if=/dev/zero of="$lpa2" bs=4096 count=8 2>/dev/null
put "$lpa2" 0x1080 0 0x40002003
put "$lpa2" 0x2000 0 0x40003003
put "$lpa2" 0x3000 0 0x40004003
put "$lpa2" 0x4000 0 0x40005003
put "$lpa2" 0x5000 7 0x12345f43
run 0 "$lpa2" --base $base --ttbr0 0x40001080 --tcr 0x8000006809b000c --save-tables "$dir/lpa2.ptl"
access 0 0x7010 read "$dir/lpa2.ptl"
says '^            level -1 \[  0\] 0x40001080: '
says '^    result  PA 0xc000012345010, in a 4K page'
mid=$dir/16k.img
dd if=/dev/zero of="$mid" bs=16384 count=8 2>/dev/null
put "$mid" 0x40 1 0x40004003
put "$mid" 0x4000 2047 0x40008003
put "$mid" 0x8000 2047 0x40000701
run 0 "$mid" --base $base --ttbr1 0x40000040 --tcr 0x240100090 --save-tables "$dir/16k.ptl"
access 0 0xfffffffffe000008 read "$dir/16k.ptl"
says '^    result  PA 0x40000008, in a 32M page'
put "$mid" 0x8000 2047 0x0010000040000701
run 0 "$mid" --base $base --ttbr1 0x40000040 --tcr 0x240100090 --save-tables "$dir/16k.ptl"
access 1 0xfffffffffe000008 read "$dir/16k.ptl"
says '^    contig  misprogrammed Contiguous bit, .*: of a block of 32 the level 2 entry at 0x4000bff8, 0x0010000040000701, does not go on'

# ---- input that is no good ----
refuses "$x86" $cr3 --access read
refuses "$x86" $cr3 --pa 0 --access read
refuses "$x86" $cr3 --va 0 --access look
refuses "$x86" $cr3 --va 0 --access
refuses "$x86" $cr3 --va 0 --access read --size 0
refuses "$x86" $cr3 --va 0 --access read --size 65
refuses "$x86" $cr3 --va 0 --access read --priv guest
refuses "$x86" $cr3 --va 0 --size 4
refuses "$x86" $cr3 --va 0 --priv user
refuses "$x86" $cr3 --va 0 --access read --pkru 0x100000000
refuses "$x86" $cr3 --va 0 --access read --cr4 0x800020 --cr0 0x80000001 # CET without WP

# Garbage for tables: any verdict.
dd if=/dev/urandom of="$dir/noise.img" bs=4096 count=64 2>/dev/null
for va in 0 0x1ffc 0x123456789ff9 0xffff800000000000; do
	timeout 60 "$ptdump" "$dir/noise.img" $cr3 --va $va --access rmw >/dev/null 2>&1
	[ $? -le 2 ] || bad "noise kills it"
done

finish
