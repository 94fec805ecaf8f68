/* SPDX-License-Identifier: BSD-3-Clause */
// The front end of a port: looked for, listened to, lost. Whatever it does, it costs control a
// bounded share of time: messages are read in slices, and one that comes and goes or breaks the
// rules is let in again ever later.
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "log.h"
#include "vhost_user.h"

#define MESSAGES_PER_EVENT 64
#define MESSAGES_PER_SLICE 512 // 8 pairs of rings need some 200 to start
#define EVENT_NS 500000 // a message that takes longer ends the event
#define SLICE_NS 10000000
#define SLICE_USED_NS 5000000 // of the thread's time
#define PAUSE_FACTOR 4 // so many times what was used: a fifth of the thread at most
#define LASTING_NS 2000000000 // a connection that held so long was a good one

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

// The thread's own: what others take from it is nobody's fault.
static uint64_t used_ns(void)
{
	struct timespec used;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
	return (uint64_t)used.tv_sec * 1000000000 + (uint64_t)used.tv_nsec;
}

static int watch(struct port_driver *driver, int fd, struct event_source *source, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.ptr = source};

	return epoll_ctl(driver->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

static void set_state(struct vhost_port *p, enum port_state state, const char *reason)
{
	if (p->state == state && strcmp(p->reason, reason) == 0)
		return;
	p->state = state;
	snprintf(p->reason, sizeof(p->reason), "%s", reason);
	p->driver->host->state_changed(p->driver->host->arg, p->port);
}

// --- rings to the worker and back ----------------------------------------------------------------

static void quiesce(void *arg)
{
	struct vhost_port *p = arg;

	if (!p->queued)
		return;
	queue_clear_rings(&p->queue);
	p->driver->host->del_queue(p->driver->host->arg, &p->queue.base);
	p->driver->n_quiesces++;
	p->queued = false;
	if (p->kicks_fd >= 0) {
		close(p->kicks_fd);
		p->kicks_fd = -1;
		p->driver->budget.n_used--;
	}
	p->queue.base.fd = -1;
}

// Several kicks are one descriptor for the worker: a set of them. -1 when they cannot be.
static int join_kicks(struct vhost_port *p)
{
	struct fd_budget *budget = &p->driver->budget;
	struct epoll_event event = {.events = EPOLLIN};

	if (budget->n_used + budget->n_kicks_spare >= budget->n_max)
		return -1;
	p->kicks_fd = epoll_create1(EPOLL_CLOEXEC);
	if (p->kicks_fd < 0)
		return -1;
	budget->n_used++;
	for (uint32_t i = 0; i < p->queue.n_pairs; i++) {
		if (p->queue.kick_fds[i] >= 0 &&
		        epoll_ctl(p->kicks_fd, EPOLL_CTL_ADD, p->queue.kick_fds[i], &event) < 0)
			return -1;
	}
	return p->kicks_fd;
}

// What tells of frames in all transmit rings that run; -1: they have to be looked at.
static int find_kicks(struct vhost_port *p)
{
	uint32_t n_kicks = 0, n_running = 0;
	int fd = -1;

	for (uint32_t i = 0; i < p->queue.n_pairs; i++) {
		const struct device_ring *ring = &p->device.rings[2 * i + 1];

		p->queue.kick_fds[i] = ring->vring != NULL ? ring->kick_fd : -1;
		n_running += ring->vring != NULL;
		if (p->queue.kick_fds[i] >= 0) {
			fd = ring->kick_fd;
			n_kicks++;
		}
	}
	if (n_kicks < n_running)
		return -1;
	return n_kicks == 1 ? fd : join_kicks(p);
}

static bool has_new_transmit_ring(const struct vhost_port *p)
{
	for (uint32_t i = 0; i < p->queue.n_pairs; i++) {
		if (p->device.rings[2 * i + 1].vring !=
		        atomic_load_explicit(&p->queue.pairs[i].in, memory_order_relaxed))
			return true;
	}
	return false;
}

// Gives rings that were started to the worker. A receive ring can come any time; transmit rings
// come together with the queue, whose descriptor tells of all of them.
static void hand_over(struct vhost_port *p)
{
	const struct port_host *host = p->driver->host;

	if (!device_runs(&p->device))
		return;
	if (p->queued && has_new_transmit_ring(p))
		quiesce(p);
	if (!p->queued)
		p->queue.base.fd = find_kicks(p);
	queue_set_rings(&p->queue, &p->device);
	if (p->queued)
		return;
	p->queued = true;
	if (host->add_queue(host->arg, &p->queue.base) == 0)
		return;
	p->queue.base.fd = -1; // cannot be watched, and so it is looked at
	if (host->add_queue(host->arg, &p->queue.base) < 0)
		log_err("port '%s': its worker cannot take the queue", p->port->ref);
}

// --- coming and going ----------------------------------------------------------------------------

static void watch_listener(struct vhost_port *p, bool on)
{
	if (p->listen_fd < 0 || p->listening == on)
		return;
	p->listening = on;
	if (on)
		(void)watch(p->driver, p->listen_fd, &p->on_listener, EPOLLIN);
	else
		(void)epoll_ctl(p->driver->epoll_fd, EPOLL_CTL_DEL, p->listen_fd, NULL);
}

static void connected(struct vhost_port *p, int fd)
{
	connection_init(&p->connection, fd);
	p->connected_ns = now_ns();
	p->n_connects++;
	p->driver->n_connects++;
	if (watch(p->driver, fd, &p->on_connection, EPOLLIN | EPOLLRDHUP) < 0) {
		peer_lose(p, NULL);
		return;
	}
	set_state(p, PORT_DOWN, "");
}

static void try_connect(struct vhost_port *p)
{
	int fd, ret = socket_connect(p->path, &p->driver->spare_fd, &fd);

	if (ret == 0)
		connected(p, fd);
	else
		retry_put(&p->driver->timer, &p->retry,
		        p->n_tries < RETRY_STEP_PEER ? p->n_tries++ : RETRY_STEP_PEER);
}

// A peer that was there for a while may come back at once, another one later.
static uint32_t next_step(struct vhost_port *p, bool broken)
{
	bool lasting = now_ns() - p->connected_ns > LASTING_NS;

	if (lasting)
		p->n_tries = p->n_breaks = 0;
	if (broken)
		return RETRY_STEP_BROKEN + p->n_breaks++;
	return p->n_tries < RETRY_STEP_PEER ? p->n_tries++ : RETRY_STEP_PEER;
}

void peer_lose(struct vhost_port *p, const struct fault *fault)
{
	bool broken = fault != NULL;

	device_fini(&p->device);
	connection_fini(&p->connection);
	p->paused = p->in_part = false;
	if (broken) {
		p->n_broken++;
		p->driver->n_broken++;
		snprintf(p->last_fault, sizeof(p->last_fault), "%.*s", VHOST_USER_REASON_SIZE - 1,
		        fault->message);
	}
	if (p->carrier) {
		watch_listener(p, false);
		retry_put(&p->driver->timer, &p->retry, next_step(p, broken));
	} else {
		retry_cancel(&p->driver->timer, &p->retry);
	}
	if (broken)
		set_state(p, PORT_BROKEN, p->last_fault);
	else
		set_state(p, PORT_WAITING, p->carrier ? "" : "its carrier is off");
}

static void read_again(struct vhost_port *p)
{
	struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP, .data.ptr = &p->on_connection};

	p->paused = false;
	(void)epoll_ctl(p->driver->epoll_fd, EPOLL_CTL_MOD, p->connection.fd, &event);
	if (p->in_part)
		retry_put(&p->driver->timer, &p->retry, RETRY_STEP_PART);
}

// Its time has come: whatever it waited for.
void peer_retry(struct vhost_port *p)
{
	static const struct fault part = {
	        .code = -EPROTO, .message = "a message that does not end within 2 s"};

	if (p->paused) {
		read_again(p);
	} else if (p->connection.fd >= 0) {
		if (p->in_part)
			peer_lose(p, &part);
	} else if (p->listen_fd >= 0) {
		watch_listener(p, true);
	} else {
		try_connect(p);
	}
}

static void on_listener(void *owner, uint32_t events)
{
	struct vhost_port *p = owner;
	int fd = accept4(p->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd < 0) {
		if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) {
			// no open files or memory: it would be readable on and on
			watch_listener(p, false);
			retry_put(&p->driver->timer, &p->retry, RETRY_STEP_PEER);
		}
		return;
	}
	connected(p, fd);
	// one front end a port: others wait outside until it is gone
	if (p->connection.fd >= 0)
		watch_listener(p, false);
}

// --- messages ------------------------------------------------------------------------------------

static int handle_messages(struct vhost_port *p, uint64_t start_ns, struct fault *fault)
{
	for (uint32_t i = 0; i < MESSAGES_PER_EVENT && used_ns() - start_ns < EVENT_NS; i++) {
		int ret = connection_receive(&p->connection, fault);

		if (ret <= 0)
			return ret;
		p->n_messages++;
		p->driver->n_messages++;
		ret = device_handle(&p->device, &p->connection, fault);
		if (ret < 0)
			return ret;
		connection_next(&p->connection);
		p->in_part = false;
	}
	return 0;
}

// Who begins a message and leaves it there keeps the descriptors that came with it open, and they
// are in nobody's budget.
static void wait_for_end(struct vhost_port *p)
{
	bool in_part = p->connection.n_bytes > 0;

	// a pause has the timer, and goes on from there
	if (in_part && !p->in_part && !p->paused)
		retry_put(&p->driver->timer, &p->retry, RETRY_STEP_PART);
	else if (!in_part && !p->paused)
		retry_cancel(&p->driver->timer, &p->retry);
	p->in_part = in_part;
}

// Messages differ: one that maps memory costs as much as a thousand others.
static void pause_if_busy(struct vhost_port *p, uint64_t event_ns)
{
	struct epoll_event event = {.events = 0, .data.ptr = &p->on_connection};
	uint64_t now = now_ns();

	if (now - p->slice_ns > SLICE_NS) {
		p->slice_ns = now;
		p->n_messages = 0;
		p->slice_used_ns = 0;
	}
	p->slice_used_ns += event_ns;
	if (p->n_messages < MESSAGES_PER_SLICE && p->slice_used_ns < SLICE_USED_NS)
		return;
	p->paused = true;
	(void)epoll_ctl(p->driver->epoll_fd, EPOLL_CTL_MOD, p->connection.fd, &event);
	retry_put(&p->driver->timer, &p->retry, retry_step_of(p->slice_used_ns * PAUSE_FACTOR));
}

static void on_connection(void *owner, uint32_t events)
{
	struct vhost_port *p = owner;
	uint64_t start_ns = used_ns();
	struct fault fault = {0};
	int ret;

	if (p->connection.fd < 0) // closed by an event before this one
		return;
	ret = handle_messages(p, start_ns, &fault);
	if (ret == 0)
		ret = device_start(&p->device, &fault);
	if (ret < 0) {
		peer_lose(p, ret == -ECONNRESET ? NULL : &fault);
		return;
	}
	hand_over(p);
	set_state(p, device_runs(&p->device) ? PORT_UP : PORT_DOWN, "");
	wait_for_end(p);
	pause_if_busy(p, used_ns() - start_ns);
}

// --- life ----------------------------------------------------------------------------------------

void peer_init(struct vhost_port *p, struct port_driver *driver)
{
	p->driver = driver;
	p->on_connection = (struct event_source){on_connection, p};
	p->on_listener = (struct event_source){on_listener, p};
	p->listen_fd = -1;
	p->kicks_fd = -1;
	p->carrier = true;
	p->state = PORT_WAITING;
	p->device_config.quiesce = quiesce;
	p->device_config.arg = p;
	connection_init(&p->connection, -1);
	device_init(&p->device, &p->device_config);
}

void peer_start(struct vhost_port *p)
{
	if (p->listen_fd >= 0)
		watch_listener(p, true);
	else if (p->carrier)
		try_connect(p);
	else
		set_state(p, PORT_WAITING, "its carrier is off");
}

void peer_stop(struct vhost_port *p)
{
	retry_cancel(&p->driver->timer, &p->retry);
	device_fini(&p->device);
	connection_fini(&p->connection);
	if (p->listen_fd >= 0) {
		close(p->listen_fd);
		unlink(p->path);
	}
	p->listen_fd = -1;
}

void peer_set_carrier(struct vhost_port *p, bool up)
{
	if (p->carrier == up)
		return;
	p->carrier = up;
	if (!up) {
		peer_lose(p, NULL);
		return;
	}
	p->n_tries = 0;
	set_state(p, PORT_WAITING, "");
	try_connect(p);
}
