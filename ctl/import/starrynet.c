/* SPDX-License-Identifier: BSD-3-Clause */
// StarryNet: a matrix of delays for each second, satellites first, then ground stations.
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "import.h"
#include "json_text.h"
#include "scan.h"
#include "sink.h"

#define S_NS 1000000000ull
#define MS_NS 1000000ull
#define NODES_MAX 8192
#define DELAY_MAX_NS 1000000000000ull // before scaling
#define FILES_MAX 1000000
#define GSL_NONE_NS 10000 // StarryNet takes ground links of 0.01 ms and less for none

struct class
{ // links between satellites, or to the ground
	double rate_gbps, loss_percent;
};

struct starrynet {
	struct import *import;
	uint32_t orbits, per_orbit;
	uint32_t n_sats, n_nodes;
	uint32_t n_files; // matrices
	bool configured;
	double n_stations; // of the configuration; -1: it does not say
	double duration_s; // the same
	struct class isl, gsl;
	uint32_t *cells; // [n_nodes * n_nodes] interface + 1; 0: never linked
	bool *linked; // [n_nodes * n_nodes]
	uint64_t n_ups, n_downs; // of ground links, both ends as one, after the first matrix
};

// --- what the constellation is ------------------------------------------------------------------

struct config_key {
	const char *name;
	double min, max, preset;
	double *value;
};

static int read_config(struct starrynet *star, const char *name)
{
	double orbits = 0, sats = 0;
	const struct config_key keys[] = {
	        {"# of orbit", 1, NODES_MAX, 0, &orbits},
	        {"# of satellites", 1, NODES_MAX, 0, &sats},
	        {"Duration (s)", 1, FILES_MAX, -1, &star->duration_s},
	        {"GS number", 0, NODES_MAX, -1, &star->n_stations},
	        {"satellite link bandwidth (\"X\" Gbps)", 0, 4000, 0, &star->isl.rate_gbps},
	        {"sat-ground bandwidth (\"X\" Gbps)", 0, 4000, 0, &star->gsl.rate_gbps},
	        {"satellite link loss (\"X\"% )", 0, 100, 0, &star->isl.loss_percent},
	        {"sat-ground loss (\"X\"% )", 0, 100, 0, &star->gsl.loss_percent},
	};
	json_t *config;
	int err = json_text_read(star->import->source, name, &config, star->import->fault);

	if (err != 0)
		return err;
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]) && err == 0; i++) {
		const struct config_key *key = &keys[i];

		if (json_text_real(json_object_get(config, key->name), key->min, key->max,
		            key->preset, key->value) != 0)
			err = fault_set(star->import->fault, -EINVAL, key->name,
			        "%.80s: key '%s': expected a number from %g to %g", name, key->name,
			        key->min, key->max);
	}
	json_decref(config);
	if (err != 0)
		return err;
	if (orbits < 1 || sats < 1 || orbits != floor(orbits) || sats != floor(sats))
		return fault_set(star->import->fault, -EINVAL, "# of orbit",
		        "%.80s: expected keys '# of orbit' and '# of satellites' with whole "
		        "numbers",
		        name);
	star->orbits = (uint32_t)orbits;
	star->per_orbit = (uint32_t)sats;
	star->configured = true;
	return 0;
}

// NAME-ORBITS-SATELLITES-ALTITUDE-INCLINATION-grid-LeastDelay
static int read_folder_name(struct starrynet *star)
{
	const char *path = star->import->source->path;
	char name[SOURCE_NAME_SIZE];
	struct span parts[16], rest;
	uint64_t orbits = 0, sats = 0;
	size_t n = 0;

	snprintf(name, sizeof(name), "%s", path);
	for (size_t len = strlen(name); len > 1 && name[len - 1] == '/'; len--)
		name[len - 1] = '\0';
	rest.at = strrchr(name, '/') != NULL ? strrchr(name, '/') + 1 : name;
	rest.len = strlen(rest.at);
	while (n < 16 && span_cut(&rest, '-', &parts[n]))
		n++;
	if (rest.at != NULL || n < 7 || span_u64(parts[n - 6], NODES_MAX, &orbits) != 0 ||
	        span_u64(parts[n - 5], NODES_MAX, &sats) != 0 || orbits == 0 || sats == 0)
		return fault_set(star->import->fault, -EINVAL, "config",
		        "%.120s: expected config.json in it, --config FILE, or a name such as "
		        "Starlink-5-5-550-53-grid-LeastDelay",
		        path);
	star->orbits = (uint32_t)orbits;
	star->per_orbit = (uint32_t)sats;
	return 0;
}

static int read_shape(struct starrynet *star)
{
	const char *config = star->import->options->config;
	int err;

	star->n_stations = star->duration_s = -1;
	if (config == NULL && source_has(star->import->source, "config.json"))
		config = "config.json";
	err = config != NULL ? read_config(star, config) : read_folder_name(star);
	if (err == 0 && (uint64_t)star->orbits * star->per_orbit > NODES_MAX)
		err = fault_set(star->import->fault, -ERANGE, "",
		        "%.100s: %u orbits of %u satellites; expected at most %d satellites",
		        config != NULL ? config : star->import->source->path, star->orbits,
		        star->per_orbit, NODES_MAX);
	star->n_sats = star->orbits * star->per_orbit;
	return err;
}

static int count_files(struct starrynet *star)
{
	uint64_t most_s = FILES_MAX, wanted_ns = star->import->options->duration_ns;
	char name[40];

	if (star->duration_s > 0)
		most_s = (uint64_t)star->duration_s;
	if (wanted_ns != 0 && (wanted_ns + S_NS - 1) / S_NS < most_s)
		most_s = (wanted_ns + S_NS - 1) / S_NS;
	for (star->n_files = 0; star->n_files < most_s; star->n_files++) {
		snprintf(name, sizeof(name), "delay/%u.txt", star->n_files + 1);
		if (!source_has(star->import->source, name))
			break;
	}
	if (star->n_files == 0)
		return fault_set(star->import->fault, -ENOENT, "",
		        "%.200s/delay/1.txt: there is none; expected a matrix of delays a second",
		        star->import->source->path);
	if (star->duration_s > 0 && star->n_files < most_s)
		return fault_set(star->import->fault, -ENOENT, "",
		        "%.200s/%s: there is none; expected one for each of %llu s",
		        star->import->source->path, name, (unsigned long long)most_s);
	return 0;
}

// --- matrices -----------------------------------------------------------------------------------

static bool is_gsl(const struct starrynet *star, uint32_t from, uint32_t to)
{
	return from >= star->n_sats || to >= star->n_sats;
}

static int add_nodes(struct starrynet *star, const struct scan *scan)
{
	char name[40];
	uint32_t node;
	int err = 0;

	if (star->n_nodes < star->n_sats ||
	        (star->n_stations >= 0 && star->n_nodes - star->n_sats != star->n_stations)) {
		(void)scan_wrong(scan,
		        "a matrix of %u nodes; expected %u satellites and %.0f stations",
		        star->n_nodes, star->n_sats, fmax(star->n_stations, 0));
		return -EINVAL;
	}
	star->cells = calloc((size_t)star->n_nodes * star->n_nodes + 1, sizeof(*star->cells));
	star->linked = calloc((size_t)star->n_nodes * star->n_nodes + 1, sizeof(*star->linked));
	if (star->cells == NULL || star->linked == NULL) {
		(void)fault_set(star->import->fault, -ENOMEM, "", "import: out of memory");
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < star->n_nodes && err == 0; i++) {
		if (i < star->n_sats)
			snprintf(name, sizeof(name), "sat-%u-%u", i / star->per_orbit,
			        i % star->per_orbit);
		else
			snprintf(name, sizeof(name), "gs-%u", i - star->n_sats);
		err = sink_add_node(star->import->sink, (struct span){name, strlen(name)}, &node);
	}
	return err;
}

static int find_ends(struct starrynet *star, uint32_t a, uint32_t b)
{
	uint32_t *there = &star->cells[(size_t)a * star->n_nodes + b];
	uint32_t *back = &star->cells[(size_t)b * star->n_nodes + a];
	uint32_t iface = 0;
	int err = sink_get_iface_to(star->import->sink, a, b, 0, &iface);

	*there = iface + 1;
	if (err == 0)
		err = sink_get_iface_to(star->import->sink, b, a, 0, &iface);
	*back = iface + 1;
	return err;
}

static void set_class(
        const struct starrynet *star, uint32_t a, uint32_t b, struct orrery_record *record)
{
	const struct class *class = is_gsl(star, a, b) ? &star->gsl : &star->isl;

	record->rate_kbps = (uint32_t)llround(class->rate_gbps * 1e6);
	record->loss = import_share(class->loss_percent / 100);
}

static int set_cell(
        struct starrynet *star, const struct scan *scan, uint32_t a, uint32_t b, uint64_t ns)
{
	size_t at = (size_t)a * star->n_nodes + b;
	struct orrery_record *record;
	bool link = ns > (is_gsl(star, a, b) ? GSL_NONE_NS : 0);
	char where[160];
	int err;

	if (!link && !star->linked[at])
		return 0;
	if (a < b && is_gsl(star, a, b)) {
		star->n_ups += link && !star->linked[at];
		star->n_downs += !link;
	}
	star->linked[at] = link;
	if (star->cells[at] == 0) {
		err = find_ends(star, a, b);
		if (err != 0)
			return err;
	}
	if (!link)
		return sink_unplug(star->import->sink, star->cells[at] - 1);
	err = sink_link(star->import->sink, star->cells[at] - 1,
	        star->cells[(size_t)b * star->n_nodes + a] - 1, &record);
	if (err != 0)
		return err;
	set_class(star, a, b, record);
	snprintf(where, sizeof(where), "%.100s:%u: column %u", scan->name, scan->line, b + 1);
	return import_delay(star->import, (double)ns, where, &record->delay_ns);
}

static uint32_t count_values(struct span line)
{
	struct span value;
	uint32_t n = 0;

	while (span_cut(&line, ',', &value))
		n++;
	return n;
}

static int read_row(struct starrynet *star, const struct scan *scan, struct span rest, uint32_t a)
{
	char text[SPAN_TEXT_SIZE];
	struct span value;
	uint32_t b = 0;
	uint64_t ns;
	int err = 0;

	while (err == 0 && span_cut(&rest, ',', &value)) {
		if (b == star->n_nodes)
			return scan_wrong(scan, "expected %u values; there are more", b);
		if (span_fixed(value, MS_NS, DELAY_MAX_NS, &ns) != 0)
			return scan_wrong(scan, "column %u: expected a delay in ms; got '%s'",
			        b + 1, span_text(value, text));
		if (a == b && ns != 0)
			return scan_wrong(scan, "column %u: expected 0: a node and itself", b + 1);
		err = set_cell(star, scan, a, b, ns);
		b++;
	}
	if (err == 0 && b != star->n_nodes)
		err = scan_wrong(scan, "has %u values; expected %u", b, star->n_nodes);
	return err;
}

static int read_rows(struct starrynet *star, struct scan *scan)
{
	struct span line;
	uint32_t a = 0;
	int err = 0;

	while (err == 0 && scan_line_of_data(scan, &line)) {
		if (star->cells == NULL) {
			star->n_nodes = count_values(line);
			if (star->n_nodes > NODES_MAX)
				return scan_wrong(scan, "%u nodes; expected at most %d",
				        star->n_nodes, NODES_MAX);
			err = add_nodes(star, scan);
		}
		if (err == 0 && a == star->n_nodes)
			return scan_wrong(scan, "expected %u rows; there are more", a);
		if (err == 0)
			err = read_row(star, scan, line, a++);
	}
	if (err == 0 && (a != star->n_nodes || a == 0))
		err = scan_wrong(scan, "has %u rows; expected %u", a, star->n_nodes);
	return err;
}

static int read_matrix(struct starrynet *star, uint32_t number)
{
	struct text text;
	struct scan scan;
	char name[40];
	int err;

	snprintf(name, sizeof(name), "delay/%u.txt", number);
	err = source_read(star->import->source, name, &text, star->import->fault);
	if (err != 0)
		return err;
	scan_init(&scan, &text, star->import->fault);
	err = sink_epoch(star->import->sink, (number - 1) * S_NS);
	if (err == 0)
		err = read_rows(star, &scan);
	text_fini(&text);
	if (number == 1)
		star->n_ups = star->n_downs = 0;
	return err;
}

// --- Topo_leo_change.txt ------------------------------------------------------------------------

struct topo {
	uint64_t n_adds, n_dels;
};

// "time 3:", "duration 2:", "add:", "del:", and lines "i-j" below the last two.
static int read_topo_line(const struct starrynet *star, const struct scan *scan, struct span line,
        uint64_t **counter, struct topo *topo)
{
	char text[SPAN_TEXT_SIZE];
	uint64_t i = 0, j = 0;
	struct span one;

	if (span_starts(line, "time ") || span_starts(line, "duration ") ||
	        span_starts(line, "end of the emulation")) {
		*counter = NULL;
		return 0;
	}
	if (span_is(line, "add:") || span_is(line, "del:")) {
		*counter = line.at[0] == 'a' ? &topo->n_adds : &topo->n_dels;
		return 0;
	}
	(void)span_cut(&line, '-', &one);
	if (*counter == NULL || line.at == NULL || span_u64(one, star->n_nodes, &i) != 0 ||
	        span_u64(span_trim(line), star->n_nodes, &j) != 0 || i == 0 || j == 0)
		return scan_wrong(scan,
		        "expected time, duration, add, del, or two node numbers from 1 to %u as in "
		        "3-26; got '%s'",
		        star->n_nodes, span_text(one, text));
	(**counter)++;
	return 0;
}

static int read_topo(struct starrynet *star)
{
	struct topo topo = {0, 0};
	uint64_t *counter = NULL;
	struct text text;
	struct scan scan;
	struct span line;
	int err;

	if (!source_has(star->import->source, "Topo_leo_change.txt"))
		return 0;
	err = source_read(star->import->source, "Topo_leo_change.txt", &text, star->import->fault);
	if (err != 0)
		return err;
	scan_init(&scan, &text, star->import->fault);
	while (err == 0 && scan_line_of_data(&scan, &line))
		err = read_topo_line(star, &scan, span_trim(line), &counter, &topo);
	text_fini(&text);
	if (err == 0)
		import_note(star->import, "topology",
		        "ground links follow the matrices (%llu come, %llu go); "
		        "Topo_leo_change.txt has %llu and %llu%s",
		        (unsigned long long)star->n_ups, (unsigned long long)star->n_downs,
		        (unsigned long long)topo.n_adds, (unsigned long long)topo.n_dels,
		        topo.n_adds == star->n_ups && topo.n_dels == star->n_downs
		                ? ", the same"
		                : ": not the same");
	return err;
}

// --- all ----------------------------------------------------------------------------------------

static void say_notes(const struct starrynet *star)
{
	import_note(star->import, "direction",
	        "row and column k are node k; the link from a to b has the delay in row a, column "
	        "b");
	import_note(star->import, "delay",
	        "ms, one way, as they stand; StarryNet makes them with 0.5868 c, 1.704 times too "
	        "long: --delay-scale 0.5868 is the speed of light");
	import_note(star->import, "time", "delay/N.txt holds from N - 1 s on%s",
	        star->import->options->interpolate ? ", in straight lines to the next" : "");
	import_note(star->import, "nodes",
	        "all are pods; row k (from 0) is sat-(k / %u)-(k %% %u), stations behind them "
	        "gs-0, "
	        "gs-1, ...",
	        star->per_orbit, star->per_orbit);
	if (star->configured)
		import_note(star->import, "links",
		        "rates of %g Gbit/s and loss of %g %% between satellites, %g and %g to the "
		        "ground (0 Gbit/s: no limit)",
		        star->isl.rate_gbps, star->isl.loss_percent, star->gsl.rate_gbps,
		        star->gsl.loss_percent);
	else
		import_note(star->import, "links", "no config.json: no limit of rate and no loss");
	import_note(star->import, "ground", "links of 0.01 ms and less are none");
}

static int run(struct starrynet *star)
{
	struct ephemeris_info info = {
	        .duration_ns = star->import->options->duration_ns, .step_ns = S_NS};
	int err = read_shape(star);

	if (err == 0)
		err = count_files(star);
	if (err != 0)
		return err;
	if (info.duration_ns == 0)
		info.duration_ns = star->n_files * S_NS;
	if (star->import->options->epoch_ns >= 0)
		info.epoch_ns = star->import->options->epoch_ns;
	say_notes(star);
	err = sink_begin(star->import->sink, &info);
	for (uint32_t i = 1; i <= star->n_files && err == 0; i++)
		err = read_matrix(star, i);
	return err == 0 ? read_topo(star) : err;
}

int import_starrynet(struct import *import)
{
	struct starrynet star = {.import = import};
	int err = run(&star);

	free(star.cells);
	free(star.linked);
	return err;
}
