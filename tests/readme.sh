#!/bin/sh
# SPDX-License-Identifier: MIT
# Every C block of README.md stands, word for word, in a program of examples/ that is compiled.
cd "$(dirname "$0")/.." || exit 1
cat examples/*.c | awk '
	FNR == NR && FILENAME == "-" { source = source $0 "\n"; next }
	/^```c$/ { inside = 1; block = ""; next }
	/^```$/ && inside {
		inside = 0
		blocks++
		if (!index(source, block)) {
			printf "README.md:%d: no example contains:\n%s", FNR, block
			bad = 1
		}
		next
	}
	inside { block = block $0 "\n" }
	END {
		printf "%d blocks\n", blocks
		exit bad || !blocks
	}' - README.md
