/* SPDX-License-Identifier: (BSD-3-Clause OR GPL-2.0-only) */
// Kernel side of podgen: the cheapest sender and the cheapest sink that a pod's interface allows.
#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#include <bpf/bpf_helpers.h>

const volatile __u32 out_ifindex;

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 2); // frames, bytes
	__type(key, __u32);
	__type(value, __u64);
} received SEC(".maps");

// Run by BPF_PROG_RUN on live frames: each leaves by the pod's interface as an XDP frame.
SEC("xdp")
int send_frame(struct xdp_md *ctx)
{
	return bpf_redirect(out_ifindex, 0);
}

// At the pod's ingress: counts and drops before the IPv6 stack sees anything.
SEC("tc")
int count_and_drop(struct __sk_buff *skb)
{
	__u32 frames = 0, bytes = 1;
	__u64 *n = bpf_map_lookup_elem(&received, &frames);
	__u64 *b = bpf_map_lookup_elem(&received, &bytes);

	if (n != 0)
		*n += skb->gso_segs > 1 ? skb->gso_segs : 1;
	if (b != 0)
		*b += skb->len;
	return TC_ACT_SHOT;
}

char _license[] SEC("license") = "Dual BSD/GPL";
