#!/bin/sh
# SPDX-License-Identifier: MIT
# report.sh <directory> <benchmark program>...: runs each program, its benchmarks interleaved at
# random and repeated, keeps the JSON in the directory, and prints the median time of an
# operation, the spread, the counters, and, where bench_bar() set one, the limit, the ratio to it
# and the verdict; where bench_bar_counters() did, the verdict of each counter. Ends with tables of
# our medians below those of the best neighbours.
# Exits with 1 if something failed; a bar that is not met is reported, not an error.
#
# BENCH_REPETITIONS	(9)
# BENCH_MIN_TIME	(0.05) seconds that each benchmark runs per repetition
# BENCH_ARGS		more for the programs, e.g. --benchmark_filter=map
set -eu
directory=${1:?usage: report.sh <directory> <program>...}
shift
mkdir -p "$directory"
table=$directory/report.tsv
: >"$table"

# Address randomisation moves caches' conflicts about; without it runs agree better.
prefix=''
if setarch -R true 2>/dev/null; then
	prefix='setarch -R'
fi

status=0
for program in "$@"; do
	json=$directory/${program##*/}.json
	printf '+ %s\n' "${program##*/}"
	# shellcheck disable=SC2086 # both are lists of words
	$prefix "$program" --benchmark_enable_random_interleaving=true \
		"--benchmark_repetitions=${BENCH_REPETITIONS:-9}" \
		"--benchmark_min_time=${BENCH_MIN_TIME:-0.05}" \
		--benchmark_report_aggregates_only=true \
		"--benchmark_out=$json" --benchmark_out_format=json ${BENCH_ARGS:-} \
		>"$json.log" 2>&1 || {
		cat "$json.log" >&2
		status=1
		continue
	}

	# One key a line: Google Benchmark's JSON is always written that way.
	awk -v program="${program##*/}" -v table="$table" '
		function value(line) {
			sub(/^[^:]*: */, "", line)
			sub(/,$/, "", line)
			gsub(/^"|"$/, "", line)
			return line
		}
		/"c_compiler":/ { compiler = value($0) }
		/"c_flags":/ { flags = value($0) }
		/"family_index":/ { family = value($0) + 0 }
		/"run_name":/ { name = value($0); sub(/\/real_time/, "", name) }
		/"aggregate_name":/ { aggregate = value($0) }
		# Thread CPU time leaves out the time that other processes had the CPU; of
		# several threads it says less than the clock on the wall.
		/"(real|cpu)_time":/ && (name ~ /\/threads:/) != /"real_time":/ {
			next
		}
		/"(real|cpu)_time":/ && aggregate == "median" {
			median[name] = value($0) + 0
			name_of[family] = name
			if (family > last_family)
				last_family = family
		}
		aggregate == "median" && in_counters && !/"label":|[}]/ {
			split($0, word, "\"")
			counters[name] = counters[name] sprintf("  %s=%.4g", word[2], value($0))
			counter[name, word[2]] = value($0) + 0
			printf "%s %s\t%s\n", name, word[2], value($0) >>table
		}
		/"time_unit":/ { in_counters = 1 }
		/"(real|cpu)_time":/ && aggregate == "cv" { cv[name] = value($0) + 0 }
		/"label":/ && aggregate == "median" {
			if (value($0) !~ /^<=/) { # counter >= 0.5 counter <= 600
				counter_bars[name] = value($0)
			} else if (split(value($0), word, " ") == 7) { # <= 2 x limit/format + 0 ns
				ratio[name] = word[2] + 0
				limit[name] = word[4]
				plus[name] = word[6] + 0
			}
		}
		/[}]/ { aggregate = ""; in_counters = 0 }
		END {
			printf "%s, %s\n\n", compiler, flags
			printf "%-30s %8s %6s  %-29s %8s %7s  %s\n", program, "ns", "+-%",
			       "limit", "ns", "ratio", "bar"
			for (i = 0; i <= last_family; i++) {
				if (!(i in name_of))
					continue
				name = name_of[i]
				printf "%s\t%s\n", name, median[name] >>table
				printf "%-30s %8.2f %6.1f", name, median[name], 100 * cv[name]
				if (name in ratio && ratio[name] == 0) {
					nr_bars++
					met = median[name] <= plus[name]
					nr_met += met
					printf "  %-29s %8s %7s  <= %s ns: %s", "", "", "",
					       plus[name], met ? "met" : "MISSED"
				} else if (name in ratio && !(limit[name] in median)) {
					printf "  %-29s not measured", limit[name]
				} else if (name in ratio) {
					of = median[limit[name]]
					nr_bars++
					met = median[name] <= ratio[name] * of + plus[name]
					nr_met += met
					bar = "<= " ratio[name] "x"
					if (plus[name] > 0)
						bar = "<= +" plus[name] " ns"
					printf "  %-29s %8.2f %7.2f  %s: %s", limit[name], of,
					       median[name] / of, bar, met ? "met" : "MISSED"
				}
				nr = split(counter_bars[name], word, " ")
				for (k = 1; k + 2 <= nr; k += 3) {
					is = counter[name, word[k]]
					met = is <= word[k + 2] + 0
					if (word[k + 1] == ">=")
						met = is >= word[k + 2] + 0
					nr_bars++
					nr_met += met
					printf "  %s %s %s: %s", word[k], word[k + 1], word[k + 2],
					       met ? "met" : "MISSED"
				}
				print counters[name]
			}
			printf "%d of %d bars met\n\n", nr_met, nr_bars
		}' "$json"
done

# The best of the neighbours on a 2-core Xeon at gcc -O2: generic_pt, io-pgtable-arm, Unikraft,
# KVM, EDK2, each where it is fastest; for orientation, the ratios above are the bar.
awk -F '\t' '
	{ ns[$1] = $2 }
	END {
		nr = split("map_one translate_seq translate_rand unmap_one map_bulk unmap_bulk " \
			   "protect_bulk age_bulk walk_merged", column, " ")
		split("12 4.5 9 14 0.9 0.85 1.5 1.5 1.0", best, " ")
		printf "%-12s", "ns per page"
		for (i = 1; i <= nr; i++)
			printf " %14s", column[i]
		printf "\n%-12s", "to beat"
		for (i = 1; i <= nr; i++)
			printf " %14s", best[i]
		nr_formats = split("x86_64 arm64_4k arm64_16k arm64_64k", format, " ")
		for (k = 1; k <= nr_formats; k++) {
			printf "\n%-12s", format[k]
			for (i = 1; i <= nr; i++) {
				name = column[i] "/" format[k]
				if (name in ns)
					printf " %14.2f", ns[name]
				else
					printf " %14s", "-"
			}
		}
		print ""
	}' "$table"

# The allocators among them, each with its bar: LLFree, spaskalev/buddy_alloc, a plain list buddy, the
# same with lists per CPU. Nanoseconds per operation and thread, get and put; cycles; shares.
awk -F '\t' '
	function row(what, best, bar, counters,    nr, i, key, ours) {
		nr = split(counters, key, ", ")
		for (i = 1; i <= nr; i++)
			ours = ours (i > 1 ? " / " : "") \
			       (key[i] in is ? sprintf("%.4g", is[key[i]]) : "-")
		printf "%-34s %16s %16s %16s\n", what, best, bar, ours
	}
	{ is[$1] = $2 }
	END {
		printf "\n%-34s %16s %16s %16s\n", "page allocator", "best neighbour", "bar", "libptlib"
		row("order 0 bulk, 1 thread", "7 / 5", "<= 12 / 8",
		    "alloc_bulk/o0/threads:1 ns_per_op, free_bulk/o0/threads:1 ns_per_op")
		row("order 0 bulk, 2 threads", "35 / 28", "<= 35 / 28",
		    "alloc_bulk/o0/threads:2 ns_per_op, free_bulk/o0/threads:2 ns_per_op")
		row("order 0 shuffled, 2 threads", "33 / 74", "<= 33 / 74",
		    "shuffled_free/o0/threads:2 ns_per_get, shuffled_free/o0/threads:2 ns_per_op")
		row("order 9 bulk, 1 thread", "7 / 5", "<= 10 / 9",
		    "alloc_bulk/o9/threads:1 ns_per_op, free_bulk/o9/threads:1 ns_per_op")
		row("repeat get and put, 2 threads", "5", "<= 8", "repeat/o0/threads:2 ns_per_op")
		row("p99.99 at 90 % full, cycles", "80 / 630", "<= 600 / 1000",
		    "tail/90 p9999_get, tail/90 p9999_put")
		row("huge blocks left, 50 % / 90 %", "0.533 / 0.112", ">= 0.53 / 0.11",
		    "swing/50 huge_share, swing/90 huge_share")
	}' "$table"
exit $status
