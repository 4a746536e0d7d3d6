#!/bin/sh
# SPDX-License-Identifier: MIT
# whatif from outside: exit codes, one line on stderr for a job that is no good, images, and its
# explanations word for word. Usage: whatif.sh WHATIF
set -u
whatif=${1:?usage: whatif.sh WHATIF}
here=$(cd "$(dirname "$0")" && pwd)
dir=$(mktemp -d) || exit 2
trap 'rm -rf "$dir"' EXIT
trap 'exit 2' INT TERM
nr_bad=0

bad() {
	echo "FAILED: $*"
	nr_bad=$((nr_bad + 1))
}

# run EXPECTED_STATUS JOB [OPTION...]: JOB is text; output goes to $dir/out and $dir/err.
run() {
	expected=$1
	printf '%s\n' "$2" >"$dir/job"
	shift 2
	timeout 60 "$whatif" "$@" "$dir/job" >"$dir/out" 2>"$dir/err"
	status=$?
	[ "$status" -eq "$expected" ] || {
		bad "status $status, not $expected:"
		head -n 5 "$dir/job" "$dir/out" "$dir/err"
	}
}

# refuses WORDS LINE...: status 2, and one line on stderr that has WORDS.
refuses() {
	words=$1
	shift
	run 2 "$(printf '%s\n' "$@")"
	[ "$(wc -l <"$dir/err")" -eq 1 ] || bad "not one line on stderr: $*"
	grep -q "^whatif: .*$words" "$dir/err" || {
		bad "not '$words': $*"
		cat "$dir/err"
	}
}

# says LINE: the last run printed exactly that line.
says() {
	grep -Fqx -e "$1" "$dir/out" || {
		bad "no line '$1'"
		head -n 20 "$dir/out" "$dir/err"
	}
}

prints_nothing() {
	[ ! -s "$dir/out" ] || {
		bad "printed something"
		head -n 20 "$dir/out"
	}
}

same() {
	cmp -s "$1" "$2" || {
		bad "$3"
		diff "$1" "$2" | head -n 20
	}
}

# One page of x86_64, user and writable, at 0x5000 for address 0.
x86='mem 0x1000 32K
poke 0x1000 0x2007
poke 0x2000 0x3007
poke 0x3000 0x4007
poke 0x4000 0x5007
set cr0=0x80010033 cr3=0x1000 cr4=0x20 efer=0xd01'
# The same for arm64, at 0x40004000.
arm64='arch arm64
mem 0x40000000 32K
poke 0x40000000 0x40001003
poke 0x40001000 0x40002003
poke 0x40002000 0x40003003
poke 0x40003000 0x40004443
set sctlr=1 tcr=0x500100010|0x80000000 ttbr0=0x40000000 mair=0xff'

# ---- verdicts, and what accesses leave behind ----
run 0 "$x86
poke 0x5000 0x1122334455667788
r2 2
w2 2 cpl=3 data=0xdeadbeef
m4 0 data=0x11 => OK data=0xbeef7788
x 0x10
dump 0x5000 2 => 0x11223344beef7799 0
dump 0x4000 => 0x5067"
says '8 r2 el=0 va=0x2 OK data=0x5566'
says '9 w2 el=3 va=0x2 OK'
says '10 m4 el=0 va=0x0 OK data=0xbeef7788'
says '11 x8 el=0 va=0x10 OK pa=0x5010'
says '12 dump 0x5000 0x11223344beef7799 0x0'
says '3 passed, 0 failed'
run 0 "$x86
w8 0xffc data=0x1122334455667788
set cr3=0x7000
r8 0
nomem
r8 0
mem 0x7000 4K
r8 0"
says '7 w8 el=0 va=0xffc FAULT vec=14 err=0x2 cr2=0x1000' # and nothing written
says '9 r8 el=0 va=0x0 FAULT vec=14 err=0x0 cr2=0x0'
says '11 r8 el=0 va=0x0 NOWALK tpa=0x7000'
says '13 r8 el=0 va=0x0 FAULT vec=14 err=0x0 cr2=0x0'
run 0 "$x86
poke 0x4008 0x6007 0x123456789007
w8 0xffc data=0x1122334455667788
dump 0x5ff8 2 => 0x5566778800000000 0x11223344
r8 0x1ffc => NOMEM pa=0x123456789000
m8 0x2000 trace => NOMEM pa=0x123456789000 walk=0x1000,0x2000,0x3000,0x4010"
run 1 "$x86
dump 0x3000 2 => 0x4007
dump 0x3ff8 2 => 0x5007
dump 0x3ff8 2 => !0x5006 0
dump 0x3ff8 2 => !0x5007
dump 0x3ff8 2 => 0x5006
dump 0x3ff8 2 => 0x5007 0" -q # tokens are among the words; in their order if as many
says '10 MISMATCH wanted: !0x5007 got: 0x0 0x5007'
says '11 MISMATCH wanted: 0x5006 got: 0x0 0x5007'
says '12 MISMATCH wanted: 0x5007 got: 0x0 0x5007'
says '3 passed, 3 failed'
run 0 "$x86
mem 0x200000 4K
mem 0x201000 4K
poke 0x3008 0x200087
w8 0x200ffc data=0x1122334455667788 => OK
dump 0x200ff8 => 0x5566778800000000
dump 0x201000 => 0x11223344
r8 0x201ffc => NOMEM pa=0x202000" # two regions, and the end of them, in one page
run 2 'r8 0' # paging without PAE
says '1 r8 el=0 va=0x0 ERROR code=0xffffffff err=0x0 addr=0x0'
grep -q '^whatif: .*/job:1: a processor in long mode refuses CR4.PAE=0, as nothing is set$' \
	"$dir/err" || bad "ERROR without a reason"
run 2 'mem 0x1000 4K
set cr3=0x1000 cr4=0x20
set cr4=0

r8 0
set cr4=0x20
r8 0
set cr3=0x8000000000000000
flush
r8 0
set cr3=0 cr4=0x800020
r8 0'
says '7 r8 el=0 va=0x0 FAULT vec=14 err=0x0 cr2=0x0'
grep -q '/job:5: .* CR4.PAE=0, as of the set in line 3$' "$dir/err" || bad "which set is not said"
grep -q '/job:10: .* CR3: .* without PCIDE, as of the set in line 8$' "$dir/err" || bad "CR3"
grep -q '/job:12: .* CR4.CET=1 with CR0.WP=0, as of the set in line 11$' "$dir/err" || bad "CET"
run 0 'r8 0 => ERROR code=0xffffffff' # nothing is undone that was not to be done
run 0 "$x86
at 0 => ERROR code=1"
run 0 "$arm64
i 0 => ERROR code=1
m8 0 unpriv => ERROR code=1
r8 0 el=2 => ERROR code=2
r8 0 el=3 => ERROR code=1
at 0 el=2 => OK pa=0x40004000
r8 8 noat => OK !pa=0x40004008
r8 8 trace => pa=0x40004008 walk=0x40000000,0x40001000,0x40002000,0x40003000
x 8 el=0 => pa=0x40004008"
run 0 "$arm64
set tcr=0x50010c010 ttbr1=0x40000000
r8 0 trace => OK pa=0x40004000
r8 0xffff000000000000 => OK pa=0x40004000 par=0xff00000040004a00" # reserved granules
# Stage 2 behind that: one root of level 1 at 0x40006000, of addresses as they are.
two="$arm64
poke 0x40006008 0x400007fd
set vtcr=0x80020058 vttbr=0x40006000"
run 0 "$two
r8 8 s12 => OK pa=0x40004008 par=0xff00000040004b80
r8 8 s12 noat => OK !pa=0x40004008
x 8 s12 el=0 => OK !pa=0x40004008
x 8 s12 el=0 trace => pa=0x40004008 walk=0x40000000,0x40001000,0x40002000,0x40003000
r8 8 => OK par=0xff00000040004a00
at 0 s12 el=2 => OK par=0xff00000040004a00
poke 0x40006008 0
r8 8 s12 => FAULT el=2 esr=0x92000085 far=8 hpfar=0x400000
r8 8 => OK
at 8 s12 => FAULT stage=2 fst=5 par=0xb0b
poke 0x40006008 0x7c00007fd
r8 8 s12 => NOWALK tpa=0x7c0000000
set sctlr=0
r8 0x40004000 s12 => NOMEM pa=0x7c0004000
set vtcr=0x80020018
r8 0x40004000 s12 => FAULT el=2 fsc=4" # SL0=0 does not go with 40 bits
run 0 'info'
says '1 info 0x3934 0x8001000800100080 0x0 0x2410000000000000 0x0 0x0'
run 0 'cpu lpa2=off
room 4G
flush
let A=1K+b2-4|1 B=$A
mem $B-0x401+0x1000 4K'

# ---- expectations ----
run 1 "$x86
r8 0 => FAULT
r8 0 => OK !data=0
dump 0x4000 => 0x5007"
says '7 MISMATCH wanted: FAULT got: OK data=0x0'
says '8 MISMATCH wanted: !data=0x0 got: OK data=0x0'
says '9 MISMATCH wanted: 0x5007 got: 0x5027'
says '0 passed, 3 failed'
run 0 "$x86
r8 0 => OK data=0
r8 0" --quiet
says '1 passed, 0 failed'
[ "$(wc -l <"$dir/out")" -eq 1 ] || bad "--quiet is not"
run 1 "$x86
w8 0 => FAULT
r8 0" --quiet --explain
says '    result  PA 0x5000, in a 4K page, memory type WB'

# ---- images ----
run 0 "mem 0x1000 4K out=$dir/one.img
poke 0x1008 0x123
nomem
mem 0x8000 8K file=$dir/one.img out=$dir/two.img
dump 0x8008 => 0x123"
head -c 4096 "$dir/two.img" | cmp -s - "$dir/one.img" || bad "images differ"
[ "$(wc -c <"$dir/two.img")" -eq 8192 ] || bad "an image has another length than its region"

# ---- from stdin ----
printf '%s\nr8 0 => OK\n' "$x86" | "$whatif" - >"$dir/out" 2>"$dir/err" || bad "stdin"
says '7 r8 el=0 va=0x0 OK data=0x0'

# ---- jobs that are no good ----
refuses 'job:1: no such command: frobnicate' 'frobnicate 1'
refuses 'job:2: no such command' '# fine' 'r16x 0'
refuses 'job:1: no such size: r3' 'r3 0'
refuses 'job:1: no such size: w0' 'w0 0'
refuses 'job:1: OP' 'r8'
refuses 'job:1: not a number: banana' 'r8 banana'
refuses 'not a number: 12+' 'r8 12+'
refuses 'not a number: 0x10000000000000000' 'r8 0x10000000000000000'
refuses 'not a number: 99999999T' 'mem 99999999T 4K'
refuses 'not a number: b64' 'r8 b64'
refuses 'not a number: \$nobody' 'r8 $nobody'
refuses 'not a number: -1' 'r8 -1'
refuses 'no such option: quickly' 'r8 0 quickly'
refuses 'no such level: cpl=4' 'r8 0 cpl=4'
refuses 'cannot evaluate: data=.x' "$x86" 'r8 0 => data=$x'
refuses 'no such architecture: sparc' 'arch sparc'
refuses 'too late' "$x86" 'arch arm64'
refuses 'arch x86_64 | arm64' 'arch'
refuses 'cannot start the machine: physbits' 'physbits 60' 'r8 0'
refuses 'no such register: ttbr0' 'set ttbr0=0'
refuses 'no such register: cr3' 'arch arm64' 'set cr3=0'
refuses 'set REG=VALUE' 'set cr3'
refuses 'let NAME' 'let A'
refuses 'cannot define .*1 to 31 characters' 'let =1'
refuses 'cannot define' 'let abcdefghijklmnopqrstuvwxyzabcdefghijklmnop=1'

# What is behind a 0 was left out, and a file of other things than text was a job of nothing.
printf '\0# nothing\n' | timeout 60 "$whatif" - >"$dir/out" 2>"$dir/err"
[ $? -eq 2 ] && grep -qx 'whatif: stdin:1: no text' "$dir/err" || bad "a line with a 0 is no text"

refuses 'mem GPA SIZE' 'mem 0x1000'
refuses 'mem: the region' 'mem 0x1000 0'
refuses 'mem: the region' 'mem 0x1001 4K'
refuses 'mem: the region' 'mem 0x1000 8K' 'mem 0x2000 4K'
refuses 'mem: the region' 'mem 0xfffffffffffff000 8K'
refuses 'mem: the region' 'mem b52 4K'
refuses 'mem: no such option: at=5' 'mem 0x1000 4K at=5'
refuses 'more than 32 regions' "$(i=0; while [ $i -le 32 ]; do echo "mem $((i * 4096)) 4K"; i=$((i + 1)); done)"
refuses 'missing.img' "mem 0x1000 4K file=$dir/missing.img"
refuses 'longer than its region' "mem 0x1000 4K file=$dir/two.img"
refuses 'no/where' "mem 0x1000 4K out=$dir/no/where"
refuses 'poke GPA WORD' 'poke 0x1000'
refuses 'no region holds 0x1000' 'poke 0x1000 1'
refuses 'no region holds 0x2000' 'mem 0x1000 4K' 'dump 0x1ff8 2'
refuses 'dump GPA' 'dump'
refuses 'more than 512 words' "poke $(i=0; while [ $i -le 512 ]; do printf '1 '; i=$((i + 1)); done)"
for arguments in "$dir/missing.job" "$dir" --no-such-option "$dir/job --no-such-option" --quiet=1 \
	-qz "$dir/job $dir/job" "-- $dir/job $dir/job"; do
	# shellcheck disable=SC2086 # several words are meant
	timeout 60 "$whatif" $arguments >"$dir/out" 2>"$dir/err"
	[ $? -eq 2 ] || bad "status is not 2: whatif $arguments"
	[ "$(wc -l <"$dir/err")" -eq 1 ] || bad "not one line on stderr: whatif $arguments"
	grep -q '^whatif: ' "$dir/err" || bad "who says that: whatif $arguments"
	prints_nothing
done
"$whatif" --help >"$dir/out" 2>&1 || bad "--help"
grep -q '^usage: whatif' "$dir/out" || bad "--help does not help"
if [ -w /dev/full ]; then
	printf '%s\nr8 0\n' "$x86" | "$whatif" >/dev/full 2>"$dir/err"
	[ $? -eq 2 ] || bad "a full disk is not noticed"
	"$whatif" --help >/dev/full 2>"$dir/err"
	[ $? -eq 2 ] || bad "a full disk is not noticed by --help"
fi

# Garbage for a job: refused, whatever it is. The first word makes sure that it is no comment.
{
	printf 'r '
	head -c 4096 /dev/urandom | tr '\000\n#' 'xxx'
} >"$dir/noise.job"
timeout 60 "$whatif" --explain "$dir/noise.job" >/dev/null 2>&1
[ $? -eq 2 ] || bad "noise is not refused"
# Garbage for tables: any verdict.
head -c 65536 /dev/urandom >"$dir/noise.img"
for arch in x86_64 arm64; do
	run 0 "arch $arch
mem 0 64K file=$dir/noise.img
set $([ $arch = arm64 ] && echo sctlr=1 tcr=0x500100010 ttbr0=0 || echo cr0=b16 cr3=0 cr4=0x20 efer=0xd01)
$(for va in 0 0x1ffc 0x123456789ff9 0x7ffffffffffc; do printf 'r8 %s\nw8 %s\nm8 %s trace\nx %s\n' $va $va $va $va; done)" --explain
done

run 0 "arch arm64
mem 0 64K file=$dir/noise.img
set vtcr=0x80020058 vttbr=0x1000 sctlr=1 tcr=0x500100010 ttbr0=0
$(for va in 0 0x1ffc 0x123456789ff9 0x7ffffffffffc; do
	printf 'r8 %s s12\nw8 %s s12\nm8 %s s12 trace\nx %s s12 el=0\natw %s s12\n' $va $va $va $va $va
done)" --explain

# ---- explanations, word for word ----
for arch in x86 arm64 arm64_s2; do
	"$whatif" --explain "$here/whatif_$arch.job" >"$dir/out" 2>"$dir/err" || bad "$arch.job"
	[ ! -s "$dir/err" ] || bad "whatif_$arch.job: $(head -n 1 "$dir/err")"
	same "$here/whatif_$arch.txt" "$dir/out" "whatif_$arch.job is explained otherwise"
done

[ "$nr_bad" -eq 0 ] || {
	echo "$nr_bad failed"
	exit 1
}
echo "whatif: all fine"
