#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# orrery scenario run against a switch: its links, delays and paths are those of the sky, twice running
# it does no harm, it stops on signals, and clean takes everything out again.
. "$(dirname "$(readlink -f "$0")")/lib.sh"
need jq

iridium=$top/config/scenarios/iridium.scenario

refused "no run without a switch" orrery --socket "$work/nobody" scenario run "$iridium"

start_switch

# A minute in no time: from 10 min to 11 min at 60x.
ok "a minute of sky plays" orrery scenario run "$iridium" --speed 60 --from 10min --duration 1min
ok "68 nodes" equal "$(field .total node.list '{}')" 68
ok "a route for each node and prefix" equal "$(field .total route.list '{"limit": 1}')" 70

# Second by second, the last epoch at 10 min 2 s; the switch moves the delays on from there.
orrery scenario run "$iridium" --from 10min --duration 3s --json >"$work/run.jsonl"
ok "an epoch a second" equal "$(grep -c '"type":"epoch"' "$work/run.jsonl")" 3
epoch_us=$(jq -s 'last.wall_us' "$work/run.jsonl")
rpc link.list '{"limit": 2000, "up": true}' >"$work/links.json"
now_us=$(date +%s%6N)
at=$(awk -v e="$epoch_us" -v n="$now_us" 'BEGIN { printf "%.0fus", 602e6 + n - e }')
orrery scenario show "$iridium" --at "$at" --json >"$work/sky.json"
jq -nr --slurpfile links "$work/links.json" --slurpfile sky "$work/sky.json" '
    ($sky[0].links | map({key: "\(.from) \(.to)", value: .}) | from_entries) as $want |
    $links[0].items | map($want["\(.from) \(.to)"] as $w |
        if $w == null then "unknown link \(.from) \(.to)"
        elif $w.up != .up then "\(.from) is up: \(.up)"
        elif ($w.delay_ns - .delay_now_ns | fabs) > 20000 then
            "\(.from) has \(.delay_now_ns) ns, the sky \($w.delay_ns)"
        else empty end) |
    .[]' >"$work/wrong"
head -n 5 "$work/wrong"
ok "as many links as the sky" equal "$(jq '.items | length' "$work/links.json")" \
    "$(jq '.links | map(select(.up)) | length' "$work/sky.json")"
ok "every delay is the sky's" equal "$(wc -l <"$work/wrong")" 0

# Paths: the switch's next hops against the runner's search.
switch_path() {
    rpc route.path '{"from": "bonn", "dst": "fd00:66:0:2::1"}' | jq -r '[.hops[].node] | join(" ")'
}
sky_path() {
    orrery scenario path "$iridium" --from bonn --to newyork --at 10min --json |
        jq -r '.nodes | join(" ")'
}
same_path() { [[ $(sky_path) == "bonn sat-"* && $(switch_path) == "$(sky_path)" ]]; }
ok "the switch's path is the sky's" wait_until 5 same_path

# Signals.
for signal in INT TERM; do
    rm -f "$work/run.jsonl" # an earlier epoch in it is not of this run
    orrery scenario run "$iridium" --speed 60 --json >"$work/run.jsonl" &
    runner=$!
    helpers+=("$runner")
    wait_until 10 grep -q '"type":"epoch"' "$work/run.jsonl"
    kill "-$signal" "$runner"
    status=0
    wait "$runner" || status=$?
    # a shell without job control has its background commands ignore SIGINT; the runner takes it all the same
    ok "SIG$signal ends a run well" equal "$status" 0
done

# A second scenario of the same names and other addresses must not take over.
sed 's/fd00:66/fd00:67/' "$iridium" >"$work/other.scenario"
refused "another address plan" orrery scenario run "$work/other.scenario" --duration 1s

ok "clean" orrery scenario clean "$iridium"
ok "no node stays" equal "$(field .total node.list '{}')" 0
ok "no route stays" equal "$(field .total route.list '{}')" 0
# Nodes that were there are not the run's to delete; what it made is, also when it fails halfway.
rpc node.add '{"name":"sat-3-4","kind":"router"}' >/dev/null
refused "a node of another address" orrery scenario run "$iridium" --duration 1s
ok "what it made is gone, the node stays" equal "$(field '[.items[].name] | join(" ")' node.list '{}')" sat-3-4
rpc node.del '{"name":"sat-3-4"}' >/dev/null
ok "--clean leaves nothing either" orrery scenario run "$iridium" --duration 1s --clean
ok "no node stays" equal "$(field .total node.list '{}')" 0
