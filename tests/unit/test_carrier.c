/* SPDX-License-Identifier: BSD-3-Clause */
// Carrier of ports that follow their link: which changes a pod is shown and which not, in turns
// beside the event loop, and over a restart.
#include <errno.h>
#include <event2/event.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "control_rig.h"
#include "log.h"
#include "state.h"

#define N_MANY 100
#define SLOW_NS 100000 // what one change takes: N_MANY of them are several turns

static struct control_rig rig;

// Ports in memory that outlive the switch, and whose carrier takes its time.
static struct {
	struct port_ops ops;
	struct port_found found[4];
	size_t n_found;
	unsigned n_set;
} slow;

static json_t *call(const char *method, const char *params)
{
	json_t *answer = control_rig_call(&rig, method, params);

	if (json_object_get(answer, "code") != NULL)
		fail_msg("%s: %s", method, json_string_value(json_object_get(answer, "message")));
	return answer;
}

static void make(const char *method, const char *params)
{
	json_decref(call(method, params));
}

static void expect_refused(const char *params, const char *words)
{
	json_t *answer = control_rig_call(&rig, "port.add", params);
	const char *message = json_string_value(json_object_get(answer, "message"));

	assert_non_null(message);
	if (strstr(message, words) == NULL)
		fail_msg("'%s', expected '%s'", message, words);
	json_decref(answer);
}

static struct switch_port *port_of(const char *ref)
{
	struct iface *iface;

	assert_int_equal(model_ref_find(&rig.control->model, ref, "interface", &iface, NULL), 0);
	assert_non_null(iface->port);
	return iface->port;
}

static void add(const char *node, bool carrier)
{
	char params[160];

	snprintf(params, sizeof(params),
	        "{\"interface\":\"%s/eth0\",\"backend\":\"mem\",\"node_kind\":\"pod\"%s}", node,
	        carrier ? ",\"carrier\":true" : "");
	make("port.add", params);
}

// What the pod was shown and how often, and what port.show says.
static void expect(const char *ref, bool up, uint64_t n_changes)
{
	struct switch_port *p = port_of(ref);
	char params[80];
	json_t *answer;

	assert_int_equal(mem_carrier(&p->port), up);
	assert_int_equal(mem_carrier_changes(&p->port), n_changes);
	snprintf(params, sizeof(params), "{\"interface\":\"%s\"}", ref);
	answer = call("port.show", params);
	assert_int_equal(
	        json_is_true(json_object_get(json_object_get(answer, "port"), "carrier_up")), up);
	json_decref(answer);
}

static void test_follows(void **state)
{
	control_rig_open(&rig, NULL);
	add("a", true);
	expect("a/eth0", false, 1); // nothing is plugged in
	add("b", false);
	make("link.set", "{\"from\":\"a/eth0\",\"to\":\"b/eth0\",\"reverse\":true}");
	expect("a/eth0", true, 2);
	make("link.set", "{\"from\":\"a/eth0\",\"delay_ns\":1000,\"loss\":0.5}");
	expect("a/eth0", true, 2); // of no interest
	make("link.set", "{\"from\":\"b/eth0\",\"up\":false}");
	expect("a/eth0", true, 2); // another direction
	make("link.set", "{\"from\":\"a/eth0\",\"up\":false}");
	expect("a/eth0", false, 3);
	make("link.set", "{\"from\":\"a/eth0\",\"up\":true}");
	expect("a/eth0", true, 4);
	make("node.add", "{\"name\":\"c\",\"kind\":\"pod\",\"interfaces\":[\"x\"]}");
	make("link.set", "{\"from\":\"a/eth0\",\"to\":\"c/x\"}");
	expect("a/eth0", true, 4); // plugged over, and never without
	make("node.del", "{\"name\":\"c\",\"force\":true}");
	expect("a/eth0", false, 5);
	make("link.set", "{\"from\":\"a/eth0\",\"to\":\"b/eth0\"}");
	make("link.del", "{\"from\":\"a/eth0\"}");
	expect("a/eth0", false, 7);
	expect("b/eth0", true, 0); // off by default
	control_rig_close(&rig, false);
}

static void test_plugged_again(void **state)
{
	control_rig_open(&rig, NULL);
	add("b", false);
	add("a", true);
	make("link.set", "{\"from\":\"a/eth0\",\"to\":\"b/eth0\",\"up\":false}");
	make("port.del", "{\"interface\":\"a/eth0\"}");
	add("a", true);
	expect("a/eth0", false, 1);
	make("link.set", "{\"from\":\"a/eth0\",\"up\":true}");
	expect("a/eth0", true, 2);
	make("port.del", "{\"interface\":\"a/eth0\"}");
	add("a", false);
	make("link.set", "{\"from\":\"a/eth0\",\"up\":false}");
	expect("a/eth0", true, 0); // the option went with the port that had it
	control_rig_close(&rig, false);
}

static void test_refused(void **state)
{
	struct control_rig_options options = {.driver = &slow.ops};

	control_rig_open(&rig, NULL);
	expect_refused("{\"interface\":\"r/g\",\"backend\":\"mem\",\"node_kind\":\"router\","
	               "\"carrier\":true}",
	        "router");
	control_rig_close(&rig, false);
	slow.ops = mem_ops;
	slow.ops.set_carrier = NULL;
	control_rig_open(&rig, &options);
	expect_refused("{\"interface\":\"a/eth0\",\"backend\":\"mem\",\"node_kind\":\"pod\","
	               "\"carrier\":true}",
	        "cannot be shown");
	control_rig_close(&rig, false);
}

// --- turns ---------------------------------------------------------------------------------------

static int set_carrier_slowly(struct port *port, bool up, struct fault *fault)
{
	struct timespec time = {.tv_nsec = SLOW_NS};

	(void)nanosleep(&time, NULL);
	slow.n_set++;
	return mem_ops.set_carrier(port, up, fault);
}

static int create_slow(struct port_driver *driver, const struct port_config *config,
        struct port *port, struct fault *fault)
{
	int ret = mem_ops.create(driver, config, port, fault);

	port->ops = &slow.ops;
	return ret;
}

// One epoch for all links.
static void set_all(bool up)
{
	struct control *c = rig.control;
	struct matrix_result result;
	struct fault fault = {0};
	uint64_t epoch;

	matrix_begin(c->matrix);
	for (uint32_t id = 0; id < c->model.iface_ids.end; id++) {
		struct orrery_record record = {
		        .from = id, .set = ORRERY_SET_UP, .flags = up ? ORRERY_LINK_UP : 0};

		if (matrix_link(c->matrix, id) != NULL)
			assert_int_equal(matrix_stage(c->matrix, &record, &fault), 0);
	}
	assert_int_equal(control_commit_matrix(c, &result, &epoch, &fault), 0);
	assert_int_equal(result.changed, N_MANY);
}

static void turn_until_done(void)
{
	while (rig.control->carrier.due != NULL)
		(void)event_base_loop(rig.control->base, EVLOOP_ONCE);
}

static void test_turns(void **state)
{
	char path[64], node[16], params[128];
	struct control_rig_options options = {.driver = &slow.ops, .socket_path = path};

	snprintf(path, sizeof(path), "/tmp/orrery-carrier-%d.sock", getpid());
	slow.ops = mem_ops;
	slow.ops.create = create_slow;
	slow.ops.set_carrier = set_carrier_slowly;
	control_rig_open(&rig, &options);
	add("far", false);
	for (int i = 0; i < N_MANY; i++) {
		snprintf(node, sizeof(node), "n%d", i);
		add(node, i % 2 == 0);
		snprintf(params, sizeof(params), "{\"from\":\"n%d/eth0\",\"to\":\"far/eth0\"}", i);
		make("link.set", params);
		turn_until_done();
	}
	slow.n_set = 0;
	set_all(false);
	assert_int_equal(slow.n_set, 0); // not a part of the epoch
	(void)event_base_loop(rig.control->base, EVLOOP_ONCE);
	assert_in_range(slow.n_set, 1, N_MANY / 2 - 1); // others get their turn
	make("port.del", "{\"interface\":\"n0/eth0\"}"); // while it waits for its own
	turn_until_done();
	assert_int_equal(slow.n_set, N_MANY / 2 - 1);
	expect("n2/eth0", false, 3);
	expect("n1/eth0", true, 0);
	slow.n_set = 0;
	set_all(true);
	set_all(false);
	turn_until_done();
	assert_int_equal(slow.n_set, 0); // it came and went before anybody looked
	control_rig_close(&rig, false);
}

// --- restart -------------------------------------------------------------------------------------

static char dir[] = "/tmp/orrery-carrier-XXXXXX";

static int scan_left(struct port_driver *driver, void (*found)(const struct port_found *, void *),
        void *arg, struct fault *fault)
{
	for (size_t i = 0; i < slow.n_found; i++)
		found(&slow.found[i], arg);
	return 0;
}

static int adopt_left(struct port_driver *driver, const struct port_found *found, struct port *port,
        struct fault *fault)
{
	struct port_config config = {.netns_fd = -1, .mtu = found->mtu};

	memcpy(config.ref, found->ref, sizeof(config.ref));
	return mem_ops.create(driver, &config, port, fault);
}

static void leave(const char *ref, bool carrier)
{
	struct port_found *f = &slow.found[slow.n_found];

	*f = (struct port_found){
	        .id = (uint32_t)slow.n_found++, .mtu = 1400, .no_carrier = !carrier};
	snprintf(f->ref, sizeof(f->ref), "%s", ref);
}

static void populate(void)
{
	add("up", true);
	add("down", true);
	add("late", true); // the switch dies before it can show that the link is up
	add("other", false);
	make("link.set", "{\"from\":\"up/eth0\",\"to\":\"other/eth0\"}");
	make("link.set", "{\"from\":\"down/eth0\",\"to\":\"other/eth0\",\"up\":false}");
	make("link.set", "{\"from\":\"late/eth0\",\"to\":\"other/eth0\"}");
	state_save_now(rig.control->state);
	control_rig_close(&rig, /* keep */ true);
}

static void test_adopted(void **state)
{
	struct control_rig_options options = {.state_dir = dir, .driver = &slow.ops};

	slow.ops = mem_ops;
	slow.ops.scan = scan_left;
	slow.ops.adopt = adopt_left;
	slow.n_found = 0;
	control_rig_open(&rig, &options);
	populate();
	leave("up/eth0", true);
	leave("down/eth0", false);
	leave("late/eth0", false);
	leave("other/eth0", false); // somebody took its carrier, and it follows nothing
	control_rig_open(&rig, &options);
	assert_int_equal(mem_carrier_changes(&port_of("up/eth0")->port), 0);
	assert_int_equal(
	        mem_carrier_changes(&port_of("down/eth0")->port), 0); // no coming and going
	expect("late/eth0", true, 1);
	expect("other/eth0", true, 1);
	make("link.set", "{\"from\":\"up/eth0\",\"up\":false}");
	expect("up/eth0", false, 1);
	control_rig_close(&rig, false);
}

static void test_made_again(void **state)
{
	struct control_rig_options options = {.state_dir = dir, .driver = &slow.ops};

	slow.ops = mem_ops;
	control_rig_open(&rig, &options);
	populate();
	control_rig_open(&rig, &options);
	expect("up/eth0", true, 1);
	expect("down/eth0", false, 1);
	expect("other/eth0", true, 0);
	control_rig_close(&rig, false);
}

static int make_dir(void **state)
{
	return mkdtemp(dir) != NULL ? 0 : -1;
}

static int remove_dir(void **state)
{
	return rmdir(dir) < 0 && errno != ENOENT ? -1 : 0;
}

// A port that changes its state on and on does not fill the log.
static void test_flood(void **state)
{
	enum log_level level = log_level();
	int fd = memfd_create("log", MFD_CLOEXEC), err = dup(STDERR_FILENO), n_lines = 0;
	const struct port_host *host;
	char text[8192];
	ssize_t len;

	control_rig_open(&rig, NULL);
	add("a", false);
	host = &rig.control->ports.host;
	log_set_level(LOG_LEVEL_INFO);
	assert_int_equal(dup2(fd, STDERR_FILENO), STDERR_FILENO);
	for (int i = 0; i < 1000; i++)
		host->state_changed(host->arg, &port_of("a/eth0")->port);
	dup2(err, STDERR_FILENO);
	log_set_level(level);
	len = pread(fd, text, sizeof(text), 0);
	assert_true(len > 0);
	for (ssize_t i = 0; i < len; i++)
		n_lines += text[i] == '\n';
	// a few at once, then one a second, however slow this machine is
	assert_true(n_lines >= 8 && n_lines < 100);
	assert_true(port_of("a/eth0")->n_unlogged > 0);
	close(fd);
	close(err);
	control_rig_close(&rig, false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_follows),
	        cmocka_unit_test(test_plugged_again),
	        cmocka_unit_test(test_refused),
	        cmocka_unit_test(test_turns),
	        cmocka_unit_test(test_adopted),
	        cmocka_unit_test(test_made_again),
	        cmocka_unit_test(test_flood),
	};

	control_rig_eal();
	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
