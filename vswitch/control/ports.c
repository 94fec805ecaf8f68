/* SPDX-License-Identifier: BSD-3-Clause */
// The life of a port.
#include "ports.h"

#include <errno.h>
#include <event2/event.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core.h"
#include "log.h"
#include "reserve.h"

#define VLAN_TAG_BYTES 4
#define NS_PER_S 1000000000ull
#define LOG_BURST 8

int ports_init(struct port_table *t, uint32_t max_ports)
{
	*t = (struct port_table){0};
	t->ports = reserve_alloc(max_ports, sizeof(t->ports[0]));
	if (t->ports == NULL || ids_init(&t->ids, max_ports) < 0) {
		ports_fini(t);
		return -ENOMEM;
	}
	return 0;
}

void ports_fini(struct port_table *t)
{
	reserve_free(t->ports, t->ids.max, sizeof(t->ports[0]));
	ids_fini(&t->ids);
	*t = (struct port_table){0};
}

static int host_add_queue(void *arg, struct port_queue *queue)
{
	struct control *c = arg;

	return datapath_add_queue(c->dp, queue);
}

static void host_del_queue(void *arg, struct port_queue *queue)
{
	struct control *c = arg;

	datapath_del_queue(c->dp, queue);
}

static const char *state_text(enum port_state state)
{
	switch (state) {
	case PORT_UP:
		return "up";
	case PORT_DOWN:
		return "down";
	case PORT_WAITING:
		return "waiting";
	default:
		return "broken";
	}
}

const char *ports_state(const struct switch_port *p, char *reason, size_t reason_size)
{
	// the driver fills in what it knows of its own port, no more
	struct port *port = (struct port *)(uintptr_t)&p->port;

	reason[0] = '\0';
	if (port->ops->get_state == NULL)
		return state_text(PORT_UP);
	return state_text(port->ops->get_state(port, reason, reason_size));
}

// A guest changes its port's state as often as it likes: it gets a line a second, and LOG_BURST at
// once.
static bool may_log(struct switch_port *p)
{
	struct timespec now;
	uint64_t now_ns;

	clock_gettime(CLOCK_MONOTONIC, &now);
	now_ns = (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
	if (p->log_due_ns < now_ns)
		p->log_due_ns = now_ns;
	if (p->log_due_ns - now_ns > (LOG_BURST - 1) * NS_PER_S)
		return false;
	p->log_due_ns += NS_PER_S;
	return true;
}

static void host_state_changed(void *arg, struct port *port)
{
	struct control *c = arg;
	struct switch_port *p = ports_get(&c->ports, port->id);
	char reason[PORT_REASON_SIZE];
	const char *state;

	if (p == NULL) // not plugged in yet
		return;
	if (!may_log(p)) {
		p->n_unlogged++;
		return;
	}
	state = ports_state(p, reason, sizeof(reason));
	if (p->n_unlogged > 0)
		log_info("port '%s': %s%s%s, after %u changes that are not told", port->ref, state,
		        reason[0] != '\0' ? ", " : "", reason, p->n_unlogged);
	else
		log_info("port '%s': %s%s%s", port->ref, state, reason[0] != '\0' ? ", " : "",
		        reason);
	p->n_unlogged = 0;
}

static void on_driver_event(evutil_socket_t fd, short what, void *arg)
{
	struct driver_slot *slot = arg;

	slot->ops->handle_events(slot->driver);
}

void ports_serve_drivers(struct control *c)
{
	for (size_t i = 0; i < c->ports.n_drivers; i++) {
		struct driver_slot *slot = &c->ports.drivers[i];

		if (slot->ops->handle_events != NULL)
			slot->ops->handle_events(slot->driver);
	}
}

// The driver's own events are served between others, by this thread.
static int watch_driver(struct control *c, struct driver_slot *slot, struct fault *fault)
{
	int fd = slot->ops->events_fd != NULL ? slot->ops->events_fd(slot->driver) : -1;

	if (fd < 0 || c->base == NULL)
		return 0;
	slot->event = event_new(c->base, fd, EV_READ | EV_PERSIST, on_driver_event, slot);
	if (slot->event != NULL && event_add(slot->event, NULL) == 0)
		return 0;
	return fault_set(fault, -ENOMEM, NULL, "no memory to watch it");
}

static int open_driver(struct control *c, const struct port_ops *ops, struct fault *fault)
{
	struct port_table *t = &c->ports;
	uint16_t n_workers = datapath_n_workers(c->dp);
	struct port_driver *driver;
	struct port_driver_config config = {
	        .instance = c->config.instance,
	        .n_workers = n_workers,
	        .pools = t->pools,
	        .max_ports = c->config.max_ports,
	        .frame_bytes = c->config.frame_bytes,
	        .host = &t->host,
	        .vhost_user = c->config.vhost_user,
	};
	struct driver_slot *slot = &t->drivers[t->n_drivers];
	int ret;

	t->host = (struct port_host){
	        .arg = c,
	        .add_queue = host_add_queue,
	        .del_queue = host_del_queue,
	        .state_changed = host_state_changed,
	};

	for (uint16_t i = 0; i < n_workers; i++)
		t->pools[i] = datapath_pool(c->dp, i);
	ret = ops->open(&config, &driver, fault);
	if (ret < 0)
		return ret;
	*slot = (struct driver_slot){.ops = ops, .driver = driver};
	t->n_drivers++;
	ret = watch_driver(c, slot, fault);
	if (ret < 0)
		return ret;
	for (uint16_t i = 0; ops->worker_queue != NULL && i < n_workers; i++) {
		struct port_queue *queue = ops->worker_queue(driver, i);

		if (queue == NULL)
			continue;
		ret = datapath_add_queue(c->dp, queue);
		if (ret < 0)
			return fault_set(fault, ret, NULL,
			        "driver %s: worker %u cannot take its queue: %s", ops->name, i,
			        strerror(-ret));
	}
	log_info("driver %s: open", ops->name);
	return 0;
}

int ports_open_drivers(struct control *c, struct fault *fault)
{
	for (size_t i = 0; c->config.drivers[i] != NULL; i++) {
		struct fault why = {0};
		int ret;

		if (c->ports.n_drivers == sizeof(c->ports.drivers) / sizeof(c->ports.drivers[0]))
			return fault_set(fault, -ENOSPC, "drivers", "too many drivers");
		ret = open_driver(c, c->config.drivers[i], &why);
		if (ret < 0)
			return fault_set(fault, ret, "drivers", "driver %s: %s",
			        c->config.drivers[i]->name, why.message);
	}
	return 0;
}

void ports_close_drivers(struct control *c, bool keep)
{
	struct port_table *t = &c->ports;
	struct switch_port **all = calloc((size_t)t->ids.end + 1, sizeof(all[0]));
	size_t n = 0;

	for (uint32_t id = 0; all != NULL && id < t->ids.end; id++) {
		if (t->ports[id] != NULL)
			all[n++] = t->ports[id];
	}
	// A driver that closes removes its interfaces all at once; one by one each costs the kernel
	// a grace period of its own.
	if (n > 0)
		ports_del(c, all, n, /* keep */ true);
	free(all);
	if (n > 0)
		log_notice("%zu ports: %s", n, keep ? "left for the next switch" : "removed");
	for (size_t i = t->n_drivers; i-- > 0;) {
		const struct port_ops *ops = t->drivers[i].ops;

		for (uint16_t w = 0; ops->worker_queue != NULL && w < datapath_n_workers(c->dp);
		        w++) {
			struct port_queue *queue = ops->worker_queue(t->drivers[i].driver, w);

			if (queue != NULL)
				datapath_del_queue(c->dp, queue);
		}
		if (t->drivers[i].event != NULL)
			event_free(t->drivers[i].event);
		ops->close(t->drivers[i].driver, keep);
	}
	t->n_drivers = 0;
}

// Starts removing what destroyed ports left for later.
static void settle(struct control *c)
{
	for (size_t i = 0; i < c->ports.n_drivers; i++) {
		if (c->ports.drivers[i].ops->settle != NULL)
			c->ports.drivers[i].ops->settle(c->ports.drivers[i].driver);
	}
}

int ports_find_driver(
        const struct control *c, const char *backend, size_t *ret_driver, struct fault *fault)
{
	char names[64] = "";

	for (size_t i = 0; i < c->ports.n_drivers; i++) {
		const char *name = c->ports.drivers[i].ops->name;
		size_t len = strlen(names);

		if (strcmp(name, backend) == 0) {
			*ret_driver = i;
			return 0;
		}
		snprintf(names + len, sizeof(names) - len, "%s%s", len > 0 ? ", " : "", name);
	}
	return fault_set(
	        fault, -EINVAL, "backend", "no driver '%s' is open, only: %s", backend, names);
}

// A router forwards to the station at this port's interface by its addresses.
static int add_routes(struct control *c, const struct switch_port *p, struct fault *fault)
{
	struct route_owner owner = {
	        .node = p->iface->node, .iface = p->iface, .origin = ROUTE_PORT};

	if (p->iface->node->kind != NODE_KIND_ROUTER)
		return 0;
	memcpy(owner.mac, p->port.mac, ETH_ALEN);
	for (size_t i = 0; i < p->n_addrs; i++) {
		struct fib6_prefix prefix = {.len = 128};
		bool created;
		int ret;

		memcpy(prefix.addr, p->addrs[i].addr, 16);
		ret = route_add(&c->routes, &prefix, &owner, &created, fault);
		if (ret < 0) {
			if (fault != NULL)
				snprintf(fault->field, sizeof(fault->field), "addresses[%zu]", i);
			return ret;
		}
	}
	return 0;
}

static struct switch_port *port_new(
        struct control *c, size_t driver, struct iface *iface, uint32_t id, struct fault *fault)
{
	struct switch_port *p = calloc(1, sizeof(*p));

	if (p == NULL) {
		(void)fault_set(fault, -ENOMEM, NULL, "no memory for a port");
		return NULL;
	}
	p->iface = iface;
	p->port.ops = c->ports.drivers[driver].ops;
	p->port.driver = c->ports.drivers[driver].driver;
	p->port.id = id;
	p->port.iface_id = iface->id;
	p->carrier_up = p->carrier_known = true;
	p->port.worker = publisher_iface(c->publisher, iface->id)->worker;
	iface_ref_format(p->port.ref, iface);
	return p;
}

// The driver has made it: show it to the data path.
static int plug(struct control *c, struct switch_port *p, struct fault *fault)
{
	struct dp_iface *slot = publisher_iface(c->publisher, p->iface->id);
	int ret = add_routes(c, p, fault);

	if (ret < 0)
		goto err_routes;
	datapath_iface_stats(c->dp, p->iface->id, &p->base);
	datapath_set_port(c->dp, &p->port);
	if (!p->port.queue_by_driver &&
	        (p->port.ops->worker_queue == NULL ||
	                p->port.ops->worker_queue(p->port.driver, p->port.worker) == NULL)) {
		ret = datapath_add_queue(c->dp, p->port.queue);
		if (ret < 0) {
			(void)fault_set(fault, ret, NULL,
			        "worker %u cannot take the queue of '%s': %s", p->port.worker,
			        p->port.ref, strerror(-ret));
			goto err_port;
		}
		p->own_queue = p->port.queue;
	}
	c->ports.ports[p->port.id] = p;
	p->iface->port = p;
	// release: a worker that reads the id finds the port's entry
	atomic_store_explicit(&slot->port_id, p->port.id, memory_order_release);
	control_publish(c);
	carrier_plug(c, p);
	return 0;

err_port:
	datapath_clear_port(c->dp, p->port.id);
	datapath_synchronize(c->dp);
err_routes:
	route_del_iface(&c->routes, p->iface, true);
	control_publish(c);
	return ret;
}

// The lowest free id, but for those that wait for the driver if there are others.
static int get_id(struct control *c, size_t driver, uint32_t *ret_id)
{
	const struct port_ops *ops = c->ports.drivers[driver].ops;
	struct port_driver *of = c->ports.drivers[driver].driver;
	struct ids *ids = &c->ports.ids;
	int ret = ids_get(ids, ret_id);

	if (ret < 0 || ops->lingers == NULL || !ops->lingers(of, *ret_id))
		return ret;
	for (uint32_t id = *ret_id + 1; id < ids->max; id++) {
		if (ids_used(ids, id) || ops->lingers(of, id))
			continue;
		ids_put(ids, *ret_id);
		*ret_id = id;
		return ids_take(ids, id);
	}
	return 0;
}

// What a driver is told that cannot be read from what the port left behind.
static json_t *parameters_again(const struct port_config *config)
{
	json_t *params = json_object();

	if (config->devargs[0] != '\0')
		json_object_set_new(params, "devargs", json_string(config->devargs));
	if (config->socket[0] != '\0')
		json_object_set_new(params, "socket", json_string(config->socket));
	if (config->ifname[0] != '\0')
		json_object_set_new(params, "ifname", json_string(config->ifname));
	if (config->socket_server)
		json_object_set_new(params, "socket_server", json_true());
	if (config->queue_pairs != 0)
		json_object_set_new(params, "queue_pairs", json_integer(config->queue_pairs));
	return params;
}

int ports_add(struct control *c, size_t driver, const struct port_config *config,
        struct iface *iface, struct switch_port **ret_port, struct fault *fault)
{
	const struct port_ops *ops = c->ports.drivers[driver].ops;
	struct switch_port *p;
	uint32_t id = 0;
	int ret;

	if (config->mtu + (uint32_t)(ETH_HLEN + VLAN_TAG_BYTES) > c->config.frame_bytes)
		return fault_set(fault, -EINVAL, "mtu",
		        "%u bytes need frames of %u, pool.frame_bytes is %u", config->mtu,
		        config->mtu + ETH_HLEN + VLAN_TAG_BYTES, c->config.frame_bytes);
	if (get_id(c, driver, &id) < 0)
		return fault_set(fault, -ENOSPC, NULL,
		        "all %u ports are in use: raise limits.max_ports", c->ports.ids.max);
	p = port_new(c, driver, iface, id, fault);
	if (p == NULL) {
		ids_put(&c->ports.ids, id);
		return -ENOMEM;
	}
	memcpy(p->port.owner, config->owner, sizeof(p->port.owner));
	memcpy(p->port.ifname, config->ifname, sizeof(p->port.ifname));
	p->n_addrs = config->n_addrs;
	memcpy(p->addrs, config->addrs, sizeof(p->addrs));
	p->follows = config->carrier;
	p->carrier_known = !p->follows;
	p->again = parameters_again(config);
	ret = p->follows ? carrier_check(p, fault) : 0;
	if (ret < 0)
		goto err_free;
	ret = ops->create(p->port.driver, config, &p->port, fault);
	if (ret < 0)
		goto err_free;
	ret = plug(c, p, fault);
	if (ret < 0)
		goto err_destroy;
	log_info("port '%s': %s, id %u, worker %u%s%s", p->port.ref, ops->name, p->port.id,
	        p->port.worker, p->port.owner[0] != '\0' ? ", owner " : "", p->port.owner);
	*ret_port = p;
	return 0;

err_destroy:
	ops->destroy(&p->port, /* keep */ false);
	settle(c);
err_free:
	json_decref(p->again);
	free(p);
	ids_put(&c->ports.ids, id);
	return ret;
}

int ports_adopt(struct control *c, size_t driver, const struct port_found *found,
        struct iface *iface, const struct port_saved *saved, struct switch_port **ret_port,
        struct fault *fault)
{
	const struct port_ops *ops = c->ports.drivers[driver].ops;
	struct switch_port *p;
	int ret = ids_take(&c->ports.ids, found->id);

	if (ret < 0)
		return fault_set(fault, ret, NULL, "port id %u is %s", found->id,
		        ret == -EBUSY ? "in use" : "over limits.max_ports");
	p = port_new(c, driver, iface, found->id, fault);
	if (p == NULL) {
		ids_put(&c->ports.ids, found->id);
		return -ENOMEM;
	}
	p->adopted = true;
	memcpy(p->port.owner, found->owner, sizeof(p->port.owner));
	memcpy(p->port.ifname, found->ifname, sizeof(p->port.ifname));
	p->n_addrs = saved->n_addrs;
	memcpy(p->addrs, saved->addrs, sizeof(p->addrs));
	p->follows = saved->follows && carrier_check(p, NULL) == 0;
	p->carrier_up = !found->no_carrier;
	ret = ops->adopt(p->port.driver, found, &p->port, fault);
	if (ret < 0)
		goto err_free;
	ret = plug(c, p, fault);
	if (ret < 0)
		goto err_destroy;
	*ret_port = p;
	return 0;

err_destroy:
	ops->destroy(&p->port, /* keep */ true);
err_free:
	free(p);
	ids_put(&c->ports.ids, found->id);
	return ret;
}

static void unplug(struct control *c, struct switch_port *p)
{
	struct dp_iface *slot = publisher_iface(c->publisher, p->iface->id);

	atomic_store_explicit(&slot->port_id, DP_NONE, memory_order_release);
	p->iface->port = NULL;
	carrier_unplug(c, p);
	route_del_iface(&c->routes, p->iface, true);
	if (p->own_queue != NULL)
		datapath_del_queue(c->dp, p->own_queue);
	datapath_clear_port(c->dp, p->port.id);
	c->ports.ports[p->port.id] = NULL;
}

void ports_del(struct control *c, struct switch_port *const *ports, size_t n, bool keep)
{
	for (size_t i = 0; i < n; i++)
		unplug(c, ports[i]);
	// one grace period for all: the routes' if there were any
	if (publisher_dirty(c->publisher))
		publisher_commit(c->publisher);
	else
		datapath_synchronize(c->dp);
	for (size_t i = 0; i < n; i++) {
		struct switch_port *p = ports[i];
		uint32_t id = p->port.id;

		p->port.ops->destroy(&p->port, keep);
		json_decref(p->again);
		free(p);
		ids_put(&c->ports.ids, id);
	}
	settle(c);
}

static uint64_t since(uint64_t now, uint64_t base)
{
	return now > base ? now - base : 0;
}

void ports_traffic(
        const struct control *c, const struct switch_port *p, struct iface_stats *ret_stats)
{
	struct iface_stats now;

	datapath_iface_stats(c->dp, p->iface->id, &now);
	*ret_stats = (struct iface_stats){
	        .rx_pkts = since(now.rx_pkts, p->base.rx_pkts),
	        .rx_bytes = since(now.rx_bytes, p->base.rx_bytes),
	        .tx_pkts = since(now.tx_pkts, p->base.tx_pkts),
	        .tx_bytes = since(now.tx_bytes, p->base.tx_bytes),
	};
}
