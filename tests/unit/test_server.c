/* SPDX-License-Identifier: BSD-3-Clause */
// The control socket under bad manners: while one client sends nonsense, endless lines, byte by
// byte, or never reads, another one is served, and nothing is left behind.
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "control_rig.h"
#include "jsonrpc.h"

#define WAIT_MS 5000
#define VERSION "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"version\"}\n"
#define METHODS "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"api.methods\"}\n"
#define STATS "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"stats.get\"}\n"

static struct control_rig rig;
static char dir[] = "/tmp/orrery-server-XXXXXX";
static char path[64];
static pthread_t thread;

static void *serve(void *arg)
{
	struct fault fault = {0};

	if (control_run(rig.control, &fault) < 0)
		fprintf(stderr, "control_run: %s\n", fault.message);
	return NULL;
}

static int open_with(uint32_t stall_ms)
{
	struct control_rig_options options = {
	        .socket_path = path, .max_clients = 4, .stall_ms = stall_ms};

	snprintf(path, sizeof(path), "%s/sock", dir);
	control_rig_open(&rig, &options);
	assert_int_equal(pthread_create(&thread, NULL, serve, NULL), 0);
	return 0;
}

static int open_server(void **state)
{
	return open_with(200);
}

static int open_patient(void **state)
{
	return open_with(60000);
}

static int new_client(void)
{
	struct timeval patience = {.tv_sec = WAIT_MS / 1000};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)), 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)), 0);
	return fd;
}

static void join_server(int fd)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
}

static int connect_client(void)
{
	int fd = new_client();

	join_server(fd);
	return fd;
}

static void send_text(int fd, const char *text)
{
	size_t len = strlen(text);

	assert_int_equal(send(fd, text, len, MSG_NOSIGNAL), len);
}

// One line, byte by byte: slow, but it takes no more than the line. False at the end of the stream.
static bool read_line(int fd, char *buf, size_t size)
{
	for (size_t n = 0; n < size - 1; n++) {
		ssize_t got = recv(fd, buf + n, 1, 0);

		if (got <= 0 || buf[n] == '\n') {
			buf[n] = '\0';
			return got > 0;
		}
	}
	buf[size - 1] = '\0';
	return true;
}

static void expect_line(int fd, const char *part)
{
	char line[4096];

	assert_true(read_line(fd, line, sizeof(line)));
	if (strstr(line, part) == NULL)
		fail_msg("no '%s' in: %s", part, line);
}

static void expect_end(int fd)
{
	char rest[4096];
	ssize_t got;

	while ((got = recv(fd, rest, sizeof(rest), 0)) > 0)
		;
	if (got < 0)
		assert_int_equal(errno, ECONNRESET);
}

static void expect_served(int fd)
{
	send_text(fd, VERSION);
	expect_line(fd, "\"instance\":\"test\"");
}

static int close_server(void **state)
{
	int fd = connect_client();

	send_text(fd, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"shutdown\"}\n");
	expect_line(fd, "\"result\":{}");
	pthread_join(thread, NULL);
	close(fd);
	control_rig_close(&rig, false);
	assert_int_equal(access(path, F_OK), -1); // the socket is gone
	return 0;
}

static void test_pipelined(void **state)
{
	int fd = connect_client();
	char all[200 * sizeof(VERSION)] = "";

	for (int i = 0; i < 200; i++)
		strcat(all, VERSION);
	send_text(fd, all);
	for (int i = 0; i < 200; i++)
		expect_line(fd, "\"instance\":\"test\"");
	close(fd);
}

static void test_ends_after_answers(void **state)
{
	int fd = connect_client();
	char all[50 * sizeof(VERSION)] = "";

	for (int i = 0; i < 50; i++)
		strcat(all, VERSION);
	send_text(fd, all);
	shutdown(fd, SHUT_WR); // as `echo ... | socat` does
	for (int i = 0; i < 50; i++)
		expect_line(fd, "\"instance\":\"test\"");
	expect_end(fd);
	close(fd);
}

static void test_malformed(void **state)
{
	static const char *const lines[] = {
	        "\x01\x02\xff\n", "{\n", "[[[[\n", "null\n", "\"x\"\n", "{\"id\":1}\n"};
	int fd = connect_client(), other = connect_client();

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		send_text(fd, lines[i]);
		expect_line(fd, "\"error\":");
		expect_served(other);
	}
	send_text(fd, "\n\n\n"); // empty lines are nothing
	expect_served(fd);
	close(fd);
	close(other);
}

static void test_deep(void **state)
{
	int fd = connect_client();
	char deep[100000];

	memset(deep, '{', sizeof(deep) - 2);
	deep[sizeof(deep) - 2] = '\n';
	deep[sizeof(deep) - 1] = '\0';
	send_text(fd, deep);
	expect_line(fd, "-32700");
	expect_served(fd);
	close(fd);
}

static void test_oversized(void **state)
{
	static char block[65536];
	int fd = connect_client(), other = connect_client();
	size_t sent = 0;

	memset(block, 'x', sizeof(block));
	while (sent <= JSONRPC_LINE_MAX + sizeof(block)) {
		ssize_t n = send(fd, block, sizeof(block), MSG_NOSIGNAL);

		if (n < 0)
			break; // it has closed already
		sent += (size_t)n;
	}
	expect_served(other);
	expect_line(fd, "4 MiB");
	expect_end(fd);
	expect_served(other);
	close(fd);
	close(other);
}

static void test_truncated(void **state)
{
	int other = connect_client();

	for (int i = 0; i < 20; i++) {
		int fd = connect_client();

		send_text(fd, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ver");
		close(fd);
		expect_served(other);
	}
	close(other);
}

static void test_slow_sender(void **state)
{
	static const char line[] = VERSION;
	int fd = connect_client(), other = connect_client();

	for (size_t i = 0; i < sizeof(line) - 1; i++) {
		assert_int_equal(send(fd, line + i, 1, MSG_NOSIGNAL), 1);
		expect_served(other);
	}
	expect_line(fd, "\"instance\"");
	close(fd);
	close(other);
}

// It asks and asks, and takes no answer: it is held back, then dropped. The other one notices
// nothing.
static void test_never_reads(void **state)
{
	int fd = connect_client(), other = connect_client();
	struct timeval soon = {.tv_usec = 50000};
	bool dropped = false;

	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &soon, sizeof(soon)), 0);
	for (int i = 0; i < 100000 && !dropped; i++) {
		if (send(fd, METHODS, sizeof(METHODS) - 1, MSG_NOSIGNAL) < 0)
			dropped = errno == EPIPE || errno == ECONNRESET;
		if (i % 50 == 0)
			expect_served(other);
	}
	assert_true(dropped);
	expect_served(other);
	close(fd);
	close(other);
}

// A new client takes the place of the one that asked longest ago, however many sit there.
static void test_full_house(void **state)
{
	int fds[4], others[20];

	for (int i = 0; i < 4; i++) {
		fds[i] = connect_client();
		expect_served(fds[i]);
	}
	expect_served(fds[0]); // now fds[1] is the one
	send_text(fds[1], "{\"half"); // which is no request
	for (int i = 0; i < 20; i++) {
		others[i] = connect_client();
		expect_served(others[i]);
		expect_served(fds[0]);
		if (i == 0)
			expect_end(fds[1]);
	}
	expect_end(fds[2]);
	expect_end(fds[3]);
	send_text(fds[0], STATS);
	expect_line(fds[0], "\"dropped_clients\":20");
	for (int i = 0; i < 4; i++)
		close(fds[i]);
	for (int i = 0; i < 20; i++)
		close(others[i]);
}

static void be_busy(int fd)
{
	expect_served(fd);
	for (int n = 0; n < 40; n++)
		send_text(fd, METHODS); // more in answers than the kernel takes
}

// Clients that have answers to take are not idle, whenever they asked.
static void test_busy_stay(void **state)
{
	int fds[4], next, last;

	for (int i = 0; i < 4; i++)
		fds[i] = connect_client();
	for (int i = 0; i < 3; i++)
		be_busy(fds[i]);
	expect_served(fds[3]);
	next = connect_client();
	expect_served(next);
	expect_end(fds[3]);
	be_busy(next);
	last = connect_client(); // all are busy
	send_text(last, VERSION);
	assert_int_equal(poll(&(struct pollfd){.fd = last, .events = POLLIN}, 1, 200), 0);
	close(fds[0]);
	expect_line(last, "\"instance\"");
	for (int i = 1; i < 4; i++)
		close(fds[i]);
	close(next);
	close(last);
}

static int64_t cpu_time_ns(void)
{
	struct timespec time;
	clockid_t clock;

	assert_int_equal(pthread_getcpuclockid(thread, &clock), 0);
	assert_int_equal(clock_gettime(clock, &time), 0);
	return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

// The process has no descriptor left: clients that are there are served, others wait, and the
// thread does not spin meanwhile.
static void test_no_descriptor(void **state)
{
	int other = connect_client(), fd = new_client(), probe;
	struct rlimit before, none;
	int64_t cpu_ns;

	expect_served(other);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	probe = dup(fd); // the lowest that is free
	assert_true(probe >= 0);
	close(probe);
	none = before;
	none.rlim_cur = (rlim_t)probe;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	assert_int_equal(dup(other), -1);
	join_server(fd);
	send_text(fd, VERSION);
	expect_served(other);
	cpu_ns = cpu_time_ns();
	assert_int_equal(poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, 300), 0);
	cpu_ns = cpu_time_ns() - cpu_ns;
	expect_served(other);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_true(cpu_ns < 20000000);
	expect_line(fd, "\"instance\"");
	close(fd);
	close(other);
}

static unsigned count_fds(void)
{
	DIR *list = opendir("/proc/self/fd");
	unsigned n = 0;

	while (readdir(list) != NULL)
		n++;
	closedir(list);
	return n;
}

static void send_with_fds(int fd, const char *text, const int *fds, size_t n_fds)
{
	char control[CMSG_SPACE(8 * sizeof(int))] = {0};
	struct iovec iov = {.iov_base = (void *)(uintptr_t)text, .iov_len = strlen(text)};
	struct msghdr message = {.msg_iov = &iov,
	        .msg_iovlen = 1,
	        .msg_control = control,
	        .msg_controllen = CMSG_SPACE(n_fds * sizeof(int))};
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&message);

	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(n_fds * sizeof(int));
	memcpy(CMSG_DATA(cmsg), fds, n_fds * sizeof(int));
	assert_int_equal(sendmsg(fd, &message, MSG_NOSIGNAL), iov.iov_len);
}

// A matrix by memfd, and descriptors that nobody asked for: all are closed.
static void test_descriptors(void **state)
{
	const struct orrery_record record = {.from = 0, .to = 1, .set = ORRERY_SET_TO};
	int fd = connect_client(), records = memfd_create("records", MFD_CLOEXEC);
	unsigned before;

	assert_int_equal(write(records, &record, sizeof(record)), sizeof(record));
	send_text(fd, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"node.add\",\"params\":{\"name\":"
	              "\"a\",\"kind\":"
	              "\"pod\",\"interfaces\":[\"x\",\"y\"]}}\n");
	expect_line(fd, "\"created\":true");
	before = count_fds();
	for (int i = 0; i < 10; i++) {
		int many[4] = {records, records, records, records};

		send_with_fds(fd,
		        "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"matrix.commit\",\"params\":{"
		        "\"fd\":"
		        "true,\"count\":1}}\n",
		        &records, 1);
		expect_line(fd, "\"epoch\":");
		send_with_fds(fd, VERSION, many, 4);
		expect_line(fd, "\"instance\"");
		send_with_fds(fd, "nonsense\n", many, 2);
		expect_line(fd, "-32700");
		send_with_fds(fd, "\n", many, 2);
		expect_served(fd);
	}
	assert_int_equal(count_fds(), before);
	close(records);
	close(fd);
}

// A live socket is refused, a dead one is replaced, a file is left alone.
static void test_stale_socket(void **state)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	struct control_rig_options options = {.socket_path = path};
	struct control_rig second;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(path, sizeof(path), "%s/sock", dir);
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	close(fd); // nobody listens there any more
	control_rig_open(&second, &options);
	assert_int_equal(access(path, F_OK), 0);
	control_rig_close(&second, false);
	assert_int_equal(access(path, F_OK), -1);
}

static int make_dir(void **state)
{
	return mkdtemp(dir) != NULL ? 0 : -1;
}

static int remove_dir(void **state)
{
	return rmdir(dir);
}

#define SERVED(test) cmocka_unit_test_setup_teardown(test, open_server, close_server)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        SERVED(test_pipelined),
	        SERVED(test_ends_after_answers),
	        SERVED(test_malformed),
	        SERVED(test_deep),
	        SERVED(test_oversized),
	        SERVED(test_truncated),
	        SERVED(test_slow_sender),
	        SERVED(test_never_reads),
	        SERVED(test_full_house),
	        cmocka_unit_test_setup_teardown(test_busy_stay, open_patient, close_server),
	        SERVED(test_no_descriptor),
	        SERVED(test_descriptors),
	        cmocka_unit_test(test_stale_socket),
	};

	(void)signal(SIGPIPE, SIG_IGN); // as the switch does
	control_rig_eal();
	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
