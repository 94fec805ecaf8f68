/* SPDX-License-Identifier: BSD-3-Clause */
// The runner against a switch of a hundred lines: what it asks for, in which order, and that what
// it sends brings that switch's links to those of the sky.
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "cli.h"
#include "jsonrpc.h"
#include "record.h"
#include "runner.h"
#include "sim.h"

#define IFACES_MAX 1024
#define SHIPPED(name) ORRERY_SOURCE_ROOT "/config/scenarios/" name ".scenario"

struct fake {
	char dir[64], path[128];
	int listen_fd;
	pthread_t thread;
	// the fake's thread until it is joined
	int refuse_commit; // the number of the commit that fails, 0: none
	unsigned refuse_node, refuse_route; // the same of node.add and route.add
	bool refuse_del;
	unsigned n_there; // the first so many nodes exist, and the first route if any
	char refs[IFACES_MAX][IFACE_REF_SIZE];
	struct orrery_record links[IFACES_MAX];
	unsigned n_ifaces, n_nodes, n_routes, n_commits, n_deleted, n_routes_deleted, n_wrong;
};

static json_t *fake_node_add(struct fake *fake, const json_t *params)
{
	json_t *ifaces = json_array();
	const json_t *name;
	size_t i;

	if (++fake->n_nodes == fake->refuse_node) {
		json_decref(ifaces);
		return NULL;
	}
	fake->n_wrong += fake->n_commits > 0;
	json_array_foreach (json_object_get(params, "interfaces"), i, name) {
		unsigned id = fake->n_ifaces++;

		snprintf(fake->refs[id], IFACE_REF_SIZE, "%s/%s",
		        json_string_value(json_object_get(params, "name")),
		        json_string_value(name));
		fake->links[id].to = ORRERY_IFACE_NONE;
		json_array_append_new(
		        ifaces, json_pack("{s:i, s:s}", "id", id, "name", json_string_value(name)));
	}
	return json_pack("{s:b, s:{s:o}}", "created", fake->n_nodes > fake->n_there, "node",
	        "interfaces", ifaces);
}

static json_t *fake_commit(struct fake *fake, const json_t *params, int fd)
{
	json_int_t count = json_integer_value(json_object_get(params, "count"));
	size_t size = (size_t)count * sizeof(struct orrery_record);
	struct stat stat;
	const struct orrery_record *records;

	fake->n_commits++;
	if (fake->refuse_commit == (int)fake->n_commits)
		return NULL;
	fake->n_wrong += !json_is_true(json_object_get(params, "fd"));
	fake->n_wrong += fcntl(fd, F_GET_SEALS) !=
	                 (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL);
	fake->n_wrong += fstat(fd, &stat) != 0 || (size_t)stat.st_size != size;
	records = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (records == MAP_FAILED)
		return NULL;
	for (json_int_t i = 0; i < count; i++) {
		struct orrery_record *link;

		if (records[i].from >= fake->n_ifaces) {
			fake->n_wrong++;
			continue;
		}
		link = &fake->links[records[i].from];
		if ((records[i].set & ORRERY_SET_TO) != 0)
			link->to = records[i].to;
		if ((records[i].set & ORRERY_SET_UP) != 0)
			link->flags = records[i].flags;
		if ((records[i].set & ORRERY_SET_DELAY) != 0)
			link->delay_ns = records[i].delay_ns;
	}
	munmap((void *)(uintptr_t)records, size);
	return json_pack("{s:i, s:I, s:i}", "epoch", (int)fake->n_commits, "changed", count,
	        "applied_us", 7);
}

static json_t *fake_answer(struct fake *fake, const json_t *request, int fd)
{
	const char *method = json_string_value(json_object_get(request, "method"));
	const json_t *params = json_object_get(request, "params");

	if (strcmp(method, "node.add") == 0)
		return fake_node_add(fake, params);
	if (strcmp(method, "matrix.commit") == 0)
		return fake_commit(fake, params, fd);
	if (strcmp(method, "route.add") == 0) {
		if (++fake->n_routes == fake->refuse_route)
			return NULL;
		return json_pack("{s:b}", "created", fake->n_routes > 1 || fake->n_there == 0);
	}
	if (strcmp(method, "route.del") == 0) {
		fake->n_routes_deleted++;
		return json_pack("{s:b}", "deleted", 1);
	}
	if (strcmp(method, "node.del") == 0) {
		if (fake->refuse_del)
			return NULL;
		fake->n_deleted++;
		return json_pack("{s:b}", "deleted", 1);
	}
	return NULL;
}

static void fake_serve_line(struct fake *fake, int fd, const char *line, int passed_fd)
{
	json_t *request = json_loads(line, 0, NULL);
	json_t *result = fake_answer(fake, request, passed_fd);
	json_t *id = json_object_get(request, "id");
	json_t *answer =
	        result != NULL
	                ? json_pack("{s:s, s:O, s:o}", "jsonrpc", "2.0", "id", id, "result", result)
	                : json_pack("{s:s, s:O, s:{s:i, s:s}}", "jsonrpc", "2.0", "id", id, "error",
	                          "code", ORRERY_E_LIMIT, "message", "the pools hold 4");
	char *text = json_dumps(answer, JSON_COMPACT);

	dprintf(fd, "%s\n", text);
	free(text);
	json_decref(answer);
	json_decref(request);
}

static void *fake_serve(void *arg)
{
	struct fake *fake = arg;
	struct jsonrpc_reader *reader = jsonrpc_reader_create();
	int fd = accept(fake->listen_fd, NULL, NULL);

	do {
		int fds[JSONRPC_FDS_MAX];
		size_t n_fds;
		const char *line;

		while ((line = jsonrpc_reader_line(reader, fds, &n_fds)) != NULL) {
			fake_serve_line(fake, fd, line, n_fds > 0 ? fds[0] : -1);
			for (size_t i = 0; i < n_fds; i++)
				close(fds[i]);
		}
	} while (jsonrpc_reader_fill(reader, fd) > 0);
	jsonrpc_reader_destroy(reader);
	close(fd);
	return NULL;
}

static void fake_start(struct fake *fake)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	memset(fake, 0, sizeof(*fake));
	strcpy(fake->dir, "/tmp/orrery-test-XXXXXX");
	assert_non_null(mkdtemp(fake->dir));
	snprintf(fake->path, sizeof(fake->path), "%s/s", fake->dir);
	strcpy(address.sun_path, fake->path);
	fake->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(fake->listen_fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(fake->listen_fd, 1), 0);
	assert_int_equal(pthread_create(&fake->thread, NULL, fake_serve, fake), 0);
}

struct run {
	struct fake fake;
	struct cli cli;
	struct sim sim;
	char *out, *err;
	size_t out_size, err_size;
};

static void run_start(struct run *run, bool json)
{
	struct fault fault = {0};

	memset(run, 0, sizeof(*run));
	fake_start(&run->fake);
	run->cli = (struct cli){.out = open_memstream(&run->out, &run->out_size),
	        .err = open_memstream(&run->err, &run->err_size),
	        .json = json,
	        .timeout_ms = 10000,
	        .socket_path = run->fake.path,
	        .command_words = "scenario run"};
	if (sim_open(&run->sim, SHIPPED("iridium"), &fault) != 0)
		fail_msg("%s", fault.message);
}

// Ends the connection and with it the fake.
static void run_stop(struct run *run)
{
	cli_fini(&run->cli);
	pthread_join(run->fake.thread, NULL);
	close(run->fake.listen_fd);
	unlink(run->fake.path);
	rmdir(run->fake.dir);
	fclose(run->cli.out);
	fclose(run->cli.err);
}

static void run_free(struct run *run)
{
	sim_close(&run->sim);
	free(run->out);
	free(run->err);
}

static uint32_t find_ref(const struct fake *fake, const char *ref)
{
	for (uint32_t i = 0; i < fake->n_ifaces; i++) {
		if (strcmp(fake->refs[i], ref) == 0)
			return i;
	}
	return ORRERY_IFACE_NONE;
}

// The fake's links against the sky at `t_s`.
static void compare_with_sky(struct run *run, double t_s, double tolerance_ns)
{
	const struct constellation *con = run->sim.con;
	char ref[IFACE_REF_SIZE];

	sim_at(&run->sim, t_s, 0);
	for (uint32_t i = 0; i < con->n_ifaces; i++) {
		const struct matrix_link *want = &run->sim.matrix.links[i];
		const struct orrery_record *have =
		        &run->fake.links[find_ref(&run->fake, con_iface_ref(con, i, ref))];

		if (con->ifaces[i].role == CON_POD)
			continue;
		if (want->to == CON_NONE) {
			assert_int_equal(have->to, ORRERY_IFACE_NONE);
			continue;
		}
		assert_int_equal(have->to, find_ref(&run->fake, con_iface_ref(con, want->to, ref)));
		assert_int_equal((have->flags & ORRERY_LINK_UP) != 0, want->up);
		assert_true(fabs(have->delay_ns - want->delay_ns) < tolerance_ns);
	}
}

static void test_run(void **state)
{
	struct run run;
	struct runner_options options = {.speed = 600, .from_s = 600, .end_s = 660, .clean = true};
	double step_s;

	run_start(&run, false);
	step_s = (double)runner_tick_ns(run.sim.con, 600) * 1e-9 * 600;
	assert_true(step_s > 7 && step_s < 8);
	assert_int_equal(runner_run(&run.cli, &run.sim, &options), CLI_OK);
	run_stop(&run);
	assert_int_equal(run.fake.n_wrong, 0);
	assert_int_equal(run.fake.n_nodes, 68);
	assert_int_equal(run.fake.n_routes, 2);
	assert_int_equal(run.fake.n_deleted, 68);
	assert_true(run.fake.n_commits >= 1 && run.fake.n_commits <= 8);
	assert_non_null(strstr(run.out, "bonn sees sat-"));
	assert_non_null(strstr(run.out, "bonn - newyork: one way "));
	assert_non_null(strstr(run.out, "68 nodes deleted"));
	assert_string_equal(run.err, "");
	run_free(&run);
}

static void test_records_are_the_sky(void **state)
{
	struct run run;
	// one epoch: nothing but the first
	struct runner_options options = {.speed = 0.1, .from_s = 1234, .end_s = 1234.002};

	run_start(&run, false);
	assert_int_equal(runner_run(&run.cli, &run.sim, &options), CLI_OK);
	run_stop(&run);
	assert_int_equal(run.fake.n_commits, 1);
	assert_int_equal(run.fake.n_deleted, 0);
	compare_with_sky(&run, 1234, 20000); // 2 us/s for the time that a commit may be off
	run_free(&run);
}

static void test_json_lines(void **state)
{
	struct run run;
	struct runner_options options = {.speed = 600, .from_s = 0, .end_s = 30};
	unsigned n_epochs = 0;

	run_start(&run, true);
	assert_int_equal(runner_run(&run.cli, &run.sim, &options), CLI_OK);
	run_stop(&run);
	for (char *at, *line = strtok_r(run.out, "\n", &at); line != NULL;
	        line = strtok_r(NULL, "\n", &at)) {
		json_t *object = json_loads(line, 0, NULL);
		const json_t *pair;

		assert_non_null(object);
		pair = json_array_get(json_object_get(object, "pairs"), 0);
		if (strcmp(json_string_value(json_object_get(object, "type")), "epoch") == 0) {
			json_int_t rtt_ns = json_integer_value(json_object_get(pair, "rtt_ns"));

			n_epochs++;
			assert_in_range(rtt_ns, 20000000, 200000000);
			assert_true(json_array_size(json_object_get(pair, "nodes")) > 2);
		}
		json_decref(object);
	}
	assert_true(n_epochs >= 1);
	assert_int_equal(n_epochs, run.fake.n_commits);
	run_free(&run);
}

static void test_refused_commit(void **state)
{
	struct run run;
	struct runner_options options = {.speed = 600, .from_s = 0, .end_s = 600};

	run_start(&run, false);
	run.fake.refuse_commit = 1;
	assert_int_equal(runner_run(&run.cli, &run.sim, &options), CLI_FAILED);
	run_stop(&run);
	assert_non_null(strstr(run.err, "the pools hold 4"));
	assert_int_equal(run.fake.n_deleted, 0);
	run_free(&run);
}

// Nodes that were there are not its own to delete.
static void test_clean_of_some(void **state)
{
	struct run run;
	struct runner_options options = {.speed = 1, .from_s = 0, .end_s = 0.02, .clean = true};

	run_start(&run, false);
	run.fake.n_there = 60;
	assert_int_equal(runner_run(&run.cli, &run.sim, &options), CLI_OK);
	run_stop(&run);
	assert_int_equal(run.fake.n_deleted, 8);
	assert_int_equal(run.fake.n_routes_deleted, 0); // they go with their stations
	assert_non_null(strstr(run.out, "8 nodes deleted, 60 stay that were there"));
	run_free(&run);

	run_start(&run, false);
	run.fake.n_there = 68;
	assert_int_equal(runner_run(&run.cli, &run.sim, &options), CLI_OK);
	run_stop(&run);
	assert_int_equal(run.fake.n_deleted, 0);
	assert_int_equal(run.fake.n_routes_deleted, 1);
	run_free(&run);
}

// What cannot be made whole is taken back, or the user told what to do.
static void test_refused_deploy(void **state)
{
	struct run run;
	struct runner_options options = {.speed = 1, .from_s = 0, .end_s = 1};

	run_start(&run, false);
	run.fake.n_there = 5;
	run.fake.refuse_node = 20;
	assert_int_equal(runner_run(&run.cli, &run.sim, &options), CLI_FAILED);
	run_stop(&run);
	assert_int_equal(run.fake.n_deleted, 14);
	assert_int_equal(run.fake.n_commits, 0);
	assert_null(strstr(run.err, "could be deleted"));
	run_free(&run);

	run_start(&run, false);
	run.fake.refuse_route = 2;
	assert_int_equal(runner_run(&run.cli, &run.sim, &options), CLI_FAILED);
	run_stop(&run);
	assert_int_equal(run.fake.n_deleted, 68);
	run_free(&run);

	run_start(&run, false);
	run.fake.refuse_node = 20;
	run.fake.refuse_del = true;
	assert_int_equal(runner_run(&run.cli, &run.sim, &options), CLI_FAILED);
	run_stop(&run);
	assert_non_null(strstr(run.err, "'orrery scenario clean FILE' removes"));
	run_free(&run);
}

static void test_signal(void **state)
{
	struct run run;
	struct runner_options options = {.speed = 1, .from_s = 0, .end_s = INFINITY};
	sigset_t mask, old;

	// Pending before the run starts: it stops at its first wait.
	sigemptyset(&mask);
	sigaddset(&mask, SIGTERM);
	run_start(&run, false);
	pthread_sigmask(SIG_BLOCK, &mask, &old);
	raise(SIGTERM);
	assert_int_equal(runner_run(&run.cli, &run.sim, &options), CLI_OK);
	pthread_sigmask(SIG_SETMASK, &old, NULL); // the signal was taken
	run_stop(&run);
	assert_int_equal(run.fake.n_commits, 0);
	run_free(&run);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_run),
	        cmocka_unit_test(test_records_are_the_sky),
	        cmocka_unit_test(test_json_lines),
	        cmocka_unit_test(test_refused_commit),
	        cmocka_unit_test(test_clean_of_some),
	        cmocka_unit_test(test_refused_deploy),
	        cmocka_unit_test(test_signal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
