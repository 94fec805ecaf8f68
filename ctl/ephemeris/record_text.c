/* SPDX-License-Identifier: BSD-3-Clause */
// Link records as words and as JSON.
#include "record_text.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "units.h"

const char *iface_text(const struct ephemeris *e, uint32_t iface, char buf[IFACE_REF_SIZE])
{
	snprintf(buf, IFACE_REF_SIZE, "%s/%s", ephemeris_node_name(e, e->ifaces[iface].node),
	        ephemeris_iface_name(e, iface));
	return buf;
}

const char *time_text(char buf[TIME_TEXT_SIZE], uint64_t t_ns)
{
	snprintf(buf, TIME_TEXT_SIZE, "%" PRIu64 ".%09u", t_ns / 1000000000,
	        (unsigned)(t_ns % 1000000000));
	return buf;
}

const char *kind_text(uint32_t kind)
{
	static const char *const names[EPHEMERIS_N_KINDS] = {"pod", "router", "bridge"};

	return names[kind];
}

static double share_of_q32(uint32_t share)
{
	return share == UINT32_MAX ? 1 : share * 0x1p-32;
}

static double share_of_q16(uint16_t share)
{
	return share * 0x1p-16;
}

// Words one behind the other, as far as there is room.
struct words {
	char *buf;
	size_t used;
};

__attribute__((format(printf, 2, 3))) static void add(struct words *words, const char *fmt, ...)
{
	size_t room = RECORD_TEXT_SIZE - words->used;
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsnprintf(words->buf + words->used, room, fmt, args);
	va_end(args);
	words->used += n > 0 && (size_t)n < room ? (size_t)n : room - 1;
}

static void add_share(struct words *words, const char *word, double share)
{
	add(words, " %s %.6g", word, share);
}

static void add_loss(struct words *words, const struct orrery_record *r)
{
	char good[UNITS_TEXT_SIZE], bad[UNITS_TEXT_SIZE];

	add_share(words, "loss", share_of_q32(r->loss));
	if (r->good_us == 0)
		return;
	add(words, " ge good %s bad %s", units_format_duration(good, r->good_us * 1000ll),
	        units_format_duration(bad, r->bad_us * 1000ll));
	add_share(words, "loss-bad", share_of_q32(r->loss_bad));
}

static void add_queue(struct words *words, const struct orrery_record *r)
{
	if (r->queue_bytes != 0 || r->queue_pkts == 0)
		add(words, " queue %uB", r->queue_bytes);
	if (r->queue_pkts != 0)
		add(words, " queue %up", r->queue_pkts);
}

static void add_parameters(struct words *words, const struct orrery_record *r)
{
	bool all = r->set == ORRERY_SET_ALL; // then zeros go without saying
	char text[UNITS_TEXT_SIZE];
	uint32_t set = r->set;

	if ((set & ORRERY_SET_JITTER) != 0 && !(all && r->jitter_ns == 0)) {
		add(words, " jitter %s", units_format_duration(text, r->jitter_ns));
		add_share(words, "corr", share_of_q16(r->jitter_corr));
	}
	if ((set & ORRERY_SET_RATE) != 0 && !(all && r->rate_kbps == 0))
		add(words, " rate %s", units_format_rate(text, r->rate_kbps * 1000ull));
	if ((set & ORRERY_SET_QUEUE) != 0 && !(all && r->queue_bytes == 0 && r->queue_pkts == 0))
		add_queue(words, r);
	if ((set & ORRERY_SET_LOSS) != 0 && !(all && r->loss == 0 && r->good_us == 0))
		add_loss(words, r);
	if ((set & ORRERY_SET_DUPLICATE) != 0 && !(all && r->duplicate == 0))
		add_share(words, "duplicate", share_of_q16(r->duplicate));
	if ((set & ORRERY_SET_REORDER) != 0 && !(all && r->reorder == 0))
		add_share(words, "reorder", share_of_q16(r->reorder));
	if ((set & ORRERY_SET_REORDER) != 0 && (r->flags & ORRERY_LINK_REORDER) != 0)
		add(words, " allow-reorder");
	else if ((set & ORRERY_SET_REORDER) != 0 && !all)
		add(words, " keep-order");
	if ((set & ORRERY_SET_MTU) != 0 && !(all && r->mtu == 0))
		add(words, " mtu %u", r->mtu);
}

const char *record_text(
        const struct ephemeris *e, const struct orrery_record *r, char buf[RECORD_TEXT_SIZE])
{
	struct words words = {buf, 0};
	char ref[IFACE_REF_SIZE];

	add(&words, "%s", iface_text(e, r->from, ref));
	if ((r->set & ORRERY_SET_TO) != 0 && r->to == ORRERY_IFACE_NONE)
		add(&words, " unplug");
	else if ((r->set & ORRERY_SET_TO) != 0)
		add(&words, " %s", iface_text(e, r->to, ref));
	if ((r->set & ORRERY_SET_UP) != 0)
		add(&words, (r->flags & ORRERY_LINK_UP) != 0 ? " up" : " down");
	if ((r->set & ORRERY_SET_DELAY) != 0)
		add(&words, " delay %u.%06ums", r->delay_ns / 1000000, r->delay_ns % 1000000);
	if ((r->set & ORRERY_SET_SLOPE) != 0)
		add(&words, " slope %dns/s", r->slope_ns_s);
	add_parameters(&words, r);
	return buf;
}

static void set(json_t *object, const char *key, json_t *value)
{
	json_object_set_new(object, key, value);
}

static void set_ends(const struct ephemeris *e, const struct orrery_record *r, json_t *object)
{
	char ref[IFACE_REF_SIZE];

	set(object, "from", json_string(iface_text(e, r->from, ref)));
	if ((r->set & ORRERY_SET_TO) == 0)
		return;
	set(object, "to",
	        r->to == ORRERY_IFACE_NONE ? json_null() : json_string(iface_text(e, r->to, ref)));
}

static void set_loss(const struct orrery_record *r, json_t *object)
{
	set(object, "loss", json_real(share_of_q32(r->loss)));
	set(object, "loss_bad", json_real(share_of_q32(r->loss_bad)));
	set(object, "good_us", json_integer(r->good_us));
	set(object, "bad_us", json_integer(r->bad_us));
}

json_t *record_json(const struct ephemeris *e, const struct orrery_record *r)
{
	json_t *object = json_object();

	set_ends(e, r, object);
	if ((r->set & ORRERY_SET_UP) != 0)
		set(object, "up", json_boolean((r->flags & ORRERY_LINK_UP) != 0));
	if ((r->set & ORRERY_SET_DELAY) != 0)
		set(object, "delay_ns", json_integer(r->delay_ns));
	if ((r->set & ORRERY_SET_SLOPE) != 0)
		set(object, "slope_ns_s", json_integer(r->slope_ns_s));
	if ((r->set & ORRERY_SET_JITTER) != 0) {
		set(object, "jitter_ns", json_integer(r->jitter_ns));
		set(object, "jitter_corr", json_real(share_of_q16(r->jitter_corr)));
	}
	if ((r->set & ORRERY_SET_RATE) != 0)
		set(object, "rate_bps", json_integer((json_int_t)r->rate_kbps * 1000));
	if ((r->set & ORRERY_SET_QUEUE) != 0) {
		set(object, "queue_bytes", json_integer(r->queue_bytes));
		set(object, "queue_pkts", json_integer(r->queue_pkts));
	}
	if ((r->set & ORRERY_SET_LOSS) != 0)
		set_loss(r, object);
	if ((r->set & ORRERY_SET_DUPLICATE) != 0)
		set(object, "duplicate", json_real(share_of_q16(r->duplicate)));
	if ((r->set & ORRERY_SET_REORDER) != 0) {
		set(object, "reorder", json_real(share_of_q16(r->reorder)));
		set(object, "allow_reorder", json_boolean((r->flags & ORRERY_LINK_REORDER) != 0));
	}
	if ((r->set & ORRERY_SET_MTU) != 0)
		set(object, "mtu", json_integer(r->mtu));
	return object;
}
