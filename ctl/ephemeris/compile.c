/* SPDX-License-Identifier: BSD-3-Clause */
// The compiler: window after window, all tracks by all threads, then what changed sorted by time
// and written.
#include "compile.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "beams.h"
#include "ephemeris_writer.h"
#include "epoch.h"
#include "parallel.h"
#include "track.h"

#define SATELLITES_AN_ITEM 16
#define ISLS_AN_ITEM 16

struct compiler {
	const struct constellation *con;
	const struct compile_options *options;
	struct ephemeris_writer *writer;
	struct fault *fault;
	struct window window;
	struct isl_track *isls;
	struct station_track *stations;
	struct track_scratch *scratch; // [n_threads]
	struct changes changes; // of the window, and of the end of the one before
	struct orrery_record *records; // of an epoch
	size_t records_capacity;
	uint32_t *numbers; // [n_ifaces] the file's; CON_NONE: not in it yet
	double share_before; // of the windows done
	struct beams *beams; // NULL: none has a capacity
	struct changes epoch; // with the rates that follow
};

static size_t n_items(size_t n, size_t an_item)
{
	return (n + an_item - 1) / an_item;
}

static int place(void *arg, size_t item, unsigned thread)
{
	struct compiler *c = arg;
	uint32_t i = (uint32_t)item * SATELLITES_AN_ITEM;

	for (uint32_t k = 0; k < SATELLITES_AN_ITEM && i + k < c->con->n_satellites; k++)
		window_place(&c->window, i + k);
	return 0;
}

// Stations first: they take longest.
static int track(void *arg, size_t item, unsigned thread)
{
	struct compiler *c = arg;
	double tolerance_ns = c->options->tolerance_ns;
	uint32_t i;
	int err = 0;

	if (item < c->con->n_stations)
		return track_station(&c->stations[item], (uint32_t)item, &c->window, tolerance_ns,
		        &c->scratch[thread]);
	i = (uint32_t)(item - c->con->n_stations) * ISLS_AN_ITEM;
	for (uint32_t k = 0; k < ISLS_AN_ITEM && i + k < c->con->n_isls && err == 0; k++)
		err = track_isl(
		        &c->isls[i + k], i + k, &c->window, tolerance_ns, &c->scratch[thread]);
	return err;
}

static size_t n_tracks(const struct compiler *c)
{
	return c->con->n_stations + n_items(c->con->n_isls, ISLS_AN_ITEM);
}

static int watch(void *arg, size_t n_taken)
{
	struct compiler *c = arg;
	double window_s = window_seconds(
	        window_time_ns(&c->window, c->window.n) - window_time_ns(&c->window, 0));
	double share = window_s / window_seconds(c->options->duration_ns);

	if (c->options->progress == NULL)
		return 0;
	return c->options->progress(
	        c->options->arg, c->share_before + share * (double)n_taken / (double)n_tracks(c));
}

// What all threads found, in order.
static int collect(struct compiler *c)
{
	for (unsigned i = 0; i < c->options->n_threads; i++) {
		struct changes *from = &c->scratch[i].changes;

		for (size_t k = 0; k < from->n; k++) {
			if (changes_add(&c->changes, &from->items[k]) != 0)
				return -ENOMEM;
		}
		from->n = 0;
	}
	changes_sort(&c->changes);
	return 0;
}

// The file's number of an interface: a satellite's interface to a station is in the file if it is
// ever used.
static int number_of(struct compiler *c, uint32_t iface, uint32_t *ret_number)
{
	uint32_t *number = &c->numbers[iface];
	char name[IFACE_NAME_SIZE];
	int err = 0;

	if (*number == CON_NONE)
		err = ephemeris_writer_iface(c->writer, c->con->ifaces[iface].node,
		        con_iface_name(c->con, iface, name), number, c->fault);
	*ret_number = *number;
	return err;
}

static int make_record(
        struct compiler *c, const struct change *change, struct orrery_record *record)
{
	int err;

	*record = (struct orrery_record){.to = ORRERY_IFACE_NONE};
	if ((change->what & CHANGE_PLUG) != 0) {
		epoch_set_parameters(record, con_link(c->con, change->iface));
		if (c->beams != NULL)
			record->rate_kbps = beams_rate_kbps(c->beams, change->iface);
		err = number_of(c, change->to, &record->to);
		if (err != 0)
			return err;
	}
	if ((change->what & CHANGE_UP) != 0)
		record->flags |= ORRERY_LINK_UP;
	if ((change->what & (CHANGE_UP | CHANGE_DOWN)) != 0)
		record->set |= ORRERY_SET_UP;
	if ((change->what & (CHANGE_RATE | CHANGE_PLUG)) == CHANGE_RATE) {
		record->set |= ORRERY_SET_RATE;
		record->rate_kbps = beams_rate_kbps(c->beams, change->iface);
	}
	if ((change->what & CHANGE_UNPLUG) != 0)
		record->set |= ORRERY_SET_TO;
	if ((change->what & CHANGE_LINE) != 0) {
		record->set |= ORRERY_SET_DELAY | ORRERY_SET_SLOPE;
		record->delay_ns = change->piece.delay_ns;
		record->slope_ns_s = change->piece.slope_ns_s;
	}
	return number_of(c, change->iface, &record->from);
}

static int make_room(struct compiler *c, size_t n)
{
	struct orrery_record *records;

	if (n <= c->records_capacity)
		return 0;
	records = reallocarray(c->records, n, sizeof(*records));
	if (records == NULL)
		return -ENOMEM;
	c->records = records;
	c->records_capacity = n;
	return 0;
}

// The changes of one time, `n` from `first`.
static int write_epoch(struct compiler *c, const struct change *first, size_t n)
{
	int err = 0;

	if (c->beams != NULL) {
		err = beams_follow(c->beams, first, n, &c->epoch);
		first = c->epoch.items;
		n = c->epoch.n;
	}
	if (err == 0)
		err = make_room(c, n);
	for (size_t i = 0; i < n && err == 0; i++)
		err = make_record(c, &first[i], &c->records[i]);
	if (err != 0)
		return err;
	return ephemeris_writer_epoch(c->writer, first->t_ns, c->records, (uint32_t)n, c->fault);
}

// What happens at the very end of the window belongs with the beginning of the next one; at the
// end of everything nobody would see it.
static int write_window(struct compiler *c)
{
	uint64_t end_ns = window_time_ns(&c->window, c->window.n);
	struct change *items = c->changes.items;
	size_t i = 0;

	while (i < c->changes.n && items[i].t_ns < end_ns) {
		size_t n = 1;
		int err;

		while (i + n < c->changes.n && items[i + n].t_ns == items[i].t_ns)
			n++;
		err = write_epoch(c, &items[i], n);
		if (err != 0)
			return err;
		i += n;
	}
	c->changes.n -= i;
	if (c->changes.n > 0)
		memmove(items, items + i, c->changes.n * sizeof(*items));
	return 0;
}

static int compile_window(struct compiler *c)
{
	struct parallel placing = {.n_items = n_items(c->con->n_satellites, SATELLITES_AN_ITEM),
	        .n_threads = c->options->n_threads,
	        .work = place,
	        .arg = c};
	struct parallel tracking = {.n_items = n_tracks(c),
	        .n_threads = c->options->n_threads,
	        .work = track,
	        .watch = watch,
	        .arg = c};
	int err = parallel_run(&placing);

	if (err == 0)
		err = parallel_run(&tracking);
	if (err == 0)
		err = collect(c);
	return err == 0 ? write_window(c) : err;
}

static int compile_windows(struct compiler *c)
{
	uint64_t first = 0;
	int err = 0;

	while (first * c->options->step_ns < c->options->duration_ns && err == 0) {
		window_move(&c->window, first);
		c->share_before = window_seconds(window_time_ns(&c->window, 0)) /
		                  window_seconds(c->options->duration_ns);
		err = compile_window(c);
		first += c->window.n;
	}
	return err;
}

static int add_node(struct compiler *c, uint32_t index)
{
	const struct con_node *node = &c->con->nodes[index];
	char name[NODE_NAME_SIZE];
	uint32_t number;
	int err = ephemeris_writer_node(c->writer, con_node_name(c->con, index, name),
	        node->router ? EPHEMERIS_ROUTER : EPHEMERIS_POD,
	        node->router ? node->address : NULL, &number, c->fault);

	for (uint32_t i = 0; i < node->n_ifaces && err == 0; i++) {
		if (c->con->ifaces[node->first_iface + i].role != CON_GS)
			err = number_of(c, node->first_iface + i, &number);
	}
	return err;
}

static int add_tables(struct compiler *c)
{
	int err = 0;

	// nodes have the constellation's numbers
	for (uint32_t i = 0; i < c->con->n_nodes && err == 0; i++)
		err = add_node(c, i);
	for (uint32_t i = 0; i < c->con->n_stations && err == 0; i++) {
		const struct scenario_station *station = &c->con->scenario->stations[i];
		uint32_t node = con_station_node(c->con, i);

		if (c->con->nodes[node].router)
			err = ephemeris_writer_route(c->writer, station->prefix,
			        (unsigned)station->prefix_len, node, c->fault);
	}
	return err;
}

static int allocate(struct compiler *c)
{
	const struct constellation *con = c->con;

	c->isls = calloc((size_t)con->n_isls + 1, sizeof(*c->isls));
	c->stations = calloc((size_t)con->n_stations + 1, sizeof(*c->stations));
	c->scratch = calloc(c->options->n_threads, sizeof(*c->scratch));
	c->numbers = malloc(((size_t)con->n_ifaces + 1) * sizeof(*c->numbers));
	if (c->isls == NULL || c->stations == NULL || c->scratch == NULL || c->numbers == NULL)
		return -ENOMEM;
	memset(c->numbers, 0xff, ((size_t)con->n_ifaces + 1) * sizeof(*c->numbers)); // CON_NONE
	for (size_t i = 0; i < con->scenario->n_shells && c->beams == NULL; i++) {
		if (con->scenario->shells[i].beam.capacity_bps == 0)
			continue;
		c->beams = beams_create(con);
		if (c->beams == NULL)
			return -ENOMEM;
	}
	return window_init(&c->window, con, c->options->step_ns, c->options->duration_ns);
}

static int run(struct compiler *c, const char *path)
{
	const struct scenario *scenario = c->con->scenario;
	const struct ephemeris_info info = {.name = scenario->name,
	        .producer = "orrery " ORRERY_VERSION,
	        .epoch_ns = scenario->epoch_ns,
	        .duration_ns = c->options->duration_ns,
	        .step_ns = c->options->step_ns,
	        .tolerance_ns = (uint64_t)c->options->tolerance_ns,
	        .seed = c->options->seed};
	int err = allocate(c);

	if (err == 0)
		err = ephemeris_writer_create(path, &info, &c->writer, c->fault);
	if (err == 0)
		err = add_tables(c);
	if (err == 0)
		err = compile_windows(c);
	return err == 0 ? ephemeris_writer_finish(c->writer, c->fault) : err;
}

int compile(const struct constellation *con, const struct compile_options *options,
        const char *path, struct fault *fault)
{
	struct fault own = {0};
	struct compiler c = {.con = con, .options = options, .fault = &own};
	int err = run(&c, path);

	ephemeris_writer_destroy(c.writer);
	for (unsigned i = 0; c.scratch != NULL && i < options->n_threads; i++)
		track_scratch_fini(&c.scratch[i]);
	for (uint32_t i = 0; c.stations != NULL && i < con->n_stations; i++)
		station_track_fini(&c.stations[i]);
	window_fini(&c.window);
	changes_fini(&c.changes);
	changes_fini(&c.epoch);
	beams_destroy(c.beams);
	free(c.isls);
	free(c.stations);
	free(c.scratch);
	free(c.records);
	free(c.numbers);
	if (err == 0)
		return 0;
	if (own.code != 0)
		return fault_set(fault, own.code, own.field, "%s", own.message);
	return fault_set(fault, err, "", "%s: %s", path, strerror(-err));
}
