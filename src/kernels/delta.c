#include "kernels/op.h"

#include <assert.h>
#include <math.h>

enum { MOST_COLUMNS = 4 };

/* Some drivers end an invocation after 65535 iterations of all its loops: a token takes as many as
 * are divided by here, with any number of columns. */
static uint32_t most_tokens(uint32_t dim)
{
    uint32_t quads = dim / DELTA_LANES / 4;
    return 48000 / (2 * quads * (MOST_COLUMNS + 1) + 2 * MOST_COLUMNS * (2 * DELTA_LANES + 4) + 16);
}

void op_delta(struct op_list *list, struct rows y, struct rows x, struct rows gates,
    const struct state_cache *state, const struct delta *p)
{
    const uint32_t groups = 16;
    uint32_t columns = list->caps->row_threads ? MOST_COLUMNS : 1;
    uint32_t most = most_tokens(p->dim), d = p->dim;
    assert(d % 32 == 0 && d <= MAX_HEAD_DIM && p->n_head % p->n_group == 0 && x.stride % 4 == 0);
    assert((2 * p->n_group + p->n_head) * d <= x.n && p->n_head * d <= y.n);
    assert(p->state_first % 4 == 0 && state->slot_size % 4 == 0 &&
           p->state_first + (uint64_t)p->n_head * d * d <= state->slot_size);
    for (uint32_t first = 0; first < list->n_tokens; first += most) {
        struct op *op = op_append(list, K_delta, -1);
        op->spec[SPEC_SIZE_X] = DELTA_LANES;
        op->spec[SPEC_SIZE_Y] = groups;
        op->spec[SPEC_COLS] = columns;
        op->spec[SPEC_ROWS] = d / DELTA_LANES;
        op->groups[0] = (d + columns * groups - 1) / (columns * groups);
        op->groups[1] = p->n_head;
        op_bind(op, 0, x.view, true, false);
        op_bind(op, 1, gates.view, true, false);
        op_bind(op, 2, y.view, false, true);
        op_bind(op, 3, state->view, true, true);
        op_bind(op, 4, p->dt, true, false);
        op_bind(op, 5, p->a, true, false);
        op_bind(op, 6, list->step, true, false);
        op_set_args(op,
            &(struct delta_args){
                .n_head = p->n_head,
                .n_group = p->n_group,
                .dim = d,
                .x_stride = x.stride,
                .y_stride = y.stride,
                .gate_stride = gates.stride,
                .beta_first = p->beta_first,
                .slots = state->slots,
                .slot_size = state->slot_size,
                .state_first = p->state_first,
                .first = first,
                .count = most,
                .scale = 1.0f / sqrtf((float)d),
            },
            sizeof(struct delta_args));
    }
}
