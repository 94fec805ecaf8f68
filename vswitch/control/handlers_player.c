/* SPDX-License-Identifier: BSD-3-Clause */
// player.*: an ephemeris file played into the matrix.
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "handlers.h"
#include "player.h"

#define FILE_SHARE_MAX 2 // a file may take one part in so many of the memory

static json_t *microseconds(uint64_t ns)
{
	return json_real((double)ns / 1e3);
}

static json_t *file_json(const struct ephemeris *e)
{
	const struct ephemeris_header *h = e->header;
	json_t *object = json_object();

	put_str(object, "scenario", ephemeris_string(e, h->name));
	put_str(object, "producer", ephemeris_string(e, h->producer));
	put(object, "epoch_ns", json_integer(h->epoch_ns));
	put_u64(object, "duration_ns", h->duration_ns);
	put_u64(object, "step_ns", h->step_ns);
	put_u64(object, "tolerance_ns", h->tolerance_ns);
	put_u64(object, "seed", h->seed);
	put_u64(object, "epochs", e->n_epochs);
	put_u64(object, "records", e->n_records);
	put_u64(object, "nodes", e->n_nodes);
	put_u64(object, "interfaces", e->n_ifaces);
	put_u64(object, "routes", e->n_routes);
	return object;
}

json_t *player_json(const struct control *c)
{
	json_t *object = json_object();
	struct player_status s;

	player_get_status(c->player, &s);
	put_str(object, "state", player_state_name(s.state));
	if (s.file == NULL)
		return object;
	put_u64(object, "time_ns", s.t_ns);
	put(object, "speed", json_real(s.speed));
	put_u64(object, "applied", s.applied);
	put_u64(object, "merged", s.merged);
	put_u64(object, "late", s.late);
	put(object, "late_us", microseconds(s.late_ns));
	put(object, "late_max_us", microseconds(s.late_max_ns));
	return object;
}

static json_t *status_json(const struct control *c)
{
	json_t *object = player_json(c);
	struct paths_counts routes;
	struct player_status s;

	player_get_status(c->player, &s);
	if (s.file == NULL)
		return object;
	put_str(object, "name", s.name);
	put(object, "file", file_json(s.file));
	put(object, "created",
	        json_pack("{s:I, s:I, s:I}", "nodes", (json_int_t)s.made.nodes, "interfaces",
	                (json_int_t)s.made.ifaces, "routes", (json_int_t)s.made.routes));
	put_u64(object, "epoch", s.epoch);
	put_u64(object, "epoch_time_ns", s.epoch_t_ns);
	put(object, "loop", json_boolean(s.loop));
	put_u64(object, "loops", s.loops);
	put_u64(object, "commits", s.commits);
	paths_worker_get_counts(c->paths, &routes);
	put_u64(object, "routes_with_epoch", routes.with_epoch);
	put_u64(object, "routes_late", routes.late);
	put_u64(object, "skipped_pinned", s.skipped_pinned);
	put_u64(object, "skipped_gone", s.skipped_gone);
	if (s.error[0] != '\0')
		put_str(object, "error", s.error);
	return object;
}

// The answer of all that can fail.
static int answer(const struct request *request, int ret, json_t **ret_result)
{
	if (ret == 0)
		*ret_result = status_json(request->control);
	return ret;
}

// It will be read into memory: one that takes most of it is none of ours.
static int check_size(int fd, const char *name, struct fault *fault)
{
	uint64_t memory = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
	struct stat st;

	if (fstat(fd, &st) < 0)
		return fault_set(fault, -errno, NULL, "%s: %s", name, strerror(errno));
	if ((uint64_t)st.st_size > memory / FILE_SHARE_MAX)
		return fault_set(fault, -EFBIG, NULL,
		        "%s: %" PRIu64 " MiB, this machine has %" PRIu64 " MiB of memory", name,
		        (uint64_t)st.st_size >> 20, memory >> 20);
	return 0;
}

// Copied: its owner may change the file afterwards.
static int open_fd(int fd, const char *name, struct ephemeris **ret, struct fault *fault)
{
	int err = check_size(fd, name, fault);

	return err == 0 ? ephemeris_open_fd(fd, name, EPHEMERIS_COPY, ret, fault) : err;
}

static int open_file(const struct request *request, const char *name, struct ephemeris **ret,
        struct fault *fault)
{
	const char *path = param_string(request->params, "path", NULL);
	bool by_fd = param_bool(request->params, "fd", false);
	int fd, err;

	if ((path != NULL) == by_fd)
		return fault_set(
		        fault, -EINVAL, "path", "give either path, or fd: true with a descriptor");
	if (by_fd && request->n_fds != 1)
		return fault_set(fault, -EINVAL, "fd",
		        "expected one descriptor with the request, not %zu", request->n_fds);
	if (by_fd)
		return open_fd(request->fds[0], name, ret, fault);
	// not to wait for the other end of a FIFO
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return fault_set(fault, -errno, "path", "%s: %s", path, strerror(errno));
	err = open_fd(fd, path, ret, fault);
	close(fd);
	return err;
}

int handle_player_load(const struct request *request, json_t **ret_result, struct fault *fault)
{
	const char *name = param_string(request->params, "name",
	        param_string(request->params, "path", "the attached file"));
	struct ephemeris *file = NULL;
	struct player_status s;
	int ret = 0;

	player_get_status(request->control->player, &s);
	if (s.state != PLAYER_EMPTY) // before a large file is read in vain
		return fault_set(fault, -EBUSY, NULL, "'%s' is loaded: stop it first", s.name);
	ret = open_file(request, name, &file, fault);
	if (ret == 0)
		ret = player_load(request->control->player, file, name, fault);
	return answer(request, ret, ret_result);
}

int handle_player_start(const struct request *request, json_t **ret_result, struct fault *fault)
{
	struct player_start start = {
	        .speed = param_number(request->params, "speed", 1),
	        .from_ns = (uint64_t)param_int(request->params, "from_ns", 0),
	        .loop = param_bool(request->params, "loop", false),
	};

	return answer(request, player_begin(request->control->player, &start, fault), ret_result);
}

int handle_player_pause(const struct request *request, json_t **ret_result, struct fault *fault)
{
	return answer(request, player_pause(request->control->player, fault), ret_result);
}

int handle_player_resume(const struct request *request, json_t **ret_result, struct fault *fault)
{
	double speed = param_number(request->params, "speed", 0);

	return answer(request, player_resume(request->control->player, speed, fault), ret_result);
}

int handle_player_seek(const struct request *request, json_t **ret_result, struct fault *fault)
{
	uint64_t t_ns = (uint64_t)param_int(request->params, "time_ns", 0);

	return answer(request, player_seek(request->control->player, t_ns, fault), ret_result);
}

int handle_player_step(const struct request *request, json_t **ret_result, struct fault *fault)
{
	uint32_t n = (uint32_t)param_int(request->params, "epochs", 1);

	return answer(request, player_step(request->control->player, n, fault), ret_result);
}

int handle_player_stop(const struct request *request, json_t **ret_result, struct fault *fault)
{
	struct player *player = request->control->player;
	struct player_status s;
	uint32_t n;

	player_get_status(player, &s);
	n = player_stop(player, param_bool(request->params, "clean", false));
	*ret_result = json_pack(
	        "{s:b, s:I}", "stopped", (int)(s.state != PLAYER_EMPTY), "deleted", (json_int_t)n);
	return 0;
}

int handle_player_status(const struct request *request, json_t **ret_result, struct fault *fault)
{
	return answer(request, 0, ret_result);
}
