/* SPDX-License-Identifier: BSD-3-Clause */
// Offloads off, by the ethtool ioctl: one call switches all of them.
#include "offloads.h"

#include <errno.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

static int ethtool(int fd, const char *ifname, void *command)
{
	struct ifreq request = {.ifr_data = command};

	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", ifname);
	if (ioctl(fd, SIOCETHTOOL, &request) < 0)
		return -errno;
	return 0;
}

// Checksums, VLAN tags beside the frame, and every kind of segmentation that the device would do.
// Software GSO stays if the kernel keeps it: it makes whole frames before the device sees them.
static bool unwanted(const char *name)
{
	if (strcmp(name, "tx-generic-segmentation") == 0)
		return false;
	return strncmp(name, "tx-checksum-", 12) == 0 || strncmp(name, "tx-vlan-", 8) == 0 ||
	       (strncmp(name, "tx-", 3) == 0 && strstr(name, "segmentation") != NULL);
}

static int feature_count(int fd, const char *ifname, uint32_t *ret_n)
{
	union {
		struct ethtool_sset_info info;
		uint8_t room[sizeof(struct ethtool_sset_info) + sizeof(uint32_t)];
	} query = {.room = {0}};
	int ret;

	query.info.cmd = ETHTOOL_GSSET_INFO;
	query.info.sset_mask = 1ull << ETH_SS_FEATURES;
	ret = ethtool(fd, ifname, &query);
	if (ret < 0)
		return ret;
	*ret_n = query.info.sset_mask != 0 ? query.info.data[0] : 0;
	return 0;
}

int offloads_init(struct offloads *offloads, int fd, const char *ifname)
{
	struct ethtool_gstrings *strings;
	uint32_t n;
	int ret = feature_count(fd, ifname, &n);

	if (ret < 0)
		return ret;
	if (n == 0 || n > OFFLOADS_WORDS * 32)
		return -EOPNOTSUPP;
	strings = calloc(1, sizeof(*strings) + (size_t)n * ETH_GSTRING_LEN);
	if (strings == NULL)
		return -ENOMEM;
	strings->cmd = ETHTOOL_GSTRINGS;
	strings->string_set = ETH_SS_FEATURES;
	strings->len = n;
	ret = ethtool(fd, ifname, strings);
	if (ret == 0) {
		memset(offloads, 0, sizeof(*offloads));
		offloads->n_words = (n + 31) / 32;
		for (uint32_t i = 0; i < n; i++) {
			char name[ETH_GSTRING_LEN + 1] = {0};

			memcpy(name, strings->data + (size_t)i * ETH_GSTRING_LEN, ETH_GSTRING_LEN);
			if (unwanted(name))
				offloads->mask[i / 32] |= 1u << (i % 32);
		}
	}
	free(strings);
	return ret;
}

int offloads_disable(const struct offloads *offloads, int fd, const char *ifname)
{
	union {
		struct ethtool_sfeatures set;
		uint8_t room[sizeof(struct ethtool_sfeatures) +
		             OFFLOADS_WORDS * sizeof(struct ethtool_set_features_block)];
	} command = {.room = {0}};

	command.set.cmd = ETHTOOL_SFEATURES;
	command.set.size = offloads->n_words;
	for (uint32_t i = 0; i < offloads->n_words; i++)
		command.set.features[i].valid = offloads->mask[i];
	// a positive answer says that some bit was fixed or implied by another: no failure
	return ethtool(fd, ifname, &command);
}
