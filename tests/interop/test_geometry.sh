#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The sky of compiled ephemerides against python3-sgp4 and python3-skyfield: delays within 1 us, rise,
# set and handover within 1 ms. Circular shells on the sphere and on the ellipsoid, element sets with and
# without links between the satellites. No switch.
#
. "$(dirname "$(readlink -f "$0")")/lib.sh"
python=/usr/bin/python3 # Debian's, which has the libraries
"$python" -B -c 'import sgp4.api, skyfield.api, numpy' 2>/dev/null ||
    skip "python3-sgp4 and python3-skyfield are not installed"
here=$(dirname "$(readlink -f "$0")")

# Stations at both hemispheres, one at the equator, one high up.
stations='[{"name": "bonn",    "latitude_deg": 50.73,  "longitude_deg": 7.10,   "height_m": 60,   "min_elevation_deg": 10},
           {"name": "quito",   "latitude_deg": -0.22,  "longitude_deg": -78.51, "height_m": 2850, "min_elevation_deg": 15},
           {"name": "tromso",  "latitude_deg": 69.65,  "longitude_deg": 18.96,  "height_m": 20,   "min_elevation_deg": 5},
           {"name": "hobart",  "latitude_deg": -42.88, "longitude_deg": 147.33, "height_m": 0,    "min_elevation_deg": 25}]'

station_text() {
    jq -r 'map("{ name = \"\(.name)\"; latitude_deg = \(.latitude_deg | . * 1.0 | tostring | if test("[.]") then . else . + ".0" end); longitude_deg = \(.longitude_deg); height_m = \(.height_m).0; min_elevation_deg = \(.min_elevation_deg).0; }") | join(",\n")' <<<"$stations"
}

# scenario SHELL EARTH DURATION
scenario() {
    cat <<END
name = "geometry"; epoch = "2026-01-01T00:00:00Z"; duration = "$3"; earth = "$2";
addresses: { prefix = "fd00:66::/48"; };
shells: ( { name = "sat"; $1 } );
ground_stations: ( $(station_text) );
END
}

# check WHAT CASE-JSON SHELL EARTH SECONDS [TLE]
check() {
    local name=${1%%,*}
    name=${name// /-}
    scenario "$3" "$4" "$5s" >"$work/$name.scenario"
    orrery ephemeris build "$work/$name.scenario" -o "$work/$name.eph" >/dev/null 2>"$work/log" || { cat "$work/log"; fail "$1"; }
    orrery ephemeris dump "$work/$name.eph" --from 0s --to "$5s" --json >"$work/$name.dump"
    jq -n --argjson c "$2" --argjson s "$stations" --argjson d "$5" --arg e "$4" \
        '$c + {stations: $s, duration_s: $d, wgs84: ($e == "wgs84")}' >"$work/$name.json"
    ok "$1" "$python" -B "$here/geometry.py" "$work/$name.json" "$work/$name.dump" ${6:+"$6"}
}

delta='planes = 12; satellites_per_plane = 11; altitude_km = 550.0; inclination_deg = 53.0; pattern = "delta"; phase = 7;'
star='planes = 6; satellites_per_plane = 11; altitude_km = 780.0; inclination_deg = 86.4; pattern = "star"; phase = 3;'
delta_case='{"planes": 12, "satellites_per_plane": 11, "altitude_km": 550, "inclination_deg": 53, "phase": 7, "arc_deg": 360}'
star_case='{"planes": 6, "satellites_per_plane": 11, "altitude_km": 780, "inclination_deg": 86.4, "phase": 3, "arc_deg": 180}'
all='["ISL delay, ns", "ISL up", "GSL delay, ns", "nearest", "rise, s", "set, s", "takeover, s"]'

check "a delta shell over the sphere" "{\"walker\": $delta_case, \"wanted\": $all}" "$delta" sphere 3600
check "a star shell over WGS 84" "{\"walker\": $star_case, \"wanted\": $all}" "$star" wgs84 3600

"$python" -B - >"$work/planes.tle" <<'END'
# Three planes of eight satellites at some 700 km, not quite circular.
import math
from sgp4.api import WGS72, Satrec
from sgp4.exporter import export_tle
for plane in range(3):
    for slot in range(8):
        sat = Satrec()
        sat.sgp4init(WGS72, 'i', 91000 + 8 * plane + slot, 27759.0, 1e-5, 0.0, 0.0, 0.002, 0.5, math.radians(97.8),
                     math.tau * slot / 8 + 0.1 * plane, math.tau * 14.6 / 1440, math.radians(60.0 * plane))
        sat.classification, sat.intldesg, sat.ephtype, sat.elnum, sat.revnum = 'U', '26001A', 0, 1, 1
        print('\n'.join(export_tle(sat)))
END
check "element sets in planes" "{\"planes\": 3, \"wanted\": $(jq -c '. - ["takeover, s"]' <<<"$all")}" \
    "tle = \"planes.tle\"; planes = 3; satellites_per_plane = 8;" wgs84 7200 "$work/planes.tle"
cp "$top/config/scenarios/mixed.tle" "$work/mixed.tle"
check "element sets of low and deep space" '{"wanted": ["GSL delay, ns", "nearest", "takeover, s"]}' \
    'tle = "mixed.tle";' wgs84 36000 "$work/mixed.tle"
