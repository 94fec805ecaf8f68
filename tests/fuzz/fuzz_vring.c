/* SPDX-License-Identifier: BSD-3-Clause */
// A hostile driver: the bytes say what stands in the ring, in indirect tables and in the region of
// buffers in flight, and when the device side looks at it; another thread may write over all of it
// meanwhile. The device side must stay within the guest's memory (guard pages lie around it), end
// each call, and return every buffer.
#include <pthread.h>
#include <rte_eal.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

#include "caller.h"
#include "rng.h"
#include "vring.h"
#include "vring_driver.h"

#define MAX_SIZE 64u
#define MAX_FRAME 1600u
#define N_MBUFS 511u
#define BURST 64u

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct bytes {
	const uint8_t *p, *end;
};

struct target {
	struct rte_mempool *pool;
	struct guest guest;
	struct vring *vring;
	struct vring_config config;
	uint8_t *inflight; // exactly as large as the ring needs
	size_t inflight_size, ring_size;
	uint8_t *ring;
	int call_fd;
	struct caller caller;
};

static struct target target;

// Loops that would drown what the fuzzer sees of the rings, and differ from run to run.
#define UNSEEN __attribute__((no_sanitize("coverage")))

static uint64_t take(struct bytes *bytes, size_t n)
{
	uint64_t value = 0;

	if ((size_t)(bytes->end - bytes->p) < n) {
		bytes->p = bytes->end;
		return 0;
	}
	memcpy(&value, bytes->p, n);
	bytes->p += n;
	return value;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	char *args[] = {(char[]){"fuzz_vring"}, (char[]){"--no-huge"}, (char[]){"--no-pci"},
	        (char[]){"--no-telemetry"}, (char[]){"--no-shconf"}, (char[]){"-m"}, (char[]){"64"},
	        (char[]){"--log-level=error"}};

	if (rte_eal_init(8, args) < 0)
		return -1;
	target.pool = rte_pktmbuf_pool_create("fuzz", N_MBUFS, 0 /* cache */, 0 /* private */,
	        RTE_PKTMBUF_HEADROOM + 2048, SOCKET_ID_ANY);
	target.vring = aligned_alloc(64, vring_size());
	target.call_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	guest_init(&target.guest);
	if (caller_init(&target.caller, NULL) < 0)
		return -1;
	return target.pool == NULL || target.vring == NULL ? -1 : 0;
}

static void open_ring(struct bytes *bytes)
{
	struct vring_config *config = &target.config;
	uint8_t flags = (uint8_t)take(bytes, 1), size = (uint8_t)take(bytes, 1);
	bool inflight = (size & 0x80) != 0;
	uint64_t addr = GUEST_RINGS_ADDR;

	*config = (struct vring_config){.memory = &target.guest.memory,
	        .packed = flags & 1,
	        .receive = flags & 2,
	        .version_1 = flags & 4,
	        .mergeable = flags & 8,
	        .indirect = flags & 16,
	        .event_idx = flags & 32,
	        .avail_wrap = true,
	        .used_wrap = true,
	        .call_fd = flags & 64 ? target.call_fd : -1,
	        .caller = &target.caller,
	        .max_frame = MAX_FRAME};
	config->size = config->packed ? size % MAX_SIZE + 1 : 1u << size % 7;
	config->desc_addr = guest_user_addr(&target.guest, addr);
	config->avail_addr = config->desc_addr + 16ull * config->size;
	config->used_addr = config->avail_addr + (config->packed ? 4 : 1024);
	target.ring_size = 16ull * config->size + (config->packed ? 8 : 2048);
	target.ring = guest_byte(&target.guest, addr);
	memset(target.ring, 0, target.ring_size);
	target.inflight_size =
	        config->packed ? 32 + 32ull * config->size : 16 + 16ull * config->size;
	target.inflight = inflight ? calloc(1, target.inflight_size) : NULL;
	config->inflight = target.inflight;
	if (vring_start(target.vring, config) < 0)
		abort();
}

static void restart(void)
{
	struct vring_base base = vring_stop(target.vring);

	target.config.first_avail = base.avail;
	target.config.first_used = base.used;
	target.config.avail_wrap = base.avail_wrap;
	target.config.used_wrap = base.used_wrap;
	if (vring_start(target.vring, &target.config) < 0)
		abort();
}

// Killed: nobody stops the ring.
static void start_again(void)
{
	if (vring_start(target.vring, &target.config) < 0)
		abort();
}

// Mostly somewhere in the guest's memory, often at an edge.
static uint64_t pick_addr(struct bytes *bytes)
{
	static const uint64_t addrs[] = {GUEST_BUFFERS_ADDR, GUEST_SEAM_ADDR - 64,
	        GUEST_SEAM_ADDR - 1, GUEST_END_ADDR - 80, GUEST_END_ADDR, GUEST_APART_ADDR,
	        GUEST_APART_ADDR + GUEST_APART_SIZE - 100, GUEST_APART_ADDR - 1, 0, UINT64_MAX - 64,
	        GUEST_RINGS_ADDR, GUEST_RINGS_ADDR - 1};
	uint8_t which = (uint8_t)take(bytes, 1);

	return addrs[which % (sizeof(addrs) / sizeof(addrs[0]))] + take(bytes, 1) * (which >> 4);
}

static void write_desc(struct bytes *bytes, uint64_t table)
{
	uint8_t slot = (uint8_t)take(bytes, 1), shape = (uint8_t)take(bytes, 1);
	uint64_t addr = pick_addr(bytes);
	uint32_t len = (uint32_t)take(bytes, 2);
	uint16_t flags = (shape & 7) | (uint16_t)((shape >> 3 & 1) << 7 | (shape >> 4 & 1) << 15);
	uint16_t number = (uint16_t)(take(bytes, 1) % (target.config.size + 1u));
	uint8_t desc[16];

	if ((shape & 0xe0) == 0xe0)
		len = UINT32_MAX - len;
	else if ((shape & 0x20) == 0)
		len %= 2048;
	memcpy(desc, &addr, 8);
	memcpy(desc + 8, &len, 4);
	memcpy(desc + 12, target.config.packed ? &number : &flags, 2);
	memcpy(desc + 14, target.config.packed ? &flags : &number, 2);
	guest_write(&target.guest,
	        table + 16ull * (slot % (table == GUEST_RINGS_ADDR ? target.config.size : 64)),
	        desc, 16);
}

// Split: makes `n` more chains available.
static void make_available(struct bytes *bytes)
{
	uint8_t *avail = target.ring + 16ull * target.config.size;
	uint16_t idx, n = (uint16_t)(take(bytes, 1) % 4);

	if (target.config.packed)
		return;
	memcpy(&idx, avail + 2, 2);
	for (uint16_t i = 0; i < n; i++, idx++) {
		uint16_t head = (uint16_t)(take(bytes, 1) % (target.config.size + 1u));

		if (bytes->p < bytes->end || head < target.config.size)
			memcpy(avail + 4 + 2ull * (idx % target.config.size), &head, 2);
	}
	memcpy(avail + 2, &idx, 2);
}

// Whether all of a frame may be read.
UNSEEN static void read_frame(const struct rte_mbuf *m)
{
	volatile uint8_t sum = 0;

	for (uint32_t i = 0; i < m->pkt_len; i++)
		sum += rte_pktmbuf_mtod(m, const uint8_t *)[i];
	(void)sum;
}

static void check_frames(struct rte_mbuf **pkts, uint16_t n)
{
	for (uint16_t i = 0; i < n; i++) {
		if (pkts[i]->pkt_len < 14 || pkts[i]->pkt_len > MAX_FRAME ||
		        pkts[i]->next != NULL || pkts[i]->data_len != pkts[i]->pkt_len ||
		        pkts[i]->nb_segs != 1)
			abort();
		read_frame(pkts[i]);
	}
	rte_pktmbuf_free_bulk(pkts, n);
}

static void give_frames(struct bytes *bytes, uint16_t n)
{
	struct rte_mbuf *pkts[BURST];
	uint16_t len = (uint16_t)(take(bytes, 2) % (MAX_FRAME + 20));

	if (rte_pktmbuf_alloc_bulk(target.pool, pkts, n) < 0)
		abort();
	for (uint16_t i = 0; i < n; i++) {
		pkts[i]->pkt_len = pkts[i]->data_len = len;
		memset(rte_pktmbuf_mtod(pkts[i], uint8_t *), i, len);
	}
	if (vring_enqueue(target.vring, pkts, n) > n)
		abort();
	rte_pktmbuf_free_bulk(pkts, n);
}

static void run_burst(struct bytes *bytes)
{
	struct rte_mbuf *pkts[BURST];
	uint16_t n = (uint16_t)(1 + take(bytes, 1) % BURST);

	if (target.config.receive)
		give_frames(bytes, n);
	else
		check_frames(pkts, vring_dequeue(target.vring, target.pool, pkts, n));
}

static void write_raw(struct bytes *bytes)
{
	uint16_t offset = (uint16_t)take(bytes, 2);
	uint64_t value = take(bytes, 8);

	if ((offset & 0x8000) != 0 && target.inflight != NULL)
		memcpy(target.inflight + offset % (target.inflight_size - 8), &value, 8);
	else
		memcpy(target.ring + offset % (target.ring_size - 8), &value, 8);
}

static void step(struct bytes *bytes)
{
	uint8_t what = (uint8_t)(take(bytes, 1) % 16);

	if (what < 5)
		write_desc(bytes, GUEST_RINGS_ADDR);
	else if (what < 7)
		write_desc(bytes, GUEST_BUFFERS_ADDR); // an indirect table, perhaps
	else if (what < 9)
		make_available(bytes);
	else if (what < 12)
		run_burst(bytes);
	else if (what == 12)
		write_raw(bytes);
	else if (what == 13)
		vring_arm(target.vring);
	else if (what == 14)
		vring_call(target.vring);
	else
		start_again();
	(void)vring_watch(target.vring);
	vring_pending(target.vring);
	if (vring_get_fault(target.vring) != VRING_FAULT_NONE)
		restart();
}

struct scribbler {
	pthread_t thread;
	uint64_t seed;
	bool stop; // atomic
};

// Writes over ring and tables until told to stop.
UNSEEN static void *scribble(void *arg)
{
	struct scribbler *scribbler = arg;
	struct rng rng;

	rng_seed(&rng, scribbler->seed, 0);
	while (!__atomic_load_n(&scribbler->stop, __ATOMIC_RELAXED)) {
		uint64_t r = rng_next(&rng);
		uint8_t *p = target.ring + (r >> 40) % (target.ring_size / 4) * 4;

		// half of them small changes
		*(volatile uint32_t *)(void *)p =
		        r & 1 ? (uint32_t)r : *(uint32_t *)(void *)p ^ 1u << (r & 31);
	}
	return NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes bytes = {data, data + size};
	struct scribbler scribbler = {.stop = false};
	bool concurrent = size > 2 && data[0] & 128;

	open_ring(&bytes);
	if (concurrent) {
		scribbler.seed = take(&bytes, 1);
		if (pthread_create(&scribbler.thread, NULL, scribble, &scribbler) != 0)
			abort();
	}
	while (bytes.p < bytes.end)
		step(&bytes);
	if (concurrent) {
		__atomic_store_n(&scribbler.stop, true, __ATOMIC_RELAXED);
		pthread_join(scribbler.thread, NULL);
	}
	vring_stop(target.vring);
	if (rte_mempool_in_use_count(target.pool) != 0)
		abort(); // a buffer was lost
	free(target.inflight);
	return 0;
}
