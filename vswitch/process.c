/* SPDX-License-Identifier: BSD-3-Clause */
// The process towards the system.
#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "log.h"

#define RUN_DIR "/run/orrery"
#define LOCK_WAIT_MS 2000
#define LOCK_STEP_MS 10

static void lock_path(const char *instance, char *buf, size_t size)
{
	if (geteuid() == 0)
		snprintf(buf, size, RUN_DIR "/%s.lock", instance);
	else
		snprintf(buf, size, "/tmp/orrery-%u-%s.lock", (unsigned)geteuid(), instance);
}

// The file may be removed between open and lock by a switch that stops: then it locks nothing.
static bool is_same_file(int fd, const char *path)
{
	struct stat by_fd, by_path;

	return fstat(fd, &by_fd) == 0 && stat(path, &by_path) == 0 &&
	       by_fd.st_ino == by_path.st_ino && by_fd.st_dev == by_path.st_dev;
}

// A switch that was killed a moment ago holds the lock until the kernel has taken it apart.
static int lock_patiently(int fd)
{
	const struct timespec step = {.tv_nsec = LOCK_STEP_MS * 1000000};
	int ret = flock(fd, LOCK_EX | LOCK_NB);

	for (int ms = 0; ret < 0 && errno == EWOULDBLOCK && ms < LOCK_WAIT_MS; ms += LOCK_STEP_MS) {
		nanosleep(&step, NULL);
		ret = flock(fd, LOCK_EX | LOCK_NB);
	}
	return ret;
}

static int refuse_locked(int fd, const char *instance, struct fault *fault)
{
	char pid[16] = "";
	ssize_t n = pread(fd, pid, sizeof(pid) - 1, 0);

	pid[n > 0 ? strcspn(pid, "\n") : 0] = '\0';
	return fault_set(fault, -EBUSY, "instance",
	        "a switch named '%s' runs already, process %s: give this one another `instance`",
	        instance, pid[0] != '\0' ? pid : "unknown");
}

int process_lock(const char *instance, int *ret_fd, struct fault *fault)
{
	char path[160];
	int fd, ret;

	if (geteuid() == 0 && mkdir(RUN_DIR, 0755) < 0 && errno != EEXIST)
		return fault_set(
		        fault, -errno, NULL, "cannot make " RUN_DIR ": %s", strerror(errno));
	lock_path(instance, path, sizeof(path));
	for (;;) {
		fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
		if (fd < 0)
			return fault_set(
			        fault, -errno, NULL, "cannot open '%s': %s", path, strerror(errno));
		if (lock_patiently(fd) < 0) {
			ret = errno == EWOULDBLOCK
			              ? refuse_locked(fd, instance, fault)
			              : fault_set(fault, -errno, NULL, "cannot lock '%s': %s", path,
			                        strerror(errno));
			close(fd);
			return ret;
		}
		if (is_same_file(fd, path))
			break;
		close(fd);
	}
	if (ftruncate(fd, 0) < 0 || dprintf(fd, "%d\n", (int)getpid()) < 0)
		log_warning("'%s': cannot write our process id: %s", path, strerror(errno));
	*ret_fd = fd;
	return 0;
}

void process_unlock(const char *instance, int fd)
{
	char path[160];

	if (fd < 0)
		return;
	lock_path(instance, path, sizeof(path));
	unlink(path);
	close(fd);
	if (geteuid() == 0)
		(void)rmdir(RUN_DIR); // if we were the last
}

static void raise_limit(__rlimit_resource_t resource)
{
	struct rlimit limit;

	if (getrlimit(resource, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(resource, &limit);
	// root may have more than it was given
	limit.rlim_cur = limit.rlim_max = resource == RLIMIT_NOFILE ? 1048576 : RLIM_INFINITY;
	(void)setrlimit(resource, &limit);
}

void process_raise_limits(void)
{
	raise_limit(RLIMIT_NOFILE);
	raise_limit(RLIMIT_MEMLOCK);
}

void process_notify(const char *state)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	size_t len = path != NULL ? strlen(path) : 0;
	int fd;

	if (len < 2 || len >= sizeof(addr.sun_path))
		return;
	memcpy(addr.sun_path, path, len);
	if (addr.sun_path[0] == '@') // an abstract name
		addr.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	if (sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&addr,
	            (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)) < 0)
		log_warning("service manager: cannot tell it %s: %s", state, strerror(errno));
	close(fd);
}
