/* OLMo 2 and 3: norms of what attention and feed-forward part add instead of what they get, and of
 * Q and K whole. OLMo 3 has windows in three layers of four, where positions are not stretched.
 * https://arxiv.org/abs/2501.00656 */
#include "arch/arch.h"

static void read(struct arch_reader *r, struct model_params *p)
{
    arch_read_window(r, p, 4);
    if (p->attention.window)
        p->rope_local = (struct model_rope){
            .base = arch_read_positive(r, "rope.freq_base_swa", p->rope.base, 1e12f),
            .n_rot = p->head.n_rot,
            .factor = 1,
            .original_ctx = p->rope.original_ctx,
            .attn_factor = 1,
        };
}

const struct arch arch_olmo2 = {
    .blocks = BLOCK_MODEL | BLOCK_ATTN | BLOCK_FFN | BLOCK_POST_NORM | BLOCK_WIDE_NORM,
    .neox = true,
    .read = read,
};
