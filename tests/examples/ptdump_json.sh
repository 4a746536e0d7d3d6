#!/bin/sh
# SPDX-License-Identifier: MIT
# ptdump --json of every report: each line is an object, and says what the text says. Usage:
# ptdump_json.sh PTDUMP
. "$(dirname "$0")/ptdump_begin.sh"

# ---- what to read them with ----
cat >"$dir/objects.py" <<'END'
import json, sys

def members(pairs):
    keys = [key for key, value in pairs]
    assert len(keys) == len(set(keys)), "a key twice: %s" % keys
    return dict(pairs)

for line in open(sys.argv[1], "rb"):
    value = json.loads(line.decode("utf-8"), object_pairs_hook=members)
    assert isinstance(value, dict), "no object: %s" % value
END
reader=none
! command -v jq >/dev/null || reader=jq
! command -v python3 >/dev/null || reader=python3
if [ $reader = none ]; then
	echo "SKIPPED: neither python3 nor jq is installed, so nobody parses the objects"
fi

# Every line of what the last run printed is an object.
are_objects() {
	case $reader in
	python3)
		python3 "$dir/objects.py" "$dir/out" >"$dir/why" 2>&1
		;;
	jq)
		while read -r line; do
			printf '%s\n' "$line" | jq -se 'map(type) == ["object"]' || return 1
		done <"$dir/out" >"$dir/why" 2>&1
		;;
	none)
		;;
	esac
}

# json STATUS ARGUMENT...: both forms of a report. That as text is in $dir/text, objects in $dir/out.
json() {
	run "$@"
	cp "$dir/out" "$dir/text"
	run "$@" --json
	are_objects || {
		bad "not one object a line: ptdump $* --json"
		tail -n 1 "$dir/why"
		head -n 3 "$dir/out"
	}
}

# agree WHAT TEXT_SCRIPT JSON_SCRIPT: sed makes the same lines of both forms, and at least one.
agree() {
	sed -En "$2" "$dir/text" >"$dir/of_text"
	sed -En "$3" "$dir/out" >"$dir/of_json"
	[ -s "$dir/of_text" ] || bad "the text says nothing of $1"
	same "$dir/of_text" "$dir/of_json" "text and JSON differ in $1"
}

# The address, index and word of a line without the zeroes they begin with.
short='s/0x0+([0-9a-f])/0x\1/g'

# Ranges: root, which text says once for all, first, last, where or which word, level, why corrupt.
agree_in_ranges() {
	agree "ranges" \
		"$short"'; /^[^ ]+: .*, root 0x/{s/: .*//; h; d; }; /^0x/!d; G; s/ \(word, not present\)//
		 s/^(0x[^ ]+) (0x[^ ]+) +(0x[^ ]+) +[^ ]+ +[^ ]+ +(\(word, corrupt: (.*)\))?.* ([0-9]) [A-Za-z].*\n(.*)$/\7|\1|\2|\3|\6|\5/p' \
		's/^\{"root":"([^"]+)","va":"([^"]+)","last":"([^"]+)","pa":"([^"]+)",.*"level":([0-9]),.*\}$/\1|\2|\3|\4|\5|/p
		 s/^\{"root":"([^"]+)","va":"([^"]+)","last":"([^"]+)",.*"level":([0-9]),"word":"([^"]+)"(,"why":"([^"]+)")?\}$/\1|\2|\3|\5|\4|\7/p'
	[ "$(wc -l <"$dir/out")" -eq "$(wc -l <"$dir/of_json")" ] || bad "objects that are no ranges"
	[ ! -s "$dir/err" ] || bad "something went to stderr"
}

# --usage: level, its name, tables, leaves (none where there cannot be any), soft, corrupt, used, of
# all.
agree_in_usage() {
	agree "the levels" \
		's/ - +- +- / 0 - - /
		 s/^([0-9]) (.*[^ ]) +([0-9]+) +([0-9]+) +[^ ]+ +[^ ]+ +([0-9]+) +([0-9]+) +([0-9]+) of +([0-9]+) .*/\1 \2 \3 \4 \5 \6 \7 \8/p' \
		's/.*"level":([0-9]),"entry":"([^"]+)".*"tables":([0-9]+),.*"leaves":([0-9]+),.*"soft":([0-9]+),"corrupt":([0-9]+),"used":([0-9]+),"entries":([0-9]+)\}/\1 \2 \3 \4 \5 \6 \7 \8/p'
	agree "all levels" \
		's/^all +([0-9]+) +([0-9]+) .* ([0-9]+) +([0-9]+) +([0-9]+) of +([0-9]+) .*/\1 \2 \3 \4 \5 \6/p' \
		's/.*"levels":.*"tables":([0-9]+),.*"leaves":([0-9]+),.*"soft":([0-9]+),"corrupt":([0-9]+),"used":([0-9]+),"entries":([0-9]+),.*/\1 \2 \3 \4 \5 \6/p'
	agree "the ranges" 's/.*; ([0-9]+) ranges, .*/\1/p' 's/.*"ranges":([0-9]+),.*/\1/p'
}

# --verify: root, address, name of the level, index, table, word, what is wrong.
agree_in_findings() {
	agree "findings" \
		"$short"'; s/ entry ([0-9]+ of the table)/ \1/; s/^(.*): (0x[^:]*): (.*) ([0-9]+) of the table at (.*), word ([^:]*): (.*)/\1|\2|\3|\4|\5|\6|\7/p' \
		's/.*"root":"(.*)","va":"([^"]+)","level":[0-9],"entry":"([^"]+)","table":"([^"]+)","index":([0-9]+),"word":"([^"]+)","why":"([^"]+)"\}/\1|\2|\3|\5|\4|\6|\7/p'
}

# --va: the entries on the way.
agree_in_steps() {
	agree "the entries on the way" \
		"$short"'; s/^([0-9]) +([^ ].*[^ ]) +(0x[^ ]+) +([0-9]+)  (0x[^ ]+)  ([a-z]+).*/\1|\2|\3|\4|\5|\6/
		 s/ +\|/|/; /^[0-9]\|/p' \
		's/.*"level":([0-9]),"entry":"([^"]+)","table":"([^"]+)","index":([0-9]+),"word":"([^"]+)","is":"([^"]+)".*/\1|\2|\3|\4|\5|\6/p'
}

# --find-roots: root, what selects it, tables, leaves, whether it is the registers'.
agree_in_roots() {
	agree "roots" \
		's/^--([^ ]+) (0x[^ ]+) +([0-9]+) +([0-9]+) +[^ ]+( +of the registers)?.*/\1|\2|\3|\4|\5/
		 s/\| +of the registers/|true/; s/\|$/|false/; /^[^ ]+\|0x/p' \
		's/^\{"root":"([^"]+)","value":"([^"]+)",.*"tables":([0-9]+),"leaves":([0-9]+),.*"given":([a-z]+)\}$/\1|\2|\3|\4|\5/p'
}

# --diff: sign and addresses.
agree_in_signs() {
	agree "differences" \
		"$short"'; s/^([-+~]) (0x[^ ]+) (0x[^ ]+) .*/\1 \2 \3/p' \
		's/.*"sign":"([-+~])","va":"([^"]+)","last":"([^"]+)".*/\1 \2 \3/p'
}

# ---- x86_64, with a self-map, a table outside memory and a word that is not present ----
x86=$dir/x86.img
dd if=/dev/zero of="$x86" bs=4096 count=16 2>/dev/null
put "$x86" 0x1000 0 0x2007
put "$x86" 0x1000 510 0x1063
put "$x86" 0x2000 0 0x3007
put "$x86" 0x2000 2 0x7ffff007
put "$x86" 0x3000 0 0x4007
put "$x86" 0x3000 1 0x2001e7
put "$x86" 0x4000 0 0x8067
put "$x86" 0x4000 1 0x9065
put "$x86" 0x4000 6 0x1fffffffffdb9600
put "$x86" 0x4000 7 0x400000000a007 # beyond 46 bits
cr3="--cr3 0x1000 --maxphyaddr 46"

json 1 "$x86" $cr3 --usage
agree_in_usage
says_nr 5 '^\{'
says '^\{"root":"cr3","level":0,"entry":"PTE","size":4096,"tables":1,"bytes":4096,"leaves":2,"mapped":8192,"soft":1,"corrupt":1,"used":4,"entries":512\}$'
says '^\{"root":"cr3","levels":4,"tables":4,"bytes":16384,.*,"addresses":2105344\}$'

json 1 "$x86" $cr3 --verify # the self-map is one of them
agree_in_findings
says_nr 3 '^\{'
says '"va":"0xffffff0000000000",.*"why":"table loop"\}$'

json 0 "$x86" $cr3 --va 0x1234
agree_in_steps
says_nr 5 '^\{'
says '"word":"0x9065","is":"leaf","fields":\{"P":1,"U/S":1,"A":1,"D":1\}\}$'
says '^\{"root":"cr3","va":"0x1234","translated":true,"pa":"0x9234","size":4096,"level":0,"r":true,"w":false,"x":true,"px":true,"u":true,"g":false,"a":true,"d":true,"key":0,"type":"WB","contig":false,"effective":\{"r":true,"w":false,'
json 1 "$x86" $cr3 --va 0x80000000
agree_in_steps
says '"is":"corrupt","why":"table outside memory"\}$'
says '^\{"root":"cr3","va":"0x80000000","translated":false,"level":2,"entry":"PDPTE","is":"corrupt","why":"table outside memory"\}$'
json 1 "$x86" $cr3 --va 0xffffff7fbfdfe000
agree_in_steps
says '"translated":true,"pa":"0x1000",.*"loop":"0x1000"\}$'
json 0 "$x86" $cr3 --va 0x5000
agree_in_steps
says '"translated":false,"level":0,"entry":"PTE","is":"empty"\}$'
json 0 "$x86" $cr3 --kernel x86-6.12 --va 0x6000
agree_in_steps
says '"is":"soft","soft":"swap","marks":"","device":3,"offset":"0x1234"\}$'
json 0 "$x86" $cr3 --va 0x800000000000
says_nr 1 '^\{'
says '^\{"root":"cr3","va":"0x800000000000","translated":false,"why":"[^"]+"\}$'

json 0 "$x86" $cr3 --va 0xffc --access read # into the next page
says_nr 8 '^\{"root":"cr3","stage":1,.*"is":"(leaf|table)"'
[ "$(grep -c '^            P.*\[' "$dir/text")" -eq 8 ] || bad "the text has other entries"
says '^\{"root":"cr3","va":"0xffc","access":"read","priv":"kernel","len":8,"allowed":true,"pieces":\[\{"pa":"0x8ffc","len":4,"size":4096,"type":"WB"\},\{"pa":"0x9000","len":4,"size":4096,"type":"WB"\}\]\}$'
json 1 "$x86" $cr3 --va 0xffc --access write --priv user
says '"priv":"user","len":8,"allowed":false,"fault":\{"kind":"#PF","code":"0x7","why":"[^"]+","va":"0x1000","stage":1,"level":0,"entry":"PTE","table":"0x4000","index":1,"word":"0x9065"\}\}$'
grep -q 'fault   #PF, error code 0x7: .*; CR2=0x1000$' "$dir/text" || bad "the text has another fault"
json 1 "$x86" $cr3 --va 0x7000 --access fetch # reserved bits
says '"is":"corrupt"\}$'
says '"fault":\{"kind":"#PF","code":"0x19",.*"index":7,"word":"0x400000000a007"\}\}$'
json 1 "$x86" $cr3 --va 0x80000010 --access read # a table that is not in memory
says '"fault":\{"kind":"[^"]+","code":"0x0","why":"[^"]+","va":"0x80000010","stage":1,"pa":"0x7ffff000"\}\}$'
json 1 "$x86" $cr3 --va 0x800000000000 --access read # no entry decides that
says '^\{"root":"cr3","va":"0x800000000000",.*"fault":\{"kind":"#GP","code":"0x0","why":"[^"]+","va":"0x800000000000","stage":1\}\}$'
says_nr 1 '^\{'

cp "$x86" "$dir/other.img"
put "$dir/other.img" 0x4000 0 0x8065 # not writable any more
put "$dir/other.img" 0x4000 1 0
put "$dir/other.img" 0x4000 2 0xb067
put "$dir/other.img" 0x4000 7 0x400000000b007
json 1 "$x86" $cr3 --diff "$dir/other.img"
agree_in_signs
says_nr 4 '^\{"root":"cr3","sign":'
says '"sign":"~","va":"0x0",.*"w":false,.*"was":\{"va":"0x0","last":"0xfff",.*"w":true,.*\}\}$'
says '"sign":"-","va":"0x1000",'
says '"sign":"\+","va":"0x2000","last":"0x2fff","pa":"0xb000","size":4096,"level":0,"r":true,"w":true,'
says '"sign":"~","va":"0x7000","last":"0x7fff","size":4096,"level":0,"word":"0x400000000b007","why":"output address too wide","was":\{.*"word":"0x400000000a007",'
json 0 "$x86" $cr3 --diff "$x86" # nothing to say of what is the same
[ ! -s "$dir/out" ] || bad "JSON of no difference"
json 1 "$x86" $cr3 --kernel x86-6.12 --diff "$dir/other.img"
agree_in_signs
cp "$x86" "$dir/sound.img"
put "$dir/sound.img" 0x1000 510 0
put "$dir/sound.img" 0x2000 2 0
put "$dir/sound.img" 0x4000 7 0
json 0 "$dir/sound.img" $cr3 --verify
[ ! -s "$dir/out" ] || bad "JSON of no finding"

json 0 "$x86" $cr3 --find-roots
agree_in_roots
says_nr 1 '^\{"root":"cr3","value":"0x1000","pa":"0x1000",.*"corrupt":2,"given":true\}$'
put "$dir/sound.img" 0xa000 510 0x1063
put "$dir/sound.img" 0xa000 5 0x2007
json 0 "$dir/sound.img" $cr3 --find-roots
agree_in_roots

# Labels are whatever a table image says; 70 corrupt entries are told one by one.
run 0 "$x86" $cr3 --save-tables "$dir/x86.ptl"
cp "$dir/x86.ptl" "$dir/label.ptl"
printf 'a"\\\t\377\001b' | dd of="$dir/label.ptl" bs=1 seek=16 conv=notrunc 2>/dev/null
json 1 "$dir/label.ptl" --verify
says_nr 3 '^\{"root":"a\\u0022\\u005c\\u0009\\u00ff\\u0001b","va":'
json 1 "$dir/label.ptl" --usage
json 0 "$dir/label.ptl" --va 0x1234
json 1 "$dir/label.ptl" --va 0x1234 --access write
json 1 "$dir/label.ptl" --diff "$dir/other.img" --cr3-2 0x1000
i=100
while [ $i -lt 170 ]; do
	put "$dir/other.img" 0x4000 $i 0x400000000a007
	i=$((i + 1))
done
json 1 "$dir/other.img" $cr3 --verify
agree_in_findings
says_nr 73 '"why"'

# ---- arm64: both halves, a reserved descriptor, a block of 16 of which one is missing ----
arm=$dir/arm.img
dd if=/dev/zero of="$arm" bs=4096 count=16 2>/dev/null
put "$arm" 0x1000 0 0x40002003
put "$arm" 0x2000 1 0x40003003
put "$arm" 0x3000 0 0x40004003
put "$arm" 0x4000 0 0x0020000040005fc3  # user r-x
put "$arm" 0x4000 1 0x0060000040006fc1  # reserved
put "$arm" 0x4000 16 0x0010000040000743 # alone in its block
put "$arm" 0x8000 511 0x40009003
put "$arm" 0x9000 511 0x4000a003
put "$arm" 0xa000 511 0x0040000060000781
regs="--ttbr0 0x40001000 --ttbr1 0x12000040008000 --tcr 0x580100010 --mair 0xff --base 0x40000000"

json 1 "$arm" $regs --verify
agree_in_findings
says '"entry":"level 3",.*"why":"inconsistent contiguous block"\}$'
json 1 "$arm" $regs --usage
agree_in_usage
says_nr 5 '^\{"root":"ttbr0"'
says_nr 5 '^\{"root":"ttbr1"'
json 0 "$arm" $regs --va 0xffffffffffffffff
agree_in_steps
says '^\{"root":"ttbr1",.*"fields":\{"AP":2,'
says '^\{"root":"ttbr1","va":"0xffffffffffffffff","translated":true,"pa":"0x601fffff","size":2097152,"level":1,.*"x":false,"px":true,"u":false,"g":true,'
json 1 "$arm" $regs --va 0x40010000
agree_in_steps
says '"contig":true,"effective":.*"blocks":\[\{"level":0,"entry":"level 3","table":"0x40004000","index":17,"word":"0x0","why":"inconsistent contiguous block"\}\]\}$'
json 1 "$arm" $regs --va 0x40010000 --access read
says '"allowed":true,"pieces":\[\{"pa":"0x40000000",.*\}\],"blocks":\[\{"stage":1,"level":0,"entry":"level 3","table":"0x40004000","index":17,"word":"0x0",'
json 1 "$arm" $regs --va 0x40000008 --access write --priv user --size 1
says '"len":1,"allowed":false,"fault":\{"kind":"data abort","code":"0x9200004f",.*"va":"0x40000008","stage":1,"level":0,"entry":"level 3","table":"0x40004000","index":0,'
grep -q 'ESR_EL1=0x9200004f: ' "$dir/text" || bad "the text has another syndrome"
json 1 "$arm" $regs --diff "$arm" --ttbr1-2 0x40001000
agree_in_signs
says_nr 0 '"root":"ttbr0"'
json 0 "$arm" $regs --find-roots
agree_in_roots
says_nr 2 '"given":true\}$'
run 0 "$arm" $regs --save-tables "$dir/arm.ptl"
json 1 "$dir/arm.ptl" --va 0x1000000000000 --access read
says '^\{"va":"0x1000000000000","allowed":false,"why":"'
json 0 "$dir/arm.ptl" --va 0x1000000000000
says '^\{"va":"0x1000000000000","translated":false,"why":"'

# ---- EPT, of which one entry is misconfigured; stage 2 of arm64 ----
ept=$dir/ept.img
dd if=/dev/zero of="$ept" bs=4096 count=16 2>/dev/null
put "$ept" 0x1000 0 0x2007
put "$ept" 0x2000 0 0x3007
put "$ept" 0x3000 0 0x4007
put "$ept" 0x4000 0 0x8037
put "$ept" 0x4000 1 0x9031
put "$ept" 0x4000 2 0xa032
eptp="--eptp 0x105e"

json 1 "$ept" $eptp --verify
agree_in_findings
says_nr 1 '^\{"root":"eptp",'
json 1 "$ept" $eptp --usage
agree_in_usage
json 0 "$ept" $eptp --va 0x1234
agree_in_steps
json 0 "$ept" $eptp --va 0x10 --access write
says '^\{"root":"eptp","stage":2,"level":0,.*"is":"leaf","fields":\{"R":1,"W":1,"X":1,"type":6\}\}$'
says '"allowed":true,"pieces":\[\{"pa":"0x8010","len":8,"size":4096,"type":"WB"\}\]\}$'
json 1 "$ept" $eptp --va 0x1010 --access write
says '"fault":\{"kind":"EPT violation","code":"0x18a",.*"stage":2,"ipa":"0x1010","level":0,"entry":"[^"]+","table":"0x4000","index":1,"word":"0x9031"\}\}$'
json 1 "$ept" $eptp --va 0x2000 --access read
says '"fault":\{"kind":"EPT misconfiguration","code":"0x0",.*"word":"0xa032"\}\}$'

s2=$dir/s2.img
dd if=/dev/zero of="$s2" bs=4096 count=16 2>/dev/null
put "$s2" 0x2000 1 0x40004003
put "$s2" 0x4000 0 0x40005003
put "$s2" 0x5000 0 0x400067ff
put "$s2" 0x5000 1 0x4000677f # read only
regs="--base 0x40000000 --vttbr 0x40002000 --vtcr 0x80020058"
json 1 "$s2" $regs --va 0x40001010 --access write
says '"fault":\{"kind":"data abort","code":"0x9200004f",.*"stage":2,"ipa":"0x40001010",'
json 0 "$s2" $regs --va 0x40000010 --access read
says '"root":"vttbr","va":"0x40000010",.*"pieces":\[\{"pa":"0x40006010",'

# ---- ranges, corrupt ones among them; bytes are no objects ----
json 1 "$x86" $cr3
agree_in_ranges
says_nr 1 '^\{"root":"cr3","va":"0x80000000","last":"0xbfffffff","size":1073741824,"level":2,"word":"0x7ffff007","why":"table outside memory"\}$'
says_nr 1 '"va":"0x7000",.*"word":"0x400000000a007","why":"output address too wide"\}$'
json 1 "$x86" $cr3 --soft
agree_in_ranges
json 0 "$dir/sound.img" $cr3 --pa 0x9000
agree_in_ranges
json 1 "$x86" $cr3 --wx
says_nr 1 '"why":"output address too wide"\}$'
json 1 "$arm" --ttbr0 0x40001000 --ttbr1 0x12000040008000 --tcr 0x580100010 --mair 0xff \
	--base 0x40000000
agree_in_ranges
says '^\{"root":"ttbr0","va":"0x40001000",.*"why":'
says '^\{"root":"ttbr1","va":"0xffffffffffe00000",'
json 1 "$ept" $eptp
agree_in_ranges
json 1 "$dir/label.ptl"
says_nr 6 '^\{"root":"a\\u0022\\u005c\\u0009\\u00ff\\u0001b","va":'

# Every one of 512 corrupt ranges is an object.
cp "$x86" "$dir/many.img"
fill "$dir/many.img" 0x4000 0x400000000a007
json 1 "$dir/many.img" $cr3 --each
agree_in_ranges
says_nr 512 '"why":"output address too wide"\}$'
refuses "$x86" $cr3 --read 0x1000:8 --json
grep -q 'goes with everything but --read' "$dir/err" || bad "--read --json is refused otherwise"

finish
