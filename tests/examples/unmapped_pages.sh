#!/bin/sh
# SPDX-License-Identifier: MIT
# usage: unmapped_pages.sh <unmapped_pages>
# Its figures, and where they come from. 100000 pages of 4K are held at once and 100000 times one
# is replaced: 200000 allocations. The pages fill ceil(100000 / 512) = 196 pageblocks; those that
# are freed and taken again stay in them. The memory begins at 1 GiB, and all of them are in one
# leaf of 1G.
#
# x86_64
#   page at a time   200000 ranges of one page, one INVLPG each; a full flush for the split of the
#                    1G leaf and for the 196 splits of 2M leaves: 200197 flushes. Mapping again: 0.
#   freetypes        196 conversions of 512 pages, over the ceiling of 33: full; one split: 197.
#   batches of 16    ceil(196 / 16) = 13 conversions of 16: 208 pageblocks; one split: 14.
# arm64, mapped by pages below FEAT_BBM level 2: nothing is split
#   page at a time   200000 ranges of one page, one TLBI each
#   freetypes        196 ranges of 512 pages: one RVAALE1IS each (SCALE 1, NUM 7); without range
#                    operations 512 pages are MAX_DVM_OPS, and so VMALLE1IS
#   batches of 16    13 ranges of 8192 pages, side by side: one RVAALE1IS each (SCALE 2, NUM 3)
#
# Cycles: 45000 a flush, 300 an INVLPG, 192 a full flush; 69 a TLBI of any kind.
set -eu
bin=$1
json=$("$bin" --json)

# expect <machine> <way> <figures in the order of the JSON>
expect() {
	want="\"machine\": \"$1\", \"way\": \"$2\", \"allocations\": 200000, \"pageblocks\": $3,\
 \"splits_1g\": $4, \"splits_2m\": $5, \"tables\": $6, \"flushes\": $7, \"full\": $8, \"ranged\": $9,"
	shift 9
	want="$want \"page_ops\": $1, \"range_ops\": $2, \"per_thousand\": $3, \"cycles\": $4}"
	case $json in
	*"$want"*) ;;
	*)
		echo "not found: $want" >&2
		echo "$json" >&2
		exit 1
		;;
	esac
}

#                                                blocks 1G 2M tables flushes full ranged
expect x86_64 "page at a time"                   0 1 196 197 200197 197 200000 \
	200000 0 1000.985000 $((200197 * 45000 + 200000 * 300 + 197 * 192))
expect x86_64 "freetypes"                        196 1 0 1 197 197 0 \
	0 0 0.985000 $((197 * 45192))
expect x86_64 "freetypes, batched"               208 1 0 1 14 14 0 \
	0 0 0.070000 $((14 * 45192))
for range in "with range TLBI" without; do
	expect "arm64 $range" "page at a time"   0 0 0 0 200000 0 200000 \
		200000 0 1000.000000 $((200000 * 69))
done
expect "arm64 with range TLBI" "freetypes"       196 0 0 0 196 0 196 \
	0 196 0.980000 $((196 * 69))
expect "arm64 with range TLBI" "freetypes, batched" 208 0 0 0 13 0 13 \
	0 13 0.065000 $((13 * 69))
expect "arm64 without" "freetypes"               196 0 0 0 196 196 0 \
	0 0 0.980000 $((196 * 69))
expect "arm64 without" "freetypes, batched"      208 0 0 0 13 13 0 \
	0 0 0.065000 $((13 * 69))

# The other options, and those that are none.
[ "$("$bin" --pages 600 --churn 0 --arch arm64 --batch 1 | grep -c 'allocations  *pageblocks')" = 2 ]
"$bin" --help | grep -q '^usage: unmapped_pages'
for wrong in --pages=0 --pages=x --batch=65 --arch=mips --unknown extra; do
	status=0
	"$bin" "$wrong" >/dev/null 2>&1 || status=$?
	[ $status -eq 2 ] || { echo "$wrong: $status" >&2; exit 1; }
done
# What cannot be printed is no success.
if [ -w /dev/full ]; then
	for option in --help --pages=600 --json; do
		status=0
		"$bin" "$option" >/dev/full 2>/dev/null || status=$?
		[ $status -eq 2 ] || { echo "$option to a full device: $status" >&2; exit 1; }
	done
fi
if command -v gnuplot >/dev/null; then
	svg=$(mktemp)
	"$bin" --pages 600 --svg "$svg" >/dev/null
	grep -q '</svg>' "$svg"
	rm "$svg"
fi
