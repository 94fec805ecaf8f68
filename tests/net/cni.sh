# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# Calls of the CNI plugin as a runtime makes them; on top of lib.sh.
#   cni_conf JSON                         the network's configuration for the calls that follow
#   cni VERB POD IFNAME [NETNS]           result on stdout; status is the code of the error, 0 if none
#   attach POD IFNAME                     ADD that must succeed; its result is prevResult of later calls
cni_network=net-$instance
cni_conf_json={}
cni_id_tail=            # longer ids of containers
declare -A cni_prev=()   # POD/IFNAME: result of ADD
orrery_cni=$ORRERY_BUILD/cni-shim/orrery-cni
cni_path=$work:/usr/lib/cni

cni_conf() {
    cni_conf_json=$(jq -cn --arg n "$cni_network" --arg s "$ORRERY_SOCKET" --argjson more "$1" \
        '{cniVersion: "1.1.0", name: $n, type: "orrery-cni", socket: $s} + $more')
}

cni() {
    local verb=$1 name=$2 ifname=$3 ns=${4-$(netns_path "$2")} conf=$cni_conf_json prev status
    local out=$work/cni.out.$BASHPID
    prev=${cni_prev[$name/$ifname]-}
    if [[ $prev && $verb != ADD ]]; then
        conf=$(jq -c --argjson prev "$prev" '. + {prevResult: $prev}' <<<"$conf")
    fi
    if env -i CNI_COMMAND="$verb" CNI_CONTAINERID="id-$name$cni_id_tail" CNI_NETNS="$ns" CNI_IFNAME="$ifname" \
        CNI_PATH="$cni_path" CNI_ARGS="IgnoreUnknown=1;K8S_POD_NAME=$name" \
        "$orrery_cni" <<<"$conf" >"$out" 2>>"$work/cni.err"; then
        status=0
    else
        status=$(jq -r .code "$out")
    fi
    cat "$out"
    return "$status"
}

attach() {
    local result
    result=$(cni ADD "$1" "$2") || fail "ADD of $1/$2: $result"
    cni_prev[$1/$2]=$(jq -c . <<<"$result")
}

# code EXPECTED VERB POD IFNAME [NETNS]: the call ends with this code.
code() {
    local expected=$1 status=0
    shift
    cni "$@" >"$work/cni.answer" || status=$?
    ((status == expected)) || {
        echo "code $status, expected $expected: $(cat "$work/cni.answer")" >&2
        return 1
    }
}
