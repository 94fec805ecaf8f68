/* SPDX-License-Identifier: BSD-3-Clause */
// Cores: how many, how quiet, how steady.
#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "doctor.h"

#define CPUS "/sys/devices/system/cpu"
#define STEAL_WARN_PER_MILLE 10

void check_cpus(const struct doctor *doctor, struct finding *finding)
{
	long n = sysconf(_SC_NPROCESSORS_ONLN);

	if (n >= 2) {
		finding_set(finding, LEVEL_OK, "%ld online", n);
		return;
	}
	finding_set(finding, LEVEL_WARN, "%ld online: workers and control share it", n);
	finding_fix(finding, "give the host two cores or more");
}

void check_isolation(const struct doctor *doctor, struct finding *finding)
{
	char isolated[256] = "", nohz[256] = "";

	if (host_read(doctor, CPUS "/isolated", isolated, sizeof(isolated)) != 0)
		isolated[0] = '\0';
	// "(null)" where the kernel can and was not told to
	if (host_read(doctor, CPUS "/nohz_full", nohz, sizeof(nohz)) != 0 || nohz[0] == '(')
		nohz[0] = '\0';
	if (isolated[0] != '\0' && nohz[0] != '\0') {
		finding_set(finding, LEVEL_OK, "isolcpus %s, nohz_full %s", isolated, nohz);
		return;
	}
	finding_set(finding, LEVEL_WARN, "isolcpus %s, nohz_full %s",
	        isolated[0] != '\0' ? isolated : "none", nohz[0] != '\0' ? nohz : "none");
	finding_fix(finding, "boot with isolcpus=managed_irq,domain,CORES nohz_full=CORES "
	                     "rcu_nocbs=CORES, and give "
	                     "these cores to the workers");
}

void check_governor(const struct doctor *doctor, struct finding *finding)
{
	char path[512], text[64], other[64] = "";
	size_t n = 0, n_slow = 0;
	struct dirent *entry;

	snprintf(path, sizeof(path), "%s" CPUS, doctor->root);
	DIR *dir = opendir(path);

	while (dir != NULL && (entry = readdir(dir)) != NULL) {
		unsigned cpu;
		char rest;

		if (sscanf(entry->d_name, "cpu%u%c", &cpu, &rest) != 1)
			continue;
		snprintf(path, sizeof(path), CPUS "/cpu%u/cpufreq/scaling_governor", cpu);
		if (host_read(doctor, path, text, sizeof(text)) != 0)
			continue;
		n++;
		if (strcmp(text, "performance") != 0) {
			n_slow++;
			memcpy(other, text, sizeof(other));
		}
	}
	if (dir != NULL)
		closedir(dir);
	if (n == 0) {
		finding_set(finding, LEVEL_OK, "no frequency scaling here");
	} else if (n_slow == 0) {
		finding_set(finding, LEVEL_OK, "performance");
	} else {
		finding_set(finding, LEVEL_WARN, "%s on %zu of %zu cores", other, n_slow, n);
		finding_fix(finding, "cpupower frequency-set -g performance");
	}
}

// Whether `word` is in the flags of the first processor.
static bool has_flag(const char *cpuinfo, const char *word)
{
	const char *line = strstr(cpuinfo, "\nflags");
	size_t len = strlen(word);

	if (line == NULL)
		return false;
	for (const char *p = ++line; *p != '\0' && *p != '\n';) {
		size_t word_len = strcspn(p, " \t\n");

		if (word_len == len && strncmp(p, word, len) == 0)
			return true;
		p += word_len;
		p += strspn(p, " \t");
	}
	return false;
}

void check_clock(const struct doctor *doctor, struct finding *finding)
{
	char source[64] = "", info[8192] = "";

	if (host_read(doctor, "/sys/devices/system/clocksource/clocksource0/current_clocksource",
	            source, sizeof(source)) != 0)
		snprintf(source, sizeof(source), "unknown");
	// the first processor is enough, and first
	if (host_read(doctor, "/proc/cpuinfo", info, sizeof(info)) != 0)
		info[0] = '\0';
	bool constant = has_flag(info, "constant_tsc"), nonstop = has_flag(info, "nonstop_tsc");

	if (constant && nonstop) {
		finding_set(finding, LEVEL_OK, "constant; the kernel's clock source is %s", source);
		return;
	}
	finding_set(finding, LEVEL_WARN, "%s%s%s; the kernel's clock source is %s",
	        constant ? "" : "the counter's rate may change", constant || nonstop ? "" : ", ",
	        nonstop ? "" : "the counter may stop in sleep", source);
	finding_fix(finding, "on a virtual machine: pass the host's invariant TSC through");
}

void check_steal(const struct doctor *doctor, struct finding *finding)
{
	char text[512], info[8192] = "";
	uint64_t t[8] = {0}, sum = 0;

	if (host_read(doctor, "/proc/cpuinfo", info, sizeof(info)) != 0)
		info[0] = '\0';
	if (!has_flag(info, "hypervisor")) {
		finding_set(finding, LEVEL_OK, "no virtual machine");
		return;
	}
	// user nice system idle iowait irq softirq steal, since boot
	if (host_read(doctor, "/proc/stat", text, sizeof(text)) != 0 ||
	        sscanf(text,
	                "cpu %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64
	                " %" SCNu64 " %" SCNu64,
	                &t[0], &t[1], &t[2], &t[3], &t[4], &t[5], &t[6], &t[7]) != 8) {
		finding_set(
		        finding, LEVEL_WARN, "a virtual machine, and /proc/stat cannot be read");
		return;
	}
	for (size_t i = 0; i < 8; i++)
		sum += t[i];
	double percent = sum > 0 ? 100.0 * (double)t[7] / (double)sum : 0;

	if (percent * 10 < STEAL_WARN_PER_MILLE) {
		finding_set(finding, LEVEL_OK,
		        "a virtual machine; %.2f %% of its time taken since boot", percent);
		return;
	}
	finding_set(finding, LEVEL_WARN, "a virtual machine; %.1f %% of its time taken since boot",
	        percent);
	finding_fix(finding, "pin its virtual cores on the host, or measure delays on bare metal");
}
