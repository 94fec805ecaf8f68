/* SPDX-License-Identifier: BSD-3-Clause */
// Zeroed memory for tables that are indexed by id: address space is reserved for the configured
// maximum, a page costs memory only once it is touched. Thread: control.
#pragma once

#include <stddef.h>

// Returns NULL when out of address space. Freed with region_unmap(region, size).
void *region_map(size_t size);
void region_unmap(void *region, size_t size); // NULL allowed
