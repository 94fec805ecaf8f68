/* SPDX-License-Identifier: BSD-3-Clause */
// Who is at the other end of a unix socket, from the kernel, never from the peer's own words.
#pragma once

#include <stdbool.h>
#include <sys/types.h>

struct peer {
	pid_t pid;
	uid_t uid;
	gid_t gid;
	bool may_write; // uid 0, our own uid, or a member of the socket's group
};

// Returns 0 or -errno.
__attribute__((warn_unused_result)) int peer_identify(int fd, gid_t group, struct peer *ret_peer);
