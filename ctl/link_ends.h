/* SPDX-License-Identifier: BSD-3-Clause */
// Which link is meant by the FROM and TO of a command line.
#pragma once

#include "command.h"
#include "names.h"

struct link_ends {
	char from[IFACE_REF_SIZE]; // NODE/INTERFACE
	char to[IFACE_REF_SIZE]; // "" where none was named
};

// Takes FROM and TO of the invocation. Two interfaces, or FROM alone as an interface, are taken as
// they are; a node alone must name exactly one link of those the switch has. CLI_OK, or another
// after saying what was wrong.
enum cli_exit link_ends_resolve(
        struct cli *cli, const struct invocation *in, struct link_ends *ret);

// As above, but with TO the link must be there and lead to it.
enum cli_exit link_ends_find(struct cli *cli, const struct invocation *in, struct link_ends *ret);
