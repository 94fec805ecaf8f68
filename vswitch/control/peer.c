/* SPDX-License-Identifier: BSD-3-Clause */
// The peer's identity: SO_PEERCRED, and SO_PEERGROUPS for groups beside the first.
#include "peer.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#define GROUPS_MAX 256

static bool has_group(int fd, gid_t group)
{
	gid_t groups[GROUPS_MAX];
	socklen_t size = sizeof(groups);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &size) < 0)
		return false;
	for (size_t i = 0; i < size / sizeof(groups[0]); i++) {
		if (groups[i] == group)
			return true;
	}
	return false;
}

int peer_identify(int fd, gid_t group, struct peer *ret_peer)
{
	struct ucred cred;
	socklen_t size = sizeof(cred);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &size) < 0)
		return -errno;
	*ret_peer = (struct peer){
	        .pid = cred.pid,
	        .uid = cred.uid,
	        .gid = cred.gid,
	        .may_write = cred.uid == 0 || cred.uid == geteuid() || cred.gid == group ||
	                     has_group(fd, group),
	};
	return 0;
}
