/* SPDX-License-Identifier: BSD-3-Clause */
// orrery scenario check, show, path, run, clean.
#include "scenario_cmd.h"

#include <arpa/inet.h>
#include <math.h>
#include <stdlib.h>

#include "deploy.h"
#include "report.h"
#include "runner.h"
#include "show.h"
#include "sim.h"
#include "simtime.h"
#include "units.h"

static enum cli_exit open_sim(struct cli *cli, const struct invocation *in, struct sim *sim)
{
	struct fault fault = {0};

	return sim_open(sim, invocation_arg(in, 0), &fault) == 0 ? CLI_OK : cli_fail(cli, &fault);
}

// `option` as simulated time; not given: the start.
static enum cli_exit time_option(struct cli *cli, const struct invocation *in,
        const struct sim *sim, const char *option, double *ret_t_s)
{
	const char *text = invocation_option(in, option);

	*ret_t_s = 0;
	if (text == NULL)
		return CLI_OK;
	if (sim_parse_time(sim, text, ret_t_s) == 0)
		return CLI_OK;
	return cli_usage(cli,
	        "--%s: expected a time after the scenario's start such as 10min, or a UTC time not "
	        "before it such as 2026-01-01T00:10:00Z; got '%s'",
	        option, text);
}

static enum cli_exit speed_option(struct cli *cli, const struct invocation *in, double *ret_speed)
{
	const char *text = invocation_option(in, "speed");
	char *end;

	*ret_speed = 1;
	if (text == NULL)
		return CLI_OK;
	*ret_speed = strtod(text, &end);
	if (end != text && *end == '\0' && *ret_speed >= 0.001 && *ret_speed <= RUNNER_SPEED_MAX)
		return CLI_OK;
	return cli_usage(cli, "--speed: expected a number from 0.001 to %g; got '%s'",
	        RUNNER_SPEED_MAX, text);
}

static json_t *summary_json(const struct sim *sim)
{
	const struct scenario *scenario = &sim->scenario;
	char time[SIMTIME_TEXT_SIZE];

	return json_pack("{s:s, s:s, s:f, s:i, s:i, s:i, s:i, s:i, s:f}", "name", scenario->name,
	        "epoch", simtime_format(time, scenario->epoch_ns), "duration_s",
	        (double)scenario->duration_ns * 1e-9, "shells", (int)scenario->n_shells,
	        "satellites", (int)sim->con->n_satellites, "ground_stations",
	        (int)sim->con->n_stations, "isls", (int)sim->con->n_isls, "interfaces",
	        (int)sim->con->n_ifaces, "step_s", (double)runner_tick_ns(sim->con, 1) * 1e-9);
}

static void print_summary(FILE *out, const char *file, const struct sim *sim)
{
	const struct scenario *scenario = &sim->scenario;
	char time[SIMTIME_TEXT_SIZE];

	fprintf(out, "%s: ok\n", file);
	fprintf(out, "%s from %s", scenario->name, simtime_format(time, scenario->epoch_ns));
	if (scenario->duration_ns != 0)
		fprintf(out, " for %s", simtime_format_span(time, scenario->duration_ns));
	fprintf(out, ": %u satellites, %u ground stations, %u links between satellites\n",
	        sim->con->n_satellites, sim->con->n_stations, sim->con->n_isls);
	for (size_t i = 0; i < scenario->n_shells; i++) {
		const struct scenario_shell *shell = &scenario->shells[i];

		if (shell->tles != NULL) {
			fprintf(out, "shell %s: %lld element sets of %s, lowest perigee %.0f km\n",
			        shell->name,
			        (long long)shell->planes * (long long)shell->satellites, shell->tle,
			        shell->altitude_km);
			continue;
		}
		fprintf(out, "shell %s: %lld x %lld at %g km, %g deg, a turn in %.0f s\n",
		        shell->name, (long long)shell->planes, (long long)shell->satellites,
		        shell->altitude_km, shell->inclination_deg,
		        orbit_period_s(shell->altitude_km));
	}
}

enum cli_exit cmd_scenario_check(struct cli *cli, const struct invocation *in)
{
	struct sim sim;
	enum cli_exit code = open_sim(cli, in, &sim);

	if (code != CLI_OK)
		return code;
	if (cli->json) {
		json_t *summary = summary_json(&sim);

		cli_print_json(cli, summary);
		json_decref(summary);
	} else {
		print_summary(cli->out, invocation_arg(in, 0), &sim);
	}
	sim_close(&sim);
	return CLI_OK;
}

enum cli_exit cmd_scenario_show(struct cli *cli, const struct invocation *in)
{
	struct sim sim;
	double t_s;
	enum cli_exit code = open_sim(cli, in, &sim);

	if (code != CLI_OK)
		return code;
	code = time_option(cli, in, &sim, "at", &t_s);
	if (code == CLI_OK) {
		sim_at(&sim, t_s, 0);
		if (cli->json) {
			json_t *sky = show_json(&sim);

			cli_print_json(cli, sky);
			json_decref(sky);
		} else {
			show_print(cli->out, &sim);
		}
	}
	sim_close(&sim);
	return code;
}

static enum cli_exit node_option(struct cli *cli, const struct invocation *in,
        const struct sim *sim, const char *option, uint32_t *ret_node)
{
	const char *name = invocation_option(in, option);

	if (name == NULL)
		return cli_usage(cli, "--%s: expected the name of a node", option);
	*ret_node = con_find_node(sim->con, name);
	if (*ret_node == CON_NONE)
		return cli_failf(cli, "scenario '%s' has no node '%s'", sim->scenario.name, name);
	return CLI_OK;
}

static void print_path(FILE *out, const struct sim *sim, uint32_t from, uint32_t to, double speed)
{
	char a[NODE_NAME_SIZE], b[NODE_NAME_SIZE], ref[IFACE_REF_SIZE], address[INET6_ADDRSTRLEN];

	fprintf(out, "%s to %s: %u hops, one way %.4f ms, round trip %.4f ms\n",
	        con_node_name(sim->con, from, a), con_node_name(sim->con, to, b), sim->path.n_hops,
	        path_delay_ns(&sim->matrix, &sim->path, 0) / 1e6,
	        path_flight_rtt_ns(&sim->matrix, &sim->path, 0, speed) / 1e6);
	for (uint32_t i = 0; i < sim->path.n_hops; i++) {
		const struct matrix_link *link = &sim->matrix.links[sim->path.ifaces[i]];
		uint32_t far = sim->con->ifaces[link->to].node;

		inet_ntop(AF_INET6, sim->con->nodes[far].address, address, sizeof(address));
		fprintf(out, "  %-24s %9.4f ms  %s (%s)\n",
		        con_iface_ref(sim->con, sim->path.ifaces[i], ref), link->delay_ns / 1e6,
		        con_node_name(sim->con, far, b), address);
	}
}

static enum cli_exit show_path(
        struct cli *cli, struct sim *sim, uint32_t from, uint32_t to, double speed)
{
	char a[NODE_NAME_SIZE], b[NODE_NAME_SIZE];

	path_finder_run(sim->finder, &sim->matrix, to);
	if (path_finder_path(sim->finder, from, &sim->path) != 0)
		return cli_failf(cli, "there is no path from '%s' to '%s' at that time",
		        con_node_name(sim->con, from, a), con_node_name(sim->con, to, b));
	if (cli->json) {
		json_t *pair = report_pair(sim, from, to, 0, speed);

		cli_print_json(cli, pair);
		json_decref(pair);
	} else {
		print_path(cli->out, sim, from, to, speed);
	}
	return CLI_OK;
}

enum cli_exit cmd_scenario_path(struct cli *cli, const struct invocation *in)
{
	struct sim sim;
	double t_s, speed = 1;
	uint32_t from = CON_NONE, to = CON_NONE;
	enum cli_exit code = open_sim(cli, in, &sim);

	if (code != CLI_OK)
		return code;
	code = time_option(cli, in, &sim, "at", &t_s);
	if (code == CLI_OK)
		code = speed_option(cli, in, &speed);
	if (code == CLI_OK)
		code = node_option(cli, in, &sim, "from", &from);
	if (code == CLI_OK)
		code = node_option(cli, in, &sim, "to", &to);
	if (code == CLI_OK) {
		sim_at(&sim, t_s, 0);
		code = show_path(cli, &sim, from, to, speed);
	}
	sim_close(&sim);
	return code;
}

// The end: --duration from --from, else that of the scenario.
static enum cli_exit end_option(struct cli *cli, const struct invocation *in, const struct sim *sim,
        struct runner_options *options)
{
	const char *text = invocation_option(in, "duration");
	int64_t ns;

	options->end_s = sim->scenario.duration_ns != 0 ? (double)sim->scenario.duration_ns * 1e-9
	                                                : INFINITY;
	if (text == NULL && options->from_s >= options->end_s)
		return cli_usage(cli, "--from: the scenario is over by then");
	if (text == NULL)
		return CLI_OK;
	if (units_parse_duration_ns(text, &ns) != 0 || ns <= 0)
		return cli_usage(
		        cli, "--duration: expected a duration such as 10min; got '%s'", text);
	options->end_s = options->from_s + (double)ns * 1e-9;
	return CLI_OK;
}

enum cli_exit cmd_scenario_run(struct cli *cli, const struct invocation *in)
{
	struct runner_options options = {.clean = invocation_option(in, "clean") != NULL};
	struct sim sim;
	enum cli_exit code = open_sim(cli, in, &sim);

	if (code != CLI_OK)
		return code;
	code = speed_option(cli, in, &options.speed);
	if (code == CLI_OK)
		code = time_option(cli, in, &sim, "from", &options.from_s);
	if (code == CLI_OK)
		code = end_option(cli, in, &sim, &options);
	if (code == CLI_OK)
		code = runner_run(cli, &sim, &options);
	sim_close(&sim);
	return code;
}

enum cli_exit cmd_scenario_clean(struct cli *cli, const struct invocation *in)
{
	struct sim sim;
	uint32_t n_deleted = 0;
	enum cli_exit code = open_sim(cli, in, &sim);

	if (code != CLI_OK)
		return code;
	code = undeploy(cli, sim.con, &n_deleted);
	if (code == CLI_OK && cli->json) {
		json_t *result = json_pack("{s:i}", "deleted", (int)n_deleted);

		cli_print_json(cli, result);
		json_decref(result);
	} else if (code == CLI_OK) {
		fprintf(cli->out, "%u nodes deleted\n", n_deleted);
	}
	sim_close(&sim);
	return code;
}
