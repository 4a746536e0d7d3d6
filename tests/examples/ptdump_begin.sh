#!/bin/sh
# SPDX-License-Identifier: MIT
# What the tests of ptdump begin with: a directory, runs of it and what they have to print, images.
set -u
ptdump=${1:?usage: $0 PTDUMP}
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
	timeout 60 "$ptdump" "$@" >"$dir/out" 2>"$dir/err"
	status=$?
	[ "$status" -eq "$expected" ] || {
		bad "status $status, not $expected: ptdump $*"
		head -n 3 "$dir/out" "$dir/err"
	}
}

# refuses ARGUMENT...: status 2, nothing on stdout, one line on stderr.
refuses() {
	run 2 "$@"
	[ ! -s "$dir/out" ] || bad "printed something: ptdump $*"
	[ "$(wc -l <"$dir/err")" -eq 1 ] || bad "not one line on stderr: ptdump $*"
	grep -q '^ptdump: ' "$dir/err" || bad "who says that: ptdump $*"
}

# says PATTERN: the last run printed a line like that. says_nr N PATTERN: it printed N of them.
says() {
	grep -Eq -e "$1" "$dir/out" || {
		bad "no line like '$1'"
		head -n 20 "$dir/out"
	}
}

says_nr() {
	[ "$(grep -Ec -e "$2" "$dir/out")" -eq "$1" ] || {
		bad "not $1 lines like '$2'"
		head -n 20 "$dir/out"
	}
}

same() {
	cmp -s "$1" "$2" || {
		bad "$3"
		diff "$1" "$2" | head -n 10
	}
}

# le64 WORD: as eight bytes.
le64() {
	for shift in 0 8 16 24 32 40 48 56; do
		printf "\\$(printf %03o $(($1 >> shift & 255)))"
	done
}

# put FILE TABLE INDEX WORD
put() {
	le64 "$4" | dd of="$1" bs=8 seek=$(($2 / 8 + $3)) conv=notrunc 2>/dev/null
}

# fill FILE TABLE WORD: all of its 512 entries.
fill() {
	le64 "$3" >"$dir/words"
	for _ in 1 2 3 4 5 6 7 8 9; do
		cat "$dir/words" "$dir/words" >"$dir/more"
		mv "$dir/more" "$dir/words"
	done
	dd if="$dir/words" of="$1" bs=4096 seek=$(($2 / 4096)) conv=notrunc 2>/dev/null
}

# How a test ends.
finish() {
	[ "$nr_bad" -eq 0 ] || {
		echo "$nr_bad failed"
		exit 1
	}
	echo "ptdump: all fine"
}
