/* SPDX-License-Identifier: BSD-3-Clause */
// IPv6 addresses with prefix lengths as text and bytes, MAC addresses, and the address that an
// interface gets when nobody names one. Pure.
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#define CNI_CIDR_TEXT_SIZE (INET6_ADDRSTRLEN + 4)
#define CNI_MAC_TEXT_SIZE 18
#define CNI_PREFIX_LEN_NONE 255 // an address written without "/len"

#define CNI_PREFIX_LEN_MIN 48
#define CNI_PREFIX_LEN_MAX 64

struct cni_cidr {
	struct in6_addr addr;
	uint8_t len;
};

// "fd00::2/64", or "fd00::2" (len CNI_PREFIX_LEN_NONE). Returns 0, -EINVAL, or -EAFNOSUPPORT for
// IPv4.
__attribute__((warn_unused_result)) int cni_cidr_parse(const char *text, struct cni_cidr *ret_cidr);
// Without "/len" when it is CNI_PREFIX_LEN_NONE. Returns `buf`.
char *cni_cidr_format(char buf[CNI_CIDR_TEXT_SIZE], const struct cni_cidr *cidr);
// True if `addr` lies in `prefix`.
bool cni_cidr_covers(const struct cni_cidr *prefix, const struct in6_addr *addr);
// True if bits past the prefix length are set.
bool cni_cidr_has_host_bits(const struct cni_cidr *cidr);
// An address that one interface can have: not unspecified, loopback or multicast.
bool cni_addr_is_unicast(const struct in6_addr *addr);

// "52:54:00:01:02:03", unicast and not zero; written in lower case. Returns 0 or -EINVAL.
__attribute__((warn_unused_result)) int cni_mac_parse(
        const char *text, char ret_mac[CNI_MAC_TEXT_SIZE]);

// The address of `ref` ("node/interface") in `prefix` (/48 to /64): the prefix, then as many bits
// of a hash of `ref` as are left, at least 64. The same names give the same address on every
// machine and in every release: tests hold its values fixed. docs/cni.md says what makes duplicates
// impossible.
void cni_address_derive(const struct cni_cidr *prefix, const char *ref, struct in6_addr *ret_addr);
