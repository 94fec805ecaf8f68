/* SPDX-License-Identifier: BSD-3-Clause */
// What the records of an ephemeris add up to.
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ephemeris.h"

static const struct orrery_record unplugged = {.to = ORRERY_IFACE_NONE};

int ephemeris_links_init(struct ephemeris_links *links, uint32_t n_ifaces)
{
	*links = (struct ephemeris_links){0};
	return ephemeris_links_grow(links, n_ifaces);
}

int ephemeris_links_grow(struct ephemeris_links *links, uint32_t n_ifaces)
{
	size_t n = (size_t)n_ifaces + 1;
	struct orrery_record *records = reallocarray(links->records, n, sizeof(*records));
	uint64_t *said_ns;

	if (records == NULL)
		return -ENOMEM;
	links->records = records;
	said_ns = reallocarray(links->said_ns, n, sizeof(*said_ns));
	if (said_ns == NULL)
		return -ENOMEM;
	links->said_ns = said_ns;
	for (uint32_t i = links->n_ifaces; i < n_ifaces; i++) {
		records[i] = unplugged;
		said_ns[i] = 0;
	}
	links->n_ifaces = n_ifaces;
	return 0;
}

void ephemeris_links_fini(struct ephemeris_links *links)
{
	free(links->records);
	free(links->said_ns);
	*links = (struct ephemeris_links){0};
}

void ephemeris_links_clear(struct ephemeris_links *links)
{
	for (uint32_t i = 0; i < links->n_ifaces; i++)
		links->records[i] = unplugged;
	links->n_plugged = 0;
}

static uint32_t whole_delay_ns(double delay_ns)
{
	return (uint32_t)fmax(0, fmin(round(delay_ns), EPHEMERIS_DELAY_MAX_NS));
}

// The line. A slope alone turns at the delay of the moment.
static void apply_delay(
        struct ephemeris_links *links, uint64_t t_ns, const struct orrery_record *record)
{
	struct orrery_record *link = &links->records[record->from];

	if ((record->set & (ORRERY_SET_DELAY | ORRERY_SET_SLOPE)) == 0)
		return;
	if ((record->set & ORRERY_SET_DELAY) != 0)
		link->delay_ns = record->delay_ns;
	else
		link->delay_ns =
		        whole_delay_ns(ephemeris_links_delay_ns(links, record->from, t_ns));
	link->slope_ns_s = (record->set & ORRERY_SET_SLOPE) != 0 ? record->slope_ns_s : 0;
	links->said_ns[record->from] = t_ns;
}

static void apply_flag(
        struct orrery_record *link, const struct orrery_record *record, uint16_t flag)
{
	link->flags = (uint16_t)((link->flags & ~flag) | (record->flags & flag));
}

static void apply_parameters(struct orrery_record *link, const struct orrery_record *record)
{
	uint32_t set = record->set;

	if ((set & ORRERY_SET_UP) != 0)
		apply_flag(link, record, ORRERY_LINK_UP);
	if ((set & ORRERY_SET_JITTER) != 0) {
		link->jitter_ns = record->jitter_ns;
		link->jitter_corr = record->jitter_corr;
	}
	if ((set & ORRERY_SET_RATE) != 0)
		link->rate_kbps = record->rate_kbps;
	if ((set & ORRERY_SET_QUEUE) != 0) {
		link->queue_bytes = record->queue_bytes;
		link->queue_pkts = record->queue_pkts;
	}
	if ((set & ORRERY_SET_LOSS) != 0) {
		link->loss = record->loss;
		link->loss_bad = record->loss_bad;
		link->good_us = record->good_us;
		link->bad_us = record->bad_us;
	}
	if ((set & ORRERY_SET_DUPLICATE) != 0)
		link->duplicate = record->duplicate;
	if ((set & ORRERY_SET_REORDER) != 0) {
		link->reorder = record->reorder;
		apply_flag(link, record, ORRERY_LINK_REORDER);
	}
	if ((set & ORRERY_SET_MTU) != 0)
		link->mtu = record->mtu;
}

void ephemeris_links_apply(
        struct ephemeris_links *links, uint64_t t_ns, const struct orrery_record *record)
{
	struct orrery_record *link = &links->records[record->from];

	if ((record->set & ORRERY_SET_TO) != 0) {
		links->n_plugged -= link->set != 0;
		links->n_plugged += record->to != ORRERY_IFACE_NONE;
		if (record->to == ORRERY_IFACE_NONE) {
			*link = unplugged;
			return;
		}
		link->from = record->from;
		link->to = record->to;
		link->set = ORRERY_SET_ALL;
	}
	apply_delay(links, t_ns, record);
	apply_parameters(link, record);
}

void ephemeris_links_apply_epoch(struct ephemeris_links *links, const struct ephemeris *e,
        const struct ephemeris_epoch *epoch)
{
	const struct orrery_record *records = ephemeris_records(e, epoch);

	if ((epoch->flags & EPHEMERIS_KEY) != 0)
		ephemeris_links_clear(links);
	for (uint32_t i = 0; i < epoch->n; i++)
		ephemeris_links_apply(links, epoch->t_ns, &records[i]);
}

uint32_t ephemeris_links_seek(
        struct ephemeris_links *links, const struct ephemeris *e, uint64_t t_ns)
{
	uint32_t at = ephemeris_key_at(e, t_ns);

	for (; at < e->n_epochs && e->epochs[at].t_ns <= t_ns; at++)
		ephemeris_links_apply_epoch(links, e, &e->epochs[at]);
	return at;
}

double ephemeris_links_delay_ns(const struct ephemeris_links *links, uint32_t iface, uint64_t t_ns)
{
	const struct orrery_record *link = &links->records[iface];
	double age_s = (double)(t_ns - links->said_ns[iface]) * 1e-9;

	return link->delay_ns + link->slope_ns_s * age_s;
}

void ephemeris_links_record(const struct ephemeris_links *links, uint32_t iface, uint64_t t_ns,
        struct orrery_record *ret_record)
{
	*ret_record = links->records[iface];
	if (ret_record->set == 0) {
		*ret_record = (struct orrery_record){
		        .from = iface, .to = ORRERY_IFACE_NONE, .set = ORRERY_SET_TO};
		return;
	}
	ret_record->delay_ns = whole_delay_ns(ephemeris_links_delay_ns(links, iface, t_ns));
}
