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

# shellcheck source=config/demo/pods.sh
. "$here/pods.sh"

work=
runner=
traced=
traced_ok=false
handover_json=null

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

# --- round trips ---------------------------------------------------------------------------------

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

round_trips() {
    local tries=0 good=0 line
    say "   computed: the straight lines between the satellites at the speed of light, and the links' rates"
    say "   measured: the best of $pings_min, or of up to $pings_max while none is near: what else runs on this computer only adds"
    printf '   %-8s  %11s  %11s  %11s  %s\n' 'sky time' measured computed difference satellites
    : >"$work/samples.tsv"
    while ((good < samples && tries++ < samples * 3)); do
        line=$(best_of_pings) || continue
        echo "$line" >>"$work/samples.tsv"
        printf '%s\n' "$line" | awk -F '\t' '{
            printf "   %-8s  %8.3f ms  %8.3f ms  %11s  %s\n", $1, $2, $3,
                ($4 == "-" ? "new path" : $4 " ms"), $5 }'
        [[ $line == *$'\t-\t'* ]] || good=$((good + 1))
        sleep 0.3
    done
}

# --- hops ----------------------------------------------------------------------------------------

# The hops and the computed path at that time must be the same satellites.
trace() {
    local before after
    before=$(epochs 1 | cut -f 6)
    trace_route
    after=$(epochs 1 | cut -f 6)
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
    trap - EXIT
    detach
    if [[ $runner ]]; then
        kill -TERM "$runner" 2>/dev/null
        wait "$runner" 2>/dev/null
    fi
    remove_spaces
    [[ $work ]] && rm -rf "$work"
    return 0
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

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
    work=$(mktemp -d "/tmp/orrery-demo-$$.XXXXXX")
    read_scenario
    say "Two pods on the ground, and satellites that move $speed times as fast as the sky"

    start_runner
    head_line "2. A pod at each station, attached as a container runtime does it"
    attach "${names[0]}"
    attach "${names[1]}"
    wait_for 15 reached || die "${names[1]} does not answer"
    start_pinger

    head_line "3. ping -6 from ${names[0]} to ${names[1]}, beside the round trip computed from the orbits"
    round_trips
    read -r n within median largest < <(agreement)
    say "   $within of $n within $tolerance_ms ms; typical difference $median ms, largest $largest ms"
    if ((n < samples / 2 || within < n)); then
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
