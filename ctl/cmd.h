/* SPDX-License-Identifier: BSD-3-Clause */
// The functions behind the rows of commands.c. Each prints its result to cli->out, or says on
// cli->err what failed.
#pragma once

#include "command.h"

#define CMD(name) enum cli_exit cmd_##name(struct cli *cli, const struct invocation *in)

CMD(node_add);
CMD(node_del);
CMD(node_show);
CMD(node_list);
CMD(version);
CMD(help);
