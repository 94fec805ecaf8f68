/* SPDX-License-Identifier: BSD-3-Clause */
// Unix sockets by path.
#include "socket_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define SOCKET_MODE_DEFAULT 0660
#define BACKLOG 16
#define SELF_SIZE 32 // of a path in /proc/self/fd

static int find_owner(
        struct socket_dir *dir, const char *owner, const char *group, struct fault *fault)
{
	const struct passwd *user;
	const struct group *entry;

	dir->owner = (uid_t)-1;
	dir->group = (gid_t)-1;
	if (owner != NULL && owner[0] != '\0') {
		user = getpwnam(owner);
		if (user == NULL)
			return fault_set(fault, -EINVAL, "vhost_user.owner", "no user '%s'", owner);
		dir->owner = user->pw_uid;
	}
	if (group != NULL && group[0] != '\0') {
		entry = getgrnam(group);
		if (entry == NULL)
			return fault_set(
			        fault, -EINVAL, "vhost_user.group", "no group '%s'", group);
		dir->group = entry->gr_gid;
	}
	return 0;
}

static int make_parents(char *path)
{
	for (char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
		int ret;

		*slash = '\0';
		ret = mkdir(path, 0755) < 0 && errno != EEXIST ? -errno : 0;
		*slash = '/';
		if (ret < 0)
			return ret;
	}
	return 0;
}

// Who may read a socket may look into the directory.
static mode_t dir_mode(mode_t mode)
{
	return 0700 | (mode & 0777) | (mode & 0444) >> 2;
}

static int make_dir(struct socket_dir *dir, struct fault *fault)
{
	char path[PORT_SOCKET_SIZE];
	int ret;

	memcpy(path, dir->path, sizeof(path));
	ret = make_parents(path);
	if (ret == 0 && mkdir(path, 0700) < 0) {
		if (errno == EEXIST)
			return 0; // as somebody wants it
		ret = -errno;
	}
	if (ret == 0 &&
	        (chown(path, dir->owner, dir->group) < 0 || chmod(path, dir_mode(dir->mode)) < 0))
		ret = -errno;
	if (ret < 0)
		return fault_set(fault, ret, "vhost_user.socket_dir", "cannot make '%s': %s", path,
		        strerror(-ret));
	return 0;
}

int socket_dir_init(
        struct socket_dir *dir, const struct vhost_user_config *config, struct fault *fault)
{
	int n, ret;

	*dir = (struct socket_dir){
	        .mode = config->socket_mode != 0 ? config->socket_mode : SOCKET_MODE_DEFAULT};
	if (config->socket_dir == NULL || config->socket_dir[0] != '/')
		return fault_set(fault, -EINVAL, "vhost_user.socket_dir", "not an absolute path");
	n = snprintf(dir->path, sizeof(dir->path), "%s", config->socket_dir);
	if (n > (int)sizeof(dir->path) - 24) // room for a name
		return fault_set(fault, -ENAMETOOLONG, "vhost_user.socket_dir",
		        "%d bytes: at most %zu leave room for sockets' names", n,
		        sizeof(dir->path) - 24);
	ret = find_owner(dir, config->socket_owner, config->socket_group, fault);
	return ret < 0 ? ret : make_dir(dir, fault);
}

static uint64_t hash_of(const char *text)
{
	uint64_t hash = 0xcbf29ce484222325ull;

	for (; *text != '\0'; text++)
		hash = (hash ^ (uint8_t)*text) * 0x100000001b3ull;
	return hash;
}

int socket_dir_path(const struct socket_dir *dir, const char *ref, const char *wanted,
        char ret_path[PORT_SOCKET_SIZE], struct fault *fault)
{
	int n;

	if (wanted[0] != '\0') {
		if (wanted[0] != '/')
			return fault_set(fault, -EINVAL, "socket",
			        "port '%s': '%s' is not an absolute path", ref, wanted);
		snprintf(ret_path, PORT_SOCKET_SIZE, "%s", wanted);
		return 0;
	}
	n = snprintf(ret_path, PORT_SOCKET_SIZE, "%s/%s", dir->path, ref);
	if (n >= PORT_SOCKET_SIZE) {
		snprintf(ret_path, PORT_SOCKET_SIZE, "%s/%016" PRIx64, dir->path, hash_of(ref));
		return 0;
	}
	// a character that no name has and no tool's option syntax uses
	for (char *c = ret_path + strlen(dir->path) + 1; *c != '\0'; c++) {
		if (*c == '/')
			*c = '+';
	}
	return 0;
}

static struct sockaddr_un address_of(const char *path)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	return addr;
}

// The socket itself, as a descriptor and as a path to it that nobody can lead elsewhere: a link in
// a pod's directory could be to anybody's. Returns the descriptor or -errno, -ENOTSOCK.
static int open_itself(const char *path, char ret_self[SELF_SIZE])
{
	int fd = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0 || !S_ISSOCK(st.st_mode)) {
		close(fd);
		return -ENOTSOCK;
	}
	snprintf(ret_self, SELF_SIZE, "/proc/self/fd/%d", fd);
	return fd;
}

static int connect_at(int socket_fd, const char *path)
{
	char self[SELF_SIZE];
	int fd = open_itself(path, self), ret = 0;
	struct sockaddr_un addr;

	if (fd < 0)
		return fd;
	addr = address_of(self);
	if (connect(socket_fd, (const struct sockaddr *)&addr, sizeof(addr)) < 0)
		ret = -errno;
	close(fd);
	return ret;
}

int socket_connect(const char *path, int *spare_fd, int *ret_fd)
{
	int ret;

	if (*spare_fd < 0)
		*spare_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (*spare_fd < 0)
		return -errno;
	ret = connect_at(*spare_fd, path);
	if (ret < 0)
		return ret;
	*ret_fd = *spare_fd;
	*spare_fd = -1;
	return 0;
}

static bool is_ours(const struct socket_dir *dir, const char *path, const struct stat *st)
{
	size_t len = strlen(dir->path);

	if (strncmp(path, dir->path, len) == 0 && path[len] == '/' &&
	        strchr(path + len + 1, '/') == NULL)
		return true;
	return st->st_uid == geteuid() || st->st_uid == dir->owner;
}

// True when what was there is gone.
static bool remove_stale(const struct socket_dir *dir, const char *path)
{
	struct stat st;
	int spare_fd = -1, fd = -1, ret;

	if (lstat(path, &st) < 0)
		return errno == ENOENT;
	if (!S_ISSOCK(st.st_mode) || !is_ours(dir, path, &st))
		return false;
	ret = socket_connect(path, &spare_fd, &fd);
	close(ret == 0 ? fd : spare_fd);
	return ret == -ECONNREFUSED && unlink(path) == 0;
}

// Between bind and listen: nobody can connect yet.
static int set_rights(const struct socket_dir *dir, const char *path)
{
	char self[SELF_SIZE];
	int fd = open_itself(path, self), ret = 0;

	if (fd < 0)
		return fd == -ENOTSOCK ? -EEXIST : fd;
	if (fchownat(fd, "", dir->owner, dir->group, AT_EMPTY_PATH) < 0 ||
	        chmod(self, dir->mode) < 0)
		ret = -errno;
	close(fd);
	return ret;
}

static int bind_and_listen(const struct socket_dir *dir, const char *path, int fd)
{
	struct sockaddr_un addr = address_of(path);
	int ret;

	ret = bind(fd, (const struct sockaddr *)&addr, sizeof(addr)) < 0 ? -errno : 0;
	if (ret == -EADDRINUSE && remove_stale(dir, path))
		ret = bind(fd, (const struct sockaddr *)&addr, sizeof(addr)) < 0 ? -errno : 0;
	if (ret < 0)
		return ret;
	ret = set_rights(dir, path);
	if (ret == 0 && listen(fd, BACKLOG) < 0)
		ret = -errno;
	if (ret < 0)
		unlink(path);
	return ret;
}

int socket_dir_listen(
        const struct socket_dir *dir, const char *path, int *ret_fd, struct fault *fault)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int ret = fd < 0 ? -errno : bind_and_listen(dir, path, fd);

	if (ret == 0) {
		*ret_fd = fd;
		return 0;
	}
	if (fd >= 0)
		close(fd);
	return fault_set(fault, ret, "socket", "cannot listen on '%s': %s", path,
	        ret == -EADDRINUSE ? "it is in use, or was left there by somebody else"
	                           : strerror(-ret));
}
