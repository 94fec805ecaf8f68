#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The CNI plugin against the switch, called as a runtime calls it: every command in every version, alone
# and behind another plugin; frames between two pods; what CHECK notices; GC; a switch that is killed,
# down and back.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/cni.sh"
need jq

pod a b r1 r2
start_switch
n_ports() { field .total port.list; }
has_interface() { in_pod "$1" ip link show "$2" >/dev/null 2>&1; }

# --- every command, every version, alone and chained ---------------------------------------------
prev='{"interfaces":[{"name":"br0"}],"ips":[{"address":"10.1.2.3/8","interface":0}]}'
for version in 0.3.0 0.3.1 0.4.0 1.0.0 1.1.0; do
    check=1 new=1
    [[ $version < 0.4.0 ]] || check=0
    [[ $version < 1.1.0 ]] || new=0
    for chained in alone chained; do
        more='{"prefix":"fd00:7::/64"}'
        [[ $chained == alone ]] || more='{"prefix":"fd00:7::/64","prevResult":'$prev'}'
        cni_conf "$(jq -cn --arg v $version --argjson m "$more" '{cniVersion: $v} + $m')"
        cni_prev=()
        ok "$version $chained: VERSION" code 0 VERSION a eth0
        ok "$version $chained: STATUS" code $new STATUS a eth0
        attach a eth0
        result=${cni_prev[a/eth0]}
        at=0
        [[ $chained == alone ]] || at=1
        ok "$version $chained: ADD answers in its version" equal "$(jq -r .cniVersion <<<"$result")" $version
        ok "  with the interface" equal "$(jq -r ".interfaces[$at] | .name, .sandbox" <<<"$result" | xargs)" \
            "eth0 $(netns_path a)"
        mac=$(in_pod a ip -j link show eth0 | jq -r '.[0].address')
        ok "  its MAC address" equal "$(jq -r ".interfaces[$at].mac" <<<"$result")" "$mac"
        address=$(jq -r ".ips[$at].address" <<<"$result")
        ok "  and address $address" contains "$(in_pod a ip -6 addr show dev eth0)" "inet6 $address"
        ok "$version $chained: ADD again" code 100 ADD a eth0
        ok "$version $chained: CHECK" code $check CHECK a eth0
        ok "$version $chained: DEL" code 0 DEL a eth0
        ok "  the interface is gone" not has_interface a eth0
        ok "$version $chained: DEL again" code 0 DEL a eth0
        ok "$version $chained: DEL without namespace" code 0 DEL a eth0 ""
        ok "$version $chained: DEL, namespace gone" code 0 DEL a eth0 /run/netns/none
        ok "$version $chained: ADD, namespace gone" code 8 ADD a eth0 /run/netns/none
        [[ $check == 1 ]] || ok "$version $chained: CHECK of nothing" code 105 CHECK a eth0
    done
done
ok "no port is left" equal "$(n_ports)" 0

# --- frames between pods -------------------------------------------------------------------------
cni_prev=()
cni_conf '{"prefix":"fd00:7::/64","mtu":1400}'
attach a eth0
attach b eth0
attach b net1
wire a/eth0 b/eth0 '{"delay_ns":5000000}'
address_b=$(jq -r '.ips[0].address' <<<"${cni_prev[b/eth0]}")
address_b=${address_b%/*}
ok "a reaches b over the link" wait_until 5 ping_ok a "$address_b"
rtt=$(rtt_ms a "$address_b")
ok "with its delay: $rtt ms" between 10 "$rtt" 11.5
ok "the second interface has another address" \
    not equal "$(jq -r '.ips[0].address' <<<"${cni_prev[b/net1]}")" "$address_b/64" 2>/dev/null
ok "a's default route leads to the switch" contains "$(in_pod a ip -6 route show default)" "via fe80::1 dev eth0"
ok "b has one default route only" equal "$(in_pod b ip -6 route show default | wc -l)" 1
ok "the MTU is the configured one" contains "$(in_pod a ip link show eth0)" "mtu 1400"

# --- CHECK notices -------------------------------------------------------------------------------
ok "CHECK" code 0 CHECK a eth0
in_pod a ip link set eth0 mtu 1300
ok "CHECK: another MTU" code 105 CHECK a eth0
in_pod a ip link set eth0 mtu 1400
ok "CHECK: mended" code 0 CHECK a eth0
address_a=$(jq -r '.ips[0].address' <<<"${cni_prev[a/eth0]}")
in_pod a ip addr del "$address_a" dev eth0
ok "CHECK: address lost" code 105 CHECK a eth0
in_pod a ip addr add "$address_a" dev eth0 nodad
ok "CHECK: mended" code 0 CHECK a eth0
in_pod a ip link set eth0 down
ok "CHECK: down" code 105 CHECK a eth0
in_pod a ip link set eth0 up
in_pod a ip addr replace "$address_a" dev eth0 nodad
rpc port.del '{"interface":"a/eth0"}' >/dev/null
ok "CHECK: port gone" code 105 CHECK a eth0
ok "DEL of it" code 0 DEL a eth0

# --- two containers, one name --------------------------------------------------------------------
other() { # as container id-x, but of pod b's name
    env -i CNI_COMMAND=ADD CNI_CONTAINERID=id-x CNI_NETNS="$(netns_path a)" CNI_IFNAME=eth0 \
        CNI_PATH="$cni_path" CNI_ARGS="K8S_POD_NAME=b" "$orrery_cni" <<<"$cni_conf_json"
}
refused "another container on b/eth0" other
ok "b/eth0 stays" code 0 CHECK b eth0

# --- routers -------------------------------------------------------------------------------------
cni_conf '{"prefix":"fd00:7::/48","nodeKind":"router"}'
attach r1 eth0
attach r2 eth0
for name in r1 r2; do
    rpc node.add "{\"name\":\"$name\",\"kind\":\"router\",\"interfaces\":[\"isl0\"]}" >/dev/null
done
wire r1/isl0 r2/isl0
address=$(jq -r '.ips[0].address' <<<"${cni_prev[r2/eth0]}")
ok "on a router an address is a /128" equal "${address#*/}" 128
ok "routed from r1's pod to r2's" wait_until 5 ping_ok r1 "${address%/*}"
cni_conf "{\"nodeKind\":\"router\",\"addresses\":[\"$address\"]}"
ok "an address that another has is refused" code 101 ADD r1 net1
ok "and leaves nothing" not has_interface r1 net1

# --- an IPAM plugin ------------------------------------------------------------------------------
if [[ -x /usr/lib/cni/host-local ]]; then
    cni_conf "{\"cniVersion\":\"1.0.0\",\"ipam\":{\"type\":\"host-local\",\"dataDir\":\"$work/ipam\",
        \"ranges\":[[{\"subnet\":\"fd00:9::/64\"}]],\"routes\":[{\"dst\":\"fd00::/16\"}]}}"
    leases() { find "$work/ipam" -name 'fd00*' | wc -l; }
    attach a eth0
    ok "host-local gives the address" contains "$(in_pod a ip -6 addr show dev eth0)" "inet6 fd00:9::"
    ok "and the route" contains "$(in_pod a ip -6 route)" "fd00::/16 via fd00:9::1"
    ok "CHECK asks host-local too" code 0 CHECK a eth0
    ok "one lease" equal "$(leases)" 1
    ok "a refused ADD gives its address back" code 100 ADD b eth0
    ok "one lease still" equal "$(leases)" 1
    ok "DEL" code 0 DEL a eth0
    ok "no lease" equal "$(leases)" 0
fi

# --- GC ------------------------------------------------------------------------------------------
valid=$(jq -cn '{"cni.dev/valid-attachments": [{containerID: "id-b", ifname: "eth0"}]}')
cni_conf "$valid"
ok "GC" code 0 GC "" ""
ok "only the valid attachment is left" equal "$(field '[.items[].interface] | join(" ")' port.list)" b/eth0
ok "it still works" code 0 CHECK b eth0

# --- 64 at once ----------------------------------------------------------------------------------
many=()
for i in $(seq 64); do many+=("p$i"); done
pod "${many[@]}"
cni_conf '{"prefix":"fd00:7::/64"}'
at_once() {
    local verb=$1 name pids=() failed=0
    for name in "${many[@]}"; do
        cni "$verb" "$name" eth0 >"$work/many.$name" &
        pids+=($!)
    done
    for name in "${pids[@]}"; do wait "$name" || failed=$((failed + 1)); done
    ((failed == 0))
}
from_ms=$(date +%s%3N)
ok "64 ADDs at once" at_once ADD
note "in $(($(date +%s%3N) - from_ms)) ms"
ok "65 ports" equal "$(n_ports)" 65
ok "65 addresses, all different" equal \
    "$(cat "$work"/many.* | jq -r '.ips[0].address' | sort -u | wc -l)" 64
ok "64 DELs at once" at_once DEL
ok "one port" equal "$(n_ports)" 1

# --- the switch is killed, and comes back --------------------------------------------------------
cni_conf '{"prefix":"fd00:7::/64"}'
attach a eth0
stop_switch KILL
ok "STATUS: no switch" code 51 STATUS "" ""
ok "ADD: no switch" code 11 ADD a net1
ok "CHECK: no switch" code 11 CHECK b eth0
ok "GC: no switch" code 7 GC "" ""
ok "DEL: no switch" code 0 DEL a eth0
ok "it removed the interface itself" not has_interface a eth0
ok "DEL again" code 0 DEL a eth0
launch_switch
ok "the switch is back: STATUS" code 0 STATUS "" ""
ok "b is attached as before" code 0 CHECK b eth0
ok "a is not" equal "$(field '[.items[].interface] | join(" ")' port.list)" b/eth0
ok "DEL of what the last switch made" code 0 DEL b eth0
ok "nothing is left" equal "$(n_ports)" 0

# --- names longer than an alias ------------------------------------------------------------------
long=$(printf 'x%.0s' {1..250})
cni_conf "{\"name\":\"$long\",\"prefix\":\"fd00:7::/64\"}"
cni_id_tail=$long
ok "DEL before any ADD" code 0 DEL a eth0
attach a eth0
attach b eth0
ok "CHECK" code 0 CHECK a eth0
stop_switch KILL
launch_switch
ok "the next switch knows whose port it is" code 0 CHECK a eth0
valid=$(jq -cn --arg tail "$long" '{"cni.dev/valid-attachments": [{containerID: ("id-b" + $tail), ifname: "eth0"}]}')
cni_conf "$(jq -c --arg n "$long" '. + {name: $n, prefix: "fd00:7::/64"}' <<<"$valid")"
ok "GC spares the other" code 0 GC "" ""
ok "DEL after it" code 0 DEL a eth0
ok "only the other is left" equal "$(field '[.items[].interface] | join(" ")' port.list)" b/eth0
ok "DEL of the other" code 0 DEL b eth0
ok "nothing is left" equal "$(n_ports)" 0
cni_id_tail=
cni_conf '{"prefix":"fd00:7::/64"}'

# --- limits --------------------------------------------------------------------------------------
stop_switch
start_switch 'limits = { max_ports = 1; };'
attach a eth0
ok "STATUS: all ports used" code 50 STATUS "" ""
ok "ADD: all ports used" code 102 ADD b eth0
ok "DEL" code 0 DEL a eth0
ok "STATUS: room again" code 0 STATUS "" ""
ok "only JSON came on standard output, nothing on standard error" \
    equal "$(grep -vc 'switch is not running' "$work/cni.err")" 0
