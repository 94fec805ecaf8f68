/* SPDX-License-Identifier: BSD-3-Clause */
// The device side ends anywhere, and another one goes on with what memory says. Not by luck: each
// store to a ring or its region of buffers in flight is trapped, memory is kept as it was after it,
// and a new device starts from each of these images. The driver gets each buffer back once and in
// order; every frame that it was told is there is whole; what it sent and did not get back is taken
// by the new device. Starts are ended after each of their stores too.
//
// A packed ring without a region is not here: nothing in it says where a device was, and front ends
// reset it.
#include <assert.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include <rte_mbuf.h>
#include <rte_mempool.h>

#include "rng.h"
#include "vring_rig.h"

#define ROUNDS 25u
#define FRAME_LEN 60u
#define SMALL_ROOM 40u // a receive buffer that holds less than a frame
#define MAX_SIZE 16u
#define BURST 16u
#define N_SLOTS 32u
#define SLOT_SIZE 256u // of guest memory, for one chain
#define PAGE 4096u
#define MAX_IMAGES 4096u
#define TRAP_FLAG 0x100 // of the processor: stop after one instruction

// What outlives a device.
struct image {
	uint8_t ring[PAGE], inflight[PAGE], buffers[N_SLOTS * SLOT_SIZE];
};

// What is shared, and what it was after each store. Signal handlers have no argument.
static struct tracer {
	uint8_t *ring, *inflight, *buffers;
	struct image *images;
	size_t n_images;
} tracer;

static void protect(int protection)
{
	if (mprotect(tracer.ring, PAGE, protection) < 0 ||
	        (tracer.inflight != NULL && mprotect(tracer.inflight, PAGE, protection) < 0))
		abort();
}

static void save(struct image *image)
{
	memcpy(image->ring, tracer.ring, PAGE);
	if (tracer.inflight != NULL)
		memcpy(image->inflight, tracer.inflight, PAGE);
	memcpy(image->buffers, tracer.buffers, sizeof(image->buffers));
}

static void restore(const struct image *image)
{
	memcpy(tracer.ring, image->ring, PAGE);
	if (tracer.inflight != NULL)
		memcpy(tracer.inflight, image->inflight, PAGE);
	memcpy(tracer.buffers, image->buffers, sizeof(image->buffers));
}

static void save_next(void)
{
	if (tracer.n_images == MAX_IMAGES)
		abort();
	save(&tracer.images[tracer.n_images++]);
}

// A store to what is protected: let it happen, alone.
static void on_fault(int signal, siginfo_t *info, void *context)
{
	const uint8_t *at = info->si_addr;
	ucontext_t *user = context;

	if ((at < tracer.ring || at >= tracer.ring + PAGE) &&
	        (tracer.inflight == NULL || at < tracer.inflight || at >= tracer.inflight + PAGE))
		abort(); // a bug
	protect(PROT_READ | PROT_WRITE);
	user->uc_mcontext.gregs[REG_EFL] |= TRAP_FLAG;
}

static void on_step(int signal, siginfo_t *info, void *context)
{
	ucontext_t *user = context;

	user->uc_mcontext.gregs[REG_EFL] &= ~(greg_t)TRAP_FLAG;
	save_next();
	protect(PROT_READ);
}

static void handle(int signal, void (*handler)(int, siginfo_t *, void *))
{
	struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};

	sigemptyset(&action.sa_mask);
	assert_int_equal(sigaction(signal, &action, NULL), 0);
}

static void tracer_open(struct vring_rig *rig)
{
	size_t size = sizeof(struct image) * MAX_IMAGES;

	assert_int_equal(sysconf(_SC_PAGESIZE), PAGE);
	tracer = (struct tracer){
	        .ring = rig->driver.desc,
	        .inflight = rig->inflight,
	        .buffers = guest_byte(&rig->guest, GUEST_BUFFERS_ADDR),
	        .images = mmap(NULL, size, PROT_READ | PROT_WRITE,
	                MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0),
	};
	assert_true(tracer.images != MAP_FAILED);
	handle(SIGSEGV, on_fault);
	handle(SIGTRAP, on_step);
}

static void tracer_close(void)
{
	signal(SIGSEGV, SIG_DFL);
	signal(SIGTRAP, SIG_DFL);
	munmap(tracer.images, sizeof(struct image) * MAX_IMAGES);
}

// What the guest knows.
struct view {
	struct driver driver;
	uint16_t free_next[MAX_SIZE];
	struct driver_chain chains[MAX_SIZE];
	uint32_t n_offered, n_back; // chains
	uint32_t next_id; // receive: of the frame that comes next
};

struct bed {
	struct vring_rig *rig;
	struct vring *heir; // the next device
	struct rng rng;
	uint32_t n_offered, n_back, next_id;
	uint32_t next_moved; // frames that the device took or gave
	uint32_t first_of_heir; // receive: ids may jump to this one
};

static uint32_t below(struct bed *bed, uint32_t n)
{
	assert(n > 0);
	return (uint32_t)(rng_next(&bed->rng) % n);
}

static void save_view(const struct bed *bed, struct view *view)
{
	size_t size = bed->rig->driver.size;

	view->driver = bed->rig->driver;
	memcpy(view->free_next, view->driver.free_next, size * sizeof(view->free_next[0]));
	memcpy(view->chains, view->driver.chains, size * sizeof(view->chains[0]));
	view->n_offered = bed->n_offered;
	view->n_back = bed->n_back;
	view->next_id = bed->next_id;
}

static void restore_view(struct bed *bed, const struct view *view)
{
	size_t size = view->driver.size;

	bed->rig->driver = view->driver;
	memcpy(view->driver.free_next, view->free_next, size * sizeof(view->free_next[0]));
	memcpy(view->driver.chains, view->chains, size * sizeof(view->chains[0]));
	bed->n_offered = view->n_offered;
	bed->n_back = view->n_back;
	bed->next_id = view->next_id;
}

// --- chains and frames, whose form and content follow from their number -----------------------

static uint32_t scatter(uint32_t number)
{
	return number * 2654435761u >> 16;
}

static void fill_frame(uint32_t id, uint8_t *frame)
{
	for (uint32_t i = 0; i < FRAME_LEN; i++)
		frame[i] = (uint8_t)(scatter(id + i * 13) + id);
	memcpy(frame, &id, sizeof(id));
}

static uint64_t slot_addr(uint32_t token)
{
	return GUEST_BUFFERS_ADDR + token % N_SLOTS * SLOT_SIZE;
}

static uint16_t shape(uint32_t token, bool receive, struct buffer *buffers)
{
	static const uint16_t lens[2][3][3] = {
	        {{12 + FRAME_LEN}, {12, FRAME_LEN}, {5, 20, 12 + FRAME_LEN - 25}},
	        {{12 + FRAME_LEN}, {SMALL_ROOM}, {12, SMALL_ROOM - 12}},
	};
	const uint16_t *form = lens[receive][scatter(token) % 3];
	uint16_t n = 0;

	for (; n < 3 && form[n] > 0; n++)
		buffers[n] =
		        (struct buffer){slot_addr(token) + 80u * n - (n == 2 ? 16 : 0), form[n]};
	return n;
}

static bool offer_one(struct bed *bed)
{
	bool receive = bed->rig->config.receive;
	uint8_t data[12 + FRAME_LEN] = {0}, *from = data;
	struct buffer buffers[3];
	struct offer offer = {.buffers = buffers, .write = receive, .token = bed->n_offered};

	offer.n = shape(bed->n_offered, receive, buffers);
	if (bed->rig->config.indirect && scatter(bed->n_offered) % 7 < 3)
		offer.table = slot_addr(bed->n_offered) + SLOT_SIZE - 48;
	if (!driver_add(&bed->rig->driver, &offer))
		return false;
	fill_frame(bed->n_offered, data + 12);
	for (uint16_t i = 0; i < offer.n; i++) {
		// what is left of an older frame is not taken for the new one
		if (receive)
			memset(guest_byte(&bed->rig->guest, buffers[i].addr), 0xee, buffers[i].len);
		else
			guest_write(&bed->rig->guest, buffers[i].addr, from, buffers[i].len);
		from += receive ? 0 : buffers[i].len;
	}
	bed->n_offered++;
	return true;
}

static void offer_some(struct bed *bed, uint32_t n)
{
	while (n-- > 0 && offer_one(bed))
		continue;
	driver_publish(&bed->rig->driver);
}

// The next chain that came back: `len` bytes of it.
static bool take_chain(struct bed *bed, uint8_t *data, uint32_t *ret_len)
{
	struct buffer buffers[3] = {0};
	uint32_t token = 0, len, here;

	if (!driver_take(&bed->rig->driver, &token, ret_len))
		return false;
	assert_int_equal(token, bed->n_back);
	bed->n_back++;
	shape(token, bed->rig->config.receive, buffers);
	len = *ret_len;
	for (uint16_t i = 0; len > 0; i++, len -= here, data += here) {
		assert_true(i < 3);
		here = RTE_MIN(len, buffers[i].len);
		guest_read(&bed->rig->guest, buffers[i].addr, data, here);
	}
	return true;
}

static bool take_frame(struct bed *bed)
{
	uint8_t data[4 * SLOT_SIZE] = {0}, frame[FRAME_LEN];
	uint32_t len = 0, done = 0, n_chains = 1, id;

	for (uint32_t i = 0; i < n_chains; i++) {
		if (!take_chain(bed, data + done, &len)) {
			assert_int_equal(i, 0); // all chains of a frame at once
			return false;
		}
		done += len;
		if (i == 0)
			n_chains = data[10] + 256u * data[11];
		assert_in_range(n_chains, 1, 2);
	}
	assert_int_equal(done, 12 + FRAME_LEN);
	memcpy(&id, data + 12, sizeof(id));
	if (id != bed->next_id) { // what a device did not finish is lost, but only that
		assert_true(bed->next_id < bed->first_of_heir);
		assert_int_equal(id, bed->first_of_heir);
	}
	fill_frame(id, frame);
	assert_memory_equal(data + 12, frame, FRAME_LEN);
	bed->next_id = id + 1;
	return true;
}

// What the guest can see now.
static void take_all(struct bed *bed)
{
	uint8_t none[1];
	uint32_t len;

	if (bed->rig->config.receive) {
		while (take_frame(bed))
			continue;
		return;
	}
	while (take_chain(bed, none, &len))
		assert_int_equal(len, 0);
}

// --- devices ----------------------------------------------------------------------------------

static uint16_t dequeue(struct bed *bed, struct vring *vring, uint16_t n)
{
	struct rte_mbuf *pkts[BURST];
	uint8_t frame[FRAME_LEN];

	n = vring_dequeue(vring, bed->rig->pool, pkts, n);
	for (uint16_t i = 0; i < n; i++) {
		fill_frame(bed->next_moved++, frame);
		assert_int_equal(pkts[i]->pkt_len, FRAME_LEN);
		assert_memory_equal(rte_pktmbuf_mtod(pkts[i], uint8_t *), frame, FRAME_LEN);
	}
	rte_pktmbuf_free_bulk(pkts, n);
	return n;
}

static uint16_t enqueue(struct bed *bed, struct vring *vring, uint16_t n)
{
	struct rte_mbuf *pkts[BURST];
	uint16_t n_done;

	assert_int_equal(rte_pktmbuf_alloc_bulk(bed->rig->pool, pkts, n), 0);
	for (uint16_t i = 0; i < n; i++) {
		fill_frame(bed->next_moved + i, rte_pktmbuf_mtod(pkts[i], uint8_t *));
		pkts[i]->pkt_len = pkts[i]->data_len = FRAME_LEN;
	}
	n_done = vring_enqueue(vring, pkts, n);
	bed->next_moved += n_done;
	rte_pktmbuf_free_bulk(pkts, n);
	return n_done;
}

static uint16_t move(struct bed *bed, struct vring *vring, uint16_t n)
{
	n = bed->rig->config.receive ? enqueue(bed, vring, n) : dequeue(bed, vring, n);
	assert_int_equal(vring_get_fault(vring), VRING_FAULT_NONE);
	return n;
}

// As after a kill: the front end says what it knows, which is where the ring began.
static void start(struct bed *bed, struct vring *vring)
{
	memset((void *)vring, 0xa5, vring_size());
	assert_int_equal(vring_start(vring, &bed->rig->config), 0);
}

// What a worker does in one turn; memory is kept as it is after each store.
static void turn(struct bed *bed, struct vring *vring)
{
	uint16_t n = (uint16_t)(1 + below(bed, BURST));
	bool armed = below(bed, 2) == 0;

	save_next();
	protect(PROT_READ);
	move(bed, vring, n);
	vring_call(vring);
	if (armed) {
		vring_arm(vring);
		move(bed, vring, 1);
		vring_disarm(vring);
	}
	protect(PROT_READ | PROT_WRITE);
}

static void start_traced(struct bed *bed, struct vring *vring)
{
	save_next();
	protect(PROT_READ);
	start(bed, vring);
	protect(PROT_READ | PROT_WRITE);
}

// Memory and guest as they were when the device ended. Transmit: the next device begins with what
// the guest did not get back. Receive: its frames have numbers of their own.
static void go_back(struct bed *bed, const struct image *image, const struct view *view, bool looks)
{
	restore(image);
	restore_view(bed, view);
	take_all(bed);
	if (bed->rig->config.receive)
		bed->next_id = bed->next_moved = bed->first_of_heir;
	else
		bed->next_moved = bed->n_back;
	if (!looks)
		restore_view(bed, view);
}

// The heir does all there is to do, and more comes through the ring.
static void finish(struct bed *bed)
{
	bool receive = bed->rig->config.receive;
	uint64_t calls;

	for (uint32_t laps = 0; laps < 2; laps++) {
		while (move(bed, bed->heir, BURST) == BURST)
			continue;
		take_all(bed);
		if (!receive)
			assert_int_equal(bed->n_back, bed->n_offered);
		else // half the room for a frame may be left
			assert_true(bed->n_offered - bed->n_back <= 1);
		assert_int_equal(bed->next_moved, receive ? bed->next_id : bed->n_offered);
		offer_some(bed, MAX_SIZE);
	}
	while (read(bed->rig->call_fd, &calls, sizeof(calls)) > 0)
		continue;
	vring_call(bed->heir);
	assert_int_equal(read(bed->rig->call_fd, &calls, sizeof(calls)), sizeof(calls));
}

// A device ended with memory like this. `deep`: the next one's start ends too, anywhere.
static void inherit(struct bed *bed, const struct image *image, const struct view *view, bool deep)
{
	size_t from = tracer.n_images;
	bool looks = below(bed, 2) == 0;

	go_back(bed, image, view, looks);
	if (deep) {
		struct view then;

		save_view(bed, &then);
		start_traced(bed, bed->heir);
		for (size_t i = from; i < tracer.n_images; i++)
			inherit(bed, &tracer.images[i], &then, false);
		tracer.n_images = from;
		go_back(bed, image, view, looks);
	}
	start(bed, bed->heir);
	finish(bed);
}

// Every end that a turn can have. Then the device lives on, or one of them is what happened.
static void play(struct bed *bed)
{
	struct view before;
	struct image after;
	uint32_t moved;
	size_t n, i;

	save_view(bed, &before);
	tracer.n_images = 0;
	turn(bed, bed->rig->vring);
	n = tracer.n_images;
	save(&after);
	moved = bed->next_moved;
	bed->first_of_heir = moved;
	for (i = 0; i < n; i++)
		inherit(bed, &tracer.images[i], &before, below(bed, 8) == 0);
	bed->next_moved = moved;
	if (below(bed, 2) == 0) {
		restore(&after);
		restore_view(bed, &before);
	} else {
		go_back(bed, &tracer.images[below(bed, (uint32_t)n)], &before, true);
		start(bed, bed->rig->vring);
	}
}

static void test_crash(void **state)
{
	struct bed bed = {.rig = *state};
	size_t n_images = 0;

	bed.heir = aligned_alloc(64, vring_size());
	assert_non_null(bed.heir);
	rng_seed(&bed.rng, 7, bed.rig->driver.size);
	driver_calls_on(&bed.rig->driver, 0);
	tracer_open(bed.rig);
	for (uint32_t n = rig_rounds(ROUNDS); n > 0; n--) {
		offer_some(&bed, below(&bed, MAX_SIZE));
		play(&bed);
		n_images += tracer.n_images;
		if (below(&bed, 2) == 0)
			take_all(&bed);
	}
	tracer_close();
	free(bed.heir);
	assert_true(n_images > 5 * ROUNDS);
}

int main(void)
{
	static const struct rig_kind kinds[] = {
	        {.name = "region", .inflight = true},
	        {.name = "region, indirect, events",
	                .inflight = true,
	                .indirect = true,
	                .event_idx = true},
	        {.name = "no region"},
	        {.name = "no region, indirect, events", .indirect = true, .event_idx = true},
	};
	struct rig_suite suite = {.n = 0};

	for (unsigned i = 0; i < 16; i++) {
		struct rig_kind kind = kinds[i % 4];

		kind.packed = i & 8;
		kind.receive = i & 4;
		kind.size = kind.packed ? 11 : MAX_SIZE;
		kind.first_idx = 65500;
		kind.version_1 = kind.mergeable = true;
		if (!kind.packed || kind.inflight)
			rig_add(&suite, kind.receive ? "receive" : "transmit", test_crash, kind);
	}
	return rig_run("vring_crash", &suite);
}
