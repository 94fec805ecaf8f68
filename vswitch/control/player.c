/* SPDX-License-Identifier: BSD-3-Clause */
// The player's time line: what is due when, and its coming into force.
#include "player.h"

#include <errno.h>
#include <event2/event.h>
#include <math.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "log.h"
#include "player_core.h"

#define S_NS 1000000000ull
#define NEVER UINT64_MAX
#define SPAN_MAX_NS (INT64_MAX / 2)
#define LEAD_MIN_NS 300000 // the timer's own lateness, and a small epoch's work
#define LEAD_MAX_NS 20000000
#define RUN_MAX 32 // epochs before others get their turn

uint64_t player_now_ns(const struct player *p)
{
	return p->clock.now_ns(p->clock.arg);
}

uint64_t player_due_of(const struct player *p, uint64_t t_ns)
{
	double span_ns = (double)(t_ns - p->anchor_t_ns) / p->speed;

	return p->anchor_ns + (uint64_t)fmin(span_ns + 0.5, (double)SPAN_MAX_NS);
}

uint64_t player_file_time(const struct player *p, uint64_t now)
{
	uint64_t end_ns = p->file->header->duration_ns;
	double span_ns = now > p->anchor_ns ? (double)(now - p->anchor_ns) * p->speed : 0;
	uint64_t t_ns;

	if (p->state != PLAYER_PLAYING)
		return p->t_ns;
	t_ns = span_ns >= (double)(end_ns - p->anchor_t_ns) ? end_ns
	                                                    : p->anchor_t_ns + (uint64_t)span_ns;
	return t_ns > p->t_ns ? t_ns : p->t_ns;
}

// --- epochs -------------------------------------------------------------------------------------

uint32_t player_skip_keys(const struct player *p, uint32_t epoch)
{
	while (epoch < p->file->n_epochs && (p->file->epochs[epoch].flags & EPHEMERIS_KEY) != 0)
		epoch++;
	return epoch;
}

static uint64_t next_due(const struct player *p)
{
	uint64_t t_ns = p->next < p->file->n_epochs ? p->file->epochs[p->next].t_ns
	                                            : p->file->header->duration_ns;

	return player_due_of(p, t_ns);
}

static uint64_t slopes_due(const struct player *p)
{
	uint64_t oldest_ns = player_links_oldest_ns(&p->links);

	return oldest_ns != NEVER ? oldest_ns + PLAYER_SLOPE_AGE_NS : NEVER;
}

static uint64_t lead_ns(const struct player *p)
{
	uint64_t lead = LEAD_MIN_NS + 2 * p->work_ns;

	return lead < LEAD_MAX_NS ? lead : LEAD_MAX_NS;
}

// Next hops that were computed for this epoch go with it. All else voids what was computed ahead.
static void bring_routes(
        struct player *p, const struct player_moment *moment, struct matrix_result *result)
{
	struct paths_worker *paths = p->control->paths;

	if (moment->epoch != 0)
		paths_worker_enter(paths, moment->epoch, result->paths_changed);
	else
		paths_worker_poke(paths);
	result->paths_changed = false;
}

// What is staged becomes an epoch of the switch at moment->at_ns, or at once when that is over.
static int commit(struct player *p, const struct player_moment *moment, struct fault *fault)
{
	struct matrix_result result = {0};
	int ret = control_prepare_matrix(p->control,
	        player_clock_tsc_at(&p->clock, datapath_tsc_hz(p->control->dp), moment->at_ns),
	        &result, fault);

	if (ret < 0)
		return ret;
	bring_routes(p, moment, &result);
	p->ready_ns = player_now_ns(p);
	if (p->ready_ns < moment->at_ns)
		p->clock.wait_until(p->clock.arg, moment->at_ns);
	(void)control_publish_matrix(p->control, &result);
	p->commits++;
	p->t_ns = moment->t_ns;
	return 0;
}

int player_commit_touched(struct player *p, const struct player_moment *moment, struct fault *fault)
{
	int ret = player_links_stage(&p->links, moment, fault);

	return ret == 0 ? commit(p, moment, fault) : ret;
}

int player_commit_all(struct player *p, const struct player_moment *moment, struct fault *fault)
{
	int ret = player_links_stage_all(&p->links, moment, fault);

	return ret == 0 ? commit(p, moment, fault) : ret;
}

int player_freeze(struct player *p, const struct player_moment *moment, struct fault *fault)
{
	player_links_touch_slopes(&p->links, NEVER);
	if (p->links.n_touched == 0) {
		p->t_ns = moment->t_ns;
		return 0;
	}
	return player_commit_touched(p, moment, fault);
}

// What was refused may be in p->links already: the switch knows what is in force.
static void stand_still(struct player *p)
{
	uint64_t tsc = p->clock.now_tsc(p->clock.arg);
	struct matrix_result result = {0};
	struct fault why = {0};
	int ret = player_links_stage_still(&p->links, tsc, &why);

	if (ret == 0)
		ret = control_prepare_matrix(p->control, tsc, &result, &why);
	if (ret == 0)
		(void)control_publish_matrix(p->control, &result);
	else
		log_err("play '%s': links go on with their slopes: %s", p->name, why.message);
}

void player_stop_with(struct player *p, const struct fault *why)
{
	p->t_ns = player_file_time(p, player_now_ns(p));
	p->state = PLAYER_PAUSED;
	snprintf(p->error, sizeof(p->error), "%s%s%s", why->field,
	        why->field[0] != '\0' ? ": " : "", why->message);
	log_err("play '%s': paused at %.3f s: %s", p->name, (double)p->t_ns / 1e9, p->error);
	stand_still(p);
}

static void count_epochs(struct player *p, uint32_t n, uint64_t first_due_ns)
{
	uint64_t applied_ns = player_now_ns(p);

	p->late_ns = applied_ns > first_due_ns ? applied_ns - first_due_ns : 0;
	if (p->late_ns > p->late_max_ns)
		p->late_max_ns = p->late_ns;
	if (p->late_ns > PLAYER_LATE_NS)
		p->late += n;
	p->applied += n;
	p->merged += n - 1;
}

// The next epochs will be begun earlier after a slow one, a little later after each quick one.
static void learn_work(struct player *p, uint64_t since_ns)
{
	uint64_t work_ns = p->ready_ns - since_ns;

	p->work_ns = work_ns > p->work_ns ? work_ns : p->work_ns - (p->work_ns - work_ns) / 8;
}

// The epochs from p->next that are due by `now`, the first in any case. Returns how many.
static uint32_t count_overdue(const struct player *p, uint64_t now, uint32_t *ret_last)
{
	uint32_t n = 0;

	for (uint32_t i = p->next; i < p->file->n_epochs; i = player_skip_keys(p, i + 1)) {
		if (n > 0 && player_due_of(p, p->file->epochs[i].t_ns) > now)
			break;
		*ret_last = i;
		n++;
	}
	return n;
}

// After a long stall the way by the last key may be shorter.
static bool by_key(const struct player *p, uint32_t last)
{
	uint32_t key = last;

	while (key > p->next && (p->file->epochs[key].flags & EPHEMERIS_KEY) == 0)
		key--;
	return key > p->next && p->file->epochs[key].first - p->file->epochs[p->next].first >
	                                2ull * p->file->n_ifaces;
}

static void play_epochs(struct player *p, uint64_t now)
{
	const struct ephemeris_epoch *epochs = p->file->epochs;
	uint64_t first_due_ns = player_due_of(p, epochs[p->next].t_ns);
	uint32_t last = p->next, n = count_overdue(p, now, &last);
	struct player_moment moment = {epochs[last].t_ns, player_due_of(p, epochs[last].t_ns),
	        p->speed, (uint64_t)last + 1};
	struct fault fault = {0};
	bool all = by_key(p, last);
	int ret;

	if (all)
		(void)player_links_seek(&p->links, moment.t_ns);
	for (uint32_t i = p->next; i <= last && !all; i = player_skip_keys(p, i + 1))
		player_links_advance(&p->links, &epochs[i]);
	p->epoch = last;
	p->next = player_skip_keys(p, last + 1);
	if (moment.at_ns > PLAYER_SLOPE_AGE_EARLY_NS)
		player_links_touch_slopes(&p->links, moment.at_ns - PLAYER_SLOPE_AGE_EARLY_NS);
	ret = all ? player_commit_all(p, &moment, &fault)
	          : player_commit_touched(p, &moment, &fault);
	if (ret < 0) {
		player_stop_with(p, &fault);
		return;
	}
	count_epochs(p, n, first_due_ns);
	learn_work(p, now);
}

// From the end to the beginning. What is overdue by then is merged, whole rounds too.
static void start_over(struct player *p, uint64_t now)
{
	const struct ephemeris_header *header = p->file->header;
	uint64_t due_ns = player_due_of(p, header->duration_ns), first_due_ns = due_ns, rounds = 0,
	         t_ns;
	double round_ns = (double)header->duration_ns / p->speed;
	struct player_moment moment;
	struct fault fault = {0};

	if (now > due_ns)
		rounds = (uint64_t)((double)(now - due_ns) / round_ns);
	p->loops += rounds + 1;
	p->anchor_ns = due_ns + (uint64_t)((double)rounds * round_ns + 0.5);
	p->anchor_t_ns = 0;
	p->t_ns = 0;
	t_ns = now > p->anchor_ns ? player_file_time(p, now) : 0;
	p->next = player_skip_keys(p, player_links_seek(&p->links, t_ns));
	p->epoch = ephemeris_epoch_after(p->file, t_ns) - 1;
	t_ns = p->file->epochs[p->epoch].t_ns; // a moment that has its place on the clock
	moment = (struct player_moment){t_ns, player_due_of(p, t_ns), p->speed, 0};
	if (player_commit_all(p, &moment, &fault) < 0)
		player_stop_with(p, &fault);
	else
		count_epochs(p, 1, first_due_ns);
}

static void end(struct player *p)
{
	uint64_t end_ns = p->file->header->duration_ns;
	struct player_moment moment = {end_ns, player_due_of(p, end_ns), 0, 0};
	struct fault fault = {0};

	if (player_freeze(p, &moment, &fault) < 0)
		player_stop_with(p, &fault);
	else
		p->state = PLAYER_ENDED;
}

static void say_slopes_again(struct player *p, uint64_t now)
{
	struct player_moment moment = {player_file_time(p, now), now, p->speed, 0};
	struct fault fault = {0};

	player_links_touch_slopes(&p->links, now - PLAYER_SLOPE_AGE_EARLY_NS);
	if (player_commit_touched(p, &moment, &fault) < 0)
		player_stop_with(p, &fault);
}

// Returns whether there was anything to do.
static bool run_next(struct player *p)
{
	uint64_t now = player_now_ns(p), due_ns = next_due(p);

	if (slopes_due(p) <= now && now < due_ns)
		say_slopes_again(p, now);
	else if (due_ns > now + lead_ns(p))
		return false;
	else if (p->next < p->file->n_epochs &&
	         !(p->loop && player_due_of(p, p->file->header->duration_ns) <= now))
		play_epochs(p, now);
	else if (p->loop)
		start_over(p, now);
	else
		end(p);
	return true;
}

uint64_t player_due_ns(const struct player *p)
{
	uint64_t due_ns, slopes_ns;

	if (p->state != PLAYER_PLAYING)
		return NEVER;
	due_ns = next_due(p);
	due_ns = due_ns > lead_ns(p) ? due_ns - lead_ns(p) : 0;
	slopes_ns = slopes_due(p);
	return due_ns < slopes_ns ? due_ns : slopes_ns;
}

bool player_busy_within(const struct player *p, uint64_t ns)
{
	return p != NULL && p->state == PLAYER_PLAYING && player_due_ns(p) < player_now_ns(p) + ns;
}

// While it plays the control thread goes before the machine's other work: what makes epochs late is
// that it is not woken in time. Without the right to it, they are as late as they are.
static void set_urgent(struct player *p, bool urgent)
{
	const struct sched_param first = {.sched_priority = 1}, none = {0};

	if (p->urgent == urgent)
		return;
	p->urgent = urgent;
	if (urgent)
		(void)sched_setscheduler(0, SCHED_RR | SCHED_RESET_ON_FORK, &first);
	else
		(void)sched_setscheduler(0, SCHED_OTHER, &none);
}

static void set_timer(struct player *p)
{
	uint64_t due_ns = player_due_ns(p);
	struct itimerspec when = {0};

	if (p->timer_fd < 0)
		return;
	set_urgent(p, p->state == PLAYER_PLAYING);
	if (due_ns != NEVER) {
		when.it_value.tv_sec = (time_t)(due_ns / S_NS);
		when.it_value.tv_nsec = (long)(due_ns % S_NS) + (due_ns == 0);
	}
	(void)timerfd_settime(p->timer_fd, TFD_TIMER_ABSTIME, &when, NULL);
}

void player_run(struct player *p)
{
	for (unsigned i = 0; i < RUN_MAX && p->state == PLAYER_PLAYING && run_next(p); i++)
		;
	set_timer(p);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	uint64_t count;

	(void)!read(fd, &count, sizeof(count));
	player_run(arg);
}

// --- life ---------------------------------------------------------------------------------------

static int make_timer(struct player *p, struct event_base *base, struct fault *fault)
{
	p->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	if (p->timer_fd < 0)
		return fault_set(
		        fault, -errno, NULL, "no timer for the player: %s", strerror(errno));
	p->timer = event_new(base, p->timer_fd, EV_READ | EV_PERSIST, on_timer, p);
	if (p->timer == NULL || event_add(p->timer, NULL) < 0)
		return fault_set(fault, -ENOMEM, NULL, "no memory for the player");
	return 0;
}

int player_create(struct control *control, struct player **ret_player, struct fault *fault)
{
	struct player *p = calloc(1, sizeof(*p));
	int ret = 0;

	if (p == NULL)
		return fault_set(fault, -ENOMEM, NULL, "no memory for the player");
	p->control = control;
	p->clock = player_clock_real;
	p->timer_fd = -1;
	p->speed = 1;
	if (player_links_init(&p->links, control) < 0)
		ret = fault_set(fault, -ENOMEM, NULL, "no memory for the player");
	if (ret == 0)
		player_ahead_offer(p);
	if (ret == 0 && control->base != NULL)
		ret = make_timer(p, control->base, fault);
	if (ret < 0) {
		player_destroy(p);
		return ret;
	}
	*ret_player = p;
	return 0;
}

void player_destroy(struct player *p)
{
	if (p == NULL)
		return;
	player_ahead_detach(p);
	player_links_fini(&p->links);
	player_objects_fini(&p->objects);
	ephemeris_close(p->file);
	if (p->timer != NULL)
		event_free(p->timer);
	if (p->timer_fd >= 0)
		close(p->timer_fd);
	free(p);
}

void player_set_clock(struct player *p, const struct player_clock *clock)
{
	p->clock = *clock;
}

void player_iface_gone(struct player *p, uint32_t id)
{
	if (p != NULL)
		player_links_gone(&p->links, id);
}

const char *player_state_name(enum player_state state)
{
	static const char *const names[] = {[PLAYER_EMPTY] = "empty",
	        [PLAYER_LOADED] = "loaded",
	        [PLAYER_PLAYING] = "playing",
	        [PLAYER_PAUSED] = "paused",
	        [PLAYER_ENDED] = "ended"};

	return names[state];
}
