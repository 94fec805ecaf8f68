# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# What the demos share: two pods at ground stations, pings between them, and their names.
# Sourced. The caller sets: work (a directory of its own), json, scenario.
# shellcheck disable=SC2034,SC2154 # what is of one file is used in the other

readonly tolerance_ms=0.5
readonly pings_min=3 # for one comparison,
readonly pings_max=12 # while none is within the tolerance
readonly ping_gap_s=0.1 # of the ping that runs over the handover
# ping's frame: 56 bytes of data, ICMPv6, IPv6, Ethernet; and preamble, gap and FCS, which take time too
readonly frame_bytes=$((56 + 8 + 40 + 14 + 24))

pinger=
names=()    # the two stations
attached=() # stations whose pod is attached
spaces=()   # namespaces to remove
target=     # the second pod's address
declare -A router_address

exec 3>&1 # where JSON goes
((json)) && exec 1>&2

say() { printf '%s\n' "$*"; }
head_line() { printf '\n%s\n' "$*"; }
[[ -t 1 ]] && head_line() { printf '\n\033[1m%s\033[0m\n' "$*"; }
die() {
    printf 'demo: %s\n' "$*" >&2
    exit 2
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

# The two stations whose pods talk: the first ones of a scenario.
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

check() {
    local program
    [[ $EUID == 0 ]] || die "needs root, for network namespaces"
    for program in orrery orrery-cni ip nsenter ping traceroute jq awk; do
        command -v "$program" >/dev/null || die "the program '$program' is missing"
    done
    orrery version >/dev/null || die "no switch answers"
    orrery scenario check "$scenario" >/dev/null || die "the scenario is wrong"
}

detach() {
    local name
    if [[ $pinger ]]; then
        kill "$pinger" 2>/dev/null
        wait "$pinger" 2>/dev/null
        pinger=
    fi
    for name in "${attached[@]}"; do
        cni DEL "$name" >/dev/null
    done
    attached=()
}

remove_spaces() {
    local name
    for name in "${spaces[@]}"; do
        ip netns del "$name" 2>/dev/null
    done
    spaces=()
}

# --- pings ---------------------------------------------------------------------------------------

reached() { in_pod "${names[0]}" ping -6 -n -q -c 1 -W 1 "$target"; }

# Not through in_pod: the process to end must be ping's own.
start_pinger() {
    nsenter --net="/run/netns/$(netns "${names[0]}")" \
        ping -6 -n -D -i "$ping_gap_s" "$target" >"$work/ping" 2>/dev/null &
    pinger=$!
}

# A ping of its own for each, since only its summary has three decimals. Prints send time in us, ms.
ping_once() {
    in_pod "${names[0]}" ping -6 -n -D -c 1 -W 2 "$target" 2>/dev/null | awk '
        /icmp_seq=1 ttl/ { received = $1; gsub(/[][]/, "", received) }
        /^rtt / { split($4, part, "/"); rtt = part[1] }
        END { if (received == "" || rtt == "") exit 1
              printf "%.0f %s\n", received * 1e6 - rtt * 1e3, rtt }'
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

# Pings and compares (the caller's compare()); prints the line with the least difference, since what
# else runs on this computer only ever adds. A line where the path changed counts only if there is no
# other.
best_of_pings() {
    local sent tries
    : >"$work/tries.tsv"
    for ((tries = 0; tries < pings_max; tries++)); do
        ((tries < pings_min)) || ! is_near || break
        sent=$(ping_once) || continue
        # shellcheck disable=SC2086 # two words
        compare $sent >>"$work/tries.tsv"
    done
    awk -F '\t' '
        { size = $4 < 0 ? -$4 : +$4 }
        $4 == "-" { other = $0 }
        $4 != "-" && (best == "" || size < least) { best = $0; least = size }
        END { if (best == "") best = other; if (best == "") exit 1; print best }' "$work/tries.tsv"
}

is_near() { awk -F '\t' -v tolerance="$tolerance_ms" '
    $4 != "-" && ($4 < 0 ? -$4 : +$4) <= tolerance { near = 1 }
    END { exit !near }' "$work/tries.tsv"; }

# Of the differences: count, within the tolerance, median and largest size.
agreement() {
    awk -F '\t' '$4 != "-" { print ($4 < 0 ? -$4 : +$4) }' "$work/samples.tsv" |
        sort -n | awk -v tolerance="$tolerance_ms" '
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

# The hops into $work/hops.tsv; the satellites of them into `traced`.
trace_route() {
    local hop address rtt
    in_pod "${names[0]}" traceroute -6 -n -q 1 -w 2 -N 32 -m 64 "$target" >"$work/trace" 2>/dev/null
    : >"$work/hops.tsv"
    while read -r hop address rtt _; do
        [[ $hop =~ ^[0-9]+$ ]] || continue
        printf '%s\t%s\t%s\t%s\n' "$hop" "$(name_of "$address")" "$address" "$rtt" >>"$work/hops.tsv"
    done <"$work/trace"
    # shellcheck disable=SC2034
    traced=$(awk -F '\t' -v a="${names[0]}" -v b="${names[1]}" \
        '$2 != a && $2 != b && $2 !~ /^pod/ { printf "%s%s", sep, $2; sep = " " }' "$work/hops.tsv")
}
