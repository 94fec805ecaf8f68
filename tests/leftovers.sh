# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# What tests and demos leave behind, by the names that they give: these hold the number of a process,
# "t123" (tests/net/lib.sh), "quickstart-123", "demo-123", "check-123". Sourced by quickstart.
#   leftovers_picture all       a line for each such thing on this machine
#   leftovers_picture orphaned  those whose process is gone: other people's runs may go on
#   leftovers_since FILE        what is orphaned now and does not stand in FILE, an earlier picture

# Reads "KIND NAME".
_leftovers_ours() {
    local kind name
    while read -r kind name; do
        [[ $name =~ (^|[^A-Za-z0-9])(t|quickstart-|demo-|check-)([0-9]+) ]] || continue
        [[ $1 == orphaned && -e /proc/${BASH_REMATCH[3]} ]] || echo "$kind $name"
    done
}

# Our BPF programs and maps (pmd/af_xdp/programs.bpf.c); orphaned: those that no process holds.
_leftovers_bpf() {
    local line
    declare -A held=()
    if [[ $1 == orphaned ]]; then
        while read -r line; do
            held[$line]=1
        done < <(cat /proc/[0-9]*/fdinfo/* 2>/dev/null |
            sed -n 's/^prog_id:\t/BPF-program /p; s/^map_id:\t/BPF-map /p' | sort -u)
    fi
    {
        bpftool -j prog show | jq -r '.[] | select(.name | IN("host_in", "socket_in", "hub_out", "shard_out")) |
            "BPF-program \(.id)"'
        bpftool -j map show | jq -r '.[] | select(.name | IN("ports", "port_drops", "counters", "trunks", "sockets")) |
            "BPF-map \(.id)"'
    } 2>/dev/null | while read -r line; do
        [[ ${held[$line]-} ]] || echo "$line"
    done
}

leftovers_picture() {
    local mounts
    mapfile -t mounts < <(awk '$3 == "hugetlbfs" { print $2 }' /proc/mounts)
    {
        {
            ip netns list | awk '{ print "namespace", $1 }'
            ip -o link show | awk -F': ' '{ sub(/@.*/, "", $2); print "interface", $2 }'
            find /sys/fs/bpf -mindepth 1 -printf 'BPF-pin %p\n'
            find /run/orrery /run/dpdk "${mounts[@]}" -mindepth 1 -printf 'file %p\n'
            find /tmp -maxdepth 1 -name 'orrery-*' -printf 'file %p\n' # with sockets in them
        } | _leftovers_ours "$1"
        # ids name nobody: with another run under way they may be of a switch that it killed
        [[ $1 == orphaned && $(ip netns list | awk '{ print "namespace", $1 }' | _leftovers_ours all) ]] ||
            _leftovers_bpf "$1"
    } 2>/dev/null | sort -u || true # what vanishes meanwhile is no error
}

leftovers_since() { comm -13 "$1" <(leftovers_picture orphaned); }
