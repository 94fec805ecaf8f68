/* SPDX-License-Identifier: BSD-3-Clause */
// The parts of vhost-user that know no port: messages, the byte stream, tables of guest memory,
// shared mappings and their guard.
#include <errno.h>
#include <fcntl.h>
#include <linux/memfd.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "connection.h"
#include "guest_memory.h"
#include "inflight.h"
#include "mapping.h"
#include "message.h"
#include "retry.h"
#include "socket_dir.h"

#define MIB (1024 * 1024)

// --- messages ------------------------------------------------------------------------------------

static struct message message(uint32_t request, uint32_t size)
{
	return (struct message){.request = request, .flags = MESSAGE_VERSION, .size = size};
}

static void test_message_header(void **state)
{
	struct message m = message(MESSAGE_SET_FEATURES, 8);

	assert_int_equal(message_check_header(&m, NULL), 0);
	m.flags = 2;
	assert_int_equal(message_check_header(&m, NULL), -EPROTO);
	m.flags = MESSAGE_VERSION | MESSAGE_REPLY;
	assert_int_equal(message_check_header(&m, NULL), -EPROTO);
	m.flags = MESSAGE_VERSION | MESSAGE_NEED_REPLY;
	assert_int_equal(message_check_header(&m, NULL), 0);
	for (uint32_t size = 0; size < 300; size++) {
		m.size = size;
		assert_int_equal(message_check_header(&m, NULL), size == 8 ? 0 : -EPROTO);
	}
}

static void test_message_unknown(void **state)
{
	static const uint32_t unknown[] = {0, 6, 7, 19, 21, 22, 24, 33, 35, 41, 99, UINT32_MAX};

	for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++) {
		struct message m = message(unknown[i], 0);

		assert_int_equal(message_check_header(&m, NULL), -EPROTO);
		assert_string_equal(message_name(unknown[i]), "unknown");
		assert_false(message_has_answer(unknown[i]));
	}
}

static void test_message_mem_table(void **state)
{
	struct message m = message(MESSAGE_SET_MEM_TABLE, 8 + 2 * 32);

	m.mem_table.n_regions = 2;
	assert_int_equal(message_check(&m, 2, NULL), 0);
	assert_int_equal(message_check(&m, 1, NULL), -EPROTO);
	assert_int_equal(message_check(&m, 3, NULL), -EPROTO);
	m.mem_table.n_regions = 3;
	assert_int_equal(message_check(&m, 3, NULL), -EPROTO);
	m.size = 8 + 9 * 32;
	m.mem_table.n_regions = 9;
	assert_int_equal(message_check(&m, 8, NULL), -EPROTO);
	m.size = 8;
	m.mem_table.n_regions = 0x08000000; // times 32 is 0 in 32 bits
	assert_int_equal(message_check(&m, 0, NULL), -EPROTO);
}

static void test_message_vring_fd(void **state)
{
	struct message m = message(MESSAGE_SET_VRING_KICK, 8);

	m.u64 = 1;
	assert_int_equal(message_check(&m, 1, NULL), 0);
	assert_int_equal(message_check(&m, 0, NULL), -EPROTO);
	m.u64 = 1 | VRING_FD_NONE;
	assert_int_equal(message_check(&m, 0, NULL), 0);
	assert_int_equal(message_check(&m, 1, NULL), -EPROTO);
	m.u64 = 0x201;
	assert_int_equal(message_check(&m, 1, NULL), -EPROTO);
}

// --- the byte stream -----------------------------------------------------------------------------

struct stream {
	int peer;
	struct connection connection;
};

static void stream_open(struct stream *s)
{
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	s->peer = fds[0];
	connection_init(&s->connection, fds[1]);
}

static void stream_close(struct stream *s)
{
	if (s->peer >= 0)
		close(s->peer);
	connection_fini(&s->connection);
	connection_fini(&s->connection);
}

static void send_with_fds(int socket, const void *bytes, size_t n, const int *fds, size_t n_fds)
{
	char control[CMSG_SPACE(32 * sizeof(int))] = {0};
	struct iovec iov = {.iov_base = (void *)(uintptr_t)bytes, .iov_len = n};
	struct msghdr header = {.msg_iov = &iov, .msg_iovlen = 1};

	if (n_fds > 0) {
		struct cmsghdr *cmsg;

		header.msg_control = control;
		header.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
		cmsg = CMSG_FIRSTHDR(&header);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(n_fds * sizeof(int));
		memcpy(CMSG_DATA(cmsg), fds, n_fds * sizeof(int));
	}
	assert_int_equal(sendmsg(socket, &header, MSG_NOSIGNAL), n);
}

// As on the wire: the header is not aligned like the struct.
static size_t wire(const struct message *m, uint8_t *to)
{
	memcpy(to, m, MESSAGE_HEADER_SIZE);
	memcpy(to + MESSAGE_HEADER_SIZE, m->bytes, m->size);
	return MESSAGE_HEADER_SIZE + m->size;
}

static int count_fds(void)
{
	int n = 0;

	for (int fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static void test_stream_whole_and_in_bytes(void **state)
{
	struct message m = message(MESSAGE_SET_VRING_ADDR, 40);
	uint8_t bytes[512];
	struct stream s;
	size_t n;

	m.addr = (struct message_vring_addr){.index = 1, .desc = 2, .used = 3, .avail = 4};
	n = wire(&m, bytes);
	stream_open(&s);
	assert_int_equal(connection_receive(&s.connection, NULL), 0);
	send_with_fds(s.peer, bytes, n, NULL, 0);
	assert_int_equal(connection_receive(&s.connection, NULL), 1);
	assert_int_equal(s.connection.message.addr.used, 3);
	connection_next(&s.connection);
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(connection_receive(&s.connection, NULL), 0);
		send_with_fds(s.peer, bytes + i, 1, NULL, 0);
	}
	assert_int_equal(connection_receive(&s.connection, NULL), 1);
	assert_memory_equal(&s.connection.message.addr, &m.addr, sizeof(m.addr));
	connection_next(&s.connection);
	close(s.peer);
	s.peer = -1;
	assert_int_equal(connection_receive(&s.connection, NULL), -ECONNRESET);
	stream_close(&s);
}

static void test_stream_descriptors(void **state)
{
	int before = count_fds(), fds[20], taken;
	struct message m = message(MESSAGE_SET_VRING_KICK, 8);
	struct fault fault = {0};
	uint8_t bytes[64];
	struct stream s;
	size_t n = wire(&m, bytes);

	for (size_t i = 0; i < 20; i++)
		fds[i] = 0;
	stream_open(&s);
	send_with_fds(s.peer, bytes, n, fds, 1);
	assert_int_equal(connection_receive(&s.connection, NULL), 1);
	taken = connection_take_fd(&s.connection, 0);
	connection_next(&s.connection);
	assert_true(fcntl(taken, F_GETFD) >= 0);
	close(taken);
	// two where one belongs; none of them stays
	send_with_fds(s.peer, bytes, n, fds, 2);
	assert_int_equal(connection_receive(&s.connection, &fault), -EPROTO);
	stream_close(&s);
	// more than any message carries, and more than there is room for
	for (size_t n_fds = 9; n_fds <= 20; n_fds += 11) {
		stream_open(&s);
		send_with_fds(s.peer, bytes, n, fds, n_fds);
		assert_int_equal(connection_receive(&s.connection, &fault), -EPROTO);
		stream_close(&s);
	}
	assert_int_equal(count_fds(), before);
}

// Descriptors that come bit by bit count together.
static void test_stream_descriptors_in_pieces(void **state)
{
	int before = count_fds(), fds[4] = {0, 0, 0, 0};
	struct message m = message(MESSAGE_SET_MEM_TABLE, 8 + 32);
	uint8_t bytes[64];
	struct stream s;

	m.mem_table.n_regions = 1;
	wire(&m, bytes);
	stream_open(&s);
	for (size_t i = 0; i < 3; i++) {
		int ret;

		send_with_fds(s.peer, bytes + i, 1, fds, 4);
		ret = connection_receive(&s.connection, NULL);
		assert_int_equal(ret, i < 2 ? 0 : -EPROTO);
	}
	stream_close(&s);
	assert_int_equal(count_fds(), before);
}

static void test_stream_answers_not_read(void **state)
{
	struct message m = message(MESSAGE_GET_FEATURES, 0);
	struct stream s;
	int ret = 0;

	stream_open(&s);
	message_answer_u64(&m, 7);
	for (int i = 0; i < 100000 && ret == 0; i++)
		ret = connection_send(&s.connection, &m, -1, NULL);
	assert_int_equal(ret, -EPROTO);
	stream_close(&s);
}

// --- guest memory --------------------------------------------------------------------------------

static int add(struct guest_memory *memory, uint64_t guest, uint64_t user, uint64_t size)
{
	struct guest_region region = {
	        .guest_addr = guest, .user_addr = user, .size = size, .host = (uint8_t *)guest};

	return guest_memory_add(memory, &region, NULL);
}

static void test_memory_refusals(void **state)
{
	struct guest_memory memory = {0};

	assert_int_equal(add(&memory, 0x1000, 0x100000, 0x1000), 0);
	assert_int_equal(add(&memory, 0x5000, 0x200000, 0), -EINVAL);
	assert_int_equal(add(&memory, 0x1fff, 0x200000, 1), -EINVAL); // guest's overlap
	assert_int_equal(add(&memory, 0x0, 0x200000, 0x1001), -EINVAL);
	assert_int_equal(add(&memory, 0x0, 0x200000, 0x9000), -EINVAL);
	assert_int_equal(add(&memory, 0x5000, 0x100fff, 1), -EINVAL); // front end's overlap
	assert_int_equal(add(&memory, UINT64_MAX - 0xfff, 0x200000, 0x1001), -EINVAL);
	assert_int_equal(add(&memory, 0x5000, UINT64_MAX - 0xfff, 0x1001), -EINVAL);
	assert_int_equal(add(&memory, 0x5000, 0x200000, UINT64_MAX), -EINVAL);
	assert_int_equal(add(&memory, 0x2000, 0x101000, 0x1000), 0); // neighbours
	assert_int_equal(memory.n_regions, 2);
}

static void test_memory_lookup(void **state)
{
	struct guest_memory memory = {0};
	uint64_t len = 0x3000;

	assert_int_equal(add(&memory, 0x10000, 0x100000, 0x1000), 0);
	assert_int_equal(add(&memory, 0x20000, 0x200000, 0x4000), 0);
	assert_int_equal(memory.regions[0].size, 0x4000); // largest first
	assert_ptr_equal(guest_memory_at(&memory, 0x22000, &len), (void *)0x22000);
	assert_int_equal(len, 0x2000);
	assert_null(guest_memory_at(&memory, 0x11000, &len));
	assert_null(guest_memory_at(&memory, 0xffff, &len));
	assert_ptr_equal(guest_memory_at_user(&memory, 0x100ff0, 0x10), (void *)0x10ff0);
	assert_null(guest_memory_at_user(&memory, 0x100ff0, 0x11));
	assert_null(guest_memory_at_user(&memory, 0x100ff0, UINT64_MAX));
}

static void test_memory_del(void **state)
{
	struct guest_memory memory = {0};
	struct guest_region region;

	for (uint64_t i = 0; i < GUEST_REGIONS_MAX; i++)
		assert_int_equal(add(&memory, i << 20, (i + 100) << 20, (i + 1) << 12), 0);
	assert_int_equal(add(&memory, 1ull << 40, 1ull << 40, 4096), -EINVAL);
	assert_int_equal(guest_memory_del(&memory, 5 << 20, 6 << 12, 104 << 20, &region), -ENOENT);
	assert_int_equal(guest_memory_del(&memory, 5 << 20, 6 << 12, 105 << 20, &region), 0);
	assert_ptr_equal(region.host, (void *)(5ul << 20));
	assert_int_equal(memory.n_regions, GUEST_REGIONS_MAX - 1);
	for (uint32_t i = 1; i < memory.n_regions; i++)
		assert_true(memory.regions[i - 1].size >= memory.regions[i].size);
}

// --- mappings ------------------------------------------------------------------------------------

static int memory_file(size_t size, unsigned seals)
{
	int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)size), 0);
	if (seals != 0)
		assert_int_equal(fcntl(fd, F_ADD_SEALS, seals), 0);
	return fd;
}

static void test_mapping_shared(void **state)
{
	struct mapping *a, *b, *c, *d;
	uint8_t *at_a, *at_b, *at_c, *at_d;
	struct mapping_pool_stats stats;
	struct mapping_pool *pool;
	int fd = memory_file(4 * MIB, 0), again = dup(fd);

	assert_int_equal(mapping_pool_create(&pool, NULL), 0);
	assert_int_equal(mapping_get(pool, fd, 0, 4 * MIB, &a, &at_a, NULL), 0);
	assert_int_equal(mapping_get(pool, again, 0, 4 * MIB, &b, &at_b, NULL), 0);
	assert_ptr_equal(a, b);
	// a region that begins within a page is in the same pages
	assert_int_equal(mapping_get(pool, fd, 100, 4 * MIB - 200, &c, &at_c, NULL), 0);
	assert_ptr_equal(a, c);
	assert_ptr_equal(at_c, at_a + 100);
	assert_int_equal(mapping_get(pool, fd, MIB, MIB, &d, &at_d, NULL), 0);
	assert_ptr_not_equal(a, d);
	at_a[MIB + 5] = 77;
	assert_int_equal(at_d[5], 77);
	mapping_pool_stats(pool, &stats);
	assert_int_equal(stats.n_mappings, 2);
	assert_int_equal(stats.bytes, 5 * MIB);
	close(fd);
	close(again);
	mapping_put(a);
	mapping_put(b);
	at_c[0] = 1; // still there
	mapping_put(c);
	mapping_put(d);
	mapping_pool_stats(pool, &stats);
	assert_int_equal(stats.n_mappings + stats.bytes + stats.n_guarded, 0);
	mapping_pool_destroy(pool);
}

static void refuse_mapping(struct mapping_pool *pool, int fd, uint64_t offset, uint64_t size)
{
	struct mapping *mapping;
	uint8_t *host;

	assert_true(mapping_get(pool, fd, offset, size, &mapping, &host, NULL) < 0);
}

static void test_mapping_refusals(void **state)
{
	int fd = memory_file(MIB, 0), pipes[2], file, read_only, sealed;
	struct mapping_pool *pool, *second;
	char path[32];

	assert_int_equal(mapping_pool_create(&pool, NULL), 0);
	assert_int_equal(mapping_pool_create(&second, NULL), -EBUSY);
	refuse_mapping(pool, fd, 0, 0);
	refuse_mapping(pool, fd, 0, MIB + 1);
	refuse_mapping(pool, fd, MIB, 1);
	refuse_mapping(pool, fd, UINT64_MAX, 2);
	refuse_mapping(pool, fd, 4096, UINT64_MAX - 4095);
	refuse_mapping(pool, fd, 1ull << 63, 4096);
	assert_int_equal(pipe(pipes), 0);
	refuse_mapping(pool, pipes[1], 0, 4096);
	// somebody else's memory, which one may only read
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	read_only = open(path, O_RDONLY | O_CLOEXEC);
	refuse_mapping(pool, read_only, 0, 4096);
	// a file whose pages come from elsewhere
	file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	refuse_mapping(pool, file, 0, 4096);
	sealed = memory_file(MIB, F_SEAL_WRITE);
	refuse_mapping(pool, sealed, 0, MIB);
	mapping_pool_destroy(pool);
	close(fd);
	close(read_only);
	close(file);
	close(sealed);
	close(pipes[0]);
	close(pipes[1]);
}

static void test_mapping_seals(void **state)
{
	int sealed = memory_file(MIB, F_SEAL_SHRINK), open_ended = memory_file(MIB, F_SEAL_GROW);
	struct mapping *a, *b;
	struct mapping_pool *pool;
	uint8_t *host;

	assert_int_equal(mapping_pool_create(&pool, NULL), 0);
	assert_int_equal(mapping_get(pool, sealed, 0, MIB, &a, &host, NULL), 0);
	assert_true(mapping_is_sealed(a));
	assert_int_equal(mapping_get(pool, open_ended, 0, MIB, &b, &host, NULL), 0);
	assert_false(mapping_is_sealed(b));
	mapping_put(a);
	mapping_put(b);
	mapping_pool_destroy(pool);
	close(sealed);
	close(open_ended);
}

#define GIB (1ull << 30)

static uint64_t huge_setting(const char *name)
{
	unsigned long long value = 0;
	char path[96];
	FILE *file;

	snprintf(path, sizeof(path), "/sys/kernel/mm/hugepages/hugepages-1048576kB/%s", name);
	file = fopen(path, "r");
	if (file == NULL)
		return 0;
	if (fscanf(file, "%llu", &value) != 1)
		value = 0;
	fclose(file);
	return value;
}

// A sealed file of more hugepages than there are: its last page cannot be had.
static void test_mapping_hugepages(void **state)
{
	uint64_t n_pages =
	        huge_setting("nr_hugepages") + huge_setting("nr_overcommit_hugepages") + 1;
	int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_HUGETLB | MFD_HUGE_1GB);
	struct mapping *mapping;
	struct mapping_pool *pool;
	struct pollfd poll_fd;
	uint8_t *host;

	if (fd < 0)
		skip(); // no such pages here
	assert_int_equal(ftruncate(fd, (off_t)(n_pages * GIB)), 0);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW), 0);
	assert_int_equal(mapping_pool_create(&pool, NULL), 0);
	assert_int_equal(mapping_get(pool, fd, 0, n_pages * GIB, &mapping, &host, NULL), 0);
	assert_true(mapping_is_sealed(mapping));
	for (uint64_t i = 0; i < n_pages; i++)
		assert_int_equal(*(volatile uint8_t *)(host + i * GIB + 4711), 0);
	assert_true(mapping_is_broken(mapping));
	poll_fd = (struct pollfd){.fd = mapping_pool_fd(pool), .events = POLLIN};
	assert_int_equal(poll(&poll_fd, 1, 0), 1);
	mapping_put(mapping);
	mapping_pool_destroy(pool);
	close(fd);
}

struct reader {
	const volatile uint8_t *at;
	_Atomic bool stop;
	_Atomic uint64_t n_rounds;
};

// The memory is replaced while it is read: for the thread sanitizer a race.
__attribute__((no_sanitize("thread"))) static void *read_on(void *arg)
{
	struct reader *reader = arg;

	while (!atomic_load(&reader->stop)) {
		for (size_t i = 0; i < MIB; i += 4096)
			(void)reader->at[i];
		atomic_fetch_add(&reader->n_rounds, 1);
	}
	return NULL;
}

static void wait_rounds(struct reader *reader, uint64_t n)
{
	uint64_t until = atomic_load(&reader->n_rounds) + n;

	while (atomic_load(&reader->n_rounds) < until)
		sched_yield();
}

// Two threads read while the file is cut to nothing: the process lives, the mapping is marked, and
// another guest's is not.
static void test_mapping_truncated(void **state)
{
	int fd = memory_file(MIB, 0), other_fd = memory_file(MIB, 0);
	struct mapping *mapping, *other, *anew;
	struct reader readers[2] = {0};
	struct mapping_pool *pool;
	uint8_t *host, *other_host;
	pthread_t threads[2];
	uint64_t n;

	assert_int_equal(mapping_pool_create(&pool, NULL), 0);
	assert_int_equal(mapping_get(pool, fd, 0, MIB, &mapping, &host, NULL), 0);
	assert_int_equal(mapping_get(pool, other_fd, 0, MIB, &other, &other_host, NULL), 0);
	other_host[4096] = 3;
	for (int i = 0; i < 2; i++) {
		readers[i].at = host;
		pthread_create(&threads[i], NULL, read_on, &readers[i]);
		wait_rounds(&readers[i], 2);
	}
	assert_false(mapping_is_broken(mapping));
	assert_int_equal(ftruncate(fd, 0), 0);
	for (int i = 0; i < 2; i++)
		wait_rounds(&readers[i], 3);
	assert_true(mapping_is_broken(mapping));
	assert_false(mapping_is_broken(other));
	assert_int_equal(other_host[4096], 3);
	assert_int_equal(read(mapping_pool_fd(pool), &n, sizeof(n)), sizeof(n));
	// grown again, it is a new mapping
	assert_int_equal(ftruncate(fd, MIB), 0);
	assert_int_equal(mapping_get(pool, fd, 0, MIB, &anew, &host, NULL), 0);
	assert_ptr_not_equal(anew, mapping);
	assert_false(mapping_is_broken(anew));
	for (int i = 0; i < 2; i++) {
		atomic_store(&readers[i].stop, true);
		pthread_join(threads[i], NULL);
	}
	mapping_put(mapping);
	mapping_put(other);
	mapping_put(anew);
	mapping_pool_destroy(pool);
	close(fd);
	close(other_fd);
}

// Any other SIGBUS is none of ours.
static void die_elsewhere(void)
{
	struct mapping_pool *pool;
	int fd = memory_file(4096, 0);
	volatile uint8_t *at;

	if (mapping_pool_create(&pool, NULL) < 0)
		_exit(1);
	at = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (ftruncate(fd, 0) < 0)
		_exit(1);
	(void)at[0];
	_exit(0);
}

static int status_of(void (*function)(void))
{
	pid_t pid = fork();
	int status = 0;

	if (pid == 0) {
		signal(SIGBUS, SIG_DFL); // not the test's own
		function();
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void previous_handler(int signo)
{
	_exit(42);
}

static void die_with_handler(void)
{
	signal(SIGBUS, previous_handler);
	die_elsewhere();
}

static void die_by_kill(void)
{
	struct mapping_pool *pool;

	if (mapping_pool_create(&pool, NULL) == 0)
		raise(SIGBUS);
	_exit(0);
}

static void die_after_close(void)
{
	struct mapping_pool *pool;

	signal(SIGBUS, previous_handler);
	if (mapping_pool_create(&pool, NULL) < 0)
		_exit(1);
	mapping_pool_destroy(pool);
	raise(SIGBUS);
	_exit(0);
}

static void test_mapping_other_sigbus(void **state)
{
	int status = status_of(die_elsewhere);

	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS);
	status = status_of(die_by_kill);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS);
	status = status_of(die_with_handler);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 42);
	status = status_of(die_after_close);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 42);
}

static void test_inflight(void **state)
{
	struct mapping *mapping;
	struct mapping_pool *pool;
	uint8_t *host;
	int fd;

	assert_int_equal(inflight_part_size(false, 256), 16 + 256 * 16 + 48);
	assert_int_equal(inflight_part_size(true, 256), 32 + 256 * 32 + 32);
	assert_int_equal(inflight_part_size(true, 1) % 64, 0);
	assert_int_equal(inflight_create(8192, &fd), 0);
	assert_true(ftruncate(fd, 0) < 0);
	assert_int_equal(mapping_pool_create(&pool, NULL), 0);
	assert_int_equal(mapping_get(pool, fd, 0, 8192, &mapping, &host, NULL), 0);
	assert_true(mapping_is_sealed(mapping));
	mapping_put(mapping);
	mapping_pool_destroy(pool);
	close(fd);
}

// --- sockets -------------------------------------------------------------------------------------

static void test_socket_paths(void **state)
{
	struct socket_dir dir = {.path = "/run/orrery/orrery-vhost"};
	char path[PORT_SOCKET_SIZE], long_ref[PORT_REF_SIZE], other[PORT_SOCKET_SIZE];

	assert_int_equal(socket_dir_path(&dir, "sat-1/isl0", "", path, NULL), 0);
	assert_string_equal(path, "/run/orrery/orrery-vhost/sat-1+isl0");
	assert_int_equal(socket_dir_path(&dir, "sat-1/isl0", "/tmp/x", path, NULL), 0);
	assert_string_equal(path, "/tmp/x");
	assert_int_equal(socket_dir_path(&dir, "sat-1/isl0", "tmp/x", path, NULL), -EINVAL);
	memset(dir.path, 'd', 70);
	dir.path[0] = '/';
	dir.path[70] = '\0';
	memset(long_ref, 'n', sizeof(long_ref));
	long_ref[63] = '/';
	long_ref[79] = '\0';
	assert_int_equal(socket_dir_path(&dir, long_ref, "", path, NULL), 0);
	assert_int_equal(strlen(path), 70 + 1 + 16);
	long_ref[0] = 'm';
	assert_int_equal(socket_dir_path(&dir, long_ref, "", other, NULL), 0);
	assert_string_not_equal(path, other);
}

static void test_socket_listen(void **state)
{
	char base[] = "/tmp/orrery-vhost-test.XXXXXX", dir_path[64], path[80], link_path[80];
	struct vhost_user_config config = {.socket_mode = 0600};
	int fd, second, spare = -1, peer;
	struct socket_dir dir;
	struct stat st;

	assert_non_null(mkdtemp(base));
	snprintf(dir_path, sizeof(dir_path), "%s/a/b", base);
	snprintf(path, sizeof(path), "%s/s", dir_path);
	config.socket_dir = dir_path;
	assert_int_equal(socket_dir_init(&dir, &config, NULL), 0);
	assert_true(socket_connect(path, &spare, &peer) < 0);
	assert_true(spare >= 0); // to be used again
	assert_int_equal(socket_dir_listen(&dir, path, &fd, NULL), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(socket_connect(path, &spare, &peer), 0);
	assert_int_equal(spare, -1);
	close(peer);
	// a link to it is not followed
	snprintf(link_path, sizeof(link_path), "%s/link", dir_path);
	assert_int_equal(symlink(path, link_path), 0);
	assert_int_equal(socket_connect(link_path, &spare, &peer), -ENOTSOCK);
	close(spare);
	unlink(link_path);
	// in use
	assert_int_equal(socket_dir_listen(&dir, path, &second, NULL), -EADDRINUSE);
	// left behind
	close(fd);
	assert_int_equal(socket_dir_listen(&dir, path, &fd, NULL), 0);
	close(fd);
	unlink(path);
	// no socket: never removed
	fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	assert_int_equal(socket_dir_listen(&dir, path, &second, NULL), -EADDRINUSE);
	assert_int_equal(access(path, F_OK), 0);
	close(fd);
	unlink(path);
	rmdir(dir_path);
	snprintf(dir_path, sizeof(dir_path), "%s/a", base);
	rmdir(dir_path);
	rmdir(base);
}

static void test_socket_dir_refusals(void **state)
{
	struct vhost_user_config config = {.socket_dir = "relative"};
	char path[128];
	struct socket_dir dir;
	struct fault fault;

	assert_int_equal(socket_dir_init(&dir, &config, &fault), -EINVAL);
	memset(path, 'x', sizeof(path));
	path[0] = '/';
	path[100] = '\0';
	config.socket_dir = path;
	assert_int_equal(socket_dir_init(&dir, &config, &fault), -ENAMETOOLONG);
	config = (struct vhost_user_config){
	        .socket_dir = "/tmp", .socket_owner = "nobody-of-this-name"};
	assert_int_equal(socket_dir_init(&dir, &config, &fault), -EINVAL);
	assert_string_equal(fault.field, "vhost_user.owner");
}

static struct retry *wait_retry(struct retry_timer *timer)
{
	struct retry *next;
	uint64_t n;

	while ((next = retry_next(timer)) == NULL)
		assert_int_equal(read(timer->fd, &n, sizeof(n)), sizeof(n));
	return next;
}

static void test_retry_order(void **state)
{
	struct retry a = {0}, b = {0}, c = {0};
	struct retry_timer timer;

	assert_int_equal(retry_timer_init(&timer, NULL), 0);
	fcntl(timer.fd, F_SETFL, 0); // reads wait
	retry_put(&timer, &a, 1);
	retry_put(&timer, &b, 0);
	retry_put(&timer, &c, 0);
	retry_cancel(&timer, &c);
	retry_cancel(&timer, &c);
	assert_ptr_equal(wait_retry(&timer), &b);
	assert_ptr_equal(wait_retry(&timer), &a);
	assert_null(retry_next(&timer));
	retry_put(&timer, &a, 1000);
	assert_int_equal(a.step, RETRY_STEPS - 1);
	assert_int_equal(retry_step_of(0), 0);
	assert_int_equal(retry_step_of(10000000), 0);
	assert_int_equal(retry_step_of(10000001), 1);
	assert_int_equal(retry_step_of(40000000), 2);
	assert_int_equal(retry_step_of(UINT64_MAX), RETRY_STEPS - 1);
	retry_timer_fini(&timer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_message_header),
	        cmocka_unit_test(test_message_unknown),
	        cmocka_unit_test(test_message_mem_table),
	        cmocka_unit_test(test_message_vring_fd),
	        cmocka_unit_test(test_stream_whole_and_in_bytes),
	        cmocka_unit_test(test_stream_descriptors),
	        cmocka_unit_test(test_stream_descriptors_in_pieces),
	        cmocka_unit_test(test_stream_answers_not_read),
	        cmocka_unit_test(test_memory_refusals),
	        cmocka_unit_test(test_memory_lookup),
	        cmocka_unit_test(test_memory_del),
	        cmocka_unit_test(test_mapping_shared),
	        cmocka_unit_test(test_mapping_refusals),
	        cmocka_unit_test(test_mapping_seals),
	        cmocka_unit_test(test_mapping_hugepages),
	        cmocka_unit_test(test_mapping_truncated),
	        cmocka_unit_test(test_mapping_other_sigbus),
	        cmocka_unit_test(test_inflight),
	        cmocka_unit_test(test_socket_paths),
	        cmocka_unit_test(test_socket_listen),
	        cmocka_unit_test(test_socket_dir_refusals),
	        cmocka_unit_test(test_retry_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
