#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Up and down, unplugging, another plug, MTU: each direction on its own, each drop with its reason.
#
#   [a] eth0 ======== eth0 [b]
#               \---- eth0 [c]   later: a's plug is moved (a handover)
#
. "$(dirname "$0")/lib.sh"

pod a b c
start_switch
port a/eth0 fd00::1/64
port b/eth0 fd00::2/64
port c/eth0 fd00::2/64
wire a/eth0 b/eth0
ok "the wire works" wait_until 5 ping_ok a fd00::2

link a/eth0 '{"up":false}'
refused "down one way: no answer" ping_ok a fd00::2
ok "counted as link_down" between 1 "$(drops a/eth0 link_down)" 100
ok "the other direction is still up" equal "$(field .link.up link.show '{"from":"b/eth0"}')" true
link a/eth0 '{"up":true}'
ok "up again: answers" wait_until 5 ping_ok a fd00::2

wire a/eth0 b/eth0 '{"mtu":1000}'
ok "MTU 1000: a packet of 1000 bytes passes" ping_ok a fd00::2 -s 952
refused "one of 1001 does not" ping_ok a fd00::2 -s 953
ok "counted as link_mtu" equal "$(drops a/eth0 link_mtu)" 1
wire a/eth0 b/eth0 '{"mtu":0}'

wire a/eth0 c/eth0
mac_c=$(interface c eth0 .address)
in_pod a ip -6 neigh flush dev eth0
ok "plugged into c: answers" wait_until 5 ping_ok a fd00::2
ok "from c" contains "$(in_pod a ip -6 neigh show fd00::2)" "$mac_c"
ok "b's own link still leads to a: a direction is plugged on its own" \
    equal "$(field .link.to link.show '{"from":"b/eth0"}')" a/eth0

rpc link.del '{"from":"a/eth0","reverse":true}' >/dev/null
refused "no link: no answer" ping_ok a fd00::2
ok "a second link.del says so and is no error" equal "$(field .deleted link.del '{"from":"a/eth0"}')" 0
rpc port.del '{"interface":"c/eth0"}' >/dev/null
ok "port.del takes the pod's interface away" not in_pod c ip link show eth0
ok "a second port.del is no error" equal "$(field .deleted port.del '{"interface":"c/eth0"}')" 0

ip netns del "$(netns b)"
wire a/eth0 b/eth0
refused "a pod that vanished does not answer" ping_ok a fd00::2
ok "its port can be deleted" rpc port.del '{"interface":"b/eth0"}' >/dev/null
