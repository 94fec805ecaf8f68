/* SPDX-License-Identifier: BSD-3-Clause */
// Cycles a frame through the data path, without kernel and wires: one worker, ports that make
// frames and free them. Each row is measured beside the same ports without the data path between
// them (rx, then tx of the same burst); the difference is what the data path costs.
//	orrery-bench-datapath [--windows N] [--window-ms N] [--delay-us N] [--cpu N] [--only TEXT]
//	    [--attached LINKS] [--json]
// --attached: so many links besides, plugged in and without traffic.
// A window in which this thread had less than 95 % of its CPU is thrown away.
#include <getopt.h>
#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_ether.h>
#include <rte_mbuf.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "datapath.h"
#include "fib6.h"
#include "port_ops.h"
#include "rng.h"
#include "source.h"
#include "stage.h"
#include "usage.h"

#define N_PREFIXES 10000
#define POOL_FRAMES ((1u << 19) - 1)
#define WINDOWS_MAX 1000
#define CPU_SHARE_MIN 0.95

struct options {
	unsigned windows, window_ms, delay_us, attached;
	int cpu;
	const char *only;
	bool json;
};

struct scenario {
	const char *name;
	bool routed;
	bool params; // rate, loss, jitter
	unsigned burst;
	uint32_t n_links;
};

struct bench {
	struct datapath *dp;
	struct source source;
	uint32_t n_ifaces;
	struct port *ports;
	struct link_params *links;
	struct dp_iface *ifaces;
	struct dp_node *nodes;
	struct dp_target *targets;
	struct fib6 *fib;
	struct view view;
};

struct result {
	unsigned n_windows;
	double cycles[WINDOWS_MAX]; // a frame
};

// Interfaces: [0, n) where frames come in, [n, 2n) where they go out, [2n, 3n) of the router.
static void fill_links(struct bench *bench, const struct scenario *s, uint64_t delay_tsc)
{
	double hz = (double)datapath_tsc_hz(bench->dp);

	for (uint32_t i = 0; i < s->n_links; i++) {
		uint32_t from = s->routed ? 2 * s->n_links + i : i;
		struct link_params *link = &bench->links[from];

		*link = (struct link_params){
		        .to = s->n_links + i,
		        .flags = LINK_UP,
		        .incarnation = 1,
		        .delay_tsc = delay_tsc,
		        .queue_bytes = UINT32_MAX,
		        .queue_pkts = UINT32_MAX,
		        .seed = i,
		};
		if (!s->params)
			continue;
		link->flags |= LINK_IMPAIRED;
		link->cycles_per_byte_q16 = (uint64_t)(hz * 8 / 100e9 * 65536); // 100 Gbit/s
		link->queue_bytes = 100000000;
		link->loss_q32 = (uint32_t)(0.001 * 4294967296.0);
		link->jitter_tsc = delay_tsc / 100;
	}
}

static void fill_ports(struct bench *bench, const struct scenario *s)
{
	enum node_kind kind_in = s->routed ? NODE_KIND_ROUTER : NODE_KIND_POD;

	bench->nodes[0] = (struct dp_node){.kind = NODE_KIND_ROUTER, .dest_idx = 0};
	bench->nodes[1] = (struct dp_node){.kind = NODE_KIND_POD, .dest_idx = DP_NONE};
	for (uint32_t i = 0; i < bench->n_ifaces; i++) {
		bool is_port = i < 2 * s->n_links, is_in = i < s->n_links;

		bench->links[i].to = DP_NONE;
		bench->ifaces[i].kind = is_in     ? kind_in
		                        : is_port ? NODE_KIND_POD
		                                  : NODE_KIND_ROUTER;
		bench->ifaces[i].node_id = bench->ifaces[i].kind == NODE_KIND_ROUTER ? 0 : 1;
		atomic_store(&bench->ifaces[i].port_id, is_port ? i : DP_NONE);
		if (!is_port)
			continue;
		source_port(&bench->source, &bench->ports[i], i, i);
		datapath_set_port(bench->dp, &bench->ports[i]);
	}
}

static void fill_attached(struct bench *bench, uint32_t first, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		bench->links[first + i] = (struct link_params){
		        .to = first + (i + 1) % n,
		        .flags = LINK_UP,
		        .incarnation = 1,
		        .delay_tsc = 1000,
		        .queue_bytes = UINT32_MAX,
		        .queue_pkts = UINT32_MAX,
		};
		bench->ifaces[first + i] = (struct dp_iface){.kind = NODE_KIND_POD, .node_id = 1};
		atomic_store(&bench->ifaces[first + i].port_id, DP_NONE);
	}
}

// Random prefixes of 48 to 64 bits, and flows to addresses under them, from ports in random order.
static void fill_routes(struct bench *bench, const struct scenario *s)
{
	struct fib6_prefix *prefixes = bench_must(calloc(N_PREFIXES, sizeof(*prefixes)));
	struct rng rng;

	rng_seed(&rng, 1, 1);
	for (uint32_t i = 0; i < N_PREFIXES; i++) {
		prefixes[i].len = (uint8_t)(48 + rng_next(&rng) % 17);
		prefixes[i].addr[0] = 0xfd;
		for (unsigned byte = 1; byte < 8; byte++)
			prefixes[i].addr[byte] = (uint8_t)rng_next(&rng);
		if (fib6_add(bench->fib, &prefixes[i], i) != 0)
			bench_die("prefix refused");
		bench->targets[i] = (struct dp_target){.iface_id = 2 * s->n_links + i % s->n_links};
	}
	for (uint32_t i = 0; i < SOURCE_FLOWS; i++) {
		memcpy(bench->source.flow_dst[i], prefixes[rng_next(&rng) % N_PREFIXES].addr, 8);
		bench->source.flow_dst[i][15] = (uint8_t)i;
		bench->source.flow_port[i] = (uint16_t)(rng_next(&rng) % s->n_links);
	}
	free(prefixes);
}

static void open_bench(struct bench *bench, const struct scenario *s, const struct options *options)
{
	struct datapath_config config = {
	        .n_workers = 1,
	        .poll = POLL_BUSY,
	        .max_ifaces = 3 * s->n_links + options->attached,
	        .max_nodes = 2,
	        .max_targets = N_PREFIXES,
	        .max_ports = 2 * s->n_links,
	        .wheel_horizon_ns = 1000000000,
	        .wheel_slot_ns = 1000,
	        .pool_frames = POOL_FRAMES,
	        .frame_bytes = 128,
	};
	struct fault fault;

	memset(bench, 0, sizeof(*bench));
	if (datapath_create(&config, &bench->dp, &fault) < 0)
		bench_die(fault.message);
	bench->n_ifaces = config.max_ifaces;
	bench->ports = bench_must(calloc(config.max_ports, sizeof(*bench->ports)));
	bench->links = bench_must(aligned_alloc(64, bench->n_ifaces * sizeof(*bench->links)));
	bench->ifaces = bench_must(calloc(bench->n_ifaces, sizeof(*bench->ifaces)));
	bench->nodes = bench_must(calloc(config.max_nodes, sizeof(*bench->nodes)));
	bench->targets = bench_must(calloc(config.max_targets, sizeof(*bench->targets)));
	bench->fib = bench_must(fib6_create(N_PREFIXES));
	memset(bench->links, 0, bench->n_ifaces * sizeof(*bench->links));
	source_init(&bench->source, datapath_pool(bench->dp, 0), 0, s->burst);
	fill_ports(bench, s);
	fill_links(bench, s, options->delay_us * datapath_tsc_hz(bench->dp) / 1000000);
	fill_attached(bench, 3 * s->n_links, options->attached);
	fill_routes(bench, s);
	bench->view = (struct view){.links = bench->links,
	        .ifaces = bench->ifaces,
	        .nodes = bench->nodes,
	        .targets = bench->targets,
	        .fib = bench->fib};
	datapath_publish(bench->dp, &bench->view);
	if (datapath_add_queue(bench->dp, &bench->source.queue) < 0)
		bench_die("queue refused");
}

static void close_bench(struct bench *bench)
{
	datapath_destroy(bench->dp);
	fib6_destroy(bench->fib);
	free(bench->ports);
	free(bench->links);
	free(bench->ifaces);
	free(bench->nodes);
	free(bench->targets);
	source_fini(&bench->source);
}

static double seconds(clockid_t clock)
{
	struct timespec time;

	clock_gettime(clock, &time);
	return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

// rx and tx with nothing between.
static void loop_bare(struct bench *bench)
{
	struct rte_mbuf *pkts[BURST_MAX];
	uint16_t n = bench->source.queue.ops->rx_burst(&bench->source.queue, pkts, BURST_MAX);

	bench->ports[0].ops->tx_burst(&bench->ports[0], pkts, n);
}

static void loop_datapath(struct bench *bench)
{
	datapath_run_once(bench->dp, 0, 0 /* the clock */);
}

// Cycles a frame over one window; negative when the CPU was shared.
static double window(struct bench *bench, void (*loop)(struct bench *), unsigned ms)
{
	double wall = seconds(CLOCK_MONOTONIC), cpu = seconds(CLOCK_THREAD_CPUTIME_ID);
	uint64_t start = rte_rdtsc(), end = start + ms * rte_get_tsc_hz() / 1000, now;
	uint64_t n = bench->source.n_tx;

	do {
		for (unsigned i = 0; i < 64; i++)
			loop(bench);
		now = rte_rdtsc();
	} while (now < end);
	wall = seconds(CLOCK_MONOTONIC) - wall;
	cpu = seconds(CLOCK_THREAD_CPUTIME_ID) - cpu;
	if (cpu < CPU_SHARE_MIN * wall)
		return -1;
	return (double)(now - start) / (double)(bench->source.n_tx - n);
}

static void measure(struct bench *bench, void (*loop)(struct bench *),
        const struct options *options, struct result *result)
{
	// Warm: tables touched, links filled, the pool's frames in their steady order.
	(void)window(bench, loop, 100 + options->delay_us / 500);
	result->n_windows = 0;
	for (unsigned tries = 0; tries < 40 * options->windows; tries++) {
		double cycles = window(bench, loop, options->window_ms);

		if (cycles > 0)
			result->cycles[result->n_windows++] = cycles;
		if (result->n_windows == options->windows)
			return;
	}
	if (result->n_windows == 0)
		bench_die("this CPU is shared: no window had 95 % of it");
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void sort(struct result *result)
{
	qsort(result->cycles, result->n_windows, sizeof(double), compare);
}

static void print_row(
        const struct scenario *s, struct result *bare, struct result *whole, bool json, bool first)
{
	double hz = (double)rte_get_tsc_hz(), median, bare_median;

	sort(bare);
	sort(whole);
	median = whole->cycles[whole->n_windows / 2];
	bare_median = bare->cycles[bare->n_windows / 2];
	if (json) {
		printf("%s{\"path\":\"%s\",\"params\":%s,\"burst\":%u,\"links\":%u,\"windows\":%u,"
		       "\"cycles\":{\"min\":%.1f,\"median\":%.1f,\"max\":%.1f},"
		       "\"ports_cycles\":%.1f,\"datapath_cycles\":%.1f,\"mpps\":%.2f}",
		        first ? "" : ",\n", s->routed ? "router" : "wire",
		        s->params ? "true" : "false", s->burst, s->n_links, whole->n_windows,
		        whole->cycles[0], median, whole->cycles[whole->n_windows - 1], bare_median,
		        median - bare_median, hz / median * 1e-6);
		return;
	}
	printf("%-20s %5u %6u  %6.1f %6.1f %6.1f   %6.1f   %6.1f  %6.2f\n", s->name, s->burst,
	        s->n_links, whole->cycles[0], median, whole->cycles[whole->n_windows - 1],
	        bare_median, median - bare_median, hz / median * 1e-6);
	fflush(stdout);
}

static void run(const struct scenario *s, const struct options *options, bool first)
{
	static struct result bare, whole;
	static struct bench bench;
	struct worker_stats stats;
	uint64_t n_dropped = 0;

	open_bench(&bench, s, options);
	measure(&bench, loop_bare, options, &bare);
	measure(&bench, loop_datapath, options, &whole);
	print_row(s, &bare, &whole, options->json, first);
	datapath_worker_stats(bench.dp, 0, &stats);
	for (unsigned reason = 0; reason < DROP_REASON_COUNT; reason++) {
		if (reason != DROP_LINK_LOSS)
			n_dropped += stats.drops[reason];
		if (reason != DROP_LINK_LOSS && stats.drops[reason] != 0)
			fprintf(stderr, "%s: %lu frames dropped: %s\n", s->name,
			        (unsigned long)stats.drops[reason], drop_reason_texts[reason]);
	}
	if (n_dropped > stats.rx_pkts / 1000)
		bench_die("frames were dropped: the figures are not what they say");
	close_bench(&bench);
}

static unsigned parse_number(const char *text)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	if (*end != '\0' || value == 0 || value > 10000000)
		bench_die("a number from 1 to 10000000 was expected");
	return (unsigned)value;
}

static void parse_options(int argc, char **argv, struct options *options)
{
	static const struct option names[] = {{"windows", required_argument, NULL, 'n'},
	        {"window-ms", required_argument, NULL, 'm'},
	        {"delay-us", required_argument, NULL, 'd'}, {"cpu", required_argument, NULL, 'c'},
	        {"only", required_argument, NULL, 'o'}, {"attached", required_argument, NULL, 'a'},
	        {"json", no_argument, NULL, 'j'}, {"help", no_argument, NULL, 'h'},
	        {NULL, 0, NULL, 0}};
	int c;

	*options = (struct options){.windows = 31, .window_ms = 5, .delay_us = 100, .cpu = -1};
	while ((c = getopt_long(argc, argv, "", names, NULL)) != -1) {
		if (c == 'n')
			options->windows = parse_number(optarg);
		else if (c == 'm')
			options->window_ms = parse_number(optarg);
		else if (c == 'd')
			options->delay_us = parse_number(optarg);
		else if (c == 'c')
			options->cpu = atoi(optarg);
		else if (c == 'o')
			options->only = optarg;
		else if (c == 'a')
			options->attached = parse_number(optarg);
		else if (c == 'j')
			options->json = true;
		else
			bench_usage(c, "[--windows N] [--window-ms N] [--delay-us N] [--cpu N] "
			               "[--only TEXT]\n"
			               "       [--attached LINKS] [--json]");
	}
	if (options->windows > WINDOWS_MAX)
		bench_die("at most 1000 windows");
	if (options->cpu < 0) // the last one: interrupts like the first
		options->cpu = (int)sysconf(_SC_NPROCESSORS_ONLN) - 1;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		bool routed, params;
	} paths[] = {{"wire", false, false}, {"wire, parameters", false, true},
	        {"router", true, false}, {"router, parameters", true, true}};
	static const uint32_t n_links[] = {2, 10000};
	static const unsigned bursts[] = {32, 64};
	struct options options;
	bool first = true;
	char lcores[32];

	parse_options(argc, argv, &options);
	snprintf(lcores, sizeof(lcores), "0@%d", options.cpu);
	bench_eal(lcores);
	if (options.json)
		printf("{\"tsc_hz\":%lu,\"delay_us\":%u,\"prefixes\":%u,\"rows\":[\n",
		        (unsigned long)rte_get_tsc_hz(), options.delay_us, N_PREFIXES);
	else
		printf("TSC cycles a frame (%.3f GHz), 64-byte frames, delay %u us, %u prefixes; "
		       "parameters: 100 Gbit/s, loss 0.1 %%, jitter 1 %%\n"
		       "%-20s %5s %6s  %6s %6s %6s   %6s   %6s  %6s\n",
		        (double)rte_get_tsc_hz() * 1e-9, options.delay_us, N_PREFIXES, "path",
		        "burst", "links", "min", "median", "max", "ports", "net", "Mpps");
	for (unsigned p = 0; p < RTE_DIM(paths); p++) {
		if (options.only != NULL && strcmp(options.only, paths[p].name) != 0)
			continue;
		for (unsigned l = 0; l < RTE_DIM(n_links); l++) {
			for (unsigned b = 0; b < RTE_DIM(bursts); b++) {
				struct scenario s = {paths[p].name, paths[p].routed,
				        paths[p].params, bursts[b], n_links[l]};

				run(&s, &options, first);
				first = false;
			}
		}
	}
	if (options.json)
		printf("\n]}\n");
	rte_eal_cleanup();
	return 0;
}
