/* SPDX-License-Identifier: BSD-3-Clause */
// The address plan: who has which IPv6 address. Numbers are written so that an address reads like
// the name: sat-3-17 of the first shell has PREFIX::1:3:17, the second station PREFIX:2::/64 and
// itself PREFIX:2::1. Pure.
#pragma once

#include <stddef.h>
#include <stdint.h>

struct scenario;

// `shell` and `station` count from 0 here, from 1 in the address.
void address_satellite(const struct scenario *scenario, size_t shell, unsigned plane, unsigned slot,
        uint8_t ret_address[16]);
// Its /64 of the plan. For a station whose file gives another prefix, use that.
void address_station_prefix(
        const struct scenario *scenario, size_t station, uint8_t ret_prefix[16]);
// The first address of a prefix: a station's own.
void address_first(const uint8_t prefix[16], uint8_t ret_address[16]);
