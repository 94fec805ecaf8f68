#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# orrery top on a terminal of its own: draws, takes keys, follows a new size, says why it ended.
#   cli_top.py ORRERY
import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import sys
import tempfile
import termios
import time

from cli_transcript import Switch

TIMEOUT_S = 15


class Terminal:
    """A program on a pseudo-terminal. curses draws only what changed, so most is seen from its requests."""

    def __init__(self, arguments, environment):
        self.raw = b''
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack('HHHH', 24, 80, 0, 0))
            os.execve(arguments[0], arguments, environment)

    def resize(self, rows, columns):
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack('HHHH', rows, columns, 0, 0))
        os.kill(self.pid, signal.SIGWINCH)

    def wait_for(self, *texts):
        """All texts were drawn since the last call, colours and moves aside."""
        end = time.monotonic() + TIMEOUT_S
        while True:
            plain = re.sub(rb'\x1b(\[[0-9;?]*[a-zA-Z]|[()][A-Z0-9]|[=>78])', b' ', self.raw).decode()
            if all(text in plain for text in texts):
                self.raw = b''
                return plain
            ready, _, _ = select.select([self.fd], [], [], max(0, end - time.monotonic()))
            if not ready:
                sys.exit('did not appear within %d s: %r\nthe screen got: %r' % (TIMEOUT_S, texts, plain))
            try:
                self.raw += os.read(self.fd, 65536)
            except OSError:
                sys.exit('the program ended; the screen got: %r' % plain)

    def press(self, key):
        os.write(self.fd, key.encode())

    def drain(self):
        try:
            while True:
                self.raw += os.read(self.fd, 65536)
        except OSError:
            return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def start(orrery, socket_path):
    return Terminal([orrery, '--socket', socket_path, 'top'],
                    {'TERM': 'xterm', 'PATH': os.environ['PATH'], 'ASAN_OPTIONS': 'detect_leaks=0'})


def expect(what, want, got):
    if want != got:
        sys.exit('%s: expected %r, got %r' % (what, want, got))


def wait_request(switch, what, by, limit):
    want = 'stats.top ' + json.dumps({'what': what, 'by': by, 'limit': limit})
    end = time.monotonic() + TIMEOUT_S
    while want not in switch.requests:
        if time.monotonic() > end:
            sys.exit('the switch was not asked %r, but %r' % (want, switch.requests))
        select.select([], [], [], 0.02)


def test_keys(orrery, socket_path, switch):
    screen = start(orrery, socket_path)
    screen.wait_for('links by traffic', 'LINK', 'sat-0-0/isl0 > sat-0-1/isl1', '8gbit', 'q quit')
    wait_request(switch, 'links', 'traffic', 20)
    screen.press('p')
    wait_request(switch, 'ports', 'traffic', 20)
    screen.press('d')
    wait_request(switch, 'ports', 'drops', 20)
    screen.press('n')
    wait_request(switch, 'nodes', 'drops', 20)
    screen.press('s')
    screen.wait_for('stopped')
    screen.press('s')
    screen.wait_for('quit')
    # what fits is what is asked for
    screen.resize(10, 60)
    wait_request(switch, 'nodes', 'drops', 6)
    screen.resize(1, 5)
    wait_request(switch, 'nodes', 'drops', 1)
    screen.press('q')
    expect('status after q', 0, screen.drain())


def test_no_terminal_known(orrery, socket_path):
    screen = Terminal([orrery, '--socket', socket_path, 'top'],
                      {'TERM': 'no-such-terminal', 'PATH': os.environ['PATH'], 'ASAN_OPTIONS': 'detect_leaks=0'})
    expect('status on an unknown terminal', 1, screen.drain())
    if b'--once' not in screen.raw:
        sys.exit('an unknown terminal is not explained: %r' % screen.raw)


def test_switch_gone(orrery, socket_path, switch):
    switch.replies = {'stats.top': [{'error': {'code': -32603, 'message': 'the switch is unwell'}}]}
    screen = start(orrery, socket_path)
    expect('status when the switch fails', 1, screen.drain())
    if b'the switch is unwell' not in screen.raw.split(b'\x1b[?1049l')[-1]:
        sys.exit('why it ended is not said after the screen is given back: %r' % screen.raw)


def main(orrery):
    orrery = os.path.abspath(orrery)
    folder = os.path.dirname(os.path.abspath(__file__))
    with tempfile.TemporaryDirectory(prefix='orrery-cli-') as scratch:
        switch = Switch(scratch + '/s', json.load(open(folder + '/golden/cli/switch.json')))
        switch.start()
        test_keys(orrery, scratch + '/s', switch)
        test_no_terminal_known(orrery, scratch + '/s')
        test_switch_gone(orrery, scratch + '/s', switch)
    return 0


if __name__ == '__main__':
    sys.dont_write_bytecode = True
    sys.exit(main(sys.argv[1]))
