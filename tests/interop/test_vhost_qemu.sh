#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A virtual machine as a node: QEMU with a Debian kernel and busybox, its virtio-net served by the
# switch, and an ordinary pod at the other end of a link.
#
#   guest [g] eth0 fd00::1 ======== fd00::2 eth0 [p] pod
#
. "$(dirname "$0")/lib.sh"

need qemu-system-x86_64 busybox cpio gzip jq dpkg-deb apt-get iperf3

# The kernel comes from its package: VHOST_KERNEL_DEB, or it is downloaded.
cd "$work"
deb=${VHOST_KERNEL_DEB:-}
if [[ ! $deb ]]; then
    package=$(apt-cache depends linux-image-cloud-amd64 2>/dev/null | awk '$1 == "Depends:" { print $2; exit }')
    [[ $package ]] || skip "no package linux-image-cloud-amd64 is known"
    apt-get download -q "$package" >"$work/apt.log" 2>&1 || skip "the kernel's package cannot be had"
    deb=$(echo "$work/$package"_*.deb)
fi
dpkg-deb -x "$deb" "$work/kernel"
rm -f "$work"/*.deb
kernel=$(echo "$work"/kernel/boot/vmlinuz-*)
modules=$(echo "$work"/kernel/lib/modules/*/kernel)

# What the guest runs: network up, then a shell on the console.
make_initramfs() {
    local root=$work/root module lib
    mkdir -p "$root"/{bin,proc,sys,dev,lib,lib64,tmp}
    cp "$(command -v busybox)" "$root/bin/busybox"
    cp "$(command -v iperf3)" "$root/bin/iperf3"
    for lib in $(ldd "$(command -v iperf3)" | grep -o '/[^ ]*'); do
        mkdir -p "$root/$(dirname "$lib")"
        cp -L "$lib" "$root/$lib"
    done
    # in this order
    local names=(drivers/virtio/virtio_ring drivers/virtio/virtio drivers/virtio/virtio_pci_legacy_dev
        drivers/virtio/virtio_pci_modern_dev drivers/virtio/virtio_pci net/core/failover
        drivers/net/net_failover drivers/net/virtio_net)
    for module in "${names[@]}"; do
        cp "$modules/$module.ko" "$root/lib/"
    done
    {
        echo '#!/bin/busybox sh'
        echo '/bin/busybox --install -s /bin'
        echo 'mount -t proc p /proc; mount -t sysfs s /sys; mount -t devtmpfs d /dev'
        for module in "${names[@]}"; do
            echo "insmod /lib/${module##*/}.ko"
        done
        echo 'ip link set lo up'
        echo 'echo 0 >/proc/sys/net/ipv6/conf/eth0/accept_dad'
        echo 'ip link set eth0 up; ip -6 addr add fd00::1/64 dev eth0'
        echo 'echo GUEST-READY'
        echo 'exec sh'
    } >"$root/init"
    chmod +x "$root/init"
    (cd "$root" && find . | cpio -o -H newc 2>/dev/null | gzip -1) >"$work/initramfs.gz"
}

guest_pid=
guest_n=0
# start_guest CHARDEV-OPTIONS: its console is in $work/console, its input a pipe.
start_guest() {
    guest_n=$((guest_n + 1))
    mkfifo "$work/in.$guest_n"
    sleep 1000000 >"$work/in.$guest_n" &
    helpers+=($!)
    : >"$work/console"
    # no MSI-X: QEMU 7.2 ends with a fault when it emulates the processor and vhost-user is used
    qemu-system-x86_64 -name "$instance" -M q35 -accel tcg -cpu max -m 256 -smp 1 -nodefaults \
        -no-user-config -display none -serial stdio \
        -object memory-backend-memfd,id=m0,size=256M,share=on -machine memory-backend=m0 \
        -chardev "socket,id=c0,path=$work/g.sock,$1" -netdev vhost-user,id=n0,chardev=c0 \
        -device virtio-net-pci,netdev=n0,mac=02:00:00:00:00:01,romfile=,vectors=0 \
        -kernel "$kernel" -initrd "$work/initramfs.gz" \
        -append 'console=ttyS0 quiet panic=-1 tsc=reliable' \
        <"$work/in.$guest_n" >"$work/console" 2>"$work/qemu.log" &
    guest_pid=$!
}
kill_guest() {
    [[ $guest_pid ]] || return 0
    kill -KILL "$guest_pid" 2>/dev/null || true
    wait "$guest_pid" 2>/dev/null || true
    guest_pid=
}
show_console() { [[ ! -s $work/console ]] || tail -n 20 "$work/console" "$work/qemu.log"; }
at_end kill_guest

ready() { (($(grep -c GUEST-READY "$work/console") == ${1:-1})); }
guest() { echo "$*" >"$work/in.$guest_n"; }
answers=0
# guest_says COMMAND: what it prints, in one line.
guest_says() {
    answers=$((answers + 1))
    guest "echo A""NSWER-$answers \$($1) END"
    wait_until 20 grep -q "ANSWER-$answers .*END" "$work/console" || return 1
    sed -n "s/.*ANSWER-$answers \(.*\) END.*/\1/p" "$work/console" | tail -n 1
}
carrier_is() { [[ $(guest_says 'cat /sys/class/net/eth0/carrier') == "$1" ]]; }
state_is() { [[ $(field .port.state port.show '{"interface":"g/eth0"}') == "$1" ]]; }

make_initramfs
pod p
start_switch "vhost_user = { socket_dir = \"$work/v\"; };"
port p/eth0 fd00::2/64
rpc port.add "{\"interface\":\"g/eth0\",\"backend\":\"vhost_user\",\"node_kind\":\"pod\",
    \"mac\":\"02:00:00:00:00:01\",\"socket\":\"$work/g.sock\"}" >/dev/null
wire g/eth0 p/eth0

# --- QEMU listens ---------------------------------------------------------------------------------

start_guest server=on,wait=off
ok "the guest boots" wait_until 90 ready
ok "its port is up" wait_until 10 state_is up
ok "the pod reaches the guest" wait_until 20 ping_ok p fd00::1
pings() { in_pod p ping -6 -n -q -W 5 "$@" fd00::1 | grep -q ' 0% packet loss'; }
ok "100 pings in a row, none lost" pings -i 0.02 -c 100
ok "and with the MTU" pings -s 1452 -c 5 -i 0.1
ok "fragments too" pings -s 5000 -c 3 -i 0.1
ok "the guest's link is up" wait_until 10 carrier_is 1
guest 'iperf3 -s -D'
throughput() { in_pod p iperf3 -6 -c fd00::1 -t 3 -J | jq '.end.sum_received.bits_per_second / 1e6 | floor'; }
mbits=0
try_iperf() { mbits=$(throughput) && ((mbits > 1)); }
ok "TCP from the pod to the guest" wait_until 20 try_iperf
note "$mbits Mbit/s"

guest 'reboot -f'
ok "the guest reboots" wait_until 90 ready 2
ok "and is reached again" wait_until 20 ping_ok p fd00::1

background in_pod p ping -6 -n -q -i 0.02 fd00::1 >/dev/null
stop_switch KILL || true
ok "without a switch the guest's link is down" wait_until 20 carrier_is 0
launch_switch
ok "the restarted switch finds the guest" wait_until 20 state_is up
ok "its link is up again" wait_until 20 carrier_is 1
ok "and it is reached" wait_until 20 ping_ok p fd00::1

kill_guest
ok "a killed guest's port waits" wait_until 10 state_is waiting
rm -f "$work/g.sock"
start_guest server=on,wait=off
ok "a new one boots" wait_until 90 ready
ok "and is reached" wait_until 20 ping_ok p fd00::1
kill_guest
rpc port.del '{"interface":"g/eth0"}' >/dev/null
rm -f "$work/g.sock"

# --- QEMU connects --------------------------------------------------------------------------------

rpc port.add "{\"interface\":\"g/eth0\",\"backend\":\"vhost_user\",\"mac\":\"02:00:00:00:00:01\",
    \"socket\":\"$work/g.sock\",\"socket_server\":true}" >/dev/null
start_guest reconnect=1
ok "the switch listens: the guest boots" wait_until 90 ready
ok "the switch listens: the guest is reached" wait_until 20 ping_ok p fd00::1
stop_switch KILL || true
launch_switch
ok "the switch listens, restarted: the guest is reached" wait_until 30 ping_ok p fd00::1
kill_guest
