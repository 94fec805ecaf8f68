#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The soak: 1,000 vhost-user ports misbehave for ten minutes (twice five), and two others lose nothing.
#
#     sudo tests/perf/vhost_soak.sh [HALF-TIME [PORTS [SEED]]]
#
# It is ../interop/test_vhost_abuse.sh, which CI runs with 50 ports for twice 10 s.
[[ $EUID == 0 ]] || {
    echo "vhost_soak.sh: needs root" >&2
    exit 2
}
export ABUSE_TIME=${1:-5min} ABUSE_PORTS=${2:-1000}
[[ ! ${3-} ]] || export ABUSE_SEED=$3
exec bash "$(dirname "$(readlink -f "$0")")/../interop/test_vhost_abuse.sh"
