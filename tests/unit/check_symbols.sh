#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# The data path allocates nothing, takes no lock and prints nothing: its objects must not call what does.
# check_symbols.sh ARCHIVE [CONTROL_SIDE_OBJECT...]: objects that only the control thread uses are left
# out (by the end of their name); the check fails when one of them is not there.
set -eu
archive=$1
shift
forbidden='malloc calloc realloc aligned_alloc posix_memalign free strdup asprintf vasprintf
printf fprintf vprintf vfprintf puts putchar fputs fwrite perror syslog log_at rte_log
pthread_mutex_lock pthread_mutex_trylock pthread_rwlock_rdlock pthread_rwlock_wrlock pthread_cond_wait
sem_wait nanosleep clock_nanosleep usleep sleep sched_yield poll select
rte_malloc rte_zmalloc rte_calloc rte_realloc rte_free rte_malloc_socket rte_zmalloc_socket'

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# A thin archive prints paths, a plain one names.
nm -A -u "$archive" 2>/dev/null | sed 's/:[^:]*[Uwv] / /' >"$work/used"
awk -v forbidden="$forbidden" -v control="$*" '
	BEGIN {
		n = split(forbidden, list)
		for (i = 1; i <= n; i++) bad[list[i]] = 1
		n_control = split(control, sides)
	}
	{
		object = $1; sub(/^.*:/, "", object); sub(/^.*\//, "", object)
		symbol = $2; sub(/@.*/, "", symbol); sub(/_chk$/, "", symbol); sub(/^__/, "", symbol)
		objects[object] = 1
		for (i = 1; i <= n_control; i++)
			if (object == sides[i] || object == sides[i] ".o") { seen[i] = 1; next }
		n_checked++
		if (symbol in bad) { printf "%s calls %s\n", object, symbol; failed = 1 }
	}
	END {
		for (i = 1; i <= n_control; i++)
			if (!(i in seen)) { printf "no object %s in the archive\n", sides[i]; failed = 1 }
		if (n_checked < 20) { printf "only %d symbols were found: the check does not work\n", n_checked; failed = 1 }
		exit failed
	}' "$work/used"
