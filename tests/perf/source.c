/* SPDX-License-Identifier: BSD-3-Clause */
// Frames out of nothing.
#include "source.h"

#include <errno.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_mbuf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void bench_die(const char *what)
{
	fprintf(stderr, "%s: %s\n", program_invocation_short_name, what);
	exit(1);
}

void *bench_must(void *memory)
{
	if (memory == NULL)
		bench_die("out of memory");
	return memory;
}

void bench_eal(const char *lcores)
{
	char *argv[] = {strdup("bench"), strdup("--no-pci"), strdup("--no-shconf"),
	        strdup("--no-telemetry"), strdup("--no-huge"), strdup("-m"), strdup("1024"),
	        strdup("--log-level=lib.eal:error"), strdup("--lcores"), strdup(lcores), NULL};

	if (rte_eal_init((int)(sizeof(argv) / sizeof(argv[0])) - 1, argv) < 0)
		bench_die(rte_strerror(rte_errno));
}

// An IPv6 frame of 64 bytes, as a driver that copies would write it.
static void write_frame(uint8_t *data, const uint8_t dst[16])
{
	static const uint8_t start[38] = {0x02, 0x00, 0x5e, 0x00, 0x00, 0x01, 0x02, 0, 0, 0, 0, 1,
	        0x86, 0xdd, 0x60, 0, 0, 0, 0, SOURCE_FRAME_BYTES - 54, 59, 64, 0xfd, 0xaa};

	memcpy(data, start, sizeof(start));
	memcpy(data + sizeof(start), dst, 16);
	memset(data + 54, 0, SOURCE_FRAME_BYTES - 54);
}

static uint16_t source_rx(struct port_queue *queue, struct rte_mbuf **pkts, uint16_t n)
{
	struct source *source = (struct source *)queue;

	if (n > source->burst)
		n = (uint16_t)source->burst;
	if (rte_pktmbuf_alloc_bulk(source->pool, pkts, n) != 0)
		return 0;
	for (uint16_t i = 0; i < n; i++) {
		uint32_t flow = source->next++ % SOURCE_FLOWS;

		write_frame(rte_pktmbuf_mtod(pkts[i], uint8_t *), source->flow_dst[flow]);
		pkts[i]->data_len = SOURCE_FRAME_BYTES;
		pkts[i]->pkt_len = SOURCE_FRAME_BYTES;
		pkts[i]->port = source->flow_port[flow];
	}
	return n;
}

static void source_tx(struct port *port, struct rte_mbuf **pkts, uint16_t n)
{
	struct source *source = (struct source *)port->queue;

	for (uint16_t i = 0; i < n; i++)
		source->checksum += *rte_pktmbuf_mtod(pkts[i], uint64_t *);
	source->n_tx += n;
	rte_pktmbuf_free_bulk(pkts, n);
}

static const struct port_ops source_ops = {
        .name = "source",
        .rx_burst = source_rx,
        .tx_burst = source_tx,
};

void source_init(struct source *source, struct rte_mempool *pool, uint16_t worker, unsigned burst)
{
	memset(source, 0, sizeof(*source));
	source->queue = (struct port_queue){.ops = &source_ops, .worker = worker, .fd = -1};
	source->pool = pool;
	source->burst = burst;
	source->flow_dst = bench_must(calloc(SOURCE_FLOWS, sizeof(*source->flow_dst)));
	source->flow_port = bench_must(calloc(SOURCE_FLOWS, sizeof(*source->flow_port)));
}

void source_fini(struct source *source)
{
	free(source->flow_dst);
	free(source->flow_port);
}

void source_port(struct source *source, struct port *port, uint32_t id, uint32_t iface_id)
{
	*port = (struct port){.ops = &source_ops,
	        .queue = &source->queue,
	        .worker = source->queue.worker,
	        .id = id,
	        .iface_id = iface_id,
	        .mtu = 1500};
}
