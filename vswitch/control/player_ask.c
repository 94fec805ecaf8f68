/* SPDX-License-Identifier: BSD-3-Clause */
// What people ask of the player: load, start, pause, seek, step, stop, status.
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "log.h"
#include "player_core.h"

static int take_file(struct player *p, struct ephemeris *file, struct fault *fault)
{
	uint32_t *ids = calloc((size_t)file->n_ifaces + 1, sizeof(ids[0]));
	int ret;

	if (ids == NULL)
		return fault_set(
		        fault, -ENOMEM, NULL, "no memory for %u interfaces", file->n_ifaces);
	ret = player_objects_make(p->control, file, ids, &p->objects, fault);
	if (ret == 0) {
		ret = player_links_attach(&p->links, file, ids);
		if (ret < 0) {
			(void)player_objects_delete(p->control, file, &p->objects);
			player_objects_fini(&p->objects);
			(void)fault_set(
			        fault, ret, NULL, "no memory for %u interfaces", file->n_ifaces);
		}
	}
	if (ret < 0)
		free(ids);
	return ret;
}

int player_load(struct player *p, struct ephemeris *file, const char *name, struct fault *fault)
{
	uint64_t seed = file->header->seed;
	int ret = 0;

	if (p->state != PLAYER_EMPTY)
		ret = fault_set(fault, -EBUSY, NULL, "'%s' is loaded: stop it first", p->name);
	if (ret == 0)
		ret = take_file(p, file, fault);
	if (ret < 0) {
		ephemeris_close(file);
		return ret;
	}
	p->file = file;
	if (player_ahead_attach(p) < 0)
		log_warning("play '%s': no memory to look ahead: routes will be late", name);
	p->state = PLAYER_LOADED;
	p->t_ns = 0;
	p->epoch = 0;
	p->next = player_skip_keys(p, 0);
	p->loops = p->applied = p->merged = p->commits = 0;
	p->late = p->late_ns = p->late_max_ns = 0;
	p->error[0] = '\0';
	snprintf(p->name, sizeof(p->name), "%s", name);
	log_notice("play '%s': %u nodes, %u interfaces, %u epochs", p->name, file->n_nodes,
	        file->n_ifaces, file->n_epochs);
	if (seed != 0 && seed != p->control->config.seed)
		log_warning("play '%s': made for seed %" PRIu64 ", the switch has %" PRIu64,
		        p->name, seed, p->control->config.seed);
	return 0;
}

static int need_file(const struct player *p, struct fault *fault)
{
	if (p->state == PLAYER_EMPTY)
		return fault_set(
		        fault, -ENOENT, NULL, "nothing is loaded: player.load comes first");
	return 0;
}

static int check_time(const struct player *p, uint64_t t_ns, const char *field, struct fault *fault)
{
	if (t_ns > p->file->header->duration_ns)
		return fault_set(fault, -ERANGE, field, "%.3f s, the file ends at %.3f s",
		        (double)t_ns / 1e9, (double)p->file->header->duration_ns / 1e9);
	return 0;
}

static int check_loop(const struct player *p, double speed, bool loop, struct fault *fault)
{
	if (loop && (double)p->file->header->duration_ns / speed < PLAYER_LOOP_MIN_NS)
		return fault_set(fault, -ERANGE, "loop",
		        "a round would take less than %d ms at speed %g",
		        PLAYER_LOOP_MIN_NS / 1000000, speed);
	return 0;
}

// All links at `t_ns`, now. Stands still unless `play`; after an error it does in any case.
static int go_to(struct player *p, uint64_t t_ns, bool play, struct fault *fault)
{
	struct player_moment moment = {t_ns, player_now_ns(p), play ? p->speed : 0, 0};
	struct fault why = {0};
	int ret;

	p->next = player_skip_keys(p, player_links_seek(&p->links, t_ns));
	p->epoch = ephemeris_epoch_after(p->file, t_ns) - 1;
	p->anchor_ns = moment.at_ns;
	p->anchor_t_ns = t_ns;
	p->t_ns = t_ns;
	ret = player_commit_all(p, &moment, &why);
	if (ret < 0) {
		p->state = PLAYER_PAUSED;
		player_stop_with(p, &why);
		if (fault != NULL)
			*fault = why;
		return ret;
	}
	p->state = play ? PLAYER_PLAYING : PLAYER_PAUSED;
	p->error[0] = '\0';
	player_run(p);
	return 0;
}

int player_begin(struct player *p, const struct player_start *start, struct fault *fault)
{
	int ret = need_file(p, fault);

	if (ret == 0)
		ret = check_time(p, start->from_ns, "from_ns", fault);
	if (ret == 0)
		ret = check_loop(p, start->speed, start->loop, fault);
	if (ret < 0)
		return ret;
	p->speed = start->speed;
	p->loop = start->loop;
	p->loops = p->applied = p->merged = p->commits = 0;
	p->late = p->late_ns = p->late_max_ns = 0;
	return go_to(p, start->from_ns, true, fault);
}

int player_pause(struct player *p, struct fault *fault)
{
	struct player_moment moment;
	int ret = need_file(p, fault);

	if (ret < 0 || p->state != PLAYER_PLAYING)
		return ret;
	moment = (struct player_moment){
	        player_file_time(p, player_now_ns(p)), player_now_ns(p), 0, 0};
	ret = player_freeze(p, &moment, fault);
	if (ret == 0)
		p->state = PLAYER_PAUSED;
	player_run(p);
	return ret;
}

// Another speed from now on.
static int change_speed(struct player *p, double speed, struct fault *fault)
{
	struct player_moment moment = {
	        player_file_time(p, player_now_ns(p)), player_now_ns(p), speed, 0};
	int ret;

	player_links_touch_slopes(&p->links, UINT64_MAX);
	ret = player_commit_touched(p, &moment, fault);
	if (ret == 0) {
		p->speed = speed;
		p->anchor_ns = moment.at_ns;
		p->anchor_t_ns = moment.t_ns;
	}
	player_run(p);
	return ret;
}

int player_resume(struct player *p, double speed, struct fault *fault)
{
	int ret = need_file(p, fault);

	if (speed == 0)
		speed = p->speed;
	if (ret == 0 && p->state == PLAYER_LOADED)
		ret = fault_set(fault, -EINVAL, NULL, "it was not started");
	else if (ret == 0 && p->state == PLAYER_ENDED)
		ret = fault_set(fault, -EINVAL, NULL, "it is at its end: start it again, or seek");
	if (ret == 0)
		ret = check_loop(p, speed, p->loop, fault);
	if (ret < 0)
		return ret;
	if (p->state == PLAYER_PLAYING)
		return speed != p->speed ? change_speed(p, speed, fault) : 0;
	p->speed = speed;
	return go_to(p, p->t_ns, true, fault);
}

int player_seek(struct player *p, uint64_t t_ns, struct fault *fault)
{
	int ret = need_file(p, fault);

	if (ret == 0)
		ret = check_time(p, t_ns, "time_ns", fault);
	return ret == 0 ? go_to(p, t_ns, p->state == PLAYER_PLAYING, fault) : ret;
}

int player_step(struct player *p, uint32_t n, struct fault *fault)
{
	int ret = need_file(p, fault);
	uint32_t at = 0;

	if (ret == 0)
		ret = player_pause(p, fault);
	if (ret < 0)
		return ret;
	if (p->state == PLAYER_LOADED)
		n--; // the first is where it begins
	else
		at = p->epoch;
	for (uint32_t i = player_skip_keys(p, at + 1); n > 0 && i < p->file->n_epochs; n--) {
		at = i;
		i = player_skip_keys(p, i + 1);
	}
	if (p->state != PLAYER_LOADED && at == p->epoch)
		return fault_set(fault, -ENOENT, NULL, "the file has no later epoch");
	return go_to(p, p->file->epochs[at].t_ns, false, fault);
}

uint32_t player_stop(struct player *p, bool clean)
{
	struct fault fault = {0};
	uint32_t n = 0;

	if (p->state == PLAYER_EMPTY)
		return 0;
	if (player_pause(p, &fault) < 0)
		log_err("play '%s': links go on with their slopes: %s", p->name, fault.message);
	p->state = PLAYER_EMPTY;
	player_run(p);
	if (clean)
		n = player_objects_delete(p->control, p->file, &p->objects);
	player_ahead_detach(p);
	player_links_detach(&p->links);
	player_objects_fini(&p->objects);
	ephemeris_close(p->file);
	p->file = NULL;
	log_notice("play '%s': stopped", p->name);
	return n;
}

void player_get_status(const struct player *p, struct player_status *s)
{
	*s = (struct player_status){
	        .state = p->state,
	        .file = p->file,
	        .name = p->name,
	        .made = p->objects.made,
	        .speed = p->speed,
	        .loop = p->loop,
	        .loops = p->loops,
	        .applied = p->applied,
	        .merged = p->merged,
	        .commits = p->commits,
	        .late = p->late,
	        .late_ns = p->late_ns,
	        .late_max_ns = p->late_max_ns,
	        .skipped_pinned = p->links.n_pinned,
	        .skipped_gone = p->links.n_gone,
	        .error = p->error,
	};
	if (p->file == NULL)
		return;
	s->t_ns = player_file_time(p, player_now_ns(p));
	s->epoch = p->epoch;
	s->epoch_t_ns = p->file->epochs[p->epoch].t_ns;
}

int player_take_back(struct player *p, uint32_t link_id, uint32_t *ret_changed, struct fault *fault)
{
	bool play = p->state == PLAYER_PLAYING;
	struct player_moment moment = {0, player_now_ns(p), play ? p->speed : 0, 0};
	struct matrix_result result = {0};
	int ret;

	*ret_changed = 0;
	if (p->state == PLAYER_EMPTY || p->state == PLAYER_LOADED)
		return 0;
	moment.t_ns = player_file_time(p, moment.at_ns);
	matrix_begin(p->control->matrix);
	ret = player_links_stage_one(&p->links, link_id, &moment, fault);
	if (ret == 0)
		ret = control_prepare_matrix(p->control,
		        player_clock_tsc_at(
		                &p->clock, datapath_tsc_hz(p->control->dp), moment.at_ns),
		        &result, fault);
	if (ret < 0)
		return ret;
	if (result.changed > 0)
		(void)control_publish_matrix(p->control, &result);
	*ret_changed = result.changed;
	player_run(p);
	return 0;
}
