#!/bin/sh
# SPDX-License-Identifier: MIT
# report.sh <directory> <benchmark program>...: runs each program, its benchmarks interleaved at
# random and repeated, keeps the JSON in the directory, and prints the median time of an
# operation, the spread, the counters, and, where bench_bar() set one, the ratio to the limit and
# the verdict.
# Exits with 1 if something failed; a bar that is not met is reported, not an error.
#
# BENCH_REPETITIONS	(9)
# BENCH_ARGS		more for the programs, e.g. --benchmark_filter=map
set -eu
directory=${1:?usage: report.sh <directory> <program>...}
shift
mkdir -p "$directory"

# Address randomisation moves caches' conflicts about; without it runs agree better.
prefix=''
if setarch -R true 2>/dev/null; then
	prefix='setarch -R'
fi

status=0
for program in "$@"; do
	json=$directory/${program##*/}.json
	printf '+ %s\n' "$program"
	# shellcheck disable=SC2086 # both are lists of words
	$prefix "$program" --benchmark_enable_random_interleaving=true \
		"--benchmark_repetitions=${BENCH_REPETITIONS:-9}" \
		--benchmark_report_aggregates_only=true \
		"--benchmark_out=$json" --benchmark_out_format=json ${BENCH_ARGS:-} \
		>"$json.log" 2>&1 || {
		cat "$json.log" >&2
		status=1
		continue
	}

	# One key a line: Google Benchmark's JSON is always written that way.
	awk -v program="${program##*/}" '
		function value(line) {
			sub(/^[^:]*: */, "", line)
			sub(/,$/, "", line)
			gsub(/^"|"$/, "", line)
			return line
		}
		/"run_name":/ { name = value($0); sub(/\/real_time/, "", name) }
		/"aggregate_name":/ { aggregate = value($0) }
		/"real_time":/ && aggregate == "median" {
			if (!(name in median))
				names[++nr] = name
			median[name] = value($0)
		}
		aggregate == "median" && in_counters && !/"label":|[}]/ {
			split($0, word, "\"")
			counters[name] = counters[name] sprintf("  %s=%.4g", word[2], value($0))
		}
		/"time_unit":/ { in_counters = 1 }
		/"real_time":/ && aggregate == "cv" { cv[name] = value($0) }
		/"label":/ && aggregate == "median" {
			label = value($0)
			if (split(label, word, " ") == 4 && word[1] == "<=") {
				bar[name] = word[2]
				limit[name] = word[4]
			}
		}
		/[}]/ { aggregate = ""; in_counters = 0 }
		END {
			printf "\n%-40s %10s %6s  %-28s %7s %7s\n", program, "ns", "+-%",
			       "limit", "ratio", "bar"
			for (i = 2; i <= nr; i++) # they ran in a random order
				for (j = i; j > 1 && names[j] < names[j - 1]; j--) {
					name = names[j]
					names[j] = names[j - 1]
					names[j - 1] = name
				}
			for (i = 1; i <= nr; i++) {
				name = names[i]
				printf "%-40s %10.2f %6.1f", name, median[name], 100 * cv[name]
				if (name in bar) {
					nr_bars++
					if (median[limit[name]] > 0) {
						ratio = median[name] / median[limit[name]]
						met = ratio <= bar[name]
						nr_met += met
						printf "  %-28s %7.2f %7.2f  %s", limit[name], ratio,
						       bar[name], met ? "PASS" : "over bar"
					} else {
						printf "  %-28s not measured", limit[name]
					}
				}
				print counters[name]
			}
			printf "%d of %d bars met\n\n", nr_met, nr_bars
		}' "$json"
done
exit $status
