/* SPDX-License-Identifier: BSD-3-Clause */
// Satellites, links and ground links of one moment.
#include "show.h"

#include <arpa/inet.h>

#include "columns.h"
#include "report.h"
#include "simtime.h"
#include "units.h"

struct place {
	char name[NODE_NAME_SIZE];
	char address[INET6_ADDRSTRLEN];
	double latitude_deg, longitude_deg, altitude_km;
};

static void place_of(const struct sim *sim, uint32_t node, struct place *place)
{
	struct vec3 position = sim->now.positions[node];
	double latitude, longitude;
	char name[NODE_NAME_SIZE];

	snprintf(place->name, sizeof(place->name), "%s", con_node_name(sim->con, node, name));
	inet_ntop(AF_INET6, sim->con->nodes[node].address, place->address, sizeof(place->address));
	sub_point(position, sim->now.sidereal_rad, &latitude, &longitude);
	place->latitude_deg = rad_to_deg(latitude);
	place->longitude_deg = rad_to_deg(longitude);
	place->altitude_km = vec3_norm(position) - EARTH_RADIUS_KM;
	if (node < sim->con->n_satellites)
		return;
	// As the file has it: on the ellipsoid the latitude is not the angle at the Earth's centre.
	place->latitude_deg = sim->scenario.stations[node - sim->con->n_satellites].latitude_deg;
	place->altitude_km = sim->scenario.stations[node - sim->con->n_satellites].height_m / 1000;
}

static unsigned count_visible(const struct sim *sim, uint32_t station)
{
	struct vec3 ground = sim->now.positions[con_station_node(sim->con, station)];
	double floor = deg_to_rad(sim->scenario.stations[station].min_elevation_deg);
	unsigned n = 0;

	for (uint32_t i = 0; i < sim->con->n_satellites; i++)
		n += sky_elevation_rad(sim->con, ground, sim->now.positions[i]) >= floor;
	return n;
}

static double elevation_of(const struct sim *sim, uint32_t station, uint32_t satellite)
{
	return rad_to_deg(
	        sky_elevation_rad(sim->con, sim->now.positions[con_station_node(sim->con, station)],
	                sim->now.positions[satellite]));
}

static void print_satellites(FILE *out, const struct sim *sim)
{
	struct columns *columns =
	        columns_create("SATELLITE ADDRESS >LATITUDE >LONGITUDE >ALTITUDE");

	for (uint32_t i = 0; i < sim->con->n_satellites; i++) {
		struct place place;

		place_of(sim, i, &place);
		columns_cell(columns, "%s", place.name);
		columns_cell(columns, "%s", place.address);
		columns_cell(columns, "%.2f", place.latitude_deg);
		columns_cell(columns, "%.2f", place.longitude_deg);
		columns_cell(columns, "%.0f km", place.altitude_km);
	}
	columns_print(columns, out);
	columns_destroy(columns);
}

static void print_links(FILE *out, const struct sim *sim)
{
	struct columns *columns = columns_create("LINK TO STATE >DELAY >SLOPE");

	for (uint32_t i = 0; i < sim->con->n_isls; i++) {
		const struct con_isl *isl = &sim->con->isls[i];
		const struct matrix_link *link = &sim->matrix.links[isl->a_iface];
		char from[IFACE_REF_SIZE], to[IFACE_REF_SIZE];

		columns_cell(columns, "%s", con_iface_ref(sim->con, isl->a_iface, from));
		columns_cell(columns, "%s", con_iface_ref(sim->con, isl->b_iface, to));
		columns_cell(columns, "%s", link->up ? "up" : "down");
		columns_cell(columns, "%.4f ms", link->delay_ns / 1e6);
		columns_cell(columns, "%+.3f us/s", link->slope_ns_s / 1e3 + 0.0);
	}
	columns_print(columns, out);
	columns_destroy(columns);
}

static void add_antenna(
        struct columns *columns, const struct sim *sim, uint32_t station, uint32_t number)
{
	uint32_t gsl = con_gsl_iface(sim->con, station, number);
	const struct matrix_link *link = &sim->matrix.links[gsl];
	uint32_t serving = sim->now.serving[sim->con->first_antenna[station] + number];
	char name[NODE_NAME_SIZE], rate[UNITS_TEXT_SIZE];

	if (serving == CON_NONE) {
		columns_cell(columns, "none in sight");
		for (int k = 0; k < 5; k++)
			columns_cell(columns, "-");
		return;
	}
	columns_cell(columns, "%s", con_node_name(sim->con, serving, name));
	columns_cell(columns, "%.1f", elevation_of(sim, station, serving));
	columns_cell(columns, "%.4f ms", link->delay_ns / 1e6);
	columns_cell(columns, "%+.3f us/s", link->slope_ns_s / 1e3);
	columns_cell(columns, "%s", units_format_rate(rate, link->rate_bps));
	columns_cell(columns, "%s", units_format_rate(rate, sim->matrix.links[link->to].rate_bps));
}

static void print_ground(FILE *out, const struct sim *sim)
{
	struct columns *columns = columns_create(
	        "STATION ADDRESS >LATITUDE >LONGITUDE SATELLITE >ELEVATION >DELAY >SLOPE "
	        ">UPLINK >DOWNLINK >VISIBLE");

	for (uint32_t i = 0; i < sim->con->n_stations; i++) {
		unsigned n_visible = count_visible(sim, i);
		struct place place;

		place_of(sim, con_station_node(sim->con, i), &place);
		for (uint32_t k = 0; k < con_n_antennas(sim->con, i); k++) {
			char name[IFACE_REF_SIZE];

			columns_cell(columns, "%s", report_antenna(sim, i, k, name));
			columns_cell(columns, "%s", place.address);
			columns_cell(columns, "%.2f", place.latitude_deg);
			columns_cell(columns, "%.2f", place.longitude_deg);
			add_antenna(columns, sim, i, k);
			columns_cell(columns, "%u", n_visible);
		}
	}
	columns_print(columns, out);
	columns_destroy(columns);
}

void show_print(FILE *out, const struct sim *sim)
{
	int64_t t_ns = (int64_t)(sim->now.t_s * 1e9);
	char time[SIMTIME_TEXT_SIZE], span[SIMTIME_TEXT_SIZE];

	fprintf(out, "%s at %s, %s after its start\n\n", sim->scenario.name,
	        simtime_format(time, sim->scenario.epoch_ns + t_ns),
	        simtime_format_span(span, t_ns));
	print_satellites(out, sim);
	fputc('\n', out);
	print_links(out, sim);
	fputc('\n', out);
	print_ground(out, sim);
}

static json_t *place_json(const struct sim *sim, uint32_t node)
{
	struct place place;

	place_of(sim, node, &place);
	return json_pack("{s:s, s:s, s:f, s:f, s:f}", "name", place.name, "address", place.address,
	        "latitude_deg", place.latitude_deg, "longitude_deg", place.longitude_deg,
	        "altitude_km", place.altitude_km);
}

static json_t *links_json(const struct sim *sim)
{
	json_t *links = json_array();

	for (uint32_t i = 0; i < sim->con->n_ifaces; i++) {
		const struct matrix_link *link = &sim->matrix.links[i];
		char from[IFACE_REF_SIZE], to[IFACE_REF_SIZE];

		if (link->to == CON_NONE)
			continue;
		json_array_append_new(
		        links, json_pack("{s:s, s:s, s:b, s:I, s:I, s:I}", "from",
		                       con_iface_ref(sim->con, i, from), "to",
		                       con_iface_ref(sim->con, link->to, to), "up", link->up,
		                       "delay_ns", (json_int_t)llround(link->delay_ns),
		                       "slope_ns_s", (json_int_t)llround(link->slope_ns_s),
		                       "rate_bps", (json_int_t)link->rate_bps));
	}
	return links;
}

static json_t *antenna_json(const struct sim *sim, uint32_t station, uint32_t number)
{
	uint32_t serving = sim->now.serving[sim->con->first_antenna[station] + number];
	char name[NODE_NAME_SIZE], iface[IFACE_NAME_SIZE];
	json_t *object = json_pack("{s:s}", "interface",
	        con_iface_name(sim->con, con_gsl_iface(sim->con, station, number), iface));

	if (serving == CON_NONE) {
		json_object_set_new(object, "satellite", json_null());
		return object;
	}
	json_object_set_new(
	        object, "satellite", json_string(con_node_name(sim->con, serving, name)));
	json_object_set_new(
	        object, "elevation_deg", json_real(elevation_of(sim, station, serving)));
	return object;
}

// `satellite` and `elevation_deg` stand for the first antenna.
static json_t *station_json(const struct sim *sim, uint32_t station)
{
	json_t *object = place_json(sim, con_station_node(sim->con, station));
	json_t *antennas = json_array(), *first = antenna_json(sim, station, 0);

	json_object_set_new(object, "visible", json_integer(count_visible(sim, station)));
	for (uint32_t k = 0; k < con_n_antennas(sim->con, station); k++)
		json_array_append_new(antennas, antenna_json(sim, station, k));
	json_object_set_new(object, "antennas", antennas);
	json_object_del(first, "interface");
	json_object_update(object, first);
	json_decref(first);
	return object;
}

json_t *show_json(const struct sim *sim)
{
	char time[SIMTIME_TEXT_SIZE];
	json_t *satellites = json_array();
	json_t *stations = json_array();

	for (uint32_t i = 0; i < sim->con->n_satellites; i++)
		json_array_append_new(satellites, place_json(sim, i));
	for (uint32_t i = 0; i < sim->con->n_stations; i++)
		json_array_append_new(stations, station_json(sim, i));
	return json_pack("{s:s, s:s, s:f, s:o, s:o, s:o}", "name", sim->scenario.name, "time",
	        simtime_format(time, sim->scenario.epoch_ns + (int64_t)(sim->now.t_s * 1e9)),
	        "sim_s", sim->now.t_s, "satellites", satellites, "ground_stations", stations,
	        "links", links_json(sim));
}
