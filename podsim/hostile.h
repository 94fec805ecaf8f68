/* SPDX-License-Identifier: BSD-3-Clause */
// Ports that break the rules on purpose, in a thread of their own: each has its own memory file,
// negotiates in any order, offers descriptors that lead anywhere, sends messages that are none,
// cuts its memory file off, goes away in the midst of it and comes back. What a port does is drawn
// from a generator seeded by the run's seed and the port's number; when it does it depends on the
// switch, too. Nothing of it is checked here: the other ports' traffic is what is checked.
#pragma once

#include <jansson.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "fault.h"

struct hostile_port;

// What was done so far. The thread writes, control reads.
struct hostile_counters {
	atomic_uint_fast64_t sessions; // connections made
	atomic_uint_fast64_t cut_off; // ended by the switch
	atomic_uint_fast64_t vanished; // ended by the port
	atomic_uint_fast64_t messages, bad_messages;
	atomic_uint_fast64_t descriptors, bad_descriptors;
	atomic_uint_fast64_t truncations;
};

struct hostile_plan {
	const char *path; // of the sockets, with one %d. Borrowed
	bool client; // connect; else listen
	uint64_t seed;
};

struct hostile {
	struct hostile_plan plan;
	struct hostile_port *ports;
	uint32_t n_ports;
	struct hostile_counters counters;
	pthread_t thread;
	bool running;
	atomic_bool stop;
};

// `ids`: the `n` ports' numbers. Returns 0, or -errno; hostile_fini is needed after an error, too.
__attribute__((warn_unused_result)) int hostile_init(struct hostile *hostile,
        const struct hostile_plan *plan, const uint32_t *ids, uint32_t n, struct fault *fault);
__attribute__((warn_unused_result)) int hostile_start(struct hostile *hostile, struct fault *fault);
// Stops the thread, closes all connections and removes the sockets.
void hostile_fini(struct hostile *hostile);
// New reference; NULL without memory.
json_t *hostile_json(const struct hostile *hostile);
void hostile_print(const struct hostile *hostile, FILE *out);
