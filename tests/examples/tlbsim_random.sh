#!/bin/sh
# SPDX-License-Identifier: MIT
# tlbsim on random traces of events: which accesses are SIGSEGV is known from a model of rights by
# page, in awk; a translation that outlives its flush would make them fewer. The checker has nothing
# to report, whatever the policy, and does report when flushes are forgotten.
# Usage: tlbsim_random.sh TLBSIM
set -u
tlbsim=${1:?usage: tlbsim_random.sh TLBSIM}
dir=$(mktemp -d) || exit 2
trap 'rm -rf "$dir"' EXIT
trap 'exit 2' INT TERM
nr_bad=0

# generate SEED EVENTS FORGET: four CPUs, processes 0 to 4, 48 pages each, in three tables. With
# FORGET, one event in so many is told to forget its flushes. The last line: "# N", of SIGSEGV.
generate() {
	awk -v state="$1" -v events="$2" -v forget="$3" '
	function below(n) {
		state = state * 16807 % 2147483647
		return int(state / 2147483647 * n)
	}
	# Pages 16 to a table of 2M, the first at 1 GiB.
	function address(page) {
		return sprintf("0x%x", 1073741824 + int(page / 16) * 2097152 + page % 16 * 4096)
	}
	function allowed(right, kind) {
		return kind == "r" ? right != "-" && right != "none" : index(right, kind) && right != "none"
	}
	BEGIN {
		nr_rights = split("r rw rw rw rw rx none", rights, " ")
		split("r r r w w w w x", kinds, " ")
		for (process = 0; process < 5; process++)
			for (page = 0; page < 48; page++)
				right[process, page] = "-"
		cpu = 0
		for (i = 0; i < 4; i++)
			runs[i] = -1
		while (nr < events) {
			nr++
			what = below(100)
			process = runs[cpu]
			# rather where something is
			for (i = 0; i < 6; i++) {
				page = below(48)
				if (right[process, page] != "-")
					break
			}
			len = 1 + below(below(4) ? 4 : 16 - page % 16)
			if (page % 16 + len > 16)
				len = 16 - page % 16
			if (forget && !below(forget))
				print "forget"
			if (process < 0 || what < 6) {
				process = below(5)
				print "switch " process
				runs[cpu] = process
				lazy[cpu] = 0
			} else if (what < 20) {
				cpu = below(4)
				print "cpu " cpu
			} else if (lazy[cpu]) {
				continue
			} else if (what < 22) {
				print "lazy"
				lazy[cpu] = 1
			} else if (what < 70) {
				kind = kinds[1 + below(8)]
				print "access " kind " " address(page) " " len
				for (i = page; i < page + len; i++)
					segv += !allowed(right[process, i], kind)
			} else if (what < 80) {
				# all of a hole, as far as this table goes
				page = below(12) * 4
				for (len = 0; page + len < 48 && len < 16 - page % 16; len++)
					if (right[process, page + len] != "-")
						break
				if (!len)
					continue
				to = rights[1 + below(nr_rights)]
				print "map " address(page) " " 4 * len "K " to
				for (i = page; i < page + len; i++)
					right[process, i] = to
			} else if (what < 85) {
				print "unmap " address(page) " " 4 * len "K"
				for (i = page; i < page + len; i++)
					right[process, i] = "-"
			} else if (what < 97) {
				for (i = page; i < page + len; i++)
					if (right[process, i] == "-")
						break
				if (i < page + len)
					continue
				to = rights[1 + below(nr_rights)]
				print "protect " address(page) " " 4 * len "K " to
				for (i = page; i < page + len; i++)
					right[process, i] = to
			} else {
				child = below(5)
				if (child == process)
					continue
				for (i = 0; i < 4; i++) {
					if (runs[i] != child)
						continue
					runs[i] = -1
					lazy[i] = 0
				}
				if (known[child])
					print "exit " child
				print "fork " child
				for (i = 0; i < 48; i++)
					right[child, i] = right[process, i]
			}
			for (i = 0; i < 4; i++)
				if (runs[i] >= 0)
					known[runs[i]] = 1
			if (what >= 97)
				known[child] = 1
		}
		print "# " segv + 0
	}'
}

# run STATUS ARGUMENT...: of $dir/trace
run() {
	expected=$1
	shift
	timeout 120 "$tlbsim" --format events --check --memory 64 "$@" "$dir/trace" >"$dir/out" \
		2>"$dir/err"
	status=$?
	[ "$status" -eq "$expected" ] || {
		echo "FAILED: status $status, not $expected: seed $seed, $*"
		head -n 8 "$dir/err"
		nr_bad=$((nr_bad + 1))
	}
}

value() {
	sed -n "s/^$1 //p" "$dir/out"
}

# Returns whether the last run agrees with itself and with the model.
agrees() {
	[ "$(value segv)" -eq "$(tail -n 1 "$dir/trace" | cut -d ' ' -f 2)" ] &&
		[ "$(value reports)" -eq 0 ] &&
		[ "$(value ipis_sent)" -eq "$(value ipis_received)" ] &&
		[ "$(value actions_sent)" -eq "$(value actions_received)" ] &&
		[ "$(value broadcasts_received)" -eq $((3 * $(value broadcasts_sent))) ] &&
		[ "$(value lookups)" -eq "$(value accesses)" ] &&
		[ "$(value accesses)" -gt $((2 * $(value segv))) ] &&
		[ "$(value flush_full)" -le "$(value flush_requests)" ]
}

seed=0
while [ $seed -lt 3 ]; do
	seed=$((seed + 1))
	generate $seed 1500 0 >"$dir/trace"
	for options in '' '--ceiling 0' '--ceiling 3 --batch 2' '--profile zen4' \
		'--delivery invlpgb' '--delivery rar' '--delivery rar --ceiling 2097152' \
		'--l1 2x1 --l2 none' '--arch arm64' '--arch arm64 --no-ranges' \
		'--arch arm64 --ceiling 2 --batch 3' '--profile neoverse-n1'; do
		# shellcheck disable=SC2086 # words
		run 0 --cpus 4 $options
		agrees || {
			echo "FAILED: seed $seed, $options: $(tail -n 1 "$dir/trace")"
			grep -v ' 0$' "$dir/out" | tr '\n' ' '
			nr_bad=$((nr_bad + 1))
		}
	done
done

# One event in four forgets: then it shows.
generate 9 1500 4 >"$dir/trace"
for arch in x86_64 arm64; do
	run 1 --cpus 4 --arch $arch
	if [ "$(value reports)" -eq 0 ] || ! grep -q 'missing flush' "$dir/err"; then
		echo "FAILED: $arch: nothing was missed"
		nr_bad=$((nr_bad + 1))
	fi
done

[ "$nr_bad" -eq 0 ]
