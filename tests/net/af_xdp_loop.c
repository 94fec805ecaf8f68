/* SPDX-License-Identifier: BSD-3-Clause */
// The af_xdp driver on its own, for test_af_xdp_driver.sh: ports in pairs, what comes in at one
// goes out at the other, without a switch between. Commands on stdin, one answer line each:
//
//	add ID NETNS IFNAME MTU [ADDRESS/LEN]   del ID   adopt   carrier ID up|down
//	stats ID   driver   churn N NETNS IFNAME   fill N NETNS IFNAME   rate SECONDS   stop [keep]
//
// Usage: af_xdp_loop INSTANCE [CPU]   with a CPU the worker polls it without sleeping
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <rte_eal.h>
#include <rte_launch.h>
#include <rte_mbuf.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "port_ops.h"

#define MAX_PORTS 65535u
#define BURST 64

struct loop {
	struct port_driver *driver;
	struct port_queue *queue;
	struct port *_Atomic ports[MAX_PORTS];
	_Atomic uint64_t loops, frames, dropped;
	atomic_bool stop;
	bool busy;
};

static double now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

// Runs of frames for the same port leave in one burst.
static void forward(struct loop *loop, struct rte_mbuf **pkts, unsigned n)
{
	for (unsigned i = 0; i < n;) {
		uint16_t in = pkts[i]->port;
		struct port *out = atomic_load_explicit(&loop->ports[in ^ 1], memory_order_acquire);
		unsigned run = 1;

		while (i + run < n && pkts[i + run]->port == in)
			run++;
		if (out != NULL) {
			out->ops->tx_burst(out, pkts + i, (uint16_t)run);
			out->queue->tx_dirty = true;
		} else {
			rte_pktmbuf_free_bulk(pkts + i, run);
			atomic_fetch_add(&loop->dropped, run);
		}
		i += run;
	}
}

static int work(void *arg)
{
	struct loop *loop = arg;
	struct port_queue *queue = loop->queue;

	while (!atomic_load_explicit(&loop->stop, memory_order_acquire)) {
		struct rte_mbuf *pkts[BURST];
		unsigned n = queue->ops->rx_burst(queue, pkts, BURST);

		forward(loop, pkts, n);
		if (queue->tx_dirty) {
			queue->tx_dirty = false;
			queue->ops->tx_flush(queue);
		} else if (n == 0 && !loop->busy) {
			struct pollfd pfd = {.fd = queue->fd, .events = POLLIN};

			poll(&pfd, 1, 1);
		}
		atomic_fetch_add_explicit(&loop->frames, n, memory_order_relaxed);
		atomic_fetch_add_explicit(&loop->loops, 1, memory_order_release);
	}
	return 0;
}

// The worker has begun a loop after this call began.
static void grace(struct loop *loop)
{
	uint64_t start = atomic_load_explicit(&loop->loops, memory_order_acquire);

	while (!atomic_load(&loop->stop) &&
	        atomic_load_explicit(&loop->loops, memory_order_acquire) < start + 2)
		usleep(100);
}

static int add(struct loop *loop, uint32_t id, const char *netns, const char *ifname, unsigned mtu,
        const char *address, struct fault *fault)
{
	struct port_config config = {.mtu = (uint16_t)mtu};
	struct port *port = calloc(1, sizeof(*port));
	int ret;

	snprintf(config.ref, sizeof(config.ref), "node-%u/isl0", id);
	snprintf(config.owner, sizeof(config.owner), "owner %u", id);
	snprintf(config.ifname, sizeof(config.ifname), "%s", ifname);
	if (address != NULL) {
		char text[64];
		const char *slash = strchr(address, '/');

		snprintf(text, sizeof(text), "%.*s", (int)(slash - address), address);
		inet_pton(AF_INET6, text, config.addrs[0].addr);
		config.addrs[0].prefix_len = (uint8_t)atoi(slash + 1);
		config.n_addrs = 1;
		config.n_routes = 1; // default by fe80::1
		inet_pton(AF_INET6, "fe80::1", config.routes[0].via);
	}
	config.netns_fd = open(netns, O_RDONLY | O_CLOEXEC);
	port->id = id;
	ret = af_xdp_ops.create(loop->driver, &config, port, fault);
	if (config.netns_fd >= 0)
		close(config.netns_fd);
	if (ret < 0) {
		free(port);
		return ret;
	}
	atomic_store_explicit(&loop->ports[id], port, memory_order_release);
	return 0;
}

static void del(struct loop *loop, uint32_t id, bool keep)
{
	struct port *port = atomic_exchange(&loop->ports[id], NULL);

	if (port == NULL)
		return;
	grace(loop);
	af_xdp_ops.destroy(port, keep);
	free(port);
}

static void found_port(const struct port_found *found, void *arg)
{
	struct loop *loop = arg;
	struct port *port = calloc(1, sizeof(*port));
	struct fault fault = {0};

	port->id = found->id;
	if (af_xdp_ops.adopt(loop->driver, found, port, &fault) < 0) {
		printf("not adopted: %s\n", fault.message);
		free(port);
		return;
	}
	printf("%u=%s,%s,%s,%u ", found->id, found->ref, found->owner, found->ifname, found->mtu);
	atomic_store_explicit(&loop->ports[found->id], port, memory_order_release);
}

static void print_stats(struct loop *loop, uint32_t id)
{
	struct port *port = loop->ports[id];
	struct port_stats s = {0};

	if (port == NULL) {
		puts("no port");
		return;
	}
	af_xdp_ops.get_stats(port, &s);
	printf("rx_dropped=%lu rx_errors=%lu tx_full=%lu tx_errors=%lu tx_peer_dropped=%lu\n",
	        s.rx_dropped, s.rx_errors, s.tx_full, s.tx_errors, s.tx_peer_dropped);
}

static void print_driver(struct loop *loop)
{
	const char *names[64];
	uint64_t values[64];
	size_t n = af_xdp_ops.driver_stats(loop->driver, names, values, 64);

	for (size_t i = 0; i < n; i++)
		printf("%s=%lu ", names[i], values[i]);
	putchar('\n');
}

// N ports in, and out again unless they are to stay; prints how long one took at the start and at
// the end.
static void churn(struct loop *loop, unsigned n, const char *netns, const char *ifname, bool stay)
{
	double start = now_s(), added, first = 0, last = 0;
	struct fault fault = {0};
	unsigned tenth = n < 10 ? 1 : n / 10;
	size_t prefix = strcspn(netns, "%"); // "pod%": five interfaces each in pod0, pod1, ...

	for (unsigned i = 0; i < n; i++) {
		char name[32], path[160];
		double t = now_s();

		snprintf(name, sizeof(name), "%.4s%u", ifname, i);
		if (netns[prefix] == '%')
			snprintf(path, sizeof(path), "%.*s%u", (int)prefix, netns, i / 5);
		else
			snprintf(path, sizeof(path), "%s", netns);
		if (add(loop, 1000 + i, path, name, 1500, "fd00::5/64", &fault) < 0) {
			printf("error: %s\n", fault.message);
			return;
		}
		if (i < tenth)
			first += now_s() - t;
		else if (i >= n - tenth)
			last += now_s() - t;
	}
	added = now_s();
	for (unsigned i = 0; i < n && !stay; i++)
		del(loop, 1000 + i, false);
	af_xdp_ops.settle(loop->driver);
	printf("added %u in %.2f s, first tenth %.2f ms each, last %.2f; deleted in %.2f s\n", n,
	        added - start, first / tenth * 1e3, last / tenth * 1e3, now_s() - added);
}

static void rate(struct loop *loop, double seconds)
{
	uint64_t before = loop->frames;
	double start = now_s();

	usleep((useconds_t)(seconds * 1e6));
	printf("%.3f Mpps\n", (double)(loop->frames - before) / (now_s() - start) / 1e6);
}

static bool command(struct loop *loop, char *line, bool *keep)
{
	struct fault fault = {0};
	char a[128] = "", b[64] = "", c[64] = "";
	unsigned id = 0, mtu = 0;

	if (sscanf(line, "add %u %127s %63s %u %63s", &id, a, b, &mtu, c) >= 4) {
		int ret = add(loop, id, a, b, mtu, c[0] != '\0' ? c : NULL, &fault);

		puts(ret < 0 ? fault.message : "ok");
	} else if (sscanf(line, "del %u", &id) == 1) {
		del(loop, id, false);
		af_xdp_ops.settle(loop->driver);
		puts("ok");
	} else if (strncmp(line, "adopt", 5) == 0) {
		int ret = af_xdp_ops.scan(loop->driver, found_port, loop, &fault);

		puts(ret < 0 ? fault.message : "ok");
	} else if (sscanf(line, "carrier %u %63s", &id, b) == 2) {
		int ret = af_xdp_ops.set_carrier(loop->ports[id], strcmp(b, "up") == 0, &fault);

		puts(ret < 0 ? fault.message : "ok");
	} else if (sscanf(line, "stats %u", &id) == 1) {
		print_stats(loop, id);
	} else if (strncmp(line, "driver", 6) == 0) {
		print_driver(loop);
	} else if (sscanf(line, "churn %u %127s %63s", &id, a, b) == 3) {
		churn(loop, id, a, b, false);
	} else if (sscanf(line, "fill %u %127s %63s", &id, a, b) == 3) {
		churn(loop, id, a, b, true);
	} else if (sscanf(line, "rate %63s", b) == 1) {
		rate(loop, atof(b));
	} else if (strncmp(line, "stop", 4) == 0) {
		*keep = strstr(line, "keep") != NULL;
		return false;
	} else {
		puts("?");
	}
	fflush(stdout);
	return true;
}

static int run(struct loop *loop, const char *instance, struct rte_mempool *pool)
{
	const struct port_driver_config config = {
	        .instance = instance, .n_workers = 1, .pools = &pool, .max_ports = MAX_PORTS};
	struct fault fault = {0};
	char line[512];
	bool keep = false;

	if (af_xdp_ops.open(&config, &loop->driver, &fault) < 0) {
		fprintf(stderr, "af_xdp: %s\n", fault.message);
		return 1;
	}
	loop->queue = af_xdp_ops.worker_queue(loop->driver, 0);
	if (rte_eal_remote_launch(work, loop, 1) < 0)
		return 1;
	puts("ready");
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin) != NULL && command(loop, line, &keep))
		;
	atomic_store(&loop->stop, true);
	rte_eal_wait_lcore(1);
	for (uint32_t i = 0; i < MAX_PORTS; i++)
		del(loop, i, keep);
	af_xdp_ops.close(loop->driver, keep);
	if (rte_mempool_avail_count(pool) != pool->size) {
		fprintf(stderr, "%u frame buffers leaked\n",
		        pool->size - rte_mempool_avail_count(pool));
		return 1;
	}
	puts("stopped");
	return 0;
}

int main(int argc, char **argv)
{
	char lcores[64], a0[] = "loop", a1[] = "--no-huge", a2[] = "--no-pci", a3[] = "--no-shconf",
	                 a4[] = "--no-telemetry", a5[] = "--log-level=4";
	char *args[] = {a0, a1, a2, a3, a4, a5, lcores, NULL};
	long n_cpus = sysconf(_SC_NPROCESSORS_ONLN);
	struct loop *loop;
	struct rte_mempool *pool;

	if (argc < 2)
		return 2;
	if (argc > 2)
		snprintf(lcores, sizeof(lcores), "--lcores=0@(0-%ld),1@%s", n_cpus - 1, argv[2]);
	else
		snprintf(lcores, sizeof(lcores), "--lcores=(0,1)@(0-%ld)", n_cpus - 1);
	if (rte_eal_init(7, args) < 0)
		return 2;
	loop = calloc(1, sizeof(*loop));
	pool = rte_pktmbuf_pool_create("frames", 8191, 256, 0, 3700 + RTE_PKTMBUF_HEADROOM, 0);
	if (loop == NULL || pool == NULL) {
		free(loop);
		return 2;
	}
	loop->busy = argc > 2;
	return run(loop, argv[1], pool);
}
