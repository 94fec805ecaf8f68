#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# How long from the commit of an epoch until pods see that their links went down or came up, for one
# interface and for many in one epoch: af_xdp pods by the kernel's message in their namespace, vhost_user
# front ends by their socket.
#	sudo tests/perf/carrier.sh [--many 500] [--rounds 20]
set -euo pipefail
many=500 rounds=20
while (($#)); do
    case $1 in
    --many) many=$2 ;;
    --rounds) rounds=$2 ;;
    *)
        sed -n '3,6s/^# \{0,1\}//p' "$0"
        exit 2
        ;;
    esac
    shift 2
done
# shellcheck source=tests/net/lib.sh
. "$(dirname "$(readlink -f "$0")")/../net/lib.sh"
watch=$(dirname "$(readlink -f "$0")")/carrier_watch.py
need jq

# add_port I JSON: interface cI of node cI, with a link to the next but one node, which has no port.
add_port() {
    rpc port.add "$(jq -cn --arg ref "c$1/c$1" --argjson m "$2" \
        '{interface: $ref, node_kind: "pod", carrier: true} + $m')" >/dev/null
    link "c$1/c$1" '{"to": "far/x"}'
}

mkdir "$work/v"
start_switch 'drivers = ["af_xdp", "vhost_user"];' "vhost_user = { socket_dir = \"$work/dir\"; };"
rpc node.add '{"name":"far","kind":"pod","interfaces":["x"]}' >/dev/null
pod a
for ((i = 0; i < many; i++)); do
    add_port "$i" "{\"backend\":\"af_xdp\",\"netns\":\"$(netns_path a)\",\"ifname\":\"c$i\"}"
done
for n in 1 "$many"; do
    in_pod a "$watch" af_xdp --links "$n" --rounds "$rounds"
done
for ((i = 0; i < many; i++)); do
    rpc port.del "{\"interface\":\"c$i/c$i\"}" >/dev/null
done
for n in 1 "$many"; do
    for ((i = 0; i < n; i++)); do
        add_port "$i" "{\"backend\":\"vhost_user\",\"socket\":\"$work/v/c$i.sock\"}"
    done
    "$watch" vhost_user --links "$n" --rounds "$rounds" --sockets "$work/v"
    for ((i = 0; i < n; i++)); do
        rpc port.del "{\"interface\":\"c$i/c$i\"}" >/dev/null
    done
    rm -f "$work"/v/*
done
