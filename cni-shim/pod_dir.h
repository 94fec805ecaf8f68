/* SPDX-License-Identifier: BSD-3-Clause */
// A container's own directory for sockets, DIR/POD/IFNAME: something to mount into it, in which no
// other container's sockets are. Containers can write there: nothing in it is followed.
#pragma once

#include "conf.h"
#include "error.h"

// Makes it with the configured rights, unless somebody has made it before, and marks that this
// interface has its socket there: a DEL of another one leaves it, at any time. Returns 0 or
// CNI_E_IO.
__attribute__((warn_unused_result)) int pod_dir_make(
        const struct cni_vhost *vhost, struct cni_error *err);
__attribute__((warn_unused_result)) int pod_dir_check(
        const struct cni_vhost *vhost, struct cni_error *err);
// Removes the socket that a container left there and the interface's mark, and the directory if
// nothing else is in it. A
// path that is not DIR/POD/NAME is left alone.
void pod_dir_clean(const char *dir, const char *path);
// mkdir -p of what `path` lies in. Returns 0 or -errno.
__attribute__((warn_unused_result)) int pod_dir_make_parents(const char *path, unsigned mode);
