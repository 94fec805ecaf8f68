/* SPDX-License-Identifier: BSD-3-Clause */
// `orrery bench attach`: attaches as many pod interfaces as a constellation has, one after the
// other over the control socket as a runtime would, and says what each cost from the first to the
// last.
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bench_figures.h"
#include "bench_spaces.h"
#include "cmd.h"
#include "json_get.h"
#include "units.h"

#define PODS_DEFAULT 2000
#define INTERFACES_DEFAULT 5
#define INTERFACES_MAX 64
#define SETTLE_S 2
// The least that a veth pair with its queues and an interface's sysctls took on the kernels we
// measured; newer ones also keep receive buffers for each that has sent a frame.
#define KERNEL_BYTES_EACH (110 << 10)

static volatile sig_atomic_t stop_asked; // by a signal, the only writer

struct bench {
	struct cli *cli;
	size_t n_pods, n_interfaces; // of each pod
	bool keep, is_terminal;
	pid_t switch_pid;
	struct bench_spaces spaces;
	double make_s; // the namespaces
	size_t n_attached;
	struct bench_series attach, detach;
	struct bench_memory before, after;
	int64_t last_progress_ms;
};

static void on_signal(int signal)
{
	stop_asked = 1;
}

static double now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

// At most ten times a second, and only for a person.
static void progress(struct bench *bench, const char *what, size_t done, size_t n)
{
	int64_t now_ms = (int64_t)(now_s() * 1e3);

	if (!bench->is_terminal || (done < n && now_ms < bench->last_progress_ms + 100))
		return;
	bench->last_progress_ms = now_ms;
	fprintf(bench->cli->err, "\r%s: %zu of %zu%s", what, done, n, done == n ? "\033[K\r" : "");
	fflush(bench->cli->err);
}

static void spaces_progress(size_t done, size_t n, void *arg)
{
	progress(arg, "namespaces", done, n);
}

static enum cli_exit read_count(struct cli *cli, const struct invocation *in, const char *name,
        int64_t fallback, int64_t max, size_t *ret_n)
{
	int64_t n =
	        json_object_get(in->params, name) != NULL ? get_int(in->params, name) : fallback;

	if (n < 1 || n > max)
		return cli_usage(
		        cli, "--%s: expected a number from 1 to %lld", name, (long long)max);
	*ret_n = (size_t)n;
	return CLI_OK;
}

// --- before --------------------------------------------------------------------------------------

static enum cli_exit check_limit(struct bench *bench, const json_t *limits, const char *name,
        const char *method, size_t more)
{
	int64_t max = get_int(limits, name), total;
	json_t *list;
	enum cli_exit ret;

	if (max == 0) // a switch without this limit
		return CLI_OK;
	ret = cli_call(bench->cli, method, json_pack("{s:i}", "limit", 1), &list);
	if (ret != CLI_OK)
		return ret;
	total = get_int(list, "total");
	json_decref(list);
	if (total + (int64_t)more <= max)
		return CLI_OK;
	return cli_failf(bench->cli,
	        "%zu more are needed, but the switch has %lld of limits.%s = %lld already: raise "
	        "it in the "
	        "switch's configuration, or ask for fewer --pods",
	        more, (long long)total, name, (long long)max);
}

static enum cli_exit check_switch(struct bench *bench)
{
	size_t n = bench->n_pods * bench->n_interfaces;
	json_t *config, *version;
	const json_t *limits;
	enum cli_exit ret = cli_call(bench->cli, "config.show", NULL, &config);

	if (ret != CLI_OK)
		return ret;
	limits = json_object_get(config, "limits");
	ret = check_limit(bench, limits, "max_ports", "port.list", n);
	if (ret == CLI_OK)
		ret = check_limit(bench, limits, "max_interfaces", "interface.list", n);
	if (ret == CLI_OK)
		ret = check_limit(bench, limits, "max_nodes", "node.list", bench->n_pods);
	json_decref(config);
	if (ret == CLI_OK)
		ret = cli_call(bench->cli, "version", NULL, &version);
	if (ret == CLI_OK) {
		bench->switch_pid = (pid_t)get_int(version, "pid");
		json_decref(version);
	}
	return ret;
}

static enum cli_exit check_host(struct bench *bench)
{
	int64_t need = (int64_t)(bench->n_pods * bench->n_interfaces) * KERNEL_BYTES_EACH;
	char need_text[UNITS_TEXT_SIZE], have_text[UNITS_TEXT_SIZE];
	struct bench_memory memory;
	struct fault fault = {0};

	if (bench_spaces_check(bench->n_pods, &fault))
		return cli_fail(bench->cli, &fault);
	bench_memory_read(0, &memory);
	if (memory.available >= need)
		return CLI_OK;
	return cli_failf(bench->cli,
	        "the kernel needs at least %s for so many interfaces, %s are available: ask for "
	        "fewer "
	        "--pods",
	        units_format_size(need_text, (uint64_t)need),
	        units_format_size(have_text, (uint64_t)memory.available));
}

// --- steps ---------------------------------------------------------------------------------------

static json_t *interface_ref(const struct bench *bench, size_t i)
{
	return json_sprintf("bench-%d-%zu/eth%zu", (int)getpid(), i / bench->n_interfaces,
	        i % bench->n_interfaces);
}

static json_t *port_params(const struct bench *bench, size_t i)
{
	size_t pod = i / bench->n_interfaces, interface = i % bench->n_interfaces;

	return json_pack("{s:o, s:s, s:s, s:o, s:o, s:[o]}", "interface", interface_ref(bench, i),
	        "backend", "af_xdp", "node_kind", "pod", "owner",
	        json_sprintf("bench:%d:%zu:eth%zu", (int)getpid(), pod, interface), "ifname",
	        json_sprintf("eth%zu", interface), "addresses",
	        json_sprintf("fd00:be:%zx:%zx::2/64", pod, interface));
}

static enum cli_exit attach_all(struct bench *bench)
{
	size_t n = bench->n_pods * bench->n_interfaces;
	double start_s = now_s();
	enum cli_exit ret = CLI_OK;

	for (size_t i = 0; i < n && ret == CLI_OK && !stop_asked; i++) {
		json_t *params = port_params(bench, i), *result;
		double from_s = now_s();

		ret = cli_call_fd(bench->cli, "port.add", params,
		        bench->spaces.fds[i / bench->n_interfaces], &result);
		if (ret != CLI_OK)
			break;
		bench->attach.ms[i] = (now_s() - from_s) * 1e3;
		bench->attach.n = bench->n_attached = i + 1;
		json_decref(result);
		progress(bench, "attached", i + 1, n);
	}
	bench->attach.total_s = now_s() - start_s;
	return ret;
}

// In the order of attaching. Goes on when one fails, so that little is left; reports the last
// failure.
static enum cli_exit detach_all(struct bench *bench)
{
	double start_s = now_s();
	enum cli_exit ret = CLI_OK;

	for (size_t i = 0; i < bench->n_attached; i++) {
		json_t *params = json_pack("{s:o}", "interface", interface_ref(bench, i)), *result;
		double from_s = now_s();
		enum cli_exit one = cli_call(bench->cli, "port.del", params, &result);

		if (one == CLI_OK)
			json_decref(result);
		else
			ret = one;
		bench->detach.ms[bench->detach.n++] = (now_s() - from_s) * 1e3;
		progress(bench, "detached", i + 1, bench->n_attached);
	}
	bench->detach.total_s = now_s() - start_s;
	return ret;
}

static enum cli_exit delete_nodes(struct bench *bench)
{
	size_t n = (bench->n_attached + bench->n_interfaces - 1) / bench->n_interfaces;
	enum cli_exit ret = CLI_OK;

	for (size_t i = 0; i < n; i++) {
		json_t *name = json_sprintf("bench-%d-%zu", (int)getpid(), i), *result;
		enum cli_exit one = cli_call(bench->cli, "node.del",
		        json_pack("{s:o, s:b}", "name", name, "force", 1), &result);

		if (one == CLI_OK)
			json_decref(result);
		else
			ret = one;
	}
	return ret;
}

// --- after ---------------------------------------------------------------------------------------

static void print_series(FILE *out, const char *what, const struct bench_series *series)
{
	struct bench_summary s;

	if (bench_summarise(series, &s))
		return;
	fprintf(out, "%-11s %zu in %.1f s: %.0f a second\n", what, series->n, series->total_s,
	        s.per_s);
	fprintf(out,
	        "            each: first %.2f ms, median %.2f ms, p99 %.2f ms, longest %.1f ms, "
	        "last "
	        "%.2f ms\n",
	        s.first_ms, s.p50_ms, s.p99_ms, s.max_ms, s.last_ms);
	fprintf(out,
	        "            median of the first tenth %.2f ms, of the last %.2f ms: %s (%+.1f us "
	        "a "
	        "thousand)\n",
	        s.first_tenth_ms, s.last_tenth_ms, bench_trend(&s), s.slope_us);
}

static void print_memory(FILE *out, const struct bench *bench)
{
	const struct bench_memory *before = &bench->before, *after = &bench->after;
	char a[UNITS_TEXT_SIZE], b[UNITS_TEXT_SIZE], c[UNITS_TEXT_SIZE];
	int64_t n = (int64_t)bench->attach.n, rss = after->switch_rss - before->switch_rss;
	int64_t kernel = bench_kernel_growth(before, after);

	if (before->switch_rss == 0)
		fprintf(out, "switch      its memory cannot be read from here\n");
	else
		fprintf(out, "switch      %s, then %s of memory: %lld bytes an interface\n",
		        units_format_size(a, (uint64_t)before->switch_rss),
		        units_format_size(b, (uint64_t)after->switch_rss), (long long)(rss / n));
	if (kernel < 0)
		kernel = 0;
	fprintf(out, "kernel      %s of memory: %s an interface\n",
	        units_format_size(a, (uint64_t)kernel),
	        units_format_size(b, (uint64_t)(kernel / n)));
	fprintf(out, "            of it slab %s, per-cpu %s\n",
	        units_format_size(b, (uint64_t)llabs(after->slab - before->slab)),
	        units_format_size(c, (uint64_t)llabs(after->percpu - before->percpu)));
}

static void print_attach(struct bench *bench)
{
	FILE *out = bench->cli->out;

	fprintf(out,
	        "namespaces  %zu made in %.1f s, before the measurement: a runtime has made them "
	        "when it "
	        "calls\n",
	        bench->spaces.n, bench->make_s);
	print_series(out, "attach", &bench->attach);
	print_memory(out, bench);
	fflush(out);
}

static json_t *summary_or_null(const struct bench_series *series)
{
	struct bench_summary summary;

	return bench_summarise(series, &summary) ? json_null()
	                                         : bench_summary_json(series, &summary);
}

static void print_json(struct bench *bench)
{
	json_t *json = json_pack("{s:I, s:I, s:f, s:o, s:o, s:o}", "pods",
	        (json_int_t)bench->n_pods, "interfaces", (json_int_t)bench->n_interfaces,
	        "namespaces_s", bench->make_s, "attach", summary_or_null(&bench->attach), "detach",
	        summary_or_null(&bench->detach), "memory",
	        bench_memory_json(&bench->before, &bench->after, bench->attach.n));

	cli_print_json(bench->cli, json);
	json_decref(json);
}

static void wait_for_signal(struct bench *bench)
{
	sigset_t mask, old;

	fprintf(bench->cli->err, "all stay attached until this is interrupted (Ctrl-C)\n");
	sigemptyset(&mask);
	sigaddset(&mask, SIGINT);
	sigaddset(&mask, SIGTERM);
	sigprocmask(SIG_BLOCK, &mask, &old);
	while (!stop_asked)
		sigsuspend(&old);
	sigprocmask(SIG_SETMASK, &old, NULL);
}

static enum cli_exit measure(struct bench *bench)
{
	double start_s = now_s();
	struct fault fault = {0};
	enum cli_exit ret;

	if (bench_spaces_init(
	            &bench->spaces, bench->n_pods, &stop_asked, spaces_progress, bench, &fault))
		return cli_fail(bench->cli, &fault);
	bench->make_s = now_s() - start_s;
	bench_memory_read(bench->switch_pid, &bench->before);
	ret = stop_asked ? CLI_OK : attach_all(bench);
	if (ret == CLI_OK && !stop_asked) // pods say hello, for which the kernel takes buffers
		nanosleep(&(struct timespec){.tv_sec = SETTLE_S}, NULL);
	bench_memory_read(bench->switch_pid, &bench->after);
	if (bench->attach.n > 0 && !bench->cli->json)
		print_attach(bench);
	if (ret == CLI_OK && bench->keep && !stop_asked)
		wait_for_signal(bench);
	if (bench->n_attached > 0) {
		enum cli_exit detached = detach_all(bench), deleted = delete_nodes(bench);

		if (ret == CLI_OK)
			ret = detached != CLI_OK ? detached : deleted;
		if (!bench->cli->json)
			print_series(bench->cli->out, "detach", &bench->detach);
	}
	if (bench->cli->json && ret == CLI_OK)
		print_json(bench);
	if (ret == CLI_OK && bench->attach.n < bench->n_pods * bench->n_interfaces)
		ret = cli_failf(bench->cli, "interrupted after %zu of %zu", bench->attach.n,
		        bench->n_pods * bench->n_interfaces);
	return ret;
}

enum cli_exit cmd_bench_attach(struct cli *cli, const struct invocation *in)
{
	struct bench bench = {.cli = cli,
	        .keep = get_bool(in->params, "keep"),
	        .is_terminal = isatty(STDERR_FILENO)};
	const struct sigaction action = {.sa_handler = on_signal};
	enum cli_exit ret = read_count(cli, in, "pods", PODS_DEFAULT, 65535, &bench.n_pods);

	if (ret == CLI_OK)
		ret = read_count(cli, in, "interfaces", INTERFACES_DEFAULT, INTERFACES_MAX,
		        &bench.n_interfaces);
	if (ret == CLI_OK)
		ret = check_host(&bench);
	if (ret == CLI_OK)
		ret = check_switch(&bench);
	if (ret != CLI_OK)
		return ret;
	bench.attach.ms = calloc(bench.n_pods * bench.n_interfaces, sizeof(double));
	bench.detach.ms = calloc(bench.n_pods * bench.n_interfaces, sizeof(double));
	// an interrupted run must not leave ten thousand interfaces
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
	if (bench.attach.ms == NULL || bench.detach.ms == NULL)
		ret = cli_failf(cli, "out of memory");
	else
		ret = measure(&bench);
	bench_spaces_fini(&bench.spaces);
	free(bench.attach.ms);
	free(bench.detach.ms);
	return ret;
}
