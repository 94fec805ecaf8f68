/* SPDX-License-Identifier: BSD-3-Clause */
// Runs the IPAM plugin.
#include "delegate.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "jsonrpc.h"

extern char **environ;

struct output {
	char *text; // DELEGATE_OUTPUT_MAX + 1 bytes
	size_t len;
};

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

// The first executable file `type` in the folders of `cni_path`. Returns 0 or CNI_E_IPAM.
static int find_plugin(
        const char *type, const char *cni_path, char path[4096], struct cni_error *err)
{
	for (const char *dir = cni_path; *dir; dir += *dir == ':') {
		size_t len = strcspn(dir, ":");
		struct stat st;
		int n = snprintf(path, 4096, "%.*s/%s", (int)len, dir, type);

		if (len && n < 4096 && !stat(path, &st) && S_ISREG(st.st_mode) &&
		        !access(path, X_OK))
			return 0;
		dir += len;
	}
	return cni_fail(err, CNI_E_IPAM, cni_path, "IPAM plugin '%.64s' is not in CNI_PATH", type);
}

// Standard input as a file in memory: nobody has to feed a pipe. Returns a descriptor or -errno.
static int input_file(const char *text, size_t len)
{
	int fd = memfd_create("cni-stdin", MFD_CLOEXEC), ret;

	if (fd < 0)
		return -errno;
	for (size_t done = 0; done < len;) {
		ssize_t n = write(fd, text + done, len - done);

		if (n < 0) {
			ret = -errno;
			close(fd);
			return ret;
		}
		done += (size_t)n;
	}
	lseek(fd, 0, SEEK_SET);
	return fd;
}

// Our environment with another CNI_COMMAND. The array is the caller's (free), not its strings.
static char **child_environment(char *command)
{
	size_t n = 0, to = 0;
	char **env;

	while (environ && environ[n])
		n++;
	env = calloc(n + 2, sizeof(*env));
	for (size_t i = 0; env && i < n; i++) {
		if (strncmp(environ[i], "CNI_COMMAND=", 12) != 0)
			env[to++] = environ[i];
	}
	if (env)
		env[to] = command;
	return env;
}

// Starts `path`. Returns 0 or -errno.
static int start(char *path, enum cni_verb verb, int in, int out, pid_t *ret_pid)
{
	char command[32], *argv[] = {path, NULL};
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	sigset_t defaults;
	char **env;
	int ret;

	snprintf(command, sizeof(command), "CNI_COMMAND=%s", cni_verb_name(verb));
	env = child_environment(command);
	if (!env)
		return -ENOMEM;
	sigemptyset(&defaults);
	sigaddset(&defaults, SIGPIPE); // which we ignore
	posix_spawnattr_init(&attr);
	posix_spawnattr_setsigdefault(&attr, &defaults);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGDEF);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
	posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
	// a plugin that is being replaced is busy for an instant
	for (int try = 0; try < 5; try++) {
		ret = -posix_spawn(ret_pid, path, &actions, &attr, argv, env);
		if (ret != -ETXTBSY)
			break;
		nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
	}
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attr);
	free(env);
	return ret;
}

// Reads until the plugin closes its output. Returns 0, -ETIMEDOUT, -EMSGSIZE or another -errno.
static int read_output(int fd, struct output *output)
{
	int64_t deadline = now_ms() + DELEGATE_TIMEOUT_MS;

	for (;;) {
		struct pollfd pfd = {.fd = fd, .events = POLLIN};
		int64_t left = deadline - now_ms();
		ssize_t n;

		if (left <= 0 || poll(&pfd, 1, (int)left) == 0)
			return -ETIMEDOUT;
		n = read(fd, output->text + output->len, DELEGATE_OUTPUT_MAX - output->len);
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n == 0)
			return output->len == DELEGATE_OUTPUT_MAX ? -EMSGSIZE : 0;
		if (n > 0)
			output->len += (size_t)n;
	}
}

// Runs `path` and collects its output. Returns its wait status, or -errno.
static int run(char *path, enum cni_verb verb, const char *text, size_t len, struct output *output)
{
	int in = input_file(text, len), out[2], status = 0, ret;
	pid_t pid;

	if (in < 0)
		return in;
	if (pipe2(out, O_CLOEXEC)) {
		ret = -errno;
		close(in);
		return ret;
	}
	ret = start(path, verb, in, out[1], &pid);
	close(in);
	close(out[1]);
	if (!ret) {
		ret = read_output(out[0], output);
		if (ret)
			kill(pid, SIGKILL);
		while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
			;
	}
	close(out[0]);
	return ret ? ret : status;
}

static int fail_plugin(const char *type, int status, const json_t *answer, struct cni_error *err)
{
	const char *msg = json_string_value(json_object_get(answer, "msg"));
	const char *details = json_string_value(json_object_get(answer, "details"));
	int code = (int)json_integer_value(json_object_get(answer, "code"));

	if (WIFSIGNALED(status))
		return cni_fail(err, CNI_E_IPAM, NULL, "IPAM plugin '%.64s' was ended by signal %d",
		        type, WTERMSIG(status));
	if (!msg)
		return cni_fail(err, CNI_E_IPAM, NULL,
		        "IPAM plugin '%.64s' failed with exit code %d and no message", type,
		        WEXITSTATUS(status));
	return cni_fail(
	        err, code > 0 ? code : CNI_E_IPAM, details, "IPAM plugin '%.64s': %s", type, msg);
}

int delegate_run(const char *type, enum cni_verb verb, const char *cni_path, const char *text,
        size_t len, json_t **ret_result, struct cni_error *err)
{
	struct output output = {.text = malloc(DELEGATE_OUTPUT_MAX + 1)};
	char path[4096];
	json_t *answer = NULL;
	int status, ret;

	if (!output.text)
		return cni_fail(err, CNI_E_INTERNAL, NULL, "out of memory");
	ret = find_plugin(type, cni_path, path, err);
	if (ret) {
		free(output.text);
		return ret;
	}
	status = run(path, verb, text, len, &output);
	if (status >= 0 && output.len)
		answer = jsonrpc_parse(output.text, output.len, NULL);
	if (status < 0)
		ret = cni_fail(err, CNI_E_IPAM, strerror(-status),
		        "IPAM plugin '%.64s' did not run", type);
	else if (status > 0)
		ret = fail_plugin(type, status, answer, err);
	free(output.text);
	if (!ret && ret_result)
		*ret_result = json_incref(answer);
	json_decref(answer);
	return ret;
}
