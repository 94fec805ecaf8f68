/* SPDX-License-Identifier: BSD-3-Clause */
// The ethdev driver on devices that need neither root nor hugepages: null, ring and pcap.
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include "port_ops.h"

#define N_BUFFERS 4096u
#define RING_SLOTS 1023u // of net_ring
#define N_SENT 2048u
#define BURST 32

struct fixture {
	struct rte_mempool *pool;
	struct port_driver *driver;
};

static const struct port_ops *const ops = &ethdev_ops;

static int open_all(void **state)
{
	static struct fixture fixture;
	struct port_driver_config config = {.instance = "test",
	        .n_workers = 1,
	        .pools = &fixture.pool,
	        .max_ports = 64,
	        .ring_size = 256};

	fixture.pool = rte_pktmbuf_pool_create("ethdev", N_BUFFERS - 1, 0 /* cache */,
	        0 /* private */, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
	*state = &fixture;
	return fixture.pool == NULL || ops->open(&config, &fixture.driver, NULL) < 0 ? -1 : 0;
}

static int close_all(void **state)
{
	struct fixture *fixture = *state;
	unsigned left = rte_mempool_in_use_count(fixture->pool);

	ops->close(fixture->driver, false);
	rte_mempool_free(fixture->pool);
	return left == 0 ? 0 : -1; // every buffer came back
}

static int make(struct fixture *fixture, const char *devargs, uint16_t mtu, struct port *port,
        struct fault *fault)
{
	struct port_config config = {.netns_fd = -1, .mtu = mtu, .ref = "up/eth0", .owner = "me"};

	snprintf(config.devargs, sizeof(config.devargs), "%s", devargs);
	*port = (struct port){.id = 4711, .iface_id = 3};
	return ops->create(fixture->driver, &config, port, fault);
}

static void must_make(struct fixture *fixture, const char *devargs, struct port *port)
{
	struct fault fault = {.message = ""};

	if (make(fixture, devargs, 0, port, &fault) < 0)
		fail_msg("%s", fault.message);
	assert_ptr_equal(port->ops, ops);
	assert_non_null(port->queue);
	assert_int_equal(port->queue->fd, -1);
	assert_int_equal(port->mtu, 1500);
	assert_string_equal(port->ref, "up/eth0");
	assert_string_equal(port->owner, "me");
	assert_false(ops->arm(port->queue));
	ops->disarm(port->queue);
	ops->tx_flush(port->queue);
}

static struct rte_mbuf *frame_of_size(struct fixture *fixture, unsigned size, uint8_t fill)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(fixture->pool);

	assert_non_null(m);
	memset(rte_pktmbuf_append(m, (uint16_t)size), fill, size);
	return m;
}

static void test_null(void **state)
{
	struct fixture *fixture = *state;
	struct rte_mbuf *pkts[BURST];
	struct port_stats stats;
	struct port port;

	must_make(fixture, "net_null0,size=60", &port);
	assert_int_equal(ops->rx_burst(port.queue, pkts, BURST), BURST);
	for (unsigned i = 0; i < BURST; i++)
		assert_int_equal(pkts[i]->port, 4711);
	ops->tx_burst(&port, pkts, BURST);
	ops->get_stats(&port, &stats);
	assert_int_equal(stats.tx_full, 0);
	assert_int_equal(stats.tx_errors, 0);
	ops->destroy(&port, false);
	assert_int_equal(rte_eth_dev_count_avail(), 0); // unplugged
}

// A ring gives back what was sent; sent beyond its size it is full, and nothing is lost from the
// pool.
static void test_ring(void **state)
{
	struct fixture *fixture = *state;
	struct rte_mbuf *pkts[BURST];
	struct port_stats stats;
	struct port port;
	uint16_t n_rx;

	must_make(fixture, "net_ring0", &port);
	pkts[0] = frame_of_size(fixture, 100, 0x5a);
	ops->tx_burst(&port, pkts, 1);
	assert_int_equal(ops->rx_burst(port.queue, pkts, BURST), 1);
	assert_int_equal(rte_pktmbuf_pkt_len(pkts[0]), 100);
	assert_int_equal(pkts[0]->port, 4711);
	assert_int_equal(rte_pktmbuf_mtod(pkts[0], uint8_t *)[99], 0x5a);
	// two segments
	pkts[1] = frame_of_size(fixture, 60, 0xa5);
	assert_int_equal(rte_pktmbuf_chain(pkts[0], pkts[1]), 0);
	ops->tx_burst(&port, pkts, 1);
	assert_int_equal(ops->rx_burst(port.queue, pkts, BURST), 1);
	assert_int_equal(rte_pktmbuf_pkt_len(pkts[0]), 160);
	rte_pktmbuf_free(pkts[0]);

	for (unsigned i = 0; i < N_SENT; i += BURST) {
		for (unsigned k = 0; k < BURST; k++)
			pkts[k] = frame_of_size(fixture, 60, 0);
		ops->tx_burst(&port, pkts, BURST);
	}
	ops->get_stats(&port, &stats);
	assert_int_equal(stats.tx_full, N_SENT - RING_SLOTS);
	while ((n_rx = ops->rx_burst(port.queue, pkts, BURST)) > 0)
		rte_pktmbuf_free_bulk(pkts, n_rx);
	ops->destroy(&port, false);
}

static void write_pcap(const char *path, unsigned n_frames, unsigned size)
{
	static const uint32_t header[6] = {0xa1b2c3d4, 0x00040002, 0, 0, 65535, 1 /* Ethernet */};
	uint32_t record[4] = {1, 2, size, size};
	uint8_t *frame = calloc(1, size);
	FILE *file = fopen(path, "wb");

	assert_non_null(file);
	assert_non_null(frame);
	assert_int_equal(fwrite(header, sizeof(header), 1, file), 1);
	for (unsigned i = 0; i < n_frames; i++) {
		memset(frame, (int)i, size);
		assert_int_equal(fwrite(record, sizeof(record), 1, file), 1);
		assert_int_equal(fwrite(frame, size, 1, file), 1);
	}
	fclose(file);
	free(frame);
}

static void test_pcap(void **state)
{
	struct fixture *fixture = *state;
	char dir[] = "/tmp/ethdev-test-XXXXXX";
	struct rte_mbuf *pkts[BURST];
	char rx_path[64], tx_path[64], devargs[256];
	struct port port;
	FILE *file;

	assert_non_null(mkdtemp(dir));
	snprintf(rx_path, sizeof(rx_path), "%s/rx.pcap", dir);
	snprintf(tx_path, sizeof(tx_path), "%s/tx.pcap", dir);
	snprintf(devargs, sizeof(devargs), "net_pcap0,rx_pcap=%s,tx_pcap=%s", rx_path, tx_path);
	write_pcap(rx_path, 3, 200);
	must_make(fixture, devargs, &port);
	assert_int_equal(ops->rx_burst(port.queue, pkts, BURST), 3);
	assert_int_equal(rte_pktmbuf_pkt_len(pkts[2]), 200);
	assert_int_equal(rte_pktmbuf_mtod(pkts[2], uint8_t *)[0], 2);
	assert_int_equal(pkts[2]->port, 4711);
	ops->tx_burst(&port, pkts, 3);
	ops->destroy(&port, false);
	file = fopen(tx_path, "rb");
	assert_non_null(file);
	fseek(file, 0, SEEK_END);
	assert_int_equal(ftell(file), 24 + 3 * (16 + 200));
	fclose(file);
	unlink(rx_path);
	unlink(tx_path);
	rmdir(dir);
}

static void test_faults(void **state)
{
	struct fixture *fixture = *state;
	struct port_found found = {.ref = "up/eth0"};
	struct fault fault;
	struct port first, port;

	assert_int_equal(make(fixture, "", 0, &port, &fault), -EINVAL);
	assert_string_equal(fault.field, "devargs");
	assert_int_equal(make(fixture, ",size=60", 0, &port, &fault), -EINVAL);
	assert_true(make(fixture, "net_nosuch0", 0, &port, &fault) < 0);
	assert_non_null(strstr(fault.message, "net_nosuch0"));
	assert_true(make(fixture, "net_pcap0,rx_pcap=/nonexistent", 0, &port, &fault) < 0);
	assert_int_equal(make(fixture, "net_null0", 9000, &port, &fault), -EINVAL);
	assert_string_equal(fault.field, "mtu");
	assert_int_equal(rte_eth_dev_count_avail(), 0);

	must_make(fixture, "net_null0", &first);
	assert_int_equal(make(fixture, "net_null0", 0, &port, &fault), -EBUSY);
	ops->destroy(&first, false);
	assert_int_equal(ops->scan(fixture->driver, NULL, NULL, &fault), 0);
	assert_int_equal(ops->adopt(fixture->driver, &found, &port, &fault), -ENOTSUP);
}

// The 33rd device, and again after they are gone.
static void test_all_devices(void **state)
{
	struct fixture *fixture = *state;
	struct port ports[RTE_MAX_ETHPORTS];
	struct fault fault;
	struct port port;
	char devargs[32];

	for (int round = 0; round < 2; round++) {
		for (unsigned i = 0; i < RTE_MAX_ETHPORTS; i++) {
			snprintf(devargs, sizeof(devargs), "net_null%u", i);
			must_make(fixture, devargs, &ports[i]);
		}
		assert_int_equal(make(fixture, "net_null99", 0, &port, &fault), -ENOSPC);
		assert_non_null(strstr(fault.message, "RTE_MAX_ETHPORTS"));
		for (unsigned i = 0; i < RTE_MAX_ETHPORTS; i++)
			ops->destroy(&ports[i], false);
	}
}

// A device that was there before the port is left in place and can be used again.
static void test_device_already_there(void **state)
{
	struct fixture *fixture = *state;
	struct rte_mbuf *pkts[BURST];
	struct rte_eth_dev_info info;
	struct port port;
	uint16_t dev_id;

	assert_int_equal(rte_dev_probe("net_null7,size=60"), 0);
	for (int round = 0; round < 2; round++) {
		must_make(fixture, "net_null7", &port);
		assert_int_equal(ops->rx_burst(port.queue, pkts, BURST), BURST);
		ops->tx_burst(&port, pkts, BURST);
		ops->destroy(&port, false);
	}
	assert_int_equal(rte_eth_dev_get_port_by_name("net_null7", &dev_id), 0);
	assert_int_equal(rte_eth_dev_info_get(dev_id, &info), 0);
	assert_int_equal(rte_eth_dev_close(dev_id), 0);
	assert_int_equal(rte_dev_remove(info.device), 0);
}

int main(void)
{
	char *args[] = {(char[]){"test"}, (char[]){"--no-huge"}, (char[]){"--no-pci"},
	        (char[]){"--no-shconf"}, (char[]){"--no-telemetry"},
	        (char[]){"--log-level=critical"}, (char[]){"-m"}, (char[]){"64"}, (char[]){"-l"},
	        (char[]){"0"}};
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_null),
	        cmocka_unit_test(test_ring),
	        cmocka_unit_test(test_pcap),
	        cmocka_unit_test(test_faults),
	        cmocka_unit_test(test_all_devices),
	        cmocka_unit_test(test_device_already_there),
	};

	if (rte_eal_init(RTE_DIM(args), args) < 0)
		return 1;
	return cmocka_run_group_tests(tests, open_all, close_all);
}
