#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Layering (docs/architecture.md): arrows point down only. Reads every #include "..." of the project's
# folders and fails on one that points up, on a path in an include, and on DPDK where no DPDK may be.
# The build catches most of this too; this one names the rule.
set -eu
cd "${1:-$(dirname "$0")/../..}"

# folder: folders whose headers it may include
allowed='
vswitch/base: vswitch/base
vswitch/api: vswitch/api vswitch/base
pmd: pmd vswitch/base
pmd/af_xdp: pmd/af_xdp pmd vswitch/base
pmd/vhost_user: pmd/vhost_user pmd vswitch/base
vswitch/datapath: vswitch/datapath pmd/port_ops.h pmd/port_watch.h vswitch/base
vswitch/control: vswitch/control vswitch/datapath pmd vswitch/api vswitch/base
vswitch: vswitch vswitch/control vswitch/datapath pmd vswitch/api vswitch/base
ctl: ctl ctl/scenario ctl/ephemeris ctl/import ctl/verify ctl/doctor vswitch/api vswitch/base
ctl/scenario: ctl/scenario ctl vswitch/api vswitch/base
ctl/ephemeris: ctl/ephemeris ctl/scenario ctl vswitch/api vswitch/base
ctl/import: ctl/import ctl/ephemeris ctl/scenario ctl vswitch/api vswitch/base
ctl/verify: ctl/verify ctl vswitch/api vswitch/base
ctl/doctor: ctl/doctor ctl vswitch/api vswitch/base
cni-shim: cni-shim vswitch/api vswitch/base
podsim: podsim vswitch/base
'
no_dpdk='vswitch/base vswitch/api ctl ctl/scenario ctl/ephemeris ctl/import ctl/verify ctl/doctor cni-shim podsim'

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

find vswitch pmd ctl cni-shim podsim -name '*.[ch]' | sort >"$work/files"
# file, included name
while read -r file; do
	sed -n 's/^[ \t]*#[ \t]*include[ \t]*\([<"][^>"]*\)[>"].*/\1/p' "$file" |
		sed "s|^|$file |"
done <"$work/files" >"$work/includes"

printf '%s' "$allowed" | awk -v no_dpdk="$no_dpdk" -v files="$work/files" '
	function folder_of(path) { sub("/[^/]*$", "", path); return path }
	FILENAME == "-" {
		if (NF < 2) next
		folder = $1; sub(":$", "", folder)
		known[folder] = 1
		for (i = 2; i <= NF; i++) may[folder, $i] = 1
		next
	}
	FILENAME == files {
		name = $1; sub(".*/", "", name)
		where[name] = where[name] " " $1
		next
	}
	FNR == 1 {
		n = split(no_dpdk, list, " ")
		for (i = 1; i <= n; i++) dpdk_free[list[i]] = 1
	}
	{
		n_read++
		from = folder_of($1)
		quote = substr($2, 1, 1); name = substr($2, 2)
		if (!(from in known)) {
			printf "%s: folder %s is not in the table of tests/unit/check_includes.sh\n", $1, from
			bad = 1; next
		}
		if (name ~ /^rte_/ && from in dpdk_free) {
			printf "%s: includes %s; %s never sees DPDK\n", $1, name, from
			bad = 1
		}
		if (quote != "\"") next
		if (name ~ /\//) {
			printf "%s: includes \"%s\"; give the file name only\n", $1, name
			bad = 1; next
		}
		n = split(where[name], places, " ")
		if (n == 0) next # generated
		good = 0
		for (i = 1; i <= n; i++)
			if ((from, folder_of(places[i])) in may || (from, places[i]) in may) good = 1
		if (!good) {
			printf "%s: includes \"%s\" of %s, which stands above %s\n", $1, name, folder_of(places[1]), from
			bad = 1
		}
	}
	END {
		if (!n_read) { print "no include was found: the check does not work"; bad = 1 }
		exit bad
	}' - "$work/files" "$work/includes"
