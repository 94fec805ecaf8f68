/* SPDX-License-Identifier: BSD-3-Clause */
// The words of 'link set' as parameters of link.set, and a link's parameters as these words.
#pragma once

#include <stdio.h>

#include "command.h"

// All keywords of the invocation as link.set's parameters, without from and to. `*ret_params`: new
// reference. CLI_OK, or another after saying what was wrong.
enum cli_exit link_words_params(struct cli *cli, const struct invocation *in, json_t **ret_params);

// "delay 4.2ms jitter 100us rate 10gbit": what differs from a link that does nothing, as 'link set'
// takes it; cut if `size` is too small.
void link_words_print(const json_t *link, char *buf, size_t size);
