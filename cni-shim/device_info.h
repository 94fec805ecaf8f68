/* SPDX-License-Identifier: BSD-3-Clause */
// The file of device-info-spec 1.1.0 that tells Multus, and by it the application, of a socket.
#pragma once

#include "conf.h"
#include "error.h"

// Whole or not at all, in place of what was there. Returns 0 or CNI_E_IO.
__attribute__((warn_unused_result)) int device_info_write(
        const char *file, const struct cni_vhost *vhost, struct cni_error *err);
