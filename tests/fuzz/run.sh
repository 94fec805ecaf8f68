#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Runs each fuzz target, or those named, for a time, from its corpus. Inputs found on the way stay in
# BUILD/tests/fuzz/corpus-NAME, an input that fails in BUILD/tests/fuzz.
#   CC=clang meson setup build-fuzz -Dfuzz=true -Db_sanitize=address,undefined -Db_lundef=false
#   ninja -C build-fuzz && tests/fuzz/run.sh 60 [TARGET...]
# BUILD is $BUILD, or build-fuzz. Exit status: 0 nothing failed, 1 something did, 2 usage.
set -u
cd "$(dirname "$0")/../.." || exit 2
build=${BUILD:-build-fuzz}

if [[ $# -lt 1 || ! $1 =~ ^[0-9]+$ ]]; then
	sed -n '3,8s/^# //p' "$0" >&2
	exit 2
fi
seconds=$1
shift

targets=("$@")
if ((${#targets[@]} == 0)); then
	for target in "$build"/tests/fuzz/fuzz_*; do
		[[ -f $target && -x $target ]] && targets+=("${target##*/fuzz_}")
	done
fi
if ((${#targets[@]} == 0)); then
	echo "no fuzz target in $build/tests/fuzz: configure it with -Dfuzz=true and build" >&2
	exit 2
fi

failed=0
for name in "${targets[@]}"; do
	echo "== $name, $seconds s"
	mkdir -p "$build/tests/fuzz/corpus-$name"
	timeout $((seconds * 3 + 60)) "$build/tests/fuzz/fuzz_$name" -max_total_time="$seconds" \
		-timeout=10 -rss_limit_mb=2048 -verbosity=0 -print_final_stats=1 \
		-artifact_prefix="$build/tests/fuzz/$name-" \
		"$build/tests/fuzz/corpus-$name" "tests/fuzz/corpus/$name" || failed=1
done
exit $failed
