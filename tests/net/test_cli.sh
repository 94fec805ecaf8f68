#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The CLI as a person and as a program use it: exit status 0 done, 1 failed, 2 wrong usage; results on
# standard output, errors on standard error; --json is JSON.
#
#   [a] eth0 ======== eth0 [b]
#
. "$(dirname "$0")/lib.sh"

# exits STATUS COMMAND...: output in $work/out and $work/err
exits() {
    local want=$1 got=0
    shift
    "$@" >"$work/out" 2>"$work/err" </dev/null || got=$?
    [[ $got == "$want" ]] || {
        echo "status $got, expected $want"
        cat "$work/out" "$work/err"
        return 1
    }
}
said() { grep -qi -- "$1" "$work/${2:-out}" || { cat "$work/out" "$work/err"; return 1; }; }

ok "no switch: status 1" exits 1 orrery version
ok "and a sentence that names the socket" said "$ORRERY_SOCKET" err
ok "nothing on standard output" not test -s "$work/out"

pod a b
start_switch
ok "version" exits 0 orrery version
ok "version --json is JSON" exits 0 sh -c 'orrery --json version | jq -e .version'

ok "no command: status 2" exits 2 orrery
ok "an unknown command: status 2" exits 2 orrery nonsense
ok "named" said nonsense err
ok "--help" exits 0 orrery --help
for word in node port link route matrix stats top doctor config scenario; do
    ok "--help names $word" said "$word"
done
ok "link set --help" exits 0 orrery link set --help
ok "explains delay" said delay

ok "node add" exits 0 orrery node add a pod interface eth0
ok "again: still there" exits 0 orrery node add a pod interface eth0
ok "as another kind: status 1" exits 1 orrery node add a router
ok "says what is there" said "a" err
port a/eth0 fd00::1/64
port b/eth0 fd00::2/64
ok "link set" exits 0 orrery link set a/eth0 b/eth0 both delay 4.2ms rate 1gbit loss 0.1%
ok "link show" exits 0 orrery link show a/eth0
for text in 4.2ms 1gbit 0.1% b/eth0; do
    ok "prints $text" said "$text"
done
ok "link show --json" exits 0 sh -c 'orrery --json link show a/eth0 | jq -e ".delay_ns == 4200000"'
ok "a bare number is no delay: status 2" exits 2 orrery link set a/eth0 b/eth0 delay 4
ok "and says what was expected" said "ms" err
ok "an unknown parameter: status 2" exits 2 orrery link set a/eth0 b/eth0 dleay 4ms
ok "named" said dleay err
ok "an unknown interface: status 1" exits 1 orrery link show a/eth9
ok "named" said eth9 err
for list in node port link route; do
    ok "$list list" exits 0 orrery $list list
    ok "$list list --json" exits 0 sh -c "orrery --json $list list | jq -e type"
done
ok "stats" exits 0 orrery stats
ok "matrix show" exits 0 orrery matrix show
ok "top once" exits 0 orrery top --once
ok "doctor" exits 0 sh -c 'orrery doctor || [ $? = 1 ]'
ok "speaks of hugepages" said hugepages
ok "config check" exits 0 orrery config check "$work/orrery.conf"
echo 'nonsense = 1;' >"$work/bad.conf"
ok "config check of a bad file: status 1" exits 1 orrery config check "$work/bad.conf"
ok "names the key" said nonsense err
ok "completion" exits 0 orrery completion bash
ok "is a script" bash -n "$work/out"
