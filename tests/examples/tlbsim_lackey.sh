#!/bin/sh
# SPDX-License-Identifier: MIT
# A real program's accesses, as Valgrind's lackey prints them, through tlbsim and through a LRU
# simulation in awk. Usage: tlbsim_lackey.sh TLBSIM
set -u
tlbsim=${1:?usage: tlbsim_lackey.sh TLBSIM}
command -v valgrind >/dev/null || {
	echo "SKIPPED: valgrind is not installed"
	exit 77
}
dir=$(mktemp -d) || exit 2
trap 'rm -rf "$dir"' EXIT
trap 'exit 2' INT TERM
valgrind --tool=lackey --trace-mem=yes --log-file="$dir/trace" ls / >/dev/null || {
	echo "SKIPPED: valgrind --tool=lackey does not run here"
	exit 77
}
"$tlbsim" --format lackey --l1 16x4 --l2 none "$dir/trace" >"$dir/out" || exit 1
"$tlbsim" --format lackey --l1 16x4 --l2 none - <"$dir/trace" >"$dir/piped" || exit 1
cmp "$dir/out" "$dir/piped" || exit 1
"$tlbsim" --format lackey --profile skylake-sp --compare zen4,neoverse-n1,64x4:none:fifo \
	"$dir/trace" || exit 1

# Four sets: the page number's last hexadecimal digit modulo 4.
awk '
	/^ [LSM] / {
		page = substr($2, 1, index($2, ",") - 4)
		set = (index("0123456789abcdef", substr(page, length(page))) - 1) % 4
		lookups++
		now++
		if (page in last) {
			last[page] = now
			next
		}
		misses++
		if (nr[set] == 4) {
			for (other in last)
				if (set_of[other] == set && (oldest == "" || last[other] < last[oldest]))
					oldest = other
			delete last[oldest]
			oldest = ""
			nr[set]--
		}
		nr[set]++
		last[page] = now
		set_of[page] = set
	}
	END { printf "lookups %d\nl1_misses %d\nwalks %d\n", lookups, misses, misses }' \
	"$dir/trace" >"$dir/expected"
cat "$dir/expected"
status=0
while read -r line; do
	grep -qx "$line" "$dir/out" || {
		echo "FAILED: expected $line"
		status=1
	}
done <"$dir/expected"
[ "$status" -eq 0 ] || cat "$dir/out"
exit $status
