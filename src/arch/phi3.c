/* Phi 3 and 4 (mini): fused tensors; factors of the rotations, others for long contexts.
 * https://arxiv.org/abs/2404.14219 */
#include "arch/arch.h"

static void read(struct arch_reader *r, struct model_params *p)
{
    p->long_rope = gguf_find_tensor(r->g, "rope_factors_long.weight") ||
                   gguf_find_tensor(r->g, "rope_factors_short.weight");
    p->blocks |= p->long_rope ? BLOCK_LONG_ROPE : 0;
}

const struct arch arch_phi3 = {
    .blocks = BLOCK_MODEL | BLOCK_ATTN_NORM | BLOCK_ATTN_FUSED | BLOCK_FFN_FUSED | BLOCK_FFN_NORM,
    .neox = true,
    .read = read,
};
