/* What each kernel reads, writes and computes: the ideal that measured times are compared with. One
 * function per base kernel of kernels.def; a missing one does not link. */
#include "kernels/op.h"

struct step {
    uint64_t n, pos; /* tokens, and the position of the first */
};

typedef struct op_traffic (*traffic_fn)(const struct op *op, struct step s);

static struct op_traffic traffic_embed(const struct op *op, struct step s)
{
    const struct embed_args *a = (const void *)op->args;
    /* Each token is in one shard, whose table follows its rows; counted with the first. */
    uint64_t n = a->row_first == 0 ? s.n : 0;
    uint64_t y = n * a->n * 4;
    return (struct op_traffic){n * a->quad_u4 * 4 + (a->flags & EMBED_ADD ? y : 0), y, 0};
}

static struct op_traffic traffic_rmsnorm(const struct op *op, struct step s)
{
    const struct rmsnorm_args *a = (const void *)op->args;
    uint64_t rows = a->flags & RMSNORM_LAST ? 1 : s.n, row = a->n * 4ull;
    return (struct op_traffic){(rows + 1) * row, rows * row, rows * a->n * 4};
}

static struct op_traffic traffic_quantize(const struct op *op, struct step s)
{
    const struct quantize_args *a = (const void *)op->args;
    uint64_t cols = a->n_cols ? a->n_cols : s.n;
    return (struct op_traffic){
        cols * op->groups[2] * a->n_blocks * 128, cols * a->y_stride * 16, 0};
}

static struct op_traffic traffic_matvec(const struct op *op, struct step s)
{
    const struct matvec_args *a = (const void *)op->args;
    uint64_t cols = a->n_cols ? a->n_cols : s.n, y = cols * a->n_rows * 4;
    struct op_traffic t = {
        .read = op->views[0].size + cols * a->x_stride * 16,
        .written = y,
        .operations = 2 * cols * a->n_rows * a->n_blocks * 32,
    };
    t.read += a->flags & MATVEC_ADD ? y : 0;
    t.read += a->flags & MATVEC_BIAS ? a->n_rows * 4ull : 0;
    return t;
}

static struct op_traffic traffic_matmul(const struct op *op, struct step s)
{
    const struct matmul_args *a = (const void *)op->args;
    uint64_t cols = a->n_cols ? a->n_cols : s.n, y = cols * a->n_rows * 4;
    struct op_traffic t = {
        .read = op->views[0].size + cols * a->x_stride * 16,
        .written = op->spec[SPEC_OUT] == OUT_SWIGLU ? y / 2 : y,
        .operations = 2 * cols * a->n_rows * a->n_blocks * 32,
    };
    t.read += a->flags & MATVEC_ADD ? y : 0;
    t.read += a->flags & MATVEC_BIAS ? a->n_rows * 4ull : 0;
    return t;
}

static struct op_traffic traffic_rope_kv(const struct op *op, struct step s)
{
    const struct rope_kv_args *a = (const void *)op->args;
    uint64_t q = s.n * a->n_head * a->head_dim;
    uint64_t kv = s.n * (op->spec[SPEC_VALUE] ? 1 : 2) * a->n_head_kv * a->head_dim;
    uint64_t rotations = s.n * 2 * a->n_rot / 2 * 8;
    return (struct op_traffic){(q + kv) * 4 + rotations, q * 4 + op_kv_bytes(op->spec[SPEC_KV], kv),
        s.n * (a->n_head + a->n_head_kv) * a->n_rot * 3};
}

static uint64_t min_u64(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* Positions [first, end) of keys that this dispatch looks at for the step's token t. */
static void attention_range(
    const struct op *op, struct step s, uint64_t t, uint64_t *first, uint64_t *end)
{
    const struct attention_args *a = (const void *)op->args;
    bool window = a->options & ATTN_WINDOW;
    uint64_t n_pos = s.pos + (a->options & ATTN_WHOLE ? s.n : t + 1);
    uint64_t low = window && n_pos > a->window ? n_pos - a->window : 0;
    *first = low;
    *end = n_pos;
    if (op->spec[SPEC_SPLIT])
        return;
    uint64_t chunk = low / ATTN_CHUNK + a->chunk_first;
    *first = chunk * ATTN_CHUNK > low ? chunk * ATTN_CHUNK : low;
    *end = min_u64(*end, (chunk + a->chunk_count) * ATTN_CHUNK);
}

static struct op_traffic traffic_attention(const struct op *op, struct step s)
{
    const struct attention_args *a = (const void *)op->args;
    bool split = op->spec[SPEC_SPLIT];
    uint32_t value_first = op->spec[SPEC_VALUE], value_dim = a->head_dim - value_first;
    uint64_t row = (uint64_t)a->n_head * a->head_dim, pairs = 0, all = s.pos + s.n;
    uint64_t out = (uint64_t)a->n_head * value_dim;
    uint64_t position = (uint64_t)a->n_head_kv * a->head_dim * (value_first ? 1 : 2);
    uint64_t state = s.n * a->n_head * (2 + value_dim) * 4; /* between dispatches */
    uint64_t lowest = UINT64_MAX, highest = 0;
    for (uint64_t t = 0; t < s.n; t++) {
        uint64_t first, end;
        attention_range(op, s, t, &first, &end);
        if (first >= end)
            continue;
        pairs += end - first;
        lowest = min_u64(lowest, first);
        highest = end > highest ? end : highest;
    }
    if (!pairs)
        return (struct op_traffic){0};
    struct op_traffic t = {
        .read = s.n * row * 4 + op_kv_bytes(op->spec[SPEC_KV], (highest - lowest) * position),
        .written = s.n * out * 4,
        .operations = pairs * (row + out) * 2,
    };
    if (a->options & ATTN_BLOCKS)
        t.written = out / 32 * 40;
    if (split) { /* partial results: written, then read and joined */
        uint64_t chunks = (all + ATTN_CHUNK - 1) / ATTN_CHUNK - lowest / ATTN_CHUNK;
        t.written += state * chunks;
        t.read += state * chunks;
        t.operations += chunks * out * 2;
    } else if (a->chunk_first > 0)
        t.read += state;
    if (!split && highest < all)
        t.written = state;
    return t;
}

static struct op_traffic traffic_attn_tile(const struct op *op, struct step s)
{
    return traffic_attention(op, s);
}

static struct op_traffic traffic_silu_mul(const struct op *op, struct step s)
{
    const struct silu_mul_args *a = (const void *)op->args;
    return (struct op_traffic){s.n * a->n * 8, s.n * a->n * 4, 0};
}

static struct op_traffic traffic_norm_rows(const struct op *op, struct step s)
{
    const struct norm_rows_args *a = (const void *)op->args;
    uint64_t n = (uint64_t)a->n * a->rows * (a->flags & NORM_LAST ? 1 : s.n) * 4;
    uint64_t g = a->n * (a->g_step ? a->rows : 1ull) * (a->flags & NORM_BIAS ? 8 : 4);
    return (struct op_traffic){n + g + (a->flags & NORM_ADD ? n : 0), n, n};
}

static struct op_traffic traffic_glu(const struct op *op, struct step s)
{
    const struct glu_args *a = (const void *)op->args;
    uint64_t rows = s.n * a->rows, y = op->spec[SPEC_OUT] ? a->y_stride * 16ull : a->n * 4ull;
    return (struct op_traffic){rows * a->n * (a->up_first == GLU_NO_GATE ? 4 : 8), rows * y, 0};
}

static struct op_traffic traffic_softcap(const struct op *op, struct step s)
{
    const struct softcap_args *a = (const void *)op->args;
    uint64_t n = (a->n_cols ? a->n_cols : s.n) * a->n * 4;
    return (struct op_traffic){n, n, 0};
}

static struct op_traffic traffic_conv(const struct op *op, struct step s)
{
    const struct conv_args *a = (const void *)op->args;
    uint64_t x = a->n * (a->flags & CONV_GATED ? 12ull : 4ull), n = a->n * 4ull;
    uint64_t kept = a->flags & CONV_KEEP ? (a->taps - 1) * n : 0;
    if (!(a->flags & CONV_OUT))
        return (struct op_traffic){kept, kept, 0};
    return (struct op_traffic){s.n * x + n * a->taps, s.n * n + kept, s.n * a->n * a->taps * 2};
}

static struct op_traffic traffic_delta(const struct op *op, struct step s)
{
    const struct delta_args *a = (const void *)op->args;
    uint64_t left = s.n > a->first ? s.n - a->first : 0, n = min_u64(left, a->count);
    uint64_t inner = (uint64_t)a->n_head * a->dim, state = inner * a->dim;
    if (!n)
        return (struct op_traffic){0};
    return (struct op_traffic){state * 4 + n * (inner + 2ull * a->n_group * a->dim) * 4,
        state * 4 + n * inner * 4, n * state * 7};
}

static struct op_traffic traffic_route(const struct op *op, struct step s)
{
    const struct route_args *a = (const void *)op->args;
    return (struct op_traffic){s.n * a->n_expert * 4, s.n * a->n_used * 8, 0};
}

static struct op_traffic traffic_pairs(const struct op *op, struct step s)
{
    const struct pairs_args *a = (const void *)op->args;
    return (struct op_traffic){s.n * a->n_used * 4, s.n * a->n_used * 4 + a->n_expert * 4ull, 0};
}

/* As if the pairs were spread evenly over the experts, and over shards. */
static struct op_traffic traffic_matvec_id(const struct op *op, struct step s)
{
    const struct matvec_id_args *a = (const void *)op->args;
    uint64_t pairs = s.n * a->n_used, used = min_u64(pairs, a->expert_count);
    uint64_t x_rows = pairs;
    if (a->flags & EXPERT_EACH) {
        pairs = s.n * a->expert_count;
        x_rows = s.n;
    }
    struct op_traffic t = {
        .read = op->views[0].size / a->expert_count * used + x_rows * a->x_stride * 16,
        .written = pairs * a->rows * 4,
        .operations = 2 * pairs * a->rows * a->n_blocks * 32,
    };
    t.read += a->flags & EXPERT_BIAS ? used * a->rows * 4 : 0;
    return t;
}

static struct op_traffic traffic_mix(const struct op *op, struct step s)
{
    const struct mix_args *a = (const void *)op->args;
    uint64_t x = s.n * a->n * 4;
    uint64_t read = x * (a->n_used + (a->flags & MIX_ADD ? 1ull : 0ull));
    return (struct op_traffic){read, x, 2 * s.n * a->n * a->n_used};
}

static struct op_traffic traffic_penalize(const struct op *op, struct step s)
{
    const struct penalize_args *a = (const void *)op->args;
    (void)s;
    return (struct op_traffic){a->n_vocab * 4ull, a->n_vocab * 4ull, 0};
}

static struct op_traffic traffic_nll(const struct op *op, struct step s)
{
    const struct nll_args *a = (const void *)op->args;
    return (struct op_traffic){s.n * a->n_vocab * 4, s.n * 4, 0};
}

static struct op_traffic traffic_sample(const struct op *op, struct step s)
{
    const struct sample_args *a = (const void *)op->args;
    (void)s;
    return (struct op_traffic){a->n_vocab * 4ull, 8, 0};
}

static struct op_traffic traffic_stream(const struct op *op, struct step s)
{
    const struct stream_args *a = (const void *)op->args;
    (void)s;
    return (struct op_traffic){a->n_u4 * 16ull, a->n_threads * 4ull, 0};
}

/* Per step of a chain: a multiplication and an addition, or four products and additions. */
static struct op_traffic traffic_peak_f32(const struct op *op, struct step s)
{
    const struct peak_f32_args *a = (const void *)op->args;
    uint64_t n = (uint64_t)op->groups[0] * op->spec[SPEC_SIZE_X];
    (void)s;
    return (struct op_traffic){8, n * 4, n * a->n_rounds * PEAK_UNROLL * PEAK_CHAINS * 2};
}

static struct op_traffic traffic_peak_dot(const struct op *op, struct step s)
{
    struct op_traffic t = traffic_peak_f32(op, s);
    return (struct op_traffic){4, t.written, t.operations * 4};
}

struct op_traffic op_traffic(const struct op *op, uint32_t n_tokens, uint32_t pos)
{
    static const traffic_fn functions[K_COUNT] = {
#define KERNEL(name, axis, need, n, base) traffic_##base,
#include "kernels/kernels.def"
#undef KERNEL
    };
    if (op->kernel == K_copy)
        return (struct op_traffic){op->views[0].size, op->views[0].size, 0};
    return functions[op->kernel](op, (struct step){n_tokens, pos});
}
