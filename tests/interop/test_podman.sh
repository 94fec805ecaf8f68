#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# podman with its CNI backend attaches containers through orrery-cni: two talk over a link with a delay,
# a third asks for its own addresses, a second network is plugged in and out, errors reach the user.
# podman's storage, state and network namespace are the test's own.
#
#   [sat-1] eth0 ---- 10 ms ---- eth0 [sat-2]        [sat-3] fd00:7::77
#
. "$(dirname "$0")/lib.sh"
need podman runc busybox jq
podman --version | grep -q ' version 4\.' || skip "podman 4 has a CNI backend, this is $(podman --version)"
file_is_static() { ! ldd "$1" >/dev/null 2>&1; }
file_is_static "$(command -v busybox)" || skip "busybox is not the static one (package busybox-static)"

networks=("leo-$instance" "geo-$instance")
# folders that podman makes wherever its own are
made=()
for dir in /var/lib/cni/results /var/lib/cni /var/lib/containers/cache /var/lib/containers /run/runc; do
    [[ -d $dir ]] || made+=("$dir")
done
cgroups() { find /sys/fs/cgroup -type d -name 'libpod*' 2>/dev/null | sort; }
cgroups >"$work/cgroups.before"

# PODMAN [ARGUMENT...]: as on a machine that has nothing but the namespace "node"
container() {
    CONTAINERS_CONF=$work/containers.conf HOME=$work/home XDG_RUNTIME_DIR=$work/xdg nsenter --net="$(netns_path node)" \
        timeout 60 podman --root "$work/root" --runroot "$work/run" --tmpdir "$work/tmp" "$@"
}

# conmon, which ends a little after its container
no_monitors() { ! grep -lsF "$work/run" /proc/[0-9]*/cmdline; }

end_podman() {
    local file
    container rm -fa -t 0 >/dev/null 2>&1
    container system reset -f >/dev/null 2>&1
    for file in "${networks[@]}"; do
        rm -f "/var/lib/cni/results/$file-"*
    done
    wait_until 10 no_monitors
    for file in "${made[@]}"; do
        rm -f "$file/blob-info-cache-v1.boltdb"
        rmdir "$file" 2>/dev/null
    done
    awk -v w="$work/" 'index($2, w) == 1 { print $2 }' /proc/mounts | sort -r | while read -r file; do
        umount -l "$file"
    done
    comm -13 "$work/cgroups.before" <(cgroups) | sort -r | while read -r file; do
        rmdir "$file" 2>/dev/null
    done
    return 0
}
at_end end_podman

# --- the node ------------------------------------------------------------------------------------
pod node
start_switch
mkdir -p "$work/home" "$work/net.d" "$work/bin" "$work/xdg" "$work/image/bin" "$work/image/etc" "$work/image/proc" "$work/image/sys"
cp "$ORRERY_BUILD/cni-shim/orrery-cni" "$work/bin/"
cat >"$work/containers.conf" <<END
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
[network]
network_backend = "cni"
cni_plugin_dirs = ["$work/bin"]
network_config_dir = "$work/net.d"
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
runtime = "runc"
END
# network NAME PREFIX [JSON]
network() {
    jq -n --arg n "$1" --arg s "$ORRERY_SOCKET" --arg p "$2" --argjson more "${3:-{\}}" \
        '{cniVersion: "1.0.0", name: $n, plugins: [{type: "orrery-cni", socket: $s, prefix: $p,
          capabilities: {ips: true, mac: true}} + $more]}' >"$work/net.d/$1.conflist"
}
network "${networks[0]}" fd00:7::/64
network "${networks[1]}" fd00:8::/64

cp "$(command -v busybox)" "$work/image/bin/"
for name in sh sleep ping ip cat grep; do ln -s busybox "$work/image/bin/$name"; done
echo 'root:x:0:0::/:/bin/sh' >"$work/image/etc/passwd"
tar -C "$work/image" -cf "$work/image.tar" .
container import --change 'CMD ["/bin/sleep","100000"]' "$work/image.tar" localhost/bb:1 >"$work/podman.log" 2>&1 ||
    fail "podman import: $(cat "$work/podman.log")"

# start NAME NETWORK[:OPTIONS] [OPTION...]
start() {
    local name=$1 net=$2
    shift 2
    container run -d --name "$name" --network "$net" "$@" localhost/bb:1 >"$work/podman.log" 2>&1 ||
        { cat "$work/podman.log"; return 1; }
}
address() { field '.port.addresses[0] | split("/")[0]' port.show "{\"interface\":\"$1\"}"; }

# --- two containers and a link -------------------------------------------------------------------
ok "podman starts a container on the network" start sat-1 "${networks[0]}"
ok "and another" start sat-2 "${networks[0]}"
ok "the switch has both" equal "$(field '[.items[].interface] | sort | join(" ")' port.list)" "sat-1/eth0 sat-2/eth0"
wire sat-1/eth0 sat-2/eth0 '{"delay_ns":10000000}'
far=$(address sat-2/eth0)
seen() { container exec "$1" ping -6 -c 1 -W 1 "$2"; }
ok "sat-1 reaches sat-2" wait_until 5 seen sat-1 "$far"
# Not by podman exec, which loses at times what a command says: this machine's ping, where sat-1 is.
rtt=
measure() {
    rtt=$(nsenter --net="/proc/$(container inspect --format '{{.State.Pid}}' sat-1)/ns/net" \
        ping -6 -q -c 5 "$far" | sed -n 's|.*min/avg/max/mdev = \([0-9.]*\)/.*|\1|p')
    [[ $rtt ]]
}
wait_until 20 measure || true
ok "over the link: $rtt ms" between 20 "$rtt" 21.5
ok "podman knows its address" contains \
    "$(container inspect sat-2 | jq -c '.[0].NetworkSettings.Networks')" "$far"

# --- asked for -----------------------------------------------------------------------------------
ok "a container with its own addresses" start sat-3 "${networks[0]}:ip6=fd00:7::77,mac=02:00:00:00:00:77"
ok "has the IPv6 address" equal "$(address sat-3/eth0)" fd00:7::77
ok "and the MAC address" equal "$(field .port.mac port.show '{"interface":"sat-3/eth0"}')" 02:00:00:00:00:77

# --- a second interface, plugged in and out ------------------------------------------------------
ok "podman network connect" container network connect "${networks[1]}" sat-1
has_eth1() { container exec sat-1 sh -c "ip addr show eth1 | grep -q 'inet6 fd00:8:'"; }
ok "sat-1/eth1 is there" has_eth1
ok "podman network disconnect" container network disconnect "${networks[1]}" sat-1
refused "sat-1/eth1 is gone" rpc port.show '{"interface":"sat-1/eth1"}'
ok "sat-1 still reaches sat-2" seen sat-1 "$far"

# --- errors --------------------------------------------------------------------------------------
network "${networks[1]}" fd00:8::/64 '{"mtu":100}'
refused "a configuration that is wrong" start sat-4 "${networks[1]}"
ok "the user reads which key" contains "$(cat "$work/refused")" "mtu: expected a whole number"
network "${networks[1]}" fd00:8::/64 '{"node":"sat-2","interface":"eth0"}'
refused "a name that is taken" start sat-5 "${networks[1]}"
ok "the user reads whose" contains "$(cat "$work/refused")" "has a port already"
ok "it left nothing" equal "$(field .total port.list)" 3

# --- the end -------------------------------------------------------------------------------------
ok "podman stop" container stop -t 0 sat-2
ok "the port went with the container" equal "$(field '[.items[].interface] | sort | join(" ")' port.list)" "sat-1/eth0 sat-3/eth0"
ok "podman start" container start sat-2
ok "with the same address" equal "$(address sat-2/eth0)" "$far"
ok "and the same link" wait_until 5 seen sat-1 "$far"
kill -KILL "$switch_pid"
wait_until 5 gone "$switch_pid"
ok "without a switch containers can be removed" container rm -f -t 0 sat-3
switch_pid=
launch_switch
ok "the next switch has the others" equal "$(field '[.items[].interface] | sort | join(" ")' port.list)" "sat-1/eth0 sat-2/eth0"
ok "all go" container rm -fa -t 0
ok "and nothing is left" equal "$(field .total port.list)" 0
