/* SPDX-License-Identifier: BSD-3-Clause */
// Setting up the pod's end of a veth.
#include "pod_end.h"

#include <errno.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "netns.h"
#include "rtnl.h"

static int ifindex_of(int fd, const char *ifname)
{
	struct ifreq request = {0};

	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", ifname);
	if (ioctl(fd, SIOCGIFINDEX, &request) < 0)
		return -errno;
	return request.ifr_ifindex;
}

// Before it comes up: nobody else can have an address on a wire's end, and waiting a second for the
// answer that never comes would make every attach take that second.
static int no_duplicate_detection(const char *ifname)
{
	char path[80];
	int ret;

	snprintf(path, sizeof(path), "net/ipv6/conf/%s/accept_dad", ifname);
	ret = netns_sysctl(path, "0");
	return ret == -ENOENT ? 0 : ret; // a kernel or pod without IPv6
}

static int add_addresses(
        struct rtnl *rtnl, uint32_t ifindex, const struct port_config *config, struct fault *fault)
{
	const char *what = "";
	int ret;

	rtnl_put_link_set(rtnl,
	        &(struct rtnl_link_set){
	                .ifindex = ifindex, .change_up = true, .up = true, .xdp_fd = -1},
	        "up");
	for (size_t i = 0; i < config->n_addrs; i++)
		rtnl_put_addr(rtnl, ifindex, &config->addrs[i], "address");
	for (size_t i = 0; i < config->n_routes; i++)
		rtnl_put_route(rtnl, ifindex, &config->routes[i], "route");
	ret = rtnl_send(rtnl, &what);
	if (ret < 0)
		return fault_set(fault, ret, what, "port '%s': %s of '%s' in the pod: %s",
		        config->ref, what, config->ifname, strerror(-ret));
	return 0;
}

// In the pod's namespace.
static int setup_inside(const struct port_config *config, const struct offloads *offloads, int fd,
        struct fault *fault)
{
	int ifindex = ifindex_of(fd, config->ifname);
	struct rtnl *rtnl;
	int ret;

	if (ifindex < 0)
		return fault_set(fault, ifindex, "ifname", "port '%s': '%s' in the pod: %s",
		        config->ref, config->ifname, strerror(-ifindex));
	ret = no_duplicate_detection(config->ifname);
	if (ret < 0)
		return fault_set(fault, ret, NULL,
		        "port '%s': cannot switch duplicate address detection of '%s' off: %s",
		        config->ref, config->ifname, strerror(-ret));
	ret = offloads_disable(offloads, fd, config->ifname);
	if (ret < 0)
		return fault_set(fault, ret, NULL, "port '%s': offloads of '%s': %s", config->ref,
		        config->ifname, strerror(-ret));
	ret = rtnl_open(&rtnl);
	if (ret < 0)
		return fault_set(fault, ret, NULL, "netlink: %s", strerror(-ret));
	ret = add_addresses(rtnl, (uint32_t)ifindex, config, fault);
	rtnl_close(rtnl);
	return ret;
}

int pod_end_setup(
        const struct port_config *config, const struct offloads *offloads, struct fault *fault)
{
	int home = netns_enter(config->netns_fd);
	int fd, ret;

	if (home < 0)
		return fault_set(fault, home, "netns", "port '%s': the pod's network namespace: %s",
		        config->ref, strerror(-home));
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0) {
		ret = fault_set(fault, -errno, NULL, "socket: %s", strerror(errno));
	} else {
		ret = setup_inside(config, offloads, fd, fault);
		close(fd);
	}
	netns_leave(home);
	return ret;
}
