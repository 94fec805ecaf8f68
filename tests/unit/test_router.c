/* SPDX-License-Identifier: BSD-3-Clause */
// The router stage in the whole pipeline: what it forwards and how, what it refuses, and the errors
// it sends, to the byte.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "world.h"

static const struct packet from_a = {mac_router, mac_a, "fd01::1", "fd02::1", 64, PROTO_UDP};

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

static struct bytes udp(uint32_t len)
{
	struct bytes bytes = {.len = 0};

	put_u16(&bytes, 1000);
	put_u16(&bytes, 33434);
	put_u16(&bytes, len);
	put_u16(&bytes, 0x1234); // nobody looks
	for (uint32_t i = 8; i < len; i++)
		put_u8(&bytes, i);
	return bytes;
}

// From A to `dst`: out of `port` to `mac` with the hop limit down by `hops`, all else untouched.
static void check_forwarded(struct world *world, const char *dst, uint32_t port, const uint8_t *mac,
        unsigned hops, uint32_t padding)
{
	struct bytes payload = udp(12);
	struct packet packet = from_a;
	struct bytes bytes;
	struct bytes want;

	packet.dst = dst;
	bytes = frame(&packet, &payload);
	put_fill(&bytes, 0xee, padding);
	want = bytes;
	memcpy(want.data, mac, 6);
	memcpy(want.data + 6, mac_router, 6);
	want.data[14 + 7] = (uint8_t)(64 - hops);
	world_send(world, 0, &bytes);
	world_expect(world, port, &want);
}

static void test_forwards(void **state)
{
	check_forwarded(*state, "fd06::77", 3, mac_d, 1, 0); // the same router
	check_forwarded(*state, "fd02::1:2:3:4", 1, mac_b, 2, 0); // the next one
	check_forwarded(*state, "fd03::1", 2, mac_c, 2, 0); // a pod at the end of a link
	check_forwarded(*state, "fd01::9", 0, mac_a, 1, 0); // back where it came from
	check_forwarded(*state, "fd02::1", 1, mac_b, 2, 40); // padding stays
}

// The pod has another interface than the route names: the port's own address is right.
static void test_other_interface_of_a_pod(void **state)
{
	struct world *world = *state;

	world->rig.targets[2].iface_id = 40;
	check_forwarded(world, "fd03::1", 2, world->rig.ports[2].mac, 2, 0);
}

static void test_burst_keeps_order(void **state)
{
	struct world *world = *state;
	static const char *const dsts[4] = {"fd02::1", "fd06::1", "fd03::1", "fd05::1"};
	static const uint32_t ports[3] = {1, 3, 2};

	for (unsigned i = 0; i < 200; i++) {
		struct packet packet = from_a;
		struct bytes payload = udp(8);
		struct bytes bytes;

		packet.dst = dsts[i % 4];
		payload.data[7] = (uint8_t)i;
		bytes = frame(&packet, &payload);
		world_inject(world, 0, &bytes);
	}
	world_run(world);
	for (unsigned k = 0; k < 3; k++)
		for (unsigned i = k; i < 200; i += 4) {
			struct bytes got = world_receive(world, ports[k]);

			assert_int_equal(got.len, 62);
			assert_int_equal(got.data[61], i);
		}
	assert_int_equal(
	        rig_drops(&world->rig, DROP_NO_NEXT_HOP) + rig_drops(&world->rig, DROP_LOCAL_RATE),
	        50);
	for (unsigned i = 0; i < rig_drops(&world->rig, DROP_NO_NEXT_HOP); i++)
		assert_true(world_receive(world, 0).len > 0);
	world_expect_nothing(world);
}

static void test_refuses_frames(void **state)
{
	struct world *world = *state;
	struct bytes payload = udp(8);
	struct packet packet = from_a;
	struct bytes bytes = frame(&packet, &payload);
	struct bytes bad;

	bad = bytes;
	bad.len = 13;
	world_expect_drop(world, 0, &bad, DROP_RUNT);
	bad = bytes;
	bad.data[5] ^= 2;
	world_expect_drop(world, 0, &bad, DROP_NOT_FOR_US);
	bad = bytes;
	bad.data[0] |= 1; // a group's MAC address around a unicast packet
	world_expect_drop(world, 0, &bad, DROP_NOT_FOR_US);
	bad = bytes;
	memcpy(bad.data + 12, "\x08\x00", 2);
	world_expect_drop(world, 0, &bad, DROP_NOT_IPV6);
	memcpy(bad.data + 12, "\x81\x00", 2);
	world_expect_drop(world, 0, &bad, DROP_NOT_IPV6);
	bad = bytes;
	bad.data[14] = 0x45;
	world_expect_drop(world, 0, &bad, DROP_BAD_IPV6);
	for (bad.len = 14; bad.len < 62; bad.len++) {
		memcpy(bad.data, bytes.data, bytes.len);
		world_expect_drop(world, 0, &bad, DROP_BAD_IPV6);
	}
	bad = bytes;
	bad.data[18] = 0xff; // longer than the frame
	world_expect_drop(world, 0, &bad, DROP_BAD_IPV6);
}

static void test_refuses_addresses(void **state)
{
	static const char *const pairs[][2] = {{"ff02::1", "fd02::1"}, {"::1", "fd02::1"},
	        {"::", "fd02::1"}, {"fd01::1", "::1"}, {"fd01::1", "::"}, {"fd01::1", "fe80::2"},
	        {"fd01::1", "febf::1"}, {"fd01::1", "ff05::1"}, {"fd01::1", "ff0e::1"},
	        {"fd01::1", "ff01::1"}};
	struct bytes payload = udp(8);

	for (unsigned i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		struct packet packet = from_a;
		struct bytes bytes;

		packet.src = pairs[i][0];
		packet.dst = pairs[i][1];
		bytes = frame(&packet, &payload);
		world_expect_drop(*state, 0, &bytes, DROP_BAD_ADDRESS);
	}
}

// The error that a router sends to A about `about`, as it arrives there.
static struct bytes error_to(const char *dst, const struct bytes *about, const char *router,
        unsigned hop_limit, unsigned type, unsigned code, uint32_t param)
{
	struct packet packet = {mac_a, mac_router, router, dst, (uint8_t)hop_limit, PROTO_ICMP6};
	struct bytes payload = {.len = 0};
	uint32_t len = about->len - 14;

	put_u8(&payload, type);
	put_u8(&payload, code);
	put_u16(&payload, 0);
	put_u32(&payload, param);
	put(&payload, about->data + 14, len > 1232 ? 1232 : len);
	return icmp_frame(&packet, &payload, payload.len);
}

static void test_no_route(void **state)
{
	struct world *world = *state;
	struct bytes payload = udp(20);
	struct packet packet = from_a;
	struct bytes bytes;
	struct bytes want;

	packet.dst = "fd99::1";
	bytes = frame(&packet, &payload);
	want = error_to("fd01::1", &bytes, R0_ADDR, 255, 1, 0, 0);
	world_send(world, 0, &bytes);
	world_expect(world, 0, &want);
	assert_int_equal(rig_drops(&world->rig, DROP_NO_ROUTE), 1);

	packet.dst = "fd05::1";
	bytes = frame(&packet, &payload);
	want = error_to("fd01::1", &bytes, R0_ADDR, 255, 1, 0, 0);
	world_send(world, 0, &bytes);
	world_expect(world, 0, &want);
	assert_int_equal(rig_drops(&world->rig, DROP_NO_NEXT_HOP), 1);

	// no next hops at all yet; a link that is unplugged under a table that is older
	world->rig.nexthops = NULL;
	rig_publish(&world->rig);
	packet.dst = "fd02::1";
	bytes = frame(&packet, &payload);
	want = error_to("fd01::1", &bytes, R0_ADDR, 255, 1, 0, 0);
	world_send(world, 0, &bytes);
	world_expect(world, 0, &want);
	world->rig.nexthops = world->nexthops;
	world->rig.links[10].to = DP_NONE;
	rig_publish(&world->rig);
	world_send(world, 0, &bytes);
	world_expect(world, 0, &want);
	world->nexthops->iface[2] = 12; // R1's by now
	world_send(world, 0, &bytes);
	world_expect(world, 0, &want);
	assert_int_equal(rig_drops(&world->rig, DROP_NO_NEXT_HOP), 4);
}

// Two links to R1: frames of a flow keep to one, flows take both. A table that sends a frame round
// in a ring, as two tables may that follow one another, loses it to the hop limit.
static void test_several_ways(void **state)
{
	struct world *world = *state;
	struct rig *rig = &world->rig;
	struct dp_nexthops *table = test_calloc(1, sizeof(*table) + 8 * sizeof(table->iface[0]));
	struct packet packet = from_a;
	struct bytes payload = udp(20), ring;
	unsigned n_second = 0;

	*table = (struct dp_nexthops){.n_routers = 2,
	        .n_dests = 4,
	        .first_way = (uint32_t[]){0, 2},
	        .ways = (uint32_t[]){10, 13}};
	memcpy(table->iface, world->nexthops->iface, 8 * sizeof(table->iface[0]));
	table->iface[2] = DP_WAYS | 3; // both
	rig->ifaces[13] = rig->ifaces[10];
	rig_link(rig, 13, 11);
	rig->links[13].flags = 0; // down: what takes it is lost, and counted
	rig->nexthops = table;
	rig_publish(rig);
	for (unsigned flow = 0; flow < 64; flow++) {
		uint64_t lost = rig_drops(rig, DROP_LINK_DOWN);
		struct bytes bytes;
		unsigned n = 0;

		payload.data[1] = (uint8_t)flow; // source port
		bytes = frame(&packet, &payload);
		for (unsigned i = 0; i < 3; i++) {
			world_send(world, 0, &bytes);
			n += world_receive(world, 1).len != 0;
		}
		assert_true(n == 0 || n == 3);
		assert_int_equal(rig_drops(rig, DROP_LINK_DOWN) - lost, 3 - n);
		n_second += n == 0;
	}
	assert_in_range(n_second, 16, 48);

	table->iface[5] = 11; // R1 sends back what is for P
	rig_publish(rig);
	payload.data[1] = 0;
	packet.hop_limit = 64;
	packet.dst = "fd03::1";
	ring = frame(&packet, &payload);
	world_send(world, 0, &ring);
	assert_int_equal(rig_drops(rig, DROP_HOP_LIMIT), 1);
	while (world_receive(world, 0).len != 0)
		; // the error
	world_expect_nothing(world);
	rig->nexthops = world->nexthops;
	rig_publish(rig);
	test_free(table);
}

static void test_hop_limit(void **state)
{
	struct world *world = *state;
	struct bytes payload = udp(20);
	struct packet packet = from_a;

	for (unsigned hop_limit = 0; hop_limit < 3; hop_limit++) {
		struct bytes bytes;
		struct bytes about;
		struct bytes want;

		packet.hop_limit = (uint8_t)hop_limit;
		about = bytes = frame(&packet, &payload);
		if (hop_limit < 2) {
			want = error_to("fd01::1", &about, R0_ADDR, 255, 3, 0, 0);
		} else { // R1, whose answer comes back over the link
			about.data[21] = 1;
			want = error_to("fd01::1", &about, R1_ADDR, 254, 3, 0, 0);
		}
		world_send(world, 0, &bytes);
		world_expect(world, 0, &want);
		assert_int_equal(rig_drops(&world->rig, DROP_HOP_LIMIT), hop_limit + 1);
	}
}

static void test_too_big(void **state)
{
	struct world *world = *state;
	struct bytes payload = udp(1261); // 1301 with the header
	struct packet packet = from_a;
	struct bytes bytes = frame(&packet, &payload);
	struct bytes want = error_to("fd01::1", &bytes, R0_ADDR, 255, 2, 0, 1300);

	world->rig.links[10].mtu_frame = 1314;
	rig_publish(&world->rig);
	world_send(world, 0, &bytes);
	assert_int_equal(want.len, 14 + 1280);
	world_expect(world, 0, &want);
	assert_int_equal(rig_drops(&world->rig, DROP_TOO_BIG), 1);

	payload = udp(1260); // fits, but for its padding
	bytes = want = frame(&packet, &payload);
	put_fill(&bytes, 0xee, 9);
	memcpy(want.data, mac_b, 6);
	memcpy(want.data + 6, mac_router, 6);
	want.data[21] = 62;
	world_send(world, 0, &bytes);
	world_expect(world, 1, &want);

	packet.dst = "fd06::1"; // a port's MTU counts too
	world->rig.ports[3].mtu = 1290;
	bytes = frame(&packet, &payload);
	want = error_to("fd01::1", &bytes, R0_ADDR, 255, 2, 0, 1290);
	world_send(world, 0, &bytes);
	world_expect(world, 0, &want);
}

// RFC 4291 section 2.5.6, RFC 4443 section 3.1: not forwarded, and told so on the link.
static void test_link_local_source(void **state)
{
	struct bytes payload = udp(8);
	struct packet packet = from_a;
	struct bytes bytes;
	struct bytes want;

	packet.src = "fe80::aa";
	bytes = frame(&packet, &payload);
	want = error_to("fe80::aa", &bytes, R0_ADDR, 255, 1, 2, 0);
	world_send(*state, 0, &bytes);
	world_expect(*state, 0, &want);
}

// A source that no route leads to: back by the interface the packet came in by.
static void test_unroutable_source(void **state)
{
	struct world *world = *state;
	struct bytes payload = udp(8);
	struct packet packet = from_a;
	struct bytes bytes;
	struct bytes got;
	struct addr want = addr_of("fd77::1");

	packet.src = "fd77::1";
	packet.hop_limit = 1;
	bytes = frame(&packet, &payload);
	world_send(world, 0, &bytes);
	got = world_receive(world, 0);
	assert_int_equal(got.len, 54 + 8 + 48);
	assert_memory_equal(got.data, mac_a, 6);
	assert_memory_equal(got.data + 38, want.b, 16);
	assert_int_equal(naive_icmp_cksum(&got, got.len - 54), 0);
	world_expect_nothing(world);
}

int main(void)
{
#define ROW(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
	        ROW(test_forwards),
	        ROW(test_other_interface_of_a_pod),
	        ROW(test_burst_keeps_order),
	        ROW(test_refuses_frames),
	        ROW(test_refuses_addresses),
	        ROW(test_no_route),
	        ROW(test_several_ways),
	        ROW(test_hop_limit),
	        ROW(test_too_big),
	        ROW(test_link_local_source),
	        ROW(test_unroutable_source),
	};

	rig_eal();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
