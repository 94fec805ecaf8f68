#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# orrery-podsim against other people's vhost: dpdk-testpmd forwards between two of its vhost ports.
#
#   podsim port 0 == p0.sock == testpmd (io) == p1.sock == podsim port 1
#
# Nothing of Orrery's vhost is in it: what fails here is podsim's.
. "$(dirname "$0")/../net/lib.sh"
need dpdk-testpmd jq
export PATH=$ORRERY_BUILD/podsim:$PATH

testpmd_pid=
# testpmd_up client|server
testpmd_up() {
    local i device devices=()
    for i in 0 1; do
        device=net_vhost$i,iface=$work/p$i.sock,queues=1
        [[ $1 == client ]] && device+=,client=1
        devices+=(--vdev "$device")
    done
    # without hugepages, and with a standard input that stays open and silent
    dpdk-testpmd --lcores '0@(0-1),1@(0-1)' --no-pci --no-huge --file-prefix="$instance" -m 256 "${devices[@]}" -- \
        --forward-mode=io --nb-cores=1 --total-num-mbufs=8192 --auto-start --disable-link-check --stats-period=3600 \
        >"$work/testpmd.log" 2>&1 &
    testpmd_pid=$!
    wait_until 20 grep -q 'packet forwarding - ports' "$work/testpmd.log" || {
        tail -n 5 "$work/testpmd.log" >&2
        fail "testpmd did not start"
    }
}
testpmd_down() { # SIGNAL
    [[ $testpmd_pid ]] || return 0
    kill "-${1:-TERM}" "$testpmd_pid" 2>/dev/null || true
    wait_until 10 gone "$testpmd_pid" || kill -KILL "$testpmd_pid" 2>/dev/null || true
    wait "$testpmd_pid" 2>/dev/null || true
    rm -rf "/run/dpdk/$instance"
    testpmd_pid=
}
at_end testpmd_down

# sim OPTION...: at a rate at which either side may lose its CPU for 50 ms; its report is in $work/report
sim() {
    orrery-podsim --path "$work/p%d.sock" --ring-size 1024 --rate 10k --warmup 200ms --duration 1s --drain 5s \
        --connect-timeout 20s --json "$@" </dev/null >"$work/report" 2>"$work/podsim.log" || {
        cat "$work/podsim.log" "$work/report" >&2
        return 1
    }
}
report() { jq -e "$1" "$work/report" >/dev/null || { jq . "$work/report" >&2; return 1; }; }
no_loss() {
    sim --expect-no-loss "$@" &&
        report '.rx.frames == .tx.frames and .tx.frames > 1000 and .rx.foreign == 0'
}

for mode in server client; do
    # when podsim listens, testpmd is the client
    if [[ $mode == server ]]; then
        testpmd_up client
        option=()
    else
        testpmd_up server
        option=(--client)
    fi
    for ring in split packed; do
        [[ $ring == packed ]] && option+=(--packed)
        ok "$mode, $ring" no_loss --size 74 "${option[@]}"
        ok "$mode, $ring, 64 bytes, no mergeable buffers" no_loss --no-mergeable "${option[@]}"
        ok "$mode, $ring, many flows and sizes, each byte" no_loss --flows 1000 --prefixes 100 \
            --size imix --check-payload "${option[@]}"
        ok "$mode, $ring, frames in several buffers" no_loss --rate 1k --size 1400 --buffer 256 "${option[@]}"
        ok "$mode, $ring, kicks, calls and EVENT_IDX" no_loss --size 74 --kick eventfd \
            --call eventfd --event-idx "${option[@]}"
        ok "$mode, $ring, circulating" sim --loop "${option[@]}"
        ok "frames went round" report '.rx.frames > 1000'
    done
    testpmd_down
done

# A device that goes away under traffic and comes back: frames flow again.
testpmd_up client
mkfifo "$work/commands"
orrery-podsim --path "$work/p%d.sock" --rate 20k --size 74 --duration 60s --connect-timeout 20s \
    <"$work/commands" >"$work/report" 2>"$work/podsim.log" &
podsim_pid=$!
exec 7>"$work/commands"
reported() { # JQ-FILTER of the newest report
    local n
    n=$(wc -l <"$work/report")
    echo report >&7
    wait_until 5 eval "(( \$(wc -l <'$work/report') > $n ))" || return 1
    tail -n 1 "$work/report" | jq -e "$1" >/dev/null
}
ok "traffic flows" wait_until 20 reported '.ports_up == 2 and .rx.frames > 0'
testpmd_down KILL
ok "podsim sees that the device is gone" wait_until 10 reported '.ports_up == 0'
testpmd_up client
ok "traffic flows again" wait_until 20 reported '.ports_up == 2 and .rx.frames > 100'
ok "and nothing is lost any more" wait_until 20 reported '.rx.frames > 100 and .rx.lost == 0'
echo stop >&7
ok "podsim stops" wait_until 10 gone "$podsim_pid"
wait "$podsim_pid"
exec 7>&-
testpmd_down
