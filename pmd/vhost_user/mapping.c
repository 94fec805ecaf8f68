/* SPDX-License-Identifier: BSD-3-Clause */
// Shared mappings, and the SIGBUS handler that guards them.
#include "mapping.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#define N_BUCKETS 4096u // power of two

// What the handler looks at. A slot is in use while `start` is not 0.
struct guard {
	_Atomic uintptr_t start;
	_Atomic size_t size;
	_Atomic bool broken;
};

struct mapping_key {
	dev_t dev;
	ino_t ino;
	uint64_t offset, size; // whole pages
};

struct mapping {
	struct mapping *next; // in its bucket
	struct mapping_pool *pool;
	struct mapping_key key;
	uint32_t n_refs;
	uint8_t *addr;
	struct guard *guard; // NULL: sealed, and there was none left
	bool sealed; // this part of the file stays
};

struct mapping_pool {
	struct guard *guards; // [MAPPINGS_GUARDED_MAX]
	_Atomic uint32_t guards_end; // slots used so far
	uint32_t n_free;
	uint32_t *free_slots; // [n_free] a stack, below guards_end
	int event_fd;
	struct sigaction old_action;
	struct mapping_pool_stats stats;
	struct mapping *buckets[N_BUCKETS];
};

// A signal handler has no argument of ours: the one pool of the process.
static struct mapping_pool *_Atomic guarded_pool;

// --- the handler: any thread, async-signal-safe
// ---------------------------------------------------

static struct guard *find_guard(struct mapping_pool *pool, uintptr_t addr)
{
	uint32_t end = atomic_load_explicit(&pool->guards_end, memory_order_acquire);

	for (uint32_t i = 0; i < end; i++) {
		struct guard *guard = &pool->guards[i];
		uintptr_t start = atomic_load_explicit(&guard->start, memory_order_acquire);

		if (start != 0 &&
		        addr - start < atomic_load_explicit(&guard->size, memory_order_relaxed))
			return guard;
	}
	return NULL;
}

// Two threads may do this for one mapping: the second makes zeros of zeros.
static bool replace_memory(struct mapping_pool *pool, struct guard *guard)
{
	void *start = (void *)atomic_load_explicit(&guard->start, memory_order_relaxed);
	size_t size = atomic_load_explicit(&guard->size, memory_order_relaxed);
	const uint64_t one = 1;
	ssize_t n;

	if (mmap(start, size, PROT_READ | PROT_WRITE,
	            MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0) == MAP_FAILED)
		return false;
	atomic_store_explicit(&guard->broken, true, memory_order_release);
	n = write(pool->event_fd, &one, sizeof(one));
	(void)n; // full: it is readable already
	return true;
}

static void pass_on(const struct sigaction *old, int signo, siginfo_t *info, void *context)
{
	if ((old->sa_flags & SA_SIGINFO) != 0) {
		old->sa_sigaction(signo, info, context);
	} else if (old->sa_handler == SIG_DFL || old->sa_handler == SIG_IGN) {
		// the access is tried again, and ends the process as if we were not here
		signal(signo, SIG_DFL);
		if (info->si_code <= 0) // sent by kill(): nothing tries again
			raise(signo);
	} else {
		old->sa_handler(signo);
	}
}

static void on_sigbus(int signo, siginfo_t *info, void *context)
{
	struct mapping_pool *pool = atomic_load_explicit(&guarded_pool, memory_order_acquire);
	int saved_errno = errno;
	struct guard *guard = NULL;

	if (pool == NULL)
		return; // it ends on another thread at this moment
	if (info->si_code > 0)
		guard = find_guard(pool, (uintptr_t)info->si_addr);
	if (guard == NULL || !replace_memory(pool, guard))
		pass_on(&pool->old_action, signo, info, context);
	errno = saved_errno;
}

// --- the pool ------------------------------------------------------------------------------------

static void free_pool(struct mapping_pool *pool)
{
	if (pool->guards != MAP_FAILED)
		munmap(pool->guards, MAPPINGS_GUARDED_MAX * sizeof(pool->guards[0]));
	if (pool->event_fd >= 0)
		close(pool->event_fd);
	free(pool->free_slots);
	free(pool);
}

int mapping_pool_create(struct mapping_pool **ret_pool, struct fault *fault)
{
	struct sigaction action = {.sa_sigaction = on_sigbus, .sa_flags = SA_SIGINFO | SA_NODEFER};
	struct mapping_pool *pool, *none = NULL;
	int ret;

	pool = calloc(1, sizeof(*pool));
	if (pool == NULL)
		return fault_set(fault, -ENOMEM, NULL, "out of memory");
	pool->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	pool->free_slots = calloc(MAPPINGS_GUARDED_MAX, sizeof(pool->free_slots[0]));
	// anonymous memory costs nothing until it is touched
	pool->guards = mmap(NULL, MAPPINGS_GUARDED_MAX * sizeof(pool->guards[0]),
	        PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (pool->event_fd < 0 || pool->free_slots == NULL || pool->guards == MAP_FAILED) {
		free_pool(pool);
		return fault_set(fault, -ENOMEM, NULL, "no memory to guard mappings");
	}
	if (!atomic_compare_exchange_strong(&guarded_pool, &none, pool)) {
		free_pool(pool);
		return fault_set(fault, -EBUSY, NULL, "the process has a pool of mappings already");
	}
	sigemptyset(&action.sa_mask);
	if (sigaction(SIGBUS, &action, &pool->old_action) < 0) {
		ret = -errno;
		atomic_store(&guarded_pool, NULL);
		free_pool(pool);
		return fault_set(fault, ret, NULL, "cannot handle SIGBUS: %s", strerror(-ret));
	}
	*ret_pool = pool;
	return 0;
}

void mapping_pool_destroy(struct mapping_pool *pool)
{
	if (pool == NULL)
		return;
	sigaction(SIGBUS, &pool->old_action, NULL);
	atomic_store(&guarded_pool, NULL);
	free_pool(pool);
}

int mapping_pool_fd(const struct mapping_pool *pool)
{
	return pool->event_fd;
}

void mapping_pool_ack(struct mapping_pool *pool)
{
	uint64_t n_events;
	ssize_t n = read(pool->event_fd, &n_events, sizeof(n_events));

	(void)n; // nothing there: nothing to do
}

void mapping_pool_stats(const struct mapping_pool *pool, struct mapping_pool_stats *ret_stats)
{
	*ret_stats = pool->stats;
}

// --- guards --------------------------------------------------------------------------------------

static struct guard *get_guard(struct mapping_pool *pool)
{
	uint32_t end = atomic_load_explicit(&pool->guards_end, memory_order_relaxed);

	if (pool->n_free > 0)
		return &pool->guards[pool->free_slots[--pool->n_free]];
	if (end == MAPPINGS_GUARDED_MAX)
		return NULL;
	atomic_store_explicit(&pool->guards_end, end + 1, memory_order_release);
	return &pool->guards[end];
}

// Before anybody reads the mapping. Release: who finds the start finds the rest.
static void set_guard(struct guard *guard, const uint8_t *addr, size_t size)
{
	atomic_store_explicit(&guard->broken, false, memory_order_relaxed);
	atomic_store_explicit(&guard->size, size, memory_order_relaxed);
	atomic_store_explicit(&guard->start, (uintptr_t)addr, memory_order_release);
}

static void put_guard(struct mapping_pool *pool, struct guard *guard)
{
	atomic_store_explicit(&guard->start, 0, memory_order_release);
	pool->free_slots[pool->n_free++] = (uint32_t)(guard - pool->guards);
}

// --- mappings ------------------------------------------------------------------------------------

static struct mapping **bucket_of(struct mapping_pool *pool, const struct mapping_key *key)
{
	uint64_t hash = (uint64_t)key->dev * 0x9e3779b97f4a7c15ull;

	hash = (hash ^ key->ino) * 0x9e3779b97f4a7c15ull;
	hash = (hash ^ key->offset ^ (key->size << 7)) * 0x9e3779b97f4a7c15ull;
	return &pool->buckets[(hash >> 40) & (N_BUCKETS - 1)];
}

static bool same_key(const struct mapping_key *a, const struct mapping_key *b)
{
	return a->dev == b->dev && a->ino == b->ino && a->offset == b->offset && a->size == b->size;
}

// Never one that broke: who comes with the file again gets what is there now, or is refused.
static struct mapping *find_mapping(struct mapping_pool *pool, const struct mapping_key *key)
{
	for (struct mapping *m = *bucket_of(pool, key); m != NULL; m = m->next) {
		if (same_key(&m->key, key) && !mapping_is_broken(m))
			return m;
	}
	return NULL;
}

static bool is_memory_file(int fd, uint64_t *ret_page)
{
	struct statfs fs;

	if (fstatfs(fd, &fs) < 0 || fs.f_bsize <= 0)
		return false;
	*ret_page = (uint64_t)fs.f_bsize; // hugetlbfs: of a huge page
	return fs.f_type == TMPFS_MAGIC || fs.f_type == HUGETLBFS_MAGIC || fs.f_type == RAMFS_MAGIC;
}

static int read_key(
        int fd, uint64_t offset, uint64_t size, struct mapping_key *ret_key, struct fault *fault)
{
	int flags = fcntl(fd, F_GETFL);
	uint64_t page, first, end;
	struct stat st;

	if (flags < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || !is_memory_file(fd, &page))
		return fault_set(
		        fault, -EINVAL, NULL, "the memory is no file of tmpfs, memfd or hugetlbfs");
	// also because a mapping that others may write to must not be had for reading rights
	if ((flags & O_ACCMODE) != O_RDWR || (flags & O_PATH) != 0)
		return fault_set(fault, -EACCES, NULL,
		        "the memory file is not open for reading and writing");
	if (size == 0 || offset + size < offset || offset + size > (uint64_t)INT64_MAX ||
	        offset + size > (uint64_t)st.st_size)
		return fault_set(fault, -EINVAL, NULL,
		        "a memory region beyond the end of its file (%llu bytes)",
		        (unsigned long long)st.st_size);
	first = offset / page * page;
	end = (offset + size + page - 1) / page * page;
	*ret_key = (struct mapping_key){
	        .dev = st.st_dev, .ino = st.st_ino, .offset = first, .size = end - first};
	return 0;
}

// Sealed, so that this size is the least that the file will ever have.
static bool is_sealed(const struct mapping *m, int fd)
{
	int seals = fcntl(fd, F_GET_SEALS);
	struct stat st;

	return seals >= 0 && (seals & F_SEAL_SHRINK) != 0 && fstat(fd, &st) == 0 &&
	       m->key.offset + m->key.size <= (uint64_t)st.st_size;
}

// A page of a sealed file is there whenever there is memory for it. There may be no hugepage for
// it, though, at its first use or after a hole was punched.
static bool needs_guard(const struct mapping *m, int fd)
{
	struct statfs fs;

	return !m->sealed || fstatfs(fd, &fs) < 0 || fs.f_type == HUGETLBFS_MAGIC;
}

static int guard(struct mapping *m, int fd, struct fault *fault)
{
	m->sealed = is_sealed(m, fd);
	m->guard = get_guard(m->pool);
	if (m->guard == NULL && needs_guard(m, fd))
		return fault_set(fault, -ENOSPC, NULL,
		        "%d memory files are guarded already: seal them against shrinking, "
		        "without hugepages",
		        MAPPINGS_GUARDED_MAX);
	return 0;
}

static int map(struct mapping *m, int fd, struct fault *fault)
{
	int ret = guard(m, fd, fault);

	if (ret < 0)
		return ret;
	m->addr = mmap(NULL, m->key.size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd,
	        (off_t)m->key.offset);
	if (m->addr == MAP_FAILED) {
		ret = -errno;
		if (m->guard != NULL)
			put_guard(m->pool, m->guard);
		return fault_set(fault, ret, NULL, "cannot map %llu bytes of memory: %s%s",
		        (unsigned long long)m->key.size, strerror(-ret),
		        ret == -ENOMEM ? " (vm.max_map_count?)" : "");
	}
	if (m->guard != NULL)
		set_guard(m->guard, m->addr, m->key.size);
	madvise(m->addr, m->key.size, MADV_DONTDUMP); // the guest's secrets
	return 0;
}

static int add_mapping(struct mapping_pool *pool, int fd, const struct mapping_key *key,
        struct mapping **ret_mapping, struct fault *fault)
{
	struct mapping *m = calloc(1, sizeof(*m));
	struct mapping **bucket = bucket_of(pool, key);
	int ret;

	if (m == NULL)
		return fault_set(fault, -ENOMEM, NULL, "out of memory");
	m->pool = pool;
	m->key = *key;
	ret = map(m, fd, fault);
	if (ret < 0) {
		free(m);
		return ret;
	}
	m->next = *bucket;
	*bucket = m;
	pool->stats.n_mappings++;
	pool->stats.n_guarded += m->guard != NULL;
	pool->stats.bytes += key->size;
	*ret_mapping = m;
	return 0;
}

int mapping_get(struct mapping_pool *pool, int fd, uint64_t offset, uint64_t size,
        struct mapping **ret_mapping, uint8_t **ret_host, struct fault *fault)
{
	struct mapping_key key = {0};
	struct mapping *m;
	int ret = read_key(fd, offset, size, &key, fault);

	if (ret < 0)
		return ret;
	m = find_mapping(pool, &key);
	if (m == NULL) {
		ret = add_mapping(pool, fd, &key, &m, fault);
		if (ret < 0)
			return ret;
	}
	assert(m != NULL);
	m->n_refs++;
	*ret_mapping = m;
	*ret_host = m->addr + (offset - key.offset);
	return 0;
}

void mapping_put(struct mapping *m)
{
	struct mapping_pool *pool;

	if (m == NULL || --m->n_refs > 0)
		return;
	pool = m->pool;
	for (struct mapping **at = bucket_of(pool, &m->key); *at != NULL; at = &(*at)->next) {
		if (*at == m) {
			*at = m->next;
			break;
		}
	}
	pool->stats.n_mappings--;
	pool->stats.n_guarded -= m->guard != NULL;
	pool->stats.bytes -= m->key.size;
	// first the guard: what is mapped there next is not its own
	if (m->guard != NULL)
		put_guard(pool, m->guard);
	munmap(m->addr, m->key.size);
	free(m);
}

bool mapping_is_broken(const struct mapping *m)
{
	return m->guard != NULL && atomic_load_explicit(&m->guard->broken, memory_order_acquire);
}

bool mapping_is_sealed(const struct mapping *m)
{
	return m->sealed;
}
