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
    return (struct op_traffic){n * a->quad_u4 * 4, n * a->n * 4, 0};
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
    return (struct op_traffic){cols * a->n_blocks * 128, cols * a->y_stride * 16, 0};
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
    uint64_t q = s.n * a->n_head * a->head_dim, kv = s.n * 2 * a->n_head_kv * a->head_dim;
    uint64_t rotations = s.n * 2 * a->n_rot / 2 * 8;
    return (struct op_traffic){(q + kv) * 4 + rotations, q * 4 + op_kv_bytes(op->spec[SPEC_KV], kv),
        s.n * (a->n_head + a->n_head_kv) * a->n_rot * 3};
}

static uint64_t min_u64(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* Positions [first, end) of keys that this dispatch looks at. */
static struct op_traffic traffic_attention(const struct op *op, struct step s)
{
    const struct attention_args *a = (const void *)op->args;
    bool split = op->spec[SPEC_SPLIT];
    uint64_t first = split ? 0 : (uint64_t)a->chunk_first * ATTN_CHUNK, all = s.pos + s.n;
    uint64_t end = split ? all : min_u64(all, first + (uint64_t)a->chunk_count * ATTN_CHUNK);
    uint64_t row = (uint64_t)a->n_head * a->head_dim, pairs = 0;
    uint64_t state = s.n * a->n_head * (2 + a->head_dim) * 4; /* between dispatches */
    if (first >= end)
        return (struct op_traffic){0};
    for (uint64_t t = 0; t < s.n; t++) {
        uint64_t seen = min_u64(end, s.pos + t + 1);
        pairs += seen > first ? seen - first : 0;
    }
    struct op_traffic t = {
        .read = s.n * row * 4 +
                op_kv_bytes(op->spec[SPEC_KV], (end - first) * 2 * a->n_head_kv * a->head_dim),
        .written = s.n * row * 4,
        .operations = pairs * row * 4,
    };
    if (op->spec[SPEC_OUT] == OUT_Q8)
        t.written = row / 32 * 40;
    if (split) { /* partial results: written, then read and joined */
        uint64_t chunks = (all + ATTN_CHUNK - 1) / ATTN_CHUNK;
        t.written += state * chunks;
        t.read += state * chunks;
        t.operations += chunks * row * 2;
    } else if (first > 0)
        t.read += state;
    if (!split && end < all)
        t.written = state;
    return t;
}

static struct op_traffic traffic_silu_mul(const struct op *op, struct step s)
{
    const struct silu_mul_args *a = (const void *)op->args;
    return (struct op_traffic){s.n * a->n * 8, s.n * a->n * 4, 0};
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
