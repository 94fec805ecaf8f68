/* SPDX-License-Identifier: BSD-3-Clause */
// What both ends of the control socket share: error codes, and the checks before a message is
// parsed. The line reader is in line_reader.c.
#include "jsonrpc.h"

#include <errno.h>
#include <string.h>

int jsonrpc_code_from_errno(int err)
{
	switch (err) {
	case -EINVAL:
	case -ERANGE:
	case -E2BIG:
		return JSONRPC_INVALID_PARAMS;
	case -EBADMSG:
		return JSONRPC_PARSE_ERROR;
	case -ENOSYS:
		return JSONRPC_METHOD_NOT_FOUND;
	case -ENOENT:
		return ORRERY_E_NOT_FOUND;
	case -EEXIST:
		return ORRERY_E_EXISTS;
	case -EBUSY:
		return ORRERY_E_BUSY;
	case -ENOSPC:
		return ORRERY_E_LIMIT;
	case -EPERM:
	case -EACCES:
		return ORRERY_E_DENIED;
	default:
		return ORRERY_E_SYSTEM;
	}
}

// strerrorname_np the other way round; 133 is the last Linux has.
static int errno_from_name(const char *name)
{
	for (int err = 1; name != NULL && err <= 133; err++) {
		const char *known = strerrorname_np(err);

		if (known != NULL && strcmp(known, name) == 0)
			return -err;
	}
	return -EIO;
}

int jsonrpc_errno_from_code(int code, const char *errno_name)
{
	switch (code) {
	case JSONRPC_INVALID_PARAMS:
		return -EINVAL;
	case JSONRPC_PARSE_ERROR:
	case JSONRPC_INVALID_REQUEST:
		return -EBADMSG;
	case JSONRPC_METHOD_NOT_FOUND:
		return -ENOSYS;
	case ORRERY_E_NOT_FOUND:
		return -ENOENT;
	case ORRERY_E_EXISTS:
		return -EEXIST;
	case ORRERY_E_BUSY:
		return -EBUSY;
	case ORRERY_E_LIMIT:
		return -ENOSPC;
	case ORRERY_E_DENIED:
		return -EPERM;
	default:
		return errno_from_name(errno_name);
	}
}

// The position of the bracket that nests too deeply, or -1. A bracket in a string is none.
static ssize_t find_too_deep(const char *line, size_t len)
{
	size_t depth = 0;
	bool in_string = false;

	for (size_t i = 0; i < len; i++) {
		char c = line[i];

		if (in_string) {
			if (c == '\\')
				i++;
			else if (c == '"')
				in_string = false;
		} else if (c == '"') {
			in_string = true;
		} else if (c == '{' || c == '[') {
			if (++depth > JSONRPC_DEPTH_MAX)
				return (ssize_t)i;
		} else if ((c == '}' || c == ']') && depth > 0) {
			depth--;
		}
	}
	return -1;
}

json_t *jsonrpc_parse(const char *line, size_t len, struct fault *fault)
{
	json_error_t error;

	if (len > JSONRPC_LINE_MAX) {
		(void)fault_set(fault, -EBADMSG, NULL,
		        "the message has %zu bytes, at most %u are allowed", len, JSONRPC_LINE_MAX);
		return NULL;
	}
	ssize_t deep = find_too_deep(line, len);

	if (deep >= 0) {
		(void)fault_set(fault, -EBADMSG, NULL, "at byte %zd: nested deeper than %d levels",
		        deep + 1, JSONRPC_DEPTH_MAX);
		return NULL;
	}
	json_t *message = json_loadb(line, len, JSON_REJECT_DUPLICATES, &error);

	if (message == NULL)
		(void)fault_set(
		        fault, -EBADMSG, NULL, "at byte %d: %s", error.position, error.text);
	return message;
}
