/* SPDX-License-Identifier: BSD-3-Clause */
// The command line. Pure but for the help on stdout.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "fault.h"

#define OPTIONS_PORTS_MAX 65536
#define OPTIONS_SIZES_MAX 32

enum options_peer { OPTIONS_PEER_PAIR, OPTIONS_PEER_RING, OPTIONS_PEER_SELF };

struct options_size {
	uint32_t low, high; // bytes; equal unless a range
	uint32_t weight;
};

struct options {
	// ports
	uint32_t n_ports;
	const char *path; // with one %d
	bool client;
	bool *busy, *deaf; // of each port: sends and is polled; never refills its receive ring
	bool *hostile; // breaks the rules
	// rings
	bool packed, mergeable, event_idx, kick, call, hugepages;
	uint16_t ring_size, ring_align, mtu;
	uint32_t buffer_bytes;
	// traffic
	enum options_peer peer;
	double rate_pps; // 0: as fast as possible
	struct options_size sizes[OPTIONS_SIZES_MAX];
	uint32_t n_sizes;
	uint32_t n_flows, n_prefixes, burst;
	const char *prefix_base, *src,
	        *dst; // src and dst: templates with %x or %d; dst NULL: prefixes
	uint8_t dst_mac[6];
	bool has_dst_mac, l2, loop, check_payload, print_routes;
	// run
	int cpu;
	int64_t gap_ns; // between rounds
	int64_t duration_ns, warmup_ns, interval_ns, connect_ns,
	        drain_ns; // duration 0: until stopped
	bool json;
	uint64_t max_loss; // frames; UINT64_MAX: any
	const char *control_path;
	uint64_t seed, misbehave_seed;
};

enum options_done { OPTIONS_RUN, OPTIONS_HELP, OPTIONS_VERSION };

// Strings are borrowed from `argv`. Returns 0, or -errno with what is wrong in `fault`.
__attribute__((warn_unused_result)) int options_parse(struct options *options, int argc,
        char *argv[], enum options_done *ret_done, struct fault *fault);
void options_fini(struct options *options);
void options_help(void);

// "0,2,5-7" of `n` ports, into an array of n. Returns 0, or -EINVAL.
__attribute__((warn_unused_result)) int options_parse_ports(
        const char *text, uint32_t n, bool *ret_ports, struct fault *fault);
// "64", "64:7,594:4,1518:1", "64-1518", "imix".
__attribute__((warn_unused_result)) int options_parse_sizes(
        const char *text, struct options_size *sizes, uint32_t *ret_n, struct fault *fault);
// Fills `table` with `n` sizes in the proportions asked for, in an order that repeats with `seed`.
void options_size_table(const struct options_size *sizes, uint32_t n_sizes, uint64_t seed,
        uint16_t *table, uint32_t n);
