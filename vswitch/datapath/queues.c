/* SPDX-License-Identifier: BSD-3-Clause */
// A poll costs by traffic, not by ports: a queue that has been quiet for idle_spin goes cold. One
// with a file descriptor has its notification armed; in epoll every queue is one-shot: it stays
// silent while it is polled. One without is swept: all such queues are looked at once in sweep_ns,
// a slice at a time, so that a frame waits that long at most. A worker with nothing hot and nothing
// due sleeps, but not over a sweep.
#include <assert.h>
#include <rte_branch_prediction.h>
#include <rte_cycles.h>
#include <rte_prefetch.h>
#include <sys/epoll.h>
#include <time.h>

#include "worker.h"

#define EVENTS_MAX 64
// Less than this to the next departure is not worth a system call.
#define SLEEP_MIN_NS 5000
#define SWEEP_AHEAD 24 // words fetched before they are looked at
#define BUSY_HOT_MAX 8 // a worker that polls always lets no queue go cold while there are so few

static void unsweep(struct worker *w, struct port_queue *queue)
{
	struct port_queue *last = w->swept[--w->n_swept];

	w->swept[queue->swept_idx] = last;
	w->watches[queue->swept_idx] = w->watches[w->n_swept];
	last->swept_idx = queue->swept_idx;
	queue->swept_idx = UINT32_MAX;
}

static void set_hot(struct worker *w, struct port_queue *queue)
{
	assert(w->n_hot < w->max_queues);
	queue->hot_idx = w->n_hot;
	queue->last_rx_tsc = w->now_tsc;
	w->hot[w->n_hot++] = queue;
}

static void set_cold(struct worker *w, struct port_queue *queue)
{
	struct port_queue *last = w->hot[--w->n_hot];

	w->hot[queue->hot_idx] = last;
	last->hot_idx = queue->hot_idx;
	queue->hot_idx = UINT32_MAX;
}

static void set_swept(struct worker *w, struct port_queue *queue)
{
	struct port_watch *watch = &w->watches[w->n_swept];

	if (w->n_swept == 0)
		w->swept_tsc = w->now_tsc;
	if (queue->ops->watch == NULL || !queue->ops->watch(queue, watch))
		watch->word = NULL;
	queue->swept_idx = w->n_swept;
	w->swept[w->n_swept++] = queue;
}

static void note_hot(struct worker *w)
{
	atomic_store_explicit(&w->counters.hot_queues, w->n_hot, memory_order_relaxed);
}

void queues_add(struct worker *w, struct port_queue *queue)
{
	queue->tx_dirty = false;
	queue->swept_idx = UINT32_MAX;
	w->n_queues++;
	set_hot(w, queue);
	note_hot(w);
}

void queues_del(struct worker *w, struct port_queue *queue)
{
	unsigned n_dirty = 0;

	w->n_queues--;
	if (queue->hot_idx != UINT32_MAX)
		set_cold(w, queue);
	else if (queue->swept_idx != UINT32_MAX)
		unsweep(w, queue);
	for (unsigned i = 0; i < w->n_dirty; i++) {
		if (w->dirty[i] != queue)
			w->dirty[n_dirty++] = w->dirty[i];
	}
	w->n_dirty = n_dirty;
	queue->tx_dirty = false;
	note_hot(w);
}

static void disarm(struct port_queue *queue)
{
	if (queue->ops->disarm != NULL)
		queue->ops->disarm(queue);
}

static bool watch(struct worker *w, struct port_queue *queue)
{
	struct epoll_event event = {.events = EPOLLIN | EPOLLONESHOT, .data.ptr = queue};

	if (queue->ops->arm != NULL && queue->ops->arm(queue)) {
		disarm(queue);
		return false;
	}
	// The level counts: frames that came in between are reported by the next wait.
	if (epoll_ctl(w->epoll_fd, EPOLL_CTL_MOD, queue->fd, &event) < 0) {
		disarm(queue);
		return false;
	}
	return true;
}

// A cold queue with a descriptor is looked at when it rings. A worker that polls always spares
// itself the system calls of epoll, and sweeps.
static inline bool is_watched(const struct worker *w, const struct port_queue *queue)
{
	return queue->fd >= 0 && w->adaptive;
}

// Whether polling the queue can be stopped. A swept one stays hot as long as a frame would wait for
// the sweep: none waits longer than the pause before it was.
static bool may_go_cold(const struct worker *w, const struct port_queue *queue)
{
	uint64_t quiet_tsc = w->now_tsc - queue->last_rx_tsc;

	if (quiet_tsc < w->idle_spin_tsc || (quiet_tsc < w->sweep_tsc && !is_watched(w, queue)))
		return false;
	if (!w->adaptive)
		return queue->ops->pending != NULL && w->n_hot > BUSY_HOT_MAX;
	return queue->fd >= 0 || queue->ops->pending != NULL;
}

bool queues_try_cold(struct worker *w, struct port_queue *queue)
{
	if (!may_go_cold(w, queue))
		return false;
	queue->last_rx_tsc = w->now_tsc; // when it can't go cold now, try again a spin later
	if (is_watched(w, queue)) {
		if (!watch(w, queue))
			return false;
		set_cold(w, queue);
	} else {
		if (queue->ops->pending(queue))
			return false;
		set_cold(w, queue);
		set_swept(w, queue);
	}
	counter_add(&w->counters.went_cold, 1);
	note_hot(w);
	return true;
}

static void handle_events(struct worker *w, const struct epoll_event *events, int n)
{
	for (int i = 0; i < n; i++) {
		struct port_queue *queue = events[i].data.ptr;

		if (queue == NULL) {
			doorbell_clear(&w->doorbell);
			continue;
		}
		if (queue->hot_idx != UINT32_MAX)
			continue;
		disarm(queue);
		set_hot(w, queue);
		counter_add(&w->counters.went_hot, 1);
	}
	if (n > 0)
		note_hot(w);
}

static inline bool rings(const struct worker *w, uint32_t idx)
{
	const struct port_watch *watch = &w->watches[idx];

	return watch->word != NULL ? port_watch_rings(watch)
	                           : w->swept[idx]->ops->pending(w->swept[idx]);
}

// Looks at the `n` swept queues that are next in turn. What a peer wrote is in its processor's
// cache, each word on a page of its own: it is fetched well before.
static void sweep(struct worker *w, uint32_t n)
{
	for (; n > 0 && w->n_swept > 0; n--) {
		struct port_queue *queue;

		if (w->next_swept >= w->n_swept)
			w->next_swept = 0;
		if (w->next_swept + SWEEP_AHEAD < w->n_swept)
			rte_prefetch0(w->watches[w->next_swept + SWEEP_AHEAD].word);
		if (likely(!rings(w, w->next_swept))) {
			w->next_swept++;
			continue;
		}
		queue = w->swept[w->next_swept];
		unsweep(w, queue); // another has its place
		set_hot(w, queue);
		counter_add(&w->counters.went_hot, 1);
	}
	note_hot(w);
}

// As many as are due since the last time.
static void sweep_due(struct worker *w)
{
	uint64_t since_tsc = w->now_tsc - w->swept_tsc;
	uint32_t n =
	        since_tsc >= w->sweep_tsc
	                ? w->n_swept
	                : (uint32_t)((double)w->n_swept * (double)since_tsc / (double)w->sweep_tsc);

	if (n == 0)
		return; // the rest of the time counts for the next one
	w->swept_tsc = w->now_tsc;
	sweep(w, n);
}

void queues_check_cold(struct worker *w)
{
	struct epoll_event events[EVENTS_MAX];

	if (w->n_hot == w->n_queues || w->now_tsc < w->cold_check_at_tsc)
		return;
	w->cold_check_at_tsc = w->now_tsc + w->cold_check_tsc;
	if (w->n_swept > 0)
		sweep_due(w);
	if (w->n_hot + w->n_swept < w->n_queues)
		handle_events(w, events, epoll_wait(w->epoll_fd, events, EVENTS_MAX, 0 /* ms */));
}

// How long to sleep; false when something is due too soon.
static bool sleep_time(const struct worker *w, uint64_t next_tsc, struct timespec *ret_time)
{
	uint64_t now_tsc = rte_rdtsc(), wake_tsc = next_tsc - w->wake_early_tsc, ns;

	if (next_tsc < w->wake_early_tsc || wake_tsc <= now_tsc)
		return false;
	ns = (uint64_t)((double)(wake_tsc - now_tsc) * 1e9 / (double)w->tsc_hz);
	if (ns < SLEEP_MIN_NS)
		return false;
	ret_time->tv_sec = (time_t)(ns / 1000000000);
	ret_time->tv_nsec = (long)(ns % 1000000000);
	return true;
}

static bool work_pending(const struct worker *w)
{
	return relay_pending(w) || mailbox_first(&w->mailbox) != NULL ||
	       atomic_load_explicit(&w->stop, memory_order_acquire);
}

static void wait_for_event(struct worker *w, const struct timespec *timeout, uint64_t next_tsc)
{
	struct epoll_event events[EVENTS_MAX];
	int n;

	counter_add(&w->counters.sleeps, 1);
	rte_rcu_qsbr_thread_offline(w->qsbr, w->idx);
	n = epoll_pwait2(w->epoll_fd, events, EVENTS_MAX, timeout, NULL /* signals */);
	rte_rcu_qsbr_thread_online(w->qsbr, w->idx);
	counter_add(&w->counters.wakeups, 1);
	w->now_tsc = rte_rdtsc();
	if (next_tsc != WHEEL_NEVER && w->now_tsc > next_tsc)
		counter_add(&w->counters.late_wakeups, 1);
	handle_events(w, events, n);
	if (w->n_swept > 0)
		sweep_due(w);
}

void queues_sleep(struct worker *w)
{
	struct timespec time, *timeout = NULL;
	uint64_t next_tsc, wake_tsc;

	if (w->n_hot != 0 || w->n_dirty != 0 || w->now_tsc - w->last_rx_tsc < w->idle_spin_tsc)
		return;
	next_tsc = wheel_next(&w->wheel);
	wake_tsc = next_tsc;
	if (w->n_swept > 0)
		wake_tsc = RTE_MIN(wake_tsc, w->swept_tsc + w->sweep_tsc + w->wake_early_tsc);
	if (wake_tsc != WHEEL_NEVER) {
		if (!sleep_time(w, wake_tsc, &time))
			return;
		timeout = &time;
	}
	doorbell_sleep(&w->doorbell);
	if (!work_pending(w))
		wait_for_event(w, timeout, next_tsc);
	doorbell_wake(&w->doorbell);
}
