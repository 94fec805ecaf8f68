/* SPDX-License-Identifier: BSD-3-Clause */
// The commands. Everything that is said about a command is said here, once.
#include "cmd.h"
#include "ephemeris_cmd.h"
#include "import_cmd.h"
#include "scenario_cmd.h"

// One line a parameter reads best.
// clang-format off
#define OPTIONAL PARAMETER_OPTIONAL
#define REPEATED PARAMETER_REPEATED
#define LIST(...) ((const struct parameter[]){__VA_ARGS__, {.name = NULL}})

#define OPTION(name_, kind_, value_, param_, summary_) \
	{.name = name_, .kind = kind_, .value = value_, .param = param_, .summary = summary_}
#define ARG(name_, kind_, param_, flags_, summary_) \
	{.name = name_, .kind = kind_, .param = param_, .flags = flags_, .summary = summary_}

const struct parameter global_options[] = {
	{.name = "json", .letter = 'j', .summary = "print JSON, as the switch gave it"},
	{.name = "socket", .letter = 's', .kind = VALUE_FILE, .value = "PATH",
		.summary = "control socket; default $ORRERY_SOCKET, else /run/orrery/orrery.sock"},
	{.name = "timeout", .kind = VALUE_TEXT, .value = "DURATION",
		.summary = "longest wait for an answer of the switch; default 10s"},
	{.name = "help", .letter = 'h', .summary = "print help"},
	{.name = "version", .letter = 'V', .summary = "print the version of this program"},
	{.name = NULL},
};

#define ARG_NODE ARG("NODE", VALUE_NODE, "name", 0, "name of the node")
#define ARG_INTERFACE ARG("INTERFACE", VALUE_INTERFACE, "interface", 0, "NODE/INTERFACE, as in sat-3-17/isl0")
#define ARG_MATCH ARG("MATCH", VALUE_TEXT, "match", OPTIONAL, "pattern of names, such as 'sat-3-*'")
#define ARG_FROM ARG("FROM", VALUE_END, NULL, 0, \
	"NODE/INTERFACE the link leaves from; NODE alone where only one link is meant")
#define ARG_TO ARG("TO", VALUE_END, NULL, OPTIONAL, \
	"NODE/INTERFACE the link leads to; NODE alone where only one link is meant")
#define ARG_PREFIX ARG("PREFIX", VALUE_TEXT, "prefix", 0, "IPv6 prefix, as in fd00:3::/64")
#define KEYWORD_BOTH OPTION("both", VALUE_TRUE, NULL, "reverse", "the same for the link in the other direction")
#define KIND_CHOICE "pod router"
#define BACKEND_CHOICE "af_xdp vhost_user ethdev"
#define LEVEL_CHOICE "err warning notice info debug"

static const struct parameter link_keywords[] = {
	KEYWORD_BOTH,
	OPTION("up", VALUE_TRUE, NULL, "up", "frames pass"),
	OPTION("down", VALUE_FALSE, NULL, "up", "frames are dropped; what is in flight arrives"),
	OPTION("unplug", VALUE_NULL, NULL, "to", "take the link off the far interface"),
	OPTION("delay", VALUE_DURATION_NS, "DURATION", "delay_ns", "one way, from now on; the slope stays"),
	OPTION("slope", VALUE_SLOPE, "DURATION/s", "slope_ns_s", "change of the delay a second, as in -3.4us/s"),
	OPTION("jitter", VALUE_DURATION_NS, "DURATION", "jitter_ns", "standard deviation of a normal jitter"),
	OPTION("corr", VALUE_PROBABILITY, "SHARE", "jitter_corr", "correlation of one jitter with the next"),
	OPTION("rate", VALUE_RATE, "RATE", "rate_bps", "bits a second, as in 10gbit; unlimited"),
	{.name = "queue", .kind = VALUE_QUEUE, .value = "SIZE", .param = "queue", .flags = REPEATED,
		.summary = "room before the link: bytes as in 64k, packets as in 100p, or one after the other"},
	OPTION("loss", VALUE_PROBABILITY, "SHARE", "loss", "share of frames lost, as in 0.1%; with ge that of good times"),
	OPTION("ge", VALUE_NONE, NULL, NULL, "Gilbert-Elliott loss: good and bad follow, and loss-bad if not 100%"),
	OPTION("good", VALUE_DURATION_US, "DURATION", "good_us", "mean length of a good time; 0 switches Gilbert-Elliott off"),
	OPTION("bad", VALUE_DURATION_US, "DURATION", "bad_us", "mean length of an outage"),
	OPTION("loss-bad", VALUE_PROBABILITY, "SHARE", "loss_bad", "share of frames lost in an outage; 100% unless given"),
	OPTION("duplicate", VALUE_PROBABILITY, "SHARE", "duplicate", "share of frames that arrive twice"),
	OPTION("reorder", VALUE_PROBABILITY, "SHARE", "reorder", "share of frames that skip queue and delay"),
	OPTION("allow-reorder", VALUE_TRUE, NULL, "allow_reorder", "jitter and a shrinking delay may change the order"),
	OPTION("keep-order", VALUE_FALSE, NULL, "allow_reorder", "they may not"),
	OPTION("mtu", VALUE_INTEGER, "BYTES", "mtu", "longest frame without its Ethernet header; 0 is no limit"),
	{.name = NULL},
};

static const struct parameter port_keywords[] = {
	{.name = "node-kind", .kind = VALUE_CHOICE, .value = "KIND", .choices = KIND_CHOICE, .param = "node_kind",
		.summary = "add the node too if it is not there"},
	OPTION("netns", VALUE_FILE, "NETNS", NULL, "the pod's network namespace: a path, or a name as 'ip netns' has it"),
	OPTION("ifname", VALUE_TEXT, "NAME", "ifname", "name of the interface in the pod"),
	OPTION("mtu", VALUE_INTEGER, "BYTES", "mtu", "MTU of the interface in the pod"),
	OPTION("mac", VALUE_TEXT, "MAC", "mac", "its MAC address"),
	OPTION("owner", VALUE_TEXT, "TEXT", "owner", "a mark to find the port by, such as a container's id"),
	{.name = "address", .kind = VALUE_TEXT, .value = "ADDRESS/LEN", .param = "addresses", .flags = REPEATED,
		.summary = "address of the interface in the pod; may be given again"},
	{.name = "route", .kind = VALUE_TEXT, .value = "PREFIX", .flags = REPEATED,
		.summary = "route in the pod through this interface; may be given again"},
	{.name = "via", .kind = VALUE_TEXT, .value = "ADDRESS", .flags = REPEATED,
		.summary = "gateway of the route before it"},
	OPTION("socket", VALUE_TEXT, "PATH", "socket", "vhost_user: where it is; default one named after the interface"),
	OPTION("server", VALUE_TRUE, NULL, "socket_server", "vhost_user: the switch listens there; else it connects"),
	OPTION("queue-pairs", VALUE_INTEGER, "N", "queue_pairs", "vhost_user: at most so many; default 1"),
	OPTION("carrier", VALUE_TRUE, NULL, "carrier", "the pod sees it when the link from here is down or not plugged in"),
	OPTION("devargs", VALUE_TEXT, "TEXT", "devargs", "ethdev: DPDK's device and its arguments"),
	{.name = NULL},
};

#define MATRIX_ARG ARG("FILE", VALUE_FILE, NULL, 0, "the file; '-' is standard input")
#define MATRIX_OPTIONS LIST(OPTION("records", VALUE_NONE, NULL, NULL, "FILE holds binary records of 64 bytes"))
#define MATRIX_DETAIL \
	"All changes of FILE become visible at once, as one epoch, or none does. FILE is a JSON list of objects " \
	"with the parameters of link.set ([{\"from\": \"a/x\", \"delay_ns\": 4000000}, ...]), or lines as 'link set' " \
	"takes them ('a/x b/y delay 4ms', # begins a comment), or binary link records (see --records)."

#define SCENARIO_ARGS LIST(ARG("FILE", VALUE_FILE, NULL, 0, "scenario, see docs/scenarios.md"))
#define OPTION_AT OPTION("at", VALUE_TEXT, "T", NULL, \
	"time: 10min after the scenario's start, or in UTC; default its start")

#define EPHEMERIS_ARGS LIST(ARG("FILE", VALUE_FILE, NULL, 0, "ephemeris, see docs/ephemeris.md"))
#define OPTION_SPEED OPTION("speed", VALUE_TEXT, "N", NULL, "time of the file a second; default 1")

const struct command commands[] = {
	{.words = "node add", .summary = "Add a node, or interfaces to a node.", .run = cmd_node_add,
		.detail = "What is there already stays as it is. Another kind or address is an error.",
		.example = "  orrery node add sat-0-0 router address fd00::1 interface isl0 interface isl1",
		.args = LIST(ARG("NAME", VALUE_NODE, "name", 0, "name of the node, as in sat-3-17"),
			{.name = "KIND", .kind = VALUE_CHOICE, .choices = KIND_CHOICE, .param = "kind", .summary =
				"pod: frames go to a pod as they are; router: the switch forwards IPv6 for it"}),
		.keywords = LIST(OPTION("address", VALUE_TEXT, "ADDRESS", "address", "a router's own IPv6 address"),
			{.name = "interface", .kind = VALUE_TEXT, .value = "NAME", .param = "interfaces",
				.flags = REPEATED, .summary = "interface to add; may be given again"})},
	{.words = "node del", .summary = "Delete a node with its interfaces.", .run = cmd_node_del,
		.args = LIST(ARG_NODE),
		.options = LIST({.name = "force", .letter = 'f', .kind = VALUE_TRUE, .param = "force",
			.summary = "also with ports or links plugged in"})},
	{.words = "node show", .summary = "Show a node and its interfaces.", .run = cmd_node_show,
		.args = LIST(ARG_NODE)},
	{.words = "node list", .summary = "List nodes.", .run = cmd_node_list, .args = LIST(ARG_MATCH),
		.options = LIST({.name = "kind", .letter = 'k', .kind = VALUE_CHOICE, .value = "KIND",
			.choices = KIND_CHOICE, .param = "kind", .summary = "only nodes of this kind"})},
	{.words = "interface list", .summary = "List interfaces with their ports and links.",
		.run = cmd_interface_list, .args = LIST(ARG_MATCH)},

	{.words = "port add", .summary = "Add a port at an interface.", .run = cmd_port_add,
		.detail = "The interface is added if it is not there. With af_xdp the pod gets a network interface in its "
			"namespace; with vhost_user the switch connects to the socket of a DPDK pod or virtual machine, as often as "
			"that comes back, or listens for it. Repeating the same command changes nothing.",
		.example = "  orrery port add gs-bonn/eth0 af_xdp node-kind pod netns bonn ifname eth0 address fd00:1::2/64 \\\n"
			"      route ::/0 via fe80::1\n"
			"  orrery port add sat-0-0/vm0 vhost_user server socket /run/vm0.sock",
		.args = LIST(ARG_INTERFACE, {.name = "BACKEND", .kind = VALUE_CHOICE, .choices = BACKEND_CHOICE,
			.param = "backend", .flags = OPTIONAL, .summary = "driver; default af_xdp"}),
		.keywords = port_keywords},
	{.words = "port del", .summary = "Delete the port at an interface, or all ports of an owner.",
		.run = cmd_port_del,
		.args = LIST(ARG("INTERFACE", VALUE_INTERFACE, "interface", OPTIONAL, "NODE/INTERFACE of the port")),
		.options = LIST(OPTION("owner", VALUE_TEXT, "OWNER", "owner", "all ports with this owner instead"))},
	{.words = "port show", .summary = "Show a port with its counters.", .run = cmd_port_show,
		.args = LIST(ARG_INTERFACE)},
	{.words = "port list", .summary = "List ports.", .run = cmd_port_list, .args = LIST(ARG_MATCH),
		.options = LIST(OPTION("node", VALUE_NODE, "NODE", "node", "only ports of this node"),
			{.name = "backend", .kind = VALUE_CHOICE, .value = "BACKEND", .choices = BACKEND_CHOICE,
				.param = "backend", .summary = "only ports of this driver"},
			{.name = "state", .kind = VALUE_CHOICE, .value = "STATE", .choices = "up down waiting broken",
				.param = "state", .summary = "only ports in this state"},
			OPTION("owner", VALUE_TEXT, "PREFIX", "owner_prefix", "only ports whose owner begins so"))},

	{.words = "link set", .summary = "Plug a link, or change what is named and nothing else.",
		.run = cmd_link_set,
		.detail = "A link is one direction, FROM to TO; 'both' does the same for the other. A link that is not "
			"there is plugged, and up unless 'down' is said.",
		.example = "  orrery link set sat-0-0/isl0 sat-0-1/isl1 both delay 4ms jitter 100us rate 10gbit loss 0.1%\n"
			"  orrery link set sat-0-0 sat-0-1 delay 4.2ms slope -3.4us/s\n"
			"  orrery link set gs-bonn/eth0 ge good 10s bad 200ms loss-bad 100%",
		.args = LIST(ARG_FROM, ARG_TO), .keywords = link_keywords},
	{.words = "link del", .summary = "Unplug a link and forget its parameters.", .run = cmd_link_del,
		.args = LIST(ARG_FROM, ARG_TO), .keywords = LIST(KEYWORD_BOTH)},
	{.words = "link show", .summary = "Show a link with its parameters and counters.", .run = cmd_link_show,
		.args = LIST(ARG_FROM, ARG_TO)},
	{.words = "link list", .summary = "List links.", .run = cmd_link_list, .args = LIST(ARG_MATCH),
		.options = LIST(OPTION("node", VALUE_NODE, "NODE", "node", "only links that leave this node"),
			OPTION("up", VALUE_TRUE, NULL, "up", "only links that are up"),
			OPTION("down", VALUE_FALSE, NULL, "up", "only links that are down"))},
	{.words = "link pin", .summary = "Keep a link as it is set by hand.", .run = cmd_link_pin,
		.detail = "'play' and 'matrix commit' leave a pinned link alone; 'link set' and 'link del' do not. A pin "
			"lasts until 'link unpin', or until the interface is deleted; it does not outlast the switch.",
		.example = "  orrery link pin sat-0-0/isl0 sat-0-1/isl1 both\n  orrery link set sat-0-0/isl0 down",
		.args = LIST(ARG_FROM, ARG_TO), .keywords = LIST(KEYWORD_BOTH)},
	{.words = "link unpin", .summary = "Give a pinned link back: it takes the state of the file that plays.",
		.run = cmd_link_unpin, .args = LIST(ARG_FROM, ARG_TO), .keywords = LIST(KEYWORD_BOTH)},

	{.words = "route add", .summary = "Say which node, or which port, owns a prefix.", .run = cmd_route_add,
		.args = LIST(ARG_PREFIX, ARG("OWNER", VALUE_END, NULL, 0, "NODE, or NODE/INTERFACE of a port")),
		.keywords = LIST(OPTION("mac", VALUE_TEXT, "MAC", "mac", "MAC address of the pod behind the port"))},
	{.words = "route del", .summary = "Delete a route.", .run = cmd_route_del, .args = LIST(ARG_PREFIX)},
	{.words = "route list", .summary = "List routes.", .run = cmd_route_list,
		.args = LIST(ARG("MATCH", VALUE_TEXT, "match", OPTIONAL, "pattern of their nodes' names"))},
	{.words = "route get", .summary = "Show which route an address takes.", .run = cmd_route_get,
		.args = LIST(ARG("ADDRESS", VALUE_TEXT, "dst", 0, "IPv6 address"))},
	{.words = "route path", .summary = "Show the way from a node to an address, hop by hop.",
		.run = cmd_route_path,
		.detail = "While next hops are still computed, right after a change, it waits for them, for --timeout at "
			"most.",
		.args = LIST(ARG("FROM", VALUE_NODE, "from", 0, "node where the way begins"),
			ARG("ADDRESS", VALUE_TEXT, "dst", 0, "IPv6 address"))},
	{.words = "route policy", .summary = "Show or change how routers choose among paths, and when.",
		.run = cmd_route_policy,
		.detail = "Until the switch stops; its configuration has the keys of the group 'routing' for it.",
		.example = "  orrery route policy convergence 200ms\n"
			"  orrery route policy equal-paths flow equal-within 50us",
		.keywords = LIST(OPTION("convergence", VALUE_DURATION_NS, "D", "convergence_ns",
				"next hops follow the links so much later"),
			{.name = "equal-paths", .kind = VALUE_CHOICE, .value = "HOW", .choices = "one flow",
				.param = "equal_paths", .summary = "one: of equal paths the first; flow: all, by flow"},
			OPTION("equal-within", VALUE_DURATION_NS, "D", "equal_within_ns",
				"how much longer a path may be to count as equal"))},

	{.words = "matrix show", .summary = "Show the link matrix in figures.", .run = cmd_matrix_show},
	{.words = "matrix commit", .summary = "Change many links at once.", .run = cmd_matrix_commit,
		.detail = MATRIX_DETAIL, .args = LIST(MATRIX_ARG), .options = MATRIX_OPTIONS},
	{.words = "matrix check", .summary = "Say what 'matrix commit' would, and change nothing.",
		.run = cmd_matrix_check, .detail = MATRIX_DETAIL, .args = LIST(MATRIX_ARG), .options = MATRIX_OPTIONS},

	{.words = "play", .summary = "Play an ephemeris file into the switch.", .run = cmd_play,
		.detail = "The switch reads FILE, makes the nodes, interfaces and routes it names, and applies each epoch "
			"at its time until the end; the command returns at once. See 'play status', 'play stop'.",
		.example = "  orrery play shell1.ephemeris --speed 60 --loop",
		.args = EPHEMERIS_ARGS,
		.options = LIST(OPTION_SPEED,
			OPTION("from", VALUE_TEXT, "T", NULL, "time to begin at: 10min after the file's start, or in UTC"),
			OPTION("loop", VALUE_TRUE, NULL, "loop", "start over at the end"))},
	{.words = "play status", .summary = "Show what plays, where it is and how late.", .run = cmd_play_status},
	{.words = "play pause", .summary = "Stand still: delays keep their value.", .run = cmd_play_pause},
	{.words = "play resume", .summary = "Go on, or change the speed.", .run = cmd_play_resume,
		.options = LIST(OPTION("speed", VALUE_TEXT, "N", NULL, "from now on; default as before"))},
	{.words = "play seek", .summary = "Go to a time of the file.", .run = cmd_play_seek,
		.detail = "It plays on if it was playing.",
		.args = LIST(ARG("T", VALUE_TEXT, NULL, 0, "10min after the file's start, or in UTC"))},
	{.words = "play step", .summary = "Pause, and go to the next epoch.", .run = cmd_play_step,
		.args = LIST(ARG("N", VALUE_INTEGER, "epochs", OPTIONAL, "so many epochs; default 1"))},
	{.words = "play stop", .summary = "Forget the file; links stay as they are.", .run = cmd_play_stop,
		.options = LIST(OPTION("clean", VALUE_TRUE, NULL, "clean",
			"delete the nodes that 'play' made, with their ports and links"))},

	{.words = "verify", .summary = "Measure whether the switch does what an ephemeris file asks.", .run = cmd_verify,
		.detail = "While FILE plays. Compares all links in the switch with the file, sends stamped frames between ports "
			"of its own through a sample of links or from one router to another, and compares delay, loss and rate with "
			"the file's at the moment of each frame; then what every link has lost meanwhile. Exit status 1 if anything "
			"is outside. Needs root; see docs/verify.md.",
		.example = "  orrery verify iridium.eph\n  orrery verify iridium.eph bonn newyork --count 2000 --max-error 200us",
		.args = LIST(ARG("FILE", VALUE_FILE, NULL, 0, "ephemeris, see docs/ephemeris.md"),
			ARG("FROM", VALUE_NODE, NULL, OPTIONAL, "router where a path begins; default a sample of links"),
			ARG("TO", VALUE_NODE, NULL, OPTIONAL, "router where it ends")),
		.options = LIST(OPTION("links", VALUE_TEXT, "N", NULL, "size of the sample, to 64; default 8"),
			OPTION("count", VALUE_TEXT, "N", NULL, "frames through each; default 200"),
			OPTION("max-error", VALUE_TEXT, "D", NULL, "largest error of the median delay; default 500us"),
			OPTION("confidence", VALUE_TEXT, "P", NULL, "of the intervals of losses, together; default 0.999"))},

	{.words = "stats", .summary = "Show counters: what came, what went, what was dropped and why.",
		.run = cmd_stats, .options = LIST(
			{.name = "watch", .letter = 'w', .summary = "again and again, with what changed a second"},
			{.name = "interval", .letter = 'i', .kind = VALUE_TEXT, .value = "DURATION",
				.summary = "with --watch: time between two; default 1s"},
			{.name = "count", .letter = 'n', .kind = VALUE_TEXT, .value = "N",
				.summary = "with --watch: end after N"})},
	{.words = "stats drops", .summary = "Show each reason to drop a frame, its count and what it means.",
		.run = cmd_stats_drops},
	{.words = "stats workers", .summary = "Show the counters of each worker.", .run = cmd_stats_workers},
	{.words = "top", .summary = "Show the busiest links, ports or nodes, live.", .run = cmd_top,
		.detail = "Keys: l links, p ports, n nodes; t by traffic, d by drops; s stop and go; q quit.",
		.args = LIST({.name = "WHAT", .kind = VALUE_CHOICE, .choices = "links ports nodes", .param = "what",
			.flags = OPTIONAL, .summary = "what to show; default links"}),
		.options = LIST({.name = "by", .kind = VALUE_CHOICE, .value = "ORDER", .choices = "traffic drops",
				.param = "by", .summary = "what stands first; default traffic"},
			OPTION("limit", VALUE_INTEGER, "N", "limit", "at most so many rows; default what fits, or 20"),
			{.name = "once", .letter = '1', .summary = "print one page of text and end"})},
	{.words = "worker list", .summary = "List workers with their cores and what they serve.",
		.run = cmd_worker_list},

	{.words = "scenario check", .summary = "Check a scenario file.", .run = cmd_scenario_check,
		.detail = "Says file, line and key of the first thing that is wrong. Needs no switch.",
		.args = SCENARIO_ARGS},
	{.words = "scenario show", .summary = "Show satellites, links and delays at a time.",
		.run = cmd_scenario_show, .detail = "Needs no switch.",
		.example = "  orrery scenario show config/scenarios/iridium.scenario --at 10min",
		.args = SCENARIO_ARGS, .options = LIST(OPTION_AT)},
	{.words = "scenario path", .summary = "Compute the path and round trip between two nodes at a time.",
		.run = cmd_scenario_path, .detail = "From the geometry alone: needs no switch.",
		.example = "  orrery scenario path config/scenarios/iridium.scenario --from bonn --to newyork",
		.args = SCENARIO_ARGS,
		.options = LIST(OPTION("from", VALUE_TEXT, "NODE", NULL, "where the path starts"),
			OPTION("to", VALUE_TEXT, "NODE", NULL, "where it ends"), OPTION_AT,
			OPTION("speed", VALUE_TEXT, "N", NULL, "links move at this speed while the frame flies; default 1"))},
	{.words = "scenario run", .summary = "Play a scenario into the switch.", .run = cmd_scenario_run,
		.detail = "Makes the nodes that are missing, then commits epochs as the satellites move. Stops at the "
			"scenario's end, on SIGINT or SIGTERM; what it made stays unless --clean is given.",
		.example = "  orrery scenario run config/scenarios/iridium.scenario --speed 60",
		.args = SCENARIO_ARGS,
		.options = LIST(OPTION("speed", VALUE_TEXT, "N", NULL, "simulated seconds a second; default 1"),
			OPTION("from", VALUE_TEXT, "T", NULL, "time to begin at: 10min after the scenario's start, or in UTC"),
			OPTION("duration", VALUE_TEXT, "D", NULL, "simulated time to play; default to the scenario's end"),
			OPTION("clean", VALUE_NONE, NULL, NULL, "delete at the end what was made"))},
	{.words = "scenario clean", .summary = "Delete a scenario's nodes with their ports and links.",
		.run = cmd_scenario_clean, .args = SCENARIO_ARGS},

	{.words = "ephemeris build", .summary = "Compile a scenario into an ephemeris file.",
		.run = cmd_ephemeris_build,
		.detail = "Needs no switch. Events stand in the file at their time to the microsecond; delays are straight "
			"lines, written anew when one would be off by more than the tolerance. The same scenario and options "
			"give the same bytes, whatever the number of threads.",
		.example = "  orrery ephemeris build config/scenarios/iridium.scenario -o iridium.eph --duration 100min",
		.args = LIST(ARG("SCENARIO", VALUE_FILE, NULL, 0, "scenario, see docs/scenarios.md")),
		.options = LIST({.name = "output", .letter = 'o', .kind = VALUE_FILE, .value = "FILE",
				.summary = "the ephemeris to write; needed"},
			OPTION("duration", VALUE_TEXT, "D", NULL, "simulated time; default to the scenario's end"),
			OPTION("step", VALUE_TEXT, "D", NULL, "distance of the regular steps; default the scenario's"),
			OPTION("tolerance", VALUE_TEXT, "D", NULL, "largest error of a delay, from 10ns; default 250ns"),
			OPTION("seed", VALUE_TEXT, "N", NULL, "seed of the run's random choices; default that of the switch"),
			OPTION("threads", VALUE_TEXT, "N", NULL, "default one for each processor"))},
	{.words = "ephemeris import", .summary = "Make an ephemeris from files of another emulator.",
		.run = cmd_ephemeris_import,
		.detail = "Needs no switch. Says on standard error what it assumed and left out (with --json in the "
			"result); docs/import.md has the formats. Links of both directions become two links.",
		.example = "  orrery ephemeris import starrynet Starlink-5-5-550-53-grid-LeastDelay -o star.eph --delay-scale 0.5868",
		.args = LIST({.name = "FORMAT", .kind = VALUE_CHOICE,
				.choices = "celestial containerlab csv hypatia kne netsatbench starrynet theaterq",
				.summary = "what the files are of"},
			ARG("SOURCE", VALUE_FILE, NULL, 0, "file or folder")),
		.options = LIST({.name = "output", .letter = 'o', .kind = VALUE_FILE, .value = "FILE",
				.summary = "the ephemeris to write; needed"},
			OPTION("delay-scale", VALUE_TEXT, "X", NULL, "multiply all delays by X; default 1"),
			OPTION("duration", VALUE_TEXT, "D", NULL, "how long it lasts; default as long as the files say"),
			OPTION("epoch", VALUE_TEXT, "T", NULL, "time 0 in UTC; default what the files say, or 1970"),
			OPTION("interpolate", VALUE_NONE, NULL, NULL,
				"move delays in straight lines from one sample to the next"),
			OPTION("config", VALUE_FILE, "FILE", NULL, "starrynet: its config.json; default the one in SOURCE"),
			OPTION("return", VALUE_FILE, "FILE", NULL, "theaterq: trace of the other direction"),
			OPTION("from", VALUE_TEXT, "INTERFACE", NULL, "theaterq: where the link leaves; default a/link0"),
			OPTION("to", VALUE_TEXT, "INTERFACE", NULL, "theaterq: where it arrives; default b/link0"))},
	{.words = "ephemeris info", .summary = "Show what an ephemeris file holds, in figures.",
		.run = cmd_ephemeris_info, .detail = "Checks the whole file. Needs no switch.", .args = EPHEMERIS_ARGS},
	{.words = "ephemeris dump", .summary = "Print the links of an ephemeris and their changes over time.",
		.run = cmd_ephemeris_dump,
		.detail = "First all links at --from, then what changes until --to, as lines of 'link set'; with --json a "
			"line of JSON for each time.",
		.example = "  orrery ephemeris dump iridium.eph --from 10min --to 11min",
		.args = EPHEMERIS_ARGS,
		.options = LIST(OPTION("from", VALUE_TEXT, "T", NULL, "time to begin at: 10min after the start, or in UTC"),
			OPTION("to", VALUE_TEXT, "T", NULL, "time to end at; default the end"))},
	{.words = "ephemeris diff", .summary = "Say what differs between two ephemeris files.",
		.run = cmd_ephemeris_diff,
		.detail = "Compares header, nodes, interfaces, routes, and the links at all times by their names. Exit status "
			"1 if anything differs.",
		.example = "  orrery ephemeris diff before.eph after.eph --tolerance 1us",
		.args = LIST(ARG("FILE", VALUE_FILE, NULL, 0, "an ephemeris"),
			ARG("OTHER", VALUE_FILE, NULL, 0, "another")),
		.options = LIST(OPTION("tolerance", VALUE_TEXT, "D", NULL,
				"delays that differ by no more count as the same; default 0ns"),
			OPTION("limit", VALUE_TEXT, "N", NULL, "differences of links to list; default 20"))},

	{.words = "version", .summary = "Show the versions of this program and of the switch.",
		.run = cmd_version},
	{.words = "shutdown", .summary = "Stop the switch.", .run = cmd_shutdown,
		.detail = "What becomes of the pods' interfaces says on_stop of its configuration, unless said here.",
		.options = LIST(OPTION("keep", VALUE_TRUE, NULL, "keep",
				"leave the pods' interfaces for the next switch to adopt"),
			OPTION("remove", VALUE_FALSE, NULL, "keep", "delete them"))},
	{.words = "log level", .summary = "Show or set how much the switch logs.", .run = cmd_log_level,
		.args = LIST({.name = "LEVEL", .kind = VALUE_CHOICE, .choices = LEVEL_CHOICE, .param = "level",
			.flags = OPTIONAL, .summary = "least level that is logged"})},
	{.words = "config check", .summary = "Check a configuration file as the switch would.",
		.run = cmd_config_check,
		.detail = "Runs 'orrery-vswitch -t FILE', from beside this program or from $PATH. Needs no running switch.",
		.args = LIST(ARG("FILE", VALUE_FILE, NULL, 0, "configuration file; '-' is standard input"))},
	{.words = "config show", .summary = "Show the configuration in force, as JSON.", .run = cmd_config_show},
	{.words = "doctor", .summary = "Check this host: limits, memory, cores, kernel features.",
		.run = cmd_doctor,
		.detail = "Says of each: ok, warn or fail, the value, why it matters, and the command that mends it. "
			"Needs no running switch; as root it checks more. Exit status 1 only when something fails.",
		.options = LIST(OPTION("ports", VALUE_INTEGER, "N", "ports", "how many ports the host shall carry; default 10000"))},

	{.words = "bench attach", .summary = "Attach thousands of pod interfaces and say what each cost.",
		.run = cmd_bench_attach,
		.detail = "Makes network namespaces, attaches af_xdp interfaces to them one after the other, as a "
			"container runtime would, and detaches them. Prints the time of the first, the last, the median "
			"and the slow ones, and the memory of switch and kernel. Needs root and a running switch.",
		.options = LIST(OPTION("pods", VALUE_INTEGER, "N", "pods", "namespaces; default 2000"),
			OPTION("interfaces", VALUE_INTEGER, "N", "interfaces", "interfaces of each; default 5"),
			OPTION("keep", VALUE_TRUE, NULL, "keep", "stay attached until interrupted, for another measurement"))},

	{.words = "call", .summary = "Call any method of the control socket; print the result as JSON.",
		.run = cmd_call, .example = "  orrery call link.list '{\"node\": \"sat-0-0\"}'",
		.args = LIST(ARG("METHOD", VALUE_METHOD, NULL, 0, "as in docs/api.md"),
			ARG("PARAMS", VALUE_TEXT, NULL, OPTIONAL, "a JSON object; '-' is standard input"))},
	{.words = "completion", .summary = "Print the completion script for a shell.", .run = cmd_completion,
		.example = "  eval \"$(orrery completion bash)\"",
		.args = LIST({.name = "SHELL", .kind = VALUE_CHOICE, .choices = "bash", .summary = "the shell"})},
	{.words = "help", .summary = "Show help about a command.", .run = cmd_help,
		.args = LIST(ARG("COMMAND", VALUE_COMMAND, NULL, OPTIONAL | REPEATED, "words of a command"))},
	{.words = "complete-line", .summary = "Candidates for $COMP_LINE.", .run = cmd_complete_line, .hidden = true},
	{.words = "man-page", .summary = "Print orrery(1) as roff.", .run = cmd_man_page, .hidden = true},
	{.words = NULL},
};
// clang-format on
