/* SPDX-License-Identifier: BSD-3-Clause */
// Text with units to numbers and back.
#include "units.h"
