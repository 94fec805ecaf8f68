/* SPDX-License-Identifier: BSD-3-Clause */
// What is broken when.
#include "failure.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static bool acts(const struct failure *failure, double from_s, double t_s)
{
	return failure->from_s <= t_s && failure->until_s > from_s;
}

// An end of an ISL, or the ground link of a station.
static int resolve_link(
        const struct constellation *con, const char *ref, struct failure *ret_failure)
{
	for (uint32_t i = 0; i < con->n_ifaces; i++) {
		const struct con_iface *at = &con->ifaces[i];
		char buf[IFACE_REF_SIZE];

		if ((at->role != CON_ISL && at->role != CON_GSL) ||
		        strcmp(con_iface_ref(con, i, buf), ref) != 0)
			continue;
		ret_failure->what = at->role == CON_ISL ? FAILURE_ISL : FAILURE_GROUND_LINK;
		ret_failure->first = at->role == CON_ISL ? at->isl : at->other;
		return 0;
	}
	return -ENOENT;
}

static int resolve_plane(const struct constellation *con, const struct scenario_failure *from,
        struct failure *ret_failure)
{
	ret_failure->what = FAILURE_NODES;
	for (uint32_t i = 0; i < con->n_satellites; i++) {
		const struct con_satellite *sat = &con->satellites[i];

		if (strcmp(con->scenario->shells[sat->shell].name, from->shell) != 0 ||
		        (from->plane >= 0 && sat->plane != from->plane))
			continue;
		if (ret_failure->n == 0)
			ret_failure->first = i;
		ret_failure->n++;
	}
	return ret_failure->n > 0 ? 0 : -ENOENT;
}

static void resolve_region(const struct constellation *con, const struct scenario_failure *from,
        struct failure *ret_failure)
{
	struct vec3 middle = con->scenario->earth == SCENARIO_WGS84
	                             ? ground_position_wgs84(deg_to_rad(from->latitude_deg),
	                                       deg_to_rad(from->longitude_deg), 0, 0)
	                             : ground_position(deg_to_rad(from->latitude_deg),
	                                       deg_to_rad(from->longitude_deg), 0, 0);
	double norm = vec3_norm(middle);

	ret_failure->what = FAILURE_REGION;
	ret_failure->middle = (struct vec3){middle.x / norm, middle.y / norm, middle.z / norm};
	ret_failure->cosine = cos(fmin(M_PI, from->radius_km / EARTH_RADIUS_KM));
}

static int resolve(const struct constellation *con, const struct scenario_failure *from,
        struct failure *ret_failure)
{
	*ret_failure = (struct failure){.from_s = (double)from->from_ns * 1e-9,
	        .until_s = from->until_ns != 0 ? (double)from->until_ns * 1e-9 : INFINITY};
	if (from->node[0] != '\0') {
		ret_failure->what = FAILURE_NODES;
		ret_failure->first = con_find_node(con, from->node);
		ret_failure->n = 1;
		return ret_failure->first != CON_NONE ? 0 : -ENOENT;
	}
	if (from->link[0] != '\0')
		return resolve_link(con, from->link, ret_failure);
	if (from->shell[0] != '\0')
		return resolve_plane(con, from, ret_failure);
	resolve_region(con, from, ret_failure);
	return 0;
}

static int compare_times(const void *a, const void *b)
{
	const int64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

int failures_resolve(struct constellation *con, struct fault *fault)
{
	const struct scenario *scenario = con->scenario;

	con->failures = calloc(scenario->n_failures + 1, sizeof(*con->failures));
	con->looks = calloc(2 * scenario->n_failures + 1, sizeof(*con->looks));
	if (con->failures == NULL || con->looks == NULL)
		return fault_set(fault, -ENOMEM, "", "scenario: out of memory");
	for (size_t i = 0; i < scenario->n_failures; i++) {
		const struct scenario_failure *from = &scenario->failures[i];

		if (resolve(con, from, &con->failures[i]) != 0)
			return fault_set(fault, -ENOENT, "failures",
			        "%s:%u: failure %zu: there is no '%s%s%s'%s", from->file,
			        from->line, i + 1, from->node, from->link, from->shell,
			        from->plane >= 0 ? " with that plane" : "");
		con->looks[2 * i] = from->from_ns;
		con->looks[2 * i + 1] = from->until_ns;
	}
	qsort(con->looks, 2 * scenario->n_failures, sizeof(*con->looks), compare_times);
	return 0;
}

static bool in_region(const struct constellation *con, const struct failure *failure,
        const struct vec3 *position, double t_s)
{
	double angle = con->sidereal0_rad + EARTH_RATE_RAD_S * t_s;
	struct vec3 m = failure->middle;
	struct vec3 now = {
	        m.x * cos(angle) - m.y * sin(angle), m.x * sin(angle) + m.y * cos(angle), m.z};

	return vec3_dot(now, *position) >= failure->cosine * vec3_norm(*position);
}

bool failure_of_node(const struct constellation *con, uint32_t node, const struct vec3 *position,
        double from_s, double t_s)
{
	for (size_t i = 0; i < con->scenario->n_failures; i++) {
		const struct failure *failure = &con->failures[i];

		if (failure->what == FAILURE_NODES && node - failure->first < failure->n &&
		        acts(failure, from_s, t_s))
			return true;
		if (failure->what == FAILURE_REGION && acts(failure, t_s, t_s) &&
		        in_region(con, failure, position, t_s))
			return true;
	}
	return false;
}

bool failure_of_isl(const struct constellation *con, uint32_t isl, double from_s, double t_s)
{
	for (size_t i = 0; i < con->scenario->n_failures; i++) {
		const struct failure *failure = &con->failures[i];

		if (failure->what == FAILURE_ISL && failure->first == isl &&
		        acts(failure, from_s, t_s))
			return true;
	}
	return false;
}

bool failure_of_ground_link(const struct constellation *con, uint32_t antenna, double t_s)
{
	for (size_t i = 0; i < con->scenario->n_failures; i++) {
		const struct failure *failure = &con->failures[i];

		if (failure->what == FAILURE_GROUND_LINK && failure->first == antenna &&
		        acts(failure, t_s, t_s))
			return true;
	}
	return false;
}

int64_t failure_next_ns(const struct constellation *con, int64_t from_ns, int64_t to_ns)
{
	size_t low = 0, high = 2 * con->scenario->n_failures;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (con->looks[middle] > from_ns)
			high = middle;
		else
			low = middle + 1;
	}
	return low < 2 * con->scenario->n_failures && con->looks[low] < to_ns ? con->looks[low]
	                                                                      : to_ns;
}
