/* SPDX-License-Identifier: BSD-3-Clause */
// A path as an ephemeris file has it.
#include "asked.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OVERHEAD_BYTES 24 // preamble, gap, FCS: docs/scenarios.md
#define FRAME_MIN_BYTES 60

uint32_t asked_iface(const struct ephemeris *e, const char *ref)
{
	for (uint32_t i = 0; i < e->n_ifaces; i++) {
		const char *node = ephemeris_node_name(e, e->ifaces[i].node);
		size_t len = strlen(node);

		if (strncmp(ref, node, len) == 0 && ref[len] == '/' &&
		        strcmp(ref + len + 1, ephemeris_iface_name(e, i)) == 0)
			return i;
	}
	return UINT32_MAX;
}

static int add_line(struct asked_hop *hop, double t_ns, const struct orrery_record *record)
{
	struct asked_line *lines = realloc(hop->lines, (hop->n_lines + 1) * sizeof(*lines));

	if (lines == NULL)
		return -ENOMEM;
	hop->lines = lines;
	lines[hop->n_lines++] = (struct asked_line){t_ns, *record};
	return 0;
}

static int add_lines(
        struct asked *asked, const struct ephemeris_links *links, uint64_t t_ns, uint32_t only)
{
	int ret = 0;

	for (size_t i = 0; i < asked->n_hops && ret == 0; i++) {
		uint32_t iface = asked->hops[i].iface;
		struct orrery_record record;

		if (only != UINT32_MAX && only != iface)
			continue;
		ephemeris_links_record(links, iface, t_ns, &record);
		ret = add_line(&asked->hops[i], (double)t_ns, &record);
	}
	return ret;
}

static int follow(struct asked *asked, struct ephemeris_links *links, const struct ephemeris *e,
        uint64_t t_ns, uint64_t end_ns)
{
	uint32_t epoch = ephemeris_links_seek(links, e, t_ns);
	int ret = add_lines(asked, links, t_ns, UINT32_MAX);

	for (; ret == 0 && epoch < e->n_epochs && e->epochs[epoch].t_ns <= end_ns; epoch++) {
		const struct orrery_record *records = ephemeris_records(e, &e->epochs[epoch]);

		if ((e->epochs[epoch].flags & EPHEMERIS_KEY) != 0)
			continue;
		ephemeris_links_apply_epoch(links, e, &e->epochs[epoch]);
		for (uint32_t i = 0; ret == 0 && i < e->epochs[epoch].n; i++)
			ret = add_lines(asked, links, e->epochs[epoch].t_ns, records[i].from);
	}
	return ret;
}

int asked_init(struct asked *asked, const struct ephemeris *e, const uint32_t *ifaces, size_t n,
        uint64_t t_ns, uint64_t end_ns)
{
	struct ephemeris_links links = {0};
	int ret;

	*asked = (struct asked){.n_hops = n};
	for (size_t i = 0; i < n; i++)
		asked->hops[i].iface = ifaces[i];
	ret = ephemeris_links_init(&links, e->n_ifaces);
	if (ret == 0)
		ret = follow(asked, &links, e, t_ns, end_ns);
	ephemeris_links_fini(&links);
	if (ret != 0)
		asked_fini(asked);
	return ret;
}

void asked_fini(struct asked *asked)
{
	for (size_t i = 0; i < asked->n_hops; i++)
		free(asked->hops[i].lines);
	*asked = (struct asked){0};
}

bool asked_is_steady(const struct asked *asked)
{
	for (size_t i = 0; i < asked->n_hops; i++) {
		const struct asked_hop *hop = &asked->hops[i];

		for (size_t k = 0; k < hop->n_lines; k++) {
			if ((hop->lines[k].record.flags & ORRERY_LINK_UP) == 0 ||
			        hop->lines[k].record.to == ORRERY_IFACE_NONE ||
			        hop->lines[k].record.to != hop->lines[0].record.to)
				return false;
		}
	}
	return true;
}

// The line that holds at a time of the file.
static const struct asked_line *line_at(const struct asked_hop *hop, double t_ns)
{
	size_t i = 0;

	while (i + 1 < hop->n_lines && hop->lines[i + 1].t_ns <= t_ns)
		i++;
	return &hop->lines[i];
}

double asked_delay_ns(
        const struct asked *asked, const struct asked_clock *clock, double at_ns, unsigned bytes)
{
	double wire_bits = 8.0 * (fmax(bytes, FRAME_MIN_BYTES) + OVERHEAD_BYTES), now_ns = at_ns;

	for (size_t i = 0; i < asked->n_hops; i++) {
		const struct asked_line *line =
		        line_at(&asked->hops[i], asked_time_ns(clock, now_ns));
		const struct orrery_record *r = &line->record;

		if (r->rate_kbps != 0)
			now_ns += wire_bits / (r->rate_kbps * 1e3) * 1e9;
		// The slope's second is the file's.
		now_ns += r->delay_ns +
		          r->slope_ns_s * (asked_time_ns(clock, now_ns) - line->t_ns) * 1e-9;
	}
	return now_ns - at_ns;
}

double asked_record_loss(const struct orrery_record *r)
{
	double loss = r->loss == UINT32_MAX ? 1 : r->loss / 4294967296.0;
	double bad = r->loss_bad == UINT32_MAX ? 1 : r->loss_bad / 4294967296.0;

	if (r->good_us == 0)
		return loss;
	return (loss * r->good_us + bad * r->bad_us) / ((double)r->good_us + r->bad_us);
}

double asked_loss(const struct asked *asked, bool *ret_bursts)
{
	double passed = 1;

	*ret_bursts = false;
	for (size_t i = 0; i < asked->n_hops; i++) {
		const struct orrery_record *r = &asked->hops[i].lines[0].record;

		passed *= 1 - asked_record_loss(r);
		*ret_bursts |= r->good_us != 0;
	}
	return 1 - passed;
}

double asked_jitter_ns(const struct asked *asked)
{
	double variance = 0;

	for (size_t i = 0; i < asked->n_hops; i++)
		variance += pow(asked->hops[i].lines[0].record.jitter_ns, 2);
	return sqrt(variance);
}

double asked_rate_bps(const struct asked *asked)
{
	double least = 0;

	for (size_t i = 0; i < asked->n_hops; i++) {
		double bps = asked->hops[i].lines[0].record.rate_kbps * 1e3;

		if (bps != 0 && (least == 0 || bps < least))
			least = bps;
	}
	return least;
}
