/* SPDX-License-Identifier: BSD-3-Clause */
// The ephemeris file: what is written is read, seeking and playing agree, and a file with any one
// thing wrong is refused with its place.
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "crc32c.h"
#include "ephemeris.h"
#include "ephemeris_writer.h"
#include "rng.h"

#define S_NS 1000000000ull
#define N_NODES 8
#define N_IFACES (N_NODES * 2)

static const struct ephemeris_info info = {.name = "ring",
        .producer = "test",
        .epoch_ns = 1767225600000000000,
        .duration_ns = 100 * S_NS,
        .step_ns = S_NS,
        .tolerance_ns = 250,
        .seed = 7};

struct fixture {
	char folder[32];
	char path[64];
	unsigned char *data; // the file
	size_t size;
};

static struct orrery_record plug(uint32_t from, uint32_t to, uint32_t delay_ns, int32_t slope)
{
	return (struct orrery_record){.from = from,
	        .to = to,
	        .set = ORRERY_SET_ALL,
	        .flags = ORRERY_LINK_UP,
	        .delay_ns = delay_ns,
	        .slope_ns_s = slope};
}

static struct orrery_record unplug(uint32_t from)
{
	return (struct orrery_record){.from = from, .to = ORRERY_IFACE_NONE, .set = ORRERY_SET_TO};
}

static void add_tables(struct ephemeris_writer *writer)
{
	struct fault fault = {0};

	for (uint32_t i = 0; i < N_NODES; i++) {
		uint8_t address[16] = {0xfd, [15] = (uint8_t)i};
		char name[16];
		uint32_t node, iface;

		snprintf(name, sizeof(name), "node-%u", i);
		assert_int_equal(ephemeris_writer_node(
		                         writer, name, EPHEMERIS_ROUTER, address, &node, &fault),
		        0);
		assert_int_equal(node, i);
		assert_int_equal(ephemeris_writer_iface(writer, node, "east", &iface, &fault), 0);
		assert_int_equal(iface, 2 * i);
		assert_int_equal(ephemeris_writer_iface(writer, node, "west", &iface, &fault), 0);
		assert_int_equal(ephemeris_writer_route(writer, address, 120 - i, node, &fault), 0);
	}
}

// A ring whose links come, move and go at random.
static void add_epochs(struct ephemeris_writer *writer)
{
	struct orrery_record records[N_IFACES];
	struct fault fault = {0};
	struct rng rng;
	uint32_t n = 0;

	rng_seed(&rng, 1, 0);
	for (uint32_t i = 0; i < N_NODES; i++)
		records[n++] = plug(2 * i, (2 * i + 3) % N_IFACES, 1000 * i, (int32_t)i);
	assert_int_equal(ephemeris_writer_epoch(writer, 0, records, n, &fault), 0);
	for (uint64_t t = 1; t < 100; t++) {
		uint32_t from = (uint32_t)(rng_next(&rng) % N_NODES) * 2;
		uint32_t to = (from + 3) % N_IFACES;
		bool cut = rng_next(&rng) % 4 == 0;

		records[0] = cut ? unplug(from) : plug(from, to, (uint32_t)t * 100, -3);
		records[1] = plug(from + 1, (from + 4) % N_IFACES, (uint32_t)t, 1);
		assert_int_equal(
		        ephemeris_writer_epoch(writer, t * S_NS + t, records, 2, &fault), 0);
	}
}

static void write_file(const char *path)
{
	struct ephemeris_writer *writer;
	struct fault fault = {0};

	if (ephemeris_writer_create(path, &info, &writer, &fault) != 0)
		fail_msg("%s", fault.message);
	add_tables(writer);
	add_epochs(writer);
	if (ephemeris_writer_finish(writer, &fault) != 0)
		fail_msg("%s", fault.message);
	ephemeris_writer_destroy(writer);
}

static unsigned char *read_file(const char *path, size_t *ret_size)
{
	FILE *file = fopen(path, "r");
	struct stat st;
	unsigned char *data;

	assert_non_null(file);
	assert_int_equal(fstat(fileno(file), &st), 0);
	data = malloc((size_t)st.st_size);
	assert_non_null(data);
	assert_int_equal(fread(data, 1, (size_t)st.st_size, file), st.st_size);
	fclose(file);
	*ret_size = (size_t)st.st_size;
	return data;
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	strcpy(f->folder, "/tmp/orrery-test-XXXXXX");
	if (mkdtemp(f->folder) == NULL)
		return -1;
	snprintf(f->path, sizeof(f->path), "%s/ring.eph", f->folder);
	write_file(f->path);
	f->data = read_file(f->path, &f->size);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	unlink(f->path);
	if (rmdir(f->folder) != 0) // a scratch file was left
		return -1;
	free(f->data);
	free(f);
	return 0;
}

static void test_checksum(void **state)
{
	assert_int_equal(crc32c(0, "123456789", 9), 0xe3069283u); // the catalogue's check value
	assert_int_equal(crc32c(crc32c(0, "1234", 4), "56789", 5), 0xe3069283u);
	assert_int_equal(crc32c(0, "", 0), 0);
}

static void test_tables(void **state)
{
	const struct fixture *f = *state;
	const uint8_t prefix[16] = {0xfd};
	struct fault fault = {0};
	struct ephemeris *e;

	assert_int_equal(ephemeris_open(f->path, EPHEMERIS_COPY, &e, &fault), 0);
	assert_string_equal(ephemeris_string(e, e->header->name), "ring");
	assert_int_equal(e->header->seed, 7);
	assert_int_equal(e->header->tolerance_ns, 250);
	assert_int_equal(e->n_nodes, N_NODES);
	assert_int_equal(e->n_ifaces, N_IFACES);
	assert_string_equal(ephemeris_node_name(e, 3), "node-3");
	assert_int_equal(e->nodes[3].kind, EPHEMERIS_ROUTER);
	assert_int_equal(e->nodes[3].address[15], 3);
	assert_string_equal(ephemeris_iface_name(e, 7), "west");
	assert_int_equal(e->ifaces[7].node, 3);
	assert_int_equal(e->n_routes, N_NODES);
	assert_int_equal(e->routes[2].prefix_len, 118);
	assert_memory_equal(e->routes[2].prefix, prefix, 16); // bits behind the length are gone
	ephemeris_close(e);
}

static void assert_same_links(const struct ephemeris_links *a, const struct ephemeris_links *b,
        uint32_t n_ifaces, uint64_t t_ns)
{
	assert_int_equal(a->n_plugged, b->n_plugged);
	for (uint32_t i = 0; i < n_ifaces; i++) {
		struct orrery_record x, y;

		ephemeris_links_record(a, i, t_ns, &x);
		ephemeris_links_record(b, i, t_ns, &y);
		assert_in_range(x.delay_ns + 1 - y.delay_ns, 0, 2); // a key rounds once more
		x.delay_ns = y.delay_ns = 0;
		assert_memory_equal(&x, &y, sizeof(x));
	}
}

static void test_seek_is_play(void **state)
{
	const struct fixture *f = *state;
	struct ephemeris_links played, sought;
	struct fault fault = {0};
	struct ephemeris *e;
	uint32_t next = 1, n_keys = 0;

	assert_int_equal(ephemeris_open(f->path, 0, &e, &fault), 0);
	assert_int_equal(ephemeris_links_init(&played, e->n_ifaces), 0);
	assert_int_equal(ephemeris_links_init(&sought, e->n_ifaces), 0);
	ephemeris_links_apply_epoch(&played, e, &e->epochs[0]);
	for (uint64_t t_ns = 0; t_ns <= info.duration_ns; t_ns += S_NS / 3) {
		for (; next < e->n_epochs && e->epochs[next].t_ns <= t_ns; next++) {
			bool key = (e->epochs[next].flags & EPHEMERIS_KEY) != 0;

			n_keys += key;
			if (!key)
				ephemeris_links_apply_epoch(&played, e, &e->epochs[next]);
		}
		assert_int_equal(ephemeris_links_seek(&sought, e, t_ns), next);
		assert_same_links(&played, &sought, e->n_ifaces, t_ns);
	}
	assert_int_equal(next, e->n_epochs);
	assert_in_range(n_keys, 5, 30); // 198 records, 7 to 16 plugged
	ephemeris_links_fini(&played);
	ephemeris_links_fini(&sought);
	ephemeris_close(e);
}

static void test_find(void **state)
{
	const struct fixture *f = *state;
	struct fault fault = {0};
	struct ephemeris *e;

	assert_int_equal(ephemeris_open_memory(f->data, f->size, "memory", &e, &fault), 0);
	assert_int_equal(ephemeris_epoch_after(e, 0), 1);
	assert_int_equal(ephemeris_epoch_after(e, S_NS), 1);
	assert_int_equal(ephemeris_epoch_after(e, S_NS + 1), 2); // that is its time
	assert_int_equal(ephemeris_epoch_after(e, UINT64_MAX), e->n_epochs);
	assert_int_equal(ephemeris_key_at(e, 0), 0);
	assert_int_equal(ephemeris_key_at(e, 3 * S_NS), 0);
	assert_true(ephemeris_key_at(e, UINT64_MAX) > 10);
	ephemeris_close(e);
}

static void test_partial_records(void **state)
{
	struct ephemeris_links links;
	struct orrery_record record = plug(1, 0, 1000, 10), got;

	assert_int_equal(ephemeris_links_init(&links, 2), 0);
	record.loss = 99;
	ephemeris_links_apply(&links, S_NS, &record);
	assert_int_equal(links.n_plugged, 1);
	assert_true(ephemeris_links_delay_ns(&links, 1, 3 * S_NS) == 1020);
	// a slope alone turns where the delay is
	record = (struct orrery_record){.from = 1, .set = ORRERY_SET_SLOPE, .slope_ns_s = -1};
	ephemeris_links_apply(&links, 3 * S_NS, &record);
	assert_true(ephemeris_links_delay_ns(&links, 1, 5 * S_NS) == 1018);
	// down; loss and delay stay
	record = (struct orrery_record){.from = 1, .set = ORRERY_SET_UP};
	ephemeris_links_apply(&links, 4 * S_NS, &record);
	ephemeris_links_record(&links, 1, 5 * S_NS, &got);
	assert_int_equal(got.flags, 0);
	assert_int_equal(got.loss, 99);
	assert_int_equal(got.delay_ns, 1018);
	// a delay alone stands still; far below zero it is zero
	record = (struct orrery_record){.from = 1, .set = ORRERY_SET_DELAY, .delay_ns = 5};
	ephemeris_links_apply(&links, 5 * S_NS, &record);
	ephemeris_links_record(&links, 1, 90 * S_NS, &got);
	assert_int_equal(got.delay_ns, 5);
	assert_int_equal(got.slope_ns_s, 0);
	record = (struct orrery_record){.from = 1, .to = ORRERY_IFACE_NONE, .set = ORRERY_SET_TO};
	ephemeris_links_apply(&links, 6 * S_NS, &record);
	ephemeris_links_record(&links, 1, 6 * S_NS, &got);
	assert_memory_equal(&got, &record, sizeof(got));
	assert_int_equal(links.n_plugged, 0);
	ephemeris_links_fini(&links);
}

static void test_same_bytes(void **state)
{
	struct fixture *f = *state;
	size_t size;
	unsigned char *again;

	write_file(f->path); // over the old one
	again = read_file(f->path, &size);
	assert_int_equal(size, f->size);
	assert_memory_equal(again, f->data, size);
	free(again);
}

static void test_writer_refuses(void **state)
{
	struct fixture *f = *state;
	struct orrery_record records[2];
	struct ephemeris_writer *writer;
	struct fault fault = {0};
	char path[80];

	snprintf(path, sizeof(path), "%s/bad.eph", f->folder);
	assert_int_equal(ephemeris_writer_create(f->folder, &info, &writer, &fault), -EINVAL);
	assert_int_equal(ephemeris_writer_create(path, &info, &writer, &fault), 0);
	add_tables(writer);
	records[0] = (struct orrery_record){.from = 0, .set = ORRERY_SET_DELAY};
	assert_int_equal(ephemeris_writer_epoch(writer, 0, records, 1, &fault), -EINVAL);
	assert_non_null(strstr(fault.message, "not plugged"));
	records[0] = plug(0, N_IFACES, 0, 0);
	assert_int_equal(ephemeris_writer_epoch(writer, 0, records, 1, &fault), -EINVAL);
	records[0] = plug(0, 3, 0, 0);
	records[0].set &= ~(uint32_t)ORRERY_SET_LOSS;
	assert_int_equal(ephemeris_writer_epoch(writer, 0, records, 1, &fault), -EINVAL);
	records[0] = records[1] = plug(0, 3, 0, 0);
	assert_int_equal(ephemeris_writer_epoch(writer, 5, records, 2, &fault), -EINVAL);
	ephemeris_writer_destroy(writer);
	assert_int_equal(access(path, F_OK), -1);
	// two nodes of one name
	assert_int_equal(ephemeris_writer_create(path, &info, &writer, &fault), 0);
	add_tables(writer);
	assert_int_equal(ephemeris_writer_node(
	                         writer, "node-1", EPHEMERIS_POD, NULL, &records[0].from, &fault),
	        0);
	assert_int_equal(ephemeris_writer_finish(writer, &fault), -EBADMSG);
	assert_non_null(strstr(fault.message, "the same"));
	ephemeris_writer_destroy(writer);
	assert_int_equal(access(path, F_OK), -1);
}

static void test_empty(void **state)
{
	struct fixture *f = *state;
	struct ephemeris_writer *writer;
	struct fault fault = {0};
	struct ephemeris *e;

	assert_int_equal(ephemeris_writer_create(f->path, &info, &writer, &fault), 0);
	assert_int_equal(ephemeris_writer_finish(writer, &fault), 0);
	ephemeris_writer_destroy(writer);
	assert_int_equal(ephemeris_open(f->path, 0, &e, &fault), 0);
	assert_int_equal(e->n_epochs, 1);
	assert_int_equal(e->n_records, 0);
	ephemeris_close(e);
}

// Files with something wrong.

static struct ephemeris_header *header_of(unsigned char *data)
{
	return (struct ephemeris_header *)data;
}

static void sum(unsigned char *data)
{
	struct ephemeris_header *h = header_of(data);

	for (int i = 0; i < EPHEMERIS_N_SECTIONS; i++) {
		struct ephemeris_section *s = &h->sections[i];

		s->crc = crc32c(0, data + s->offset, s->size);
	}
	h->crc = crc32c(0, h, offsetof(struct ephemeris_header, crc));
}

static void *section_of(unsigned char *data, enum ephemeris_section_id id)
{
	return data + header_of(data)->sections[id].offset;
}

static void set_version(unsigned char *data)
{
	header_of(data)->version = 2;
}

static void set_byte_order(unsigned char *data)
{
	header_of(data)->byte_order = 0x04030201;
}

static void set_reserved(unsigned char *data)
{
	header_of(data)->reserved1[3] = 1;
}

static void set_offset_far(unsigned char *data)
{
	header_of(data)->sections[EPHEMERIS_NODES].offset = UINT64_MAX - 63;
}

static void set_count_huge(unsigned char *data)
{
	header_of(data)->sections[EPHEMERIS_RECORDS].n = UINT64_MAX / 64;
	header_of(data)->sections[EPHEMERIS_RECORDS].size = UINT64_MAX / 64 * 64;
}

static void set_count_wraps(unsigned char *data)
{
	header_of(data)->sections[EPHEMERIS_IFACES].n = (1ull << 61) + N_IFACES;
}

static void set_entry_size(unsigned char *data)
{
	header_of(data)->sections[EPHEMERIS_EPOCHS].entry_size = 32;
}

static void set_name_out(unsigned char *data)
{
	header_of(data)->name = 1u << 30;
}

static void set_node_name_out(unsigned char *data)
{
	((struct ephemeris_node *)section_of(data, EPHEMERIS_NODES))[2].name = 1000000;
}

static void set_node_name_same(unsigned char *data)
{
	struct ephemeris_node *nodes = section_of(data, EPHEMERIS_NODES);

	nodes[2].name = nodes[5].name;
}

static void set_node_kind(unsigned char *data)
{
	((struct ephemeris_node *)section_of(data, EPHEMERIS_NODES))[2].kind = 9;
}

static void set_strings_open(unsigned char *data)
{
	char *strings = section_of(data, EPHEMERIS_STRINGS);

	strings[header_of(data)->sections[EPHEMERIS_STRINGS].n - 1] = 'x';
}

static void set_name_character(unsigned char *data)
{
	struct ephemeris_node *nodes = section_of(data, EPHEMERIS_NODES);
	char *strings = section_of(data, EPHEMERIS_STRINGS);

	strings[nodes[2].name] = '/';
}

static void set_producer_escape(unsigned char *data)
{
	char *strings = section_of(data, EPHEMERIS_STRINGS);

	strings[header_of(data)->producer] = 27;
}

static void set_iface_node(unsigned char *data)
{
	((struct ephemeris_iface *)section_of(data, EPHEMERIS_IFACES))[7].node = N_NODES;
}

static void set_iface_same(unsigned char *data)
{
	struct ephemeris_iface *ifaces = section_of(data, EPHEMERIS_IFACES);

	ifaces[7] = ifaces[6];
}

static void set_route_len(unsigned char *data)
{
	((struct ephemeris_route *)section_of(data, EPHEMERIS_ROUTES))[1].prefix_len = 129;
}

static void set_route_bits(unsigned char *data)
{
	((struct ephemeris_route *)section_of(data, EPHEMERIS_ROUTES))[1].prefix[15] = 1;
}

static struct ephemeris_epoch *epochs_of(unsigned char *data)
{
	return section_of(data, EPHEMERIS_EPOCHS);
}

static void set_first_no_key(unsigned char *data)
{
	epochs_of(data)[0].flags = 0;
}

static void set_unsorted(unsigned char *data)
{
	epochs_of(data)[2].t_ns = epochs_of(data)[1].t_ns;
}

static void set_too_late(unsigned char *data)
{
	header_of(data)->duration_ns = 50 * S_NS;
}

static void set_epoch_records(unsigned char *data)
{
	epochs_of(data)[1].first++;
}

static void set_epoch_count(unsigned char *data)
{
	epochs_of(data)[1].n = UINT32_MAX;
}

static void set_epoch_flags(unsigned char *data)
{
	epochs_of(data)[1].flags = 2;
}

static struct orrery_record *change_of(unsigned char *data)
{
	struct orrery_record *records = section_of(data, EPHEMERIS_RECORDS);

	return &records[epochs_of(data)[1].first];
}

static void set_record_from(unsigned char *data)
{
	change_of(data)[1].from = N_IFACES;
}

static void set_record_to(unsigned char *data)
{
	change_of(data)[1].to = 0x80000000u;
}

static void set_record_self(unsigned char *data)
{
	change_of(data)[1].to = change_of(data)[1].from;
}

static void set_record_set(unsigned char *data)
{
	change_of(data)[1].set = 1u << 11;
}

static void set_record_flags(unsigned char *data)
{
	change_of(data)[1].flags = 4;
}

static void set_record_reserved(unsigned char *data)
{
	change_of(data)[1].reserved = 1;
}

static void set_record_delay(unsigned char *data)
{
	change_of(data)[1].delay_ns = EPHEMERIS_DELAY_MAX_NS + 1;
}

static void set_record_order(unsigned char *data)
{
	struct orrery_record *records = change_of(data), first = records[0];

	records[0] = records[1];
	records[1] = first;
}

static void set_record_unplugged(unsigned char *data)
{
	change_of(data)[1].set = ORRERY_SET_DELAY; // of an odd interface: not plugged yet
}

static void set_record_loss(unsigned char *data)
{
	change_of(data)[1].good_us = 1;
}

// The first key behind the start.
static struct ephemeris_epoch *key_of(unsigned char *data)
{
	struct ephemeris_epoch *epoch = epochs_of(data) + 1;

	while ((epoch->flags & EPHEMERIS_KEY) == 0)
		epoch++;
	return epoch;
}

static void set_key_contradicts(unsigned char *data)
{
	struct orrery_record *records = section_of(data, EPHEMERIS_RECORDS);

	records[key_of(data)->first].to ^= 4;
}

static void set_key_partial(unsigned char *data)
{
	struct orrery_record *records = section_of(data, EPHEMERIS_RECORDS);

	records[key_of(data)->first].set ^= ORRERY_SET_MTU;
}

static void set_key_is_none(unsigned char *data)
{
	epochs_of(data)[1].flags = EPHEMERIS_KEY;
}

static const struct bad_file {
	void (*spoil)(unsigned char *data);
	const char *says;
} bad_files[] = {
        {set_version, "offset 8: version: 2; expected 1"},
        {set_byte_order, "offset 12: byte_order: 0x04030201; expected 0x01020304"},
        {set_reserved, "reserved1: expected zero"},
        {set_offset_far, "nodes: offset 18446744073709551552; expected"},
        {set_count_huge, "records: size"},
        {set_count_wraps, "interfaces: 2305843009213693968 entries; expected at most"},
        {set_entry_size, "epochs: entry_size 32; expected 24"},
        {set_name_out, "name: string at 1073741824; expected less than"},
        {set_node_name_out, "nodes[2]: string at 1000000; expected"},
        {set_node_name_same, "nodes: entries"},
        {set_node_kind, "nodes[2]: kind 9; expected less than 3"},
        {set_strings_open, "strings: expected a terminating 0"},
        {set_name_character, "nodes[2]: node '/ode-2': expected a letter"},
        {set_producer_escape, "producer: byte 0x1b; expected printable"},
        {set_iface_node, "interfaces[7]: node 8; expected less than 8"},
        {set_iface_same, "interfaces: entries"},
        {set_route_len, "routes[1]: prefix_len 129; expected at most 128"},
        {set_route_bits, "routes[1]: bit 127 of the prefix"},
        {set_first_no_key, "epochs[0]: expected a key epoch at time 0"},
        {set_unsorted, "epochs[2]: t_ns 1000000001; expected later"},
        {set_too_late, "t_ns 50000000050; expected at most the duration"},
        {set_epoch_records, "epochs[1]: 2 records from 9; expected from 8"},
        {set_epoch_count, "epochs[1]: 4294967295 records from 8"},
        {set_epoch_flags, "epochs[1]: flags 0x2"},
        {set_record_from, "records[9].from: interface 16; expected less than 16"},
        {set_record_to, "records[9].to: interface 2147483648; expected another"},
        {set_record_self, "records[9].to: interface"},
        {set_record_set, "records[9].set: 0x800; expected bits of 0x7ff"},
        {set_record_flags, "records[9].flags: 0x4"},
        {set_record_reserved, "records[9].reserved: 1; expected 0"},
        {set_record_delay, "records[9].delay_ns: 4000000001 ns; expected at most 4000000000 ns"},
        {set_record_order, "expected them sorted"},
        {set_record_unplugged, "records[9].set: 0x4 of a link that is not plugged"},
        {set_record_loss, "records[9].good_us: 1 with bad_us 0"},
        {set_key_contradicts, "as the epochs before have it"},
        {set_key_partial, "in a key epoch"},
        {set_key_is_none, "epochs[1]: a key of 2 records; expected 8"},
};

static void refuse(const unsigned char *data, size_t size, const char *says)
{
	struct fault fault = {0};
	struct ephemeris *e;

	if (ephemeris_open_memory(data, size, "bad.eph", &e, &fault) != -EBADMSG)
		fail_msg("opened: %s", says);
	if (strstr(fault.message, says) == NULL ||
	        strncmp(fault.message, "bad.eph: offset ", 16) != 0)
		fail_msg("'%s' does not say '%s'", fault.message, says);
}

static void test_bad_files(void **state)
{
	const struct fixture *f = *state;
	unsigned char *data = malloc(f->size);

	for (size_t i = 0; i < sizeof(bad_files) / sizeof(bad_files[0]); i++) {
		struct ephemeris_header *h = header_of(data);
		bool moved;

		memcpy(data, f->data, f->size);
		bad_files[i].spoil(data);
		moved = memcmp(h->sections, header_of(f->data)->sections, sizeof(h->sections)) != 0;
		if (moved)
			h->crc = crc32c(0, h, offsetof(struct ephemeris_header, crc));
		else
			sum(data);
		refuse(data, f->size, bad_files[i].says);
	}
	free(data);
}

static void test_truncated(void **state)
{
	const struct fixture *f = *state;

	for (size_t size = 0; size < f->size; size += size < 600 ? 1 : 37) {
		// of its own, so that a look behind the end is seen
		unsigned char *data = malloc(size + 1);

		memcpy(data, f->data, size);
		refuse(data, size, size < 8 ? "magic" : size < 512 ? "header" : "truncated");
		free(data);
	}
}

// Any bit: nearly all are under a checksum, the rest is padding, which must be zero.
static void test_any_bit(void **state)
{
	const struct fixture *f = *state;
	unsigned char *data = malloc(f->size);
	struct fault fault = {0};
	struct ephemeris *e;

	memcpy(data, f->data, f->size);
	for (size_t i = 0; i < f->size; i++) {
		data[i] ^= (unsigned char)(1u << i % 8);
		assert_int_equal(ephemeris_open_memory(data, f->size, "bit", &e, &fault), -EBADMSG);
		data[i] = f->data[i];
	}
	free(data);
}

static void test_not_a_file(void **state)
{
	const struct fixture *f = *state;
	struct fault fault = {0};
	struct ephemeris *e;

	assert_int_equal(ephemeris_open(f->folder, 0, &e, &fault), -EINVAL);
	assert_int_equal(ephemeris_open("/nonexistent", 0, &e, &fault), -ENOENT);
	assert_int_equal(ephemeris_open("/dev/null", 0, &e, &fault), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_checksum),
	        cmocka_unit_test(test_partial_records),
	        cmocka_unit_test_setup_teardown(test_tables, setup, teardown),
	        cmocka_unit_test_setup_teardown(test_seek_is_play, setup, teardown),
	        cmocka_unit_test_setup_teardown(test_find, setup, teardown),
	        cmocka_unit_test_setup_teardown(test_same_bytes, setup, teardown),
	        cmocka_unit_test_setup_teardown(test_writer_refuses, setup, teardown),
	        cmocka_unit_test_setup_teardown(test_empty, setup, teardown),
	        cmocka_unit_test_setup_teardown(test_bad_files, setup, teardown),
	        cmocka_unit_test_setup_teardown(test_truncated, setup, teardown),
	        cmocka_unit_test_setup_teardown(test_any_bit, setup, teardown),
	        cmocka_unit_test_setup_teardown(test_not_a_file, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
