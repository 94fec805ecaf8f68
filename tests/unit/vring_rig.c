/* SPDX-License-Identifier: BSD-3-Clause */
// See vring_rig.h.
#include "vring_rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>

#include "caller.h"

#define N_MBUFS 1023u

// plain writes: children call as well, and share no context
static struct caller caller = {.file = -1};
static struct rte_mempool *pool; // of the group; cmocka has one state a test

static int start_eal(void)
{
	char *args[] = {(char[]){"test_vring"}, (char[]){"--no-huge"}, (char[]){"--no-pci"},
	        (char[]){"--no-telemetry"}, (char[]){"--no-shconf"}, (char[]){"-m"}, (char[]){"64"},
	        (char[]){"-l"}, (char[]){"0"}, (char[]){"--log-level=error"}};

	return rte_eal_init(10, args);
}

static int open_pool(void **state)
{
	pool = rte_pktmbuf_pool_create("vring", N_MBUFS, 0 /* cache */, 0 /* private */,
	        RTE_PKTMBUF_HEADROOM + 2048, SOCKET_ID_ANY);
	return pool == NULL ? -1 : 0;
}

static int close_pool(void **state)
{
	rte_mempool_free(pool);
	return 0;
}

static size_t inflight_bytes(uint16_t size)
{
	return 32 * (size + 1ull);
}

static uint8_t *map_inflight(uint16_t size)
{
	void *p = mmap(NULL, inflight_bytes(size), PROT_READ | PROT_WRITE,
	        MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

static int setup(void **state)
{
	const struct rig_kind *kind = *state;
	struct vring_rig *rig = calloc(1, sizeof(*rig));

	if (rig == NULL)
		return -1;
	rig->pool = pool;
	rig->arg = kind->arg;
	rig->inflight = kind->inflight ? map_inflight(kind->size) : NULL;
	rig->call_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	rig->vring = aligned_alloc(64, vring_size());
	rig->header = kind->version_1 || kind->mergeable ? 12 : 10;
	guest_init(&rig->guest);
	driver_init(&rig->driver, &rig->guest, kind->packed, kind->size, GUEST_RINGS_ADDR,
	        kind->first_idx);
	rig->driver.event_idx = kind->event_idx;
	rig->config = (struct vring_config){
	        .memory = &rig->guest.memory,
	        .packed = kind->packed,
	        .event_idx = kind->event_idx,
	        .indirect = kind->indirect,
	        .mergeable = kind->mergeable,
	        .version_1 = kind->version_1,
	        .receive = kind->receive,
	        .size = kind->size,
	        .first_avail = kind->packed ? 0 : kind->first_idx,
	        .avail_wrap = true,
	        .used_wrap = true,
	        .desc_addr = guest_user_addr(&rig->guest, rig->driver.desc_addr),
	        .avail_addr = guest_user_addr(&rig->guest, rig->driver.driver_addr),
	        .used_addr = guest_user_addr(&rig->guest, rig->driver.device_addr),
	        .call_fd = rig->call_fd,
	        .caller = &caller,
	        .inflight = rig->inflight,
	        .max_frame = RIG_MAX_FRAME,
	        .port = RIG_PORT,
	};
	*state = rig;
	return rig->vring == NULL ? -1 : vring_start(rig->vring, &rig->config);
}

static int teardown(void **state)
{
	struct vring_rig *rig = *state;
	unsigned left = rte_mempool_in_use_count(rig->pool);

	vring_stop(rig->vring);
	driver_fini(&rig->driver);
	guest_fini(&rig->guest);
	close(rig->call_fd);
	free(rig->vring);
	if (rig->inflight != NULL)
		munmap(rig->inflight, inflight_bytes(rig->config.size));
	free(rig);
	return left == 0 ? 0 : -1; // every buffer came back
}

void rig_add(
        struct rig_suite *suite, const char *name, void (*test)(void **state), struct rig_kind kind)
{
	size_t i = suite->n++;

	assert_true(i < RIG_TESTS);
	suite->kinds[i] = kind;
	snprintf(suite->names[i], sizeof(suite->names[i]), "%s: %s, %s", name,
	        kind.packed ? "packed" : "split", kind.name);
	suite->tests[i] =
	        (struct CMUnitTest){suite->names[i], test, setup, teardown, &suite->kinds[i]};
}

int rig_run(const char *name, struct rig_suite *suite)
{
	if (start_eal() < 0)
		return 1;
	return _cmocka_run_group_tests(name, suite->tests, suite->n, open_pool, close_pool);
}

uint32_t rig_rounds(uint32_t n)
{
	const char *effort = getenv("ORRERY_TEST_EFFORT");

	return effort == NULL ? n : n * (uint32_t)strtoul(effort, NULL, 10);
}

void rig_restart(struct vring_rig *rig)
{
	struct vring_base base = vring_stop(rig->vring);

	rig->config.first_avail = base.avail;
	rig->config.avail_wrap = base.avail_wrap;
	rig->config.first_used = base.used;
	rig->config.used_wrap = base.used_wrap;
	memset((void *)rig->vring, 0xa5, vring_size());
	assert_int_equal(vring_start(rig->vring, &rig->config), 0);
}

void rig_send_plain(struct vring_rig *rig, uint32_t n)
{
	uint8_t data[12 + 60] = {0};

	while (n-- > 0) {
		uint32_t i = rig->n_plain++;
		struct buffer buffer = {
		        GUEST_BUFFERS_ADDR + (i % rig->driver.size) * 128ull, rig->header + 60u};
		struct offer offer = {.buffers = &buffer, .n = 1, .token = i};

		memcpy(data + rig->header, &i, sizeof(i));
		guest_write(&rig->guest, buffer.addr, data, buffer.len);
		assert_true(driver_add(&rig->driver, &offer));
	}
	driver_publish(&rig->driver);
}

void rig_receive(struct vring_rig *rig, uint16_t n)
{
	struct rte_mbuf *pkts[RIG_BURST];
	uint32_t token, len;

	assert_int_equal(vring_dequeue(rig->vring, rig->pool, pkts, n), n);
	for (uint16_t i = 0; i < n; i++) {
		assert_int_equal(pkts[i]->pkt_len, 60);
		assert_true(driver_take(&rig->driver, &token, &len));
		assert_memory_equal(rte_pktmbuf_mtod(pkts[i], uint8_t *), &token, sizeof(token));
	}
	assert_false(driver_take(&rig->driver, &token, &len));
	rte_pktmbuf_free_bulk(pkts, n);
}
