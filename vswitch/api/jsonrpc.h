/* SPDX-License-Identifier: BSD-3-Clause */
// JSON-RPC 2.0 over a unix stream socket, one message a line (docs/api.md). What both sides share:
// limits, error codes, the line reader. Knows no method and no switch.
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "fault.h"

#define ORRERY_SOCKET_DEFAULT "/run/orrery/orrery.sock"
#define JSONRPC_LINE_MAX (4u << 20) // bytes; a longer line ends the connection with an error
#define JSONRPC_DEPTH_MAX 32 // nesting, checked before parsing
#define JSONRPC_FDS_MAX 4 // descriptors with one message

// JSON-RPC 2.0 section 5.1, then ours in the range it leaves to servers.
enum jsonrpc_error {
	JSONRPC_PARSE_ERROR = -32700,
	JSONRPC_INVALID_REQUEST = -32600,
	JSONRPC_METHOD_NOT_FOUND = -32601,
	JSONRPC_INVALID_PARAMS = -32602,
	JSONRPC_INTERNAL_ERROR = -32603,
	ORRERY_E_NOT_FOUND = -32001, // -ENOENT
	ORRERY_E_EXISTS = -32002, // -EEXIST: there, and different from what was asked
	ORRERY_E_BUSY = -32003, // -EBUSY: in use
	ORRERY_E_LIMIT = -32004, // -ENOSPC: a named limit is reached
	ORRERY_E_DENIED = -32005, // -EPERM, -EACCES
	ORRERY_E_SYSTEM = -32006, // another errno; data.errno has its name
};

int jsonrpc_code_from_errno(int err); // negative errno -> code
// The way back, for clients. `errno_name`: the error's data.errno ("EIO"), NULL if it has none.
int jsonrpc_errno_from_code(int code, const char *errno_name);

// Reads lines and their descriptors from a stream socket. One owner; grows up to JSONRPC_LINE_MAX.
struct jsonrpc_reader;

struct jsonrpc_reader *jsonrpc_reader_create(void); // NULL: out of memory
void jsonrpc_reader_destroy(struct jsonrpc_reader *reader); // closes unclaimed descriptors

// One recvmsg. Returns bytes read > 0, 0 at end of stream, -EAGAIN, -EMSGSIZE when a line or the
// number of its descriptors is over the limit, -EMFILE when we could not hold its descriptors, or
// another -errno. Take all lines before the next fill: what is not taken stays in the buffer, which
// is bounded.
__attribute__((warn_unused_result)) ssize_t jsonrpc_reader_fill(
        struct jsonrpc_reader *reader, int fd);

// The next whole line, terminated, without its newline; NULL if none is complete. Valid until the
// next call on the reader. `ret_fds`/`ret_n_fds`: descriptors that came with it; the caller takes
// them (NULL: they are closed). A zero byte in the line is turned into 0x01, which no JSON has.
// Descriptors belong to the line that holds the last byte of the sendmsg that carried them.
char *jsonrpc_reader_line(
        struct jsonrpc_reader *reader, int ret_fds[JSONRPC_FDS_MAX], size_t *ret_n_fds);

// Parses one message: size, depth and form are checked. Returns a new reference, or NULL with
// `fault->code` = -EBADMSG and the position in the message.
json_t *jsonrpc_parse(const char *line, size_t len, struct fault *fault);
