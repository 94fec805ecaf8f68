/* SPDX-License-Identifier: BSD-3-Clause */
// Brings a constellation's nodes, interfaces and routes into a running switch and takes them out
// again. Links are the epochs' business.
#pragma once

#include <stdint.h>

#include "cli.h"
#include "constellation.h"

// Makes what is missing and fills `ids` with the switch's id of each interface, [n_ifaces]. What is
// there already with another kind or address is an error. Says on cli->err what failed.
__attribute__((warn_unused_result)) enum cli_exit deploy(
        struct cli *cli, const struct constellation *con, uint32_t *ids, uint32_t *ret_n_created);
// Deletes the nodes with their ports and links.
__attribute__((warn_unused_result)) enum cli_exit undeploy(
        struct cli *cli, const struct constellation *con, uint32_t *ret_n_deleted);
