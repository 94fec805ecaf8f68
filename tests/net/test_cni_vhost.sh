#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The CNI plugin attaches DPDK pods, called as a runtime with Multus calls it: sockets in directories of
# their own, the device-info file, frames between two front ends, CHECK, STATUS, GC; DEL leaves nothing.
#
#   [p0] net1 ======== net1 [p1]      each a vhost-user driver of orrery-podsim
#
. "$(dirname "$(readlink -f "$0")")/lib.sh"
. "$(dirname "$0")/cni.sh"
need jq
podsim=$ORRERY_BUILD/podsim/orrery-podsim
[[ -x $podsim ]] || skip "orrery-podsim is not built"

pod p0 p1
start_switch 'drivers = ["vhost_user"];' "vhost_user = { socket_dir = \"$work/v\"; };"
pods_dir=$work/pods
conf() { # JSON: what is different
    cni_conf "$(jq -cn --arg d "$pods_dir" --arg i "$work/devinfo/cni/x" --argjson m "$1" \
        '{backend: "vhost_user", socketDir: $d, podDir: "%{K8S_POD_NAME}", prefix: "fd00:7::/64",
          capabilities: {CNIDeviceInfoFile: true}, runtimeConfig: {CNIDeviceInfoFile: $i}} + $m')"
}
state_is() { [[ $(field .port.state port.show "{\"interface\":\"$1\"}") == "$2" ]]; }
both_are() { state_is p0/net1 "$1" && state_is p1/net1 "$1"; }
run_pods() { # OPTION...: a second of frames, all of which must arrive
    "$podsim" --ports 2 --path "$pods_dir/p%d/net1" --rate 20k --duration 1s --warmup 200ms \
        --connect-timeout 20s --check-payload --expect-no-loss "$@" >"$work/podsim" 2>&1 ||
        { tail -n 20 "$work/podsim"; return 1; }
}

for mode in server client; do
    conf "{\"mode\":\"$mode\",\"socketDirMode\":\"0770\",\"mtu\":1500}"
    ok "$mode: STATUS" code 0 STATUS "" ""
    attach p0 net1
    attach p1 net1
    result=${cni_prev[p1/net1]}
    ok "$mode: the result has the socket" equal "$(jq -r '.interfaces[0].socketPath' <<<"$result")" "$pods_dir/p1/net1"
    ok "  name and sandbox" equal "$(jq -r '.interfaces[0] | .name, .sandbox' <<<"$result" | xargs)" "net1 $(netns_path p1)"
    ok "  MTU and an address" equal "$(jq -r '.interfaces[0].mtu, (.ips | length)' <<<"$result" | xargs)" "1500 1"
    ok "  and there is no such device" not in_pod p1 ip link show net1
    ok "$mode: device-info" equal "$(jq -c . "$work/devinfo/cni/x")" \
        "{\"type\":\"vhost-user\",\"version\":\"1.1.0\",\"vhost-user\":{\"mode\":\"$mode\",\"path\":\"$pods_dir/p1/net1\"}}"
    ok "$mode: a directory of its own" equal "$(stat -c %a "$pods_dir/p1")" 770
    wire p0/net1 p1/net1
    client=
    [[ $mode == server ]] || client=--client
    # shellcheck disable=SC2086 # none or one
    ok "$mode: every frame arrives" run_pods --packed $client
    ok "$mode: the application is gone, its ports wait" wait_until 10 both_are waiting
    ok "$mode: CHECK" code 0 CHECK p0 net1
    rpc port.del '{"interface":"p0/net1"}' >/dev/null
    ok "$mode: CHECK without port" code 105 CHECK p0 net1
    ok "$mode: DEL" code 0 DEL p0 net1
    ok "$mode: DEL of the other" code 0 DEL p1 net1
    ok "$mode: DEL again" code 0 DEL p1 net1 ""
    ok "$mode: no port is left" equal "$(field .total port.list)" 0
    ok "$mode: no file is left" equal "$(find "$pods_dir" "$work/devinfo" -mindepth 1 -not -name cni)" ""
    cni_prev=()
done

conf '{"mode":"server","carrier":true}'
attach p0 net1
ok "carrier is the port's" equal "$(field .port.carrier port.show '{"interface":"p0/net1"}')" true
stop_switch KILL || true
launch_switch
ok "the port outlives the switch" code 0 CHECK p0 net1
ok "with its carrier" equal "$(field .port.carrier port.show '{"interface":"p0/net1"}')" true
conf '{"cni.dev/valid-attachments": []}'
ok "GC" code 0 GC "" ""
ok "removes port and directory" equal "$(field .total port.list) $(ls "$pods_dir")" "0 "
