/* The feed-forward part of a layer: dense, of experts, or both. */
#include "arch/internal.h"

/* What is multiplied: the norm of s->x, or the attention's input, which is still there. */
static struct rows build_norm(const struct build *b, const struct model_layer *l)
{
    return b->p->parallel ? b->s->norm : arch_norm(b, l->ffn_norm, l->ffn_norm_bias, false);
}

static bool is_int(const struct matrix *w)
{
    return quant_types[w->quant].class == QUANT_CLASS_INT;
}

struct matvec_input arch_glu(const struct build *b, struct rows y, struct rows_q8 q8, struct rows x,
    const struct matrix *to, const struct glu *p)
{
    op_glu(b->list, y, is_int(to) ? &q8 : NULL, x, p);
    return (struct matvec_input){y, q8};
}

/* The gated unit of dense weights; normed: s->norm and its 8-bit form are there. */
static struct matvec_input build_gate_up(
    const struct build *b, const struct model_layer *l, bool normed)
{
    const struct model_params *p = b->p;
    const struct arch_scratch *s = b->s;
    const struct matrix *all[] = {&l->gate_up, &l->gate, &l->up};
    const uint32_t first[] = {0, 0, l->gate.n_shards ? s->up_first : 0};
    struct rows ff = s->ff;
    struct rows_q8 ff_q8 = s->ff_q8;
    arch_narrow(&ff, &ff_q8, l->down.layout.n);
    bool rms = l->ffn_norm.buffer && !p->layer_norm && !p->parallel && p->act == GLU_SILU;
    if (!normed && rms && op_can_norm(b->list, &l->gate_up) && is_int(&l->down)) {
        struct norm_input norm = {s->x, l->ffn_norm, p->norm_eps};
        op_norm_swiglu(b->list, ff_q8, &l->gate_up, &norm);
        return (struct matvec_input){ff, ff_q8};
    }
    struct matvec_input in = {s->norm, s->embd_q8};
    if (!normed)
        in = arch_input_for(b, build_norm(b, l), s->embd_q8, all, 3, 0);
    if (p->act == GLU_SILU && op_can_swiglu(b->list, &l->gate_up)) {
        op_swiglu(b->list, ff, &l->gate_up, &in);
        return arch_input_for(b, ff, ff_q8, (const struct matrix *[]){&l->down}, 1, 0);
    }
    for (int i = 0; i < 3; i++)
        op_matvec(b->list, s->gate_up, first[i], all[i], &in, all[i]->bias, false, 0);
    uint32_t up_first = l->gate_up.n_shards ? 0 : l->gate.n_shards ? s->up_first : GLU_NO_GATE;
    if (p->act != GLU_SILU || up_first == GLU_NO_GATE)
        return arch_glu(b, ff, ff_q8, s->gate_up, &l->down,
            &(struct glu){.n = ff.n, .rows = 1, .up_first = up_first, .act = p->act});
    op_silu_mul(b->list, ff, s->gate_up, up_first);
    return arch_input_for(b, ff, ff_q8, (const struct matrix *[]){&l->down}, 1, 0);
}

/* Each token's experts: chosen, multiplied, mixed into s->x, or into s->experts_sum where that is
 * normed. Leaves s->norm and its 8-bit form. */
static void build_experts(const struct build *b, const struct model_layer *l)
{
    const struct model_experts *x = &b->p->experts;
    const struct arch_scratch *s = b->s;
    const struct matrix *all[] = {&l->router, &l->experts_both, &l->experts_gate, &l->experts_up,
        &l->experts_fused, &l->gate_up, &l->gate};
    const uint32_t first[] = {0, 0, s->pair_up_first, 0};
    bool beside = l->router_norm.buffer;
    struct rows normed = s->norm;
    if (beside)
        arch_norm_to(b, normed, s->x, l->router_norm, false, 0);
    else
        normed = build_norm(b, l);
    struct matvec_input in = arch_input_for(b, normed, s->embd_q8, all, beside ? 1 : 7, 0);
    op_matvec(b->list, s->scores, 0, &l->router, &in, l->router.bias, false, 0);
    op_route(b->list, &s->pairs, s->scores, &x->routing, l->choice_bias, l->experts_scales);
    if (beside) {
        arch_norm_to(b, s->norm, s->x, l->experts_norm, false, 0);
        in = arch_input_for(b, s->norm, s->embd_q8, all + 1, 4, 0);
    }
    for (int i = 0; i < 4; i++) {
        struct rows y = s->pair_gate_up;
        y.view.offset += first[i] * UINT64_C(4);
        y.view.size -= first[i] * UINT64_C(4);
        op_matvec_id(b->list, y, all[i + 1], x->n, &in, false, &s->pairs);
    }
    uint32_t up_first = l->experts_both.n_shards    ? 0
                        : l->experts_fused.n_shards ? x->n_ff
                                                    : s->pair_up_first;
    in = arch_glu(b, s->pair_ff, s->pair_ff_q8, s->pair_gate_up, &l->experts_down,
        &(struct glu){.n = x->n_ff, .rows = x->n_used, .up_first = up_first, .act = b->p->act});
    op_matvec_id(b->list, s->pair_out, &l->experts_down, x->n, &in, true, &s->pairs);
    op_mix(b->list, beside ? s->experts_sum : s->x, s->pair_out, &s->pairs, !beside);
}

/* How much of the shared expert a token gets, as if there were one expert to choose from. */
static struct expert_pairs build_shared_gate(const struct build *b, const struct model_layer *l)
{
    const struct arch_scratch *s = b->s;
    struct rows score = s->scores;
    struct expert_pairs pairs = s->pairs;
    struct matvec_input in =
        arch_input_for(b, s->norm, s->embd_q8, (const struct matrix *[]){&l->shared_gate}, 1, 0);
    score.n = pairs.n_used = 1;
    op_matvec(b->list, score, 0, &l->shared_gate, &in, (struct gpu_view){0}, false, 0);
    op_route(b->list, &pairs, score, &(struct routing){.sigmoid = true, .scale = 1},
        (struct gpu_view){0}, (struct gpu_view){0});
    return pairs;
}

void arch_build_ffn(const struct build *b, const struct model_layer *l)
{
    const struct arch_scratch *s = b->s;
    bool experts = l->router.n_shards, beside = l->router_norm.buffer;
    float scale = b->p->n_layer_input ? 0 : l->output_scale;
    if (experts)
        build_experts(b, l);
    if (!l->down.n_shards)
        return;
    struct expert_pairs shared = {0};
    if (l->shared_gate.n_shards)
        shared = build_shared_gate(b, l);
    struct matvec_input in = build_gate_up(b, l, experts && !beside);
    if (!beside && !l->shared_gate.n_shards) {
        arch_add(b, &l->down, &in, l->ffn_post_norm, scale);
        return;
    }
    op_matvec(b->list, s->norm, 0, &l->down, &in, l->down.bias, false, 0);
    if (!beside) {
        op_mix(b->list, s->x, s->norm, &shared, true);
        return;
    }
    arch_norm_to(b, s->norm, s->norm, l->dense_post_norm, false, 0);
    arch_norm_to(b, s->norm, s->experts_sum, l->experts_post_norm, true, 0);
    arch_norm_to(b, s->x, s->norm, l->ffn_post_norm, true, scale);
}
