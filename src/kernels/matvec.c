/* Matrix times one or several vectors. The variants and shapes give the same bits, so the choice is
 * about speed alone. */
#include "kernels/matmul.h"

#include <assert.h>

enum {
    MAX_GROUPS = 16384, /* rows are looped over, and no device must offer more groups in x */
    UNIT_QUADS = 16, /* 32 rows of gate and 32 of up give a block of 32; so do 8 quads of K or V */
};

/* What a matvec op does beyond y = w x. */
struct call {
    const struct matrix *w;
    struct gpu_view x, y;
    uint32_t x_stride, y_stride, y_first, n_cols, flags;
    struct gpu_view bias;
    const struct norm_input *norm; /* or NULL */
    uint32_t out;                  /* OUT_... */
    const struct kv_cache *kv;     /* OUT_ROPE */
    struct gpu_view rope;
    struct head_shape shape;
    struct quant_layout y_blocks; /* OUT_SWIGLU */
};

static enum kernel choose_variant(const struct op_list *list, int quant)
{
    bool fast = kernel_chosen(K_matvec_dot, quant, list->caps) &&
                kernel_usable(K_matvec_dot, quant, list->caps, list->verdicts);
    return fast ? K_matvec_dot : K_matvec;
}

/* Room for a normed row's slots: a power of two, so that rows of different lengths share a
 * pipeline. */
static uint32_t norm_slots(const struct matrix *w)
{
    uint32_t n = MAX_LANES;
    while (n < w->layout.slots)
        n *= 2;
    return n;
}

/* How a group's invocations share rows: x of them a row, y quads of rows side by side, `quads` one
 * after the other before they meet. */
struct shape {
    uint8_t x, y, quads;
};

/* Candidates. Many rows in few groups keep small GPUs busy and spare them meetings; few rows must
 * be spread over all of a large one. */
static const struct shape shapes[MATVEC_SHAPES] = {{32, 4, 4}, {32, 4, 1}, {32, 8, 1}, {32, 8, 2},
    {32, 16, 1}, {32, 2, 1}, {32, 1, 1}, {32, 2, 4}, {32, 4, 2}, {16, 8, 1}, {8, 16, 1}};

/* Shared memory of a group (tree.glsl, norm.glsl, finish.glsl). */
static uint32_t shared_bytes(const struct matrix *w, bool norm, const struct shape *s)
{
    return s->quads * 4 * s->y * (s->x + 1u) * 4 + (norm ? norm_slots(w) * 40 : 0) + 96 * 4;
}

static bool is_unit(const struct call *c)
{
    return c->out == OUT_SWIGLU || (c->kv && c->kv->type >= KV_TYPE_Q8_0);
}

static bool shape_fits(const struct gpu_caps *caps, const struct call *c, const struct shape *s)
{
    return (uint32_t)s->x * s->y <= caps->max_invocations &&
           shared_bytes(c->w, c->norm, s) <= caps->max_shared &&
           (!is_unit(c) || s->y * s->quads <= UNIT_QUADS);
}

/* Without knowing the device: rows of a small matrix go to as many groups as there can be. */
static struct shape rule(const struct gpu_caps *caps, const struct call *c, uint32_t n_rows)
{
    struct shape s = {32, 4, n_rows < 32768 ? 1 : 4};
    if (caps->row_threads)
        return (struct shape){1, 8, 1};
    if (is_unit(c))
        s = (struct shape){32, 8, 2};
    while (s.y > 1 && !shape_fits(caps, c, &s))
        s.y /= 2;
    return s;
}

/* Tokens of a workgroup. Four rows of unpacked weights are all that the registers of small GPUs
 * hold beside one token's activations. */
static uint32_t most_columns(int quant)
{
    return quant_types[quant].class == QUANT_CLASS_FLOAT ? 2 : 1;
}

static void choose_shape(
    const struct op_list *list, struct op *op, const struct call *c, uint32_t n_rows)
{
    uint32_t n_cols = c->n_cols ? c->n_cols : list->n_tokens;
    uint32_t most = most_columns(op->quant);
    op->spec[SPEC_COLS] = n_cols < most ? n_cols : most;
    op->spec[SPEC_NORM] = c->norm ? norm_slots(c->w) : 0;
    op->spec[SPEC_OUT] = c->out;
    if (c->kv)
        op->spec[SPEC_KV] = c->kv->type;
    uint32_t kind = c->out | (c->norm ? SHAPE_NORM : 0) | (is_unit(c) ? SHAPE_UNIT : 0);
    uint32_t i =
        op_shape(list, op, (struct shape_key){kind, n_rows, c->w->layout.n_blocks}, MATVEC_SHAPES);
    struct shape s = i && shape_fits(list->caps, c, &shapes[i - 1]) ? shapes[i - 1]
                                                                    : rule(list->caps, c, n_rows);
    op->spec[SPEC_SIZE_X] = s.x;
    op->spec[SPEC_SIZE_Y] = s.y;
    op->spec[SPEC_QUADS] = s.quads;
}

/* Groups in x for n_rows. A group that norms its input for itself should have much to do after. */
static uint32_t choose_groups(
    const struct op_list *list, const struct op *op, const struct call *c, uint32_t n_rows)
{
    uint32_t cols = op->spec[SPEC_COLS], quads = op->spec[SPEC_SIZE_Y];
    if (op->spec[SPEC_QUADS] > cols)
        quads *= op->spec[SPEC_QUADS] / cols;
    if (is_unit(c))
        quads = UNIT_QUADS;
    uint32_t groups = (n_rows + 4 * quads - 1) / (4 * quads), most = MAX_GROUPS;
    if (c->norm)
        most = list->caps->row_threads ? 16 : 1024;
    return groups < most ? groups : most;
}

static void append_shard(
    struct op_list *list, const struct call *c, const struct matrix_shard *shard)
{
    const struct matrix *w = c->w;
    struct op *op = op_append(list, choose_variant(list, (int)w->quant), (int)w->quant);
    struct gpu_view bias = c->bias;
    /* What is not written is not bound, as several of these may run side by side. Validation layers
     * take every binding for written: there they find another output of the op. */
    uint32_t k_first = c->shape.n_head * c->shape.head_dim, end = c->y_first + w->n_rows;
    uint32_t v_first = k_first + c->shape.n_head_kv * c->shape.head_dim;
    bool has_q = !c->kv || c->y_first < k_first;
    bool has_k = c->kv && c->y_first < v_first && end > k_first, has_v = c->kv && end > v_first;
    struct gpu_view written = has_q ? c->y : has_k ? c->kv->k : c->kv->v;
    choose_shape(list, op, c, shard->n_rows);
    op->groups[0] = choose_groups(list, op, c, shard->n_rows);
    op->groups[1] =
        ((c->n_cols ? c->n_cols : list->n_tokens) + op->spec[SPEC_COLS] - 1) / op->spec[SPEC_COLS];
    if (bias.buffer) {
        bias.offset += (uint64_t)shard->row_first * 4;
        bias.size = (uint64_t)shard->n_rows * 4;
    }
    op_bind(op, 0, shard->view, true, false);
    op_bind(op, 1, c->x, true, false);
    op_bind(op, 2, has_q ? c->y : written, c->flags & MATVEC_ADD, true);
    op_bind(op, 3, bias.buffer ? bias : list->step, true, false);
    op_bind(op, 4, list->step, true, false);
    op_bind(op, 5, c->norm ? c->norm->g : list->step, true, false);
    op_bind(op, 6, has_k ? c->kv->k : written, false, true);
    op_bind(op, 7, has_v ? c->kv->v : written, false, true);
    op_bind(op, 8, c->kv ? c->rope : list->step, true, false);
    op_set_args(op,
        &(struct matvec_args){
            .n_blocks = w->layout.n_blocks,
            .steps = w->layout.steps,
            .lanes = w->layout.lanes,
            .n_rows = shard->n_rows,
            .quad_u4 = w->layout.quad_u4,
            .x_stride = c->x_stride,
            .y_stride = c->y_stride,
            .y_first = c->y_first + shard->row_first,
            .n_cols = c->n_cols,
            .flags = c->flags,
            .inv_n = c->norm ? 1.0f / (float)c->norm->x.n : 0,
            .eps = c->norm ? c->norm->eps : 0,
            .n_head = c->shape.n_head,
            .n_head_kv = c->shape.n_head_kv,
            .head_dim = c->shape.head_dim,
            .n_rot = c->shape.n_rot,
            .n_ctx = c->kv ? c->kv->n_ctx : 0,
            .y_steps = c->y_blocks.steps,
            .y_lanes = c->y_blocks.lanes,
        },
        sizeof(struct matvec_args));
}

static void append_all(struct op_list *list, const struct call *c)
{
    for (uint32_t i = 0; i < c->w->n_shards; i++)
        append_shard(list, c, &c->w->shards[i]);
}

void op_matvec(struct op_list *list, struct rows y, uint32_t y_first, const struct matrix *w,
    const struct matvec_input *x, struct gpu_view bias, bool add, uint32_t n_cols)
{
    bool is_int = quant_types[w->quant].class == QUANT_CLASS_INT;
    if (!w->n_shards)
        return;
    assert(w->layout.n_blocks == (is_int ? x->q8.layout.n_blocks : (x->f32.n + 31) / 32));
    struct matmul_call many = {
        .w = w,
        .x = is_int ? x->q8.view : x->f32.view,
        .x_stride = is_int ? x->q8.stride_u4 : x->f32.stride / 4,
        .y = y,
        .y_first = y_first,
        .n_cols = n_cols,
        .flags = (bias.buffer ? MATVEC_BIAS : 0) | (add ? MATVEC_ADD : 0),
        .bias = bias,
    };
    if (matmul_wanted(list, n_cols ? n_cols : list->n_tokens)) {
        matmul_append(list, &many);
        return;
    }
    append_all(list, &(struct call){
                         .w = w,
                         .x = many.x,
                         .x_stride = many.x_stride,
                         .y = y.view,
                         .y_stride = y.stride,
                         .y_first = y_first,
                         .n_cols = n_cols,
                         .flags = many.flags,
                         .bias = bias,
                     });
}

bool op_can_norm(const struct op_list *list, const struct matrix *w)
{
    return list->n_tokens == 1 && w->n_shards && quant_types[w->quant].class == QUANT_CLASS_INT &&
           w->layout.n <= NORM_MAX && w->layout.n % 32 == 0 &&
           shared_bytes(w, true, &(struct shape){32, 1, 1}) <= list->caps->max_shared;
}

void op_norm_matvec(struct op_list *list, struct rows y, uint32_t y_first, const struct matrix *w,
    const struct norm_input *in)
{
    assert(op_can_norm(list, w) && in->x.n == w->layout.n);
    append_all(list, &(struct call){.w = w,
                         .x = in->x.view,
                         .x_stride = in->x.stride / 4,
                         .y = y.view,
                         .y_stride = y.stride,
                         .y_first = y_first,
                         .n_cols = 1,
                         .flags = w->bias.buffer ? MATVEC_BIAS : 0,
                         .bias = w->bias,
                         .norm = in});
}

bool op_can_qkv(const struct op_list *list, const struct matrix *w, const struct kv_cache *kv)
{
    (void)kv;
    return op_can_norm(list, w) && w->n_shards == 1;
}

void op_norm_qkv(struct op_list *list, struct rows q, const struct kv_cache *kv,
    const struct matrix *w, uint32_t first, const struct norm_input *in, struct gpu_view rope,
    struct head_shape shape)
{
    uint32_t end = (shape.n_head + 2 * shape.n_head_kv) * shape.head_dim;
    assert(op_can_qkv(list, w, kv) && in->x.n == w->layout.n);
    assert(first % shape.head_dim == 0 && first + w->n_rows <= end);
    (void)end;
    append_all(list, &(struct call){.w = w,
                         .x = in->x.view,
                         .x_stride = in->x.stride / 4,
                         .y = q.view,
                         .y_stride = q.stride,
                         .y_first = first,
                         .n_cols = 1,
                         .flags = w->bias.buffer ? MATVEC_BIAS : 0,
                         .bias = w->bias,
                         .norm = in,
                         .out = OUT_ROPE,
                         .kv = kv,
                         .rope = rope,
                         .shape = shape});
}

void op_norm_swiglu(
    struct op_list *list, struct rows_q8 y, const struct matrix *w, const struct norm_input *in)
{
    assert(op_can_norm(list, w) && in->x.n == w->layout.n);
    assert(w->n_rows == 64 * y.layout.n_blocks);
    append_all(list, &(struct call){.w = w,
                         .x = in->x.view,
                         .x_stride = in->x.stride / 4,
                         .y = y.view,
                         .n_cols = 1,
                         .flags = w->bias.buffer ? MATVEC_BIAS : 0,
                         .bias = w->bias,
                         .norm = in,
                         .out = OUT_SWIGLU,
                         .y_blocks = y.layout});
}
