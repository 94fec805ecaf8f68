/* SPDX-License-Identifier: BSD-3-Clause */
// --help of the benchmarks, and what they say to an option that they do not know.
#pragma once

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

// `option`: as getopt gave it. Ends the program: 0 after --help or -h, else 2.
__attribute__((noreturn)) static inline void bench_usage(int option, const char *options)
{
	fprintf(option == 'h' ? stdout : stderr, "usage: %s %s\n", program_invocation_short_name,
	        options);
	exit(option == 'h' ? 0 : 2);
}
