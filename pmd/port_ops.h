/* SPDX-License-Identifier: BSD-3-Clause */
// The contract between the switch and its port drivers.
//
// A *port* is where frames enter and leave the process: a pod's interface, an uplink. A *queue* is
// what one worker polls and flushes: the AF_XDP socket of a trunk that serves thousands of ports,
// or the queue pair of one DPDK device. A port transmits through the queue of the worker that owns
// it.
//
// Life of a port, all on the control thread:
//	create -> (published to its worker) rx/tx -> (unpublished, grace period) -> destroy
// The driver's own state (namespaces, maps, sockets) lives in a `struct port_driver`, opened once.
//
// Polling. A worker polls a queue while frames come. One that has been quiet for a while goes cold:
// with an fd it is armed and watched by epoll (level-triggered readiness, asked for once); without
// one, but with `pending`, it is looked at now and then, some of all such queues at a time. With
// neither it is polled always, and its worker never sleeps.
//
// Threads. The functions of `port_ops` are called by the control thread except those marked worker,
// which only the port's or queue's owning worker calls, between two quiescent reports. Worker
// functions never block, allocate or log.
//
// Packets. rx_burst gives the caller mbufs; each has m->port = the port's id. tx_burst takes all
// packets, always: what cannot be sent is freed and counted by the driver (tx_full or tx_error).
#pragma once

#include <linux/if_ether.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fault.h"
#include "port_watch.h"

struct rte_mbuf;
struct rte_mempool;
struct port;
struct port_driver;

#define PORT_ID_MAX 65534u // m->port is 16 bits wide, 65535 is "none"
#define PORT_REF_SIZE 80 // "node/interface", IFACE_REF_SIZE of api/names.h
#define PORT_ADDRS_MAX 8
#define PORT_ROUTES_MAX 16
#define PORT_SOCKET_SIZE 108 // sockaddr_un.sun_path, with its 0
#define PORT_DETAILS_MAX 16

struct port_addr {
	uint8_t addr[16]; // IPv6, network order
	uint8_t prefix_len;
};

struct port_route {
	struct port_addr dst; // prefix_len 0: the default route
	uint8_t via[16]; // gateway; all zero: on link
};

// What a client asks for. Borrowed by create for the time of the call.
struct port_config {
	char ref[PORT_REF_SIZE]; // "node/interface", for messages and the alias left for adoption
	char owner[192]; // who made it: "cni:NETWORK:CONTAINERID:IFNAME", or ""; kept in the alias
	uint16_t mtu; // 0: the driver's default (1500)
	bool carrier; // set_carrier will be called; refuse what cannot be shown it
	uint8_t mac[ETH_ALEN]; // the pod end's; all zero: derived from `ref`
	// af_xdp
	int netns_fd; // borrowed; the pod's network namespace, -1 if none
	char ifname[16]; // name in the pod
	size_t n_addrs;
	struct port_addr addrs[PORT_ADDRS_MAX];
	size_t n_routes;
	struct port_route routes[PORT_ROUTES_MAX];
	// ethdev
	char devargs[256]; // "net_tap0,iface=x", "0000:03:00.0"; a device already probed is used
	// vhost_user
	char socket[PORT_SOCKET_SIZE]; // path; "": made from `ref`, in the driver's directory
	bool socket_server; // we listen, and the front end (QEMU) connects; else we connect
	uint16_t queue_pairs; // at most so many; 0: 1
};

enum port_state {
	PORT_UP, // frames can pass; drivers without get_state are always up
	PORT_DOWN, // the peer is there but not ready: no driver in the guest, ring off
	PORT_WAITING, // for a peer to connect
	PORT_BROKEN, // the peer broke the rules and is cut off; `reason` says how
};

// A fact about a port for people: "ring" = "packed, 256".
struct port_detail {
	char name[24];
	char value[232];
};

// Written by the driver, control reads. Monotonic while the port lives.
struct port_stats {
	uint64_t rx_dropped; // before the switch saw them: rings full, no buffer, devmap full
	uint64_t rx_errors; // frames the driver refused: bad tag, bad length
	uint64_t tx_full; // ring full
	uint64_t tx_errors; // refused by the kernel or device, too long
	uint64_t tx_peer_dropped; // lost between the switch and the pod's stack
	bool gone; // the pod's interface vanished, with its namespace or by the pod's own hand
};

// One worker's receive and transmit point of a driver.
struct port_queue {
	const struct port_ops *ops;
	uint16_t worker; // who polls it
	int fd; // readable when frames wait while armed; -1: no notification, polled always
	bool tx_dirty; // worker: tx_flush is due. Set before tx_burst, cleared before tx_flush; a
	               // driver that wants tx_flush again next loop sets it there
	uint32_t hot_idx; // worker: its place in the worker's hot list, UINT32_MAX when cold
	uint32_t swept_idx; // worker: its place among the swept ones, UINT32_MAX when not
	uint64_t last_rx_tsc; // worker
};

// Fields are constant while the port is published, but for what the driver hides in its own part.
struct port {
	const struct port_ops *ops;
	struct port_driver *driver;
	struct port_queue *queue; // where it transmits; NULL never
	bool queue_by_driver; // the driver gives the queue to the worker and takes it back
	uint32_t id; // <= PORT_ID_MAX
	uint32_t iface_id; // the interface it is plugged into
	uint16_t worker; // index of the owning worker
	uint16_t mtu;
	uint8_t mac[ETH_ALEN]; // the pod end's, for the static neighbour
	char ref[PORT_REF_SIZE];
	char owner[192];
	char ifname[16];
	uint64_t netns_inode; // of the pod's namespace, 0 if none
};

// A port that an earlier switch left and the driver found again.
struct port_found {
	uint32_t id;
	char ref[PORT_REF_SIZE];
	char owner[192];
	uint16_t mtu;
	uint8_t mac[ETH_ALEN];
	char ifname[16];
	bool no_carrier; // the pod is shown that its link is down
};

// What the switch does for a driver. Thread: control.
struct port_host {
	void *arg;
	// Has the queue polled by its worker. Returns 0 or -errno.
	int (*add_queue)(void *arg, struct port_queue *queue);
	// When it returns, the worker does not touch the queue and has finished every burst,
	// received or transmitted, that began before: what control stored before the call it sees
	// from now on.
	void (*del_queue)(void *arg, struct port_queue *queue);
	// The port's state (get_state) has changed: for the log and for who watches.
	void (*state_changed)(void *arg, struct port *port);
};

// The switch's configuration of one driver; strings are borrowed until close.
struct vhost_user_config {
	const char *socket_dir; // where sockets without a path of their own lie; made if missing
	const char *socket_owner, *socket_group; // names; "": as they are
	uint32_t socket_mode; // 0660
};

struct port_driver_config {
	const char *instance; // the switch's name: namespaces and pins are named after it
	uint16_t n_workers;
	struct rte_mempool *const *pools; // [n_workers] where rx_burst takes mbufs from
	uint32_t max_ports;
	uint32_t ring_size; // descriptors a ring, 0: default
	uint32_t frame_bytes; // longest frame that a buffer of the pools holds
	const struct port_host *host; // borrowed until close
	const struct vhost_user_config *vhost_user;
};

struct port_ops {
	const char *name; // "af_xdp", "ethdev", "mem"

	// Opens the driver: kernel objects shared by its ports. `*ret_queues` (NULL if the driver
	// has a queue a port) lists one queue a worker, owned by the driver until close.
	int (*open)(const struct port_driver_config *config, struct port_driver **ret_driver,
	        struct fault *fault);
	// keep: leave the pods' interfaces for the next switch to adopt; else remove all it made.
	// Those of destroyed ports are gone then, or marked so that nobody adopts them.
	void (*close)(struct port_driver *driver, bool keep);
	// Queue of a worker that is shared by all ports; NULL if each port has its own.
	struct port_queue *(*worker_queue)(struct port_driver *driver, uint16_t worker);

	// Makes the port with the id and worker that `port` already has; fills the rest.
	int (*create)(struct port_driver *driver, const struct port_config *config,
	        struct port *port, struct fault *fault);
	// After the grace period. From then on no frame passes. The pod's interface goes too (a
	// vanished one is no error), perhaps some tens of ms later; with keep it stays for
	// adoption.
	void (*destroy)(struct port *port, bool keep);
	// After a series of destroys: starts removing what they left for later, and does not wait
	// for it. The kernel takes 20 ms to remove an interface. NULL: destroy leaves nothing.
	void (*settle)(struct port_driver *driver);
	// Whether something of a destroyed port with this id is still to be removed: create would
	// have to wait for it, as it does for an old interface that has the new one's name in the
	// pod. NULL: no.
	bool (*lingers)(struct port_driver *driver, uint32_t id);

	// Ports left by an earlier switch; calls `found` for each. adopt() completes `port` (id and
	// worker set by the caller) from what is there.
	int (*scan)(struct port_driver *driver,
	        void (*found)(const struct port_found *port, void *arg), void *arg,
	        struct fault *fault);
	int (*adopt)(struct port_driver *driver, const struct port_found *found, struct port *port,
	        struct fault *fault);

	// A driver with events of its own: a descriptor that is readable when handle_events has
	// something to do (an epoll set); -1 or NULL: none.
	int (*events_fd)(struct port_driver *driver);
	void (*handle_events)(struct port_driver *driver);
	// NULL: always PORT_UP. `reason` (at least 128 bytes) is "" unless there is one to give.
	enum port_state (*get_state)(struct port *port, char *reason, size_t reason_size);
	// NULL: nothing to tell. Returns how many details there are, <= n.
	size_t (*describe)(struct port *port, struct port_detail *details, size_t n);

	// Carrier towards the pod; NULL if the driver has none. After create there is one, after
	// adopt what the pod had. When the port's configuration says `carrier` there may be one or
	// not, and set_carrier is called next.
	int (*set_carrier)(struct port *port, bool up, struct fault *fault);
	void (*get_stats)(struct port *port, struct port_stats *ret_stats);
	// Driver-wide counters as name/value pairs ("xdp_rx_ring_full"); returns how many, <= n.
	size_t (*driver_stats)(
	        struct port_driver *driver, const char **names, uint64_t *values, size_t n);

	// worker: up to `n` frames.
	uint16_t (*rx_burst)(struct port_queue *queue, struct rte_mbuf **pkts, uint16_t n);
	// worker: takes all `n`; single- or multi-segment.
	void (*tx_burst)(struct port *port, struct rte_mbuf **pkts, uint16_t n);
	// worker: once a loop for a queue with tx_dirty; kicks the kernel, at most one system call.
	// NULL if there is nothing to do.
	void (*tx_flush)(struct port_queue *queue);
	// worker: arms the notification before sleeping; true if frames are already waiting (do not
	// sleep). disarm goes back to polling. NULL when fd is level-triggered and needs neither.
	bool (*arm)(struct port_queue *queue);
	void (*disarm)(struct port_queue *queue);
	// worker: whether frames wait in a quiet queue; it may go cold without an fd. NULL: cannot
	// be told.
	bool (*pending)(struct port_queue *queue);
	// worker: the word that tells, after `pending` said no. False: there is no such word, and
	// `pending` is asked each time. NULL: never.
	bool (*watch)(struct port_queue *queue, struct port_watch *ret_watch);
};

extern const struct port_ops af_xdp_ops;
extern const struct port_ops ethdev_ops;
extern const struct port_ops vhost_user_ops;
extern const struct port_ops mem_ops; // tests: frames in memory, see pmd/mem.h
