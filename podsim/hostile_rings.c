/* SPDX-License-Identifier: BSD-3-Clause */
// Ring contents that lead anywhere. All of it is written through the file, never through a mapping:
// the file may have been cut off meanwhile, and is as long again afterwards.
#include <string.h>
#include <unistd.h>

#include "hostile_port.h"
#include "virtio.h"

#define BATCH_MAX 8
#define TABLE_MAX 16 // descriptors in an indirect table
#define FRAME_BYTES 74

// A descriptor before it has either layout.
struct sketch {
	uint64_t addr;
	uint32_t len;
	uint16_t flags;
	uint16_t next; // split rings; the buffer id in packed ones
	bool loops; // next is the descriptor itself
};

static void write_at(const struct hostile_port *port, uint64_t at, const void *from, size_t n)
{
	ssize_t written = pwrite(port->memory_fd, from, n, (off_t)at);

	(void)written; // sealed and too short: as good as any other content
}

static bool is_packed(const struct hostile_port *port)
{
	return (port->features & VIRTIO_BIT(VIRTIO_F_RING_PACKED)) != 0;
}

static uint64_t buffer_at(struct hostile_port *port)
{
	uint64_t room = port->bytes - HOSTILE_BUFFERS_AT - 4096;

	return port->guest_base + HOSTILE_BUFFERS_AT + hostile_pick(port, (uint32_t)room);
}

// --- frames ------------------------------------------------------------------------------------

// Mostly a frame; now and then a header that asks for what was not negotiated, or any bytes.
static void write_frame(struct hostile_port *port, uint64_t at)
{
	struct {
		struct virtio_net_hdr hdr;
		uint8_t frame[FRAME_BYTES];
	} buf = {.frame = {0x02, 0x70, 0xff, 0xff, 0xff, 0xff, 0x02, 0x70, 0xff, 0xff, 0xff, 0xfe,
	                 0x88, 0xb5}};

	for (uint32_t i = 14; i < FRAME_BYTES; i++)
		buf.frame[i] = (uint8_t)rng_next(&port->rng);
	if (hostile_chance(port, port->descriptor_malice))
		memset(&buf.hdr, (int)hostile_pick(port, 256), sizeof(buf.hdr));
	write_at(port, at - port->guest_base, &buf, sizeof(buf));
}

// --- descriptors -------------------------------------------------------------------------------

static struct sketch good(struct hostile_port *port, uint32_t ring, uint16_t head)
{
	bool receive = ring == 0;
	struct sketch d = {.addr = buffer_at(port),
	        .len = receive ? 2048 : (uint32_t)sizeof(struct virtio_net_hdr) + FRAME_BYTES,
	        .flags = receive ? VIRTIO_DESC_WRITE : 0,
	        .next = is_packed(port) ? head : 0};

	if (!receive)
		write_frame(port, d.addr);
	return d;
}

static uint64_t bad_address(struct hostile_port *port)
{
	switch (hostile_pick(port, 6)) {
	case 0:
		return rng_next(&port->rng);
	case 1:
		return port->guest_base + port->bytes; // the first byte outside
	case 2:
		return port->guest_base + port->bytes - 1 - hostile_pick(port, 64);
	case 3:
		return port->guest_base - 1;
	case 4:
		return UINT64_MAX - hostile_pick(port, 4096); // wraps
	default:
		return port->user_base + HOSTILE_BUFFERS_AT; // of the other address space
	}
}

static uint32_t bad_length(struct hostile_port *port)
{
	static const uint32_t lengths[] = {
	        0, 1, 11, 12, 13, 25, 0x7fffffff, UINT32_MAX, 65536, 9000};

	return hostile_chance(port, 64) ? (uint32_t)rng_next(&port->rng)
	                                : lengths[hostile_pick(port, sizeof(lengths) / 4)];
}

static void spoil(struct hostile_port *port, struct sketch *d)
{
	switch (hostile_pick(port, 8)) {
	case 0:
	case 1:
		d->addr = bad_address(port);
		break;
	case 2:
		d->len = bad_length(port);
		break;
	case 3:
		d->flags ^= VIRTIO_DESC_WRITE;
		break;
	case 4: // a chain that goes on, somewhere
		d->flags |= VIRTIO_DESC_NEXT;
		d->next = (uint16_t)rng_next(&port->rng);
		break;
	case 5: // a loop
		d->flags |= VIRTIO_DESC_NEXT;
		d->loops = true;
		break;
	case 6: // an id beyond the ring, in packed ones
		d->next = (uint16_t)(port->rings[0].size + hostile_pick(port, 1000));
		break;
	default:
		d->flags = (uint16_t)(rng_next(&port->rng) & (VIRTIO_DESC_NEXT | VIRTIO_DESC_WRITE |
		                                                     VIRTIO_DESC_INDIRECT));
		break;
	}
}

static void put_desc(const struct hostile_port *port, uint64_t at, const struct sketch *d,
        uint16_t slot, uint16_t packed_flags, bool packed)
{
	if (packed) {
		struct virtio_packed_desc desc = {
		        d->addr, d->len, d->next, (uint16_t)(d->flags | packed_flags)};

		write_at(port, at, &desc, sizeof(desc));
	} else {
		struct virtio_desc desc = {d->addr, d->len, d->flags, d->loops ? slot : d->next};

		write_at(port, at, &desc, sizeof(desc));
	}
}

// The frame's buffers stand in a table of their own, which is nested, cut off, empty, too long or
// sound.
static void make_indirect(struct hostile_port *port, struct hostile_counters *counters,
        uint32_t ring, struct sketch *d)
{
	uint64_t at =
	        HOSTILE_TABLES_AT +
	        hostile_pick(port, HOSTILE_TABLES_BYTES / sizeof(struct virtio_desc) - TABLE_MAX) *
	                sizeof(struct virtio_desc);
	bool bad = hostile_chance(port, port->descriptor_malice);
	uint32_t n = bad ? 1 + hostile_pick(port, TABLE_MAX) : 1;

	for (uint32_t i = 0; i < n; i++) {
		struct sketch entry = good(port, ring, 0);

		if (bad)
			spoil(port, &entry);
		if (bad && hostile_chance(port, 64))
			entry.flags |= VIRTIO_DESC_INDIRECT;
		if (i + 1 < n && !entry.loops) {
			entry.flags |= VIRTIO_DESC_NEXT;
			entry.next = (uint16_t)(i + 1);
		}
		put_desc(port, at + i * sizeof(struct virtio_desc), &entry, (uint16_t)i, 0,
		        is_packed(port));
	}
	hostile_count(&counters->bad_descriptors, bad ? n : 0);
	d->addr = port->guest_base + at;
	d->len = n * (uint32_t)sizeof(struct virtio_desc);
	if (bad && hostile_chance(port, 128))
		d->len = hostile_pick(port, 4) == 0 ? 0 : d->len + 1 + hostile_pick(port, 40);
	d->flags = VIRTIO_DESC_INDIRECT | (bad ? (uint16_t)hostile_pick(port, 8) : 0);
}

static struct sketch make(
        struct hostile_port *port, struct hostile_counters *counters, uint32_t ring, uint16_t head)
{
	struct sketch d = good(port, ring, head);

	hostile_count(&counters->descriptors, 1);
	if (hostile_chance(port, 40)) {
		make_indirect(port, counters, ring, &d);
	} else if (hostile_chance(port, port->descriptor_malice)) {
		spoil(port, &d);
		hostile_count(&counters->bad_descriptors, 1);
	}
	return d;
}

// --- rings -------------------------------------------------------------------------------------

// A chain through all descriptors and round again.
static void chain_all(struct hostile_port *port, uint32_t ring)
{
	uint16_t n = port->rings[ring].size < 256 ? port->rings[ring].size : 256;

	for (uint16_t i = 0; i < n; i++) {
		struct sketch d = good(port, ring, i);

		d.flags |= VIRTIO_DESC_NEXT;
		d.next = (uint16_t)((i + 1) % n);
		put_desc(port, (uint64_t)ring * HOSTILE_RING_BYTES + i * sizeof(struct virtio_desc),
		        &d, i, 0, /*packed*/ false);
	}
}

static void offer_split(
        struct hostile_port *port, struct hostile_counters *counters, uint32_t ring, uint32_t n)
{
	struct hostile_ring *r = &port->rings[ring];
	uint64_t base = (uint64_t)ring * HOSTILE_RING_BYTES;
	uint64_t avail = base + HOSTILE_DRIVER_AT;
	bool whole = hostile_chance(port, port->descriptor_malice / 4);

	if (whole)
		chain_all(port, ring);
	for (uint32_t i = 0; i < n; i++) {
		uint16_t head = (uint16_t)(r->idx % r->size);
		struct sketch d = make(port, counters, ring, head);

		if (!whole)
			put_desc(port, base + head * sizeof(struct virtio_desc), &d, head, 0,
			        /*packed*/ false);
		if (hostile_chance(port, port->descriptor_malice / 4))
			head = (uint16_t)rng_next(&port->rng);
		write_at(port, avail + 4 + 2u * (r->idx % r->size), &head, sizeof(head));
		r->idx++;
	}
	if (hostile_chance(port, port->descriptor_malice / 4))
		r->idx = (uint16_t)(r->idx + rng_next(&port->rng)); // jumps
	write_at(port, avail + 2, &r->idx, sizeof(r->idx));
}

static void offer_packed(
        struct hostile_port *port, struct hostile_counters *counters, uint32_t ring, uint32_t n)
{
	struct hostile_ring *r = &port->rings[ring];

	for (uint32_t i = 0; i < n; i++) {
		uint16_t slot = (uint16_t)(r->idx % r->size);
		struct sketch d = make(port, counters, ring, slot);
		uint16_t flags = r->wrap ? VIRTIO_DESC_AVAIL : VIRTIO_DESC_USED;

		if (hostile_chance(port, port->descriptor_malice / 8))
			flags = (uint16_t)rng_next(&port->rng);
		if (d.loops) // has no next: the rest of the ring is its chain
			d.flags |= VIRTIO_DESC_NEXT;
		put_desc(port,
		        (uint64_t)ring * HOSTILE_RING_BYTES +
		                slot * sizeof(struct virtio_packed_desc),
		        &d, slot, flags, /*packed*/ true);
		if (++r->idx % r->size == 0)
			r->wrap = !r->wrap;
	}
	if (hostile_chance(port, port->descriptor_malice / 8)) {
		struct virtio_event event = {
		        (uint16_t)rng_next(&port->rng), (uint16_t)rng_next(&port->rng)};

		write_at(port, (uint64_t)ring * HOSTILE_RING_BYTES + HOSTILE_DRIVER_AT, &event,
		        sizeof(event));
	}
}

void hostile_offer(struct hostile_port *port, struct hostile_counters *counters)
{
	uint32_t ring = hostile_pick(port, HOSTILE_RINGS);
	uint32_t n = 1 + hostile_pick(port, BATCH_MAX);
	uint64_t one = 1;
	ssize_t kicked;

	if (port->rings[ring].size == 0)
		return;
	if (n > port->rings[ring].size)
		n = port->rings[ring].size;
	if (is_packed(port))
		offer_packed(port, counters, ring, n);
	else
		offer_split(port, counters, ring, n);
	if (port->event_fds[2 * ring] < 0)
		return;
	if (hostile_chance(port, port->descriptor_malice / 8))
		one = UINT64_MAX - 1; // the counter is full
	kicked = write(port->event_fds[2 * ring], &one, sizeof(one));
	(void)kicked;
}
