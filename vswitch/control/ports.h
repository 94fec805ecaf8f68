/* SPDX-License-Identifier: BSD-3-Clause */
// Ports: their life between the driver, the data path and the interface they are plugged into.
//	add:  id and worker -> driver create -> data path's port table -> the interface names it
//	del:  the interface names none -> grace period, one for the batch -> driver destroy -> id
// free; another id is preferred while the driver still removes what the port had
// Thread: control.
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "datapath.h"
#include "fault.h"
#include "ids.h"
#include "model.h"
#include "port_ops.h"

struct control;
struct event;
struct rte_mempool;

struct switch_port {
	struct port port;
	struct iface *iface;
	struct port_queue *own_queue; // given to the worker for this port alone; NULL: the driver's
	bool adopted; // an earlier switch made it
	bool follows; // the pod is shown whether the link is up (carrier.h)
	bool carrier_up; // what it was shown last, if that is known
	bool carrier_known;
	bool carrier_due;
	struct switch_port *due_prev, *due_next;
	uint64_t log_due_ns; // its states' lines in the log have used up the time until then
	uint32_t n_unlogged; // changes of state since the last line
	size_t n_addrs;
	struct port_addr addrs[PORT_ADDRS_MAX];
	struct iface_stats base; // the interface's counters when the port was plugged in
	json_t *again; // parameters of port.add for a driver that finds nothing again; NULL: none
};

struct driver_slot {
	const struct port_ops *ops;
	struct port_driver *driver;
	struct event *event; // NULL: it has no events of its own
};

struct port_table {
	struct switch_port **ports; // [max_ports], by id
	struct ids ids;
	struct rte_mempool *pools[DP_WORKERS_MAX]; // drivers keep the array
	size_t n_drivers;
	struct driver_slot drivers[4];
	struct port_host host; // what drivers call
};

__attribute__((warn_unused_result)) int ports_init(struct port_table *table, uint32_t max_ports);
void ports_fini(struct port_table *table);

// Opens the configured drivers and gives their shared queues to the workers.
__attribute__((warn_unused_result)) int ports_open_drivers(
        struct control *control, struct fault *fault);
// Handles what the drivers have to do now, for who is not back in the event loop soon.
void ports_serve_drivers(struct control *control);
// Unplugs every port and closes the drivers; with `keep` the pods' interfaces stay.
void ports_close_drivers(struct control *control, bool keep);

// -EINVAL when no driver of that name is open; the fault lists those that are.
__attribute__((warn_unused_result)) int ports_find_driver(const struct control *control,
        const char *backend, size_t *ret_driver, struct fault *fault);
// Plugs a port into `iface`, which has none.
__attribute__((warn_unused_result)) int ports_add(struct control *control, size_t driver,
        const struct port_config *config, struct iface *iface, struct switch_port **ret_port,
        struct fault *fault);
// What was saved of a port that the driver finds again.
struct port_saved {
	bool follows;
	size_t n_addrs;
	struct port_addr addrs[PORT_ADDRS_MAX];
};
// The same for one that the driver found.
__attribute__((warn_unused_result)) int ports_adopt(struct control *control, size_t driver,
        const struct port_found *found, struct iface *iface, const struct port_saved *saved,
        struct switch_port **ret_port, struct fault *fault);
// Removes `n` ports with one grace period; frees them.
void ports_del(struct control *control, struct switch_port *const *ports, size_t n, bool keep);

static inline struct switch_port *ports_get(const struct port_table *table, uint32_t id)
{
	return id < table->ids.end ? table->ports[id] : NULL;
}

// "up", "down", "waiting" or "broken"; `reason` is "" unless there is one to give.
#define PORT_REASON_SIZE 160
const char *ports_state(const struct switch_port *port, char *reason, size_t reason_size);

// Frames through the port since it was plugged in.
void ports_traffic(const struct control *control, const struct switch_port *port,
        struct iface_stats *ret_stats);
