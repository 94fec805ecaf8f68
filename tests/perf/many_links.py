#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Hundreds of thousands of links in a running switch: memory of each, time of a commit.

    sudo tests/perf/many_links.py [--vswitch FILE] [LINKS ...]

Starts a switch of its own without pods' interfaces, makes nodes with 1,000 interfaces each, then plugs
one link into each interface with a memfd of 64-byte records (matrix.commit), changes the delay of all,
and of 10,000 of them. Prints resident memory before and after, and the switch's own times.
"""
import argparse
import os
import signal
import struct
import subprocess
import sys
import tempfile
import time

from lab import BUILD, Client, resident_kib

PER_NODE = 1000
RECORD = "<IIIHHI"  # from, to, set, flags, mtu, delay_ns; the rest is 0
SET_ALL, SET_DELAY, UP = 0x7FF, 0x4, 1


def commit(client, records, name):
    fd = os.memfd_create("records")
    with open(fd, "wb", closefd=False) as out:
        out.write(b"".join(records))
    at = time.monotonic()
    result = client.call("matrix.commit", {"fd": True, "count": len(records)}, [fd])
    wall = time.monotonic() - at
    os.close(fd)
    print(f"  {name}: {result['changed']} changed, in force after {result['applied_us'] / 1e3:.2f} ms, "
          f"answered after {wall * 1e3:.2f} ms", flush=True)


def measure(vswitch, n_links, record):
    with tempfile.TemporaryDirectory() as folder:
        conf = f"{folder}/conf"
        sock = f"{folder}/sock"
        with open(conf, "w", encoding="ascii") as out:
            out.write(f'instance = "many{os.getpid()}"; state_dir = ""; drivers = ["ethdev"];\n'
                      f'socket = {{ path = "{sock}"; }};\n'
                      "limits = { max_nodes = 16384; max_interfaces = 1048576; };\n")
        process = subprocess.Popen([vswitch, "-c", conf], stderr=subprocess.DEVNULL)
        try:
            while not os.path.exists(sock):
                if process.poll() is not None:
                    sys.exit("the switch ended at its start")
                time.sleep(0.05)
            client = Client(sock)
            empty = resident_kib(process.pid)
            at = time.monotonic()
            for node in range(n_links // PER_NODE):
                client.call("node.add", {"name": f"n{node}", "kind": "pod",
                                         "interfaces": [f"i{i}" for i in range(PER_NODE)]})
            made = resident_kib(process.pid)
            print(f"{n_links} interfaces made in {time.monotonic() - at:.1f} s, "
                  f"{(made - empty) * 1024 / n_links:.0f} bytes each", flush=True)
            commit(client, [record(i, i ^ 1, SET_ALL, 1000000) for i in range(n_links)], "all plugged in")
            print(f"  {(resident_kib(process.pid) - made) * 1024 / n_links:.0f} bytes a link more", flush=True)
            for again in range(3):
                commit(client, [record(i, 0xFFFFFFFF, SET_DELAY, 2000000 + again) for i in range(n_links)],
                       "all delays changed")
            for again in range(3):
                commit(client, [record(i * (n_links // 10000), 0xFFFFFFFF, SET_DELAY, 3000000 + again)
                                for i in range(10000)], "10,000 delays changed")
            print(f"  resident {resident_kib(process.pid) >> 10} MiB in all, {empty >> 10} MiB of it without links",
                  flush=True)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vswitch", default=os.path.join(BUILD, "vswitch/orrery-vswitch"))
    parser.add_argument("links", nargs="*", type=int, default=[100000, 1000000], metavar="LINKS")
    args = parser.parse_args()

    def record(link, to, sets, delay_ns):
        head = struct.pack(RECORD, link, to, sets, UP, 0, delay_ns)
        return head + bytes(64 - len(head))

    for n_links in args.links:
        measure(args.vswitch, n_links, record)


if __name__ == "__main__":
    main()
