/* Layers with a recurrent state in place of attention. */
#include "arch/internal.h"

/* s->x, normed, times w: of several matrices of a layer. */
struct projection {
    const struct matrix *w;
    struct rows y;
    uint32_t first;
};

static void project(
    const struct build *b, const struct model_layer *l, const struct projection *all, uint32_t n)
{
    const struct arch_scratch *s = b->s;
    const struct norm_input norm = {s->x, l->attn_norm, b->p->norm_eps};
    const struct matrix *matrices[4];
    bool fused = true;
    for (uint32_t i = 0; i < n; i++) {
        matrices[i] = all[i].w;
        fused &= op_can_norm(b->list, all[i].w);
    }
    struct matvec_input in = {0};
    if (!fused) {
        struct rows x = arch_norm(b, l->attn_norm, l->attn_norm_bias, false);
        in = arch_input_for(b, x, s->embd_q8, matrices, n, 0);
    }
    for (uint32_t i = 0; i < n; i++)
        if (fused)
            op_norm_matvec(b->list, all[i].y, all[i].first, all[i].w, &norm);
        else
            op_matvec(
                b->list, all[i].y, all[i].first, all[i].w, &in, (struct gpu_view){0}, false, 0);
}

/* A gated convolution: b, c and v of each channel, b * v convolved, times c. */
static struct matvec_input build_short_conv(const struct build *b, uint32_t layer)
{
    const struct model_layer *l = &b->m->weights.layers[layer];
    const struct arch_scratch *s = b->s;
    struct matvec_input out = arch_attention_output(b, l);
    project(b, l, &(struct projection){&l->state_in, s->state_in, 0}, 1);
    op_conv(b->list, out.f32, s->state_in, l->conv, b->p->state.taps, &s->state[layer], CONV_GATED);
    return arch_input_for(b, out.f32, out.q8, (const struct matrix *[]){&l->attn_out}, 1, 0);
}

/* Queries, keys and values are convolved, queries and keys made unit vectors; what the state then
 * gives is normed by heads, and gated. */
static struct matvec_input build_delta_net(const struct build *b, uint32_t layer)
{
    const struct model_layer *l = &b->m->weights.layers[layer];
    const struct model_state *p = &b->p->state;
    const struct arch_scratch *s = b->s;
    const struct projection all[] = {{&l->state_in, s->state_in, 0}, {&l->mix_gate, s->mixed, 0},
        {&l->alpha, s->gates, 0}, {&l->beta, s->gates, s->beta_first}};
    struct rows qkv = s->qkv, y = arch_mixed(b, p->n_head * p->dim);
    qkv.n = p->channels;
    project(b, l, all, 4);
    op_conv(b->list, qkv, s->state_in, l->conv, p->taps, &s->state[layer], CONV_SILU);
    op_norm_rows(b->list, qkv, qkv,
        &(struct norm_rows){
            .n = p->dim, .rows = 2 * p->n_group, .eps = b->p->norm_eps, .length = true});
    op_delta(b->list, y, qkv, s->gates, &s->state[layer],
        &(struct delta){.n_head = p->n_head,
            .n_group = p->n_group,
            .dim = p->dim,
            .beta_first = s->beta_first,
            .state_first = model_conv_floats(b->p),
            .dt = l->state_dt,
            .a = l->state_a});
    op_norm_rows(b->list, y, y,
        &(struct norm_rows){.g = l->state_norm,
            .n = p->dim,
            .rows = p->n_head,
            .eps = b->p->norm_eps,
            .shared = true});
    return arch_gate_mixed(b, l, GLU_SILU);
}

struct matvec_input arch_build_state(const struct build *b, uint32_t layer)
{
    return b->p->state.n_head ? build_delta_net(b, layer) : build_short_conv(b, layer);
}
