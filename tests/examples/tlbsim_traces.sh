#!/bin/sh
# SPDX-License-Identifier: MIT
# tlbsim against the miss counts that two other simulators agree on, to the last miss.
# Usage: tlbsim_traces.sh TLBSIM DIRECTORY, which has mktrace.py and expected.tsv
set -u
tlbsim=${1:?usage: tlbsim_traces.sh TLBSIM DIRECTORY}
data=${2:?usage: tlbsim_traces.sh TLBSIM DIRECTORY}
if [ ! -f "$data/mktrace.py" ] || [ ! -f "$data/expected.tsv" ]; then
	echo "SKIPPED: no traces: $data has no mktrace.py and expected.tsv"
	exit 77
fi
command -v python3 >/dev/null || {
	echo "SKIPPED: python3 is not installed, which makes the traces"
	exit 77
}
dir=$(mktemp -d) || exit 2
trap 'rm -rf "$dir"' EXIT
trap 'exit 2' INT TERM
python3 "$data/mktrace.py" "$dir" || exit 1

nr=0
bad=0
tab=$(printf '\t')
while IFS=$tab read -r trace policy l1_misses l2_misses; do
	case $trace in
	'#'* | trace) continue ;;
	esac
	nr=$((nr + 1))
	"$tlbsim" --l1 64x4 --l2 1536x12 --policy "$policy" --format u64 --passes 3 \
		"$dir/$trace.u64" >"$dir/out" || bad=$((bad + 1))
	grep -qx "lookups 12000000" "$dir/out" &&
		grep -qx "l1_misses $l1_misses" "$dir/out" &&
		grep -qx "l2_misses $l2_misses" "$dir/out" || {
		echo "FAILED: $trace $policy: not $l1_misses and $l2_misses misses but"
		cat "$dir/out"
		bad=$((bad + 1))
	}
done <"$data/expected.tsv"
echo "$nr traces"
[ "$nr" -gt 0 ] && [ "$bad" -eq 0 ]
