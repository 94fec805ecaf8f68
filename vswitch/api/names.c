/* SPDX-License-Identifier: BSD-3-Clause */
// Checking and splitting the names of nodes and interfaces.
#include "names.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

static bool is_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static int name_check(
        const char *what, const char *name, size_t len, size_t max, struct fault *fault)
{
	if (len == 0)
		return fault_set(fault, -EINVAL, what, "the %s name is empty", what);
	if (len > max)
		return fault_set(fault, -EINVAL, what,
		        "%s '%.*s' has %zu characters, at most %zu are allowed", what,
		        (int)(len > 80 ? 80 : len), name, len, max);
	for (size_t i = 0; i < len; i++) {
		if (is_alnum(name[i]) ||
		        (i > 0 && name[i] != '\0' && strchr("_.-", name[i]) != NULL))
			continue;
		return fault_set(fault, -EINVAL, what,
		        "%s '%.*s': expected a letter or digit, then letters, digits, '_', '.' or "
		        "'-'",
		        what, (int)len, name);
	}
	return 0;
}

int node_name_check(const char *name, struct fault *fault)
{
	return name_check("node", name, strlen(name), NODE_NAME_SIZE - 1, fault);
}

int iface_name_check(const char *name, struct fault *fault)
{
	return name_check("interface", name, strlen(name), IFACE_NAME_SIZE - 1, fault);
}

int iface_ref_parse(const char *ref, char node[NODE_NAME_SIZE], char iface[IFACE_NAME_SIZE],
        struct fault *fault)
{
	const char *slash = strchr(ref, '/');

	if (slash == NULL)
		return fault_set(fault, -EINVAL, "interface",
		        "'%.100s' is not NODE/INTERFACE, as in sat-3-17/isl0", ref);
	size_t node_len = (size_t)(slash - ref), iface_len = strlen(slash + 1);
	int err = name_check("node", ref, node_len, NODE_NAME_SIZE - 1, fault);

	if (err == 0)
		err = name_check("interface", slash + 1, iface_len, IFACE_NAME_SIZE - 1, fault);
	if (err != 0)
		return err;
	memcpy(node, ref, node_len);
	node[node_len] = '\0';
	memcpy(iface, slash + 1, iface_len + 1);
	return 0;
}
