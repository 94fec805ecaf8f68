/* SPDX-License-Identifier: BSD-3-Clause */
// orrery ephemeris import: the function behind its row in the command table.
#pragma once

#include "command.h"

enum cli_exit cmd_ephemeris_import(struct cli *cli, const struct invocation *in);
