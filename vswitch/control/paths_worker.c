/* SPDX-License-Identifier: BSD-3-Clause */
// Next hops in the background.
#include "paths_worker.h"

#include <assert.h>
#include <errno.h>
#include <event2/event.h>
#include <poll.h>
#include <pthread.h>
#include <rte_common.h>
#include <rte_cycles.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "log.h"
#include "paths.h"
#include "tsc_hz.h"

#define AHEAD_MAX 32 // epochs
#define AHEAD_BYTES_MAX (64u << 20) // of their tables
#define HELD_MAX 64
#define IN_TURN_MIN 16 // nodes
#define INTERVAL_FIRST_NS 1000000000

// What next hops are computed from: the matrix after so many pokes, and the file's epoch since
// then.
struct state_of {
	uint64_t generation;
	uint64_t epoch; // 0: none
};

// One computation's input, and its result.
struct job {
	struct paths_graph graph;
	struct paths_link *links;
	uint32_t *dests;
	bool *can_wait;
	uint32_t n_dests_now; // that it computes
	uint64_t matrix_epoch;
	struct state_of state;
	uint64_t changed_ns; // when the links did; 0: not yet
	uint64_t begun_ns; // when the thread got it
	uint64_t compute_ns;
	bool was_ahead; // of an epoch that has not come into force
	struct dp_nexthops *result;
	struct job *next;
};

// First in, first out.
struct job_list {
	struct job *first, **end;
	uint32_t n;
};

struct retired {
	uint32_t router_idx, dest_idx; // DP_NONE: none
	uint64_t generation; // snapshots from this one on do not know them
	struct retired *next;
};

struct paths_worker {
	struct model *model;
	struct matrix *matrix;
	struct publisher *publisher;
	struct event *start_event; // runs once the loop has nothing more urgent
	struct event *done_event;
	struct event *held_event; // when the first held result is due
	int done_fd;
	struct player_clock clock;
	struct paths_policy policy;
	struct paths_future future; // next NULL: none
	struct paths_counts counts;

	struct state_of now; // its generation counts pokes
	struct state_of computed; // newest of those that are not ahead
	struct state_of published;
	uint64_t published_epoch; // of the matrix
	uint64_t changed_ns; // when the links of `now` did
	uint64_t entered_ns; // the last epoch
	uint64_t interval_ns; // between epochs, lately
	uint64_t took_ns; // the last computation, from when the thread got it until its result
	uint64_t dest_ns; // of it for a destination
	uint64_t whole_generation; // for which all destinations were computed
	bool busy; // a job is with the thread
	struct job *running; // the thread's, to look at `state` only
	struct job_list ahead; // done, of epochs to come
	struct job_list held; // done, until their time
	bool rewind; // the future must be told
	bool settling; // the state in force is wanted, however late
	struct retired *retired;

	struct paths_memory *memory; // the computation's
	bool has_thread;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	// under lock
	struct job *todo, *done;
	bool stop;
	// written by control, read by the computation at any time: it only ever becomes true
	_Atomic bool cancel;
};

static bool same_state(struct state_of a, struct state_of b)
{
	return a.generation == b.generation && a.epoch == b.epoch;
}

static void list_init(struct job_list *list)
{
	*list = (struct job_list){.end = &list->first};
}

static void list_add(struct job_list *list, struct job *job)
{
	job->next = NULL;
	*list->end = job;
	list->end = &job->next;
	list->n++;
}

static struct job *list_take(struct job_list *list)
{
	struct job *job = list->first;

	if (job == NULL)
		return NULL;
	list->first = job->next;
	if (list->first == NULL)
		list->end = &list->first;
	list->n--;
	return job;
}

static void job_free(struct job *job)
{
	if (job == NULL)
		return;
	free(job->links);
	free(job->dests);
	free(job->can_wait);
	free(job->result);
	free(job);
}

static void list_clear(struct job_list *list)
{
	struct job *job;

	while ((job = list_take(list)) != NULL)
		job_free(job);
}

static uint64_t thread_cpu_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static uint64_t monotonic_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void compute(struct paths_worker *w, struct job *job)
{
	uint64_t start_ns = thread_cpu_ns();

	job->result = paths_compute(w->memory, &job->graph, job->matrix_epoch, &w->cancel);
	job->compute_ns = thread_cpu_ns() - start_ns;
}

static void *thread_main(void *arg)
{
	struct paths_worker *w = arg;

	pthread_mutex_lock(&w->lock);
	while (!w->stop) {
		struct job *job = w->todo;

		if (job == NULL) {
			pthread_cond_wait(&w->wake, &w->lock);
			continue;
		}
		w->todo = NULL;
		pthread_mutex_unlock(&w->lock);
		compute(w, job);
		pthread_mutex_lock(&w->lock);
		w->done = job;
		(void)eventfd_write(w->done_fd, 1);
	}
	pthread_mutex_unlock(&w->lock);
	return NULL;
}

// When a snapshot is of: its delays are those of that moment.
struct moment {
	uint64_t tsc;
	bool is_ahead; // with the links of the epoch that the future is at
};

static struct orrery_record link_record(
        const struct paths_worker *w, uint32_t id, const struct moment *at)
{
	const struct link *link = matrix_link(w->matrix, id);
	struct orrery_record record = {.to = ORRERY_IFACE_NONE};

	if (link != NULL) {
		record = link->record;
		record.delay_ns = (uint32_t)matrix_delay_now_ns(w->matrix, link, at->tsc);
	}
	if (at->is_ahead)
		w->future.link(w->future.arg, id, &record);
	return record;
}

static bool router_link(const struct paths_worker *w, uint32_t id, const struct moment *at,
        struct paths_link *ret_link)
{
	const struct iface *iface = w->model->ifaces[id];
	const struct node *from, *to;
	struct orrery_record record;

	if (iface == NULL || iface->node->kind != NODE_KIND_ROUTER)
		return false;
	record = link_record(w, id, at);
	if (record.set == 0 || (record.flags & ORRERY_LINK_UP) == 0 ||
	        record.to == ORRERY_IFACE_NONE)
		return false;
	from = iface->node;
	to = w->model->ifaces[record.to]->node;
	if (to->kind != NODE_KIND_ROUTER || from == to)
		return false;
	*ret_link = (struct paths_link){
	        .from_router = from->router_idx,
	        .to_router = to->router_idx,
	        .iface_id = id,
	        .delay_ns = record.delay_ns,
	};
	return true;
}

// A number that no node has now stands for an unreachable destination: any router will do, nobody
// asks. Returns how many of them have nothing but their own address.
static uint32_t list_dests(const struct paths_worker *w, struct job *job)
{
	uint32_t n_can_wait = 0;

	for (uint32_t id = 0; id < w->model->node_ids.end; id++) {
		const struct node *node = w->model->nodes[id];

		if (node == NULL || node->dest_idx == DP_NONE)
			continue;
		job->dests[node->dest_idx] = node->router_idx;
		job->can_wait[node->dest_idx] = node->has_address && node->n_routes <= 1;
		n_can_wait += job->can_wait[node->dest_idx];
	}
	return n_can_wait;
}

// How many of those that can wait are computed: as many as fit beside the others into half the time
// between two epochs. All, unless only a file's epochs are new since all were.
static uint32_t n_in_turn(const struct paths_worker *w, struct state_of state, uint32_t n_others)
{
	uint64_t n;

	if (state.epoch == 0 || state.generation != w->whole_generation || w->dest_ns == 0)
		return UINT32_MAX;
	n = w->interval_ns / 2 / w->dest_ns;
	return n > n_others + IN_TURN_MIN ? (uint32_t)RTE_MIN(n - n_others, UINT32_MAX)
	                                  : IN_TURN_MIN;
}

// All links that may be up between routers, in the order of their ids.
static uint32_t list_links(
        const struct paths_worker *w, const struct moment *at, struct paths_link *links)
{
	const uint64_t *plugged = matrix_plugged(w->matrix);
	const uint64_t *said = at->is_ahead ? w->future.said(w->future.arg) : NULL;
	uint32_t n = 0;

	for (uint32_t k = 0; k < (w->model->iface_ids.end + 63) / 64; k++) {
		uint64_t bits = plugged[k] | (said != NULL ? said[k] : 0);

		for (; bits != 0; bits &= bits - 1)
			if (router_link(w, k * 64 + (uint32_t)__builtin_ctzll(bits), at, &links[n]))
				n++;
	}
	return n;
}

static struct job *snapshot(
        const struct paths_worker *w, struct state_of state, const struct moment *at)
{
	struct job *job = calloc(1, sizeof(*job));
	uint32_t n_ifaces = w->model->router_ids.n_used > 1 ? w->model->iface_ids.end : 0;
	uint32_t n_dests = w->model->dest_ids.end, n_can_wait, in_turn;

	if (job == NULL)
		return NULL;
	job->matrix_epoch = publisher_epoch(w->publisher) + at->is_ahead;
	job->state = state;
	job->changed_ns = at->is_ahead ? 0 : w->changed_ns;
	job->was_ahead = at->is_ahead;
	job->links = malloc(((size_t)n_ifaces + 1) * sizeof(job->links[0]));
	job->dests = calloc((size_t)n_dests + 1, sizeof(job->dests[0]));
	job->can_wait = calloc((size_t)n_dests + 1, sizeof(job->can_wait[0]));
	if (job->links == NULL || job->dests == NULL || job->can_wait == NULL) {
		job_free(job);
		return NULL;
	}
	n_can_wait = list_dests(w, job);
	in_turn = RTE_MIN(n_in_turn(w, state, n_dests - n_can_wait), n_can_wait);
	job->n_dests_now = n_dests - n_can_wait + in_turn;
	job->graph = (struct paths_graph){
	        .n_routers = w->model->router_ids.end,
	        .n_links = n_ifaces > 0 ? list_links(w, at, job->links) : 0,
	        .links = job->links,
	        .n_dests = n_dests,
	        .dests = job->dests,
	        .can_wait = job->can_wait,
	        .n_in_turn = in_turn,
	        .several = w->policy.several,
	        .equal_within_ns = w->policy.equal_within_ns,
	};
	return job;
}

static void release_retired(struct paths_worker *w)
{
	struct retired **at = &w->retired;

	while (*at != NULL) {
		struct retired *r = *at;

		if (r->generation > w->published.generation) {
			at = &r->next;
			continue;
		}
		if (r->router_idx != DP_NONE)
			ids_put(&w->model->router_ids, r->router_idx);
		if (r->dest_idx != DP_NONE)
			ids_put(&w->model->dest_ids, r->dest_idx);
		*at = r->next;
		free(r);
	}
}

static uint64_t now_ns(const struct paths_worker *w)
{
	return w->clock.now_ns(w->clock.arg);
}

// Into the view of the next commit.
static void set_nexthops(struct paths_worker *w, struct job *job)
{
	publisher_set_nexthops(w->publisher, job->result);
	job->result = NULL;
	w->published = job->state;
	w->published_epoch = job->matrix_epoch;
	w->counts.published++;
	job_free(job);
}

static void publish_now(struct paths_worker *w, struct job *job)
{
	set_nexthops(w, job);
	publisher_commit(w->publisher);
	release_retired(w);
}

static void set_held_timer(struct paths_worker *w)
{
	const struct job *first = w->held.first;
	uint64_t now = now_ns(w), due_ns, us;
	struct timeval wait;

	if (w->held_event == NULL || first == NULL)
		return;
	due_ns = first->changed_ns + w->policy.convergence_ns;
	us = due_ns > now ? (due_ns - now + 999) / 1000 : 0;
	wait = (struct timeval){(time_t)(us / 1000000), (suseconds_t)(us % 1000000)};
	(void)event_add(w->held_event, &wait);
}

static void publish_held(struct paths_worker *w)
{
	uint64_t now = w->held.first != NULL ? now_ns(w) : 0;
	struct job *last = NULL;

	while (w->held.first != NULL &&
	        w->held.first->changed_ns + w->policy.convergence_ns <= now) {
		job_free(last); // was overtaken
		last = list_take(&w->held);
	}
	if (last != NULL)
		publish_now(w, last);
	set_held_timer(w);
}

// A result whose links are in force already.
static void deliver(struct paths_worker *w, struct job *job)
{
	uint64_t due_ns = job->changed_ns + w->policy.convergence_ns;

	w->computed = job->state;
	if (job->state.epoch != 0 && w->policy.convergence_ns > 0) {
		if (due_ns < now_ns(w))
			w->counts.late++;
		else
			w->counts.with_epoch++;
	}
	if (w->policy.convergence_ns == 0) {
		publish_now(w, job);
		return;
	}
	list_add(&w->held, job);
	publish_held(w);
}

static void take_job(struct paths_worker *w, struct job *job)
{
	w->counts.computed++;
	w->took_ns = monotonic_ns() - job->begun_ns;
	if (job->n_dests_now > 0)
		w->dest_ns = job->compute_ns / job->n_dests_now;
	if (job->result != NULL && job->n_dests_now == job->graph.n_dests)
		w->whole_generation = job->state.generation;
	w->counts.compute_ns = job->compute_ns;
	if (job->compute_ns > w->counts.compute_max_ns)
		w->counts.compute_max_ns = job->compute_ns;
	if (job->result == NULL) {
		log_err("routes: no memory for the paths of %u routers to %u nodes",
		        job->graph.n_routers, job->graph.n_dests);
		w->computed = job->state; // not again for the same
		job_free(job);
	} else if (job->was_ahead && job->state.generation != w->now.generation) {
		job_free(job); // of a future that did not come
	} else if (job->was_ahead) {
		list_add(&w->ahead, job);
	} else {
		if (job->changed_ns == 0)
			job->changed_ns = now_ns(w);
		deliver(w, job);
	}
}

// Returns whether there was a result.
static bool take_result(struct paths_worker *w)
{
	struct job *job;
	eventfd_t count;

	if (!w->has_thread)
		return false;
	(void)eventfd_read(w->done_fd, &count);
	pthread_mutex_lock(&w->lock);
	job = w->done;
	w->done = NULL;
	pthread_mutex_unlock(&w->lock);
	if (job == NULL)
		return false;
	w->busy = false;
	w->running = NULL;
	take_job(w, job);
	return true;
}

static bool room_ahead(const struct paths_worker *w)
{
	size_t table = sizeof(uint32_t) * w->model->router_ids.end * (size_t)w->model->dest_ids.end;

	return w->ahead.n < AHEAD_MAX && w->ahead.n * table <= AHEAD_BYTES_MAX;
}

// Epochs come faster than their next hops: those of the state in force would be late anyhow.
static bool is_behind(const struct paths_worker *w)
{
	return w->now.epoch != 0 && w->has_thread && !w->settling &&
	       w->policy.convergence_ns == 0 && w->published.generation == w->now.generation &&
	       w->took_ns > w->interval_ns;
}

// The next epoch of the future, or the first whose next hops can still be there in time.
static bool next_ahead(struct paths_worker *w, struct state_of *state, struct moment *at)
{
	uint64_t reach_tsc = 0;

	if (w->future.next == NULL || !room_ahead(w))
		return false;
	if (w->rewind)
		w->future.rewind(w->future.arg);
	w->rewind = false;
	if (is_behind(w))
		reach_tsc = rte_rdtsc() +
		            (uint64_t)((unsigned __int128)w->took_ns * tsc_hz() / 1000000000);
	do {
		if (!w->future.next(w->future.arg, &state->epoch, &at->tsc))
			return false;
	} while (at->tsc < reach_tsc);
	at->is_ahead = true;
	return state->epoch > w->now.epoch;
}

// What to compute next: the state in force, else an epoch to come. NULL: nothing.
static struct job *next_job(struct paths_worker *w)
{
	struct moment at = {.tsc = publisher_epoch_tsc(w->publisher)};
	struct state_of state = w->now;
	bool is_level = same_state(w->computed, w->now);
	struct job *job;

	if (w->held.n >= HELD_MAX)
		return NULL; // one of them is due first
	if ((is_level || is_behind(w)) && !next_ahead(w, &state, &at)) {
		if (is_level)
			return NULL;
		state = w->now;
		at = (struct moment){.tsc = publisher_epoch_tsc(w->publisher)};
	}
	job = snapshot(w, state, &at);
	if (job == NULL)
		log_err("routes: no memory for a snapshot of the links");
	return job;
}

static void start_job(struct paths_worker *w)
{
	struct job *job = w->busy ? NULL : next_job(w);

	if (job == NULL)
		return;
	w->busy = true;
	w->running = job;
	job->begun_ns = monotonic_ns();
	pthread_mutex_lock(&w->lock);
	w->todo = job;
	pthread_cond_signal(&w->wake);
	pthread_mutex_unlock(&w->lock);
}

void paths_worker_run(struct paths_worker *w)
{
	struct job *job;

	release_retired(w);
	publish_held(w);
	if (w->has_thread) {
		(void)take_result(w);
		start_job(w);
		return;
	}
	while ((job = next_job(w)) != NULL) {
		compute(w, job);
		take_job(w, job);
	}
}

static void on_start(evutil_socket_t fd, short what, void *arg)
{
	paths_worker_run(arg);
}

static int start_thread(struct paths_worker *w, struct event_base *base, struct fault *fault)
{
	static const struct timeval soon = {0, 0};
	int ret;

	w->done_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (w->done_fd < 0)
		return fault_set(fault, -errno, NULL, "no eventfd for the routes thread: %s",
		        strerror(errno));
	w->start_event = event_new(base, -1, 0, on_start, w);
	w->done_event = event_new(base, w->done_fd, EV_READ | EV_PERSIST, on_start, w);
	w->held_event = event_new(base, -1, 0, on_start, w);
	if (w->start_event == NULL || w->done_event == NULL || w->held_event == NULL ||
	        event_add(w->done_event, NULL) < 0)
		return fault_set(fault, -ENOMEM, NULL, "no memory for the routes thread");
	ret = pthread_create(&w->thread, NULL, thread_main, w);
	if (ret != 0)
		return fault_set(fault, -ret, NULL, "routes thread: %s", strerror(ret));
	w->has_thread = true;
	(void)pthread_setname_np(w->thread, "orrery-routes");
	return event_add(w->start_event, &soon) < 0 ? -ENOMEM : 0;
}

int paths_worker_create(struct event_base *base, struct model *model, struct matrix *matrix,
        struct publisher *publisher, struct paths_worker **ret_worker, struct fault *fault)
{
	struct paths_worker *w = calloc(1, sizeof(*w));
	int ret;

	if (w == NULL)
		return fault_set(fault, -ENOMEM, NULL, "no memory for the routes thread");
	w->model = model;
	w->matrix = matrix;
	w->publisher = publisher;
	w->done_fd = -1;
	w->clock = player_clock_real;
	w->interval_ns = INTERVAL_FIRST_NS;
	list_init(&w->ahead);
	list_init(&w->held);
	w->memory = paths_memory_create(); // NULL: each time from nothing
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->wake, NULL);
	if (base != NULL) {
		ret = start_thread(w, base, fault);
		if (ret < 0) {
			paths_worker_destroy(w);
			return ret;
		}
	}
	*ret_worker = w;
	return 0;
}

void paths_worker_destroy(struct paths_worker *w)
{
	struct retired *r;

	if (w == NULL)
		return;
	if (w->has_thread) {
		w->cancel = true;
		pthread_mutex_lock(&w->lock);
		w->stop = true;
		pthread_cond_signal(&w->wake);
		pthread_mutex_unlock(&w->lock);
		pthread_join(w->thread, NULL);
	}
	job_free(w->todo);
	job_free(w->done);
	list_clear(&w->ahead);
	list_clear(&w->held);
	if (w->start_event != NULL)
		event_free(w->start_event);
	if (w->done_event != NULL)
		event_free(w->done_event);
	if (w->held_event != NULL)
		event_free(w->held_event);
	if (w->done_fd >= 0)
		close(w->done_fd);
	while ((r = w->retired) != NULL) {
		w->retired = r->next;
		free(r);
	}
	paths_memory_destroy(w->memory);
	pthread_cond_destroy(&w->wake);
	pthread_mutex_destroy(&w->lock);
	free(w);
}

static void soon(struct paths_worker *w)
{
	static const struct timeval at_once = {0, 0};

	if (!w->busy && w->start_event != NULL)
		(void)event_add(w->start_event, &at_once);
}

void paths_worker_set_future(struct paths_worker *w, const struct paths_future *future)
{
	w->future = *future;
	w->rewind = true;
}

void paths_worker_set_clock(struct paths_worker *w, const struct player_clock *clock)
{
	w->clock = *clock;
}

void paths_worker_set_policy(struct paths_worker *w, const struct paths_policy *policy)
{
	w->policy = *policy;
	paths_worker_poke(w);
}

const struct paths_policy *paths_worker_policy(const struct paths_worker *w)
{
	return &w->policy;
}

void paths_worker_get_counts(const struct paths_worker *w, struct paths_counts *ret_counts)
{
	*ret_counts = w->counts;
}

void paths_worker_poke(struct paths_worker *w)
{
	w->now.generation++;
	w->now.epoch = 0;
	w->changed_ns = now_ns(w);
	list_clear(&w->ahead);
	w->rewind = true;
	soon(w);
}

// The mean of the last few.
static void learn_interval(struct paths_worker *w)
{
	if (w->entered_ns != 0)
		w->interval_ns += (w->changed_ns - w->entered_ns) / 8 - w->interval_ns / 8;
	w->entered_ns = w->changed_ns;
}

// The result of the epoch that takes effect; if it is not there, the last of those that were passed
// over.
static struct job *take_ahead(struct paths_worker *w)
{
	struct job *job = NULL;

	while (w->ahead.first != NULL && w->ahead.first->state.epoch <= w->now.epoch) {
		job_free(job);
		job = list_take(&w->ahead);
	}
	return job;
}

// The result of the epoch that takes effect, or of one before it, into its view.
static void bring(struct paths_worker *w, struct job *job)
{
	bool is_of_now = same_state(job->state, w->now);

	job->matrix_epoch = publisher_epoch(w->publisher) + is_of_now;
	job->result->epoch = job->matrix_epoch;
	job->changed_ns = w->changed_ns;
	w->computed = job->state;
	if (w->policy.convergence_ns > 0) {
		deliver(w, job);
		return;
	}
	if (is_of_now)
		w->counts.with_epoch++;
	else
		w->counts.late++;
	set_nexthops(w, job);
}

void paths_worker_enter(struct paths_worker *w, uint64_t epoch, bool changed)
{
	bool was_level = same_state(w->computed, w->now);
	bool was_published = same_state(w->published, w->now);
	struct job *job;

	(void)take_result(w);
	w->now.epoch = epoch;
	w->changed_ns = now_ns(w);
	learn_interval(w);
	if (w->running != NULL && w->running->state.generation == w->now.generation &&
	        w->running->state.epoch <= epoch)
		w->running->was_ahead = false;
	job = take_ahead(w);
	if (job != NULL) {
		bring(w, job);
	} else if (!changed && was_level) {
		w->computed = w->now;
		if (was_published)
			w->published = w->now;
	} else {
		if (w->policy.convergence_ns == 0)
			w->counts.late++;
		if (w->running != NULL && same_state(w->running->state, w->now))
			w->running->changed_ns = w->changed_ns;
	}
	soon(w);
}

void paths_worker_retire(struct paths_worker *w, uint32_t router_idx, uint32_t dest_idx)
{
	struct retired *r;

	if (router_idx == DP_NONE && dest_idx == DP_NONE)
		return;
	paths_worker_poke(w);
	r = malloc(sizeof(*r));
	if (r == NULL) {
		log_err("routes: no memory, router number %u stays taken", router_idx);
		return;
	}
	*r = (struct retired){router_idx, dest_idx, w->now.generation, w->retired};
	w->retired = r;
}

bool paths_worker_pending(const struct paths_worker *w)
{
	return !same_state(w->published, w->now);
}

uint64_t paths_worker_epoch(const struct paths_worker *w)
{
	return w->published_epoch;
}

static void publish_all_held(struct paths_worker *w)
{
	struct job *last = NULL;

	while (w->held.first != NULL) {
		job_free(last);
		last = list_take(&w->held);
	}
	if (last != NULL)
		publish_now(w, last);
}

void paths_worker_settle(struct paths_worker *w)
{
	publish_all_held(w);
	w->settling = true;
	while (paths_worker_pending(w) && !same_state(w->computed, w->now)) {
		if (w->has_thread) {
			start_job(w);
			(void)poll(&(struct pollfd){.fd = w->done_fd, .events = POLLIN}, 1, -1);
			(void)take_result(w);
		} else {
			const struct moment at = {.tsc = publisher_epoch_tsc(w->publisher)};
			struct job *job = snapshot(w, w->now, &at);

			if (job == NULL)
				break;
			compute(w, job);
			take_job(w, job);
		}
		publish_all_held(w);
	}
	w->settling = false;
}
