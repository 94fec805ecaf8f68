#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# OSPFv3: two FRR routers and a BIRD in a row, over wires.
#
#   lo fd00:a::1 [a] eth0 -- 5 ms -- eth0 [b] eth1 -- 5 ms -- eth0 [c] lo fd00:c::1
#                FRR                      FRR                      BIRD
#
. "$(dirname "$0")/lib.sh"
need vtysh bird birdc traceroute6

ospf_interface() {
    cat <<END
interface $1
 ipv6 ospf6 area 0
 ipv6 ospf6 network point-to-point
 ipv6 ospf6 hello-interval 1
 ipv6 ospf6 dead-interval 4
END
}
config() { # NAME ROUTER-ID INTERFACE...
    echo "hostname $1"
    local name=$2
    shift 2
    local interface
    for interface; do ospf_interface "$interface"; done
    cat <<END
interface lo
 ipv6 ospf6 area 0
router ospf6
 ospf6 router-id $name
END
}

router_pod a b c
start_switch
port a/eth0 fd00:1::1/64
port b/eth0 fd00:1::2/64
port b/eth1 fd00:2::1/64
port c/eth0 fd00:2::2/64
wire a/eth0 b/eth0 '{"delay_ns":5000000}'
wire b/eth1 c/eth0 '{"delay_ns":5000000}'

frr a ospf6d < <(config a 10.9.0.1 eth0)
frr b ospf6d < <(config b 10.9.0.2 eth0 eth1)
cat >"$work/bird.conf" <<'END'
router id 10.9.0.3;
protocol device { scan time 1; }
protocol kernel { ipv6 { export all; import none; }; }
protocol ospf v3 o1 {
  ipv6 { export none; import all; };
  area 0 {
    stubnet fd00:c::1/128;
    interface "eth0" { type ptp; hello 1; dead 4; cost 10; };
  };
}
END
background in_pod c bird -f -c "$work/bird.conf" -s "$work/bird.ctl" -P "$work/bird.pid" >"$work/bird.log" 2>&1

full() { ask "$1" "show ipv6 ospf6 neighbor" | grep -c Full; }
has() { [[ $(full "$1") == "$2" ]]; }
ok "FRR to FRR: full adjacency" wait_until 40 has a 1
ok "FRR to FRR and FRR to BIRD" wait_until 40 has b 2
ok "BIRD says so too" grep -q Full <(birdc -s "$work/bird.ctl" show ospf neighbors)
route() { in_pod "$1" ip -6 route show "$2" | grep -q via; }
ok "a learned c's loopback" wait_until 40 route a fd00:c::1
ok "c learned a's" wait_until 40 route c fd00:a::1
ok "loopback to loopback" wait_until 5 ping_ok a fd00:c::1 -I fd00:a::1
rtt=$(rtt_ms a fd00:c::1)
ok "with the delay of both wires: $rtt ms" between 20 "$rtt" 22
hops=$(in_pod a traceroute6 -n -q 1 -w 2 -s fd00:a::1 fd00:c::1 | awk 'NR > 1 { print $2 }' | wc -l)
ok "in two hops" equal "$hops" 2

wire b/eth1 c/eth0 '{"up":false}'
ok "the wire to c goes down: its route is gone" wait_until 20 not route a fd00:c::1
wire b/eth1 c/eth0 '{"up":true}'
ok "up again: it is back" wait_until 40 route a fd00:c::1
