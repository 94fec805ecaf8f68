/* SPDX-License-Identifier: BSD-3-Clause */
// The messages about memory: a device's regions and its in-flight memory. No ring of the device
// runs when these are called. For device.c only. Thread: control.
#pragma once

#include "device.h"

int device_set_mem_table(struct device *device, struct connection *connection, struct fault *fault);
int device_add_region(struct device *device, struct connection *connection, struct fault *fault);
int device_del_region(struct device *device, const struct message *message, struct fault *fault);
// Makes the memory and answers with it.
int device_get_inflight(struct device *device, struct connection *connection, struct fault *fault);
int device_set_inflight(struct device *device, struct connection *connection, struct fault *fault);
void device_clear_memory(struct device *device);
