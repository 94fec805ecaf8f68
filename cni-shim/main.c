/* SPDX-License-Identifier: BSD-3-Clause */
// orrery-cni: the plugin that container runtimes call. Environment and standard input in, JSON on
// standard output, everything else on standard error.
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "run.h"

static const char about[] =
        "orrery-cni: plugs a container into the Orrery switch. Called by container "
        "runtimes, see docs/cni.md.\n"
        "CNI protocol versions supported: 0.3.0, 0.3.1, 0.4.0, 1.0.0, 1.1.0\n";

// Reads standard input to its end, or one byte more than is allowed. Returns the length or -errno.
static ssize_t read_input(char **ret_text)
{
	size_t size = 16384, len = 0;
	char *text = malloc(size);

	while (text && len <= CNI_INPUT_MAX) {
		ssize_t n = read(STDIN_FILENO, text + len, size - len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			*ret_text = text;
			return n < 0 ? -errno : (ssize_t)len;
		}
		len += (size_t)n;
		if (len == size) {
			char *grown = realloc(text, size * 2);

			if (!grown)
				break;
			text = grown;
			size *= 2;
		}
	}
	*ret_text = text;
	return len > CNI_INPUT_MAX ? (ssize_t)len : -ENOMEM;
}

static int print(json_t *answer)
{
	char *text = json_dumps(answer, JSON_INDENT(2));
	int ret = !text || puts(text) == EOF || fflush(stdout) == EOF;

	free(text);
	return ret;
}

int main(void)
{
	struct cni_env env;
	json_t *answer = NULL;
	char *text = NULL;
	ssize_t len;
	int ret;

	signal(SIGPIPE, SIG_IGN); // NOLINT(bugprone-signal-handler)
	cni_env_read(&env, getenv);
	if (!env.command[0]) {
		fputs(about, stderr);
		return EXIT_SUCCESS;
	}
	len = read_input(&text);
	if (len < 0) { // VERSION is asked with a closed one too; the rest find it empty
		fprintf(stderr, "orrery-cni: standard input: %s\n", strerror((int)-len));
		len = 0;
	}
	ret = cni_run(&env, text ? text : "", (size_t)len, &answer);
	if (answer && print(answer))
		ret = 1;
	json_decref(answer);
	free(text);
	return ret ? EXIT_FAILURE : EXIT_SUCCESS;
}
