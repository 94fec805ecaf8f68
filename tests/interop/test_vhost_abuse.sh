#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# vhost-user ports that break every rule they can, beside two that keep them and lose nothing.
#
#   [a] eth0 ======== eth0 [b]     podsim 0 and 1: each frame must arrive
#   [h2] eth0 ===== eth0 [h3] ...  podsim --misbehave; the switch connects to half of them, and
#                                  listens for the others
#
# Twice, so that what the first run took for good (the heap's high-water mark) is known, and the
# second must not add to it. ABUSE_PORTS (50), ABUSE_TIME (10s) of each run and ABUSE_SEED:
# ../perf/vhost_soak.sh runs it for longer.
. "$(dirname "$0")/lib.sh"
need jq
export PATH=$ORRERY_BUILD/podsim:$PATH

n_hostile=${ABUSE_PORTS:-50}
duration=${ABUSE_TIME:-10s}
seed=${ABUSE_SEED:-$RANDOM}
half=$((n_hostile / 2))

# Requests on standard input, one "METHOD PARAMS" a line, over one connection; errors end the test.
rpc_all() {
    python3 -c '
import json, os, socket, sys
sock = socket.socket(socket.AF_UNIX)
sock.connect(os.environ["ORRERY_SOCKET"])
stream = sock.makefile("rw")
for line in sys.stdin:
    method, params = line.rstrip("\n").split(" ", 1)
    stream.write(json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": json.loads(params)}) + "\n")
    stream.flush()
    answer = json.loads(stream.readline())
    if "error" in answer:
        sys.exit(f"{method} {params}: {answer}")
'
}

# port_line NAME SOCKET SERVER
port_line() {
    printf 'port.add {"interface":"%s/eth0","backend":"vhost_user","node_kind":"pod","socket":"%s","socket_server":%s}\n' "$@"
}
wire_line() { printf 'link.set {"from":"%s/eth0","to":"%s/eth0","reverse":true,"delay_ns":50000}\n' "$1" "$2"; }

requests() {
    local i
    port_line a "$work/p0" false
    port_line b "$work/p1" false
    wire_line a b
    for ((i = 0; i < half; i++)); do
        port_line "h$i" "$work/p$((i + 2))" false
        port_line "s$i" "$work/s$i" true
    done
    for ((i = 0; i + 1 < half; i += 2)); do
        wire_line "h$i" "h$((i + 1))"
        wire_line "s$i" "s$((i + 1))"
    done
}

driver() { field ".drivers.vhost_user.$1" stats.get '{}'; }
frames() { field .pool.in_use stats.get '{}'; }
open_files() { find "/proc/$switch_pid/fd" -mindepth 1 | wc -l; }
rss_kib() { awk '/^VmRSS/ { print $2 }' "/proc/$switch_pid/status"; }
# What control allocates. Not all that is resident: traffic alone walks through tables of a fixed size.
heap_kib() { awk '/^[0-9a-f]+-[0-9a-f]+ / { heap = $6 == "[heap]" } heap && /^Rss:/ { print $2 }' "/proc/$switch_pid/smaps"; }
figures() { echo "$(open_files) open files, $(rss_kib) KiB resident, $(heap_kib) KiB of heap, $(driver mappings) mappings, $(frames) frames in use"; }
at_most() { (($1 <= $2)); }

start_switch 'drivers = ["vhost_user"];' "vhost_user = { socket_dir = \"$work/v\"; };" \
    "limits: { max_ports = $((n_hostile + 64)); max_interfaces = $((2 * n_hostile + 128)); };"
ok "$((n_hostile + 2)) ports are added" rpc_all < <(requests)
files_before=$(open_files)
frames_before=$(frames)
note "seed $seed, before: $(figures)"

orrery-podsim --client --path "$work/s%d" --ports "$half" --misbehave "0-$((half - 1))" \
    --misbehave-seed "$seed" --control "$work/commands" --json </dev/null \
    >"$work/clients" 2>"$work/clients.log" &
clients_pid=$!
helpers+=("$clients_pid")
# run N: at a rate and with rings at which either side may lose its CPU for 200 ms
run() {
    orrery-podsim --path "$work/p%d" --ports $((half + 2)) --active 0,1 --misbehave "2-$((half + 1))" \
        --misbehave-seed "$((seed + $1))" --ring-size 4096 --rate 20k --size 74-594 --check-payload --flows 100 \
        --warmup 500ms --duration "$duration" --drain 5s --connect-timeout 60s --expect-no-loss \
        --json </dev/null >"$work/report.$1" 2>"$work/podsim.log" || {
        cat "$work/podsim.log"
        return 1
    }
}
ok "two others lose nothing" run 1
note "then: $(figures)"
heap_first=$(heap_kib)
ok "and again" run 2
note "then: $(figures)"
heap_second=$(heap_kib)
kill "$clients_pid"
wait_until 30 gone "$clients_pid"
jq -c '.tx, .rx, .latency, .misbehave' "$work"/report.?
jq -c '.misbehave' "$work/clients"

ok "they had traffic" jq -es 'all(.rx.frames > 1000 and .rx.frames == .tx.frames and .tx.reset == 0)' "$work"/report.?
ok "the switch lives" switch_up
ok "ports did misbehave" jq -es 'map(.misbehave) | all(.sessions > 10 and .bad_messages > 0 and
    .bad_descriptors > 0 and .truncations > 0 and .cut_off > 0)' "$work"/report.? "$work/clients"
ok "and were broken for it" at_most 10 "$(driver broken)"
note "$(driver connects) connections, $(driver messages) messages, $(driver quiesces) quiesces, $(driver broken) times broken:"
sed -n "s/.*port '[hs][0-9]*\/eth0': broken, //p" "$work/switch.log" |
    sed 's/0x[0-9a-f]*/N/g; s/[0-9]\+/N/g' | sort | uniq -c | sort -rn

# All are gone: so must be what belonged to them.
ok "no mapping is left" wait_until 20 eval '[[ $(driver mappings) == 0 ]]'
ok "no descriptor is left" wait_until 20 eval "[[ \$(open_files) == $files_before ]]"
ok "no frame is left" wait_until 20 eval "[[ \$(frames) == $frames_before ]]"
note "after: $(figures)"
ok "the heap did not grow from the first run to the second" at_most "$heap_second" $((heap_first + 512 + n_hostile))

# Who misbehaved may come back and keep the rules.
ok "ports that misbehaved carry frames again" orrery-podsim --path "$work/p%d" --ports 4 --active 2,3 \
    --ring-size 1024 --rate 5k --size 74 --duration 1s --drain 5s --connect-timeout 60s --expect-no-loss --json </dev/null
