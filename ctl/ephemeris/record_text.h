/* SPDX-License-Identifier: BSD-3-Clause */
// Rows and records of an ephemeris as people and programs read them.
#pragma once

#include <jansson.h>
#include <stdint.h>

#include "ephemeris.h"
#include "names.h"

#define RECORD_TEXT_SIZE 512
#define TIME_TEXT_SIZE 32

// "sat-3-17/isl0".
const char *iface_text(const struct ephemeris *e, uint32_t iface, char buf[IFACE_REF_SIZE]);
// Seconds, to the nanosecond: "12.000001337".
const char *time_text(char buf[TIME_TEXT_SIZE], uint64_t t_ns);
const char *kind_text(uint32_t kind);

// What a record sets, in the words of 'link set': "a/x b/y delay 4.2ms slope 3ns/s rate 1gbit". Of
// one that sets everything, only what is not a link's default.
const char *record_text(
        const struct ephemeris *e, const struct orrery_record *record, char buf[RECORD_TEXT_SIZE]);
// The same as parameters of link.set, all that are set. New reference.
json_t *record_json(const struct ephemeris *e, const struct orrery_record *record);
