/* SPDX-License-Identifier: BSD-3-Clause */
// Differences of links over time. Between two records of a link both delays are straight, so that
// they are farthest apart where a record is: looking just before and right after each is enough.
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "diff.h"
#include "record_text.h"

struct side {
	const struct ephemeris *e;
	struct ephemeris_links links;
	uint32_t *rows; // [n_ifaces] the interface among those of both files
	uint32_t next; // epoch
};

struct walk {
	struct side sides[2];
	struct diff_rows rows; // interfaces of both
	uint64_t *looked_ns; // [rows.n] time + 1 at which a difference was last reported
	double tolerance_ns;
	const struct diff_report *report;
	struct diff_result *result;
	uint64_t time_reported; // + 1
};

static const struct orrery_record *link_of(const struct walk *walk, unsigned side, uint32_t row)
{
	static const struct orrery_record absent = {.to = ORRERY_IFACE_NONE};
	const struct diff_row *at = &walk->rows.items[row];
	uint32_t iface = side == 0 ? at->a : at->b;

	return iface != DIFF_NONE ? &walk->sides[side].links.records[iface] : &absent;
}

static void report(struct walk *walk, uint32_t row, uint64_t t_ns, const char *text)
{
	const struct diff_row *at = &walk->rows.items[row];
	struct diff_result *result = walk->result;
	char ref[IFACE_REF_SIZE];

	if (walk->looked_ns[row] == t_ns + 1)
		return; // once a time
	walk->looked_ns[row] = t_ns + 1;
	result->first_ns = result->n_links == 0 ? t_ns : result->first_ns;
	result->last_ns = t_ns;
	result->n_links++;
	result->n_times += walk->time_reported != t_ns + 1;
	walk->time_reported = t_ns + 1;
	walk->report->link(walk->report->arg, t_ns,
	        at->a != DIFF_NONE ? iface_text(walk->sides[0].e, at->a, ref)
	                           : iface_text(walk->sides[1].e, at->b, ref),
	        text);
}

static const char *far_text(
        const struct side *side, const struct orrery_record *link, char buf[IFACE_REF_SIZE])
{
	return link->set != 0 ? iface_text(side->e, link->to, buf) : "unplugged";
}

// Whether both are plugged and lead to the same interface.
static bool same_ends(
        const struct walk *walk, const struct orrery_record *x, const struct orrery_record *y)
{
	return x->set != 0 && y->set != 0 &&
	       walk->sides[0].rows[x->to] == walk->sides[1].rows[y->to];
}

static void compare_delay(struct walk *walk, uint32_t row, uint64_t t_ns)
{
	const struct orrery_record *x = link_of(walk, 0, row), *y = link_of(walk, 1, row);
	char text[DIFF_TEXT_SIZE];
	double one, other, apart;

	if (!same_ends(walk, x, y) || (x->flags & y->flags & ORRERY_LINK_UP) == 0)
		return;
	one = ephemeris_links_delay_ns(&walk->sides[0].links, x->from, t_ns);
	other = ephemeris_links_delay_ns(&walk->sides[1].links, y->from, t_ns);
	apart = fabs(one - other);
	walk->result->delay_max_ns = fmax(walk->result->delay_max_ns, apart);
	if (apart <= walk->tolerance_ns)
		return;
	snprintf(text, sizeof(text), "delay %.0f ns, %.0f ns", one, other);
	report(walk, row, t_ns, text);
}

static struct orrery_record parameters_of(const struct orrery_record *link)
{
	struct orrery_record only = *link;

	only.from = only.to = only.set = only.delay_ns = 0;
	only.slope_ns_s = 0;
	only.flags &= (uint16_t)~ORRERY_LINK_UP;
	return only;
}

static void compare_state(struct walk *walk, uint32_t row, uint64_t t_ns)
{
	const struct orrery_record *x = link_of(walk, 0, row), *y = link_of(walk, 1, row);
	struct orrery_record one = parameters_of(x), other = parameters_of(y);
	char text[DIFF_TEXT_SIZE], x_far[IFACE_REF_SIZE], y_far[IFACE_REF_SIZE];

	if (x->set == 0 && y->set == 0)
		return;
	if (!same_ends(walk, x, y)) {
		snprintf(text, sizeof(text), "to %s, %s", far_text(&walk->sides[0], x, x_far),
		        far_text(&walk->sides[1], y, y_far));
		report(walk, row, t_ns, text);
	} else if (((x->flags ^ y->flags) & ORRERY_LINK_UP) != 0) {
		report(walk, row, t_ns, (x->flags & ORRERY_LINK_UP) != 0 ? "up, down" : "down, up");
	} else if (memcmp(&one, &other, sizeof(one)) != 0) {
		report(walk, row, t_ns, "parameters");
	} else {
		compare_delay(walk, row, t_ns);
	}
}

static const struct ephemeris_epoch *epoch_at(const struct side *side, uint64_t t_ns)
{
	const struct ephemeris_epoch *epoch = &side->e->epochs[side->next];

	return side->next < side->e->n_epochs && epoch->t_ns == t_ns ? epoch : NULL;
}

// Calls `look` for each interface that one of the files changes at a time.
static void look_at_changed(struct walk *walk, const struct ephemeris_epoch *const epochs[2],
        uint64_t t_ns, void (*look)(struct walk *walk, uint32_t row, uint64_t t_ns))
{
	for (unsigned i = 0; i < 2; i++) {
		const struct side *side = &walk->sides[i];

		for (uint32_t k = 0; epochs[i] != NULL && k < epochs[i]->n; k++)
			look(walk, side->rows[ephemeris_records(side->e, epochs[i])[k].from], t_ns);
	}
}

// The next time of an epoch that is no key (the first one is all the same).
static uint64_t next_time(struct side *side)
{
	while (side->next > 0 && side->next < side->e->n_epochs &&
	        (side->e->epochs[side->next].flags & EPHEMERIS_KEY) != 0)
		side->next++;
	return side->next < side->e->n_epochs ? side->e->epochs[side->next].t_ns : UINT64_MAX;
}

static void walk_times(struct walk *walk)
{
	uint64_t one_end = walk->sides[0].e->header->duration_ns;
	uint64_t other_end = walk->sides[1].e->header->duration_ns;
	uint64_t end_ns = one_end < other_end ? one_end : other_end;

	for (;;) {
		uint64_t one = next_time(&walk->sides[0]), other = next_time(&walk->sides[1]);
		uint64_t t_ns = one < other ? one : other;
		const struct ephemeris_epoch *const epochs[2] = {
		        epoch_at(&walk->sides[0], t_ns), epoch_at(&walk->sides[1], t_ns)};

		if (t_ns > end_ns)
			break;
		look_at_changed(walk, epochs, t_ns, compare_delay);
		for (unsigned i = 0; i < 2; i++) {
			struct side *side = &walk->sides[i];

			if (epochs[i] == NULL)
				continue;
			ephemeris_links_apply_epoch(&side->links, side->e, epochs[i]);
			side->next++;
		}
		look_at_changed(walk, epochs, t_ns, compare_state);
	}
	for (uint32_t row = 0; row < walk->rows.n; row++)
		compare_delay(walk, row, end_ns);
}

static int prepare(struct walk *walk)
{
	for (unsigned i = 0; i < 2; i++) {
		struct side *side = &walk->sides[i];

		side->rows = calloc((size_t)side->e->n_ifaces + 1, sizeof(*side->rows));
		if (side->rows == NULL ||
		        ephemeris_links_init(&side->links, side->e->n_ifaces) != 0)
			return -ENOMEM;
	}
	if (diff_merge(DIFF_IFACES, walk->sides[0].e, walk->sides[1].e, &walk->rows) != 0)
		return -ENOMEM;
	walk->looked_ns = calloc((size_t)walk->rows.n + 1, sizeof(*walk->looked_ns));
	if (walk->looked_ns == NULL)
		return -ENOMEM;
	for (uint32_t row = 0; row < walk->rows.n; row++) {
		const struct diff_row *at = &walk->rows.items[row];

		if (at->a != DIFF_NONE)
			walk->sides[0].rows[at->a] = row;
		if (at->b != DIFF_NONE)
			walk->sides[1].rows[at->b] = row;
	}
	return 0;
}

int diff_links(const struct ephemeris *a, const struct ephemeris *b, double tolerance_ns,
        const struct diff_report *report, struct diff_result *result)
{
	struct walk walk = {.sides = {{.e = a}, {.e = b}},
	        .tolerance_ns = tolerance_ns,
	        .report = report,
	        .result = result};
	int err = prepare(&walk);

	if (err == 0)
		walk_times(&walk);
	for (unsigned i = 0; i < 2; i++) {
		ephemeris_links_fini(&walk.sides[i].links);
		free(walk.sides[i].rows);
	}
	free(walk.rows.items);
	free(walk.looked_ns);
	return err;
}

int diff_run(const struct ephemeris *a, const struct ephemeris *b, double tolerance_ns,
        const struct diff_report *report, struct diff_result *ret_result)
{
	int err;

	*ret_result = (struct diff_result){0};
	err = diff_tables(a, b, report, ret_result);
	return err == 0 ? diff_links(a, b, tolerance_ns, report, ret_result) : err;
}
