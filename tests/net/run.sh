#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Runs the test_*.sh of this folder (or of the folder given with --in), one after another, or only those
# named: run.sh [--in DIR] [NAME...]. One line a test; the log of a failed one is shown and kept.
# Needs root. ORRERY_BUILD: the build directory (default: build).
set -uo pipefail

dir=$(dirname "$(readlink -f "$0")")
if [[ ${1-} == --in ]]; then
    dir=$(readlink -f "$2")
    shift 2
fi
ORRERY_BUILD=$(readlink -f "${ORRERY_BUILD:-$(dirname "$0")/../../build}")
export ORRERY_BUILD
log_dir=${ORRERY_TEST_LOGS:-$ORRERY_BUILD/test-logs/${dir##*/}}
limit_s=${ORRERY_TEST_LIMIT:-240}

[[ $EUID == 0 ]] || {
    echo "run.sh: needs root, for network namespaces" >&2
    exit 2
}
mkdir -p "$log_dir"

passed=0
failed=0
skipped=0
for file in "$dir"/test_*.sh; do
    [[ -e $file ]] || continue
    name=${file##*/test_}
    name=${name%.sh}
    if (($#)) && [[ " $* " != *" $name "* ]]; then
        continue
    fi
    log=$log_dir/$name.log
    from_ms=$(date +%s%3N)
    timeout --kill-after=15 "$limit_s" bash "$file" >"$log" 2>&1 </dev/null
    status=$?
    took=$(awk -v ms=$(($(date +%s%3N) - from_ms)) 'BEGIN { printf "%.1f s", ms / 1000 }')
    case $status in
    0)
        printf 'ok    %-28s %8s\n' "$name" "$took"
        passed=$((passed + 1))
        rm -f "$log"
        ;;
    77)
        # CI installs what tests need: a skip there hides a missing package
        [[ ${CI-} != true ]] || failed=$((failed + 1))
        printf 'skip  %-28s %8s  %s\n' "$name" "$took" "$(sed -n 's/^skip: //p' "$log" | tail -n 1)"
        skipped=$((skipped + 1))
        ;;
    *)
        ((status == 124 || status == 137)) && echo "stopped after $limit_s s" >>"$log"
        printf 'FAIL  %-28s %8s  %s\n' "$name" "$took" "$log"
        { grep -n '^not ok' "$log" | head -n 20; tail -n 40 "$log"; } | sed 's/^/      /'
        failed=$((failed + 1))
        ;;
    esac
done

((skipped)) && echo "$skipped skipped"
echo "$passed passed, $failed failed"
((failed == 0))
