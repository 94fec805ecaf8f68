/* SPDX-License-Identifier: BSD-3-Clause */
// Results of the CNI: rendered for a version, and read.
#include "result.h"

#include <arpa/inet.h>
#include <string.h>

// Fields that came with 1.1.0.
static const char *const new_interface_keys[] = {"mtu", "socketPath", "pciID", NULL};
static const char *const new_route_keys[] = {"mtu", "advmss", "priority", "table", "scope", NULL};

static void drop_keys(json_t *object, const char *const *keys)
{
	for (; *keys; keys++)
		json_object_del(object, *keys);
}

// A list of `prev`, copied so that its items can be changed. Never NULL but out of memory.
static json_t *copy_list(const json_t *prev, const char *key)
{
	const json_t *list = json_object_get(prev, key);

	return json_is_array(list) ? json_deep_copy(list) : json_array();
}

static json_t *render_interface(enum cni_version version, const struct cni_attachment *att)
{
	json_t *json = json_pack("{s:s, s:s}", "name", att->ifname, "mac", att->mac);

	if (version >= CNI_VERSION_1_1_0 && att->mtu)
		json_object_set_new(json, "mtu", json_integer(att->mtu));
	json_object_set_new(json, "sandbox", json_string(att->sandbox));
	if (version >= CNI_VERSION_1_1_0 && att->socket_path)
		json_object_set_new(json, "socketPath", json_string(att->socket_path));
	return json;
}

static json_t *render_addr(const struct in6_addr *addr)
{
	char text[INET6_ADDRSTRLEN];

	return json_string(inet_ntop(AF_INET6, addr, text, sizeof(text)));
}

static json_t *render_cidr(const struct cni_cidr *cidr)
{
	char text[CNI_CIDR_TEXT_SIZE];

	return json_string(cni_cidr_format(text, cidr));
}

static json_t *render_ip(const struct cni_ip *ip, size_t interface)
{
	json_t *json = json_pack("{s:I, s:o}", "interface", (json_int_t)interface, "address",
	        render_cidr(&ip->cidr));

	if (ip->has_gateway)
		json_object_set_new(json, "gateway", render_addr(&ip->gateway));
	return json;
}

static json_t *render_route(const struct cni_route *route)
{
	json_t *json = json_pack("{s:o}", "dst", render_cidr(&route->dst));

	if (!IN6_IS_ADDR_UNSPECIFIED(&route->via))
		json_object_set_new(json, "gw", render_addr(&route->via));
	return json;
}

// `version` is "4" or "6" up to 0.4.0 and unknown after it.
static void fit_ip(json_t *ip, enum cni_version version)
{
	const char *address = json_string_value(json_object_get(ip, "address"));

	if (version >= CNI_VERSION_1_0_0)
		json_object_del(ip, "version");
	else if (address)
		json_object_set_new(ip, "version", json_string(strchr(address, ':') ? "6" : "4"));
}

static void fit_lists(json_t *interfaces, json_t *ips, json_t *routes, enum cni_version version)
{
	json_t *item;
	size_t i;

	json_array_foreach (ips, i, item)
		fit_ip(item, version);
	if (version >= CNI_VERSION_1_1_0)
		return;
	json_array_foreach (interfaces, i, item)
		drop_keys(item, new_interface_keys);
	json_array_foreach (routes, i, item)
		drop_keys(item, new_route_keys);
}

static json_t *render_dns(const struct cni_attachment *att, const json_t *prev)
{
	const json_t *dns = json_object_get(prev, "dns");

	if (!json_is_object(dns) || !json_object_size(dns))
		dns = att->dns;
	return json_is_object(dns) ? json_deep_copy(dns) : json_object();
}

json_t *cni_result_render(
        enum cni_version version, const struct cni_attachment *att, const json_t *prev)
{
	json_t *interfaces = copy_list(prev, "interfaces");
	json_t *ips = copy_list(prev, "ips"), *routes = copy_list(prev, "routes");
	size_t index = json_array_size(interfaces);
	json_t *result;

	json_array_append_new(interfaces, render_interface(version, att));
	for (size_t i = 0; i < att->n_ips; i++)
		json_array_append_new(ips, render_ip(&att->ips[i], index));
	for (size_t i = 0; i < att->n_routes; i++)
		json_array_append_new(routes, render_route(&att->routes[i]));
	fit_lists(interfaces, ips, routes, version);
	if (json_array_size(interfaces) != index + 1) {
		json_decref(interfaces);
		json_decref(ips);
		json_decref(routes);
		return NULL;
	}
	result = json_pack(
	        "{s:s, s:o}", "cniVersion", cni_version_text(version), "interfaces", interfaces);
	json_object_set_new(result, "ips", ips);
	json_object_set_new(result, "routes", routes);
	json_object_set_new(result, "dns", render_dns(att, prev));
	return result;
}

static int fail_ipam(struct cni_error *err, const char *what, const char *text)
{
	return cni_fail(err, CNI_E_IPAM, NULL, "the IPAM plugin's result: %s '%.64s' is not %s",
	        what, text ? text : "", "an IPv6 address that the switch can set");
}

static int read_ip(const json_t *json, struct cni_ip *ip, struct cni_error *err)
{
	const char *address = json_string_value(json_object_get(json, "address"));
	const char *gateway = json_string_value(json_object_get(json, "gateway"));

	if (!address || cni_cidr_parse(address, &ip->cidr) || ip->cidr.len == CNI_PREFIX_LEN_NONE ||
	        !cni_addr_is_unicast(&ip->cidr.addr))
		return fail_ipam(err, "address", address);
	ip->has_gateway = gateway && *gateway;
	if (ip->has_gateway && inet_pton(AF_INET6, gateway, &ip->gateway) != 1)
		return fail_ipam(err, "gateway", gateway);
	return 0;
}

static int read_route(const json_t *json, struct cni_route *route, struct cni_error *err)
{
	const char *dst = json_string_value(json_object_get(json, "dst"));
	const char *gateway = json_string_value(json_object_get(json, "gw"));

	*route = (struct cni_route){0};
	if (!dst || cni_cidr_parse(dst, &route->dst) || route->dst.len == CNI_PREFIX_LEN_NONE)
		return fail_ipam(err, "route", dst);
	if (gateway && *gateway && inet_pton(AF_INET6, gateway, &route->via) != 1)
		return fail_ipam(err, "gateway", gateway);
	return 0;
}

int cni_result_read_ipam(const json_t *result, struct cni_attachment *att, const json_t **ret_dns,
        struct cni_error *err)
{
	const json_t *ips = json_object_get(result, "ips"),
	             *routes = json_object_get(result, "routes");

	if (!json_array_size(ips))
		return cni_fail(err, CNI_E_IPAM, NULL, "the IPAM plugin gave no address");
	if (json_array_size(ips) > CNI_ADDRS_MAX || json_array_size(routes) > CNI_ROUTES_MAX)
		return cni_fail(err, CNI_E_IPAM, NULL,
		        "the IPAM plugin gave more than %d addresses or %d routes", CNI_ADDRS_MAX,
		        CNI_ROUTES_MAX);
	for (att->n_ips = 0; att->n_ips < json_array_size(ips); att->n_ips++) {
		if (read_ip(json_array_get(ips, att->n_ips), &att->ips[att->n_ips], err))
			return err->code;
	}
	for (att->n_routes = 0; att->n_routes < json_array_size(routes); att->n_routes++) {
		if (read_route(json_array_get(routes, att->n_routes), &att->routes[att->n_routes],
		            err))
			return err->code;
	}
	*ret_dns = json_object_get(result, "dns");
	return 0;
}

const json_t *cni_result_find_interface(
        const json_t *result, const char *ifname, const char *sandbox, size_t *ret_index)
{
	const json_t *list = json_object_get(result, "interfaces");

	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *item = json_array_get(list, i);
		const char *name = json_string_value(json_object_get(item, "name"));
		const char *place = json_string_value(json_object_get(item, "sandbox"));

		// the path may be another one by now, but an interface of the host has none
		if (name && place && *place && strcmp(name, ifname) == 0 &&
		        (!sandbox || strcmp(place, sandbox) == 0)) {
			*ret_index = i;
			return item;
		}
	}
	return sandbox ? cni_result_find_interface(result, ifname, NULL, ret_index) : NULL;
}
