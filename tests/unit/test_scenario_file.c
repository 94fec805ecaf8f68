/* SPDX-License-Identifier: BSD-3-Clause */
// Scenario files: what is read, what is refused and with which words; shipped files; the manual.
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <arpa/inet.h>
#include <glob.h>

#include <cmocka.h>

#include "address.h"
#include "constellation.h"
#include "scenario.h"

#define HEAD "name = \"t\"; epoch = \"2026-01-01T00:00:00Z\";\n"
#define SHELL_REST                                                                          \
	"planes = 6; satellites_per_plane = 11; altitude_km = 780; inclination_deg = 86.4;" \
	"pattern = \"star\";"
#define SHELLS "shells: ({ " SHELL_REST " });\n"
#define STATION(name, more) "{ name = \"" name "\"; latitude_deg = 1; longitude_deg = 2;" more " }"

static void read_ok(const char *text, struct scenario *scenario)
{
	struct fault fault = {0};

	if (scenario_read_text(text, "t", scenario, &fault) != 0)
		fail_msg("%s", fault.message);
}

static void test_defaults(void **state)
{
	struct scenario s;

	read_ok(HEAD SHELLS, &s);
	assert_string_equal(s.name, "t");
	assert_int_equal(s.epoch_ns, 1767225600000000000ll);
	assert_int_equal(s.duration_ns, 0);
	assert_int_equal(s.step_ns, 1000000000);
	assert_int_equal(s.max_error_ns, 2000);
	assert_int_equal(s.prefix_len, 48);
	assert_int_equal(s.n_shells, 1);
	assert_string_equal(s.shells[0].name, "sat");
	assert_int_equal(s.shells[0].pattern, SCENARIO_STAR);
	assert_true(s.shells[0].arc_deg == 180);
	assert_int_equal(s.shells[0].kind, SCENARIO_ROUTER);
	assert_true(s.shells[0].isl.min_height_km == 80);
	assert_true(s.shells[0].isl.max_latitude_deg == 90);
	assert_int_equal(s.shells[0].isl.grid, SCENARIO_GRID_PLUS);
	assert_int_equal(s.shells[0].isl.link.rate_bps, 0);
	assert_true(s.shells[0].isl.link.loss_bad == 1);
	assert_true(s.gsl.uplink.loss_bad == 1);
	assert_int_equal(s.n_stations, 0);
	scenario_free(&s);
	scenario_free(&s); // twice is no harm
}

static void test_every_key(void **state)
{
	struct scenario s;

	read_ok(HEAD
	        "duration = \"90min\"; step = \"500ms\"; max_error = \"10us\";"
	        "addresses: { prefix = \"fd00:1:2::/48\"; };"
	        "shells: ({ name = \"leo\"; " SHELL_REST " phase = 2; arc_deg = 190.5;"
	        "raan_deg = -10; anomaly_deg = 5.5; kind = \"pod\";"
	        "beam: { capacity = \"1gbit\"; }; isl: { grid = \"none\";"
	        "min_height_km = 100; max_latitude_deg = 66.5; rate = \"10gbit\";"
	        "queue = \"64k\"; queue_pkts = 100; jitter = \"10us\"; jitter_corr = 0.5;"
	        "loss = \"0.1%\"; loss_bad = \"50%\"; good = \"10s\"; bad = \"100ms\";"
	        "duplicate = \"1%\"; reorder = \"2%\"; allow_reorder = true; mtu = 1500; }; });"
	        "gsl: { rate = \"100mbit\"; loss = \"1%\"; uplink: { rate = \"20mbit\"; };"
	        "downlink: { mtu = 1400; }; };"
	        "ground_stations: (" STATION("a",
	                "height_m = 100; min_elevation_deg = 25;"
	                "policy = \"longest\"; antennas = 4; kind = \"pod\";"
	                "prefix = \"fd00:9::/64\";") ", " STATION("b", "kind = \"pod\";") ");",
	        &s);
	const struct scenario_link *isl = &s.shells[0].isl.link;

	assert_int_equal(s.duration_ns, 5400000000000ll);
	assert_int_equal(s.step_ns, 500000000);
	assert_int_equal(s.shells[0].kind, SCENARIO_POD);
	assert_int_equal(s.shells[0].phase, 2);
	assert_true(s.shells[0].arc_deg == 190.5);
	assert_true(s.shells[0].raan_deg == -10);
	assert_int_equal(s.shells[0].isl.grid, SCENARIO_GRID_NONE);
	assert_int_equal(isl->rate_bps, 10000000000);
	assert_int_equal(isl->queue_bytes, 64000);
	assert_int_equal(isl->queue_pkts, 100);
	assert_int_equal(isl->jitter_ns, 10000);
	assert_true(isl->jitter_corr == 0.5);
	assert_true(isl->loss == 0.001 && isl->loss_bad == 0.5);
	assert_int_equal(isl->good_ns, 10000000000);
	assert_int_equal(isl->bad_ns, 100000000);
	assert_true(isl->duplicate == 0.01 && isl->reorder == 0.02 && isl->allow_reorder);
	assert_int_equal(isl->mtu, 1500);
	// Both directions start from the common keys.
	assert_int_equal(s.gsl.uplink.rate_bps, 20000000);
	assert_int_equal(s.gsl.downlink.rate_bps, 100000000);
	assert_true(s.gsl.uplink.loss == 0.01 && s.gsl.downlink.loss == 0.01);
	assert_int_equal(s.gsl.uplink.mtu, 0);
	assert_int_equal(s.gsl.downlink.mtu, 1400);
	assert_int_equal(s.stations[0].kind, SCENARIO_POD);
	assert_int_equal(s.stations[0].prefix_len, 64);
	assert_int_equal(s.stations[0].policy, SCENARIO_LONGEST);
	assert_int_equal(s.stations[0].antennas, 4);
	assert_int_equal(s.stations[1].antennas, 1);
	assert_int_equal(s.shells[0].beam.capacity_bps, 1000000000);
	assert_true(s.stations[1].min_elevation_deg == 10);
	scenario_free(&s);
}

static void test_refusals(void **state)
{
	static const struct {
		const char *text, *field, *says;
	} rows[] = {
	        {"", "name", "t: key 'name': is missing"},
	        {HEAD SHELLS "ground_stations: (" STATION("a", "antennas = 17;") ");",
	                "ground_stations.antennas", "expected a whole number from 1 to 16"},
	        {HEAD "shells: ({ " SHELL_REST " beam: { capacity = \"10bit\"; }; });",
	                "shells.beam.capacity", "below 1 kbit/s"},
	        {HEAD "shells: ({ planes = 4294967298;", "planes",
	                "t:2: key 'planes': 4294967298 does not fit 32 bits"},
	        {HEAD "shells: ({ planes = 4294967298L; satellites_per_plane = 1; });",
	                "shells.planes", "expected a whole number from 1 to 9999"},
	        {HEAD "colour = 1;", "colour", "t:2: key 'colour': unknown key"},
	        {HEAD SHELLS "\nshels: ();", "shels", "t:4: key 'shels': unknown key"},
	        {HEAD "shells: ({ planes = 1; });", "shells.satellites_per_plane", "is missing"},
	        {HEAD "shells: ({ " SHELL_REST "\n isl: { rat = 1; }; });", "shells.isl.rat",
	                "t:3: key 'shells.isl.rat': unknown key"},
	        {HEAD "shells: ({ " SHELL_REST " isl: { rate = 10; }; });", "shells.isl.rate",
	                "expected a rate like"},
	        {HEAD "shells: ({ " SHELL_REST " isl: { rate = \"10mbps\"; }; });",
	                "shells.isl.rate", "expected a rate like"},
	        {HEAD "shells: ({ " SHELL_REST " isl: { loss = \"200%\"; }; });", "shells.isl.loss",
	                "expected a share"},
	        {HEAD "shells: ({ " SHELL_REST " isl: { reorder = \"0.0007%\"; }; });",
	                "shells.isl",
	                "isl.reorder: 7e-06 would be rounded to 0, the smallest is "
	                "0.001526%"},
	        {HEAD "shells: ({ " SHELL_REST " isl: { good = \"1s\"; }; });", "shells.isl",
	                "go together"},
	        {HEAD "shells: ({ " SHELL_REST " isl: { rate = \"10bit\"; }; });", "shells.isl",
	                "below 1 kbit/s"},
	        {HEAD "shells: ({ " SHELL_REST " phase = 6; });", "shells.phase",
	                "expected 0 to 5"},
	        {HEAD "shells: ({ " SHELL_REST " kind = \"bridge\"; });", "shells.kind",
	                "expected \"router\" or \"pod\""},
	        {HEAD "shells: ({ " SHELL_REST " name = \"a/b\"; });", "shells.name",
	                "expected a name"},
	        {HEAD "shells: ({ " SHELL_REST " }, { " SHELL_REST " });", "shells.name",
	                "two shells are named 'sat'"},
	        {HEAD "shells: ({ planes = 0; });", "shells.planes", "from 1 to 9999"},
	        {HEAD "shells: ({ planes = 6.5; });", "shells.planes", "a whole number"},
	        {HEAD "shells: ({ planes = 9999; satellites_per_plane = 9999; altitude_km = 500;"
	              "inclination_deg = 1; pattern = \"star\"; });",
	                "shells", "more than 20000 satellites"},
	        {HEAD "shells: ();", "shells", "has 0 elements"},
	        {HEAD "shells: (1);", "shells", "expected a group"},
	        {HEAD "shells = 1;", "shells", "expected a list"},
	        {HEAD SHELLS "gsl = 1;", "gsl", "expected a group"},
	        {HEAD SHELLS "gsl: { uplink: { colour = 1; }; };", "gsl.uplink.colour",
	                "unknown key"},
	        {HEAD SHELLS "step = \"1\";", "step", "expected a duration"},
	        {HEAD SHELLS "step = \"6s\";", "step", "0.01 to 5 s"},
	        {HEAD SHELLS "addresses: { prefix = \"fd00::/49\"; };", "addresses.prefix",
	                "8 to 48"},
	        {HEAD SHELLS "addresses: { prefix = \"fd00::1/48\"; };", "addresses.prefix",
	                "rest zero"},
	        {HEAD SHELLS "addresses: { prefix = \"10.0.0.0/8\"; };", "addresses.prefix",
	                "an IPv6 prefix"},
	        {HEAD SHELLS "ground_stations: (" STATION("aaaaaaaaaaaaa", "") ");",
	                "ground_stations.name", "at most 12"},
	        {HEAD SHELLS "ground_stations: (" STATION("a", "") "," STATION("a", "") ");",
	                "ground_stations.name", "two ground stations are named 'a'"},
	        {HEAD SHELLS "ground_stations: (" STATION("sat-5-10", "") ");",
	                "ground_stations.name", "the name of a satellite"},
	        {HEAD SHELLS "ground_stations: (" STATION(
	                 "a", "prefix = \"fd00:0:0:2::/64\";") "," STATION("b", "") ");",
	                "ground_stations.prefix", "have the same prefix"},
	        {HEAD SHELLS "ground_stations: (" STATION("a", "kind = \"pod\";") ");",
	                "ground_stations.kind", "ground station 'a' is a pod"},
	        {HEAD "shells: ({ " SHELL_REST " }, { name = \"b\"; kind = \"pod\"; " SHELL_REST
	              " }); ground_stations: (" STATION("a", "") ");",
	                "shells.kind", "'sat' and 'b'"},
	        {HEAD SHELLS "ground_stations: ({ name = \"a\"; latitude_deg = 91; });",
	                "ground_stations.latitude_deg", "from -90 to 90"},
	        {"name = ;", "", "t:1: syntax error"},
	        {"name = \"t\"; name = \"t\";", "", "duplicate setting name"},
	        {"name = \"t\"; epoch = \"yesterday\";", "epoch", "expected UTC"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct scenario scenario;
		struct fault fault = {0};

		assert_int_equal(scenario_read_text(rows[i].text, "t", &scenario, &fault) < 0, 1);
		assert_string_equal(fault.field, rows[i].field);
		if (strstr(fault.message, rows[i].says) == NULL)
			fail_msg("'%s' does not say '%s'", fault.message, rows[i].says);
	}
}

static void test_names_that_only_look_alike(void **state)
{
	struct scenario s;

	// No such satellites: planes are 0 to 5, slots 0 to 10, and numbers have no leading zeros.
	read_ok(HEAD SHELLS "ground_stations: (" STATION("sat-6-0", "") "," STATION("sat-0-11",
	                "") "," STATION("sat-01-1", "") "," STATION("sat-1-1a", "") ");",
	        &s);
	scenario_free(&s);
}

static void test_missing_file(void **state)
{
	struct scenario scenario;
	struct fault fault;

	assert_int_equal(scenario_read_file("/nonexistent/x", &scenario, &fault), -ENOENT);
	assert_string_equal(fault.message, "/nonexistent/x: No such file or directory");
	assert_true(scenario_read_file("/", &scenario, &fault) < 0);
}

static void test_shipped_files(void **state)
{
	glob_t found;

	assert_int_equal(
	        glob(ORRERY_SOURCE_ROOT "/config/scenarios/*.scenario", 0, NULL, &found), 0);
	assert_true(found.gl_pathc >= 7);
	for (size_t i = 0; i < found.gl_pathc; i++) {
		struct scenario scenario;
		struct constellation *con;
		struct fault fault = {0};

		if (scenario_read_file(found.gl_pathv[i], &scenario, &fault) != 0)
			fail_msg("%s", fault.message);
		assert_int_equal(con_create(&scenario, &con, &fault), 0);
		con_destroy(con);
		scenario_free(&scenario);
	}
	globfree(&found);
}

// Rules between keys name the line as well: of the key, or of the group without it.
static void test_lines_of_rules(void **state)
{
	static const struct {
		const char *text, *says;
	} rows[] = {
	        {HEAD "shells: ({ " SHELL_REST " },\n{ name = \"b\"; " SHELL_REST
	              "\n phase = 6; });",
	                "t:4: shell 'b': phase 6"},
	        {HEAD "shells: ({ " SHELL_REST "\n isl: {\n rate = \"1bit\"; }; });",
	                "t:3: shells.isl: rate 1 bit/s"},
	        {HEAD SHELLS "gsl: {\n uplink: { good = \"1s\"; }; };",
	                "t:4: gsl.uplink: 'good' and 'bad'"},
	        {HEAD SHELLS "ground_stations: (" STATION("a", "") ",\n" STATION(
	                 "b", "") ",\n" STATION("a", "") ");",
	                "t:5: two ground stations are named 'a'"},
	        {HEAD SHELLS "ground_stations: (" STATION("a", "") ",\n" STATION(
	                 "b", "outage = \"1s\";") ");",
	                "t:4: ground station 'b' has an outage"},
	        {HEAD SHELLS "failures: ({ node = \"a\"; },\n { node = \"a\";\n from = \"2s\";\n"
	                     "until = \"1s\"; });",
	                "t:6: failure 2 ends before it begins"},
	        {HEAD SHELLS "failures: ({ node = \"a\"; },\n { });",
	                "t:4: failure 2: expected one"},
	};
	struct constellation *con;
	struct fault fault = {0};
	struct scenario s;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_true(scenario_read_text(rows[i].text, "t", &s, &fault) < 0);
		if (strncmp(fault.message, rows[i].says, strlen(rows[i].says)) != 0)
			fail_msg("'%s' is not '%s'", fault.message, rows[i].says);
	}
	read_ok(HEAD SHELLS "failures: ({ node = \"sat-0-0\"; },\n { node = \"nobody\"; });", &s);
	assert_int_equal(con_create(&s, &con, &fault), -ENOENT);
	assert_string_equal(fault.message, "t:4: failure 2: there is no 'nobody'");
	scenario_free(&s);
}

static void test_empty_file(void **state)
{
	char path[] = "/tmp/orrery-test-XXXXXX";
	int fd = mkstemp(path);
	struct fault fault = {0};
	struct scenario s;

	assert_true(fd >= 0);
	assert_int_equal(scenario_read_file(path, &s, &fault), -EINVAL);
	assert_non_null(strstr(fault.message, "is empty, expected a scenario"));
	close(fd);
	unlink(path);
}

#define MIXED "tle = \"" ORRERY_SOURCE_ROOT "/config/scenarios/mixed.tle\";"

static void test_element_sets(void **state)
{
	struct constellation *con;
	struct scenario s;

	read_ok(HEAD "shells: ({ " MIXED " }, { name = \"x\"; " SHELL_REST " });"
	             "ground_stations: (" STATION("sat-0-1", "") ");",
	        &s);
	assert_int_equal(s.earth, SCENARIO_WGS84);
	assert_int_equal(s.shells[0].isl.grid, SCENARIO_GRID_NONE);
	assert_int_equal(con_create(&s, &con, NULL), 0);
	assert_int_equal(con_find_node(con, "sat-90001"), 0);
	assert_int_equal(con_find_node(con, "sat-90301"), 26);
	assert_int_equal(con_find_node(con, "x-0-0"), 27);
	con_destroy(con);
	scenario_free(&s);

	// in planes: names and links as in any other shell
	read_ok(HEAD "earth = \"sphere\"; shells: ({ planes = 3; satellites_per_plane = 9;"
	             "pattern = \"star\"; " MIXED " });",
	        &s);
	assert_int_equal(s.earth, SCENARIO_SPHERE);
	assert_int_equal(con_create(&s, &con, NULL), 0);
	assert_int_equal(con_find_node(con, "sat-2-8"), 26);
	assert_int_equal(con->n_isls, 27 + 2 * 9);
	con_destroy(con);
	scenario_free(&s);
}

static void refused(const char *text, const char *words)
{
	struct fault fault = {0};
	struct scenario s;

	assert_true(scenario_read_text(text, "t", &s, &fault) < 0);
	if (strstr(fault.message, words) == NULL)
		fail_msg("'%s' is not in '%s'", words, fault.message);
}

static void test_element_sets_refused(void **state)
{
	refused(HEAD "shells: ({ " MIXED " planes = 3; });", "go together");
	refused(HEAD "shells: ({ " MIXED " planes = 3; satellites_per_plane = 8; });",
	        "3 planes of 8 satellites, and 27 element sets");
	refused(HEAD "shells: ({ " MIXED " altitude_km = 550; });", "does not go with 'tle'");
	refused(HEAD "shells: ({ " MIXED " raan_deg = 1; });", "does not go with 'tle'");
	refused(HEAD "shells: ({ tle = \"nowhere.tle\"; });", "nowhere.tle: No such file");
	refused(HEAD "shells: ({ tle = \"\"; });", "expected the path of a file");
	refused(HEAD "shells: ({ tle = 1; });", "expected the path of a file");
	refused(HEAD "shells: ({ " MIXED " });"
	             "ground_stations: (" STATION("sat-90001", "") ");",
	        "has the name of a satellite");
	refused("name = \"t\"; epoch = \"2028-01-01T00:00:00Z\"; shells: ({ " MIXED " });",
	        "mixed.tle:3: the elements of 90001 are 730 days older");
}

static const char *text_of(const uint8_t address[16])
{
	static char buf[INET6_ADDRSTRLEN]; // a test's own

	return inet_ntop(AF_INET6, address, buf, sizeof(buf));
}

static void test_addresses(void **state)
{
	struct constellation *con;
	struct scenario s;

	read_ok(HEAD "addresses: { prefix = \"fd00:66::/48\"; };"
	             "shells: ({ planes = 72; satellites_per_plane = 22; altitude_km = 550;"
	             "inclination_deg = 53; pattern = \"delta\"; }, { name = \"x\"; " SHELL_REST
	             " });"
	             "ground_stations: (" STATION("a", "") "," STATION("b", "") "," STATION(
	                     "c", "prefix = \"2001:db8:4::/56\";") ");",
	        &s);
	assert_int_equal(con_create(&s, &con, NULL), 0);
	assert_string_equal(
	        text_of(con->nodes[con_find_node(con, "sat-3-17")].address), "fd00:66::1:3:17");
	assert_string_equal(text_of(con->nodes[0].address), "fd00:66::1:0:0");
	assert_string_equal(
	        text_of(con->nodes[con_find_node(con, "x-5-10")].address), "fd00:66::2:5:10");
	assert_string_equal(text_of(con->nodes[con_find_node(con, "b")].address), "fd00:66:0:2::1");
	assert_string_equal(text_of(con->nodes[con_find_node(con, "c")].address), "2001:db8:4::1");
	assert_string_equal(text_of(s.stations[0].prefix), "fd00:66:0:1::");
	con_destroy(con);
	scenario_free(&s);
}

static void find_in_manual(const char *path, void *arg)
{
	static const char *const link_groups[] = {"shells.isl.", "gsl.uplink.", "gsl.downlink.",
	        "gsl.", "user.uplink.", "user.downlink.", "user."};
	const char *manual = arg;
	char cell[96];

	snprintf(cell, sizeof(cell), "| `%s` |", path);
	for (size_t i = 0; i < 7 && strstr(manual, cell) == NULL; i++) {
		if (strncmp(path, link_groups[i], strlen(link_groups[i])) == 0)
			snprintf(cell, sizeof(cell), "| `%s` |", path + strlen(link_groups[i]));
	}
	if (strcmp(path, "addresses") == 0 || strcmp(path, "gsl.uplink") == 0 ||
	        strcmp(path, "gsl.downlink") == 0 || strcmp(path, "user.uplink") == 0 ||
	        strcmp(path, "user.downlink") == 0) // in the text
		return;
	if (strstr(manual, cell) == NULL)
		fail_msg("docs/scenarios.md has no row for '%s'", path);
}

static void test_manual_has_every_key(void **state)
{
	FILE *file = fopen(ORRERY_SOURCE_ROOT "/docs/scenarios.md", "r");
	char *manual = calloc(1, 65536);

	assert_non_null(file);
	assert_non_null(manual);
	assert_true(fread(manual, 1, 65535, file) > 1000);
	fclose(file);
	scenario_visit_keys(find_in_manual, manual);
	free(manual);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_defaults),
	        cmocka_unit_test(test_every_key),
	        cmocka_unit_test(test_refusals),
	        cmocka_unit_test(test_names_that_only_look_alike),
	        cmocka_unit_test(test_missing_file),
	        cmocka_unit_test(test_shipped_files),
	        cmocka_unit_test(test_element_sets),
	        cmocka_unit_test(test_element_sets_refused),
	        cmocka_unit_test(test_addresses),
	        cmocka_unit_test(test_manual_has_every_key),
	        cmocka_unit_test(test_lines_of_rules),
	        cmocka_unit_test(test_empty_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
