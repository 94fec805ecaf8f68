/* SPDX-License-Identifier: BSD-3-Clause */
// The life of ports that break the rules: each takes a step, is left alone for a while, and so on.
#include "hostile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "hostile_port.h"
#include "virtio.h"

#define MS 1000000ull
#define ROUND_NS 1000000
#define AWAY_MS 2000 // at most
#define STEP_MS 100
#define HOLD_MS 4000 // how long some keep the rules, so that the switch forgives them

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

// --- sockets -----------------------------------------------------------------------------------

static int make_address(
        const struct hostile *hostile, const struct hostile_port *port, struct sockaddr_un *address)
{
	const char *percent = strchr(hostile->plan.path, '%');
	int len;

	*address = (struct sockaddr_un){.sun_family = AF_UNIX};
	len = snprintf(address->sun_path, sizeof(address->sun_path), "%.*s%u%s",
	        (int)(percent - hostile->plan.path), hostile->plan.path, port->id, percent + 2);
	return len < (int)sizeof(address->sun_path) ? 0 : -ENAMETOOLONG;
}

static int listen_there(const struct hostile *hostile, struct hostile_port *port)
{
	struct sockaddr_un address;
	int err = make_address(hostile, port, &address);

	if (err < 0)
		return err;
	port->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (port->listen_fd < 0)
		return -errno;
	unlink(address.sun_path);
	if (bind(port->listen_fd, (struct sockaddr *)&address, sizeof(address)) == 0 &&
	        listen(port->listen_fd, 1) == 0)
		return 0;
	err = -errno;
	close_fd(&port->listen_fd);
	return err;
}

static void stop_listening(const struct hostile *hostile, struct hostile_port *port)
{
	struct sockaddr_un address;

	if (port->listen_fd < 0)
		return;
	close_fd(&port->listen_fd);
	if (make_address(hostile, port, &address) == 0)
		unlink(address.sun_path);
}

// -EAGAIN: nobody is there yet.
static int meet(const struct hostile *hostile, struct hostile_port *port)
{
	struct sockaddr_un address;
	int err = 0;

	if (!hostile->plan.client) {
		port->fd = accept4(port->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		return port->fd >= 0 ? 0 : -EAGAIN;
	}
	err = make_address(hostile, port, &address);
	if (err < 0)
		return err;
	port->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (port->fd >= 0 && connect(port->fd, (struct sockaddr *)&address, sizeof(address)) == 0)
		return 0;
	close_fd(&port->fd);
	return -EAGAIN;
}

// Answers are thrown away, and what comes along with them. False: the switch has closed.
static bool drain(struct hostile_port *port)
{
	union {
		struct cmsghdr align;
		char data[CMSG_SPACE(8 * sizeof(int))];
	} control;
	char data[512];
	struct iovec part = {data, sizeof(data)};

	for (;;) {
		struct msghdr message = {.msg_iov = &part,
		        .msg_iovlen = 1,
		        .msg_control = control.data,
		        .msg_controllen = sizeof(control.data)};
		ssize_t n = recvmsg(port->fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

		if (n <= 0)
			return n < 0 && errno == EAGAIN;
		for (struct cmsghdr *head = CMSG_FIRSTHDR(&message); head != NULL;
		        head = CMSG_NXTHDR(&message, head)) {
			size_t n_fds = (head->cmsg_len - CMSG_LEN(0)) / sizeof(int);
			int fds[8];

			memcpy(fds, CMSG_DATA(head), n_fds * sizeof(int));
			for (size_t i = 0; i < n_fds; i++)
				close(fds[i]);
		}
	}
}

// --- sessions ----------------------------------------------------------------------------------

static void draw_session(struct hostile_port *port)
{
	static const uint32_t malices[] = {0, 0, 4, 30, 128};

	port->features = VIRTIO_BIT(VIRTIO_F_VERSION_1) | VIRTIO_BIT(VIRTIO_F_PROTOCOL_FEATURES);
	if (hostile_chance(port, 128))
		port->features |= VIRTIO_BIT(VIRTIO_F_RING_PACKED);
	if (hostile_chance(port, 128))
		port->features |= VIRTIO_BIT(VIRTIO_F_NET_MRG_RXBUF);
	if (hostile_chance(port, 200))
		port->features |= VIRTIO_BIT(VIRTIO_F_INDIRECT_DESC);
	if (hostile_chance(port, 64))
		port->features |= VIRTIO_BIT(VIRTIO_F_EVENT_IDX);
	port->descriptor_malice = malices[hostile_pick(port, 5)];
	port->message_malice = malices[hostile_pick(port, 4)];
	port->bytes = HOSTILE_MEMORY_MIN << hostile_pick(port, 5);
	port->guest_base = rng_next(&port->rng) >> 20 << 12;
	port->user_base = rng_next(&port->rng) >> 20 << 12;
	for (uint32_t i = 0; i < HOSTILE_RINGS; i++)
		port->rings[i] = (struct hostile_ring){
		        .size = (uint16_t)(1u << hostile_pick(port, 9)), .wrap = true};
}

// Its own memory file: half of them cannot be cut off.
static int make_memory(struct hostile_port *port)
{
	bool sealed = hostile_chance(port, 128);

	port->cut = false;
	port->memory_fd = memfd_create("orrery-podsim-hostile", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (port->memory_fd < 0)
		return -errno;
	if (ftruncate(port->memory_fd, (off_t)port->bytes) != 0)
		return -errno;
	if (sealed && fcntl(port->memory_fd, F_ADD_SEALS, F_SEAL_SHRINK) != 0)
		return -errno;
	return 0;
}

static int make_events(struct hostile_port *port)
{
	for (uint32_t i = 0; i < 2 * HOSTILE_RINGS; i++) {
		if (hostile_chance(port, 128))
			continue;
		port->event_fds[i] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
		if (port->event_fds[i] < 0)
			return -errno;
	}
	return 0;
}

static void begin_session(struct hostile *hostile, struct hostile_port *port)
{
	hostile_count(&hostile->counters.sessions, 1);
	draw_session(port);
	hostile_plan_negotiation(port);
	port->state = HOSTILE_NEGOTIATING;
}

static void end_session(struct hostile *hostile, struct hostile_port *port)
{
	close_fd(&port->fd);
	close_fd(&port->memory_fd);
	for (uint32_t i = 0; i < 2 * HOSTILE_RINGS; i++)
		close_fd(&port->event_fds[i]);
	port->state = HOSTILE_WAITING;
	if (hostile->plan.client || hostile_chance(port, 64)) {
		stop_listening(hostile, port);
		port->state = HOSTILE_AWAY;
		port->due_ns += (1 + hostile_pick(port, AWAY_MS)) * MS;
	}
}

static void cut_memory(struct hostile *hostile, struct hostile_port *port)
{
	off_t to = hostile_chance(port, 128) ? 0 : (off_t)hostile_pick(port, (uint32_t)port->bytes);

	if (ftruncate(port->memory_fd, to) != 0)
		return; // sealed
	port->cut = true;
	hostile_count(&hostile->counters.truncations, 1);
}

// Returns 0, or -errno: the connection is at an end.
static int misbehave(struct hostile *hostile, struct hostile_port *port)
{
	uint32_t what = hostile_pick(port, 256);

	if (port->message_malice > 0 && what < 8)
		return hostile_interject(port, &hostile->counters);
	if (port->descriptor_malice > 0 && what < 12) {
		cut_memory(hostile, port);
		return 0;
	}
	if (what < 16)
		return -ESHUTDOWN; // vanishes
	hostile_offer(port, &hostile->counters);
	return 0;
}

static int step_session(struct hostile *hostile, struct hostile_port *port)
{
	int ret;

	if (port->state == HOSTILE_RUNNING)
		return misbehave(hostile, port);
	if (port->message_malice > 0 && hostile_chance(port, 4))
		return hostile_interject(port, &hostile->counters);
	if (hostile_chance(port, 1))
		return -ESHUTDOWN;
	ret = hostile_negotiate(port, &hostile->counters);
	if (ret == 1)
		port->state = HOSTILE_RUNNING;
	return ret < 0 ? ret : 0;
}

static void go_on(struct hostile *hostile, struct hostile_port *port)
{
	bool closed = !drain(port);
	// messages of a negotiation come in bursts, as they do from others
	uint32_t n = port->state == HOSTILE_NEGOTIATING ? 1 + hostile_pick(port, 20) : 1;
	int ret = 0;

	for (uint32_t i = 0; i < n && !closed && ret == 0; i++)
		ret = step_session(hostile, port);
	if (!closed && ret == 0)
		return;
	hostile_count(closed || ret != -ESHUTDOWN ? &hostile->counters.cut_off
	                                          : &hostile->counters.vanished,
	        1);
	end_session(hostile, port);
}

static void wait_for_switch(struct hostile *hostile, struct hostile_port *port)
{
	int err = 0;

	if (!hostile->plan.client && port->listen_fd < 0)
		err = listen_there(hostile, port);
	if (err == 0)
		err = meet(hostile, port);
	if (err < 0)
		return; // later again
	begin_session(hostile, port);
	if (make_memory(port) < 0 || make_events(port) < 0) // no descriptor left
		end_session(hostile, port);
}

static void step(struct hostile *hostile, struct hostile_port *port)
{
	port->due_ns += (1 + hostile_pick(port, 2 * STEP_MS)) * MS;
	if (port->state == HOSTILE_AWAY)
		port->state = HOSTILE_WAITING;
	if (port->state == HOSTILE_WAITING)
		wait_for_switch(hostile, port);
	else
		go_on(hostile, port);
	if (port->state == HOSTILE_RUNNING && port->next_message > 0 && hostile_chance(port, 4))
		port->due_ns += hostile_pick(port, HOLD_MS) * MS;
}

// --- the thread --------------------------------------------------------------------------------

static void *hostile_main(void *arg)
{
	static const struct timespec nap = {.tv_nsec = ROUND_NS};
	struct hostile *hostile = arg;

	while (!atomic_load(&hostile->stop)) {
		uint64_t now = now_ns();

		for (uint32_t i = 0; i < hostile->n_ports; i++) {
			struct hostile_port *port = &hostile->ports[i];

			if (port->due_ns > now)
				continue;
			port->due_ns = now;
			step(hostile, port);
		}
		nanosleep(&nap, NULL);
	}
	return NULL;
}

int hostile_init(struct hostile *hostile, const struct hostile_plan *plan, const uint32_t *ids,
        uint32_t n, struct fault *fault)
{
	struct sockaddr_un address;

	*hostile = (struct hostile){.plan = *plan};
	hostile->ports = calloc(n > 0 ? n : 1, sizeof(*hostile->ports));
	if (hostile->ports == NULL)
		return fault_set(fault, -ENOMEM, "", "no memory for %u ports that misbehave", n);
	for (uint32_t i = 0; i < n; i++) {
		struct hostile_port *port = &hostile->ports[i];

		*port = (struct hostile_port){
		        .id = ids[i], .state = HOSTILE_WAITING, .listen_fd = -1, .fd = -1};
		port->memory_fd = -1;
		for (uint32_t j = 0; j < 2 * HOSTILE_RINGS; j++)
			port->event_fds[j] = -1;
		rng_seed(&port->rng, plan->seed, port->id);
		hostile->n_ports++;
		if (make_address(hostile, port, &address) < 0)
			return fault_set(fault, -ENAMETOOLONG, "", "--path: too long");
	}
	return 0;
}

int hostile_start(struct hostile *hostile, struct fault *fault)
{
	int err;

	if (hostile->n_ports == 0)
		return 0;
	err = pthread_create(&hostile->thread, NULL, hostile_main, hostile);
	if (err != 0)
		return fault_set(
		        fault, -err, "", "cannot start the thread of ports that misbehave");
	hostile->running = true;
	return 0;
}

void hostile_fini(struct hostile *hostile)
{
	if (hostile->running) {
		atomic_store(&hostile->stop, true);
		pthread_join(hostile->thread, NULL);
	}
	hostile->running = false;
	for (uint32_t i = 0; i < hostile->n_ports; i++) {
		end_session(hostile, &hostile->ports[i]);
		stop_listening(hostile, &hostile->ports[i]);
	}
	free(hostile->ports);
	hostile->ports = NULL;
	hostile->n_ports = 0;
}

void hostile_print(const struct hostile *hostile, FILE *out)
{
	const struct hostile_counters *c = &hostile->counters;

	fprintf(out,
	        "misbehaving: %u ports, %llu sessions, cut off %llu, vanished %llu, messages %llu "
	        "(bad %llu), descriptors %llu (bad %llu), truncations %llu\n",
	        hostile->n_ports, (unsigned long long)atomic_load(&c->sessions),
	        (unsigned long long)atomic_load(&c->cut_off),
	        (unsigned long long)atomic_load(&c->vanished),
	        (unsigned long long)atomic_load(&c->messages),
	        (unsigned long long)atomic_load(&c->bad_messages),
	        (unsigned long long)atomic_load(&c->descriptors),
	        (unsigned long long)atomic_load(&c->bad_descriptors),
	        (unsigned long long)atomic_load(&c->truncations));
}

json_t *hostile_json(const struct hostile *hostile)
{
	const struct hostile_counters *c = &hostile->counters;

	return json_pack("{s:i,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I}", "ports", (int)hostile->n_ports,
	        "sessions", (json_int_t)atomic_load(&c->sessions), "cut_off",
	        (json_int_t)atomic_load(&c->cut_off), "vanished",
	        (json_int_t)atomic_load(&c->vanished), "messages",
	        (json_int_t)atomic_load(&c->messages), "bad_messages",
	        (json_int_t)atomic_load(&c->bad_messages), "descriptors",
	        (json_int_t)atomic_load(&c->descriptors), "bad_descriptors",
	        (json_int_t)atomic_load(&c->bad_descriptors), "truncations",
	        (json_int_t)atomic_load(&c->truncations));
}
