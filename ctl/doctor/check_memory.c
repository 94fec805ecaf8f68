/* SPDX-License-Identifier: BSD-3-Clause */
// Hugepages, swap, mappings, locked memory.
#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "doctor.h"
#include "units.h"

#define HUGEPAGES "/sys/kernel/mm/hugepages"
#define HUGE_MIN_BYTES (256ull << 20) // the default pool of frames, with room
#define MAPS_BASE 1024ull // the switch's own
#define MAPS_PER_PORT 4 // ports of one pod share; a DPDK pod has 1 to 8 files of memory
#define MEMLOCK_MIN_BYTES (1ull << 30)

void check_hugepages(const struct doctor *doctor, struct finding *finding)
{
	char path[512], size[UNITS_TEXT_SIZE], free_size[UNITS_TEXT_SIZE];
	uint64_t total = 0, unused = 0;
	struct dirent *entry;

	snprintf(path, sizeof(path), "%s" HUGEPAGES, doctor->root);
	DIR *dir = opendir(path);

	while (dir != NULL && (entry = readdir(dir)) != NULL) {
		uint64_t kib = 0, n = 0, n_free = 0;

		if (sscanf(entry->d_name, "hugepages-%" SCNu64 "kB", &kib) != 1)
			continue;
		snprintf(path, sizeof(path), HUGEPAGES "/%.64s/nr_hugepages", entry->d_name);
		if (host_read_u64(doctor, path, &n) == 0)
			total += n * kib * 1024;
		snprintf(path, sizeof(path), HUGEPAGES "/%.64s/free_hugepages", entry->d_name);
		if (host_read_u64(doctor, path, &n_free) == 0)
			unused += n_free * kib * 1024;
	}
	if (dir != NULL)
		closedir(dir);
	units_format_size(size, total);
	units_format_size(free_size, unused);
	if (total >= HUGE_MIN_BYTES) {
		finding_set(finding, LEVEL_OK, "%s, %s free", size, free_size);
		return;
	}
	finding_set(finding, LEVEL_WARN,
	        total == 0 ? "none: the switch takes plain memory" : "%s, %s free", size,
	        free_size);
	finding_fix(finding, "sysctl -w vm.nr_hugepages=512    (1 GiB of 2 MiB pages; keep it in "
	                     "/etc/sysctl.d)");
}

void check_hugepage_mount(const struct doctor *doctor, struct finding *finding)
{
	char path[512], line[1024], device[256], place[256], type[64];

	snprintf(path, sizeof(path), "%s/proc/mounts", doctor->root);
	FILE *file = fopen(path, "re");

	while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
		if (sscanf(line, "%255s %255s %63s", device, place, type) == 3 &&
		        strcmp(type, "hugetlbfs") == 0) {
			finding_set(finding, LEVEL_OK, "%s", place);
			fclose(file);
			return;
		}
	}
	if (file != NULL)
		fclose(file);
	finding_set(finding, LEVEL_WARN, "hugetlbfs is not mounted");
	finding_fix(finding, "mkdir -p /dev/hugepages && mount -t hugetlbfs nodev /dev/hugepages");
}

void check_huge_anonymous(const struct doctor *doctor, struct finding *finding)
{
	char text[128];

	if (host_read(doctor, "/sys/kernel/mm/transparent_hugepage/enabled", text, sizeof(text)) !=
	        0) {
		finding_set(finding, LEVEL_OK, "the kernel has none");
		return;
	}
	const char *chosen = strchr(text, '[');
	int len = chosen != NULL ? (int)strcspn(++chosen, "]") : 0;

	finding_set(finding, len == 6 && strncmp(chosen, "always", 6) == 0 ? LEVEL_WARN : LEVEL_OK,
	        "%.*s", len, chosen != NULL ? chosen : "");
	if (finding->level != LEVEL_OK)
		finding_fix(finding, "echo madvise > /sys/kernel/mm/transparent_hugepage/enabled");
}

void check_swap(const struct doctor *doctor, struct finding *finding)
{
	char text[4096], size[UNITS_TEXT_SIZE];
	uint64_t used_kib = 0;
	size_t n = 0;

	if (host_read(doctor, "/proc/swaps", text, sizeof(text)) != 0)
		text[0] = '\0';
	// the first line is a heading
	for (char *line = strchr(text, '\n'); line != NULL; line = strchr(line, '\n')) {
		uint64_t total = 0, used = 0;

		if (sscanf(++line, "%*s %*s %" SCNu64 " %" SCNu64, &total, &used) != 2)
			break;
		n++;
		used_kib += used;
	}
	if (n == 0) {
		finding_set(finding, LEVEL_OK, "off");
		return;
	}
	finding_set(finding, LEVEL_WARN, "on, %s used", units_format_size(size, used_kib * 1024));
	finding_fix(finding, "swapoff -a, and take swap out of /etc/fstab");
}

void check_max_map_count(const struct doctor *doctor, struct finding *finding)
{
	uint64_t value, want = MAPS_BASE + MAPS_PER_PORT * doctor->n_ports;

	if (host_read_u64(doctor, "/proc/sys/vm/max_map_count", &value) != 0) {
		finding_set(finding, LEVEL_WARN, "vm.max_map_count cannot be read");
		return;
	}
	uint64_t n_ports = value > MAPS_BASE ? (value - MAPS_BASE) / MAPS_PER_PORT : 0;

	if (value >= want) {
		finding_set(finding, LEVEL_OK, "%" PRIu64, value);
		return;
	}
	finding_set(finding, LEVEL_WARN,
	        "%" PRIu64 ": sure for %" PRIu64 " vhost-user ports, %" PRIu64
	        " wanted (af_xdp ports need none)",
	        value, n_ports, doctor->n_ports);
	finding_fix(finding, "sysctl -w vm.max_map_count=%" PRIu64, want);
}

void check_memlock(const struct doctor *doctor, struct finding *finding)
{
	struct rlimit limit;
	char text[UNITS_TEXT_SIZE];

	if (getrlimit(RLIMIT_MEMLOCK, &limit) != 0 || limit.rlim_max == RLIM_INFINITY) {
		finding_set(finding, LEVEL_OK, "unlimited");
		return;
	}
	units_format_size(text, limit.rlim_max);
	if (doctor->is_root || limit.rlim_max >= MEMLOCK_MIN_BYTES) {
		finding_set(finding, LEVEL_OK, "%s%s", text,
		        doctor->is_root ? ", and a process with CAP_IPC_LOCK has no limit" : "");
		return;
	}
	finding_set(finding, LEVEL_WARN, "%s for a switch without CAP_IPC_LOCK", text);
	finding_fix(finding, "LimitMEMLOCK=infinity in the service, or 'ulimit -l unlimited'");
}
