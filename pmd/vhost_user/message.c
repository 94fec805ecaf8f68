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

static const struct rule rules[] = {
        [MESSAGE_GET_FEATURES] = {"GET_FEATURES", 0, U64, 0, 0, .answered = true},
        [MESSAGE_SET_FEATURES] = {"SET_FEATURES", U64, U64, 0, 0},
        [MESSAGE_SET_OWNER] = {"SET_OWNER", 0, U64, 0, 0},
        [MESSAGE_RESET_OWNER] = {"RESET_OWNER", 0, U64, 0, 0},
        [MESSAGE_SET_MEM_TABLE] = {"SET_MEM_TABLE", 8, MESSAGE_PAYLOAD_MAX, 0, MESSAGE_FDS_MAX},
        [MESSAGE_SET_VRING_NUM] = {"SET_VRING_NUM", STATE, STATE, 0, 0},
        [MESSAGE_SET_VRING_ADDR] = {"SET_VRING_ADDR", sizeof(struct message_vring_addr),
                sizeof(struct message_vring_addr), 0, 0},
        [MESSAGE_SET_VRING_BASE] = {"SET_VRING_BASE", STATE, STATE, 0, 0},
        [MESSAGE_GET_VRING_BASE] = {"GET_VRING_BASE", STATE, STATE, 0, 0, .answered = true},
        [MESSAGE_SET_VRING_KICK] = {"SET_VRING_KICK", U64, U64, 0, 1},
        [MESSAGE_SET_VRING_CALL] = {"SET_VRING_CALL", U64, U64, 0, 1},
        [MESSAGE_SET_VRING_ERR] = {"SET_VRING_ERR", U64, U64, 0, 1},
        [MESSAGE_GET_PROTOCOL_FEATURES] = {"GET_PROTOCOL_FEATURES", 0, U64, 0, 0, .answered = true},
        [MESSAGE_SET_PROTOCOL_FEATURES] = {"SET_PROTOCOL_FEATURES", U64, U64, 0, 0},
        [MESSAGE_GET_QUEUE_NUM] = {"GET_QUEUE_NUM", 0, U64, 0, 0, true, PROTOCOL_F_MQ},
        [MESSAGE_SET_VRING_ENABLE] = {"SET_VRING_ENABLE", STATE, STATE, 0, 0},
        [MESSAGE_NET_SET_MTU] = {"NET_SET_MTU", U64, U64, 0, 0, .needs = PROTOCOL_F_NET_MTU},
        [MESSAGE_GET_INFLIGHT_FD] = {"GET_INFLIGHT_FD", INFLIGHT_MIN,
                sizeof(struct message_inflight), 0, 0, true, PROTOCOL_F_INFLIGHT_SHMFD},
        [MESSAGE_SET_INFLIGHT_FD] = {"SET_INFLIGHT_FD", INFLIGHT_MIN,
                sizeof(struct message_inflight), 1, 1, false, PROTOCOL_F_INFLIGHT_SHMFD},
        [MESSAGE_RESET_DEVICE] = {"RESET_DEVICE", 0, U64, 0, 0, .needs = PROTOCOL_F_RESET_DEVICE},
        [MESSAGE_GET_MAX_MEM_SLOTS] = {"GET_MAX_MEM_SLOTS", 0, U64, 0, 0, true,
                PROTOCOL_F_CONFIGURE_MEM_SLOTS},
        [MESSAGE_ADD_MEM_REG] = {"ADD_MEM_REG", REGION, REGION, 1, 1, false,
                PROTOCOL_F_CONFIGURE_MEM_SLOTS},
        // some front ends send the region's descriptor once more
        [MESSAGE_REM_MEM_REG] = {"REM_MEM_REG", REGION, REGION, 0, 1, false,
                PROTOCOL_F_CONFIGURE_MEM_SLOTS},
        [MESSAGE_SET_STATUS] = {"SET_STATUS", U64, U64, 0, 0, .needs = PROTOCOL_F_STATUS},
        [MESSAGE_GET_STATUS] = {"GET_STATUS", 0, U64, 0, 0, true, PROTOCOL_F_STATUS},
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
