/* SPDX-License-Identifier: BSD-3-Clause */
// Why a frame ended. Every frame freed in the data path has one of these; each is a counter that a
// user sees by link (drops on a link) or by worker and in total.
#pragma once

// X(symbol, name in the API and CLI, what it means)
#define DROP_REASONS(X)                                                                       \
	X(LINK_DOWN, "link_down", "the link was down")                                        \
	X(LINK_NONE, "link_none", "the interface has no link plugged in")                     \
	X(LINK_MTU, "link_mtu", "longer than the link's MTU")                                 \
	X(LINK_LOSS, "link_loss", "the link's loss model took it")                            \
	X(LINK_QUEUE, "link_queue", "no room in the link's queue")                            \
	X(WHEEL_HORIZON, "wheel_horizon", "would arrive beyond the wheel's horizon")          \
	X(WHEEL_FULL, "wheel_full", "no frame buffer left to hold it in flight")              \
	X(RING_FULL, "ring_full", "the ring to another worker was full")                      \
	X(PORT_NONE, "port_none", "the far interface has no port, or it went away")           \
	X(PORT_MTU, "port_mtu", "longer than the port's MTU")                                 \
	X(RUNT, "runt", "shorter than an Ethernet header")                                    \
	X(NOT_IPV6, "not_ipv6", "a router got something other than IPv6")                     \
	X(BAD_IPV6, "bad_ipv6", "malformed IPv6 header or length")                            \
	X(BAD_ADDRESS, "bad_address", "source or destination that must not be forwarded")     \
	X(NOT_FOR_US, "not_for_us", "unicast to another station's MAC address")               \
	X(HOP_LIMIT, "hop_limit", "hop limit reached zero")                                   \
	X(NO_ROUTE, "no_route", "no route to the destination")                                \
	X(NO_NEXT_HOP, "no_next_hop", "a route, but no path of links to its node")            \
	X(TOO_BIG, "too_big", "longer than the next link's MTU: packet too big sent")         \
	X(LOCAL_UNKNOWN, "local_unknown", "to the router itself, and nothing there wants it") \
	X(LOCAL_RATE, "local_rate", "answer suppressed by the ICMPv6 rate limit")             \
	X(CONSUMED, "consumed", "taken and answered by the router itself")

enum drop_reason {
#define X(symbol, name, text) DROP_##symbol,
	DROP_REASONS(X)
#undef X
	        DROP_REASON_COUNT
};

extern const char *const drop_reason_names[DROP_REASON_COUNT];
extern const char *const drop_reason_texts[DROP_REASON_COUNT];
