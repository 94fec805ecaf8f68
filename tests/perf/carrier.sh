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
mkdir "$work/v"
start_switch 'drivers = ["af_xdp", "vhost_user"];' "vhost_user = { socket_dir = \"$work/dir\"; };"
for n in 1 "$many"; do
    pod "p$n"
    in_pod "p$n" "$watch" af_xdp --links "$n" --rounds "$rounds"
    "$watch" vhost_user --links "$n" --rounds "$rounds" --sockets "$work/v"
    rm -f "$work"/v/*
done
