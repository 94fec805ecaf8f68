#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Checks a compiled ephemeris against python3-sgp4 and python3-skyfield: every delay of every link at
many times, that links between satellites are up when their rays pass high enough, that each station
has the nearest visible satellite, and that satellites rise, set and take over when the file says.

    geometry.py walker|tle FILE.json [FILE.tle]

FILE.json: {"walker": {...}, "stations": [...], "dump": lines of `orrery ephemeris dump --json`, ...}, see
test_geometry.sh. Circular orbits are turned into place by rotation matrices; element sets are the
library's business alone, and so are stations on WGS 84. UT1 is taken for UTC on both sides."""
import json
import math
import sys

import numpy as np
from sgp4.api import WGS72, Satrec
from sgp4.propagation import gstime
from skyfield.api import EarthSatellite, load, wgs84

C_KM_S = 299792.458
MU = 398600.4418
SPHERE_KM = 6371.0
JD_2026 = 2461041.5  # 2026-01-01T00:00:00Z, when all skies here begin
DELAY_TOLERANCE_NS = 1000.0
TIME_TOLERANCE_S = 1e-3
RAY_TOLERANCE_KM = 0.05

timescale = load.timescale(delta_t=69.184, builtin=True)


def axis_rotation(axis, angle):
    """Rotation matrices about an axis (0 to 2) by an angle or an array of them."""
    c, s = np.cos(angle), np.sin(angle)
    m = np.zeros(np.shape(angle) + (3, 3))
    a, b = (axis + 1) % 3, (axis + 2) % 3
    m[..., axis, axis] = 1
    m[..., a, a] = m[..., b, b] = c
    m[..., a, b], m[..., b, a] = -s, s
    return m


def gmst(t):
    return np.array([gstime(JD_2026 + x / 86400) for x in np.atleast_1d(t)])


class Walker:
    """Circular orbits: positions in an inertial frame, [times, 3] in km."""

    def __init__(self, w):
        self.a = SPHERE_KM + w["altitude_km"]
        self.motion = math.sqrt(MU / self.a**3)
        self.w = w

    def position(self, name, t):
        plane, slot = (int(x) for x in name.split("-")[1:])
        w, t = self.w, np.atleast_1d(t)
        n = w["planes"] * w["satellites_per_plane"]
        node = math.radians(w["arc_deg"] * plane / w["planes"])
        u = math.tau * (slot / w["satellites_per_plane"] + w["phase"] * plane / n) + self.motion * t
        in_plane = axis_rotation(2, u) @ np.array([self.a, 0.0, 0.0])
        turn = axis_rotation(2, node) @ axis_rotation(0, math.radians(w["inclination_deg"]))
        return in_plane @ turn.T

    def names(self):
        return ["sat-%d-%d" % (p, s) for p in range(self.w["planes"])
                for s in range(self.w["satellites_per_plane"])]


class Tle:
    """SGP4 by python3-sgp4, in TEME."""

    def __init__(self, path, planes):
        with open(path, encoding="ascii") as f:
            lines = [line.rstrip("\n") for line in f if line[:2] in ("1 ", "2 ")]
        self.sats, self.sky = {}, {}
        for i, (first, second) in enumerate(zip(lines[::2], lines[1::2])):
            sat = Satrec.twoline2rv(first, second, WGS72)
            name = "sat-%d-%d" % divmod(i, len(lines) // 2 // planes) if planes else "sat-%d" % sat.satnum
            self.sats[name] = sat
            self.sky[name] = EarthSatellite(first, second, None, timescale)

    def position(self, name, t):
        t = np.atleast_1d(t)
        error, r, _ = self.sats[name].sgp4_array(np.full(t.shape, JD_2026), t / 86400)
        assert not error.any(), name
        return r

    def names(self):
        return list(self.sats)


class Station:
    """A place on the Earth that looks at satellites: distance in km and elevation in degrees."""

    def __init__(self, s, sky, ellipsoid):
        self.s, self.sky, self.ellipsoid = s, sky, ellipsoid
        self.min_deg = s["min_elevation_deg"]
        lat, lon = math.radians(s["latitude_deg"]), math.radians(s["longitude_deg"])
        self.up = np.array([math.cos(lat) * math.cos(lon), math.cos(lat) * math.sin(lon), math.sin(lat)])
        self.wgs = wgs84.latlon(s["latitude_deg"], s["longitude_deg"], s["height_m"])
        self.fixed = (self.wgs.itrs_xyz.km if ellipsoid
                      else self.up * (SPHERE_KM + s["height_m"] / 1000))

    def look(self, name, t):
        t = np.atleast_1d(np.asarray(t, dtype=float))
        if isinstance(self.sky, Tle):
            ray = (self.sky.sky[name] - self.wgs).at(timescale.utc(2026, 1, 1, 0, 0, t))
            altitude, _, distance = ray.altaz()
            return distance.km, altitude.degrees
        turn = axis_rotation(2, gmst(t))
        ray = self.sky.position(name, t) - turn @ self.fixed
        distance = np.linalg.norm(ray, axis=1)
        up = turn @ self.up
        return distance, np.degrees(np.arcsin(np.sum(ray * up, axis=1) / distance))


class Line:
    """A link over time, as the file says."""

    def __init__(self):
        self.said = []  # (t_ns, to or None, up, delay_ns, slope_ns_s)

    def say(self, t_ns, record):
        _, to, up, delay, slope = self.said[-1] if self.said else (0, None, False, 0, 0)
        if "delay_ns" in record:
            delay, slope = record["delay_ns"], 0
        elif self.said:
            delay += slope * (t_ns - self.said[-1][0]) / 1e9
        self.said.append((t_ns, record.get("to", to), record.get("up", up), delay,
                          record.get("slope_ns_s", slope)))

    def at(self, t_ns):
        last = None
        for said in self.said:
            if said[0] > t_ns:
                break
            last = said
        return last


def read_dump(path):
    links = {}
    with open(path, encoding="utf-8") as f:
        for line in map(json.loads, f):
            for record in line["records"]:
                links.setdefault(record["from"], Line()).say(line["t_ns"], record)
    return links


class Check:
    def __init__(self, case, dump_path, tle_path):
        self.sky = Walker(case["walker"]) if "walker" in case else Tle(tle_path, case.get("planes", 0))
        self.stations = {s["name"]: Station(s, self.sky, case["wgs84"]) for s in case["stations"]}
        self.links = read_dump(dump_path)
        self.end_s = case["duration_s"]
        self.wrong = []
        self.worst = {}
        self.count = {}

    def expect(self, what, error, tolerance, where):
        self.count[what] = self.count.get(what, 0) + 1
        self.worst[what] = max(self.worst.get(what, 0.0), abs(error))
        if not abs(error) <= tolerance:
            self.wrong.append("%s: %g is over %g: %s" % (what, error, tolerance, where))

    def serving(self, station, t_ns):
        said = self.links.get(station + "/gsl0", Line()).at(t_ns)
        return said[1].split("/")[0] if said and said[1] and said[2] else None

    def isl(self, name, line, times):
        for t in times:
            said_ns, to, up, delay, slope = line.at(int(t * 1e9))
            if to is None:
                continue
            here, there = (self.sky.position(x.split("/")[0], t)[0] for x in (name, to))
            ray = there - here
            near = np.clip(-np.dot(here, ray) / np.dot(ray, ray), 0, 1)
            height = np.linalg.norm(here + near * ray) - SPHERE_KM
            if abs(height - 80.0) > RAY_TOLERANCE_KM:
                self.expect("ISL up", up != (height > 80.0), 0, "%s at %g s, ray %g km high" % (
                    name, t, height))
            if up:
                says = delay + slope * (t - said_ns / 1e9)
                self.expect("ISL delay, ns", says - np.linalg.norm(ray) / C_KM_S * 1e9,
                            DELAY_TOLERANCE_NS, "%s at %g s" % (name, t))

    def gsl(self, name, line, times):
        for t in times:
            said = line.at(int(t * 1e9))
            if said is None or said[1] is None or not said[2]:
                continue
            a, b = name.split("/")[0], said[1].split("/")[0]
            station, satellite = (a, b) if a in self.stations else (b, a)
            distance, _ = self.stations[station].look(satellite, t)
            self.expect("GSL delay, ns", said[3] + said[4] * (t - said[0] / 1e9) -
                        distance[0] / C_KM_S * 1e9, DELAY_TOLERANCE_NS, "%s at %g s" % (name, t))

    def nearest(self, name, station, times):
        seen = {x: station.look(x, times) for x in self.sky.names()}
        for i, t in enumerate(times):
            visible = [(seen[x][0][i], x) for x in seen if seen[x][1][i] >= station.min_deg]
            want = min(visible)[1] if visible else None
            has = self.serving(name, int(t * 1e9))
            near_edge = any(abs(seen[x][1][i] - station.min_deg) < 1e-4 for x in seen)
            as_near = want and has and abs(seen[want][0][i] - seen[has][0][i]) < 0.01
            self.expect("nearest", want != has and not near_edge and not as_near, 0,
                        "%s has %s at %g s, nearest is %s" % (name, has, t, want))

    def crossing(self, f, t):
        """Seconds from a zero of f to t, by its slope."""
        values = f(np.array([t - 0.5, t, t + 0.5]))
        return values[1] / (values[2] - values[0])

    def events(self, name, station):
        said = self.links.get(name + "/gsl0", Line()).said
        for before, after in zip(said, said[1:]):
            t = after[0] / 1e9
            old = before[1].split("/")[0] if before[1] and before[2] else None
            new = after[1].split("/")[0] if after[1] and after[2] else None
            if old == new:
                continue
            over = [("%s %s" % (kind, x), lambda u, x=x: station.look(x, u)[1] - station.min_deg)
                    for kind, x in (("set", old), ("rise", new)) if x]
            if old and new:
                over.append(("takeover", lambda u: station.look(old, u)[0] - station.look(new, u)[0]))
            what, error = min(((what, self.crossing(f, t)) for what, f in over), key=lambda x: abs(x[1]))
            self.expect(what.split()[0] + ", s", error, TIME_TOLERANCE_S, "%s at %g s: %s to %s" % (
                name, t, old, new))

    def run(self):
        times = np.linspace(0.0, self.end_s, 97)[:-1] + 0.123
        for name, line in self.links.items():
            if "/isl" in name:
                self.isl(name, line, times[::4])
            else:
                self.gsl(name, line, times)
        for name, station in self.stations.items():
            self.nearest(name, station, times)
            self.events(name, station)


def main():
    with open(sys.argv[1], encoding="utf-8") as f:
        case = json.load(f)
    check = Check(case, sys.argv[2], sys.argv[3] if len(sys.argv) > 3 else None)
    check.run()
    for what in sorted(check.count):
        print("    %-14s %6d checked, worst %.3g" % (what, check.count[what], check.worst[what]))
    for what in case["wanted"]:
        if check.count.get(what, 0) == 0:
            check.wrong.append("%s: nothing was checked" % what)
    print("\n".join(check.wrong[:20]))
    return 1 if check.wrong else 0


sys.exit(main())
