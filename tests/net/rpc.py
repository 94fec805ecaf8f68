#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""A control client for tests: rpc.py METHOD [PARAMS] [--fd FILE]... [--timeout S]

Sends one JSON-RPC request to $ORRERY_SOCKET, prints the result and exits 0, or prints the error object
on stderr and exits 1. --fd opens FILE and sends its descriptor along; --records FILE sends a memfd with
the file's bytes.
"""
import argparse
import array
import json
import os
import socket
import sys


def call(path, method, params, fds=(), timeout=30):
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.settimeout(timeout)
    sock.connect(path)
    request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
    ancillary = []
    if fds:
        ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))]
    line = json.dumps(request).encode() + b"\n"
    sent = sock.sendmsg([line], ancillary)
    if sent < len(line):
        sock.sendall(line[sent:])
    answer = b""
    while not answer.endswith(b"\n"):
        part = sock.recv(1 << 20)
        if not part:
            raise ConnectionError("the switch closed the connection")
        answer += part
    return json.loads(answer)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("method")
    parser.add_argument("params", nargs="?", default="")
    parser.add_argument("--fd", action="append", default=[])
    parser.add_argument("--records")
    parser.add_argument("--timeout", type=float, default=30)
    args = parser.parse_args()
    fds = [os.open(name, os.O_RDONLY) for name in args.fd]
    if args.records:
        fd = os.memfd_create("records", os.MFD_ALLOW_SEALING)
        with open(args.records, "rb") as records:
            os.write(fd, records.read())
        fds.append(fd)
    params = json.loads(args.params) if args.params else {}
    try:
        answer = call(os.environ["ORRERY_SOCKET"], args.method, params, fds, args.timeout)
    except OSError as error:
        print(f"{os.environ['ORRERY_SOCKET']}: {error}", file=sys.stderr)
        return 1
    if "error" in answer:
        print(json.dumps(answer["error"]), file=sys.stderr)
        return 1
    print(json.dumps(answer["result"]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
