/* SPDX-License-Identifier: BSD-3-Clause */
// The loop. Bodies are written once and compiled for split and for packed rings.
#include "worker.h"

#include <errno.h>
#include <sched.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define IDLE_ROUNDS 16 // a look at an idle port each so many rounds
#define PREFETCH_AHEAD 8

// --- rings of either layout --------------------------------------------------------------------

static always_inline uint32_t collect(
        struct port_queue *queue, struct ring_done *done, uint32_t max, bool packed)
{
	return packed ? ring_packed_collect(&queue->packed, done, max)
	              : ring_split_collect(&queue->split, done, max);
}

static always_inline uint32_t n_free(const struct port_queue *queue, bool packed)
{
	return packed ? ring_packed_n_free(&queue->packed) : ring_split_n_free(&queue->split);
}

static always_inline uint32_t next_id(const struct port_queue *queue, uint32_t ahead, bool packed)
{
	return packed ? ring_packed_next(&queue->packed, ahead)
	              : ring_split_next(&queue->split, ahead);
}

static always_inline void post(struct port_queue *queue, uint64_t addr, uint32_t len, bool packed)
{
	if (packed)
		ring_packed_post(&queue->packed, addr, len);
	else
		ring_split_post(&queue->split, addr, len);
}

static void kick(struct worker *worker, struct port *port, struct port_queue *queue, bool packed)
{
	static const uint64_t one = 1;
	bool wanted = packed ? ring_packed_wants_kick(&queue->packed)
	                     : ring_split_wants_kick(&queue->split);

	if (wanted && write(queue->kick_fd, &one, sizeof(one)) == (ssize_t)sizeof(one))
		port->counters.kicks++;
}

static always_inline void publish(
        struct worker *worker, struct port *port, struct port_queue *queue, bool packed)
{
	if (!packed)
		ring_split_publish(&queue->split);
	if (unlikely(worker->plan.kicks))
		kick(worker, port, queue, packed);
	if (unlikely(queue->call_fd >= 0)) {
		if (packed && queue->packed.event_idx)
			ring_packed_want_call(&queue->packed);
		else if (!packed && queue->split.event_idx)
			ring_split_want_call(&queue->split);
	}
}

// --- receiving ---------------------------------------------------------------------------------

// Frames of one burst mostly carry the stamp of one burst.
struct latency_run {
	uint64_t stamp;
	uint64_t n;
};

static always_inline void end_run(struct worker *worker, struct latency_run *run, uint64_t now)
{
	if (run->n > 0)
		histogram_add(&worker->latency, frame_age(now, run->stamp), run->n);
	run->n = 0;
}

static void count_foreign(struct worker *worker, struct port *port, const struct frame *frame)
{
	uint32_t id = __builtin_bswap32(frame->src_port_id_be);

	if (frame->type_be == __builtin_bswap16(worker->plan.type) && id < worker->n_ports)
		port->counters.rx_misdelivered++;
	else
		port->counters.rx_foreign++;
}

static always_inline void take_frame(struct worker *worker, struct port *port,
        const struct frame *frame, uint32_t bytes, uint64_t now, struct latency_run *run)
{
	struct port_counters *counters = &port->counters;
	uint64_t cycles;
	bool stamped = bytes >= FRAME_BYTES_STAMPED;

	if (unlikely(bytes < FRAME_BYTES_MIN ||
	             frame->type_be != __builtin_bswap16(worker->plan.type) ||
	             port->source == NULL ||
	             frame->src_port_id_be != __builtin_bswap32(port->source->id) ||
	             frame->dst_port_id_be != __builtin_bswap32(port->id))) {
		count_foreign(worker, port, frame);
		return;
	}
	if (unlikely(frame->payload_bytes_be != __builtin_bswap16((uint16_t)(bytes - 54)) ||
	             !frame_balances(frame, stamped))) {
		counters->rx_corrupt++;
		return;
	}
	if (unlikely(worker->plan.check_payload) && !frame_pattern_holds(frame, bytes)) {
		counters->rx_corrupt++;
		return;
	}
	counters->rx_frames++;
	counters->rx_bytes += bytes;
	if (!stamped)
		return;
	track_see(&port->track, frame->seq);
	cycles = frame_cycles(frame);
	if (cycles != run->stamp) {
		end_run(worker, run, now);
		run->stamp = cycles;
	}
	run->n++;
}

// Of a frame's first buffer.
static always_inline uint32_t n_buffers(const struct frame *frame)
{
	struct virtio_net_hdr hdr;

	memcpy(&hdr, (const char *)frame - sizeof(hdr), sizeof(hdr));
	return hdr.num_buffers;
}

// One buffer of a frame that has several; with the last, the frame is put together.
static void take_part(struct worker *worker, struct port *port, const struct frame *frame,
        uint32_t len, uint64_t now, struct latency_run *run)
{
	const char *data = (const char *)frame;

	if (port->n_more == 0) {
		port->n_more = n_buffers(frame);
		port->whole_bytes = 0;
		len -= (uint32_t)sizeof(struct virtio_net_hdr);
	} else {
		data -= sizeof(struct virtio_net_hdr); // further buffers have no header
	}
	port->n_more--;
	if (port->whole != NULL && port->whole_bytes + len <= FRAME_BYTES_MAX) {
		memcpy((char *)port->whole + port->whole_bytes, data, len);
		port->whole_bytes += len;
	} else {
		port->whole_bytes = FRAME_BYTES_MAX; // too long for one of ours
	}
	if (port->n_more > 0)
		return;
	port->counters.rx_split++;
	if (port->whole == NULL)
		port->counters.rx_foreign++;
	else
		take_frame(worker, port, port->whole, port->whole_bytes, now, run);
}

static always_inline uint32_t receive(struct worker *worker, struct port *port, bool packed)
{
	struct port_queue *rx = &port->rx;
	struct ring_done done[WORKER_BURST_MAX];
	struct latency_run run = {0};
	uint32_t n = collect(rx, done, WORKER_BURST_MAX, packed);
	uint64_t now;

	if (n == 0)
		return 0;
	now = cpu_cycles();
	for (uint32_t i = 0; i < PREFETCH_AHEAD && i < n; i++) {
		const struct frame *frame = port_frame(rx, done[i].id);

		cpu_prefetch(frame);
		cpu_prefetch(&frame->seq);
	}
	for (uint32_t i = 0; i < n; i++) {
		const struct frame *frame = port_frame(rx, done[i].id);

		if (i + PREFETCH_AHEAD < n) {
			const struct frame *ahead = port_frame(rx, done[i + PREFETCH_AHEAD].id);

			cpu_prefetch(ahead);
			cpu_prefetch(&ahead->seq);
		}
		if (unlikely(port->n_more > 0) ||
		        (worker->plan.mergeable && unlikely(n_buffers(frame) > 1)))
			take_part(worker, port, frame, done[i].len, now, &run);
		else
			take_frame(worker, port, frame,
			        done[i].len - (uint32_t)sizeof(struct virtio_net_hdr), now, &run);
		if (packed)
			ring_packed_post(&rx->packed, rx->addr + (uint64_t)done[i].id * rx->stride,
			        rx->room);
	}
	end_run(worker, &run, now);
	if (!packed)
		ring_split_repost(&rx->split, done, n);
	publish(worker, port, rx, packed);
	return n;
}

// --- sending -----------------------------------------------------------------------------------

static void write_whole(struct worker *worker, struct port *port, struct frame *frame)
{
	struct flow flow = flow_next(&port->cursor);
	uint32_t bytes = worker->plan.bytes;

	frame_write(frame, &port->template, bytes, worker->plan.size_sums[bytes]);
	frame_stamp(frame, flow.subnet_be, flow.ports, port->seq++, cpu_cycles(),
	        bytes >= FRAME_BYTES_STAMPED);
}

// How many frames are due. What cannot be caught up within tokens_max is forgotten.
static always_inline uint32_t due(struct worker *worker, struct port *port)
{
	uint64_t now = cpu_cycles();

	if (worker->rate_q32 == 0)
		return worker->plan.burst;
	if (now - port->token_cycles < worker->quiet_cycles)
		port->tokens += (now - port->token_cycles) * worker->rate_q32;
	port->token_cycles = now;
	if (port->tokens > worker->tokens_max)
		port->tokens = worker->tokens_max;
	return (uint32_t)(port->tokens >> 32) < worker->plan.burst ? (uint32_t)(port->tokens >> 32)
	                                                           : worker->plan.burst;
}

static always_inline uint32_t write_frame(struct worker *worker, struct port *port,
        struct frame *frame, struct flow flow, uint64_t now, bool sized)
{
	uint32_t bytes = worker->plan.bytes;

	if (sized) {
		bytes = worker->plan.sizes[port->seq & (WORKER_SIZES - 1)];
		frame_resize(frame, bytes, port->checksum_constant, worker->plan.size_sums[bytes]);
		if (bytes < FRAME_BYTES_STAMPED)
			memset(&frame->seq, 0, FRAME_BYTES_STAMPED - FRAME_BYTES_MIN);
	}
	frame_stamp(
	        frame, flow.subnet_be, flow.ports, port->seq++, now, bytes >= FRAME_BYTES_STAMPED);
	return bytes;
}

static always_inline uint32_t send_frames(
        struct worker *worker, struct port *port, bool packed, bool sized)
{
	struct port_queue *tx = &port->tx;
	uint32_t n = due(worker, port);
	uint32_t n_room;
	uint64_t bytes = 0, now;

	if (n == 0)
		return 0;
	n_room = n_free(tx, packed);
	if (n_room < n) {
		struct ring_done done[WORKER_BURST_MAX];
		uint32_t n_done;

		while ((n_done = collect(tx, done, WORKER_BURST_MAX, packed)) > 0)
			n_room += n_done;
	}
	if (worker->rate_q32 != 0)
		port->tokens -= (uint64_t)n << 32;
	if (n_room < n) {
		if (worker->rate_q32 != 0)
			port->counters.tx_full += n - n_room;
		n = n_room;
		if (n == 0)
			return 0;
	}
	now = cpu_cycles();
	for (uint32_t i = 0; i < n; i++) {
		uint32_t id = next_id(tx, 0, packed);
		uint32_t size = write_frame(
		        worker, port, port_frame(tx, id), flow_next(&port->cursor), now, sized);

		post(tx, tx->addr + (uint64_t)id * tx->stride,
		        size + (uint32_t)sizeof(struct virtio_net_hdr), packed);
		bytes += size;
	}
	publish(worker, port, tx, packed);
	port->counters.tx_frames += n;
	port->counters.tx_bytes += bytes;
	return n;
}

// --- looping -----------------------------------------------------------------------------------

// Sends what port received into its peer's ring, without looking at it: buffers change places.
static always_inline uint32_t pass_on(struct worker *worker, struct port *port, bool packed)
{
	struct port *peer = port->peer;
	struct port_queue *rx = &port->rx, *tx = &peer->tx;
	struct ring_done done[WORKER_BURST_MAX], sent[WORKER_BURST_MAX];
	uint32_t n = collect(rx, done, worker->plan.burst, packed);
	uint32_t n_room = n_free(tx, packed), n_sent = 0, n_done;
	uint64_t bytes = 0;

	if (n == 0)
		return 0;
	if (n_room < n) {
		while ((n_done = collect(tx, sent, WORKER_BURST_MAX, packed)) > 0)
			n_room += n_done;
	}
	for (uint32_t i = 0; i < n; i++) {
		uint64_t *mine = &rx->at[done[i].id];

		bytes += done[i].len;
		if (likely(n_sent < n_room && done[i].len <= rx->room)) {
			uint64_t *theirs = &tx->at[next_id(tx, 0, packed)];
			uint64_t addr = *mine;

			*mine = *theirs;
			*theirs = addr;
			post(tx, addr, done[i].len, packed);
			n_sent++;
		}
		post(rx, *mine, rx->room, packed);
	}
	publish(worker, port, rx, packed);
	publish(worker, peer, tx, packed);
	port->counters.rx_frames += n;
	port->counters.rx_bytes += bytes - n * sizeof(struct virtio_net_hdr);
	peer->counters.tx_frames += n_sent;
	peer->counters.tx_full += n - n_sent;
	return n;
}

// Frames to begin with, and when none came back for a tenth of a second: a switch that was not
// ready has dropped them.
static void inject(struct worker *worker, struct port *port, bool packed)
{
	struct port_queue *tx = &port->tx;
	struct ring_done done[WORKER_BURST_MAX];
	uint32_t n = 0;

	while (collect(tx, done, WORKER_BURST_MAX, packed) > 0)
		;
	for (; n < worker->plan.burst && n_free(tx, packed) > 0; n++) {
		uint64_t addr = tx->at[next_id(tx, 0, packed)];
		char *host = memory_host(worker->memory, addr);

		memset(host, 0, sizeof(struct virtio_net_hdr));
		write_whole(worker, port, (void *)(host + sizeof(struct virtio_net_hdr)));
		post(tx, addr, worker->plan.bytes + (uint32_t)sizeof(struct virtio_net_hdr),
		        packed);
	}
	publish(worker, port, tx, packed);
	port->counters.tx_frames += n;
	port->counters.tx_bytes += (uint64_t)n * worker->plan.bytes;
	port->counters.injected += n;
}

static always_inline uint32_t circulate(struct worker *worker, struct port *port, bool packed)
{
	uint64_t now = cpu_cycles();
	uint32_t n;

	if (!atomic_load_explicit(&port->peer->up, memory_order_acquire))
		return 0;
	n = pass_on(worker, port, packed);
	if (n > 0) {
		port->token_cycles = now;
	} else if (unlikely(now - port->token_cycles > worker->quiet_cycles)) {
		inject(worker, port->peer, packed);
		port->token_cycles = now;
	}
	return n;
}

// --- rounds ------------------------------------------------------------------------------------

static always_inline uint32_t visit(
        struct worker *worker, struct port *port, bool sending, bool packed, bool sized)
{
	uint32_t n = 0;

	if (unlikely(!atomic_load_explicit(&port->up, memory_order_acquire)))
		return 0;
	if (worker->plan.loop && sending)
		return circulate(worker, port, packed);
	if (port->receives)
		n = receive(worker, port, packed);
	if (port->sends && sending)
		n += send_frames(worker, port, packed, sized);
	return n;
}

static void look_at_idle(struct worker *worker)
{
	struct port *port = worker->idle[worker->next_idle];

	if (++worker->next_idle == worker->n_idle)
		worker->next_idle = 0;
	if (!atomic_load_explicit(&port->up, memory_order_acquire) || !port->receives)
		return;
	if (worker->plan.packed)
		receive(worker, port, /*packed*/ true);
	else
		receive(worker, port, /*packed*/ false);
}

// A look at an index that did not change takes its line from the device that is about to write it.
// So rounds begin a while apart, unless there is more to do than that. Returns when this one began.
static always_inline uint64_t await_round(uint64_t due)
{
	uint64_t now = cpu_cycles();

	while ((int64_t)(due - now) > 0) {
		_mm_pause();
		now = cpu_cycles();
	}
	return now;
}

static always_inline void run(struct worker *worker, bool packed, bool sized)
{
	uint64_t next = cpu_cycles();

	while (!atomic_load_explicit(&worker->stop, memory_order_relaxed)) {
		bool sending = atomic_load_explicit(&worker->sending, memory_order_relaxed);
		uint64_t rounds = atomic_load_explicit(&worker->rounds, memory_order_relaxed) + 1;
		uint32_t n = 0;

		for (uint32_t i = 0; i < worker->n_busy; i++)
			n += visit(worker, worker->busy[i], sending, packed, sized);
		if (n == 0)
			worker->empty_rounds++;
		if (worker->n_idle > 0 && rounds % IDLE_ROUNDS == 0)
			look_at_idle(worker);
		atomic_store_explicit(&worker->rounds, rounds, memory_order_release);
		next += worker->gap_cycles;
		next = await_round(next);
	}
}

static void run_split(struct worker *worker)
{
	if (worker->plan.sizes != NULL)
		run(worker, /*packed*/ false, /*sized*/ true);
	else
		run(worker, /*packed*/ false, /*sized*/ false);
}

static void run_packed(struct worker *worker)
{
	if (worker->plan.sizes != NULL)
		run(worker, /*packed*/ true, /*sized*/ true);
	else
		run(worker, /*packed*/ true, /*sized*/ false);
}

// Without ports to serve, nobody needs its CPU.
static void run_empty(struct worker *worker)
{
	static const struct timespec nap = {.tv_nsec = 1000000};

	while (!atomic_load_explicit(&worker->stop, memory_order_relaxed)) {
		atomic_fetch_add_explicit(&worker->rounds, 1, memory_order_release);
		nanosleep(&nap, NULL);
	}
}

static void *worker_main(void *arg)
{
	struct worker *worker = arg;

	atomic_store(&worker->tid, gettid());
	if (worker->n_busy + worker->n_idle == 0)
		run_empty(worker);
	else if (worker->plan.packed)
		run_packed(worker);
	else
		run_split(worker);
	return NULL;
}

int worker_start(struct worker *worker, double cycles_hz, struct fault *fault)
{
	pthread_attr_t attr;
	cpu_set_t cpus;
	int err;

	worker->gap_cycles = (uint64_t)((double)worker->plan.gap_ns * cycles_hz / 1e9);
	worker->quiet_cycles = (uint64_t)(cycles_hz / 10);
	worker->rate_q32 = (uint64_t)(worker->plan.rate_pps / cycles_hz * 4294967296.0);
	// a millisecond can be caught up, and a burst at least
	worker->tokens_max = (uint64_t)(worker->plan.rate_pps / 1000 + worker->plan.burst) << 32;
	for (uint32_t i = 0; i < worker->n_busy; i++)
		worker->busy[i]->token_cycles = 0;
	pthread_attr_init(&attr);
	if (worker->plan.cpu >= 0) {
		CPU_ZERO(&cpus);
		CPU_SET((size_t)worker->plan.cpu, &cpus);
		pthread_attr_setaffinity_np(&attr, sizeof(cpus), &cpus);
	}
	err = pthread_create(&worker->thread, &attr, worker_main, worker);
	pthread_attr_destroy(&attr);
	if (err != 0)
		return fault_set(
		        fault, -err, "", "cannot start the worker on CPU %d", worker->plan.cpu);
	return 0;
}

void worker_stop(struct worker *worker)
{
	atomic_store(&worker->stop, true);
	pthread_join(worker->thread, NULL);
}

void worker_quiesce(const struct worker *worker)
{
	static const struct timespec nap = {.tv_nsec = 20000};
	uint64_t rounds = atomic_load_explicit(&worker->rounds, memory_order_acquire);

	while (atomic_load_explicit(&worker->rounds, memory_order_acquire) - rounds < 2)
		nanosleep(&nap, NULL);
}
