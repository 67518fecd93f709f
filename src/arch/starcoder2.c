/* StarCoder 2: layer norms, biases, and a feed-forward part without a gate.
 * https://arxiv.org/abs/2402.19173 */
#include "arch/arch.h"

static void read(struct arch_reader *r, struct model_params *p)
{
    (void)r;
    p->act = GLU_GELU;
}

const struct arch arch_starcoder2 = {
    .blocks = BLOCK_MODEL | BLOCK_ATTN_NORM | BLOCK_ATTN | BLOCK_FFN_NORM | BLOCK_FFN_PLAIN |
              BLOCK_LAYER_NORM,
    .neox = true,
    .read = read,
};
