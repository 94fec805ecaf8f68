/* SPDX-License-Identifier: BSD-3-Clause */
// Probe ports and the frames between them.
#include "probe.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/ip6.h>
#include <netinet/udp.h>
#include <sched.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define IFNAME "probe0"
#define UDP_PORT 9 // discard; without a checksum the pod's own kernel ignores it
#define MAGIC 0x6f727279u
#define RECEIVE_BUFFER (4 << 20)
#define HOP_LIMIT 255

struct probe_frame {
	uint8_t dst_mac[6], src_mac[6];
	uint16_t ether_type;
	struct ip6_hdr ip;
	struct udphdr udp;
	uint32_t magic, run, number;
} __attribute__((packed));

// Every router's; the far end does not mind another in its place.
static const uint8_t router_mac[6] = {0x02, 0x00, 0x5e, 0x00, 0x00, 0x01};
static const uint8_t probe_mac[6] = {0x02, 0x6f, 0x72, 0x72, 0x79, 0x01};

int64_t probe_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static int open_own_netns(void)
{
	return open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
}

// A namespace that only its descriptor holds. This thread stays where it was.
static int make_netns(int *ret_fd)
{
	int home = open_own_netns(), ret = 0;

	if (home < 0)
		return -errno;
	if (unshare(CLONE_NEWNET) != 0) {
		ret = -errno;
	} else {
		*ret_fd = open_own_netns();
		if (*ret_fd < 0)
			ret = -errno;
		if (setns(home, CLONE_NEWNET) != 0)
			ret = -errno;
	}
	close(home);
	return ret;
}

static int bind_socket(int sock)
{
	int on = 1, size = RECEIVE_BUFFER;
	struct sockaddr_ll address = {.sll_family = AF_PACKET,
	        .sll_protocol = htons(ETH_P_IPV6),
	        .sll_ifindex = (int)if_nametoindex(IFNAME)};

	if (address.sll_ifindex == 0)
		return -errno;
	if (setsockopt(sock, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on)) != 0 ||
	        setsockopt(sock, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) != 0 ||
	        setsockopt(sock, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof(on)) != 0 ||
	        setsockopt(sock, SOL_PACKET, PACKET_QDISC_BYPASS, &on, sizeof(on)) != 0 ||
	        bind(sock, (struct sockaddr *)&address, sizeof(address)) != 0)
		return -errno;
	return 0;
}

static int open_socket(struct probe_port *port)
{
	int home = open_own_netns(), ret;

	if (home < 0)
		return -errno;
	ret = setns(port->netns, CLONE_NEWNET) == 0 ? 0 : -errno;
	if (ret == 0) {
		port->sock = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		ret = port->sock < 0 ? -errno : bind_socket(port->sock);
		if (setns(home, CLONE_NEWNET) != 0)
			ret = -errno;
	}
	close(home);
	return ret;
}

enum cli_exit probe_open(struct cli *cli, struct probe_port *port, const char *node,
        const char *iface, const char *kind, unsigned number)
{
	json_t *params, *result;
	enum cli_exit code;
	int ret;

	*port = (struct probe_port){.netns = -1, .sock = -1};
	snprintf(port->iface, sizeof(port->iface), "%s/%s", node, iface);
	snprintf(port->address, sizeof(port->address), "fdff:7072:6f62:65::%x", number + 1);
	ret = make_netns(&port->netns);
	if (ret < 0)
		return cli_failf(cli, "a network namespace: %s", strerror(-ret));
	params = json_pack("{s:s, s:s, s:s, s:s, s:[o], s:s}", "interface", port->iface, "backend",
	        "af_xdp", "ifname", IFNAME, "node_kind", kind, "addresses",
	        json_sprintf("%s/128", port->address), "owner", "orrery-verify");
	code = cli_call_fd(cli, "port.add", params, port->netns, &result);
	if (code != CLI_OK)
		return code;
	json_decref(result);
	port->attached = true;
	ret = open_socket(port);
	if (ret < 0)
		return cli_failf(cli, "%s: a packet socket: %s", port->iface, strerror(-ret));
	return CLI_OK;
}

void probe_close(struct cli *cli, struct probe_port *port)
{
	json_t *result;

	if (port->sock >= 0)
		close(port->sock);
	if (port->attached &&
	        cli_call(cli, "port.del", json_pack("{s:s}", "interface", port->iface), &result) ==
	                CLI_OK)
		json_decref(result);
	if (port->netns >= 0)
		close(port->netns);
	*port = (struct probe_port){.netns = -1, .sock = -1};
}

int64_t probe_send(const struct probe_port *from, const struct probe_port *to, uint32_t run,
        uint32_t number, unsigned bytes)
{
	union {
		struct probe_frame frame;
		uint8_t bytes[PROBE_TRAIN_BYTES];
	} buffer;
	struct probe_frame *f = &buffer.frame;
	unsigned udp_bytes = bytes - (unsigned)offsetof(struct probe_frame, udp);
	int64_t now_ns;

	memset(&buffer, 0, sizeof(buffer));
	memcpy(f->dst_mac, router_mac, sizeof(router_mac));
	memcpy(f->src_mac, probe_mac, sizeof(probe_mac));
	f->ether_type = htons(ETH_P_IPV6);
	f->ip.ip6_flow = htonl(6u << 28);
	f->ip.ip6_plen = htons((uint16_t)udp_bytes);
	f->ip.ip6_nxt = IPPROTO_UDP;
	f->ip.ip6_hlim = HOP_LIMIT;
	inet_pton(AF_INET6, from->address, &f->ip.ip6_src);
	inet_pton(AF_INET6, to->address, &f->ip.ip6_dst);
	f->udp.source = f->udp.dest = htons(UDP_PORT);
	f->udp.len = htons((uint16_t)udp_bytes);
	f->magic = MAGIC;
	f->run = run;
	f->number = number;
	now_ns = probe_now_ns();
	return send(from->sock, &buffer, bytes, 0) == (ssize_t)bytes ? now_ns : -errno;
}

static int64_t stamp_of(struct msghdr *message)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c != NULL; c = CMSG_NXTHDR(message, c)) {
		struct timespec time;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SO_TIMESTAMPNS)
			continue;
		memcpy(&time, CMSG_DATA(c), sizeof(time));
		return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
	}
	return probe_now_ns();
}

bool probe_receive(
        const struct probe_port *port, uint32_t run, uint32_t *ret_number, int64_t *ret_time_ns)
{
	for (;;) {
		struct probe_frame frame;
		uint8_t control[128];
		struct iovec part = {&frame, sizeof(frame)};
		struct msghdr message = {.msg_iov = &part,
		        .msg_iovlen = 1,
		        .msg_control = control,
		        .msg_controllen = sizeof(control)};
		ssize_t got = recvmsg(port->sock, &message, MSG_DONTWAIT);

		if (got < 0)
			return false;
		if (got < (ssize_t)sizeof(frame) || frame.ip.ip6_nxt != IPPROTO_UDP ||
		        frame.magic != MAGIC || frame.run != run)
			continue;
		*ret_number = frame.number;
		*ret_time_ns = stamp_of(&message);
		return true;
	}
}
