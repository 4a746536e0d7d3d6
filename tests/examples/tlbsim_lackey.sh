#!/bin/sh
# SPDX-License-Identifier: MIT
# A real program's accesses, as Valgrind's lackey prints them, through tlbsim and through a LRU
# simulation in awk; as they come, for they need not fit on a disk.
# Usage: tlbsim_lackey.sh TLBSIM ls|python3
set -u
tlbsim=${1:?usage: tlbsim_lackey.sh TLBSIM ls|python3}
program=${2:?usage: tlbsim_lackey.sh TLBSIM ls|python3}
command -v valgrind >/dev/null || {
	echo "SKIPPED: valgrind is not installed"
	exit 77
}
dir=$(mktemp -d) || exit 2
trap 'rm -rf "$dir"' EXIT
trap 'exit 2' INT TERM
valgrind --tool=lackey --trace-mem=yes --log-file="$dir/true" true >/dev/null || {
	echo "SKIPPED: valgrind --tool=lackey does not run here"
	exit 77
}
# What python3 is called may be a script that starts another.
case $program in
python3)
	command -v python3 >/dev/null || {
		echo "SKIPPED: python3 is not installed"
		exit 77
	}
	set -- "$(python3 -c 'import sys; print(sys.executable)')" -I -S -c 'print(sum(range(100)))'
	;;
*)
	set -- "$program" /
	;;
esac

# Four sets: the page number's last hexadecimal digit modulo 4.
simulate() {
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
	END { printf "lookups %d\nl1_misses %d\nwalks %d\n", lookups, misses, misses }'
}

mkfifo "$dir/trace" "$dir/copy" || exit 2
valgrind --tool=lackey --trace-mem=yes --log-file="$dir/trace" "$@" >"$dir/said" &
simulate <"$dir/copy" >"$dir/expected" &
tee "$dir/copy" <"$dir/trace" | "$tlbsim" --format lackey --l1 16x4 --l2 none \
	--compare skylake-sp,neoverse-n1,64x4:1536x12:fifo --json - >"$dir/out"
status=$?
wait
if [ "$status" -ne 0 ] || [ ! -s "$dir/said" ]; then
	echo "FAILED: status $status; and $program said: $(cat "$dir/said")"
	exit 1
fi
cat "$dir/expected" "$dir/out"
while read -r name value; do
	grep -q "^{ \"tlb\": \"16x4:none:lru\", .*\"$name\": ${value}[,} ]" "$dir/out" || {
		echo "FAILED: expected $name $value"
		status=1
	}
done <"$dir/expected"
[ "$(sed -n 's/^lookups //p' "$dir/expected")" -gt 1000 ] || {
	echo "FAILED: $program has next to no accesses"
	status=1
}
exit $status
