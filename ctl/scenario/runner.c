/* SPDX-License-Identifier: BSD-3-Clause */
// The loop: compute a step ahead, wait for its time, commit, print.
#include "runner.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "deploy.h"
#include "epoch.h"
#include "json_get.h"
#include "report.h"

#define S_NS 1000000000ll
#define LEAD_FIRST_NS 1000000

struct runner {
	struct cli *cli;
	struct sim *sim;
	const struct runner_options *options;
	uint32_t *ids;
	struct epoch_writer *writer;
	struct report report;
	int signal_fd;
	sigset_t old_mask;
	int64_t start_ns; // monotonic time of step 0
	int64_t tick_ns;
	double step_s;
	int64_t lead_ns; // how long before its time an epoch is sent: what the last ones took
	int64_t printed_ns;
	uint64_t number; // the switch's epoch
};

static int64_t clock_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return now.tv_sec * S_NS + now.tv_nsec;
}

int64_t runner_tick_ns(const struct constellation *con, double speed)
{
	double longest_s = matrix_longest_step_s(con, (double)con->scenario->max_error_ns);
	double tick_ns = fmin((double)con->scenario->step_ns, longest_s / speed * 1e9);

	return (int64_t)fmax(tick_ns, RUNNER_TICK_MIN_NS);
}

// True when the time came, false when a signal did.
static bool wait_until(const struct runner *runner, int64_t until_ns)
{
	struct pollfd signals = {.fd = runner->signal_fd, .events = POLLIN};

	for (;;) {
		int64_t left_ns = until_ns - clock_ns(CLOCK_MONOTONIC);
		struct timespec timeout = {0, 0};

		if (left_ns > 0)
			timeout = (struct timespec){left_ns / S_NS, left_ns % S_NS};
		if (ppoll(&signals, 1, &timeout, NULL) > 0)
			return false;
		if (left_ns <= 0)
			return true;
	}
}

static int write_all(int fd, const void *data, size_t size)
{
	const char *at = data;

	while (size > 0) {
		ssize_t n = write(fd, at, size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		at += n;
		size -= (size_t)n;
	}
	return 0;
}

// The records in memory that nobody can change any more. A descriptor or -errno.
static int sealed_memfd(const struct epoch *epoch)
{
	int fd = memfd_create("orrery-epoch", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int err;

	if (fd < 0)
		return -errno;
	err = write_all(fd, epoch->records, epoch->n_records * sizeof(epoch->records[0]));
	if (err == 0 && fcntl(fd, F_ADD_SEALS,
	                        F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) < 0)
		err = -errno;
	if (err == 0)
		return fd;
	close(fd);
	return err;
}

static enum cli_exit send_records(
        struct runner *runner, const struct epoch *epoch, struct tick *tick)
{
	enum cli_exit code;
	json_t *result;
	int fd = sealed_memfd(epoch);

	if (fd < 0)
		return cli_failf(runner->cli, "epoch: memfd of %u records: %s", epoch->n_records,
		        strerror(-fd));
	code = cli_call_fd(runner->cli, "matrix.commit",
	        json_pack("{s:b, s:I}", "fd", 1, "count", (json_int_t)epoch->n_records), fd,
	        &result);
	close(fd);
	if (code != CLI_OK)
		return code;
	runner->number = (uint64_t)get_int(result, "epoch");
	tick->changed = (uint64_t)get_int(result, "changed");
	tick->applied_us = get_int(result, "applied_us");
	json_decref(result);
	return CLI_OK;
}

// Commits at `due_ns`; the records hold the delays of that moment.
static enum cli_exit commit(
        struct runner *runner, const struct epoch *epoch, int64_t due_ns, struct tick *tick)
{
	int64_t sent_ns = clock_ns(CLOCK_MONOTONIC);
	int64_t took_ns;
	enum cli_exit code = CLI_OK;

	epoch_shift(epoch->records, epoch->n_records,
	        (double)(sent_ns + runner->lead_ns - due_ns) * 1e-9);
	if (epoch->n_records > 0)
		code = send_records(runner, epoch, tick);
	took_ns = clock_ns(CLOCK_MONOTONIC) - sent_ns;
	tick->late_us = (sent_ns + took_ns - due_ns) / 1000;
	if (tick->late_us < 0)
		tick->late_us = 0;
	if (tick->t_s > runner->options->from_s && took_ns < runner->tick_ns / 2) // not the first
		runner->lead_ns += (took_ns - runner->lead_ns) / 8;
	tick->number = runner->number;
	return code;
}

static void print(struct runner *runner, const struct tick *tick)
{
	struct cli *cli = runner->cli;
	int64_t now_ns = clock_ns(CLOCK_MONOTONIC);

	if (cli->json) {
		report_tick_json(cli->out, runner->sim, tick, runner->options->speed);
		return;
	}
	report_add(&runner->report, cli->out, runner->sim, tick);
	if (runner->printed_ns != 0 && now_ns < runner->printed_ns + S_NS - runner->tick_ns / 2)
		return;
	report_print(&runner->report, cli->out, runner->sim, tick, runner->options->speed);
	runner->printed_ns = now_ns;
}

// One step. `*ret_stop`: a signal came first, or nobody reads what we print.
static enum cli_exit step(struct runner *runner, int64_t k, uint64_t n_skipped, bool *ret_stop)
{
	const struct runner_options *options = runner->options;
	int64_t due_ns = runner->start_ns + k * runner->tick_ns;
	struct tick tick = {.t_s = options->from_s + (double)k * runner->step_s,
	        .step_s = runner->step_s,
	        .n_skipped = n_skipped};
	enum cli_exit code;

	sim_at(runner->sim, tick.t_s, runner->step_s);
	tick.epoch = epoch_write(runner->writer, &runner->sim->matrix, runner->step_s);
	*ret_stop = !wait_until(runner, due_ns - runner->lead_ns);
	if (*ret_stop)
		return CLI_OK;
	code = commit(runner, tick.epoch, due_ns, &tick);
	if (code != CLI_OK)
		return code;
	tick.wall_us = (clock_ns(CLOCK_REALTIME) - clock_ns(CLOCK_MONOTONIC) + due_ns) / 1000;
	print(runner, &tick);
	*ret_stop = ferror(runner->cli->out) != 0;
	return CLI_OK;
}

// The next step whose time is not over. Those before it are left out: nobody would see them.
static int64_t next_step(const struct runner *runner, int64_t k)
{
	int64_t current = (clock_ns(CLOCK_MONOTONIC) - runner->start_ns) / runner->tick_ns;

	return current > k + 1 ? current : k + 1;
}

static enum cli_exit play(struct runner *runner)
{
	const struct runner_options *options = runner->options;
	enum cli_exit code = CLI_OK;
	bool stop = false;
	int64_t k = 0;
	uint64_t n_skipped = 0;

	// The first step is computed and sent before its time comes.
	runner->start_ns = clock_ns(CLOCK_MONOTONIC) + S_NS / 10;
	while (code == CLI_OK && !stop &&
	        options->from_s + (double)k * runner->step_s < options->end_s) {
		int64_t next;

		code = step(runner, k, n_skipped, &stop);
		next = next_step(runner, k);
		n_skipped = (uint64_t)(next - k - 1);
		k = next;
	}
	if (code == CLI_OK && !stop)
		(void)wait_until(runner, runner->start_ns + k * runner->tick_ns);
	return code;
}

static enum cli_exit clean(struct runner *runner, const struct deployment *made)
{
	enum cli_exit code = deployment_undo(runner->cli, made);

	if (code == CLI_OK && !runner->cli->json)
		fprintf(runner->cli->out, "%u nodes deleted, %u stay that were there\n",
		        made->n_nodes, made->con->n_nodes - made->n_nodes);
	return code;
}

static enum cli_exit deploy_and_play(struct runner *runner)
{
	struct cli *cli = runner->cli;
	struct deployment made = {0};
	enum cli_exit code = deploy(cli, runner->sim->con, runner->ids, &made);

	if (code != CLI_OK)
		return code;
	report_start(cli->out, cli->json, runner->sim, runner->options->speed, runner->step_s);
	if (!cli->json)
		fprintf(cli->out, "%u nodes made, %u were there\n", made.n_nodes,
		        runner->sim->con->n_nodes - made.n_nodes);
	code = play(runner);
	if (runner->options->clean) {
		enum cli_exit clean_code = clean(runner, &made);

		code = code == CLI_OK ? clean_code : code;
	}
	deployment_fini(&made);
	return code;
}

// SIGINT and SIGTERM are read from a descriptor, so that they never cut an epoch in two.
static int take_signals(struct runner *runner)
{
	sigset_t mask;

	sigemptyset(&mask);
	sigaddset(&mask, SIGINT);
	sigaddset(&mask, SIGTERM);
	if (sigprocmask(SIG_BLOCK, &mask, &runner->old_mask) < 0)
		return -errno;
	runner->signal_fd = signalfd(-1, &mask, SFD_CLOEXEC);
	return runner->signal_fd >= 0 ? 0 : -errno;
}

// The signal that stopped us must not end the process when the mask goes back.
static void give_signals_back(struct runner *runner)
{
	struct signalfd_siginfo info;
	struct pollfd signals = {.fd = runner->signal_fd, .events = POLLIN};

	if (runner->signal_fd < 0)
		return;
	while (poll(&signals, 1, 0 /* timeout */) > 0 &&
	        read(runner->signal_fd, &info, sizeof(info)) > 0)
		;
	close(runner->signal_fd);
	sigprocmask(SIG_SETMASK, &runner->old_mask, NULL);
}

enum cli_exit runner_run(struct cli *cli, struct sim *sim, const struct runner_options *options)
{
	struct runner runner = {.cli = cli,
	        .sim = sim,
	        .options = options,
	        .signal_fd = -1,
	        .lead_ns = LEAD_FIRST_NS};
	enum cli_exit code;
	int err = take_signals(&runner);

	runner.tick_ns = runner_tick_ns(sim->con, options->speed);
	runner.step_s = (double)runner.tick_ns * 1e-9 * options->speed;
	runner.ids = calloc(sim->con->n_ifaces, sizeof(*runner.ids));
	if (runner.ids != NULL)
		runner.writer = epoch_writer_create(sim->con, runner.ids, options->speed);
	if (err != 0)
		code = cli_failf(cli, "signalfd: %s", strerror(-err));
	else if (runner.writer == NULL)
		code = cli_failf(cli, "scenario run: out of memory");
	else
		code = deploy_and_play(&runner);
	epoch_writer_destroy(runner.writer);
	free(runner.ids);
	give_signals_back(&runner);
	return code;
}
