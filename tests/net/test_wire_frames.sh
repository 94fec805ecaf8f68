#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A wire passes any frame as it is: LLC (IS-IS), LLDP, bridge multicast, VLAN tags, unknown types, foreign
# addresses, from the shortest to the longest.
#
#   [a] eth0 ======== eth0 [b]      raw sockets at both ends
#
. "$(dirname "$0")/lib.sh"

pod a b
start_switch
port a/eth0 fd00::1/64
port b/eth0 fd00::2/64
wire a/eth0 b/eth0
ok "the wire works" wait_until 5 ping_ok a fd00::2

cat >"$work/frames" <<'PYTHON'
import sys
sys.path.insert(0, sys.argv[1])
from frames import Tap

a, b = Tap(sys.argv[2], "eth0"), Tap(sys.argv[3], "eth0")
here = bytes.fromhex("021122334455")
unicast = bytes.fromhex("02aabbccddee")


def mac(text):
    return bytes.fromhex(text.replace(":", ""))


ipv6 = bytes.fromhex("6000000000083a40") + bytes(32) + bytes(8)
frames = {
    "IS-IS hello (LLC)": mac("01:80:c2:00:00:15") + here + bytes.fromhex("0055fefe03831b01") + bytes(80),
    "spanning tree (LLC)": mac("01:80:c2:00:00:00") + here + bytes.fromhex("0026424203") + bytes(41),
    "SNAP (CDP)": mac("01:00:0c:cc:cc:cc") + here + bytes.fromhex("0030aaaa0300000c2000") + bytes(40),
    "LLDP": mac("01:80:c2:00:00:0e") + here + bytes.fromhex("88cc0207040211223344550403") + bytes(40),
    "pause": mac("01:80:c2:00:00:01") + here + bytes.fromhex("88080001ffff") + bytes(42),
    "slow protocol (LACP)": mac("01:80:c2:00:00:02") + here + bytes.fromhex("880901") + bytes(109),
    "VLAN tag": unicast + here + bytes.fromhex("81006064 86dd") + ipv6,
    "priority tag": unicast + here + bytes.fromhex("8100e000 86dd") + ipv6,
    "QinQ": unicast + here + bytes.fromhex("88a80064 810000c8 86dd") + ipv6,
    "MPLS": unicast + here + bytes.fromhex("8847 00064140") + bytes(60),
    "MACsec": unicast + here + bytes.fromhex("88e5 0c000000") + bytes(60),
    "ARP": b"\xff" * 6 + here + bytes.fromhex("08060001080006040001") + bytes(20),
    "IPv4": unicast + here + bytes.fromhex("080045") + bytes(60),
    "unknown type": unicast + here + bytes.fromhex("ffff") + bytes(range(100)),
    "source and destination equal": here + here + bytes.fromhex("88b5") + bytes(50),
    "zero addresses": bytes(12) + bytes.fromhex("88b5") + bytes(50),
    "bare header": unicast + here + bytes.fromhex("88b5"),
    "header and one byte": unicast + here + bytes.fromhex("88b501"),
    "60 bytes": unicast + here + bytes.fromhex("88b5") + bytes(46),
    "MTU": unicast + here + bytes.fromhex("88b5") + bytes(i % 251 for i in range(1500)),
    "MTU and a VLAN tag": unicast + here + bytes.fromhex("8100006488b5") + bytes(i % 249 for i in range(1500)),
}
bad = 0
for src, dst, way in ((a, b, "->"), (b, a, "<-")):
    for name, frame in frames.items():
        src.send(frame)
        if dst.expect(frame, 2):
            print(f"ok: {way} {name}, {len(frame)} bytes")
        else:
            print(f"not ok: {way} {name}, {len(frame)} bytes: did not arrive as it was sent")
            bad = 1
sys.exit(bad)
PYTHON
/usr/bin/python3 "$work/frames" "$net_dir" "$(netns_path a)" "$(netns_path b)"
