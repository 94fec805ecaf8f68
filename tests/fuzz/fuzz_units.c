/* SPDX-License-Identifier: BSD-3-Clause */
// Words with units, and names: what is taken is in range, and what is printed can be read again.
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "names.h"
#include "units.h"

static void check(int good)
{
	if (!good)
		abort();
}

static void try_duration(const char *text)
{
	char buf[UNITS_TEXT_SIZE];
	int64_t ns = -77, again;
	int err = units_parse_duration_ns(text, &ns);

	check(err == 0 ? ns >= 0 : (err == -EINVAL || err == -ERANGE) && ns == -77);
	if (err == 0)
		check(units_parse_duration_ns(units_format_duration(buf, ns), &again) == 0 ||
		        ns > INT64_MAX / 10);
}

static void try_amounts(const char *text)
{
	char buf[UNITS_TEXT_SIZE];
	uint64_t value = 0, again;

	if (units_parse_rate_bps(text, &value) == 0)
		check(units_parse_rate_bps(units_format_rate(buf, value), &again) == 0 ||
		        value > UINT64_MAX / 10);
	if (units_parse_size_bytes(text, &value) == 0)
		check(strlen(units_format_size(buf, value)) > 0);
	if (units_parse_u64(text, 3, 70000, &value) == 0)
		check(value >= 3 && value <= 70000);
	check(strlen(units_format_count(buf, value)) > 0);
}

static void try_names(const char *text)
{
	char node[NODE_NAME_SIZE], iface[IFACE_NAME_SIZE];
	struct fault fault;

	if (iface_ref_parse(text, node, iface, &fault) == 0)
		check(node_name_check(node, &fault) == 0 && iface_name_check(iface, &fault) == 0 &&
		        strlen(node) + 1 + strlen(iface) == strlen(text));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char text[256];
	double p;

	if (size >= sizeof(text))
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	try_duration(text);
	try_amounts(text);
	try_names(text);
	if (units_parse_probability(text, &p) == 0)
		check(p >= 0 && p <= 1);
	return 0;
}
