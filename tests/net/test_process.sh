#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The process: idle it costs next to nothing, a second one of the same name is refused, SIGTERM leaves
# nothing (the end of every test checks that), configuration is checked before anything happens.
#
#   [a0] [a1] ... [a9]    ten quiet pods
#
. "$(dirname "$0")/lib.sh"

start_switch
for i in 0 1 2 3 4 5 6 7 8 9; do
    pod "a$i"
    port "a$i/eth0" "fd00::$i/64"
done
for i in 0 2 4 6 8; do
    wire "a$i/eth0" "a$((i + 1))/eth0"
done
ok "pods talk" wait_until 5 ping_ok a0 fd00::1

# processor time of all threads, in clock ticks of 10 ms
ticks() { sed 's/.*) //' "/proc/$switch_pid/stat" | awk '{ print $12 + $13 }'; }
quiet_from=$SECONDS
while ((SECONDS < quiet_from + 2)); do sleep 0.2; done # the pods' first router solicitations
from=$(ticks)
from_ms=$(date +%s%3N)
sleep 5
used=$(awk -v t=$(($(ticks) - from)) -v ms=$(($(date +%s%3N) - from_ms)) 'BEGIN { printf "%.2f", t * 10 * 100 / ms }')
ok "idle: $used % of a core" between 0 "$used" 1.99
ok "and awake at once" ping_ok a0 fd00::1

refused "a second switch of the same name" timeout 20 orrery-vswitch -c "$work/orrery.conf"
ok "says why" contains "$(<"$work/refused")" "$instance"
ok "the first one does not notice" ping_ok a0 fd00::1

remember_bpf
note "the switch holds ${#bpf_ids[@]} BPF objects"
ok "they are known" between 3 "${#bpf_ids[@]}" 100
stop_switch
ok "SIGTERM under 15 s, status 0" equal "$switch_status" 0

start_switch
port a0/eth0 fd00::1/64
kill -TERM "$switch_pid"
kill -INT "$switch_pid"
stop_switch # and a third signal
ok "impatience: SIGTERM, SIGINT, SIGTERM, status 0" equal "$switch_status" 0
ok "and the interface is gone all the same" not in_pod a0 ip link show eth0

orrery-vswitch -c "$work/orrery.conf" 2>>"$work/switch.log" &
switch_pid=$!
half_made() { [[ -e /run/orrery/$instance.lock ]]; }
wait_until 10 half_made
stop_switch
ok "SIGTERM at the start, status 0" equal "$switch_status" 0

# configuration
write_config
ok "-t accepts a good file" orrery-vswitch -t -c "$work/orrery.conf"
echo 'instnace = "x";' >>"$work/orrery.conf"
refused "-t refuses an unknown key" orrery-vswitch -t -c "$work/orrery.conf"
ok "and names it" contains "$(<"$work/refused")" instnace
ok "and its line" contains "$(<"$work/refused")" "$(wc -l <"$work/orrery.conf")"
write_config 'workers = ;'
refused "-t refuses a syntax error" orrery-vswitch -t -c "$work/orrery.conf"
ok "and names the line" contains "$(<"$work/refused")" "$(wc -l <"$work/orrery.conf")"
refused "-t refuses a file that is not there" orrery-vswitch -t -c "$work/nothing.conf"
ok "and names it" contains "$(<"$work/refused")" nothing.conf
for file in "$top"/config/*.conf; do
    ok "-t accepts ${file##*/}" orrery-vswitch -t -c "$file"
done
status=0
orrery-vswitch --no-such-option >"$work/refused" 2>&1 || status=$?
ok "an unknown option is a usage error" equal $status 2
ok "--help succeeds" orrery-vswitch --help >/dev/null
ok "--version succeeds" orrery-vswitch --version >/dev/null
