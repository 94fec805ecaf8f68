#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# 'orrery ephemeris import' of small files of every format: what it says, and a dump of what it wrote, against
# golden files; and what it says of bad files, after which nothing is left.
#   cli_import.py [--update] ORRERY GOLDEN
import difflib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

TIMEOUT_S = 50

# golden file, format, source, options; times of the dump
CASES = [
    ('starrynet', 'starrynet', 'starrynet', ['--delay-scale', '0.5868']),
    ('starrynet-interpolate', 'starrynet', 'starrynet', ['--interpolate', '--duration', '2500ms']),
    ('netsatbench', 'netsatbench', 'netsatbench', []),
    ('hypatia', 'hypatia', 'hypatia', []),
    ('hypatia-scaled', 'hypatia', 'hypatia', ['--delay-scale', '2', '--duration', '2s']),
    ('celestial', 'celestial', 'config.toml', []),
    ('celestial-scaled', 'celestial', 'config.toml', ['--delay-scale', '2', '--duration', '3s']),
    ('containerlab', 'containerlab', 'lab.clab.yml', ['--duration', '10min']),
    ('kne', 'kne', 'topo.pb.txt', []),
    ('theaterq', 'theaterq', 'trace.csv', ['--from', 'gs1/up', '--to', 'sat1/gs1', '--return', 'return.csv']),
    ('theaterq-simple', 'theaterq', 'return.csv', []),
    ('csv', 'csv', 'links.csv', ['--epoch', '2026-01-01T00:00:00Z']),
    ('csv-interpolate', 'csv', 'links.csv', ['--interpolate']),
]


def run(orrery, *args):
    return subprocess.run([orrery, 'ephemeris', *args], text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          timeout=TIMEOUT_S)


def imported(orrery, case, folder):
    """What a case prints, and a dump of its file."""
    _, name, source, options = case
    path = folder + '/out.eph'
    done = run(orrery, 'import', name, source, '-o', path, *options)
    assert done.returncode == 0, done
    dump = run(orrery, 'dump', path)
    assert dump.returncode == 0, dump
    report = run(orrery, 'import', name, source, '-o', path, '--json', *options)
    assert report.returncode == 0 and report.stderr == '', report
    # the same in JSON
    notes = json.loads(report.stdout)['assumed']
    assert done.stderr == ''.join('%s: %s\n' % (note['topic'], note['text']) for note in notes), (done, notes)
    assert os.listdir(folder) == ['out.eph'], os.listdir(folder)
    os.unlink(path)
    return (done.stderr + done.stdout).replace(folder + '/', '') + dump.stdout


def compare(update, name, text):
    path = name + '.golden'
    if update:
        with open(path, 'w', encoding='utf-8') as file:
            file.write(text)
        return True
    with open(path, encoding='utf-8') as file:
        golden = file.read()
    sys.stdout.writelines(difflib.unified_diff(golden.splitlines(True), text.splitlines(True), path, 'now'))
    return golden == text


# format, source (of the golden ones), file in it to change, bytes there and instead, part of the message
BAD = [
    ('csv', 'links.csv', '', '10ms,', '10xs,', ':6: t: expected seconds'),
    ('csv', 'links.csv', '', '10ms,', '-1,', ':6: t: expected seconds'),
    ('csv', 'links.csv', '', '1.5,bonn', '0.001,bonn', ':7: t: expected a time not before'),
    ('csv', 'links.csv', '', ',loss,', ',lose,', ":2: there is no column 'lose'"),
    ('csv', 'links.csv', '', '2.75ms', '2.75', ':5: delay: expected a duration'),
    ('csv', 'links.csv', '', '2.75ms', '5s', ':5: a delay of 5 s'),
    ('csv', 'links.csv', '', '0.001', '1.001', ':4: loss: expected a share'),
    ('csv', 'links.csv', '', 'sat 2,yes,,4.2ms', 'sat 1,yes,,4.2ms', ":3: a link from 'sat 1' to itself"),
    ('csv', 'links.csv', '', '\n0,sat 1', '\n0,\0sat 1', 'offset 89: a zero byte'),
    ('theaterq', 'trace.csv', '', '500000,12000000', '0,12000000', ':4: KEEP: expected more than 0'),
    ('theaterq', 'trace.csv', '', ',1,0\n500000,21', ',1\n500000,21', ':3: has 10 numbers; expected 9'),
    ('starrynet', 'starrynet', 'delay/2.txt', '3.24', 'nan', "2.txt:1: column 3: expected a delay in ms; got 'nan'"),
    ('starrynet', 'starrynet', 'delay/2.txt', '5.11,0.00,0.00,0.00,0.00\n', '', '2.txt:4: has 4 rows; expected 5'),
    ('starrynet', 'starrynet', 'delay/3.txt', '4.90,0.00,0.00,0.00', '4.90,0.00,0.00,0.00,1',
     '3.txt:5: expected 5 values'),
    ('starrynet', 'starrynet', 'delay/1.txt', '0.00,6.51', '0.01,6.51', '1.txt:1: column 1: expected 0'),
    ('starrynet', 'starrynet', 'config.json', '"GS number": 1', '"GS number": 2', '1.txt:1: a matrix of 5 nodes'),
    ('starrynet', 'starrynet', 'config.json', '"Duration (s)": 3', '"Duration (s)": 4', 'delay/4.txt: there is none'),
    ('starrynet', 'starrynet', 'Topo_leo_change.txt', '2-5', '2-6', 'Topo_leo_change.txt:4: expected'),
    ('netsatbench', 'netsatbench', 'epochs/NetSatBench-epoch0.json', '3.5ms', '3.5mm', 'epoch0.json: delay: expected'),
    ('netsatbench', 'netsatbench', 'epochs/NetSatBench-epoch0.json', '"limit": 100 }', '"limit": 100 ',
     'epoch0.json:6: '),
    ('netsatbench', 'netsatbench', 'epochs/NetSatBench-epoch2.json', '13:00:05', '12:00:05',
     'epoch2.json: time: expected one not before'),
    ('netsatbench', 'netsatbench', 'sat-config.json', '"grd1"', '"grd2"', "'grd1' is no node"),
    ('hypatia', 'hypatia', 'isls.txt', '2 5', '2 6', 'isls.txt:7: expected two satellites from 0 to 5'),
    ('hypatia', 'hypatia', 'tles.txt', '2 3\n', '2 4\n', 'tles.txt:1: says 2 orbits of 4'),
    ('hypatia', 'hypatia', 'tles.txt', ' 53.0000', ' 54.0000', 'tles.txt:4: checksum'),
    ('hypatia', 'hypatia', 'ground_stations.txt', '1,Sao', '2,Sao', 'ground_stations.txt:2: id: expected 1'),
    ('hypatia', 'hypatia', 'dynamic_state_500ms_for_4s/fstate_1500000000.txt', '7,6,2', '7,6,6',
     'fstate_1500000000.txt:1: a hop from one station'),
    ('celestial', 'config.toml', '', 'eccentricity = 0.0', 'eccentricity = 0.1',
     ':20: eccentricity: expected a number from 0 to 0'),
    ('celestial', 'config.toml', '', 'offset = 30', 'offset = {}', ':5: tables in braces'),
    ('celestial', 'config.toml', '', 'offset = 30', 'duration = 30', ":5: key 'duration': it is there already"),
    ('celestial', 'config.toml', '', 'lat = -0.2', 'lat = "x"', ':30: lat: expected a number'),
    ('containerlab', 'lab.clab.yml', '', '"r2:eth1"', '"r9:eth1"', ":12: endpoints: 'r9' is no node"),
    ('containerlab', 'lab.clab.yml', '', '"r2:eth1"]', '"r2:eth1"', ':13: '),
    ('containerlab', 'lab.clab.yml', '', '[r2:eth2', '[r1:eth1', ":13: endpoints: 'eth1' has a link already"),
    ('kne', 'topo.pb.txt', '', 'z_int: "eth1" }', 'z_int: "eth1" )', ':9: expected a field'),
    ('kne', 'topo.pb.txt', '', 'a_int: "Ethernet1/1"', 'a_int: 1', ':9: expected a text in quotes'),
    ('kne', 'topo.pb.txt', '', '"eth2";', '"eth1";', ':13: links: r2:eth1'),
]


def check_bad(orrery, case, folder):
    name, source, changed, old, new, message = case
    copy = folder + '/bad'
    (shutil.copytree if os.path.isdir(source) else shutil.copyfile)(source, copy)
    path = copy + ('/' + changed if changed else '')
    with open(path, encoding='utf-8') as file:
        text = file.read()
    assert old in text, case
    with open(path, 'w', encoding='utf-8') as file:
        file.write(text.replace(old, new, 1))
    done = run(orrery, 'import', name, copy, '-o', folder + '/out.eph')
    good = done.returncode == 1 and message in done.stderr and done.stdout == '' and os.listdir(folder) == ['bad']
    if not good:
        print('expected %r, got %r, in the folder %r' % (message, done, os.listdir(folder)))
    (shutil.rmtree if os.path.isdir(copy) else os.unlink)(copy)
    return good

def check_empty(orrery, name, folder):
    path = folder + '/empty'
    with open(path, 'w', encoding='utf-8'):
        pass
    done = run(orrery, 'import', name, path, '-o', folder + '/out.eph')
    good = done.returncode == 1 and done.stderr.startswith('orrery: ' + path) and os.listdir(folder) == ['empty']
    if not good:
        print('%s: an empty file: %r, in the folder %r' % (name, done, os.listdir(folder)))
    os.unlink(path)
    return good


def check_stop(orrery, folder):
    # ten years of a constellation take minutes
    process = subprocess.Popen([orrery, 'ephemeris', 'import', 'hypatia', 'hypatia', '-o', folder + '/long.eph',
                                '--duration', '87600h'], stderr=subprocess.PIPE, text=True)
    end = time.monotonic() + TIMEOUT_S
    while not any(name.startswith('long.eph.tmp') for name in os.listdir(folder)):
        assert process.poll() is None and time.monotonic() < end, 'no scratch file'
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, message = process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == 1 and 'interrupted' in message, (process.returncode, message)
    assert os.listdir(folder) == [], os.listdir(folder)


def main(update, orrery, golden):
    orrery = os.path.abspath(orrery)
    os.chdir(golden)
    with tempfile.TemporaryDirectory(prefix='orrery-import-') as folder:
        results = [compare(update, case[0], imported(orrery, case, folder)) for case in CASES]
        check_stop(orrery, folder)
        results += [check_bad(orrery, case, folder) for case in BAD]
        results += [check_empty(orrery, name, folder)
                    for name in ('celestial', 'containerlab', 'csv', 'kne', 'theaterq')]
    return 0 if all(results) else 1


if __name__ == '__main__':
    sys.exit(main('--update' in sys.argv, *[word for word in sys.argv[1:] if word != '--update']))
