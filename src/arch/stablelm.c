/* StableLM: layer norms, heads that are rotated in part, and where there is no second norm,
 * attention and feed-forward part side by side. https://arxiv.org/abs/2402.17834 */
#include "arch/arch.h"

static void read(struct arch_reader *r, struct model_params *p)
{
    p->parallel = !gguf_find_tensor(r->g, "blk.0.ffn_norm.weight");
}

const struct arch arch_stablelm = {
    .blocks = BLOCK_MODEL | BLOCK_ATTN_NORM | BLOCK_ATTN | BLOCK_FFN | BLOCK_LAYER_NORM |
              BLOCK_MAYBE_FFN_NORM | BLOCK_MAYBE_HEAD_NORM,
    .neox = true,
    .read = read,
};
