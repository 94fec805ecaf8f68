/* SPDX-License-Identifier: BSD-3-Clause */
// Killed and started again: what was saved comes back with the same ids, ports that the driver
// still finds are taken back, what vanished is dropped, what was made after the last save is
// adopted. A broken or half-written state is no reason not to start.
#include <errno.h>
#include <event2/event.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "control_rig.h"
#include "journal.h"
#include "log.h"
#include "state.h"

#define LEFT_MAX 64

// A driver whose ports outlive the switch: those of mem, and a list of what it finds.
static struct {
	struct port_found found[LEFT_MAX];
	size_t n;
	size_t n_adopted, n_served;
	bool scan_fails;
	size_t n_links; // that workers saw when the first one was adopted
	struct control_rig *rig;
} left;

static int scan_left(struct port_driver *driver, void (*found)(const struct port_found *, void *),
        void *arg, struct fault *fault)
{
	for (size_t i = 0; i < left.n; i++)
		found(&left.found[i], arg);
	return left.scan_fails ? fault_set(fault, -EIO, NULL, "no scan") : 0;
}

static void serve_left(struct port_driver *driver)
{
	left.n_served++;
}

static size_t count_links(const struct control *c)
{
	const struct view *view = publisher_view(c->publisher);
	size_t n = 0;

	for (uint32_t id = 0; id < c->model.iface_ids.end; id++)
		n += view->links[id].to != DP_NONE;
	return n;
}

static int adopt_left(struct port_driver *driver, const struct port_found *found, struct port *port,
        struct fault *fault)
{
	struct port_config config = {.netns_fd = -1, .mtu = found->mtu};

	if (left.n_adopted++ == 0)
		left.n_links = count_links(left.rig->control);
	memcpy(config.mac, found->mac, sizeof(config.mac));
	memcpy(config.ref, found->ref, sizeof(config.ref));
	return mem_ops.create(driver, &config, port, fault);
}

static struct port_ops lasting_ops;
static char dir[] = "/tmp/orrery-state-XXXXXX";

static void leave(uint32_t id, const char *ref, const char *owner)
{
	struct port_found *f = &left.found[left.n++];

	*f = (struct port_found){.id = id, .mtu = 1400, .mac = {2, 0, 0, 0, 0, (uint8_t)id}};
	snprintf(f->ref, sizeof(f->ref), "%s", ref);
	snprintf(f->owner, sizeof(f->owner), "%s", owner);
}

static void start(struct control_rig *rig)
{
	struct control_rig_options options = {.state_dir = dir, .driver = &lasting_ops};

	left.rig = rig;
	left.n_adopted = left.n_served = left.n_links = 0;
	control_rig_open(rig, &options);
}

static void call(struct control_rig *rig, const char *method, const char *params)
{
	json_t *answer = control_rig_call(rig, method, params);

	if (json_object_get(answer, "code") != NULL)
		fail_msg("%s: %s", method, json_string_value(json_object_get(answer, "message")));
	json_decref(answer);
}

static char *show(struct control_rig *rig, const char *method, const char *params)
{
	json_t *answer = control_rig_call(rig, method, params);
	char *text = json_dumps(answer, JSON_COMPACT | JSON_SORT_KEYS);

	json_decref(answer);
	return text;
}

// Some of everything, with a hole in the ids.
static void populate(struct control_rig *rig)
{
	call(rig, "node.add", "{\"name\":\"gone\",\"kind\":\"pod\",\"interfaces\":[\"x\"]}");
	call(rig, "node.add",
	        "{\"name\":\"a\",\"kind\":\"router\",\"address\":\"fd00::a\",\"interfaces\":[\"i\","
	        "\"g\"]}");
	call(rig, "node.add",
	        "{\"name\":\"b\",\"kind\":\"router\",\"address\":\"fd00::b\",\"interfaces\":[\"i\"]"
	        "}");
	call(rig, "node.del", "{\"name\":\"gone\"}");
	call(rig, "link.set",
	        "{\"from\":\"a/i\",\"to\":\"b/"
	        "i\",\"reverse\":true,\"delay_ns\":4000,\"rate_bps\":8000000,\"loss\":0.5}");
	call(rig, "link.set", "{\"from\":\"a/i\",\"up\":false}");
	call(rig, "route.add", "{\"prefix\":\"fd01::/64\",\"node\":\"b\"}");
	call(rig, "route.add",
	        "{\"prefix\":\"fd02::/64\",\"interface\":\"a/g\",\"mac\":\"02:00:00:00:00:99\"}");
	call(rig, "port.add",
	        "{\"interface\":\"a/"
	        "g\",\"backend\":\"mem\",\"owner\":\"c1:eth0\",\"mac\":\"02:00:00:00:00:00\","
	        "\"addresses\":[\"fd03::7/64\"]}");
}

static void kill_switch(struct control_rig *rig)
{
	state_save_now(rig->control->state);
	control_rig_close(rig, /* keep */ true);
}

static void test_everything(void **state)
{
	static const char *const views[][2] = {
	        {"node.list", ""}, {"link.list", ""}, {"route.list", ""}, {"interface.list", ""}};
	struct control_rig rig;
	char *before[4];

	left.n = 0;
	start(&rig);
	populate(&rig);
	for (int i = 0; i < 4; i++)
		before[i] = show(&rig, views[i][0], views[i][1]);
	kill_switch(&rig);

	leave(0, "a/g", "c1:eth0");
	start(&rig);
	for (int i = 0; i < 4; i++) {
		char *after = show(&rig, views[i][0], views[i][1]);

		// the order of routes is that of their making: the port's is made before the static
		// ones
		if (i != 2)
			assert_string_equal(after, before[i]);
		free(before[i]);
		free(after);
	}
	assert_int_equal(left.n_adopted, 1);
	// the station's address is routed again
	json_t *answer = control_rig_call(&rig, "route.get", "{\"dst\":\"fd03::7\"}");

	assert_string_equal(json_string_value(json_object_get(answer, "origin")), "port");
	json_decref(answer);
	answer = control_rig_call(&rig, "route.list", "");
	assert_int_equal(json_integer_value(json_object_get(answer, "total")), 5);
	json_decref(answer);
	answer = control_rig_call(&rig, "port.show", "{\"interface\":\"a/g\"}");
	const json_t *port = json_object_get(answer, "port");

	assert_true(json_is_true(json_object_get(port, "adopted")));
	assert_string_equal(json_string_value(json_object_get(port, "owner")), "c1:eth0");
	json_decref(answer);
	// the CNI's retry finds it
	call(&rig, "port.add", "{\"interface\":\"a/g\",\"backend\":\"mem\",\"owner\":\"c1:eth0\"}");
	control_rig_close(&rig, false);
}

static void test_vanished_and_unknown(void **state)
{
	struct control_rig rig;

	left.n = 0;
	start(&rig);
	populate(&rig);
	kill_switch(&rig);

	leave(5, "new/eth0", "c2:eth0"); // made after the last save; the saved one is gone
	leave(6, "not a reference", "");
	leave(5, "twice/eth0", ""); // an id that is taken
	leave(1000, "far/eth0", ""); // an id over the limit
	log_set_level(LOG_LEVEL_ERR);
	start(&rig);
	json_t *answer = control_rig_call(&rig, "port.list", "");
	const json_t *items = json_object_get(answer, "items");

	assert_int_equal(json_array_size(items), 1);
	assert_string_equal(
	        json_string_value(json_object_get(json_array_get(items, 0), "interface")),
	        "new/eth0");
	assert_int_equal(json_integer_value(json_object_get(json_array_get(items, 0), "id")), 5);
	json_decref(answer);
	control_rig_close(&rig, false);
}

// Many ports: the first have their links, and their driver is served, before the last is there.
static void test_first_need_not_wait(void **state)
{
	struct control_rig rig;
	char params[96], ref[16];

	left.n = 0;
	start(&rig);
	populate(&rig);
	for (int i = 0; i < 40; i++) {
		snprintf(params, sizeof(params),
		        "{\"interface\":\"p%d/x\",\"backend\":\"mem\",\"node_kind\":\"pod\"}", i);
		call(&rig, "port.add", params);
	}
	kill_switch(&rig);
	for (uint32_t i = 0; i < 40; i++) {
		snprintf(ref, sizeof(ref), "p%u/x", i);
		leave(i, ref, "");
	}
	start(&rig);
	assert_int_equal(left.n_adopted, 40);
	assert_int_equal(left.n_links, 2);
	assert_true(left.n_served >= 2);
	// what was held back is published
	assert_false(publisher_dirty(rig.control->publisher));
	control_rig_close(&rig, false);
}

static void write_file(const char *name, const char *text)
{
	char path[128];
	FILE *file;

	assert_int_equal(mkdir(dir, 0700) < 0 ? errno : EEXIST, EEXIST);
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	file = fopen(path, "we");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static void copy_file(const char *from, const char *to)
{
	char source[128], bytes[65536];
	FILE *file;
	size_t n;

	snprintf(source, sizeof(source), "%s/%s", dir, from);
	file = fopen(source, "re");
	n = file != NULL ? fread(bytes, 1, sizeof(bytes) - 1, file) : 0;
	if (file != NULL)
		fclose(file);
	bytes[n] = '\0';
	snprintf(source, sizeof(source), "%s/%s", dir, to);
	file = fopen(source, "we");
	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, n, file), n);
	fclose(file);
}

static void remove_file(const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	(void)unlink(path);
}

// What closing saves is undone: the files are as a kill -9 would leave them.
static void kill_unsaved(struct control_rig *rig)
{
	static const char *const names[3][2] = {
	        {"state.json", "a"}, {"state.journal", "b"}, {"links.records", "c"}};

	for (int i = 0; i < 3; i++)
		copy_file(names[i][0], names[i][1]);
	control_rig_close(rig, /* keep */ true);
	for (int i = 0; i < 3; i++) {
		copy_file(names[i][1], names[i][0]);
		remove_file(names[i][1]);
	}
}

// Everything that was answered is there, saved or not: put, changed, and gone.
static void test_killed_before_save(void **state)
{
	static const char *const views[][2] = {
	        {"node.list", ""}, {"interface.list", ""}, {"link.list", ""}, {"route.list", ""}};
	struct control_rig rig;
	json_t *answer, *port;
	char *before[4];

	for (int saved = 0; saved < 2; saved++) {
		left.n = 0;
		start(&rig);
		populate(&rig);
		if (saved)
			state_save_now(rig.control->state);
		call(&rig, "node.add",
		        "{\"name\":\"late\",\"kind\":\"router\",\"address\":\"fd00::1a\"}");
		call(&rig, "port.add",
		        "{\"interface\":\"late/g\",\"backend\":\"mem\",\"owner\":\"c2:eth0\","
		        "\"ifname\":\"eth0\",\"addresses\":[\"fd04::7/64\"]}");
		call(&rig, "route.add", "{\"prefix\":\"fd05::/64\",\"node\":\"late\"}");
		call(&rig, "route.del", "{\"prefix\":\"fd01::/64\"}");
		call(&rig, "node.add",
		        "{\"name\":\"short\",\"kind\":\"pod\",\"interfaces\":[\"x\"]}");
		call(&rig, "node.del", "{\"name\":\"short\"}");
		call(&rig, "port.del", "{\"interface\":\"a/g\"}");
		call(&rig, "node.del", "{\"name\":\"b\",\"force\":true}");
		call(&rig, "link.del", "{\"from\":\"a/i\"}");
		call(&rig, "link.set",
		        "{\"from\":\"late/g\",\"to\":\"a/g\",\"delay_ns\":7000,\"reverse\":true}");
		call(&rig, "link.set", "{\"from\":\"late/g\",\"loss\":0.25}");
		call(&rig, "link.del", "{\"from\":\"a/g\"}");
		for (int i = 0; i < 4; i++)
			before[i] = show(&rig, views[i][0], views[i][1]);
		kill_unsaved(&rig);

		leave(1, "late/g", "c2:eth0");
		start(&rig);
		for (int i = 0; i < 4; i++) {
			char *after = show(&rig, views[i][0], views[i][1]);

			if (i != 3 || strlen(after) != strlen(before[i]))
				assert_string_equal(after, before[i]);
			free(before[i]);
			free(after);
		}
		answer = control_rig_call(&rig, "port.show", "{\"interface\":\"late/g\"}");
		port = json_object_get(answer, "port");
		assert_string_equal(
		        json_string_value(json_array_get(json_object_get(port, "addresses"), 0)),
		        "fd04::7/64");
		json_decref(answer);
		// a name and its id are free for another
		call(&rig, "node.add", "{\"name\":\"short\",\"kind\":\"router\"}");
		control_rig_close(&rig, false);
	}
}

// While the state cannot be saved, for long.
static void test_full_journal(void **state)
{
	struct journal journal;

	(void)state;
	journal_init(&journal, dir);
	journal.n_good = JOURNAL_MAX - 1;
	assert_int_equal(journal_put(&journal, json_object()), 0);
	assert_int_equal(journal_put(&journal, json_object()), -ENOSPC);
	journal_fini(&journal);
}

// Half a line, and a journal of another generation.
static void test_broken_journal(void **state)
{
	static const char *const texts[] = {
	        "",
	        "{\"generation\":0}\n{\"node\":{\"name\":\"x\",\"kind\":\"pod\"",
	        "{\"generation\":7}\n{\"node\":{\"name\":\"x\",\"kind\":\"pod\",\"id\":0}}\n",
	        "{\"generation\":0}\n[]\n{}\n{\"interface\":7,\"of\":\"q\"}\n7\n",
	        "{\"generation\":0}\n{\"port\":3}\n{\"node_gone\":\"q\"}\n{}\n",
	        "{\"generation\":0}\n{\"interface_gone\":\"q\",\"of\":\"q\"}\n",
	};
	struct control_rig rig;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		left.n = 0;
		write_file("state.journal", texts[i]);
		start(&rig);
		assert_null(model_node_find(&rig.control->model, "x"));
		call(&rig, "node.add", "{\"name\":\"y\",\"kind\":\"pod\"}");
		kill_unsaved(&rig);
		start(&rig);
		assert_non_null(model_node_find(&rig.control->model, "y"));
		control_rig_close(&rig, false);
	}
}

static void add_entry(json_t *list, json_t *entry)
{
	assert_int_equal(json_array_append_new(list, entry), 0);
}

static json_t *node_entry(const char *name)
{
	return json_pack("{s:s, s:s, s:[]}", "name", name, "kind", "router", "interfaces");
}

// A node takes the routes along that were there before, to it and to its interfaces, but not those
// of one that has its name later. Many nodes go beside many routes: what is each with each takes
// minutes.
static void test_replay_of_nodes_gone(void **state)
{
	static const char *const left_routes[] = {"fd00::/64", "fd02::/64", "fd03::/64"};
	json_t *root = json_pack("{s:[], s:[], s:[]}", "nodes", "ports", "routes"),
	       *routes = json_object_get(root, "routes"), *entries = json_array();
	char name[32];
	size_t n_left = 0;

	for (int i = 0; i < 30000; i++) {
		snprintf(name, sizeof(name), "n%d", i);
		add_entry(json_object_get(root, "nodes"), node_entry(name));
		add_entry(entries, json_pack("{s:s}", "node_gone", name));
		add_entry(routes, json_pack("{s:s+, s:s}", "prefix", name, "::/64", "node", name));
	}
	add_entry(routes, json_pack("{s:s, s:s}", "prefix", "fd00::/64", "node", "n"));
	add_entry(routes, json_pack("{s:s, s:s}", "prefix", "fd01::/64", "interface", "n1/x"));
	add_entry(entries, json_pack("{s:o}", "node", node_entry("n1")));
	add_entry(
	        entries, json_pack("{s:{s:s, s:s}}", "route", "prefix", "fd02::/64", "node", "n1"));
	add_entry(entries,
	        json_pack("{s:{s:s, s:s}}", "route", "prefix", "fd03::/64", "interface", "n1/x"));
	add_entry(
	        entries, json_pack("{s:{s:s, s:s}}", "route", "prefix", "fd04::/64", "node", "n2"));
	add_entry(entries, json_pack("{s:s}", "node_gone", "n2"));
	state_replay(root, entries);
	assert_int_equal(json_array_size(json_object_get(root, "nodes")), 1);
	routes = json_object_get(root, "routes");
	assert_int_equal(json_array_size(routes), 3);
	for (size_t i = 0; i < 3; i++)
		n_left += strcmp(json_string_value(
		                         json_object_get(json_array_get(routes, i), "prefix")),
		                  left_routes[i]) == 0;
	assert_int_equal(n_left, 3);
	json_decref(entries);
	json_decref(root);
}

// Killed after the topology was saved and before the links were: ids that are others' now.
static void test_links_older_than_interfaces(void **state)
{
	struct control_rig rig;
	json_t *answer;

	left.n = 0;
	start(&rig);
	call(&rig, "node.add", "{\"name\":\"a\",\"kind\":\"pod\",\"interfaces\":[\"x\",\"y\"]}");
	call(&rig, "node.add", "{\"name\":\"b\",\"kind\":\"pod\",\"interfaces\":[\"x\",\"y\"]}");
	call(&rig, "link.set", "{\"from\":\"a/x\",\"to\":\"a/y\"}");
	call(&rig, "link.set", "{\"from\":\"b/x\",\"to\":\"b/y\"}");
	state_save_now(rig.control->state);
	copy_file("links.records", "old");
	call(&rig, "node.del", "{\"name\":\"a\",\"force\":true}");
	call(&rig, "node.add", "{\"name\":\"c\",\"kind\":\"pod\",\"interfaces\":[\"x\",\"y\"]}");
	kill_switch(&rig);
	copy_file("old", "links.records");
	remove_file("old");
	start(&rig);
	answer = control_rig_call(&rig, "link.list", "");
	assert_int_equal(json_array_size(json_object_get(answer, "items")), 1);
	json_decref(answer);
	call(&rig, "link.show", "{\"from\":\"b/x\"}");
	control_rig_close(&rig, false);
}

// A port that is made again is the one that a retried request made before.
static void test_made_again(void **state)
{
	static const char params[] =
	        "{\"interface\":\"p/"
	        "x\",\"backend\":\"mem\",\"node_kind\":\"pod\",\"owner\":\"c1:net1\","
	        "\"ifname\":\"net1\",\"mtu\":1400,\"mac\":\"02:00:00:00:00:05\",\"addresses\":["
	        "\"fd03::7/64\"]}";
	struct control_rig_options options = {.state_dir = dir, .driver = &mem_ops};
	struct control_rig rig;
	json_t *answer;
	char *before, *after;

	control_rig_open(&rig, &options);
	call(&rig, "port.add", params);
	before = show(&rig, "port.show", "{\"interface\":\"p/x\"}");
	kill_unsaved(&rig);
	control_rig_open(&rig, &options);
	after = show(&rig, "port.show", "{\"interface\":\"p/x\"}");
	assert_string_equal(after, before);
	answer = control_rig_call(&rig, "port.add", params);
	assert_true(json_is_false(json_object_get(answer, "created")));
	json_decref(answer);
	free(before);
	free(after);
	control_rig_close(&rig, false);
}

// Nodes that port.add made, one of them linked. Their ports went while no switch ran: they go too.
static void test_transient(void **state)
{
	struct control_rig rig;
	json_t *answer;

	left.n = 0;
	start(&rig);
	call(&rig, "node.add", "{\"name\":\"far\",\"kind\":\"pod\",\"interfaces\":[\"x\"]}");
	call(&rig, "port.add",
	        "{\"interface\":\"held/i\",\"backend\":\"mem\",\"node_kind\":\"pod\"}");
	call(&rig, "port.add",
	        "{\"interface\":\"back/i\",\"backend\":\"mem\",\"node_kind\":\"pod\"}");
	call(&rig, "port.add",
	        "{\"interface\":\"lost/i\",\"backend\":\"mem\",\"node_kind\":\"pod\"}");
	call(&rig, "link.set", "{\"from\":\"far/x\",\"to\":\"held/i\"}");
	kill_switch(&rig);

	leave(1, "back/i", "");
	start(&rig);
	answer = control_rig_call(&rig, "node.list", "");
	assert_int_equal(json_integer_value(json_object_get(answer, "total")), 3);
	json_decref(answer);
	call(&rig, "port.del", "{\"interface\":\"back/i\"}");
	answer = control_rig_call(&rig, "node.list", "");
	assert_int_equal(json_integer_value(json_object_get(answer, "total")), 2);
	json_decref(answer);
	answer = control_rig_call(&rig, "node.show", "{\"name\":\"held\"}");
	assert_true(json_is_true(json_object_get(json_object_get(answer, "node"), "transient")));
	json_decref(answer);
	control_rig_close(&rig, false);
}

static void test_broken(void **state)
{
	static const char *const texts[] = {
	        "",
	        "{",
	        "[]",
	        "{\"nodes\":7,\"ports\":{},\"routes\":\"x\"}",
	        "{\"nodes\":[1,{},{\"name\":\"a "
	        "b\",\"kind\":\"pod\"},{\"name\":\"c\",\"kind\":\"planet\"},"
	        "{\"name\":\"d\",\"kind\":\"pod\",\"id\":-5,\"interfaces\":[1,[],[2],[0,\"x\"],[0,"
	        "\"y\"]]}],"
	        "\"ports\":[1,{},{\"backend\":\"mem\"},{\"backend\":\"mem\",\"interface\":\"q\","
	        "\"devargs\":\"x\"}],"
	        "\"routes\":[{},1,{\"prefix\":\"x\"}]}",
	};
	struct control_rig rig;

	left.n = 0;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		write_file("state.json", texts[i]);
		write_file("links.records", "half a record");
		start(&rig);
		call(&rig, "node.add", "{\"name\":\"works\",\"kind\":\"pod\"}");
		control_rig_close(&rig, false);
		assert_int_equal(rmdir(dir) < 0 ? errno : ENOENT, ENOENT); // nothing is left
	}
}

static bool is_file(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

// A save that fails is not the last one: nothing else has to change for the next.
static void test_failed_save(void **state)
{
	char socket_path[64];
	struct control_rig_options options = {
	        .state_dir = dir, .socket_path = socket_path, .driver = &lasting_ops};
	struct timeval soon = {.tv_usec = 4 * STATE_DELAY_MS * 1000};
	struct control_rig rig;
	const char *nodes, *links;
	time_t end = time(NULL) + 20;

	left.n = 0;
	snprintf(socket_path, sizeof(socket_path), "%s.sock", dir);
	control_rig_open(&rig, &options);
	nodes = state_json_path(rig.control->state);
	links = state_links_path(rig.control->state);
	call(&rig, "node.add", "{\"name\":\"a\",\"kind\":\"pod\",\"interfaces\":[\"x\",\"y\"]}");
	call(&rig, "link.set", "{\"from\":\"a/x\",\"to\":\"a/y\"}");
	// in the way of what is renamed
	assert_int_equal(unlink(links), 0);
	assert_int_equal(mkdir(nodes, 0700), 0);
	assert_int_equal(mkdir(links, 0700), 0);
	(void)event_base_loopexit(rig.control->base, &soon);
	assert_int_equal(event_base_dispatch(rig.control->base), 0); // the save that was due fails
	assert_false(is_file(nodes));
	assert_int_equal(rmdir(nodes), 0);
	state_save_now(rig.control->state); // the half that can be
	assert_true(is_file(nodes));
	assert_false(is_file(links));
	assert_int_equal(rmdir(links), 0);
	while (!is_file(links) && time(NULL) < end)
		assert_int_equal(event_base_loop(rig.control->base, EVLOOP_ONCE), 0);
	assert_true(is_file(links));
	control_rig_close(&rig, false);
}

// A start that fails, before or after it took something back, leaves the state for the next.
static void test_failed_start(void **state)
{
	struct control_call no_call = {.method = "node.add",
	        .params = json_pack("{s:s, s:s}", "name", "a", "kind", "pod"),
	        .where = "test"};
	struct control_rig_options options = {
	        .state_dir = dir, .driver = &lasting_ops, .start_fails = true};
	struct control_rig rig;
	char *before, *after;

	left.n = 0;
	start(&rig);
	populate(&rig);
	call(&rig, "port.del", "{\"interface\":\"a/g\"}");
	before = show(&rig, "link.list", "");
	kill_unsaved(&rig);
	for (int i = 0; i < 2; i++) {
		left.scan_fails = i == 0;
		options.calls = i == 1 ? &no_call : NULL;
		options.n_calls = i == 1;
		control_rig_open(&rig, &options);
		control_rig_close(&rig, rig.control->keep);
	}
	start(&rig);
	after = show(&rig, "link.list", "");
	assert_string_equal(after, before);
	assert_non_null(model_node_find(&rig.control->model, "b"));
	control_rig_close(&rig, false);
	json_decref(no_call.params);
	free(before);
	free(after);
}

// A journal that cannot be written is no reason to forget what was answered.
static void test_no_journal(void **state)
{
	struct control_rig rig;
	char path[128];

	left.n = 0;
	start(&rig);
	snprintf(path, sizeof(path), "%s/state.journal", dir);
	assert_int_equal(mkdir(path, 0700), 0);
	call(&rig, "node.add", "{\"name\":\"a\",\"kind\":\"pod\"}");
	copy_file("state.json", "saved");
	assert_int_equal(rmdir(path), 0);
	control_rig_close(&rig, /* keep */ true);
	copy_file("saved", "state.json");
	remove_file("saved");
	start(&rig);
	assert_non_null(model_node_find(&rig.control->model, "a"));
	control_rig_close(&rig, false);
}

// However late the timer is, the file of the links does not grow on and on.
static void test_links_appended(void **state)
{
	char params[64];
	struct control_rig rig;
	json_t *answer;
	struct stat st;

	left.n = 0;
	start(&rig);
	call(&rig, "node.add", "{\"name\":\"a\",\"kind\":\"pod\",\"interfaces\":[\"x\",\"y\"]}");
	call(&rig, "link.set", "{\"from\":\"a/x\",\"to\":\"a/y\"}");
	for (int i = 1; i <= 4000; i++) {
		snprintf(params, sizeof(params), "{\"from\":\"a/x\",\"delay_ns\":%d}", i);
		call(&rig, "link.set", params);
		assert_int_equal(stat(state_links_path(rig.control->state), &st), 0);
		assert_in_range(st.st_size, 1, 70000);
	}
	kill_unsaved(&rig);
	start(&rig);
	answer = control_rig_call(&rig, "link.show", "{\"from\":\"a/x\"}");
	assert_int_equal(
	        json_integer_value(json_object_get(json_object_get(answer, "link"), "delay_ns")),
	        4000);
	json_decref(answer);
	control_rig_close(&rig, false);
}

static int make_dir(void **state)
{
	lasting_ops = mem_ops;
	lasting_ops.scan = scan_left;
	lasting_ops.adopt = adopt_left;
	lasting_ops.handle_events = serve_left;
	return mkdtemp(dir) != NULL ? 0 : -1;
}

static int remove_dir(void **state)
{
	return rmdir(dir) < 0 && errno != ENOENT ? -1 : 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_everything),
	        cmocka_unit_test(test_vanished_and_unknown),
	        cmocka_unit_test(test_first_need_not_wait),
	        cmocka_unit_test(test_killed_before_save),
	        cmocka_unit_test(test_full_journal),
	        cmocka_unit_test(test_broken_journal),
	        cmocka_unit_test(test_replay_of_nodes_gone),
	        cmocka_unit_test(test_links_older_than_interfaces),
	        cmocka_unit_test(test_made_again),
	        cmocka_unit_test(test_transient),
	        cmocka_unit_test(test_broken),
	        cmocka_unit_test(test_failed_save),
	        cmocka_unit_test(test_failed_start),
	        cmocka_unit_test(test_no_journal),
	        cmocka_unit_test(test_links_appended),
	};

	control_rig_eal();
	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
