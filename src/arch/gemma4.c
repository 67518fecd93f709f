/* Gemma 4: layers that see a window have smaller heads than the others, V is normed, too, the last
 * layers see the keys and values of earlier ones, and each layer gets something of a token besides.
 * One has experts beside the dense feed-forward part, whose router has a norm of its own.
 * https://ai.google.dev/gemma/docs/core/model_card_4 */
#include "arch/arch.h"

#include <math.h>

/* The last layers have the K and V of the last one before them that sees as much. */
static void share_kv(struct arch_reader *r, struct model_params *p)
{
    uint32_t n = arch_read_u32(r, "attention.shared_kv_layers", 0, 0, p->n_layer - 1);
    uint32_t own = p->n_layer - n;
    for (uint32_t i = own; i < p->n_layer && r->status == HEKLA_OK; i++) {
        uint32_t from = own;
        while (from > 0 && p->layers[from - 1] != p->layers[i])
            from--;
        if (from == 0)
            r->status = hekla_fail(r->err, HEKLA_FORMAT,
                "%s: layer %u has no keys and values, and no layer before it that it could share",
                r->file, i);
        else
            p->shapes[i].kv_layer = from - 1;
        p->shapes[i].head = p->shapes[p->shapes[i].kv_layer].head;
    }
}

static void read_experts(struct arch_reader *r, struct model_params *p)
{
    arch_read_experts(r, p);
    if (!p->experts.n)
        return;
    p->experts.router_scale = 1 / sqrtf((float)p->n_embd);
    p->blocks |= BLOCK_FFN | BLOCK_EXPERTS_BESIDE;
    if (gguf_find_tensor(r->g, "blk.0.ffn_gate_up_exps.weight"))
        p->blocks = (p->blocks & ~BLOCK_EXPERTS) | BLOCK_EXPERTS_FUSED;
}

static void read(struct arch_reader *r, struct model_params *p)
{
    struct head_shape local = p->head;
    if (!gguf_find_tensor(r->g, "rope_freqs.weight")) {
        r->status =
            hekla_fail(r->err, HEKLA_FORMAT, "%s: tensor rope_freqs.weight is missing", r->file);
        return;
    }
    p->act = GLU_GELU;
    p->embed_scale = sqrtf((float)p->n_embd);
    p->attention.scale = 1;
    p->output_softcap = arch_read_f32(r, "final_logit_softcapping", 0);
    p->value_norm = true;
    arch_read_window(r, p, 6);
    arch_read_head(r, "_swa", &local);
    p->rope_local = (struct model_rope){
        .base = arch_read_positive(r, "rope.freq_base_swa", 10000, 1e12f),
        .n_rot = local.n_rot,
        .factor = 1,
        .original_ctx = p->rope.original_ctx,
        .attn_factor = 1,
    };
    for (uint32_t i = 0; i < p->n_layer; i++)
        if (p->layers[i] & LAYER_LOCAL) {
            p->shapes[i].head.head_dim = local.head_dim;
            p->shapes[i].head.n_rot = local.n_rot;
        }
    share_kv(r, p);
    read_experts(r, p);
    p->n_layer_input = arch_read_u32(r, "embedding_length_per_layer_input", 0, 0, 1u << 16);
    if (r->status == HEKLA_OK && p->n_layer_input % 32)
        r->status = hekla_fail(r->err, HEKLA_UNSUPPORTED,
            "%s: inputs of layers of %u elements are not supported, only of multiples of 32",
            r->file, p->n_layer_input);
    p->blocks |= p->n_layer_input ? BLOCK_LAYER_INPUT : 0;
}

const struct arch arch_gemma4 = {
    .blocks = BLOCK_MODEL | BLOCK_ATTN_NORM | BLOCK_ATTN_MAYBE_V | BLOCK_FFN | BLOCK_FFN_NORM |
              BLOCK_POST_NORM | BLOCK_HEAD_NORM | BLOCK_OUTPUT_SCALE,
    .neox = true,
    .read = read,
};
