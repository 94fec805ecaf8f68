/* SPDX-License-Identifier: BSD-3-Clause */
// Addresses: text, prefixes, and derivation from names.
#include "address.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "rng.h"
#include "units.h"

static int parse_addr(const char *text, size_t len, struct in6_addr *ret_addr)
{
	char copy[INET6_ADDRSTRLEN];
	struct in_addr addr4;

	if (len == 0 || len >= sizeof(copy))
		return -EINVAL;
	memcpy(copy, text, len);
	copy[len] = '\0';
	if (inet_pton(AF_INET6, copy, ret_addr) == 1)
		return IN6_IS_ADDR_V4MAPPED(ret_addr) ? -EAFNOSUPPORT : 0;
	return inet_pton(AF_INET, copy, &addr4) == 1 ? -EAFNOSUPPORT : -EINVAL;
}

int cni_cidr_parse(const char *text, struct cni_cidr *ret_cidr)
{
	const char *slash = strchr(text, '/');
	struct cni_cidr cidr = {.len = CNI_PREFIX_LEN_NONE};
	uint64_t len;
	int ret = parse_addr(text, slash ? (size_t)(slash - text) : strlen(text), &cidr.addr);

	if (ret)
		return ret;
	if (slash) {
		ret = units_parse_u64(slash + 1, 0, 128, &len);
		if (ret)
			return -EINVAL;
		cidr.len = (uint8_t)len;
	}
	*ret_cidr = cidr;
	return 0;
}

char *cni_cidr_format(char buf[CNI_CIDR_TEXT_SIZE], const struct cni_cidr *cidr)
{
	size_t len;

	inet_ntop(AF_INET6, &cidr->addr, buf, INET6_ADDRSTRLEN);
	len = strlen(buf);
	if (cidr->len != CNI_PREFIX_LEN_NONE)
		snprintf(buf + len, CNI_CIDR_TEXT_SIZE - len, "/%u", cidr->len);
	return buf;
}

bool cni_cidr_covers(const struct cni_cidr *prefix, const struct in6_addr *addr)
{
	unsigned bytes = prefix->len / 8, bits = prefix->len % 8;

	if (memcmp(&prefix->addr, addr, bytes) != 0)
		return false;
	return !bits || !((prefix->addr.s6_addr[bytes] ^ addr->s6_addr[bytes]) >> (8 - bits));
}

bool cni_cidr_has_host_bits(const struct cni_cidr *cidr)
{
	for (unsigned bit = cidr->len; bit < 128; bit++) {
		if (cidr->addr.s6_addr[bit / 8] & (0x80 >> bit % 8))
			return true;
	}
	return false;
}

bool cni_addr_is_unicast(const struct in6_addr *addr)
{
	return !IN6_IS_ADDR_UNSPECIFIED(addr) && !IN6_IS_ADDR_LOOPBACK(addr) &&
	       !IN6_IS_ADDR_MULTICAST(addr);
}

int cni_mac_parse(const char *text, char ret_mac[CNI_MAC_TEXT_SIZE])
{
	unsigned first, any = 0;

	if (strlen(text) != CNI_MAC_TEXT_SIZE - 1)
		return -EINVAL;
	for (int i = 0; i < CNI_MAC_TEXT_SIZE - 1; i++) {
		unsigned char c = (unsigned char)text[i];

		if (i % 3 == 2 ? c != ':' : !isxdigit(c))
			return -EINVAL;
		any |= i % 3 != 2 && c != '0';
	}
	if (sscanf(text, "%2x", &first) != 1 || (first & 1) || !any)
		return -EINVAL;
	for (int i = 0; i < CNI_MAC_TEXT_SIZE; i++)
		ret_mac[i] = (char)tolower((unsigned char)text[i]);
	return 0;
}

// FNV-1a (http://www.isthe.com/chongo/tech/comp/fnv/), whose low bits alone are too regular for
// names that differ in a digit: splitmix64 spreads them.
static uint64_t name_hash(const char *name, uint64_t salt)
{
	uint64_t hash = 0xcbf29ce484222325ull;

	for (; *name; name++)
		hash = (hash ^ (unsigned char)*name) * 0x100000001b3ull;
	hash += salt * 0x9e3779b97f4a7c15ull;
	return rng_splitmix64(&hash);
}

// RFC 4291 section 2.6.1 and RFC 2526: identifiers that every node of a subnet may listen to.
static bool id_is_reserved(uint64_t id)
{
	return id == 0 || id >= 0xfdffffffffffff80ull;
}

static void put_be64(uint8_t *bytes, uint64_t value)
{
	for (int i = 0; i < 8; i++)
		bytes[i] = (uint8_t)(value >> (56 - 8 * i));
}

void cni_address_derive(const struct cni_cidr *prefix, const char *ref, struct in6_addr *ret_addr)
{
	uint64_t id = name_hash(ref, 0);
	struct in6_addr addr;

	for (uint64_t salt = 2; id_is_reserved(id); salt++)
		id = name_hash(ref, salt);
	put_be64(addr.s6_addr, name_hash(ref, 1));
	put_be64(addr.s6_addr + 8, id);
	for (unsigned bit = 0; bit < prefix->len; bit++) {
		uint8_t mask = (uint8_t)(0x80 >> bit % 8);
		uint8_t *byte = &addr.s6_addr[bit / 8];

		*byte = (uint8_t)((*byte & ~mask) | (prefix->addr.s6_addr[bit / 8] & mask));
	}
	*ret_addr = addr;
}
