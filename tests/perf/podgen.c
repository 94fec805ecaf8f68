/* SPDX-License-Identifier: BSD-3-Clause */
// podgen: load and sink for a pod's interface, for rates at which a socket per frame is too slow.
//	podgen xdp IFNAME DST_MAC SECONDS [SIZE]   frames made in the kernel (BPF_PROG_RUN live
// frames) 	podgen skb IFNAME DST_MAC SECONDS [SIZE]   AF_PACKET with sendmmsg: what an ordinary
// sender costs 	podgen sink IFNAME SECONDS                 counts frames at ingress, drops
// them; a line a second
// Run inside the pod's network namespace. Prints Mpps. Frames: IPv6/UDP fd01::2 -> fd02::2.
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/ether.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "podgen.skel.h"

#define FRAME_MIN 62
#define FRAME_MAX 1514
#define BATCH 64
#define CPUS_MAX 1024
#define RUN_FRAMES 2000000 // a run sets its pages up for some 17 ms: few long ones

static double now_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec * 1e-9;
}

static int build_frame(uint8_t *frame, size_t size, const char *dst_mac)
{
	static const uint8_t src_mac[ETH_ALEN] = {0x02, 0, 0, 0, 0, 0x01};
	struct ether_addr dst;
	uint16_t payload = (uint16_t)(size - ETH_HLEN - 40);

	if (ether_aton_r(dst_mac, &dst) == NULL)
		return -EINVAL;
	memset(frame, 0, size);
	memcpy(frame, &dst, ETH_ALEN);
	memcpy(frame + ETH_ALEN, src_mac, ETH_ALEN);
	frame[12] = 0x86; // IPv6
	frame[13] = 0xdd;
	frame[14] = 0x60;
	frame[18] = (uint8_t)(payload >> 8);
	frame[19] = (uint8_t)payload;
	frame[20] = 17; // UDP
	frame[21] = 64; // hop limit
	inet_pton(AF_INET6, "fd01::2", frame + 22);
	inet_pton(AF_INET6, "fd02::2", frame + 38);
	frame[54] = 0x30;
	frame[56] = 0x30;
	frame[58] = (uint8_t)(payload >> 8);
	frame[59] = (uint8_t)payload;
	frame[60] = 0xff; // a checksum that nobody on the way verifies
	frame[61] = 0xff;
	return 0;
}

static int send_xdp(const char *ifname, const uint8_t *frame, size_t size, double seconds)
{
	struct podgen_bpf *skel = podgen_bpf__open();
	struct xdp_md ctx = {.data = 0, .data_end = (uint32_t)size};
	uint64_t n = 0;
	double t0, t;

	if (skel == NULL)
		return -errno;
	skel->rodata->out_ifindex = if_nametoindex(ifname);
	bpf_program__set_autoload(skel->progs.count_and_drop, false);
	if (podgen_bpf__load(skel) != 0)
		return -errno;
	t0 = now_s();
	do {
		DECLARE_LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame,
		        .data_size_in = (uint32_t)size, .ctx_in = &ctx, .ctx_size_in = sizeof(ctx),
		        .repeat = RUN_FRAMES, .flags = BPF_F_TEST_XDP_LIVE_FRAMES,
		        .batch_size = BATCH);

		if (bpf_prog_test_run_opts(bpf_program__fd(skel->progs.send_frame), &opts) != 0)
			return -errno;
		n += RUN_FRAMES;
		t = now_s();
	} while (t - t0 < seconds);
	printf("sent %.3f Mpps\n", (double)n / (t - t0) / 1e6);
	podgen_bpf__destroy(skel);
	return 0;
}

static int send_skb(const char *ifname, uint8_t *frame, size_t size, double seconds)
{
	struct sockaddr_ll to = {
	        .sll_family = AF_PACKET, .sll_ifindex = (int)if_nametoindex(ifname)};
	struct iovec iov = {.iov_base = frame, .iov_len = size};
	struct mmsghdr msgs[BATCH];
	uint64_t n = 0;
	double t0, t;
	int fd = socket(AF_PACKET, SOCK_RAW, 0), one = 1, sent;

	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &one, sizeof(one)) < 0)
		return -errno;
	for (int i = 0; i < BATCH; i++) {
		msgs[i] = (struct mmsghdr){.msg_hdr = {.msg_name = &to,
		                                   .msg_namelen = sizeof(to),
		                                   .msg_iov = &iov,
		                                   .msg_iovlen = 1}};
	}
	t0 = now_s();
	do {
		for (int k = 0; k < 32; k++) {
			sent = sendmmsg(fd, msgs, BATCH, 0);
			n += sent > 0 ? (uint64_t)sent : 0;
		}
		t = now_s();
	} while (t - t0 < seconds);
	printf("sent %.3f Mpps\n", (double)n / (t - t0) / 1e6);
	close(fd);
	return 0;
}

static void read_received(struct podgen_bpf *skel, uint64_t ret_sums[2])
{
	static uint64_t values[CPUS_MAX];
	int n_cpus = libbpf_num_possible_cpus();

	for (uint32_t key = 0; key < 2; key++) {
		ret_sums[key] = 0;
		if (n_cpus > CPUS_MAX ||
		        bpf_map_lookup_elem(bpf_map__fd(skel->maps.received), &key, values) != 0)
			continue;
		for (int i = 0; i < n_cpus; i++)
			ret_sums[key] += values[i];
	}
}

static int sink(const char *ifname, double seconds)
{
	struct podgen_bpf *skel = podgen_bpf__open_and_load();
	DECLARE_LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)if_nametoindex(ifname),
	        .attach_point = BPF_TC_INGRESS);
	DECLARE_LIBBPF_OPTS(bpf_tc_opts, opts);
	uint64_t before[2] = {0}, after[2] = {0};
	double t0, t1, end;
	int ret;

	if (skel == NULL)
		return -errno;
	ret = bpf_tc_hook_create(&hook);
	if (ret != 0 && ret != -EEXIST)
		return ret;
	opts.prog_fd = bpf_program__fd(skel->progs.count_and_drop);
	ret = bpf_tc_attach(&hook, &opts);
	if (ret != 0)
		return ret;
	t0 = now_s();
	end = t0 + seconds;
	read_received(skel, before);
	while (t0 < end) {
		sleep(1);
		read_received(skel, after);
		t1 = now_s();
		printf("%.4f Mpps %.3f Gbit/s\n", (double)(after[0] - before[0]) / (t1 - t0) / 1e6,
		        (double)(after[1] - before[1]) * 8 / (t1 - t0) / 1e9);
		fflush(stdout);
		memcpy(before, after, sizeof(before));
		t0 = t1;
	}
	hook.attach_point = BPF_TC_INGRESS | BPF_TC_EGRESS; // removes the whole qdisc
	bpf_tc_hook_destroy(&hook);
	podgen_bpf__destroy(skel);
	return 0;
}

static int usage(void)
{
	fprintf(stderr, "usage: podgen xdp|skb IFNAME DST_MAC SECONDS [SIZE 62..1514]\n"
	                "       podgen sink IFNAME SECONDS\n");
	return 2;
}

int main(int argc, char **argv)
{
	static uint8_t frame[FRAME_MAX];
	size_t size = argc > 5 ? strtoul(argv[5], NULL, 10) : 64;
	int ret;

	if (argc < 4 || if_nametoindex(argv[2]) == 0)
		return usage();
	if (strcmp(argv[1], "sink") == 0) {
		ret = sink(argv[2], strtod(argv[3], NULL));
	} else {
		if (argc < 5 || size < FRAME_MIN || size > FRAME_MAX ||
		        build_frame(frame, size, argv[3]) != 0)
			return usage();
		ret = strcmp(argv[1], "xdp") == 0
		              ? send_xdp(argv[2], frame, size, strtod(argv[4], NULL))
		              : send_skb(argv[2], frame, size, strtod(argv[4], NULL));
	}
	if (ret != 0)
		fprintf(stderr, "podgen %s %s: %s\n", argv[1], argv[2], strerror(-ret));
	return ret != 0;
}
