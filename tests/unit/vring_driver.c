/* SPDX-License-Identifier: BSD-3-Clause */
// See vring_driver.h.
#include "vring_driver.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define F_NEXT 1u
#define F_WRITE 2u
#define F_INDIRECT 4u
#define F_AVAIL (1u << 7)
#define F_USED (1u << 15)

struct split_desc {
	uint64_t addr;
	uint32_t len;
	uint16_t flags, next;
};

// In the ring each half is stored and loaded whole: the device looks at it at any time.
union packed_desc {
	struct {
		uint64_t addr;
		uint32_t len;
		uint16_t id, flags;
	};
	uint64_t words[2];
};

static uint8_t *map_guarded(size_t size)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	uint8_t *p = mmap(NULL, size + 2 * page, PROT_NONE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED || mprotect(p + page, size, PROT_READ | PROT_WRITE) < 0)
		abort();
	return p + page;
}

void guest_init(struct guest *guest)
{
	static const uint64_t ranges[][2] = {
	        {GUEST_RINGS_ADDR, GUEST_SEAM_ADDR - GUEST_RINGS_ADDR},
	        {GUEST_SEAM_ADDR, GUEST_END_ADDR - GUEST_SEAM_ADDR},
	        {GUEST_APART_ADDR, GUEST_APART_SIZE},
	};

	guest->memory.n_regions = 3;
	for (unsigned i = 0; i < 3; i++) {
		guest->memory.regions[i] = (struct guest_region){
		        .guest_addr = ranges[i][0],
		        .size = ranges[i][1],
		        .host = map_guarded(ranges[i][1]),
		        .user_addr = 0x7f0000000000ull + ranges[i][0] * 2,
		};
	}
}

void guest_fini(struct guest *guest)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	for (uint32_t i = 0; i < guest->memory.n_regions; i++)
		munmap(guest->memory.regions[i].host - page,
		        guest->memory.regions[i].size + 2 * page);
}

static const struct guest_region *region_of(const struct guest *guest, uint64_t addr)
{
	for (uint32_t i = 0; i < guest->memory.n_regions; i++) {
		const struct guest_region *region = &guest->memory.regions[i];

		if (addr >= region->guest_addr && addr - region->guest_addr < region->size)
			return region;
	}
	return NULL;
}

uint64_t guest_user_addr(const struct guest *guest, uint64_t addr)
{
	const struct guest_region *region = region_of(guest, addr);

	return region->user_addr + (addr - region->guest_addr);
}

uint8_t *guest_byte(const struct guest *guest, uint64_t addr)
{
	const struct guest_region *region = region_of(guest, addr);

	return region == NULL ? NULL : region->host + (addr - region->guest_addr);
}

// What lies at `addr` in one piece, at most `*len` bytes.
static uint8_t *piece_at(const struct guest *guest, uint64_t addr, size_t *len)
{
	const struct guest_region *region = region_of(guest, addr);
	uint64_t left;

	assert(region != NULL);
	left = region->size - (addr - region->guest_addr);
	if (*len > left)
		*len = left;
	return region->host + (addr - region->guest_addr);
}

void guest_write(const struct guest *guest, uint64_t addr, const void *data, size_t len)
{
	while (len > 0) {
		size_t here = len;
		uint8_t *host = piece_at(guest, addr, &here);

		memcpy(host, data, here);
		data = (const uint8_t *)data + here;
		addr += here;
		len -= here;
	}
}

void guest_read(const struct guest *guest, uint64_t addr, void *data, size_t len)
{
	while (len > 0) {
		size_t here = len;
		const uint8_t *host = piece_at(guest, addr, &here);

		memcpy(data, host, here);
		data = (uint8_t *)data + here;
		addr += here;
		len -= here;
	}
}

static uint16_t load16(const void *p)
{
	return __atomic_load_n((const uint16_t *)p, __ATOMIC_ACQUIRE);
}

static void store16(void *p, uint16_t value)
{
	__atomic_store_n((uint16_t *)p, value, __ATOMIC_RELEASE);
}

void driver_init(struct driver *driver, const struct guest *guest, bool packed, uint16_t size,
        uint64_t addr, uint16_t first_idx)
{
	*driver = (struct driver){.guest = guest, .packed = packed, .size = size, .n_free = size};
	driver->desc_addr = addr;
	driver->driver_addr = addr + 16ull * size;
	driver->device_addr = packed ? driver->driver_addr + 4
	                             : (driver->driver_addr + 6 + 2ull * size + 63) / 64 * 64;
	driver->desc = guest_byte(guest, driver->desc_addr);
	driver->driver = guest_byte(guest, driver->driver_addr);
	driver->device = guest_byte(guest, driver->device_addr);
	memset(driver->desc, 0, 16ull * size);
	memset(driver->driver, 0, packed ? 4 : 6 + 2ull * size);
	memset(driver->device, 0, packed ? 4 : 6 + 8ull * size);
	driver->free_next = calloc(size, sizeof(*driver->free_next));
	driver->chains = calloc(size, sizeof(*driver->chains));
	assert(driver->free_next != NULL && driver->chains != NULL);
	for (uint32_t i = 0; i < size; i++)
		driver->free_next[i] = (uint16_t)(i + 1);
	driver->avail_wrap = driver->used_wrap = true;
	if (!packed) {
		driver->next_avail = driver->next_used = driver->kicked_avail = first_idx;
		store16(driver->driver + 2, first_idx);
		store16(driver->device + 2, first_idx);
	}
}

void driver_fini(struct driver *driver)
{
	free(driver->free_next);
	free(driver->chains);
}

// Buffers [from, n) as an indirect table. Split tables are linked backwards, to be awkward.
static void write_table(const struct driver *driver, const struct offer *offer, uint16_t from)
{
	uint16_t n = offer->n - from;

	for (uint16_t i = 0; i < n; i++) {
		const struct buffer *buffer = &offer->buffers[from + i];
		uint16_t place = driver->packed || i == 0 ? i : n - i;
		bool last = i + 1 == n;

		if (driver->packed) {
			union packed_desc desc = {
			        .addr = buffer->addr,
			        .len = buffer->len,
			        .flags = offer->write ? F_WRITE : 0,
			};
			guest_write(driver->guest, offer->table + 16ull * place, &desc, 16);
		} else {
			struct split_desc desc = {
			        .addr = buffer->addr,
			        .len = buffer->len,
			        .flags = (offer->write ? F_WRITE : 0) | (last ? 0 : F_NEXT),
			        .next = last ? 0 : n - 1 - i,
			};
			guest_write(driver->guest, offer->table + 16ull * place, &desc, 16);
		}
	}
}

static uint16_t n_in_ring(const struct offer *offer)
{
	return offer->table == 0 ? offer->n : offer->n_direct + 1;
}

static uint16_t get_free(struct driver *driver)
{
	uint16_t i = driver->free_head;

	driver->free_head = driver->free_next[i];
	return i;
}

static void add_split(struct driver *driver, const struct offer *offer)
{
	struct split_desc *ring = (struct split_desc *)(void *)driver->desc;
	uint16_t n = n_in_ring(offer), head = driver->free_head;

	for (uint16_t k = 0; k < n; k++) {
		uint16_t i = get_free(driver);
		bool is_table = offer->table != 0 && k + 1 == n;

		ring[i] = (struct split_desc){
		        .addr = is_table ? offer->table : offer->buffers[k].addr,
		        .len = is_table ? 16u * (offer->n - offer->n_direct)
		                        : offer->buffers[k].len,
		        .flags = (is_table              ? F_INDIRECT
		                         : offer->write ? F_WRITE
		                                        : 0) |
		                 (k + 1 < n ? F_NEXT : 0),
		        .next = k + 1 < n ? driver->free_head : 0,
		};
	}
	driver->chains[head] = (struct driver_chain){offer->token, n};
	store16(driver->driver + 4 +
	                2 * (size_t)((driver->next_avail + driver->unpublished) &
	                             (driver->size - 1)),
	        head);
	driver->unpublished++;
}

static void add_packed(struct driver *driver, const struct offer *offer)
{
	union packed_desc *ring = (union packed_desc *)(void *)driver->desc;
	uint16_t n = n_in_ring(offer), id = get_free(driver), first = driver->next_avail;
	uint64_t first_word = 0;

	for (uint16_t k = 0; k < n; k++) {
		uint64_t *words = ring[driver->next_avail].words;
		bool is_table = offer->table != 0;
		union packed_desc desc = {
		        .addr = is_table ? offer->table : offer->buffers[k].addr,
		        .len = is_table ? 16u * offer->n : offer->buffers[k].len,
		        .id = k + 1 == n ? id : 0xdead, // the last one's counts
		        .flags = (is_table              ? F_INDIRECT
		                         : offer->write ? F_WRITE
		                                        : 0) |
		                 (k + 1 < n ? F_NEXT : 0) | (driver->avail_wrap ? F_AVAIL : F_USED),
		};

		__atomic_store_n(&words[0], desc.words[0], __ATOMIC_RELAXED);
		if (k == 0)
			first_word = desc.words[1];
		else
			__atomic_store_n(&words[1], desc.words[1], __ATOMIC_RELAXED);
		if (++driver->next_avail == driver->size) {
			driver->next_avail = 0;
			driver->avail_wrap = !driver->avail_wrap;
		}
	}
	driver->chains[id] = (struct driver_chain){offer->token, n};
	__atomic_store_n(&ring[first].words[1], first_word, __ATOMIC_RELEASE);
	driver->unpublished += n;
}

bool driver_add(struct driver *driver, const struct offer *offer)
{
	if (n_in_ring(offer) > driver->n_free)
		return false;
	driver->n_free -= n_in_ring(offer);
	if (offer->table != 0)
		write_table(driver, offer, offer->n_direct);
	if (driver->packed)
		add_packed(driver, offer);
	else
		add_split(driver, offer);
	return true;
}

void driver_publish(struct driver *driver)
{
	if (driver->packed)
		return;
	driver->next_avail += driver->unpublished;
	driver->unpublished = 0;
	store16(driver->driver + 2, driver->next_avail);
}

static bool take_split(struct driver *driver, uint16_t *ret_id, uint32_t *ret_len)
{
	struct split_desc *ring = (struct split_desc *)(void *)driver->desc;
	uint32_t entry[2];
	uint16_t i;

	if (load16(driver->device + 2) == driver->next_used)
		return false;
	memcpy(entry, driver->device + 4 + 8 * (size_t)(driver->next_used & (driver->size - 1)), 8);
	driver->next_used++;
	assert(entry[0] < driver->size);
	*ret_id = (uint16_t)entry[0];
	*ret_len = entry[1];
	i = *ret_id;
	for (uint16_t k = 1; k < driver->chains[*ret_id].n; k++)
		i = ring[i].next;
	driver->free_next[i] = driver->free_head;
	i = *ret_id;
	for (uint16_t k = 1; k < driver->chains[*ret_id].n; k++) {
		driver->free_next[i] = ring[i].next;
		i = ring[i].next;
	}
	driver->free_head = *ret_id;
	return true;
}

static bool take_packed(struct driver *driver, uint16_t *ret_id, uint32_t *ret_len)
{
	union packed_desc *ring = (union packed_desc *)(void *)driver->desc;
	union packed_desc desc;

	desc.words[1] = __atomic_load_n(&ring[driver->next_used].words[1], __ATOMIC_ACQUIRE);
	if (((desc.flags & F_AVAIL) != 0) != driver->used_wrap ||
	        ((desc.flags & F_USED) != 0) != driver->used_wrap)
		return false;
	*ret_id = desc.id;
	*ret_len = desc.len;
	assert(*ret_id < driver->size);
	driver->next_used += driver->chains[*ret_id].n;
	if (driver->next_used >= driver->size) {
		driver->next_used -= driver->size;
		driver->used_wrap = !driver->used_wrap;
	}
	driver->free_next[*ret_id] = driver->free_head;
	driver->free_head = *ret_id;
	return true;
}

bool driver_take(struct driver *driver, uint32_t *ret_token, uint32_t *ret_len)
{
	uint16_t id;

	if (!(driver->packed ? take_packed(driver, &id, ret_len)
	                     : take_split(driver, &id, ret_len)))
		return false;
	assert(driver->chains[id].n > 0); // given back once
	*ret_token = driver->chains[id].token;
	driver->n_free += driver->chains[id].n;
	driver->chains[id].n = 0;
	return true;
}

static bool crossed(uint16_t event, uint16_t now, uint16_t before)
{
	return (uint16_t)(now - event - 1) < (uint16_t)(now - before);
}

bool driver_wants_kick(struct driver *driver)
{
	uint16_t now = driver->next_avail, before = driver->kicked_avail, off_wrap, flags;

	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (!driver->packed) {
		driver->kicked_avail = now;
		if (driver->event_idx)
			return crossed(
			        load16(driver->device + 4 + 8 * (size_t)driver->size), now, before);
		return now != before && (load16(driver->device) & 1) == 0;
	}
	before = (uint16_t)(now - driver->unpublished);
	driver->unpublished = 0;
	flags = load16(driver->device + 2) & 3;
	if (flags != 2)
		return now != before && flags == 0;
	off_wrap = load16(driver->device);
	if ((off_wrap >> 15) != driver->avail_wrap)
		return crossed((off_wrap & 0x7fff) - driver->size, now, before);
	return crossed(off_wrap & 0x7fff, now, before);
}

void driver_calls_off(struct driver *driver)
{
	if (driver->packed)
		store16(driver->driver + 2, 1);
	else if (driver->event_idx)
		store16(driver->driver + 4 + 2 * (size_t)driver->size, driver->next_used - 1);
	else
		store16(driver->driver, 1);
}

void driver_calls_on(struct driver *driver, uint16_t ahead)
{
	uint32_t place = (uint32_t)driver->next_used + ahead;
	bool wrap = driver->used_wrap;

	if (!driver->packed && driver->event_idx) {
		store16(driver->driver + 4 + 2 * (size_t)driver->size, (uint16_t)place);
	} else if (!driver->packed) {
		store16(driver->driver, 0);
	} else if (driver->event_idx) {
		if (place >= driver->size) {
			place -= driver->size;
			wrap = !wrap;
		}
		store16(driver->driver, (uint16_t)(place | (wrap ? 1u << 15 : 0)));
		store16(driver->driver + 2, 2);
	} else {
		store16(driver->driver + 2, 0);
	}
}
