/* SPDX-License-Identifier: BSD-3-Clause */
// The link matrix: staging, the check of the whole, applying.
#include "matrix.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "link_convert.h"
#include "reserve.h"
#include "units.h"

struct staged {
	struct orrery_record record; // merged
	uint32_t link_id;
	bool delay_set, slope_set;
	bool deleted;
	bool changed;
	uint64_t frames;
};

struct matrix {
	struct matrix_config config;
	const struct model *model;
	struct publisher *publisher;
	struct link *links; // [max_ifaces]
	uint64_t *plugged; // [max_ifaces / 64 + 1], bits
	uint32_t n_links;
	uint32_t n_pinned;
	uint32_t *noted; // [max_ifaces] links that are watched and have changed
	uint32_t n_noted;
	uint64_t needed_frames;
	uint64_t staged_frames; // needed once the staging is applied
	struct staged *staged; // [max_ifaces]
	uint32_t n_staged;
	uint32_t stage_mark;
};

void matrix_config_settle(struct matrix_config *config)
{
	config->tsc_per_ns_q32 =
	        (uint64_t)(((unsigned __int128)config->tsc_hz << 32) / 1000000000u);
}

int matrix_create(const struct matrix_config *config, const struct model *model,
        struct publisher *publisher, struct matrix **ret_matrix, struct fault *fault)
{
	struct matrix *m = calloc(1, sizeof(*m));

	if (m == NULL)
		return fault_set(fault, -ENOMEM, NULL, "no memory for the link matrix");
	m->config = *config;
	matrix_config_settle(&m->config);
	m->model = model;
	m->publisher = publisher;
	m->links = reserve_alloc(config->max_ifaces, sizeof(m->links[0]));
	m->staged = reserve_alloc(config->max_ifaces, sizeof(m->staged[0]));
	m->noted = reserve_alloc(config->max_ifaces, sizeof(m->noted[0]));
	m->plugged = calloc(config->max_ifaces / 64 + 1, sizeof(m->plugged[0]));
	if (m->links == NULL || m->staged == NULL || m->noted == NULL || m->plugged == NULL) {
		matrix_destroy(m);
		return fault_set(fault, -ENOMEM, "limits.max_interfaces",
		        "no memory for the links of %u interfaces", config->max_ifaces);
	}
	*ret_matrix = m;
	return 0;
}

void matrix_destroy(struct matrix *m)
{
	if (m == NULL)
		return;
	reserve_free(m->links, m->config.max_ifaces, sizeof(m->links[0]));
	reserve_free(m->staged, m->config.max_ifaces, sizeof(m->staged[0]));
	reserve_free(m->noted, m->config.max_ifaces, sizeof(m->noted[0]));
	free(m->plugged);
	free(m);
}

void matrix_begin(struct matrix *m)
{
	m->n_staged = 0;
	m->stage_mark++;
}

uint32_t matrix_n_staged(const struct matrix *m)
{
	return m->n_staged;
}

uint32_t matrix_staged(const struct matrix *m, uint32_t idx)
{
	return m->staged[idx].link_id;
}

// Already part of this staging? NULL if not.
static struct staged *find_staged(const struct matrix *m, uint32_t link_id)
{
	const struct link *link = &m->links[link_id];

	// stage_idx is checked too, so that a wrapped mark does no harm
	if (link->stage_mark == m->stage_mark && link->stage_idx < m->n_staged &&
	        m->staged[link->stage_idx].link_id == link_id)
		return &m->staged[link->stage_idx];
	return NULL;
}

// The staged state of a link, started from what is there.
static struct staged *stage_of(struct matrix *m, uint32_t link_id)
{
	struct link *link = &m->links[link_id];
	struct staged *s = find_staged(m, link_id);

	if (s != NULL)
		return s;
	link->stage_mark = m->stage_mark;
	link->stage_idx = m->n_staged;
	s = &m->staged[m->n_staged++];
	memset(s, 0, sizeof(*s));
	s->link_id = link_id;
	s->record = link->record;
	return s;
}

static void start_new_link(struct staged *s, uint32_t link_id)
{
	s->record = (struct orrery_record){
	        .from = link_id,
	        .to = ORRERY_IFACE_NONE,
	        .set = ORRERY_SET_ALL,
	        .flags = ORRERY_LINK_UP,
	};
	s->deleted = false;
	s->delay_set = true;
}

static int check_ends(const struct matrix *m, const struct orrery_record *r, struct fault *fault)
{
	if (r->from >= m->config.max_ifaces || model_iface(m->model, r->from) == NULL)
		return fault_set(fault, -ENOENT, "from", "no interface has id %u", r->from);
	if ((r->set & ORRERY_SET_TO) == 0 || r->to == ORRERY_IFACE_NONE)
		return 0;
	if (model_iface(m->model, r->to) == NULL)
		return fault_set(fault, -ENOENT, "to", "no interface has id %u", r->to);
	if (r->to == r->from)
		return fault_set(fault, -EINVAL, "to", "a link cannot end where it starts");
	return 0;
}

static int check_values(const struct orrery_record *r, struct fault *fault)
{
	if ((r->set & ~(uint32_t)ORRERY_SET_ALL) != 0)
		return fault_set(fault, -EINVAL, "set", "unknown bits 0x%x",
		        r->set & ~(uint32_t)ORRERY_SET_ALL);
	if ((r->flags & ~(ORRERY_LINK_UP | ORRERY_LINK_REORDER)) != 0)
		return fault_set(fault, -EINVAL, "flags", "unknown bits 0x%x", r->flags);
	if (r->reserved != 0)
		return fault_set(fault, -EINVAL, "reserved", "must be 0, not %u", r->reserved);
	if ((r->set & ORRERY_SET_DELAY) != 0 && r->delay_ns > MATRIX_DELAY_MAX_NS)
		return fault_set(fault, -ERANGE, "delay_ns", "%u ns is over 4 s", r->delay_ns);
	if ((r->set & ORRERY_SET_LOSS) != 0 && r->good_us != 0 && r->bad_us == 0)
		return fault_set(fault, -EINVAL, "bad_us", "must not be 0 when good_us is set");
	if ((r->set & ORRERY_SET_LOSS) != 0 && r->good_us == 0 && r->bad_us != 0)
		return fault_set(fault, -EINVAL, "good_us", "must not be 0 when bad_us is set");
	return 0;
}

// Copies what `from->set` names.
static void merge(struct orrery_record *to, const struct orrery_record *from)
{
	uint32_t set = from->set;

	if ((set & ORRERY_SET_TO) != 0)
		to->to = from->to;
	if ((set & ORRERY_SET_UP) != 0)
		to->flags =
		        (uint16_t)((to->flags & ~ORRERY_LINK_UP) | (from->flags & ORRERY_LINK_UP));
	if ((set & ORRERY_SET_DELAY) != 0) {
		to->delay_ns = from->delay_ns;
		to->slope_ns_s = 0;
	}
	if ((set & ORRERY_SET_SLOPE) != 0)
		to->slope_ns_s = from->slope_ns_s;
	if ((set & ORRERY_SET_JITTER) != 0) {
		to->jitter_ns = from->jitter_ns;
		to->jitter_corr = from->jitter_corr;
	}
	if ((set & ORRERY_SET_RATE) != 0)
		to->rate_kbps = from->rate_kbps;
	if ((set & ORRERY_SET_QUEUE) != 0) {
		to->queue_bytes = from->queue_bytes;
		to->queue_pkts = from->queue_pkts;
	}
	if ((set & ORRERY_SET_LOSS) != 0) {
		to->loss = from->loss;
		to->loss_bad = from->loss_bad;
		to->good_us = from->good_us;
		to->bad_us = from->bad_us;
	}
	if ((set & ORRERY_SET_DUPLICATE) != 0)
		to->duplicate = from->duplicate;
	if ((set & ORRERY_SET_REORDER) != 0) {
		to->reorder = from->reorder;
		to->flags = (uint16_t)((to->flags & ~ORRERY_LINK_REORDER) |
		                       (from->flags & ORRERY_LINK_REORDER));
	}
	if ((set & ORRERY_SET_MTU) != 0)
		to->mtu = from->mtu;
}

int matrix_stage(struct matrix *m, const struct orrery_record *record, struct fault *fault)
{
	struct staged *s;
	int ret = check_ends(m, record, fault);

	if (ret == 0)
		ret = check_values(record, fault);
	if (ret < 0)
		return ret;
	s = stage_of(m, record->from);
	if (s->record.set == 0 || s->deleted) {
		if ((record->set & ORRERY_SET_TO) == 0) {
			char ref[IFACE_REF_SIZE];

			return fault_set(fault, -ENOENT, "from",
			        "no link leaves from '%s': name its far end with `to`",
			        iface_ref_format(ref, model_iface(m->model, record->from)));
		}
		start_new_link(s, record->from);
	}
	merge(&s->record, record);
	if ((record->set & ORRERY_SET_DELAY) != 0) {
		s->delay_set = true;
		s->slope_set = false;
	}
	if ((record->set & ORRERY_SET_SLOPE) != 0)
		s->slope_set = true;
	return 0;
}

void matrix_stage_del(struct matrix *m, uint32_t link_id)
{
	struct staged *s = stage_of(m, link_id);

	memset(&s->record, 0, sizeof(s->record));
	s->record.from = link_id;
	s->record.to = ORRERY_IFACE_NONE;
	s->deleted = true;
}

uint32_t link_queue_bytes(const struct orrery_record *r)
{
	uint64_t bytes;

	if (r->rate_kbps == 0)
		return 0;
	if (r->queue_bytes != 0)
		return r->queue_bytes;
	bytes = (uint64_t)r->rate_kbps * MATRIX_QUEUE_DEFAULT_MS / 8;
	if (bytes < MATRIX_QUEUE_MIN_BYTES)
		return MATRIX_QUEUE_MIN_BYTES;
	return bytes < UINT32_MAX ? (uint32_t)bytes : UINT32_MAX - 1;
}

// Longest time between a frame's acceptance and its arrival.
static uint64_t longest_hold_ns(const struct orrery_record *r, uint64_t *ret_queue_ns)
{
	uint64_t growth = r->slope_ns_s > 0 ? (uint64_t)r->slope_ns_s * DP_SLOPE_MAX_S : 0;
	uint64_t queue_ns = 0;

	if (r->rate_kbps != 0)
		queue_ns = (uint64_t)link_queue_bytes(r) * 8 * 1000000 / r->rate_kbps;
	*ret_queue_ns = queue_ns;
	return r->delay_ns + growth + (uint64_t)r->jitter_ns * MATRIX_JITTER_SIGMAS + queue_ns;
}

// Frames that the link holds at its rate, of the size assumed: what is in flight, and the queue if
// one was asked for. A queue of the default length reserves nothing, or ten thousand idle links of
// 10 Gbit/s could not be had; it and a link without rate take what the pool has left (drop reason
// wheel_full).
static uint64_t frames_held(
        const struct matrix *m, const struct orrery_record *r, uint64_t hold_ns, uint64_t queue_ns)
{
	uint64_t bytes;

	if (r->queue_bytes == 0)
		hold_ns -= queue_ns;

	if ((r->flags & ORRERY_LINK_UP) == 0 || r->to == ORRERY_IFACE_NONE || r->rate_kbps == 0)
		return 0;
	bytes = (uint64_t)((unsigned __int128)r->rate_kbps * hold_ns / 8000000);
	return bytes / (m->config.assumed_frame_bytes + MATRIX_FRAME_OVERHEAD_BYTES) + 1;
}

static int check_horizon(const struct matrix *m, struct staged *s, struct fault *fault)
{
	const struct orrery_record *r = &s->record;
	uint64_t queue_ns, hold_ns = longest_hold_ns(r, &queue_ns);
	char ref[IFACE_REF_SIZE], hold[UNITS_TEXT_SIZE], delay[UNITS_TEXT_SIZE];
	char queue[UNITS_TEXT_SIZE], horizon[UNITS_TEXT_SIZE];

	s->frames = frames_held(m, r, hold_ns, queue_ns);
	if (hold_ns <= m->config.horizon_ns)
		return 0;
	return fault_set(fault, -ERANGE, queue_ns > r->delay_ns ? "queue_bytes" : "delay_ns",
	        "link from '%s' can hold a frame for %s (delay %s, queue %s, jitter and slope), "
	        "the wheel "
	        "for %s: lower it, or raise wheel.horizon",
	        iface_ref_format(ref, model_iface(m->model, s->link_id)),
	        units_format_duration(hold, (int64_t)hold_ns),
	        units_format_duration(delay, r->delay_ns),
	        units_format_duration(queue, (int64_t)queue_ns),
	        units_format_duration(horizon, (int64_t)m->config.horizon_ns));
}

// A slope without a delay starts from where the delay is now.
static void settle_delay(struct matrix *m, struct staged *s, uint64_t now_tsc)
{
	const struct link *link = &m->links[s->link_id];

	if (s->slope_set && !s->delay_set && link->record.set != 0) {
		s->record.delay_ns = (uint32_t)matrix_delay_now_ns(m, link, now_tsc);
		s->delay_set = true;
	}
}

static bool is_changed(const struct link *link, const struct staged *s)
{
	if (s->deleted)
		return link->record.set != 0;
	if (memcmp(&link->record, &s->record, sizeof(s->record)) != 0)
		return true;
	return s->delay_set && s->record.slope_ns_s != 0; // the slope starts again from now
}

static void note_change(const struct link *link, struct staged *s, struct matrix_result *result)
{
	const struct orrery_record *old = &link->record, *new = &s->record;
	bool was = old->set != 0;

	result->changed++;
	if (!was || old->to != new->to)
		result->replugged++;
	if (!was || s->deleted || old->to != new->to || old->delay_ns != new->delay_ns ||
	        ((old->flags ^ new->flags) & ORRERY_LINK_UP) != 0)
		result->paths_changed = true;
}

static int check_pool(const struct matrix *m, uint64_t frames, struct fault *fault)
{
	if (frames <= m->config.pool_frames || frames <= m->needed_frames)
		return 0;
	return fault_set(fault, -ENOSPC, "rate_bps",
	        "the matrix needs %" PRIu64
	        " frames in flight (rate x delay and the queues asked for, frames of %u "
	        "bytes), the pools hold %" PRIu64 ": raise pool.frames, or lower rates or queues",
	        frames, m->config.assumed_frame_bytes, m->config.pool_frames);
}

int matrix_check(
        struct matrix *m, uint64_t now_tsc, struct matrix_result *ret_result, struct fault *fault)
{
	struct matrix_result result = {0};
	uint64_t frames = m->needed_frames;
	int ret;

	for (uint32_t i = 0; i < m->n_staged; i++) {
		struct staged *s = &m->staged[i];
		const struct link *link = &m->links[s->link_id];

		settle_delay(m, s, now_tsc);
		s->changed = is_changed(link, s);
		if (!s->changed)
			continue;
		if (!s->deleted) {
			ret = check_horizon(m, s, fault);
			if (ret < 0)
				return ret;
		}
		frames = frames - link->frames + s->frames;
		note_change(link, s, &result);
	}
	ret = check_pool(m, frames, fault);
	if (ret < 0)
		return ret;
	result.needed_frames = frames;
	m->staged_frames = frames;
	*ret_result = result;
	return 0;
}

// Links that arrive at an interface hang together, so that deleting it finds them.
static void arriving_del(struct matrix *m, uint32_t link_id)
{
	struct link *link = &m->links[link_id];

	if (link->in_prev != DP_NONE)
		m->links[link->in_prev].in_next = link->in_next;
	else
		m->links[link->record.to].in_first = link->in_next + 1;
	if (link->in_next != DP_NONE)
		m->links[link->in_next].in_prev = link->in_prev;
}

static void arriving_add(struct matrix *m, uint32_t link_id, uint32_t to)
{
	struct link *link = &m->links[link_id];

	link->in_prev = DP_NONE;
	link->in_next = m->links[to].in_first - 1;
	if (link->in_next != DP_NONE)
		m->links[link->in_next].in_prev = link_id;
	m->links[to].in_first = link_id + 1;
}

static void note(struct matrix *m, uint32_t link_id)
{
	struct link *link = &m->links[link_id];

	if (link->noted)
		return;
	link->noted = true;
	m->noted[m->n_noted++] = link_id;
}

static void apply_one(struct matrix *m, const struct staged *s, uint64_t now_tsc)
{
	struct link *link = &m->links[s->link_id];
	uint32_t old_to = link->record.set != 0 ? link->record.to : ORRERY_IFACE_NONE;
	struct link_params *params = publisher_link(m->publisher, s->link_id);
	const struct dp_iface *far = NULL;

	if (old_to != s->record.to) {
		if (old_to != ORRERY_IFACE_NONE)
			arriving_del(m, s->link_id);
		if (s->record.to != ORRERY_IFACE_NONE)
			arriving_add(m, s->link_id, s->record.to);
		link->incarnation++;
	}
	if (s->record.to != ORRERY_IFACE_NONE)
		m->plugged[s->link_id / 64] |= 1ull << s->link_id % 64;
	else
		m->plugged[s->link_id / 64] &= ~(1ull << s->link_id % 64);
	m->n_links += (s->deleted ? 0 : 1) - (link->record.set != 0 ? 1 : 0);
	if (s->delay_set)
		link->t0_tsc = now_tsc;
	if ((link->record.flags & ORRERY_LINK_UP) != 0 && (s->record.flags & ORRERY_LINK_UP) == 0)
		link->down_tsc = now_tsc;
	if (link->watched)
		note(m, s->link_id);
	link->record = s->record;
	link->frames = s->frames;
	if (s->record.to != ORRERY_IFACE_NONE)
		far = publisher_iface(m->publisher, s->record.to);
	link_convert(link, s->link_id, far != NULL ? far->worker : 0, &m->config, params);
	if (far != NULL && far->kind == NODE_KIND_ROUTER)
		params->flags |= LINK_TO_ROUTER;
}

void matrix_apply(struct matrix *m, uint64_t now_tsc)
{
	publisher_set_epoch_tsc(m->publisher, now_tsc);
	for (uint32_t i = 0; i < m->n_staged; i++) {
		if (m->staged[i].changed)
			apply_one(m, &m->staged[i], now_tsc);
	}
	m->needed_frames = m->staged_frames;
	m->n_staged = 0;
}

const struct link *matrix_link(const struct matrix *m, uint32_t link_id)
{
	if (link_id >= m->config.max_ifaces || m->links[link_id].record.set == 0)
		return NULL;
	return &m->links[link_id];
}

const uint64_t *matrix_plugged(const struct matrix *m)
{
	return m->plugged;
}

const struct orrery_record *matrix_current(const struct matrix *m, uint32_t link_id)
{
	const struct staged *s;

	if (link_id >= m->config.max_ifaces)
		return NULL;
	s = find_staged(m, link_id);
	if (s != NULL)
		return s->deleted || s->record.set == 0 ? NULL : &s->record;
	return m->links[link_id].record.set != 0 ? &m->links[link_id].record : NULL;
}

uint64_t matrix_delay_now_ns(const struct matrix *m, const struct link *link, uint64_t now_tsc)
{
	uint64_t elapsed = now_tsc > link->t0_tsc ? now_tsc - link->t0_tsc : 0;
	double seconds = (double)elapsed / (double)m->config.tsc_hz;
	double delay;

	if (seconds > DP_SLOPE_MAX_S)
		seconds = DP_SLOPE_MAX_S;
	delay = (double)link->record.delay_ns + (double)link->record.slope_ns_s * seconds;
	if (delay < 0)
		return 0;
	return delay < MATRIX_DELAY_MAX_NS ? (uint64_t)(delay + 0.5) : MATRIX_DELAY_MAX_NS;
}

uint32_t matrix_first_arriving(const struct matrix *m, uint32_t iface_id)
{
	return m->links[iface_id].in_first - 1;
}

void matrix_pin(struct matrix *m, uint32_t link_id, bool pinned)
{
	struct link *link = &m->links[link_id];

	m->n_pinned += (pinned ? 1 : 0) - (link->pinned ? 1 : 0);
	link->pinned = pinned;
}

bool matrix_pinned(const struct matrix *m, uint32_t link_id)
{
	return link_id < m->config.max_ifaces && m->links[link_id].pinned;
}

uint32_t matrix_n_pinned(const struct matrix *m)
{
	return m->n_pinned;
}

void matrix_watch(struct matrix *m, uint32_t link_id, bool watched)
{
	m->links[link_id].watched = watched;
}

bool matrix_take_watched(struct matrix *m, uint32_t *ret_link_id)
{
	if (m->n_noted == 0)
		return false;
	*ret_link_id = m->noted[--m->n_noted];
	m->links[*ret_link_id].noted = false;
	return true;
}

uint64_t matrix_needed_frames(const struct matrix *m)
{
	return m->needed_frames;
}

uint32_t matrix_count(const struct matrix *m)
{
	return m->n_links;
}

const struct matrix_config *matrix_config(const struct matrix *m)
{
	return &m->config;
}
