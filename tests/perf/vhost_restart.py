#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""How long a killed switch's vhost-user ports take to come back, and its traffic.

    sudo tests/perf/vhost_restart.py [--ports N] [--rounds N]

N ports (10,000) of one orrery-podsim process, two of them busy through a link each way at 50 kpps. The
switch is killed with SIGKILL and started again on its saved state, without any request. Times from the
start of the new process: until the control socket answers, until the two busy ones get frames again, and
until all ports are up. Needs 2 MiB hugepages.
"""
import argparse
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

from lab import BUILD, Client, resident_kib, wait_for


class Run:
    def __init__(self, n):
        self.n = n
        self.work = tempfile.mkdtemp(prefix="orrery-restart.")
        self.sock = f"{self.work}/control"
        self.switch = self.pod = None
        with open(f"{self.work}/conf", "w", encoding="ascii") as file:
            file.write(f'instance = "restart{os.getpid()}"; workers = [1]; drivers = ["vhost_user"];\n'
                       f'socket: {{ path = "{self.sock}"; }}; state_dir = "{self.work}/state";\n'
                       f'limits: {{ max_ports = {max(64, 2 * n)}; max_interfaces = {max(128, 4 * n)}; }};\n'
                       f'vhost_user: {{ socket_dir = "{self.work}/v"; }};\n')

    def path(self, n="%d"):
        return f"{self.work}/p{n}"

    def start_pod(self):
        with open(f"{self.work}/podsim.log", "wb") as log:
            self.pod = subprocess.Popen(
                [f"{BUILD}/podsim/orrery-podsim", "--ports", str(self.n), "--active", "2", "--path", self.path(),
                 "--cpu", "0", "--size", "74", "--rate", "50k", "--ring-size", "256", "--buffer", "256",
                 "--connect-timeout", "10min"],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True)
        wait_for("sockets", lambda: os.path.exists(self.path(self.n - 1)))

    def report(self):
        self.pod.stdin.write("report\n")
        self.pod.stdin.flush()
        return json.loads(self.pod.stdout.readline())

    def start_switch(self):
        log = open(f"{self.work}/switch.log", "ab")
        self.begin = time.monotonic()
        self.switch = subprocess.Popen([f"{BUILD}/vswitch/orrery-vswitch", "-c", f"{self.work}/conf"],
                                       stdout=log, stderr=log)
        log.close()

    def answers(self):
        if self.switch.poll() is not None:
            raise RuntimeError("the switch ended")
        try:
            with socket.socket(socket.AF_UNIX) as sock:
                sock.connect(self.sock)
        except OSError:
            return False
        return True

    def add_ports(self):
        with Client(self.sock) as client:
            client.call_all([("port.add", {"interface": f"p{i}/eth0", "backend": "vhost_user", "node_kind": "pod",
                                           "socket": self.path(i)}) for i in range(self.n)])
            client.call("link.set", {"from": "p0/eth0", "to": "p1/eth0", "reverse": True, "delay_ns": 10000})

    def all_up(self):
        return self.report()["ports_up"] == self.n

    def saved(self):
        """The state file has all ports and links."""
        try:
            with open(f"{self.work}/state/state.json", encoding="utf-8") as file:
                return len(json.load(file)["ports"]) == self.n and os.path.exists(f"{self.work}/state/links.records")
        except (OSError, ValueError):
            return False

    def back(self):
        """Seconds until the socket answers, frames come, all are up."""
        times = {}
        while len(times) < 3:
            report = self.report()
            now = time.monotonic() - self.begin
            if "frames" not in times and report["rx"]["frames"] > 0 and report["ports_up"] >= 2:
                times["frames"] = now
            if "all" not in times and report["ports_up"] == self.n:
                times["all"] = now
            if "answers" not in times and self.answers():
                times["answers"] = time.monotonic() - self.begin
            if now > 120:
                raise TimeoutError(f"after two minutes: {times}, {report}")
            time.sleep(0.005)
        return times

    def kill(self):
        self.switch.send_signal(signal.SIGKILL)
        self.switch.wait()
        wait_for("podsim to notice", lambda: self.report()["ports_up"] == 0, 60)
        self.report()  # what came before

    def figures(self):
        pid = self.switch.pid
        with open(f"/proc/{pid}/maps", encoding="ascii") as file:
            maps = sum(1 for _ in file)
        return f"{len(os.listdir(f'/proc/{pid}/fd'))} open files, {maps} mappings, {resident_kib(pid)} KiB resident"

    def stop(self):
        for child in (self.pod, self.switch):
            if child is not None and child.poll() is None:
                child.terminate()
                try:
                    child.wait(30)
                except subprocess.TimeoutExpired:
                    child.kill()
                    child.wait()
        shutil.rmtree(self.work, ignore_errors=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ports", type=int, default=10000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    run = Run(options.ports)
    try:
        run.start_pod()
        run.start_switch()
        wait_for("control socket", run.answers)
        print(f"before ports: {run.figures()}")
        begin = time.monotonic()
        run.add_ports()
        wait_for("all ports up", run.all_up, 120)
        print(f"{options.ports} ports added and connected in {time.monotonic() - begin:.2f} s: {run.figures()}", flush=True)
        wait_for("saved state", run.saved, 60)
        for _ in range(options.rounds):
            run.kill()
            run.start_switch()
            times = run.back()
            print(f"killed and started again: socket after {times['answers']:.2f} s, frames after {times['frames']:.2f} s, "
                  f"all ports up after {times['all']:.2f} s; {run.figures()}", flush=True)
            wait_for("saved state", run.saved, 60)
    except Exception:
        for name in ("switch", "podsim"):
            with open(f"{run.work}/{name}.log", encoding="utf-8", errors="replace") as file:
                print(f"--- {name}.log\n{file.read()[-1500:]}", file=sys.stderr)
        raise
    finally:
        run.stop()


if __name__ == "__main__":
    main()
