#!/bin/sh
# SPDX-License-Identifier: MIT
# ptdump on tables with AMD's C-bit, as Linux writes them with SME or as a guest with SEV: what is
# encrypted and what is shared. Usage: ptdump_encrypted.sh PTDUMP
. "$(dirname "$0")/ptdump_begin.sh"

image=$dir/sev.img
dd if=/dev/zero of="$image" bs=4096 count=16 2>/dev/null
put "$image" 0x1000 0 0x0008000000002067
put "$image" 0x2000 0 0x0008000000003067
put "$image" 0x3000 0 0x0008000000004067
put "$image" 0x4000 0 0x0008000000008063 # two encrypted pages, two shared ones behind them
put "$image" 0x4000 1 0x0008000000009063
put "$image" 0x4000 2 0x000000000000a063
put "$image" 0x4000 3 0x000000000000b063
put "$image" 0x3000 1 0x00080000002000e3 # 2M
sev="--cr3 0x0008000000001000 --c-bit 51"

run 0 "$image" $sev
says '^cr3: x86_64, 48-bit input, 51-bit output, 4 levels, root 0x1000, C-bit 51$'
says_nr 3 '^0x'
says '^0x0000000000000000 0x0000000000001fff +0x8000 .*, encrypted$'
says '^0x0000000000002000 0x0000000000003fff +0xa000 '
says '^0x0000000000200000 0x00000000003fffff +0x200000 .*, encrypted$'
says_nr 2 encrypted
run 0 "$image" --cr3 0x1000 --c-bit 51 --json
says_nr 2 '"encrypted":true'
says_nr 1 '"va":"0x2000".*"encrypted":false'
run 0 "$image" $sev --va 0x1234
says '^3 .* table P R/W U/S A C$'
says '^0 .* leaf P R/W A D C$'
says '0x0000000000001234 -> 0x9234'
run 0 "$image" $sev --va 0x1234 --access write
says '^    walk    4-level paging, CR3=0x8000000001000$'
says '4K page 0x9000; .*C=1'
run 0 "$image" $sev --pa 0xa000
says '0x0000000000002000'
run 0 "$image" $sev --verify
run 0 "$image" $sev --map 0x10000:0xc000:4K:rw
says '^0x0000000000010000 0x0000000000010fff +0xc000 .*, encrypted$'

# The C-bit ends the addresses; what stands between is malformed still.
put "$image" 0x4000 4 0x000840000000c063
run 0 "$image" $sev --maxphyaddr 47 --cr3 0x1000 --va 0x3000
run 1 "$image" $sev --maxphyaddr 43 --va 0x4000 --access read
says 'address bits beyond MAXPHYADDR=43'
put "$image" 0x4000 4 0

# A table image remembers it; entries without the C-bit, and one that is another's, are a change.
run 0 "$image" $sev --save-tables "$dir/sev.ptl"
run 0 --tables "$dir/sev.ptl"
says '^cr3: .*, C-bit 51$'
says_nr 2 encrypted
run 0 --tables "$dir/sev.ptl" --va 0x1234 --access read
says '4K page 0x9000; .*C=1'
run 0 "$image" $sev --diff "$dir/sev.ptl"
put "$image" 0x4000 1 0x0000000000009063
run 1 "$image" $sev --diff "$dir/sev.ptl"
says '0x0000000000001000'

# Without it nothing is there but a reserved bit.
refuses "$image" --cr3 0x0008000000001000 --maxphyaddr 48
run 1 "$image" --cr3 0x1000 --maxphyaddr 48
says 'corrupt'
refuses "$image" --cr3 0x1000 --c-bit 52
refuses "$image" --cr3 0x1000 --c-bit 12
finish
