/* SPDX-License-Identifier: BSD-3-Clause */
// What a router answers itself: neighbour discovery, echo, errors, to the byte; what it does not
// answer; and how often it does.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <rte_mbuf.h>

#include "world.h"

#define ERROR_BURST 50 // of the default rate of 100 a second

static const uint8_t mac_solicited[6] = {0x33, 0x33, 0xff, 0, 0, 1};
static const uint8_t mac_all_nodes[6] = {0x33, 0x33, 0, 0, 0, 1};

static int set_up(void **state)
{
	static struct world world;

	world_open(&world);
	*state = &world;
	return 0;
}

static int tear_down(void **state)
{
	world_close(*state);
	return 0;
}

// ---- neighbour discovery

static struct bytes solicit(const char *target)
{
	struct bytes ns = {.len = 0};

	put_u32(&ns, 0x87000000);
	put_u32(&ns, 0);
	put(&ns, addr_of(target).b, 16);
	return ns;
}

static struct bytes solicit_with_source(const char *target)
{
	struct bytes ns = solicit(target);

	put_u16(&ns, 0x0101);
	put(&ns, mac_a, 6);
	return ns;
}

static struct bytes advert(
        const char *target, const uint8_t *dst_mac, const char *dst, uint32_t flags)
{
	struct packet packet = {dst_mac, mac_router, target, dst, 255, PROTO_ICMP6};
	struct bytes na = {.len = 0};

	put_u32(&na, 0x88000000);
	put_u32(&na, flags);
	put(&na, addr_of(target).b, 16);
	put_u16(&na, 0x0201);
	put(&na, mac_router, 6);
	return icmp_frame(&packet, &na, 32);
}

static void test_solicitations(void **state)
{
	static const struct {
		const char *target, *src, *dst;
		const uint8_t *dst_mac;
	} rows[] = {
	        {"fe80::1", "fe80::a0", "ff02::1:ff00:1", mac_solicited},
	        {"fe80::1", "fd01::1", "fe80::1", mac_router}, // still there?
	        {R0_ADDR, "fd01::1", "ff02::1:ff00:a", mac_solicited},
	        {R0_ADDR, "fe80::a0", R0_ADDR, mac_router},
	};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		for (int with_source = 0; with_source < 2; with_source++) {
			struct packet packet = {
			        rows[i].dst_mac, mac_a, rows[i].src, rows[i].dst, 255, PROTO_ICMP6};
			struct bytes ns = with_source ? solicit_with_source(rows[i].target)
			                              : solicit(rows[i].target);
			struct bytes bytes = icmp_frame(&packet, &ns, ns.len);
			struct bytes want = advert(rows[i].target, mac_a, rows[i].src, 0xe0000000);

			put_fill(&bytes, 0, 10); // padding is no option
			world_send(*state, 0, &bytes);
			world_expect(*state, 0, &want);
		}
}

// RFC 4861 section 7.2.4: an answer to nobody goes to all, without the solicited flag.
static void test_duplicate_address_probe(void **state)
{
	struct packet packet = {mac_solicited, mac_a, "::", "ff02::1:ff00:1", 255, PROTO_ICMP6};
	struct bytes ns = solicit("fe80::1");
	struct bytes bytes = icmp_frame(&packet, &ns, ns.len);
	struct bytes want = advert("fe80::1", mac_all_nodes, "ff02::1", 0xa0000000);

	world_send(*state, 0, &bytes);
	world_expect(*state, 0, &want);
	ns = solicit("fe80::77"); // the pod's own
	bytes = icmp_frame(&packet, &ns, ns.len);
	world_expect_drop(*state, 0, &bytes, DROP_LOCAL_UNKNOWN);
}

static void test_bad_solicitations(void **state)
{
	struct packet good = {mac_solicited, mac_a, "fe80::a0", "ff02::1:ff00:1", 255, PROTO_ICMP6};
	struct packet packet = good;
	struct bytes ns = solicit_with_source("fe80::1");
	struct bytes bytes;

	packet.hop_limit = 254;
	bytes = icmp_frame(&packet, &ns, ns.len);
	world_expect_drop(*state, 0, &bytes, DROP_BAD_IPV6);
	packet = good;
	packet.src = "::"; // has no link-layer address to tell of
	bytes = icmp_frame(&packet, &ns, ns.len);
	world_expect_drop(*state, 0, &bytes, DROP_BAD_IPV6);
	ns = solicit("fe80::1");
	packet.dst = "ff02::1"; // a probe goes to the solicited node
	bytes = icmp_frame(&packet, &ns, ns.len);
	world_expect_drop(*state, 0, &bytes, DROP_BAD_IPV6);
	packet = good;
	bytes = icmp_frame(&packet, &ns, ns.len);
	bytes.data[57] ^= 1; // checksum
	world_expect_drop(*state, 0, &bytes, DROP_BAD_IPV6);
	ns.data[1] = 1; // code
	bytes = icmp_frame(&packet, &ns, ns.len);
	world_expect_drop(*state, 0, &bytes, DROP_BAD_IPV6);
	ns = solicit("ff02::1"); // of a group
	bytes = icmp_frame(&packet, &ns, ns.len);
	world_expect_drop(*state, 0, &bytes, DROP_BAD_IPV6);
	for (uint32_t len = 0; len < 24; len++) {
		ns = solicit("fe80::1");
		ns.len = len;
		bytes = len < 4 ? frame(&packet, &ns) : icmp_frame(&packet, &ns, len);
		world_expect_drop(*state, 0, &bytes, DROP_BAD_IPV6);
	}
}

static void test_bad_options(void **state)
{
	static const struct {
		uint8_t len;
		uint8_t bytes[9];
	} rows[] = {{8, {1, 0}}, {8, {1, 2}}, {7, {1, 1}}, {1, {1}},
	        {9, {1, 1, 0, 0, 0, 0, 0, 0, 1}}, {8, {14, 255}}};
	struct packet packet = {
	        mac_solicited, mac_a, "fe80::a0", "ff02::1:ff00:1", 255, PROTO_ICMP6};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct bytes ns = solicit("fe80::1");
		struct bytes bytes;

		put(&ns, rows[i].bytes, rows[i].len);
		bytes = icmp_frame(&packet, &ns, ns.len);
		world_expect_drop(*state, 0, &bytes, DROP_BAD_IPV6);
	}
}

static void test_taken_in_silence(void **state)
{
	static const uint8_t types[] = {133, 136, 131, 132, 143};

	for (unsigned i = 0; i < sizeof(types); i++) {
		struct packet packet = {
		        mac_all_nodes, mac_a, "fe80::a0", "ff02::2", 255, PROTO_ICMP6};
		struct bytes payload = {.len = 0};
		struct bytes bytes;

		put_u8(&payload, types[i]);
		put_fill(&payload, 0, 23);
		bytes = icmp_frame(&packet, &payload, payload.len);
		world_expect_drop(*state, 0, &bytes, DROP_CONSUMED);
	}
}

// ---- echo

static struct bytes echo(unsigned type, uint32_t data_len)
{
	struct bytes bytes = {.len = 0};

	put_u8(&bytes, type);
	put_u8(&bytes, 0);
	put_u16(&bytes, 0);
	put_u32(&bytes, 0x12340007);
	for (uint32_t i = 0; i < data_len; i++)
		put_u8(&bytes, i * 7);
	return bytes;
}

static void check_echo(struct world *world, const char *src, const char *dst, const char *answers,
        unsigned hop_limit, uint32_t data_len, uint32_t padding)
{
	struct packet ask = {mac_router, mac_a, src, dst, 3, PROTO_ICMP6};
	struct packet answer = {mac_a, mac_router, answers, src, (uint8_t)hop_limit, PROTO_ICMP6};
	struct bytes request = echo(128, data_len);
	struct bytes reply = echo(129, data_len);
	struct bytes bytes = icmp_frame(&ask, &request, request.len);
	struct bytes want = icmp_frame(&answer, &reply, reply.len);

	if (addr_of(dst).b[0] == 0xff)
		memcpy(bytes.data, mac_all_nodes, 6);
	put_fill(&bytes, 0xee, padding);
	world_send(world, 0, &bytes);
	world_expect(world, 0, &want);
}

static void test_echo(void **state)
{
	check_echo(*state, "fe80::a0", "fe80::1", "fe80::1", 255, 56, 0);
	check_echo(*state, "fd01::1", "fe80::1", "fe80::1", 255, 0, 6);
	check_echo(*state, "fd01::1", R0_ADDR, R0_ADDR, 255, 1, 5);
	check_echo(*state, "fd01::1", R0_ADDR, R0_ADDR, 255, 1452, 0);
	check_echo(*state, "fd01::1", R1_ADDR, R1_ADDR, 254, 1400, 0); // over the link and back
	check_echo(*state, "fe80::a0", "ff02::1", "fe80::1", 255, 8, 0);
}

static void test_echo_behind_extension_headers(void **state)
{
	struct packet ask = {mac_router, mac_a, "fd01::1", R0_ADDR, 3, PROTO_HOPOPTS};
	struct packet answer = {mac_a, mac_router, R0_ADDR, "fd01::1", 255, PROTO_ICMP6};
	struct bytes request = {.len = 0};
	struct bytes icmp = echo(128, 16);
	struct bytes reply = echo(129, 16);
	struct bytes bytes;
	struct bytes want;

	put_u32(&request, 0x3c000104); // hop-by-hop, then destination options of 16 bytes
	put_u32(&request, 0);
	put_u32(&request, 0x2c01010c);
	put_fill(&request, 0, 12);
	put_u32(&request, PROTO_ICMP6 << 24); // a fragment that is the whole packet
	put_u32(&request, 99);
	put(&request, icmp.data, icmp.len);
	bytes = icmp_frame(&ask, &request, icmp.len);
	want = icmp_frame(&answer, &reply, reply.len);
	world_send(*state, 0, &bytes);
	world_expect(*state, 0, &want);

	for (uint32_t len = 0; len < 32; len++) { // cut short anywhere
		struct bytes cut = request;

		cut.len = len;
		bytes = frame(&ask, &cut);
		world_expect_drop(*state, 0, &bytes, DROP_BAD_IPV6);
	}
	request.data[27] = 1; // more fragments
	bytes = icmp_frame(&ask, &request, icmp.len);
	world_expect_drop(*state, 0, &bytes, DROP_LOCAL_UNKNOWN);
	request.data[26] = 1; // a later one
	bytes = icmp_frame(&ask, &request, icmp.len);
	world_expect_drop(*state, 0, &bytes, DROP_BAD_IPV6);
}

static void test_echo_that_is_none(void **state)
{
	struct packet packet = {mac_router, mac_a, "fd01::1", R0_ADDR, 64, PROTO_ICMP6};
	struct bytes request = echo(128, 9);
	struct bytes bytes = icmp_frame(&packet, &request, request.len);

	bytes.data[60] ^= 0x10;
	world_expect_drop(*state, 0, &bytes, DROP_BAD_IPV6);
	request = echo(129, 9); // a reply that nobody asked for
	bytes = icmp_frame(&packet, &request, request.len);
	world_expect_drop(*state, 0, &bytes, DROP_LOCAL_UNKNOWN);
	packet.src = "::";
	request = echo(128, 9);
	bytes = icmp_frame(&packet, &request, request.len);
	world_expect_drop(*state, 0, &bytes, DROP_BAD_IPV6);
}

// ---- errors

static struct bytes some_udp(uint32_t len)
{
	struct bytes bytes = {.len = 0};

	put_u32(&bytes, 0x04d2829a);
	put_u32(&bytes, len << 16);
	put_fill(&bytes, 0x41, len - 8);
	return bytes;
}

static void check_unreachable(
        struct world *world, const char *dst, const char *router, unsigned hop_limit, unsigned code)
{
	struct packet packet = {mac_router, mac_a, "fd01::1", dst, 3, PROTO_UDP};
	struct packet answer = {
	        mac_a, mac_router, router, "fd01::1", (uint8_t)hop_limit, PROTO_ICMP6};
	struct bytes payload = some_udp(40);
	struct bytes bytes = frame(&packet, &payload);
	struct bytes error = {.len = 0};
	struct bytes want;

	put_u16(&error, 1 << 8 | code);
	put_u16(&error, 0);
	put_u32(&error, 0);
	put(&error, bytes.data + 14, bytes.len - 14);
	error.data[8 + 7] = (uint8_t)(hop_limit == 255 ? 3 : 2); // as the router got it
	want = icmp_frame(&answer, &error, error.len);
	put_fill(&bytes, 0xee, 4);
	world_send(world, 0, &bytes);
	world_expect(world, 0, &want);
}

static void test_unreachable(void **state)
{
	check_unreachable(*state, R0_ADDR, R0_ADDR, 255, 4); // port: the end of a traceroute
	check_unreachable(*state, R1_ADDR, R1_ADDR, 254, 4);
	check_unreachable(*state, "fe80::1", R0_ADDR, 255, 4);
	check_unreachable(*state, "fd04::5", R0_ADDR, 255, 3); // in the router's prefix, nobody's
	assert_int_equal(rig_drops(&((struct world *)*state)->rig, DROP_LOCAL_UNKNOWN), 4);
}

static void test_nothing_there(void **state)
{
	struct packet packet = {mac_router, mac_a, "fd01::1", R0_ADDR, 64, PROTO_TCP};
	struct bytes payload = some_udp(40);
	struct bytes bytes = frame(&packet, &payload);

	world_expect_drop(*state, 0, &bytes, DROP_LOCAL_UNKNOWN);
	packet.dst = "ff02::fb"; // multicast DNS
	packet.dst_mac = mac_all_nodes;
	packet.proto = PROTO_UDP;
	bytes = frame(&packet, &payload);
	world_expect_drop(*state, 0, &bytes, DROP_LOCAL_UNKNOWN);
}

// RFC 4443 section 2.4(e)
static void test_no_error_about(void **state)
{
	struct packet packet = {mac_router, mac_a, "fd01::1", "fd02::1", 1, PROTO_ICMP6};
	static const uint8_t errors[] = {1, 2, 3, 4, 127, 137};
	struct bytes payload;
	struct bytes bytes;

	for (unsigned i = 0; i < sizeof(errors); i++) {
		payload = echo(errors[i], 40);
		bytes = icmp_frame(&packet, &payload, payload.len);
		world_expect_drop(*state, 0, &bytes, DROP_HOP_LIMIT);
	}
	payload.len = 0; // a message without its type
	bytes = frame(&packet, &payload);
	world_expect_drop(*state, 0, &bytes, DROP_HOP_LIMIT);
	packet.proto = PROTO_HOPOPTS; // an error behind an option
	put_u32(&payload, 0x3a000104);
	put_u32(&payload, 0);
	put_u32(&payload, 0x01000000);
	put_u32(&payload, 0);
	bytes = frame(&packet, &payload);
	world_expect_drop(*state, 0, &bytes, DROP_HOP_LIMIT);
	// an echo is answered with an error
	packet.proto = PROTO_ICMP6;
	payload = echo(128, 40);
	bytes = icmp_frame(&packet, &payload, payload.len);
	world_send(*state, 0, &bytes);
	assert_true(world_receive(*state, 0).len > 0);
}

static void test_router_without_address(void **state)
{
	struct world *world = *state;
	struct packet packet = {mac_router, mac_a, "fd01::1", "fd02::1", 1, PROTO_UDP};
	struct bytes payload = some_udp(20);
	struct bytes bytes = frame(&packet, &payload);

	memset(world->rig.nodes[0].address, 0, 16);
	world_expect_drop(world, 0, &bytes, DROP_HOP_LIMIT);
	check_echo(world, "fe80::a0", "fe80::1", "fe80::1", 255, 8, 0);
}

static unsigned errors_for(struct world *world, const struct bytes *bytes, unsigned n_frames)
{
	unsigned n = 0;

	for (unsigned i = 0; i < n_frames; i++) {
		world_send(world, 0, bytes);
		n += rig_count(&world->rig, 0);
	}
	return n;
}

static void test_rate_limit(void **state)
{
	struct world *world = *state;
	struct packet packet = {mac_router, mac_a, "fd01::1", "fd02::1", 1, PROTO_UDP};
	struct bytes payload = some_udp(20);
	struct bytes bytes = frame(&packet, &payload);
	uint64_t hz = datapath_tsc_hz(world->rig.dp);
	unsigned n = errors_for(world, &bytes, 500);

	assert_in_range(n, ERROR_BURST, ERROR_BURST + 20); // and what a moment of time adds
	assert_int_equal(rig_drops(&world->rig, DROP_HOP_LIMIT), n);
	assert_int_equal(rig_drops(&world->rig, DROP_LOCAL_RATE), 500 - n);
	world->now_tsc += hz / 10;
	assert_in_range(errors_for(world, &bytes, 100), 10, 20);
	world->now_tsc += hz * 100; // a long pause saves up no more than a burst
	assert_in_range(errors_for(world, &bytes, 200), ERROR_BURST, ERROR_BURST + 10);
	// another router has its own, and echo is not limited
	bytes.data[21] = 2;
	assert_int_equal(errors_for(world, &bytes, 10), 10);
	check_echo(world, "fe80::a0", "fe80::1", "fe80::1", 255, 8, 0);
}

// No buffer left: the frame still ends with its reason, nothing else happens.
static void check_empty_pool(
        struct world *world, const struct bytes *bytes, enum drop_reason reason)
{
	static struct rte_mbuf *taken[RIG_POOL_FRAMES];
	struct rte_mempool *pool = datapath_pool(world->rig.dp, 0);
	unsigned n = 0;

	world_inject(world, 0, bytes);
	while (n < RIG_POOL_FRAMES && (taken[n] = mem_frame(pool, 60)) != NULL)
		n++;
	world_run(world);
	world_expect_nothing(world);
	assert_int_equal(rig_drops(&world->rig, reason), 1);
	rte_pktmbuf_free_bulk(taken, n);
}

static void test_empty_pool(void **state)
{
	struct packet packet = {mac_router, mac_a, "fd01::1", "fd02::1", 1, PROTO_UDP};
	struct packet ask = {mac_solicited, mac_a, "fe80::a0", "ff02::1:ff00:1", 255, PROTO_ICMP6};
	struct bytes payload = some_udp(20);
	struct bytes bytes = frame(&packet, &payload);

	check_empty_pool(*state, &bytes, DROP_HOP_LIMIT);
	payload = solicit("fe80::1");
	bytes = icmp_frame(&ask, &payload, payload.len);
	check_empty_pool(*state, &bytes, DROP_WHEEL_FULL);
}

int main(void)
{
#define ROW(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
	        ROW(test_solicitations),
	        ROW(test_duplicate_address_probe),
	        ROW(test_bad_solicitations),
	        ROW(test_bad_options),
	        ROW(test_taken_in_silence),
	        ROW(test_echo),
	        ROW(test_echo_behind_extension_headers),
	        ROW(test_echo_that_is_none),
	        ROW(test_unreachable),
	        ROW(test_nothing_there),
	        ROW(test_no_error_about),
	        ROW(test_router_without_address),
	        ROW(test_rate_limit),
	        ROW(test_empty_pool),
	};

	rig_eal();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
