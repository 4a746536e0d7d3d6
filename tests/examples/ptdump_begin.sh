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

# le32 WORD: as four bytes.
le32() {
	for shift in 0 8 16 24; do
		printf "\\$(printf %03o $(($1 >> shift & 255)))"
	done
}

# zeroes N: bytes.
zeroes() {
	head -c "$1" /dev/zero
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

# patch FILE OFFSET BYTE...: those bytes there, in octal.
patch() {
	to=$1
	seek=$2
	shift 2
	printf "$(printf '\\%s' "$@")" | dd of="$to" bs=1 seek="$seek" conv=notrunc 2>/dev/null
}

# ---- memory dumps ----

# note NAME LENGTH: the header of a note of type 0, whose LENGTH bytes follow. NAME has 4 or 10.
note() {
	le32 $((${#1} + 1))
	le32 "$2"
	le32 0
	printf %s "$1"
	zeroes $((4 - ${#1} % 4))
}

# vmcoreinfo LINE...: the note of Linux that has these.
vmcoreinfo() {
	printf '%s\n' "$@" >"$dir/info"
	len=$(wc -c <"$dir/info")
	note VMCOREINFO "$len"
	cat "$dir/info"
	zeroes $(((4 - len % 4) % 4))
}

# alike DUMP RAW: the same comes of ptdump with either of these arguments, of all that can be asked,
# and of $asks.
alike() {
	for ask in '' --each --usage --verify --find-roots "$asks" '--effective --json'; do
		run 0 $1 $ask
		mv "$dir/out" "$dir/of_dump"
		run 0 $2 $ask
		same "$dir/of_dump" "$dir/out" "'$ask' of $1 is not that of $2"
		[ -s "$dir/out" ] || bad "nothing comes of $2 $ask"
	done
}

# lime_range FIRST LAST: the header of a range of LiME's, up to its last byte.
lime_range() {
	printf 'EMiL\001\0\0\0'
	le64 "$1"
	le64 "$2"
	le64 0
}

# lime FILE RAW BASE FIRST LAST...: LiME's dump of these bytes of RAW, which stands at BASE.
lime() {
	file=$1
	image=$2
	base=$3
	shift 3
	while [ $# -gt 0 ]; do
		lime_range "$1" "$2"
		tail -c +$(($1 - base + 1)) "$image" | head -c $(($2 - $1 + 1))
		shift 2
	done >"$file"
}

# Memory of an x86_64 with a hole in its middle: $1. The root of CPU 0 is at 0x1000.
x86_memory() {
	zeroes $((32 << 12)) >"$1"
	put "$1" 0x1000 0 0x2067
	put "$1" 0x1000 511 0x6063
	put "$1" 0x2000 0 0x3067
	put "$1" 0x3000 1 0x12067
	put "$1" 0x12000 3 0x13067 # behind the hole
	put "$1" 0x12000 4 0x4025
	put "$1" 0x6000 0 0xe3
	put "$1" 0x7000 0 0x2067 # the root of another process, which another processor runs
	put "$1" 0x7000 511 0x6063
	put "$1" 0x13000 7 0x1122334455667788
}

# How a test ends.
finish() {
	[ "$nr_bad" -eq 0 ] || {
		echo "$nr_bad failed"
		exit 1
	}
	echo "ptdump: all fine"
}
