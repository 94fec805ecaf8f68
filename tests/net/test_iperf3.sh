#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# TCP and UDP of an ordinary program, through a wire and through routers, with and without delay.
#
#   [a] eth0 ======== eth0 [b]
#       eth1 -- r1 -- r2 -- eth1
#
. "$(dirname "$0")/lib.sh"
need iperf3

pod a b
start_switch
port a/eth0 fd00::1/64
port b/eth0 fd00::2/64
wire a/eth0 b/eth0
for i in 1 2; do
    rpc node.add "{\"name\":\"r$i\",\"kind\":\"router\",\"address\":\"fd00:ff::$i\",
        \"interfaces\":[\"isl0\",\"isl1\"]}" >/dev/null
done
route='"ifname":"eth1","node_kind":"router","routes":[{"dst":"fd01::/16","via":"fe80::1"}]'
port r1/pod0 fd01:a::1/128 "{\"pod\":\"a\",$route}"
port r2/pod0 fd01:b::1/128 "{\"pod\":\"b\",$route}"
wire r1/isl0 r2/isl0 '{"delay_ns":1000000}'
ok "the wire works" wait_until 5 ping_ok a fd00::2
ok "the routers work" wait_until 5 ping_ok a fd01:b::1

listening() { in_pod b ss -Hltn 'sport = :5201' | grep -q 5201; }
# throughput ADDRESS OPTION...: Mbit/s at the receiver
throughput() {
    local address=$1
    shift
    background in_pod b iperf3 -s -1 >/dev/null
    wait_until 5 listening
    in_pod a iperf3 -c "$address" -J "$@" >"$work/iperf.json"
    jq '.end | (.sum_received // .sum) | .bits_per_second / 1e6 | floor' "$work/iperf.json"
}

for path in fd00::2=wire fd01:b::1=routers; do
    address=${path%=*} name=${path#*=}
    got=$(throughput "$address" -t 2)
    ok "$name: TCP, $got Mbit/s" between 50 "$got" 1000000
    got=$(throughput "$address" -t 2 -R)
    ok "$name: TCP backwards, $got Mbit/s" between 50 "$got" 1000000
    got=$(throughput "$address" -t 2 -P 8)
    ok "$name: 8 TCP connections, $got Mbit/s" between 50 "$got" 1000000
    throughput "$address" -t 2 -u -b 10M -l 1200 >/dev/null
    lost=$(jq .end.sum.lost_percent "$work/iperf.json")
    ok "$name: UDP, 10 Mbit/s, $lost % lost" between 0 "$lost" 0.5
done
checksum_errors() { in_pod "$1" awk '/^Tcp:/ { v = $16 } END { print v }' /proc/net/snmp; }
ok "no segment had a bad checksum" equal "$(checksum_errors a) $(checksum_errors b)" "0 0"
