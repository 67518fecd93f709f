/* Attention over a latent, in the form in which a head's matrix of K is part of its Q, and that of
 * V of what it gives: the cache then holds one head for all. */
#include "arch/internal.h"

static void check_latent(struct arch_reader *r, const struct model_params *p, uint32_t values)
{
    const struct model_latent *l = &p->latent;
    const struct head_shape *h = &p->head;
    if (r->status != HEKLA_OK)
        return;
    if (h->head_dim != l->rank + h->n_rot || values != l->rank)
        r->status = hekla_fail(r->err, HEKLA_FORMAT,
            "%s: keys of %u and values of %u elements, expected %u and %u from a rank of %u and %u "
            "rotated elements",
            r->file, h->head_dim, values, l->rank + h->n_rot, l->rank, l->rank, h->n_rot);
    else if (h->n_rot % 32 || l->rank % 32 || l->q_rank % 32 || l->head_dim % 32 ||
             l->value_dim % 32)
        r->status = hekla_fail(r->err, HEKLA_UNSUPPORTED,
            "%s: heads of %u plain, %u rotated and %u value elements over ranks of %u and %u are "
            "not supported, only multiples of 32",
            r->file, l->head_dim, h->n_rot, l->value_dim, l->rank, l->q_rank);
}

void arch_read_latent(struct arch_reader *r, struct model_params *p)
{
    struct model_latent *l = &p->latent;
    if (r->status == HEKLA_OK && gguf_find_tensor(r->g, "blk.0.attn_kv_b.weight"))
        r->status = hekla_fail(r->err, HEKLA_UNSUPPORTED,
            "%s: tensors attn_kv_b are not supported, only attn_k_b and attn_v_b, as files have "
            "them that were converted since April 2025",
            r->file);
    l->rank = arch_need_u32(r, "attention.kv_lora_rank", 1, MAX_HEAD_DIM);
    l->q_rank = arch_read_u32(r, "attention.q_lora_rank", 0, 0, 1u << 16);
    p->head.n_rot = arch_need_u32(r, "rope.dimension_count", 2, MAX_HEAD_DIM);
    p->head.head_dim = arch_need_u32(r, "attention.key_length", 4, MAX_HEAD_DIM);
    uint32_t values = arch_need_u32(r, "attention.value_length", 1, MAX_HEAD_DIM);
    l->head_dim =
        arch_need_u32(r, "attention.key_length_mla", p->head.n_rot + 1, 1u << 12) - p->head.n_rot;
    l->value_dim = arch_need_u32(r, "attention.value_length_mla", 1, 1u << 12);
    p->blocks |= l->q_rank ? BLOCK_LATENT_Q_A : BLOCK_LATENT_Q;
    check_latent(r, p, values);
}

/* Rows of heads as the matrices of heads want them. */
static struct matvec_input head_input(const struct build *b, struct rows x, struct rows_q8 q8,
    const struct matrix *w, uint32_t n_head)
{
    if (quant_types[w->quant].class == QUANT_CLASS_INT)
        op_quantize_rows(b->list, q8, x, n_head, 0);
    return (struct matvec_input){x, q8};
}

/* What Q is made of; in: the layer's. */
static struct matvec_input build_q_input(
    const struct build *b, const struct model_layer *l, struct matvec_input in)
{
    const struct arch_scratch *s = b->s;
    if (!l->q_a.n_shards)
        return in;
    op_matvec(b->list, s->q_a, 0, &l->q_a, &in, l->q_a.bias, false, 0);
    op_norm_rows(b->list, s->q_a, s->q_a,
        &(struct norm_rows){
            .g = l->q_a_norm, .n = b->p->latent.q_rank, .rows = 1, .eps = b->p->norm_eps});
    return arch_input_for(
        b, s->q_a, s->q_a_q8, (const struct matrix *[]){&l->q_plain, &l->q_rotated}, 2, 0);
}

/* s->x -> Q in s->qkv, each head [rotated | over the latent]; K in the cache. */
static void build_qk(const struct build *b, uint32_t layer, const struct kv_cache *kv)
{
    const struct model_layer *l = &b->m->weights.layers[layer];
    const struct arch_scratch *s = b->s;
    const struct head_shape *h = &b->p->head;
    uint32_t k_first = h->n_head * h->head_dim;
    const struct matrix *all[] = {
        &l->kv_a, &l->k_rotated, &l->kv_latent, &l->q_a, &l->q_plain, &l->q_rotated};
    struct rows x = arch_norm(b, l->attn_norm, l->attn_norm_bias, false);
    struct matvec_input in = arch_input_for(b, x, s->embd_q8, all, l->q_a.n_shards ? 4 : 6, 0),
                        q = build_q_input(b, l, in);
    op_matvec(b->list, s->q_plain, 0, &l->q_plain, &q, l->q_plain.bias, false, 0);
    op_matvec_each(b->list, s->qkv, 0, h->head_dim, &l->q_rotated, h->n_head, &q, false);
    q = head_input(b, s->q_plain, s->q_plain_q8, &l->k_b, h->n_head);
    op_matvec_each(b->list, s->qkv, h->n_rot, h->head_dim, &l->k_b, h->n_head, &q, true);
    for (int i = 0; i < 3; i++)
        op_matvec(b->list, s->qkv, k_first + (i == 2 ? h->n_rot : 0), all[i], &in, all[i]->bias,
            false, 0);
    op_norm_rows(b->list, s->qkv, s->qkv,
        &(struct norm_rows){.g = l->kv_a_norm,
            .n = b->p->latent.rank,
            .rows = 1,
            .first = k_first + h->n_rot,
            .eps = b->p->norm_eps});
    op_rope_kv(b->list, s->qkv, k_first, 0, kv, b->m->weights.rope, *h);
}

struct matvec_input arch_build_latent(const struct build *b, uint32_t layer)
{
    const struct model_layer *l = &b->m->weights.layers[layer];
    const struct arch_scratch *s = b->s;
    const struct kv_cache *kv = &s->kv[layer];
    struct matvec_input out = arch_attention_output(b, l);
    build_qk(b, layer, kv);
    op_attention_with(
        b->list, s->latent_out, s->qkv, kv, s->partials, b->p->head, &b->p->attention);
    struct matvec_input in =
        head_input(b, s->latent_out, s->latent_out_q8, &l->v_b, b->p->head.n_head);
    op_matvec_each(
        b->list, out.f32, 0, b->p->latent.value_dim, &l->v_b, b->p->head.n_head, &in, true);
    return arch_input_for(b, out.f32, out.q8, (const struct matrix *[]){&l->attn_out}, 1, 0);
}
