#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# Golden figures for test_geometry.c, by python3-skyfield (Debian): distance and elevation from the
# ground stations of config/scenarios/mixed-tle.scenario to its satellites. UT1 is taken for UTC, as in
# the scenario language: delta T is set to TT - UTC (37 s of leap seconds, and 32.184 s). Skyfield goes
# from TEME by GMST to the Earth and on to GCRS; distances do not depend on the last step.
#   /usr/bin/python3 tests/unit/skyfield_golden.py > tests/unit/golden/geometry.inc
import os

from skyfield.api import EarthSatellite, load, wgs84

ROOT = os.path.join(os.path.dirname(__file__), '../..')
STATIONS = (('bonn', 50.73, 7.10, 60.0), ('nairobi', -1.29, 36.82, 1795.0), ('tromso', 69.65, 18.96, 20.0))
C = 299792.458

ts = load.timescale(delta_t=69.184, builtin=True)
with open(os.path.join(ROOT, 'config/scenarios/mixed.tle')) as f:
    lines = [line.rstrip('\n') for line in f if line[:2] in ('1 ', '2 ')]

print('/* SPDX-License-Identifier: BSD-3-Clause */')
print('// Made by tests/unit/skyfield_golden.py with python3-skyfield.')
print('static const struct golden_ray golden_rays[] = {')
for first, second in zip(lines[::2], lines[1::2]):
    satellite = EarthSatellite(first, second, None, ts)
    for t in (0, 7, 3600, 43210, 86399, 864000):
        at = ts.utc(2026, 1, 1, 0, 0, t)
        for name, latitude, longitude, height in STATIONS:
            ray = (satellite - wgs84.latlon(latitude, longitude, height)).at(at)
            altitude, _, distance = ray.altaz()
            print('\t{%d, "%s", %d, %.3f, %.6f},' % (
                satellite.model.satnum, name, t, distance.km / C * 1e9, altitude.degrees))
print('};')
