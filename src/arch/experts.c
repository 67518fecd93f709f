/* How experts are read. */
#include "arch/arch.h"

void arch_read_experts(struct arch_reader *r, struct model_params *p)
{
    struct model_experts *x = &p->experts;
    x->n = arch_read_u32(r, "expert_count", 0, 0, MAX_EXPERTS);
    if (!x->n)
        return;
    uint32_t most = x->n < MAX_EXPERTS_USED ? x->n : MAX_EXPERTS_USED;
    x->n_used = arch_need_u32(r, "expert_used_count", 1, most);
    x->n_ff = arch_read_u32(r, "expert_feed_forward_length", p->n_ff, 1, 1u << 20);
    x->routing = (struct routing){.renormed = true, .scale = 1};
    if (r->status == HEKLA_OK && (x->n_ff % 4 || p->n_embd % 4))
        r->status = hekla_fail(r->err, HEKLA_UNSUPPORTED,
            "%s: experts of %u x %u are not supported, only multiples of 4", r->file, x->n_ff,
            p->n_embd);
    p->blocks = (p->blocks & ~(BLOCK_FFN | BLOCK_FFN_FUSED)) | BLOCK_EXPERTS;
    p->state.blocks |= p->state.blocks ? BLOCK_EXPERTS : 0;
}

/* Those whose number is the file's: 1 is softmax, 2 sigmoid. */
static void read_routing(struct arch_reader *r, struct routing *p, bool sigmoid)
{
    enum { SOFTMAX = 1, SIGMOID };
    uint32_t rating = arch_read_u32(r, "expert_gating_func", 0, 0, UINT32_MAX);
    if (r->status == HEKLA_OK && rating > SIGMOID)
        r->status = hekla_fail(r->err, HEKLA_UNSUPPORTED,
            "%s: %s.expert_gating_func is %u, and only 1 (softmax) and 2 (sigmoid) are supported",
            r->file, r->arch, rating);
    p->sigmoid = rating ? rating == SIGMOID : sigmoid;
    p->renormed = arch_read_bool(r, "expert_weights_norm", false);
    p->scale = arch_read_f32(r, "expert_weights_scale", 0);
    if (r->status == HEKLA_OK && !(p->scale >= 0 && p->scale < 1e6f))
        r->status = hekla_fail(r->err, HEKLA_FORMAT,
            "%s: %s.expert_weights_scale is %g, expected a number of about 1", r->file, r->arch,
            (double)p->scale);
    p->scale = p->scale != 0 ? p->scale : 1; /* 0: none */
}

/* Only experts of the best groups are chosen from. */
static void read_groups(struct arch_reader *r, struct model_experts *x)
{
    uint32_t n = arch_read_u32(r, "expert_group_count", 1, 0, MAX_EXPERT_GROUPS);
    if (n <= 1)
        return;
    uint32_t used = arch_need_u32(r, "expert_group_used_count", 1, n);
    if (r->status == HEKLA_OK && (x->n % n || x->n / n < 2 || x->n / n * used < x->n_used))
        r->status = hekla_fail(r->err, HEKLA_UNSUPPORTED,
            "%s: %u experts in %u groups, of which %u are chosen and %u groups, are not supported, "
            "only equal groups of two or more that have as many as are chosen",
            r->file, x->n, n, x->n_used, used);
    x->routing.n_group = n;
    x->routing.n_group_used = used;
}

/* Rows of the widest feed-forward part hold the others', too. */
static void read_dense_layers(struct arch_reader *r, struct model_params *p, uint64_t blocks)
{
    uint32_t n = arch_read_u32(r, "leading_dense_block_count", 0, 0, p->n_layer - 1);
    if (r->status == HEKLA_OK && n && (p->n_ff % 32 || p->experts.n_ff_shared % 32))
        r->status = hekla_fail(r->err, HEKLA_UNSUPPORTED,
            "%s: a feed-forward part of %u and an expert of %u that all tokens use are supported "
            "in one model only for multiples of 32",
            r->file, p->n_ff, p->experts.n_ff_shared);
    p->experts.dense_blocks = blocks;
    for (uint32_t i = 0; i < n; i++)
        p->layers[i] |= LAYER_DENSE;
}

void arch_read_routed_experts(struct arch_reader *r, struct model_params *p, bool sigmoid)
{
    struct model_experts *x = &p->experts;
    uint64_t blocks = p->blocks;
    arch_read_experts(r, p);
    if (!x->n)
        return;
    uint32_t shared = arch_read_u32(r, "expert_shared_count", 0, 0, MAX_EXPERTS);
    read_routing(r, &x->routing, sigmoid);
    read_groups(r, x);
    x->n_ff_shared =
        arch_read_u32(r, "expert_shared_feed_forward_length", shared * x->n_ff, 0, 1u << 22);
    p->blocks |= BLOCK_CHOICE_BIAS | (x->n_ff_shared ? BLOCK_SHARED : 0);
    read_dense_layers(r, p, blocks);
}
