/* Computing and nothing else: what other kernels' operations a second are compared with. */
#include "kernels/op.h"

uint32_t op_peak_threads(const struct gpu_caps *caps)
{
    return caps->row_threads ? 8u * 256 : 64u * 8192;
}

void op_peak(struct op_list *list, enum kernel which, struct gpu_view y, struct gpu_view x,
    uint32_t n_rounds)
{
    struct op *op = op_append(list, which, -1);
    op->spec[SPEC_SIZE_X] = list->caps->row_threads ? 8 : 64;
    op->groups[0] = (uint32_t)(y.size / 4) / op->spec[SPEC_SIZE_X];
    op_bind(op, 0, x, true, false);
    op_bind(op, 1, y, false, true);
    op_set_args(op, &(struct peak_f32_args){n_rounds}, sizeof(struct peak_f32_args));
}

_Static_assert(sizeof(struct peak_f32_args) == sizeof(struct peak_dot_args), "one op_set_args");
