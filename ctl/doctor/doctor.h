/* SPDX-License-Identifier: BSD-3-Clause */
// Checks of the host: each gives a level, the value seen, and, if it is not ok, the command that
// mends it. They read, and where only trying tells (namespaces, BPF) they try in a child and leave
// nothing.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cli.h"

enum level { LEVEL_OK, LEVEL_WARN, LEVEL_FAIL, LEVEL_COUNT };

struct finding {
	enum level level;
	char value[256];
	char fix[320]; // "" if there is nothing to do
};

struct doctor {
	const char *root; // "" or, in a test, a folder with proc and sys of its own
	uint64_t n_ports; // that the host shall carry
	bool is_root; // may we try what needs root
	struct cli *cli; // for the check of the running switch; NULL: leave it out
};

struct check {
	const char *name; // stable, for programs: "open_files"
	const char *why; // it matters
	void (*run)(const struct doctor *doctor, struct finding *finding);
};

// In the order of printing; ends with a row without name.
extern const struct check checks[];

// Runs the check called `name`. False if there is none.
bool doctor_check(const struct doctor *doctor, const char *name, struct finding *ret);

// Runs all checks and prints them to cli->out. CLI_FAILED when one failed.
enum cli_exit doctor_run(struct cli *cli, const struct doctor *doctor);

// --- for the checks
// -------------------------------------------------------------------------------

__attribute__((format(printf, 3, 4))) void finding_set(
        struct finding *finding, enum level level, const char *fmt, ...);
__attribute__((format(printf, 2, 3))) void finding_fix(
        struct finding *finding, const char *fmt, ...);

// First `size` - 1 bytes of a file below `root`, without the newline at its end. 0 or -errno.
int host_read(const struct doctor *doctor, const char *path, char *buf, size_t size);
// The number a file begins with. 0 or -errno.
int host_read_u64(const struct doctor *doctor, const char *path, uint64_t *ret_value);

void check_hugepages(const struct doctor *doctor, struct finding *finding);
void check_hugepage_mount(const struct doctor *doctor, struct finding *finding);
void check_huge_anonymous(const struct doctor *doctor, struct finding *finding);
void check_swap(const struct doctor *doctor, struct finding *finding);
void check_max_map_count(const struct doctor *doctor, struct finding *finding);
void check_memlock(const struct doctor *doctor, struct finding *finding);
void check_cpus(const struct doctor *doctor, struct finding *finding);
void check_isolation(const struct doctor *doctor, struct finding *finding);
void check_governor(const struct doctor *doctor, struct finding *finding);
void check_clock(const struct doctor *doctor, struct finding *finding);
void check_steal(const struct doctor *doctor, struct finding *finding);
void check_open_files(const struct doctor *doctor, struct finding *finding);
void check_neighbours_v6(const struct doctor *doctor, struct finding *finding);
void check_neighbours_v4(const struct doctor *doctor, struct finding *finding);
void check_ipv6(const struct doctor *doctor, struct finding *finding);
void check_inotify(const struct doctor *doctor, struct finding *finding);
void check_bridge_nf(const struct doctor *doctor, struct finding *finding);
void check_kernel(const struct doctor *doctor, struct finding *finding);
void check_bpf(const struct doctor *doctor, struct finding *finding);
void check_bpf_jit(const struct doctor *doctor, struct finding *finding);
void check_af_xdp(const struct doctor *doctor, struct finding *finding);
void check_veth(const struct doctor *doctor, struct finding *finding);
void check_switch(const struct doctor *doctor, struct finding *finding);
