/* SPDX-License-Identifier: BSD-3-Clause */
// Collects cells, then prints them as wide as the widest of their column.
#include "columns.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define COLUMNS_MAX 24

struct columns {
	size_t n_columns, n_cells, room;
	char **cells; // the titles are the first row
	bool right[COLUMNS_MAX];
};

static void add_cell(struct columns *columns, char *text)
{
	if (columns->n_cells == columns->room) {
		columns->room = columns->room == 0 ? 256 : columns->room * 2;
		columns->cells = realloc(columns->cells, columns->room * sizeof(char *));
		if (columns->cells == NULL)
			abort(); // a CLI with no memory for its output has nothing left to do
	}
	columns->cells[columns->n_cells++] = text;
}

struct columns *columns_create(const char *titles)
{
	struct columns *columns = calloc(1, sizeof(*columns));

	if (columns == NULL)
		abort();
	while (*titles != '\0' && columns->n_columns < COLUMNS_MAX) {
		columns->right[columns->n_columns++] = *titles == '>';
		titles += *titles == '>';
		size_t len = strcspn(titles, " ");

		add_cell(columns, strndup(titles, len));
		// an underscore stands for a space in a title
		for (char *p = columns->cells[columns->n_cells - 1]; p != NULL && *p != '\0'; p++)
			*p = *p == '_' ? ' ' : *p;
		titles += len + strspn(titles + len, " ");
	}
	return columns;
}

void columns_destroy(struct columns *columns)
{
	if (columns == NULL)
		return;
	for (size_t i = 0; i < columns->n_cells; i++)
		free(columns->cells[i]);
	free(columns->cells);
	free(columns);
}

void columns_cell(struct columns *columns, const char *fmt, ...)
{
	char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		abort();
	va_end(ap);
	add_cell(columns, text);
}

void columns_print(const struct columns *columns, FILE *out)
{
	size_t widths[COLUMNS_MAX] = {0}, n = columns->n_columns;

	for (size_t i = 0; i < columns->n_cells; i++) {
		size_t len = strlen(columns->cells[i]);

		if (len > widths[i % n])
			widths[i % n] = len;
	}
	for (size_t row = 0; row + n <= columns->n_cells; row += n) {
		size_t pending = 0; // spaces owed: none at the end of a line

		for (size_t i = 0; i < n; i++) {
			const char *text = columns->cells[row + i];
			size_t pad = widths[i] - strlen(text);

			pending += columns->right[i] ? pad : 0;
			if (*text != '\0')
				fprintf(out, "%*s%s", (int)pending, "", text);
			pending = (*text != '\0' ? 0 : pending) + (columns->right[i] ? 0 : pad) + 2;
		}
		fputc('\n', out);
	}
}
