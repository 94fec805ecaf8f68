/* SPDX-License-Identifier: BSD-3-Clause */
// Whose a port is: "cni:NETWORK:CONTAINERID:IFNAME". CNI limits neither of the first two, but the
// kernel limits the alias that tells the next switch the owner. So a longer one is cut, and ends in
// '~' and 96 bits of a hash of the whole; '~' is in no name that CNI allows. The function is part
// of the interface: the plugin after an upgrade must find what the one before attached.
#pragma once

#include "conf.h"
#include "env.h"

#define CNI_OWNER_NETWORK_MAX 32
#define CNI_OWNER_CONTAINERID_MAX 64
// Beside the longest reference of an interface it fits the alias (pmd/af_xdp/alias.h).
#define CNI_OWNER_SIZE \
	(sizeof("cni:::") + CNI_OWNER_NETWORK_MAX + CNI_OWNER_CONTAINERID_MAX + CNI_IFNAME_MAX)

// The owner of this attachment, and the start that all owners of the network share.
// env->ifname has at most CNI_IFNAME_MAX characters.
void cni_owner(
        const struct cni_conf *conf, const struct cni_env *env, char ret_owner[CNI_OWNER_SIZE]);
void cni_owner_prefix(const struct cni_conf *conf, char ret_prefix[CNI_OWNER_SIZE]);
