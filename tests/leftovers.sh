# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# What tests and demos leave behind, by the names that they give: these hold the number of a process,
# "t123" (tests/net/lib.sh), "quickstart-123", "demo-123", "check-123". Sourced by quickstart.
#   leftovers_picture all       a line for each such thing on this machine
#   leftovers_picture orphaned  those whose process is gone: other people's runs may go on
#   leftovers_since FILE        what is orphaned now and does not stand in FILE, an earlier picture

# Reads "KIND NAME". Other people have a "t1", too, or a "demo-20260101": what is orphaned has the number
# of a process that may have come after this one; the kernel begins again at 300.
_leftovers_ours() {
    local kind name number min=$(($$ < 300 ? $$ : 300)) max
    max=$(</proc/sys/kernel/pid_max)
    while read -r kind name; do
        [[ $name =~ (^|[^A-Za-z0-9])(t|quickstart-|demo-|check-)([1-9][0-9]{0,8})($|map_|[^A-Za-z0-9]) ]] || continue
        number=${BASH_REMATCH[3]}
        [[ $1 == orphaned ]] && ((number < min || number > max)) && continue
        [[ $1 == orphaned && -e /proc/$number ]] || echo "$kind $name"
    done
}

# Our BPF programs (pmd/af_xdp/programs.bpf.c), which hold the maps; orphaned: those that no process holds.
_leftovers_bpf() {
    local line
    declare -A held=()
    if [[ $1 == orphaned ]]; then
        while read -r line; do
            held[$line]=1
        done < <(printf '%s\0' /proc/[0-9]*/fdinfo/* | xargs -0 cat 2>/dev/null | # too many for one call
            sed -n 's/^prog_id:\t/BPF-program /p' | sort -u)
    fi
    bpftool -j prog show 2>/dev/null |
        jq -r '.[] | select(.name | IN("host_in", "socket_in", "hub_out", "shard_out")) | "BPF-program \(.id)"' 2>/dev/null |
        while read -r line; do
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
            # with sockets in them; unit tests have names at random
            find /tmp -maxdepth 1 \( -name 'orrery-t[0-9]*' -o -name 'orrery-demo-*' \) -printf 'file %p\n'
        } | _leftovers_ours "$1"
        # ids name nobody: with another run under way they may be of a switch that it killed
        [[ $1 == orphaned && $(ip netns list | awk '{ print "namespace", $1 }' | _leftovers_ours all) ]] ||
            _leftovers_bpf "$1"
    } 2>/dev/null | sort -u || true # what vanishes meanwhile is no error
}

leftovers_since() { comm -13 "$1" <(leftovers_picture orphaned); }
