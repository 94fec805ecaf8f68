/* SPDX-License-Identifier: BSD-3-Clause */
// orrery-vswitch: options, then the subsystems in order, then the control thread's loop until it is
// told to stop, then the subsystems in reverse.
#include <errno.h>
#include <getopt.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config.h"
#include "control.h"
#include "datapath.h"
#include "eal.h"
#include "log.h"
#include "methods.h"
#include "port_ops.h"
#include "process.h"
#include "tsc_hz.h"

enum exit_status { EXIT_OK, EXIT_FAILED, EXIT_USAGE };

struct options {
	const char *config_path; // NULL: the default, or none
	const char *log_level; // NULL: the configuration's
	bool check_only;
};

struct vswitch {
	const struct options *options;
	struct config *config;
	json_t *shown;
	int lock_fd;
	struct eal eal;
	struct datapath *dp;
	struct control *control;
	struct vhost_user_config vhost_user;
	const struct port_ops *drivers[CONFIG_DRIVERS_MAX + 1];
};

struct subsystem {
	const char *name;
	int (*start)(struct vswitch *sw, struct fault *fault);
	void (*stop)(struct vswitch *sw); // what start made, also half of it
};

static int instance_start(struct vswitch *sw, struct fault *fault)
{
	process_raise_limits();
	return process_lock(sw->config->instance, &sw->lock_fd, fault);
}

static void instance_stop(struct vswitch *sw)
{
	process_unlock(sw->config->instance, sw->lock_fd);
}

static int start_eal(struct vswitch *sw, struct fault *fault)
{
	return eal_start(sw->config, &sw->eal, fault);
}

static void stop_eal(struct vswitch *sw)
{
	eal_stop(&sw->eal);
}

static int datapath_begin(struct vswitch *sw, struct fault *fault)
{
	const struct config *c = sw->config;
	struct datapath_config config = {
	        .n_workers = sw->eal.n_workers,
	        .lcores = sw->eal.lcores,
	        .poll = (enum poll_mode)c->poll,
	        .max_ifaces = (uint32_t)c->max_ifaces,
	        .max_nodes = (uint32_t)c->max_nodes,
	        .max_targets = (uint32_t)c->max_routes,
	        .max_ports = (uint32_t)c->max_ports,
	        .wheel_horizon_ns = c->horizon_ns,
	        .wheel_slot_ns = c->slot_ns,
	        .pool_frames = (uint32_t)c->pool_frames,
	        .frame_bytes = (uint32_t)c->frame_bytes,
	        .idle_spin_ns = c->idle_spin_ns,
	        .wake_early_ns = c->wake_early_ns,
	        .sweep_ns = c->sweep_ns,
	        .icmp_rate_pps = (uint32_t)c->icmp_rate_pps,
	};

	return datapath_create(&config, &sw->dp, fault);
}

static void datapath_end(struct vswitch *sw)
{
	datapath_destroy(sw->dp);
}

static const struct port_ops *find_driver(const char *name)
{
	static const struct port_ops *const known[] = {
	        &af_xdp_ops,
	        &ethdev_ops,
	        &vhost_user_ops,
	        NULL,
	};

	for (size_t i = 0; known[i] != NULL; i++) {
		if (strcmp(known[i]->name, name) == 0)
			return known[i];
	}
	return NULL;
}

static int control_begin(struct vswitch *sw, struct fault *fault)
{
	const struct config *c = sw->config;
	struct control_config config = {
	        .instance = c->instance,
	        .socket_path = c->socket_path,
	        .socket_mode = (unsigned)c->socket_mode,
	        .socket_group = c->socket_group,
	        .state_dir = c->state_dir[0] != '\0' ? c->state_dir : NULL,
	        .max_nodes = (uint32_t)c->max_nodes,
	        .max_ifaces = (uint32_t)c->max_ifaces,
	        .max_ports = (uint32_t)c->max_ports,
	        .max_routes = (uint32_t)c->max_routes,
	        .max_clients = (uint32_t)c->max_clients,
	        .max_next_hops = c->max_next_hops,
	        .pool_frames = (uint32_t)c->pool_frames,
	        .frame_bytes = (uint32_t)c->frame_bytes,
	        .assumed_frame_bytes = (uint32_t)c->assumed_frame_bytes,
	        .horizon_ns = c->horizon_ns,
	        .seed = c->seed,
	        .routes = {.convergence_ns = c->convergence_ns,
	                .several = c->equal_paths == EQUAL_PATHS_FLOW,
	                .equal_within_ns = (uint32_t)c->equal_within_ns},
	        .keep_on_stop = c->on_stop == ON_STOP_KEEP,
	        .memory = sw->eal.hugepages ? "hugepages" : "plain",
	        .worker_cpus = sw->eal.cpus,
	        .worker_lcores = sw->eal.lcores,
	        .drivers = sw->drivers,
	        .vhost_user = &sw->vhost_user,
	        .shown = sw->shown,
	        .calls = c->calls,
	        .n_calls = c->n_calls,
	};
	size_t n = 0;

	sw->vhost_user = (struct vhost_user_config){
	        .socket_dir = c->vhost_user_dir,
	        .socket_owner = c->vhost_user_owner,
	        .socket_group = c->vhost_user_group,
	        .socket_mode = (uint32_t)c->vhost_user_mode,
	};
	for (size_t i = 0; i < c->n_drivers; i++) {
		const struct port_ops *ops = find_driver(c->drivers[i]);

		if (ops == NULL)
			return fault_set(
			        fault, -EINVAL, "drivers", "no driver '%s'", c->drivers[i]);
		sw->drivers[n++] = ops;
	}
	return control_create(&config, sw->dp, &sw->control, fault);
}

static void control_end(struct vswitch *sw)
{
	control_destroy(sw->control);
}

static int workers_start(struct vswitch *sw, struct fault *fault)
{
	return datapath_start(sw->dp, fault);
}

static void workers_stop(struct vswitch *sw)
{
	datapath_stop(sw->dp);
}

static int ports_start(struct vswitch *sw, struct fault *fault)
{
	return control_start(sw->control, fault);
}

static void ports_stop(struct vswitch *sw)
{
	control_stop_ports(sw->control);
}

static const struct subsystem subsystems[] = {
        {"instance", instance_start, instance_stop},
        {"DPDK", start_eal, stop_eal},
        {"data path", datapath_begin, datapath_end},
        {"control", control_begin, control_end},
        {"workers", workers_start, workers_stop},
        {"ports", ports_start, ports_stop},
};

#define N_SUBSYSTEMS (sizeof(subsystems) / sizeof(subsystems[0]))

static void say_ready(const struct vswitch *sw)
{
	char cpus[256] = "";

	for (uint16_t i = 0; i < sw->eal.n_workers; i++) {
		size_t len = strlen(cpus);

		snprintf(cpus + len, sizeof(cpus) - len, " %u", sw->eal.cpus[i]);
	}
	log_notice("switch '%s' %s: ready, workers on processor%s, socket %s", sw->config->instance,
	        ORRERY_VERSION, cpus, sw->config->socket_path);
	process_notify("READY=1");
}

// SIGTERM and SIGINT wait until control_run takes them: a start is not left halfway, and a second
// one while the switch stops does not keep it from removing what it made.
static void hold_stop_signals(void)
{
	sigset_t stop;

	(void)sigemptyset(&stop);
	(void)sigaddset(&stop, SIGTERM);
	(void)sigaddset(&stop, SIGINT);
	(void)pthread_sigmask(SIG_BLOCK, &stop, NULL);
}

static enum exit_status run(struct vswitch *sw)
{
	struct fault fault = {0};
	size_t n = 0;
	int ret = 0;

	// a client that goes away is no reason to
	(void)signal(SIGPIPE, SIG_IGN);
	hold_stop_signals();
	while (ret == 0 && n < N_SUBSYSTEMS)
		ret = subsystems[n++].start(sw, &fault);
	if (ret == 0) {
		say_ready(sw);
		ret = control_run(sw->control, &fault);
		process_notify("STOPPING=1");
	}
	if (ret < 0)
		log_err("%s: %s", subsystems[n - 1].name,
		        fault.message[0] != '\0' ? fault.message : strerror(-ret));
	while (n > 0)
		subsystems[--n].stop(sw);
	if (ret == 0)
		log_notice("switch '%s': stopped", sw->config->instance);
	return ret == 0 ? EXIT_OK : EXIT_FAILED;
}

static int load_config(
        const struct options *options, struct config **ret_config, struct fault *fault)
{
	const char *path = options->config_path;

	if (path != NULL || access(CONFIG_DEFAULT_PATH, F_OK) == 0)
		return config_load(path != NULL ? path : CONFIG_DEFAULT_PATH, ret_config, fault);
	log_notice("no " CONFIG_DEFAULT_PATH ": all defaults");
	*ret_config = config_default();
	return *ret_config != NULL ? 0 : fault_set(fault, -ENOMEM, NULL, "no memory");
}

static enum exit_status main_with_config(const struct options *options, struct config *config)
{
	struct vswitch sw = {.options = options, .config = config, .lock_fd = -1};
	enum log_level level = (enum log_level)config->log_level;
	enum exit_status status;

	if (options->check_only) {
		printf("%s: good\n",
		        options->config_path != NULL ? options->config_path : CONFIG_DEFAULT_PATH);
		return EXIT_OK;
	}
	if (options->log_level != NULL && log_level_parse(options->log_level, &level) < 0) {
		fprintf(stderr, "orrery-vswitch: --log-level: expected err, warning, notice, info "
		                "or debug\n");
		return EXIT_USAGE;
	}
	log_set_level(level);
	sw.shown = config_json(config);
	status = run(&sw);
	json_decref(sw.shown);
	return status;
}

static void print_usage(FILE *out)
{
	fprintf(out, "Usage: orrery-vswitch [-c FILE] [-l LEVEL]\n"
	             "       orrery-vswitch -t [FILE]\n"
	             "A switch that carries the network of a satellite constellation.\n"
	             "\n"
	             "  -c, --config FILE      configuration (" CONFIG_DEFAULT_PATH ")\n"
	             "  -t, --test             only check the configuration\n"
	             "  -l, --log-level LEVEL  err, warning, notice, info or debug\n"
	             "      --print-api        print docs/api.md\n"
	             "  -V, --version          print the version\n"
	             "  -h, --help             print this\n");
}

// Returns whether to go on; else `*ret_status` is the end.
static bool read_options(
        int argc, char **argv, struct options *options, enum exit_status *ret_status)
{
	static const struct option longs[] = {
	        {"config", required_argument, NULL, 'c'},
	        {"test", no_argument, NULL, 't'},
	        {"log-level", required_argument, NULL, 'l'},
	        {"print-api", no_argument, NULL, 'p'},
	        {"version", no_argument, NULL, 'V'},
	        {"help", no_argument, NULL, 'h'},
	        {.name = NULL},
	};
	int option;

	*ret_status = EXIT_OK;
	while ((option = getopt_long(argc, argv, "c:tl:v:Vh", longs, NULL)) >= 0) {
		switch (option) {
		case 'c':
			options->config_path = optarg;
			break;
		case 't':
			options->check_only = true;
			break;
		case 'l':
		case 'v':
			options->log_level = optarg;
			break;
		case 'p':
			methods_print_markdown(stdout);
			return false;
		case 'V':
			printf("orrery-vswitch %s\n", ORRERY_VERSION);
			return false;
		case 'h':
			print_usage(stdout);
			return false;
		default:
			*ret_status = EXIT_USAGE;
			print_usage(stderr);
			return false;
		}
	}
	if (optind < argc && options->check_only && options->config_path == NULL)
		options->config_path = argv[optind++];
	if (optind == argc)
		return true;
	fprintf(stderr, "orrery-vswitch: '%s' is not expected; a file is named with -c\n",
	        argv[optind]);
	*ret_status = EXIT_USAGE;
	return false;
}

int main(int argc, char **argv)
{
	struct options options = {0};
	struct config *config = NULL;
	struct fault fault = {0};
	enum exit_status status;

	tsc_hz_begin();
	if (!read_options(argc, argv, &options, &status))
		return status;
	if (load_config(&options, &config, &fault) < 0) {
		fprintf(stderr, "orrery-vswitch: %s\n", fault.message);
		return EXIT_FAILED;
	}
	status = main_with_config(&options, config);
	config_free(config);
	return status;
}
