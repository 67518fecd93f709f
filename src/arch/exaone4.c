/* EXAONE 4: norms of what attention and feed-forward part add instead of what they get. The one of
 * 64 layers has windows in three of four, and the others do not mark positions.
 * https://arxiv.org/abs/2507.11407 */
#include "arch/arch.h"

static void read(struct arch_reader *r, struct model_params *p)
{
    if (p->n_layer != 64)
        return;
    arch_read_window(r, p, 4);
    arch_global_unmarked(p);
}

const struct arch arch_exaone4 = {
    .blocks = BLOCK_MODEL | BLOCK_ATTN | BLOCK_FFN | BLOCK_POST_NORM | BLOCK_HEAD_NORM,
    .neox = true,
    .read = read,
};
