#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# matrix.commit: many links as one epoch, as JSON and as records in a memfd; all or nothing; a matrix
# that cannot be held is refused with the number.
#
#   n0 == n1 == n2 ... n199   (no pods: the model alone)
#
. "$(dirname "$0")/lib.sh"

start_switch
count=200
# one node with two interfaces each, wired into a ring
jq -cn --argjson n $count 'range($n) | {name: "n\(.)", kind: "router", interfaces: ["e0", "e1"]}' |
    while read -r node; do rpc node.add "$node"; done >/dev/null
epoch() { field .epoch matrix.show; }

first=$(epoch)
records=$(jq -cn --argjson n $count '{records: [range($n) |
    {from: "n\(.)/e0", to: "n\((. + 1) % $n)/e1", delay_ns: (1000000 + .)},
    {from: "n\((. + 1) % $n)/e1", to: "n\(.)/e0", delay_ns: (1000000 + .)}]}')
answer=$(rpc matrix.commit "$records")
ok "a commit of 400 links" equal "$(jq .changed <<<"$answer")" 400
ok "is one epoch" equal "$(jq .epoch <<<"$answer")" $((first + 1))
ok "and says how long it took ($(jq .applied_us <<<"$answer") us)" between 0 "$(jq .applied_us <<<"$answer")" 1000000
ok "all links are there and up" equal "$(field '"\(.links) \(.links_up)"' matrix.show)" "400 400"
ok "with their delays" equal "$(field .link.delay_ns link.show '{"from":"n77/e0"}')" 1000077

answer=$(rpc matrix.commit "$records")
ok "the same again changes nothing" equal "$(jq .changed <<<"$answer")" 0

before=$(epoch)
refused "an unknown interface" rpc matrix.commit '{"records":[{"from":"n0/e0","delay_ns":5},{"from":"n1/e7","delay_ns":5}]}'
ok "is named by record and field" contains "$(<"$work/refused")" 'records[1].from'
refused "a delay beyond the limit" rpc matrix.commit '{"records":[{"from":"n0/e0","delay_ns":5},{"from":"n1/e0","delay_ns":90000000000}]}'
ok "is named by record and field" contains "$(<"$work/refused")" 'records[1].delay_ns'
refused "an unknown key" rpc matrix.commit '{"records":[{"from":"n0/e0","delay":5}]}'
ok "is named" contains "$(<"$work/refused")" 'records[0].delay'
ok "after refused commits nothing has changed" equal \
    "$(epoch) $(field .link.delay_ns link.show '{"from":"n0/e0"}')" "$before 1000000"

# 400 links of 400 Gbit/s and 3.5 s hold 70 TB
refused "a matrix that cannot be held" rpc matrix.commit "$(jq -c \
    '.records |= map({from, rate_bps: 400000000000, delay_ns: 3500000000})' <<<"$records")"
ok "is refused with the number of frames" contains "$(<"$work/refused")" frames
ok "and has changed nothing" equal "$(epoch)" "$before"
refused "matrix.check says so too" rpc matrix.check "$(jq -c \
    '.records |= map({from, rate_bps: 400000000000, delay_ns: 3500000000})' <<<"$records")"

# records: all delays to 2 ms, by ids
rpc interface.list '{"limit":2000}' | jq -r '.items[] | select(.to) | .id' >"$work/ids"
ok "interfaces have ids" equal "$(wc -l <"$work/ids")" 400
cat >"$work/pack" <<'PYTHON'
import struct
import sys
delay = int(sys.argv[1])
for line in sys.stdin:  # struct orrery_record: from to set flags mtu delay ...
    sys.stdout.buffer.write(struct.pack("<IIIHHI", int(line), 0xFFFFFFFF, 1 << 2, 0, 0, delay).ljust(64, b"\0"))
PYTHON
/usr/bin/python3 "$work/pack" 2000000 <"$work/ids" >"$work/records"
answer=$(rpc matrix.commit '{"fd":true,"count":400}' --records "$work/records")
ok "400 records in a memfd" equal "$(jq .changed <<<"$answer")" 400
ok "set the delay" equal "$(field .link.delay_ns link.show '{"from":"n77/e0"}')" 2000000
ok "and leave the plug" equal "$(field .link.to link.show '{"from":"n77/e0"}')" n78/e1
refused "more records than the memfd holds" rpc matrix.commit '{"fd":true,"count":500}' --records "$work/records"
refused "fd without a descriptor" rpc matrix.commit '{"fd":true,"count":1}'
{ head -c 64 "$work/records" && printf '\377\377\377\177%060d' 0 | tr 0 '\0'; } >"$work/bad"
refused "a record with an unknown id" rpc matrix.commit '{"fd":true,"count":2}' --records "$work/bad"
ok "is named by record and field" contains "$(<"$work/refused")" 'records[1]'

names=$(rpc link.list '{"limit":150}' | jq -r '.next_cursor')
ok "lists are paged" not equal "$names" null
all=$(cursor=null; while :; do
    page=$(rpc link.list "$(jq -cn --argjson c "$cursor" '{limit: 150} + if $c then {cursor: $c} else {} end')")
    jq -r '.items[].from' <<<"$page"
    cursor=$(jq -c .next_cursor <<<"$page")
    [[ $cursor != null ]] || break
done | sort -u | wc -l)
ok "and the pages together hold every link once" equal "$all" 400
