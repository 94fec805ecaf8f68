/* SPDX-License-Identifier: BSD-3-Clause */
// A scenario file of anybody's: read, and what is valid and small laid out and played for two
// epochs.
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "epoch.h"
#include "matrix.h"
#include "scenario.h"

#define SATELLITES_MAX 300
#define STATIONS_MAX 20

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int condition)
{
	if (!condition)
		abort();
}

static void check_records(const struct epoch *epoch, uint32_t n_ifaces)
{
	check(epoch->n_records <= n_ifaces);
	for (uint32_t i = 0; i < epoch->n_records; i++) {
		const struct orrery_record *record = &epoch->records[i];

		check(record->from < n_ifaces);
		check(record->to < n_ifaces || record->to == ORRERY_IFACE_NONE);
		check(record->set != 0 && (record->set & ~ORRERY_SET_ALL) == 0);
		check(record->delay_ns <= 4000000000u);
	}
}

static void check_paths(const struct constellation *con, const struct matrix *matrix)
{
	struct path_finder *finder = path_finder_create(con);
	struct path path = {0, calloc(con->n_nodes, sizeof(uint32_t))};

	check(finder != NULL && path.ifaces != NULL);
	path_finder_run(finder, matrix, con->n_nodes - 1);
	for (uint32_t i = 0; i < con->n_nodes; i++) {
		if (path_finder_path(finder, i, &path) != 0)
			continue;
		check(path.n_hops < con->n_nodes);
		check(isfinite(path_delay_ns(matrix, &path, 0)));
	}
	free(path.ifaces);
	path_finder_destroy(finder);
}

static void play(const struct constellation *con)
{
	uint32_t *ids = calloc(con->n_ifaces, sizeof(*ids));
	struct epoch_writer *writer;
	struct sky now, end;
	struct matrix matrix;

	check(ids != NULL && sky_init(&now, con) == 0 && sky_init(&end, con) == 0);
	check(matrix_init(&matrix, con) == 0);
	for (uint32_t i = 0; i < con->n_ifaces; i++)
		ids[i] = i;
	writer = epoch_writer_create(con, ids, 60);
	check(writer != NULL);
	for (int k = 0; k < 2; k++) {
		sky_compute(&now, k * 60.0);
		sky_compute(&end, (k + 1) * 60.0);
		matrix_compute(&matrix, &now, &end);
		check_records(epoch_write(writer, &matrix, 60), con->n_ifaces);
	}
	check_paths(con, &matrix);
	epoch_writer_destroy(writer);
	matrix_fini(&matrix);
	sky_fini(&now);
	sky_fini(&end);
	free(ids);
}

static void lay_out_and_play(const struct scenario *scenario)
{
	struct constellation *con;
	struct fault fault = {0};

	// names that stand for nothing, such as a failure's shell, show only here
	if (con_create(scenario, &con, &fault) != 0) {
		check(fault.code < 0 && fault.message[0] != '\0');
		return;
	}
	if (con->n_satellites <= SATELLITES_MAX && con->n_stations <= STATIONS_MAX)
		play(con);
	con_destroy(con);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct scenario scenario;
	struct fault fault = {0};
	char *text = malloc(size + 1);

	check(text != NULL);
	memcpy(text, data, size);
	text[size] = '\0';
	// these would open files of this machine
	if (strstr(text, "@include") == NULL && strstr(text, "tle") == NULL) {
		if (scenario_read_text(text, "fuzz", &scenario, &fault) == 0) {
			lay_out_and_play(&scenario);
			scenario_free(&scenario);
		} else {
			check(fault.code < 0 && fault.message[0] != '\0');
		}
	}
	free(text);
	return 0;
}
