/* SPDX-License-Identifier: BSD-3-Clause */
// The vhost_user driver's operations: the driver's life, and that of its ports.
#include "vhost_user.h"

#include <dirent.h>
#include <errno.h>
#include <rte_mbuf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include "caller.h"
#include "log.h"
#include "port_mac.h"

#define EVENTS_MAX 64
#define RETRIES_PER_EVENT 256
#define MTU_DEFAULT 1500
#define MTU_MIN 68
#define MTU_IPV6_MIN 1280
#define VLAN_TAG_BYTES 4
#define FDS_RESERVED 128 // for clients, netlink, files that are open for a moment
#define NOFILE_ENOUGH 8 // a port needs so many at most, with one pair

// --- limits --------------------------------------------------------------------------------------

static uint32_t count_open_files(void)
{
	DIR *dir = opendir("/proc/self/fd");
	uint32_t n = 0;

	if (dir == NULL)
		return FDS_RESERVED;
	while (readdir(dir) != NULL)
		n++;
	closedir(dir);
	return n;
}

static void raise_limit(struct port_driver *driver, uint32_t max_ports)
{
	struct rlimit limit;
	uint32_t n_open = count_open_files() + FDS_RESERVED;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		limit = (struct rlimit){.rlim_cur = 1024, .rlim_max = 1024};
	if (limit.rlim_cur < limit.rlim_max) {
		struct rlimit raised = {.rlim_cur = limit.rlim_max, .rlim_max = limit.rlim_max};

		if (setrlimit(RLIMIT_NOFILE, &raised) == 0)
			limit = raised;
	}
	driver->nofile = limit.rlim_cur < UINT32_MAX / 2 ? limit.rlim_cur : UINT32_MAX / 2;
	driver->budget.n_max = driver->nofile > n_open ? (uint32_t)driver->nofile - n_open : 0;
	driver->budget.n_kicks_spare = driver->budget.n_max / 8;
	if (driver->budget.n_max / NOFILE_ENOUGH < max_ports)
		log_notice("driver vhost_user: %llu open files (LimitNOFILE) are not enough for %u "
		           "ports with kicks and calls: the kicks of some will not be kept",
		        (unsigned long long)driver->nofile, max_ports);
}

static int take_fds(struct port_driver *driver, const char *ref, uint32_t n, struct fault *fault)
{
	struct fd_budget *budget = &driver->budget;

	if (budget->n_used + n > budget->n_max)
		return fault_set(fault, -EMFILE, NULL,
		        "port '%s': it needs %u open files, and of the limit of %llu there are %u "
		        "left for ports: raise LimitNOFILE of the service (ulimit -n)",
		        ref, n, (unsigned long long)driver->nofile,
		        budget->n_max > budget->n_used ? budget->n_max - budget->n_used : 0);
	budget->n_used += n;
	return 0;
}

// --- events --------------------------------------------------------------------------------------

static void on_timer(void *owner, uint32_t events)
{
	struct port_driver *driver = owner;
	struct retry *retry;

	for (uint32_t i = 0; i < RETRIES_PER_EVENT; i++) {
		retry = retry_next(&driver->timer);
		if (retry == NULL)
			return;
		peer_retry(
		        (struct vhost_port *)((char *)retry - offsetof(struct vhost_port, retry)));
	}
	retry_rearm(&driver->timer);
}

// A guest took its memory away: the ports that use it are cut off.
static void on_mapping(void *owner, uint32_t events)
{
	static const struct fault fault = {
	        .code = -EPROTO, .message = "the guest cut off the memory file that it shares"};
	struct port_driver *driver = owner;
	struct vhost_port *p, *next;

	mapping_pool_ack(driver->mappings);
	HASH_ITER (by_path, driver->ports, p, next) {
		if (device_lost_memory(&p->device))
			peer_lose(p, &fault);
	}
}

static void on_alarm(void *owner, uint32_t events)
{
	struct port_driver *driver = owner;
	struct queue *queue = queue_take_alarmed(&driver->alarm), *next;

	for (; queue != NULL; queue = next) {
		struct vhost_port *p = (struct vhost_port *)queue; // its first member
		struct fault fault = {0};

		next = atomic_load_explicit(&queue->next_alarmed, memory_order_relaxed);
		atomic_store_explicit(&queue->alarmed, false, memory_order_relaxed);
		if (device_find_fault(&p->device, &fault))
			peer_lose(p, &fault);
	}
}

static int vhost_user_events_fd(struct port_driver *driver)
{
	return driver->epoll_fd;
}

static void vhost_user_handle_events(struct port_driver *driver)
{
	struct epoll_event events[EVENTS_MAX];
	int n = epoll_wait(driver->epoll_fd, events, EVENTS_MAX, 0 /* ms */);

	for (int i = 0; i < n; i++) {
		const struct event_source *source = events[i].data.ptr;

		source->handle(source->owner, events[i].events);
	}
}

static int watch(struct port_driver *driver, int fd, struct event_source *source,
        void (*handle)(void *owner, uint32_t events), struct fault *fault)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = source};

	*source = (struct event_source){handle, driver};
	if (epoll_ctl(driver->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0)
		return 0;
	return fault_set(
	        fault, -errno, NULL, "cannot watch descriptor %d: %s", fd, strerror(errno));
}

// --- the driver ----------------------------------------------------------------------------------

static void vhost_user_close(struct port_driver *driver, bool keep)
{
	if (!keep && driver->dir.path[0] != '\0')
		rmdir(driver->dir.path); // unless somebody's socket is in it
	mapping_pool_destroy(driver->mappings);
	retry_timer_fini(&driver->timer);
	if (driver->spare_fd >= 0)
		close(driver->spare_fd);
	if (driver->alarm.event_fd >= 0)
		close(driver->alarm.event_fd);
	if (driver->epoll_fd >= 0)
		close(driver->epoll_fd);
	for (uint16_t i = 0; driver->callers != NULL && i < driver->n_workers; i++)
		caller_fini(&driver->callers[i]);
	free(driver->callers);
	free(driver);
}

static int open_callers(struct port_driver *driver, struct fault *fault)
{
	struct fault why = {0};
	int ret = 0;

	driver->callers = calloc(driver->n_workers, sizeof(*driver->callers));
	if (driver->callers == NULL)
		return fault_set(fault, -ENOMEM, NULL, "out of memory");
	for (uint16_t i = 0; i < driver->n_workers; i++)
		driver->callers[i] = (struct caller){.file = -1};
	for (uint16_t i = 0; i < driver->n_workers && ret == 0; i++)
		ret = caller_init(&driver->callers[i], &why);
	if (ret < 0)
		log_warning("driver vhost_user: no asynchronous I/O for calls (%s): a guest that "
		            "is a process can make its worker wait",
		        why.message);
	return 0;
}

static int open_events(struct port_driver *driver, struct fault *fault)
{
	int ret = retry_timer_init(&driver->timer, fault);

	if (ret < 0)
		return ret;
	driver->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	driver->alarm.event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (driver->epoll_fd < 0 || driver->alarm.event_fd < 0)
		return fault_set(fault, -EMFILE, NULL, "no descriptors for its events");
	ret = mapping_pool_create(&driver->mappings, fault);
	if (ret == 0)
		ret = watch(driver, driver->timer.fd, &driver->on_timer, on_timer, fault);
	if (ret == 0)
		ret = watch(driver, driver->alarm.event_fd, &driver->on_alarm, on_alarm, fault);
	if (ret == 0)
		ret = watch(driver, mapping_pool_fd(driver->mappings), &driver->on_mapping,
		        on_mapping, fault);
	return ret;
}

static int vhost_user_open(const struct port_driver_config *config, struct port_driver **ret_driver,
        struct fault *fault)
{
	static const struct vhost_user_config defaults = {.socket_dir = "/run/orrery/vhost"};
	struct port_driver *driver = calloc(1, sizeof(*driver));
	int ret;

	if (driver == NULL)
		return fault_set(fault, -ENOMEM, NULL, "out of memory");
	driver->epoll_fd = driver->spare_fd = driver->timer.fd = driver->alarm.event_fd = -1;
	driver->host = config->host;
	driver->pools = config->pools;
	driver->n_workers = config->n_workers;
	driver->frame_bytes = config->frame_bytes;
	driver->ring_size_max = config->ring_size != 0 ? config->ring_size : VRING_SIZE_MAX;
	raise_limit(driver, config->max_ports);
	ret = socket_dir_init(
	        &driver->dir, config->vhost_user != NULL ? config->vhost_user : &defaults, fault);
	if (ret == 0)
		ret = open_callers(driver, fault);
	if (ret == 0)
		ret = open_events(driver, fault);
	if (ret < 0) {
		vhost_user_close(driver, false /* keep */);
		return ret;
	}
	*ret_driver = driver;
	return 0;
}

static struct port_queue *vhost_user_worker_queue(struct port_driver *driver, uint16_t worker)
{
	return NULL; // a queue a port
}

// --- ports ---------------------------------------------------------------------------------------

static uint32_t mtu_max(const struct port_driver *driver, uint16_t worker)
{
	uint32_t room = rte_pktmbuf_data_room_size(driver->pools[worker]) - RTE_PKTMBUF_HEADROOM;

	if (driver->frame_bytes != 0 && driver->frame_bytes < room)
		room = driver->frame_bytes;
	return room - ETH_HLEN - VLAN_TAG_BYTES;
}

static int check_config(const struct port_driver *driver, const struct port_config *config,
        const struct port *port, struct fault *fault)
{
	uint32_t mtu = config->mtu != 0 ? config->mtu : MTU_DEFAULT;
	uint32_t mtu_min = config->n_addrs > 0 ? MTU_IPV6_MIN : MTU_MIN;

	if (port->worker >= driver->n_workers)
		return fault_set(
		        fault, -EINVAL, NULL, "port '%s': no worker %u", config->ref, port->worker);
	if (mtu > mtu_max(driver, port->worker) || mtu < mtu_min)
		return fault_set(fault, -EINVAL, "mtu", "port '%s': mtu %u, it is from %u to %u",
		        config->ref, mtu, mtu_min, mtu_max(driver, port->worker));
	if (config->queue_pairs > DEVICE_PAIRS_MAX)
		return fault_set(fault, -EINVAL, "queue_pairs",
		        "port '%s': %u queue pairs, at most %d", config->ref, config->queue_pairs,
		        DEVICE_PAIRS_MAX);
	if (config->carrier && config->socket_server)
		return fault_set(fault, -ENOTSUP, "carrier",
		        "port '%s': a front end that connects cannot be shown that a link is down",
		        config->ref);
	return 0;
}

static void fill_port(struct vhost_port *p, const struct port_config *config, struct port *port)
{
	static const uint8_t none[ETH_ALEN];

	port->ops = &vhost_user_ops;
	port->driver = p->driver;
	port->queue = &p->queue.base;
	port->queue_by_driver = true;
	port->mtu = config->mtu != 0 ? config->mtu : MTU_DEFAULT;
	memcpy(port->mac, config->mac, ETH_ALEN);
	if (memcmp(port->mac, none, ETH_ALEN) == 0)
		port_mac_from_ref(port->mac, config->ref);
	snprintf(port->ref, sizeof(port->ref), "%s", config->ref);
	snprintf(port->owner, sizeof(port->owner), "%s", config->owner);
	snprintf(port->ifname, sizeof(port->ifname), "%s", config->ifname);
	port->netns_inode = 0;
}

static struct vhost_port *make_port(
        struct port_driver *driver, const struct port_config *config, struct port *port)
{
	struct vhost_port *p = aligned_alloc(64, (sizeof(struct vhost_port) + 63) / 64 * 64);

	if (p == NULL)
		return NULL;
	memset(p, 0, sizeof(*p));
	p->port = port;
	p->device_config = (struct device_config){
	        .mappings = driver->mappings,
	        .budget = &driver->budget,
	        .caller = &driver->callers[port->worker],
	        .ring_size_max = driver->ring_size_max,
	        .n_pairs = config->queue_pairs != 0 ? config->queue_pairs : 1,
	        .mtu = config->mtu != 0 ? config->mtu : MTU_DEFAULT,
	        .port_id = (uint16_t)port->id,
	};
	p->device_config.max_frame = (uint16_t)(p->device_config.mtu + ETH_HLEN + VLAN_TAG_BYTES);
	queue_init(&p->queue, port->worker, p->device_config.n_pairs, driver->pools[port->worker],
	        &driver->alarm);
	peer_init(p, driver);
	p->carrier = !config->carrier; // until it is known: nobody sees a link come and go
	return p;
}

static bool path_in_use(const struct port_driver *driver, const char *path)
{
	struct vhost_port *p;

	HASH_FIND(by_path, driver->ports, path, strlen(path), p);
	return p != NULL;
}

static int vhost_user_create(struct port_driver *driver, const struct port_config *config,
        struct port *port, struct fault *fault)
{
	uint32_t n_fds = config->socket_server ? 2 : 1;
	struct vhost_port *p;
	int ret = check_config(driver, config, port, fault);

	if (ret == 0)
		ret = take_fds(driver, config->ref, n_fds, fault);
	if (ret < 0)
		return ret;
	p = make_port(driver, config, port);
	if (p == NULL) {
		ret = fault_set(fault, -ENOMEM, NULL, "port '%s': out of memory", config->ref);
		goto err_fds;
	}
	ret = socket_dir_path(&driver->dir, config->ref, config->socket, p->path, fault);
	if (ret == 0 && path_in_use(driver, p->path))
		ret = fault_set(fault, -EBUSY, "socket",
		        "port '%s': another port has the socket '%s'", config->ref, p->path);
	if (ret == 0 && config->socket_server)
		ret = socket_dir_listen(&driver->dir, p->path, &p->listen_fd, fault);
	if (ret < 0)
		goto err_port;
	fill_port(p, config, port);
	HASH_ADD(by_path, driver->ports, path, strlen(p->path), p);
	peer_start(p);
	return 0;

err_port:
	free(p);
err_fds:
	driver->budget.n_used -= n_fds;
	return ret;
}

static void vhost_user_destroy(struct port *port, bool keep)
{
	struct vhost_port *p = vhost_port_of(port);
	struct port_driver *driver = p->driver;

	driver->budget.n_used -= p->listen_fd >= 0 ? 2 : 1;
	peer_stop(p);
	on_alarm(driver, 0 /* events */); // no worker has it any more: nor does the list now
	HASH_DELETE(by_path, driver->ports, p);
	free(p);
	port->queue = NULL;
}

static int vhost_user_set_carrier(struct port *port, bool up, struct fault *fault)
{
	struct vhost_port *p = vhost_port_of(port);

	if (p->listen_fd >= 0)
		return fault_set(fault, -ENOTSUP, NULL,
		        "port '%s': a front end that connects cannot be shown that the link is %s",
		        port->ref, up ? "up" : "down");
	peer_set_carrier(p, up);
	return 0;
}

static enum port_state vhost_user_get_state(struct port *port, char *reason, size_t reason_size)
{
	const struct vhost_port *p = vhost_port_of(port);

	snprintf(reason, reason_size, "%s", p->reason);
	return p->state;
}

static void vhost_user_get_stats(struct port *port, struct port_stats *ret_stats)
{
	const struct vhost_port *p = vhost_port_of(port);
	struct device_counters counters;

	device_get_counters(&p->device, &counters);
	*ret_stats = (struct port_stats){
	        .rx_errors = counters.rx_bad,
	        .tx_full = atomic_load_explicit(&p->queue.tx_full, memory_order_relaxed),
	        .tx_errors = counters.tx_bad,
	};
}

static size_t vhost_user_driver_stats(
        struct port_driver *driver, const char **names, uint64_t *values, size_t n)
{
	struct mapping_pool_stats mappings;
	size_t n_out = 0;

	mapping_pool_stats(driver->mappings, &mappings);
	const struct {
		const char *name;
		uint64_t value;
	} stats[] = {
	        {"connects", driver->n_connects},
	        {"broken", driver->n_broken},
	        {"messages", driver->n_messages},
	        {"quiesces", driver->n_quiesces},
	        {"mappings", mappings.n_mappings},
	        {"mappings_guarded", mappings.n_guarded},
	        {"mapped_bytes", mappings.bytes},
	        {"open_files", driver->budget.n_used},
	        {"open_files_max", driver->budget.n_max},
	};

	for (; n_out < sizeof(stats) / sizeof(stats[0]) && n_out < n; n_out++) {
		names[n_out] = stats[n_out].name;
		values[n_out] = stats[n_out].value;
	}
	return n_out;
}

const struct port_ops vhost_user_ops = {
        .name = "vhost_user",
        .open = vhost_user_open,
        .close = vhost_user_close,
        .worker_queue = vhost_user_worker_queue,
        .create = vhost_user_create,
        .destroy = vhost_user_destroy,
        .events_fd = vhost_user_events_fd,
        .handle_events = vhost_user_handle_events,
        .get_state = vhost_user_get_state,
        .describe = vhost_user_describe,
        .set_carrier = vhost_user_set_carrier,
        .get_stats = vhost_user_get_stats,
        .driver_stats = vhost_user_driver_stats,
        .rx_burst = queue_rx_burst,
        .tx_burst = queue_tx_burst,
        .tx_flush = queue_tx_flush,
        .arm = queue_arm,
        .disarm = queue_disarm,
        .pending = queue_pending,
        .watch = queue_watch,
};
