#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Frame rate between two pods: through Orrery over a link each way, and through the kernel's bridge with
# the same offloads off, interleaved in one run. Prints Mpps delivered in each window, then the medians.
#	sudo tests/perf/pods_vs_bridge.sh [--rounds 5] [--size 64] [--idle-ports N] [--link JSON]
# --idle-ports attaches N further pod interfaces first (10000: about a minute).
# --link: parameters of both links, default {"delay_ns":1000000,"rate_bps":10000000000}.
# $PROBE, if set, is a program that prints the nanoseconds a cache line takes from one core to the
# other; it runs before and after each window and stands beside the figure.
# Senders: skb (AF_PACKET, sendmmsg) and xdp (frames made in the kernel), on CPU 0 and CPU 1 in turn
# for the bridge, whose whole path runs on the sender's CPU; on CPU 0 for Orrery, whose worker has CPU 1.
set -euo pipefail
rounds=5 size=64 idle=0 link='{"delay_ns":1000000,"rate_bps":10000000000}'
while (($#)); do
    case $1 in
    --rounds) rounds=$2 ;;
    --size) size=$2 ;;
    --idle-ports) idle=$2 ;;
    --link) link=$2 ;;
    *)
        sed -n '3,13s/^# \{0,1\}//p' "$0"
        exit 2
        ;;
    esac
    shift 2
done
# shellcheck source=tests/net/lib.sh
. "$(dirname "$(readlink -f "$0")")/../net/lib.sh"
podgen=$ORRERY_BUILD/tests/perf/podgen
foreign=02:aa:aa:aa:aa:aa # nobody's: the bridge has it in its table, a pod would drop it

offloads_off() { # POD IFNAME
    in_pod "$1" ethtool -K "$2" gro on tx off tso off gso off >/dev/null
}

build_bridge() {
    pod ka kr kb
    ip -n "$(netns ka)" link add a0 type veth peer name r0 netns "$(netns kr)"
    ip -n "$(netns kb)" link add b0 type veth peer name r1 netns "$(netns kr)"
    ip -n "$(netns kr)" link add br0 type bridge
    ip -n "$(netns kr)" link set r0 master br0
    ip -n "$(netns kr)" link set r1 master br0
    in_pod kr sysctl -qw net.bridge.bridge-nf-call-ip6tables=0 2>/dev/null || true
    local end
    for end in "ka a0" "kr r0" "kr r1" "kb b0" "kr br0"; do
        ip -n "$(netns "${end% *}")" link set "${end#* }" up
    done
    for end in "ka a0" "kr r0" "kr r1" "kb b0"; do
        offloads_off ${end% *} ${end#* }
    done
    in_pod kr bridge fdb add $foreign dev r1 master static
}

attach_idle() {
    pod idle
    /usr/bin/python3 - "$idle" "$(netns_path idle)" "$net_dir" <<'PY'
import os, sys, time
sys.path.insert(0, sys.argv[3])
from rpc import call
n, fd, path = int(sys.argv[1]), os.open(sys.argv[2], os.O_RDONLY), os.environ["ORRERY_SOCKET"]
start = time.time()
for i in range(n):
    r = call(path, "port.add", {"interface": f"idle{i // 5}/e{i % 5}", "backend": "af_xdp",
        "node_kind": "pod", "ifname": f"i{i}"}, (fd,), 60)
    if "error" in r:
        sys.exit(str(r["error"]))
    if i % 500 == 499:
        print(f"    {i + 1} idle interfaces, {time.time() - start:.1f} s", flush=True)
PY
}

probe() { if [[ ${PROBE-} ]]; then "$PROBE"; else echo -; fi; }

declare -A results
window() { # LABEL FROM_POD FROM_IF TO_POD TO_IF MAC SENDER CPU
    local rate before after
    before=$(probe)
    in_pod "$4" "$podgen" sink "$5" 3 >"$work/sink" &
    local sink=$!
    in_pod "$2" taskset -c "$8" "$podgen" "$7" "$3" "$6" 3 "$size" >"$work/sent"
    wait $sink
    after=$(probe)
    rate=$(sed -n 2p "$work/sink" | cut -d' ' -f1) # the second second: both ends at work
    results[$1]+="$rate "
    printf '    %-28s %s Mpps   %s   core to core %s %s ns\n' "$1" "$rate" "$(cat "$work/sent")" \
        "$before" "$after"
}

start_switch 'workers = [1];' 'poll = "adaptive";' ${EXTRA_CONFIG:+"$EXTRA_CONFIG"}
build_bridge
pod a b
port a/eth0 fd01::2/64
port b/eth0 fd02::2/64
wire a/eth0 b/eth0 "$link"
mac=$(ip -n "$(netns b)" -j link show eth0 | jq -r ".[0].address") # /sys shows the caller's namespace
((idle == 0)) || attach_idle
for ((round = 0; round < rounds; round++)); do
    for sender in skb xdp; do
        for cpu in 0 1; do
            window "bridge, $sender" ka a0 kb b0 $foreign $sender $cpu
        done
        window "orrery, $sender" a eth0 b eth0 "$mac" $sender 0
    done
done
echo "delivered, $size B frames, $idle idle interfaces, link $link: min / median / max Mpps"
for label in "${!results[@]}"; do
    tr ' ' '\n' <<<"${results[$label]}" | sed '/^$/d' | sort -n |
        awk -v l="$label" '{ v[NR] = $1 } END {
            m = NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2
            printf "%-28s %.3f / %.3f / %.3f\n", l, v[1], m, v[NR] }'
done | sort
