#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Other people's programs through the switch: see ../net/run.sh.
dir=$(dirname "$(readlink -f "$0")")
exec "$dir/../net/run.sh" --in "$dir" "$@"
