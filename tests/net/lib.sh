# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# What the net tests share: a switch of the test's own, pods in namespaces of its own, waiting on
# conditions, and a clean-up that also checks that nothing was left behind.
#
# A test is a script that sources this file and runs top to bottom; the first failing command ends it.
#   start_switch                      its own instance, socket and log; ends with the test
#   pod a                             a network namespace standing for a pod; in_pod a COMMAND...
#   port a/eth0 fd00::1/64            attaches namespace a to interface a/eth0 of a pod node
#   wire a/eth0 b/eth0 '{"delay_ns":20000000}'   a link each way
#   rpc METHOD 'PARAMS'               prints the result; fails with the error on stderr
#   ok WHAT COMMAND...                the command must succeed; refused WHAT COMMAND...: must fail
#   wait_until SECONDS COMMAND...     until the command succeeds
set -euo pipefail

net_dir=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
top=$(readlink -f "$net_dir/../..")
ORRERY_BUILD=$(readlink -f "${ORRERY_BUILD:-$top/build}")
export PATH=$ORRERY_BUILD/vswitch:$ORRERY_BUILD/ctl:$ORRERY_BUILD/cni-shim:$PATH
export LC_ALL=C.UTF-8

readonly instance=t$$ # names everything of this test; short, since kernel names are
work=$(mktemp -d "/tmp/orrery-$instance.XXXXXX")
export ORRERY_SOCKET=$work/orrery.sock
switch_pid=
pods=()      # namespaces to remove
pod_ids=()   # and what /proc calls them: "net:[4026532281]"
helpers=()   # background processes to end
bpf_ids=()   # "prog 17": what the switch loaded, seen before it stopped
at_ends=()   # functions to call first when the test ends

# --- saying ------------------------------------------------------------------------------------

note() { echo "    $*"; }
fail() {
    echo "not ok: $*" >&2
    exit 1
}
skip() {
    echo "skip: $*"
    exit 77
}
ok() {
    local what=$1
    shift
    "$@" || fail "$what ($*)"
    echo "ok: $what"
}
refused() {
    local what=$1
    shift
    if "$@" >"$work/refused" 2>&1; then
        fail "$what: succeeded ($*)"
    fi
    echo "ok: $what: $(tail -n 1 "$work/refused")"
}
not() { ! "$@"; }
need() {
    local program
    for program; do
        command -v "$program" >/dev/null || skip "the program $program is not installed"
    done
}

# --- waiting and comparing ---------------------------------------------------------------------

# wait_until SECONDS COMMAND...
wait_until() {
    local end=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        ((SECONDS < end)) || return 1
        sleep 0.05
    done
}
gone() { [[ ! -e /proc/$1 || $(sed 's/.*) //; s/ .*//' "/proc/$1/stat" 2>/dev/null) == Z ]]; }
# between LOW VALUE HIGH, decimal numbers
between() { awk -v l="$1" -v v="$2" -v h="$3" 'BEGIN { exit !(v != "" && l + 0 <= v + 0 && v + 0 <= h + 0) }'; }
equal() { [[ $1 == "$2" ]] || { echo "is '$1', expected '$2'" >&2; return 1; }; }
contains() { [[ $1 == *"$2"* ]] || { echo "no '$2' in: $1" >&2; return 1; }; }

# --- the switch --------------------------------------------------------------------------------

# write_config [LINE...]: further lines of configuration.
write_config() {
    {
        printf 'instance = "%s";\n' "$instance"
        printf 'socket = { path = "%s"; };\n' "$ORRERY_SOCKET"
        printf '%s\n' "$@"
    } >"$work/orrery.conf"
}

switch_up() { rpc version '{}'; }

launch_switch() {
    orrery-vswitch -c "$work/orrery.conf" >>"$work/switch.log" 2>&1 &
    switch_pid=$!
    local end=$((SECONDS + 60))
    until switch_up >/dev/null 2>&1; do
        gone "$switch_pid" && fail "the switch ended at its start"
        ((SECONDS < end)) || fail "the switch does not answer after 60 s"
        sleep 0.05
    done
}

start_switch() {
    write_config "$@"
    launch_switch
}

# What stop_switch found: the switch's exit status.
switch_status=0

# Ids of the BPF programs and maps that the switch holds.
remember_bpf() {
    local id
    [[ $switch_pid && -d /proc/$switch_pid/fdinfo ]] || return 0
    while read -r id; do
        bpf_ids+=("$id")
    done < <(sed -n 's/^\(prog\|map\)_id:\t/\1 /p' "/proc/$switch_pid"/fdinfo/* 2>/dev/null | sort -u)
}

# stop_switch [SIGNAL]: TERM unless said otherwise.
stop_switch() {
    local signal=${1:-TERM} pid=$switch_pid
    [[ $pid ]] || return 0
    remember_bpf
    kill "-$signal" "$pid" 2>/dev/null || true
    if ! wait_until 15 gone "$pid"; then
        kill -KILL "$pid" 2>/dev/null || true
        wait_until 5 gone "$pid" || true
        switch_pid=
        echo "not ok: the switch did not stop within 15 s of SIG$signal" >&2
        return 1
    fi
    switch_status=0
    # shellcheck disable=SC2034
    wait "$pid" 2>/dev/null || switch_status=$?
    switch_pid=
}

rpc() { "$net_dir/rpc.py" "$@"; }
# field JQ-FILTER METHOD PARAMS
field() { rpc "$2" "${3-}" | jq -r "$1"; }

# --- pods and links ----------------------------------------------------------------------------

netns() { echo "$instance-$1"; }
netns_path() { echo "/run/netns/$instance-$1"; }

pod() {
    local name
    for name; do
        ip netns add "$(netns "$name")"
        pods+=("$(netns "$name")")
        pod_ids+=("net:[$(stat -L -c %i "$(netns_path "$name")")]")
        in_pod "$name" ip link set lo up
    done
}

in_pod() {
    local name=$1
    shift
    nsenter --net="$(netns_path "$name")" "$@"
}

# interface POD IFACE JQ-FILTER: of what ip knows about it. (/sys would show the host's interfaces.)
interface() { in_pod "$1" ip -d -j link show dev "$2" | jq -r ".[0] | $3"; }

# port NODE/IFACE ADDRESS/LEN [JSON]: plugs namespace POD (default: the node's name) in as IFACE.
# JSON: further members of port.add, such as {"mtu":1400}; {"pod":"x"} names another namespace.
port() {
    local ref=$1 address=$2 more=${3:-{\}} pod_name
    pod_name=$(jq -r --arg d "${ref%%/*}" '.pod // $d' <<<"$more")
    rpc port.add "$(jq -cn --arg ref "$ref" --arg ns "$(netns_path "$pod_name")" --arg a "$address" \
        --arg ifname "${ref##*/}" --argjson more "$more" \
        '{interface: $ref, backend: "af_xdp", node_kind: "pod", netns: $ns, ifname: $ifname,
          addresses: [$a]} + ($more | del(.pod))')" >/dev/null
}

# wire A B [JSON]: a link each way with these parameters.
wire() {
    local more=${3:-{\}}
    link "$1" "$(jq -cn --arg b "$2" --argjson m "$more" '{to: $b, reverse: true} + $m')"
}
# link FROM JSON: sets what JSON names.
link() {
    rpc link.set "$(jq -cn --arg a "$1" --argjson m "$2" '{from: $a} + $m')" >/dev/null
}

# drops FROM REASON: frames that the link dropped for this reason.
drops() { field ".link.stats.drops.$2 // 0" link.show "{\"from\":\"$1\"}"; }

# ping_ok POD ADDRESS [OPTION...]: one answer within a second.
ping_ok() {
    local name=$1 address=$2
    shift 2
    in_pod "$name" ping -6 -n -q -c 1 -W 1 "$@" "$address" >/dev/null
}

# rtt_ms POD ADDRESS: the least of several round trips, so that a busy machine does not count.
rtt_ms() {
    in_pod "$1" ping -6 -n -q -i 0.05 -c "${3:-10}" -W 3 "$2" |
        sed -n 's|^rtt [^=]*= \([0-9.]*\)/.*|\1|p'
}

# at_end FUNCTION: called first when the test ends, however it ends.
at_end() { at_ends+=("$1"); }

# background COMMAND...: ends with the test. Its process is $!: in_pod's is the program's own, since
# ending a shell that waits for it would leave the program.
background() {
    if [[ $1 == in_pod ]]; then
        nsenter --net="$(netns_path "$2")" "${@:3}" &
    else
        "$@" &
    fi
    helpers+=($!)
}

# --- the end -----------------------------------------------------------------------------------

leftovers() {
    local id
    ip netns list 2>/dev/null | grep -Fw "$instance" | sed 's/^/namespace /'
    ip -o link show | awk -F': ' '{ print $2 }' | grep -Fw "$instance" | sed 's/^/interface /'
    for id in "${bpf_ids[@]}"; do
        # shellcheck disable=SC2086 # two words
        if bpftool ${id% *} show id "${id#* }" >/dev/null 2>&1; then
            echo "BPF $id"
        fi
    done
    find /sys/fs/bpf -path "*$instance*" 2>/dev/null | sed 's/^/BPF pin /'
    find /run/orrery /dev/hugepages /var/run/dpdk -path "*$instance*" 2>/dev/null | sed 's/^/file /'
    [[ ! -e $ORRERY_SOCKET ]] || echo "socket $ORRERY_SOCKET"
    # by pattern file, or grep would find itself
    grep -lsFw -f <(echo "$instance") /proc/[0-9]*/cmdline | sed 's/^/process /'
    ((${#pod_ids[@]} == 0)) || find /proc/[0-9]*/ns/net -printf '%p %l\n' 2>/dev/null |
        grep -F -f <(printf '%s\n' "${pod_ids[@]}") | sed 's/^/process in a pod /'
    return 0
}

# What a failed test left after all, so that it does not stand in the way of others.
sweep() {
    local name
    for name in $(ip netns list 2>/dev/null | awk '{ print $1 }' | grep -Fw "$instance"); do
        ip netns del "$name"
    done
    rm -rf "/run/orrery/$instance" "/run/orrery/$instance".{lock,sock} "/run/orrery/$instance-vhost"
}

finish() {
    local status=$? pid name left
    trap - EXIT
    set +e
    ((status == 0 || status == 77)) || {
        echo "--- the switch's log ends with:"
        tail -n 30 "$work/switch.log" 2>/dev/null
        echo "---"
    }
    local function
    for function in "${at_ends[@]}"; do
        $function
    done
    for pid in "${helpers[@]}"; do
        kill "$pid" 2>/dev/null
    done
    for pid in "${helpers[@]}"; do
        wait "$pid" 2>/dev/null
    done
    stop_switch TERM || status=1
    for name in "${pods[@]}"; do
        ip netns del "$name" 2>/dev/null
    done
    for ((pid = 0; pid < 100; pid++)); do # the kernel frees BPF objects a little later
        left=$(leftovers)
        [[ $left ]] || break
        sleep 0.05
    done
    if [[ $left ]]; then
        echo "not ok: left behind:"
        echo "$left"
        ((status)) || status=1
    fi
    sweep
    rm -rf --one-file-system "$work"
    exit "$status"
}
trap finish EXIT
trap 'exit 143' TERM HUP
trap 'exit 130' INT
