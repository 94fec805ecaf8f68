/* SPDX-License-Identifier: BSD-3-Clause */
// Filling a struct fault.
#include "fault.h"

#include <stdio.h>

int fault_set(struct fault *fault, int code, const char *field, const char *fmt, ...)
{
	va_list ap;

	if (fault == NULL)
		return code;
	fault->code = code;
	snprintf(fault->field, sizeof(fault->field), "%s", field != NULL ? field : "");
	va_start(ap, fmt);
	vsnprintf(fault->message, sizeof(fault->message), fmt, ap);
	va_end(ap);
	return code;
}
