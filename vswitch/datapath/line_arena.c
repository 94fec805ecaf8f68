/* SPDX-License-Identifier: BSD-3-Clause */
// Blocks of cache lines out of slabs of one size class. Knows nothing of what the lines hold.
#include "line_arena.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define SLAB_LINES 256u
#define CHUNK_SLABS 128u
#define CHUNK_LINES (SLAB_LINES * CHUNK_SLABS)
#define CHUNK_SIZE ((size_t)CHUNK_LINES * LINE_SIZE)
#define CLASS_FREE UINT8_MAX

// At most a third of a block is wasted, and less than 7 % of a slab.
static const uint8_t class_lines[] = {1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64};
#define N_CLASSES (sizeof(class_lines) / sizeof(class_lines[0]))

struct line_slab {
	uint32_t prev, next; // among slabs of the class with room
	uint32_t free_line; // list through the first word of free blocks
	uint16_t used; // blocks
	uint16_t fresh; // blocks never handed out start here
	uint8_t cls; // CLASS_FREE: belongs to its chunk
};

struct line_chunk {
	uint64_t free_slabs[CHUNK_SLABS / 64];
	uint16_t n_free;
	bool opened; // readable and writable
	bool resident; // may hold memory
};

static_assert(CHUNK_SIZE == 2u << 20, "a chunk is a huge page");

static unsigned class_of(unsigned n_lines)
{
	unsigned cls = 0;

	assert(n_lines >= 1 && n_lines <= LINE_BLOCK_MAX);
	while (class_lines[cls] < n_lines)
		cls++;
	return cls;
}

unsigned line_arena_class_capacity(unsigned n_lines)
{
	return class_lines[class_of(n_lines)];
}

unsigned line_arena_capacity(const struct line_arena *arena, uint32_t line)
{
	return class_lines[arena->slabs[line / SLAB_LINES].cls];
}

static void *reserve(size_t size, int prot)
{
	void *map = mmap(NULL, size, prot, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return map == MAP_FAILED ? NULL : map;
}

int line_arena_init(struct line_arena *arena, uint64_t max_lines)
{
	uint64_t n_chunks = (max_lines + CHUNK_LINES - 1) / CHUNK_LINES;

	if (n_chunks > UINT32_MAX / CHUNK_LINES)
		n_chunks = UINT32_MAX / CHUNK_LINES; // LINE_NONE stays outside
	if (n_chunks == 0)
		n_chunks = 1;
	memset(arena, 0, sizeof(*arena));
	arena->n_chunks = (uint32_t)n_chunks;
	memset(arena->partial, 0xff, sizeof(arena->partial));
	arena->map_size = (n_chunks + 1) * CHUNK_SIZE; // one more to align
	arena->map = reserve(arena->map_size, PROT_NONE);
	arena->slabs =
	        reserve(n_chunks * CHUNK_SLABS * sizeof(struct line_slab), PROT_READ | PROT_WRITE);
	arena->chunks = calloc(n_chunks, sizeof(struct line_chunk));
	if (arena->map == NULL || arena->slabs == NULL || arena->chunks == NULL) {
		line_arena_fini(arena);
		return -ENOMEM;
	}
	arena->base =
	        (unsigned char *)(((uintptr_t)arena->map + CHUNK_SIZE - 1) & ~(CHUNK_SIZE - 1));
	for (uint32_t i = 0; i < arena->n_chunks; i++) {
		memset(arena->chunks[i].free_slabs, 0xff, sizeof(arena->chunks[i].free_slabs));
		arena->chunks[i].n_free = CHUNK_SLABS;
	}
	return 0;
}

void line_arena_fini(struct line_arena *arena)
{
	if (arena->map != NULL)
		munmap(arena->map, arena->map_size);
	if (arena->slabs != NULL)
		munmap(arena->slabs,
		        (size_t)arena->n_chunks * CHUNK_SLABS * sizeof(struct line_slab));
	free(arena->chunks);
	memset(arena, 0, sizeof(*arena));
}

static int open_chunk(struct line_arena *arena, uint32_t chunk_idx)
{
	struct line_chunk *chunk = &arena->chunks[chunk_idx];
	unsigned char *start = arena->base + chunk_idx * CHUNK_SIZE;

	if (!chunk->opened) {
		if (mprotect(start, CHUNK_SIZE, PROT_READ | PROT_WRITE) < 0)
			return -ENOMEM;
		madvise(start, CHUNK_SIZE, MADV_HUGEPAGE); // a wish; small pages do too
		chunk->opened = true;
	}
	if (!chunk->resident) {
		chunk->resident = true;
		arena->n_resident++;
		arena->n_idle++;
	}
	return 0;
}

// The lowest free slab, so that the upper chunks run empty.
static uint32_t take_slab(struct line_arena *arena)
{
	struct line_chunk *chunk;
	unsigned word;
	unsigned bit;

	while (arena->first_free < arena->n_chunks && arena->chunks[arena->first_free].n_free == 0)
		arena->first_free++;
	if (arena->first_free == arena->n_chunks || open_chunk(arena, arena->first_free) < 0)
		return LINE_NONE;
	chunk = &arena->chunks[arena->first_free];
	word = chunk->free_slabs[0] != 0 ? 0 : 1;
	bit = (unsigned)__builtin_ctzll(chunk->free_slabs[word]);
	chunk->free_slabs[word] &= chunk->free_slabs[word] - 1;
	if (chunk->n_free-- == CHUNK_SLABS)
		arena->n_idle--;
	return arena->first_free * CHUNK_SLABS + word * 64 + bit;
}

static void give_slab(struct line_arena *arena, uint32_t slab_idx)
{
	uint32_t chunk_idx = slab_idx / CHUNK_SLABS;
	struct line_chunk *chunk = &arena->chunks[chunk_idx];
	unsigned bit = slab_idx % CHUNK_SLABS;

	chunk->free_slabs[bit / 64] |= 1ull << (bit % 64);
	if (chunk_idx < arena->first_free)
		arena->first_free = chunk_idx;
	if (++chunk->n_free < CHUNK_SLABS)
		return;
	if (arena->n_idle++ == 0)
		return; // kept: the next slab is likely to be wanted soon
	madvise(arena->base + chunk_idx * CHUNK_SIZE, CHUNK_SIZE, MADV_DONTNEED);
	chunk->resident = false;
	arena->n_resident--;
	arena->n_idle--;
}

static void link_partial(struct line_arena *arena, uint32_t slab_idx)
{
	struct line_slab *slab = &arena->slabs[slab_idx];
	uint32_t *head = &arena->partial[slab->cls];

	slab->prev = LINE_NONE;
	slab->next = *head;
	if (*head != LINE_NONE)
		arena->slabs[*head].prev = slab_idx;
	*head = slab_idx;
}

static void unlink_partial(struct line_arena *arena, uint32_t slab_idx)
{
	struct line_slab *slab = &arena->slabs[slab_idx];

	if (slab->prev == LINE_NONE)
		arena->partial[slab->cls] = slab->next;
	else
		arena->slabs[slab->prev].next = slab->next;
	if (slab->next != LINE_NONE)
		arena->slabs[slab->next].prev = slab->prev;
}

static uint32_t open_slab(struct line_arena *arena, unsigned cls)
{
	uint32_t slab_idx = take_slab(arena);

	if (slab_idx == LINE_NONE)
		return LINE_NONE;
	arena->slabs[slab_idx] = (struct line_slab){.free_line = LINE_NONE, .cls = (uint8_t)cls};
	link_partial(arena, slab_idx);
	return slab_idx;
}

uint32_t line_arena_alloc(struct line_arena *arena, unsigned n_lines)
{
	unsigned cls = class_of(n_lines);
	unsigned n_blocks = SLAB_LINES / class_lines[cls];
	uint32_t slab_idx = arena->partial[cls];
	struct line_slab *slab;
	uint32_t line;

	if (slab_idx == LINE_NONE)
		slab_idx = open_slab(arena, cls);
	if (slab_idx == LINE_NONE)
		return LINE_NONE;
	slab = &arena->slabs[slab_idx];
	line = slab->free_line;
	if (line != LINE_NONE)
		memcpy(&slab->free_line, line_arena_at(arena, line), sizeof(slab->free_line));
	else
		line = slab_idx * SLAB_LINES + slab->fresh++ * class_lines[cls];
	if (++slab->used == n_blocks)
		unlink_partial(arena, slab_idx);
	arena->lines_in_use += class_lines[cls];
	return line;
}

void line_arena_free(struct line_arena *arena, uint32_t line)
{
	uint32_t slab_idx = line / SLAB_LINES;
	struct line_slab *slab = &arena->slabs[slab_idx];
	unsigned n_blocks = SLAB_LINES / class_lines[slab->cls];

	arena->lines_in_use -= class_lines[slab->cls];
	memcpy(line_arena_at(arena, line), &slab->free_line, sizeof(slab->free_line));
	slab->free_line = line;
	if (slab->used-- == n_blocks)
		link_partial(arena, slab_idx);
	if (slab->used > 0)
		return;
	unlink_partial(arena, slab_idx);
	slab->cls = CLASS_FREE;
	give_slab(arena, slab_idx);
}

size_t line_arena_memory_bytes(const struct line_arena *arena)
{
	return arena->n_resident * (CHUNK_SIZE + CHUNK_SLABS * sizeof(struct line_slab)) +
	       arena->n_chunks * sizeof(struct line_chunk);
}
