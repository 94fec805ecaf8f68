#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The switch is killed under traffic: its vhost-user ports come back from the saved state, connect
# again, and frames go on. Nothing asks for it, and no pod is touched.
#
#   [p0] eth0 ======== eth0 [p1]      and 196 quiet ones, in one orrery-podsim; the switch connects
#   [s0] eth0 ======== eth0 [s1]      in another; the switch listens, two queue pairs
. "$(dirname "$0")/lib.sh"
need jq
export PATH=$ORRERY_BUILD/podsim:$PATH

n=198

add_ports() {
    python3 - "$n" "$work" <<'PY'
import json, os, socket, sys
n, work = int(sys.argv[1]), sys.argv[2]
sock = socket.socket(socket.AF_UNIX)
sock.connect(os.environ["ORRERY_SOCKET"])
stream = sock.makefile("rw")

def call(method, **params):
    stream.write(json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}) + "\n")
    stream.flush()
    answer = json.loads(stream.readline())
    if "error" in answer:
        sys.exit(f"{method} {params}: {answer}")

def add(name, path, **more):
    call("port.add", interface=f"{name}/eth0", backend="vhost_user", node_kind="pod", socket=path,
         owner=f"pod-{name}", mtu=1400, **more)

for i in range(n):
    add(f"p{i}", f"{work}/p{i}")
for i in range(2):
    add(f"s{i}", f"{work}/s{i}", socket_server=True, queue_pairs=2)
for a in "p", "s":
    call("link.set", **{"from": f"{a}0/eth0", "to": f"{a}1/eth0", "reverse": True, "delay_ns": 20000})
PY
}

# pods NAME OPTION...: an orrery-podsim whose commands come from descriptor ${fd[NAME]}
declare -A fd pid
pods() {
    local name=$1
    shift
    mkfifo "$work/$name.in"
    orrery-podsim --path "$work/$name%d" --size 74 --rate 5k --ring-size 1024 --buffer 256 --connect-timeout 60s "$@" \
        <"$work/$name.in" >"$work/$name.out" 2>"$work/$name.log" &
    pid[$name]=$!
    helpers+=("$!")
    exec {opened}>"$work/$name.in"
    fd[$name]=$opened
}
reported() { # NAME JQ-FILTER of the newest report
    local lines
    lines=$(wc -l <"$work/$1.out")
    echo report >&"${fd[$1]}"
    wait_until 5 eval "(( \$(wc -l <'$work/$1.out') > $lines ))" || return 1
    tail -n 1 "$work/$1.out" | jq -e "$2" >/dev/null
}
saved() { [[ $(jq '.ports | length' "/run/orrery/$instance/state.json") == $((n + 2)) && -e /run/orrery/$instance/links.records ]]; }
n_up() { field .total port.list '{"state":"up"}'; }
show() { rpc port.show "{\"interface\":\"$1/eth0\"}" | jq -c '.port | {mtu, mac, owner, addresses}'; }
again() { jq -cS ".ports[] | select(.interface == \"$1/eth0\").again" "/run/orrery/$instance/state.json"; }
flow() { # NAME PORTS
    ok "$1: all ports are up and frames flow" wait_until 30 reported "$1" ".ports_up == $2 and .rx.frames > 500"
    ok "$1: and none is lost" wait_until 20 reported "$1" ".rx.frames > 500 and .rx.lost == 0 and .rx.corrupt == 0 and .rx.foreign == 0"
}

start_switch 'drivers = ["vhost_user"];' "vhost_user = { socket_dir = \"$work/v\"; };" \
    'limits: { max_ports = 512; max_interfaces = 1024; };'
pods p --ports "$n" --active 2
ok "$((n + 2)) ports are added" add_ports
pods s --client
flow p "$n"
flow s 2
ok "the state is saved" wait_until 10 saved
before=$(show p7; show s1)

for round in 1 2; do
    stop_switch KILL || true
    touch "$work/killed"
    ok "$round: the pods see that the switch is gone" wait_until 10 reported p '.ports_up == 0'
    from=$(date +%s%3N)
    launch_switch
    ok "$round: all ports are there again" wait_until 20 eval "[[ \$(n_up) == $((n + 2)) ]]"
    note "$(($(date +%s%3N) - from)) ms after its start"
    flow p "$n"
    flow s 2
    ok "$round: their settings are as before" equal "$(show p7; show s1)" "$before"
    ok "$round: a repeated port.add changes nothing" equal \
        "$(field .created port.add "{\"interface\":\"p7/eth0\",\"backend\":\"vhost_user\",\"socket\":\"$work/p7\",\"owner\":\"pod-p7\"}")" false
    ok "$round: the state is saved again" wait_until 10 eval "saved && [[ /run/orrery/$instance/state.json -nt $work/killed ]]"
    ok "$round: with what the driver was told" equal "$(again s1)" "{\"queue_pairs\":2,\"socket\":\"$work/s1\",\"socket_server\":true}"
done
for name in p s; do
    echo stop >&"${fd[$name]}"
    ok "$name ends" wait_until 10 gone "${pid[$name]}"
done
