/* SPDX-License-Identifier: BSD-3-Clause */
// Where ports' sockets lie, and who may use those that we make. Thread: control.
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "fault.h"
#include "port_ops.h"

struct socket_dir {
	char path[PORT_SOCKET_SIZE];
	uid_t owner; // -1: as it is
	gid_t group;
	mode_t mode; // of sockets that we make
};

// Makes the directory if it is missing. Strings are copied.
__attribute__((warn_unused_result)) int socket_dir_init(
        struct socket_dir *dir, const struct vhost_user_config *config, struct fault *fault);

// The path of a port's socket: `wanted` if it is not "", else one in the directory, of the port's
// name or, where that is too long, of its hash.
__attribute__((warn_unused_result)) int socket_dir_path(const struct socket_dir *dir,
        const char *ref, const char *wanted, char ret_path[PORT_SOCKET_SIZE], struct fault *fault);

// Listens there, with owner, group and mode set before anybody can connect. A socket that was left
// there and on which nobody listens is replaced if it is ours: in our directory, or our user's.
__attribute__((warn_unused_result)) int socket_dir_listen(
        const struct socket_dir *dir, const char *path, int *ret_fd, struct fault *fault);

// Connects without waiting. `*spare_fd` is a socket to be used, -1 to make one; it is left there
// when nobody listens (-ECONNREFUSED, -ENOENT, -EAGAIN: the queue is full, ...) or the path is that
// of a symbolic link (-ENOTSOCK).
__attribute__((warn_unused_result)) int socket_connect(
        const char *path, int *spare_fd, int *ret_fd);
