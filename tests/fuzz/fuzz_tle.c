/* SPDX-License-Identifier: BSD-3-Clause */
// Element sets of anybody's: read, and what is accepted carried a year both ways.
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tle.h"

#define PROPAGATED_MAX 20

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int condition)
{
	if (!condition)
		abort();
}

static void propagate(const struct tle *tle)
{
	static const double minutes[] = {0, 1, -1440, 43200, 525600, -525600};
	struct sgp4 sgp4;

	check(sgp4_init(&sgp4, &tle->elements) == 0);
	for (size_t i = 0; i < sizeof(minutes) / sizeof(minutes[0]); i++) {
		struct vec3 position, velocity;

		if (sgp4_at(&sgp4, minutes[i], &position, &velocity) == 0)
			check(isfinite(vec3_norm(position)) && vec3_norm(position) > 6000);
		else
			check(i != 0); // at its own epoch it was tried
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fault fault = {0};
	struct tle *tles;
	size_t n;
	char *text = malloc(size + 1);

	check(text != NULL);
	memcpy(text, data, size);
	text[size] = '\0';
	if (tle_read_text(text, "fuzz", &tles, &n, &fault) == 0) {
		check(n > 0);
		for (size_t i = 0; i < n && i < PROPAGATED_MAX; i++)
			propagate(&tles[i]);
		free(tles);
	} else {
		check(fault.code < 0 && fault.message[0] != '\0');
	}
	free(text);
	return 0;
}
