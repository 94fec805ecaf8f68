/* SPDX-License-Identifier: BSD-3-Clause */
// Words of the command line to values of a request.
#include "command.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "names.h"
#include "units.h"

static enum cli_exit expected(
        struct cli *cli, const struct parameter *parameter, const char *what, const char *text)
{
	return cli_usage(cli, "%s: expected %s, got '%s'", parameter->name, what, text);
}

static int parse_integer(const char *text, json_t **ret)
{
	uint64_t value;
	int err = units_parse_u64(text, 0, INT64_MAX, &value);

	if (err == 0)
		*ret = json_integer((json_int_t)value);
	return err;
}

static int parse_duration(const char *text, int64_t unit_ns, json_t **ret)
{
	int64_t ns;
	int err = units_parse_duration_ns(text, &ns);

	if (err == 0)
		*ret = json_integer((ns + unit_ns / 2) / unit_ns);
	return err;
}

// "-3.4us/s", also without "/s": ns a second
static int parse_slope(const char *text, json_t **ret)
{
	char buf[UNITS_TEXT_SIZE];
	bool negative = *text == '-';
	int64_t ns;

	if (*text == '-' || *text == '+')
		text++;
	size_t len = strlen(text);

	if (len > 2 && strcmp(text + len - 2, "/s") == 0)
		len -= 2;
	if (len >= sizeof(buf))
		return -EINVAL;
	memcpy(buf, text, len);
	buf[len] = '\0';
	int err = units_parse_duration_ns(buf, &ns);

	if (err == 0)
		*ret = json_integer(negative ? -ns : ns);
	return err;
}

static int parse_rate(const char *text, json_t **ret)
{
	uint64_t bps;
	int err = units_parse_rate_bps(text, &bps);

	if (err == 0 && bps > INT64_MAX)
		err = -ERANGE;
	if (err == 0)
		*ret = json_integer((json_int_t)bps);
	return err;
}

static int parse_probability(const char *text, json_t **ret)
{
	double p;
	int err = units_parse_probability(text, &p);

	if (err == 0)
		*ret = json_real(p);
	return err;
}

// "100p" or "64k"; which parameter it is depends on that.
static int parse_queue(const char *text, const char **ret_param, json_t **ret)
{
	char digits[UNITS_TEXT_SIZE];
	size_t len = strlen(text);
	uint64_t bytes;

	if (len > 1 && len < sizeof(digits) && text[len - 1] == 'p') {
		memcpy(digits, text, len - 1);
		digits[len - 1] = '\0';
		*ret_param = "queue_pkts";
		return parse_integer(digits, ret);
	}
	int err = units_parse_size_bytes(text, &bytes);

	if (err == 0 && bytes > INT64_MAX)
		err = -ERANGE;
	if (err == 0) {
		*ret_param = "queue_bytes";
		*ret = json_integer((json_int_t)bytes);
	}
	return err;
}

static bool is_choice(const char *choices, const char *text)
{
	size_t len = strlen(text);

	while (choices != NULL && *choices != '\0') {
		size_t choice_len = strcspn(choices, " ");

		if (choice_len == len && strncmp(choices, text, len) == 0)
			return true;
		choices += choice_len + (choices[choice_len] == ' ');
	}
	return false;
}

static enum cli_exit name_to_json(
        struct cli *cli, const struct parameter *parameter, const char *text, json_t **ret)
{
	char node[NODE_NAME_SIZE], iface[IFACE_NAME_SIZE];
	struct fault fault;
	int err = parameter->kind == VALUE_NODE || strchr(text, '/') == NULL
	                  ? node_name_check(text, &fault)
	                  : iface_ref_parse(text, node, iface, &fault);

	if (err == 0 && parameter->kind == VALUE_INTERFACE)
		err = iface_ref_parse(text, node, iface, &fault);
	if (err != 0)
		return cli_usage(cli, "%s: %s", parameter->name, fault.message);
	*ret = json_string(text);
	return CLI_OK;
}

struct conversion {
	int err;
	const char *what; // was expected
	const char *range; // of the number
	const char *param;
	json_t *value;
};

static struct conversion convert(const struct parameter *parameter, const char *text)
{
	struct conversion c = {.param = parameter->param};

	switch (parameter->kind) {
	case VALUE_INTEGER:
		c.what = "a whole number";
		c.range = "0 to 9223372036854775807";
		c.err = parse_integer(text, &c.value);
		break;
	case VALUE_DURATION_NS:
	case VALUE_DURATION_US:
		c.what = "a duration with its unit, such as 4.2ms or 150us";
		c.range = "0 or 1ns to 9223372036s";
		c.err = parse_duration(
		        text, parameter->kind == VALUE_DURATION_US ? 1000 : 1, &c.value);
		break;
	case VALUE_SLOPE:
		c.what = "a change a second, such as 3.4us/s or -3.4us/s";
		c.range = "0 or up to 9223372036s/s, whole ns/s";
		c.err = parse_slope(text, &c.value);
		break;
	case VALUE_RATE:
		c.what = "a rate in bits a second, such as 10gbit or 2.5mbit, or unlimited";
		c.range = "1bit to 9223372tbit, or unlimited";
		c.err = parse_rate(text, &c.value);
		break;
	case VALUE_QUEUE:
		c.what = "bytes, such as 64k, or packets, such as 100p";
		c.range = "0 to 9223372036854775807 bytes or packets";
		c.err = parse_queue(text, &c.param, &c.value);
		break;
	case VALUE_PROBABILITY:
		c.what = "a share from 0% to 100%, such as 0.1% or 0.001";
		c.range = "0% to 100%";
		c.err = parse_probability(text, &c.value);
		break;
	case VALUE_CHOICE:
		c.what = parameter->choices;
		c.err = is_choice(parameter->choices, text) ? 0 : -EINVAL;
		c.value = c.err == 0 ? json_string(text) : NULL;
		break;
	case VALUE_TRUE:
	case VALUE_FALSE:
		c.value = json_boolean(parameter->kind == VALUE_TRUE);
		break;
	case VALUE_NULL:
		c.value = json_null();
		break;
	default:
		c.what = "text in UTF-8";
		c.value = json_string(text);
		c.err = c.value == NULL ? -EINVAL : 0;
	}
	return c;
}

// A repeated parameter becomes an array, another must agree with what is there.
static enum cli_exit store(struct cli *cli, const struct parameter *parameter, const char *param,
        json_t *value, json_t *params)
{
	json_t *there = json_object_get(params, param);

	// a queue's two sizes are two parameters
	if ((parameter->flags & PARAMETER_REPEATED) != 0 && parameter->kind != VALUE_QUEUE) {
		if (there == NULL) {
			there = json_array();
			json_object_set_new(params, param, there);
		}
		json_array_append_new(there, value);
		return CLI_OK;
	}
	if (there != NULL && !json_equal(there, value)) {
		json_decref(value);
		return cli_usage(cli, "'%s' contradicts what stands before it", parameter->name);
	}
	json_object_set_new(params, param, value);
	return CLI_OK;
}

enum cli_exit value_set(
        struct cli *cli, const struct parameter *parameter, const char *text, json_t *params)
{
	if (parameter->kind == VALUE_NODE || parameter->kind == VALUE_INTERFACE ||
	        parameter->kind == VALUE_END) {
		json_t *value = NULL;
		enum cli_exit code = name_to_json(cli, parameter, text, &value);

		if (code != CLI_OK || parameter->param == NULL) {
			json_decref(value);
			return code;
		}
		return store(cli, parameter, parameter->param, value, params);
	}
	if (parameter->param == NULL && parameter->kind != VALUE_CHOICE)
		return CLI_OK;
	struct conversion c = convert(parameter, text);

	if (c.err != 0) {
		char what[256];

		if (c.err == -ERANGE)
			return expected(cli, parameter, c.range, text);
		snprintf(what, sizeof(what), "%s%s",
		        parameter->kind == VALUE_CHOICE ? "one of: " : "", c.what);
		return expected(cli, parameter, what, text);
	}
	if (c.param == NULL) {
		json_decref(c.value);
		return CLI_OK;
	}
	return store(cli, parameter, c.param, c.value, params);
}
