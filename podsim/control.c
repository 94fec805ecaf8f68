/* SPDX-License-Identifier: BSD-3-Clause */
// Control: an epoll set with a descriptor a port.
#include "control.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "log.h"

#define RETRY_NS 50000000
#define EVENTS_MAX 512

// Values of epoll_data that are no port.
enum { WATCH_SIGNAL = -1, WATCH_STDIN = -2 };

int64_t control_now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ll + t.tv_nsec;
}

// --- ports -------------------------------------------------------------------------------------

static int watch(struct control *control, int fd, int64_t what)
{
	struct epoll_event event = {.events = EPOLLIN, .data.u64 = (uint64_t)what};

	return epoll_ctl(control->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0 ? 0 : -errno;
}

static bool nobody_there(int err)
{
	return err == -ENOENT || err == -ECONNREFUSED || err == -EAGAIN;
}

static int path_of(const struct control *control, uint32_t id, char *buf, size_t size)
{
	const char *template = control->fleet->options->path;
	const char *percent = strchr(template, '%');

	return snprintf(
	        buf, size, "%.*s%u%s", (int)(percent - template), template, id, percent + 2);
}

static int open_port(struct control *control, struct port *port, struct fault *fault)
{
	const struct options *o = control->fleet->options;
	char path[256];
	int err;

	path_of(control, port->id, path, sizeof(path));
	err = connection_open(&port->connection, path, o->client, fault);
	if (err == 0)
		return watch(control, port->connection.fd, port->id);
	if (!o->client || !nobody_there(err))
		return err;
	if (control->retry_ns == 0)
		control->retry_ns = control_now_ns() + RETRY_NS;
	return 0;
}

int control_open_all(struct control *control, struct fault *fault)
{
	for (uint32_t i = 0; i < control->fleet->n_ports; i++) {
		int err = open_port(control, &control->fleet->ports[i], fault);

		if (err < 0)
			return err;
	}
	return 0;
}

// Frames that are in the rings are gone when the device is.
static void take_down(struct control *control, struct port *port)
{
	bool packed = control->fleet->shape.packed;
	uint32_t n_free =
	        packed ? ring_packed_n_free(&port->tx.packed) : ring_split_n_free(&port->tx.split);

	control->fleet->n_up--;
	port->counters.tx_reset += control->fleet->shape.ring_size - n_free;
}

static void close_port(struct control *control, struct port *port)
{
	struct fault fault = {0};
	int err;

	if (atomic_load(&port->up)) {
		atomic_store(&port->up, false);
		worker_quiesce(&control->fleet->worker);
		take_down(control, port);
	}
	connection_close(&port->connection);
	err = open_port(control, port, &fault);
	if (err < 0)
		log_err("port %u: %s: %s", port->id, fault.message, strerror(-err));
}

static int announce(struct control *control, struct port *port, struct fault *fault)
{
	struct fleet *fleet = control->fleet;
	struct connection_ring rings[2];

	port_reset(port, &fleet->shape, &fleet->memory, port->connection.features, rings);
	return connection_announce(
	        &port->connection, &fleet->wishes, &fleet->memory, rings, 2, fault);
}

static int port_readable(struct control *control, struct port *port, struct fault *fault)
{
	enum connection_event event = CONNECTION_ANNOUNCE;
	int err;

	if (port->connection.state == CONNECTION_LISTENING) {
		err = connection_accept(&port->connection, fault);
		return err < 0 ? err : watch(control, port->connection.fd, port->id);
	}
	do {
		err = connection_read(&port->connection, &control->fleet->wishes, &event, fault);
		if (err == 0 && event == CONNECTION_ANNOUNCE)
			err = announce(control, port, fault);
	} while (err == 0 && event == CONNECTION_ANNOUNCE);
	if (err == 0 && event == CONNECTION_IS_UP) {
		control->fleet->n_up++;
		atomic_store_explicit(&port->up, true, memory_order_release);
	}
	return err;
}

static void handle_port(struct control *control, struct port *port)
{
	struct fault fault = {0};
	int err = port_readable(control, port, &fault);

	if (err == 0)
		return;
	if (err != -ECONNRESET) {
		control->n_failures++;
		log_warning("port %u: %s%s%s", port->id, fault.message,
		        fault.message[0] != '\0' ? ": " : "", strerror(-err));
	}
	close_port(control, port);
}

static void retry(struct control *control)
{
	control->retry_ns = 0;
	for (uint32_t i = 0; i < control->fleet->n_ports; i++) {
		struct port *port = &control->fleet->ports[i];
		struct fault fault;
		int err;

		if (port->connection.state != CONNECTION_CLOSED)
			continue;
		err = open_port(control, port, &fault);
		if (err < 0)
			log_err("port %u: %s: %s", port->id, fault.message, strerror(-err));
	}
}

// --- commands and signals ----------------------------------------------------------------------

static void read_commands(struct control *control)
{
	ssize_t n = read(STDIN_FILENO, control->command + control->command_len,
	        sizeof(control->command) - 1 - control->command_len);
	char *end;

	if (n <= 0) {
		epoll_ctl(control->epoll_fd, EPOLL_CTL_DEL, STDIN_FILENO, NULL);
		return;
	}
	control->command_len += (uint32_t)n;
	control->command[control->command_len] = '\0';
	while ((end = strchr(control->command, '\n')) != NULL) {
		*end = '\0';
		control->on_command(control->context, control->command);
		control->command_len -= (uint32_t)(end + 1 - control->command);
		memmove(control->command, end + 1, control->command_len + 1);
	}
	if (control->command_len == sizeof(control->command) - 1)
		control->command_len = 0;
}

static int watch_signals(struct control *control)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	control->signal_fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	return control->signal_fd >= 0 ? watch(control, control->signal_fd, WATCH_SIGNAL) : -errno;
}

int control_init(struct control *control, struct fleet *fleet, struct fault *fault)
{
	int err;

	*control = (struct control){.fleet = fleet, .signal_fd = -1};
	control->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (control->epoll_fd < 0)
		return fault_set(fault, -errno, "", "cannot make an epoll set");
	err = watch_signals(control);
	if (err < 0)
		return fault_set(fault, err, "", "cannot watch signals");
	// a file, /dev/null among them, has no commands and cannot be watched
	(void)watch(control, STDIN_FILENO, WATCH_STDIN);
	return 0;
}

void control_fini(struct control *control)
{
	if (control->epoll_fd >= 0)
		close(control->epoll_fd);
	if (control->signal_fd >= 0)
		close(control->signal_fd);
}

// --- the loop ----------------------------------------------------------------------------------

static void handle(struct control *control, int64_t what)
{
	if (what == WATCH_SIGNAL)
		control->stop = true;
	else if (what == WATCH_STDIN)
		read_commands(control);
	else
		handle_port(control, &control->fleet->ports[what]);
}

static int wait_ms(const struct control *control, int64_t until_ns)
{
	int64_t now = control_now_ns();
	int64_t next = control->retry_ns != 0 && control->retry_ns < until_ns ? control->retry_ns
	                                                                      : until_ns;

	if (next <= now)
		return 0;
	return next - now > 1000000000 ? 1000 : (int)((next - now + 999999) / 1000000);
}

void control_run(struct control *control, int64_t until_ns, bool (*done)(struct control *control))
{
	struct epoll_event events[EVENTS_MAX];

	while (!control->stop && !(done != NULL && done(control))) {
		int n = epoll_wait(
		        control->epoll_fd, events, EVENTS_MAX, wait_ms(control, until_ns));

		for (int i = 0; i < n; i++)
			handle(control, (int64_t)events[i].data.u64);
		if (control->retry_ns != 0 && control_now_ns() >= control->retry_ns)
			retry(control);
		if (n == 0 && control_now_ns() >= until_ns)
			break;
	}
}

void control_close_all(struct control *control)
{
	const struct options *o = control->fleet->options;

	for (uint32_t i = 0; i < control->fleet->n_ports; i++) {
		struct port *port = &control->fleet->ports[i];
		char path[256];

		connection_stop_rings(&port->connection, 2);
		connection_close(&port->connection);
		path_of(control, i, path, sizeof(path));
		if (!o->client)
			unlink(path);
	}
}
