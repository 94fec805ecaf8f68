/* SPDX-License-Identifier: BSD-3-Clause */
// Commands from control to one worker: a ring with one producer and one consumer. Control sees when
// a command is done. Free of DPDK; run under the thread sanitizer by test_mailbox.
#pragma once

#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MAILBOX_SIZE 64 // power of two

struct port_queue;

enum command_op { COMMAND_ADD_QUEUE, COMMAND_DEL_QUEUE };

struct command {
	enum command_op op;
	struct port_queue *queue; // borrowed until the command is done
};

struct mailbox {
	// control writes, worker reads
	alignas(64) _Atomic uint32_t posted;
	struct command commands[MAILBOX_SIZE];
	// worker writes, control reads
	alignas(64) _Atomic uint32_t done;
};

// Control. True and the command's ticket, or false when the worker is MAILBOX_SIZE commands behind.
static inline bool mailbox_post(
        struct mailbox *mailbox, const struct command *command, uint32_t *ret_ticket)
{
	uint32_t posted = atomic_load_explicit(&mailbox->posted, memory_order_relaxed);
	// Acquire: the worker has finished with the slot that is written next.
	uint32_t done = atomic_load_explicit(&mailbox->done, memory_order_acquire);

	if (posted - done == MAILBOX_SIZE)
		return false;
	mailbox->commands[posted % MAILBOX_SIZE] = *command;
	// Release: the command is there before the worker sees the count.
	atomic_store_explicit(&mailbox->posted, posted + 1, memory_order_release);
	*ret_ticket = posted + 1;
	return true;
}

// Control. Whether the worker has carried out the command; what it did is visible then.
static inline bool mailbox_is_done(const struct mailbox *mailbox, uint32_t ticket)
{
	return (int32_t)(atomic_load_explicit(&mailbox->done, memory_order_acquire) - ticket) >= 0;
}

// Worker. The oldest command that is not done, NULL if there is none.
static inline const struct command *mailbox_first(const struct mailbox *mailbox)
{
	uint32_t done = atomic_load_explicit(&mailbox->done, memory_order_relaxed);

	if (atomic_load_explicit(&mailbox->posted, memory_order_acquire) == done)
		return NULL;
	return &mailbox->commands[done % MAILBOX_SIZE];
}

// Worker. The first command is carried out.
static inline void mailbox_pop(struct mailbox *mailbox)
{
	uint32_t done = atomic_load_explicit(&mailbox->done, memory_order_relaxed);

	atomic_store_explicit(&mailbox->done, done + 1, memory_order_release);
}
