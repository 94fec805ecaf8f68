/* SPDX-License-Identifier: BSD-3-Clause */
// The af_xdp port driver: ordinary pods, whose interface is one end of a kernel veth.
//
// Ten thousand pods share one AF_XDP socket a worker. Each worker has a *trunk*, a veth pair with
// the socket on one end; frames carry their port's id through it.
//
//	switch's namespaces (IPv6 off)                                       pods' namespaces
//
//	  hub "orrery-INSTANCE"                       ports 0 to 255
//	 +--------------------------------------------------------------+
//	 |  worker <-> AF_XDP socket -- trunkW = peerW ....... port ID --|-- eth0 of a pod
//	 +----------------------------------------------+---------------+
//	                                                | shardK
//	  "orrery-INSTANCE.K"       256 ports each      | hub
//	 +----------------------------------------------+---------------+
//	 |                                                     port ID --|-- eth0 of a pod
//	 +--------------------------------------------------------------+
//	 in:    socket <- socket_in <-------- devmap <---------- host_in <--  sent by the pod  (XDP)
//	 out:   socket -> hub_out (-> shard_out) =======================>   into the pod     (TC)
//
// In (pod to switch): host_in, XDP on the host end, writes the port's id before the frame
// (metadata) and redirects it to the trunk of the port's worker; socket_in hands it to the socket.
// All of it runs on the sender's CPU; the worker copies the frame from the ring into an mbuf.
// Nothing is put into the frame, so a pod's frame takes no room for a tag.
//
// Out (switch to pod): the worker copies the frame into the ring with a tag behind the addresses:
// an 802.1ad tag whose 16 bits are the port's id. The kernel moves such a tag out of the frame when
// it arrives at the peer end; hub_out, TC, takes it off and puts the frame straight into the pod's
// device (bpf_redirect_peer), without a queue or a second wake-up on the way; for a port of another
// shard shard_out does. The pod's receive path runs inside the worker's system call, on the
// worker's core.
//
// Why TC out and not XDP: 435 ns a frame against 730 ns with XDP, devmap and the pod's NAPI (64 B;
// the frame of a socket has no room before it, so XDP copies it, and each pod has its own NAPI to
// wake). Why shards: bpf_redirect_peer looks its device up in a table of 256 chains; with 10,000
// devices in one namespace a frame costs 700 ns to 2.6 us, in shards of 256 it costs 490 to 820 ns.
// The figures are in docs/af_xdp.md. Indexes of interfaces are chosen so that each chain has one
// port.
//
// Limits. MTU AF_XDP_MTU_MAX: what one page holds beside the kernel's headroom, two VLAN tags and
// ours. Ports: the port id is 16 bits. One queue each way a pod interface. A bpf_redirect_peer that
// fails (the pod's end is down) ends the frame in the kernel without a count.
//
// The pod's interface. Made by one request straight in the pod's namespace, then: TX checksum,
// segmentation and VLAN offloads off (nobody behind the veth would finish their work), duplicate
// address detection off, addresses, routes, up. GRO is left alone: frames arrive one by one, so it
// would only cost.
//
// Crash and adoption. Namespaces have names, programs stay attached to interfaces, and the alias of
// a host end says what it is ("orrery1 REF IFNAME MAC NETNS OWNER"), so all survives the process.
// The next switch of the same instance finds the host ends with scan(), and adopt() puts its own
// programs in place of the old ones; pods notice nothing but the frames lost in between. What is
// not adopted keeps its interface and loses its frames (bpf_in_unknown_port) until its id is used
// again.
//
// Removal: reaper.h.
//
// Threads: as port_ops.h says, and the reaper's. The control thread visits namespaces while it
// works for a port and is back in its own when a function returns.
#pragma once

#include "port_ops.h"

#define AF_XDP_MTU_MIN 68u // the kernel's
#define AF_XDP_MTU_IPV6_MIN 1280u // with addresses
#define AF_XDP_MTU_MAX 3490u
#define AF_XDP_MTU_DEFAULT 1500u
