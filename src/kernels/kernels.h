/*
 * kernels/: the table of kernels, and one file per op family that checks shapes, picks variant and
 * specialization constants, and appends an op to a list. Knows tensors and capabilities; never
 * records, submits or allocates device memory.
 */
#ifndef KERNELS_KERNELS_H
#define KERNELS_KERNELS_H

#include "gpu/gpu.h"
#include "quant/quant.h"

enum kernel {
#define KERNEL(name, ...) K_##name,
#include "kernels/kernels.def"
#undef KERNEL
    K_COUNT,
    K_copy = K_COUNT, /* not a kernel: a copy between buffers */
};

enum kernel_axis {
    KERNEL_AXIS_ONE,
    KERNEL_AXIS_QUANT,
    KERNEL_AXIS_QUANT_INT,
    KERNEL_AXIS_KV,
    KERNEL_AXIS_KV_FLOAT,
};

struct kernel_row {
    const char *name;
    enum kernel_axis axis;
    enum kernel base; /* itself, or what it is a faster variant of */
    uint32_t n_buffers;
    bool subgroup;       /* relies on the size caps->subgroup */
    bool inexact;        /* its results are near the reference's, no more: for fast numerics */
    uint32_t push_bytes; /* sizeof(struct <base>_args) */
    bool (*available)(const struct gpu_caps *caps);
    bool (*faster)(const struct gpu_caps *caps); /* than its base; true of a base */
};

extern const struct kernel_row kernel_rows[K_COUNT];

/* Whether its rows are for formats of the KV cache, not of weights. */
bool kernel_is_of_cache(enum kernel kernel);
/* Whether the kernel (or K_copy) has a row for this format of weights or of the KV cache; -1: one
 * for all. */
bool kernel_has_row(enum kernel kernel, int quant);
/* The format of a KV_TYPE_..., and back; KV_TYPE_COUNT: it is none. */
int kernel_kv_quant(uint32_t type);
uint32_t kernel_kv_type(int quant);

struct spirv {
    int kernel;
    int quant; /* or -1 */
    const uint32_t *words;
    size_t bytes;
};
/* The module of a kernel's row; NULL: not in this build. */
const struct spirv *kernel_spirv(enum kernel kernel, int quant);
/* What the self-test found: enum hekla_verdict, by kernel (K_copy for copies) and quant + 1. */
struct kernel_verdicts {
    uint8_t of[K_COUNT + 1][QT_COUNT + 1];
};
/* True if the build has it and the device can run it. */
bool kernel_available(enum kernel kernel, int quant, const struct gpu_caps *caps);
/* True if it is what the product takes on this device, the self-test permitting: a baseline, or a
 * variant that is faster there. */
bool kernel_chosen(enum kernel kernel, int quant, const struct gpu_caps *caps);
/* True if it is available and was seen to work. verdicts NULL: all are taken to. */
bool kernel_usable(enum kernel kernel, int quant, const struct gpu_caps *caps,
    const struct kernel_verdicts *verdicts);
/* The error for a kernel that must not be used. */
hekla_status kernel_fail(enum kernel kernel, int quant, const struct gpu_device *dev,
    const struct kernel_verdicts *verdicts, struct hekla_error *err);
/* Kernels that keep a row in a group's memory are made for classes of lengths: up to 1024 << class
 * elements, and the last one for NORM_MAX (see args.h). */
enum { KERNEL_ROW_CLASSES = 4 };
uint32_t kernel_row_class(uint32_t n);
/* A hash of what decides the bits of results: version, all modules. */
uint64_t kernels_hash(void);
/* Compares every module with its row: bindings and push constants. A mismatch is a build error that
 * only a running program can see. */
hekla_status kernels_check(struct hekla_error *err);

#endif
