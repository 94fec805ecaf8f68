/* SPDX-License-Identifier: BSD-3-Clause */
// matrix.*: many links at once, as JSON or as a file of records.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "handlers.h"
#include "link_json.h"

static void name_record(struct fault *fault, size_t i)
{
	char field[sizeof(fault->field)];

	if (fault == NULL)
		return;
	snprintf(field, sizeof(field), "records[%zu].%.32s", i, fault->field);
	memcpy(fault->field, field, sizeof(field));
}

static int find_end(const struct control *c, const json_t *value, const char *field,
        uint32_t *ret_id, struct fault *fault)
{
	struct iface *iface;
	int ret;

	if (json_is_integer(value)) { // the matrix checks that it exists
		*ret_id = (uint32_t)json_integer_value(value);
		return 0;
	}
	ret = model_ref_find(&c->model, json_string_value(value), field, &iface, fault);
	if (ret == 0)
		*ret_id = iface->id;
	return ret;
}

// What a person pinned stays as it is.
static int stage_record(struct control *c, const struct orrery_record *record, uint32_t *n_pinned,
        struct fault *fault)
{
	if (!matrix_pinned(c->matrix, record->from))
		return matrix_stage(c->matrix, record, fault);
	(*n_pinned)++;
	return 0;
}

static int stage_json_one(
        struct control *c, const json_t *entry, uint32_t *n_pinned, struct fault *fault)
{
	const json_t *to = json_object_get(entry, "to");
	struct orrery_record record;
	uint32_t from = 0, to_id = ORRERY_IFACE_NONE;
	int ret = find_end(c, json_object_get(entry, "from"), "from", &from, fault);

	if (ret == 0 && to != NULL && !json_is_null(to))
		ret = find_end(c, to, "to", &to_id, fault);
	if (ret < 0)
		return ret;
	link_params_read(entry, matrix_current(c->matrix, from), &record);
	record.from = from;
	if (to != NULL) {
		record.set |= ORRERY_SET_TO;
		record.to = to_id;
	}
	return stage_record(c, &record, n_pinned, fault);
}

static int stage_json(
        struct control *c, const json_t *records, uint32_t *n_pinned, struct fault *fault)
{
	for (size_t i = 0; i < json_array_size(records); i++) {
		int ret = stage_json_one(c, json_array_get(records, i), n_pinned, fault);

		if (ret < 0) {
			name_record(fault, i);
			return ret;
		}
	}
	return 0;
}

// Reads the whole file into our memory, so that nobody can change it between check and use.
static int read_records(int fd, size_t n, struct orrery_record *records, struct fault *fault)
{
	size_t size = n * sizeof(records[0]), done = 0;
	struct stat st;

	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return fault_set(fault, -EINVAL, "fd", "expected a memfd or file of records");
	if ((uint64_t)st.st_size < size)
		return fault_set(fault, -EINVAL, "count",
		        "%zu records are %zu bytes, the file has %lld", n, size,
		        (long long)st.st_size);
	while (done < size) {
		ssize_t got = pread(fd, (char *)records + done, size - done, (off_t)done);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return fault_set(fault, got < 0 ? -errno : -EINVAL, "fd",
			        "the file ends after %zu of %zu bytes", done, size);
		done += (size_t)got;
	}
	return 0;
}

static int stage_file(const struct request *request, uint32_t *n_pinned, struct fault *fault)
{
	struct control *c = request->control;
	int64_t count = param_int(request->params, "count", -1);
	int ret;

	if (request->n_fds != 1)
		return fault_set(fault, -EINVAL, "fd",
		        "expected one descriptor with the request, not %zu", request->n_fds);
	if (count < 0 || count > (int64_t)c->config.max_ifaces)
		return fault_set(fault, -EINVAL, "count", "expected 0 to %u", c->config.max_ifaces);
	ret = read_records(request->fds[0], (size_t)count, c->records, fault);
	for (int64_t i = 0; ret == 0 && i < count; i++) {
		ret = stage_record(c, &c->records[i], n_pinned, fault);
		if (ret < 0)
			name_record(fault, (size_t)i);
	}
	return ret;
}

static int stage(const struct request *request, uint32_t *ret_n_pinned, struct fault *fault)
{
	const json_t *records = json_object_get(request->params, "records");
	bool by_fd = param_bool(request->params, "fd", false);

	if ((records != NULL) == by_fd)
		return fault_set(
		        fault, -EINVAL, "records", "give either records, or fd: true with a memfd");
	*ret_n_pinned = 0;
	matrix_begin(request->control->matrix);
	return by_fd ? stage_file(request, ret_n_pinned, fault)
	             : stage_json(request->control, records, ret_n_pinned, fault);
}

static json_t *result_json(const struct control *c, const struct matrix_result *result,
        uint64_t epoch, uint64_t applied_us)
{
	json_t *object = json_object();

	put_u64(object, "epoch", epoch);
	put_u64(object, "changed", result->changed);
	put_u64(object, "applied_us", applied_us);
	put_u64(object, "needed_frames", result->needed_frames);
	put(object, "routes_pending", json_boolean(paths_worker_pending(c->paths)));
	return object;
}

int handle_matrix_commit(const struct request *request, json_t **ret_result, struct fault *fault)
{
	struct control *c = request->control;
	uint64_t start = control_now_tsc(), end, epoch = 0;
	struct matrix_result result = {0};
	uint32_t n_pinned = 0;
	int ret = stage(request, &n_pinned, fault);

	if (ret == 0)
		ret = control_commit_matrix(c, &result, &epoch, fault);
	if (ret < 0)
		return ret;
	end = c->applied_tsc;
	*ret_result =
	        result_json(c, &result, epoch, (end - start) * 1000000 / datapath_tsc_hz(c->dp));
	put_u64(*ret_result, "pinned", n_pinned);
	return 0;
}

int handle_matrix_check(const struct request *request, json_t **ret_result, struct fault *fault)
{
	struct control *c = request->control;
	struct matrix_result result = {0};
	uint32_t n_pinned = 0;
	int ret = stage(request, &n_pinned, fault);

	if (ret == 0)
		ret = matrix_check(c->matrix, control_now_tsc(), &result, fault);
	matrix_begin(c->matrix); // forget it
	if (ret < 0)
		return ret;
	*ret_result = result_json(c, &result, publisher_epoch(c->publisher) + 1, 0);
	put_u64(*ret_result, "pinned", n_pinned);
	return 0;
}

int handle_matrix_show(const struct request *request, json_t **ret_result, struct fault *fault)
{
	const struct control *c = request->control;
	const struct matrix_config *config = matrix_config(c->matrix);
	json_t *object = json_object();
	uint64_t max_delay = 0;
	uint32_t n_up = 0;

	for (uint32_t id = 0; id < c->model.iface_ids.end; id++) {
		const struct link *link = matrix_link(c->matrix, id);

		if (link == NULL || (link->record.flags & ORRERY_LINK_UP) == 0 ||
		        link->record.to == ORRERY_IFACE_NONE)
			continue;
		n_up++;
		if (link->record.delay_ns > max_delay)
			max_delay = link->record.delay_ns;
	}
	put_u64(object, "epoch", publisher_epoch(c->publisher));
	put_u64(object, "links", matrix_count(c->matrix));
	put_u64(object, "links_up", n_up);
	put_u64(object, "links_pinned", matrix_n_pinned(c->matrix));
	put_u64(object, "needed_frames", matrix_needed_frames(c->matrix));
	put_u64(object, "pool_frames", config->pool_frames);
	put_u64(object, "horizon_ns", config->horizon_ns);
	put_u64(object, "max_delay_ns", max_delay);
	put_u64(object, "routes_epoch", paths_worker_epoch(c->paths));
	*ret_result = object;
	return 0;
}
