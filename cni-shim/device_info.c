/* SPDX-License-Identifier: BSD-3-Clause */
// Writing the device-info file.
#include "device_info.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pod_dir.h"

// `mode` is the application's view.
static char *render(const struct cni_vhost *vhost)
{
	json_t *json = json_pack("{s:s, s:s, s:{s:s, s:s}}", "type", "vhost-user", "version",
	        "1.1.0", "vhost-user", "mode", vhost->app_listens ? "server" : "client", "path",
	        vhost->path);
	char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;

	json_decref(json);
	return text;
}

static int write_new(const char *temp, const char *text)
{
	size_t len = strlen(text);
	int fd = open(temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644), ret = 0;
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = write(fd, text, len);
	if (n != (ssize_t)len)
		ret = n < 0 ? -errno : -ENOSPC;
	if (close(fd) < 0 && !ret)
		ret = -errno;
	return ret;
}

int device_info_write(const char *file, const struct cni_vhost *vhost, struct cni_error *err)
{
	char *text = render(vhost), temp[PATH_MAX];
	int ret = text ? pod_dir_make_parents(file, 0755) : -ENOMEM;

	if (!ret && snprintf(temp, sizeof(temp), "%s.%d", file, getpid()) >= (int)sizeof(temp))
		ret = -ENAMETOOLONG;
	if (!ret) {
		ret = write_new(temp, text);
		if (!ret && rename(temp, file) < 0)
			ret = -errno;
		if (ret)
			(void)unlink(temp);
	}
	free(text);
	return ret ? cni_fail(err, CNI_E_IO, strerror(-ret), "device-info file '%s'", file) : 0;
}
