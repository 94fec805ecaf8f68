/* SPDX-License-Identifier: BSD-3-Clause */
// stats.*, worker.list
#include <errno.h>
#include <string.h>

#include "handlers.h"
#include "sampler.h"
#include "server.h"

#define DRIVER_COUNTERS_MAX 64

static json_t *drop_texts(void)
{
	json_t *object = json_object();

	for (int i = 0; i < DROP_REASON_COUNT; i++)
		put_str(object, drop_reason_names[i], drop_reason_texts[i]);
	return object;
}

static json_t *drivers_json(const struct control *c)
{
	json_t *object = json_object();

	for (size_t i = 0; i < c->ports.n_drivers; i++) {
		const struct port_ops *ops = c->ports.drivers[i].ops;
		const char *names[DRIVER_COUNTERS_MAX];
		uint64_t values[DRIVER_COUNTERS_MAX];
		json_t *counters = json_object();
		size_t n = 0;

		if (ops->driver_stats != NULL)
			n = ops->driver_stats(
			        c->ports.drivers[i].driver, names, values, DRIVER_COUNTERS_MAX);
		for (size_t k = 0; k < n; k++)
			put_u64(counters, names[k], values[k]);
		put(object, ops->name, counters);
	}
	return object;
}

static json_t *worker_json(
        const struct control *c, uint16_t worker, const struct worker_stats *stats)
{
	json_t *object = json_object();

	put_u64(object, "index", worker);
	put_worker_stats(object, stats);
	put(object, "drops", drops_json(stats->drops, NULL, false));
	return object;
}

static void add_up(struct worker_stats *total, const struct worker_stats *s)
{
	total->rx_pkts += s->rx_pkts;
	total->rx_bytes += s->rx_bytes;
	total->tx_pkts += s->tx_pkts;
	total->tx_bytes += s->tx_bytes;
	total->wheel_pkts += s->wheel_pkts;
	total->icmp_sent += s->icmp_sent;
	for (int i = 0; i < DROP_REASON_COUNT; i++)
		total->drops[i] += s->drops[i];
}

static json_t *total_json(const struct worker_stats *total)
{
	json_t *object = json_object();

	put_u64(object, "rx_pkts", total->rx_pkts);
	put_u64(object, "rx_bytes", total->rx_bytes);
	put_u64(object, "tx_pkts", total->tx_pkts);
	put_u64(object, "tx_bytes", total->tx_bytes);
	put_u64(object, "wheel_pkts", total->wheel_pkts);
	put_u64(object, "icmp_sent", total->icmp_sent);
	return object;
}

int handle_stats_get(const struct request *request, json_t **ret_result, struct fault *fault)
{
	const struct control *c = request->control;
	json_t *object = json_object(), *workers = json_array();
	struct worker_stats total = {0};
	uint64_t in_use = 0;

	for (uint16_t i = 0; i < datapath_n_workers(c->dp); i++) {
		struct worker_stats stats;

		datapath_worker_stats(c->dp, i, &stats);
		add_up(&total, &stats);
		in_use += datapath_pool_in_use(c->dp, i);
		json_array_append_new(workers, worker_json(c, i, &stats));
	}
	put_u64(object, "epoch", publisher_epoch(c->publisher));
	put(object, "workers", workers);
	put(object, "total", total_json(&total));
	put(object, "drops", drops_json(total.drops, NULL, true));
	put(object, "drop_texts", drop_texts());
	put(object, "drivers", drivers_json(c));
	put(object, "pool",
	        json_pack("{s:I, s:I}", "frames", (json_int_t)matrix_config(c->matrix)->pool_frames,
	                "in_use", (json_int_t)in_use));
	put(object, "control",
	        json_pack("{s:I, s:I, s:I}", "clients", (json_int_t)server_n_clients(c->server),
	                "requests", (json_int_t)c->n_requests, "dropped_clients",
	                (json_int_t)server_n_dropped(c->server)));
	put(object, "player", player_json(c));
	*ret_result = object;
	return 0;
}

int handle_stats_top(const struct request *request, json_t **ret_result, struct fault *fault)
{
	struct top_query query = {
	        .by_drops = strcmp(param_string(request->params, "by", "traffic"), "drops") == 0,
	        .limit = (uint32_t)param_int(request->params, "limit", 20),
	};
	const char *what = param_string(request->params, "what", "links");

	int ret;

	query.what = what[0] == 'l' ? TOP_LINKS : what[0] == 'p' ? TOP_PORTS : TOP_NODES;
	ret = sampler_top(request->control->sampler, &query, ret_result, fault);
	if (ret == 0)
		put(*ret_result, "player", player_json(request->control));
	return ret;
}

static uint32_t count_ports(const struct control *c, uint16_t worker)
{
	uint32_t n = 0;

	for (uint32_t id = 0; id < c->ports.ids.end; id++) {
		const struct switch_port *p = c->ports.ports[id];

		if (p != NULL && p->port.worker == worker)
			n++;
	}
	return n;
}

// What the worker polls: its part of each driver, and devices of its own.
static uint32_t count_queues(const struct control *c, uint16_t worker)
{
	uint32_t n = 0;

	for (size_t i = 0; i < c->ports.n_drivers; i++) {
		const struct port_ops *ops = c->ports.drivers[i].ops;

		if (ops->worker_queue != NULL &&
		        ops->worker_queue(c->ports.drivers[i].driver, worker) != NULL)
			n++;
	}
	for (uint32_t id = 0; id < c->ports.ids.end; id++) {
		const struct switch_port *p = c->ports.ports[id];

		if (p != NULL && p->own_queue != NULL && p->port.worker == worker)
			n++;
	}
	return n;
}

int handle_worker_list(const struct request *request, json_t **ret_result, struct fault *fault)
{
	const struct control *c = request->control;
	json_t *list = json_array();

	for (uint16_t i = 0; i < datapath_n_workers(c->dp); i++) {
		json_t *entry = json_object(), *counters = json_object();
		struct worker_stats stats;

		datapath_worker_stats(c->dp, i, &stats);
		put_u64(entry, "index", i);
		if (c->config.worker_lcores != NULL)
			put_u64(entry, "lcore", c->config.worker_lcores[i]);
		if (c->config.worker_cpus != NULL)
			put_u64(entry, "cpu", c->config.worker_cpus[i]);
		// went to sleep and has not come back yet, when these two were read
		put(entry, "sleeping", json_boolean(stats.sleeps > stats.wakeups));
		put_u64(entry, "queues", count_queues(c, i));
		put_u64(entry, "hot_queues", stats.hot_queues);
		put_u64(entry, "ports", count_ports(c, i));
		put_worker_stats(counters, &stats);
		put(counters, "drops", drops_json(stats.drops, NULL, false));
		put(entry, "stats", counters);
		json_array_append_new(list, entry);
	}
	*ret_result = json_pack("{s:o}", "items", list);
	return 0;
}
