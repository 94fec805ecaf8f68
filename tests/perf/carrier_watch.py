#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""How long from the commit of links until their pods see it: carrier_watch.py af_xdp|vhost_user [OPTIONS]

Commits all links down and up again, --rounds times, and prints for each direction the percentiles of the
time from the request until each pod saw it: an af_xdp pod by the kernel's message in its namespace, in
which this program has to run; a vhost_user pod by its socket, which the switch closes and connects to again.
Ports, links and sockets are made here. $ORRERY_SOCKET is the switch's.
"""
import argparse
import array
import json
import os
import select
import socket
import struct
import sys
import time

RECORD = struct.Struct("<IIIHH10I4H")
SET_UP = 2
RTM_NEWLINK = 16
IFF_LOWER_UP = 1 << 16


class Switch:
    def __init__(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(60)
        self.sock.connect(os.environ["ORRERY_SOCKET"])

    def send(self, method, params, fds=()):
        line = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode() + b"\n"
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
        self.sock.sendmsg([line], rights)

    def answer(self):
        text = b""
        while not text.endswith(b"\n"):
            text += self.sock.recv(1 << 20)
        answer = json.loads(text)
        if "error" in answer:
            sys.exit(f"the switch: {answer['error']}")
        return answer["result"]

    def call(self, method, params):
        self.send(method, params)
        return self.answer()


def records(ids, up):
    fd = os.memfd_create("records", os.MFD_ALLOW_SEALING)
    for link_id in ids:
        os.write(fd, RECORD.pack(link_id, 0, SET_UP, 1 if up else 0, *[0] * 15))
    return fd


def add_port(switch, backend, i, sockets):
    """The id of its link."""
    name = f"c{i}"
    port = {"interface": f"{name}/x", "backend": backend, "node_kind": "pod", "carrier": True}
    if backend == "af_xdp":
        port |= {"netns": f"/proc/{os.getpid()}/ns/net", "ifname": name}
    else:
        port["socket"] = f"{sockets}/{name}.sock"
    switch.call("port.add", port)
    switch.call("link.set", {"from": f"{name}/x", "to": "far/x"})
    return switch.call("node.show", {"name": name})["node"]["interfaces"][0]["id"]


class Namespace:
    """Links of this network namespace, by the kernel's messages."""

    def __init__(self, n):
        self.sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 24)
        self.sock.bind((0, 1))  # RTMGRP_LINK
        self.names = {socket.if_nametoindex(f"c{i}"): i for i in range(n)}

    def wait(self, up, n, end):
        seen = {}
        while len(seen) < n:
            if not select.select([self.sock], [], [], max(0, end - time.monotonic()))[0]:
                break
            data = self.sock.recv(1 << 16)
            now = time.monotonic()
            at = 0
            while at + 16 <= len(data):
                length, kind = struct.unpack_from("=IH", data, at)
                index, flags = struct.unpack_from("=iI", data, at + 20)
                if kind == RTM_NEWLINK and index in self.names and bool(flags & IFF_LOWER_UP) == up:
                    seen.setdefault(self.names[index], now)
                at += (length + 3) & ~3
        return seen


class Sockets:
    """Front ends that listen: connected is up, closed is down."""

    def __init__(self, n, folder):
        self.epoll = select.epoll()
        self.by_fd, self.connected = {}, {}
        self.listeners = []
        for i in range(n):
            listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            listener.bind(f"{folder}/c{i}.sock")
            listener.listen(1)
            self.listeners.append(listener)
            self.by_fd[listener.fileno()] = i
            self.epoll.register(listener.fileno(), select.EPOLLIN)

    def handle(self, fd, now, seen):
        i = self.by_fd[fd]
        if fd == self.listeners[i].fileno():
            peer = self.listeners[i].accept()[0]
            self.by_fd[peer.fileno()] = i
            self.connected[i] = peer
            self.epoll.register(peer.fileno(), select.EPOLLIN | select.EPOLLRDHUP)
            seen[True].setdefault(i, now)
        elif not self.connected[i].recv(4096):
            self.epoll.unregister(fd)
            del self.by_fd[fd]
            self.connected.pop(i).close()
            seen[False].setdefault(i, now)

    def wait(self, up, n, end):
        seen = {False: {}, True: {}}
        while len(seen[up]) < n and time.monotonic() < end:
            for fd, _ in self.epoll.poll(max(0.0, end - time.monotonic())):
                self.handle(fd, time.monotonic(), seen)
        return seen[up]


def percentile(values, share):
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("backend", choices=["af_xdp", "vhost_user"])
    parser.add_argument("--links", type=int, default=1, help="so many at once")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--sockets", default="", help="folder of vhost_user ports' sockets")
    args = parser.parse_args()
    switch = Switch()
    switch.call("node.add", {"name": "far", "kind": "pod", "interfaces": ["x"]})
    ids = [add_port(switch, args.backend, i, args.sockets) for i in range(args.links)]
    pods = Namespace(args.links) if args.backend == "af_xdp" else Sockets(args.links, args.sockets)
    times = {False: [], True: []}
    answers = []
    if args.backend == "vhost_user" and len(pods.wait(True, args.links, time.monotonic() + 60)) < args.links:
        sys.exit("not all ports connected within a minute")
    for _ in range(args.rounds):
        for up in (False, True):
            fd = records(ids, up)
            begin = time.monotonic()
            switch.send("matrix.commit", {"fd": True, "count": len(ids)}, [fd])
            seen = pods.wait(up, args.links, begin + 30)
            switch.answer()
            os.close(fd)
            if len(seen) < args.links:
                sys.exit(f"{args.links - len(seen)} of {args.links} pods did not see it within 30 s")
            times[up] += [(at - begin) * 1e3 for at in seen.values()]
    for up in (False, True):
        print(f"{args.backend}, {args.links} at once, {'up' if up else 'down'}: "
              f"p50 {percentile(times[up], .5):.2f} ms, p99 {percentile(times[up], .99):.2f} ms, "
              f"max {max(times[up]):.2f} ms")
    for i in range(args.links):
        switch.call("node.del", {"name": f"c{i}", "force": True})


if __name__ == "__main__":
    main()
