/* SPDX-License-Identifier: BSD-3-Clause */
// How long an epoch takes from its first changed link to the last worker that uses it: all links
// change their delay, while the workers forward frames over them. Without socket and model: that
// part is measured with the switch.
//	orrery-bench-epoch [--links N] [--epochs N] [--workers N] [--json]
// Control runs on the first CPU, workers on the others in turn. Epochs in which a worker waited for
// its CPU, because other programs ran there, are counted and left out: what is measured then is the
// scheduler.
#include <dirent.h>
#include <getopt.h>
#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_mbuf.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "datapath.h"
#include "publish.h"
#include "rng.h"
#include "source.h"
#include "usage.h"

#define WORKERS_MAX 8
#define PAUSE_MS 2
#define WAIT_MAX_NS 20000

struct options {
	uint32_t links;
	unsigned epochs;
	uint16_t workers;
	bool json;
};

struct bench {
	struct datapath *dp;
	struct publisher *publisher;
	struct source sources[WORKERS_MAX];
	struct port *ports; // [links] one at each end: link i leads from port i to port i ^ 1
};

static void start_eal(uint16_t workers)
{
	int n_cpus = (int)sysconf(_SC_NPROCESSORS_ONLN);
	char lcores[256];
	int len = snprintf(lcores, sizeof(lcores), "0@0");

	for (int i = 0; i < workers; i++)
		len += snprintf(lcores + len, sizeof(lcores) - (size_t)len, ",%d@%d", i + 1,
		        n_cpus > 1 ? 1 + i % (n_cpus - 1) : 0);
	bench_eal(lcores);
}

static void set_link(struct bench *bench, uint32_t id, uint64_t delay_tsc)
{
	struct link_params *link = publisher_link(bench->publisher, id);

	*link = (struct link_params){
	        .to = id ^ 1,
	        .flags = LINK_UP,
	        .incarnation = 1,
	        .worker = bench->ports[id ^ 1].worker,
	        .delay_tsc = delay_tsc,
	        .queue_bytes = UINT32_MAX,
	        .queue_pkts = UINT32_MAX,
	};
}

static void add_ports(struct bench *bench, const struct options *options)
{
	struct rng rng;

	rng_seed(&rng, 1, 1);
	for (uint32_t i = 0; i < options->links; i++) {
		struct source *source = &bench->sources[i % options->workers];
		struct dp_iface *iface;

		source_port(source, &bench->ports[i], i, i);
		iface = publisher_iface_init(
		        bench->publisher, i, 0 /* node */, NODE_KIND_POD, source->queue.worker);
		datapath_set_port(bench->dp, &bench->ports[i]);
		atomic_store(&iface->port_id, i);
	}
	for (uint32_t i = 0; i < options->links; i++)
		set_link(bench, i, 1000);
	for (uint16_t w = 0; w < options->workers; w++) {
		for (uint32_t i = 0; i < SOURCE_FLOWS; i++) {
			uint32_t n = options->links / options->workers;

			bench->sources[w].flow_port[i] =
			        (uint16_t)(rng_next(&rng) % n * options->workers + w);
		}
	}
}

static void open_bench(struct bench *bench, const struct options *options)
{
	unsigned lcores[WORKERS_MAX];
	struct datapath_config config = {
	        .n_workers = options->workers,
	        .lcores = lcores,
	        .poll = POLL_BUSY,
	        .max_ifaces = options->links,
	        .max_nodes = 1,
	        .max_targets = 1,
	        .max_ports = options->links,
	        .wheel_horizon_ns = 100000000,
	        .wheel_slot_ns = 1000,
	        .pool_frames = 131071,
	        .frame_bytes = 128,
	};
	struct publisher_limits limits = {options->links, 1, 1, 1};
	struct fault fault;

	for (uint16_t i = 0; i < options->workers; i++)
		lcores[i] = i + 1;
	if (datapath_create(&config, &bench->dp, &fault) < 0 ||
	        publisher_create(bench->dp, &limits, &bench->publisher, &fault) < 0)
		bench_die(fault.message);
	bench->ports = bench_must(calloc(options->links, sizeof(*bench->ports)));
	for (uint16_t i = 0; i < options->workers; i++)
		source_init(&bench->sources[i], datapath_pool(bench->dp, i), i, 32 /* burst */);
	add_ports(bench, options);
	publisher_commit(bench->publisher);
	for (uint16_t i = 0; i < options->workers; i++) {
		if (datapath_add_queue(bench->dp, &bench->sources[i].queue) < 0)
			bench_die("queue refused");
	}
	if (datapath_start(bench->dp, &fault) < 0)
		bench_die(fault.message);
}

static void close_bench(struct bench *bench, const struct options *options)
{
	datapath_stop(bench->dp);
	publisher_destroy(bench->publisher);
	datapath_destroy(bench->dp);
	for (uint16_t i = 0; i < options->workers; i++)
		source_fini(&bench->sources[i]);
	free(bench->ports);
}

// Frames of the first worker and their time, while epochs are written and published, and in windows
// as long right before them.
struct share {
	uint64_t pkts, tsc;
};

struct times {
	struct share before, during;
	double *write_us, *apply_us, *whole_us; // [epochs] records written; then used by all; both
	double *commit_us; // whole, and the other side brought up to date
};

// How long the workers have waited for a CPU, ns (the second figure of schedstat).
static uint64_t waited_ns(void)
{
	DIR *tasks = opendir("/proc/self/task");
	struct dirent *task;
	uint64_t sum = 0;

	while (tasks != NULL && (task = readdir(tasks)) != NULL) {
		unsigned long long run, wait;
		char path[300], name[32] = "";
		FILE *file;

		snprintf(path, sizeof(path), "/proc/self/task/%s/comm", task->d_name);
		file = fopen(path, "re");
		if (file == NULL)
			continue;
		if (fscanf(file, "%31s", name) != 1)
			name[0] = '\0';
		fclose(file);
		if (strncmp(name, "rte-worker", 10) != 0)
			continue;
		snprintf(path, sizeof(path), "/proc/self/task/%s/schedstat", task->d_name);
		file = fopen(path, "re");
		if (file == NULL)
			continue;
		if (fscanf(file, "%llu %llu", &run, &wait) == 2)
			sum += wait;
		fclose(file);
	}
	if (tasks != NULL)
		closedir(tasks);
	return sum;
}

static double us_since(uint64_t tsc)
{
	return (double)(rte_rdtsc() - tsc) * 1e6 / (double)rte_get_tsc_hz();
}

static uint64_t forwarded(struct bench *bench)
{
	struct worker_stats stats;

	datapath_worker_stats(bench->dp, 0, &stats);
	return stats.tx_pkts;
}

static void add_share(struct share *share, uint64_t pkts, uint64_t tsc)
{
	share->pkts += pkts;
	share->tsc += tsc;
}

static double mpps(const struct share *share)
{
	return (double)share->pkts / (double)share->tsc * (double)rte_get_tsc_hz() * 1e-6;
}

// Nothing changes for as long as an epoch takes; this thread is as busy as with one.
static struct share quiet_window(struct bench *bench, uint64_t length_tsc)
{
	uint64_t pkts = forwarded(bench), start_tsc = rte_rdtsc(), now;

	do {
		now = rte_rdtsc();
	} while (now - start_tsc < length_tsc);
	return (struct share){forwarded(bench) - pkts, now - start_tsc};
}

// False when a worker had to wait for its CPU meanwhile.
static bool one_epoch(
        struct bench *bench, const struct options *options, struct times *times, unsigned n)
{
	uint64_t length_tsc =
	        (uint64_t)(times->commit_us[n > 0 ? n - 1 : 0] * 1e-6 * (double)rte_get_tsc_hz());
	struct timespec pause = {.tv_nsec = PAUSE_MS * 1000000};
	uint64_t wait_ns = waited_ns(), pkts, start_tsc;
	struct share quiet = quiet_window(bench, length_tsc);

	pkts = forwarded(bench);
	start_tsc = rte_rdtsc();

	for (uint32_t i = 0; i < options->links; i++)
		set_link(bench, i, 1000 + n + i);
	times->write_us[n] = us_since(start_tsc);
	publisher_new_epoch(bench->publisher);
	times->apply_us[n] = (double)publisher_commit(bench->publisher) * 1e-3;
	times->whole_us[n] = times->write_us[n] + times->apply_us[n];
	times->commit_us[n] = us_since(start_tsc);
	pkts = forwarded(bench) - pkts;
	start_tsc = rte_rdtsc() - start_tsc;
	wait_ns = waited_ns() - wait_ns;
	if (wait_ns < WAIT_MAX_NS && length_tsc > 0) {
		add_share(&times->before, quiet.pkts, quiet.tsc);
		add_share(&times->during, pkts, start_tsc);
	}
	nanosleep(&pause, NULL);
	return wait_ns < WAIT_MAX_NS;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void print_times(const char *name, double *us, unsigned n, bool json, const char *end)
{
	qsort(us, n, sizeof(*us), compare);
	if (json)
		printf("\"%s\":{\"p50_us\":%.1f,\"p99_us\":%.1f,\"max_us\":%.1f}%s", name,
		        us[n / 2], us[n * 99 / 100], us[n - 1], end);
	else
		printf("%-36s %8.1f %8.1f %8.1f\n", name, us[n / 2], us[n * 99 / 100], us[n - 1]);
}

static unsigned parse_number(const char *text, unsigned max)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	if (*end != '\0' || value == 0 || value > max)
		bench_die("a number in range was expected");
	return (unsigned)value;
}

static void parse_options(int argc, char **argv, struct options *options)
{
	static const struct option names[] = {{"links", required_argument, NULL, 'l'},
	        {"epochs", required_argument, NULL, 'e'}, {"workers", required_argument, NULL, 'w'},
	        {"json", no_argument, NULL, 'j'}, {"help", no_argument, NULL, 'h'},
	        {NULL, 0, NULL, 0}};
	int c;

	*options = (struct options){.links = 10000, .epochs = 1000, .workers = 1};
	while ((c = getopt_long(argc, argv, "", names, NULL)) != -1) {
		if (c == 'l')
			options->links = parse_number(optarg, 60000) & ~1u;
		else if (c == 'e')
			options->epochs = parse_number(optarg, 1000000);
		else if (c == 'w')
			options->workers = (uint16_t)parse_number(optarg, WORKERS_MAX);
		else if (c == 'j')
			options->json = true;
		else
			bench_usage(c, "[--links N] [--epochs N] [--workers N] [--json]");
	}
	if (options->links < 2u * options->workers)
		bench_die("more links than that, please");
}

static double *make_times(unsigned n)
{
	return bench_must(calloc(n, sizeof(double)));
}

int main(int argc, char **argv)
{
	static struct bench bench;
	struct options options;
	struct worker_stats before, after;
	struct times times;
	double seconds;
	unsigned n = 0;
	uint64_t start_tsc;

	parse_options(argc, argv, &options);
	start_eal(options.workers);
	open_bench(&bench, &options);
	times = (struct times){.write_us = make_times(options.epochs),
	        .apply_us = make_times(options.epochs),
	        .whole_us = make_times(options.epochs),
	        .commit_us = make_times(options.epochs)};
	for (unsigned i = 0; i < 10; i++)
		(void)one_epoch(&bench, &options, &times, 0); // warm
	times.before = times.during = (struct share){0};
	datapath_worker_stats(bench.dp, 0, &before);
	start_tsc = rte_rdtsc();
	for (unsigned i = 0; i < options.epochs; i++)
		n += one_epoch(&bench, &options, &times, n);
	seconds = us_since(start_tsc) * 1e-6;
	datapath_worker_stats(bench.dp, 0, &after);
	if (n == 0)
		bench_die("the workers' CPUs are shared: no epoch without a wait");
	if (options.json)
		printf("{\"links\":%u,\"epochs\":%u,\"of\":%u,\"workers\":%u,\"mpps\":%.2f,",
		        options.links, n, options.epochs, options.workers,
		        (double)(after.tx_pkts - before.tx_pkts) / seconds * 1e-6);
	else
		printf("%u links an epoch, %u epochs (of %u: in the others a worker waited for its "
		       "CPU), %u workers; the first forwards %.2f Mpps\n"
		       "%-36s %8s %8s %8s\n",
		        options.links, n, options.epochs, options.workers,
		        (double)(after.tx_pkts - before.tx_pkts) / seconds * 1e-6, "us", "p50",
		        "p99", "max");
	if (options.json)
		printf("\"mpps_before\":%.3f,\"mpps_during\":%.3f,", mpps(&times.before),
		        mpps(&times.during));
	else
		printf("forwarded right before epochs %.2f Mpps, during them %.2f: ratio %.3f\n",
		        mpps(&times.before), mpps(&times.during),
		        mpps(&times.during) / mpps(&times.before));
	print_times("records written", times.write_us, n, options.json, ",");
	print_times("published, used by all workers", times.apply_us, n, options.json, ",");
	print_times("first record to last worker", times.whole_us, n, options.json, ",");
	print_times("until the next epoch may begin", times.commit_us, n, options.json, "}\n");
	close_bench(&bench, &options);
	free(times.write_us);
	free(times.apply_us);
	free(times.whole_us);
	free(times.commit_us);
	rte_eal_cleanup();
	return 0;
}
