/* SPDX-License-Identifier: BSD-3-Clause */
// The alias of a host end, there and back.
#include "alias.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define VERSION "orrery1"

int alias_format(const struct alias *alias, char text[ALIAS_SIZE], struct fault *fault)
{
	const uint8_t *mac = alias->mac;
	int len = snprintf(text, ALIAS_SIZE,
	        VERSION " %s %s %02x%02x%02x%02x%02x%02x %" PRIu64 " %s", alias->ref, alias->ifname,
	        mac[0], mac[1], mac[2], mac[3], mac[4], mac[5], alias->netns_inode, alias->owner);

	if (len >= ALIAS_SIZE)
		return fault_set(fault, -ENAMETOOLONG, "owner",
		        "port '%.79s': interface reference, name and owner are %d characters too "
		        "long together",
		        alias->ref, len - (ALIAS_SIZE - 1));
	return 0;
}

int alias_parse(const char *text, struct alias *ret_alias)
{
	struct alias alias = {0};
	unsigned mac[ETH_ALEN];
	int owner_at = 0;

	if (sscanf(text, VERSION " %79s %15s %2x%2x%2x%2x%2x%2x %" SCNu64 "%n", alias.ref,
	            alias.ifname, &mac[0], &mac[1], &mac[2], &mac[3], &mac[4], &mac[5],
	            &alias.netns_inode, &owner_at) != 9 ||
	        text[owner_at] != ' ' || strlen(text + owner_at + 1) >= sizeof(alias.owner))
		return -EINVAL;
	for (int i = 0; i < ETH_ALEN; i++)
		alias.mac[i] = (uint8_t)mac[i];
	strcpy(alias.owner, text + owner_at + 1);
	*ret_alias = alias;
	return 0;
}
