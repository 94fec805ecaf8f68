/* SPDX-License-Identifier: BSD-3-Clause */
// Probes through paths: from a port of ours at one router to one at another, while the file plays.
// What the ports and kernels on both sides take is measured on a wire without delay in the same
// run, and never subtracted.
#include <errno.h>
#include <math.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "figures.h"
#include "json_get.h"
#include "names.h"
#include "probe.h"
#include "verify.h"

#define BATCH 40 // probes between two looks at the path
#define BETWEEN_NS 4000000ll // two probes on one path
#define LATE_NS 1500000000ll // a probe later than this is lost
#define ROUTE_WAIT_NS 10000000000ll
#define OVERHEAD_BYTES 24 // preamble, gap, FCS
#define TRAIN 20 // frames back to back: 28 kB fit the least queue
#define TRAINS 9
#define RATE_HIGH 1.25
#define RATE_LOW 0.5 // a train's end is late by whatever keeps the receiver busy
#define RATE_BASE_MIN 4 // times a rate that the ports must reach for it to be judged

struct path {
	const char *from, *to; // nodes
	struct probe_port source, sink;
	struct asked asked; // of this batch
	uint32_t hops[ASKED_HOPS_MAX];
	size_t n_hops;
	bool steady; // the batch counts
	int64_t sent_ns[BATCH];
	int64_t got_ns[BATCH]; // 0: not come
	double *errors; // [n_probes] ns
	size_t n_errors, n_sent,
	        n_dropped; // dropped: probes of batches during which the path changed
	double asked_ns_sum, passed_sum, jitter_ns, rate_asked_bps;
	double rate_bps; // the best of all trains
	size_t n_hops_seen;
	bool bursts;
};

struct paths {
	struct verify *verify;
	struct path base; // a wire; always steady
	struct path items[VERIFY_PATHS_MAX];
	unsigned n;
	uint32_t run;
	struct asked_clock clock; // of the last batch
	char nodes[2][64]; // of the base
};

static struct path *path_at(struct paths *paths, unsigned i)
{
	return i < paths->n ? &paths->items[i] : &paths->base;
}

// --- what to measure -----------------------------------------------------------------------------

static bool is_router(const struct ephemeris *e, uint32_t iface)
{
	return e->nodes[e->ifaces[iface].node].kind == EPHEMERIS_ROUTER;
}

static bool is_candidate(
        const struct ephemeris *e, const struct ephemeris_links *links, uint32_t iface)
{
	const struct orrery_record *r = &links->records[iface];

	return r->set != 0 && (r->flags & ORRERY_LINK_UP) != 0 && is_router(e, iface) &&
	       is_router(e, r->to);
}

// Links that are up, evenly over the file's table.
static enum cli_exit sample_links(struct paths *paths)
{
	struct verify *verify = paths->verify;
	const struct ephemeris *e = verify->file;
	struct ephemeris_links links = {0};
	struct asked_clock clock;
	uint32_t n = 0, seen = 0;
	enum cli_exit code = verify_clock(verify, &clock);

	if (code != CLI_OK)
		return code;
	if (ephemeris_links_init(&links, e->n_ifaces) != 0)
		return cli_failf(verify->cli, "out of memory");
	ephemeris_links_seek(&links, e, (uint64_t)clock.t_ns);
	for (uint32_t i = 0; i < e->n_ifaces; i++)
		n += is_candidate(e, &links, i);
	for (uint32_t i = 0; i < e->n_ifaces && paths->n < verify->n_paths; i++) {
		if (!is_candidate(e, &links, i))
			continue;
		if ((uint64_t)seen++ * verify->n_paths < (uint64_t)paths->n * n)
			continue;
		paths->items[paths->n++] =
		        (struct path){.from = ephemeris_node_name(e, e->ifaces[i].node),
		                .to = ephemeris_node_name(e, e->ifaces[links.records[i].to].node)};
	}
	ephemeris_links_fini(&links);
	return CLI_OK;
}

static enum cli_exit choose(struct paths *paths)
{
	struct verify *verify = paths->verify;
	enum cli_exit code = CLI_OK;

	if (verify->from != NULL)
		paths->items[paths->n++] = (struct path){.from = verify->from, .to = verify->to};
	else
		code = sample_links(paths);
	for (unsigned i = 0; i <= paths->n; i++) {
		struct path *path = path_at(paths, i);

		path->source.netns = path->source.sock = -1;
		path->sink.netns = path->sink.sock = -1;
		path->errors = calloc(verify->n_probes + BATCH, sizeof(double));
		if (path->errors == NULL)
			return cli_failf(verify->cli, "out of memory");
	}
	return code;
}

// --- ports ---------------------------------------------------------------------------------------

static enum cli_exit open_base(struct paths *paths)
{
	struct cli *cli = paths->verify->cli;
	struct path *base = &paths->base;
	json_t *result;
	enum cli_exit code;

	for (unsigned i = 0; i < 2; i++)
		snprintf(paths->nodes[i], sizeof(paths->nodes[i]), "orrery-verify-%d-%u",
		        (int)getpid(), i);
	base->from = paths->nodes[0];
	base->to = paths->nodes[1];
	code = probe_open(cli, &base->source, base->from, "probe0", "pod", 2 * VERIFY_PATHS_MAX);
	if (code == CLI_OK)
		code = probe_open(
		        cli, &base->sink, base->to, "probe0", "pod", 2 * VERIFY_PATHS_MAX + 1);
	if (code != CLI_OK)
		return code;
	code = cli_call(cli, "link.set",
	        json_pack("{s:s, s:s, s:b}", "from", base->source.iface, "to", base->sink.iface,
	                "reverse", 1),
	        &result);
	if (code == CLI_OK)
		json_decref(result);
	return code;
}

static enum cli_exit open_all(struct paths *paths)
{
	struct cli *cli = paths->verify->cli;
	enum cli_exit code = open_base(paths);

	for (unsigned i = 0; code == CLI_OK && i < paths->n; i++) {
		struct path *path = &paths->items[i];
		char iface[32];

		snprintf(iface, sizeof(iface), "verify%u", 2 * i);
		code = probe_open(cli, &path->source, path->from, iface, "router", 2 * i);
		snprintf(iface, sizeof(iface), "verify%u", 2 * i + 1);
		if (code == CLI_OK)
			code = probe_open(cli, &path->sink, path->to, iface, "router", 2 * i + 1);
	}
	return code;
}

static void close_all(struct paths *paths)
{
	struct cli *cli = paths->verify->cli;

	for (unsigned i = 0; i <= paths->n; i++) {
		struct path *path = path_at(paths, i);

		probe_close(cli, &path->source);
		probe_close(cli, &path->sink);
		asked_fini(&path->asked);
		free(path->errors);
	}
	for (unsigned i = 0; i < 2; i++) {
		json_t *result;

		if (paths->nodes[i][0] != '\0' &&
		        cli_call(cli, "node.del",
		                json_pack("{s:s, s:b}", "name", paths->nodes[i], "force", 1),
		                &result) == CLI_OK)
			json_decref(result);
	}
}

// --- the path there is ---------------------------------------------------------------------------

// The file's links on the switch's way from source to sink; 0 or a negative errno.
static int find_hops(struct verify *verify, const struct path *path, uint32_t hops[ASKED_HOPS_MAX],
        size_t *ret_n, struct fault *fault)
{
	struct client *client;
	json_t *result, *hop;
	size_t i, n = 0;
	int ret;

	if (cli_client(verify->cli, &client) != CLI_OK)
		return -ENOTCONN;
	ret = client_call(client, "route.path",
	        json_pack("{s:s, s:s}", "from", path->from, "dst", path->sink.address), NULL, 0,
	        &result, fault);
	if (ret < 0)
		return ret;
	json_array_foreach (json_object_get(result, "hops"), i, hop) {
		char ref[IFACE_REF_SIZE];

		if (json_object_get(hop, "interface") == NULL || n == ASKED_HOPS_MAX)
			continue; // the owner
		snprintf(ref, sizeof(ref), "%s/%s", get_text(hop, "node"),
		        get_text(hop, "interface"));
		hops[n] = asked_iface(verify->file, ref);
		if (hops[n++] == UINT32_MAX)
			ret = fault_set(fault, -ENOENT, NULL, "%s is not in the file", ref);
	}
	json_decref(result);
	*ret_n = n;
	return ret;
}

static void sleep_ns(int64_t ns)
{
	struct timespec time = {ns / 1000000000, ns % 1000000000};

	nanosleep(&time, NULL);
}

static enum cli_exit wait_for_routes(struct paths *paths)
{
	int64_t end_ns = probe_now_ns() + ROUTE_WAIT_NS;

	for (unsigned i = 0; i < paths->n; i++) {
		struct path *path = &paths->items[i];
		struct fault fault = {0};

		while (find_hops(paths->verify, path, path->hops, &path->n_hops, &fault) != 0) {
			if (probe_now_ns() > end_ns || *paths->verify->stop)
				return cli_fail(paths->verify->cli, &fault);
			sleep_ns(10000000);
		}
	}
	return CLI_OK;
}

// --- probes --------------------------------------------------------------------------------------

static void collect(struct path *path, uint32_t run, uint32_t batch)
{
	uint32_t number;
	int64_t time_ns;

	while (probe_receive(&path->sink, run, &number, &time_ns)) {
		if (number / BATCH == batch && path->got_ns[number % BATCH] == 0)
			path->got_ns[number % BATCH] = time_ns;
	}
}

// Takes in what comes until then, or until all has come.
static void collect_until(struct paths *paths, uint32_t batch, int64_t end_ns, bool all)
{
	for (;;) {
		struct pollfd fds[VERIFY_PATHS_MAX + 1];
		int64_t left_ns = end_ns - probe_now_ns();
		struct timespec wait = {left_ns / 1000000000, left_ns % 1000000000};
		bool complete = all;

		for (unsigned i = 0; i <= paths->n; i++) {
			struct path *path = path_at(paths, i);

			collect(path, paths->run, batch);
			fds[i] = (struct pollfd){.fd = path->sink.sock, .events = POLLIN};
			for (unsigned k = 0; complete && k < BATCH; k++)
				complete = path->sent_ns[k] == 0 || path->got_ns[k] != 0;
		}
		if (left_ns <= 0 || complete || *paths->verify->stop)
			return;
		(void)ppoll(fds, paths->n + 1, &wait, NULL); // whatever it says: look
	}
}

static void send_batch(struct paths *paths, uint32_t batch)
{
	int64_t start_ns = probe_now_ns();

	for (unsigned i = 0; i <= paths->n; i++) {
		memset(path_at(paths, i)->sent_ns, 0, sizeof(paths->base.sent_ns));
		memset(path_at(paths, i)->got_ns, 0, sizeof(paths->base.got_ns));
	}
	for (unsigned k = 0; k < BATCH; k++) {
		for (unsigned i = 0; i <= paths->n; i++) {
			struct path *path = path_at(paths, i);
			int64_t sent_ns = probe_send(&path->source, &path->sink, paths->run,
			        batch * BATCH + k, PROBE_FRAME_BYTES);

			path->sent_ns[k] = sent_ns > 0 ? sent_ns : 0;
		}
		collect_until(paths, batch, start_ns + (k + 1) * BETWEEN_NS, false);
	}
	collect_until(paths, batch, probe_now_ns() + LATE_NS, true);
}

static void account(struct paths *paths, struct path *path, const struct asked_clock *clock)
{
	bool is_base = path == &paths->base, bursts;

	if (!is_base && !path->steady) {
		path->n_dropped += BATCH;
		return;
	}
	for (unsigned k = 0; k < BATCH; k++) {
		double asked_ns = 0;

		if (path->sent_ns[k] == 0)
			continue;
		path->n_sent++;
		if (!is_base)
			asked_ns = asked_delay_ns(
			        &path->asked, clock, (double)path->sent_ns[k], PROBE_FRAME_BYTES);
		path->asked_ns_sum += asked_ns;
		path->passed_sum += is_base ? 1 : 1 - asked_loss(&path->asked, &bursts);
		if (path->got_ns[k] != 0)
			path->errors[path->n_errors++] =
			        (double)(path->got_ns[k] - path->sent_ns[k]) - asked_ns;
	}
	if (is_base)
		return;
	path->jitter_ns = asked_jitter_ns(&path->asked);
	path->rate_asked_bps = asked_rate_bps(&path->asked);
	path->n_hops_seen = path->n_hops;
	(void)asked_loss(&path->asked, &bursts);
	path->bursts |= bursts;
}

// Whether the switch still goes the way it went, and the file has it up since `clock`: then what
// the file asked of it in that time.
static void check_steady(struct paths *paths, struct path *path)
{
	const struct asked_clock *clock = &paths->clock;
	double end_ns = asked_time_ns(clock, (double)probe_now_ns());
	uint32_t hops[ASKED_HOPS_MAX];
	struct fault fault = {0};
	size_t n;

	end_ns = fmax((double)clock->t_ns, end_ns);
	asked_fini(&path->asked);
	path->steady = find_hops(paths->verify, path, hops, &n, &fault) == 0 && n == path->n_hops &&
	               memcmp(hops, path->hops, n * sizeof(*hops)) == 0 &&
	               end_ns <= (double)paths->verify->file->header->duration_ns &&
	               asked_init(&path->asked, paths->verify->file, hops, n, (uint64_t)clock->t_ns,
	                       (uint64_t)end_ns) == 0 &&
	               asked_is_steady(&path->asked);
}

static enum cli_exit run_batch(struct paths *paths, uint32_t batch)
{
	enum cli_exit code;

	for (unsigned i = 0; i < paths->n; i++) {
		struct path *path = &paths->items[i];
		struct fault fault = {0};

		if (find_hops(paths->verify, path, path->hops, &path->n_hops, &fault) != 0)
			path->n_hops = 0; // not what it will be: the batch does not count
	}
	code = verify_clock(paths->verify, &paths->clock);
	if (code != CLI_OK)
		return code;
	send_batch(paths, batch);
	for (unsigned i = 0; i < paths->n; i++)
		check_steady(paths, &paths->items[i]);
	for (unsigned i = 0; i <= paths->n; i++)
		account(paths, path_at(paths, i), &paths->clock);
	return CLI_OK;
}

// --- rate ----------------------------------------------------------------------------------------

// Frames back to back: the bottleneck spreads them. Nothing can make the last one come too early,
// so the time until then since the first one should have met the bottleneck gives a rate that is
// never too high, whoever was late.
static void send_train(struct paths *paths, struct path *path, uint32_t batch)
{
	double bits = 8.0 * (PROBE_TRAIN_BYTES + OVERHEAD_BYTES), from_ns, n = 0;
	int64_t last_ns = 0;

	memset(path->sent_ns, 0, sizeof(path->sent_ns));
	memset(path->got_ns, 0, sizeof(path->got_ns));
	for (uint32_t k = 0; k < TRAIN; k++) {
		int64_t sent_ns = probe_send(&path->source, &path->sink, paths->run,
		        batch * BATCH + k, PROBE_TRAIN_BYTES);

		path->sent_ns[k] = sent_ns > 0 ? sent_ns : 0;
	}
	collect_until(paths, batch, probe_now_ns() + LATE_NS / 3, true);
	if (path != &paths->base)
		check_steady(paths, path);
	for (int k = 0; k < TRAIN; k++) {
		if (path->got_ns[k] == 0)
			continue;
		n++;
		last_ns = path->got_ns[k];
	}
	from_ns = (double)path->sent_ns[0];
	if (path->rate_asked_bps != 0 && path->steady)
		from_ns += asked_delay_ns(&path->asked, &paths->clock, from_ns, PROBE_TRAIN_BYTES) -
		           bits / path->rate_asked_bps * 1e9;
	if (path->sent_ns[0] != 0 && (double)last_ns > from_ns &&
	        (path->steady || path == &paths->base))
		path->rate_bps = fmax(path->rate_bps, bits * n * 1e9 / ((double)last_ns - from_ns));
	memset(path->sent_ns, 0, sizeof(path->sent_ns));
}

static void run_trains(struct paths *paths, uint32_t batch)
{
	for (unsigned i = 0; i <= paths->n; i++)
		memset(path_at(paths, i)->sent_ns, 0, sizeof(paths->base.sent_ns));
	for (unsigned i = 0; i <= paths->n; i++) {
		struct path *path = path_at(paths, i);

		if (i < paths->n && (path->rate_asked_bps == 0 || !path->steady))
			continue;
		for (unsigned k = 0; k < TRAINS && !*paths->verify->stop &&
		                     verify_clock(paths->verify, &paths->clock) == CLI_OK;
		        k++)
			send_train(paths, path, batch++);
	}
}

// --- figures -------------------------------------------------------------------------------------

static json_t *quantiles(struct path *path)
{
	static const struct {
		const char *name;
		double share;
	} wanted[] = {{"min", 0}, {"p1", 0.01}, {"p50", 0.5}, {"p99", 0.99}, {"max", 1}};
	json_t *object = json_object();

	if (path->n_errors == 0)
		return object;
	figures_sort(path->errors, path->n_errors);
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
		json_object_set_new(object, wanted[i].name,
		        json_real(figures_quantile(path->errors, path->n_errors, wanted[i].share)));
	return object;
}

// Judges and tells one path.
static json_t *path_json(struct paths *paths, struct path *path)
{
	struct verify *verify = paths->verify;
	double n = (double)path->n_sent, base_bps = paths->base.rate_bps, p50 = 0;
	double loss = n > 0 ? 1 - path->passed_sum / n : 0, rate = path->rate_bps;
	struct interval got = {0, 1};
	json_t *errors = quantiles(path), *wrong = json_array();

	if (path->n_sent > 0)
		got = figures_wilson(path->n_sent - path->n_errors, path->n_sent,
		        1 - (1 - verify->confidence) / paths->n);
	p50 = get_real(errors, "p50");
	// Half of what is measured may come from jitter: the median moves by its share.
	if (path->n_errors == 0 || fabs(p50) > verify->max_error_ns + 3 * path->jitter_ns / sqrt(n))
		json_array_append_new(wrong, json_string("delay"));
	if (!path->bursts && (loss < got.low - 1e-9 || loss > got.high + 1e-9))
		json_array_append_new(wrong, json_string("loss"));
	// A rate that the ports themselves hardly reach cannot be told, nor one behind another
	// delay.
	if (rate > 0 && fabs(p50) <= verify->max_error_ns &&
	        RATE_BASE_MIN * path->rate_asked_bps < base_bps &&
	        (rate > path->rate_asked_bps * RATE_HIGH || rate < path->rate_asked_bps * RATE_LOW))
		json_array_append_new(wrong, json_string("rate"));
	verify->failed |= json_array_size(wrong) != 0;
	return json_pack("{s:s, s:s, s:I, s:f, s:I, s:I, s:I, s:o, s:f, s:f, s:f, s:b, s:f, s:f, "
	                 "s:o}",
	        "from", path->from, "to", path->to, "hops", (json_int_t)path->n_hops_seen,
	        "asked_ns", n > 0 ? path->asked_ns_sum / n : 0.0, "sent", (json_int_t)path->n_sent,
	        "lost", (json_int_t)(path->n_sent - path->n_errors), "left_out",
	        (json_int_t)path->n_dropped, "error_ns", errors, "loss_low", got.low, "loss_high",
	        got.high, "loss_asked", loss, "bursts", path->bursts, "rate_bps", rate,
	        "rate_asked_bps", path->rate_asked_bps, "wrong", wrong);
}

static void tell(struct paths *paths)
{
	json_t *items = json_array(), *base;

	base = json_pack("{s:I, s:I, s:f}", "sent", (json_int_t)paths->base.n_sent, "lost",
	        (json_int_t)(paths->base.n_sent - paths->base.n_errors), "rate_bps",
	        paths->base.rate_bps);
	json_object_set_new(base, "delay_ns", quantiles(&paths->base));
	json_object_set_new(paths->verify->result, "base", base);
	for (unsigned i = 0; i < paths->n; i++)
		json_array_append_new(items, path_json(paths, &paths->items[i]));
	json_object_set_new(paths->verify->result, "paths", items);
}

enum cli_exit verify_paths(struct verify *verify)
{
	struct paths *paths = calloc(1, sizeof(*paths));
	uint32_t n_batches = (verify->n_probes + BATCH - 1) / BATCH;
	enum cli_exit code;

	if (paths == NULL)
		return cli_failf(verify->cli, "out of memory");
	paths->verify = verify;
	paths->run = (uint32_t)getpid();
	code = choose(paths);
	if (code == CLI_OK && paths->n == 0)
		code = cli_failf(verify->cli, "no link between routers is up: nothing to measure");
	if (code == CLI_OK)
		code = open_all(paths);
	if (code == CLI_OK)
		code = wait_for_routes(paths);
	for (uint32_t i = 0; code == CLI_OK && i < n_batches && !*verify->stop; i++)
		code = run_batch(paths, i);
	if (code == CLI_OK && !*verify->stop) {
		run_trains(paths, n_batches);
		tell(paths);
	}
	close_all(paths);
	free(paths);
	return code;
}
