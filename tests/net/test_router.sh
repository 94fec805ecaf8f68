#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Three routers without pods between two pods: forwarding by least delay, traceroute6 hop by hop, and
# every ICMPv6 answer that a router owes.
#
#   [a] fd00:a::2 -- r1 fd00:ff::1 --5 ms-- r2 fd00:ff::2 --5 ms-- r3 fd00:ff::3 -- fd00:b::2 [b]
#                    |                                             |
#                    +------------------ 20 ms --------------------+
#
. "$(dirname "$0")/lib.sh"
need traceroute6 ndisc6

pod a b
start_switch
for i in 1 2 3; do
    rpc node.add "{\"name\":\"r$i\",\"kind\":\"router\",\"address\":\"fd00:ff::$i\",
        \"interfaces\":[\"isl0\",\"isl1\"]}" >/dev/null
done
# plug POD ROUTER ADDRESS
plug() {
    port "$2/pod0" "$3/128" "{\"pod\":\"$1\",\"ifname\":\"eth0\",\"node_kind\":\"router\",
        \"routes\":[{\"dst\":\"::/0\",\"via\":\"fe80::1\"}]}"
}
plug a r1 fd00:a::2
plug b r3 fd00:b::2
wire r1/isl0 r2/isl0 '{"delay_ns":5000000}'
wire r2/isl1 r3/isl0 '{"delay_ns":5000000}'
wire r1/isl1 r3/isl1 '{"delay_ns":20000000}'

ok "a reaches b" wait_until 5 ping_ok a fd00:b::2
rtt=$(rtt_ms a fd00:b::2)
ok "by the least delay: round trip $rtt ms" between 20 "$rtt" 21.5
ok "b reaches a" ping_ok b fd00:a::2
for i in 1 2 3; do
    ok "router r$i answers echo requests" ping_ok a "fd00:ff::$i"
done
ok "a TTL set by b arrives three less" contains "$(in_pod a ping -6 -n -c 1 -W 1 fd00:b::2)" "ttl=61"

hops=$(in_pod a traceroute6 -n -q 1 -w 2 -m 8 fd00:b::2 | awk 'NR > 1 { print $2 }' | xargs)
ok "traceroute6 shows every router and b" equal "$hops" "fd00:ff::1 fd00:ff::2 fd00:ff::3 fd00:b::2"
hops=$(field '[.hops[].node] | join(" ")' route.path '{"from":"r1","dst":"fd00:b::2"}')
ok "route.path says the same" contains "$hops" "r1 r2 r3"

answer=$(in_pod a ping -6 -n -c 1 -W 1 -t 2 fd00:b::2 || true)
ok "time exceeded, from the router where it ended" contains "$answer" "From fd00:ff::2 icmp_seq=1 Time exceeded: Hop limit"
answer=$(in_pod a ping -6 -n -c 1 -W 1 fd00:dead::1 || true)
ok "no route" contains "$answer" "From fd00:ff::1 icmp_seq=1 Destination unreachable: No route"
ok "counted" between 1 "$(field .drops.no_route stats.get)" 5

rpc route.add '{"prefix":"fd00:c::/64","node":"r2"}' >/dev/null
ok "a route to a node is found" equal "$(field .node route.get '{"dst":"fd00:c::17"}')" r2
ok "the longest prefix wins" equal "$(field .prefix route.get '{"dst":"fd00:b::2"}')" fd00:b::2/128
rpc route.del '{"prefix":"fd00:c::/64"}' >/dev/null
refused "a deleted one is not" rpc route.get '{"dst":"fd00:c::17"}'

# neighbours
gateway=$(in_pod a ndisc6 -1 -q -r 2 fe80::1 eth0)
ok "fe80::1 answers neighbour solicitations: $gateway" contains "${gateway^^}" "02:00:5E:00:00:01"
solicited() { in_pod "$1" awk '/Icmp6InNeighborSolicits/ { print $2 }' /proc/net/snmp6; }
ok "routers ask the pods for nothing: neighbours are static" equal "$(solicited b)" 0

# packet too big and path MTU discovery
wire r2/isl1 r3/isl0 '{"mtu":1300}'
in_pod a ip -6 route flush cache
answer=$(in_pod a ping -6 -n -M 'do' -c 1 -W 1 -s 1400 fd00:b::2 2>&1 || true)
ok "packet too big, with the MTU" contains "$answer" "From fd00:ff::2 icmp_seq=1 Packet too big: mtu=1300"
learned() { in_pod a ip -6 route get fd00:b::2 | grep -q 'mtu 1300'; }
ok "the pod learned the path MTU" wait_until 2 learned
# b's first answer teaches b
ok "and now fragments, as b does" wait_until 3 ping_ok a fd00:b::2 -s 1400
wire r2/isl1 r3/isl0 '{"mtu":0}'

# another path
link r1/isl0 '{"up":false}'
back() { between 50 "$(rtt_ms "$1" "$2" 3)" 52 || between 30 "$(rtt_ms "$1" "$2" 3)" 31.5; }
ok "a link down: the next path takes over" wait_until 5 back a fd00:b::2
link r1/isl0 '{"up":true}'
wire r1/isl1 r3/isl1 '{"delay_ns":1000000}'
fast() { between 2 "$(rtt_ms a fd00:b::2 3)" 3.5; }
ok "a shorter path appears: it is taken" wait_until 5 fast
wire r1/isl1 r3/isl1 '{"up":false}'
wire r1/isl0 r2/isl0 '{"up":false}'
isolated() { grep -q 'Destination unreachable' < <(in_pod a ping -6 -n -c 1 -W 1 fd00:b::2); }
ok "no path at all: destination unreachable" wait_until 5 isolated

# the rate limit of RFC 4443 section 2.4 (f)
wire r1/isl0 r2/isl0 '{"up":true}'
ok "the path is back" wait_until 5 ping_ok a fd00:b::2
expired() { in_pod a awk '/Icmp6InTimeExcds/ { print $2 }' /proc/net/snmp6; }
before=$(expired)
in_pod a /usr/bin/python3 - <<'PYTHON'
import socket
sock = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, 1)
for _ in range(3000):
    try:
        sock.sendto(b"x", ("fd00:b::2", 9))
    except OSError:  # an error about an earlier one
        pass
PYTHON
suppressed() { (($(field .drops.local_rate stats.get) > 1000)); }
ok "3000 expired packets at once: most get no answer, and are counted" wait_until 5 suppressed
ok "some do ($(($(expired) - before)))" between 1 $(($(expired) - before)) 1000
