/* SPDX-License-Identifier: BSD-3-Clause */
// The ephemeris file: the link matrix of a constellation over time, as epochs of 64-byte link
// records (record.h) that say only what changes. docs/ephemeris.md has the format byte by byte.
// This header has its structures and the reader; ephemeris_writer.h writes.
//
// A file is mapped and checked whole when it is opened: after that every index, name and offset in
// it holds and needs no second look. All numbers are little endian; times are ns from the start
// (header.epoch_ns says when that is), in simulated time. So is the second of a record's slope: who
// plays a file at speed N multiplies slopes by N. A line (delay and slope) holds until the next
// record of its link, however long that takes: who hands it to a switch that bounds a slope's time
// must say it again in time.
//
// `from` and `to` of records are interface numbers of the file: rows of its interface table.
//
// Thread: an open ephemeris is read-only and may be shared; a state belongs to its caller.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fault.h"
#include "record.h"

#define EPHEMERIS_MAGIC "\x89ORRERY\n"
#define EPHEMERIS_MAGIC_SIZE 8
#define EPHEMERIS_VERSION 1
#define EPHEMERIS_BYTE_ORDER 0x01020304u
#define EPHEMERIS_HEADER_SIZE 512
#define EPHEMERIS_ALIGN 64 // sections begin at a multiple of it

#define EPHEMERIS_NODES_MAX (1u << 22)
#define EPHEMERIS_IFACES_MAX (1u << 24)
#define EPHEMERIS_ROUTES_MAX (1u << 22)
#define EPHEMERIS_EPOCHS_MAX (1u << 30)
#define EPHEMERIS_STRINGS_MAX (1u << 30)
#define EPHEMERIS_DELAY_MAX_NS 4000000000u
#define EPHEMERIS_PRODUCER_MAX 63 // characters
#define EPHEMERIS_TIME_MAX_NS (INT64_MAX / 2) // of a duration

// In the order in which they lie in the file, one behind the other.
enum ephemeris_section_id {
	EPHEMERIS_RECORDS, // struct orrery_record
	EPHEMERIS_EPOCHS, // struct ephemeris_epoch
	EPHEMERIS_NODES, // struct ephemeris_node
	EPHEMERIS_IFACES, // struct ephemeris_iface
	EPHEMERIS_ROUTES, // struct ephemeris_route
	EPHEMERIS_STRINGS, // bytes: names, each with a terminating 0
	EPHEMERIS_N_SECTIONS,
};

struct ephemeris_section {
	uint64_t offset; // from the start of the file
	uint64_t size; // bytes: n * entry_size
	uint64_t n;
	uint32_t entry_size;
	uint32_t crc; // CRC-32C of the section
};

struct ephemeris_header {
	char magic[EPHEMERIS_MAGIC_SIZE];
	uint32_t version;
	uint32_t byte_order;
	uint32_t header_size;
	uint32_t flags; // 0
	uint64_t file_size;
	int64_t epoch_ns; // UTC of time 0, since 1970
	uint64_t duration_ns; // all epochs lie in [0, duration_ns]
	uint64_t step_ns; // distance of the regular steps; 0: none
	uint64_t tolerance_ns; // largest error of a line against what it was made from; 0: not
	                       // stated
	uint64_t seed; // of the run's random choices; 0: whatever the switch has
	uint32_t name; // of the scenario; offset into the strings
	uint32_t producer; // program and version that wrote the file; printable ASCII; as name
	uint8_t reserved0[48]; // 0
	struct ephemeris_section sections[EPHEMERIS_N_SECTIONS];
	uint8_t reserved1[184]; // 0
	uint32_t reserved2; // 0
	uint32_t crc; // CRC-32C of the header up to here
};

enum ephemeris_epoch_flag {
	// The state of all links right after the epochs of the same time and before; an interface
	// that it does not name is unplugged. A place to start from: who comes from the epoch
	// before skips it.
	EPHEMERIS_KEY = 1 << 0,
};

// Sorted by t_ns. Times of epochs that are not keys are all different; a key stands behind the
// epoch of the same time. The first is a key at time 0.
struct ephemeris_epoch {
	uint64_t t_ns;
	uint64_t first; // record
	uint32_t n; // records, sorted by `from`, each interface once
	uint32_t flags; // enum ephemeris_epoch_flag
};

enum ephemeris_kind { EPHEMERIS_POD, EPHEMERIS_ROUTER, EPHEMERIS_BRIDGE, EPHEMERIS_N_KINDS };

struct ephemeris_node {
	uint32_t name; // offset into the strings
	uint32_t kind; // enum ephemeris_kind
	uint8_t reserved[8]; // 0
	uint8_t address[16]; // a router's own IPv6 address; zero: none
};

struct ephemeris_iface {
	uint32_t node;
	uint32_t name; // offset into the strings
};

struct ephemeris_route {
	uint8_t prefix[16]; // bits behind prefix_len are 0
	uint32_t prefix_len;
	uint32_t node; // that owns it
	uint8_t reserved[8]; // 0
};

static_assert(sizeof(struct ephemeris_section) == 32, "file format");
static_assert(sizeof(struct ephemeris_header) == EPHEMERIS_HEADER_SIZE, "file format");
static_assert(offsetof(struct ephemeris_header, sections) == 128, "file format");
static_assert(sizeof(struct ephemeris_epoch) == 24, "file format");
static_assert(sizeof(struct ephemeris_node) == 32, "file format");
static_assert(sizeof(struct ephemeris_iface) == 8, "file format");
static_assert(sizeof(struct ephemeris_route) == 32, "file format");

// An open file. All pointers are borrowed from it and valid until ephemeris_close.
struct ephemeris {
	const struct ephemeris_header *header;
	const struct orrery_record *records;
	const struct ephemeris_epoch *epochs;
	const struct ephemeris_node *nodes;
	const struct ephemeris_iface *ifaces;
	const struct ephemeris_route *routes;
	const char *strings;
	uint32_t n_epochs, n_nodes, n_ifaces, n_routes;
	uint64_t n_records;
	const void *map;
	size_t map_size;
	bool mapped; // ours to unmap
};

enum ephemeris_open_flag {
	// Read into memory of our own instead of mapping it: for a file that its owner may change
	// in place afterwards, which would pull the ground away under the checks (the writer never
	// does: it renames).
	EPHEMERIS_COPY = 1 << 0,
};

// Opens and checks everything. 0, or a negative errno (-EBADMSG: not a valid file) with "FILE:
// offset N: WHAT: ... expected ..." in the fault.
__attribute__((warn_unused_result)) int ephemeris_open(
        const char *path, unsigned flags, struct ephemeris **ret, struct fault *fault);
// The same from a descriptor, which stays the caller's; `name` is for messages.
__attribute__((warn_unused_result)) int ephemeris_open_fd(
        int fd, const char *name, unsigned flags, struct ephemeris **ret, struct fault *fault);
// The same from memory, borrowed until ephemeris_close; aligned to 8 bytes.
__attribute__((warn_unused_result)) int ephemeris_open_memory(const void *data, size_t size,
        const char *name, struct ephemeris **ret, struct fault *fault);
void ephemeris_close(struct ephemeris *ephemeris);

static inline const char *ephemeris_string(const struct ephemeris *e, uint32_t offset)
{
	return e->strings + offset;
}

static inline const char *ephemeris_node_name(const struct ephemeris *e, uint32_t node)
{
	return e->strings + e->nodes[node].name;
}

static inline const char *ephemeris_iface_name(const struct ephemeris *e, uint32_t iface)
{
	return e->strings + e->ifaces[iface].name;
}

static inline const struct orrery_record *ephemeris_records(
        const struct ephemeris *e, const struct ephemeris_epoch *epoch)
{
	return e->records + epoch->first;
}

// First epoch behind `t_ns`; n_epochs if none is.
uint32_t ephemeris_epoch_after(const struct ephemeris *e, uint64_t t_ns);
// Last key epoch at or before `t_ns`.
uint32_t ephemeris_key_at(const struct ephemeris *e, uint64_t t_ns);

// Checks what one record says by itself: bits, ranges, interface numbers below `n_ifaces`. 0, or
// -EINVAL or -ERANGE with the field's name in the fault.
__attribute__((warn_unused_result)) int ephemeris_record_check(
        const struct orrery_record *record, uint32_t n_ifaces, struct fault *fault);

// All links at a moment, by interface: what the records so far add up to. A zeroed one is empty.
struct ephemeris_links {
	uint32_t n_ifaces;
	uint32_t n_plugged;
	struct orrery_record *records; // [n_ifaces] set: ORRERY_SET_ALL, or 0 while unplugged
	uint64_t *said_ns; // [n_ifaces] when delay_ns was the delay
};

// All unplugged. 0 or -ENOMEM.
__attribute__((warn_unused_result)) int ephemeris_links_init(
        struct ephemeris_links *links, uint32_t n_ifaces);
// More interfaces, unplugged. 0 or -ENOMEM.
__attribute__((warn_unused_result)) int ephemeris_links_grow(
        struct ephemeris_links *links, uint32_t n_ifaces);
void ephemeris_links_fini(struct ephemeris_links *links);
void ephemeris_links_clear(struct ephemeris_links *links);
// Applies a checked record that takes effect at `t_ns`: what it does not set stays.
void ephemeris_links_apply(
        struct ephemeris_links *links, uint64_t t_ns, const struct orrery_record *record);
// Applies one epoch; a key replaces everything.
void ephemeris_links_apply_epoch(struct ephemeris_links *links, const struct ephemeris *e,
        const struct ephemeris_epoch *epoch);
// The state at `t_ns` from the key before it. Returns the first epoch that is not in it: to play
// on, apply the epochs from there that are not keys.
uint32_t ephemeris_links_seek(
        struct ephemeris_links *links, const struct ephemeris *e, uint64_t t_ns);
// Delay of a plugged link at `t_ns`, not before it was said.
double ephemeris_links_delay_ns(const struct ephemeris_links *links, uint32_t iface, uint64_t t_ns);
// All of a link as a record that takes effect at `t_ns`: everything set, the delay of that moment;
// the unplugging record if it is unplugged.
void ephemeris_links_record(const struct ephemeris_links *links, uint32_t iface, uint64_t t_ns,
        struct orrery_record *ret_record);
