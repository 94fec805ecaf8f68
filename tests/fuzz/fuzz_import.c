/* SPDX-License-Identifier: BSD-3-Clause */
// Files of other emulators by anybody. The first byte says which format and with what options; then
// come files, each with its name in a line, up to a line of "%%". What is imported must be a file
// that opens; what is not must say why and leave nothing.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ephemeris.h"
#include "import.h"

#define FILES_MAX 12
#define N_FORMATS 8
#define DURATION_NS 3000000000ull // computed delays take their time

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

static char folder[] = "/tmp/orrery-fuzz-XXXXXX";
static char output[64];

static void clean(void)
{
	rmdir(folder);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	if (mkdtemp(folder) == NULL)
		abort();
	snprintf(output, sizeof(output), "%s/out", folder);
	return atexit(clean);
}

static void check(int condition)
{
	if (!condition)
		abort();
}

// Cuts `text` into files; names are terminated in place.
static size_t split(char *text, size_t size, struct source_file files[FILES_MAX])
{
	char *end = text + size;
	size_t n = 0;

	while (text < end && n < FILES_MAX) {
		char *line_end = memchr(text, '\n', (size_t)(end - text)), *next;

		if (line_end == NULL)
			break;
		*line_end = '\0';
		next = memmem(line_end + 1, (size_t)(end - line_end - 1), "\n%%\n", 4);
		files[n].name = text;
		files[n].data = line_end + 1;
		files[n++].size = (size_t)((next != NULL ? next + 1 : end) - (line_end + 1));
		text = next != NULL ? next + 4 : end;
	}
	return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct source_file files[FILES_MAX];
	struct source source = {.path = "fuzz", .files = files};
	struct import_options options = {.output = output,
	        .from = "a/x",
	        .to = "b/x",
	        .delay_scale = 1,
	        .duration_ns = DURATION_NS,
	        .epoch_ns = -1};
	struct import_notes notes = {.n = 0};
	struct import_result result;
	struct fault fault = {0};
	char *text;

	if (size == 0)
		return 0;
	options.interpolate = (data[0] & 8) != 0;
	options.back = (data[0] & 16) != 0 ? "back" : NULL;
	text = malloc(size);
	check(text != NULL);
	memcpy(text, data + 1, size - 1);
	text[size - 1] = '\0';
	source.n_files = split(text, size - 1, files);
	if (import_run(&import_formats[data[0] % N_FORMATS], &source, &options, &notes, &result,
	            &fault) == 0)
		check(unlink(output) == 0); // it was opened, with all checks
	else
		check(fault.code < 0 && fault.message[0] != '\0' && access(output, F_OK) != 0);
	free(text);
	return 0;
}
