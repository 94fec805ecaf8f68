#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The switch is killed and started again: pods keep their interfaces as they are, the new switch adopts
# them, and once the links are set again the pings resume. Then the graceful ends: SIGTERM takes
# everything along, shutdown with keep leaves the interfaces for the next switch.
#
#   [a] eth0 ======== eth0 [b]
#
. "$(dirname "$0")/lib.sh"

pod a b
start_switch
port a/eth0 fd00::1/64 '{"owner":"test:a","mtu":1400}'
port b/eth0 fd00::2/64 '{"owner":"test:b","mtu":1400}'
wire a/eth0 b/eth0
ok "the wire works" wait_until 5 ping_ok a fd00::2

# number, addresses and MAC of a's interface
picture() { in_pod a ip -o addr show dev eth0; in_pod a ip -o link show dev eth0; }
stable() { picture | sed -E 's/(valid_lft|preferred_lft) [^ ]*//g; s/state [A-Z]+//; s/<[^>]*>//; s/mode [A-Z]+//'; }
stable >"$work/before"

kill -KILL "$switch_pid"
wait "$switch_pid" 2>/dev/null || true
ok "killed: the interface is still there" in_pod a ip link show eth0 >/dev/null
launch_switch
ok "the new switch has adopted both ports" equal "$(field '[.items[].adopted] | all' port.list)-$(field .total port.list)" true-2
ok "with their owners" equal "$(field .port.owner port.show '{"interface":"a/eth0"}')" test:a
wire a/eth0 b/eth0
ok "the pings resume" wait_until 5 ping_ok a fd00::2
ok "the interface was not touched" diff "$work/before" <(stable)
port a/eth0 fd00::1/64 '{"owner":"test:a","mtu":1400}'
ok "attaching again what is there succeeds" equal "$(field .total port.list)" 2
ok "and touches nothing" diff "$work/before" <(stable)

# a pod that went away while no switch ran
kill -KILL "$switch_pid"
wait "$switch_pid" 2>/dev/null || true
ip netns del "$(netns b)"
launch_switch
ok "a pod that vanished meanwhile is not adopted" equal "$(field '[.items[].interface] | join(" ")' port.list)" a/eth0
pod b
port b/eth0 fd00::2/64
wire a/eth0 b/eth0
ok "its successor talks" wait_until 5 ping_ok a fd00::2

rpc shutdown '{"keep":true}' >/dev/null
ok "shutdown with keep stops the switch" wait_until 10 gone "$switch_pid"
wait "$switch_pid" || fail "exit status $?"
ok "and leaves the interface" in_pod a ip link show eth0 >/dev/null
launch_switch
wire a/eth0 b/eth0
ok "the next one adopts it" wait_until 5 ping_ok a fd00::2
ok "still untouched" diff "$work/before" <(stable)

stop_switch
ok "SIGTERM: status 0" equal "$switch_status" 0
ok "and the pods' interfaces are gone" not in_pod a ip link show eth0
