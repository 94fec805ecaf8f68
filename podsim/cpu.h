/* SPDX-License-Identifier: BSD-3-Clause */
// What the loop wants of an x86 processor.
#pragma once

#include <stdint.h>
#include <x86intrin.h>

#define always_inline inline __attribute__((always_inline))
#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

#define CACHE_LINE 64

static always_inline uint64_t cpu_cycles(void)
{
	return __rdtsc();
}

static always_inline void cpu_prefetch(const void *p)
{
	__builtin_prefetch(p);
}

// Takes the line away from the core that has it. Processors that lack the instruction ignore it.
static always_inline void cpu_prefetch_write(const void *p)
{
	__asm__ volatile("prefetchw %0" : : "m"(*(const char *)p));
}
