/* SPDX-License-Identifier: BSD-3-Clause */
// CRC-32C (Castagnoli): the checksum of files. Pure.
#pragma once

#include <stddef.h>
#include <stdint.h>

// Goes on from `crc`; 0 starts. crc32c(crc32c(0, a), b) is the checksum of a followed by b.
uint32_t crc32c(uint32_t crc, const void *data, size_t size);
