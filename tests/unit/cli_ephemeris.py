#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# 'orrery ephemeris build' as a process: same bytes from any number of threads, one rename, and nothing left
# behind when it is stopped.
#   cli_ephemeris.py ORRERY SCENARIO
import json
import os
import signal
import subprocess
import sys
import tempfile
import time

TIMEOUT_S = 50


def build(orrery, scenario, path, *options):
    done = subprocess.run([orrery, 'ephemeris', 'build', scenario, '-o', path, '--json', *options], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=TIMEOUT_S)
    assert done.returncode == 0 and done.stderr == '', done
    result = json.loads(done.stdout)
    assert result['size_bytes'] == os.path.getsize(path), result
    return open(path, 'rb').read()


def check_stop(orrery, scenario, folder):
    # a year takes minutes
    path = folder + '/long.eph'
    process = subprocess.Popen([orrery, 'ephemeris', 'build', scenario, '-o', path, '--duration', '8760h'],
                               stderr=subprocess.PIPE, text=True)
    end = time.monotonic() + TIMEOUT_S
    while not any(name.startswith('long.eph.tmp') for name in os.listdir(folder)):
        assert process.poll() is None and time.monotonic() < end, 'no scratch file'
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, message = process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == 1 and 'interrupted' in message, (process.returncode, message)


# A link to the file stays, and the file beside which it leads is written; also when there is none yet.
def check_links(orrery, scenario, folder):
    os.mkdir(folder + '/b')
    os.symlink('b/there.eph', folder + '/link.eph')
    os.symlink(folder + '/link.eph', folder + '/b/second.eph')
    for name in ('link.eph', 'b/second.eph', 'link.eph'):
        data = build(orrery, scenario, folder + '/' + name, '--duration', '1min')
        assert data == open(folder + '/b/there.eph', 'rb').read()
        assert os.path.islink(folder + '/' + name) and not os.path.islink(folder + '/b/there.eph')
    assert sorted(os.listdir(folder + '/b')) == ['second.eph', 'there.eph'], os.listdir(folder + '/b')
    assert sorted(os.listdir(folder)) == ['a.eph', 'b', 'link.eph'], os.listdir(folder)
    os.symlink('loop.eph', folder + '/loop.eph')
    done = subprocess.run([orrery, 'ephemeris', 'build', scenario, '-o', folder + '/loop.eph', '--duration', '1min'],
                          text=True, stderr=subprocess.PIPE, timeout=TIMEOUT_S)
    assert done.returncode == 1 and 'loop.eph' in done.stderr, done
    assert os.path.islink(folder + '/loop.eph')


def main(orrery, scenario):
    with tempfile.TemporaryDirectory(prefix='orrery-ephemeris-') as folder:
        path = folder + '/a.eph'
        first = build(orrery, scenario, path, '--duration', '20min', '--threads', '1')
        assert first == build(orrery, scenario, path, '--duration', '20min', '--threads', '1')
        assert first == build(orrery, scenario, path, '--duration', '20min', '--threads', '2')
        assert first == build(orrery, scenario, path, '--duration', '20min', '--threads', '7')
        assert first != build(orrery, scenario, path, '--duration', '20min', '--seed', '7')
        check_stop(orrery, scenario, folder)
        assert os.listdir(folder) == ['a.eph'], os.listdir(folder)
        check_links(orrery, scenario, folder)


if __name__ == '__main__':
    main(*sys.argv[1:])
