/* SPDX-License-Identifier: BSD-3-Clause */
// The keys of a scenario file as tables: name, type, place in the struct, range, default. One row
// is all that a new key needs. Private to the reader.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum key_type {
	KEY_END,
	KEY_NAME, // char[size]: letters, digits, '-', '_', '.'
	KEY_INT, // int64_t, min to max
	KEY_REAL, // double, min to max
	KEY_BOOL, // bool
	KEY_CHOICE, // int, index into choices
	KEY_PATH, // char[size]: of a file, any text without control characters
	KEY_TIME, // int64_t, ns since 1970
	KEY_SPAN, // int64_t in ns; min and max in seconds
	KEY_RATE, // uint64_t, bit/s, max
	KEY_SIZE, // uint64_t, bytes, max
	KEY_PROBABILITY, // double, 0 to 1
	KEY_PREFIX, // uint8_t[16], its length (int64_t) at size_offset, min to max bits
	KEY_GROUP, // keys below, in place
	KEY_LIST, // keys below, an array of elements of `size` bytes, min to max of them
};

struct key {
	const char *name;
	enum key_type type;
	bool required;
	const char *unless; // required only in groups without that key
	const char *not_with; // does not go with that key
	size_t offset;
	size_t size; // names: with terminator; lists: of an element; groups: of what is inherited
	size_t size_offset; // lists: where the count (size_t) goes; prefixes: the length
	double min, max;
	const char *preset; // default as a file would say it; NULL: zero
	const char *const *choices;
	const struct key *keys;
	bool inherits; // group: starts as a copy of the `size` bytes at `from`
	size_t from;
};

extern const struct key scenario_keys[];
