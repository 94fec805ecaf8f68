/* SPDX-License-Identifier: BSD-3-Clause */
// Guests' memory files, mapped here: one mapping for all ports that share the same part of the same
// file, however many regions and ports use it.
//
// A guest that truncates its file, or whose hugepages run out, must not end the process. Mappings
// are guarded: where a thread gets SIGBUS inside a guarded mapping, the handler puts anonymous
// memory over all of it, marks it and writes the pool's eventfd, and the thread reads zeros.
// Control then takes down the ports that use a mapping for which mapping_is_broken(). When no guard
// is left, files sealed against shrinking do without, but for hugepages: of those a sealed file too
// may find none.
//
// Only memory files (tmpfs, memfd, hugetlbfs) opened for writing are taken: a page of any other
// file may wait for its storage, or for a program of the guest's (FUSE), and the worker with it.
//
// Threads. All functions: control. Any thread may get the SIGBUS. One pool a process: the handler
// belongs to the process.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fault.h"

#define MAPPINGS_GUARDED_MAX 32768

struct mapping;
struct mapping_pool;

struct mapping_pool_stats {
	size_t n_mappings;
	size_t n_guarded;
	uint64_t bytes;
};

// Installs the handler. -EBUSY: there is a pool already.
__attribute__((warn_unused_result)) int mapping_pool_create(
        struct mapping_pool **ret_pool, struct fault *fault);
// All mappings have been put. Restores the handler that was there before.
void mapping_pool_destroy(struct mapping_pool *pool);
// Readable after a mapping broke; mapping_pool_ack makes it unreadable again.
int mapping_pool_fd(const struct mapping_pool *pool);
void mapping_pool_ack(struct mapping_pool *pool);
void mapping_pool_stats(const struct mapping_pool *pool, struct mapping_pool_stats *ret_stats);

// Maps `size` bytes of the file from `offset`, or takes the mapping that is there. The descriptor
// stays the caller's, and can be closed. *ret_host is where byte `offset` lies.
__attribute__((warn_unused_result)) int mapping_get(struct mapping_pool *pool, int fd,
        uint64_t offset, uint64_t size, struct mapping **ret_mapping, uint8_t **ret_host,
        struct fault *fault);
// NULL allowed.
void mapping_put(struct mapping *mapping);
bool mapping_is_broken(const struct mapping *mapping);
bool mapping_is_sealed(const struct mapping *mapping);
