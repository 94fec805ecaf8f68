#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Starlink's first shell, 1,584 satellites, compiled into a file and played by the switch itself, with
# two pods in Bonn and New York: round trips beside the computed ones, the satellites hop by hop, a
# handover. Needs root, a running switch ($ORRERY_SOCKET), and orrery and orrery-cni in PATH. Takes back
# all it made.
# Exit status: 0 when round trips and hops are as computed, 1 when not, 2 when it cannot run.
set -uo pipefail

usage() {
    cat <<'END'
Usage: starlink.sh [--json] [--speed N] [--samples N] [SCENARIO]

  --json       a JSON object at the end on standard output; the text goes to standard error
  --speed N    seconds of the file a second; default 10
  --samples N  round trips to compare; default 6
  SCENARIO     default config/scenarios/starlink-shell1.scenario; its first two ground stations talk
END
}

here=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
readonly played="30min" # of the sky, compiled
json=0
speed=10
samples=6
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
scenario=${scenario:-$(readlink -f "$here/../scenarios/starlink-shell1.scenario")}

# shellcheck source=config/demo/pods.sh
. "$here/pods.sh"

work=
playing=
anchor_us=  # when, on this computer's clock,
anchor_ns=  # the file was at this time
traced=
traced_ok=false
handover_json=null

# --- the file and its clock ----------------------------------------------------------------------

compile() {
    head_line "1. The constellation, compiled"
    say "   orrery ephemeris build ${scenario#"$PWD"/} --duration $played -o starlink.eph"
    orrery ephemeris build "$scenario" --duration "$played" -o "$work/starlink.eph" >"$work/built" ||
        die "the scenario does not compile"
    sed "s|^$work/|   |" "$work/built"
}

play() {
    head_line "2. The file, played by the switch"
    say "   orrery play starlink.eph --speed $speed"
    orrery play "$work/starlink.eph" --speed "$speed" >"$work/played" || die "the file does not play"
    playing=1
    sed -n 's/^  file  */   /p' "$work/played"
    read_clock
}

read_clock() {
    local before after
    before=$(date +%s%6N)
    anchor_ns=$(orrery play status --json | jq .time_ns)
    after=$(date +%s%6N)
    anchor_us=$(((before + after) / 2))
}

# Time of the file in ms at a time of this computer in us.
file_ms() { awk -v w="$1" -v w0="$anchor_us" -v t="$anchor_ns" -v s="$speed" \
    'BEGIN { printf "%.0f", t / 1e6 + (w - w0) * s / 1e3 }'; }

sky_time() { # of a file's time in ms
    date -u -d "@$((($(jq -r '.time | fromdate' "$work/sky.json") * 1000 + $1) / 1000))" +%T
}

# --- round trips ---------------------------------------------------------------------------------

# From the geometry alone: round trip in ms, satellites.
computed_at() {
    orrery scenario path "$scenario" --from "${names[0]}" --to "${names[1]}" --at "$1ms" \
        --speed "$speed" --json | jq -r --argjson bytes "$frame_bytes" \
        '[(.rtt_ns + .rtt_ns_per_byte * $bytes) / 1e6, (.nodes[1:-1] | join(" "))] | @tsv'
}

# Fields: time, measured ms, computed ms, difference or "-" if the path changed meanwhile, satellites.
compare() {
    local sent_us=$1 rtt_ms=$2 at_ms end_ms expected path path_after
    at_ms=$(file_ms "$sent_us")
    end_ms=$(awk -v t="$at_ms" -v r="$rtt_ms" -v s="$speed" 'BEGIN { printf "%.0f", t + r * s }')
    IFS=$'\t' read -r expected path < <(computed_at "$at_ms")
    IFS=$'\t' read -r _ path_after < <(computed_at "$end_ms")
    [[ $expected ]] || return 1
    awk -v time="$(sky_time "$at_ms")" -v rtt="$rtt_ms" -v expected="$expected" -v path="$path" \
        -v after="$path_after" 'BEGIN {
            printf "%s\t%.3f\t%.3f\t%s\t%s\n", time, rtt, expected,
                path == after ? sprintf("%+.3f", rtt - expected) : "-", path }'
}

round_trips() {
    local tries=0 good=0 line
    printf '   %-8s  %11s  %11s  %11s  %s\n' 'sky time' measured computed difference satellites
    : >"$work/samples.tsv"
    while ((good < samples && tries++ < samples * 3)); do
        line=$(best_of_pings) || continue
        echo "$line" >>"$work/samples.tsv"
        printf '%s\n' "$line" | awk -F '\t' '{
            n = split($5, path, " ")
            printf "   %-8s  %8.3f ms  %8.3f ms  %11s  %s .. %s (%d)\n", $1, $2, $3,
                ($4 == "-" ? "new path" : $4 " ms"), path[1], path[n], n }'
        [[ $line == *$'\t-\t'* ]] || good=$((good + 1))
    done
}

# --- hops ----------------------------------------------------------------------------------------

# The hops and the computed path before or after must be the same satellites.
trace() {
    local before after
    read_clock
    IFS=$'\t' read -r _ before < <(computed_at "$(file_ms "$(date +%s%6N)")")
    trace_route
    IFS=$'\t' read -r _ after < <(computed_at "$(file_ms "$(date +%s%6N)")")
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
    awk -F '\t' '
        { line[NR] = sprintf("   %2d  %-16s %-18s %8.3f ms", $1, $2, $3, $4) }
        END { for (i = 1; i <= NR; i++) {
                  if (NR > 12 && i == 5) printf "   ..  %d more\n", NR - 8
                  if (NR <= 12 || i < 5 || i > NR - 4) print line[i] } }' "$work/hops.tsv"
    if $traced_ok; then
        say "   these are the satellites that the orbits give"
    else
        say "   the orbits give others: $computed"
    fi
}

# --- a handover ----------------------------------------------------------------------------------

# Those of the two stations in the file: time in ms, station, satellite before, satellite after.
list_handovers() {
    orrery ephemeris dump "$work/starlink.eph" --json --from 0s |
        jq -r --arg a "${names[0]}/gsl0" --arg b "${names[1]}/gsl0" '.t_ns as $t | .records[] |
            select((.from == $a or .from == $b) and .to != null) |
            [$t / 1e6, (.from | sub("/.*"; "")), (.to | sub("/.*"; ""))] | @tsv' |
        awk -F '\t' 'serves[$2] { printf "%.0f\t%s\t%s\t%s\n", $1, $2, serves[$2], $3 } { serves[$2] = $3 }' \
            >"$work/handovers.tsv"
}

# The next one that is at least a second away, and more than that from any other.
next_handover() {
    awk -F '\t' -v from="$(($1 + speed * 1000))" -v gap="$((speed * 1100))" '
        { t[NR] = $1; line[NR] = $0 }
        END {
            for (i = 1; i <= NR; i++)
                if (t[i] >= from && t[i] - t[i - 1] > gap && (i == NR || t[i + 1] - t[i] > gap)) {
                    print line[i]
                    exit
                }
        }' "$work/handovers.tsv"
}

passed() { (($(orrery play status --json | jq .time_ns) / 1000000 > $1 + speed * 1300)); }

handover() {
    local at_ms at_us station from to sent answered before after
    read_clock
    IFS=$'\t' read -r at_ms station from to < <(next_handover $((anchor_ns / 1000000)))
    [[ $at_ms ]] || {
        say "   the file has none"
        return 1
    }
    wait_for 40 passed "$at_ms" || {
        say "   it did not come within 40 s"
        return 1
    }
    at_us=$(awk -v t="$at_ms" -v w0="$anchor_us" -v t0="$anchor_ns" -v s="$speed" \
        'BEGIN { printf "%.0f", w0 + (t - t0 / 1e6) * 1e3 / s }')
    say "   $(sky_time "$at_ms")  $station goes from $from to $to"
    read -r sent answered before after < <(over_handover "$at_us")
    say "   ping every $ping_gap_s s, from a second before to a second after: $sent sent, $answered answered"
    say "   round trip before $before ms, after $after ms; $((sent - answered)) lost"
    handover_json=$(jq -cn --arg station "$station" --arg from "$from" --arg to "$to" \
        --argjson sent "$sent" --argjson answered "$answered" \
        '{station: $station, from: $from, to: $to, sent: $sent, answered: $answered}')
    ((answered > 0))
}

# --- the whole -----------------------------------------------------------------------------------

cleanup() {
    trap - EXIT
    detach
    [[ $playing ]] && orrery play stop --clean >/dev/null
    remove_spaces
    [[ $work ]] && rm -rf "$work"
    return 0
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

how_late() {
    orrery play status --json | jq -r '
        "   \(.applied) epochs, \(.late) of them more than 1 ms late, the last after \(.late_us | round) us; " +
        "next hops with their epoch \(.routes_with_epoch) times, later \(.routes_late) times"'
}

main() {
    local n within median largest ok=true
    check
    work=$(mktemp -d "/tmp/orrery-demo-$$.XXXXXX")
    read_scenario
    say "Two pods on the ground, and Starlink's first shell, $speed times as fast as the sky"
    compile
    list_handovers
    play

    head_line "3. A pod at each station"
    attach "${names[0]}"
    attach "${names[1]}"
    wait_for 15 reached || die "${names[1]} does not answer"
    start_pinger

    head_line "4. ping -6 from ${names[0]} to ${names[1]}, beside the round trip computed from the orbits"
    round_trips
    read -r n within median largest < <(agreement)
    say "   $within of $n within $tolerance_ms ms; typical difference $median ms, largest $largest ms"
    if ((n < samples / 2 || within < n)); then
        say "   they do not agree"
        ok=false
    fi

    head_line "5. traceroute -6"
    trace_hops
    $traced_ok || ok=false

    head_line "6. A handover"
    handover || ok=false
    how_late

    ((json)) && jq -cn --argjson ok "$ok" --argjson n "$n" --argjson within "$within" \
        --argjson median "$median" --argjson largest "$largest" --argjson traced "$traced_ok" \
        --argjson handover "$handover_json" --argjson play "$(orrery play status --json)" '
        {ok: $ok, agreement: {compared: $n, within: $within, median_ms: $median, largest_ms: $largest},
         traceroute: {ok: $traced}, handover: $handover, play: $play}' >&3
    head_line "7. Clean-up"
    cleanup
    say "   pods detached, nodes deleted, namespaces removed"
    $ok
}

main
