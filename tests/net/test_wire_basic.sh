#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Two pods on a wire talk IPv6, with frames of every size up to the MTU.
#
#   [a] eth0 fd00::1 ======== fd00::2 eth0 [b]
#
. "$(dirname "$0")/lib.sh"

pod a b
start_switch
port a/eth0 fd00::1/64
port b/eth0 fd00::2/64

refused "no link yet: no answer" ping_ok a fd00::2
# the pods' kernels speak on their own, the first time before the port is published
counted() { [[ $(field '.total.rx_pkts == ([.drops[]] | add) and .drops.link_none > 0' stats.get) == true ]]; }
ok "every frame so far is counted as dropped" wait_until 5 counted
wire a/eth0 b/eth0
ok "ping" wait_until 5 ping_ok a fd00::2
ok "ping the other way" ping_ok b fd00::1
for size in 0 1 56 1024 1400 1452; do
    ok "ping with $size bytes" ping_ok a fd00::2 -s "$size"
done
ok "fragments: ping with 5000 bytes" ping_ok a fd00::2 -s 5000
ok "100 pings in a row, none lost" in_pod a ping -6 -n -q -i 0.01 -c 100 -W 2 -w 5 fd00::2 >/dev/null

offload_is() { grep -q "^$1: $2" <(in_pod a ethtool -k eth0); }
ok "the interface has the MTU asked for by default" equal "$(interface a eth0 .mtu)" 1500
ok "no half checksums" offload_is tx-checksumming off
ok "no segmentation offload" offload_is tcp-segmentation-offload off
ok "no address waits for duplicate detection" not grep -q tentative <(in_pod a ip -6 addr show dev eth0)
ok "one queue each way" equal "$(interface a eth0 '"\(.num_rx_queues) \(.num_tx_queues)"')" "1 1"

sent=$(field '.link.stats.tx_pkts' link.show '{"from":"a/eth0"}')
ok "the link counted frames ($sent)" between 109 "$sent" 1000
ok "and dropped none since" equal "$(field '.link.stats.drops | del(.link_none)' link.show '{"from":"a/eth0"}')" '{}'
ok "nothing of the pods is seen in the host's namespace" \
    not grep -E "$instance|eth0@" <(ip -o link show type veth)
