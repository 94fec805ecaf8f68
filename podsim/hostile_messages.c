/* SPDX-License-Identifier: BSD-3-Clause */
// Negotiations in any order, and messages that are none.
#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "hostile_port.h"
#include "message.h"
#include "virtio.h"

#define PAYLOAD_MAX 512
#define FDS_MAX 12
#define REQUEST_MAX 45 // the last that the specification knows, and a few more
#define REGIONS_MAX 9 // one more than a message may have

struct outgoing {
	struct message_header header;
	uint8_t payload[PAYLOAD_MAX];
	int fds[FDS_MAX]; // borrowed
	uint32_t n_fds;
};

// Steps of a negotiation as an honest driver takes them. Those from STEP_RING on are per ring.
enum step {
	STEP_GET_FEATURES,
	STEP_GET_PROTOCOL,
	STEP_SET_PROTOCOL,
	STEP_OWNER,
	STEP_FEATURES,
	STEP_MEMORY,
	STEP_STATUS,
	STEP_RING,
	STEP_CALL = STEP_RING,
	STEP_NUM,
	STEP_BASE,
	STEP_ADDR,
	STEP_KICK,
	STEP_ENABLE,
	N_STEPS,
};

#define RING_SHIFT 4 // in an order: step | ring << RING_SHIFT

void hostile_plan_negotiation(struct hostile_port *port)
{
	uint32_t n = 0;

	for (unsigned step = 0; step < STEP_RING; step++)
		port->order[n++] = (uint8_t)step;
	for (unsigned ring = 0; ring < HOSTILE_RINGS; ring++) {
		for (unsigned step = STEP_RING; step < N_STEPS; step++)
			port->order[n++] = (uint8_t)(step | ring << RING_SHIFT);
	}
	port->n_order = n;
	port->next_message = 0;
	if (hostile_chance(port, 128))
		return; // in order
	if (hostile_chance(port, 128)) { // two of them change places
		uint32_t i = hostile_pick(port, n), j = hostile_pick(port, n);
		uint8_t other = port->order[i];

		port->order[i] = port->order[j];
		port->order[j] = other;
		return;
	}
	for (uint32_t i = n - 1; i > 0; i--) {
		uint32_t j = hostile_pick(port, i + 1);
		uint8_t other = port->order[i];

		port->order[i] = port->order[j];
		port->order[j] = other;
	}
	port->n_order = n - hostile_pick(port, 4);
}

// --- what is on the way ------------------------------------------------------------------------

static int send_bytes(struct hostile_port *port, const struct outgoing *out, size_t bytes)
{
	union {
		struct cmsghdr align;
		char data[CMSG_SPACE(FDS_MAX * sizeof(int))];
	} control = {0};
	struct iovec parts[2] = {{(void *)(uintptr_t)&out->header, sizeof(out->header)},
	        {(void *)(uintptr_t)out->payload, 0}};
	struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
	ssize_t n;

	if (bytes < sizeof(out->header))
		parts[0].iov_len = bytes;
	else
		parts[1].iov_len = bytes - sizeof(out->header);
	if (out->n_fds > 0) {
		struct cmsghdr *head;

		message.msg_control = control.data;
		message.msg_controllen = CMSG_SPACE(out->n_fds * sizeof(int));
		head = CMSG_FIRSTHDR(&message);
		*head = (struct cmsghdr){
		        CMSG_LEN(out->n_fds * sizeof(int)), SOL_SOCKET, SCM_RIGHTS};
		memcpy(CMSG_DATA(head), out->fds, out->n_fds * sizeof(int));
	}
	n = sendmsg(port->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
	return n >= 0 || errno == EAGAIN ? 0 : -errno;
}

static void put(struct outgoing *out, uint32_t request, const void *payload, uint32_t bytes, int fd)
{
	out->header = (struct message_header){request, MESSAGE_VERSION, bytes};
	if (bytes > 0)
		memcpy(out->payload, payload, bytes);
	out->n_fds = 0;
	if (fd >= 0)
		out->fds[out->n_fds++] = fd;
}

static void put_word(struct outgoing *out, uint32_t request, uint64_t word, int fd)
{
	put(out, request, &word, sizeof(word), fd);
}

static void put_state(struct outgoing *out, uint32_t request, uint32_t index, uint32_t value)
{
	struct message_vring_state state = {index, value};

	put(out, request, &state, sizeof(state), -1);
}

// --- honest messages ---------------------------------------------------------------------------

static void put_memory(const struct hostile_port *port, struct outgoing *out)
{
	struct message_memory table = {.n_regions = 1,
	        .regions = {{.guest_addr = port->guest_base,
	                .bytes = port->bytes,
	                .user_addr = port->user_base}}};

	put(out, MESSAGE_SET_MEM_TABLE, &table, sizeof(table), port->memory_fd);
}

static void put_event_fd(struct outgoing *out, uint32_t request, uint32_t ring, int fd)
{
	put_word(out, request, ring | (fd < 0 ? MESSAGE_VRING_NO_FD : 0), fd);
}

static void put_address(const struct hostile_port *port, struct outgoing *out, uint32_t ring)
{
	uint64_t at = port->user_base + (uint64_t)ring * HOSTILE_RING_BYTES;
	struct message_vring_addr addr = {.index = ring,
	        .desc = at,
	        .avail = at + HOSTILE_DRIVER_AT,
	        .used = at + HOSTILE_DEVICE_AT};

	put(out, MESSAGE_SET_VRING_ADDR, &addr, sizeof(addr), -1);
}

static void put_ring_step(
        struct hostile_port *port, struct outgoing *out, enum step step, uint32_t ring)
{
	bool packed = (port->features & VIRTIO_BIT(VIRTIO_F_RING_PACKED)) != 0;

	switch (step) {
	case STEP_CALL:
		put_event_fd(out, MESSAGE_SET_VRING_CALL, ring, port->event_fds[2 * ring + 1]);
		break;
	case STEP_NUM:
		put_state(out, MESSAGE_SET_VRING_NUM, ring, port->rings[ring].size);
		break;
	case STEP_BASE:
		put_state(out, MESSAGE_SET_VRING_BASE, ring, packed ? 0x80008000u : 0);
		break;
	case STEP_ADDR:
		put_address(port, out, ring);
		break;
	case STEP_KICK:
		put_event_fd(out, MESSAGE_SET_VRING_KICK, ring, port->event_fds[2 * ring]);
		break;
	default:
		put_state(out, MESSAGE_SET_VRING_ENABLE, ring, 1);
		break;
	}
}

static void put_step(struct hostile_port *port, struct outgoing *out, uint8_t coded)
{
	enum step step = (enum step)(coded & ((1 << RING_SHIFT) - 1));

	switch (step) {
	case STEP_GET_FEATURES:
		put(out, MESSAGE_GET_FEATURES, NULL, 0, -1);
		break;
	case STEP_GET_PROTOCOL:
		put(out, MESSAGE_GET_PROTOCOL_FEATURES, NULL, 0, -1);
		break;
	case STEP_SET_PROTOCOL:
		put_word(out, MESSAGE_SET_PROTOCOL_FEATURES,
		        1ull << MESSAGE_PROTOCOL_MQ | 1ull << MESSAGE_PROTOCOL_REPLY_ACK |
		                1ull << MESSAGE_PROTOCOL_INFLIGHT |
		                1ull << MESSAGE_PROTOCOL_MEM_SLOTS |
		                1ull << MESSAGE_PROTOCOL_STATUS,
		        -1);
		break;
	case STEP_OWNER:
		put(out, MESSAGE_SET_OWNER, NULL, 0, -1);
		break;
	case STEP_FEATURES:
		put_word(out, MESSAGE_SET_FEATURES, port->features, -1);
		break;
	case STEP_MEMORY:
		put_memory(port, out);
		break;
	case STEP_STATUS:
		put_word(out, MESSAGE_SET_STATUS, 0xf, -1);
		break;
	default:
		put_ring_step(port, out, step, coded >> RING_SHIFT);
		break;
	}
}

// --- bad ones ----------------------------------------------------------------------------------

// Regions that overlap, wrap, are empty, reach beyond the file or begin anywhere in it.
static void put_bad_memory(struct hostile_port *port, struct outgoing *out)
{
	struct {
		uint32_t n_regions, padding;
		struct message_region regions[REGIONS_MAX];
	} table = {.n_regions = hostile_pick(port, REGIONS_MAX + 1)};
	uint32_t bytes = 8 + table.n_regions * (uint32_t)sizeof(struct message_region);

	for (uint32_t i = 0; i < table.n_regions; i++) {
		struct message_region *r = &table.regions[i];

		*r = (struct message_region){
		        port->guest_base, port->bytes, port->user_base, .offset = 0};
		switch (hostile_pick(port, 6)) {
		case 0:
			r->guest_addr = UINT64_MAX - hostile_pick(port, 65536);
			break;
		case 1:
			r->user_addr = UINT64_MAX - hostile_pick(port, 65536);
			break;
		case 2:
			r->bytes = hostile_chance(port, 128) ? 0 : rng_next(&port->rng);
			break;
		case 3:
			r->offset = rng_next(&port->rng) >> hostile_pick(port, 64);
			break;
		case 4:
			r->guest_addr += hostile_pick(port, 65536);
			break;
		default:
			r->guest_addr += (uint64_t)i << 32; // apart from the others
			r->user_addr += (uint64_t)i << 32;
			break;
		}
	}
	put(out, MESSAGE_SET_MEM_TABLE, &table, bytes, -1);
	for (uint32_t i = 0; i < table.n_regions; i++)
		out->fds[out->n_fds++] = port->memory_fd;
}

// The sizes that most requests have.
static uint32_t likely_size(struct hostile_port *port)
{
	static const uint32_t sizes[] = {0, 8, 8, 8, 20, 24, 40, 40, 72};

	return sizes[hostile_pick(port, sizeof(sizes) / sizeof(sizes[0]))];
}

static void put_anything(struct hostile_port *port, struct outgoing *out)
{
	uint32_t bytes = likely_size(port);
	uint64_t words[9];

	for (uint32_t i = 0; i < 9; i++) {
		words[i] = hostile_chance(port, 128)
		                   ? hostile_pick(port, 4)
		                   : rng_next(&port->rng) >> hostile_pick(port, 64);
		if (hostile_chance(port, 64))
			words[i] = port->user_base + hostile_pick(port, 2 * HOSTILE_RING_BYTES);
	}
	put(out, hostile_pick(port, REQUEST_MAX + 1), words, bytes, -1);
	if (hostile_chance(port, 64))
		out->header.flags |= MESSAGE_NEED_REPLY;
}

// A descriptor of the wrong kind, or one where none belongs.
static void add_fds(struct hostile_port *port, struct outgoing *out)
{
	uint32_t n = hostile_chance(port, 32) ? FDS_MAX : 1 + hostile_pick(port, 2);

	while (out->n_fds < n) {
		int fd = hostile_chance(port, 128) ? port->memory_fd : port->event_fds[0];

		out->fds[out->n_fds++] = fd >= 0 ? fd : port->memory_fd;
	}
}

// Returns how many bytes of it are sent.
static size_t spoil(struct hostile_port *port, struct outgoing *out)
{
	size_t whole = sizeof(out->header) + out->header.bytes;

	switch (hostile_pick(port, 8)) {
	case 0: // says another size than it has
		out->header.bytes = (uint32_t)rng_next(&port->rng) >> hostile_pick(port, 32);
		return whole;
	case 1: // has another size than its request
		out->header.bytes = hostile_pick(port, PAYLOAD_MAX);
		return sizeof(out->header) + out->header.bytes;
	case 2: // ends in the midst
		return 1 + hostile_pick(port, (uint32_t)whole);
	case 3:
		out->n_fds = 0;
		return whole;
	case 4:
		add_fds(port, out);
		return whole;
	case 5:
		out->header.flags = (uint32_t)rng_next(&port->rng) & 0xf;
		return whole;
	case 6:
		out->header.request = hostile_pick(port, REQUEST_MAX + 1);
		return whole;
	default:
		out->payload[hostile_pick(port, 40)] ^= (uint8_t)(1u << hostile_pick(port, 8));
		return whole;
	}
}

static int send_maybe_spoiled(
        struct hostile_port *port, struct outgoing *out, struct hostile_counters *counters)
{
	size_t bytes = sizeof(out->header) + out->header.bytes;

	hostile_count(&counters->messages, 1);
	if (hostile_chance(port, port->message_malice)) {
		hostile_count(&counters->bad_messages, 1);
		bytes = spoil(port, out);
	}
	return send_bytes(port, out, bytes);
}

int hostile_negotiate(struct hostile_port *port, struct hostile_counters *counters)
{
	struct outgoing out = {0};
	int err;

	put_step(port, &out, port->order[port->next_message++]);
	err = send_maybe_spoiled(port, &out, counters);
	return err < 0 ? err : port->next_message == port->n_order;
}

int hostile_interject(struct hostile_port *port, struct hostile_counters *counters)
{
	struct outgoing out = {0};

	switch (hostile_pick(port, 4)) {
	case 0:
		put_bad_memory(port, &out);
		break;
	case 1: // a sound one at a time when nobody sends it
		put_step(port, &out, port->order[hostile_pick(port, port->n_order)]);
		break;
	default:
		put_anything(port, &out);
		if (hostile_chance(port, 100))
			add_fds(port, &out);
		break;
	}
	hostile_count(&counters->bad_messages, 1);
	return send_maybe_spoiled(port, &out, counters);
}
