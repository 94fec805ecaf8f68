#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# orrery verify: passes on a switch that plays the file, through links with loss, jitter and rate; fails
# when a link is set by hand to another delay or loss, and when another file plays than the one given.
# Leaves nothing behind.
#
. "$(dirname "$(readlink -f "$0")")/lib.sh"
need jq

scenario() { # ISL-LOSS INCLINATION
    cat <<END
name = "verify"; epoch = "2026-01-01T00:00:00Z"; duration = "10min";
addresses: { prefix = "fd00:66::/48"; };
shells: ( { name = "sat"; planes = 6; satellites_per_plane = 11; altitude_km = 780.0; inclination_deg = $2;
  pattern = "star"; phase = 3; isl: { loss = "$1"; rate = "20mbit"; }; } );
gsl: { rate = "5mbit"; jitter = "50us"; };
ground_stations: ( { name = "bonn"; latitude_deg = 50.73; longitude_deg = 7.10; },
  { name = "newyork"; latitude_deg = 40.71; longitude_deg = -74.01; } );
END
}
scenario "2%" 86.4 >"$work/asked.scenario"
scenario "2%" 86.6 >"$work/other.scenario"
for name in asked other; do
    ok "$name.scenario compiles" orrery ephemeris build "$work/$name.scenario" -o "$work/$name.eph" >/dev/null
done

start_switch
refused "nothing plays" orrery verify "$work/asked.eph"
ok "it plays" orrery play "$work/asked.eph" --from 1min
nodes=$(field .total node.list '{}')

# A busy machine wakes a program late: the bounds are wide, the deviations looked for wider.
verify() { orrery verify "$@" --max-error 5ms; }

if ! verify "$work/asked.eph" --links 4 --count 100 >"$work/text"; then
    cat "$work/text"
    fail "a right switch verifies"
fi
cat "$work/text"
ok "a right switch verifies" contains "$(tail -n 1 "$work/text")" "as asked"
verify "$work/asked.eph" bonn newyork --count 200 --json >"$work/json" || fail "a path verifies: $(<"$work/json")"
ok "a path over several hops" between 2 "$(jq '.paths[0].hops' "$work/json")" 20
ok "its frames were lost on the way" between 1 "$(jq '.paths[0].lost' "$work/json")" 150
ok "all links are as asked" equal "$(jq '.matrix.wrong' "$work/json")" 0
ok "and were seen" between 200 "$(jq '.matrix.links' "$work/json")" 1000
ok "the rate of the ground link shows" between 3.7e6 "$(jq '.paths[0].rate_bps' "$work/json")" 5.5e6
ok "no port stays" equal "$(field .total port.list '{}')" 0
ok "no node stays" equal "$(field .total node.list '{}')" "$nodes"

# Wrong in one delay: seen in the matrix by name, and measured.
from=sat-0-0/isl0
to=$(field .link.to link.show "{\"from\":\"$from\"}")
ok "pin a link" orrery link pin "$from" "$to" both
delay=$(field .link.delay_now_ns link.show "{\"from\":\"$from\"}")
link "$from" "{\"delay_ns\": $((delay + 20000000))}"
if verify "$work/asked.eph" sat-0-0 "${to%%/*}" --count 80 --json >"$work/json"; then
    fail "20 ms more on one link: verified"
fi
ok "a link that is 20 ms too long is named" equal "$(jq -r '.matrix.first_wrong[0].link' "$work/json")" "$from"
ok "by how much" between 19.9e6 "$(jq '.matrix.first_wrong[0].error_ns' "$work/json")" 20.1e6
ok "and measured" between 19.9e6 "$(jq '.paths[0].error_ns.p50' "$work/json")" 40e6
ok "which is the verdict" equal "$(jq -c '.paths[0].wrong' "$work/json")" '["delay"]'

# Wrong in loss.
link "$from" "{\"delay_ns\": $delay, \"loss\": 0.3}"
if verify "$work/asked.eph" sat-0-0 "${to%%/*}" --count 120 --json >"$work/json"; then
    fail "30 % loss instead of 2 %: verified"
fi
ok "a loss of 30 % instead of 2 % is found by the probes" contains "$(jq -c '.paths[0].wrong' "$work/json")" loss
ok "and by the link's counters" equal "$(jq -r '.losses.items[] | select(.wrong) | .link' "$work/json")" "$from"
ok "unpin" orrery link unpin "$from" "$to" both

# Another sky.
if verify "$work/other.eph" --links 2 --count 40 --json >"$work/json"; then
    fail "another file than the one that plays: verified"
fi
ok "another file differs in most links" between 100 "$(jq '.matrix.wrong' "$work/json")" 1000
ok "no port stays" equal "$(field .total port.list '{}')" 0
