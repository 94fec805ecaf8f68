/* SPDX-License-Identifier: BSD-3-Clause */
// Records of epochs, played into a plain model of the switch: at any time its links must be those
// of the sky.
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "epoch.h"
#include "scenario.h"

#define SHIPPED(name) ORRERY_SOURCE_ROOT "/config/scenarios/" name ".scenario"
#define ID_OFFSET 1000 // ids of the switch are not our indices

struct model_link {
	uint32_t to;
	bool up;
	double delay_ns, slope_ns_s, t_s; // wall time
	uint32_t rate_kbps, loss;
};

struct world {
	struct scenario scenario;
	struct constellation *con;
	struct sky now, end, probe;
	struct matrix matrix;
	struct epoch_writer *writer;
	uint32_t *ids;
	struct model_link *model;
	double speed;
};

static void world_init(struct world *world, const char *path, double speed)
{
	struct fault fault = {0};

	if (scenario_read_file(path, &world->scenario, &fault) != 0)
		fail_msg("%s", fault.message);
	assert_int_equal(con_create(&world->scenario, &world->con, &fault), 0);
	assert_int_equal(sky_init(&world->now, world->con), 0);
	assert_int_equal(sky_init(&world->end, world->con), 0);
	assert_int_equal(sky_init(&world->probe, world->con), 0);
	assert_int_equal(matrix_init(&world->matrix, world->con), 0);
	world->ids = calloc(world->con->n_ifaces, sizeof(*world->ids));
	world->model = calloc(world->con->n_ifaces, sizeof(*world->model));
	assert_non_null(world->ids);
	assert_non_null(world->model);
	for (uint32_t i = 0; i < world->con->n_ifaces; i++)
		world->ids[i] = ID_OFFSET + i;
	world->speed = speed;
	world->writer = epoch_writer_create(world->con, world->ids, speed);
	assert_non_null(world->writer);
}

static void world_fini(struct world *world)
{
	epoch_writer_destroy(world->writer);
	matrix_fini(&world->matrix);
	sky_fini(&world->now);
	sky_fini(&world->end);
	sky_fini(&world->probe);
	con_destroy(world->con);
	scenario_free(&world->scenario);
	free(world->ids);
	free(world->model);
}

// What the switch does with a record at wall time `t_s`.
static void apply(struct world *world, const struct orrery_record *record, double t_s)
{
	struct model_link *link = &world->model[record->from - ID_OFFSET];

	assert_true(record->from >= ID_OFFSET);
	assert_int_equal(record->reserved, 0);
	assert_int_not_equal(record->set, 0);
	if ((record->set & ORRERY_SET_TO) != 0)
		link->to = record->to;
	if ((record->set & ORRERY_SET_UP) != 0)
		link->up = (record->flags & ORRERY_LINK_UP) != 0;
	if ((record->set & ORRERY_SET_RATE) != 0)
		link->rate_kbps = record->rate_kbps;
	if ((record->set & ORRERY_SET_LOSS) != 0)
		link->loss = record->loss;
	if ((record->set & ORRERY_SET_DELAY) != 0) {
		assert_true((record->set & ORRERY_SET_SLOPE) != 0);
		link->delay_ns = record->delay_ns;
		link->slope_ns_s = record->slope_ns_s;
		link->t_s = t_s;
	}
}

static const struct epoch *commit(struct world *world, double t_s, double step_s)
{
	const struct epoch *epoch;

	sky_compute(&world->now, t_s);
	sky_compute(&world->end, t_s + step_s);
	matrix_compute(&world->matrix, &world->now, &world->end);
	epoch = epoch_write(world->writer, &world->matrix, step_s);
	for (uint32_t i = 0; i < epoch->n_records; i++)
		apply(world, &epoch->records[i], t_s / world->speed);
	return epoch;
}

// Greatest error of the model's delays at a simulated time within the step; plugs must be exact.
static double compare(struct world *world, double t_s)
{
	double wall_s = t_s / world->speed;
	double worst = 0;

	sky_compute(&world->probe, t_s);
	for (uint32_t i = 0; i < world->con->n_ifaces; i++) {
		const struct matrix_link *link = &world->matrix.links[i];
		const struct model_link *model = &world->model[i];
		double delay_ns;

		if (world->con->ifaces[i].role == CON_POD)
			continue;
		if (link->to == CON_NONE) {
			assert_int_equal(model->to, ORRERY_IFACE_NONE);
			continue;
		}
		assert_int_equal(model->to, link->to + ID_OFFSET);
		assert_int_equal(model->up, link->up);
		assert_true(wall_s - model->t_s <= 10 || model->slope_ns_s == 0);
		delay_ns = model->delay_ns + model->slope_ns_s * (wall_s - model->t_s);
		worst = fmax(worst, fabs(delay_ns - sky_delay_ns(&world->probe, i, link->to)));
	}
	return worst;
}

static void check_run(const char *path, double speed, int n_epochs)
{
	struct world world;
	double step_s, worst = 0;

	world_init(&world, path, speed);
	step_s = fmin(matrix_longest_step_s(world.con, 2000), speed);
	for (int k = 0; k < n_epochs; k++) {
		const struct epoch *epoch = commit(&world, k * step_s, step_s);
		uint32_t n_up = 0;

		for (uint32_t i = 0; i < world.con->n_ifaces; i++)
			n_up += world.matrix.links[i].up;
		assert_int_equal(epoch->n_links_up, n_up);
		worst = fmax(worst, compare(&world, k * step_s));
		worst = fmax(worst, compare(&world, (k + 0.5) * step_s));
		worst = fmax(worst, compare(&world, (k + 0.999) * step_s));
	}
	// The curve's share, what is not worth a record, and rounding of slope and delay.
	assert_true(worst < 2000 + EPOCH_SLACK_NS + 10);
	assert_true(worst > 100);
	world_fini(&world);
}

static void test_model_follows_sky(void **state)
{
	check_run(SHIPPED("iridium"), 1, 900);
	check_run(SHIPPED("iridium"), 60, 900);
	check_run(SHIPPED("starlink-shell1"), 10, 60);
}

static void test_first_says_everything(void **state)
{
	struct world world;
	const struct epoch *epoch;
	uint32_t n_parameters = 0;

	world_init(&world, SHIPPED("iridium"), 1);
	epoch = commit(&world, 0, 1);
	assert_int_equal(epoch->n_records, world.con->n_ifaces - 2); // all but pod0
	assert_int_equal(epoch->n_handovers, 2);
	assert_int_equal(epoch->handovers[0].from, CON_NONE);
	for (uint32_t i = 0; i < epoch->n_records; i++) {
		const struct orrery_record *record = &epoch->records[i];

		assert_true((record->set & ORRERY_SET_TO) != 0);
		if (record->to == ORRERY_IFACE_NONE)
			continue;
		assert_int_equal(record->set, ORRERY_SET_ALL);
		n_parameters++;
	}
	assert_int_equal(n_parameters, 2 * 121 + 4);
	assert_int_equal(world.model[con_gsl_iface(world.con, 0, 0)].rate_kbps, 50000);
	assert_int_equal(world.model[0].rate_kbps, 100000);
	epoch_writer_reset(world.writer);
	epoch = commit(&world, 0, 1);
	assert_int_equal(epoch->n_records, world.con->n_ifaces - 2);
	assert_int_equal(epoch->n_handovers, 0); // nothing new of the sky
	world_fini(&world);
}

static void test_only_what_changed(void **state)
{
	struct world world;
	uint64_t n_records = 0;

	world_init(&world, SHIPPED("iridium"), 1);
	commit(&world, 0, 1);
	for (int k = 1; k < 100; k++) {
		const struct epoch *epoch = commit(&world, k, 1);

		for (uint32_t i = 0; i < epoch->n_records; i++) {
			uint32_t iface = epoch->records[i].from - ID_OFFSET;
			const struct con_iface *at = &world.con->ifaces[iface];

			// Satellites of one plane keep their distance.
			assert_false(at->role == CON_ISL && at->number < 2);
		}
		n_records += epoch->n_records;
	}
	// 110 directed links between planes; at 1 s most lines serve for several epochs.
	assert_true(n_records < 99 * 110 / 2);
	assert_true(n_records > 99 * 110 / 9); // and are said again after 8 s
	world_fini(&world);
}

// A handover changes three links and the fourth end in the same epoch.
static void test_handover_replugs_both_ends(void **state)
{
	struct world world;
	int n_handovers = 0;

	world_init(&world, SHIPPED("iridium"), 60);
	commit(&world, 0, 12);
	for (int k = 1; k < 400; k++) {
		const struct epoch *epoch = commit(&world, k * 12, 12);

		for (uint32_t i = 0; i < epoch->n_handovers; i++) {
			const struct epoch_handover *h = &epoch->handovers[i];
			uint32_t gsl = con_gsl_iface(world.con, h->station, h->number);
			uint32_t old_iface = con_gs_iface(world.con, h->from, h->station);
			uint32_t new_iface = con_gs_iface(world.con, h->to, h->station);

			n_handovers++;
			assert_int_equal(world.model[gsl].to, new_iface + ID_OFFSET);
			assert_int_equal(world.model[new_iface].to, gsl + ID_OFFSET);
			assert_int_equal(world.model[old_iface].to, ORRERY_IFACE_NONE);
			assert_true(world.model[gsl].up && world.model[new_iface].up);
			assert_int_equal(world.model[new_iface].rate_kbps, 50000);
		}
	}
	assert_true(n_handovers > 5);
	world_fini(&world);
}

static void test_shift(void **state)
{
	struct orrery_record records[] = {
	        {.set = ORRERY_SET_DELAY | ORRERY_SET_SLOPE,
	                .delay_ns = 1000000,
	                .slope_ns_s = -2000},
	        {.set = ORRERY_SET_DELAY | ORRERY_SET_SLOPE,
	                .delay_ns = 10,
	                .slope_ns_s = -2000000},
	        {.set = ORRERY_SET_UP, .delay_ns = 0},
	};

	epoch_shift(records, 3, 0.5);
	assert_int_equal(records[0].delay_ns, 999000);
	assert_int_equal(records[1].delay_ns, 0);
	assert_int_equal(records[2].delay_ns, 0);
	epoch_shift(records, 1, -0.5);
	assert_int_equal(records[0].delay_ns, 1000000);
}

static void test_link_parameters(void **state)
{
	struct world world;
	struct scenario_link *link;
	const struct orrery_record *record;

	world_init(&world, SHIPPED("iridium"), 1);
	link = &world.scenario.shells[0].isl.link;
	*link = (struct scenario_link){.rate_bps = 2500000499,
	        .queue_bytes = 64000,
	        .queue_pkts = 7,
	        .jitter_ns = 10000,
	        .jitter_corr = 0.5,
	        .loss = 1,
	        .loss_bad = 0.5,
	        .good_ns = 2000000,
	        .bad_ns = 1000,
	        .duplicate = 0.25,
	        .reorder = 1,
	        .allow_reorder = true,
	        .mtu = 1500};
	record = &commit(&world, 0, 1)->records[0];
	assert_int_equal(record->rate_kbps, 2500000);
	assert_int_equal(record->queue_bytes, 64000);
	assert_int_equal(record->queue_pkts, 7);
	assert_int_equal(record->jitter_ns, 10000);
	assert_int_equal(record->jitter_corr, 32768);
	assert_int_equal(record->loss, UINT32_MAX);
	assert_int_equal(record->loss_bad, 1u << 31);
	assert_int_equal(record->good_us, 2000);
	assert_int_equal(record->bad_us, 1);
	assert_int_equal(record->duplicate, 16384);
	assert_int_equal(record->reorder, UINT16_MAX);
	assert_int_equal(record->mtu, 1500);
	assert_int_equal(record->flags, ORRERY_LINK_UP | ORRERY_LINK_REORDER);
	world_fini(&world);
}

// A handover changes the rates of the other links of both satellites.
static void test_shared_beams(void **state)
{
	struct world world;
	unsigned n_shared = 0;

	world_init(&world, SHIPPED("antennas"), 1);
	for (int k = 0; k < 900; k++) {
		commit(&world, k, 1);
		for (uint32_t i = 0; i < world.con->n_ifaces; i++) {
			const struct matrix_link *link = &world.matrix.links[i];

			if (link->to == CON_NONE || world.con->ifaces[i].role == CON_POD)
				continue;
			assert_int_equal(world.model[i].to, ID_OFFSET + link->to);
			assert_int_equal(world.model[i].rate_kbps, link->rate_bps / 1000);
			n_shared += link->rate_bps == 60000000;
		}
	}
	assert_true(n_shared > 0);
	world_fini(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_model_follows_sky),
	        cmocka_unit_test(test_first_says_everything),
	        cmocka_unit_test(test_only_what_changed),
	        cmocka_unit_test(test_handover_replugs_both_ends),
	        cmocka_unit_test(test_shift),
	        cmocka_unit_test(test_link_parameters),
	        cmocka_unit_test(test_shared_beams),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
