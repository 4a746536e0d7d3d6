#!/bin/sh
# SPDX-License-Identifier: MIT
# Does the library answer a job line by line as the oracle does? Usage: compare.sh MMU_ORACLE WHATIF
# JOB. One thing of QEMU is masked: its PAR_EL1.SH repeats the descriptor's, where the architecture
# reports Device and non-cacheable memory as Outer Shareable.
set -u
oracle=${1:?usage: compare.sh MMU_ORACLE WHATIF JOB}
whatif=${2:?usage: compare.sh MMU_ORACLE WHATIF JOB}
job=${3:?usage: compare.sh MMU_ORACLE WHATIF JOB}
dir=$(mktemp -d) || exit 2
trap 'rm -rf "$dir"' EXIT
trap 'exit 2' INT TERM

"$oracle" "$job" >"$dir/oracle" || exit $? # 77: no emulator
"$whatif" "$job" >"$dir/whatif" || exit $?
for answers in oracle whatif; do
	sed -E 's/( par=0x[0-9a-f]+)[ab][08]0( |$)/\1a00\2/' "$dir/$answers" >"$dir/$answers.masked"
done
diff "$dir/oracle.masked" "$dir/whatif.masked" || exit 1
echo "$(wc -l <"$dir/whatif") lines alike"
