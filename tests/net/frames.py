# SPDX-License-Identifier: BSD-3-Clause
"""Raw frames in and out of pods' interfaces, from one process: each socket stays in the namespace in
which it was opened. Received VLAN tags, which the kernel keeps beside the frame, are put back."""
import ctypes
import os
import select
import socket
import struct
import time

ETH_P_ALL = 3
SOL_PACKET = 263
PACKET_AUXDATA = 8
PACKET_IGNORE_OUTGOING = 23
PACKET_QDISC_BYPASS = 20
STATUS_VLAN_VALID = 1 << 4
STATUS_VLAN_TPID_VALID = 1 << 6
SO_RCVBUFFORCE = 33
CLONE_NEWNET = 0x40000000

_libc = ctypes.CDLL(None, use_errno=True)


_home = os.open("/proc/self/ns/net", os.O_RDONLY)


def _setns(fd):
    if _libc.setns(fd, CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")


class Tap:
    """A packet socket on one interface of one namespace."""

    def __init__(self, netns, ifname):
        fd = os.open(netns, os.O_RDONLY)
        try:
            _setns(fd)
            self.sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
            self.sock.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
            self.sock.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
            self.sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 32 << 20)
            self.sock.bind((ifname, ETH_P_ALL))
        finally:
            os.close(fd)
            _setns(_home)

    def send(self, frame):
        self.sock.send(frame)

    def receive(self, timeout):
        """The next frame, or None."""
        ready, _, _ = select.select([self.sock], [], [], max(timeout, 0))
        if not ready:
            return None
        frame, ancillary, _, _ = self.sock.recvmsg(65536, 256)
        for level, kind, data in ancillary:
            if (level, kind) != (SOL_PACKET, PACKET_AUXDATA):
                continue
            status, _, _, _, _, tci, tpid = struct.unpack("=IIIHHHH", data[:20])
            if status & STATUS_VLAN_VALID:
                tpid = tpid if status & STATUS_VLAN_TPID_VALID else 0x8100
                frame = frame[:12] + struct.pack("!HH", tpid, tci) + frame[12:]
        return frame

    def collect(self, wanted, seconds):
        """Frames for which wanted(frame) is true, until `seconds` after the last of them."""
        got = []
        end = time.monotonic() + seconds
        while True:
            frame = self.receive(end - time.monotonic())
            if frame is None:
                return got
            if wanted(frame):
                got.append(frame)
                end = time.monotonic() + seconds

    def expect(self, frame, seconds):
        """True if exactly this frame comes within the time; others are ignored."""
        end = time.monotonic() + seconds
        while True:
            got = self.receive(end - time.monotonic())
            if got is None:
                return False
            if got == frame:
                return True


def numbered(count, size=100, ethertype=0x88B5):
    """Frames of the local experimental ethertype, each with its number."""
    head = bytes.fromhex("02aabbccddee 021122334455") + struct.pack("!H", ethertype)
    return [(head + struct.pack("!I", i)).ljust(size, b"\0") for i in range(count)]


def number_of(frame, ethertype=0x88B5):
    """The number of such a frame, None for another."""
    if len(frame) >= 18 and frame[12:14] == struct.pack("!H", ethertype):
        return struct.unpack("!I", frame[14:18])[0]
    return None


def send_paced(tap, frames, pps):
    """Sends at this rate as well as a sleeping process can."""
    start = time.monotonic()
    for i, frame in enumerate(frames):
        wait = start + i / pps - time.monotonic()
        if wait > 0:
            time.sleep(wait)
        tap.send(frame)
