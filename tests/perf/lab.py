# SPDX-License-Identifier: BSD-3-Clause
"""What the benchmarks written in Python share: where the build is, waiting, processes, a control client."""
import json
import os
import socket
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
BUILD = os.environ.get("ORRERY_BUILD", os.path.join(TOP, "build"))


def wait_for(what, condition, seconds=60, nap=0.02):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(what)
        time.sleep(nap)


def schedstat(pid, tid):
    """CPU time and time waited for a CPU, ns."""
    with open(f"/proc/{pid}/task/{tid}/schedstat", encoding="ascii") as file:
        return [int(word) for word in file.read().split()[:2]]


def busiest(pid):
    """The thread that polls."""
    for _ in range(100):
        tids = os.listdir(f"/proc/{pid}/task")
        first = {tid: schedstat(pid, tid)[0] for tid in tids}
        time.sleep(0.3)
        used = {tid: schedstat(pid, tid)[0] - first[tid] for tid in tids}
        tid = max(used, key=used.get)
        if used[tid] > 0.2e9:
            return tid
    raise TimeoutError(f"no thread of process {pid} polls")


def resident_kib(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return int(next(line for line in file if line.startswith("VmRSS")).split()[1])


class Client:
    """One connection to a switch."""

    def __init__(self, path, timeout=120):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(timeout)
        self.sock.connect(path)
        self.rest = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.close()

    def send(self, method, params, fds=()):
        line = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode() + b"\n"
        sent = socket.send_fds(self.sock, [line], list(fds))
        self.sock.sendall(line[sent:])

    def receive(self, method):
        while b"\n" not in self.rest:
            part = self.sock.recv(1 << 20)
            if not part:
                raise ConnectionError("the switch closed the connection")
            self.rest += part
        answer, self.rest = self.rest.split(b"\n", 1)
        answer = json.loads(answer)
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']['message']}")
        return answer["result"]

    def call(self, method, params, fds=()):
        self.send(method, params, fds)
        return self.receive(method)

    def call_all(self, calls, batch=64):
        """Many requests (METHOD, PARAMS), `batch` on their way at a time."""
        for i in range(0, len(calls), batch):
            for method, params in calls[i:i + batch]:
                self.send(method, params)
            for method, _ in calls[i:i + batch]:
                self.receive(method)
