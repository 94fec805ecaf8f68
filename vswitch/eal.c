/* SPDX-License-Identifier: BSD-3-Clause */
// Starting DPDK.
#include "eal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_log.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"

#define LCORES_TEXT_SIZE 4096
#define HUGEPAGE_DIR "/sys/kernel/mm/hugepages"
#define MIB (1ull << 20)
#define PLAIN_PAGE_BYTES 4096ull
#define FRAME_EXTRA_BYTES 512ull // of a buffer: headroom, DPDK's and our own fields
#define MEMORY_BASE_MB 64ull // rings, queues of devices
#define MEMORY_WORKER_MB 8ull

static int choose_workers(
        const struct config *config, const cpu_set_t *allowed, struct eal *eal, struct fault *fault)
{
	int last = -1;

	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (CPU_ISSET(cpu, allowed))
			last = cpu;
	}
	eal->n_workers = config->n_workers;
	memcpy(eal->cpus, config->worker_cpus, sizeof(eal->cpus));
	if (eal->n_workers == 0) {
		if (last < 0)
			return fault_set(fault, -ENODEV, "workers", "no processor may be used");
		eal->n_workers = 1;
		eal->cpus[0] = (unsigned)last;
	}
	for (uint16_t i = 0; i < eal->n_workers; i++) {
		eal->lcores[i] = i + 1u;
		if (eal->cpus[i] >= CPU_SETSIZE || !CPU_ISSET(eal->cpus[i], allowed))
			return fault_set(fault, -EINVAL, "workers",
			        "workers: processor %u is not there or may not be used",
			        eal->cpus[i]);
	}
	return 0;
}

// "0@(0,2),1@1,2@3": control everywhere but on workers' processors, unless there are no others.
static void lcores_text(const cpu_set_t *allowed, struct eal *eal, char *buf, size_t size)
{
	cpu_set_t control = *allowed;
	const char *comma = "";
	size_t len;

	for (uint16_t i = 0; i < eal->n_workers; i++)
		CPU_CLR(eal->cpus[i], &control);
	eal->shares_cpu = CPU_COUNT(&control) == 0;
	if (eal->shares_cpu)
		control = *allowed;
	len = (size_t)snprintf(buf, size, "0@(");
	for (int cpu = 0; cpu < CPU_SETSIZE && len < size; cpu++) {
		if (!CPU_ISSET(cpu, &control))
			continue;
		len += (size_t)snprintf(buf + len, size - len, "%s%d", comma, cpu);
		comma = ",";
	}
	for (uint16_t i = 0; i < eal->n_workers && len < size; i++)
		len += (size_t)snprintf(buf + len, size - len, "%s%u@%u", i == 0 ? ")," : ",",
		        eal->lcores[i], eal->cpus[i]);
}

static uint64_t read_number(const char *path)
{
	FILE *file = fopen(path, "re");
	uint64_t number = 0;

	if (file == NULL)
		return 0;
	if (fscanf(file, "%" SCNu64, &number) != 1)
		number = 0;
	fclose(file);
	return number;
}

static uint64_t free_hugepages_mb(void)
{
	DIR *dir = opendir(HUGEPAGE_DIR);
	const struct dirent *entry;
	uint64_t kb = 0;

	if (dir == NULL)
		return 0;
	while ((entry = readdir(dir)) != NULL) {
		char path[320];
		uint64_t page_kb;

		if (sscanf(entry->d_name, "hugepages-%" SCNu64 "kB", &page_kb) != 1)
			continue;
		snprintf(path, sizeof(path), HUGEPAGE_DIR "/%s/free_hugepages", entry->d_name);
		kb += page_kb * read_number(path);
	}
	closedir(dir);
	return kb / 1024;
}

// What the frame buffers of all workers and the rings need. On plain pages no buffer crosses a
// page's end, which costs the rest of the page.
static uint64_t needed_mb(const struct config *config, const struct eal *eal, bool plain)
{
	uint64_t frame = config->frame_bytes + FRAME_EXTRA_BYTES;

	if (config->memory_mb != 0)
		return config->memory_mb;
	if (plain)
		frame = (frame + PLAIN_PAGE_BYTES - 1) / PLAIN_PAGE_BYTES * PLAIN_PAGE_BYTES;
	return MEMORY_BASE_MB +
	       eal->n_workers * (MEMORY_WORKER_MB + config->pool_frames * frame / MIB);
}

static int choose_memory(const struct config *config, struct eal *eal, struct fault *fault)
{
	uint64_t free_mb = config->hugepages == HUGEPAGES_OFF ? 0 : free_hugepages_mb();
	uint64_t need_mb = needed_mb(config, eal, /* plain */ false);

	eal->hugepages = free_mb >= need_mb;
	eal->memory_mb = need_mb;
	if (eal->hugepages) {
		log_notice("memory: %" PRIu64 " MiB of hugepages", need_mb);
		return 0;
	}
	if (config->hugepages == HUGEPAGES_ON)
		return fault_set(fault, -ENOMEM, "memory.hugepages",
		        "memory.hugepages is \"on\", but only %" PRIu64 " MiB of %" PRIu64
		        " are free: sysctl vm.nr_hugepages=%" PRIu64,
		        free_mb, need_mb, need_mb / 2 + 1);
	eal->memory_mb = needed_mb(config, eal, /* plain */ true);
	if (config->hugepages == HUGEPAGES_OFF)
		log_notice("memory: %" PRIu64 " MiB of plain pages, as configured", eal->memory_mb);
	else
		log_notice(
		        "memory: %" PRIu64 " MiB of plain pages, as %" PRIu64 " of %" PRIu64
		        " MiB of hugepages are free: more misses in the processor's address cache, "
		        "so a lower frame rate, and no physical NICs; sysctl "
		        "vm.nr_hugepages=%" PRIu64 " reserves them",
		        eal->memory_mb, free_mb, need_mb, need_mb / 2 + 1);
	return 0;
}

static bool names_device(const struct config *config)
{
	for (size_t i = 0; i < config->n_eal_args; i++) {
		const char *arg = config->eal_args[i];

		if (strncmp(arg, "-a", 2) == 0 || strncmp(arg, "--allow", 7) == 0 ||
		        strncmp(arg, "-b", 2) == 0 || strncmp(arg, "--block", 7) == 0)
			return true;
	}
	return false;
}

// DPDK answers a wrong argument with its whole usage on standard output.
static int quiet_init(int argc, char **argv)
{
	int null_fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
	int stdout_fd = dup(STDOUT_FILENO);
	int ret;

	fflush(stdout);
	if (null_fd >= 0 && stdout_fd >= 0)
		(void)dup2(null_fd, STDOUT_FILENO);
	ret = rte_eal_init(argc, argv);
	fflush(stdout);
	if (stdout_fd >= 0) {
		(void)dup2(stdout_fd, STDOUT_FILENO);
		close(stdout_fd);
	}
	if (null_fd >= 0)
		close(null_fd);
	return ret;
}

static int init(
        const struct config *config, const struct eal *eal, char *lcores, struct fault *fault)
{
	char program[] = "orrery-vswitch", in_memory[] = "--in-memory", no_files[] = "--no-shconf",
	     no_telemetry[] = "--no-telemetry";
	char lcores_option[] = "--lcores", level[] = "--log-level=*:warning", no_pci[] = "--no-pci";
	char no_huge[] = "--no-huge", memory_option[] = "-m", memory[24];
	char *argv[16 + CONFIG_EAL_ARGS_MAX];
	int argc = 0;

	snprintf(memory, sizeof(memory), "%" PRIu64, eal->memory_mb);
	argv[argc++] = program;
	argv[argc++] = no_telemetry;
	argv[argc++] = level;
	argv[argc++] = lcores_option;
	argv[argc++] = lcores;
	argv[argc++] = memory_option;
	argv[argc++] = memory;
	// either way DPDK leaves no file
	argv[argc++] = eal->hugepages ? in_memory : no_files;
	if (!eal->hugepages)
		argv[argc++] = no_huge;
	if (!names_device(config))
		argv[argc++] = no_pci;
	for (size_t i = 0; i < config->n_eal_args; i++)
		argv[argc++] = config->eal_args[i];
	argv[argc] = NULL;
	// not to syslog beside standard error
	(void)rte_openlog_stream(stderr);
	if (quiet_init(argc, argv) < 0)
		return fault_set(fault, -rte_errno, "eal_args", "DPDK did not start: %s%s",
		        rte_strerror(rte_errno),
		        config->n_eal_args > 0 ? " (look at eal_args)" : "");
	return 0;
}

int eal_start(const struct config *config, struct eal *eal, struct fault *fault)
{
	char lcores[LCORES_TEXT_SIZE];
	cpu_set_t allowed;
	int ret;

	*eal = (struct eal){0};
	if (sched_getaffinity(0, sizeof(allowed), &allowed) < 0)
		return fault_set(
		        fault, -errno, NULL, "which processors may be used: %s", strerror(errno));
	ret = choose_workers(config, &allowed, eal, fault);
	if (ret == 0)
		ret = choose_memory(config, eal, fault);
	if (ret < 0)
		return ret;
	lcores_text(&allowed, eal, lcores, sizeof(lcores));
	ret = init(config, eal, lcores, fault);
	if (ret < 0)
		return ret;
	eal->started = true;
	if (eal->shares_cpu)
		log_warning("workers: every processor runs one, control shares them");
	return 0;
}

void eal_stop(struct eal *eal)
{
	if (eal->started)
		(void)rte_eal_cleanup();
	eal->started = false;
}
