/* SPDX-License-Identifier: BSD-3-Clause */
// The checks of a host, on hosts made of a few files.
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "doctor.h"

static char root[64];

static int setup(void **state)
{
	strcpy(root, "/tmp/orrery-test-XXXXXX");
	return mkdtemp(root) != NULL ? 0 : -1;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *walk)
{
	return remove(path);
}

static int teardown(void **state)
{
	return nftw(root, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static void put(const char *path, const char *text)
{
	char whole[512];

	snprintf(whole, sizeof(whole), "%s%s", root, path);
	for (char *p = whole + strlen(root) + 1; (p = strchr(p, '/')) != NULL; p++) {
		*p = '\0';
		mkdir(whole, 0700);
		*p = '/';
	}
	FILE *file = fopen(whole, "w");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static struct finding expect(const char *name, enum level level, const char *value)
{
	const struct doctor doctor = {.root = root, .n_ports = 1000};
	struct finding finding;

	assert_true(doctor_check(&doctor, name, &finding));
	if (finding.level != level || strstr(finding.value, value) == NULL)
		fail_msg("%s: level %d '%s', expected %d '%s'", name, finding.level, finding.value,
		        level, value);
	// what is not ok comes with the way to mend it
	if (level != LEVEL_OK && strstr(finding.value, "cannot be read") == NULL)
		assert_true(finding.fix[0] != '\0');
	return finding;
}

static void test_empty_host(void **state)
{
	// nothing can be read: nothing crashes, and what is vital is missed
	const struct doctor doctor = {.root = root, .n_ports = 1000};
	struct finding finding;

	for (const struct check *check = checks; check->name != NULL; check++) {
		assert_true(doctor_check(&doctor, check->name, &finding));
		assert_true(finding.value[0] != '\0');
		assert_true(strlen(check->why) > 0);
	}
	assert_false(doctor_check(&doctor, "nonsense", &finding));
	expect("kernel", LEVEL_WARN, "cannot be read");
	expect("hugepages", LEVEL_WARN, "none");
	expect("ipv6", LEVEL_FAIL, "no IPv6");
}

static void test_memory(void **state)
{
	put("/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", "512\n");
	put("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "500\n");
	put("/sys/kernel/mm/hugepages/hugepages-1048576kB/nr_hugepages", "1\n");
	put("/sys/kernel/mm/hugepages/hugepages-1048576kB/free_hugepages", "0\n");
	expect("hugepages", LEVEL_OK, "2.1475GB, 1.0486GB free");
	put("/sys/kernel/mm/hugepages/hugepages-1048576kB/nr_hugepages", "0\n");
	put("/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", "16\n");
	expect("hugepages", LEVEL_WARN, "33.5544MB");

	expect("hugepage_mount", LEVEL_WARN, "not mounted");
	put("/proc/mounts", "proc /proc proc rw 0 0\nhugetlbfs /dev/hugepages hugetlbfs rw 0 0\n");
	expect("hugepage_mount", LEVEL_OK, "/dev/hugepages");

	put("/sys/kernel/mm/transparent_hugepage/enabled", "[always] madvise never\n");
	expect("thp", LEVEL_WARN, "always");
	put("/sys/kernel/mm/transparent_hugepage/enabled", "always [madvise] never\n");
	expect("thp", LEVEL_OK, "madvise");
	put("/sys/kernel/mm/transparent_hugepage/enabled", "garbage\n");
	expect("thp", LEVEL_OK, "");

	put("/proc/swaps", "Filename\tType\tSize\tUsed\tPriority\n");
	expect("swap", LEVEL_OK, "off");
	put("/proc/swaps",
	        "Filename\tType\tSize\tUsed\tPriority\n/swapfile file 2097148 1024 -2\n");
	expect("swap", LEVEL_WARN, "1.0486MB used");

	put("/proc/sys/vm/max_map_count", "3024\n");
	expect("max_map_count", LEVEL_WARN, "sure for 500 vhost-user ports, 1000 wanted");
	put("/proc/sys/vm/max_map_count", "262144\n");
	expect("max_map_count", LEVEL_OK, "262144");
}

#define CPUINFO "processor\t: 0\nflags\t\t: fpu tsc %s\nbogomips: 1\n"

static void put_flags(const char *flags)
{
	char text[256];

	snprintf(text, sizeof(text), CPUINFO, flags);
	put("/proc/cpuinfo", text);
}

static void test_cpu(void **state)
{
	put("/sys/devices/system/cpu/isolated", "\n");
	put("/sys/devices/system/cpu/nohz_full", "(null)\n");
	expect("isolation", LEVEL_WARN, "isolcpus none, nohz_full none");
	put("/sys/devices/system/cpu/isolated", "2-7\n");
	put("/sys/devices/system/cpu/nohz_full", "2-7\n");
	expect("isolation", LEVEL_OK, "isolcpus 2-7, nohz_full 2-7");

	expect("governor", LEVEL_OK, "no frequency scaling");
	put("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "performance\n");
	put("/sys/devices/system/cpu/cpufreq/not-a-cpu", "powersave\n");
	expect("governor", LEVEL_OK, "performance");
	put("/sys/devices/system/cpu/cpu1/cpufreq/scaling_governor", "powersave\n");
	expect("governor", LEVEL_WARN, "powersave on 1 of 2");

	put("/sys/devices/system/clocksource/clocksource0/current_clocksource", "tsc\n");
	put_flags("constant_tsc nonstop_tsc");
	expect("clock", LEVEL_OK, "tsc");
	put_flags("constant_tsc_not nonstop_tsc");
	expect("clock", LEVEL_WARN, "rate may change");

	put("/proc/stat", "cpu  100 0 100 700 0 0 0 100 0 0\n");
	expect("steal", LEVEL_OK, "no virtual machine");
	put_flags("hypervisor");
	expect("steal", LEVEL_WARN, "10.0 % of its time");
	put("/proc/stat", "cpu  100 0 100 99700 0 0 0 100 0 0\n");
	expect("steal", LEVEL_OK, "0.10 %");
	put("/proc/stat", "cpu  0 0 0 0 0 0 0 0\n");
	expect("steal", LEVEL_OK, "0.00 %");
}

static void test_open_files(void **state)
{
	struct rlimit old, low;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	if (old.rlim_max < 8192)
		skip();
	pid_t pid = fork(); // a hard limit does not come back

	if (pid == 0) {
		const struct doctor doctor = {.root = root, .n_ports = 1000};
		struct finding finding;
		bool good;

		low = (struct rlimit){1024, 1412};
		good = setrlimit(RLIMIT_NOFILE, &low) == 0 &&
		       doctor_check(&doctor, "open_files", &finding) &&
		       finding.level == LEVEL_WARN &&
		       strstr(finding.value, "room for 225 vhost-user ports with") != NULL &&
		       strstr(finding.value, "900 without") != NULL;
		low = (struct rlimit){100, 1000};
		good = good && setrlimit(RLIMIT_NOFILE, &low) == 0 &&
		       doctor_check(&doctor, "open_files", &finding) &&
		       finding.level == LEVEL_FAIL &&
		       strstr(finding.fix, "LimitNOFILE=4512") != NULL;
		_exit(good ? 0 : 1);
	}
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void test_tables(void **state)
{
	put("/proc/sys/net/ipv6/neigh/default/gc_thresh3", "1024\n");
	struct finding finding = expect("neighbours_v6", LEVEL_WARN, "gc_thresh3 1024");

	assert_non_null(strstr(finding.fix, "net.ipv6.neigh.default.gc_thresh3=3024"));
	put("/proc/sys/net/ipv4/neigh/default/gc_thresh3", "3024\n");
	expect("neighbours_v4", LEVEL_OK, "3024");
	put("/proc/sys/net/ipv6/conf/all/disable_ipv6", "0\n");
	put("/proc/sys/net/ipv6/conf/default/disable_ipv6", "0\n");
	expect("ipv6", LEVEL_OK, "on");
	put("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1\n");
	expect("ipv6", LEVEL_WARN, "default 1");
	put("/proc/sys/fs/inotify/max_user_instances", "128\n");
	put("/proc/sys/fs/inotify/max_user_watches", "65536\n");
	expect("inotify", LEVEL_WARN, "128 instances");
	put("/proc/sys/fs/inotify/max_user_instances", "8192\n");
	expect("inotify", LEVEL_OK, "8192 instances, 65536 watches");
	expect("bridge_nf", LEVEL_OK, "not loaded");
	put("/proc/sys/net/bridge/bridge-nf-call-iptables", "1\n");
	put("/proc/sys/net/bridge/bridge-nf-call-ip6tables", "0\n");
	expect("bridge_nf", LEVEL_WARN, "iptables 1");
	put("/proc/sys/net/bridge/bridge-nf-call-iptables", "0\n");
	expect("bridge_nf", LEVEL_OK, "off");
}

static void test_kernel(void **state)
{
	put("/proc/sys/kernel/osrelease", "5.10.0-28-amd64\n");
	expect("kernel", LEVEL_FAIL, "5.10");
	put("/proc/sys/kernel/osrelease", "5.15.0\n");
	expect("kernel", LEVEL_WARN, "5.15");
	put("/proc/sys/kernel/osrelease", "6.1.0-21-amd64\n");
	expect("kernel", LEVEL_OK, "Linux 6.1.0-21-amd64");
	put("/proc/sys/kernel/osrelease", "10.0\n");
	expect("kernel", LEVEL_OK, "10.0");
	put("/proc/sys/net/core/bpf_jit_enable", "0\n");
	expect("bpf_jit", LEVEL_WARN, "interpreted");
	put("/proc/sys/net/core/bpf_jit_enable", "1\n");
	expect("bpf_jit", LEVEL_OK, "compiled");
}

static void test_output(void **state)
{
	const struct doctor doctor = {.root = root, .n_ports = 1000};
	char *text = NULL;
	size_t size = 0;
	struct cli cli = {.json = true};

	put("/proc/sys/kernel/osrelease", "5.10.0\n");
	cli.out = open_memstream(&text, &size);
	assert_int_equal(doctor_run(&cli, &doctor), CLI_FAILED);
	fclose(cli.out);
	json_t *all = json_loads(text, 0, NULL),
	       *first = json_array_get(json_object_get(all, "checks"), 0);

	assert_string_equal(json_string_value(json_object_get(first, "name")), "kernel");
	assert_string_equal(json_string_value(json_object_get(first, "level")), "fail");
	assert_true(json_integer_value(json_object_get(all, "fail")) >= 2);
	json_decref(all);
	free(text);

	cli.json = false;
	cli.out = open_memstream(&text, &size);
	assert_int_equal(doctor_run(&cli, &doctor), CLI_FAILED);
	fclose(cli.out);
	assert_non_null(strstr(text, "fail  kernel          Linux 5.10.0\n"));
	assert_non_null(strstr(text, "fix: install linux-image-amd64"));
	assert_null(strstr(text, "\033"));
	free(text);
}

int main(void)
{
#define ON_A_HOST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {ON_A_HOST(test_empty_host), ON_A_HOST(test_memory),
	        ON_A_HOST(test_cpu), ON_A_HOST(test_open_files), ON_A_HOST(test_tables),
	        ON_A_HOST(test_kernel), ON_A_HOST(test_output)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
