/* SPDX-License-Identifier: BSD-3-Clause */
// Cycles a frame for taking frames from a virtqueue and giving frames to one: split and packed,
// 64 and 1,500 bytes, bursts of 32 and 64.
//	orrery-bench-vring [--seconds N] [--cpu N] [--driver-cpu N] [--json]
// "warm": one thread, the driver fills the ring outside the measured time, so that every line is in
// this processor's cache. "two threads": the driver runs on a processor of its own, so that lines
// travel; bursts that found no frame or no room do not count, but how many there were is told.
#include <getopt.h>
#include <pthread.h>
#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "usage.h"
#include "vring.h"
#include "vring_driver.h"

#define RING_SIZE 256u
#define SLOT_SIZE 2048u
#define BURST_MAX 64u
#define N_MBUFS 4095u
#define N_RUNS 11

struct options {
	double seconds;
	int cpu, driver_cpu;
	bool json;
};

struct bench {
	struct rte_mempool *pool;
	struct guest guest;
	struct driver driver;
	struct vring *vring;
	struct rte_mbuf *pkts[BURST_MAX];
	uint32_t len;
	uint16_t burst;
	bool receive;
	bool stop; // atomic
};

struct result {
	double cycles, mpps, empty; // empty: share of bursts without a frame
};

static void die(const char *what)
{
	fprintf(stderr, "orrery-bench-vring: %s\n", what);
	exit(1);
}

static void fill(struct bench *bench)
{
	uint32_t token, len;

	while (driver_take(&bench->driver, &token, &len))
		continue;
	while (bench->driver.n_free > 0) {
		uint32_t slot = (bench->driver.next_avail + (uint32_t)bench->driver.unpublished *
		                                                    !bench->driver.packed) %
		                RING_SIZE;
		struct buffer buffer = {GUEST_BUFFERS_ADDR + (uint64_t)slot * SLOT_SIZE + 116,
		        bench->receive ? SLOT_SIZE - 128 : bench->len + 12};
		struct offer offer = {.buffers = &buffer, .n = 1, .write = bench->receive};

		if (!driver_add(&bench->driver, &offer))
			break;
	}
	driver_publish(&bench->driver);
}

static void open_ring(struct bench *bench, bool packed)
{
	struct vring_config config;

	guest_init(&bench->guest);
	driver_init(&bench->driver, &bench->guest, packed, RING_SIZE, GUEST_RINGS_ADDR, 0);
	driver_calls_off(&bench->driver);
	config = (struct vring_config){.memory = &bench->guest.memory,
	        .packed = packed,
	        .version_1 = true,
	        .mergeable = true,
	        .receive = bench->receive,
	        .size = RING_SIZE,
	        .avail_wrap = true,
	        .used_wrap = true,
	        .desc_addr = guest_user_addr(&bench->guest, bench->driver.desc_addr),
	        .avail_addr = guest_user_addr(&bench->guest, bench->driver.driver_addr),
	        .used_addr = guest_user_addr(&bench->guest, bench->driver.device_addr),
	        .call_fd = -1,
	        .max_frame = 1900};
	if (vring_start(bench->vring, &config) < 0)
		die("the ring cannot be started");
}

static void close_ring(struct bench *bench)
{
	if (vring_get_fault(bench->vring) != VRING_FAULT_NONE)
		die(vring_fault_text(vring_get_fault(bench->vring)));
	vring_stop(bench->vring);
	driver_fini(&bench->driver);
	guest_fini(&bench->guest);
}

// One burst; buffers come and go outside the measured time. Returns how many frames.
static uint16_t burst(struct bench *bench, uint64_t *cycles)
{
	uint64_t start;
	uint16_t n;

	if (bench->receive) {
		start = rte_rdtsc();
		n = vring_enqueue(bench->vring, bench->pkts, bench->burst);
		*cycles = rte_rdtsc() - start;
		return n;
	}
	start = rte_rdtsc();
	n = vring_dequeue(bench->vring, bench->pool, bench->pkts, bench->burst);
	*cycles = rte_rdtsc() - start;
	rte_pktmbuf_free_bulk(bench->pkts, n);
	return n;
}

static void *drive(void *arg)
{
	struct bench *bench = arg;

	while (!__atomic_load_n(&bench->stop, __ATOMIC_RELAXED))
		fill(bench);
	return NULL;
}

static struct result run(struct bench *bench, double seconds, bool alone)
{
	uint64_t start = rte_rdtsc(), end = start + (uint64_t)(seconds * (double)rte_get_tsc_hz());
	uint64_t total = 0, n_frames = 0, n_bursts = 0, n_empty = 0, cycles, now;

	do {
		uint16_t n;

		if (alone)
			fill(bench);
		n = burst(bench, &cycles);
		n_bursts++;
		n_empty += n == 0;
		if (n > 0)
			total += cycles;
		n_frames += n;
		now = rte_rdtsc();
	} while (now < end || n_frames == 0); // a driver thread may not have begun
	return (struct result){(double)total / (double)n_frames,
	        (double)n_frames / ((double)(now - start) / (double)rte_get_tsc_hz()) * 1e-6,
	        (double)n_empty / (double)n_bursts};
}

static int by_cycles(const void *a, const void *b)
{
	const struct result *x = a, *y = b;

	return (x->cycles > y->cycles) - (x->cycles < y->cycles);
}

static void pin(pthread_t thread, int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (pthread_setaffinity_np(thread, sizeof(set), &set) != 0)
		die("no such CPU");
}

static void print(const struct bench *bench, bool alone, bool packed, const struct result *runs,
        bool json, bool first)
{
	const struct result *median = &runs[N_RUNS / 2];

	if (json)
		printf("%s{\"threads\":%d,\"what\":\"%s\",\"ring\":\"%s\",\"bytes\":%u,\"burst\":%"
		       "u,"
		       "\"cycles\":{\"min\":%.1f,\"median\":%.1f,\"max\":%.1f},\"mpps\":%.2f,"
		       "\"empty\":%.3f}",
		        first ? "" : ",\n", alone ? 1 : 2, bench->receive ? "enqueue" : "dequeue",
		        packed ? "packed" : "split", bench->len, bench->burst, runs[0].cycles,
		        median->cycles, runs[N_RUNS - 1].cycles, median->mpps, median->empty);
	else
		printf("%-12s %-8s %-7s %5u %6u  %7.1f %7.1f %7.1f  %7.2f  %5.1f\n",
		        alone ? "warm" : "two threads", bench->receive ? "enqueue" : "dequeue",
		        packed ? "packed" : "split", bench->len, bench->burst, runs[0].cycles,
		        median->cycles, runs[N_RUNS - 1].cycles, median->mpps, 100 * median->empty);
	fflush(stdout);
}

static void measure(
        struct bench *bench, const struct options *options, bool packed, bool alone, bool first)
{
	struct result runs[N_RUNS];
	pthread_t thread;

	open_ring(bench, packed);
	bench->stop = false;
	for (uint16_t i = 0; bench->receive && i < BURST_MAX; i++) {
		bench->pkts[i] = rte_pktmbuf_alloc(bench->pool);
		bench->pkts[i]->pkt_len = bench->pkts[i]->data_len = (uint16_t)bench->len;
	}
	if (!alone) {
		if (pthread_create(&thread, NULL, drive, bench) != 0)
			die("no thread");
		pin(thread, options->driver_cpu);
	}
	run(bench, options->seconds / N_RUNS, alone);
	for (int i = 0; i < N_RUNS; i++)
		runs[i] = run(bench, options->seconds / N_RUNS, alone);
	if (!alone) {
		__atomic_store_n(&bench->stop, true, __ATOMIC_RELAXED);
		pthread_join(thread, NULL);
	}
	if (bench->receive)
		rte_pktmbuf_free_bulk(bench->pkts, BURST_MAX);
	qsort(runs, N_RUNS, sizeof(runs[0]), by_cycles);
	print(bench, alone, packed, runs, options->json, first);
	close_ring(bench);
}

static void parse_options(int argc, char **argv, struct options *options)
{
	static const struct option names[] = {{"seconds", required_argument, NULL, 's'},
	        {"cpu", required_argument, NULL, 'c'}, {"driver-cpu", required_argument, NULL, 'd'},
	        {"json", no_argument, NULL, 'j'}, {"help", no_argument, NULL, 'h'},
	        {NULL, 0, NULL, 0}};
	int c, n_cpus = (int)sysconf(_SC_NPROCESSORS_ONLN);

	*options = (struct options){.seconds = 0.4, .cpu = n_cpus - 1, .driver_cpu = n_cpus - 2};
	while ((c = getopt_long(argc, argv, "", names, NULL)) != -1) {
		if (c == 's')
			options->seconds = strtod(optarg, NULL);
		else if (c == 'c')
			options->cpu = atoi(optarg);
		else if (c == 'd')
			options->driver_cpu = atoi(optarg);
		else if (c == 'j')
			options->json = true;
		else
			bench_usage(c, "[--seconds N] [--cpu N] [--driver-cpu N] [--json]");
	}
}

static void start_eal(int cpu)
{
	char lcores[32];
	char *args[] = {(char[]){"orrery-bench-vring"}, (char[]){"--no-huge"}, (char[]){"--no-pci"},
	        (char[]){"--no-telemetry"}, (char[]){"--no-shconf"}, (char[]){"-m"}, (char[]){"64"},
	        (char[]){"--log-level=error"}, (char[]){"--lcores"}, lcores};

	snprintf(lcores, sizeof(lcores), "0@%d", cpu);
	if (rte_eal_init(10, args) < 0)
		die("DPDK does not start");
}

int main(int argc, char **argv)
{
	static struct bench bench;
	static const uint32_t lens[] = {64, 1500};
	static const uint16_t bursts[] = {32, 64};
	struct options options;
	bool first = true;

	parse_options(argc, argv, &options);
	start_eal(options.cpu);
	bench.pool = rte_pktmbuf_pool_create(
	        "bench", N_MBUFS, 256, 0 /* private */, RTE_PKTMBUF_HEADROOM + 2048, SOCKET_ID_ANY);
	bench.vring = aligned_alloc(64, vring_size());
	if (bench.pool == NULL || bench.vring == NULL)
		die("no memory");
	if (options.json)
		printf("{\"tsc_hz\":%lu,\"rows\":[\n", (unsigned long)rte_get_tsc_hz());
	else
		printf("TSC cycles a frame (%.3f GHz); Mpps and bursts without a frame: of the "
		       "whole "
		       "loop\n%-12s %-8s %-7s %5s %6s  %7s %7s %7s  %7s  %5s\n",
		        (double)rte_get_tsc_hz() * 1e-9, "", "", "ring", "bytes", "burst", "min",
		        "median", "max", "Mpps", "empty%");
	for (unsigned i = 0; i < 32; i++) {
		bool alone = i < 16, packed = i & 8;

		if (!alone && options.cpu == options.driver_cpu)
			continue; // one processor: nothing to see
		bench.receive = i & 4;
		bench.len = lens[i >> 1 & 1];
		bench.burst = bursts[i & 1];
		measure(&bench, &options, packed, alone, first);
		first = false;
	}
	if (options.json)
		printf("\n]}\n");
	free(bench.vring);
	rte_mempool_free(bench.pool);
	rte_eal_cleanup();
	return 0;
}
