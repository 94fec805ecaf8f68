#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Two pods in Bonn and New York talk across the 66 satellites of Iridium, 60 times as fast as the sky:
# round trips beside the computed ones, the satellites hop by hop, a handover. Needs root, a running
# switch ($ORRERY_SOCKET), and orrery and orrery-cni in PATH. Takes back all it made.
# Exit status: 0 when round trips and hops are as computed, 1 when not, 2 when it cannot run.
set -uo pipefail

usage() {
    cat <<'END'
Usage: run.sh [--json] [--speed N] [--samples N] [SCENARIO]

  --json       a JSON object at the end on standard output; the text goes to standard error
  --speed N    simulated seconds a second; default 60
  --samples N  round trips to compare; default 12
  SCENARIO     default config/scenarios/iridium.scenario; its first two ground stations talk
END
}

here=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
readonly scenarios=$here/../scenarios
readonly tolerance_ms=0.5
readonly ping_gap_s=0.1 # of the ping that runs over the handover
# ping's frame: 56 bytes of data, ICMPv6, IPv6, Ethernet; and preamble, gap and FCS, which take time too
readonly frame_bytes=$((56 + 8 + 40 + 14 + 24))

json=0
speed=60
samples=12
scenario=
while (($#)); do
    case $1 in
    --json) json=1 ;;
    --speed | --samples)
        (($# > 1)) || {
            usage >&2
            exit 2
        }
        [[ $1 == --speed ]] && speed=$2 || samples=$2
        shift
        ;;
    -h | --help)
        usage
        exit 0
        ;;
    -*)
        usage >&2
        exit 2
        ;;
    *) scenario=$1 ;;
    esac
    shift
done
scenario=${scenario:-$(readlink -f "$scenarios/iridium.scenario")}

exec 3>&1
((json)) && exec 1>&2

say() { printf '%s\n' "$*"; }
head_line() { printf '\n%s\n' "$*"; }
[[ -t 1 ]] && head_line() { printf '\n\033[1m%s\033[0m\n' "$*"; }
die() {
    printf 'demo: %s\n' "$*" >&2
    exit 2
}

work=
runner=
pinger=
names=()    # the two stations
attached=() # stations whose pod is attached
spaces=()   # namespaces to remove
declare -A router_address
traced=
traced_ok=false
handover_json=null

# --- the pods ------------------------------------------------------------------------------------

# two demos at once do not meet
netns() { echo "orrery-demo-$$-$1"; }
in_pod() {
    local name=$1
    shift
    nsenter --net="/run/netns/$(netns "$name")" "$@"
}

# The second address of the station's prefix: the first is the station's own.
address_of() { echo "${router_address[$1]%1}2"; }

# As a container runtime calls it: the verb and the container in the environment, the network's
# configuration on standard input, the result as JSON on standard output.
cni() {
    local verb=$1 name=$2
    jq -cn --arg socket "${ORRERY_SOCKET:-/run/orrery/orrery.sock}" \
        --arg address "$(address_of "$name")/128" '
        {cniVersion: "1.1.0", name: "orrery-demo", type: "orrery-cni", socket: $socket,
         nodeKind: "router", interface: "pod0", addresses: [$address]}' |
        CNI_COMMAND=$verb CNI_CONTAINERID=demo-$name CNI_IFNAME=eth0 \
            CNI_PATH=$(dirname "$(command -v orrery-cni)") CNI_NETNS=/run/netns/$(netns "$name") \
            CNI_ARGS=K8S_POD_NAME=$name orrery-cni
}

attach() {
    local name=$1 from_ns
    ip netns add "$(netns "$name")" || die "cannot make a network namespace"
    spaces+=("$(netns "$name")")
    in_pod "$name" ip link set lo up
    from_ns=$(date +%s%N)
    cni ADD "$name" >"$work/cni.json" || {
        cat "$work/cni.json" >&2
        die "orrery-cni ADD failed for $name"
    }
    attached+=("$name")
    printf '   %-8s %s  %s, mtu %s, in namespace %s (orrery-cni ADD: %d ms)\n' "$name" \
        "$(jq -r '.interfaces[0].name' "$work/cni.json")" \
        "$(jq -r '.ips[0].address' "$work/cni.json")" \
        "$(jq -r '.interfaces[0].mtu' "$work/cni.json")" "$(netns "$name")" \
        $((($(date +%s%N) - from_ns) / 1000000))
}

# --- what the runner says ------------------------------------------------------------------------

# The last epochs, a line each: wall_us, step_us, round trip in ns at its start and end, UTC, satellites.
epochs() {
    tail -n "${1:-60}" "$work/run.jsonl" | jq -Rr --argjson bytes "$frame_bytes" '
        fromjson? | select(.type == "epoch" and (.pairs[0].nodes | length) > 0) |
        .pairs[0] as $pair | ($pair.rtt_ns_per_byte * $bytes) as $rate_ns |
        [.wall_us, .step_us, $pair.rtt_ns + $rate_ns, $pair.rtt_end_ns + $rate_ns, .time[11:19],
         ($pair.nodes[1:-1] | join(" "))] | @tsv'
}

# The epochs up to a time in us; waits for the one that it is in.
epochs_until() {
    local until_us=$1 tries
    for ((tries = 0; tries < 100; tries++)); do
        epochs >"$work/epochs.tsv"
        awk -F '\t' -v t="$until_us" 'END { exit !($1 + $2 > t) }' "$work/epochs.tsv" && return
        kill -0 "$runner" 2>/dev/null || return 1
        sleep 0.02
    done
    return 1
}

# time in us, UTC, station, from, to
handovers() {
    jq -Rr 'fromjson? | select(.type == "epoch") | .wall_us as $t | .time[11:19] as $time |
        .handovers[] | select(.from != null and .to != null) |
        [$t, $time, .station, .from, .to] | @tsv' "$work/run.jsonl"
}

# wait_for SECONDS COMMAND...
wait_for() {
    local end=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        ((SECONDS < end)) || return 1
        sleep 0.1
    done
}

# --- round trips ---------------------------------------------------------------------------------

# A ping of its own for each, since only its summary has three decimals. Prints send time in us, ms.
ping_once() {
    in_pod "${names[0]}" ping -6 -n -D -c 1 -W 2 "$target" 2>/dev/null | awk '
        /icmp_seq=1 ttl/ { received = $1; gsub(/[][]/, "", received) }
        /^rtt / { split($4, part, "/"); rtt = part[1] }
        END { if (received == "" || rtt == "") exit 1
              printf "%.0f %s\n", received * 1e6 - rtt * 1e3, rtt }'
}

# Compares a round trip with the computed one at its send time. Where the path changed while the frame
# was under way, no single path is right: no difference. Prints one line of fields:
# time, measured ms, computed ms, difference ms or "-", satellites.
compare() {
    local sent_us=$1 rtt_ms=$2
    epochs_until "$(awk -v s="$sent_us" -v r="$rtt_ms" 'BEGIN { printf "%.0f", s + r * 1e3 }')" ||
        return 1
    awk -F '\t' -v sent="$sent_us" -v rtt="$rtt_ms" '
        { overlaps = $1 + $2 > sent && $1 <= sent + rtt * 1e3 }
        overlaps && n++ == 0 {
            expected = ($3 + ($4 - $3) * (sent - $1) / $2) / 1e6; time = $5; path = $6
        }
        overlaps && $6 != path { changed = 1 }
        END {
            if (n == 0) exit 1
            difference = changed ? "-" : sprintf("%+.3f", rtt - expected)
            printf "%s\t%.3f\t%.3f\t%s\t%s\n", time, rtt, expected, difference, path
        }' "$work/epochs.tsv"
}

# The best of three: what else runs on this computer only ever adds. A line where the path changed
# counts only if there is no other.
best_of_three() {
    local sent
    for _ in 1 2 3; do
        sent=$(ping_once) || continue
        # shellcheck disable=SC2086 # two words
        compare $sent
    done | sort -t $'\t' -k 4,4g | awk -F '\t' '
        $4 == "-" { other = $0 }
        $4 != "-" && best == "" { best = $0 }
        END { if (best == "") best = other; if (best == "") exit 1; print best }'
}

round_trips() {
    local tries=0 good=0 line
    say "   computed: the straight lines between the satellites at the speed of light, and the links' rates"
    say "   measured: the best of three, since what else runs on this computer only adds"
    printf '   %-8s  %11s  %11s  %11s  %s\n' 'sky time' measured computed difference satellites
    : >"$work/samples.tsv"
    while ((good < samples && tries++ < samples * 3)); do
        line=$(best_of_three) || continue
        echo "$line" >>"$work/samples.tsv"
        printf '%s\n' "$line" | awk -F '\t' '{
            printf "   %-8s  %8.3f ms  %8.3f ms  %11s  %s\n", $1, $2, $3,
                ($4 == "-" ? "new path" : $4 " ms"), $5 }'
        [[ $line == *$'\t-\t'* ]] || good=$((good + 1))
        sleep 0.3
    done
}

# Of the differences: count, within the tolerance, median and largest size.
agreement() {
    awk -F '\t' '$4 != "-" { print ($4 < 0 ? -$4 : +$4) }' "$work/samples.tsv" | sort -n |
        awk -v tolerance="$tolerance_ms" '
            { size[NR] = $1; within += $1 <= tolerance }
            END { printf "%d %d %.3f %.3f\n", NR, within,
                      NR ? size[int((NR + 1) / 2)] : 0, NR ? size[NR] : 0 }'
}

# --- hops ----------------------------------------------------------------------------------------

name_of() {
    if [[ $1 == "$target" ]]; then
        echo "pod in ${names[1]}"
    else
        jq -r --arg a "$1" \
            '.satellites + .ground_stations | map(select(.address == $a))[0].name // "?"' \
            "$work/sky.json"
    fi
}

# The hops and the computed path at that time must be the same satellites.
trace() {
    local hop address rtt before after
    before=$(epochs 1 | cut -f 6)
    in_pod "${names[0]}" traceroute -6 -n -q 1 -w 2 -N 32 -m 32 "$target" >"$work/trace" 2>/dev/null
    after=$(epochs 1 | cut -f 6)
    : >"$work/hops.tsv"
    while read -r hop address rtt _; do
        [[ $hop =~ ^[0-9]+$ ]] || continue
        printf '%s\t%s\t%s\t%s\n' "$hop" "$(name_of "$address")" "$address" "$rtt" >>"$work/hops.tsv"
    done <"$work/trace"
    traced=$(awk -F '\t' -v a="${names[0]}" -v b="${names[1]}" \
        '$2 != a && $2 != b && $2 !~ /^pod/ { printf "%s%s", sep, $2; sep = " " }' "$work/hops.tsv")
    computed=$before
    [[ $traced == "$before" || $traced == "$after" ]]
}

trace_hops() {
    local tries
    for ((tries = 0; tries < 5; tries++)); do # the path may change meanwhile
        if trace; then
            traced_ok=true
            break
        fi
    done
    awk -F '\t' '{ printf "   %2d  %-16s %-18s %8.3f ms\n", $1, $2, $3, $4 }' "$work/hops.tsv"
    if $traced_ok; then
        say "   these are the satellites that the orbits give"
    else
        say "   the orbits give others: $computed"
    fi
}

# --- a handover ----------------------------------------------------------------------------------

new_handover() {
    handovers | awk -F '\t' -v t="$handover_from_us" '$1 > t' | grep -m 1 . >"$work/handover.tsv"
}

# What the ping that runs all the time saw from a second before to a second after: sent, answered,
# last round trip before, first after.
over_handover() {
    local at_us=$1
    awk -v at="$at_us" '
        /icmp_seq=/ && /time=/ {
            received = $1; gsub(/[][]/, "", received)
            match($0, /icmp_seq=[0-9]+/); seq = substr($0, RSTART + 9, RLENGTH - 9) + 0
            match($0, /time=[0-9.]+/); ms = substr($0, RSTART + 5, RLENGTH - 5) + 0
            sent = received * 1e6 - ms * 1e3
            if (sent < at - 1e6 || sent > at + 1e6) next
            if (n++ == 0 || seq < first) first = seq
            if (seq > last) last = seq
            if (sent < at) before = ms
            else if (after == "") after = ms
        }
        END { printf "%d %d %s %s\n", n ? last - first + 1 : 0, n,
                  before == "" ? "-" : before, after == "" ? "-" : after }' "$work/ping"
}

handover() {
    local at_us time station from to sent answered before after
    handover_from_us=$(date +%s%6N)
    if ! wait_for 40 new_handover; then
        say "   none came within 40 s"
        return 1
    fi
    IFS=$'\t' read -r at_us time station from to <"$work/handover.tsv"
    say "   $time  $station goes from $from to $to"
    sleep 1.3
    read -r sent answered before after < <(over_handover "$at_us")
    say "   ping every $ping_gap_s s, from a second before to a second after: $sent sent, $answered answered"
    say "   round trip before $before ms, after $after ms; $((sent - answered)) lost"
    handover_json=$(jq -cn --arg time "$time" --arg station "$station" --arg from "$from" --arg to "$to" \
        --argjson sent "$sent" --argjson answered "$answered" \
        '{time: $time, station: $station, from: $from, to: $to, sent: $sent, answered: $answered}')
    ((answered > 0))
}

# --- the whole -----------------------------------------------------------------------------------

cleanup() {
    local name
    trap - EXIT
    if [[ $pinger ]]; then
        kill "$pinger" 2>/dev/null
        wait "$pinger" 2>/dev/null
    fi
    for name in "${attached[@]}"; do
        cni DEL "$name" >/dev/null
    done
    if [[ $runner ]]; then
        kill -TERM "$runner" 2>/dev/null
        wait "$runner" 2>/dev/null
    fi
    for name in "${spaces[@]}"; do
        ip netns del "$name" 2>/dev/null
    done
    [[ $work ]] && rm -rf "$work"
    return 0
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

check() {
    local program
    [[ $EUID == 0 ]] || die "needs root, for network namespaces"
    for program in orrery orrery-cni ip nsenter ping traceroute jq awk; do
        command -v "$program" >/dev/null || die "the program '$program' is missing"
    done
    orrery version >/dev/null || die "no switch answers"
    orrery scenario check "$scenario" >/dev/null || die "the scenario is wrong"
}

first_epoch() { grep -q '"type":"epoch"' "$work/run.jsonl" || ! kill -0 "$runner"; }

start_runner() {
    head_line "1. The constellation"
    say "   orrery scenario run ${scenario#"$PWD"/} --speed $speed"
    orrery scenario run "$scenario" --speed "$speed" --clean --json \
        >"$work/run.jsonl" 2>"$work/run.err" &
    runner=$!
    wait_for 60 first_epoch
    kill -0 "$runner" 2>/dev/null || {
        cat "$work/run.err" >&2
        runner=
        die "the scenario did not start"
    }
    jq -Rr 'fromjson? | select(.type == "start") |
        "   \(.satellites) satellites, \(.isls) links between them, " +
        "\(.ground_stations) ground stations; an epoch every \(.step_s / .speed * 1000 | round) ms"
        ' "$work/run.jsonl"
}

read_scenario() {
    local name address
    orrery scenario show "$scenario" --json >"$work/sky.json" || die "cannot read the scenario"
    while IFS=$'\t' read -r name address; do
        names+=("$name")
        router_address[$name]=$address
    done < <(jq -r '.ground_stations[0:2][] | [.name, .address] | @tsv' "$work/sky.json")
    ((${#names[@]} == 2)) || die "the scenario has fewer than two ground stations"
    target=$(address_of "${names[1]}")
}

reached() { in_pod "${names[0]}" ping -6 -n -q -c 1 -W 1 "$target"; }

report_json() {
    local n=$1 within=$2 median=$3 largest=$4 ok=$5
    jq -Rn --argjson n "$n" --argjson within "$within" --argjson median "$median" \
        --argjson largest "$largest" --argjson tolerance "$tolerance_ms" --argjson ok "$ok" \
        --argjson traced "$traced_ok" --arg hops "$traced" --argjson handover "$handover_json" '
        [inputs | split("\t") |
            {time: .[0], measured_ms: (.[1] | tonumber), computed_ms: (.[2] | tonumber),
             difference_ms: (if .[3] == "-" then null else (.[3] | ltrimstr("+") | tonumber) end),
             satellites: (.[4] | split(" "))}] as $samples |
        {ok: $ok, round_trips: $samples,
         agreement: {compared: $n, within: $within, tolerance_ms: $tolerance, median_ms: $median,
            largest_ms: $largest},
         traceroute: {ok: $traced, satellites: ($hops | split(" "))}, handover: $handover}' \
        "$work/samples.tsv" >&3
}

main() {
    local n within median largest ok=true
    check
    work=$(mktemp -d /tmp/orrery-demo.XXXXXX)
    read_scenario
    say "Two pods on the ground, and satellites that move $speed times as fast as the sky"

    start_runner
    head_line "2. A pod at each station, attached as a container runtime does it"
    attach "${names[0]}"
    attach "${names[1]}"
    wait_for 15 reached || die "${names[1]} does not answer"
    # not through in_pod: the process to end must be ping's own
    nsenter --net="/run/netns/$(netns "${names[0]}")" \
        ping -6 -n -D -i "$ping_gap_s" "$target" >"$work/ping" 2>/dev/null &
    pinger=$!

    head_line "3. ping -6 from ${names[0]} to ${names[1]}, beside the round trip computed from the orbits"
    round_trips
    read -r n within median largest < <(agreement)
    say "   $within of $n within $tolerance_ms ms; typical difference $median ms, largest $largest ms"
    if ((n < samples / 2 || within * 10 < n * 9)); then
        say "   they do not agree"
        ok=false
    fi

    head_line "4. traceroute -6: every satellite answers with its own address"
    trace_hops
    $traced_ok || ok=false

    head_line "5. A handover"
    handover || ok=false

    ((json)) && report_json "$n" "$within" "$median" "$largest" "$ok"
    head_line "6. Clean-up"
    cleanup
    say "   pods detached, nodes deleted, namespaces removed"
    $ok
}

main
