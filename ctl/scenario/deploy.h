/* SPDX-License-Identifier: BSD-3-Clause */
// Brings a constellation's nodes, interfaces and routes into a running switch and takes them out
// again. Links are the epochs' business.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "cli.h"
#include "constellation.h"

// What deploy() made, as opposed to what was there.
struct deployment {
	const struct constellation *con; // borrowed
	bool *nodes; // [con->n_nodes]
	bool *routes; // [con->n_stations]
	uint32_t n_nodes;
};

// Makes what is missing and fills `ids` with the switch's id of each interface, [n_ifaces]. What is
// there already with another kind or address is an error. On failure what was made is taken back,
// or cli->err says what stays; else `ret_made` is for deployment_fini().
__attribute__((warn_unused_result)) enum cli_exit deploy(struct cli *cli,
        const struct constellation *con, uint32_t *ids, struct deployment *ret_made);
// Deletes what deploy() made: nodes with their ports and links, and routes. Goes on when one fails.
__attribute__((warn_unused_result)) enum cli_exit deployment_undo(
        struct cli *cli, const struct deployment *made);
void deployment_fini(struct deployment *made);

// Deletes the scenario's nodes with their ports and links, whoever made them.
__attribute__((warn_unused_result)) enum cli_exit undeploy(
        struct cli *cli, const struct constellation *con, uint32_t *ret_n_deleted);
