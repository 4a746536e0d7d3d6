#!/bin/sh
# SPDX-License-Identifier: MIT
# usage: address_space.sh <address_space>
# What it prints, which is derived here. Both CPUs run the process when its rights change and when
# it forks: two are interrupted. 16 pages of its own: one fault each. fork() flushes everything; so
# does a process that ends. A store to a page of two copies it: one page, flushed where the child
# ran. MADV_FREE cleans 8 pages in one range. Reclaim finds 7 of them clean and one written, which goes
# to swap with the 2 that were never given up; each is a request of its own, for reclaim here does
# not batch.
set -eu
out=$("$1")
nr_bad=0

says() {
	printf '%s\n' "$out" | grep -qF -- "$1" || {
		echo "FAILED: no line with '$1'"
		nr_bad=$((nr_bad + 1))
	}
}

says '16 faults for 16 pages'
says 'written, page by page, on both CPUs           0 requests'
says '2 pages made read-only                        1 requests,  2 pages, 0 full, 2 interrupts'
says 'forked                                        1 requests,  0 pages, 1 full, 2 interrupts'
says 'the child writes a page, which is copied      1 requests,  1 pages, 0 full'
says 'half of the pages given up by MADV_FREE       1 requests,  8 pages, 0 full'
says 'these, and two more, reclaimed               10 requests, 10 pages, 0 full'
says '40K, of which 3 pages are in swap:'
says '  0x10000000   1 x a hole'
says '  0x10001000   1 x in swap'
says '  0x10002000   6 x a hole'
says '  0x10008000   2 x in swap'
says '  0x1000a000   6 x a page of a folio'
says 'Rss:                  24 kB'
says 'Swap:                 12 kB'
# The checker has nothing to say.
if printf '%s\n' "$out" | grep -q 'missing flush'; then
	echo "FAILED: a report"
	nr_bad=$((nr_bad + 1))
fi
[ "$nr_bad" -eq 0 ]
