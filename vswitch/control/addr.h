/* SPDX-License-Identifier: BSD-3-Clause */
// Addresses as text: IPv6, prefixes, MAC. Parsers take the whole string: 0 or -EINVAL.
#pragma once

#include <linux/if_ether.h>
#include <stdbool.h>
#include <stdint.h>

#include "fib6.h"

#define ADDR6_TEXT_SIZE 48
#define PREFIX6_TEXT_SIZE 56
#define MAC_TEXT_SIZE 18

__attribute__((warn_unused_result)) int addr6_parse(const char *text, uint8_t ret_addr[16]);
// An address that other nodes can reach: unicast, and not only of one link or host.
bool addr6_is_routable(const uint8_t addr[16]);
// "fd00::/64"; without a length: /128. With `mask` the bits past the length are cleared.
__attribute__((warn_unused_result)) int prefix6_parse(
        const char *text, bool mask, struct fib6_prefix *ret_prefix);
__attribute__((warn_unused_result)) int mac_parse(const char *text, uint8_t ret_mac[ETH_ALEN]);

char *addr6_format(char buf[ADDR6_TEXT_SIZE], const uint8_t addr[16]);
char *prefix6_format(char buf[PREFIX6_TEXT_SIZE], const struct fib6_prefix *prefix);
char *mac_format(char buf[MAC_TEXT_SIZE], const uint8_t mac[ETH_ALEN]);
void prefix6_mask(struct fib6_prefix *prefix);
