#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Random front ends against the vhost_user driver under sanitizers:
# With the build of run.sh, tests/fuzz/abuse_vhost.sh SECONDS [PORTS [SEED]]
# Half of the ports (100) listen, the others connect. Prints what ports were broken for, and how often.
set -u
top=$(dirname "$(readlink -f "$0")")/../..
build=$(readlink -f "${BUILD:-$top/build-fuzz}")
seconds=${1:?seconds} half=$((${2:-100} / 2)) seed=${3:-$RANDOM}
dir=$(mktemp -d /tmp/orrery-abuse.XXXXXX)
trap 'rm -rf "$dir"' EXIT

# the driver's own handler of SIGBUS is under test
ASAN_OPTIONS=handle_sigbus=0 "$build/tests/fuzz/abuse_vhost" "$dir" "$half" "$seconds" >"$dir/out" 2>"$dir/err" &
driver=$!
until grep -q ready "$dir/out"; do
	kill -0 "$driver" 2>/dev/null || { cat "$dir/err"; exit 1; }
	sleep 0.1
done
abuse() {
	"$build/podsim/orrery-podsim" --ports "$half" --misbehave "0-$((half - 1))" --misbehave-seed "$seed" \
		--duration "${seconds}s" "$@" </dev/null 2>&1 | grep misbehaving
}
echo "seed $seed"
abuse --path "$dir/p%d" &
abuse --path "$dir/s%d" --client
wait $!
wait "$driver"
status=$?
sed -n 's/^broken: //p' "$dir/out" | sed 's/0x[0-9a-f]*/N/g; s/[0-9]\+/N/g' | sort | uniq -c | sort -rn
tail -n 1 "$dir/out"
cat "$dir/err"
exit "$status"
