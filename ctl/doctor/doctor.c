/* SPDX-License-Identifier: BSD-3-Clause */
// The table of checks, and how they are printed.
#include "doctor.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const struct check checks[] = {
        {"kernel", "veth, devmap and AF_XDP are complete from 5.15 on; 6.1 is what is tested",
                check_kernel},
        {"cpus", "each worker polls on a core of its own, control needs another", check_cpus},
        {"isolation", "what else runs on a worker's core delays its frames", check_isolation},
        {"governor", "a core that slows down when idle answers late", check_governor},
        {"clock", "links are timed by the processor's counter, which must be constant",
                check_clock},
        {"steal", "a virtual machine whose cores are taken away shows it as delay", check_steal},
        {"hugepages", "frame buffers in hugepages miss the TLB less; vhost-user pods need them",
                check_hugepages},
        {"hugepage_mount", "DPDK takes hugepages from a mounted hugetlbfs", check_hugepage_mount},
        {"thp", "with 'always' the kernel compacts memory under running workers",
                check_huge_anonymous},
        {"swap", "a worker that waits for a page from disk drops frames", check_swap},
        {"max_map_count", "vhost-user ports map their pods' memory, a mapping each file of it",
                check_max_map_count},
        {"memlock", "packet memory of AF_XDP is locked", check_memlock},
        {"open_files", "clients and vhost-user ports take descriptors, one to four a port",
                check_open_files},
        {"neighbours_v6",
                "the table is one for all namespaces: when it is full, pods lose their neighbours",
                check_neighbours_v6},
        {"neighbours_v4", "the same for IPv4", check_neighbours_v4},
        {"ipv6", "pods talk IPv6", check_ipv6},
        {"inotify", "each container runtime and many pods take instances; the default is 128",
                check_inotify},
        {"bridge_nf",
                "the kernel's bridges pass each frame to iptables: slow, and comparisons mislead",
                check_bridge_nf},
        {"bpf", "the programs that carry pods' frames must load", check_bpf},
        {"bpf_jit", "interpreted programs are several times slower", check_bpf_jit},
        {"af_xdp", "workers get pods' frames from AF_XDP sockets", check_af_xdp},
        {"veth", "a pod's interface is a veth pair with an XDP program", check_veth},
        {"switch", "the switch that runs now", check_switch},
        {NULL, NULL, NULL},
};

static const char *const level_names[LEVEL_COUNT] = {"ok", "warn", "fail"};

void finding_set(struct finding *finding, enum level level, const char *fmt, ...)
{
	va_list ap;

	finding->level = level;
	va_start(ap, fmt);
	vsnprintf(finding->value, sizeof(finding->value), fmt, ap);
	va_end(ap);
}

void finding_fix(struct finding *finding, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(finding->fix, sizeof(finding->fix), fmt, ap);
	va_end(ap);
}

int host_read(const struct doctor *doctor, const char *path, char *buf, size_t size)
{
	char whole[512];

	snprintf(whole, sizeof(whole), "%s%s", doctor->root, path);
	int fd = open(whole, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	size_t len = 0;
	ssize_t n;

	while ((n = read(fd, buf + len, size - 1 - len)) > 0)
		len += (size_t)n;
	int err = n < 0 ? -errno : 0;

	close(fd);
	buf[len] = '\0';
	if (len > 0 && buf[len - 1] == '\n')
		buf[len - 1] = '\0';
	return err;
}

int host_read_u64(const struct doctor *doctor, const char *path, uint64_t *ret_value)
{
	char text[64], *end;
	int err = host_read(doctor, path, text, sizeof(text));

	if (err != 0)
		return err;
	uint64_t value = strtoull(text, &end, 10);

	if (end == text)
		return -EINVAL;
	*ret_value = value;
	return 0;
}

static void run_check(const struct doctor *doctor, const struct check *check, struct finding *ret)
{
	*ret = (struct finding){.level = LEVEL_OK};
	check->run(doctor, ret);
}

bool doctor_check(const struct doctor *doctor, const char *name, struct finding *ret)
{
	for (const struct check *check = checks; check->name != NULL; check++) {
		if (strcmp(check->name, name) == 0) {
			run_check(doctor, check, ret);
			return true;
		}
	}
	return false;
}

static void print_text(
        struct cli *cli, const struct check *check, const struct finding *finding, bool color)
{
	static const char *const colors[LEVEL_COUNT] = {"\033[32m", "\033[33m", "\033[31m"};

	fprintf(cli->out, "%s%-4s%s  %-14s  %s\n", color ? colors[finding->level] : "",
	        level_names[finding->level], color ? "\033[0m" : "", check->name, finding->value);
	if (finding->level == LEVEL_OK)
		return;
	fprintf(cli->out, "      %-14s  why: %s\n", "", check->why);
	if (finding->fix[0] != '\0')
		fprintf(cli->out, "      %-14s  fix: %s\n", "", finding->fix);
}

static json_t *to_json(const struct check *check, const struct finding *finding)
{
	return json_pack("{s:s, s:s, s:s, s:s, s:s}", "name", check->name, "level",
	        level_names[finding->level], "value", finding->value, "why", check->why, "fix",
	        finding->fix);
}

enum cli_exit doctor_run(struct cli *cli, const struct doctor *doctor)
{
	size_t n[LEVEL_COUNT] = {0};
	json_t *list = json_array();
	bool color = isatty(fileno(cli->out)) == 1 && getenv("NO_COLOR") == NULL;

	for (const struct check *check = checks; check->name != NULL; check++) {
		struct finding finding;

		run_check(doctor, check, &finding);
		n[finding.level]++;
		if (cli->json)
			json_array_append_new(list, to_json(check, &finding));
		else
			print_text(cli, check, &finding, color);
	}
	if (cli->json) {
		json_t *all = json_pack("{s:O, s:i, s:i, s:i}", "checks", list, "ok",
		        (int)n[LEVEL_OK], "warn", (int)n[LEVEL_WARN], "fail", (int)n[LEVEL_FAIL]);

		cli_print_json(cli, all);
		json_decref(all);
	} else {
		fprintf(cli->out, "%zu ok, %zu to improve, %zu in the way%s\n", n[LEVEL_OK],
		        n[LEVEL_WARN], n[LEVEL_FAIL],
		        doctor->is_root ? "" : "; as root more can be checked");
	}
	json_decref(list);
	return n[LEVEL_FAIL] > 0 ? CLI_FAILED : CLI_OK;
}
