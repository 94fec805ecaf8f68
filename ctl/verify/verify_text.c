/* SPDX-License-Identifier: BSD-3-Clause */
// The result of orrery verify for people.
#include <inttypes.h>

#include "columns.h"
#include "json_get.h"
#include "text.h"
#include "verify.h"

static void print_matrix(FILE *out, const json_t *matrix)
{
	json_t *wrong = json_object_get(matrix, "first_wrong"), *item;
	size_t i;

	fprintf(out,
	        "matrix  %" PRId64 " links: %" PRId64
	        " not as asked; delays at most %.3f us off; %" PRId64 " pinned, %" PRId64
	        " just changing\n",
	        get_int(matrix, "links"), get_int(matrix, "wrong"),
	        get_real(matrix, "worst_ns") / 1e3, get_int(matrix, "pinned"),
	        get_int(matrix, "changing"));
	json_array_foreach (wrong, i, item)
		fprintf(out, "        wrong: %s: %s, delay %.3f us off\n", get_text(item, "link"),
		        get_text(item, "what"), get_real(item, "error_ns") / 1e3);
}

static void print_base(FILE *out, const json_t *base)
{
	const json_t *delay = json_object_get(base, "delay_ns");
	char rate[UNITS_TEXT_SIZE];

	fprintf(out,
	        "base    pod to pod without delay: p1 %.1f, p50 %.1f, p99 %.1f us, at most %s; it "
	        "is "
	        "part of the errors below\n\n",
	        get_real(delay, "p1") / 1e3, get_real(delay, "p50") / 1e3,
	        get_real(delay, "p99") / 1e3,
	        text_bit_rate(rate, (uint64_t)get_real(base, "rate_bps")));
}

static void rate_cells(struct columns *columns, const json_t *path)
{
	double asked = get_real(path, "rate_asked_bps"), got = get_real(path, "rate_bps");
	char text[UNITS_TEXT_SIZE];

	columns_cell(columns, "%s", got > 0 ? text_bit_rate(text, (uint64_t)got) : "-");
	columns_cell(columns, "%s", asked > 0 ? text_bit_rate(text, (uint64_t)asked) : "-");
}

static void print_paths(FILE *out, const json_t *paths)
{
	struct columns *columns = columns_create(
	        "PATH >HOPS >ASKED_MS >P1_US >P50_US >P99_US >SENT >LOST LOSS_% >ASKED_% >RATE "
	        ">ASKED VERDICT");
	json_t *list = (json_t *)(uintptr_t)paths, *path;
	size_t i;

	json_array_foreach (list, i, path) {
		const json_t *error = json_object_get(path, "error_ns");
		const json_t *wrong = json_object_get(path, "wrong"), *word;
		char verdict[64] = "";
		size_t k, at = 0;

		json_array_foreach ((json_t *)(uintptr_t)wrong, k, word)
			at += (size_t)snprintf(verdict + at, sizeof(verdict) - at, "%s%s",
			        k == 0 ? "wrong: " : ", ", json_string_value(word));
		columns_cell(columns, "%s > %s", get_text(path, "from"), get_text(path, "to"));
		columns_cell(columns, "%" PRId64, get_int(path, "hops"));
		columns_cell(columns, "%.4f", get_real(path, "asked_ns") / 1e6);
		columns_cell(columns, "%+.1f", get_real(error, "p1") / 1e3);
		columns_cell(columns, "%+.1f", get_real(error, "p50") / 1e3);
		columns_cell(columns, "%+.1f", get_real(error, "p99") / 1e3);
		columns_cell(columns, "%" PRId64, get_int(path, "sent"));
		columns_cell(columns, "%" PRId64, get_int(path, "lost"));
		columns_cell(columns, "%.2f..%.2f", get_real(path, "loss_low") * 100,
		        get_real(path, "loss_high") * 100);
		columns_cell(columns, "%.3g%s", get_real(path, "loss_asked") * 100,
		        get_bool(path, "bursts") ? "*" : "");
		rate_cells(columns, path);
		columns_cell(columns, "%s", at == 0 ? "as asked" : verdict);
	}
	columns_print(columns, out);
	columns_destroy(columns);
}

static void print_losses(FILE *out, const json_t *losses)
{
	json_t *items = json_object_get(losses, "items"), *item;
	size_t i;

	fprintf(out, "\nlosses  %" PRId64 " links had frames; those with losses, or that should:\n",
	        get_int(losses, "links"));
	json_array_foreach (items, i, item)
		fprintf(out,
		        "        %s: %" PRId64 " of %" PRId64 " lost, %.3f %% to %.3f %%, asked "
		        "%.3f %%%s\n",
		        get_text(item, "link"), get_int(item, "lost"), get_int(item, "frames"),
		        get_real(item, "low") * 100, get_real(item, "high") * 100,
		        get_real(item, "asked") * 100,
		        get_bool(item, "wrong")    ? ": wrong"
		        : get_bool(item, "bursts") ? "; in bursts: not judged"
		                                   : "");
}

void verify_print(FILE *out, const json_t *result)
{
	print_matrix(out, json_object_get(result, "matrix"));
	print_base(out, json_object_get(result, "base"));
	print_paths(out, json_object_get(result, "paths"));
	print_losses(out, json_object_get(result, "losses"));
	fprintf(out, "%s\n", get_bool(result, "as_asked") ? "as asked" : "NOT as asked");
}
