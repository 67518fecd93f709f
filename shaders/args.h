/*
 * What C and GLSL both need to know: the arguments of each kernel (push constants), the step
 * buffer, and fixed numbers. Only 4-byte scalars, so both compilers lay them out alike.
 *
 * Vectors that a matrix multiplies are cut into blocks of 32 elements; the blocks are spread over
 * up to 32 virtual lanes, each with `steps` consecutive blocks: block b = lane * steps + step.
 * Stored in slot order, slot = step * lanes + lane. See src/ref/ref.h for the order of additions.
 */
#ifndef ARGS_H
#define ARGS_H

#ifdef VULKAN
#define STRUCT(name) struct name
#define U32 uint
#define F32 float
#else
#include <stdint.h>
#define STRUCT(name) struct name
#define U32 uint32_t
#define F32 float
#endif

#define MAX_LANES 32u
#define ATTN_CHUNK 128u /* positions whose scores share one maximum */
#define MAX_HEAD_DIM 576u
#define K_TILE 32u       /* positions interleaved in the K cache */
#define RING_SIZE 256u   /* sampled tokens kept for the host */
#define ROPE_LOW 256u    /* positions covered by the low rotation table */
#define SAMPLE_SIZE 128u /* invocations of the sampler's one workgroup */

/* Specialization constants, the same ids in every kernel. */
#define SPEC_SIZE_X 0 /* invocations that share a row */
#define SPEC_SIZE_Y 1 /* groups of rows per workgroup */
#define SPEC_COLS                                                                                  \
    2             /* tokens per workgroup; attention: 256 elements of a head each; delta: columns */
#define SPEC_KV 3 /* what the KV cache holds, KV_TYPE_... */
#define SPEC_SPLIT 4 /* 1: one workgroup per chunk, partial results */
#define SPEC_QUADS 4 /* matvec: quads of rows an invocation has at once; one at least */
#define SPEC_NORM 5  /* matvec: 0, or slots of an input that it norms and quantises itself */
#define SPEC_VALUE 5 /* attention, rope_kv: where V begins in K; 0: V is its own */
#define SPEC_ROWS 5  /* delta: rows of a matrix that an invocation has of a column */
#define SPEC_SHAPE 5 /* matmul_cm, matmul_half: m + 256 n + 65536 k of its matrices */
#define SPEC_OUT 6   /* matvec: what becomes of the results, OUT_... */
#define SPEC_COUNT 7

#define KV_TYPE_F32 0u
#define KV_TYPE_F16 1u  /* packed halves */
#define KV_TYPE_Q8_0 2u /* signed bytes, and an f32 scale for each 32 elements of a head */
#define KV_TYPE_Q4_0 3u /* the same with signed nibbles */
#define KV_TYPE_COUNT 4u

/* Per-token values, on the device, so that recorded commands can be replayed. The sampler advances
 * it: the device can run several tokens ahead of the host. */
STRUCT(step_args)
{
    U32 n_tokens;                     /* evaluated now: history[pos .. pos + n_tokens) */
    U32 pos;                          /* position of the first of them */
    U32 chunks_x, chunks_y, chunks_z; /* workgroups of split attention (indirect dispatch) */
    U32 count;                        /* tokens sampled so far: index into the ring */
    U32 seed_lo, seed_hi;
    F32 inv_temp; /* 0: greedy */
    U32 top_k;    /* 0: off */
    F32 top_p;    /* 1: off */
    F32 min_p;    /* 0: off */
    F32 repeat, repeat_inv, presence, frequency;
    U32 last_n; /* 0: no penalties */
};

/* How a vector of n_blocks blocks is spread over the virtual lanes. */
#define ROW_ARGS U32 n_blocks, steps, lanes;

#define OUT_ROWS 0u    /* f32 rows */
#define OUT_ROPE 1u    /* rows are Q, K and V: rotated; Q stored as f32, K and V in the cache */
#define OUT_SWIGLU 2u  /* quads of gate and up rows take turns: silu(gate) * up as 8-bit blocks */
#define NORM_MAX 8192u /* longest input that matvec norms itself */
#define MATVEC_BIAS 1u /* add bias[row] */
#define MATVEC_ADD 2u  /* add to what y holds */
STRUCT(matvec_args)
{
    ROW_ARGS
    U32 n_rows, quad_u4;   /* rows of this shard; 16-byte units of four rows */
    U32 x_stride;          /* from token to token: 16-byte units (8-bit x) or floats (f32 x) */
    U32 y_stride, y_first; /* floats; element of row 0 */
    U32 n_cols;            /* tokens, or 0: as many as the step has */
    U32 flags;
    F32 inv_n, eps;                                /* with SPEC_NORM; x is then f32 */
    U32 n_head, n_head_kv, head_dim, n_rot, n_ctx; /* OUT_ROPE; y_first is the first row */
    U32 y_steps, y_lanes;                          /* OUT_SWIGLU: the blocks of y */
};

/* As in matvec. With OUT_SWIGLU, quads of gate and up rows take turns, and y has half as many. */
STRUCT(matmul_args)
{
    ROW_ARGS
    U32 n_rows, quad_u4;
    U32 x_stride;
    U32 y_stride, y_first;
    U32 n_cols;
    U32 flags;
};

#define EMBED_ADD 1u      /* to what y holds */
#define EMBED_POSITION 2u /* rows are of positions, not of tokens */
#define EMBED_FIRST 4u    /* row 0 for all tokens */
STRUCT(embed_args)
{
    ROW_ARGS
    U32 n, quad_u4;
    U32 row_first, n_rows; /* ids of this shard */
    U32 y_stride;
    F32 scale; /* of the embeddings */
    U32 flags;
};

#define RMSNORM_LAST 1u /* only the newest token's row, written to row 0 */
STRUCT(rmsnorm_args)
{
    ROW_ARGS
    U32 n, x_stride, y_stride, flags;
    F32 inv_n, eps;
};

STRUCT(quantize_args)
{
    ROW_ARGS
    U32 x_stride, y_stride; /* from token to token: floats; 16-byte units */
    U32 n_cols;             /* as in matvec */
    U32 x_step, y_step;     /* from one of a token's rows to the next, in the same units */
};

STRUCT(rope_kv_args)
{
    U32 n_head, n_head_kv, head_dim, n_rot;
    U32 stride;           /* floats from token to token */
    U32 k_first, v_first; /* elements of the first K and V value; Q begins at 0 */
    U32 n_ctx;            /* positions in the cache, a multiple of K_TILE */
};

/* Options of attention, told at run time: a pipeline each would cost first starts more than a
 * uniform branch costs a dispatch. */
#define ATTN_SOFTCAP 1u     /* scores become cap * tanh(score / cap) */
#define ATTN_WINDOW 2u      /* a token sees `window` positions, its own included, of a ring */
#define ATTN_SINKS 4u       /* a further score of each head, without a value */
#define ATTN_TEMPERATURE 8u /* scores times 1 + temperature * ln(1 + pos / temperature_span) */
#define ATTN_BLOCKS 16u     /* y is written as 8-bit blocks */
#define ATTN_WHOLE 32u      /* a token sees all tokens of the step; without a window */
STRUCT(attention_args)
{
    U32 n_head, n_head_kv, head_dim;
    U32 q_stride, y_stride, n_ctx;
    U32 chunk_first,
        chunk_count; /* what this dispatch does, from the first chunk seen; not SPLIT */
    F32 scale;
    F32 softcap, softcap_inv;
    U32 window;
    F32 temperature;
    U32 temperature_span;
    U32 y_steps, y_lanes; /* ATTN_BLOCKS */
    U32 options;          /* ATTN_... */
};

#ifndef VULKAN
struct attn_tile_args {
    struct attention_args a;
};
#endif

/* norm_rows: each of `rows` rows of a token, n elements each. */
#define NORM_CENTRED 1u /* the mean is subtracted first: a layer norm */
#define NORM_BIAS 2u
#define NORM_ADD 4u     /* add to what y holds, and multiply the sum by `scale` */
#define NORM_LAST 8u    /* only the newest token, to the first token's place */
#define NORM_PLAIN 16u  /* without g */
#define NORM_LENGTH 32u /* x / max(length, sqrt(eps)); inv_n is 1 */
STRUCT(norm_rows_args)
{
    ROW_ARGS
    U32 n, rows;
    U32 x_stride, y_stride; /* floats from token to token */
    U32 first;              /* of a token, in x and in y */
    U32 g_step;             /* floats from row to row of g; 0: they share it */
    U32 flags;
    F32 inv_n, eps, scale;
};

#define GLU_SILU 0u
#define GLU_GELU 1u    /* by tanh */
#define GLU_OAI 2u     /* gpt-oss: both clamped, up + 1, sigmoid(1.702 gate) */
#define GLU_SIGMOID 3u /* of the gate, without the gate as a factor */
#define GLU_NO_GATE 0xffffffffu
/* y = act(gate) * up in `rows` rows a token; f32 (OUT_ROWS), or 8-bit blocks (OUT_SWIGLU). */
STRUCT(glu_args)
{
    ROW_ARGS /* of y as 8-bit blocks */
        U32 n,
        rows, x_stride, y_stride; /* floats, of y as 8-bit blocks 16-byte units */
    U32 up_first;                 /* 0: quads by turns; GLU_NO_GATE: y = act(x) */
    U32 act;
};

/* ---- recurrent state of a layer: [slots + ..][slot_size] floats. The state before position p is
 * in slot p % slots: the inputs of a convolution at the taps - 1 positions before p, [taps - 1][n],
 * and matrices, column by column. Before position 0 all of it is 0, whatever the slot holds. ----
 */
#define STATE_SLOTS 16u /* most of them */
#define MAX_TAPS 8u
#define CONV_OUT 1u   /* computes y */
#define CONV_KEEP 2u  /* stores the state after the step */
#define CONV_GATED 4u /* x is b, c and v, n each: b * v is convolved, the result times c */
#define CONV_SILU 8u
/* y = the sum over taps of w[channel][tap] * x[position - (taps - 1) + tap] */
STRUCT(conv_args)
{
    U32 n, taps;            /* channels */
    U32 x_stride, y_stride; /* floats from token to token */
    U32 slots, slot_size;
    U32 flags;
};

/* The gated delta rule, for each of n_head matrices S [dim][dim] one token after the other:
 *   S *= exp(a * softplus(alpha + dt));  S += k (sigmoid(beta) (v - S^T k))^T;  y = scale * S^T q
 * x: q and k of n_group heads each, v of n_head; head h has q and k of h % n_group. */
/* Sums over rows: lanes of dim / 8 consecutive rows, each of four interleaved sums, added as a
 * tree. */
#define DELTA_LANES 8u
STRUCT(delta_args)
{
    U32 n_head, n_group, dim;
    U32 x_stride, y_stride;
    U32 gate_stride, beta_first; /* alpha at 0 */
    U32 slots, slot_size;
    U32 state_first;  /* of the matrices in a slot */
    U32 first, count; /* tokens of the step that this dispatch does */
    F32 scale;
};

STRUCT(softcap_args)
{
    U32 n, stride;
    U32 n_cols; /* as in matvec */
    F32 cap, cap_inv;
};

/* ---- experts. A pair is a token and one of its n_used experts: number token * n_used + k. ---- */
#define MAX_EXPERTS 512u
#define MAX_EXPERTS_USED 32u
#define MAX_EXPERT_GROUPS 64u
#define ROUTE_SIGMOID 1u  /* else softmax over all */
#define ROUTE_RENORMED 2u /* weights are divided by their sum */
#define ROUTE_BIAS 4u     /* is added to probabilities for the choice, not in weights */
#define ROUTE_SCALES 8u   /* each expert has one, of its weight */
STRUCT(route_args)
{
    U32 n_expert, n_used, x_stride, flags;
    U32 n_group, n_group_used; /* 0: no groups; else the best by the sum of their best two */
    F32 scale;
};

/* list[expert][capacity]: the pairs of an expert in order; count[expert] of them. */
STRUCT(pairs_args)
{
    U32 n_expert, n_used, capacity;
};

#define EXPERT_LISTS 1u  /* from `pairs`; else one token, and grid z is its k */
#define EXPERT_X_PAIR 2u /* x has a row for each pair, else for each token */
#define EXPERT_BIAS 4u
#define EXPERT_EACH 8u /* every token has all of them: x and y are by token and expert */
STRUCT(matvec_id_args)
{
    ROW_ARGS
    U32 n_rows, quad_u4;            /* of this shard */
    U32 rows;                       /* of an expert, a multiple of 4 */
    U32 expert_first, expert_count; /* of this shard */
    U32 x_stride, y_stride;         /* as in matvec */
    U32 n_used, capacity, flags;
    U32 x_step, y_step,
        y_first; /* EXPERT_EACH: from expert to expert; element of row 0 of the first */
};

#define MIX_ADD 1u /* to what x holds */
STRUCT(mix_args)
{
    U32 n, n_used, x_stride, y_stride;
    U32 flags;
};

STRUCT(silu_mul_args)
{
    U32 n, x_stride, y_stride;
    U32 up_first; /* elements; 0: quads of gate and up take turns */
};

STRUCT(penalize_args)
{
    U32 n_vocab;
};

STRUCT(nll_args)
{
    U32 n_vocab, stride;
};

STRUCT(sample_args)
{
    U32 n_vocab;
};

STRUCT(stream_args)
{
    U32 n_u4, n_threads;
};

/* What a device computes at best: each invocation follows PEAK_CHAINS chains of operations, each
 * step of which needs the one before. */
#define PEAK_CHAINS 12u
#define PEAK_UNROLL 8u
STRUCT(peak_f32_args)
{
    U32 n_rounds; /* of PEAK_UNROLL steps */
};

STRUCT(peak_dot_args)
{
    U32 n_rounds;
};

#endif
