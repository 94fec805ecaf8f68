/* SPDX-License-Identifier: BSD-3-Clause */
// Names of any length as owners of bounded length.
#include "owner.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "rng.h"

#define HASH_DIGITS 24

// FNV-1a of 128 bits (http://www.isthe.com/chongo/tech/comp/fnv/), whose last bytes reach few of
// the upper bits: splitmix64 spreads them.
static void format_hash(const char *name, char text[HASH_DIGITS + 1])
{
	const unsigned __int128 prime = (unsigned __int128)1 << 88 | 0x13b;
	unsigned __int128 hash =
	        (unsigned __int128)0x6c62272e07bb0142ull << 64 | 0x62b821756295c58dull;
	uint64_t low, high;

	for (; *name; name++)
		hash = (hash ^ (unsigned char)*name) * prime;
	low = (uint64_t)hash;
	low = rng_splitmix64(&low);
	high = (uint64_t)(hash >> 64) ^ low;
	high = rng_splitmix64(&high);
	snprintf(text, HASH_DIGITS + 1, "%016" PRIx64 "%08" PRIx32, high, (uint32_t)low);
}

// `name` in at most `max` characters; `buf` holds one more.
static void shorten(const char *name, int max, char *buf)
{
	char hash[HASH_DIGITS + 1];

	if (strlen(name) <= (size_t)max) {
		strcpy(buf, name);
		return;
	}
	format_hash(name, hash);
	snprintf(buf, (size_t)max + 1, "%.*s~%s", max - 1 - HASH_DIGITS, name, hash);
}

void cni_owner(
        const struct cni_conf *conf, const struct cni_env *env, char ret_owner[CNI_OWNER_SIZE])
{
	char network[CNI_OWNER_NETWORK_MAX + 1], id[CNI_OWNER_CONTAINERID_MAX + 1];

	shorten(conf->name, CNI_OWNER_NETWORK_MAX, network);
	shorten(env->containerid, CNI_OWNER_CONTAINERID_MAX, id);
	snprintf(ret_owner, CNI_OWNER_SIZE, "cni:%s:%s:%.*s", network, id, CNI_IFNAME_MAX,
	        env->ifname);
}

void cni_owner_prefix(const struct cni_conf *conf, char ret_prefix[CNI_OWNER_SIZE])
{
	char network[CNI_OWNER_NETWORK_MAX + 1];

	shorten(conf->name, CNI_OWNER_NETWORK_MAX, network);
	snprintf(ret_prefix, CNI_OWNER_SIZE, "cni:%s:", network);
}
