/* SPDX-License-Identifier: BSD-3-Clause */
// port.*
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "addr.h"
#include "handlers.h"
#include "log.h"
#include "state.h"

static struct port_stats driver_stats(struct switch_port *p)
{
	struct port_stats s = {0};

	if (p->port.ops->get_stats != NULL)
		p->port.ops->get_stats(&p->port, &s);
	return s;
}

static json_t *port_stats_json(
        const struct control *c, const struct switch_port *p, struct port_stats s)
{
	json_t *object = json_object();
	struct iface_stats traffic;

	ports_traffic(c, p, &traffic);
	put_u64(object, "rx_pkts", traffic.rx_pkts);
	put_u64(object, "rx_bytes", traffic.rx_bytes);
	put_u64(object, "tx_pkts", traffic.tx_pkts);
	put_u64(object, "tx_bytes", traffic.tx_bytes);
	put_u64(object, "rx_dropped", s.rx_dropped);
	put_u64(object, "rx_errors", s.rx_errors);
	put_u64(object, "tx_full", s.tx_full);
	put_u64(object, "tx_errors", s.tx_errors);
	put_u64(object, "tx_peer_dropped", s.tx_peer_dropped);
	return object;
}

static json_t *addrs_json(const struct switch_port *p)
{
	json_t *list = json_array();

	for (size_t i = 0; i < p->n_addrs; i++) {
		char text[ADDR6_TEXT_SIZE];

		addr6_format(text, p->addrs[i].addr);
		json_array_append_new(list, json_sprintf("%s/%u", text, p->addrs[i].prefix_len));
	}
	return list;
}

static json_t *details_json(struct switch_port *p)
{
	struct port_detail details[PORT_DETAILS_MAX];
	json_t *object = json_object();
	size_t n = 0;

	if (p->port.ops->describe != NULL)
		n = p->port.ops->describe(&p->port, details, PORT_DETAILS_MAX);
	for (size_t i = 0; i < n; i++)
		put_str(object, details[i].name, details[i].value);
	return object;
}

static json_t *port_json(const struct control *c, struct switch_port *p)
{
	json_t *object = json_object();
	struct port_stats stats = driver_stats(p);
	char mac[MAC_TEXT_SIZE], reason[PORT_REASON_SIZE];

	put_u64(object, "id", p->port.id);
	put_str(object, "interface", p->port.ref);
	put_str(object, "backend", p->port.ops->name);
	put_u64(object, "mtu", p->port.mtu);
	put_str(object, "mac", mac_format(mac, p->port.mac));
	put_str(object, "ifname", p->port.ifname);
	put_str(object, "owner", p->port.owner);
	put_u64(object, "worker", p->port.worker);
	put(object, "addresses", addrs_json(p));
	put_str(object, "state", ports_state(p, reason, sizeof(reason)));
	put_str(object, "reason", reason);
	put(object, "details", details_json(p));
	put(object, "carrier", json_boolean(p->follows));
	put(object, "carrier_up", json_boolean(p->carrier_up));
	put(object, "adopted", json_boolean(p->adopted));
	put(object, "gone", json_boolean(stats.gone));
	put_u64(object, "netns_inode", p->port.netns_inode);
	put(object, "stats", port_stats_json(c, p, stats));
	return object;
}

static int read_addrs(const json_t *params, struct port_config *config, struct fault *fault)
{
	const json_t *list = json_object_get(params, "addresses");

	for (size_t i = 0; i < json_array_size(list); i++) {
		struct fib6_prefix prefix;

		if (prefix6_parse(json_string_value(json_array_get(list, i)), false, &prefix) < 0)
			return fault_set(fault, -EINVAL, "addresses", "entry %zu is no address", i);
		memcpy(config->addrs[i].addr, prefix.addr, 16);
		config->addrs[i].prefix_len = prefix.len;
	}
	config->n_addrs = json_array_size(list);
	return 0;
}

static int read_routes(const json_t *params, struct port_config *config, struct fault *fault)
{
	const json_t *list = json_object_get(params, "routes");

	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *entry = json_array_get(list, i);
		const char *via = param_string(entry, "via", NULL);
		struct port_route *route = &config->routes[i];
		struct fib6_prefix prefix;

		if (prefix6_parse(param_string(entry, "dst", ""), true, &prefix) < 0 ||
		        (via != NULL && addr6_parse(via, route->via) < 0))
			return fault_set(fault, -EINVAL, "routes", "entry %zu is no route", i);
		memcpy(route->dst.addr, prefix.addr, 16);
		route->dst.prefix_len = prefix.len;
	}
	config->n_routes = json_array_size(list);
	return 0;
}

// What the kernel takes as the name of a network device.
static int check_ifname(const char *name, struct fault *fault)
{
	if (strcmp(name, ".") != 0 && strcmp(name, "..") != 0 &&
	        strpbrk(name, "/: \t\n\v\f\r") == NULL)
		return 0;
	return fault_set(fault, -EINVAL, "ifname",
	        "'%s' is no interface name: expected no '/', ':' or space", name);
}

static int read_config(const json_t *params, struct port_config *config, struct fault *fault)
{
	const char *mac = param_string(params, "mac", NULL);
	int ret;

	*config = (struct port_config){.netns_fd = -1};
	config->mtu = (uint16_t)param_int(params, "mtu", 0);
	snprintf(config->ref, sizeof(config->ref), "%s", param_string(params, "interface", ""));
	snprintf(config->owner, sizeof(config->owner), "%s", param_string(params, "owner", ""));
	snprintf(config->ifname, sizeof(config->ifname), "%s", param_string(params, "ifname", ""));
	snprintf(config->devargs, sizeof(config->devargs), "%s",
	        param_string(params, "devargs", ""));
	snprintf(config->socket, sizeof(config->socket), "%s", param_string(params, "socket", ""));
	config->socket_server = param_bool(params, "socket_server", false);
	config->queue_pairs = (uint16_t)param_int(params, "queue_pairs", 0);
	config->carrier = param_bool(params, "carrier", false);
	if (mac != NULL) {
		if (mac_parse(mac, config->mac) < 0)
			return fault_set(fault, -EINVAL, "mac", "not a MAC address");
		if ((config->mac[0] & 1) != 0)
			return fault_set(fault, -EINVAL, "mac", "%s is a group address", mac);
	}
	ret = check_ifname(config->ifname, fault);
	if (ret == 0)
		ret = read_addrs(params, config, fault);
	return ret < 0 ? ret : read_routes(params, config, fault);
}

// The pod's network namespace, by path or as the first attached descriptor. `*ret_opened`: close
// it.
static int find_netns(
        const struct request *request, int *ret_fd, int *ret_opened, struct fault *fault)
{
	const char *path = param_string(request->params, "netns", NULL);
	int fd = -1;

	*ret_opened = -1;
	*ret_fd = -1;
	if (path != NULL) {
		fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
		if (fd < 0)
			return fault_set(fault, -errno, "netns", "%s: %s", path, strerror(errno));
		*ret_opened = fd;
	} else if (request->n_fds > 0) {
		fd = request->fds[0];
	}
	if (fd >= 0 && ioctl(fd, NS_GET_NSTYPE) != CLONE_NEWNET)
		return fault_set(fault, -EINVAL, "netns", "%s is no network namespace",
		        path != NULL ? path : "the attached descriptor");
	*ret_fd = fd;
	return 0;
}

static uint64_t inode_of(int fd)
{
	struct stat st;

	return fd >= 0 && fstat(fd, &st) == 0 ? st.st_ino : 0;
}

// The port that a retried request made before.
static int check_same(const struct switch_port *p, const struct port_config *config,
        const char *backend, struct fault *fault)
{
	uint64_t inode = inode_of(config->netns_fd);

	if (strcmp(p->port.ops->name, backend) == 0 && strcmp(p->port.owner, config->owner) == 0 &&
	        (config->ifname[0] == '\0' || strcmp(p->port.ifname, config->ifname) == 0) &&
	        (inode == 0 || p->port.netns_inode == 0 || p->port.netns_inode == inode))
		return 0;
	return fault_set(fault, -EEXIST, "interface",
	        "'%s' has a port already: %s, owner '%.80s', interface '%s'", p->port.ref,
	        p->port.ops->name, p->port.owner, p->port.ifname);
}

// Where a port goes, and what had to be made for it.
struct place {
	struct node *node;
	struct iface *iface;
	bool node_created, iface_created;
};

static int find_node_for(
        const struct request *request, const char *name, struct place *place, struct fault *fault)
{
	const char *kind = param_string(request->params, "node_kind", NULL);
	struct node_config config = {.name = name, .id = DP_NONE, .transient = true};

	place->node = model_node_find(&request->control->model, name);
	place->node_created = false;
	if (place->node != NULL)
		return 0;
	if (kind == NULL)
		return fault_set(fault, -ENOENT, "interface",
		        "no node '%s' (node_kind would create it)", name);
	config.kind = node_kind_parse(kind);
	return topology_node_add(
	        request->control, &config, &place->node, &place->node_created, fault);
}

static void put_back(struct control *c, const struct place *place)
{
	if (place->node_created)
		(void)!topology_node_del(c, place->node, /* force */ true, NULL);
	else if (place->iface_created)
		topology_iface_del(c, place->iface);
}

static int find_place(const struct request *request, struct place *place, struct fault *fault)
{
	const char *ref = param_string(request->params, "interface", "");
	char node_name[NODE_NAME_SIZE], iface_name[IFACE_NAME_SIZE];
	int ret = iface_ref_parse(ref, node_name, iface_name, fault);

	if (ret == 0)
		ret = find_node_for(request, node_name, place, fault);
	if (ret < 0)
		return ret;
	ret = topology_iface_add(request->control, place->node, iface_name, DP_NONE, &place->iface,
	        &place->iface_created, fault);
	if (ret < 0) {
		place->iface_created = false;
		put_back(request->control, place);
	}
	return ret;
}

// A pod that came back before anybody deleted its port: the port of the old one goes.
static void drop_if_gone(struct control *c, struct iface *iface)
{
	struct switch_port *port = iface->port;

	if (port == NULL || !driver_stats(port).gone)
		return;
	log_info("port '%s': removed, the pod's interface is gone", port->port.ref);
	state_port_gone(c->state, port);
	ports_del(c, &port, 1, /* keep */ false);
}

static int add_port(const struct request *request, struct port_config *config,
        struct switch_port **ret_port, bool *ret_created, struct fault *fault)
{
	const char *backend = param_string(request->params, "backend", "");
	struct place place = {0};
	size_t driver = 0;
	int ret = ports_find_driver(request->control, backend, &driver, fault);

	if (ret == 0)
		ret = find_place(request, &place, fault);
	if (ret < 0)
		return ret;
	assert(place.iface != NULL);
	drop_if_gone(request->control, place.iface);
	*ret_created = place.iface->port == NULL;
	if (place.iface->port != NULL) {
		*ret_port = place.iface->port;
		return check_same(place.iface->port, config, backend, fault);
	}
	ret = ports_add(request->control, driver, config, place.iface, ret_port, fault);
	if (ret == 0)
		state_port_changed(request->control->state, *ret_port);
	else
		put_back(request->control, &place);
	return ret;
}

int handle_port_add(const struct request *request, json_t **ret_result, struct fault *fault)
{
	struct port_config config;
	struct switch_port *port = NULL;
	int opened = -1, ret;
	bool created = false;

	ret = read_config(request->params, &config, fault);
	if (ret < 0)
		return ret;
	ret = find_netns(request, &config.netns_fd, &opened, fault);
	if (ret == 0)
		ret = add_port(request, &config, &port, &created, fault);
	if (opened >= 0)
		close(opened);
	if (ret < 0)
		return ret;
	assert(port != NULL);
	*ret_result = json_pack(
	        "{s:o, s:b}", "port", port_json(request->control, port), "created", (int)created);
	return 0;
}

// With the nodes that go with their last port.
static void del_ports(
        struct control *c, struct switch_port *const *ports, uint32_t *nodes, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		nodes[i] = ports[i]->iface->node->id;
		state_port_gone(c->state, ports[i]);
	}
	ports_del(c, ports, n, /* keep */ false);
	for (size_t i = 0; i < n; i++) {
		struct node *node = model_node(&c->model, nodes[i]);

		if (node != NULL) // it may have had several of the ports
			topology_node_expire(c, node);
	}
}

static int del_by_owner(struct control *c, const char *owner, size_t *ret_n, struct fault *fault)
{
	struct switch_port **found = calloc((size_t)c->ports.ids.n_used + 1, sizeof(found[0]));
	uint32_t *nodes = calloc((size_t)c->ports.ids.n_used + 1, sizeof(nodes[0]));
	size_t n = 0;

	if (found == NULL || nodes == NULL) {
		free(found);
		free(nodes);
		return fault_set(
		        fault, -ENOMEM, NULL, "no memory to remove the ports of '%s'", owner);
	}
	for (uint32_t id = 0; id < c->ports.ids.end; id++) {
		struct switch_port *p = c->ports.ports[id];

		if (p == NULL || strcmp(p->port.owner, owner) != 0)
			continue;
		log_info("port '%s': removed with its owner %s", p->port.ref, owner);
		found[n++] = p;
	}
	if (n > 0)
		del_ports(c, found, nodes, n);
	free(found);
	free(nodes);
	*ret_n = n;
	return 0;
}

int handle_port_del(const struct request *request, json_t **ret_result, struct fault *fault)
{
	struct control *c = request->control;
	const char *ref = param_string(request->params, "interface", NULL);
	const char *owner = param_string(request->params, "owner", NULL);
	struct switch_port *port = NULL;
	struct iface *iface;
	uint32_t node_id;
	size_t n = 0;
	int ret;

	if ((ref == NULL) == (owner == NULL))
		return fault_set(fault, -EINVAL, "interface", "name either interface or owner");
	if (ref != NULL) {
		if (model_ref_find(&c->model, ref, "interface", &iface, NULL) == 0)
			port = iface->port;
		if (port != NULL) {
			log_info("port '%s': removed", port->port.ref);
			del_ports(c, &port, &node_id, 1);
			n = 1;
		}
	} else {
		ret = del_by_owner(c, owner, &n, fault);
		if (ret < 0)
			return ret;
	}
	*ret_result = json_pack("{s:I}", "deleted", (json_int_t)n);
	return 0;
}

int handle_port_show(const struct request *request, json_t **ret_result, struct fault *fault)
{
	const char *ref = param_string(request->params, "interface", "");
	struct iface *iface;
	int ret = model_ref_find(&request->control->model, ref, "interface", &iface, fault);

	if (ret < 0)
		return ret;
	if (iface->port == NULL)
		return fault_set(fault, -ENOENT, "interface", "interface '%s' has no port", ref);
	*ret_result = json_pack("{s:o}", "port", port_json(request->control, iface->port));
	return 0;
}

static bool is_listed(const struct switch_port *p, const json_t *params)
{
	const char *state = param_string(params, "state", NULL);
	char reason[PORT_REASON_SIZE];
	const char *node = param_string(params, "node", NULL);
	const char *backend = param_string(params, "backend", NULL);
	const char *prefix = param_string(params, "owner_prefix", NULL);

	return (state == NULL || strcmp(ports_state(p, reason, sizeof(reason)), state) == 0) &&
	       (node == NULL || strcmp(p->iface->node->name, node) == 0) &&
	       (backend == NULL || strcmp(p->port.ops->name, backend) == 0) &&
	       (prefix == NULL || strncmp(p->port.owner, prefix, strlen(prefix)) == 0);
}

int handle_port_list(const struct request *request, json_t **ret_result, struct fault *fault)
{
	const struct control *c = request->control;
	struct page page;
	int ret = page_init(&page, request->params, fault);

	if (ret < 0)
		return ret;
	for (uint32_t id = page_first(&page); id < c->ports.ids.end && !page_is_done(&page); id++) {
		struct switch_port *p = c->ports.ports[id];

		if (p != NULL && is_listed(p, request->params) &&
		        page_wants(&page, id, p->port.ref))
			json_array_append_new(page.items, port_json(c, p));
	}
	return page_result(&page, ret_result);
}
