#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Golden figures for test_sky.c, computed another way than the code does it: rotation matrices applied
# to a satellite on the x axis, sidereal time by the formula of the Astronomical Almanac (days since
# J2000), elevation from the angle at the Earth's centre. Only the standard library.
#   python3 tests/unit/scenario_golden.py
import math

MU, RE, OMEGA, C = 398600.4418, 6371.0, 7.2921158553e-5, 299792.458


def rot_x(v, a):
    return (v[0], v[1] * math.cos(a) - v[2] * math.sin(a), v[1] * math.sin(a) + v[2] * math.cos(a))


def rot_z(v, a):
    return (v[0] * math.cos(a) - v[1] * math.sin(a), v[0] * math.sin(a) + v[1] * math.cos(a), v[2])


def satellite(alt, inc, raan, phase, t):
    n = math.sqrt(MU / (RE + alt) ** 3)
    v = rot_z((RE + alt, 0, 0), math.radians(phase) + n * t)
    return rot_z(rot_x(v, math.radians(inc)), math.radians(raan))


def gmst(jd_ut1):
    d = jd_ut1 - 2451545.0
    return math.radians((280.46061837 + 360.98564736629 * d + 0.000387933 * (d / 36525) ** 2) % 360)


def station(lat, lon, height_km, theta):
    v = (RE + height_km, 0, 0)
    a = math.radians(lat)
    v = (v[0] * math.cos(a), 0, v[0] * math.sin(a))
    return rot_z(v, math.radians(lon) + theta)


def walker(planes, slots, alt, inc, f, arc, t):
    return {(p, s): satellite(alt, inc, arc * p / planes, 360 * s / slots + 360 * f * p / (planes * slots), t)
            for p in range(planes) for s in range(slots)}


def elevation(g, s):
    rg, d = math.dist(g, (0, 0, 0)), math.dist(g, s)
    rs = math.dist(s, (0, 0, 0))
    # cosine rule in the triangle centre, station, satellite
    return math.degrees(math.acos((rg * rg + d * d - rs * rs) / (2 * rg * d))) - 90


JD = 2461041.5  # 2026-01-01T00:00:00Z
print('// gmst at 2026-01-01T00:00:00Z: %.9f rad' % gmst(JD))
for t in (0, 1000, 5400, 86399):
    sats = walker(6, 11, 780, 86.4, 3, 180, t)
    theta = gmst(JD) + OMEGA * t
    for name, lat, lon, h in (('bonn', 50.73, 7.10, 0.06), ('newyork', 40.71, -74.01, 0.01)):
        g = station(lat, lon, h, theta)
        seen = [(math.dist(g, v), k, elevation(g, v)) for k, v in sats.items() if elevation(g, v) >= 8.2]
        d, (p, s), el = min(seen)
        print('{%d, "%s", "sat-%d-%d", %.3f, %.4f, %d},' % (t, name, p, s, d / C * 1e9, el, len(seen)))
    a, b = sats[1, 4], sats[2, 4]
    print('// t %d: isl sat-1-4 sat-2-4 %.3f ns' % (t, math.dist(a, b) / C * 1e9))
