/* SPDX-License-Identifier: BSD-3-Clause */
// Longest-prefix match measured: the FIB against a hash a prefix length, rte_lpm6 and rte_fib6. For
// each address plan and size: nanoseconds a lookup (bursts of 32, CPU time of the thread, least /
// median / most of 7 runs over a million random destinations, and over 1,024 that stay in cache),
// changes a second, memory. Needs no root and no hugepages:
//
//	bench_fib6 [-n 10000,100000,1000000] [-p random,pods,hosts,nested,gateway] [-t
// fib6,hash,lpm6,rtefib6]
#include <getopt.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_fib6.h>
#include <rte_lpm6.h>
#include <rte_malloc.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "fib6.h"
#include "length_hash.h"
#include "rng.h"
#include "usage.h"

#define N_DESTS (1u << 20)
#define N_HOT 1024u
#define BURST 32u
#define RUNS 7
#define N_CHURN 200000u
#define TBL8_MAX ((1u << 21) - 1)

struct set {
	uint32_t n;
	struct fib6_prefix *prefixes;
	uint8_t (*dests)[16];
	const uint8_t **dest_ptrs;
};

// One structure under test. `create` returns NULL when it cannot; add and del return 0 or less.
struct table {
	const char *name;
	void *(*create)(uint32_t n);
	int (*add)(void *table, const struct fib6_prefix *prefix, uint32_t value);
	int (*del)(void *table, const struct fib6_prefix *prefix);
	// `dests` holds the same addresses in a row that `ptrs` point at
	uint64_t (*lookup)(void *table, uint8_t (*dests)[16], const uint8_t *const *ptrs);
	size_t (*memory_bytes)(void *table);
	void (*destroy)(void *table);
};

static double cpu_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

// ---- the structures

static void *fib6_make(uint32_t n)
{
	return fib6_create(n);
}

static int fib6_put(void *table, const struct fib6_prefix *prefix, uint32_t value)
{
	return fib6_add(table, prefix, value);
}

static int fib6_take(void *table, const struct fib6_prefix *prefix)
{
	return fib6_del(table, prefix);
}

static uint64_t fib6_burst(void *table, uint8_t (*dests)[16], const uint8_t *const *ptrs)
{
	uint32_t values[BURST];

	fib6_lookup_bulk(table, ptrs, values, BURST);
	return values[0] + values[BURST - 1];
}

static size_t fib6_bytes(void *table)
{
	return fib6_memory_bytes(table);
}

static void fib6_end(void *table)
{
	fib6_destroy(table);
}

static void *hash_make(uint32_t n)
{
	return length_hash_create(n);
}

static int hash_put(void *table, const struct fib6_prefix *prefix, uint32_t value)
{
	return length_hash_add(table, prefix, value);
}

static int hash_take(void *table, const struct fib6_prefix *prefix)
{
	return length_hash_del(table, prefix);
}

static uint64_t hash_burst(void *table, uint8_t (*dests)[16], const uint8_t *const *ptrs)
{
	uint32_t values[BURST];

	length_hash_lookup_bulk(table, ptrs, values, BURST);
	return values[0] + values[BURST - 1];
}

static size_t hash_bytes(void *table)
{
	return length_hash_memory_bytes(table);
}

static void hash_end(void *table)
{
	length_hash_destroy(table);
}

static size_t dpdk_heap_bytes(void)
{
	struct rte_malloc_socket_stats stats;

	return rte_malloc_get_socket_stats(0, &stats) < 0 ? 0 : stats.heap_allocsz_bytes;
}

static size_t dpdk_bytes(void *table)
{
	return dpdk_heap_bytes(); // nothing else is in it
}

static void *lpm6_make(uint32_t n)
{
	uint64_t n_tbl8 = (uint64_t)n * 6 + 256;
	struct rte_lpm6_config config = {
	        .max_rules = n, .number_tbl8s = (uint32_t)(n_tbl8 > TBL8_MAX ? TBL8_MAX : n_tbl8)};

	return rte_lpm6_create("bench", SOCKET_ID_ANY, &config);
}

static int lpm6_put(void *table, const struct fib6_prefix *prefix, uint32_t value)
{
	return rte_lpm6_add(table, prefix->addr, prefix->len, value % 60000);
}

static int lpm6_take(void *table, const struct fib6_prefix *prefix)
{
	uint8_t addr[16];

	memcpy(addr, prefix->addr, sizeof(addr));
	return rte_lpm6_delete(table, addr, prefix->len);
}

static uint64_t lpm6_burst(void *table, uint8_t (*dests)[16], const uint8_t *const *ptrs)
{
	int32_t values[BURST];

	rte_lpm6_lookup_bulk_func(table, dests, values, BURST);
	return (uint64_t)values[0] + (uint64_t)values[BURST - 1];
}

static void lpm6_end(void *table)
{
	rte_lpm6_free(table);
}

static void *rtefib6_make(uint32_t n)
{
	struct rte_fib6_conf conf = {.type = RTE_FIB6_TRIE, .max_routes = (int)n};

	conf.trie.nh_sz = RTE_FIB6_TRIE_4B;
	conf.trie.num_tbl8 = n * 5 + 256;
	return rte_fib6_create("bench", SOCKET_ID_ANY, &conf);
}

static int rtefib6_put(void *table, const struct fib6_prefix *prefix, uint32_t value)
{
	return rte_fib6_add(table, prefix->addr, prefix->len, value % 60000);
}

static int rtefib6_take(void *table, const struct fib6_prefix *prefix)
{
	return rte_fib6_delete(table, prefix->addr, prefix->len);
}

static uint64_t rtefib6_burst(void *table, uint8_t (*dests)[16], const uint8_t *const *ptrs)
{
	uint64_t values[BURST];

	rte_fib6_lookup_bulk(table, dests, values, BURST);
	return values[0] + values[BURST - 1];
}

static void rtefib6_end(void *table)
{
	rte_fib6_free(table);
}

static const struct table tables[] = {
        {"fib6", fib6_make, fib6_put, fib6_take, fib6_burst, fib6_bytes, fib6_end},
        {"hash", hash_make, hash_put, hash_take, hash_burst, hash_bytes, hash_end},
        {"lpm6", lpm6_make, lpm6_put, lpm6_take, lpm6_burst, dpdk_bytes, lpm6_end},
        {"rtefib6", rtefib6_make, rtefib6_put, rtefib6_take, rtefib6_burst, dpdk_bytes,
                rtefib6_end},
};

// ---- address plans

static void store(uint8_t addr[16], uint64_t hi, uint64_t lo)
{
	hi = __builtin_bswap64(hi);
	lo = __builtin_bswap64(lo);
	memcpy(addr, &hi, 8);
	memcpy(addr + 8, &lo, 8);
}

static struct fib6_prefix masked(uint64_t hi, uint64_t lo, unsigned len)
{
	struct fib6_prefix prefix = {.len = (uint8_t)len};

	hi &= len == 0 ? 0 : ~0ull << (len < 64 ? 64 - len : 0);
	lo &= len <= 64 ? 0 : ~0ull << (128 - len);
	store(prefix.addr, hi, lo);
	return prefix;
}

// /48 to /64 anywhere in 2000::/3
static struct fib6_prefix plan_random(struct rng *rng, uint32_t i)
{
	uint64_t hi = (rng_next(rng) >> 3) | 0x2000000000000000ull;

	return masked(hi, 0, 48 + (unsigned)(rng_next(rng) % 17));
}

// /64s in a row, as a switch hands them out
static struct fib6_prefix plan_pods(struct rng *rng, uint32_t i)
{
	return masked(0x20010db800000000ull + i, 0, 64);
}

// a /128 with a random interface identifier in each of them
static struct fib6_prefix plan_hosts(struct rng *rng, uint32_t i)
{
	return masked(0x20010db800000000ull + i, rng_next(rng), 128);
}

// sites of a /48, its /64s and hosts in them
static struct fib6_prefix plan_nested(struct rng *rng, uint32_t i)
{
	uint64_t site = 0x20010db800000000ull + ((uint64_t)(i / 16) << 16);

	if (i % 16 == 0)
		return masked(site, 0, 48);
	return i % 16 < 8 ? masked(site + i % 16, 0, 64) : masked(site + i % 8, rng_next(rng), 128);
}

// the random ones under a default route, which half of the destinations take
static struct fib6_prefix plan_gateway(struct rng *rng, uint32_t i)
{
	return i == 0 ? masked(0, 0, 1) : plan_random(rng, i); // rte_lpm6 takes no /0
}

static const struct plan {
	const char *name;
	struct fib6_prefix (*make)(struct rng *rng, uint32_t i);
} plans[] = {{"random", plan_random}, {"pods", plan_pods}, {"hosts", plan_hosts},
        {"nested", plan_nested}, {"gateway", plan_gateway}};

static void *must_alloc(size_t size)
{
	void *p = aligned_alloc(2u << 20, (size + (2u << 20) - 1) & ~(size_t)((2u << 20) - 1));

	if (p == NULL)
		exit(1);
	madvise(p, size, MADV_HUGEPAGE);
	return p;
}

static struct set make_set(const struct plan *plan, uint32_t n)
{
	struct set set = {.n = n};
	struct rng rng;

	rng_seed(&rng, n, 0);
	set.prefixes = must_alloc(n * sizeof(*set.prefixes));
	set.dests = must_alloc(N_DESTS * sizeof(*set.dests));
	set.dest_ptrs = must_alloc(N_DESTS * sizeof(*set.dest_ptrs));
	for (uint32_t i = 0; i < n; i++)
		set.prefixes[i] = plan->make(&rng, i);
	for (uint32_t i = 0; i < N_DESTS; i++) { // anywhere in a random prefix
		const struct fib6_prefix *prefix = &set.prefixes[rng_next(&rng) % n];

		if (plan->make == plan_gateway && i % 2 == 0)
			prefix = &(struct fib6_prefix){.addr = {0x20}, .len = 3};
		memcpy(set.dests[i], prefix->addr, 16);
		for (unsigned bit = prefix->len; bit < 128; bit++)
			if (rng_next(&rng) & 1)
				set.dests[i][bit / 8] |= (uint8_t)(0x80 >> bit % 8);
		set.dest_ptrs[i] = set.dests[i];
	}
	return set;
}

static void free_set(struct set *set)
{
	free(set->prefixes);
	free(set->dests);
	free(set->dest_ptrs);
}

// ---- measuring

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

struct spread {
	double least, median, most;
};

static volatile uint64_t sink;

static struct spread measure(
        const struct table *t, void *table, const struct set *set, uint32_t n_dests)
{
	double ns[RUNS];

	for (unsigned run = 0; run < RUNS; run++) {
		double start = cpu_s();
		uint64_t sum = 0;

		for (uint32_t done = 0; done < N_DESTS; done += BURST) {
			uint32_t at = done % n_dests;

			sum += t->lookup(table, set->dests + at, set->dest_ptrs + at);
		}
		sink = sum;
		ns[run] = (cpu_s() - start) * 1e9 / N_DESTS;
	}
	qsort(ns, RUNS, sizeof(ns[0]), compare);
	return (struct spread){ns[0], ns[RUNS / 2], ns[RUNS - 1]};
}

// Takes a prefix out and puts it back, all over the table. Returns changes a second.
static double churn(const struct table *t, void *table, const struct set *set)
{
	uint32_t n_changes = set->n < N_CHURN ? N_CHURN : set->n;
	unsigned n_failed = 0;
	struct rng rng;
	double start;

	rng_seed(&rng, 5, 0);
	start = cpu_s();
	for (uint32_t i = 0; i < n_changes / 2; i++) {
		const struct fib6_prefix *prefix = &set->prefixes[rng_next(&rng) % set->n];

		if (t->del(table, prefix) == 0 && t->add(table, prefix, i) < 0)
			n_failed++;
	}
	if (n_failed > 0)
		printf("    %u of %u prefixes could not be put back\n", n_failed, n_changes / 2);
	return n_changes / (cpu_s() - start);
}

static void bench(const struct table *t, const struct plan *plan, const struct set *set)
{
	uint32_t n_added = 0;
	uint32_t n_deleted = 0;
	double start, add_s, del_s, churn_s;
	struct spread all, hot;
	size_t bytes;
	void *table = t->create(set->n);

	if (table == NULL) {
		printf("%-8s %-7s %8u  cannot be created\n", t->name, plan->name, set->n);
		return;
	}
	start = cpu_s();
	while (n_added < set->n && t->add(table, &set->prefixes[n_added], n_added) == 0)
		n_added++;
	add_s = cpu_s() - start;
	if (n_added < set->n)
		printf("%-8s %-7s %8u  full after %u\n", t->name, plan->name, set->n, n_added);
	bytes = t->memory_bytes(table);
	all = measure(t, table, set, N_DESTS);
	hot = measure(t, table, set, N_HOT);
	churn_s = set->n > 0 && n_added == set->n ? churn(t, table, set) : 0;
	start = cpu_s();
	while (n_deleted < n_added && cpu_s() - start < 10)
		(void)t->del(table, &set->prefixes[n_deleted++]);
	del_s = cpu_s() - start;
	printf("%-8s %-7s %8u  %6.1f /%6.1f /%6.1f  %6.1f  %8.2f %8.2f %8.2f  %8.1f\n", t->name,
	        plan->name, set->n, all.least, all.median, all.most, hot.median,
	        n_added / add_s * 1e-6, n_deleted / del_s * 1e-6, churn_s * 1e-6,
	        (double)bytes / (1 << 20));
	fflush(stdout);
	t->destroy(table);
}

static bool is_listed(const char *list, const char *name)
{
	size_t len = strlen(name);

	for (const char *at = list; at != NULL; at = strchr(at, ',')) {
		at += *at == ',';
		if (strncmp(at, name, len) == 0 && (at[len] == ',' || at[len] == '\0'))
			return true;
	}
	return false;
}

static int start_eal(char *program, char *memory_mb)
{
	char *args[] = {program, (char[]){"--no-huge"}, (char[]){"--no-pci"},
	        (char[]){"--no-shconf"}, (char[]){"--no-telemetry"},
	        (char[]){"--log-level=critical"}, (char[]){"-m"}, memory_mb, (char[]){"-l"},
	        (char[]){"0"}, NULL};

	if (rte_eal_init(RTE_DIM(args) - 1, args) >= 0)
		return 0;
	fprintf(stderr, "EAL did not start: %s\n", rte_strerror(rte_errno));
	return -1;
}

int main(int argc, char **argv)
{
	const char *sizes = "10000,100000,1000000";
	const char *plan_list = "random,pods,hosts,nested,gateway";
	const char *table_list = "fib6,hash,lpm6,rtefib6";
	char *memory_mb = (char[]){"4096"};
	int option;

	while ((option = getopt(argc, argv, "n:p:t:m:h")) != -1) {
		switch (option) {
		case 'n':
			sizes = optarg;
			break;
		case 'p':
			plan_list = optarg;
			break;
		case 't':
			table_list = optarg;
			break;
		case 'm':
			memory_mb = optarg;
			break;
		default:
			bench_usage(option,
			        "[-n 10000,100000,1000000] [-p random,pods,hosts,nested,gateway] "
			        "[-t fib6,hash,lpm6,rtefib6] [-m MiB]");
		}
	}
	if (start_eal(argv[0], memory_mb) < 0)
		return 1;
	printf("%-8s %-7s %8s  %22s  %6s  %8s %8s %8s  %8s\n", "table", "plan", "prefixes",
	        "ns/lookup min/med/max", "hot", "Madds/s", "Mdels/s", "Mchurn/s", "MiB");
	for (const char *at = sizes; at != NULL && *at != '\0';) {
		char *end;
		uint32_t n = (uint32_t)strtoul(at, &end, 10);

		for (unsigned p = 0; p < RTE_DIM(plans) && n > 0; p++) {
			struct set set;

			if (!is_listed(plan_list, plans[p].name))
				continue;
			set = make_set(&plans[p], n);
			for (unsigned t = 0; t < RTE_DIM(tables); t++)
				if (is_listed(table_list, tables[t].name))
					bench(&tables[t], &plans[p], &set);
			free_set(&set);
		}
		at = *end == ',' ? end + 1 : NULL;
	}
	return 0;
}
