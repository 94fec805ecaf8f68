/* SPDX-License-Identifier: BSD-3-Clause */
// Reports: sums, rates and percentiles of a window.
#include "report.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define N_COUNTERS (sizeof(struct port_counters) / sizeof(uint64_t))

// port_counters is all uint64_t; control reads while the worker writes, a counter at a time.
static void add_counters(struct port_counters *sum, const struct port_counters *port)
{
	uint64_t *to = (uint64_t *)sum;
	const uint64_t *from = (const uint64_t *)port;

	for (size_t i = 0; i < N_COUNTERS; i++)
		to[i] += __atomic_load_n(&from[i], __ATOMIC_RELAXED);
}

static void read_schedstat(struct snapshot *snapshot, int tid)
{
	char path[64];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/task/%d/schedstat", tid);
	file = fopen(path, "re");
	if (file == NULL)
		return;
	if (fscanf(file, "%" SCNu64 " %" SCNu64, &snapshot->cpu_ns, &snapshot->wait_ns) != 2)
		snapshot->cpu_ns = snapshot->wait_ns = 0;
	fclose(file);
}

void snapshot_take(struct snapshot *snapshot, const struct fleet *fleet)
{
	const struct worker *worker = &fleet->worker;
	struct timespec t;

	memset(snapshot, 0, sizeof(*snapshot));
	clock_gettime(CLOCK_MONOTONIC, &t);
	snapshot->time_ns = t.tv_sec * 1000000000ll + t.tv_nsec;
	snapshot->cycles = cpu_cycles();
	read_schedstat(snapshot, atomic_load(&worker->tid));
	snapshot->rounds = atomic_load_explicit(&worker->rounds, memory_order_relaxed);
	snapshot->empty_rounds = __atomic_load_n(&worker->empty_rounds, __ATOMIC_RELAXED);
	for (uint32_t i = 0; i < fleet->n_ports; i++) {
		const struct port *port = &fleet->ports[i];

		add_counters(&snapshot->counters, &port->counters);
		snapshot->lost += __atomic_load_n(&port->track.n_lost, __ATOMIC_RELAXED);
		snapshot->reordered += __atomic_load_n(&port->track.n_reordered, __ATOMIC_RELAXED);
		snapshot->duplicates +=
		        __atomic_load_n(&port->track.n_duplicates, __ATOMIC_RELAXED);
		snapshot->late += __atomic_load_n(&port->track.n_late, __ATOMIC_RELAXED);
	}
	memcpy(&snapshot->latency, &worker->latency, sizeof(snapshot->latency));
}

static void make_latency(struct report *report, const struct histogram *latency)
{
	static const double shares[6] = {0, 0.5, 0.9, 0.99, 0.999, 1};

	report->n_latency = histogram_count(latency);
	for (int i = 0; i < 6; i++)
		report->latency_ns[i] =
		        (double)histogram_percentile(latency, shares[i]) / report->cycles_hz * 1e9;
}

static void make_rates(
        struct report *report, const struct snapshot *before, const struct snapshot *after)
{
	const struct port_counters *a = &before->counters, *b = &after->counters;
	double s = (double)(after->time_ns - before->time_ns) / 1e9;

	report->seconds = s;
	report->cycles = after->cycles - before->cycles;
	report->cycles_hz = (double)report->cycles / s;
	report->cpu_share = (double)(after->cpu_ns - before->cpu_ns) / 1e9 / s;
	report->tx_mpps = (double)(b->tx_frames - a->tx_frames) / s / 1e6;
	report->rx_mpps = (double)(b->rx_frames - a->rx_frames) / s / 1e6;
	report->tx_gbps = (double)(b->tx_bytes - a->tx_bytes) * 8 / s / 1e9;
	report->rx_gbps = (double)(b->rx_bytes - a->rx_bytes) * 8 / s / 1e9;
	if (after->rounds > before->rounds)
		report->empty_share = (double)(after->empty_rounds - before->empty_rounds) /
		                      (double)(after->rounds - before->rounds);
}

static void make_losses(struct report *report, const struct fleet *fleet,
        const struct snapshot *before, const struct snapshot *end, bool drained)
{
	uint64_t *sum = (uint64_t *)&report->counters;
	const uint64_t *a = (const uint64_t *)&before->counters;
	const uint64_t *b = (const uint64_t *)&end->counters;

	for (size_t i = 0; i < N_COUNTERS; i++)
		sum[i] = b[i] - a[i];
	report->lost = end->lost - before->lost;
	report->reordered = end->reordered - before->reordered;
	report->duplicates = end->duplicates - before->duplicates;
	report->late = end->late - before->late;
	if (drained || fleet->largest < FRAME_BYTES_STAMPED) {
		uint64_t missing = report->counters.tx_frames + report->duplicates -
		                   report->counters.rx_frames;

		report->lost = (int64_t)missing > 0 ? missing : 0;
	}
}

void report_make(struct report *report, const struct fleet *fleet, const struct snapshot *before,
        const struct snapshot *after, const struct snapshot *drained)
{
	const struct snapshot *end = drained != NULL ? drained : after;
	struct histogram latency;

	*report = (struct report){0};
	make_rates(report, before, after);
	make_losses(report, fleet, before, end, drained != NULL);
	histogram_subtract(&latency, &end->latency, &before->latency);
	make_latency(report, &latency);
}

json_t *report_json(const struct report *r, const struct fleet *fleet)
{
	const struct port_counters *c = &r->counters;
	json_t *json = json_pack("{s:f,s:I,s:f,s:f,s:f,s:i,s:i,s:i}", "seconds", r->seconds,
	        "cycles", (json_int_t)r->cycles, "cycles_hz", r->cycles_hz, "cpu_share",
	        r->cpu_share, "empty_share", r->empty_share, "ports", (int)fleet->n_ports,
	        "ports_up", (int)fleet->n_up, "ports_busy", (int)fleet->n_busy);
	json_t *tx = json_pack("{s:I,s:I,s:f,s:f,s:I,s:I,s:I}", "frames", (json_int_t)c->tx_frames,
	        "bytes", (json_int_t)c->tx_bytes, "mpps", r->tx_mpps, "gbps", r->tx_gbps, "full",
	        (json_int_t)c->tx_full, "reset", (json_int_t)c->tx_reset, "kicks",
	        (json_int_t)c->kicks);
	json_t *rx = json_pack("{s:I,s:I,s:f,s:f,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I}", "frames",
	        (json_int_t)c->rx_frames, "bytes", (json_int_t)c->rx_bytes, "mpps", r->rx_mpps,
	        "gbps", r->rx_gbps, "lost", (json_int_t)r->lost, "reordered",
	        (json_int_t)r->reordered, "duplicates", (json_int_t)r->duplicates, "late",
	        (json_int_t)r->late, "corrupt", (json_int_t)c->rx_corrupt, "misdelivered",
	        (json_int_t)c->rx_misdelivered, "foreign", (json_int_t)c->rx_foreign, "split",
	        (json_int_t)c->rx_split);
	json_t *latency = json_pack("{s:I,s:f,s:f,s:f,s:f,s:f,s:f}", "frames",
	        (json_int_t)r->n_latency, "min_ns", r->latency_ns[0], "p50_ns", r->latency_ns[1],
	        "p90_ns", r->latency_ns[2], "p99_ns", r->latency_ns[3], "p99_9_ns",
	        r->latency_ns[4], "max_ns", r->latency_ns[5]);

	if (fleet->hostile.n_ports > 0)
		(void)json_object_set_new(json, "misbehave", hostile_json(&fleet->hostile));
	if (json == NULL || json_object_set_new(json, "tx", tx) != 0 ||
	        json_object_set_new(json, "rx", rx) != 0 ||
	        json_object_set_new(json, "latency", latency) != 0) {
		json_decref(json);
		return NULL;
	}
	return json;
}

void report_print(const struct report *r, FILE *out)
{
	const struct port_counters *c = &r->counters;

	fprintf(out,
	        "%.1f s: sent %" PRIu64 " (%.3f Mpps, %.3f Gbit/s), received %" PRIu64
	        " (%.3f Mpps, %.3f Gbit/s)\n",
	        r->seconds, c->tx_frames, r->tx_mpps, r->tx_gbps, c->rx_frames, r->rx_mpps,
	        r->rx_gbps);
	fprintf(out,
	        "lost %" PRIu64 ", reordered %" PRIu64 ", duplicates %" PRIu64 ", late %" PRIu64
	        ", corrupt %" PRIu64 ", misdelivered %" PRIu64 ", foreign %" PRIu64
	        ", ring full %" PRIu64 ", in a ring at its end %" PRIu64 "\n",
	        r->lost, r->reordered, r->duplicates, r->late, c->rx_corrupt, c->rx_misdelivered,
	        c->rx_foreign, c->tx_full, c->tx_reset);
	if (r->n_latency > 0)
		fprintf(out,
		        "latency us: min %.2f p50 %.2f p90 %.2f p99 %.2f p99.9 %.2f max %.2f\n",
		        r->latency_ns[0] / 1e3, r->latency_ns[1] / 1e3, r->latency_ns[2] / 1e3,
		        r->latency_ns[3] / 1e3, r->latency_ns[4] / 1e3, r->latency_ns[5] / 1e3);
	fprintf(out, "generator: %.1f%% of a CPU, %.1f%% of its rounds found nothing to do\n",
	        r->cpu_share * 100, r->empty_share * 100);
}
