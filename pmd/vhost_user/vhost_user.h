/* SPDX-License-Identifier: BSD-3-Clause */
// What the files of the driver share: the driver and its ports. Thread: control, but for what
// queue.h says.
#pragma once

#include "connection.h"
#include "device.h"
#include "hash.h"
#include "mapping.h"
#include "port_ops.h"
#include "queue.h"
#include "retry.h"
#include "socket_dir.h"

#define VHOST_USER_REASON_SIZE 160

// What an epoll event belongs to.
struct event_source {
	void (*handle)(void *owner, uint32_t events);
	void *owner;
};

struct vhost_port {
	struct queue queue; // first: port->queue is its base
	UT_hash_handle by_path;
	struct port *port; // borrowed
	struct port_driver *driver;
	struct device_config device_config;
	struct device device;
	struct connection connection;
	struct event_source on_connection, on_listener;
	struct retry retry; // waits to connect, to listen, to read again or for a message's end
	int listen_fd; // -1: we connect
	int kicks_fd; // epoll set of several kicks; -1: none
	bool queued; // its worker has the queue
	bool listening; // the listener is watched
	bool paused; // the connection is not read for a moment
	bool in_part; // a message began and has not ended
	bool carrier;
	enum port_state state;
	uint32_t n_tries; // since the peer was last there for a while
	uint32_t n_breaks; // since it last kept the rules for a while
	uint32_t n_messages; // in this slice of time
	uint64_t slice_ns; // its begin
	uint64_t slice_used_ns; // the control thread's time that they took
	uint64_t connected_ns;
	uint64_t n_connects, n_broken;
	char path[PORT_SOCKET_SIZE];
	char reason[VHOST_USER_REASON_SIZE]; // of the state
	char last_fault[VHOST_USER_REASON_SIZE]; // why it was broken last
};

struct port_driver {
	const struct port_host *host; // borrowed
	struct rte_mempool *const *pools;
	struct caller *callers; // [n_workers]
	uint16_t n_workers;
	uint32_t ring_size_max;
	uint32_t frame_bytes;
	struct socket_dir dir;
	struct mapping_pool *mappings;
	struct retry_timer timer;
	struct queue_alarm alarm;
	struct fd_budget budget;
	uint64_t nofile; // limit of open files
	int epoll_fd;
	int spare_fd; // a socket that is not connected yet
	struct event_source on_timer, on_mapping, on_alarm;
	struct vhost_port *ports; // by path
	uint64_t n_messages, n_quiesces, n_connects, n_broken;
};

static inline struct vhost_port *vhost_port_of(const struct port *port)
{
	return (struct vhost_port *)port->queue;
}

// peer.c: a port's connection, from looking for a peer to losing it.
void peer_init(struct vhost_port *port, struct port_driver *driver);
void peer_start(struct vhost_port *port);
void peer_stop(struct vhost_port *port);
// The peer is gone (0), or it broke the rules (a fault): cuts it off, and looks for it again later.
void peer_lose(struct vhost_port *port, const struct fault *fault);
void peer_set_carrier(struct vhost_port *port, bool up);
void peer_retry(struct vhost_port *port);

// describe.c
size_t vhost_user_describe(struct port *port, struct port_detail *details, size_t n);
