/* SPDX-License-Identifier: BSD-3-Clause */
// What importers make of the small files in golden/import, through the player: at many times the
// switch has the links of the ephemeris, whose delays are then those of the source.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "control_rig.h"
#include "ephemeris.h"
#include "import.h"
#include "player.h"

#define S_NS 1000000000ull
#define MS_NS 1000000ull
#define START_NS (1000 * S_NS)
#define N_LOOKS 40

struct sample {
	const char *format, *source;
	bool interpolate;
	uint32_t n_links; // at the start
};

static const struct sample samples[] = {
        {"celestial", "config.toml", false, 28},
        {"containerlab", "lab.clab.yml", false, 6},
        {"csv", "links.csv", false, 4},
        {"csv", "links.csv", true, 4},
        {"hypatia", "hypatia", false, 18},
        {"kne", "topo.pb.txt", false, 4},
        {"netsatbench", "netsatbench", false, 6},
        {"netsatbench", "netsatbench", true, 6},
        {"starrynet", "starrynet", false, 10},
        {"starrynet", "starrynet", true, 10},
        {"theaterq", "trace.csv", false, 2},
};

static struct control_rig rig;
static uint64_t clock_ns; // the test's

static uint64_t fake_now(void *arg)
{
	return clock_ns;
}

static uint64_t tsc_of(uint64_t ns)
{
	return 77 + (uint64_t)((unsigned __int128)ns * datapath_tsc_hz(rig.dp) / S_NS);
}

static uint64_t fake_tsc(void *arg)
{
	return tsc_of(clock_ns);
}

static void fake_wait(void *arg, uint64_t ns)
{
	clock_ns = ns;
}

static struct ephemeris *import(const struct sample *sample, const char *output, unsigned flags)
{
	struct import_options options = {.output = output,
	        .from = "a/link0",
	        .to = "b/link0",
	        .delay_scale = 1,
	        .epoch_ns = -1,
	        .interpolate = sample->interpolate};
	struct import_notes notes = {.n = 0};
	struct import_result result;
	struct source source;
	struct ephemeris *e = NULL;
	struct fault fault = {0};
	char path[512];

	snprintf(path, sizeof(path), "%s/tests/unit/golden/import/%s", ORRERY_SOURCE_ROOT,
	        sample->source);
	source = (struct source){.path = path};
	if (import_run(import_format_find(sample->format), &source, &options, &notes, &result,
	            &fault) != 0 ||
	        ephemeris_open(output, flags, &e, &fault) != 0)
		fail_msg("%s", fault.message);
	return e;
}

static void play_until(struct player *player, uint64_t ns)
{
	while (player_due_ns(player) <= ns) {
		if (player_due_ns(player) > clock_ns)
			clock_ns = player_due_ns(player);
		player_run(player);
	}
	if (ns > clock_ns)
		clock_ns = ns;
}

static uint32_t id_of(const struct ephemeris *e, uint32_t number)
{
	char ref[IFACE_REF_SIZE];
	struct iface *iface;

	snprintf(ref, sizeof(ref), "%s/%s", ephemeris_node_name(e, e->ifaces[number].node),
	        ephemeris_iface_name(e, number));
	assert_int_equal(model_ref_find(&rig.control->model, ref, "", &iface, NULL), 0);
	return iface->id;
}

// The switch's link is that of the file.
static void compare_link(const struct ephemeris *e, const struct ephemeris_links *links,
        uint32_t number, uint64_t t_ns)
{
	const struct link *link = matrix_link(rig.control->matrix, id_of(e, number));
	const struct orrery_record *want = &links->records[number];
	double off_ns;

	if (want->set == 0) {
		assert_true(link == NULL || link->record.to == ORRERY_IFACE_NONE);
		return;
	}
	assert_non_null(link);
	assert_int_equal(link->record.to, id_of(e, want->to));
	assert_int_equal(link->record.flags, want->flags);
	assert_int_equal(link->record.rate_kbps, want->rate_kbps);
	assert_int_equal(link->record.loss, want->loss);
	assert_int_equal(link->record.queue_pkts, want->queue_pkts);
	off_ns = (double)matrix_delay_now_ns(rig.control->matrix, link, tsc_of(clock_ns)) -
	         ephemeris_links_delay_ns(links, number, t_ns);
	assert_true(off_ns > -3 && off_ns < 3);
}

static void play_sample(const struct sample *sample)
{
	static const struct player_clock clock = {fake_now, fake_tsc, fake_wait, NULL};
	const struct control_rig_options rig_options = {.pool_frames = 4095};
	char folder[] = "/tmp/orrery-import-XXXXXX", path[64];
	struct ephemeris_links links = {0};
	struct ephemeris *e, *played;
	struct player_status status;
	struct fault fault = {0};

	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/file", folder);
	e = import(sample, path, 0);
	assert_int_equal(ephemeris_open(path, EPHEMERIS_COPY, &played, &fault), 0);
	assert_int_equal(ephemeris_links_init(&links, e->n_ifaces), 0);
	control_rig_open(&rig, &rig_options);
	clock_ns = START_NS;
	player_set_clock(rig.control->player, &clock);
	if (player_load(rig.control->player, played, "test", &fault) < 0 ||
	        player_begin(rig.control->player, &(struct player_start){1, 0, false}, &fault) < 0)
		fail_msg("%s: %s", sample->format, fault.message);
	for (uint64_t i = 0; i < N_LOOKS; i++) {
		uint64_t t_ns = i * (e->header->duration_ns - 1) / N_LOOKS;

		play_until(rig.control->player, START_NS + t_ns);
		t_ns = clock_ns - START_NS; // it waits for an epoch that is near
		ephemeris_links_seek(&links, e, t_ns);
		if (i == 0)
			assert_int_equal(links.n_plugged, sample->n_links);
		for (uint32_t k = 0; k < e->n_ifaces; k++)
			compare_link(e, &links, k, t_ns);
	}
	player_get_status(rig.control->player, &status);
	assert_int_equal(status.state, PLAYER_PLAYING);
	control_rig_close(&rig, false);
	ephemeris_links_fini(&links);
	ephemeris_close(e);
	unlink(path);
	assert_int_equal(rmdir(folder), 0);
}

static void test_samples(void **state)
{
	for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++)
		play_sample(&samples[i]);
}

// Between two matrices of 3.20 and 3.24 ms, and of 5.01 and 5.11 ms.
static void test_interpolate(void **state)
{
	const struct sample sample = {"starrynet", "starrynet", true, 10};
	char folder[] = "/tmp/orrery-import-XXXXXX", path[64];
	struct ephemeris_links links = {0};
	unsigned n_found = 0;
	struct ephemeris *e;

	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/file", folder);
	e = import(&sample, path, 0);
	assert_int_equal(ephemeris_links_init(&links, e->n_ifaces), 0);
	ephemeris_links_seek(&links, e, 250 * MS_NS);
	for (uint32_t i = 0; i < e->n_ifaces; i++) {
		double ns = links.records[i].set != 0
		                    ? ephemeris_links_delay_ns(&links, i, 250 * MS_NS)
		                    : 0;

		n_found += ns == 3210000 || ns == 5035000;
	}
	assert_int_equal(n_found, 4); // two cables, both directions
	ephemeris_links_fini(&links);
	ephemeris_close(e);
	unlink(path);
	assert_int_equal(rmdir(folder), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_samples),
	        cmocka_unit_test(test_interpolate),
	};

	control_rig_eal();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
