#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The same frames again, in real time, with other numbers of workers: what a link loses, doubles and
# passes does not change; with another seed it does. (unit/test_repeat.c has the clock given, and looks at
# order and times too.)
#
#   [a] eth0 -- loss, duplicates, jitter --> eth0 [b]
#
. "$(dirname "$(readlink -f "$0")")/lib.sh"

cat >"$work/run" <<'PYTHON'
import sys
sys.path.insert(0, sys.argv[1])
from frames import Tap, number_of, numbered, send_paced

a, b = Tap(sys.argv[2], "eth0"), Tap(sys.argv[3], "eth0")
send_paced(a, numbered(int(sys.argv[4])), 5000.0)
for frame in b.collect(lambda f: number_of(f) is not None, 0.5):
    print(number_of(frame))
PYTHON
send() { /usr/bin/python3 "$work/run" "$net_dir" "$(netns_path a)" "$(netns_path b)" "$1"; }
ready() { [[ $(send 1) == 0 ]]; }

# run FILE SEED CPUS: a switch of its own, 3000 frames
run() {
    pod a b
    start_switch "seed = $2;" "workers = [$3];"
    ok "workers on $3, seed $2" equal "$(rpc worker.list '{}' | jq '.items | length')" "$(wc -w <<<"${3//,/ }")"
    port a/eth0 fd00::1/64
    port b/eth0 fd00::2/64
    wire a/eth0 b/eth0
    for name in a b; do
        in_pod "$name" sh -c 'echo 1 >/proc/sys/net/ipv6/conf/eth0/disable_ipv6'
    done
    wait_until 5 ready
    # From here on the generator is asked, once for each frame and impairment.
    link a/eth0 '{"loss": 0.1, "duplicate": 0.05, "delay_ns": 5000000, "jitter_ns": 100000}'
    send 3000 >"$1"
    stop_switch
    ip netns del "$(netns a)"
    ip netns del "$(netns b)"
    pods=()
}

(($(nproc) >= 2)) || skip "one processor"
run "$work/one" 7 1
run "$work/two" 7 0,1
run "$work/swapped" 7 1,0
run "$work/other" 8 1
ok "some are lost" between 2300 "$(sort -u "$work/one" | wc -l)" 2900
ok "some come twice" between 50 $(($(wc -l <"$work/one") - $(sort -u "$work/one" | wc -l))) 300
ok "the same with two workers" cmp "$work/one" "$work/two"
ok "the same with the workers swapped" cmp "$work/one" "$work/swapped"
ok "another seed, other losses" not cmp -s "$work/one" "$work/other"
