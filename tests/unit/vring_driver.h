/* SPDX-License-Identifier: BSD-3-Clause */
// The driver side of a virtqueue, for tests and benchmarks of the device side: a guest's memory and
// a driver that offers chains of any form, split or packed. Written from the virtio specification,
// with no line of pmd/vhost_user but its header with the regions.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "guest_memory.h"

// Three regions: two that follow each other in the guest but not here, and one apart. Inaccessible
// pages lie around each.
#define GUEST_RINGS_ADDR 0x40000000ull // what the rings may use
#define GUEST_RINGS_SIZE 0x200000ull
#define GUEST_BUFFERS_ADDR (GUEST_RINGS_ADDR + GUEST_RINGS_SIZE)
#define GUEST_SEAM_ADDR (GUEST_BUFFERS_ADDR + 0x201000ull) // the second region begins
#define GUEST_END_ADDR (GUEST_SEAM_ADDR + 0x3ff000ull)
#define GUEST_APART_ADDR 0x100000000ull
#define GUEST_APART_SIZE 0x10000ull

struct guest {
	struct guest_memory memory;
};

void guest_init(struct guest *guest);
void guest_fini(struct guest *guest);
// The front end's own address for one of the guest's.
uint64_t guest_user_addr(const struct guest *guest, uint64_t addr);
// A byte; NULL outside.
uint8_t *guest_byte(const struct guest *guest, uint64_t addr);
void guest_write(const struct guest *guest, uint64_t addr, const void *data, size_t len);
void guest_read(const struct guest *guest, uint64_t addr, void *data, size_t len);

struct buffer {
	uint64_t addr;
	uint32_t len;
};

// One chain as the driver offers it.
struct offer {
	const struct buffer *buffers;
	uint16_t n;
	bool write; // for the device to write
	uint64_t table; // address for an indirect table; 0: direct
	uint16_t n_direct; // so many buffers come before the indirect table (split only)
	uint32_t token; // comes back with the buffers
};

struct driver {
	const struct guest *guest;
	bool packed, event_idx;
	uint16_t size;
	uint64_t desc_addr, driver_addr, device_addr;
	uint8_t *desc, *driver, *device;
	uint16_t n_free; // descriptors
	uint16_t next_avail, next_used; // split: free-running; packed: places
	bool avail_wrap, used_wrap;
	uint16_t free_head; // split: descriptors; packed: ids
	uint16_t *free_next;
	struct driver_chain {
		uint32_t token;
		uint16_t n; // descriptors in the ring; 0: not offered
	} * chains; // by head or id
	uint16_t unpublished; // split: added but the index was not stored
	uint16_t kicked_avail;
};

// The rings lie from `addr` on in one piece; first_idx: where indices begin (split).
void driver_init(struct driver *driver, const struct guest *guest, bool packed, uint16_t size,
        uint64_t addr, uint16_t first_idx);
void driver_fini(struct driver *driver);
// False: not enough free descriptors. Split: visible after driver_publish.
bool driver_add(struct driver *driver, const struct offer *offer);
void driver_publish(struct driver *driver);
// The next chain that the device gave back, if there is one. Checks that it was offered.
bool driver_take(struct driver *driver, uint32_t *ret_token, uint32_t *ret_len);
// Whether the device wants a kick for what was published since the last look.
bool driver_wants_kick(struct driver *driver);
// Calls: none; always; with event_idx: when the device uses the `ahead`-th descriptor from here on.
void driver_calls_off(struct driver *driver);
void driver_calls_on(struct driver *driver, uint16_t ahead);
