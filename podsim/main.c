/* SPDX-License-Identifier: BSD-3-Clause */
// orrery-podsim: connects the ports, sends, and says what came of it.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "control.h"
#include "fleet.h"
#include "log.h"
#include "options.h"
#include "report.h"

enum exit_status { EXIT_OK, EXIT_FAILED, EXIT_USAGE };

#define QUIET_NS 10000000 // between two looks whether all frames came

struct run {
	struct options options;
	struct fleet fleet;
	struct control control;
	struct snapshot start, window, last; // of the run, of the last report, of the last line
	uint64_t missing; // frames that did not come by the end of the last drain
};

static double measure_cycles_hz(void)
{
	int64_t t0 = control_now_ns(), t1;
	uint64_t c0 = cpu_cycles(), c1;

	do {
		t1 = control_now_ns();
		c1 = cpu_cycles();
	} while (t1 - t0 < 20000000);
	return (double)(c1 - c0) / (double)(t1 - t0) * 1e9;
}

static void raise_limits(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	}
}

// --- commands ----------------------------------------------------------------------------------

// To whoever asked. One that does not read, or is gone, misses it.
static void print_json(json_t *json, int fd)
{
	char *text = json_dumps(json, JSON_COMPACT | JSON_REAL_PRECISION(9));

	json_decref(json);
	if (text == NULL)
		return;
	if (fd == STDOUT_FILENO) {
		puts(text);
		fflush(stdout);
	} else if (send(fd, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT | MSG_MORE) > 0) {
		(void)send(fd, "\n", 1, MSG_NOSIGNAL | MSG_DONTWAIT);
	}
	free(text);
}

static void print_window(struct run *run, int fd)
{
	static struct snapshot now;
	struct report report;

	snapshot_take(&now, &run->fleet);
	report_make(&report, &run->fleet, &run->window, &now, /*drained*/ NULL);
	run->window = now;
	print_json(report_json(&report, &run->fleet), fd);
}

static void command(void *context, const char *command, int fd)
{
	struct run *run = context;

	if (strcmp(command, "report") == 0)
		print_window(run, fd);
	else if (strcmp(command, "reset") == 0)
		snapshot_take(&run->window, &run->fleet);
	else if (strcmp(command, "stop") == 0)
		run->control.stop = true;
	else
		log_warning("no such command: '%s'; there are report, reset and stop", command);
}

// --- phases ------------------------------------------------------------------------------------

static bool all_up(struct control *control)
{
	return control->fleet->n_up == control->fleet->n_good;
}

static int connect_all(struct run *run)
{
	int64_t start = control_now_ns();

	control_run(&run->control, start + run->options.connect_ns, all_up);
	if (!all_up(&run->control)) {
		if (!run->control.stop)
			log_err("%u of %u ports are up after %.1f s", run->fleet.n_up,
			        run->fleet.n_good, (double)(control_now_ns() - start) / 1e9);
		return -ETIMEDOUT;
	}
	log_info("%u ports up after %.3f s", run->fleet.n_up,
	        (double)(control_now_ns() - start) / 1e9);
	return 0;
}

static void print_progress(struct run *run)
{
	static struct snapshot now;
	struct report report;

	snapshot_take(&now, &run->fleet);
	report_make(&report, &run->fleet, &run->last, &now, /*drained*/ NULL);
	run->last = now;
	fprintf(stderr, "%8.1f s  tx %.3f  rx %.3f Mpps  lost %llu  full %llu  up %u\n",
	        (double)(now.time_ns - run->start.time_ns) / 1e9, report.tx_mpps, report.rx_mpps,
	        (unsigned long long)report.lost, (unsigned long long)report.counters.tx_full,
	        run->fleet.n_up);
}

static void run_for(struct run *run, int64_t duration_ns)
{
	int64_t end = duration_ns > 0 ? control_now_ns() + duration_ns : INT64_MAX;
	int64_t interval = run->options.interval_ns;

	while (!run->control.stop && control_now_ns() < end) {
		int64_t next = interval > 0 && control_now_ns() + interval < end
		                       ? control_now_ns() + interval
		                       : end;

		control_run(&run->control, next, NULL);
		if (interval > 0)
			print_progress(run);
	}
}

// Stops sending and waits for what is on the way: all of it, or as long as --drain says.
static void drain(struct run *run)
{
	static struct snapshot now;
	int64_t end = control_now_ns() + run->options.drain_ns;
	bool stop = run->control.stop;

	atomic_store(&run->fleet.worker.sending, false);
	worker_quiesce(&run->fleet.worker);
	run->control.stop = false;
	do {
		control_run(&run->control, control_now_ns() + QUIET_NS, NULL);
		snapshot_take(&now, &run->fleet);
	} while (now.counters.rx_frames - now.duplicates < now.counters.tx_frames - run->missing &&
	         control_now_ns() < end);
	run->missing = now.counters.tx_frames + now.duplicates - now.counters.rx_frames;
	run->control.stop = stop || run->control.stop;
}

static void begin(struct run *run)
{
	snapshot_take(&run->start, &run->fleet);
	run->window = run->last = run->start;
	atomic_store(&run->fleet.worker.sending, true);
}

// Rates are of the time when it sent; counts include what came until the rings were quiet.
static enum exit_status finish(struct run *run)
{
	static struct snapshot sent, quiet;
	struct report report;
	const struct port_counters *c = &report.counters;

	snapshot_take(&sent, &run->fleet);
	drain(run);
	snapshot_take(&quiet, &run->fleet);
	report_make(&report, &run->fleet, &run->start, &sent, &quiet);
	if (run->options.json)
		print_json(report_json(&report, &run->fleet), STDOUT_FILENO);
	else
		report_print(&report, stdout);
	if (!run->options.json && run->fleet.hostile.n_ports > 0)
		hostile_print(&run->fleet.hostile, stdout);
	if (run->options.max_loss == UINT64_MAX)
		return EXIT_OK;
	if (report.lost > run->options.max_loss || c->rx_corrupt > 0 || c->rx_misdelivered > 0 ||
	        report.duplicates > 0) {
		log_err("%llu frames lost, %llu corrupt, %llu misdelivered, %llu duplicates",
		        (unsigned long long)report.lost, (unsigned long long)c->rx_corrupt,
		        (unsigned long long)c->rx_misdelivered,
		        (unsigned long long)report.duplicates);
		return EXIT_FAILED;
	}
	return EXIT_OK;
}

static enum exit_status run_traffic(struct run *run)
{
	enum exit_status status = EXIT_FAILED;

	if (connect_all(run) < 0)
		return EXIT_FAILED;
	begin(run);
	if (run->options.warmup_ns > 0) {
		run_for(run, run->options.warmup_ns);
		drain(run);
		begin(run);
	}
	if (!run->control.stop) {
		run_for(run, run->options.duration_ns);
		status = finish(run);
	}
	return status;
}

static enum exit_status run_fleet(struct run *run, struct fault *fault)
{
	enum exit_status status = EXIT_FAILED;
	int err = control_init(&run->control, &run->fleet, fault);

	run->control.on_command = command;
	run->control.context = run;
	if (err == 0)
		err = worker_start(&run->fleet.worker, measure_cycles_hz(), fault);
	if (err == 0) {
		err = hostile_start(&run->fleet.hostile, fault);
		if (err == 0)
			err = control_open_all(&run->control, fault);
		if (err == 0)
			status = run_traffic(run);
		worker_stop(&run->fleet.worker);
		control_close_all(&run->control);
	}
	control_fini(&run->control);
	if (err < 0)
		log_err("%s: %s", fault->message, strerror(-err));
	return status;
}

int main(int argc, char *argv[])
{
	static struct run run;
	struct fault fault = {0};
	enum options_done done;
	enum exit_status status = EXIT_FAILED;
	int err = options_parse(&run.options, argc, argv, &done, &fault);

	if (err < 0) {
		fprintf(stderr, "orrery-podsim: %s\n", fault.message);
		options_fini(&run.options);
		return EXIT_USAGE;
	}
	if (done == OPTIONS_HELP) {
		options_help();
		return EXIT_OK;
	}
	if (done == OPTIONS_VERSION) {
		printf("orrery-podsim %s\n", ORRERY_VERSION);
		return EXIT_OK;
	}
	raise_limits();
	err = fleet_init(&run.fleet, &run.options, &fault);
	if (err < 0)
		log_err("%s: %s", fault.message, strerror(-err));
	else if (run.options.print_routes) {
		fleet_print_routes(&run.fleet, stdout);
		status = EXIT_OK;
	} else {
		status = run_fleet(&run, &fault);
	}
	fleet_fini(&run.fleet);
	options_fini(&run.options);
	return status;
}
