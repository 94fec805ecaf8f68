/* SPDX-License-Identifier: BSD-3-Clause */
// The control API by example: every file under golden/api is a session with a new switch. A line ">
// ..." is a request (short: the method and its parameters), "< ..." what the answer must contain:
// objects may have more fields than expected, everything else must be equal. "<!" expects an error.
// Then the form of messages, and docs/api.md against the method table.
#include <dirent.h>
#include <event2/event.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "control_rig.h"
#include "methods.h"
#include "sampler.h"

#define GOLDEN ORRERY_SOURCE_ROOT "/tests/unit/golden/api"

static bool contains(const json_t *actual, const json_t *expected)
{
	const char *key;
	json_t *value;
	size_t i;

	if (json_is_object(expected) && json_is_object(actual)) {
		json_object_foreach ((json_t *)(uintptr_t)expected, key, value) {
			if (!contains(json_object_get(actual, key), value))
				return false;
		}
		return true;
	}
	if (json_is_array(expected) && json_is_array(actual)) {
		if (json_array_size(expected) != json_array_size(actual))
			return false;
		json_array_foreach (expected, i, value) {
			if (!contains(json_array_get(actual, i), value))
				return false;
		}
		return true;
	}
	if (json_is_number(expected) && json_is_number(actual))
		return json_number_value(expected) == json_number_value(actual);
	return actual != NULL && json_equal(actual, expected);
}

// "node.add {"name":...}" as a request line.
static json_t *call_short(struct control_rig *rig, char *request)
{
	char *params = strchr(request, ' ');

	if (params != NULL)
		*params++ = '\0';
	return control_rig_call(rig, request, params != NULL ? params : "");
}

static void check_answer(const char *where, const json_t *answer, const char *expected, bool error)
{
	json_t *want = json_loads(expected, JSON_DECODE_ANY, NULL);

	if (want == NULL)
		fail_msg("%s: the expectation is no JSON", where);
	if ((json_object_get(answer, "code") != NULL &&
	            json_object_get(answer, "message") != NULL) != error ||
	        !contains(answer, want)) {
		fprintf(stderr, "%s: expected %s\n%*sgot ", where, expected, (int)strlen(where) - 3,
		        "");
		json_dumpf(answer, stderr, JSON_COMPACT);
		fprintf(stderr, "\n");
		fail_msg("%s", where);
	}
	json_decref(want);
}

static void run_session(const char *name)
{
	struct control_rig rig;
	char path[512], where[600], line[65536];
	json_t *answer = NULL;
	FILE *file;
	unsigned n = 0;

	snprintf(path, sizeof(path), GOLDEN "/%s", name);
	file = fopen(path, "re");
	assert_non_null(file);
	control_rig_open(&rig, NULL);
	while (fgets(line, sizeof(line), file) != NULL) {
		snprintf(where, sizeof(where), "%s:%u", name, ++n);
		line[strcspn(line, "\n")] = '\0';
		if (line[0] == '>') {
			json_decref(answer);
			answer = call_short(&rig, line + 2);
		} else if (line[0] == '<') {
			check_answer(where, answer, strchr(line, ' '), line[1] == '!');
		} else if (line[0] == '~') { // wait for the paths
			paths_worker_settle(rig.control->paths);
		} else {
			assert_true(line[0] == '#' || line[0] == '\0');
		}
	}
	json_decref(answer);
	fclose(file);
	control_rig_close(&rig, false);
}

static void test_sessions(void **state)
{
	DIR *dir = opendir(GOLDEN);
	const struct dirent *entry;
	unsigned n = 0;

	assert_non_null(dir);
	while ((entry = readdir(dir)) != NULL) {
		if (strstr(entry->d_name, ".session") == NULL)
			continue;
		run_session(entry->d_name);
		n++;
	}
	closedir(dir);
	assert_true(n >= 6);
}

// Tables of next hops grow with routers x nodes that own routes: refused before there is no memory.
static void test_next_hops_limit(void **state)
{
	struct control_rig rig;
	json_t *answer;
	char params[96];

	control_rig_open(&rig, NULL);
	rig.control->model.max_next_hops = 6;
	for (int i = 1; i <= 3; i++) {
		snprintf(params, sizeof(params),
		        "{\"name\":\"r%d\",\"kind\":\"router\",\"address\":\"fd00::%d\"}", i, i);
		answer = control_rig_call(&rig, "node.add", params);
		check_answer("routers", answer,
		        i < 3 ? "{\"created\":true}"
		              : "{\"code\":-32004,\"data\":{\"field\":\"limits.max_next_hops\"},"
		                "\"message\":\"3 routers x 3 destinations are 9 next hops (0 MiB), "
		                "at "
		                "most 6: raise limits.max_next_hops, or let fewer routers own "
		                "routes\"}",
		        i == 3);
		json_decref(answer);
	}
	// a third router has room, as long as it owns nothing
	answer = control_rig_call(&rig, "node.add", "{\"name\":\"r3\",\"kind\":\"router\"}");
	check_answer("a router", answer, "{\"created\":true}", false);
	json_decref(answer);
	answer = control_rig_call(&rig, "route.add", "{\"prefix\":\"fd01::/64\",\"node\":\"r3\"}");
	check_answer("its route", answer,
	        "{\"code\":-32004,\"data\":{\"field\":\"limits.max_next_hops\"}}", true);
	json_decref(answer);
	// what a node gives back another can have
	json_decref(control_rig_call(&rig, "node.del", "{\"name\":\"r2\"}"));
	paths_worker_settle(rig.control->paths);
	answer = control_rig_call(&rig, "route.add", "{\"prefix\":\"fd01::/64\",\"node\":\"r3\"}");
	check_answer("its route now", answer, "{\"created\":true}", false);
	json_decref(answer);
	control_rig_close(&rig, false);
}

static void check_line(
        struct control_rig *rig, const char *line, bool may_write, const char *expected)
{
	char *text = methods_answer(rig->control, line, strlen(line), NULL, 0, may_write);

	if (expected == NULL) {
		assert_null(text);
		return;
	}
	assert_non_null(text);
	assert_string_equal(text, expected);
	free(text);
}

static void test_form(void **state)
{
	struct control_rig rig;

	control_rig_open(&rig, NULL);
	check_line(&rig,
	        "{\"jsonrpc\":\"2.0\",\"id\":\"x\",\"method\":\"node.del\",\"params\":{\"name\":"
	        "\"a\"}}",
	        true, "{\"jsonrpc\":\"2.0\",\"id\":\"x\",\"result\":{\"deleted\":false}}");
	// a notification has no answer
	check_line(&rig,
	        "{\"jsonrpc\":\"2.0\",\"method\":\"node.add\",\"params\":{\"name\":\"a\",\"kind\":"
	        "\"pod\"}}",
	        true, NULL);
	check_line(&rig,
	        "{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"node.del\",\"params\":{\"name\":\"a\"}"
	        "}",
	        true, "{\"jsonrpc\":\"2.0\",\"id\":2,\"result\":{\"deleted\":true}}");
	check_line(&rig, "{\"id\":1,\"method\":\"version\"}", true,
	        "{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":-32600,\"message\":\"jsonrpc "
	        "must be \\\"2.0\\\"\",\"data\":{}}}");
	check_line(&rig, "{\"jsonrpc\":\"2.0\",\"id\":[],\"method\":\"version\"}", true,
	        "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32600,\"message\":\"id must "
	        "be a string, a number or null\",\"data\":{}}}");
	check_line(&rig, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":7}", true,
	        "{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":-32600,\"message\":\"method "
	        "must be a string\",\"data\":{}}}");
	check_line(&rig, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"version\",\"params\":[1]}",
	        true,
	        "{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":-32600,\"message\":\"params "
	        "must be an object\",\"data\":{}}}");
	check_line(&rig, "[]", true,
	        "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32600,\"message\":\"no "
	        "batches: send one message a line\",\"data\":{}}}");
	check_line(&rig, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"nod.add\"}", true,
	        "{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":-32601,\"message\":\"no method "
	        "'nod.add'; api.methods lists them\",\"data\":{\"field\":\"method\"}}}");
	check_line(&rig, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"shutdown\"}", false,
	        "{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":-32005,\"message\":\"shutdown "
	        "changes the switch: only root, the switch's user and the socket's group "
	        "may\",\"data\":{\"errno\":\"EPERM\"}}}");
	control_rig_close(&rig, false);
}

static void test_not_json(void **state)
{
	static const char *const lines[] = {
	        "", "{", "nonsense", "{\"a\":1,\"a\":2}", "\"\\ud800\"", "{}x"};
	struct control_rig rig;
	char deep[200];

	control_rig_open(&rig, NULL);
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		char *text = control_rig_answer(&rig, lines[i]);

		assert_non_null(text);
		assert_non_null(strstr(text, "\"code\":-32700"));
		free(text);
	}
	memset(deep, '[', sizeof(deep) - 1);
	deep[sizeof(deep) - 1] = '\0';
	char *text = control_rig_answer(&rig, deep);

	assert_non_null(strstr(text, "\"code\":-32700"));
	free(text);
	control_rig_close(&rig, false);
}

// Every method with no parameters, and with one that it does not know: an answer, and the switch
// goes on.
static void test_every_method(void **state)
{
	for (const struct method *m = methods; m->name != NULL; m++) {
		struct control_rig rig;
		bool has_required = false;
		json_t *answer;

		control_rig_open(&rig, NULL);
		for (const struct param *p = m->params; p->name != NULL; p++)
			has_required |= p->required;
		answer = control_rig_call(&rig, m->name, "{}");
		if (has_required)
			assert_int_equal(
			        json_integer_value(json_object_get(answer, "code")), -32602);
		json_decref(answer);
		answer = control_rig_call(&rig, m->name, "{\"no_such\":1}");
		assert_int_equal(json_integer_value(json_object_get(answer, "code")), -32602);
		assert_string_equal(json_string_value(json_object_get(
		                            json_object_get(answer, "data"), "field")),
		        "no_such");
		json_decref(answer);
		control_rig_close(&rig, false);
	}
}

static int make_file(const struct orrery_record *records, size_t n)
{
	int fd = memfd_create("records", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, records, n * sizeof(records[0])), n * sizeof(records[0]));
	return fd;
}

static json_t *commit_file(struct control_rig *rig, int fd, long long count, size_t n_fds)
{
	char line[200];
	char *text;
	json_t *answer;

	snprintf(line, sizeof(line),
	        "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"matrix.commit\",\"params\":{\"fd\":"
	        "true,\"count\":%lld}}",
	        count);
	text = methods_answer(rig->control, line, strlen(line), &fd, n_fds, true);
	assert_non_null(text);
	answer = json_loads(text, 0, NULL);
	free(text);
	return answer;
}

static const char *field_of(const json_t *answer)
{
	const char *field = json_string_value(json_object_get(
	        json_object_get(json_object_get(answer, "error"), "data"), "field"));

	return field != NULL ? field : "";
}

static void test_records_file(void **state)
{
	struct orrery_record records[3] = {
	        {.from = 0, .to = 1, .set = ORRERY_SET_TO | ORRERY_SET_DELAY, .delay_ns = 1000},
	        {.from = 1, .to = 0, .set = ORRERY_SET_TO | ORRERY_SET_DELAY, .delay_ns = 2000},
	        {.from = 2, .to = 99, .set = ORRERY_SET_TO},
	};
	struct control_rig rig;
	json_t *answer;
	int fd = make_file(records, 3);

	control_rig_open(&rig, NULL);
	json_decref(control_rig_call(&rig, "node.add",
	        "{\"name\":\"a\",\"kind\":\"router\",\"interfaces\":[\"x\",\"y\",\"z\"]}"));

	answer = commit_file(&rig, fd, 3, 1);
	assert_string_equal(field_of(answer), "records[2].to");
	assert_int_equal(matrix_count(rig.control->matrix), 0);
	json_decref(answer);
	answer = commit_file(&rig, fd, 4, 1); // the file is shorter
	assert_string_equal(field_of(answer), "count");
	json_decref(answer);
	answer = commit_file(&rig, fd, 2, 0); // no descriptor came
	assert_string_equal(field_of(answer), "fd");
	json_decref(answer);
	answer = commit_file(&rig, fd, 1 << 20, 1);
	assert_string_equal(field_of(answer), "count");
	json_decref(answer);

	answer = commit_file(&rig, fd, 2, 1);
	assert_int_equal(
	        json_integer_value(json_object_get(json_object_get(answer, "result"), "changed")),
	        2);
	json_decref(answer);
	assert_int_equal(matrix_count(rig.control->matrix), 2);
	assert_int_equal(matrix_link(rig.control->matrix, 1)->record.delay_ns, 2000);
	close(fd);
	control_rig_close(&rig, false);
}

// --- drivers' counters in stats.top --------------------------------------------------------------

#define N_ASKED_PORTS (2 * SAMPLER_SLICE_PORTS + 10)
#define N_DROPPED 1000

static struct {
	struct port_ops ops;
	unsigned n;
	uint64_t drops; // of port 7
} asked;

static void get_stats_counted(struct port *port, struct port_stats *ret_stats)
{
	asked.n++;
	*ret_stats = (struct port_stats){0};
	if (port->id == 7)
		ret_stats->rx_dropped = asked.drops += N_DROPPED;
}

static int create_counted(struct port_driver *driver, const struct port_config *config,
        struct port *port, struct fault *fault)
{
	int ret = mem_ops.create(driver, config, port, fault);

	port->ops = &asked.ops;
	return ret;
}

static void open_asked(struct control_rig *rig, const char *socket_path)
{
	asked.ops = mem_ops;
	asked.ops.create = create_counted;
	asked.ops.get_stats = get_stats_counted;
	control_rig_open(rig,
	        &(struct control_rig_options){.driver = &asked.ops, .socket_path = socket_path});
	for (int i = 0; i < N_ASKED_PORTS; i++) {
		char params[100];
		json_t *answer;

		snprintf(params, sizeof(params),
		        "{\"interface\":\"p%d/x\",\"backend\":\"mem\",\"node_kind\":\"pod\"}", i);
		answer = control_rig_call(rig, "port.add", params);
		assert_null(json_object_get(answer, "code"));
		json_decref(answer);
	}
	asked.n = 0;
}

// Until the drivers were asked for `n` ports; never more than a slice at a time.
static void turn_until_asked(struct control_rig *rig, unsigned n)
{
	while (asked.n < n) {
		unsigned before = asked.n;

		(void)event_base_loop(rig->control->base, EVLOOP_ONCE);
		assert_in_range(asked.n - before, 0, SAMPLER_SLICE_PORTS);
	}
	assert_int_equal(asked.n, n);
}

static void expect_top_drops(struct control_rig *rig, const char *params, const char *name)
{
	json_t *answer = control_rig_call(rig, "stats.top", params);
	const json_t *items = json_object_get(answer, "items");
	const json_t *first = json_array_get(items, 0), *second = json_array_get(items, 1);

	assert_string_equal(json_string_value(json_object_get(first, "name")), name);
	// in about a second; the machine may be busy
	assert_in_range(json_integer_value(json_object_get(first, "drop_pps")), N_DROPPED / 20,
	        N_DROPPED * 20);
	assert_int_equal(json_integer_value(json_object_get(second, "drop_pps")), 0);
	json_decref(answer);
}

static void test_top_asks_drivers(void **state)
{
	char path[64];
	struct control_rig rig;

	snprintf(path, sizeof(path), "/tmp/orrery-methods-%d.sock", getpid());
	open_asked(&rig, path);
	json_decref(control_rig_call(&rig, "stats.top", "{\"what\":\"links\"}"));
	json_decref(control_rig_call(&rig, "stats.top", "{\"what\":\"ports\"}"));
	assert_int_equal(asked.n, 0); // not while the question waits
	turn_until_asked(&rig, N_ASKED_PORTS);
	turn_until_asked(&rig, 2 * N_ASKED_PORTS); // again after a second
	expect_top_drops(&rig, "{\"what\":\"ports\",\"by\":\"drops\"}", "p7/x");
	expect_top_drops(&rig, "{\"what\":\"nodes\",\"by\":\"drops\"}", "p7");
	control_rig_close(&rig, false);
}

// A switch that is only asked for links leaves drivers alone.
static void test_top_of_links_asks_none(void **state)
{
	struct control_rig rig;

	open_asked(&rig, NULL);
	for (int i = 0; i < 4; i++)
		json_decref(control_rig_call(&rig, "stats.top", "{\"what\":\"links\"}"));
	assert_int_equal(asked.n, 0);
	json_decref(control_rig_call(&rig, "stats.top", "{\"what\":\"nodes\"}"));
	assert_int_equal(asked.n, SAMPLER_SLICE_PORTS); // no event loop
	control_rig_close(&rig, false);
}

static void test_documentation(void **state)
{
	FILE *file = fopen(ORRERY_SOURCE_ROOT "/docs/api.md", "re");
	char *printed = NULL;
	char buf[65536];
	size_t size = 0, n;
	FILE *out = open_memstream(&printed, &size);

	assert_non_null(file);
	methods_print_markdown(out);
	fclose(out);
	n = fread(buf, 1, sizeof(buf), file);
	fclose(file);
	if (n != size || memcmp(buf, printed, n) != 0)
		fail_msg("docs/api.md is old: orrery-vswitch --print-api >docs/api.md");
	free(printed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_sessions),
	        cmocka_unit_test(test_next_hops_limit),
	        cmocka_unit_test(test_form),
	        cmocka_unit_test(test_not_json),
	        cmocka_unit_test(test_every_method),
	        cmocka_unit_test(test_records_file),
	        cmocka_unit_test(test_top_asks_drivers),
	        cmocka_unit_test(test_top_of_links_asks_none),
	        cmocka_unit_test(test_documentation),
	};

	control_rig_eal();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
