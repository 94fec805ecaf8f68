/* SPDX-License-Identifier: BSD-3-Clause */
// Lays a scenario out: Walker shells, +Grid, stations.
#include "constellation.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "address.h"
#include "failure.h"
#include "sgp4.h"
#include "simtime.h"
#include "tle.h"

#define ISL_ENDS 4

// The satellites of one shell, counted plane by plane from `first`.
struct shell_map {
	const struct scenario_shell *shell;
	uint32_t first;
	uint32_t planes, slots;
};

static uint32_t satellite_at(const struct shell_map *map, uint32_t plane, uint32_t slot)
{
	return map->first + plane * map->slots + slot;
}

// The satellite in front, or CON_NONE in a plane of one.
static uint32_t next_in_plane(const struct shell_map *map, uint32_t plane, uint32_t slot)
{
	return map->slots > 1 ? satellite_at(map, plane, (slot + 1) % map->slots) : CON_NONE;
}

// The neighbour one plane on. A delta closes: there the phase of all planes has added up to F
// slots. A star does not: across the seam the planes run against each other.
static uint32_t next_plane(const struct shell_map *map, uint32_t plane, uint32_t slot)
{
	if (plane + 1 < map->planes)
		return satellite_at(map, plane + 1, slot);
	if (map->planes == 1 || map->shell->isl.seam == SCENARIO_SEAM_OPEN)
		return CON_NONE;
	if (map->shell->pattern == SCENARIO_STAR)
		return satellite_at(map, 0, slot);
	return satellite_at(map, 0, (slot + (uint32_t)map->shell->phase) % map->slots);
}

// The elements were tried when the scenario was read.
static void place_elements(struct constellation *con, uint32_t index, const struct tle *tle)
{
	double start_s = (double)(con->scenario->epoch_ns - tle->elements.epoch_ns) * 1e-9;
	int err = sgp4_init(&con->sgp4s[index], &tle->elements);

	assert(err == 0);
	(void)err;
	orbit_init_sgp4(&con->satellites[index].orbit, &con->sgp4s[index], start_s);
}

static void place_satellite(
        struct constellation *con, const struct shell_map *map, uint32_t plane, uint32_t slot)
{
	const struct scenario_shell *shell = map->shell;
	struct con_satellite *sat = &con->satellites[satellite_at(map, plane, slot)];
	double total = (double)map->planes * map->slots;
	double raan = shell->raan_deg + shell->arc_deg * plane / map->planes;
	double phase = shell->anomaly_deg + 360.0 * slot / map->slots +
	               360.0 * (double)shell->phase * plane / total;

	sat->shell = (uint16_t)(shell - con->scenario->shells);
	sat->plane = (uint16_t)plane;
	sat->slot = (uint16_t)slot;
	if (shell->tles != NULL) {
		place_elements(con, satellite_at(map, plane, slot),
		        &shell->tles[plane * map->slots + slot]);
		return;
	}
	orbit_init(&sat->orbit, shell->altitude_km, deg_to_rad(shell->inclination_deg),
	        deg_to_rad(raan), deg_to_rad(phase));
}

// Where the links of a shell go: for each satellite the far satellite of isl0 to isl3.
static void plan_grid(const struct shell_map *map, uint32_t (*far)[ISL_ENDS])
{
	if (map->shell->isl.grid == SCENARIO_GRID_NONE)
		return;
	for (uint32_t plane = 0; plane < map->planes; plane++) {
		for (uint32_t slot = 0; slot < map->slots; slot++) {
			uint32_t self = satellite_at(map, plane, slot);
			uint32_t ahead = next_in_plane(map, plane, slot);
			uint32_t across = next_plane(map, plane, slot);

			if (ahead != CON_NONE) {
				far[self][0] = ahead;
				far[ahead][1] = self;
			}
			if (across != CON_NONE) {
				far[self][2] = across;
				far[across][3] = self;
			}
		}
	}
}

static void add_iface(struct constellation *con, uint32_t node, enum con_iface_role role,
        unsigned number, uint32_t other)
{
	con->ifaces[con->n_ifaces++] =
	        (struct con_iface){node, (uint8_t)role, (uint8_t)number, other, 0};
	con->nodes[node].n_ifaces++;
}

static void add_satellite(struct constellation *con, uint32_t index, const uint32_t far[ISL_ENDS])
{
	const struct con_satellite *sat = &con->satellites[index];
	struct con_node *node = &con->nodes[index];

	node->first_iface = con->n_ifaces;
	node->router = con->scenario->shells[sat->shell].kind == SCENARIO_ROUTER;
	address_satellite(con->scenario, sat->shell, sat->plane, sat->slot, node->address);
	for (unsigned k = 0; k < ISL_ENDS; k++) {
		if (far[k] != CON_NONE)
			add_iface(con, index, CON_ISL, k, far[k]); // the satellite for now
	}
	for (uint32_t station = 0; station < con->n_stations; station++)
		add_iface(con, index, CON_GS, 0, station);
}

static void add_station(struct constellation *con, uint32_t station)
{
	const struct scenario_station *from = &con->scenario->stations[station];
	uint32_t index = con_station_node(con, station);
	struct con_node *node = &con->nodes[index];

	node->first_iface = con->n_ifaces;
	node->router = from->kind == SCENARIO_ROUTER;
	address_first(from->prefix, node->address);
	for (uint32_t i = 0; i < con_n_antennas(con, station); i++)
		add_iface(con, index, CON_GSL, i, con->first_antenna[station] + i);
	if (node->router)
		add_iface(con, index, CON_POD, 0, CON_NONE);
}

static uint32_t find_isl(const struct constellation *con, uint32_t satellite, unsigned number)
{
	const struct con_node *node = &con->nodes[satellite];
	uint32_t iface = node->first_iface;

	while (con->ifaces[iface].number != number)
		iface++;
	return iface;
}

// isl0 meets the other's isl1, isl2 the other's isl3.
static void join_isls(struct constellation *con)
{
	for (uint32_t i = 0; i < con->n_ifaces; i++) {
		struct con_iface *iface = &con->ifaces[i];
		uint32_t far;

		if (iface->role != CON_ISL || iface->number % 2 != 0)
			continue;
		far = find_isl(con, iface->other, iface->number + 1u);
		iface->other = far;
		con->ifaces[far].other = i;
		iface->isl = con->ifaces[far].isl = con->n_isls;
		con->isls[con->n_isls++] = (struct con_isl){i, far, iface->number == 2};
	}
}

static void number_antennas(struct constellation *con)
{
	for (uint32_t i = 0; i < con->n_stations; i++)
		con->first_antenna[i + 1] =
		        con->first_antenna[i] + (uint32_t)con->scenario->stations[i].antennas;
}

// scenario_check() bounds them all. One more of each, so that none is empty.
static int allocate(struct constellation *con)
{
	size_t n = con->n_satellites;
	size_t n_ifaces = n * (ISL_ENDS + (size_t)con->n_stations) + con->n_antennas +
	                  con->n_stations; // the last: pod0

	con->nodes = calloc(n + con->n_stations + 1, sizeof(*con->nodes));
	con->satellites = calloc(n + 1, sizeof(*con->satellites));
	con->ifaces = calloc(n_ifaces + 1, sizeof(*con->ifaces));
	con->isls = calloc(n * 2 + 1, sizeof(*con->isls));
	con->first_antenna = calloc((size_t)con->n_stations + 1, sizeof(*con->first_antenna));
	if (con->nodes == NULL || con->satellites == NULL || con->ifaces == NULL ||
	        con->isls == NULL || con->first_antenna == NULL)
		return -ENOMEM;
	number_antennas(con);
	for (size_t i = 0; i < con->scenario->n_shells && con->sgp4s == NULL; i++) {
		if (con->scenario->shells[i].tles == NULL)
			continue;
		con->sgp4s = calloc(n, sizeof(*con->sgp4s));
		if (con->sgp4s == NULL)
			return -ENOMEM;
	}
	return 0;
}

static int lay_out(struct constellation *con)
{
	uint32_t(*far)[ISL_ENDS] = malloc(((size_t)con->n_satellites + 1) * sizeof(*far));
	uint32_t first = 0;

	if (far == NULL)
		return -ENOMEM;
	memset(far, 0xff, con->n_satellites * sizeof(*far)); // CON_NONE
	for (size_t i = 0; i < con->scenario->n_shells; i++) {
		const struct scenario_shell *shell = &con->scenario->shells[i];
		struct shell_map map = {
		        shell, first, (uint32_t)shell->planes, (uint32_t)shell->satellites};

		for (uint32_t plane = 0; plane < map.planes; plane++) {
			for (uint32_t slot = 0; slot < map.slots; slot++)
				place_satellite(con, &map, plane, slot);
		}
		plan_grid(&map, far);
		first += map.planes * map.slots;
	}
	for (uint32_t i = 0; i < con->n_satellites; i++)
		add_satellite(con, i, far[i]);
	free(far);
	for (uint32_t i = 0; i < con->n_stations; i++)
		add_station(con, i);
	join_isls(con);
	return 0;
}

int con_create(const struct scenario *scenario, struct constellation **ret_con, struct fault *fault)
{
	struct constellation *con = calloc(1, sizeof(*con));
	int err;

	if (con == NULL)
		return fault_set(fault, -ENOMEM, "", "constellation: out of memory");
	con->scenario = scenario;
	for (size_t i = 0; i < scenario->n_shells; i++)
		con->n_satellites +=
		        (uint32_t)(scenario->shells[i].planes * scenario->shells[i].satellites);
	con->n_stations = (uint32_t)scenario->n_stations;
	con->n_nodes = con->n_satellites + con->n_stations;
	for (size_t i = 0; i < scenario->n_stations; i++)
		con->n_antennas += (uint32_t)scenario->stations[i].antennas;
	con->sidereal0_rad = simtime_sidereal_rad(scenario->epoch_ns);
	err = allocate(con);
	if (err == 0)
		err = lay_out(con);
	if (err != 0)
		err = fault_set(
		        fault, err, "", "constellation '%s': out of memory", scenario->name);
	else
		err = failures_resolve(con, fault);
	if (err != 0) {
		con_destroy(con);
		return err;
	}
	*ret_con = con;
	return 0;
}

void con_destroy(struct constellation *con)
{
	if (con == NULL)
		return;
	free(con->nodes);
	free(con->satellites);
	free(con->ifaces);
	free(con->isls);
	free(con->first_antenna);
	free(con->failures);
	free(con->looks);
	free(con->sgp4s);
	free(con);
}

const char *con_node_name(const struct constellation *con, uint32_t node, char buf[NODE_NAME_SIZE])
{
	const struct con_satellite *sat;

	if (node >= con->n_satellites)
		return con->scenario->stations[node - con->n_satellites].name;
	sat = &con->satellites[node];
	if (con->scenario->shells[sat->shell].numbered) {
		snprintf(buf, NODE_NAME_SIZE, "%s-%u", con->scenario->shells[sat->shell].name,
		        con->scenario->shells[sat->shell].tles[sat->slot].catalog);
		return buf;
	}
	snprintf(buf, NODE_NAME_SIZE, "%s-%u-%u", con->scenario->shells[sat->shell].name,
	        sat->plane, sat->slot);
	return buf;
}

const char *con_iface_name(
        const struct constellation *con, uint32_t iface, char buf[IFACE_NAME_SIZE])
{
	const struct con_iface *at = &con->ifaces[iface];

	switch (at->role) {
	case CON_ISL:
		snprintf(buf, IFACE_NAME_SIZE, "isl%u", at->number);
		break;
	case CON_GS:
		snprintf(buf, IFACE_NAME_SIZE, "gs-%s", con->scenario->stations[at->other].name);
		break;
	case CON_GSL:
		snprintf(buf, IFACE_NAME_SIZE, "gsl%u", at->number);
		break;
	default:
		return "pod0";
	}
	return buf;
}

const char *con_iface_ref(const struct constellation *con, uint32_t iface, char buf[IFACE_REF_SIZE])
{
	char node[NODE_NAME_SIZE], name[IFACE_NAME_SIZE];

	snprintf(buf, IFACE_REF_SIZE, "%s/%s", con_node_name(con, con->ifaces[iface].node, node),
	        con_iface_name(con, iface, name));
	return buf;
}

uint32_t con_find_node(const struct constellation *con, const char *name)
{
	char buf[NODE_NAME_SIZE];

	for (uint32_t i = 0; i < con->n_nodes; i++) {
		if (strcmp(con_node_name(con, i, buf), name) == 0)
			return i;
	}
	return CON_NONE;
}

static const struct scenario_gsl *gsl_of(const struct constellation *con, uint32_t station)
{
	return con->scenario->stations[station].class == SCENARIO_CLASS_USER ? &con->scenario->user
	                                                                     : &con->scenario->gsl;
}

const struct scenario_link *con_link(const struct constellation *con, uint32_t iface)
{
	const struct con_iface *at = &con->ifaces[iface];

	if (at->role == CON_GSL)
		return &gsl_of(con, at->node - con->n_satellites)->uplink;
	if (at->role == CON_GS)
		return &gsl_of(con, at->other)->downlink;
	return &con->scenario->shells[con->satellites[at->node].shell].isl.link;
}

uint64_t con_ground_rate_bps(
        const struct constellation *con, uint32_t iface, uint32_t satellite, uint32_t n_links)
{
	uint64_t rate_bps = con_link(con, iface)->rate_bps;
	uint64_t share_bps =
	        con->scenario->shells[con->satellites[satellite].shell].beam.capacity_bps;

	if (share_bps == 0 || n_links == 0)
		return rate_bps;
	share_bps = share_bps / n_links / 1000 * 1000;
	share_bps = share_bps > 1000 ? share_bps : 1000; // 0 would be unlimited
	return rate_bps != 0 && rate_bps < share_bps ? rate_bps : share_bps;
}
