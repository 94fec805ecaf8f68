/* SPDX-License-Identifier: BSD-3-Clause */
// The pod's network namespace, seen over a netlink socket that is opened within it. The plugin
// stays in its own namespace but for that moment.
#include "netns.h"

#include <errno.h>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/nsfs.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

// 32 kB: what the kernel likes for a dump
#define REPLY_SIZE 32768

uint64_t netns_inode(int fd)
{
	struct stat st;

	return fstat(fd, &st) ? 0 : st.st_ino;
}

int netns_open(const char *path, bool own_allowed, int *ret_fd, struct cni_error *err)
{
	struct stat own;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return cni_fail(
		        err, CNI_E_NETNS, NULL, "CNI_NETNS '%.128s': %s", path, strerror(errno));
	if (ioctl(fd, NS_GET_NSTYPE) != CLONE_NEWNET) {
		close(fd);
		return cni_fail(err, CNI_E_NETNS, NULL,
		        "CNI_NETNS '%.128s' is not a network namespace", path);
	}
	if (!own_allowed && !stat("/proc/self/ns/net", &own) && own.st_ino == netns_inode(fd)) {
		close(fd);
		return cni_fail(err, CNI_E_NETNS, NULL,
		        "CNI_NETNS '%.128s' is the namespace that the plugin itself runs in", path);
	}
	*ret_fd = fd;
	return 0;
}

// A netlink socket of the namespace. Returns 0 or -errno.
static int open_netlink(int netns_fd, struct mnl_socket **ret_nl)
{
	int own = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	struct mnl_socket *nl = NULL;
	int ret = 0;

	if (own < 0)
		return -errno;
	if (setns(netns_fd, CLONE_NEWNET)) {
		ret = -errno;
		close(own);
		return ret;
	}
	nl = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	if (!nl || mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID))
		ret = -errno;
	if (setns(own, CLONE_NEWNET) && !ret)
		ret = -errno;
	close(own);
	if (ret && nl)
		mnl_socket_close(nl);
	if (!ret)
		*ret_nl = nl;
	return ret;
}

// Sends a request and gives its answers to `cb`. Returns 0 or -errno.
static int talk(struct mnl_socket *nl, struct nlmsghdr *nlh, mnl_cb_t cb, void *arg)
{
	char reply[REPLY_SIZE] __attribute__((aligned(8)));
	unsigned port = mnl_socket_get_portid(nl);
	int ret = MNL_CB_OK;

	nlh->nlmsg_flags |= NLM_F_REQUEST;
	if (!(nlh->nlmsg_flags & NLM_F_DUMP))
		nlh->nlmsg_flags |= NLM_F_ACK;
	if (mnl_socket_sendto(nl, nlh, nlh->nlmsg_len) < 0)
		return -errno;
	while (ret > MNL_CB_STOP) {
		ssize_t len = mnl_socket_recvfrom(nl, reply, sizeof(reply));

		if (len < 0)
			return -errno;
		ret = mnl_cb_run(reply, (size_t)len, 0 /* seq */, port, cb, arg);
	}
	return ret < 0 ? -errno : 0;
}

static int read_link(const struct nlmsghdr *nlh, void *arg)
{
	const struct ifinfomsg *info = mnl_nlmsg_get_payload(nlh);
	struct netns_facts *facts = arg;
	struct nlattr *attr; // not const: libmnl's loop macro casts it

	facts->has_link = true;
	facts->ifindex = (unsigned)info->ifi_index;
	facts->up = info->ifi_flags & IFF_UP;
	mnl_attr_for_each(attr, nlh, sizeof(*info))
	{
		const uint8_t *mac = mnl_attr_get_payload(attr);

		if (mnl_attr_get_type(attr) == IFLA_MTU)
			facts->mtu = (int)mnl_attr_get_u32(attr);
		if (mnl_attr_get_type(attr) == IFLA_ADDRESS && mnl_attr_get_payload_len(attr) == 6)
			snprintf(facts->mac, sizeof(facts->mac), "%02x:%02x:%02x:%02x:%02x:%02x",
			        mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
	}
	return MNL_CB_OK;
}

static int read_addr(const struct nlmsghdr *nlh, void *arg)
{
	const struct ifaddrmsg *info = mnl_nlmsg_get_payload(nlh);
	struct netns_facts *facts = arg;
	struct nlattr *attr; // not const: libmnl's loop macro casts it

	if (info->ifa_index != facts->ifindex || facts->n_addrs == NETNS_ADDRS_MAX)
		return MNL_CB_OK;
	mnl_attr_for_each(attr, nlh, sizeof(*info))
	{
		struct cni_cidr *cidr = &facts->addrs[facts->n_addrs];

		if (mnl_attr_get_type(attr) != IFA_ADDRESS || mnl_attr_get_payload_len(attr) != 16)
			continue;
		memcpy(&cidr->addr, mnl_attr_get_payload(attr), 16);
		cidr->len = info->ifa_prefixlen;
		facts->n_addrs++;
		break;
	}
	return MNL_CB_OK;
}

static int read_route(const struct nlmsghdr *nlh, void *arg)
{
	const struct rtmsg *info = mnl_nlmsg_get_payload(nlh);
	struct netns_facts *facts = arg;

	if (info->rtm_dst_len == 0 && info->rtm_table == RT_TABLE_MAIN &&
	        info->rtm_type == RTN_UNICAST)
		facts->has_default = true;
	return MNL_CB_OK;
}

static int get_link(struct mnl_socket *nl, const char *ifname, struct netns_facts *facts)
{
	char buf[256] __attribute__((aligned(8)));
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	int ret;

	nlh->nlmsg_type = RTM_GETLINK;
	mnl_nlmsg_put_extra_header(nlh, sizeof(struct ifinfomsg));
	mnl_attr_put_strz(nlh, IFLA_IFNAME, ifname);
	ret = talk(nl, nlh, read_link, facts);
	return ret == -ENODEV ? 0 : ret;
}

// Both messages start with the address family.
static int dump6(
        struct mnl_socket *nl, uint16_t type, size_t size, mnl_cb_t cb, struct netns_facts *facts)
{
	char buf[256] __attribute__((aligned(8)));
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	unsigned char *family;

	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = NLM_F_DUMP;
	family = mnl_nlmsg_put_extra_header(nlh, size);
	*family = AF_INET6;
	return talk(nl, nlh, cb, facts);
}

int netns_probe(int fd, const char *ifname, unsigned want, struct netns_facts *ret_facts,
        struct cni_error *err)
{
	struct netns_facts facts = {0};
	struct mnl_socket *nl = NULL;
	int ret = open_netlink(fd, &nl);

	if (ret)
		return cni_fail(
		        err, CNI_E_NETNS, NULL, "cannot look into CNI_NETNS: %s", strerror(-ret));
	ret = get_link(nl, ifname, &facts);
	if (!ret && facts.has_link && (want & NETNS_WANT_ADDRS))
		ret = dump6(nl, RTM_GETADDR, sizeof(struct ifaddrmsg), read_addr, &facts);
	if (!ret && (want & NETNS_WANT_DEFAULT))
		ret = dump6(nl, RTM_GETROUTE, sizeof(struct rtmsg), read_route, &facts);
	mnl_socket_close(nl);
	if (ret)
		return cni_fail(err, CNI_E_IO, NULL, "cannot read interface '%s': %s", ifname,
		        strerror(-ret));
	*ret_facts = facts;
	return 0;
}

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

// Takes what `news` says, if anything comes in time.
static bool wait_news(struct mnl_socket *news, int64_t until_ms)
{
	char buf[REPLY_SIZE] __attribute__((aligned(8)));
	struct pollfd pfd = {.fd = mnl_socket_get_fd(news), .events = POLLIN};
	int64_t left_ms = until_ms - now_ms();

	if (left_ms <= 0 || poll(&pfd, 1, (int)left_ms) <= 0)
		return false;
	(void)mnl_socket_recvfrom(news, buf, sizeof(buf)); // too many news are news too
	return true;
}

void netns_wait_gone(int fd, const char *ifname, int timeout_ms)
{
	struct mnl_socket *ask = NULL, *news = NULL;
	int64_t until_ms = now_ms() + timeout_ms;
	struct netns_facts facts;
	int group = RTNLGRP_LINK;

	if (open_netlink(fd, &news))
		return;
	if (!mnl_socket_setsockopt(news, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)) &&
	        !open_netlink(fd, &ask)) {
		do {
			facts = (struct netns_facts){0};
		} while (!get_link(ask, ifname, &facts) && facts.has_link &&
		         wait_news(news, until_ms));
		mnl_socket_close(ask);
	}
	mnl_socket_close(news);
}

bool netns_delete_link(int fd, const char *ifname, const char *mac)
{
	char buf[256] __attribute__((aligned(8)));
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct netns_facts facts = {0};
	struct ifinfomsg *info;
	struct mnl_socket *nl = NULL;
	bool deleted = false;

	if (open_netlink(fd, &nl))
		return false;
	if (!get_link(nl, ifname, &facts) && facts.has_link && strcmp(facts.mac, mac) == 0) {
		nlh->nlmsg_type = RTM_DELLINK;
		info = mnl_nlmsg_put_extra_header(nlh, sizeof(*info));
		info->ifi_index = (int)facts.ifindex;
		deleted = !talk(nl, nlh, NULL, NULL);
	}
	mnl_socket_close(nl);
	return deleted;
}
