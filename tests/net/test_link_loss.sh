#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Loss: the asked share is lost, every loss is counted, the same seed loses the same frames, bursts last
# in time (Gilbert-Elliott), and duplicates and reordering are as asked.
#
#   [a] eth0 ---- loss ---> eth0 [b]
#
. "$(dirname "$0")/lib.sh"

cat >"$work/run" <<'PYTHON'
# run MODE COUNT PPS: sends numbered frames, prints the numbers that arrived
import sys
sys.path.insert(0, sys.argv[1])
from frames import Tap, number_of, numbered, send_paced

a, b = Tap(sys.argv[2], "eth0"), Tap(sys.argv[3], "eth0")
send_paced(a, numbered(int(sys.argv[4])), float(sys.argv[5]))
for frame in b.collect(lambda f: number_of(f) is not None, 0.5):
    print(number_of(frame))
PYTHON
send() { /usr/bin/python3 "$work/run" "$net_dir" "$(netns_path a)" "$(netns_path b)" "$@"; }

up() {
    start_switch
    port a/eth0 fd00::1/64
    port b/eth0 fd00::2/64
    wire a/eth0 b/eth0
    # nothing but our frames: the pods' kernels say things on their own
    in_pod a sh -c 'echo 1 >/proc/sys/net/ipv6/conf/eth0/disable_ipv6'
    in_pod b sh -c 'echo 1 >/proc/sys/net/ipv6/conf/eth0/disable_ipv6'
    wait_until 5 ready
}
ready() { [[ $(send 1 1000) == 0 ]]; }

pod a b
up
link a/eth0 '{"loss":0.2}'
before=$(field .link.stats.tx_pkts link.show '{"from":"a/eth0"}')
send 4000 20000 >"$work/first"
got=$(wc -l <"$work/first")
lost=$(drops a/eth0 link_loss)
ok "of 4000 frames at 20 % loss, $got arrived" between 3080 "$got" 3320
ok "every loss is counted" equal $((got + lost)) 4000
ok "what passed is counted too" equal \
    $(($(field .link.stats.tx_pkts link.show '{"from":"a/eth0"}') - before)) "$got"
link a/eth0 '{"loss":0}'
send 1000 20000 >"$work/none"
ok "loss 0 loses none" equal "$(wc -l <"$work/none")" 1000

link a/eth0 '{"duplicate":0.1}'
send 2000 20000 >"$work/duplicates"
ok "10 % duplicates" between 150 $(($(wc -l <"$work/duplicates") - 2000)) 250
ok "all of them copies" equal "$(sort -u "$work/duplicates" | wc -l)" 2000
link a/eth0 '{"duplicate":0}'

link a/eth0 '{"delay_ns":5000000,"reorder":0.1,"allow_reorder":true}'
send 2000 20000 >"$work/reordered"
late=$(awk '$1 < max { n++ } $1 > max { max = $1 } END { print n + 0 }' "$work/reordered")
ok "reordering: none lost" equal "$(sort -un "$work/reordered" | wc -l)" 2000
ok "but overtaken ($late of 2000)" between 100 "$late" 1950
link a/eth0 '{"delay_ns":0,"reorder":0,"allow_reorder":false}'

# mean 50 ms good, 50 ms bad: half is lost, in runs of about 50 frames at 1000 a second
link a/eth0 '{"loss":0,"loss_bad":1,"good_us":50000,"bad_us":50000}'
send 3000 1000 >"$work/bursts"
got=$(wc -l <"$work/bursts")
runs=$(awk 'NR > 1 && $1 != last + 1 { n++ } { last = $1 } END { print n + 0 }' "$work/bursts")
ok "Gilbert-Elliott, half of the time bad: $got of 3000 arrived" between 900 "$got" 2100
ok "in outages ($runs of them)" between 8 "$runs" 80

stop_switch
up
link a/eth0 '{"loss":0.2}'
send 4000 20000 >"$work/second"
ok "the same run loses the same frames" cmp "$work/first" "$work/second"
