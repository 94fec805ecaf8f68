/* SPDX-License-Identifier: BSD-3-Clause */
// Links as virtual clocks: whether a frame is taken, and when it arrives. link.h has the
// definitions.
#include "link.h"

#include <errno.h>
#include <math.h>
#include <rte_mbuf.h>
#include <rte_prefetch.h>
#include <string.h>

#include "normal.h"
#include "region.h"
#include "relay.h"
#include "worker.h"

#define LINK_TAKEN DROP_REASON_COUNT // not a drop

#define MODEL_FRAMES_AHEAD 4
#define ROW_MIN 4 // frames of one link in a row that make it worth while to look for rows

// A stay in one state longer ago than this many mean cycles says nothing any more (e^-64).
#define GE_MEMORY_CYCLES 32

int link_table_init(struct link_table *links, uint32_t n_links, uint64_t tsc_hz)
{
	links->n_links = n_links;
	links->slope_max_tsc = DP_SLOPE_MAX_S * tsc_hz;
	links->states = region_map(n_links * sizeof(*links->states));
	links->models = region_map(n_links * sizeof(*links->models));
	links->drops = region_map(n_links * sizeof(*links->drops));
	if (links->states == NULL || links->models == NULL || links->drops == NULL)
		return -ENOMEM;
	return 0;
}

void link_table_fini(struct link_table *links)
{
	region_unmap(links->states, links->n_links * sizeof(*links->states));
	region_unmap(links->models, links->n_links * sizeof(*links->models));
	region_unmap(links->drops, links->n_links * sizeof(*links->drops));
	memset(links, 0, sizeof(*links));
}

static inline uint32_t link_id_of(struct rte_mbuf *m)
{
	return frame_of(m)->link_id;
}

static inline struct frame_wait *wait_of(struct rte_mbuf *m)
{
	return rte_mbuf_to_priv(m);
}

// One link for the time of one frame.
struct link {
	const struct link_params *params;
	struct link_state *state;
	struct link_model *model;
	uint32_t id;
};

static void forget_waiting(const struct link *link)
{
	link->state->has_waiting = 0;
	link->model->wait_pkts = 0;
	link->model->wait_head = NULL;
	link->model->wait_tail = NULL;
}

// A new link: its counters go on, all else starts empty.
static void link_reset(const struct link *link)
{
	struct link_state *state = link->state;
	struct link_model *model = link->model;

	state->incarnation = link->params->incarnation;
	state->started = 1;
	state->busy_until_tsc = 0;
	state->busy_frac_q16 = 0;
	state->last_arrival_tsc = 0;
	state->down_seen_tsc = link->params->down_tsc;
	rng_seed(&model->rng, link->params->seed, 0 /* stream */);
	model->ge_until_tsc = 0;
	model->ge_bad = 0;
	model->jitter_started = 0;
	model->jitter_corr_q16 = UINT32_MAX;
	forget_waiting(link);
}

// The link has been down since the last frame: its queue is gone, and what arrives last is now what
// had left by then (but for jitter, which is unknown here).
static void link_restart(const struct link *link)
{
	const struct link_params *params = link->params;
	struct link_state *state = link->state;

	state->down_seen_tsc = params->down_tsc;
	state->busy_until_tsc = RTE_MIN(state->busy_until_tsc, params->down_tsc);
	state->last_arrival_tsc =
	        RTE_MIN(state->last_arrival_tsc, params->down_tsc + params->delay_tsc);
	forget_waiting(link);
}

// Gilbert-Elliott in continuous time: two states, exponential stays. Moves the link's state to `t`.
static void ge_advance(const struct link *link, uint64_t t)
{
	struct link_model *model = link->model;
	uint64_t good = link->params->good_mean_tsc, bad = link->params->bad_mean_tsc;

	if (t < model->ge_until_tsc)
		return;
	if (model->ge_until_tsc == 0 || t - model->ge_until_tsc > GE_MEMORY_CYCLES * (good + bad)) {
		// Nothing is left of what it was: draw from the long-run shares. The stay that is
		// under way lasts for another full mean (it has no memory).
		double u = (double)(rng_next(&model->rng) >> 11) * 0x1p-53;

		model->ge_bad = u * (double)(good + bad) < (double)bad;
		model->ge_until_tsc = t + 1 +
		                      (uint64_t)(exponential_draw(&model->rng) *
		                                 (double)(model->ge_bad ? bad : good));
	}
	while (t >= model->ge_until_tsc) {
		model->ge_bad = !model->ge_bad;
		model->ge_until_tsc += 1 + (uint64_t)(exponential_draw(&model->rng) *
		                                      (double)(model->ge_bad ? bad : good));
	}
}

static bool is_lost(const struct link *link, uint64_t t)
{
	uint32_t loss_q32 = link->params->loss_q32;

	if (link->params->flags & LINK_GE) {
		ge_advance(link, t);
		if (link->model->ge_bad)
			loss_q32 = link->params->loss_bad_q32;
	}
	if (loss_q32 == 0)
		return false;
	return loss_q32 == UINT32_MAX || rng_chance_q32(&link->model->rng, loss_q32);
}

static inline bool chance_q16(const struct link *link, uint16_t p_q16)
{
	return p_q16 != 0 && (rng_next(&link->model->rng) >> 48) < p_q16;
}

// Normal with correlation r between successive frames: x = r * last + sqrt(1 - r^2) * fresh.
static int64_t draw_jitter(const struct link *link)
{
	struct link_model *model = link->model;
	uint32_t corr_q16 = link->params->jitter_corr_q16;
	float x = normal_draw(&model->rng);

	if (corr_q16 != 0) {
		float r = (float)corr_q16 * 0x1p-16f;

		if (model->jitter_corr_q16 != corr_q16) {
			model->jitter_corr_q16 = corr_q16;
			model->jitter_fresh = sqrtf(RTE_MAX(0.0f, 1.0f - r * r));
		}
		if (model->jitter_started)
			x = r * model->jitter_last + model->jitter_fresh * x;
	}
	model->jitter_started = 1;
	model->jitter_last = x;
	return (int64_t)(x * (float)link->params->jitter_tsc);
}

// Lets go of the frames that have departed by `t`.
static void drain_waiting(const struct link *link, uint64_t t)
{
	struct link_model *model = link->model;

	while (model->wait_head != NULL && frame_of(model->wait_head)->departure_tsc <= t) {
		model->wait_head = wait_of(model->wait_head)->next;
		model->wait_pkts--;
	}
	if (model->wait_head == NULL)
		forget_waiting(link);
}

static void add_waiting(const struct link *link, struct rte_mbuf *m)
{
	struct link_model *model = link->model;

	wait_of(m)->next = NULL;
	if (model->wait_head == NULL)
		model->wait_head = m;
	else
		wait_of(model->wait_tail)->next = m;
	model->wait_tail = m;
	model->wait_pkts++;
	link->state->has_waiting = 1;
}

static inline uint32_t wire_bytes(uint32_t len)
{
	return RTE_MAX(len, (uint32_t)LINK_FRAME_MIN_BYTES) + LINK_OVERHEAD_BYTES;
}

// Whether a frame of `bytes` finds room behind `backlog_tsc` cycles of others. The bytes that wait
// are backlog / cycles a byte; compared as cycles, without a division.
static bool has_room(const struct link *link, uint64_t backlog_tsc, uint32_t bytes)
{
	const struct link_params *params = link->params;
	unsigned __int128 room_q16;

	if (params->queue_bytes != UINT32_MAX) {
		if (bytes > params->queue_bytes)
			return false;
		room_q16 = (unsigned __int128)(params->queue_bytes - bytes) *
		           params->cycles_per_byte_q16;
		if (((unsigned __int128)backlog_tsc << 16) > room_q16)
			return false;
	}
	return params->queue_pkts == UINT32_MAX || link->model->wait_pkts < params->queue_pkts;
}

// Propagation of a frame that departs at `t`; never below 0.
static inline uint64_t delay_at(
        const struct link_params *params, uint64_t t, uint64_t slope_max_tsc, int64_t jitter_tsc)
{
	int64_t delay = (int64_t)params->delay_tsc + jitter_tsc;

	if (params->slope_q32 != 0) {
		uint64_t since = t > params->t0_tsc ? t - params->t0_tsc : 0;

		since = RTE_MIN(since, slope_max_tsc);
		delay += (int64_t)(((__int128)params->slope_q32 * (int64_t)since) >> 32);
	}
	return delay > 0 ? (uint64_t)delay : 0;
}

static inline void count_taken(struct link_state *state, uint64_t n_pkts, uint64_t n_bytes)
{
	counter_add(&state->tx_pkts, n_pkts);
	counter_add(&state->tx_bytes, n_bytes);
}

// What a frame changes in a link's state: in registers while several go the same way.
struct clock {
	uint64_t busy_until_tsc;
	uint64_t last_arrival_tsc;
	uint16_t busy_frac_q16;
};

static inline struct clock read_link_clock(const struct link_state *state)
{
	return (struct clock){.busy_until_tsc = state->busy_until_tsc,
	        .last_arrival_tsc = state->last_arrival_tsc,
	        .busy_frac_q16 = state->busy_frac_q16};
}

static inline void set_link_clock(const struct link *link, const struct clock *clock)
{
	link->state->last_arrival_tsc = clock->last_arrival_tsc;
	if (link->params->cycles_per_byte_q16 == 0)
		return;
	link->state->busy_until_tsc = clock->busy_until_tsc;
	link->state->busy_frac_q16 = clock->busy_frac_q16;
}

// Room in the queue, and the departure: sets the clock's busy_until. False: no room.
static inline bool queue_frame(
        const struct link *link, struct clock *clock, uint64_t t, uint32_t len)
{
	const struct link_params *params = link->params;
	uint32_t bytes = wire_bytes(len);
	uint64_t cycles_q16 = bytes * params->cycles_per_byte_q16;
	uint64_t start = t;

	if (unlikely(link->state->has_waiting))
		drain_waiting(link, t);
	if (clock->busy_until_tsc > t) {
		if (!has_room(link, clock->busy_until_tsc - t, bytes))
			return false;
		start = clock->busy_until_tsc;
		cycles_q16 += clock->busy_frac_q16;
	}
	clock->busy_until_tsc = start + (cycles_q16 >> 16);
	clock->busy_frac_q16 = (uint16_t)cycles_q16;
	return true;
}

// Queue, rate, delay: when the frame departs and arrives. Returns LINK_TAKEN, and `clock` is what
// it is then, or why not. One body for plain links and others: `impaired` is constant.
static __rte_always_inline unsigned schedule(struct worker *w, const struct link *link,
        struct clock *clock, struct rte_mbuf *m, bool impaired)
{
	const struct link_params *params = link->params;
	struct clock next = *clock;
	struct frame *f = frame_of(m);
	uint64_t arrival, departure = f->time_tsc;
	int64_t jitter = 0;

	if (impaired && params->jitter_tsc != 0)
		jitter = draw_jitter(link);
	if (params->cycles_per_byte_q16 != 0) {
		if (!queue_frame(link, &next, departure, m->pkt_len))
			return DROP_LINK_QUEUE;
		departure = next.busy_until_tsc;
	}
	arrival = departure + delay_at(params, departure, w->links.slope_max_tsc, jitter);
	if (!(params->flags & LINK_REORDER))
		arrival = RTE_MAX(arrival, next.last_arrival_tsc);
	if (unlikely(!wheel_reaches(&w->wheel, arrival)))
		return DROP_WHEEL_HORIZON;
	next.last_arrival_tsc = arrival;
	*clock = next;
	f->accepted_tsc = f->time_tsc;
	f->departure_tsc = departure;
	f->time_tsc = arrival;
	f->iface_id = params->to;
	return LINK_TAKEN;
}

static inline bool is_ordered(const struct link *link)
{
	return (link->params->flags & LINK_ORDERED) != 0;
}

// One frame: from here on it is the wheel's. Returns LINK_TAKEN or why not.
static __rte_always_inline unsigned carry(
        struct worker *w, const struct link *link, struct rte_mbuf *m, bool impaired)
{
	struct clock clock = read_link_clock(link->state);
	unsigned verdict;

	verdict = schedule(w, link, &clock, m, impaired);
	if (unlikely(verdict != LINK_TAKEN))
		return verdict;
	if (unlikely(!wheel_has_room(&w->wheel, 1)))
		return DROP_WHEEL_FULL;
	set_link_clock(link, &clock);
	if (link->params->queue_pkts != UINT32_MAX && link->params->cycles_per_byte_q16 != 0)
		add_waiting(link, m);
	count_taken(link->state, 1, m->pkt_len);
	wheel_insert(&w->wheel, m, is_ordered(link));
	return LINK_TAKEN;
}

// Skips queue and delay.
static unsigned carry_at_once(struct worker *w, const struct link *link, struct rte_mbuf *m)
{
	struct frame *f = frame_of(m);

	if (unlikely(!wheel_has_room(&w->wheel, 1)))
		return DROP_WHEEL_FULL;
	f->accepted_tsc = f->time_tsc;
	f->departure_tsc = f->time_tsc;
	f->iface_id = link->params->to;
	count_taken(link->state, 1, m->pkt_len);
	wheel_insert(&w->wheel, m, (link->params->flags & LINK_ORDERED) != 0);
	return LINK_TAKEN;
}

// The copy follows its original. It takes the link as a frame of its own.
static void carry_duplicate(struct worker *w, const struct link *link, struct rte_mbuf *copy)
{
	unsigned verdict = carry(w, link, copy, true);

	counter_add(&w->links.drops[link->id].duplicates, 1);
	if (verdict != LINK_TAKEN)
		drop_on_link(w, copy, link->id, verdict);
}

static __rte_noinline unsigned carry_impaired(
        struct worker *w, const struct link *link, struct rte_mbuf *m)
{
	const struct link_params *params = link->params;
	struct rte_mbuf *copy = NULL;
	unsigned verdict;

	if (is_lost(link, frame_of(m)->time_tsc))
		return DROP_LINK_LOSS;
	// A whole copy, since a router at the far end writes into frames; and before the wheel has
	// the original.
	if (chance_q16(link, params->duplicate_q16))
		copy = rte_pktmbuf_copy(m, w->pool, 0 /* offset */, UINT32_MAX);
	if (chance_q16(link, params->reorder_q16))
		verdict = carry_at_once(w, link, m);
	else
		verdict = carry(w, link, m, true);
	if (copy == NULL)
		return verdict;
	if (verdict == LINK_TAKEN)
		carry_duplicate(w, link, copy);
	else
		rte_pktmbuf_free(copy); // it never was a frame of its own
	return verdict;
}

// One frame on a link of this worker.
static __rte_always_inline unsigned link_frame(
        struct worker *w, const struct link *link, struct rte_mbuf *m)
{
	const struct link_params *params = link->params;

	if (unlikely(!(params->flags & LINK_UP)))
		return DROP_LINK_DOWN;
	if (unlikely(m->pkt_len > params->mtu_frame) && params->mtu_frame != 0)
		return DROP_LINK_MTU;
	if (unlikely(w->pool_low))
		return DROP_WHEEL_FULL;
	if (unlikely(link->state->incarnation != params->incarnation || !link->state->started))
		link_reset(link);
	if (unlikely(link->state->down_seen_tsc != params->down_tsc))
		link_restart(link);
	if (unlikely(params->flags & LINK_IMPAIRED))
		return carry_impaired(w, link, m);
	return carry(w, link, m, false);
}

// The parameters of a frame further on have come by now: is there more to fetch for it?
static inline void fetch_model(const struct worker *w, uint32_t id)
{
	const struct link_params *params = &w->view->links[id];

	if (unlikely(params->flags & LINK_IMPAIRED)) {
		rte_prefetch0(&params->seed); // its second line
		rte_prefetch0(&w->links.models[id]);
	}
}

// One frame that may be another worker's, or nobody's.
static __rte_always_inline void take_frame(
        struct worker *w, const struct link *link, struct rte_mbuf *m)
{
	unsigned verdict;

	if (unlikely(link->params->to == DP_NONE)) {
		drop_on_link(w, m, link->id, DROP_LINK_NONE);
		return;
	}
	if (link->params->worker != w->idx) {
		// The buffer is of our pool, wherever it waits.
		if (unlikely(w->pool_low))
			drop_on_link(w, m, link->id, DROP_WHEEL_FULL);
		else
			relay_send(w, link->params->worker, m);
		return;
	}
	verdict = link_frame(w, link, m);
	if (unlikely(verdict != LINK_TAKEN))
		drop_on_link(w, m, link->id, verdict);
}

// Whether `n` frames will find the link as take_frame() finds most: ours, up, without impairment,
// with its state begun and no list of frames that wait.
static inline bool is_plain(const struct worker *w, const struct link *link, unsigned n)
{
	const struct link_params *params = link->params;
	const struct link_state *state = link->state;

	return params->to != DP_NONE && params->worker == w->idx &&
	       (params->flags & (LINK_UP | LINK_IMPAIRED)) == LINK_UP && !w->pool_low &&
	       state->started && state->incarnation == params->incarnation &&
	       state->down_seen_tsc == params->down_tsc && params->queue_pkts == UINT32_MAX &&
	       !state->has_waiting && wheel_has_room(&w->wheel, n);
}

// The same as take_frame() of each, but clock, counters and the wheel's end are read and written
// once.
static __rte_noinline void carry_row(
        struct worker *w, const struct link *link, struct rte_mbuf **pkts, unsigned n)
{
	uint32_t len_max = link->params->mtu_frame != 0 ? link->params->mtu_frame : UINT32_MAX;
	struct clock clock = read_link_clock(link->state);
	struct wheel_row row = WHEEL_ROW_INIT;
	bool ordered = is_ordered(link);
	uint64_t n_taken = 0, n_bytes = 0;

	for (unsigned i = 0; i < n; i++) {
		struct rte_mbuf *m = pkts[i];
		uint32_t len = m->pkt_len;
		unsigned verdict = DROP_LINK_MTU;

		if (likely(len <= len_max))
			verdict = schedule(w, link, &clock, m, false /* impaired */);
		if (unlikely(verdict != LINK_TAKEN)) {
			drop_on_link(w, m, link->id, verdict);
			continue;
		}
		wheel_row_insert(&w->wheel, &row, m, ordered);
		n_taken++;
		n_bytes += len;
	}
	wheel_row_end(&w->wheel, &row);
	set_link_clock(link, &clock);
	count_taken(link->state, n_taken, n_bytes);
}

static inline struct link link_of(const struct worker *w, struct rte_mbuf *m)
{
	uint32_t id = link_id_of(m);

	return (struct link){.params = &w->view->links[id],
	        .state = &w->links.states[id],
	        .model = &w->links.models[id],
	        .id = id};
}

// The frames from the first on that take the same link.
static inline unsigned row_len(struct rte_mbuf **pkts, unsigned n)
{
	uint32_t id = link_id_of(pkts[0]);
	unsigned len = 1;

	while (len < n && link_id_of(pkts[len]) == id)
		len++;
	return len;
}

// Whether it is worth while to look for rows. A look at the first one must do.
static inline bool is_in_rows(struct rte_mbuf **pkts, unsigned n)
{
	return n >= ROW_MIN && row_len(pkts, ROW_MIN) == ROW_MIN;
}

static void take_each(struct worker *w, struct rte_mbuf **pkts, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		const struct link link = link_of(w, pkts[i]);

		if (i + MODEL_FRAMES_AHEAD < n)
			fetch_model(w, link_id_of(pkts[i + MODEL_FRAMES_AHEAD]));
		take_frame(w, &link, pkts[i]);
	}
}

void link_burst(struct worker *w, struct rte_mbuf **pkts, unsigned n)
{
	unsigned n_row;

	for (unsigned i = 0; i < n; i++) {
		uint32_t id = link_id_of(pkts[i]);

		rte_prefetch0(&w->view->links[id]);
		rte_prefetch0(&w->links.states[id]);
	}
	if (!is_in_rows(pkts, n)) {
		take_each(w, pkts, n);
		return;
	}
	for (unsigned i = 0; i < n; i += n_row) {
		const struct link link = link_of(w, pkts[i]);

		n_row = row_len(pkts + i, n - i);
		if (is_plain(w, &link, n_row))
			carry_row(w, &link, pkts + i, n_row);
		else
			take_each(w, pkts + i, n_row);
	}
}

// A frame that waited: lets go of the link's list of waiting frames, and tells whether it was still
// waiting when the link went down.
static bool was_cut_off(struct worker *w, struct rte_mbuf *m)
{
	const struct frame *f = frame_of(m);
	const struct link link = {.params = &w->view->links[f->link_id],
	        .state = &w->links.states[f->link_id],
	        .model = &w->links.models[f->link_id],
	        .id = f->link_id};
	uint64_t down_tsc = link.params->down_tsc;

	// It departed before it arrived, and so did all that were accepted before it.
	if (link.state->has_waiting)
		drain_waiting(&link, f->time_tsc);
	return f->accepted_tsc < down_tsc && down_tsc < f->departure_tsc;
}

// Frames of one link. Those that have arrived go to `kept`; returns how many.
static __rte_always_inline unsigned leave_row(
        struct worker *w, struct rte_mbuf **pkts, unsigned n, struct rte_mbuf **kept)
{
	struct link_state *state = &w->links.states[link_id_of(pkts[0])];
	unsigned n_kept = 0;
	uint64_t n_bytes = 0;

	for (unsigned i = 0; i < n; i++) {
		struct rte_mbuf *m = pkts[i];
		struct frame *f = frame_of(m);

		n_bytes += m->pkt_len;
		if ((f->departure_tsc != f->accepted_tsc || unlikely(state->has_waiting)) &&
		        unlikely(was_cut_off(w, m)))
			drop_on_link(w, m, f->link_id, DROP_LINK_DOWN);
		else
			kept[n_kept++] = m;
	}
	counter_add(&state->left_pkts, n);
	counter_add(&state->left_bytes, n_bytes);
	return n_kept;
}

unsigned link_leave(struct worker *w, struct rte_mbuf **pkts, unsigned n)
{
	unsigned n_kept = 0, n_row;

	for (unsigned i = 0; i < n; i++)
		rte_prefetch0(&w->links.states[link_id_of(pkts[i])]);
	if (!is_in_rows(pkts, n)) {
		for (unsigned i = 0; i < n; i++)
			n_kept += leave_row(w, &pkts[i], 1, &pkts[n_kept]);
		return n_kept;
	}
	for (unsigned i = 0; i < n; i += n_row) {
		n_row = row_len(pkts + i, n - i);
		n_kept += leave_row(w, pkts + i, n_row, pkts + n_kept);
	}
	return n_kept;
}
