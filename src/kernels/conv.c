#include "kernels/op.h"

#include <assert.h>

static void append(struct op_list *list, struct rows y, struct rows x, struct gpu_view w,
    uint32_t taps, const struct state_cache *state, uint32_t flags)
{
    struct op *op = op_append(list, K_conv, -1);
    uint32_t size = list->caps->row_threads ? 8 : 64;
    op->spec[SPEC_SIZE_X] = size;
    op->groups[0] = (y.n + size - 1) / size;
    op->groups[1] = flags & CONV_OUT ? list->n_tokens : 1;
    op_bind(op, 0, x.view, true, false);
    /* Validation layers count what a shader could write. */
    op_bind(op, 1, y.view, false, true);
    op_bind(op, 2, state->view, true, true);
    op_bind(op, 3, w, true, false);
    op_bind(op, 4, list->step, true, false);
    op_set_args(op,
        &(struct conv_args){
            .n = y.n,
            .taps = taps,
            .x_stride = x.stride,
            .y_stride = y.stride,
            .slots = state->slots,
            .slot_size = state->slot_size,
            .flags = flags,
        },
        sizeof(struct conv_args));
}

void op_conv(struct op_list *list, struct rows y, struct rows x, struct gpu_view w, uint32_t taps,
    const struct state_cache *state, uint32_t flags)
{
    assert(taps >= 2 && taps <= MAX_TAPS && (taps - 1) * y.n <= state->slot_size);
    assert((flags & CONV_GATED ? 3 : 1) * y.n <= x.n);
    if (list->n_tokens == 1) {
        append(list, y, x, w, taps, state, flags | CONV_OUT | CONV_KEEP);
        return;
    }
    append(list, y, x, w, taps, state, flags | CONV_OUT);
    append(list, y, x, w, taps, state, flags | CONV_KEEP);
}
