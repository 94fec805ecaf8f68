/* SPDX-License-Identifier: (BSD-3-Clause OR GPL-2.0-only) */
// The four programs of the trunk: in through XDP, out through TC. The picture is in af_xdp.h.
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "programs.h"

#define PACKET_HOST 0 // linux/if_packet.h pulls in sockets

char LICENSE[] SEC("license") = "Dual BSD/GPL";

// Sizes that depend on the configuration are set by the driver before loading.
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct af_xdp_port_entry);
} ports SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct af_xdp_port_drops);
} port_drops SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, AF_XDP_COUNTER_COUNT);
	__type(key, __u32);
	__type(value, __u64);
} counters SEC(".maps");

// The peer end of each worker's trunk, by worker.
struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP);
	__uint(max_entries, AF_XDP_MAX_WORKERS);
	__type(key, __u32);
	__type(value, __u32);
} trunks SEC(".maps");

// The socket behind each trunk, by worker.
struct {
	__uint(type, BPF_MAP_TYPE_XSKMAP);
	__uint(max_entries, AF_XDP_MAX_WORKERS);
	__type(key, __u32);
	__type(value, __u32);
} sockets SEC(".maps");

static __always_inline void count(__u32 counter)
{
	__u64 *value = bpf_map_lookup_elem(&counters, &counter);

	if (value)
		(*value)++;
}

static __always_inline int in_drop(__u32 id, __u32 counter)
{
	struct af_xdp_port_drops *drops = bpf_map_lookup_elem(&port_drops, &id);

	count(counter);
	if (drops)
		__sync_fetch_and_add(&drops->in, 1);
	return XDP_DROP;
}

static __always_inline int out_drop(__u32 id, __u32 counter)
{
	struct af_xdp_port_drops *drops = bpf_map_lookup_elem(&port_drops, &id);

	count(counter);
	if (drops)
		__sync_fetch_and_add(&drops->out, 1);
	return TC_ACT_SHOT;
}

// Host end of a pod's veth: writes the port's id before the frame, sends it to its worker's trunk.
SEC("xdp")
int host_in(struct xdp_md *ctx)
{
	__u32 id = ctx->ingress_ifindex - AF_XDP_PORT_IFINDEX;
	struct af_xdp_port_entry *port = bpf_map_lookup_elem(&ports, &id);
	struct af_xdp_meta *meta;

	if (!port || !(port->flags & AF_XDP_PORT_VALID))
		return in_drop(id, AF_XDP_IN_UNKNOWN_PORT);
	// a frame redirected by the pod's own programs can come with metadata: replace it
	if (bpf_xdp_adjust_meta(ctx, (int)(ctx->data - ctx->data_meta) - (int)sizeof(*meta)))
		return in_drop(id, AF_XDP_IN_NO_META);
	meta = (void *)(long)ctx->data_meta;
	if ((void *)(meta + 1) > (void *)(long)ctx->data)
		return in_drop(id, AF_XDP_IN_NO_META);
	meta->magic = AF_XDP_META_MAGIC;
	meta->port_id = id;
	if (bpf_redirect_map(&trunks, port->worker, XDP_DROP) != XDP_REDIRECT)
		return in_drop(id, AF_XDP_IN_NO_TRUNK);
	return XDP_REDIRECT;
}

// Socket end of a trunk: frames of host ends go to its worker's socket, anything else is noise.
SEC("xdp")
int socket_in(struct xdp_md *ctx)
{
	struct af_xdp_meta *meta = (void *)(long)ctx->data_meta;

	if ((void *)(meta + 1) > (void *)(long)ctx->data || meta->magic != AF_XDP_META_MAGIC) {
		count(AF_XDP_IN_STRAY);
		return XDP_DROP;
	}
	if (bpf_redirect_map(&sockets, ctx->ingress_ifindex - AF_XDP_TRUNK_IFINDEX, XDP_DROP) !=
	        XDP_REDIRECT) {
		count(AF_XDP_IN_NO_SOCKET);
		return XDP_DROP;
	}
	return XDP_REDIRECT;
}

// A frame too short for the kernel to take its tag out was padded: back to its length.
static __always_inline int trim(struct __sk_buff *skb)
{
	__u8 len;

	if (bpf_skb_load_bytes(skb, AF_XDP_SHORT_SIZE - 1, &len, sizeof(len)))
		return -1;
	return bpf_skb_change_tail(skb, len, 0);
}

// Removes the tag and puts the frame straight into the pod's device. That skips the device's own
// view of the destination MAC, so it is taken here: the pod's MAC is "to this host", a group
// address was marked when the frame left the trunk, and any other MAC (a bridge or macvlan in the
// pod, or a changed address) goes the long way through the host end.
static __always_inline int deliver(
        struct __sk_buff *skb, const struct af_xdp_port_entry *port, __u32 id)
{
	void *data = (void *)(long)skb->data;
	struct ethhdr *eth = data;
	__u8 group, differ = 0;
	int is_short = skb->vlan_proto == bpf_htons(AF_XDP_TAG_SHORT);

	if (data + sizeof(*eth) > (void *)(long)skb->data_end)
		return out_drop(id, AF_XDP_OUT_BAD_FRAME);
	group = eth->h_dest[0] & 1;
	for (int i = 0; i < ETH_ALEN; i++)
		differ |= eth->h_dest[i] ^ port->mac[i];
	if (bpf_skb_vlan_pop(skb) || (is_short && trim(skb)))
		return out_drop(id, AF_XDP_OUT_BAD_FRAME);
	if (!group && differ) {
		count(AF_XDP_OUT_OTHER_MAC);
		return bpf_redirect(AF_XDP_PORT_IFINDEX + id, 0);
	}
	if (!differ)
		bpf_skb_change_type(skb, PACKET_HOST);
	return bpf_redirect_peer(AF_XDP_PORT_IFINDEX + id, 0);
}

// Peer end of a trunk: the kernel has moved the switch's tag (all 16 bits the port id) into the
// skb. The hub is the first shard itself; frames for others go through the pair to theirs.
SEC("tc")
int hub_out(struct __sk_buff *skb)
{
	__u32 id = (__u16)skb->vlan_tci;
	struct af_xdp_port_entry *port;

	if (!skb->vlan_present) {
		count(AF_XDP_OUT_UNTAGGED);
		return TC_ACT_SHOT;
	}
	port = bpf_map_lookup_elem(&ports, &id);
	if (!port || !(port->flags & AF_XDP_PORT_VALID))
		return out_drop(id, AF_XDP_OUT_UNKNOWN_PORT);
	if (!(port->flags & AF_XDP_PORT_CARRIER))
		return out_drop(id, AF_XDP_OUT_NO_CARRIER);
	if (id < AF_XDP_SHARD_PORTS)
		return deliver(skb, port, id);
	return bpf_redirect_peer(AF_XDP_SHARD_IFINDEX + (id >> AF_XDP_SHARD_BITS), 0);
}

// A shard's end of the pair from the hub; the tag is still there.
SEC("tc")
int shard_out(struct __sk_buff *skb)
{
	__u32 id = (__u16)skb->vlan_tci;
	struct af_xdp_port_entry *port = bpf_map_lookup_elem(&ports, &id);

	if (!skb->vlan_present || !port)
		return out_drop(id, AF_XDP_OUT_BAD_FRAME);
	return deliver(skb, port, id);
}
