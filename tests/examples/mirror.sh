#!/bin/sh
# SPDX-License-Identifier: MIT
# usage: mirror.sh <mirror>
# A process that it starts, a command, and this shell: what stands in simulated memory has the Rss,
# Anonymous, Swap and huge pages that the kernel says, area by area. With a swap file and pages of
# hugetlb if this may have them.
set -eu
bin=$1
work=$(mktemp -d)
swap=$work/swap
huge=/proc/sys/vm/nr_hugepages
cleanup() {
	if [ "${swapping:-no}" = yes ]; then
		swapoff "$swap"
	fi
	if [ -n "${had_huge:-}" ]; then
		echo "$had_huge" >"$huge"
	fi
	rm -rf "$work"
}
trap cleanup EXIT

fail() {
	echo "mirror.sh: $*" >&2
	[ ! -s "$work/out" ] || cat "$work/out" >&2
	exit 1
}

if ! cat /proc/self/smaps >"$work/smaps" 2>/dev/null || [ ! -s "$work/smaps" ] ||
	! head -c 8 /proc/self/pagemap >/dev/null 2>&1; then
	echo "SKIPPED: /proc/PID/smaps or pagemap cannot be read here"
	exit 77
fi

# What cannot be printed is no success.
if [ -w /dev/full ]; then
	for option in --help --json; do
		status=0
		"$bin" $option >/dev/full 2>/dev/null || status=$?
		[ $status -eq 2 ] || fail "$option to a full device: status $status"
	done
fi

# figure <name> <object>: a number from what --json printed
figure() {
	sed -n "s/.*\"$2\": {[^}]*\"$1\": \([0-9]*\).*/\1/p" "$work/out"
}

# mirrors <arguments>: runs it, and wants all areas to be equal
mirrors() {
	status=0
	"$bin" --json "$@" >"$work/out" 2>"$work/err" || status=$?
	if grep -q '"by_scan": false' "$work/out"; then
		echo "SKIPPED: no PAGEMAP_SCAN here: Linux 6.7 has it"
		exit 77
	fi
	[ "$status" -eq 0 ] || fail "mirror $*: exit status $status: $(cat "$work/err")"
	grep -q '"differ": 0,' "$work/out" || fail "mirror $*: areas differ"
	[ "$(figure present kernel)" = "$(figure present here)" ] || fail "mirror $*: present differs"
	[ "$(figure present here)" -gt 0 ] || fail "mirror $*: nothing is present"
	for form in 'x86_64' 'arm64, 4K' 'arm64, 16K' 'arm64, 64K'; do
		grep -q "\"form\": \"$form\", \"levels\": [34], \"tables\": [1-9]" "$work/out" ||
			fail "mirror $*: no $form"
	done
}

mirrors
# what the demonstration touched: 6 MiB, and every other page of 6 MiB
[ "$(figure present here)" -gt $((9 << 20)) ] || fail "the demonstration is not there"
mirrors sleep 30
mirrors --pid $$

"$bin" >"$work/out" || fail "as text: exit status $?"
grep -q 'areas have the Rss' "$work/out" || fail "as text: no comparison"

status=0
"$bin" --pid 0 >"$work/out" 2>&1 || status=$?
[ "$status" -eq 2 ] || fail "--pid 0: exit status $status"
"$bin" /nonexistent/command >"$work/out" 2>&1 && fail "a command that is none: exit status 0"

# free_huge: how many pages of hugetlb a process could get
free_huge() {
	awk '/^HugePages_Free/ { free = $2 } /^HugePages_Rsvd/ { kept = $2 }
		END { print free - kept }' /proc/meminfo
}

# With pages of hugetlb, of a file and private ones, if there may be any: areas of both kinds can
# be built, and count nowhere.
if [ "$(free_huge)" -lt 4 ] && [ "$(id -u)" -eq 0 ] && [ -w "$huge" ]; then
	had_huge=$(cat "$huge")
	{ echo $((had_huge + 4)) >"$huge"; } 2>/dev/null || :
fi
if [ "$(free_huge)" -ge 4 ]; then
	mirrors
	"$bin" --areas >"$work/out" || fail "--areas: exit status $?"
	grep -q hugepage "$work/out" || fail "the demonstration has no pages of hugetlb"
else
	echo "SKIPPED: no pages of hugetlb here, and none can be had: they were not looked at"
fi

# With swap, if there may be any.
if grep -q '^/' /proc/swaps; then
	:
elif [ "$(id -u)" -eq 0 ] && dd if=/dev/zero of="$swap" bs=1048576 count=64 2>/dev/null &&
	chmod 600 "$swap" && mkswap "$swap" >/dev/null 2>&1 && swapon "$swap" 2>/dev/null; then
	swapping=yes
else
	echo "SKIPPED: no swap here, and none can be added: pages in swap were not looked at"
	exit 0
fi
mirrors
[ "$(figure swapped here)" = "$(figure swapped kernel)" ] || fail "swapped differs"
if [ "$(figure swapped here)" -eq 0 ]; then
	echo "SKIPPED: the kernel put nothing into swap when it was told to"
fi
