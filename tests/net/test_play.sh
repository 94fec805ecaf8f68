#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# orrery play: two pods across a compiled constellation at 60x. The round trip is that of the sky,
# a pause freezes it, a pinned link stays, seeking goes there, and a file cut short harms nobody.
#
#   [a] eth0 -- bonn - sat - sat - ... - newyork -- eth0 [b]
#
. "$(dirname "$(readlink -f "$0")")/lib.sh"
need jq

iridium=$top/config/scenarios/iridium.scenario
file=$work/iridium.ephemeris
ok "a sky of half an hour compiles" orrery ephemeris build "$iridium" -o "$file" --duration 30min

start_switch

head -c 100000 "$file" >"$work/cut"
refused "a file cut short" orrery play "$work/cut"
ok "is refused with the place" contains "$(<"$work/refused")" "$work/cut: offset"
tr '\0' '\1' <"$file" | head -c 2000000 >"$work/noise"
refused "noise" orrery play "$work/noise"
refused "a folder" orrery play "$work"
refused "a time behind the end" orrery play "$file" --from 31min
ok "nothing of them stays" equal "$(field .total node.list '{}') $(field .state player.status '{}')" "0 empty"

cp "$file" "$work/played"
ok "it plays" orrery play "$work/played" --speed 60 --from 5min --loop
ok "68 nodes" equal "$(field .total node.list '{}')" 68
refused "a second file meanwhile" orrery play "$file"
truncate -s 0 "$work/played" # the switch has its own copy

pod a b
attach() { # POD NODE ADDRESS
    rpc port.add "$(jq -cn --arg ref "$2/pod0" --arg ns "$(netns_path "$1")" --arg a "$3/128" \
        '{interface: $ref, backend: "af_xdp", netns: $ns, ifname: "eth0", addresses: [$a],
          routes: [{dst: "::/0", via: "fe80::1"}]}')" >/dev/null
}
attach a bonn fd00:66:0:1::2
attach b newyork fd00:66:0:2::2
ok "the pods reach each other" wait_until 20 ping_ok a fd00:66:0:2::2

# The round trip beside the sky's at that time. Just after a handover the routes may still be those of
# before, and a busy machine is late now and then.
sample() {
    local t_ns rtt sky
    t_ns=$(field .time_ns player.status '{}')
    rtt=$(in_pod a ping -6 -n -q -c 1 -W 2 fd00:66:0:2::2 | sed -n 's|^rtt [^=]*= \([0-9.]*\)/.*|\1|p')
    sky=$(orrery scenario path "$iridium" --from bonn --to newyork --at "$((t_ns / 1000))us" \
        --speed 60 --json | jq -r '(.rtt_ns + .rtt_ns_per_byte * 142) / 1e6') # a ping's frame, with gap
    echo "$rtt $sky" >>"$work/samples"
}
for ((i = 0; i < 20; i++)); do sample; done
awk '{ printf "    %s ms, the sky %s ms\n", $1, $2 }' "$work/samples"
close=$(awk '$1 != "" && $1 - $2 < 1.5 && $2 - $1 < 1.5 { n++ } END { print n + 0 }' "$work/samples")
ok "$close of 20 round trips are the sky's" between 14 "$close" 20
spread=$(awk 'NR == 1 || $2 < min { min = $2 } NR == 1 || $2 > max { max = $2 } END { print max - min }' "$work/samples")
ok "and the sky moved by $spread ms meanwhile" between 0.5 "$spread" 1000

status=$(rpc player.status '{}')
note "epochs: $(jq -c '{applied, merged, late, late_us, late_max_us}' <<<"$status")"
ok "epochs are applied" between 50 "$(jq .applied <<<"$status")" 100000
ok "few of them more than a millisecond late" between 0 "$(jq '.late / .applied' <<<"$status")" 0.2
ok "stats.get says so too" equal "$(field .player.state stats.get '{}')" playing

# A pause freezes all delays.
delays() { rpc link.list '{"limit": 2000, "up": true}' | jq -c '.items[] | select(.to) | [.from, .to, .delay_now_ns]' | md5sum; }
ok "pause" orrery play pause
before=$(delays)
time_before=$(field .time_ns player.status '{}')
rtt_before=$(rtt_ms a fd00:66:0:2::2 5)
wait_until 1 false || true
ok "no delay moves in a pause" equal "$(delays)" "$before"
ok "nor does its time" equal "$(field .time_ns player.status '{}')" "$time_before"
rtt=$(rtt_ms a fd00:66:0:2::2 5)
ok "nor the round trip: $rtt_before ms, $rtt ms" between "$(awk -v r="$rtt_before" 'BEGIN { print r - 1 }')" "$rtt" \
    "$(awk -v r="$rtt_before" 'BEGIN { print r + 1 }')"

# Seek: every link as the scenario computes it.
ok "seek" orrery play seek 10min
orrery scenario show "$iridium" --at 10min --json >"$work/sky.json"
rpc link.list '{"limit": 2000, "up": true}' >"$work/links.json"
jq -nr --slurpfile links "$work/links.json" --slurpfile sky "$work/sky.json" '
    ($sky[0].links | map({key: "\(.from) \(.to)", value: .}) | from_entries) as $want |
    $links[0].items | map(select(.to) | $want["\(.from) \(.to)"] as $w |
        if $w == null then "unknown link \(.from) \(.to)"
        elif ($w.delay_ns - .delay_now_ns | fabs) > 1000 then
            "\(.from) has \(.delay_now_ns) ns, the sky \($w.delay_ns)"
        else empty end) | .[]' >"$work/wrong"
head -n 5 "$work/wrong"
ok "every delay is the sky's within a microsecond" equal "$(wc -l <"$work/wrong")" 0
epoch=$(field .epoch player.status '{}')
ok "step" orrery play step 3
ok "goes on by epochs" between $((epoch + 3)) "$(field .epoch player.status '{}')" $((epoch + 6))

# Pins.
uplink=$(rpc link.list '{"node": "bonn"}' | jq -r '.items[] | select(.to) | "\(.from) \(.to)"')
read -r from to <<<"$uplink"
ok "pin" orrery link pin "$from" "$to" both
orrery link set "$from" "$to" both down >/dev/null
ok "resume" orrery play resume --speed 60
skips() { (($(field .skipped_pinned player.status '{}') > 2)); }
ok "the player passes by what is pinned" wait_until 20 skips
ok "which stays down" equal "$(field .link.up link.show "{\"from\":\"$from\"}")" false
ok "and nothing gets through" not ping_ok a fd00:66:0:2::2
ok "unpin" orrery link unpin "$from" "$to" both
ok "and the sky has it again" wait_until 20 ping_ok a fd00:66:0:2::2

# It starts over at the end.
ok "seek to just before the end" orrery play seek 1799s
looped() { (($(field .loops player.status '{}') == 1)); }
ok "it starts over" wait_until 5 looped
ok "and goes on" wait_until 20 ping_ok a fd00:66:0:2::2

# Whoever deletes nodes under it has them deleted.
rpc node.del '{"name": "sat-0-0", "force": true}' >/dev/null
left_out() { (($(field .skipped_gone player.status '{}') > 0)); }
ok "a node that is deleted meanwhile is left out" wait_until 20 left_out
ok "stop" orrery play stop --clean
ok "no node stays" equal "$(field .total node.list '{}')" 0
ok "no route stays" equal "$(field .total route.list '{}')" 0
