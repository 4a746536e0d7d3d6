#!/bin/sh
# SPDX-License-Identifier: MIT
# ptdump on all memory of recorded guests that ran Linux: the kernel's tables are found in it.
# Usage: ptdump_guests.sh PTDUMP; $PTLIB_DATA_DIR/linux has the guests.
. "$(dirname "$0")/ptdump_begin.sh"

# field CASE NAME: the first value of that name in CASE.
field() {
	sed -n 's/^ *"'"$2"'": "\(.*\)",\{0,1\}$/\1/p' "$1" | head -n 1
}

# ranges BASE IOMEM LAST: what is System RAM at BASE or above, up to LAST, as FIRST LAST...
ranges() {
	sed -n 's/^\([0-9a-f]*\)-\([0-9a-f]*\) : System RAM$/0x\1 0x\2/p' "$2" |
		while read -r from to; do
			[ $((from)) -ge $(($1)) ] && [ $((to)) -le $(($3)) ] && echo "$from $to"
		done
}

nr_cases=0
for case in "${PTLIB_DATA_DIR:-}"/linux/*/case.json; do
	[ -f "$case" ] || continue
	zstd -q --version >/dev/null 2>&1 || {
		echo 'SKIP: no zstd'
		exit 77
	}
	nr_cases=$((nr_cases + 1))
	image=$dir/ram.img
	zstd -q -d -f --long=27 --sparse "${case%/case.json}/ram.img.zst" -o "$image" || exit 2
	base=$(field "$case" gpa)
	size=$(field "$case" size)
	root=$(field "$case" init)
	case $(field "$case" arch) in
	x86_64) option=--cr3 ;;
	*) option=--ttbr1 ;;
	esac

	run 0 "$image" --base "$base" --usage
	grep -q "VMCOREINFO at .*, of Linux .* $option $root" "$dir/err" ||
		bad "$case: the root is $root: $(cat "$dir/err")"
	mv "$dir/out" "$dir/of_raw"
	regs=$(sed -n 's/.* selects //p' "$dir/err")
	run 0 "$image" --base "$base" $regs --usage
	same "$dir/of_raw" "$dir/out" "$case: $regs say something else"

	# Memory as LiME would have written it: tables are in what is System RAM.
	for ask in --usage --each; do
		run 0 "$image" --base "$base" $ask
		mv "$dir/out" "$dir/of_raw"
		[ -f "$dir/lime" ] || lime "$dir/lime" "$image" "$((base))" \
			$(ranges "$base" "${case%/case.json}/iomem" $((base + size - 1)))
		run 0 "$dir/lime" $ask
		same "$dir/of_raw" "$dir/out" "$case: '$ask' of LiME's dump"
	done
	rm "$dir/lime" "$image"
done
[ $nr_cases -gt 0 ] || {
	echo 'SKIP: no recorded guests; PTLIB_DATA_DIR names them'
	exit 77
}
finish
