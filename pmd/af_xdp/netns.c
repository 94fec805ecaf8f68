/* SPDX-License-Identifier: BSD-3-Clause */
// Named network namespaces and visits to them.
#include "netns.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log.h"

#define NETNS_DIR "/run/netns"
#define SELF_NETNS "/proc/thread-self/ns/net"

static void netns_path(char path[static sizeof(NETNS_DIR) + NETNS_NAME_SIZE], const char *name)
{
	snprintf(path, sizeof(NETNS_DIR) + NETNS_NAME_SIZE, NETNS_DIR "/%s", name);
}

// The folder must be a shared mount, so that every mount namespace of the host sees what is bound
// in it (and lets go of it when it is removed), as "ip netns" has it.
static int prepare_dir(void)
{
	if (mkdir(NETNS_DIR, 0755) < 0 && errno != EEXIST)
		return -errno;
	if (mount("", NETNS_DIR, "none", MS_SHARED | MS_REC, NULL) == 0)
		return 0;
	if (errno != EINVAL) // EINVAL: not a mount point yet
		return -errno;
	if (mount(NETNS_DIR, NETNS_DIR, "none", MS_BIND | MS_REC, NULL) < 0)
		return -errno;
	if (mount("", NETNS_DIR, "none", MS_SHARED | MS_REC, NULL) < 0)
		return -errno;
	return 0;
}

int netns_sysctl(const char *path, const char *value)
{
	char full[128];
	size_t len = strlen(value);
	int fd, ret = 0;

	snprintf(full, sizeof(full), "/proc/sys/%s", path);
	fd = open(full, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (write(fd, value, len) != (ssize_t)len)
		ret = -errno;
	close(fd);
	return ret;
}

static int disable_ipv6(void)
{
	static const char *const paths[] = {
	        "net/ipv6/conf/default/disable_ipv6",
	        "net/ipv6/conf/all/disable_ipv6",
	};

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		int ret = netns_sysctl(paths[i], "1");

		if (ret < 0 && ret != -ENOENT) // ENOENT: a kernel without IPv6
			return ret;
	}
	return 0;
}

// In a fresh namespace: binds it to `path`.
static int bind_self(const char *path)
{
	int fd, ret;

	ret = disable_ipv6();
	if (ret < 0)
		return ret;
	fd = open(path, O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0);
	if (fd < 0 && errno != EEXIST)
		return -errno;
	if (fd >= 0)
		close(fd);
	if (mount(SELF_NETNS, path, "none", MS_BIND, NULL) < 0) {
		ret = -errno;
		unlink(path);
		return ret;
	}
	return 0;
}

int netns_open(const char *name)
{
	char path[sizeof(NETNS_DIR) + NETNS_NAME_SIZE];
	int fd;

	netns_path(path, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	return fd;
}

int netns_create(const char *name, bool *ret_created, struct fault *fault)
{
	char path[sizeof(NETNS_DIR) + NETNS_NAME_SIZE];
	int fd, home, ret;

	// a name without a namespace behind it (left by a reboot or a failed mount) does not enter
	fd = netns_open(name);
	if (fd >= 0) {
		home = netns_enter(fd);
		if (home >= 0) {
			netns_leave(home);
			*ret_created = false;
			return fd;
		}
		close(fd);
	}
	netns_path(path, name);
	ret = prepare_dir();
	if (ret < 0)
		return fault_set(fault, ret, NULL, "%s: %s", NETNS_DIR, strerror(-ret));
	home = open(SELF_NETNS, O_RDONLY | O_CLOEXEC);
	if (home < 0)
		return fault_set(fault, -errno, NULL, "%s: %s", SELF_NETNS, strerror(errno));
	if (unshare(CLONE_NEWNET) < 0) {
		ret = -errno;
		close(home);
		return fault_set(
		        fault, ret, NULL, "network namespace '%s': %s", name, strerror(-ret));
	}
	ret = bind_self(path);
	netns_leave(home);
	if (ret == 0)
		ret = netns_open(name);
	if (ret < 0)
		return fault_set(
		        fault, ret, NULL, "network namespace '%s': %s", name, strerror(-ret));
	*ret_created = true;
	return ret;
}

void netns_remove(const char *name)
{
	char path[sizeof(NETNS_DIR) + NETNS_NAME_SIZE];

	netns_path(path, name);
	umount2(path, MNT_DETACH);
	if (unlink(path) < 0 && errno != ENOENT)
		log_warning("network namespace '%s': cannot remove %s: %s", name, path,
		        strerror(errno));
}

int netns_enter(int netns_fd)
{
	int home = open(SELF_NETNS, O_RDONLY | O_CLOEXEC);

	if (home < 0)
		return -errno;
	if (setns(netns_fd, CLONE_NEWNET) < 0) {
		int ret = -errno;

		close(home);
		return ret;
	}
	return home;
}

void netns_leave(int home_fd)
{
	if (setns(home_fd, CLONE_NEWNET) < 0) {
		// going on would change interfaces of somebody else's namespace
		log_err("cannot return to the switch's network namespace: %s", strerror(errno));
		abort();
	}
	close(home_fd);
}

uint64_t netns_inode(int netns_fd)
{
	struct stat st;

	if (netns_fd < 0 || fstat(netns_fd, &st) < 0)
		return 0;
	return st.st_ino;
}
