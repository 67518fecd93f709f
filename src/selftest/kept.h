/*
 * Small text files about a device, its driver and this build: a header, the driver, lines, and a
 * sum over all of it. One that is not exactly as written counts as none.
 */
#ifndef SELFTEST_KEPT_H
#define SELFTEST_KEPT_H

#include "gpu/gpu.h"

enum { KEPT_LARGEST = 64 * 1024 };

/* Capabilities decide which kernels and constants are chosen, so they are part of a file's name. */
uint64_t kept_key(const struct gpu_device *dev);
/* The lines (to free); NULL: there is no such file. driver: what they were written with, same:
 * whether that is the device's. */
char *kept_read(const char *path, const char *header, const struct gpu_device *dev,
    char driver[256], bool *same);
/* The next line, with its end replaced by 0; NULL: there is none. */
char *kept_line(char **at);
/* Replaces the file at once or not at all, making folders as needed. HEKLA_IO says why not. */
hekla_status kept_write(const char *path, const char *header, const struct gpu_device *dev,
    const char *lines, struct hekla_error *err);

#endif
