/* SPDX-License-Identifier: BSD-3-Clause */
// Directories for sockets.
#include "pod_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TRIES_MAX 100
#define DIR_FLAGS (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

int pod_dir_make_parents(const char *path, unsigned mode)
{
	char buf[PATH_MAX];

	if (snprintf(buf, sizeof(buf), "%s", path) >= (int)sizeof(buf))
		return -ENAMETOOLONG;
	for (char *at = strchr(buf + 1, '/'); at; at = strchr(at + 1, '/')) {
		*at = '\0';
		if (mkdir(buf, mode) < 0 && errno != EEXIST)
			return -errno;
		*at = '/';
	}
	return 0;
}

// The names of DIR/POD/NAME behind DIR. Returns 0 or -EINVAL.
static int split(const char *dir, const char *path, char pod[NAME_MAX + 1], const char **ret_name)
{
	size_t len = strlen(dir), pod_len;

	if (strncmp(path, dir, len) != 0 || path[len] != '/')
		return -EINVAL;
	path += len + 1;
	pod_len = strcspn(path, "/");
	if (!pod_len || pod_len > NAME_MAX || path[0] == '.' || !path[pod_len] ||
	        strchr(path + pod_len + 1, '/') || !path[pod_len + 1])
		return -EINVAL;
	memcpy(pod, path, pod_len);
	pod[pod_len] = '\0';
	*ret_name = path + pod_len + 1;
	return 0;
}

// A file that says that the interface's socket is there or will be: the application makes it at
// some time, and the directory of a pod with several interfaces must not go with the first.
static int mark_name(char buf[NAME_MAX + 1], const char *name)
{
	return snprintf(buf, NAME_MAX + 1, ".orrery-%s", name) <= NAME_MAX ? 0 : -ENAMETOOLONG;
}

static int make_dir(int root, const char *pod, const struct cni_vhost *vhost)
{
	int fd, ret = 0;

	if (mkdirat(root, pod, 0700) < 0)
		return errno == EEXIST ? 0 : -errno; // its owner may have changed it since
	fd = openat(root, pod, DIR_FLAGS);
	if (fd < 0)
		return -errno;
	if (fchown(fd, (uid_t)vhost->uid, (gid_t)vhost->gid) < 0 || fchmod(fd, vhost->dir_mode) < 0)
		ret = -errno;
	close(fd);
	return ret;
}

static int open_pod(int root, const char *pod)
{
	int fd = openat(root, pod, DIR_FLAGS);

	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

// -ENOENT: another interface's DEL has just removed it.
static int mark(int root, const char *pod, const char *name)
{
	char file[NAME_MAX + 1];
	int fd, ret = mark_name(file, name);

	if (ret < 0)
		return ret;
	fd = openat(root, pod, DIR_FLAGS);
	if (fd < 0)
		return -errno;
	// not opened: a container could have put anything there
	ret = mknodat(fd, file, S_IFREG | 0600, 0) < 0 && errno != EEXIST ? -errno : 0;
	close(fd);
	return ret;
}

static int make(int root, const char *pod, const char *name, const struct cni_vhost *vhost)
{
	int ret = -ENOENT;

	for (int i = 0; i < TRIES_MAX && ret == -ENOENT; i++) {
		ret = make_dir(root, pod, vhost);
		if (!ret)
			ret = mark(root, pod, name);
	}
	return ret;
}

// Opens DIR and finds the names. Returns its descriptor or -errno.
static int open_root(const char *dir, const char *path, char pod[NAME_MAX + 1], const char **name)
{
	int fd, ret = split(dir, path, pod, name);

	if (ret < 0)
		return ret;
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static int fail(int ret, const char *path, struct cni_error *err)
{
	return cni_fail(err, CNI_E_IO, strerror(-ret), "the directory of socket '%s'", path);
}

int pod_dir_make(const struct cni_vhost *vhost, struct cni_error *err)
{
	char inside[PATH_MAX], pod[NAME_MAX + 1];
	const char *name;
	int root, ret;

	snprintf(inside, sizeof(inside), "%s/x", vhost->dir);
	ret = pod_dir_make_parents(inside, 0755);
	if (ret < 0)
		return fail(ret, vhost->path, err);
	root = open_root(vhost->dir, vhost->path, pod, &name);
	if (root < 0)
		return fail(root, vhost->path, err);
	ret = make(root, pod, name, vhost);
	close(root);
	return ret < 0 ? fail(ret, vhost->path, err) : 0;
}

int pod_dir_check(const struct cni_vhost *vhost, struct cni_error *err)
{
	char pod[NAME_MAX + 1];
	const char *name;
	int root = open_root(vhost->dir, vhost->path, pod, &name), ret;

	if (root < 0)
		return fail(root, vhost->path, err);
	ret = open_pod(root, pod);
	close(root);
	if (ret < 0)
		return cni_fail(err, CNI_E_MISMATCH, strerror(-ret),
		        "the directory of socket '%s' is gone", vhost->path);
	return 0;
}

void pod_dir_clean(const char *dir, const char *path)
{
	char pod[NAME_MAX + 1], file[NAME_MAX + 1];
	const char *name;
	struct stat st;
	int root = open_root(dir, path, pod, &name), fd;

	if (root < 0)
		return;
	fd = openat(root, pod, DIR_FLAGS);
	if (fd >= 0) {
		if (fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISSOCK(st.st_mode))
			(void)unlinkat(fd, name, 0);
		if (!mark_name(file, name))
			(void)unlinkat(fd, file, 0);
		close(fd);
		(void)unlinkat(root, pod, AT_REMOVEDIR); // unless another interface has it
	}
	close(root);
}
