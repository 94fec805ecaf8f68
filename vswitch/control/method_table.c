/* SPDX-License-Identifier: BSD-3-Clause */
// The methods of the control API: what each takes, gives and does. docs/api.md is printed from
// here.
#include "handlers.h"
#include "player.h"
#include "port_ops.h"
#include "record.h"

#define END                  \
	{                    \
		.name = NULL \
	}
#define REQUIRED .required = true

#define PAGING                                                                        \
	{.name = "cursor",                                                            \
	        .type = PARAM_STRING,                                                 \
	        .max = 32,                                                            \
	        .summary = "next_cursor of the page before; absent: the first page"}, \
	        {.name = "limit",                                                     \
	                .type = PARAM_INT,                                            \
	                .min = 1,                                                     \
	                .max = PAGE_MAX,                                              \
	                .fallback = "500",                                            \
	                .summary = "items a page"},                                   \
	{                                                                             \
		.name = "match", .type = PARAM_STRING, .max = 256,                    \
		.summary = "only names that this glob matches: `sat-*/isl0`"          \
	}
#define PAGED                                                                                      \
	{"next_cursor", "string or null", "where the next page starts; null: this was the last"},  \
	{                                                                                          \
		"total", "integer",                                                                \
		        "items that match, on all pages; as it was when the first page was asked " \
		        "for"                                                                      \
	}

static const struct param no_params[] = {END};
static const struct result_field no_result[] = {END};

// --- the switch ---------------------------------------------------------------------------------

static const struct result_field version_result[] = {
        {"version", "string", "of the switch"},
        {"api", "integer", "of this interface: fields and methods are added, never changed"},
        {"instance", "string", "the switch's name"},
        {"pid", "integer", "its process"},
        {"dpdk", "string", "the DPDK it runs with"},
        {"uptime_s", "number", "since it started"},
        {"workers", "integer", "threads that run the data path"},
        {"memory", "string", "hugepages or plain"},
        {"socket", "string", "path of this socket"},
        END,
};

static const struct result_field api_methods_result[] = {
        {"items", "list of object", "name, summary, access, params, result of each method"},
        END,
};

static const struct param log_level_params[] = {
        {.name = "level",
                .type = PARAM_CHOICE,
                .choices = "err|warning|notice|info|debug",
                .summary = "the new level; absent: only ask"},
        END,
};

static const struct result_field log_level_result[] = {
        {"level", "string", "in force"},
        END,
};

static const struct result_field config_show_result[] = {
        {"...", "object", "the configuration in force, by the names of the file"},
        END,
};

static const struct param shutdown_params[] = {
        {.name = "keep",
                .type = PARAM_BOOL,
                .fallback = "on_stop of the configuration",
                .summary = "leave the pods' interfaces for the next switch"},
        END,
};

// --- nodes --------------------------------------------------------------------------------------

#define NODE_KINDS "pod|router"

static const struct param node_add_params[] = {
        {.name = "name", .type = PARAM_NODE, REQUIRED, .summary = "its name"},
        {.name = "kind",
                .type = PARAM_CHOICE,
                REQUIRED,
                .choices = NODE_KINDS,
                .summary = "`pod`: frames go to a pod as they are; `router`: Orrery forwards IPv6 "
                           "for it"},
        {.name = "address",
                .type = PARAM_ADDR6,
                .summary = "a router's own: source of its ICMPv6, and a /128 route to it"},
        {.name = "interfaces",
                .type = PARAM_LIST,
                .of = PARAM_IFACE,
                .max = 65535,
                .summary = "to have at least; missing ones are added"},
        END,
};

static const struct result_field node_add_result[] = {
        {"node", "node", "as node.show says"},
        {"created", "bool", "false: it was there"},
        END,
};

static const struct param node_del_params[] = {
        {.name = "name", .type = PARAM_NODE, REQUIRED, .summary = "the node"},
        {.name = "force",
                .type = PARAM_BOOL,
                .fallback = "false",
                .summary = "with its ports and links; else these make it busy"},
        END,
};

static const struct result_field deleted_result[] = {
        {"deleted", "bool", "false: there was none"},
        END,
};

static const struct param node_show_params[] = {
        {.name = "name", .type = PARAM_NODE, REQUIRED, .summary = "the node"},
        END,
};

static const struct result_field node_show_result[] = {
        {"node", "node",
                "id, name, kind, address (if it has one), transient: true (if it goes with its "
                "last "
                "port), interfaces: list of {id, name, port: its backend, to: the far end of its "
                "link}"},
        END,
};

static const struct param node_list_params[] = {
        {.name = "kind", .type = PARAM_CHOICE, .choices = NODE_KINDS, .summary = "only these"},
        PAGING,
        END,
};

static const struct result_field node_list_result[] = {
        {"items", "list of node", "by id"},
        PAGED,
        END,
};

static const struct param interface_list_params[] = {PAGING, END};

static const struct result_field interface_list_result[] = {
        {"items", "list of object",
                "id, ref (`node/interface`), kind of its node, worker, port: id of its port, to: "
                "far end "
                "of its link"},
        PAGED,
        END,
};

// --- ports --------------------------------------------------------------------------------------

static const struct param port_route_fields[] = {
        {.name = "dst", .type = PARAM_PREFIX6, REQUIRED, .summary = "destination"},
        {.name = "via", .type = PARAM_ADDR6, .summary = "gateway; absent: on link"},
        END,
};

static const struct param port_add_params[] = {
        {.name = "interface",
                .type = PARAM_REF,
                REQUIRED,
                .summary = "where to plug it in; the interface is made if it is not there"},
        {.name = "backend",
                .type = PARAM_STRING,
                REQUIRED,
                .min = 1,
                .max = 32,
                .summary = "`af_xdp`: a pod's veth; `vhost_user`: a DPDK pod or a virtual machine; "
                           "`ethdev`: a DPDK device"},
        {.name = "node_kind",
                .type = PARAM_CHOICE,
                .choices = NODE_KINDS,
                .summary = "make the node with this kind if it is not there. Such a node goes "
                           "with its last port, unless a link or route holds it or node.add "
                           "names it too"},
        {.name = "mtu",
                .type = PARAM_INT,
                .min = 1280,
                .max = 65535,
                .fallback = "1500",
                .summary = "bytes, at the pod's end"},
        {.name = "mac",
                .type = PARAM_MAC,
                .fallback = "derived from the interface's name",
                .summary = "of the pod's end"},
        {.name = "owner",
                .type = PARAM_STRING,
                .max = 191,
                .summary = "who asks, for port.del; the CNI plugin uses "
                           "`cni:NETWORK:CONTAINERID:IFNAME`"},
        {.name = "netns",
                .type = PARAM_STRING,
                .min = 1,
                .max = 4096,
                .fallback = "the first attached descriptor",
                .summary = "af_xdp: path of the pod's network namespace"},
        {.name = "ifname",
                .type = PARAM_STRING,
                .min = 1,
                .max = 15,
                .summary = "af_xdp: name of the interface in the pod"},
        {.name = "addresses",
                .type = PARAM_LIST,
                .of = PARAM_PREFIX6,
                .max = PORT_ADDRS_MAX,
                .summary = "of the pod's end: `fd00::2/64`. On a router each is a /128 route to "
                           "this port"},
        {.name = "routes",
                .type = PARAM_LIST,
                .of = PARAM_OBJECT,
                .fields = port_route_fields,
                .max = PORT_ROUTES_MAX,
                .summary = "in the pod"},
        {.name = "devargs",
                .type = PARAM_STRING,
                .min = 1,
                .max = 255,
                .summary = "ethdev: the device, `net_tap0,iface=x` or `0000:03:00.0`"},
        {.name = "socket",
                .type = PARAM_STRING,
                .min = 1,
                .max = PORT_SOCKET_SIZE - 1,
                .fallback = "made from the interface's name, in vhost_user.socket_dir",
                .summary = "vhost_user: path of the socket"},
        {.name = "socket_server",
                .type = PARAM_BOOL,
                .fallback = "false: the switch connects",
                .summary = "vhost_user: the switch listens, and the front end (QEMU) connects"},
        {.name = "queue_pairs",
                .type = PARAM_INT,
                .min = 1,
                .max = 8,
                .fallback = "1",
                .summary = "vhost_user: at most so many"},
        {.name = "carrier",
                .type = PARAM_BOOL,
                .fallback = "false",
                .summary = "the pod sees the link that leaves from its interface: without "
                           "carrier while that is down or not plugged in. Not on a router"},
        END,
};

static const struct result_field port_add_result[] = {
        {"port", "port", "as port.show says"},
        {"created", "bool", "false: owner, namespace and ifname have this port already"},
        END,
};

static const struct param port_del_params[] = {
        {.name = "interface", .type = PARAM_REF, .summary = "the port there; or:"},
        {.name = "owner",
                .type = PARAM_STRING,
                .min = 1,
                .max = 191,
                .summary = "all ports of this owner"},
        END,
};

static const struct result_field port_del_result[] = {
        {"deleted", "integer", "ports removed; 0: there was none"},
        END,
};

static const struct param port_show_params[] = {
        {.name = "interface", .type = PARAM_REF, REQUIRED, .summary = "where it is plugged in"},
        END,
};

static const struct result_field port_show_result[] = {
        {"port", "port",
                "id, interface, backend, mtu, mac, ifname, owner, worker, addresses, adopted (an "
                "earlier "
                "switch made it), gone (the pod's interface vanished), netns_inode, stats: "
                "{rx_pkts, rx_bytes, tx_pkts, tx_bytes, "
                "rx_dropped, "
                "rx_errors, tx_full, tx_errors, tx_peer_dropped}"},
        {"state", "string",
                "in port: `up`, `down` (the peer is not ready), `waiting` (for a peer) or "
                "`broken` (the peer broke the rules and is cut off)"},
        {"reason", "string", "in port: why, if there is more to say"},
        {"carrier", "bool", "in port: the pod sees whether its link is up"},
        {"carrier_up", "bool", "in port: what the pod was shown last"},
        {"details", "object", "in port: what else the driver tells, by name"},
        END,
};

static const struct param port_list_params[] = {
        {.name = "node", .type = PARAM_NODE, .summary = "only ports of this node"},
        {.name = "backend", .type = PARAM_STRING, .max = 32, .summary = "only these"},
        {.name = "state",
                .type = PARAM_CHOICE,
                .choices = "up|down|waiting|broken",
                .summary = "only ports in this state"},
        {.name = "owner_prefix",
                .type = PARAM_STRING,
                .max = 191,
                .summary = "only those whose owner starts so"},
        PAGING,
        END,
};

static const struct result_field port_list_result[] = {
        {"items", "list of port", "by id"},
        PAGED,
        END,
};

// --- links --------------------------------------------------------------------------------------

#define U32_MAX 4294967295.0

// How a record keeps shares.
#define STEP_Q16 (1 / 65536.0)
#define STEP_Q32 (1 / 4294967296.0)

#define LINK_FIELDS                                                                                \
	{.name = "up",                                                                             \
	        .type = PARAM_BOOL,                                                                \
	        .fallback = "true for a new link",                                                 \
	        .summary = "down: drops what has not left its queue; what is in flight arrives"},  \
	        {.name = "delay_ns",                                                               \
	                .type = PARAM_INT,                                                         \
	                .max = MATRIX_DELAY_MAX_NS,                                                \
	                .summary = "one way, from now on; moves on with the slope"},               \
	        {.name = "slope_ns_s",                                                             \
	                .type = PARAM_INT,                                                         \
	                .min = -2147483648.0,                                                      \
	                .max = 2147483647.0,                                                       \
	                .summary = "the delay changes by this much a second, for 10 s from "       \
	                           "the last change of either"},                                   \
	        {.name = "jitter_ns",                                                              \
	                .type = PARAM_INT,                                                         \
	                .max = 1000000000.0,                                                       \
	                .summary = "standard deviation of a normal jitter"},                       \
	        {.name = "jitter_corr",                                                            \
	                .type = PARAM_NUMBER,                                                      \
	                .max = 1,                                                                  \
	                .step = STEP_Q16,                                                          \
	                .summary = "correlation of successive jitters"},                           \
	        {.name = "rate_bps",                                                               \
	                .type = PARAM_INT,                                                         \
	                .max = 4294967295000.0,                                                    \
	                .summary = "bit/s in steps of 1000, frames with 24 bytes of preamble, "    \
	                           "gap and FCS; 0: unlimited"},                                   \
	        {.name = "queue_bytes",                                                            \
	                .type = PARAM_INT,                                                         \
	                .max = U32_MAX - 1,                                                        \
	                .summary =                                                                 \
	                        "waiting before the link; 0: 100 ms at the rate, at least 30000"}, \
	        {.name = "queue_pkts",                                                             \
	                .type = PARAM_INT,                                                         \
	                .max = U32_MAX - 1,                                                        \
	                .summary = "the same in frames; 0: no limit"},                             \
	        {.name = "loss",                                                                   \
	                .type = PARAM_NUMBER,                                                      \
	                .max = 1,                                                                  \
	                .step = STEP_Q32,                                                          \
	                .summary = "share of frames lost; with outages, in the good state"},       \
	        {.name = "loss_bad",                                                               \
	                .type = PARAM_NUMBER,                                                      \
	                .max = 1,                                                                  \
	                .step = STEP_Q32,                                                          \
	                .fallback = "1 when good_us is first set",                                 \
	                .summary = "share lost during an outage (Gilbert-Elliott)"},               \
	        {.name = "good_us",                                                                \
	                .type = PARAM_INT,                                                         \
	                .max = U32_MAX,                                                            \
	                .summary = "mean time between outages; 0: no outages"},                    \
	        {.name = "bad_us",                                                                 \
	                .type = PARAM_INT,                                                         \
	                .max = U32_MAX,                                                            \
	                .summary = "mean time of an outage"},                                      \
	        {.name = "duplicate",                                                              \
	                .type = PARAM_NUMBER,                                                      \
	                .max = 1,                                                                  \
	                .step = STEP_Q16,                                                          \
	                .summary = "share of frames that arrive twice"},                           \
	        {.name = "reorder",                                                                \
	                .type = PARAM_NUMBER,                                                      \
	                .max = 1,                                                                  \
	                .step = STEP_Q16,                                                          \
	                .summary = "share of frames that skip queue and delay"},                   \
	        {.name = "allow_reorder",                                                          \
	                .type = PARAM_BOOL,                                                        \
	                .summary = "jitter and a shrinking delay may reorder frames"},             \
	{                                                                                          \
		.name = "mtu", .type = PARAM_INT, .max = 65535,                                    \
		.summary = "longest frame without Ethernet header, bytes; 0: no limit"             \
	}

static const struct param link_set_params[] = {
        {.name = "from", .type = PARAM_REF, REQUIRED, .summary = "the link that leaves from here"},
        {.name = "to",
                .type = PARAM_REF_OR_NULL,
                .summary = "plug it in there; null: unplug it. A new link needs it"},
        {.name = "reverse",
                .type = PARAM_BOOL,
                .fallback = "false",
                .summary = "the same to the other direction"},
        LINK_FIELDS,
        END,
};

static const struct result_field link_set_result[] = {
        {"changed", "integer", "links that differ now"},
        {"epoch", "integer", "that has the change"},
        END,
};

static const struct param link_del_params[] = {
        {.name = "from", .type = PARAM_REF, REQUIRED, .summary = "the link that leaves from here"},
        {.name = "reverse",
                .type = PARAM_BOOL,
                .fallback = "false",
                .summary = "the other direction too"},
        END,
};

static const struct result_field link_del_result[] = {
        {"deleted", "integer", "links removed; 0: there was none"},
        END,
};

static const struct param link_show_params[] = {
        {.name = "from", .type = PARAM_REF, REQUIRED, .summary = "the link that leaves from here"},
        END,
};

static const struct result_field link_show_result[] = {
        {"link", "link",
                "id, from, to, the parameters of link.set, delay_now_ns (with the slope), pinned, "
                "worker, stats: "
                "{tx_pkts, tx_bytes, duplicates, in_flight_pkts, in_flight_bytes, drops: {reason: "
                "n}}"},
        END,
};

static const struct param link_pin_params[] = {
        {.name = "from", .type = PARAM_REF, REQUIRED, .summary = "the link that leaves from here"},
        {.name = "reverse",
                .type = PARAM_BOOL,
                .fallback = "false",
                .summary = "the other direction too, where its link leads to"},
        END,
};

static const struct result_field link_pin_result[] = {
        {"pinned", "integer", "links that were not"},
        {"total", "integer", "links that are pinned now"},
        END,
};

static const struct result_field link_unpin_result[] = {
        {"unpinned", "integer", "links that were pinned"},
        {"changed", "integer", "of them, links that took the state of the file that plays"},
        {"total", "integer", "links that are pinned now"},
        END,
};

static const struct param link_list_params[] = {
        {.name = "node", .type = PARAM_NODE, .summary = "only links that leave from this node"},
        {.name = "up", .type = PARAM_BOOL, .summary = "only links that are up, or down"},
        PAGING,
        END,
};

static const struct result_field link_list_result[] = {
        {"items", "list of link", "by id"},
        PAGED,
        END,
};

// --- the matrix ---------------------------------------------------------------------------------

static const struct param record_fields[] = {
        {.name = "from",
                .type = PARAM_REF_OR_ID,
                REQUIRED,
                .summary = "the link that leaves from here"},
        {.name = "to",
                .type = PARAM_REF_ID_OR_NULL,
                .summary = "plug it in there; null: unplug it"},
        LINK_FIELDS,
        END,
};

static const struct param matrix_params[] = {
        {.name = "records",
                .type = PARAM_LIST,
                .of = PARAM_OBJECT,
                .fields = record_fields,
                .max = 1000000,
                .summary = "one a link, with the fields of link.set; or:"},
        {.name = "fd",
                .type = PARAM_BOOL,
                .fallback = "false",
                .summary = "the records are in the attached memfd, 64 bytes each "
                           "(vswitch/api/record.h)"},
        {.name = "count", .type = PARAM_INT, .max = U32_MAX, .summary = "with fd: how many"},
        END,
};

static const struct result_field matrix_result_fields[] = {
        {"epoch", "integer", "that has the changes"},
        {"changed", "integer", "links that differ now"},
        {"pinned", "integer", "records left out since their link is pinned"},
        {"applied_us", "integer", "from reading the request until the last worker used the epoch"},
        {"needed_frames", "integer", "frame buffers that the whole matrix can need"},
        {"routes_pending", "bool", "paths are still being computed"},
        END,
};

static const struct result_field matrix_show_result[] = {
        {"epoch", "integer", "in force"},
        {"links", "integer", "that exist"},
        {"links_up", "integer", "that are up and plugged in"},
        {"links_pinned", "integer", "that are pinned"},
        {"needed_frames", "integer", "frame buffers that the matrix can need"},
        {"pool_frames", "integer", "frame buffers there are"},
        {"horizon_ns", "integer", "longest time a frame can be held"},
        {"max_delay_ns", "integer", "of all links that are up"},
        {"routes_epoch", "integer", "that the next hops were computed from"},
        END,
};

// --- the player ---------------------------------------------------------------------------------

#define TIME_MAX_NS 4611686018427387903.0

static const struct param player_load_params[] = {
        {.name = "path",
                .type = PARAM_STRING,
                .min = 1,
                .max = 4096,
                .summary = "the ephemeris file, as the switch sees it; or:"},
        {.name = "fd",
                .type = PARAM_BOOL,
                .fallback = "false",
                .summary = "the file is the attached descriptor"},
        {.name = "name",
                .type = PARAM_STRING,
                .min = 1,
                .max = 255,
                .fallback = "path",
                .summary = "what messages and player.status call it"},
        END,
};

static const struct param player_start_params[] = {
        {.name = "speed",
                .type = PARAM_NUMBER,
                .min = PLAYER_SPEED_MIN,
                .max = PLAYER_SPEED_MAX,
                .fallback = "1",
                .summary = "time of the file a second"},
        {.name = "from_ns",
                .type = PARAM_INT,
                .max = TIME_MAX_NS,
                .fallback = "0",
                .summary = "time of the file to begin at"},
        {.name = "loop",
                .type = PARAM_BOOL,
                .fallback = "false",
                .summary = "start over at the end"},
        END,
};

static const struct param player_resume_params[] = {
        {.name = "speed",
                .type = PARAM_NUMBER,
                .min = PLAYER_SPEED_MIN,
                .max = PLAYER_SPEED_MAX,
                .fallback = "as before",
                .summary = "from now on"},
        END,
};

static const struct param player_seek_params[] = {
        {.name = "time_ns",
                .type = PARAM_INT,
                REQUIRED,
                .max = TIME_MAX_NS,
                .summary = "time of the file"},
        END,
};

static const struct param player_step_params[] = {
        {.name = "epochs",
                .type = PARAM_INT,
                .min = 1,
                .max = 1000000,
                .fallback = "1",
                .summary = "how many"},
        END,
};

static const struct param player_stop_params[] = {
        {.name = "clean",
                .type = PARAM_BOOL,
                .fallback = "false",
                .summary = "delete the nodes that player.load made, with their ports and links"},
        END,
};

static const struct result_field player_stop_result[] = {
        {"stopped", "bool", "false: nothing was loaded"},
        {"deleted", "integer", "nodes"},
        END,
};

#define PLAYER_STATUS                                                                              \
	{"state", "string", "empty, loaded, playing, paused or ended"},                            \
	        {"name", "string", "of the file; this and what follows: if one is loaded"},        \
	        {"file", "object",                                                                 \
	                "scenario, producer, epoch_ns (UTC of its time 0, since 1970), "           \
	                "duration_ns, step_ns, tolerance_ns, seed, epochs, records, nodes, "       \
	                "interfaces, routes"},                                                     \
	        {"created", "object", "nodes, interfaces, routes that loading made"},              \
	        {"time_ns", "integer", "of the file, now"},                                        \
	        {"epoch", "integer", "number of the file's epoch in force, from 0"},               \
	        {"epoch_time_ns", "integer", "its time"},                                          \
	        {"speed", "number", "time of the file a second"},                                  \
	        {"loop", "bool", "starts over at the end"},                                        \
	        {"loops", "integer", "times it started over"},                                     \
	        {"applied", "integer", "epochs since it was started"},                             \
	        {"merged", "integer", "of them, overdue and published together with a later one"}, \
	        {"commits", "integer", "publications, those that renew slopes included"},          \
	        {"late", "integer", "epochs more than 1 ms late"},                                 \
	        {"late_us", "number", "of the last epoch: its time until all workers had it"},     \
	        {"late_max_us", "number", "the largest"},                                          \
	        {"routes_with_epoch", "integer",                                                   \
	                "epochs whose next hops came in their time, since the switch started"},    \
	        {"routes_late", "integer",                                                         \
	                "epochs whose next hops came later; they did not wait"},                   \
	        {"skipped_pinned", "integer", "changes left out since their link is pinned"},      \
	        {"skipped_gone", "integer", "changes left out since an interface was deleted"},    \
	{                                                                                          \
		"error", "string", "why it paused by itself, if it did"                            \
	}

static const struct result_field player_status_result[] = {PLAYER_STATUS, END};

// --- routes -------------------------------------------------------------------------------------

static const struct param route_add_params[] = {
        {.name = "prefix", .type = PARAM_PREFIX6, REQUIRED, .summary = "`fd00::/64`"},
        {.name = "node", .type = PARAM_NODE, .summary = "the router that owns it; or:"},
        {.name = "interface", .type = PARAM_REF, .summary = "the router's interface where it is"},
        {.name = "mac",
                .type = PARAM_MAC,
                .fallback = "that of the interface's port",
                .summary = "of the station at the interface"},
        END,
};

static const struct result_field route_add_result[] = {
        {"created", "bool", "false: it was there"},
        END,
};

static const struct param route_del_params[] = {
        {.name = "prefix", .type = PARAM_PREFIX6, REQUIRED, .summary = "the route"},
        END,
};

static const struct param route_list_params[] = {PAGING, END};

static const struct result_field route_list_result[] = {
        {"items", "list of object",
                "prefix, node, interface and mac (if at one), origin: static, node or port; "
                "`match` is for "
                "the node"},
        PAGED,
        END,
};

static const struct param route_get_params[] = {
        {.name = "dst", .type = PARAM_ADDR6, REQUIRED, .summary = "an address"},
        END,
};

static const struct result_field route_get_result[] = {
        {"prefix", "IPv6 prefix", "the longest that covers it"},
        {"node", "node name", "its owner"},
        {"interface", "node/interface", "where it is, if at one"},
        {"mac", "MAC address", "of the station there"},
        {"origin", "string", "static, node or port"},
        END,
};

static const struct param route_path_params[] = {
        {.name = "from", .type = PARAM_NODE, REQUIRED, .summary = "a router"},
        {.name = "dst", .type = PARAM_ADDR6, REQUIRED, .summary = "an address"},
        END,
};

static const struct result_field route_path_result[] = {
        {"hops", "list of object",
                "node, interface it leaves by, delay_ns of that link, ways if there are several; "
                "last: the owner"},
        {"delay_ns", "integer", "of the whole path, now"},
        END,
};

static const struct param route_policy_params[] = {
        {.name = "convergence_ns",
                .type = PARAM_INT,
                .max = PATHS_CONVERGENCE_MAX_NS,
                .summary = "next hops follow the links so much later; 0: in the same epoch"},
        {.name = "equal_paths",
                .type = PARAM_CHOICE,
                .choices = "one|flow",
                .summary = "flow: flows are spread over equal paths"},
        {.name = "equal_within_ns",
                .type = PARAM_INT,
                .max = PATHS_WITHIN_MAX_NS,
                .summary = "how much longer a path may be, at each router, to be equal"},
        END,
};

static const struct result_field route_policy_result[] = {
        {"convergence_ns", "integer", "these three: as they are now"},
        {"equal_paths", "string", "one or flow"},
        {"equal_within_ns", "integer", ""},
        {"computed", "integer", "tables of next hops, since the switch started"},
        {"published", "integer", "of them; the others were overtaken"},
        {"with_epoch", "integer",
                "epochs of files whose next hops came with their links, or in their time after "
                "them"},
        {"late", "integer", "epochs of files whose next hops came later"},
        {"compute_us", "number", "processor time of the last computation"},
        {"compute_max_us", "number", "of the longest"},
        END,
};

// --- counters -----------------------------------------------------------------------------------

static const struct result_field worker_list_result[] = {
        {"items", "list of object",
                "index, lcore, cpu, sleeping, queues, hot_queues, ports, stats"},
        END,
};

static const struct result_field stats_get_result[] = {
        {"epoch", "integer", "in force"},
        {"workers", "list of object", "counters of each worker"},
        {"total", "object", "rx_pkts, rx_bytes, tx_pkts, tx_bytes, wheel_pkts, icmp_sent"},
        {"drops", "object", "frames ended, by reason"},
        {"drop_texts", "object", "what the reasons mean"},
        {"drivers", "object", "counters of each port driver"},
        {"pool", "object", "frames: buffers there are; in_use"},
        {"control", "object", "clients, requests, dropped_clients"},
        {"player", "object",
                "state; if a file is loaded: time_ns, speed, applied, merged, late, "
                "late_us, late_max_us, as player.status"},
        END,
};

static const struct param stats_top_params[] = {
        {.name = "what",
                .type = PARAM_CHOICE,
                REQUIRED,
                .choices = "links|ports|nodes",
                .summary = "what to list"},
        {.name = "by",
                .type = PARAM_CHOICE,
                .choices = "traffic|drops",
                .fallback = "traffic",
                .summary = "what comes first"},
        {.name = "limit",
                .type = PARAM_INT,
                .min = 1,
                .max = PAGE_MAX,
                .fallback = "20",
                .summary = "items"},
        END,
};

static const struct result_field stats_top_result[] = {
        {"interval_ms", "integer", "that the rates are of; 0: sampling has just begun, ask again"},
        {"epoch", "integer", "in force"},
        {"totals", "object", "rx_pps, tx_pps, rx_bps, tx_bps, drop_pps"},
        {"player", "object", "as stats.get"},
        {"items", "list of object",
                "name, pps, bps, drop_pps; of links also to and in_flight_pkts. What a port's "
                "driver dropped is asked once a second (of n > 2,500 ports every n / 2500), and "
                "known up to 2 s after the first question"},
        END,
};

const struct method methods[] = {
        {"version", ACCESS_READ, "Which switch this is", no_params, version_result, handle_version},
        {"api.methods", ACCESS_READ, "The methods, as data", no_params, api_methods_result,
                handle_api_methods},
        {"node.add", ACCESS_WRITE, "Add a node, or interfaces to it; the same again is no error",
                node_add_params, node_add_result, handle_node_add},
        {"node.del", ACCESS_WRITE, "Remove a node and its interfaces", node_del_params,
                deleted_result, handle_node_del},
        {"node.show", ACCESS_READ, "One node", node_show_params, node_show_result,
                handle_node_show},
        {"node.list", ACCESS_READ, "All nodes, in pages", node_list_params, node_list_result,
                handle_node_list},
        {"interface.list", ACCESS_READ, "All interfaces, in pages", interface_list_params,
                interface_list_result, handle_interface_list},
        {"port.add", ACCESS_WRITE, "Plug a port into an interface; the same again is no error",
                port_add_params, port_add_result, handle_port_add},
        {"port.del", ACCESS_WRITE,
                "Unplug a port, or all of an owner; no frame passes any more, and a pod's "
                "interface "
                "vanishes some tens of ms later",
                port_del_params, port_del_result, handle_port_del},
        {"port.show", ACCESS_READ, "One port with its counters", port_show_params, port_show_result,
                handle_port_show},
        {"port.list", ACCESS_READ, "All ports, in pages", port_list_params, port_list_result,
                handle_port_list},
        {"link.set", ACCESS_WRITE, "Make or change a link; what is not named keeps its value",
                link_set_params, link_set_result, handle_link_set},
        {"link.del", ACCESS_WRITE, "Remove a link and forget its parameters", link_del_params,
                link_del_result, handle_link_del},
        {"link.show", ACCESS_READ, "One link with its counters", link_show_params, link_show_result,
                handle_link_show},
        {"link.list", ACCESS_READ, "All links, in pages", link_list_params, link_list_result,
                handle_link_list},
        {"link.pin", ACCESS_WRITE,
                "Keep a link as it is set by hand: player and matrix.commit leave it alone",
                link_pin_params, link_pin_result, handle_link_pin},
        {"link.unpin", ACCESS_WRITE, "Give a link back: it takes the state of the file that plays",
                link_pin_params, link_unpin_result, handle_link_unpin},
        {"matrix.commit", ACCESS_WRITE, "Change many links as one epoch, all or nothing",
                matrix_params, matrix_result_fields, handle_matrix_commit},
        {"matrix.check", ACCESS_READ, "What matrix.commit would say, changing nothing",
                matrix_params, matrix_result_fields, handle_matrix_check},
        {"matrix.show", ACCESS_READ, "The matrix in figures", no_params, matrix_show_result,
                handle_matrix_show},
        {"player.load", ACCESS_WRITE,
                "Read an ephemeris file, make or find the nodes, interfaces and routes it names",
                player_load_params, player_status_result, handle_player_load},
        {"player.start", ACCESS_WRITE, "Play the loaded file from a time on", player_start_params,
                player_status_result, handle_player_start},
        {"player.pause", ACCESS_WRITE, "Stand still: delays keep their value", no_params,
                player_status_result, handle_player_pause},
        {"player.resume", ACCESS_WRITE, "Go on, or change the speed", player_resume_params,
                player_status_result, handle_player_resume},
        {"player.seek", ACCESS_WRITE, "Go to a time of the file; it plays on if it was playing",
                player_seek_params, player_status_result, handle_player_seek},
        {"player.step", ACCESS_WRITE, "Pause, and go to the next epoch", player_step_params,
                player_status_result, handle_player_step},
        {"player.stop", ACCESS_WRITE, "Forget the file; links stay as they are", player_stop_params,
                player_stop_result, handle_player_stop},
        {"player.status", ACCESS_READ, "What plays, where it is and how late", no_params,
                player_status_result, handle_player_status},
        {"route.add", ACCESS_WRITE,
                "Give a prefix to a router or a station at it; the same again is no error",
                route_add_params, route_add_result, handle_route_add},
        {"route.del", ACCESS_WRITE, "Remove a route", route_del_params, deleted_result,
                handle_route_del},
        {"route.list", ACCESS_READ, "All routes, in pages", route_list_params, route_list_result,
                handle_route_list},
        {"route.get", ACCESS_READ, "The route to an address", route_get_params, route_get_result,
                handle_route_get},
        {"route.path", ACCESS_READ, "The path of least delay to an address", route_path_params,
                route_path_result, handle_route_path},
        {"route.policy", ACCESS_WRITE, "Ask for or set how routers choose among paths, and when",
                route_policy_params, route_policy_result, handle_route_policy},
        {"worker.list", ACCESS_READ, "The workers with their counters", no_params,
                worker_list_result, handle_worker_list},
        {"stats.get", ACCESS_READ, "All counters of the switch as a whole", no_params,
                stats_get_result, handle_stats_get},
        {"stats.top", ACCESS_READ, "What is busiest, or drops most, in the last second",
                stats_top_params, stats_top_result, handle_stats_top},
        {"log.level", ACCESS_WRITE, "Ask for or set the log level", log_level_params,
                log_level_result, handle_log_level},
        {"config.show", ACCESS_READ, "The configuration in force", no_params, config_show_result,
                handle_config_show},
        {"shutdown", ACCESS_WRITE, "Stop the switch", shutdown_params, no_result, handle_shutdown},
        END,
};
