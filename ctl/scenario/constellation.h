/* SPDX-License-Identifier: BSD-3-Clause */
// A scenario laid out: every node with its name, address and interfaces, and the links between
// satellites that may exist. Satellites come first, then ground stations; indices are dense and
// depend on the scenario only. Topology, not time: sky.h says what is up when.
//
// Satellite NAME-PLANE-SLOT: isl0 to the next in its plane, isl1 to the one behind, isl2 to the
// next plane, isl3 to the plane before (those that have a link), and gs-STATION for each station.
// Station: gsl0, gsl1, ... to the sky, one for each antenna; pod0 to its pod (router stations
// only).
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fault.h"
#include "names.h"
#include "orbit.h"
#include "scenario.h"

#define CON_NONE UINT32_MAX

enum con_iface_role { CON_ISL, CON_GS, CON_GSL, CON_POD };

struct con_iface {
	uint32_t node;
	uint8_t role; // enum con_iface_role
	uint8_t number; // ISL: 0 to 3; GSL: of the antenna
	uint32_t
	        other; // ISL: interface at the far end; GS: the station's index; GSL: the antenna's
	uint32_t isl; // ISL: index of its pair
};

struct con_node {
	uint32_t first_iface;
	uint32_t n_ifaces;
	uint8_t address[16];
	bool router;
};

struct con_satellite { // of the node with the same index
	uint16_t shell, plane, slot;
	struct orbit orbit;
};

struct con_isl { // both directions
	uint32_t a_iface, b_iface;
	bool crosses; // between planes
};

struct constellation {
	const struct scenario *scenario;
	uint32_t n_satellites;
	uint32_t n_stations;
	uint32_t n_antennas; // of all stations, in their order
	uint32_t n_nodes; // satellites, then stations
	uint32_t n_ifaces;
	uint32_t n_isls;
	struct con_node *nodes;
	struct con_satellite *satellites;
	struct con_iface *ifaces;
	struct con_isl *isls;
	uint32_t *first_antenna; // [n_stations + 1]
	struct failure *failures; // [scenario->n_failures], failure.h
	int64_t *looks; // [2 * n_failures] sorted: when they begin and end, since the start
	struct sgp4 *sgp4s; // [n_satellites] when a shell has element sets, else NULL
	double sidereal0_rad; // at time 0
};

// Borrows `scenario` until con_destroy. 0, -ENOMEM, or -ENOENT: a failure names what is not there.
__attribute__((warn_unused_result)) int con_create(
        const struct scenario *scenario, struct constellation **ret_con, struct fault *fault);
void con_destroy(struct constellation *con);

const char *con_node_name(const struct constellation *con, uint32_t node, char buf[NODE_NAME_SIZE]);
const char *con_iface_name(
        const struct constellation *con, uint32_t iface, char buf[IFACE_NAME_SIZE]);
const char *con_iface_ref(
        const struct constellation *con, uint32_t iface, char buf[IFACE_REF_SIZE]);
// Index of a name, or CON_NONE.
uint32_t con_find_node(const struct constellation *con, const char *name);

static inline uint32_t con_station_node(const struct constellation *con, uint32_t station)
{
	return con->n_satellites + station;
}

// The satellite's interface to a station, and that of the station's antenna `number` to the sky.
static inline uint32_t con_gs_iface(
        const struct constellation *con, uint32_t satellite, uint32_t station)
{
	const struct con_node *node = &con->nodes[satellite];

	return node->first_iface + node->n_ifaces - con->n_stations + station;
}

static inline uint32_t con_gsl_iface(
        const struct constellation *con, uint32_t station, uint32_t number)
{
	return con->nodes[con_station_node(con, station)].first_iface + number;
}

static inline uint32_t con_n_antennas(const struct constellation *con, uint32_t station)
{
	return con->first_antenna[station + 1] - con->first_antenna[station];
}

// Parameters of the link that leaves from an interface.
const struct scenario_link *con_link(const struct constellation *con, uint32_t iface);
// Rate of a ground link from `iface`, either end, to or from a satellite that has `n_links` of
// them: the link's own, or its share of the satellite's capacity in whole kbit/s. 0: unlimited.
uint64_t con_ground_rate_bps(
        const struct constellation *con, uint32_t iface, uint32_t satellite, uint32_t n_links);
