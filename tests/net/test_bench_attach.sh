#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# orrery bench attach: figures of a small run, nothing left of it nor of an interrupted one, and refusals
# before anything is made.
. "$(dirname "$0")/lib.sh"
need jq

start_switch 'limits = { max_ports = 60; };'
nothing_left() {
    equal "$(field .total port.list) $(field .total node.list)" "0 0"
}

orrery --json bench attach --pods 5 --interfaces 3 >"$work/figures"
figure() { jq -r "$1" "$work/figures"; }
ok "15 attached" equal "$(figure .attach.n)" 15
ok "15 detached" equal "$(figure .detach.n)" 15
ok "median of an attach: $(figure .attach.p50_ms) ms" between 0.01 "$(figure .attach.p50_ms)" 1000
ok "no step is longer than the longest" between 0 "$(figure .attach.p99_ms)" "$(figure .attach.max_ms)"
ok "memory of the switch was read" between 1000000 "$(figure .memory.switch_rss_after_bytes)" 1e12
ok "nothing is left" nothing_left

ok "as text" contains "$(orrery bench attach --pods 2 --interfaces 1)" "attach      2 in "
ok "nothing is left" nothing_left

orrery bench attach --pods 4 --interfaces 2 --keep >"$work/kept" 2>&1 &
bench=$!
helpers+=("$bench")
kept() { grep -q 'until this is interrupted' "$work/kept"; }
ok "--keep: attached, and waits" wait_until 30 kept
ok "8 ports" equal "$(field .total port.list)" 8
kill -INT "$bench"
ok "ends when interrupted" wait "$bench"
ok "nothing is left" nothing_left

refused "more than the switch takes" orrery bench attach --pods 100 --interfaces 1
ok "it says which limit" contains "$(cat "$work/refused")" "limits.max_ports"
refused "more namespaces than files can be open" bash -c 'ulimit -n 100; exec orrery bench attach --pods 50 --interfaces 1'
ok "it says which limit" contains "$(cat "$work/refused")" "ulimit -Hn"
refused "no pods" orrery bench attach --pods 0
ok "nothing is left" nothing_left
