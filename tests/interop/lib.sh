# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# Routing daemons in pods, for the tests of this folder; on top of ../net/lib.sh.
. "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../net/lib.sh"

routers=() # names of FRR instances to end
frr_files=$(ls -d /run/frr/* 2>/dev/null || true) # ospf6d leaves files beside its own directory

# router_pod NAME: a namespace that forwards and whose loopback has fd00:NAME::1, NAME in hexadecimal.
router_pod() {
    local name
    for name; do
        pod "$name"
        in_pod "$name" sh -c '
            echo 1 >/proc/sys/net/ipv6/conf/all/forwarding
            echo 0 >/proc/sys/net/ipv6/conf/default/accept_dad'
        in_pod "$name" ip addr add "fd00:$name::1/128" dev lo
    done
}

# frr NAME DAEMON <CONFIG: zebra and DAEMON (ospf6d, isisd) in namespace NAME.
frr() {
    local name=$1 daemon=$2 id=$instance-$1
    install -d -o frr -g frr "/etc/frr/$id" "/run/frr/$id"
    routers+=("$id")
    echo "service integrated-vtysh-config" >"/etc/frr/$id/vtysh.conf"
    cat >"/etc/frr/$id/frr.conf"
    chown -R frr:frr "/etc/frr/$id"
    in_pod "$name" /usr/lib/frr/zebra -d -N "$id" -A 127.0.0.1 -s 1048576
    in_pod "$name" "/usr/lib/frr/$daemon" -d -N "$id" -A 127.0.0.1
    in_pod "$name" vtysh -N "$id" -b >"$work/vtysh-$name.log" 2>&1 || {
        cat "$work/vtysh-$name.log"
        fail "FRR did not take the configuration of $name"
    }
}

# ask NAME COMMAND: what the FRR of NAME says
ask() { vtysh -N "$instance-$1" -c "$2"; }

end_routers() {
    local id file
    for id in "${routers[@]}"; do
        for file in "/run/frr/$id"/*.pid; do
            [[ -s $file ]] || continue
            kill "$(<"$file")" 2>/dev/null || true
            wait_until 5 gone "$(<"$file")" || kill -KILL "$(<"$file")" 2>/dev/null || true
        done
        rm -rf "/run/frr/$id" "/etc/frr/$id"
    done
    routers=()
    for file in /run/frr/ospf6d*; do
        [[ ! -e $file || $'\n'$frr_files$'\n' == *$'\n'$file$'\n'* ]] || rm -f "$file"
    done
}
at_end end_routers
