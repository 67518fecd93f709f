/* OLMoE: experts whose weights are not made to add up to 1, and norms of Q and K whole.
 * https://arxiv.org/abs/2409.02060 */
#include "arch/arch.h"

static void read(struct arch_reader *r, struct model_params *p)
{
    arch_need_u32(r, "expert_count", 1, MAX_EXPERTS);
    arch_read_experts(r, p);
    p->experts.routing.renormed = false;
}

const struct arch arch_olmoe = {
    .blocks = BLOCKS_LLAMA | BLOCK_WIDE_NORM, .neox = true, .read = read};
