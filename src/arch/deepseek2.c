/* DeepSeek V2, V3 and R1, and models of their kind: attention over a latent, and experts behind a
 * few dense layers. https://arxiv.org/abs/2412.19437 */
#include "arch/arch.h"

#include <math.h>
#include <stdio.h>

/* YaRN stretches scores, not what is rotated. */
static void read_scale(struct arch_reader *r, struct model_params *p)
{
    struct model_rope *rope = &p->rope;
    double dim = p->latent.head_dim + p->head.n_rot, log_factor = log((double)rope->factor);
    double multiplier = (double)arch_read_f32(r, "rope.scaling.yarn_log_multiplier", 0);
    double stretch = (double)rope->attn_factor * (1 + multiplier * log_factor);
    if (r->status != HEKLA_OK)
        return;
    p->attention.scale = (float)(stretch * stretch / sqrt(dim));
    rope->log_multiplier = 1;
    if (!(p->attention.scale > 0 && p->attention.scale < 1e6f))
        r->status = hekla_fail(r->err, HEKLA_FORMAT,
            "%s: %s.rope.scaling.yarn_log_multiplier is %g, expected a number of about 0.1",
            r->file, r->arch, multiplier);
}

/* Where the file does not say how experts are rated, a bias of the choice tells. */
static bool is_choice_biased(const struct arch_reader *r, const struct model_params *p)
{
    char name[64];
    snprintf(name, sizeof(name), "blk.%u.exp_probs_b.bias", p->n_layer - 1);
    return gguf_find_tensor(r->g, name);
}

static void read(struct arch_reader *r, struct model_params *p)
{
    if (arch_read_f32(r, "attention.temperature_scale", 0) != 0 && r->status == HEKLA_OK)
        r->status = hekla_fail(r->err, HEKLA_UNSUPPORTED,
            "%s: scores that grow with the position (%s.attention.temperature_scale) are not "
            "supported",
            r->file, r->arch);
    if (r->status == HEKLA_OK && p->head.n_head_kv != 1)
        r->status =
            hekla_fail(r->err, HEKLA_FORMAT, "%s: %s.attention.head_count_kv is %u, expected 1",
                r->file, r->arch, p->head.n_head_kv);
    read_scale(r, p);
    arch_read_routed_experts(r, p, is_choice_biased(r, p));
}

const struct arch arch_deepseek2 = {
    .blocks = BLOCK_MODEL | BLOCK_ATTN_NORM | BLOCK_LATENT | BLOCK_FFN | BLOCK_FFN_NORM,
    .read = read};
