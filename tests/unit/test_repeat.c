/* SPDX-License-Identifier: BSD-3-Clause */
// The same frames at the same times give the same frames out, byte for byte, in the same order and
// at the same cycle: on every run, for any number of workers, and however often these look at the
// clock. A capture goes through wires and through a small mesh of routers whose links have all
// impairments:
//
//	pods 0 - 1, 2 - 3 (wires)      A (port 4) --.
//	                                             C (port 6) ---- D ---- E (port 7)
//	                               B (port 5) --'
//
// A and B have the same delay to C: frames that arrive there at the same cycle must take the next
// link in an order that does not depend on whose hands they went through.
#include <rte_mbuf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fib6.h"
#include "frames.h"
#include "rig.h"
#include "rng.h"

#define T0 1000000000000ull
#define TICK 20000ull // cycles between two looks at the capture
#define TICKS 3000
#define TICKS_QUIET 500 // until the last frame is out
#define PORTS 8
#define PER_TICK 6
#define MIN_OUT 5000 // frames, or the test says little
#define OUT_MAX (64u << 20)

#define NODE_D 8
#define N_NODES 9
#define N_DESTS 9
enum { A_C = 20, C_A, B_C, C_B, C_D, D_C, D_E, E_D };

// A frame to be received: capture.
struct event {
	uint32_t tick;
	uint32_t port;
	struct bytes bytes;
};

struct capture {
	uint32_t n;
	struct event events[TICKS * PER_TICK];
};

// What came out.
struct transcript {
	uint8_t *bytes;
	size_t size;
	uint32_t n;
};

struct sent {
	uint32_t port, len;
	uint64_t time_tsc;
};

static struct capture capture;

static void make_wire_frame(struct bytes *bytes, struct rng *rng, uint32_t seq)
{
	put(bytes, mac_b, 6);
	put(bytes, mac_a, 6);
	put_u16(bytes, 0x88b5);
	put_u32(bytes, seq);
	put_fill(bytes, seq & 0xff, (uint32_t)(rng_next(rng) % 1400));
}

// To what is behind A, C or E, to nowhere, or with few hops left: routers answer those.
static void make_routed_frame(struct bytes *bytes, struct rng *rng, uint32_t seq)
{
	static const char *const dst[] = {"fd04::1", "fd06::1", "fd07::1", "fd07::1", "fd99::1"};
	struct bytes payload = {.len = 0};
	const struct packet packet = {
	        .dst_mac = mac_router,
	        .src_mac = mac_a,
	        .src = (const char *[]){"fd04::1", "fd06::1", "fd07::1"}[rng_next(rng) % 3],
	        .dst = dst[rng_next(rng) % 5],
	        .hop_limit = rng_next(rng) % 50 == 0 ? 2 : 64,
	        .proto = PROTO_UDP,
	};

	put_u32(&payload, seq);
	put_u32(&payload, 0);
	put_fill(&payload, seq & 0xff, (uint32_t)(rng_next(rng) % 1200));
	*bytes = frame(&packet, &payload);
}

static void make_capture(void)
{
	struct rng rng;

	rng_seed(&rng, 7, 7);
	for (uint32_t tick = 0; tick < TICKS; tick++) {
		uint32_t n = (uint32_t)(rng_next(&rng) % PER_TICK);

		for (uint32_t i = 0; i < n; i++) {
			struct event *event = &capture.events[capture.n];

			event->tick = tick;
			event->port = (uint32_t)(rng_next(&rng) % PORTS);
			if (event->port < 4)
				make_wire_frame(&event->bytes, &rng, capture.n);
			else
				make_routed_frame(&event->bytes, &rng, capture.n);
			capture.n++;
		}
	}
}

static void set_iface(struct rig *rig, uint32_t iface_id, uint32_t node_id)
{
	rig->ifaces[iface_id].node_id = node_id;
	rig->ifaces[iface_id].kind = NODE_KIND_ROUTER;
	rig->ifaces[iface_id].worker = (uint16_t)(node_id % rig->n_workers);
}

static void set_router(struct rig *rig, uint32_t node_id, const char *address)
{
	rig->nodes[node_id] = (struct dp_node){
	        .kind = NODE_KIND_ROUTER, .router_idx = node_id, .dest_idx = node_id};
	memcpy(rig->nodes[node_id].address, addr_of(address).b, 16);
}

static void impair(struct link_params *link)
{
	link->flags |= LINK_IMPAIRED | LINK_GE;
	link->loss_q32 = 1u << 27; // 3 %
	link->loss_bad_q32 = 1u << 31;
	link->good_mean_tsc = 100 * TICK;
	link->bad_mean_tsc = 10 * TICK;
	link->duplicate_q16 = 2000;
	link->jitter_tsc = 5 * TICK;
	link->jitter_corr_q16 = 20000;
	link->cycles_per_byte_q16 = 40ull << 16;
	link->queue_bytes = 6000;
	link->queue_pkts = 8;
}

// Each way from `from` to `to`; directions differ.
static void cable(struct rig *rig, uint32_t from, uint32_t to, uint64_t delay_tsc)
{
	rig_link(rig, from, to)->delay_tsc = delay_tsc;
	rig_link(rig, to, from)->delay_tsc = delay_tsc + 1000;
}

static void make_links(struct rig *rig)
{
	cable(rig, 0, 1, 40 * TICK);
	cable(rig, 2, 3, 70 * TICK);
	impair(&rig->links[0]);
	rig->links[1].slope_q32 = -(1ll << 20);
	rig->links[1].t0_tsc = T0;
	impair(&rig->links[3]);
	rig->links[3].flags |= LINK_REORDER;
	rig->links[3].reorder_q16 = 3000;
	cable(rig, A_C, C_A, 30 * TICK);
	cable(rig, B_C, C_B, 30 * TICK);
	cable(rig, C_D, D_C, 25 * TICK);
	cable(rig, D_E, E_D, 50 * TICK);
	impair(&rig->links[C_D]);
	impair(&rig->links[E_D]);
	rig->links[D_C].flags |= LINK_REORDER | LINK_IMPAIRED;
	rig->links[D_C].jitter_tsc = 3 * TICK;
	rig->links[D_E].cycles_per_byte_q16 = 10ull << 16;
	rig->links[D_E].queue_bytes = 20000;
}

static void add_route(struct rig *rig, struct fib6 *fib, const char *prefix, uint8_t len,
        uint32_t node_id, uint32_t iface_id)
{
	struct fib6_prefix entry = {.len = len};

	rig->targets[node_id] = (struct dp_target){.node_id = node_id, .iface_id = iface_id};
	memcpy(rig->targets[node_id].mac, mac_c, 6);
	memcpy(entry.addr, addr_of(prefix).b, 16);
	assert_int_equal(fib6_add(fib, &entry, node_id), 0);
}

static struct dp_nexthops *make_nexthops(void)
{
	static const uint32_t to[][4] = {// destination, router, interface
	        {4, 5, B_C}, {4, 6, C_A}, {4, NODE_D, D_C}, {4, 7, E_D}, {5, 4, A_C}, {5, 6, C_B},
	        {5, NODE_D, D_C}, {5, 7, E_D}, {6, 4, A_C}, {6, 5, B_C}, {6, NODE_D, D_C},
	        {6, 7, E_D}, {7, 4, A_C}, {7, 5, B_C}, {7, 6, C_D}, {7, NODE_D, D_E}};
	size_t n = N_DESTS * N_NODES;
	struct dp_nexthops *nexthops = malloc(sizeof(*nexthops) + n * sizeof(uint32_t));

	assert_non_null(nexthops);
	*nexthops = (struct dp_nexthops){.n_routers = N_NODES, .n_dests = N_DESTS};
	for (size_t i = 0; i < n; i++)
		nexthops->iface[i] = DP_NONE;
	for (size_t i = 0; i < sizeof(to) / sizeof(to[0]); i++)
		nexthops->iface[to[i][0] * N_NODES + to[i][1]] = to[i][2];
	return nexthops;
}

static void make_routers(struct rig *rig, struct fib6 *fib, const struct dp_nexthops *nexthops)
{
	static const uint32_t node_of[] = {4, 6, 5, 6, 6, NODE_D, NODE_D, 7}; // of A_C and so on

	set_router(rig, 4, "fd00::a");
	set_router(rig, 5, "fd00::b");
	set_router(rig, 6, "fd00::c");
	set_router(rig, NODE_D, "fd00::d");
	set_router(rig, 7, "fd00::e");
	for (uint32_t i = 4; i < PORTS; i++)
		set_iface(rig, i, i);
	for (uint32_t i = A_C; i <= E_D; i++)
		set_iface(rig, i, node_of[i - A_C]);
	add_route(rig, fib, "fd04::", 64, 4, 4);
	add_route(rig, fib, "fd05::", 64, 5, 5);
	add_route(rig, fib, "fd06::", 64, 6, 6);
	add_route(rig, fib, "fd07::", 64, 7, 7);
	rig->fib = fib;
	rig->nexthops = nexthops;
}

static void inject(struct rig *rig, const struct event *event)
{
	struct port *port = &rig->ports[event->port];
	struct rte_mbuf *m =
	        mem_frame(datapath_pool(rig->dp, port->worker), (uint16_t)event->bytes.len);

	assert_non_null(m);
	memcpy(rte_pktmbuf_mtod(m, uint8_t *), event->bytes.data, event->bytes.len);
	assert_int_equal(mem_inject(port, &m, 1), 1);
}

static void run_until_idle(struct rig *rig, uint64_t now_tsc)
{
	while (rig_run(rig, now_tsc) != 0)
		;
}

static void write_down(struct rig *rig, struct transcript *out)
{
	for (uint32_t port = 0; port < PORTS; port++) {
		struct rte_mbuf *m;

		while ((m = rig_receive(rig, port)) != NULL) {
			struct sent sent = {port, m->pkt_len, frame_of(m)->time_tsc};

			assert_true(out->size + sizeof(sent) + m->pkt_len <= OUT_MAX);
			memcpy(out->bytes + out->size, &sent, sizeof(sent));
			out->size += sizeof(sent);
			memcpy(out->bytes + out->size, rte_pktmbuf_mtod(m, void *), m->pkt_len);
			out->size += m->pkt_len;
			out->n++;
			rte_pktmbuf_free(m);
		}
	}
}

// A link goes down and up, another becomes slower, in the middle of it.
static void change_links(struct rig *rig, uint32_t tick)
{
	if (tick == TICKS / 3) {
		rig->links[D_E].flags = 0;
		rig->links[D_E].down_tsc = T0 + tick * TICK;
	} else if (tick == TICKS / 2) {
		rig->links[D_E].flags = LINK_UP;
		rig->links[C_D].delay_tsc /= 2;
		rig->links[0].to = DP_NONE; // plugged anew: its generator starts again
	} else if (tick == TICKS / 2 + 10) {
		rig->links[0].to = 1;
		rig->links[0].incarnation++;
	}
}

static const uint32_t drops_wanted[] = {
        DROP_LINK_LOSS, DROP_LINK_QUEUE, DROP_LINK_DOWN, DROP_NO_ROUTE, DROP_HOP_LIMIT};

// Plays the capture. `looks`: how often a tick all workers look at the clock.
static void play(uint16_t n_workers, unsigned looks, struct transcript *out)
{
	struct datapath_config config = rig_config(n_workers);
	struct dp_nexthops *nexthops = make_nexthops();
	struct fib6 *fib = fib6_create(64);
	static struct rig rig;
	uint32_t next = 0;

	assert_non_null(fib);
	config.pool_frames = 4095;
	*out = (struct transcript){.bytes = malloc(OUT_MAX)};
	assert_non_null(out->bytes);
	rig_open(&rig, n_workers, PORTS, &config);
	make_routers(&rig, fib, nexthops);
	make_links(&rig);
	for (uint32_t tick = 0; tick < TICKS + TICKS_QUIET; tick++) {
		uint64_t now_tsc = T0 + tick * TICK;

		// What arrived before is forwarded before.
		for (unsigned i = looks; i > 0; i--)
			run_until_idle(&rig, now_tsc - 1 - (i - 1) * TICK / looks);
		change_links(&rig, tick);
		rig_publish(&rig);
		for (; next < capture.n && capture.events[next].tick == tick; next++)
			inject(&rig, &capture.events[next]);
		run_until_idle(&rig, now_tsc);
		write_down(&rig, out);
	}
	for (size_t i = 0; i < sizeof(drops_wanted) / sizeof(drops_wanted[0]); i++)
		if (rig_drops(&rig, drops_wanted[i]) == 0)
			fail_msg("no drop for reason %s", drop_reason_names[drops_wanted[i]]);
	rig_close(&rig);
	fib6_destroy(fib);
	free(nexthops);
}

static void expect_same(const struct transcript *want, uint16_t n_workers, unsigned looks)
{
	struct transcript got;
	size_t at = 0;

	play(n_workers, looks, &got);
	while (at < want->size && at < got.size && want->bytes[at] == got.bytes[at])
		at++;
	if (got.n != want->n || got.size != want->size || at != want->size)
		fail_msg("%u workers, %u looks a tick: %u frames of %zu bytes, not %u of %zu; the "
		         "first difference is at %zu",
		        n_workers, looks, got.n, got.size, want->n, want->size, at);
	free(got.bytes);
}

static void test_repeat(void **state)
{
	struct transcript want;

	make_capture();
	play(1, 1, &want);
	print_message("%u frames in, %u out\n", capture.n, want.n);
	assert_true(want.n > MIN_OUT);
	expect_same(&want, 1, 1);
	expect_same(&want, 1, 3);
	expect_same(&want, 2, 1);
	expect_same(&want, 2, 3);
	expect_same(&want, 4, 1);
	expect_same(&want, 4, 2);
	free(want.bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_repeat)};

	rig_eal();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
