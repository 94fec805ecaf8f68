/* SPDX-License-Identifier: BSD-3-Clause */
// Named network namespaces (as "ip netns" knows them) and visits to other namespaces.
// Thread: control. A visit changes the calling thread's namespace only.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "fault.h"

#define NETNS_NAME_SIZE 96

// Makes /run/netns/NAME with IPv6 switched off, or opens it if it is there. Returns a descriptor
// that the caller closes, or -errno. `*ret_created` says which.
__attribute__((warn_unused_result)) int netns_create(
        const char *name, bool *ret_created, struct fault *fault);
// Opens /run/netns/NAME. Returns a descriptor or -errno (-ENOENT: not there).
__attribute__((warn_unused_result)) int netns_open(const char *name);
// Removes the name; the namespace and all interfaces in it go when nothing else holds it.
void netns_remove(const char *name);

// Moves the thread into the namespace. Returns a descriptor of the one it was in, to be given to
// netns_leave, or -errno (the thread has not moved).
__attribute__((warn_unused_result)) int netns_enter(int netns_fd);
// Back again; takes the descriptor. Failing to return is a bug: the process ends.
void netns_leave(int home_fd);

// Writes a value to /proc/sys/`path` of the thread's namespace. Returns 0 or -errno.
__attribute__((warn_unused_result)) int netns_sysctl(const char *path, const char *value);
// Inode number of a namespace, by which it is told apart; 0 if `netns_fd` is none.
uint64_t netns_inode(int netns_fd);
