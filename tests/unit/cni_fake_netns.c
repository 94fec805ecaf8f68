/* SPDX-License-Identifier: BSD-3-Clause */
// Network namespaces that are files: the functions of cni-shim/netns.h, and what tests do with
// them.
#include "netns.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cni_fake.h"

int fake_netns_create(const char *path)
{
	json_t *empty = json_object();
	int ret = json_dump_file(empty, path, 0);

	json_decref(empty);
	return ret;
}

static json_t *load(int fd)
{
	if (lseek(fd, 0, SEEK_SET) < 0)
		return NULL;
	return json_loadfd(fd, 0, NULL);
}

json_t *fake_netns_get(const char *path, const char *ifname)
{
	json_t *all = json_load_file(path, 0, NULL);
	json_t *one = json_incref(json_object_get(all, ifname));

	json_decref(all);
	return one;
}

int fake_netns_set(const char *path, const char *ifname, json_t *interface)
{
	int fd = open(path, O_RDWR | O_CLOEXEC), ret = -1;
	json_t *all = NULL;

	if (fd >= 0 && !flock(fd, LOCK_EX))
		all = load(fd);
	if (!interface)
		json_object_del(all, ifname);
	else
		json_object_set_new(all, ifname, interface);
	if (all && !ftruncate(fd, 0) && !lseek(fd, 0, SEEK_SET))
		ret = json_dumpfd(all, fd, 0);
	json_decref(all);
	if (fd >= 0)
		close(fd);
	return ret;
}

uint64_t netns_inode(int fd)
{
	struct stat st;

	return fstat(fd, &st) ? 0 : st.st_ino;
}

int netns_open(const char *path, bool own_allowed, int *ret_fd, struct cni_error *err)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return cni_fail(
		        err, CNI_E_NETNS, NULL, "CNI_NETNS '%.128s': %s", path, strerror(errno));
	*ret_fd = fd;
	return 0;
}

static void read_interface(const json_t *interface, struct netns_facts *facts)
{
	const json_t *addresses = json_object_get(interface, "addresses");

	facts->has_link = interface;
	facts->up = true;
	facts->mtu = (int)json_integer_value(json_object_get(interface, "mtu"));
	if (interface)
		snprintf(facts->mac, sizeof(facts->mac), "%s",
		        json_string_value(json_object_get(interface, "mac")));
	for (size_t i = 0; i < json_array_size(addresses); i++) {
		if (!cni_cidr_parse(json_string_value(json_array_get(addresses, i)),
		            &facts->addrs[facts->n_addrs]))
			facts->n_addrs++;
	}
}

int netns_probe(int fd, const char *ifname, unsigned want, struct netns_facts *ret_facts,
        struct cni_error *err)
{
	json_t *all, *interface;
	const char *name;

	*ret_facts = (struct netns_facts){0};
	if (flock(fd, LOCK_SH))
		return cni_fail(err, CNI_E_IO, NULL, "flock: %s", strerror(errno));
	all = load(fd);
	flock(fd, LOCK_UN);
	json_object_foreach (all, name, interface) {
		if (strcmp(name, ifname) == 0)
			read_interface(interface, ret_facts);
		if (json_is_true(json_object_get(interface, "default")))
			ret_facts->has_default = true;
	}
	json_decref(all);
	return 0;
}

// The fake switch removes interfaces before it answers.
void netns_wait_gone(int fd, const char *ifname, int timeout_ms)
{
}

bool netns_delete_link(int fd, const char *ifname, const char *mac)
{
	char path[32];
	json_t *interface;
	bool ours;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	interface = fake_netns_get(path, ifname);
	ours = interface && strcmp(mac, json_string_value(json_object_get(interface, "mac"))) == 0;
	json_decref(interface);
	return ours && !fake_netns_set(path, ifname, NULL);
}
