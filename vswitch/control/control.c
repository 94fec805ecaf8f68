/* SPDX-License-Identifier: BSD-3-Clause */
// The control thread: building its parts in order, its loop, taking them down in reverse.
#include "control.h"

#include <errno.h>
#include <event2/event.h>
#include <rte_cycles.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "core.h"
#include "log.h"
#include "methods.h"
#include "player.h"
#include "reserve.h"
#include "sampler.h"
#include "server.h"
#include "state.h"

#define POOL_RESERVE_MAX 2048 // a worker's, as datapath.c

uint64_t control_now_tsc(void)
{
	return rte_rdtsc();
}

double control_uptime_s(const struct control *c)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)(now.tv_sec - c->started.tv_sec) +
	       (double)(now.tv_nsec - c->started.tv_nsec) / 1e9;
}

uint64_t control_publish(struct control *c)
{
	if (c->publish_held || !publisher_dirty(c->publisher))
		return 0;
	return publisher_commit(c->publisher);
}

int control_prepare_matrix(
        struct control *c, uint64_t at_tsc, struct matrix_result *ret_result, struct fault *fault)
{
	int ret = matrix_check(c->matrix, at_tsc, ret_result, fault);

	if (ret == 0)
		matrix_apply(c->matrix, at_tsc);
	return ret;
}

uint64_t control_publish_matrix(struct control *c, const struct matrix_result *result)
{
	uint64_t epoch = publisher_new_epoch(c->publisher);

	publisher_commit(c->publisher);
	c->applied_tsc = publisher_applied_tsc(c->publisher);
	if (result->paths_changed)
		paths_worker_poke(c->paths);
	if (result->changed > 0)
		state_links_changed(c->state);
	carrier_links_changed(c);
	return epoch;
}

int control_commit_matrix(struct control *c, struct matrix_result *ret_result, uint64_t *ret_epoch,
        struct fault *fault)
{
	uint32_t n = matrix_n_staged(c->matrix);
	int ret = control_prepare_matrix(c, control_now_tsc(), ret_result, fault);

	if (ret < 0)
		return ret;
	*ret_epoch = control_publish_matrix(c, ret_result);
	for (uint32_t i = 0; ret_result->changed > 0 && i < n; i++)
		state_link_changed(c->state, matrix_staged(c->matrix, i));
	return 0;
}

// The data path keeps some buffers for frames that are not in flight: those being received or sent.
static uint64_t usable_frames(uint32_t frames)
{
	return frames - (frames / 8 < POOL_RESERVE_MAX ? frames / 8 : POOL_RESERVE_MAX);
}

static int create_tables(struct control *c, struct fault *fault)
{
	const struct control_config *config = &c->config;
	struct publisher_limits limits = {
	        .max_ifaces = config->max_ifaces,
	        .max_nodes = config->max_nodes,
	        .max_targets = config->max_routes,
	        .max_routes = config->max_routes,
	};
	struct matrix_config matrix = {
	        .max_ifaces = config->max_ifaces,
	        .tsc_hz = datapath_tsc_hz(c->dp),
	        .horizon_ns = config->horizon_ns,
	        // All of them may have come in by the ports of one worker, in its buffers.
	        .pool_frames = usable_frames(config->pool_frames),
	        .assumed_frame_bytes = config->assumed_frame_bytes,
	        .seed = config->seed,
	};
	int ret;

	if (model_init(&c->model, config->max_nodes, config->max_ifaces) < 0 ||
	        ports_init(&c->ports, config->max_ports) < 0)
		return fault_set(fault, -ENOMEM, "limits", "no memory for the tables");
	c->model.max_next_hops = config->max_next_hops;
	c->records = reserve_alloc(config->max_ifaces, sizeof(c->records[0]));
	if (c->records == NULL)
		return fault_set(fault, -ENOMEM, "limits", "no memory for the tables");
	ret = publisher_create(c->dp, &limits, &c->publisher, fault);
	if (ret == 0)
		ret = matrix_create(&matrix, &c->model, c->publisher, &c->matrix, fault);
	if (ret == 0)
		ret = paths_worker_create(
		        c->base, &c->model, c->matrix, c->publisher, &c->paths, fault);
	if (ret < 0)
		return ret;
	paths_worker_set_policy(c->paths, &config->routes);
	if (route_table_init(&c->routes, &c->model, c->publisher, c->paths, config->max_routes) < 0)
		return fault_set(
		        fault, -ENOMEM, "limits.max_routes", "no memory for the route table");
	return 0;
}

int control_create(const struct control_config *config, struct datapath *dp,
        struct control **ret_control, struct fault *fault)
{
	struct control *c = calloc(1, sizeof(*c));
	int ret = 0;

	if (c == NULL)
		return fault_set(fault, -ENOMEM, NULL, "no memory");
	c->config = *config;
	c->dp = dp;
	c->keep = config->keep_on_stop;
	clock_gettime(CLOCK_MONOTONIC, &c->started);
	// without a socket there is no loop: tests call the methods
	if (config->socket_path != NULL) {
		c->base = event_base_new();
		if (c->base == NULL)
			ret = fault_set(fault, -ENOMEM, NULL, "no memory for the event loop");
	}
	if (ret == 0)
		ret = create_tables(c, fault);
	if (ret == 0)
		ret = carrier_init(c, fault);
	if (ret == 0)
		ret = sampler_create(c, &c->sampler, fault);
	if (ret == 0)
		ret = player_create(c, &c->player, fault);
	if (ret < 0) {
		control_destroy(c);
		return ret;
	}
	*ret_control = c;
	return 0;
}

// A link that the state has is as somebody set it later: the configuration does not take it back.
static bool is_superseded(const struct control *c, const struct control_call *call)
{
	struct iface *iface;

	return strcmp(call->method, "link.set") == 0 &&
	       model_ref_find(&c->model, param_string(call->params, "from", ""), NULL, &iface,
	               NULL) == 0 &&
	       matrix_link(c->matrix, iface->id) != NULL;
}

static int make_static_objects(struct control *c, struct fault *fault)
{
	for (size_t i = 0; i < c->config.n_calls; i++) {
		const struct control_call *call = &c->config.calls[i];
		struct request request = {.control = c, .params = call->params};
		struct fault why = {0};
		json_t *result = NULL;
		int ret;

		if (is_superseded(c, call))
			continue;
		ret = method_call(method_find(call->method), &request, &result, &why);
		json_decref(result);
		if (ret < 0)
			return fault_set(fault, ret, NULL, "%s: %s%s%s", call->where, why.field,
			        why.field[0] != '\0' ? ": " : "", why.message);
	}
	return 0;
}

static bool has_adopted(const struct control *c)
{
	for (uint32_t id = 0; id < c->ports.ids.end; id++) {
		if (c->ports.ports[id] != NULL && c->ports.ports[id]->adopted)
			return true;
	}
	return false;
}

int control_start(struct control *c, struct fault *fault)
{
	struct server_config server = {
	        .path = c->config.socket_path,
	        .mode = c->config.socket_mode,
	        .group = c->config.socket_group,
	        .max_clients = c->config.max_clients,
	        .stall_ms = c->config.stall_ms,
	};
	int ret = ports_open_drivers(c, fault);

	if (ret == 0 && c->config.state_dir != NULL)
		ret = state_create(c, c->config.state_dir, &c->state, fault);
	if (ret == 0)
		ret = state_restore(c, fault);
	if (ret == 0)
		ret = make_static_objects(c, fault);
	if (ret == 0)
		carrier_start(c);
	if (ret == 0 && c->config.socket_path != NULL)
		ret = server_create(c, c->base, &server, &c->server, fault);
	// what the last switch left is not the price of a start that fails
	if (ret < 0 && (has_adopted(c) || state_was_found(c->state)))
		c->keep = true;
	return ret;
}

static void on_signal(evutil_socket_t number, short what, void *arg)
{
	struct control *c = arg;

	log_notice("%s: stopping", number == SIGINT ? "SIGINT" : "SIGTERM");
	c->stopping = true;
	(void)event_base_loopbreak(c->base);
}

int control_run(struct control *c, struct fault *fault)
{
	struct event *term = evsignal_new(c->base, SIGTERM, on_signal, c);
	struct event *interrupt = evsignal_new(c->base, SIGINT, on_signal, c);
	sigset_t stop;
	int ret = 0;

	(void)sigemptyset(&stop);
	(void)sigaddset(&stop, SIGTERM);
	(void)sigaddset(&stop, SIGINT);
	if (term == NULL || interrupt == NULL || event_add(term, NULL) < 0 ||
	        event_add(interrupt, NULL) < 0)
		ret = fault_set(fault, -ENOMEM, NULL, "no memory for signals");
	else
		(void)pthread_sigmask(SIG_UNBLOCK, &stop, NULL);
	while (ret == 0 && !c->stopping) {
		if (event_base_dispatch(c->base) < 0)
			ret = fault_set(fault, -EIO, NULL, "the event loop failed");
	}
	(void)pthread_sigmask(SIG_BLOCK, &stop, NULL);
	if (term != NULL)
		event_free(term);
	if (interrupt != NULL)
		event_free(interrupt);
	return ret;
}

void control_stop_ports(struct control *c)
{
	server_destroy(c->server);
	c->server = NULL;
	if (c->keep)
		state_save_now(c->state);
	else
		state_forget(c->state);
	state_destroy(c->state);
	c->state = NULL;
	ports_close_drivers(c, c->keep);
}

void control_destroy(struct control *c)
{
	if (c == NULL)
		return;
	server_destroy(c->server);
	state_destroy(c->state);
	player_destroy(c->player);
	sampler_destroy(c->sampler);
	carrier_fini(c);
	// what waits for a grace period runs now and needs the others
	publisher_destroy(c->publisher);
	paths_worker_destroy(c->paths);
	route_table_fini(&c->routes);
	matrix_destroy(c->matrix);
	ports_fini(&c->ports);
	model_fini(&c->model);
	reserve_free(c->records, c->config.max_ifaces, sizeof(c->records[0]));
	if (c->base != NULL)
		event_base_free(c->base);
	free(c);
}
