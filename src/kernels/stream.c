/* Reading memory and nothing else: what other kernels' bandwidth is compared with. */
#include "kernels/op.h"

uint32_t op_stream_threads(const struct gpu_caps *caps)
{
    return caps->row_threads ? 8u * 512 : 64u * 4096;
}

void op_stream(struct op_list *list, struct gpu_view y, struct gpu_view x)
{
    struct op *op = op_append(list, K_stream, -1);
    uint32_t n = op_stream_threads(list->caps);
    op->spec[SPEC_SIZE_X] = list->caps->row_threads ? 8 : 64;
    op->groups[0] = n / op->spec[SPEC_SIZE_X];
    op_bind(op, 0, x, true, false);
    op_bind(op, 1, y, false, true);
    op_set_args(op, &(struct stream_args){.n_u4 = (uint32_t)(x.size / 16), .n_threads = n},
        sizeof(struct stream_args));
}
