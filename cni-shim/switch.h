/* SPDX-License-Identifier: BSD-3-Clause */
// What the plugin asks of the switch. Returns as error.h says.
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "client.h"
#include "error.h"

// Connects. `*ret_down` (NULL allowed): nobody is there, rather than somebody who refuses or is
// slow.
__attribute__((warn_unused_result)) int switch_connect(const char *socket, int timeout_ms,
        struct client **ret_client, bool *ret_down, struct cni_error *err);
// Translates the error of a call to the code that the runtime gets.
int switch_fail(const struct fault *fault, const char *what, struct cni_error *err);

// Removes the ports of `owner`; none is no error. `*ret_any` (NULL allowed): there was one. Its
// interface vanishes soon after.
__attribute__((warn_unused_result)) int switch_port_del(
        struct client *client, const char *owner, bool *ret_any, struct cni_error *err);
// All ports whose owner starts with `prefix`; `*ret_ports` is a new reference.
__attribute__((warn_unused_result)) int switch_port_list(
        struct client *client, const char *prefix, json_t **ret_ports, struct cni_error *err);
