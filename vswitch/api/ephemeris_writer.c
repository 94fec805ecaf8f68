/* SPDX-License-Identifier: BSD-3-Clause */
// Writes ephemeris files: records as they come, tables and header at the end.
#include "ephemeris_writer.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crc32c.h"
#include "names.h"
#include "string_pool.h"

#define BUFFER_SIZE (1 << 20)
#define LINKS_MAX 40 // as in the kernel

// A table in memory until the end.
struct table {
	void *rows;
	size_t n, capacity;
};

struct ephemeris_writer {
	char *path;
	char *scratch_path; // the file until it is finished
	FILE *file;
	struct ephemeris_header header;
	struct table epochs, nodes, ifaces, routes;
	struct string_pool strings;
	struct ephemeris_links links; // as a reader has them by now
	struct table key; // room for a key's records
	bool started; // the first epoch was written
	uint64_t t_ns; // of the last one
	uint64_t n_since_key; // records
};

// Room for one more row, zeroed; NULL: out of memory.
static void *table_add(struct table *table, size_t row_size)
{
	char *row;

	if (table->n == table->capacity) {
		size_t capacity = table->capacity != 0 ? table->capacity * 2 : 256;
		void *rows = reallocarray(table->rows, capacity, row_size);

		if (rows == NULL)
			return NULL;
		table->rows = rows;
		table->capacity = capacity;
	}
	row = (char *)table->rows + table->n * row_size;
	table->n++;
	memset(row, 0, row_size);
	return row;
}

__attribute__((format(printf, 5, 6))) static int failed(const struct ephemeris_writer *writer,
        struct fault *fault, int err, const char *field, const char *fmt, ...)
{
	char text[200];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	return fault_set(fault, err, field, "%.100s: %s", writer->path, text);
}

static int no_memory(const struct ephemeris_writer *writer, struct fault *fault)
{
	return failed(writer, fault, -ENOMEM, "", "out of memory");
}

static int add_string(struct ephemeris_writer *writer, const char *text, uint32_t *ret_offset,
        struct fault *fault)
{
	int err = string_pool_add(&writer->strings, text, EPHEMERIS_STRINGS_MAX, ret_offset);

	return err == 0 ? 0 : failed(writer, fault, err, "", "names: %s", strerror(-err));
}

// A file of its own beside the one that it will be.
static int open_scratch(struct ephemeris_writer *writer, struct fault *fault)
{
	struct stat st;
	int fd, err;

	if (stat(writer->path, &st) == 0 && !S_ISREG(st.st_mode))
		return failed(writer, fault, -EINVAL, "", "is there and not a regular file");
	if (lstat(writer->path, &st) == 0 && S_ISLNK(st.st_mode)) // after all that were followed
		return failed(writer, fault, -ELOOP, "", "%s", strerror(ELOOP));
	fd = open(writer->scratch_path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	if (fd < 0) {
		err = -errno;
		return failed(writer, fault, err, "", "cannot write beside it: %s", strerror(-err));
	}
	writer->file = fdopen(fd, "w+");
	if (writer->file == NULL) {
		err = -errno;
		close(fd);
		unlink(writer->scratch_path);
		return failed(writer, fault, err, "", "%s", strerror(-err));
	}
	setvbuf(writer->file, NULL, _IOFBF, BUFFER_SIZE); // without it, it is slower
	return 0;
}

static int write_bytes(
        struct ephemeris_writer *writer, const void *data, size_t size, struct fault *fault)
{
	int err;

	if (size == 0 || fwrite(data, size, 1, writer->file) == 1)
		return 0;
	err = errno != 0 ? -errno : -EIO;
	return failed(writer, fault, err, "", "write: %s", strerror(-err));
}

static int start(
        struct ephemeris_writer *writer, const struct ephemeris_info *info, struct fault *fault)
{
	struct ephemeris_header *h = &writer->header;
	int err = node_name_check(info->name, fault);

	if (err != 0)
		return err;
	if (info->epoch_ns < 0 || info->duration_ns > EPHEMERIS_TIME_MAX_NS)
		return failed(writer, fault, -ERANGE, "duration",
		        "the times are not in the range of an ephemeris");
	memcpy(h->magic, EPHEMERIS_MAGIC, sizeof(h->magic));
	h->version = EPHEMERIS_VERSION;
	h->byte_order = EPHEMERIS_BYTE_ORDER;
	h->header_size = sizeof(*h);
	h->epoch_ns = info->epoch_ns;
	h->duration_ns = info->duration_ns;
	h->step_ns = info->step_ns;
	h->tolerance_ns = info->tolerance_ns;
	h->seed = info->seed;
	err = add_string(writer, info->name, &h->name, fault);
	if (err == 0)
		err = add_string(writer, info->producer, &h->producer, fault);
	if (err == 0)
		err = open_scratch(writer, fault);
	// the place of the header, which is written last
	if (err == 0)
		err = write_bytes(writer, h, sizeof(*h), fault);
	return err;
}

// Where a link that leads to no file yet leads to; NULL if `path` is no such link, or no memory.
static char *follow_link(const char *path)
{
	const char *slash = strrchr(path, '/');
	char target[PATH_MAX], *whole;
	ssize_t len = readlink(path, target, sizeof(target) - 1);

	if (len < 0)
		return NULL;
	target[len] = '\0';
	if (target[0] == '/' || slash == NULL)
		return strdup(target);
	return asprintf(&whole, "%.*s/%s", (int)(slash - path), path, target) >= 0 ? whole : NULL;
}

// The file that is written: links stay, and lead to it. NULL: out of memory.
static char *resolve(const char *path)
{
	char *at = realpath(path, NULL);
	struct stat st;

	if (at != NULL && stat(at, &st) == 0 && S_ISREG(st.st_mode))
		return at;
	free(at);
	at = strdup(path);
	for (int i = 0; i < LINKS_MAX && at != NULL && stat(at, &st) != 0; i++) {
		char *next = follow_link(at);

		if (next == NULL)
			break;
		free(at);
		at = next;
	}
	return at;
}

int ephemeris_writer_create(const char *path, const struct ephemeris_info *info,
        struct ephemeris_writer **ret, struct fault *fault)
{
	struct ephemeris_writer *writer = calloc(1, sizeof(*writer));
	int err;

	if (writer == NULL)
		return fault_set(fault, -ENOMEM, "", "%s: out of memory", path);
	writer->path = resolve(path);
	if (writer->path == NULL ||
	        asprintf(&writer->scratch_path, "%s.tmp-%d", writer->path, (int)getpid()) < 0)
		writer->scratch_path = NULL;
	if (writer->path != NULL && writer->scratch_path != NULL)
		err = start(writer, info, fault);
	else
		err = fault_set(fault, -ENOMEM, "", "%s: out of memory", path);
	if (err != 0) {
		ephemeris_writer_destroy(writer);
		return err;
	}
	*ret = writer;
	return 0;
}

void ephemeris_writer_destroy(struct ephemeris_writer *writer)
{
	if (writer == NULL)
		return;
	if (writer->file != NULL) {
		fclose(writer->file);
		if (writer->scratch_path != NULL && writer->scratch_path[0] != '\0')
			unlink(writer->scratch_path);
	}
	free(writer->path);
	free(writer->scratch_path);
	free(writer->epochs.rows);
	free(writer->nodes.rows);
	free(writer->ifaces.rows);
	free(writer->routes.rows);
	free(writer->key.rows);
	string_pool_fini(&writer->strings);
	ephemeris_links_fini(&writer->links);
	free(writer);
}

int ephemeris_writer_node(struct ephemeris_writer *writer, const char *name,
        enum ephemeris_kind kind, const uint8_t *address, uint32_t *ret_node, struct fault *fault)
{
	struct ephemeris_node *node;
	uint32_t offset;
	int err = node_name_check(name, fault);

	if (err == 0)
		err = add_string(writer, name, &offset, fault);
	if (err != 0)
		return err;
	if (writer->nodes.n >= EPHEMERIS_NODES_MAX)
		return failed(
		        writer, fault, -ENOSPC, "", "more than %u nodes", EPHEMERIS_NODES_MAX);
	node = table_add(&writer->nodes, sizeof(*node));
	if (node == NULL)
		return no_memory(writer, fault);
	node->name = offset;
	node->kind = kind;
	if (address != NULL)
		memcpy(node->address, address, sizeof(node->address));
	*ret_node = (uint32_t)writer->nodes.n - 1;
	return 0;
}

int ephemeris_writer_iface(struct ephemeris_writer *writer, uint32_t node, const char *name,
        uint32_t *ret_iface, struct fault *fault)
{
	uint32_t n = (uint32_t)writer->ifaces.n, offset;
	struct ephemeris_iface *iface;
	int err = iface_name_check(name, fault);

	if (err == 0)
		err = add_string(writer, name, &offset, fault);
	if (err != 0)
		return err;
	if (node >= writer->nodes.n)
		return failed(writer, fault, -EINVAL, "node", "interface '%s': there is no node %u",
		        name, node);
	if (n >= EPHEMERIS_IFACES_MAX)
		return failed(writer, fault, -ENOSPC, "", "more than %u interfaces",
		        EPHEMERIS_IFACES_MAX);
	iface = table_add(&writer->ifaces, sizeof(*iface));
	// in steps: a state of a few more costs nothing
	if (iface == NULL || (n >= writer->links.n_ifaces &&
	                             ephemeris_links_grow(&writer->links, n * 2 + 64) != 0))
		return no_memory(writer, fault);
	*iface = (struct ephemeris_iface){node, offset};
	*ret_iface = n;
	return 0;
}

int ephemeris_writer_route(struct ephemeris_writer *writer, const uint8_t prefix[16],
        unsigned prefix_len, uint32_t node, struct fault *fault)
{
	struct ephemeris_route *route;

	if (node >= writer->nodes.n || prefix_len > 128)
		return failed(writer, fault, -EINVAL, "route",
		        "route: there is no node %u or no /%u", node, prefix_len);
	if (writer->routes.n >= EPHEMERIS_ROUTES_MAX)
		return failed(
		        writer, fault, -ENOSPC, "", "more than %u routes", EPHEMERIS_ROUTES_MAX);
	route = table_add(&writer->routes, sizeof(*route));
	if (route == NULL)
		return no_memory(writer, fault);
	memcpy(route->prefix, prefix, sizeof(route->prefix));
	for (unsigned bit = prefix_len; bit < 128; bit++)
		route->prefix[bit / 8] &= (uint8_t) ~(0x80u >> bit % 8);
	route->prefix_len = prefix_len;
	route->node = node;
	return 0;
}

static int compare_from(const void *a, const void *b)
{
	const struct orrery_record *x = a, *y = b;

	return x->from < y->from ? -1 : x->from > y->from;
}

// As the reader: see docs/ephemeris.md, "Records".
static int check_change(const struct ephemeris_writer *writer, const struct orrery_record *record,
        const struct orrery_record *before, struct fault *fault)
{
	const struct orrery_record *link;
	struct fault why = {0};

	if (ephemeris_record_check(record, (uint32_t)writer->ifaces.n, &why) != 0)
		return failed(writer, fault, why.code, why.field, "record of interface %u: %s: %s",
		        record->from, why.field, why.message);
	link = &writer->links.records[record->from];
	if (before != NULL && before->from == record->from)
		return failed(writer, fault, -EINVAL, "from",
		        "two records of interface %u in one epoch", record->from);
	if ((record->set & ORRERY_SET_TO) == 0 && link->set == 0)
		return failed(writer, fault, -EINVAL, "set",
		        "record of interface %u, which is not plugged", record->from);
	if ((record->set & ORRERY_SET_TO) != 0 && record->to != ORRERY_IFACE_NONE &&
	        record->to != link->to && record->set != ORRERY_SET_ALL)
		return failed(writer, fault, -EINVAL, "set",
		        "the record that plugs interface %u does not set everything", record->from);
	return 0;
}

static int write_records(struct ephemeris_writer *writer, uint64_t t_ns, unsigned flags,
        const struct orrery_record *records, uint32_t n_records, struct fault *fault)
{
	struct ephemeris_section *section = &writer->header.sections[EPHEMERIS_RECORDS];
	size_t size = n_records * sizeof(*records);
	struct ephemeris_epoch *epoch;
	int err;

	if (writer->epochs.n >= EPHEMERIS_EPOCHS_MAX)
		return failed(
		        writer, fault, -ENOSPC, "", "more than %u epochs", EPHEMERIS_EPOCHS_MAX);
	epoch = table_add(&writer->epochs, sizeof(*epoch));
	if (epoch == NULL)
		return no_memory(writer, fault);
	*epoch = (struct ephemeris_epoch){t_ns, section->n, n_records, flags};
	err = write_bytes(writer, records, size, fault);
	section->crc = crc32c(section->crc, records, size);
	section->n += n_records;
	return err;
}

// The records that say where all links are.
static int make_key(struct ephemeris_writer *writer, uint64_t t_ns, struct fault *fault)
{
	writer->key.n = 0;
	for (uint32_t i = 0; i < writer->ifaces.n; i++) {
		struct orrery_record *record;

		if (writer->links.records[i].set == 0)
			continue;
		record = table_add(&writer->key, sizeof(*record));
		if (record == NULL)
			return no_memory(writer, fault);
		ephemeris_links_record(&writer->links, i, t_ns, record);
	}
	return 0;
}

static int write_key(struct ephemeris_writer *writer, uint64_t t_ns, struct fault *fault)
{
	int err = make_key(writer, t_ns, fault);

	if (err == 0)
		err = write_records(writer, t_ns, EPHEMERIS_KEY, writer->key.rows,
		        (uint32_t)writer->key.n, fault);
	writer->n_since_key = 0;
	writer->started = true;
	return err;
}

// What the epoch says, checked and added to the state.
static int take_records(struct ephemeris_writer *writer, uint64_t t_ns,
        struct orrery_record *records, uint32_t n_records, struct fault *fault)
{
	qsort(records, n_records, sizeof(*records), compare_from);
	for (uint32_t i = 0; i < n_records; i++) {
		int err = check_change(writer, &records[i], i > 0 ? &records[i - 1] : NULL, fault);

		if (err != 0)
			return err;
		ephemeris_links_apply(&writer->links, t_ns, &records[i]);
	}
	return 0;
}

int ephemeris_writer_epoch(struct ephemeris_writer *writer, uint64_t t_ns,
        struct orrery_record *records, uint32_t n_records, struct fault *fault)
{
	int err = 0;

	if (n_records == 0)
		return 0;
	if (t_ns > writer->header.duration_ns || (writer->started && t_ns <= writer->t_ns))
		return failed(writer, fault, -EINVAL, "t_ns",
		        "epoch at %llu ns, expected behind %llu and up to %llu",
		        (unsigned long long)t_ns, (unsigned long long)writer->t_ns,
		        (unsigned long long)writer->header.duration_ns);
	if (!writer->started && t_ns > 0) // nothing is plugged at time 0
		err = write_key(writer, 0, fault);
	if (err == 0)
		err = take_records(writer, t_ns, records, n_records, fault);
	writer->t_ns = t_ns;
	if (err != 0 || !writer->started)
		return err != 0 ? err : write_key(writer, 0, fault);
	err = write_records(writer, t_ns, 0, records, n_records, fault);
	writer->n_since_key += n_records;
	if (err == 0 && writer->links.n_plugged > 0 &&
	        writer->n_since_key / EPHEMERIS_KEY_DISTANCE >= writer->links.n_plugged)
		err = write_key(writer, t_ns, fault);
	return err;
}

// One section behind the one before it, at the alignment.
static int write_section(struct ephemeris_writer *writer, enum ephemeris_section_id id,
        const void *rows, uint64_t n, uint32_t entry_size, struct fault *fault)
{
	static const char zeros[EPHEMERIS_ALIGN];
	const struct ephemeris_section *before = &writer->header.sections[id] - 1;
	struct ephemeris_section *section = &writer->header.sections[id];
	uint64_t end = before->offset + before->size;
	uint64_t gap = (EPHEMERIS_ALIGN - end % EPHEMERIS_ALIGN) % EPHEMERIS_ALIGN;
	int err = write_bytes(writer, zeros, gap, fault);

	*section = (struct ephemeris_section){.offset = end + gap,
	        .size = n * entry_size,
	        .n = n,
	        .entry_size = entry_size,
	        .crc = crc32c(0, rows, n * entry_size)};
	writer->header.file_size = section->offset + section->size;
	return err == 0 ? write_bytes(writer, rows, section->size, fault) : err;
}

static int write_tables(struct ephemeris_writer *writer, struct fault *fault)
{
	struct ephemeris_section *records = &writer->header.sections[EPHEMERIS_RECORDS];
	int err;

	records->offset = sizeof(writer->header);
	records->entry_size = sizeof(struct orrery_record);
	records->size = records->n * sizeof(struct orrery_record);
	err = write_section(writer, EPHEMERIS_EPOCHS, writer->epochs.rows, writer->epochs.n,
	        sizeof(struct ephemeris_epoch), fault);
	if (err == 0)
		err = write_section(writer, EPHEMERIS_NODES, writer->nodes.rows, writer->nodes.n,
		        sizeof(struct ephemeris_node), fault);
	if (err == 0)
		err = write_section(writer, EPHEMERIS_IFACES, writer->ifaces.rows, writer->ifaces.n,
		        sizeof(struct ephemeris_iface), fault);
	if (err == 0)
		err = write_section(writer, EPHEMERIS_ROUTES, writer->routes.rows, writer->routes.n,
		        sizeof(struct ephemeris_route), fault);
	if (err == 0)
		err = write_section(writer, EPHEMERIS_STRINGS, writer->strings.data,
		        writer->strings.size, 1, fault);
	return err;
}

static int write_header(struct ephemeris_writer *writer, struct fault *fault)
{
	struct ephemeris_header *h = &writer->header;
	int err;

	h->crc = crc32c(0, h, offsetof(struct ephemeris_header, crc));
	if (fseek(writer->file, 0, SEEK_SET) != 0) {
		err = -errno;
		return failed(writer, fault, err, "", "write: %s", strerror(-err));
	}
	err = write_bytes(writer, h, sizeof(*h), fault);
	if (err == 0 && (fflush(writer->file) != 0 || fsync(fileno(writer->file)) != 0)) {
		err = -errno;
		return failed(writer, fault, err, "", "write: %s", strerror(-err));
	}
	return err;
}

// Reads back what was written: the last line of defence against a file that nobody can open.
static int check_written(struct ephemeris_writer *writer, struct fault *fault)
{
	struct ephemeris *e;
	int err = ephemeris_open_fd(fileno(writer->file), writer->path, 0, &e, fault);

	if (err == 0)
		ephemeris_close(e);
	return err;
}

int ephemeris_writer_finish(struct ephemeris_writer *writer, struct fault *fault)
{
	int err = writer->started ? 0 : write_key(writer, 0, fault);

	if (err == 0)
		err = write_tables(writer, fault);
	if (err == 0)
		err = write_header(writer, fault);
	if (err == 0)
		err = check_written(writer, fault);
	if (err == 0 && rename(writer->scratch_path, writer->path) != 0) {
		err = -errno;
		return failed(writer, fault, err, "", "rename: %s", strerror(-err));
	}
	if (err == 0)
		writer->scratch_path[0] = '\0';
	return err;
}
