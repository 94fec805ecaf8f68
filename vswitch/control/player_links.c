/* SPDX-License-Identifier: BSD-3-Clause */
// From an ephemeris' links to staged records.
#include "player_links.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core.h"
#include "reserve.h"

#define NONE UINT32_MAX
#define SET_LINE (ORRERY_SET_DELAY | ORRERY_SET_SLOPE)

int player_links_init(struct player_links *links, struct control *control)
{
	*links = (struct player_links){.control = control, .oldest = NONE, .newest = NONE};
	links->numbers = reserve_alloc(control->config.max_ifaces, sizeof(links->numbers[0]));
	return links->numbers != NULL ? 0 : -ENOMEM;
}

void player_links_fini(struct player_links *links)
{
	if (links->control == NULL)
		return;
	player_links_detach(links);
	reserve_free(links->numbers, links->control->config.max_ifaces, sizeof(links->numbers[0]));
}

int player_links_attach(struct player_links *links, const struct ephemeris *file, uint32_t *ids)
{
	size_t n = (size_t)file->n_ifaces + 1;

	links->touched = calloc(n, sizeof(links->touched[0]));
	links->said = calloc(n, sizeof(links->said[0]));
	links->slopes = calloc(n, sizeof(links->slopes[0]));
	if (links->touched == NULL || links->said == NULL || links->slopes == NULL ||
	        ephemeris_links_init(&links->now, file->n_ifaces) < 0) {
		player_links_detach(links);
		return -ENOMEM;
	}
	links->file = file;
	links->ids = ids;
	for (uint32_t i = 0; i < file->n_ifaces; i++)
		links->numbers[ids[i]] = i + 1;
	links->n_pinned = 0;
	links->n_gone = 0;
	return 0;
}

void player_links_detach(struct player_links *links)
{
	for (uint32_t i = 0; links->file != NULL && i < links->file->n_ifaces; i++) {
		if (links->ids[i] != DP_NONE)
			links->numbers[links->ids[i]] = 0;
	}
	free(links->ids);
	free(links->touched);
	free(links->said);
	free(links->slopes);
	ephemeris_links_fini(&links->now);
	links->ids = links->touched = links->said = NULL;
	links->slopes = NULL;
	links->file = NULL;
	links->n_touched = 0;
	links->oldest = links->newest = NONE;
}

static void slope_forget(struct player_links *links, uint32_t i)
{
	struct player_slope *s = &links->slopes[i];

	if (!s->listed)
		return;
	if (s->prev != NONE)
		links->slopes[s->prev].next = s->next;
	else
		links->oldest = s->next;
	if (s->next != NONE)
		links->slopes[s->next].prev = s->prev;
	else
		links->newest = s->prev;
	s->listed = false;
}

// Becomes the newest: `at_ns` never goes back but for a seek, which forgets all.
static void slope_said(struct player_links *links, uint32_t i, uint64_t at_ns)
{
	struct player_slope *s = &links->slopes[i];

	slope_forget(links, i);
	*s = (struct player_slope){
	        .said_ns = at_ns, .next = NONE, .prev = links->newest, .listed = true};
	if (links->newest != NONE)
		links->slopes[links->newest].next = i;
	else
		links->oldest = i;
	links->newest = i;
}

void player_links_gone(struct player_links *links, uint32_t id)
{
	uint32_t i = links->numbers[id] - 1;

	if (links->file == NULL || i == NONE)
		return;
	links->numbers[id] = 0;
	links->ids[i] = DP_NONE;
	slope_forget(links, i);
}

static void touch(struct player_links *links, uint32_t i, uint32_t set)
{
	if (links->said[i] == 0)
		links->touched[links->n_touched++] = i;
	links->said[i] |= set;
}

void player_links_advance(struct player_links *links, const struct ephemeris_epoch *epoch)
{
	const struct orrery_record *records = ephemeris_records(links->file, epoch);

	for (uint32_t k = 0; k < epoch->n; k++) {
		ephemeris_links_apply(&links->now, epoch->t_ns, &records[k]);
		touch(links, records[k].from, records[k].set);
	}
}

static void forget_touched(struct player_links *links)
{
	for (uint32_t k = 0; k < links->n_touched; k++)
		links->said[links->touched[k]] = 0;
	links->n_touched = 0;
}

uint32_t player_links_seek(struct player_links *links, uint64_t t_ns)
{
	forget_touched(links);
	return ephemeris_links_seek(&links->now, links->file, t_ns);
}

void player_links_touch_slopes(struct player_links *links, uint64_t before_ns)
{
	for (uint32_t i = links->oldest; i != NONE && links->slopes[i].said_ns < before_ns;
	        i = links->slopes[i].next)
		touch(links, i, SET_LINE);
}

uint64_t player_links_oldest_ns(const struct player_links *links)
{
	return links->oldest != NONE ? links->slopes[links->oldest].said_ns : UINT64_MAX;
}

// The second of a slope is the file's.
static int32_t scaled_slope(int32_t slope_ns_s, double speed)
{
	double slope = round(slope_ns_s * speed);

	return (int32_t)fmax(-INT32_MAX, fmin(slope, INT32_MAX));
}

// What `set` names of a plugged link, or all of it if the switch has another link or none.
static void fill_record(const struct player_links *links, uint32_t i, uint32_t set,
        const struct player_moment *moment, struct orrery_record *r)
{
	const struct orrery_record *there = matrix_current(links->control->matrix, links->ids[i]);

	r->from = links->ids[i];
	r->to = links->ids[r->to];
	r->slope_ns_s = scaled_slope(r->slope_ns_s, moment->speed);
	if ((set & SET_LINE) != 0)
		set |= SET_LINE;
	if (there == NULL || ((set & ORRERY_SET_TO) != 0 && there->to != r->to))
		set = ORRERY_SET_ALL;
	r->set = set;
}

static int stage_unplug(struct player_links *links, uint32_t id, struct fault *fault)
{
	const struct orrery_record *there = matrix_current(links->control->matrix, id);
	struct orrery_record r = {.from = id, .to = ORRERY_IFACE_NONE, .set = ORRERY_SET_TO};

	if (there == NULL || there->to == ORRERY_IFACE_NONE)
		return 0;
	return matrix_stage(links->control->matrix, &r, fault);
}

// `set`: what the file has said of the link.
static int stage_link(struct player_links *links, uint32_t i, uint32_t set,
        const struct player_moment *moment, struct fault *fault)
{
	struct matrix *matrix = links->control->matrix;
	uint32_t id = links->ids[i];
	struct orrery_record r;

	if (id == DP_NONE) {
		links->n_gone++;
		return 0;
	}
	if (matrix_pinned(matrix, id)) {
		links->n_pinned++;
		slope_forget(links, i);
		return 0;
	}
	ephemeris_links_record(&links->now, i, moment->t_ns, &r);
	if (r.to == ORRERY_IFACE_NONE) {
		slope_forget(links, i);
		return stage_unplug(links, id, fault);
	}
	if (links->ids[r.to] == DP_NONE) { // the far end has gone
		links->n_gone++;
		slope_forget(links, i);
		return stage_unplug(links, id, fault);
	}
	fill_record(links, i, set, moment, &r);
	if (r.slope_ns_s == 0)
		slope_forget(links, i);
	else if ((r.set & ORRERY_SET_SLOPE) != 0)
		slope_said(links, i, moment->at_ns);
	return matrix_stage(matrix, &r, fault);
}

int player_links_stage(
        struct player_links *links, const struct player_moment *moment, struct fault *fault)
{
	int ret = 0;

	matrix_begin(links->control->matrix);
	for (uint32_t k = 0; k < links->n_touched && ret == 0; k++) {
		uint32_t i = links->touched[k];

		ret = stage_link(links, i, links->said[i], moment, fault);
	}
	forget_touched(links);
	return ret;
}

int player_links_stage_all(
        struct player_links *links, const struct player_moment *moment, struct fault *fault)
{
	int ret = 0;

	matrix_begin(links->control->matrix);
	forget_touched(links);
	for (uint32_t i = 0; i < links->file->n_ifaces && ret == 0; i++)
		ret = stage_link(links, i, ORRERY_SET_ALL, moment, fault);
	return ret;
}

int player_links_stage_still(struct player_links *links, uint64_t tsc, struct fault *fault)
{
	struct matrix *matrix = links->control->matrix;
	int ret = 0;

	matrix_begin(matrix);
	forget_touched(links);
	for (uint32_t i = 0; i < links->file->n_ifaces && ret == 0; i++) {
		const struct link *link = matrix_link(matrix, links->ids[i]);
		struct orrery_record r = {.from = links->ids[i], .set = ORRERY_SET_DELAY};

		slope_forget(links, i);
		if (link == NULL || link->record.slope_ns_s == 0 || link->pinned)
			continue;
		r.delay_ns = (uint32_t)matrix_delay_now_ns(matrix, link, tsc);
		ret = matrix_stage(matrix, &r, fault);
	}
	return ret;
}

int player_links_stage_one(struct player_links *links, uint32_t id,
        const struct player_moment *moment, struct fault *fault)
{
	uint32_t i = links->numbers[id] - 1;

	if (links->file == NULL || i == NONE)
		return 0;
	return stage_link(links, i, ORRERY_SET_ALL, moment, fault);
}
