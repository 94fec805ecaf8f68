/* SPDX-License-Identifier: BSD-3-Clause */
// Saving the state. Restoring it is in restore.c.
#include "state.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core.h"
#include "handlers.h"
#include "journal.h"
#include "log.h"
#include "player.h"
#include "state_json.h"

#define WRITE_BATCH 256 // records
#define PUT_OFF_US 2000
#define PUT_OFF_MAX 100
#define APPENDED_MIN (64u << 10) // bytes

struct state {
	struct control *control;
	struct event *timer;
	char dir[PATH_MAX - 32];
	char json_path[PATH_MAX], links_path[PATH_MAX];
	struct journal journal;
	uint64_t generation; // of the topology's file
	bool found; // an earlier switch left some
	bool noting; // restored: changes go to the journal
	bool uncovered; // there are some that it lacks: only saving helps
	struct orrery_record *records; // links that changed, to be appended
	size_t n_records, max_records;
	size_t n_appended; // bytes, since all links were saved
	bool topology_dirty, links_dirty;
	bool failing; // the last save did
	uint64_t cost_ms; // of the last save
	unsigned n_put_off; // times it was, since
};

static uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

// Saving takes long beside an epoch that is due: it waits for a gap, though not for ever.
static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct state *state = arg;
	uint64_t need_ns = (state->cost_ms + 1) * 1000000;

	if (state->n_put_off < PUT_OFF_MAX && player_busy_within(state->control->player, need_ns)) {
		state->n_put_off++;
		(void)event_add(state->timer, &(struct timeval){.tv_usec = PUT_OFF_US});
		return;
	}
	state->n_put_off = 0;
	state_save_now(state);
}

// mkdir -p
static int make_dir(const char *dir)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s", dir);
	for (char *at = path + 1; *at != '\0'; at++) {
		if (*at != '/')
			continue;
		*at = '\0';
		if (mkdir(path, 0755) < 0 && errno != EEXIST)
			return -errno;
		*at = '/';
	}
	return mkdir(path, 0755) < 0 && errno != EEXIST ? -errno : 0;
}

int state_create(
        struct control *control, const char *dir, struct state **ret_state, struct fault *fault)
{
	struct state *state = calloc(1, sizeof(*state));
	int ret;

	if (state == NULL)
		return fault_set(fault, -ENOMEM, NULL, "no memory for the state");
	state->control = control;
	if (strlen(dir) >= sizeof(state->dir)) {
		free(state);
		return fault_set(fault, -ENAMETOOLONG, "state_dir", "the name is too long");
	}
	strcpy(state->dir, dir);
	snprintf(state->json_path, sizeof(state->json_path), "%s/state.json", dir);
	snprintf(state->links_path, sizeof(state->links_path), "%s/links.records", dir);
	journal_init(&state->journal, dir);
	ret = make_dir(dir);
	if (ret < 0) {
		free(state);
		return fault_set(
		        fault, ret, "state_dir", "cannot make '%s': %s", dir, strerror(-ret));
	}
	if (control->base != NULL)
		state->timer = event_new(control->base, -1, 0, on_timer, state);
	*ret_state = state;
	return 0;
}

void state_destroy(struct state *state)
{
	if (state == NULL)
		return;
	if (state->timer != NULL)
		event_free(state->timer);
	journal_fini(&state->journal);
	free(state->records);
	free(state);
}

static void schedule(struct state *state)
{
	uint64_t ms = state->cost_ms * STATE_COST_FACTOR;

	if (state->timer == NULL || event_pending(state->timer, EV_TIMEOUT, NULL))
		return;
	if (ms < STATE_DELAY_MS)
		ms = STATE_DELAY_MS;
	if (state->failing && ms < STATE_RETRY_MS)
		ms = STATE_RETRY_MS;
	(void)event_add(state->timer, &(struct timeval){.tv_sec = (time_t)(ms / 1000),
	                                      .tv_usec = (suseconds_t)(ms % 1000 * 1000)});
}

void state_topology_changed(struct state *state)
{
	if (state == NULL)
		return;
	state->topology_dirty = true;
	state->uncovered = true;
	schedule(state);
}

// Whether a change goes to the journal too.
static bool note_begins(struct state *state)
{
	if (state == NULL)
		return false;
	state->topology_dirty = true;
	schedule(state);
	return state->noting && !state->uncovered;
}

static void note(struct state *state, json_t *entry)
{
	if (journal_put(&state->journal, entry) < 0)
		state->uncovered = true;
}

void state_links_changed(struct state *state)
{
	if (state == NULL)
		return;
	state->links_dirty = true;
	schedule(state);
}

// --- notes of single changes: an object to put in place, or the name of one that goes ------------

void state_node_changed(struct state *state, const struct node *node)
{
	if (note_begins(state))
		note(state, json_pack("{s:o}", "node", state_json_node(node)));
}

void state_node_gone(struct state *state, const struct node *node)
{
	if (note_begins(state))
		note(state, json_pack("{s:s}", "node_gone", node->name));
}

void state_iface_changed(struct state *state, const struct iface *iface)
{
	if (note_begins(state))
		note(state, json_pack("{s:o, s:s}", "interface", state_json_iface(iface), "of",
		                    iface->node->name));
}

void state_iface_gone(struct state *state, const struct iface *iface)
{
	if (note_begins(state))
		note(state, json_pack("{s:s, s:s}", "interface_gone", iface->key.name, "of",
		                    iface->node->name));
}

void state_port_changed(struct state *state, const struct switch_port *port)
{
	if (note_begins(state))
		note(state, json_pack("{s:o}", "port", state_json_port(port)));
}

void state_port_gone(struct state *state, const struct switch_port *port)
{
	if (note_begins(state))
		note(state, json_pack("{s:s}", "port_gone", port->port.ref));
}

void state_route_changed(struct state *state, const struct route *route)
{
	if (note_begins(state))
		note(state, json_pack("{s:o}", "route",
		                    state_json_route(&state->control->routes, route)));
}

void state_route_gone(struct state *state, const char *prefix)
{
	if (note_begins(state))
		note(state, json_pack("{s:s}", "route_gone", prefix));
}

// --- files ---------------------------------------------------------------------------------------

// Writes `path` by way of a temporary name.
static FILE *open_new(const char *path, char temp[PATH_MAX + 8])
{
	FILE *file;
	int fd;

	snprintf(temp, PATH_MAX + 8, "%s.new", path);
	fd = open(temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return NULL;
	file = fdopen(fd, "w");
	if (file == NULL)
		close(fd);
	return file;
}

static int finish_new(FILE *file, bool good, const char *temp, const char *path)
{
	int err = 0;

	if (!good)
		err = errno != 0 ? errno : EIO;
	if (fclose(file) != 0 && err == 0)
		err = errno;
	if (err == 0 && rename(temp, path) < 0)
		err = errno;
	if (err != 0)
		unlink(temp);
	return -err;
}

static int save_topology(struct state *state)
{
	struct control *c = state->control;
	char temp[PATH_MAX + 8];
	json_t *root;
	FILE *file = open_new(state->json_path, temp);
	int ret;

	if (file == NULL)
		return -errno;
	root = json_pack("{s:i, s:s, s:I, s:o, s:o, s:o}", "format", 1, "instance",
	        c->config.instance, "generation", (json_int_t)state->generation + 1, "nodes",
	        state_json_nodes(&c->model), "ports", state_json_ports(&c->ports), "routes",
	        state_json_routes(&c->routes));
	errno = 0;
	ret = finish_new(file, root != NULL && json_dumpf(root, file, JSON_COMPACT) == 0, temp,
	        state->json_path);
	json_decref(root);
	if (ret == 0) {
		// a switch killed here finds a journal of another generation
		journal_restart(&state->journal, ++state->generation);
		state->uncovered = false;
		state->topology_dirty = false;
	}
	return ret;
}

// A record from no interface: two of its fields are the serial's halves.
static struct orrery_record mark_of(uint64_t serial)
{
	return (struct orrery_record){.from = ORRERY_IFACE_NONE,
	        .to = (uint32_t)serial,
	        .delay_ns = (uint32_t)(serial >> 32)};
}

bool state_is_mark(const struct orrery_record *record, uint64_t *ret_serial)
{
	if (record->from != ORRERY_IFACE_NONE)
		return false;
	*ret_serial = (uint64_t)record->delay_ns << 32 | record->to;
	return true;
}

static struct orrery_record record_of(const struct control *c, uint32_t link_id, uint64_t now_tsc)
{
	const struct link *link = matrix_link(c->matrix, link_id);
	struct orrery_record record;

	if (link == NULL) // a record that sets nothing: the link is gone
		return (struct orrery_record){.from = link_id, .to = ORRERY_IFACE_NONE};
	record = link->record;
	record.delay_ns = (uint32_t)matrix_delay_now_ns(c->matrix, link, now_tsc);
	return record;
}

static bool write_links(const struct control *c, FILE *file)
{
	struct orrery_record batch[WRITE_BATCH];
	uint64_t now = control_now_tsc();
	size_t n = 1;

	batch[0] = mark_of(c->model.next_serial);
	for (uint32_t id = 0; id < c->model.iface_ids.end; id++) {
		if (matrix_link(c->matrix, id) == NULL)
			continue;
		batch[n++] = record_of(c, id, now);
		if (n == WRITE_BATCH) {
			if (fwrite(batch, sizeof(batch[0]), n, file) != n)
				return false;
			n = 0;
		}
	}
	return fwrite(batch, sizeof(batch[0]), n, file) == n;
}

static int save_links(struct state *state)
{
	char temp[PATH_MAX + 8];
	FILE *file = open_new(state->links_path, temp);
	int ret;

	if (file == NULL)
		return -errno;
	errno = 0;
	state->n_records = 0;
	ret = finish_new(file, write_links(state->control, file), temp, state->links_path);
	if (ret == 0)
		state->n_appended = 0;
	return ret;
}

void state_link_changed(struct state *state, uint32_t link_id)
{
	struct control *c;

	if (state == NULL || !state->noting)
		return;
	c = state->control;
	if (state->n_records + 2 > state->max_records) {
		size_t max = 2 * state->max_records + WRITE_BATCH;
		struct orrery_record *more = realloc(state->records, max * sizeof(more[0]));

		if (more == NULL)
			return; // the timer saves it
		state->records = more;
		state->max_records = max;
	}
	if (state->n_records == 0)
		state->records[state->n_records++] = mark_of(c->model.next_serial);
	state->records[state->n_records++] = record_of(c, link_id, control_now_tsc());
}

// Whether that much more would make the file larger than twice what all links need.
static bool is_too_much(const struct state *state, size_t n)
{
	size_t all = state->control->model.iface_ids.n_used * sizeof(state->records[0]);

	return state->n_appended + n > (all > APPENDED_MIN ? all : APPENDED_MIN);
}

// Behind whole records: a switch that was killed may have left a part of one.
static int append_links(struct state *state)
{
	size_t n = state->n_records * sizeof(state->records[0]);
	struct stat st;
	off_t end = 0;
	ssize_t n_done = -1;
	int fd, ret = 0;

	state->n_records = 0;
	if (n == 0)
		return 0;
	// the timer may be late, or fail for long
	if (is_too_much(state, n))
		return state->failing ? -EAGAIN : save_links(state);
	fd = open(state->links_path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) == 0) {
		end = st.st_size - st.st_size % (off_t)sizeof(state->records[0]);
		n_done = pwrite(fd, state->records, n, end);
	}
	if (n_done != (ssize_t)n) {
		ret = n_done < 0 ? -errno : -ENOSPC;
		(void)!ftruncate(fd, end);
	} else {
		state->n_appended += n;
	}
	close(fd);
	return ret;
}

// What is not saved stays to be saved.
static int save_dirty(struct state *state)
{
	int ret = 0;

	if (state->topology_dirty) {
		ret = save_topology(state);
		if (ret < 0)
			return ret;
	}
	if (state->links_dirty) {
		ret = save_links(state);
		if (ret < 0)
			return ret;
		state->links_dirty = false;
	}
	return 0;
}

void state_save_now(struct state *state)
{
	uint64_t start = now_ms();
	bool failed_before;
	int ret;

	if (state == NULL || !state->noting) // a part must not take the place of the whole
		return;
	ret = save_dirty(state);
	state->cost_ms = now_ms() - start;
	failed_before = state->failing;
	state->failing = ret < 0;
	if (ret < 0) {
		if (!failed_before)
			log_err("state: cannot save to '%s', tried again until it works: %s",
			        state->dir, strerror(-ret));
		schedule(state);
	} else if (failed_before) {
		log_notice("state: saved to '%s' again", state->dir);
	}
}

void state_flush(struct state *state)
{
	if (state == NULL)
		return;
	if (journal_flush(&state->journal) < 0)
		state->uncovered = true;
	// the timer tries again if that fails
	if (state->uncovered && state->noting && !state->failing)
		state_save_now(state);
	if (state->uncovered)
		schedule(state);
	if (append_links(state) < 0) {
		state->links_dirty = true;
		schedule(state);
	}
}

json_t *state_load(struct state *state)
{
	json_t *root, *entries;
	json_error_t error;

	if (state == NULL)
		return NULL;
	root = access(state->json_path, F_OK) == 0
	               ? json_load_file(state->json_path, JSON_REJECT_DUPLICATES, &error)
	               : json_object();
	if (root == NULL) {
		log_warning("state: '%s' cannot be read, starting without: %s", state->json_path,
		        error.text);
		root = json_object();
	}
	state->generation = (uint64_t)json_integer_value(json_object_get(root, "generation"));
	entries = journal_read(&state->journal, state->generation);
	if (json_array_size(entries) > 0)
		log_notice("state: %zu changes since it was saved", json_array_size(entries));
	state_replay(root, entries);
	json_decref(entries);
	state->found = json_array_size(json_object_get(root, "nodes")) > 0;
	return root;
}

void state_begin(struct state *state)
{
	if (state == NULL)
		return;
	state->noting = true;
	// what came back may not be all that was saved
	state->uncovered = state->topology_dirty;
}

bool state_was_found(const struct state *state)
{
	return state != NULL && state->found;
}

void state_forget(struct state *state)
{
	if (state == NULL)
		return;
	if (state->timer != NULL)
		(void)event_del(state->timer);
	state->topology_dirty = false;
	state->links_dirty = false;
	state->uncovered = false;
	journal_remove(&state->journal);
	unlink(state->json_path);
	unlink(state->links_path);
	(void)rmdir(state->dir); // if nothing else is in it
}

const char *state_json_path(const struct state *state)
{
	return state != NULL ? state->json_path : NULL;
}

const char *state_links_path(const struct state *state)
{
	return state != NULL ? state->links_path : NULL;
}
