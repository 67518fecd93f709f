/* Falcon 7B and 2: layer norms, one of them for attention and feed-forward part side by side, which
 * has no gate. https://arxiv.org/abs/2311.16867 */
#include "arch/arch.h"

static void read(struct arch_reader *r, struct model_params *p)
{
    (void)r;
    p->parallel = true;
    p->act = GLU_GELU;
}

const struct arch arch_falcon = {
    .blocks = BLOCK_MODEL | BLOCK_ATTN_NORM | BLOCK_ATTN_FUSED | BLOCK_FFN_PLAIN | BLOCK_LAYER_NORM,
    .neox = true,
    .read = read,
};
