/* SPDX-License-Identifier: BSD-3-Clause */
// rtnetlink requests in batches, by libmnl.
#include "rtnl.h"

#include <assert.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>

#include "port_ops.h"

#define BATCH_BYTES 16384
#define BATCH_MSGS 64
#define MSG_BYTES_MAX 768 // of one request
#define REPLY_BYTES 32768

struct rtnl {
	struct mnl_socket *socket;
	uint32_t seq; // of the batch's first request is seq - n_msgs + 1
	size_t used_bytes;
	unsigned n_msgs;
	int error; // of an earlier automatic send of a full batch
	const char *error_what;
	const char *whats[BATCH_MSGS];
	char batch[BATCH_BYTES];
	char reply[REPLY_BYTES];
};

int rtnl_open(struct rtnl **ret_rtnl)
{
	struct rtnl *rtnl = calloc(1, sizeof(*rtnl));
	int one = 1, ret;

	if (rtnl == NULL)
		return -ENOMEM;
	rtnl->socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	if (rtnl->socket == NULL) {
		ret = -errno;
		goto err_free;
	}
	if (mnl_socket_bind(rtnl->socket, 0, MNL_SOCKET_AUTOPID) < 0) {
		ret = -errno;
		goto err_close;
	}
	// acknowledgements without a copy of the request; only a saving
	mnl_socket_setsockopt(rtnl->socket, NETLINK_CAP_ACK, &one, sizeof(one));
	*ret_rtnl = rtnl;
	return 0;
err_close:
	mnl_socket_close(rtnl->socket);
err_free:
	free(rtnl);
	return ret;
}

void rtnl_close(struct rtnl *rtnl)
{
	if (rtnl == NULL)
		return;
	mnl_socket_close(rtnl->socket);
	free(rtnl);
}

// Starts a request in the batch; a full batch is sent first.
static struct nlmsghdr *put_header(
        struct rtnl *rtnl, uint16_t type, uint16_t flags, const char *what)
{
	struct nlmsghdr *nlh;

	if (rtnl->n_msgs == BATCH_MSGS || rtnl->used_bytes + MSG_BYTES_MAX > BATCH_BYTES) {
		int ret = rtnl_send(rtnl, &rtnl->error_what);

		if (ret < 0 && rtnl->error == 0)
			rtnl->error = ret;
	}
	nlh = mnl_nlmsg_put_header(rtnl->batch + rtnl->used_bytes);
	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | flags;
	nlh->nlmsg_seq = ++rtnl->seq;
	rtnl->whats[rtnl->n_msgs++] = what;
	return nlh;
}

static void put_done(struct rtnl *rtnl, const struct nlmsghdr *nlh)
{
	assert(nlh->nlmsg_len <= MSG_BYTES_MAX);
	rtnl->used_bytes += NLMSG_ALIGN(nlh->nlmsg_len);
}

static struct ifinfomsg *put_ifinfo(struct nlmsghdr *nlh, uint32_t ifindex)
{
	struct ifinfomsg *ifi = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifi));

	ifi->ifi_family = AF_UNSPEC;
	ifi->ifi_index = (int)ifindex;
	return ifi;
}

static void put_one_queue(struct nlmsghdr *nlh)
{
	mnl_attr_put_u32(nlh, IFLA_NUM_TX_QUEUES, 1);
	mnl_attr_put_u32(nlh, IFLA_NUM_RX_QUEUES, 1);
}

void rtnl_put_veth(struct rtnl *rtnl, const struct rtnl_veth *veth, const char *what)
{
	struct nlmsghdr *nlh = put_header(rtnl, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, what);
	struct ifinfomsg *ifi = put_ifinfo(nlh, veth->ifindex), *peer_ifi;
	struct nlattr *info, *data, *peer;

	if (veth->up)
		ifi->ifi_flags = ifi->ifi_change = IFF_UP;
	mnl_attr_put_strz(nlh, IFLA_IFNAME, veth->name);
	mnl_attr_put_u32(nlh, IFLA_MTU, veth->mtu);
	put_one_queue(nlh);
	info = mnl_attr_nest_start(nlh, IFLA_LINKINFO);
	mnl_attr_put_strz(nlh, IFLA_INFO_KIND, "veth");
	data = mnl_attr_nest_start(nlh, IFLA_INFO_DATA);
	peer = mnl_attr_nest_start(nlh, VETH_INFO_PEER);
	peer_ifi = mnl_nlmsg_put_extra_header(nlh, sizeof(*peer_ifi));
	peer_ifi->ifi_index = (int)veth->peer_ifindex;
	mnl_attr_put_strz(nlh, IFLA_IFNAME, veth->peer_name);
	mnl_attr_put_u32(nlh, IFLA_MTU, veth->peer_mtu);
	put_one_queue(nlh);
	if (veth->peer_mac != NULL)
		mnl_attr_put(nlh, IFLA_ADDRESS, ETH_ALEN, veth->peer_mac);
	if (veth->peer_netns_fd >= 0)
		mnl_attr_put_u32(nlh, IFLA_NET_NS_FD, (uint32_t)veth->peer_netns_fd);
	mnl_attr_nest_end(nlh, peer);
	mnl_attr_nest_end(nlh, data);
	mnl_attr_nest_end(nlh, info);
	put_done(rtnl, nlh);
}

void rtnl_put_link_set(struct rtnl *rtnl, const struct rtnl_link_set *set, const char *what)
{
	struct nlmsghdr *nlh = put_header(rtnl, RTM_SETLINK, 0, what);
	struct ifinfomsg *ifi = put_ifinfo(nlh, set->ifindex);

	if (set->change_up) {
		ifi->ifi_change = IFF_UP;
		ifi->ifi_flags = set->up ? IFF_UP : 0;
	}
	if (set->ifindex == 0)
		mnl_attr_put_strz(nlh, IFLA_IFNAME, set->ifname);
	if (set->alias != NULL)
		mnl_attr_put(nlh, IFLA_IFALIAS, strlen(set->alias), set->alias);
	if (set->group != 0)
		mnl_attr_put_u32(nlh, IFLA_GROUP, set->group);
	if (set->xdp_fd >= 0) {
		struct nlattr *xdp = mnl_attr_nest_start(nlh, IFLA_XDP);

		mnl_attr_put_u32(nlh, IFLA_XDP_FD, (uint32_t)set->xdp_fd);
		mnl_attr_put_u32(nlh, IFLA_XDP_FLAGS, XDP_FLAGS_DRV_MODE);
		mnl_attr_nest_end(nlh, xdp);
	}
	put_done(rtnl, nlh);
}

void rtnl_put_link_del(struct rtnl *rtnl, uint32_t ifindex, const char *what)
{
	struct nlmsghdr *nlh = put_header(rtnl, RTM_DELLINK, 0, what);

	put_ifinfo(nlh, ifindex);
	put_done(rtnl, nlh);
}

void rtnl_put_group_del(struct rtnl *rtnl, uint32_t group, const char *what)
{
	struct nlmsghdr *nlh = put_header(rtnl, RTM_DELLINK, 0, what);

	put_ifinfo(nlh, 0 /* ifindex */);
	mnl_attr_put_u32(nlh, IFLA_GROUP, group);
	put_done(rtnl, nlh);
}

void rtnl_put_addr(
        struct rtnl *rtnl, uint32_t ifindex, const struct port_addr *addr, const char *what)
{
	struct nlmsghdr *nlh = put_header(rtnl, RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, what);
	struct ifaddrmsg *ifa = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifa));

	ifa->ifa_family = AF_INET6;
	ifa->ifa_prefixlen = addr->prefix_len;
	ifa->ifa_index = ifindex;
	// nobody else can have it: there is one station on a wire's end
	ifa->ifa_flags = IFA_F_NODAD;
	mnl_attr_put(nlh, IFA_LOCAL, sizeof(addr->addr), addr->addr);
	mnl_attr_put(nlh, IFA_ADDRESS, sizeof(addr->addr), addr->addr);
	put_done(rtnl, nlh);
}

void rtnl_put_route(
        struct rtnl *rtnl, uint32_t ifindex, const struct port_route *route, const char *what)
{
	static const uint8_t none[16];
	struct nlmsghdr *nlh = put_header(rtnl, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, what);
	struct rtmsg *rtm = mnl_nlmsg_put_extra_header(nlh, sizeof(*rtm));
	bool gateway = memcmp(route->via, none, sizeof(none)) != 0;

	rtm->rtm_family = AF_INET6;
	rtm->rtm_dst_len = route->dst.prefix_len;
	rtm->rtm_table = RT_TABLE_MAIN;
	rtm->rtm_protocol = RTPROT_STATIC;
	rtm->rtm_scope = RT_SCOPE_UNIVERSE;
	rtm->rtm_type = RTN_UNICAST;
	if (route->dst.prefix_len > 0)
		mnl_attr_put(nlh, RTA_DST, sizeof(route->dst.addr), route->dst.addr);
	mnl_attr_put_u32(nlh, RTA_OIF, ifindex);
	if (gateway) {
		// a gateway outside the pod's prefixes is as near as one inside
		rtm->rtm_flags = RTNH_F_ONLINK;
		mnl_attr_put(nlh, RTA_GATEWAY, sizeof(route->via), route->via);
	}
	put_done(rtnl, nlh);
}

// Takes acknowledgements from one datagram; returns how many, or -errno of the socket.
static int take_acks(
        struct rtnl *rtnl, uint32_t first_seq, unsigned n, int *error, unsigned *error_at)
{
	ssize_t len = mnl_socket_recvfrom(rtnl->socket, rtnl->reply, sizeof(rtnl->reply));
	int bytes = (int)len, acks = 0;

	if (len < 0)
		return -errno;
	for (const struct nlmsghdr *nlh = (const void *)rtnl->reply; mnl_nlmsg_ok(nlh, bytes);
	        nlh = mnl_nlmsg_next(nlh, &bytes)) {
		const struct nlmsgerr *ack = mnl_nlmsg_get_payload(nlh);
		uint32_t at = nlh->nlmsg_seq - first_seq;

		if (nlh->nlmsg_type != NLMSG_ERROR || at >= n)
			continue; // of an earlier request whose answer nobody waited for
		acks++;
		if (ack->error < 0 && *error == 0) {
			*error = ack->error;
			*error_at = at;
		}
	}
	return acks;
}

int rtnl_send(struct rtnl *rtnl, const char **ret_what)
{
	unsigned n = rtnl->n_msgs, acks = 0, error_at = 0;
	uint32_t first_seq = rtnl->seq - n + 1;
	size_t bytes = rtnl->used_bytes;
	int error = rtnl->error;

	if (error < 0 && ret_what != NULL)
		*ret_what = rtnl->error_what;
	rtnl->error = 0;
	rtnl->n_msgs = 0;
	rtnl->used_bytes = 0;
	if (n == 0)
		return error;
	if (mnl_socket_sendto(rtnl->socket, rtnl->batch, bytes) < 0)
		return error < 0 ? error : -errno;
	while (acks < n) {
		int batch_error = 0, ret = take_acks(rtnl, first_seq, n, &batch_error, &error_at);

		if (ret == -EINTR)
			continue;
		if (ret < 0)
			return error < 0 ? error : ret;
		acks += (unsigned)ret;
		if (batch_error < 0 && error == 0) {
			error = batch_error;
			if (ret_what != NULL)
				*ret_what = rtnl->whats[error_at];
		}
	}
	return error;
}

static int link_attr(const struct nlattr *attr, void *data)
{
	struct rtnl_link *link = data;

	switch (mnl_attr_get_type(attr)) {
	case IFLA_IFNAME:
		strncpy(link->name, mnl_attr_get_str(attr), sizeof(link->name) - 1);
		break;
	case IFLA_IFALIAS:
		strncpy(link->alias, mnl_attr_get_str(attr), sizeof(link->alias) - 1);
		break;
	case IFLA_MTU:
		link->mtu = mnl_attr_get_u32(attr);
		break;
	case IFLA_GROUP:
		link->group = mnl_attr_get_u32(attr);
		break;
	case IFLA_STATS64: {
		struct rtnl_link_stats64 stats = {0};
		size_t size = mnl_attr_get_payload_len(attr);

		memcpy(&stats, mnl_attr_get_payload(attr),
		        size < sizeof(stats) ? size : sizeof(stats));
		link->rx_dropped = stats.rx_dropped;
		link->tx_dropped = stats.tx_dropped;
		link->rx_errors = stats.rx_errors;
		link->tx_errors = stats.tx_errors;
		break;
	}
	}
	return MNL_CB_OK;
}

static void parse_link(const struct nlmsghdr *nlh, struct rtnl_link *ret_link)
{
	const struct ifinfomsg *ifi = mnl_nlmsg_get_payload(nlh);

	memset(ret_link, 0, sizeof(*ret_link));
	ret_link->ifindex = (uint32_t)ifi->ifi_index;
	ret_link->up = (ifi->ifi_flags & IFF_UP) != 0;
	mnl_attr_parse(nlh, sizeof(*ifi), link_attr, ret_link);
}

struct link_query {
	void (*each)(const struct rtnl_link *link, void *arg);
	void *arg;
};

static int link_cb(const struct nlmsghdr *nlh, void *data)
{
	const struct link_query *query = data;
	struct rtnl_link link;

	if (nlh->nlmsg_type != RTM_NEWLINK)
		return MNL_CB_OK;
	parse_link(nlh, &link);
	query->each(&link, query->arg);
	return MNL_CB_OK;
}

// Sends one request and runs its answer through link_cb.
static int query_links(
        struct rtnl *rtnl, uint16_t flags, uint32_t ifindex, struct link_query *query)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(rtnl->batch);
	unsigned port_id = mnl_socket_get_portid(rtnl->socket);
	uint32_t seq = ++rtnl->seq;
	int ret = MNL_CB_OK; // also when the first read is interrupted

	assert(rtnl->n_msgs == 0);
	nlh->nlmsg_type = RTM_GETLINK;
	nlh->nlmsg_flags = NLM_F_REQUEST | flags;
	nlh->nlmsg_seq = seq;
	put_ifinfo(nlh, ifindex);
	if (mnl_socket_sendto(rtnl->socket, nlh, nlh->nlmsg_len) < 0)
		return -errno;
	do {
		ssize_t len = mnl_socket_recvfrom(rtnl->socket, rtnl->reply, sizeof(rtnl->reply));

		if (len < 0 && errno == EINTR)
			continue;
		if (len < 0)
			return -errno;
		ret = mnl_cb_run(rtnl->reply, (size_t)len, seq, port_id, link_cb, query);
		if (ret < 0)
			return -errno;
	} while (ret > MNL_CB_STOP);
	return 0;
}

static void keep_link(const struct rtnl_link *link, void *arg)
{
	*(struct rtnl_link *)arg = *link;
}

int rtnl_link_get(struct rtnl *rtnl, uint32_t ifindex, struct rtnl_link *ret_link)
{
	struct link_query query = {.each = keep_link, .arg = ret_link};

	return query_links(rtnl, NLM_F_ACK, ifindex, &query);
}

int rtnl_link_dump(
        struct rtnl *rtnl, void (*each)(const struct rtnl_link *link, void *arg), void *arg)
{
	struct link_query query = {.each = each, .arg = arg};

	return query_links(rtnl, NLM_F_DUMP, 0 /* ifindex */, &query);
}
