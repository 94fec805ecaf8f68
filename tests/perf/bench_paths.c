/* SPDX-License-Identifier: BSD-3-Clause */
// How long the next hops of a whole constellation take, on one core: satellites on circular orbits
// with a link to each of four neighbours, ground stations with links to the nearest satellites,
// every second another epoch in which all delays differ and some ground links are others.
//	orrery-bench-paths [--shells 1|5] [--ground N] [--dests N] [--epochs N] [--several] [--json]
// One shell is Starlink's first (72 x 22), five are its first generation (4,408 satellites).
// "from nothing" forgets the epoch before, "again" begins at it, "few" changes ground links only.
#include <getopt.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "paths.h"
#include "usage.h"
#include "view.h"

#define EARTH_KM 6378.135
#define MU_KM3_S2 398600.8
#define LIGHT_KM_S 299792.458
#define GROUND_LINKS 2
#define ISLS 4

struct shell {
	unsigned planes, per_plane;
	double altitude_km, inclination_deg;
};

static const struct shell shells[] = {{72, 22, 550, 53}, {72, 22, 540, 53.2}, {36, 20, 570, 70},
        {6, 58, 560, 97.6}, {4, 43, 560, 97.6}};

struct options {
	unsigned n_shells, n_ground, n_dests, n_epochs;
	bool several, json;
};

struct point {
	double x, y, z;
};

struct world {
	const struct options *options;
	unsigned n_sats, n_routers;
	struct point *points; // [n_routers]
	struct paths_link *links;
	unsigned n_isls; // the first of them
	struct paths_graph graph;
};

static void *must(void *memory)
{
	if (memory == NULL) {
		fprintf(stderr, "no memory\n");
		exit(1);
	}
	return memory;
}

static double radians(double degrees)
{
	return degrees * M_PI / 180;
}

static struct point satellite_at(const struct shell *s, unsigned plane, unsigned slot, double t_s)
{
	double r = EARTH_KM + s->altitude_km, speed = sqrt(MU_KM3_S2 / (r * r * r));
	double raan = 2 * M_PI * plane / s->planes, tilt = radians(s->inclination_deg);
	double u = 2 * M_PI * (slot + (double)(plane * 17 % s->planes) / s->planes) / s->per_plane +
	           speed * t_s;

	return (struct point){r * (cos(raan) * cos(u) - sin(raan) * sin(u) * cos(tilt)),
	        r * (sin(raan) * cos(u) + cos(raan) * sin(u) * cos(tilt)), r * sin(u) * sin(tilt)};
}

// Spread over the latitudes where the first shell is; the sphere turns.
static struct point ground_at(unsigned i, double t_s)
{
	double latitude = radians(-50 + fmod(i * 37.7, 100)), turn = 2 * M_PI / 86164 * t_s;
	double longitude = radians(fmod(i * 137.5, 360)) + turn;

	return (struct point){EARTH_KM * cos(latitude) * cos(longitude),
	        EARTH_KM * cos(latitude) * sin(longitude), EARTH_KM * sin(latitude)};
}

static void move(struct world *w, double t_s)
{
	unsigned n = 0;

	for (unsigned s = 0; s < w->options->n_shells; s++)
		for (unsigned p = 0; p < shells[s].planes; p++)
			for (unsigned k = 0; k < shells[s].per_plane; k++)
				w->points[n++] = satellite_at(&shells[s], p, k, t_s);
	for (unsigned i = 0; i < w->options->n_ground; i++)
		w->points[n++] = ground_at(i, t_s);
}

static double distance_km(const struct world *w, unsigned a, unsigned b)
{
	double x = w->points[a].x - w->points[b].x, y = w->points[a].y - w->points[b].y;
	double z = w->points[a].z - w->points[b].z;

	return sqrt(x * x + y * y + z * z);
}

static void set_delay(const struct world *w, struct paths_link *link)
{
	double km = distance_km(w, link->from_router, link->to_router);

	link->delay_ns = (uint32_t)(km / LIGHT_KM_S * 1e9 + 0.5);
}

static void link_satellites(struct world *w)
{
	unsigned base = 0, n = 0;

	for (unsigned s = 0; s < w->options->n_shells; s++) {
		unsigned planes = shells[s].planes, per = shells[s].per_plane;

		for (unsigned i = 0; i < planes * per; i++) {
			unsigned p = i / per, k = i % per;
			unsigned far[ISLS] = {p * per + (k + 1) % per,
			        p * per + (k + per - 1) % per, (p + 1) % planes * per + k,
			        (p + planes - 1) % planes * per + k};

			for (unsigned f = 0; f < ISLS; f++, n++)
				w->links[n] = (struct paths_link){.from_router = base + i,
				        .to_router = base + far[f],
				        .iface_id = n};
		}
		base += planes * per;
	}
	w->n_isls = n;
}

// To the nearest satellites, and back. A station keeps its interfaces, the satellites' are their
// own.
static unsigned link_ground(struct world *w, unsigned ground, unsigned n)
{
	unsigned best[GROUND_LINKS] = {0};

	for (unsigned sat = 0; sat < w->n_sats; sat++) {
		unsigned new = sat;

		for (unsigned k = 0; k < GROUND_LINKS; k++) {
			if (distance_km(w, ground, new) < distance_km(w, ground, best[k])) {
				unsigned old = best[k];

				best[k] = new;
				new = old;
			}
		}
	}
	for (unsigned k = 0; k < GROUND_LINKS; k++) {
		w->links[n] = (struct paths_link){.from_router = ground,
		        .to_router = best[k],
		        .iface_id = w->n_isls + 2 * k + 2 * GROUND_LINKS * (ground - w->n_sats)};
		w->links[n + 1] = (struct paths_link){.from_router = best[k],
		        .to_router = ground,
		        .iface_id = w->links[n].iface_id + 1};
		n += 2;
	}
	return n;
}

// The ISLs' delays too if `all`.
static void next_epoch(struct world *w, double t_s, bool all)
{
	unsigned n = w->n_isls;

	move(w, t_s);
	for (unsigned g = 0; g < w->options->n_ground; g++)
		n = link_ground(w, w->n_sats + g, n);
	for (unsigned i = all ? 0 : w->n_isls; i < n; i++)
		set_delay(w, &w->links[i]);
	w->graph.n_links = n;
}

static void open_world(struct world *w, const struct options *options)
{
	uint32_t *dests;

	*w = (struct world){.options = options};
	for (unsigned s = 0; s < options->n_shells; s++)
		w->n_sats += shells[s].planes * shells[s].per_plane;
	w->n_routers = w->n_sats + options->n_ground;
	w->points = must(calloc(w->n_routers, sizeof(w->points[0])));
	w->links = must(calloc((size_t)w->n_sats * ISLS + options->n_ground * GROUND_LINKS * 2ul,
	        sizeof(w->links[0])));
	dests = must(calloc(options->n_dests, sizeof(dests[0])));
	for (unsigned i = 0; i < options->n_dests; i++) // ground stations first
		dests[i] = (w->n_routers - 1 - i % w->n_routers);
	link_satellites(w);
	w->graph = (struct paths_graph){.n_routers = w->n_routers,
	        .links = w->links,
	        .n_dests = options->n_dests,
	        .dests = dests,
	        .several = options->several};
	next_epoch(w, 0, true);
}

static double now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (double)now.tv_sec * 1e3 + (double)now.tv_nsec * 1e-6;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

enum mode { FROM_NOTHING, AGAIN, FEW };

static void measure(struct world *w, enum mode mode, const char *name)
{
	static const _Atomic bool go;
	const struct options *o = w->options;
	struct paths_memory *memory = must(paths_memory_create());
	double *ms = must(calloc(o->n_epochs, sizeof(double)));
	unsigned long hops = 0;

	next_epoch(w, 0, true);
	free(must(paths_compute(memory, &w->graph, 0, &go)));
	for (unsigned e = 0; e < o->n_epochs; e++) {
		struct dp_nexthops *t;

		next_epoch(w, e + 1.0, mode != FEW);
		ms[e] = now_ms();
		t = must(paths_compute(mode == FROM_NOTHING ? NULL : memory, &w->graph, e, &go));
		ms[e] = now_ms() - ms[e];
		for (unsigned r = 0; r < w->n_routers; r++)
			hops += t->iface[r] != DP_NONE;
		free(t);
	}
	qsort(ms, o->n_epochs, sizeof(*ms), compare);
	printf(o->json ? "{\"case\":\"%s\",\"routers\":%u,\"links\":%u,\"dests\":%u,\"epochs\":%u,"
	                 "\"p50_ms\":%.2f,\"p99_ms\":%.2f,\"max_ms\":%.2f,\"reached\":%lu}\n"
	               : "%-13s %5u routers %6u links %5u destinations, %u epochs   "
	                 "p50 %8.2f ms   p99 %8.2f   max %8.2f   (%lu reach the first)\n",
	        name, w->n_routers, w->graph.n_links, o->n_dests, o->n_epochs, ms[o->n_epochs / 2],
	        ms[o->n_epochs * 99 / 100], ms[o->n_epochs - 1], hops / o->n_epochs);
	free(ms);
	paths_memory_destroy(memory);
}

static unsigned parse_number(const char *text, unsigned max)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	if (*end != '\0' || value == 0 || value > max) {
		fprintf(stderr, "expected a number from 1 to %u, not %s\n", max, text);
		exit(2);
	}
	return (unsigned)value;
}

int main(int argc, char **argv)
{
	static const struct option names[] = {{"shells", required_argument, NULL, 's'},
	        {"ground", required_argument, NULL, 'g'}, {"dests", required_argument, NULL, 'd'},
	        {"epochs", required_argument, NULL, 'e'}, {"several", no_argument, NULL, 'w'},
	        {"json", no_argument, NULL, 'j'}, {"help", no_argument, NULL, 'h'},
	        {NULL, 0, NULL, 0}};
	struct options o = {.n_shells = 1, .n_ground = 100, .n_dests = 200, .n_epochs = 50};
	struct world w;
	int c;

	while ((c = getopt_long(argc, argv, "", names, NULL)) != -1) {
		if (c == 's')
			o.n_shells = parse_number(optarg, sizeof(shells) / sizeof(shells[0]));
		else if (c == 'g')
			o.n_ground = parse_number(optarg, 10000);
		else if (c == 'd')
			o.n_dests = parse_number(optarg, 20000);
		else if (c == 'e')
			o.n_epochs = parse_number(optarg, 100000);
		else if (c == 'w')
			o.several = true;
		else if (c == 'j')
			o.json = true;
		else
			bench_usage(c, "[--shells 1|5] [--ground N] [--dests N] [--epochs N] "
			               "[--several] [--json]");
	}
	open_world(&w, &o);
	measure(&w, FROM_NOTHING, "from nothing");
	measure(&w, AGAIN, "again");
	measure(&w, FEW, "few");
	free(w.points);
	free(w.links);
	free((void *)(uintptr_t)w.graph.dests);
	return 0;
}
