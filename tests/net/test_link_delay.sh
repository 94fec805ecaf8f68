#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Delay: measured by ping; directions independent; setting one parameter leaves the others alone;
# the slope moves the delay; what is in flight when a link goes down arrives.
#
#   [a] eth0 ---- 20 ms ---> eth0 [b]
#            <--- 20 ms ----
#
. "$(dirname "$0")/lib.sh"

pod a b
start_switch
port a/eth0 fd00::1/64
port b/eth0 fd00::2/64
wire a/eth0 b/eth0 '{"delay_ns":20000000}'
ok "the wire works" wait_until 5 ping_ok a fd00::2

rtt=$(rtt_ms a fd00::2)
ok "20 ms each way: round trip $rtt ms" between 40 "$rtt" 41.5

all='{"rate_bps":50000000,"queue_bytes":90000,"queue_pkts":70,"jitter_ns":1000,"jitter_corr":0.25,"loss":0.0,
      "duplicate":0.0,"reorder":0.0,"allow_reorder":true,"mtu":1480}'
link a/eth0 "$all"
before=$(field '.link | del(.delay_ns, .delay_now_ns, .stats)' link.show '{"from":"a/eth0"}')
orrery link set a/eth0 b/eth0 delay 4ms >/dev/null
after=$(field '.link | del(.delay_ns, .delay_now_ns, .stats)' link.show '{"from":"a/eth0"}')
ok "'link set delay' changes the delay" equal "$(field .link.delay_ns link.show '{"from":"a/eth0"}')" 4000000
ok "and nothing else" equal "$after" "$before"
link a/eth0 '{"jitter_ns":0,"rate_bps":0}'
ok "and not the other direction" equal "$(field .link.delay_ns link.show '{"from":"b/eth0"}')" 20000000
rtt=$(rtt_ms a fd00::2)
ok "4 ms there, 20 ms back: round trip $rtt ms" between 24 "$rtt" 25.5

link a/eth0 '{"delay_ns":10000000,"slope_ns_s":5000000}'
delay_reached() { (($(field .link.delay_now_ns link.show '{"from":"a/eth0"}') >= 12000000)); }
ok "slope: the delay grows by 5 ms a second" wait_until 5 delay_reached
orrery link set a/eth0 b/eth0 delay 1ms >/dev/null
now_ns=$(field .link.delay_now_ns link.show '{"from":"a/eth0"}')
ok "a new delay takes over" between 1000000 "$now_ns" 9999999
ok "and keeps the slope" equal "$(field .link.slope_ns_s link.show '{"from":"a/eth0"}')" 5000000
ok "it goes on from there" wait_until 10 delay_reached
link a/eth0 '{"delay_ns":0,"slope_ns_s":0}'

cat >"$work/flight" <<'PYTHON'
import os
import subprocess
import sys
import time
sys.path.insert(0, sys.argv[1])
from frames import Tap, number_of, numbered
from rpc import call

a, b = Tap(sys.argv[2], "eth0"), Tap(sys.argv[3], "eth0")
path = os.environ["ORRERY_SOCKET"]


def link(**params):
    answer = call(path, "link.set", {"from": "a/eth0", **params})
    assert "result" in answer, answer


link(delay_ns=800_000_000)
frames = numbered(40)
for frame in frames[:20]:
    a.send(frame)
deadline = time.monotonic() + 5
while call(path, "link.show", {"from": "a/eth0"})["result"]["link"]["stats"]["in_flight_pkts"] < 20:
    assert time.monotonic() < deadline, "20 frames should be in flight"
link(up=False)
for frame in frames[20:]:
    a.send(frame)
got = [number_of(f) for f in b.collect(lambda f: number_of(f) is not None, 2)]
assert got == list(range(20)), f"arrived: {got}"
print("ok: what was in flight when the link went down arrived, what came later did not")

# order is kept when a delay shrinks
link(up=True, delay_ns=400_000_000, allow_reorder=False)
for frame in frames[:20]:
    a.send(frame)
while call(path, "link.show", {"from": "a/eth0"})["result"]["link"]["stats"]["in_flight_pkts"] < 20:
    pass
link(delay_ns=1_000_000)
for frame in frames[20:]:
    a.send(frame)
got = [number_of(f) for f in b.collect(lambda f: number_of(f) is not None, 2)]
assert got == list(range(40)), f"arrived: {got}"
print("ok: a delay that shrinks does not reorder")
PYTHON
/usr/bin/python3 "$work/flight" "$net_dir" "$(netns_path a)" "$(netns_path b)"
ok "drops of a link that is down are counted" between 20 "$(drops a/eth0 link_down)" 30
