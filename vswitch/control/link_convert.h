/* SPDX-License-Identifier: BSD-3-Clause */
// From a link's record (ns, bit/s, shares) to the data path's parameters (TSC cycles, fixed point).
// Pure. Thread: control.
#pragma once

#include <stdint.h>

#include "matrix.h"
#include "view.h"

// `worker`: owner of the far interface.
void link_convert(const struct link *link, uint32_t link_id, uint16_t worker,
        const struct matrix_config *config, struct link_params *ret_params);
