/* Command R: layer norms without biases, one of them for attention and feed-forward part side by
 * side, and scaled logits. Command R+ has norms of Q and K, too.
 * https://docs.cohere.com/docs/command-r */
#include "arch/internal.h"

void arch_read_command_r(struct arch_reader *r, struct model_params *p)
{
    p->layer_norm = true;
    p->norm_eps = arch_read_positive(r, "attention.layer_norm_epsilon", 1e-5f, 1.0f);
    p->parallel = true;
    p->output_scale = arch_read_positive(r, "logit_scale", 1, 1e6f);
}

const struct arch arch_command_r = {
    .blocks = BLOCK_MODEL | BLOCK_ATTN_NORM | BLOCK_ATTN | BLOCK_FFN | BLOCK_MAYBE_HEAD_NORM,
    .read = arch_read_command_r,
};
