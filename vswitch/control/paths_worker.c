/* SPDX-License-Identifier: BSD-3-Clause */
// Next hops in the background.
#include "paths_worker.h"

#include <assert.h>
#include <errno.h>
#include <event2/event.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include "log.h"
#include "paths.h"

// One computation's input, and its result.
struct job {
	struct paths_graph graph;
	struct paths_link *links;
	uint32_t *dests;
	uint64_t epoch;
	uint64_t generation;
	struct dp_nexthops *result;
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
	int done_fd;

	uint64_t generation; // counts pokes
	uint64_t published_generation;
	uint64_t published_epoch;
	bool busy; // a job is with the thread
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

static void job_free(struct job *job)
{
	if (job == NULL)
		return;
	free(job->links);
	free(job->dests);
	free(job->result);
	free(job);
}

static void *thread_main(void *arg)
{
	struct paths_worker *w = arg;

	// control answers people; this may take its time
	(void)setpriority(PRIO_PROCESS, 0, 5);
	pthread_mutex_lock(&w->lock);
	while (!w->stop) {
		struct job *job = w->todo;

		if (job == NULL) {
			pthread_cond_wait(&w->wake, &w->lock);
			continue;
		}
		w->todo = NULL;
		pthread_mutex_unlock(&w->lock);
		job->result = paths_compute(w->memory, &job->graph, job->epoch, &w->cancel);
		pthread_mutex_lock(&w->lock);
		w->done = job;
		(void)eventfd_write(w->done_fd, 1);
	}
	pthread_mutex_unlock(&w->lock);
	return NULL;
}

static bool router_link(const struct paths_worker *w, uint32_t id, struct paths_link *ret_link)
{
	const struct link *link = matrix_link(w->matrix, id);
	const struct node *from, *to;

	if (link == NULL || (link->record.flags & ORRERY_LINK_UP) == 0 ||
	        link->record.to == ORRERY_IFACE_NONE)
		return false;
	from = w->model->ifaces[id]->node;
	to = w->model->ifaces[link->record.to]->node;
	if (from->kind != NODE_KIND_ROUTER || to->kind != NODE_KIND_ROUTER || from == to)
		return false;
	*ret_link = (struct paths_link){
	        .from_router = from->router_idx,
	        .to_router = to->router_idx,
	        .iface_id = id,
	        .delay_ns = link->record.delay_ns,
	};
	return true;
}

// A number that no node has now stands for an unreachable destination: any router will do, nobody
// asks.
static void list_dests(const struct paths_worker *w, struct job *job)
{
	for (uint32_t id = 0; id < w->model->node_ids.end; id++) {
		const struct node *node = w->model->nodes[id];

		if (node != NULL && node->dest_idx != DP_NONE)
			job->dests[node->dest_idx] = node->router_idx;
	}
}

static struct job *snapshot(const struct paths_worker *w)
{
	struct job *job = calloc(1, sizeof(*job));
	uint32_t n_ifaces = w->model->iface_ids.end, n = 0;

	if (job == NULL)
		return NULL;
	job->epoch = publisher_epoch(w->publisher);
	job->generation = w->generation;
	job->links = malloc(((size_t)matrix_count(w->matrix) + 1) * sizeof(job->links[0]));
	job->dests = calloc((size_t)w->model->dest_ids.end + 1, sizeof(job->dests[0]));
	if (job->links == NULL || job->dests == NULL) {
		job_free(job);
		return NULL;
	}
	for (uint32_t id = 0; id < n_ifaces; id++) {
		if (router_link(w, id, &job->links[n]))
			n++;
	}
	list_dests(w, job);
	job->graph = (struct paths_graph){
	        .n_routers = w->model->router_ids.end,
	        .n_links = n,
	        .links = job->links,
	        .n_dests = w->model->dest_ids.end,
	        .dests = job->dests,
	};
	return job;
}

static void release_retired(struct paths_worker *w)
{
	struct retired **at = &w->retired;

	while (*at != NULL) {
		struct retired *r = *at;

		if (r->generation > w->published_generation) {
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

static void publish_result(struct paths_worker *w, struct job *job)
{
	if (job->result == NULL) {
		log_err("routes: no memory for the paths of %u routers to %u nodes",
		        job->graph.n_routers, job->graph.n_dests);
	} else {
		publisher_set_nexthops(w->publisher, job->result);
		job->result = NULL;
		publisher_commit(w->publisher);
		w->published_epoch = job->epoch;
		w->published_generation = job->generation;
		release_retired(w);
	}
	job_free(job);
}

static void start_job(struct paths_worker *w)
{
	struct job *job;

	if (w->busy || w->published_generation == w->generation)
		return;
	job = snapshot(w);
	if (job == NULL) {
		log_err("routes: no memory for a snapshot of the links");
		return;
	}
	w->busy = true;
	pthread_mutex_lock(&w->lock);
	w->todo = job;
	pthread_cond_signal(&w->wake);
	pthread_mutex_unlock(&w->lock);
}

static void on_start(evutil_socket_t fd, short what, void *arg)
{
	start_job(arg);
}

// Returns whether there was a result.
static bool take_result(struct paths_worker *w)
{
	struct job *job;
	eventfd_t count;

	(void)eventfd_read(w->done_fd, &count);
	pthread_mutex_lock(&w->lock);
	job = w->done;
	w->done = NULL;
	pthread_mutex_unlock(&w->lock);
	if (job == NULL)
		return false;
	w->busy = false;
	publish_result(w, job);
	return true;
}

static void on_done(evutil_socket_t fd, short what, void *arg)
{
	struct paths_worker *w = arg;

	if (take_result(w))
		start_job(w);
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
	w->done_event = event_new(base, w->done_fd, EV_READ | EV_PERSIST, on_done, w);
	if (w->start_event == NULL || w->done_event == NULL || event_add(w->done_event, NULL) < 0)
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
	if (w->start_event != NULL)
		event_free(w->start_event);
	if (w->done_event != NULL)
		event_free(w->done_event);
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

void paths_worker_poke(struct paths_worker *w)
{
	static const struct timeval soon = {0, 0};

	w->generation++;
	if (!w->busy && w->start_event != NULL)
		(void)event_add(w->start_event, &soon);
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
	*r = (struct retired){router_idx, dest_idx, w->generation, w->retired};
	w->retired = r;
}

bool paths_worker_pending(const struct paths_worker *w)
{
	return w->published_generation != w->generation;
}

uint64_t paths_worker_epoch(const struct paths_worker *w)
{
	return w->published_epoch;
}

void paths_worker_settle(struct paths_worker *w)
{
	while (paths_worker_pending(w)) {
		uint64_t was = w->published_generation;

		if (w->has_thread) {
			start_job(w);
			(void)poll(&(struct pollfd){.fd = w->done_fd, .events = POLLIN}, 1, -1);
			take_result(w);
		} else {
			struct job *job = snapshot(w);

			if (job == NULL)
				return;
			job->result = paths_compute(w->memory, &job->graph, job->epoch, &w->cancel);
			publish_result(w, job);
		}
		if (w->published_generation == was)
			return; // no memory: said in the log
	}
}
