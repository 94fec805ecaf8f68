#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The demos of quickstart: round trips and hops are as computed, a handover comes, nothing stays.
. "$(dirname "$(readlink -f "$0")")/lib.sh"
need traceroute jq

start_switch

value() { jq -r "$1" "$work/demo.json"; }

# demo SCRIPT SAMPLES MS
demo() {
    echo "--- $1"
    "$top/config/demo/$1" --json --samples "$2" >"$work/demo.json" 2>"$work/demo.log" || {
        cat "$work/demo.log"
        jq -c . "$work/demo.json"
        fail "the demo failed"
    }
    sed 's/^/    /' "$work/demo.log"
    ok "at least $2 round trips compared" between "$2" "$(value .agreement.compared)" $((3 * $2))
    ok "the typical difference is below $3 ms" between 0 "$(value .agreement.median_ms)" "$3"
    ok "traceroute saw the satellites of the orbits" equal "$(value .traceroute.ok)" true
    ok "a station changed its satellite" \
        not equal "$(value .handover.from)" "$(value .handover.to)"
    ok "most pings over the handover were answered" \
        between 0.8 "$(value '.handover.answered / .handover.sent')" 1
    ok "no node stays" equal "$(field .total node.list '{}')" 0
    ok "no namespace stays" not grep -q orrery-demo <(ip netns list)
}

demo run.sh 8 0.5
demo starlink.sh 4 1
ok "epochs were played" between 1 "$(value .play.applied)" 1000000
