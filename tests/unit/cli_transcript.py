#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Runs the commands of transcripts against a switch that answers from a file, and compares what happens.
#   cli_transcript.py [--update] ORRERY TRANSCRIPT...
# A transcript has for each command: "$ " the command line (with "<< text" as its standard input), "> " the
# requests that reached the switch, "| " standard output, "! " standard error, "= " the exit status. Lines
# that begin with "#" are comments, "% NAME=VALUE" sets the environment of the commands below (VALUE in
# single quotes where it ends with a space).
# --update writes what happened into the transcripts.
import array
import difflib
import json
import os
import shlex
import socket
import subprocess
import sys
import tempfile
import threading

TIMEOUT_S = 20


class Switch(threading.Thread):
    """Answers each request with the first reply of its method whose `when` is part of the parameters."""

    def __init__(self, path, replies):
        super().__init__(daemon=True)
        self.replies, self.requests = replies, []
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen(8)

    def run(self):
        while True:
            connection, _ = self.listener.accept()
            with connection:
                self.serve(connection)

    def serve(self, connection):
        data, n_fds = b'', 0
        while True:
            chunk, control, _, _ = connection.recvmsg(65536, socket.CMSG_SPACE(16))
            for _, _, fds in control:
                for fd in array.array('i', fds):
                    n_fds += 1
                    os.close(fd)
            if not chunk:
                return
            data += chunk
            while b'\n' in data:
                line, data = data.split(b'\n', 1)
                connection.sendall((json.dumps(self.answer(json.loads(line), n_fds)) + '\n').encode())
                n_fds = 0

    def answer(self, request, n_fds):
        method, params = request['method'], request.get('params', {})
        self.requests.append('%s %s%s' % (method, json.dumps(params), ' +%d fd' % n_fds if n_fds else ''))
        for reply in self.replies.get(method, []):
            when = reply.get('when', {})
            if all(params.get(key) == value for key, value in when.items()):
                reply = {key: value for key, value in reply.items() if key != 'when'}
                return {'jsonrpc': '2.0', 'id': request['id'], **reply}
        return {'jsonrpc': '2.0', 'id': request['id'],
                'error': {'code': -32601, 'message': "there is no method '%s'" % method}}


def run_command(line, orrery, socket_path, switch, environment):
    command, _, text = line.partition(' << ')
    arguments = shlex.split(command)
    if arguments[0] == 'orrery':
        arguments[0] = orrery
    switch.requests.clear()
    done = subprocess.run(arguments, input=text.encode().decode('unicode_escape'), text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=TIMEOUT_S,
                          env={'PATH': os.environ['PATH'], 'ORRERY_SOCKET': socket_path, 'LC_ALL': 'C',
                               'ASAN_OPTIONS': os.environ.get('ASAN_OPTIONS', ''),
                               'LSAN_OPTIONS': os.environ.get('LSAN_OPTIONS', ''), **environment})
    result = ['$ ' + line]
    result += ['> ' + request for request in switch.requests]
    result += ['| ' + text for text in done.stdout.split('\n')[:-1]]
    result += ['! ' + text for text in done.stderr.split('\n')[:-1]]
    return [text.rstrip() if text in ('| ', '! ') else text for text in result] + ['= %d' % done.returncode]


def run_transcript(path, orrery, socket_path, switch):
    environment, result = {}, []
    for line in open(path).read().splitlines():
        if line.startswith('$ '):
            result += run_command(line[2:], orrery, socket_path, switch, environment)
        elif line.startswith('% '):
            name, _, value = line[2:].partition('=')
            environment[name] = shlex.split(value)[0] if value.startswith("'") else value
            result.append(line)
        elif line == '' or line.startswith('#'):
            result.append(line)
    return result


def main(arguments):
    update = arguments[0] == '--update'
    orrery, *paths = arguments[update:]
    orrery, failed = os.path.abspath(orrery), False
    with tempfile.TemporaryDirectory(prefix='orrery-cli-') as folder:
        socket_path = folder + '/s'
        os.chdir(os.path.dirname(os.path.abspath(paths[0])))
        switch = Switch(socket_path, json.load(open('switch.json')))
        switch.start()
        for path in map(os.path.basename, paths):
            want = open(path).read().splitlines()
            got = run_transcript(path, orrery, socket_path, switch)
            if got != want and update:
                open(path, 'w').write('\n'.join(got) + '\n')
            elif got != want:
                failed = True
                print('\n'.join(difflib.unified_diff(want, got, path, 'what happened', lineterm='')))
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
