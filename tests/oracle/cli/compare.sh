#!/bin/sh
# SPDX-License-Identifier: MIT
# Does the library answer a job line by line as the oracle does? Usage: compare.sh MMU_ORACLE WHATIF
# JOB. Masked are:
# - PAR_EL1.SH: QEMU repeats the descriptor's, where the architecture reports Device and
#   non-cacheable memory as Outer Shareable;
# - ESR_EL2.ISV and bits 23:14, which describe the instruction that was aborted (size, register): a
#   job has no instructions, only accesses;
# - with ESR_EL2.S1PTW the level in FSC: the architecture's is of stage 2, QEMU's of the entry of
#   stage 1 that was read.
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
	sed -E -e 's/( par=0x[0-9a-f]+)[ab][08]0( |$)/\1a00\2/' \
		-e '/ FAULT el=2 /s/( esr=0x9)3[0-9a-f]{3}([0-9a-f]{3} )/\12000\2/' \
		-e '/ FAULT el=2 esr=0x[0-9a-f]*[89a-f][0-9a-f] /{' \
		-e 's/( (esr|fsc)=0x[0-9a-f]*)[0-3]( |$)/\10\3/g' \
		-e 's/( (esr|fsc)=0x[0-9a-f]*)[4-7]( |$)/\14\3/g' \
		-e 's/( (esr|fsc)=0x[0-9a-f]*)[89ab]( |$)/\18\3/g' \
		-e 's/( (esr|fsc)=0x[0-9a-f]*)[c-f]( |$)/\1c\3/g' -e '}' \
		"$dir/$answers" >"$dir/$answers.masked"
done
diff "$dir/oracle.masked" "$dir/whatif.masked" || exit 1
echo "$(wc -l <"$dir/whatif") lines alike"
