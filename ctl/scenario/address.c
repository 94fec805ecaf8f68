/* SPDX-License-Identifier: BSD-3-Clause */
// Addresses of satellites and stations.
#include "address.h"

#include <string.h>

#include "scenario.h"

// 17 -> 0x0017: hexadecimal digits that read as the decimal number. Up to 9999.
static unsigned decimal_digits(unsigned n)
{
	unsigned digits = 0;

	for (unsigned shift = 0; n != 0; n /= 10, shift += 4)
		digits |= n % 10 << shift;
	return digits;
}

static void set_group(uint8_t address[16], unsigned group, unsigned value)
{
	address[group * 2] = (uint8_t)(value >> 8);
	address[group * 2 + 1] = (uint8_t)value;
}

void address_satellite(const struct scenario *scenario, size_t shell, unsigned plane, unsigned slot,
        uint8_t ret_address[16])
{
	memcpy(ret_address, scenario->prefix, 16);
	set_group(ret_address, 5, decimal_digits((unsigned)shell + 1));
	set_group(ret_address, 6, decimal_digits(plane));
	set_group(ret_address, 7, decimal_digits(slot));
}

void address_station_prefix(const struct scenario *scenario, size_t station, uint8_t ret_prefix[16])
{
	memcpy(ret_prefix, scenario->prefix, 16);
	set_group(ret_prefix, 3, decimal_digits((unsigned)station + 1));
}

void address_first(const uint8_t prefix[16], uint8_t ret_address[16])
{
	memcpy(ret_address, prefix, 16);
	ret_address[15] |= 1;
}
