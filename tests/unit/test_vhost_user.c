/* SPDX-License-Identifier: BSD-3-Clause */
// The vhost_user driver against front ends that follow a script, good and bad: what state its port
// is in, when it is taken from its worker, and that nothing is left open.
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <rte_eal.h>
#include <rte_mbuf.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "device.h"
#include "inflight.h"
#include "port_ops.h"
#include "vhost_front.h"

#define FEATURES (VHOST_USER_F_PROTOCOL_FEATURES | VIRTIO_F_VERSION_1)
#define PROTOCOL                                                                         \
	(PROTOCOL_F_MQ | PROTOCOL_F_REPLY_ACK | PROTOCOL_F_NET_MTU | PROTOCOL_F_STATUS | \
	        PROTOCOL_F_CONFIGURE_MEM_SLOTS | PROTOCOL_F_INFLIGHT_SHMFD |             \
	        PROTOCOL_F_RESET_DEVICE)

struct rig {
	struct port_driver *driver;
	struct port port;
	struct front front;
	struct port_queue *polled; // what the host has
	int n_added, n_deleted, n_changed;
	int n_fds; // open when the test began
	char dir[40];
	char reason[160];
};

static struct rte_mempool *pool;

// --- the host ------------------------------------------------------------------------------------

static int add_queue(void *arg, struct port_queue *queue)
{
	struct rig *rig = arg;

	assert_null(rig->polled);
	rig->polled = queue;
	rig->n_added++;
	return 0;
}

static void del_queue(void *arg, struct port_queue *queue)
{
	struct rig *rig = arg;

	assert_ptr_equal(rig->polled, queue);
	rig->polled = NULL;
	rig->n_deleted++;
}

static void state_changed(void *arg, struct port *port)
{
	struct rig *rig = arg;

	rig->n_changed++;
}

// --- the rig -------------------------------------------------------------------------------------

static int count_fds(void)
{
	int n = 0;

	for (int fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

// Until the driver has nothing to do any more.
static void settle(void *arg)
{
	struct rig *rig = arg;
	struct pollfd poll_fd = {.fd = vhost_user_ops.events_fd(rig->driver), .events = POLLIN};

	for (int i = 0; i < 1000 && poll(&poll_fd, 1, 0) > 0; i++)
		vhost_user_ops.handle_events(rig->driver);
}

static enum port_state state_of(struct rig *rig)
{
	return vhost_user_ops.get_state(&rig->port, rig->reason, sizeof(rig->reason));
}

static void wait_for(struct rig *rig, enum port_state state)
{
	struct pollfd poll_fd = {.fd = vhost_user_ops.events_fd(rig->driver), .events = POLLIN};

	for (int i = 0; i < 200 && state_of(rig) != state; i++) {
		if (poll(&poll_fd, 1, 50) > 0)
			vhost_user_ops.handle_events(rig->driver);
	}
	assert_int_equal(state_of(rig), state);
}

static const struct sockaddr_un *address(const struct rig *rig)
{
	static struct sockaddr_un addr;

	addr.sun_family = AF_UNIX;
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/a+eth0", rig->dir);
	return &addr;
}

static int connect_front(struct rig *rig)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(
	        connect(fd, (const struct sockaddr *)address(rig), sizeof(struct sockaddr_un)), 0);
	return fd;
}

static void open_rig(struct rig *rig, bool server, uint16_t pairs)
{
	static struct port_host host = {
	        .add_queue = add_queue, .del_queue = del_queue, .state_changed = state_changed};
	struct port_config config = {
	        .ref = "a/eth0", .netns_fd = -1, .socket_server = server, .queue_pairs = pairs};
	struct vhost_user_config vhost_config = {.socket_dir = rig->dir};
	struct port_driver_config driver_config = {
	        .instance = "test",
	        .n_workers = 1,
	        .pools = &pool,
	        .max_ports = 16,
	        .frame_bytes = 1600,
	        .host = &host,
	        .vhost_user = &vhost_config,
	};
	struct fault fault = {0};

	*rig = (struct rig){.n_fds = count_fds(), .dir = "/tmp/orrery-vhost.XXXXXX"};
	assert_non_null(mkdtemp(rig->dir));
	host.arg = rig;
	assert_int_equal(vhost_user_ops.open(&driver_config, &rig->driver, &fault), 0);
	assert_int_equal(vhost_user_ops.create(rig->driver, &config, &rig->port, &fault), 0);
	assert_int_equal(state_of(rig), PORT_WAITING);
}

static void open_connected(struct rig *rig, uint16_t pairs)
{
	open_rig(rig, true /* server */, pairs);
	front_init(&rig->front, connect_front(rig), true /* sealed */);
	wait_for(rig, PORT_DOWN);
}

static void close_rig(struct rig *rig)
{
	vhost_user_ops.destroy(&rig->port, false /* keep */);
	assert_null(rig->polled);
	assert_int_equal(rig->n_added, rig->n_deleted);
	vhost_user_ops.close(rig->driver, false /* keep */);
	assert_true(access(rig->dir, F_OK) < 0); // it was empty
	assert_int_equal(count_fds(), rig->n_fds);
}

static void close_connected(struct rig *rig)
{
	front_fini(&rig->front);
	close_rig(rig);
}

static void start_pair(struct rig *rig)
{
	assert_int_equal(front_negotiate(&rig->front, FEATURES, PROTOCOL), 0);
	assert_int_equal(front_start_ring(&rig->front, 0), 0);
	assert_int_equal(front_start_ring(&rig->front, 1), 0);
	settle(rig);
}

static uint64_t answer_u64(struct rig *rig)
{
	struct message m = {0};

	settle(rig);
	assert_int_equal(front_receive(&rig->front, &m, NULL), MESSAGE_HEADER_SIZE + 8);
	assert_int_equal(m.flags, MESSAGE_VERSION | MESSAGE_REPLY);
	return m.u64;
}

// --- good front ends -----------------------------------------------------------------------------

static void test_up_and_down(void **state)
{
	struct rig rig;
	struct message m;

	open_connected(&rig, 1);
	front_send_u64(&rig.front, MESSAGE_GET_FEATURES, 0);
	assert_int_equal(answer_u64(&rig), device_offered_features());
	assert_int_equal(front_negotiate(&rig.front, FEATURES, PROTOCOL), 0);
	assert_int_equal(front_start_ring(&rig.front, 0), 0);
	settle(&rig);
	assert_int_equal(state_of(&rig), PORT_DOWN); // no transmit ring yet
	assert_int_equal(rig.n_added, 0);
	assert_int_equal(front_start_ring(&rig.front, 1), 0);
	settle(&rig);
	assert_int_equal(state_of(&rig), PORT_UP);
	assert_int_equal(rig.n_added, 1);
	assert_true(rig.polled->fd >= 0);
	front_send_state(&rig.front, MESSAGE_GET_VRING_BASE, 1, 0);
	settle(&rig);
	assert_int_equal(front_receive(&rig.front, &m, NULL), MESSAGE_HEADER_SIZE + 8);
	assert_int_equal(m.state.index, 1);
	assert_int_equal(m.state.num, 0);
	assert_int_equal(state_of(&rig), PORT_DOWN);
	assert_null(rig.polled);
	close_connected(&rig);
}

// A byte at a time, with the driver looking after each.
static void test_bytewise(void **state)
{
	struct rig rig;

	open_connected(&rig, 1);
	rig.front.piece = 1;
	rig.front.between = settle;
	rig.front.arg = &rig;
	start_pair(&rig);
	assert_int_equal(state_of(&rig), PORT_UP);
	close_connected(&rig);
}

static void test_no_kick_is_swept(void **state)
{
	struct rig rig;

	open_connected(&rig, 1);
	assert_int_equal(front_negotiate(&rig.front, FEATURES, PROTOCOL), 0);
	front_send_state(&rig.front, MESSAGE_SET_VRING_NUM, 1, FRONT_RING_SIZE);
	front_send_addr(&rig.front, 1);
	front_send_fd(&rig.front, MESSAGE_SET_VRING_KICK, 1, -1);
	front_send_state(&rig.front, MESSAGE_SET_VRING_ENABLE, 1, 1);
	settle(&rig);
	assert_int_equal(state_of(&rig), PORT_UP);
	assert_int_equal(rig.polled->fd, -1);
	assert_false(vhost_user_ops.pending(rig.polled));
	close_connected(&rig);
}

static void test_two_pairs(void **state)
{
	struct rig rig;
	uint64_t one = 1;
	int kick;

	open_connected(&rig, 2);
	start_pair(&rig);
	assert_int_equal(front_start_ring(&rig.front, 2), 0);
	kick = rig.front.kick_fd;
	rig.front.kick_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	assert_int_equal(front_start_ring(&rig.front, 3), 0);
	settle(&rig);
	assert_int_equal(state_of(&rig), PORT_UP);
	// one descriptor tells of both kicks
	struct pollfd poll_fd = {.fd = rig.polled->fd, .events = POLLIN};
	for (int i = 0; i < 2; i++) {
		assert_int_equal(poll(&poll_fd, 1, 0), 0);
		assert_int_equal(write(i == 0 ? kick : rig.front.kick_fd, &one, 8), 8);
		assert_int_equal(poll(&poll_fd, 1, 0), 1);
		vhost_user_ops.disarm(rig.polled);
	}
	assert_int_equal(poll(&poll_fd, 1, 0), 0);
	close(kick);
	close_connected(&rig);
}

// What changes rings or memory that run takes the port from its worker first, and gives it back.
static void test_quiesce(void **state)
{
	struct rig rig;

	open_connected(&rig, 1);
	start_pair(&rig);
	assert_int_equal(rig.n_added, 1);
	assert_int_equal(rig.n_deleted, 0);
	front_send_memory(&rig.front);
	settle(&rig);
	assert_int_equal(rig.n_deleted, 1);
	front_send_fd(&rig.front, MESSAGE_SET_VRING_CALL, 0, rig.front.call_fd);
	settle(&rig);
	assert_int_equal(rig.n_deleted, 2);
	front_send_state(&rig.front, MESSAGE_SET_VRING_ENABLE, 0, 0);
	settle(&rig);
	assert_int_equal(rig.n_deleted, 3);
	assert_int_equal(rig.n_added, 4);
	assert_int_equal(state_of(&rig), PORT_UP);
	front_send_u64(&rig.front, MESSAGE_SET_STATUS, 0);
	settle(&rig);
	assert_int_equal(state_of(&rig), PORT_DOWN);
	close_connected(&rig);
}

static uint64_t calls_made(const struct rig *rig)
{
	uint64_t n;

	return read(rig->front.call_fd, &n, sizeof(n)) == sizeof(n) ? n : 0;
}

// Whoever used buffers before, or had another eventfd: the guest is told when it may have missed a
// call.
static void test_calls_at_once(void **state)
{
	struct rig rig;

	open_connected(&rig, 1);
	start_pair(&rig);
	assert_int_equal(calls_made(&rig), 2); // both rings, and no worker has looked
	front_send_fd(&rig.front, MESSAGE_SET_VRING_CALL, 1, rig.front.call_fd);
	settle(&rig);
	assert_int_equal(calls_made(&rig), 1);
	close_connected(&rig);
}

// Descriptors of no bytes, up to the available index.
static void offer_useless(struct rig *rig, uint16_t idx)
{
	uint16_t *avail = (uint16_t *)(rig->front.memory + 0x4000 + 0x1000); // of ring 1

	for (uint16_t i = 0; i < FRONT_RING_SIZE; i++)
		avail[2 + i] = i;
	__atomic_store_n(&avail[1], idx, __ATOMIC_RELEASE);
}

// Buffers of frames that are none are used like any, and the guest is told of them.
static void test_call_for_useless(void **state)
{
	struct rte_mbuf *pkts[4];
	struct rig rig;

	open_connected(&rig, 1);
	start_pair(&rig);
	vhost_user_ops.tx_flush(rig.polled);
	assert_int_equal(vhost_user_ops.rx_burst(rig.polled, pkts, 4), 0);
	(void)calls_made(&rig);
	offer_useless(&rig, FRONT_RING_SIZE);
	assert_int_equal(vhost_user_ops.rx_burst(rig.polled, pkts, 4), 0);
	assert_int_equal(calls_made(&rig), 1);
	for (int i = 0; i < 100 && vhost_user_ops.pending(rig.polled); i++)
		assert_int_equal(vhost_user_ops.rx_burst(rig.polled, pkts, 4), 0);
	assert_false(vhost_user_ops.pending(rig.polled));
	assert_true(calls_made(&rig) > 0);
	close_connected(&rig);
}

// A front end shares the flags of its eventfds: without O_NONBLOCK, and with a call's counter full
// and a kick's empty, a plain write or read would wait for ever.
static void test_eventfds_that_block(void **state)
{
	const uint64_t full = UINT64_MAX - 1;
	struct rte_mbuf *pkts[4];
	struct message m;
	uint64_t n;
	struct rig rig;

	alarm(10); // ends the test
	open_connected(&rig, 1);
	start_pair(&rig);
	(void)calls_made(&rig);
	assert_int_equal(write(rig.front.call_fd, &full, sizeof(full)), sizeof(full));
	assert_int_equal(fcntl(rig.front.call_fd, F_SETFL, 0), 0);
	assert_int_equal(fcntl(rig.front.kick_fd, F_SETFL, 0), 0);
	for (uint16_t i = 1; i <= 1000; i++) { // more than completions can wait
		offer_useless(&rig, i);
		assert_int_equal(vhost_user_ops.rx_burst(rig.polled, pkts, 4), 0);
	}
	vhost_user_ops.disarm(rig.polled);
	// control calls too, when a ring ends
	offer_useless(&rig, 1001);
	front_send_state(&rig.front, MESSAGE_GET_VRING_BASE, 1, 0);
	settle(&rig);
	assert_int_equal(front_receive(&rig.front, &m, NULL), MESSAGE_HEADER_SIZE + 8);
	assert_int_equal(read(rig.front.call_fd, &n, sizeof(n)), sizeof(n));
	assert_true(n >= full);
	alarm(0);
	close_connected(&rig);
}

static void test_mtu_and_ack(void **state)
{
	struct message m = {.request = MESSAGE_NET_SET_MTU,
	        .flags = MESSAGE_VERSION | MESSAGE_NEED_REPLY,
	        .size = 8};
	struct rig rig;

	open_connected(&rig, 1);
	assert_int_equal(front_negotiate(&rig.front, FEATURES, PROTOCOL), 0);
	m.u64 = 1500;
	front_send(&rig.front, &m, NULL, 0);
	assert_int_equal(answer_u64(&rig), 0);
	m.u64 = 1501;
	front_send(&rig.front, &m, NULL, 0);
	assert_int_equal(answer_u64(&rig), 1);
	front_send_u64(&rig.front, MESSAGE_GET_MAX_MEM_SLOTS, 0);
	assert_int_equal(answer_u64(&rig), GUEST_REGIONS_MAX);
	close_connected(&rig);
}

static void test_memory_slots(void **state)
{
	struct message m = {.flags = MESSAGE_VERSION, .size = 40};
	struct rig rig;

	open_connected(&rig, 1);
	assert_int_equal(front_negotiate(&rig.front, FEATURES, PROTOCOL), 0);
	m.mem_reg.region = (struct message_region){
	        .guest_addr = 1 << 30, .size = 4096, .user_addr = 1 << 30, .file_offset = 8192};
	for (int i = 0; i < 3; i++) {
		m.request = MESSAGE_ADD_MEM_REG;
		front_send(&rig.front, &m, &rig.front.memory_fd, 1);
		m.request = MESSAGE_REM_MEM_REG;
		front_send(&rig.front, &m, NULL, 0);
	}
	settle(&rig);
	assert_int_equal(state_of(&rig), PORT_DOWN);
	front_send(&rig.front, &m, NULL, 0); // once too often
	settle(&rig);
	assert_int_equal(state_of(&rig), PORT_BROKEN);
	close_connected(&rig);
}

static void test_inflight(void **state)
{
	struct message m = {
	        .request = MESSAGE_GET_INFLIGHT_FD, .flags = MESSAGE_VERSION, .size = 24};
	struct rig rig;
	int fd = -1;

	open_connected(&rig, 1);
	assert_int_equal(front_negotiate(&rig.front, FEATURES, PROTOCOL), 0);
	m.inflight.n_rings = 2;
	m.inflight.ring_size = FRONT_RING_SIZE;
	front_send(&rig.front, &m, NULL, 0);
	settle(&rig);
	assert_int_equal(front_receive(&rig.front, &m, &fd), MESSAGE_HEADER_SIZE + 24);
	assert_true(fd >= 0);
	assert_true(m.inflight.size > 0);
	m.request = MESSAGE_SET_INFLIGHT_FD;
	m.flags = MESSAGE_VERSION;
	front_send(&rig.front, &m, &fd, 1);
	close(fd);
	start_pair(&rig);
	assert_int_equal(state_of(&rig), PORT_UP);
	close_connected(&rig);
}

// Without an open file left the front end waits, and so does the driver.
static void test_no_files_left(void **state)
{
	struct pollfd poll_fd = {.events = POLLIN};
	struct rlimit limit, none;
	struct rig rig;
	int fd;

	open_rig(&rig, true /* server */, 1);
	fd = connect_front(&rig);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	none = limit;
	none.rlim_cur = (rlim_t)dup(0); // the lowest number that is free
	close((int)none.rlim_cur);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	settle(&rig);
	assert_int_equal(state_of(&rig), PORT_WAITING);
	poll_fd.fd = vhost_user_ops.events_fd(rig.driver);
	assert_int_equal(poll(&poll_fd, 1, 0), 0);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	front_init(&rig.front, fd, true /* sealed */);
	wait_for(&rig, PORT_DOWN);
	close_connected(&rig);
}

// We connect, the peer comes late, goes, and comes back.
static void test_client(void **state)
{
	int listener, fd;
	struct rig rig;

	open_rig(&rig, false /* server */, 1);
	settle(&rig);
	for (int i = 0; i < 2; i++) {
		listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
		assert_int_equal(bind(listener, (const struct sockaddr *)address(&rig),
		                         sizeof(struct sockaddr_un)),
		        0);
		assert_int_equal(listen(listener, 1), 0);
		wait_for(&rig, PORT_DOWN);
		fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		assert_true(fd >= 0);
		front_init(&rig.front, fd, false /* sealed */);
		start_pair(&rig);
		assert_int_equal(state_of(&rig), PORT_UP);
		close(listener);
		front_fini(&rig.front);
		wait_for(&rig, PORT_WAITING);
		assert_null(rig.polled);
		unlink(address(&rig)->sun_path);
	}
	close_rig(&rig);
}

static void test_carrier(void **state)
{
	struct fault fault;
	int listener, fd;
	struct rig rig;

	open_rig(&rig, false /* server */, 1);
	listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(
	        bind(listener, (const struct sockaddr *)address(&rig), sizeof(struct sockaddr_un)),
	        0);
	assert_int_equal(listen(listener, 1), 0);
	wait_for(&rig, PORT_DOWN);
	fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	front_init(&rig.front, fd, true /* sealed */);
	start_pair(&rig);
	assert_int_equal(vhost_user_ops.set_carrier(&rig.port, false, &fault), 0);
	assert_int_equal(state_of(&rig), PORT_WAITING);
	assert_string_equal(rig.reason, "its carrier is off");
	assert_int_equal(recv(fd, &fd, 1, 0), 0); // closed: QEMU and virtio-user show link down
	assert_int_equal(vhost_user_ops.set_carrier(&rig.port, true, &fault), 0);
	wait_for(&rig, PORT_DOWN);
	close(listener);
	unlink(address(&rig)->sun_path);
	close_connected(&rig);
}

// --- bad front ends ------------------------------------------------------------------------------

static void expect_broken(struct rig *rig, const char *why)
{
	settle(rig);
	assert_int_equal(state_of(rig), PORT_BROKEN);
	if (strstr(rig->reason, why) == NULL)
		fail_msg("'%s', expected '%s'", rig->reason, why);
	assert_null(rig->polled);
	close_connected(rig);
}

static void test_bad_base_while_running(void **state)
{
	struct rig rig;

	open_connected(&rig, 1);
	start_pair(&rig);
	front_send_state(&rig.front, MESSAGE_SET_VRING_BASE, 1, 3);
	expect_broken(&rig, "SET_VRING_BASE: ring 1 runs");
}

static void test_bad_ring_index(void **state)
{
	struct rig rig;

	open_connected(&rig, 1);
	front_send_state(&rig.front, MESSAGE_SET_VRING_NUM, 2, 64);
	expect_broken(&rig, "ring 2");
	open_connected(&rig, 1);
	front_send_state(&rig.front, MESSAGE_SET_VRING_ENABLE, UINT32_MAX, 1);
	expect_broken(&rig, "ring 4294967295");
}

static void test_bad_ring_address(void **state)
{
	struct message m = {
	        .request = MESSAGE_SET_VRING_ADDR, .flags = MESSAGE_VERSION, .size = 40};
	struct rig rig;

	open_connected(&rig, 1);
	assert_int_equal(front_negotiate(&rig.front, FEATURES, PROTOCOL), 0);
	front_start_ring(&rig.front, 0);
	front_send_state(&rig.front, MESSAGE_SET_VRING_NUM, 1, FRONT_RING_SIZE);
	m.addr = (struct message_vring_addr){.index = 1,
	        .desc = FRONT_USER_ADDR,
	        .avail = FRONT_USER_ADDR + 0x1000,
	        .used = FRONT_USER_ADDR + FRONT_MEMORY - 16};
	front_send(&rig.front, &m, NULL, 0);
	front_send_fd(&rig.front, MESSAGE_SET_VRING_KICK, 1, -1);
	front_send_state(&rig.front, MESSAGE_SET_VRING_ENABLE, 1, 1);
	expect_broken(&rig, "outside the shared memory");
}

static void test_bad_enable_before_addr(void **state)
{
	struct rig rig;

	open_connected(&rig, 1);
	assert_int_equal(front_negotiate(&rig.front, FEATURES, PROTOCOL), 0);
	front_send_state(&rig.front, MESSAGE_SET_VRING_ENABLE, 1, 1);
	front_send_fd(&rig.front, MESSAGE_SET_VRING_KICK, 1, rig.front.kick_fd);
	settle(&rig);
	assert_int_equal(state_of(&rig), PORT_DOWN); // allowed, but nothing runs
	assert_int_equal(rig.n_added, 0);
	close_connected(&rig);
}

static void test_bad_numbers(void **state)
{
	static const uint32_t sizes[] = {0, 32769, 65536, UINT32_MAX};
	struct rig rig;

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		open_connected(&rig, 1);
		front_send_state(&rig.front, MESSAGE_SET_VRING_NUM, 0, sizes[i]);
		expect_broken(&rig, "SET_VRING_NUM");
	}
	open_connected(&rig, 1); // no power of two is no split ring
	assert_int_equal(front_negotiate(&rig.front, FEATURES, PROTOCOL), 0);
	front_send_state(&rig.front, MESSAGE_SET_VRING_NUM, 1, 63);
	front_send_addr(&rig.front, 1);
	front_send_fd(&rig.front, MESSAGE_SET_VRING_KICK, 1, -1);
	front_send_state(&rig.front, MESSAGE_SET_VRING_ENABLE, 1, 1);
	expect_broken(&rig, "not a size");
}

static void test_bad_features(void **state)
{
	struct rig rig;

	open_connected(&rig, 1);
	front_send_u64(&rig.front, MESSAGE_SET_FEATURES, FEATURES | 1); // CSUM
	expect_broken(&rig, "0x1 were not offered");
	open_connected(&rig, 1);
	front_send_u64(&rig.front, MESSAGE_SET_PROTOCOL_FEATURES, 1ull << 9);
	expect_broken(&rig, "0x200 were not offered");
	open_connected(&rig, 1);
	front_send_u64(&rig.front, MESSAGE_SET_STATUS, 1);
	expect_broken(&rig, "not negotiated");
}

static void test_bad_descriptors(void **state)
{
	struct message m = {.request = MESSAGE_SET_FEATURES, .flags = MESSAGE_VERSION, .size = 8};
	struct rig rig;
	int pipes[2];

	open_connected(&rig, 1);
	front_send(&rig.front, &m, &rig.front.kick_fd, 1);
	expect_broken(&rig, "SET_FEATURES: 1 descriptors");
	assert_int_equal(pipe(pipes), 0);
	open_connected(&rig, 1); // writing to it would end us
	front_send_fd(&rig.front, MESSAGE_SET_VRING_CALL, 0, pipes[1]);
	expect_broken(&rig, "no eventfd");
	open_connected(&rig, 1);
	front_send_fd(&rig.front, MESSAGE_SET_VRING_KICK, 1, pipes[0]);
	expect_broken(&rig, "no eventfd");
	close(pipes[0]);
	close(pipes[1]);
}

static void test_bad_memory(void **state)
{
	struct message m = {
	        .request = MESSAGE_SET_MEM_TABLE, .flags = MESSAGE_VERSION, .size = 8 + 64};
	struct rig rig;
	int fds[2];

	open_connected(&rig, 1);
	fds[0] = fds[1] = rig.front.memory_fd;
	m.mem_table.n_regions = 2;
	m.mem_table.regions[0] = (struct message_region){.size = 8192, .user_addr = 1 << 20};
	m.mem_table.regions[1] =
	        (struct message_region){.size = 8192, .guest_addr = 4096, .user_addr = 2 << 20};
	front_send(&rig.front, &m, fds, 2);
	expect_broken(&rig, "overlap");
	open_connected(&rig, 1);
	fds[0] = fds[1] = rig.front.memory_fd;
	m.mem_table.regions[1].guest_addr = UINT64_MAX - 4096;
	front_send(&rig.front, &m, fds, 2);
	expect_broken(&rig, "beyond the end of addresses");
	open_connected(&rig, 1);
	fds[0] = fds[1] = rig.front.memory_fd;
	m.mem_table.regions[0].size = FRONT_MEMORY + 1;
	front_send(&rig.front, &m, fds, 2);
	expect_broken(&rig, "beyond the end of its file");
}

// A message that never ends, after one that came in two parts.
static void test_bad_unfinished(void **state)
{
	struct message m = {.request = MESSAGE_GET_FEATURES, .flags = MESSAGE_VERSION, .size = 0};
	struct rig rig;

	open_connected(&rig, 1);
	assert_int_equal(write(rig.front.socket, &m, 5), 5);
	settle(&rig);
	assert_int_equal(write(rig.front.socket, (uint8_t *)&m + 5, MESSAGE_HEADER_SIZE - 5),
	        MESSAGE_HEADER_SIZE - 5);
	assert_int_equal(answer_u64(&rig), device_offered_features());
	assert_int_equal(write(rig.front.socket, &m, 5), 5);
	settle(&rig);
	assert_int_equal(state_of(&rig), PORT_DOWN);
	wait_for(&rig, PORT_BROKEN);
	expect_broken(&rig, "does not end");
}

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define LITTLE_ADDRESS_SPACE 1
#endif
#endif

// A sparse file of 1 PiB.
static void test_bad_much_memory(void **state)
{
#ifdef LITTLE_ADDRESS_SPACE
	skip();
#endif
	struct message m = {
	        .request = MESSAGE_SET_MEM_TABLE, .flags = MESSAGE_VERSION, .size = 8 + 32};
	int fd = memfd_create("sparse", MFD_CLOEXEC);
	struct rig rig;

	assert_int_equal(ftruncate(fd, 1ll << 50), 0);
	open_connected(&rig, 1);
	m.mem_table.n_regions = 1;
	m.mem_table.regions[0] =
	        (struct message_region){.size = DEVICE_MEMORY_MAX, .user_addr = 1 << 20};
	front_send(&rig.front, &m, &fd, 1);
	settle(&rig);
	assert_int_equal(state_of(&rig), PORT_DOWN);
	m.mem_table.regions[0].size = DEVICE_MEMORY_MAX + 4096;
	front_send(&rig.front, &m, &fd, 1);
	expect_broken(&rig, "a guest may have");
	open_connected(&rig, 1);
	assert_int_equal(front_negotiate(&rig.front, FEATURES, PROTOCOL), 0);
	m = (struct message){.request = MESSAGE_ADD_MEM_REG, .flags = MESSAGE_VERSION, .size = 40};
	m.mem_reg.region = (struct message_region){.guest_addr = 1ull << 41,
	        .size = DEVICE_MEMORY_MAX - FRONT_MEMORY + 4096,
	        .user_addr = 1ull << 41};
	front_send(&rig.front, &m, &fd, 1);
	expect_broken(&rig, "a guest may have");
	open_connected(&rig, 1);
	assert_int_equal(front_negotiate(&rig.front, FEATURES, PROTOCOL), 0);
	m = (struct message){
	        .request = MESSAGE_SET_INFLIGHT_FD, .flags = MESSAGE_VERSION, .size = 24};
	m.inflight = (struct message_inflight){
	        .size = DEVICE_MEMORY_MAX, .n_rings = 2, .ring_size = FRONT_RING_SIZE};
	front_send(&rig.front, &m, &fd, 1);
	expect_broken(&rig, "a guest may have");
	close(fd);
}

// A part beyond what the front end says of its memory: when it is set, and when the rings are
// packed only later and need more. And memory that is not in the file.
static void test_bad_inflight(void **state)
{
	struct message set = {
	        .request = MESSAGE_SET_INFLIGHT_FD, .flags = MESSAGE_VERSION, .size = 24};
	struct rig rig;
	size_t split = inflight_part_size(false, FRONT_RING_SIZE);
	int fd = memfd_create("inflight", MFD_CLOEXEC);

	assert_int_equal(ftruncate(fd, 4096), 0);
	set.inflight = (struct message_inflight){
	        .size = split, .n_rings = 2, .ring_size = FRONT_RING_SIZE};
	open_connected(&rig, 1);
	assert_int_equal(front_negotiate(&rig.front, FEATURES, PROTOCOL), 0);
	front_send(&rig.front, &set, &fd, 1);
	expect_broken(&rig, "SET_INFLIGHT_FD");

	set.inflight.size = 8192;
	open_connected(&rig, 1);
	assert_int_equal(front_negotiate(&rig.front, FEATURES, PROTOCOL), 0);
	front_send(&rig.front, &set, &fd, 1);
	expect_broken(&rig, "");

	set.inflight.size = 2 * split;
	open_connected(&rig, 1);
	assert_int_equal(front_negotiate(&rig.front, FEATURES, PROTOCOL), 0);
	front_send(&rig.front, &set, &fd, 1);
	front_send_u64(&rig.front, MESSAGE_SET_FEATURES, FEATURES | VIRTIO_F_RING_PACKED);
	assert_int_equal(front_start_ring(&rig.front, 1), 0);
	expect_broken(&rig, "in-flight memory is for 2 rings of 64");
	close(fd);
}

static void test_bad_size(void **state)
{
	struct message m = {
	        .request = MESSAGE_GET_FEATURES, .flags = MESSAGE_VERSION, .size = UINT32_MAX};
	struct rig rig;

	open_connected(&rig, 1);
	front_send(&rig.front, &m, NULL, 0);
	expect_broken(&rig, "GET_FEATURES: 4294967295 bytes");
}

// The ring's worker finds an index that ran away, and control cuts the guest off.
static void test_bad_ring_contents(void **state)
{
	struct rte_mbuf *pkts[4];
	struct rig rig;

	open_connected(&rig, 1);
	start_pair(&rig);
	*(uint16_t *)(rig.front.memory + 0x4000 + 0x1000 + 2) = 1000; // avail->idx of ring 1
	assert_int_equal(vhost_user_ops.rx_burst(rig.polled, pkts, 4), 0);
	assert_int_equal(vhost_user_ops.rx_burst(rig.polled, pkts, 4), 0);
	expect_broken(&rig, "ring 1: ");
}

static void test_bad_truncated(void **state)
{
	struct rte_mbuf *pkts[4];
	struct rig rig;

	open_rig(&rig, true /* server */, 1);
	front_init(&rig.front, connect_front(&rig), false /* sealed */);
	wait_for(&rig, PORT_DOWN);
	start_pair(&rig);
	assert_int_equal(state_of(&rig), PORT_UP);
	assert_int_equal(ftruncate(rig.front.memory_fd, 0), 0);
	(void)vhost_user_ops.rx_burst(rig.polled, pkts, 4); // would be SIGBUS
	expect_broken(&rig, "memory file");
}

// Whenever a front end goes, nothing stays.
static void test_vanish_anywhere(void **state)
{
	for (int stage = 0; stage < 8; stage++) {
		struct rig rig;

		open_connected(&rig, 1);
		if (stage >= 1)
			front_send_u64(&rig.front, MESSAGE_SET_FEATURES, FEATURES);
		if (stage >= 2)
			front_send_memory(&rig.front);
		if (stage >= 3)
			front_send_fd(&rig.front, MESSAGE_SET_VRING_CALL, 1, rig.front.call_fd);
		if (stage >= 4)
			front_start_ring(&rig.front, 1);
		if (stage >= 5)
			front_start_ring(&rig.front, 0);
		if (stage >= 6)
			settle(&rig);
		if (stage >= 7) // in the middle of a message
			assert_int_equal(write(rig.front.socket, "\1\0", 2), 2);
		close(rig.front.socket);
		rig.front.socket = -1;
		wait_for(&rig, PORT_WAITING);
		// and it is let in again
		rig.front.socket = connect_front(&rig);
		wait_for(&rig, PORT_DOWN);
		start_pair(&rig);
		assert_int_equal(state_of(&rig), PORT_UP);
		close_connected(&rig);
	}
}

// Broken, and after a while let in again.
static void test_broken_comes_back(void **state)
{
	struct rig rig;

	open_connected(&rig, 1);
	front_send_u64(&rig.front, MESSAGE_SET_FEATURES, 1);
	settle(&rig);
	assert_int_equal(state_of(&rig), PORT_BROKEN);
	close(rig.front.socket);
	rig.front.socket = connect_front(&rig);
	settle(&rig);
	assert_int_equal(state_of(&rig), PORT_BROKEN); // not yet
	wait_for(&rig, PORT_DOWN);
	start_pair(&rig);
	assert_int_equal(state_of(&rig), PORT_UP);
	close_connected(&rig);
}

static int open_pool(void **state)
{
	char *args[] = {(char[]){"test_vhost_user"}, (char[]){"--no-huge"}, (char[]){"--no-pci"},
	        (char[]){"--no-telemetry"}, (char[]){"--no-shconf"}, (char[]){"-m"}, (char[]){"64"},
	        (char[]){"-l"}, (char[]){"0"}, (char[]){"--log-level=error"}};

	if (rte_eal_init(10, args) < 0)
		return -1;
	pool = rte_pktmbuf_pool_create("vhost", 255, 0 /* cache */, 0 /* private */,
	        RTE_PKTMBUF_HEADROOM + 2048, SOCKET_ID_ANY);
	return pool == NULL ? -1 : 0;
}

static int close_pool(void **state)
{
	rte_mempool_free(pool);
	return rte_eal_cleanup();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_up_and_down),
	        cmocka_unit_test(test_bytewise),
	        cmocka_unit_test(test_no_kick_is_swept),
	        cmocka_unit_test(test_two_pairs),
	        cmocka_unit_test(test_quiesce),
	        cmocka_unit_test(test_calls_at_once),
	        cmocka_unit_test(test_call_for_useless),
	        cmocka_unit_test(test_eventfds_that_block),
	        cmocka_unit_test(test_mtu_and_ack),
	        cmocka_unit_test(test_memory_slots),
	        cmocka_unit_test(test_inflight),
	        cmocka_unit_test(test_no_files_left),
	        cmocka_unit_test(test_client),
	        cmocka_unit_test(test_carrier),
	        cmocka_unit_test(test_bad_base_while_running),
	        cmocka_unit_test(test_bad_ring_index),
	        cmocka_unit_test(test_bad_ring_address),
	        cmocka_unit_test(test_bad_enable_before_addr),
	        cmocka_unit_test(test_bad_numbers),
	        cmocka_unit_test(test_bad_features),
	        cmocka_unit_test(test_bad_descriptors),
	        cmocka_unit_test(test_bad_memory),
	        cmocka_unit_test(test_bad_unfinished),
	        cmocka_unit_test(test_bad_much_memory),
	        cmocka_unit_test(test_bad_inflight),
	        cmocka_unit_test(test_bad_size),
	        cmocka_unit_test(test_bad_ring_contents),
	        cmocka_unit_test(test_bad_truncated),
	        cmocka_unit_test(test_vanish_anywhere),
	        cmocka_unit_test(test_broken_comes_back),
	};

	return cmocka_run_group_tests(tests, open_pool, close_pool);
}
