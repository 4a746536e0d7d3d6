#!/bin/sh
# SPDX-License-Identifier: MIT
# Every check of libptlib: sh tests/run.sh, from anywhere. On Debian 12 or Ubuntu 24.04 and later
# it installs what is missing (as root or with sudo), then builds and tests in build/<stage>.
# Prints "N passed, N failed, N skipped" last and exits with 1 if anything failed.
#
# FUZZ_SECONDS	how long each fuzzer runs (20)
# STAGES	which stages to run (release asan tsan valgrind shared)
set -u
me=tests/run.sh
root=$(cd "$(dirname "$0")/.." && pwd) && cd "$root" || exit 2
. .ci/setup.sh

FUZZ_SECONDS=${FUZZ_SECONDS:-20}
STAGES=${STAGES:-release asan tsan valgrind shared}
jobs=$(nproc)
passed=0
failed=0
skipped=0
failures=''
times=''

fail() {
	printf '%s: FAILED: %s\n' "$me" "$*" >&2
	failed=$((failed + 1))
	failures="$failures
  $stage: $*"
}

skip() {
	printf '%s: SKIPPED: %s\n' "$me" "$*"
	skipped=$((skipped + 1))
}

# build <directory> <initial cache> [<target>...]
build() {
	directory=$1
	cache=$2
	shift 2
	[ $# -gt 0 ] || set -- all
	if run cmake -C "tests/cache/$cache.cmake" -S . -B "$directory" -G Ninja \
		-DPTLIB_WERROR=ON && run cmake --build "$directory" --target "$@"; then
		return 0
	fi
	fail "build in $directory"
	return 1
}

# attribute <name> <file>: a count from the first element of a JUnit report
attribute() {
	sed -n "s/.*[[:space:]]$1=\"\([0-9]*\)\".*/\1/p" "$2" | head -n 1
}

# check <build directory> [<command prefix> --] [<ctest option>...]
# Runs ctest and adds to the counts. A skipped test is shown with what it printed.
check() {
	directory=$1
	shift
	prefix=''
	if [ "${2:-}" = -- ]; then
		prefix=$1
		shift 2
	fi
	report=$root/$directory/report.xml
	rm -f "$report"
	# What a failing program printed is shown, but not its passing cases.
	{
		run $prefix ctest --test-dir "$directory" -j "$jobs" --no-tests=error \
			--output-on-failure --output-junit "$report" "$@"
		echo $? >"$report.status"
	} | grep --line-buffered -v -e '^\[ RUN  ' -e '^\[       OK '
	status=$(cat "$report.status")
	if [ ! -s "$report" ]; then
		fail "ctest in $directory"
		return
	fi
	nr_tests=$(attribute tests "$report")
	nr_failed=$(attribute failures "$report")
	nr_skipped=$(attribute skipped "$report")
	passed=$((passed + nr_tests - nr_failed - nr_skipped))
	failed=$((failed + nr_failed))
	skipped=$((skipped + nr_skipped))
	if [ "$nr_failed" -gt 0 ]; then
		failures="$failures
$(sed -n '/<testcase .* status="fail"/s/.*<testcase name="\([^"]*\)".*/\1/p' "$report" |
	sed "s|^|  $stage: |")"
	elif [ "$status" -ne 0 ]; then
		fail "ctest in $directory ended with $status"
	fi
	awk -v me="$me" '
		/<testcase / { name = $0; sub(/.*<testcase name="/, "", name); sub(/".*/, "", name) }
		/<skipped/ { in_skipped = 1; reason = "" }
		/<system-out>/ { in_output = in_skipped }
		in_output {
			line = $0
			gsub(/<\/?system-out>/, "", line)
			sub(/^[ \t]+/, "", line)
			gsub(/&lt;/, "<", line); gsub(/&gt;/, ">", line)
			gsub(/&quot;/, "\"", line); gsub(/&apos;/, "\047", line)
			gsub(/&amp;/, "\\&", line)
			if (reason == "" || tolower(line) ~ /skip/)
				reason = line
		}
		/<\/system-out>/ { in_output = 0 }
		/<\/testcase>/ {
			if (in_skipped)
				printf "%s: SKIPPED: %s: %s\n", me, name, reason
			in_skipped = 0
		}' "$report"
}

# stage <name> <seconds it should take at most on two cores> <what it is>
stage() {
	stage=$1
	budget=$2
	began=$(date +%s)
	say "Stage $stage (budget $budget s): $3"
}

stage_done() {
	used=$(($(date +%s) - began))
	over=''
	[ "$used" -le "$budget" ] || over=' OVER BUDGET'
	printf '== Stage %s took %s s of %s s%s\n' "$stage" "$used" "$budget" "$over"
	times="$times
  $stage: $used s of $budget s$over"
}

stage_release() {
	stage release 540 'gcc, optimised, warnings are errors; everything, and the installed package'
	if build build/release release-gcc; then
		check build/release
	fi
	stage_done
}

# fuzz_one <target>: from the checked-in corpus; what it finds stays in the build directory.
fuzz_one() {
	found=build/asan/fuzz/found/$1
	mkdir -p "$found"
	set -- "build/asan/fuzz/fuzz_$1" "$found" "fuzz/corpus/$1"
	# One seed: a failure here is one of this change. Look further with FUZZ_SECONDS.
	run "$@" -seed=1 "-max_total_time=$FUZZ_SECONDS" -timeout=25 -rss_limit_mb=4096 \
		-verbosity=0 -print_funcs=0 -print_final_stats=1 "-artifact_prefix=$found-"
	echo $? >"$found.status"
}

# As many fuzzers at once as there are CPUs; what each printed is shown when all are done.
fuzz() {
	targets=$(printf '%s\n' fuzz/fuzz_*.c | sed 's|.*/fuzz_\(.*\)\.c|\1|')
	mkdir -p build/asan/fuzz/found
	running=0
	for target in $targets; do
		fuzz_one "$target" >"build/asan/fuzz/found/$target.log" 2>&1 &
		running=$((running + 1))
		[ $((running % jobs)) -ne 0 ] || wait
	done
	wait
	for target in $targets; do
		found=build/asan/fuzz/found/$target
		cat "$found.log"
		if [ "$(cat "$found.status")" = 0 ]; then
			passed=$((passed + 1))
		else
			fail "fuzz_$target: the input is $found-*"
		fi
	done
}

stage_asan() {
	stage asan 840 "clang, address and undefined-behaviour sanitizers, $FUZZ_SECONDS s a fuzzer"
	if build build/asan asan; then
		check build/asan -LE 'oracle|exhaustive'
		fuzz
	fi
	stage_done
}

# ThreadSanitizer of older Clangs cannot live with more than 28 bits of address randomisation.
# Sets $tsan_prefix to what a program must be run under; fails if none works.
tsan_works() {
	tsan_prefix=''
	program=build/tsan/tsan_works
	printf 'int main(void) { return 0; }\n' >build/tsan/tsan_works.c
	run clang -fsanitize=thread -o $program build/tsan/tsan_works.c || return 1
	bits=$(cat /proc/sys/vm/mmap_rnd_bits 2>/dev/null || echo 28)
	if [ "$bits" -gt 28 ] && setarch -R true 2>/dev/null; then
		tsan_prefix='setarch -R'
	fi
	run $tsan_prefix $program
}

stage_tsan() {
	stage tsan 300 'clang, thread sanitizer; stress, unit tests, and others with threads'
	mkdir -p build/tsan
	if ! tsan_works; then
		skip 'stage tsan: programs built with -fsanitize=thread do not start on this kernel'
	elif build build/tsan tsan tests_stress tests_unit tests_threads; then
		check build/tsan "$tsan_prefix" -- -L 'stress|unit|threads'
	fi
	stage_done
}

stage_valgrind() {
	stage valgrind 360 'gcc, debug; unit tests and fuzz corpora, plain and under Valgrind'
	if build build/valgrind debug-valgrind tests_unit tests_fmt tests_fuzz tests_valgrind; then
		check build/valgrind -L 'unit|fmt|fuzz|valgrind'
	fi
	stage_done
}

stage_shared() {
	stage shared 240 'clang, optimised, warnings are errors, shared library; names and package'
	if build build/shared release-clang; then
		check build/shared -L 'quick'
	fi
	stage_done
}

check_system
if ! command -v clang >/dev/null 2>&1 && [ "$can_install" = yes ] && [ -z "$(clang_version)" ]; then
	apt_get # the lists that name clang's version
fi
clang_version=$(clang_version)
need_packages gcc g++ libc6-dev clang "libclang-rt-${clang_version}-dev" lld cmake \
	ninja-build pkg-config liburcu-dev libcmocka-dev valgrind libbenchmark-dev zstd
if ! want_packages qemu-system-x86 qemu-system-arm gcc-aarch64-linux-gnu libc6-dev-arm64-cross; then
	printf '%s: NO QEMU OR NO ARM64 COMPILER: %s\n' "$me" \
		'formats are checked against the recorded corpus instead of a live machine' >&2
fi
if ! want_packages libkdumpfile-dev libelf-dev; then
	printf '%s: NO LIBKDUMPFILE OR NO LIBELF: ptdump reads raw images and LiME only\n' "$me" >&2
fi

start=$(date +%s)
for stage in $STAGES; do
	case $stage in
	release | asan | tsan | valgrind | shared) "stage_$stage" ;;
	*) die "no such stage: $stage" ;;
	esac
done

say "$(($(date +%s) - start)) s in all:$times"
if [ -n "$failures" ]; then
	say "Failed:$failures"
fi
printf '\n%s passed, %s failed, %s skipped\n' "$passed" "$failed" "$skipped"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
