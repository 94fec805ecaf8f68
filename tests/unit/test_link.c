/* SPDX-License-Identifier: BSD-3-Clause */
// Links against a plain model that keeps every frame of the queue in a list, and the random parts
// by their statistics. Frames go through the whole pipeline; a frame that comes out still has its
// arrival time with it.
#include <math.h>
#include <rte_mbuf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "rig.h"
#include "rng.h"

#define T0 10000000000000ull
#define FRAMES_MAX 200000

static struct rig rig;

static int setup(void **state)
{
	rig_open(&rig, 1, 2, NULL);
	rig_link(&rig, 0, 1);
	return 0;
}

static int teardown(void **state)
{
	rig_close(&rig);
	return 0;
}

// One frame at time `t`. Returns whether the link took it.
static bool offer(uint64_t t, uint16_t len, uint32_t tag)
{
	struct link_stats before, after;

	datapath_link_stats(rig.dp, 0, &before);
	rig_send(&rig, 0, 1, len, tag);
	rig_run(&rig, t);
	datapath_link_stats(rig.dp, 0, &after);
	return after.tx_pkts > before.tx_pkts;
}

// Takes out all frames that have come, in order: their arrival times by tag.
static unsigned collect(uint64_t *arrivals, uint32_t *tags)
{
	struct rte_mbuf *m;
	unsigned n = 0;

	while ((m = rig_receive(&rig, 1)) != NULL) {
		if (arrivals != NULL)
			arrivals[n] = frame_of(m)->time_tsc;
		if (tags != NULL)
			tags[n] = rig_tag(m);
		n++;
		rte_pktmbuf_free(m);
	}
	return n;
}

// The model: a queue as a list, times in cycles * 2^16.
struct queued {
	uint64_t start, end; // of its transmission
	double bytes;
};

struct plain {
	struct queued frames[FRAMES_MAX];
	unsigned n;
	uint64_t last_arrival;
};

static double bytes_waiting(const struct plain *plain, uint64_t t, unsigned *ret_pkts)
{
	double bytes = 0;

	*ret_pkts = 0;
	for (unsigned i = plain->n; i-- > 0;) {
		const struct queued *q = &plain->frames[i];
		uint64_t from = q->start > t << 16 ? q->start : t << 16;

		if (q->end <= t << 16)
			break;
		bytes += q->bytes * (double)(q->end - from) / (double)(q->end - q->start);
		*ret_pkts += q->end >> 16 > t;
	}
	return bytes;
}

// What the link should say to a frame: 1 taken, 0 dropped, -1 too close to call.
static int plain_room(
        const struct plain *plain, const struct link_params *link, uint64_t t, unsigned bytes)
{
	unsigned pkts;
	double waiting = bytes_waiting(plain, t, &pkts);

	if (waiting == 0)
		return 1;
	if (pkts >= link->queue_pkts)
		return 0;
	if (fabs(waiting + bytes - link->queue_bytes) < 0.5)
		return -1;
	return waiting + bytes <= link->queue_bytes;
}

static uint64_t plain_delay(const struct link_params *link, uint64_t t)
{
	double since = t > link->t0_tsc ? (double)(t - link->t0_tsc) : 0;
	double most = (double)DP_SLOPE_MAX_S * (double)datapath_tsc_hz(rig.dp);
	double delay;

	if (since > most)
		since = most;
	delay = (double)link->delay_tsc + floor((double)link->slope_q32 * since / 4294967296.0);
	return delay > 0 ? (uint64_t)delay : 0;
}

static uint64_t plain_take(
        struct plain *plain, const struct link_params *link, uint64_t t, unsigned bytes)
{
	struct queued *q = &plain->frames[plain->n];
	uint64_t free_at = plain->n > 0 ? q[-1].end : 0, arrival;

	q->start = free_at >> 16 > t ? free_at : t << 16;
	q->end = q->start + bytes * link->cycles_per_byte_q16;
	q->bytes = bytes;
	plain->n++;
	arrival = (q->end >> 16) + plain_delay(link, q->end >> 16);
	if (arrival < plain->last_arrival)
		arrival = plain->last_arrival;
	plain->last_arrival = arrival;
	return arrival;
}

// A random run: bursts and pauses, all lengths, and `change` now and then.
static void against_model(struct link_params *link, unsigned n_frames, uint64_t max_gap,
        void (*change)(struct link_params *link, struct rng *rng, uint64_t t))
{
	struct plain *plain = calloc(1, sizeof(*plain));
	uint64_t *expected = calloc(n_frames, sizeof(*expected)), t = T0;
	unsigned n_taken = 0, n_dropped = 0, n_out = 0;
	struct rng rng;

	assert_non_null(plain);
	assert_non_null(expected);
	rng_seed(&rng, 42, n_frames);
	for (unsigned i = 0; i < n_frames; i++) {
		uint16_t len = (uint16_t)(14 + rng_next(&rng) % 1500);
		unsigned bytes = (len < 60 ? 60 : len) + 24u;
		struct rte_mbuf *m;
		int room;

		if (change != NULL && i % 50 == 49)
			change(link, &rng, t);
		room = plain_room(plain, link, t, bytes);
		if (offer(t, len, i)) {
			assert_int_not_equal(room, 0);
			expected[n_taken++] = plain_take(plain, link, t, bytes);
		} else {
			assert_int_not_equal(room, 1);
			n_dropped++;
		}
		while ((m = rig_receive(&rig, 1)) != NULL) {
			assert_int_equal(frame_of(m)->time_tsc, expected[n_out++]);
			rte_pktmbuf_free(m);
		}
		t += rng_next(&rng) % max_gap;
	}
	rig_run(&rig, t + (RIG_HORIZON_NS / 2) * (datapath_tsc_hz(rig.dp) / 1000000000 + 1));
	for (unsigned i = 0; i < 200; i++) {
		struct rte_mbuf *m;

		while ((m = rig_receive(&rig, 1)) != NULL) {
			assert_int_equal(frame_of(m)->time_tsc, expected[n_out++]);
			rte_pktmbuf_free(m);
		}
		rig_run(&rig, t * 2);
	}
	assert_int_equal(n_out, n_taken);
	assert_true(n_taken > n_frames / 10);
	if (link->queue_bytes != UINT32_MAX)
		assert_true(n_dropped > n_frames / 100);
	free(expected);
	free(plain);
}

static void test_rate_and_queue(void **state)
{
	struct link_params *link = &rig.links[0];

	link->delay_tsc = 1234567;
	link->cycles_per_byte_q16 = 10 * 65536 + 12345; // a fraction must not get lost
	link->queue_bytes = 30000;
	against_model(link, 4000, 14000, NULL);
}

static void test_queue_in_packets(void **state)
{
	struct link_params *link = &rig.links[0];

	link->delay_tsc = 5000;
	link->cycles_per_byte_q16 = 3 * 65536 + 1;
	link->queue_bytes = 1000000;
	link->queue_pkts = 7;
	against_model(link, 4000, 4000, NULL);
}

// Long delay: frames that have left the queue are still held.
static void test_queue_in_packets_in_flight(void **state)
{
	struct link_params *link = &rig.links[0];

	link->delay_tsc = 5000000;
	link->cycles_per_byte_q16 = 3 * 65536 + 1;
	link->queue_bytes = 20000;
	link->queue_pkts = 12;
	against_model(link, 4000, 4000, NULL);
}

static void new_rate(struct link_params *link, struct rng *rng, uint64_t t)
{
	link->delay_tsc = 1000 + rng_next(rng) % 3000000;
	link->cycles_per_byte_q16 = 65536 / 4 + rng_next(rng) % (20 * 65536);
}

// Rate and delay change under way; a shorter delay lets nothing overtake. The queue limit is left
// out: bytes waiting are counted at the present rate.
static void test_changes(void **state)
{
	struct link_params *link = &rig.links[0];

	link->queue_bytes = UINT32_MAX;
	against_model(link, 4000, 14000, new_rate);
}

static void new_slope(struct link_params *link, struct rng *rng, uint64_t t)
{
	link->delay_tsc = 100000 + rng_next(rng) % 3000000;
	link->slope_q32 = (int64_t)(rng_next(rng) % (1u << 28)) - (1 << 27);
	link->t0_tsc = t;
}

static void test_slope(void **state)
{
	struct link_params *link = &rig.links[0];

	new_slope(link, &(struct rng){{1, 2, 3, 4}}, T0);
	against_model(link, 4000, 100000, new_slope);
}

// The slope ends after DP_SLOPE_MAX_S, and a delay does not go below 0.
static void test_slope_limits(void **state)
{
	struct link_params *link = &rig.links[0];
	uint64_t hz = datapath_tsc_hz(rig.dp), arrival = 0;

	link->delay_tsc = 1000000;
	link->slope_q32 = 1 << 10;
	link->t0_tsc = T0;
	assert_true(offer(T0 + 30 * hz, 64, 0));
	rig_run(&rig, T0 + 31 * hz);
	assert_int_equal(collect(&arrival, NULL), 1);
	assert_int_equal(arrival, T0 + 30 * hz + 1000000 + (DP_SLOPE_MAX_S * hz >> 22));
	link->slope_q32 = -(1ll << 31); // half a second a second
	assert_true(offer(T0 + 40 * hz, 64, 0));
	rig_run(&rig, T0 + 40 * hz);
	assert_int_equal(collect(&arrival, NULL), 1);
	assert_int_equal(arrival, T0 + 40 * hz);
	link->t0_tsc = T0 + 60 * hz; // not yet
	assert_true(offer(T0 + 50 * hz, 64, 0));
	rig_run(&rig, T0 + 51 * hz);
	assert_int_equal(collect(&arrival, NULL), 1);
	assert_int_equal(arrival, T0 + 50 * hz + 1000000);
}

// A frame has left the queue at the very cycle of its departure.
static void test_queue_in_packets_exact(void **state)
{
	struct link_params *link = &rig.links[0];

	link->cycles_per_byte_q16 = 100 * 65536;
	link->queue_bytes = 100000;
	link->queue_pkts = 2;
	assert_true(offer(T0, 76, 0));
	assert_true(offer(T0, 76, 1));
	assert_false(offer(T0 + 9999, 76, 2));
	assert_true(offer(T0 + 10000, 76, 3));
	assert_false(offer(T0 + 19999, 76, 4));
	assert_true(offer(T0 + 20000, 76, 5));
}

// Buffers of frames that have come out are used again, by another link: that is nothing to the
// first.
static void test_queue_in_packets_reused(void **state)
{
	struct link_params *link = &rig.links[0], *back = rig_link(&rig, 1, 0);

	link->cycles_per_byte_q16 = 100 * 65536;
	link->queue_bytes = 100000;
	link->queue_pkts = 5;
	*back = *link;
	back->to = 0;
	back->cycles_per_byte_q16 = 10000 * 65536;
	for (uint32_t i = 0; i < 5; i++)
		assert_true(offer(T0, 76, i));
	rig_run(&rig, T0 + 50000);
	assert_int_equal(collect(NULL, NULL), 5);
	rig_send(&rig, 1, 5, 76, 0);
	rig_run(&rig, T0 + 50000);
	for (uint32_t i = 0; i < 5; i++)
		assert_true(offer(T0 + 50001, 76, i));
	assert_false(offer(T0 + 50001, 76, 5));
}

static void test_smallest_frame(void **state)
{
	struct link_params *link = &rig.links[0];
	uint64_t arrival = 0;

	link->cycles_per_byte_q16 = 100 * 65536;
	link->queue_bytes = 10; // an idle link takes one frame all the same
	assert_true(offer(T0, 14, 0));
	assert_false(offer(T0 + 8399, 14, 0));
	rig_run(&rig, T0 + 8400);
	assert_int_equal(collect(&arrival, NULL), 1);
	assert_int_equal(arrival, T0 + 8400);
	assert_true(offer(T0 + 8400, 14, 0));
}

// Ten frames of 10,000 cycles; the link goes down in the sixth and comes up again.
static void test_down_cuts_queue(void **state)
{
	struct link_params *link = &rig.links[0];
	struct link_stats stats;
	uint64_t arrivals[16];

	link->delay_tsc = 1000000;
	link->cycles_per_byte_q16 = 100 * 65536;
	link->queue_bytes = 100000;
	link->queue_pkts = 100;
	for (uint32_t i = 0; i < 10; i++)
		assert_true(offer(T0, 76, i));
	link->flags = 0;
	link->down_tsc = T0 + 55000;
	assert_false(offer(T0 + 56000, 76, 10));
	link->flags = LINK_UP;
	assert_true(offer(T0 + 60000, 76, 11)); // no queue before it
	rig_run(&rig, T0 + 2000000);
	assert_int_equal(collect(arrivals, NULL), 6);
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(arrivals[i], T0 + 1000000 + (i + 1) * 10000);
	assert_int_equal(arrivals[5], T0 + 1000000 + 60000 + 10000);
	datapath_link_stats(rig.dp, 0, &stats);
	assert_int_equal(stats.drops[DROP_LINK_DOWN], 6);
	assert_int_equal(stats.in_flight_pkts, 0);
}

// Without a rate nothing waits: all of it is in flight, and arrives.
static void test_down_lets_arrive(void **state)
{
	struct link_params *link = &rig.links[0];

	link->delay_tsc = 1000000;
	for (uint32_t i = 0; i < 10; i++)
		assert_true(offer(T0 + i, 64, i));
	link->flags = 0;
	link->down_tsc = T0 + 5;
	rig_run(&rig, T0 + 2000000);
	assert_int_equal(collect(NULL, NULL), 10);
}

// Another incarnation starts empty, at once, though frames of the one before are still held.
static void test_incarnation(void **state)
{
	struct link_params *link = &rig.links[0];
	uint64_t arrivals[64];

	link->delay_tsc = 1000000;
	link->cycles_per_byte_q16 = 100 * 65536;
	link->queue_bytes = 100000;
	link->queue_pkts = 10;
	for (uint32_t i = 0; i < 10; i++)
		assert_true(offer(T0, 76, i));
	assert_false(offer(T0, 76, 10));
	link->incarnation++;
	link->delay_tsc = 500;
	for (uint32_t i = 0; i < 10; i++)
		assert_true(offer(T0, 76, 11 + i));
	assert_false(offer(T0, 76, 21));
	rig_run(&rig, T0 + 10500);
	assert_int_equal(collect(arrivals, NULL), 1);
	assert_int_equal(arrivals[0], T0 + 10500);
	rig_run(&rig, T0 + 2000000);
	assert_int_equal(collect(NULL, NULL), 19);
	for (uint32_t i = 0; i < 10; i++)
		assert_true(offer(T0 + 2000000, 76, i));
	assert_false(offer(T0 + 2000000, 76, 10));
}

// Sends `n` frames `gap` cycles apart. Fills, by tag, whether they came out and how long they took.
static unsigned run_many(uint64_t t, unsigned n, uint64_t gap, bool *came, int64_t *took)
{
	unsigned n_came = 0;

	memset(came, 0, n * sizeof(*came));
	for (unsigned i = 0; i < n + 2; i++) {
		struct rte_mbuf *m;

		if (i < n)
			rig_send(&rig, 0, 1, 64, i);
		rig_run(&rig, i < n ? t + i * gap : t + (n + i) * gap + (1ull << 30));
		while ((m = rig_receive(&rig, 1)) != NULL) {
			uint32_t tag = rig_tag(m);

			came[tag] = true;
			if (took != NULL)
				took[tag] = (int64_t)(frame_of(m)->time_tsc - (t + tag * gap));
			n_came++;
			rte_pktmbuf_free(m);
		}
	}
	return n_came;
}

static void test_bernoulli(void **state)
{
	struct link_params *link = &rig.links[0];
	const unsigned n = 50000;
	bool *came = calloc(n, 1);
	unsigned n_came;

	assert_non_null(came);
	link->flags |= LINK_IMPAIRED;
	link->loss_q32 = (uint32_t)(0.1 * 4294967296.0);
	n_came = run_many(T0, n, 1000, came, NULL);
	// Five standard deviations.
	assert_true(fabs(n_came - 0.9 * n) < 5 * sqrt(n * 0.1 * 0.9));
	free(came);
}

// Share of time in the bad state, and the mean length of an outage in time, whatever the spacing of
// frames.
static void ge_run(unsigned n, uint64_t gap, uint64_t good, uint64_t bad, double tolerance)
{
	struct link_params *link = &rig.links[0];
	bool *came = calloc(n, 1);
	unsigned n_came, n_outages = 0;

	assert_non_null(came);
	link->flags |= LINK_IMPAIRED | LINK_GE;
	link->good_mean_tsc = good;
	link->bad_mean_tsc = bad;
	link->loss_q32 = 0;
	link->loss_bad_q32 = UINT32_MAX;
	link->incarnation++;
	n_came = run_many(T0, n, gap, came, NULL);
	for (unsigned i = 1; i < n; i++)
		n_outages += came[i - 1] && !came[i];
	assert_true(fabs((double)(n - n_came) / n - (double)bad / (double)(good + bad)) <
	            tolerance * (double)bad / (double)(good + bad));
	if (gap * 20 < bad) { // fine enough to see outages whole
		double mean = (double)(n - n_came) * (double)gap / n_outages;

		assert_true(fabs(mean / (double)bad - 1) < tolerance);
	}
	free(came);
}

static void test_gilbert_elliott(void **state)
{
	ge_run(100000, 1000, 100000, 30000, 0.15);
	// Frames far apart: the share stays, they see independent states.
	ge_run(20000, 100000000, 100000, 30000, 0.06);
}

static void test_gilbert_elliott_losses(void **state)
{
	struct link_params *link = &rig.links[0];
	const unsigned n = 100000;
	bool *came = calloc(n, 1);
	double expected = 0.75 * 0.01 + 0.25 * 0.5, lost;

	assert_non_null(came);
	link->flags |= LINK_IMPAIRED | LINK_GE;
	link->good_mean_tsc = 30000;
	link->bad_mean_tsc = 10000;
	link->loss_q32 = (uint32_t)(0.01 * 4294967296.0);
	link->loss_bad_q32 = 1u << 31;
	lost = (double)(n - run_many(T0, n, 10000, came, NULL)) / n;
	assert_true(fabs(lost / expected - 1) < 0.05);
	free(came);
}

static void jitter_run(double sd, double corr)
{
	struct link_params *link = &rig.links[0];
	const unsigned n = 60000;
	bool *came = calloc(n, 1);
	int64_t *took = calloc(n, sizeof(*took));
	double mean = 0, var = 0, cov = 0, beyond = 0;

	assert_non_null(came);
	assert_non_null(took);
	link->flags |= LINK_IMPAIRED | LINK_REORDER;
	link->delay_tsc = 1000000;
	link->jitter_tsc = (uint64_t)sd;
	link->jitter_corr_q16 = (uint32_t)(corr * 65536);
	link->incarnation++;
	assert_int_equal(run_many(T0, n, 20000, came, took), n);
	for (unsigned i = 0; i < n; i++)
		mean += ((double)took[i] - 1000000) / n;
	for (unsigned i = 0; i < n; i++) {
		double x = (double)took[i] - 1000000 - mean;

		var += x * x / n;
		beyond += fabs(x) > 2 * sd;
		if (i > 0)
			cov += x * ((double)took[i - 1] - 1000000 - mean) / n;
	}
	// A correlated mean converges more slowly, by (1 + r) / (1 - r).
	assert_true(fabs(mean) < 5 * sd / sqrt(n * (1 - corr) / (1 + corr)));
	assert_true(fabs(sqrt(var) / sd - 1) < 0.05);
	assert_true(fabs(cov / var - corr) < 0.03);
	assert_true(fabs(beyond / n - 0.0455) < 0.006); // as a normal distribution has it
	free(took);
	free(came);
}

static void test_jitter(void **state)
{
	jitter_run(50000, 0);
	jitter_run(20000, 0.25);
	jitter_run(50000, 0.8);
}

// Jitter as large as the delay: never below 0, and order is kept unless asked otherwise.
static void test_jitter_order(void **state)
{
	struct link_params *link = &rig.links[0];
	const unsigned n = 5000;
	uint64_t last = 0;
	unsigned n_out = 0;

	link->flags |= LINK_IMPAIRED;
	link->delay_tsc = 20000;
	link->jitter_tsc = 20000;
	for (unsigned i = 0; i < n + 200; i++) {
		struct rte_mbuf *m;

		if (i < n)
			rig_send(&rig, 0, 1, 64, i);
		rig_run(&rig, T0 + i * 1000);
		while ((m = rig_receive(&rig, 1)) != NULL) {
			assert_int_equal(rig_tag(m), n_out++);
			assert_true(frame_of(m)->time_tsc >= last);
			assert_true(frame_of(m)->time_tsc >= T0 + rig_tag(m) * 1000);
			last = frame_of(m)->time_tsc;
			rte_pktmbuf_free(m);
		}
	}
	assert_int_equal(n_out, n);
}

static void test_seeds(void **state)
{
	struct link_params *link = &rig.links[0];
	const unsigned n = 2000;
	bool came[3][2000];

	link->flags |= LINK_IMPAIRED;
	link->loss_q32 = 1u << 30;
	run_many(T0, n, 1000, came[0], NULL);
	link->incarnation++;
	run_many(T0, n, 1000, came[1], NULL);
	link->incarnation++;
	link->seed++;
	run_many(T0, n, 1000, came[2], NULL);
	assert_memory_equal(came[0], came[1], n);
	assert_memory_not_equal(came[0], came[2], n);
}

static void test_duplicates(void **state)
{
	struct link_params *link = &rig.links[0];
	const unsigned n = 20000;
	struct link_stats stats;
	unsigned n_twice = 0, n_out = 0;
	uint32_t last = UINT32_MAX;

	link->flags |= LINK_IMPAIRED;
	link->duplicate_q16 = 65536 / 5;
	link->queue_pkts = 4;
	link->queue_bytes = 30000;
	link->cycles_per_byte_q16 = 65536;
	for (unsigned i = 0; i < n + 2; i++) {
		struct rte_mbuf *m;

		if (i < n)
			rig_send(&rig, 0, 1, 76, i);
		rig_run(&rig, T0 + i * 1000);
		while ((m = rig_receive(&rig, 1)) != NULL) {
			n_twice += rig_tag(m) == last;
			assert_true(rig_tag(m) == last || rig_tag(m) == last + 1);
			assert_int_equal(rte_pktmbuf_pkt_len(m), 76);
			// It takes the link behind its original: 100 bytes later.
			if (rig_tag(m) == last)
				assert_int_equal(frame_of(m)->time_tsc, T0 + last * 1000 + 200);
			last = rig_tag(m);
			n_out++;
			rte_pktmbuf_free(m);
		}
	}
	datapath_link_stats(rig.dp, 0, &stats);
	assert_int_equal(n_out, n + n_twice);
	assert_int_equal(stats.duplicates, n_twice);
	assert_int_equal(stats.tx_pkts, n_out);
	assert_true(fabs(n_twice - 0.2 * n) < 5 * sqrt(n * 0.2 * 0.8));
}

// A share of frames skips queue and delay; the others are not disturbed.
static void test_reorder(void **state)
{
	struct link_params *link = &rig.links[0];
	const unsigned n = 20000;
	bool *came = calloc(n, 1);
	int64_t *took = calloc(n, sizeof(*took));
	unsigned n_early = 0;

	assert_non_null(came);
	assert_non_null(took);
	link->flags |= LINK_IMPAIRED;
	link->delay_tsc = 50000;
	link->reorder_q16 = 65536 / 4;
	assert_int_equal(run_many(T0, n, 1000, came, took), n);
	for (unsigned i = 0; i < n; i++) {
		assert_true(took[i] == 0 || took[i] == 50000);
		n_early += took[i] == 0;
	}
	assert_true(fabs(n_early - 0.25 * n) < 5 * sqrt(n * 0.25 * 0.75));
	free(took);
	free(came);
}

#define LINK_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        LINK_TEST(test_rate_and_queue),
	        LINK_TEST(test_queue_in_packets),
	        LINK_TEST(test_queue_in_packets_in_flight),
	        LINK_TEST(test_queue_in_packets_exact),
	        LINK_TEST(test_queue_in_packets_reused),
	        LINK_TEST(test_changes),
	        LINK_TEST(test_slope),
	        LINK_TEST(test_slope_limits),
	        LINK_TEST(test_smallest_frame),
	        LINK_TEST(test_down_cuts_queue),
	        LINK_TEST(test_down_lets_arrive),
	        LINK_TEST(test_incarnation),
	        LINK_TEST(test_bernoulli),
	        LINK_TEST(test_gilbert_elliott),
	        LINK_TEST(test_gilbert_elliott_losses),
	        LINK_TEST(test_jitter),
	        LINK_TEST(test_jitter_order),
	        LINK_TEST(test_seeds),
	        LINK_TEST(test_duplicates),
	        LINK_TEST(test_reorder),
	};

	rig_eal();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
