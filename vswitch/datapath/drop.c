/* SPDX-License-Identifier: BSD-3-Clause */
// The only places where the data path frees a frame unsent; each free has a reason that is counted.
#include "drop.h"

#include "worker.h"

const char *const drop_reason_names[DROP_REASON_COUNT] = {
#define X(symbol, name, text) [DROP_##symbol] = name,
        DROP_REASONS(X)
#undef X
};

const char *const drop_reason_texts[DROP_REASON_COUNT] = {
#define X(symbol, name, text) [DROP_##symbol] = text,
        DROP_REASONS(X)
#undef X
};

void drop_burst(struct worker *w, struct rte_mbuf **pkts, unsigned n, enum drop_reason reason)
{
	counter_add(&w->counters.drops[reason], n);
	rte_pktmbuf_free_bulk(pkts, n);
}

void drop_on_link(struct worker *w, struct rte_mbuf *m, uint32_t link_id, enum drop_reason reason)
{
	counter_add(&w->counters.drops[reason], 1);
	if (link_id != DP_NONE)
		counter_add(&w->links.drops[link_id].reasons[reason], 1);
	rte_pktmbuf_free(m);
}
