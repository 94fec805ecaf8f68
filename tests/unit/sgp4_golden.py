#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# Golden figures for test_sgp4.c: elements and positions by python3-sgp4 (Debian), over the
# verification satellites that come with it. Numbers only; angles in radians, minutes, km, km/s.
#   /usr/bin/python3 tests/unit/sgp4_golden.py > tests/unit/golden/sgp4.inc
import os

import sgp4
from sgp4.api import WGS72, Satrec

STATES_MAX = 12  # of each satellite
UNIX_JD = 2440587.5
JD_1950 = 2433281.5
DAY_NS = 86400 * 10**9
DAY_UNITS = 10**8  # an epoch has 8 decimals of a day
UNIT_NS = 864000


def satellites():
    with open(os.path.join(os.path.dirname(sgp4.__file__), 'SGP4-VER.TLE')) as f:
        lines = [line.rstrip('\n') for line in f if line[:2] in ('1 ', '2 ')]
    for first, second in zip(lines[::2], lines[1::2]):
        start, stop, step = (float(text) for text in second[69:].split())
        yield first[:69], second[:69], start, stop, step


def times(start, stop, step):
    n = int((stop - start) / step + 1e-9) + 1
    chosen = [start + step * (i * (n - 1) // (min(n, STATES_MAX) - 1) if n > 1 else 0)
              for i in range(min(n, STATES_MAX))]
    return sorted(set([0.0] + chosen))


def epoch_ns(line):
    year = int(line[18:20])
    year += 1900 if year >= 57 else 2000
    days = (year - 1970) * 365 + (year - 1969) // 4  # of 1970 to the year, up to 2099
    whole, fraction = line[20:32].strip().split('.')
    return ((days + int(whole) - 1) * DAY_UNITS + int(fraction.ljust(8, '0'))) * UNIT_NS


print('/* SPDX-License-Identifier: BSD-3-Clause */')
print('// Made by tests/unit/sgp4_golden.py with python3-sgp4.')
print('static const struct golden_satellite golden_satellites[] = {')
states = []
for index, (first, second, start, stop, step) in enumerate(satellites()):
    read = Satrec.twoline2rv(first, second, WGS72)
    # A Julian date in a double is 40 us coarse, which moves the Moon; days since 1950 are not.
    sat = Satrec()
    sat.sgp4init(WGS72, 'i', read.satnum, epoch_ns(first) / DAY_NS + (UNIX_JD - JD_1950), read.bstar,
                 0.0, 0.0, read.ecco, read.argpo, read.inclo, read.mo, read.no_kozai, read.nodeo)
    print('\t{%d, {%dll, %.17g, %.17g, %.17g, %.17g, %.17g, %.17g, %.17g}},' % (
        sat.satnum, epoch_ns(first), sat.no_kozai, sat.ecco, sat.inclo, sat.nodeo, sat.argpo, sat.mo,
        sat.bstar))
    for t in times(start, stop, step):
        err, r, v = sat.sgp4_tsince(t)
        states.append((index, t, err, r if not err else (0, 0, 0), v if not err else (0, 0, 0)))
print('};\n')
print('static const struct golden_state golden_states[] = {')
for index, t, err, r, v in states:
    print('\t{%d, %.17g, %d, {%.9f, %.9f, %.9f}, {%.12f, %.12f, %.12f}},' % (index, t, err, *r, *v))
print('};')
