/* SPDX-License-Identifier: BSD-3-Clause */
// Rates of ground links that share their satellite's capacity.
#include "beams.h"

#include <stdlib.h>
#include <string.h>

#include "epoch.h"

struct beams {
	const struct constellation *con;
	uint32_t *serving; // [n_antennas] satellite, or CON_NONE
	uint32_t *n_links; // [n_satellites]
	bool *touched; // [n_satellites] by the last changes
	uint32_t *rates_kbps; // [n_ifaces] of the file
};

struct beams *beams_create(const struct constellation *con)
{
	struct beams *beams = calloc(1, sizeof(*beams));
	size_t n_antennas = (size_t)con->n_antennas + 1;

	if (beams == NULL)
		return NULL;
	beams->con = con;
	beams->serving = malloc(n_antennas * sizeof(*beams->serving));
	beams->n_links = calloc((size_t)con->n_satellites + 1, sizeof(*beams->n_links));
	beams->touched = calloc((size_t)con->n_satellites + 1, sizeof(*beams->touched));
	beams->rates_kbps = calloc((size_t)con->n_ifaces + 1, sizeof(*beams->rates_kbps));
	if (beams->serving == NULL || beams->n_links == NULL || beams->touched == NULL ||
	        beams->rates_kbps == NULL) {
		beams_destroy(beams);
		return NULL;
	}
	memset(beams->serving, 0xff, n_antennas * sizeof(*beams->serving)); // CON_NONE
	return beams;
}

void beams_destroy(struct beams *beams)
{
	if (beams == NULL)
		return;
	free(beams->serving);
	free(beams->n_links);
	free(beams->touched);
	free(beams->rates_kbps);
	free(beams);
}

static void set_serving(struct beams *beams, uint32_t antenna, uint32_t satellite)
{
	uint32_t *serving = &beams->serving[antenna];

	if (*serving != CON_NONE) {
		beams->n_links[*serving]--;
		beams->touched[*serving] = true;
	}
	if (satellite != CON_NONE) {
		beams->n_links[satellite]++;
		beams->touched[satellite] = true;
	}
	*serving = satellite;
}

// The station's end tells all: it is plugged whenever its satellite changes. True: somebody's did.
static bool take(struct beams *beams, const struct change *changes, size_t n)
{
	const struct con_iface *ifaces = beams->con->ifaces;
	bool taken = false;

	for (size_t i = 0; i < n; i++) {
		const struct con_iface *at = &ifaces[changes[i].iface];

		if (at->role != CON_GSL || (changes[i].what & (CHANGE_PLUG | CHANGE_UNPLUG)) == 0)
			continue;
		set_serving(beams, at->other,
		        (changes[i].what & CHANGE_PLUG) != 0 ? ifaces[changes[i].to].node
		                                             : CON_NONE);
		taken = true;
	}
	return taken;
}

static int add_rate(struct beams *beams, uint64_t t_ns, uint32_t iface, uint32_t satellite,
        struct changes *with)
{
	const struct change change = {.t_ns = t_ns, .iface = iface, .what = CHANGE_RATE};
	uint32_t kbps = epoch_rate_kbps(
	        con_ground_rate_bps(beams->con, iface, satellite, beams->n_links[satellite]));

	if (kbps == beams->rates_kbps[iface])
		return 0;
	beams->rates_kbps[iface] = kbps;
	return changes_add(with, &change);
}

// Rates of all links of satellites that were touched.
static int add_rates(struct beams *beams, uint64_t t_ns, struct changes *with)
{
	const struct constellation *con = beams->con;
	int err = 0;

	for (uint32_t station = 0; station < con->n_stations; station++) {
		for (uint32_t i = 0; i < con_n_antennas(con, station) && err == 0; i++) {
			uint32_t satellite = beams->serving[con->first_antenna[station] + i];

			if (satellite == CON_NONE || !beams->touched[satellite])
				continue;
			err = add_rate(
			        beams, t_ns, con_gsl_iface(con, station, i), satellite, with);
			if (err == 0)
				err = add_rate(beams, t_ns, con_gs_iface(con, satellite, station),
				        satellite, with);
		}
	}
	memset(beams->touched, 0, con->n_satellites * sizeof(*beams->touched));
	return err;
}

// What changes an interface and its rate is one change.
static void merge(struct changes *changes)
{
	size_t n = 0;

	changes_sort(changes);
	for (size_t i = 0; i < changes->n; i++) {
		struct change *change = &changes->items[i];
		struct change *last = n > 0 ? &changes->items[n - 1] : NULL;

		if (last == NULL || last->iface != change->iface) {
			changes->items[n++] = *change;
			continue;
		}
		if (last->what == CHANGE_RATE) {
			last->to = change->to;
			last->piece = change->piece;
		}
		last->what |= change->what;
	}
	changes->n = n;
}

int beams_follow(struct beams *beams, const struct change *changes, size_t n, struct changes *with)
{
	int err = 0;

	with->n = 0;
	for (size_t i = 0; i < n && err == 0; i++)
		err = changes_add(with, &changes[i]);
	if (err == 0 && take(beams, changes, n)) {
		err = add_rates(beams, changes->t_ns, with);
		merge(with);
	}
	return err;
}

uint32_t beams_rate_kbps(const struct beams *beams, uint32_t iface)
{
	const struct con_iface *at = &beams->con->ifaces[iface];

	return at->role == CON_ISL ? epoch_rate_kbps(con_link(beams->con, iface)->rate_bps)
	                           : beams->rates_kbps[iface];
}
