/* SPDX-License-Identifier: BSD-3-Clause */
// Arbitrary bytes as a frame at a router. An input is a byte that says by which port it comes (low
// bits) and after how much of it the frame goes on in a second buffer, then the frame. The bytes
// lie in buffers of their exact size, so that the sanitizer sees every read past the end. What
// comes out must be well formed, and every buffer must come back.
#include <rte_mbuf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "world.h"

#define ERROR_MAX (14 + 1280)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct piece {
	struct rte_mbuf_ext_shared_info shared;
	uint8_t bytes[];
};

static void free_piece(void *addr, void *arg)
{
	free(arg);
}

static struct rte_mbuf *mbuf_of(struct world *world, const uint8_t *data, size_t size)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(datapath_pool(world->rig.dp, 0));
	struct piece *piece = malloc(sizeof(*piece) + size);

	if (m == NULL || piece == NULL)
		abort();
	piece->shared.free_cb = free_piece;
	piece->shared.fcb_opaque = piece;
	rte_mbuf_ext_refcnt_set(&piece->shared, 1);
	memcpy(piece->bytes, data, size);
	rte_pktmbuf_attach_extbuf(m, piece->bytes, 0 /* iova */, (uint16_t)size, &piece->shared);
	m->data_len = (uint16_t)size;
	m->pkt_len = (uint32_t)size;
	return m;
}

// What a router sends itself leaves with hop limit 255, what it forwards with less: its own
// messages have a right checksum and no padding, its errors fit the least MTU.
static void check_output(const struct bytes *out)
{
	const uint8_t *ip = out->data + 14;
	uint32_t len;

	if (out->len < 54 || memcmp(out->data + 6, mac_router, 6) != 0 || ip[0] >> 4 != 6)
		abort();
	len = 40 + ((uint32_t)ip[4] << 8) + ip[5];
	if (len > out->len - 14 || ip[7] == 0)
		abort();
	if (ip[7] == 255 && (ip[6] != PROTO_ICMP6 || len != out->len - 14 ||
	                            naive_icmp_cksum(out, len - 40) != 0 ||
	                            (ip[40] < 128 && out->len > ERROR_MAX)))
		abort();
}

static void drain(struct world *world)
{
	for (uint32_t port = 0; port < WORLD_PORTS; port++) {
		struct bytes out;

		while ((out = world_receive(world, port)).len > 0)
			check_output(&out);
	}
}

static void open_world(struct world *world)
{
	rig_eal();
	world_open(world);
	for (uint32_t i = 0; i < WORLD_PORTS; i++)
		world->rig.ports[i].mtu = 1500;
	world->rig.links[10].mtu_frame = 1414;
	rig_publish(&world->rig);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct world world;
	struct rte_mbuf *m;
	size_t first;

	if (world.fib == NULL)
		open_world(&world);
	if (size < 2 || size > 1601)
		return 0;
	first = (size_t)(data[0] >> 2) * 8;
	if (first == 0 || first >= size - 1)
		first = size - 1;
	m = mbuf_of(&world, data + 1, first);
	if (first < size - 1 &&
	        rte_pktmbuf_chain(m, mbuf_of(&world, data + 1 + first, size - 1 - first)) < 0)
		abort();
	if (mem_inject(&world.rig.ports[data[0] % WORLD_PORTS], &m, 1) != 1)
		abort();
	world.now_tsc += datapath_tsc_hz(world.rig.dp) / 10; // errors are not held back
	world_run(&world);
	drain(&world);
	if (datapath_pool_in_use(world.rig.dp, 0) != 0)
		abort();
	return 0;
}
