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

say "Building libptlib and its examples in build/examples"
run cmake -S . -B build/examples -G Ninja -DCMAKE_C_COMPILER=gcc -DCMAKE_BUILD_TYPE=Release \
	-DBUILD_TESTING=OFF
run cmake --build build/examples
bin=build/examples/examples

say "map_and_walk: the same calls on every format"
run $bin/map_and_walk

say "ptdump: tables made in an empty memory, kept as a table image"
memory=build/examples/memory.img
tables=build/examples/tables.img
run truncate -s 4M $memory
run $bin/ptdump $memory --cr3 0x1000 --cr0 0x80010033 --cr4 0x20 --efer 0xd01 \
	--map 0x400000:0x200000:2M:rxu --map 0x601000:0x3000:64K:rwu \
	--map 0xffff800000000000:0:1M:rwg --save-tables $tables
say "ptdump: that table image, one address of it, and a check of every entry"
run $bin/ptdump $tables
run $bin/ptdump $tables --va 0x601234
run $bin/ptdump $tables --verify

say "Done: the programs are in $bin, their sources in examples/; try $bin/ptdump --help"
