/* SPDX-License-Identifier: BSD-3-Clause */
// The result of ADD in the version asked for, and the reading of results: prevResult and what an
// IPAM plugin answers. Pure.
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "conf.h"

struct cni_ip {
	struct cni_cidr cidr;
	bool has_gateway;
	struct in6_addr gateway;
};

// One interface as ADD made it.
struct cni_attachment {
	const char *ifname; // borrowed, as `sandbox`
	const char *sandbox; // CNI_NETNS
	char mac[CNI_MAC_TEXT_SIZE];
	int mtu;
	const char *socket_path; // borrowed; NULL if none
	size_t n_ips;
	struct cni_ip ips[CNI_ADDRS_MAX];
	size_t n_routes;
	struct cni_route routes[CNI_ROUTES_MAX];
	const json_t *dns; // borrowed; NULL if none
};

// The whole result: what `prev` (NULL if we are first) has, then ours. Fields of other plugins are
// kept, written as `version` has them. Returns a new reference, NULL when out of memory.
json_t *cni_result_render(
        enum cni_version version, const struct cni_attachment *att, const json_t *prev);

// Adds addresses and routes of an IPAM plugin's result. `*ret_dns` is borrowed from it. Returns 0,
// or CNI_E_IPAM for what is not of the form or not IPv6.
__attribute__((warn_unused_result)) int cni_result_read_ipam(const json_t *result,
        struct cni_attachment *att, const json_t **ret_dns, struct cni_error *err);

// The entry of prevResult for this interface; NULL if none. `ret_index`: its place in `interfaces`.
const json_t *cni_result_find_interface(
        const json_t *result, const char *ifname, const char *sandbox, size_t *ret_index);
