/* SPDX-License-Identifier: BSD-3-Clause */
// An ephemeris of anybody's. Its checksums are made right first, or no input would get past them;
// what opens is then played and sought through.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "crc32c.h"
#include "ephemeris.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int condition)
{
	if (!condition)
		abort();
}

static void mend(uint8_t *data, size_t size)
{
	struct ephemeris_header *h = (struct ephemeris_header *)data;

	if (size < sizeof(*h))
		return;
	for (int i = 0; i < EPHEMERIS_N_SECTIONS; i++) {
		struct ephemeris_section *s = &h->sections[i];

		if (s->offset <= size && s->size <= size - s->offset)
			s->crc = crc32c(0, data + s->offset, s->size);
	}
	h->file_size = size;
	h->crc = crc32c(0, h, offsetof(struct ephemeris_header, crc));
}

static void play(const struct ephemeris *e)
{
	struct ephemeris_links played, sought;
	uint64_t t_ns = 0;

	check(ephemeris_links_init(&played, e->n_ifaces) == 0);
	check(ephemeris_links_init(&sought, e->n_ifaces) == 0);
	for (uint32_t i = 0; i < e->n_epochs && i < 200; i++) {
		check(e->epochs[i].t_ns >= t_ns);
		t_ns = e->epochs[i].t_ns;
		if (i == 0 || (e->epochs[i].flags & EPHEMERIS_KEY) == 0)
			ephemeris_links_apply_epoch(&played, e, &e->epochs[i]);
		if (ephemeris_links_seek(&sought, e, t_ns) != i + 1)
			continue; // a key of the same time follows
		check(played.n_plugged == sought.n_plugged);
		for (uint32_t k = 0; k < e->n_ifaces; k++) {
			struct orrery_record record;

			check(played.records[k].to == sought.records[k].to);
			ephemeris_links_record(&sought, k, t_ns, &record);
			check(ephemeris_record_check(&record, e->n_ifaces, NULL) == 0);
		}
	}
	ephemeris_links_fini(&played);
	ephemeris_links_fini(&sought);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size + 1); // aligned, and its end is watched
	struct fault fault = {0};
	struct ephemeris *e;

	check(copy != NULL);
	memcpy(copy, data, size);
	mend(copy, size);
	if (ephemeris_open_memory(copy, size, "fuzz", &e, &fault) == 0) {
		play(e);
		ephemeris_close(e);
	} else {
		check(fault.code < 0 && fault.message[0] != '\0');
	}
	free(copy);
	return 0;
}
