/* GLM 4.5 and later: heads rotated in part, and experts behind dense layers. The larger ones norm Q
 * and K by heads. https://arxiv.org/abs/2508.06471 */
#include "arch/arch.h"

static void read(struct arch_reader *r, struct model_params *p)
{
    arch_need_u32(r, "expert_count", 1, MAX_EXPERTS);
    arch_read_routed_experts(r, p, true);
}

const struct arch arch_glm4moe = {.blocks = BLOCK_MODEL | BLOCK_ATTN_NORM | BLOCK_ATTN | BLOCK_FFN |
                                            BLOCK_ATTN_NORM_IS_FFN | BLOCK_MAYBE_HEAD_NORM,
    .neox = true,
    .read = read};
