/* SPDX-License-Identifier: BSD-3-Clause */
// How exactly the switch keeps a delay, without a kernel in the way: one thread hands frames to a
// worker, the worker holds them on a link and hands them out, and the difference between (out - in)
// and the configured delay is the error. Beside it, on the same core in the same run, the error
// that a bare polling loop makes for events at the same times: the floor of this machine.
//	orrery-bench-delay [--seconds N] [--pps N] [--cpu-in N] [--cpu-worker N] [--json]
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_lcore.h>
#include <rte_malloc.h>
#include <rte_mbuf.h>
#include <rte_ring.h>

#include "datapath.h"
#include "fib6.h"
#include "port_ops.h"

#define FRAME_SIZE 64
#define SAMPLES_MAX (1u << 20)

struct samples {
	uint32_t n;
	int64_t error_tsc[SAMPLES_MAX];
};

// A port whose far side is this program: frames in by a ring and an eventfd, out into `samples`.
struct probe {
	struct port_queue queue; // first: the worker hands it back
	struct rte_ring *in;
	_Atomic bool armed;
	uint64_t delay_tsc;
	struct samples *samples;
	_Atomic uint64_t n_out;
};

struct bench {
	struct datapath *dp;
	struct probe probe;
	struct port ports[2];
	struct link_params links[2];
	struct dp_iface ifaces[2];
	struct dp_node nodes[2];
	struct view view;
	struct fib6 *fib;
};

struct options {
	double seconds;
	uint64_t pps;
	unsigned cpu_in, cpu_worker;
	bool json;
};

static uint16_t probe_rx(struct port_queue *queue, struct rte_mbuf **pkts, uint16_t n)
{
	struct probe *probe = (struct probe *)queue;

	return (uint16_t)rte_ring_sc_dequeue_burst(probe->in, (void **)pkts, n, NULL);
}

static void probe_tx(struct port *port, struct rte_mbuf **pkts, uint16_t n)
{
	struct probe *probe = (struct probe *)port->queue;
	uint64_t now = rte_rdtsc(), sent;
	struct samples *s = probe->samples;

	for (uint16_t i = 0; i < n; i++) {
		memcpy(&sent, rte_pktmbuf_mtod_offset(pkts[i], uint8_t *, 16), sizeof(sent));
		if (s->n < SAMPLES_MAX)
			s->error_tsc[s->n++] = (int64_t)(now - sent - probe->delay_tsc);
	}
	rte_pktmbuf_free_bulk(pkts, n);
	atomic_fetch_add_explicit(&probe->n_out, n, memory_order_release);
}

static void probe_flush(struct port_queue *queue)
{
}

static bool probe_arm(struct port_queue *queue)
{
	struct probe *probe = (struct probe *)queue;

	atomic_store(&probe->armed, true);
	return rte_ring_count(probe->in) > 0;
}

static void probe_disarm(struct port_queue *queue)
{
	struct probe *probe = (struct probe *)queue;
	uint64_t kicks;

	atomic_store(&probe->armed, false);
	if (read(queue->fd, &kicks, sizeof(kicks)) < 0)
		return; // nothing was pending
}

static const struct port_ops probe_ops = {
        .name = "probe",
        .rx_burst = probe_rx,
        .tx_burst = probe_tx,
        .tx_flush = probe_flush,
        .arm = probe_arm,
        .disarm = probe_disarm,
};

static void pin(unsigned cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

static int setup(struct bench *b, enum poll_mode poll, uint64_t delay_ns, unsigned lcore)
{
	struct datapath_config config = {
	        .n_workers = 1,
	        .lcores = &lcore,
	        .poll = poll,
	        .max_ifaces = 16,
	        .max_nodes = 16,
	        .max_targets = 16,
	        .max_ports = 16,
	        .wheel_horizon_ns = 1000000000,
	        .wheel_slot_ns = 1000,
	        .pool_frames = 65536 - 1,
	        .frame_bytes = 1600,
	        .idle_spin_ns = 100000,
	        .wake_early_ns = 60000,
	};
	struct fault fault;

	if (datapath_create(&config, &b->dp, &fault) != 0) {
		fprintf(stderr, "%s\n", fault.message);
		return -1;
	}
	b->probe.queue = (struct port_queue){.ops = &probe_ops, .fd = eventfd(0, EFD_NONBLOCK)};
	b->probe.delay_tsc = delay_ns * datapath_tsc_hz(b->dp) / 1000000000;
	for (uint32_t i = 0; i < 2; i++) {
		b->nodes[i] = (struct dp_node){.kind = NODE_KIND_POD, .dest_idx = DP_NONE};
		b->ifaces[i].node_id = i;
		b->ifaces[i].kind = NODE_KIND_POD;
		b->ifaces[i].port_id = i;
		b->ports[i] = (struct port){.ops = &probe_ops,
		        .queue = &b->probe.queue,
		        .id = i,
		        .iface_id = i,
		        .mtu = 1500};
		b->links[i] = (struct link_params){.to = 1 - i,
		        .flags = LINK_UP,
		        .incarnation = 1,
		        .delay_tsc = b->probe.delay_tsc,
		        .queue_bytes = UINT32_MAX,
		        .queue_pkts = UINT32_MAX};
		datapath_set_port(b->dp, &b->ports[i]);
	}
	b->fib = fib6_create(16);
	b->view = (struct view){.epoch = 1,
	        .links = b->links,
	        .ifaces = b->ifaces,
	        .nodes = b->nodes,
	        .fib = b->fib};
	datapath_publish(b->dp, &b->view);
	if (datapath_add_queue(b->dp, &b->probe.queue) != 0 || datapath_start(b->dp, &fault) != 0)
		return -1;
	return 0;
}

// Hands in one frame every interval until the time is over, then waits for the last.
static void feed(struct bench *b, const struct options *o)
{
	uint64_t hz = rte_get_tsc_hz(), interval = hz / o->pps, now = rte_rdtsc();
	uint64_t next = now + interval, end = now + (uint64_t)(o->seconds * (double)hz), n_in = 0;
	struct rte_mempool *pool = datapath_pool(b->dp, 0);
	uint64_t one = 1;

	while ((now = rte_rdtsc()) < end) {
		struct rte_mbuf *m;

		if (now < next)
			continue;
		next = now - next > interval * 4 ? now + interval : next + interval;
		m = rte_pktmbuf_alloc(pool);
		if (m == NULL)
			continue;
		memset(rte_pktmbuf_append(m, FRAME_SIZE), 0, FRAME_SIZE);
		now = rte_rdtsc();
		memcpy(rte_pktmbuf_mtod_offset(m, uint8_t *, 16), &now, sizeof(now));
		m->port = 0;
		if (rte_ring_sp_enqueue(b->probe.in, m) != 0) {
			rte_pktmbuf_free(m);
			continue;
		}
		n_in++;
		if (atomic_load(&b->probe.armed) && write(b->probe.queue.fd, &one, sizeof(one)) < 0)
			continue; // already kicked
	}
	end = rte_rdtsc() + hz; // the last frames are in flight; lost ones must not hang the run
	while (atomic_load(&b->probe.n_out) < n_in && rte_rdtsc() < end)
		usleep(1000);
}

static void teardown(struct bench *b)
{
	datapath_del_queue(b->dp, &b->probe.queue);
	datapath_destroy(b->dp);
	fib6_destroy(b->fib);
	close(b->probe.queue.fd);
}

struct bare {
	const struct options *options;
	struct samples *samples;
};

// The floor: events at the same rate, each seen by the first poll after it is due.
static void *bare_loop(void *arg)
{
	struct bare *bare = arg;
	uint64_t hz = rte_get_tsc_hz(), interval = hz / bare->options->pps, now = rte_rdtsc();
	uint64_t next = now + interval, end = now + (uint64_t)(bare->options->seconds * (double)hz);

	pin(bare->options->cpu_worker);
	while ((now = rte_rdtsc()) < end) {
		while (next <= now) {
			if (bare->samples->n < SAMPLES_MAX)
				bare->samples->error_tsc[bare->samples->n++] =
				        (int64_t)(now - next);
			next += interval;
		}
	}
	return NULL;
}

static int compare(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static void report(const char *what, uint64_t delay_ns, struct samples *s, bool json)
{
	double ns = 1e9 / (double)rte_get_tsc_hz();
	double p[4] = {0};

	qsort(s->error_tsc, s->n, sizeof(s->error_tsc[0]), compare);
	if (s->n > 0) {
		static const double at[4] = {0.5, 0.99, 0.999, 1};

		for (int i = 0; i < 4; i++)
			p[i] = (double)s->error_tsc[(uint32_t)(at[i] * (s->n - 1))] * ns / 1000;
	}
	if (json)
		printf("{\"case\":\"%s\",\"delay_ns\":%" PRIu64 ",\"frames\":%u,\"p50_us\":%.3f,"
		       "\"p99_us\":%.3f,\"p999_us\":%.3f,\"max_us\":%.3f}\n",
		        what, delay_ns, s->n, p[0], p[1], p[2], p[3]);
	else
		printf("%-9s %4" PRIu64
		       " ms %9u frames   error p50 %8.2f us   p99 %8.2f   p99.9 %8.2f   "
		       "max %9.2f\n",
		        what, delay_ns / 1000000, s->n, p[0], p[1], p[2], p[3]);
	fflush(stdout);
	s->n = 0;
}

static int parse(int argc, char **argv, struct options *o)
{
	static const struct option longs[] = {{"seconds", 1, NULL, 's'}, {"pps", 1, NULL, 'p'},
	        {"cpu-in", 1, NULL, 'i'}, {"cpu-worker", 1, NULL, 'w'}, {"json", 0, NULL, 'j'},
	        {"help", 0, NULL, 'h'}, {NULL, 0, NULL, 0}};
	int c;

	while ((c = getopt_long(argc, argv, "s:p:i:w:jh", longs, NULL)) != -1) {
		switch (c) {
		case 's':
			o->seconds = strtod(optarg, NULL);
			break;
		case 'p':
			o->pps = strtoull(optarg, NULL, 10);
			break;
		case 'i':
			o->cpu_in = (unsigned)strtoul(optarg, NULL, 10);
			break;
		case 'w':
			o->cpu_worker = (unsigned)strtoul(optarg, NULL, 10);
			break;
		case 'j':
			o->json = true;
			break;
		default:
			fprintf(stderr,
			        "usage: %s [--seconds N] [--pps N] [--cpu-in N] [--cpu-worker N] "
			        "[--json]\n",
			        argv[0]);
			return -1;
		}
	}
	return o->seconds > 0 && o->pps > 0 ? 0 : -1;
}

int main(int argc, char **argv)
{
	static const uint64_t delays_ns[] = {1000000, 10000000, 30000000};
	static struct bench bench; // view tables are reached by the worker: not on the stack
	struct options o = {.seconds = 3, .pps = 10000, .cpu_in = 0, .cpu_worker = 1};
	char lcores[32];
	char *eal_argv[] = {argv[0], (char[]){"--no-huge"}, (char[]){"--no-pci"},
	        (char[]){"--no-shconf"}, (char[]){"-m"}, (char[]){"512"},
	        (char[]){"--log-level=error"}, (char[]){"--lcores"}, lcores, NULL};
	struct samples *samples;

	if (parse(argc, argv, &o) != 0)
		return 2;
	snprintf(lcores, sizeof(lcores), "0@%u,1@%u", o.cpu_in, o.cpu_worker);
	if (rte_eal_init((int)(sizeof(eal_argv) / sizeof(eal_argv[0])) - 1, eal_argv) < 0)
		return 1;
	samples = calloc(1, sizeof(*samples));
	bench.probe.in =
	        rte_ring_create("probe", 4096, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
	if (samples == NULL || bench.probe.in == NULL) {
		free(samples);
		return 1;
	}
	bench.probe.samples = samples;
	for (size_t d = 0; d < sizeof(delays_ns) / sizeof(delays_ns[0]); d++) {
		static const struct {
			const char *name;
			enum poll_mode poll;
		} modes[] = {{"sleeping", POLL_ADAPTIVE}, {"busy", POLL_BUSY}};

		for (int k = 0; k < 2; k++) {
			atomic_store(&bench.probe.n_out, 0);
			if (setup(&bench, modes[k].poll, delays_ns[d], 1) != 0)
				return 1;
			feed(&bench, &o);
			datapath_stop(bench.dp);
			report(modes[k].name, delays_ns[d], samples, o.json);
			teardown(&bench);
		}
		pthread_t thread;
		struct bare bare = {&o, samples};

		if (pthread_create(&thread, NULL, bare_loop, &bare) != 0)
			return 1;
		pthread_join(thread, NULL);
		report("bare loop", delays_ns[d], samples, o.json);
	}
	rte_eal_cleanup();
	free(samples);
	return 0;
}
