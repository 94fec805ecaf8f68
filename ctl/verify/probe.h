/* SPDX-License-Identifier: BSD-3-Clause */
// Probe ports: pods' interfaces of our own in namespaces without a name, and stamped frames between
// two of them. Frames carry their number; who sends keeps the time. Times are CLOCK_REALTIME: the
// kernel stamps what it receives with that. One thread.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "cli.h"

#define PROBE_FRAME_BYTES 100 // of a probe; trains are longer
#define PROBE_TRAIN_BYTES 1400

struct probe_port {
	char iface[128]; // NODE/INTERFACE in the switch
	char address[48]; // without length
	int netns; // -1: none
	int sock; // -1: none
	bool attached;
};

struct probe_space; // namespaces

int64_t probe_now_ns(void);
// A namespace of its own, the port in the switch, a packet socket on the pod's end. `kind`: of the
// node, made if it is not there. `number` makes the address. What was made stays for probe_close,
// also on failure.
enum cli_exit probe_open(struct cli *cli, struct probe_port *port, const char *node,
        const char *iface, const char *kind, unsigned number);
void probe_close(struct cli *cli, struct probe_port *port);

// Sends a UDP packet of `bytes`, Ethernet header included. Returns the time just before; negative
// errno when it could not be sent.
int64_t probe_send(const struct probe_port *from, const struct probe_port *to, uint32_t run,
        uint32_t number, unsigned bytes);
// The next probe of this run that waits: its number and when the kernel had it. False: none.
bool probe_receive(
        const struct probe_port *port, uint32_t run, uint32_t *ret_number, int64_t *ret_time_ns);
