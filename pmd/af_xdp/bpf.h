/* SPDX-License-Identifier: BSD-3-Clause */
// The BPF programs and maps of one driver instance. Thread: control, but for the maps' contents,
// which programs read at any time.
#pragma once

#include <linux/if_ether.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fault.h"
#include "programs.h"

struct bpf;

// Loads the programs, with room for ports 0 to max_ports - 1.
__attribute__((warn_unused_result)) int bpf_create(
        uint32_t max_ports, struct bpf **ret_bpf, struct fault *fault);
// Unloads what no interface holds any more.
void bpf_destroy(struct bpf *bpf);

int bpf_host_prog_fd(const struct bpf *bpf); // XDP for host ends
int bpf_socket_prog_fd(const struct bpf *bpf); // XDP for the trunk's socket end
// TC programs, attached to the ingress of an interface in the thread's namespace; an earlier
// switch's are replaced. Return 0 or -errno.
__attribute__((warn_unused_result)) int bpf_attach_hub(const struct bpf *bpf, uint32_t ifindex);
__attribute__((warn_unused_result)) int bpf_attach_shard(const struct bpf *bpf, uint32_t ifindex);
// The trunk of a worker: its peer end (in the thread's namespace) and its socket.
__attribute__((warn_unused_result)) int bpf_set_trunk(
        const struct bpf *bpf, uint16_t worker, uint32_t peer_ifindex, int socket_fd);

// A port's entry; `entry` NULL: none. Takes effect with the next frame. Clears the port's drop
// counts when the port is new.
void bpf_set_port(struct bpf *bpf, uint32_t id, const struct af_xdp_port_entry *entry);
struct af_xdp_port_entry bpf_port(const struct bpf *bpf, uint32_t id);
struct af_xdp_port_drops bpf_port_drops(const struct bpf *bpf, uint32_t id);

// Sums over CPUs, by enum af_xdp_counter.
void bpf_counters(const struct bpf *bpf, uint64_t ret_values[AF_XDP_COUNTER_COUNT]);
