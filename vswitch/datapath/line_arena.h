/* SPDX-License-Identifier: BSD-3-Clause */
// Blocks of 1 to 64 cache lines, named by the index of their first line. The memory of the FIB:
// address space is reserved once and never moves, sizes come from slabs of one size class each, an
// empty slab serves any other class, and empty 2 MiB chunks go back to the system (one is kept).
// Thread: one owner; reading a block's lines is free while the owner does not change the arena.
#pragma once

#include <stddef.h>
#include <stdint.h>

#define LINE_SIZE 64
#define LINE_NONE UINT32_MAX
#define LINE_BLOCK_MAX 64

struct line_slab;
struct line_chunk;

struct line_arena {
	unsigned char *base; // 2 MiB aligned
	void *map;
	size_t map_size;
	struct line_slab *slabs;
	struct line_chunk *chunks;
	uint32_t n_chunks; // reserved
	uint32_t first_free; // no chunk below has a free slab
	uint32_t n_resident; // chunks that hold memory
	uint32_t n_idle; // resident and empty
	uint32_t partial[16]; // by class: first slab with room, LINE_NONE
	uint64_t lines_in_use; // as blocks were asked for, rounded to their class
};

// Returns 0 or -ENOMEM. `max_lines` is rounded up to whole chunks.
__attribute__((warn_unused_result)) int line_arena_init(
        struct line_arena *arena, uint64_t max_lines);
void line_arena_fini(struct line_arena *arena);

// A block of at least `n_lines` (1 to LINE_BLOCK_MAX), contents undefined; LINE_NONE: out of
// memory.
__attribute__((warn_unused_result)) uint32_t line_arena_alloc(
        struct line_arena *arena, unsigned n_lines);
void line_arena_free(struct line_arena *arena, uint32_t line);
// Lines the block at `line` holds, and lines a block asked for with `n_lines` would hold.
unsigned line_arena_capacity(const struct line_arena *arena, uint32_t line);
unsigned line_arena_class_capacity(unsigned n_lines);
// Memory held from the system.
size_t line_arena_memory_bytes(const struct line_arena *arena);

static inline void *line_arena_at(const struct line_arena *arena, uint32_t line)
{
	return arena->base + (size_t)line * LINE_SIZE;
}
