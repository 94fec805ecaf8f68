#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# DPDK's own driver as a pod: dpdk-testpmd with two virtio-user ports, which hand every frame from
# one to the other, so that frames circulate through the switch. All its paths: split and packed
# rings, mergeable buffers or not, vectorized, in order; it listens, or the switch does.
#
#   [a] eth0 ======== eth0 [b]      and inside testpmd: what a gets goes out of b, and back
#
. "$(dirname "$0")/lib.sh"

need dpdk-testpmd jq

pmd_pid=
pmd_n=0

# start_pmd SERVER QUEUES OPTIONS: frames circulate when it returns.
start_pmd() {
    local server=$1 queues=$2 options=$3 log
    pmd_n=$((pmd_n + 1))
    log=$work/testpmd.log
    mkfifo "$work/in.$pmd_n"
    sleep 1000000 >"$work/in.$pmd_n" &
    helpers+=($!)
    : >"$log"
    # a killed testpmd left its sockets, and does not take them over
    [[ ! $server ]] || rm -f "$work/v/a+eth0" "$work/v/b+eth0"
    # its memory is a memfd without hugepages: one file, which virtio-user shares
    dpdk-testpmd --lcores '0@(0-1),1@(0-1)' --no-pci --no-huge --file-prefix="$instance" -m 160 \
        --single-file-segments \
        --vdev "net_virtio_user0,path=$work/v/a+eth0,queues=$queues,queue_size=256$server$options" \
        --vdev "net_virtio_user1,path=$work/v/b+eth0,queues=$queues,queue_size=256$server$options" \
        -- -i --forward-mode=io --nb-cores=1 --total-num-mbufs=8192 --rxq="$queues" --txq="$queues" \
        <"$work/in.$pmd_n" >"$log" 2>&1 &
    pmd_pid=$!
    if ! wait_until 30 grep -q 'testpmd>' "$log"; then
        tail -n 20 "$log"
        fail "testpmd does not start"
    fi
    echo 'start tx_first 4' >"$work/in.$pmd_n"
}

kill_pmd() {
    [[ $pmd_pid ]] || return 0
    kill -KILL "$pmd_pid" 2>/dev/null || true
    wait "$pmd_pid" 2>/dev/null || true
    pmd_pid=
    rm -rf "/var/run/dpdk/$instance"
}
at_end kill_pmd

received() { field .port.stats.rx_pkts port.show "{\"interface\":\"$1\"}"; }
state_is() { [[ $(field .port.state port.show "{\"interface\":\"$1\"}") == "$2" ]]; }
detail() { field ".port.details.$2" port.show "{\"interface\":\"$1\"}"; }
both_are() { state_is a/eth0 "$1" && state_is b/eth0 "$1"; }
# More frames than testpmd sent of itself: they go round.
more_than() { (($(received a/eth0) > $1 + 2000 && $(received b/eth0) > $2 + 2000)); }
circulate() { wait_until 15 more_than "$(received a/eth0)" "$(received b/eth0)"; }

add_ports() {
    local port
    for port in a b; do
        rpc port.add "$(jq -cn --arg i "$port/eth0" --argjson m "${1:-{\}}" \
            '{interface: $i, backend: "vhost_user", node_kind: "pod"} + $m')" >/dev/null
    done
    wire a/eth0 b/eth0
}
del_ports() {
    local port
    for port in a b; do
        rpc port.del "{\"interface\":\"$port/eth0\"}" >/dev/null
    done
}
nothing_broke() { [[ $(field '.port.details.broken // "no"' port.show "{\"interface\":\"$1\"}") == no ]]; }

start_switch 'drivers = ["vhost_user"];' "vhost_user = { socket_dir = \"$work/v\"; };"

# --- every driver path, testpmd listens --------------------------------------------------------

add_ports
ok "without a peer a port waits" both_are waiting
cases=(
    'split, mergeable:'
    'split, not mergeable:,mrg_rxbuf=0'
    'split, vectorized:,mrg_rxbuf=0,vectorized=1'
    'split, in order wanted:,mrg_rxbuf=0,in_order=1'
    'packed, mergeable:,packed_vq=1'
    'packed, not mergeable:,packed_vq=1,mrg_rxbuf=0'
    'packed, vectorized:,packed_vq=1,mrg_rxbuf=0,in_order=1,vectorized=1'
)
for case in "${cases[@]}"; do
    start_pmd ,server=1 1 "${case#*:}"
    ok "${case%%:*}: both ports come up" wait_until 10 both_are up
    ok "${case%%:*}: frames circulate" circulate
    case $case in
    packed*) ok "the rings are packed" contains "$(detail a/eth0 rings)" packed ;;
    split*) ok "the rings are split" contains "$(detail a/eth0 rings)" split ;;
    esac
    kill_pmd
    ok "${case%%:*}: after kill -9 of testpmd its ports wait" wait_until 10 both_are waiting
done
ok "nothing of this broke a rule" nothing_broke a/eth0

# --- the switch is killed under traffic -----------------------------------------------------------

start_pmd ,server=1 1 ''
ok "before the switch is killed frames circulate" circulate
stop_switch KILL || true
launch_switch
ok "after its restart both ports are up again" wait_until 10 both_are up
echo 'stop' >"$work/in.$pmd_n"
echo 'start tx_first 4' >"$work/in.$pmd_n"
ok "and frames circulate" circulate
kill_pmd
del_ports

# --- the switch listens -----------------------------------------------------------------------------

add_ports '{"socket_server":true}'
for case in 'split:' 'packed:,packed_vq=1'; do
    start_pmd '' 1 "${case#*:}"
    ok "the switch listens, ${case%%:*}: both ports come up" wait_until 10 both_are up
    ok "the switch listens, ${case%%:*}: frames circulate" circulate
    kill_pmd
    ok "the switch listens, ${case%%:*}: after kill -9 its ports wait" wait_until 10 both_are waiting
done
stop_switch KILL || true
launch_switch
ok "a killed switch's sockets are taken over" wait_until 10 both_are waiting
start_pmd '' 1 ''
ok "and used" circulate
kill_pmd
del_ports

# --- several queues -------------------------------------------------------------------------------

add_ports '{"queue_pairs":2}'
start_pmd ,server=1 2 ''
ok "two queue pairs come up" wait_until 10 both_are up
ok "two queue pairs: frames circulate" circulate
ok "the second pair runs" contains "$(detail a/eth0 '"rings 1"')" running
kill_pmd
