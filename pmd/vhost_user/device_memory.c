/* SPDX-License-Identifier: BSD-3-Clause */
// Regions come with a descriptor each, which is closed once they are mapped.
#include "device_memory.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "inflight.h"
#include "mapping.h"

static int make_tables(struct device *d, struct fault *fault)
{
	if (d->memory == NULL)
		d->memory = calloc(1, sizeof(*d->memory));
	if (d->regions == NULL)
		d->regions = calloc(GUEST_REGIONS_MAX, sizeof(d->regions[0]));
	if (d->memory == NULL || d->regions == NULL)
		return fault_set(fault, -EPROTO, NULL, "no memory for the table of regions");
	return 0;
}

static int check_room(const struct device *d, uint64_t size, struct fault *fault)
{
	// neither is more than the limit
	uint64_t used = d->memory_bytes + d->inflight.size;

	if (used <= DEVICE_MEMORY_MAX && size <= DEVICE_MEMORY_MAX - used)
		return 0;
	return fault_set(fault, -EPROTO, NULL,
	        "%llu bytes of memory after %llu: a guest may have %llu mapped",
	        (unsigned long long)size, (unsigned long long)used, DEVICE_MEMORY_MAX);
}

static int add_region(
        struct device *d, const struct message_region *of, int fd, struct fault *fault)
{
	struct guest_region region = {
	        .guest_addr = of->guest_addr, .size = of->size, .user_addr = of->user_addr};
	struct mapping *mapping;
	int ret = check_room(d, of->size, fault);

	if (ret < 0)
		return ret;
	ret = mapping_get(
	        d->config->mappings, fd, of->file_offset, of->size, &mapping, &region.host, fault);
	if (ret < 0)
		return -EPROTO;
	ret = guest_memory_add(d->memory, &region, fault);
	if (ret < 0) {
		mapping_put(mapping);
		return -EPROTO;
	}
	d->regions[d->memory->n_regions - 1] =
	        (struct device_region){.guest_addr = of->guest_addr, .mapping = mapping};
	d->memory_bytes += of->size;
	return 0;
}

static void put_regions(struct device_region *regions, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		mapping_put(regions[i].mapping);
}

int device_set_mem_table(struct device *d, struct connection *c, struct fault *fault)
{
	const struct message *m = &c->message;
	struct device_region old[GUEST_REGIONS_MAX];
	uint32_t n_old = 0;
	int ret = make_tables(d, fault);

	if (ret < 0)
		return ret;
	// put after the new ones are there: what is in both tables stays mapped
	n_old = d->memory->n_regions;
	memcpy(old, d->regions, n_old * sizeof(old[0]));
	d->memory->n_regions = 0;
	d->memory_bytes = 0;
	for (uint32_t i = 0; ret == 0 && i < m->mem_table.n_regions; i++) {
		ret = add_region(d, &m->mem_table.regions[i], c->fds[i], fault);
	}
	put_regions(old, n_old);
	return ret;
}

int device_add_region(struct device *d, struct connection *c, struct fault *fault)
{
	int ret = make_tables(d, fault);

	return ret < 0 ? ret : add_region(d, &c->message.mem_reg.region, c->fds[0], fault);
}

int device_del_region(struct device *d, const struct message *m, struct fault *fault)
{
	const struct message_region *of = &m->mem_reg.region;
	struct guest_region region;
	uint32_t n;

	if (d->memory == NULL ||
	        guest_memory_del(d->memory, of->guest_addr, of->size, of->user_addr, &region) < 0)
		return fault_set(fault, -EPROTO, NULL, "REM_MEM_REG: there is no such region");
	n = d->memory->n_regions;
	for (uint32_t i = 0; i <= n; i++) {
		if (d->regions[i].guest_addr != of->guest_addr)
			continue;
		mapping_put(d->regions[i].mapping);
		d->regions[i] = d->regions[n];
		break;
	}
	d->memory_bytes -= of->size;
	return 0;
}

static void put_inflight(struct device *d)
{
	mapping_put(d->inflight.mapping);
	d->inflight = (struct device_inflight){0};
}

void device_clear_memory(struct device *d)
{
	if (d->memory != NULL && d->regions != NULL)
		put_regions(d->regions, d->memory->n_regions);
	free(d->memory);
	free(d->regions);
	d->memory = NULL;
	d->regions = NULL;
	d->memory_bytes = 0;
	put_inflight(d);
}

bool device_lost_memory(const struct device *d)
{
	for (uint32_t i = 0; d->memory != NULL && i < d->memory->n_regions; i++) {
		if (mapping_is_broken(d->regions[i].mapping))
			return true;
	}
	return d->inflight.mapping != NULL && mapping_is_broken(d->inflight.mapping);
}

// --- in-flight memory ----------------------------------------------------------------------------

static int check_inflight(
        const struct device *d, const struct message *m, size_t *ret_size, struct fault *fault)
{
	bool packed = (d->features & VIRTIO_F_RING_PACKED) != 0;
	uint16_t n = m->inflight.n_rings, ring_size = m->inflight.ring_size;

	if (n == 0 || n > 2u * d->config->n_pairs || ring_size == 0 ||
	        ring_size > d->config->ring_size_max)
		return fault_set(fault, -EPROTO, NULL, "%s: %u rings of %u descriptors",
		        message_name(m->request), n, ring_size);
	*ret_size = inflight_part_size(packed, ring_size) * n;
	return 0;
}

static int map_inflight(struct device *d, const struct message *m, int fd, struct fault *fault)
{
	struct device_inflight inflight = {
	        .size = m->inflight.size,
	        .n_rings = m->inflight.n_rings,
	        .ring_size = m->inflight.ring_size,
	};
	int ret = check_room(d, m->inflight.size, fault);

	if (ret < 0)
		return ret;
	ret = mapping_get(d->config->mappings, fd, m->inflight.offset, m->inflight.size,
	        &inflight.mapping, &inflight.host, fault);
	if (ret < 0)
		return -EPROTO;
	put_inflight(d);
	d->inflight = inflight;
	return 0;
}

int device_get_inflight(struct device *d, struct connection *c, struct fault *fault)
{
	struct message *m = &c->message;
	size_t size = 0;
	int fd, ret = check_inflight(d, m, &size, fault);

	if (ret < 0)
		return ret;
	if (inflight_create(size, &fd) < 0)
		return fault_set(fault, -EPROTO, NULL, "no memory for what is in flight");
	m->inflight.size = size;
	m->inflight.offset = 0;
	ret = map_inflight(d, m, fd, fault);
	if (ret == 0) {
		message_answer(m, m->size);
		ret = connection_send(c, m, fd, fault);
	}
	close(fd);
	return ret;
}

int device_set_inflight(struct device *d, struct connection *c, struct fault *fault)
{
	const struct message *m = &c->message;
	size_t size = 0;
	int ret = check_inflight(d, m, &size, fault);

	if (ret < 0)
		return ret;
	if (m->inflight.size < size || m->inflight.offset % 64 != 0)
		return fault_set(fault, -EPROTO, NULL, "SET_INFLIGHT_FD: %llu bytes, not %zu",
		        (unsigned long long)m->inflight.size, size);
	return map_inflight(d, m, c->fds[0], fault);
}
