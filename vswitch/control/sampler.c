/* SPDX-License-Identifier: BSD-3-Clause */
// Rates: the difference of two samples. The data path's counters are read at once. Those of drivers
// may cost a question to the kernel each, in which epochs would wait: they are asked a few ports at
// a time.
#include "sampler.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "core.h"
#include "handlers.h"
#include "reserve.h"

struct counts {
	uint64_t pkts, bytes, drops;
};

// Of one interface: the link that leaves from it, and the port plugged into it.
struct sample {
	struct counts link, port;
};

// What a port's driver lost.
struct driver_drops {
	uint64_t last, last_tsc; // when it was asked last
	uint64_t grown, span_tsc; // since it was asked before; 0: it was not
};

struct totals {
	uint64_t rx_pkts, rx_bytes, tx_pkts, tx_bytes, drops;
};

struct sampler {
	struct control *control;
	struct event *timer;
	struct event *slice_timer;
	struct sample *last,
	        *rates; // [max_ifaces]: counters, and what they grew by in the interval
	struct totals last_totals, total_rates;
	uint64_t last_tsc; // 0: never sampled
	uint64_t interval_ms; // 0: no rates yet
	unsigned idle_periods;
	bool running;

	struct driver_drops *drops; // [max_ports], by port id
	uint64_t drops_since_tsc; // what drops say from before is old
	uint32_t next_port; // of the pass over all ports, which has ended when this is the last
	unsigned ports_idle_periods; // nobody asked for ports or nodes
	bool asks_drivers;
};

static uint64_t sum_drops(const uint64_t drops[DROP_REASON_COUNT])
{
	uint64_t sum = 0;

	// what a router took for itself is no loss
	for (int i = 0; i < DROP_REASON_COUNT; i++)
		sum += i != DROP_CONSUMED ? drops[i] : 0;
	return sum;
}

static struct counts grown(const struct counts *now, const struct counts *last)
{
	return (struct counts){
	        .pkts = now->pkts > last->pkts ? now->pkts - last->pkts : 0,
	        .bytes = now->bytes > last->bytes ? now->bytes - last->bytes : 0,
	        .drops = now->drops > last->drops ? now->drops - last->drops : 0,
	};
}

static void sample_iface(struct sampler *s, uint32_t id)
{
	const struct control *c = s->control;
	const struct iface *iface = c->model.ifaces[id];
	struct sample now = {0};

	if (iface != NULL && matrix_link(c->matrix, id) != NULL) {
		struct link_stats stats;

		datapath_link_stats(c->dp, id, &stats);
		now.link = (struct counts){stats.tx_pkts, stats.tx_bytes, sum_drops(stats.drops)};
	}
	if (iface != NULL && iface->port != NULL) {
		struct iface_stats stats;

		datapath_iface_stats(c->dp, id, &stats);
		now.port = (struct counts){.pkts = stats.rx_pkts + stats.tx_pkts,
		        .bytes = stats.rx_bytes + stats.tx_bytes};
	}
	s->rates[id].link = grown(&now.link, &s->last[id].link);
	s->rates[id].port = grown(&now.port, &s->last[id].port);
	s->last[id] = now;
}

static void sample_totals(struct sampler *s)
{
	struct totals now = {0};

	for (uint16_t i = 0; i < datapath_n_workers(s->control->dp); i++) {
		struct worker_stats stats;

		datapath_worker_stats(s->control->dp, i, &stats);
		now.rx_pkts += stats.rx_pkts;
		now.rx_bytes += stats.rx_bytes;
		now.tx_pkts += stats.tx_pkts;
		now.tx_bytes += stats.tx_bytes;
		now.drops += sum_drops(stats.drops);
	}
	s->total_rates = (struct totals){
	        .rx_pkts = now.rx_pkts - s->last_totals.rx_pkts,
	        .rx_bytes = now.rx_bytes - s->last_totals.rx_bytes,
	        .tx_pkts = now.tx_pkts - s->last_totals.tx_pkts,
	        .tx_bytes = now.tx_bytes - s->last_totals.tx_bytes,
	        .drops = now.drops - s->last_totals.drops,
	};
	s->last_totals = now;
}

static void take_sample(struct sampler *s)
{
	uint64_t now = control_now_tsc();

	for (uint32_t id = 0; id < s->control->model.iface_ids.end; id++)
		sample_iface(s, id);
	sample_totals(s);
	s->interval_ms =
	        s->last_tsc != 0 ? (now - s->last_tsc) * 1000 / datapath_tsc_hz(s->control->dp) : 0;
	s->last_tsc = now;
}

static void ask_driver(struct sampler *s, struct port *port)
{
	struct driver_drops *drops = &s->drops[port->id];
	uint64_t now = control_now_tsc(), sum;
	struct port_stats driver = {0};

	if (port->ops->get_stats != NULL)
		port->ops->get_stats(port, &driver);
	sum = driver.rx_dropped + driver.tx_full + driver.tx_errors + driver.tx_peer_dropped;
	*drops = (struct driver_drops){
	        .last = sum,
	        .last_tsc = now,
	        .grown = sum > drops->last ? sum - drops->last : 0,
	        .span_tsc = drops->last_tsc >= s->drops_since_tsc ? now - drops->last_tsc : 0,
	};
}

static void ask_some_drivers(struct sampler *s)
{
	const struct port_table *table = &s->control->ports;

	for (unsigned n = 0; n < SAMPLER_SLICE_PORTS && s->next_port < table->ids.end;
	        s->next_port++) {
		struct switch_port *p = ports_get(table, s->next_port);

		if (p != NULL) {
			ask_driver(s, &p->port);
			n++;
		}
	}
}

static void on_slice_timer(evutil_socket_t fd, short what, void *arg)
{
	struct sampler *s = arg;

	ask_some_drivers(s);
	if (s->next_port >= s->control->ports.ids.end)
		(void)event_del(s->slice_timer);
}

// A pass over all ports, unless one is under way.
static void begin_pass(struct sampler *s)
{
	static const struct timeval period = {0, SAMPLER_SLICE_MS * 1000};

	if (s->slice_timer == NULL || !event_pending(s->slice_timer, EV_TIMEOUT, NULL)) {
		s->next_port = 0;
		if (s->slice_timer != NULL)
			(void)event_add(s->slice_timer, &period);
	}
}

static void stop_asking_drivers(struct sampler *s)
{
	if (s->slice_timer != NULL)
		(void)event_del(s->slice_timer);
	s->asks_drivers = false;
}

static void keep_asking_drivers(struct sampler *s)
{
	s->ports_idle_periods = 0;
	if (!s->asks_drivers) {
		s->asks_drivers = true;
		s->drops_since_tsc = control_now_tsc();
		begin_pass(s);
	}
	if (s->slice_timer == NULL) {
		if (s->next_port >= s->control->ports.ids.end)
			begin_pass(s);
		ask_some_drivers(s);
	}
}

static const unsigned IDLE_PERIODS = SAMPLER_IDLE_S * 1000 / SAMPLER_PERIOD_MS;

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct sampler *s = arg;

	if (s->asks_drivers) {
		if (++s->ports_idle_periods > IDLE_PERIODS)
			stop_asking_drivers(s);
		else
			begin_pass(s);
	}
	if (++s->idle_periods > IDLE_PERIODS) {
		(void)event_del(s->timer);
		s->running = false;
		s->last_tsc = 0;
		s->interval_ms = 0;
		return;
	}
	take_sample(s);
}

int sampler_create(struct control *control, struct sampler **ret_sampler, struct fault *fault)
{
	struct sampler *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return fault_set(fault, -ENOMEM, NULL, "no memory for rates");
	s->control = control;
	s->last = reserve_alloc(control->config.max_ifaces, sizeof(s->last[0]));
	s->rates = reserve_alloc(control->config.max_ifaces, sizeof(s->rates[0]));
	s->drops = reserve_alloc(control->config.max_ports, sizeof(s->drops[0]));
	if (control->base != NULL) {
		s->timer = event_new(control->base, -1, EV_PERSIST, on_timer, s);
		s->slice_timer = event_new(control->base, -1, EV_PERSIST, on_slice_timer, s);
	}
	if (s->last == NULL || s->rates == NULL || s->drops == NULL ||
	        (control->base != NULL && (s->timer == NULL || s->slice_timer == NULL))) {
		sampler_destroy(s);
		return fault_set(fault, -ENOMEM, NULL, "no memory for rates");
	}
	*ret_sampler = s;
	return 0;
}

void sampler_destroy(struct sampler *s)
{
	if (s == NULL)
		return;
	if (s->timer != NULL)
		event_free(s->timer);
	if (s->slice_timer != NULL)
		event_free(s->slice_timer);
	reserve_free(s->last, s->control->config.max_ifaces, sizeof(s->last[0]));
	reserve_free(s->rates, s->control->config.max_ifaces, sizeof(s->rates[0]));
	reserve_free(s->drops, s->control->config.max_ports, sizeof(s->drops[0]));
	free(s);
}

static void keep_sampling(struct sampler *s)
{
	static const struct timeval period = {
	        SAMPLER_PERIOD_MS / 1000, SAMPLER_PERIOD_MS % 1000 * 1000};

	s->idle_periods = 0;
	if (s->timer == NULL) {
		take_sample(s);
	} else if (!s->running) {
		take_sample(s);
		s->running = event_add(s->timer, &period) == 0;
	}
}

struct entry {
	uint32_t id; // of the interface, of the node for nodes
	struct counts counts;
	uint64_t key;
};

static int by_key(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	if (x->key != y->key)
		return x->key < y->key ? 1 : -1;
	return x->id < y->id ? -1 : x->id > y->id;
}

static void add_counts(struct counts *to, const struct counts *from)
{
	to->pkts += from->pkts;
	to->bytes += from->bytes;
	to->drops += from->drops;
}

// In the interval, as it was between the last two times that the driver was asked.
static uint64_t driver_drops(const struct sampler *s, const struct switch_port *p)
{
	const struct driver_drops *drops = &s->drops[p->port.id];
	double span_ms = (double)drops->span_tsc * 1000 / (double)datapath_tsc_hz(s->control->dp);

	if (drops->span_tsc == 0 || drops->last_tsc < s->drops_since_tsc)
		return 0;
	return (uint64_t)((double)drops->grown * (double)s->interval_ms / span_ms + 0.5);
}

static struct counts port_counts(const struct sampler *s, const struct iface *iface)
{
	struct counts counts = s->rates[iface->id].port;

	counts.drops = iface->port != NULL ? driver_drops(s, iface->port) : 0;
	return counts;
}

static uint32_t list_nodes(const struct sampler *s, struct entry *entries)
{
	const struct model *model = &s->control->model;
	uint32_t n = 0;

	for (uint32_t id = 0; id < model->node_ids.end; id++) {
		const struct iface *iface;

		if (model->nodes[id] == NULL)
			continue;
		entries[n] = (struct entry){.id = id};
		DL_FOREACH(model->nodes[id]->ifaces, iface)
		{
			const struct counts port = port_counts(s, iface);

			add_counts(&entries[n].counts, &s->rates[iface->id].link);
			add_counts(&entries[n].counts, &port);
		}
		n++;
	}
	return n;
}

static uint32_t list_ifaces(const struct sampler *s, enum top_what what, struct entry *entries)
{
	const struct control *c = s->control;
	uint32_t n = 0;

	for (uint32_t id = 0; id < c->model.iface_ids.end; id++) {
		const struct iface *iface = c->model.ifaces[id];
		bool there =
		        iface != NULL && (what == TOP_PORTS ? iface->port != NULL
		                                            : matrix_link(c->matrix, id) != NULL);

		if (there)
			entries[n++] = (struct entry){
			        .id = id,
			        .counts = what == TOP_PORTS ? port_counts(s, iface)
			                                    : s->rates[id].link,
			};
	}
	return n;
}

static uint64_t per_second(const struct sampler *s, uint64_t n)
{
	return s->interval_ms != 0 ? n * 1000 / s->interval_ms : 0;
}

static json_t *entry_json(const struct sampler *s, enum top_what what, const struct entry *e)
{
	const struct control *c = s->control;
	json_t *object = json_object();
	char ref[IFACE_REF_SIZE];

	if (what == TOP_NODES) {
		put_str(object, "name", c->model.nodes[e->id]->name);
	} else {
		put_str(object, "name", iface_ref_format(ref, c->model.ifaces[e->id]));
	}
	if (what == TOP_LINKS) {
		const struct link *link = matrix_link(c->matrix, e->id);
		struct link_stats stats;

		datapath_link_stats(c->dp, e->id, &stats);
		put_u64(object, "in_flight_pkts", stats.in_flight_pkts);
		if (link->record.to != ORRERY_IFACE_NONE)
			put_str(object, "to",
			        iface_ref_format(ref, c->model.ifaces[link->record.to]));
	}
	put_u64(object, "pps", per_second(s, e->counts.pkts));
	put_u64(object, "bps", per_second(s, e->counts.bytes * 8));
	put_u64(object, "drop_pps", per_second(s, e->counts.drops));
	return object;
}

static json_t *totals_json(const struct sampler *s)
{
	const struct totals *t = &s->total_rates;
	json_t *object = json_object();

	put_u64(object, "rx_pps", per_second(s, t->rx_pkts));
	put_u64(object, "tx_pps", per_second(s, t->tx_pkts));
	put_u64(object, "rx_bps", per_second(s, t->rx_bytes * 8));
	put_u64(object, "tx_bps", per_second(s, t->tx_bytes * 8));
	put_u64(object, "drop_pps", per_second(s, t->drops));
	return object;
}

int sampler_top(
        struct sampler *s, const struct top_query *query, json_t **ret_result, struct fault *fault)
{
	const struct model *model = &s->control->model;
	size_t max = query->what == TOP_NODES ? model->node_ids.end : model->iface_ids.end;
	struct entry *entries = calloc(max + 1, sizeof(entries[0]));
	json_t *items = json_array(), *result = json_object();
	uint32_t n;

	if (entries == NULL)
		return fault_set(fault, -ENOMEM, NULL, "no memory for the list");
	keep_sampling(s);
	if (query->what != TOP_LINKS)
		keep_asking_drivers(s);
	n = query->what == TOP_NODES ? list_nodes(s, entries)
	                             : list_ifaces(s, query->what, entries);
	for (uint32_t i = 0; i < n; i++)
		entries[i].key =
		        query->by_drops ? entries[i].counts.drops : entries[i].counts.bytes;
	qsort(entries, n, sizeof(entries[0]), by_key);
	for (uint32_t i = 0; i < n && i < query->limit; i++)
		json_array_append_new(items, entry_json(s, query->what, &entries[i]));
	free(entries);
	put_u64(result, "interval_ms", s->interval_ms);
	put_u64(result, "epoch", publisher_epoch(s->control->publisher));
	put(result, "totals", totals_json(s));
	put(result, "items", items);
	*ret_result = result;
	return 0;
}
