/* SPDX-License-Identifier: BSD-3-Clause */
// Loading, attaching and feeding the BPF programs.
#include "bpf.h"

#include <assert.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "log.h"
// generated, and not to our warnings
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wcast-qual"
#include "programs.skel.h"
#pragma GCC diagnostic pop

struct bpf {
	struct programs *skel;
	uint32_t max_ports;
	int n_cpus;
	_Atomic uint64_t *ports; // struct af_xdp_port_entry, mapped; written whole
	struct af_xdp_port_drops *drops; // mapped
	size_t ports_bytes, drops_bytes;
};

static_assert(sizeof(struct af_xdp_port_entry) == sizeof(uint64_t), "replaced with one store");

static int quiet(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	char line[512];
	size_t len;

	if (log_level() < LOG_LEVEL_DEBUG)
		return 0;
	vsnprintf(line, sizeof(line), fmt, ap);
	len = strcspn(line, "\n");
	log_debug("libbpf: %.*s", (int)len, line);
	return 0;
}

static size_t map_bytes(size_t n, size_t size)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	return (n * size + page - 1) / page * page;
}

static void *map_memory(const struct bpf_map *map, size_t bytes)
{
	void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(map), 0);

	return memory == MAP_FAILED ? NULL : memory;
}

static int load(struct bpf *bpf, struct fault *fault)
{
	int ret;

	bpf->skel = programs__open();
	if (bpf->skel == NULL)
		return fault_set(fault, -errno, NULL, "BPF programs: %s", strerror(errno));
	bpf_map__set_max_entries(bpf->skel->maps.ports, bpf->max_ports);
	bpf_map__set_max_entries(bpf->skel->maps.port_drops, bpf->max_ports);
	ret = programs__load(bpf->skel);
	if (ret < 0)
		return fault_set(fault, ret, NULL,
		        "the kernel refuses the BPF programs: %s (root or CAP_BPF, CAP_NET_ADMIN "
		        "and "
		        "CONFIG_BPF_SYSCALL, CONFIG_XDP_SOCKETS, CONFIG_NET_CLS_BPF are needed)",
		        strerror(-ret));
	return 0;
}

int bpf_create(uint32_t max_ports, struct bpf **ret_bpf, struct fault *fault)
{
	struct bpf *bpf = calloc(1, sizeof(*bpf));
	int ret;

	if (bpf == NULL)
		return fault_set(fault, -ENOMEM, NULL, "out of memory");
	libbpf_set_print(quiet);
	bpf->max_ports = max_ports;
	bpf->n_cpus = libbpf_num_possible_cpus();
	if (bpf->n_cpus < 1) {
		ret = fault_set(fault, -EINVAL, NULL, "cannot read the number of CPUs");
		goto err;
	}
	ret = load(bpf, fault);
	if (ret < 0)
		goto err;
	bpf->ports_bytes = map_bytes(max_ports, sizeof(struct af_xdp_port_entry));
	bpf->drops_bytes = map_bytes(max_ports, sizeof(struct af_xdp_port_drops));
	bpf->ports = map_memory(bpf->skel->maps.ports, bpf->ports_bytes);
	bpf->drops = map_memory(bpf->skel->maps.port_drops, bpf->drops_bytes);
	if (bpf->ports == NULL || bpf->drops == NULL) {
		ret = fault_set(fault, -ENOMEM, NULL, "cannot map the BPF port table");
		goto err;
	}
	*ret_bpf = bpf;
	return 0;
err:
	bpf_destroy(bpf);
	return ret;
}

void bpf_destroy(struct bpf *bpf)
{
	if (bpf == NULL)
		return;
	if (bpf->ports != NULL)
		munmap(bpf->ports, bpf->ports_bytes);
	if (bpf->drops != NULL)
		munmap(bpf->drops, bpf->drops_bytes);
	programs__destroy(bpf->skel);
	free(bpf);
}

int bpf_host_prog_fd(const struct bpf *bpf)
{
	return bpf_program__fd(bpf->skel->progs.host_in);
}

int bpf_socket_prog_fd(const struct bpf *bpf)
{
	return bpf_program__fd(bpf->skel->progs.socket_in);
}

static int attach_tc(const struct bpf_program *program, uint32_t ifindex)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)ifindex, .attach_point = BPF_TC_INGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts, .prog_fd = bpf_program__fd(program), .handle = 1,
	        .priority = 1, .flags = BPF_TC_F_REPLACE);
	int ret = bpf_tc_hook_create(&hook);

	if (ret < 0 && ret != -EEXIST)
		return ret;
	return bpf_tc_attach(&hook, &opts);
}

int bpf_attach_hub(const struct bpf *bpf, uint32_t ifindex)
{
	return attach_tc(bpf->skel->progs.hub_out, ifindex);
}

int bpf_attach_shard(const struct bpf *bpf, uint32_t ifindex)
{
	return attach_tc(bpf->skel->progs.shard_out, ifindex);
}

int bpf_set_trunk(const struct bpf *bpf, uint16_t worker, uint32_t peer_ifindex, int socket_fd)
{
	uint32_t key = worker;

	if (bpf_map_update_elem(bpf_map__fd(bpf->skel->maps.trunks), &key, &peer_ifindex, BPF_ANY) <
	        0)
		return -errno;
	if (bpf_map_update_elem(bpf_map__fd(bpf->skel->maps.sockets), &key, &socket_fd, BPF_ANY) <
	        0)
		return -errno;
	return 0;
}

// Release: a program that sees the entry sees what was set up before it, as far as that matters.
static void store_port(struct bpf *bpf, uint32_t id, const struct af_xdp_port_entry *entry)
{
	uint64_t word;

	memcpy(&word, entry, sizeof(word));
	atomic_store_explicit(&bpf->ports[id], word, memory_order_release);
}

struct af_xdp_port_entry bpf_port(const struct bpf *bpf, uint32_t id)
{
	uint64_t word = atomic_load_explicit(&bpf->ports[id], memory_order_relaxed);
	struct af_xdp_port_entry entry;

	memcpy(&entry, &word, sizeof(entry));
	return entry;
}

void bpf_set_port(struct bpf *bpf, uint32_t id, const struct af_xdp_port_entry *entry)
{
	static const struct af_xdp_port_entry none;

	if (entry != NULL && !(bpf_port(bpf, id).flags & AF_XDP_PORT_VALID))
		memset(&bpf->drops[id], 0, sizeof(bpf->drops[id]));
	store_port(bpf, id, entry != NULL ? entry : &none);
}

struct af_xdp_port_drops bpf_port_drops(const struct bpf *bpf, uint32_t id)
{
	const struct af_xdp_port_drops *drops = &bpf->drops[id];

	// relaxed: counters that programs add to at any time
	return (struct af_xdp_port_drops){
	        .in = __atomic_load_n(&drops->in, __ATOMIC_RELAXED),
	        .out = __atomic_load_n(&drops->out, __ATOMIC_RELAXED),
	};
}

void bpf_counters(const struct bpf *bpf, uint64_t ret_values[AF_XDP_COUNTER_COUNT])
{
	int fd = bpf_map__fd(bpf->skel->maps.counters);
	uint64_t *values = calloc((size_t)bpf->n_cpus, sizeof(*values));

	memset(ret_values, 0, sizeof(*ret_values) * AF_XDP_COUNTER_COUNT);
	if (values == NULL)
		return;
	for (uint32_t i = 0; i < AF_XDP_COUNTER_COUNT; i++) {
		if (bpf_map_lookup_elem(fd, &i, values) < 0)
			continue;
		for (int cpu = 0; cpu < bpf->n_cpus; cpu++)
			ret_values[i] += values[cpu];
	}
	free(values);
}
