/* SPDX-License-Identifier: BSD-3-Clause */
// vhost-user, front-end: the conversation from the connection to enabled rings.
#include "connection.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "message.h"
#include "virtio.h"

#define PROTOCOL_WANTED                                                     \
	(1ull << MESSAGE_PROTOCOL_MQ | 1ull << MESSAGE_PROTOCOL_REPLY_ACK | \
	        1ull << MESSAGE_PROTOCOL_NET_MTU | 1ull << MESSAGE_PROTOCOL_STATUS)

enum device_status {
	STATUS_ACKNOWLEDGE = 1,
	STATUS_DRIVER = 2,
	STATUS_DRIVER_OK = 4,
	STATUS_FEATURES_OK = 8
};

// --- sockets -----------------------------------------------------------------------------------

static int make_address(const char *path, struct sockaddr_un *ret_address, struct fault *fault)
{
	*ret_address = (struct sockaddr_un){.sun_family = AF_UNIX};
	if (strlen(path) >= sizeof(ret_address->sun_path))
		return fault_set(fault, -ENAMETOOLONG, "", "%s: longer than %zu bytes", path,
		        sizeof(ret_address->sun_path) - 1);
	strcpy(ret_address->sun_path, path);
	return 0;
}

static int listen_at(int fd, const struct sockaddr_un *address, struct fault *fault)
{
	if (unlink(address->sun_path) != 0 && errno != ENOENT)
		return fault_set(fault, -errno, "", "%s: cannot be removed", address->sun_path);
	if (bind(fd, (const struct sockaddr *)address, sizeof(*address)) != 0 || listen(fd, 1) != 0)
		return fault_set(fault, -errno, "", "%s: cannot listen there", address->sun_path);
	return 0;
}

static int send_request(struct connection *connection, uint32_t request)
{
	struct message_header header = {request, MESSAGE_VERSION, 0};
	ssize_t n = send(connection->fd, &header, sizeof(header), MSG_NOSIGNAL);

	return n == (ssize_t)sizeof(header) ? 0 : n < 0 ? -errno : -EAGAIN;
}

static int begin(struct connection *connection, struct fault *fault)
{
	int err = send_request(connection, MESSAGE_GET_FEATURES);

	if (err < 0)
		return fault_set(fault, err, "", "cannot send");
	connection->state = CONNECTION_FEATURES;
	connection->have = 0;
	connection->n_acks_due = 0;
	return 0;
}

int connection_open(
        struct connection *connection, const char *path, bool client, struct fault *fault)
{
	struct sockaddr_un address;
	int err = make_address(path, &address, fault);

	if (err < 0)
		return err;
	connection->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (connection->fd < 0)
		return fault_set(fault, -errno, "", "%s: cannot make a socket", path);
	if (!client) {
		err = listen_at(connection->fd, &address, fault);
		connection->state = CONNECTION_LISTENING;
	} else if (connect(connection->fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
		err = fault_set(fault, -errno, "", "%s: cannot connect", path);
	} else {
		err = begin(connection, fault);
	}
	if (err < 0)
		connection_close(connection);
	return err;
}

int connection_accept(struct connection *connection, struct fault *fault)
{
	int fd = accept4(connection->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd < 0)
		return fault_set(fault, -errno, "", "cannot accept");
	close(connection->fd);
	connection->fd = fd;
	return begin(connection, fault);
}

void connection_close(struct connection *connection)
{
	if (connection->fd >= 0)
		close(connection->fd);
	connection->fd = -1;
	connection->state = CONNECTION_CLOSED;
}

// --- messages out ------------------------------------------------------------------------------

// Messages without a descriptor gather here; one with a descriptor is sent by itself, because the
// other side receives descriptors with the first byte of what they came with.
struct outbox {
	struct connection *connection;
	size_t bytes;
	int err;
	uint8_t data[1024];
};

static void flush_outbox(struct outbox *out, int fd)
{
	union {
		struct cmsghdr align;
		char data[CMSG_SPACE(sizeof(int))];
	} control = {0};
	struct iovec part = {out->data, out->bytes};
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
	ssize_t n;

	if (out->err < 0 || out->bytes == 0)
		return;
	if (fd >= 0) {
		struct cmsghdr *head;

		message.msg_control = control.data;
		message.msg_controllen = sizeof(control.data);
		head = CMSG_FIRSTHDR(&message);
		*head = (struct cmsghdr){CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS};
		memcpy(CMSG_DATA(head), &fd, sizeof(fd));
	}
	n = sendmsg(out->connection->fd, &message, MSG_NOSIGNAL);
	if (n != (ssize_t)out->bytes)
		out->err = n < 0 ? -errno : -EAGAIN;
	out->bytes = 0;
}

static void put(struct outbox *out, uint32_t request, const void *payload, uint32_t bytes, int fd,
        bool need_reply)
{
	struct message_header header = {request, MESSAGE_VERSION, bytes};

	if (need_reply && (out->connection->protocol & 1ull << MESSAGE_PROTOCOL_REPLY_ACK) != 0) {
		header.flags |= MESSAGE_NEED_REPLY;
		out->connection->n_acks_due++;
	}
	if (fd >= 0 || out->bytes + sizeof(header) + bytes > sizeof(out->data))
		flush_outbox(out, -1);
	memcpy(out->data + out->bytes, &header, sizeof(header));
	if (bytes > 0)
		memcpy(out->data + out->bytes + sizeof(header), payload, bytes);
	out->bytes += sizeof(header) + bytes;
	if (fd >= 0)
		flush_outbox(out, fd);
}

static void put_word(struct outbox *out, uint32_t request, uint64_t word)
{
	put(out, request, &word, sizeof(word), -1, /*need_reply*/ false);
}

static void put_vring(struct outbox *out, uint32_t request, uint32_t index, uint32_t value)
{
	struct message_vring_state state = {index, value};

	put(out, request, &state, sizeof(state), -1, /*need_reply*/ false);
}

static void put_vring_fd(struct outbox *out, uint32_t request, uint32_t index, int fd)
{
	uint64_t word = index | (fd < 0 ? MESSAGE_VRING_NO_FD : 0);

	put(out, request, &word, sizeof(word), fd, /*need_reply*/ false);
}

static void put_memory(struct outbox *out, const struct memory *memory)
{
	struct message_memory table = {
	        .n_regions = 1,
	        .regions = {{.guest_addr = MEMORY_GUEST_BASE,
	                .bytes = memory->size,
	                .user_addr = (uintptr_t)memory->base}},
	};

	put(out, MESSAGE_SET_MEM_TABLE, &table, sizeof(table), memory->fd, /*need_reply*/ true);
}

static void put_ring(struct outbox *out, uint32_t index, const struct connection_ring *ring)
{
	struct message_vring_addr addr = {
	        .index = index,
	        .desc = (uintptr_t)ring->desc,
	        .avail = (uintptr_t)ring->driver,
	        .used = (uintptr_t)ring->device,
	};

	put_vring_fd(out, MESSAGE_SET_VRING_CALL, index, ring->call_fd);
	put_vring(out, MESSAGE_SET_VRING_NUM, index, ring->size);
	put_vring(out, MESSAGE_SET_VRING_BASE, index, ring->base);
	put(out, MESSAGE_SET_VRING_ADDR, &addr, sizeof(addr), -1, /*need_reply*/ true);
	put_vring_fd(out, MESSAGE_SET_VRING_KICK, index, ring->kick_fd);
}

static void put_status(struct outbox *out, uint64_t status)
{
	if ((out->connection->protocol & 1ull << MESSAGE_PROTOCOL_STATUS) != 0)
		put_word(out, MESSAGE_SET_STATUS, status);
}

int connection_announce(struct connection *connection, const struct connection_wishes *wishes,
        const struct memory *memory, const struct connection_ring *rings, uint32_t n_rings,
        struct fault *fault)
{
	struct outbox out = {.connection = connection};
	bool has_protocol = (connection->features & VIRTIO_BIT(VIRTIO_F_PROTOCOL_FEATURES)) != 0;

	put(&out, MESSAGE_SET_OWNER, NULL, 0, -1, /*need_reply*/ false);
	put_status(&out, STATUS_ACKNOWLEDGE | STATUS_DRIVER);
	put_word(&out, MESSAGE_SET_FEATURES, connection->features);
	put_status(&out, STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_FEATURES_OK);
	if (wishes->mtu != 0 && (connection->protocol & 1ull << MESSAGE_PROTOCOL_NET_MTU) != 0)
		put_word(&out, MESSAGE_NET_SET_MTU, wishes->mtu);
	put_memory(&out, memory);
	for (uint32_t i = 0; i < n_rings; i++)
		put_ring(&out, i, &rings[i]);
	for (uint32_t i = 0; i < n_rings && has_protocol; i++) {
		struct message_vring_state enable = {i, 1};

		put(&out, MESSAGE_SET_VRING_ENABLE, &enable, sizeof(enable), -1,
		        /*need_reply*/ true);
	}
	put_status(
	        &out, STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_FEATURES_OK | STATUS_DRIVER_OK);
	flush_outbox(&out, -1);
	if (out.err < 0)
		return fault_set(fault, out.err, "", "cannot send");
	connection->state = CONNECTION_SETTLING;
	return 0;
}

void connection_stop_rings(struct connection *connection, uint32_t n_rings)
{
	struct outbox out = {.connection = connection};

	if (connection->state != CONNECTION_UP)
		return;
	for (uint32_t i = 0; i < n_rings; i++)
		put_vring(&out, MESSAGE_GET_VRING_BASE, i, 0);
	flush_outbox(&out, -1);
}

// --- messages in -------------------------------------------------------------------------------

static int take_features(struct connection *connection, const struct connection_wishes *wishes,
        uint64_t offered, enum connection_event *ret_event, struct fault *fault)
{
	uint64_t missing = wishes->features & ~offered;

	if (missing != 0)
		return fault_set(fault, -EPROTO, "", "the device does not offer feature %d",
		        __builtin_ctzll(missing));
	connection->features = offered & (wishes->features | wishes->optional |
	                                         VIRTIO_BIT(VIRTIO_F_PROTOCOL_FEATURES));
	connection->protocol = 0;
	if ((offered & VIRTIO_BIT(VIRTIO_F_PROTOCOL_FEATURES)) == 0) {
		*ret_event = CONNECTION_ANNOUNCE;
		return 0;
	}
	connection->state = CONNECTION_PROTOCOL;
	return send_request(connection, MESSAGE_GET_PROTOCOL_FEATURES);
}

static int take_protocol(
        struct connection *connection, uint64_t offered, enum connection_event *ret_event)
{
	struct outbox out = {.connection = connection};

	connection->protocol = offered & PROTOCOL_WANTED;
	put_word(&out, MESSAGE_SET_PROTOCOL_FEATURES, connection->protocol);
	if ((connection->protocol & 1ull << MESSAGE_PROTOCOL_MQ) != 0) {
		put(&out, MESSAGE_GET_QUEUE_NUM, NULL, 0, -1, /*need_reply*/ false);
		connection->state = CONNECTION_QUEUES;
	} else {
		*ret_event = CONNECTION_ANNOUNCE;
	}
	flush_outbox(&out, -1);
	return out.err;
}

static int take_ack(struct connection *connection, uint32_t request, uint64_t word,
        enum connection_event *ret_event, struct fault *fault)
{
	if (connection->n_acks_due == 0)
		return fault_set(fault, -EPROTO, "", "an answer to nothing");
	if (word != 0)
		return fault_set(fault, -EPROTO, "", "the device refused message %u (%llu)",
		        request, (unsigned long long)word);
	connection->n_acks_due--;
	return 0;
}

static int take_message(struct connection *connection, const struct connection_wishes *wishes,
        enum connection_event *ret_event, struct fault *fault)
{
	static const uint32_t awaited[] = {
	        [CONNECTION_FEATURES] = MESSAGE_GET_FEATURES,
	        [CONNECTION_PROTOCOL] = MESSAGE_GET_PROTOCOL_FEATURES,
	        [CONNECTION_QUEUES] = MESSAGE_GET_QUEUE_NUM,
	        [CONNECTION_UP] = 0,
	};
	struct message message;

	memcpy(&message, connection->message, sizeof(message.header) + sizeof(uint64_t));
	if ((message.header.flags & MESSAGE_REPLY) == 0 || message.header.bytes != sizeof(uint64_t))
		return fault_set(
		        fault, -EPROTO, "", "message %u is not an answer", message.header.request);
	if (message.header.request == MESSAGE_GET_VRING_BASE)
		return 0; // we are on the way out
	if (awaited[connection->state] != 0 && message.header.request != awaited[connection->state])
		return fault_set(fault, -EPROTO, "", "answer %u where %u was due",
		        message.header.request, awaited[connection->state]);
	switch (connection->state) {
	case CONNECTION_FEATURES:
		return take_features(connection, wishes, message.payload.word, ret_event, fault);
	case CONNECTION_PROTOCOL:
		return take_protocol(connection, message.payload.word, ret_event);
	case CONNECTION_QUEUES:
		if (message.payload.word < 1)
			return fault_set(fault, -EPROTO, "", "the device has no queue");
		*ret_event = CONNECTION_ANNOUNCE;
		return 0;
	default:
		return take_ack(
		        connection, message.header.request, message.payload.word, ret_event, fault);
	}
}

// Bytes that the message being read lacks; its header first.
static size_t lacking(const struct connection *connection)
{
	struct message_header header;

	if (connection->have < sizeof(header))
		return sizeof(header) - connection->have;
	memcpy(&header, connection->message, sizeof(header));
	return sizeof(header) + header.bytes - connection->have;
}

static int read_message(struct connection *connection, struct fault *fault)
{
	size_t want;

	while ((want = lacking(connection)) > 0) {
		ssize_t n;

		if (connection->have + want > sizeof(connection->message))
			return fault_set(fault, -EPROTO, "", "a message of %zu bytes",
			        connection->have + want);
		n = recv(connection->fd, connection->message + connection->have, want, 0);
		if (n < 0)
			return -errno;
		if (n == 0)
			return -ECONNRESET;
		connection->have += (uint32_t)n;
	}
	connection->have = 0;
	return 0;
}

int connection_read(struct connection *connection, const struct connection_wishes *wishes,
        enum connection_event *ret_event, struct fault *fault)
{
	int err = 0;

	*ret_event = CONNECTION_NOTHING;
	while (err == 0 && *ret_event == CONNECTION_NOTHING) {
		if (connection->state == CONNECTION_SETTLING && connection->n_acks_due == 0) {
			connection->state = CONNECTION_UP;
			connection->n_sessions++;
			*ret_event = CONNECTION_IS_UP;
			return 0;
		}
		err = read_message(connection, fault);
		if (err == 0)
			err = take_message(connection, wishes, ret_event, fault);
	}
	return err == -EAGAIN ? 0 : err;
}
