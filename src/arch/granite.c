/* Granite 3: a llama with multipliers. That of the residuals is taken out of them: with x = r x',
 * x' += what a llama adds, norms do not see the difference but for their epsilon. */
#include "arch/internal.h"

void arch_read_granite(struct arch_reader *r, struct model_params *p)
{
    float residual = arch_read_positive(r, "residual_scale", 1, 1e3f);
    p->embed_scale = arch_read_positive(r, "embedding_scale", 1, 1e6f) / residual;
    p->norm_eps /= residual * residual;
    p->output_scale = 1 / arch_read_positive(r, "logit_scale", 1, 1e6f);
    p->attention.scale = arch_read_f32(r, "attention.scale", 0);
}

const struct arch arch_granite = {.blocks = BLOCKS_LLAMA, .read = arch_read_granite};
