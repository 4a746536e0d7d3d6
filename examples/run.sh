#!/bin/sh
# SPDX-License-Identifier: MIT
# From a fresh checkout to running examples: sh examples/run.sh, from anywhere. On Debian 12 or
# Ubuntu 24.04 and later it installs what is missing (as root or with sudo), builds the library and
# the examples in build/examples, and runs them.
set -eu
me=examples/run.sh
root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root"
. .ci/setup.sh

check_system
need_packages gcc libc6-dev cmake ninja-build pkg-config liburcu-dev
if ! want_packages libkdumpfile-dev libelf-dev; then
	say "Without libkdumpfile and libelf ptdump reads raw images only"
fi

say "Building libptlib and its examples in build/examples"
run cmake -S . -B build/examples -G Ninja -DCMAKE_C_COMPILER=gcc -DCMAKE_BUILD_TYPE=Release \
	-DBUILD_TESTING=OFF
run cmake --build build/examples
bin=build/examples/examples

say "first: the program of README.md"
run $bin/first

say "map_and_walk: the same calls on every format"
run $bin/map_and_walk

say "address_space: a process on two CPUs with TLBs: what its calls flush, and its smaps"
run $bin/address_space

linux=examples/data/linux-6.12-x86_64.ptl
say "ptdump: the page tables of a running Linux, its upper half"
run $bin/ptdump $linux --half upper --leaf-size 2M
say "ptdump: one address, level by level; what the tables hold; a check of every entry"
run $bin/ptdump $linux --va 0xffffffff81000000
run $bin/ptdump $linux --usage
run $bin/ptdump $linux --verify

# ptdump exits with 1 for what it was asked to look for: here that is wanted.
finds() {
	status=0
	run "$@" || status=$?
	[ $status -eq 1 ] || exit 1
}

say "ptdump: what a store to that address would do"
finds $bin/ptdump $linux --va 0xffffffff81000000 --access write

changed=build/examples/changed.ptl
say "ptdump: new mappings in a copy of them, and the difference"
run $bin/ptdump $linux --map 0x500000000000:0x1000000:2M:rwu \
	--map 0x500000200000:0x1200000:16K:rwxu --save-tables $changed
finds $bin/ptdump $linux --diff $changed
say "ptdump: what is writable and executable at once"
finds $bin/ptdump $changed --wx --range 0x500000000000-0x5fffffffffff

say "whatif: what single accesses would do, and why"
run $bin/whatif --explain examples/data/whatif.job

# A matrix of 2048 rows, each a page: a load of 64 numbers a row, row by row or column by column.
matrix() {
	awk -v by="$1" 'BEGIN {
		for (i = 0; i < 2048 * 64; i++) {
			row = by == "rows" ? int(i / 64) : i % 2048
			column = by == "rows" ? i % 64 : int(i / 2048)
			printf " L %x,8\n", 268435456 + row * 4096 + column * 64
		}
	}' >"build/examples/$1.lackey"
}
say "tlbsim: a matrix read by rows, then by columns"
for by in rows columns; do
	matrix $by
	run $bin/tlbsim --format lackey --compare skylake-sp,zen4,neoverse-n1 build/examples/$by.lackey
done
say "tlbsim: what a larger TLB would change, by columns"
run $bin/tlbsim --format lackey --reach --svg build/examples/reach.svg build/examples/columns.lackey

# A server: a process of two CPUs has 400 pages in use, and maps, fills and unmaps buffers of 1, 2,
# 4, ... 256 pages. A page that stays keeps the table that buffers stand in.
server() {
	awk 'BEGIN {
		for (cpu = 1; cpu >= 0; cpu--)
			print "cpu " cpu "\nswitch 1"
		print "map 0x10000000 1600K rw\nmap 0x20000000 4K rw\naccess w 0x20000000"
		for (round = 0; round < 4; round++) {
			for (nr = 1; nr <= 256; nr *= 2) {
				print "access w 0x10000000 400\nmap 0x20001000 " 4 * nr "K rw"
				print "access w 0x20001000 " nr "\nunmap 0x20001000 " 4 * nr "K"
			}
		}
	}' >build/examples/server.events
}
say "tlbsim: the same process on two processors, and what it flushes"
server
run $bin/tlbsim --format events --check --profile skylake-sp build/examples/server.events
run $bin/tlbsim --format events --check --profile neoverse-n1 build/examples/server.events
say "tlbsim: the best single-page ceiling and the best batch for it"
run $bin/tlbsim --format events --profile skylake-sp --sweep --svg build/examples/sweep.svg \
	build/examples/server.events
say "tlbsim: a flush that was forgotten"
{ cat build/examples/server.events && printf '%s\n' 'cpu 1' 'access r 0x10000000' 'cpu 0' forget \
	'unmap 0x10000000 4K' 'cpu 1' 'access r 0x10000000'; } >build/examples/forgotten.events
finds $bin/tlbsim --format events --check build/examples/forgotten.events

say "unmapped_pages: what it costs to allocate pages that are absent from the direct map"
run $bin/unmapped_pages --svg build/examples/unmapped_pages.svg
say "unmapped_pages: the same on simulated machines of 2, 16 and 128 CPUs"
run $bin/unmapped_pages --cpus 2,16,128

say "mirror: a process in simulated memory, on four formats; what would it cost otherwise"
if ! cat /proc/self/smaps >/dev/null 2>&1; then
	echo "SKIPPED: /proc/PID/smaps cannot be read here"
else
	# 1: the kernel is too old to say which pages are huge or zero, and figures differ for that
	run $bin/mirror || [ $? -eq 1 ] || exit 1
fi

say "Done: the programs are in $bin, their sources in examples/; next: $bin/ptdump --help"
