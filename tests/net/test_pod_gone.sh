#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A pod that goes without a word: its namespace deleted under traffic, its interface deleted by itself.
# The port says that it is gone, and the next pod of that name gets a new interface.
#
#   a/eth0 ==== b/eth0
#
. "$(dirname "$0")/lib.sh"

start_switch
pod a b
port a/eth0 fd00::1/64 '{"owner":"first"}'
port b/eth0 fd00::2/64 '{"owner":"first"}'
wire a/eth0 b/eth0
is_gone() { field .port.gone port.show '{"interface":"b/eth0"}'; }
ping_b() { in_pod a ping -c 1 -W 2 fd00::2; }

ok "the pods talk" wait_until 5 ping_b
ok "both ports are there" equal "$(is_gone)" false

background in_pod a ping -q -i 0.01 fd00::2 >/dev/null 2>&1
ip netns del "$(netns b)"
# the kernel removes a namespace's interfaces later
gone_now() { equal "$(is_gone)" true; }
ok "the port of a deleted namespace says so" wait_until 20 gone_now
ip netns add "$(netns b)"
ok "the next pod of the name is attached" port b/eth0 fd00::2/64 '{"owner":"second"}'
ok "as its own" equal "$(field .port.owner port.show '{"interface":"b/eth0"}')" second
ok "and the pods talk again" wait_until 5 ping_b

in_pod b ip link del eth0
ok "an interface that the pod deleted is gone" wait_until 5 gone_now
ok "adding it again makes it anew" port b/eth0 fd00::2/64 '{"owner":"second"}'
ok "and the pods talk again" wait_until 5 ping_b
ok "one port an interface" equal "$(field .total port.list)" 2
