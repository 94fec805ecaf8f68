/* SPDX-License-Identifier: BSD-3-Clause */
// ADD: looks into the namespace, finds addresses and routes, has the switch make the port, and says
// what there is now. What was done is undone when a later step fails.
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "client.h"
#include "device_info.h"
#include "netns.h"
#include "owner.h"
#include "pod_dir.h"
#include "result.h"
#include "switch.h"
#include "verbs.h"

// Where the switch answers as a router on every interface.
static const struct in6_addr gateway_addr = {{{0xfe, 0x80, [15] = 1}}};

// Everything that ADD finds out and makes.
struct add {
	struct cni_call *call;
	int netns_fd;
	struct netns_facts facts;
	struct client *client;
	json_t *ipam_result; // NULL if no IPAM plugin
	bool is_router;
	bool node_exists;
	char ref[IFACE_REF_SIZE];
	char owner[CNI_OWNER_SIZE];
	struct cni_attachment att;
};

static int look_into_netns(struct add *add, struct cni_error *err)
{
	const struct cni_env *env = add->call->env;
	int ret = netns_open(env->netns, env->netns_override, &add->netns_fd, err);

	if (!ret)
		ret = netns_probe(add->netns_fd, env->ifname, NETNS_WANT_DEFAULT, &add->facts, err);
	if (!ret && add->facts.has_link)
		ret = cni_fail(err, CNI_E_IFNAME_TAKEN, NULL,
		        "interface '%s' is in the container's namespace already", env->ifname);
	return ret;
}

// Whether frames are routed decides about prefix lengths and routes.
static int find_node(struct add *add, struct cni_error *err)
{
	const struct cni_conf *conf = &add->call->conf;
	struct fault fault = {0};
	json_t *result = NULL;
	const char *kind;
	int ret = client_call(add->client, "node.show", json_pack("{s:s}", "name", conf->node),
	        NULL, 0, &result, &fault);

	if (ret && ret != -ENOENT)
		return switch_fail(&fault, "the switch cannot tell about the node", err);
	add->node_exists = !ret;
	kind = json_string_value(json_object_get(json_object_get(result, "node"), "kind"));
	add->is_router = kind ? strcmp(kind, "router") == 0 : conf->kind == CNI_NODE_ROUTER;
	if (kind && conf->kind != CNI_NODE_ANY && add->is_router != (conf->kind == CNI_NODE_ROUTER))
		cni_fail(err, CNI_E_CONFIG, NULL, "nodeKind: node '%s' is of kind %s in the switch",
		        conf->node, kind);
	json_decref(result);
	return err->code;
}

// An address without a length: a router's pods reach all others through it, the others see a wire.
static uint8_t default_len(const struct add *add, const struct in6_addr *addr)
{
	const struct cni_conf *conf = &add->call->conf;

	if (add->is_router)
		return 128;
	return conf->has_prefix && cni_cidr_covers(&conf->prefix, addr) ? conf->prefix.len : 64;
}

static void add_ip(struct add *add, const struct cni_cidr *cidr)
{
	struct cni_ip *ip = &add->att.ips[add->att.n_ips++];

	*ip = (struct cni_ip){.cidr = *cidr};
	if (cidr->len == CNI_PREFIX_LEN_NONE)
		ip->cidr.len = default_len(add, &cidr->addr);
}

// What the runtime asked for must be among what the IPAM plugin gave.
static int check_asked(const struct add *add, struct cni_error *err)
{
	const struct cni_conf *conf = &add->call->conf;

	for (size_t i = 0; conf->addrs_are_asked && i < conf->n_addrs; i++) {
		char text[CNI_CIDR_TEXT_SIZE];
		size_t at = 0;

		while (at < add->att.n_ips &&
		        !IN6_ARE_ADDR_EQUAL(&add->att.ips[at].cidr.addr, &conf->addrs[i].addr))
			at++;
		if (at == add->att.n_ips)
			return cni_fail(err, CNI_E_IPAM, NULL,
			        "address %s was asked for, but the IPAM plugin gave another",
			        cni_cidr_format(text, &conf->addrs[i]));
	}
	return 0;
}

static int ask_ipam(struct add *add, struct cni_error *err)
{
	int ret = call_ipam(add->call, CNI_ADD, &add->ipam_result, err);

	if (!ret)
		ret = cni_result_read_ipam(add->ipam_result, &add->att, &add->att.dns, err);
	return ret ? ret : check_asked(add, err);
}

static int find_addresses(struct add *add, struct cni_error *err)
{
	const struct cni_conf *conf = &add->call->conf;
	int ret = 0;

	if (conf->ipam) {
		ret = ask_ipam(add, err);
	} else if (conf->n_addrs) {
		for (size_t i = 0; i < conf->n_addrs; i++)
			add_ip(add, &conf->addrs[i]);
	} else if (conf->has_prefix) {
		struct cni_cidr cidr = {.len = CNI_PREFIX_LEN_NONE};

		cni_address_derive(&conf->prefix, add->ref, &cidr.addr);
		add_ip(add, &cidr);
	}
	// a router answers at one address only, whatever an IPAM plugin made up
	for (size_t i = 0; !ret && i < add->att.n_ips && add->is_router; i++) {
		add->att.ips[i].has_gateway = true;
		add->att.ips[i].gateway = gateway_addr;
	}
	return ret;
}

// The gateway for a route that names none.
static struct in6_addr implied_gateway(const struct add *add)
{
	for (size_t i = 0; i < add->att.n_ips; i++) {
		if (add->att.ips[i].has_gateway)
			return add->att.ips[i].gateway;
	}
	return gateway_addr;
}

// Configured routes, else the IPAM plugin's, else a default route if the namespace has none yet; if
// it has one, a way to the rest of the prefix.
static void find_routes(struct add *add)
{
	const struct cni_conf *conf = &add->call->conf;
	struct cni_attachment *att = &add->att;

	if (conf->has_routes) {
		att->n_routes = conf->n_routes;
		memcpy(att->routes, conf->routes, sizeof(att->routes));
	} else if (!att->n_routes && att->n_ips && !add->facts.has_default) {
		att->routes[att->n_routes++] = (struct cni_route){0};
	} else if (!att->n_routes && att->n_ips && conf->has_prefix && add->is_router) {
		att->routes[att->n_routes++] = (struct cni_route){.dst = conf->prefix};
	}
	for (size_t i = 0; i < att->n_routes; i++) {
		if (IN6_IS_ADDR_UNSPECIFIED(&att->routes[i].via))
			att->routes[i].via = implied_gateway(add);
	}
}

static void put_socket(json_t *params, const struct cni_vhost *vhost)
{
	json_object_set_new(params, "socket", json_string(vhost->path));
	json_object_set_new(params, "socket_server", json_boolean(!vhost->app_listens));
	if (vhost->queue_pairs)
		json_object_set_new(params, "queue_pairs", json_integer(vhost->queue_pairs));
}

static json_t *render_port_params(const struct add *add)
{
	const struct cni_conf *conf = &add->call->conf;
	const struct cni_attachment *att = &add->att;
	json_t *addresses = json_array(), *routes = json_array(), *params;
	char text[CNI_CIDR_TEXT_SIZE], via[INET6_ADDRSTRLEN];

	for (size_t i = 0; i < att->n_ips; i++)
		json_array_append_new(
		        addresses, json_string(cni_cidr_format(text, &att->ips[i].cidr)));
	for (size_t i = 0; i < att->n_routes; i++) {
		inet_ntop(AF_INET6, &att->routes[i].via, via, sizeof(via));
		json_array_append_new(
		        routes, json_pack("{s:s, s:s}", "dst",
		                        cni_cidr_format(text, &att->routes[i].dst), "via", via));
	}
	params = json_pack("{s:s, s:s, s:s, s:s, s:o, s:o}", "interface", add->ref, "backend",
	        conf->is_vhost ? "vhost_user" : "af_xdp", "owner", add->owner, "ifname",
	        att->ifname, "addresses", addresses, "routes", routes);
	if (!add->node_exists)
		json_object_set_new(
		        params, "node_kind", json_string(add->is_router ? "router" : "pod"));
	if (conf->mtu)
		json_object_set_new(params, "mtu", json_integer(conf->mtu));
	if (conf->mac[0])
		json_object_set_new(params, "mac", json_string(conf->mac));
	if (conf->carrier)
		json_object_set_new(params, "carrier", json_true());
	if (conf->is_vhost)
		put_socket(params, &conf->vhost);
	return params;
}

// `*ret_created` false: the switch had this very port already.
static int call_port_add(struct add *add, bool *ret_created, struct cni_error *err)
{
	struct fault fault = {0};
	const json_t *port;
	const char *mac;
	json_t *result;

	if (client_call(add->client, "port.add", render_port_params(add), &add->netns_fd,
	            add->call->conf.is_vhost ? 0 : 1, &result, &fault)) {
		char what[IFACE_REF_SIZE + 48];

		snprintf(what, sizeof(what), "the switch cannot attach %s", add->ref);
		return switch_fail(&fault, what, err);
	}
	port = json_object_get(result, "port");
	mac = json_string_value(json_object_get(port, "mac"));
	*ret_created = !json_is_false(json_object_get(result, "created"));
	add->att.mtu = (int)json_integer_value(json_object_get(port, "mtu"));
	if (!mac || cni_mac_parse(mac, add->att.mac))
		cni_fail(err, CNI_E_SWITCH, NULL, "the switch attached %s but named no MAC address",
		        add->ref);
	json_decref(result);
	return err->code;
}

// On a connection of its own: the first may wait for an answer that does not come.
static void undo_port(struct add *add)
{
	const struct cni_conf *conf = &add->call->conf;
	struct cni_error second = {0};
	struct client *client = NULL;
	int ret = switch_connect(conf->socket, conf->timeout_ms, &client, NULL, &second);

	if (!ret)
		ret = switch_port_del(client, add->owner, NULL, &second);
	if (ret)
		cni_log(&add->call->log, LOG_LEVEL_WARNING, "port %s may be left: %s: %s", add->ref,
		        second.msg, second.details);
	client_close(client);
}

static int make_port(struct add *add, struct cni_error *err)
{
	bool created = false;
	int ret = call_port_add(add, &created, err);

	// the switch believes in an interface that is not in the namespace: start over
	if (!ret && !created) {
		ret = switch_port_del(add->client, add->owner, NULL, err);
		if (!ret)
			ret = call_port_add(add, &created, err);
	}
	// whatever else it said, it did not make a port; but here it may have
	if (ret == CNI_E_TRY_LATER || ret == CNI_E_SWITCH)
		undo_port(add);
	return ret;
}

static void undo_ipam(struct add *add)
{
	struct cni_error second = {0};

	if (call_ipam(add->call, CNI_DEL, NULL, &second))
		cni_log(&add->call->log, LOG_LEVEL_WARNING, "addresses may be left: %s",
		        second.msg);
}

// What a DPDK container or a virtual machine needs beside the port: a place for its socket.
static int prepare_socket(struct add *add, struct cni_error *err)
{
	const struct cni_conf *conf = &add->call->conf;
	int ret = pod_dir_make(&conf->vhost, err);

	add->att.socket_path = conf->vhost.path;
	if (!ret && conf->device_info)
		ret = device_info_write(conf->device_info, &conf->vhost, err);
	return ret;
}

static void undo_socket(const struct add *add)
{
	const struct cni_conf *conf = &add->call->conf;

	if (conf->device_info)
		(void)unlink(conf->device_info);
	pod_dir_clean(conf->vhost.dir, conf->vhost.path);
}

static int add_steps(struct add *add, json_t **ret_result, struct cni_error *err)
{
	const struct cni_conf *conf = &add->call->conf;
	int ret = look_into_netns(add, err);

	if (!ret)
		ret = switch_connect(conf->socket, conf->timeout_ms, &add->client, NULL, err);
	if (!ret)
		ret = find_node(add, err);
	if (ret)
		return ret;
	ret = find_addresses(add, err);
	if (!ret) {
		find_routes(add);
		ret = conf->is_vhost ? prepare_socket(add, err) : 0;
	}
	if (!ret)
		ret = make_port(add, err);
	if (ret && conf->is_vhost)
		undo_socket(add);
	if (ret) {
		// the name is free for the next ADD
		netns_wait_gone(add->netns_fd, add->call->env->ifname, NETNS_GONE_MS);
		undo_ipam(add);
		return ret;
	}
	*ret_result = cni_result_render(conf->version, &add->att, conf->prev_result);
	if (!*ret_result) {
		undo_port(add);
		undo_ipam(add);
		if (conf->is_vhost)
			undo_socket(add);
		ret = cni_fail(err, CNI_E_INTERNAL, NULL, "out of memory");
	}
	return ret;
}

int verb_add(struct cni_call *call, json_t **ret_result, struct cni_error *err)
{
	struct add add = {.call = call, .netns_fd = -1};
	int ret;

	add.att.ifname = call->env->ifname;
	add.att.sandbox = call->env->netns;
	add.att.dns = json_object_get(call->conf.root, "dns");
	snprintf(add.ref, sizeof(add.ref), "%s/%s", call->conf.node, call->conf.interface);
	cni_owner(&call->conf, call->env, add.owner);
	ret = add_steps(&add, ret_result, err);
	if (!ret)
		cni_log(&call->log, LOG_LEVEL_INFO, "attached as %s, mac %s", add.ref, add.att.mac);
	client_close(add.client);
	json_decref(add.ipam_result);
	if (add.netns_fd >= 0)
		close(add.netns_fd);
	return ret;
}
