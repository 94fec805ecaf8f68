/* SPDX-License-Identifier: BSD-3-Clause */
// orrery ephemeris: the functions behind its rows in the command table.
#pragma once

#include "command.h"

enum cli_exit cmd_ephemeris_build(struct cli *cli, const struct invocation *in);
enum cli_exit cmd_ephemeris_info(struct cli *cli, const struct invocation *in);
enum cli_exit cmd_ephemeris_dump(struct cli *cli, const struct invocation *in);
enum cli_exit cmd_ephemeris_diff(struct cli *cli, const struct invocation *in);
