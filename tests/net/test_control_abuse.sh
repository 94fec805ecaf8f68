#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Clients that misbehave: malformed, oversized, deep, cut off, slow, deaf. Each gets an error with a code
# or is dropped; the switch goes on, frames keep flowing, other clients do not notice.
#
#   [a] eth0 ======== eth0 [b]    ping every 10 ms throughout
#
. "$(dirname "$0")/lib.sh"

pod a b
start_switch
port a/eth0 fd00::1/64
port b/eth0 fd00::2/64
wire a/eth0 b/eth0
ok "the wire works" wait_until 5 ping_ok a fd00::2
background in_pod a ping -6 -n -i 0.01 -W 1 fd00::2 >"$work/ping"
ping_pid=$!

cat >"$work/abuse" <<'PYTHON'
import array
import json
import os
import random
import socket
import sys
import threading
import time
sys.path.insert(0, sys.argv[1])
from rpc import call

PATH = os.environ["ORRERY_SOCKET"]
failures = []


def client():
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.connect(PATH)  # waits when the backlog is full
    sock.settimeout(10)
    return sock


def line(sock):
    data = b""
    while not data.endswith(b"\n"):
        part = sock.recv(1 << 16)
        if not part:
            return None
        data += part
    return data


def check(what, good, detail=""):
    print(f"{'ok' if good else 'not ok'}: {what} {detail}", flush=True)
    if not good:
        failures.append(what)


def error_for(text, fds=()):
    """The error object for one line; None if the connection was closed without one."""
    sock = client()
    anc = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
    sent = sock.sendmsg([text + b"\n"], anc)
    try:
        sock.sendall((text + b"\n")[sent:])
        answer = line(sock)
    except (BrokenPipeError, ConnectionResetError):
        return None
    finally:
        sock.close()
    return json.loads(answer)["error"] if answer else None


def request(method, params, **more):
    return json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params, **more}).encode()


def alive():
    began = time.monotonic()
    answer = call(PATH, "version", {}, timeout=5)
    return "result" in answer and time.monotonic() - began < 2


cases = [
    ("not JSON", b"hello", -32700, ""),
    ("half a message", b'{"jsonrpc":"2.0","id":1,"meth', -32700, ""),
    ("not UTF-8", b'{"jsonrpc":"2.0","id":1,"method":"\xff\xfe"}', -32700, ""),
    ("a NUL byte", b'{"jsonrpc":"2.0",\x00"id":1}', -32700, ""),
    ("a number", b"17", None, ""),
    ("no method", b'{"jsonrpc":"2.0","id":1}', -32600, "method"),
    ("a method that is a number", b'{"jsonrpc":"2.0","id":1,"method":5}', -32600, "method"),
    ("version 1", b'{"jsonrpc":"1.0","id":1,"method":"version"}', -32600, "jsonrpc"),
    ("an unknown method", request("no.such", {}), -32601, "no.such"),
    ("params that are a list", request("node.show", ["a"]), -32600, "params"),
    ("an unknown parameter", request("version", {"colour": "red"}), -32602, "colour"),
    ("a missing parameter", request("node.show", {}), -32602, "name"),
    ("a parameter of the wrong type", request("node.show", {"name": 5}), -32602, "name"),
    ("a bad name", request("node.add", {"name": "../x", "kind": "pod"}), -32602, "name"),
    ("a long name", request("node.add", {"name": "x" * 5000, "kind": "pod"}), -32602, "name"),
    ("an unknown kind", request("node.add", {"name": "x", "kind": "moon"}), -32602, "kind"),
    ("a negative delay", request("link.set", {"from": "a/eth0", "delay_ns": -1}), -32602, "delay_ns"),
    ("a huge delay", request("link.set", {"from": "a/eth0", "delay_ns": 10 ** 18}), -32602, "delay_ns"),
    ("a loss of 2", request("link.set", {"from": "a/eth0", "loss": 2.0}), -32602, "loss"),
    ("a limit of 0", request("node.list", {"limit": 0}), -32602, "limit"),
    ("a cursor that is no cursor", request("node.list", {"cursor": "%%%"}), -32602, "cursor"),
    ("a node that is not there", request("node.show", {"name": "nobody"}), -32001, "nobody"),
    ("a bad prefix", request("route.add", {"prefix": "fd00::/129", "node": "a"}), -32602, "prefix"),
    ("a netns that is a file", request("port.add", {"interface": "z/e0", "backend": "af_xdp",
        "node_kind": "pod", "netns": "/etc/passwd", "ifname": "e0"}), None, "netns"),
    ("a netns that is not there", request("port.add", {"interface": "z/e0", "backend": "af_xdp",
        "node_kind": "pod", "netns": "/run/netns/nothing-here", "ifname": "e0"}), None, "netns"),
    ("an interface name with a slash", request("port.add", {"interface": "z/e0", "backend": "af_xdp",
        "node_kind": "pod", "netns": sys.argv[3], "ifname": "a/b"}), -32602, "ifname"),
    ("40 levels", request("version", {}).replace(b"{}", b"[" * 40 + b"]" * 40), None, ""),
    ("a million levels", b"[" * 1_000_000, None, ""),
]
for what, text, code, word in cases:
    error = error_for(text)
    good = error is not None and isinstance(error.get("code"), int) and error.get("message")
    good = good and (code is None or error["code"] == code) and word in json.dumps(error)
    check(what, bool(good), json.dumps(error)[:200])
    if not alive():
        check(f"the switch answers after: {what}", False)

# too long: an error, then the connection ends
error = error_for(b'{"jsonrpc":"2.0","id":1,"method":"' + b"x" * (6 << 20) + b'"}')
check("6 MiB in a line", error is None or error["code"] < 0, json.dumps(error)[:120])
check("the switch answers after it", alive())

# descriptors that nobody asked for, more than fit, and with a line that fails
fd = os.open("/dev/null", os.O_RDONLY)
before = len(os.listdir(f"/proc/{sys.argv[2]}/fd"))
for _ in range(50):
    error_for(request("version", {"x": 1}), [fd] * 4)
    error_for(b"nonsense", [fd] * 4)
    error_for(request("version", {"x": 1}), [fd] * 30)
deadline = time.monotonic() + 5
while len(os.listdir(f"/proc/{sys.argv[2]}/fd")) > before and time.monotonic() < deadline:
    time.sleep(0.05)
after = len(os.listdir(f"/proc/{sys.argv[2]}/fd"))
check("unwanted descriptors are closed", after <= before, f"{before} before, {after} after")

# byte by byte, many in one write, blank lines, a notification
sock = client()
for byte in request("version", {}) + b"\n":
    sock.send(bytes([byte]))
check("byte by byte", b"result" in (line(sock) or b""))
sock.sendall(b"".join(request("version", {}) + b"\n" for _ in range(200)))
got = b""
while got.count(b"\n") < 200:
    part = sock.recv(1 << 16)
    if not part:
        break
    got += part
check("200 requests in one write", got.count(b'"result"') == 200)
sock.sendall(b'{"jsonrpc":"2.0","method":"version"}\n' + request("version", {}) + b"\n")
answer = json.loads(line(sock))
check("a notification gets no answer", answer.get("id") == 1, json.dumps(answer)[:80])
sock.close()

# cut off in the middle, often
for _ in range(200):
    sock = client()
    sock.send(request("node.list", {})[: random.randrange(60)])
    sock.close()
check("the switch answers after 200 cut-off requests", alive())

# asks for much and never reads
deaf = [client() for _ in range(5)]
for sock in deaf:
    sock.setblocking(False)
ask = request("api.methods", {}) + b"\n"
sent = 0
deadline = time.monotonic() + 20
dropped = set()
while len(dropped) < len(deaf) and time.monotonic() < deadline:
    for i, sock in enumerate(deaf):
        try:
            sock.send(ask * 50)
            sent += 50
        except BlockingIOError:
            pass
        except (BrokenPipeError, ConnectionResetError):
            dropped.add(i)
    if not alive():
        check("others are answered while some do not read", False)
        break
    time.sleep(0.01)
answer = call(PATH, "stats.get", {})["result"]["control"]
check("clients that do not read are dropped or held back",
      len(dropped) == len(deaf) or answer["clients"] <= 20, f"{len(dropped)} dropped, {sent} requests, {answer}")
for sock in deaf:
    sock.close()

# many at once: half of them silent
many = []
try:
    for _ in range(200):
        many.append(client())
except OSError:
    pass
check(f"{len(many)} connections at once: the switch answers", alive())
for sock in many:
    sock.close()
deadline = time.monotonic() + 5
while not alive() and time.monotonic() < deadline:
    pass
check("and after they left", alive())

# rubbish at random, from several at once
rng = random.Random(7)
template = [c[1] for c in cases[:20]]


def rubbish(seed):
    own = random.Random(seed)
    for _ in range(150):
        text = bytearray(own.choice(template))
        for _ in range(own.randrange(1, 6)):
            text[own.randrange(len(text))] = own.randrange(256)
        try:
            sock = client()
            sock.sendall(bytes(text).replace(b"\n", b" ") + b"\n")
            if own.random() < 0.7:
                line(sock)
            sock.close()
        except OSError:
            pass


threads = [threading.Thread(target=rubbish, args=(i,)) for i in range(4)]
for t in threads:
    t.start()
while any(t.is_alive() for t in threads):
    if not alive():
        check("others are answered meanwhile", False)
        break
for t in threads:
    t.join()
check("600 damaged requests from four clients", alive())
sys.exit(1 if failures else 0)
PYTHON
/usr/bin/python3 "$work/abuse" "$net_dir" "$switch_pid" "$(netns_path a)"

kill -INT "$ping_pid"
wait "$ping_pid" 2>/dev/null || true
tail -n 3 "$work/ping"
lost=$(sed -n 's/.* \([0-9.]*\)% packet loss.*/\1/p' "$work/ping")
ok "the ping beside it lost $lost %" between 0 "$lost" 0.5
ok "pods still talk" ping_ok a fd00::2
ok "nothing of it all is in the model" not rpc node.show '{"name":"z"}'
