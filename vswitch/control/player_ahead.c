/* SPDX-License-Identifier: BSD-3-Clause */
// The links of epochs to come.
#include "player_ahead.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "player_core.h"

static size_t n_words(const struct player *p)
{
	return p->control->config.max_ifaces / 64 + 1;
}

int player_ahead_attach(struct player *p)
{
	p->ahead.said = calloc((size_t)p->file->n_ifaces + 1, sizeof(p->ahead.said[0]));
	p->ahead.said_ids = calloc(n_words(p), sizeof(p->ahead.said_ids[0]));
	if (p->ahead.said == NULL || p->ahead.said_ids == NULL)
		return -ENOMEM;
	return ephemeris_links_init(&p->ahead.links, p->file->n_ifaces);
}

void player_ahead_detach(struct player *p)
{
	ephemeris_links_fini(&p->ahead.links);
	free(p->ahead.said);
	free(p->ahead.said_ids);
	p->ahead = (struct player_ahead){0};
}

static void go_back(void *arg)
{
	struct player *p = arg;
	const struct ephemeris_links *now = &p->links.now;
	struct ephemeris_links *links = &p->ahead.links;

	if (p->file == NULL || links->records == NULL)
		return;
	memcpy(links->records, now->records, now->n_ifaces * sizeof(now->records[0]));
	memcpy(links->said_ns, now->said_ns, now->n_ifaces * sizeof(now->said_ns[0]));
	links->n_plugged = now->n_plugged;
	memset(p->ahead.said, 0, now->n_ifaces * sizeof(p->ahead.said[0]));
	memset(p->ahead.said_ids, 0, n_words(p) * sizeof(p->ahead.said_ids[0]));
	p->ahead.next = p->next;
}

static void apply(struct player *p, const struct ephemeris_epoch *epoch)
{
	const struct orrery_record *records = ephemeris_records(p->file, epoch);

	for (uint32_t k = 0; k < epoch->n; k++) {
		uint32_t i = records[k].from, id = p->links.ids[i];

		ephemeris_links_apply(&p->ahead.links, epoch->t_ns, &records[k]);
		p->ahead.said[i] |= records[k].set;
		if (id != DP_NONE)
			p->ahead.said_ids[id / 64] |= 1ull << id % 64;
	}
}

static bool go_on(void *arg, uint64_t *ret_epoch, uint64_t *ret_tsc)
{
	struct player *p = arg;
	struct player_ahead *ahead = &p->ahead;

	if (p->state != PLAYER_PLAYING || ahead->links.records == NULL)
		return false;
	while (ahead->next < p->next) { // overtaken
		apply(p, &p->file->epochs[ahead->next]);
		ahead->next = player_skip_keys(p, ahead->next + 1);
	}
	if (ahead->next >= p->file->n_epochs)
		return false;
	ahead->at = ahead->next;
	apply(p, &p->file->epochs[ahead->at]);
	ahead->next = player_skip_keys(p, ahead->at + 1);
	*ret_epoch = (uint64_t)ahead->at + 1;
	*ret_tsc = player_clock_tsc_at(&p->clock, datapath_tsc_hz(p->control->dp),
	        player_due_of(p, p->file->epochs[ahead->at].t_ns));
	return true;
}

static const uint64_t *said_ids(void *arg)
{
	const struct player *p = arg;

	return p->ahead.said_ids;
}

static void link_at(void *arg, uint32_t id, struct orrery_record *record)
{
	const struct player *p = arg;
	uint32_t i = p->links.numbers[id] - 1, said;
	struct orrery_record file;

	if (i == UINT32_MAX || p->ahead.said[i] == 0 || matrix_pinned(p->control->matrix, id))
		return;
	said = p->ahead.said[i];
	ephemeris_links_record(&p->ahead.links, i, p->file->epochs[p->ahead.at].t_ns, &file);
	if (file.to != ORRERY_IFACE_NONE)
		file.to = p->links.ids[file.to]; // DP_NONE: gone
	if (record->set == 0 || ((said & ORRERY_SET_TO) != 0 && record->to != file.to))
		*record = file;
	if ((said & ORRERY_SET_UP) != 0)
		record->flags = file.flags;
	if ((said & (ORRERY_SET_DELAY | ORRERY_SET_SLOPE)) != 0)
		record->delay_ns = file.delay_ns;
}

void player_ahead_offer(struct player *p)
{
	const struct paths_future future = {
	        .arg = p, .rewind = go_back, .next = go_on, .said = said_ids, .link = link_at};

	paths_worker_set_future(p->control->paths, &future);
}
