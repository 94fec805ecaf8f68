/* SPDX-License-Identifier: BSD-3-Clause */
// What a host end's alias says about its port, for the next switch: text that "ip -d link" shows.
#pragma once

#include <linux/if_ether.h>
#include <stdint.h>

#include "fault.h"
#include "port_ops.h"

#define ALIAS_SIZE 256 // IFALIASZ

struct alias {
	char ref[PORT_REF_SIZE];
	char ifname[16];
	uint8_t mac[ETH_ALEN];
	uint64_t netns_inode;
	char owner[192];
};

// Returns 0, or -ENAMETOOLONG with a fault that says how much is too much.
__attribute__((warn_unused_result)) int alias_format(
        const struct alias *alias, char text[ALIAS_SIZE], struct fault *fault);
// Returns 0, or -EINVAL for a text that alias_format did not write.
__attribute__((warn_unused_result)) int alias_parse(const char *text, struct alias *ret_alias);
