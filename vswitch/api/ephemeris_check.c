/* SPDX-License-Identifier: BSD-3-Clause */
// Everything that must hold in an ephemeris file before anybody uses it. The file may be anyone's:
// nothing is read before its place was checked.
#include "ephemeris_check.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crc32c.h"
#include "names.h"

struct check {
	struct ephemeris *e;
	const char *name;
	struct fault *fault;
};

static const char *const section_names[EPHEMERIS_N_SECTIONS] = {
        "records", "epochs", "nodes", "interfaces", "routes", "strings"};
static const uint32_t entry_sizes[EPHEMERIS_N_SECTIONS] = {sizeof(struct orrery_record),
        sizeof(struct ephemeris_epoch), sizeof(struct ephemeris_node),
        sizeof(struct ephemeris_iface), sizeof(struct ephemeris_route), 1};
static const uint64_t entries_max[EPHEMERIS_N_SECTIONS] = {
        UINT64_MAX / sizeof(struct orrery_record), EPHEMERIS_EPOCHS_MAX, EPHEMERIS_NODES_MAX,
        EPHEMERIS_IFACES_MAX, EPHEMERIS_ROUTES_MAX, EPHEMERIS_STRINGS_MAX};

// Says what is wrong at a place of the file. `what` is the field or row.
__attribute__((format(printf, 4, 5))) static int bad(
        const struct check *check, const void *at, const char *what, const char *fmt, ...)
{
	char text[200];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	return fault_set(check->fault, -EBADMSG, what, "%.80s: offset %zu: %s: %s", check->name,
	        (size_t)((const char *)at - (const char *)check->e->map), what, text);
}

static bool all_zero(const void *data, size_t size)
{
	const char *at = data;

	for (size_t i = 0; i < size; i++) {
		if (at[i] != 0)
			return false;
	}
	return true;
}

static int check_form(const struct check *check)
{
	const struct ephemeris_header *h = check->e->map;
	uint32_t crc;

	if (check->e->map_size < sizeof(h->magic) ||
	        memcmp(h->magic, EPHEMERIS_MAGIC, sizeof(h->magic)) != 0)
		return bad(
		        check, h, "magic", "not an ephemeris: expected the bytes 89 'ORRERY' 0a");
	if (check->e->map_size < sizeof(*h))
		return bad(check, h, "header",
		        "the file ends after %zu bytes, expected at least %zu", check->e->map_size,
		        sizeof(*h));
	if (h->version != EPHEMERIS_VERSION)
		return bad(check, &h->version, "version", "%u; expected %d", h->version,
		        EPHEMERIS_VERSION);
	if (h->byte_order != EPHEMERIS_BYTE_ORDER)
		return bad(check, &h->byte_order, "byte_order", "0x%08x; expected 0x%08x",
		        h->byte_order, EPHEMERIS_BYTE_ORDER);
	if (h->header_size != sizeof(*h))
		return bad(check, &h->header_size, "header_size", "%u; expected %zu",
		        h->header_size, sizeof(*h));
	if (h->file_size != check->e->map_size)
		return bad(check, &h->file_size, "file_size",
		        "%" PRIu64 ", but the file has %zu bytes: truncated?", h->file_size,
		        check->e->map_size);
	crc = crc32c(0, h, offsetof(struct ephemeris_header, crc));
	if (h->crc != crc)
		return bad(check, &h->crc, "crc",
		        "checksum of the header is 0x%08x; expected 0x%08x", crc, h->crc);
	return 0;
}

static int check_header(const struct check *check)
{
	const struct ephemeris_header *h = check->e->header;

	if (h->flags != 0)
		return bad(check, &h->flags, "flags", "0x%x; expected 0", h->flags);
	if (h->epoch_ns < 0)
		return bad(check, &h->epoch_ns, "epoch_ns", "%" PRId64 "; expected 0 or more",
		        h->epoch_ns);
	if (h->duration_ns > EPHEMERIS_TIME_MAX_NS)
		return bad(check, &h->duration_ns, "duration_ns",
		        "%" PRIu64 "; expected at most %" PRId64, h->duration_ns,
		        (int64_t)EPHEMERIS_TIME_MAX_NS);
	if (!all_zero(h->reserved0, sizeof(h->reserved0)))
		return bad(check, h->reserved0, "reserved0", "expected zero");
	if (!all_zero(h->reserved1, sizeof(h->reserved1) + sizeof(h->reserved2)))
		return bad(check, h->reserved1, "reserved1", "expected zero");
	return 0;
}

// A section stands where the one before it ends; between them zeros up to the alignment.
static int check_section(const struct check *check, enum ephemeris_section_id id, uint64_t *end)
{
	const struct ephemeris_section *s = &check->e->header->sections[id];
	const char *map = check->e->map, *name = section_names[id];
	uint64_t left = check->e->map_size - *end;
	uint64_t gap = (EPHEMERIS_ALIGN - *end % EPHEMERIS_ALIGN) % EPHEMERIS_ALIGN;
	uint32_t crc;

	if (s->offset != *end + gap || gap > left)
		return bad(check, &s->offset, name,
		        "offset %" PRIu64 "; expected %" PRIu64 " in a file of %zu bytes",
		        s->offset, *end + gap, check->e->map_size);
	if (s->entry_size != entry_sizes[id])
		return bad(check, &s->entry_size, name, "entry_size %u; expected %u", s->entry_size,
		        entry_sizes[id]);
	if (s->n > entries_max[id])
		return bad(check, &s->n, name, "%" PRIu64 " entries; expected at most %" PRIu64,
		        s->n, entries_max[id]);
	if (s->size != s->n * s->entry_size || s->size > left - gap)
		return bad(check, &s->size, name,
		        "size %" PRIu64 "; expected %" PRIu64 " entries of %u bytes in the %" PRIu64
		        " bytes left",
		        s->size, s->n, s->entry_size, left - gap);
	if (!all_zero(map + *end, gap))
		return bad(check, map + *end, name, "expected %" PRIu64 " bytes of zero before it",
		        gap);
	crc = crc32c(0, map + s->offset, s->size);
	if (s->crc != crc)
		return bad(check, map + s->offset, name,
		        "checksum is 0x%08x; expected 0x%08x: the file is damaged", crc, s->crc);
	*end = s->offset + s->size;
	return 0;
}

static int check_sections(const struct check *check)
{
	struct ephemeris *e = check->e;
	const struct ephemeris_section *s = e->header->sections;
	const char *map = e->map;
	uint64_t end = sizeof(*e->header);

	for (int id = 0; id < EPHEMERIS_N_SECTIONS; id++) {
		int err = check_section(check, id, &end);

		if (err != 0)
			return err;
	}
	if (end != e->map_size)
		return bad(check, map + end, "end",
		        "expected the end of the file, not %" PRIu64 " more bytes",
		        e->map_size - end);
	e->records = (const struct orrery_record *)(map + s[EPHEMERIS_RECORDS].offset);
	e->epochs = (const struct ephemeris_epoch *)(map + s[EPHEMERIS_EPOCHS].offset);
	e->nodes = (const struct ephemeris_node *)(map + s[EPHEMERIS_NODES].offset);
	e->ifaces = (const struct ephemeris_iface *)(map + s[EPHEMERIS_IFACES].offset);
	e->routes = (const struct ephemeris_route *)(map + s[EPHEMERIS_ROUTES].offset);
	e->strings = map + s[EPHEMERIS_STRINGS].offset;
	e->n_records = s[EPHEMERIS_RECORDS].n;
	e->n_epochs = (uint32_t)s[EPHEMERIS_EPOCHS].n;
	e->n_nodes = (uint32_t)s[EPHEMERIS_NODES].n;
	e->n_ifaces = (uint32_t)s[EPHEMERIS_IFACES].n;
	e->n_routes = (uint32_t)s[EPHEMERIS_ROUTES].n;
	return 0;
}

// Offsets of strings: inside, and with an end (the section's last byte is 0).
static int check_string(const struct check *check, const uint32_t *offset, const char *what)
{
	uint64_t size = check->e->header->sections[EPHEMERIS_STRINGS].n;

	if (*offset < size)
		return 0;
	return bad(check, offset, what, "string at %u; expected less than %" PRIu64, *offset, size);
}

// People see it on their terminals.
static int check_producer(const struct check *check)
{
	const char *text = ephemeris_string(check->e, check->e->header->producer);

	if (strnlen(text, EPHEMERIS_PRODUCER_MAX + 1) > EPHEMERIS_PRODUCER_MAX)
		return bad(check, text, "producer", "expected at most %d characters",
		        EPHEMERIS_PRODUCER_MAX);
	for (; *text != '\0'; text++) {
		if (*text < ' ' || *text > '~')
			return bad(check, text, "producer", "byte 0x%02x; expected printable ASCII",
			        (uint8_t)*text);
	}
	return 0;
}

static int check_strings(const struct check *check)
{
	const struct ephemeris *e = check->e;
	uint64_t size = e->header->sections[EPHEMERIS_STRINGS].n;
	struct fault why = {0};
	int err;

	if (size == 0 || e->strings[size - 1] != '\0')
		return bad(check, e->strings, "strings", "expected a terminating 0 at the end");
	err = check_string(check, &e->header->name, "name");
	if (err == 0)
		err = check_string(check, &e->header->producer, "producer");
	if (err == 0)
		err = check_producer(check);
	if (err == 0 && node_name_check(ephemeris_string(e, e->header->name), &why) != 0)
		err = bad(check, &e->header->name, "name", "%.100s", why.message);
	return err;
}

static int check_node(const struct check *check, uint32_t i)
{
	const struct ephemeris_node *node = &check->e->nodes[i];
	struct fault why = {0};
	char what[32];
	int err;

	snprintf(what, sizeof(what), "nodes[%u]", i);
	err = check_string(check, &node->name, what);
	if (err != 0)
		return err;
	if (node_name_check(ephemeris_string(check->e, node->name), &why) != 0)
		return bad(check, node, what, "%.150s", why.message);
	if (node->kind >= EPHEMERIS_N_KINDS)
		return bad(check, &node->kind, what, "kind %u; expected less than %d", node->kind,
		        EPHEMERIS_N_KINDS);
	if (!all_zero(node->reserved, sizeof(node->reserved)))
		return bad(check, node->reserved, what, "reserved: expected zero");
	return 0;
}

static int check_iface(const struct check *check, uint32_t i)
{
	const struct ephemeris_iface *iface = &check->e->ifaces[i];
	struct fault why = {0};
	char what[32];
	int err;

	snprintf(what, sizeof(what), "interfaces[%u]", i);
	err = check_string(check, &iface->name, what);
	if (err != 0)
		return err;
	if (iface->node >= check->e->n_nodes)
		return bad(check, &iface->node, what, "node %u; expected less than %u", iface->node,
		        check->e->n_nodes);
	if (iface_name_check(ephemeris_string(check->e, iface->name), &why) != 0)
		return bad(check, iface, what, "%.150s", why.message);
	return 0;
}

static int check_route(const struct check *check, uint32_t i)
{
	const struct ephemeris_route *route = &check->e->routes[i];
	char what[32];

	snprintf(what, sizeof(what), "routes[%u]", i);
	if (route->prefix_len > 128)
		return bad(check, &route->prefix_len, what, "prefix_len %u; expected at most 128",
		        route->prefix_len);
	for (uint32_t bit = route->prefix_len; bit < 128; bit++) {
		if ((route->prefix[bit / 8] & 0x80u >> bit % 8) != 0)
			return bad(check, route->prefix, what,
			        "bit %u of the prefix is set; expected zero behind /%u", bit,
			        route->prefix_len);
	}
	if (route->node >= check->e->n_nodes)
		return bad(check, &route->node, what, "node %u; expected less than %u", route->node,
		        check->e->n_nodes);
	if (!all_zero(route->reserved, sizeof(route->reserved)))
		return bad(check, route->reserved, what, "reserved: expected zero");
	return 0;
}

static int compare_nodes(const void *a, const void *b, void *arg)
{
	const struct ephemeris *e = arg;
	const uint32_t *x = a, *y = b;

	return strcmp(ephemeris_node_name(e, *x), ephemeris_node_name(e, *y));
}

static int compare_ifaces(const void *a, const void *b, void *arg)
{
	const struct ephemeris *e = arg;
	const uint32_t *x = a, *y = b;

	if (e->ifaces[*x].node != e->ifaces[*y].node)
		return e->ifaces[*x].node < e->ifaces[*y].node ? -1 : 1;
	return strcmp(ephemeris_iface_name(e, *x), ephemeris_iface_name(e, *y));
}

static int compare_routes(const void *a, const void *b, void *arg)
{
	const struct ephemeris *e = arg;
	const uint32_t *x = a, *y = b;

	return memcmp(&e->routes[*x], &e->routes[*y], offsetof(struct ephemeris_route, node));
}

// No two rows of a table may be the same: sorted, equal ones are neighbours.
static int check_unique(const struct check *check, enum ephemeris_section_id id,
        int (*compare)(const void *, const void *, void *))
{
	const struct ephemeris_section *s = &check->e->header->sections[id];
	uint32_t n = (uint32_t)s->n, *order = calloc((size_t)n + 1, sizeof(*order));
	const char *rows = (const char *)check->e->map + s->offset;
	int err = 0;

	if (order == NULL)
		return fault_set(check->fault, -ENOMEM, "", "%s: out of memory", check->name);
	for (uint32_t i = 0; i < n; i++)
		order[i] = i;
	qsort_r(order, n, sizeof(*order), compare, check->e);
	for (uint32_t i = 1; i < n && err == 0; i++) {
		if (compare(&order[i - 1], &order[i], check->e) == 0)
			err = bad(check, rows + (size_t)order[i] * s->entry_size, section_names[id],
			        "entries %u and %u are the same; expected each once", order[i - 1],
			        order[i]);
	}
	free(order);
	return err;
}

static int check_tables(const struct check *check)
{
	const struct ephemeris *e = check->e;
	int err = check_strings(check);

	for (uint32_t i = 0; i < e->n_nodes && err == 0; i++)
		err = check_node(check, i);
	for (uint32_t i = 0; i < e->n_ifaces && err == 0; i++)
		err = check_iface(check, i);
	for (uint32_t i = 0; i < e->n_routes && err == 0; i++)
		err = check_route(check, i);
	if (err == 0)
		err = check_unique(check, EPHEMERIS_NODES, compare_nodes);
	if (err == 0)
		err = check_unique(check, EPHEMERIS_IFACES, compare_ifaces);
	if (err == 0)
		err = check_unique(check, EPHEMERIS_ROUTES, compare_routes);
	return err;
}

int ephemeris_record_check(
        const struct orrery_record *record, uint32_t n_ifaces, struct fault *fault)
{
	uint32_t set = record->set;

	if (record->from >= n_ifaces)
		return fault_set(fault, -EINVAL, "from", "interface %u; expected less than %u",
		        record->from, n_ifaces);
	// also where it is not set: who maps numbers to ids need not look at `set`
	if (record->to != ORRERY_IFACE_NONE &&
	        (record->to >= n_ifaces ||
	                ((set & ORRERY_SET_TO) != 0 && record->to == record->from)))
		return fault_set(fault, -EINVAL, "to",
		        "interface %u; expected another than %u, less than %u, or none", record->to,
		        record->from, n_ifaces);
	if (set == 0 || (set & ~(uint32_t)ORRERY_SET_ALL) != 0)
		return fault_set(
		        fault, -EINVAL, "set", "0x%x; expected bits of 0x%x", set, ORRERY_SET_ALL);
	if ((set & ORRERY_SET_TO) != 0 && record->to == ORRERY_IFACE_NONE && set != ORRERY_SET_TO)
		return fault_set(fault, -EINVAL, "set",
		        "0x%x; expected 0x%x, nothing else of a link that is unplugged", set,
		        ORRERY_SET_TO);
	if ((record->flags & ~(ORRERY_LINK_UP | ORRERY_LINK_REORDER)) != 0)
		return fault_set(fault, -EINVAL, "flags", "0x%x; expected bits of 0x%x",
		        record->flags, ORRERY_LINK_UP | ORRERY_LINK_REORDER);
	if (record->reserved != 0)
		return fault_set(fault, -EINVAL, "reserved", "%u; expected 0", record->reserved);
	if (record->delay_ns > EPHEMERIS_DELAY_MAX_NS)
		return fault_set(fault, -ERANGE, "delay_ns", "%u ns; expected at most %u ns",
		        record->delay_ns, EPHEMERIS_DELAY_MAX_NS);
	if ((set & ORRERY_SET_LOSS) != 0 && (record->good_us == 0) != (record->bad_us == 0))
		return fault_set(fault, -EINVAL, "good_us",
		        "%u with bad_us %u; expected both or none to be 0", record->good_us,
		        record->bad_us);
	return 0;
}

// What a record may say of a link that leads to `to` (ORRERY_IFACE_NONE: nowhere) so far.
static int check_change(const struct orrery_record *record, uint32_t to, struct fault *fault)
{
	if ((record->set & ORRERY_SET_TO) == 0 && to == ORRERY_IFACE_NONE)
		return fault_set(
		        fault, -EINVAL, "set", "0x%x of a link that is not plugged", record->set);
	if ((record->set & ORRERY_SET_TO) != 0 && record->to != ORRERY_IFACE_NONE &&
	        record->to != to && record->set != ORRERY_SET_ALL)
		return fault_set(fault, -EINVAL, "set",
		        "0x%x; expected all of 0x%x from a record that plugs", record->set,
		        ORRERY_SET_ALL);
	return 0;
}

// Of a key: as a record that plugs, and the same far end that the epochs before it led to.
static int check_key_record(
        const struct orrery_record *record, uint32_t to, bool is_first, struct fault *fault)
{
	if (record->set != ORRERY_SET_ALL)
		return fault_set(fault, -EINVAL, "set", "0x%x; expected all of 0x%x in a key epoch",
		        record->set, ORRERY_SET_ALL);
	if (!is_first && record->to != to)
		return fault_set(fault, -EINVAL, "to",
		        "interface %u; expected %u as the epochs before have it", record->to, to);
	return 0;
}

struct walk {
	uint32_t *to; // [n_ifaces] far ends so far
	uint32_t n_plugged;
};

static int check_record(const struct check *check, const struct ephemeris_epoch *epoch, uint64_t i,
        struct walk *walk)
{
	const struct ephemeris *e = check->e;
	const struct orrery_record *record = &e->records[i];
	struct fault why = {0};
	char what[64];
	int err = ephemeris_record_check(record, e->n_ifaces, &why);

	if (err == 0 && i > epoch->first && record->from <= record[-1].from)
		err = fault_set(&why, -EINVAL, "from",
		        "interface %u behind %u; expected them sorted, each once", record->from,
		        record[-1].from);
	if (err == 0 && (epoch->flags & EPHEMERIS_KEY) != 0)
		err = check_key_record(record, walk->to[record->from], epoch == e->epochs, &why);
	else if (err == 0)
		err = check_change(record, walk->to[record->from], &why);
	if (err != 0) {
		snprintf(what, sizeof(what), "records[%" PRIu64 "].%.20s", i, why.field);
		return bad(check, record, what, "%.150s", why.message);
	}
	if ((record->set & ORRERY_SET_TO) != 0) {
		walk->n_plugged -= walk->to[record->from] != ORRERY_IFACE_NONE;
		walk->n_plugged += record->to != ORRERY_IFACE_NONE;
		walk->to[record->from] = record->to;
	}
	return 0;
}

// Its time against the epoch before.
static int check_time(const struct check *check, uint32_t i, const char *what)
{
	const struct ephemeris *e = check->e;
	const struct ephemeris_epoch *epoch = &e->epochs[i], *before = epoch - 1;
	bool key = (epoch->flags & EPHEMERIS_KEY) != 0;

	if (epoch->t_ns > e->header->duration_ns)
		return bad(check, &epoch->t_ns, what,
		        "t_ns %" PRIu64 "; expected at most the duration, %" PRIu64, epoch->t_ns,
		        e->header->duration_ns);
	if (i == 0 && (!key || epoch->t_ns != 0))
		return bad(check, epoch, what, "expected a key epoch at time 0 first");
	if (i > 0 && (epoch->t_ns < before->t_ns ||
	                     (epoch->t_ns == before->t_ns &&
	                             (!key || (before->flags & EPHEMERIS_KEY) != 0))))
		return bad(check, &epoch->t_ns, what,
		        "t_ns %" PRIu64 "; expected later than that of the epoch before, %" PRIu64,
		        epoch->t_ns, before->t_ns);
	return 0;
}

static int check_epoch(
        const struct check *check, uint32_t i, uint64_t *next_record, struct walk *walk)
{
	const struct ephemeris *e = check->e;
	const struct ephemeris_epoch *epoch = &e->epochs[i];
	char what[32];
	int err;

	snprintf(what, sizeof(what), "epochs[%u]", i);
	if ((epoch->flags & ~EPHEMERIS_KEY) != 0)
		return bad(check, &epoch->flags, what, "flags 0x%x; expected bits of 0x%x",
		        epoch->flags, EPHEMERIS_KEY);
	if (epoch->first != *next_record || epoch->n > e->n_records - epoch->first)
		return bad(check, &epoch->first, what,
		        "%u records from %" PRIu64 "; expected from %" PRIu64 ", of %" PRIu64,
		        epoch->n, epoch->first, *next_record, e->n_records);
	err = check_time(check, i, what);
	if (err == 0 && i > 0 && (epoch->flags & EPHEMERIS_KEY) != 0 && epoch->n != walk->n_plugged)
		err = bad(check, &epoch->n, what, "a key of %u records; expected %u, one a link",
		        epoch->n, walk->n_plugged);
	for (uint64_t k = epoch->first; k < epoch->first + epoch->n && err == 0; k++)
		err = check_record(check, epoch, k, walk);
	*next_record += epoch->n;
	return err;
}

static int check_epochs(const struct check *check)
{
	const struct ephemeris *e = check->e;
	struct walk walk = {malloc(((size_t)e->n_ifaces + 1) * sizeof(*walk.to)), 0};
	uint64_t next_record = 0;
	int err = 0;

	if (walk.to == NULL)
		return fault_set(check->fault, -ENOMEM, "", "%s: out of memory", check->name);
	memset(walk.to, 0xff, ((size_t)e->n_ifaces + 1) * sizeof(*walk.to)); // none
	if (e->n_epochs == 0)
		err = bad(check, e->epochs, "epochs", "none; expected at least one");
	for (uint32_t i = 0; i < e->n_epochs && err == 0; i++)
		err = check_epoch(check, i, &next_record, &walk);
	if (err == 0 && next_record != e->n_records)
		err = bad(check, &e->header->sections[EPHEMERIS_RECORDS].n, "records",
		        "%" PRIu64 "; expected %" PRIu64 ", all in epochs", e->n_records,
		        next_record);
	free(walk.to);
	return err;
}

int ephemeris_check(struct ephemeris *e, const char *name, struct fault *fault)
{
	const struct check check = {e, name, fault};
	int err = check_form(&check);

	e->header = e->map;
	if (err == 0)
		err = check_header(&check);
	if (err == 0)
		err = check_sections(&check);
	if (err == 0)
		err = check_tables(&check);
	return err == 0 ? check_epochs(&check) : err;
}
