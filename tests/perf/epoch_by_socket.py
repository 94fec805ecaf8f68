#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Epochs of 10,000 changed links, sent to a running switch by its socket while frames go through it.

    sudo tests/perf/epoch_by_socket.py [--epochs N] [--links N] [--gap MS] [--window MS] [--idle] [--json]

Starts a switch of its own, its worker on CPU 1. orrery-podsim on CPU 0 sends 64-byte frames at full rate
both ways over two of the links (--idle: no ports, no frames). Each epoch changes the delay of all links:
matrix.commit with a memfd of 64-byte records. The switch's control thread, orrery-podsim and this program
share CPU 0 (with --control-cpu N the switch's control thread and this program have that one): the generator
comes last among them (nice -5, the others -15), as it would be elsewhere.

Printed of all epochs:
    answer      from sending the request until its answer was read, by this program
    in force    the switch's own time (applied_us): from reading the request until the last worker used it
and again of those in which neither the worker nor the control thread waited 50 us for its CPU. Then the
rate and the frames lost before the epochs and during them.
"""
import argparse
import json
import math
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import time

from lab import BUILD, Client, busiest, schedstat, wait_for

PER_NODE = 1000
RECORD = struct.Struct("<IIIHHI44x")  # from, to, set, flags, mtu, delay_ns; the rest is 0
SET_ALL, SET_DELAY, UP, NO_CHANGE = 0x7FF, 0x4, 1, 0xFFFFFFFF
WAITED_NS = 50000


class Bench:
    def __init__(self, options):
        self.options = options
        self.work = tempfile.mkdtemp(prefix="orrery-epochs.")
        self.children, self.pod = [], None
        self.fd = os.memfd_create("records")
        self.records = [self.pack(NO_CHANGE, SET_DELAY, delay) for delay in (10100, 10200)]

    def spawn(self, argv, log, **more):
        with open(f"{self.work}/{log}.log", "wb") as out:
            child = subprocess.Popen(argv, stdout=more.pop("stdout", out), stderr=out, **more)
        self.children.append(child)
        return child

    def start(self):
        options, path = self.options, f"{self.work}/control"
        if not options.idle:
            argv = [f"{BUILD}/podsim/orrery-podsim", "--ports", "2", "--path", f"{self.work}/p%d", "--cpu", "0"]
            self.pod = self.spawn(argv, "podsim", stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            wait_for("sockets", lambda: os.path.exists(f"{self.work}/p1"))
        with open(f"{self.work}/conf", "w", encoding="ascii") as file:
            file.write(f'instance = "epochs{os.getpid()}"; workers = [1]; poll = "busy"; drivers = ["vhost_user"];\n'
                       f'pool: {{ frames = 131072; }}; socket: {{ path = "{path}"; }}; state_dir = "";\n'
                       f'limits: {{ max_ports = 64; max_interfaces = {options.links + 1024}; }};\n'
                       f'vhost_user: {{ socket_dir = "{self.work}/v"; }};\n')
        self.switch = self.spawn([f"{BUILD}/vswitch/orrery-vswitch", "-c", f"{self.work}/conf"], "switch")
        wait_for("control socket", lambda: os.path.exists(path) or self.switch.poll() is not None)
        self.client = Client(path)
        self.plug_in()
        self.worker = busiest(self.switch.pid)
        for pid in (self.switch.pid, 0):  # of the switch only the control thread
            os.sched_setaffinity(pid, [options.control_cpu])
            os.setpriority(os.PRIO_PROCESS, pid, -15)
        os.setpriority(os.PRIO_PROCESS, int(self.worker), -15)
        for tid in os.listdir(f"/proc/{self.pod.pid}/task") if self.pod is not None else []:
            os.setpriority(os.PRIO_PROCESS, int(tid), -5)

    def plug_in(self):
        for node in range(math.ceil(self.options.links / PER_NODE)):
            n = min(PER_NODE, self.options.links - node * PER_NODE)
            self.client.call("node.add", {"name": f"n{node}", "kind": "pod", "interfaces": [f"i{i}" for i in range(n)]})
        if self.pod is not None:
            for i in (0, 1):
                self.client.call("port.add", {"interface": f"n0/i{i}", "backend": "vhost_user", "node_kind": "pod",
                                              "socket": f"{self.work}/p{i}"})
        os.pwrite(self.fd, self.pack(None, SET_ALL, 10000), 0)
        self.commit()
        if self.pod is not None:
            wait_for("ports connected", lambda: self.report()["ports_up"] == 2)

    def pack(self, to, sets, delay_ns):
        return b"".join(RECORD.pack(link, link ^ 1 if to is None else to, sets, UP, 0, delay_ns)
                        for link in range(self.options.links))

    def commit(self):
        begin = time.perf_counter_ns()
        result = self.client.call("matrix.commit", {"fd": True, "count": self.options.links}, [self.fd])
        took = time.perf_counter_ns() - begin
        if result["changed"] != self.options.links:
            raise RuntimeError(f"{result['changed']} links changed, not {self.options.links}")
        return result, took

    def report(self):
        """Of orrery-podsim, since the last report."""
        self.pod.stdin.write("report\n")
        self.pod.stdin.flush()
        return json.loads(self.pod.stdout.readline())

    def waited(self):
        return [schedstat(self.switch.pid, tid)[1] for tid in (self.worker, self.switch.pid)]

    def epoch(self, i):
        os.pwrite(self.fd, self.records[i % 2], 0)
        time.sleep(self.options.gap / 1000)
        before = self.waited()
        result, took = self.commit()
        worker, control = (now - then for now, then in zip(self.waited(), before))
        return {"answer_us": took / 1000, "in_force_us": result["applied_us"],
                "worker_waited_us": worker / 1000, "control_waited_us": control / 1000}

    def traffic(self, begin, cpu):
        """Since the last report, and the worker's share of its CPU."""
        share = (schedstat(self.switch.pid, self.worker)[0] - cpu) / (time.monotonic_ns() - begin)
        figures = {"worker_share": share}
        if self.pod is not None:
            report = self.report()
            figures |= {"mpps": report["rx"]["mpps"], "lost": report["rx"]["lost"], "sent_mpps": report["tx"]["mpps"],
                        "podsim_share": report["cpu_share"]}
        return figures

    def phase(self, run):
        if self.pod is not None:
            self.report()
        begin, cpu = time.monotonic_ns(), schedstat(self.switch.pid, self.worker)[0]
        result = run()
        return result, self.traffic(begin, cpu)

    def idle_phase(self):
        """What an epoch does besides its request, so that the phases differ in nothing else."""
        end = time.monotonic() + self.options.window / 1000
        while time.monotonic() < end:
            os.pwrite(self.fd, self.records[0], 0)
            time.sleep(self.options.gap / 1000)

    def measure(self):
        n = self.options.epochs
        _, before = self.phase(self.idle_phase)
        epochs, during = self.phase(lambda: [self.epoch(i) for i in range(n)])
        _, after = self.phase(self.idle_phase)
        return {"epochs": epochs, "before": before, "during": during, "after": after}

    def stop(self):
        for child in reversed(self.children):
            if child.poll() is None:
                child.terminate()
        for child in self.children:
            try:
                child.wait(20)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()

    def logs(self):
        for name in sorted(os.listdir(self.work)):
            if name.endswith(".log"):
                with open(f"{self.work}/{name}", encoding="utf-8", errors="replace") as file:
                    print(f"--- {name}\n{file.read()[-1500:]}", file=sys.stderr)


def percentile(values, share):
    return sorted(values)[min(len(values) - 1, math.ceil(share * len(values)) - 1)]


def print_epochs(title, epochs):
    print(f"{title}: {len(epochs)}")
    for key, name in (("answer_us", "answer"), ("in_force_us", "in force")):
        values = [e[key] for e in epochs]
        if values:
            print(f"  {name:9} p50 {percentile(values, 0.5):8.0f} us   p99 {percentile(values, 0.99):8.0f} us   "
                  f"max {max(values):8.0f} us")


def print_result(result):
    epochs = result["epochs"]
    print_epochs("all epochs", epochs)
    print_epochs("epochs in which no thread of the switch waited for its CPU",
                 [e for e in epochs if max(e["worker_waited_us"], e["control_waited_us"]) < WAITED_NS / 1000])
    for name in ("before", "during", "after"):
        t = result[name]
        traffic = f"{t['mpps']:.3f} Mpps, {t['lost']} lost, generator had {t['podsim_share']:.3f} of its CPU, " if "mpps" in t else ""
        print(f"{name:6} {traffic}worker had {t['worker_share']:.3f}")
    if "mpps" in result["during"]:
        usual = (result["before"]["mpps"] + result["after"]["mpps"]) / 2
        print(f"during the epochs {result['during']['mpps'] / usual:.3f} of the rate before and after")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=500)
    parser.add_argument("--links", type=int, default=10000)
    parser.add_argument("--gap", type=float, default=10, help="ms of rest before each")
    parser.add_argument("--window", type=int, default=3000, help="ms before and after, without epochs")
    parser.add_argument("--idle", action="store_true")
    parser.add_argument("--control-cpu", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if options.links < 2 or options.links % 2:
        parser.error("--links: an even number")
    bench, done = Bench(options), False
    try:
        bench.start()
        result = bench.measure()
        done = True
    finally:
        bench.stop()
        if not done:
            bench.logs()
        shutil.rmtree(bench.work, ignore_errors=True)
    if options.json:
        print(json.dumps(result))
    else:
        print_result(result)


if __name__ == "__main__":
    main()
