/* SPDX-License-Identifier: BSD-3-Clause */
// Celestial: shells and ground stations of its configuration become a scenario of ours, which is
// compiled. Phases of its planes are set afterwards: no Walker pattern has them.
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "compile.h"
#include "constellation.h"
#include "ephemeris.h"
#include "ephemeris_writer.h"
#include "import.h"
#include "names.h"
#include "parallel.h"
#include "scenario.h"
#include "simtime.h"
#include "toml.h"

#define S_NS 1000000000.0
#define RATES_MAX 2 // classes of ground links in a scenario
#define STEP_MAX_S 5
#define SCENARIO_FILE "configuration as a scenario"

struct celestial {
	struct import *import;
	char name[SOURCE_NAME_SIZE]; // of the file
	json_t *config;
	double resolution_s, duration_s, offset_s;
	int64_t epoch_ns; // Celestial's time 0
	double rates_kbps[RATES_MAX]; // of ground links
	size_t n_rates;
	unsigned n_all, n_renamed;
	bool bounded; // its bbox is not the whole Earth
};

// `table`: where it stands.
__attribute__((format(printf, 3, 4))) static int wrong(
        const struct celestial *c, const json_t *table, const char *fmt, ...)
{
	char text[200];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	return fault_set(c->import->fault, -EINVAL, "", "%.100s:%d: %s", c->name,
	        (int)json_integer_value(json_object_get(table, TOML_LINE)), text);
}

struct real_key {
	const char *name;
	double min, max;
	const double *preset; // NULL: the key must be there
	double *value;
};

static int take_reals(
        const struct celestial *c, const json_t *table, const struct real_key *keys, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const json_t *value = json_object_get(table, keys[i].name);

		if (value == NULL && keys[i].preset != NULL) {
			*keys[i].value = *keys[i].preset;
			continue;
		}
		*keys[i].value = json_number_value(value);
		if (!json_is_number(value) || !(*keys[i].value >= keys[i].min) ||
		        !(*keys[i].value <= keys[i].max))
			return wrong(c, table, "%s: expected a number from %g to %g", keys[i].name,
			        keys[i].min, keys[i].max);
	}
	return 0;
}

#define TAKE(c, table, keys) take_reals(c, table, keys, sizeof(keys) / sizeof(keys[0]))

struct network {
	double rate_kbps, min_elevation_deg;
	bool all; // a station has links to all satellites in sight
};

// Of a table, with what it does not say from `preset`.
static int take_network(const struct celestial *c, const json_t *table,
        const struct network *preset, struct network *network)
{
	const json_t *params = json_object_get(table, "network_params");
	const json_t *type = json_object_get(params, "ground_station_connection_type");
	const char *text = json_string_value(type);
	const struct real_key keys[] = {
	        {"bandwidth_kbits", 0, 4e9, &preset->rate_kbps, &network->rate_kbps},
	        {"min_elevation", 0, 89.9, &preset->min_elevation_deg, &network->min_elevation_deg},
	};

	*network = *preset;
	if (params == NULL)
		return 0;
	if (!json_is_object(params))
		return wrong(c, table, "network_params: expected a table");
	if (type != NULL &&
	        (text == NULL || (strcmp(text, "all") != 0 && strcmp(text, "one") != 0)))
		return wrong(
		        c, params, "ground_station_connection_type: expected \"all\" or \"one\"");
	network->all = type != NULL ? strcmp(text, "all") == 0 : preset->all;
	return TAKE(c, params, keys);
}

// --- the scenario's text ------------------------------------------------------------------------

static void write_rate(FILE *out, double kbps)
{
	if (kbps > 0)
		fprintf(out, "rate = \"%.0fkbit\";", round(kbps));
}

static int write_shell(
        struct celestial *c, FILE *out, size_t i, const json_t *shell, const struct network *all)
{
	double planes = 0, sats = 0, altitude = 0, inclination = 0, arc = 0, eccentricity = 0;
	const struct real_key keys[] = {
	        {"planes", 1, 9999, NULL, &planes},
	        {"sats", 1, 9999, NULL, &sats},
	        {"altitude_km", 160, 50000, NULL, &altitude},
	        {"inclination", 0, 180, NULL, &inclination},
	        {"arc_of_ascending_nodes", 1, 360, NULL, &arc},
	        {"eccentricity", 0, 0, NULL, &eccentricity},
	};
	double raan = rad_to_deg(simtime_sidereal_rad(c->epoch_ns));
	struct network network;
	int err = TAKE(c, shell, keys);

	if (err == 0 && (planes != floor(planes) || sats != floor(sats)))
		err = wrong(c, shell, "planes, sats: expected whole numbers");
	if (err == 0)
		err = take_network(c, shell, all, &network);
	if (err != 0)
		return err;
	fprintf(out,
	        "%s{ name = \"shell%zu\"; planes = %.0f; satellites_per_plane = %.0f;"
	        " altitude_km = %.17g; inclination_deg = %.17g; pattern = \"%s\"; arc_deg = %.17g;"
	        " raan_deg = %.17g; kind = \"pod\"; isl: { ",
	        i > 0 ? "," : "", i + 1, planes, sats, altitude, inclination,
	        arc <= 180 ? "star" : "delta", arc, raan);
	write_rate(out, network.rate_kbps);
	fprintf(out, " }; }\n");
	return 0;
}

// Which of the rates it is; at most two of them.
static int find_rate(struct celestial *c, const json_t *station, double kbps, size_t *ret_class)
{
	for (*ret_class = 0; *ret_class < c->n_rates; (*ret_class)++) {
		if (c->rates_kbps[*ret_class] == kbps)
			return 0;
	}
	if (c->n_rates == RATES_MAX)
		return wrong(c, station,
		        "bandwidth_kbits: a third rate of ground links; expected "
		        "at most %d different ones",
		        RATES_MAX);
	c->rates_kbps[c->n_rates++] = kbps;
	return 0;
}

static int write_station(
        struct celestial *c, FILE *out, size_t i, const json_t *station, const struct network *all)
{
	double latitude = 0, longitude = 0;
	const struct real_key keys[] = {
	        {"lat", -90, 90, NULL, &latitude}, {"long", -180, 180, NULL, &longitude}};
	const char *name = json_string_value(json_object_get(station, "name"));
	char own[SCENARIO_STATION_NAME_SIZE];
	struct network network;
	size_t class = 0;
	int err = TAKE(c, station, keys);

	if (err == 0 && name == NULL)
		err = wrong(c, station, "name: expected text");
	if (err != 0 || name == NULL)
		return err;
	err = take_network(c, station, all, &network);
	if (err == 0)
		err = find_rate(c, station, network.rate_kbps, &class);
	if (err != 0)
		return err;
	if (strlen(name) < sizeof(own) && node_name_check(name, NULL) == 0) {
		strcpy(own, name);
	} else {
		snprintf(own, sizeof(own), "gst-%u", (unsigned)i % 100000000);
		c->n_renamed++;
	}
	c->n_all += network.all;
	fprintf(out,
	        "%s{ name = \"%s\"; latitude_deg = %.17g; longitude_deg = %.17g;"
	        " min_elevation_deg = %.17g; class = \"%s\"; kind = \"pod\"; }\n",
	        i > 0 ? "," : "", own, latitude, longitude, network.min_elevation_deg,
	        class == 0 ? "gsl" : "user");
	return 0;
}

static int write_lists(struct celestial *c, FILE *out)
{
	const json_t *shells = json_object_get(c->config, "shell"), *item;
	const json_t *stations = json_object_get(c->config, "ground_station");
	const struct network none = {0, 10, false};
	struct network all;
	size_t i;
	int err = take_network(c, c->config, &none, &all);

	if (err == 0 && (!json_is_array(shells) || json_array_size(shells) == 0))
		err = wrong(c, c->config, "expected at least one [[shell]]");
	if (err == 0 && stations != NULL && !json_is_array(stations))
		err = wrong(c, c->config, "expected [[ground_station]]");
	if (err != 0)
		return err;
	fprintf(out, "shells: (\n");
	json_array_foreach (shells, i, item) {
		err = json_is_object(item) ? write_shell(c, out, i, item, &all)
		                           : wrong(c, c->config, "expected [[shell]]");
		if (err != 0)
			return err;
	}
	fprintf(out, ");\nground_stations: (\n");
	json_array_foreach (stations, i, item) {
		err = json_is_object(item) ? write_station(c, out, i, item, &all)
		                           : wrong(c, c->config, "expected [[ground_station]]");
		if (err != 0)
			return err;
	}
	fprintf(out, ");\n");
	for (i = 0; i < c->n_rates; i++) {
		fprintf(out, "%s: { ", i == 0 ? "gsl" : "user");
		write_rate(out, c->rates_kbps[i]);
		fprintf(out, " };\n");
	}
	return 0;
}

static int write_scenario(struct celestial *c, FILE *out)
{
	static const double no_offset = 0;
	const struct real_key keys[] = {
	        {"resolution", 1e-3, 1e6, NULL, &c->resolution_s},
	        {"duration", 1, 3e8, NULL, &c->duration_s},
	        {"offset", 0, 3e8, &no_offset, &c->offset_s},
	};
	const json_t *bbox = json_object_get(c->config, "bbox");
	char epoch[SIMTIME_TEXT_SIZE];
	int err = TAKE(c, c->config, keys);

	if (err != 0)
		return err;
	c->bounded = json_number_value(json_array_get(bbox, 0)) > -90 ||
	             json_number_value(json_array_get(bbox, 1)) > -180 ||
	             json_number_value(json_array_get(bbox, 2)) < 90 ||
	             json_number_value(json_array_get(bbox, 3)) < 180;
	c->offset_s = floor(c->offset_s);
	fprintf(out, "name = \"celestial\"; epoch = \"%s\"; earth = \"sphere\";\n",
	        simtime_format(epoch, c->epoch_ns + (int64_t)(c->offset_s * S_NS)));
	return write_lists(c, out);
}

// --- compiling ----------------------------------------------------------------------------------

// Planes in the middle are the first ones: the n-th of the order 0, 1 behind, 2 before, 3 behind,
// ... is n of `planes` parts of a slot ahead.
static double plane_phase(uint32_t plane, uint32_t n_planes)
{
	uint32_t before = (n_planes - 1) / 2; // planes in front of the first one
	double order = plane < before ? 2.0 * (before - plane) : 2.0 * (plane - before) - 1;

	return plane == before ? 0 : order / n_planes;
}

static void set_phases(const struct celestial *c, struct constellation *con)
{
	for (uint32_t i = 0; i < con->n_satellites; i++) {
		struct con_satellite *sat = &con->satellites[i];
		const struct scenario_shell *shell = &con->scenario->shells[sat->shell];
		double slots = (double)shell->satellites;
		double slot = sat->slot + plane_phase(sat->plane, (uint32_t)shell->planes);

		sat->orbit.phase_rad =
		        2 * M_PI * slot / slots + sat->orbit.rate_rad_s * c->offset_s;
	}
}

// Copies an ephemeris with its delays scaled.
static int copy_scaled(
        const struct celestial *c, const struct ephemeris *e, struct ephemeris_writer *writer)
{
	struct fault *fault = c->import->fault;
	double scale = c->import->options->delay_scale;
	uint32_t number;
	int err = 0;

	for (uint32_t i = 0; i < e->n_nodes && err == 0; i++)
		err = ephemeris_writer_node(
		        writer, ephemeris_node_name(e, i), e->nodes[i].kind, NULL, &number, fault);
	for (uint32_t i = 0; i < e->n_ifaces && err == 0; i++)
		err = ephemeris_writer_iface(
		        writer, e->ifaces[i].node, ephemeris_iface_name(e, i), &number, fault);
	for (uint32_t i = 0; i < e->n_epochs && err == 0; i++) {
		const struct ephemeris_epoch *epoch = &e->epochs[i];
		struct orrery_record *records;

		if (i > 0 && (epoch->flags & EPHEMERIS_KEY) != 0)
			continue;
		records = calloc((size_t)epoch->n + 1, sizeof(*records));
		if (records == NULL)
			return fault_set(fault, -ENOMEM, "", "import: out of memory");
		memcpy(records, ephemeris_records(e, epoch), epoch->n * sizeof(*records));
		for (uint32_t k = 0; k < epoch->n && err == 0; k++) {
			err = import_delay(
			        c->import, records[k].delay_ns, c->name, &records[k].delay_ns);
			records[k].slope_ns_s = (int32_t)lround(records[k].slope_ns_s * scale);
		}
		if (err == 0)
			err = ephemeris_writer_epoch(writer, epoch->t_ns, records, epoch->n, fault);
		free(records);
	}
	return err == 0 ? ephemeris_writer_finish(writer, fault) : err;
}

static int scale_file(const struct celestial *c, const char *unscaled)
{
	struct ephemeris_writer *writer = NULL;
	struct ephemeris_info info;
	struct ephemeris *e;
	int err = ephemeris_open(unscaled, 0, &e, c->import->fault);

	if (err != 0)
		return err;
	info = (struct ephemeris_info){.name = ephemeris_string(e, e->header->name),
	        .producer = ephemeris_string(e, e->header->producer),
	        .epoch_ns = e->header->epoch_ns,
	        .duration_ns = e->header->duration_ns,
	        .step_ns = e->header->step_ns,
	        .tolerance_ns = e->header->tolerance_ns};
	err = ephemeris_writer_create(c->import->options->output, &info, &writer, c->import->fault);
	if (err == 0)
		err = copy_scaled(c, e, writer);
	ephemeris_writer_destroy(writer);
	ephemeris_close(e);
	return err;
}

static int go_on(void *arg, double share)
{
	const struct import_options *options = arg;

	return options->go_on != NULL ? options->go_on(options->arg) : 0;
}

static int compile_con(struct celestial *c, struct constellation *con)
{
	const struct import_options *options = c->import->options;
	unsigned cpus = parallel_cpus();
	struct compile_options compiling = {
	        .duration_ns = options->duration_ns != 0 ? options->duration_ns
	                                                 : (uint64_t)(c->duration_s * S_NS),
	        .step_ns = (uint64_t)(fmin(c->resolution_s, STEP_MAX_S) * S_NS),
	        .tolerance_ns = COMPILE_TOLERANCE_NS,
	        .n_threads = cpus < COMPILE_THREADS_MAX ? cpus : COMPILE_THREADS_MAX};
	struct import_options asking = *options;
	char unscaled[SOURCE_NAME_SIZE];
	int err;

	compiling.progress = go_on;
	compiling.arg = &asking;
	set_phases(c, con);
	if (options->delay_scale == 1)
		return compile(con, &compiling, options->output, c->import->fault);
	if (snprintf(unscaled, sizeof(unscaled), "%s.unscaled%d", options->output, (int)getpid()) >=
	        (int)sizeof(unscaled))
		return fault_set(
		        c->import->fault, -ENAMETOOLONG, "", "--output: the name is too long");
	err = compile(con, &compiling, unscaled, c->import->fault);
	if (err == 0) {
		err = scale_file(c, unscaled);
		unlink(unscaled);
	}
	return err;
}

static int run_scenario(struct celestial *c, const char *text)
{
	struct constellation *con;
	struct scenario scenario;
	int err = scenario_read_text(text, SCENARIO_FILE, &scenario, c->import->fault);

	if (err != 0)
		return err;
	err = con_create(&scenario, &con, c->import->fault);
	if (err == 0) {
		err = compile_con(c, con);
		con_destroy(con);
	}
	scenario_free(&scenario);
	return err;
}

static void say_notes(const struct celestial *c)
{
	struct import *import = c->import;

	import_note(import, "direction", "all links are both directions");
	import_note(import, "delay",
	        "computed: circular orbits of two bodies, a sphere of 6371 km, chord / c");
	import_note(import, "time",
	        "Celestial's time 0 has the Earth's meridian 0 at the node of "
	        "plane 0; the file begins at its offset, %.0f s",
	        c->offset_s);
	import_note(import, "links",
	        "+grid with all neighbours, around the Earth if "
	        "arc_of_ascending_nodes is more than 180; rates as bandwidth_kbits");
	import_note(import, "nodes", "all are pods; shell k, plane i, satellite j is shellk-i-j");
	if (c->n_all > 0)
		import_note(import, "ground",
		        "%u stations of type \"all\" have one link here, to the "
		        "nearest satellite of any shell",
		        c->n_all);
	if (c->n_renamed > 0)
		import_note(import, "names",
		        "%u stations have names of more than 12 characters: they "
		        "are called gst-N, N from 0",
		        c->n_renamed);
	import_note(import, "ignored", "compute_params%s",
	        c->bounded ? ", and bbox: all satellites are there always" : "");
}

int import_celestial(struct import *import)
{
	struct celestial c = {.import = import,
	        .epoch_ns = import->options->epoch_ns >= 0 ? import->options->epoch_ns : 0};
	char *scenario = NULL;
	struct text text;
	size_t size;
	FILE *out;
	int err;

	if (import->options->interpolate)
		return fault_set(import->fault, -EINVAL, "interpolate",
		        "celestial: delays are computed: no --interpolate");
	err = source_read(import->source, "", &text, import->fault);
	if (err != 0)
		return err;
	strcpy(c.name, text.name);
	err = toml_read(&text, &c.config, import->fault);
	text_fini(&text);
	if (err != 0)
		return err;
	out = open_memstream(&scenario, &size);
	if (out == NULL)
		err = fault_set(import->fault, -ENOMEM, "", "import: out of memory");
	if (err == 0)
		err = write_scenario(&c, out);
	if (out != NULL && fclose(out) != 0 && err == 0)
		err = fault_set(import->fault, -ENOMEM, "", "import: out of memory");
	if (err == 0)
		err = run_scenario(&c, scenario);
	free(scenario);
	say_notes(&c);
	json_decref(c.config);
	return err;
}
