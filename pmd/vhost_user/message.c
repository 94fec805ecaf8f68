/* SPDX-License-Identifier: BSD-3-Clause */
// One row a message: its size, its descriptors, whether it is answered.
#include "message.h"

#include <assert.h>
#include <errno.h>

static_assert(sizeof(struct message) == 8 + 8 + MESSAGE_PAYLOAD_MAX, "payload is aligned");
static_assert(offsetof(struct message, bytes) == 16, "the header is read into its three fields");
static_assert(sizeof(struct message_region) == 32, "as on the wire");
static_assert(sizeof(struct message_vring_addr) == 40, "as on the wire");

#define U64 sizeof(uint64_t)
#define STATE sizeof(struct message_vring_state)
#define REGION (U64 + sizeof(struct message_region))
#define INFLIGHT_MIN 20 // without the padding

struct rule {
	const char *name; // NULL: no such request
	uint16_t size_min, size_max;
	uint8_t fds_min, fds_max;
	bool answered;
	uint64_t needs;
};

#define SIZES(min, max) .size_min = (min), .size_max = (max)
#define FDS(min, max) .fds_min = (min), .fds_max = (max)
#define ADDR sizeof(struct message_vring_addr)
#define INFLIGHT sizeof(struct message_inflight)

static const struct rule rules[] = {
        [MESSAGE_GET_FEATURES] = {.name = "GET_FEATURES", SIZES(0, U64), .answered = true},
        [MESSAGE_SET_FEATURES] = {.name = "SET_FEATURES", SIZES(U64, U64)},
        [MESSAGE_SET_OWNER] = {.name = "SET_OWNER", SIZES(0, U64)},
        [MESSAGE_RESET_OWNER] = {.name = "RESET_OWNER", SIZES(0, U64)},
        [MESSAGE_SET_MEM_TABLE] = {.name = "SET_MEM_TABLE",
                SIZES(8, MESSAGE_PAYLOAD_MAX),
                FDS(0, MESSAGE_FDS_MAX)},
        [MESSAGE_SET_VRING_NUM] = {.name = "SET_VRING_NUM", SIZES(STATE, STATE)},
        [MESSAGE_SET_VRING_ADDR] = {.name = "SET_VRING_ADDR", SIZES(ADDR, ADDR)},
        [MESSAGE_SET_VRING_BASE] = {.name = "SET_VRING_BASE", SIZES(STATE, STATE)},
        [MESSAGE_GET_VRING_BASE] = {.name = "GET_VRING_BASE",
                SIZES(STATE, STATE),
                .answered = true},
        [MESSAGE_SET_VRING_KICK] = {.name = "SET_VRING_KICK", SIZES(U64, U64), FDS(0, 1)},
        [MESSAGE_SET_VRING_CALL] = {.name = "SET_VRING_CALL", SIZES(U64, U64), FDS(0, 1)},
        [MESSAGE_SET_VRING_ERR] = {.name = "SET_VRING_ERR", SIZES(U64, U64), FDS(0, 1)},
        [MESSAGE_GET_PROTOCOL_FEATURES] = {.name = "GET_PROTOCOL_FEATURES",
                SIZES(0, U64),
                .answered = true},
        [MESSAGE_SET_PROTOCOL_FEATURES] = {.name = "SET_PROTOCOL_FEATURES", SIZES(U64, U64)},
        [MESSAGE_GET_QUEUE_NUM] = {.name = "GET_QUEUE_NUM",
                SIZES(0, U64),
                .answered = true,
                .needs = PROTOCOL_F_MQ},
        [MESSAGE_SET_VRING_ENABLE] = {.name = "SET_VRING_ENABLE", SIZES(STATE, STATE)},
        [MESSAGE_NET_SET_MTU] = {.name = "NET_SET_MTU",
                SIZES(U64, U64),
                .needs = PROTOCOL_F_NET_MTU},
        [MESSAGE_GET_INFLIGHT_FD] = {.name = "GET_INFLIGHT_FD",
                SIZES(INFLIGHT_MIN, INFLIGHT),
                .answered = true,
                .needs = PROTOCOL_F_INFLIGHT_SHMFD},
        [MESSAGE_SET_INFLIGHT_FD] = {.name = "SET_INFLIGHT_FD",
                SIZES(INFLIGHT_MIN, INFLIGHT),
                FDS(1, 1),
                .needs = PROTOCOL_F_INFLIGHT_SHMFD},
        [MESSAGE_RESET_DEVICE] = {.name = "RESET_DEVICE",
                SIZES(0, U64),
                .needs = PROTOCOL_F_RESET_DEVICE},
        [MESSAGE_GET_MAX_MEM_SLOTS] = {.name = "GET_MAX_MEM_SLOTS",
                SIZES(0, U64),
                .answered = true,
                .needs = PROTOCOL_F_CONFIGURE_MEM_SLOTS},
        [MESSAGE_ADD_MEM_REG] = {.name = "ADD_MEM_REG",
                SIZES(REGION, REGION),
                FDS(1, 1),
                .needs = PROTOCOL_F_CONFIGURE_MEM_SLOTS},
        // some front ends send the region's descriptor once more
        [MESSAGE_REM_MEM_REG] = {.name = "REM_MEM_REG",
                SIZES(REGION, REGION),
                FDS(0, 1),
                .needs = PROTOCOL_F_CONFIGURE_MEM_SLOTS},
        [MESSAGE_SET_STATUS] = {.name = "SET_STATUS", SIZES(U64, U64), .needs = PROTOCOL_F_STATUS},
        [MESSAGE_GET_STATUS] = {.name = "GET_STATUS",
                SIZES(0, U64),
                .answered = true,
                .needs = PROTOCOL_F_STATUS},
};

static const struct rule *rule_of(uint32_t request)
{
	if (request >= sizeof(rules) / sizeof(rules[0]) || rules[request].name == NULL)
		return NULL;
	return &rules[request];
}

const char *message_name(uint32_t request)
{
	const struct rule *rule = rule_of(request);

	return rule != NULL ? rule->name : "unknown";
}

bool message_has_answer(uint32_t request)
{
	const struct rule *rule = rule_of(request);

	return rule != NULL && rule->answered;
}

uint64_t message_needs(uint32_t request)
{
	const struct rule *rule = rule_of(request);

	return rule != NULL ? rule->needs : 0;
}

int message_check_header(const struct message *m, struct fault *fault)
{
	const struct rule *rule = rule_of(m->request);

	if ((m->flags & MESSAGE_VERSION_MASK) != MESSAGE_VERSION)
		return fault_set(fault, -EPROTO, NULL, "a message of protocol version %u, not 1",
		        m->flags & MESSAGE_VERSION_MASK);
	if ((m->flags & MESSAGE_REPLY) != 0)
		return fault_set(fault, -EPROTO, NULL, "a reply (%s) that nobody asked for",
		        message_name(m->request));
	if (rule == NULL)
		return fault_set(fault, -EPROTO, NULL, "request %u is not known or was not offered",
		        m->request);
	if (m->size < rule->size_min || m->size > rule->size_max)
		return fault_set(fault, -EPROTO, NULL, "%s: %u bytes of payload, not %u to %u",
		        rule->name, m->size, rule->size_min, rule->size_max);
	return 0;
}

static int check_mem_table(const struct message *m, size_t n_fds, struct fault *fault)
{
	uint32_t n = m->mem_table.n_regions;

	if (n > MESSAGE_REGIONS_MAX || m->size != 8 + n * sizeof(struct message_region))
		return fault_set(
		        fault, -EPROTO, NULL, "SET_MEM_TABLE: %u regions in %u bytes", n, m->size);
	if (n_fds != n)
		return fault_set(fault, -EPROTO, NULL,
		        "SET_MEM_TABLE: %zu descriptors for %u regions", n_fds, n);
	return 0;
}

// The number says whether a descriptor comes along.
static int check_vring_fd(const struct message *m, size_t n_fds, struct fault *fault)
{
	bool expected = (m->u64 & VRING_FD_NONE) == 0;

	if (expected != (n_fds == 1))
		return fault_set(fault, -EPROTO, NULL, "%s: %s descriptor",
		        message_name(m->request), expected ? "no" : "an unannounced");
	if ((m->u64 & ~(uint64_t)(VRING_FD_INDEX_MASK | VRING_FD_NONE)) != 0)
		return fault_set(fault, -EPROTO, NULL, "%s: ring 0x%llx", message_name(m->request),
		        (unsigned long long)m->u64);
	return 0;
}

int message_check(const struct message *m, size_t n_fds, struct fault *fault)
{
	const struct rule *rule = rule_of(m->request);
	int ret = message_check_header(m, fault);

	if (ret < 0)
		return ret;
	if (n_fds < rule->fds_min || n_fds > rule->fds_max)
		return fault_set(fault, -EPROTO, NULL, "%s: %zu descriptors", rule->name, n_fds);
	switch (m->request) {
	case MESSAGE_SET_MEM_TABLE:
		return check_mem_table(m, n_fds, fault);
	case MESSAGE_SET_VRING_KICK:
	case MESSAGE_SET_VRING_CALL:
	case MESSAGE_SET_VRING_ERR:
		return check_vring_fd(m, n_fds, fault);
	default:
		return 0;
	}
}

void message_answer(struct message *m, uint32_t size)
{
	m->flags = MESSAGE_VERSION | MESSAGE_REPLY;
	m->size = size;
}

void message_answer_u64(struct message *m, uint64_t value)
{
	m->u64 = value;
	message_answer(m, U64);
}
