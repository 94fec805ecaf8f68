/* SPDX-License-Identifier: BSD-3-Clause */
// Limits of tables: descriptors, neighbours, watches.
#include <inttypes.h>
#include <sys/resource.h>

#include "doctor.h"

#define FILES_BASE 512 // the switch itself and its clients
#define FILES_PER_VHOST 4 // connection, kick of the transmit ring, two calls
#define FILES_PER_SWEPT 1 // of a guest that gives neither kick nor call: its connection
#define FILES_MIN 1024 // below this not even all clients fit
#define INOTIFY_MIN 1024 // instances
#define NEIGHBOURS_PER_PORT 2

void check_open_files(const struct doctor *doctor, struct finding *finding)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
		finding_set(finding, LEVEL_WARN, "the limit cannot be read");
		return;
	}
	if (limit.rlim_max == RLIM_INFINITY) {
		finding_set(finding, LEVEL_OK, "no limit");
		return;
	}
	uint64_t hard = limit.rlim_max;
	uint64_t n_left = hard > FILES_BASE ? hard - FILES_BASE : 0;
	enum level level = hard < FILES_MIN                             ? LEVEL_FAIL
	                   : n_left < FILES_PER_SWEPT * doctor->n_ports ? LEVEL_WARN
	                                                                : LEVEL_OK;

	// the switch raises its soft limit to the hard one
	finding_set(finding, level,
	        "hard limit %" PRIu64 ", soft %" PRIu64 ": room for %" PRIu64
	        " vhost-user ports with kick and call descriptors, %" PRIu64
	        " without; af_xdp ports take none",
	        hard, (uint64_t)limit.rlim_cur, n_left / FILES_PER_VHOST, n_left / FILES_PER_SWEPT);
	if (level != LEVEL_OK)
		finding_fix(finding,
		        "LimitNOFILE=%" PRIu64
		        " in the service, or 'ulimit -Hn' in the shell that starts the switch",
		        FILES_BASE + FILES_PER_VHOST * doctor->n_ports);
}

static void check_neighbours(
        const struct doctor *doctor, const char *family, struct finding *finding)
{
	char path[128];
	uint64_t value, want = NEIGHBOURS_PER_PORT * doctor->n_ports + 1024;

	snprintf(path, sizeof(path), "/proc/sys/net/%s/neigh/default/gc_thresh3", family);
	if (host_read_u64(doctor, path, &value) != 0) {
		finding_set(finding, LEVEL_WARN, "gc_thresh3 cannot be read");
		return;
	}
	if (value >= want) {
		finding_set(finding, LEVEL_OK, "gc_thresh3 %" PRIu64, value);
		return;
	}
	finding_set(finding, LEVEL_WARN,
	        "gc_thresh3 %" PRIu64 ": all pods together; %" PRIu64 " ports want %" PRIu64, value,
	        doctor->n_ports, want);
	finding_fix(finding,
	        "sysctl -w net.%s.neigh.default.gc_thresh1=%" PRIu64
	        " net.%s.neigh.default.gc_thresh2=%" PRIu64
	        " net.%s.neigh.default.gc_thresh3=%" PRIu64,
	        family, want / 4, family, want / 2, family, want);
}

void check_neighbours_v6(const struct doctor *doctor, struct finding *finding)
{
	check_neighbours(doctor, "ipv6", finding);
}

void check_neighbours_v4(const struct doctor *doctor, struct finding *finding)
{
	check_neighbours(doctor, "ipv4", finding);
}

void check_ipv6(const struct doctor *doctor, struct finding *finding)
{
	uint64_t all, fresh;

	if (host_read_u64(doctor, "/proc/sys/net/ipv6/conf/all/disable_ipv6", &all) != 0) {
		finding_set(finding, LEVEL_FAIL, "the kernel has no IPv6");
		finding_fix(finding, "boot without ipv6.disable=1");
		return;
	}
	if (host_read_u64(doctor, "/proc/sys/net/ipv6/conf/default/disable_ipv6", &fresh) != 0)
		fresh = 0;
	if (all == 0 && fresh == 0) {
		finding_set(finding, LEVEL_OK, "on");
		return;
	}
	finding_set(
	        finding, LEVEL_WARN, "disable_ipv6: all %" PRIu64 ", default %" PRIu64, all, fresh);
	finding_fix(finding,
	        "sysctl -w net.ipv6.conf.all.disable_ipv6=0 net.ipv6.conf.default.disable_ipv6=0");
}

void check_inotify(const struct doctor *doctor, struct finding *finding)
{
	uint64_t instances, watches;

	if (host_read_u64(doctor, "/proc/sys/fs/inotify/max_user_instances", &instances) != 0 ||
	        host_read_u64(doctor, "/proc/sys/fs/inotify/max_user_watches", &watches) != 0) {
		finding_set(finding, LEVEL_WARN, "fs.inotify cannot be read");
		return;
	}
	finding_set(finding, instances < INOTIFY_MIN ? LEVEL_WARN : LEVEL_OK,
	        "%" PRIu64 " instances, %" PRIu64 " watches a user", instances, watches);
	if (finding->level != LEVEL_OK)
		finding_fix(finding, "sysctl -w fs.inotify.max_user_instances=8192 "
		                     "fs.inotify.max_user_watches=524288");
}

void check_bridge_nf(const struct doctor *doctor, struct finding *finding)
{
	uint64_t v4 = 0, v6 = 0;

	if (host_read_u64(doctor, "/proc/sys/net/bridge/bridge-nf-call-iptables", &v4) != 0 ||
	        host_read_u64(doctor, "/proc/sys/net/bridge/bridge-nf-call-ip6tables", &v6) != 0) {
		finding_set(finding, LEVEL_OK, "br_netfilter is not loaded");
		return;
	}
	if (v4 == 0 && v6 == 0) {
		finding_set(finding, LEVEL_OK, "off");
		return;
	}
	finding_set(finding, LEVEL_WARN,
	        "bridge-nf-call-iptables %" PRIu64 ", bridge-nf-call-ip6tables %" PRIu64
	        " (Orrery's own frames pass no bridge; Kubernetes may need it)",
	        v4, v6);
	finding_fix(finding,
	        "where nothing needs it: sysctl -w net.bridge.bridge-nf-call-iptables=0 "
	        "net.bridge.bridge-nf-call-ip6tables=0");
}
