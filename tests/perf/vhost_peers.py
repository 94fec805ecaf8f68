#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Frames between two vhost-user ports on one core: Orrery beside dpdk-testpmd and OVS-DPDK.

    sudo tests/perf/vhost_peers.py [--systems A,B,...] [--rounds N] [--window MS] [--size BYTES]
                                   [--rate PPS] [--burst N] [--json]

orrery-podsim sends to all of them, on CPU 0; the switch's one worker has CPU 1. All systems are started
first and then take turns: the others are stopped (SIGSTOP) meanwhile. Between windows
orrery-bench-cores says how far the two CPUs are from each other; figures are summed up by that distance,
and ratios compare medians taken at the same one. A window counts when both threads had 95 % of their CPU.

Systems, each at 64-byte IPv6 frames unless --size says otherwise:
    orrery         router with 10,000 prefixes, 100,000 flows, and a link, each way
    orrery-1       the same, one flow
    orrery-wire    a link each way and nothing else, 100,000 flows
    testpmd        --forward-mode=io, 100,000 flows
    ovs            in_port -> output, one flow: its best case
    ovs-normal     NORMAL (learning), one flow
    ovs-1000       1,000 prefixes, 100,000 flows
and each with "-packed" behind its name, and with ":N" behind that: N connected ports without traffic
besides the two. "orrery:N@B": B busy ports instead of two, in pairs; the flows are shared among them.
Needs 2 MiB hugepages (some 3,000 for all systems), the packages dpdk and openvswitch-switch-dpdk.
"""
import argparse
import glob
import json
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

from lab import BUILD, Client, busiest, resident_kib, schedstat, wait_for

ROUTER_MAC = "02:00:5e:00:00:01"
OVS = "/usr/lib/openvswitch-switch-dpdk/ovs-vswitchd-dpdk"
CPU_SHARE_MIN = 0.95
LABEL = re.compile(r"([a-z0-9-]+)(?::(\d+))?(?:@(\d+))?")


def say(text):
    print(text, file=sys.stderr, flush=True)


def distance():
    """Nanoseconds a cache line takes from one CPU to the other."""
    out = subprocess.run([os.path.join(BUILD, "tests/perf/orrery-bench-cores"), "0", "1", "30"],
                         capture_output=True, text=True, check=True).stdout
    return float(out)


def place(before, after):
    def name(ns):
        return "smt" if ns < 40 else "near" if ns < 120 else "far"
    return name(before) if name(before) == name(after) else "moved"


class System:
    """A switch and its generator."""
    name = ""
    flows, prefixes, dst_mac = 100000, 1, None
    needs = ()

    def __init__(self, options, label):
        name, idle, busy = LABEL.fullmatch(label).groups()
        self.packed, self.idle, self.busy = name.endswith("-packed"), int(idle or 0), int(busy or 2)
        self.options, self.label, self.tag = options, label, re.sub("[:@]", "-", label)
        self.work = tempfile.mkdtemp(prefix="orrery-peers.")
        self.pids, self.children = [], []

    def path(self, n="%d"):
        return f"{self.work}/p{n}"

    def spawn(self, argv, log, **more):
        with open(f"{self.work}/{log}.log", "wb") as out:
            child = subprocess.Popen(argv, stdout=more.pop("stdout", out), stderr=out, **more)
        self.children.append(child)
        return child

    def start_generator(self):
        ports = self.busy + self.idle
        argv = [f"{BUILD}/podsim/orrery-podsim", "--ports", str(ports), "--active", str(self.busy),
                "--path", self.path(), "--cpu", "0", "--size", str(self.options.size),
                "--rate", self.options.rate, "--burst", str(self.options.burst), "--flows", str(max(1, 2 * self.flows // self.busy)),
                "--prefixes", str(self.prefixes), "--prefix-base", "fd00:1::/48"]
        if self.options.hugepages:
            argv.append("--hugepages")
        if self.idle > 0:
            argv += ["--buffer", "256"]
        if self.packed:
            argv.append("--packed")
        if self.dst_mac:
            argv += ["--dst-mac", self.dst_mac]
        self.pod = self.spawn(argv, "podsim", stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        wait_for("sockets", lambda: os.path.exists(self.path(ports - 1)) or self.pod.poll() is not None)
        if self.pod.poll() is not None:
            raise RuntimeError(f"{self.label}: orrery-podsim ended at once")

    def routes(self):
        out = subprocess.run([f"{BUILD}/podsim/orrery-podsim", "--ports", str(self.busy), "--prefixes", str(self.prefixes),
                              "--prefix-base", "fd00:1::/48", "--print-routes"],
                             capture_output=True, text=True, check=True).stdout
        return [line.split() for line in out.splitlines()]

    def start(self):
        self.start_generator()
        begin = time.monotonic()
        self.start_switch()
        wait_for(f"{self.label}: {self.idle + self.busy} ports connected",
                 lambda: self.report()["ports_up"] == self.idle + self.busy, 600)
        self.connect_s = time.monotonic() - begin
        self.begin()
        self.tid = busiest(self.pids[0])
        os.system(f"renice -n -15 -p {self.tid} >/dev/null 2>&1")
        self.pause()

    def begin(self):
        """All are connected."""

    def report(self):
        self.pod.stdin.write("report\n")
        self.pod.stdin.flush()
        return json.loads(self.pod.stdout.readline())

    def signal(self, which):
        for pid in self.pids + [self.pod.pid]:
            os.kill(pid, which)

    def pause(self):
        self.signal(signal.SIGSTOP)

    def window(self, seconds):
        """Figures of a window; None when a thread had not its CPU."""
        self.signal(signal.SIGCONT)
        time.sleep(0.25)
        self.report()
        begin, cpu = time.monotonic_ns(), schedstat(self.pids[0], self.tid)[0]
        time.sleep(seconds)
        report = self.report()
        share = (schedstat(self.pids[0], self.tid)[0] - cpu) / (time.monotonic_ns() - begin)
        self.pause()
        if share < CPU_SHARE_MIN or report["cpu_share"] < CPU_SHARE_MIN:
            say(f"{self.label}: window thrown away: the switch had {share:.2f} of its CPU, "
                f"the generator {report['cpu_share']:.2f}")
            return None
        return {"mpps": report["rx"]["mpps"], "cycles": report["cycles_hz"] / (report["rx"]["mpps"] * 1e6),
                "lost": report["rx"]["lost"], "p50_us": report["latency"]["p50_ns"] / 1000,
                "p99_us": report["latency"]["p99_ns"] / 1000, "idle_polls": report.get("empty_share")}

    def stop(self):
        for child in reversed(self.children):
            if child.poll() is None:
                child.send_signal(signal.SIGCONT)
                child.terminate()
        for child in self.children:
            try:
                child.wait(20)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
        shutil.rmtree(self.work, ignore_errors=True)
        shutil.rmtree(f"/run/dpdk/peers{self.tag}", ignore_errors=True)


class Orrery(System):
    name = "orrery"
    prefixes, dst_mac = 10000, ROUTER_MAC

    def start_switch(self):
        self.sock = f"{self.work}/control"
        n = max(64, 4 * (self.idle + self.busy))
        with open(f"{self.work}/conf", "w", encoding="ascii") as file:
            file.write(f'instance = "peers{os.getpid()}{self.tag}"; workers = [1]; poll = "busy"; drivers = ["vhost_user"];\n'
                       f'pool: {{ frames = 131072; }}; socket: {{ path = "{self.sock}"; }}; state_dir = "";\n'
                       f'limits: {{ max_ports = {n}; max_interfaces = {2 * n}; }};\n'
                       f'vhost_user: {{ socket_dir = "{self.work}/v"; }};\n')
        self.pids = [self.spawn([f"{BUILD}/vswitch/orrery-vswitch", "-c", f"{self.work}/conf"], "switch").pid]
        wait_for("control socket", lambda: os.path.exists(self.sock), 20)
        for i in range(0, self.busy, 2):
            self.rpc([("port.add", {"interface": f"{self.node_a(i)}/gw{i}", "backend": "vhost_user",
                                    "node_kind": self.kind_a, "socket": self.path(i)}),
                      ("port.add", {"interface": f"b{i}/eth0", "backend": "vhost_user", "node_kind": "pod",
                                    "socket": self.path(i + 1)})])
        self.connect()
        self.rpc([("port.add", {"interface": f"idle{i}/eth0", "backend": "vhost_user", "node_kind": "pod",
                                "socket": self.path(i)}) for i in range(self.busy, self.busy + self.idle)])

    kind_a = "router"

    def node_a(self, _):
        return "a"  # one router, or its table of next hops would grow with the square of the ports

    def connect(self):
        pairs = range(0, self.busy, 2)
        calls = [("node.add", {"name": "a", "kind": "router", "interfaces": [f"isl{i}"]}) for i in pairs]
        calls += [("link.set", {"from": f"a/isl{i}", "to": f"b{i}/eth0", "reverse": True, "delay_ns": 10000})
                  for i in pairs]
        for prefix, port in self.routes():
            pair, odd = int(port) & ~1, int(port) & 1
            calls.append(("route.add", {"prefix": prefix, "interface": f"a/{'isl' if odd else 'gw'}{pair}",
                                        "mac": "02:00:00:%02x:%02x:%02x" % tuple(int(port).to_bytes(3, "big"))}))
        self.rpc(calls)

    def rpc(self, calls):
        with Client(self.sock) as client:
            client.call_all(calls)


class OrreryOne(Orrery):
    name = "orrery-1"
    flows = 1


class OrreryWire(Orrery):
    name = "orrery-wire"
    prefixes = 1

    kind_a = "pod"

    def node_a(self, i):
        return f"a{i}"

    def connect(self):
        self.rpc([("link.set", {"from": f"a{i}/gw{i}", "to": f"b{i}/eth0", "reverse": True, "delay_ns": 10000})
                  for i in range(0, self.busy, 2)])


class Testpmd(System):
    name = "testpmd"
    needs = ("dpdk-testpmd",)

    def start_switch(self):
        vdevs = [f"--vdev=net_vhost{i},iface={self.path(i)},queues=1,client=1" for i in range(2 + self.idle)]
        self.child = self.spawn(["stdbuf", "-oL", "dpdk-testpmd", "--lcores", "0@(0,1),1@1", "--no-pci", "--in-memory", "-m", "256",
                            f"--file-prefix=peers{self.tag}", *vdevs, "--", "-i",
                            "--forward-mode=io", "--nb-cores=1"], "testpmd", stdin=subprocess.PIPE, text=True)
        self.pids = [self.child.pid]

    def begin(self):
        def forwards():
            with open(f"{self.work}/testpmd.log", encoding="utf-8", errors="replace") as file:
                return "packet forwarding" in file.read()
        self.child.stdin.write("start\n")
        self.child.stdin.flush()
        wait_for("testpmd to forward", forwards)


class Ovs(System):
    name = "ovs"
    flows = 1
    needs = ("ovs-vsctl", "ovsdb-tool")

    def run(self, *argv):
        subprocess.run(argv, check=True, env=self.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def start_switch(self):
        work = self.work
        self.env = dict(os.environ, OVS_RUNDIR=work, OVS_LOGDIR=work, OVS_DBDIR=work, OVS_SYSCONFDIR=work)
        self.vsctl = ("ovs-vsctl", "--timeout=300", f"--db=unix:{work}/db.sock")
        self.run("ovsdb-tool", "create", f"{work}/db", "/usr/share/openvswitch/vswitch.ovsschema")
        self.spawn(["ovsdb-server", f"{work}/db", f"--remote=punix:{work}/db.sock", f"--unixctl={work}/db.ctl"],
                   "ovsdb", env=self.env)
        wait_for("ovsdb", lambda: os.path.exists(f"{work}/db.sock"))
        self.run(*self.vsctl, "--no-wait", "init")
        self.run(*self.vsctl, "--no-wait", "set", "Open_vSwitch", ".", "other_config:dpdk-init=true",
                 "other_config:pmd-cpu-mask=0x2", "other_config:dpdk-socket-mem=1024",
                 f"other_config:dpdk-extra=--no-pci --file-prefix=peers{self.tag}")
        self.pids = [self.spawn(["unshare", "--net", OVS, f"unix:{work}/db.sock", f"--unixctl={work}/ovs.ctl"], "ovs", env=self.env).pid]
        wait_for("ovs-vswitchd", lambda: os.path.exists(f"{work}/ovs.ctl"))
        self.run(*self.vsctl, "add-br", "br0", "--", "set", "bridge", "br0", "datapath_type=netdev")
        for i in range(2 + self.idle):
            self.run(*self.vsctl, "add-port", "br0", f"vh{i}", "--", "set", "Interface", f"vh{i}",
                     "type=dpdkvhostuserclient", f"options:vhost-server-path={self.path(i)}",
                     f"ofport_request={i + 1}")
        with open(f"{work}/flows", "w", encoding="ascii") as file:
            file.writelines(line + "\n" for line in self.flow_lines())
        wait_for("the bridge", lambda: os.path.exists(f"{work}/br0.mgmt"))
        self.run("ovs-ofctl", "del-flows", "br0")
        self.run("ovs-ofctl", "add-flows", "br0", f"{work}/flows")

    def flow_lines(self):
        return ["in_port=1,actions=output:2", "in_port=2,actions=output:1"]


class OvsNormal(Ovs):
    name = "ovs-normal"

    def flow_lines(self):
        return ["actions=NORMAL"]


class OvsPrefixes(Ovs):
    name = "ovs-1000"
    flows, prefixes = 100000, 1000

    def flow_lines(self):
        return [f"ipv6,ipv6_dst={prefix},actions=output:{int(port) + 1}" for prefix, port in self.routes()]


SYSTEMS = {c.name: c for c in (Orrery, OrreryOne, OrreryWire, Testpmd, Ovs, OvsNormal, OvsPrefixes)}


def spread(values):
    return f"{min(values):.2f} / {statistics.median(values):.2f} / {max(values):.2f}"


def summary(results, base):
    medians = {}
    print(f"{'system':22} {'cores':5} {'n':>3}  {'Mpps min / median / max':26} {'cycles':>7} {'p50 us':>8} {'p99 us':>8}  of {base}")
    for at in ("smt", "near", "far"):
        for label, windows in results.items():
            here = [w for w in windows if w["place"] == at]
            if not here:
                continue
            mpps = [w["mpps"] for w in here]
            medians[label, at] = statistics.median(mpps)
            ratio = medians[label, at] / medians[base, at] if (base, at) in medians else float("nan")
            print(f"{label:22} {at:5} {len(here):3}  {spread(mpps):26} {statistics.median(w['cycles'] for w in here):7.0f} "
                  f"{statistics.median(w['p50_us'] for w in here):8.1f} {statistics.median(w['p99_us'] for w in here):8.1f}  {ratio:.2f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--systems", default="orrery,orrery-1,testpmd,ovs,ovs-1000")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--window", type=int, default=400, help="ms")
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--rate", default="max", help="frames a second of each busy port")
    parser.add_argument("--burst", type=int, default=32, help="frames at a time of each busy port")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--hugepages", action="store_true", help="pods' memory in hugepages, too")
    options = parser.parse_args()
    systems, results = [], {}
    try:
        for label in options.systems.split(","):
            match = LABEL.fullmatch(label)
            kind = SYSTEMS.get(match[1].removesuffix("-packed")) if match else None
            if kind is None:
                parser.error(f"no system '{label}': there are {', '.join(SYSTEMS)}, with -packed and :IDLE or :IDLE@BUSY")
            for program in kind.needs:
                if shutil.which(program) is None:
                    parser.error(f"{label} needs the program {program} (packages dpdk, openvswitch-switch-dpdk)")
            system = kind(options, label)
            if system.busy != 2 and not isinstance(system, Orrery) or system.busy % 2 != 0:
                parser.error(f"{label}: an even number of busy ports, and only for Orrery")
            systems.append(system)
            system.start()
            results[label] = []
            say(f"{label}: started, {system.idle + system.busy} ports connected in {system.connect_s:.2f} s, "
                f"{resident_kib(system.pids[0])} KiB resident")
        for i in range(options.rounds):
            for system in systems:
                before = distance()
                figures = system.window(options.window / 1000)
                at = place(before, distance())
                if figures is not None:
                    results[system.label].append(dict(figures, place=at, ns=before))
            say(f"round {i + 1} of {options.rounds}: " + ", ".join(
                f"{label} {windows[-1]['mpps']:.2f}" for label, windows in results.items() if windows)
                + f" Mpps, cores {before:.0f} ns")
    except (RuntimeError, TimeoutError) as error:
        sys.exit(f"vhost_peers.py: {error}")
    finally:
        for system in systems:
            for log in glob.glob(f"{system.work}/*.log") if system.label not in results else []:  # did not start
                say(f"--- {log}\n" + open(log, encoding="utf-8", errors="replace").read()[-1500:])
            system.stop()
    if options.json:
        print(json.dumps(results))
    else:
        summary(results, systems[0].label)


if __name__ == "__main__":
    main()
