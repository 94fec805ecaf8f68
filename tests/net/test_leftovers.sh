#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# What quickstart fails for: it sees what a run left behind, not what others do meanwhile.
. "$(dirname "$(readlink -f "$0")")/lib.sh"
. "$top/tests/leftovers.sh"

need bpftool
bash -c : & # a number that no process has any more
dead=$!
wait "$dead"
seen() { leftovers_since "$work/before" | grep -Fx "$1"; }

leftovers_picture all >"$work/before"
start_switch
pod a
port a/eth0 fd00::1/64
ok "a run that goes on is nobody's leftovers" not seen "namespace orrery-$instance"

drop() {
    ip netns del "t$dead-x" 2>/dev/null
    ip netns del "demo-99999999" 2>/dev/null
    ip link del "t$dead.0" 2>/dev/null
    rm -rf "/run/orrery/quickstart-$dead.sock" "/tmp/orrery-t$dead.x"
}
at_end drop
ip netns add "t$dead-x"
ip netns add "demo-99999999" # a number that no process has
ip link add "t$dead.0" type veth peer name "t$dead.1"
mkdir -p /run/orrery "/tmp/orrery-t$dead.x"
python3 -c 'import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])' "/run/orrery/quickstart-$dead.sock"
ok "a namespace" seen "namespace t$dead-x"
ok "not one of somebody else" not seen "namespace demo-99999999"
ok "an interface" seen "interface t$dead.0"
ok "a socket" seen "file /run/orrery/quickstart-$dead.sock"
ok "a folder of a test" seen "file /tmp/orrery-t$dead.x"
ok "not that of one that runs" not seen "file $work"

remember_bpf
orphaned() { _leftovers_bpf orphaned | grep -Fx -f <(printf 'BPF-program %s\n' "${bpf_ids[@]#prog }"); }
seen_bpf() { leftovers_since "$work/before" | grep ^BPF; }
ok "no program of a switch that runs" not orphaned
stop_switch KILL # its interfaces hold the programs
ok "programs that nobody holds" wait_until 5 orphaned
ok "but not while somebody runs tests" not seen_bpf
launch_switch
