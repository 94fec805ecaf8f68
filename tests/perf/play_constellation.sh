#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# A constellation that plays with pods at its ground stations: how late epochs and their routes come into
# force, what the control thread costs, and which frames are lost while pods of far cities talk.
#	sudo tests/perf/play_constellation.sh [--scenario FILE] [--pods 200] [--seconds 30] [--interval 0.1]
#	    [--speeds "1 60"] [--from 600s] [--routing 'TEXT']
# Pods are spread over the ground stations, each pings the pod half the list away every --interval
# seconds. --routing: further configuration, such as 'routing = { convergence = "200ms"; };'.
# Lost frames are told apart by the switch's own drop counters: what a link that went down had in its
# queue, what had no next hop, what went round until its hop limit.
set -euo pipefail
top=$(dirname "$(readlink -f "$0")")/../..
scenario=$top/config/scenarios/starlink-100gs.scenario pods_wanted=200 seconds=30 interval=0.1
speeds="1 60" from=600s routing=
while (($#)); do
    case $1 in
    --scenario) scenario=$2 ;;
    --pods) pods_wanted=$2 ;;
    --seconds) seconds=$2 ;;
    --interval) interval=$2 ;;
    --speeds) speeds=$2 ;;
    --from) from=$2 ;;
    --routing) routing=$2 ;;
    *)
        sed -n '3,12s/^# \{0,1\}//p' "$0"
        exit 2
        ;;
    esac
    shift 2
done
# shellcheck source=tests/net/lib.sh
. "$top/tests/net/lib.sh"
need jq ping

file=$work/constellation.eph
at=$(date +%s%N)
[[ ${EPHEMERIS-} ]] && cp "$EPHEMERIS" "$file" || orrery ephemeris build "$scenario" -o "$file" >"$work/built"
echo "compiled in $((($(date +%s%N) - at) / 1000000)) ms: $(tail -n 1 "$work/built" 2>/dev/null)"

start_switch 'limits = { max_nodes = 16384; max_interfaces = 131072; };' "$routing"
at=$(date +%s%N)
rpc player.load "{\"path\":\"$file\"}" >/dev/null
echo "loaded in $((($(date +%s%N) - at) / 1000000)) ms"

# Station and prefix of every route of the file.
mapfile -t stations < <(rpc route.list '{"limit":2000}' |
    jq -r '.items[] | select(.prefix | endswith("/128") | not) | .node + " " + .prefix')
((${#stations[@]} > 1)) || fail "the scenario has no ground stations with a prefix"
addresses=()
at=$(date +%s%N)
for ((i = 0; i < pods_wanted; i++)); do
    read -r station prefix <<<"${stations[i % ${#stations[@]}]}"
    pod "p$i"
    address=${prefix%%/*}$((0x100 + i))
    rpc port.add "$(jq -cn --arg ref "$station/p$i" --arg ns "$(netns_path "p$i")" --arg a "$address/64" \
        '{interface: $ref, backend: "af_xdp", netns: $ns, ifname: "eth0", addresses: [$a],
          routes: [{dst: "::/0", via: "fe80::1"}]}')" >/dev/null
    addresses+=("$address")
done
echo "$pods_wanted pods at ${#stations[@]} stations, made and attached in $((($(date +%s%N) - at) / 1000000)) ms"

control_task() { # the thread that serves the socket has the process's id
    cat "/proc/$switch_pid/task/$switch_pid/schedstat"
}
drops_json() { rpc stats.get '{}' | jq -c '.drops // .stats.drops'; }

n_pings=$(awk -v s="$seconds" -v i="$interval" 'BEGIN { printf "%d", s / i }')
routes_there() { [[ $(field .routes_epoch matrix.show '{}') -ge $first_epoch ]]; }

measure() {
    local speed=$1 before after drops_before i sent=0 received=0 helpers_of_run=()
    first_epoch=$(($(field .epoch matrix.show '{}') + 1))
    rpc player.start "{\"speed\":$speed,\"from_ns\":${from%s}000000000}" >/dev/null
    wait_until 60 routes_there # the first epoch plugs everything in, its routes follow
    local status_before
    status_before=$(rpc player.status '{}')
    before=$(control_task)
    drops_before=$(drops_json)
    for ((i = 0; i < pods_wanted; i++)); do
        in_pod "p$i" ping -6 -n -q -i "$interval" -c "$n_pings" -W 2 \
            "${addresses[(i + pods_wanted / 2 - 1) % pods_wanted]}" >"$work/ping.$i" 2>/dev/null &
        helpers_of_run+=($!)
    done
    : >"$work/late"
    local end=$((SECONDS + seconds)) # late_us is of the last epoch: sampled
    while ((SECONDS < end)); do
        rpc player.status '{}' | jq -r '.late_us' >>"$work/late"
        sleep 0.2
    done
    wait "${helpers_of_run[@]}" || true
    after=$(control_task)
    local status
    status=$(rpc player.status '{}')
    for ((i = 0; i < pods_wanted; i++)); do
        read -r s r < <(sed -n 's/^\([0-9]*\) packets transmitted, \([0-9]*\) received.*/\1 \2/p' "$work/ping.$i")
        sent=$((sent + ${s:-0})) received=$((received + ${r:-0}))
    done
    echo "speed $speed:"
    jq -rn --argjson a "$status_before" --argjson b "$status" '
        "  epochs \($b.applied - $a.applied), merged \($b.merged - $a.merged), later than 1 ms \($b.late - $a.late), the latest of the run \($b.late_max_us) us",
        "  routes with their epoch \($b.routes_with_epoch - $a.routes_with_epoch), late \($b.routes_late - $a.routes_late)"'
    sort -g "$work/late" | awk '{ v[NR] = $1 } END { printf "  due to last worker, %d samples: p50 %.1f us, p99 %.1f us\n", NR, v[int((NR + 1) / 2)], v[int(NR * 0.99 + 0.5)] }'
    awk -v a="$before" -v b="$after" -v s="$seconds" 'BEGIN { split(a, x, " "); split(b, y, " "); printf "  control thread %.1f %% of a CPU\n", (y[1] - x[1]) / (s + 2) / 1e7 }'
    echo "  pings sent $sent, answered $received, lost $((sent - received))"
    jq -cn --argjson a "$drops_before" --argjson b "$(drops_json)" \
        '[$b | to_entries[] | {key, value: (.value - ($a[.key] // 0))} | select(.value != 0)] | from_entries' |
        sed 's/^/  drops of the switch /'
    rpc route.policy '{}' | jq -r '"  next hops: last \(.compute_us / 1000) ms, longest \(.compute_max_us / 1000) ms"'
}
for speed in $speeds; do
    measure "$speed"
done
