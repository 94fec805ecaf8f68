/* SPDX-License-Identifier: BSD-3-Clause */
// From states of links to epochs of changes.
#include "sink.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "import_hash.h"
#include "names.h"

#define S_NS 1e9
#define SAME_NAMES_MAX 10000

struct sink_node {
	char *source; // its name there
	char name[NODE_NAME_SIZE];
	uint32_t index;
	uint32_t n_named; // interfaces called linkN
	UT_hash_handle by_source, by_name;
};

struct iface_key {
	uint32_t node;
	char name[IFACE_NAME_SIZE]; // zeros behind it
};

struct peer_key {
	uint32_t node, far, tag;
};

static_assert(sizeof(struct iface_key) == 20 && sizeof(struct peer_key) == 12, "keys have no gaps");

struct named { // an interface by its name in the file
	struct iface_key key;
	uint32_t iface;
	struct named *next; // of all
	UT_hash_handle hh;
};

struct given { // an interface by its name in the source
	uint32_t iface;
	struct given *next; // of all
	UT_hash_handle hh;
	size_t key_len;
	char key[]; // number of the node, name
};

struct peer { // an interface by where it leads
	struct peer_key key;
	uint32_t iface;
	struct peer *next; // of all
	UT_hash_handle hh;
};

// A link's states. `set` of a record is 0 while it is unplugged.
struct sink_link {
	struct orrery_record next; // in the epoch that is being filled
	struct orrery_record held; // in the one before it, which is not written yet
	struct orrery_record said; // in the file
	uint64_t next_ns; // when next.delay_ns was the delay
	uint32_t touched_in; // number of the epoch + 1
	uint32_t held_in;
};

struct touched {
	uint32_t *links;
	size_t n, capacity;
};

struct sink {
	struct sink_options options;
	struct fault *fault;
	struct ephemeris_writer *writer;
	uint64_t duration_ns;
	struct sink_node **nodes;
	uint32_t n_nodes, nodes_capacity;
	struct sink_node *by_source, *by_name;
	struct named *named, *all_named;
	struct given *given, *all_given;
	struct peer *peers, *all_peers;
	struct sink_link *links; // by interface
	uint32_t n_ifaces, ifaces_capacity;
	bool begun, holds; // an epoch is being filled; one before it waits
	uint64_t t_ns, held_ns;
	uint32_t epoch; // number of the one being filled
	struct touched touched, held;
	struct orrery_record *records;
	size_t records_capacity;
	struct sink_counts counts;
};

static int no_memory(struct sink *sink)
{
	return fault_set(sink->fault, -ENOMEM, "", "import: out of memory");
}

// --- life ---------------------------------------------------------------------------------------

struct sink *sink_create(const struct sink_options *options, struct fault *fault)
{
	struct sink *sink = calloc(1, sizeof(*sink));

	if (sink == NULL) {
		(void)fault_set(fault, -ENOMEM, "", "import: out of memory");
		return NULL;
	}
	sink->options = *options;
	sink->fault = fault;
	return sink;
}

static void free_tables(struct sink *sink)
{
	HASH_CLEAR(hh, sink->named);
	HASH_CLEAR(hh, sink->given);
	HASH_CLEAR(hh, sink->peers);
	for (struct named *next, *at = sink->all_named; at != NULL; at = next) {
		next = at->next;
		free(at);
	}
	for (struct given *next, *at = sink->all_given; at != NULL; at = next) {
		next = at->next;
		free(at);
	}
	for (struct peer *next, *at = sink->all_peers; at != NULL; at = next) {
		next = at->next;
		free(at);
	}
}

void sink_destroy(struct sink *sink)
{
	if (sink == NULL)
		return;
	ephemeris_writer_destroy(sink->writer);
	HASH_CLEAR(by_source, sink->by_source);
	HASH_CLEAR(by_name, sink->by_name);
	free_tables(sink);
	for (uint32_t i = 0; i < sink->n_nodes; i++) {
		free(sink->nodes[i]->source);
		free(sink->nodes[i]);
	}
	free(sink->nodes);
	free(sink->links);
	free(sink->touched.links);
	free(sink->held.links);
	free(sink->records);
	free(sink);
}

// Into `name`, by the rule that the header states.
static void map_name(struct span source, char *name, size_t size)
{
	size_t n = 0;

	if (source.len == 0 || !isalnum((unsigned char)source.at[0]))
		name[n++] = 'n';
	for (size_t i = 0; i < source.len && n + 1 < size; i++) {
		unsigned char c = (unsigned char)source.at[i];
		bool good = c < 0x80 && (isalnum(c) || strchr("_.-", c) != NULL);

		name[n++] = good ? (char)c : '-';
	}
	name[n] = '\0';
}

// "name-2" for the second, cut where it would be too long.
static void number_name(const char *name, unsigned number, char *buf, size_t size)
{
	char end[16];
	size_t end_len = (size_t)snprintf(end, sizeof(end), "-%u", number);
	size_t len = strlen(name);

	if (len + end_len >= size)
		len = size - 1 - end_len;
	memcpy(buf, name, len);
	memcpy(buf + len, end, end_len + 1);
}

static void note_renamed(struct sink *sink, struct span source, const char *name)
{
	char text[SPAN_TEXT_SIZE];

	if (span_is(source, name))
		return;
	if (sink->counts.n_renamed++ == 0)
		snprintf(sink->counts.renamed, sizeof(sink->counts.renamed), "'%s' is '%s'",
		        span_text(source, text), name);
}

int sink_begin(struct sink *sink, const struct ephemeris_info *info)
{
	struct ephemeris_info own = *info;
	const char *slash = strrchr(sink->options.output, '/');
	const char *base = slash != NULL ? slash + 1 : sink->options.output;
	char name[NODE_NAME_SIZE];

	map_name((struct span){base, strcspn(base, ".")}, name, sizeof(name));
	if (own.name == NULL)
		own.name = name;
	own.producer = "orrery " ORRERY_VERSION;
	sink->duration_ns = own.duration_ns;
	return ephemeris_writer_create(sink->options.output, &own, &sink->writer, sink->fault);
}

// --- nodes --------------------------------------------------------------------------------------

static struct sink_node *find_name(const struct sink *sink, const char *name)
{
	struct sink_node *node;

	HASH_FIND(by_name, sink->by_name, name, strlen(name), node);
	return node;
}

static int grow_nodes(struct sink *sink)
{
	uint32_t capacity = sink->nodes_capacity != 0 ? sink->nodes_capacity * 2 : 64;
	void *nodes;

	if (sink->n_nodes < sink->nodes_capacity)
		return 0;
	if (sink->n_nodes >= SINK_NODES_MAX)
		return fault_set(
		        sink->fault, -E2BIG, "", "import: more than %u nodes", SINK_NODES_MAX);
	nodes = reallocarray(sink->nodes, capacity, sizeof(*sink->nodes));
	if (nodes == NULL)
		return no_memory(sink);
	sink->nodes = nodes;
	sink->nodes_capacity = capacity;
	return 0;
}

int sink_add_node(struct sink *sink, struct span name, uint32_t *ret_node)
{
	struct sink_node *node, *same;
	char wanted[NODE_NAME_SIZE];
	uint32_t number;
	int err = grow_nodes(sink);

	if (err != 0)
		return err;
	node = calloc(1, sizeof(*node));
	if (node == NULL)
		return no_memory(sink);
	node->source = malloc(name.len + 1); // may hold zero bytes
	if (node->source != NULL && name.len > 0)
		memcpy(node->source, name.at, name.len);
	map_name(name, wanted, sizeof(wanted));
	strcpy(node->name, wanted);
	node->index = sink->n_nodes;
	for (unsigned i = 2; find_name(sink, node->name) != NULL && i <= SAME_NAMES_MAX; i++)
		number_name(wanted, i, node->name, sizeof(node->name));
	// the writer refuses a name that is still taken
	err = node->source == NULL ? no_memory(sink)
	                           : ephemeris_writer_node(sink->writer, node->name, EPHEMERIS_POD,
	                                     NULL, &number, sink->fault);
	if (err != 0) {
		free(node->source);
		free(node);
		return err;
	}
	note_renamed(sink, name, node->name);
	HASH_FIND(by_source, sink->by_source, name.at, name.len, same);
	if (same == NULL)
		HASH_ADD_KEYPTR(by_source, sink->by_source, node->source, name.len, node);
	HASH_ADD_KEYPTR(by_name, sink->by_name, node->name, strlen(node->name), node);
	*ret_node = sink->n_nodes;
	sink->nodes[sink->n_nodes++] = node;
	return 0;
}

uint32_t sink_find_node(const struct sink *sink, struct span name)
{
	struct sink_node *node;

	HASH_FIND(by_source, sink->by_source, name.at, name.len, node);
	return node != NULL ? node->index : SINK_NONE;
}

int sink_get_node(struct sink *sink, struct span name, uint32_t *ret_node)
{
	*ret_node = sink_find_node(sink, name);
	return *ret_node != SINK_NONE ? 0 : sink_add_node(sink, name, ret_node);
}

const char *sink_node_name(const struct sink *sink, uint32_t node)
{
	return sink->nodes[node]->name;
}

// --- interfaces ---------------------------------------------------------------------------------

static int grow_ifaces(struct sink *sink)
{
	uint32_t capacity = sink->ifaces_capacity != 0 ? sink->ifaces_capacity * 2 : 256;
	void *links;

	if (sink->n_ifaces < sink->ifaces_capacity)
		return 0;
	if (sink->n_ifaces >= SINK_IFACES_MAX)
		return fault_set(sink->fault, -E2BIG, "", "import: more than %u interfaces",
		        SINK_IFACES_MAX);
	links = reallocarray(sink->links, capacity, sizeof(*sink->links));
	if (links == NULL)
		return no_memory(sink);
	sink->links = links;
	sink->ifaces_capacity = capacity;
	return 0;
}

static bool is_taken(const struct sink *sink, const struct iface_key *key)
{
	struct named *named;

	HASH_FIND(hh, sink->named, key, sizeof(*key), named);
	return named != NULL;
}

static int add_iface(struct sink *sink, const struct iface_key *key, uint32_t *ret_iface)
{
	struct named *named;
	int err = grow_ifaces(sink);

	if (err == 0)
		err = ephemeris_writer_iface(
		        sink->writer, key->node, key->name, ret_iface, sink->fault);
	if (err != 0)
		return err;
	named = calloc(1, sizeof(*named));
	if (named == NULL)
		return no_memory(sink);
	named->key = *key;
	named->iface = *ret_iface;
	named->next = sink->all_named;
	sink->all_named = named;
	HASH_ADD(hh, sink->named, key, sizeof(named->key), named);
	sink->links[sink->n_ifaces++] = (struct sink_link){0};
	return 0;
}

// As number_name, in a key: what is behind the name stays zero.
static void number_key(struct iface_key *key, const char *name, unsigned number)
{
	char buf[IFACE_NAME_SIZE];

	number_name(name, number, buf, sizeof(buf));
	memset(key->name, 0, sizeof(key->name));
	memcpy(key->name, buf, strlen(buf));
}

static int add_given(struct sink *sink, uint32_t node, struct span name, uint32_t *ret_iface)
{
	struct iface_key key = {.node = node};
	char wanted[IFACE_NAME_SIZE];
	int err;

	map_name(name, wanted, sizeof(wanted));
	memcpy(key.name, wanted, strlen(wanted));
	for (unsigned i = 2; is_taken(sink, &key) && i <= SAME_NAMES_MAX; i++)
		number_key(&key, wanted, i);
	err = add_iface(sink, &key, ret_iface);
	if (err == 0)
		note_renamed(sink, name, key.name);
	return err;
}

int sink_get_iface(struct sink *sink, uint32_t node, struct span name, uint32_t *ret_iface)
{
	size_t key_len = sizeof(node) + name.len;
	struct given *given = malloc(sizeof(*given) + key_len), *same;
	int err;

	if (given == NULL)
		return no_memory(sink);
	memcpy(given->key, &node, sizeof(node));
	memcpy(given->key + sizeof(node), name.at, name.len);
	given->key_len = key_len;
	HASH_FIND(hh, sink->given, given->key, key_len, same);
	if (same != NULL) {
		*ret_iface = same->iface;
		free(given);
		return 0;
	}
	err = add_given(sink, node, name, ret_iface);
	if (err != 0) {
		free(given);
		return err;
	}
	given->iface = *ret_iface;
	given->next = sink->all_given;
	sink->all_given = given;
	HASH_ADD_KEYPTR(hh, sink->given, given->key, given->key_len, given);
	return 0;
}

static void name_after(struct sink *sink, uint32_t node, uint32_t far, struct iface_key *key)
{
	const char *name = sink->nodes[far]->name;

	*key = (struct iface_key){.node = node};
	if (strlen(name) < IFACE_NAME_SIZE) {
		memcpy(key->name, name, strlen(name));
		if (!is_taken(sink, key))
			return;
	}
	do {
		memset(key->name, 0, sizeof(key->name));
		snprintf(key->name, sizeof(key->name), "link%u", sink->nodes[node]->n_named++);
	} while (is_taken(sink, key));
}

int sink_get_iface_to(
        struct sink *sink, uint32_t node, uint32_t far, uint32_t tag, uint32_t *ret_iface)
{
	const struct peer_key key = {node, far, tag};
	struct iface_key name;
	struct peer *peer;
	int err;

	HASH_FIND(hh, sink->peers, &key, sizeof(key), peer);
	if (peer != NULL) {
		*ret_iface = peer->iface;
		return 0;
	}
	name_after(sink, node, far, &name);
	err = add_iface(sink, &name, ret_iface);
	if (err != 0)
		return err;
	peer = calloc(1, sizeof(*peer));
	if (peer == NULL)
		return no_memory(sink);
	peer->key = key;
	peer->iface = *ret_iface;
	peer->next = sink->all_peers;
	sink->all_peers = peer;
	HASH_ADD(hh, sink->peers, key, sizeof(peer->key), peer);
	return 0;
}

// --- epochs -------------------------------------------------------------------------------------

static int touch(struct sink *sink, uint32_t iface)
{
	struct sink_link *link = &sink->links[iface];
	struct touched *touched = &sink->touched;

	if (link->touched_in == sink->epoch + 1)
		return 0;
	if (touched->n == touched->capacity) {
		size_t capacity = touched->capacity != 0 ? touched->capacity * 2 : 256;
		void *links = reallocarray(touched->links, capacity, sizeof(*touched->links));

		if (links == NULL)
			return no_memory(sink);
		touched->links = links;
		touched->capacity = capacity;
	}
	touched->links[touched->n++] = iface;
	link->touched_in = sink->epoch + 1;
	return 0;
}

static uint32_t clamp_delay(double ns)
{
	return (uint32_t)llround(fmax(0, fmin(ns, EPHEMERIS_DELAY_MAX_NS)));
}

static bool differs_in_loss(const struct orrery_record *a, const struct orrery_record *b)
{
	return a->loss != b->loss || a->loss_bad != b->loss_bad || a->good_us != b->good_us ||
	       a->bad_us != b->bad_us;
}

// Which fields of a plugged link have changed.
static uint32_t changed_fields(const struct orrery_record *said, const struct orrery_record *now)
{
	uint32_t set = 0;

	if (((said->flags ^ now->flags) & ORRERY_LINK_UP) != 0)
		set |= ORRERY_SET_UP;
	// a line that had a slope must be said again
	if (said->delay_ns != now->delay_ns || said->slope_ns_s != 0 || now->slope_ns_s != 0)
		set |= ORRERY_SET_DELAY | ORRERY_SET_SLOPE;
	if (said->jitter_ns != now->jitter_ns || said->jitter_corr != now->jitter_corr)
		set |= ORRERY_SET_JITTER;
	if (said->rate_kbps != now->rate_kbps)
		set |= ORRERY_SET_RATE;
	if (said->queue_bytes != now->queue_bytes || said->queue_pkts != now->queue_pkts)
		set |= ORRERY_SET_QUEUE;
	if (differs_in_loss(said, now))
		set |= ORRERY_SET_LOSS;
	if (said->duplicate != now->duplicate)
		set |= ORRERY_SET_DUPLICATE;
	if (said->reorder != now->reorder ||
	        ((said->flags ^ now->flags) & ORRERY_LINK_REORDER) != 0)
		set |= ORRERY_SET_REORDER;
	if (said->mtu != now->mtu)
		set |= ORRERY_SET_MTU;
	return set;
}

// The record that brings the file from what it says of a link to `now`. False: nothing to say.
static bool make_record(const struct sink_link *link, const struct orrery_record *now,
        uint32_t iface, struct orrery_record *record)
{
	if (now->set == 0) {
		*record = (struct orrery_record){.to = ORRERY_IFACE_NONE, .set = ORRERY_SET_TO};
		record->from = iface;
		return link->said.set != 0;
	}
	*record = *now;
	record->from = iface;
	if (link->said.set != 0 && link->said.to == now->to) {
		record->set = changed_fields(&link->said, now);
		record->to = ORRERY_IFACE_NONE;
	}
	return record->set != 0;
}

static int say(struct sink *sink, uint32_t iface, const struct orrery_record *now, uint32_t *n)
{
	struct sink_link *link = &sink->links[iface];

	if (*n == sink->records_capacity) {
		size_t capacity = *n != 0 ? (size_t)*n * 2 : 256;
		void *records = reallocarray(sink->records, capacity, sizeof(*sink->records));

		if (records == NULL)
			return no_memory(sink);
		sink->records = records;
		sink->records_capacity = capacity;
	}
	if (!make_record(link, now, iface, &sink->records[*n]))
		return 0;
	(*n)++;
	link->said = *now;
	return 0;
}

static int write_epoch(struct sink *sink, uint64_t t_ns, uint32_t n)
{
	if (n == 0 || sink_is_over(sink, t_ns))
		return 0;
	return ephemeris_writer_epoch(sink->writer, t_ns, sink->records, n, sink->fault);
}

static int write_next(struct sink *sink)
{
	uint32_t n = 0;
	int err = 0;

	for (size_t i = 0; i < sink->touched.n && err == 0; i++) {
		uint32_t iface = sink->touched.links[i];

		err = say(sink, iface, &sink->links[iface].next, &n);
	}
	return err == 0 ? write_epoch(sink, sink->t_ns, n) : err;
}

// The held state, on its way to the next one.
static struct orrery_record lead(
        const struct sink *sink, const struct sink_link *link, bool has_next)
{
	struct orrery_record record = link->held;
	double dt_s = (double)(sink->t_ns - sink->held_ns) / S_NS;
	double slope = ((double)link->next.delay_ns - record.delay_ns) / dt_s;

	if (!has_next || record.set == 0 || link->next.set == 0 || record.to != link->next.to ||
	        (record.flags & link->next.flags & ORRERY_LINK_UP) == 0 || fabs(slope) >= 2e9)
		return record;
	record.slope_ns_s = (int32_t)lround(slope);
	return record;
}

// `has_next`: what is being filled is what the held epoch leads to.
static int write_held(struct sink *sink, bool has_next)
{
	uint32_t n = 0;
	int err = 0;

	for (size_t i = 0; i < sink->held.n && err == 0; i++) {
		uint32_t iface = sink->held.links[i];
		struct orrery_record record = lead(sink, &sink->links[iface], has_next);

		err = say(sink, iface, &record, &n);
	}
	for (size_t i = 0; i < sink->touched.n && has_next && err == 0; i++) {
		uint32_t iface = sink->touched.links[i];
		struct orrery_record record = lead(sink, &sink->links[iface], true);

		if (sink->links[iface].held_in != sink->epoch)
			err = say(sink, iface, &record, &n);
	}
	return err == 0 ? write_epoch(sink, sink->held_ns, n) : err;
}

// What was filled becomes what is held.
static void hold(struct sink *sink)
{
	struct touched free_one = sink->held;

	for (size_t i = 0; i < sink->touched.n; i++) {
		struct sink_link *link = &sink->links[sink->touched.links[i]];

		link->held = link->next;
		link->held_in = sink->epoch + 1;
	}
	sink->held = sink->touched;
	sink->touched = free_one;
	sink->held_ns = sink->t_ns;
	sink->holds = true;
}

static int end_epoch(struct sink *sink)
{
	int err = 0;

	if (!sink->options.interpolate) {
		err = write_next(sink);
	} else {
		if (sink->holds)
			err = write_held(sink, true);
		hold(sink);
	}
	sink->touched.n = 0;
	sink->epoch++;
	return err;
}

int sink_epoch(struct sink *sink, uint64_t t_ns)
{
	int err = 0;

	if (sink->begun && t_ns == sink->t_ns)
		return 0;
	if (sink->options.go_on != NULL)
		err = sink->options.go_on(sink->options.arg);
	if (err != 0)
		return fault_set(sink->fault, err, "", "%.200s: interrupted; it is not written",
		        sink->options.output);
	if (sink->begun)
		err = end_epoch(sink);
	sink->begun = true;
	sink->t_ns = t_ns;
	return err;
}

bool sink_is_over(const struct sink *sink, uint64_t t_ns)
{
	return t_ns > 0 && t_ns >= sink->duration_ns;
}

int sink_link(struct sink *sink, uint32_t from, uint32_t to, struct orrery_record **ret_record)
{
	struct sink_link *link = &sink->links[from];
	struct orrery_record *next = &link->next;
	double since_s = (double)(sink->t_ns - link->next_ns) / S_NS;

	if (next->set == 0 || next->to != to)
		*next = (struct orrery_record){
		        .from = from, .to = to, .set = ORRERY_SET_ALL, .flags = ORRERY_LINK_UP};
	else if (next->slope_ns_s != 0)
		next->delay_ns = clamp_delay(next->delay_ns + next->slope_ns_s * since_s);
	link->next_ns = sink->t_ns;
	*ret_record = next;
	return touch(sink, from);
}

int sink_unplug(struct sink *sink, uint32_t from)
{
	sink->links[from].next = (struct orrery_record){.to = ORRERY_IFACE_NONE};
	return touch(sink, from);
}

uint32_t sink_link_to(const struct sink *sink, uint32_t from)
{
	const struct orrery_record *next = &sink->links[from].next;

	return next->set != 0 ? next->to : SINK_NONE;
}

int sink_finish(struct sink *sink)
{
	int err = 0;

	if (sink->writer == NULL)
		return 0;
	if (sink->begun)
		err = end_epoch(sink);
	if (err == 0 && sink->holds)
		err = write_held(sink, false);
	return err == 0 ? ephemeris_writer_finish(sink->writer, sink->fault) : err;
}

void sink_counts(const struct sink *sink, struct sink_counts *ret_counts)
{
	*ret_counts = sink->counts;
}
