/* SPDX-License-Identifier: BSD-3-Clause */
// A link's parameters between JSON and the record.
#include "link_json.h"

#include <math.h>

#include "handlers.h"

static uint32_t to_q32(double p)
{
	double q = round(p * 4294967296.0);

	return q >= UINT32_MAX ? UINT32_MAX : (uint32_t)q;
}

static uint16_t to_q16(double p)
{
	double q = round(p * 65536.0);

	return q >= UINT16_MAX ? UINT16_MAX : (uint16_t)q;
}

static uint32_t get_u32(const json_t *params, const char *name, uint32_t fallback)
{
	return (uint32_t)param_int(params, name, fallback);
}

static void read_delay(const json_t *params, struct orrery_record *r)
{
	if (param_given(params, "delay_ns")) {
		r->set |= ORRERY_SET_DELAY;
		r->delay_ns = get_u32(params, "delay_ns", 0);
	}
	if (param_given(params, "slope_ns_s")) {
		r->set |= ORRERY_SET_SLOPE;
		r->slope_ns_s = (int32_t)param_int(params, "slope_ns_s", 0);
	} else if ((r->set & ORRERY_SET_DELAY) != 0 && r->slope_ns_s != 0) {
		r->set |= ORRERY_SET_SLOPE; // in a record it would become 0
	}
	if (param_given(params, "jitter_ns") || param_given(params, "jitter_corr")) {
		r->set |= ORRERY_SET_JITTER;
		r->jitter_ns = get_u32(params, "jitter_ns", r->jitter_ns);
		if (param_given(params, "jitter_corr"))
			r->jitter_corr = to_q16(param_number(params, "jitter_corr", 0));
	}
}

static void read_rate(const json_t *params, struct orrery_record *r)
{
	if (param_given(params, "rate_bps")) {
		int64_t bps = param_int(params, "rate_bps", 0);

		r->set |= ORRERY_SET_RATE;
		// a rate below 1 kbit/s must not become "unlimited"
		r->rate_kbps = bps > 0 && bps < 1500 ? 1 : (uint32_t)((bps + 500) / 1000);
	}
	if (param_given(params, "queue_bytes") || param_given(params, "queue_pkts")) {
		r->set |= ORRERY_SET_QUEUE;
		r->queue_bytes = get_u32(params, "queue_bytes", r->queue_bytes);
		r->queue_pkts = get_u32(params, "queue_pkts", r->queue_pkts);
	}
	if (param_given(params, "mtu")) {
		r->set |= ORRERY_SET_MTU;
		r->mtu = (uint16_t)get_u32(params, "mtu", 0);
	}
}

static void read_loss(const json_t *params, struct orrery_record *r)
{
	if (!param_given(params, "loss") && !param_given(params, "loss_bad") &&
	        !param_given(params, "good_us") && !param_given(params, "bad_us"))
		return;
	r->set |= ORRERY_SET_LOSS;
	if (param_given(params, "loss"))
		r->loss = to_q32(param_number(params, "loss", 0));
	if (param_given(params, "loss_bad"))
		r->loss_bad = to_q32(param_number(params, "loss_bad", 0));
	else if (r->good_us == 0 && get_u32(params, "good_us", 0) != 0)
		r->loss_bad = UINT32_MAX; // an outage takes all, unless told
	r->good_us = get_u32(params, "good_us", r->good_us);
	r->bad_us = get_u32(params, "bad_us", r->bad_us);
}

static void read_order(const json_t *params, struct orrery_record *r)
{
	if (param_given(params, "duplicate")) {
		r->set |= ORRERY_SET_DUPLICATE;
		r->duplicate = to_q16(param_number(params, "duplicate", 0));
	}
	if (param_given(params, "reorder") || param_given(params, "allow_reorder")) {
		r->set |= ORRERY_SET_REORDER;
		if (param_given(params, "reorder"))
			r->reorder = to_q16(param_number(params, "reorder", 0));
		if (param_given(params, "allow_reorder"))
			r->flags = (uint16_t)((r->flags & ~ORRERY_LINK_REORDER) |
			                      (param_bool(params, "allow_reorder", false)
			                                      ? ORRERY_LINK_REORDER
			                                      : 0));
	}
}

void link_params_read(
        const json_t *params, const struct orrery_record *current, struct orrery_record *ret_record)
{
	struct orrery_record r = {.flags = ORRERY_LINK_UP};

	if (current != NULL)
		r = *current;
	r.set = 0;
	r.to = ORRERY_IFACE_NONE;
	if (param_given(params, "up")) {
		r.set |= ORRERY_SET_UP;
		r.flags = (uint16_t)((r.flags & ~ORRERY_LINK_UP) |
		                     (param_bool(params, "up", true) ? ORRERY_LINK_UP : 0));
	}
	read_delay(params, &r);
	read_rate(params, &r);
	read_loss(params, &r);
	read_order(params, &r);
	*ret_record = r;
}

void link_params_put(json_t *object, const struct orrery_record *r)
{
	put(object, "up", json_boolean((r->flags & ORRERY_LINK_UP) != 0));
	put_u64(object, "delay_ns", r->delay_ns);
	put(object, "slope_ns_s", json_integer(r->slope_ns_s));
	put_u64(object, "jitter_ns", r->jitter_ns);
	put(object, "jitter_corr", share_q16(r->jitter_corr));
	put_u64(object, "rate_bps", (uint64_t)r->rate_kbps * 1000);
	put_u64(object, "queue_bytes", link_queue_bytes(r));
	put_u64(object, "queue_pkts", r->queue_pkts);
	put(object, "loss", share_q32(r->loss));
	put(object, "loss_bad", share_q32(r->loss_bad));
	put_u64(object, "good_us", r->good_us);
	put_u64(object, "bad_us", r->bad_us);
	put(object, "duplicate", share_q16(r->duplicate));
	put(object, "reorder", share_q16(r->reorder));
	put(object, "allow_reorder", json_boolean((r->flags & ORRERY_LINK_REORDER) != 0));
	put_u64(object, "mtu", r->mtu);
}
