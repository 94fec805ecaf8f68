/* SPDX-License-Identifier: BSD-3-Clause */
// A scenario and what is computed from it.
#include "sim.h"

#include <errno.h>
#include <stdlib.h>

#include "simtime.h"
#include "units.h"

static int start(struct sim *sim, struct fault *fault)
{
	int err = con_create(&sim->scenario, &sim->con, fault);

	if (err != 0)
		return err;
	if (sky_init(&sim->now, sim->con) != 0 || sky_init(&sim->end, sim->con) != 0 ||
	        matrix_init(&sim->matrix, sim->con) != 0)
		return fault_set(fault, -ENOMEM, "", "scenario: out of memory");
	sim->finder = path_finder_create(sim->con);
	sim->path.ifaces = calloc(sim->con->n_nodes, sizeof(*sim->path.ifaces));
	if (sim->finder == NULL || sim->path.ifaces == NULL)
		return fault_set(fault, -ENOMEM, "", "scenario: out of memory");
	sim->now.t_s = sim->end.t_s = -1; // nothing computed
	return 0;
}

int sim_open(struct sim *sim, const char *file, struct fault *fault)
{
	int err;

	*sim = (struct sim){0};
	err = scenario_read_file(file, &sim->scenario, fault);
	if (err == 0)
		err = start(sim, fault);
	if (err != 0)
		sim_close(sim);
	return err;
}

void sim_close(struct sim *sim)
{
	free(sim->path.ifaces);
	path_finder_destroy(sim->finder);
	matrix_fini(&sim->matrix);
	sky_fini(&sim->now);
	sky_fini(&sim->end);
	con_destroy(sim->con);
	scenario_free(&sim->scenario);
	*sim = (struct sim){0};
}

void sim_at(struct sim *sim, double t_s, double step_s)
{
	if (sim->end.t_s == t_s) {
		struct sky was = sim->now;

		sim->now = sim->end;
		sim->end = was;
	} else {
		sky_compute(&sim->now, t_s);
	}
	if (step_s > 0)
		sky_compute(&sim->end, t_s + step_s);
	matrix_compute(&sim->matrix, &sim->now, step_s > 0 ? &sim->end : &sim->now);
}

int sim_parse_time(const struct sim *sim, const char *text, double *ret_t_s)
{
	int64_t ns;

	if (units_parse_duration_ns(text, &ns) != 0) {
		int err = simtime_parse(text, &ns);

		if (err != 0)
			return err;
		ns -= sim->scenario.epoch_ns;
	}
	if (ns < 0)
		return -ERANGE;
	*ret_t_s = (double)ns * 1e-9;
	return 0;
}
