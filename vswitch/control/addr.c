/* SPDX-License-Identifier: BSD-3-Clause */
// Addresses as text.
#include "addr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int addr6_parse(const char *text, uint8_t ret_addr[16])
{
	struct in6_addr addr;

	if (inet_pton(AF_INET6, text, &addr) != 1)
		return -EINVAL;
	memcpy(ret_addr, &addr, 16);
	return 0;
}

bool addr6_is_routable(const uint8_t addr[16])
{
	struct in6_addr in6;

	memcpy(&in6, addr, sizeof(in6));
	return !IN6_IS_ADDR_UNSPECIFIED(&in6) && !IN6_IS_ADDR_LOOPBACK(&in6) &&
	       !IN6_IS_ADDR_MULTICAST(&in6) && !IN6_IS_ADDR_LINKLOCAL(&in6) &&
	       !IN6_IS_ADDR_V4MAPPED(&in6);
}

void prefix6_mask(struct fib6_prefix *prefix)
{
	for (unsigned i = 0; i < 16; i++) {
		unsigned kept = prefix->len <= i * 8 ? 0 : prefix->len - i * 8;

		if (kept < 8)
			prefix->addr[i] &= (uint8_t)(0xff00 >> kept);
	}
}

int prefix6_parse(const char *text, bool mask, struct fib6_prefix *ret_prefix)
{
	struct fib6_prefix prefix = {.len = 128};
	char addr[ADDR6_TEXT_SIZE];
	const char *slash = strchr(text, '/');
	size_t n = slash != NULL ? (size_t)(slash - text) : strlen(text);

	if (n >= sizeof(addr))
		return -EINVAL;
	memcpy(addr, text, n);
	addr[n] = '\0';
	if (addr6_parse(addr, prefix.addr) < 0)
		return -EINVAL;
	if (slash != NULL) {
		char *end;
		unsigned long len = strtoul(slash + 1, &end, 10);

		if (slash[1] < '0' || slash[1] > '9' || *end != '\0' || len > 128)
			return -EINVAL;
		prefix.len = (uint8_t)len;
	}
	if (mask)
		prefix6_mask(&prefix);
	*ret_prefix = prefix;
	return 0;
}

int mac_parse(const char *text, uint8_t ret_mac[ETH_ALEN])
{
	unsigned b[ETH_ALEN];
	int used = 0;

	if (sscanf(text, "%2x:%2x:%2x:%2x:%2x:%2x%n", &b[0], &b[1], &b[2], &b[3], &b[4], &b[5],
	            &used) != 6 ||
	        used != (int)strlen(text) || used != 17)
		return -EINVAL;
	for (int i = 0; i < ETH_ALEN; i++)
		ret_mac[i] = (uint8_t)b[i];
	return 0;
}

char *addr6_format(char buf[ADDR6_TEXT_SIZE], const uint8_t addr[16])
{
	struct in6_addr in6;

	memcpy(&in6, addr, 16);
	if (inet_ntop(AF_INET6, &in6, buf, ADDR6_TEXT_SIZE) == NULL)
		buf[0] = '\0';
	return buf;
}

char *prefix6_format(char buf[PREFIX6_TEXT_SIZE], const struct fib6_prefix *prefix)
{
	char addr[ADDR6_TEXT_SIZE];

	snprintf(buf, PREFIX6_TEXT_SIZE, "%s/%u", addr6_format(addr, prefix->addr), prefix->len);
	return buf;
}

char *mac_format(char buf[MAC_TEXT_SIZE], const uint8_t mac[ETH_ALEN])
{
	snprintf(buf, MAC_TEXT_SIZE, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2],
	        mac[3], mac[4], mac[5]);
	return buf;
}
