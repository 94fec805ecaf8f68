/* SPDX-License-Identifier: BSD-3-Clause */
// Rules between the keys of a scenario.
#include "scenario_check.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "address.h"

struct check {
	size_t *index; // of the element that is checked
	struct fault *fault;
};

// A record would keep these as 0 (epoch.c).
static int check_shares(
        const struct check *check, const char *key, const struct scenario_link *link)
{
	const struct {
		const char *name;
		double share, step;
	} rows[] = {
	        {"jitter_corr", link->jitter_corr, 0x1p-16},
	        {"loss", link->loss, 0x1p-32},
	        {"loss_bad", link->loss_bad, 0x1p-32},
	        {"duplicate", link->duplicate, 0x1p-16},
	        {"reorder", link->reorder, 0x1p-16},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (rows[i].share > 0 && rows[i].share < rows[i].step / 2)
			return fault_set(check->fault, -ERANGE, key,
			        "%s.%s: %g would be rounded to 0, the smallest is %.4g%% (1/%.0f)",
			        key, rows[i].name, rows[i].share, rows[i].step * 100,
			        1 / rows[i].step);
	}
	return 0;
}

static int check_link(const struct check *check, const char *key, const struct scenario_link *link)
{
	if (link->rate_bps != 0 && link->rate_bps < 1000)
		return fault_set(check->fault, -EINVAL, key,
		        "%s: rate %llu bit/s is below 1 kbit/s; 0 or \"unlimited\" is no limit",
		        key, (unsigned long long)link->rate_bps);
	if ((link->good_ns == 0) != (link->bad_ns == 0))
		return fault_set(check->fault, -EINVAL, key,
		        "%s: 'good' and 'bad' (mean times of the loss model) go together", key);
	if (link->good_ns != 0 && (link->good_ns < 1000 || link->bad_ns < 1000))
		return fault_set(
		        check->fault, -EINVAL, key, "%s: 'good' and 'bad' are at least 1us", key);
	return check_shares(check, key, link);
}

static int check_shell(const struct check *check, const struct scenario *scenario,
        struct scenario_shell *shell, int64_t *n_satellites)
{
	if (shell->phase >= shell->planes && shell->phase != 0)
		return fault_set(check->fault, -EINVAL, "shells.phase",
		        "shell '%s': phase %lld, expected 0 to %lld (planes - 1)", shell->name,
		        (long long)shell->phase, (long long)shell->planes - 1);
	if (shell->isl.grid == SCENARIO_GRID_AUTO)
		shell->isl.grid = shell->numbered ? SCENARIO_GRID_NONE : SCENARIO_GRID_PLUS;
	if (shell->arc_deg == 0)
		shell->arc_deg = shell->pattern == SCENARIO_STAR ? 180 : 360;
	if (shell->isl.seam == SCENARIO_SEAM_AUTO)
		shell->isl.seam = shell->pattern == SCENARIO_STAR || shell->arc_deg < 360
		                          ? SCENARIO_SEAM_OPEN
		                          : SCENARIO_SEAM_LINKED;
	for (const struct scenario_shell *other = scenario->shells; other != shell; other++) {
		if (strcmp(other->name, shell->name) == 0)
			return fault_set(check->fault, -EINVAL, "shells.name",
			        "two shells are named '%s'; names of satellites start with it",
			        shell->name);
	}
	*n_satellites += shell->planes * shell->satellites;
	if (*n_satellites > SCENARIO_SATELLITES_MAX)
		return fault_set(check->fault, -ERANGE, "shells",
		        "more than %d satellites with shell '%s'", SCENARIO_SATELLITES_MAX,
		        shell->name);
	if (shell->beam.capacity_bps != 0 && shell->beam.capacity_bps < 1000)
		return fault_set(check->fault, -EINVAL, "shells.beam.capacity",
		        "shells.beam.capacity: %llu bit/s is below 1 kbit/s; 0 or "
		        "\"unlimited\" is no limit",
		        (unsigned long long)shell->beam.capacity_bps);
	return check_link(check, "shells.isl", &shell->isl.link);
}

// True if `name` may be that of a satellite of numbered element sets: "gps-28474".
static bool is_numbered(const struct scenario_shell *shell, const char *name)
{
	size_t len = strlen(shell->name);

	return strncmp(name, shell->name, len) == 0 && name[len] == '-' && name[len + 1] != '\0' &&
	       name[len + 1 + strspn(name + len + 1, "0123456789")] == '\0';
}

// True if `name` is the name of a satellite of the shell: "sat-3-17".
static bool is_satellite(const struct scenario_shell *shell, const char *name)
{
	size_t len = strlen(shell->name);
	char text[SCENARIO_SHELL_NAME_SIZE + 32];
	unsigned plane, slot;

	if (shell->numbered)
		return is_numbered(shell, name);
	if (strncmp(name, shell->name, len) != 0 ||
	        sscanf(name + len, "-%4u-%4u", &plane, &slot) != 2)
		return false;
	snprintf(text, sizeof(text), "%s-%u-%u", shell->name, plane, slot);
	return strcmp(text, name) == 0 && plane < shell->planes && slot < shell->satellites;
}

static int check_station_name(const struct check *check, const struct scenario *scenario,
        const struct scenario_station *station)
{
	for (size_t i = 0; i < scenario->n_shells; i++) {
		if (is_satellite(&scenario->shells[i], station->name))
			return fault_set(check->fault, -EINVAL, "ground_stations.name",
			        "ground station '%s' has the name of a satellite", station->name);
	}
	return 0;
}

static int compare_names(const void *a, const void *b)
{
	const struct scenario_station *const *one = a;
	const struct scenario_station *const *two = b;

	return strcmp((*one)->name, (*two)->name);
}

static int compare_prefixes(const void *a, const void *b)
{
	const struct scenario_station *const *one = a;
	const struct scenario_station *const *two = b;
	int order = memcmp((*one)->prefix, (*two)->prefix, 16);

	return order != 0 ? order
	                  : ((*one)->prefix_len > (*two)->prefix_len) -
	                            ((*one)->prefix_len < (*two)->prefix_len);
}

// The one that stands later in the file.
static size_t later(const struct scenario *scenario, const struct scenario_station *a,
        const struct scenario_station *b)
{
	return (size_t)((a > b ? a : b) - scenario->stations);
}

static int check_twins(const struct check *check, const struct scenario *scenario)
{
	size_t n = scenario->n_stations;
	const struct scenario_station **sorted = calloc(n + 1, sizeof(const void *));
	int err = 0;

	if (sorted == NULL)
		return fault_set(check->fault, -ENOMEM, "", "out of memory");
	for (size_t i = 0; i < n; i++)
		sorted[i] = &scenario->stations[i];
	qsort(sorted, n, sizeof(*sorted), compare_names);
	for (size_t i = 1; i < n && err == 0; i++) {
		*check->index = later(scenario, sorted[i - 1], sorted[i]);
		if (compare_names(&sorted[i - 1], &sorted[i]) == 0)
			err = fault_set(check->fault, -EINVAL, "ground_stations.name",
			        "two ground stations are named '%s'", sorted[i]->name);
	}
	qsort(sorted, n, sizeof(*sorted), compare_prefixes);
	for (size_t i = 1; i < n && err == 0; i++) {
		*check->index = later(scenario, sorted[i - 1], sorted[i]);
		if (compare_prefixes(&sorted[i - 1], &sorted[i]) == 0)
			err = fault_set(check->fault, -EINVAL, "ground_stations.prefix",
			        "ground stations '%s' and '%s' have the same prefix",
			        sorted[i - 1]->name, sorted[i]->name);
	}
	free(sorted);
	return err;
}

// A router's neighbour must be a router: nobody else answers for the next hop.
static int check_kinds(const struct check *check, const struct scenario *scenario)
{
	static const char *const names[] = {"router", "pod"};
	int kind = scenario->shells[0].kind;

	for (size_t i = 0; i < scenario->n_stations; i++) {
		if (scenario->stations[i].kind == kind)
			continue;
		*check->index = i;
		return fault_set(check->fault, -EINVAL, "ground_stations.kind",
		        "ground station '%s' is a %s and shell '%s' has kind \"%s\": give "
		        "them the same",
		        scenario->stations[i].name, names[scenario->stations[i].kind],
		        scenario->shells[0].name, names[kind]);
	}
	for (size_t i = 1; i < scenario->n_shells && scenario->n_stations > 0; i++) {
		if (scenario->shells[i].kind == kind)
			continue;
		*check->index = i;
		return fault_set(check->fault, -EINVAL, "shells.kind",
		        "shells '%s' and '%s' serve the same ground stations: give them the "
		        "same kind",
		        scenario->shells[0].name, scenario->shells[i].name);
	}
	return 0;
}

// What fails is said in one way; names are looked up when the constellation is laid out.
static int check_failures(const struct check *check, const struct scenario *scenario)
{
	for (size_t i = 0; i < scenario->n_failures; i++) {
		const struct scenario_failure *failure = &scenario->failures[i];
		*check->index = i;
		int ways = (failure->node[0] != '\0') + (failure->link[0] != '\0') +
		           (failure->shell[0] != '\0') + (failure->radius_km != 0);

		if (ways != 1)
			return fault_set(check->fault, -EINVAL, "failures",
			        "failure %zu: expected one of 'node', 'link', 'shell' with "
			        "'plane', and 'latitude_deg', 'longitude_deg', 'radius_km'",
			        i + 1);
		if (failure->until_ns != 0 && failure->until_ns <= failure->from_ns)
			return fault_set(check->fault, -EINVAL, "failures.until",
			        "failure %zu ends before it begins", i + 1);
	}
	return 0;
}

static int check_handover(const struct check *check, const struct scenario_station *station)
{
	if (station->outage_ns == 0 || station->handover == SCENARIO_BREAK_FIRST)
		return 0;
	return fault_set(check->fault, -EINVAL, "ground_stations.outage",
	        "ground station '%s' has an outage: that goes with handover = "
	        "\"break-before-make\"",
	        station->name);
}

static int check_stations(const struct check *check, struct scenario *scenario)
{
	for (size_t i = 0; i < scenario->n_stations; i++) {
		struct scenario_station *station = &scenario->stations[i];
		int err;

		*check->index = i;
		err = check_station_name(check, scenario, station);
		if (err == 0)
			err = check_handover(check, station);
		if (err != 0)
			return err;
		if (station->prefix_len == 0) {
			address_station_prefix(scenario, i, station->prefix);
			station->prefix_len = 64;
		}
	}
	return check_twins(check, scenario);
}

int scenario_check(struct scenario *scenario, size_t *ret_index, struct fault *fault)
{
	const struct check check = {ret_index, fault};
	int64_t n_satellites = 0;
	int err = 0;

	for (size_t i = 0; i < scenario->n_shells; i++) {
		if (scenario->earth == SCENARIO_EARTH_AUTO && scenario->shells[i].tles != NULL)
			scenario->earth = SCENARIO_WGS84;
	}
	if (scenario->earth == SCENARIO_EARTH_AUTO)
		scenario->earth = SCENARIO_SPHERE;
	*ret_index = 0;
	for (size_t i = 0; i < scenario->n_shells && err == 0; i++) {
		*ret_index = i;
		err = check_shell(&check, scenario, &scenario->shells[i], &n_satellites);
	}
	if (err == 0)
		err = check_link(&check, "gsl.uplink", &scenario->gsl.uplink);
	if (err == 0)
		err = check_link(&check, "gsl.downlink", &scenario->gsl.downlink);
	if (err == 0)
		err = check_link(&check, "user.uplink", &scenario->user.uplink);
	if (err == 0)
		err = check_link(&check, "user.downlink", &scenario->user.downlink);
	if (err == 0)
		err = check_failures(&check, scenario);
	if (err == 0 && n_satellites * (int64_t)scenario->n_stations > SCENARIO_GROUND_LINKS_MAX)
		err = fault_set(fault, -ERANGE, "ground_stations",
		        "%lld satellites need an interface for each of %zu ground stations, "
		        "more than %d in all",
		        (long long)n_satellites, scenario->n_stations, SCENARIO_GROUND_LINKS_MAX);
	if (err == 0)
		err = check_kinds(&check, scenario);
	if (err == 0)
		err = check_stations(&check, scenario);
	return err;
}
