/* SPDX-License-Identifier: BSD-3-Clause */
// All links of the switch beside those of the file: what they are set to, and what they lost.
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "figures.h"
#include "json_get.h"
#include "names.h"
#include "probe.h"
#include "verify.h"

#define DELAY_SLACK_NS 1000.0 // what a link's delay may be off the file's line by rounding
#define WORST_SHOWN 10
#define RATE_STEP_BPS 1000

// Two looks at the file around the moment at which the switch was asked.
struct looks {
	struct ephemeris_links before, after;
	uint64_t before_ns, after_ns;
};

static const char *ref_of(const struct ephemeris *e, uint32_t iface, char buf[IFACE_REF_SIZE])
{
	snprintf(buf, IFACE_REF_SIZE, "%s/%s", ephemeris_node_name(e, e->ifaces[iface].node),
	        ephemeris_iface_name(e, iface));
	return buf;
}

enum cli_exit verify_clock(struct verify *verify, struct asked_clock *ret_clock)
{
	int64_t from_ns = probe_now_ns(), to_ns;
	const char *state;
	json_t *status;
	enum cli_exit code = cli_call(verify->cli, "player.status", NULL, &status);

	if (code != CLI_OK)
		return code;
	to_ns = probe_now_ns();
	state = get_text(status, "state");
	*ret_clock = (struct asked_clock){
	        .at_ns = from_ns + (to_ns - from_ns) / 2,
	        .t_ns = get_int(status, "time_ns"),
	        .speed = strcmp(state, "playing") == 0 ? get_real(status, "speed") : 0,
	};
	if (json_object_get(status, "file") == NULL)
		code = cli_failf(
		        verify->cli, "nothing plays in the switch: orrery play %s", verify->name);
	else if ((uint64_t)ret_clock->t_ns > verify->file->header->duration_ns)
		code = cli_failf(verify->cli, "what plays is behind the end of %s", verify->name);
	json_decref(status);
	return code;
}

enum cli_exit verify_list_links(struct verify *verify, json_t **ret_links)
{
	json_t *items, *item, *links;
	size_t i;
	enum cli_exit code =
	        cli_list(verify->cli, "link.list", json_pack("{s:i}", "limit", 2000), &items);

	if (code != CLI_OK)
		return code;
	links = json_object();
	json_array_foreach (items, i, item)
		json_object_set(links, get_text(item, "from"), item);
	json_decref(items);
	*ret_links = links;
	return CLI_OK;
}

static enum cli_exit look(struct verify *verify, struct ephemeris_links *links, uint64_t *ret_ns)
{
	struct asked_clock clock;
	enum cli_exit code = verify_clock(verify, &clock);

	if (code != CLI_OK)
		return code;
	if (ephemeris_links_init(links, verify->file->n_ifaces) != 0)
		return cli_failf(verify->cli, "out of memory");
	*ret_ns = (uint64_t)clock.t_ns;
	ephemeris_links_seek(links, verify->file, *ret_ns);
	return CLI_OK;
}

static bool is_near(double a, double b, double slack)
{
	return fabs(a - b) <= slack;
}

// Whether link and record agree but for the delay.
static bool is_as_asked(
        const struct ephemeris *e, const json_t *link, const struct orrery_record *r)
{
	char to[IFACE_REF_SIZE];

	return strcmp(get_text(link, "to"), ref_of(e, r->to, to)) == 0 &&
	       get_bool(link, "up") == ((r->flags & ORRERY_LINK_UP) != 0) &&
	       get_int(link, "rate_bps") == (int64_t)r->rate_kbps * RATE_STEP_BPS &&
	       get_int(link, "jitter_ns") == r->jitter_ns &&
	       get_int(link, "good_us") == r->good_us && get_int(link, "bad_us") == r->bad_us &&
	       get_int(link, "mtu") == r->mtu &&
	       is_near(get_real(link, "loss"), r->loss / 4294967296.0, 1e-9) &&
	       is_near(get_real(link, "duplicate"), r->duplicate / 65536.0, 1e-9) &&
	       is_near(get_real(link, "reorder"), r->reorder / 65536.0, 1e-9);
}

// How far the link's delay is off what the file has between the two looks.
static double delay_error_ns(const struct looks *looks, uint32_t iface, const json_t *link)
{
	double a = ephemeris_links_delay_ns(&looks->before, iface, looks->before_ns);
	double b = ephemeris_links_delay_ns(&looks->after, iface, looks->after_ns);
	double now = get_real(link, "delay_now_ns");

	return fmax(0, fmax(fmin(a, b) - now, now - fmax(a, b)));
}

static void note_wrong(json_t *wrong, const char *ref, const char *what, double error_ns)
{
	if (json_array_size(wrong) < WORST_SHOWN)
		json_array_append_new(wrong, json_pack("{s:s, s:s, s:f}", "link", ref, "what", what,
		                                     "error_ns", error_ns));
}

static void compare_all(struct verify *verify, const struct looks *looks, const json_t *links)
{
	const struct ephemeris *e = verify->file;
	json_t *wrong = json_array();
	json_int_t n = 0, n_wrong = 0, n_pinned = 0, n_changed = 0;
	double worst_ns = 0;

	for (uint32_t i = 0; i < e->n_ifaces; i++) {
		const struct orrery_record *a = &looks->before.records[i];
		const struct orrery_record *b = &looks->after.records[i];
		char ref[IFACE_REF_SIZE];
		const json_t *link = json_object_get(links, ref_of(e, i, ref));
		double error_ns;

		if (a->set == 0 && b->set == 0)
			continue;
		if (a->set != b->set || a->to != b->to || a->flags != b->flags) {
			n_changed++; // just then
			continue;
		}
		n++;
		n_pinned += get_bool(link, "pinned");
		error_ns = link != NULL ? delay_error_ns(looks, i, link) : 0;
		worst_ns = fmax(worst_ns, error_ns);
		if (link == NULL || !is_as_asked(e, link, b)) {
			n_wrong++;
			note_wrong(wrong, ref, link == NULL ? "not there" : "differs", error_ns);
		} else if (error_ns > DELAY_SLACK_NS) {
			n_wrong++;
			note_wrong(wrong, ref, "delay", error_ns);
		}
	}
	verify->failed |= n_wrong != 0;
	json_object_set_new(verify->result, "matrix",
	        json_pack("{s:I, s:I, s:I, s:I, s:f, s:o}", "links", n, "wrong", n_wrong, "pinned",
	                n_pinned, "changing", n_changed, "worst_ns", worst_ns, "first_wrong",
	                wrong));
}

enum cli_exit verify_matrix(struct verify *verify)
{
	struct looks looks = {0};
	json_t *links = NULL;
	enum cli_exit code = look(verify, &looks.before, &looks.before_ns);

	if (code == CLI_OK)
		code = verify_list_links(verify, &links);
	if (code == CLI_OK)
		code = look(verify, &looks.after, &looks.after_ns);
	if (code == CLI_OK)
		compare_all(verify, &looks, links);
	json_decref(links);
	ephemeris_links_fini(&looks.before);
	ephemeris_links_fini(&looks.after);
	return code;
}

// Frames since `before`.
struct passed {
	int64_t offered,
	        lost; // by the loss model, which comes before all else on a link that is up
};

static int64_t counted(const json_t *link, const char *reason)
{
	return get_int(json_object_get(json_object_get(link, "stats"), "drops"), reason);
}

// Frames that the loss model has seen: what it took, and what it let on.
static int64_t offered(const json_t *link)
{
	const json_t *stats = json_object_get(link, "stats");

	return get_int(stats, "tx_pkts") - get_int(stats, "duplicates") +
	       counted(link, "link_loss") + counted(link, "link_queue") +
	       counted(link, "wheel_horizon") + counted(link, "wheel_full");
}

static bool has_passed(const json_t *before, const json_t *after, struct passed *ret)
{
	ret->offered = offered(after) - offered(before);
	ret->lost = counted(after, "link_loss") - counted(before, "link_loss");
	return before != NULL && ret->offered > 0 && ret->lost >= 0;
}

static void judge_loss(struct verify *verify, const char *ref, const json_t *link,
        const struct passed *passed, double confidence, json_t *items)
{
	uint32_t iface = asked_iface(verify->file, ref);
	struct interval got;
	struct ephemeris_links links = {0};
	struct asked_clock clock;
	double asked = 0;
	bool bursts, wrong;

	if (iface == UINT32_MAX || verify_clock(verify, &clock) != CLI_OK ||
	        ephemeris_links_init(&links, verify->file->n_ifaces) != 0)
		return;
	ephemeris_links_seek(&links, verify->file, (uint64_t)clock.t_ns);
	asked = asked_record_loss(&links.records[iface]);
	bursts = links.records[iface].good_us != 0;
	ephemeris_links_fini(&links);
	got = figures_wilson((uint64_t)passed->lost, (uint64_t)passed->offered, confidence);
	// Losses of one outage are one event: no interval of independent ones.
	wrong = !bursts && (asked < got.low || asked > got.high);
	verify->failed |= wrong;
	if (asked == 0 && passed->lost == 0)
		return;
	json_array_append_new(items,
	        json_pack("{s:s, s:I, s:I, s:f, s:f, s:f, s:b, s:b, s:b}", "link", ref, "frames",
	                (json_int_t)passed->offered, "lost", (json_int_t)passed->lost, "low",
	                got.low, "high", got.high, "asked", asked, "bursts", bursts, "wrong", wrong,
	                "pinned", get_bool(link, "pinned")));
}

enum cli_exit verify_losses(struct verify *verify, const json_t *before, const json_t *after)
{
	json_t *links = (json_t *)(uintptr_t)after, *link, *items = json_array();
	struct passed passed;
	const char *ref;
	unsigned n = 0;

	json_object_foreach (links, ref, link)
		n += has_passed(json_object_get(before, ref), link, &passed);
	// So that all intervals together hold with the confidence asked for.
	json_object_foreach (links, ref, link) {
		if (has_passed(json_object_get(before, ref), link, &passed))
			judge_loss(verify, ref, link, &passed, 1 - (1 - verify->confidence) / n,
			        items);
	}
	json_object_set_new(
	        verify->result, "losses", json_pack("{s:i, s:o}", "links", (int)n, "items", items));
	return CLI_OK;
}
