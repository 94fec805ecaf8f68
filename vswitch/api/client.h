/* SPDX-License-Identifier: BSD-3-Clause */
// Client of the control socket, for the CLI, the CNI shim and the scenario runner. Blocking, one
// thread.
#pragma once

#include <jansson.h>
#include <stddef.h>

#include "fault.h"

struct client;

// `path` NULL: $ORRERY_SOCKET, else ORRERY_SOCKET_DEFAULT. Returns 0, or -errno with a fault that
// says whether the switch is not running, or the socket may not be opened.
__attribute__((warn_unused_result)) int client_connect(
        const char *path, int timeout_ms, struct client **ret_client, struct fault *fault);
void client_close(struct client *client);

// Calls `method`. Takes `params` (NULL: none), borrows `fds`. On success `*ret_result` is a new
// reference. On an error of the switch: returns a negative errno (jsonrpc code mapped back), fault
// has the message and field; `fault->code` is that errno.
__attribute__((warn_unused_result)) int client_call(struct client *client, const char *method,
        json_t *params, const int *fds, size_t n_fds, json_t **ret_result, struct fault *fault);

// Calls a paged list method until its end; `*ret_items` is one array of all items (key `items`).
__attribute__((warn_unused_result)) int client_list(struct client *client, const char *method,
        json_t *params, json_t **ret_items, struct fault *fault);
