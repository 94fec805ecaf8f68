#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# "Your own constellation" of docs/scenarios.md: its file and its commands, as they stand there.
. "$(dirname "$(readlink -f "$0")")/lib.sh"
need traceroute jq

# section: of docs/scenarios.md
section() { sed -n '/^## Your own constellation/,/^## The file/p' "$top/docs/scenarios.md"; }
blocks() { section | awk -v fence="$1" '
    $0 == "```" && inside { inside = 0; next }
    $0 == "```" && fence == "" && !seen++ { inside = 1; next }
    $0 == "```sh" && fence == "sh" { inside = 1; next }
    inside'; }

start_switch
cd "$work"
blocks "" >my.scenario
{
    echo 'set -euo pipefail; sudo() { "$@"; }; set -x'
    blocks sh | sed -E "s/(netns (add |del |exec )?)([ab])( |\$)/\1$instance-\3\4/"
} >steps.sh
[[ $(grep -c '^sudo orrery' steps.sh) -ge 8 ]] || fail "the page has hardly any commands"
bash steps.sh >steps.out 2>&1 || {
    cat steps.out
    fail "a command of the page failed"
}
ok "the pings of the page were answered" grep -q '5 packets transmitted, 5 received' steps.out
ok "traceroute saw satellites" grep -q 'fd00:77::1:' steps.out
ok "no node stays" equal "$(field .total node.list '{}')" 0
