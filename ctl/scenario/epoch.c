/* SPDX-License-Identifier: BSD-3-Clause */
// Records of an epoch: only what changed.
#include "epoch.h"

#include <math.h>
#include <stdlib.h>

#define DELAY_MAX_NS 4000000000.0

// What the switch was told of a link.
struct said {
	bool known;
	bool up;
	uint32_t to;
	double t_s; // simulated
	double delay_ns;
	double slope_ns_s; // a simulated second
	uint64_t rate_bps;
};

struct epoch_writer {
	const struct constellation *con;
	const uint32_t *ids;
	double speed;
	struct said *said; // [n_ifaces]
	uint32_t *serving; // [n_antennas] satellite
	struct epoch epoch;
};

struct epoch_writer *epoch_writer_create(
        const struct constellation *con, const uint32_t *ids, double speed)
{
	struct epoch_writer *writer = calloc(1, sizeof(*writer));

	if (writer == NULL)
		return NULL;
	*writer = (struct epoch_writer){.con = con, .ids = ids, .speed = speed};
	writer->said = calloc(con->n_ifaces, sizeof(*writer->said));
	writer->serving = calloc((size_t)con->n_antennas + 1, sizeof(*writer->serving));
	writer->epoch.records = calloc(con->n_ifaces, sizeof(*writer->epoch.records));
	writer->epoch.handovers =
	        calloc((size_t)con->n_antennas + 1, sizeof(*writer->epoch.handovers));
	if (writer->said == NULL || writer->serving == NULL || writer->epoch.records == NULL ||
	        writer->epoch.handovers == NULL) {
		epoch_writer_destroy(writer);
		return NULL;
	}
	for (uint32_t i = 0; i < con->n_antennas; i++)
		writer->serving[i] = CON_NONE;
	return writer;
}

void epoch_writer_destroy(struct epoch_writer *writer)
{
	if (writer == NULL)
		return;
	free(writer->said);
	free(writer->serving);
	free(writer->epoch.records);
	free(writer->epoch.handovers);
	free(writer);
}

void epoch_writer_reset(struct epoch_writer *writer)
{
	for (uint32_t i = 0; i < writer->con->n_ifaces; i++)
		writer->said[i].known = false;
}

static uint32_t share_q32(double p)
{
	return p >= 1 ? UINT32_MAX : (uint32_t)fmin(round(p * 0x1p32), UINT32_MAX);
}

static uint16_t share_q16(double p)
{
	return (uint16_t)fmin(round(p * 0x1p16), UINT16_MAX);
}

uint32_t epoch_rate_kbps(uint64_t rate_bps)
{
	return (uint32_t)((rate_bps + 500) / 1000);
}

void epoch_set_parameters(struct orrery_record *record, const struct scenario_link *link)
{
	record->set = ORRERY_SET_ALL;
	record->mtu = (uint16_t)link->mtu;
	record->jitter_ns = (uint32_t)link->jitter_ns;
	record->jitter_corr = share_q16(link->jitter_corr);
	record->rate_kbps = epoch_rate_kbps(link->rate_bps);
	record->queue_bytes = (uint32_t)link->queue_bytes;
	record->queue_pkts = (uint32_t)link->queue_pkts;
	record->loss = share_q32(link->loss);
	if (link->good_ns != 0) {
		record->loss_bad = share_q32(link->loss_bad);
		record->good_us = (uint32_t)(link->good_ns / 1000);
		record->bad_us = (uint32_t)(link->bad_ns / 1000);
	}
	record->duplicate = share_q16(link->duplicate);
	record->reorder = share_q16(link->reorder);
	if (link->allow_reorder)
		record->flags |= ORRERY_LINK_REORDER;
}

static void set_delay(const struct epoch_writer *writer, struct orrery_record *record,
        const struct matrix_link *link)
{
	double slope = link->slope_ns_s * writer->speed;

	record->set |= ORRERY_SET_DELAY | ORRERY_SET_SLOPE;
	record->delay_ns = (uint32_t)fmin(round(link->delay_ns), DELAY_MAX_NS);
	record->slope_ns_s = (int32_t)fmax(fmin(round(slope), INT32_MAX), -INT32_MAX);
}

// True while the line that was said last will serve until the step's end.
static bool line_fits(const struct epoch_writer *writer, const struct said *said,
        const struct matrix *matrix, const struct matrix_link *link, double step_s)
{
	double age_s = matrix->t_s - said->t_s;
	double start = said->delay_ns + said->slope_ns_s * age_s - link->delay_ns;
	double end = start + (said->slope_ns_s - link->slope_ns_s) * step_s;

	if (said->slope_ns_s != 0 && (age_s + step_s) / writer->speed > EPOCH_SLOPE_REFRESH_S)
		return false;
	return fabs(start) < EPOCH_SLACK_NS && fabs(end) < EPOCH_SLACK_NS;
}

// As the switch has it: rounded.
static void remember(struct epoch_writer *writer, uint32_t iface, const struct matrix *matrix,
        const struct orrery_record *record)
{
	const struct matrix_link *link = &matrix->links[iface];

	writer->said[iface] = (struct said){true, link->up, link->to, matrix->t_s, record->delay_ns,
	        record->slope_ns_s / writer->speed, link->rate_bps};
}

// Writes the record of one link, if it needs one.
static bool write_link(struct epoch_writer *writer, const struct matrix *matrix, double step_s,
        uint32_t iface, struct orrery_record *record)
{
	const struct matrix_link *link = &matrix->links[iface];
	struct said *said = &writer->said[iface];
	bool plug = !said->known || said->to != link->to;

	*record = (struct orrery_record){.from = writer->ids[iface], .to = ORRERY_IFACE_NONE};
	if (link->up)
		record->flags |= ORRERY_LINK_UP;
	if (link->to == CON_NONE) {
		record->set = ORRERY_SET_TO | ORRERY_SET_UP;
	} else if (plug) {
		record->to = writer->ids[link->to];
		epoch_set_parameters(record, con_link(writer->con, iface));
		record->rate_kbps = epoch_rate_kbps(link->rate_bps);
		set_delay(writer, record, link);
	} else {
		if (said->up != link->up)
			record->set |= ORRERY_SET_UP;
		if (said->rate_bps != link->rate_bps) {
			record->set |= ORRERY_SET_RATE;
			record->rate_kbps = epoch_rate_kbps(link->rate_bps);
		}
		if (!line_fits(writer, said, matrix, link, step_s))
			set_delay(writer, record, link);
	}
	if (!plug && (link->to == CON_NONE || record->set == 0))
		return false;
	if ((record->set & ORRERY_SET_DELAY) != 0 || link->to == CON_NONE)
		remember(writer, iface, matrix, record);
	said->up = link->up;
	said->rate_bps = link->rate_bps;
	return true;
}

static void note_handover(
        struct epoch_writer *writer, const struct matrix *matrix, uint32_t station, uint32_t number)
{
	const struct constellation *con = writer->con;
	struct epoch *epoch = &writer->epoch;
	uint32_t *was = &writer->serving[con->first_antenna[station] + number];
	uint32_t far = matrix->links[con_gsl_iface(con, station, number)].to;
	uint32_t serving = far != CON_NONE ? con->ifaces[far].node : CON_NONE;

	if (serving == *was)
		return;
	epoch->handovers[epoch->n_handovers++] =
	        (struct epoch_handover){station, number, *was, serving};
	*was = serving;
}

static void note_handovers(struct epoch_writer *writer, const struct matrix *matrix)
{
	writer->epoch.n_handovers = 0;
	for (uint32_t i = 0; i < writer->con->n_stations; i++) {
		for (uint32_t k = 0; k < con_n_antennas(writer->con, i); k++)
			note_handover(writer, matrix, i, k);
	}
}

const struct epoch *epoch_write(
        struct epoch_writer *writer, const struct matrix *matrix, double step_s)
{
	struct epoch *epoch = &writer->epoch;

	epoch->n_records = 0;
	epoch->n_links_up = 0;
	for (uint32_t i = 0; i < writer->con->n_ifaces; i++) {
		if (writer->con->ifaces[i].role == CON_POD)
			continue;
		epoch->n_links_up += matrix->links[i].up;
		epoch->n_records +=
		        write_link(writer, matrix, step_s, i, &epoch->records[epoch->n_records]);
	}
	note_handovers(writer, matrix);
	return epoch;
}

void epoch_shift(struct orrery_record *records, uint32_t n_records, double late_s)
{
	for (uint32_t i = 0; i < n_records; i++) {
		double delay = records[i].delay_ns + records[i].slope_ns_s * late_s;

		if ((records[i].set & ORRERY_SET_DELAY) != 0)
			records[i].delay_ns = (uint32_t)fmax(0, fmin(round(delay), DELAY_MAX_NS));
	}
}
