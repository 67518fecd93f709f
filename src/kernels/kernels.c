#include "kernels/kernels.h"

#include "args.h"
#include "spirv_table.inc"

#define KERNEL(name, axis, need, ...)                                                              \
    static bool available_##name(const struct gpu_caps *caps)                                      \
    {                                                                                              \
        (void)caps;                                                                                \
        return KERNEL_NEED_##need;                                                                 \
    }
#define KERNEL_NEED_0 true
#define KERNEL_NEED_NEED_INT_DOT (caps->int_dot != 0)
#define KERNEL_NEED_NEED_SUBGROUP (caps->subgroup != 0)
#define KERNEL_NEED_NEED_COOPMAT (caps->coopmat != 0)
#include "kernels/kernels.def"
#undef KERNEL

#define SUBGROUP_0 false
#define SUBGROUP_NEED_INT_DOT false
#define SUBGROUP_NEED_SUBGROUP true
#define SUBGROUP_NEED_COOPMAT true
const struct kernel_row kernel_rows[K_COUNT] = {
#define KERNEL(name, axis, need, n, base)                                                          \
    {#name, KERNEL_AXIS_##axis, K_##base, n, SUBGROUP_##need, sizeof(struct base##_args),          \
        available_##name},
#include "kernels/kernels.def"
#undef KERNEL
};

const struct spirv *kernel_spirv(enum kernel kernel, int quant)
{
    for (size_t i = 0; i < SPIRV_COUNT; i++)
        if (spirv_table[i].kernel == (int)kernel && spirv_table[i].quant == quant)
            return &spirv_table[i];
    return NULL;
}

bool kernel_usable(enum kernel kernel, int quant, const struct gpu_caps *caps)
{
    return kernel_spirv(kernel, quant) && kernel_rows[kernel].available(caps);
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
