/* SPDX-License-Identifier: BSD-3-Clause */
// orrery scenario: the functions behind its rows in the command table.
#pragma once

#include "command.h"

enum cli_exit cmd_scenario_check(struct cli *cli, const struct invocation *in);
enum cli_exit cmd_scenario_show(struct cli *cli, const struct invocation *in);
enum cli_exit cmd_scenario_path(struct cli *cli, const struct invocation *in);
enum cli_exit cmd_scenario_run(struct cli *cli, const struct invocation *in);
enum cli_exit cmd_scenario_clean(struct cli *cli, const struct invocation *in);
