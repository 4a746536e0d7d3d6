#!/bin/sh
# SPDX-License-Identifier: MIT
# tlbsim from outside: counts of small traces worked out by hand, exit codes, one line on stderr for
# what is no good. Usage: tlbsim.sh TLBSIM
set -u
tlbsim=${1:?usage: tlbsim.sh TLBSIM}
dir=$(mktemp -d) || exit 2
trap 'rm -rf "$dir"' EXIT
trap 'exit 2' INT TERM
nr_bad=0

bad() {
	echo "FAILED: $*"
	nr_bad=$((nr_bad + 1))
}

# run EXPECTED_STATUS ARGUMENT...: output goes to $dir/out and $dir/err.
run() {
	expected=$1
	shift
	timeout 60 "$tlbsim" "$@" >"$dir/out" 2>"$dir/err"
	status=$?
	[ "$status" -eq "$expected" ] || {
		bad "status $status, not $expected: tlbsim $*"
		head -n 3 "$dir/out" "$dir/err"
	}
}

# refuses ARGUMENT...: status 2, nothing on stdout, one line on stderr.
refuses() {
	run 2 "$@"
	[ ! -s "$dir/out" ] || bad "printed something: tlbsim $*"
	[ "$(wc -l <"$dir/err")" -eq 1 ] || bad "not one line on stderr: tlbsim $*"
	grep -q '^tlbsim: ' "$dir/err" || bad "who says that: tlbsim $*"
}

# says LINE...: the last run printed these lines.
says() {
	for line; do
		grep -qx -e "$line" "$dir/out" || {
			bad "no line '$line'"
			cat "$dir/out"
		}
	done
}

# pages N...: a trace of accesses to these pages, numbers below 256, one byte into each.
pages() {
	for page; do
		# shellcheck disable=SC2059 # the escapes are the point
		printf "\\001\\$(printf %03o $((page % 16 * 16)))\\$(printf %03o $((page / 16)))\\0\\0\\0\\0\\0"
	done
}

# One set of four. LRU keeps what was used, FIFO what came later, a tree something in between:
# after 0 1 2 3 0, page 4 takes the place of 1, 0 and 2.
pages 0 1 2 3 0 4 0 1 2 >"$dir/five"
run 0 --l1 4x4 --l2 none "$dir/five"
says 'lookups 9' 'l1_hits 2' 'l1_misses 7' 'walks 7' 'evictions 3'
says 'cycles 420' # 7 x 4 x 5 ns, 3 GHz
run 0 --l1 4x4 --l2 none --load 1000 "$dir/five"
says 'cycles 84'
run 0 --l1 4x4 --l2 none --policy fifo "$dir/five"
says 'l1_misses 8' 'walks 8'
run 0 --l1 4x4 --l2 none --policy plru "$dir/five"
says 'l1_misses 6' 'walks 6'
run 0 --l1 4x4 --l2 none --policy random --seed 7 "$dir/five"
cp "$dir/out" "$dir/random"
run 0 --l1 4x4 --l2 none --policy random --seed 7 "$dir/five"
cmp -s "$dir/out" "$dir/random" || bad "random is not the same each time"

# A hit in level 2 fills level 1 and renews the place under LRU, not under FIFO. One in level 1
# does not reach level 2: in the second trace 0 stays in the first and leaves the second.
pages 0 1 2 0 3 1 0 >"$dir/two"
run 0 --l1 2x2 --l2 3x3 "$dir/two"
says 'l1_misses 7' 'l2_hits 2' 'l2_misses 5' 'walks 5'
pages 0 1 0 2 0 3 0 >"$dir/shadow"
run 0 --l1 2x2 --l2 3x3 "$dir/shadow"
says 'l1_misses 4' 'l2_misses 4'
pages 0 1 2 0 3 0 >"$dir/renew"
run 0 --l1 1x1 --l2 3x3 "$dir/renew"
says 'l1_misses 6' 'l2_misses 4'
run 0 --l1 1x1 --l2 3x3 --policy fifo "$dir/renew"
says 'l1_misses 6' 'l2_misses 5'

# Three sets: modulo 3.
pages 0 3 1 2 0 3 1 2 >"$dir/sets"
run 0 --l1 3x1 --l2 none "$dir/sets"
says 'l1_misses 6'

# Text of a length that addresses have was taken for addresses; one byte that is none makes it some.
printf ' L 1ffeffe000,8\n' >"$dir/text"
[ $(($(wc -c <"$dir/text") % 8)) -eq 0 ] || bad "the text has another length"
refuses "$dir/text"
grep -q 'text, not 64-bit addresses' "$dir/err" || bad "text is no addresses: not said"
run 0 --format lackey "$dir/text"
says 'lookups 1'
printf 'printed\0' >"$dir/text"
run 0 "$dir/text"
says 'lookups 1'

# A number with a 0 before it was octal.
run 0 --passes 010 "$dir/text"
says 'lookups 10'
run 0 --passes 0x10 "$dir/text"
says 'lookups 16'

# Several passes, of a file and of a pipe; the pages of lackey's lines.
run 0 --l1 8x8 --l2 none --passes 3 "$dir/five"
says 'lookups 27' 'l1_misses 5'
cp "$dir/out" "$dir/file"
# shellcheck disable=SC2002 # it has to be a pipe
cat "$dir/five" | "$tlbsim" --l1 8x8 --l2 none --passes 3 - >"$dir/out" || bad "a pipe"
cmp -s "$dir/out" "$dir/file" || bad "a pipe is read otherwise than a file"
printf '%s\n' '==1== Lackey' 'I  04001a30,3' ' L 1ffefffe40,8' ' S 1ffefff000,4' \
	' M 1ffeffe000,8' 'I  04001a33,5' >"$dir/lackey"
run 0 --format lackey --passes 2 "$dir/lackey"
says 'lookups 6' 'l1_misses 2' 'l2_misses 2'
: >"$dir/empty"
run 0 "$dir/empty"
says 'lookups 0' 'walks 0'

run 0 --json --l1 4x4 --l2 none "$dir/five"
says '{ "tlb": "4x4:none:lru", "lookups": 9, "l1_hits": 2, "l1_misses": 7, "walks": 7, "evictions": 3, "cycles": 420 }'
run 0 --compare zen3,2x2:4x4:fifo,8x8 "$dir/five"
[ "$(wc -l <"$dir/out")" -eq 5 ] || bad "not a head and four rows"
says '64x4:1536x12:lru .*' 'zen3 .*' '2x2:4x4:fifo .*' '8x8:1536x12:lru .*'
run 0 --json --compare zen3 "$dir/five"
! command -v python3 >/dev/null || python3 -m json.tool <"$dir/out" >/dev/null || bad "no JSON"
# Reach: 20 pages in turn, ten times. 16 entries of four ways miss all of them under LRU where five
# share a set; with 32 entries, at most three do, and all stay.
twenty=$(seq 0 19)
for _ in 1 2 3 4 5 6 7 8 9 10; do
	# shellcheck disable=SC2086 # words
	pages $twenty
done >"$dir/twenty"
run 0 --reach "$dir/twenty"
[ "$(wc -l <"$dir/out")" -eq 14 ] || bad "not a head and thirteen rows"
says '16x4:none:lru  *64  *200  *200  *1.000000' '32x4:none:lru  *128  *200  *20  *0.100000' \
	'65536x4:none:lru  *262144  *200  *20  *0.100000'
run 0 --reach --json --l1 4x2 --policy fifo "$dir/twenty"
says '{ "tlb": "16x2:none:fifo", "reach_kib": 64, "lookups": 200, "misses": [0-9]* },'
if command -v gnuplot >/dev/null; then
	run 0 --reach --svg "$dir/reach.svg" "$dir/twenty"
	grep -q '</svg>' "$dir/reach.svg" || bad "no plot"
	grep -q '\*\*' "$dir/out" && bad "a plot, and stars too"
	# A name is a name, whatever gnuplot or a shell would make of it.
	for name in 'a b' "it's" '"' '\' 'a`touch sign`.svg' '$(touch sign)' '|touch sign' '~' \
		"'; system 'touch sign'; '"; do
		(cd "$dir" || exit 1; run 0 --reach --svg "$name" "$dir/twenty"; exit "$nr_bad") ||
			nr_bad=$((nr_bad + 1))
		grep -q '</svg>' "$dir/$name" || bad "no plot: $name"
		[ ! -e "$dir/sign" ] || bad "a shell ran $name"
		rm -f "$dir/$name" "$dir/sign"
	done
fi
# A name that gnuplot cannot be told: stars, 40 of them for misses only.
run 0 --reach --svg "$dir/
" "$dir/twenty"
says '  16x4:none:lru  *1 \*\{40\}' '  32x4:none:lru  *0.1 \*\{4\}'
grep -q 'no plot' "$dir/err" || bad "no word of the plot that is missing"

# No plot is drawn over the trace, under another name neither: the trace would be gone.
cp "$dir/twenty" "$dir/whole"
ln -s "$dir/twenty" "$dir/symbolic"
ln "$dir/twenty" "$dir/hard"
for name in twenty symbolic hard ../"${dir##*/}"/twenty; do
	refuses --reach --svg "$dir/$name" "$dir/twenty"
	refuses --reach --svg "$dir/twenty" "$dir/$name"
	refuses --reach --svg "$dir/$name" - <"$dir/twenty"
done
cmp -s "$dir/twenty" "$dir/whole" || bad "--svg overwrote the trace"
run 0 --reach --svg "$dir/whole" - <"$dir/twenty"

run 0 --help
run 0 --profile list
while read -r name _; do
	tlbsim_profiles="${tlbsim_profiles:-} $name"
done <"$dir/out"
for name in $tlbsim_profiles; do
	run 0 --profile "$name" --passes 2 "$dir/five"
	says 'lookups 18' 'walks 5'
done

refuses
refuses "$dir/five" "$dir/five"
refuses "$dir/none"
refuses "$dir"
refuses --format lackey "$dir/five"
refuses --format elf "$dir/five"
refuses --passes 0 "$dir/five"
refuses --passes many "$dir/five"
refuses --passes
refuses --what "$dir/five"
refuses --l1 64 "$dir/five"
refuses --l1 64x "$dir/five"
refuses --l1 64x4x "$dir/five"
refuses --l1 0x0 "$dir/five"
refuses --l1 65x4 "$dir/five"
refuses --l1 4x8 "$dir/five"
refuses --l1 none "$dir/five"
refuses --l1 99999999999999999999x1 "$dir/five"
refuses --l1 65537x1 "$dir/five"
refuses --policy plru "$dir/five" # 1536x12
refuses --policy clock "$dir/five"
refuses --profile pentium "$dir/five"
refuses --profile zen3 --l1 4x4 "$dir/five"
refuses --compare , "$dir/five"
refuses --reach --profile zen3 "$dir/five"
refuses --reach --l1 9x3 "$dir/five" # 16 entries
refuses --sweep "$dir/five"
refuses --svg "$dir/plot" "$dir/five"
refuses --batch 4 "$dir/five"
refuses --cpus 2 "$dir/five" # all addresses are of one
grep -q -e '--cpus: of --format events$' "$dir/err" || bad "whose CPUs is not said"
refuses --compare 64x4:1536x12:plru "$dir/five"
head -c 12 "$dir/five" >"$dir/short"
refuses "$dir/short"
grep -q -e '--format' "$dir/err" || bad "no word of the format: $(cat "$dir/err")"
printf ' L 12345\n' >"$dir/broken"
refuses --format lackey "$dir/broken"
refuses --page 3K "$dir/five"
refuses --page 2K "$dir/five"
refuses --page 2G "$dir/five"
refuses --page 0 "$dir/five"
refuses --page -4096 "$dir/five"
refuses --page 4KB "$dir/five"
refuses --pcids 2 "$dir/five"

# Larger pages: of 0 1 2 3 0 4 0 1 2, four a page of 16K, so 4 alone is of another. The set is
# that of the larger page. A walk of 2M reads three words, of 1G two.
run 0 --page 16K --l1 1x1 --l2 none "$dir/five"
says 'l1_misses 3' 'evictions 2' 'cycles 180'
run 0 --page 0x4000 --l1 2x1 --l2 none "$dir/five"
says 'l1_misses 2' 'evictions 0'
run 0 --page 2M --l1 1x1 --l2 none "$dir/five"
says 'l1_misses 1' 'cycles 45'
run 0 --page 1g --l1 1x1 --l2 none "$dir/five"
says 'l1_misses 1' 'cycles 30'
# Of a profile, Neoverse N1's level 1 holds 16K, Skylake-SP's has pieces of 4K.
run 0 --page 16K --profile neoverse-n1 "$dir/five"
says 'l1_misses 2'
run 0 --page 16K --profile skylake-sp "$dir/five"
says 'l1_misses 5'
run 0 --page 64K --reach --l1 4x4 --json "$dir/five"
grep -q '"tlb": "16x4:none:lru", "reach_kib": 1024, "lookups": 9, "misses": 1 ' "$dir/out" ||
	bad "--reach of 64K"

# What cannot be printed is no success.
if [ -w /dev/full ]; then
	for arguments in --help '--profile list' "$dir/five"; do
		"$tlbsim" $arguments >/dev/full 2>"$dir/err"
		[ $? -eq 2 ] || bad "$arguments: a full disk is not noticed"
	done
fi
"$tlbsim" --profile list >"$dir/profiles"
"$tlbsim" --compare list | cmp -s - "$dir/profiles" || bad "--compare list lists nothing"

[ "$nr_bad" -eq 0 ]
