#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The demo of quickstart: its round trips and hops are as computed, a handover comes, nothing stays.
. "$(dirname "$(readlink -f "$0")")/lib.sh"
need traceroute jq

start_switch

demo() { "$top/config/demo/run.sh" --json --samples 8 >"$work/demo.json" 2>"$work/demo.log"; }
value() { jq -r "$1" "$work/demo.json"; }

demo || {
    cat "$work/demo.log"
    jq -c '.round_trips[]' "$work/demo.json"
    fail "the demo failed"
}
sed 's/^/    /' "$work/demo.log"
ok "at least 8 round trips compared" between 8 "$(value .agreement.compared)" 24
ok "the typical difference is below 0.5 ms" between 0 "$(value .agreement.median_ms)" 0.5
ok "traceroute saw the satellites of the orbits" equal "$(value .traceroute.ok)" true
ok "a station changed its satellite" not equal "$(value .handover.from)" "$(value .handover.to)"
ok "most pings over the handover were answered" \
    between 0.8 "$(value '.handover.answered / .handover.sent')" 1
ok "no node stays" equal "$(field .total node.list '{}')" 0
ok "no namespace stays" not grep -q orrery-demo <(ip netns list)
