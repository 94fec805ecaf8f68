/* SPDX-License-Identifier: BSD-3-Clause */
// Options: one table for getopt and for the help.
#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "frame.h"
#include "rng.h"
#include "units.h"

enum option_id {
	OPT_PORTS = 256,
	OPT_PATH,
	OPT_CLIENT,
	OPT_ACTIVE,
	OPT_NO_RECEIVE,
	OPT_MISBEHAVE,
	OPT_MISBEHAVE_SEED,
	OPT_PACKED,
	OPT_NO_MERGEABLE,
	OPT_EVENT_IDX,
	OPT_KICK,
	OPT_CALL,
	OPT_RING_SIZE,
	OPT_RING_ALIGN,
	OPT_BUFFER,
	OPT_HUGEPAGES,
	OPT_MTU,
	OPT_PEER,
	OPT_RATE,
	OPT_SIZE,
	OPT_FLOWS,
	OPT_PREFIXES,
	OPT_PREFIX_BASE,
	OPT_PRINT_ROUTES,
	OPT_SRC,
	OPT_DST,
	OPT_DST_MAC,
	OPT_L2,
	OPT_BURST,
	OPT_LOOP,
	OPT_CHECK_PAYLOAD,
	OPT_CPU,
	OPT_GAP,
	OPT_DURATION,
	OPT_WARMUP,
	OPT_INTERVAL,
	OPT_CONNECT,
	OPT_DRAIN,
	OPT_JSON,
	OPT_EXPECT_NO_LOSS,
	OPT_MAX_LOSS,
	OPT_CONTROL,
	OPT_SEED,
};

struct option_row {
	int id; // 0: a heading
	const char *name;
	const char *argument; // NULL: none
	const char *help;
};

static const struct option_row rows[] = {
        {0, "Ports", NULL, NULL},
        {OPT_PORTS, "ports", "N", "ports in all (2)"},
        {OPT_PATH, "path", "TEMPLATE", "socket of each port, %d its number (/run/podsim/p%d.sock)"},
        {OPT_CLIENT, "client", NULL, "connect to the switch's sockets; else listen for it"},
        {OPT_ACTIVE, "active", "N|LIST", "busy ports: the first N, or 0,4,10-13 (all)"},
        {OPT_NO_RECEIVE, "no-receive", "LIST", "ports that never offer a receive buffer"},
        {OPT_MISBEHAVE, "misbehave", "LIST", "ports that break the rules of vhost-user and virtio"},
        {OPT_MISBEHAVE_SEED, "misbehave-seed", "N", "of how they do (1)"},
        {0, "Rings", NULL, NULL},
        {OPT_PACKED, "packed", NULL, "packed rings; else split"},
        {OPT_RING_SIZE, "ring-size", "N", "descriptors of each ring, a power of two (256)"},
        {OPT_RING_ALIGN, "ring-align", "BYTES", "of each ring, a power of two (4096)"},
        {OPT_BUFFER, "buffer", "BYTES", "room for a frame in each buffer (2048 or --size)"},
        {OPT_NO_MERGEABLE, "no-mergeable", NULL, "do not take mergeable receive buffers"},
        {OPT_EVENT_IDX, "event-idx", NULL, "take EVENT_IDX"},
        {OPT_KICK, "kick", "none|eventfd", "how the switch is told of frames (none: it polls)"},
        {OPT_CALL, "call", "none|eventfd", "whether the switch shall tell of frames (none)"},
        {OPT_HUGEPAGES, "hugepages", NULL, "the memory file in hugepages"},
        {OPT_MTU, "mtu", "BYTES", "announce it with NET_MTU, where the switch takes it (none)"},
        {0, "Traffic", NULL, NULL},
        {OPT_PEER, "peer", "pair|ring|self", "whom a busy port sends to (pair)"},
        {OPT_RATE, "rate", "PPS|max", "frames a second of each busy port: 100k, 1.5M (max)"},
        {OPT_SIZE, "size", "SIZES", "frame bytes without FCS: 64, 64-1518, 64:7,594:4, imix (64)"},
        {OPT_FLOWS, "flows", "N", "flows of each busy port (1)"},
        {OPT_PREFIXES, "prefixes", "N", "/64 prefixes of all destinations together (one each)"},
        {OPT_PREFIX_BASE, "prefix-base", "PREFIX", "where they lie, /32 to /63 (fd00:1::/48)"},
        {OPT_PRINT_ROUTES, "print-routes", NULL, "print PREFIX PORT of each prefix and end"},
        {OPT_SRC, "src", "TEMPLATE", "source, %d or %x the port's number (fd00:2::)"},
        {OPT_DST, "dst", "TEMPLATE", "destination by the peer's number, instead of prefixes"},
        {OPT_DST_MAC, "dst-mac", "MAC", "of all frames, such as a router's (the peer's)"},
        {OPT_L2, "l2", NULL, "frames of an experimental type instead of IPv6"},
        {OPT_BURST, "burst", "N", "frames at a time, at most 64 (32)"},
        {OPT_LOOP, "loop", NULL, "send a burst and then only what comes back, unread"},
        {OPT_CHECK_PAYLOAD, "check-payload", NULL, "compare each byte, not only the headers"},
        {0, "Run", NULL, NULL},
        {OPT_CPU, "cpu", "N", "CPU of the sending thread (any)"},
        {OPT_GAP, "poll-gap", "TIME", "least time from poll to poll, at most 1ms (1us)"},
        {OPT_CONNECT, "connect-timeout", "TIME", "wait for the switch to take all ports (60s)"},
        {OPT_WARMUP, "warmup", "TIME", "traffic that does not count (0)"},
        {OPT_DURATION, "duration", "TIME", "traffic that counts (until SIGINT)"},
        {OPT_DRAIN, "drain", "TIME", "wait for the last frames at most (1s)"},
        {OPT_INTERVAL, "interval", "TIME", "a line of progress each (none)"},
        {OPT_JSON, "json", NULL, "the final report as JSON"},
        {OPT_EXPECT_NO_LOSS, "expect-no-loss", NULL, "exit 1 if a frame is lost or wrong"},
        {OPT_MAX_LOSS, "max-loss", "N", "exit 1 if more frames are lost"},
        {OPT_CONTROL, "control", "PATH", "socket for commands: report, reset, stop"},
        {OPT_SEED, "seed", "N", "of what is random (1)"},
        {'h', "help", NULL, "this"},
        {'V', "version", NULL, "the version"},
};

#define N_ROWS (sizeof(rows) / sizeof(rows[0]))

void options_help(void)
{
	printf("usage: orrery-podsim [OPTION]...\n\n"
	       "Many vhost-user drivers in one process, that send frames to each other and check\n"
	       "what arrives.\n");
	for (size_t i = 0; i < N_ROWS; i++) {
		char left[48];

		if (rows[i].id == 0) {
			printf("\n%s:\n", rows[i].name);
			continue;
		}
		snprintf(left, sizeof(left), "--%s %s", rows[i].name,
		        rows[i].argument != NULL ? rows[i].argument : "");
		printf("  %-28s %s\n", left, rows[i].help);
	}
	printf("\nTIME has a unit: 500ms, 10s, 2min. Commands on standard input (or --control):\n"
	       "report (JSON since the last one), reset, stop.\n");
}

// --- values ------------------------------------------------------------------------------------

int options_parse_ports(const char *text, uint32_t n, bool *ret_ports, struct fault *fault)
{
	const char *p = text;

	memset(ret_ports, 0, n * sizeof(*ret_ports));
	while (*p != '\0') {
		char *end;
		unsigned long low = strtoul(p, &end, 10), high = low;

		if (end == p || *p == '-' || *p == '+')
			return fault_set(fault, -EINVAL, "", "'%s' is not a list of ports", text);
		if (*end == '-') {
			p = end + 1;
			high = strtoul(p, &end, 10);
			if (end == p || *p == '-' || *p == '+')
				return fault_set(
				        fault, -EINVAL, "", "'%s' is not a list of ports", text);
		}
		if (high >= n || low > high)
			return fault_set(
			        fault, -EINVAL, "", "'%s': there are ports 0 to %u", text, n - 1);
		for (unsigned long i = low; i <= high; i++)
			ret_ports[i] = true;
		if (*end == ',' && end[1] != '\0')
			end++;
		else if (*end != '\0')
			return fault_set(fault, -EINVAL, "", "'%s' is not a list of ports", text);
		p = end;
	}
	return 0;
}

static int parse_size(const char *text, char **ret_end, struct options_size *ret_size)
{
	unsigned long low = strtoul(text, ret_end, 10), high = low, weight = 1;

	if (*ret_end == text || *text < '0' || *text > '9')
		return -EINVAL;
	if (**ret_end == '-')
		high = strtoul(*ret_end + 1, ret_end, 10);
	if (**ret_end == ':')
		weight = strtoul(*ret_end + 1, ret_end, 10);
	if (low < FRAME_BYTES_MIN || high > FRAME_BYTES_MAX || low > high || weight < 1 ||
	        weight > 1000)
		return -ERANGE;
	*ret_size = (struct options_size){(uint32_t)low, (uint32_t)high, (uint32_t)weight};
	return 0;
}

int options_parse_sizes(
        const char *text, struct options_size *sizes, uint32_t *ret_n, struct fault *fault)
{
	const char *p = strcmp(text, "imix") == 0 ? "64:7,594:4,1518:1" : text;
	uint32_t n = 0;

	for (;;) {
		char *end;
		int err = n < OPTIONS_SIZES_MAX ? parse_size(p, &end, &sizes[n]) : -E2BIG;

		if (err < 0)
			return fault_set(fault, err, "",
			        "'%s': sizes are %d to %d, as 64, 64-1518, 64:7,594:4 or imix",
			        text, FRAME_BYTES_MIN, FRAME_BYTES_MAX);
		n++;
		if (*end == '\0')
			break;
		if (*end != ',')
			return fault_set(fault, -EINVAL, "", "'%s' is not a list of sizes", text);
		p = end + 1;
	}
	*ret_n = n;
	return 0;
}

void options_size_table(const struct options_size *sizes, uint32_t n_sizes, uint64_t seed,
        uint16_t *table, uint32_t n)
{
	uint32_t total = 0, at = 0;
	struct rng rng;

	rng_seed(&rng, seed, /*stream*/ 1);
	for (uint32_t i = 0; i < n_sizes; i++)
		total += sizes[i].weight;
	for (uint32_t i = 0, sum = 0; i < n_sizes; i++) {
		sum += sizes[i].weight;
		for (; at < (uint64_t)n * sum / total; at++)
			table[at] = (uint16_t)(sizes[i].low +
			                       rng_next(&rng) % (sizes[i].high - sizes[i].low + 1));
	}
	for (uint32_t i = n - 1; i > 0; i--) {
		uint32_t j = (uint32_t)(rng_next(&rng) % (i + 1));
		uint16_t other = table[j];

		table[j] = table[i];
		table[i] = other;
	}
}

static int parse_rate(const char *text, double *ret_pps)
{
	char *end;
	double value = strtod(text, &end);

	if (strcmp(text, "max") == 0) {
		*ret_pps = 0;
		return 0;
	}
	if (end == text)
		return -EINVAL;
	if (*end == 'k' || *end == 'M') {
		value *= *end == 'k' ? 1e3 : 1e6;
		end++;
	}
	if (*end != '\0')
		return -EINVAL;
	if (!(value >= 0.01 && value <= 1e9))
		return -ERANGE;
	*ret_pps = value;
	return 0;
}

static int parse_mac(const char *text, uint8_t mac[6])
{
	int used = 0;

	if (sscanf(text, "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx%n", &mac[0], &mac[1], &mac[2],
	            &mac[3], &mac[4], &mac[5], &used) != 6 ||
	        text[used] != '\0')
		return -EINVAL;
	return 0;
}

// One %d (or, with `hex`, one %d or %x) and no other %.
static int check_template(const char *text, bool hex)
{
	const char *percent = strchr(text, '%');

	if (percent == NULL)
		return hex ? 0 : -EINVAL;
	if (percent[1] != 'd' && !(hex && percent[1] == 'x'))
		return -EINVAL;
	return strchr(percent + 1, '%') == NULL ? 0 : -EINVAL;
}

static int parse_word(const char *text, const char *const *words, int *ret_index)
{
	for (int i = 0; words[i] != NULL; i++) {
		if (strcmp(text, words[i]) == 0) {
			*ret_index = i;
			return 0;
		}
	}
	return -EINVAL;
}

static int parse_number(const char *text, uint64_t low, uint64_t high, uint64_t *ret)
{
	return units_parse_u64(text, low, high, ret);
}

// --- the command line --------------------------------------------------------------------------

struct late {
	const char *active, *no_receive, *misbehave; // need the number of ports
};

static int take_port_option(struct options *o, struct late *late, int id, const char *arg)
{
	uint64_t n = 0;
	int err = 0;

	switch (id) {
	case OPT_PORTS:
		err = parse_number(arg, 1, OPTIONS_PORTS_MAX, &n);
		o->n_ports = (uint32_t)n;
		return err;
	case OPT_PATH:
		o->path = arg;
		return check_template(arg, /*hex*/ false);
	case OPT_CLIENT:
		o->client = true;
		return 0;
	case OPT_ACTIVE:
		late->active = arg;
		return 0;
	case OPT_NO_RECEIVE:
		late->no_receive = arg;
		return 0;
	case OPT_MISBEHAVE:
		late->misbehave = arg;
		return 0;
	case OPT_MISBEHAVE_SEED:
		return parse_number(arg, 0, UINT64_MAX, &o->misbehave_seed);
	default:
		return -ENOENT;
	}
}

static int take_ring_option(struct options *o, int id, const char *arg)
{
	static const char *const notify[] = {"none", "eventfd", NULL};
	uint64_t n = 0;
	int err, word = 0;

	switch (id) {
	case OPT_PACKED:
		o->packed = true;
		return 0;
	case OPT_RING_SIZE:
		err = parse_number(arg, 4, 32768, &n);
		o->ring_size = (uint16_t)n;
		return err < 0 ? err : (n & (n - 1)) != 0 ? -EINVAL : 0;
	case OPT_RING_ALIGN:
		err = parse_number(arg, CACHE_LINE, 32768, &n);
		o->ring_align = (uint16_t)n;
		return err < 0 ? err : (n & (n - 1)) != 0 ? -EINVAL : 0;
	case OPT_BUFFER:
		err = parse_number(arg, FRAME_BYTES_MIN, 65536, &n);
		o->buffer_bytes = (uint32_t)n;
		return err;
	case OPT_NO_MERGEABLE:
		o->mergeable = false;
		return 0;
	case OPT_EVENT_IDX:
		o->event_idx = true;
		return 0;
	case OPT_KICK:
		err = parse_word(arg, notify, &word);
		o->kick = word;
		return err;
	case OPT_CALL:
		err = parse_word(arg, notify, &word);
		o->call = word;
		return err;
	case OPT_HUGEPAGES:
		o->hugepages = true;
		return 0;
	case OPT_MTU:
		err = parse_number(arg, 68, 65535, &n);
		o->mtu = (uint16_t)n;
		return err;
	default:
		return -ENOENT;
	}
}

static int take_traffic_option(struct options *o, int id, const char *arg, struct fault *fault)
{
	static const char *const peers[] = {"pair", "ring", "self", NULL};
	uint64_t n = 0;
	int err, word = 0;

	switch (id) {
	case OPT_PEER:
		err = parse_word(arg, peers, &word);
		o->peer = (enum options_peer)word;
		return err;
	case OPT_RATE:
		return parse_rate(arg, &o->rate_pps);
	case OPT_SIZE:
		return options_parse_sizes(arg, o->sizes, &o->n_sizes, fault);
	case OPT_FLOWS:
		err = parse_number(arg, 1, UINT32_MAX, &n);
		o->n_flows = (uint32_t)n;
		return err;
	case OPT_PREFIXES:
		err = parse_number(arg, 1, UINT32_MAX, &n);
		o->n_prefixes = (uint32_t)n;
		return err;
	case OPT_PREFIX_BASE:
		o->prefix_base = arg;
		return 0;
	case OPT_PRINT_ROUTES:
		o->print_routes = true;
		return 0;
	case OPT_SRC:
		o->src = arg;
		return check_template(arg, /*hex*/ true);
	case OPT_DST:
		o->dst = arg;
		return check_template(arg, /*hex*/ true);
	case OPT_DST_MAC:
		o->has_dst_mac = true;
		return parse_mac(arg, o->dst_mac);
	case OPT_L2:
		o->l2 = true;
		return 0;
	case OPT_BURST:
		err = parse_number(arg, 1, 64, &n);
		o->burst = (uint32_t)n;
		return err;
	case OPT_LOOP:
		o->loop = true;
		return 0;
	case OPT_CHECK_PAYLOAD:
		o->check_payload = true;
		return 0;
	default:
		return -ENOENT;
	}
}

static int take_run_option(struct options *o, int id, const char *arg)
{
	uint64_t n = 0;
	int err;

	switch (id) {
	case OPT_CPU:
		err = parse_number(arg, 0, 1023, &n);
		o->cpu = (int)n;
		return err;
	case OPT_GAP:
		err = units_parse_duration_ns(arg, &o->gap_ns);
		return err == 0 && o->gap_ns > 1000000 ? -ERANGE : err;
	case OPT_CONNECT:
		return units_parse_duration_ns(arg, &o->connect_ns);
	case OPT_WARMUP:
		return units_parse_duration_ns(arg, &o->warmup_ns);
	case OPT_DURATION:
		return units_parse_duration_ns(arg, &o->duration_ns);
	case OPT_DRAIN:
		return units_parse_duration_ns(arg, &o->drain_ns);
	case OPT_INTERVAL:
		return units_parse_duration_ns(arg, &o->interval_ns);
	case OPT_JSON:
		o->json = true;
		return 0;
	case OPT_EXPECT_NO_LOSS:
		o->max_loss = 0;
		return 0;
	case OPT_MAX_LOSS:
		return parse_number(arg, 0, UINT64_MAX - 1, &o->max_loss);
	case OPT_CONTROL:
		o->control_path = arg;
		return 0;
	case OPT_SEED:
		return parse_number(arg, 0, UINT64_MAX, &o->seed);
	default:
		return -ENOENT;
	}
}

static int take_option(
        struct options *o, struct late *late, int id, const char *arg, struct fault *fault)
{
	int err = take_port_option(o, late, id, arg);

	if (err == -ENOENT)
		err = take_ring_option(o, id, arg);
	if (err == -ENOENT)
		err = take_traffic_option(o, id, arg, fault);
	if (err == -ENOENT)
		err = take_run_option(o, id, arg);
	return err;
}

static int finish_lists(struct options *o, const struct late *late, struct fault *fault)
{
	uint64_t n = 0;
	int err = 0;

	o->busy = calloc(o->n_ports, sizeof(*o->busy));
	o->deaf = calloc(o->n_ports, sizeof(*o->deaf));
	o->hostile = calloc(o->n_ports, sizeof(*o->hostile));
	if (o->busy == NULL || o->deaf == NULL || o->hostile == NULL)
		return fault_set(fault, -ENOMEM, "", "no memory");
	if (late->active == NULL)
		memset(o->busy, true, o->n_ports * sizeof(*o->busy));
	else if (units_parse_u64(late->active, 0, o->n_ports, &n) == 0)
		memset(o->busy, true, n * sizeof(*o->busy));
	else
		err = options_parse_ports(late->active, o->n_ports, o->busy, fault);
	if (err == 0 && late->no_receive != NULL)
		err = options_parse_ports(late->no_receive, o->n_ports, o->deaf, fault);
	if (err == 0 && late->misbehave != NULL)
		err = options_parse_ports(late->misbehave, o->n_ports, o->hostile, fault);
	for (uint32_t i = 0; i < o->n_ports; i++)
		o->busy[i] = o->busy[i] && !o->hostile[i];
	return err;
}

static int finish(struct options *o, const struct late *late, struct fault *fault)
{
	uint32_t largest = 0;
	int err = finish_lists(o, late, fault);

	for (uint32_t i = 0; i < o->n_sizes; i++)
		largest = o->sizes[i].high > largest ? o->sizes[i].high : largest;
	if (o->buffer_bytes == 0)
		o->buffer_bytes = largest > 2048 ? largest : 2048;
	if (err == 0 && o->buffer_bytes < largest && (!o->mergeable || o->loop))
		err = fault_set(fault, -EINVAL, "",
		        "--size above --buffer needs mergeable buffers, and no --loop");
	return err;
}

static void make_getopt_table(struct option *table)
{
	size_t n = 0;

	for (size_t i = 0; i < N_ROWS; i++) {
		if (rows[i].id != 0)
			table[n++] = (struct option){rows[i].name,
			        rows[i].argument != NULL ? required_argument : no_argument, NULL,
			        rows[i].id};
	}
	table[n] = (struct option){0};
}

// What its line of the help says, which names the form and the limits.
static int fault_value(struct fault *fault, int err, int id, const char *value)
{
	size_t i = 0;

	while (i < N_ROWS - 1 && rows[i].id != id)
		i++;
	return fault_set(fault, err, "", "--%s: expected %s, %s; got '%s'", rows[i].name,
	        rows[i].argument, rows[i].help, value);
}

int options_parse(struct options *options, int argc, char *argv[], enum options_done *ret_done,
        struct fault *fault)
{
	struct option table[N_ROWS + 1];
	struct late late = {0};
	int id;

	*options = (struct options){.n_ports = 2,
	        .path = "/run/podsim/p%d.sock",
	        .mergeable = true,
	        .ring_size = 256,
	        .ring_align = 4096,
	        .sizes = {{64, 64, 1}},
	        .n_sizes = 1,
	        .n_flows = 1,
	        .burst = 32,
	        .prefix_base = "fd00:1::/48",
	        .src = "fd00:2::",
	        .cpu = -1,
	        .gap_ns = 1000,
	        .connect_ns = 60000000000,
	        .drain_ns = 1000000000,
	        .max_loss = UINT64_MAX,
	        .seed = 1,
	        .misbehave_seed = 1};
	*ret_done = OPTIONS_RUN;
	make_getopt_table(table);
	optind = 0;
	opterr = 0;
	while ((id = getopt_long(argc, argv, ":hV", table, NULL)) != -1) {
		int err;

		if (id == 'h' || id == 'V') {
			*ret_done = id == 'h' ? OPTIONS_HELP : OPTIONS_VERSION;
			return 0;
		}
		if (id == '?' || id == ':')
			return fault_set(fault, -EINVAL, "", "%s: %s", argv[optind - 1],
			        id == '?' ? "no such option" : "needs a value");
		if (fault != NULL)
			fault->code = 0;
		err = take_option(options, &late, id, optarg, fault);
		if (err < 0 && fault != NULL && fault->code != 0)
			return err;
		if (err < 0)
			return fault_value(fault, err, id, optarg);
	}
	if (optind < argc)
		return fault_set(fault, -EINVAL, "", "%s: no such argument", argv[optind]);
	return finish(options, &late, fault);
}

void options_fini(struct options *options)
{
	free(options->busy);
	free(options->deaf);
	free(options->hostile);
}
