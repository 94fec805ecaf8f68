/* SPDX-License-Identifier: BSD-3-Clause */
// Element sets as shells.
#include "scenario_tle.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tle.h"

#define SLOTS_MAX 9999 // of a plane, as in the address plan

struct load {
	const char *file; // the scenario's
	struct fault *fault;
	char path[2 * SCENARIO_PATH_SIZE]; // of the element sets
};

static void set_path(struct load *load, const char *tle)
{
	const char *slash = strrchr(load->file, '/');
	int len = tle[0] != '/' && slash != NULL ? (int)(slash - load->file) + 1 : 0;

	snprintf(load->path, sizeof(load->path), "%.*s%s", len, load->file, tle);
}

static int set_planes(const struct load *load, struct scenario_shell *shell, size_t n)
{
	shell->numbered = shell->planes == 0;
	if ((shell->planes == 0) != (shell->satellites == 0))
		return fault_set(load->fault, -EINVAL, "shells.planes",
		        "%.80s: shell '%s': 'planes' and 'satellites_per_plane' go together",
		        load->file, shell->name);
	if (shell->numbered) {
		if (n > SLOTS_MAX)
			return fault_set(load->fault, -ERANGE, "shells.tle",
			        "%.80s: shell '%s': %zu element sets without planes, at most %d",
			        load->file, shell->name, n, SLOTS_MAX);
		shell->planes = 1;
		shell->satellites = (int64_t)n;
	} else if ((uint64_t)(shell->planes * shell->satellites) != n) {
		return fault_set(load->fault, -EINVAL, "shells.planes",
		        "%.80s: shell '%s': %lld planes of %lld satellites, and %zu element sets "
		        "in '%.80s'",
		        load->file, shell->name, (long long)shell->planes,
		        (long long)shell->satellites, n, load->path);
	}
	return 0;
}

// In its orbit when the scenario starts, and not too far from its elements' epoch.
static int check_start(const struct load *load, const struct tle *tle, int64_t epoch_ns)
{
	double start_s = (double)(epoch_ns - tle->elements.epoch_ns) * 1e-9;
	struct sgp4 sgp4;
	struct vec3 position;
	int err;

	if (fabs(start_s) > SCENARIO_TLE_AGE_MAX_S)
		return fault_set(load->fault, -EINVAL, "shells.tle",
		        "%.80s:%u: the elements of %u are %.0f days %s than the scenario's epoch, "
		        "at most 366",
		        load->path, tle->line, tle->catalog, fabs(start_s) / 86400,
		        start_s > 0 ? "older" : "newer");
	err = sgp4_init(&sgp4, &tle->elements);
	if (err == 0)
		err = sgp4_at(&sgp4, start_s / 60, &position, NULL);
	if (err != 0)
		return fault_set(load->fault, -EINVAL, "shells.tle",
		        "%.80s:%u: satellite %u %s when the scenario starts", load->path, tle->line,
		        tle->catalog, err == -ENOENT ? "has decayed" : "is in no orbit");
	return 0;
}

static int compare_numbers(const void *a, const void *b)
{
	const struct tle *x = *(const struct tle *const *)a, *y = *(const struct tle *const *)b;

	return x->catalog < y->catalog ? -1 : x->catalog > y->catalog;
}

// Names of satellites come from their numbers.
static int check_twins(const struct load *load, const struct scenario_shell *shell, size_t n)
{
	const struct tle **sorted = calloc(n, sizeof(const void *));
	int err = 0;

	if (sorted == NULL)
		return fault_set(load->fault, -ENOMEM, "", "%.80s: out of memory", load->file);
	for (size_t i = 0; i < n; i++)
		sorted[i] = &shell->tles[i];
	qsort(sorted, n, sizeof(*sorted), compare_numbers);
	for (size_t i = 1; i < n && err == 0; i++) {
		if (sorted[i]->catalog == sorted[i - 1]->catalog)
			err = fault_set(load->fault, -EINVAL, "shells.tle",
			        "%.80s:%u: a second element set of %u, the other is in line %u",
			        load->path, sorted[i]->line, sorted[i]->catalog,
			        sorted[i - 1]->line);
	}
	free(sorted);
	return err;
}

static int load_shell(struct load *load, struct scenario_shell *shell, int64_t epoch_ns)
{
	size_t n;
	int err;

	set_path(load, shell->tle);
	err = tle_read_file(load->path, &shell->tles, &n, load->fault);
	if (err != 0)
		return err;
	err = set_planes(load, shell, n);
	if (err == 0 && shell->numbered)
		err = check_twins(load, shell, n);
	shell->altitude_km = INFINITY;
	for (size_t i = 0; i < n && err == 0; i++) {
		const struct sgp4_elements *elements = &shell->tles[i].elements;
		double rate = elements->mean_motion_rad_min / 60;
		double axis_km = cbrt(EARTH_MU_KM3_S2 / (rate * rate));

		shell->altitude_km = fmin(shell->altitude_km,
		        axis_km * (1 - elements->eccentricity) - EARTH_RADIUS_KM);
		err = check_start(load, &shell->tles[i], epoch_ns);
	}
	return err;
}

int scenario_tle_load(struct scenario *scenario, const char *name, struct fault *fault)
{
	struct load load = {.file = name, .fault = fault};
	int err = 0;

	for (size_t i = 0; i < scenario->n_shells && err == 0; i++) {
		if (scenario->shells[i].tle[0] != '\0')
			err = load_shell(&load, &scenario->shells[i], scenario->epoch_ns);
	}
	return err;
}
