#!/bin/sh
# SPDX-License-Identifier: MIT
# usage: unmapped_cpus.sh <unmapped_pages>
# Its figures on simulated CPUs, and where they come from. 2000 pages of 4K are held at once and 500
# times one is replaced: 2500 allocations, in ceil(2000 / 512) = 4 pageblocks, all of them in one
# leaf of 1G. The requests are those of unmapped_pages.sh:
#
# x86_64
#   page at a time   2500 ranges of one page, and a full flush for each split: of the leaf of 1G,
#                    and of 4 of 2M: 2505
#   freetypes        4 conversions of 512 pages, over the ceiling of 33: full; one split: 5
#   batches of 16    one conversion of 16 pageblocks, 8192 pages; one split: 2
#   Each is an IPI to all other CPUs. Here it is an INVLPG, or everything.
# arm64, mapped by pages: nothing is split
#   page at a time   2500 ranges of one page, one TLBI each
#   freetypes        4 of 512 pages, one range TLBI each, (7 + 1) << 6; without range TLBIs they are
#                    MAX_DVM_OPS, and so VMALLE1IS
#   batches of 16    one of 8192 pages, one range TLBI, (3 + 1) << 11, or VMALLE1IS
#
# Picoseconds, of profile.c: skylake-sp: 16500000 an IPI, 100000 an INVLPG, 35600 a full flush.
# xeon-vm: 16500000, 148362, 13619, and 827957 a request, 25967 each of its pages; a split asks for
# none. neoverse-n1: 23000 a broadcast, whatever it is of, 10000 of that for what it does here.
set -eu
bin=$1
json=$("$bin" --pages 2000 --churn 500 --cpus 2,16,128 --json)

# expect <profile> <CPUs> <way> <looks> <shootdowns> <full> <pages> <IPIs> <broadcasts> <ps>
expect() {
	want="\"profile\": \"$1\", \"cpus\": $2, \"ranges\": $ranges, \"way\": \"$3\",\
 \"allocations\": 2500, \"looks\": $4,\
 \"shootdowns\": $5, \"full\": $6, \"pages\": $7, \"ipis\": $8, \"broadcasts\": $9,"
	shift 9
	want="$want \"cost_ps\": $1, \"cycles\": $(($1 * 3 / 1000))}"
	case $json in
	*"$want"*) ;;
	*)
		echo "not found: $want" >&2
		echo "$json" >&2
		exit 1
		;;
	esac
}

# A CPU looks at each page when it is absent; page at a time, it looks before that as well.
for cpus in 2 16 128; do
	ranges=false
	others=$((cpus - 1))
	for profile in skylake-sp sapphire-rapids zen3 zen4; do
		expect $profile $cpus "page at a time" 5000 2505 5 2500 $((2505 * others)) 0 \
			$((2505 * others * 16500000 + 2500 * 100000 + 5 * 35600))
		expect $profile $cpus "freetypes" 2500 5 5 2048 $((5 * others)) 0 \
			$((5 * others * 16500000 + 5 * 35600))
		expect $profile $cpus "freetypes, batched" 2500 2 2 8192 $((2 * others)) 0 \
			$((2 * others * 16500000 + 2 * 35600))
	done
	expect xeon-vm $cpus "page at a time" 5000 2505 5 2500 $((2505 * others)) 0 \
		$((2505 * (others * 16500000 + 827957) + 2500 * (148362 + 25967) + 5 * 13619))
	expect xeon-vm $cpus "freetypes" 2500 5 5 2048 $((5 * others)) 0 \
		$((5 * (others * 16500000 + 827957) + 2048 * 25967 + 5 * 13619))
	expect xeon-vm $cpus "freetypes, batched" 2500 2 2 8192 $((2 * others)) 0 \
		$((2 * (others * 16500000 + 827957) + 8192 * 25967 + 2 * 13619))
	for profile in neoverse-n1 cortex-a72; do
		for ranges in false true; do
			full=4
			[ $ranges = false ] || full=0
			expect $profile $cpus "page at a time" 5000 2500 0 2500 0 2500 \
				$((2500 * 23000))
			expect $profile $cpus "freetypes" 2500 4 $full 2048 0 4 $((4 * 23000))
			expect $profile $cpus "freetypes, batched" 2500 1 $((full / 4)) 8192 0 1 \
				23000
		done
	done
done
[ "$(echo "$json" | grep -c profile)" -ge 81 ] # 5 + 2 x 2 profiles, 3 machines, 3 ways
if command -v python3 >/dev/null; then
	echo "$json" | python3 -m json.tool >/dev/null
fi

# Per thousand, for reading: 2505 / 2.5, x 15; and the cycles of the one by those of the other.
table=$("$bin" --pages 2000 --churn 500 --cpus 16 --profile skylake-sp)
echo "$table" | grep -q '^skylake-sp *16 *page at a time *1002\.000 *15030\.000 *0\.000 *2\.000 .* 1\.0$'
echo "$table" | grep -q '^skylake-sp *16 *freetypes *2\.000 *30\.000 *0\.000 *2\.000 .* 50[12]\.[0-9]$'
[ "$("$bin" --pages 600 --cpus 2 --arch arm64 | grep -c 'page at a time *[0-9]')" -ge 4 ]

for wrong in --cpus=0 --cpus=4097 --cpus= --cpus=2,x --cpus=1,2,3,4,5,6,7,8,9 --profile=zen4 \
	'--cpus=2 --profile=z80' '--cpus=2 --svg=x' '--cpus=2 --profile=zen4 --arch=arm64' \
	'--cpus=2 --profile=neoverse-n1 --arch=x86_64 --json'; do
	status=0
	# shellcheck disable=SC2086 # words
	said=$("$bin" --pages 10 $wrong 2>/dev/null) || status=$?
	[ -z "$said" ] || { echo "$wrong: $said" >&2; exit 1; }
	[ $status -eq 2 ] || { echo "$wrong: $status" >&2; exit 1; }
done
