/* SPDX-License-Identifier: BSD-3-Clause */
#include "retry.h"

#include <errno.h>
#include <string.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

static const uint32_t delays_ms[RETRY_STEPS] = {10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000};

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

int retry_timer_init(struct retry_timer *timer, struct fault *fault)
{
	for (uint32_t i = 0; i < RETRY_STEPS; i++)
		TAILQ_INIT(&timer->queues[i]);
	timer->armed_ns = 0;
	timer->fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	return timer->fd < 0 ? fault_set(fault, -errno, NULL, "no timer: %s", strerror(errno)) : 0;
}

void retry_timer_fini(struct retry_timer *timer)
{
	if (timer->fd >= 0)
		close(timer->fd);
	timer->fd = -1;
}

static void set_timer(struct retry_timer *timer, uint64_t due_ns)
{
	struct itimerspec at = {
	        .it_value = {.tv_sec = (time_t)(due_ns / 1000000000),
	                .tv_nsec = (long)(due_ns % 1000000000)},
	};

	timer->armed_ns = due_ns;
	(void)timerfd_settime(timer->fd, TFD_TIMER_ABSTIME, &at, NULL /* old */);
}

void retry_put(struct retry_timer *timer, struct retry *retry, uint32_t step)
{
	retry_cancel(timer, retry);
	retry->step = (uint8_t)(step < RETRY_STEPS ? step : RETRY_STEPS - 1);
	retry->due_ns = now_ns() + (uint64_t)delays_ms[retry->step] * 1000000;
	retry->queued = true;
	TAILQ_INSERT_TAIL(&timer->queues[retry->step], retry, link);
	if (timer->armed_ns == 0 || retry->due_ns < timer->armed_ns)
		set_timer(timer, retry->due_ns);
}

uint32_t retry_step_of(uint64_t ns)
{
	uint32_t step = 0;

	while (step < RETRY_STEPS - 1 && (uint64_t)delays_ms[step] * 1000000 < ns)
		step++;
	return step;
}

void retry_cancel(struct retry_timer *timer, struct retry *retry)
{
	if (!retry->queued)
		return;
	retry->queued = false;
	TAILQ_REMOVE(&timer->queues[retry->step], retry, link);
}

static struct retry *first(struct retry_timer *timer)
{
	struct retry *first = NULL;

	for (uint32_t i = 0; i < RETRY_STEPS; i++) {
		struct retry *head = TAILQ_FIRST(&timer->queues[i]);

		if (head != NULL && (first == NULL || head->due_ns < first->due_ns))
			first = head;
	}
	return first;
}

void retry_rearm(struct retry_timer *timer)
{
	const struct retry *next = first(timer);

	set_timer(timer, next != NULL ? next->due_ns : 0);
}

struct retry *retry_next(struct retry_timer *timer)
{
	struct retry *next = first(timer);

	if (next == NULL || next->due_ns > now_ns()) {
		retry_rearm(timer);
		return NULL;
	}
	retry_cancel(timer, next);
	return next;
}
