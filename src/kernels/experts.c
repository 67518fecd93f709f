/* A layer of experts: each token's are chosen, multiply, and are mixed. */
#include "kernels/op.h"

#include <assert.h>

void op_route(struct op_list *list, const struct expert_pairs *to, struct rows x,
    const struct routing *p, struct gpu_view bias, struct gpu_view scales)
{
    struct op *op = op_append(list, K_route, -1);
    assert(x.n <= MAX_EXPERTS && to->n_used <= MAX_EXPERTS_USED && to->n_used <= x.n);
    assert(!p->n_group ||
           (p->n_group <= MAX_EXPERT_GROUPS && x.n % p->n_group == 0 && x.n / p->n_group >= 2));
    op->spec[SPEC_SIZE_X] = list->caps->row_threads ? 8 : 32;
    op->groups[0] = list->n_tokens;
    op_bind(op, 0, x.view, true, false);
    op_bind(op, 1, to->ids, false, true);
    op_bind(op, 2, to->weights, false, true);
    op_bind(op, 3, bias.buffer ? bias : list->step, true, false);
    op_bind(op, 4, list->step, true, false);
    op_bind(op, 5, scales.buffer ? scales : list->step, true, false);
    op_set_args(op,
        &(struct route_args){
            .n_expert = x.n,
            .n_used = to->n_used,
            .x_stride = x.stride,
            .flags = (p->sigmoid ? ROUTE_SIGMOID : 0) | (p->renormed ? ROUTE_RENORMED : 0) |
                     (bias.buffer ? ROUTE_BIAS : 0) | (scales.buffer ? ROUTE_SCALES : 0),
            .n_group = p->n_group,
            .n_group_used = p->n_group_used,
            .scale = p->scale,
        },
        sizeof(struct route_args));
    if (list->n_tokens == 1)
        return; /* lists are for many */
    op = op_append(list, K_pairs, -1);
    op->spec[SPEC_SIZE_X] = list->caps->row_threads ? 8 : 64;
    op->groups[0] = x.n;
    op_bind(op, 0, to->ids, true, false);
    op_bind(op, 1, to->list, false, true);
    op_bind(op, 2, to->count, false, true);
    op_bind(op, 3, list->step, true, false);
    op_set_args(op,
        &(struct pairs_args){.n_expert = x.n, .n_used = to->n_used, .capacity = to->capacity},
        sizeof(struct pairs_args));
}

static enum kernel choose_variant(const struct op_list *list, int quant)
{
    bool fast = kernel_chosen(K_matvec_id_dot, quant, list->caps) &&
                kernel_usable(K_matvec_id_dot, quant, list->caps, list->verdicts);
    return fast ? K_matvec_id_dot : K_matvec_id;
}

/* Groups in y for the pairs of an expert: few, as most experts of a step have few. */
enum { GROUPS_A_LIST = 4, MOST_GROUPS = 4096 };
/* Times COLS, where each token has all experts. */
enum { TOKENS_A_GROUP = 8 };

static void choose_shape(
    const struct op_list *list, struct op *op, uint32_t rows, uint32_t n_used, uint32_t n_expert)
{
    bool cpu = list->caps->row_threads, one = list->n_tokens == 1;
    op->spec[SPEC_SIZE_X] = cpu ? 1 : 32;
    op->spec[SPEC_SIZE_Y] = cpu ? 8 : 4;
    op->spec[SPEC_COLS] = one ? 1 : 4;
    uint32_t quads = op->spec[SPEC_SIZE_Y], groups = (rows / 4 + quads - 1) / quads;
    op->groups[0] = groups < MOST_GROUPS ? groups : MOST_GROUPS;
    op->groups[1] = one ? 1 : GROUPS_A_LIST;
    op->groups[2] = one ? n_used : n_expert;
}

/* The rows of a shard of w, which has whole experts; what is not there yet: where x and y are. */
static struct op *append_shard(struct op_list *list, const struct matrix *w, uint32_t i,
    uint32_t rows, uint32_t n_used, struct matvec_id_args *args)
{
    const struct matrix_shard *shard = &w->shards[i];
    struct op *op = op_append(list, choose_variant(list, (int)w->quant), (int)w->quant);
    assert(shard->row_first % rows == 0 && shard->n_rows % rows == 0);
    choose_shape(list, op, rows, n_used, shard->n_rows / rows);
    op_bind(op, 0, shard->view, true, false);
    op_bind(op, 3, w->bias.buffer ? w->bias : list->step, true, false);
    *args = (struct matvec_id_args){
        .n_blocks = w->layout.n_blocks,
        .steps = w->layout.steps,
        .lanes = w->layout.lanes,
        .n_rows = shard->n_rows,
        .quad_u4 = w->layout.quad_u4,
        .rows = rows,
        .expert_first = shard->row_first / rows,
        .expert_count = shard->n_rows / rows,
        .n_used = n_used,
        .flags = w->bias.buffer ? EXPERT_BIAS : 0,
    };
    return op;
}

void op_matvec_id(struct op_list *list, struct rows y, const struct matrix *w, uint32_t n_expert,
    const struct matvec_input *x, bool x_by_pair, const struct expert_pairs *pairs)
{
    bool is_int = quant_types[w->quant].class == QUANT_CLASS_INT;
    uint32_t rows = w->n_rows / n_expert;
    assert(rows % 4 == 0 && w->n_rows % n_expert == 0);
    for (uint32_t i = 0; i < w->n_shards; i++) {
        struct matvec_id_args args;
        struct op *op = append_shard(list, w, i, rows, pairs->n_used, &args);
        op_bind(op, 1, is_int ? x->q8.view : x->f32.view, true, false);
        op_bind(op, 2, y.view, false, true);
        op_bind(op, 4, pairs->ids, true, false);
        op_bind(op, 5, pairs->list, true, false);
        op_bind(op, 6, pairs->count, true, false);
        args.x_stride = is_int ? x->q8.stride_u4 : x->f32.stride / 4;
        args.y_stride = y.stride;
        args.capacity = pairs->capacity;
        args.flags |= (list->n_tokens > 1 ? EXPERT_LISTS : 0) | (x_by_pair ? EXPERT_X_PAIR : 0);
        op_set_args(op, &args, sizeof(args));
    }
}

void op_matvec_each(struct op_list *list, struct rows y, uint32_t y_first, uint32_t y_step,
    const struct matrix *w, uint32_t n_expert, const struct matvec_input *x, bool x_by_expert)
{
    bool is_int = quant_types[w->quant].class == QUANT_CLASS_INT;
    uint32_t rows = w->n_rows / n_expert, n_x = x_by_expert ? n_expert : 1;
    assert(rows % 4 == 0 && w->n_rows == rows * n_expert && rows <= y_step);
    assert(!x_by_expert || w->layout.n % 32 == 0);
    for (uint32_t i = 0; i < w->n_shards; i++) {
        struct matvec_id_args args;
        struct op *op = append_shard(list, w, i, rows, n_expert, &args);
        uint32_t tokens = TOKENS_A_GROUP * op->spec[SPEC_COLS];
        op->groups[1] = (list->n_tokens + tokens - 1) / tokens;
        op->groups[2] = args.expert_count;
        op_bind(op, 1, is_int ? x->q8.view : x->f32.view, true, false);
        op_bind(op, 2, y.view, false, true);
        op_bind(op, 4, list->step, true, false);
        op_bind(op, 5, list->step, true, false);
        op_bind(op, 6, list->step, true, false);
        args.x_stride = is_int ? x->q8.stride_u4 * n_x : x->f32.stride / 4;
        args.x_step = !x_by_expert ? 0 : is_int ? x->q8.stride_u4 : w->layout.n / 4;
        args.y_stride = y.stride;
        args.y_first = y_first;
        args.y_step = y_step;
        args.flags |= EXPERT_EACH;
        op_set_args(op, &args, sizeof(args));
    }
}

void op_mix(
    struct op_list *list, struct rows x, struct rows y, const struct expert_pairs *pairs, bool add)
{
    struct op *op = op_append(list, K_mix, -1);
    uint32_t size = list->caps->row_threads ? 8 : 64;
    op->spec[SPEC_SIZE_X] = size;
    op->groups[0] = (x.n + size - 1) / size;
    op->groups[1] = list->n_tokens;
    op_bind(op, 0, x.view, add, true);
    op_bind(op, 1, y.view, true, false);
    op_bind(op, 2, pairs->weights, true, false);
    op_bind(op, 3, list->step, true, false);
    op_set_args(op,
        &(struct mix_args){.n = x.n,
            .n_used = pairs->n_used,
            .x_stride = x.stride,
            .y_stride = y.stride,
            .flags = add ? MIX_ADD : 0},
        sizeof(struct mix_args));
}
