#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Two FRR routers speak IS-IS over a wire: hellos are LLC frames to a multicast address, not IP.
#
#   lo fd00:a::1 [a] eth0 ---- 10 ms ---- eth0 [b] lo fd00:b::1
#
. "$(dirname "$0")/lib.sh"
need vtysh traceroute6

config() { # NAME NUMBER
    cat <<END
hostname $1
interface eth0
 ipv6 router isis A
 isis network point-to-point
 isis hello-interval 1
 isis hello-multiplier 3
interface lo
 ipv6 router isis A
router isis A
 net 49.0001.0000.0000.000$2.00
 is-type level-2-only
 lsp-gen-interval 1
 spf-interval 1
 topology ipv6-unicast
END
}

router_pod a b
start_switch
port a/eth0 fd00::1/64
port b/eth0 fd00::2/64
wire a/eth0 b/eth0 '{"delay_ns":10000000}'
frr a isisd < <(config a 1)
frr b isisd < <(config b 2)

adjacent() { ask "$1" "show isis neighbor" | grep -qw Up; }
ok "a and b are neighbours" wait_until 30 adjacent a
ok "and the other way" wait_until 30 adjacent b
route() { in_pod "$1" ip -6 route show "$2" | grep -q 'proto isis'; }
ok "a learned b's loopback" wait_until 40 route a fd00:b::1
ok "b learned a's" wait_until 40 route b fd00:a::1
ok "loopback to loopback" wait_until 5 ping_ok a fd00:b::1 -I fd00:a::1
rtt=$(rtt_ms a fd00:b::1)
ok "over the wire with its delay: $rtt ms" between 20 "$rtt" 21.5

wire a/eth0 b/eth0 '{"up":false}'
ok "the wire goes down: the neighbour is lost" wait_until 20 not adjacent a
ok "and its route" wait_until 20 not route a fd00:b::1
wire a/eth0 b/eth0 '{"up":true}'
ok "up again: adjacent" wait_until 30 adjacent a
ok "and the route is back" wait_until 40 route a fd00:b::1
