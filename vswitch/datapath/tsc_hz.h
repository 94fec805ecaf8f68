/* SPDX-License-Identifier: BSD-3-Clause */
// How fast the processor's time stamp counter counts. DPDK's rte_get_tsc_hz() is rounded to 10 MHz
// where the processor does not tell (lib/eal, rte_cycles.h of 22.11): 0.2 % too much on a virtual
// machine of 1.99625 GHz, half a millisecond on the round trip of a long path.
#pragma once

#include <stdint.h>

// Notes the time from which to measure: call it early, so that tsc_hz() has to wait for less. Once,
// before there are threads.
void tsc_hz_begin(void);

// Hz, to 1 kHz, against CLOCK_MONOTONIC. The first call waits until 100 ms have passed since
// tsc_hz_begin(), or since it was called. Not from two threads at once.
uint64_t tsc_hz(void);
