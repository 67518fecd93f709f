#include "kernels/kernels.h"

#include "args.h"
#include "base/hash.h"
#include "spirv_table.inc"

#define KERNEL(name, axis, need, ...)                                                              \
    static bool available_##name(const struct gpu_caps *caps)                                      \
    {                                                                                              \
        (void)caps;                                                                                \
        return KERNEL_NEED_##need;                                                                 \
    }                                                                                              \
    static bool faster_##name(const struct gpu_caps *caps)                                         \
    {                                                                                              \
        (void)caps;                                                                                \
        return KERNEL_FASTER_##need;                                                               \
    }
#define KERNEL_NEED_0 true
#define KERNEL_NEED_NEED_INT_DOT (caps->int_dot != 0)
#define KERNEL_NEED_NEED_SUBGROUP (caps->subgroup != 0)
#define KERNEL_NEED_NEED_LANES (caps->subgroup != 0)
#define KERNEL_NEED_NEED_COOPMAT                                                                   \
    (caps->coopmat != 0 && caps->coopmat_k <= 32 && caps->coopmat_m % 8 == 0)
#define KERNEL_NEED_NEED_HALF                                                                      \
    (caps->half_matrices != 0 && caps->half_k <= 64 && caps->half_m % 8 == 0 &&                    \
        8 * caps->subgroup <= caps->max_invocations)
#define KERNEL_FASTER_0 true
#define KERNEL_FASTER_NEED_INT_DOT (caps->int_dot == 2)
#define KERNEL_FASTER_NEED_SUBGROUP true
#define KERNEL_FASTER_NEED_LANES (caps->row_threads != 0)
/* A processor has no units for matrices; and the registers of small subgroups are too few. */
#define KERNEL_FASTER_NEED_COOPMAT (!caps->row_threads && caps->subgroup >= 32)
/* Nor is exact numerics given up without being asked. */
#define KERNEL_FASTER_NEED_HALF false
#include "kernels/kernels.def"
#undef KERNEL

#define SUBGROUP_0 false
#define SUBGROUP_NEED_INT_DOT false
#define SUBGROUP_NEED_SUBGROUP true
#define SUBGROUP_NEED_LANES true
#define SUBGROUP_NEED_COOPMAT true
#define SUBGROUP_NEED_HALF true
#define INEXACT_0 false
#define INEXACT_NEED_INT_DOT false
#define INEXACT_NEED_SUBGROUP false
#define INEXACT_NEED_LANES false
#define INEXACT_NEED_COOPMAT false
#define INEXACT_NEED_HALF true
const struct kernel_row kernel_rows[K_COUNT] = {
#define KERNEL(name, axis, need, n, base)                                                          \
    {#name, KERNEL_AXIS_##axis, K_##base, n, SUBGROUP_##need, INEXACT_##need,                      \
        sizeof(struct base##_args), available_##name, faster_##name},
#include "kernels/kernels.def"
#undef KERNEL
};

static const int kv_quants[KV_TYPE_COUNT] = {QT_f32, QT_f16, QT_q8_0, QT_q4_0};

int kernel_kv_quant(uint32_t type)
{
    return kv_quants[type];
}

uint32_t kernel_kv_type(int quant)
{
    uint32_t type = 0;
    while (type < KV_TYPE_COUNT && kv_quants[type] != quant)
        type++;
    return type;
}

bool kernel_is_of_cache(enum kernel kernel)
{
    return kernel < K_COUNT && (kernel_rows[kernel].axis == KERNEL_AXIS_KV ||
                                   kernel_rows[kernel].axis == KERNEL_AXIS_KV_FLOAT);
}

bool kernel_has_row(enum kernel kernel, int quant)
{
    enum kernel_axis axis = kernel == K_copy ? KERNEL_AXIS_ONE : kernel_rows[kernel].axis;
    if (axis == KERNEL_AXIS_ONE || quant < 0)
        return axis == KERNEL_AXIS_ONE && quant < 0;
    if (kernel_is_of_cache(kernel))
        return kernel_kv_type(quant) < (axis == KERNEL_AXIS_KV ? KV_TYPE_COUNT : KV_TYPE_Q8_0);
    return axis == KERNEL_AXIS_QUANT || quant_types[quant].class == QUANT_CLASS_INT;
}

const struct spirv *kernel_spirv(enum kernel kernel, int quant)
{
    if (kernel_is_of_cache(kernel))
        quant = kernel_has_row(kernel, quant) ? -1 : QT_COUNT; /* one module for all types */
    for (size_t i = 0; i < SPIRV_COUNT; i++)
        if (spirv_table[i].kernel == (int)kernel && spirv_table[i].quant == quant)
            return &spirv_table[i];
    return NULL;
}

bool kernel_available(enum kernel kernel, int quant, const struct gpu_caps *caps)
{
    return kernel_spirv(kernel, quant) && kernel_rows[kernel].available(caps);
}

bool kernel_chosen(enum kernel kernel, int quant, const struct gpu_caps *caps)
{
    return kernel_available(kernel, quant, caps) && kernel_rows[kernel].faster(caps);
}

bool kernel_usable(enum kernel kernel, int quant, const struct gpu_caps *caps,
    const struct kernel_verdicts *verdicts)
{
    return kernel_available(kernel, quant, caps) &&
           (!verdicts || verdicts->of[kernel][quant + 1] == HEKLA_VERDICT_PASSED);
}

hekla_status kernel_fail(enum kernel kernel, int quant, const struct gpu_device *dev,
    const struct kernel_verdicts *verdicts, struct hekla_error *err)
{
    const char *name = kernel < K_COUNT ? kernel_rows[kernel].name : "copy";
    enum hekla_verdict verdict =
        verdicts ? verdicts->of[kernel][quant + 1] : HEKLA_VERDICT_UNAVAILABLE;
    return hekla_fail(err, HEKLA_SELFTEST,
        "kernel %s%s%s cannot be used on %s (driver %s): self-test %s; \"hekla doctor\" tells "
        "more, "
        "another --device or another driver version may work",
        name, quant < 0 ? "" : " for ", quant < 0 ? "" : quant_types[quant].label,
        gpu_device_name(dev), gpu_device_identity(dev)->driver, hekla_verdict_text(verdict));
}

_Static_assert(1024u << (KERNEL_ROW_CLASSES - 1) == NORM_MAX, "a class for every length");

uint32_t kernel_row_class(uint32_t n)
{
    struct quant_layout layout = {0};
    uint32_t class = 0;
    quant_spread(&layout, (n + 31) / 32);
    while (class + 1 < KERNEL_ROW_CLASSES && MAX_LANES << class < layout.slots)
        class ++;
    return class;
}

uint64_t kernels_hash(void)
{
    static _Atomic uint64_t known; /* several files have it in their names, and it takes 4 ms */
    uint64_t h = known;
    if (h)
        return h;
    h = hash_bytes(HEKLA_VERSION, sizeof(HEKLA_VERSION));
    for (size_t i = 0; i < SPIRV_COUNT; i++)
        h = hash_u64(h ^ hash_bytes(spirv_table[i].words, spirv_table[i].bytes));
    known = h;
    return h;
}

hekla_status kernels_check(struct hekla_error *err)
{
    for (size_t i = 0; i < SPIRV_COUNT; i++) {
        const struct spirv *s = &spirv_table[i];
        const struct kernel_row *row = &kernel_rows[s->kernel];
        struct gpu_reflection r;
        if (!gpu_reflect(s->words, s->bytes, &r))
            return hekla_fail(err, HEKLA_UNSUPPORTED, "kernel %s: not SPIR-V", row->name);
        if (r.n_buffers > row->n_buffers || r.push_bytes != row->push_bytes)
            return hekla_fail(err, HEKLA_UNSUPPORTED,
                "kernel %s: the shader has %u buffers and %u push bytes, C has %u and %u",
                row->name, r.n_buffers, r.push_bytes, row->n_buffers, row->push_bytes);
    }
    return HEKLA_OK;
}
