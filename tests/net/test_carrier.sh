#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A pod that asked for it sees that its link is down: by hand, by node and link that go, while an
# ephemeris plays, after a restart; what it has configured stays. A DPDK pod sees it by its socket.
#
#   [a] eth0 ======== eth0 [b]        a follows its link, b does not
#
. "$(dirname "$(readlink -f "$0")")/lib.sh"
need jq

pod a b s
start_switch 'drivers = ["af_xdp", "vhost_user"];' "vhost_user = { socket_dir = \"$work/v\"; };"
carrier() { [[ $(interface "$1" "$2" '.flags | index("LOWER_UP") != null') == "$3" ]]; }
shown() { field .port.carrier_up port.show "{\"interface\":\"$1\"}"; }

port a/eth0 fd00::1/64 '{"carrier":true,"routes":[{"dst":"fd00:9::/64","via":"fd00::2"}]}'
ok "without a link there is no carrier" wait_until 5 carrier a eth0 false
port b/eth0 fd00::2/64
ok "off by default" carrier b eth0 true
wire a/eth0 b/eth0
ok "plugged in: it comes" wait_until 5 carrier a eth0 true
ok "port.show says so" equal "$(shown a/eth0)" true
ok "frames pass" wait_until 5 ping_ok a fd00::2
in_pod a ip -6 neigh replace fd00::7 lladdr 02:00:00:00:00:07 nud permanent dev eth0
before=$(in_pod a ip -6 -o addr show dev eth0 | sort; in_pod a ip -6 neigh show fd00::7; in_pod a ip -6 route show fd00:9::/64)

link a/eth0 '{"up":false}'
ok "link down: it goes" wait_until 5 carrier a eth0 false
ok "b's other direction and its carrier stay" carrier b eth0 true
refused "no frame passes" ping_ok a fd00::2
link b/eth0 '{"up":false}'
link a/eth0 '{"up":true}'
ok "the direction that arrives does not count" wait_until 5 carrier a eth0 true
link b/eth0 '{"up":true}'
ok "frames pass as before: no program was lost" wait_until 5 ping_ok a fd00::2
after=$(in_pod a ip -6 -o addr show dev eth0 | sort; in_pod a ip -6 neigh show fd00::7; in_pod a ip -6 route show fd00:9::/64)
ok "addresses, neighbours and routes are as they were" equal "$after" "$before"
rpc link.del '{"from":"a/eth0"}' >/dev/null
ok "link deleted: it goes" wait_until 5 carrier a eth0 false
link a/eth0 '{"to":"b/eth0"}'
ok "and comes back" wait_until 5 carrier a eth0 true
refused "a router's port cannot have it" rpc port.add \
    '{"interface":"r/x","backend":"vhost_user","node_kind":"router","carrier":true}'

# --- restart -------------------------------------------------------------------------------------
touch "$work/before"
link a/eth0 '{"up":false}'
ok "down before the restart" wait_until 5 carrier a eth0 false
ok "saved" wait_until 10 test "/run/orrery/$instance/links.records" -nt "$work/before"
background in_pod a ip monitor link >"$work/monitor"
sees() { in_pod a ip link set dev eth0 alias "probe$SECONDS" && grep -q eth0 "$work/monitor"; }
ok "somebody watches" wait_until 5 sees
stop_switch KILL || true
launch_switch
ok "after a restart port.show knows" equal "$(shown a/eth0)" false
ok "nobody saw it come" equal "$(grep -c 'LOWER_UP' "$work/monitor" || true)" 0
ok "still down" carrier a eth0 false
link a/eth0 '{"up":true}'
ok "up after the restart" wait_until 5 carrier a eth0 true
ok "which they saw" grep -q LOWER_UP "$work/monitor"
ok "frames pass" wait_until 5 ping_ok a fd00::2

# --- the port made anew ----------------------------------------------------------------------------
link a/eth0 '{"up":false}'
rpc port.del '{"interface":"a/eth0"}' >/dev/null
port a/eth0 fd00::1/64 '{"carrier":true}'
ok "a port made anew finds its link down" wait_until 5 carrier a eth0 false
link a/eth0 '{"up":true}'
ok "and up" wait_until 5 carrier a eth0 true
ok "frames pass" wait_until 5 ping_ok a fd00::2

# --- a DPDK pod ------------------------------------------------------------------------------------
# As QEMU and virtio-user do: the link is up while the socket is connected.
cat >"$work/front.py" <<'END'
import socket, sys
s = socket.socket(socket.AF_UNIX)
s.bind(sys.argv[1])
s.listen(1)
while True:
    peer = s.accept()[0]
    print("up", flush=True)
    while peer.recv(4096):
        pass
    peer.close()
    print("down", flush=True)
END
background python3 "$work/front.py" "$work/front.sock" >"$work/front"
said() { equal "$(tr '\n' ' ' <"$work/front")" "$1"; }
wait_until 5 test -S "$work/front.sock"
rpc port.add "{\"interface\":\"v/eth0\",\"backend\":\"vhost_user\",\"node_kind\":\"pod\",\"carrier\":true,
    \"socket\":\"$work/front.sock\"}" >/dev/null
ok "its port waits for the link" equal "$(field .port.reason port.show '{"interface":"v/eth0"}')" "its carrier is off"
link v/eth0 '{"to":"b/eth0"}'
ok "plugged in: link up" wait_until 5 said "up "
link v/eth0 '{"up":false}'
ok "link down" wait_until 5 said "up down "
link v/eth0 '{"up":true}'
ok "link up" wait_until 5 said "up down up "
refused "where the switch listens it cannot be shown" rpc port.add \
    '{"interface":"w/eth0","backend":"vhost_user","node_kind":"pod","carrier":true,"socket_server":true}'

# --- while an ephemeris plays ------------------------------------------------------------------------
for ref in a/eth0 b/eth0 v/eth0; do rpc port.del "{\"interface\":\"$ref\"}" >/dev/null; done
for name in a b v; do rpc node.del "{\"name\":\"$name\",\"force\":true}" >/dev/null || true; done
sed -e 's/^    planes = /    kind = "pod";\n&/' -e 's/{ *name = /{ kind = "pod"; name = /' \
    "$top/config/scenarios/iridium.scenario" >"$work/sky.scenario"
ok "a sky of pods compiles" orrery ephemeris build "$work/sky.scenario" -o "$work/sky.ephemeris" --duration 30min
ok "it plays" orrery play "$work/sky.ephemeris" --speed 60 --loop
# Links between satellites stay; those to the ground come and go.
mapfile -t refs < <(rpc interface.list '{"limit":2000}' | jq -r '.items[].ref | select(contains("/isl") | not)')
n=${#refs[@]}
ok "$n interfaces towards the ground" between 4 "$n" 100
for ((i = 0; i < n; i++)); do
    rpc port.add "$(jq -cn --arg r "${refs[i]}" --arg ns "$(netns_path s)" --arg i "c$i" \
        '{interface: $r, backend: "af_xdp", netns: $ns, ifname: $i, carrier: true}')" >/dev/null
done
background in_pod s ip -o monitor link >"$work/sky.monitor"
changes() { (($(grep -c 'c[0-9]*@' "$work/sky.monitor") >= 4)); }
ok "pods see links of the sky go or come" wait_until 40 changes
ok "pause" orrery play pause
agrees() {
    local i bad=0 up
    for ((i = 0; i < n; i++)); do
        up=$(rpc link.show "{\"from\":\"${refs[i]}\"}" 2>/dev/null | jq '.link | .up and .to != null') || up=false
        carrier s "c$i" "$up" || bad=$((bad + 1))
    done
    ((bad == 0))
}
ok "every carrier is that of its link" wait_until 10 agrees
