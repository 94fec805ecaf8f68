/* SPDX-License-Identifier: BSD-3-Clause */
// CRC-32C by the processor's instruction where the build has it, else four bits at a time.
#include "crc32c.h"

#include <string.h>

#ifdef __SSE4_2__

uint32_t crc32c(uint32_t crc, const void *data, size_t size)
{
	const uint8_t *at = data;
	uint64_t sum = ~crc;

	for (; size >= 8; size -= 8, at += 8) {
		uint64_t word;

		memcpy(&word, at, sizeof(word));
		sum = __builtin_ia32_crc32di(sum, word);
	}
	for (; size > 0; size--)
		sum = __builtin_ia32_crc32qi((uint32_t)sum, *at++);
	return ~(uint32_t)sum;
}

#else

uint32_t crc32c(uint32_t crc, const void *data, size_t size)
{
	// Remainders of four bits for the reflected polynomial 0x82f63b78.
	static const uint32_t remainders[16] = {0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1,
	        0x417b1dbc, 0x5125dad3, 0x61c69362, 0x7198540d, 0x82f63b78, 0x92a8fc17, 0xa24bb5a6,
	        0xb21572c9, 0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75};
	const uint8_t *at = data;

	crc = ~crc;
	for (; size > 0; size--) {
		crc ^= *at++;
		crc = crc >> 4 ^ remainders[crc & 15];
		crc = crc >> 4 ^ remainders[crc & 15];
	}
	return ~crc;
}

#endif
