/* SPDX-License-Identifier: BSD-3-Clause */
// The vhost_user driver by itself, for sanitizers, with front ends that live in other processes:
// orrery-podsim --misbehave. Ports stand in pairs, and what one sends goes to the other.
//
//     abuse_vhost DIR PORTS SECONDS
//     orrery-podsim --path DIR/p%d --ports PORTS --misbehave 0-...
//     orrery-podsim --path DIR/s%d --ports PORTS --misbehave 0-... --client
//
// PORTS connect to DIR/p0 and so on, as many listen at DIR/s0 and so on; an even number. Exit
// status 1 when something of the front ends is left after they are gone: mbufs, mappings,
// descriptors. See abuse_vhost.sh.
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <rte_eal.h>
#include <rte_mbuf.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "port_ops.h"

#define BURST 32
#define N_MBUFS 8191
#define SETTLE_S 15

struct rig {
	struct port_driver *driver;
	struct port *ports;
	uint32_t n_ports;
	struct port_queue **queues; // those that the worker polls
	uint32_t n_queues;
	pthread_mutex_t round; // held by the worker while it polls
	atomic_bool stop;
	_Atomic uint64_t n_frames;
	uint64_t n_changes;
};

static struct rte_mempool *pool;

// --- the host ------------------------------------------------------------------------------------

static int add_queue(void *arg, struct port_queue *queue)
{
	struct rig *rig = arg;

	pthread_mutex_lock(&rig->round);
	rig->queues[rig->n_queues++] = queue;
	pthread_mutex_unlock(&rig->round);
	return 0;
}

static void del_queue(void *arg, struct port_queue *queue)
{
	struct rig *rig = arg;

	pthread_mutex_lock(&rig->round);
	for (uint32_t i = 0; i < rig->n_queues; i++) {
		if (rig->queues[i] == queue)
			rig->queues[i--] = rig->queues[--rig->n_queues];
	}
	pthread_mutex_unlock(&rig->round);
}

static void state_changed(void *arg, struct port *port)
{
	char reason[160];
	struct rig *rig = arg;

	rig->n_changes++;
	if (port->ops->get_state(port, reason, sizeof(reason)) == PORT_BROKEN)
		printf("broken: %s\n", reason);
}

// --- the worker ----------------------------------------------------------------------------------

static void poll_queue(struct rig *rig, struct port_queue *queue)
{
	struct rte_mbuf *pkts[BURST];
	struct port *to;
	uint16_t n = queue->ops->rx_burst(queue, pkts, BURST);

	if (n > 0) {
		to = &rig->ports[pkts[0]->port ^ 1];
		to->queue->tx_dirty = true;
		to->ops->tx_burst(to, pkts, n);
		rig->n_frames += n;
	}
	// as a worker does whose queue goes cold and comes back
	if (queue->ops->arm != NULL && (rig->n_frames & 0xff) == 0 && queue->ops->arm(queue))
		queue->ops->disarm(queue);
	if (queue->ops->pending != NULL)
		(void)queue->ops->pending(queue);
}

static void *work(void *arg)
{
	static const struct timespec nap = {.tv_nsec = 200000};
	struct rig *rig = arg;

	while (!atomic_load(&rig->stop)) {
		pthread_mutex_lock(&rig->round);
		for (uint32_t i = 0; i < rig->n_queues; i++)
			poll_queue(rig, rig->queues[i]);
		for (uint32_t i = 0; i < rig->n_ports; i++) {
			struct port_queue *queue = rig->ports[i].queue;

			if (!queue->tx_dirty)
				continue;
			queue->tx_dirty = false;
			queue->ops->tx_flush(queue);
		}
		pthread_mutex_unlock(&rig->round);
		nanosleep(&nap, NULL);
	}
	return NULL;
}

// --- the run -------------------------------------------------------------------------------------

static uint32_t count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	uint32_t n = 0;

	while (dir != NULL && readdir(dir) != NULL)
		n++;
	if (dir != NULL)
		closedir(dir);
	return n;
}

static uint64_t driver_stat(const struct rig *rig, const char *name)
{
	const char *names[32];
	uint64_t values[32];
	size_t n = vhost_user_ops.driver_stats(rig->driver, names, values, 32);

	for (size_t i = 0; i < n; i++) {
		if (strcmp(names[i], name) == 0)
			return values[i];
	}
	return 0;
}

static void serve(struct rig *rig, int seconds)
{
	struct pollfd poll_fd = {.fd = vhost_user_ops.events_fd(rig->driver), .events = POLLIN};
	time_t end = time(NULL) + seconds;

	while (time(NULL) < end) {
		if (poll(&poll_fd, 1, 100) > 0)
			vhost_user_ops.handle_events(rig->driver);
	}
}

static int make_ports(struct rig *rig, const char *dir)
{
	for (uint32_t i = 0; i < rig->n_ports; i++) {
		struct port_config config = {.netns_fd = -1, .queue_pairs = 1 + i % 2};
		uint32_t half = rig->n_ports / 2;
		struct fault fault = {0};

		config.socket_server = i >= half;
		snprintf(config.ref, sizeof(config.ref), "p%u/eth0", i);
		snprintf(config.socket, sizeof(config.socket), "%s/%c%u", dir,
		        config.socket_server ? 's' : 'p', config.socket_server ? i - half : i);
		rig->ports[i].id = i;
		if (vhost_user_ops.create(rig->driver, &config, &rig->ports[i], &fault) < 0) {
			fprintf(stderr, "%s\n", fault.message);
			return -EIO;
		}
	}
	return 0;
}

static int run(struct rig *rig, const char *dir, int seconds)
{
	pthread_t worker;
	uint32_t n_fds, n_fds_after;
	uint64_t n_mappings;
	int ret = make_ports(rig, dir);

	if (ret < 0)
		return ret;
	n_fds = count_fds();
	pthread_create(&worker, NULL, work, rig);
	printf("ready\n");
	fflush(stdout);
	serve(rig, seconds);
	printf("settling\n"); // whoever misbehaves is to end it now
	fflush(stdout);
	serve(rig, SETTLE_S);
	atomic_store(&rig->stop, true);
	pthread_join(worker, NULL);
	n_mappings = driver_stat(rig, "mappings");
	n_fds_after = count_fds();
	printf("%llu connects, %llu broken, %llu messages, %llu quiesces, %llu frames, "
	       "%llu mappings left, %u descriptors before and %u after, %u mbufs in use\n",
	        (unsigned long long)driver_stat(rig, "connects"),
	        (unsigned long long)driver_stat(rig, "broken"),
	        (unsigned long long)driver_stat(rig, "messages"),
	        (unsigned long long)driver_stat(rig, "quiesces"), (unsigned long long)rig->n_frames,
	        (unsigned long long)n_mappings, n_fds, n_fds_after, rte_mempool_in_use_count(pool));
	return n_mappings == 0 && n_fds_after == n_fds && rte_mempool_in_use_count(pool) == 0
	               ? 0
	               : -EBUSY;
}

int main(int argc, char *argv[])
{
	char *args[] = {(char[]){"abuse_vhost"}, (char[]){"--no-huge"}, (char[]){"--no-pci"},
	        (char[]){"--no-telemetry"}, (char[]){"--no-shconf"}, (char[]){"-m"},
	        (char[]){"128"}, (char[]){"-l"}, (char[]){"0"}, (char[]){"--log-level=error"}};
	struct rig rig = {.round = PTHREAD_MUTEX_INITIALIZER};
	struct port_host host = {.arg = &rig,
	        .add_queue = add_queue,
	        .del_queue = del_queue,
	        .state_changed = state_changed};
	char dir[96];
	struct vhost_user_config vhost_user = {.socket_dir = dir};
	struct port_driver_config config = {.instance = "abuse",
	        .n_workers = 1,
	        .pools = &pool,
	        .frame_bytes = 1600,
	        .host = &host,
	        .vhost_user = &vhost_user};
	struct fault fault = {0};
	int ret;

	if (argc != 4) {
		fprintf(stderr, "usage: abuse_vhost DIR PORTS SECONDS\n");
		return 2;
	}
	if (rte_eal_init(10, args) < 0)
		return 1;
	pool = rte_pktmbuf_pool_create("abuse", N_MBUFS, 0 /* cache */, 0 /* private */,
	        RTE_PKTMBUF_HEADROOM + 2048, SOCKET_ID_ANY);
	rig.n_ports = config.max_ports = 2 * (uint32_t)atoi(argv[2]);
	rig.ports = calloc(rig.n_ports, sizeof(rig.ports[0]));
	rig.queues = calloc(rig.n_ports, sizeof(struct port_queue *));
	snprintf(dir, sizeof(dir), "%s/v", argv[1]);
	if (pool == NULL || rig.ports == NULL || rig.queues == NULL ||
	        vhost_user_ops.open(&config, &rig.driver, &fault) < 0) {
		fprintf(stderr, "abuse_vhost: %s\n", fault.message);
		return 1;
	}
	ret = run(&rig, argv[1], atoi(argv[3]));
	for (uint32_t i = 0; i < rig.n_ports && rig.ports[i].queue != NULL; i++)
		vhost_user_ops.destroy(&rig.ports[i], false /* keep */);
	vhost_user_ops.close(rig.driver, false /* keep */);
	free(rig.ports);
	free(rig.queues);
	return ret < 0 ? 1 : 0;
}
