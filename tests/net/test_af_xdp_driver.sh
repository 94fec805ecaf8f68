#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The af_xdp driver without a switch: what a pod finds at its end, frames of any kind and length, TCP and
# UDP with right checksums, counters, carrier, adoption after a kill, ports coming and going.
#
#   [a] eth0 ---- af_xdp_loop ---- eth0 [b]      what comes in at port 0 leaves at port 1
#
. "$(dirname "$0")/lib.sh"
need iperf3 python3 ethtool

loop_pid=
mtu_max=3490

start_loop() {
    rm -f "$work/in"
    mkfifo "$work/in"
    : >"$work/out"
    "$ORRERY_BUILD/tests/net/af_xdp_loop" "$instance" "$@" <"$work/in" >"$work/out" 2>"$work/switch.log" &
    loop_pid=$!
    exec 7>"$work/in"
    ok "the driver opens" wait_until 20 grep -q ready "$work/out"
}
answered() { (($(wc -l <"$work/out") > $1)); }
# say COMMAND: prints the answer
say() {
    local lines
    lines=$(wc -l <"$work/out")
    echo "$*" >&7
    wait_until 60 answered "$lines" || fail "no answer to: $*"
    tail -n 1 "$work/out"
}
loop_stats() { say "stats $1" | tr ' ' '\n' | sed -n "s/^$2=//p"; }
driver_stats() { say driver | tr ' ' '\n' | sed -n "s/^$1=//p"; }
add() { equal "$(say "add $1 $(netns_path "$2") eth0 ${4:-1500} ${3-}")" ok; }
end_loop() {
    exec 7>&-
    [[ $loop_pid ]] || return 0
    wait_until 10 gone "$loop_pid" || kill -KILL "$loop_pid"
    wait "$loop_pid" 2>/dev/null || true
    for name in $(ip netns list | awk '{ print $1 }' | grep -E "^orrery-$instance(\.|$)"); do
        ip netns del "$name" # left by a failed test
    done
}
at_end end_loop

pod a b
start_loop

# --- what the pod finds ---
ok "port 0 goes to pod a" add 0 a fd00::1/64
ok "port 1 goes to pod b" add 1 b fd00::2/64
ok "no address is tentative" not in_pod a sh -c 'ip -6 addr show dev eth0 tentative | grep -q .'
ok "the address is there" contains "$(in_pod a ip -6 addr show dev eth0)" "inet6 fd00::1/64 scope global nodad"
ok "and the route" contains "$(in_pod a ip -6 route)" "default via fe80::1 dev eth0"
offloads_on() { in_pod a ethtool -k eth0 | grep -E '^(tx-checksum|tcp-seg|tx-vlan|tx-udp-seg|	tx-checksum).*: on'; }
ok "no offload is on that nobody would finish" not offloads_on
ok "no IPv6 where the host ends are" equal "$(ip -n "orrery-$instance" -6 addr | wc -l)" 0

# --- refusals ---
refused_add() { local answer; answer=$(say "$1"); [[ $answer != ok && $answer == *"$2"* ]] || { echo "$answer" >&2; return 1; }; }
ok "a name that is taken" refused_add "add 2 $(netns_path a) eth0 1500" "already"
ok "an MTU that XDP does not carry" refused_add "add 2 $(netns_path a) eth1 9000" "mtu 9000 exceeds $mtu_max"
ok "no namespace" refused_add "add 2 /nowhere eth1 1500" "network namespace"
ok "something that is no namespace" refused_add "add 2 /dev/null eth1 1500" ""
ok "nothing is left of them" not in_pod a ip link show eth1 2>/dev/null

# --- pings, TCP, UDP ---
ok "ping" wait_until 5 ping_ok a fd00::2
ok "ping back" ping_ok b fd00::1
ok "ping of a whole MTU" ping_ok a fd00::2 -s 1452
ok "ping in fragments" ping_ok a fd00::2 -s 9000
iperf() {
    background nsenter --net="$(netns_path b)" iperf3 -s -1 -p "$1" >"$work/iperf-server" 2>&1
    wait_until 5 in_pod b sh -c "ss -Hltn sport = :$1 | grep -q ."
    in_pod a iperf3 -c fd00::2 -p "$@" -t 1 --json
}
# a number of the counter in pod b
snmp() { in_pod b awk -v n="$1" '$1 == n { print $2 }' /proc/net/snmp6; }
tcp_errors() { in_pod b nstat -asz TcpInCsumErrors TcpInErrs | awk '/Tcp/ { n += $2 } END { print n + 0 }'; }
ok "TCP" between 10000000 "$(iperf 5001 | jq .end.sum_received.bits_per_second)" 1e12
ok "TCP the other way" between 10000000 "$(iperf 5002 -R | jq .end.sum_received.bits_per_second)" 1e12
ok "every TCP checksum was right" equal "$(tcp_errors)" 0
ok "UDP" between 0 "$(iperf 5003 -u -b 50M -l 1200 | jq .end.sum.lost_percent)" 20
ok "every UDP checksum was right" equal "$(snmp Udp6InCsumErrors)" 0

# --- frames of any kind ---
cat >"$work/frames.py" <<'PYTHON'
import sys
sys.path.insert(0, sys.argv[1])
from frames import Tap

a, b = Tap(sys.argv[2], "eth0"), Tap(sys.argv[3], "eth0")
mtu = int(sys.argv[4])
mac_b = bytes.fromhex(sys.argv[5].replace(":", ""))
here = bytes.fromhex("021122334455")
other = bytes.fromhex("02aabbccddee")
def body(n):
    return bytes((i * 7 + 3) % 256 for i in range(n))
frames = {
    "IS-IS hello (LLC)": bytes.fromhex("0180c2000015") + here + bytes.fromhex("0055fefe03831b01") + body(80),
    "IS-IS of a whole MTU": bytes.fromhex("0180c2000014") + here + (1500).to_bytes(2, "big") + b"\xfe\xfe\x03" + body(1497),
    "LLDP": bytes.fromhex("0180c200000e") + here + bytes.fromhex("88cc") + body(60),
    "pause": bytes.fromhex("0180c2000001") + here + bytes.fromhex("8808") + body(46),
    "broadcast": b"\xff" * 6 + here + bytes.fromhex("88b5") + body(46),
    "multicast": bytes.fromhex("333300000001") + here + bytes.fromhex("88b5") + body(46),
    "to the pod": mac_b + here + bytes.fromhex("88b5") + body(46),
    "to another MAC": other + here + bytes.fromhex("88b5") + body(46),
    "VLAN to the pod": mac_b + here + bytes.fromhex("81006064 88b5") + body(60),
    "VLAN to another MAC": other + here + bytes.fromhex("81006064 88b5") + body(60),
    "priority tag": mac_b + here + bytes.fromhex("8100e000 88b5") + body(60),
    "802.1ad tag": mac_b + here + bytes.fromhex("88a80064 88b5") + body(60),
    "QinQ": mac_b + here + bytes.fromhex("88a80064 810000c8 88b5") + body(60),
    "three tags": mac_b + here + bytes.fromhex("88a80064 810000c8 8100ffff 88b5") + body(60),
    "LLC in a VLAN": mac_b + here + bytes.fromhex("81000007 0026 424203") + body(40),
    "raw 802.3": mac_b + here + bytes.fromhex("0026 ffff") + body(40),
    "MTU": mac_b + here + bytes.fromhex("88b5") + body(mtu),
    "MTU to another MAC": other + here + bytes.fromhex("88b5") + body(mtu),
    "MTU and a tag": mac_b + here + bytes.fromhex("81000064 88b5") + body(mtu),
    "zero addresses": bytes(12) + bytes.fromhex("88b5") + body(46),
}
for n in (0, 1, 2, 3, 4, 8, 46):
    frames[f"{14 + n} bytes"] = mac_b + here + bytes.fromhex("88b5") + body(n)
bad = 0
for src, dst, way in ((a, b, "->"), (b, a, "<-")):
    for name, frame in frames.items():
        src.send(frame)
        if dst.expect(frame, 2):
            print(f"ok: {way} {name}, {len(frame)} bytes")
        else:
            print(f"not ok: {way} {name}, {len(frame)} bytes: did not arrive as it was sent")
            bad = 1
sys.exit(bad)
PYTHON
mac_of() { in_pod "$1" cat /proc/net/dev_mcast >/dev/null; in_pod "$1" ip -j link show dev eth0 | jq -r '.[0].address'; }
raw_frames() { /usr/bin/python3 "$work/frames.py" "$net_dir" "$(netns_path a)" "$(netns_path b)" "$1" "$(mac_of b)"; }
raw_frames 1500

ok "port 0 goes away" equal "$(say del 0)" ok
ok "and its interface with it" wait_until 5 not in_pod a ip link show eth0
ok "port 1 too" equal "$(say del 1)" ok
ok "again with the longest MTU" add 0 a fd00::1/64 $mtu_max
ok "the other" add 1 b fd00::2/64 $mtu_max
ok "ping of the longest MTU" wait_until 5 ping_ok a fd00::2 -s $((mtu_max - 48))
raw_frames $mtu_max

# --- carrier, counters ---
carrier() { equal "$(in_pod a cat /proc/net/if_inet6 >/dev/null; in_pod a ip -j link show dev eth0 | jq -r '.[0].flags | index("LOWER_UP") != null')" "$1"; }
ok "carrier down" equal "$(say carrier 0 down)" ok
ok "the pod sees it" wait_until 5 carrier false
in_pod b ping -6 -n -q -c 2 -i 0.2 -W 1 fd00::1 >/dev/null || true
ok "what was sent there is counted" between 1 "$(loop_stats 0 tx_peer_dropped)" 1000000
ok "carrier up" equal "$(say carrier 0 up)" ok
ok "the pod sees that" wait_until 5 carrier true
ok "ping" wait_until 5 ping_ok a fd00::2
ok "frames to other MACs were counted" between 1 "$(driver_stats bpf_out_other_mac)" 1000000
ok "none was stray" equal "$(driver_stats bpf_in_stray)" 0

# --- adoption ---
picture() { in_pod a ip -o addr show dev eth0 | sed -E 's/(valid_lft|preferred_lft).*//'; in_pod a ip -j link show dev eth0 | jq '.[0] | {ifindex, address, mtu}'; }
picture >"$work/before"
kill -KILL "$loop_pid"
wait "$loop_pid" 2>/dev/null || true
exec 7>&-
ok "killed: the interfaces stay" in_pod a ip link show eth0 >/dev/null
start_loop
adopted=$(say adopt)
ok "both are found, with their names" contains "$adopted" "0=node-0/isl0,owner 0,eth0,$mtu_max 1=node-1/isl0,owner 1,eth0,$mtu_max ok"
ok "ping" wait_until 5 ping_ok a fd00::2
ok "the pod's interface was not touched" diff "$work/before" <(picture)
ok "TCP" between 10000000 "$(iperf 5004 | jq .end.sum_received.bits_per_second)" 1e12

# --- a pod that goes away under its port ---
ip netns del "$(netns b)"
ok "its host end goes too" wait_until 10 not ip -n "orrery-$instance" link show p1
ok "frames to it harm nobody" not ping_ok a fd00::2
ok "its port is removed" equal "$(say del 1)" ok
ip netns add "$(netns b)"
ok "its successor takes the id" add 1 b fd00::2/64 $mtu_max
ok "ping" wait_until 5 ping_ok a fd00::2

# --- churn ---
pod c
churn=$(say "churn 500 $(netns_path c) e")
ok "500 ports in and out: $churn" contains "$churn" "added 500"
in_c() { equal "$(in_pod c ip -o link show type veth | wc -l)" "$1"; }
ok "none is left in the pod" wait_until 10 in_c 0
churn=$(say "churn 500 $(netns_path c) e")
ok "again, the same ids: $churn" contains "$churn" "added 500"
ok "the others did not suffer" ping_ok a fd00::2

# --- the end ---
ok "stop with keep" equal "$(say stop keep)" stopped
ok "status 0" wait "$loop_pid"
ok "the interface stays" in_pod a ip link show eth0 >/dev/null
start_loop
ok "adopted again" contains "$(say adopt)" "0=node-0/isl0"
ok "ping" wait_until 5 ping_ok a fd00::2
remember=$loop_pid
while read -r id; do
    bpf_ids+=("$id")
done < <(sed -n 's/^\(prog\|map\)_id:\t/\1 /p' "/proc/$remember"/fdinfo/* | sort -u)
ok "programs and maps are known" between 5 "${#bpf_ids[@]}" 100
ok "stop" equal "$(say stop)" stopped
ok "status 0" wait "$loop_pid"
loop_pid=
ok "the interface is gone" wait_until 10 not in_pod a ip link show eth0
