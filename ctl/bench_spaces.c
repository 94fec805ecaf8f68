/* SPDX-License-Identifier: BSD-3-Clause */
// Network namespaces for a benchmark.
#include "bench_spaces.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define OTHER_FDS 64 // what this program has open besides

struct maker {
	struct bench_spaces *spaces;
	size_t n;
	const volatile sig_atomic_t *stop;
	void (*progress)(size_t done, size_t n, void *arg);
	void *arg;
	int ret;
	const char *step; // that failed
};

static int check_files(size_t n, struct fault *fault)
{
	struct rlimit limit;
	rlim_t need = n + OTHER_FDS;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return fault_set(fault, -errno, NULL, "getrlimit: %s", strerror(errno));
	if (limit.rlim_max < need)
		return fault_set(fault, -EMFILE, "pods",
		        "%zu namespaces need %llu open files, at most %llu are allowed (ulimit "
		        "-Hn): ask for "
		        "fewer pods, or raise the limit in limits.conf(5)",
		        n, (unsigned long long)need, (unsigned long long)limit.rlim_max);
	if (limit.rlim_cur >= need)
		return 0;
	limit.rlim_cur = need;
	return setrlimit(RLIMIT_NOFILE, &limit)
	               ? fault_set(fault, -errno, NULL, "setrlimit: %s", strerror(errno))
	               : 0;
}

static int check_kernel(size_t n, struct fault *fault)
{
	FILE *file = fopen("/proc/sys/user/max_net_namespaces", "re");
	unsigned long max = 0;
	int got;

	if (file == NULL)
		return 0; // no such limit
	got = fscanf(file, "%lu", &max);
	fclose(file);
	if (got == 1 && max < n)
		return fault_set(fault, -ENOSPC, "pods",
		        "%zu namespaces asked for, the kernel allows %lu: sysctl -w "
		        "user.max_net_namespaces=%zu",
		        n, max, n * 2);
	return 0;
}

int bench_spaces_check(size_t n, struct fault *fault)
{
	int ret;

	if (geteuid() != 0)
		return fault_set(fault, -EPERM, NULL, "making network namespaces needs root");
	ret = check_files(n, fault);
	return ret ? ret : check_kernel(n, fault);
}

// A thread of its own is in the new namespace, nobody else. Opening by the thread makes it last.
static void *make(void *arg)
{
	struct maker *maker = arg;
	struct bench_spaces *spaces = maker->spaces;

	while (spaces->n < maker->n && !*maker->stop) {
		int fd;

		maker->step = "unshare";
		if (unshare(CLONE_NEWNET)) {
			maker->ret = -errno;
			break;
		}
		maker->step = "open /proc/thread-self/ns/net";
		fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
		if (fd < 0) {
			maker->ret = -errno;
			break;
		}
		spaces->fds[spaces->n++] = fd;
		if (maker->progress != NULL)
			maker->progress(spaces->n, maker->n, maker->arg);
	}
	return NULL;
}

int bench_spaces_init(struct bench_spaces *spaces, size_t n, const volatile sig_atomic_t *stop,
        void (*progress)(size_t done, size_t n, void *arg), void *arg, struct fault *fault)
{
	struct maker maker = {
	        .spaces = spaces, .n = n, .stop = stop, .progress = progress, .arg = arg};
	pthread_t thread;
	int ret;

	*spaces = (struct bench_spaces){.fds = calloc(n, sizeof(int))};
	if (spaces->fds == NULL)
		return fault_set(fault, -ENOMEM, NULL, "out of memory");
	ret = -pthread_create(&thread, NULL, make, &maker);
	if (ret)
		return fault_set(fault, ret, NULL, "cannot start a thread: %s", strerror(-ret));
	pthread_join(thread, NULL);
	if (maker.ret)
		return fault_set(fault, maker.ret, NULL, "namespace %zu of %zu: %s: %s",
		        spaces->n + 1, n, maker.step, strerror(-maker.ret));
	return 0;
}

void bench_spaces_fini(struct bench_spaces *spaces)
{
	for (size_t i = 0; i < spaces->n; i++)
		close(spaces->fds[i]);
	free(spaces->fds);
	*spaces = (struct bench_spaces){0};
}
