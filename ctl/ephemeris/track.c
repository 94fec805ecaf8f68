/* SPDX-License-Identifier: BSD-3-Clause */
// What tracks of ISLs and stations have in common.
#include "track.h"

#include <errno.h>
#include <stdlib.h>

void changes_fini(struct changes *changes)
{
	free(changes->items);
	*changes = (struct changes){0};
}

static int compare(const void *a, const void *b)
{
	const struct change *x = a, *y = b;

	if (x->t_ns != y->t_ns)
		return x->t_ns < y->t_ns ? -1 : 1;
	return x->iface < y->iface ? -1 : x->iface > y->iface;
}

void changes_sort(struct changes *changes)
{
	if (changes->n > 0)
		qsort(changes->items, changes->n, sizeof(changes->items[0]), compare);
}

void track_scratch_fini(struct track_scratch *scratch)
{
	changes_fini(&scratch->changes);
	pieces_fini(&scratch->pieces);
	free(scratch->turns);
	*scratch = (struct track_scratch){0};
}

int changes_add(struct changes *changes, const struct change *change)
{
	if (changes->n == changes->capacity) {
		size_t capacity = changes->capacity != 0 ? changes->capacity * 2 : 1024;
		struct change *items = reallocarray(changes->items, capacity, sizeof(*items));

		if (items == NULL)
			return -ENOMEM;
		changes->items = items;
		changes->capacity = capacity;
	}
	changes->items[changes->n++] = *change;
	return 0;
}

int changes_add_both(
        struct changes *changes, const struct change *change, uint32_t a_iface, uint32_t b_iface)
{
	struct change one = *change, other = *change;
	int err;

	one.iface = other.to = a_iface;
	one.to = other.iface = b_iface;
	err = changes_add(changes, &one);
	return err == 0 ? changes_add(changes, &other) : err;
}

int track_stretch(struct line *line, const struct curve *curve, const struct stretch *stretch,
        struct track_scratch *scratch)
{
	struct pieces *pieces = &scratch->pieces;
	int err;

	pieces->n = 0;
	err = line_cover(line, curve, stretch->from_ns, stretch->to_ns, pieces);
	if (err == 0 && stretch->ends)
		err = line_close(line, pieces);
	else if (err == 0)
		err = line_settle(line, pieces);
	for (size_t i = 0; i < pieces->n && err == 0; i++) {
		struct change change = {.t_ns = pieces->items[i].t_ns,
		        .what = CHANGE_LINE,
		        .piece = pieces->items[i]};

		if (i == 0 && stretch->begins)
			change.what |= stretch->what;
		err = changes_add_both(
		        &scratch->changes, &change, stretch->a_iface, stretch->b_iface);
	}
	return err;
}
