/* SPDX-License-Identifier: BSD-3-Clause */
// Flows and the prefixes they go to.
#include "flow.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "units.h"

static uint32_t word(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

int flow_plan_base(struct flow_plan *plan, const char *base, struct fault *fault)
{
	char text[INET6_ADDRSTRLEN];
	const char *slash = strchr(base, '/');
	uint64_t len;

	if (slash == NULL || (size_t)(slash - base) >= sizeof(text))
		return fault_set(fault, -EINVAL, "", "'%s' is not of the form fd00:1::/48", base);
	memcpy(text, base, (size_t)(slash - base));
	text[slash - base] = '\0';
	if (inet_pton(AF_INET6, text, plan->base) != 1)
		return fault_set(fault, -EINVAL, "", "'%s' is not an IPv6 address", text);
	if (units_parse_u64(slash + 1, 32, 63, &len) != 0)
		return fault_set(fault, -EINVAL, "", "'%s': the length must be 32 to 63", base);
	plan->base_len = (uint32_t)len;
	plan->subnet_mask = len == 32 ? UINT32_MAX : (1u << (64 - len)) - 1;
	if ((word(plan->base + 4) & plan->subnet_mask) != 0)
		return fault_set(fault, -EINVAL, "", "'%s' has bits behind its length", base);
	if (plan->n_prefixes > 0 && plan->n_prefixes - 1 > plan->subnet_mask)
		return fault_set(fault, -ERANGE, "", "%u prefixes of length 64 do not fit in %s",
		        plan->n_prefixes, base);
	return 0;
}

uint32_t flow_prefix_count(const struct flow_plan *plan, uint32_t destination)
{
	uint32_t n = plan->n_prefixes / plan->n_destinations;

	return n + (destination < plan->n_prefixes % plan->n_destinations);
}

// Prefix k of destination d is number d + k * n_destinations of all.
static uint32_t spread_of(const struct flow_plan *plan, uint32_t destination, uint32_t k)
{
	return (destination + k * plan->n_destinations) * FLOW_SPREAD;
}

void flow_prefix(const struct flow_plan *plan, uint32_t destination, uint32_t k, uint8_t ret[16])
{
	uint32_t subnet =
	        word(plan->base + 4) | (spread_of(plan, destination, k) & plan->subnet_mask);
	uint32_t subnet_be = __builtin_bswap32(subnet);

	memset(ret, 0, 16);
	memcpy(ret, plan->base, 4);
	memcpy(ret + 4, &subnet_be, 4);
}

void flow_cursor_init(
        struct flow_cursor *cursor, const struct flow_plan *plan, uint32_t destination)
{
	*cursor = (struct flow_cursor){
	        .n_flows = plan->n_flows,
	        .n_prefixes = flow_prefix_count(plan, destination),
	        .spread = spread_of(plan, destination, 0),
	        .first_spread = spread_of(plan, destination, 0),
	        .step = plan->n_destinations * FLOW_SPREAD,
	        .base = word(plan->base + 4),
	        .mask = plan->subnet_mask,
	};
}
