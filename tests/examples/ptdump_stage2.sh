#!/bin/sh
# SPDX-License-Identifier: MIT
# ptdump on second stages: EPT, and stage 2 of arm64 with a root of two tables. Usage:
# ptdump_stage2.sh PTDUMP
. "$(dirname "$0")/ptdump_begin.sh"

# ---- EPT: 0 rwx, 1 r, 2 w alone, 3 x alone, 4 read and executed by users, 5 UC ----
ept=$dir/ept.img
dd if=/dev/zero of="$ept" bs=4096 count=16 2>/dev/null
put "$ept" 0x1000 0 0x2007
put "$ept" 0x2000 0 0x3007
put "$ept" 0x3000 0 0x4007
put "$ept" 0x3000 1 0x2003b7 # 2M, accessed and dirty
put "$ept" 0x4000 0 0x8037
put "$ept" 0x4000 1 0x9031
put "$ept" 0x4000 3 0xb034
put "$ept" 0x4000 4 0xc431
put "$ept" 0x4000 5 0xd007
eptp="--eptp 0x105e"

run 0 "$ept" $eptp
says '^eptp: x86_ept, 48-bit input, 52-bit output, 4 levels, root 0x1000$'
says '^0x0000000000000000 0x0000000000000fff +0x8000 +4K +4K  rwx'
says '^0x0000000000001000 0x0000000000001fff +0x9000 +4K +4K  r--'
says '^0x0000000000003000 0x0000000000003fff +0xb000 +4K +4K  --x'
says '^0x0000000000004000 0x0000000000004fff +0xc000 +4K +4K  r--'
says '^0x0000000000005000 .* UC '
says '^0x0000000000200000 0x00000000003fffff +0x200000 +2M +2M  rwx'
says_nr 6 '^0x'
run 0 "$ept" $eptp --arch x86_ept --mbec
says '^0x0000000000004000 0x0000000000004fff +0xc000 +4K +4K  r-x- '
run 0 "$ept" $eptp --va 0x1234
says '^0 +.*0x0000000000009031  leaf R type=6$'
says '0x0000000000001234 -> 0x9234'
run 0 "$ept" $eptp --verify
run 0 "$ept" $eptp --save-tables "$dir/ept.ptl"
run 0 "$ept" $eptp --diff "$dir/ept.ptl"
run 1 "$ept" $eptp --diff "$ept" --eptp-2 0x205e
run 0 "$ept" $eptp --map 0x10000:0x8000:4K:rw --va 0x10000
says '0x0000000000010000 -> 0x8000'
put "$ept" 0x4000 2 0xa032
run 1 "$ept" $eptp # misconfigured
says '^0x0000000000002000 .*corrupt: '
run 1 "$ept" $eptp --ept-cap 0x204140 --va 0x3000 # UC, WB, 4 levels, A and D; no execute-only
says ' is corrupt: '
refuses "$ept" --eptp 0x1006           # one level
grep -q 'eptp 0x1006, .* 5:3 their levels less one' "$dir/err" || bad "what is wrong: $(cat "$dir/err")"
refuses "$ept" --eptp 0x105b           # memory type 3
refuses "$ept" --eptp 0x105e --ept-cap 0x4040 # no A and D
refuses "$ept" $eptp --arch x86_64
refuses "$ept" $eptp --cr3 0x1000
refuses "$ept" $eptp --root cr3
refuses "$ept" $eptp --va 0x100000000 --access read # beyond a guest without paging

# Accesses of a guest whose paging is off.
run 0 "$ept" $eptp --va 0x10 --access write
says '^    walk    none, CR0.PG=0: the address is the guest-physical address$'
says '^    stage 2 4-level EPT, EPTP=0x105e$'
says '^              GPA 0x10, the address itself:$'
says '0x4000: 0x0000000000008037  4K page 0x8000; R=1 W=1 X=1 type=6 A=0 D=0 XU=0$'
says '^    result  PA 0x8010, in a 4K page, '
run 1 "$ept" $eptp --va 0x1010 --access write
says '^    fault   EPT violation, exit qualification 0x18a: write, readable, linear address, of what is accessed; guest-physical address 0x1010$'
says '^    cause   W=0 in the EPT PTE$'
says '^    change  EPT PTE at 0x4008 to 0x0000000000009033 \(set bit 1 W\)$'
run 1 "$ept" $eptp --va 0x2000 --access read
says '^    fault   EPT misconfiguration; guest-physical address 0x2000$'
says '^    cause   W=1 and R=0 in the EPT '
says '^    change  EPT PTE at 0x4010 to 0x000000000000a033 \(set bit 0 R\)$'
says '^ {16}EPT PTE   \[  2\] 0x4010: '
run 1 "$ept" $eptp --va 0x3000 --access read
says '^    cause   R=0 in the EPT PTE$'
run 0 "$ept" $eptp --va 0x3000 --access fetch
run 1 "$ept" $eptp --va 0x4000 --access fetch
run 1 "$ept" $eptp --mbec --va 0x4000 --access fetch
says '^    cause   XU=0 in the EPT PML4E and the EPT PDPTE and the EPT PDE$'
says 'not execute: XU=0 in an entry above the last$'
put "$ept" 0x1000 0 0x2407
put "$ept" 0x2000 0 0x3407
put "$ept" 0x3000 0 0x4407
run 0 "$ept" $eptp --mbec --va 0x4000 --access fetch
says '^    result  PA 0xc000'
run 1 "$ept" $eptp --va 0x6000 --access read
says '^    cause   no right at all in the EPT '
# Reserved: address bits below a large page, what a page has and a table has not, a type.
put "$ept" 0x3000 2 0x4010b7
put "$ept" 0x3000 3 0x401f
put "$ept" 0x4000 7 0xf017
put "$ept" 0x4000 8 0x2000000010037
run 1 "$ept" $eptp --va 0x400000 --access read
says '^    cause   address bits below the size of the page, set in the EPT PDE$'
says '^    change  EPT PDE at 0x3010 to 0x00000000004000b7 \(clear bit 12\)$'
run 1 "$ept" $eptp --va 0x600000 --access read
says "^    cause   bits of 6:3, which are a page's memory type and not a table's, set in the EPT PDE$"
says '^    change  EPT PDE at 0x3018 to 0x0000000000004007 \(clear bit 3 .*, clear bit 4 .*\)$'
run 1 "$ept" $eptp --va 0x7000 --access read
says '^    cause   a reserved memory type in the EPT PTE$'
says '^    change  a memory type in bits 5:3 of 0 UC, 1 WC, 4 WT, 5 WP or 6 WB$'
run 1 "$ept" $eptp --maxphyaddr 40 --va 0x8000 --access read
says '^    cause   address bits beyond MAXPHYADDR=40, set in the EPT PTE$'
says '^    change  EPT PTE at 0x4040 to 0x0000000000010037 \(clear bit 49\)$'
run 0 "$dir/ept.ptl" --va 0x10 --access write
says '^    stage 2 4-level EPT, EPTP=0x105e$'
run 1 "$dir/ept.ptl" --va 0x1010 --access write

# ---- arm64, 4K, 40 bits: two tables of level 1 at 0x40002000 ----
s2=$dir/s2.img
dd if=/dev/zero of="$s2" bs=4096 count=16 2>/dev/null
put "$s2" 0x2000 1 0x40004003
put "$s2" 0x3000 0 0x400007fd # 1G at 512G
put "$s2" 0x4000 0 0x40005003
put "$s2" 0x5000 0 0x400067ff
put "$s2" 0x5000 1 0x4000677f         # read only
put "$s2" 0x5000 2 0x004000004000677f # read only, never executed
put "$s2" 0x5000 3 0x400063ff         # not accessed
regs="--base 0x40000000 --vttbr 0x40002000 --vtcr 0x80020058"

run 0 "$s2" $regs
says '^vttbr: arm64_s2_4k, 40-bit input, 40-bit output, 3 levels, root 0x40002000$'
says '^0x0000000040000000 0x0000000040000fff +0x40006000 +4K +4K  rwxp'
says '^0x0000000040001000 0x0000000040001fff +0x40006000 +4K +4K  r-xp'
says '^0x0000000040002000 0x0000000040002fff +0x40006000 +4K +4K  r--- '
says '^0x0000008000000000 0x000000803fffffff +0x40000000 +1G +1G  rwxp'
run 0 "$s2" $regs --va 0x8000001000 --arch arm64_s2
says '0x0000008000001000 -> 0x40001000'
run 0 "$s2" $regs --verify
run 0 "$s2" $regs --va 0x40000010 --access write
says '^    walk    none, SCTLR_EL1.M=0: the address is the intermediate address$'
says '^    stage 2 VTTBR_EL2=0x40002000, T0SZ=24: 40 bits, 4K granule, 2 tables side by side are the root$'
says '^                level 3 \[  0\] 0x40005000: 0x00000000400067ff  4K page 0x40006000; '
says '^    result  PA 0x40006010, in a 4K page, '
run 1 "$s2" $regs --va 0x40001010 --access write
says '^    fault   data abort, ESR_EL2=0x9200004f: .* permission fault, level 3, WnR=1, S1PTW=0; FAR_EL2=0x40001010, HPFAR_EL2=0x400010$'
says '^    cause   S2AP\[1\]=0 in the stage 2 level 3 entry$'
run 1 "$s2" $regs --va 0x40002000 --access fetch --priv user
says '^    fault   instruction abort, ESR_EL2='
run 1 "$s2" $regs --va 0x40003000 --access read
says 'access flag fault, level 3'
run 0 "$s2" --base 0x40000000 --vttbr 0x40002000 --vtcr 0x80220058 --va 0x40003000 --access read # HA
run 1 "$s2" $regs --va 0x10000000000 --access read
says '^    cause   the intermediate address 0x10000000000 has more than 40 bits$'
run 0 "$s2" $regs --va 0x8000001000 --access read
says '^    result  PA 0x40001000, '
run 0 "$s2" $regs --save-tables "$dir/s2.ptl"
run 0 "$dir/s2.ptl" --va 0x8000001000 --access read
says '^    stage 2 VTTBR_EL2=0x40002000, T0SZ=24: 40 bits, 4K granule, 2 tables side by side are the root$'
run 1 "$dir/s2.ptl" --va 0x40003000 --access read
run 0 "$dir/s2.ptl" --va 0x40003000 --access read --vtcr 0x200000
run 1 "$dir/s2.ptl" --va 0x10000000000 --access read
run 1 "$s2" $regs --diff "$s2" --vttbr-2 0x40004000

put "$s2" 0x5000 16 0x00100000400007ff
run 1 "$s2" $regs --va 0x40010000
says '^  contiguous   misprogrammed Contiguous bit, .* the level 3 entry at 0x40005088, 0x0000000000000000, is invalid$'
run 1 "$s2" $regs --va 0x40010000 --access read
says 'is allowed$'
says '^    contig  stage 2 misprogrammed Contiguous bit, '

# 16K and 64K, and with forced memory types.
mid=$dir/16k.img
dd if=/dev/zero of="$mid" bs=65536 count=3 2>/dev/null
put "$mid" 0x4000 0 0x40008003
put "$mid" 0x8000 0 0x400107db # S2AP=11, MemAttr=0110
put "$mid" 0x10000 0 0x40020003
put "$mid" 0x20000 0 0x400107ff
run 0 "$mid" --base 0x40000000 --vttbr 0x40004000 --vtcr 0x8002805c --hcr 0x400000000001 \
	--save-tables "$dir/16k.ptl"
run 0 "$dir/16k.ptl" --va 0x10 --access read
says '36 bits, 16K granule'
says '^    result  PA 0x40010010, in a 4K page, memory type Normal write-back$' # forced
run 0 "$mid" --base 0x40000000 --vttbr 0x40010000 --vtcr 0x80024056 --save-tables "$dir/64k.ptl"
run 0 "$dir/64k.ptl" --va 0x10 --access read
says '42 bits, 64K granule'
says '^    result  PA 0x40010010, '

# Second stages that there are not.
refuses "$s2" --base 0x40000000 --vttbr 0x40002000
refuses "$s2" --base 0x40000000 --vttbr 0x40002000 --vtcr 0x80020018 # SL0=0 with 40 bits
refuses "$s2" $regs --hcr 0
refuses "$s2" $regs --arch arm64
refuses "$s2" $regs --ttbr0 0x40002000 --tcr 0x580100010

finish
