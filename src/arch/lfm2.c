/* LFM 2: gated short convolutions, and attention in the layers that have heads of keys; Q and K are
 * normed by heads. https://arxiv.org/abs/2511.23404 */
#include "arch/arch.h"

static void read(struct arch_reader *r, struct model_params *p)
{
    p->state.taps = arch_need_u32(r, "shortconv.l_cache", 2, MAX_TAPS);
    p->state.channels = p->n_embd;
}

const struct arch arch_lfm2 = {.blocks = BLOCK_BODY | BLOCK_EMBD_NORM | BLOCK_ATTN_NORM |
                                         BLOCK_ATTN | BLOCK_HEAD_NORM | BLOCK_FFN | BLOCK_FFN_NORM,
    .state_blocks = BLOCK_BODY | BLOCK_ATTN_NORM | BLOCK_SHORT_CONV | BLOCK_FFN | BLOCK_FFN_NORM,
    .neox = true,
    .read = read};
