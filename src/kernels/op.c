#include "kernels/op.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

void op_list_free(struct op_list *list)
{
    free(list->ops);
    list->ops = NULL;
    list->n = list->capacity = 0;
}

struct op *op_append(struct op_list *list, enum kernel kernel, int quant)
{
    static struct op spare; /* written, never read, after out_of_memory */
    if (list->n == list->capacity) {
        uint32_t capacity = list->capacity ? 2 * list->capacity : 64;
        struct op *ops = realloc(list->ops, capacity * sizeof(*ops));
        if (!ops) {
            list->out_of_memory = true;
            return &spare;
        }
        list->ops = ops;
        list->capacity = capacity;
    }
    struct op *op = &list->ops[list->n++];
    *op = (struct op){.kernel = kernel, .quant = quant, .groups = {1, 1, 1}, .layer = list->layer};
    op->spec[SPEC_SIZE_X] = op->spec[SPEC_SIZE_Y] = op->spec[SPEC_COLS] = 1;
    return op;
}

void op_set_args(struct op *op, const void *args, uint32_t bytes)
{
    assert(bytes <= sizeof(op->args) && bytes == kernel_rows[op->kernel].push_bytes);
    memcpy(op->args, args, bytes);
    op->args_bytes = bytes;
}

void op_bind(struct op *op, uint32_t binding, struct gpu_view view, bool reads, bool writes)
{
    assert(binding < GPU_MAX_BUFFERS && view.buffer && view.size);
    op->views[binding] = view;
    if (binding >= op->n_views)
        op->n_views = binding + 1;
    op->reads |= (uint32_t)reads << binding;
    op->writes |= (uint32_t)writes << binding;
}

uint32_t rows_q8_stride_u4(const struct quant_layout *layout)
{
    return 2 * layout->slots + (layout->slots + 1) / 2;
}

void op_copy(struct op_list *list, struct gpu_view from, struct gpu_view to)
{
    struct op *op = op_append(list, K_copy, -1);
    op_bind(op, 0, from, true, false);
    op_bind(op, 1, to, false, true);
}
