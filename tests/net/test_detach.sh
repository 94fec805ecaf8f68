#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Ports are removed without anybody waiting for the kernel: 500 deleted one call after another while links
# are changed on another connection; the same names attached again at once; a switch that is killed in
# the middle of it; one that is stopped. Nodes that were made with their port go with it.
. "$(dirname "$0")/lib.sh"
need jq

count=500
n_pods=10
pods_list=()
for ((i = 0; i < n_pods; i++)); do pods_list+=("p$i"); done
pod "${pods_list[@]}" alone

# --- what the kernel takes for one ---------------------------------------------------------------
# ms for each of 20 pairs
lone_ms() {
    local i
    for ((i = 0; i < 20; i++)); do
        in_pod alone ip link add "v$i" up type veth peer name "w$i"
    done
    for ((i = 0; i < 20; i++)); do echo "link del v$i"; done >"$work/batch"
    local from_us=${EPOCHREALTIME/./}
    in_pod alone ip -batch "$work/batch"
    echo $(((${EPOCHREALTIME/./} - from_us) / 20)) | awk '{ printf "%.2f", $1 / 1000 }'
}

start_switch "limits = { max_ports = $((count + 100)); };"
rpc node.add '{"name":"x","kind":"pod","interfaces":["a","b"]}' >/dev/null
rpc node.add '{"name":"y","kind":"pod","interfaces":["a","b"]}' >/dev/null

cat >"$work/churn.py" <<'PYTHON'
"""churn.py attach|detach|timed|again N PODS PREFIX: ports c0/eth0 to cN/eth0 of namespaces PREFIX0 and on."""
import array
import json
import os
import socket
import sys
import threading
import time

command, n, pods, prefix = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]


class Switch:
    def __init__(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(30)
        self.sock.connect(os.environ["ORRERY_SOCKET"])

    def call(self, method, params, fd=None):
        line = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}) + "\n"
        ancillary = [] if fd is None else [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [fd]))]
        self.sock.sendmsg([line.encode()], ancillary)
        answer = b""
        while not answer.endswith(b"\n"):
            part = self.sock.recv(1 << 20)
            if not part:
                raise ConnectionError("the switch closed the connection")
            answer += part
        answer = json.loads(answer)
        if "error" in answer:
            sys.exit(f"{method} {params}: {answer['error']}")
        return answer["result"]


def attach(switch):
    fds = [os.open(f"/run/netns/{prefix}{pod}", os.O_RDONLY) for pod in range(pods)]
    for i in range(n):
        switch.call("port.add", {"interface": f"c{i}/eth0", "backend": "af_xdp", "node_kind": "pod",
                                 "owner": f"c{i}", "ifname": f"i{i}"}, fds[i % pods])


def detach(switch):
    for i in range(n):
        if switch.call("port.del", {"owner": f"c{i}"})["deleted"] != 1:
            sys.exit(f"c{i} had no port")


def timed():
    """Prints the 99th percentile of commits and of deletions in ms, and how many commits there were."""
    commits, deletions, done = [], [], threading.Event()

    def commit():
        switch, delay = Switch(), 0
        while not done.is_set():
            delay += 1000
            links = [{"from": "x/a", "to": "y/a", "delay_ns": delay}, {"from": "x/b", "to": "y/b", "delay_ns": delay}]
            for method, params in (("link.set", links[0]), ("matrix.commit", {"records": links})):
                start = time.monotonic()
                switch.call(method, params)
                commits.append((time.monotonic() - start) * 1e3)

    thread = threading.Thread(target=commit)
    thread.start()
    switch = Switch()
    for i in range(n):
        start = time.monotonic()
        switch.call("port.del", {"owner": f"c{i}"})
        deletions.append((time.monotonic() - start) * 1e3)
        time.sleep(0.001)
    done.set()
    thread.join()
    commits.sort()
    deletions.sort()
    print(f"{commits[len(commits) * 99 // 100]:.2f} {deletions[n * 99 // 100]:.2f} {len(commits)}")


if command == "timed":
    timed()
elif command == "attach":
    attach(Switch())
elif command == "detach":
    detach(Switch())
elif command == "again":
    one = Switch()
    for _ in range(3):
        detach(one)
        attach(one)
PYTHON
churn() { /usr/bin/python3 "$work/churn.py" "$1" "${2:-$count}" "$n_pods" "$(netns p)"; }
n_ports() { field .total port.list; }
n_nodes() { field .total node.list; }
in_pods() { # interfaces in all pods, but lo
    local name
    for name in "${pods_list[@]}"; do in_pod "$name" ip -o link show type veth; done | wc -l
}
interfaces() { equal "$(in_pods)" "$1"; }

# --- nobody waits --------------------------------------------------------------------------------
before=$(lone_ms)
ok "$count ports" churn attach
ok "and their nodes" equal "$(n_nodes)" $((count + 2))
read -r commit_ms del_ms n_commits < <(churn timed)
after=$(lone_ms)
lone=$(awk -v a="$before" -v b="$after" 'BEGIN { print (a > b ? a : b) }')
note "the kernel takes $before to $after ms for one; of $n_commits commits meanwhile the 99th percentile was" \
    "$commit_ms ms, of the deletions $del_ms ms"
ok "no port is left" equal "$(n_ports)" 0
ok "nor a node of them" equal "$(n_nodes)" 2
if between 4 "$lone" 1e9; then
    half=$(awk -v l="$lone" 'BEGIN { print l / 2 }')
    ok "commits do not wait for the kernel" between 0 "$commit_ms" "$half"
    ok "nor do deletions" between 0 "$del_ms" "$lone"
fi
ok "the pods' interfaces vanish" wait_until 20 interfaces 0

# --- the same names at once ----------------------------------------------------------------------
ok "attached" churn attach
ok "deleted and attached again, three times" churn again 100
ok "all ports are there" equal "$(n_ports)" $count
ok "and their interfaces" equal "$(in_pods)" $count
ok "deleted" churn detach
ok "one of the last, again at once" rpc port.add "$(jq -cn --arg ns "$(netns_path p9)" '{interface: "c499/eth0",
    backend: "af_xdp", node_kind: "pod", netns: $ns, ifname: "i499"}')" >/dev/null
ok "only its interface stays" wait_until 20 interfaces 1

# --- a switch that is killed ---------------------------------------------------------------------
rpc port.del '{"interface":"c499/eth0"}' >/dev/null
ok "attached" churn attach
ok "half deleted" churn detach $((count / 2))
stop_switch KILL
launch_switch
ok "what was not deleted is adopted" equal "$(n_ports)" $((count / 2))
ok "and what was vanishes" wait_until 20 interfaces $((count / 2))

# --- a switch that stops -------------------------------------------------------------------------
ok "attached again" churn attach
ok "half deleted" churn detach $((count / 2))
rpc shutdown '{"keep":true}' >/dev/null
ok "shutdown with keep" wait_until 15 gone "$switch_pid"
wait "$switch_pid" || fail "exit status $?"
ok "leaves what was not deleted" interfaces $((count / 2))
launch_switch
ok "the next one adopts that" equal "$(n_ports)" $((count / 2))
ok "attached again" churn attach
ok "half deleted" churn detach $((count / 2))
stop_switch
ok "SIGTERM: status 0" equal "$switch_status" 0
ok "leaves none" wait_until 20 interfaces 0
