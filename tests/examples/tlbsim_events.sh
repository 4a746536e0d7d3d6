#!/bin/sh
# SPDX-License-Identifier: MIT
# tlbsim on traces of events: flushes, interrupts and costs worked out by hand; mistakes that the
# checker finds; lines that are no good. Usage: tlbsim_events.sh TLBSIM
#
# --l1 and --l2 describe no paging-structure caches: a walk of a page that is there reads 4 words,
# one that finds no table at the top 1.
set -u
tlbsim=${1:?usage: tlbsim_events.sh TLBSIM}
dir=$(mktemp -d) || exit 2
trap 'rm -rf "$dir"' EXIT
trap 'exit 2' INT TERM
nr_bad=0

bad() {
	echo "FAILED: $*"
	nr_bad=$((nr_bad + 1))
}

# run EXPECTED_STATUS ARGUMENT...: the trace is standard input; output goes to $dir/out, $dir/err.
run() {
	expected=$1
	shift
	cat >"$dir/trace"
	timeout 60 "$tlbsim" --format events --memory 64 "$@" "$dir/trace" >"$dir/out" 2>"$dir/err"
	status=$?
	[ "$status" -eq "$expected" ] || {
		bad "status $status, not $expected: tlbsim $*"
		head -n 5 "$dir/trace" "$dir/out" "$dir/err"
	}
}

# says LINE...: the last run printed these lines.
says() {
	for line; do
		grep -qx -e "$line" "$dir/out" || {
			bad "no line '$line' for"
			cat "$dir/trace" "$dir/out"
		}
	done
}

# refuses MESSAGE ARGUMENT...: status 2, nothing on stdout, one line on stderr with MESSAGE in it.
refuses() {
	message=$1
	shift
	run 2 "$@"
	[ ! -s "$dir/out" ] || bad "printed something: tlbsim $*"
	[ "$(wc -l <"$dir/err")" -eq 1 ] || bad "not one line on stderr: tlbsim $*"
	grep -q -e "^tlbsim: .*$message" "$dir/err" || {
		bad "no message '$message'"
		cat "$dir/err"
	}
}

# Two CPUs run a process that has 16 pages in both TLBs.
shared() {
	printf '%s\n' 'switch 7' 'map 0x10000000 64K rw' 'access w 0x10000000 16' 'CPU 1' \
		'switch 7 # both' 'access r 0x10000000 16' '' 'cpu 0'
}

# Stores fault once each: 1 word read by the first, 4 by the other 15; 16 walks of 4 words when they
# are tried again, and 16 of the other CPU: 1 + 60 + 64 + 64 = 189 words. Two switches flush a PCID.
# mprotect() of 4 pages: 4 INVLPG here, one IPI, 4 there. In ps: 189 x 5000 for words, 2 x 35600
# for PCIDs, 4 x 100000 for INVLPG, 16500000 for the IPI: 17916200, and 3/1000 cycles each.
{ shared && echo 'protect 0x10000000 16K r'; } | run 0 --check
says 'events 8' 'accesses 48' 'minor_faults 16' 'segv 0' 'lookups 48' 'l1_misses 48' \
	'l2_misses 48' 'walks 48' 'walk_loads 189' 'refills 32' 'switches 2' \
	'flush_requests 1' 'flush_pages 4' 'flush_full 0' 'flushes_local_change_page 4' \
	'flushes_IPI_page 4' 'flushes_switch_ASID 2' 'flushes_fault_page 16' 'ipis_sent 1' \
	'ipis_received 1' 'ipis_idle 0' 'broadcasts_sent 0' 'cost_ps 17916200' 'cycles 53748' \
	'flushes_needless 0' 'reports 0' 'dropped 16' 'dropped_needlessly 0'
cp "$dir/out" "$dir/first"
cp "$dir/trace" "$dir/again"
run 0 --check <"$dir/again"
cmp -s "$dir/out" "$dir/first" || bad "the same trace gives other figures"
# Above a ceiling of 3: the PCID here, 35600, and there.
{ shared && echo 'protect 0x10000000 16K r'; } | run 0 --ceiling 3
says 'flush_requests 1' 'flush_full 1' 'flushes_local_change_ASID 1' 'flushes_IPI_ASID 1' \
	'ipis_sent 1' "cost_ps $((17916200 - 400000 + 35600))"
# Both levels of both TLBs had 16 pages, of which 4 changed.
run 0 --ceiling 3 --check <"$dir/again"
says 'dropped 64' 'dropped_needlessly 48'
# arm64: 4 pages are one range, (1 + 1) << 1, of 23000, 10000 of it here, and a DSB.
{ shared && echo 'protect 0x10000000 16K r'; } | run 0 --arch arm64 --check
says 'walk_loads 189' 'flush_requests 1' 'flush_pages 4' 'flushes_local_change_range 1' \
	'flushes_broadcast_range 1' 'broadcasts_sent 1' 'broadcasts_received 1' 'barriers 1' \
	'ipis_sent 0' "cost_ps $((189 * 5000 + 23000))" 'reports 0'
# 5 pages: a range and an odd one. Without ranges: one each, but no more than the ceiling.
{ shared && echo 'protect 0x10000000 20K r'; } | run 0 --arch arm64
says 'broadcasts_sent 2' 'barriers 1'
{ shared && echo 'protect 0x10000000 20K r'; } | run 0 --arch arm64 --no-ranges
says 'broadcasts_sent 5' 'flushes_local_change_page 5' 'barriers 1'
{ shared && echo 'protect 0x10000000 20K r'; } | run 0 --arch arm64 --no-ranges --ceiling 5
says 'broadcasts_sent 5' 'flush_full 0'
{ shared && echo 'protect 0x10000000 20K r'; } | run 0 --arch arm64 --no-ranges --ceiling 4
says 'broadcasts_sent 1' 'flushes_local_change_ASID 1' 'flush_full 1'
{ shared && echo 'protect 0x10000000 20K r'; } | run 0 --arch arm64 --ceiling 4
says 'broadcasts_sent 1' 'flush_full 1'
# INVLPGB takes 8 pages at once; RAR asks each other CPU once. What they take here is an INVLPG's
# 100000 each; on their way, 2 INVLPGB, whoever else there is, and a RAR to each CPU, of 3 here.
{ shared && echo 'protect 0x10000000 64K r'; } | run 0 --delivery invlpgb
says 'ipis_sent 0' 'broadcasts_sent 2' 'barriers 1' "cost_ps $((189 * 5000 + 2 * 100000))"
for cpus in 2 5; do
	{ shared && echo 'protect 0x10000000 64K r'; } | run 0 --delivery invlpgb --send 70001 \
		--cpus $cpus
	says 'broadcasts_sent 2' "cost_ps $((189 * 5000 + 2 * 100000 + 2 * 70001))"
done
{ shared && echo 'protect 0x10000000 64K r'; } | run 0 --delivery rar
says 'ipis_sent 0' 'actions_sent 1' 'actions_received 1' "cost_ps $((189 * 5000 + 100000))"
{ shared && printf '%s\n' 'cpu 2' 'switch 7' 'cpu 3' 'switch 7' 'cpu 0' \
	'protect 0x10000000 64K r'; } | run 0 --delivery rar --send 70001
says 'actions_sent 3' "cost_ps $((189 * 5000 + 100000 + 3 * 70001))"

# A gather has one range, as Linux's: over four pages 16M apart it is beyond x86's ceiling, and over
# four areas x86 merges them, where arm64's kernel flushes at the end of each.
far='switch 1
map 0x10000000 64M rw
access w 0x10000000 4 16M
unmap 0x10000000 64M'
echo "$far" | run 0 --check
says 'flush_requests 1' 'flush_full 1' 'flushes_local_change_ASID 1'
four='switch 1
map 0x10000000 4K rw
map 0x10002000 4K rw
map 0x10004000 4K rw
map 0x10006000 4K rw
access w 0x10000000 4 8K
unmap 0x10000000 28K'
echo "$four" | run 0 --check
says 'flush_requests 1' 'flushes_local_change_page 7'
echo "$four" | run 0 --check --arch arm64
says 'flush_requests 4' 'broadcasts_sent 4'

# A CPU in a kernel thread is not interrupted, and catches up when it runs the process again.
{ shared && printf '%s\n' 'cpu 1' lazy 'cpu 0' 'protect 0x10000000 4K r' 'cpu 1' 'switch 7' \
	'access w 0x10000000'; } | run 0 --check
says 'lazy_skips 1' 'ipis_sent 0' 'segv 1' 'reports 0' 'flushes_switch_ASID 3'
# Who runs another process is not either.
{ shared && printf '%s\n' 'cpu 1' 'switch 8' 'cpu 0' 'protect 0x10000000 4K r' 'cpu 1' 'switch 7' \
	'access w 0x10000000'; } | run 0 --check
says 'ipis_sent 0' 'segv 1' 'reports 0'

# fork() takes the right to write away and flushes everything, whatever it changed, as dup_mmap()
# does; a copy is a request of one page, and so is the right to write for the child, whose page is
# its own then.
{ shared && printf '%s\n' 'fork 9' 'access w 0x10003000' 'cpu 1' 'switch 9' 'access w 0x10003000' \
	'access w 0x10003000' 'access x 0x10003000' 'exit 7' 'exit 9'; } | run 0 --check
says 'flushes_local_change_page 2' 'flushes_local_change_ASID 1' 'flush_full 3' 'segv 1' \
	'reports 0' 'minor_faults 18'
for arch in x86_64 arm64; do
	{ shared && printf '%s\n' 'fork 9' 'access w 0x10003000' 'cpu 2' 'switch 9' \
		'access w 0x10003000 2' 'unmap 0x10000000 1G' 'cpu 0' 'access r 0x10003000' \
		'exit 9' 'unmap 0x10004000 4K' 'access r 0x10004000' 'exit 7' 'cpu 3' \
		'switch 9' 'access r 0x10003000'; } | run 0 --arch $arch --check
	says 'segv 2' 'reports 0'
done

# A batch: 16 pages by 4, by 5, at once. Another page keeps the table that they stand in.
for batch in 4:4 5:4 0:1 16:1; do
	printf '%s\n' 'switch 1' 'map 0x10000000 64K rw' 'map 0x10100000 4K rw' \
		'access w 0x10100000' 'access w 0x10000000 16' 'unmap 0x10000000 64K' |
		run 0 --batch ${batch%:*} --check
	says "flush_requests ${batch#*:}" 'flush_pages 16' 'reports 0'
done
# Holes fill no batch: 8 of 16 pages are there, which is 2 batches of 4.
{
	printf '%s\n' 'switch 1' 'map 0x10000000 64K rw' 'map 0x10100000 4K rw' \
		'access w 0x10100000' 'access w 0x10000000 8 8192' 'unmap 0x10000000 64K'
} >"$dir/holes"
run 0 --batch 4 --check <"$dir/holes"
says 'flush_requests 2' 'reports 0'
run 0 --batch 8 --check <"$dir/holes"
says 'flush_requests 1' 'reports 0'
# As Linux, 9678 of 9679 and the last one; and other bounds, and none.
for batch in '':2 '--batch 4840':2 '--batch 9680':1 '--batch 0':1; do
	# shellcheck disable=SC2086 # words
	printf '%s\n' 'switch 1' 'map 0x10000000 38716K rw' 'access w 0x10000000 9679' \
		'unmap 0x10000000 38716K' | run 0 ${batch%:*}
	says "flush_requests ${batch#*:}" 'segv 0'
done

# What no table can map is SIGSEGV as well: #GP, or a fault of the other half.
for arch in x86_64 arm64; do
	printf '%s\n' 'switch 1' 'access w 0x8000000000000000' 'access r 0xffffffffffffffff' \
		'access x 0xffff800000000000' 'access r 0' | run 0 --arch $arch --check
	says 'accesses 4' 'segv 4' 'refills 0' 'reports 0'
done
# Memory ends.
printf 'switch 1\nmap 4096 32M rw\naccess w 4096 8192\n' | refuses 'trace:3: access: ' --memory 16

# More CPUs than are named sleep in the kernel: they have nothing of the process.
{ shared && echo 'protect 0x10000000 16K r'; } | run 0 --cpus 64
says 'ipis_sent 1' 'cost_ps 17916200'

# A TLB of one entry, and no second level: two stores miss twice each, for they fault; then 0, 1, 0
# and 1, of which 0 stays through 1001 loads.
printf '%s\n' 'switch 1' 'map 4096 8K rw' 'access w 4096 2' 'access r 4096 1000 0' \
	'access r 4096 2' 'access r 4096 2' | run 0 --l1 1x1 --l2 none
says 'lookups 1008' 'l1_misses 8' 'walks 8' 'segv 0'
{ shared; } | run 0 --compare skylake-sp,zen4,2x2:none:fifo
[ "$(wc -l <"$dir/out")" -eq 5 ] || bad "not a head and four rows"
{ shared; } | run 0 --profile neoverse-n1 --json --compare cortex-a72
! command -v python3 >/dev/null || python3 -m json.tool <"$dir/out" >/dev/null || bad "no JSON"

# Mistakes: status 1, and a report that names the line. x86 and arm64 alike.
for arch in x86_64 arm64; do
	{ shared && printf '%s\n' forget 'unmap 0x10002000 4K' 'cpu 1' 'access r 0x10002000'; } |
		run 1 --arch $arch --check
	says 'reports 1' 'flushes_forgotten 1' 'segv 0'
	grep -q 'trace:12: missing flush (address): CPU 1, address 0x10002000' "$dir/err" ||
		bad "no report of line 12: $(cat "$dir/err")"
	{ shared && printf '%s\n' forget 'protect 0x10002000 4K r' 'access w 0x10002000'; } |
		run 1 --arch $arch --check
	grep -q 'trace:11: missing flush (rights): CPU 0' "$dir/err" || bad "no report of rights"
	# ... of which nobody is told who does not ask.
	cp "$dir/trace" "$dir/again"
	run 0 --arch $arch <"$dir/again"
	# A flush that comes later is early enough where nobody used what was stale in between.
	{ shared && printf '%s\n' forget 'protect 0x10002000 4K r' 'protect 0x10000000 64K none' \
		'access w 0x10002000'; } | run 0 --arch $arch --check
	says 'reports 0' 'flushes_forgotten 1' 'segv 1'
done

# Lines that are no good.
echo 'jump 1' | refuses 'trace:1: unknown event: jump'
printf '\n# map\nmap 0x1000\n' | refuses 'trace:3: missing: length'
echo 'cpu' | refuses 'trace:1: missing: CPU'
echo 'cpu -1' | refuses 'trace:1: CPU: -1'
echo 'cpu 4096' | refuses 'trace:1: CPU: 4096'
echo 'cpu 1 2' | refuses 'trace:1: one word too many: 2'
echo 'cpu 1 2 3 4 5 6 7 8' | refuses 'trace:1: one word too many: 2'
echo 'switch 65536' | refuses 'trace:1: process: 65536'
echo 'switch init' | refuses 'trace:1: process: init: not a number from 0 to 65535'
echo 'map 4K 4K r' | refuses 'trace:1: address: 4K: not a number of 64 bits$'
echo 'map 4096 4KiB r' | refuses 'trace:1: length: 4KiB: .* K, M or G behind'
echo 'map 0x1001 4K r' | refuses 'trace:1: .*whole pages'
echo 'map 0x1000 0 r' | refuses 'trace:1: .*whole pages'
echo 'map 0x1000 4T r' | refuses 'trace:1: length: 4T'
echo 'map 0x1000 99999999999G r' | refuses 'trace:1: length: 99999999999G'
echo 'map 0x1000 4K rr' | refuses 'trace:1: .*: rr'
echo 'access q 0x1000' | refuses 'trace:1: not r, w or x: q'
echo 'access r 0x1000' | refuses 'trace:1: access: this CPU runs no process'
printf 'switch 1\nlazy\naccess r 0\n' | refuses 'trace:3: access: .*kernel thread'
printf 'switch 1\nmap 4096 8K r\nmap 8192 4K r\n' | refuses 'trace:3: map: '
printf 'switch 1\nprotect 4096 8K r\n' | refuses 'trace:2: protect: '
printf 'switch 1\nfork 1\n' | refuses 'trace:2: fork: there is such a process'
echo 'exit 1' | refuses 'trace:1: exit: there is no such process'
printf 'cpu 2\n' | refuses 'trace:1: cpu: --cpus' --cpus 2
printf 'cpu 0\000 1\n' | refuses 'trace:1: no text'
for options in '--passes 2' --reach '--sweep --check' '--sweep --compare zen3' '--ceilings 1' \
	'--profile zen3 --arch arm64' '--arch arm64 --compare zen3' '--arch mips' '--no-ranges' \
	'--arch arm64 --delivery rar' '--delivery post' '--send 1' '--delivery ipi --send 1' \
	'--arch arm64 --send 1' '--delivery rar --send x' '--cpus 0' '--cpus 4097' '--svg x' \
	'--ceiling 2097153' '--memory 0' '--batch x' '--load -1'; do
	# shellcheck disable=SC2086 # words
	echo 'switch 1' | refuses '' $options
done
"$tlbsim" --format u64 --check "$dir/trace" >"$dir/out" 2>&1 && bad "--check of addresses"
: | run 0
says 'events 0' 'cost_ps 0'

# Two processes of 16 pages take turns. With PCIDs for both, each page is filled once; with one, or
# without any, a switch takes all that was there: five turns of 16.
turns() {
	printf '%s\n' 'switch 1' 'map 0x100000 64K rw' 'access w 0x100000 16' 'switch 2' \
		'map 0x100000 64K rw' 'access w 0x100000 16'
	for process in 1 2 1; do
		printf '%s\n' "switch $process" 'access r 0x100000 16'
	done
}
for nr in 2 6; do
	turns | run 0 --check --pcids $nr
	says 'refills 32' 'flushes_switch_ASID 2' 'reports 0'
done
for nr in 0 1; do
	turns | run 0 --check --pcids $nr
	says 'refills 80' 'flushes_switch_ASID 5' 'reports 0'
done
# A count that wraps is a mistake, and nothing that anybody waits for. The last address is one.
printf '%s\n' 'switch 1' 'access r 0x1000 0xffffffffffffffff 1' |
	refuses '2: accesses beyond the last address'
printf '%s\n' 'switch 1' 'access r 0xffffffffffffe000 3' | refuses 'beyond the last address'
printf '%s\n' 'switch 1' 'access r 0xffffffffffffefff 2' | run 0
says 'segv 2'
printf '%s\n' 'switch 1' 'map 0x1000 8G rw' 'access w 0x1000 99999' |
	refuses '3: access: out of memory; --memory' # of which there are 64M

turns | refuses '--pcids: of x86_64' --pcids 2 --arch arm64
turns | refuses '--pcids: of x86_64' --pcids 2 --delivery rar
turns | refuses 'too large' --pcids 4095
turns | refuses 'of addresses' --page 2M

[ "$nr_bad" -eq 0 ]
