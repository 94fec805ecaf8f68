/* SPDX-License-Identifier: BSD-3-Clause */
// CHECK: is everything as ADD and the plugins after it left it? Compares prevResult with the
// interface in the namespace and with the switch's port.
#include <inttypes.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "client.h"
#include "netns.h"
#include "owner.h"
#include "pod_dir.h"
#include "result.h"
#include "switch.h"
#include "verbs.h"

struct check {
	struct cni_call *call;
	int netns_fd;
	struct netns_facts facts;
	json_t *ports; // of this owner and of those that start like it
	const json_t *port;
};

static int check_link(struct check *check, const json_t *interface, struct cni_error *err)
{
	const struct netns_facts *facts = &check->facts;
	const char *ifname = check->call->env->ifname;
	const char *mac = json_string_value(json_object_get(interface, "mac"));
	const json_t *mtu = json_object_get(interface, "mtu");

	if (!facts->has_link)
		return cni_fail(err, CNI_E_MISMATCH, NULL, "interface '%s' is gone", ifname);
	if (!facts->up)
		return cni_fail(err, CNI_E_MISMATCH, NULL, "interface '%s' is down", ifname);
	if (mac && strcasecmp(mac, facts->mac) != 0)
		return cni_fail(err, CNI_E_MISMATCH, NULL,
		        "interface '%s' has MAC address %s, not %s", ifname, facts->mac, mac);
	if (json_integer_value(mtu) > 0 && json_integer_value(mtu) != facts->mtu)
		return cni_fail(err, CNI_E_MISMATCH, NULL,
		        "interface '%s' has MTU %d, not %" JSON_INTEGER_FORMAT, ifname, facts->mtu,
		        json_integer_value(mtu));
	return 0;
}

static bool link_has(const struct netns_facts *facts, const struct cni_cidr *cidr)
{
	for (size_t i = 0; i < facts->n_addrs; i++) {
		if (IN6_ARE_ADDR_EQUAL(&facts->addrs[i].addr, &cidr->addr) &&
		        facts->addrs[i].len == cidr->len)
			return true;
	}
	return facts->n_addrs == NETNS_ADDRS_MAX; // there may be more than we kept
}

static int check_addresses(struct check *check, size_t interface, struct cni_error *err)
{
	const json_t *ips = json_object_get(check->call->conf.prev_result, "ips");

	for (size_t i = 0; i < json_array_size(ips); i++) {
		const json_t *ip = json_array_get(ips, i),
		             *index = json_object_get(ip, "interface");
		const char *text = json_string_value(json_object_get(ip, "address"));
		struct cni_cidr cidr;

		// IPv4 and addresses of other interfaces are not ours
		if (!json_is_integer(index) || json_integer_value(index) != (json_int_t)interface ||
		        !text || cni_cidr_parse(text, &cidr))
			continue;
		if (!link_has(&check->facts, &cidr))
			return cni_fail(err, CNI_E_MISMATCH, NULL,
			        "interface '%s' has lost address %.64s", check->call->env->ifname,
			        text);
	}
	return 0;
}

static int find_port(struct check *check, const char *owner, struct cni_error *err)
{
	const struct cni_conf *conf = &check->call->conf;
	struct client *client;
	int ret;

	ret = switch_connect(conf->socket, conf->timeout_ms, &client, NULL, err);
	if (ret)
		return ret;
	ret = switch_port_list(client, owner, &check->ports, err);
	client_close(client);
	for (size_t i = 0; !ret && i < json_array_size(check->ports); i++) {
		const json_t *port = json_array_get(check->ports, i);
		const char *its = json_string_value(json_object_get(port, "owner"));

		if (its && strcmp(its, owner) == 0)
			check->port = port;
	}
	if (!ret && !check->port)
		ret = cni_fail(
		        err, CNI_E_MISMATCH, owner, "the switch has no port for this interface");
	return ret;
}

static int check_port(struct check *check, struct cni_error *err)
{
	const char *ifname = check->call->env->ifname;
	const char *its = json_string_value(json_object_get(check->port, "ifname"));
	uint64_t inode = (uint64_t)json_integer_value(json_object_get(check->port, "netns_inode"));

	if (its && *its && strcmp(its, ifname) != 0)
		return cni_fail(err, CNI_E_MISMATCH, NULL, "the switch's port is '%s', not '%s'",
		        its, ifname);
	if (inode && inode != netns_inode(check->netns_fd))
		return cni_fail(err, CNI_E_MISMATCH, NULL,
		        "the switch's port '%s' is in another namespace, net:[%" PRIu64 "]", ifname,
		        inode);
	return 0;
}

// There is no interface in the namespace: what is there is the port, and where its socket lies.
static int check_vhost(struct check *check, const json_t *interface, struct cni_error *err)
{
	const struct cni_vhost *vhost = &check->call->conf.vhost;
	const char *path = json_string_value(json_object_get(interface, "socketPath"));
	const char *mac = json_string_value(json_object_get(interface, "mac"));
	const char *its_mac = json_string_value(json_object_get(check->port, "mac"));
	const char *its_path = json_string_value(
	        json_object_get(json_object_get(check->port, "details"), "socket"));
	json_int_t mtu = json_integer_value(json_object_get(interface, "mtu"));

	if (!its_path || strcmp(its_path, vhost->path) != 0 ||
	        (path && strcmp(its_path, path) != 0))
		return cni_fail(err, CNI_E_MISMATCH, its_path,
		        "the switch's port has another socket than '%s'",
		        path ? path : vhost->path);
	if (mac && (!its_mac || strcasecmp(mac, its_mac) != 0))
		return cni_fail(err, CNI_E_MISMATCH, its_mac,
		        "the switch's port has another MAC address than %.32s", mac);
	if (mtu > 0 && mtu != json_integer_value(json_object_get(check->port, "mtu")))
		return cni_fail(err, CNI_E_MISMATCH, NULL,
		        "the switch's port has another MTU than %" JSON_INTEGER_FORMAT, mtu);
	return pod_dir_check(vhost, err);
}

static int check_steps(struct check *check, struct cni_error *err)
{
	const struct cni_env *env = check->call->env;
	const json_t *interface;
	char owner[CNI_OWNER_SIZE];
	size_t index;
	bool is_vhost = check->call->conf.is_vhost;
	int ret;

	cni_owner(&check->call->conf, env, owner);
	interface = cni_result_find_interface(
	        check->call->conf.prev_result, env->ifname, env->netns, &index);
	if (!interface)
		return cni_fail(err, CNI_E_CONFIG, NULL,
		        "prevResult has no interface '%s' in the container", env->ifname);
	ret = netns_open(env->netns, env->netns_override, &check->netns_fd, err);
	if (!ret && !is_vhost)
		ret = netns_probe(
		        check->netns_fd, env->ifname, NETNS_WANT_ADDRS, &check->facts, err);
	if (!ret && !is_vhost)
		ret = check_link(check, interface, err);
	if (!ret && !is_vhost)
		ret = check_addresses(check, index, err);
	if (!ret)
		ret = find_port(check, owner, err);
	if (!ret)
		ret = check_port(check, err);
	return ret || !is_vhost ? ret : check_vhost(check, interface, err);
}

int verb_check(struct cni_call *call, struct cni_error *err)
{
	struct check check = {.call = call, .netns_fd = -1};
	int ret = check_steps(&check, err);

	json_decref(check.ports);
	if (check.netns_fd >= 0)
		close(check.netns_fd);
	return ret ? ret : call_ipam(call, CNI_CHECK, NULL, err);
}
