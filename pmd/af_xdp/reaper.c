/* SPDX-License-Identifier: BSD-3-Clause */
// Removal of interfaces in a thread of its own.
#include "reaper.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "hub.h"
#include "log.h"
#include "rtnl.h"

#define GROUP_FIRST 0x4f720000u // link groups of doomed host ends
#define GROUP_COUNT 0x10000u

// Larger is faster, and a port that is made or removed meanwhile waits longer.
#define BATCH_MAX 16
#define BATCH_USUAL 8 // until the queue is long
#define QUEUE_LONG 16 // batches

#define WAIT_S 2
#define DRAIN_S 5

// Interfaces of one shard that go together.
struct batch {
	uint32_t group;
	uint8_t shard;
	uint8_t n;
	uint8_t ids[BATCH_MAX]; // within the shard
};

struct entry {
	_Atomic uint32_t group; // 0: not doomed. Written under the lock
	struct doomed doomed; // control's
};

struct reaper {
	struct hub *hub;
	uint32_t max_ports;
	uint32_t n_groups; // ever used: the next group's number
	struct entry *entries; // [max_ports], by id
	bool has_thread;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake, done;
	// under lock; each doomed id is in one batch, so `max_ports` of them are enough
	struct batch *queue; // [max_ports], a ring
	uint64_t head, tail;
	uint64_t open_at[AF_XDP_MAX_SHARDS]; // 1 + place of the batch that takes more, 0: none
	struct rtnl *sockets[AF_XDP_MAX_SHARDS]; // opened by control, used by the thread
	bool stop;
	struct timespec drain_until; // with stop
};

static struct batch *batch_at(const struct reaper *r, uint64_t at)
{
	return &r->queue[at % r->max_ports];
}

static uint32_t batch_id(const struct batch *batch, uint32_t i)
{
	return (uint32_t)batch->shard << AF_XDP_SHARD_BITS | batch->ids[i];
}

// --- the thread ---------------------------------------------------------------------------------

static void remove_group(struct rtnl *rtnl, const struct batch *batch)
{
	int ret;

	rtnl_put_group_del(rtnl, batch->group, "group");
	ret = rtnl_send(rtnl, NULL);
	// gone with the pods' namespaces is gone too
	if (ret < 0 && ret != -ENODEV)
		log_warning("shard %u: cannot remove %u interfaces: %s", batch->shard, batch->n,
		        strerror(-ret));
}

// Takes the next batch off the queue and removes its interfaces. Called and returns with the lock.
static void remove_next(struct reaper *r)
{
	struct batch batch = *batch_at(r, r->head);

	if (r->open_at[batch.shard] == r->head + 1)
		r->open_at[batch.shard] = 0;
	r->head++;
	pthread_mutex_unlock(&r->lock);
	remove_group(r->sockets[batch.shard], &batch);
	pthread_mutex_lock(&r->lock);
	for (uint32_t i = 0; i < batch.n; i++)
		atomic_store_explicit(
		        &r->entries[batch_id(&batch, i)].group, 0, memory_order_release);
	pthread_cond_broadcast(&r->done);
}

static bool is_past(const struct timespec *time)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec != time->tv_sec ? now.tv_sec > time->tv_sec
	                                  : now.tv_nsec >= time->tv_nsec;
}

static void *thread_main(void *arg)
{
	struct reaper *r = arg;

	pthread_mutex_lock(&r->lock);
	for (;;) {
		if (r->stop && (r->head == r->tail || is_past(&r->drain_until)))
			break;
		if (r->head != r->tail)
			remove_next(r);
		else
			pthread_cond_wait(&r->wake, &r->lock);
	}
	pthread_mutex_unlock(&r->lock);
	return NULL;
}

// --- control ------------------------------------------------------------------------------------

int reaper_create(
        struct hub *hub, uint32_t max_ports, struct reaper **ret_reaper, struct fault *fault)
{
	struct reaper *r = calloc(1, sizeof(*r));
	pthread_condattr_t monotonic;
	int ret;

	if (r == NULL)
		return fault_set(fault, -ENOMEM, NULL, "out of memory");
	r->hub = hub;
	r->max_ports = max_ports;
	pthread_mutex_init(&r->lock, NULL);
	pthread_cond_init(&r->wake, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&r->done, &monotonic);
	pthread_condattr_destroy(&monotonic);
	r->entries = calloc(max_ports, sizeof(r->entries[0]));
	r->queue = calloc(max_ports, sizeof(r->queue[0]));
	if (r->entries == NULL || r->queue == NULL) {
		ret = fault_set(fault, -ENOMEM, NULL, "out of memory");
		goto err;
	}
	ret = -pthread_create(&r->thread, NULL, thread_main, r);
	if (ret < 0) {
		(void)fault_set(fault, ret, NULL, "reaper thread: %s", strerror(-ret));
		goto err;
	}
	r->has_thread = true;
	(void)pthread_setname_np(r->thread, "orrery-reaper");
	*ret_reaper = r;
	return 0;
err:
	reaper_destroy(r, false);
	return ret;
}

void reaper_destroy(struct reaper *r, bool drain)
{
	if (r == NULL)
		return;
	if (r->has_thread) {
		pthread_mutex_lock(&r->lock);
		r->stop = true;
		clock_gettime(CLOCK_MONOTONIC, &r->drain_until);
		r->drain_until.tv_sec += drain ? DRAIN_S : 0;
		pthread_cond_signal(&r->wake);
		pthread_mutex_unlock(&r->lock);
		pthread_join(r->thread, NULL);
	}
	for (uint32_t i = 0; i < AF_XDP_MAX_SHARDS; i++)
		rtnl_close(r->sockets[i]);
	pthread_cond_destroy(&r->done);
	pthread_cond_destroy(&r->wake);
	pthread_mutex_destroy(&r->lock);
	free(r->queue);
	free(r->entries);
	free(r);
}

static bool has_room(const struct reaper *r, const struct batch *batch)
{
	return batch->n < (r->tail - r->head > QUEUE_LONG ? BATCH_MAX : BATCH_USUAL);
}

// The batch of a shard that takes more interfaces; a new one if there is none.
static struct batch *open_batch(struct reaper *r, uint8_t shard)
{
	struct batch *batch;

	if (r->open_at[shard] != 0) {
		batch = batch_at(r, r->open_at[shard] - 1);
		if (has_room(r, batch))
			return batch;
	}
	batch = batch_at(r, r->tail);
	batch->shard = shard;
	batch->n = 0;
	batch->group = GROUP_FIRST + r->n_groups++ % GROUP_COUNT;
	r->open_at[shard] = ++r->tail;
	return batch;
}

static void put_entry(struct reaper *r, struct batch *batch, const struct doomed *doomed)
{
	struct entry *entry = &r->entries[doomed->id];

	batch->ids[batch->n++] = (uint8_t)doomed->id;
	entry->doomed = *doomed;
	atomic_store_explicit(&entry->group, batch->group, memory_order_relaxed);
}

static int open_socket(struct reaper *r, uint8_t shard)
{
	return r->sockets[shard] != NULL ? 0 : hub_open_rtnl(r->hub, shard, &r->sockets[shard]);
}

// Under the lock, so that the batch is not taken before its interface has the mark. The thread does
// not hold it while it waits for the kernel.
static int doom_locked(struct reaper *r, struct rtnl *rtnl, const struct doomed *doomed)
{
	uint8_t shard = (uint8_t)(doomed->id >> AF_XDP_SHARD_BITS);
	int ret = open_socket(r, shard);
	struct batch *batch;

	if (ret < 0)
		return ret;
	batch = open_batch(r, shard);
	rtnl_put_link_set(rtnl,
	        &(struct rtnl_link_set){.ifindex = AF_XDP_PORT_IFINDEX + doomed->id,
	                .group = batch->group,
	                .xdp_fd = -1},
	        "group");
	ret = rtnl_send(rtnl, NULL);
	if (ret == 0) {
		put_entry(r, batch, doomed);
	} else if (batch->n == 0) { // made for it just now
		r->open_at[shard] = 0;
		r->tail--;
	}
	return ret;
}

int reaper_doom(struct reaper *r, const struct doomed *doomed)
{
	struct rtnl *rtnl = hub_shard_if_any(r->hub, doomed->id);
	int ret;

	if (rtnl == NULL || reaper_is_pending(r, doomed->id))
		return -ENODEV;
	pthread_mutex_lock(&r->lock);
	ret = doom_locked(r, rtnl, doomed);
	pthread_mutex_unlock(&r->lock);
	return ret;
}

void reaper_wake(struct reaper *r)
{
	pthread_mutex_lock(&r->lock);
	pthread_cond_signal(&r->wake);
	pthread_mutex_unlock(&r->lock);
}

bool reaper_is_doomed(const struct rtnl_link *link)
{
	return link->group - GROUP_FIRST < GROUP_COUNT;
}

// A batch of its own: it has its group already.
void reaper_inherit(struct reaper *r, const struct doomed *doomed, uint32_t group)
{
	uint8_t shard = (uint8_t)(doomed->id >> AF_XDP_SHARD_BITS);
	struct batch *batch;
	int ret;

	if (doomed->id >= r->max_ports || reaper_is_pending(r, doomed->id))
		return;
	pthread_mutex_lock(&r->lock);
	ret = open_socket(r, shard);
	if (ret == 0) {
		batch = batch_at(r, r->tail++);
		*batch = (struct batch){.group = group, .shard = shard};
		put_entry(r, batch, doomed);
		r->open_at[shard] = 0;
	}
	pthread_mutex_unlock(&r->lock);
	if (ret < 0)
		log_warning("shard %u: cannot remove interfaces: %s", shard, strerror(-ret));
}

bool reaper_is_pending(const struct reaper *r, uint32_t id)
{
	return id < r->max_ports &&
	       atomic_load_explicit(&r->entries[id].group, memory_order_acquire) != 0;
}

int reaper_find(const struct reaper *r, uint64_t netns_inode, const char *ifname, uint32_t *ret_id)
{
	for (uint32_t id = 0; id < r->max_ports; id++) {
		const struct doomed *doomed = &r->entries[id].doomed;

		if (reaper_is_pending(r, id) && doomed->netns_inode == netns_inode &&
		        strcmp(doomed->ifname, ifname) == 0) {
			*ret_id = id;
			return 0;
		}
	}
	return -ENOENT;
}

// Puts the id's batch at the head of the queue, unless it is being removed already.
static void bring_forward(struct reaper *r, uint32_t id)
{
	uint32_t shard = id >> AF_XDP_SHARD_BITS;

	for (uint64_t at = r->head; at != r->tail; at++) {
		struct batch *batch = batch_at(r, at), *first = batch_at(r, r->head);
		struct batch other = *first;

		if (batch->shard != shard || batch->group != r->entries[id].group)
			continue;
		r->open_at[other.shard] = 0; // they take no more
		r->open_at[shard] = 0;
		*first = *batch;
		*batch = other;
		return;
	}
}

int reaper_wait(struct reaper *r, uint32_t id)
{
	struct timespec until;
	int ret = 0;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += WAIT_S;
	pthread_mutex_lock(&r->lock);
	bring_forward(r, id);
	pthread_cond_signal(&r->wake);
	while (reaper_is_pending(r, id) && ret == 0)
		ret = pthread_cond_timedwait(&r->done, &r->lock, &until);
	ret = reaper_is_pending(r, id) ? -ETIMEDOUT : 0;
	pthread_mutex_unlock(&r->lock);
	return ret;
}
