/* SPDX-License-Identifier: BSD-3-Clause */
// The address of a pod's end for which nobody asked for one.
#pragma once

#include <linux/if_ether.h>
#include <stdint.h>

// Locally administered, the same for the same port every time (FNV-1a of its reference).
static inline void port_mac_from_ref(uint8_t mac[ETH_ALEN], const char *ref)
{
	uint64_t hash = 0xcbf29ce484222325ull;

	for (; *ref != '\0'; ref++)
		hash = (hash ^ (uint8_t)*ref) * 0x100000001b3ull;
	hash ^= hash >> 32;
	for (int i = 0; i < ETH_ALEN; i++)
		mac[i] = (uint8_t)(hash >> (8 * i));
	mac[0] = (uint8_t)((mac[0] & 0xfc) | 0x02);
}
