/* SPDX-License-Identifier: BSD-3-Clause */
// The configuration file: any text gives a configuration or a message that names the file.
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct config *config = NULL;
	struct fault fault = {0};
	char *text = malloc(size + 1);

	if (text == NULL)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	// an include reads other files: not this function's input
	if (strstr(text, "@include") == NULL) {
		if (config_parse(text, "fuzz", &config, &fault) == 0)
			json_decref(config_json(config));
		else if (fault.message[0] == '\0')
			abort();
		config_free(config);
	}
	free(text);
	return 0;
}
