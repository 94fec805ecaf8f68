/* SPDX-License-Identifier: BSD-3-Clause */
// The process towards the system: one switch a name, limits, the service manager.
#pragma once

#include "fault.h"

// Takes the name for as long as the process lives; -EBUSY when another switch has it. `*ret_fd`
// goes to process_unlock.
__attribute__((warn_unused_result)) int process_lock(
        const char *instance, int *ret_fd, struct fault *fault);
void process_unlock(const char *instance, int fd);

// As many descriptors and as much locked memory as the system grants.
void process_raise_limits(void);

// A line for the service manager ("READY=1"), if there is one (sd_notify(3)).
void process_notify(const char *state);
