#!/bin/sh
# SPDX-License-Identifier: MIT
# tlbsim --sweep: the best ceiling and batch, worked out by hand, and held against single runs.
# Usage: tlbsim_sweep.sh TLBSIM
#
# A process uses 100 pages over and over, and in between unmaps others; a page that stays keeps the
# table that they stand in. Costs of skylake-sp: INVLPG 100 ns, a PCID flushed 35.6 ns; a word that
# a walk reads 5 ns, and 64x4:1536x12 has no paging-structure caches: 20 ns to have a page again.
# All pages fit into level 2, so that only a flush loses them:
#
#	n pages one by one      n x 100 ns
#	the PCID                35.6 ns + 100 x 20 ns = 2035.6 ns
#
# So 20 pages are better flushed one by one, and 21 as a whole.
set -u
tlbsim=${1:?usage: tlbsim_sweep.sh TLBSIM}
dir=$(mktemp -d) || exit 2
trap 'rm -rf "$dir"' EXIT
trap 'exit 2' INT TERM
nr_bad=0

bad() {
	echo "FAILED: $*"
	cat "$dir/out"
	nr_bad=$((nr_bad + 1))
}

run() {
	timeout 300 "$tlbsim" --format events --memory 64 "$@" >"$dir/out" 2>"$dir/err" ||
		bad "status $?: tlbsim $*"
}

says() {
	for line; do
		grep -qx -e "$line" "$dir/out" || bad "no line '$line'"
	done
}

# Events that begin a process with 100 pages in use, and for each argument unmap so many others.
unmaps() {
	echo 'switch 1'
	echo 'map 0x10000000 400K rw'
	echo 'map 0x20000000 4K rw'
	echo 'access w 0x20000000'
	echo 'access w 0x10000000 100'
	for nr; do
		echo "map 0x20001000 $((4 * nr))K rw"
		echo "access w 0x20001000 $nr"
		echo 'access w 0x10000000 100'
		echo "unmap 0x20001000 $((4 * nr))K"
		echo 'access w 0x10000000 100'
	done
}

# cost_ps of a cell of the sweep
cost() {
	sed -n "s/^ { \"batch\": $1, \"ceiling\": $2,.*\"cost_ps\": \([0-9]*\) }.*/\1/p" "$dir/out"
}

unmaps 10 20 21 30 >"$dir/four"
run --sweep --batches 0 --json "$dir/four"
! command -v python3 >/dev/null || python3 -m json.tool <"$dir/out" >/dev/null || bad "no JSON"
grep -q '"best_batch": 0, "best_ceiling": 20, "best_ceiling_last": 20,' "$dir/out" ||
	bad "20 is not the best"
[ "$(grep -c '"ceiling"' "$dir/out")" -eq 5 ] || bad "not the ceilings 0, 10, 20, 21 and 30"
best=$(cost 0 20)
# ps: what each ceiling does otherwise
[ "$(cost 0 0)" -eq $((best + 2 * 2035600 - 30 * 100000)) ] || bad "ceiling 0"
[ "$(cost 0 10)" -eq $((best + 2035600 - 20 * 100000)) ] || bad "ceiling 10"
[ "$(cost 0 21)" -eq $((best + 21 * 100000 - 2035600)) ] || bad "ceiling 21"
[ "$(cost 0 30)" -eq $((best + 51 * 100000 - 2 * 2035600)) ] || bad "ceiling 30"
# Linux's 33 does as 30.
grep -q "\"usual_cycles\": $(($(cost 0 30) * 3 / 1000))," "$dir/out" || bad "usual_cycles"
cp "$dir/out" "$dir/first"
run --sweep --batches 0 --json "$dir/four"
cmp -s "$dir/first" "$dir/out" || bad "not the same twice"

# No ceiling is better, those that were not tried neither; the ones between do as the one below.
for ceiling in 0 1 9 10 11 19 20 21 22 29 30 31 100; do
	run --ceiling $ceiling "$dir/four"
	single=$(sed -n 's/^cost_ps //p' "$dir/out")
	[ "$single" -ge "$best" ] || bad "ceiling $ceiling takes $single ps, less than $best"
	case $ceiling in
	20) [ "$single" -eq "$best" ] || bad "ceiling 20 takes $single ps in a single run" ;;
	*) [ "$single" -gt "$best" ] || bad "ceiling $ceiling is as good as 20" ;;
	esac
done

# 40 pages: a batch of 20 is 20 INVLPG twice, 4000 ns, or the PCID twice with nothing in between,
# 35.6 ns more than once. Once is any ceiling below 40 and no batch below 40, of which the smallest
# is named.
unmaps 40 >"$dir/forty"
run --sweep --batches 20,0,64,40 "$dir/forty"
says 'best_batch 40' 'best_ceiling 0' 'best_ceiling_last 39' 'cpus 1' 'tlb 64x4:1536x12:lru' \
	' *20  *0\.\.19  *2  *2  *0  *0  *[0-9]*'
run --sweep --batches 20,40 --json "$dir/forty"
[ "$(cost 20 0)" -eq $(($(cost 40 0) + 35600)) ] || bad "a PCID twice"
[ "$(cost 20 20)" -eq $(($(cost 40 0) + 4000000 - 2035600)) ] || bad "20 pages twice"
# The batches that are tried by themselves. 32 pages and 8.
run --sweep "$dir/forty"
says ' *32  *0\.\.7  *2  *2 .*' 'best_batch all'
[ "$(grep -c '^  *[0-9a][0-9l]*  *[0-9]*\.\.' "$dir/out")" -eq 7 ] || bad "not 1 to 32, and all"
# A chart: the most has 40 stars.
grep -q '  ceiling 40  *[0-9]* \*\{40\}$' "$dir/out" || bad "no chart"

# Another CPU that runs the process: 16500 ns for each request, so that fewer are better still.
{ unmaps 8 && printf '%s\n' 'cpu 1' 'switch 1' 'cpu 0' && unmaps 40 | tail -n +6; } >"$dir/two"
run --sweep --batches 20,40 --json "$dir/two"
grep -q '"cpus": 2, "best_batch": 40,' "$dir/out" || bad "two CPUs"
[ "$(cost 20 20)" -eq $(($(cost 40 8) + 4000000 - 2035600 + 16500000)) ] || bad "an IPI more"

# arm64 without ranges: 23 ns for each page or for all, so 87 pages before 2023 ns are more.
unmaps 86 87 88 89 >"$dir/eighty"
run --profile neoverse-n1 --no-ranges --sweep --batches 0 "$dir/eighty"
says 'best_batch all' 'best_cycles [0-9]*'
run --sweep --arch arm64 --no-ranges --l1 64x4 --l2 1536x12 --batches 0 "$dir/eighty"
says 'best_ceiling 87' 'best_ceiling_last 87'
# ... and with ranges never: at most two operations.
run --sweep --arch arm64 --batches 0 "$dir/eighty"
says 'best_ceiling 89' 'best_ceiling_last 2097152'

# The last page of a batch of 10 takes its table with it, which makes its request no longer; the tables
# above that are a request of their own then, of one address: an operation, which the arithmetic of
# arm64's ranges takes for a leaf of 1G.
printf '%s\n' 'switch 1' 'map 0x10000000 40K rw' 'access w 0x10000000 10' \
	'unmap 0x10000000 40K' >"$dir/table"
for try in 'arm64:0 10 262144 ' 'arm64 --no-ranges:0 1 10 ' 'x86_64:0 1 10 '; do
	# shellcheck disable=SC2086 # words
	run --sweep --batches 10 --json --arch ${try%:*} "$dir/table"
	[ "$(sed -n 's/.*"ceiling": \([0-9]*\), "requests": 2,.*/\1/p' "$dir/out" | tr '\n' ' ')" = \
		"${try#*:}" ] || bad "ceilings of ${try%:*}, not ${try#*:}"
done

run --sweep --ceilings 5,25 --batches 0 "$dir/four"
says 'best_ceiling 25' 'best_ceiling_last 25'
if command -v gnuplot >/dev/null; then
	run --sweep --svg "$dir/plot.svg" "$dir/four"
	grep -q '</svg>' "$dir/plot.svg" || bad "no plot"
fi

[ "$nr_bad" -eq 0 ]
