/* SPDX-License-Identifier: BSD-3-Clause */
// Control: an epoll set with a descriptor a port.
#include "control.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "log.h"

#define RETRY_NS 50000000
#define EVENTS_MAX 512

// Values of epoll_data that are no port.
enum { WATCH_SIGNAL = -1, WATCH_STDIN = -2, WATCH_LISTEN = -3, WATCH_CLIENT = -4 };

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
		int err = 0;

		if (!control->fleet->options->hostile[i])
			err = open_port(control, &control->fleet->ports[i], fault);
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

		if (port->connection.state != CONNECTION_CLOSED ||
		        control->fleet->options->hostile[i])
			continue;
		err = open_port(control, port, &fault);
		if (err < 0)
			log_err("port %u: %s: %s", port->id, fault.message, strerror(-err));
	}
}

// --- commands and signals ----------------------------------------------------------------------

static void end_source(struct control *control, struct control_source *source)
{
	epoll_ctl(control->epoll_fd, EPOLL_CTL_DEL, source->in, NULL);
	if (source == &control->client)
		close(source->in);
	source->in = -1;
}

static void read_commands(struct control *control, struct control_source *source)
{
	ssize_t n = read(
	        source->in, source->text + source->len, sizeof(source->text) - 1 - source->len);
	char *end;

	if (n <= 0) {
		end_source(control, source);
		return;
	}
	source->len += (uint32_t)n;
	source->text[source->len] = '\0';
	while ((end = strchr(source->text, '\n')) != NULL) {
		*end = '\0';
		control->on_command(control->context, source->text, source->out);
		source->len -= (uint32_t)(end + 1 - source->text);
		memmove(source->text, end + 1, source->len + 1);
	}
	if (source->len == sizeof(source->text) - 1)
		source->len = 0;
}

// One client at a time: a new one takes the place of the last.
static void accept_client(struct control *control)
{
	int fd = accept4(control->listen_fd, NULL, NULL, SOCK_CLOEXEC);

	if (fd < 0)
		return;
	if (control->client.in >= 0)
		end_source(control, &control->client);
	control->client = (struct control_source){.in = fd, .out = fd};
	if (watch(control, fd, WATCH_CLIENT) < 0)
		end_source(control, &control->client);
}

static int listen_for_clients(struct control *control, struct fault *fault)
{
	const char *path = control->fleet->options->control_path;
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	mode_t mask;
	int err = 0;

	if (path == NULL)
		return 0;
	if (strlen(path) >= sizeof(address.sun_path))
		return fault_set(fault, -ENAMETOOLONG, "", "%s: too long", path);
	strcpy(address.sun_path, path);
	control->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (control->listen_fd < 0)
		return fault_set(fault, -errno, "", "%s: cannot make a socket", path);
	unlink(path);
	mask = umask(0177);
	if (bind(control->listen_fd, (struct sockaddr *)&address, sizeof(address)) != 0 ||
	        listen(control->listen_fd, 1) != 0)
		err = fault_set(fault, -errno, "", "%s: cannot listen there", path);
	umask(mask);
	return err < 0 ? err : watch(control, control->listen_fd, WATCH_LISTEN);
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

	*control = (struct control){.fleet = fleet,
	        .signal_fd = -1,
	        .listen_fd = -1,
	        .input = {.in = STDIN_FILENO, .out = STDOUT_FILENO},
	        .client = {.in = -1}};
	control->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (control->epoll_fd < 0)
		return fault_set(fault, -errno, "", "cannot make an epoll set");
	err = watch_signals(control);
	if (err < 0)
		return fault_set(fault, err, "", "cannot watch signals");
	// a file, /dev/null among them, has no commands and cannot be watched
	(void)watch(control, STDIN_FILENO, WATCH_STDIN);
	return listen_for_clients(control, fault);
}

void control_fini(struct control *control)
{
	if (control->epoll_fd >= 0)
		close(control->epoll_fd);
	if (control->signal_fd >= 0)
		close(control->signal_fd);
	if (control->client.in >= 0)
		close(control->client.in);
	if (control->listen_fd >= 0) {
		close(control->listen_fd);
		unlink(control->fleet->options->control_path);
	}
}

// --- the loop ----------------------------------------------------------------------------------

static void handle(struct control *control, int64_t what)
{
	if (what == WATCH_SIGNAL)
		control->stop = true;
	else if (what == WATCH_STDIN)
		read_commands(control, &control->input);
	else if (what == WATCH_CLIENT)
		read_commands(control, &control->client);
	else if (what == WATCH_LISTEN)
		accept_client(control);
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

		if (o->hostile[i])
			continue;
		connection_stop_rings(&port->connection, 2);
		connection_close(&port->connection);
		path_of(control, i, path, sizeof(path));
		if (!o->client)
			unlink(path);
	}
}
