#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Rate and queue: a link carries its rate and no more, one direction does not touch the other, what does
# not fit into the queue is dropped and counted.
#
#   [a] eth0 ---- 20 Mbit/s ---> eth0 [b]
#            <--- unlimited ----
#
. "$(dirname "$0")/lib.sh"
need iperf3

pod a b
start_switch
port a/eth0 fd00::1/64
port b/eth0 fd00::2/64
wire a/eth0 b/eth0 '{"delay_ns":2000000}'
link a/eth0 '{"rate_bps":20000000,"queue_bytes":60000}'
ok "the wire works" wait_until 5 ping_ok a fd00::2

# mbit POD-SERVER ADDRESS POD-CLIENT [IPERF3 OPTION...]: what the receiver got
background in_pod b iperf3 -s -1 --forceflush >/dev/null
listening() { in_pod "$1" ss -Hltn 'sport = :5201' | grep -q 5201; }
wait_until 5 listening b
in_pod a iperf3 -c fd00::2 -u -b 40M -l 1400 -t 3 -J >"$work/udp.json"
got=$(jq '.end.sum.bits_per_second * (1 - .end.sum.lost_percent / 100) / 1e6' "$work/udp.json")
# 1400 bytes of payload are 1486 on the link (headers, preamble, gap, checksum)
ok "UDP, 40 Mbit/s offered: $got Mbit/s arrive" between 17.5 "$got" 19.2
lost=$(drops a/eth0 link_queue)
ok "the queue dropped the rest ($lost frames)" between 3000 "$lost" 8000

background in_pod b iperf3 -s -1 --forceflush >/dev/null
wait_until 5 listening b
in_pod a iperf3 -c fd00::2 -t 3 -J >"$work/tcp.json"
got=$(jq '.end.sum_received.bits_per_second / 1e6' "$work/tcp.json")
ok "TCP through it: $got Mbit/s" between 14 "$got" 19.5

background in_pod a iperf3 -s -1 --forceflush >/dev/null
wait_until 5 listening a
in_pod b iperf3 -c fd00::1 -t 2 -J >"$work/back.json"
got=$(jq '.end.sum_received.bits_per_second / 1e6' "$work/back.json")
ok "the other direction is not limited: $got Mbit/s" between 40 "$got" 100000

link a/eth0 '{"rate_bps":1000000,"queue_pkts":5,"queue_bytes":200000}'
before=$(drops a/eth0 link_queue)
cat >"$work/burst" <<'PYTHON'
import sys
sys.path.insert(0, sys.argv[1])
from frames import Tap, number_of, numbered

a, b = Tap(sys.argv[2], "eth0"), Tap(sys.argv[3], "eth0")
for frame in numbered(100, size=1000):
    a.send(frame)
got = [number_of(f) for f in b.collect(lambda f: number_of(f) is not None, 1)]
assert 5 <= len(got) <= 12, f"{len(got)} frames through a queue of 5: {got}"
assert got == sorted(got) and got[0] == 0, got
print(f"ok: a burst of 100 into a queue of 5 packets: {len(got)} arrived, in order")
PYTHON
/usr/bin/python3 "$work/burst" "$net_dir" "$(netns_path a)" "$(netns_path b)"
ok "and the others are counted" between 88 $(($(drops a/eth0 link_queue) - before)) 100
